/* SPDX-License-Identifier: Apache-2.0 */
/* Collectives that watch their links, and are played from when somebody comes to one.  A link
 * carries 50 bytes/ns and a hop takes 1000 ns; a collective starts up in 2000 ns, a kernel in
 * 700. */

#include "accel/crossings.h"
#include "run_suite.h"
#include "test_device.h"

#define HOP_NS   1000
#define START_NS 2000
#define BEGUN_NS (PCIE_NS + 700 + 100 + START_NS)

/* A ring of `count` devices. */
static void watching_init(device_bench *bench, uint32_t count, bool plays_all)
{
    device_bench_init(bench, 1, count);
    gw_devices_free(bench->devices);
    gw_cluster_free(bench->made.cluster);
    bench->made.islands[0].is_wrapped[0] = true;
    bench->made.spec.watches_collectives = !plays_all;
    bench->made.spec.plays_collectives = plays_all;
    bench->cluster = small_cluster_build(&bench->made);
    bench->devices = gw_devices_new(bench->engine, bench->cluster, false, &device_bench_ops, bench);
}

/* 100 ns of computing, and a collective of `bytes`; `crossings` NULL: nobody is told of. */
static gw_gang_plan *plan_collective(const device_bench *bench, gw_gang_layout *layout,
                                     gw_operation_kind kind, uint32_t bytes,
                                     gw_crossings *crossings)
{
    const gw_accel_model model = gw_accel_model_of(&gw_model_roofline, bench->cluster);
    g_autoptr(gw_function) function = gw_function_new("f");
    gw_operation collective = {.kind = kind, .axes = 2, .shift = 1};
    collective.inputs[0] = (uint16_t)gw_function_add_temporary(function, bytes / 4, 1);
    collective.outputs[0] = (uint16_t)gw_function_add_temporary(function, bytes / 4, 1);
    gw_function_add(function, &(gw_operation){.kind = GW_OPERATION_DURATION, .duration_ns = 100});
    gw_function_add(function, &collective);
    g_autoptr(gw_timing) timing = gw_timing_new(&model, function, &layout->mesh, layout->devices);
    if (crossings != NULL) {
        gw_gang_groups *groups = gw_gang_layout_groups(layout, 2);
        const gw_collective like = {
            .kind = kind, .size_bytes = gw_function_collective_bytes(function, 1), .shift = 1};
        groups->track =
            gw_crossings_ask(crossings, groups->group_count, groups->group_size, groups->devices);
        gw_crossings_add_collective(crossings, groups->track, GW_STEP_MEET, &like, groups->devices);
        gw_timing_watch(timing, function);
    }
    return gw_gang_plan_new(layout, timing);
}

static void copy_at(const device_bench *bench, gw_time start_ns, uint32_t source, uint32_t target,
                    uint64_t size_bytes)
{
    const gw_device_copy copy = {.tag = 9,
                                 .source_gang = GW_DEVICE_GANG_NONE,
                                 .target_gang = GW_DEVICE_GANG_NONE,
                                 .source_device = source,
                                 .target_device = target,
                                 .size_bytes = size_bytes,
                                 .issued_ns = start_ns - PCIE_NS};
    gw_devices_copy(bench->devices, &copy);
}

START_TEST(alone_it_goes_in_closed_form)
{
    static const gw_operation_kind kinds[] = {GW_OPERATION_ALL_REDUCE, GW_OPERATION_ALL_GATHER,
                                              GW_OPERATION_ALL_TO_ALL, GW_OPERATION_PERMUTE};
    device_bench bench;
    watching_init(&bench, 8, false);
    g_autoptr(gw_crossings) crossings = gw_crossings_new(bench.cluster);
    gw_crossings_add_copy(crossings, (gw_device_id){2}, (gw_device_id){3});
    g_autoptr(gw_gang_layout) layout = lay_mesh(&bench, 1, 8, 0);
    g_autoptr(gw_gang_plan) plan = plan_collective(&bench, layout, kinds[_i], 1 << 20, crossings);
    ck_assert(plan->has_flows && !plan->is_lockstep);
    launch_gang(&bench, plan, 0);
    run_out(&bench);
    ck_assert_uint_eq(find_shard(&bench, 0, 5)->collective_ns, plan->stages[0].span_ns[0]);
    ck_assert_uint_eq(gw_devices_gang_count(bench.devices), 0);
    device_bench_clear(&bench);
}
END_TEST

/* Nobody is told of who could come to its links: it goes in lockstep. */
START_TEST(what_nobody_can_meet_does_not_watch)
{
    device_bench bench;
    watching_init(&bench, 8, false);
    g_autoptr(gw_gang_layout) layout = lay_mesh(&bench, 1, 8, 0);
    g_autoptr(gw_gang_plan) plan =
        plan_collective(&bench, layout, GW_OPERATION_ALL_REDUCE, 1 << 20, NULL);
    ck_assert(plan->is_lockstep && plan->plays == NULL);
    device_bench_clear(&bench);
}
END_TEST

/* A permutation of 50000 bytes, which are 1000 ns, and a copy of as many over one of its links.
 * Where it comes before the middle, half of the rate is left for both until the first is
 * through. */
START_TEST(who_comes_in_between_shares)
{
    static const gw_span come_ns[] = {0, 500};
    device_bench bench;
    watching_init(&bench, 8, false);
    g_autoptr(gw_crossings) crossings = gw_crossings_new(bench.cluster);
    gw_crossings_add_copy(crossings, (gw_device_id){2}, (gw_device_id){3});
    g_autoptr(gw_gang_layout) layout = lay_mesh(&bench, 1, 8, 0);
    g_autoptr(gw_gang_plan) plan =
        plan_collective(&bench, layout, GW_OPERATION_PERMUTE, 50000, crossings);
    launch_gang(&bench, plan, 0);
    copy_at(&bench, BEGUN_NS + come_ns[_i], 2, 3, 50000);
    run_out(&bench);
    const gw_span collective_ns = find_shard(&bench, 0, 0)->collective_ns;
    const gw_time arrival_ns = find_answer(&bench, COPY_DONE, 9)->at_ns;
    if (_i == 0) { /* Both take twice as long. */
        ck_assert_uint_eq(collective_ns, START_NS + HOP_NS + 2000);
        ck_assert_uint_eq(arrival_ns, BEGUN_NS + 2000 + HOP_NS);
    } else { /* 500 ns later the hop is half over, and none of its bytes counts as sent. */
        ck_assert_uint_gt(collective_ns, START_NS + HOP_NS + 1000);
        ck_assert_uint_le(collective_ns, START_NS + HOP_NS + 500 + 2000);
        ck_assert_uint_gt(arrival_ns, BEGUN_NS + 500 + 1000 + HOP_NS);
        ck_assert_uint_le(arrival_ns, BEGUN_NS + 500 + 2000 + HOP_NS);
    }
    device_bench_clear(&bench);
}
END_TEST

/* The same ring of 8 MiB, with a copy that comes whenever: what all played says, within 2 %. */
START_TEST(it_is_as_if_all_of_it_had_been_played)
{
    gw_span taken_ns[2];
    gw_time arrival_ns[2];
    const gw_time come_ns = BEGUN_NS - START_NS / 2 + 15000 * (gw_time)_i;
    for (uint32_t plays_all = 0; plays_all < 2; plays_all++) {
        device_bench bench;
        watching_init(&bench, 8, plays_all == 1);
        g_autoptr(gw_crossings) crossings = gw_crossings_new(bench.cluster);
        gw_crossings_add_copy(crossings, (gw_device_id){2}, (gw_device_id){4});
        g_autoptr(gw_gang_layout) layout = lay_mesh(&bench, 1, 8, 0);
        g_autoptr(gw_gang_plan) plan = plan_collective(&bench, layout, GW_OPERATION_ALL_REDUCE,
                                                       8 << 20, plays_all == 1 ? NULL : crossings);
        launch_gang(&bench, plan, 0);
        copy_at(&bench, come_ns, 2, 4, 1 << 20);
        run_out(&bench);
        taken_ns[plays_all] = find_shard(&bench, 0, 0)->collective_ns;
        arrival_ns[plays_all] = find_answer(&bench, COPY_DONE, 9)->at_ns;
        ck_assert_uint_eq(gw_devices_gang_count(bench.devices), 0);
        device_bench_clear(&bench);
    }
    ck_assert_double_eq_tol((double)taken_ns[0], (double)taken_ns[1], 0.02 * (double)taken_ns[1]);
    ck_assert_double_eq_tol((double)arrival_ns[0], (double)arrival_ns[1],
                            0.02 * (double)arrival_ns[1]);
}
END_TEST

/* A gang whose first launch came before others were told of keeps its plan; the next one watches.
 */
START_TEST(a_gang_keeps_the_plan_of_its_first_launch)
{
    device_bench bench;
    watching_init(&bench, 8, false);
    g_autoptr(gw_crossings) crossings = gw_crossings_new(bench.cluster);
    g_autoptr(gw_gang_layout) layout = lay_mesh(&bench, 1, 8, 0);
    g_autoptr(gw_gang_plan) closed =
        plan_collective(&bench, layout, GW_OPERATION_ALL_REDUCE, 1 << 20, NULL);
    gw_crossings_add_copy(crossings, (gw_device_id){2}, (gw_device_id){3});
    g_autoptr(gw_gang_plan) watching =
        plan_collective(&bench, layout, GW_OPERATION_ALL_REDUCE, 1 << 20, crossings);
    ck_assert(closed->is_lockstep && watching->has_flows);
    launch_gang(&bench, closed, 0);
    launch_gang(&bench, watching, 1);
    run_out(&bench);
    const diary_line *one = find_shard(&bench, 0, 0), *other = find_shard(&bench, 1, 0);
    ck_assert_uint_eq(one->collective_ns, other->collective_ns);
    ck_assert_uint_eq(one->end_ns, other->start_ns);
    device_bench_clear(&bench);
}
END_TEST

/* Two gangs of four of eight, whose members lie in turns, are told of each other: the closed form
 * has them both.  One alone has all of the links, which only its play says. */
START_TEST(groups_that_are_not_there_take_nothing)
{
    const gw_mesh mesh = {.dims = 2, .shape = {1, 4, 1}};
    device_bench bench;
    watching_init(&bench, 8, false);
    g_autoptr(gw_crossings) crossings = gw_crossings_new(bench.cluster);
    g_autoptr(gw_gang_layout) even =
        gw_gang_layout_new(bench.cluster, &mesh, (const uint32_t[]){0, 2, 4, 6});
    g_autoptr(gw_gang_layout) odd =
        gw_gang_layout_new(bench.cluster, &mesh, (const uint32_t[]){1, 3, 5, 7});
    g_autoptr(gw_gang_plan) one =
        plan_collective(&bench, even, GW_OPERATION_ALL_GATHER, 1 << 20, crossings);
    g_autoptr(gw_gang_plan) other =
        plan_collective(&bench, odd, GW_OPERATION_ALL_GATHER, 1 << 20, crossings);
    launch_gang(&bench, one, 0);
    run_out(&bench);
    const gw_span alone_ns = find_shard(&bench, 0, 0)->collective_ns;
    launch_gang(&bench, one, 1);
    launch_gang(&bench, other, 2);
    run_out(&bench);
    const gw_span both_ns = find_shard(&bench, 1, 0)->collective_ns;
    ck_assert_uint_eq(find_shard(&bench, 2, 1)->collective_ns, both_ns);
    const double full_ns = 3.0 * (1 << 20) / 100; /* 3 MiB come in, over both ways of 50. */
    ck_assert_double_eq_tol((double)both_ns, (double)one->stages[0].span_ns[0], 2);
    ck_assert_double_eq_tol((double)(both_ns - alone_ns), full_ns, 2);
    device_bench_clear(&bench);
}
END_TEST

/* Freed while one is played from half-way on, and another watches. */
START_TEST(a_run_may_end_before_they_do)
{
    device_bench bench;
    watching_init(&bench, 8, false);
    g_autoptr(gw_crossings) crossings = gw_crossings_new(bench.cluster);
    gw_crossings_add_copy(crossings, (gw_device_id){2}, (gw_device_id){3});
    g_autoptr(gw_gang_layout) layout = lay_mesh(&bench, 1, 8, 0);
    g_autoptr(gw_gang_plan) plan =
        plan_collective(&bench, layout, GW_OPERATION_ALL_REDUCE, 8 << 20, crossings);
    launch_gang(&bench, plan, 0);
    copy_at(&bench, BEGUN_NS + 30000 * (gw_time)_i, 2, 3, 1 << 20);
    while (gw_engine_now(bench.engine) < BEGUN_NS + 40000 && gw_engine_step(bench.engine)) {
    }
    ck_assert_uint_eq(gw_devices_gang_count(bench.devices), 1);
    device_bench_clear(&bench);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("device_play");
    TCase *tcase = tcase_create("play");
    tcase_add_loop_test(tcase, alone_it_goes_in_closed_form, 0, 4);
    tcase_add_test(tcase, what_nobody_can_meet_does_not_watch);
    tcase_add_loop_test(tcase, who_comes_in_between_shares, 0, 2);
    tcase_add_loop_test(tcase, it_is_as_if_all_of_it_had_been_played, 0, 13);
    tcase_add_test(tcase, a_gang_keeps_the_plan_of_its_first_launch);
    tcase_add_test(tcase, groups_that_are_not_there_take_nothing);
    tcase_add_loop_test(tcase, a_run_may_end_before_they_do, 0, 3);
    suite_add_tcase(suite, tcase);
    return gw_run_suite(suite);
}
