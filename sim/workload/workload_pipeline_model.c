/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes by element, of a framework that runs one operation at a time in mixed precision: the
 * kernels that docs/MODEL.md lists under "Kernels of a framework". */
#include "workload/workload_pipeline_model.h"

#include "workload/workload_params.h"

#define SIZE_MAX_OF_MODEL (1U << 24)

/* Of an element of what the embedding gives: a row of the table and one of positions read, their
 * sum written, and dropped out (read, written with its mask of one byte). */
#define EMBEDDING_BYTES (2 + 2 + 2 + 2 + 2 + 1)
/* Of an element of the table, since its slopes are as large as it is: written, and added to the
 * step's (both read, one written). */
#define TABLE_SLOPE_BYTES (2 + 2 + 2 + 2)
/* Of a logit: written by the product; widened (read, written); for the softmax's largest, less
 * that, exponential, sum and quotient five times read and three times written. */
#define LOSS_BYTES (2 + 2 + 4 + 5 * 4 + 3 * 4)
/* Its slope: from the softmax (read, written), narrowed (read, written), read by a product. */
#define LOSS_SLOPE_BYTES (4 + 4 + 4 + 2 + 2)
/* Of a parameter: slopes widened (read, written), unscaled (read, written), measured (read),
 * clipped (read, written); Adam (four read, three written); the copy that passes read (read,
 * written). */
#define UPDATE_BYTES (2 + 4 + 4 + 4 + 4 + 4 + 4 + 4 * 4 + 3 * 4 + 4 + 2)

static bool check_layers(gw_params *params, const gw_pipeline_model *model, GError **error)
{
    if ((model->layers + 2) % model->place_count == 0) {
        return true;
    }
    gw_params_error(params, "layers", error,
                    "found %" G_GUINT64_FORMAT ", expected 2 less than a multiple of %u: the first "
                    "and the last place of the pipeline have a layer fewer than others",
                    model->layers, model->place_count);
    return false;
}

bool gw_pipeline_model_read(gw_params *params, uint32_t place_count, gw_pipeline_model *out,
                            GError **error)
{
    gw_params *object = NULL;
    *out = (gw_pipeline_model){.place_count = place_count};
    if (!gw_params_object(params, "model", false, &object, error)) {
        return false;
    }
    if (object == NULL) {
        return true;
    }
    return gw_params_count(object, "layers", true, 1, SIZE_MAX_OF_MODEL, &out->layers, error) &&
           gw_params_count(object, "hidden", true, 1, SIZE_MAX_OF_MODEL, &out->hidden, error) &&
           gw_params_count(object, "vocabulary", true, 1, SIZE_MAX_OF_MODEL, &out->vocabulary,
                           error) &&
           gw_params_count(object, "sequence", true, 1, SIZE_MAX_OF_MODEL, &out->sequence, error) &&
           gw_params_count(object, "microbatch", true, 1, SIZE_MAX_OF_MODEL, &out->microbatch,
                           error) &&
           check_layers(object, out, error) && gw_params_finish(object, error);
}

static bool is_first(uint32_t place)
{
    return place == 0;
}

static bool is_last(const gw_pipeline_model *model, uint32_t place)
{
    return place + 1 == model->place_count;
}

/* Layers of a place that has no end of the model in it. */
static uint64_t full_layers(const gw_pipeline_model *model)
{
    return (model->layers + 2) / model->place_count;
}

static uint64_t layers_of(const gw_pipeline_model *model, uint32_t place)
{
    return full_layers(model) - (is_first(place) ? 1 : 0) - (is_last(model, place) ? 1 : 0);
}

gw_span gw_pipeline_model_layers_ns(const gw_pipeline_model *model, uint32_t place, gw_span span_ns)
{
    if (model->layers == 0) {
        return span_ns;
    }
    const double share = (double)layers_of(model, place) / (double)full_layers(model);
    return MAX((gw_span)((double)span_ns * share + 0.5), 1);
}

static void add_traffic(gw_function *function, double bytes)
{
    gw_function_add(function, &(gw_operation){.kind = GW_OPERATION_WORK, .bytes = bytes});
}

static void add_product(gw_function *function, uint64_t rows, uint64_t columns, uint64_t depth)
{
    gw_function_add(function, &(gw_operation){.kind = GW_OPERATION_WORK,
                                              .flops = 2.0 * (double)rows * (double)columns *
                                                       (double)depth,
                                              .rows = rows,
                                              .columns = columns,
                                              .depth = depth});
}

double gw_pipeline_model_tokens(const gw_pipeline_model *model)
{
    return model->layers == 0 ? 0 : (double)model->microbatch * (double)model->sequence;
}

void gw_pipeline_model_add_pass(const gw_pipeline_model *model, gw_function *function,
                                gw_slot_kind kind, uint32_t place)
{
    if (model->layers == 0) {
        return;
    }
    const double tokens = gw_pipeline_model_tokens(model);
    const double hidden = (double)model->hidden, vocabulary = (double)model->vocabulary;
    const uint64_t rows = model->microbatch * model->sequence;
    const bool has_inputs = kind == GW_SLOT_BACKWARD || kind == GW_SLOT_INPUTS;
    const bool has_weights = kind == GW_SLOT_BACKWARD || kind == GW_SLOT_WEIGHTS;
    if (is_first(place) && kind == GW_SLOT_FORWARD) {
        add_traffic(function, EMBEDDING_BYTES * tokens * hidden);
    }
    if (is_first(place) && has_weights) {
        add_traffic(function, TABLE_SLOPE_BYTES * vocabulary * hidden);
    }
    if (!is_last(model, place)) {
        return;
    }
    if (kind == GW_SLOT_FORWARD) {
        add_product(function, rows, model->vocabulary, model->hidden);
        add_traffic(function, LOSS_BYTES * tokens * vocabulary);
    }
    if (has_inputs) {
        add_traffic(function, LOSS_SLOPE_BYTES * tokens * vocabulary);
        add_product(function, rows, model->hidden, model->vocabulary);
    }
    if (has_weights) {
        add_product(function, model->hidden, model->vocabulary, rows);
        add_traffic(function, TABLE_SLOPE_BYTES * vocabulary * hidden);
    }
}

/* A layer: four products of the hidden size for attention, eight for the perceptron; biases of
 * nine rows, and two norms. */
double gw_pipeline_model_count(const gw_pipeline_model *model, uint32_t place)
{
    const double hidden = (double)model->hidden;
    double count = (double)layers_of(model, place) * (12 * hidden + 13) * hidden;
    if (is_first(place)) {
        count += ((double)model->vocabulary + (double)model->sequence) * hidden;
    }
    if (is_last(model, place)) {
        count += ((double)model->vocabulary + 2) * hidden;
    }
    return count;
}

void gw_pipeline_model_add_update(gw_function *function, double parameter_count)
{
    add_traffic(function, UPDATE_BYTES * parameter_count);
}
