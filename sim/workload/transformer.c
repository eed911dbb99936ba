/* SPDX-License-Identifier: Apache-2.0 */
/* Weights are stored so that what is split is their rows: those of products from the left (queries,
 * keys, values, the perceptron's first, the head) as the transpose of what they multiply by. */
#include "workload/transformer.h"

#include <math.h>

#include "base/check.h"
#include "base/random.h"
#include "workload/emit.h"

#define WEIGHT_DEVIATION 0.02 /* Of all weights at first (Radford et al., 2019). */

enum { EMBEDDING, POSITIONS, FIRST_LAYER };
typedef enum {
    NORM_1_GAIN,
    NORM_1_BIAS,
    QUERY,
    QUERY_BIAS,
    KEY,
    KEY_BIAS,
    VALUE,
    VALUE_BIAS,
    PROJECTION,
    PROJECTION_BIAS,
    NORM_2_GAIN,
    NORM_2_BIAS,
    WIDEN,
    WIDEN_BIAS,
    NARROW,
    NARROW_BIAS,
    LAYER_TENSORS,
} layer_tensor;
enum { LAST_NORM_GAIN, LAST_NORM_BIAS, HEAD }; /* After the layers. */

/* What a layer's backward pass reads again. */
typedef enum {
    LAYER_INPUT,
    NORM_1,
    QUERIES,
    KEYS,
    VALUES,
    SHARES, /* The softmax of the scores. */
    ATTENDED,
    MIDDLE, /* Between the two halves. */
    NORM_2,
    WIDE,
    ACTIVATED,
    LAYER_SAVED,
} layer_saved;
enum { LAST_INPUT, LAST_NORM, LAST_SAVED }; /* After the layers'. */

typedef struct { /* A function in the making. */
    const gw_transformer *model;
    gw_function *function;
    uint32_t rows;        /* Tokens of a device's micro-batch. */
    uint32_t layer_count; /* Of the place. */
    bool is_first, is_last;
    uint32_t ids, labels;
    uint32_t *tensors;   /* Their values, */
    uint32_t *saved;     /* and those of what backward reads again: by layer, then the last. */
    uint32_t *gradients; /* Of tensors, of this micro-batch alone. */
} maker;

/* --- Sizes --- */

static uint32_t local_rows(const gw_transformer *model)
{
    return model->microbatch * model->sequence;
}

uint32_t gw_transformer_count_microbatches(const gw_transformer *model)
{
    return model->batch / model->data / model->microbatch;
}

static uint32_t count_layers(const gw_transformer *model)
{
    return model->layers / model->places;
}

static void append_tensor(GArray *list, uint32_t rows, uint32_t columns, bool is_split,
                          double scale, double constant)
{
    const gw_transformer_tensor tensor = {rows, columns, is_split, scale, constant};
    g_array_append_val(list, tensor);
}

/* In the order of layer_tensor.  What is added to the stream of activations is smaller the more
 * layers there are. */
static void append_layer(const gw_transformer *model, GArray *list)
{
    const uint32_t hidden = model->hidden, own_hidden = hidden / model->tensor;
    const uint32_t own_wide = model->feed_forward / model->tensor;
    const double scale = WEIGHT_DEVIATION * sqrt(3), added = scale / sqrt(2.0 * model->layers);
    append_tensor(list, 1, hidden, false, 0, 1);
    append_tensor(list, 1, hidden, false, 0, 0);
    for (uint32_t i = 0; i < 3; i++) {
        append_tensor(list, own_hidden, hidden, true, scale, 0);
        append_tensor(list, 1, own_hidden, true, 0, 0);
    }
    append_tensor(list, own_hidden, hidden, true, added, 0);
    append_tensor(list, 1, hidden, false, 0, 0);
    append_tensor(list, 1, hidden, false, 0, 1);
    append_tensor(list, 1, hidden, false, 0, 0);
    append_tensor(list, own_wide, hidden, true, scale, 0);
    append_tensor(list, 1, own_wide, true, 0, 0);
    append_tensor(list, own_wide, hidden, true, added, 0);
    append_tensor(list, 1, hidden, false, 0, 0);
}

GArray *gw_transformer_list_tensors(const gw_transformer *model, uint32_t place,
                                    uint32_t *out_first)
{
    GArray *list = g_array_new(FALSE, FALSE, sizeof(gw_transformer_tensor));
    const uint32_t hidden = model->hidden, own_words = model->vocabulary / model->tensor;
    const double scale = WEIGHT_DEVIATION * sqrt(3);
    *out_first = place == 0 ? 0 : FIRST_LAYER + place * count_layers(model) * LAYER_TENSORS;
    if (place == 0) {
        append_tensor(list, own_words, hidden, true, scale, 0);
        append_tensor(list, model->sequence, hidden, false, scale, 0);
    }
    for (uint32_t l = 0; l < count_layers(model); l++)
        append_layer(model, list);
    if (place + 1 == model->places) {
        append_tensor(list, 1, hidden, false, 0, 1);
        append_tensor(list, 1, hidden, false, 0, 0);
        append_tensor(list, own_words, hidden, true, scale, 0);
    }
    return list;
}

/* Of a place; the last's two, whether it is the last or not. */
static uint32_t count_activations(const gw_transformer *model)
{
    return count_layers(model) * LAYER_SAVED + LAST_SAVED;
}

/* Whether forward hands it to backward, or backward computes it again. */
static bool is_kept(const gw_transformer *model, uint32_t index)
{
    if (index >= count_layers(model) * LAYER_SAVED || index % LAYER_SAVED == LAYER_INPUT)
        return true;
    if (model->recompute == GW_RECOMPUTE_SELECTIVE)
        return index % LAYER_SAVED != SHARES;
    return model->recompute == GW_RECOMPUTE_NONE;
}

uint32_t gw_transformer_count_saved(const gw_transformer *model, uint32_t place)
{
    uint32_t count = place + 1 == model->places ? LAST_SAVED : 0;
    for (uint32_t i = 0; i < count_layers(model) * LAYER_SAVED; i++)
        count += is_kept(model, i) ? 1 : 0;
    return count;
}

static void saved_shape(const gw_transformer *model, uint32_t index, uint32_t *out_rows,
                        uint32_t *out_columns)
{
    const bool is_last = index >= count_layers(model) * LAYER_SAVED;
    *out_rows = local_rows(model);
    *out_columns = model->hidden;
    switch (is_last ? LAYER_INPUT : (layer_saved)(index % LAYER_SAVED)) {
    case QUERIES:
    case KEYS:
    case VALUES:
    case ATTENDED:
        *out_columns = model->hidden / model->tensor;
        return;
    case SHARES:
        *out_rows *= model->heads / model->tensor;
        *out_columns = model->sequence;
        return;
    case WIDE:
    case ACTIVATED:
        *out_columns = model->feed_forward / model->tensor;
        return;
    default:
        return;
    }
}

/* --- Making --- */

uint32_t gw_transformer_element_bytes(const gw_transformer *model)
{
    return model->is_half ? 2 : 4;
}

/* As gw_transformer_element_bytes says from here on; returns it. */
static uint32_t thin(const maker *made, uint32_t index)
{
    g_array_index(made->function->values, gw_value, index).element_bytes =
        gw_transformer_element_bytes(made->model);
    return index;
}

static maker begin(const gw_transformer *model, const char *name, uint32_t place)
{
    maker made = {.model = model,
                  .function = gw_function_new(name),
                  .rows = local_rows(model),
                  .layer_count = count_layers(model),
                  .is_first = place == 0,
                  .is_last = place + 1 == model->places};
    made.function->computations = 1;
    return made;
}

static gw_function *end(maker *made)
{
    g_free(made->tensors);
    g_free(made->saved);
    g_free(made->gradients);
    return made->function;
}

static uint32_t take_ids(maker *made)
{
    return gw_function_add_input(made->function, made->rows, 1, true);
}

static void take_tensors(maker *made, const GArray *list)
{
    made->tensors = g_new(uint32_t, list->len);
    for (uint32_t i = 0; i < list->len; i++) {
        const gw_transformer_tensor *tensor = &g_array_index(list, gw_transformer_tensor, i);
        made->tensors[i] = thin(made, gw_function_add_input(made->function, tensor->rows,
                                                            tensor->columns, tensor->is_split));
    }
}

static void place_saved(maker *made, bool is_output)
{
    const uint32_t count = count_activations(made->model) - (made->is_last ? 0 : LAST_SAVED);
    gw_function *function = made->function;
    made->saved = g_new(uint32_t, count);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t rows, columns;
        saved_shape(made->model, i, &rows, &columns);
        if (!is_kept(made->model, i))
            made->saved[i] = gw_function_add_temporary(function, rows, columns);
        else if (is_output)
            made->saved[i] = gw_function_add_output(function, rows, columns, true);
        else
            made->saved[i] = gw_function_add_input(function, rows, columns, true);
        thin(made, made->saved[i]);
    }
}

/* Among the place's tensors, and likewise among their slopes. */
static uint32_t find_layer_tensor(const maker *made, uint32_t layer, layer_tensor which)
{
    return (made->is_first ? FIRST_LAYER : 0) + layer * LAYER_TENSORS + which;
}

static uint32_t find_last_tensor(const maker *made, uint32_t which)
{
    return find_layer_tensor(made, made->layer_count, 0) + which;
}

static uint32_t layer_tensor_at(const maker *made, uint32_t layer, layer_tensor which)
{
    return made->tensors[find_layer_tensor(made, layer, which)];
}

static uint32_t last_tensor_at(const maker *made, uint32_t which)
{
    return made->tensors[find_last_tensor(made, which)];
}

static uint32_t saved_at(const maker *made, uint32_t layer, layer_saved which)
{
    return made->saved[layer * LAYER_SAVED + which];
}

static uint32_t last_saved_at(const maker *made, uint32_t which)
{
    return made->saved[made->layer_count * LAYER_SAVED + which];
}

static uint32_t add_temporary(maker *made, uint32_t rows, uint32_t columns)
{
    return thin(made, gw_function_add_temporary(made->function, rows, columns));
}

static uint32_t add_activation(maker *made)
{
    return add_temporary(made, made->rows, made->model->hidden);
}

/* The sum along tensor; x itself where it is not split. */
static uint32_t sum_parts(maker *made, uint32_t x)
{
    if (made->model->tensor == 1)
        return x;
    const gw_value *value = gw_function_value(made->function, x);
    const uint32_t y = add_temporary(made, value->rows, value->columns);
    gw_emit_collective(made->function, GW_OPERATION_ALL_REDUCE, GW_TRANSFORMER_TENSOR, x, y);
    return y;
}

static void add_norm(maker *made, uint32_t x, uint32_t gain, uint32_t bias, uint32_t y)
{
    gw_function_add(made->function,
                    &(gw_operation){.kind = GW_OPERATION_LAYER_NORM,
                                    .inputs = {(uint16_t)x, (uint16_t)gain, (uint16_t)bias},
                                    .outputs = {(uint16_t)y}});
}

/* y = x weights^T + bias */
static void add_dense(maker *made, uint32_t x, uint32_t weights, uint32_t bias, uint32_t y)
{
    const gw_value *value = gw_function_value(made->function, y);
    const uint32_t product = add_temporary(made, value->rows, value->columns);
    gw_emit_matmul(made->function, x, false, weights, true, product);
    gw_emit_map(made->function, GW_MAP_ADD_ROW, product, bias, y);
}

/* y = x + sum over tensor of (part weights) + bias */
static void add_to_stream(maker *made, uint32_t x, uint32_t part, uint32_t weights, uint32_t bias,
                          uint32_t y)
{
    const uint32_t product = add_activation(made), with_bias = add_activation(made);
    gw_emit_matmul(made->function, part, false, weights, false, product);
    gw_emit_map(made->function, GW_MAP_ADD_ROW, sum_parts(made, product), bias, with_bias);
    gw_emit_map(made->function, GW_MAP_ADD, x, with_bias, y);
}

static gw_operation attention(const maker *made, gw_operation_kind kind)
{
    return (gw_operation){.kind = kind,
                          .heads = made->model->heads / made->model->tensor,
                          .sequence = made->model->sequence,
                          .is_causal = true};
}

/* The softmax of the scores, and what it attends to. */
static void add_attention(maker *made, uint32_t layer, uint32_t attended)
{
    gw_operation attend = attention(made, GW_OPERATION_ATTENTION);
    attend.inputs[0] = (uint16_t)saved_at(made, layer, QUERIES);
    attend.inputs[1] = (uint16_t)saved_at(made, layer, KEYS);
    attend.inputs[2] = (uint16_t)saved_at(made, layer, VALUES);
    attend.outputs[0] = (uint16_t)attended;
    attend.outputs[1] = (uint16_t)saved_at(made, layer, SHARES);
    gw_function_add(made->function, &attend);
}

/* --- Forward --- */

static void add_embedding(maker *made, uint32_t y)
{
    const uint32_t part = add_activation(made);
    gw_function_add(made->function, &(gw_operation){.kind = GW_OPERATION_EMBEDDING,
                                                    .axes = GW_TRANSFORMER_TENSOR,
                                                    .inputs = {(uint16_t)made->tensors[EMBEDDING],
                                                               (uint16_t)made->ids},
                                                    .outputs = {(uint16_t)part}});
    gw_emit_map(made->function, GW_MAP_ADD_ROW, sum_parts(made, part), made->tensors[POSITIONS], y);
}

static void add_layer(maker *made, uint32_t layer, uint32_t y)
{
    gw_function *function = made->function;
    const uint32_t x = saved_at(made, layer, LAYER_INPUT), n = saved_at(made, layer, NORM_1);
    const uint32_t q = saved_at(made, layer, QUERIES), k = saved_at(made, layer, KEYS);
    const uint32_t v = saved_at(made, layer, VALUES), attended = saved_at(made, layer, ATTENDED);
    const uint32_t middle = saved_at(made, layer, MIDDLE), n_2 = saved_at(made, layer, NORM_2);
    const uint32_t wide = saved_at(made, layer, WIDE), active = saved_at(made, layer, ACTIVATED);
    add_norm(made, x, layer_tensor_at(made, layer, NORM_1_GAIN),
             layer_tensor_at(made, layer, NORM_1_BIAS), n);
    add_dense(made, n, layer_tensor_at(made, layer, QUERY),
              layer_tensor_at(made, layer, QUERY_BIAS), q);
    add_dense(made, n, layer_tensor_at(made, layer, KEY), layer_tensor_at(made, layer, KEY_BIAS),
              k);
    add_dense(made, n, layer_tensor_at(made, layer, VALUE),
              layer_tensor_at(made, layer, VALUE_BIAS), v);
    add_attention(made, layer, attended);
    add_to_stream(made, x, attended, layer_tensor_at(made, layer, PROJECTION),
                  layer_tensor_at(made, layer, PROJECTION_BIAS), middle);
    add_norm(made, middle, layer_tensor_at(made, layer, NORM_2_GAIN),
             layer_tensor_at(made, layer, NORM_2_BIAS), n_2);
    add_dense(made, n_2, layer_tensor_at(made, layer, WIDEN),
              layer_tensor_at(made, layer, WIDEN_BIAS), wide);
    gw_emit_map(function, GW_MAP_GELU, wide, 0, active);
    add_to_stream(made, middle, active, layer_tensor_at(made, layer, NARROW),
                  layer_tensor_at(made, layer, NARROW_BIAS), y);
}

/* Logits of the device's part of the vocabulary, and the loss from all parts, added to `before`
 * unless that is GW_INDEX_NONE. */
static void add_loss(maker *made, uint32_t x, uint32_t before, uint32_t loss, uint32_t gradient)
{
    const gw_transformer *model = made->model;
    gw_function *function = made->function;
    const uint32_t logits = add_temporary(made, made->rows, model->vocabulary / model->tensor);
    uint32_t statistics = gw_function_add_temporary(function, made->rows, 3);
    gw_emit_matmul(function, x, false, last_tensor_at(made, HEAD), true, logits);
    gw_function_add(function, &(gw_operation){.kind = GW_OPERATION_TOKEN_STATISTICS,
                                              .axes = GW_TRANSFORMER_TENSOR,
                                              .inputs = {(uint16_t)logits, (uint16_t)made->labels},
                                              .outputs = {(uint16_t)statistics}});
    if (model->tensor > 1) {
        const uint32_t all = gw_function_add_temporary(function, made->rows * model->tensor, 3);
        gw_emit_collective(function, GW_OPERATION_ALL_GATHER, GW_TRANSFORMER_TENSOR, statistics,
                           all);
        statistics = all;
    }
    const uint32_t own_loss =
        before != GW_INDEX_NONE ? gw_function_add_temporary(function, 1, 1) : loss;
    gw_function_add(
        function,
        &(gw_operation){.kind = GW_OPERATION_TOKEN_LOSS,
                        .axes = GW_TRANSFORMER_TENSOR,
                        .scalar = 1 / ((double)model->batch * model->sequence),
                        .inputs = {(uint16_t)logits, (uint16_t)made->labels, (uint16_t)statistics},
                        .outputs = {(uint16_t)own_loss, (uint16_t)gradient}});
    if (before != GW_INDEX_NONE)
        gw_emit_map(function, GW_MAP_ADD, before, own_loss, loss);
}

/* The last layer's output: through the last norm to the loss. */
static void add_end(maker *made, uint32_t before, uint32_t loss, uint32_t gradient)
{
    const uint32_t n = last_saved_at(made, LAST_NORM);
    add_norm(made, last_saved_at(made, LAST_INPUT), last_tensor_at(made, LAST_NORM_GAIN),
             last_tensor_at(made, LAST_NORM_BIAS), n);
    add_loss(made, n, before, loss, gradient);
}

static uint32_t add_logits_output(maker *made)
{
    const uint32_t columns = made->model->vocabulary / made->model->tensor;
    return thin(made, gw_function_add_output(made->function, made->rows, columns, true));
}

gw_function *gw_transformer_make_forward(const gw_transformer *model, uint32_t place, bool is_next)
{
    uint32_t first_tensor, x = GW_INDEX_NONE, before = GW_INDEX_NONE, gradient = GW_INDEX_NONE;
    g_autoptr(GArray) list = gw_transformer_list_tensors(model, place, &first_tensor);
    maker made = begin(model, "forward", place);
    gw_function *function = made.function;
    if (made.is_first)
        made.ids = take_ids(&made);
    else
        x = thin(&made, gw_function_add_input(function, made.rows, model->hidden, true));
    if (made.is_last)
        made.labels = take_ids(&made);
    if (made.is_last && is_next)
        before = gw_function_add_input(function, 1, 1, false);
    take_tensors(&made, list);
    const uint32_t result =
        made.is_last
            ? gw_function_add_output(function, 1, 1, false)
            : thin(&made, gw_function_add_output(function, made.rows, model->hidden, true));
    if (made.is_last)
        gradient = add_logits_output(&made);
    place_saved(&made, true);
    if (made.is_first)
        add_embedding(&made, saved_at(&made, 0, LAYER_INPUT));
    else
        gw_emit_map(function, GW_MAP_COPY, x, 0, saved_at(&made, 0, LAYER_INPUT));
    for (uint32_t l = 0; l < made.layer_count; l++) {
        const uint32_t last = made.is_last ? last_saved_at(&made, LAST_INPUT) : result;
        add_layer(&made, l, l + 1 < made.layer_count ? saved_at(&made, l + 1, LAYER_INPUT) : last);
    }
    if (made.is_last)
        add_end(&made, before, result, gradient);
    return end(&made);
}

/* --- Backward --- */

static uint32_t gradient_of(const maker *made, uint32_t layer, layer_tensor which)
{
    return made->gradients[find_layer_tensor(made, layer, which)];
}

static uint32_t last_gradient_of(const maker *made, uint32_t which)
{
    return made->gradients[find_last_tensor(made, which)];
}

/* dx of y = norm(x); returns it. */
static uint32_t add_norm_gradient(maker *made, uint32_t x, uint32_t gain, uint32_t dy,
                                  uint32_t dgain, uint32_t dbias)
{
    const uint32_t dx = add_activation(made);
    gw_function_add(made->function,
                    &(gw_operation){.kind = GW_OPERATION_LAYER_NORM_GRADIENT,
                                    .inputs = {(uint16_t)x, (uint16_t)gain, (uint16_t)dy},
                                    .outputs = {(uint16_t)dx, (uint16_t)dgain, (uint16_t)dbias}});
    return dx;
}

/* Of y = x weights^T + bias: the slopes of weights and bias, and this device's part of dx. */
static uint32_t add_dense_gradient(maker *made, uint32_t layer, layer_tensor weights, uint32_t x,
                                   uint32_t dy)
{
    const uint32_t dx = add_activation(made);
    gw_emit_matmul(made->function, dy, true, x, false, gradient_of(made, layer, weights));
    gw_emit_sum_rows(made->function, dy, gradient_of(made, layer, weights + 1));
    gw_emit_matmul(made->function, dy, false, layer_tensor_at(made, layer, weights), false, dx);
    return dx;
}

/* Of y = x + sum of (part weights) + bias: the slopes of weights and bias, and of part. */
static uint32_t add_stream_gradient(maker *made, uint32_t layer, layer_tensor weights,
                                    uint32_t part, uint32_t dy)
{
    const gw_value *value = gw_function_value(made->function, part);
    const uint32_t dpart = add_temporary(made, value->rows, value->columns);
    gw_emit_matmul(made->function, part, true, dy, false, gradient_of(made, layer, weights));
    gw_emit_sum_rows(made->function, dy, gradient_of(made, layer, weights + 1));
    gw_emit_matmul(made->function, dy, false, layer_tensor_at(made, layer, weights), true, dpart);
    return dpart;
}

static uint32_t add_sum(maker *made, uint32_t a, uint32_t b)
{
    const uint32_t y = add_activation(made);
    gw_emit_map(made->function, GW_MAP_ADD, a, b, y);
    return y;
}

/* From the slopes of the layer's output to those of its middle. */
static uint32_t add_perceptron_gradient(maker *made, uint32_t layer, uint32_t dy)
{
    const uint32_t own_wide = made->model->feed_forward / made->model->tensor;
    const uint32_t dactive =
        add_stream_gradient(made, layer, NARROW, saved_at(made, layer, ACTIVATED), dy);
    const uint32_t dwide = add_temporary(made, made->rows, own_wide);
    gw_emit_map(made->function, GW_MAP_GELU_GRADIENT, dactive, saved_at(made, layer, WIDE), dwide);
    const uint32_t dn =
        add_dense_gradient(made, layer, WIDEN, saved_at(made, layer, NORM_2), dwide);
    const uint32_t through = add_norm_gradient(
        made, saved_at(made, layer, MIDDLE), layer_tensor_at(made, layer, NORM_2_GAIN),
        sum_parts(made, dn), gradient_of(made, layer, NORM_2_GAIN),
        gradient_of(made, layer, NORM_2_BIAS));
    return add_sum(made, dy, through);
}

/* From the slopes of the layer's middle to those of its input. */
static uint32_t add_attention_gradient(maker *made, uint32_t layer, uint32_t dmiddle)
{
    const uint32_t own_hidden = made->model->hidden / made->model->tensor;
    const uint32_t n = saved_at(made, layer, NORM_1);
    const uint32_t dattended =
        add_stream_gradient(made, layer, PROJECTION, saved_at(made, layer, ATTENDED), dmiddle);
    gw_operation attend = attention(made, GW_OPERATION_ATTENTION_GRADIENT);
    const layer_saved read[] = {QUERIES, KEYS, VALUES, SHARES};
    for (uint32_t i = 0; i < G_N_ELEMENTS(read); i++)
        attend.inputs[i] = (uint16_t)saved_at(made, layer, read[i]);
    attend.inputs[G_N_ELEMENTS(read)] = (uint16_t)dattended;
    for (uint32_t i = 0; i < 3; i++)
        attend.outputs[i] = (uint16_t)add_temporary(made, made->rows, own_hidden);
    gw_function_add(made->function, &attend);
    const uint32_t dn_q = add_dense_gradient(made, layer, QUERY, n, attend.outputs[0]);
    const uint32_t dn_k = add_dense_gradient(made, layer, KEY, n, attend.outputs[1]);
    const uint32_t dn_v = add_dense_gradient(made, layer, VALUE, n, attend.outputs[2]);
    const uint32_t dn = add_sum(made, add_sum(made, dn_q, dn_k), dn_v);
    const uint32_t through = add_norm_gradient(
        made, saved_at(made, layer, LAYER_INPUT), layer_tensor_at(made, layer, NORM_1_GAIN),
        sum_parts(made, dn), gradient_of(made, layer, NORM_1_GAIN),
        gradient_of(made, layer, NORM_1_BIAS));
    return add_sum(made, dmiddle, through);
}

/* From the slopes of the logits to those of the last layer's output. */
static uint32_t add_head_gradient(maker *made, uint32_t dlogits)
{
    const uint32_t dn = add_activation(made);
    gw_emit_matmul(made->function, dlogits, true, last_saved_at(made, LAST_NORM), false,
                   last_gradient_of(made, HEAD));
    gw_emit_matmul(made->function, dlogits, false, last_tensor_at(made, HEAD), false, dn);
    return add_norm_gradient(made, last_saved_at(made, LAST_INPUT),
                             last_tensor_at(made, LAST_NORM_GAIN), sum_parts(made, dn),
                             last_gradient_of(made, LAST_NORM_GAIN),
                             last_gradient_of(made, LAST_NORM_BIAS));
}

/* What the layer's slopes need and forward has not kept. */
static void add_again(maker *made, uint32_t layer)
{
    if (made->model->recompute == GW_RECOMPUTE_FULL)
        add_layer(made, layer, add_activation(made));
    if (made->model->recompute == GW_RECOMPUTE_SELECTIVE)
        add_attention(made, layer,
                      add_temporary(made, made->rows, made->model->hidden / made->model->tensor));
}

static void add_embedding_gradient(maker *made, uint32_t dx)
{
    gw_function_add(made->function,
                    &(gw_operation){.kind = GW_OPERATION_EMBEDDING_GRADIENT,
                                    .axes = GW_TRANSFORMER_TENSOR,
                                    .inputs = {(uint16_t)made->ids, (uint16_t)dx},
                                    .outputs = {(uint16_t)made->gradients[EMBEDDING]}});
    gw_emit_sum_rows(made->function, dx, made->gradients[POSITIONS]);
}

/* Outputs for the slopes of tensors; and, after others, where those of this micro-batch go first.
 */
static uint32_t *place_gradients(maker *made, const GArray *list, bool is_next)
{
    uint32_t *outputs = g_new(uint32_t, list->len);
    made->gradients = g_new(uint32_t, list->len);
    for (uint32_t i = 0; i < list->len; i++) {
        const gw_transformer_tensor *tensor = &g_array_index(list, gw_transformer_tensor, i);
        outputs[i] =
            gw_function_add_output(made->function, tensor->rows, tensor->columns, tensor->is_split);
        made->gradients[i] =
            is_next ? gw_function_add_temporary(made->function, tensor->rows, tensor->columns)
                    : outputs[i];
    }
    return outputs;
}

/* The slopes so far, and those of this micro-batch. */
static void add_up(maker *made, const GArray *list, const uint32_t *before, const uint32_t *outputs)
{
    for (uint32_t i = 0; before != NULL && i < list->len; i++)
        gw_emit_map(made->function, GW_MAP_ADD, before[i], made->gradients[i], outputs[i]);
}

static uint32_t *take_gradients(maker *made, const GArray *list)
{
    uint32_t *inputs = g_new(uint32_t, list->len);
    for (uint32_t i = 0; i < list->len; i++) {
        const gw_transformer_tensor *tensor = &g_array_index(list, gw_transformer_tensor, i);
        inputs[i] =
            gw_function_add_input(made->function, tensor->rows, tensor->columns, tensor->is_split);
    }
    return inputs;
}

gw_function *gw_transformer_make_backward(const gw_transformer *model, uint32_t place, bool is_next)
{
    uint32_t first_tensor, out = GW_INDEX_NONE;
    g_autoptr(GArray) list = gw_transformer_list_tensors(model, place, &first_tensor);
    maker made = begin(model, "backward", place);
    gw_function *function = made.function;
    if (made.is_first)
        made.ids = take_ids(&made);
    take_tensors(&made, list);
    const uint32_t columns = made.is_last ? model->vocabulary / model->tensor : model->hidden;
    const uint32_t dy = thin(&made, gw_function_add_input(function, made.rows, columns, true));
    place_saved(&made, false);
    g_autofree uint32_t *before = is_next ? take_gradients(&made, list) : NULL;
    if (!made.is_first)
        out = thin(&made, gw_function_add_output(function, made.rows, model->hidden, true));
    g_autofree uint32_t *outputs = place_gradients(&made, list, is_next);
    uint32_t dx = made.is_last ? add_head_gradient(&made, dy) : dy;
    for (uint32_t l = made.layer_count; l-- > 0;) {
        add_again(&made, l);
        dx = add_attention_gradient(&made, l, add_perceptron_gradient(&made, l, dx));
    }
    if (made.is_first)
        add_embedding_gradient(&made, dx);
    else
        gw_emit_map(function, GW_MAP_COPY, dx, 0, out);
    add_up(&made, list, before, outputs);
    return end(&made);
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
        values[i] = is_wanted[i / count]
                        ? gw_function_add_output(function, local_rows(model), 1, true)
                        : gw_function_add_temporary(function, local_rows(model), 1);
    for (uint32_t m = 0; m < count; m++)
        add_tokens(model, function, m, values[m], values[count + m]);
    return function;
}
