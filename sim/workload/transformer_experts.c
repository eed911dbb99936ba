/* SPDX-License-Identifier: Apache-2.0 */
/* A mixture of experts in the perceptron's place (Lepikhin et al., "GShard", 2020; Fedus et al.,
 * "Switch Transformers", 2021): a gate gives each token a seat at one or two experts, which are
 * two products with GELU between them, without biases.
 *
 * Experts are split along data.  A device fills a seat of each group of its tokens at each expert,
 * all of them exchange blocks of seats, so that each expert has its own from all devices, and the
 * same exchange takes them back.  Along tensor each expert's width is split, and all members gate
 * alike; what comes back are parts of a sum, which is taken of tokens rather than of seats, since
 * those are fewer.  Where the stream is in parts along tensor, all tokens are gathered behind the
 * norm, for seats depend on all of a group. */
#include "base/check.h"
#include "workload/emit.h"
#include "workload/transformer_private.h"

enum { NORM_GAIN, NORM_BIAS, GATE, WIDEN, NARROW, TENSORS };
enum {
    INPUT,
    NORM,
    SHARES, /* Of experts. */
    SEATS,
    WEIGHTS,
    CAME, /* What the device's experts were sent. */
    WIDE,
    ACTIVATED,
    BACK, /* What the device's tokens were sent, of this part of the width. */
    SAVED,
};

static uint32_t own_width(const gw_transformer *model)
{
    return model->feed_forward / model->tensor;
}

/* Seats at one expert of what one device sends. */
static uint32_t run_rows(const gw_transformer *model)
{
    return model->microbatch / model->group * model->capacity;
}

/* Seats at all experts of that; and likewise of all devices, at those of one. */
static uint32_t seat_rows(const gw_transformer *model)
{
    return model->experts * run_rows(model);
}

static void append_tensors(const gw_transformer *model, GArray *list)
{
    gw_transformer_append_tensor(list, 1, model->hidden, false, 0, 1);
    gw_transformer_append_tensor(list, 1, model->hidden, false, 0, 0);
    gw_transformer_append_tensor(list, model->experts, model->hidden, false,
                                 gw_transformer_weight_scale(), 0);
    g_array_index(list, gw_transformer_tensor, list->len - 1).is_seen_whole = true;
    gw_transformer_append_experts(model, list, model->feed_forward, gw_transformer_weight_scale());
    gw_transformer_append_experts(model, list, model->feed_forward,
                                  gw_transformer_added_scale(model));
}

static void saved_shape(const gw_transformer *model, uint32_t saved, uint32_t *out_rows,
                        uint32_t *out_columns)
{
    gw_check(saved < SAVED);
    *out_rows = saved >= CAME   ? seat_rows(model)
                : saved <= NORM ? gw_transformer_stream_rows(model)
                                : gw_transformer_local_rows(model);
    *out_columns = model->hidden;
    if (saved == SHARES)
        *out_columns = model->experts;
    if (saved == SEATS || saved == WEIGHTS)
        *out_columns = model->top;
    if (saved == WIDE || saved == ACTIVATED)
        *out_columns = own_width(model);
}

/* Seats are whole numbers, and shares choose again what they chose. */
static bool is_exact(uint32_t saved)
{
    return saved == SHARES || saved == SEATS || saved == WEIGHTS;
}

static bool is_selected(uint32_t saved)
{
    (void)saved;
    return false;
}

/* --- Operations --- */

static void add_operation(gw_pass *pass, gw_operation_kind kind, const uint32_t *inputs,
                          const uint32_t *outputs)
{
    gw_operation operation = {.kind = kind,
                              .sequence = pass->model->group * pass->model->sequence,
                              .capacity = pass->model->capacity};
    if (kind != GW_OPERATION_GATE_GRADIENT) {
        operation.by_masks = pass->model->by_masks;
        operation.pitch = pass->model->pitch;
    }
    const double tokens = (double)pass->model->batch * pass->model->sequence;
    operation.scalar = kind == GW_OPERATION_GATE_GRADIENT ? pass->model->balance / tokens : 0;
    for (uint32_t i = 0; i < gw_operation_input_count(&operation); i++)
        operation.inputs[i] = (uint16_t)inputs[i];
    for (uint32_t i = 0; i < gw_operation_output_count(&operation); i++)
        operation.outputs[i] = (uint16_t)outputs[i];
    gw_function_add(pass->function, &operation);
}

/* A product of all seats of the device's experts, each with its own weights. */
static void add_product(gw_pass *pass, gw_operation_kind kind, uint32_t a, uint32_t b,
                        bool transpose_b, uint32_t y)
{
    gw_function_add(pass->function,
                    &(gw_operation){.kind = kind,
                                    .transpose_b = transpose_b,
                                    .sequence = run_rows(pass->model),
                                    .blocks = pass->model->experts / pass->model->data,
                                    .inputs = {(uint16_t)a, (uint16_t)b},
                                    .outputs = {(uint16_t)y}});
}

/* To the experts, or back from them: into `y`, or where that is GW_INDEX_NONE where it likes, which
 * it returns. */
static uint32_t add_exchange(gw_pass *pass, uint32_t x, uint32_t y)
{
    const bool is_split = pass->model->data > 1;
    if (!is_split && y == GW_INDEX_NONE)
        return x;
    if (y == GW_INDEX_NONE)
        y = gw_pass_add_temporary(pass, seat_rows(pass->model), pass->model->hidden);
    if (is_split)
        gw_function_add(pass->function, &(gw_operation){.kind = GW_OPERATION_ALL_TO_ALL,
                                                        .axes = GW_TRANSFORMER_DATA,
                                                        .capacity = pass->model->capacity,
                                                        .pitch = pass->model->pitch,
                                                        .inputs = {(uint16_t)x},
                                                        .outputs = {(uint16_t)y}});
    else
        gw_emit_map(pass->function, GW_MAP_COPY, x, 0, y);
    return y;
}

/* --- Passes --- */

/* From all tokens' norms to seats and weights; and what it drops, added to what was. */
static void add_gate(gw_pass *pass, const gw_pass_part *part, uint32_t norms)
{
    gw_function *function = pass->function;
    const uint32_t logits = gw_function_add_temporary(function, pass->rows, pass->model->experts);
    const uint32_t dropped = gw_function_add_temporary(function, 1, 1);
    gw_emit_matmul(function, norms, false, part->tensors[GATE], true, logits);
    gw_function_add(function, &(gw_operation){.kind = GW_OPERATION_SOFTMAX,
                                              .inputs = {(uint16_t)logits},
                                              .outputs = {(uint16_t)part->saved[SHARES]}});
    add_operation(pass, GW_OPERATION_GATE, (const uint32_t[]){part->saved[SHARES]},
                  (const uint32_t[]){part->saved[SEATS], part->saved[WEIGHTS], dropped});
    const uint32_t before = pass->dropped;
    pass->dropped = dropped;
    if (before != GW_INDEX_NONE) {
        pass->dropped = gw_function_add_temporary(function, 1, 1);
        gw_emit_map(function, GW_MAP_ADD, before, dropped, pass->dropped);
    }
}

static void add_forward(gw_pass *pass, const gw_pass_part *part, uint32_t y)
{
    const uint32_t hidden = pass->model->hidden, rows = seat_rows(pass->model);
    const uint32_t *saved = part->saved;
    const uint32_t sent = gw_pass_add_temporary(pass, rows, hidden);
    const uint32_t answer = gw_pass_add_temporary(pass, rows, hidden);
    const uint32_t combined = gw_pass_add_activation(pass);
    gw_pass_add_norm(pass, saved[INPUT], part->tensors[NORM_GAIN], part->tensors[NORM_BIAS],
                     saved[NORM]);
    const uint32_t norms = gw_pass_gather(pass, saved[NORM]);
    add_gate(pass, part, norms);
    add_operation(pass, GW_OPERATION_DISPATCH, (const uint32_t[]){norms, saved[SEATS]}, &sent);
    add_exchange(pass, sent, saved[CAME]);
    add_product(pass, GW_OPERATION_BLOCK_MATMUL, saved[CAME], part->tensors[WIDEN], true,
                saved[WIDE]);
    gw_emit_map(pass->function, GW_MAP_GELU, saved[WIDE], 0, saved[ACTIVATED]);
    add_product(pass, GW_OPERATION_BLOCK_MATMUL, saved[ACTIVATED], part->tensors[NARROW], false,
                answer);
    add_exchange(pass, answer, saved[BACK]);
    add_operation(pass, GW_OPERATION_COMBINE,
                  (const uint32_t[]){saved[BACK], saved[SEATS], saved[WEIGHTS]}, &combined);
    gw_emit_map(pass->function, GW_MAP_ADD, saved[INPUT], gw_pass_sum_parts(pass, combined), y);
}

/* From the slopes of what is combined: writes those of weights to `dweights`, which are of this
 * part of the width, and of the experts; returns those of what was sent, of this part likewise. */
static uint32_t add_expert_gradient(gw_pass *pass, const gw_pass_part *part, uint32_t dy,
                                    uint32_t dweights)
{
    const uint32_t *saved = part->saved;
    const uint32_t hidden = pass->model->hidden, rows = seat_rows(pass->model);
    const uint32_t dback = gw_pass_add_temporary(pass, rows, hidden);
    const uint32_t dactive = gw_pass_add_temporary(pass, rows, own_width(pass->model));
    const uint32_t dwide = gw_pass_add_temporary(pass, rows, own_width(pass->model));
    const uint32_t dcame = gw_pass_add_temporary(pass, rows, hidden);
    add_operation(pass, GW_OPERATION_COMBINE_GRADIENT,
                  (const uint32_t[]){saved[BACK], saved[SEATS], saved[WEIGHTS], dy},
                  (const uint32_t[]){dback, dweights});
    const uint32_t danswer = add_exchange(pass, dback, GW_INDEX_NONE);
    add_product(pass, GW_OPERATION_BLOCK_MATMUL_GRADIENT, saved[ACTIVATED], danswer, false,
                part->gradients[NARROW]);
    add_product(pass, GW_OPERATION_BLOCK_MATMUL, danswer, part->tensors[NARROW], true, dactive);
    gw_emit_map(pass->function, GW_MAP_GELU_GRADIENT, dactive, saved[WIDE], dwide);
    add_product(pass, GW_OPERATION_BLOCK_MATMUL_GRADIENT, dwide, saved[CAME], false,
                part->gradients[WIDEN]);
    add_product(pass, GW_OPERATION_BLOCK_MATMUL, dwide, part->tensors[WIDEN], false, dcame);
    return add_exchange(pass, dcame, GW_INDEX_NONE);
}

/* The sum along tensor of weights' slopes, in 4 bytes. */
static uint32_t sum_weights(gw_pass *pass, uint32_t dweights)
{
    if (pass->model->tensor == 1)
        return dweights;
    const uint32_t sum = gw_function_add_temporary(pass->function, pass->rows, pass->model->top);
    gw_emit_collective(pass->function, GW_OPERATION_ALL_REDUCE, GW_TRANSFORMER_TENSOR, dweights,
                       sum);
    return sum;
}

/* Through the gate: writes the slopes of its weights; returns those of the norm, of the stream. */
static uint32_t add_gate_gradient(gw_pass *pass, const gw_pass_part *part, uint32_t dweights)
{
    const uint32_t dlogits =
        gw_function_add_temporary(pass->function, pass->rows, pass->model->experts);
    const uint32_t dn = gw_pass_add_activation(pass);
    add_operation(pass, GW_OPERATION_GATE_GRADIENT,
                  (const uint32_t[]){part->saved[SHARES], dweights}, &dlogits);
    gw_emit_matmul(pass->function, dlogits, true, gw_pass_gather(pass, part->saved[NORM]), false,
                   part->gradients[GATE]);
    gw_emit_matmul(pass->function, dlogits, false, part->tensors[GATE], false, dn);
    if (!pass->model->is_sequence_parallel)
        return dn;
    const uint32_t own = gw_pass_add_stream(pass); /* All members along tensor have all of it. */
    gw_function_add(pass->function, &(gw_operation){.kind = GW_OPERATION_SLICE,
                                                    .axes = GW_TRANSFORMER_TENSOR,
                                                    .inputs = {(uint16_t)dn},
                                                    .outputs = {(uint16_t)own}});
    return own;
}

static uint32_t add_backward(gw_pass *pass, const gw_pass_part *part, uint32_t dy)
{
    const uint32_t dweights =
        gw_function_add_temporary(pass->function, pass->rows, pass->model->top);
    const uint32_t dsent = add_expert_gradient(pass, part, gw_pass_gather(pass, dy), dweights);
    gw_pass_gather_ahead(pass, part->saved[NORM]);
    const uint32_t dn_sent = gw_pass_add_activation(pass);
    add_operation(pass, GW_OPERATION_DISPATCH_GRADIENT,
                  (const uint32_t[]){part->saved[SEATS], dsent}, &dn_sent);
    const uint32_t dn_gate = add_gate_gradient(pass, part, sum_weights(pass, dweights));
    const uint32_t dn = gw_pass_add_sum(pass, gw_pass_sum_parts(pass, dn_sent), dn_gate);
    const uint32_t through =
        gw_pass_add_norm_gradient(pass, part->saved[INPUT], part->tensors[NORM_GAIN], dn,
                                  part->gradients[NORM_GAIN], part->gradients[NORM_BIAS]);
    return gw_pass_add_sum(pass, dy, through);
}

const gw_transformer_block gw_block_experts = {
    .name = "experts",
    .tensor_count = TENSORS,
    .saved_count = SAVED,
    .append_tensors = append_tensors,
    .saved_shape = saved_shape,
    .is_exact = is_exact,
    .is_selected = is_selected,
    .add_forward = add_forward,
    .add_selected = NULL,
    .add_backward = add_backward,
};
