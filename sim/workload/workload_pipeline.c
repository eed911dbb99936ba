/* SPDX-License-Identifier: Apache-2.0 */
/* A pipelined training step of given times: each stage its own mesh, each micro-batch a forward
 * and a backward per stage and chunk of it, the backward whole or in its parts for inputs and for
 * weights, as the schedule says; transfers between neighbours.
 *
 * A stage's devices run nodes in the order of the schedule, because nodes are added in the order
 * in which they would start if nothing cost anything but the given times.  A forward's activation
 * has its own backward as a reader, and what is left of it for the weights the part for weights,
 * so memory follows the schedule.  The update of weights, where a model says how large it is, comes
 * last on each stage.  Runs depend on each other through the devices alone, and how many may be
 * under way (the job's "in_flight") says whether a step waits for all stages of the one before. */
#include "workload/workload.h"
#include "workload/workload_params.h"
#include "workload/workload_pipeline_model.h"
#include "workload/workload_schedule_choice.h"

#define STAGES_MAX 4096U

typedef struct {
    uint64_t stage_count, microbatch_count, devices_per_stage;
    uint64_t activation_bytes, kept_bytes;
    gw_schedule_choice choice;
    gw_pipeline_model model;
    gw_stage_times *times; /* By stage. */
    gw_workload_schedule *schedule;
    gw_time *start_ns; /* By slot. */
} pipeline_spec;

static void clear_pipeline(pipeline_spec *pipeline)
{
    gw_workload_schedule_free(pipeline->schedule);
    g_free(pipeline->start_ns);
    gw_schedule_choice_clear(&pipeline->choice);
    g_free(pipeline->times);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(pipeline_spec, clear_pipeline)

/* --- Parameters --- */

/* Each chunk takes 1 ns at least, but for weights, which only schedules that split ask for. */
static bool read_times(gw_params *params, pipeline_spec *out, GError **error)
{
    const uint32_t count = (uint32_t)out->stage_count;
    g_autofree gw_span *forward_ns = g_new0(gw_span, count);
    g_autofree gw_span *backward_ns = g_new0(gw_span, count);
    g_autofree gw_span *weight_ns = g_new0(gw_span, count);
    g_autofree gw_span *transfer_ns = g_new0(gw_span, count);
    const uint64_t least_ns = out->choice.chunk_count;
    if (!gw_workload_read_spans(params, "forward", true, least_ns, count, forward_ns, error) ||
        !gw_workload_read_spans(params, "backward", true, least_ns, count, backward_ns, error) ||
        !gw_workload_read_spans(params, "weight", false, 0, count, weight_ns, error) ||
        !gw_workload_read_spans(params, "transfer", false, 1, count, transfer_ns, error)) {
        return false;
    }
    out->times = g_new0(gw_stage_times, count);
    for (uint32_t stage = 0; stage < count; stage++) {
        out->times[stage] = (gw_stage_times){.forward_ns = forward_ns[stage],
                                             .backward_ns = backward_ns[stage] + weight_ns[stage],
                                             .transfer_ns = transfer_ns[stage],
                                             .weight_ns = weight_ns[stage]};
    }
    return true;
}

static bool check_sizes(gw_params *params, const pipeline_spec *pipeline, GError **error)
{
    const uint64_t per_microbatch = pipeline->stage_count * pipeline->choice.chunk_count *
                                    (pipeline->choice.ops->splits ? 3 : 2);
    if (per_microbatch * pipeline->microbatch_count > GW_WORKLOAD_NODES_MAX) {
        gw_params_error(params, "microbatches", error,
                        "found %" G_GUINT64_FORMAT " in %" G_GUINT64_FORMAT
                        " stages, expected at most %" G_GUINT64_FORMAT,
                        pipeline->microbatch_count, pipeline->stage_count,
                        GW_WORKLOAD_NODES_MAX / per_microbatch);
        return false;
    }
    return true;
}

static bool read_memory(gw_params *params, pipeline_spec *out, GError **error)
{
    if (!gw_workload_read_buffer(params, "activation", false, &out->activation_bytes, error)) {
        return false;
    }
    out->kept_bytes = out->activation_bytes;
    if (!gw_workload_read_buffer(params, "weight_activation", false, &out->kept_bytes, error)) {
        return false;
    }
    if (out->kept_bytes > out->activation_bytes) {
        gw_params_error(params, "weight_activation", error,
                        "found %" G_GUINT64_FORMAT
                        " bytes, expected at most the activation's %" G_GUINT64_FORMAT,
                        out->kept_bytes, out->activation_bytes);
        return false;
    }
    return true;
}

/* --- The schedule --- */

static bool check_durations(gw_params *params, const pipeline_spec *pipeline, GError **error)
{
    const gw_workload_schedule *schedule = pipeline->schedule;
    for (uint32_t stage = 0; stage < schedule->stage_count; stage++) {
        for (uint32_t i = schedule->first_slot[stage]; i < schedule->first_slot[stage + 1]; i++) {
            const gw_slot *slot = &schedule->slots[i];
            if (gw_workload_slot_ns(schedule, &pipeline->times[stage], slot) > 0) {
                continue;
            }
            g_autofree char *words = gw_workload_slot_describe(schedule, stage, slot);
            gw_params_error(params, "weight", error,
                            "schedule \"%s\" has %s, which takes no time; expected a \"weight\" "
                            "of 1 ns per chunk at least",
                            pipeline->choice.ops->name, words);
            return false;
        }
    }
    return true;
}

static double find_kept_share(const pipeline_spec *pipeline)
{
    return (double)pipeline->kept_bytes / (double)pipeline->activation_bytes;
}

static bool make_schedule(gw_params *params, pipeline_spec *pipeline, GError **error)
{
    const gw_schedule_request request = {.stage_count = (uint32_t)pipeline->stage_count,
                                         .microbatch_count = (uint32_t)pipeline->microbatch_count,
                                         .times = pipeline->times,
                                         .kept_share = find_kept_share(pipeline)};
    pipeline->schedule =
        gw_schedule_choice_make(params, &pipeline->choice, request, &pipeline->start_ns, error);
    return pipeline->schedule != NULL && check_durations(params, pipeline, error);
}

static bool read_pipeline(gw_params *params, pipeline_spec *out, GError **error)
{
    return gw_params_count(params, "stages", true, 1, STAGES_MAX, &out->stage_count, error) &&
           gw_params_count(params, "microbatches", true, 1, GW_SCHEDULE_MICROBATCHES_MAX,
                           &out->microbatch_count, error) &&
           gw_schedule_choice_read(params, &gw_schedule_1f1b, &out->choice, error) &&
           gw_schedule_choice_read_wrap(params, out->stage_count, &out->choice, error) &&
           gw_params_count(params, "devices_per_stage", false, 1, GW_WORKLOAD_DEVICES_MAX,
                           &out->devices_per_stage, error) &&
           read_memory(params, out, error) && check_sizes(params, out, error) &&
           read_times(params, out, error) &&
           gw_pipeline_model_read(params, (uint32_t)out->stage_count * out->choice.chunk_count,
                                  &out->model, error) &&
           gw_params_finish(params, error) && make_schedule(params, out, error);
}

/* --- Functions --- */

typedef struct {
    const pipeline_spec *pipeline;
    gw_builder *builder;
    /* By kind of slot in a place of the pipeline, one that waits for a neighbour's output and one
     * that does not; or NONE. */
    uint32_t *functions;
    uint32_t *forward, *backward; /* Nodes by pass; the latter whole or for inputs. */
    uint32_t *weights;            /* Likewise; or NONE. */
} pipeline_maker;

#define KIND_COUNT 4U

static const char *name_kind(gw_slot_kind kind)
{
    static const char *const names[] = {[GW_SLOT_FORWARD] = "forward",
                                        [GW_SLOT_BACKWARD] = "backward",
                                        [GW_SLOT_INPUTS] = "inputs",
                                        [GW_SLOT_WEIGHTS] = "weights"};
    return names[kind];
}

/* "forward3.s1", or without a micro-batch "forward.s1"; of chunks "forward3.s1.c0". */
static char *name_slot(const gw_workload_schedule *schedule, uint32_t stage, const gw_slot *slot,
                       bool has_microbatch)
{
    GString *name = g_string_new(name_kind(slot->kind));
    if (has_microbatch) {
        g_string_append_printf(name, "%u", slot->microbatch);
    }
    g_string_append_printf(name, ".s%u", stage);
    if (schedule->chunk_count > 1) {
        g_string_append_printf(name, ".c%u", slot->chunk);
    }
    return g_string_free(name, FALSE);
}

/* Inputs: the neighbour's, where it waits for one, comes first; a backward's last is its own
 * activation.  Outputs: to the neighbour, where there is one, then what is kept for the weights. */
static gw_function *make_function(const pipeline_spec *pipeline, uint32_t stage,
                                  const gw_slot *slot)
{
    const gw_workload_schedule *schedule = pipeline->schedule;
    const uint32_t rows = (uint32_t)(pipeline->activation_bytes / 4);
    const uint32_t kept_rows = (uint32_t)(pipeline->kept_bytes / 4);
    const uint32_t place = slot->chunk * schedule->stage_count + stage;
    const bool is_forward = slot->kind == GW_SLOT_FORWARD;
    g_autofree char *name = name_slot(schedule, stage, slot, false);
    gw_function *function = gw_function_new(name);
    if (slot->kind == GW_SLOT_WEIGHTS) {
        gw_function_add_input(function, kept_rows, 1, true);
    } else {
        if (gw_workload_slot_waits(schedule, stage, slot)) {
            gw_function_add_input(function, rows, 1, true);
        }
        if (!is_forward) {
            gw_function_add_input(function, rows, 1, true);
        }
        if (is_forward || place > 0) {
            gw_function_add_output(function, rows, 1, true);
        }
    }
    if (slot->kind == GW_SLOT_INPUTS) {
        gw_function_add_output(function, kept_rows, 1, true);
    }
    const gw_span duration_ns = gw_pipeline_model_layers_ns(
        &pipeline->model, place, gw_workload_slot_ns(schedule, &pipeline->times[stage], slot));
    gw_function_add(function,
                    &(gw_operation){.kind = GW_OPERATION_DURATION, .duration_ns = duration_ns});
    gw_pipeline_model_add_pass(&pipeline->model, function, slot->kind, place);
    return function;
}

static uint32_t find_function(const pipeline_maker *maker, uint32_t stage, const gw_slot *slot)
{
    const gw_workload_schedule *schedule = maker->pipeline->schedule;
    const uint32_t place = slot->chunk * schedule->stage_count + stage;
    const uint32_t kind = (place * KIND_COUNT + slot->kind - GW_SLOT_FORWARD) * 2;
    uint32_t *function = &maker->functions[kind + gw_workload_slot_waits(schedule, stage, slot)];
    if (*function == GW_INDEX_NONE) {
        *function =
            gw_builder_take_function(maker->builder, make_function(maker->pipeline, stage, slot));
    }
    return *function;
}

static void add_meshes(const pipeline_spec *pipeline, gw_builder *builder)
{
    const uint32_t shape[] = {(uint32_t)pipeline->devices_per_stage};
    for (uint32_t stage = 0; stage < pipeline->stage_count; stage++) {
        g_autofree char *name = g_strdup_printf("stage%u", stage);
        const uint32_t mesh = gw_builder_add_mesh(builder, name, 1, shape);
        gw_builder_set_activations(
            builder, mesh,
            gw_workload_schedule_peak(pipeline->schedule, stage, find_kept_share(pipeline)));
    }
}

/* --- Nodes --- */

typedef struct {
    gw_time start_ns;
    uint32_t stage, slot;
} placed_slot;

static int compare_placed(const void *a, const void *b)
{
    const placed_slot *left = a, *right = b;
    if (left->start_ns != right->start_ns) {
        return left->start_ns < right->start_ns ? -1 : 1;
    }
    return left->slot < right->slot ? -1 : left->slot > right->slot; /* Slots go by stage. */
}

static void add_slot(const pipeline_maker *maker, const placed_slot *placed)
{
    const gw_workload_schedule *schedule = maker->pipeline->schedule;
    const gw_slot *slot = &schedule->slots[placed->slot];
    g_autofree char *name = name_slot(schedule, placed->stage, slot, true);
    const uint32_t node = gw_builder_add_node(
        maker->builder, name, find_function(maker, placed->stage, slot), placed->stage);
    gw_builder_label(maker->builder, node, placed->stage, slot->microbatch);
    const uint32_t place = slot->chunk * schedule->stage_count + placed->stage;
    const uint32_t pass = place * schedule->microbatch_count + slot->microbatch;
    uint32_t *nodes = slot->kind == GW_SLOT_FORWARD   ? maker->forward
                      : slot->kind == GW_SLOT_WEIGHTS ? maker->weights
                                                      : maker->backward;
    nodes[pass] = node;
}

static bool waits_at(const gw_workload_schedule *schedule, gw_slot_kind kind, uint32_t place,
                     uint32_t microbatch)
{
    const uint32_t stages = schedule->stage_count;
    const gw_slot slot = {.kind = kind, .microbatch = microbatch, .chunk = place / stages};
    return gw_workload_slot_waits(schedule, place % stages, &slot);
}

/* Those of one pass: its activation to its backward, and what it sends to its neighbours. */
static void add_pass_edges(const pipeline_maker *maker, uint32_t place, uint32_t microbatch)
{
    const gw_workload_schedule *schedule = maker->pipeline->schedule;
    const uint32_t stages = schedule->stage_count, count = schedule->microbatch_count;
    const uint32_t last = stages * schedule->chunk_count - 1;
    const uint32_t here = place * count + microbatch;
    const gw_span transfer_ns = stages > 1 ? maker->pipeline->times[place % stages].transfer_ns : 0;
    gw_builder_add_edge(maker->builder, maker->forward[here], 0, maker->backward[here],
                        waits_at(schedule, GW_SLOT_BACKWARD, place, microbatch) ? 1 : 0);
    if (maker->weights[here] != GW_INDEX_NONE) {
        gw_builder_add_edge(maker->builder, maker->backward[here], place > 0 ? 1 : 0,
                            maker->weights[here], 0);
    }
    if (place < last && waits_at(schedule, GW_SLOT_FORWARD, place + 1, microbatch)) {
        gw_builder_add_timed_edge(maker->builder, maker->forward[here], 0,
                                  maker->forward[here + count], 0, transfer_ns);
    }
    if (place > 0 && waits_at(schedule, GW_SLOT_BACKWARD, place - 1, microbatch)) {
        gw_builder_add_timed_edge(maker->builder, maker->backward[here], 0,
                                  maker->backward[here - count], 0, transfer_ns);
    }
}

static placed_slot *sort_slots(const pipeline_spec *pipeline)
{
    const gw_workload_schedule *schedule = pipeline->schedule;
    const uint32_t slot_count = schedule->first_slot[schedule->stage_count];
    placed_slot *order = g_new(placed_slot, slot_count);
    for (uint32_t stage = 0; stage < schedule->stage_count; stage++) {
        for (uint32_t i = schedule->first_slot[stage]; i < schedule->first_slot[stage + 1]; i++) {
            order[i] = (placed_slot){.start_ns = pipeline->start_ns[i], .stage = stage, .slot = i};
        }
    }
    qsort(order, slot_count, sizeof *order, compare_placed);
    return order;
}

static uint32_t *new_indexes(uint32_t count)
{
    uint32_t *indexes = g_new(uint32_t, count);
    for (uint32_t i = 0; i < count; i++) {
        indexes[i] = GW_INDEX_NONE;
    }
    return indexes;
}

static void add_nodes(const pipeline_spec *pipeline, gw_builder *builder)
{
    const gw_workload_schedule *schedule = pipeline->schedule;
    const uint32_t place_count = schedule->stage_count * schedule->chunk_count;
    const uint32_t pass_count = place_count * schedule->microbatch_count;
    const uint32_t slot_count = schedule->first_slot[schedule->stage_count];
    g_autofree uint32_t *functions = new_indexes(place_count * KIND_COUNT * 2);
    g_autofree uint32_t *forward = new_indexes(pass_count);
    g_autofree uint32_t *backward = new_indexes(pass_count);
    g_autofree uint32_t *weights = new_indexes(pass_count);
    const pipeline_maker maker = {pipeline, builder, functions, forward, backward, weights};
    g_autofree placed_slot *order = sort_slots(pipeline);
    for (uint32_t i = 0; i < slot_count; i++) {
        add_slot(&maker, &order[i]);
    }
    for (uint32_t place = 0; place < place_count; place++) {
        for (uint32_t i = 0; i < schedule->microbatch_count; i++) {
            add_pass_edges(&maker, place, i);
        }
    }
}

/* Behind all passes, so that each stage comes to its own last. */
static void add_updates(const pipeline_spec *pipeline, gw_builder *builder)
{
    const uint32_t stages = (uint32_t)pipeline->stage_count;
    for (uint32_t stage = 0; pipeline->model.layers > 0 && stage < stages; stage++) {
        g_autofree char *name = g_strdup_printf("update.s%u", stage);
        gw_function *function = gw_function_new(name);
        double count = 0;
        for (uint32_t c = 0; c < pipeline->choice.chunk_count; c++) {
            count += gw_pipeline_model_count(&pipeline->model, c * stages + stage);
        }
        gw_pipeline_model_add_update(function, count);
        const uint32_t node =
            gw_builder_add_node(builder, name, gw_builder_take_function(builder, function), stage);
        gw_builder_label(builder, node, stage, GW_INDEX_NONE);
    }
}

static gw_program *build_pipeline(gw_params *params, uint64_t seed, GError **error)
{
    (void)seed; /* Nothing is random. */
    g_auto(pipeline_spec) pipeline = {.devices_per_stage = 1, .activation_bytes = 1 << 20};
    if (!read_pipeline(params, &pipeline, error)) {
        return NULL;
    }
    gw_builder *builder = gw_builder_new("pipeline");
    if (pipeline.choice.file != NULL) {
        gw_builder_add_input(builder, pipeline.choice.file);
    }
    add_meshes(&pipeline, builder);
    add_nodes(&pipeline, builder);
    add_updates(&pipeline, builder);
    gw_builder_set_tokens(builder, gw_pipeline_model_tokens(&pipeline.model) *
                                       (double)pipeline.microbatch_count);
    return gw_workload_finish(builder, params, error);
}

static const char *const pipeline_help[] = {
    "stages  how many, each on a mesh of its own: \"stage0\" and so on",
    "microbatches  how many per run",
    "schedule  its name, see `gangway list schedules`; default \"1f1b\"",
    "schedule_file  with schedule \"file\": a CSV of stage,operation,microbatch,chunk",
    "chunks  of layers per stage, with \"interleaved\" or \"file\"; default 1",
    "wrap_waits  with \"interleaved\": which micro-batches wait for their input where they go from "
    "the last stage round to the first, and back: \"all\" (default), as a machine's do, or the "
    "\"first\" of as many as there are stages, as a published evaluation has it",
    "activations_max  micro-batches that a stage may hold: zb-auto searches so, others are checked",
    "forward  a span, or a list of one per stage",
    "backward  the same: the backward pass for inputs",
    "weight  the same: the backward pass for weights, default none",
    "transfer  the same: how long what a stage sends is under way; default: the wires say",
    "activation  bytes of one micro-batch on one device, sent and kept; default \"1MiB\"",
    "weight_activation  bytes of it kept from the pass for inputs to that for weights; default all",
    "devices_per_stage  default 1",
    "model  {layers, hidden, vocabulary, sequence, microbatch}: the first and the last place have "
    "a "
    "layer fewer, an embedding, and a head and a loss; each stage ends with an update of its "
    "weights",
    NULL,
};

const gw_workload_ops gw_workload_pipeline = {
    .name = "pipeline",
    .summary = "pipeline stages of given times: bubbles, schedules, memory",
    .help = pipeline_help,
    .build = build_pipeline,
};
