/* SPDX-License-Identifier: Apache-2.0 */
/* An operation by itself, with operands in turn, is not what it is in a step: there its operand has
 * just been written, or was last touched a step ago.  So all that a device of one mesh does in a
 * run is done by itself, in order and in the memory where it would lie (probe_layout.h), and each
 * operation is timed in it, in its thread's time on a core.
 *
 * A pass is once through a run.  The first finds memory cold and does not count. */
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "real/activity.h"
#include "real/cpu_operations.h"
#include "real/probe.h"
#include "real/probe_data.h"
#include "real/probe_layout.h"

#define PASSES_MIN   3
#define BUDGET_TIMES 10 /* A run's time is that of so many operations. */
#define CLOCK_TRIALS 64

typedef struct {
    const gw_probe_settings *settings;
    gw_probe_runs *out;
    pthread_barrier_t barrier;
    pthread_mutex_t mutex; /* Of `out`. */
} whole_probe;

typedef struct {
    whole_probe *probe;
    uint32_t index;
    pthread_t thread;
    const gw_probe_layout *layout;
    uint64_t clock_ns; /* What reading the clock adds to what lies between two readings. */
    float *scratch;
    float **memory;    /* By buffer. */
    float ***values;   /* By node: by value. */
    GArray **samples;  /* By operation of all nodes: double, ns. */
    GArray *stretches; /* double, ns, of all passes. */
} whole_thread;

static bool has_node(const whole_thread *own, guint node)
{
    return own->layout->buffers[node] != NULL;
}

/* As often as it fits. */
static void copy_floats(float *target, uint64_t target_count, const float *source,
                        uint64_t source_count)
{
    for (uint64_t done = 0; done < target_count; done += source_count)
        memcpy(target + done, source, MIN(source_count, target_count - done) * sizeof *target);
}

/* --- A thread's memory --- */

static void place_node(whole_thread *own, guint node)
{
    const gw_function *function = gw_program_function(own->layout->program, node);
    g_autofree uint64_t *offsets_bytes = g_new0(uint64_t, MAX(function->values->len, 1));
    gw_function_place_temporaries(function, GW_CPU_ALIGNMENT_BYTES, offsets_bytes);
    own->values[node] = g_new(float *, MAX(function->values->len, 1));
    for (guint i = 0; i < function->values->len; i++) {
        const uint32_t buffer = own->layout->buffers[node][i];
        own->values[node][i] = buffer == GW_INDEX_NONE
                                   ? own->scratch + offsets_bytes[i] / sizeof(float)
                                   : own->memory[buffer];
    }
}

static void open_memory(whole_thread *own)
{
    const guint node_count = own->layout->program->nodes->len;
    const guint buffer_count = own->layout->sizes_bytes->len;
    own->scratch = gw_probe_zeros(own->layout->scratch_bytes / sizeof(float));
    own->memory = g_new0(float *, MAX(buffer_count, 1));
    for (guint i = 0; i < buffer_count; i++)
        own->memory[i] =
            gw_probe_zeros(g_array_index(own->layout->sizes_bytes, uint64_t, i) / sizeof(float));
    own->values = g_new0(float **, node_count);
    for (guint i = 0; i < node_count; i++)
        if (has_node(own, i))
            place_node(own, i);
}

static void close_memory(whole_thread *own)
{
    for (guint i = 0; i < own->layout->sizes_bytes->len; i++)
        free(own->memory[i]);
    for (guint i = 0; i < own->layout->program->nodes->len; i++)
        g_free(own->values[i]);
    free(own->scratch);
    g_free(own->memory);
    g_free(own->values);
}

/* --- Passes --- */

/* Instead of meeting others: its output is its own input, as often as that fits. */
static void meet_nobody(const gw_function *function, float *const *values,
                        const gw_operation *operation)
{
    const uint32_t x = operation->inputs[0], y = operation->outputs[0];
    if (values[x] != values[y])
        copy_floats(values[y], gw_function_elements(function, y), values[x],
                    gw_function_elements(function, x));
}

/* Members of a gang wait here for the slowest, whatever made it late: by the clock. */
static void end_stretch(whole_thread *own, uint64_t began_ns, bool is_counted)
{
    const double took_ns = (double)(gw_monotonic_ns() - began_ns);
    if (is_counted)
        g_array_append_val(own->stretches, took_ns);
}

static void run_node(whole_thread *own, guint node, bool is_counted)
{
    const gw_program *program = own->layout->program;
    const gw_function *function = gw_program_function(program, node);
    const gw_mesh *mesh = gw_program_mesh(program, gw_program_node(program, node)->mesh);
    const gw_cpu_context context = {.function = function,
                                    .values = own->values[node],
                                    .shard = own->index % gw_mesh_device_count(mesh),
                                    .mesh = mesh,
                                    .is_alone = true};
    uint64_t began_ns = gw_monotonic_ns();
    if (gw_function_models_time(function))
        return;
    for (guint i = 0; i < function->operations->len; i++) {
        const gw_operation *operation = gw_function_operation(function, i);
        if (gw_operation_is_collective(operation)) {
            end_stretch(own, began_ns, is_counted);
            meet_nobody(function, own->values[node], operation);
            began_ns = gw_monotonic_ns();
            continue;
        }
        const uint64_t before_ns = gw_thread_core_ns();
        gw_cpu_operation_run(&context, operation);
        const uint64_t span_ns = gw_thread_core_ns() - before_ns;
        const double took_ns = span_ns > own->clock_ns ? (double)(span_ns - own->clock_ns) : 0;
        if (is_counted)
            g_array_append_val(own->samples[own->probe->out->first[node] + i], took_ns);
    }
    end_stretch(own, began_ns, is_counted);
}

static void run_pass(whole_thread *own, bool is_first)
{
    const gw_program *program = own->layout->program;
    for (guint i = 0; i < program->nodes->len; i++)
        if (has_node(own, i) && (is_first || !gw_program_node(program, i)->is_once))
            run_node(own, i, !is_first);
}

static void copy_input(const whole_thread *from, guint node, guint input, whole_thread *to)
{
    const gw_program *program = from->layout->program;
    const gw_function *function = gw_program_function(program, node);
    const uint32_t target = gw_function_input(function, input);
    uint32_t source_node, source;
    gw_probe_source(program, node, input, &source_node, &source);
    copy_floats(to->values[node][target], gw_function_elements(function, target),
                from->values[source_node][source],
                gw_function_elements(gw_program_function(program, source_node), source));
}

/* What other meshes would send in run 0, by doing all of it once. */
static void fill_foreign(whole_thread *own)
{
    const gw_program *program = own->layout->program;
    whole_thread all = {.probe = own->probe, .index = own->index, .layout = own->probe->out->all};
    open_memory(&all);
    for (guint node = 0; node < program->nodes->len; node++) {
        const gw_function *function = gw_program_function(program, node);
        for (guint i = 0; i < function->input_count; i++) {
            if (gw_probe_layout_is_foreign(all.layout, node, i))
                copy_input(&all, node, i, &all);
            if (has_node(own, node) && gw_probe_layout_is_foreign(own->layout, node, i))
                copy_input(&all, node, i, own);
        }
        run_node(&all, node, false);
    }
    close_memory(&all);
}

static void prepare(whole_thread *own)
{
    own->clock_ns = UINT64_MAX;
    for (uint32_t i = 0; i < CLOCK_TRIALS; i++) {
        const uint64_t before_ns = gw_thread_core_ns();
        own->clock_ns = MIN(own->clock_ns, gw_thread_core_ns() - before_ns);
    }
    own->layout = own->probe->out->layout;
    open_memory(own);
    own->samples = g_new0(GArray *, MAX(own->probe->out->count, 1));
    for (guint i = 0; i < own->probe->out->count; i++)
        own->samples[i] = g_array_new(FALSE, FALSE, sizeof(double));
    own->stretches = g_array_new(FALSE, FALSE, sizeof(double));
    if (own->probe->out->all != NULL)
        fill_foreign(own);
}

/* What was seen is the probe's. */
static void clear(whole_thread *own)
{
    whole_probe *probe = own->probe;
    pthread_mutex_lock(&probe->mutex);
    for (guint i = 0; i < probe->out->count; i++) {
        g_array_append_vals(probe->out->samples[i], own->samples[i]->data, own->samples[i]->len);
        g_array_unref(own->samples[i]);
    }
    pthread_mutex_unlock(&probe->mutex);
    g_free(own->samples);
    close_memory(own);
}

static void *run_thread(void *context)
{
    whole_thread *own = (whole_thread *)context;
    const double budget_ns = own->probe->settings->seconds * BUDGET_TIMES * 1e9;
    prepare(own);
    pthread_barrier_wait(&own->probe->barrier);
    run_pass(own, true);
    const uint64_t end_ns = gw_thread_core_ns() + (uint64_t)budget_ns;
    for (uint32_t pass = 0; pass < PASSES_MIN || gw_thread_core_ns() < end_ns; pass++)
        run_pass(own, false);
    clear(own);
    return NULL;
}

/* --- For others --- */

gw_probe_runs *gw_probe_runs_new(const gw_program *program, uint32_t mesh, uint32_t device_count)
{
    gw_check(device_count >= 1);
    gw_probe_runs *runs = g_new0(gw_probe_runs, 1);
    runs->device_count = device_count;
    runs->layout = gw_probe_layout_new(program, mesh);
    runs->all = program->meshes->len > 1 ? gw_probe_layout_new(program, GW_INDEX_NONE) : NULL;
    runs->first = g_new0(uint32_t, program->nodes->len + 1);
    for (guint i = 0; i < program->nodes->len; i++)
        runs->first[i + 1] =
            runs->first[i] + (runs->layout->buffers[i] != NULL
                                  ? gw_program_function(program, i)->operations->len
                                  : 0);
    runs->count = runs->first[program->nodes->len];
    runs->threads_ns = g_array_new(FALSE, TRUE, sizeof(double));
    runs->samples = g_new0(GArray *, MAX(runs->count, 1));
    for (guint i = 0; i < runs->count; i++)
        runs->samples[i] = g_array_new(FALSE, FALSE, sizeof(double));
    return runs;
}

void gw_probe_runs_free(gw_probe_runs *runs)
{
    if (runs == NULL)
        return;
    for (guint i = 0; i < runs->count; i++)
        g_array_unref(runs->samples[i]);
    g_array_unref(runs->threads_ns);
    gw_probe_layout_free(runs->layout);
    gw_probe_layout_free(runs->all);
    g_free(runs->samples);
    g_free(runs->first);
    g_free(runs);
}

uint64_t gw_probe_runs_bytes(const gw_probe_runs *runs)
{
    return gw_probe_layout_bytes(runs->layout) +
           (runs->all != NULL ? gw_probe_layout_bytes(runs->all) : 0);
}

static gint compare_longest_first(gconstpointer a, gconstpointer b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return x > y ? -1 : x < y;
}

/* Over the stretches that all have gone over. */
static void rank_threads(const whole_thread *threads, uint32_t thread_count, gw_probe_runs *runs)
{
    g_autofree double *sums_ns = g_new0(double, thread_count);
    guint common = threads[0].stretches->len;
    for (uint32_t i = 1; i < thread_count; i++)
        common = MIN(common, threads[i].stretches->len);
    for (uint32_t i = 0; i < thread_count; i++)
        for (guint s = 0; s < common; s++)
            sums_ns[i] += g_array_index(threads[i].stretches, double, s);
    qsort(sums_ns, thread_count, sizeof *sums_ns, compare_longest_first);
    g_array_set_size(runs->threads_ns, thread_count);
    for (uint32_t i = 0; i < thread_count; i++)
        g_array_index(runs->threads_ns, double, i) += sums_ns[i];
}

/* Threads go over the same stretches, some over more passes than others. */
static void compare_threads(const whole_thread *threads, uint32_t thread_count, gw_probe_runs *runs)
{
    for (uint32_t i = 0; i < thread_count; i++)
        for (uint32_t k = i + 1; k < thread_count; k++) {
            const GArray *a = threads[i].stretches, *b = threads[k].stretches;
            for (guint s = 0; s < MIN(a->len, b->len); s++) {
                const double a_ns = g_array_index(a, double, s), b_ns = g_array_index(b, double, s);
                runs->took_ns += (a_ns + b_ns) / 2;
                runs->apart_ns += fabs(a_ns - b_ns);
            }
        }
}

void gw_probe_runs_measure(const gw_probe_settings *settings, gw_probe_runs *runs)
{
    const uint32_t thread_count = MIN(settings->thread_count, runs->device_count);
    g_autofree whole_thread *threads = g_new0(whole_thread, thread_count);
    whole_probe probe = {.settings = settings, .out = runs};
    gw_cpu_operations_init();
    pthread_mutex_init(&probe.mutex, NULL);
    pthread_barrier_init(&probe.barrier, NULL, thread_count);
    for (uint32_t i = 0; i < thread_count; i++) {
        threads[i] = (whole_thread){.probe = &probe, .index = i};
        gw_check(pthread_create(&threads[i].thread, NULL, run_thread, &threads[i]) == 0);
    }
    for (uint32_t i = 0; i < thread_count; i++)
        pthread_join(threads[i].thread, NULL);
    compare_threads(threads, thread_count, runs);
    rank_threads(threads, thread_count, runs);
    for (uint32_t i = 0; i < thread_count; i++)
        g_array_unref(threads[i].stretches);
    pthread_barrier_destroy(&probe.barrier);
    pthread_mutex_destroy(&probe.mutex);
}
