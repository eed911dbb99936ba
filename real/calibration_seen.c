/* SPDX-License-Identifier: Apache-2.0 */
#include "real/calibration_seen.h"

#include <math.h>

#include "base/sample.h"

/* What takes less is nearer in tables, where so many are timed at once. */
#define LEAST_NS 2000
/* What takes so many times the median was interrupted. */
#define INTERRUPTED_TIMES 4

gw_calibration_seen *gw_calibration_seen_new(void)
{
    gw_calibration_seen *seen = g_new0(gw_calibration_seen, 1);
    seen->shapes = g_array_new(FALSE, FALSE, sizeof(gw_calibration_shape));
    seen->threads_ns = g_array_new(FALSE, TRUE, sizeof(double));
    return seen;
}

void gw_calibration_seen_free(gw_calibration_seen *seen)
{
    if (seen == NULL)
        return;
    g_array_unref(seen->shapes);
    g_array_unref(seen->threads_ns);
    g_free(seen);
}

static gw_calibration_shape *find_shape(const gw_calibration_seen *seen,
                                        const gw_calibration_shape *like)
{
    for (guint i = 0; i < seen->shapes->len; i++) {
        gw_calibration_shape *at = &g_array_index(seen->shapes, gw_calibration_shape, i);
        bool is_same = at->kind == like->kind;
        for (uint32_t axis = 0; axis < GW_MEASURED_AXES_MAX; axis++)
            is_same = is_same && at->shape.sizes[axis] == like->shape.sizes[axis];
        if (is_same)
            return at;
    }
    return NULL;
}

void gw_calibration_seen_add(gw_calibration_seen *seen, const gw_calibration_shape *shape)
{
    gw_calibration_shape *found = find_shape(seen, shape);
    if (found == NULL) {
        g_array_append_val(seen->shapes, *shape);
        return;
    }
    found->count += shape->count;
    found->shape.ns += (shape->shape.ns - found->shape.ns) * shape->count / found->count;
}

void gw_calibration_seen_add_threads(gw_calibration_seen *seen, const GArray *threads_ns)
{
    if (threads_ns->len < seen->threads_ns->len)
        return;
    if (threads_ns->len > seen->threads_ns->len)
        g_array_set_size(seen->threads_ns, 0);
    g_array_set_size(seen->threads_ns, threads_ns->len);
    for (guint i = 0; i < threads_ns->len; i++)
        g_array_index(seen->threads_ns, double, i) += g_array_index(threads_ns, double, i);
}

GArray *gw_calibration_seen_slowness(const gw_calibration_seen *seen)
{
    GArray *slowness = g_array_new(FALSE, FALSE, sizeof(double));
    const guint count = seen->threads_ns->len;
    double sum_ns = 0;
    for (guint i = 0; i < count; i++)
        sum_ns += g_array_index(seen->threads_ns, double, i);
    for (guint i = 0; i < count && count > 1 && sum_ns > 0; i++) {
        const double times = g_array_index(seen->threads_ns, double, i) * count / sum_ns;
        g_array_append_val(slowness, times);
    }
    return slowness;
}

/* How far two threads are apart for good, in the mean over pairs, relative to what they take. */
static double find_lasting(const gw_calibration_seen *seen)
{
    g_autoptr(GArray) slowness = gw_calibration_seen_slowness(seen);
    const guint count = slowness->len;
    double sum = 0;
    for (guint i = 0; i < count; i++)
        for (guint k = i + 1; k < count; k++)
            sum += g_array_index(slowness, double, i) - g_array_index(slowness, double, k);
    return count > 1 ? sum / (count * (count - 1) / 2.0) : 0;
}

double gw_calibration_seen_jitter(const gw_calibration_seen *seen)
{
    if (seen->took_ns <= 0)
        return -1;
    const double apart = seen->apart_ns / seen->took_ns, lasting = find_lasting(seen);
    return sqrt(G_PI) / 2 * sqrt(MAX(apart * apart - lasting * lasting, 0));
}

/* --- Measuring --- */

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

static void take_shapes(const gw_probe_runs *runs, gw_calibration_seen *seen)
{
    const gw_program *program = runs->layout->program;
    for (guint node = 0; node < program->nodes->len; node++) {
        const gw_function *function = gw_program_function(program, node);
        for (uint32_t i = runs->first[node]; i < runs->first[node + 1]; i++) {
            const gw_operation *operation = gw_function_operation(function, i - runs->first[node]);
            gw_measured_work work;
            if (runs->samples[i]->len == 0)
                continue;
            const gw_probe_stat stat = gw_probe_summarize(runs->samples[i]);
            if (stat.median_ns < LEAST_NS || !gw_measured_describe(function, operation, &work))
                continue;
            const gw_calibration_shape shape = {
                .kind = work.kind,
                .shape = {{work.sizes[0], work.sizes[1], work.sizes[2]},
                          mean_ns(runs->samples[i], &stat) / work.count},
                .count = 1,
                .stat = stat,
            };
            gw_calibration_seen_add(seen, &shape);
        }
    }
}

gw_calibration_seen *gw_calibration_see(const gw_probe_settings *settings, const GPtrArray *runs,
                                        uint32_t rounds, gw_calibration_progress progress,
                                        void *context)
{
    gw_calibration_seen *seen = gw_calibration_seen_new();
    for (guint i = 0; i < rounds * runs->len; i++) {
        gw_probe_runs_measure(settings, (gw_probe_runs *)runs->pdata[i % runs->len]);
        if (progress != NULL)
            progress(context, i + 1, rounds * runs->len);
    }
    for (guint i = 0; i < runs->len; i++) {
        const gw_probe_runs *one = (const gw_probe_runs *)runs->pdata[i];
        take_shapes(one, seen);
        seen->took_ns += one->took_ns;
        seen->apart_ns += one->apart_ns;
        gw_calibration_seen_add_threads(seen, one->threads_ns);
    }
    return seen;
}
