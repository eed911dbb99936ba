/* SPDX-License-Identifier: Apache-2.0 */
/* GPipe: order and memory; its bubble is that of 1F1B. */
#include "test_workload_schedule.h"

static gw_workload_schedule *make_plain(const gw_schedule_ops *ops, uint32_t stages, uint32_t count)
{
    return make_schedule(
        ops,
        &(gw_schedule_request){.stage_count = stages, .microbatch_count = count, .chunk_count = 1});
}

START_TEST(order_is_the_same_on_every_stage)
{
    g_autoptr(gw_workload_schedule) schedule = make_plain(&gw_schedule_gpipe, 3, 4);
    for (uint32_t stage = 0; stage < 3; stage++) {
        expect_stage(schedule, stage, "F0F1F2F3BW3BW2BW1BW0");
        ck_assert_double_eq(gw_workload_schedule_peak(schedule, stage, 1), 4);
    }
}
END_TEST

START_TEST(as_long_as_1f1b_where_transfers_take_no_time)
{
    for (uint32_t stages = 1; stages <= 6; stages++) {
        g_autofree gw_stage_times *times = make_even_times(stages, 7);
        g_autoptr(gw_workload_schedule) one = make_plain(&gw_schedule_gpipe, stages, 9);
        g_autoptr(gw_workload_schedule) other = make_plain(&gw_schedule_1f1b, stages, 9);
        gw_time one_ns, other_ns;
        play_schedule(one, times, &one_ns);
        play_schedule(other, times, &other_ns);
        ck_assert_uint_eq(one_ns, other_ns);
        ck_assert_uint_eq(one_ns, (9 + stages - 1) * 21);
    }
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("gpipe");
    tcase_add_test(cases, order_is_the_same_on_every_stage);
    tcase_add_test(cases, as_long_as_1f1b_where_transfers_take_no_time);
    return run_cases("workload schedule gpipe", cases);
}
