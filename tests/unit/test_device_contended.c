/* SPDX-License-Identifier: Apache-2.0 */
/* Collectives that are played among the copies of a run.  A link carries 50 bytes/ns and a hop
 * takes 1000 ns; a collective starts up in 2000 ns. */

#include "run_suite.h"
#include "test_device.h"

#define HOP_NS   1000
#define START_NS 2000

/* A ring of `count` devices, whose collectives are played. */
static void contended_init(device_bench *bench, uint32_t count)
{
    device_bench_init(bench, 1, count);
    gw_devices_free(bench->devices);
    gw_cluster_free(bench->made.cluster);
    bench->made.islands[0].is_wrapped[0] = true;
    bench->made.spec.plays_collectives = true;
    bench->cluster = small_cluster_build(&bench->made);
    bench->devices = gw_devices_new(bench->engine, bench->cluster, false, &device_bench_ops, bench);
}

/* 100 ns of computing, and a collective of `bytes` over `axes` of the mesh. */
static gw_gang_plan *plan_collective(const device_bench *bench, gw_gang_layout *layout,
                                     gw_operation_kind kind, uint32_t bytes, uint8_t axes,
                                     bool is_overlapped, gw_timing **out_timing)
{
    const gw_accel_model model = gw_accel_model_of(&gw_model_roofline, bench->cluster);
    g_autoptr(gw_function) function = gw_function_new("f");
    gw_operation collective = {
        .kind = kind, .axes = axes, .shift = 1, .is_overlapped = is_overlapped};
    collective.inputs[0] = (uint16_t)gw_function_add_temporary(function, bytes / 4, 1);
    collective.outputs[0] = (uint16_t)gw_function_add_temporary(function, bytes / 4, 1);
    gw_function_add(function, &(gw_operation){.kind = GW_OPERATION_DURATION, .duration_ns = 100});
    gw_function_add(function, &collective);
    gw_function_add(function, &(gw_operation){.kind = GW_OPERATION_DURATION, .duration_ns = 50000});
    *out_timing = gw_timing_new(&model, function, &layout->mesh, layout->devices);
    return gw_gang_plan_new(layout, *out_timing);
}

START_TEST(alone_it_takes_as_long_as_in_closed_form)
{
    static const gw_operation_kind kinds[] = {GW_OPERATION_ALL_REDUCE, GW_OPERATION_ALL_GATHER,
                                              GW_OPERATION_ALL_TO_ALL, GW_OPERATION_PERMUTE};
    const uint8_t axes = (uint8_t)(1 + _i % 3);
    const bool is_overlapped = _i % 2 == 0;
    device_bench bench;
    contended_init(&bench, 8);
    g_autoptr(gw_gang_layout) layout = lay_mesh(&bench, 2, 4, 0);
    g_autoptr(gw_timing) timing = NULL;
    g_autoptr(gw_gang_plan) plan =
        plan_collective(&bench, layout, kinds[_i % 4], 1 << 20, axes, is_overlapped, &timing);
    ck_assert(plan->has_flows && !plan->is_lockstep);
    launch_gang(&bench, plan, 0);
    run_out(&bench);
    const diary_line *line = find_shard(&bench, 0, 5);
    const gw_span taken_ns = line->collective_ns + line->hidden_ns;
    ck_assert_double_eq_tol((double)taken_ns, (double)timing->collective_ns[0],
                            0.02 * (double)timing->collective_ns[0]);
    const gw_span longest_ns =
        is_overlapped ? MAX(taken_ns, 50000) + 800 : timing->total_local_ns + taken_ns;
    ck_assert_uint_eq(line->end_ns - line->start_ns, longest_ns);
    ck_assert_uint_eq(gw_devices_gang_count(bench.devices), 0);
    device_bench_clear(&bench);
}
END_TEST

/* A permutation of 50000 bytes and a copy of as many over one of its links: the bytes of both that
 * are on the link together take twice as long. */
START_TEST(copies_and_collectives_share_links)
{
    device_bench bench;
    contended_init(&bench, 8);
    g_autoptr(gw_gang_layout) layout = lay_mesh(&bench, 1, 8, 0);
    g_autoptr(gw_timing) timing = NULL;
    g_autoptr(gw_gang_plan) plan =
        plan_collective(&bench, layout, GW_OPERATION_PERMUTE, 50000, 2, false, &timing);
    launch_gang(&bench, plan, 0);
    const gw_time begun_ns = PCIE_NS + 800 + START_NS; /* 700 are the kernel's start-up. */
    const gw_device_copy copy = {.tag = 9,
                                 .source_gang = GW_DEVICE_GANG_NONE,
                                 .target_gang = GW_DEVICE_GANG_NONE,
                                 .source_device = 2,
                                 .target_device = 3,
                                 .size_bytes = 50000,
                                 .issued_ns = begun_ns + 500 - PCIE_NS};
    gw_devices_copy(bench.devices, &copy);
    run_out(&bench);
    /* Alone for 500 ns, then half the rate until its other 25000 bytes are through, at 1500. */
    ck_assert_uint_eq(find_shard(&bench, 0, 0)->collective_ns, START_NS + HOP_NS + 1500);
    ck_assert_uint_eq(find_answer(&bench, COPY_DONE, 9)->at_ns, begun_ns + 2000 + HOP_NS);
    device_bench_clear(&bench);
}
END_TEST

/* Two gangs of four of eight, whose members lie in turns: each has half of every link. */
START_TEST(collectives_share_links_with_each_other)
{
    const gw_mesh mesh = {.dims = 1, .shape = {4, 1, 1}};
    device_bench bench;
    contended_init(&bench, 8);
    gw_span taken_ns[2];
    g_autoptr(gw_gang_layout) even =
        gw_gang_layout_new(bench.cluster, &mesh, (const uint32_t[]){0, 2, 4, 6});
    g_autoptr(gw_gang_layout) odd =
        gw_gang_layout_new(bench.cluster, &mesh, (const uint32_t[]){1, 3, 5, 7});
    g_autoptr(gw_timing) timing = NULL, other_timing = NULL;
    g_autoptr(gw_gang_plan) one =
        plan_collective(&bench, even, GW_OPERATION_ALL_GATHER, 1 << 20, 1, false, &timing);
    g_autoptr(gw_gang_plan) other =
        plan_collective(&bench, odd, GW_OPERATION_ALL_GATHER, 1 << 20, 1, false, &other_timing);
    launch_gang(&bench, one, 0);
    run_out(&bench);
    taken_ns[0] = find_shard(&bench, 0, 0)->collective_ns;
    launch_gang(&bench, one, 1);
    launch_gang(&bench, other, 2);
    run_out(&bench);
    taken_ns[1] = find_shard(&bench, 1, 0)->collective_ns;
    ck_assert_uint_eq(find_shard(&bench, 2, 1)->collective_ns, taken_ns[1]);
    /* The closed form takes the others to be there.  3 MiB come in, over both ways of 50. */
    const double full_ns = 3.0 * (1 << 20) / 100;
    ck_assert_double_eq_tol((double)taken_ns[1], (double)timing->collective_ns[0], 2);
    ck_assert_double_eq_tol((double)(taken_ns[1] - taken_ns[0]), full_ns, 2);
    device_bench_clear(&bench);
}
END_TEST

/* Equal collectives of a function have one set of rounds between them. */
START_TEST(equal_collectives_share_their_rounds)
{
    device_bench bench;
    contended_init(&bench, 8);
    const gw_mesh mesh = {.dims = 2, .shape = {2, 4, 1}};
    const uint32_t devices[] = {0, 1, 2, 3, 4, 5, 6, 7};
    const gw_accel_model model = gw_accel_model_of(&gw_model_roofline, bench.cluster);
    g_autoptr(gw_function) function = gw_function_new("f");
    for (uint32_t i = 0; i < 4; i++) {
        gw_operation collective = {.kind = GW_OPERATION_ALL_REDUCE, .axes = i == 2 ? 1 : 2};
        collective.inputs[0] = (uint16_t)gw_function_add_temporary(function, 100, 1);
        collective.outputs[0] = (uint16_t)gw_function_add_temporary(function, 100, 1);
        gw_function_add(function, &collective);
    }
    g_autoptr(gw_timing) timing = gw_timing_new(&model, function, &mesh, devices);
    ck_assert_uint_eq(timing->plays->len, 2 + 4);
    ck_assert_uint_eq(timing->first_play[0], 0);
    ck_assert_uint_eq(timing->first_play[1], 0);
    ck_assert_uint_eq(timing->first_play[2], 2);
    ck_assert_uint_eq(timing->first_play[3], 0);
    device_bench_clear(&bench);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("device_contended");
    TCase *tcase = tcase_create("contended");
    tcase_add_loop_test(tcase, alone_it_takes_as_long_as_in_closed_form, 0, 12);
    tcase_add_test(tcase, copies_and_collectives_share_links);
    tcase_add_test(tcase, collectives_share_links_with_each_other);
    tcase_add_test(tcase, equal_collectives_share_their_rounds);
    suite_add_tcase(suite, tcase);
    return gw_run_suite(suite);
}
