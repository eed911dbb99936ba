/* SPDX-License-Identifier: Apache-2.0 */
/* Devices that share cores: k kernels on one core take k times as long, work is conserved, and who
 * comes or goes changes the pace of all that are there.  Devices that are twice as many as the
 * cores, or three times, are each on one of them, counted around. */
#include <math.h>

#include "base/random.h"
#include "run_suite.h"
#include "test_device.h"

#define RANDOM_DEVICES 6
#define RANDOM_GANGS   40

/* As device_bench_init, of one host whose devices are threads on `cores` cores. */
static void shared_init(device_bench *bench, uint32_t count, uint32_t cores)
{
    device_bench_init(bench, 1, count);
    gw_devices_free(bench->devices);
    gw_cluster_free(bench->made.cluster);
    bench->made.accelerators[0].shared_cores = cores;
    bench->cluster = small_cluster_build(&bench->made);
    bench->devices = gw_devices_new(bench->engine, bench->cluster, false, &device_bench_ops, bench);
}

START_TEST(equal_kernels_take_turns)
{
    static const struct {
        uint32_t kernels, cores;
        gw_span expected_ns;
    } cases[] = {{1, 2, 600},  {2, 2, 600},  {3, 2, 900}, {4, 2, 1200},
                 {5, 3, 1000}, {8, 1, 4800}, {6, 2, 1800}};
    for (uint32_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        device_bench bench;
        shared_init(&bench, cases[i].kernels, cases[i].cores);
        g_autoptr(gw_gang_layout) layout = lay_mesh(&bench, 1, cases[i].kernels, 0);
        g_autoptr(gw_gang_plan) plan = plan_work(layout, 600);
        ck_assert(plan->is_shared && !plan->is_lockstep);
        launch_gang(&bench, plan, 0);
        run_out(&bench);
        for (uint32_t device = 0; device < cases[i].kernels; device++) {
            assert_shard(&bench, 0, device, PCIE_NS, PCIE_NS + cases[i].expected_ns);
            ck_assert_uint_eq(find_shard(&bench, 0, device)->local_ns, cases[i].expected_ns);
        }
        ck_assert_uint_eq(find_answer(&bench, LAUNCH_DONE, 0)->at_ns,
                          2 * PCIE_NS + cases[i].expected_ns);
        device_bench_clear(&bench);
    }
}
END_TEST

/* PCIE_NS of waking are in what brings the launch; what goes on without a gap is not woken. */
START_TEST(who_has_slept_is_woken)
{
    gw_measured_point points[] = {{PCIE_NS, 20}, {PCIE_NS + 200, 60}, {400, 110}};
    gw_measured measured = {.wake = {points, 3}};
    static const struct {
        gw_time issued_ns, start_ns;
    } gangs[] = {
        {0, 20},            /* Asleep for PCIE_NS. */
        {0, 1020},          /* It is awake. */
        {2170, 2170 + 50},  /* Since 2020: 160 ns when it comes. */
        {3720, 3720 + 110}, /* Since 3220: longer than measured. */
        {4000, 4830},       /* While it computes. */
    };
    device_bench bench;
    shared_init(&bench, 1, 2);
    bench.made.accelerators[0].measured = &measured;
    g_autoptr(gw_gang_layout) layout = lay_mesh(&bench, 1, 1, 0);
    g_autoptr(gw_gang_plan) plan = plan_work(layout, 1000);
    for (uint64_t gang = 0; gang < G_N_ELEMENTS(gangs); gang++) {
        gw_launch launch = launch_of(plan, gang, 0);
        launch.issued_ns = gangs[gang].issued_ns;
        gw_devices_launch(bench.devices, &launch);
        if (gang == 1 || gang == 2)
            run_out(&bench);
    }
    run_out(&bench);
    for (uint64_t gang = 0; gang < G_N_ELEMENTS(gangs); gang++) {
        const gw_time start_ns = gangs[gang].start_ns;
        assert_shard(&bench, gang, 0, start_ns, start_ns + 1000);
        ck_assert_uint_eq(find_shard(&bench, gang, 0)->local_ns, 1000);
    }
    bench.made.accelerators[0].measured = NULL;
    device_bench_clear(&bench);
}
END_TEST

/* One core.  100 ns of A alone, then A and B at half speed until A's other 100 are done at 310,
 * then B alone for the rest of its 300. */
START_TEST(one_that_comes_slows_one_that_runs)
{
    device_bench bench;
    shared_init(&bench, 2, 1);
    g_autoptr(gw_gang_layout) first = lay_mesh(&bench, 1, 1, 0);
    g_autoptr(gw_gang_layout) second = lay_mesh(&bench, 1, 1, 1);
    g_autoptr(gw_gang_plan) a = plan_work(first, 200);
    g_autoptr(gw_gang_plan) b = plan_work(second, 300);
    gw_launch late = launch_of(b, 1, 0);
    late.issued_ns = 100;
    launch_gang(&bench, a, 0);
    gw_devices_launch(bench.devices, &late);
    run_out(&bench);
    assert_shard(&bench, 0, 0, PCIE_NS, PCIE_NS + 300);
    assert_shard(&bench, 1, 1, PCIE_NS + 100, PCIE_NS + 500);
    ck_assert_uint_eq(find_shard(&bench, 1, 1)->local_ns, 400);
    device_bench_clear(&bench);
}
END_TEST

/* Who waits for others wants no core: the slow one has one for itself by then. */
START_TEST(waiting_takes_no_core)
{
    static const double speeds[] = {1, 0.5};
    device_bench bench;
    device_bench_init(&bench, 1, 2);
    gw_devices_free(bench.devices);
    gw_cluster_free(bench.made.cluster);
    bench.made.accelerators[0].shared_cores = 1;
    bench.made.islands[0].speeds = speeds;
    bench.cluster = small_cluster_build(&bench.made);
    bench.devices = gw_devices_new(bench.engine, bench.cluster, false, &device_bench_ops, &bench);
    g_autoptr(gw_gang_layout) layout = lay_mesh(&bench, 1, 2, 0);
    g_autoptr(gw_gang_plan) plan = plan_meeting(layout, 100, 40, 10);
    launch_gang(&bench, plan, 0);
    run_out(&bench);
    /* 100 and 200 of work: both at half speed to 200, one alone to 300; a collective of 40 that has
     * the core; 10 and 20: both to 20, one to 30. */
    assert_shard(&bench, 0, 0, PCIE_NS, PCIE_NS + 300 + 40 + 20);
    assert_shard(&bench, 0, 1, PCIE_NS, PCIE_NS + 300 + 40 + 30);
    ck_assert_uint_eq(find_shard(&bench, 0, 0)->local_ns, 200 + 20);
    ck_assert_uint_eq(find_shard(&bench, 0, 1)->local_ns, 300 + 30);
    ck_assert_uint_eq(find_shard(&bench, 0, 0)->collective_ns, 40);
    device_bench_clear(&bench);
}
END_TEST

/* Four on one core: each waits 500 ns before the meeting and 30 behind it, whoever computes, and
 * takes turns at the other 100 and 10. */
START_TEST(what_is_given_takes_no_core)
{
    static const gw_span local_ns[] = {600, 40};
    static const uint8_t axes[] = {3};
    gw_span given_ns[] = {500, 30};
    device_bench bench;
    shared_init(&bench, 4, 1);
    g_autoptr(gw_gang_layout) layout = lay_mesh(&bench, 1, 4, 0);
    hand_timing timing;
    hand_timing_init(&timing, layout, 1, local_ns, axes, 20);
    timing.timing.given_ns = given_ns;
    g_autoptr(gw_gang_plan) plan = gw_gang_plan_new(layout, &timing.timing);
    launch_gang(&bench, plan, 0);
    run_out(&bench);
    for (uint32_t device = 0; device < 4; device++) {
        assert_shard(&bench, 0, device, PCIE_NS, PCIE_NS + 500 + 400 + 20 + 30 + 40);
        ck_assert_uint_eq(find_shard(&bench, 0, device)->local_ns, 500 + 400 + 30 + 40);
        ck_assert_uint_eq(find_shard(&bench, 0, device)->collective_ns, 20);
    }
    device_bench_clear(&bench);
}
END_TEST

/* A slow device computes for longer, and sleeps no longer. */
START_TEST(what_is_given_is_as_long_on_slow_devices)
{
    static const double speeds[] = {1, 0.5};
    static const gw_span local_ns[] = {600, 40};
    static const uint8_t axes[] = {3};
    gw_span given_ns[] = {500, 30};
    device_bench bench;
    device_bench_init(&bench, 1, 2);
    gw_devices_free(bench.devices);
    gw_cluster_free(bench.made.cluster);
    bench.made.accelerators[0].shared_cores = 2;
    bench.made.islands[0].speeds = speeds;
    bench.cluster = small_cluster_build(&bench.made);
    bench.devices = gw_devices_new(bench.engine, bench.cluster, false, &device_bench_ops, &bench);
    g_autoptr(gw_gang_layout) layout = lay_mesh(&bench, 1, 2, 0);
    hand_timing timing;
    hand_timing_init(&timing, layout, 1, local_ns, axes, 20);
    timing.timing.given_ns = given_ns;
    g_autoptr(gw_gang_plan) plan = gw_gang_plan_new(layout, &timing.timing);
    launch_gang(&bench, plan, 0);
    run_out(&bench);
    assert_shard(&bench, 0, 0, PCIE_NS, PCIE_NS + 700 + 20 + 40);
    assert_shard(&bench, 0, 1, PCIE_NS, PCIE_NS + 700 + 20 + 50);
    ck_assert_uint_eq(find_shard(&bench, 0, 0)->local_ns, 600 + 40);
    ck_assert_uint_eq(find_shard(&bench, 0, 1)->local_ns, 700 + 50);
    device_bench_clear(&bench);
}
END_TEST

/* Two of four: beside each other on two cores, or on one of them while the other has nothing to do;
 * where they do not come out even, or are no more than cores, each goes where there is room. */
START_TEST(bound_devices_stay_on_their_core)
{
    static const struct {
        uint32_t cores, second;
        gw_span expected_ns;
    } cases[] = {{2, 1, 100}, {2, 2, 200}, {2, 3, 100}, {3, 3, 100}, {4, 2, 100}, {1, 3, 200}};
    for (uint32_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        device_bench bench;
        shared_init(&bench, 4, cases[i].cores);
        g_autoptr(gw_gang_layout) first = lay_mesh(&bench, 1, 1, 0);
        g_autoptr(gw_gang_layout) second = lay_mesh(&bench, 1, 1, cases[i].second);
        g_autoptr(gw_gang_plan) a = plan_work(first, 100);
        g_autoptr(gw_gang_plan) b = plan_work(second, 100);
        launch_gang(&bench, a, 0);
        launch_gang(&bench, b, 1);
        run_out(&bench);
        assert_shard(&bench, 0, 0, PCIE_NS, PCIE_NS + cases[i].expected_ns);
        assert_shard(&bench, 1, cases[i].second, PCIE_NS, PCIE_NS + cases[i].expected_ns);
        device_bench_clear(&bench);
    }
}
END_TEST

/* Devices 0 and 1 meet for 40 after 100, `other` computes all the time: on the core of one of them,
 * which the other waits for, before the meeting and in it. */
START_TEST(a_collective_ends_with_its_last_part)
{
    static const struct {
        uint32_t other;
        gw_span before_ns[2], end_ns;
    } cases[] = {{2, {200, 100}, 280}, {3, {100, 200}, 280}};
    for (uint32_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        device_bench bench;
        shared_init(&bench, 4, 2);
        g_autoptr(gw_gang_layout) pair = lay_mesh(&bench, 1, 2, 0);
        g_autoptr(gw_gang_layout) single = lay_mesh(&bench, 1, 1, cases[i].other);
        g_autoptr(gw_gang_plan) meeting = plan_meeting(pair, 100, 40, 0);
        g_autoptr(gw_gang_plan) work = plan_work(single, 1000);
        launch_gang(&bench, meeting, 0);
        launch_gang(&bench, work, 1);
        run_out(&bench);
        for (uint32_t k = 0; k < 2; k++) {
            assert_shard(&bench, 0, k, PCIE_NS, PCIE_NS + cases[i].end_ns);
            ck_assert_uint_eq(find_shard(&bench, 0, k)->local_ns, cases[i].before_ns[k]);
            ck_assert_uint_eq(find_shard(&bench, 0, k)->collective_ns, 80);
        }
        /* Half speed up to 280, alone for the rest. */
        assert_shard(&bench, 1, cases[i].other, PCIE_NS, PCIE_NS + 1140);
        device_bench_clear(&bench);
    }
}
END_TEST

/* Groups {0, 2} and {1, 3}: each is on one core, which does what two were measured to do.  {0, 1}
 * and {2, 3} are on both. */
START_TEST(members_on_one_core_do_the_work_of_two)
{
    static const gw_span local_ns[] = {100, 0};
    for (uint8_t axes = 1; axes <= 2; axes++) {
        device_bench bench;
        shared_init(&bench, 4, 2);
        g_autoptr(gw_gang_layout) layout = lay_mesh(&bench, 2, 2, 0);
        hand_timing timing;
        hand_timing_init(&timing, layout, 1, local_ns, &axes, 40);
        g_autoptr(gw_gang_plan) plan = gw_gang_plan_new(layout, &timing.timing);
        launch_gang(&bench, plan, 0);
        run_out(&bench);
        for (uint32_t device = 0; device < 4; device++) {
            assert_shard(&bench, 0, device, PCIE_NS, PCIE_NS + 200 + 80);
        }
        device_bench_clear(&bench);
    }
}
END_TEST

/* Its members do it, and two groups at once want twice the cores. */
START_TEST(collectives_take_cores)
{
    static const struct {
        uint32_t cores;
        gw_span computing_ns, meeting_ns;
    } cases[] = {{1, 400, 80}, {2, 200, 80}, {3, 134, 54}, {4, 100, 40}, {8, 100, 40}};
    static const gw_span local_ns[] = {100, 0};
    static const uint8_t axes[] = {2}; /* Two groups of two. */
    for (uint32_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        device_bench bench;
        shared_init(&bench, 4, cases[i].cores);
        g_autoptr(gw_gang_layout) layout = lay_mesh(&bench, 2, 2, 0);
        hand_timing timing;
        hand_timing_init(&timing, layout, 1, local_ns, axes, 40);
        g_autoptr(gw_gang_plan) plan = gw_gang_plan_new(layout, &timing.timing);
        launch_gang(&bench, plan, 0);
        run_out(&bench);
        assert_shard(&bench, 0, 3, PCIE_NS, PCIE_NS + cases[i].computing_ns + cases[i].meeting_ns);
        ck_assert_uint_eq(find_shard(&bench, 0, 0)->local_ns, cases[i].computing_ns);
        ck_assert_uint_eq(find_shard(&bench, 0, 0)->collective_ns, cases[i].meeting_ns);
        device_bench_clear(&bench);
    }
}
END_TEST

/* Two islands of one kind are one machine; one of another kind is not. */
START_TEST(a_kind_is_a_machine)
{
    device_bench bench;
    device_bench_init(&bench, 1, 1);
    gw_devices_free(bench.devices);
    gw_cluster_free(bench.made.cluster);
    bench.made.accelerators[0].shared_cores = 1;
    bench.made.accelerators[0].name = (char *)"a";
    for (uint32_t i = 0; i < 2; i++) {
        gw_accelerator *other = small_cluster_add(&bench.made, 1, 1, 1, 0);
        *other = bench.made.accelerators[0];
        other->name = (char *)(i == 0 ? "a" : "b");
    }
    bench.cluster = small_cluster_build(&bench.made);
    bench.devices = gw_devices_new(bench.engine, bench.cluster, false, &device_bench_ops, &bench);
    gw_gang_layout *layouts[3];
    gw_gang_plan *plans[3];
    for (uint32_t i = 0; i < 3; i++) {
        layouts[i] = lay_mesh(&bench, 1, 1, i);
        plans[i] = plan_work(layouts[i], 100);
        launch_gang(&bench, plans[i], i);
    }
    run_out(&bench);
    ck_assert_uint_eq(find_shard(&bench, 0, 0)->local_ns, 200);
    ck_assert_uint_eq(find_shard(&bench, 1, 1)->local_ns, 200);
    ck_assert_uint_eq(find_shard(&bench, 2, 2)->local_ns, 100);
    device_bench_clear(&bench);
    for (uint32_t i = 0; i < 3; i++) {
        gw_gang_plan_free(plans[i]);
        gw_gang_layout_free(layouts[i]);
    }
}
END_TEST

/* Their devices are counted as one: of four with one each, the first and the third share a core,
 * the second has one for itself, since the fourth does nothing. */
START_TEST(places_go_on_from_island_to_island)
{
    device_bench bench;
    device_bench_init(&bench, 1, 1);
    gw_devices_free(bench.devices);
    gw_cluster_free(bench.made.cluster);
    bench.made.accelerators[0].shared_cores = 2;
    bench.made.accelerators[0].name = (char *)"a";
    for (uint32_t i = 0; i < 3; i++) {
        *small_cluster_add(&bench.made, 1, 1, 1, 0) = bench.made.accelerators[0];
    }
    bench.cluster = small_cluster_build(&bench.made);
    bench.devices = gw_devices_new(bench.engine, bench.cluster, false, &device_bench_ops, &bench);
    gw_gang_layout *layouts[3];
    gw_gang_plan *plans[3];
    for (uint32_t i = 0; i < 3; i++) {
        layouts[i] = lay_mesh(&bench, 1, 1, i);
        plans[i] = plan_work(layouts[i], 100);
        launch_gang(&bench, plans[i], i);
    }
    run_out(&bench);
    for (uint32_t i = 0; i < 3; i++) {
        ck_assert_uint_eq(find_shard(&bench, i, i)->local_ns, i == 1 ? 100 : 200);
        gw_gang_plan_free(plans[i]);
        gw_gang_layout_free(layouts[i]);
    }
    device_bench_clear(&bench);
}
END_TEST

/* What others compute is taken from those that run, unless a core is free. */
START_TEST(others_take_a_core)
{
    static const struct {
        uint32_t devices, cores;
        gw_span expected_ns;
    } cases[] = {{1, 1, 130}, {1, 2, 100}, {2, 2, 115}, {4, 2, 215}, {3, 2, 165}, {2, 3, 100}};
    for (uint32_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        device_bench bench;
        shared_init(&bench, cases[i].devices, cases[i].cores);
        g_autoptr(gw_gang_layout) layout = lay_mesh(&bench, 1, cases[i].devices, 0);
        g_autoptr(gw_gang_plan) plan = plan_work(layout, 100);
        launch_gang(&bench, plan, 0);
        gw_engine_step(bench.engine); /* They run. */
        for (uint32_t k = 1; k < cases[i].devices; k++) {
            gw_engine_step(bench.engine);
        }
        gw_devices_take_core(bench.devices, i % 2 == 0 ? 0 : GW_INDEX_NONE, 30);
        gw_devices_take_core(bench.devices, 0, 0);
        run_out(&bench);
        assert_shard(&bench, 0, 0, PCIE_NS, PCIE_NS + cases[i].expected_ns);
        device_bench_clear(&bench);
    }
}
END_TEST

/* Two on one of two cores: who computes besides goes to the other. */
START_TEST(others_go_to_an_idle_core)
{
    device_bench bench;
    shared_init(&bench, 4, 2);
    gw_gang_layout *layouts[2];
    gw_gang_plan *plans[2];
    for (uint32_t i = 0; i < 2; i++) {
        layouts[i] = lay_mesh(&bench, 1, 1, 1 + 2 * i);
        plans[i] = plan_work(layouts[i], 100);
        launch_gang(&bench, plans[i], i);
    }
    ck_assert(gw_engine_step(bench.engine)); /* They run. */
    ck_assert(gw_engine_step(bench.engine));
    gw_devices_take_core(bench.devices, 0, 30);
    run_out(&bench);
    assert_shard(&bench, 0, 1, PCIE_NS, PCIE_NS + 200);
    assert_shard(&bench, 1, 3, PCIE_NS, PCIE_NS + 200);
    device_bench_clear(&bench);
    for (uint32_t i = 0; i < 2; i++) {
        gw_gang_plan_free(plans[i]);
        gw_gang_layout_free(layouts[i]);
    }
}
END_TEST

/* Gangs of any size, at any time, with a meeting in the middle: no core does more than one thing,
 * none that is wanted idles, and two runs agree. */
static uint64_t run_random(uint64_t seed, uint32_t cores)
{
    device_bench bench;
    gw_gang_layout *layouts[RANDOM_GANGS];
    gw_gang_plan *plans[RANDOM_GANGS];
    gw_span work_ns = 0;
    shared_init(&bench, RANDOM_DEVICES, cores);
    for (uint32_t i = 0; i < RANDOM_GANGS; i++) {
        const uint64_t word = gw_random_at(seed, i);
        const uint32_t first = (uint32_t)(word % RANDOM_DEVICES);
        const uint32_t count = 1 + (uint32_t)((word >> 8) % (RANDOM_DEVICES - first));
        const gw_span before_ns = (word >> 16) % 500, after_ns = (word >> 32) % 500;
        const gw_span meeting_ns = count > 1 ? (word >> 48) % 50 : 0;
        layouts[i] = lay_mesh(&bench, 1, count, first);
        plans[i] = plan_meeting(layouts[i], before_ns, meeting_ns, after_ns);
        launch_gang(&bench, plans[i], i);
        work_ns += count * (before_ns + after_ns) + MIN(count, cores) * meeting_ns;
        ck_assert(gw_engine_step(bench.engine));
    }
    run_out(&bench);
    ck_assert_uint_eq(gw_devices_gang_count(bench.devices), 0);
    ck_assert_uint_eq(count_lines(&bench, GANG_ENDED), RANDOM_GANGS);
    const uint64_t digest = gw_engine_digest(bench.engine);
    ck_assert_uint_ge(cores * gw_engine_now(bench.engine), work_ns);
    device_bench_clear(&bench);
    for (uint32_t i = 0; i < RANDOM_GANGS; i++) {
        gw_gang_plan_free(plans[i]);
        gw_gang_layout_free(layouts[i]);
    }
    return digest;
}

START_TEST(any_gangs_end_and_agree)
{
    for (uint64_t seed = 1; seed <= 50; seed++) {
        const uint32_t cores = 1 + (uint32_t)seed % RANDOM_DEVICES;
        ck_assert_uint_eq(run_random(seed, cores), run_random(seed, cores));
    }
}
END_TEST

/* One core and one device at least that always has work: it never rests. */
START_TEST(work_is_conserved)
{
    device_bench bench;
    shared_init(&bench, 3, 1);
    gw_gang_layout *layouts[3];
    gw_gang_plan *plans[3];
    gw_span work_ns = 0;
    for (uint32_t i = 0; i < 3; i++) {
        layouts[i] = lay_mesh(&bench, 1, 1, i);
        plans[i] = plan_work(layouts[i], 101 * (i + 1) + 7);
        for (uint32_t k = 0; k < 5; k++) {
            launch_gang(&bench, plans[i], i * 5 + k);
            work_ns += 101 * (i + 1) + 7;
        }
    }
    run_out(&bench);
    /* Ends are rounded up to whole ns, each once. */
    ck_assert_uint_ge(gw_engine_now(bench.engine), 2 * PCIE_NS + work_ns);
    ck_assert_uint_le(gw_engine_now(bench.engine), 2 * PCIE_NS + work_ns + 15);
    device_bench_clear(&bench);
    for (uint32_t i = 0; i < 3; i++) {
        gw_gang_plan_free(plans[i]);
        gw_gang_layout_free(layouts[i]);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("device_cores");
    TCase *cases = tcase_create("cores");
    tcase_add_test(cases, who_has_slept_is_woken);
    tcase_add_test(cases, equal_kernels_take_turns);
    tcase_add_test(cases, one_that_comes_slows_one_that_runs);
    tcase_add_test(cases, waiting_takes_no_core);
    tcase_add_test(cases, what_is_given_takes_no_core);
    tcase_add_test(cases, what_is_given_is_as_long_on_slow_devices);
    tcase_add_test(cases, bound_devices_stay_on_their_core);
    tcase_add_test(cases, a_collective_ends_with_its_last_part);
    tcase_add_test(cases, members_on_one_core_do_the_work_of_two);
    tcase_add_test(cases, collectives_take_cores);
    tcase_add_test(cases, a_kind_is_a_machine);
    tcase_add_test(cases, places_go_on_from_island_to_island);
    tcase_add_test(cases, others_take_a_core);
    tcase_add_test(cases, others_go_to_an_idle_core);
    tcase_add_test(cases, any_gangs_end_and_agree);
    tcase_add_test(cases, work_is_conserved);
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
