/* SPDX-License-Identifier: Apache-2.0 */
/* Schedules as data, and played: by hand for small ones, slot by slot against the rule for many. */
#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "test_workload_schedule.h"

static uint32_t find_slot(const gw_workload_schedule *schedule, uint32_t stage, gw_slot_kind kind,
                          uint32_t microbatch)
{
    uint32_t found = GW_INDEX_NONE;
    for (uint32_t i = schedule->first_slot[stage]; i < schedule->first_slot[stage + 1]; i++) {
        if (schedule->slots[i].kind == kind && schedule->slots[i].microbatch == microbatch) {
            ck_assert_uint_eq(found, GW_INDEX_NONE); /* Once only. */
            found = i;
        }
    }
    ck_assert_uint_ne(found, GW_INDEX_NONE);
    return found;
}

static gw_workload_schedule *make_plain(const gw_schedule_ops *ops, uint32_t stages, uint32_t count)
{
    return make_schedule(
        ops,
        &(gw_schedule_request){.stage_count = stages, .microbatch_count = count, .chunk_count = 1});
}

static void expect_starts(const gw_workload_schedule *schedule, const gw_stage_times *times,
                          const gw_time *starts_ns)
{
    const uint32_t count = schedule->first_slot[schedule->stage_count];
    g_autofree gw_time *found_ns = g_new0(gw_time, count);
    ck_assert(gw_workload_schedule_check(schedule, NULL));
    ck_assert(gw_workload_schedule_play(schedule, times, found_ns, NULL));
    for (uint32_t i = 0; i < count; i++) {
        ck_assert_msg(found_ns[i] == starts_ns[i], "slot %u: found %" G_GUINT64_FORMAT, i,
                      found_ns[i]);
    }
}

/* --- Every schedule --- */

START_TEST(every_schedule_of_every_shape_passes_the_check_and_ends)
{
    for (uint32_t shape = 0; shape < 49; shape++) {
        const uint32_t stages = shape / 7 + 1, count = shape % 7 + 1;
        g_autofree gw_stage_times *times = make_even_times(stages, 10);
        for (size_t i = 0; i < G_N_ELEMENTS(schedules_for_all); i++) {
            const gw_schedule_request request = {.stage_count = stages,
                                                 .microbatch_count = count,
                                                 .chunk_count = 1,
                                                 .times = times,
                                                 .kept_share = 0.5};
            const gw_schedule_ops *ops = schedules_for_all[i];
            g_autoptr(gw_workload_schedule) schedule = make_schedule(ops, &request);
            gw_time end_ns;
            const gw_span period_ns = play_schedule(schedule, times, &end_ns);
            ck_assert_uint_ge(period_ns, count * 30);
            ck_assert_uint_le(period_ns, end_ns);
            ck_assert_uint_le(end_ns, (count + stages) * 30);
            ck_assert_uint_eq(schedule->first_slot[stages], stages * count * (ops->splits ? 3 : 2));
        }
    }
}
END_TEST

START_TEST(names_are_in_order)
{
    for (size_t i = 0; gw_workload_schedules[i] != NULL; i++) {
        const gw_schedule_ops *ops = gw_workload_schedules[i];
        ck_assert_ptr_nonnull(ops->summary);
        if (i > 0) {
            ck_assert_int_lt(strcmp(gw_workload_schedules[i - 1]->name, ops->name), 0);
        }
    }
}
END_TEST

/* --- Checking --- */

enum { STAGES = 2, COUNT = 2, SLOTS = 8 };

/* F0 BW0 F1 B1 W1 on both stages, but for the last two slots of stage 1, which are BW1 alone. */
static const gw_slot mixed[] = {
    {.kind = GW_SLOT_FORWARD, .microbatch = 0},  {.kind = GW_SLOT_BACKWARD, .microbatch = 0},
    {.kind = GW_SLOT_FORWARD, .microbatch = 1},  {.kind = GW_SLOT_INPUTS, .microbatch = 1},
    {.kind = GW_SLOT_WEIGHTS, .microbatch = 1},  {.kind = GW_SLOT_FORWARD, .microbatch = 0},
    {.kind = GW_SLOT_BACKWARD, .microbatch = 0}, {.kind = GW_SLOT_FORWARD, .microbatch = 1},
    {.kind = GW_SLOT_BACKWARD, .microbatch = 1}};

static void expect_check(const gw_slot *slots, uint32_t first_count, uint32_t all_count,
                         const char *part)
{
    g_autofree gw_slot *copy = g_memdup2(slots, all_count * sizeof *copy);
    uint32_t first_slot[] = {0, first_count, all_count};
    const gw_workload_schedule schedule = {STAGES, COUNT, 1, copy, first_slot, NULL, false};
    g_autoptr(GError) error = NULL;
    const bool is_good = gw_workload_schedule_check(&schedule, &error);
    ck_assert_int_eq(is_good, part == NULL);
    if (part != NULL) {
        ck_assert(g_error_matches(error, GW_ERROR, GW_ERROR_SCENARIO));
        ck_assert_msg(strstr(error->message, part) != NULL, "\"%s\" has no \"%s\"", error->message,
                      part);
    }
}

/* `mixed` with slot `index` made another. */
static void expect_changed(uint32_t index, gw_slot slot, const char *part)
{
    gw_slot slots[G_N_ELEMENTS(mixed)];
    memcpy(slots, mixed, sizeof slots);
    slots[index] = slot;
    expect_check(slots, 5, 9, part);
}

START_TEST(what_is_wrong_is_named)
{
    expect_check(mixed, 5, 9, NULL);
    expect_check(mixed, 4, 4, "W 1 on stage 0 is forgotten");
    expect_check(mixed, 5, 8, "BW 1 on stage 1 is forgotten");
    expect_check(mixed, 5, 5, "F 0 on stage 1 is forgotten");
    expect_check(mixed, 0, 0, "F 0 on stage 0 is forgotten");
    expect_changed(2, (gw_slot){.kind = GW_SLOT_FORWARD, .microbatch = 0, .line = 7},
                   "F 0 on stage 0 (line 7) is there twice, expected once");
    expect_changed(8, (gw_slot){.kind = GW_SLOT_WEIGHTS, .microbatch = 0},
                   "W 0 on stage 1 is there besides the same backward pass");
    expect_changed(4, (gw_slot){.kind = GW_SLOT_BACKWARD, .microbatch = 1},
                   "BW 1 on stage 0 is there besides");
    expect_changed(4, (gw_slot){.kind = GW_SLOT_INPUTS, .microbatch = 1},
                   "B 1 on stage 0 is there "
                   "twice");
    expect_changed(8, (gw_slot){.kind = GW_SLOT_WEIGHTS, .microbatch = 1},
                   "B 1 on stage 1 is forgotten");
    expect_changed(8, (gw_slot){.kind = GW_SLOT_INPUTS, .microbatch = 1},
                   "W 1 on stage 1 is forgotten");
    expect_changed(3, (gw_slot){.kind = GW_SLOT_INPUTS, .microbatch = 2},
                   "B 2 on stage 0 is of no micro-batch");
    expect_changed(3, (gw_slot){.kind = GW_SLOT_INPUTS, .microbatch = 1, .chunk = 1},
                   "is of no micro-batch and chunk");
}
END_TEST

/* --- Deadlocks --- */

static void expect_deadlock(const gw_slot *slots, uint32_t stages, uint32_t per_stage,
                            const char *expected)
{
    g_autofree gw_slot *copy = g_memdup2(slots, (size_t)stages * per_stage * sizeof *copy);
    uint32_t first_slot[] = {0, per_stage, 2 * per_stage};
    const gw_workload_schedule schedule = {stages,     per_stage / 2, 1,    copy,
                                           first_slot, "own.csv",     false};
    static const gw_stage_times times[] = {{10, 20, 5, 0}, {30, 40, 7, 0}};
    g_autoptr(GError) error = NULL;
    gw_time starts_ns[SLOTS];
    ck_assert(gw_workload_schedule_check(&schedule, NULL));
    ck_assert(!gw_workload_schedule_play(&schedule, times, starts_ns, &error));
    ck_assert(g_error_matches(error, GW_ERROR, GW_ERROR_SCENARIO));
    ck_assert_str_eq(error->message, expected);
}

START_TEST(a_schedule_that_waits_for_itself_says_who_for_whom)
{
    static const gw_slot alone[] = {{.kind = GW_SLOT_BACKWARD}, {.kind = GW_SLOT_FORWARD}};
    expect_deadlock(alone, 1, 2,
                    "own.csv: deadlock, by the order of each stage: BW 0 on stage 0 waits for F 0 "
                    "on stage 0");
    static const gw_slot crossed[] = {{GW_SLOT_FORWARD, 0, 0, 2}, {GW_SLOT_BACKWARD, 0, 0, 3},
                                      {GW_SLOT_FORWARD, 1, 0, 4}, {GW_SLOT_BACKWARD, 1, 0, 5},
                                      {GW_SLOT_FORWARD, 1, 0, 6}, {GW_SLOT_BACKWARD, 1, 0, 7},
                                      {GW_SLOT_FORWARD, 0, 0, 8}, {GW_SLOT_BACKWARD, 0, 0, 9}};
    expect_deadlock(crossed, 2, 4,
                    "own.csv: deadlock, by the order of each stage: F 1 on stage 1 (line 6) waits "
                    "for F 1 on stage 0 (line 4), BW 0 on stage 0 (line 3) waits for BW 0 on stage "
                    "1 (line 9)");
}
END_TEST

/* Any order of the right slots either plays, or names a circle. */
START_TEST(any_order_plays_or_deadlocks)
{
    uint32_t state = 5, played_count = 0, deadlock_count = 0;
    for (uint32_t round = 0; round < 3000; round++) {
        const uint32_t stages = round % 3 + 1;
        g_autofree gw_stage_times *times = make_even_times(stages, 10);
        const gw_schedule_request request = {.stage_count = stages,
                                             .microbatch_count = round % 2 + 1,
                                             .chunk_count = 1,
                                             .times = times};
        g_autoptr(gw_workload_schedule) schedule = make_schedule(&gw_schedule_zb_h1, &request);
        for (uint32_t swap = 0; swap < round % 5; swap++) {
            state = state * 1664525U + 1013904223U;
            const uint32_t stage = (state >> 8) % stages, first = schedule->first_slot[stage];
            const uint32_t place = first + (state >> 16) % (schedule->first_slot[1] - 1);
            const gw_slot slot = schedule->slots[place];
            schedule->slots[place] = schedule->slots[place + 1];
            schedule->slots[place + 1] = slot;
        }
        g_autoptr(GError) error = NULL;
        gw_time start_ns[18];
        ck_assert(gw_workload_schedule_check(schedule, NULL));
        if (gw_workload_schedule_play(schedule, times, start_ns, &error)) {
            played_count++;
        } else {
            ck_assert_ptr_nonnull(strstr(error->message, " waits for "));
            deadlock_count++;
        }
    }
    ck_assert_uint_gt(played_count, 500);
    ck_assert_uint_gt(deadlock_count, 500);
}
END_TEST

/* --- Memory --- */

START_TEST(what_waits_for_weights_counts_as_its_share)
{
    gw_slot slots[] = {{.kind = GW_SLOT_FORWARD, .microbatch = 0},
                       {.kind = GW_SLOT_INPUTS, .microbatch = 0},
                       {.kind = GW_SLOT_FORWARD, .microbatch = 1},
                       {.kind = GW_SLOT_BACKWARD, .microbatch = 1},
                       {.kind = GW_SLOT_WEIGHTS, .microbatch = 0}};
    uint32_t first_slot[] = {0, 5};
    gw_workload_schedule schedule = {1, 2, 1, slots, first_slot, NULL, false};
    ck_assert_double_eq(gw_workload_schedule_peak(&schedule, 0, 0), 1);
    ck_assert_double_eq(gw_workload_schedule_peak(&schedule, 0, 0.25), 1.25);
    ck_assert_double_eq(gw_workload_schedule_peak(&schedule, 0, 1), 2);
    schedule.chunk_count = 2; /* Each is half a micro-batch's. */
    ck_assert_double_eq(gw_workload_schedule_peak(&schedule, 0, 1), 1);
}
END_TEST

/* Chunks share a stage's time to the nanosecond. */
START_TEST(chunks_add_up)
{
    const gw_stage_times times = {100, 50, 0, 20};
    const gw_workload_schedule schedule = {.stage_count = 1, .chunk_count = 3, false};
    gw_span sums_ns[GW_SLOT_WEIGHTS + 1] = {0};
    for (uint32_t chunk = 0; chunk < 3; chunk++) {
        for (gw_slot_kind kind = GW_SLOT_FORWARD; kind <= GW_SLOT_WEIGHTS; kind++) {
            const gw_slot slot = {.kind = kind, .chunk = chunk};
            sums_ns[kind] += gw_workload_slot_ns(&schedule, &times, &slot);
        }
    }
    ck_assert_uint_eq(sums_ns[GW_SLOT_FORWARD], 100);
    ck_assert_uint_eq(sums_ns[GW_SLOT_BACKWARD], 50);
    ck_assert_uint_eq(sums_ns[GW_SLOT_INPUTS], 30);
    ck_assert_uint_eq(sums_ns[GW_SLOT_WEIGHTS], 20);
}
END_TEST

/* --- Playing --- */

static const gw_stage_times uneven[] = {{10, 20, 5, 0}, {30, 40, 7, 0}};

START_TEST(one_f_one_b_by_hand)
{
    g_autoptr(gw_workload_schedule) schedule = make_plain(&gw_schedule_1f1b, 2, 2);
    /* F0 F1 B0 B1, and behind it F0 B0 F1 B1. */
    expect_starts(schedule, uneven, (const gw_time[]){0, 10, 92, 162, 15, 45, 85, 115});
}
END_TEST

START_TEST(gpipe_by_hand)
{
    g_autoptr(gw_workload_schedule) schedule = make_plain(&gw_schedule_gpipe, 2, 2);
    /* F0 F1 B1 B0 on both. */
    expect_starts(schedule, uneven, (const gw_time[]){0, 10, 122, 162, 15, 45, 75, 115});
}
END_TEST

START_TEST(no_time_is_fine)
{
    g_autoptr(gw_workload_schedule) schedule = make_plain(&gw_schedule_1f1b, 2, 2);
    expect_starts(schedule, (const gw_stage_times[2]){{0}}, (const gw_time[8]){0});
}
END_TEST

START_TEST(one_stage_sends_nothing)
{
    g_autoptr(gw_workload_schedule) schedule = make_plain(&gw_schedule_1f1b, 1, 2);
    expect_starts(schedule, &(const gw_stage_times){3, 4, 1000, 0}, (const gw_time[]){0, 3, 7, 10});
}
END_TEST

START_TEST(long_times_do_not_wrap)
{
    const gw_span span_ns = 1ULL << 43;
    const gw_stage_times times[] = {{span_ns, span_ns, span_ns, 0}, {span_ns, span_ns, span_ns, 0}};
    g_autoptr(gw_workload_schedule) schedule = make_plain(&gw_schedule_gpipe, 2, 1);
    expect_starts(schedule, times, (const gw_time[]){0, 5 * span_ns, 2 * span_ns, 3 * span_ns});
}
END_TEST

/* A slot starts at the later of two: the slot before it is over, what it needs has arrived. */
static void expect_rule(const gw_workload_schedule *schedule, const gw_stage_times *times)
{
    const uint32_t last = schedule->stage_count - 1;
    g_autofree gw_time *starts_ns = g_new0(gw_time, schedule->first_slot[last + 1]);
    ck_assert(gw_workload_schedule_play(schedule, times, starts_ns, NULL));
    for (uint32_t stage = 0; stage <= last; stage++) {
        gw_time free_ns = 0;
        for (uint32_t i = schedule->first_slot[stage]; i < schedule->first_slot[stage + 1]; i++) {
            const gw_slot slot = schedule->slots[i];
            const bool is_forward = slot.kind == GW_SLOT_FORWARD;
            gw_time arrival_ns = 0;
            if (is_forward && stage > 0) {
                const uint32_t source = find_slot(schedule, stage - 1, slot.kind, slot.microbatch);
                arrival_ns =
                    starts_ns[source] + times[stage - 1].forward_ns + times[stage - 1].transfer_ns;
            } else if (!is_forward && stage < last) {
                const uint32_t source = find_slot(schedule, stage + 1, slot.kind, slot.microbatch);
                arrival_ns =
                    starts_ns[source] + times[stage + 1].backward_ns + times[stage + 1].transfer_ns;
            }
            ck_assert_uint_eq(starts_ns[i], MAX(free_ns, arrival_ns));
            free_ns =
                starts_ns[i] + (is_forward ? times[stage].forward_ns : times[stage].backward_ns);
        }
    }
}

START_TEST(every_slot_follows_the_rule)
{
    uint32_t state = 7;
    for (uint32_t round = 0; round < 60; round++) {
        gw_stage_times times[7];
        for (uint32_t i = 0; i < 7; i++) {
            state = state * 1664525U + 1013904223U;
            times[i] = (gw_stage_times){state >> 8 & 63, state >> 16 & 63, state >> 24 & 31, 0};
        }
        g_autoptr(gw_workload_schedule) schedule = make_plain(
            round % 2 == 0 ? &gw_schedule_1f1b : &gw_schedule_gpipe, round % 7 + 1, round % 9 + 1);
        expect_rule(schedule, times);
    }
}
END_TEST

START_TEST(a_schedule_of_ones_own_is_played)
{
    gw_slot slots[] = {
        {.kind = GW_SLOT_FORWARD, .microbatch = 1},  {.kind = GW_SLOT_FORWARD, .microbatch = 0},
        {.kind = GW_SLOT_BACKWARD, .microbatch = 0}, {.kind = GW_SLOT_BACKWARD, .microbatch = 1},
        {.kind = GW_SLOT_FORWARD, .microbatch = 0},  {.kind = GW_SLOT_BACKWARD, .microbatch = 0},
        {.kind = GW_SLOT_FORWARD, .microbatch = 1},  {.kind = GW_SLOT_BACKWARD, .microbatch = 1}};
    uint32_t first_slot[] = {0, 4, 8};
    const gw_workload_schedule schedule = {2, 2, 1, slots, first_slot, NULL, false};
    expect_starts(&schedule, uneven, (const gw_time[]){0, 10, 102, 172, 25, 55, 95, 125});
}
END_TEST

/* --- Misuse --- */

START_TEST(no_stage_aborts)
{
    gw_workload_schedule_free(make_plain(&gw_schedule_1f1b, 0, 1));
}
END_TEST

START_TEST(no_microbatch_aborts)
{
    gw_workload_schedule_free(make_plain(&gw_schedule_gpipe, 1, 0));
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("schedule");
    tcase_add_test(cases, every_schedule_of_every_shape_passes_the_check_and_ends);
    tcase_add_test(cases, names_are_in_order);
    tcase_add_test(cases, what_is_wrong_is_named);
    tcase_add_test(cases, a_schedule_that_waits_for_itself_says_who_for_whom);
    tcase_add_test(cases, any_order_plays_or_deadlocks);
    tcase_add_test(cases, what_waits_for_weights_counts_as_its_share);
    tcase_add_test(cases, chunks_add_up);
    tcase_add_test(cases, one_f_one_b_by_hand);
    tcase_add_test(cases, gpipe_by_hand);
    tcase_add_test(cases, no_time_is_fine);
    tcase_add_test(cases, one_stage_sends_nothing);
    tcase_add_test(cases, long_times_do_not_wrap);
    tcase_add_test(cases, every_slot_follows_the_rule);
    tcase_add_test(cases, a_schedule_of_ones_own_is_played);
    tcase_add_test_raise_signal(cases, no_stage_aborts, SIGABRT);
    tcase_add_test_raise_signal(cases, no_microbatch_aborts, SIGABRT);
    return run_cases("workload schedule", cases);
}
