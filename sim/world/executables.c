/* SPDX-License-Identifier: Apache-2.0 */
/* A timing depends on the function and on where the mesh lies, so nodes that share both share one
 * plan: a chain of a thousand equal nodes is priced once. */
#include "world/executables.h"

#include "base/check.h"

#define INSTANCES_MAX (UINT32_C(1) << 24)

void gw_executables_init(gw_executables *executables, const gw_cluster *cluster,
                         const gw_accel_model *model)
{
    *executables = (gw_executables){
        .cluster = cluster,
        .model = model,
        .loaded = g_ptr_array_new(),
    };
}

static void free_executable(gw_loaded_executable *loaded)
{
    for (uint32_t i = 0; i < loaded->program->functions->len * loaded->mesh_count; i++) {
        gw_gang_plan_free(loaded->plans[i]);
    }
    for (uint32_t i = 0; i < loaded->mesh_count; i++) {
        gw_gang_layout_free(loaded->layouts[i]);
    }
    for (uint32_t i = 0; i < loaded->program->nodes->len; i++) {
        gw_gang_plan_free(loaded->plans_apart[i]);
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
}

static gw_timing *price(const gw_executables *executables, const gw_loaded_executable *loaded,
                        const gw_node *node, uint32_t number)
{
    return gw_timing_new(executables->model, g_ptr_array_index(loaded->program->functions, number),
                         gw_program_mesh(loaded->program, node->mesh),
                         loaded->layouts[node->mesh]->devices);
}

static const gw_gang_plan *ask_plan(const gw_executables *executables, gw_loaded_executable *loaded,
                                    const gw_node *node, uint32_t number)
{
    gw_gang_plan **plan = &loaded->plans[number * loaded->mesh_count + node->mesh];
    if (*plan == NULL) {
        g_autoptr(gw_timing) timing = price(executables, loaded, node, number);
        *plan = gw_gang_plan_new(loaded->layouts[node->mesh], timing);
    }
    return *plan;
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
    for (uint32_t i = 0; i < program->nodes->len; i++) {
        const gw_node *node = gw_program_node(program, i);
        if (program->counted != NULL && program->counted[i] != NULL) {
            g_autoptr(gw_timing) timing = price(executables, loaded, node, node->function);
            loaded->plans_apart[i] = gw_gang_plan_new_apart(loaded->layouts[node->mesh], timing);
            loaded->plan_of_node[i] = loaded->plans_apart[i];
            continue;
        }
        loaded->plan_of_node[i] = ask_plan(executables, loaded, node, node->function);
        if (gw_node_is_decided(node)) {
            loaded->plan_otherwise[i] = ask_plan(executables, loaded, node, node->otherwise);
        }
    }
    return loaded;
}

void gw_executables_load(gw_executables *executables, const gw_executable *executable)
{
    const uint32_t instance = executable->instance;
    gw_check(instance < INSTANCES_MAX);
    if (instance >= executables->loaded->len) {
        g_ptr_array_set_size(executables->loaded, (gint)instance + 1);
    }
    gw_loaded_executable *loaded = g_ptr_array_index(executables->loaded, instance);
    if (loaded == NULL) {
        loaded = new_executable(executables, executable);
        g_ptr_array_index(executables->loaded, instance) = loaded;
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
