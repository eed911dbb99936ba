/* SPDX-License-Identifier: Apache-2.0 */
/* Schedules as data, and played: by hand for small ones, slot by slot against the rule for many. */
#include <check.h>
#include <signal.h>
#include <stdlib.h>

#include "workload/workload_schedule.h"

enum { SCHEDULE_1F1B, SCHEDULE_GPIPE, SCHEDULE_COUNT };

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

static void expect_starts(const gw_workload_schedule *schedule, const gw_stage_times *times,
                          const gw_time *starts_ns)
{
    const uint32_t count = schedule->first_slot[schedule->stage_count];
    g_autofree gw_time *found_ns = g_new0(gw_time, count);
    gw_workload_schedule_play(schedule, times, found_ns);
    for (uint32_t i = 0; i < count; i++) {
        ck_assert_msg(found_ns[i] == starts_ns[i], "slot %u: found %" G_GUINT64_FORMAT, i,
                      found_ns[i]);
    }
}

/* --- The lists --- */

/* Micro-batches whose forward is done and whose backward is not, at most. */
static uint32_t find_peak(const gw_workload_schedule *schedule, uint32_t stage)
{
    uint32_t held = 0, peak = 0;
    for (uint32_t i = schedule->first_slot[stage]; i < schedule->first_slot[stage + 1]; i++) {
        const bool is_forward = schedule->slots[i].kind == GW_SLOT_FORWARD;
        ck_assert(is_forward || held > 0);
        held = is_forward ? held + 1 : held - 1;
        peak = MAX(peak, held);
    }
    ck_assert_uint_eq(held, 0);
    return peak;
}

START_TEST(each_microbatch_passes_each_stage_once_each_way)
{
    for (uint32_t name = 0; name < SCHEDULE_COUNT; name++) {
        for (uint32_t shape = 0; shape < 36; shape++) {
            const uint32_t stages = shape / 6 + 1, count = shape % 6 + 1;
            g_autoptr(gw_workload_schedule) schedule =
                gw_workload_schedule_new(name, stages, count);
            ck_assert_uint_eq(schedule->stage_count, stages);
            ck_assert_uint_eq(schedule->microbatch_count, count);
            ck_assert_uint_eq(schedule->first_slot[0], 0);
            for (uint32_t stage = 0; stage < stages; stage++) {
                ck_assert_uint_eq(schedule->first_slot[stage + 1], 2 * count * (stage + 1));
                for (uint32_t i = 0; i < count; i++) {
                    ck_assert_uint_lt(find_slot(schedule, stage, GW_SLOT_FORWARD, i),
                                      find_slot(schedule, stage, GW_SLOT_BACKWARD, i));
                }
                const uint32_t peak = name == SCHEDULE_1F1B ? MIN(count, stages - stage) : count;
                ck_assert_uint_eq(find_peak(schedule, stage), peak);
            }
        }
    }
}
END_TEST

/* --- Playing --- */

static const gw_stage_times uneven[] = {{10, 20, 5}, {30, 40, 7}};

START_TEST(one_f_one_b_by_hand)
{
    g_autoptr(gw_workload_schedule) schedule = gw_workload_schedule_new(SCHEDULE_1F1B, 2, 2);
    /* F0 F1 B0 B1, and behind it F0 B0 F1 B1. */
    expect_starts(schedule, uneven, (const gw_time[]){0, 10, 92, 162, 15, 45, 85, 115});
}
END_TEST

START_TEST(gpipe_by_hand)
{
    g_autoptr(gw_workload_schedule) schedule = gw_workload_schedule_new(SCHEDULE_GPIPE, 2, 2);
    /* F0 F1 B1 B0 on both. */
    expect_starts(schedule, uneven, (const gw_time[]){0, 10, 122, 162, 15, 45, 75, 115});
}
END_TEST

START_TEST(no_time_is_fine)
{
    g_autoptr(gw_workload_schedule) schedule = gw_workload_schedule_new(SCHEDULE_1F1B, 2, 2);
    expect_starts(schedule, (const gw_stage_times[2]){{0}}, (const gw_time[8]){0});
}
END_TEST

START_TEST(one_stage_sends_nothing)
{
    g_autoptr(gw_workload_schedule) schedule = gw_workload_schedule_new(SCHEDULE_1F1B, 1, 2);
    expect_starts(schedule, &(const gw_stage_times){3, 4, 1000}, (const gw_time[]){0, 3, 7, 10});
}
END_TEST

START_TEST(long_times_do_not_wrap)
{
    const gw_span span_ns = 1ULL << 43;
    const gw_stage_times times[] = {{span_ns, span_ns, span_ns}, {span_ns, span_ns, span_ns}};
    g_autoptr(gw_workload_schedule) schedule = gw_workload_schedule_new(SCHEDULE_GPIPE, 2, 1);
    expect_starts(schedule, times, (const gw_time[]){0, 5 * span_ns, 2 * span_ns, 3 * span_ns});
}
END_TEST

/* A slot starts at the later of two: the slot before it is over, what it needs has arrived. */
static void expect_rule(const gw_workload_schedule *schedule, const gw_stage_times *times)
{
    const uint32_t last = schedule->stage_count - 1;
    g_autofree gw_time *starts_ns = g_new0(gw_time, schedule->first_slot[last + 1]);
    gw_workload_schedule_play(schedule, times, starts_ns);
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
            times[i] = (gw_stage_times){state >> 8 & 63, state >> 16 & 63, state >> 24 & 31};
        }
        g_autoptr(gw_workload_schedule) schedule =
            gw_workload_schedule_new(round % SCHEDULE_COUNT, round % 7 + 1, round % 9 + 1);
        expect_rule(schedule, times);
    }
}
END_TEST

START_TEST(a_schedule_of_ones_own_is_played)
{
    gw_slot slots[] = {{GW_SLOT_FORWARD, 1},  {GW_SLOT_FORWARD, 0}, {GW_SLOT_BACKWARD, 0},
                       {GW_SLOT_BACKWARD, 1}, {GW_SLOT_FORWARD, 0}, {GW_SLOT_BACKWARD, 0},
                       {GW_SLOT_FORWARD, 1},  {GW_SLOT_BACKWARD, 1}};
    uint32_t first_slot[] = {0, 4, 8};
    const gw_workload_schedule schedule = {2, 2, slots, first_slot};
    expect_starts(&schedule, uneven, (const gw_time[]){0, 10, 102, 172, 25, 55, 95, 125});
}
END_TEST

/* --- Misuse --- */

START_TEST(schedule_that_waits_for_itself_aborts)
{
    gw_slot slots[] = {{GW_SLOT_BACKWARD, 0}, {GW_SLOT_FORWARD, 0}};
    uint32_t first_slot[] = {0, 2};
    const gw_workload_schedule schedule = {1, 1, slots, first_slot};
    gw_time starts_ns[2];
    gw_workload_schedule_play(&schedule, uneven, starts_ns);
}
END_TEST

START_TEST(unknown_name_aborts)
{
    gw_workload_schedule_free(gw_workload_schedule_new(SCHEDULE_COUNT, 1, 1));
}
END_TEST

START_TEST(no_stage_aborts)
{
    gw_workload_schedule_free(gw_workload_schedule_new(SCHEDULE_1F1B, 0, 1));
}
END_TEST

START_TEST(no_microbatch_aborts)
{
    gw_workload_schedule_free(gw_workload_schedule_new(SCHEDULE_GPIPE, 1, 0));
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("schedule");
    tcase_add_test(cases, each_microbatch_passes_each_stage_once_each_way);
    tcase_add_test(cases, one_f_one_b_by_hand);
    tcase_add_test(cases, gpipe_by_hand);
    tcase_add_test(cases, no_time_is_fine);
    tcase_add_test(cases, one_stage_sends_nothing);
    tcase_add_test(cases, long_times_do_not_wrap);
    tcase_add_test(cases, every_slot_follows_the_rule);
    tcase_add_test(cases, a_schedule_of_ones_own_is_played);
    tcase_add_test_raise_signal(cases, schedule_that_waits_for_itself_aborts, SIGABRT);
    tcase_add_test_raise_signal(cases, unknown_name_aborts, SIGABRT);
    tcase_add_test_raise_signal(cases, no_stage_aborts, SIGABRT);
    tcase_add_test_raise_signal(cases, no_microbatch_aborts, SIGABRT);
    Suite *suite = suite_create("workload schedule");
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed_count = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed_count == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
