/* SPDX-License-Identifier: Apache-2.0 */
/* Schedules played with a time per place: closed forms, and the player of the workload. */
#include <check.h>

#include "app/search_play.h"
#include "run_suite.h"

static gw_workload_schedule *make(const gw_schedule_ops *ops, uint32_t stages, uint32_t chunks,
                                  uint32_t microbatches)
{
    g_autofree gw_stage_times *times = g_new0(gw_stage_times, stages);
    for (uint32_t s = 0; s < stages; s++)
        times[s] = (gw_stage_times){.forward_ns = 1000, .backward_ns = 2000};
    const gw_schedule_request request = {.stage_count = stages,
                                         .microbatch_count = microbatches,
                                         .chunk_count = chunks,
                                         .times = times};
    gw_workload_schedule *schedule = ops->make(&request, NULL);
    ck_assert_ptr_nonnull(schedule);
    return schedule;
}

static gw_search_pass_times *make_times(uint32_t places)
{
    gw_search_pass_times *times = g_new(gw_search_pass_times, places);
    for (uint32_t p = 0; p < places; p++)
        times[p] = (gw_search_pass_times){1, 2, 0};
    return times;
}

/* (m + (p - 1) / v) (F + B) of a stage, and no transfers. */
START_TEST(equal_places_have_the_known_bubble)
{
    const uint32_t stages = 4, microbatches = 8;
    g_autofree gw_search_pass_times *times = make_times(stages * 2);
    g_autoptr(gw_workload_schedule) plain = make(&gw_schedule_1f1b, stages, 1, microbatches);
    g_autoptr(gw_workload_schedule) gpipe = make(&gw_schedule_gpipe, stages, 1, microbatches);
    g_autoptr(gw_workload_schedule) chunked =
        make(&gw_schedule_interleaved, stages, 2, microbatches);
    ck_assert_double_eq(gw_search_play_ns(plain, times, 0), 3 * (8 + 3));
    ck_assert_double_eq(gw_search_play_ns(gpipe, times, 0), 3 * (8 + 3));
    ck_assert_double_eq(gw_search_play_ns(chunked, times, 0), 3 * (16 + 3));
}
END_TEST

START_TEST(one_stage_does_one_pass_after_the_other)
{
    g_autofree gw_search_pass_times *times = make_times(1);
    g_autoptr(gw_workload_schedule) schedule = make(&gw_schedule_1f1b, 1, 1, 5);
    ck_assert_double_eq(gw_search_play_ns(schedule, times, 100), 5 * 3);
}
END_TEST

/* There and back over every boundary, once; the one micro-batch waits for all of it. */
START_TEST(transfers_take_their_time)
{
    g_autofree gw_search_pass_times *times = make_times(3);
    g_autoptr(gw_workload_schedule) schedule = make(&gw_schedule_1f1b, 3, 1, 1);
    times[1].forward_ns = 7;
    ck_assert_double_eq(gw_search_play_ns(schedule, times, 10), 3 + 9 + 3 + 4 * 10);
}
END_TEST

/* Of a pipeline with one chunk the workload's own player finds the same. */
START_TEST(both_players_agree)
{
    const uint32_t stages = 5, microbatches = 9;
    g_autoptr(gw_workload_schedule) schedule = make(&gw_schedule_1f1b, stages, 1, microbatches);
    g_autofree gw_search_pass_times *times = make_times(stages);
    g_autofree gw_stage_times *stage_times = g_new0(gw_stage_times, stages);
    g_autofree gw_time *starts_ns = g_new0(gw_time, schedule->first_slot[stages]);
    for (uint32_t s = 0; s < stages; s++) {
        times[s] = (gw_search_pass_times){10 + 3 * s, 25 - 2 * s, 0};
        stage_times[s] =
            (gw_stage_times){.forward_ns = 10 + 3 * s, .backward_ns = 25 - 2 * s, .transfer_ns = 4};
    }
    ck_assert(gw_workload_schedule_play(schedule, stage_times, starts_ns, NULL));
    const uint32_t last = schedule->first_slot[1] - 1;
    ck_assert_double_eq(gw_search_play_ns(schedule, times, 4), (double)starts_ns[last] + 25);
}
END_TEST

/* Stages with equal times of all three passes: H1 leaves p - 1 of the bubble's 3 (p - 1), H2 none,
 * once there are micro-batches enough. */
START_TEST(split_passes_fill_the_bubble)
{
    const uint32_t stages = 4, microbatches = 12;
    g_autofree gw_search_pass_times *times = g_new(gw_search_pass_times, stages);
    g_autoptr(gw_workload_schedule) h1 = make(&gw_schedule_zb_h1, stages, 1, microbatches);
    g_autoptr(gw_workload_schedule) h2 = make(&gw_schedule_zb_h2, stages, 1, microbatches);
    for (uint32_t s = 0; s < stages; s++)
        times[s] = (gw_search_pass_times){1, 1, 1};
    ck_assert_double_eq(gw_search_play_ns(h1, times, 0), 3 * 12 + 3);
    ck_assert_double_eq(gw_search_play_ns(h2, times, 0), 3 * 12);
}
END_TEST

START_TEST(both_players_agree_on_split_passes)
{
    static const gw_schedule_ops *const split[] = {&gw_schedule_zb_h1, &gw_schedule_zb_h2};
    const uint32_t stages = 5, microbatches = 9;
    for (uint32_t i = 0; i < G_N_ELEMENTS(split); i++) {
        g_autoptr(gw_workload_schedule) schedule = make(split[i], stages, 1, microbatches);
        g_autofree gw_search_pass_times *times = g_new(gw_search_pass_times, stages);
        g_autofree gw_stage_times *stage_times = g_new0(gw_stage_times, stages);
        g_autofree gw_time *starts_ns = g_new0(gw_time, schedule->first_slot[stages]);
        for (uint32_t s = 0; s < stages; s++) {
            times[s] = (gw_search_pass_times){10 + 3 * s, 25 - 2 * s, 8 + s};
            stage_times[s] = (gw_stage_times){.forward_ns = 10 + 3 * s,
                                              .backward_ns = 33 - s,
                                              .weight_ns = 8 + s,
                                              .transfer_ns = 4};
        }
        ck_assert(gw_workload_schedule_play(schedule, stage_times, starts_ns, NULL));
        const uint32_t last = schedule->first_slot[1] - 1;
        ck_assert_int_eq(schedule->slots[last].kind, GW_SLOT_WEIGHTS);
        ck_assert_double_eq(gw_search_play_ns(schedule, times, 4), (double)starts_ns[last] + 8);
    }
}
END_TEST

/* What is told without a schedule is below what each takes, however many micro-batches it may hold;
 * and as much, where all passes are of equal length: H1 holds p and leaves a bubble of p - 1
 * passes, H2 2p - 1 and leaves none. */
START_TEST(nothing_takes_less_than_the_least)
{
    static const gw_schedule_ops *const split[] = {&gw_schedule_zb_h1, &gw_schedule_zb_h2,
                                                   &gw_schedule_zb_1p, &gw_schedule_zb_2p,
                                                   &gw_schedule_zb_auto};
    for (uint32_t i = 0; i < 3 * G_N_ELEMENTS(split) * 12; i++) {
        const gw_schedule_ops *ops = split[i % G_N_ELEMENTS(split)];
        const uint32_t stages = 1 + i / G_N_ELEMENTS(split) % 6;
        const uint32_t microbatches = 1 + i / (6 * G_N_ELEMENTS(split)) * 3;
        g_autofree gw_stage_times *times = g_new0(gw_stage_times, stages);
        g_autofree gw_search_pass_times *passes = g_new0(gw_search_pass_times, stages);
        for (uint32_t s = 0; s < stages; s++) {
            passes[s] = (gw_search_pass_times){10 + (3 * s + i) % 7, 12 + (5 * s + i) % 9, 8 + s};
            times[s] = (gw_stage_times){.forward_ns = 10, .backward_ns = 20, .weight_ns = 10};
        }
        const gw_schedule_request request = {.stage_count = stages,
                                             .microbatch_count = microbatches,
                                             .chunk_count = 1,
                                             .times = times,
                                             .kept_share = 0.5,
                                             .activations_max = 1 + i % 5 * 0.75};
        g_autoptr(gw_workload_schedule) schedule = ops->make(&request, NULL);
        const double held_max = gw_workload_schedule_peak(schedule, 0, request.kept_share);
        ck_assert_double_le(gw_search_play_least_ns(stages, microbatches, held_max, passes, i % 4),
                            gw_search_play_ns(schedule, passes, i % 4));
    }
}
END_TEST

START_TEST(the_least_is_taken_by_equal_passes)
{
    const uint32_t stages = 4, microbatches = 12;
    gw_search_pass_times times[4];
    for (uint32_t s = 0; s < stages; s++)
        times[s] = (gw_search_pass_times){1, 1, 1};
    ck_assert_double_eq(gw_search_play_least_ns(stages, microbatches, 4, times, 0), 3 * 12 + 3);
    ck_assert_double_eq(gw_search_play_least_ns(stages, microbatches, 4.9, times, 0), 3 * 12 + 3);
    ck_assert_double_eq(gw_search_play_least_ns(stages, microbatches, 7, times, 0), 3 * 12);
    ck_assert_double_eq(gw_search_play_least_ns(stages, microbatches, 99, times, 0), 3 * 12);
    ck_assert_double_eq(gw_search_play_least_ns(1, 5, 1, times, 100), 3 * 5);
    /* One micro-batch: there and back, with six transfers, and its part for weights. */
    ck_assert_double_eq(gw_search_play_least_ns(stages, 1, 4, times, 10), 2 * 4 + 60 + 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("search_play");
    TCase *cases = tcase_create("play");
    tcase_add_test(cases, equal_places_have_the_known_bubble);
    tcase_add_test(cases, one_stage_does_one_pass_after_the_other);
    tcase_add_test(cases, transfers_take_their_time);
    tcase_add_test(cases, both_players_agree);
    tcase_add_test(cases, split_passes_fill_the_bubble);
    tcase_add_test(cases, both_players_agree_on_split_passes);
    tcase_add_test(cases, nothing_takes_less_than_the_least);
    tcase_add_test(cases, the_least_is_taken_by_equal_passes);
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
