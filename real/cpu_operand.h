/* SPDX-License-Identifier: Apache-2.0 */
/* What the files cpu_*.c that compute share: operands with their memory, and leave to multiply. */
#pragma once

#include "real/cpu_operations.h"

typedef struct {
    float *data; /* Row-major, without gaps. */
    uint64_t rows, columns, count;
} gw_cpu_operand;

static inline gw_cpu_operand gw_cpu_operand_of(const gw_cpu_context *context, uint32_t index)
{
    const gw_value *value = gw_function_value(context->function, index);
    const bool is_counted = context->counted != NULL && context->counted->values[index];
    const uint64_t rows = is_counted ? context->counted_rows : value->rows;
    return (gw_cpu_operand){.data = context->values[index],
                            .rows = rows,
                            .columns = value->columns,
                            .count = rows * value->columns};
}

static inline gw_cpu_operand gw_cpu_input(const gw_cpu_context *context,
                                          const gw_operation *operation, uint32_t k)
{
    return gw_cpu_operand_of(context, operation->inputs[k]);
}

static inline gw_cpu_operand gw_cpu_output(const gw_cpu_context *context,
                                           const gw_operation *operation, uint32_t k)
{
    return gw_cpu_operand_of(context, operation->outputs[k]);
}

/* Which block of a whole that is split over the operation's axes this shard has; 0 without axes.
 * *out_group_size, unless NULL: how many blocks that whole has. */
uint32_t gw_cpu_place(const gw_cpu_context *context, const gw_operation *operation,
                      uint32_t *out_group_size);

/* Around calls of OpenBLAS: waits until fewer than GW_CPU_PRODUCTS_MAX are between the two. */
void gw_cpu_products_begin(const gw_cpu_context *context);
void gw_cpu_products_end(const gw_cpu_context *context);

/* The largest of `count` floats, at least one. */
float gw_cpu_largest(const float *data, uint64_t count);

/* cpu_transformer.c */
void gw_cpu_run_embedding(const gw_cpu_context *context, const gw_operation *operation);
void gw_cpu_run_embedding_gradient(const gw_cpu_context *context, const gw_operation *operation);
void gw_cpu_run_layer_norm_gradient(const gw_cpu_context *context, const gw_operation *operation);
void gw_cpu_run_attention(const gw_cpu_context *context, const gw_operation *operation);
void gw_cpu_run_attention_gradient(const gw_cpu_context *context, const gw_operation *operation);
void gw_cpu_run_tokens(const gw_cpu_context *context, const gw_operation *operation);
void gw_cpu_run_text(const gw_cpu_context *context, const gw_operation *operation);
void gw_cpu_run_token_statistics(const gw_cpu_context *context, const gw_operation *operation);
void gw_cpu_run_token_loss(const gw_cpu_context *context, const gw_operation *operation);
void gw_cpu_run_gelu(const gw_cpu_operand *x, const gw_cpu_operand *y);
void gw_cpu_run_gelu_gradient(const gw_cpu_operand *x, const gw_cpu_operand *z,
                              const gw_cpu_operand *y);

/* cpu_experts.c */
void gw_cpu_run_gate(const gw_cpu_context *context, const gw_operation *operation);
void gw_cpu_run_gate_gradient(const gw_cpu_context *context, const gw_operation *operation);
void gw_cpu_run_dispatch(const gw_cpu_context *context, const gw_operation *operation);
void gw_cpu_run_dispatch_gradient(const gw_cpu_context *context, const gw_operation *operation);
void gw_cpu_run_combine(const gw_cpu_context *context, const gw_operation *operation);
void gw_cpu_run_combine_gradient(const gw_cpu_context *context, const gw_operation *operation);
void gw_cpu_run_block_matmul(const gw_cpu_context *context, const gw_operation *operation);
void gw_cpu_run_block_matmul_gradient(const gw_cpu_context *context, const gw_operation *operation);
