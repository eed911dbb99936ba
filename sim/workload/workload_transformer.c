/* SPDX-License-Identifier: Apache-2.0 */
/* Training of a transformer (transformer.h): its parameters. */
#include "workload/workload.h"
#include "workload/workload_transformer_private.h"

/* Of slopes that are summed together: the default of Li et al. (docs/MODEL.md, [LI20]). */
#define BUCKET_BYTES 25000000U
#define LAYERS_MAX   1024U
#define ISLANDS_MAX  64U
#define CHUNKS_MAX   1024U      /* Of a place's slopes, from island to island. */
#define PLACE_MAX    256U       /* Layers of a place: a pass has below 256 values for each. */
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
    gw_schedule_choice_clear(&job->choice);
    g_free(job->start_ns);
    g_free(job->text_path);
    g_clear_pointer(&job->text, g_bytes_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(gw_training, clear_training)

/* --- Parameters --- */

static bool check_light_ends(gw_params *params, const gw_transformer *model, GError **error)
{
    const uint32_t all = model->layers + 2;
    if (model->encoder_layers > 0 || model->places == 1) {
        gw_params_error(params, "light_ends", error,
                        "found true %s, expected a decoder alone, on several stages",
                        model->places == 1 ? "with one stage" : "with an encoder");
        return false;
    }
    if (all % model->places == 0 && all / model->places > 1)
        return true;
    gw_params_error(params, "layers", error,
                    "found %u, expected 2 less than a multiple of stages times chunks (%u), with "
                    "light ends at least twice as many",
                    model->layers, model->places);
    return false;
}

/* Each place has as many, and each of several either the encoder's or the decoder's. */
static bool check_layers(gw_params *params, const gw_transformer *model, GError **error)
{
    const uint32_t all = model->encoder_layers + model->layers;
    if (model->has_light_ends)
        return check_light_ends(params, model, error);
    if (model->encoder_layers == 0)
        return gw_workload_expect_multiple(params, "layers", all, "stages times chunks",
                                           model->places, error);
    if (all % model->places != 0) {
        gw_params_error(params, "encoder_layers", error,
                        "found %u, with the decoder's %u, expected a multiple of stages times "
                        "chunks (%u) together",
                        model->encoder_layers, model->layers, model->places);
        return false;
    }
    return model->places == 1 ||
           gw_workload_expect_multiple(params, "encoder_layers", model->encoder_layers,
                                       "layers in each place", all / model->places, error);
}

static bool check_batch(gw_params *params, const gw_transformer *model, GError **error)
{
    const uint32_t share = model->batch / model->data;
    if (!gw_workload_expect_multiple(params, "batch", model->batch, "data", model->data, error))
        return false;
    return gw_workload_expect_multiple(params, "batch", share, "islands, on each of data",
                                       model->islands, error) &&
           gw_workload_expect_multiple(params, "batch", share / model->islands,
                                       "microbatch, on each of data", model->microbatch, error);
}

static bool check_divisors(gw_params *params, const gw_training *job, GError **error)
{
    const gw_transformer *model = &job->model;
    return gw_workload_expect_multiple(params, "heads", model->heads, "tensor", model->tensor,
                                       error) &&
           gw_workload_expect_multiple(params, "feed_forward", model->feed_forward, "tensor",
                                       model->tensor, error) &&
           gw_workload_expect_multiple(params, "vocabulary", model->vocabulary, "tensor",
                                       model->tensor, error) &&
           check_layers(params, model, error) && check_batch(params, model, error);
}

static bool check_scatter(gw_params *params, const gw_transformer *model, GError **error)
{
    const uint32_t tokens = model->microbatch * model->sequence;
    if (model->scatters && model->encoder_layers > 0) {
        gw_params_error(params, "scatter_gather", error,
                        "found true with an encoder, expected a decoder alone");
        return false;
    }
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
    if (model->tensor == 1) {
        gw_params_error(params, "sequence_parallel", error,
                        "found true with 1 device to share each layer, expected \"tensor\" of at "
                        "least 2");
        return false;
    }
    const uint32_t sequences[] = {model->sequence, model->encoder_sequence};
    for (uint32_t i = 0; i < G_N_ELEMENTS(sequences); i++) {
        const uint32_t tokens = model->microbatch * sequences[i];
        if (tokens % model->tensor == 0)
            continue;
        gw_params_error(params, "sequence_parallel", error,
                        "found %u tokens in a micro-batch (%u sequences of %u), expected a "
                        "multiple of tensor (%u)",
                        tokens, model->microbatch, sequences[i], model->tensor);
        return false;
    }
    return true;
}

static bool check_places(gw_params *params, const gw_transformer *model, GError **error)
{
    const uint32_t all = model->encoder_layers + model->layers;
    if (all / model->places <= PLACE_MAX)
        return true;
    gw_params_error(params, "layers", error,
                    "found %u on stages times chunks of %u, expected at most %u on each", all,
                    model->places, PLACE_MAX);
    return false;
}

static bool check_zero(gw_params *params, const gw_transformer *model, GError **error)
{
    if (model->zero == 0 && model->islands > 1 && model->data > 1) {
        gw_params_error(params, "zero", error,
                        "found 0 with %u islands, expected 1 to 3: each device exchanges the part "
                        "of the slopes that it applies",
                        model->islands);
        return false;
    }
    if (model->zero == 0 || model->data > 1)
        return true;
    gw_params_error(params, "zero", error,
                    "found %u with 1 group of devices to share the batch, expected \"data\" of at "
                    "least 2",
                    model->zero);
    return false;
}

/* One tensor at least is in each chunk. */
static bool check_exchange(gw_params *params, const gw_transformer *model, GError **error)
{
    if (gw_params_has(params, "exchange_chunks") && model->islands == 1) {
        gw_params_error(params, "exchange_chunks", error,
                        "found it with one island, expected \"islands\" of at least 2");
        return false;
    }
    for (uint32_t p = 0; p < model->places && model->exchange_chunks > 1; p++) {
        uint32_t first;
        g_autoptr(GArray) tensors = gw_transformer_list_tensors(model, p, &first);
        if (model->exchange_chunks > tensors->len) {
            gw_params_error(params, "exchange_chunks", error,
                            "found %u, expected at most as many as a stage has tensors (%u)",
                            model->exchange_chunks, tensors->len);
            return false;
        }
    }
    return true;
}

static bool check_sizes(gw_params *params, const gw_training *job, GError **error)
{
    const gw_transformer *model = &job->model;
    const uint32_t longest = MAX(model->sequence, model->encoder_sequence);
    const uint64_t tokens = (uint64_t)model->microbatch * longest;
    const uint64_t widest =
        MAX(MAX((uint64_t)model->feed_forward, model->vocabulary),
            MAX((uint64_t)model->hidden, gw_transformer_attention_width(model)));
    const double largest = (double)MAX(tokens, model->hidden) * (double)widest * 4;
    const double shares = (double)tokens * model->heads / model->tensor * longest * 4;
    if (tokens > UINT32_MAX / model->heads / model->tensor ||
        MAX(largest, shares) > (double)GW_VALUE_BYTES_MAX) {
        g_autofree char *most = gw_bytes_format(GW_VALUE_BYTES_MAX);
        gw_params_error(params, "microbatch", error,
                        "found %u sequences of %u tokens, whose activations a device cannot hold "
                        "in values of at most %s",
                        model->microbatch, longest, most);
        return false;
    }
    const uint64_t passes =
        3 * (uint64_t)gw_transformer_count_microbatches(model) * model->places * model->islands;
    if (passes > GW_WORKLOAD_NODES_MAX) {
        gw_params_error(params, "microbatch", error,
                        "found %" G_GUINT64_FORMAT " passes of micro-batches, expected at most %u",
                        passes, GW_WORKLOAD_NODES_MAX);
        return false;
    }
    return true;
}

/* By default heads make up the width of the activations. */
static bool read_head_size(gw_params *params, gw_transformer *model, GError **error)
{
    if (!gw_workload_read_count(params, "head_size", false, 1, WIDTH_MAX, &model->head_size, error))
        return false;
    if (model->head_size == 0)
        return gw_workload_expect_multiple(params, "hidden", model->hidden, "heads", model->heads,
                                           error);
    if (gw_transformer_attention_width(model) <= 4 * WIDTH_MAX)
        return true;
    gw_params_error(params, "head_size", error,
                    "found %u, with %u heads %" G_GUINT64_FORMAT " columns, expected at most %u",
                    model->head_size, model->heads, gw_transformer_attention_width(model),
                    4 * WIDTH_MAX);
    return false;
}

static bool read_encoder(gw_params *params, gw_transformer *model, GError **error)
{
    if (!gw_workload_read_count(params, "encoder_layers", false, 0, LAYERS_MAX,
                                &model->encoder_layers, error) ||
        !gw_workload_read_count(params, "encoder_sequence", false, 1, WIDTH_MAX,
                                &model->encoder_sequence, error))
        return false;
    if (model->encoder_layers == 0 && model->encoder_sequence > 0) {
        gw_params_error(params, "encoder_sequence", error,
                        "found %u without \"encoder_layers\", expected an encoder of at least 1",
                        model->encoder_sequence);
        return false;
    }
    if (model->encoder_layers > 0 && model->encoder_sequence == 0)
        model->encoder_sequence = model->sequence;
    return true;
}

/* Its bytes are tokens. */
static bool check_text(gw_params *params, const gw_training *job, GError **error)
{
    gsize size;
    const guint8 *text = g_bytes_get_data(job->text, &size);
    if (size <= job->model.sequence) {
        gw_params_error(params, "text", error,
                        "found %zu bytes in %s, expected more than a sequence has (%u)", size,
                        job->text_path, job->model.sequence);
        return false;
    }
    for (gsize i = 0; i < size; i++) {
        if (text[i] < job->model.vocabulary)
            continue;
        gw_params_error(params, "vocabulary", error,
                        "found %u, and byte %u at offset %zu of %s, expected more than its largest "
                        "byte (256 is always enough)",
                        job->model.vocabulary, text[i], i, job->text_path);
        return false;
    }
    return true;
}

static bool read_slopes(gw_params *params, gw_transformer *model, GError **error)
{
    uint32_t precision = PRECISION_FLOAT32;
    if (!gw_params_choice(params, "slopes", false, precision_names, &precision, error))
        return false;
    model->has_half_slopes = precision == PRECISION_BFLOAT16;
    if (model->has_half_slopes && !model->is_half) {
        gw_params_error(params, "slopes", error,
                        "found \"bfloat16\" with \"precision\" \"float32\", expected slopes of no "
                        "less than what they are of");
        return false;
    }
    return true;
}

static bool read_text(gw_params *params, gw_training *out, GError **error)
{
    const char *name = NULL;
    if (!gw_params_string(params, "text", false, &name, error))
        return false;
    if (name == NULL)
        return true;
    if (out->model.encoder_layers > 0) {
        gw_params_error(params, "text", error,
                        "found one with an encoder, expected a decoder alone");
        return false;
    }
    out->text_path = gw_workload_path(params, name);
    g_autoptr(GError) cause = NULL;
    out->model.text = out->text = gw_workload_load(out->text_path, "a text", &cause);
    if (out->text == NULL) {
        gw_params_error(params, "text", error, "%s", cause->message);
        return false;
    }
    return check_text(params, out, error);
}

static bool read_model(gw_params *params, gw_transformer *model, GError **error)
{
    model->data = model->tensor = 1;
    if (!gw_workload_read_count(params, "layers", true, 1, LAYERS_MAX, &model->layers, error) ||
        !gw_workload_read_count(params, "hidden", true, 1, WIDTH_MAX, &model->hidden, error) ||
        !gw_workload_read_count(params, "heads", true, 1, WIDTH_MAX, &model->heads, error) ||
        !read_head_size(params, model, error))
        return false;
    model->feed_forward = 4 * model->hidden;
    uint32_t recompute = GW_RECOMPUTE_NONE, precision = PRECISION_FLOAT32;
    if (!gw_workload_read_count(params, "feed_forward", false, 1, 4 * WIDTH_MAX,
                                &model->feed_forward, error) ||
        !gw_workload_read_count(params, "vocabulary", true, 2, GW_TOKENS_MAX, &model->vocabulary,
                                error) ||
        !gw_workload_read_count(params, "sequence", true, 1, WIDTH_MAX, &model->sequence, error) ||
        !read_encoder(params, model, error) ||
        !gw_workload_read_count(params, "batch", true, 1, WIDTH_MAX, &model->batch, error) ||
        !gw_params_choice(params, "recompute", false, recompute_names, &recompute, error) ||
        !gw_params_choice(params, "precision", false, precision_names, &precision, error) ||
        !gw_params_bool(params, "dropout", false, &model->drops_out, error) ||
        !gw_params_bool(params, "eager", false, &model->is_eager, error))
        return false;
    model->recompute = (gw_recompute)recompute;
    model->is_half = precision == PRECISION_BFLOAT16;
    return read_slopes(params, model, error);
}

static bool read_parallelism(gw_params *params, gw_training *out, GError **error)
{
    gw_transformer *model = &out->model;
    bool is_fused = true;
    out->stages = out->chunks = model->islands = 1;
    if (!gw_workload_read_count(params, "data", false, 1, GW_WORKLOAD_DEVICES_MAX, &model->data,
                                error) ||
        !gw_workload_read_count(params, "tensor", false, 1, GW_WORKLOAD_DEVICES_MAX / model->data,
                                &model->tensor, error) ||
        !gw_workload_read_count(params, "islands", false, 1, ISLANDS_MAX, &model->islands, error) ||
        !gw_workload_read_count(params, "exchange_chunks", false, 1, CHUNKS_MAX,
                                &model->exchange_chunks, error) ||
        !gw_params_bool(params, "sequence_parallel", false, &model->is_sequence_parallel, error) ||
        !gw_params_bool(params, "fused_accumulation", false, &is_fused, error) ||
        !gw_params_bool(params, "overlapped_slopes", false, &model->overlaps_slopes, error) ||
        !gw_params_bool(params, "scatter_gather", false, &model->scatters, error) ||
        !gw_workload_read_count(params, "stages", false, 1, LAYERS_MAX, &out->stages, error) ||
        !gw_params_bool(params, "light_ends", false, &model->has_light_ends, error) ||
        !gw_schedule_choice_read(params, &gw_schedule_1f1b, &out->choice, error))
        return false;
    model->accumulates_apart = !is_fused;
    out->chunks = (uint32_t)out->choice.chunk_count;
    model->places = out->stages * out->chunks;
    model->bucket_bytes = out->stages > 1 ? 0 : BUCKET_BYTES;
    model->zero = model->islands > 1 && model->data > 1 ? 1 : 0;
    if (!gw_workload_read_count(params, "zero", false, 0, 3, &model->zero, error) ||
        !gw_params_bytes(params, "bucket", false, &model->bucket_bytes, error))
        return false;
    model->microbatch = MAX(model->batch / model->data / model->islands, 1);
    return gw_workload_read_count(params, "microbatch", false, 1, WIDTH_MAX, &model->microbatch,
                                  error);
}

/* Slopes that wait for a pass of their own are of one side. */
static bool check_encoder_schedule(gw_params *params, const gw_training *job, GError **error)
{
    const gw_schedule_ops *ops = job->choice.ops;
    if (job->model.encoder_layers == 0 || (!ops->splits && !ops->needs_file))
        return true;
    gw_params_error(params, "schedule", error,
                    "found \"%s\" with an encoder, expected one that leaves a backward pass whole, "
                    "such as \"%s\"",
                    ops->name, gw_schedule_1f1b.name);
    return false;
}

/* For passes that take 1 us each of a layer's three (forward, backward for inputs, for weights),
 * and a transfer next to nothing: when they would start says in which order stages' passes are
 * dispatched. */
static gw_schedule_request find_request(const gw_training *job, gw_stage_times **out_times)
{
    const uint32_t all = job->model.encoder_layers + job->model.layers;
    const gw_span layers_ns = (all + (job->model.has_light_ends ? 2 : 0)) / job->stages * 1000;
    gw_stage_times *times = g_new0(gw_stage_times, job->stages);
    for (uint32_t s = 0; s < job->stages; s++)
        times[s] = (gw_stage_times){.forward_ns = layers_ns,
                                    .backward_ns = 2 * layers_ns,
                                    .transfer_ns = job->stages > 1 ? 1 : 0,
                                    .weight_ns = layers_ns};
    *out_times = times;
    return (gw_schedule_request){
        .stage_count = job->stages,
        .microbatch_count = gw_transformer_count_microbatches(&job->model),
        .chunk_count = job->chunks,
        .times = times,
        .kept_share = job->model.encoder_layers > 0 ? 0 : gw_transformer_kept_share(&job->model, 0),
        .activations_max = job->choice.activations_max};
}

static bool make_schedule(gw_params *params, gw_training *job, GError **error)
{
    g_autofree gw_stage_times *times = NULL;
    const gw_schedule_request request = find_request(job, &times);
    job->kept_share = request.kept_share;
    job->schedule = gw_schedule_choice_make(params, &job->choice, request, &job->start_ns, error);
    return job->schedule != NULL;
}

static bool read_training(gw_params *params, gw_training *out, GError **error)
{
    gw_transformer *model = &out->model;
    uint32_t optimizer = GW_OPTIMIZER_ADAM;
    if (!read_model(params, model, error) || !read_text(params, out, error) ||
        !read_parallelism(params, out, error) ||
        !gw_transformer_read_experts(params, model, &out->experts, error) ||
        !gw_params_choice(params, "optimizer", false, optimizer_names, &optimizer, error) ||
        !gw_params_bool(params, "training", false, &out->trains, error))
        return false;
    model->optimizer = (gw_optimizer)optimizer;
    model->learning_rate = model->optimizer == GW_OPTIMIZER_SGD ? 0.002 : 0.001;
    if (!out->trains)
        model->optimizer = GW_OPTIMIZER_SGD; /* It keeps nothing besides the parameters. */
    return gw_params_number(params, "learning_rate", false, 0, 1000, &model->learning_rate,
                            error) &&
           check_divisors(params, out, error) && check_places(params, model, error) &&
           check_sizes(params, out, error) && check_sequence_parallel(params, model, error) &&
           check_scatter(params, model, error) && check_zero(params, model, error) &&
           gw_transformer_fit_experts(params, model, &out->experts, error) &&
           check_exchange(params, model, error) && gw_params_finish(params, error) &&
           check_encoder_schedule(params, out, error);
}

/* --- The program --- */

static gw_program *build_transformer(gw_params *params, uint64_t seed, GError **error)
{
    g_auto(gw_training) job = {.model = {.seed = seed}, .trains = true};
    if (!read_training(params, &job, error) || !make_schedule(params, &job, error))
        return NULL;
    gw_builder *builder = gw_builder_new("transformer");
    if (job.choice.file != NULL)
        gw_builder_add_input(builder, job.choice.file);
    if (job.text_path != NULL)
        gw_builder_add_input(builder, job.text_path);
    gw_training_add_step(&job, builder);
    gw_builder_set_tokens(builder, (double)job.model.batch *
                                       (job.model.encoder_sequence + job.model.sequence));
    const double model_flops = gw_transformer_model_flops(&job.model);
    const double forward_flops = model_flops / GW_TRANSFORMER_PASSES;
    gw_builder_set_flops(builder, job.trains ? model_flops : forward_flops,
                         job.trains ? gw_transformer_hardware_flops(&job.model) : forward_flops);
    return gw_workload_finish(builder, params, error);
}

static bool request_schedule(gw_params *params, gw_schedule_request *out,
                             gw_stage_times **out_times, GError **error)
{
    g_auto(gw_training) job = {.trains = true};
    if (!read_training(params, &job, error))
        return false;
    *out = find_request(&job, out_times);
    return true;
}

static const char *const transformer_help[] = {
    "layers  how many",
    "hidden  width of the activations; a multiple of \"heads\", unless there is a \"head_size\"",
    "heads  of attention; a multiple of \"tensor\"",
    "head_size  columns of each head; default \"hidden\" over \"heads\"",
    "feed_forward  width inside the perceptron; default 4 times \"hidden\"",
    "vocabulary  different tokens; a multiple of \"tensor\"",
    "sequence  tokens of a sequence; with an encoder the decoder's",
    "text  file from the scenario's folder, whose bytes are the tokens: sequences of each step "
    "begin "
    "anywhere in it; by default tokens are drawn, once for all steps",
    "encoder_layers  of an encoder, whose output each of \"layers\" looks at; default 0, none",
    "encoder_sequence  tokens of a sequence of the encoder; default \"sequence\"",
    "batch  sequences per step, over all devices; a multiple of \"data\"",
    "zero  what the groups of \"data\" part instead of all keeping it: 0 (default) nothing, 1 what "
    "the "
    "optimizer keeps, 2 slopes too, 3 parameters too, which passes gather; a tensor whose rows do "
    "not divide by \"data\" stays whole; with several islands at least 1",
    "bucket  bytes of slopes that are summed along \"data\" as soon as they are there, beside the "
    "backward pass; 0: after it; default 25MB, with more than one stage 0",
    "microbatch  sequences of a micro-batch on one device; a divisor of the batch over \"data\", "
    "and all of it by default",
    "data  how many groups of devices share the batch; default 1",
    "tensor  how many devices share each layer; default 1",
    "islands  how many have all of the model, each on meshes of its own, and share the batch: sums "
    "of "
    "slopes are exchanged after the backward passes, each device's part with its mates'; default 1",
    "exchange_chunks  with islands: chunks of tensors, each of which is updated as soon as its "
    "slopes "
    "have come from all of them; default 1",
    "sequence_parallel  true: between products each device holds its block of the tokens along "
    "\"tensor\", which divides the tokens of a micro-batch; default false",
    "overlapped_slopes  true: slopes of activations are summed along \"tensor\" beside the "
    "products "
    "that make slopes of weights; default false",
    "scatter_gather  true: of what stages hand on each device along \"tensor\" hands on a part, "
    "which "
    "the "
    "next stage gathers; default false",
    "stages  of the pipeline, each on a mesh of data by tensor; default 1; \"layers\" is a "
    "multiple of stages times chunks; with an encoder both together are, and each place's all "
    "the encoder's or all the decoder's",
    "light_ends  true: the first and the last stage have a layer fewer than others, where "
    "embedding "
    "and head are; \"layers\" is then 2 less than a multiple; default false",
    "chunks  of layers that each stage has, one stage's between others'; default 1",
    "schedule  the order of passes: \"1f1b\" (default), or another of `gangway list schedules`",
    "schedule_file  CSV of schedule \"file\", from the scenario's folder",
    "activations_max  micro-batches that a stage may hold: zb-auto searches so, others are checked",
    "recompute  in the backward pass: \"none\" (default), \"selective\": the softmax of attention, "
    "or \"full\": "
    "layers from their inputs",
    "precision  \"float32\" (default), or \"bfloat16\": activations, and the copy of the "
    "parameters that "
    "passes read, take 2 bytes",
    "slopes  of parameters: \"float32\" (default), or \"bfloat16\", with that \"precision\": "
    "what is added up and summed over devices takes 2 bytes",
    "fused_accumulation  true: slopes of weights are added up right behind the products that make "
    "them, which devices that fuse do in one kernel; default true",
    "dropout  true: the time that dropping out takes, of what the softmax of attention and each "
    "block "
    "give; such a job models time, not data; default false",
    "eager  true: the time of kernels that a framework adds which runs one operation at a time in "
    "mixed precision: a loss in float32, biases and transposes of attention, slopes unscaled and "
    "clipped; such a job models time, not data; default false",
    GW_TRANSFORMER_EXPERTS_HELP,
    "training  false: forward passes alone, and the loss, of parameters as they are drawn; "
    "\"optimizer\" and \"recompute\" then mean nothing; default true",
    "optimizer  \"adam\" (default) or \"sgd\"",
    "learning_rate  default 0.001 for adam, 0.002 for sgd",
    NULL,
};

const gw_workload_ops gw_workload_transformer = {
    .name = "transformer",
    .summary = "training of a transformer, shared by data, tensors, stages and islands, with real "
               "gradients",
    .help = transformer_help,
    .build = build_transformer,
    .request = request_schedule,
};
