/* SPDX-License-Identifier: Apache-2.0 */
/* Deadlocks: rings of waiting devices are found, and nothing else is taken for one. */

#include "run_suite.h"
#include "test_device.h"

static bool find_cycle(const device_bench *bench, GArray **out_waits)
{
    *out_waits = g_array_new(FALSE, FALSE, sizeof(gw_device_wait));
    return gw_devices_find_cycle(bench->devices, *out_waits);
}

/* Each waits for the device of the next. */
static void assert_ring(const GArray *waits, uint32_t count)
{
    ck_assert_uint_eq(waits->len, count);
    for (uint32_t i = 0; i < count; i++) {
        const gw_device_wait *wait = &g_array_index(waits, gw_device_wait, i);
        const gw_device_wait *next = &g_array_index(waits, gw_device_wait, (i + 1) % count);
        ck_assert_uint_eq(wait->target.index, next->device.index);
    }
}

START_TEST(two_gangs_in_opposite_order_wait_for_each_other)
{
    device_bench bench;
    device_bench_init(&bench, 2, 1);
    g_autoptr(gw_gang_layout) layout = lay_mesh(&bench, 1, 2, 0);
    g_autoptr(gw_gang_plan) plan = plan_meeting(layout, 100, 30, 5);
    launch_on(&bench, plan, 1, 0);
    launch_on(&bench, plan, 2, 1);
    launch_on(&bench, plan, 2, 0);
    launch_on(&bench, plan, 1, 1);
    run_out(&bench);
    g_autoptr(GArray) waits = NULL;
    ck_assert(find_cycle(&bench, &waits));
    assert_ring(waits, 2);
    const gw_device_wait *first = &g_array_index(waits, gw_device_wait, 0);
    ck_assert_int_eq(first->kind, GW_WAIT_MEMBER);
    ck_assert_uint_eq(first->device.index, 0);
    ck_assert_uint_eq(first->gang.gang, 1);
    ck_assert_uint_eq(first->gang.node, 2);
    ck_assert_uint_eq(g_array_index(waits, gw_device_wait, 1).gang.gang, 2);
    device_bench_clear(&bench);
}
END_TEST

/* Gang i meets on devices i and i + 1 of a ring of three, and stands behind gang i - 1 on i. */
START_TEST(ring_of_three_is_found)
{
    device_bench bench;
    device_bench_init(&bench, 3, 1);
    gw_gang_layout *layouts[3];
    gw_gang_plan *plans[3];
    const gw_mesh mesh = {.dims = 1, .shape = {2, 1, 1}};
    for (uint32_t i = 0; i < 3; i++) {
        const uint32_t devices[] = {i, (i + 1) % 3};
        layouts[i] = gw_gang_layout_new(bench.cluster, &mesh, devices);
        hand_timing timing;
        const gw_span local_ns[] = {100, 5};
        const uint8_t axes[] = {1};
        hand_timing_init(&timing, layouts[i], 1, local_ns, axes, 30);
        plans[i] = gw_gang_plan_new(layouts[i], &timing.timing);
        launch_on(&bench, plans[i], i, i);
    }
    for (uint32_t i = 0; i < 3; i++) {
        launch_on(&bench, plans[i], i, (i + 1) % 3);
    }
    run_out(&bench);
    g_autoptr(GArray) waits = NULL;
    ck_assert(find_cycle(&bench, &waits));
    assert_ring(waits, 3);
    for (uint32_t i = 0; i < 3; i++) {
        gw_gang_plan_free(plans[i]);
        gw_gang_layout_free(layouts[i]);
    }
    device_bench_clear(&bench);
}
END_TEST

START_TEST(absent_launch_is_no_ring)
{
    device_bench bench;
    device_bench_init(&bench, 2, 1);
    g_autoptr(gw_gang_layout) layout = lay_mesh(&bench, 1, 2, 0);
    g_autoptr(gw_gang_plan) plan = plan_meeting(layout, 100, 30, 5);
    launch_on(&bench, plan, 1, 0);
    run_out(&bench);
    g_autoptr(GArray) waits = NULL;
    ck_assert(!find_cycle(&bench, &waits));
    ck_assert_uint_eq(waits->len, 0);
    gw_device_wait wait;
    bool is_launched = true;
    ck_assert(gw_devices_blocked(bench.devices, (gw_device_id){0}, &wait, &is_launched));
    ck_assert_int_eq(wait.kind, GW_WAIT_MEMBER);
    ck_assert_uint_eq(wait.target.index, 1);
    ck_assert(!is_launched);
    ck_assert(!gw_devices_blocked(bench.devices, (gw_device_id){1}, &wait, &is_launched));
    device_bench_clear(&bench);
}
END_TEST

START_TEST(devices_at_rest_are_not_blocked)
{
    device_bench bench;
    device_bench_init(&bench, 2, 1);
    g_autoptr(gw_gang_layout) layout = lay_mesh(&bench, 1, 2, 0);
    g_autoptr(gw_gang_plan) plan = plan_meeting(layout, 100, 30, 5);
    launch_gang(&bench, plan, 0);
    run_out(&bench);
    g_autoptr(GArray) waits = NULL;
    ck_assert(!find_cycle(&bench, &waits));
    gw_device_wait wait;
    bool is_launched;
    ck_assert(!gw_devices_blocked(bench.devices, (gw_device_id){0}, &wait, &is_launched));
    device_bench_clear(&bench);
}
END_TEST

/* Gang 0 on device 0 awaits a copy from gang 1 on device 1, which stands behind gang 2 there,
 * which awaits a copy from gang 3, which stands behind gang 0. */
START_TEST(ring_through_copies_is_found)
{
    device_bench bench;
    device_bench_init(&bench, 2, 1);
    g_autoptr(gw_gang_layout) left = lay_mesh(&bench, 1, 1, 0);
    g_autoptr(gw_gang_layout) right = lay_mesh(&bench, 1, 1, 1);
    g_autoptr(gw_gang_plan) on_left = plan_work(left, 100);
    g_autoptr(gw_gang_plan) on_right = plan_work(right, 100);
    const uint32_t one[] = {1};
    gw_launch launch = launch_of(on_left, 0, 0);
    launch.arrivals = one;
    gw_devices_launch(bench.devices, &launch);
    launch = launch_of(on_right, 2, 1);
    launch.arrivals = one;
    gw_devices_launch(bench.devices, &launch);
    launch_on(&bench, on_left, 3, 0);
    launch_on(&bench, on_right, 1, 1);
    g_autoptr(GArray) none = NULL;
    ck_assert(!find_cycle(&bench, &none)); /* Nobody has asked for the copies. */
    gw_device_wait wait;
    bool is_launched;
    ck_assert(gw_devices_blocked(bench.devices, (gw_device_id){0}, &wait, &is_launched));
    ck_assert_int_eq(wait.kind, GW_WAIT_COPY);
    ck_assert_uint_eq(wait.target.index, GW_INDEX_NONE);
    copy_between(&bench, 1, 1, 0, 0, 10, 7);
    copy_between(&bench, 3, 0, 2, 1, 10, 8);
    run_out(&bench);
    g_autoptr(GArray) waits = NULL;
    ck_assert(find_cycle(&bench, &waits));
    assert_ring(waits, 2);
    ck_assert_int_eq(g_array_index(waits, gw_device_wait, 0).kind, GW_WAIT_COPY);
    device_bench_clear(&bench);
}
END_TEST

/* Rows meet first; the second row then waits in its columns for the first, whose device 1 stands
 * behind another gang. */
START_TEST(waiting_in_a_later_collective_is_told)
{
    device_bench bench;
    device_bench_init(&bench, 4, 1);
    g_autoptr(gw_gang_layout) layout = lay_mesh(&bench, 2, 2, 0);
    hand_timing timing;
    const gw_span local_ns[] = {100, 20, 3};
    const uint8_t axes[] = {2, 1};
    hand_timing_init(&timing, layout, 2, local_ns, axes, 50);
    g_autoptr(gw_gang_plan) plan = gw_gang_plan_new(layout, &timing.timing);
    g_autoptr(gw_gang_layout) pair = lay_mesh(&bench, 1, 3, 1);
    g_autoptr(gw_gang_plan) meeting = plan_meeting(pair, 100, 30, 5);
    launch_on(&bench, meeting, 2, 1); /* Device 1: gang 2, then gang 1. */
    launch_gang(&bench, plan, 1);
    launch_on(&bench, meeting, 2, 2);
    launch_on(&bench, meeting, 2, 3);
    run_out(&bench);
    gw_device_wait wait;
    bool is_launched = false;
    ck_assert(gw_devices_blocked(bench.devices, (gw_device_id){3}, &wait, &is_launched));
    ck_assert_int_eq(wait.kind, GW_WAIT_MEMBER);
    ck_assert_uint_eq(wait.collective, 1);
    ck_assert_uint_eq(wait.target.index, 1);
    ck_assert(is_launched);
    g_autoptr(GArray) waits = NULL;
    ck_assert(find_cycle(&bench, &waits));
    assert_ring(waits, waits->len);
    ck_assert_uint_ge(waits->len, 2);
    device_bench_clear(&bench);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("device_wait");
    TCase *cases = tcase_create("device_wait");
    tcase_add_test(cases, two_gangs_in_opposite_order_wait_for_each_other);
    tcase_add_test(cases, ring_of_three_is_found);
    tcase_add_test(cases, absent_launch_is_no_ring);
    tcase_add_test(cases, devices_at_rest_are_not_blocked);
    tcase_add_test(cases, ring_through_copies_is_found);
    tcase_add_test(cases, waiting_in_a_later_collective_is_told);
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
