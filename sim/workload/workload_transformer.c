/* SPDX-License-Identifier: Apache-2.0 */
/* Training steps of a decoder-only transformer (transformer.h), data-, tensor- and
 * pipeline-parallel.
 *
 * Set-up draws the tokens of the batch and the parameters from the seed alone, so any meshes train
 * the same model on the same sequences.  In a step each place of the pipeline does forward and
 * backward of every micro-batch, in the order of the schedule, and then its update, which first
 * sums slopes along data.  Parameters and moments are carried from update to the next run. */
#include "base/check.h"
#include "base/random.h"
#include "workload/emit.h"
#include "workload/transformer.h"
#include "workload/workload.h"
#include "workload/workload_params.h"
#include "workload/workload_schedule.h"

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
    uint32_t stages, chunks;
    const gw_schedule_ops *schedule_ops;
    gw_workload_schedule *schedule;
    gw_time *start_ns; /* By slot: when it would start if a layer's forward took 1 us. */
    uint32_t optimizer;
    double learning_rate;
} training;

static void clear_training(training *job)
{
    gw_workload_schedule_free(job->schedule);
    g_free(job->start_ns);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(training, clear_training)

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

static bool check_divisors(gw_params *params, const training *job, GError **error)
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

static bool check_sizes(gw_params *params, const training *job, GError **error)
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
        !gw_params_choice(params, "precision", false, precision_names, &precision, error))
        return false;
    model->recompute = (gw_recompute)recompute;
    model->is_half = precision == PRECISION_BFLOAT16;
    return true;
}

/* Of those that leave a backward pass whole and need no more than sizes. */
static bool read_schedule(gw_params *params, training *out, GError **error)
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

static bool read_parallelism(gw_params *params, training *out, GError **error)
{
    gw_transformer *model = &out->model;
    out->stages = out->chunks = 1;
    if (!read_size(params, "data", false, 1, GW_WORKLOAD_DEVICES_MAX, &model->data, error) ||
        !read_size(params, "tensor", false, 1, GW_WORKLOAD_DEVICES_MAX / model->data,
                   &model->tensor, error) ||
        !read_size(params, "stages", false, 1, LAYERS_MAX, &out->stages, error) ||
        !read_size(params, "chunks", false, 1, GW_SCHEDULE_CHUNKS_MAX, &out->chunks, error) ||
        !read_schedule(params, out, error))
        return false;
    model->places = out->stages * out->chunks;
    model->microbatch = MAX(model->batch / model->data, 1);
    return read_size(params, "microbatch", false, 1, WIDTH_MAX, &model->microbatch, error);
}

/* When passes would start if a layer's forward took 1 us, its backward 2, and a transfer next to
 * nothing: it says in which order stages' passes are dispatched. */
static bool make_schedule(gw_params *params, training *job, GError **error)
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

static bool read_training(gw_params *params, training *out, GError **error)
{
    if (!read_model(params, &out->model, error) || !read_parallelism(params, out, error) ||
        !gw_params_choice(params, "optimizer", false, optimizer_names, &out->optimizer, error))
        return false;
    out->learning_rate = out->optimizer == OPTIMIZER_SGD ? 0.02 : 0.001;
    return gw_params_number(params, "learning_rate", false, 0, 1000, &out->learning_rate, error) &&
           check_divisors(params, out, error) && check_sizes(params, out, error) &&
           gw_params_finish(params, error) && make_schedule(params, out, error);
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
static gw_function *make_init(const training *job, const GArray *tensors, uint32_t first_tensor)
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
                gw_emit_random(function, tensor->scale,
                               gw_random_at(job->model.seed, 1 + first_tensor + i),
                               tensor->is_split ? GW_TRANSFORMER_TENSOR : 0, y);
        }
        add_copy(job, function, tensor, values[0]);
    }
    return function;
}

/* The sum along data of input `x`, into `y` if there is one; returns where it is. */
static uint32_t sum_along_data(const training *job, gw_function *function, uint32_t x, uint32_t y)
{
    const gw_value value = *gw_function_value(function, x);
    const bool is_split = job->model.data > 1;
    if (!is_split && y == GW_INDEX_NONE)
        return x;
    if (y == GW_INDEX_NONE)
        y = gw_function_add_temporary(function, value.rows, value.columns);
    if (is_split)
        gw_emit_collective(function, GW_OPERATION_ALL_REDUCE, GW_TRANSFORMER_DATA, x, y);
    else
        gw_emit_map(function, GW_MAP_COPY, x, 0, y);
    return y;
}

/* (slopes of all tensors, then each tensor and its moments [, last place: loss]) -> (each tensor
 * and its moments, and its copy [, loss of the whole batch]) */
static gw_function *make_update(const training *job, const GArray *tensors, bool is_last)
{
    gw_function *function = gw_function_new("update");
    function->computations = 1;
    g_autofree uint32_t *slopes = g_new(uint32_t, tensors->len);
    for (uint32_t i = 0; i < tensors->len; i++) {
        const gw_transformer_tensor *tensor = &g_array_index(tensors, gw_transformer_tensor, i);
        slopes[i] =
            gw_function_add_input(function, tensor->rows, tensor->columns, tensor->is_split);
    }
    for (uint32_t i = 0; i < tensors->len; i++) {
        const gw_transformer_tensor *tensor = &g_array_index(tensors, gw_transformer_tensor, i);
        gw_operation operation = {.kind = job->optimizer == OPTIMIZER_SGD ? GW_OPERATION_SGD
                                                                          : GW_OPERATION_ADAM,
                                  .scalar = job->learning_rate};
        operation.inputs[1] = (uint16_t)sum_along_data(job, function, slopes[i], GW_INDEX_NONE);
        for (uint32_t k = 0; k < count_kept(job); k++) { /* (p, g, m, v) -> (p', m', v') */
            operation.inputs[k == 0 ? 0 : k + 1] = (uint16_t)gw_function_add_input(
                function, tensor->rows, tensor->columns, tensor->is_split);
            operation.outputs[k] = (uint16_t)gw_function_add_output(
                function, tensor->rows, tensor->columns, tensor->is_split);
        }
        gw_function_add(function, &operation);
        add_copy(job, function, tensor, operation.outputs[0]);
    }
    if (is_last) {
        const uint32_t part = gw_function_add_input(function, 1, 1, false);
        sum_along_data(job, function, part, gw_function_add_output(function, 1, 1, false));
    }
    return function;
}

/* --- Nodes --- */

typedef struct { /* A place of the pipeline, in the making. */
    uint32_t mesh, tensor_count, first_tensor;
    GArray *tensors;
    uint32_t tokens, init, update;        /* Nodes; GW_INDEX_NONE: it has none. */
    uint32_t forwards[2], backwards[2];   /* Functions: of the first micro-batch, of the others. */
    uint32_t *forward, *backward;         /* Nodes, by micro-batch. */
    uint32_t last_forward, last_backward; /* The latest added; GW_INDEX_NONE: none. */
} transformer_place;

typedef struct {
    const training *job;
    gw_builder *builder;
    transformer_place *places;
    uint32_t microbatch_count;
} step_maker;

/* "forward3.s1.c0"; what there is only one of is not said. */
static uint32_t add_node(const step_maker *maker, const char *kind, uint32_t place,
                         uint32_t microbatch, uint32_t function)
{
    const training *job = maker->job;
    GString *name = g_string_new(kind);
    if (microbatch != GW_INDEX_NONE && maker->microbatch_count > 1)
        g_string_append_printf(name, "%u", microbatch);
    if (job->stages > 1)
        g_string_append_printf(name, ".s%u", place % job->stages);
    if (job->chunks > 1)
        g_string_append_printf(name, ".c%u", place / job->stages);
    const uint32_t node =
        gw_builder_add_node(maker->builder, name->str, function, maker->places[place].mesh);
    gw_builder_label(maker->builder, node, place % job->stages, microbatch);
    g_string_free(name, TRUE);
    return node;
}

static uint32_t add_setup(const step_maker *maker, const char *kind, uint32_t place,
                          gw_function *function)
{
    const uint32_t node = add_node(maker, kind, place, GW_INDEX_NONE,
                                   gw_builder_take_function(maker->builder, function));
    gw_builder_set_once(maker->builder, node);
    return node;
}

static void begin_place(const step_maker *maker, uint32_t index)
{
    const training *job = maker->job;
    const gw_transformer *model = &job->model;
    transformer_place *place = &maker->places[index];
    place->mesh = index % job->stages;
    place->tensors = gw_transformer_list_tensors(model, index, &place->first_tensor);
    place->tensor_count = place->tensors->len;
    place->forward = g_new(uint32_t, maker->microbatch_count);
    place->backward = g_new(uint32_t, maker->microbatch_count);
    place->last_forward = place->last_backward = place->tokens = GW_INDEX_NONE;
    if (index == 0 || index + 1 == model->places)
        place->tokens = add_setup(maker, "tokens", index, gw_transformer_make_tokens(model, index));
    place->init =
        add_setup(maker, "init", index, make_init(job, place->tensors, place->first_tensor));
    for (uint32_t next = 0; next < MIN(maker->microbatch_count, 2); next++) {
        place->forwards[next] = gw_builder_take_function(
            maker->builder, gw_transformer_make_forward(model, index, next > 0));
        place->backwards[next] = gw_builder_take_function(
            maker->builder, gw_transformer_make_backward(model, index, next > 0));
    }
}

static void end_place(transformer_place *place)
{
    g_array_unref(place->tensors);
    g_free(place->forward);
    g_free(place->backward);
}

/* --- Edges --- */

/* Output `output` of the place's update, in the next run, as the target's input. */
static void carry(const step_maker *maker, const transformer_place *place, uint32_t output,
                  uint32_t target, uint32_t input)
{
    gw_builder_add_carried(maker->builder, place->update, output, place->init, output, target,
                           input);
}

/* The tensors as passes read them; the update is added later and has this number. */
static void carry_tensors(const step_maker *maker, const transformer_place *place, uint32_t target,
                          uint32_t first_input)
{
    const uint32_t read = maker->job->model.is_half ? count_kept(maker->job) : 0;
    for (uint32_t i = 0; i < place->tensor_count; i++)
        carry(maker, place, i * count_carried(maker->job) + read, target, first_input + i);
}

static void connect_forward(const step_maker *maker, uint32_t index, uint32_t m, bool is_next)
{
    const transformer_place *place = &maker->places[index];
    const uint32_t node = place->forward[m];
    const bool is_first = index == 0, is_last = index + 1 == maker->job->model.places;
    uint32_t input = 0;
    if (is_first)
        gw_builder_add_edge(maker->builder, place->tokens, m, node, input++);
    else
        gw_builder_add_edge(maker->builder, place[-1].forward[m], 0, node, input++);
    if (is_last)
        gw_builder_add_edge(maker->builder, place->tokens,
                            m + (is_first ? maker->microbatch_count : 0), node, input++);
    if (is_last && is_next)
        gw_builder_add_edge(maker->builder, place->last_forward, 0, node, input++);
    carry_tensors(maker, place, node, input);
}

static void connect_backward(const step_maker *maker, uint32_t index, uint32_t m, bool is_next)
{
    const transformer_place *place = &maker->places[index];
    gw_builder *builder = maker->builder;
    const uint32_t node = place->backward[m];
    const bool is_first = index == 0, is_last = index + 1 == maker->job->model.places;
    const uint32_t saved_count = gw_transformer_count_saved(&maker->job->model, index);
    const uint32_t first_slope = is_first ? 0 : 1; /* Output: that of what it takes comes before. */
    uint32_t input = 0;
    if (is_first)
        gw_builder_add_edge(builder, place->tokens, m, node, input++);
    carry_tensors(maker, place, node, input);
    input += place->tensor_count;
    if (is_last)
        gw_builder_add_edge(builder, place->forward[m], 1, node, input++);
    else
        gw_builder_add_edge(builder, place[1].backward[m], 0, node, input++);
    for (uint32_t i = 0; i < saved_count; i++)
        gw_builder_add_edge(builder, place->forward[m], (is_last ? 2 : 1) + i, node, input++);
    for (uint32_t i = 0; is_next && i < place->tensor_count; i++)
        gw_builder_add_edge(builder, place->last_backward, first_slope + i, node, input++);
}

static void connect_update(const step_maker *maker, uint32_t index)
{
    const transformer_place *place = &maker->places[index];
    const uint32_t kept_count = count_kept(maker->job), carried_count = count_carried(maker->job);
    const uint32_t first_slope = index == 0 ? 0 : 1, count = place->tensor_count;
    for (uint32_t i = 0; i < count; i++) {
        gw_builder_add_edge(maker->builder, place->last_backward, first_slope + i, place->update,
                            i);
        for (uint32_t k = 0; k < kept_count; k++)
            carry(maker, place, i * carried_count + k, place->update, count + i * kept_count + k);
    }
    if (index + 1 == maker->job->model.places) {
        gw_builder_add_edge(maker->builder, place->last_forward, 0, place->update,
                            count + count * kept_count);
        gw_builder_add_result(maker->builder, "loss", place->update, count * carried_count);
    }
}

/* --- The step --- */

typedef struct {
    gw_time start_ns;
    uint32_t stage, slot;
} started_slot;

static int compare_started(const void *a, const void *b)
{
    const started_slot *one = a, *other = b;
    if (one->start_ns != other->start_ns)
        return one->start_ns < other->start_ns ? -1 : 1;
    return one->slot < other->slot ? -1 : one->slot > other->slot; /* Slots go by stage. */
}

static started_slot *sort_slots(const training *job)
{
    const gw_workload_schedule *schedule = job->schedule;
    const uint32_t slot_count = schedule->first_slot[job->stages];
    started_slot *order = g_new(started_slot, slot_count);
    for (uint32_t s = 0; s < job->stages; s++)
        for (uint32_t i = schedule->first_slot[s]; i < schedule->first_slot[s + 1]; i++)
            order[i] = (started_slot){job->start_ns[i], s, i};
    qsort(order, slot_count, sizeof *order, compare_started);
    return order;
}

static void add_pass(const step_maker *maker, const started_slot *started)
{
    const training *job = maker->job;
    const gw_slot *slot = &job->schedule->slots[started->slot];
    const uint32_t index = slot->chunk * job->stages + started->stage, m = slot->microbatch;
    transformer_place *place = &maker->places[index];
    if (slot->kind == GW_SLOT_FORWARD) {
        const bool is_next = place->last_forward != GW_INDEX_NONE;
        place->forward[m] = add_node(maker, "forward", index, m, place->forwards[is_next]);
        connect_forward(maker, index, m, is_next);
        place->last_forward = place->forward[m];
    } else {
        const bool is_next = place->last_backward != GW_INDEX_NONE;
        place->backward[m] = add_node(maker, "backward", index, m, place->backwards[is_next]);
        connect_backward(maker, index, m, is_next);
        place->last_backward = place->backward[m];
    }
}

static void add_step(const step_maker *maker)
{
    const training *job = maker->job;
    const uint32_t slot_count = job->schedule->first_slot[job->stages];
    g_autofree started_slot *order = sort_slots(job);
    for (uint32_t p = 0; p < job->model.places; p++)
        begin_place(maker, p);
    for (uint32_t p = 0; p < job->model.places; p++) { /* Numbers of nodes that come last. */
        const uint32_t setup_count = maker->places[job->model.places - 1].init + 1;
        maker->places[p].update = setup_count + slot_count + p;
    }
    for (uint32_t i = 0; i < slot_count; i++)
        add_pass(maker, &order[i]);
    for (uint32_t p = 0; p < job->model.places; p++) {
        transformer_place *place = &maker->places[p];
        const uint32_t function = gw_builder_take_function(
            maker->builder, make_update(job, place->tensors, p + 1 == job->model.places));
        const uint32_t node = add_node(maker, "update", p, GW_INDEX_NONE, function);
        gw_check(node == place->update);
        connect_update(maker, p);
    }
}

static gw_program *build_transformer(gw_params *params, uint64_t seed, GError **error)
{
    g_auto(training) job = {.model = {.seed = seed}};
    if (!read_training(params, &job, error))
        return NULL;
    const uint32_t shape[] = {job.model.data, job.model.tensor};
    g_autofree transformer_place *places = g_new0(transformer_place, job.model.places);
    const step_maker maker = {&job, gw_builder_new("transformer"), places,
                              gw_transformer_count_microbatches(&job.model)};
    for (uint32_t s = 0; s < job.stages; s++) {
        g_autofree char *name = g_strdup_printf("stage%u", s);
        const uint32_t mesh =
            gw_builder_add_mesh(maker.builder, job.stages > 1 ? name : "devices", 2, shape);
        gw_builder_set_activations(maker.builder, mesh,
                                   gw_workload_schedule_peak(job.schedule, s, 0));
    }
    add_step(&maker);
    for (uint32_t p = 0; p < job.model.places; p++)
        end_place(&places[p]);
    gw_builder_set_tokens(maker.builder, (double)job.model.batch * job.model.sequence);
    gw_builder_set_flops(maker.builder, gw_transformer_model_flops(&job.model),
                         gw_transformer_hardware_flops(&job.model));
    return gw_workload_finish(maker.builder, params, error);
}

static const char *const transformer_help[] = {
    "layers  how many",
    "hidden  width of the activations; a multiple of \"heads\"",
    "heads  of attention; a multiple of \"tensor\"",
    "feed_forward  width inside the perceptron; default 4 times \"hidden\"",
    "vocabulary  different tokens; a multiple of \"tensor\"",
    "sequence  tokens of a sequence",
    "batch  sequences per step, over all devices; a multiple of \"data\"",
    "microbatch  sequences of a micro-batch on one device; a divisor of the batch over \"data\", "
    "and all of it by default",
    "data  how many groups of devices share the batch; default 1",
    "tensor  how many devices share each layer; default 1",
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
