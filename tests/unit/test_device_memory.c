/* SPDX-License-Identifier: Apache-2.0 */
/* Device memory: each device has its own sum, and every answer changes all targets or none.  The
 * bench's devices hold 1000 bytes. */
#include <signal.h>

#include "run_suite.h"
#include "test_device.h"

static void assert_used(const device_bench *bench, uint32_t device, uint64_t size_bytes)
{
    ck_assert_uint_eq(gw_devices_used_bytes(bench->devices, (gw_device_id){device}), size_bytes);
}

START_TEST(new_devices_are_empty)
{
    device_bench bench;
    device_bench_init(&bench, 2, 2);
    ck_assert_uint_eq(gw_devices_count(bench.devices), 4);
    for (uint32_t i = 0; i < 4; i++) {
        assert_used(&bench, i, 0);
        ck_assert_uint_eq(gw_devices_capacity_bytes(bench.devices, (gw_device_id){i}), 1000);
    }
    device_bench_clear(&bench);
}
END_TEST

START_TEST(only_the_targets_are_charged)
{
    device_bench bench;
    device_bench_init(&bench, 2, 2);
    const uint32_t outer[] = {3, 0};
    ck_assert(gw_devices_reserve(bench.devices, outer, 2, 300));
    assert_used(&bench, 0, 300);
    assert_used(&bench, 1, 0);
    assert_used(&bench, 2, 0);
    assert_used(&bench, 3, 300);
    ck_assert_uint_eq(gw_devices_capacity_bytes(bench.devices, (gw_device_id){3}), 1000);
    device_bench_clear(&bench);
}
END_TEST

START_TEST(refusal_leaves_no_trace_wherever_the_full_device_stands)
{
    device_bench bench;
    device_bench_init(&bench, 1, 3);
    const uint32_t middle[] = {1};
    const uint32_t orders[3][3] = {{0, 1, 2}, {1, 0, 2}, {2, 0, 1}};
    ck_assert(gw_devices_reserve(bench.devices, middle, 1, 1000));
    for (uint32_t i = 0; i < 3; i++) {
        ck_assert(!gw_devices_reserve(bench.devices, orders[i], 3, 1));
    }
    assert_used(&bench, 0, 0);
    assert_used(&bench, 1, 1000);
    assert_used(&bench, 2, 0);
    device_bench_clear(&bench);
}
END_TEST

START_TEST(the_last_byte_can_be_taken_and_no_more)
{
    device_bench bench;
    device_bench_init(&bench, 1, 1);
    const uint32_t device[] = {0};
    ck_assert(!gw_devices_reserve(bench.devices, device, 1, 1001));
    ck_assert(gw_devices_reserve(bench.devices, device, 1, 999));
    ck_assert(!gw_devices_reserve(bench.devices, device, 1, 2));
    ck_assert(gw_devices_reserve(bench.devices, device, 1, 1));
    ck_assert(!gw_devices_reserve(bench.devices, device, 1, 1));
    ck_assert(!gw_devices_reserve(bench.devices, device, 1, UINT64_MAX));
    ck_assert(gw_devices_reserve(bench.devices, device, 1, 0)); /* Nothing always fits. */
    assert_used(&bench, 0, 1000);
    device_bench_clear(&bench);
}
END_TEST

START_TEST(memory_is_given_back_in_other_pieces)
{
    device_bench bench;
    device_bench_init(&bench, 1, 2);
    const uint32_t both[] = {0, 1}, second[] = {1};
    ck_assert(gw_devices_reserve(bench.devices, both, 2, 500));
    ck_assert(gw_devices_reserve(bench.devices, second, 1, 200));
    gw_devices_release(bench.devices, both, 2, 500);
    assert_used(&bench, 0, 0);
    assert_used(&bench, 1, 200);
    ck_assert(gw_devices_reserve(bench.devices, both, 2, 400));
    assert_used(&bench, 0, 400);
    assert_used(&bench, 1, 600);
    ck_assert(gw_devices_reserve(bench.devices, both, 2, 400));
    assert_used(&bench, 0, 800);
    assert_used(&bench, 1, 1000);
    gw_devices_release(bench.devices, both, 2, 800);
    gw_devices_release(bench.devices, second, 1, 200);
    assert_used(&bench, 0, 0);
    assert_used(&bench, 1, 0);
    device_bench_clear(&bench);
}
END_TEST

START_TEST(release_beyond_one_devices_share_aborts)
{
    device_bench bench;
    device_bench_init(&bench, 1, 2);
    const uint32_t both[] = {0, 1}, first[] = {0};
    ck_assert(gw_devices_reserve(bench.devices, first, 1, 10));
    gw_devices_release(bench.devices, both, 2, 10); /* Device 1 has none. */
}
END_TEST

START_TEST(reserve_on_no_device_aborts)
{
    device_bench bench;
    device_bench_init(&bench, 1, 2);
    const uint32_t beyond[] = {2};
    gw_devices_reserve(bench.devices, beyond, 1, 0);
}
END_TEST

START_TEST(release_on_no_device_aborts)
{
    device_bench bench;
    device_bench_init(&bench, 1, 2);
    const uint32_t beyond[] = {2};
    gw_devices_release(bench.devices, beyond, 1, 0);
}
END_TEST

START_TEST(use_of_no_device_aborts)
{
    device_bench bench;
    device_bench_init(&bench, 1, 2);
    gw_devices_used_bytes(bench.devices, (gw_device_id){2});
}
END_TEST

START_TEST(capacity_of_no_device_aborts)
{
    device_bench bench;
    device_bench_init(&bench, 1, 2);
    gw_devices_capacity_bytes(bench.devices, (gw_device_id){GW_INDEX_NONE});
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("device_memory");
    TCase *cases = tcase_create("device_memory");
    tcase_add_test(cases, new_devices_are_empty);
    tcase_add_test(cases, only_the_targets_are_charged);
    tcase_add_test(cases, refusal_leaves_no_trace_wherever_the_full_device_stands);
    tcase_add_test(cases, the_last_byte_can_be_taken_and_no_more);
    tcase_add_test(cases, memory_is_given_back_in_other_pieces);
    tcase_add_test_raise_signal(cases, release_beyond_one_devices_share_aborts, SIGABRT);
    tcase_add_test_raise_signal(cases, reserve_on_no_device_aborts, SIGABRT);
    tcase_add_test_raise_signal(cases, release_on_no_device_aborts, SIGABRT);
    tcase_add_test_raise_signal(cases, use_of_no_device_aborts, SIGABRT);
    tcase_add_test_raise_signal(cases, capacity_of_no_device_aborts, SIGABRT);
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
