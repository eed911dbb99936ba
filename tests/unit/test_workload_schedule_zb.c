/* SPDX-License-Identifier: Apache-2.0 */
/* ZB-H1 and ZB-H2: order, closed forms, memory, and bubbles as published. */
#include "test_workload_schedule.h"

START_TEST(order_by_stage)
{
    g_autofree gw_stage_times *times = make_even_times(3, 10);
    const gw_schedule_request request = {
        .stage_count = 3, .microbatch_count = 5, .chunk_count = 1, .times = times};
    g_autoptr(gw_workload_schedule) h1 = make_schedule(&gw_schedule_zb_h1, &request);
    expect_stage(h1, 0, "F0F1F2B0W0F3B1W1F4B2W2B3W3B4W4");
    expect_stage(h1, 1, "F0F1B0F2B1W0F3B2W1F4B3W2B4W3W4");
    expect_stage(h1, 2, "F0B0F1B1F2B2W0F3B3W1F4B4W2W3W4");
    g_autoptr(gw_workload_schedule) h2 = make_schedule(&gw_schedule_zb_h2, &request);
    expect_stage(h2, 0, "F0F1F2F3F4B0W0B1W1B2W2B3W3B4W4");
    expect_stage(h2, 2, "F0B0F1B1F2B2F3B3F4B4W0W1W2W3W4");
}
END_TEST

/* [ZB]: with equal passes H1 has a bubble of p - 1 of them, H2 none; they hold p and 2p - 1. */
START_TEST(closed_forms_and_memory)
{
    for (uint32_t stages = 1; stages <= 8; stages++) {
        g_autofree gw_stage_times *times = make_even_times(stages, 10);
        const uint32_t count = 3 * stages;
        const gw_schedule_request request = {
            .stage_count = stages, .microbatch_count = count, .chunk_count = 1, .times = times};
        g_autoptr(gw_workload_schedule) h1 = make_schedule(&gw_schedule_zb_h1, &request);
        g_autoptr(gw_workload_schedule) h2 = make_schedule(&gw_schedule_zb_h2, &request);
        gw_time end_ns;
        ck_assert_uint_eq(play_schedule(h1, times, &end_ns), (3 * count + stages - 1) * 10);
        ck_assert_uint_eq(end_ns, (3 * count + stages - 1) * 10);
        ck_assert_uint_eq(play_schedule(h2, times, &end_ns), 3 * count * 10);
        ck_assert_uint_eq(end_ns, (3 * count + stages - 1) * 10);
        for (uint32_t stage = 0; stage < stages; stage++) {
            ck_assert_double_eq(gw_workload_schedule_peak(h1, stage, 1), stages);
            ck_assert_double_eq(gw_workload_schedule_peak(h2, stage, 1), 2 * stages - 1);
        }
    }
}
END_TEST

START_TEST(published_bubbles)
{
    for (size_t i = 0; i < G_N_ELEMENTS(published); i++) {
        const published_row *row = &published[i];
        ck_assert_double_eq_tol(find_bubble(row, &gw_schedule_zb_h1, 1), row->bubble_zb_h1, 0.0001);
        ck_assert_double_eq_tol(find_bubble(row, &gw_schedule_zb_h2, 1), row->bubble_zb_h2, 0.0001);
    }
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("zb");
    tcase_add_test(cases, order_by_stage);
    tcase_add_test(cases, closed_forms_and_memory);
    tcase_add_test(cases, published_bubbles);
    return run_cases("workload schedule zb", cases);
}
