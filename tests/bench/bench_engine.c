/* SPDX-License-Identifier: Apache-2.0 */
/* Increments are drawn beforehand, so that no logarithm is timed.  A row is the fastest of a few
 * rounds, in CPU time: what else runs on the machine can only add to them.  A round is long enough
 * for the ladder to go through all of its pending events about once. */
#include "tests/bench/bench_engine.h"

#include <math.h>
#include <sys/resource.h>
#include <time.h>

#include "base/random.h"
#include "engine/engine.h"

#define HANDLER_COUNT   8
#define INCREMENT_COUNT (1 << 14) /* A power of two. */
#define ROUND_COUNT     8
#define ROUND_EVENTS    100000
#define ROUNDS_S_MAX    0.5 /* No further round after so much time. */
#define SEED            1

#define MEAN_NS       2e7 /* Of most distributions: far more instants than events. */
#define SHORT_MEAN_NS 1e5 /* Bimodal: nine of ten increments, */
#define LONG_MEAN_NS  2e8 /* and the tenth. */
#define TIE_STEP_NS   1000
#define TIE_STEPS     16 /* At most so many instants hold all pending events. */
#define LOG_RANGE     34 /* Log-uniform: 1 ns to 2^34 ns. */

/* The world that a handler sees: its subject. */
typedef struct {
    struct hold_model *model;
    uint64_t count, sum, last;
} hold_entity;

typedef struct hold_model {
    gw_random random;
    gw_span increments_ns[INCREMENT_COUNT];
    hold_entity *entities;
} hold_model;

static void hold_event(gw_engine *engine, void *subject, uint64_t argument, uint64_t salt);

#define DEFINE_HANDLER(n)                                                                          \
    static void fire_hold_##n(gw_engine *engine, void *subject, uint64_t argument)                 \
    {                                                                                              \
        hold_event(engine, subject, argument, n);                                                  \
    }
DEFINE_HANDLER(0)
DEFINE_HANDLER(1)
DEFINE_HANDLER(2)
DEFINE_HANDLER(3)
DEFINE_HANDLER(4)
DEFINE_HANDLER(5)
DEFINE_HANDLER(6)
DEFINE_HANDLER(7)

static const gw_event_kind hold_kinds[HANDLER_COUNT] = {
    {.name = "hold.0", .fire = fire_hold_0}, {.name = "hold.1", .fire = fire_hold_1},
    {.name = "hold.2", .fire = fire_hold_2}, {.name = "hold.3", .fire = fire_hold_3},
    {.name = "hold.4", .fire = fire_hold_4}, {.name = "hold.5", .fire = fire_hold_5},
    {.name = "hold.6", .fire = fire_hold_6}, {.name = "hold.7", .fire = fire_hold_7},
};

static inline void hold_event(gw_engine *engine, void *subject, uint64_t argument, uint64_t salt)
{
    hold_entity *entity = subject;
    hold_model *model = entity->model;
    entity->count++;
    entity->sum += argument + salt;
    entity->last = gw_engine_now(engine);
    const uint64_t bits = gw_random_next(&model->random);
    const gw_span increment_ns = model->increments_ns[bits % INCREMENT_COUNT];
    const gw_event_kind *kind = &hold_kinds[bits >> 61];
    gw_engine_post(engine, entity->last + increment_ns, kind, entity, bits >> 32);
}

/* --- Distributions --- */

static double draw_exponential(gw_random *random, double mean)
{
    return -mean * log(1.0 - gw_random_uniform(random));
}

static gw_span draw_exponential_ns(gw_random *random)
{
    return (gw_span)draw_exponential(random, MEAN_NS);
}

static gw_span draw_uniform_ns(gw_random *random)
{
    return (gw_span)(2 * MEAN_NS * gw_random_uniform(random));
}

static gw_span draw_bimodal_ns(gw_random *random)
{
    const bool is_long = gw_random_below(random, 10) == 0;
    return (gw_span)draw_exponential(random, is_long ? LONG_MEAN_NS : SHORT_MEAN_NS);
}

static gw_span draw_tie_ns(gw_random *random)
{
    return TIE_STEP_NS * (1 + gw_random_below(random, TIE_STEPS));
}

static gw_span draw_log_uniform_ns(gw_random *random)
{
    return (gw_span)exp2(LOG_RANGE * gw_random_uniform(random));
}

typedef struct {
    const char *name;
    gw_span (*draw_ns)(gw_random *random);
} distribution;

static const distribution distributions[] = {
    {.name = "exponential", .draw_ns = draw_exponential_ns},
    {.name = "uniform", .draw_ns = draw_uniform_ns},
    {.name = "bimodal", .draw_ns = draw_bimodal_ns},
    {.name = "ties", .draw_ns = draw_tie_ns},
    {.name = "log-uniform", .draw_ns = draw_log_uniform_ns},
};

/* --- Measuring --- */

/* Of this thread, which waits for nobody. */
static double read_cpu_s(void)
{
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static uint64_t read_peak_bytes(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (uint64_t)usage.ru_maxrss * 1024;
}

/* Seconds that `count` events take. */
static double time_round_s(gw_engine *engine, uint64_t count)
{
    const double start_s = read_cpu_s();
    for (uint64_t i = 0; i < count; i++) {
        gw_engine_step(engine);
    }
    return read_cpu_s() - start_s;
}

static void measure_hold(GArray *rows, gw_queue_kind queue, const distribution *increments,
                         uint32_t exponent, uint32_t pending_count)
{
    hold_model *model = g_new0(hold_model, 1);
    g_autoptr(gw_engine) engine = gw_engine_new(queue);
    gw_random_init(&model->random, SEED, "bench.engine");
    for (uint32_t i = 0; i < INCREMENT_COUNT; i++) {
        model->increments_ns[i] = increments->draw_ns(&model->random);
    }
    model->entities = g_aligned_alloc(pending_count, sizeof(hold_entity), 64);
    for (uint32_t i = 0; i < pending_count; i++) {
        model->entities[i] = (hold_entity){.model = model};
        const gw_span due_ns = model->increments_ns[i % INCREMENT_COUNT];
        gw_engine_post(engine, due_ns, &hold_kinds[i % HANDLER_COUNT], &model->entities[i], i);
    }
    const uint64_t round_count = MAX(pending_count, ROUND_EVENTS);
    time_round_s(engine, round_count); /* Until it is warm. */
    double fastest_s = time_round_s(engine, round_count);
    double spent_s = fastest_s;
    for (uint32_t i = 1; i < ROUND_COUNT && spent_s < ROUNDS_S_MAX; i++) {
        const double round_s = time_round_s(engine, round_count);
        fastest_s = MIN(fastest_s, round_s);
        spent_s += round_s;
    }
    gw_bench_row row = {
        .count = round_count,
        .ns_per_operation = fastest_s / (double)round_count * 1e9,
        .operations_per_s = (double)round_count / fastest_s,
        .peak_bytes = read_peak_bytes(),
    };
    row.base_index = queue == GW_QUEUE_HEAP ? rows->len : rows->len - 1;
    g_strlcpy(row.name, queue == GW_QUEUE_LADDER ? "engine.ladder" : "engine.heap",
              sizeof(row.name));
    g_snprintf(row.bench_case, sizeof(row.bench_case), "%s/1e%u", increments->name, exponent);
    g_array_append_val(rows, row);
    g_aligned_free(model->entities);
    g_free(model);
}

void gw_bench_engine(GArray *rows)
{
    for (uint32_t i = 0; i < G_N_ELEMENTS(distributions); i++) {
        uint32_t pending_count = 100;
        for (uint32_t exponent = 2; exponent <= 6; exponent++) {
            measure_hold(rows, GW_QUEUE_HEAP, &distributions[i], exponent, pending_count);
            measure_hold(rows, GW_QUEUE_LADDER, &distributions[i], exponent, pending_count);
            pending_count *= 10;
        }
    }
}
