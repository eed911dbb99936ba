/* SPDX-License-Identifier: Apache-2.0 */
/* Attention, causal, of heads that are split along tensor. */
#include "workload/transformer_private.h"

#include "base/check.h"

enum {
    NORM_GAIN,
    NORM_BIAS,
    QUERY,
    QUERY_BIAS,
    KEY,
    KEY_BIAS,
    VALUE,
    VALUE_BIAS,
    PROJECTION,
    PROJECTION_BIAS,
    TENSORS,
};

enum {
    INPUT,
    NORM,
    QUERIES,
    KEYS,
    VALUES,
    SHARES, /* The softmax of the scores. */
    ATTENDED,
    SAVED,
};

static uint32_t own_width(const gw_transformer *model)
{
    return model->hidden / model->tensor;
}

static void append_tensors(const gw_transformer *model, GArray *list)
{
    const uint32_t hidden = model->hidden, own = own_width(model);
    gw_transformer_append_tensor(list, 1, hidden, false, 0, 1);
    gw_transformer_append_tensor(list, 1, hidden, false, 0, 0);
    for (uint32_t i = 0; i < 3; i++) {
        gw_transformer_append_tensor(list, own, hidden, true, gw_transformer_weight_scale(), 0);
        gw_transformer_append_tensor(list, 1, own, true, 0, 0);
    }
    gw_transformer_append_tensor(list, own, hidden, true, gw_transformer_added_scale(model), 0);
    gw_transformer_append_tensor(list, 1, hidden, false, 0, 0);
}

static void saved_shape(const gw_transformer *model, uint32_t saved, uint32_t *out_rows,
                        uint32_t *out_columns)
{
    gw_check(saved < SAVED);
    const bool is_of_heads = saved >= QUERIES;
    *out_rows = is_of_heads ? gw_transformer_local_rows(model) : gw_transformer_stream_rows(model);
    *out_columns = is_of_heads ? own_width(model) : model->hidden;
    if (saved == SHARES) {
        *out_rows *= model->heads / model->tensor;
        *out_columns = model->sequence;
    }
}

static bool is_selected(uint32_t saved)
{
    return saved == SHARES;
}

static gw_operation attention(const gw_pass *pass, gw_operation_kind kind)
{
    return (gw_operation){.kind = kind,
                          .heads = pass->model->heads / pass->model->tensor,
                          .sequence = pass->model->sequence,
                          .is_causal = true};
}

/* The softmax of the scores, and what it attends to. */
static void add_attention(gw_pass *pass, const gw_pass_part *part, uint32_t attended)
{
    gw_operation attend = attention(pass, GW_OPERATION_ATTENTION);
    attend.inputs[0] = (uint16_t)part->saved[QUERIES];
    attend.inputs[1] = (uint16_t)part->saved[KEYS];
    attend.inputs[2] = (uint16_t)part->saved[VALUES];
    attend.outputs[0] = (uint16_t)attended;
    attend.outputs[1] = (uint16_t)part->saved[SHARES];
    gw_function_add(pass->function, &attend);
    gw_pass_add_dropout(pass, part->saved[SHARES], 2);
}

static void add_forward(gw_pass *pass, const gw_pass_part *part, uint32_t y)
{
    gw_pass_add_norm(pass, part->saved[INPUT], part->tensors[NORM_GAIN], part->tensors[NORM_BIAS],
                     part->saved[NORM]);
    const uint32_t n = gw_pass_gather(pass, part->saved[NORM], false);
    gw_pass_add_dense(pass, part, QUERY, n, part->saved[QUERIES]);
    gw_pass_add_dense(pass, part, KEY, n, part->saved[KEYS]);
    gw_pass_add_dense(pass, part, VALUE, n, part->saved[VALUES]);
    add_attention(pass, part, part->saved[ATTENDED]);
    gw_pass_add_to_stream(pass, part, PROJECTION, part->saved[ATTENDED], y);
}

static void add_selected(gw_pass *pass, const gw_pass_part *part)
{
    add_attention(pass, part, gw_pass_add_temporary(pass, pass->rows, own_width(pass->model)));
}

static uint32_t add_backward(gw_pass *pass, const gw_pass_part *part, uint32_t dy)
{
    const uint32_t dattended =
        gw_pass_add_stream_gradient(pass, part, PROJECTION, part->saved[ATTENDED], dy);
    const uint32_t n = gw_pass_gather(pass, part->saved[NORM], true);
    gw_operation attend = attention(pass, GW_OPERATION_ATTENTION_GRADIENT);
    const uint32_t read[] = {QUERIES, KEYS, VALUES, SHARES};
    for (uint32_t i = 0; i < G_N_ELEMENTS(read); i++)
        attend.inputs[i] = (uint16_t)part->saved[read[i]];
    attend.inputs[G_N_ELEMENTS(read)] = (uint16_t)dattended;
    for (uint32_t i = 0; i < 3; i++)
        attend.outputs[i] =
            (uint16_t)gw_pass_add_temporary(pass, pass->rows, own_width(pass->model));
    gw_pass_add_dropout(pass, part->saved[SHARES], 2);
    gw_function_add(pass->function, &attend);
    static const uint32_t weights[] = {QUERY, KEY, VALUE};
    uint32_t dn = GW_INDEX_NONE;
    for (uint32_t i = 0; i < G_N_ELEMENTS(weights); i++)
        dn = gw_pass_add_dense_gradient_to(pass, part, weights[i], n, attend.outputs[i], dn);
    const uint32_t through = gw_pass_add_norm_gradient(
        pass, part->saved[INPUT], part->tensors[NORM_GAIN], gw_pass_sum_parts(pass, dn),
        part->gradients[NORM_GAIN], part->gradients[NORM_BIAS]);
    return gw_pass_add_sum(pass, dy, through);
}

const gw_transformer_block gw_block_attention = {
    .name = "attention",
    .tensor_count = TENSORS,
    .saved_count = SAVED,
    .append_tensors = append_tensors,
    .saved_shape = saved_shape,
    .is_selected = is_selected,
    .add_forward = add_forward,
    .add_selected = add_selected,
    .add_backward = add_backward,
};
