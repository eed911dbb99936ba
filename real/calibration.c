/* SPDX-License-Identifier: Apache-2.0 */
/* Products and attention are fitted sums over shapes, large and small, square and not; the rest are
 * curves over sizes from the first-level cache to main memory. */
#include "real/calibration.h"

#include <math.h>
#include <string.h>

#include "base/check.h"
#include "base/fit.h"

#define COLUMNS 256 /* Of what is measured by its size alone. */

static const uint32_t curve_rows[] = {1, 4, 16, 64, 256, 1024, 4096};

static const struct {
    uint32_t rows, columns, inner;
} product_shapes[] = {
    {8, 8, 8},       {16, 16, 16},    {32, 32, 32},    {64, 64, 64},     {128, 128, 128},
    {256, 256, 256}, {512, 512, 512}, {768, 768, 768}, {8, 256, 256},    {256, 8, 256},
    {256, 256, 8},   {32, 512, 128},  {512, 32, 128},  {128, 512, 32},   {64, 1024, 256},
    {1024, 64, 256}, {256, 1024, 64}, {1, 512, 512},   {2048, 128, 128}, {128, 128, 2048},
};

/* Tokens, width, sequence. */
static const struct {
    uint32_t rows, columns, inner;
} attention_shapes[] = {
    {32, 32, 8},    {64, 64, 16},   {128, 64, 32},   {128, 128, 64},
    {256, 128, 64}, {256, 64, 128}, {512, 128, 128}, {512, 256, 256},
};

static const gw_operation_kind collective_kinds[] = {
    GW_OPERATION_ALL_REDUCE, GW_OPERATION_ALL_GATHER, GW_OPERATION_REDUCE_SCATTER,
    GW_OPERATION_ALL_TO_ALL, GW_OPERATION_BROADCAST,  GW_OPERATION_PERMUTE,
};
static const uint32_t collective_elements[] = {8, 1024, 16384, 131072, 1048576};
static const uint32_t collective_members[] = {2, 4, 8};

#define COPY_BYTES (8U << 20)

typedef struct {
    const gw_probe_settings *settings;
    gw_calibration *out;
    gw_calibration_progress progress;
    void *context;
    uint32_t done, total;
} calibrator;

static void add_row(calibrator *at, const char *what, const char *shape, double size,
                    const char *unit, const gw_probe_stat *stat)
{
    gw_calibration_row row = {.size = size, .unit = unit, .stat = *stat};
    g_strlcpy(row.what, what, sizeof row.what);
    g_strlcpy(row.shape, shape, sizeof row.shape);
    g_array_append_val(at->out->rows, row);
    at->done++;
    if (at->progress != NULL)
        at->progress(at->context, at->done, at->total);
}

/* --- Curves --- */

static uint32_t inner_of(gw_operation_kind kind)
{
    return kind == GW_OPERATION_EMBEDDING || kind == GW_OPERATION_EMBEDDING_GRADIENT ? 1024 : 0;
}

static void measure_curve(calibrator *at, uint32_t index)
{
    const gw_measured_kind *kind = &gw_measured_kinds[index];
    gw_measured_curve *curve = &at->out->measured->curves[index];
    curve->points = g_new(gw_measured_point, G_N_ELEMENTS(curve_rows));
    curve->count = G_N_ELEMENTS(curve_rows);
    for (uint32_t i = 0; i < curve->count; i++) {
        const uint32_t rows = curve_rows[i];
        g_autoptr(gw_function) function =
            gw_probe_function(kind->kind, kind->which, rows, COLUMNS, inner_of(kind->kind));
        g_autofree char *shape = g_strdup_printf("%u x %u", rows, COLUMNS);
        const gw_probe_stat stat = gw_probe_operation(at->settings, function);
        curve->points[i] = (gw_measured_point){(double)rows * COLUMNS, stat.median_ns};
        add_row(at, kind->name, shape, curve->points[i].size, "elements", &stat);
        const double rate = curve->points[i].size / stat.median_ns * 1e9;
        if (kind->kind == GW_OPERATION_MAP && kind->which == GW_MAP_ADD) {
            at->out->vector_flops = MAX(at->out->vector_flops, rate);
            at->out->stream_bytes_per_s = 12 * rate; /* The last one is the largest. */
        }
    }
}

/* --- Sums --- */

typedef struct {
    gw_fit_row rows[G_N_ELEMENTS(product_shapes) + G_N_ELEMENTS(attention_shapes)];
    uint32_t row_count, term_count;
} fitted_rows;

static void measure_shape(calibrator *at, const gw_measured_kind *kind, uint32_t rows,
                          uint32_t columns, uint32_t inner, fitted_rows *fitted)
{
    g_autoptr(gw_function) function =
        gw_probe_function(kind->kind, kind->which, rows, columns, inner);
    const gw_operation *operation = gw_function_operation(function, 0);
    g_autofree char *shape = g_strdup_printf("%u x %u x %u", rows, columns, inner);
    const gw_probe_stat stat = gw_probe_operation(at->settings, function);
    gw_fit_row *row = &fitted->rows[fitted->row_count++];
    fitted->term_count = gw_measured_terms(kind->form, function, operation, row->parts);
    row->total = stat.median_ns;
    const double flops = gw_operation_flops(function, operation);
    add_row(at, kind->name, shape, flops, "FLOP", &stat);
    if (kind->kind == GW_OPERATION_MATMUL)
        at->out->product_flops = MAX(at->out->product_flops, flops / stat.median_ns * 1e9);
}

static void measure_sum(calibrator *at, uint32_t index)
{
    const gw_measured_kind *kind = &gw_measured_kinds[index];
    fitted_rows fitted = {.row_count = 0};
    double costs[GW_FIT_COSTS_MAX];
    if (kind->form == GW_MEASURED_PRODUCT)
        for (uint32_t i = 0; i < G_N_ELEMENTS(product_shapes); i++)
            measure_shape(at, kind, product_shapes[i].rows, product_shapes[i].columns,
                          product_shapes[i].inner, &fitted);
    else
        for (uint32_t i = 0; i < G_N_ELEMENTS(attention_shapes); i++)
            measure_shape(at, kind, attention_shapes[i].rows, attention_shapes[i].columns,
                          attention_shapes[i].inner, &fitted);
    const double worst = gw_fit_costs(fitted.rows, fitted.row_count, fitted.term_count, costs);
    if (kind->form == GW_MEASURED_PRODUCT)
        at->out->product_error = worst;
    else
        at->out->attention_error = MAX(at->out->attention_error, worst);
    at->out->measured->sums[index].is_given = true;
    memcpy(at->out->measured->sums[index].ns, costs, sizeof at->out->measured->sums[index].ns);
}

/* --- Between threads --- */

static void measure_collectives(calibrator *at)
{
    gw_measured *measured = at->out->measured;
    measured->collectives = g_new0(gw_measured_collective, G_N_ELEMENTS(collective_kinds) *
                                                               G_N_ELEMENTS(collective_members));
    for (uint32_t k = 0; k < G_N_ELEMENTS(collective_kinds); k++) {
        for (uint32_t m = 0; m < G_N_ELEMENTS(collective_members); m++) {
            gw_measured_collective *one = &measured->collectives[measured->collective_count++];
            const uint32_t members = collective_members[m];
            *one = (gw_measured_collective){collective_kinds[k], members, {NULL, 0}};
            one->curve.count = G_N_ELEMENTS(collective_elements);
            one->curve.points = g_new(gw_measured_point, one->curve.count);
            for (uint32_t i = 0; i < one->curve.count; i++) {
                const uint32_t elements = collective_elements[i];
                g_autofree char *shape = g_strdup_printf("%u members", members);
                const gw_probe_stat stat =
                    gw_probe_collective(at->settings, collective_kinds[k], members, elements);
                one->curve.points[i] =
                    (gw_measured_point){(double)elements * sizeof(float), stat.median_ns};
                add_row(at, gw_operation_name(collective_kinds[k]), shape,
                        one->curve.points[i].size, "bytes", &stat);
            }
        }
    }
}

static void measure_memory(calibrator *at)
{
    const gw_probe_stat copy = gw_probe_copy(at->settings, COPY_BYTES);
    add_row(at, "memcpy", "one thread", COPY_BYTES, "bytes", &copy);
    at->out->copy_bytes_per_s = COPY_BYTES / copy.median_ns * 1e9;
    const gw_probe_stat handover = gw_probe_handover(at->settings);
    add_row(at, "hand-over", "two threads", 1, "signal", &handover);
    at->out->handover_ns = (gw_span)ceil(handover.median_ns);
}

static uint32_t count_rows(void)
{
    uint32_t count = 2 + G_N_ELEMENTS(collective_kinds) * G_N_ELEMENTS(collective_members) *
                             G_N_ELEMENTS(collective_elements);
    for (uint32_t i = 0; gw_measured_kinds[i].name != NULL; i++) {
        const gw_measured_form form = gw_measured_kinds[i].form;
        count += form == GW_MEASURED_CURVE     ? G_N_ELEMENTS(curve_rows)
                 : form == GW_MEASURED_PRODUCT ? G_N_ELEMENTS(product_shapes)
                                               : G_N_ELEMENTS(attention_shapes);
    }
    return count;
}

gw_calibration *gw_calibrate(const gw_probe_settings *settings, gw_calibration_progress progress,
                             void *context)
{
    gw_calibration *made = g_new0(gw_calibration, 1);
    made->measured = g_new0(gw_measured, 1);
    made->rows = g_array_new(FALSE, TRUE, sizeof(gw_calibration_row));
    calibrator at = {settings, made, progress, context, 0, count_rows()};
    for (uint32_t i = 0; gw_measured_kinds[i].name != NULL; i++) {
        if (gw_measured_kinds[i].form == GW_MEASURED_CURVE)
            measure_curve(&at, i);
        else
            measure_sum(&at, i);
    }
    measure_collectives(&at);
    measure_memory(&at);
    gw_check(at.done == at.total);
    return made;
}

void gw_calibration_free(gw_calibration *calibration)
{
    if (calibration == NULL)
        return;
    gw_measured_free(calibration->measured);
    g_array_unref(calibration->rows);
    g_free(calibration);
}
