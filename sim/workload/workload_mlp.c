/* SPDX-License-Identifier: Apache-2.0 */
/* A data-parallel training step of a multi-layer perceptron, with real gradients.
 *
 * Set-up makes the global batch from the seed alone, so any number of devices trains on the same
 * examples from the same parameters: inputs uniform in [-1, 1), labels the softmax of inputs times
 * a random teacher matrix.  A step is: forward with RELU between layers, softmax cross-entropy
 * averaged over the global batch, backward, the sum of each gradient over the devices, and the
 * update.  Parameters and moments are carried from updates to the next run.
 *
 * Node by node ("layer"): fwd.0 .. fwd.n, loss, bwd.n .. bwd.0, update.0 .. update.n.  In one node
 * ("step"): the same program, fused. */
#include <math.h>
#include <string.h>

#include "base/check.h"
#include "base/random.h"
#include "workload/emit.h"
#include "workload/workload.h"
#include "workload/workload_params.h"

#define LAYERS_MAX     1024U      /* Hidden ones. */
#define LAYER_SIZE_MAX (1U << 20) /* Of a layer. */
#define BATCH_MAX      (1U << 30)

enum { OPTIMIZER_SGD, OPTIMIZER_ADAM };
enum { GRANULARITY_LAYER, GRANULARITY_STEP };
static const char *const optimizer_names[] = {"sgd", "adam", NULL};
static const char *const granularity_names[] = {"layer", "step", NULL};

/* Streams of the seed. */
enum { STREAM_INPUTS, STREAM_TEACHER, STREAM_WEIGHTS };

typedef struct {
    uint64_t seed, device_count, batch;
    uint32_t layer_count;   /* Of weights: one more than there are hidden layers. */
    uint64_t *sizes;        /* layer_count + 1: inputs, hidden layers, classes. */
    const char *hidden_key; /* What a message about a layer's size points to. */
    uint32_t optimizer, granularity;
    double learning_rate;
} mlp_spec;

/* --- Parameters --- */

static bool read_list(gw_params *list, mlp_spec *out, GError **error)
{
    const uint32_t hidden_count = gw_params_length(list);
    if (hidden_count > LAYERS_MAX) {
        gw_params_error(list, NULL, error, "found %u hidden layers, expected at most %u",
                        hidden_count, LAYERS_MAX);
        return false;
    }
    out->layer_count = hidden_count + 1;
    out->sizes = g_new0(uint64_t, hidden_count + 2);
    for (uint32_t i = 0; i < hidden_count; i++) {
        if (!gw_params_as_count(gw_params_at(list, i), 1, LAYER_SIZE_MAX, &out->sizes[i + 1],
                                error)) {
            return false;
        }
    }
    return true;
}

static bool read_layers(gw_params *params, mlp_spec *out, GError **error)
{
    gw_params *list = NULL;
    const bool has_pair = gw_params_has(params, "hidden") || gw_params_has(params, "depth");
    if (!gw_params_array(params, "layers", !has_pair, &list, error)) {
        return false;
    }
    if (list != NULL && has_pair) {
        gw_params_error(params, "layers", error,
                        "found \"layers\" as well as \"hidden\" or \"depth\", expected the list "
                        "or the pair");
        return false;
    }
    if (list != NULL) {
        out->hidden_key = "layers";
        return read_list(list, out, error);
    }
    uint64_t size, depth;
    if (!gw_params_count(params, "hidden", true, 1, LAYER_SIZE_MAX, &size, error) ||
        !gw_params_count(params, "depth", true, 1, LAYERS_MAX, &depth, error)) {
        return false;
    }
    out->hidden_key = "hidden";
    out->layer_count = (uint32_t)depth + 1;
    out->sizes = g_new0(uint64_t, depth + 2);
    for (uint32_t i = 1; i <= depth; i++) {
        out->sizes[i] = size;
    }
    return true;
}

static bool check_matrix(gw_params *params, const char *key, uint64_t rows, uint64_t columns,
                         GError **error)
{
    if (rows * columns <= GW_VALUE_BYTES_MAX / 4) { /* Both are at most 2^30. */
        return true;
    }
    g_autofree char *found = gw_bytes_format(rows * columns * 4);
    g_autofree char *most = gw_bytes_format(GW_VALUE_BYTES_MAX);
    gw_params_error(params, key, error,
                    "found a matrix of %" G_GUINT64_FORMAT " x %" G_GUINT64_FORMAT
                    " float32 (%s), expected at most %s",
                    rows, columns, found, most);
    return false;
}

static bool check_sizes(gw_params *params, const mlp_spec *mlp, GError **error)
{
    if (mlp->batch % mlp->device_count != 0) {
        gw_params_error(params, "batch", error,
                        "found %" G_GUINT64_FORMAT
                        ", expected a multiple of devices (%" G_GUINT64_FORMAT ")",
                        mlp->batch, mlp->device_count);
        return false;
    }
    const uint64_t rows = mlp->batch / mlp->device_count;
    for (uint32_t i = 0; i <= mlp->layer_count; i++) {
        if (!check_matrix(params, "batch", rows, mlp->sizes[i], error) ||
            (i > 0 &&
             !check_matrix(params, mlp->hidden_key, mlp->sizes[i - 1], mlp->sizes[i], error))) {
            return false;
        }
    }
    return check_matrix(params, "inputs", mlp->sizes[0], mlp->sizes[mlp->layer_count], error);
}

static bool read_mlp(gw_params *params, mlp_spec *out, GError **error)
{
    uint64_t input_size, class_count;
    if (!gw_params_count(params, "devices", true, 1, GW_WORKLOAD_DEVICES_MAX, &out->device_count,
                         error) ||
        !gw_params_count(params, "batch", true, 1, BATCH_MAX, &out->batch, error) ||
        !gw_params_count(params, "inputs", true, 1, LAYER_SIZE_MAX, &input_size, error) ||
        !gw_params_count(params, "classes", true, 2, LAYER_SIZE_MAX, &class_count, error) ||
        !read_layers(params, out, error) ||
        !gw_params_choice(params, "optimizer", false, optimizer_names, &out->optimizer, error) ||
        !gw_params_choice(params, "granularity", false, granularity_names, &out->granularity,
                          error)) {
        return false;
    }
    out->sizes[0] = input_size;
    out->sizes[out->layer_count] = class_count;
    out->learning_rate = out->optimizer == OPTIMIZER_SGD ? 0.1 : 0.001;
    return gw_params_number(params, "learning_rate", false, 0, 1000, &out->learning_rate, error) &&
           check_sizes(params, out, error) && gw_params_finish(params, error);
}

/* --- Functions --- */

static uint32_t local_rows(const mlp_spec *mlp)
{
    return (uint32_t)(mlp->batch / mlp->device_count);
}

static uint32_t layer_size(const mlp_spec *mlp, uint32_t index)
{
    return (uint32_t)mlp->sizes[index];
}

/* What an optimiser keeps of each tensor: itself, and two moments. */
static uint32_t count_kept(const mlp_spec *mlp)
{
    return mlp->optimizer == OPTIMIZER_ADAM ? 3 : 1;
}

/* How many updates there have been: Adam's alone depends on it. */
static uint32_t count_counts(const mlp_spec *mlp)
{
    return mlp->optimizer == OPTIMIZER_ADAM ? 1 : 0;
}

static gw_function *make_function(const char *name, uint32_t layer, uint64_t computations)
{
    g_autofree char *full = g_strdup_printf("%s.%u", name, layer);
    gw_function *function = gw_function_new(full);
    function->computations = computations;
    return function;
}

/* () -> (inputs, labels).  The teacher's logits have a variance of 4, so its labels say something:
 * a sum of `inputs` products of variance 1/3 and scale^2/3. */
static gw_function *make_data(const mlp_spec *mlp)
{
    gw_function *function = gw_function_new("data");
    function->computations = 0;
    const uint32_t inputs = layer_size(mlp, 0), classes = layer_size(mlp, mlp->layer_count);
    const uint32_t x = gw_function_add_output(function, local_rows(mlp), inputs, true);
    const uint32_t labels = gw_function_add_output(function, local_rows(mlp), classes, true);
    const uint32_t teacher = gw_function_add_temporary(function, inputs, classes);
    const uint32_t logits = gw_function_add_temporary(function, local_rows(mlp), classes);
    gw_emit_random(function, 1, gw_random_at(mlp->seed, STREAM_INPUTS), 0, x);
    gw_emit_random(function, 6 / sqrt(inputs), gw_random_at(mlp->seed, STREAM_TEACHER), 0, teacher);
    gw_emit_matmul(function, x, false, teacher, false, logits);
    gw_function_add(function, &(gw_operation){.kind = GW_OPERATION_SOFTMAX,
                                              .inputs = {(uint16_t)logits},
                                              .outputs = {(uint16_t)labels}});
    return function;
}

/* () -> (weights and their moments, bias and its moments [, count of updates]).  Weights by Glorot
 * and Bengio, "Understanding the difficulty of training deep feedforward neural networks" (2010).
 */
static gw_function *make_init(const mlp_spec *mlp, uint32_t layer)
{
    gw_function *function = make_function("init", layer, 0);
    const uint32_t fan_in = layer_size(mlp, layer), fan_out = layer_size(mlp, layer + 1);
    for (uint32_t i = 0; i < count_kept(mlp); i++) {
        const uint32_t y = gw_function_add_output(function, fan_in, fan_out, false);
        if (i == 0) {
            gw_emit_random(function, sqrt(6.0 / ((double)fan_in + fan_out)),
                           gw_random_at(mlp->seed, STREAM_WEIGHTS + layer), 0, y);
        } else {
            gw_emit_fill(function, 0, y);
        }
    }
    for (uint32_t i = 0; i < count_kept(mlp); i++) {
        gw_emit_fill(function, 0, gw_function_add_output(function, 1, fan_out, false));
    }
    if (count_counts(mlp) > 0) {
        gw_emit_fill(function, 0, gw_function_add_output(function, 1, 1, false));
    }
    return function;
}

/* (x, weights, bias) -> (y): y = relu(x weights + bias); the last layer's are logits, as is. */
static gw_function *make_forward(const mlp_spec *mlp, uint32_t layer)
{
    gw_function *function = make_function("fwd", layer, 1);
    const uint32_t rows = local_rows(mlp);
    const uint32_t fan_in = layer_size(mlp, layer), fan_out = layer_size(mlp, layer + 1);
    const bool is_last = layer + 1 == mlp->layer_count;
    const uint32_t x = gw_function_add_input(function, rows, fan_in, true);
    const uint32_t weights = gw_function_add_input(function, fan_in, fan_out, false);
    const uint32_t bias = gw_function_add_input(function, 1, fan_out, false);
    const uint32_t product = gw_function_add_temporary(function, rows, fan_out);
    const uint32_t y = gw_function_add_output(function, rows, fan_out, true);
    gw_emit_matmul(function, x, false, weights, false, product);
    if (is_last) {
        gw_emit_map(function, GW_MAP_ADD_ROW, product, bias, y);
    } else {
        const uint32_t sum = gw_function_add_temporary(function, rows, fan_out);
        gw_emit_map(function, GW_MAP_ADD_ROW, product, bias, sum);
        gw_emit_map(function, GW_MAP_RELU, sum, 0, y);
    }
    return function;
}

/* (logits, labels) -> (loss, gradient of logits): of the global batch's mean. */
static gw_function *make_loss(const mlp_spec *mlp)
{
    gw_function *function = gw_function_new("loss");
    const uint32_t rows = local_rows(mlp), classes = layer_size(mlp, mlp->layer_count);
    const uint32_t logits = gw_function_add_input(function, rows, classes, true);
    const uint32_t labels = gw_function_add_input(function, rows, classes, true);
    const uint32_t local = gw_function_add_temporary(function, 1, 1);
    const uint32_t loss = gw_function_add_output(function, 1, 1, false);
    const uint32_t gradient = gw_function_add_output(function, rows, classes, true);
    gw_function_add(function, &(gw_operation){.kind = GW_OPERATION_CROSS_ENTROPY,
                                              .scalar = 1.0 / (double)mlp->batch,
                                              .inputs = {(uint16_t)logits, (uint16_t)labels},
                                              .outputs = {(uint16_t)local, (uint16_t)gradient}});
    gw_emit_collective(function, GW_OPERATION_ALL_REDUCE, 1, local, loss);
    return function;
}

/* (gradient of x weights + bias, x [, weights]) -> (gradients of weights, of bias [, of what the
 * layer before had before its RELU, whose result is x]).  The first layer has no layer before. */
static gw_function *make_backward(const mlp_spec *mlp, uint32_t layer)
{
    gw_function *function = make_function("bwd", layer, 1);
    const uint32_t rows = local_rows(mlp);
    const uint32_t fan_in = layer_size(mlp, layer), fan_out = layer_size(mlp, layer + 1);
    const uint32_t gradient = gw_function_add_input(function, rows, fan_out, true);
    const uint32_t x = gw_function_add_input(function, rows, fan_in, true);
    const uint32_t local_weights = gw_function_add_temporary(function, fan_in, fan_out);
    const uint32_t local_bias = gw_function_add_temporary(function, 1, fan_out);
    const uint32_t weights_gradient = gw_function_add_output(function, fan_in, fan_out, false);
    const uint32_t bias_gradient = gw_function_add_output(function, 1, fan_out, false);
    if (layer > 0) {
        const uint32_t weights = gw_function_add_input(function, fan_in, fan_out, false);
        const uint32_t x_gradient = gw_function_add_temporary(function, rows, fan_in);
        const uint32_t before = gw_function_add_output(function, rows, fan_in, true);
        gw_emit_matmul(function, gradient, false, weights, true, x_gradient);
        gw_emit_map(function, GW_MAP_RELU_GRADIENT, x_gradient, x, before);
    }
    gw_emit_matmul(function, x, true, gradient, false, local_weights);
    gw_emit_sum_rows(function, gradient, local_bias);
    gw_emit_collective(function, GW_OPERATION_ALL_REDUCE, 1, local_weights, weights_gradient);
    gw_emit_collective(function, GW_OPERATION_ALL_REDUCE, 1, local_bias, bias_gradient);
    return function;
}

/* Of one tensor: inputs (gradient, tensor and moments), outputs (tensor and moments). */
static void add_update(const mlp_spec *mlp, gw_function *function, uint32_t rows, uint32_t columns,
                       uint32_t count)
{
    const uint32_t kept_count = count_kept(mlp);
    gw_operation operation = {.kind = mlp->optimizer == OPTIMIZER_SGD ? GW_OPERATION_SGD
                                                                      : GW_OPERATION_ADAM,
                              .scalar = mlp->learning_rate};
    const uint32_t gradient = gw_function_add_input(function, rows, columns, false);
    for (uint32_t i = 0; i < kept_count; i++) { /* (p, g, m, v, count) -> (p', m', v') */
        const uint32_t input = gw_function_add_input(function, rows, columns, false);
        operation.inputs[i == 0 ? 0 : i + 1] = (uint16_t)input;
        operation.outputs[i] = (uint16_t)gw_function_add_output(function, rows, columns, false);
        gw_function_donate(function, input, operation.outputs[i]);
    }
    operation.inputs[1] = (uint16_t)gradient;
    operation.inputs[4] = (uint16_t)count;
    gw_function_add(function, &operation);
}

/* ([count of updates,] of weights and of bias: see above) -> (likewise [, count with this one]) */
static gw_function *make_update(const mlp_spec *mlp, uint32_t layer)
{
    gw_function *function = make_function("update", layer, 1);
    const bool has_count = count_counts(mlp) > 0;
    const uint32_t count = has_count ? gw_function_add_input(function, 1, 1, false) : 0;
    add_update(mlp, function, layer_size(mlp, layer), layer_size(mlp, layer + 1), count);
    add_update(mlp, function, 1, layer_size(mlp, layer + 1), count);
    if (has_count) {
        gw_emit_next_count(function, count);
    }
    return function;
}

/* --- Nodes and edges --- */

typedef struct {
    gw_builder *builder;
    uint32_t data, loss;
    uint32_t *init, *forward, *backward, *update; /* By layer. */
} mlp_nodes;

static uint32_t take_node(gw_builder *builder, gw_function *function)
{
    return gw_builder_add_node(builder, function->name, gw_builder_take_function(builder, function),
                               0);
}

static void add_nodes(const mlp_spec *mlp, mlp_nodes *nodes)
{
    const uint32_t count = mlp->layer_count;
    nodes->data = take_node(nodes->builder, make_data(mlp));
    gw_builder_set_once(nodes->builder, nodes->data);
    for (uint32_t i = 0; i < count; i++) {
        nodes->init[i] = take_node(nodes->builder, make_init(mlp, i));
        gw_builder_set_once(nodes->builder, nodes->init[i]);
    }
    for (uint32_t i = 0; i < count; i++) {
        nodes->forward[i] = take_node(nodes->builder, make_forward(mlp, i));
    }
    nodes->loss = take_node(nodes->builder, make_loss(mlp));
    for (uint32_t i = count; i-- > 0;) {
        nodes->backward[i] = take_node(nodes->builder, make_backward(mlp, i));
    }
    for (uint32_t i = 0; i < count; i++) {
        nodes->update[i] = take_node(nodes->builder, make_update(mlp, i));
    }
}

/* What update `layer` left as `output` goes to the next run's `target`. */
static void carry(const mlp_nodes *nodes, uint32_t layer, uint32_t output, uint32_t target,
                  uint32_t input)
{
    gw_builder_add_carried(nodes->builder, nodes->update[layer], output, nodes->init[layer], output,
                           target, input);
}

static void add_edges(const mlp_spec *mlp, const mlp_nodes *nodes)
{
    gw_builder *builder = nodes->builder;
    const uint32_t last = mlp->layer_count - 1, kept_count = count_kept(mlp);
    gw_builder_add_edge(builder, nodes->forward[last], 0, nodes->loss, 0);
    gw_builder_add_edge(builder, nodes->data, 1, nodes->loss, 1);
    gw_builder_add_edge(builder, nodes->loss, 1, nodes->backward[last], 0);
    for (uint32_t i = 0; i <= last; i++) {
        const uint32_t below = i > 0 ? nodes->forward[i - 1] : nodes->data;
        gw_builder_add_edge(builder, below, 0, nodes->forward[i], 0);
        carry(nodes, i, 0, nodes->forward[i], 1);
        carry(nodes, i, kept_count, nodes->forward[i], 2);
        gw_builder_add_edge(builder, below, 0, nodes->backward[i], 1);
        if (i > 0) {
            gw_builder_add_edge(builder, nodes->backward[i], 2, nodes->backward[i - 1], 0);
            carry(nodes, i, 0, nodes->backward[i], 2);
        }
        for (uint32_t tensor = 0; tensor < 2; tensor++) { /* Weights, bias. */
            const uint32_t first = count_counts(mlp) + tensor * (1 + kept_count);
            gw_builder_add_edge(builder, nodes->backward[i], tensor, nodes->update[i], first);
            for (uint32_t k = 0; k < kept_count; k++) {
                carry(nodes, i, tensor * kept_count + k, nodes->update[i], first + 1 + k);
            }
        }
        if (count_counts(mlp) > 0) {
            carry(nodes, i, 2 * kept_count, nodes->update[i], 0);
        }
    }
    gw_builder_add_result(builder, "loss", nodes->loss, 0);
}

static gw_program *build_layers(const mlp_spec *mlp, const gw_params *params, GError **error)
{
    const uint32_t shape[] = {(uint32_t)mlp->device_count};
    g_autofree uint32_t *tables = g_new0(uint32_t, (size_t)mlp->layer_count * 4);
    mlp_nodes nodes = {.builder = gw_builder_new("mlp"),
                       .init = tables,
                       .forward = tables + mlp->layer_count,
                       .backward = tables + (size_t)mlp->layer_count * 2,
                       .update = tables + (size_t)mlp->layer_count * 3};
    gw_builder_add_mesh(nodes.builder, "data", 1, shape);
    add_nodes(mlp, &nodes);
    add_edges(mlp, &nodes);
    return gw_workload_finish(nodes.builder, params, error);
}

/* One node per step is one computation to its user. */
static gw_program *fuse_step(const gw_program *layers, GError **error)
{
    gw_program *program = gw_program_fuse(layers, error);
    if (program == NULL) {
        return NULL;
    }
    gw_node *node = &g_array_index(program->nodes, gw_node, program->nodes->len - 1);
    gw_check(!node->is_once);
    gw_function *function = g_ptr_array_index(program->functions, node->function);
    g_free(node->name);
    node->name = g_strdup("step");
    g_free(function->name);
    function->name = g_strdup("step");
    function->computations = 1;
    return program;
}

static gw_program *build_mlp(gw_params *params, uint64_t seed, GError **error)
{
    mlp_spec mlp = {.seed = seed};
    g_autoptr(gw_program) program = NULL;
    if (read_mlp(params, &mlp, error)) {
        program = build_layers(&mlp, params, error);
    }
    g_free(mlp.sizes);
    if (program == NULL || mlp.granularity == GRANULARITY_LAYER) {
        return g_steal_pointer(&program);
    }
    return fuse_step(program, error);
}

static const char *const mlp_help[] = {
    "devices  how many share the batch, on a mesh of one dimension",
    "batch  examples per step, over all devices; a multiple of \"devices\"",
    "inputs  features of an example",
    "classes  how many the labels tell apart",
    "layers  a list of hidden sizes; or \"hidden\" and \"depth\"",
    "hidden  the size of every hidden layer",
    "depth  how many hidden layers",
    "optimizer  \"sgd\" (default) or \"adam\"",
    "learning_rate  default 0.1 for sgd, 0.001 for adam",
    "granularity  \"layer\" (default): a node per layer and pass; \"step\": one node per step",
    NULL,
};

const gw_workload_ops gw_workload_mlp = {
    .name = "mlp",
    .summary = "data-parallel training of a perceptron, with real gradients",
    .help = mlp_help,
    .build = build_mlp,
};
