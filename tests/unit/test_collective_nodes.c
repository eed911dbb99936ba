/* SPDX-License-Identifier: Apache-2.0 */
/* Times over nodes by hand.  A port carries 100 bytes/ns with 1000 ns, a card 5 with 10000. */
#include <check.h>

#include "accel/collective.h"
#include "accel/collective_nodes.h"
#include "node_cluster.h"
#include "run_suite.h"

#define MEMBERS_MAX 32
#define OVERHEAD_NS 2000

typedef struct {
    small_cluster made;
    uint32_t devices[MEMBERS_MAX];
    gw_collective collective;
} group;

static void group_init(group *built, const node_shape *shape, gw_operation_kind kind,
                       uint64_t size_bytes)
{
    const gw_cluster *cluster = node_cluster_of(&built->made, shape);
    ck_assert_uint_le(cluster->device_count, MEMBERS_MAX);
    for (uint32_t i = 0; i < cluster->device_count; i++) {
        built->devices[i] = i;
    }
    built->collective = (gw_collective){.kind = kind,
                                        .size_bytes = size_bytes,
                                        .member_count = cluster->device_count,
                                        .devices = built->devices,
                                        .shift = 1};
}

static gw_span time_by(const group *built, gw_algorithm_kind algorithm)
{
    return gw_collective_nodes_ns(built->made.cluster, &built->collective, algorithm);
}

static const node_shape two_of_four = {2, 4, 4, 5e9};

START_TEST(hierarchy_by_hand)
{
    group built;
    group_init(&built, &two_of_four, GW_OPERATION_ALL_REDUCE, 4000000);
    /* Inside 3/4 S over 100 in two rounds, across 1/2 of S/4 over 5 in one; all of it twice. */
    ck_assert_uint_eq(time_by(&built, GW_ALGORITHM_HIERARCHICAL),
                      2 * (2000 + 30000 + 10000 + 100000));
    built.collective.kind = GW_OPERATION_BROADCAST;
    ck_assert_uint_eq(time_by(&built, GW_ALGORITHM_HIERARCHICAL),
                      2 * (2000 + 30000 + 10000 + 100000));
    built.collective.kind = GW_OPERATION_REDUCE_SCATTER;
    ck_assert_uint_eq(time_by(&built, GW_ALGORITHM_HIERARCHICAL), 142000);
    built.collective.kind = GW_OPERATION_ALL_GATHER;
    ck_assert_uint_eq(time_by(&built, GW_ALGORITHM_HIERARCHICAL), 10000 + 800000 + 2000 + 240000);
    built.collective.kind = GW_OPERATION_ALL_TO_ALL;
    ck_assert_uint_eq(time_by(&built, GW_ALGORITHM_HIERARCHICAL), 3000 + 30000 + 10000 + 400000);
    small_cluster_clear(&built.made);
}
END_TEST

START_TEST(direct_ring_and_tree_by_hand)
{
    group built;
    group_init(&built, &two_of_four, GW_OPERATION_ALL_TO_ALL, 4000000);
    ck_assert_uint_eq(time_by(&built, GW_ALGORITHM_DIRECT), 10000 + 400000);
    ck_assert_uint_eq(time_by(&built, GW_ALGORITHM_RING), GW_TIME_NEVER);
    built.collective.kind = GW_OPERATION_ALL_REDUCE;
    ck_assert_uint_eq(time_by(&built, GW_ALGORITHM_DIRECT), 10000 + 4 * 800000);
    /* 14 rounds of S/8, a quarter of it by each of four rails. */
    ck_assert_uint_eq(time_by(&built, GW_ALGORITHM_RING), 14 * (10000 + 25000));
    ck_assert_uint_eq(time_by(&built, GW_ALGORITHM_TREE), 2 * (10000 + 800000 + 2 * 41000));
    built.collective.kind = GW_OPERATION_BROADCAST;
    ck_assert_uint_eq(time_by(&built, GW_ALGORITHM_DIRECT), GW_TIME_NEVER);
    ck_assert_uint_eq(time_by(&built, GW_ALGORITHM_TREE), 10000 + 800000 + 2 * 41000);
    ck_assert_uint_eq(time_by(&built, GW_ALGORITHM_TORUS), GW_TIME_NEVER);
    small_cluster_clear(&built.made);
}
END_TEST

/* Shifted by one, the last of each host sends to the next host; by two, two do. */
START_TEST(permutation_by_hand)
{
    node_shape shape = two_of_four;
    group built;
    group_init(&built, &shape, GW_OPERATION_PERMUTE, 4000000);
    ck_assert_uint_eq(time_by(&built, GW_ALGORITHM_AUTO), 10000 + 800000);
    small_cluster_clear(&built.made);
    shape.nics = 2;
    group_init(&built, &shape, GW_OPERATION_PERMUTE, 4000000);
    ck_assert_uint_eq(time_by(&built, GW_ALGORITHM_AUTO), 10000 + 800000);
    built.collective.shift = 2; /* Both devices of one rail. */
    ck_assert_uint_eq(time_by(&built, GW_ALGORITHM_AUTO), 10000 + 1600000);
    built.collective.shift = 8; /* To oneself: 4 MB over half of 500 bytes/ns. */
    ck_assert_uint_eq(time_by(&built, GW_ALGORITHM_AUTO), 16000);
    small_cluster_clear(&built.made);
}
END_TEST

/* Small messages go where rounds are few, large ones where links are full. */
START_TEST(auto_takes_the_fastest)
{
    group built;
    group_init(&built, &two_of_four, GW_OPERATION_ALL_REDUCE, 1);
    for (uint64_t size_bytes = 1; size_bytes <= UINT64_C(1) << 34; size_bytes *= 4) {
        built.collective.size_bytes = size_bytes;
        gw_span fastest_ns = GW_TIME_NEVER;
        for (uint32_t i = GW_ALGORITHM_DIRECT; i <= GW_ALGORITHM_TREE; i++) {
            const gw_span span_ns = time_by(&built, (gw_algorithm_kind)i);
            fastest_ns = MIN(fastest_ns, span_ns);
        }
        ck_assert_uint_eq(time_by(&built, GW_ALGORITHM_AUTO), fastest_ns);
        ck_assert_uint_eq(gw_collective_ns(built.made.cluster, &built.collective),
                          OVERHEAD_NS + fastest_ns);
    }
    built.collective.size_bytes = 8;
    ck_assert_uint_eq(time_by(&built, GW_ALGORITHM_AUTO), time_by(&built, GW_ALGORITHM_DIRECT));
    ck_assert_int_eq(gw_collective_algorithm(built.made.cluster, &built.collective),
                     GW_ALGORITHM_DIRECT);
    built.collective.size_bytes = UINT64_C(1) << 30;
    ck_assert_uint_lt(time_by(&built, GW_ALGORITHM_AUTO), time_by(&built, GW_ALGORITHM_DIRECT) / 4);
    small_cluster_clear(&built.made);
}
END_TEST

START_TEST(named_algorithm_is_heeded)
{
    group built;
    group_init(&built, &two_of_four, GW_OPERATION_ALL_REDUCE, 4000000);
    small_cluster_clear(&built.made);
    built.made.islands[0].collectives = GW_ALGORITHM_RING;
    small_cluster_build(&built.made);
    ck_assert_uint_eq(gw_collective_ns(built.made.cluster, &built.collective),
                      OVERHEAD_NS + time_by(&built, GW_ALGORITHM_RING));
    ck_assert_int_eq(gw_collective_algorithm(built.made.cluster, &built.collective),
                     GW_ALGORITHM_RING);
    built.collective.kind = GW_OPERATION_BROADCAST; /* Rings have no way to do it. */
    ck_assert_uint_eq(gw_collective_ns(built.made.cluster, &built.collective),
                      OVERHEAD_NS + time_by(&built, GW_ALGORITHM_AUTO));
    small_cluster_clear(&built.made);
}
END_TEST

/* Sums in the switches: 5/4 S over ports of 200 x 0.5, and across as ever. */
START_TEST(switches_add_up)
{
    group built;
    group_init(&built, &two_of_four, GW_OPERATION_ALL_REDUCE, UINT64_C(4000000000));
    built.made.accelerators[0].switch_reduction_efficiency = 0.5;
    ck_assert_uint_eq(time_by(&built, GW_ALGORITHM_AUTO),
                      2000 + 50000000 + 2 * (10000 + 100000000));
    ck_assert_int_eq(gw_collective_algorithm(built.made.cluster, &built.collective),
                     GW_ALGORITHM_AUTO); /* Which has no rounds. */
    built.collective.member_count = 4;   /* On one switch. */
    ck_assert_int_eq(gw_collective_algorithm(built.made.cluster, &built.collective),
                     GW_ALGORITHM_AUTO);
    small_cluster_clear(&built.made);
}
END_TEST

START_TEST(what_takes_for_ever_is_bounded)
{
    const node_shape shape = {2, 4, 4, 1};
    group built;
    group_init(&built, &shape, GW_OPERATION_ALL_REDUCE, UINT64_C(1) << 62);
    const gw_span thirty_years_ns = UINT64_C(1000000000) * 1000000000;
    ck_assert_uint_ge(time_by(&built, GW_ALGORITHM_AUTO), thirty_years_ns);
    ck_assert_uint_lt(time_by(&built, GW_ALGORITHM_AUTO), 8 * thirty_years_ns);
    small_cluster_clear(&built.made);
}
END_TEST

/* 8 and 3 members: no hierarchy, a ring that leaves by one rail, trees by the larger host. */
START_TEST(uneven_group_is_priced)
{
    const node_shape shape = {2, 8, 8, 5e9};
    group built;
    group_init(&built, &shape, GW_OPERATION_ALL_REDUCE, 11000000);
    built.collective.member_count = 11;
    ck_assert_uint_eq(time_by(&built, GW_ALGORITHM_HIERARCHICAL), GW_TIME_NEVER);
    ck_assert_uint_eq(time_by(&built, GW_ALGORITHM_RING), 20 * (10000 + 200000));
    ck_assert_uint_lt(time_by(&built, GW_ALGORITHM_AUTO), GW_TIME_NEVER);
    small_cluster_clear(&built.made);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("collective_nodes");
    TCase *cases = tcase_create("collective_nodes");
    tcase_add_test(cases, hierarchy_by_hand);
    tcase_add_test(cases, direct_ring_and_tree_by_hand);
    tcase_add_test(cases, permutation_by_hand);
    tcase_add_test(cases, auto_takes_the_fastest);
    tcase_add_test(cases, named_algorithm_is_heeded);
    tcase_add_test(cases, switches_add_up);
    tcase_add_test(cases, what_takes_for_ever_is_bounded);
    tcase_add_test(cases, uneven_group_is_priced);
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
