/* SPDX-License-Identifier: Apache-2.0 */
/* Who sits where: hosts, slots and rails of a group. */
#include <check.h>
#include <signal.h>

#include "accel/node_group.h"
#include "node_cluster.h"
#include "run_suite.h"

static const node_shape four_of_eight = {4, 8, 4, 5e9};

static gw_collective collective_of(const uint32_t *devices, uint32_t count)
{
    return (gw_collective){.kind = GW_OPERATION_ALL_REDUCE,
                           .size_bytes = 4,
                           .member_count = count,
                           .devices = devices};
}

START_TEST(one_host_is_no_spread)
{
    small_cluster made;
    const gw_cluster *cluster = node_cluster_of(&made, &four_of_eight);
    const uint32_t inside[] = {9, 15, 8}, across[] = {9, 15, 16};
    const gw_collective one = collective_of(inside, 3), two = collective_of(across, 3);
    ck_assert(!gw_node_group_is_spread(cluster, &one));
    ck_assert(gw_node_group_is_spread(cluster, &two));
    small_cluster_clear(&made);
    cluster = small_cluster_of(&made, 4, 1, 1, 1);
    const uint32_t torus[] = {0, 1};
    const gw_collective ring = collective_of(torus, 2);
    ck_assert(!gw_node_group_is_spread(cluster, &ring));
    small_cluster_clear(&made);
}
END_TEST

/* In any order of the members: member 0 first, its host first, its slot that of every host. */
START_TEST(order_begins_with_member_0)
{
    small_cluster made;
    const gw_cluster *cluster = node_cluster_of(&made, &four_of_eight);
    const uint32_t devices[] = {18, 0, 26, 2, 8, 24, 10, 16};
    const gw_collective collective = collective_of(devices, 8);
    gw_node_group group;
    gw_node_group_init(&group, cluster, &collective);
    ck_assert(group.is_even);
    ck_assert_uint_eq(group.host_count, 4);
    ck_assert_uint_eq(group.per_host_max, 2);
    const uint32_t expected[] = {18, 16, 26, 24, 2, 0, 10, 8};
    for (uint32_t i = 0; i < 8; i++) {
        ck_assert_uint_eq(devices[group.order[i]], expected[i]);
        ck_assert_uint_eq(group.firsts[i / 2], i / 2 * 2);
    }
    ck_assert_uint_eq(group.firsts[4], 8);
    gw_node_group_clear(&group);
    small_cluster_clear(&made);
}
END_TEST

START_TEST(rails_are_counted_by_slot)
{
    small_cluster made;
    const gw_cluster *cluster = node_cluster_of(&made, &four_of_eight);
    uint32_t devices[16];
    for (uint32_t i = 0; i < 16; i++) {
        devices[i] = i;
    }
    gw_collective collective = collective_of(devices, 16);
    gw_node_group group;
    gw_node_group_init(&group, cluster, &collective);
    ck_assert_uint_eq(group.rail_count, 4);
    g_autofree uint32_t *slots = gw_node_group_list_rails(&group, cluster, &collective);
    for (uint32_t i = 0; i < 4; i++) {
        ck_assert_uint_eq(slots[i], 2 * i);
    }
    gw_node_group_clear(&group);
    devices[0] = 6, devices[1] = 7, devices[2] = 14, devices[3] = 15; /* Two on one rail. */
    collective.member_count = 4;
    gw_node_group_init(&group, cluster, &collective);
    ck_assert_uint_eq(group.rail_count, 1);
    gw_node_group_clear(&group);
    small_cluster_clear(&made);
}
END_TEST

START_TEST(hosts_that_differ_are_uneven)
{
    small_cluster made;
    const gw_cluster *cluster = node_cluster_of(&made, &four_of_eight);
    const uint32_t more[] = {0, 1, 8}, elsewhere[] = {0, 1, 8, 10};
    const gw_collective one = collective_of(more, 3), two = collective_of(elsewhere, 4);
    gw_node_group group;
    gw_node_group_init(&group, cluster, &one);
    ck_assert(!group.is_even);
    ck_assert_uint_eq(group.per_host_max, 2);
    ck_assert_uint_eq(group.per_host_min, 1);
    ck_assert_uint_eq(group.rail_count, 1);
    gw_node_group_clear(&group);
    gw_node_group_init(&group, cluster, &two);
    ck_assert(!group.is_even);
    gw_node_group_clear(&group);
    small_cluster_clear(&made);
}
END_TEST

START_TEST(group_of_one_host_aborts)
{
    small_cluster made;
    const gw_cluster *cluster = node_cluster_of(&made, &four_of_eight);
    const uint32_t devices[] = {0, 1};
    const gw_collective collective = collective_of(devices, 2);
    gw_node_group group;
    gw_node_group_init(&group, cluster, &collective);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("node_group");
    TCase *cases = tcase_create("node_group");
    tcase_add_test(cases, one_host_is_no_spread);
    tcase_add_test(cases, order_begins_with_member_0);
    tcase_add_test(cases, rails_are_counted_by_slot);
    tcase_add_test(cases, hosts_that_differ_are_uneven);
    tcase_add_test_raise_signal(cases, group_of_one_host_aborts, SIGABRT);
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
