/* SPDX-License-Identifier: Apache-2.0 */
/* 1F1B: order, memory, and bubbles as published. */
#include "test_workload_schedule.h"

static gw_workload_schedule *make_1f1b(uint32_t stages, uint32_t count)
{
    return make_schedule(
        &gw_schedule_1f1b,
        &(gw_schedule_request){.stage_count = stages, .microbatch_count = count, .chunk_count = 1});
}

START_TEST(order_by_stage)
{
    g_autoptr(gw_workload_schedule) schedule = make_1f1b(3, 4);
    expect_stage(schedule, 0, "F0F1F2BW0F3BW1BW2BW3");
    expect_stage(schedule, 1, "F0F1BW0F2BW1F3BW2BW3");
    expect_stage(schedule, 2, "F0BW0F1BW1F2BW2F3BW3");
    g_autoptr(gw_workload_schedule) brief = make_1f1b(8, 2);
    expect_stage(brief, 0, "F0F1BW0BW1"); /* Fewer micro-batches than warm-ups. */
}
END_TEST

START_TEST(a_stage_holds_what_is_left_to_the_end)
{
    g_autoptr(gw_workload_schedule) schedule = make_1f1b(5, 3);
    static const double expected[] = {3, 3, 3, 2, 1};
    for (uint32_t stage = 0; stage < 5; stage++) {
        ck_assert_double_eq(gw_workload_schedule_peak(schedule, stage, 1), expected[stage]);
    }
}
END_TEST

START_TEST(published_bubbles)
{
    for (size_t i = 0; i < G_N_ELEMENTS(published); i++) {
        const double bubble = find_bubble(&published[i], &gw_schedule_1f1b, 1);
        ck_assert_double_eq_tol(bubble, published[i].bubble_1f1b, 0.0001);
    }
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("1f1b");
    tcase_add_test(cases, order_by_stage);
    tcase_add_test(cases, a_stage_holds_what_is_left_to_the_end);
    tcase_add_test(cases, published_bubbles);
    return run_cases("workload schedule 1f1b", cases);
}
