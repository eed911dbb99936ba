/* SPDX-License-Identifier: Apache-2.0 */
/* Who pays for memory that is used for the first time, how much, and who does not. */

#include "base/random.h"
#include "run_suite.h"
#include "test_device.h"

#define RATE_BYTES_PER_S 1e9 /* A byte takes 1 ns. */
#define RANDOM_STEPS     400

/* Threads on `cores` cores, of one host. */
static void touch_init(device_bench *bench, uint32_t count, uint32_t cores, double rate_bytes_per_s)
{
    device_bench_init(bench, 1, count);
    gw_devices_free(bench->devices);
    gw_cluster_free(bench->made.cluster);
    bench->made.accelerators[0].shared_cores = cores;
    bench->made.accelerators[0].first_touch_bytes_per_s = rate_bytes_per_s;
    bench->cluster = small_cluster_build(&bench->made);
    bench->devices = gw_devices_new(bench->engine, bench->cluster, false, &device_bench_ops, bench);
}

/* A gang of 100 ns whose shards write so much each; run to its end.  What that took on `device`. */
static gw_span run_gang(device_bench *bench, const gw_gang_plan *plan, uint64_t gang,
                        uint64_t output_bytes, uint32_t device)
{
    gw_launch launch = launch_of(plan, gang, 0);
    launch.issued_ns = gw_engine_now(bench->engine);
    launch.output_bytes = output_bytes;
    gw_devices_launch(bench->devices, &launch);
    run_out(bench);
    const diary_line *line = find_shard(bench, gang, device);
    ck_assert_uint_eq(line->local_ns, line->end_ns - line->start_ns);
    return line->local_ns;
}

static void reserve(device_bench *bench, uint64_t size_bytes)
{
    const uint32_t device = 0;
    ck_assert(gw_devices_reserve(bench->devices, &device, 1, size_bytes));
}

static void release(device_bench *bench, uint64_t size_bytes)
{
    const uint32_t device = 0;
    gw_devices_release(bench->devices, &device, 1, size_bytes);
}

START_TEST(the_most_ever_held_is_paid_for_once)
{
    device_bench bench;
    touch_init(&bench, 1, 1, RATE_BYTES_PER_S);
    ck_assert(gw_devices_count_touches(bench.devices));
    g_autoptr(gw_gang_layout) layout = lay_mesh(&bench, 1, 1, 0);
    g_autoptr(gw_gang_plan) plan = plan_work(layout, 100);
    reserve(&bench, 300);
    ck_assert_uint_eq(run_gang(&bench, plan, 0, 300, 0), 400);
    reserve(&bench, 300);
    ck_assert_uint_eq(run_gang(&bench, plan, 1, 300, 0), 400); /* Beside the first. */
    release(&bench, 300);
    release(&bench, 300);
    reserve(&bench, 500);
    ck_assert_uint_eq(run_gang(&bench, plan, 2, 500, 0), 100); /* In their place. */
    reserve(&bench, 200);
    ck_assert_uint_eq(run_gang(&bench, plan, 3, 200, 0), 200); /* 100 of it are there. */
    ck_assert_uint_eq(run_gang(&bench, plan, 4, 0, 0), 100);   /* Over what it reads. */
    device_bench_clear(&bench);
}
END_TEST

START_TEST(what_was_never_written_is_given_back_too)
{
    device_bench bench;
    touch_init(&bench, 1, 1, RATE_BYTES_PER_S);
    g_autoptr(gw_gang_layout) layout = lay_mesh(&bench, 1, 1, 0);
    g_autoptr(gw_gang_plan) plan = plan_work(layout, 100);
    reserve(&bench, 700);
    release(&bench, 700);
    reserve(&bench, 50);
    ck_assert_uint_eq(run_gang(&bench, plan, 0, 50, 0), 150);
    device_bench_clear(&bench);
}
END_TEST

START_TEST(scratch_is_one_area_as_large_as_the_largest)
{
    static const struct {
        uint64_t scratch_bytes;
        gw_span expected_ns;
    } cases[] = {{0, 100}, {40, 140}, {40, 100}, {30, 100}, {70, 170}, {40, 100}, {71, 171}};
    device_bench bench;
    touch_init(&bench, 1, 1, RATE_BYTES_PER_S);
    g_autoptr(gw_gang_layout) layout = lay_mesh(&bench, 1, 1, 0);
    for (uint32_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        const gw_span local_ns = 100;
        hand_timing timing;
        hand_timing_init(&timing, layout, 0, &local_ns, NULL, 0);
        timing.timing.scratch_bytes = cases[i].scratch_bytes;
        g_autoptr(gw_gang_plan) plan = gw_gang_plan_new(layout, &timing.timing);
        ck_assert_uint_eq(run_gang(&bench, plan, i, 0, 0), cases[i].expected_ns);
    }
    device_bench_clear(&bench);
}
END_TEST

/* What it brings is paid for by the next shard of its target, and by no other. */
START_TEST(copies_bring_memory_into_use)
{
    device_bench bench;
    touch_init(&bench, 2, 2, RATE_BYTES_PER_S);
    g_autoptr(gw_gang_layout) first = lay_mesh(&bench, 1, 1, 0);
    g_autoptr(gw_gang_layout) second = lay_mesh(&bench, 1, 1, 1);
    g_autoptr(gw_gang_plan) source = plan_work(first, 100);
    g_autoptr(gw_gang_plan) target = plan_work(second, 100);
    copy_between(&bench, GW_DEVICE_GANG_NONE, 0, GW_DEVICE_GANG_NONE, 1, 5, 7); /* 8 bytes. */
    run_out(&bench);
    ck_assert_uint_eq(run_gang(&bench, source, 0, 0, 0), 100);
    ck_assert_uint_eq(run_gang(&bench, target, 1, 20, 1), 100 + 8 + 20);
    ck_assert_uint_eq(run_gang(&bench, target, 2, 0, 1), 100);
    for (uint32_t i = 0; i < 2; i++) {
        const gw_device_copy copy = {.is_to_host = i == 0,
                                     .is_from_host = i == 1,
                                     .tag = 8 + i,
                                     .source_gang = GW_DEVICE_GANG_NONE,
                                     .target_gang = GW_DEVICE_GANG_NONE,
                                     .source_device = 1,
                                     .target_device = 1,
                                     .size_bytes = 100,
                                     .issued_ns = gw_engine_now(bench.engine)};
        gw_devices_copy(bench.devices, &copy);
        run_out(&bench);
        ck_assert_uint_eq(run_gang(&bench, target, 3 + i, 0, 1), 100);
    }
    device_bench_clear(&bench);
}
END_TEST

/* Two of 100 ns and 60 bytes each on one core. */
START_TEST(it_takes_a_core)
{
    for (uint32_t cores = 1; cores <= 2; cores++) {
        device_bench bench;
        touch_init(&bench, 2, cores, RATE_BYTES_PER_S);
        g_autoptr(gw_gang_layout) layout = lay_mesh(&bench, 1, 2, 0);
        g_autoptr(gw_gang_plan) plan = plan_work(layout, 100);
        ck_assert_uint_eq(run_gang(&bench, plan, 0, 60, 1), 160 * 2 / cores);
        device_bench_clear(&bench);
    }
}
END_TEST

/* Before the first collective, once. */
START_TEST(members_pay_before_they_meet)
{
    device_bench bench;
    touch_init(&bench, 2, 2, RATE_BYTES_PER_S);
    g_autoptr(gw_gang_layout) layout = lay_mesh(&bench, 1, 2, 0);
    g_autoptr(gw_gang_plan) plan = plan_meeting(layout, 100, 40, 10);
    gw_launch launch = launch_of(plan, 0, 0);
    launch.output_bytes = 25;
    gw_devices_launch(bench.devices, &launch);
    run_out(&bench);
    for (uint32_t device = 0; device < 2; device++) {
        assert_shard(&bench, 0, device, PCIE_NS, PCIE_NS + 125 + 40 + 10);
        ck_assert_uint_eq(find_shard(&bench, 0, device)->local_ns, 125 + 10);
        ck_assert_uint_eq(find_shard(&bench, 0, device)->collective_ns, 40);
    }
    device_bench_clear(&bench);
}
END_TEST

/* Where the figure is not given, and of devices that are no threads. */
START_TEST(others_pay_nothing)
{
    for (uint32_t i = 0; i < 2; i++) {
        device_bench bench;
        touch_init(&bench, 1, i, i == 0 ? RATE_BYTES_PER_S : 0);
        ck_assert(!gw_devices_count_touches(bench.devices));
        g_autoptr(gw_gang_layout) layout = lay_mesh(&bench, 1, 1, 0);
        g_autoptr(gw_gang_plan) plan = plan_work(layout, 100);
        reserve(&bench, 600);
        ck_assert_uint_eq(run_gang(&bench, plan, 0, 600, 0), 100);
        release(&bench, 600);
        device_bench_clear(&bench);
    }
}
END_TEST

/* Whatever is written and given back, in whatever order: all that was paid is the most that was
 * ever held at once. */
START_TEST(all_that_is_paid_is_the_most_held)
{
    device_bench bench;
    touch_init(&bench, 1, 1, RATE_BYTES_PER_S);
    g_autoptr(gw_gang_layout) layout = lay_mesh(&bench, 1, 1, 0);
    g_autoptr(gw_gang_plan) plan = plan_work(layout, 100);
    g_autoptr(GArray) held = g_array_new(FALSE, FALSE, sizeof(uint64_t));
    uint64_t held_bytes = 0, held_bytes_max = 0, paid_ns = 0;
    const uint32_t seed = (uint32_t)_i;
    for (uint32_t i = 0; i < RANDOM_STEPS; i++) {
        const uint64_t size_bytes = gw_random_at(seed, 2 * i) % 200;
        const bool gives = held->len > 0 && gw_random_at(seed, 2 * i + 1) % 2 == 0;
        if (gives || held_bytes + size_bytes > 1000) {
            const uint64_t given_bytes = g_array_index(held, uint64_t, size_bytes % held->len);
            g_array_remove_index_fast(held, (guint)(size_bytes % held->len));
            release(&bench, given_bytes);
            held_bytes -= given_bytes;
            continue;
        }
        reserve(&bench, size_bytes);
        paid_ns += run_gang(&bench, plan, i, size_bytes, 0) - 100;
        g_array_append_val(held, size_bytes);
        held_bytes += size_bytes;
        held_bytes_max = MAX(held_bytes_max, held_bytes);
    }
    ck_assert_uint_gt(held_bytes_max, 500);
    ck_assert_uint_ge(paid_ns, held_bytes_max);
    ck_assert_uint_le(paid_ns, held_bytes_max + RANDOM_STEPS / 10); /* Each is rounded up. */
    device_bench_clear(&bench);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("device_touch");
    TCase *cases = tcase_create("touch");
    tcase_add_test(cases, the_most_ever_held_is_paid_for_once);
    tcase_add_test(cases, what_was_never_written_is_given_back_too);
    tcase_add_test(cases, scratch_is_one_area_as_large_as_the_largest);
    tcase_add_test(cases, copies_bring_memory_into_use);
    tcase_add_test(cases, it_takes_a_core);
    tcase_add_test(cases, members_pay_before_they_meet);
    tcase_add_test(cases, others_pay_nothing);
    tcase_add_loop_test(cases, all_that_is_paid_is_the_most_held, 0, 5);
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
