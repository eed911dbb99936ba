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
    uint32_t rows; /* Tokens of a device. */
    uint32_t ids, labels;
    uint32_t *tensors;   /* Their values, */
    uint32_t *saved;     /* and those of what backward reads again: by layer, then the last. */
    uint32_t *gradients; /* Of tensors, before they are summed along data. */
} maker;

/* --- Sizes --- */

static uint32_t local_rows(const gw_transformer *model)
{
    return model->batch / model->data * model->sequence;
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

GArray *gw_transformer_list_tensors(const gw_transformer *model)
{
    GArray *list = g_array_new(FALSE, FALSE, sizeof(gw_transformer_tensor));
    const uint32_t hidden = model->hidden, own_words = model->vocabulary / model->tensor;
    const double scale = WEIGHT_DEVIATION * sqrt(3);
    append_tensor(list, own_words, hidden, true, scale, 0);
    append_tensor(list, model->sequence, hidden, false, scale, 0);
    for (uint32_t l = 0; l < model->layers; l++)
        append_layer(model, list);
    append_tensor(list, 1, hidden, false, 0, 1);
    append_tensor(list, 1, hidden, false, 0, 0);
    append_tensor(list, own_words, hidden, true, scale, 0);
    return list;
}

static uint32_t count_activations(const gw_transformer *model)
{
    return model->layers * LAYER_SAVED + LAST_SAVED;
}

/* Whether forward hands it to backward, or backward computes it again. */
static bool is_kept(const gw_transformer *model, uint32_t index)
{
    if (index >= model->layers * LAYER_SAVED || index % LAYER_SAVED == LAYER_INPUT)
        return true;
    if (model->recompute == GW_RECOMPUTE_SELECTIVE)
        return index % LAYER_SAVED != SHARES;
    return model->recompute == GW_RECOMPUTE_NONE;
}

uint32_t gw_transformer_count_saved(const gw_transformer *model)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < count_activations(model); i++)
        count += is_kept(model, i) ? 1 : 0;
    return count;
}

static void saved_shape(const gw_transformer *model, uint32_t index, uint32_t *out_rows,
                        uint32_t *out_columns)
{
    const bool is_last = index >= model->layers * LAYER_SAVED;
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

static maker begin(const gw_transformer *model, const char *name)
{
    maker made = {.model = model, .function = gw_function_new(name), .rows = local_rows(model)};
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

static void take_tensors(maker *made)
{
    g_autoptr(GArray) list = gw_transformer_list_tensors(made->model);
    made->tensors = g_new(uint32_t, list->len);
    for (uint32_t i = 0; i < list->len; i++) {
        const gw_transformer_tensor *tensor = &g_array_index(list, gw_transformer_tensor, i);
        made->tensors[i] = thin(made, gw_function_add_input(made->function, tensor->rows,
                                                            tensor->columns, tensor->is_split));
    }
}

static void place_saved(maker *made, bool is_output)
{
    const uint32_t count = count_activations(made->model);
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

static uint32_t layer_tensor_at(const maker *made, uint32_t layer, layer_tensor which)
{
    return made->tensors[FIRST_LAYER + layer * LAYER_TENSORS + which];
}

static uint32_t last_tensor_at(const maker *made, uint32_t which)
{
    return made->tensors[FIRST_LAYER + made->model->layers * LAYER_TENSORS + which];
}

static uint32_t saved_at(const maker *made, uint32_t layer, layer_saved which)
{
    return made->saved[layer * LAYER_SAVED + which];
}

static uint32_t last_saved_at(const maker *made, uint32_t which)
{
    return made->saved[made->model->layers * LAYER_SAVED + which];
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

/* Logits of the device's part of the vocabulary, and the loss from all parts. */
static void add_loss(maker *made, uint32_t x, uint32_t loss, uint32_t gradient)
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
    const uint32_t own_loss = model->data > 1 ? gw_function_add_temporary(function, 1, 1) : loss;
    gw_function_add(
        function,
        &(gw_operation){.kind = GW_OPERATION_TOKEN_LOSS,
                        .axes = GW_TRANSFORMER_TENSOR,
                        .scalar = 1 / ((double)model->batch * model->sequence),
                        .inputs = {(uint16_t)logits, (uint16_t)made->labels, (uint16_t)statistics},
                        .outputs = {(uint16_t)own_loss, (uint16_t)gradient}});
    if (model->data > 1)
        gw_emit_collective(function, GW_OPERATION_ALL_REDUCE, GW_TRANSFORMER_DATA, own_loss, loss);
}

gw_function *gw_transformer_make_forward(const gw_transformer *model)
{
    maker made = begin(model, "forward");
    made.ids = take_ids(&made);
    made.labels = take_ids(&made);
    take_tensors(&made);
    const uint32_t loss = gw_function_add_output(made.function, 1, 1, false);
    const uint32_t gradient =
        thin(&made, gw_function_add_output(made.function, made.rows,
                                           model->vocabulary / model->tensor, true));
    place_saved(&made, true);
    const uint32_t last = last_saved_at(&made, LAST_INPUT), n = last_saved_at(&made, LAST_NORM);
    add_embedding(&made, saved_at(&made, 0, LAYER_INPUT));
    for (uint32_t l = 0; l < model->layers; l++)
        add_layer(&made, l, l + 1 < model->layers ? saved_at(&made, l + 1, LAYER_INPUT) : last);
    add_norm(&made, last, last_tensor_at(&made, LAST_NORM_GAIN),
             last_tensor_at(&made, LAST_NORM_BIAS), n);
    add_loss(&made, n, loss, gradient);
    return end(&made);
}

/* --- Backward --- */

/* Where the gradient of a tensor goes before it is summed along data. */
static uint32_t gradient_of(const maker *made, uint32_t layer, layer_tensor which)
{
    return made->gradients[FIRST_LAYER + layer * LAYER_TENSORS + which];
}

static uint32_t last_gradient_of(const maker *made, uint32_t which)
{
    return made->gradients[FIRST_LAYER + made->model->layers * LAYER_TENSORS + which];
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

/* The outputs, and where their parts are put together first. */
static uint32_t *place_gradients(maker *made, const GArray *list)
{
    uint32_t *outputs = g_new(uint32_t, list->len);
    made->gradients = g_new(uint32_t, list->len);
    for (uint32_t i = 0; i < list->len; i++) {
        const gw_transformer_tensor *tensor = &g_array_index(list, gw_transformer_tensor, i);
        outputs[i] =
            gw_function_add_output(made->function, tensor->rows, tensor->columns, tensor->is_split);
        made->gradients[i] =
            made->model->data > 1
                ? gw_function_add_temporary(made->function, tensor->rows, tensor->columns)
                : outputs[i];
    }
    return outputs;
}

gw_function *gw_transformer_make_backward(const gw_transformer *model)
{
    g_autoptr(GArray) list = gw_transformer_list_tensors(model);
    maker made = begin(model, "backward");
    made.ids = take_ids(&made);
    take_tensors(&made);
    const uint32_t dlogits =
        thin(&made, gw_function_add_input(made.function, made.rows,
                                          model->vocabulary / model->tensor, true));
    place_saved(&made, false);
    g_autofree uint32_t *outputs = place_gradients(&made, list);
    uint32_t dx = add_head_gradient(&made, dlogits);
    for (uint32_t l = model->layers; l-- > 0;) {
        add_again(&made, l);
        dx = add_attention_gradient(&made, l, add_perceptron_gradient(&made, l, dx));
    }
    add_embedding_gradient(&made, dx);
    for (uint32_t i = 0; model->data > 1 && i < list->len; i++)
        gw_emit_collective(made.function, GW_OPERATION_ALL_REDUCE, GW_TRANSFORMER_DATA,
                           made.gradients[i], outputs[i]);
    return end(&made);
}

/* --- Tokens --- */

gw_function *gw_transformer_make_tokens(const gw_transformer *model)
{
    gw_function *function = gw_function_new("tokens");
    function->computations = 0;
    const uint32_t ids = gw_function_add_output(function, local_rows(model), 1, true);
    const uint32_t labels = gw_function_add_output(function, local_rows(model), 1, true);
    gw_function_add(function, &(gw_operation){.kind = GW_OPERATION_TOKENS,
                                              .axes = GW_TRANSFORMER_DATA,
                                              .sequence = model->sequence,
                                              .scalar = model->vocabulary,
                                              .seed = gw_random_at(model->seed, 0),
                                              .outputs = {(uint16_t)ids, (uint16_t)labels}});
    return function;
}
