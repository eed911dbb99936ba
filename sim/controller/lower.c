/* SPDX-License-Identifier: Apache-2.0 */
/* Two passes.  The plan numbers slots and counts readers, from the program alone.  The lowered
 * form looks at one host: its local shards, and for every transfer the overlap of row ranges
 * between source and target shards, in which each target shard takes every row exactly once. */
#include "controller/lower.h"

#include <string.h>

#include "base/check.h"
#include "controller/donation.h"

/* --- The plan --- */

/* By function: what its temporaries take.  The caller frees. */
static uint64_t *list_scratch(const gw_program *program)
{
    uint64_t *scratch_bytes = g_new(uint64_t, program->functions->len);
    for (uint32_t f = 0; f < program->functions->len; f++) {
        const gw_function *function = (const gw_function *)g_ptr_array_index(program->functions, f);
        scratch_bytes[f] = gw_function_place_temporaries(function, 1, NULL);
    }
    return scratch_bytes;
}

static void set_nodes(gw_plan *plan)
{
    const gw_program *program = plan->program;
    g_autofree uint64_t *scratch_bytes = list_scratch(program);
    for (uint32_t n = 0; n < plan->node_count; n++) {
        const gw_node *node = gw_program_node(program, n);
        const gw_function *function = gw_program_function(program, n);
        gw_plan_node *planned = &plan->nodes[n];
        planned->mesh = node->mesh;
        planned->is_once = node->is_once;
        planned->output_count = function->output_count;
        planned->first_input = program->first_edge[n];
        planned->input_count = program->first_edge[n + 1] - program->first_edge[n];
        planned->result = GW_INDEX_NONE;
        planned->decider = node->decider;
        plan->has_decisions = plan->has_decisions || gw_node_is_decided(node);
        gw_check(planned->input_count == function->input_count);
        uint64_t *workspace_bytes = &plan->workspace_bytes[node->mesh];
        *workspace_bytes = MAX(*workspace_bytes, scratch_bytes[node->function]);
        if (gw_node_is_decided(node))
            *workspace_bytes = MAX(*workspace_bytes, scratch_bytes[node->otherwise]);
    }
}

/* Whether the input comes from another mesh, in run 0 or later. */
static bool ever_arrives(const gw_plan *plan, const gw_edge *edge)
{
    const uint32_t mesh = plan->nodes[edge->target_node].mesh;
    return plan->nodes[edge->source_node].mesh != mesh ||
           (edge->is_carried && plan->nodes[edge->initial_node].mesh != mesh);
}

static void count_slots(gw_plan *plan)
{
    const uint32_t mesh_count = plan->program->meshes->len;
    uint32_t *first = plan->mesh_slots = g_new0(uint32_t, mesh_count + 1);
    for (uint32_t n = 0; n < plan->node_count; n++)
        first[plan->nodes[n].mesh + 1] += plan->nodes[n].output_count;
    for (uint32_t e = 0; e < plan->program->edges->len; e++) {
        const gw_edge *edge = gw_program_edge(plan->program, e);
        first[plan->nodes[edge->target_node].mesh + 1] += ever_arrives(plan, edge) ? 1 : 0;
    }
    for (uint32_t m = 0; m < mesh_count; m++)
        first[m + 1] += first[m];
    plan->slot_count = first[mesh_count];
}

static uint32_t add_slot(gw_plan *plan, uint32_t *next, uint32_t mesh, const gw_value *value,
                         gw_memory_class memory)
{
    plan->slots[next[mesh]] =
        (gw_plan_slot){.size_bytes = gw_value_bytes(value), .mesh = mesh, .memory = memory};
    return next[mesh]++;
}

/* What arrives is what its source is. */
static gw_memory_class class_of_source(const gw_program *program, const gw_edge *edge)
{
    const gw_function *function = gw_program_function(program, edge->source_node);
    return gw_function_value(function, gw_function_output(function, edge->source_output))->memory;
}

/* Mesh by mesh, so that a host touches none of its tables where meshes of others are: outputs in
 * order of nodes, then what arrives. */
static void number_slots(gw_plan *plan)
{
    const gw_program *program = plan->program;
    count_slots(plan);
    g_autofree uint32_t *next =
        g_memdup2(plan->mesh_slots, (program->meshes->len + 1) * sizeof(uint32_t));
    plan->slots = g_new0(gw_plan_slot, plan->slot_count + 1);
    for (uint32_t n = 0; n < plan->node_count; n++) {
        const gw_function *function = gw_program_function(program, n);
        plan->nodes[n].first_slot = next[plan->nodes[n].mesh];
        for (uint32_t o = 0; o < function->output_count; o++) {
            const gw_value *value = gw_function_value(function, gw_function_output(function, o));
            add_slot(plan, next, plan->nodes[n].mesh, value, value->memory);
        }
    }
    for (uint32_t e = 0; e < program->edges->len; e++) {
        const gw_edge *edge = gw_program_edge(program, e);
        const gw_function *function = gw_program_function(program, edge->target_node);
        plan->inputs[e].inbound_slot = GW_INDEX_NONE;
        if (ever_arrives(plan, edge))
            plan->inputs[e].inbound_slot = add_slot(
                plan, next, plan->nodes[edge->target_node].mesh,
                gw_function_value(function, gw_function_input(function, edge->target_input)),
                class_of_source(program, edge));
    }
}

/* The transfer that fills this input from `source_slot`, or a reader in place. */
static void plan_read(gw_plan *plan, uint32_t edge, bool is_initial, bool is_transfer,
                      uint32_t source_slot)
{
    const gw_plan_input *input = &plan->inputs[edge];
    if (input->is_carried && !is_initial)
        plan->slots[source_slot].is_carried = true;
    if (is_transfer) {
        plan->transfer_slot[2 * edge + (is_initial ? 1 : 0)] = source_slot;
        return;
    }
    gw_plan_slot *slot = &plan->slots[source_slot];
    if (input->is_carried && !is_initial)
        slot->readers_next++;
    else if (!input->is_permanent)
        slot->readers++;
}

static void plan_inputs(gw_plan *plan)
{
    const gw_program *program = plan->program;
    for (uint32_t e = 0; e < program->edges->len; e++) {
        const gw_edge *edge = gw_program_edge(program, e);
        gw_plan_input *input = &plan->inputs[e];
        const gw_plan_node *source = &plan->nodes[edge->source_node];
        const gw_plan_node *target = &plan->nodes[edge->target_node];
        input->edge = e;
        input->slot = source->first_slot + edge->source_output;
        input->is_carried = edge->is_carried;
        input->is_transfer = source->mesh != target->mesh;
        input->is_permanent = !edge->is_carried && source->is_once && !target->is_once;
        if (input->is_permanent)
            plan->slots[input->slot].is_permanent = true;
        plan_read(plan, e, false, input->is_transfer, input->slot);
        if (edge->is_carried) {
            const gw_plan_node *initial = &plan->nodes[edge->initial_node];
            input->initial_slot = initial->first_slot + edge->initial_output;
            input->is_initial_transfer = initial->mesh != target->mesh;
            plan_read(plan, e, true, input->is_initial_transfer, input->initial_slot);
        }
    }
}

/* Transfers by the node that writes their source, in order of their numbers. */
static void list_outgoing(gw_plan *plan)
{
    const gw_program *program = plan->program;
    uint32_t count = 0;
    for (uint32_t t = 0; t < plan->transfer_count; t++)
        count += plan->transfer_slot[t] != GW_INDEX_NONE;
    plan->outgoing = g_new0(uint32_t, count + 1);
    plan->outgoing_count = count;
    for (uint32_t pass = 0; pass < 2; pass++) {
        for (uint32_t t = 0; t < plan->transfer_count; t++) {
            if (plan->transfer_slot[t] == GW_INDEX_NONE)
                continue;
            const gw_edge *edge = gw_program_edge(program, t / 2);
            uint32_t source = t % 2 == 1 ? edge->initial_node : edge->source_node;
            gw_plan_node *node = &plan->nodes[source];
            uint32_t place = node->first_outgoing + node->outgoing_count;
            if (pass == 1)
                plan->outgoing[place] = t;
            node->outgoing_count++;
            node->has_transfers = true;
            plan->nodes[edge->target_node].has_transfers = true;
        }
        uint32_t first = 0;
        for (uint32_t n = 0; pass == 0 && n < plan->node_count; n++) {
            plan->nodes[n].first_outgoing = first;
            first += plan->nodes[n].outgoing_count;
            plan->nodes[n].outgoing_count = 0;
        }
    }
}

/* Of transfer `t`, from and to. */
static uint32_t source_mesh_of(const gw_plan *plan, uint32_t t)
{
    const gw_edge *edge = gw_program_edge(plan->program, t / 2);
    return plan->nodes[t % 2 == 1 ? edge->initial_node : edge->source_node].mesh;
}
static uint32_t target_mesh_of(const gw_plan *plan, uint32_t t)
{
    return plan->nodes[gw_program_edge(plan->program, t / 2)->target_node].mesh;
}

/* Counts, one entry late, become beginnings. */
static void add_up_meshes(gw_plan *plan)
{
    for (uint32_t m = 0; m < plan->program->meshes->len; m++) {
        plan->meshes[m + 1].place += plan->meshes[m].place;
        plan->meshes[m + 1].leaving += plan->meshes[m].leaving;
        plan->meshes[m + 1].entering += plan->meshes[m].entering;
    }
}

/* Mesh by mesh, so that a host touches little of tables of all, and looks for nothing. */
static void list_by_mesh(gw_plan *plan)
{
    const uint32_t mesh_count = plan->program->meshes->len;
    plan->meshes = g_new0(gw_plan_mesh, mesh_count + 1);
    plan->leaving = g_new0(uint32_t, plan->outgoing_count + 1);
    plan->entering = g_new0(uint32_t, plan->outgoing_count + 1);
    plan->leaving_place = g_new(uint32_t, plan->transfer_count + 1);
    plan->entering_place = g_new(uint32_t, plan->transfer_count + 1);
    for (uint32_t n = 0; n < plan->node_count; n++) {
        plan->meshes[plan->nodes[n].mesh + 1].place++;
        plan->meshes[plan->nodes[n].mesh].first_run_count += plan->nodes[n].is_once;
    }
    for (uint32_t i = 0; i < plan->outgoing_count; i++) {
        plan->meshes[source_mesh_of(plan, plan->outgoing[i]) + 1].leaving++;
        plan->meshes[target_mesh_of(plan, plan->outgoing[i]) + 1].entering++;
    }
    add_up_meshes(plan);
    g_autofree gw_plan_mesh *next =
        g_memdup2(plan->meshes, (mesh_count + 1) * sizeof(gw_plan_mesh));
    for (uint32_t n = 0; n < plan->node_count; n++)
        plan->nodes[n].place = next[plan->nodes[n].mesh].place++;
    for (uint32_t t = 0; t < plan->transfer_count; t++) {
        plan->leaving_place[t] = plan->entering_place[t] = GW_INDEX_NONE;
        if (plan->transfer_slot[t] == GW_INDEX_NONE)
            continue;
        plan->leaving_place[t] = next[source_mesh_of(plan, t)].leaving++;
        plan->entering_place[t] = next[target_mesh_of(plan, t)].entering++;
        plan->leaving[plan->leaving_place[t]] = t;
        plan->entering[plan->entering_place[t]] = t;
    }
}

static void mark_copied_slots(gw_plan *plan)
{
    const GArray *results = plan->program->results;
    for (uint32_t t = 0; t < plan->transfer_count; t++)
        if (plan->transfer_slot[t] != GW_INDEX_NONE)
            plan->slots[plan->transfer_slot[t]].is_copied = true;
    for (uint32_t r = 0; r < results->len; r++) {
        const gw_result *result = &g_array_index(results, gw_result, r);
        plan->slots[plan->nodes[result->node].first_slot + result->output].is_copied = true;
    }
    for (uint32_t e = 0; plan->has_exchanges && e < plan->program->edges->len; e++) {
        const gw_edge *edge = gw_program_edge(plan->program, e);
        const uint32_t first_slot = plan->nodes[edge->source_node].first_slot;
        if (edge->exchange.kind == GW_EXCHANGE_NONE)
            continue;
        plan->slots[first_slot + edge->source_output].is_copied = true;
        if (edge->exchange.kind == GW_EXCHANGE_DEAL)
            plan->slots[first_slot + edge->exchange.counts_output].is_copied = true;
    }
    plan->has_copied_slots = plan->outgoing_count > 0 || results->len > 0 || plan->has_exchanges;
}

gw_plan *gw_plan_new(const gw_program *program)
{
    gw_plan *plan = g_new0(gw_plan, 1);
    plan->program = program;
    plan->node_count = program->nodes->len;
    plan->transfer_count = 2 * program->edges->len;
    plan->nodes = g_new0(gw_plan_node, plan->node_count);
    plan->inputs = g_new0(gw_plan_input, program->edges->len + 1);
    plan->workspace_bytes = g_new0(uint64_t, program->meshes->len);
    plan->transfer_slot = g_new(uint32_t, plan->transfer_count + 1);
    plan->has_exchanges = program->exchange_count > 0;
    for (uint32_t t = 0; t < plan->transfer_count; t++)
        plan->transfer_slot[t] = GW_INDEX_NONE;
    set_nodes(plan);
    number_slots(plan);
    plan_inputs(plan);
    list_outgoing(plan);
    list_by_mesh(plan);
    for (uint32_t r = program->results->len; r-- > 0;)
        plan->nodes[g_array_index(program->results, gw_result, r).node].result = r;
    mark_copied_slots(plan);
    gw_plan_settle_donations(plan);
    gw_plan_settle_peak(plan);
    return plan;
}

void gw_plan_free(gw_plan *plan)
{
    if (plan == NULL)
        return;
    g_free(plan->nodes);
    g_free(plan->slots);
    g_free(plan->mesh_slots);
    g_free(plan->meshes);
    g_free(plan->inputs);
    g_free(plan->outgoing);
    g_free(plan->leaving);
    g_free(plan->entering);
    g_free(plan->transfer_slot);
    g_free(plan->leaving_place);
    g_free(plan->entering_place);
    g_free(plan->workspace_bytes);
    g_free(plan->peak);
    g_free(plan);
}

/* --- One host --- */

typedef struct {
    gw_lowered *lowered;
    const gw_plan *plan;
    const gw_assignment *assignment;
    const gw_directory *directory;
    uint32_t first_device, device_count; /* Of the host. */
    GArray *kinds;                       /* transfer_kind: those seen so far. */
    GArray *counts;                      /* uint32_t: theirs. */
} lowering;

typedef struct { /* One end of a transfer. */
    uint32_t mesh, shard_count;
    const uint32_t *devices;
    const gw_value *value;
    uint64_t row_bytes, rows; /* Of one shard. */
    bool is_sharded;
} transfer_end;

typedef struct { /* What transfers between such ends have in common. */
    transfer_end source, target;
    gw_lowered_part pieces, sources;
    uint32_t first_count; /* By local shard of the target: pieces it gets. */
} transfer_kind;

/* A mesh sends the same few shapes to the same few meshes again and again. */
#define KINDS_TRIED 8

static transfer_end end_of(const lowering *job, uint32_t node, uint32_t value_index)
{
    const gw_function *function = gw_program_function(job->plan->program, node);
    const gw_value *value = gw_function_value(function, value_index);
    uint32_t mesh = job->plan->nodes[node].mesh;
    const gw_assignment *assignment = job->assignment;
    return (transfer_end){
        .mesh = mesh,
        .shard_count = assignment->first[mesh + 1] - assignment->first[mesh],
        .devices = assignment->devices + assignment->first[mesh],
        .value = value,
        .row_bytes = (uint64_t)value->columns * value->element_bytes,
        .rows = value->rows,
        .is_sharded = value->is_sharded,
    };
}

static bool is_here(const lowering *job, uint32_t device)
{
    return device - job->first_device < job->device_count;
}

static gw_piece piece_between(const transfer_end *source, uint32_t source_shard,
                              const transfer_end *target, uint32_t target_shard)
{
    uint64_t source_begin = source->is_sharded ? source_shard * source->rows : 0;
    uint64_t target_begin = target->is_sharded ? target_shard * target->rows : 0;
    uint64_t begin = MAX(source_begin, target_begin);
    uint64_t end = MIN(source_begin + source->rows, target_begin + target->rows);
    gw_check(begin < end);
    return (gw_piece){
        .source_device = source->devices[source_shard],
        .target_device = target->devices[target_shard],
        .source_offset_bytes = (begin - source_begin) * source->row_bytes,
        .target_offset_bytes = (begin - target_begin) * target->row_bytes,
        .size_bytes = (end - begin) * source->row_bytes,
    };
}

static void add_source_host(lowering *job, gw_lowered_part *sources, uint32_t host)
{
    GArray *hosts = job->lowered->source_hosts;
    for (uint32_t i = 0; i < sources->count; i++)
        if (g_array_index(hosts, uint32_t, sources->first + i) == host)
            return;
    g_array_append_val(hosts, host);
    sources->count++;
}

/* More copies for the local shards of a node: `counts` has one entry for each of them; NULL: one
 * copy each. */
static void add_arrivals(lowering *job, uint32_t n, bool is_run_0, const uint32_t *counts)
{
    gw_lowered *lowered = job->lowered;
    const gw_plan_node *node = &job->plan->nodes[n];
    const uint32_t local_count = gw_lowered_local_count(lowered, node->mesh);
    if (local_count == 0)
        return;
    uint32_t **arrivals =
        &lowered->arrivals[2 * (node->place - lowered->first_place) + (is_run_0 ? 1 : 0)];
    if (*arrivals == NULL)
        *arrivals = g_new0(uint32_t, local_count);
    for (uint32_t i = 0; i < local_count; i++)
        (*arrivals)[i] += counts == NULL ? 1 : counts[i];
}

static bool are_alike(const transfer_end *a, const transfer_end *b)
{
    return a->mesh == b->mesh && a->row_bytes == b->row_bytes && a->rows == b->rows &&
           a->is_sharded == b->is_sharded;
}

/* Among the latest; NULL: not there. */
static const transfer_kind *find_kind(const lowering *job, const transfer_end *source,
                                      const transfer_end *target)
{
    const guint count = job->kinds->len;
    for (guint i = count; i-- > 0 && i + KINDS_TRIED >= count;) {
        const transfer_kind *kind = &g_array_index(job->kinds, transfer_kind, i);
        if (are_alike(&kind->source, source) && are_alike(&kind->target, target))
            return kind;
    }
    return NULL;
}

/* Its pieces from here, and the hosts that pieces come here from. */
static const transfer_kind *add_kind(lowering *job, const transfer_end *source,
                                     const transfer_end *target)
{
    gw_lowered *lowered = job->lowered;
    const bool has_sources = gw_lowered_local_count(lowered, source->mesh) > 0;
    transfer_kind kind = {.source = *source,
                          .target = *target,
                          .pieces = {.first = lowered->pieces->len},
                          .sources = {.first = lowered->source_hosts->len},
                          .first_count = job->counts->len};
    for (uint32_t shard = 0; shard < target->shard_count; shard++) {
        uint32_t first;
        const uint32_t end =
            gw_value_sources(source->value, source->shard_count, target->value, shard, &first);
        const uint32_t count = end - first;
        const bool target_is_here = is_here(job, target->devices[shard]);
        for (uint32_t s = first; s < end; s++) {
            if (has_sources && is_here(job, source->devices[s])) {
                gw_piece piece = piece_between(source, s, target, shard);
                g_array_append_val(lowered->pieces, piece);
                kind.pieces.count++;
            }
            if (target_is_here)
                add_source_host(
                    job, &kind.sources,
                    gw_directory_host(job->directory, (gw_device_id){source->devices[s]}).index);
        }
        if (target_is_here)
            g_array_append_val(job->counts, count);
    }
    g_array_append_val(job->kinds, kind);
    return &g_array_index(job->kinds, transfer_kind, job->kinds->len - 1);
}

/* One of the meshes of its ends is here. */
static void lower_transfer(lowering *job, uint32_t number)
{
    const gw_program *program = job->plan->program;
    const gw_edge *edge = gw_program_edge(program, number / 2);
    const gw_plan_input *input = &job->plan->inputs[number / 2];
    if (edge->exchange.kind != GW_EXCHANGE_NONE) { /* Its rows are nobody's piece. */
        add_arrivals(job, edge->target_node, false, NULL);
        add_arrivals(job, edge->target_node, true, NULL);
        return;
    }
    const bool is_initial = number % 2 == 1;
    const uint32_t source_node = is_initial ? edge->initial_node : edge->source_node;
    const uint32_t source_output = is_initial ? edge->initial_output : edge->source_output;
    const gw_function *from = gw_program_function(program, source_node);
    const gw_function *into = gw_program_function(program, edge->target_node);
    const transfer_end source = end_of(job, source_node, gw_function_output(from, source_output));
    const transfer_end target =
        end_of(job, edge->target_node, gw_function_input(into, edge->target_input));
    const transfer_kind *kind = find_kind(job, &source, &target);
    if (kind == NULL)
        kind = add_kind(job, &source, &target);
    if (gw_lowered_local_count(job->lowered, source.mesh) > 0)
        job->lowered->leaving[job->plan->leaving_place[number] - job->lowered->first_leaving] =
            kind->pieces;
    if (gw_lowered_local_count(job->lowered, target.mesh) > 0)
        job->lowered->entering[job->plan->entering_place[number] - job->lowered->first_entering] =
            kind->sources;
    for (uint32_t run = 0; run < 2; run++)
        if (gw_plan_input_arrives(input, run) && gw_plan_input_transfer(input, run) == number)
            add_arrivals(job, edge->target_node, run == 0,
                         &g_array_index(job->counts, uint32_t, kind->first_count));
}

static lowering begin_lowering(const gw_plan *plan, const gw_assignment *assignment,
                               const gw_directory *directory, gw_node_id host)
{
    lowering made = {.plan = plan, .assignment = assignment, .directory = directory};
    made.device_count = gw_directory_devices_of_host(directory, host, &made.first_device);
    return made;
}

/* The lowered form, with no more in it than the local shards. */
static void list_local_shards(lowering *job)
{
    const gw_assignment *assignment = job->assignment;
    const uint32_t mesh_count = assignment->mesh_count;
    gsize table_count = mesh_count + 1;
    for (uint32_t d = assignment->first[0]; d < assignment->first[mesh_count]; d++)
        table_count += is_here(job, assignment->devices[d]);
    gw_lowered *lowered =
        (gw_lowered *)gw_lines_new0(1, sizeof(gw_lowered) + table_count * sizeof(uint32_t));
    lowered->mesh_count = mesh_count;
    lowered->local_devices = lowered->first_local + mesh_count + 1;
    lowered->has_first_shard = g_new0(uint8_t, mesh_count);
    uint32_t count = 0;
    for (uint32_t m = 0; m < mesh_count; m++) {
        for (uint32_t d = assignment->first[m]; d < assignment->first[m + 1]; d++)
            if (is_here(job, assignment->devices[d]))
                lowered->local_devices[count++] = assignment->devices[d];
        lowered->first_local[m + 1] = count;
        if (gw_lowered_local_count(lowered, m) > 0) {
            lowered->first_mesh = lowered->end_mesh == 0 ? m : lowered->first_mesh;
            lowered->end_mesh = m + 1;
        }
        lowered->has_first_shard[m] = is_here(job, assignment->devices[assignment->first[m]]);
    }
    job->lowered = lowered;
}

static void make_tables(lowering *job)
{
    gw_lowered *lowered = job->lowered;
    const gw_plan_mesh *first = &job->plan->meshes[lowered->first_mesh];
    const gw_plan_mesh *end = &job->plan->meshes[lowered->end_mesh];
    lowered->first_place = first->place;
    lowered->place_count = end->place - first->place;
    lowered->first_leaving = first->leaving;
    lowered->leaving_count = end->leaving - first->leaving;
    lowered->first_entering = first->entering;
    lowered->entering_count = end->entering - first->entering;
    lowered->arrivals = g_new0(uint32_t *, 2 * lowered->place_count + 1);
    lowered->leaving = g_new0(gw_lowered_part, lowered->leaving_count + 1);
    lowered->entering = g_new0(gw_lowered_part, lowered->entering_count + 1);
}

/* Those from a mesh that is here, and those to one that is from others. */
static void lower_transfers(lowering *job)
{
    const gw_plan *plan = job->plan;
    gw_lowered *lowered = job->lowered;
    make_tables(job);
    job->kinds = g_array_new(FALSE, FALSE, sizeof(transfer_kind));
    job->counts = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    for (uint32_t m = lowered->first_mesh; m < lowered->end_mesh; m++) {
        if (gw_lowered_local_count(lowered, m) == 0)
            continue;
        for (uint32_t i = plan->meshes[m].leaving; i < plan->meshes[m + 1].leaving; i++)
            lower_transfer(job, plan->leaving[i]);
        for (uint32_t i = plan->meshes[m].entering; i < plan->meshes[m + 1].entering; i++)
            if (gw_lowered_local_count(lowered, source_mesh_of(plan, plan->entering[i])) == 0)
                lower_transfer(job, plan->entering[i]);
    }
    g_array_unref(job->kinds);
    g_array_unref(job->counts);
}

gw_lowered *gw_lowered_new(const gw_plan *plan, const gw_assignment *assignment,
                           const gw_directory *directory, gw_node_id host)
{
    lowering job = begin_lowering(plan, assignment, directory, host);
    list_local_shards(&job);
    gw_lowered *lowered = job.lowered;
    for (uint32_t m = lowered->first_mesh; m < lowered->end_mesh; m++) {
        if (gw_lowered_local_count(lowered, m) == 0)
            continue;
        const uint32_t count = plan->meshes[m + 1].place - plan->meshes[m].place;
        lowered->gangs_in_run_0 += count;
        lowered->gangs_per_run += count - plan->meshes[m].first_run_count;
    }
    lowered->pieces = g_array_new(FALSE, FALSE, sizeof(gw_piece));
    lowered->source_hosts = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    if (plan->outgoing_count > 0)
        lower_transfers(&job);
    return lowered;
}

void gw_lowered_free(gw_lowered *lowered)
{
    if (lowered == NULL)
        return;
    for (uint32_t i = 0; i < 2 * lowered->place_count; i++)
        g_free(lowered->arrivals[i]);
    g_free(lowered->arrivals);
    g_free(lowered->has_first_shard);
    g_free(lowered->leaving);
    g_free(lowered->entering);
    g_array_unref(lowered->pieces);
    g_array_unref(lowered->source_hosts);
    gw_lines_free(lowered);
}
