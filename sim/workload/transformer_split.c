/* SPDX-License-Identifier: Apache-2.0 */
/* Backward passes in two parts (Qi et al., "Zero bubble pipeline parallelism", ICLR 2024): what the
 * place in front waits for, and the slopes of products' weights, which nobody waits for.
 *
 * The first part is written like a whole backward pass, except that such slopes are put on a list;
 * what the list names becomes an output.  The second part is the list. */
#include "base/check.h"
#include "workload/emit.h"
#include "workload/transformer_private.h"

static void write_embedding_slopes(gw_pass *pass, const gw_slopes *slopes)
{
    const uint32_t dy = gw_pass_gather(pass, slopes->dy);
    gw_function_add(pass->function,
                    &(gw_operation){.kind = GW_OPERATION_EMBEDDING_GRADIENT,
                                    .axes = GW_TRANSFORMER_TENSOR,
                                    .inputs = {(uint16_t)slopes->x, (uint16_t)dy},
                                    .outputs = {(uint16_t)pass->gradients[slopes->tensor]}});
    gw_emit_sum_rows(pass->function, dy, pass->gradients[slopes->tensor + 1]);
}

static void write_slopes(gw_pass *pass, const gw_slopes *slopes)
{
    if (slopes->kind == GW_SLOPES_EMBEDDING) {
        write_embedding_slopes(pass, slopes);
        return;
    }
    const bool is_stream = slopes->kind == GW_SLOPES_STREAM;
    const uint32_t x = is_stream ? slopes->x : gw_pass_gather(pass, slopes->x);
    const uint32_t dy = is_stream ? gw_pass_gather(pass, slopes->dy) : slopes->dy;
    gw_emit_matmul(pass->function, is_stream ? x : dy, true, is_stream ? dy : x, false,
                   pass->gradients[slopes->tensor]);
    /* Right behind the product, which may take it along (docs/MODEL.md, "Fusion"). */
    if (!pass->model->accumulates_apart)
        gw_pass_finish_slopes(pass, slopes->tensor, 1);
    if (slopes->kind != GW_SLOPES_HEAD)
        gw_emit_sum_rows(pass->function, slopes->dy, pass->gradients[slopes->tensor + 1]);
}

/* --- The first part --- */

void gw_pass_note_source(gw_pass *pass, gw_handed_source source, uint32_t output, uint32_t input)
{
    const gw_handed noted = {source, output, input, GW_INDEX_NONE};
    if (pass->sources == NULL)
        return;
    g_array_append_val(pass->sources, noted);
    pass->forward_source_count += source == GW_HANDED_FORWARD ? 1 : 0;
}

/* The value, or a copy of it, as one that the second part can take. */
static uint32_t hold(gw_pass *pass, uint32_t value)
{
    const gw_value held = *gw_function_value(pass->function, value);
    if (held.role == GW_VALUE_OUTPUT)
        return value;
    for (uint32_t i = 0; i < pass->sources->len; i++)
        if (g_array_index(pass->sources, gw_handed, i).value == value)
            return value;
    if (held.role == GW_VALUE_TEMPORARY) {
        gw_function_give(pass->function, value, true);
        return value;
    }
    /* It came from another mesh, for this function. */
    const uint32_t copy = gw_pass_add_temporary(pass, held.rows, held.columns);
    gw_emit_map(pass->function, GW_MAP_COPY, value, 0, copy);
    gw_function_give(pass->function, copy, true);
    return copy;
}

void gw_pass_add_slopes(gw_pass *pass, const gw_slopes *slopes)
{
    if (pass->waiting == NULL || pass->gradients[slopes->tensor] != GW_INDEX_NONE) {
        write_slopes(pass, slopes);
        return;
    }
    gw_slopes held = *slopes;
    held.x = hold(pass, slopes->x);
    held.dy = hold(pass, slopes->dy);
    g_array_append_val(pass->waiting, held);
}

/* --- What goes from one to the other --- */

static gw_handed find_source(const gw_pass *pass, uint32_t value)
{
    const gw_value *held = gw_function_value(pass->function, value);
    if (held->role == GW_VALUE_OUTPUT)
        return (gw_handed){GW_HANDED_INPUTS, held->position, value, GW_INDEX_NONE};
    for (uint32_t i = 0; i < pass->sources->len; i++)
        if (g_array_index(pass->sources, gw_handed, i).value == value)
            return g_array_index(pass->sources, gw_handed, i);
    gw_check(false);
    return (gw_handed){0};
}

static void append_once(GArray *list, gw_handed handed)
{
    for (uint32_t i = 0; i < list->len; i++)
        if (g_array_index(list, gw_handed, i).value == handed.value)
            return;
    g_array_append_val(list, handed);
}

static GArray *list_handed(const gw_pass *pass, uint32_t tensor_count)
{
    GArray *list = g_array_new(FALSE, FALSE, sizeof(gw_handed));
    for (uint32_t i = 0; i < pass->waiting->len; i++) {
        const gw_slopes *slopes = &g_array_index(pass->waiting, gw_slopes, i);
        append_once(list, find_source(pass, slopes->x));
        append_once(list, find_source(pass, slopes->dy));
    }
    for (uint32_t i = 0; i < tensor_count; i++) {
        if (pass->gradients[i] == GW_INDEX_NONE)
            continue;
        gw_handed slopes = find_source(pass, pass->gradients[i]);
        slopes.tensor = i;
        g_array_append_val(list, slopes);
    }
    return list;
}

static uint32_t count_tensors(const gw_transformer *model, uint32_t place)
{
    uint32_t first;
    g_autoptr(GArray) list = gw_transformer_list_tensors(model, place, &first);
    return list->len;
}

GArray *gw_transformer_list_handed(const gw_transformer *model, uint32_t place)
{
    gw_pass pass = gw_pass_make_inputs(model, place);
    GArray *list = list_handed(&pass, count_tensors(model, place));
    gw_function_free(gw_pass_end(&pass));
    return list;
}

gw_function *gw_transformer_make_inputs(const gw_transformer *model, uint32_t place)
{
    gw_pass pass = gw_pass_make_inputs(model, place);
    return gw_pass_end(&pass);
}

double gw_transformer_kept_share(const gw_transformer *model, uint32_t place)
{
    gw_pass pass = gw_pass_make_inputs(model, place);
    g_autoptr(GArray) list = list_handed(&pass, count_tensors(model, place));
    double kept_bytes = 0, all_bytes = 0;
    for (uint32_t i = 0; i < list->len; i++) {
        const gw_handed *handed = &g_array_index(list, gw_handed, i);
        if (handed->tensor == GW_INDEX_NONE && handed->source != GW_HANDED_TOKENS)
            kept_bytes += (double)gw_value_bytes(gw_function_value(pass.function, handed->value));
    }
    for (uint32_t i = 0; i < pass.sources->len; i++) {
        const gw_handed *source = &g_array_index(pass.sources, gw_handed, i);
        if (source->source == GW_HANDED_FORWARD)
            all_bytes += (double)gw_value_bytes(gw_function_value(pass.function, source->value));
    }
    gw_function_free(gw_pass_end(&pass));
    return MIN(kept_bytes / all_bytes, 1);
}

/* --- The second part --- */

/* What `list` says, by value of the first part; and, by tensor, the slopes that it has written. */
static uint32_t *take_handed(gw_pass *pass, const gw_pass *inputs, const GArray *list,
                             uint32_t *out_given)
{
    uint32_t *taken = g_new(uint32_t, inputs->function->values->len);
    for (uint32_t i = 0; i < pass->list->len; i++)
        out_given[i] = GW_INDEX_NONE;
    for (uint32_t i = 0; i < list->len; i++) {
        const gw_handed *handed = &g_array_index(list, gw_handed, i);
        const gw_value *value = gw_function_value(inputs->function, handed->value);
        const uint32_t x =
            gw_function_add_input(pass->function, value->rows, value->columns, value->is_sharded);
        g_array_index(pass->function->values, gw_value, x).element_bytes = value->element_bytes;
        taken[handed->value] = x;
        if (handed->tensor != GW_INDEX_NONE)
            out_given[handed->tensor] = x;
    }
    return taken;
}

static void write_waiting(gw_pass *pass, const GArray *waiting, const uint32_t *taken)
{
    for (uint32_t i = 0; i < waiting->len; i++) {
        gw_slopes slopes = g_array_index(waiting, gw_slopes, i);
        slopes.x = taken[slopes.x];
        slopes.dy = taken[slopes.dy];
        write_slopes(pass, &slopes);
        gw_pass_finish_slopes(pass, slopes.tensor, slopes.kind == GW_SLOPES_HEAD ? 1 : 2);
        if (slopes.ends_layer)
            gw_pass_end_layer(pass);
    }
}

gw_function *gw_transformer_make_weights(const gw_transformer *model, uint32_t place, bool is_next,
                                         bool is_end)
{
    uint32_t first;
    g_autoptr(GArray) tensors = gw_transformer_list_tensors(model, place, &first);
    gw_pass inputs = gw_pass_make_inputs(model, place);
    g_autoptr(GArray) list = list_handed(&inputs, tensors->len);
    gw_pass pass = {.model = model,
                    .function = gw_function_new("weights"),
                    .rows = inputs.rows,
                    .stream_rows = inputs.stream_rows,
                    .list = tensors,
                    .is_end = is_end,
                    .seen = GW_INDEX_NONE,
                    .gathered = GW_INDEX_NONE};
    pass.function->computations = 1;
    g_autofree uint32_t *given = g_new(uint32_t, tensors->len);
    g_autofree uint32_t *taken = take_handed(&pass, &inputs, list, given);
    if (is_next)
        gw_pass_take_slopes(&pass);
    gw_pass_place_slopes(&pass, given);
    write_waiting(&pass, inputs.waiting, taken);
    for (uint32_t i = 0; i < tensors->len; i++)
        if (given[i] != GW_INDEX_NONE)
            gw_pass_finish_slopes(&pass, i, 1);
    gw_pass_end_slopes(&pass);
    gw_function_free(gw_pass_end(&inputs));
    return gw_pass_end(&pass);
}
