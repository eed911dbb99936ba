/* SPDX-License-Identifier: Apache-2.0 */
/* A timing depends on the function and on where the mesh lies, so nodes that share both share one
 * plan: a chain of a thousand equal nodes is priced once. */
#include "world/executables.h"

#include "base/check.h"
#include "world/traffic.h"

#define INSTANCES_MAX (UINT32_C(1) << 24)

/* Where somebody may still come, all collectives watch. */
static void open_islands(gw_executables *executables)
{
    for (uint32_t i = 0; executables->crossings != NULL && i < executables->cluster->island_count;
         i++) {
        gw_crossings_open(executables->crossings, i, gw_awaited_at(&executables->awaited, i));
    }
}

/* Nodes' collectives go over PCIe, too. */
static void expect_host_copies(const gw_executables *executables)
{
    for (uint32_t i = 0; i < executables->cluster->device_count; i++) {
        gw_crossings_add_host_copy(executables->crossings, (gw_device_id){i}, false);
        gw_crossings_add_host_copy(executables->crossings, (gw_device_id){i}, true);
    }
}

void gw_executables_init(gw_executables *executables, const gw_cluster *cluster,
                         const gw_accel_model *model, const gw_awaited_settings *awaited)
{
    *executables = (gw_executables){
        .cluster = cluster,
        .model = model,
        .loaded = g_ptr_array_new(),
    };
    if (cluster->spec->watches_collectives) {
        executables->crossings = gw_crossings_new(cluster);
    }
    gw_awaited_init(&executables->awaited, cluster->island_count, awaited);
    open_islands(executables);
    if (executables->crossings != NULL && awaited != NULL && awaited->has_host_copies) {
        expect_host_copies(executables);
    }
}

static void free_plan(void *data)
{
    gw_gang_plan_free(data);
}

static void free_executable(gw_loaded_executable *loaded)
{
    for (uint32_t i = 0; i < loaded->program->functions->len * loaded->mesh_count; i++) {
        gw_gang_plan_free(loaded->plans[i]);
    }
    for (uint32_t i = 0; i < loaded->program->nodes->len; i++) {
        gw_gang_plan_free(loaded->plans_apart[i]);
    }
    g_ptr_array_unref(loaded->retired);
    for (uint32_t i = 0; i < loaded->mesh_count; i++) {
        gw_gang_layout_free(loaded->layouts[i]);
    }
    g_free(loaded->plans_apart);
    g_free(loaded->plans);
    g_free(loaded->layouts);
    g_free(loaded->plan_of_node);
    g_free(loaded->plan_otherwise);
    g_free(loaded);
}

void gw_executables_clear(gw_executables *executables)
{
    for (uint32_t i = 0; i < executables->loaded->len; i++) {
        gw_loaded_executable *loaded = g_ptr_array_index(executables->loaded, i);
        if (loaded != NULL) {
            free_executable(loaded);
        }
    }
    g_clear_pointer(&executables->loaded, g_ptr_array_unref);
    g_clear_pointer(&executables->crossings, gw_crossings_free);
    gw_awaited_clear(&executables->awaited);
}

static gw_timing *price(const gw_executables *executables, const gw_loaded_executable *loaded,
                        uint32_t mesh, uint32_t number)
{
    return gw_timing_new(executables->model, g_ptr_array_index(loaded->program->functions, number),
                         gw_program_mesh(loaded->program, mesh), loaded->layouts[mesh]->devices);
}

static void free_timing(void *data)
{
    gw_timing_free(data);
}

/* Its collectives go over links, and may meet others there. */
static bool has_links(const gw_executables *executables, const gw_loaded_executable *loaded,
                      uint32_t mesh)
{
    const uint32_t island = loaded->layouts[mesh]->island;
    return executables->crossings != NULL &&
           executables->cluster->islands[island].accelerator->shared_cores == 0;
}

/* By function and mesh, those that nodes have; what they put on the wires is known afterwards. */
static GPtrArray *price_all(const gw_executables *executables, const gw_loaded_executable *loaded)
{
    const gw_program *program = loaded->program;
    GPtrArray *timings = g_ptr_array_new_with_free_func(free_timing);
    g_ptr_array_set_size(timings, (gint)(program->functions->len * loaded->mesh_count));
    for (uint32_t i = 0; i < program->nodes->len; i++) {
        const gw_node *node = gw_program_node(program, i);
        const uint32_t numbers[] = {node->function, node->otherwise};
        for (uint32_t k = 0; k < (gw_node_is_decided(node) ? 2 : 1); k++) {
            gpointer *timing =
                &g_ptr_array_index(timings, numbers[k] * loaded->mesh_count + node->mesh);
            if (*timing == NULL) {
                *timing = price(executables, loaded, node->mesh, numbers[k]);
                if (has_links(executables, loaded, node->mesh)) {
                    gw_traffic_add_collectives(executables->crossings,
                                               g_ptr_array_index(program->functions, numbers[k]),
                                               *timing, loaded->layouts[node->mesh]);
                }
            }
        }
    }
    return timings;
}

/* It watches its links where others may come to them. */
static gw_gang_plan *make_plan(const gw_loaded_executable *loaded, uint32_t mesh, uint32_t number,
                               gw_timing *timing, bool is_apart)
{
    gw_gang_plan *(*make)(gw_gang_layout *, const gw_timing *) =
        is_apart ? gw_gang_plan_new_apart : gw_gang_plan_new;
    gw_gang_plan *made = make(loaded->layouts[mesh], timing);
    if (made->plays != NULL || !gw_gang_plan_is_outdated(made)) {
        return made;
    }
    gw_gang_plan_free(made);
    if (timing->plays == NULL) {
        gw_timing_watch(timing, g_ptr_array_index(loaded->program->functions, number));
    }
    return make(loaded->layouts[mesh], timing);
}

static const gw_gang_plan *ask_plan(gw_loaded_executable *loaded, const GPtrArray *timings,
                                    const gw_node *node, uint32_t number)
{
    const uint32_t place = number * loaded->mesh_count + node->mesh;
    if (loaded->plans[place] == NULL) {
        loaded->plans[place] =
            make_plan(loaded, node->mesh, number, g_ptr_array_index(timings, place), false);
    }
    return loaded->plans[place];
}

static void make_plans(gw_loaded_executable *loaded, const GPtrArray *timings)
{
    const gw_program *program = loaded->program;
    for (uint32_t i = 0; i < program->nodes->len; i++) {
        const gw_node *node = gw_program_node(program, i);
        if (program->counted != NULL && program->counted[i] != NULL) {
            const uint32_t place = node->function * loaded->mesh_count + node->mesh;
            loaded->plans_apart[i] = make_plan(loaded, node->mesh, node->function,
                                               g_ptr_array_index(timings, place), true);
            loaded->plan_of_node[i] = loaded->plans_apart[i];
            continue;
        }
        loaded->plan_of_node[i] = ask_plan(loaded, timings, node, node->function);
        if (gw_node_is_decided(node)) {
            loaded->plan_otherwise[i] = ask_plan(loaded, timings, node, node->otherwise);
        }
    }
}

static gw_loaded_executable *new_executable(const gw_executables *executables,
                                            const gw_executable *executable)
{
    const gw_program *program = executable->program;
    const gw_assignment *assignment = &executable->assignment;
    gw_check(assignment->mesh_count == program->meshes->len);
    gw_loaded_executable *loaded = g_new0(gw_loaded_executable, 1);
    loaded->instance = executable->instance;
    loaded->job = executable->job;
    loaded->program = program;
    loaded->mesh_count = assignment->mesh_count;
    loaded->layouts = g_new0(gw_gang_layout *, loaded->mesh_count);
    for (uint32_t i = 0; i < loaded->mesh_count; i++) {
        const gw_mesh *mesh = gw_program_mesh(program, i);
        const uint32_t first = assignment->first[i];
        gw_check(assignment->first[i + 1] - first == gw_mesh_device_count(mesh));
        loaded->layouts[i] =
            gw_gang_layout_new(executables->cluster, mesh, &assignment->devices[first]);
    }
    loaded->plans = g_new0(gw_gang_plan *, program->functions->len * loaded->mesh_count);
    loaded->plan_of_node = g_new0(const gw_gang_plan *, program->nodes->len);
    loaded->plan_otherwise = g_new0(const gw_gang_plan *, program->nodes->len);
    loaded->plans_apart = g_new0(gw_gang_plan *, program->nodes->len);
    loaded->retired = g_ptr_array_new_with_free_func(free_plan);
    if (executables->crossings != NULL) {
        gw_traffic_add_copies(executables->crossings, program, assignment);
    }
    g_autoptr(GPtrArray) timings = price_all(executables, loaded);
    make_plans(loaded, timings);
    return loaded;
}

/* --- Others come to its links, or all have come --- */

/* What has to be in this plan's place now; NULL: it may stay. */
static gw_gang_plan *watch_plan(const gw_executables *executables, gw_loaded_executable *loaded,
                                gw_gang_plan *plan, uint32_t mesh, uint32_t number)
{
    if (plan == NULL || !gw_gang_plan_is_outdated(plan)) {
        return NULL;
    }
    g_autoptr(gw_timing) timing = price(executables, loaded, mesh, number);
    g_ptr_array_add(loaded->retired, plan);
    return make_plan(loaded, mesh, number, timing, plan->is_apart);
}

static void watch_executable(const gw_executables *executables, gw_loaded_executable *loaded)
{
    const gw_program *program = loaded->program;
    for (uint32_t i = 0; i < program->nodes->len; i++) {
        const gw_node *node = gw_program_node(program, i);
        const uint32_t place = node->function * loaded->mesh_count + node->mesh;
        gw_gang_plan **plan =
            loaded->plans_apart[i] != NULL ? &loaded->plans_apart[i] : &loaded->plans[place];
        gw_gang_plan *made = watch_plan(executables, loaded, *plan, node->mesh, node->function);
        *plan = made != NULL ? made : *plan;
        loaded->plan_of_node[i] = *plan;
        if (gw_node_is_decided(node)) {
            plan = &loaded->plans[node->otherwise * loaded->mesh_count + node->mesh];
            made = watch_plan(executables, loaded, *plan, node->mesh, node->otherwise);
            *plan = made != NULL ? made : *plan;
            loaded->plan_otherwise[i] = *plan;
        }
    }
}

/* After something new may be on the wires, or `has_come`: somebody is there who was awaited. */
static void watch_all(gw_executables *executables, bool has_come)
{
    if (executables->crossings == NULL ||
        (!has_come && gw_crossings_count(executables->crossings) == executables->crossed_count)) {
        return;
    }
    executables->crossed_count = gw_crossings_count(executables->crossings);
    for (uint32_t i = 0; i < executables->loaded->len; i++) {
        gw_loaded_executable *loaded = g_ptr_array_index(executables->loaded, i);
        if (loaded != NULL) {
            watch_executable(executables, loaded);
        }
    }
}

void gw_executables_note_copy(gw_executables *executables, const gw_copy *copy)
{
    if (executables->crossings == NULL || copy->duration_ns > 0) {
        return;
    }
    if (gw_copy_is_to_host(copy) || gw_copy_is_from_host(copy)) {
        gw_crossings_add_host_copy(executables->crossings, copy->source_device,
                                   gw_copy_is_from_host(copy));
    } else {
        gw_crossings_add_copy(executables->crossings, copy->source_device, copy->target_device);
    }
    watch_all(executables, false);
}

/* --- In and out --- */

void gw_executables_load(gw_executables *executables, const gw_executable *executable)
{
    const uint32_t instance = executable->instance;
    gw_check(instance < INSTANCES_MAX);
    if (instance >= executables->loaded->len) {
        g_ptr_array_set_size(executables->loaded, (gint)instance + 1);
    }
    gw_loaded_executable *loaded = g_ptr_array_index(executables->loaded, instance);
    if (loaded == NULL) {
        const bool has_come = gw_awaited_come(&executables->awaited, executable->job);
        if (has_come) {
            open_islands(executables);
        }
        loaded = new_executable(executables, executable);
        g_ptr_array_index(executables->loaded, instance) = loaded;
        watch_all(executables, has_come);
    }
    gw_check(loaded->job == executable->job);
    gw_check(loaded->program == executable->program);
    loaded->load_count++;
}

void gw_executables_unload(gw_executables *executables, uint32_t instance)
{
    gw_check(instance < executables->loaded->len);
    gw_loaded_executable *loaded = g_ptr_array_index(executables->loaded, instance);
    gw_check(loaded != NULL);
    loaded->load_count--;
    if (loaded->load_count == 0) {
        g_ptr_array_index(executables->loaded, instance) = NULL;
        free_executable(loaded);
    }
}
