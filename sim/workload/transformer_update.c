/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters between passes: how they begin, and how slopes change them.
 *
 * ZeRO (Rajbhandari et al., SC'20) parts along data what each group of devices would keep a copy
 * of: what the optimiser keeps (stage 1), slopes (2), the parameters that passes read (3). */
#include "base/check.h"
#include "base/random.h"
#include "workload/emit.h"
#include "workload/transformer_private.h"

/* --- Parts --- */

bool gw_transformer_is_parted(const gw_transformer *model, const gw_transformer_tensor *tensor)
{
    return model->zero > 0 && tensor->rows % model->data == 0;
}

uint32_t gw_transformer_part_rows(const gw_transformer *model, const gw_transformer_tensor *tensor)
{
    return tensor->rows / (gw_transformer_is_parted(model, tensor) ? model->data : 1);
}

uint8_t gw_transformer_sum_axes(const gw_transformer *model, const gw_transformer_tensor *tensor)
{
    const bool is_part = model->is_sequence_parallel && !tensor->is_split && !tensor->is_seen_whole;
    return (uint8_t)((model->data > 1 ? GW_TRANSFORMER_DATA : 0) |
                     (is_part ? GW_TRANSFORMER_TENSOR : 0));
}

gw_transformer_sum gw_transformer_sum_when(const gw_transformer *model,
                                           const gw_transformer_tensor *tensor)
{
    if (gw_transformer_sum_axes(model, tensor) == 0)
        return GW_SUM_NEVER;
    if (model->zero >= 2 && gw_transformer_is_parted(model, tensor))
        return GW_SUM_EACH_PASS;
    return model->bucket_bytes > 0 ? GW_SUM_LAST_PASS : GW_SUM_UPDATE;
}

/* A device with a whole tensor keeps all of the sum, others their part. */
static gw_operation_kind sum_kind(const gw_transformer *model, const gw_transformer_tensor *tensor)
{
    return gw_transformer_is_parted(model, tensor) ? GW_OPERATION_REDUCE_SCATTER
                                                   : GW_OPERATION_ALL_REDUCE;
}

void gw_transformer_add_sum(const gw_transformer *model, const gw_transformer_tensor *tensor,
                            gw_bundle *bundle, uint32_t x, uint32_t y)
{
    const uint8_t axes = gw_transformer_sum_axes(model, tensor);
    /* Only rows that all of tensor share, or that none does, are parted. */
    gw_check(!gw_transformer_is_parted(model, tensor) || axes == GW_TRANSFORMER_DATA);
    gw_bundle_add(bundle, sum_kind(model, tensor), axes, x, y);
}

uint32_t gw_transformer_count_kept(const gw_transformer *model)
{
    return model->optimizer == GW_OPTIMIZER_ADAM ? 3 : 1;
}

/* Passes read a copy, and not what the update keeps. */
static bool has_copies(const gw_transformer *model)
{
    return model->is_half || model->zero == 1 || model->zero == 2;
}

uint32_t gw_transformer_count_carried(const gw_transformer *model)
{
    return gw_transformer_count_kept(model) + (has_copies(model) ? 1 : 0);
}

uint32_t gw_transformer_read_of_carried(const gw_transformer *model)
{
    return has_copies(model) ? gw_transformer_count_kept(model) : 0;
}

uint32_t gw_transformer_read_rows(const gw_transformer *model, const gw_transformer_tensor *tensor)
{
    return model->zero == 3 ? gw_transformer_part_rows(model, tensor) : tensor->rows;
}

/* --- Values --- */

static uint32_t add_kept_output(const gw_transformer *model, gw_function *function,
                                const gw_transformer_tensor *tensor)
{
    return gw_function_add_output(function, gw_transformer_part_rows(model, tensor),
                                  tensor->columns,
                                  tensor->is_split || gw_transformer_is_parted(model, tensor));
}

static uint32_t add_copy_output(const gw_transformer *model, gw_function *function,
                                const gw_transformer_tensor *tensor)
{
    const bool is_parted = model->zero == 3 && gw_transformer_is_parted(model, tensor);
    const uint32_t y = gw_function_add_output(function, gw_transformer_read_rows(model, tensor),
                                              tensor->columns, tensor->is_split || is_parted);
    g_array_index(function->values, gw_value, y).element_bytes =
        gw_transformer_element_bytes(model);
    return y;
}

/* --- The beginning --- */

static void emit_first(const gw_transformer *model, gw_function *function,
                       const gw_transformer_tensor *tensor, uint32_t number, uint32_t y)
{
    if (tensor->scale == 0)
        gw_emit_fill(function, tensor->constant, y);
    else
        gw_emit_random(function, tensor->scale, gw_random_at(model->seed, 1 + number),
                       tensor->is_split ? GW_TRANSFORMER_TENSOR : 0, y);
}

/* What is parted is cut out of a whole that all draw alike. */
static void add_first(const gw_transformer *model, gw_function *function,
                      const gw_transformer_tensor *tensor, uint32_t number)
{
    const bool is_parted = gw_transformer_is_parted(model, tensor);
    const uint32_t own = add_kept_output(model, function, tensor);
    uint32_t whole = own;
    if (is_parted)
        whole = gw_function_add_temporary(function, tensor->rows, tensor->columns);
    emit_first(model, function, tensor, number, whole);
    if (is_parted)
        gw_function_add(function, &(gw_operation){.kind = GW_OPERATION_SLICE,
                                                  .axes = GW_TRANSFORMER_DATA,
                                                  .inputs = {(uint16_t)whole},
                                                  .outputs = {(uint16_t)own}});
    for (uint32_t k = 1; k < gw_transformer_count_kept(model); k++)
        gw_emit_fill(function, 0, add_kept_output(model, function, tensor));
    if (has_copies(model))
        gw_emit_map(function, GW_MAP_COPY, model->zero == 3 ? own : whole, 0,
                    add_copy_output(model, function, tensor));
}

gw_function *gw_transformer_make_init(const gw_transformer *model, uint32_t place)
{
    uint32_t first;
    g_autoptr(GArray) tensors = gw_transformer_list_tensors(model, place, &first);
    gw_function *function = gw_function_new("init");
    function->computations = 0;
    for (uint32_t i = 0; i < tensors->len; i++)
        add_first(model, function, &g_array_index(tensors, gw_transformer_tensor, i), first + i);
    return function;
}

/* --- The update --- */

/* Takes the tensor's slopes; returns where their sum is, or will be. */
static uint32_t take_slopes(const gw_transformer *model, gw_function *function,
                            const gw_transformer_tensor *tensor, gw_bundle *sums)
{
    const bool is_parted = gw_transformer_is_parted(model, tensor);
    const bool is_late = gw_transformer_sum_when(model, tensor) == GW_SUM_UPDATE;
    const uint32_t part_rows = gw_transformer_part_rows(model, tensor);
    const uint32_t x =
        gw_function_add_input(function, is_late ? tensor->rows : part_rows, tensor->columns,
                              tensor->is_split || (is_parted && !is_late));
    if (!is_late)
        return x;
    const uint32_t y = gw_function_add_temporary(function, part_rows, tensor->columns);
    gw_transformer_add_sum(model, tensor, sums, x, y);
    return y;
}

/* The copy that passes read of what the update has made of `x`. */
static void add_copy(const gw_transformer *model, gw_function *function,
                     const gw_transformer_tensor *tensor, gw_bundle *copies, uint32_t x)
{
    if (!has_copies(model))
        return;
    const uint32_t y = add_copy_output(model, function, tensor);
    if (!gw_transformer_is_parted(model, tensor) || model->zero == 3) {
        gw_emit_map(function, GW_MAP_COPY, x, 0, y);
        return;
    }
    uint32_t part = x;
    if (model->is_half) { /* What travels is as thin as what arrives. */
        part = gw_function_add_temporary(function, gw_transformer_part_rows(model, tensor),
                                         tensor->columns);
        g_array_index(function->values, gw_value, part).element_bytes =
            gw_transformer_element_bytes(model);
        gw_emit_map(function, GW_MAP_COPY, x, 0, part);
    }
    gw_bundle_add(copies, GW_OPERATION_ALL_GATHER, GW_TRANSFORMER_DATA, part, y);
}

/* (p, g, m, v) -> (p', m', v'), and the copy. */
static void add_optimizer(const gw_transformer *model, gw_function *function,
                          const gw_transformer_tensor *tensor, uint32_t slopes, gw_bundle *copies)
{
    gw_operation operation = {.kind = model->optimizer == GW_OPTIMIZER_SGD ? GW_OPERATION_SGD
                                                                           : GW_OPERATION_ADAM,
                              .scalar = model->learning_rate};
    operation.inputs[1] = (uint16_t)slopes;
    for (uint32_t k = 0; k < gw_transformer_count_kept(model); k++) {
        operation.inputs[k == 0 ? 0 : k + 1] = (uint16_t)gw_function_add_input(
            function, gw_transformer_part_rows(model, tensor), tensor->columns,
            tensor->is_split || gw_transformer_is_parted(model, tensor));
        operation.outputs[k] = (uint16_t)add_kept_output(model, function, tensor);
    }
    gw_function_add(function, &operation);
    add_copy(model, function, tensor, copies, operation.outputs[0]);
}

static void add_whole_loss(const gw_transformer *model, gw_function *function)
{
    const uint32_t part = gw_function_add_input(function, 1, 1, false);
    const uint32_t whole = gw_function_add_output(function, 1, 1, false);
    if (model->data > 1)
        gw_emit_collective(function, GW_OPERATION_ALL_REDUCE, GW_TRANSFORMER_DATA, part, whole);
    else
        gw_emit_map(function, GW_MAP_COPY, part, 0, whole);
}

gw_function *gw_transformer_make_update(const gw_transformer *model, uint32_t place)
{
    uint32_t first;
    g_autoptr(GArray) tensors = gw_transformer_list_tensors(model, place, &first);
    gw_function *function = gw_function_new("update");
    function->computations = 1;
    gw_bundle sums = gw_bundle_of(function, UINT64_MAX, false);
    gw_bundle copies = gw_bundle_of(function, UINT64_MAX, false);
    g_autofree uint32_t *slopes = g_new(uint32_t, tensors->len);
    for (uint32_t i = 0; i < tensors->len; i++)
        slopes[i] =
            take_slopes(model, function, &g_array_index(tensors, gw_transformer_tensor, i), &sums);
    gw_bundle_flush(&sums);
    for (uint32_t i = 0; i < tensors->len; i++)
        add_optimizer(model, function, &g_array_index(tensors, gw_transformer_tensor, i), slopes[i],
                      &copies);
    gw_bundle_flush(&copies);
    if (place + 1 == model->places)
        add_whole_loss(model, function);
    gw_bundle_clear(&sums);
    gw_bundle_clear(&copies);
    return function;
}
