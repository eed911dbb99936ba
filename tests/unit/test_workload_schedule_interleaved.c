/* SPDX-License-Identifier: Apache-2.0 */
/* Interleaved 1F1B: order, closed form, memory, and how far it is from what was published. */
#include "test_workload_schedule.h"

START_TEST(order_by_stage)
{
    g_autoptr(gw_workload_schedule) schedule = make_schedule(
        &gw_schedule_interleaved,
        &(gw_schedule_request){.stage_count = 2, .microbatch_count = 4, .chunk_count = 2});
    expect_stage(schedule, 0, "F0F1F0.1F1.1F2BW0.1F3BW1.1F2.1BW0F3.1BW1BW2.1BW3.1BW2BW3");
    expect_stage(schedule, 1, "F0F1F0.1BW0.1F1.1BW1.1F2BW0F3BW1F2.1BW2.1F3.1BW3.1BW2BW3");
}
END_TEST

/* Narayanan et al. (2021): the bubble is that of 1F1B divided by the chunks, (p - 1)(TF + TB) / v;
 * stage s holds the warm-up's chunks and one more. */
START_TEST(closed_form_and_memory)
{
    for (uint32_t stages = 1; stages <= 6; stages++) {
        for (uint32_t chunks = 2; chunks <= 4; chunks++) {
            g_autofree gw_stage_times *times = make_even_times(stages, 12);
            g_autoptr(gw_workload_schedule) schedule = make_schedule(
                &gw_schedule_interleaved, &(gw_schedule_request){.stage_count = stages,
                                                                 .microbatch_count = 3 * stages,
                                                                 .chunk_count = chunks});
            gw_time end_ns;
            play_schedule(schedule, times, &end_ns);
            ck_assert_uint_eq(end_ns, 3 * stages * 36 + (stages - 1) * 36 / chunks);
            for (uint32_t stage = 0; stage < stages; stage++) {
                const uint32_t held = 2 * (stages - stage - 1) + (chunks - 1) * stages + 1;
                ck_assert_double_eq(gw_workload_schedule_peak(schedule, stage, 1),
                                    (double)held / chunks);
            }
        }
    }
}
END_TEST

/* Every row comes out longer than printed by p transfers, one sweep over the stages: docs/MODEL.md,
 * "Pipelines".  Held fast, so that a change is noticed. */
START_TEST(published_bubbles_lack_one_sweep_of_transfers)
{
    for (size_t i = 0; i < G_N_ELEMENTS(published); i++) {
        const published_row *row = &published[i];
        const double work_us =
            row->microbatches * (double)(row->forward_us + row->inputs_us + row->weight_us);
        const double cost_us = work_us / (1 - find_bubble(row, &gw_schedule_interleaved, 3));
        const double sweep_us = row->stages * (double)row->transfer_us;
        ck_assert_double_eq_tol(1 - work_us / (cost_us - sweep_us), row->bubble_interleaved,
                                0.0001);
    }
}
END_TEST

static void expect_refusal(uint32_t count, uint32_t chunks, const char *expected)
{
    g_autoptr(GError) error = NULL;
    const gw_schedule_request request = {
        .stage_count = 4, .microbatch_count = count, .chunk_count = chunks};
    ck_assert_ptr_null(gw_schedule_interleaved.make(&request, &error));
    ck_assert(g_error_matches(error, GW_ERROR, GW_ERROR_SCENARIO));
    ck_assert_str_eq(error->message, expected);
}

START_TEST(what_cannot_be_made_is_told)
{
    expect_refusal(8, 1, "found 1 chunk per stage, expected \"chunks\" of 2 at least");
    expect_refusal(9, 2, "found 9 micro-batches, expected a multiple of the 4 stages");
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("interleaved");
    tcase_add_test(cases, order_by_stage);
    tcase_add_test(cases, closed_form_and_memory);
    tcase_add_test(cases, published_bubbles_lack_one_sweep_of_transfers);
    tcase_add_test(cases, what_cannot_be_made_is_told);
    return run_cases("workload schedule interleaved", cases);
}
