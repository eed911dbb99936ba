/* SPDX-License-Identifier: Apache-2.0 */
/* The whole control plane on clusters, programs, jobs and settings drawn from a seed, in a world
 * (tests/lib/toy_world.h) that checks what it does and lets things happen in any order.  Device
 * memory is often just what the largest job's plan asks for.
 *
 *     fuzz_controller                          as many seeds as fit into the time budget, from 1
 *     fuzz_controller FIRST_SEED [COUNT]       these seeds, however long they take
 *     fuzz_controller FIRST_SEED COUNT told    with every call of every node */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz_command.h"
#include "fuzz_control.h"
#include "toy_world.h"

#define BUDGET_S 5.0

/* --- Programs --- */

static void draw_meshes(fuzz_case *drawn, gw_builder *builder, uint32_t count)
{
    static const uint32_t shapes[][3] = {{1, 1, 1}, {2, 1, 1}, {3, 1, 1}, {4, 1, 1},
                                         {2, 2, 1}, {6, 1, 1}, {2, 3, 1}, {3, 2, 1},
                                         {2, 2, 2}, {8, 1, 1}, {4, 2, 1}, {2, 6, 1}};
    for (uint32_t m = 0; m < count; m++) {
        const uint32_t *shape = shapes[draw(drawn, G_N_ELEMENTS(shapes))];
        const uint32_t dims = shape[2] > 1 ? 3 : shape[1] > 1 ? 2 : 1;
        gw_builder_add_mesh(builder, "mesh", dims, shape);
        drawn->mesh_sizes[m] = shape[0] * shape[1] * shape[2];
    }
}

static void draw_outputs(fuzz_case *drawn, drawn_node *node)
{
    static const uint32_t rows[] = {24, 24, 24, 48, 1};
    node->output_count = draw(drawn, VALUES_MAX + 1);
    for (uint32_t o = 0; o < node->output_count; o++) {
        node->outputs[o].whole_rows = rows[draw(drawn, G_N_ELEMENTS(rows))];
        node->outputs[o].is_sharded = node->outputs[o].whole_rows > 1 && !is_drawn(drawn, 3);
    }
}

/* One that `ends` is true for, of nodes[0, count); GW_INDEX_NONE: there is none. */
typedef bool (*node_test)(const drawn_node *node);

static bool is_source(const drawn_node *node)
{
    return node->output_count > 0;
}

static bool is_once_source(const drawn_node *node)
{
    return node->output_count > 0 && node->is_once;
}

static bool is_lasting_source(const drawn_node *node)
{
    return node->output_count > 0 && !node->is_once;
}

static uint32_t draw_node(fuzz_case *drawn, const drawn_node *nodes, uint32_t count, node_test test)
{
    for (uint32_t attempt = 0; count > 0 && attempt < 8; attempt++) {
        const uint32_t n = draw(drawn, count);
        if (test(&nodes[n])) {
            return n;
        }
    }
    return GW_INDEX_NONE;
}

/* False: on one mesh it would have to be sharded another way. */
static bool fit_input(const drawn_node *source, uint32_t output, const drawn_node *target,
                      drawn_value *input)
{
    const drawn_value *value = &source->outputs[output];
    return value->whole_rows == input->whole_rows &&
           (source->mesh != target->mesh || value->is_sharded == input->is_sharded);
}

static bool draw_plain_edge(fuzz_case *drawn, const drawn_node *nodes, uint32_t n, gw_edge *edge,
                            drawn_value *input)
{
    const uint32_t source =
        draw_node(drawn, nodes, n, nodes[n].is_once ? is_once_source : is_source);
    if (source == GW_INDEX_NONE) {
        return false;
    }
    *edge =
        (gw_edge){.source_node = source, .source_output = draw(drawn, nodes[source].output_count)};
    *input = nodes[source].outputs[edge->source_output];
    if (nodes[source].mesh != nodes[n].mesh) {
        input->is_sharded = input->whole_rows > 1 && is_drawn(drawn, 2);
        edge->duration_ns = is_drawn(drawn, 4) ? 500 : 0;
    }
    return true;
}

static bool draw_carried_edge(fuzz_case *drawn, const drawn_node *nodes, uint32_t count, uint32_t n,
                              gw_edge *edge, drawn_value *input)
{
    const uint32_t source = draw_node(drawn, nodes, count, is_lasting_source);
    const uint32_t initial = draw_node(drawn, nodes, n, is_once_source);
    if (nodes[n].is_once || source == GW_INDEX_NONE || initial == GW_INDEX_NONE) {
        return false;
    }
    *edge = (gw_edge){.source_node = source,
                      .source_output = draw(drawn, nodes[source].output_count),
                      .is_carried = true,
                      .initial_node = initial,
                      .initial_output = draw(drawn, nodes[initial].output_count)};
    *input = nodes[source].outputs[edge->source_output];
    if (nodes[source].mesh != nodes[n].mesh) {
        input->is_sharded = input->whole_rows > 1 && is_drawn(drawn, 2);
    }
    return fit_input(&nodes[initial], edge->initial_output, &nodes[n], input);
}

static void draw_inputs(fuzz_case *drawn, drawn_node *nodes, uint32_t count, uint32_t n)
{
    drawn_node *node = &nodes[n];
    for (uint32_t attempt = draw(drawn, VALUES_MAX + 2);
         attempt > 0 && node->input_count < VALUES_MAX; attempt--) {
        gw_edge *edge = &node->edges[node->input_count];
        drawn_value *input = &node->inputs[node->input_count];
        const bool is_found = is_drawn(drawn, 3)
                                  ? draw_carried_edge(drawn, nodes, count, n, edge, input)
                                  : draw_plain_edge(drawn, nodes, n, edge, input);
        node->input_count += is_found;
    }
}

static uint32_t shard_rows(const fuzz_case *drawn, const drawn_node *node, const drawn_value *value)
{
    return value->is_sharded ? value->whole_rows / drawn->mesh_sizes[node->mesh]
                             : value->whole_rows;
}

static gw_function *make_function(fuzz_case *drawn, const drawn_node *node)
{
    gw_function *function = gw_function_new("f");
    function->computations = node->is_once ? 0 : 1;
    const gw_operation work = {.kind = GW_OPERATION_DURATION, .duration_ns = 1000};
    gw_function_add(function, &work);
    for (uint32_t i = 0; i < node->input_count; i++) {
        gw_function_add_input(function, shard_rows(drawn, node, &node->inputs[i]), 1,
                              node->inputs[i].is_sharded);
    }
    for (uint32_t o = 0; o < node->output_count; o++) {
        gw_function_add_output(function, shard_rows(drawn, node, &node->outputs[o]), 1,
                               node->outputs[o].is_sharded);
    }
    if (is_drawn(drawn, 3)) {
        gw_function_add_temporary(function, 1 + draw(drawn, 32), 1);
    }
    if (is_drawn(drawn, 2)) {
        const uint32_t x = gw_function_add_temporary(function, 1, 1);
        const uint32_t y = gw_function_add_temporary(function, 1, 1);
        gw_operation meet = {.kind = GW_OPERATION_ALL_REDUCE, .axes = 1};
        meet.inputs[0] = (uint16_t)x;
        meet.outputs[0] = (uint16_t)y;
        gw_function_add(function, &meet);
    }
    return function;
}

static void add_edges(gw_builder *builder, const drawn_node *node, uint32_t n)
{
    for (uint32_t i = 0; i < node->input_count; i++) {
        const gw_edge *edge = &node->edges[i];
        if (edge->exchange.kind == GW_EXCHANGE_DEAL) {
            gw_builder_add_deal(builder, edge->source_node, 0, 1, edge->exchange.overflow, n, i);
        } else if (edge->exchange.kind == GW_EXCHANGE_RETURN) {
            gw_builder_add_return(builder, edge->source_node, 0, n, i);
        } else if (edge->is_carried) {
            gw_builder_add_carried(builder, edge->source_node, edge->source_output,
                                   edge->initial_node, edge->initial_output, n, i);
        } else {
            gw_builder_add_timed_edge(builder, edge->source_node, edge->source_output, n, i,
                                      edge->duration_ns);
        }
    }
}

static void add_results(fuzz_case *drawn, gw_builder *builder, const drawn_node *node, uint32_t n,
                        GArray *deciders)
{
    for (uint32_t o = 0; !node->is_once && o < node->output_count; o++) {
        if (node->outputs[o].whole_rows == 1 && !is_drawn(drawn, 3)) {
            g_autofree char *name = g_strdup_printf("result_%u_%u", n, o);
            gw_builder_add_result(builder, name, n, o);
            g_array_append_val(deciders, n);
        }
    }
}

/* Some node after a result is decided by it. */
static void add_choice(fuzz_case *drawn, gw_builder *builder, const drawn_node *nodes,
                       const GArray *deciders, uint32_t n)
{
    if (nodes[n].is_once || deciders->len == 0 || !is_drawn(drawn, 4)) {
        return;
    }
    const uint32_t result = draw(drawn, deciders->len);
    if (g_array_index(deciders, uint32_t, result) < n) {
        gw_builder_set_choice(builder, n, result,
                              gw_builder_take_function(builder, make_function(drawn, &nodes[n])));
    }
}

/* One more node, on `mesh`, which takes rows by an exchange from `source` (GW_EXCHANGE_NONE: takes
 * none) and what else is drawn.  Nobody reads its outputs but by exchanges: they can have any
 * number of rows. */
static uint32_t add_exchange_node(fuzz_case *drawn, gw_builder *builder, drawn_node *nodes,
                                  uint32_t *count, const drawn_node *model)
{
    const uint32_t n = (*count)++;
    nodes[n] = *model;
    draw_inputs(drawn, nodes, n, n);
    const uint32_t function = gw_builder_take_function(builder, make_function(drawn, &nodes[n]));
    const uint32_t index = gw_builder_add_node(builder, "node", function, nodes[n].mesh);
    gw_check(index == n);
    add_edges(builder, &nodes[n], n);
    nodes[n].output_count = 0;
    return n;
}

/* Some rows that are dealt from one mesh to another, and mostly brought back. */
static void add_exchange(fuzz_case *drawn, gw_builder *builder, drawn_node *nodes, uint32_t *count,
                         uint32_t mesh_count)
{
    const uint32_t source = draw(drawn, mesh_count);
    const uint32_t target = (source + 1 + draw(drawn, mesh_count - 1)) % mesh_count;
    const uint32_t source_size = drawn->mesh_sizes[source], target_size = drawn->mesh_sizes[target];
    const uint32_t rows = 1 + draw(drawn, 16);
    const bool is_dropped = is_drawn(drawn, 2);
    const uint32_t most = rows * source_size;
    const drawn_value dealt = {rows * source_size, true};
    const drawn_value room = {(is_dropped ? 1 + draw(drawn, most) : most) * target_size, true};
    drawn_node model = {.mesh = source, .output_count = 2};
    model.outputs[0] = dealt;
    model.outputs[1] = (drawn_value){source_size * target_size, true};
    const uint32_t router = add_exchange_node(drawn, builder, nodes, count, &model);
    model = (drawn_node){.mesh = target, .input_count = 1, .output_count = 1};
    model.inputs[0] = model.outputs[0] = room;
    model.edges[0] =
        (gw_edge){.source_node = router,
                  .exchange = {.kind = GW_EXCHANGE_DEAL,
                               .overflow = is_dropped ? GW_OVERFLOW_DROP : GW_OVERFLOW_FAIL}};
    const uint32_t taker = add_exchange_node(drawn, builder, nodes, count, &model);
    if (is_drawn(drawn, 4)) {
        return;
    }
    model = (drawn_node){.mesh = source, .input_count = 1};
    model.inputs[0] = dealt;
    model.edges[0] = (gw_edge){.source_node = taker, .exchange = {.kind = GW_EXCHANGE_RETURN}};
    add_exchange_node(drawn, builder, nodes, count, &model);
}

static gw_program *draw_program(fuzz_case *drawn)
{
    drawn_node nodes[NODES_MAX + 3 * DEALS_MAX] = {0};
    g_autoptr(gw_builder) builder = gw_builder_new("drawn");
    const uint32_t mesh_count = is_drawn(drawn, 4) ? 1 : 1 + draw(drawn, MESHES_MAX);
    const uint32_t count = 1 + draw(drawn, NODES_MAX);
    draw_meshes(drawn, builder, mesh_count);
    for (uint32_t n = 0; n < count; n++) {
        nodes[n].mesh = draw(drawn, mesh_count);
        nodes[n].is_once = n + 1 < count && is_drawn(drawn, 3);
        draw_outputs(drawn, &nodes[n]);
    }
    for (uint32_t n = 0; n < count; n++) {
        draw_inputs(drawn, nodes, count, n);
        const uint32_t function =
            gw_builder_take_function(builder, make_function(drawn, &nodes[n]));
        gw_builder_add_node(builder, "node", function, nodes[n].mesh);
        if (nodes[n].is_once) {
            gw_builder_set_once(builder, n);
        }
    }
    g_autoptr(GArray) deciders = g_array_new(FALSE, FALSE, sizeof(uint32_t)); /* By result: node. */
    for (uint32_t n = 0; n < count; n++) {
        add_edges(builder, &nodes[n], n);
        add_results(drawn, builder, &nodes[n], n, deciders);
        add_choice(drawn, builder, nodes, deciders, n);
    }
    uint32_t all_count = count;
    for (uint32_t i = 0; mesh_count > 1 && i < DEALS_MAX && is_drawn(drawn, 3); i++) {
        add_exchange(drawn, builder, nodes, &all_count, mesh_count);
    }
    GError *error = NULL;
    gw_program *program = gw_builder_finish(g_steal_pointer(&builder), &error);
    if (program == NULL) {
        fprintf(stderr, "%s\n", error->message);
    }
    gw_check(program != NULL);
    return program;
}

/* --- Clusters and jobs --- */

static void draw_islands(fuzz_case *drawn)
{
    drawn->island_count = 1 + draw(drawn, ISLANDS_MAX);
    for (uint32_t i = 0; i < drawn->island_count; i++) {
        gw_island *island = &drawn->islands[i];
        island->host_count = 1 + draw(drawn, 4);
        island->devices_per_host = 1 + draw(drawn, 4);
        const uint32_t count = island->host_count * island->devices_per_host;
        uint32_t width = 1 + draw(drawn, 4);
        while (count % width != 0) {
            width--;
        }
        const uint32_t depth = (count / width) % 2 == 0 && is_drawn(drawn, 2) ? 2 : 1;
        island->shape[0] = count / width / depth;
        island->shape[1] = width;
        island->shape[2] = depth;
    }
}

/* Devices of one island in any order. */
static uint32_t *draw_pins(fuzz_case *drawn, uint32_t count)
{
    const uint32_t island = draw(drawn, drawn->island_count);
    uint32_t first = 0;
    for (uint32_t i = 0; i < island; i++) {
        first += drawn->islands[i].host_count * drawn->islands[i].devices_per_host;
    }
    const uint32_t size =
        drawn->islands[island].host_count * drawn->islands[island].devices_per_host;
    if (count > size) {
        return NULL;
    }
    uint32_t *devices = g_new(uint32_t, size);
    for (uint32_t d = 0; d < size; d++) {
        devices[d] = first + d;
    }
    for (uint32_t d = 0; d < count; d++) {
        const uint32_t other = d + draw(drawn, size - d);
        const uint32_t moved = devices[d];
        devices[d] = devices[other];
        devices[other] = moved;
    }
    return devices;
}

static void place_job(fuzz_case *drawn, drawn_job *made, gw_job *job)
{
    const uint32_t mesh_count = job->program->meshes->len;
    const bool has_pins = is_drawn(drawn, 3), has_islands = is_drawn(drawn, 2);
    for (uint32_t m = 0; m < mesh_count; m++) {
        const uint32_t count = gw_mesh_device_count(gw_program_mesh(job->program, m));
        made->islands[m] = is_drawn(drawn, 2) ? draw(drawn, drawn->island_count) : GW_INDEX_NONE;
        made->pinned[m] = has_pins && !is_drawn(drawn, 4) ? draw_pins(drawn, count) : NULL;
    }
    if (has_islands) {
        job->islands = made->islands;
    }
    if (has_pins) {
        job->devices = (const uint32_t *const *)made->pinned;
    }
}

static void draw_job(fuzz_case *drawn, uint32_t index)
{
    drawn_job *made = &drawn->drawn[index];
    gw_job *job = &drawn->jobs[index];
    made->program = draw_program(drawn);
    job->name = "job";
    job->submit = (gw_submit_mode)(GW_SUBMIT_OP_BY_OP + draw(drawn, 3));
    if (job->submit == GW_SUBMIT_FUSED) {
        gw_program *fused = gw_program_fuse(made->program, NULL);
        if (fused != NULL) {
            gw_program_free(made->program);
            made->program = fused;
        } else {
            job->submit = GW_SUBMIT_CHAINED;
        }
    }
    made->plan = gw_plan_new(made->program);
    gw_plan_peak_bytes(made->plan, made->peak_bytes);
    job->program = made->program;
    job->plan = made->plan;
    job->runs = 1 + draw(drawn, 7);
    job->in_flight = 1 + draw(drawn, 4);
    if (made->program->results->len > 0 && is_drawn(drawn, 4)) {
        made->until = (gw_until){.result = draw(drawn, made->program->results->len),
                                 .is_above = is_drawn(drawn, 2)};
        job->until = &made->until;
    }
    job->start_ns = is_drawn(drawn, 3) ? draw(drawn, 1000) : 0;
    place_job(drawn, made, job);
}

static void draw_case(fuzz_case *drawn, uint64_t seed)
{
    *drawn = (fuzz_case){0};
    gw_random_init(&drawn->random, seed, "fuzz.controller");
    draw_islands(drawn);
    drawn->job_count = is_drawn(drawn, 3) ? 1 : 1 + draw(drawn, JOBS_MAX);
    for (uint32_t j = 0; j < drawn->job_count; j++) {
        draw_job(drawn, j);
    }
    draw_memory(drawn);
    drawn->control = (gw_control){
        .policy = is_drawn(drawn, 4) ? NULL : gw_policy_find("fifo"),
        .dispatch = is_drawn(drawn, 3) ? &gw_dispatch_sequential : &gw_dispatch_parallel,
        .lookahead = 1 + draw(drawn, 5),
    };
    if (is_regular(drawn) && is_drawn(drawn, 3)) { /* One of the others, which have no policy. */
        drawn->control.system = gw_systems[1 + draw(drawn, count_systems() - 1)];
        drawn->control.policy = NULL;
    }
    draw_placement(drawn);
    if (drawn->control.system == NULL) { /* Others stay where they are. */
        draw_changes(drawn);
        draw_room(drawn, seed);
        draw_stops(drawn, seed);
    }
    /* A stream of its own: cases with and without a tree are otherwise the same. */
    gw_random fanout;
    gw_random_init(&fanout, seed, "fuzz.controller.fanout");
    drawn->control.fanout =
        gw_random_below(&fanout, 3) == 0 ? 0 : 2 + (uint32_t)gw_random_below(&fanout, 3);
    if (drawn->control.system == NULL && gw_random_below(&fanout, 3) == 0) {
        drawn->control.dispatch = &drawn_dispatch;
    }
    draw_policy(drawn, seed);
    draw_failures(drawn, seed);
    draw_spill(drawn, seed);
    draw_donations(drawn, seed);
    draw_lookahead_memory(drawn, seed);
    draw_handoffs(drawn, seed);
}

static void clear_case(fuzz_case *drawn)
{
    for (uint32_t j = 0; j < drawn->job_count; j++) {
        for (uint32_t m = 0; m < MESHES_MAX; m++) {
            g_free(drawn->drawn[j].pinned[m]);
        }
        gw_plan_free(drawn->drawn[j].plan);
        gw_program_free(drawn->drawn[j].program);
    }
}

/* --- What must hold --- */

/* Without schedulers the orders of hosts may contradict each other, where jobs meet on more than
 * one.  Then a wait in a circle is no mistake.  Hosts and jobs are the two sides of a graph: a
 * cycle in it is two ways from one to another. */
static bool may_contradict(const fuzz_case *drawn, const toy_world *world)
{
    if (drawn->control.policy != NULL)
        return false;
    g_autoptr(gw_directory) directory =
        gw_directory_new(drawn->islands, drawn->island_count, drawn->job_count);
    const uint32_t place_count = directory->host_count;
    const uint32_t count = place_count + drawn->job_count;
    g_autofree uint32_t *groups = g_new(uint32_t, count);
    g_autofree bool *is_joined = g_new0(bool, count *count);
    bool has_cycle = false;
    for (uint32_t i = 0; i < count; i++) {
        groups[i] = i;
    }
    for (uint32_t j = 0; j < drawn->job_count; j++) {
        const uint32_t *devices = toy_world_devices(world, j, 0);
        uint32_t device_count = 0;
        for (uint32_t m = 0; devices != NULL && m < drawn->jobs[j].program->meshes->len; m++) {
            device_count += gw_mesh_device_count(gw_program_mesh(drawn->jobs[j].program, m));
        }
        for (uint32_t d = 0; d < device_count; d++) {
            const gw_device_id device = {devices[d]};
            const uint32_t place = gw_directory_host(directory, device).index;
            const uint32_t side = place_count + j;
            if (is_joined[place * count + side]) {
                continue;
            }
            is_joined[place * count + side] = true;
            const uint32_t from = groups[place], to = groups[side];
            has_cycle = has_cycle || from == to;
            for (uint32_t i = 0; i < count; i++) {
                groups[i] = groups[i] == from ? to : groups[i];
            }
        }
    }
    return has_cycle;
}

/* Whether each mesh has an island that is large enough where it may go. */
static bool can_be_placed(const fuzz_case *drawn, uint32_t index)
{
    const gw_job *job = &drawn->jobs[index];
    for (uint32_t m = 0; m < job->program->meshes->len; m++) {
        const uint32_t count = gw_mesh_device_count(gw_program_mesh(job->program, m));
        bool has_room = job->devices != NULL && job->devices[m] != NULL;
        for (uint32_t i = 0; i < drawn->island_count; i++) {
            const bool may_go =
                job->islands == NULL || job->islands[m] == GW_INDEX_NONE || job->islands[m] == i;
            has_room = has_room || (may_go && count <= drawn->islands[i].host_count *
                                                           drawn->islands[i].devices_per_host);
        }
        if (!has_room) {
            return false;
        }
    }
    return true;
}

static void check_refusals(const fuzz_case *drawn, const toy_world *world)
{
    for (uint32_t j = 0; j < drawn->job_count; j++) {
        const bool is_refused = toy_world_job(world, j) == TOY_JOB_REFUSED;
        if (toy_world_job(world, j) == TOY_JOB_FAILED) {
            continue;
        }
        const bool may_leave = drawn->jobs[j].stop_ns > 0; /* Before it hears of that. */
        gw_check(is_refused == !can_be_placed(drawn, j) || (may_leave && !is_refused));
        gw_check(!is_refused || toy_world_refusal(world, j) == GW_REFUSAL_SHAPE);
    }
}

/* One gang at a time, and nothing that leaves the mesh or goes to a host: then the plan's peak is
 * reached and never passed. */
static void check_peak(const fuzz_case *drawn, const toy_world *world)
{
    const gw_job *job = &drawn->jobs[0];
    const uint32_t *devices = toy_world_devices(world, 0, 0);
    if (drawn->job_count > 1 || drawn->control.change_count > 0 || drawn->control.lookahead > 1 ||
        drawn->control.lease_ns > 0 || devices == NULL || job->program->meshes->len > 1 ||
        job->program->results->len > 0 ||
        gw_system_of(&drawn->control)->hosts != GW_HOST_TAKES_NOTHING) {
        return;
    }
    for (uint32_t d = 0; d < gw_mesh_device_count(gw_program_mesh(job->program, 0)); d++) {
        gw_check(toy_world_peak_bytes(world, devices[d]) == drawn->drawn[0].peak_bytes[0] ||
                 job->runs < 3 || job->stop_ns > 0);
        gw_check(toy_world_peak_bytes(world, devices[d]) <= drawn->drawn[0].peak_bytes[0]);
    }
}

typedef struct { /* Cases in which it happened. */
    uint64_t stalls, moves, stays, donations;
} fuzz_counts;

/* False: it stalled where it must not. */
static bool run_seed(uint64_t seed, bool is_told, fuzz_counts *counts)
{
    fuzz_case drawn;
    draw_case(&drawn, seed);
    const toy_spec spec = {
        .islands = drawn.islands,
        .island_count = drawn.island_count,
        .control = &drawn.control,
        .jobs = drawn.jobs,
        .job_count = drawn.job_count,
        .seed = seed % 8 == 0 ? 0 : seed,
        .is_told = is_told,
    };
    toy_world *world = toy_world_new(&spec);
    bool is_right = toy_world_run(world);
    if (is_right) {
        check_refusals(&drawn, world);
        check_peak(&drawn, world);
    } else {
        g_autoptr(GString) explained = g_string_new(NULL);
        toy_world_explain(world, explained);
        gw_check(explained->len > 0);
        is_right = may_contradict(&drawn, world);
        counts->stalls += is_right;
        if (!is_right) {
            fprintf(stderr, "stalled:\n%s", explained->str);
        }
    }
    counts->moves += toy_world_message_count(world, GW_MESSAGE_MOVE) > 0;
    counts->stays += toy_world_message_count(world, GW_MESSAGE_SLICE_STAY) > 0;
    bool donates = false;
    for (uint32_t j = 0; j < drawn.job_count; j++)
        donates |= drawn.jobs[j].plan->has_donations;
    counts->donations += donates;
    toy_world_free(world);
    clear_case(&drawn);
    return is_right;
}

/* --- The command line --- */

int main(int argument_count, char **arguments)
{
    fuzz_command repeated = {.program = arguments[0], .seed = 1};
    uint64_t count = argument_count > 1 ? 1 : UINT64_MAX, done_count = 0;
    fuzz_counts counts = {0};
    const bool is_told = argument_count == 4 && strcmp(arguments[3], "told") == 0;
    if (argument_count > 4 || (argument_count == 4 && !is_told) ||
        (argument_count > 1 && !fuzz_parse_count(arguments[1], &repeated.seed)) ||
        (argument_count > 2 && !fuzz_parse_count(arguments[2], &count))) {
        fprintf(stderr, "usage: %s [FIRST_SEED [COUNT [told]]]\n", arguments[0]);
        return 2;
    }
    gw_check_set_last_words(fuzz_print_repeat, &repeated);
    const double end_s = fuzz_read_wall_s() + BUDGET_S;
    while (done_count < count && (argument_count > 1 || fuzz_read_wall_s() < end_s)) {
        if (!run_seed(repeated.seed, is_told, &counts)) {
            fuzz_print_repeat(&repeated);
            return EXIT_FAILURE;
        }
        repeated.seed++;
        done_count++;
    }
    printf("%" G_GUINT64_FORMAT " runs, %" G_GUINT64_FORMAT
           " of them ended in a wait in a circle, as they may; in %" G_GUINT64_FORMAT
           " a job moved with its data, in %" G_GUINT64_FORMAT
           " it was told to stay, in %" G_GUINT64_FORMAT " outputs took inputs' buffers over\n",
           done_count, counts.stalls, counts.moves, counts.stays, counts.donations);
    return EXIT_SUCCESS;
}
