/* SPDX-License-Identifier: Apache-2.0 */
/* Devices that are slower than others, always or by chance. */
#include <math.h>

#include "run_suite.h"
#include "test_device.h"

#define DRAWS   2000
#define MEMBERS 8

/* As device_bench_init, of one host. */
static void uneven_init(device_bench *bench, uint32_t count, const double *speeds, double jitter)
{
    device_bench_init(bench, 1, count);
    gw_devices_free(bench->devices);
    gw_cluster_free(bench->made.cluster);
    bench->made.islands[0].speeds = speeds;
    bench->made.islands[0].jitter = jitter;
    bench->cluster = small_cluster_build(&bench->made);
    bench->devices = gw_devices_new(bench->engine, bench->cluster, false, &device_bench_ops, bench);
}

START_TEST(slow_device_computes_longer)
{
    static const double speeds[] = {1, 0.5, 4};
    device_bench bench;
    uneven_init(&bench, 3, speeds, 0);
    g_autoptr(gw_gang_layout) layout = lay_mesh(&bench, 1, 3, 0);
    g_autoptr(gw_gang_plan) plan = plan_work(layout, 100);
    ck_assert(!plan->is_lockstep);
    launch_gang(&bench, plan, 0);
    launch_gang(&bench, plan, 1);
    run_out(&bench);
    for (uint64_t gang = 0; gang < 2; gang++) {
        assert_shard(&bench, gang, 0, PCIE_NS + gang * 100, PCIE_NS + gang * 100 + 100);
        assert_shard(&bench, gang, 1, PCIE_NS + gang * 200, PCIE_NS + gang * 200 + 200);
        assert_shard(&bench, gang, 2, PCIE_NS + gang * 25, PCIE_NS + gang * 25 + 25);
    }
    ck_assert_uint_eq(find_shard(&bench, 1, 1)->local_ns, 200);
    ck_assert_uint_eq(find_shard(&bench, 1, 2)->local_ns, 25);
    device_bench_clear(&bench);
}
END_TEST

/* A straggler holds up everybody at each collective, and nobody's collective is longer for it. */
START_TEST(others_wait_for_the_slow_one)
{
    static const double speeds[] = {1, 0.5};
    static const gw_span local_ns[] = {100, 60, 10};
    static const uint8_t axes[] = {3, 3};
    device_bench bench;
    uneven_init(&bench, 2, speeds, 0);
    g_autoptr(gw_gang_layout) layout = lay_mesh(&bench, 1, 2, 0);
    hand_timing timing;
    hand_timing_init(&timing, layout, 2, local_ns, axes, 20);
    g_autoptr(gw_gang_plan) plan = gw_gang_plan_new(layout, &timing.timing);
    ck_assert_uint_eq(plan->stage_count, 2);
    launch_gang(&bench, plan, 0);
    run_out(&bench);
    /* 200 and 20, 120 and 20, and what is left. */
    assert_shard(&bench, 0, 0, PCIE_NS, PCIE_NS + 360 + 10);
    assert_shard(&bench, 0, 1, PCIE_NS, PCIE_NS + 360 + 20);
    ck_assert_uint_eq(find_shard(&bench, 0, 0)->local_ns, 170);
    ck_assert_uint_eq(find_shard(&bench, 0, 0)->collective_ns, 40);
    ck_assert_uint_eq(find_shard(&bench, 0, 1)->collective_ns, 40);
    device_bench_clear(&bench);
}
END_TEST

/* What a shard of 100 ns takes on each of `count` threads on two cores. */
static void run_on_cores(uint32_t count, uint64_t seed, gw_span *out_ns)
{
    double slowness[] = {1.5, 0.5};
    device_bench bench;
    device_bench_init(&bench, 1, count);
    gw_devices_free(bench.devices);
    gw_cluster_free(bench.made.cluster);
    bench.made.accelerators[0].shared_cores = 2;
    bench.made.accelerators[0].core_slowness = slowness;
    bench.made.accelerators[0].core_slowness_count = 2;
    bench.cluster = small_cluster_build(&bench.made);
    bench.devices = gw_devices_new(bench.engine, bench.cluster, false, &device_bench_ops, &bench);
    gw_devices_set_seed(bench.devices, seed);
    for (uint32_t i = 0; i < count; i++) { /* One after the other: nobody shares. */
        g_autoptr(gw_gang_layout) layout = lay_mesh(&bench, 1, 1, i);
        g_autoptr(gw_gang_plan) plan = plan_work(layout, 100);
        gw_launch launch = launch_of(plan, i, 0);
        launch.issued_ns = gw_engine_now(bench.engine);
        gw_devices_launch(bench.devices, &launch);
        run_out(&bench);
        out_ns[i] = find_shard(&bench, i, i)->local_ns;
    }
    device_bench_clear(&bench);
}

/* Devices go round the cores, from the one that the seed draws; where they do not come out even,
 * any may be on any. */
START_TEST(cores_differ_and_devices_go_round_them)
{
    gw_span spans_ns[4];
    uint32_t slow_first = 0;
    for (uint64_t seed = 0; seed < 32; seed++) {
        run_on_cores(4, seed, spans_ns);
        ck_assert_uint_eq(spans_ns[0] + spans_ns[1], 200);
        ck_assert(spans_ns[0] == 150 || spans_ns[0] == 50);
        ck_assert_uint_eq(spans_ns[2], spans_ns[0]);
        ck_assert_uint_eq(spans_ns[3], spans_ns[1]);
        slow_first += spans_ns[0] == 150;
        gw_span two_ns[2];
        run_on_cores(2, seed, two_ns);
        ck_assert_int_eq(memcmp(two_ns, spans_ns, sizeof two_ns), 0);
    }
    ck_assert_uint_gt(slow_first, 4); /* Of 32: by chance less than one time in 10^5. */
    ck_assert_uint_lt(slow_first, 28);
    run_on_cores(3, 1, spans_ns);
    for (uint32_t i = 0; i < 3; i++) {
        ck_assert_uint_eq(spans_ns[i], 100);
    }
    run_on_cores(1, 1, spans_ns);
    ck_assert_uint_eq(spans_ns[0], 100);
}
END_TEST

START_TEST(gang_of_one_speed_stays_in_lockstep)
{
    static const double speeds[] = {1, 1, 0.5};
    device_bench bench;
    uneven_init(&bench, 3, speeds, 0);
    g_autoptr(gw_gang_layout) alike = lay_mesh(&bench, 1, 2, 0);
    g_autoptr(gw_gang_layout) uneven = lay_mesh(&bench, 1, 2, 1);
    g_autoptr(gw_gang_plan) one = plan_meeting(alike, 10, 20, 30);
    g_autoptr(gw_gang_plan) other = plan_meeting(uneven, 10, 20, 30);
    ck_assert(one->is_lockstep);
    ck_assert(!other->is_lockstep);
    device_bench_clear(&bench);
}
END_TEST

/* How long each shard of `DRAWS` gangs computes, which would be 10^6 ns. */
static void draw_spans(uint64_t seed, double jitter, uint32_t first_gang, gw_span *out_ns)
{
    static device_bench bench; /* Large. */
    uneven_init(&bench, MEMBERS, NULL, jitter);
    gw_devices_set_seed(bench.devices, seed);
    g_autoptr(gw_gang_layout) layout = lay_mesh(&bench, 1, MEMBERS, 0);
    g_autoptr(gw_gang_plan) plan = plan_work(layout, 1000000);
    for (uint32_t g = 0; g < DRAWS / MEMBERS; g++) {
        bench.line_count = 0;
        launch_gang(&bench, plan, first_gang + g);
        run_out(&bench);
        for (uint32_t i = 0; i < MEMBERS; i++) {
            out_ns[g * MEMBERS + i] = find_shard(&bench, first_gang + g, i)->local_ns;
        }
    }
    device_bench_clear(&bench);
}

/* Mean and deviation within four standard errors of theirs: 0.1 / sqrt(2000), and 1 / sqrt(4000) of
 * itself. */
START_TEST(jitter_has_its_mean_and_deviation)
{
    gw_span spans_ns[DRAWS];
    double mean = 0, variance = 0;
    draw_spans(7, 0.1, 0, spans_ns);
    for (uint32_t i = 0; i < DRAWS; i++) {
        mean += (double)spans_ns[i] / 1e6 / DRAWS;
    }
    for (uint32_t i = 0; i < DRAWS; i++) {
        const double off = (double)spans_ns[i] / 1e6 - mean;
        variance += off * off / (DRAWS - 1);
    }
    ck_assert_double_eq_tol(mean, 1, 4 * 0.1 / sqrt(DRAWS));
    ck_assert_double_eq_tol(sqrt(variance), 0.1, 4 * 0.1 / sqrt(2 * DRAWS));
}
END_TEST

START_TEST(jitter_goes_by_seed_gang_and_device)
{
    gw_span one[DRAWS], same[DRAWS], other[DRAWS], later[DRAWS];
    draw_spans(1, 0.15, 0, one);
    draw_spans(1, 0.15, 0, same);
    draw_spans(2, 0.15, 0, other);
    draw_spans(1, 0.15, 10, later);
    ck_assert_int_eq(memcmp(one, same, sizeof one), 0);
    ck_assert_int_ne(memcmp(one, other, sizeof one), 0);
    /* What came before does not matter: gang 10 is the same. */
    ck_assert_int_eq(memcmp(one + (size_t)10 * MEMBERS, later, MEMBERS * sizeof one[0]), 0);
    uint32_t equal_count = 0;
    for (uint32_t i = 1; i < DRAWS; i++) {
        equal_count += one[i] == one[i - 1];
    }
    ck_assert_uint_le(equal_count, 2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("device_vary");
    TCase *tcase = tcase_create("vary");
    tcase_add_test(tcase, cores_differ_and_devices_go_round_them);
    tcase_add_test(tcase, slow_device_computes_longer);
    tcase_add_test(tcase, others_wait_for_the_slow_one);
    tcase_add_test(tcase, gang_of_one_speed_stays_in_lockstep);
    tcase_add_test(tcase, jitter_has_its_mean_and_deviation);
    tcase_add_test(tcase, jitter_goes_by_seed_gang_and_device);
    suite_add_tcase(suite, tcase);
    return gw_run_suite(suite);
}
