/* SPDX-License-Identifier: Apache-2.0 */
/* Where the members of a gang are, and how collectives become stages. */
#include <signal.h>

#include "run_suite.h"
#include "test_device.h"

START_TEST(layout_finds_hosts_shards_and_back)
{
    device_bench bench;
    device_bench_init(&bench, 4, 4);
    const gw_mesh mesh = {.dims = 1, .shape = {6, 1, 1}};
    const uint32_t devices[] = {13, 5, 4, 12, 7, 15};
    g_autoptr(gw_gang_layout) layout = gw_gang_layout_new(bench.cluster, &mesh, devices);
    ck_assert_uint_eq(layout->member_count, 6);
    ck_assert_uint_eq(layout->host_count, 2);
    ck_assert_uint_eq(layout->hosts[0], 1);
    ck_assert_uint_eq(layout->hosts[1], 3);
    ck_assert_uint_eq(gw_gang_layout_place(layout, 3), 1);
    ck_assert_uint_eq(gw_gang_layout_place(layout, 0), GW_INDEX_NONE);
    ck_assert_uint_eq(gw_gang_layout_place(layout, 2), GW_INDEX_NONE);
    ck_assert_uint_eq(gw_gang_layout_place(layout, 4), GW_INDEX_NONE);
    for (uint32_t shard = 0; shard < 6; shard++) {
        ck_assert_uint_eq(gw_gang_layout_shard(layout, devices[shard]), shard);
    }
    ck_assert_uint_eq(gw_gang_layout_shard(layout, 6), GW_INDEX_NONE);
    ck_assert_uint_eq(gw_gang_layout_shard(layout, 3), GW_INDEX_NONE);
    ck_assert_uint_eq(gw_gang_layout_shard(layout, 16), GW_INDEX_NONE);
    /* Local lists are in order of shard. */
    const uint32_t expected[] = {1, 2, 4, 0, 3, 5};
    ck_assert_uint_eq(layout->first_local[1], 3);
    ck_assert_uint_eq(layout->first_local[2], 6);
    for (uint32_t i = 0; i < 6; i++) {
        ck_assert_uint_eq(layout->local_shards[i], expected[i]);
        ck_assert_uint_eq(layout->local_devices[i], devices[expected[i]]);
    }
    device_bench_clear(&bench);
}
END_TEST

START_TEST(runs_of_neighbours_end_where_the_next_device_is_another)
{
    device_bench bench;
    device_bench_init(&bench, 4, 4);
    const gw_mesh mesh = {.dims = 1, .shape = {7, 1, 1}};
    const uint32_t devices[] = {2, 3, 4, 9, 8, 10, 11};
    const uint32_t ends[] = {3, 3, 3, 4, 5, 7, 7};
    g_autoptr(gw_gang_layout) layout = gw_gang_layout_new(bench.cluster, &mesh, devices);
    for (uint32_t shard = 0; shard < 7; shard++) {
        ck_assert_uint_eq(layout->run_ends[shard], ends[shard]);
    }
    device_bench_clear(&bench);
}
END_TEST

START_TEST(plan_without_collectives_has_no_stage)
{
    device_bench bench;
    device_bench_init(&bench, 1, 4);
    g_autoptr(gw_gang_layout) many = lay_mesh(&bench, 2, 2, 0);
    g_autoptr(gw_gang_layout) one = lay_mesh(&bench, 1, 1, 0);
    g_autoptr(gw_gang_plan) on_many = plan_work(many, 77);
    g_autoptr(gw_gang_plan) on_one = plan_work(one, 77);
    ck_assert_uint_eq(on_many->stage_count, 0);
    ck_assert_uint_eq(on_many->first_ns, 77);
    ck_assert(!on_many->is_lockstep); /* Its members end apart. */
    ck_assert(on_one->is_lockstep);
    ck_assert_uint_eq(on_one->rest_ns, 0);
    device_bench_clear(&bench);
}
END_TEST

START_TEST(runs_of_equal_groups_are_one_stage)
{
    device_bench bench;
    device_bench_init(&bench, 1, 6);
    g_autoptr(gw_gang_layout) layout = lay_mesh(&bench, 2, 3, 0);
    hand_timing timing;
    const gw_span local_ns[] = {1, 2, 4, 8, 16};
    const uint8_t axes[] = {1, 1, 2, 1};
    hand_timing_init(&timing, layout, 4, local_ns, axes, 100);
    timing.collective_ns[timing.first_group[1] + 2] = 130; /* Group 2 of the second one. */
    g_autoptr(gw_gang_plan) plan = gw_gang_plan_new(layout, &timing.timing);
    ck_assert_uint_eq(plan->stage_count, 3);
    ck_assert_uint_eq(plan->stages[0].groups->group_count, 3);
    ck_assert_uint_eq(plan->stages[0].span_ns[0], 100 + 2 + 100);
    ck_assert_uint_eq(plan->stages[0].span_ns[2], 100 + 2 + 130);
    ck_assert_uint_eq(plan->stages[0].after_ns, 4);
    ck_assert_uint_eq(plan->stages[1].collective, 2);
    ck_assert_uint_eq(plan->stages[1].groups->group_count, 2);
    ck_assert_uint_eq(plan->stages[2].first_group, 5);
    ck_assert_uint_eq(plan->stages[2].after_ns, 16);
    ck_assert_uint_eq(plan->group_count, 8);
    ck_assert_ptr_eq(plan->stages[0].groups, plan->stages[2].groups);
    ck_assert(!plan->is_lockstep);
    ck_assert_ptr_nonnull(plan->member_collective_ns);
    ck_assert_uint_eq(plan->member_collective_ns[0], 400);
    ck_assert_uint_eq(plan->member_collective_ns[5], 430); /* Column 2. */
    device_bench_clear(&bench);
}
END_TEST

START_TEST(axes_of_size_one_change_nothing)
{
    device_bench bench;
    device_bench_init(&bench, 1, 3);
    g_autoptr(gw_gang_layout) layout = lay_mesh(&bench, 1, 3, 0);
    hand_timing timing;
    const gw_span local_ns[] = {1, 2, 4};
    const uint8_t axes[] = {2, 3}; /* The same groups. */
    hand_timing_init(&timing, layout, 2, local_ns, axes, 100);
    g_autoptr(gw_gang_plan) plan = gw_gang_plan_new(layout, &timing.timing);
    ck_assert_uint_eq(plan->stage_count, 1);
    ck_assert(plan->is_lockstep);
    ck_assert_uint_eq(plan->rest_ns, 100 + 2 + 100 + 4);
    ck_assert_uint_eq(plan->collective_ns, 200);
    device_bench_clear(&bench);
}
END_TEST

START_TEST(device_that_holds_two_shards_aborts)
{
    device_bench bench;
    device_bench_init(&bench, 1, 2);
    const gw_mesh mesh = {.dims = 1, .shape = {2, 1, 1}};
    const uint32_t devices[] = {1, 1};
    gw_gang_layout_new(bench.cluster, &mesh, devices);
}
END_TEST

START_TEST(mesh_over_two_islands_aborts)
{
    small_cluster made;
    small_cluster_init(&made);
    small_cluster_add(&made, 2, 1, 1, 0);
    small_cluster_add(&made, 2, 1, 1, 0);
    const gw_mesh mesh = {.dims = 1, .shape = {2, 1, 1}};
    const uint32_t devices[] = {1, 2};
    gw_gang_layout_new(small_cluster_build(&made), &mesh, devices);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gang_plan");
    TCase *cases = tcase_create("gang_plan");
    tcase_add_test(cases, layout_finds_hosts_shards_and_back);
    tcase_add_test(cases, runs_of_neighbours_end_where_the_next_device_is_another);
    tcase_add_test(cases, plan_without_collectives_has_no_stage);
    tcase_add_test(cases, runs_of_equal_groups_are_one_stage);
    tcase_add_test(cases, axes_of_size_one_change_nothing);
    tcase_add_test_raise_signal(cases, device_that_holds_two_shards_aborts, SIGABRT);
    tcase_add_test_raise_signal(cases, mesh_over_two_islands_aborts, SIGABRT);
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
