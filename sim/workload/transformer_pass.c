/* SPDX-License-Identifier: Apache-2.0 */
/* What blocks are made of.  Weights are stored so that what is split is their rows: those of
 * products from the left (queries, keys, values, the perceptron's first, the head) as the transpose
 * of what they multiply by. */
#include "workload/emit.h"
#include "workload/transformer_eager.h"
#include "workload/transformer_private.h"

uint32_t gw_pass_thin(const gw_pass *pass, uint32_t value)
{
    g_array_index(pass->function->values, gw_value, value).element_bytes =
        gw_transformer_element_bytes(pass->model);
    return value;
}

uint32_t gw_pass_add_temporary(gw_pass *pass, uint32_t rows, uint32_t columns)
{
    return gw_pass_thin(pass, gw_function_add_temporary(pass->function, rows, columns));
}

uint32_t gw_pass_add_activation(gw_pass *pass)
{
    return gw_pass_add_temporary(pass, pass->rows, pass->model->hidden);
}

uint32_t gw_pass_add_stream(gw_pass *pass)
{
    return gw_pass_add_temporary(pass, pass->stream_rows, pass->model->hidden);
}

static uint32_t sum_parts(gw_pass *pass, uint32_t x, bool is_overlapped)
{
    if (pass->model->tensor == 1)
        return x;
    const gw_value *value = gw_function_value(pass->function, x);
    const uint32_t parts = pass->model->is_sequence_parallel ? pass->model->tensor : 1;
    const uint32_t y = gw_pass_add_temporary(pass, value->rows / parts, value->columns);
    gw_function_add(pass->function, &(gw_operation){.kind = pass->model->is_sequence_parallel
                                                                ? GW_OPERATION_REDUCE_SCATTER
                                                                : GW_OPERATION_ALL_REDUCE,
                                                    .axes = GW_TRANSFORMER_TENSOR,
                                                    .inputs = {(uint16_t)x},
                                                    .outputs = {(uint16_t)y},
                                                    .is_overlapped = is_overlapped});
    return y;
}

uint32_t gw_pass_sum_parts(gw_pass *pass, uint32_t x)
{
    return sum_parts(pass, x, false);
}

static uint32_t gather(gw_pass *pass, uint32_t x, bool is_overlapped)
{
    const gw_value *value = gw_function_value(pass->function, x);
    const uint32_t y =
        gw_pass_add_temporary(pass, value->rows * pass->model->tensor, value->columns);
    gw_function_add(pass->function, &(gw_operation){.kind = GW_OPERATION_ALL_GATHER,
                                                    .axes = GW_TRANSFORMER_TENSOR,
                                                    .inputs = {(uint16_t)x},
                                                    .outputs = {(uint16_t)y},
                                                    .is_overlapped = is_overlapped});
    return y;
}

/* Of the side's stream, unless it is of all tokens already. */
static uint32_t gather_stream(gw_pass *pass, uint32_t x, bool is_overlapped)
{
    if (!pass->model->is_sequence_parallel || x == pass->seen ||
        gw_function_value(pass->function, x)->rows == pass->rows)
        return x;
    if (pass->gathered != x) {
        pass->gathered_whole = gather(pass, x, is_overlapped);
        pass->gathered = x;
    }
    return pass->gathered_whole;
}

uint32_t gw_pass_see_memory(gw_pass *pass)
{
    if (pass->seen == GW_INDEX_NONE)
        pass->seen =
            pass->model->is_sequence_parallel ? gather(pass, pass->memory, false) : pass->memory;
    return pass->seen;
}

uint32_t gw_pass_gather(gw_pass *pass, uint32_t x)
{
    return gather_stream(pass, x, false);
}

void gw_pass_gather_ahead(gw_pass *pass, uint32_t x)
{
    if (pass->waiting == NULL)
        gather_stream(pass, x, true);
}

uint32_t gw_pass_add_sum(gw_pass *pass, uint32_t a, uint32_t b)
{
    if (a == GW_INDEX_NONE)
        return b;
    const gw_value *value = gw_function_value(pass->function, a);
    const uint32_t y = gw_pass_add_temporary(pass, value->rows, value->columns);
    gw_emit_map(pass->function, GW_MAP_ADD, a, b, y);
    return y;
}

/* Reads and writes `x` `moves` times in all, and its mask once, a byte an element. */
static void drop_out(gw_pass *pass, uint32_t x, uint32_t moves, bool is_of_scores)
{
    const gw_value *value = gw_function_value(pass->function, x);
    const double elements = (double)value->rows * value->columns;
    if (!pass->model->drops_out)
        return;
    gw_function_add(pass->function,
                    &(gw_operation){.kind = GW_OPERATION_WORK,
                                    .bytes = elements * (1 + moves * value->element_bytes),
                                    .is_of_scores = is_of_scores});
}

void gw_pass_add_scores_dropout(gw_pass *pass, uint32_t scores)
{
    drop_out(pass, scores, 2, true);
}

void gw_pass_add_norm(gw_pass *pass, uint32_t x, uint32_t gain, uint32_t bias, uint32_t y)
{
    gw_function_add(pass->function,
                    &(gw_operation){.kind = GW_OPERATION_LAYER_NORM,
                                    .inputs = {(uint16_t)x, (uint16_t)gain, (uint16_t)bias},
                                    .outputs = {(uint16_t)y}});
}

uint32_t gw_pass_add_norm_gradient(gw_pass *pass, uint32_t x, uint32_t gain, uint32_t dy,
                                   uint32_t dgain, uint32_t dbias)
{
    const uint32_t dx = gw_pass_add_stream(pass);
    gw_function_add(pass->function,
                    &(gw_operation){.kind = GW_OPERATION_LAYER_NORM_GRADIENT,
                                    .inputs = {(uint16_t)x, (uint16_t)gain, (uint16_t)dy},
                                    .outputs = {(uint16_t)dx, (uint16_t)dgain, (uint16_t)dbias}});
    gw_eager_add_norm_gradient(pass, x);
    return dx;
}

void gw_pass_add_dense(gw_pass *pass, const gw_pass_part *part, uint32_t weights, uint32_t x,
                       uint32_t y)
{
    const gw_value *value = gw_function_value(pass->function, y);
    const uint32_t product = gw_pass_add_temporary(pass, value->rows, value->columns);
    gw_emit_matmul(pass->function, gw_pass_gather(pass, x), false, part->tensors[weights], true,
                   product);
    gw_emit_map(pass->function, GW_MAP_ADD_ROW, product, part->tensors[weights + 1], y);
}

/* This device's part of the slopes of x, y being x weights^T, added to `so_far` right behind the
 * product, which may be one kernel; GW_INDEX_NONE: to nothing. */
static uint32_t add_input_slopes(gw_pass *pass, const gw_pass_part *part, uint32_t weights,
                                 uint32_t dy, uint32_t so_far)
{
    const uint32_t columns = gw_function_value(pass->function, part->tensors[weights])->columns;
    const uint32_t rows = gw_function_value(pass->function, dy)->rows;
    const uint32_t dx = gw_pass_add_temporary(pass, rows, columns);
    gw_emit_matmul(pass->function, dy, false, part->tensors[weights], false, dx);
    if (so_far == GW_INDEX_NONE)
        return dx;
    const uint32_t sum = gw_pass_add_temporary(pass, rows, columns);
    gw_emit_map(pass->function, GW_MAP_ADD, so_far, dx, sum);
    return sum;
}

static void add_dense_slopes(gw_pass *pass, const gw_pass_part *part, uint32_t weights, uint32_t x,
                             uint32_t dy)
{
    gw_pass_add_slopes(pass,
                       &(gw_slopes){GW_SLOPES_DENSE, part->first_tensor + weights, x, dy, false});
}

uint32_t gw_pass_add_dense_gradient(gw_pass *pass, const gw_pass_part *part, uint32_t weights,
                                    uint32_t x, uint32_t dy)
{
    const uint32_t dx = add_input_slopes(pass, part, weights, dy, GW_INDEX_NONE);
    add_dense_slopes(pass, part, weights, x, dy);
    return dx;
}

uint32_t gw_pass_add_dense_gradients(gw_pass *pass, const gw_pass_part *part,
                                     const uint32_t *weights, uint32_t count, uint32_t x,
                                     const uint32_t *dys)
{
    const bool is_late = pass->model->overlaps_slopes;
    uint32_t dx = GW_INDEX_NONE;
    for (uint32_t i = 0; i < count; i++) {
        dx = add_input_slopes(pass, part, weights[i], dys[i], dx);
        if (!is_late)
            add_dense_slopes(pass, part, weights[i], x, dys[i]);
    }
    const uint32_t sum = sum_parts(pass, dx, is_late);
    for (uint32_t i = 0; is_late && i < count; i++)
        add_dense_slopes(pass, part, weights[i], x, dys[i]);
    return sum;
}

void gw_pass_add_to_stream(gw_pass *pass, const gw_pass_part *part, uint32_t weights, uint32_t x,
                           uint32_t y)
{
    const uint32_t product = gw_pass_add_activation(pass), sum = gw_pass_add_stream(pass);
    gw_emit_matmul(pass->function, x, false, part->tensors[weights], false, product);
    gw_emit_map(pass->function, GW_MAP_ADD_ROW, gw_pass_sum_parts(pass, product),
                part->tensors[weights + 1], sum);
    gw_emit_map(pass->function, GW_MAP_ADD, part->saved[0], sum, y);
    drop_out(pass, y, 0, false); /* One kernel with the sums: its mask. */
}

uint32_t gw_pass_add_stream_gradient(gw_pass *pass, const gw_pass_part *part, uint32_t weights,
                                     uint32_t x, uint32_t dy)
{
    const gw_value *value = gw_function_value(pass->function, x);
    const uint32_t dx = gw_pass_add_temporary(pass, value->rows, value->columns);
    drop_out(pass, dy, 2, false);
    gw_emit_matmul(pass->function, gw_pass_gather(pass, dy), false, part->tensors[weights], true,
                   dx);
    gw_pass_add_slopes(pass,
                       &(gw_slopes){GW_SLOPES_STREAM, part->first_tensor + weights, x, dy, false});
    return dx;
}
