/* SPDX-License-Identifier: Apache-2.0 */
/* A function's values and operations, and what they cost.  A value is found by its role and
 * position through two index tables, because executors ask for every gang. */
#include "program/function.h"

#include "base/check.h"

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
    return copy;
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

uint64_t gw_value_bytes(const gw_value *value)
{
    return (uint64_t)value->rows * value->columns * value->element_bytes;
}

uint64_t gw_function_temporary_bytes(const gw_function *function)
{
    uint64_t total_bytes = 0;
    for (uint32_t i = 0; i < function->values->len; i++) {
        const gw_value *value = gw_function_value(function, i);
        if (value->role == GW_VALUE_TEMPORARY) {
            total_bytes += gw_value_bytes(value);
        }
    }
    return total_bytes;
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

/* FLOPs per element of the first input, or of the output where there is none. */
static double count_flops_per_element(const gw_operation *operation)
{
    switch (operation->kind) {
    case GW_OPERATION_RANDOM:
    case GW_OPERATION_REDUCE:
    case GW_OPERATION_ROUTE: /* A comparison each. */
        return 1;
    case GW_OPERATION_MAP:
        return operation->map == GW_MAP_COPY ? 0 : 1;
    case GW_OPERATION_SOFTMAX:
        return 5;
    case GW_OPERATION_LAYER_NORM:
    case GW_OPERATION_CROSS_ENTROPY:
        return 8;
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
    for (uint32_t i = 0; i < gw_operation_input_count(operation); i++) {
        total_bytes += (double)gw_value_bytes(gw_function_value(function, operation->inputs[i]));
    }
    if (gw_operation_is_collective(operation)) {
        return total_bytes;
    }
    for (uint32_t i = 0; i < gw_operation_output_count(operation); i++) {
        total_bytes += (double)gw_value_bytes(gw_function_value(function, operation->outputs[i]));
    }
    return total_bytes;
}
