/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters between passes: how they begin, and how slopes change them.
 *
 * ZeRO (Rajbhandari et al., SC'20) parts along data what each group of devices would keep a copy
 * of: what the optimiser keeps (stage 1), slopes (2), the parameters that passes read (3). */
#include "base/check.h"
#include "base/random.h"
#include "workload/emit.h"
#include "workload/transformer_eager.h"
#include "workload/transformer_private.h"

/* Slopes that are summed at a time, and then used up, so that not all sums are held at once. */
#define SUMS_BYTES (UINT64_C(200) << 20)

/* --- Parts --- */

bool gw_transformer_is_parted(const gw_transformer *model, const gw_transformer_tensor *tensor)
{
    return model->zero > 0 && tensor->blocks == 0 && tensor->rows % model->data == 0;
}

uint32_t gw_transformer_part_rows(const gw_transformer *model, const gw_transformer_tensor *tensor)
{
    return tensor->rows / (gw_transformer_is_parted(model, tensor) ? model->data : 1);
}

uint8_t gw_transformer_sum_axes(const gw_transformer *model, const gw_transformer_tensor *tensor)
{
    if (tensor->blocks > 0) /* Experts have seen all devices' tokens. */
        return 0;
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
    /* Other islands are sent sums. */
    return model->bucket_bytes > 0 || model->islands > 1 ? GW_SUM_LAST_PASS : GW_SUM_UPDATE;
}

uint32_t gw_transformer_sent_columns(const gw_transformer *model,
                                     const gw_transformer_tensor *tensor)
{
    const uint8_t axes = gw_transformer_sum_axes(model, tensor);
    const uint32_t group = (axes & GW_TRANSFORMER_DATA ? model->data : 1) *
                           (axes & GW_TRANSFORMER_TENSOR ? model->tensor : 1);
    const bool is_cut = model->islands > 1 && tensor->rows == 1 && tensor->columns % group == 0;
    return tensor->columns / (is_cut ? group : 1);
}

static bool is_sent_in_parts(const gw_transformer *model, const gw_transformer_tensor *tensor)
{
    return gw_transformer_sent_columns(model, tensor) < tensor->columns;
}

uint32_t gw_transformer_slope_bytes(const gw_transformer *model)
{
    return model->has_half_slopes ? 2 : 4;
}

uint32_t gw_transformer_mark_slopes(const gw_transformer *model, gw_function *function,
                                    uint32_t value)
{
    g_array_index(function->values, gw_value, value).element_bytes =
        gw_transformer_slope_bytes(model);
    return value;
}

/* A device with a whole tensor keeps all of the sum, others their part. */
static gw_operation_kind sum_kind(const gw_transformer *model, const gw_transformer_tensor *tensor)
{
    return gw_transformer_is_parted(model, tensor) || is_sent_in_parts(model, tensor)
               ? GW_OPERATION_REDUCE_SCATTER
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

bool gw_transformer_counts_updates(const gw_transformer *model)
{
    return model->optimizer == GW_OPTIMIZER_ADAM;
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

/* The `k`th of what is kept of the tensor. */
static uint32_t add_kept_output(const gw_transformer *model, gw_function *function,
                                const gw_transformer_tensor *tensor, uint32_t k)
{
    const uint32_t y =
        gw_function_add_output(function, gw_transformer_part_rows(model, tensor), tensor->columns,
                               tensor->is_split || gw_transformer_is_parted(model, tensor));
    g_array_index(function->values, gw_value, y).memory =
        k == 0 ? GW_MEMORY_PARAMETERS : GW_MEMORY_OPTIMIZER;
    return y;
}

static uint32_t add_copy_output(const gw_transformer *model, gw_function *function,
                                const gw_transformer_tensor *tensor)
{
    const bool is_parted = model->zero == 3 && gw_transformer_is_parted(model, tensor);
    const uint32_t y = gw_function_add_output(function, gw_transformer_read_rows(model, tensor),
                                              tensor->columns, tensor->is_split || is_parted);
    gw_value *copy = &g_array_index(function->values, gw_value, y);
    copy->element_bytes = gw_transformer_element_bytes(model);
    copy->memory = GW_MEMORY_PARAMETERS;
    return y;
}

/* Of the count of updates. */
static void mark_kept(gw_function *function, uint32_t count)
{
    g_array_index(function->values, gw_value, count).memory = GW_MEMORY_OPTIMIZER;
}

/* --- The beginning --- */

static void emit_first(const gw_transformer *model, gw_function *function,
                       const gw_transformer_tensor *tensor, uint32_t number, uint32_t y)
{
    if (tensor->scale == 0) {
        gw_emit_fill(function, tensor->constant, y);
        return;
    }
    gw_emit_random(function, tensor->scale, gw_random_at(model->seed, 1 + number),
                   tensor->is_split ? GW_TRANSFORMER_TENSOR : 0, y);
    gw_operation *random =
        &g_array_index(function->operations, gw_operation, function->operations->len - 1);
    random->blocks = tensor->blocks; /* Experts begin alike on any mesh, too. */
    random->block_axes = tensor->blocks > 0 ? GW_TRANSFORMER_DATA : 0;
}

/* What is parted is cut out of a whole that all draw alike. */
static void add_first(const gw_transformer *model, gw_function *function,
                      const gw_transformer_tensor *tensor, uint32_t number)
{
    const bool is_parted = gw_transformer_is_parted(model, tensor);
    const uint32_t own = add_kept_output(model, function, tensor, 0);
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
        gw_emit_fill(function, 0, add_kept_output(model, function, tensor, k));
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
    const uint32_t count_count =
        gw_transformer_counts_updates(model) ? gw_transformer_count_chunks(model) : 0;
    for (uint32_t c = 0; c < count_count; c++) {
        const uint32_t y = gw_function_add_output(function, 1, 1, false);
        mark_kept(function, y);
        gw_emit_fill(function, 0, y);
    }
    return function;
}

/* --- The update --- */

static uint32_t take_slopes(const gw_transformer *model, gw_function *function,
                            const gw_transformer_tensor *tensor)
{
    const bool is_parted = gw_transformer_is_parted(model, tensor);
    const bool is_late = gw_transformer_sum_when(model, tensor) == GW_SUM_UPDATE;
    const bool is_cut = is_sent_in_parts(model, tensor);
    const uint32_t x = gw_function_add_input(
        function, is_late ? tensor->rows : gw_transformer_part_rows(model, tensor),
        gw_transformer_sent_columns(model, tensor),
        tensor->is_split || is_cut || (is_parted && !is_late));
    return gw_transformer_mark_slopes(model, function, x);
}

/* Where the sum of slopes `x` is, or will be when the bundle is written. */
static uint32_t sum_slopes(const gw_transformer *model, gw_function *function,
                           const gw_transformer_tensor *tensor, gw_bundle *sums, uint32_t x)
{
    if (gw_transformer_sum_when(model, tensor) != GW_SUM_UPDATE)
        return x;
    const uint32_t y = gw_function_add_temporary(function, gw_transformer_part_rows(model, tensor),
                                                 tensor->columns);
    gw_transformer_mark_slopes(model, function, y);
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

/* (p, g, m, v, count) -> (p', m', v'), and the copy. */
static void add_optimizer(const gw_transformer *model, gw_function *function,
                          const gw_transformer_tensor *tensor, uint32_t slopes, uint32_t count,
                          gw_bundle *copies)
{
    gw_operation operation = {.kind = model->optimizer == GW_OPTIMIZER_SGD ? GW_OPERATION_SGD
                                                                           : GW_OPERATION_ADAM,
                              .scalar = model->learning_rate};
    operation.inputs[1] = (uint16_t)slopes;
    operation.inputs[4] = (uint16_t)count;
    for (uint32_t k = 0; k < gw_transformer_count_kept(model); k++) {
        operation.inputs[k == 0 ? 0 : k + 1] = (uint16_t)gw_function_add_input(
            function, gw_transformer_part_rows(model, tensor), tensor->columns,
            tensor->is_split || gw_transformer_is_parted(model, tensor));
        operation.outputs[k] = (uint16_t)add_kept_output(model, function, tensor, k);
        gw_function_donate(function, operation.inputs[k == 0 ? 0 : k + 1], operation.outputs[k]);
    }
    gw_function_add(function, &operation);
    add_copy(model, function, tensor, copies, operation.outputs[0]);
}

/* The sum of `count` values of one shape, in order. */
static uint32_t add_up(gw_function *function, const uint32_t *values, uint32_t count)
{
    uint32_t sum = values[0];
    for (uint32_t i = 1; i < count; i++) {
        const gw_value value = *gw_function_value(function, sum);
        const uint32_t next = gw_function_add_temporary(function, value.rows, value.columns);
        gw_emit_map(function, GW_MAP_ADD, sum, values[i], next);
        sum = next;
    }
    return sum;
}

bool gw_transformer_gives_loss(const gw_transformer *model, uint32_t place)
{
    return place + 1 == model->places && model->island == 0;
}

/* A number that devices of so many islands have parts of: an input from each, and their sum as an
 * output. */
static void add_total(const gw_transformer *model, gw_function *function, uint32_t island_count)
{
    g_autofree uint32_t *parts = g_new(uint32_t, island_count);
    for (uint32_t i = 0; i < island_count; i++)
        parts[i] = gw_function_add_input(function, 1, 1, false);
    const uint32_t part = add_up(function, parts, island_count);
    const uint32_t whole = gw_function_add_output(function, 1, 1, false);
    if (model->data > 1)
        gw_emit_collective(function, GW_OPERATION_ALL_REDUCE, GW_TRANSFORMER_DATA, part, whole);
    else
        gw_emit_map(function, GW_MAP_COPY, part, 0, whole);
}

/* The update of a tensor from the slopes of all islands, the sums of which are there. */
static void add_tensor(const gw_transformer *model, gw_function *function,
                       const gw_transformer_tensor *tensor, const uint32_t *slopes,
                       uint32_t update_count, gw_bundle *copies)
{
    const bool is_added_up = is_sent_in_parts(model, tensor);
    const uint32_t sum = add_up(function, slopes, is_added_up ? 1 : MAX(model->islands, 1));
    gw_eager_add_update(model, function,
                        (double)gw_transformer_part_rows(model, tensor) * tensor->columns);
    add_optimizer(model, function, tensor, sum, update_count, copies);
}

/* The sums over islands of what they sent parts of, whole: one for all of them. */
static void gather_sums(const gw_transformer *model, gw_function *function, const GArray *tensors,
                        uint32_t *slopes)
{
    const uint32_t island_count = MAX(model->islands, 1);
    gw_bundle gathers = gw_bundle_of(function, UINT64_MAX, false);
    for (uint32_t i = 0; i < tensors->len; i++) {
        const gw_transformer_tensor *tensor = &g_array_index(tensors, gw_transformer_tensor, i);
        uint32_t *slope = &slopes[i * island_count];
        if (!is_sent_in_parts(model, tensor))
            continue;
        const uint32_t sum = add_up(function, slope, island_count);
        *slope = gw_function_add_temporary(function, tensor->rows, tensor->columns);
        g_array_index(function->values, gw_value, *slope).element_bytes =
            gw_function_value(function, sum)->element_bytes;
        gw_bundle_add(&gathers, GW_OPERATION_ALL_GATHER, gw_transformer_sum_axes(model, tensor),
                      sum, *slope);
    }
    gw_bundle_flush(&gathers);
    gw_bundle_clear(&gathers);
}

/* Of all of `tensors`, as their sums are written. */
static void add_tensors(const gw_transformer *model, gw_function *function, const GArray *tensors,
                        gw_bundle *copies)
{
    const uint32_t island_count = MAX(model->islands, 1), count = tensors->len;
    gw_bundle sums = gw_bundle_of(function, SUMS_BYTES, false);
    g_autofree uint32_t *slopes = g_new(uint32_t, (size_t)island_count * count); /* By tensor. */
    for (uint32_t island = 0; island < island_count; island++)
        for (uint32_t i = 0; i < count; i++)
            slopes[i * island_count + island] =
                take_slopes(model, function, &g_array_index(tensors, gw_transformer_tensor, i));
    const bool has_count = gw_transformer_counts_updates(model);
    const uint32_t update_count = has_count ? gw_function_add_input(function, 1, 1, false) : 0;
    gather_sums(model, function, tensors, slopes);
    for (uint32_t i = 0, next = 0; i < count; i++) {
        for (uint32_t island = 0; island < island_count; island++) {
            uint32_t *slope = &slopes[i * island_count + island];
            *slope = sum_slopes(model, function, &g_array_index(tensors, gw_transformer_tensor, i),
                                &sums, *slope);
        }
        if (i + 1 == count)
            gw_bundle_flush(&sums);
        for (; sums.waiting->len == 0 && next <= i; next++)
            add_tensor(model, function, &g_array_index(tensors, gw_transformer_tensor, next),
                       &slopes[next * island_count], update_count, copies);
    }
    gw_bundle_clear(&sums);
    if (has_count)
        mark_kept(function, gw_emit_next_count(function, update_count));
}

static void add_totals(const gw_transformer *model, gw_function *function, uint32_t place)
{
    if (gw_transformer_gives_loss(model, place))
        add_total(model, function, MAX(model->islands, 1));
    if (gw_transformer_count_expert_layers(model, place) > 0)
        add_total(model, function, 1);
}

gw_function *gw_transformer_make_score(const gw_transformer *model, uint32_t place)
{
    gw_function *function = gw_function_new("score");
    add_totals(model, function, place);
    return function;
}

/* --- Chunks --- */

uint32_t gw_transformer_count_chunks(const gw_transformer *model)
{
    return MAX(model->exchange_chunks, 1);
}

static uint64_t count_part_elements(const gw_transformer *model, const GArray *tensors, uint32_t i)
{
    const gw_transformer_tensor *tensor = &g_array_index(tensors, gw_transformer_tensor, i);
    return (uint64_t)gw_transformer_part_rows(model, tensor) *
           gw_transformer_sent_columns(model, tensor);
}

/* Where the chunk begins: at the first tensor that has its share of the elements in front, but with
 * one at least for each chunk before it and each from it on. */
static uint32_t find_chunk_start(const gw_transformer *model, const GArray *tensors, uint32_t chunk)
{
    const uint32_t chunk_count = gw_transformer_count_chunks(model);
    uint64_t all = 0, before = 0;
    for (uint32_t i = 0; i < tensors->len; i++)
        all += count_part_elements(model, tensors, i);
    uint32_t start = 0;
    for (uint32_t c = 1; c <= chunk; c++) {
        const uint32_t first = start + 1, last = tensors->len - (chunk_count - c);
        while (start < first || (start < last && (double)before * chunk_count < (double)all * c))
            before += count_part_elements(model, tensors, start++);
    }
    return start;
}

gw_transformer_chunk gw_transformer_find_chunk(const gw_transformer *model, const GArray *tensors,
                                               uint32_t chunk)
{
    const uint32_t chunk_count = gw_transformer_count_chunks(model);
    gw_check(chunk < chunk_count && chunk_count <= tensors->len);
    const uint32_t first = find_chunk_start(model, tensors, chunk);
    const uint32_t end =
        chunk + 1 == chunk_count ? tensors->len : find_chunk_start(model, tensors, chunk + 1);
    return (gw_transformer_chunk){first, end - first};
}

gw_function *gw_transformer_make_update(const gw_transformer *model, uint32_t place, uint32_t chunk)
{
    uint32_t first;
    g_autoptr(GArray) all = gw_transformer_list_tensors(model, place, &first);
    const gw_transformer_chunk part = gw_transformer_find_chunk(model, all, chunk);
    g_autoptr(GArray) tensors = g_array_new(FALSE, FALSE, sizeof(gw_transformer_tensor));
    g_array_append_vals(tensors, &g_array_index(all, gw_transformer_tensor, part.first),
                        part.count);
    gw_function *function = gw_function_new("update");
    function->computations = 1;
    gw_bundle copies = gw_bundle_of(function, UINT64_MAX, false);
    add_tensors(model, function, tensors, &copies);
    gw_bundle_flush(&copies);
    if (chunk == 0)
        add_totals(model, function, place);
    gw_bundle_clear(&copies);
    return function;
}
