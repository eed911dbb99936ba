/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters as passes take them, and what becomes of their slopes.
 *
 * Slopes of a micro-batch are added to those before it.  They are summed over devices after the
 * last one, or, where only parts are kept, after each; several tensors' at once, while the rest of
 * the backward pass goes on. */
#include "workload/emit.h"
#include "workload/transformer_private.h"

static const gw_transformer_tensor *tensor_at(const gw_pass *pass, uint32_t index)
{
    return &g_array_index(pass->list, gw_transformer_tensor, index);
}

/* --- Parameters --- */

static bool is_taken_in_parts(const gw_pass *pass, const gw_transformer_tensor *tensor)
{
    return pass->model->zero == 3 && gw_transformer_is_parted(pass->model, tensor);
}

void gw_pass_take_tensors(gw_pass *pass, const GArray *list)
{
    pass->list = list;
    pass->tensors = g_new(uint32_t, list->len);
    for (uint32_t i = 0; i < list->len; i++) {
        const gw_transformer_tensor *tensor = tensor_at(pass, i);
        pass->tensors[i] = gw_pass_thin(
            pass, gw_function_add_input(
                      pass->function, gw_transformer_read_rows(pass->model, tensor),
                      tensor->columns, tensor->is_split || is_taken_in_parts(pass, tensor)));
    }
}

void gw_pass_gather_tensors(gw_pass *pass, uint32_t first, uint32_t count)
{
    gw_bundle bundle = gw_bundle_of(pass->function, UINT64_MAX, true);
    for (uint32_t i = first; i < first + count; i++) {
        const gw_transformer_tensor *tensor = tensor_at(pass, i);
        if (!is_taken_in_parts(pass, tensor))
            continue;
        const uint32_t whole = gw_pass_add_temporary(pass, tensor->rows, tensor->columns);
        gw_bundle_add(&bundle, GW_OPERATION_ALL_GATHER, GW_TRANSFORMER_DATA, pass->tensors[i],
                      whole);
        pass->tensors[i] = whole;
    }
    gw_bundle_flush(&bundle);
    gw_bundle_clear(&bundle);
}

/* --- Slopes --- */

/* Of this micro-batch's pass: whether it sums them over devices. */
static bool is_summed(const gw_pass *pass, const gw_transformer_tensor *tensor)
{
    const gw_transformer_sum when = gw_transformer_sum_when(pass->model, tensor);
    return when == GW_SUM_EACH_PASS || (when == GW_SUM_LAST_PASS && pass->is_end);
}

static bool is_added_in_parts(const gw_pass *pass, const gw_transformer_tensor *tensor)
{
    return gw_transformer_sum_when(pass->model, tensor) == GW_SUM_EACH_PASS;
}

static uint32_t mark(const gw_pass *pass, uint32_t value)
{
    return gw_transformer_mark_slopes(pass->model, pass->function, value);
}

static uint32_t add_slopes_input(gw_pass *pass, const gw_transformer_tensor *tensor, bool is_part)
{
    return mark(pass, gw_function_add_input(pass->function,
                                            is_part ? gw_transformer_part_rows(pass->model, tensor)
                                                    : tensor->rows,
                                            tensor->columns, tensor->is_split || is_part));
}

static uint32_t add_whole_slopes(gw_pass *pass, const gw_transformer_tensor *tensor)
{
    return mark(pass, gw_function_add_temporary(pass->function, tensor->rows, tensor->columns));
}

void gw_pass_take_slopes(gw_pass *pass)
{
    pass->before = g_new(uint32_t, pass->list->len);
    for (uint32_t i = 0; i < pass->list->len; i++) {
        const gw_transformer_tensor *tensor = tensor_at(pass, i);
        const bool is_part = is_added_in_parts(pass, tensor);
        pass->before[i] = add_slopes_input(pass, tensor, is_part);
    }
}

/* The sum is as large as what is summed, and takes its place. */
static bool is_left_whole(const gw_pass *pass, const gw_transformer_tensor *tensor)
{
    return !gw_transformer_is_parted(pass->model, tensor) &&
           gw_transformer_sent_columns(pass->model, tensor) == tensor->columns;
}

void gw_pass_place_slopes(gw_pass *pass, const uint32_t *given)
{
    pass->sums = gw_bundle_of(
        pass->function, pass->model->bucket_bytes > 0 ? pass->model->bucket_bytes : UINT64_MAX,
        pass->model->bucket_bytes > 0);
    pass->collected = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    pass->issued = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    pass->under_way = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    pass->outputs = g_new(uint32_t, pass->list->len);
    pass->gradients = g_new(uint32_t, pass->list->len);
    pass->is_finished = g_new0(bool, pass->list->len);
    for (uint32_t i = 0; i < pass->list->len; i++) {
        const gw_transformer_tensor *tensor = tensor_at(pass, i);
        const bool is_part =
            is_summed(pass, tensor) && gw_transformer_is_parted(pass->model, tensor);
        const uint32_t columns = is_summed(pass, tensor)
                                     ? gw_transformer_sent_columns(pass->model, tensor)
                                     : tensor->columns;
        pass->outputs[i] =
            mark(pass, gw_function_add_output(
                           pass->function,
                           is_part ? gw_transformer_part_rows(pass->model, tensor) : tensor->rows,
                           columns, tensor->is_split || is_part || columns < tensor->columns));
        g_array_index(pass->function->values, gw_value, pass->outputs[i]).memory =
            GW_MEMORY_GRADIENTS;
        const bool is_apart = is_summed(pass, tensor) && !is_left_whole(pass, tensor);
        if (given != NULL && given[i] != GW_INDEX_NONE)
            pass->gradients[i] = given[i];
        else if (pass->before != NULL || is_apart)
            pass->gradients[i] = add_whole_slopes(pass, tensor);
        else
            pass->gradients[i] = pass->outputs[i];
    }
}

/* An output that nobody reads, in the place of what was added up before. */
static uint32_t add_whole_sum(const gw_pass *pass, const gw_transformer_tensor *tensor)
{
    const uint32_t y = mark(pass, gw_function_add_output(pass->function, tensor->rows,
                                                         tensor->columns, tensor->is_split));
    g_array_index(pass->function->values, gw_value, y).memory = GW_MEMORY_GRADIENTS;
    return y;
}

/* What was added up before is of whole slopes: then the sum over devices comes last.  Both sums are
 * made in one place, where that is large enough for what is handed on, and only then. */
static void finish_whole(gw_pass *pass, uint32_t index)
{
    const gw_transformer_tensor *tensor = tensor_at(pass, index);
    uint32_t x = pass->gradients[index];
    if (pass->before != NULL) {
        const bool is_apart = is_summed(pass, tensor) && !is_left_whole(pass, tensor);
        const uint32_t y = is_apart ? add_whole_sum(pass, tensor) : pass->outputs[index];
        gw_emit_map(pass->function, GW_MAP_ADD, pass->before[index], x, y);
        gw_function_donate(pass->function, pass->before[index], y);
        x = y;
    }
    if (is_summed(pass, tensor))
        gw_transformer_add_sum(pass->model, tensor, &pass->sums, x, pass->outputs[index]);
    else if (pass->before == NULL && x != pass->outputs[index])
        gw_emit_map(pass->function, GW_MAP_COPY, x, 0, pass->outputs[index]);
}

/* Parts of sums are handed on, or added to those before, when the sum is there. */
static void finish_part(gw_pass *pass, uint32_t index)
{
    const gw_transformer_tensor *tensor = tensor_at(pass, index);
    const uint32_t y = mark(
        pass, gw_function_add_temporary(
                  pass->function, gw_transformer_part_rows(pass->model, tensor), tensor->columns));
    gw_transformer_add_sum(pass->model, tensor, &pass->sums, pass->gradients[index], y);
    pass->gradients[index] = y;
    g_array_append_val(pass->collected, index);
}

/* Reads the sums of the tensors in `list`, which empties it. */
static void settle_parts(gw_pass *pass, GArray *list)
{
    for (uint32_t i = 0; i < list->len; i++) {
        const uint32_t index = g_array_index(list, uint32_t, i);
        const uint32_t part = pass->gradients[index], y = pass->outputs[index];
        if (pass->before == NULL) {
            gw_emit_map(pass->function, GW_MAP_COPY, part, 0, y);
            continue;
        }
        gw_emit_map(pass->function, GW_MAP_ADD, pass->before[index], part, y);
        gw_function_donate(pass->function, pass->before[index], y);
    }
    g_array_set_size(list, 0);
}

/* All of `list` after what is in `onto`. */
static void move_parts(GArray *list, GArray *onto)
{
    g_array_append_vals(onto, list->data, list->len);
    g_array_set_size(list, 0);
}

void gw_pass_finish_slopes(gw_pass *pass, uint32_t first, uint32_t count)
{
    if (pass->waiting != NULL)
        return;
    for (uint32_t i = first; i < first + count; i++) {
        if (pass->is_finished[i])
            continue;
        pass->is_finished[i] = true;
        if (is_added_in_parts(pass, tensor_at(pass, i)))
            finish_part(pass, i);
        else
            finish_whole(pass, i);
        if (pass->sums.waiting->len == 0)
            move_parts(pass->collected, pass->issued);
    }
}

void gw_pass_end_layer(gw_pass *pass)
{
    if (pass->waiting != NULL) {
        if (pass->waiting->len > 0)
            g_array_index(pass->waiting, gw_slopes, pass->waiting->len - 1).ends_layer = true;
        return;
    }
    settle_parts(pass, pass->under_way);
    move_parts(pass->issued, pass->under_way);
}

void gw_pass_end_slopes(gw_pass *pass)
{
    gw_bundle_flush(&pass->sums);
    gw_bundle_clear(&pass->sums);
    settle_parts(pass, pass->under_way);
    settle_parts(pass, pass->issued);
    settle_parts(pass, pass->collected);
    g_array_unref(pass->under_way);
    g_array_unref(pass->issued);
    g_array_unref(pass->collected);
}
