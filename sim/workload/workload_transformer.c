/* SPDX-License-Identifier: Apache-2.0 */
/* Training of a decoder-only transformer (transformer.h): its parameters. */
#include "workload/workload.h"
#include "workload/workload_transformer_private.h"

/* Of slopes that are summed together: the default of Li et al., "PyTorch Distributed", VLDB 2020.
 */
#define BUCKET_BYTES 25000000U
#define LAYERS_MAX   1024U
#define WIDTH_MAX    (1U << 20) /* Of hidden, feed_forward, sequence and batch. */

static const char *const recompute_names[] = {
    [GW_RECOMPUTE_NONE] = "none",
    [GW_RECOMPUTE_SELECTIVE] = "selective",
    [GW_RECOMPUTE_FULL] = "full",
    NULL,
};
enum { PRECISION_FLOAT32, PRECISION_BFLOAT16 };
static const char *const precision_names[] = {"float32", "bfloat16", NULL};
static const char *const optimizer_names[] = {
    [GW_OPTIMIZER_ADAM] = "adam",
    [GW_OPTIMIZER_SGD] = "sgd",
    NULL,
};

static void clear_training(gw_training *job)
{
    gw_workload_schedule_free(job->schedule);
    g_free(job->start_ns);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(gw_training, clear_training)

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

static bool check_divisors(gw_params *params, const gw_training *job, GError **error)
{
    const gw_transformer *model = &job->model;
    return expect_multiple(params, "hidden", model->hidden, "heads", model->heads, error) &&
           expect_multiple(params, "heads", model->heads, "tensor", model->tensor, error) &&
           expect_multiple(params, "feed_forward", model->feed_forward, "tensor", model->tensor,
                           error) &&
           expect_multiple(params, "vocabulary", model->vocabulary, "tensor", model->tensor,
                           error) &&
           expect_multiple(params, "layers", model->layers, "stages times chunks", model->places,
                           error) &&
           expect_multiple(params, "batch", model->batch, "data", model->data, error) &&
           expect_multiple(params, "batch", model->batch / model->data,
                           "microbatch, on each of data", model->microbatch, error);
}

static bool check_scatter(gw_params *params, const gw_transformer *model, GError **error)
{
    const uint32_t tokens = model->microbatch * model->sequence;
    if (!model->scatters || tokens % model->tensor == 0)
        return true;
    gw_params_error(params, "scatter_gather", error,
                    "found true, expected \"tensor\" (%u) to divide the tokens of a micro-batch "
                    "(%u)",
                    model->tensor, tokens);
    return false;
}

static bool check_sequence_parallel(gw_params *params, const gw_transformer *model, GError **error)
{
    if (!model->is_sequence_parallel)
        return true;
    const uint32_t tokens = model->microbatch * model->sequence;
    if (model->tensor == 1) {
        gw_params_error(params, "sequence_parallel", error,
                        "found true with 1 device to share each layer, expected \"tensor\" of at "
                        "least 2");
        return false;
    }
    if (tokens % model->tensor == 0)
        return true;
    gw_params_error(params, "sequence_parallel", error,
                    "found %u tokens in a micro-batch (%u sequences of %u), expected a multiple of "
                    "tensor (%u)",
                    tokens, model->microbatch, model->sequence, model->tensor);
    return false;
}

static bool check_zero(gw_params *params, const gw_transformer *model, GError **error)
{
    if (model->zero == 0 || model->data > 1)
        return true;
    gw_params_error(params, "zero", error,
                    "found %u with 1 group of devices to share the batch, expected \"data\" of at "
                    "least 2",
                    model->zero);
    return false;
}

static bool check_sizes(gw_params *params, const gw_training *job, GError **error)
{
    const gw_transformer *model = &job->model;
    const uint64_t tokens = (uint64_t)model->microbatch * model->sequence;
    const uint64_t widest =
        MAX(MAX((uint64_t)model->feed_forward, model->vocabulary), (uint64_t)model->hidden);
    const double largest = (double)MAX(tokens, model->hidden) * (double)widest * 4;
    const double shares = (double)tokens * model->heads / model->tensor * model->sequence * 4;
    if (tokens > UINT32_MAX / model->heads / model->tensor ||
        MAX(largest, shares) > (double)GW_VALUE_BYTES_MAX) {
        g_autofree char *most = gw_bytes_format(GW_VALUE_BYTES_MAX);
        gw_params_error(params, "microbatch", error,
                        "found %u sequences of %u tokens, whose activations a device cannot hold "
                        "in values of at most %s",
                        model->microbatch, model->sequence, most);
        return false;
    }
    const uint64_t passes = 2 * (uint64_t)gw_transformer_count_microbatches(model) * model->places;
    if (passes > GW_WORKLOAD_NODES_MAX) {
        gw_params_error(params, "microbatch", error,
                        "found %" G_GUINT64_FORMAT " passes of micro-batches, expected at most %u",
                        passes, GW_WORKLOAD_NODES_MAX);
        return false;
    }
    return true;
}

static bool read_model(gw_params *params, gw_transformer *model, GError **error)
{
    model->data = model->tensor = 1;
    if (!read_size(params, "layers", true, 1, LAYERS_MAX, &model->layers, error) ||
        !read_size(params, "hidden", true, 1, WIDTH_MAX, &model->hidden, error) ||
        !read_size(params, "heads", true, 1, WIDTH_MAX, &model->heads, error))
        return false;
    model->feed_forward = 4 * model->hidden;
    uint32_t recompute = GW_RECOMPUTE_NONE, precision = PRECISION_FLOAT32;
    if (!read_size(params, "feed_forward", false, 1, 4 * WIDTH_MAX, &model->feed_forward, error) ||
        !read_size(params, "vocabulary", true, 2, GW_TOKENS_MAX, &model->vocabulary, error) ||
        !read_size(params, "sequence", true, 1, WIDTH_MAX, &model->sequence, error) ||
        !read_size(params, "batch", true, 1, WIDTH_MAX, &model->batch, error) ||
        !gw_params_choice(params, "recompute", false, recompute_names, &recompute, error) ||
        !gw_params_choice(params, "precision", false, precision_names, &precision, error) ||
        !gw_params_bool(params, "dropout", false, &model->drops_out, error))
        return false;
    model->recompute = (gw_recompute)recompute;
    model->is_half = precision == PRECISION_BFLOAT16;
    return true;
}

/* Of those that leave a backward pass whole and need no more than sizes. */
static bool read_schedule(gw_params *params, gw_training *out, GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    g_autoptr(GPtrArray) tables = g_ptr_array_new();
    for (size_t i = 0; gw_workload_schedules[i] != NULL; i++) {
        const gw_schedule_ops *ops = gw_workload_schedules[i];
        if (ops->splits || ops->needs_limit || ops->needs_file)
            continue;
        g_ptr_array_add(names, (void *)ops->name);
        g_ptr_array_add(tables, (void *)ops);
    }
    g_ptr_array_add(names, NULL);
    uint32_t index = GW_INDEX_NONE;
    if (!gw_params_choice(params, "schedule", false, (const char *const *)names->pdata, &index,
                          error))
        return false;
    out->schedule_ops = index == GW_INDEX_NONE
                            ? &gw_schedule_1f1b
                            : (const gw_schedule_ops *)g_ptr_array_index(tables, index);
    if (out->chunks > 1 && !out->schedule_ops->has_chunks) {
        gw_params_error(params, "chunks", error,
                        "found %u with schedule \"%s\", expected 1, or a schedule that knows "
                        "chunks, such as \"%s\"",
                        out->chunks, out->schedule_ops->name, gw_schedule_interleaved.name);
        return false;
    }
    return true;
}

static bool read_parallelism(gw_params *params, gw_training *out, GError **error)
{
    gw_transformer *model = &out->model;
    out->stages = out->chunks = 1;
    if (!read_size(params, "data", false, 1, GW_WORKLOAD_DEVICES_MAX, &model->data, error) ||
        !read_size(params, "tensor", false, 1, GW_WORKLOAD_DEVICES_MAX / model->data,
                   &model->tensor, error) ||
        !gw_params_bool(params, "sequence_parallel", false, &model->is_sequence_parallel, error) ||
        !gw_params_bool(params, "fused_accumulation", false, &model->accumulates_fused, error) ||
        !gw_params_bool(params, "scatter_gather", false, &model->scatters, error) ||
        !read_size(params, "stages", false, 1, LAYERS_MAX, &out->stages, error) ||
        !read_size(params, "chunks", false, 1, GW_SCHEDULE_CHUNKS_MAX, &out->chunks, error) ||
        !read_schedule(params, out, error))
        return false;
    model->places = out->stages * out->chunks;
    model->bucket_bytes = out->stages > 1 ? 0 : BUCKET_BYTES;
    if (!read_size(params, "zero", false, 0, 3, &model->zero, error) ||
        !gw_params_bytes(params, "bucket", false, &model->bucket_bytes, error))
        return false;
    model->microbatch = MAX(model->batch / model->data, 1);
    return read_size(params, "microbatch", false, 1, WIDTH_MAX, &model->microbatch, error);
}

/* When passes would start if a layer's forward took 1 us, its backward 2, and a transfer next to
 * nothing: it says in which order stages' passes are dispatched. */
static bool make_schedule(gw_params *params, gw_training *job, GError **error)
{
    const gw_span layers = job->model.layers / job->stages;
    g_autofree gw_stage_times *times = g_new0(gw_stage_times, job->stages);
    for (uint32_t s = 0; s < job->stages; s++)
        times[s] = (gw_stage_times){.forward_ns = layers * 1000,
                                    .backward_ns = layers * 2000,
                                    .transfer_ns = job->stages > 1 ? 1 : 0};
    const gw_schedule_request request = {.stage_count = job->stages,
                                         .microbatch_count =
                                             gw_transformer_count_microbatches(&job->model),
                                         .chunk_count = job->chunks,
                                         .times = times};
    g_autoptr(GError) cause = NULL;
    job->schedule = job->schedule_ops->make(&request, &cause);
    if (job->schedule != NULL && gw_workload_schedule_check(job->schedule, &cause)) {
        job->start_ns = g_new(gw_time, job->schedule->first_slot[job->stages]);
        if (gw_workload_schedule_play(job->schedule, times, job->start_ns, &cause))
            return true;
    }
    gw_params_error(params, "schedule", error, "%s", cause->message);
    return false;
}

static bool read_training(gw_params *params, gw_training *out, GError **error)
{
    gw_transformer *model = &out->model;
    uint32_t optimizer = GW_OPTIMIZER_ADAM;
    if (!read_model(params, model, error) || !read_parallelism(params, out, error) ||
        !gw_params_choice(params, "optimizer", false, optimizer_names, &optimizer, error))
        return false;
    model->optimizer = (gw_optimizer)optimizer;
    model->learning_rate = model->optimizer == GW_OPTIMIZER_SGD ? 0.02 : 0.001;
    return gw_params_number(params, "learning_rate", false, 0, 1000, &model->learning_rate,
                            error) &&
           check_divisors(params, out, error) && check_sizes(params, out, error) &&
           check_sequence_parallel(params, model, error) && check_scatter(params, model, error) &&
           check_zero(params, model, error) && gw_params_finish(params, error) &&
           make_schedule(params, out, error);
}

/* --- The program --- */

static gw_program *build_transformer(gw_params *params, uint64_t seed, GError **error)
{
    g_auto(gw_training) job = {.model = {.seed = seed}};
    if (!read_training(params, &job, error))
        return NULL;
    gw_builder *builder = gw_builder_new("transformer");
    gw_training_add_step(&job, builder);
    gw_builder_set_tokens(builder, (double)job.model.batch * job.model.sequence);
    gw_builder_set_flops(builder, gw_transformer_model_flops(&job.model),
                         gw_transformer_hardware_flops(&job.model));
    return gw_workload_finish(builder, params, error);
}

static const char *const transformer_help[] = {
    "layers  how many",
    "hidden  width of the activations; a multiple of \"heads\"",
    "heads  of attention; a multiple of \"tensor\"",
    "feed_forward  width inside the perceptron; default 4 times \"hidden\"",
    "vocabulary  different tokens; a multiple of \"tensor\"",
    "sequence  tokens of a sequence",
    "batch  sequences per step, over all devices; a multiple of \"data\"",
    "zero  what the groups of \"data\" part instead of all keeping it: 0 (default) nothing, 1 what "
    "the "
    "optimizer keeps, 2 slopes too, 3 parameters too, which passes gather; a tensor whose rows do "
    "not divide by \"data\" stays whole",
    "bucket  bytes of slopes that are summed along \"data\" as soon as they are there, beside the "
    "backward pass; 0: after it; default 25MB, with more than one stage 0",
    "microbatch  sequences of a micro-batch on one device; a divisor of the batch over \"data\", "
    "and all of it by default",
    "data  how many groups of devices share the batch; default 1",
    "tensor  how many devices share each layer; default 1",
    "sequence_parallel  true: between products each device holds its block of the tokens along "
    "\"tensor\", which divides the tokens of a micro-batch; default false",
    "scatter_gather  true: of what stages hand on each device along \"tensor\" hands on a part, "
    "which "
    "the "
    "next stage gathers; default false",
    "stages  of the pipeline, each on a mesh of data by tensor; default 1; \"layers\" is a "
    "multiple of stages times chunks",
    "chunks  of layers that each stage has, one stage's between others'; default 1",
    "schedule  the order of passes: \"1f1b\" (default), or another that leaves a backward pass "
    "whole",
    "recompute  in the backward pass: \"none\" (default), \"selective\": the softmax of attention, "
    "or \"full\": "
    "layers from their inputs",
    "precision  \"float32\" (default), or \"bfloat16\": activations, and the copy of the "
    "parameters that "
    "passes read, take 2 bytes",
    "fused_accumulation  true: slopes of weights are added up right behind the products that make "
    "them, which devices that fuse do in one kernel; default false",
    "dropout  true: the time that dropping out takes, of what the softmax of attention and each "
    "block "
    "give; such a job models time, not data; default false",
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
