/* SPDX-License-Identifier: Apache-2.0 */
/* Overlapped collectives: what they wait for, what waits for them, and what of them is hidden. More
 * in test_device_random.c, against plain arithmetic. */

#include "run_suite.h"
#include "test_device.h"

#define ISSUE(collective_)                                                                         \
    {                                                                                              \
        .kind = GW_STEP_ISSUE, .collective = (collective_)                                         \
    }
#define AWAIT(collective_)                                                                         \
    {                                                                                              \
        .kind = GW_STEP_AWAIT, .collective = (collective_)                                         \
    }
#define MEET(collective_)                                                                          \
    {                                                                                              \
        .kind = GW_STEP_MEET, .collective = (collective_)                                          \
    }

/* Each collective takes `span_ns`; a step after each of `local_ns`, and one local span more. */
static gw_gang_plan *plan_steps(gw_gang_layout *layout, gw_step *steps, uint32_t step_count,
                                const gw_span *local_ns, uint32_t collective_count,
                                const uint8_t *axes, gw_span span_ns)
{
    hand_timing made;
    const gw_span none_ns[COLLECTIVES_MAX + 1] = {0};
    gw_span total_ns = 0;
    hand_timing_init(&made, layout, collective_count, none_ns, axes, span_ns);
    made.timing.steps = steps;
    made.timing.step_count = step_count;
    made.timing.local_ns = g_memdup2(local_ns, (step_count + 1) * sizeof *local_ns);
    for (uint32_t i = 0; i <= step_count; i++) {
        total_ns += local_ns[i];
    }
    made.timing.total_local_ns = total_ns;
    gw_gang_plan *plan = gw_gang_plan_new(layout, &made.timing);
    g_free(made.timing.local_ns);
    return plan;
}

START_TEST(computing_goes_on_beside_it)
{
    device_bench bench;
    device_bench_init(&bench, 1, 2);
    g_autoptr(gw_gang_layout) layout = lay_mesh(&bench, 1, 2, 0);
    static const uint8_t axes[] = {3};
    gw_step steps[] = {ISSUE(0), AWAIT(0)};
    /* 100, then 30 beside 40 of the collective, then 5. */
    g_autoptr(gw_gang_plan) plan =
        plan_steps(layout, steps, 2, (const gw_span[]){100, 30, 5}, 1, axes, 40);
    ck_assert(plan->has_flows && !plan->is_lockstep);
    launch_gang(&bench, plan, 0);
    run_out(&bench);
    assert_shard(&bench, 0, 0, PCIE_NS, PCIE_NS + 145);
    const diary_line *line = find_shard(&bench, 0, 1);
    ck_assert_uint_eq(line->end_ns, PCIE_NS + 145);
    ck_assert_uint_eq(line->local_ns, 135);
    ck_assert_uint_eq(line->collective_ns, 10);
    ck_assert_uint_eq(line->hidden_ns, 30);
    device_bench_clear(&bench);
}
END_TEST

START_TEST(what_is_over_is_not_waited_for)
{
    device_bench bench;
    device_bench_init(&bench, 1, 2);
    g_autoptr(gw_gang_layout) layout = lay_mesh(&bench, 1, 2, 0);
    static const uint8_t axes[] = {3};
    gw_step steps[] = {ISSUE(0), AWAIT(0)};
    g_autoptr(gw_gang_plan) plan =
        plan_steps(layout, steps, 2, (const gw_span[]){0, 300, 0}, 1, axes, 40);
    launch_gang(&bench, plan, 0);
    run_out(&bench);
    assert_shard(&bench, 0, 0, PCIE_NS, PCIE_NS + 300);
    ck_assert_uint_eq(find_shard(&bench, 0, 0)->collective_ns, 0);
    ck_assert_uint_eq(find_shard(&bench, 0, 0)->hidden_ns, 40);
    device_bench_clear(&bench);
}
END_TEST

/* Three of 40 one after another, from 10 on; the wait is for the last, and all of it for one or
 * another. */
START_TEST(one_after_another_on_a_channel)
{
    device_bench bench;
    device_bench_init(&bench, 1, 2);
    g_autoptr(gw_gang_layout) layout = lay_mesh(&bench, 1, 2, 0);
    static const uint8_t axes[] = {3, 3, 3};
    gw_step steps[] = {ISSUE(0), ISSUE(1), ISSUE(2), AWAIT(2)};
    g_autoptr(gw_gang_plan) plan =
        plan_steps(layout, steps, 4, (const gw_span[]){10, 5, 5, 15, 1}, 3, axes, 40);
    launch_gang(&bench, plan, 0);
    run_out(&bench);
    assert_shard(&bench, 0, 0, PCIE_NS, PCIE_NS + 131);
    ck_assert_uint_eq(find_shard(&bench, 0, 0)->collective_ns, 130 - 35);
    ck_assert_uint_eq(find_shard(&bench, 0, 0)->hidden_ns, 35 - 10);
    device_bench_clear(&bench);
}
END_TEST

/* Rows of a 2 x 2 mesh, then columns: the column's begins when both of its members' rows are
 * through, the second row 1000 later than the first. */
START_TEST(channel_of_the_slowest_decides)
{
    device_bench bench;
    device_bench_init(&bench, 2, 2);
    g_autoptr(gw_gang_layout) layout = lay_mesh(&bench, 2, 2, 0);
    static const uint8_t axes[] = {2, 1};
    gw_step steps[] = {ISSUE(0), ISSUE(1), AWAIT(0), AWAIT(1)};
    g_autoptr(gw_gang_plan) plan =
        plan_steps(layout, steps, 4, (const gw_span[]){10, 0, 0, 7, 0}, 2, axes, 40);
    launch_on(&bench, plan, 0, 0);
    gw_launch late = launch_of(plan, 0, 1);
    late.issued_ns = 1000;
    gw_devices_launch(bench.devices, &late);
    run_out(&bench);
    for (uint32_t device = 0; device < 4; device++) {
        const gw_time start_ns = PCIE_NS + (device < 2 ? 0 : 1000);
        assert_shard(&bench, 0, device, start_ns, PCIE_NS + 1000 + 10 + 40 + 40);
        /* The first row waits for the second, which is nobody's communication; it computes its 7
         * before the column begins, the second row beside it. */
        const gw_span hidden_ns = device < 2 ? 0 : 7;
        ck_assert_uint_eq(find_shard(&bench, 0, device)->collective_ns, 80 - hidden_ns);
        ck_assert_uint_eq(find_shard(&bench, 0, device)->hidden_ns, hidden_ns);
    }
    device_bench_clear(&bench);
}
END_TEST

/* In a MEET members wait beside an overlapped collective, and that hides it. */
START_TEST(meeting_goes_beside_it)
{
    device_bench bench;
    device_bench_init(&bench, 1, 2);
    g_autoptr(gw_gang_layout) layout = lay_mesh(&bench, 1, 2, 0);
    static const uint8_t axes[] = {3, 3};
    gw_step steps[] = {ISSUE(0), MEET(1), AWAIT(0)};
    g_autoptr(gw_gang_plan) plan =
        plan_steps(layout, steps, 3, (const gw_span[]){10, 20, 0, 0}, 2, axes, 40);
    launch_gang(&bench, plan, 0);
    run_out(&bench);
    assert_shard(&bench, 0, 0, PCIE_NS, PCIE_NS + 70);
    ck_assert_uint_eq(find_shard(&bench, 0, 0)->collective_ns, 40);
    ck_assert_uint_eq(find_shard(&bench, 0, 0)->hidden_ns, 40);
    device_bench_clear(&bench);
}
END_TEST

/* --- Waits in a circle --- */

static void assert_opposite_orders_wait(gw_step *steps, uint32_t step_count,
                                        uint32_t collective_count, uint32_t collective)
{
    static const uint8_t axes[] = {3, 3};
    static const gw_span local_ns[] = {10, 10, 10, 10};
    device_bench bench;
    device_bench_init(&bench, 2, 1);
    g_autoptr(gw_gang_layout) layout = lay_mesh(&bench, 1, 2, 0);
    g_autoptr(gw_gang_plan) plan =
        plan_steps(layout, steps, step_count, local_ns, collective_count, axes, 40);
    launch_on(&bench, plan, 1, 0);
    launch_on(&bench, plan, 2, 1);
    launch_on(&bench, plan, 2, 0);
    launch_on(&bench, plan, 1, 1);
    run_out(&bench);
    g_autoptr(GArray) waits = g_array_new(FALSE, FALSE, sizeof(gw_device_wait));
    ck_assert(gw_devices_find_cycle(bench.devices, waits));
    ck_assert_uint_eq(waits->len, 2);
    for (uint32_t i = 0; i < 2; i++) {
        const gw_device_wait *wait = &g_array_index(waits, gw_device_wait, i);
        ck_assert_int_eq(wait->kind, GW_WAIT_MEMBER);
        ck_assert_uint_eq(wait->collective, collective);
        ck_assert_uint_eq(wait->target.index, 1 - wait->device.index);
        ck_assert_uint_eq(wait->gang.gang, wait->device.index + 1);
    }
    device_bench_clear(&bench);
}

START_TEST(opposite_orders_wait_for_each_other)
{
    gw_step one[] = {ISSUE(0), AWAIT(0)};
    gw_step two[] = {ISSUE(0), ISSUE(1), AWAIT(1)}; /* The first is what is missing. */
    gw_step other[] = {ISSUE(0), MEET(1), AWAIT(0)};
    assert_opposite_orders_wait(one, 2, 1, 0);
    assert_opposite_orders_wait(two, 3, 2, 0);
    assert_opposite_orders_wait(other, 3, 2, 1);
}
END_TEST

/* Device 0 has come to both collectives; the second waits for device 1's channel, and that for
 * device 3, which has not been launched. */
START_TEST(wait_for_a_channel_leads_to_who_is_missing)
{
    static const uint8_t axes[] = {1, 2};
    gw_step steps[] = {ISSUE(0), ISSUE(1), AWAIT(1)};
    device_bench bench;
    device_bench_init(&bench, 4, 1);
    g_autoptr(gw_gang_layout) layout = lay_mesh(&bench, 2, 2, 0);
    g_autoptr(gw_gang_plan) plan =
        plan_steps(layout, steps, 3, (const gw_span[]){10, 10, 10, 10}, 2, axes, 40);
    for (uint32_t host = 0; host < 3; host++) {
        launch_on(&bench, plan, 0, host);
    }
    run_out(&bench);
    for (uint32_t device = 0; device < 3; device++) {
        gw_device_wait wait;
        bool is_launched;
        ck_assert(gw_devices_blocked(bench.devices, (gw_device_id){device}, &wait, &is_launched));
        ck_assert_int_eq(wait.kind, GW_WAIT_MEMBER);
        ck_assert_uint_eq(wait.target.index, 3);
        ck_assert_uint_eq(wait.collective, device == 2 ? 1 : 0);
        ck_assert(!is_launched);
    }
    device_bench_clear(&bench);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("device_flow");
    TCase *tcase = tcase_create("flow");
    tcase_add_test(tcase, computing_goes_on_beside_it);
    tcase_add_test(tcase, what_is_over_is_not_waited_for);
    tcase_add_test(tcase, one_after_another_on_a_channel);
    tcase_add_test(tcase, channel_of_the_slowest_decides);
    tcase_add_test(tcase, meeting_goes_beside_it);
    tcase_add_test(tcase, opposite_orders_wait_for_each_other);
    tcase_add_test(tcase, wait_for_a_channel_leads_to_who_is_missing);
    suite_add_tcase(suite, tcase);
    return gw_run_suite(suite);
}
