/* SPDX-License-Identifier: Apache-2.0 */
/* Every kind of operation is measured on a grid of sizes, from where its overhead is all to beyond
 * the caches: what lies between is taken as straight (program/measured.h), and measured for a few
 * shapes to see how far that is off. */
#include "real/calibration.h"

#include <math.h>
#include <string.h>

#include "base/check.h"
#include "base/sample.h"

#define PRODUCT_SHARE   0.1        /* Of a probe's time: there are many of them. */
#define WORDS           1024       /* Rows of a table of words. */
#define ATTENTION_PAIRS 2          /* Sequences, of GW_PROBE_HEADS heads each. */
#define ELEMENTS_MAX    (1U << 20) /* Of one operand.  Beyond, it takes so much for each. */

/* Sizes along each axis of a form; 0 ends them. */
#define AXIS_MAX 24
static const uint32_t axes[][GW_MEASURED_AXES_MAX][AXIS_MAX] = {
    [GW_MEASURED_ELEMENTS] = {{16, 64, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536,
                               131072, 262144, 524288, 1048576, 2097152, 0}},
    [GW_MEASURED_ROWS] = {{1, 4, 16, 64, 256, 1024, 4096, 16384, 0},
                          {1, 4, 16, 64, 256, 1024, 4096, 0}},
    [GW_MEASURED_PRODUCT] = {{1, 4, 8, 12, 16, 32, 64, 96, 128, 256, 512, 1024, 0},
                             {1, 4, 8, 12, 16, 32, 64, 96, 128, 256, 512, 1024, 0},
                             {1, 4, 8, 12, 16, 32, 64, 96, 128, 256, 512, 1024, 0}},
    [GW_MEASURED_ATTENTION] = {{2, 4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 256, 512, 0},
                               {2, 4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 0}},
};

/* Off the grid: what models have. */
static const struct {
    gw_measured_form form;
    uint32_t sizes[GW_MEASURED_AXES_MAX];
} checked_shapes[] = {
    {GW_MEASURED_ELEMENTS, {100}},          {GW_MEASURED_ELEMENTS, {640}},
    {GW_MEASURED_ELEMENTS, {3000}},         {GW_MEASURED_ELEMENTS, {12288}},
    {GW_MEASURED_ELEMENTS, {50000}},        {GW_MEASURED_ELEMENTS, {196608}},
    {GW_MEASURED_ELEMENTS, {784000}},       {GW_MEASURED_ROWS, {10, 10}},
    {GW_MEASURED_ROWS, {100, 32}},          {GW_MEASURED_ROWS, {128, 48}},
    {GW_MEASURED_ROWS, {32, 128}},          {GW_MEASURED_ROWS, {512, 96}},
    {GW_MEASURED_ROWS, {192, 768}},         {GW_MEASURED_ROWS, {2048, 512}},
    {GW_MEASURED_PRODUCT, {10, 10, 10}},    {GW_MEASURED_PRODUCT, {24, 48, 96}},
    {GW_MEASURED_PRODUCT, {64, 10, 128}},   {GW_MEASURED_PRODUCT, {100, 100, 100}},
    {GW_MEASURED_PRODUCT, {128, 96, 32}},   {GW_MEASURED_PRODUCT, {192, 48, 768}},
    {GW_MEASURED_PRODUCT, {96, 384, 192}},  {GW_MEASURED_PRODUCT, {320, 320, 320}},
    {GW_MEASURED_PRODUCT, {768, 192, 384}}, {GW_MEASURED_PRODUCT, {700, 700, 50}},
    {GW_MEASURED_ATTENTION, {6, 8}},        {GW_MEASURED_ATTENTION, {24, 16}},
    {GW_MEASURED_ATTENTION, {48, 24}},      {GW_MEASURED_ATTENTION, {96, 48}},
    {GW_MEASURED_ATTENTION, {200, 64}},
};

static const gw_operation_kind collective_kinds[] = {
    GW_OPERATION_ALL_REDUCE, GW_OPERATION_ALL_GATHER, GW_OPERATION_REDUCE_SCATTER,
    GW_OPERATION_ALL_TO_ALL, GW_OPERATION_BROADCAST,  GW_OPERATION_PERMUTE,
};
static const uint32_t collective_elements[] = {8, 256, 2048, 8192, 16384, 32768, 131072, 524288};
static const uint32_t collective_members[] = {2, 4, 8};
/* From that of a hand-over on: cores rest deeper the longer they do, up to a millisecond or so. */
static const gw_span rests_ns[] = {3000, 10000, 30000, 100000, 300000, 1000000, 3000000};

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

/* --- Tables --- */

static uint32_t count_axis(gw_measured_form form, uint32_t axis)
{
    uint32_t count = 0;
    while (axes[form][axis][count] != 0)
        count++;
    return MAX(count, 1);
}

static uint32_t count_cells(gw_measured_form form)
{
    uint32_t count = 1;
    for (uint32_t i = 0; i < GW_MEASURED_AXES_MAX; i++)
        count *= count_axis(form, i);
    return count;
}

/* Of cell number `cell`, the last axis fastest; 0 for axes that the form does not have. */
static void size_cell(gw_measured_form form, uint32_t cell, uint32_t out_sizes[])
{
    for (uint32_t i = GW_MEASURED_AXES_MAX; i-- > 0;) {
        out_sizes[i] = axes[form][i][cell % count_axis(form, i)];
        cell /= count_axis(form, i);
    }
}

static bool is_too_large(gw_measured_form form, const uint32_t sizes[])
{
    return form == GW_MEASURED_ROWS && (uint64_t)sizes[0] * sizes[1] > ELEMENTS_MAX;
}

static uint32_t count_measured(gw_measured_form form)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < count_cells(form); i++) {
        uint32_t sizes[GW_MEASURED_AXES_MAX];
        size_cell(form, i, sizes);
        count += !is_too_large(form, sizes);
    }
    return count;
}

static gw_function *make_function(const gw_measured_kind *kind, const uint32_t sizes[])
{
    switch (kind->form) {
    case GW_MEASURED_ELEMENTS:
        return gw_probe_function(kind->kind, kind->which, 1, sizes[0], 0);
    case GW_MEASURED_ATTENTION:
        return gw_probe_function(kind->kind, 0, ATTENTION_PAIRS * sizes[0],
                                 GW_PROBE_HEADS * sizes[1], sizes[0]);
    case GW_MEASURED_PRODUCT:
        return gw_probe_function(kind->kind, kind->which, sizes[0], sizes[1], sizes[2]);
    default:
        return gw_probe_function(kind->kind, kind->which, sizes[0], sizes[1], WORDS);
    }
}

static double measure_shape(calibrator *at, const gw_measured_kind *kind, const uint32_t sizes[])
{
    g_autoptr(gw_function) function = make_function(kind, sizes);
    gw_probe_settings settings = *at->settings;
    settings.seconds *= kind->form == GW_MEASURED_PRODUCT ? PRODUCT_SHARE : 1;
    const gw_probe_stat stat = gw_probe_operation(&settings, function);
    g_autoptr(GString) shape = g_string_new(NULL);
    double elements = 1;
    for (uint32_t i = 0; gw_measured_axis(kind->form, i) != NULL; i++) {
        g_string_append_printf(shape, "%s%u", i > 0 ? " x " : "", sizes[i]);
        elements *= sizes[i];
    }
    const bool is_product = kind->form == GW_MEASURED_PRODUCT;
    add_row(at, kind->name, shape->str, is_product ? 2 * elements : elements,
            is_product ? "FLOP" : "elements", &stat);
    if (is_product)
        at->out->product_flops = MAX(at->out->product_flops, 2 * elements / stat.low_ns * 1e9);
    if (kind->kind == GW_OPERATION_MAP && kind->which == GW_MAP_ADD) {
        at->out->vector_flops = MAX(at->out->vector_flops, elements / stat.low_ns * 1e9);
        at->out->stream_bytes_per_s = 12 * elements / stat.low_ns * 1e9; /* The last: the most. */
    }
    return stat.median_ns;
}

/* As a table of its form gives it. */
static double measure_cell(calibrator *at, const gw_measured_kind *kind, const uint32_t sizes[])
{
    const double ns = measure_shape(at, kind, sizes);
    return kind->form == GW_MEASURED_ATTENTION
               ? ns / ((double)ATTENTION_PAIRS * GW_PROBE_HEADS * sizes[0] * sizes[0])
               : ns;
}

static void measure_table(calibrator *at, uint32_t index)
{
    const gw_measured_kind *kind = &gw_measured_kinds[index];
    gw_measured_table *table = &at->out->measured->tables[index];
    for (uint32_t i = 0; i < GW_MEASURED_AXES_MAX; i++) {
        table->counts[i] = count_axis(kind->form, i);
        if (gw_measured_axis(kind->form, i) != NULL)
            table->sizes[i] = g_new0(double, table->counts[i]);
        for (uint32_t k = 0; table->sizes[i] != NULL && k < table->counts[i]; k++)
            table->sizes[i][k] = axes[kind->form][i][k];
    }
    table->ns = g_new0(double, count_cells(kind->form));
    for (uint32_t i = 0; i < count_cells(kind->form); i++) {
        uint32_t sizes[GW_MEASURED_AXES_MAX], smaller[GW_MEASURED_AXES_MAX];
        size_cell(kind->form, i, sizes);
        if (!is_too_large(kind->form, sizes)) {
            table->ns[i] = measure_cell(at, kind, sizes);
            continue;
        }
        /* In proportion to the columns before: those are there, since one column never is. */
        size_cell(kind->form, i - 1, smaller);
        table->ns[i] = table->ns[i - 1] * sizes[1] / smaller[1];
    }
}

static void check_tables(calibrator *at, gw_measured_form form)
{
    g_autoptr(GArray) errors = g_array_new(FALSE, FALSE, sizeof(double));
    for (uint32_t i = 0; gw_measured_kinds[i].name != NULL; i++) {
        for (uint32_t k = 0; k < G_N_ELEMENTS(checked_shapes); k++) {
            if (gw_measured_kinds[i].form != form || checked_shapes[k].form != form)
                continue;
            const uint32_t *sizes = checked_shapes[k].sizes;
            const double asked[] = {sizes[0], sizes[1], sizes[2]};
            const double said_ns = gw_measured_table_at(&at->out->measured->tables[i], asked);
            const double error = fabs(said_ns / measure_cell(at, &gw_measured_kinds[i], sizes) - 1);
            g_array_append_val(errors, error);
        }
    }
    const double median = gw_sample_median(errors); /* Sorts. */
    at->out->errors[form] =
        (gw_calibration_error){median, g_array_index(errors, double, errors->len - 1), errors->len};
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
            *one = (gw_measured_collective){collective_kinds[k], members, 1, {NULL, 0}};
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

static void measure_wake(calibrator *at)
{
    gw_measured_curve *wake = &at->out->measured->wake;
    wake->count = G_N_ELEMENTS(rests_ns);
    wake->points = g_new(gw_measured_point, wake->count);
    for (uint32_t i = 0; i < wake->count; i++) {
        const gw_probe_stat stat = gw_probe_wake(at->settings, rests_ns[i]);
        add_row(at, "wake", "after a rest", (double)rests_ns[i], "ns", &stat);
        wake->points[i] = (gw_measured_point){(double)rests_ns[i], stat.median_ns};
    }
}

static void measure_rest(calibrator *at)
{
    const gw_probe_stat copy = gw_probe_copy(at->settings, COPY_BYTES);
    add_row(at, "memcpy", "one thread", COPY_BYTES, "bytes", &copy);
    at->out->copy_bytes_per_s = COPY_BYTES / copy.low_ns * 1e9;
    const gw_probe_stat handover = gw_probe_handover(at->settings);
    add_row(at, "hand-over", "two threads", 1, "signal", &handover);
    at->out->handover_ns = (gw_span)ceil(handover.low_ns);
    measure_wake(at);
    const gw_probe_stat kernel = gw_probe_kernel(at->settings);
    add_row(at, "kernel", "queued", 1, "kernel", &kernel);
    const gw_probe_stat touch = gw_probe_first_touch(at->settings);
    add_row(at, "first touch", "every thread", 1024, "bytes", &touch);
    at->out->first_touch_bytes_per_s = 1024 / touch.median_ns * 1e9;
    at->out->kernel_ns = (gw_span)ceil(kernel.low_ns);
}

static uint32_t count_rows(void)
{
    uint32_t count = 4 + G_N_ELEMENTS(rests_ns) +
                     G_N_ELEMENTS(collective_kinds) * G_N_ELEMENTS(collective_members) *
                         G_N_ELEMENTS(collective_elements);
    for (uint32_t i = 0; gw_measured_kinds[i].name != NULL; i++) {
        count += count_measured(gw_measured_kinds[i].form);
        for (uint32_t k = 0; k < G_N_ELEMENTS(checked_shapes); k++)
            count += checked_shapes[k].form == gw_measured_kinds[i].form;
    }
    return count;
}

gw_calibration *gw_calibrate(const gw_probe_settings *settings, gw_calibration_progress progress,
                             void *context)
{
    gw_calibration *made = g_new0(gw_calibration, 1);
    made->measured = g_new0(gw_measured, 1);
    made->rows = g_array_new(FALSE, TRUE, sizeof(gw_calibration_row));
    made->core_slowness = g_array_new(FALSE, FALSE, sizeof(double));
    made->jitter = -1;
    calibrator at = {settings, made, progress, context, 0, count_rows()};
    for (uint32_t i = 0; gw_measured_kinds[i].name != NULL; i++)
        measure_table(&at, i);
    for (uint32_t form = GW_MEASURED_ELEMENTS; form <= GW_MEASURED_ATTENTION; form++)
        check_tables(&at, (gw_measured_form)form);
    measure_collectives(&at);
    measure_rest(&at);
    gw_check(at.done == at.total);
    return made;
}

static void add_shape(gw_calibration *calibration, const gw_calibration_shape *seen)
{
    const gw_measured_kind *kind = &gw_measured_kinds[seen->kind];
    gw_calibration_row row = {.size = 1, .unit = "elements", .stat = seen->stat};
    g_autoptr(GString) shape = g_string_new(NULL);
    for (uint32_t i = 0; gw_measured_axis(kind->form, i) != NULL; i++) {
        g_string_append_printf(shape, "%s%.0f", i > 0 ? " x " : "", seen->shape.sizes[i]);
        row.size *= seen->shape.sizes[i];
    }
    g_string_append(shape, ", in place");
    g_strlcpy(row.what, kind->name, sizeof row.what);
    g_strlcpy(row.shape, shape->str, sizeof row.shape);
    g_array_append_val(calibration->rows, row);
}

void gw_calibration_add_seen(gw_calibration *calibration, const gw_calibration_seen *from)
{
    g_autoptr(GArray) errors = g_array_new(FALSE, FALSE, sizeof(double));
    for (guint i = 0; i < from->shapes->len; i++) {
        const gw_calibration_shape *seen = &g_array_index(from->shapes, gw_calibration_shape, i);
        const gw_measured_work work = {
            seen->kind, {seen->shape.sizes[0], seen->shape.sizes[1], seen->shape.sizes[2]}, 1};
        double said_ns;
        if (!gw_measured_work_span(calibration->measured, &work, &said_ns))
            continue;
        const double error = fabs(said_ns / MAX(seen->shape.ns, 1e-3) - 1);
        g_array_append_val(errors, error);
        gw_measured_table_add(&calibration->measured->tables[seen->kind], &seen->shape);
        add_shape(calibration, seen);
    }
    calibration->jitter = gw_calibration_seen_jitter(from);
    g_array_unref(calibration->core_slowness);
    calibration->core_slowness = gw_calibration_seen_slowness(from);
    if (errors->len == 0)
        return;
    const double median = gw_sample_median(errors); /* Sorts. */
    calibration->whole_error =
        (gw_calibration_error){median, g_array_index(errors, double, errors->len - 1), errors->len};
}

static void add_row_between(gw_calibration *calibration, const char *what, uint32_t member_count,
                            uint32_t host_count, double size_bytes, const gw_probe_stat *stat)
{
    gw_calibration_row row = {.size = size_bytes, .unit = "bytes", .stat = *stat};
    g_strlcpy(row.what, what, sizeof row.what);
    g_snprintf(row.shape, sizeof row.shape, "%u members, %u ranks", member_count, host_count);
    g_array_append_val(calibration->rows, row);
}

/* The curve of those that are like meeting `first`; *end is the first that is not. */
static gw_measured_collective make_curve(const gw_probe_between *between, guint first, guint *end)
{
    const gw_probe_meeting *all = (const gw_probe_meeting *)(const void *)between->meetings->data;
    *end = first;
    while (*end < between->meetings->len && all[*end].kind == all[first].kind &&
           all[*end].host_count == all[first].host_count &&
           all[*end].member_count == all[first].member_count)
        (*end)++;
    gw_measured_collective made = {all[first].kind,
                                   all[first].member_count,
                                   all[first].host_count,
                                   {g_new(gw_measured_point, *end - first), *end - first}};
    for (guint i = first; i < *end; i++)
        made.curve.points[i - first] =
            (gw_measured_point){all[i].size_bytes, all[i].stat.median_ns};
    return made;
}

/* Behind those of its kind. */
static void insert_curve(gw_measured *measured, gw_measured_collective made)
{
    uint32_t place = measured->collective_count;
    while (place > 0 && measured->collectives[place - 1].kind != made.kind)
        place--;
    place = place > 0 ? place : measured->collective_count;
    measured->collectives =
        g_renew(gw_measured_collective, measured->collectives, measured->collective_count + 1);
    memmove(measured->collectives + place + 1, measured->collectives + place,
            (measured->collective_count - place) * sizeof made);
    measured->collectives[place] = made;
    measured->collective_count++;
}

void gw_calibration_add_between(gw_calibration *calibration, const gw_probe_between *between)
{
    gw_measured *measured = calibration->measured;
    for (guint i = 0; i < between->meetings->len; i++) {
        const gw_probe_meeting *seen = &g_array_index(between->meetings, gw_probe_meeting, i);
        add_row_between(calibration, gw_operation_name(seen->kind), seen->member_count,
                        seen->host_count, seen->size_bytes, &seen->stat);
    }
    for (guint first = 0, end; first < between->meetings->len; first = end)
        insert_curve(measured, make_curve(between, first, &end));
    for (guint i = 0; i < between->messages->len; i++) {
        const gw_probe_message *seen = &g_array_index(between->messages, gw_probe_message, i);
        add_row_between(calibration, "send, receive", 2, 2, seen->size_bytes, &seen->stat);
    }
    double send_ns;
    gw_probe_between_line(between, &send_ns, &measured->send_bytes_per_s);
    measured->send_ns = (gw_span)ceil(send_ns);
}

void gw_calibration_free(gw_calibration *calibration)
{
    if (calibration == NULL)
        return;
    gw_measured_free(calibration->measured);
    g_array_unref(calibration->rows);
    g_array_unref(calibration->core_slowness);
    g_free(calibration);
}
