/* SPDX-License-Identifier: Apache-2.0 */
/* A function's values and operations, and what they cost.  A value is found by its role and
 * position through two index tables, because executors ask for every gang. */
#include "program/function.h"

#include "base/check.h"
#include "program/seating.h"

gw_function *gw_function_new(const char *name)
{
    gw_function *function = g_new0(gw_function, 1);
    function->name = g_strdup(name);
    function->values = g_array_new(FALSE, FALSE, sizeof(gw_value));
    function->operations = g_array_new(FALSE, FALSE, sizeof(gw_operation));
    function->inputs = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    function->outputs = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    function->computations = 1;
    return function;
}

void gw_function_free(gw_function *function)
{
    if (function == NULL) {
        return;
    }
    g_array_unref(function->values);
    g_array_unref(function->operations);
    g_array_unref(function->inputs);
    g_array_unref(function->outputs);
    g_clear_pointer(&function->text, g_bytes_unref);
    g_free(function->name);
    g_free(function);
}

gw_function *gw_function_copy(const gw_function *function)
{
    gw_function *copy = g_new0(gw_function, 1);
    *copy = *function;
    copy->name = g_strdup(function->name);
    copy->values = g_array_copy(function->values);
    copy->operations = g_array_copy(function->operations);
    copy->inputs = g_array_copy(function->inputs);
    copy->outputs = g_array_copy(function->outputs);
    if (function->text != NULL)
        g_bytes_ref(function->text);
    return copy;
}

void gw_function_set_text(gw_function *function, GBytes *text)
{
    gw_check(function->text == NULL || function->text == text);
    if (function->text == NULL)
        function->text = g_bytes_ref(text);
}

static uint32_t append_value(gw_function *function, const gw_value *value)
{
    const uint32_t index = function->values->len;
    gw_check(index < GW_FUNCTION_VALUES_MAX);
    g_array_append_vals(function->values, value, 1);
    return index;
}

uint32_t gw_function_add_input(gw_function *function, uint32_t rows, uint32_t columns,
                               bool is_sharded)
{
    const uint32_t index = append_value(function, &(gw_value){.role = GW_VALUE_INPUT,
                                                              .position = function->input_count,
                                                              .rows = rows,
                                                              .columns = columns,
                                                              .element_bytes = 4,
                                                              .is_sharded = is_sharded});
    g_array_append_val(function->inputs, index);
    function->input_count++;
    return index;
}

uint32_t gw_function_add_output(gw_function *function, uint32_t rows, uint32_t columns,
                                bool is_sharded)
{
    const uint32_t index = append_value(function, &(gw_value){.role = GW_VALUE_OUTPUT,
                                                              .position = function->output_count,
                                                              .rows = rows,
                                                              .columns = columns,
                                                              .element_bytes = 4,
                                                              .is_sharded = is_sharded});
    g_array_append_val(function->outputs, index);
    function->output_count++;
    return index;
}

uint32_t gw_function_add_temporary(gw_function *function, uint32_t rows, uint32_t columns)
{
    const uint32_t position =
        function->values->len - function->input_count - function->output_count;
    return append_value(function, &(gw_value){.role = GW_VALUE_TEMPORARY,
                                              .position = position,
                                              .rows = rows,
                                              .columns = columns,
                                              .element_bytes = 4});
}

void gw_function_give(gw_function *function, uint32_t index, bool is_sharded)
{
    gw_value *given = &g_array_index(function->values, gw_value, index);
    gw_check(given->role == GW_VALUE_TEMPORARY);
    for (uint32_t i = index + 1; i < function->values->len; i++) {
        gw_value *later = &g_array_index(function->values, gw_value, i);
        later->position -= later->role == GW_VALUE_TEMPORARY ? 1 : 0;
    }
    given->role = GW_VALUE_OUTPUT;
    given->position = function->output_count++;
    given->is_sharded = is_sharded;
    g_array_append_val(function->outputs, index);
}

void gw_function_add(gw_function *function, const gw_operation *operation)
{
    g_array_append_vals(function->operations, operation, 1);
}

uint32_t gw_function_input(const gw_function *function, uint32_t position)
{
    gw_check(position < function->input_count);
    return g_array_index(function->inputs, uint32_t, position);
}

uint32_t gw_function_output(const gw_function *function, uint32_t position)
{
    gw_check(position < function->output_count);
    return g_array_index(function->outputs, uint32_t, position);
}

const char *gw_memory_class_name(gw_memory_class memory)
{
    static const char *const names[GW_MEMORY_CLASSES] = {
        [GW_MEMORY_OTHER] = "other buffers",     [GW_MEMORY_PARAMETERS] = "parameters",
        [GW_MEMORY_GRADIENTS] = "gradients",     [GW_MEMORY_OPTIMIZER] = "optimizer state",
        [GW_MEMORY_ACTIVATIONS] = "activations", [GW_MEMORY_TEMPORARIES] = "temporaries",
    };
    gw_check(memory < GW_MEMORY_CLASSES);
    return names[memory];
}

uint64_t gw_value_bytes(const gw_value *value)
{
    return (uint64_t)value->rows * value->columns * value->element_bytes;
}

uint32_t gw_value_sources(const gw_value *source, uint32_t source_count, const gw_value *target,
                          uint32_t shard, uint32_t *out_first)
{
    if (!source->is_sharded) {
        *out_first = shard % source_count;
        return *out_first + 1;
    }
    const uint64_t begin = target->is_sharded ? (uint64_t)shard * target->rows : 0;
    const uint64_t end = begin + target->rows;
    *out_first = (uint32_t)(begin / source->rows);
    return (uint32_t)((end + source->rows - 1) / source->rows);
}

/* --- Temporaries --- */

uint32_t *gw_function_list_awaits(const gw_function *function)
{
    const uint32_t count = function->operations->len, value_count = function->values->len;
    uint32_t *awaits = g_new(uint32_t, count + 1);
    /* By value: the next operation that names it, and that writes it. */
    g_autofree uint32_t *named = g_new(uint32_t, value_count);
    g_autofree uint32_t *written = g_new(uint32_t, value_count);
    for (uint32_t v = 0; v < value_count; v++) {
        named[v] = written[v] = count;
    }
    for (uint32_t i = count; i-- > 0;) {
        const gw_operation *operation = gw_function_operation(function, i);
        awaits[i] = i;
        if (operation->is_overlapped) {
            awaits[i] = MIN(named[operation->outputs[0]], written[operation->inputs[0]]);
        }
        for (uint32_t k = 0; k < gw_operation_input_count(operation); k++) {
            named[operation->inputs[k]] = i;
        }
        for (uint32_t k = 0; k < gw_operation_output_count(operation); k++) {
            named[operation->outputs[k]] = written[operation->outputs[k]] = i;
        }
    }
    return awaits;
}

typedef struct {
    uint64_t offset_bytes, size_bytes;
    uint32_t value, first, last; /* Operations that name it; the whole function where none does. */
} placed_temporary;

static void widen(placed_temporary *spans, uint32_t value, uint32_t operation)
{
    spans[value].first = MIN(spans[value].first, operation);
    spans[value].last = MAX(spans[value].last, operation);
}

static placed_temporary *list_spans(const gw_function *function, uint64_t unit_bytes)
{
    placed_temporary *spans = g_new0(placed_temporary, function->values->len + 1);
    for (uint32_t i = 0; i < function->values->len; i++) {
        const uint64_t size_bytes = gw_value_bytes(gw_function_value(function, i));
        spans[i] = (placed_temporary){.size_bytes =
                                          (size_bytes + unit_bytes - 1) / unit_bytes * unit_bytes,
                                      .value = i,
                                      .first = UINT32_MAX};
    }
    g_autofree uint32_t *awaits = gw_function_list_awaits(function);
    for (uint32_t o = 0; o < function->operations->len; o++) {
        const gw_operation *operation = gw_function_operation(function, o);
        for (uint32_t k = 0; k < gw_operation_input_count(operation); k++) {
            widen(spans, operation->inputs[k], o);
        }
        for (uint32_t k = 0; k < gw_operation_output_count(operation); k++) {
            widen(spans, operation->outputs[k], o);
        }
        if (operation->is_overlapped) {
            const uint32_t last = awaits[o] - 1;
            widen(spans, operation->inputs[0], last);
            widen(spans, operation->outputs[0], last);
        }
    }
    for (uint32_t i = 0; i < function->values->len; i++) {
        if (spans[i].first == UINT32_MAX) {
            spans[i].first = 0;
            spans[i].last = UINT32_MAX;
        }
    }
    return spans;
}

static int compare_first(const void *a, const void *b)
{
    const placed_temporary *one = a, *other = b;
    if (one->first != other->first) {
        return one->first < other->first ? -1 : 1;
    }
    return one->value < other->value ? -1 : 1;
}

/* Into the lowest gap between those in `live`, which are in order of place; returns its end. */
static uint64_t place_among(GArray *live, placed_temporary *placed)
{
    uint64_t offset_bytes = 0;
    uint32_t at = 0;
    for (; at < live->len; at++) {
        const placed_temporary *next = &g_array_index(live, placed_temporary, at);
        if (next->offset_bytes >= offset_bytes + placed->size_bytes) {
            break;
        }
        offset_bytes = next->offset_bytes + next->size_bytes;
    }
    placed->offset_bytes = offset_bytes;
    g_array_insert_val(live, at, *placed);
    return offset_bytes + placed->size_bytes;
}

/* Forgets those whose last operation is before `operation`. */
static void drop_dead(GArray *live, uint32_t operation)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < live->len; i++) {
        const placed_temporary one = g_array_index(live, placed_temporary, i);
        if (one.last >= operation) {
            g_array_index(live, placed_temporary, kept++) = one;
        }
    }
    g_array_set_size(live, kept);
}

uint64_t gw_function_place_temporaries(const gw_function *function, uint64_t unit_bytes,
                                       uint64_t *out_offsets_bytes)
{
    g_autofree placed_temporary *spans = list_spans(function, unit_bytes);
    g_autoptr(GArray) live = g_array_new(FALSE, FALSE, sizeof(placed_temporary));
    uint32_t count = 0;
    uint64_t block_bytes = 0;
    for (uint32_t i = 0; i < function->values->len; i++) {
        if (gw_function_value(function, i)->role == GW_VALUE_TEMPORARY) {
            spans[count++] = spans[i];
        }
    }
    qsort(spans, count, sizeof *spans, compare_first);
    for (uint32_t i = 0; i < count; i++) {
        drop_dead(live, spans[i].first);
        const uint64_t end_bytes = place_among(live, &spans[i]);
        block_bytes = MAX(block_bytes, end_bytes);
        if (out_offsets_bytes != NULL) {
            out_offsets_bytes[spans[i].value] = spans[i].offset_bytes;
        }
    }
    return block_bytes;
}

/* --- Cost --- */

static double count_elements(const gw_function *function, uint32_t value)
{
    const gw_value *operand = gw_function_value(function, value);
    return (double)operand->rows * (double)operand->columns;
}

static double count_matmul_flops(const gw_function *function, const gw_operation *operation)
{
    const gw_value *a = gw_function_value(function, operation->inputs[0]);
    const double inner = operation->transpose_a ? a->rows : a->columns;
    return 2 * inner * count_elements(function, operation->outputs[0]);
}

/* Two products of the forward pass, or the four of its gradient, each of 2 rows x keys x
 * columns (the masked half included, as the field counts them), and the softmax or its derivative.
 */
static double count_attention_flops(const gw_function *function, const gw_operation *operation)
{
    const bool is_gradient = operation->kind == GW_OPERATION_ATTENTION_GRADIENT;
    const uint32_t p = is_gradient ? operation->inputs[3] : operation->outputs[1];
    const double product = 2.0 * gw_function_value(function, p)->columns *
                           count_elements(function, operation->inputs[0]);
    return (is_gradient ? 4 : 2) * product + (is_gradient ? 4 : 5) * count_elements(function, p);
}

/* Of each row at its seats, so many per element. */
static double count_seated_flops(const gw_function *function, uint32_t seats, uint32_t rows,
                                 double per_element)
{
    return per_element * count_elements(function, seats) *
           gw_function_value(function, rows)->columns;
}

/* What sends rows to experts and back; `out_flops` is untouched for other kinds. */
static bool count_expert_flops(const gw_function *function, const gw_operation *operation,
                               double *out_flops)
{
    const uint16_t *inputs = operation->inputs;
    switch (operation->kind) {
    case GW_OPERATION_GATE: /* A comparison for each choice. */
        *out_flops = count_elements(function, inputs[0]) *
                     gw_function_value(function, operation->outputs[0])->columns;
        return true;
    case GW_OPERATION_DISPATCH_GRADIENT:
        *out_flops = count_seated_flops(function, inputs[0], inputs[1], 1);
        return true;
    case GW_OPERATION_COMBINE:
        *out_flops = count_seated_flops(function, inputs[1], inputs[0], 2);
        return true;
    case GW_OPERATION_COMBINE_GRADIENT:
        *out_flops = count_seated_flops(function, inputs[1], inputs[0], 3);
        return true;
    case GW_OPERATION_BLOCK_MATMUL:
        *out_flops = 2 * count_elements(function, inputs[0]) *
                     gw_function_value(function, operation->outputs[0])->columns;
        return true;
    case GW_OPERATION_BLOCK_MATMUL_GRADIENT:
        *out_flops = 2 * count_elements(function, inputs[0]) *
                     gw_function_value(function, inputs[1])->columns;
        return true;
    default:
        return false;
    }
}

/* FLOPs per element of the first input, or of the output where there is none. */
static double count_flops_per_element(const gw_operation *operation)
{
    switch (operation->kind) {
    case GW_OPERATION_RANDOM:
    case GW_OPERATION_TOKENS:
    case GW_OPERATION_REDUCE:
    case GW_OPERATION_ROUTE: /* A comparison each. */
        return 1;
    case GW_OPERATION_MAP:
        if (operation->map == GW_MAP_GELU || operation->map == GW_MAP_GELU_GRADIENT) {
            return operation->map == GW_MAP_GELU ? 8 : 13;
        }
        return operation->map == GW_MAP_COPY ? 0 : 1;
    case GW_OPERATION_SOFTMAX:
        return 5;
    case GW_OPERATION_LAYER_NORM:
    case GW_OPERATION_CROSS_ENTROPY:
        return 8;
    case GW_OPERATION_TOKEN_STATISTICS:
    case GW_OPERATION_GATE_GRADIENT:
        return 4;
    case GW_OPERATION_TOKEN_LOSS:
        return 3;
    case GW_OPERATION_LAYER_NORM_GRADIENT:
        return 14;
    case GW_OPERATION_SGD:
        return 2;
    case GW_OPERATION_ADAM:
        return 12;
    default:
        return 0;
    }
}

double gw_operation_flops(const gw_function *function, const gw_operation *operation)
{
    if (operation->kind == GW_OPERATION_WORK) {
        return operation->flops;
    }
    if (operation->kind == GW_OPERATION_MATMUL) {
        return count_matmul_flops(function, operation);
    }
    if (operation->kind == GW_OPERATION_ATTENTION ||
        operation->kind == GW_OPERATION_ATTENTION_GRADIENT) {
        return count_attention_flops(function, operation);
    }
    if (operation->kind == GW_OPERATION_EMBEDDING_GRADIENT) {
        return count_elements(function, operation->inputs[1]);
    }
    double expert_flops;
    if (count_expert_flops(function, operation, &expert_flops)) {
        return expert_flops;
    }
    const double per_element = count_flops_per_element(operation);
    if (per_element == 0) {
        return 0;
    }
    const bool has_input = gw_operation_input_count(operation) > 0;
    return per_element *
           count_elements(function, has_input ? operation->inputs[0] : operation->outputs[0]);
}

double gw_operation_bytes(const gw_function *function, const gw_operation *operation)
{
    if (operation->kind == GW_OPERATION_WORK) {
        return operation->bytes;
    }
    double total_bytes = 0;
    /* Of an embedding's table, and of what is sliced, only the rows that it gives out. */
    const bool reads_rows =
        operation->kind == GW_OPERATION_EMBEDDING || operation->kind == GW_OPERATION_SLICE;
    for (uint32_t i = 0; i < gw_operation_input_count(operation); i++) {
        const uint32_t read = reads_rows && i == 0 ? operation->outputs[0] : operation->inputs[i];
        total_bytes += (double)gw_value_bytes(gw_function_value(function, read));
    }
    if (gw_operation_is_collective(operation)) {
        return total_bytes;
    }
    for (uint32_t i = 0; i < gw_operation_output_count(operation); i++) {
        total_bytes += (double)gw_value_bytes(gw_function_value(function, operation->outputs[i]));
    }
    return total_bytes;
}

uint64_t gw_function_member_bytes(const gw_function *function, uint32_t index)
{
    const gw_operation *operation = gw_function_operation(function, index);
    const gw_value *x = gw_function_value(function, operation->inputs[0]);
    return (uint64_t)gw_seating_spread(operation, (double)gw_value_bytes(x));
}

uint64_t gw_function_collective_bytes(const gw_function *function, uint32_t index)
{
    if (gw_function_operation(function, index)->is_joined)
        return 0;
    uint64_t total_bytes = 0;
    for (uint32_t i = index; i < function->operations->len; i++) {
        const gw_operation *operation = gw_function_operation(function, i);
        if (i > index && !operation->is_joined)
            break;
        total_bytes += gw_function_member_bytes(function, i);
    }
    return total_bytes;
}
