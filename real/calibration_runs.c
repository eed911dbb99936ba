/* SPDX-License-Identifier: Apache-2.0 */
/* Shapes of tables, out of runs that are done by themselves. */
#include <math.h>

#include "base/sample.h"
#include "real/calibration.h"

/* What takes less is nearer in tables, where so many are timed at once. */
#define LEAST_NS 2000
/* What takes so many times the median was interrupted. */
#define INTERRUPTED_TIMES 4
/* A machine whose speed changes has other speeds in each. */
#define ROUNDS 3

typedef struct { /* Of one kind and sizes, wherever it stands. */
    uint32_t kind;
    gw_measured_shape shape; /* ns: the sum. */
    double count;
    double said_ns;     /* By the tables. */
    gw_probe_stat stat; /* Of where it was seen first. */
} seen_shape;

static bool is_alike(const seen_shape *seen, const gw_measured_work *work)
{
    bool is_same = seen->kind == work->kind;
    for (uint32_t i = 0; i < GW_MEASURED_AXES_MAX; i++)
        is_same = is_same && seen->shape.sizes[i] == work->sizes[i];
    return is_same;
}

/* A step takes the sum of what its operations take, and medians do not add up: of an operation that
 * is slow now and then, the sum has its share. */
static double mean_ns(const GArray *sample, const gw_probe_stat *stat)
{
    double sum_ns = 0;
    guint count = 0;
    for (guint i = 0; i < sample->len; i++) {
        const double ns = g_array_index(sample, double, i);
        if (ns > INTERRUPTED_TIMES * stat->median_ns)
            continue;
        sum_ns += ns;
        count++;
    }
    return sum_ns / count;
}

static void add_work(GArray *shapes, const gw_measured_work *work, const gw_probe_stat *stat,
                     double took_ns, double said_ns)
{
    seen_shape *found = NULL;
    for (guint i = 0; i < shapes->len && found == NULL; i++)
        if (is_alike(&g_array_index(shapes, seen_shape, i), work))
            found = &g_array_index(shapes, seen_shape, i);
    if (found == NULL) {
        const seen_shape made = {.kind = work->kind,
                                 .shape = {{work->sizes[0], work->sizes[1], work->sizes[2]}, 0},
                                 .said_ns = said_ns / work->count,
                                 .stat = *stat};
        g_array_append_val(shapes, made);
        found = &g_array_index(shapes, seen_shape, shapes->len - 1);
    }
    found->shape.ns += took_ns / work->count;
    found->count++;
}

static void take_shapes(const gw_calibration *calibration, const gw_probe_runs *runs,
                        GArray *shapes)
{
    const gw_program *program = runs->layout->program;
    for (guint node = 0; node < program->nodes->len; node++) {
        const gw_function *function = gw_program_function(program, node);
        for (uint32_t i = runs->first[node]; i < runs->first[node + 1]; i++) {
            const gw_operation *operation = gw_function_operation(function, i - runs->first[node]);
            gw_measured_work work;
            double said_ns = 0;
            if (runs->samples[i]->len == 0)
                continue;
            const gw_probe_stat stat = gw_probe_summarize(runs->samples[i]);
            if (stat.median_ns >= LEAST_NS && gw_measured_describe(function, operation, &work) &&
                gw_measured_operation(calibration->measured, function, operation, &said_ns))
                add_work(shapes, &work, &stat, mean_ns(runs->samples[i], &stat), said_ns);
        }
    }
}

static void add_row(gw_calibration *calibration, const seen_shape *seen)
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

void gw_calibration_add_runs(gw_calibration *calibration, const gw_probe_settings *settings,
                             const GPtrArray *runs, gw_calibration_progress progress, void *context)
{
    g_autoptr(GArray) shapes = g_array_new(FALSE, FALSE, sizeof(seen_shape));
    g_autoptr(GArray) errors = g_array_new(FALSE, FALSE, sizeof(double));
    for (guint i = 0; i < ROUNDS * runs->len; i++) {
        gw_probe_runs_measure(settings, (gw_probe_runs *)runs->pdata[i % runs->len]);
        if (progress != NULL)
            progress(context, i + 1, ROUNDS * runs->len);
    }
    for (guint i = 0; i < runs->len; i++)
        take_shapes(calibration, (const gw_probe_runs *)runs->pdata[i], shapes);
    for (guint i = 0; i < shapes->len; i++) {
        seen_shape *seen = &g_array_index(shapes, seen_shape, i);
        gw_measured_table *table = &calibration->measured->tables[seen->kind];
        seen->shape.ns /= seen->count;
        const double error = fabs(seen->said_ns / MAX(seen->shape.ns, 1e-3) - 1);
        g_array_append_val(errors, error);
        gw_measured_table_add(table, &seen->shape);
        add_row(calibration, seen);
    }
    if (errors->len == 0)
        return;
    const double median = gw_sample_median(errors); /* Sorts. */
    calibration->whole_error =
        (gw_calibration_error){median, g_array_index(errors, double, errors->len - 1), errors->len};
}
