/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a function is one: each operation is checked in order, with the values written so far.
 * A function that models time (DURATION, WORK) may leave values unwritten; nothing else may. */
#include <math.h>

#include "base/check.h"
#include "base/error.h"
#include "program/function.h"
#include "program/seating.h"

typedef struct {
    const gw_function *function;
    uint32_t dims;
    const uint32_t *shape;
    bool models_time;  /* It has DURATION or WORK. */
    bool *is_written;  /* By value. */
    uint32_t position; /* Of the operation being checked. */
    const gw_operation *operation;
} checker;

/* --- Messages --- */

/* "input 0".  The caller frees. */
static char *name_value(const gw_function *function, uint32_t index)
{
    static const char *const roles[] = {[GW_VALUE_INPUT] = "input",
                                        [GW_VALUE_OUTPUT] = "output",
                                        [GW_VALUE_TEMPORARY] = "temporary"};
    const gw_value *value = gw_function_value(function, index);
    return g_strdup_printf("%s %u", roles[value->role], value->position);
}

static bool G_GNUC_PRINTF(3, 4)
    refuse_operation(const checker *at, GError **error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_set_error(error, GW_ERROR, GW_ERROR_SCENARIO, "function \"%s\": operation %u (%s): %s",
                at->function->name, at->position, gw_operation_name(at->operation->kind), text);
    return false;
}

static bool expect_shape(const checker *at, uint32_t index, uint64_t rows, uint64_t columns,
                         GError **error)
{
    const gw_value *value = gw_function_value(at->function, index);
    if (value->rows == rows && value->columns == columns) {
        return true;
    }
    g_autofree char *name = name_value(at->function, index);
    return refuse_operation(
        at, error, "%s: found %u x %u, expected %" G_GUINT64_FORMAT " x %" G_GUINT64_FORMAT, name,
        value->rows, value->columns, rows, columns);
}

static bool expect_shape_of(const checker *at, uint32_t index, uint32_t model, GError **error)
{
    const gw_value *value = gw_function_value(at->function, model);
    return expect_shape(at, index, value->rows, value->columns, error);
}

/* As many columns as `whole`, and a divisor of its rows. */
static bool expect_rows_of(const checker *at, uint32_t index, const gw_value *whole, GError **error)
{
    const gw_value *value = gw_function_value(at->function, index);
    if (value->columns == whole->columns && whole->rows % value->rows == 0) {
        return true;
    }
    g_autofree char *name = name_value(at->function, index);
    return refuse_operation(at, error,
                            "%s: found %u x %u, expected %u columns and a divisor of %u "
                            "rows",
                            name, value->rows, value->columns, whole->columns, whole->rows);
}

/* --- Operands --- */

static bool refuse_value(const checker *at, uint32_t index, const char *what, GError **error)
{
    g_autofree char *name = name_value(at->function, index);
    return refuse_operation(at, error, "%s %s", name, what);
}

static bool check_operand(const checker *at, uint32_t index, GError **error)
{
    if (index >= at->function->values->len) {
        return refuse_operation(at, error, "found value %u, expected one of %u values", index,
                                at->function->values->len);
    }
    const gw_value *value = gw_function_value(at->function, index);
    if (value->element_bytes != 4 && value->element_bytes != 2) {
        g_autofree char *name = name_value(at->function, index);
        return refuse_operation(at, error, "%s: found elements of %u bytes, expected 4 or 2", name,
                                value->element_bytes);
    }
    return true;
}

static bool check_input(const checker *at, uint32_t index, GError **error)
{
    if (!check_operand(at, index, error)) {
        return false;
    }
    const gw_value *value = gw_function_value(at->function, index);
    if (at->is_written[index] || value->role == GW_VALUE_INPUT || at->models_time) {
        return true;
    }
    return refuse_value(at, index, "is read before it is written", error);
}

static bool check_output(const checker *at, uint32_t position, GError **error)
{
    const uint32_t index = at->operation->outputs[position];
    if (!check_operand(at, index, error)) {
        return false;
    }
    const gw_value *value = gw_function_value(at->function, index);
    if (value->role == GW_VALUE_INPUT) {
        return refuse_value(at, index, "is written, expected an output or a temporary", error);
    }
    if (at->operation->kind == GW_OPERATION_ALL_REDUCE && at->operation->inputs[0] == index) {
        return true; /* In place: every member's own is read before it is written. */
    }
    if (value->role == GW_VALUE_OUTPUT && at->is_written[index]) {
        return refuse_value(at, index, "is written a second time", error);
    }
    for (uint32_t i = 0; i < gw_operation_input_count(at->operation); i++) {
        if (at->operation->inputs[i] == index) {
            return refuse_value(at, index, "is read and written at once", error);
        }
    }
    for (uint32_t i = 0; i < position; i++) {
        if (at->operation->outputs[i] == index) {
            return refuse_value(at, index, "is written a second time", error);
        }
    }
    return true;
}

static bool check_operands(checker *at, GError **error)
{
    for (uint32_t i = 0; i < gw_operation_input_count(at->operation); i++) {
        if (!check_input(at, at->operation->inputs[i], error))
            return false;
    }
    const uint32_t output_count = gw_operation_output_count(at->operation);
    for (uint32_t i = 0; i < output_count; i++) {
        if (!check_output(at, i, error))
            return false;
    }
    for (uint32_t i = 0; i < output_count; i++)
        at->is_written[at->operation->outputs[i]] = true;
    return true;
}

/* --- Shapes, kind by kind --- */

static bool check_work(const checker *at, GError **error)
{
    const gw_operation *work = at->operation;
    const double product = 2.0 * (double)work->rows * (double)work->columns * (double)work->depth;
    if (!isfinite(work->flops) || work->flops < 0 || !isfinite(work->bytes) || work->bytes < 0)
        return refuse_operation(at, error,
                                "found %g FLOPs and %g bytes, expected numbers of at least 0",
                                work->flops, work->bytes);
    return work->depth == 0 || work->flops == product ||
           refuse_operation(at, error, "found %g FLOPs, expected %g, those of its product",
                            work->flops, product);
}

static bool check_matmul(const checker *at, GError **error)
{
    const gw_operation *operation = at->operation;
    const gw_value *a = gw_function_value(at->function, operation->inputs[0]);
    const gw_value *b = gw_function_value(at->function, operation->inputs[1]);
    const uint32_t rows = operation->transpose_a ? a->columns : a->rows;
    const uint32_t inner = operation->transpose_a ? a->rows : a->columns;
    const uint32_t columns = operation->transpose_b ? b->rows : b->columns;
    return expect_shape(at, operation->inputs[1], operation->transpose_b ? columns : inner,
                        operation->transpose_b ? inner : columns, error) &&
           expect_shape(at, operation->outputs[0], rows, columns, error);
}

static bool check_map(const checker *at, GError **error)
{
    const gw_operation *operation = at->operation;
    const gw_value *x = gw_function_value(at->function, operation->inputs[0]);
    if (operation->map == GW_MAP_ADD_ROW) {
        if (!expect_rows_of(at, operation->inputs[1], x, error)) {
            return false;
        }
    } else if (operation->map == GW_MAP_MULTIPLY_COLUMN) {
        if (!expect_shape(at, operation->inputs[1], x->rows, 1, error)) {
            return false;
        }
    } else if (gw_operation_input_count(operation) == 2) {
        if (!expect_shape_of(at, operation->inputs[1], operation->inputs[0], error)) {
            return false;
        }
    }
    return expect_shape_of(at, operation->outputs[0], operation->inputs[0], error);
}

static bool check_reduce(const checker *at, GError **error)
{
    const gw_operation *operation = at->operation;
    const gw_value *x = gw_function_value(at->function, operation->inputs[0]);
    if (operation->reduction == GW_REDUCTION_SUM_ROWS) {
        return expect_rows_of(at, operation->outputs[0], x, error);
    }
    return expect_shape(at, operation->outputs[0], 1, 1, error);
}

static bool check_layer_norm(const checker *at, GError **error)
{
    const gw_operation *operation = at->operation;
    const gw_value *x = gw_function_value(at->function, operation->inputs[0]);
    return expect_shape(at, operation->inputs[1], 1, x->columns, error) &&
           expect_shape(at, operation->inputs[2], 1, x->columns, error) &&
           expect_shape_of(at, operation->outputs[0], operation->inputs[0], error);
}

static bool check_cross_entropy(const checker *at, GError **error)
{
    const gw_operation *operation = at->operation;
    return expect_shape_of(at, operation->inputs[1], operation->inputs[0], error) &&
           expect_shape(at, operation->outputs[0], 1, 1, error) &&
           expect_shape_of(at, operation->outputs[1], operation->inputs[0], error);
}

static bool check_axes(const checker *at, GError **error)
{
    return at->operation->axes >> at->dims == 0 ||
           refuse_operation(at, error, "found axes 0x%x, expected some of the mesh's %u dimensions",
                            at->operation->axes, at->dims);
}

/* Members of each group that the operation's axes span; 1 without any. */
static uint32_t count_group(const checker *at)
{
    uint32_t group = 1;
    for (uint32_t dim = 0; dim < at->dims; dim++) {
        group *= (at->operation->axes >> dim & 1) != 0 ? at->shape[dim] : 1;
    }
    return group;
}

static bool check_sequence(const checker *at, uint32_t rows, GError **error)
{
    const uint32_t sequence = at->operation->sequence;
    return (sequence > 0 && rows % sequence == 0) ||
           refuse_operation(at, error, "found sequences of %u rows, expected a divisor of %u rows",
                            sequence, rows);
}

static bool check_layer_norm_gradient(const checker *at, GError **error)
{
    const gw_operation *operation = at->operation;
    const gw_value *x = gw_function_value(at->function, operation->inputs[0]);
    return expect_shape(at, operation->inputs[1], 1, x->columns, error) &&
           expect_shape_of(at, operation->inputs[2], operation->inputs[0], error) &&
           expect_shape_of(at, operation->outputs[0], operation->inputs[0], error) &&
           expect_shape(at, operation->outputs[1], 1, x->columns, error) &&
           expect_shape(at, operation->outputs[2], 1, x->columns, error);
}

static bool check_embedding(const checker *at, GError **error)
{
    const gw_operation *operation = at->operation;
    const gw_value *table = gw_function_value(at->function, operation->inputs[0]);
    const gw_value *ids = gw_function_value(at->function, operation->inputs[1]);
    return expect_shape(at, operation->inputs[1], ids->rows, 1, error) &&
           expect_shape(at, operation->outputs[0], ids->rows, table->columns, error);
}

static bool check_embedding_gradient(const checker *at, GError **error)
{
    const gw_operation *operation = at->operation;
    const gw_value *dy = gw_function_value(at->function, operation->inputs[1]);
    const gw_value *table = gw_function_value(at->function, operation->outputs[0]);
    return expect_shape(at, operation->inputs[0], dy->rows, 1, error) &&
           expect_shape(at, operation->outputs[0], table->rows, dy->columns, error);
}

static bool check_tokens(const checker *at, GError **error)
{
    const gw_operation *operation = at->operation;
    const gw_value *ids = gw_function_value(at->function, operation->outputs[0]);
    if (!(operation->scalar >= 1 && operation->scalar <= GW_TOKENS_MAX)) {
        return refuse_operation(at, error, "found %g different tokens, expected 1 to %u",
                                operation->scalar, GW_TOKENS_MAX);
    }
    return check_sequence(at, ids->rows, error) &&
           expect_shape(at, operation->outputs[0], ids->rows, 1, error) &&
           expect_shape(at, operation->outputs[1], ids->rows, 1, error);
}

static bool check_text(const checker *at, GError **error)
{
    const gw_operation *operation = at->operation;
    const gsize size = at->function->text != NULL ? g_bytes_get_size(at->function->text) : 0;
    if (size <= operation->sequence)
        return refuse_operation(at, error, "found a text of %zu bytes, expected more than %u", size,
                                operation->sequence);
    return expect_shape(at, operation->inputs[0], 1, 1, error) && check_tokens(at, error);
}

static bool check_token_statistics(const checker *at, GError **error)
{
    const gw_operation *operation = at->operation;
    const gw_value *logits = gw_function_value(at->function, operation->inputs[0]);
    return expect_shape(at, operation->inputs[1], logits->rows, 1, error) &&
           expect_shape(at, operation->outputs[0], logits->rows, 3, error);
}

static bool check_token_loss(const checker *at, GError **error)
{
    const gw_operation *operation = at->operation;
    const gw_value *logits = gw_function_value(at->function, operation->inputs[0]);
    const uint64_t rows = (uint64_t)logits->rows * count_group(at);
    return expect_shape(at, operation->inputs[1], logits->rows, 1, error) &&
           expect_shape(at, operation->inputs[2], rows, 3, error) &&
           expect_shape(at, operation->outputs[0], 1, 1, error) &&
           expect_shape_of(at, operation->outputs[1], operation->inputs[0], error);
}

/* Rows of a sequence of k, of which there have to be as many as of q; 0 and an error otherwise. */
static uint32_t find_key_sequence(const checker *at, GError **error)
{
    const gw_operation *operation = at->operation;
    const uint32_t q_rows = gw_function_value(at->function, operation->inputs[0])->rows;
    const uint32_t k_rows = gw_function_value(at->function, operation->inputs[1])->rows;
    const uint32_t count = q_rows / operation->sequence;
    if (k_rows % count != 0) {
        refuse_operation(at, error, "found %u rows of keys, expected a multiple of %u sequences",
                         k_rows, count);
        return 0;
    }
    if (operation->is_causal && k_rows != q_rows) {
        refuse_operation(at, error,
                         "found %u rows of keys, expected %u, one for each query, as it is causal",
                         k_rows, q_rows);
        return 0;
    }
    return k_rows / count;
}

/* (q, k, v) -> (y, p), or (q, k, v, p, dy) -> (dq, dk, dv). */
static bool check_attention(const checker *at, GError **error)
{
    const gw_operation *operation = at->operation;
    const bool is_gradient = operation->kind == GW_OPERATION_ATTENTION_GRADIENT;
    const gw_value *q = gw_function_value(at->function, operation->inputs[0]);
    const gw_value *k = gw_function_value(at->function, operation->inputs[1]);
    const uint32_t heads = operation->heads;
    if (heads == 0 || q->columns % heads != 0) {
        return refuse_operation(at, error, "found %u heads, expected a divisor of %u columns",
                                heads, q->columns);
    }
    if (!check_sequence(at, q->rows, error)) {
        return false;
    }
    const uint32_t key_sequence = find_key_sequence(at, error);
    const uint32_t p = is_gradient ? operation->inputs[3] : operation->outputs[1];
    if (key_sequence == 0 || !expect_shape(at, p, (uint64_t)q->rows * heads, key_sequence, error) ||
        !expect_shape(at, operation->inputs[1], k->rows, q->columns, error) ||
        !expect_shape_of(at, operation->inputs[2], operation->inputs[1], error)) {
        return false;
    }
    if (!is_gradient) {
        return expect_shape_of(at, operation->outputs[0], operation->inputs[0], error);
    }
    return expect_shape_of(at, operation->inputs[4], operation->inputs[0], error) &&
           expect_shape_of(at, operation->outputs[0], operation->inputs[0], error) &&
           expect_shape_of(at, operation->outputs[1], operation->inputs[1], error) &&
           expect_shape_of(at, operation->outputs[2], operation->inputs[1], error);
}

/* All operands are of the first one's shape, but for ADAM's count. */
static bool check_alike(const checker *at, GError **error)
{
    const gw_operation *operation = at->operation;
    const bool has_count = operation->kind == GW_OPERATION_ADAM;
    const uint32_t alike_count = gw_operation_input_count(operation) - has_count;
    for (uint32_t i = 1; i < alike_count; i++) {
        if (!expect_shape_of(at, operation->inputs[i], operation->inputs[0], error))
            return false;
    }
    for (uint32_t i = 0; i < gw_operation_output_count(operation); i++) {
        if (!expect_shape_of(at, operation->outputs[i], operation->inputs[0], error))
            return false;
    }
    return !has_count || expect_shape(at, operation->inputs[alike_count], 1, 1, error);
}

static bool check_route(const checker *at, GError **error)
{
    const gw_operation *operation = at->operation;
    const gw_value *scores = gw_function_value(at->function, operation->inputs[0]);
    return expect_shape(at, operation->outputs[0], scores->rows, 1, error) &&
           expect_shape(at, operation->outputs[1], 1, scores->columns, error) &&
           expect_shape(at, operation->outputs[2], scores->rows, 1, error);
}

static bool check_reordering(const checker *at, GError **error)
{
    const gw_operation *operation = at->operation;
    const gw_value *x = gw_function_value(at->function, operation->inputs[0]);
    return expect_shape(at, operation->inputs[1], x->rows, 1, error) &&
           expect_shape_of(at, operation->outputs[0], operation->inputs[0], error);
}

/* --- Experts --- */

/* One or two choices per row of `tokens`. */
static bool check_choices(const checker *at, uint32_t choices, uint32_t tokens, GError **error)
{
    const gw_value *value = gw_function_value(at->function, choices);
    if (value->columns != 1 && value->columns != 2) {
        g_autofree char *name = name_value(at->function, choices);
        return refuse_operation(at, error, "%s: found %u choices a row, expected 1 or 2", name,
                                value->columns);
    }
    return expect_shape(at, choices, gw_function_value(at->function, tokens)->rows, value->columns,
                        error);
}

static bool check_gate(const checker *at, GError **error)
{
    const gw_operation *operation = at->operation;
    const gw_value *shares = gw_function_value(at->function, operation->inputs[0]);
    const uint32_t seats = operation->outputs[0];
    if (!check_sequence(at, shares->rows, error) ||
        !check_choices(at, seats, operation->inputs[0], error)) {
        return false;
    }
    if (gw_function_value(at->function, seats)->columns > shares->columns) {
        return refuse_operation(at, error, "found 2 choices of %u expert", shares->columns);
    }
    const uint64_t groups = shares->rows / operation->sequence;
    if (operation->capacity < 1 || operation->capacity > GW_TOKENS_MAX / groups / shares->columns) {
        return refuse_operation(at, error,
                                "found a capacity of %u, expected at least 1, and at most %u "
                                "seats in %" G_GUINT64_FORMAT " groups of %u experts",
                                operation->capacity, GW_TOKENS_MAX, groups, shares->columns);
    }
    return expect_shape_of(at, operation->outputs[1], seats, error) &&
           expect_shape(at, operation->outputs[2], 1, 1, error);
}

static bool check_gate_gradient(const checker *at, GError **error)
{
    const gw_operation *operation = at->operation;
    const gw_value *shares = gw_function_value(at->function, operation->inputs[0]);
    return check_sequence(at, shares->rows, error) &&
           check_choices(at, operation->inputs[1], operation->inputs[0], error) &&
           expect_shape_of(at, operation->outputs[0], operation->inputs[0], error);
}

/* DISPATCH, COMBINE and their gradients: `tokens` has a row for each of seats, and `seated` the
 * rows that those name. */
static bool check_seating(const checker *at, uint32_t tokens, uint32_t seated, uint32_t seats,
                          GError **error)
{
    const gw_value *value = gw_function_value(at->function, tokens);
    const gw_value *rows = gw_function_value(at->function, seated);
    return check_choices(at, seats, tokens, error) &&
           expect_shape(at, seated, rows->rows, value->columns, error);
}

static bool check_experts(const checker *at, GError **error)
{
    const gw_operation *operation = at->operation;
    const uint16_t *inputs = operation->inputs, *outputs = operation->outputs;
    switch (operation->kind) {
    case GW_OPERATION_GATE:
        return check_gate(at, error);
    case GW_OPERATION_GATE_GRADIENT:
        return check_gate_gradient(at, error);
    case GW_OPERATION_DISPATCH:
        return check_seating(at, inputs[0], outputs[0], inputs[1], error);
    case GW_OPERATION_DISPATCH_GRADIENT:
        return check_seating(at, outputs[0], inputs[1], inputs[0], error);
    case GW_OPERATION_COMBINE:
        return check_seating(at, outputs[0], inputs[0], inputs[1], error) &&
               expect_shape_of(at, inputs[2], inputs[1], error);
    default: /* COMBINE_GRADIENT */
        return check_seating(at, inputs[3], inputs[0], inputs[1], error) &&
               expect_shape_of(at, inputs[2], inputs[1], error) &&
               expect_shape_of(at, outputs[0], inputs[0], error) &&
               expect_shape_of(at, outputs[1], inputs[2], error);
    }
}

/* Runs in `rows` rows, and blocks in `weights`. */
static bool check_blocks(const checker *at, uint32_t rows, uint32_t weights, GError **error)
{
    const gw_value *value = gw_function_value(at->function, weights);
    const uint32_t blocks = at->operation->blocks;
    if (blocks == 0 || value->rows % blocks != 0) {
        return refuse_operation(at, error, "found %u blocks, expected a divisor of %u rows", blocks,
                                value->rows);
    }
    if (!check_sequence(at, rows, error)) {
        return false;
    }
    const uint32_t runs = rows / at->operation->sequence;
    return runs % blocks == 0 ||
           refuse_operation(at, error, "found %u runs of %u rows, expected a multiple of %u blocks",
                            runs, at->operation->sequence, blocks);
}

static bool check_block_matmul(const checker *at, GError **error)
{
    const gw_operation *operation = at->operation;
    const gw_value *a = gw_function_value(at->function, operation->inputs[0]);
    const gw_value *b = gw_function_value(at->function, operation->inputs[1]);
    if (operation->kind == GW_OPERATION_BLOCK_MATMUL_GRADIENT) {
        const uint32_t y = operation->outputs[0];
        return check_blocks(at, a->rows, y, error) &&
               expect_shape(at, operation->inputs[1], a->rows, b->columns, error) &&
               expect_shape(at, y, (uint64_t)a->columns * operation->blocks, b->columns, error);
    }
    if (!check_blocks(at, a->rows, operation->inputs[1], error)) {
        return false;
    }
    const uint32_t block_rows = b->rows / operation->blocks;
    const uint64_t inner = (uint64_t)operation->blocks * a->columns;
    return expect_shape(at, operation->inputs[1], operation->transpose_b ? b->rows : inner,
                        operation->transpose_b ? a->columns : b->columns, error) &&
           expect_shape(at, operation->outputs[0], a->rows,
                        operation->transpose_b ? block_rows : b->columns, error);
}

static bool check_random(const checker *at, GError **error)
{
    const gw_operation *operation = at->operation;
    const gw_value *y = gw_function_value(at->function, operation->outputs[0]);
    if (operation->block_axes >> at->dims != 0 || (operation->block_axes & operation->axes) != 0) {
        return refuse_operation(at, error,
                                "found blocks over axes 0x%x, expected some of the mesh's %u "
                                "dimensions, and none of 0x%x",
                                operation->block_axes, at->dims, operation->axes);
    }
    return operation->blocks == 0 || y->rows % operation->blocks == 0 ||
           refuse_operation(at, error, "found %u blocks, expected a divisor of %u rows",
                            operation->blocks, y->rows);
}

static bool expect_divisible(const checker *at, uint32_t rows, uint32_t group, GError **error)
{
    return rows % group == 0 ||
           refuse_operation(at, error, "found %u rows, expected a multiple of the group's %u", rows,
                            group);
}

/* One row may be gathered from parts of its columns: the same elements in the same order. */
static bool check_all_gather(const checker *at, uint32_t group, GError **error)
{
    const gw_value *x = gw_function_value(at->function, at->operation->inputs[0]);
    const uint32_t y = at->operation->outputs[0];
    if (x->rows == 1 && gw_function_value(at->function, y)->rows == 1) {
        return expect_shape(at, y, 1, (uint64_t)x->columns * group, error);
    }
    return expect_shape(at, y, (uint64_t)x->rows * group, x->columns, error);
}

/* And one row may be left in such parts. */
static bool check_reduce_scatter(const checker *at, uint32_t group, GError **error)
{
    const gw_value *x = gw_function_value(at->function, at->operation->inputs[0]);
    const uint32_t y = at->operation->outputs[0];
    if (x->rows == 1 && x->columns % group == 0) {
        return expect_shape(at, y, 1, x->columns / group, error);
    }
    return expect_divisible(at, x->rows, group, error) &&
           expect_shape(at, y, x->rows / group, x->columns, error);
}

static bool check_collective(const checker *at, GError **error)
{
    const gw_operation *operation = at->operation;
    if (operation->axes == 0) {
        return refuse_operation(
            at, error, "found axes 0x0, expected some of the mesh's %u dimensions", at->dims);
    }
    const uint32_t group = count_group(at);
    const gw_value *x = gw_function_value(at->function, operation->inputs[0]);
    switch (operation->kind) {
    case GW_OPERATION_ALL_GATHER:
        return check_all_gather(at, group, error);
    case GW_OPERATION_REDUCE_SCATTER:
        return check_reduce_scatter(at, group, error);
    case GW_OPERATION_ALL_TO_ALL:
        return expect_divisible(at, x->rows, group, error) && check_alike(at, error);
    case GW_OPERATION_BROADCAST:
        if (operation->root >= group) {
            return refuse_operation(at, error, "found root %u, expected one of the group's %u",
                                    operation->root, group);
        }
        return check_alike(at, error);
    default:
        return check_alike(at, error);
    }
}

static bool check_slice(const checker *at, GError **error)
{
    const gw_operation *operation = at->operation;
    const gw_value *x = gw_function_value(at->function, operation->inputs[0]);
    const uint32_t group = count_group(at);
    return expect_divisible(at, x->rows, group, error) &&
           expect_shape(at, operation->outputs[0], x->rows / group, x->columns, error);
}

static bool check_shapes(const checker *at, GError **error)
{
    if (!check_axes(at, error)) {
        return false;
    }
    switch (at->operation->kind) {
    case GW_OPERATION_DURATION:
    case GW_OPERATION_FILL:
        return true;
    case GW_OPERATION_RANDOM:
        return check_random(at, error);
    case GW_OPERATION_WORK:
        return check_work(at, error);
    case GW_OPERATION_MATMUL:
        return check_matmul(at, error);
    case GW_OPERATION_MAP:
        return check_map(at, error);
    case GW_OPERATION_REDUCE:
        return check_reduce(at, error);
    case GW_OPERATION_LAYER_NORM:
        return check_layer_norm(at, error);
    case GW_OPERATION_CROSS_ENTROPY:
        return check_cross_entropy(at, error);
    case GW_OPERATION_ROUTE:
        return check_route(at, error);
    case GW_OPERATION_GATHER:
    case GW_OPERATION_SCATTER:
        return check_reordering(at, error);
    case GW_OPERATION_SLICE:
        return check_slice(at, error);
    case GW_OPERATION_TOKENS:
        return check_tokens(at, error);
    case GW_OPERATION_TEXT:
        return check_text(at, error);
    case GW_OPERATION_EMBEDDING:
        return check_embedding(at, error);
    case GW_OPERATION_EMBEDDING_GRADIENT:
        return check_embedding_gradient(at, error);
    case GW_OPERATION_LAYER_NORM_GRADIENT:
        return check_layer_norm_gradient(at, error);
    case GW_OPERATION_ATTENTION:
    case GW_OPERATION_ATTENTION_GRADIENT:
        return check_attention(at, error);
    case GW_OPERATION_TOKEN_STATISTICS:
        return check_token_statistics(at, error);
    case GW_OPERATION_TOKEN_LOSS:
        return check_token_loss(at, error);
    case GW_OPERATION_SOFTMAX:
    case GW_OPERATION_SGD:
    case GW_OPERATION_ADAM:
        return check_alike(at, error);
    case GW_OPERATION_GATE:
    case GW_OPERATION_GATE_GRADIENT:
    case GW_OPERATION_DISPATCH:
    case GW_OPERATION_DISPATCH_GRADIENT:
    case GW_OPERATION_COMBINE:
    case GW_OPERATION_COMBINE_GRADIENT:
        return check_experts(at, error);
    case GW_OPERATION_BLOCK_MATMUL:
    case GW_OPERATION_BLOCK_MATMUL_GRADIENT:
        return check_block_matmul(at, error);
    default:
        return check_collective(at, error);
    }
}

/* --- The whole --- */

static bool check_joined(const checker *at, GError **error)
{
    const gw_operation *operation = at->operation;
    if (!operation->is_joined)
        return true;
    if (at->position > 0) {
        const gw_operation *before = operation - 1;
        if (gw_operation_is_collective(operation) && before->kind == operation->kind &&
            before->axes == operation->axes && before->is_overlapped == operation->is_overlapped)
            return true;
    }
    return refuse_operation(at, error,
                            "joined, expected a collective of the same kind over the same axes "
                            "before it");
}

static bool check_kind(const checker *at, GError **error)
{
    const gw_operation *operation = at->operation;
    const bool is_known =
        operation->kind >= GW_OPERATION_DURATION && operation->kind < GW_OPERATION_KIND_COUNT;
    if (!is_known) {
        g_set_error(error, GW_ERROR, GW_ERROR_SCENARIO,
                    "function \"%s\": operation %u: found kind %u, expected 1 to %u",
                    at->function->name, at->position, (unsigned)operation->kind,
                    GW_OPERATION_KIND_COUNT - 1);
        return false;
    }
    if (operation->kind == GW_OPERATION_MAP &&
        (operation->map < GW_MAP_COPY || operation->map >= GW_MAP_COUNT)) {
        return refuse_operation(at, error, "found map %u, expected 1 to %u",
                                (unsigned)operation->map, GW_MAP_COUNT - 1);
    }
    if (operation->kind == GW_OPERATION_REDUCE &&
        (operation->reduction < GW_REDUCTION_SUM_ROWS || operation->reduction > GW_REDUCTION_MAX)) {
        return refuse_operation(at, error, "found reduction %u, expected 1 to %u",
                                (unsigned)operation->reduction, (unsigned)GW_REDUCTION_MAX);
    }
    if (operation->is_overlapped && !gw_operation_is_collective(operation)) {
        return refuse_operation(at, error, "overlapped, expected that of collectives only");
    }
    return check_joined(at, error);
}

static bool check_seats(const checker *at, GError **error)
{
    g_autofree char *mistake = gw_seating_mistake(at->function, at->operation);
    return mistake == NULL || refuse_operation(at, error, "%s", mistake);
}

static bool check_values(const gw_function *function, GError **error)
{
    for (uint32_t i = 0; i < function->values->len; i++) {
        const gw_value *value = gw_function_value(function, i);
        const uint64_t elements = (uint64_t)value->rows * value->columns;
        if (elements > 0 && value->element_bytes > 0 && value->element_bytes <= 8 &&
            elements <= GW_VALUE_BYTES_MAX / value->element_bytes) {
            continue;
        }
        g_autofree char *name = name_value(function, i);
        g_set_error(error, GW_ERROR, GW_ERROR_SCENARIO,
                    "function \"%s\": %s: found %u x %u elements of %u bytes, expected 1 byte to "
                    "1 TiB in elements of 1 to 8 bytes",
                    function->name, name, value->rows, value->columns, value->element_bytes);
        return false;
    }
    return true;
}

static bool check_outputs_written(const checker *at, GError **error)
{
    for (uint32_t i = 0; i < at->function->output_count; i++) {
        if (!at->is_written[gw_function_output(at->function, i)] && !at->models_time) {
            g_set_error(error, GW_ERROR, GW_ERROR_SCENARIO,
                        "function \"%s\": no operation writes output %u", at->function->name, i);
            return false;
        }
    }
    return true;
}

bool gw_function_models_time(const gw_function *function)
{
    for (uint32_t i = 0; i < function->operations->len; i++) {
        const gw_operation_kind kind = gw_function_operation(function, i)->kind;
        if (kind == GW_OPERATION_DURATION || kind == GW_OPERATION_WORK) {
            return true;
        }
    }
    return false;
}

bool gw_function_check(const gw_function *function, uint32_t dims, const uint32_t *shape,
                       GError **error)
{
    gw_check(dims >= 1 && dims <= 3);
    if (!check_values(function, error)) {
        return false;
    }
    g_autofree bool *is_written = g_new0(bool, function->values->len + 1);
    checker at = {.function = function,
                  .dims = dims,
                  .shape = shape,
                  .models_time = gw_function_models_time(function),
                  .is_written = is_written};
    for (uint32_t i = 0; i < function->operations->len; i++) {
        at.position = i;
        at.operation = gw_function_operation(function, i);
        if (!check_kind(&at, error) || !check_operands(&at, error) || !check_shapes(&at, error) ||
            !check_seats(&at, error)) {
            return false;
        }
    }
    return check_outputs_written(&at, error) && gw_function_check_donors(function, error);
}
