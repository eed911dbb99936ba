/* SPDX-License-Identifier: Apache-2.0 */
/* Schedules without bubbles under a bound on memory, found by search, after the outline of Qi et
 * al., "Zero Bubble Pipeline Parallelism" (2024), section 3.1.
 *
 * One try builds all stages' orders at once, always placing the slot of all stages that can start
 * first (ties by stage), so what has arrived by then is known.  A stage that is free takes the
 * forward or the backward for inputs that can start first; a pass for weights when nothing else
 * can, or to fill a gap.  What is a matter of taste is a choice of the try:
 *     gap    how much of a pass for weights has to fit into a gap, in quarters of it
 *     delay  how late a forward may make a backward that is known to come, in quarters of the
 *            forward
 *     depth  how many micro-batches may be on their way from the stage to the end and back, as a
 *            multiple of the stages left, in halves; 0: as many as memory allows
 *     extra  added to that
 * The search makes every try and keeps the one with the shortest period, the first of equals.  So
 * it takes (number of tries) x (slots) x log2(stages) steps at most, and always ends; mostly far
 * fewer, as a try ends early when one of its stages has been idle for too long to be the best. */
#include "base/check.h"
#include "base/error.h"
#include "workload/workload_schedule.h"

#define QUARTERS 4U

typedef struct {
    uint32_t gap_quarters, delay_quarters, depth_halves, extra;
} search_choice;

typedef struct {
    gw_time free_ns;
    gw_span period_ns; /* Of all its work, and what it has been idle between slots so far. */
    uint32_t forward_count, input_count, weight_count; /* Placed. */
    gw_slot_kind next; /* What it would do next; 0: nothing that is known of. */
    gw_time next_ns;   /* When; NEVER: nothing. */
} search_stage;

typedef struct {
    const gw_schedule_request *request;
    const search_choice *choice;
    gw_workload_schedule *schedule;
    search_stage *stages;
    gw_span best_ns;                /* The shortest period of any try before. */
    gw_time *forward_ns, *input_ns; /* By stage and micro-batch: when it may start, or NEVER. */
    uint32_t *winner; /* A tree: node i's is the earlier of nodes 2i and 2i + 1; leaves are the */
    uint32_t leaf_count; /* stages, from leaf_count on.  winner[1] is the earliest of all. */
} search_try;

/* --- What a stage would do --- */

static bool has_room(const search_try *try, uint32_t stage)
{
    const search_stage *at = &try->stages[stage];
    const search_choice *choice = try->choice;
    const double held = at->forward_count - at->input_count +
                        try->request->kept_share * (double)(at->input_count - at->weight_count);
    const uint32_t left = try->request->stage_count - stage;
    const uint32_t depth = left * choice->depth_halves / 2 + choice->extra;
    return held + 1 <= try->request->activations_max &&
           (choice->depth_halves == 0 || at->forward_count - at->input_count < depth);
}

static gw_time find_start(const search_try *try, uint32_t stage, const gw_time *arrivals,
                          uint32_t placed_count)
{
    const uint32_t count = try->request->microbatch_count;
    if (placed_count == count) {
        return GW_TIME_NEVER;
    }
    const gw_time arrival_ns = arrivals[(size_t)stage * count + placed_count];
    return MAX(arrival_ns, try->stages[stage].free_ns);
}

static void choose_next(const search_try *try, uint32_t stage)
{
    search_stage *at = &try->stages[stage];
    const gw_stage_times *times = &try->request->times[stage];
    const gw_time input_ns = find_start(try, stage, try->input_ns, at->input_count);
    const gw_time forward_ns = has_room(try, stage)
                                   ? find_start(try, stage, try->forward_ns, at->forward_count)
                                   : GW_TIME_NEVER;
    const gw_span delay_ns = times->forward_ns * try->choice->delay_quarters / QUARTERS;
    const bool is_forward =
        forward_ns < input_ns &&
        (input_ns == GW_TIME_NEVER || forward_ns + times->forward_ns <= input_ns + delay_ns);
    at->next_ns = is_forward ? forward_ns : input_ns;
    at->next = is_forward ? GW_SLOT_FORWARD : GW_SLOT_INPUTS;
    const gw_span least_ns = times->weight_ns * try->choice->gap_quarters / QUARTERS;
    const bool has_gap = at->next_ns > at->free_ns && at->next_ns - at->free_ns >= least_ns;
    if (at->weight_count < at->input_count && has_gap) {
        at->next_ns = at->free_ns;
        at->next = GW_SLOT_WEIGHTS;
    }
}

/* --- Which stage is first --- */

static uint32_t pick_earlier(const search_try *try, uint32_t left, uint32_t right)
{
    const uint32_t count = try->request->stage_count;
    if (right >= count) {
        return left;
    }
    return try->stages[left].next_ns <= try->stages[right].next_ns ? left : right;
}

static void update_stage(const search_try *try, uint32_t stage)
{
    choose_next(try, stage);
    for (uint32_t i = (try->leaf_count + stage) / 2; i > 0; i /= 2) {
        try->winner[i] = pick_earlier(try, try->winner[2 * i], try->winner[2 * i + 1]);
    }
}

static void start_try(search_try *try)
{
    const gw_schedule_request *request = try->request;
    const uint32_t stages = request->stage_count, count = request->microbatch_count;
    for (size_t i = 0; i < (size_t)stages * count; i++) {
        try->forward_ns[i] = i < count ? 0 : GW_TIME_NEVER;
        try->input_ns[i] = GW_TIME_NEVER;
    }
    for (uint32_t i = 0; i < try->leaf_count; i++) {
        try->winner[try->leaf_count + i] = i;
    }
    for (uint32_t stage = 0; stage < stages; stage++) {
        const gw_stage_times *times = &request->times[stage];
        try->stages[stage] =
            (search_stage){.period_ns = (times->forward_ns + times->backward_ns) * count,
                           .next_ns = GW_TIME_NEVER};
    }
    for (uint32_t stage = 0; stage < stages; stage++) {
        choose_next(try, stage);
    }
    for (uint32_t i = try->leaf_count; i-- > 1;) {
        try->winner[i] = pick_earlier(try, try->winner[2 * i], try->winner[2 * i + 1]);
    }
}

/* --- Placing --- */

static void place_pass(const search_try *try, uint32_t stage, gw_slot_kind kind)
{
    search_stage *at = &try->stages[stage];
    const uint32_t count = try->request->microbatch_count;
    const uint32_t last = try->request->stage_count - 1;
    const gw_time arrival_ns = at->free_ns + try->request->times[stage].transfer_ns;
    if (kind == GW_SLOT_WEIGHTS) {
        at->weight_count++;
    } else if (kind == GW_SLOT_INPUTS) {
        const uint32_t microbatch = at->input_count++;
        if (stage > 0) {
            try->input_ns[(size_t)(stage - 1) * count + microbatch] = arrival_ns;
            update_stage(try, stage - 1);
        }
    } else {
        const uint32_t microbatch = at->forward_count++;
        if (stage == last) {
            try->input_ns[(size_t)stage * count + microbatch] = at->free_ns;
        } else {
            try->forward_ns[(size_t)(stage + 1) * count + microbatch] = arrival_ns;
            update_stage(try, stage + 1);
        }
    }
    update_stage(try, stage);
}

/* Places the slot that can start first; false: the try is not going to be the best. */
static bool place_next(const search_try *try)
{
    const uint32_t stage = try->winner[1];
    search_stage *at = &try->stages[stage];
    if (at->next_ns == GW_TIME_NEVER) {
        return false;
    }
    const uint32_t placed_count = at->forward_count + at->input_count + at->weight_count;
    const uint32_t microbatch = at->next == GW_SLOT_FORWARD  ? at->forward_count
                                : at->next == GW_SLOT_INPUTS ? at->input_count
                                                             : at->weight_count;
    gw_slot *slot = &try->schedule->slots[try->schedule->first_slot[stage] + placed_count];
    *slot = (gw_slot){.kind = at->next, .microbatch = microbatch};
    at->period_ns += placed_count > 0 ? at->next_ns - at->free_ns : 0;
    at->free_ns =
        at->next_ns + gw_workload_slot_ns(try->schedule, &try->request->times[stage], slot);
    place_pass(try, stage, slot->kind);
    return at->period_ns < try->best_ns;
}

/* The period of the schedule that the choice leads to; GW_TIME_NEVER: no shorter one than before.
 */
static gw_span run_try(search_try *try)
{
    const gw_workload_schedule *schedule = try->schedule;
    start_try(try);
    for (uint32_t i = schedule->first_slot[schedule->stage_count]; i > 0; i--) {
        if (!place_next(try)) {
            return GW_TIME_NEVER;
        }
    }
    gw_span longest_ns = 0;
    for (uint32_t stage = 0; stage < schedule->stage_count; stage++) {
        longest_ns = MAX(longest_ns, try->stages[stage].period_ns);
    }
    return longest_ns;
}

/* --- Searching --- */

static const uint32_t gaps[] = {0, 1, 2, 4}, delays[] = {0, 2, 3, 4};
static const struct {
    uint32_t halves, extra;
} depths[] = {{0, 0}, {2, 0}, {2, 1}, {3, 0}, {3, 1}, {3, 3}, {4, 0}, {4, 1}};

static search_choice find_choice(uint32_t index)
{
    const uint32_t depth = index / (G_N_ELEMENTS(gaps) * G_N_ELEMENTS(delays));
    return (search_choice){.gap_quarters = gaps[index % G_N_ELEMENTS(gaps)],
                           .delay_quarters =
                               delays[index / G_N_ELEMENTS(gaps) % G_N_ELEMENTS(delays)],
                           .depth_halves = depths[depth].halves,
                           .extra = depths[depth].extra};
}

static gw_workload_schedule *search(const gw_schedule_request *request)
{
    const uint32_t stages = request->stage_count;
    const size_t pass_count = (size_t)stages * request->microbatch_count;
    uint32_t leaf_count = 1;
    while (leaf_count < stages) {
        leaf_count *= 2;
    }
    g_autofree search_stage *states = g_new(search_stage, stages);
    g_autofree gw_time *forward_ns = g_new(gw_time, pass_count);
    g_autofree gw_time *input_ns = g_new(gw_time, pass_count);
    g_autofree uint32_t *winner = g_new(uint32_t, 2 * (size_t)leaf_count);
    g_autoptr(gw_workload_schedule) best = NULL;
    gw_span best_ns = GW_TIME_NEVER;
    const uint32_t try_count = G_N_ELEMENTS(gaps) * G_N_ELEMENTS(delays) * G_N_ELEMENTS(depths);
    for (uint32_t i = 0; i < try_count; i++) {
        const search_choice choice = find_choice(i);
        g_autoptr(gw_workload_schedule) schedule =
            gw_workload_schedule_new(request, request->microbatch_count * 3);
        search_try try = {.request = request,
                          .choice = &choice,
                          .schedule = schedule,
                          .stages = states,
                          .best_ns = best_ns,
                          .forward_ns = forward_ns,
                          .input_ns = input_ns,
                          .winner = winner,
                          .leaf_count = leaf_count};
        const gw_span period_ns = run_try(&try);
        if (period_ns < best_ns) {
            best_ns = period_ns;
            gw_workload_schedule_free(best);
            best = g_steal_pointer(&schedule);
        }
    }
    gw_check(best != NULL); /* Room for one micro-batch is enough, and was asked for. */
    return g_steal_pointer(&best);
}

static gw_workload_schedule *make_zb_auto(const gw_schedule_request *request, GError **error)
{
    (void)error; /* There is always one. */
    gw_check(request->activations_max >= 1);
    return search(request);
}

static gw_workload_schedule *make_limited(const gw_schedule_request *request,
                                          const gw_schedule_ops *ops)
{
    gw_schedule_request limited = *request;
    limited.activations_max = (double)ops->held_per_stage * request->stage_count;
    return search(&limited);
}

static gw_workload_schedule *make_zb_1p(const gw_schedule_request *request, GError **error)
{
    (void)error; /* There is always one. */
    return make_limited(request, &gw_schedule_zb_1p);
}

static gw_workload_schedule *make_zb_2p(const gw_schedule_request *request, GError **error)
{
    (void)error; /* There is always one. */
    return make_limited(request, &gw_schedule_zb_2p);
}

const gw_schedule_ops gw_schedule_zb_1p = {
    .name = "zb-1p",
    .summary = "found by search: a stage holds as many as there are stages, at most",
    .splits = true,
    .is_searched = true,
    .held_per_stage = 1,
    .make = make_zb_1p,
};

const gw_schedule_ops gw_schedule_zb_2p = {
    .name = "zb-2p",
    .summary = "found by search: a stage holds twice as many as there are stages, at most",
    .splits = true,
    .is_searched = true,
    .held_per_stage = 2,
    .make = make_zb_2p,
};

const gw_schedule_ops gw_schedule_zb_auto = {
    .name = "zb-auto",
    .summary = "found by search: a stage holds \"activations_max\" at most",
    .splits = true,
    .needs_limit = true,
    .is_searched = true,
    .make = make_zb_auto,
};
