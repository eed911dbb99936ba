/* SPDX-License-Identifier: Apache-2.0 */
/* Schedules found by search: they keep their bound on memory, beat what was written by hand, and
 * are no worse than published. */
#include "test_workload_schedule.h"

/* A search may be worse by this much; docs/MODEL.md, "Pipelines". */
#define SEARCH_TOLERANCE 0.002

START_TEST(published_bubbles)
{
    for (size_t i = 0; i < G_N_ELEMENTS(published); i++) {
        const published_row *row = &published[i];
        const double zb_1p = find_bubble(row, &gw_schedule_zb_1p, 1);
        const double zb_2p = find_bubble(row, &gw_schedule_zb_2p, 1);
        ck_assert_double_le(zb_2p, row->bubble_zb_2p + SEARCH_TOLERANCE);
        ck_assert_double_le(zb_1p, row->bubble_zb_h1 + 0.0001); /* H1 keeps the same bound. */
    }
}
END_TEST

static double find_peak(const gw_workload_schedule *schedule, double kept_share)
{
    double peak = 0;
    for (uint32_t stage = 0; stage < schedule->stage_count; stage++) {
        peak = MAX(peak, gw_workload_schedule_peak(schedule, stage, kept_share));
    }
    return peak;
}

START_TEST(memory_keeps_its_bound_for_any_times)
{
    uint32_t state = 11;
    for (uint32_t round = 0; round < 60; round++) {
        const uint32_t stages = round % 6 + 1, count = round % 11 + 1;
        gw_stage_times times[6];
        for (uint32_t i = 0; i < stages; i++) {
            state = state * 1664525U + 1013904223U;
            times[i] = (gw_stage_times){.forward_ns = 1 + (state >> 8 & 63),
                                        .backward_ns = 70 + (state >> 16 & 63),
                                        .transfer_ns = state >> 24 & 31,
                                        .weight_ns = 1 + (state >> 20 & 63)};
        }
        const gw_schedule_request request = {.stage_count = stages,
                                             .microbatch_count = count,
                                             .chunk_count = 1,
                                             .times = times,
                                             .kept_share = (double)(round % 5) / 4,
                                             .activations_max = 1 + (double)(round % 7) / 2};
        g_autoptr(gw_workload_schedule) schedule = make_schedule(&gw_schedule_zb_auto, &request);
        gw_time end_ns;
        play_schedule(schedule, times, &end_ns);
        ck_assert_double_le(find_peak(schedule, request.kept_share), request.activations_max);
    }
}
END_TEST

START_TEST(more_memory_never_makes_it_longer_by_much)
{
    gw_span before_ns = GW_TIME_NEVER;
    for (uint32_t limit = 1; limit <= 16; limit++) {
        gw_stage_times times[8];
        gw_schedule_request request = {.stage_count = 8,
                                       .microbatch_count = 24,
                                       .chunk_count = 1,
                                       .times = times,
                                       .kept_share = 0.4,
                                       .activations_max = limit};
        for (uint32_t i = 0; i < 8; i++) {
            times[i] = (gw_stage_times){1000, 2000, 20, 900};
        }
        g_autoptr(gw_workload_schedule) schedule = make_schedule(&gw_schedule_zb_auto, &request);
        gw_time end_ns;
        const gw_span period_ns = play_schedule(schedule, times, &end_ns);
        if (before_ns != GW_TIME_NEVER) {
            ck_assert_uint_le(period_ns, before_ns + before_ns / 100);
        }
        before_ns = period_ns;
    }
    ck_assert_uint_lt(before_ns, 24 * 3000 * 102 / 100);
}
END_TEST

START_TEST(room_for_one_is_enough)
{
    g_autofree gw_stage_times *times = make_even_times(3, 10);
    const gw_schedule_request request = {.stage_count = 3,
                                         .microbatch_count = 2,
                                         .chunk_count = 1,
                                         .times = times,
                                         .kept_share = 1,
                                         .activations_max = 1};
    g_autoptr(gw_workload_schedule) schedule = make_schedule(&gw_schedule_zb_auto, &request);
    for (uint32_t stage = 0; stage < 3; stage++) {
        expect_stage(schedule, stage, "F0B0W0F1B1W1");
    }
}
END_TEST

START_TEST(the_same_every_time)
{
    gw_stage_times times[16];
    g_autoptr(gw_workload_schedule) one =
        make_published(&published[3], &gw_schedule_zb_2p, 1, times);
    g_autoptr(gw_workload_schedule) other =
        make_published(&published[3], &gw_schedule_zb_2p, 1, times);
    for (uint32_t stage = 0; stage < 16; stage++) {
        g_autofree char *words = spell_stage(one, stage);
        expect_stage(other, stage, words);
    }
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("auto");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, published_bubbles);
    tcase_add_test(cases, memory_keeps_its_bound_for_any_times);
    tcase_add_test(cases, more_memory_never_makes_it_longer_by_much);
    tcase_add_test(cases, room_for_one_is_enough);
    tcase_add_test(cases, the_same_every_time);
    return run_cases("workload schedule auto", cases);
}
