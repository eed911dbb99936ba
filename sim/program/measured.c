/* SPDX-License-Identifier: Apache-2.0 */
#include "program/measured.h"

#include "base/check.h"

const gw_measured_kind gw_measured_kinds[] = {
    {"matmul", GW_MEASURED_PRODUCT, GW_OPERATION_MATMUL, 0},
    {"attention", GW_MEASURED_ATTENTION, GW_OPERATION_ATTENTION, 0},
    {"attention_gradient", GW_MEASURED_ATTENTION, GW_OPERATION_ATTENTION_GRADIENT, 0},
    {"copy", GW_MEASURED_CURVE, GW_OPERATION_MAP, GW_MAP_COPY},
    {"scale", GW_MEASURED_CURVE, GW_OPERATION_MAP, GW_MAP_SCALE},
    {"add", GW_MEASURED_CURVE, GW_OPERATION_MAP, GW_MAP_ADD},
    {"subtract", GW_MEASURED_CURVE, GW_OPERATION_MAP, GW_MAP_SUBTRACT},
    {"multiply", GW_MEASURED_CURVE, GW_OPERATION_MAP, GW_MAP_MULTIPLY},
    {"add_row", GW_MEASURED_CURVE, GW_OPERATION_MAP, GW_MAP_ADD_ROW},
    {"add_scalar", GW_MEASURED_CURVE, GW_OPERATION_MAP, GW_MAP_ADD_SCALAR},
    {"relu", GW_MEASURED_CURVE, GW_OPERATION_MAP, GW_MAP_RELU},
    {"relu_gradient", GW_MEASURED_CURVE, GW_OPERATION_MAP, GW_MAP_RELU_GRADIENT},
    {"tanh", GW_MEASURED_CURVE, GW_OPERATION_MAP, GW_MAP_TANH},
    {"gelu", GW_MEASURED_CURVE, GW_OPERATION_MAP, GW_MAP_GELU},
    {"gelu_gradient", GW_MEASURED_CURVE, GW_OPERATION_MAP, GW_MAP_GELU_GRADIENT},
    {"multiply_column", GW_MEASURED_CURVE, GW_OPERATION_MAP, GW_MAP_MULTIPLY_COLUMN},
    {"sum_rows", GW_MEASURED_CURVE, GW_OPERATION_REDUCE, GW_REDUCTION_SUM_ROWS},
    {"sum", GW_MEASURED_CURVE, GW_OPERATION_REDUCE, GW_REDUCTION_SUM},
    {"mean", GW_MEASURED_CURVE, GW_OPERATION_REDUCE, GW_REDUCTION_MEAN},
    {"max", GW_MEASURED_CURVE, GW_OPERATION_REDUCE, GW_REDUCTION_MAX},
    {"softmax", GW_MEASURED_CURVE, GW_OPERATION_SOFTMAX, 0},
    {"layer_norm", GW_MEASURED_CURVE, GW_OPERATION_LAYER_NORM, 0},
    {"layer_norm_gradient", GW_MEASURED_CURVE, GW_OPERATION_LAYER_NORM_GRADIENT, 0},
    {"cross_entropy", GW_MEASURED_CURVE, GW_OPERATION_CROSS_ENTROPY, 0},
    {"sgd", GW_MEASURED_CURVE, GW_OPERATION_SGD, 0},
    {"adam", GW_MEASURED_CURVE, GW_OPERATION_ADAM, 0},
    {"embedding", GW_MEASURED_CURVE, GW_OPERATION_EMBEDDING, 0},
    {"embedding_gradient", GW_MEASURED_CURVE, GW_OPERATION_EMBEDDING_GRADIENT, 0},
    {"token_statistics", GW_MEASURED_CURVE, GW_OPERATION_TOKEN_STATISTICS, 0},
    {"token_loss", GW_MEASURED_CURVE, GW_OPERATION_TOKEN_LOSS, 0},
    {NULL, 0, 0, 0},
};
_Static_assert(G_N_ELEMENTS(gw_measured_kinds) <= GW_MEASURED_KINDS_MAX, "each has a place");

void gw_measured_free(gw_measured *measured)
{
    if (measured == NULL)
        return;
    for (uint32_t i = 0; i < GW_MEASURED_KINDS_MAX; i++)
        g_free(measured->curves[i].points);
    for (uint32_t i = 0; i < measured->collective_count; i++)
        g_free(measured->collectives[i].curve.points);
    g_free(measured->collectives);
    g_free(measured);
}

/* --- Sizes --- */

static double count_elements(const gw_function *function, uint32_t value)
{
    const gw_value *one = gw_function_value(function, value);
    return (double)one->rows * one->columns;
}

/* What is as large as the work is: tables of words are not. */
static double curve_size(const gw_function *function, const gw_operation *operation)
{
    if (operation->kind == GW_OPERATION_EMBEDDING)
        return count_elements(function, operation->outputs[0]);
    if (operation->kind == GW_OPERATION_EMBEDDING_GRADIENT)
        return count_elements(function, operation->inputs[1]);
    return count_elements(function, operation->inputs[0]);
}

uint32_t gw_measured_terms(gw_measured_form form, const gw_function *function,
                           const gw_operation *operation, double out_terms[GW_MEASURED_TERMS_MAX])
{
    out_terms[0] = 1;
    if (form == GW_MEASURED_PRODUCT) {
        out_terms[1] = gw_operation_flops(function, operation);
        out_terms[2] = count_elements(function, operation->inputs[0]);
        out_terms[3] = count_elements(function, operation->inputs[1]);
        out_terms[4] = count_elements(function, operation->outputs[0]);
        return 5;
    }
    if (form != GW_MEASURED_ATTENTION)
        return 0;
    const bool is_gradient = operation->kind == GW_OPERATION_ATTENTION_GRADIENT;
    const double shares =
        count_elements(function, is_gradient ? operation->inputs[3] : operation->outputs[1]);
    out_terms[1] = shares / operation->sequence / operation->sequence;
    out_terms[2] = shares;
    out_terms[3] = gw_operation_flops(function, operation);
    return 4;
}

double gw_measured_at(const gw_measured_curve *curve, double size)
{
    gw_check(curve->count > 0);
    const gw_measured_point *first = &curve->points[0], *last = &curve->points[curve->count - 1];
    if (size <= first->size)
        return first->ns;
    if (size >= last->size)
        return last->ns * size / last->size;
    const gw_measured_point *above = first;
    while (above->size < size)
        above++;
    const gw_measured_point *below = above - 1;
    return below->ns + (above->ns - below->ns) * (size - below->size) / (above->size - below->size);
}

/* --- Looking up --- */

static uint32_t find_kind(const gw_operation *operation)
{
    uint32_t which = 0;
    if (operation->kind == GW_OPERATION_MAP)
        which = operation->map;
    if (operation->kind == GW_OPERATION_REDUCE)
        which = operation->reduction;
    for (uint32_t i = 0; gw_measured_kinds[i].name != NULL; i++)
        if (gw_measured_kinds[i].kind == operation->kind && gw_measured_kinds[i].which == which)
            return i;
    return UINT32_MAX;
}

bool gw_measured_operation(const gw_measured *measured, const gw_function *function,
                           const gw_operation *operation, double *out_ns)
{
    const uint32_t kind = find_kind(operation);
    if (kind == UINT32_MAX)
        return false;
    double terms[GW_MEASURED_TERMS_MAX];
    const uint32_t term_count =
        gw_measured_terms(gw_measured_kinds[kind].form, function, operation, terms);
    if (term_count == 0) {
        if (measured->curves[kind].count == 0)
            return false;
        *out_ns = gw_measured_at(&measured->curves[kind], curve_size(function, operation));
        return true;
    }
    *out_ns = 0;
    for (uint32_t i = 0; i < term_count; i++)
        *out_ns += measured->sums[kind].ns[i] * terms[i];
    return measured->sums[kind].is_given;
}

bool gw_measured_collective_of(const gw_measured *measured, gw_operation_kind kind,
                               uint32_t member_count, uint64_t size_bytes, double *out_ns)
{
    const gw_measured_collective *below = NULL, *above = NULL;
    for (uint32_t i = 0; i < measured->collective_count; i++) {
        const gw_measured_collective *one = &measured->collectives[i];
        if (one->kind != kind)
            continue;
        if (one->member_count <= member_count)
            below = one;
        if (one->member_count >= member_count && above == NULL)
            above = one;
    }
    if (below == NULL && above == NULL)
        return false;
    below = below != NULL ? below : above;
    above = above != NULL ? above : below;
    const double low = gw_measured_at(&below->curve, (double)size_bytes);
    const double high = gw_measured_at(&above->curve, (double)size_bytes);
    const double way = above->member_count > below->member_count
                           ? (double)(member_count - below->member_count) /
                                 (above->member_count - below->member_count)
                           : 0;
    *out_ns = low + (high - low) * way;
    return true;
}
