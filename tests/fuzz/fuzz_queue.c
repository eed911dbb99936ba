/* SPDX-License-Identifier: Apache-2.0 */
/* The ladder against the heap: two engines run the same random program side by side, one event at
 * a time, and must fire the same events in the same order.  What a program does (delays, ties,
 * jumps, bursts, withdrawals, how many events are pending) is drawn from its seed.
 *
 *     fuzz_queue                       as many seeds as fit into the time budget, from seed 1
 *     fuzz_queue FIRST_SEED [COUNT]    these seeds, however long they take */
#include <stdio.h>

#include "base/check.h"
#include "base/random.h"
#include "engine/engine.h"
#include "fuzz_command.h"

#define BUDGET_S       5.0
#define POPULATION_MAX 100000
#define STEPS_MIN      2000
#define STEPS_MAX      40000
#define IDS_KEPT       64 /* Events of the past that may be withdrawn. */
#define TIMER_MOVES    200
#define JUMP_BITS_MAX  60
#define TIME_LIMIT_NS  (UINT64_C(1) << 62) /* Beyond it, only short delays are drawn. */

/* How a program draws its delays; each seed mixes some of them. */
typedef enum {
    DELAY_ZERO = 0,
    DELAY_ONE,     /* The next nanosecond. */
    DELAY_TIE,     /* To the next multiple of a fixed span: long ties. */
    DELAY_SHORT,   /* Below 64 ns. */
    DELAY_UNIFORM, /* Below the program's own scale. */
    DELAY_LOG,     /* Any order of magnitude. */
    DELAY_JUMP,    /* Exactly a power of two, or one off. */
    DELAY_EDGE,    /* To the border of an aligned block, or one off. */
    DELAY_COUNT
} delay_kind;

typedef struct {
    gw_random random; /* The program's: each engine has its own copy in the same state. */
    uint32_t weights[DELAY_COUNT], weight_sum;
    gw_span scale_ns, tie_ns;
    uint32_t jump_bits; /* No delay has more, or but a little. */
    uint32_t population;
    bool is_ending;                                      /* Posts nothing more. */
    uint32_t burst_chance, move_chance, withdraw_chance; /* In 1024. */
    gw_event_id ids[IDS_KEPT];
    uint64_t post_count;
    /* What fired last. */
    uint64_t last_argument;
    bool last_withdrawn;
} fuzz_program;

static bool is_drawn(fuzz_program *program, uint32_t chance)
{
    return gw_random_below(&program->random, 1024) < chance;
}

static gw_span draw_to_multiple_ns(gw_time now_ns, gw_span step_ns)
{
    return step_ns - now_ns % step_ns;
}

static gw_span draw_edge_ns(fuzz_program *program, gw_time now_ns)
{
    const gw_span block_ns = UINT64_C(1) << gw_random_below(&program->random, program->jump_bits);
    const gw_span to_edge_ns = draw_to_multiple_ns(now_ns, block_ns);
    return to_edge_ns + gw_random_below(&program->random, 3) - 1;
}

static gw_span draw_delay_ns(fuzz_program *program, delay_kind kind, gw_time now_ns)
{
    gw_random *random = &program->random;
    const uint64_t bits = gw_random_below(random, program->jump_bits + 1);
    switch (kind) {
    case DELAY_ZERO:
        return 0;
    case DELAY_ONE:
        return 1;
    case DELAY_TIE:
        return draw_to_multiple_ns(now_ns, program->tie_ns) +
               program->tie_ns * gw_random_below(random, 3);
    case DELAY_SHORT:
        return gw_random_below(random, 64);
    case DELAY_UNIFORM:
        return gw_random_below(random, program->scale_ns);
    case DELAY_LOG:
        return gw_random_below(random, UINT64_C(1) << bits);
    case DELAY_JUMP:
        return (UINT64_C(1) << bits) + gw_random_below(random, 3) - 1;
    case DELAY_EDGE:
        return draw_edge_ns(program, now_ns);
    case DELAY_COUNT:
        break;
    }
    gw_check(false);
}

static gw_time draw_due_ns(fuzz_program *program, gw_time now_ns)
{
    uint64_t ticket = gw_random_below(&program->random, program->weight_sum);
    uint32_t kind = 0;
    while (ticket >= program->weights[kind]) {
        ticket -= program->weights[kind];
        kind++;
    }
    const gw_span delay_ns = draw_delay_ns(program, (delay_kind)kind, now_ns);
    return now_ns + (now_ns < TIME_LIMIT_NS ? delay_ns : delay_ns % 1024);
}

static void fire_program(gw_engine *engine, void *subject, uint64_t argument);

static const gw_event_kind kinds[] = {
    {.name = "fuzz.even", .fire = fire_program},
    {.name = "fuzz.odd", .fire = fire_program},
};

static gw_event_id post_one(gw_engine *engine, fuzz_program *program)
{
    const gw_time due_ns = draw_due_ns(program, gw_engine_now(engine));
    const uint64_t argument = program->post_count++;
    const gw_event_id id = gw_engine_post(engine, due_ns, &kinds[argument % 2], program, argument);
    program->ids[gw_random_below(&program->random, IDS_KEPT)] = id;
    return id;
}

/* A timer that is set, and moved many times: what was withdrawn piles up until it is swept out. */
static void move_timer(gw_engine *engine, fuzz_program *program)
{
    for (uint32_t i = 0; i < TIMER_MOVES; i++) {
        const gw_event_id id = post_one(engine, program);
        program->last_withdrawn = gw_engine_withdraw(engine, id);
    }
}

static void fire_program(gw_engine *engine, void *subject, uint64_t argument)
{
    fuzz_program *program = subject;
    program->last_argument = argument;
    const uint64_t pending_count = gw_engine_pending_count(engine);
    uint64_t post_count = gw_random_below(&program->random, 3);
    if (program->is_ending) {
        post_count = 0;
    } else if (pending_count < program->population) {
        post_count = 1 + gw_random_below(&program->random, 4);
    } else if (is_drawn(program, program->burst_chance)) {
        post_count = gw_random_below(&program->random, 300);
    }
    for (uint64_t i = 0; i < post_count && pending_count + i < 2 * program->population; i++) {
        post_one(engine, program);
    }
    program->last_withdrawn = false;
    if (!program->is_ending && is_drawn(program, program->move_chance)) {
        move_timer(engine, program);
    }
    for (uint32_t i = 0; i < 4 && is_drawn(program, program->withdraw_chance); i++) {
        const uint64_t index = gw_random_below(&program->random, IDS_KEPT);
        program->last_withdrawn = gw_engine_withdraw(engine, program->ids[index]);
    }
}

/* --- One seed --- */

static void draw_program(fuzz_program *program, uint64_t seed)
{
    static const uint32_t populations[] = {1,   2,   3,   4,   5,    6,    8,    30,   50,
                                           100, 300, 500, 700, 1000, 2000, 3000, 10000};
    *program = (fuzz_program){0};
    gw_random_init(&program->random, seed, "fuzz.queue");
    while (program->weight_sum == 0) {
        for (uint32_t kind = 0; kind < DELAY_COUNT; kind++) {
            const bool is_used = gw_random_below(&program->random, 3) == 0;
            program->weights[kind] = is_used ? 1 << gw_random_below(&program->random, 6) : 0;
            program->weight_sum += program->weights[kind];
        }
    }
    program->jump_bits = 1 + (uint32_t)gw_random_below(&program->random, JUMP_BITS_MAX);
    program->scale_ns = UINT64_C(1) << gw_random_below(&program->random, 50);
    program->tie_ns = 1 + gw_random_below(&program->random, 1 << 20);
    program->population = populations[gw_random_below(&program->random, G_N_ELEMENTS(populations))];
    program->population = is_drawn(program, 10) ? POPULATION_MAX : program->population;
    program->burst_chance = is_drawn(program, 512) ? 0 : 10;
    program->move_chance = is_drawn(program, 768) ? 0 : 50;
    program->withdraw_chance =
        is_drawn(program, 256) ? 0 : 1 << gw_random_below(&program->random, 11);
}

static void start_program(gw_engine *engine, fuzz_program *program)
{
    program->is_ending = false;
    for (uint32_t i = 0; i < program->population; i++) {
        post_one(engine, program);
    }
}

/* False: the engines disagree, and why was printed. */
static bool compare_step(gw_engine *ladder, fuzz_program *on_ladder, gw_engine *heap,
                         fuzz_program *on_heap)
{
    if (gw_engine_now(ladder) == gw_engine_now(heap) &&
        on_ladder->last_argument == on_heap->last_argument &&
        on_ladder->last_withdrawn == on_heap->last_withdrawn &&
        gw_engine_pending_count(ladder) == gw_engine_pending_count(heap) &&
        gw_engine_digest(ladder) == gw_engine_digest(heap)) {
        return true;
    }
    fprintf(stderr,
            "event %" G_GUINT64_FORMAT ": ladder fired %" G_GUINT64_FORMAT " at %" G_GUINT64_FORMAT
            ", heap %" G_GUINT64_FORMAT " at %" G_GUINT64_FORMAT "\n",
            gw_engine_fired_count(heap), on_ladder->last_argument, gw_engine_now(ladder),
            on_heap->last_argument, gw_engine_now(heap));
    return false;
}

/* One engine after the other takes a step, until both are empty.  After enough of them nothing
 * more is posted, and all that waits is fired. */
static bool run_round(gw_engine *ladder, fuzz_program *on_ladder, gw_engine *heap,
                      fuzz_program *on_heap)
{
    const uint64_t step_count = CLAMP(on_heap->population * UINT64_C(4), STEPS_MIN, STEPS_MAX);
    start_program(ladder, on_ladder);
    start_program(heap, on_heap);
    uint64_t step = 0;
    bool is_running = true;
    while (is_running) {
        is_running = gw_engine_step(heap);
        if (gw_engine_step(ladder) != is_running ||
            !compare_step(ladder, on_ladder, heap, on_heap)) {
            return false;
        }
        step++;
        on_ladder->is_ending = step > step_count;
        on_heap->is_ending = step > step_count;
    }
    return true;
}

/* A second round begins with engines that have run empty. */
static bool run_seed(uint64_t seed)
{
    fuzz_program on_ladder;
    fuzz_program on_heap;
    draw_program(&on_ladder, seed);
    draw_program(&on_heap, seed);
    g_autoptr(gw_engine) ladder = gw_engine_new(GW_QUEUE_LADDER);
    g_autoptr(gw_engine) heap = gw_engine_new(GW_QUEUE_HEAP);
    return run_round(ladder, &on_ladder, heap, &on_heap) &&
           run_round(ladder, &on_ladder, heap, &on_heap);
}

int main(int argument_count, char **arguments)
{
    return fuzz_main(argument_count, arguments, BUDGET_S, run_seed,
                     "programs, the same on ladder and heap");
}
