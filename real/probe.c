/* SPDX-License-Identifier: Apache-2.0 */
/* A probe runs batches, each long enough for the clock, until its time is up; all batches of all
 * threads are one sample.
 *
 * What never waits is measured in its thread's own time on a core, which stands still while others
 * have that core: cores are what the simulated devices share, too (accel/device_cores.c).  What
 * waits for others is measured on the wall's clock.
 *
 * A collective is measured as gangs meet in them.  Members have just written what they bring, one
 * after another comes so long after the others that their cores rest, and what it takes is from
 * there until the last has left: whoever leaves late comes late to the next one. */
#include "real/probe.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/sample.h"
#include "program/builder.h"
#include "real/activity.h"
#include "real/cores.h"
#include "real/cpu_collective.h"
#include "real/cpu_operations.h"
#include "real/probe_data.h"

#define BATCH_NS     50000.0 /* Against the clock's 25 ns. */
#define BATCHES_MIN  3
#define MEETINGS_MAX 64 /* More of a collective say no more: each costs a stagger. */
#define TRIALS       4
#define LONG_NS      1e6          /* One trial of what takes longer is enough. */
#define SETS_BYTES   (2U << 20)   /* Of operands in turn: more than a core's own caches. */
#define DRAWN_BYTES  (256U << 10) /* Of these, drawn at random; the others are copies. */
#define SETS_MAX     64
#define STAGGER_NS   300000 /* By which the last member comes after the others: their cores rest. */
#define GANGS_BYTES  (128U << 20) /* Of all members' operands in turn: no cache holds them. */
#define GANGS_MAX    1024

/* --- Samples --- */

gw_probe_stat gw_probe_summarize(GArray *sample)
{
    gw_check(sample->len > 0);
    const double median = gw_sample_median(sample);
    const double *sorted = (const double *)(const void *)sample->data;
    const double width = sorted[sample->len * 3 / 4] - sorted[sample->len / 4];
    return (gw_probe_stat){.median_ns = median,
                           .low_ns = sorted[(sample->len - 1) / 10],
                           .spread = median > 0 ? width / median : 0,
                           .count = sample->len};
}

gw_program *gw_probe_program(uint32_t member_count)
{
    gw_builder *builder = gw_builder_new("probe");
    const uint32_t mesh = gw_builder_add_mesh(builder, "members", 1, &member_count);
    gw_function *fill = gw_function_new("fill");
    gw_function_add_output(fill, 1, 1, false);
    gw_function_add(fill, &(gw_operation){.kind = GW_OPERATION_FILL});
    gw_builder_add_node(builder, "fill", gw_builder_take_function(builder, fill), mesh);
    gw_program *program = gw_builder_finish(builder, NULL);
    gw_check(program != NULL);
    return program;
}

/* --- Many threads, the same thing --- */

typedef struct probe_run probe_run;
struct probe_run {
    const gw_probe_settings *settings;
    uint32_t thread_count;
    bool waits; /* For others: what counts is the wall's clock. */
    const void *what;
    void *(*prepare)(const probe_run *run, uint32_t index); /* NULL: no memory. */
    /* `number` goes up by one from step to step, on all threads alike. */
    void (*step)(const probe_run *run, uint32_t index, void *own, uint64_t number);
    /* What the last step took, by itself; a batch is of one step then, which all
     * begin together.  NULL: all of the step counts. */
    double (*took_ns)(const void *own);
    void (*clear)(void *own);
    pthread_barrier_t barrier;
    uint64_t batch_steps, batch_count; /* Agreed: the first thread's word, between two barriers. */
};

typedef struct {
    probe_run *run;
    uint32_t index;
    pthread_t thread;
    GArray *sample; /* double: ns per step, by batch. */
} probe_thread;

static double time_steps(probe_run *run, uint32_t index, void *own, uint64_t first, uint64_t count)
{
    if (run->took_ns != NULL)
        pthread_barrier_wait(&run->barrier);
    const uint64_t before_ns = run->waits ? gw_monotonic_ns() : gw_thread_core_ns();
    for (uint64_t i = 0; i < count; i++)
        run->step(run, index, own, first + i);
    if (run->took_ns != NULL)
        return run->took_ns(own);
    const uint64_t after_ns = run->waits ? gw_monotonic_ns() : gw_thread_core_ns();
    return (double)(after_ns - before_ns) / (double)count;
}

/* The first step meets cold caches, and others may be in the way of any: the shortest says how
 * long one takes. */
static void agree(probe_run *run, double step_ns)
{
    const double budget_ns = run->settings->seconds * 1e9;
    const uint64_t fitting = (uint64_t)MAX(BATCH_NS / MAX(step_ns, 1), 1);
    run->batch_steps = run->took_ns != NULL ? 1 : fitting;
    run->batch_count =
        (uint64_t)MAX(budget_ns / (MAX(step_ns, 1) * (double)run->batch_steps), BATCHES_MIN);
    if (run->took_ns != NULL)
        run->batch_count = MIN(run->batch_count, MEETINGS_MAX);
}

/* The clock of a virtual machine's thread may stand still over a batch, which then says nothing. */
static bool counts(const probe_thread *thread, double batch_ns, bool is_last)
{
    return batch_ns > 0 || thread->run->took_ns != NULL || (is_last && thread->sample->len == 0);
}

static void *run_thread(void *context)
{
    probe_thread *thread = context;
    probe_run *run = thread->run;
    if (gw_cores_bind_so_many(run->thread_count))
        gw_cores_bind(thread->index); /* As devices are. */
    void *own = run->prepare != NULL ? run->prepare(run, thread->index) : NULL;
    pthread_barrier_wait(&run->barrier);
    double step_ns = G_MAXDOUBLE;
    bool goes_on = true;
    for (uint64_t i = 0; i < TRIALS && goes_on; i++) {
        const double once_ns = time_steps(run, thread->index, own, i, 1);
        step_ns = MIN(step_ns, once_ns);
        goes_on = run->waits || step_ns < LONG_NS; /* Who waits for others does what they do. */
    }
    if (thread->index == 0)
        agree(run, step_ns);
    pthread_barrier_wait(&run->barrier);
    for (uint64_t i = 0, next = TRIALS; i < run->batch_count; i++, next += run->batch_steps) {
        const double batch_ns = time_steps(run, thread->index, own, next, run->batch_steps);
        if (counts(thread, batch_ns, i + 1 == run->batch_count))
            g_array_append_val(thread->sample, batch_ns);
    }
    if (run->clear != NULL)
        run->clear(own);
    return NULL;
}

/* One thread's: beside the others', or, of steps that all do together, the longest of each. */
static void add_sample(const probe_run *run, GArray *sample, const GArray *more)
{
    if (run->took_ns == NULL || sample->len == 0) {
        g_array_append_vals(sample, more->data, more->len);
        return;
    }
    gw_check(sample->len == more->len);
    for (guint i = 0; i < more->len; i++) {
        double *longest_ns = &g_array_index(sample, double, i);
        *longest_ns = MAX(*longest_ns, g_array_index(more, double, i));
    }
}

static gw_probe_stat run_probe(probe_run *run)
{
    g_autofree probe_thread *threads = g_new0(probe_thread, run->thread_count);
    g_autoptr(GArray) sample = g_array_new(FALSE, FALSE, sizeof(double));
    pthread_barrier_init(&run->barrier, NULL, run->thread_count);
    for (uint32_t i = 0; i < run->thread_count; i++) {
        threads[i] = (probe_thread){.run = run, .index = i};
        threads[i].sample = g_array_new(FALSE, FALSE, sizeof(double));
        gw_check(pthread_create(&threads[i].thread, NULL, run_thread, &threads[i]) == 0);
    }
    for (uint32_t i = 0; i < run->thread_count; i++) {
        pthread_join(threads[i].thread, NULL);
        add_sample(run, sample, threads[i].sample);
        g_array_unref(threads[i].sample);
    }
    pthread_barrier_destroy(&run->barrier);
    return gw_probe_summarize(sample);
}

/* --- Operations --- */

typedef struct {
    const gw_function *function;
    uint32_t set_count;
    float **values; /* Set after set. */
} operation_memory;

/* Operands are others each time, as in a model: neither are they in the nearest cache, nor does the
 * core foresee branches on them. */
static uint32_t count_sets(const gw_function *function, uint32_t all_bytes)
{
    uint64_t size_bytes = 0;
    for (uint32_t i = 0; i < function->values->len; i++)
        size_bytes += gw_value_bytes(gw_function_value(function, i));
    return (uint32_t)CLAMP(all_bytes / MAX(size_bytes, 1), 1, SETS_MAX);
}

static float *copy_value(const gw_value *value, const float *source)
{
    const uint64_t count = (uint64_t)value->rows * value->columns;
    float *made = gw_probe_zeros(count);
    memcpy(made, source, count * sizeof(float));
    return made;
}

static void *prepare_operation(const probe_run *run, uint32_t index)
{
    const gw_function *function = run->what;
    operation_memory *made = g_new0(operation_memory, 1);
    made->function = function;
    const uint32_t value_count = function->values->len;
    const uint32_t drawn_count = count_sets(function, DRAWN_BYTES) * value_count;
    made->set_count = count_sets(function, SETS_BYTES);
    made->values = g_new0(float *, made->set_count *value_count);
    for (uint32_t i = 0; i < made->set_count * value_count; i++)
        made->values[i] =
            i < drawn_count
                ? gw_probe_value(function, i % value_count,
                                 (uint64_t)index * SETS_MAX * GW_FUNCTION_VALUES_MAX + i)
                : copy_value(gw_function_value(function, i % value_count),
                             made->values[i - drawn_count]);
    return made;
}

static void step_operation(const probe_run *run, uint32_t index, void *own, uint64_t number)
{
    (void)index;
    const gw_function *function = run->what;
    const operation_memory *memory = own;
    const uint64_t set = number % memory->set_count;
    const gw_cpu_context context = {.function = function,
                                    .values = memory->values + set * function->values->len};
    gw_cpu_operation_run(&context, gw_function_operation(function, 0));
}

static void clear_operation(void *own)
{
    operation_memory *memory = own;
    for (uint32_t i = 0; i < memory->set_count * memory->function->values->len; i++)
        free(memory->values[i]);
    g_free(memory->values);
    g_free(memory);
}

gw_probe_stat gw_probe_operation(const gw_probe_settings *settings, const gw_function *function)
{
    gw_cpu_operations_init();
    probe_run run = {.settings = settings,
                     .thread_count = settings->thread_count,
                     .what = function,
                     .prepare = prepare_operation,
                     .step = step_operation,
                     .clear = clear_operation};
    return run_probe(&run);
}

/* --- Collectives --- */

typedef struct {
    gw_operation operation;
    uint32_t element_count;
    gw_activity activity;
    gw_cpu_meetings *meetings;
} collective_probe;

typedef struct {
    uint32_t set_count;
    uint64_t input_count, output_count;
    float *inputs, *outputs; /* Set after set. */
    double took_ns;
} collective_memory;

static void *prepare_collective(const probe_run *run, uint32_t index)
{
    (void)index;
    const collective_probe *probe = run->what;
    collective_memory *made = g_new0(collective_memory, 1);
    made->input_count = MAX(probe->element_count, 16); /* A line at least. */
    made->output_count = made->input_count * run->thread_count;
    const uint64_t set_bytes = (made->input_count + made->output_count) * sizeof(float);
    made->set_count = (uint32_t)CLAMP(GANGS_BYTES / run->thread_count / set_bytes, 1, GANGS_MAX);
    made->inputs = gw_probe_zeros(made->set_count * made->input_count);
    made->outputs = gw_probe_zeros(made->set_count * made->output_count);
    return made;
}

/* As whatever makes a collective's input does. */
static void write_input(float *input, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        input[i] = -input[i];
    __asm__ volatile("" : : "r"(input) : "memory"); /* It is wanted. */
}

static void compute_for(uint64_t span_ns)
{
    const uint64_t end_ns = gw_thread_core_ns() + span_ns;
    while (gw_thread_core_ns() < end_ns) {
    }
}

static void step_collective(const probe_run *run, uint32_t index, void *own, uint64_t number)
{
    const collective_probe *probe = run->what;
    collective_memory *memory = own;
    const uint64_t set = number % memory->set_count;
    float *input = memory->inputs + set * memory->input_count;
    write_input(input, probe->element_count);
    compute_for(number % run->thread_count == index ? STAGGER_NS : 0);
    const gw_cpu_member member = {.gang = number,
                                  .position = index,
                                  .member_count = run->thread_count,
                                  .operation = &probe->operation,
                                  .input = input,
                                  .output = memory->outputs + set * memory->output_count,
                                  .input_count = probe->element_count};
    uint64_t last_ns;
    gw_check(gw_cpu_meetings_join(probe->meetings, &member, &last_ns));
    memory->took_ns = (double)(gw_monotonic_ns() - last_ns);
}

static double last_took_ns(const void *own)
{
    return ((const collective_memory *)own)->took_ns;
}

static void clear_collective(void *own)
{
    collective_memory *memory = own;
    free(memory->inputs);
    free(memory->outputs);
    g_free(memory);
}

gw_probe_stat gw_probe_collective(const gw_probe_settings *settings, gw_operation_kind kind,
                                  uint32_t member_count, uint32_t element_count)
{
    collective_probe probe = {.operation = {.kind = kind, .axes = 1, .shift = 1},
                              .element_count = element_count};
    gw_activity_init(&probe.activity);
    gw_activity_begin(&probe.activity, member_count);
    probe.meetings = gw_cpu_meetings_new(&probe.activity);
    probe_run run = {.settings = settings,
                     .thread_count = member_count,
                     .waits = true,
                     .what = &probe,
                     .prepare = prepare_collective,
                     .step = step_collective,
                     .took_ns = last_took_ns,
                     .clear = clear_collective};
    const gw_probe_stat stat = run_probe(&run);
    gw_cpu_meetings_free(probe.meetings);
    gw_activity_clear(&probe.activity);
    return stat;
}

/* --- Hand-overs and copies --- */

typedef struct {
    pthread_mutex_t mutex;
    pthread_cond_t changed[2];
    uint64_t turn; /* Whose it is: its parity. */
} handover_probe;

static void step_handover(const probe_run *run, uint32_t index, void *own, uint64_t number)
{
    (void)own;
    (void)number;
    handover_probe *probe = (handover_probe *)run->what;
    pthread_mutex_lock(&probe->mutex);
    while (probe->turn % 2 != index)
        pthread_cond_wait(&probe->changed[index], &probe->mutex);
    probe->turn++;
    pthread_mutex_unlock(&probe->mutex);
    pthread_cond_signal(&probe->changed[1 - index]);
}

gw_probe_stat gw_probe_handover(const gw_probe_settings *settings)
{
    handover_probe probe = {.turn = 0};
    pthread_mutex_init(&probe.mutex, NULL);
    pthread_cond_init(&probe.changed[0], NULL);
    pthread_cond_init(&probe.changed[1], NULL);
    probe_run run = {.settings = settings,
                     .thread_count = 2,
                     .waits = true,
                     .what = &probe,
                     .step = step_handover};
    gw_probe_stat stat = run_probe(&run);
    stat.median_ns /= 2; /* A step is there and back. */
    stat.low_ns /= 2;
    pthread_cond_destroy(&probe.changed[0]);
    pthread_cond_destroy(&probe.changed[1]);
    pthread_mutex_destroy(&probe.mutex);
    return stat;
}

static void *prepare_copy(const probe_run *run, uint32_t index)
{
    return gw_probe_floats(*(const uint64_t *)run->what / 2,
                           index); /* Source, and target behind it. */
}

static void step_copy(const probe_run *run, uint32_t index, void *own, uint64_t number)
{
    (void)index;
    (void)number;
    const uint64_t size_bytes = *(const uint64_t *)run->what;
    memcpy((char *)own + size_bytes, own, size_bytes);
    __asm__ volatile("" : : "r"(own) : "memory"); /* It is wanted. */
}

gw_probe_stat gw_probe_copy(const gw_probe_settings *settings, uint64_t size_bytes)
{
    probe_run run = {.settings = settings,
                     .thread_count = 1,
                     .what = &size_bytes,
                     .prepare = prepare_copy,
                     .step = step_copy,
                     .clear = free};
    return run_probe(&run);
}

/* --- Functions to probe --- */

static uint16_t take(gw_function *function, uint32_t rows, uint32_t columns)
{
    return (uint16_t)gw_function_add_input(function, rows, columns, false);
}

static uint16_t give(gw_function *function, uint32_t rows, uint32_t columns)
{
    return (uint16_t)gw_function_add_output(function, rows, columns, false);
}

static void add_map_operands(gw_function *function, gw_operation *operation, uint32_t rows,
                             uint32_t columns)
{
    operation->inputs[0] = take(function, rows, columns);
    if (gw_operation_input_count(operation) > 1) {
        const uint32_t z_rows = operation->map == GW_MAP_ADD_ROW ? 1 : rows;
        const uint32_t z_columns = operation->map == GW_MAP_MULTIPLY_COLUMN ? 1 : columns;
        operation->inputs[1] = take(function, z_rows, z_columns);
    }
    operation->outputs[0] = give(function, rows, columns);
}

/* q, k, v [, p, dy] and y, p, or the slopes of q, k, v. */
static void add_attention_operands(gw_function *function, gw_operation *operation, uint32_t rows,
                                   uint32_t columns, uint32_t sequence)
{
    const bool is_gradient = operation->kind == GW_OPERATION_ATTENTION_GRADIENT;
    operation->heads = GW_PROBE_HEADS;
    operation->sequence = sequence;
    operation->is_causal = true;
    for (uint32_t i = 0; i < 3; i++)
        operation->inputs[i] = take(function, rows, columns);
    if (is_gradient) {
        operation->inputs[3] = take(function, rows * operation->heads, sequence);
        operation->inputs[4] = take(function, rows, columns);
    }
    operation->outputs[0] = give(function, rows, columns);
    operation->outputs[1] = is_gradient ? give(function, rows, columns)
                                        : give(function, rows * operation->heads, sequence);
    if (is_gradient)
        operation->outputs[2] = give(function, rows, columns);
}

/* Whose operands are as large as each other, but for rows of gains, counts and the like. */
static void add_alike_operands(gw_function *function, gw_operation *operation, uint32_t rows,
                               uint32_t columns)
{
    const gw_operation_kind kind = operation->kind;
    const bool is_norm = kind == GW_OPERATION_LAYER_NORM;
    const bool is_norm_gradient = kind == GW_OPERATION_LAYER_NORM_GRADIENT;
    for (uint32_t i = 0; i < gw_operation_input_count(operation); i++) {
        const bool is_row = (is_norm && i > 0) || (is_norm_gradient && i == 1);
        const bool is_count = kind == GW_OPERATION_ADAM && i == 4;
        operation->inputs[i] =
            take(function, is_row || is_count ? 1 : rows, is_count ? 1 : columns);
    }
    for (uint32_t i = 0; i < gw_operation_output_count(operation); i++) {
        const bool is_row = is_norm_gradient && i > 0;
        operation->outputs[i] = give(function, is_row ? 1 : rows, columns);
    }
}

static void add_token_operands(gw_function *function, gw_operation *operation, uint32_t rows,
                               uint32_t columns, uint32_t words)
{
    switch (operation->kind) {
    case GW_OPERATION_EMBEDDING:
        operation->inputs[0] = take(function, words, columns);
        operation->inputs[1] = take(function, rows, 1);
        operation->outputs[0] = give(function, rows, columns);
        return;
    case GW_OPERATION_EMBEDDING_GRADIENT:
        operation->inputs[0] = take(function, rows, 1);
        operation->inputs[1] = take(function, rows, columns);
        operation->outputs[0] = give(function, words, columns);
        return;
    case GW_OPERATION_TOKEN_STATISTICS:
        operation->inputs[0] = take(function, rows, columns);
        operation->inputs[1] = take(function, rows, 1);
        operation->outputs[0] = give(function, rows, 3);
        return;
    default:
        operation->inputs[0] = take(function, rows, columns);
        operation->inputs[1] = take(function, rows, 1);
        operation->inputs[2] = take(function, rows, 3);
        operation->outputs[0] = give(function, 1, 1);
        operation->outputs[1] = give(function, rows, columns);
        return;
    }
}

gw_function *gw_probe_function(gw_operation_kind kind, uint32_t map, uint32_t rows,
                               uint32_t columns, uint32_t inner)
{
    gw_function *function = gw_function_new(gw_operation_name(kind));
    gw_operation operation = {.kind = kind, .scalar = 0.01};
    switch (kind) {
    case GW_OPERATION_MATMUL:
        operation.transpose_a = map == GW_MEASURED_A_TRANSPOSED;
        operation.transpose_b = map == GW_MEASURED_B_TRANSPOSED;
        operation.inputs[0] =
            operation.transpose_a ? take(function, inner, rows) : take(function, rows, inner);
        operation.inputs[1] =
            operation.transpose_b ? take(function, columns, inner) : take(function, inner, columns);
        operation.outputs[0] = give(function, rows, columns);
        break;
    case GW_OPERATION_MAP:
        operation.map = (gw_map)map;
        add_map_operands(function, &operation, rows, columns);
        break;
    case GW_OPERATION_REDUCE:
        operation.reduction = (gw_reduction)map;
        operation.inputs[0] = take(function, rows, columns);
        operation.outputs[0] =
            map == GW_REDUCTION_SUM_ROWS ? give(function, 1, columns) : give(function, 1, 1);
        break;
    case GW_OPERATION_ATTENTION:
    case GW_OPERATION_ATTENTION_GRADIENT:
        add_attention_operands(function, &operation, rows, columns, inner);
        break;
    case GW_OPERATION_EMBEDDING:
    case GW_OPERATION_EMBEDDING_GRADIENT:
    case GW_OPERATION_TOKEN_STATISTICS:
    case GW_OPERATION_TOKEN_LOSS:
        add_token_operands(function, &operation, rows, columns, inner);
        break;
    case GW_OPERATION_CROSS_ENTROPY:
        operation.inputs[0] = take(function, rows, columns);
        operation.inputs[1] = take(function, rows, columns);
        operation.outputs[0] = give(function, 1, 1);
        operation.outputs[1] = give(function, rows, columns);
        break;
    default:
        add_alike_operands(function, &operation, rows, columns);
        break;
    }
    gw_function_add(function, &operation);
    return function;
}
