/* SPDX-License-Identifier: Apache-2.0 */
/* A pipelined training step of given times: each stage its own mesh, each micro-batch a forward
 * and a backward (for inputs and for weights, one node) per stage, transfers between neighbours.
 *
 * A stage's devices run nodes in the order of the schedule, because nodes are added in the order
 * in which they would start if nothing cost anything but the given times.  A forward's activation
 * has its own backward as a reader, so it stays until then and memory follows the schedule.  The
 * update of weights is not modelled: runs depend on each other through the devices alone. */
#include "workload/workload.h"
#include "workload/workload_params.h"
#include "workload/workload_schedule.h"

#define STAGES_MAX       4096U
#define MICROBATCHES_MAX 65536U

typedef struct {
    uint64_t stage_count, microbatch_count, devices_per_stage, activation_bytes;
    uint32_t schedule;
    gw_stage_times *times; /* By stage; backward_ns is for inputs and weights. */
} pipeline_spec;

/* --- Parameters --- */

static bool read_times(gw_params *params, pipeline_spec *out, GError **error)
{
    const uint32_t count = (uint32_t)out->stage_count;
    g_autofree gw_span *forward_ns = g_new0(gw_span, count);
    g_autofree gw_span *backward_ns = g_new0(gw_span, count);
    g_autofree gw_span *weight_ns = g_new0(gw_span, count);
    g_autofree gw_span *transfer_ns = g_new0(gw_span, count);
    if (!gw_workload_read_spans(params, "forward", true, 1, count, forward_ns, error) ||
        !gw_workload_read_spans(params, "backward", true, 1, count, backward_ns, error) ||
        !gw_workload_read_spans(params, "weight", false, 0, count, weight_ns, error) ||
        !gw_workload_read_spans(params, "transfer", false, 1, count, transfer_ns, error)) {
        return false;
    }
    out->times = g_new0(gw_stage_times, count);
    for (uint32_t stage = 0; stage < count; stage++) {
        out->times[stage] = (gw_stage_times){.forward_ns = forward_ns[stage],
                                             .backward_ns = backward_ns[stage] + weight_ns[stage],
                                             .transfer_ns = transfer_ns[stage]};
    }
    return true;
}

static bool check_sizes(gw_params *params, const pipeline_spec *pipeline, GError **error)
{
    const uint64_t node_count = pipeline->stage_count * pipeline->microbatch_count * 2;
    if (node_count > GW_WORKLOAD_NODES_MAX) {
        gw_params_error(params, "microbatches", error,
                        "found %" G_GUINT64_FORMAT " in %" G_GUINT64_FORMAT
                        " stages, expected at most %" G_GUINT64_FORMAT,
                        pipeline->microbatch_count, pipeline->stage_count,
                        GW_WORKLOAD_NODES_MAX / 2 / pipeline->stage_count);
        return false;
    }
    return true;
}

static bool read_pipeline(gw_params *params, pipeline_spec *out, GError **error)
{
    return gw_params_count(params, "stages", true, 1, STAGES_MAX, &out->stage_count, error) &&
           gw_params_count(params, "microbatches", true, 1, MICROBATCHES_MAX,
                           &out->microbatch_count, error) &&
           gw_params_choice(params, "schedule", false, gw_workload_schedule_names, &out->schedule,
                            error) &&
           gw_params_count(params, "devices_per_stage", false, 1, GW_WORKLOAD_DEVICES_MAX,
                           &out->devices_per_stage, error) &&
           gw_workload_read_buffer(params, "activation", false, &out->activation_bytes, error) &&
           check_sizes(params, out, error) && read_times(params, out, error) &&
           gw_params_finish(params, error);
}

/* --- Functions --- */

static gw_function *make_step(const char *kind, uint32_t stage, gw_span duration_ns, uint32_t rows,
                              uint32_t input_count, uint32_t output_count)
{
    g_autofree char *name = g_strdup_printf("%s.s%u", kind, stage);
    gw_function *function = gw_function_new(name);
    for (uint32_t i = 0; i < input_count; i++) {
        gw_function_add_input(function, rows, 1, true);
    }
    for (uint32_t i = 0; i < output_count; i++) {
        gw_function_add_output(function, rows, 1, true);
    }
    gw_function_add(function,
                    &(gw_operation){.kind = GW_OPERATION_DURATION, .duration_ns = duration_ns});
    return function;
}

/* Meshes, and functions 2 * stage (forward) and 2 * stage + 1 (backward).  Inputs: the
 * neighbour's, where there is one, comes first; a backward's last is its own activation. */
static void add_stages(const pipeline_spec *pipeline, gw_builder *builder)
{
    const uint32_t rows = (uint32_t)(pipeline->activation_bytes / 4);
    const uint32_t shape[] = {(uint32_t)pipeline->devices_per_stage};
    const uint32_t last = (uint32_t)pipeline->stage_count - 1;
    for (uint32_t stage = 0; stage <= last; stage++) {
        g_autofree char *name = g_strdup_printf("stage%u", stage);
        gw_builder_add_mesh(builder, name, 1, shape);
        const gw_stage_times *times = &pipeline->times[stage];
        gw_builder_take_function(
            builder, make_step("forward", stage, times->forward_ns, rows, stage > 0 ? 1 : 0, 1));
        gw_builder_take_function(builder, make_step("backward", stage, times->backward_ns, rows,
                                                    stage < last ? 2 : 1, stage > 0 ? 1 : 0));
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

static void add_slot(const gw_workload_schedule *schedule, const placed_slot *placed,
                     gw_builder *builder, uint32_t *out_forward, uint32_t *out_backward)
{
    const gw_slot *slot = &schedule->slots[placed->slot];
    const bool is_forward = slot->kind == GW_SLOT_FORWARD;
    g_autofree char *name = g_strdup_printf("%s%u.s%u", is_forward ? "forward" : "backward",
                                            slot->microbatch, placed->stage);
    const uint32_t node =
        gw_builder_add_node(builder, name, placed->stage * 2 + (is_forward ? 0 : 1), placed->stage);
    gw_builder_label(builder, node, placed->stage, slot->microbatch);
    const uint32_t place = placed->stage * schedule->microbatch_count + slot->microbatch;
    (is_forward ? out_forward : out_backward)[place] = node;
}

static void add_edges(const pipeline_spec *pipeline, gw_builder *builder, const uint32_t *forward,
                      const uint32_t *backward)
{
    const uint32_t count = (uint32_t)pipeline->microbatch_count;
    const uint32_t last = (uint32_t)pipeline->stage_count - 1;
    for (uint32_t stage = 0; stage <= last; stage++) {
        const gw_span transfer_ns = pipeline->times[stage].transfer_ns;
        for (uint32_t i = 0; i < count; i++) {
            const uint32_t here = stage * count + i;
            gw_builder_add_edge(builder, forward[here], 0, backward[here], stage < last ? 1 : 0);
            if (stage < last) {
                gw_builder_add_timed_edge(builder, forward[here], 0, forward[here + count], 0,
                                          transfer_ns);
            }
            if (stage > 0) {
                gw_builder_add_timed_edge(builder, backward[here], 0, backward[here - count], 0,
                                          transfer_ns);
            }
        }
    }
}

static void add_nodes(const pipeline_spec *pipeline, gw_builder *builder)
{
    g_autoptr(gw_workload_schedule) schedule = gw_workload_schedule_new(
        pipeline->schedule, (uint32_t)pipeline->stage_count, (uint32_t)pipeline->microbatch_count);
    const uint32_t slot_count = schedule->first_slot[schedule->stage_count];
    g_autofree gw_time *start_ns = g_new(gw_time, slot_count);
    gw_workload_schedule_play(schedule, pipeline->times, start_ns);
    g_autofree placed_slot *order = g_new(placed_slot, slot_count);
    for (uint32_t stage = 0; stage < schedule->stage_count; stage++) {
        for (uint32_t i = schedule->first_slot[stage]; i < schedule->first_slot[stage + 1]; i++) {
            order[i] = (placed_slot){.start_ns = start_ns[i], .stage = stage, .slot = i};
        }
    }
    qsort(order, slot_count, sizeof *order, compare_placed);
    g_autofree uint32_t *forward = g_new(uint32_t, slot_count / 2);
    g_autofree uint32_t *backward = g_new(uint32_t, slot_count / 2);
    for (uint32_t i = 0; i < slot_count; i++) {
        add_slot(schedule, &order[i], builder, forward, backward);
    }
    add_edges(pipeline, builder, forward, backward);
}

static gw_program *build_pipeline(gw_params *params, uint64_t seed, GError **error)
{
    (void)seed; /* Nothing is random. */
    pipeline_spec pipeline = {.devices_per_stage = 1, .activation_bytes = 1 << 20};
    gw_program *program = NULL;
    if (read_pipeline(params, &pipeline, error)) {
        gw_builder *builder = gw_builder_new("pipeline");
        add_stages(&pipeline, builder);
        add_nodes(&pipeline, builder);
        program = gw_workload_finish(builder, params, error);
    }
    g_free(pipeline.times);
    return program;
}

static const char *const pipeline_help[] = {
    "stages  how many, each on a mesh of its own: \"stage0\" and so on",
    "microbatches  how many per run",
    "schedule  \"1f1b\" (default) or \"gpipe\"",
    "forward  a span, or a list of one per stage",
    "backward  the same: the backward pass for inputs",
    "weight  the same: the backward pass for weights, default none",
    "transfer  the same: how long what a stage sends is under way; default: the wires say",
    "activation  bytes of one micro-batch on one device, sent and kept; default \"1MiB\"",
    "devices_per_stage  default 1",
    NULL,
};

const gw_workload_ops gw_workload_pipeline = {
    .name = "pipeline",
    .summary = "pipeline stages of given times: bubbles, schedules, memory",
    .help = pipeline_help,
    .build = build_pipeline,
};
