/* SPDX-License-Identifier: Apache-2.0 */
/* Training steps of a decoder-only transformer (transformer.h), data- and tensor-parallel.
 *
 * Set-up draws the tokens of the batch and the parameters from the seed alone, so any mesh trains
 * the same model on the same sequences.  A step is three nodes: forward, backward, update.
 * Parameters and moments are carried from update to the next run. */
#include "base/random.h"
#include "workload/emit.h"
#include "workload/transformer.h"
#include "workload/workload.h"
#include "workload/workload_params.h"

#define LAYERS_MAX 1024U
#define WIDTH_MAX  (1U << 20) /* Of hidden, feed_forward, sequence and batch. */

enum { OPTIMIZER_ADAM, OPTIMIZER_SGD };
static const char *const recompute_names[] = {
    [GW_RECOMPUTE_NONE] = "none",
    [GW_RECOMPUTE_SELECTIVE] = "selective",
    [GW_RECOMPUTE_FULL] = "full",
    NULL,
};
enum { PRECISION_FLOAT32, PRECISION_BFLOAT16 };
static const char *const precision_names[] = {"float32", "bfloat16", NULL};
static const char *const optimizer_names[] = {"adam", "sgd", NULL};

typedef struct {
    gw_transformer model;
    uint32_t optimizer;
    double learning_rate;
} training;

/* --- Parameters --- */

static bool read_size(gw_params *params, const char *key, bool required, uint64_t minimum,
                      uint64_t maximum, uint32_t *inout, GError **error)
{
    uint64_t value = *inout;
    if (!gw_params_count(params, key, required, minimum, maximum, &value, error))
        return false;
    *inout = (uint32_t)value;
    return true;
}

static bool expect_multiple(gw_params *params, const char *key, uint32_t value, const char *of,
                            uint32_t divisor, GError **error)
{
    if (value % divisor == 0)
        return true;
    gw_params_error(params, key, error, "found %u, expected a multiple of %s (%u)", value, of,
                    divisor);
    return false;
}

static bool check_model(gw_params *params, const gw_transformer *model, GError **error)
{
    const uint64_t tokens = (uint64_t)model->batch / model->data * model->sequence;
    const uint64_t widest = MAX((uint64_t)model->feed_forward, model->vocabulary);
    if (!expect_multiple(params, "hidden", model->hidden, "heads", model->heads, error) ||
        !expect_multiple(params, "heads", model->heads, "tensor", model->tensor, error) ||
        !expect_multiple(params, "feed_forward", model->feed_forward, "tensor", model->tensor,
                         error) ||
        !expect_multiple(params, "vocabulary", model->vocabulary, "tensor", model->tensor, error) ||
        !expect_multiple(params, "batch", model->batch, "data", model->data, error))
        return false;
    const double largest =
        (double)MAX(tokens, model->hidden) * (double)MAX(widest, model->hidden) * 4;
    const double shares = (double)tokens * model->heads / model->tensor * model->sequence * 4;
    if (tokens > UINT32_MAX / model->heads || MAX(largest, shares) > (double)GW_VALUE_BYTES_MAX) {
        g_autofree char *most = gw_bytes_format(GW_VALUE_BYTES_MAX);
        gw_params_error(params, "batch", error,
                        "found %u sequences of %u tokens, whose activations a device cannot hold "
                        "in values of at most %s",
                        model->batch, model->sequence, most);
        return false;
    }
    return true;
}

static bool read_training(gw_params *params, training *out, GError **error)
{
    gw_transformer *model = &out->model;
    model->data = model->tensor = 1;
    if (!read_size(params, "layers", true, 1, LAYERS_MAX, &model->layers, error) ||
        !read_size(params, "hidden", true, 1, WIDTH_MAX, &model->hidden, error) ||
        !read_size(params, "heads", true, 1, WIDTH_MAX, &model->heads, error))
        return false;
    model->feed_forward = 4 * model->hidden;
    if (!read_size(params, "feed_forward", false, 1, 4 * WIDTH_MAX, &model->feed_forward, error) ||
        !read_size(params, "vocabulary", true, 2, GW_TOKENS_MAX, &model->vocabulary, error) ||
        !read_size(params, "sequence", true, 1, WIDTH_MAX, &model->sequence, error) ||
        !read_size(params, "batch", true, 1, WIDTH_MAX, &model->batch, error) ||
        !read_size(params, "data", false, 1, GW_WORKLOAD_DEVICES_MAX, &model->data, error) ||
        !read_size(params, "tensor", false, 1, GW_WORKLOAD_DEVICES_MAX / model->data,
                   &model->tensor, error) ||
        !gw_params_choice(params, "optimizer", false, optimizer_names, &out->optimizer, error))
        return false;
    uint32_t recompute = GW_RECOMPUTE_NONE, precision = PRECISION_FLOAT32;
    if (!gw_params_choice(params, "recompute", false, recompute_names, &recompute, error) ||
        !gw_params_choice(params, "precision", false, precision_names, &precision, error))
        return false;
    model->is_half = precision == PRECISION_BFLOAT16;
    model->recompute = (gw_recompute)recompute;
    out->learning_rate = out->optimizer == OPTIMIZER_SGD ? 0.02 : 0.001;
    return gw_params_number(params, "learning_rate", false, 0, 1000, &out->learning_rate, error) &&
           check_model(params, model, error) && gw_params_finish(params, error);
}

/* --- Functions of parameters --- */

/* What an optimiser keeps of each tensor: itself, and two moments. */
static uint32_t count_kept(const training *job)
{
    return job->optimizer == OPTIMIZER_ADAM ? 3 : 1;
}

/* What goes on to the next run of each tensor: that, and the copy that passes read, if they read
 * one of 2 bytes. */
static uint32_t count_carried(const training *job)
{
    return count_kept(job) + (job->model.is_half ? 1 : 0);
}

static void add_copy(const training *job, gw_function *function,
                     const gw_transformer_tensor *tensor, uint32_t x)
{
    if (!job->model.is_half)
        return;
    const uint32_t y =
        gw_function_add_output(function, tensor->rows, tensor->columns, tensor->is_split);
    g_array_index(function->values, gw_value, y).element_bytes =
        gw_transformer_element_bytes(&job->model);
    gw_emit_map(function, GW_MAP_COPY, x, 0, y);
}

/* () -> (each tensor and its moments, and its copy) */
static gw_function *make_init(const training *job, const GArray *tensors)
{
    gw_function *function = gw_function_new("init");
    function->computations = 0;
    for (uint32_t i = 0; i < tensors->len; i++) {
        const gw_transformer_tensor *tensor = &g_array_index(tensors, gw_transformer_tensor, i);
        uint32_t values[3];
        for (uint32_t k = 0; k < count_kept(job); k++) {
            const uint32_t y = values[k] =
                gw_function_add_output(function, tensor->rows, tensor->columns, tensor->is_split);
            if (k > 0 || tensor->scale == 0)
                gw_emit_fill(function, k > 0 ? 0 : tensor->constant, y);
            else
                gw_emit_random(function, tensor->scale, gw_random_at(job->model.seed, 1 + i),
                               tensor->is_split ? GW_TRANSFORMER_TENSOR : 0, y);
        }
        add_copy(job, function, tensor, values[0]);
    }
    return function;
}

/* (gradients of all tensors, then each tensor and its moments) -> (each tensor and its moments, and
 * its copy) */
static gw_function *make_update(const training *job, const GArray *tensors)
{
    gw_function *function = gw_function_new("update");
    function->computations = 1;
    g_autofree uint32_t *gradients = g_new(uint32_t, tensors->len);
    for (uint32_t i = 0; i < tensors->len; i++) {
        const gw_transformer_tensor *tensor = &g_array_index(tensors, gw_transformer_tensor, i);
        gradients[i] =
            gw_function_add_input(function, tensor->rows, tensor->columns, tensor->is_split);
    }
    for (uint32_t i = 0; i < tensors->len; i++) {
        const gw_transformer_tensor *tensor = &g_array_index(tensors, gw_transformer_tensor, i);
        gw_operation operation = {.kind = job->optimizer == OPTIMIZER_SGD ? GW_OPERATION_SGD
                                                                          : GW_OPERATION_ADAM,
                                  .scalar = job->learning_rate};
        operation.inputs[1] = (uint16_t)gradients[i];
        for (uint32_t k = 0; k < count_kept(job); k++) { /* (p, g, m, v) -> (p', m', v') */
            operation.inputs[k == 0 ? 0 : k + 1] = (uint16_t)gw_function_add_input(
                function, tensor->rows, tensor->columns, tensor->is_split);
            operation.outputs[k] = (uint16_t)gw_function_add_output(
                function, tensor->rows, tensor->columns, tensor->is_split);
        }
        gw_function_add(function, &operation);
        add_copy(job, function, tensor, operation.outputs[0]);
    }
    return function;
}

/* --- Nodes and edges --- */

typedef struct {
    gw_builder *builder;
    uint32_t tokens, init, forward, backward, update;
} step_nodes;

static uint32_t take_node(gw_builder *builder, gw_function *function)
{
    return gw_builder_add_node(builder, function->name, gw_builder_take_function(builder, function),
                               0);
}

/* Output `output` of update, in the next run, as the target's input. */
static void carry(const step_nodes *nodes, uint32_t output, uint32_t target, uint32_t input)
{
    gw_builder_add_carried(nodes->builder, nodes->update, output, nodes->init, output, target,
                           input);
}

static void add_edges(const training *job, const step_nodes *nodes, uint32_t tensor_count)
{
    gw_builder *builder = nodes->builder;
    const uint32_t kept_count = count_kept(job), carried_count = count_carried(job);
    gw_builder_add_edge(builder, nodes->tokens, 0, nodes->forward, 0);
    gw_builder_add_edge(builder, nodes->tokens, 1, nodes->forward, 1);
    gw_builder_add_edge(builder, nodes->tokens, 0, nodes->backward, 0);
    for (uint32_t i = 0; i < tensor_count; i++) {
        const uint32_t first = i * carried_count, read = job->model.is_half ? kept_count : 0;
        carry(nodes, first + read, nodes->forward, 2 + i);
        carry(nodes, first + read, nodes->backward, 1 + i);
        gw_builder_add_edge(builder, nodes->backward, i, nodes->update, i);
        for (uint32_t k = 0; k < kept_count; k++)
            carry(nodes, first + k, nodes->update, tensor_count + i * kept_count + k);
    }
    for (uint32_t i = 0; i <= gw_transformer_count_saved(&job->model); i++)
        gw_builder_add_edge(builder, nodes->forward, 1 + i, nodes->backward, 1 + tensor_count + i);
    gw_builder_add_result(builder, "loss", nodes->forward, 0);
    gw_builder_set_tokens(builder, (double)job->model.batch * job->model.sequence);
}

static gw_program *build_transformer(gw_params *params, uint64_t seed, GError **error)
{
    training job = {.model = {.seed = seed}};
    if (!read_training(params, &job, error))
        return NULL;
    g_autoptr(GArray) tensors = gw_transformer_list_tensors(&job.model);
    const uint32_t shape[] = {job.model.data, job.model.tensor};
    step_nodes nodes = {.builder = gw_builder_new("transformer")};
    gw_builder_add_mesh(nodes.builder, "devices", 2, shape);
    nodes.tokens = take_node(nodes.builder, gw_transformer_make_tokens(&job.model));
    nodes.init = take_node(nodes.builder, make_init(&job, tensors));
    gw_builder_set_once(nodes.builder, nodes.tokens);
    gw_builder_set_once(nodes.builder, nodes.init);
    nodes.forward = take_node(nodes.builder, gw_transformer_make_forward(&job.model));
    nodes.backward = take_node(nodes.builder, gw_transformer_make_backward(&job.model));
    nodes.update = take_node(nodes.builder, make_update(&job, tensors));
    add_edges(&job, &nodes, tensors->len);
    return gw_workload_finish(nodes.builder, params, error);
}

static const char *const transformer_help[] = {
    "layers  how many",
    "hidden  width of the activations; a multiple of \"heads\"",
    "heads  of attention; a multiple of \"tensor\"",
    "feed_forward  width inside the perceptron; default 4 times \"hidden\"",
    "vocabulary  different tokens; a multiple of \"tensor\"",
    "sequence  tokens of a sequence",
    "batch  sequences per step, over all devices; a multiple of \"data\"",
    "data  how many groups of devices share the batch; default 1",
    "tensor  how many devices share each layer; default 1",
    "recompute  in the backward pass: \"none\" (default), \"selective\": the softmax of attention, "
    "or \"full\": "
    "layers from their inputs",
    "precision  \"float32\" (default), or \"bfloat16\": activations, and the copy of the "
    "parameters that "
    "passes read, take 2 bytes",
    "optimizer  \"adam\" (default) or \"sgd\"",
    "learning_rate  default 0.001 for adam, 0.02 for sgd",
    NULL,
};

const gw_workload_ops gw_workload_transformer = {
    .name = "transformer",
    .summary =
        "training of a decoder-only transformer, data- and tensor-parallel, with real gradients",
    .help = transformer_help,
    .build = build_transformer,
};
