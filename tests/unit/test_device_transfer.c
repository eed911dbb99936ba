/* SPDX-License-Identifier: Apache-2.0 */
/* Devices that cannot compute while they transfer. */

#include "run_suite.h"
#include "test_device.h"

static void stopped_init(device_bench *bench, uint32_t hosts, uint32_t per_host)
{
    device_bench_init(bench, hosts, per_host);
    gw_devices_free(bench->devices);
    bench->made.accelerators[0].stops_to_transfer = true;
    bench->devices = gw_devices_new(bench->engine, bench->cluster, false, &device_bench_ops, bench);
}

/* Gang 0 on device 0 for 100 ns, whose output goes to device 1 in 60; then gang 1 on device 0. */
START_TEST(sender_waits_until_it_has_sent)
{
    device_bench bench;
    stopped_init(&bench, 1, 2);
    g_autoptr(gw_gang_layout) first = lay_mesh(&bench, 1, 1, 0);
    g_autoptr(gw_gang_layout) second = lay_mesh(&bench, 1, 1, 1);
    g_autoptr(gw_gang_plan) sends = plan_work(first, 100);
    g_autoptr(gw_gang_plan) takes = plan_work(second, 100);
    launch_gang(&bench, sends, 0);
    launch_gang(&bench, sends, 1);
    gw_launch launch = launch_of(takes, 2, 0);
    launch.arrivals = (const uint32_t[]){1};
    gw_devices_launch(bench.devices, &launch);
    copy_between(&bench, 0, 0, 2, 1, 60, 9);
    run_out(&bench);
    assert_shard(&bench, 0, 0, 10, 110);
    assert_shard(&bench, 1, 0, 170, 270);
    assert_shard(&bench, 2, 1, 170, 270);
    device_bench_clear(&bench);
}
END_TEST

/* Gang 3 runs on device 1 from 10 to 150 while the copy comes, from 110 to 170: 40 of it beside
 * gang 3, 20 after it.  Then the 40 are paid, and gang 4 runs. */
START_TEST(receiver_pays_for_what_came_beside_a_shard)
{
    device_bench bench;
    stopped_init(&bench, 1, 2);
    g_autoptr(gw_gang_layout) first = lay_mesh(&bench, 1, 1, 0);
    g_autoptr(gw_gang_layout) second = lay_mesh(&bench, 1, 1, 1);
    g_autoptr(gw_gang_plan) sends = plan_work(first, 100);
    g_autoptr(gw_gang_plan) works = plan_work(second, 140);
    launch_gang(&bench, sends, 0);
    launch_gang(&bench, works, 3);
    launch_gang(&bench, works, 4);
    launch_gang(&bench, works, 5);
    copy_between(&bench, 0, 0, GW_DEVICE_GANG_NONE, 1, 60, 9);
    run_out(&bench);
    assert_shard(&bench, 3, 1, 10, 150);
    assert_shard(&bench, 4, 1, 210, 350);
    assert_shard(&bench, 5, 1, 350, 490); /* Paid is paid. */
    device_bench_clear(&bench);
}
END_TEST

/* Two copies at a time are paid once. */
START_TEST(what_flies_together_is_paid_together)
{
    device_bench bench;
    stopped_init(&bench, 1, 3);
    g_autoptr(gw_gang_layout) layout = lay_mesh(&bench, 1, 1, 1);
    g_autoptr(gw_gang_plan) works = plan_work(layout, 1000);
    launch_gang(&bench, works, 0);
    launch_gang(&bench, works, 1);
    copy_between(&bench, GW_DEVICE_GANG_NONE, 0, GW_DEVICE_GANG_NONE, 1, 300, 1);
    copy_between(&bench, GW_DEVICE_GANG_NONE, 2, GW_DEVICE_GANG_NONE, 1, 500, 2);
    run_out(&bench);
    assert_shard(&bench, 0, 1, 10, 1010);
    assert_shard(&bench, 1, 1, 1510, 2510);
    device_bench_clear(&bench);
}
END_TEST

/* The copy of gang 0 is for gang 2, which stands behind gang 1 on device 1; gang 1 meets on both.
 * If the copy waited for device 1 to be free, or gang 1 for the copy, nothing would move. */
START_TEST(nobody_waits_in_a_circle)
{
    device_bench bench;
    stopped_init(&bench, 1, 2);
    g_autoptr(gw_gang_layout) first = lay_mesh(&bench, 1, 1, 0);
    g_autoptr(gw_gang_layout) second = lay_mesh(&bench, 1, 1, 1);
    g_autoptr(gw_gang_layout) both = lay_mesh(&bench, 1, 2, 0);
    g_autoptr(gw_gang_plan) sends = plan_work(first, 100);
    g_autoptr(gw_gang_plan) takes = plan_work(second, 100);
    g_autoptr(gw_gang_plan) meets = plan_meeting(both, 10, 20, 30);
    ck_assert(!meets->is_lockstep);
    launch_gang(&bench, sends, 0);
    launch_gang(&bench, meets, 1);
    gw_launch launch = launch_of(takes, 2, 0);
    launch.arrivals = (const uint32_t[]){1};
    gw_devices_launch(bench.devices, &launch);
    copy_between(&bench, 0, 0, 2, 1, 60, 9);
    run_out(&bench);
    assert_shard(&bench, 1, 0, 170, 230);
    assert_shard(&bench, 1, 1, 10, 230);
    assert_shard(&bench, 2, 1, 290, 390); /* 60 came while it waited in gang 1. */
    ck_assert_uint_eq(gw_devices_gang_count(bench.devices), 0);
    device_bench_clear(&bench);
}
END_TEST

/* To the host and back: the other device goes on. */
START_TEST(host_copies_take_their_device)
{
    device_bench bench;
    stopped_init(&bench, 1, 2);
    g_autoptr(gw_gang_layout) layout = lay_mesh(&bench, 1, 2, 0);
    g_autoptr(gw_gang_plan) works = plan_work(layout, 100);
    launch_gang(&bench, works, 0);
    launch_gang(&bench, works, 1);
    gw_device_copy copy = {.is_to_host = true,
                           .tag = 1,
                           .source_gang = 0,
                           .target_gang = GW_DEVICE_GANG_NONE,
                           .source_device = 1,
                           .size_bytes = 8,
                           .duration_ns = 50};
    gw_devices_copy(bench.devices, &copy);
    run_out(&bench);
    assert_shard(&bench, 1, 0, 110, 210);
    assert_shard(&bench, 1, 1, 160, 260);
    device_bench_clear(&bench);
}
END_TEST

/* Without copies nothing differs from devices that go on. */
START_TEST(without_copies_nothing_differs)
{
    device_bench benches[2];
    for (uint32_t i = 0; i < 2; i++) {
        device_bench *bench = &benches[i];
        (i == 0 ? device_bench_init : stopped_init)(bench, 2, 2);
        g_autoptr(gw_gang_layout) all = lay_mesh(bench, 2, 2, 0);
        g_autoptr(gw_gang_layout) some = lay_mesh(bench, 1, 2, 1);
        g_autoptr(gw_gang_plan) meets = plan_meeting(all, 10, 20, 30);
        g_autoptr(gw_gang_plan) works = plan_work(some, 70);
        for (uint64_t gang = 0; gang < 6; gang++) {
            launch_gang(bench, gang % 3 == 1 ? works : meets, gang);
        }
        run_out(bench);
    }
    for (uint64_t gang = 0; gang < 6; gang++) {
        for (uint32_t device = gang % 3 == 1 ? 1 : 0; device < (gang % 3 == 1 ? 3 : 4); device++) {
            const diary_line *line = find_shard(&benches[0], gang, device);
            assert_shard(&benches[1], gang, device, line->start_ns, line->end_ns);
        }
    }
    device_bench_clear(&benches[0]);
    device_bench_clear(&benches[1]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("device_transfer");
    TCase *tcase = tcase_create("transfer");
    tcase_add_test(tcase, sender_waits_until_it_has_sent);
    tcase_add_test(tcase, receiver_pays_for_what_came_beside_a_shard);
    tcase_add_test(tcase, what_flies_together_is_paid_together);
    tcase_add_test(tcase, nobody_waits_in_a_circle);
    tcase_add_test(tcase, host_copies_take_their_device);
    tcase_add_test(tcase, without_copies_nothing_differs);
    suite_add_tcase(suite, tcase);
    return gw_run_suite(suite);
}
