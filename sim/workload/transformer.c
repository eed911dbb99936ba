/* SPDX-License-Identifier: Apache-2.0 */
/* Passes of a place: its layers' blocks one after the other, and the ends of the model. */
#include "workload/transformer.h"

#include <math.h>

#include "base/check.h"
#include "base/random.h"
#include "workload/emit.h"
#include "workload/transformer_private.h"

#define WEIGHT_DEVIATION 0.02

/* --- Sizes --- */

double gw_transformer_weight_scale(void)
{
    return WEIGHT_DEVIATION * sqrt(3);
}

double gw_transformer_added_scale(const gw_transformer *model)
{
    return gw_transformer_weight_scale() / sqrt(2.0 * model->layers);
}

void gw_transformer_append_tensor(GArray *list, uint32_t rows, uint32_t columns, bool is_split,
                                  double scale, double constant)
{
    const gw_transformer_tensor tensor = {rows, columns, is_split, scale, constant, false};
    g_array_append_val(list, tensor);
}

uint32_t gw_transformer_local_rows(const gw_transformer *model)
{
    return model->microbatch * model->sequence;
}

uint32_t gw_transformer_stream_rows(const gw_transformer *model)
{
    return gw_transformer_local_rows(model) / (model->is_sequence_parallel ? model->tensor : 1);
}

uint32_t gw_transformer_count_microbatches(const gw_transformer *model)
{
    return model->batch / model->data / model->microbatch;
}

uint32_t gw_transformer_element_bytes(const gw_transformer *model)
{
    return model->is_half ? 2 : 4;
}

static uint32_t count_layers(const gw_transformer *model)
{
    return model->layers / model->places;
}

#define LAYER_BLOCKS_MAX 2

/* The blocks of `layer`, from 0 over all places, in order; returns how many. */
static uint32_t list_blocks(const gw_transformer *model, uint32_t layer,
                            const gw_transformer_block *out_blocks[LAYER_BLOCKS_MAX])
{
    gw_check(layer < model->layers);
    out_blocks[0] = &gw_block_attention;
    out_blocks[1] = &gw_block_perceptron;
    return 2;
}

/* --- Blocks of a place --- */

/* A block of a place, and where what it has begins among the place's. */
typedef struct {
    const gw_transformer_block *block;
    bool opens, closes; /* It is its layer's first, its last. */
    uint32_t first_tensor, first_saved;
} place_block;

/* All of a place, in order (place_block); the caller unrefs. */
static GArray *list_place(const gw_transformer *model, uint32_t place)
{
    GArray *list = g_array_new(FALSE, FALSE, sizeof(place_block));
    const uint32_t layer_count = count_layers(model);
    uint32_t tensor = place == 0 ? GW_EMBEDDING_TENSORS : 0, saved = 0;
    for (uint32_t l = 0; l < layer_count; l++) {
        const gw_transformer_block *blocks[LAYER_BLOCKS_MAX];
        const uint32_t count = list_blocks(model, place * layer_count + l, blocks);
        for (uint32_t b = 0; b < count; b++) {
            const place_block one = {blocks[b], b == 0, b + 1 == count, tensor, saved};
            g_array_append_val(list, one);
            tensor += blocks[b]->tensor_count;
            saved += blocks[b]->saved_count;
        }
    }
    return list;
}

static const place_block *block_at(const GArray *blocks, uint32_t index)
{
    return &g_array_index(blocks, place_block, index);
}

static uint32_t count_place_tensors(const gw_transformer *model, uint32_t place)
{
    g_autoptr(GArray) blocks = list_place(model, place);
    const place_block *last = block_at(blocks, blocks->len - 1);
    return last->first_tensor + last->block->tensor_count +
           (place + 1 == model->places ? GW_HEAD_TENSORS : 0);
}

GArray *gw_transformer_list_tensors(const gw_transformer *model, uint32_t place,
                                    uint32_t *out_first)
{
    GArray *list = g_array_new(FALSE, FALSE, sizeof(gw_transformer_tensor));
    *out_first = 0;
    for (uint32_t p = 0; p < place; p++)
        *out_first += count_place_tensors(model, p);
    if (place == 0)
        gw_transformer_append_embedding(model, list);
    g_autoptr(GArray) blocks = list_place(model, place);
    for (uint32_t i = 0; i < blocks->len; i++)
        block_at(blocks, i)->block->append_tensors(model, list);
    if (place + 1 == model->places)
        gw_transformer_append_head(model, list);
    return list;
}

/* Whether forward hands it to backward, or backward computes it again. */
static bool is_kept(const gw_transformer *model, const place_block *one, uint32_t saved)
{
    switch (model->recompute) {
    case GW_RECOMPUTE_SELECTIVE:
        return !one->block->is_selected(saved);
    case GW_RECOMPUTE_FULL:
        return one->opens && saved == 0;
    default:
        return true;
    }
}

uint32_t gw_transformer_count_saved(const gw_transformer *model, uint32_t place)
{
    g_autoptr(GArray) blocks = list_place(model, place);
    uint32_t count = place + 1 == model->places ? GW_HEAD_SAVED : 0;
    for (uint32_t i = 0; i < blocks->len; i++)
        for (uint32_t s = 0; s < block_at(blocks, i)->block->saved_count; s++)
            count += is_kept(model, block_at(blocks, i), s) ? 1 : 0;
    return count;
}

/* --- Making --- */

static gw_pass begin(const gw_transformer *model, const char *name, uint32_t place,
                     const GArray *blocks)
{
    const place_block *last = block_at(blocks, blocks->len - 1);
    gw_pass pass = {.model = model,
                    .function = gw_function_new(name),
                    .rows = gw_transformer_local_rows(model),
                    .stream_rows = gw_transformer_stream_rows(model),
                    .first_head_tensor = last->first_tensor + last->block->tensor_count,
                    .first_head_saved = last->first_saved + last->block->saved_count,
                    .is_first = place == 0,
                    .is_last = place + 1 == model->places};
    pass.function->computations = 1;
    return pass;
}

static gw_function *end(gw_pass *pass)
{
    g_free(pass->tensors);
    g_free(pass->saved);
    g_free(pass->gradients);
    g_free(pass->before);
    g_free(pass->outputs);
    g_free(pass->is_finished);
    return pass->function;
}

static uint32_t take_ids(gw_pass *pass)
{
    return gw_function_add_input(pass->function, pass->rows, 1, true);
}

static uint32_t place_one_saved(gw_pass *pass, bool is_kept_one, bool is_output, uint32_t rows,
                                uint32_t columns)
{
    gw_function *function = pass->function;
    if (!is_kept_one)
        return gw_pass_add_temporary(pass, rows, columns);
    return gw_pass_thin(pass, is_output ? gw_function_add_output(function, rows, columns, true)
                                        : gw_function_add_input(function, rows, columns, true));
}

static void place_saved(gw_pass *pass, const GArray *blocks, bool is_output)
{
    pass->saved = g_new(uint32_t, pass->first_head_saved + GW_HEAD_SAVED);
    for (uint32_t i = 0; i < blocks->len; i++) {
        const place_block *one = block_at(blocks, i);
        for (uint32_t s = 0; s < one->block->saved_count; s++) {
            uint32_t rows, columns;
            one->block->saved_shape(pass->model, s, &rows, &columns);
            pass->saved[one->first_saved + s] =
                place_one_saved(pass, is_kept(pass->model, one, s), is_output, rows, columns);
        }
    }
    for (uint32_t s = 0; pass->is_last && s < GW_HEAD_SAVED; s++)
        pass->saved[pass->first_head_saved + s] =
            place_one_saved(pass, true, is_output, pass->stream_rows, pass->model->hidden);
}

static gw_pass_part part_of(const gw_pass *pass, const place_block *one)
{
    return (gw_pass_part){.tensors = pass->tensors + one->first_tensor,
                          .saved = pass->saved + one->first_saved,
                          .gradients =
                              pass->gradients != NULL ? pass->gradients + one->first_tensor : NULL};
}

/* The first block of the layer that block `index` belongs to. */
static uint32_t find_opening(const GArray *blocks, uint32_t index)
{
    while (!block_at(blocks, index)->opens)
        index--;
    return index;
}

/* The parameters of the layer that block `index` belongs to. */
static void gather_layer(gw_pass *pass, const GArray *blocks, uint32_t index)
{
    uint32_t last = index;
    while (!block_at(blocks, last)->closes)
        last++;
    const uint32_t first = block_at(blocks, find_opening(blocks, index))->first_tensor;
    const place_block *end = block_at(blocks, last);
    gw_pass_gather_tensors(pass, first, end->first_tensor + end->block->tensor_count - first);
}

/* Forward of blocks [first, end), the last of which writes `y`. */
static void add_blocks(gw_pass *pass, const GArray *blocks, uint32_t first, uint32_t end,
                       uint32_t y)
{
    for (uint32_t i = first; i < end; i++) {
        const place_block *one = block_at(blocks, i);
        const gw_pass_part part = part_of(pass, one);
        one->block->add_forward(pass, &part, i + 1 < end ? pass->saved[one[1].first_saved] : y);
    }
}

/* --- Forward --- */

/* All blocks, the last of which writes `y`.  Each layer's parameters, and then the head's, are
 * asked for before the layer in front of it is begun. */
static void add_layers(gw_pass *pass, const GArray *blocks, uint32_t y)
{
    for (uint32_t first = 0, end = 0; first < blocks->len; first = end) {
        while (!block_at(blocks, end++)->closes)
            continue;
        const bool is_last = end == blocks->len;
        if (!is_last)
            gather_layer(pass, blocks, end);
        else if (pass->is_last)
            gw_pass_gather_tensors(pass, pass->first_head_tensor, GW_HEAD_TENSORS);
        add_blocks(pass, blocks, first, end,
                   is_last ? y : pass->saved[block_at(blocks, end)->first_saved]);
    }
}

static uint32_t add_logits_output(gw_pass *pass)
{
    const uint32_t columns = pass->model->vocabulary / pass->model->tensor;
    return gw_pass_thin(pass, gw_function_add_output(pass->function, pass->rows, columns, true));
}

gw_function *gw_transformer_make_forward(const gw_transformer *model, uint32_t place, bool is_next)
{
    uint32_t first_tensor, x = GW_INDEX_NONE, before = GW_INDEX_NONE, dlogits = GW_INDEX_NONE;
    g_autoptr(GArray) list = gw_transformer_list_tensors(model, place, &first_tensor);
    g_autoptr(GArray) blocks = list_place(model, place);
    gw_pass pass = begin(model, "forward", place, blocks);
    gw_function *function = pass.function;
    if (pass.is_first)
        pass.ids = take_ids(&pass);
    else
        x = gw_pass_take_handed(&pass);
    if (pass.is_last)
        pass.labels = take_ids(&pass);
    if (pass.is_last && is_next)
        before = gw_function_add_input(function, 1, 1, false);
    gw_pass_take_tensors(&pass, list);
    const uint32_t result =
        pass.is_last ? gw_function_add_output(function, 1, 1, false) : gw_pass_place_handed(&pass);
    if (pass.is_last)
        dlogits = add_logits_output(&pass);
    place_saved(&pass, blocks, true);
    if (pass.is_first)
        gw_pass_gather_tensors(&pass, 0, GW_EMBEDDING_TENSORS);
    gather_layer(&pass, blocks, 0);
    if (pass.is_first)
        gw_pass_add_embedding(&pass, pass.saved[0]);
    else
        gw_pass_gather_handed(&pass, x, pass.saved[0]);
    const uint32_t y =
        pass.is_last ? gw_pass_head_input(&pass) : gw_pass_before_handed(&pass, result);
    add_layers(&pass, blocks, y);
    if (pass.is_last)
        gw_pass_add_head(&pass, before, result, dlogits);
    else if (y != result)
        gw_pass_scatter_handed(&pass, y, result);
    return end(&pass);
}

/* --- Backward --- */

/* What the layer that `last` closes needs and forward has not kept. */
static void add_again(gw_pass *pass, const GArray *blocks, uint32_t last)
{
    const uint32_t first = find_opening(blocks, last);
    if (pass->model->recompute == GW_RECOMPUTE_FULL)
        add_blocks(pass, blocks, first, last + 1, gw_pass_add_stream(pass));
    for (uint32_t i = first; pass->model->recompute == GW_RECOMPUTE_SELECTIVE && i <= last; i++) {
        const gw_pass_part part = part_of(pass, block_at(blocks, i));
        if (block_at(blocks, i)->block->add_selected != NULL)
            block_at(blocks, i)->block->add_selected(pass, &part);
    }
}

/* From the slopes of what the place gives to those of its first block's input.  Each layer's
 * parameters are asked for before the layer behind it is begun. */
static uint32_t add_backward(gw_pass *pass, const GArray *blocks, uint32_t dy)
{
    uint32_t dx = dy;
    if (pass->is_last)
        gw_pass_gather_tensors(pass, pass->first_head_tensor, GW_HEAD_TENSORS);
    gather_layer(pass, blocks, blocks->len - 1);
    if (pass->is_last) {
        dx = gw_pass_add_head_gradient(pass, dy);
        gw_pass_finish_slopes(pass, pass->first_head_tensor, GW_HEAD_TENSORS);
    }
    for (uint32_t i = blocks->len; i-- > 0;) {
        const place_block *one = block_at(blocks, i);
        if (one->closes) {
            const uint32_t opening = find_opening(blocks, i);
            if (opening > 0)
                gather_layer(pass, blocks, opening - 1);
            add_again(pass, blocks, i);
        }
        const gw_pass_part part = part_of(pass, one);
        dx = one->block->add_backward(pass, &part, dx);
        gw_pass_finish_slopes(pass, one->first_tensor, one->block->tensor_count);
    }
    return dx;
}

gw_function *gw_transformer_make_backward(const gw_transformer *model, uint32_t place, bool is_next,
                                          bool is_end)
{
    uint32_t first_tensor, out = GW_INDEX_NONE;
    g_autoptr(GArray) list = gw_transformer_list_tensors(model, place, &first_tensor);
    g_autoptr(GArray) blocks = list_place(model, place);
    gw_pass pass = begin(model, "backward", place, blocks);
    gw_function *function = pass.function;
    pass.is_end = is_end;
    if (pass.is_first)
        pass.ids = take_ids(&pass);
    gw_pass_take_tensors(&pass, list);
    const uint32_t dy =
        pass.is_last
            ? gw_pass_thin(&pass, gw_function_add_input(function, pass.rows,
                                                        model->vocabulary / model->tensor, true))
            : gw_pass_take_handed(&pass);
    place_saved(&pass, blocks, false);
    if (is_next)
        gw_pass_take_slopes(&pass);
    if (!pass.is_first)
        out = gw_pass_place_handed(&pass);
    gw_pass_place_slopes(&pass);
    const uint32_t dx =
        add_backward(&pass, blocks, pass.is_last ? dy : gw_pass_whole_handed(&pass, dy));
    if (pass.is_first)
        gw_pass_add_embedding_gradient(&pass, dx);
    else
        gw_pass_scatter_handed(&pass, dx, out);
    if (pass.is_first)
        gw_pass_finish_slopes(&pass, 0, GW_EMBEDDING_TENSORS);
    gw_pass_end_slopes(&pass);
    return end(&pass);
}

/* --- Tokens --- */

/* Micro-batch m of the mesh's d groups has sequences from m d `microbatch` on. */
static void add_tokens(const gw_transformer *model, gw_function *function, uint32_t microbatch,
                       uint32_t ids, uint32_t labels)
{
    gw_function_add(function, &(gw_operation){.kind = GW_OPERATION_TOKENS,
                                              .axes = GW_TRANSFORMER_DATA,
                                              .sequence = model->sequence,
                                              .scalar = model->vocabulary,
                                              .shift = microbatch,
                                              .seed = gw_random_at(model->seed, 0),
                                              .outputs = {(uint16_t)ids, (uint16_t)labels}});
}

gw_function *gw_transformer_make_tokens(const gw_transformer *model, uint32_t place)
{
    gw_function *function = gw_function_new("tokens");
    const uint32_t count = gw_transformer_count_microbatches(model);
    g_autofree uint32_t *values = g_new(uint32_t, 2 * (size_t)count);
    const bool is_wanted[2] = {place == 0, place + 1 == model->places}; /* Ids, labels. */
    function->computations = 0;
    for (uint32_t i = 0; i < 2 * count; i++)
        values[i] =
            is_wanted[i / count]
                ? gw_function_add_output(function, gw_transformer_local_rows(model), 1, true)
                : gw_function_add_temporary(function, gw_transformer_local_rows(model), 1);
    for (uint32_t m = 0; m < count; m++)
        add_tokens(model, function, m, values[m], values[count + m]);
    return function;
}
