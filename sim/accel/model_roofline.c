/* SPDX-License-Identifier: Apache-2.0 */
/* From peak rates: an operation takes as long as its arithmetic at the rate of the unit that does
 * it, or as its memory traffic, whichever is longer (Williams, Waterman and Patterson, "Roofline",
 * CACM 52(4), 2009).  Matrix products go by their shape (product.h), attention is the products and
 * the softmax that it is made of.  What was measured on the device takes what was measured.
 * docs/MODEL.md, "Kernels". */
#include <stdlib.h>

#include "accel/collective.h"
#include "accel/masks.h"
#include "accel/model.h"
#include "accel/product.h"
#include "base/check.h"

/* Of memory's rate, by kernels over attention's scores. */
static double scores_efficiency(const gw_accelerator *accelerator)
{
    return accelerator->scores_efficiency > 0 ? accelerator->scores_efficiency
                                              : accelerator->hbm_efficiency;
}

/* One kernel: `seconds` of arithmetic beside `traffic_bytes`, and its start and end; of nothing, no
 * time. */
static gw_span kernel_span_at(const gw_accelerator *accelerator, double efficiency, double seconds,
                              double traffic_bytes)
{
    const double memory_bytes_per_s = accelerator->hbm_bytes_per_s * efficiency;
    gw_check(memory_bytes_per_s > 0);
    const gw_span span_ns = gw_span_from_seconds(MAX(seconds, traffic_bytes / memory_bytes_per_s));
    return span_ns > 0 ? span_ns + accelerator->operation_overhead_ns : 0;
}

static gw_span kernel_span(const gw_accelerator *accelerator, double seconds, double traffic_bytes)
{
    return kernel_span_at(accelerator, accelerator->hbm_efficiency, seconds, traffic_bytes);
}

static gw_span map_span(const gw_accelerator *accelerator, double flops, double traffic_bytes)
{
    gw_check(accelerator->vector_flops > 0);
    return kernel_span(accelerator, flops / accelerator->vector_flops, traffic_bytes);
}

static gw_span matmul_span(const gw_accelerator *accelerator, const gw_function *function,
                           const gw_operation *operation, const gw_fused *fused)
{
    const gw_value *a = gw_function_value(function, operation->inputs[0]);
    const gw_value *y = gw_function_value(function, operation->outputs[0]);
    gw_product product = {1, y->rows, y->columns, operation->transpose_a ? a->rows : a->columns};
    const bool leads = fused != NULL && fused->leads;
    if (leads) {
        product.rows += fused->part == GW_PRODUCT_ROWS ? fused->more : 0;
        product.columns += fused->part == GW_PRODUCT_COLUMNS ? fused->more : 0;
        product.depth += fused->part == GW_PRODUCT_DEPTH ? fused->more : 0;
    }
    return kernel_span(accelerator, gw_product_seconds(accelerator, &product),
                       leads ? fused->bytes : gw_operation_bytes(function, operation));
}

/* A product for each run of rows, or all in one where there is one block; its gradient adds up the
 * runs of a block. */
static gw_span blocks_span(const gw_accelerator *accelerator, const gw_function *function,
                           const gw_operation *operation)
{
    const gw_value *a = gw_function_value(function, operation->inputs[0]);
    const gw_value *y = gw_function_value(function, operation->outputs[0]);
    const uint64_t blocks = operation->blocks;
    gw_product product;
    if (operation->kind == GW_OPERATION_BLOCK_MATMUL_GRADIENT)
        product = (gw_product){blocks, y->rows / blocks, y->columns, a->rows / blocks};
    else if (blocks == 1)
        product = (gw_product){1, y->rows, y->columns, a->columns};
    else
        product = (gw_product){a->rows / operation->sequence, operation->sequence, y->columns,
                               a->columns};
    return kernel_span(accelerator, gw_product_seconds(accelerator, &product),
                       gw_operation_bytes(function, operation));
}

static gw_span masks_span(const gw_accelerator *accelerator, const gw_function *function,
                          const gw_operation *operation)
{
    gw_mask_kernel kernels[GW_MASK_KERNELS_MAX];
    const uint32_t count = gw_masks_list(function, operation, kernels);
    gw_span sum_ns = 0;
    for (uint32_t i = 0; i < count; i++) {
        const gw_mask_kernel *kernel = &kernels[i];
        sum_ns += kernel->product.count > 0
                      ? kernel_span(accelerator, gw_product_seconds(accelerator, &kernel->product),
                                    kernel->bytes)
                      : map_span(accelerator, kernel->flops, kernel->bytes);
    }
    return sum_ns;
}

/* --- Attention --- */

typedef struct { /* Of one device's part. */
    uint64_t pair_count, sequence, key_sequence, head_columns;
    double side_bytes;   /* Of all queries, or results, and all keys, or values. */
    double scores_bytes; /* Of all scores, as large as their softmax. */
} attention_shape;

/* Reads or writes the scores once, and one of the queries' and one of the keys' side. */
static gw_span attention_product_span(const gw_accelerator *accelerator,
                                      const attention_shape *shape, uint64_t rows, uint64_t columns,
                                      uint64_t depth)
{
    const gw_product product = {shape->pair_count, rows, columns, depth};
    return kernel_span_at(accelerator, scores_efficiency(accelerator),
                          gw_product_seconds(accelerator, &product),
                          shape->side_bytes + shape->scores_bytes);
}

/* The softmax, or its slopes. */
static gw_span attention_map_span(const gw_accelerator *accelerator, double flops, double bytes)
{
    gw_check(accelerator->vector_flops > 0);
    return kernel_span_at(accelerator, scores_efficiency(accelerator),
                          flops / accelerator->vector_flops, bytes);
}

static attention_shape find_attention_shape(const gw_function *function,
                                            const gw_operation *operation)
{
    const bool is_gradient = operation->kind == GW_OPERATION_ATTENTION_GRADIENT;
    const gw_value *queries = gw_function_value(function, operation->inputs[0]);
    const gw_value *keys = gw_function_value(function, operation->inputs[1]);
    const gw_value *shares =
        gw_function_value(function, is_gradient ? operation->inputs[3] : operation->outputs[1]);
    gw_check(operation->heads > 0 && operation->sequence > 0);
    return (attention_shape){
        .pair_count = (uint64_t)queries->rows / operation->sequence * operation->heads,
        .sequence = operation->sequence,
        .key_sequence = shares->columns,
        .head_columns = queries->columns / operation->heads,
        .side_bytes = (double)gw_value_bytes(queries) + (double)gw_value_bytes(keys),
        .scores_bytes = (double)gw_value_bytes(shares),
    };
}

/* Scores are written by one product and read by the next, and go through memory in between, as
 * they do unless all of it is written as one kernel.  Forward: scores, softmax (reads, writes),
 * result.  Gradient: slopes of the shares, those of the scores (reads both, writes), and from them
 * and the shares the slopes of queries, keys and values. */
static gw_span attention_span(const gw_accelerator *accelerator, const gw_function *function,
                              const gw_operation *operation)
{
    const attention_shape shape = find_attention_shape(function, operation);
    const uint64_t s = shape.sequence, u = shape.key_sequence, width = shape.head_columns;
    const double elements = (double)shape.pair_count * (double)s * (double)u;
    const gw_span scores_ns = attention_product_span(accelerator, &shape, s, u, width);
    const gw_span query_side_ns = attention_product_span(accelerator, &shape, s, width, u);
    if (operation->kind == GW_OPERATION_ATTENTION)
        return scores_ns + query_side_ns +
               attention_map_span(accelerator, 5 * elements, 2 * shape.scores_bytes);
    const gw_span key_side_ns = attention_product_span(accelerator, &shape, u, width, s);
    return scores_ns + query_side_ns + 2 * key_side_ns +
           attention_map_span(accelerator, 4 * elements, 3 * shape.scores_bytes);
}

/* --- The model --- */

/* What is given as FLOPs is mostly matrix products, or it would not be given so: large ones. */
static gw_span whole_span(const gw_accelerator *accelerator, double flops, double traffic_bytes)
{
    const double flops_per_s = accelerator->peak_flops * accelerator->matmul_efficiency;
    gw_check(flops_per_s > 0);
    return kernel_span(accelerator, flops / flops_per_s, traffic_bytes);
}

static gw_span work_span(const gw_accelerator *accelerator, const gw_operation *operation)
{
    if (operation->is_of_scores)
        return attention_map_span(accelerator, operation->flops, operation->bytes);
    if (operation->depth == 0)
        return whole_span(accelerator, operation->flops, operation->bytes);
    const gw_product product = {1, operation->rows, operation->columns, operation->depth};
    return kernel_span(accelerator, gw_product_seconds(accelerator, &product), operation->bytes);
}

static gw_span roofline_operation_ns(const gw_accel_model *model, uint32_t island,
                                     const gw_function *function, const gw_operation *operation,
                                     const gw_fused *fused)
{
    gw_check(island < model->cluster->island_count);
    gw_check(!gw_operation_is_collective(operation));
    const gw_accelerator *accelerator = model->cluster->islands[island].accelerator;
    if (fused != NULL && fused->is_continued) {
        return 0;
    }
    double measured_ns;
    if (accelerator->measured != NULL && fused == NULL &&
        gw_measured_operation(accelerator->measured, function, operation, &measured_ns)) {
        return gw_span_from_seconds(measured_ns / 1e9);
    }
    if (operation->by_masks) {
        return masks_span(accelerator, function, operation);
    }
    switch (operation->kind) {
    case GW_OPERATION_DURATION:
        return operation->duration_ns;
    case GW_OPERATION_WORK:
        return work_span(accelerator, operation);
    case GW_OPERATION_MATMUL:
        return matmul_span(accelerator, function, operation, fused);
    case GW_OPERATION_ATTENTION:
    case GW_OPERATION_ATTENTION_GRADIENT:
        if (accelerator->matrix_unit.tile_count > 0) {
            return attention_span(accelerator, function, operation);
        }
        return whole_span(accelerator, gw_operation_flops(function, operation),
                          gw_operation_bytes(function, operation));
    case GW_OPERATION_BLOCK_MATMUL:
    case GW_OPERATION_BLOCK_MATMUL_GRADIENT:
        return blocks_span(accelerator, function, operation);
    default:
        if (fused != NULL && fused->leads) {
            return map_span(accelerator, fused->map_flops, fused->bytes);
        }
        return map_span(accelerator, gw_operation_flops(function, operation),
                        gw_operation_bytes(function, operation));
    }
}

static int compare_hosts(const void *a, const void *b)
{
    const uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    return left < right ? -1 : left > right;
}

static uint32_t count_hosts(const gw_cluster *cluster, const gw_collective *collective)
{
    g_autofree uint32_t *hosts = g_new(uint32_t, collective->member_count);
    for (uint32_t i = 0; i < collective->member_count; i++)
        hosts[i] = gw_cluster_host_of(cluster, (gw_device_id){collective->devices[i]});
    qsort(hosts, collective->member_count, sizeof *hosts, compare_hosts);
    uint32_t count = 1;
    for (uint32_t i = 1; i < collective->member_count; i++)
        count += hosts[i] != hosts[i - 1];
    return count;
}

static gw_span roofline_collective_ns(const gw_accel_model *model, const gw_collective *collective)
{
    const gw_cluster_island *island =
        gw_cluster_island_of(model->cluster, (gw_device_id){collective->devices[0]});
    const gw_measured *measured = island->accelerator->measured;
    double measured_ns;
    if (measured != NULL &&
        gw_measured_collective_of(measured, collective->kind, collective->member_count,
                                  count_hosts(model->cluster, collective), collective->size_bytes,
                                  &measured_ns))
        return gw_span_from_seconds(measured_ns / 1e9);
    return gw_collective_ns(model->cluster, collective);
}

const gw_accel_ops gw_model_roofline = {
    .name = "roofline",
    .operation_ns = roofline_operation_ns,
    .collective_ns = roofline_collective_ns,
};
