/* SPDX-License-Identifier: Apache-2.0 */
/* Passes of a place: its layers' blocks one after the other, and the ends of the model. */
#include "workload/transformer.h"

#include <math.h>

#include "base/check.h"
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
    const gw_transformer_tensor tensor = {rows, columns, is_split, scale, constant, 0, false};
    g_array_append_val(list, tensor);
}

void gw_transformer_append_experts(const gw_transformer *model, GArray *list, uint32_t rows,
                                   double scale)
{
    const uint32_t own = model->experts / model->data;
    const gw_transformer_tensor tensor = {
        own * (rows / model->tensor), model->hidden, true, scale, 0, own, true};
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

uint64_t gw_transformer_attention_width(const gw_transformer *model)
{
    return model->head_size == 0 ? model->hidden : (uint64_t)model->heads * model->head_size;
}

uint32_t gw_transformer_count_microbatches(const gw_transformer *model)
{
    return model->batch / MAX(model->islands, 1) / model->data / model->microbatch;
}

uint32_t gw_transformer_element_bytes(const gw_transformer *model)
{
    return model->is_half ? 2 : 4;
}

uint32_t gw_transformer_memory_rows(const gw_transformer *model)
{
    return model->microbatch * model->encoder_sequence;
}

gw_transformer gw_transformer_encoder(const gw_transformer *model)
{
    gw_transformer encoder = *model;
    encoder.layers = model->encoder_layers;
    encoder.sequence = model->encoder_sequence;
    encoder.encoder_layers = 0;
    encoder.is_encoder = true;
    return encoder;
}

/* The first layer of a place; of the place behind the last: how many there are. */
static uint32_t find_first_layer(const gw_transformer *model, uint32_t place)
{
    const uint32_t all = model->encoder_layers + model->layers;
    if (!model->has_light_ends)
        return place * (all / model->places);
    if (place == 0)
        return 0;
    return MIN(place * ((all + 2) / model->places) - 1, all);
}

gw_transformer_ends gw_transformer_place_ends(const gw_transformer *model, uint32_t place)
{
    const uint32_t first = find_first_layer(model, place);
    const uint32_t end = find_first_layer(model, place + 1);
    const uint32_t boundary = model->encoder_layers; /* The decoder's first. */
    return (gw_transformer_ends){
        .opens_encoder = boundary > 0 && first == 0,
        .closes_encoder = first < boundary && end >= boundary,
        .opens_decoder = first <= boundary && end > boundary,
        .closes_decoder = place + 1 == model->places,
        .has_decoder = end > boundary,
        .reads_memory = boundary > 0 && end > boundary,
    };
}

static bool has_experts(const gw_transformer *model, uint32_t layer)
{
    return model->experts > 0 && (layer + 1) % model->experts_every == 0;
}

uint32_t gw_transformer_count_expert_layers(const gw_transformer *model, uint32_t place)
{
    uint32_t count = 0;
    for (uint32_t l = find_first_layer(model, place); l < find_first_layer(model, place + 1); l++)
        count += has_experts(model, l) ? 1 : 0;
    return count;
}

#define LAYER_BLOCKS_MAX 3

/* The blocks of `layer`, from 0 over all places, in order; returns how many. */
static uint32_t list_blocks(const gw_transformer *model, uint32_t layer,
                            const gw_transformer_block *out_blocks[LAYER_BLOCKS_MAX])
{
    uint32_t count = 0;
    gw_check(layer < model->encoder_layers + model->layers);
    out_blocks[count++] = &gw_block_attention;
    if (model->encoder_layers > 0 && layer >= model->encoder_layers)
        out_blocks[count++] = &gw_block_cross;
    out_blocks[count++] = has_experts(model, layer) ? &gw_block_experts : &gw_block_perceptron;
    return count;
}

/* --- What a place has --- */

enum { ENCODER_NORM_GAIN, ENCODER_NORM_BIAS, ENCODER_END_TENSORS };

/* A block of a place, and where what it has begins among the place's. */
typedef struct {
    const gw_transformer_block *block;
    bool opens, closes; /* It is its layer's first, its last. */
    uint32_t first_tensor, first_saved;
} place_block;

typedef struct {
    const gw_transformer *model;
    gw_transformer encoder;
    gw_transformer_ends ends;
    GArray *blocks;         /* place_block, in order. */
    uint32_t encoder_count; /* The first so many are of the encoder. */
    /* Where the ends' tensors begin, if it has those ends, and how many all are; */
    uint32_t encoder_end, decoder_embedding, head, tensor_count;
    /* likewise of what backward reads again: the input of the encoder's norm, what the encoder
     * gives, the head's. */
    uint32_t saved_encoder_input, saved_memory, saved_head, saved_count;
} place_layout;

static void clear_layout(place_layout *layout)
{
    g_array_unref(layout->blocks);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(place_layout, clear_layout)

static void add_layer(place_layout *layout, uint32_t layer, uint32_t *inout_saved)
{
    const gw_transformer_block *blocks[LAYER_BLOCKS_MAX];
    const uint32_t count = list_blocks(layout->model, layer, blocks);
    for (uint32_t b = 0; b < count; b++) {
        const place_block one = {blocks[b], b == 0, b + 1 == count, layout->tensor_count,
                                 *inout_saved};
        g_array_append_val(layout->blocks, one);
        layout->tensor_count += blocks[b]->tensor_count;
        *inout_saved += blocks[b]->saved_count;
    }
}

static place_layout lay_out(const gw_transformer *model, uint32_t place)
{
    place_layout layout = {.model = model,
                           .encoder = gw_transformer_encoder(model),
                           .ends = gw_transformer_place_ends(model, place),
                           .blocks = g_array_new(FALSE, FALSE, sizeof(place_block))};
    const uint32_t first = find_first_layer(model, place);
    const uint32_t end = find_first_layer(model, place + 1);
    const uint32_t boundary = MIN(MAX(first, model->encoder_layers), end);
    uint32_t saved = 0;
    layout.tensor_count = layout.ends.opens_encoder ? GW_EMBEDDING_TENSORS : 0;
    for (uint32_t l = first; l < boundary; l++)
        add_layer(&layout, l, &saved);
    layout.encoder_count = layout.blocks->len;
    layout.encoder_end = layout.tensor_count;
    layout.tensor_count += layout.ends.closes_encoder ? ENCODER_END_TENSORS : 0;
    layout.decoder_embedding = layout.tensor_count;
    layout.tensor_count += layout.ends.opens_decoder ? GW_EMBEDDING_TENSORS : 0;
    for (uint32_t l = boundary; l < end; l++)
        add_layer(&layout, l, &saved);
    layout.head = layout.tensor_count;
    layout.tensor_count += layout.ends.closes_decoder ? GW_HEAD_TENSORS : 0;
    layout.saved_encoder_input = saved;
    layout.saved_memory = saved + (layout.ends.closes_encoder ? 1 : 0);
    layout.saved_head = layout.saved_memory + (layout.ends.reads_memory ? 1 : 0);
    layout.saved_count = layout.saved_head + (layout.ends.closes_decoder ? GW_HEAD_SAVED : 0);
    return layout;
}

static const place_block *block_at(const place_layout *layout, uint32_t index)
{
    return &g_array_index(layout->blocks, place_block, index);
}

/* The model as the block sees it. */
static const gw_transformer *side_of(const place_layout *layout, uint32_t block)
{
    return block < layout->encoder_count ? &layout->encoder : layout->model;
}

static GArray *list_tensors(const place_layout *layout)
{
    GArray *list = g_array_new(FALSE, FALSE, sizeof(gw_transformer_tensor));
    const uint32_t hidden = layout->model->hidden;
    for (uint32_t i = 0; i <= layout->blocks->len; i++) {
        if (i == 0 && layout->ends.opens_encoder)
            gw_transformer_append_embedding(&layout->encoder, list);
        if (i == layout->encoder_count && layout->ends.closes_encoder) {
            gw_transformer_append_tensor(list, 1, hidden, false, 0, 1);
            gw_transformer_append_tensor(list, 1, hidden, false, 0, 0);
        }
        if (i == layout->encoder_count && layout->ends.opens_decoder)
            gw_transformer_append_embedding(layout->model, list);
        if (i < layout->blocks->len)
            block_at(layout, i)->block->append_tensors(side_of(layout, i), list);
    }
    if (layout->ends.closes_decoder)
        gw_transformer_append_head(layout->model, list);
    gw_check(list->len == layout->tensor_count);
    return list;
}

GArray *gw_transformer_list_tensors(const gw_transformer *model, uint32_t place,
                                    uint32_t *out_first)
{
    *out_first = 0;
    for (uint32_t p = 0; p < place; p++) {
        g_auto(place_layout) before = lay_out(model, p);
        *out_first += before.tensor_count;
    }
    g_auto(place_layout) layout = lay_out(model, place);
    return list_tensors(&layout);
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
    g_auto(place_layout) layout = lay_out(model, place);
    uint32_t count = layout.saved_count - layout.saved_encoder_input;
    for (uint32_t i = 0; i < layout.blocks->len; i++)
        for (uint32_t s = 0; s < block_at(&layout, i)->block->saved_count; s++)
            count += is_kept(model, block_at(&layout, i), s) ? 1 : 0;
    return count;
}

/* --- Making --- */

static gw_pass begin(const place_layout *layout, const char *name)
{
    gw_pass pass = {.model = layout->model,
                    .function = gw_function_new(name),
                    .seen = GW_INDEX_NONE,
                    .dropped = GW_INDEX_NONE,
                    .gathered = GW_INDEX_NONE,
                    .dmemory = GW_INDEX_NONE,
                    .first_head_tensor = layout->head,
                    .first_head_saved = layout->saved_head};
    pass.function->computations = 1;
    return pass;
}

/* What is for slopes has been said to be. */
static void classify_outputs(gw_function *function)
{
    for (uint32_t o = 0; o < function->output_count; o++) {
        gw_value *value =
            &g_array_index(function->values, gw_value, gw_function_output(function, o));
        if (value->memory == GW_MEMORY_OTHER)
            value->memory = GW_MEMORY_ACTIVATIONS;
    }
}

gw_function *gw_pass_end(gw_pass *pass)
{
    classify_outputs(pass->function);
    if (pass->waiting != NULL)
        g_array_unref(pass->waiting);
    if (pass->sources != NULL)
        g_array_unref(pass->sources);
    g_free(pass->tensors);
    g_free(pass->saved);
    g_free(pass->gradients);
    g_free(pass->before);
    g_free(pass->is_finished);
    g_free(pass->outputs);
    return pass->function;
}

typedef struct { /* Values; GW_INDEX_NONE: the place has none. */
    uint32_t encoder, decoder;
} pass_ids;

static uint32_t take_ids(gw_pass *pass, const gw_transformer *side, bool is_there)
{
    return is_there
               ? gw_function_add_input(pass->function, gw_transformer_local_rows(side), 1, true)
               : GW_INDEX_NONE;
}

static pass_ids take_all_ids(gw_pass *pass, const place_layout *layout)
{
    const uint32_t encoder = take_ids(pass, &layout->encoder, layout->ends.opens_encoder);
    return (pass_ids){encoder, take_ids(pass, layout->model, layout->ends.opens_decoder)};
}

static void take_side(gw_pass *pass, const place_layout *layout, bool is_encoder, pass_ids ids)
{
    pass->model = is_encoder ? &layout->encoder : layout->model;
    pass->rows = gw_transformer_local_rows(pass->model);
    pass->stream_rows = gw_transformer_stream_rows(pass->model);
    pass->ids = is_encoder ? ids.encoder : ids.decoder;
    pass->first_embedding_tensor = is_encoder ? 0 : layout->decoder_embedding;
}

static uint32_t place_one_saved(gw_pass *pass, bool is_kept_one, bool is_output, uint32_t rows,
                                uint32_t columns)
{
    gw_function *function = pass->function;
    if (!is_kept_one)
        return gw_function_add_temporary(function, rows, columns);
    if (is_output)
        return gw_function_add_output(function, rows, columns, true);
    const uint32_t value = gw_function_add_input(function, rows, columns, true);
    /* Outputs of forward: what the place gives, or the loss; slopes of logits; then these. */
    gw_pass_note_source(pass, GW_HANDED_FORWARD, 1 + pass->forward_source_count, value);
    return value;
}

static bool is_exact(const gw_transformer_block *block, uint32_t saved)
{
    return block->is_exact != NULL && block->is_exact(saved);
}

static void place_saved(gw_pass *pass, const place_layout *layout, bool is_output)
{
    const uint32_t hidden = layout->model->hidden;
    pass->saved = g_new(uint32_t, layout->saved_count);
    for (uint32_t i = 0; i < layout->blocks->len; i++) {
        const place_block *one = block_at(layout, i);
        for (uint32_t s = 0; s < one->block->saved_count; s++) {
            uint32_t rows, columns;
            one->block->saved_shape(side_of(layout, i), s, &rows, &columns);
            const uint32_t value =
                place_one_saved(pass, is_kept(layout->model, one, s), is_output, rows, columns);
            pass->saved[one->first_saved + s] =
                is_exact(one->block, s) ? value : gw_pass_thin(pass, value);
        }
    }
    for (uint32_t s = layout->saved_encoder_input; s < layout->saved_count; s++) {
        const bool is_encoder = s < layout->saved_head;
        const uint32_t rows =
            gw_transformer_stream_rows(is_encoder ? &layout->encoder : layout->model);
        pass->saved[s] = gw_pass_thin(pass, place_one_saved(pass, true, is_output, rows, hidden));
    }
    if (layout->ends.reads_memory)
        pass->memory = pass->saved[layout->saved_memory];
}

static gw_pass_part part_of(const gw_pass *pass, const place_block *one)
{
    return (gw_pass_part){.first_tensor = one->first_tensor,
                          .tensors = pass->tensors + one->first_tensor,
                          .saved = pass->saved + one->first_saved,
                          .gradients =
                              pass->gradients != NULL ? pass->gradients + one->first_tensor : NULL};
}

/* The first block of the layer that block `index` belongs to. */
static uint32_t find_opening(const place_layout *layout, uint32_t index)
{
    while (!block_at(layout, index)->opens)
        index--;
    return index;
}

/* Behind the last block of the layer that block `index` belongs to. */
static uint32_t find_closing(const place_layout *layout, uint32_t index)
{
    while (!block_at(layout, index)->closes)
        index++;
    return index + 1;
}

/* The parameters of the layer that block `index` belongs to. */
static void gather_layer(gw_pass *pass, const place_layout *layout, uint32_t index)
{
    const uint32_t first = block_at(layout, find_opening(layout, index))->first_tensor;
    const place_block *last = block_at(layout, find_closing(layout, index) - 1);
    gw_pass_gather_tensors(pass, first, last->first_tensor + last->block->tensor_count - first);
}

static void gather_head(gw_pass *pass, const place_layout *layout)
{
    if (layout->ends.closes_decoder)
        gw_pass_gather_tensors(pass, layout->head, GW_HEAD_TENSORS);
}

/* Forward of blocks [first, end), the last of which writes `y`. */
static void add_blocks(gw_pass *pass, const place_layout *layout, uint32_t first, uint32_t end,
                       uint32_t y)
{
    for (uint32_t i = first; i < end; i++) {
        const place_block *one = block_at(layout, i);
        const gw_pass_part part = part_of(pass, one);
        one->block->add_forward(pass, &part, i + 1 < end ? pass->saved[one[1].first_saved] : y);
    }
}

/* Slopes of logits, or activations, of the side that the place ends with. */
static void last_shape(const place_layout *layout, uint32_t *out_rows, uint32_t *out_columns)
{
    const gw_transformer *model = layout->model;
    *out_columns = layout->ends.closes_decoder ? model->vocabulary / model->tensor : model->hidden;
    *out_rows =
        layout->ends.closes_decoder
            ? gw_transformer_local_rows(model)
            : gw_transformer_stream_rows(layout->ends.has_decoder ? model : &layout->encoder);
}

/* --- Forward --- */

/* The side's blocks [first, end), from ids or from `x`, to `y`.  Each layer's parameters, and then
 * the head's, are asked for before the layer in front of it is begun. */
static void add_side(gw_pass *pass, const place_layout *layout, uint32_t first, uint32_t end,
                     uint32_t x, uint32_t y)
{
    const uint32_t start = pass->saved[block_at(layout, first)->first_saved];
    if (pass->ids != GW_INDEX_NONE)
        gw_pass_add_embedding(pass, start);
    else
        gw_pass_gather_handed(pass, x, start);
    for (uint32_t i = first, next = first; i < end; i = next) {
        next = find_closing(layout, i);
        if (next < layout->blocks->len)
            gather_layer(pass, layout, next);
        else
            gather_head(pass, layout);
        add_blocks(pass, layout, i, next,
                   next < end ? pass->saved[block_at(layout, next)->first_saved] : y);
    }
}

/* From `x` or ids to `result`, or what the place's decoder looks at. */
static void add_encoder(gw_pass *pass, const place_layout *layout, uint32_t x, uint32_t result)
{
    if (!layout->ends.closes_encoder) {
        add_side(pass, layout, 0, layout->encoder_count, x, result);
        return;
    }
    const uint32_t input = pass->saved[layout->saved_encoder_input];
    const uint32_t *tensors = pass->tensors + layout->encoder_end;
    add_side(pass, layout, 0, layout->encoder_count, x, input);
    gw_pass_add_norm(pass, input, tensors[ENCODER_NORM_GAIN], tensors[ENCODER_NORM_BIAS],
                     layout->ends.reads_memory ? pass->memory : result);
}

static uint32_t take_activation(gw_pass *pass, const gw_transformer *side)
{
    return gw_pass_thin(pass,
                        gw_function_add_input(pass->function, gw_transformer_stream_rows(side),
                                              side->hidden, true));
}

static uint32_t give_activation(gw_pass *pass, const gw_transformer *side)
{
    return gw_pass_thin(pass,
                        gw_function_add_output(pass->function, gw_transformer_stream_rows(side),
                                               side->hidden, true));
}

/* In the shape that goes from place to place. */
static uint32_t give_stream(gw_pass *pass, const gw_transformer *side)
{
    return gw_transformer_is_scattered(side) ? gw_pass_place_handed(pass)
                                             : give_activation(pass, side);
}

typedef struct { /* Values; GW_INDEX_NONE: the place has none. */
    uint32_t x, memory, before, result, dlogits;
} forward_ends;

static forward_ends place_forward_ends(gw_pass *pass, const place_layout *layout,
                                       const GArray *list, bool is_next, bool drops)
{
    const gw_transformer_ends ends = layout->ends;
    forward_ends at = {GW_INDEX_NONE, GW_INDEX_NONE, GW_INDEX_NONE, GW_INDEX_NONE, GW_INDEX_NONE};
    const gw_transformer *side = ends.has_decoder ? layout->model : &layout->encoder;
    if (gw_transformer_takes_stream(ends))
        at.x = gw_transformer_is_scattered(side) ? gw_pass_take_handed(pass)
                                                 : take_activation(pass, side);
    if (gw_transformer_takes_memory(ends))
        at.memory = take_activation(pass, &layout->encoder);
    pass->labels = take_ids(pass, layout->model, ends.closes_decoder);
    if (ends.closes_decoder && is_next)
        at.before = gw_function_add_input(pass->function, 1, 1, false);
    if (drops && is_next)
        pass->dropped = gw_function_add_input(pass->function, 1, 1, false);
    gw_pass_take_tensors(pass, list);
    if (ends.closes_decoder)
        at.result = gw_function_add_output(pass->function, 1, 1, false);
    else
        at.result = give_stream(pass, side);
    if (ends.closes_decoder) {
        uint32_t rows, columns;
        last_shape(layout, &rows, &columns);
        at.dlogits =
            gw_pass_thin(pass, gw_function_add_output(pass->function, rows, columns, true));
    }
    return at;
}

/* What is needed before the first layer is done. */
static void gather_first(gw_pass *pass, const place_layout *layout)
{
    if (layout->ends.opens_encoder)
        gw_pass_gather_tensors(pass, 0, GW_EMBEDDING_TENSORS);
    if (layout->ends.closes_encoder)
        gw_pass_gather_tensors(pass, layout->encoder_end, ENCODER_END_TENSORS);
    if (layout->ends.opens_decoder)
        gw_pass_gather_tensors(pass, layout->decoder_embedding, GW_EMBEDDING_TENSORS);
    gather_layer(pass, layout, 0);
}

gw_function *gw_transformer_make_forward(const gw_transformer *model, uint32_t place, bool is_next)
{
    g_auto(place_layout) layout = lay_out(model, place);
    g_autoptr(GArray) list = list_tensors(&layout);
    gw_pass pass = begin(&layout, "forward");
    const pass_ids ids = take_all_ids(&pass, &layout);
    const bool drops = gw_transformer_count_expert_layers(model, place) > 0;
    const forward_ends at = place_forward_ends(&pass, &layout, list, is_next, drops);
    place_saved(&pass, &layout, true);
    const uint32_t dropped =
        drops ? gw_function_add_output(pass.function, 1, 1, false) : GW_INDEX_NONE;
    gather_first(&pass, &layout);
    if (layout.encoder_count > 0) {
        take_side(&pass, &layout, true, ids);
        add_encoder(&pass, &layout, at.x, at.result);
    }
    if (at.memory != GW_INDEX_NONE)
        gw_emit_map(pass.function, GW_MAP_COPY, at.memory, 0, pass.memory);
    if (layout.ends.has_decoder) {
        take_side(&pass, &layout, false, ids);
        const uint32_t y = layout.ends.closes_decoder ? gw_pass_head_input(&pass)
                                                      : gw_pass_before_handed(&pass, at.result);
        add_side(&pass, &layout, layout.encoder_count, layout.blocks->len, at.x, y);
        if (!layout.ends.closes_decoder && y != at.result)
            gw_pass_scatter_handed(&pass, y, at.result);
    }
    if (layout.ends.closes_decoder)
        gw_pass_add_head(&pass, at.before, at.result, at.dlogits);
    if (drops)
        gw_emit_map(pass.function, GW_MAP_COPY, pass.dropped, 0, dropped);
    return gw_pass_end(&pass);
}

/* --- Backward --- */

/* What the layer that `last` closes needs and forward has not kept. */
static void add_again(gw_pass *pass, const place_layout *layout, uint32_t last)
{
    const uint32_t first = find_opening(layout, last);
    if (pass->model->recompute == GW_RECOMPUTE_FULL)
        add_blocks(pass, layout, first, last + 1, gw_pass_add_stream(pass));
    for (uint32_t i = first; pass->model->recompute == GW_RECOMPUTE_SELECTIVE && i <= last; i++) {
        const gw_pass_part part = part_of(pass, block_at(layout, i));
        if (block_at(layout, i)->block->add_selected != NULL)
            block_at(layout, i)->block->add_selected(pass, &part);
    }
}

/* The side's blocks [first, end) from `dy`, to ids or `out`.  Each layer's parameters are asked for
 * before the layer behind it is begun. */
static void add_side_gradient(gw_pass *pass, const place_layout *layout, uint32_t first,
                              uint32_t end, uint32_t dy, uint32_t out)
{
    uint32_t dx = dy;
    for (uint32_t i = end; i-- > first;) {
        const place_block *one = block_at(layout, i);
        if (one->closes) {
            const uint32_t opening = find_opening(layout, i);
            if (opening > 0)
                gather_layer(pass, layout, opening - 1);
            add_again(pass, layout, i);
        }
        const gw_pass_part part = part_of(pass, one);
        dx = one->block->add_backward(pass, &part, dx);
        gw_pass_finish_slopes(pass, one->first_tensor, one->block->tensor_count);
        if (one->opens)
            gw_pass_end_layer(pass);
    }
    if (pass->ids == GW_INDEX_NONE) {
        gw_pass_scatter_handed(pass, dx, out);
        return;
    }
    gw_pass_add_embedding_gradient(pass, dx);
    gw_pass_finish_slopes(pass, pass->first_embedding_tensor, GW_EMBEDDING_TENSORS);
}

/* From the slopes of what the encoder gives to those of its last layer's output. */
static uint32_t add_encoder_end_gradient(gw_pass *pass, const place_layout *layout, uint32_t dy)
{
    const uint32_t first = layout->encoder_end;
    const uint32_t dx = gw_pass_add_norm_gradient(
        pass, pass->saved[layout->saved_encoder_input], pass->tensors[first + ENCODER_NORM_GAIN],
        dy, pass->gradients[first + ENCODER_NORM_GAIN], pass->gradients[first + ENCODER_NORM_BIAS]);
    gw_pass_finish_slopes(pass, first, ENCODER_END_TENSORS);
    return dx;
}

/* Backward for inputs: outputs for slopes that may not wait. */
static void place_finished(gw_pass *pass, const place_layout *layout)
{
    pass->gradients = g_new(uint32_t, pass->list->len);
    for (uint32_t i = 0; i < pass->list->len; i++)
        pass->gradients[i] = GW_INDEX_NONE;
    for (uint32_t b = 0; b <= layout->blocks->len; b++) {
        const bool is_head = b == layout->blocks->len;
        if (is_head && !layout->ends.closes_decoder)
            continue;
        const place_block *one = is_head ? NULL : block_at(layout, b);
        const uint32_t first = is_head ? layout->head : one->first_tensor;
        const uint32_t count = is_head ? GW_HEAD_TENSORS : one->block->tensor_count;
        bool (*may_wait)(uint32_t) = is_head ? gw_transformer_may_head_wait : one->block->may_wait;
        for (uint32_t i = 0; i < count; i++) {
            const gw_transformer_tensor *tensor =
                &g_array_index(pass->list, gw_transformer_tensor, first + i);
            if (may_wait != NULL && may_wait(i))
                continue;
            const uint32_t y = gw_function_add_output(pass->function, tensor->rows, tensor->columns,
                                                      tensor->is_split);
            g_array_index(pass->function->values, gw_value, y).memory = GW_MEMORY_GRADIENTS;
            pass->gradients[first + i] = gw_transformer_mark_slopes(pass->model, pass->function, y);
        }
    }
}

typedef struct { /* Values; GW_INDEX_NONE: the place has none. */
    pass_ids ids;
    uint32_t dy, dmemory_after, dx, dmemory;
} backward_ends;

/* All inputs but slopes so far. */
static backward_ends take_backward(gw_pass *pass, const place_layout *layout, const GArray *list)
{
    const gw_transformer_ends ends = layout->ends;
    uint32_t rows, columns;
    backward_ends at = {.ids = take_all_ids(pass, layout),
                        .dmemory_after = GW_INDEX_NONE,
                        .dx = GW_INDEX_NONE,
                        .dmemory = GW_INDEX_NONE};
    if (at.ids.decoder != GW_INDEX_NONE)
        gw_pass_note_source(pass, GW_HANDED_TOKENS, 0, at.ids.decoder);
    gw_pass_take_tensors(pass, list);
    last_shape(layout, &rows, &columns);
    if (!ends.closes_decoder && gw_transformer_is_scattered(layout->model))
        at.dy = gw_pass_take_handed(pass);
    else
        at.dy = gw_pass_thin(pass, gw_function_add_input(pass->function, rows, columns, true));
    if (ends.closes_decoder)
        gw_pass_note_source(pass, GW_HANDED_FORWARD, 1, at.dy);
    if (ends.reads_memory && !ends.closes_decoder)
        at.dmemory_after = take_activation(pass, &layout->encoder);
    place_saved(pass, layout, false);
    return at;
}

/* Outputs but slopes of tensors. */
static void give_backward(gw_pass *pass, const place_layout *layout, backward_ends *at)
{
    const gw_transformer_ends ends = layout->ends;
    if (gw_transformer_takes_stream(ends))
        at->dx = give_stream(pass, ends.has_decoder ? layout->model : &layout->encoder);
    if (gw_transformer_takes_memory(ends))
        at->dmemory = give_activation(pass, &layout->encoder);
}

/* The decoder's part of a place; returns the slopes of what the encoder gives, all in all so far,
 * if it looks at that. */
static uint32_t add_decoder_gradient(gw_pass *pass, const place_layout *layout,
                                     const backward_ends *at)
{
    uint32_t dy = layout->ends.closes_decoder ? at->dy : gw_pass_whole_handed(pass, at->dy);
    if (layout->ends.closes_decoder) {
        dy = gw_pass_add_head_gradient(pass, dy);
        gw_pass_finish_slopes(pass, layout->head, GW_HEAD_TENSORS);
    }
    add_side_gradient(pass, layout, layout->encoder_count, layout->blocks->len, dy, at->dx);
    if (!layout->ends.reads_memory)
        return GW_INDEX_NONE;
    const uint32_t total =
        gw_pass_add_sum(pass, at->dmemory_after, gw_pass_sum_parts(pass, pass->dmemory));
    if (at->dmemory != GW_INDEX_NONE)
        gw_emit_map(pass->function, GW_MAP_COPY, total, 0, at->dmemory);
    return total;
}

static void write_backward(gw_pass *pass, const place_layout *layout, const backward_ends *at)
{
    uint32_t dy = at->dy;
    gather_head(pass, layout);
    gather_layer(pass, layout, layout->blocks->len - 1);
    if (layout->ends.closes_encoder)
        gw_pass_gather_tensors(pass, layout->encoder_end, ENCODER_END_TENSORS);
    if (layout->ends.has_decoder) {
        take_side(pass, layout, false, at->ids);
        dy = add_decoder_gradient(pass, layout, at);
    }
    if (layout->encoder_count > 0) {
        take_side(pass, layout, true, at->ids);
        if (layout->ends.closes_encoder)
            dy = add_encoder_end_gradient(pass, layout, dy);
        add_side_gradient(pass, layout, 0, layout->encoder_count, dy, at->dx);
    }
}

gw_function *gw_transformer_make_backward(const gw_transformer *model, uint32_t place, bool is_next,
                                          bool is_end)
{
    g_auto(place_layout) layout = lay_out(model, place);
    g_autoptr(GArray) list = list_tensors(&layout);
    gw_pass pass = begin(&layout, "backward");
    pass.is_end = is_end;
    backward_ends at = take_backward(&pass, &layout, list);
    if (is_next)
        gw_pass_take_slopes(&pass);
    give_backward(&pass, &layout, &at);
    gw_pass_place_slopes(&pass, NULL);
    write_backward(&pass, &layout, &at);
    gw_pass_end_slopes(&pass);
    return gw_pass_end(&pass);
}

gw_pass gw_pass_make_inputs(const gw_transformer *model, uint32_t place)
{
    gw_check(model->encoder_layers == 0); /* Slopes that wait are of one side. */
    g_auto(place_layout) layout = lay_out(model, place);
    g_autoptr(GArray) list = list_tensors(&layout);
    gw_pass pass = begin(&layout, "inputs");
    pass.waiting = g_array_new(FALSE, FALSE, sizeof(gw_slopes));
    pass.sources = g_array_new(FALSE, FALSE, sizeof(gw_handed));
    backward_ends at = take_backward(&pass, &layout, list);
    give_backward(&pass, &layout, &at);
    place_finished(&pass, &layout);
    write_backward(&pass, &layout, &at);
    pass.list = NULL;
    pass.model = model;
    return pass;
}
