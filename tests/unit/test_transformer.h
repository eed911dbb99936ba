/* SPDX-License-Identifier: Apache-2.0 */
/* What a transformer's functions hold, counted: what its tests share. */
#pragma once

#include <check.h>

#include "workload/transformer.h"

/* What a device of each place has, added up; `is_whole`: with what the others of tensor have. */
static inline uint64_t count_parameters(const gw_transformer *model, bool is_whole)
{
    uint64_t count = 0;
    uint32_t tensor_count = 0;
    for (uint32_t p = 0; p < model->places; p++) {
        uint32_t first;
        g_autoptr(GArray) tensors = gw_transformer_list_tensors(model, p, &first);
        ck_assert_uint_eq(first, tensor_count); /* Places follow each other. */
        tensor_count += tensors->len;
        for (uint32_t i = 0; i < tensors->len; i++) {
            const gw_transformer_tensor *tensor = &g_array_index(tensors, gw_transformer_tensor, i);
            count += (uint64_t)tensor->rows * tensor->columns *
                     (is_whole && tensor->is_split ? model->tensor : 1);
        }
    }
    return count;
}

/* Of matrix products alone: a softmax counts 5 per element, its slopes 4. */
static inline double count_product_flops(const gw_function *function)
{
    double flops = 0;
    for (uint32_t i = 0; i < function->operations->len; i++) {
        const gw_operation *operation = gw_function_operation(function, i);
        const bool is_gradient = operation->kind == GW_OPERATION_ATTENTION_GRADIENT;
        if (operation->kind == GW_OPERATION_MATMUL)
            flops += gw_operation_flops(function, operation);
        if (operation->kind != GW_OPERATION_ATTENTION && !is_gradient)
            continue;
        const gw_value *p =
            gw_function_value(function, is_gradient ? operation->inputs[3] : operation->outputs[1]);
        flops += gw_operation_flops(function, operation) -
                 (is_gradient ? 4.0 : 5.0) * p->rows * p->columns;
    }
    return flops;
}

/* Operations of the kind along those axes. */
static inline uint32_t count_kind(const gw_function *function, gw_operation_kind kind, uint8_t axes)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < function->operations->len; i++) {
        const gw_operation *operation = gw_function_operation(function, i);
        count += operation->kind == kind && operation->axes == axes ? 1 : 0;
    }
    return count;
}
