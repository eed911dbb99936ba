/* SPDX-License-Identifier: Apache-2.0 */
/* An operation by itself, with operands in turn, is not what it is in a function: there its operand
 * has just been written, or lies behind a whole step's memory.  So a function is run as a device
 * runs it, outputs over the inputs that are given up for them and temporaries in one block, and
 * each operation is timed in it, in its thread's time on a core.
 *
 * A pass is once through the function.  The first finds memory cold and does not count. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/sample.h"
#include "real/activity.h"
#include "real/cpu_operations.h"
#include "real/probe.h"
#include "real/probe_data.h"

#define PASSES_MIN   5
#define BUDGET_TIMES 10 /* A function's time is that of so many operations. */
#define CLOCK_TRIALS 64

typedef struct {
    const gw_probe_settings *settings;
    const gw_function *function;
    const gw_mesh *mesh;
    gw_cpu_plan *plan;
    bool *is_run; /* By operation. */
    pthread_barrier_t barrier;
} whole_probe;

typedef struct {
    const whole_probe *probe;
    uint32_t index;
    pthread_t thread;
    float *scratch;
    float **values;   /* By value: what the device finds it in. */
    float **made;     /* By value: what is put there in place of running what makes it, or NULL. */
    GArray **samples; /* By operation: double, ns. */
} whole_thread;

static uint64_t value_bytes(const gw_function *function, uint32_t index)
{
    const gw_value *value = gw_function_value(function, index);
    return (uint64_t)value->rows * value->columns * sizeof(float);
}

uint64_t gw_probe_whole_bytes(const gw_probe_settings *settings, const gw_function *function)
{
    uint64_t size_bytes = 0;
    for (guint i = 0; i < function->values->len; i++)
        size_bytes += 2 * value_bytes(function, i); /* And what is put there. */
    return size_bytes * settings->thread_count;
}

/* --- A thread's memory --- */

static float *place_value(const whole_thread *own, uint32_t index)
{
    const gw_function *function = own->probe->function;
    const gw_value *value = gw_function_value(function, index);
    if (value->role == GW_VALUE_TEMPORARY)
        return own->scratch + own->probe->plan->offsets_bytes[index] / sizeof(float);
    if (value->role == GW_VALUE_OUTPUT && value->donor > 0)
        return own->values[gw_function_input(function, value->donor - 1)];
    return gw_probe_value(function, index, (uint64_t)own->index << 32 | index);
}

static void prepare(whole_thread *own)
{
    const gw_function *function = own->probe->function;
    const guint count = function->values->len;
    own->scratch = gw_probe_zeros(own->probe->plan->scratch_bytes / sizeof(float));
    own->values = g_new0(float *, count);
    own->made = g_new0(float *, count);
    own->samples = g_new0(GArray *, function->operations->len);
    for (guint i = 0; i < function->input_count; i++) {
        const uint32_t input = gw_function_input(function, i);
        own->values[input] = place_value(own, input);
    }
    for (guint i = 0; i < count; i++)
        if (own->values[i] == NULL)
            own->values[i] = place_value(own, i);
    for (guint i = 0; i < function->operations->len; i++) {
        const gw_operation *operation = gw_function_operation(function, i);
        own->samples[i] = g_array_new(FALSE, FALSE, sizeof(double));
        for (uint32_t k = 0; !own->probe->is_run[i] && k < gw_operation_output_count(operation);
             k++)
            own->made[operation->outputs[k]] =
                gw_probe_value(function, operation->outputs[k],
                               (uint64_t)own->index << 32 | operation->outputs[k]);
    }
}

static void clear(whole_thread *own)
{
    const gw_function *function = own->probe->function;
    for (guint i = 0; i < function->values->len; i++) {
        const gw_value *value = gw_function_value(function, i);
        const bool is_lent = value->role == GW_VALUE_TEMPORARY ||
                             (value->role == GW_VALUE_OUTPUT && value->donor > 0);
        if (!is_lent)
            free(own->values[i]);
        free(own->made[i]);
    }
    for (guint i = 0; i < function->operations->len; i++)
        g_array_unref(own->samples[i]);
    free(own->scratch);
    g_free(own->values);
    g_free(own->made);
    g_free(own->samples);
}

/* --- Passes --- */

/* What reading the clock adds to what lies between two readings. */
static uint64_t measure_clock(void)
{
    uint64_t least_ns = UINT64_MAX;
    for (uint32_t i = 0; i < CLOCK_TRIALS; i++) {
        const uint64_t before_ns = gw_thread_core_ns();
        least_ns = MIN(least_ns, gw_thread_core_ns() - before_ns);
    }
    return least_ns;
}

static void put_made(const whole_thread *own, const gw_operation *operation)
{
    for (uint32_t k = 0; k < gw_operation_output_count(operation); k++) {
        const uint32_t output = operation->outputs[k];
        memcpy(own->values[output], own->made[output], value_bytes(own->probe->function, output));
    }
}

static void run_pass(const whole_thread *own, const gw_cpu_context *context, bool is_counted,
                     uint64_t clock_ns)
{
    const whole_probe *probe = own->probe;
    for (guint i = 0; i < probe->function->operations->len; i++) {
        const gw_operation *operation = gw_function_operation(probe->function, i);
        if (!probe->is_run[i]) {
            put_made(own, operation);
            continue;
        }
        const uint64_t before_ns = gw_thread_core_ns();
        gw_cpu_operation_run(context, operation);
        const uint64_t span_ns = gw_thread_core_ns() - before_ns;
        const double took_ns = span_ns > clock_ns ? (double)(span_ns - clock_ns) : 0;
        if (is_counted)
            g_array_append_val(own->samples[i], took_ns);
    }
}

static void *run_thread(void *context)
{
    whole_thread *own = (whole_thread *)context;
    whole_probe *probe = (whole_probe *)own->probe;
    const uint64_t budget_ns = (uint64_t)(probe->settings->seconds * BUDGET_TIMES * 1e9);
    prepare(own);
    const gw_cpu_context run = {.function = probe->function,
                                .values = own->values,
                                .shard = own->index % gw_mesh_device_count(probe->mesh),
                                .mesh = probe->mesh,
                                .is_alone = true};
    const uint64_t clock_ns = measure_clock();
    pthread_barrier_wait(&probe->barrier);
    const uint64_t begin_ns = gw_thread_core_ns();
    for (uint32_t pass = 0; pass <= PASSES_MIN || gw_thread_core_ns() < begin_ns + budget_ns;
         pass++)
        run_pass(own, &run, pass > 0, clock_ns);
    return NULL;
}

static bool find_what_runs(whole_probe *probe)
{
    bool is_any = false;
    for (guint i = 0; i < probe->function->operations->len; i++) {
        const gw_operation *operation = gw_function_operation(probe->function, i);
        gw_measured_work work;
        probe->is_run[i] = gw_measured_describe(probe->function, operation, &work);
        is_any = is_any || probe->is_run[i];
    }
    return is_any;
}

/* Each operation's, of all threads. */
static void summarize(const whole_probe *probe, whole_thread *threads, gw_probe_stat *out)
{
    for (guint i = 0; i < probe->function->operations->len; i++) {
        GArray *all = threads[0].samples[i];
        for (uint32_t t = 1; t < probe->settings->thread_count; t++)
            g_array_append_vals(all, threads[t].samples[i]->data, threads[t].samples[i]->len);
        if (probe->is_run[i])
            out[i] = gw_probe_summarize(all);
    }
}

gw_probe_stat *gw_probe_whole(const gw_probe_settings *settings, const gw_function *function,
                              const gw_mesh *mesh)
{
    const guint count = function->operations->len;
    gw_probe_stat *stats = g_new0(gw_probe_stat, MAX(count, 1));
    g_autofree bool *is_run = g_new0(bool, MAX(count, 1));
    g_autoptr(gw_cpu_plan) plan = gw_cpu_plan_new(function);
    whole_probe probe = {settings, function, mesh, plan, is_run, {{0}}};
    gw_cpu_operations_init();
    if (gw_function_models_time(function) || !find_what_runs(&probe))
        return stats;
    g_autofree whole_thread *threads = g_new0(whole_thread, settings->thread_count);
    pthread_barrier_init(&probe.barrier, NULL, settings->thread_count);
    for (uint32_t i = 0; i < settings->thread_count; i++) {
        threads[i] = (whole_thread){.probe = &probe, .index = i};
        gw_check(pthread_create(&threads[i].thread, NULL, run_thread, &threads[i]) == 0);
    }
    for (uint32_t i = 0; i < settings->thread_count; i++)
        pthread_join(threads[i].thread, NULL);
    summarize(&probe, threads, stats);
    for (uint32_t i = 0; i < settings->thread_count; i++)
        clear(&threads[i]);
    pthread_barrier_destroy(&probe.barrier);
    return stats;
}
