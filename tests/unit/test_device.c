/* SPDX-License-Identifier: Apache-2.0 */
/* Devices: order of queues, members that meet, what an ending tells, memory. */
#include <signal.h>

#include "count_allocations.h"
#include "run_suite.h"
#include "test_device.h"

/* --- Queues --- */

START_TEST(launch_takes_the_bus_both_ways)
{
    device_bench bench;
    device_bench_init(&bench, 1, 1);
    g_autoptr(gw_gang_layout) layout = lay_mesh(&bench, 1, 1, 0);
    g_autoptr(gw_gang_plan) plan = plan_work(layout, 100);
    gw_launch launch = launch_of(plan, 0, 0);
    launch.issued_ns = 7;
    gw_devices_launch(bench.devices, &launch);
    ck_assert_uint_eq(bench.line_count, 0); /* Nothing comes back from inside. */
    run_out(&bench);
    assert_shard(&bench, 0, 0, 7 + PCIE_NS, 107 + PCIE_NS);
    ck_assert_uint_eq(find_answer(&bench, LAUNCH_DONE, 0)->at_ns, 107 + 2 * PCIE_NS);
    ck_assert_uint_eq(gw_devices_gang_count(bench.devices), 0);
    device_bench_clear(&bench);
}
END_TEST

/* The bus takes no time. */
static void device_bench_init_free(device_bench *bench, uint32_t hosts, uint32_t per_host)
{
    static const gw_devices_ops ops = {.launch_done = write_launch,
                                       .copy_done = write_copy,
                                       .shards_ended = write_shards,
                                       .gang_ended = write_gang};
    device_bench_init(bench, hosts, per_host);
    gw_devices_free(bench->devices);
    bench->devices = gw_devices_new(bench->engine, bench->cluster, true, &ops, bench);
}

START_TEST(free_launches_take_no_time_but_their_own)
{
    device_bench bench;
    device_bench_init_free(&bench, 1, 1);
    g_autoptr(gw_gang_layout) layout = lay_mesh(&bench, 1, 1, 0);
    g_autoptr(gw_gang_plan) plan = plan_work(layout, 100);
    launch_gang(&bench, plan, 0);
    run_out(&bench);
    ck_assert_uint_eq(find_answer(&bench, LAUNCH_DONE, 0)->at_ns, 100);
    device_bench_clear(&bench);
}
END_TEST

START_TEST(device_runs_its_queue_in_order)
{
    device_bench bench;
    device_bench_init(&bench, 1, 2);
    g_autoptr(gw_gang_layout) both = lay_mesh(&bench, 1, 2, 0);
    g_autoptr(gw_gang_layout) second = lay_mesh(&bench, 1, 1, 1);
    g_autoptr(gw_gang_plan) long_plan = plan_work(both, 100);
    g_autoptr(gw_gang_plan) short_plan = plan_work(second, 1);
    launch_gang(&bench, long_plan, 0);
    launch_gang(&bench, short_plan, 1);
    launch_gang(&bench, long_plan, 2);
    run_out(&bench);
    assert_shard(&bench, 0, 1, 10, 110);
    assert_shard(&bench, 1, 1, 110, 111); /* Short, and waits all the same. */
    assert_shard(&bench, 2, 0, 110, 210);
    assert_shard(&bench, 2, 1, 111, 211);
    ck_assert_uint_eq(find_answer(&bench, LAUNCH_DONE, 100)->device_time_ns, 1);
    ck_assert_uint_eq(find_answer(&bench, LAUNCH_DONE, 200)->device_time_ns, 200); /* Of two. */
    /* The launch of gang 2 is done when its last shard is. */
    ck_assert_uint_eq(find_answer(&bench, LAUNCH_DONE, 200)->at_ns, 211 + PCIE_NS);
    device_bench_clear(&bench);
}
END_TEST

START_TEST(idle_device_starts_when_the_launch_comes)
{
    device_bench bench;
    device_bench_init(&bench, 1, 1);
    g_autoptr(gw_gang_layout) layout = lay_mesh(&bench, 1, 1, 0);
    g_autoptr(gw_gang_plan) plan = plan_work(layout, 100);
    launch_gang(&bench, plan, 0);
    run_out(&bench);
    gw_launch late = launch_of(plan, 1, 0);
    late.issued_ns = 500;
    gw_devices_launch(bench.devices, &late);
    run_out(&bench);
    assert_shard(&bench, 1, 0, 510, 610);
    device_bench_clear(&bench);
}
END_TEST

/* --- Meeting --- */

START_TEST(members_wait_for_the_last_one)
{
    device_bench bench;
    device_bench_init(&bench, 2, 1);
    g_autoptr(gw_gang_layout) layout = lay_mesh(&bench, 1, 2, 0);
    g_autoptr(gw_gang_plan) plan = plan_meeting(layout, 100, 30, 5);
    launch_on(&bench, plan, 0, 0);
    gw_launch late = launch_of(plan, 0, 1);
    late.issued_ns = 400;
    gw_devices_launch(bench.devices, &late);
    run_out(&bench);
    assert_shard(&bench, 0, 0, 10, 410 + 100 + 30 + 5);
    assert_shard(&bench, 0, 1, 410, 410 + 100 + 30 + 5);
    const diary_line *first = find_shard(&bench, 0, 0);
    ck_assert_uint_eq(first->local_ns, 105);
    ck_assert_uint_eq(first->collective_ns, 30);
    ck_assert_uint_eq(count_lines(&bench, GANG_ENDED), 1);
    device_bench_clear(&bench);
}
END_TEST

START_TEST(absent_member_holds_everybody)
{
    device_bench bench;
    device_bench_init(&bench, 2, 1);
    g_autoptr(gw_gang_layout) layout = lay_mesh(&bench, 1, 2, 0);
    g_autoptr(gw_gang_plan) plan = plan_meeting(layout, 100, 30, 5);
    launch_on(&bench, plan, 0, 0);
    run_out(&bench);
    ck_assert_uint_eq(bench.line_count, 0);
    ck_assert_uint_eq(gw_devices_gang_count(bench.devices), 1);
    device_bench_clear(&bench);
}
END_TEST

/* Two rows of two.  Rows meet; then columns.  Device 3 is late. */
START_TEST(groups_on_sub_axes_meet_apart)
{
    device_bench bench;
    device_bench_init(&bench, 4, 1);
    g_autoptr(gw_gang_layout) layout = lay_mesh(&bench, 2, 2, 0);
    hand_timing timing;
    const gw_span local_ns[] = {100, 20, 3};
    const uint8_t axes[] = {2, 1}; /* Along the last dimension, along the first. */
    hand_timing_init(&timing, layout, 2, local_ns, axes, 50);
    g_autoptr(gw_gang_plan) plan = gw_gang_plan_new(layout, &timing.timing);
    ck_assert(!plan->is_lockstep);
    for (uint32_t host = 0; host < 4; host++) {
        gw_launch launch = launch_of(plan, 0, host);
        launch.issued_ns = host == 3 ? 1000 : 0;
        gw_devices_launch(bench.devices, &launch);
    }
    run_out(&bench);
    /* Row 0 leaves at 10 + 100 + 50, row 1 at 1010 + 100 + 50; then every column waits for its
     * member of row 1. */
    const gw_time end_ns = 1010 + 100 + 50 + 20 + 50 + 3;
    assert_shard(&bench, 0, 0, 10, end_ns);
    assert_shard(&bench, 0, 2, 10, end_ns);
    assert_shard(&bench, 0, 3, 1010, end_ns);
    ck_assert_uint_eq(find_shard(&bench, 0, 0)->collective_ns, 100);
    device_bench_clear(&bench);
}
END_TEST

START_TEST(groups_end_apart_and_free_their_devices)
{
    device_bench bench;
    device_bench_init(&bench, 4, 1);
    g_autoptr(gw_gang_layout) layout = lay_mesh(&bench, 2, 2, 0);
    hand_timing timing;
    const gw_span local_ns[] = {100, 20};
    const uint8_t axes[] = {2};
    hand_timing_init(&timing, layout, 1, local_ns, axes, 50);
    timing.collective_ns[1] = 70; /* The second row's takes longer. */
    g_autoptr(gw_gang_plan) plan = gw_gang_plan_new(layout, &timing.timing);
    launch_gang(&bench, plan, 0);
    launch_gang(&bench, plan, 1);
    run_out(&bench);
    assert_shard(&bench, 0, 1, 10, 180);
    assert_shard(&bench, 0, 2, 10, 200);
    ck_assert_uint_eq(find_shard(&bench, 0, 1)->collective_ns, 50);
    ck_assert_uint_eq(find_shard(&bench, 0, 2)->collective_ns, 70);
    assert_shard(&bench, 1, 0, 180, 350);
    assert_shard(&bench, 1, 3, 200, 390);
    ck_assert_uint_eq(find_answer(&bench, LAUNCH_DONE, 1)->at_ns, 180 + PCIE_NS);
    ck_assert_uint_eq(find_answer(&bench, LAUNCH_DONE, 3)->at_ns, 200 + PCIE_NS);
    device_bench_clear(&bench);
}
END_TEST

START_TEST(collectives_over_the_same_groups_add_up)
{
    device_bench bench;
    device_bench_init(&bench, 4, 1);
    g_autoptr(gw_gang_layout) layout = lay_mesh(&bench, 2, 2, 0);
    hand_timing timing;
    const gw_span local_ns[] = {1, 2, 4, 8};
    const uint8_t axes[] = {3, 3, 3};
    hand_timing_init(&timing, layout, 3, local_ns, axes, 100);
    g_autoptr(gw_gang_plan) plan = gw_gang_plan_new(layout, &timing.timing);
    ck_assert(plan->is_lockstep);
    launch_gang(&bench, plan, 0);
    run_out(&bench);
    assert_shard(&bench, 0, 3, 10, 10 + 15 + 300);
    ck_assert_uint_eq(find_shard(&bench, 0, 3)->collective_ns, 300);
    device_bench_clear(&bench);
}
END_TEST

/* --- Many --- */

START_TEST(chain_of_queued_gangs_unrolls_when_its_last_member_comes)
{
    device_bench bench;
    device_bench_init(&bench, 2, 2);
    g_autoptr(gw_gang_layout) layout = lay_mesh(&bench, 1, 4, 0);
    g_autoptr(gw_gang_plan) plan = plan_meeting(layout, 100, 30, 5);
    for (uint64_t gang = 0; gang < 128; gang++) {
        launch_on(&bench, plan, gang, 0);
    }
    ck_assert_uint_eq(gw_engine_pending_count(bench.engine), 0);
    for (uint64_t gang = 0; gang < 128; gang++) {
        launch_on(&bench, plan, gang, 1);
    }
    ck_assert_uint_eq(gw_engine_pending_count(bench.engine), 128); /* One event a gang. */
    run_out(&bench);
    for (uint64_t gang = 0; gang < 128; gang++) {
        assert_shard(&bench, gang, 3, 10 + 135 * gang, 10 + 135 * (gang + 1));
        ck_assert_uint_eq(find_shard(&bench, gang, 0)->device_count, 4);
    }
    ck_assert_uint_eq(count_lines(&bench, LAUNCH_DONE), 256);
    device_bench_clear(&bench);
}
END_TEST

START_TEST(alike_shards_are_one_record_and_one_event)
{
    device_bench bench;
    device_bench_init(&bench, 8, 2);
    g_autoptr(gw_gang_layout) layout = lay_mesh(&bench, 1, 16, 0);
    g_autoptr(gw_gang_plan) plan = plan_work(layout, 100);
    launch_gang(&bench, plan, 0);
    ck_assert_uint_eq(gw_engine_pending_count(bench.engine), 1);
    run_out(&bench);
    ck_assert_uint_eq(count_lines(&bench, SHARDS_ENDED), 1);
    ck_assert_uint_eq(count_lines(&bench, LAUNCH_DONE), 8);
    device_bench_clear(&bench);
}
END_TEST

/* Work of no length, one host after the other in the same nanosecond. */
START_TEST(launches_that_end_as_they_come_are_all_answered)
{
    device_bench bench;
    device_bench_init_free(&bench, 4, 1);
    g_autoptr(gw_gang_layout) layout = lay_mesh(&bench, 1, 4, 0);
    g_autoptr(gw_gang_plan) plan = plan_work(layout, 0);
    launch_on(&bench, plan, 0, 0);
    launch_on(&bench, plan, 0, 1); /* One event for both. */
    ck_assert_uint_eq(gw_engine_pending_count(bench.engine), 1);
    run_out(&bench);
    launch_on(&bench, plan, 0, 2); /* The event has fired. */
    run_out(&bench);
    launch_on(&bench, plan, 0, 3);
    run_out(&bench);
    ck_assert_uint_eq(gw_engine_now(bench.engine), 0);
    ck_assert_uint_eq(count_lines(&bench, LAUNCH_DONE), 4);
    ck_assert_uint_eq(count_lines(&bench, GANG_ENDED), 1);
    device_bench_clear(&bench);
}
END_TEST

START_TEST(answers_come_host_by_host_after_the_records)
{
    device_bench bench;
    device_bench_init(&bench, 3, 1);
    g_autoptr(gw_gang_layout) layout = lay_mesh(&bench, 1, 3, 0);
    g_autoptr(gw_gang_plan) plan = plan_meeting(layout, 1, 1, 1);
    launch_on(&bench, plan, 4, 2);
    launch_on(&bench, plan, 4, 0);
    launch_on(&bench, plan, 4, 1);
    run_out(&bench);
    ck_assert_int_eq(bench.lines[0].kind, SHARDS_ENDED);
    ck_assert_uint_eq(bench.lines[1].tag, 400);
    ck_assert_uint_eq(bench.lines[2].tag, 401);
    ck_assert_int_eq(bench.lines[3].kind, GANG_ENDED); /* Gone before its last answer. */
    ck_assert_uint_eq(bench.lines[3].start_ns, 10);
    ck_assert_uint_eq(bench.lines[3].end_ns, 13);
    ck_assert_uint_eq(bench.lines[4].tag, 402);
    ck_assert_uint_eq(bench.line_count, 5);
    device_bench_clear(&bench);
}
END_TEST

START_TEST(scattered_mesh_is_recorded_by_neighbours)
{
    device_bench bench;
    device_bench_init(&bench, 4, 2);
    const gw_mesh mesh = {.dims = 1, .shape = {5, 1, 1}};
    const uint32_t devices[] = {6, 7, 0, 1, 3};
    g_autoptr(gw_gang_layout) layout = gw_gang_layout_new(bench.cluster, &mesh, devices);
    hand_timing timing;
    const gw_span local_ns[] = {10, 0};
    const uint8_t axes[] = {1};
    hand_timing_init(&timing, layout, 1, local_ns, axes, 5);
    g_autoptr(gw_gang_plan) plan = gw_gang_plan_new(layout, &timing.timing);
    launch_gang(&bench, plan, 0);
    run_out(&bench);
    ck_assert_uint_eq(count_lines(&bench, SHARDS_ENDED), 3);
    ck_assert_uint_eq(find_shard(&bench, 0, 7)->device, 6);
    ck_assert_uint_eq(find_shard(&bench, 0, 1)->device_count, 2);
    ck_assert_uint_eq(find_shard(&bench, 0, 3)->device_count, 1);
    ck_assert_uint_eq(count_lines(&bench, LAUNCH_DONE), 3);
    device_bench_clear(&bench);
}
END_TEST

/* --- Answers that act --- */

typedef struct {
    device_bench bench;
    const gw_gang_plan *plan;
    uint64_t last;
} chaser;

static void launch_next(device_bench *bench, uint32_t host, uint64_t tag)
{
    chaser *chased = (chaser *)bench;
    const uint64_t next = tag / 100 + 1;
    if (next <= chased->last) {
        launch_on(bench, chased->plan, next, host);
    }
}

START_TEST(answer_may_launch_the_next_gang)
{
    chaser chased = {0};
    device_bench_init(&chased.bench, 4, 1);
    g_autoptr(gw_gang_layout) layout = lay_mesh(&chased.bench, 1, 4, 0);
    g_autoptr(gw_gang_plan) plan = plan_meeting(layout, 100, 30, 5);
    chased.plan = plan;
    chased.last = 50;
    chased.bench.answer = launch_next;
    launch_gang(&chased.bench, plan, 0);
    run_out(&chased.bench);
    /* Each round: over the bus, the gang, back over the bus. */
    assert_shard(&chased.bench, 50, 2, 50 * 155 + 10, 50 * 155 + 145);
    ck_assert_uint_eq(gw_devices_gang_count(chased.bench.devices), 0);
    device_bench_clear(&chased.bench);
}
END_TEST

#ifdef COUNTS_ALLOCATIONS
/* Gangs in lockstep and out of step, and copies between them. */
static void run_rounds(device_bench *bench, gw_gang_plan *const *plans, uint64_t first,
                       uint64_t count)
{
    const uint32_t arrivals[] = {1, 0};
    for (uint64_t gang = first; gang < first + count; gang += 3) {
        launch_gang(bench, plans[0], gang);
        copy_between(bench, gang, 1, gang + 1, 2, 10, 7);
        copy_between(bench, gang + 1, 0, gang + 2, 0, 10, 7);
        launch_on(bench, plans[1], gang + 1, 0);
        gw_launch launch = launch_of(plans[1], gang + 1, 1);
        launch.issued_ns = gw_engine_now(bench->engine);
        launch.arrivals = arrivals;
        gw_devices_launch(bench->devices, &launch);
        launch = launch_of(plans[2], gang + 2, 0);
        launch.issued_ns = gw_engine_now(bench->engine);
        launch.arrivals = arrivals;
        gw_devices_launch(bench->devices, &launch);
        launch_on(bench, plans[2], gang + 2, 1);
        run_out(bench);
    }
}

START_TEST(warm_path_does_not_allocate)
{
    device_bench bench;
    device_bench_init(&bench, 2, 2);
    bench.is_silent = true;
    g_autoptr(gw_gang_layout) layout = lay_mesh(&bench, 2, 2, 0);
    hand_timing timing;
    const gw_span local_ns[] = {1, 2, 4};
    const uint8_t axes[] = {1, 2};
    hand_timing_init(&timing, layout, 2, local_ns, axes, 100);
    g_autoptr(gw_gang_plan) meeting = plan_meeting(layout, 100, 30, 5);
    g_autoptr(gw_gang_plan) work = plan_work(layout, 100);
    g_autoptr(gw_gang_plan) crossing = gw_gang_plan_new(layout, &timing.timing);
    gw_gang_plan *const plans[] = {meeting, work, crossing};
    run_rounds(&bench, plans, 0, 30);
    const uint64_t before = allocation_count; /* Assertions allocate: they come later. */
    run_rounds(&bench, plans, 30, 3000);
    const uint64_t after = allocation_count;
    ck_assert_uint_gt(before, 0);
    ck_assert_uint_eq(after, before);
    ck_assert_uint_eq(gw_devices_gang_count(bench.devices), 0);
    device_bench_clear(&bench);
}
END_TEST
#endif

/* --- Memory --- */

START_TEST(memory_is_taken_on_all_devices_or_on_none)
{
    device_bench bench;
    device_bench_init(&bench, 1, 2);
    const uint32_t both[] = {0, 1}, second[] = {1};
    ck_assert(gw_devices_reserve(bench.devices, both, 2, 600));
    ck_assert(gw_devices_reserve(bench.devices, second, 1, 400));
    ck_assert(!gw_devices_reserve(bench.devices, both, 2, 1)); /* Device 1 is full. */
    ck_assert_uint_eq(gw_devices_used_bytes(bench.devices, (gw_device_id){0}), 600);
    ck_assert_uint_eq(gw_devices_used_bytes(bench.devices, (gw_device_id){1}), 1000);
    gw_devices_release(bench.devices, second, 1, 400);
    ck_assert(gw_devices_reserve(bench.devices, both, 2, 400));
    gw_devices_release(bench.devices, both, 2, 1000);
    ck_assert_uint_eq(gw_devices_used_bytes(bench.devices, (gw_device_id){1}), 0);
    ck_assert_uint_eq(gw_devices_capacity_bytes(bench.devices, (gw_device_id){0}), 1000);
    device_bench_clear(&bench);
}
END_TEST

START_TEST(no_size_is_too_large_to_be_refused)
{
    device_bench bench;
    device_bench_init(&bench, 1, 1);
    const uint32_t device[] = {0};
    ck_assert(gw_devices_reserve(bench.devices, device, 1, 10));
    ck_assert(!gw_devices_reserve(bench.devices, device, 1, UINT64_MAX)); /* No wrap-around. */
    ck_assert(!gw_devices_reserve(bench.devices, device, 1, 991));
    ck_assert(gw_devices_reserve(bench.devices, device, 1, 990));
    device_bench_clear(&bench);
}
END_TEST

START_TEST(releasing_more_than_was_taken_aborts)
{
    device_bench bench;
    device_bench_init(&bench, 1, 1);
    const uint32_t device[] = {0};
    gw_devices_reserve(bench.devices, device, 1, 10);
    gw_devices_release(bench.devices, device, 1, 11);
}
END_TEST

/* --- Mistakes --- */

START_TEST(launching_twice_on_a_host_aborts)
{
    device_bench bench;
    device_bench_init(&bench, 2, 1);
    g_autoptr(gw_gang_layout) layout = lay_mesh(&bench, 1, 2, 0);
    g_autoptr(gw_gang_plan) plan = plan_meeting(layout, 100, 30, 5);
    launch_on(&bench, plan, 0, 0);
    launch_on(&bench, plan, 0, 0);
}
END_TEST

START_TEST(launching_a_gang_that_is_over_aborts)
{
    device_bench bench;
    device_bench_init(&bench, 1, 1);
    g_autoptr(gw_gang_layout) layout = lay_mesh(&bench, 1, 1, 0);
    g_autoptr(gw_gang_plan) plan = plan_work(layout, 1);
    launch_gang(&bench, plan, 0);
    run_out(&bench);
    launch_gang(&bench, plan, 0);
}
END_TEST

START_TEST(launching_on_a_host_without_shards_aborts)
{
    device_bench bench;
    device_bench_init(&bench, 2, 1);
    g_autoptr(gw_gang_layout) layout = lay_mesh(&bench, 1, 1, 0);
    g_autoptr(gw_gang_plan) plan = plan_work(layout, 1);
    launch_on(&bench, plan, 0, 1);
}
END_TEST

START_TEST(launching_in_the_past_aborts)
{
    device_bench bench;
    device_bench_init(&bench, 1, 1);
    g_autoptr(gw_gang_layout) layout = lay_mesh(&bench, 1, 1, 0);
    g_autoptr(gw_gang_plan) plan = plan_work(layout, 1);
    launch_gang(&bench, plan, 0);
    run_out(&bench);
    gw_launch launch = launch_of(plan, 1, 0);
    launch.issued_ns = gw_engine_now(bench.engine) - 1;
    gw_devices_launch(bench.devices, &launch);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("device");
    TCase *cases = tcase_create("device");
    tcase_add_test(cases, launch_takes_the_bus_both_ways);
    tcase_add_test(cases, free_launches_take_no_time_but_their_own);
    tcase_add_test(cases, device_runs_its_queue_in_order);
    tcase_add_test(cases, idle_device_starts_when_the_launch_comes);
    tcase_add_test(cases, members_wait_for_the_last_one);
    tcase_add_test(cases, absent_member_holds_everybody);
    tcase_add_test(cases, groups_on_sub_axes_meet_apart);
    tcase_add_test(cases, groups_end_apart_and_free_their_devices);
    tcase_add_test(cases, collectives_over_the_same_groups_add_up);
    tcase_add_test(cases, chain_of_queued_gangs_unrolls_when_its_last_member_comes);
    tcase_add_test(cases, alike_shards_are_one_record_and_one_event);
    tcase_add_test(cases, launches_that_end_as_they_come_are_all_answered);
    tcase_add_test(cases, answers_come_host_by_host_after_the_records);
    tcase_add_test(cases, scattered_mesh_is_recorded_by_neighbours);
    tcase_add_test(cases, answer_may_launch_the_next_gang);
#ifdef COUNTS_ALLOCATIONS
    tcase_add_test(cases, warm_path_does_not_allocate);
#endif
    tcase_add_test(cases, memory_is_taken_on_all_devices_or_on_none);
    tcase_add_test(cases, no_size_is_too_large_to_be_refused);
    tcase_add_test_raise_signal(cases, releasing_more_than_was_taken_aborts, SIGABRT);
    tcase_add_test_raise_signal(cases, launching_twice_on_a_host_aborts, SIGABRT);
    tcase_add_test_raise_signal(cases, launching_a_gang_that_is_over_aborts, SIGABRT);
    tcase_add_test_raise_signal(cases, launching_on_a_host_without_shards_aborts, SIGABRT);
    tcase_add_test_raise_signal(cases, launching_in_the_past_aborts, SIGABRT);
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
