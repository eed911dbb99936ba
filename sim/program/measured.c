/* SPDX-License-Identifier: Apache-2.0 */
#include "program/measured.h"

#include <string.h>

#include "base/check.h"

const gw_measured_kind gw_measured_kinds[] = {
    {"matmul", GW_MEASURED_PRODUCT, GW_OPERATION_MATMUL, GW_MEASURED_PLAIN},
    {"matmul_a_transposed", GW_MEASURED_PRODUCT, GW_OPERATION_MATMUL, GW_MEASURED_A_TRANSPOSED},
    {"matmul_b_transposed", GW_MEASURED_PRODUCT, GW_OPERATION_MATMUL, GW_MEASURED_B_TRANSPOSED},
    {"attention", GW_MEASURED_ATTENTION, GW_OPERATION_ATTENTION, 0},
    {"attention_gradient", GW_MEASURED_ATTENTION, GW_OPERATION_ATTENTION_GRADIENT, 0},
    {"copy", GW_MEASURED_ELEMENTS, GW_OPERATION_MAP, GW_MAP_COPY},
    {"scale", GW_MEASURED_ELEMENTS, GW_OPERATION_MAP, GW_MAP_SCALE},
    {"add", GW_MEASURED_ELEMENTS, GW_OPERATION_MAP, GW_MAP_ADD},
    {"subtract", GW_MEASURED_ELEMENTS, GW_OPERATION_MAP, GW_MAP_SUBTRACT},
    {"multiply", GW_MEASURED_ELEMENTS, GW_OPERATION_MAP, GW_MAP_MULTIPLY},
    {"add_row", GW_MEASURED_ROWS, GW_OPERATION_MAP, GW_MAP_ADD_ROW},
    {"add_scalar", GW_MEASURED_ELEMENTS, GW_OPERATION_MAP, GW_MAP_ADD_SCALAR},
    {"relu", GW_MEASURED_ELEMENTS, GW_OPERATION_MAP, GW_MAP_RELU},
    {"relu_gradient", GW_MEASURED_ELEMENTS, GW_OPERATION_MAP, GW_MAP_RELU_GRADIENT},
    {"tanh", GW_MEASURED_ELEMENTS, GW_OPERATION_MAP, GW_MAP_TANH},
    {"gelu", GW_MEASURED_ELEMENTS, GW_OPERATION_MAP, GW_MAP_GELU},
    {"gelu_gradient", GW_MEASURED_ELEMENTS, GW_OPERATION_MAP, GW_MAP_GELU_GRADIENT},
    {"multiply_column", GW_MEASURED_ROWS, GW_OPERATION_MAP, GW_MAP_MULTIPLY_COLUMN},
    {"sum_rows", GW_MEASURED_ROWS, GW_OPERATION_REDUCE, GW_REDUCTION_SUM_ROWS},
    {"sum", GW_MEASURED_ELEMENTS, GW_OPERATION_REDUCE, GW_REDUCTION_SUM},
    {"mean", GW_MEASURED_ELEMENTS, GW_OPERATION_REDUCE, GW_REDUCTION_MEAN},
    {"max", GW_MEASURED_ELEMENTS, GW_OPERATION_REDUCE, GW_REDUCTION_MAX},
    {"softmax", GW_MEASURED_ROWS, GW_OPERATION_SOFTMAX, 0},
    {"layer_norm", GW_MEASURED_ROWS, GW_OPERATION_LAYER_NORM, 0},
    {"layer_norm_gradient", GW_MEASURED_ROWS, GW_OPERATION_LAYER_NORM_GRADIENT, 0},
    {"cross_entropy", GW_MEASURED_ROWS, GW_OPERATION_CROSS_ENTROPY, 0},
    {"sgd", GW_MEASURED_ELEMENTS, GW_OPERATION_SGD, 0},
    {"adam", GW_MEASURED_ELEMENTS, GW_OPERATION_ADAM, 0},
    {"embedding", GW_MEASURED_ROWS, GW_OPERATION_EMBEDDING, 0},
    {"embedding_gradient", GW_MEASURED_ROWS, GW_OPERATION_EMBEDDING_GRADIENT, 0},
    {"token_statistics", GW_MEASURED_ROWS, GW_OPERATION_TOKEN_STATISTICS, 0},
    {"token_loss", GW_MEASURED_ROWS, GW_OPERATION_TOKEN_LOSS, 0},
    {"random", GW_MEASURED_ELEMENTS, GW_OPERATION_RANDOM, 0},
    {NULL, 0, 0, 0},
};
_Static_assert(G_N_ELEMENTS(gw_measured_kinds) <= GW_MEASURED_KINDS_MAX, "each has a place");

const char *gw_measured_axis(gw_measured_form form, uint32_t axis)
{
    static const char *const names[][GW_MEASURED_AXES_MAX] = {
        [GW_MEASURED_ELEMENTS] = {"elements"},
        [GW_MEASURED_ROWS] = {"rows", "columns"},
        [GW_MEASURED_PRODUCT] = {"rows", "columns", "depth"},
        [GW_MEASURED_ATTENTION] = {"sequence", "columns"},
    };
    gw_check(form >= GW_MEASURED_ELEMENTS && form <= GW_MEASURED_ATTENTION);
    return axis < GW_MEASURED_AXES_MAX ? names[form][axis] : NULL;
}

static void clear_table(gw_measured_table *table)
{
    for (uint32_t i = 0; i < GW_MEASURED_AXES_MAX; i++)
        g_free(table->sizes[i]);
    g_free(table->ns);
    g_free(table->shapes);
    *table = (gw_measured_table){.ns = NULL};
}

void gw_measured_free(gw_measured *measured)
{
    if (measured == NULL)
        return;
    for (uint32_t i = 0; i < GW_MEASURED_KINDS_MAX; i++)
        clear_table(&measured->tables[i]);
    for (uint32_t i = 0; i < measured->collective_count; i++)
        g_free(measured->collectives[i].curve.points);
    g_free(measured->collectives);
    g_free(measured->wake.points);
    g_free(measured);
}

/* --- Sizes --- */

static double count_elements(const gw_function *function, uint32_t value)
{
    const gw_value *one = gw_function_value(function, value);
    return (double)one->rows * one->columns;
}

/* What is as large as the work is: tables of words are not. */
static const gw_value *find_sized(const gw_function *function, const gw_operation *operation)
{
    if (operation->kind == GW_OPERATION_EMBEDDING)
        return gw_function_value(function, operation->outputs[0]);
    if (operation->kind == GW_OPERATION_EMBEDDING_GRADIENT)
        return gw_function_value(function, operation->inputs[1]);
    return gw_function_value(function, gw_operation_input_count(operation) > 0
                                           ? operation->inputs[0]
                                           : operation->outputs[0]);
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

gw_span gw_measured_wake(const gw_measured *measured, gw_span rest_ns)
{
    const gw_measured_curve *wake = &measured->wake;
    if (wake->count == 0)
        return 0;
    const double last_ns = wake->points[wake->count - 1].size;
    return (gw_span)(gw_measured_at(wake, MIN((double)rest_ns, last_ns)) + 0.5);
}

/* Where `size` lies on an axis: between which two places, how far, and how many times as much as
 * the table has. */
typedef struct {
    uint32_t below, above;
    double way, times;
} place;

static place find_place(const double *sizes, uint32_t count, double size)
{
    if (sizes == NULL)
        return (place){0, 0, 0, 1};
    const double last = sizes[count - 1];
    if (size >= last)
        return (place){count - 1, count - 1, 0, size / last};
    uint32_t above = 0;
    while (sizes[above] < size)
        above++;
    if (above == 0)
        return (place){0, 0, 0, 1};
    const double below_size = sizes[above - 1];
    return (place){above - 1, above, (size - below_size) / (sizes[above] - below_size), 1};
}

static int compare_sizes(const double *left, const double *right)
{
    for (uint32_t i = 0; i < GW_MEASURED_AXES_MAX; i++)
        if (left[i] != right[i])
            return left[i] < right[i] ? -1 : 1;
    return 0;
}

/* The place of the first shape that is not below `sizes`. */
static uint32_t find_shape_place(const gw_measured_table *table, const double *sizes)
{
    uint32_t low = 0, high = table->shape_count;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (compare_sizes(table->shapes[middle].sizes, sizes) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_shape(const gw_measured_table *table, uint32_t at, const double *sizes)
{
    return at < table->shape_count && compare_sizes(table->shapes[at].sizes, sizes) == 0;
}

/* The shape that was measured by itself; NULL: it was not. */
static const gw_measured_shape *find_shape(const gw_measured_table *table, const double *sizes)
{
    const uint32_t at = find_shape_place(table, sizes);
    return is_shape(table, at, sizes) ? &table->shapes[at] : NULL;
}

bool gw_measured_table_add(gw_measured_table *table, const gw_measured_shape *shape)
{
    const uint32_t at = find_shape_place(table, shape->sizes);
    if (is_shape(table, at, shape->sizes))
        return false;
    table->shapes = g_renew(gw_measured_shape, table->shapes, table->shape_count + 1);
    memmove(table->shapes + at + 1, table->shapes + at,
            (table->shape_count - at) * sizeof *table->shapes);
    table->shapes[at] = *shape;
    table->shape_count++;
    return true;
}

/* Between the points of the grid. */
static double interpolate(const gw_measured_table *table, const double *sizes)
{
    place places[GW_MEASURED_AXES_MAX];
    double ns = 0, times = 1;
    for (uint32_t i = 0; i < GW_MEASURED_AXES_MAX; i++) {
        places[i] = find_place(table->sizes[i], table->counts[i], sizes[i]);
        times *= places[i].times;
    }
    for (uint32_t corner = 0; corner < 1U << GW_MEASURED_AXES_MAX; corner++) {
        double share = 1;
        uint64_t at = 0;
        for (uint32_t i = 0; i < GW_MEASURED_AXES_MAX; i++) {
            const bool is_above = (corner >> i & 1) != 0;
            share *= is_above ? places[i].way : 1 - places[i].way;
            at = at * table->counts[i] + (is_above ? places[i].above : places[i].below);
        }
        ns += share * table->ns[at];
    }
    return ns * times;
}

double gw_measured_table_at(const gw_measured_table *table,
                            const double sizes[GW_MEASURED_AXES_MAX])
{
    const gw_measured_shape *shape = find_shape(table, sizes);
    return shape != NULL ? shape->ns : interpolate(table, sizes);
}

/* --- Looking up --- */

/* GW_INDEX_NONE: it cannot be measured. */
static uint32_t find_kind(gw_operation_kind kind, uint32_t which)
{
    for (uint32_t i = 0; gw_measured_kinds[i].name != NULL; i++)
        if (gw_measured_kinds[i].kind == kind && gw_measured_kinds[i].which == which)
            return i;
    return GW_INDEX_NONE;
}

static gw_measured_work describe_product(const gw_function *function, const gw_operation *operation)
{
    const gw_value *a = gw_function_value(function, operation->inputs[0]);
    const gw_value *y = gw_function_value(function, operation->outputs[0]);
    const double runs = (double)a->rows / MAX(operation->sequence, 1);
    const uint32_t plain = find_kind(GW_OPERATION_MATMUL, GW_MEASURED_PLAIN);
    const uint32_t a_transposed = find_kind(GW_OPERATION_MATMUL, GW_MEASURED_A_TRANSPOSED);
    const uint32_t b_transposed = find_kind(GW_OPERATION_MATMUL, GW_MEASURED_B_TRANSPOSED);
    const uint32_t straight = operation->transpose_b ? b_transposed : plain;
    if (operation->kind == GW_OPERATION_BLOCK_MATMUL)
        return (gw_measured_work){straight, {operation->sequence, y->columns, a->columns}, runs};
    if (operation->kind == GW_OPERATION_BLOCK_MATMUL_GRADIENT)
        return (gw_measured_work){
            a_transposed,
            {(double)y->rows / operation->blocks, y->columns, operation->sequence},
            runs};
    return (gw_measured_work){operation->transpose_a ? a_transposed : straight,
                              {y->rows, y->columns, operation->transpose_a ? a->rows : a->columns},
                              1};
}

static gw_measured_work describe_attention(const gw_function *function,
                                           const gw_operation *operation)
{
    const bool is_gradient = operation->kind == GW_OPERATION_ATTENTION_GRADIENT;
    const gw_value *queries = gw_function_value(function, operation->inputs[0]);
    const double shares =
        count_elements(function, is_gradient ? operation->inputs[3] : operation->outputs[1]);
    return (gw_measured_work){find_kind(operation->kind, 0),
                              {operation->sequence, (double)queries->columns / operation->heads, 0},
                              shares};
}

static bool describe_sized(const gw_function *function, const gw_operation *operation,
                           gw_measured_work *out)
{
    uint32_t which = 0;
    if (operation->kind == GW_OPERATION_MAP)
        which = operation->map;
    if (operation->kind == GW_OPERATION_REDUCE)
        which = operation->reduction;
    const uint32_t kind = find_kind(operation->kind, which);
    if (kind == GW_INDEX_NONE)
        return false;
    const gw_value *sized = find_sized(function, operation);
    const bool is_by_rows = gw_measured_kinds[kind].form == GW_MEASURED_ROWS;
    const double rows = sized->rows, columns = sized->columns;
    *out = (gw_measured_work){
        kind, {is_by_rows ? rows : rows * columns, is_by_rows ? columns : 0, 0}, 1};
    return true;
}

bool gw_measured_describe(const gw_function *function, const gw_operation *operation,
                          gw_measured_work *out)
{
    switch (operation->kind) {
    case GW_OPERATION_MATMUL:
    case GW_OPERATION_BLOCK_MATMUL:
    case GW_OPERATION_BLOCK_MATMUL_GRADIENT:
        *out = describe_product(function, operation);
        return true;
    case GW_OPERATION_ATTENTION:
    case GW_OPERATION_ATTENTION_GRADIENT:
        *out = describe_attention(function, operation);
        return true;
    default:
        return describe_sized(function, operation, out);
    }
}

/* A row of attention longer than the grid's longest costs what it does there. */
static double look_up_work(const gw_measured_table *table, const gw_measured_work *work)
{
    const gw_measured_shape *shape = find_shape(table, work->sizes);
    if (shape != NULL)
        return shape->ns;
    const bool is_attention = gw_measured_kinds[work->kind].form == GW_MEASURED_ATTENTION;
    const double longest = is_attention ? table->sizes[0][table->counts[0] - 1] : 0;
    if (!is_attention || work->sizes[0] <= longest)
        return interpolate(table, work->sizes);
    const double sizes[GW_MEASURED_AXES_MAX] = {longest, work->sizes[1], work->sizes[2]};
    return gw_measured_table_at(table, sizes);
}

bool gw_measured_work_span(const gw_measured *measured, const gw_measured_work *work,
                           double *out_ns)
{
    const gw_measured_table *table = &measured->tables[work->kind];
    if (table->ns == NULL)
        return false;
    *out_ns = work->count * look_up_work(table, work);
    return true;
}

bool gw_measured_operation(const gw_measured *measured, const gw_function *function,
                           const gw_operation *operation, double *out_ns)
{
    gw_measured_work work;
    return gw_measured_describe(function, operation, &work) &&
           gw_measured_work_span(measured, &work, out_ns);
}

/* A device by itself still writes an output of its own. */
static bool look_up_copy(const gw_measured *measured, uint64_t size_bytes, double *out_ns)
{
    const gw_measured_table *table = &measured->tables[find_kind(GW_OPERATION_MAP, GW_MAP_COPY)];
    const double sizes[GW_MEASURED_AXES_MAX] = {(double)size_bytes / sizeof(float), 0, 0};
    if (table->ns == NULL)
        return false;
    *out_ns = gw_measured_table_at(table, sizes);
    return true;
}

/* The number of hosts whose measurements stand for `host_count`: one host and several are never
 * taken for each other where both were measured. */
static uint32_t find_hosts(const gw_measured *measured, gw_operation_kind kind, uint32_t host_count)
{
    uint32_t found = 0;
    for (uint32_t i = 0; i < measured->collective_count; i++) {
        const gw_measured_collective *one = &measured->collectives[i];
        const bool is_alike = (one->host_count > 1) == (host_count > 1);
        if (one->kind == kind && is_alike && (found == 0 || one->host_count <= host_count))
            found = one->host_count;
    }
    return found != 0 ? found : 1;
}

bool gw_measured_collective_of(const gw_measured *measured, gw_operation_kind kind,
                               uint32_t member_count, uint32_t host_count, uint64_t size_bytes,
                               double *out_ns)
{
    if (member_count == 1)
        return look_up_copy(measured, size_bytes, out_ns);
    const uint32_t hosts = find_hosts(measured, kind, host_count);
    const gw_measured_collective *below = NULL, *above = NULL;
    for (uint32_t i = 0; i < measured->collective_count; i++) {
        const gw_measured_collective *one = &measured->collectives[i];
        if (one->kind != kind || one->host_count != hosts)
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
