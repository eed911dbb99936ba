/* SPDX-License-Identifier: Apache-2.0 */
/* Copies: when they start, what waits for them, in whichever order the two ends come. */
#include <signal.h>

#include "run_suite.h"
#include "test_device.h"

/* Devices 0, 1 of host 0 and 2, 3 of host 1; a gang of 100 ns on each of four places. */
typedef struct {
    device_bench bench;
    gw_gang_layout *layouts[4];
    gw_gang_plan *plans[4];
} crossing;

static void crossing_init(crossing *made)
{
    device_bench_init(&made->bench, 2, 2);
    for (uint32_t i = 0; i < 4; i++) {
        made->layouts[i] = lay_mesh(&made->bench, 1, 1, i);
        made->plans[i] = plan_work(made->layouts[i], 100);
    }
}

static void crossing_clear(crossing *made)
{
    for (uint32_t i = 0; i < 4; i++) {
        gw_gang_plan_free(made->plans[i]);
        gw_gang_layout_free(made->layouts[i]);
    }
    device_bench_clear(&made->bench);
}

/* A gang on device `device` that awaits `count` copies. */
static void launch_awaiting(crossing *made, uint64_t gang, uint32_t device, uint32_t count)
{
    const uint32_t arrivals[] = {count};
    gw_launch launch = launch_of(made->plans[device], gang, device / 2);
    launch.issued_ns = gw_engine_now(made->bench.engine);
    launch.arrivals = arrivals;
    gw_devices_launch(made->bench.devices, &launch);
}

START_TEST(copy_asked_for_while_the_source_runs_starts_at_its_end)
{
    crossing made;
    crossing_init(&made);
    launch_gang(&made.bench, made.plans[0], 0);
    launch_awaiting(&made, 1, 2, 1);
    copy_between(&made.bench, 0, 0, 1, 2, 50, 7);
    run_out(&made.bench);
    assert_shard(&made.bench, 0, 0, 10, 110);
    ck_assert_uint_eq(find_answer(&made.bench, COPY_DONE, 7)->start_ns, 110);
    ck_assert_uint_eq(find_answer(&made.bench, COPY_DONE, 7)->at_ns, 160);
    assert_shard(&made.bench, 1, 2, 160, 260);
    ck_assert_uint_eq(gw_devices_copy_count(made.bench.devices), 0);
    crossing_clear(&made);
}
END_TEST

START_TEST(copy_from_a_gang_that_is_over_starts_at_once)
{
    crossing made;
    crossing_init(&made);
    launch_gang(&made.bench, made.plans[0], 0);
    run_out(&made.bench);
    const gw_time now_ns = gw_engine_now(made.bench.engine);
    ck_assert_uint_eq(now_ns, 120);
    copy_between(&made.bench, 0, 0, 1, 2, 50, 7);
    launch_awaiting(&made, 1, 2, 1);
    run_out(&made.bench);
    ck_assert_uint_eq(find_answer(&made.bench, COPY_DONE, 7)->start_ns, now_ns + PCIE_NS);
    assert_shard(&made.bench, 1, 2, now_ns + PCIE_NS + 50, now_ns + PCIE_NS + 150);
    crossing_clear(&made);
}
END_TEST

/* For what no gang waits: it starts after the PCIe latency, whatever runs there, and counts for
 * nobody. */
START_TEST(copy_of_no_gang_starts_at_once_and_is_nobodys)
{
    crossing made;
    crossing_init(&made);
    launch_gang(&made.bench, made.plans[0], 0);
    copy_between(&made.bench, GW_DEVICE_GANG_NONE, 0, GW_DEVICE_GANG_NONE, 2, 50, 7);
    run_out(&made.bench);
    ck_assert_uint_eq(find_answer(&made.bench, COPY_DONE, 7)->start_ns, PCIE_NS);
    ck_assert_uint_eq(find_answer(&made.bench, COPY_DONE, 7)->at_ns, PCIE_NS + 50);
    ck_assert_uint_eq(gw_devices_early_count(made.bench.devices), 0);
    ck_assert_uint_eq(gw_devices_copy_count(made.bench.devices), 0);
    assert_shard(&made.bench, 0, 0, 10, 110);
    crossing_clear(&made);
}
END_TEST

START_TEST(copy_asked_for_before_its_source_is_launched_waits_for_it)
{
    crossing made;
    crossing_init(&made);
    copy_between(&made.bench, 1, 0, 2, 2, 50, 7);
    copy_between(&made.bench, 0, 0, 2, 2, 50, 8);
    launch_awaiting(&made, 2, 2, 2);
    run_out(&made.bench);
    ck_assert_uint_eq(made.bench.line_count, 0);
    launch_gang(&made.bench, made.plans[0], 0);
    launch_gang(&made.bench, made.plans[0], 1);
    run_out(&made.bench);
    ck_assert_uint_eq(find_answer(&made.bench, COPY_DONE, 8)->start_ns, 110);
    ck_assert_uint_eq(find_answer(&made.bench, COPY_DONE, 7)->start_ns, 210);
    assert_shard(&made.bench, 2, 2, 260, 360);
    crossing_clear(&made);
}
END_TEST

START_TEST(copy_that_comes_before_its_target_is_launched_counts)
{
    crossing made;
    crossing_init(&made);
    launch_gang(&made.bench, made.plans[0], 0);
    copy_between(&made.bench, 0, 0, 1, 2, 50, 7);
    copy_between(&made.bench, 0, 0, 1, 2, 60, 8);
    copy_between(&made.bench, 0, 0, 2, 2, 60, 9); /* For another gang: does not count. */
    run_out(&made.bench);
    ck_assert_uint_eq(gw_devices_early_count(made.bench.devices), 3);
    const gw_time now_ns = gw_engine_now(made.bench.engine);
    launch_awaiting(&made, 1, 2, 2);
    run_out(&made.bench);
    ck_assert_uint_eq(gw_devices_early_count(made.bench.devices), 1);
    assert_shard(&made.bench, 1, 2, now_ns + PCIE_NS, now_ns + PCIE_NS + 100);
    crossing_clear(&made);
}
END_TEST

START_TEST(shard_waits_for_all_its_copies)
{
    crossing made;
    crossing_init(&made);
    launch_gang(&made.bench, made.plans[0], 0);
    copy_between(&made.bench, 0, 0, 1, 2, 10, 7); /* Early. */
    run_out(&made.bench);
    launch_awaiting(&made, 1, 2, 3);
    copy_between(&made.bench, 0, 0, 1, 2, 30, 8);
    run_out(&made.bench);
    ck_assert_uint_eq(count_lines(&made.bench, SHARDS_ENDED), 1);
    const gw_time now_ns = gw_engine_now(made.bench.engine);
    copy_between(&made.bench, 0, 0, 1, 2, 500, 9);
    run_out(&made.bench);
    assert_shard(&made.bench, 1, 2, now_ns + PCIE_NS + 500, now_ns + PCIE_NS + 600);
    crossing_clear(&made);
}
END_TEST

START_TEST(those_behind_a_waiting_shard_wait_too)
{
    crossing made;
    crossing_init(&made);
    launch_gang(&made.bench, made.plans[0], 0);
    launch_awaiting(&made, 1, 2, 1);
    launch_gang(&made.bench, made.plans[2], 2);
    copy_between(&made.bench, 0, 0, 1, 2, 90, 7);
    run_out(&made.bench);
    assert_shard(&made.bench, 1, 2, 200, 300);
    assert_shard(&made.bench, 2, 2, 300, 400);
    crossing_clear(&made);
}
END_TEST

START_TEST(copy_that_comes_while_its_target_stands_behind_costs_nothing)
{
    crossing made;
    crossing_init(&made);
    gw_gang_layout *layout = made.layouts[2];
    g_autoptr(gw_gang_plan) slow = plan_work(layout, 1000);
    launch_gang(&made.bench, made.plans[0], 0);
    launch_gang(&made.bench, slow, 1);
    launch_awaiting(&made, 2, 2, 1);
    copy_between(&made.bench, 0, 0, 2, 2, 90, 7);
    run_out(&made.bench);
    ck_assert_uint_eq(find_answer(&made.bench, COPY_DONE, 7)->at_ns, 200);
    assert_shard(&made.bench, 1, 2, 10, 1010);
    assert_shard(&made.bench, 2, 2, 1010, 1110);
    crossing_clear(&made);
}
END_TEST

START_TEST(only_the_shards_that_await_copies_wait)
{
    device_bench bench;
    device_bench_init(&bench, 1, 3);
    g_autoptr(gw_gang_layout) layout = lay_mesh(&bench, 1, 3, 0);
    g_autoptr(gw_gang_plan) plan = plan_work(layout, 100);
    g_autoptr(gw_gang_plan) meeting = plan_meeting(layout, 100, 30, 5);
    const uint32_t arrivals[] = {0, 1, 0};
    gw_launch launch = launch_of(plan, 1, 0);
    launch.arrivals = arrivals;
    launch_gang(&bench, plan, 0);
    gw_devices_launch(bench.devices, &launch);
    launch_gang(&bench, meeting, 2);
    copy_between(&bench, 0, 2, 1, 1, 400, 7);
    run_out(&bench);
    assert_shard(&bench, 1, 0, 110, 210);
    assert_shard(&bench, 1, 1, 510, 610);
    assert_shard(&bench, 2, 0, 210, 745); /* Waits in its collective for device 1. */
    assert_shard(&bench, 2, 1, 610, 745);
    device_bench_clear(&bench);
}
END_TEST

START_TEST(member_of_a_meeting_may_await_copies)
{
    device_bench bench;
    device_bench_init(&bench, 1, 2);
    g_autoptr(gw_gang_layout) layout = lay_mesh(&bench, 1, 2, 0);
    g_autoptr(gw_gang_plan) plan = plan_meeting(layout, 100, 30, 5);
    const uint32_t arrivals[] = {0, 1};
    gw_launch launch = launch_of(plan, 1, 0);
    launch.arrivals = arrivals;
    launch_gang(&bench, plan, 0); /* 10 to 145. */
    gw_devices_launch(bench.devices, &launch);
    copy_between(&bench, 0, 0, 1, 1, 50, 7);
    run_out(&bench);
    assert_shard(&bench, 1, 0, 145, 195 + 135);
    assert_shard(&bench, 1, 1, 195, 195 + 135);
    device_bench_clear(&bench);
}
END_TEST

START_TEST(copies_leave_as_each_group_of_the_source_ends)
{
    device_bench bench;
    device_bench_init(&bench, 4, 1);
    g_autoptr(gw_gang_layout) layout = lay_mesh(&bench, 2, 2, 0);
    hand_timing timing;
    const gw_span local_ns[] = {100, 20};
    const uint8_t axes[] = {2};
    hand_timing_init(&timing, layout, 1, local_ns, axes, 50);
    timing.collective_ns[1] = 500;
    g_autoptr(gw_gang_plan) plan = gw_gang_plan_new(layout, &timing.timing);
    launch_gang(&bench, plan, 0);
    copy_between(&bench, 0, 2, 1, 0, 1, 7);
    copy_between(&bench, 0, 1, 1, 0, 1, 8);
    run_out(&bench);
    ck_assert_uint_eq(find_answer(&bench, COPY_DONE, 8)->start_ns, 180);
    ck_assert_uint_eq(find_answer(&bench, COPY_DONE, 7)->start_ns, 630);
    device_bench_clear(&bench);
}
END_TEST

START_TEST(copies_of_one_source_start_in_the_order_asked)
{
    crossing made;
    crossing_init(&made);
    copy_between(&made.bench, 0, 0, 1, 2, 50, 5);
    copy_between(&made.bench, 0, 0, 1, 2, 50, 6);
    launch_gang(&made.bench, made.plans[0], 0);
    copy_between(&made.bench, 0, 0, 1, 2, 50, 7);
    copy_between(&made.bench, 0, 0, 1, 2, 50, 8);
    run_out(&made.bench);
    uint64_t expected = 5;
    for (uint32_t i = 0; i < made.bench.line_count; i++) {
        if (made.bench.lines[i].kind == COPY_DONE) {
            ck_assert_uint_eq(made.bench.lines[i].tag, expected);
            expected++;
        }
    }
    ck_assert_uint_eq(expected, 9);
    crossing_clear(&made);
}
END_TEST

START_TEST(copy_to_the_host_crosses_the_bus)
{
    crossing made;
    crossing_init(&made);
    launch_gang(&made.bench, made.plans[0], 0);
    const gw_device_copy copy = {
        .is_to_host = true, .tag = 7, .source_gang = 0, .source_device = 0, .size_bytes = 1000};
    gw_devices_copy(made.bench.devices, &copy);
    run_out(&made.bench);
    /* 1000 bytes at 10 bytes/ns, and the latency. */
    ck_assert_uint_eq(find_answer(&made.bench, COPY_DONE, 7)->start_ns, 110);
    ck_assert_uint_eq(find_answer(&made.bench, COPY_DONE, 7)->at_ns, 110 + PCIE_NS + 100);
    crossing_clear(&made);
}
END_TEST

/* At once, whoever writes the source, and as long as the way there. */
START_TEST(copy_from_the_host_crosses_the_bus)
{
    crossing made;
    crossing_init(&made);
    const uint32_t arrivals[] = {1};
    const gw_launch launch = {.origin = {.gang = 1},
                              .plan = made.plans[2],
                              .host = made.layouts[2]->hosts[0],
                              .tag = 1,
                              .arrivals = arrivals};
    gw_devices_launch(made.bench.devices, &launch);
    const uint32_t device = made.layouts[2]->devices[0];
    const gw_device_copy copy = {.is_from_host = true,
                                 .is_source_done = true,
                                 .host = made.layouts[2]->hosts[0],
                                 .tag = 7,
                                 .source_gang = 99,
                                 .target_gang = 1,
                                 .source_device = device,
                                 .target_device = device,
                                 .size_bytes = 1000};
    gw_devices_copy(made.bench.devices, &copy);
    run_out(&made.bench);
    ck_assert_uint_eq(find_answer(&made.bench, COPY_DONE, 7)->at_ns,
                      find_answer(&made.bench, COPY_DONE, 7)->start_ns + PCIE_NS + 100);
    ck_assert_uint_ge(find_answer(&made.bench, LAUNCH_DONE, 1)->at_ns,
                      find_answer(&made.bench, COPY_DONE, 7)->at_ns);
    crossing_clear(&made);
}
END_TEST

START_TEST(one_copy_too_many_aborts)
{
    crossing made;
    crossing_init(&made);
    launch_gang(&made.bench, made.plans[0], 0);
    run_out(&made.bench);
    g_autoptr(gw_gang_plan) slow = plan_work(made.layouts[2], 1000);
    launch_gang(&made.bench, slow, 1); /* Awaits none. */
    copy_between(&made.bench, 0, 0, 1, 2, 50, 7);
    run_out(&made.bench);
}
END_TEST

START_TEST(copy_for_a_gang_that_is_over_aborts)
{
    crossing made;
    crossing_init(&made);
    launch_gang(&made.bench, made.plans[0], 0);
    launch_gang(&made.bench, made.plans[2], 1);
    run_out(&made.bench);
    copy_between(&made.bench, 0, 0, 1, 2, 50, 7);
    run_out(&made.bench);
}
END_TEST

START_TEST(copy_from_a_device_without_the_gang_aborts)
{
    crossing made;
    crossing_init(&made);
    launch_gang(&made.bench, made.plans[0], 0);
    copy_between(&made.bench, 0, 1, 1, 2, 50, 7);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("device_copy");
    TCase *cases = tcase_create("device_copy");
    tcase_add_test(cases, copy_asked_for_while_the_source_runs_starts_at_its_end);
    tcase_add_test(cases, copy_from_a_gang_that_is_over_starts_at_once);
    tcase_add_test(cases, copy_of_no_gang_starts_at_once_and_is_nobodys);
    tcase_add_test(cases, copy_asked_for_before_its_source_is_launched_waits_for_it);
    tcase_add_test(cases, copy_that_comes_before_its_target_is_launched_counts);
    tcase_add_test(cases, shard_waits_for_all_its_copies);
    tcase_add_test(cases, those_behind_a_waiting_shard_wait_too);
    tcase_add_test(cases, copy_that_comes_while_its_target_stands_behind_costs_nothing);
    tcase_add_test(cases, only_the_shards_that_await_copies_wait);
    tcase_add_test(cases, member_of_a_meeting_may_await_copies);
    tcase_add_test(cases, copies_leave_as_each_group_of_the_source_ends);
    tcase_add_test(cases, copies_of_one_source_start_in_the_order_asked);
    tcase_add_test(cases, copy_to_the_host_crosses_the_bus);
    tcase_add_test(cases, copy_from_the_host_crosses_the_bus);
    tcase_add_test_raise_signal(cases, one_copy_too_many_aborts, SIGABRT);
    tcase_add_test_raise_signal(cases, copy_for_a_gang_that_is_over_aborts, SIGABRT);
    tcase_add_test_raise_signal(cases, copy_from_a_device_without_the_gang_aborts, SIGABRT);
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
