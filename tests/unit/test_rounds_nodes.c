/* SPDX-License-Identifier: Apache-2.0 */
/* What travels: who is reached, and how much leaves a host. */
#include <check.h>
#include <string.h>

#include "accel/rounds_nodes.h"
#include "node_cluster.h"
#include "run_suite.h"

#define MEMBERS_MAX 64
#define SIZE_BYTES  (64 * 45)

typedef struct {
    small_cluster made;
    uint32_t devices[MEMBERS_MAX];
    gw_collective collective;
} group;

/* All devices of such nodes, listed backwards. */
static void group_init(group *built, const node_shape *shape, gw_operation_kind kind)
{
    const gw_cluster *cluster = node_cluster_of(&built->made, shape);
    ck_assert_uint_le(cluster->device_count, MEMBERS_MAX);
    for (uint32_t i = 0; i < cluster->device_count; i++) {
        built->devices[i] = cluster->device_count - 1 - i;
    }
    built->collective = (gw_collective){.kind = kind,
                                        .size_bytes = SIZE_BYTES,
                                        .member_count = cluster->device_count,
                                        .devices = built->devices};
}

static bool is_across(const group *built, uint32_t source, uint32_t target)
{
    const gw_cluster *cluster = built->made.cluster;
    return gw_cluster_host_of(cluster, (gw_device_id){built->devices[source]}) !=
           gw_cluster_host_of(cluster, (gw_device_id){built->devices[target]});
}

/* Bytes that are sent from host to host. */
static uint64_t sum_across(const group *built, const gw_rounds *rounds)
{
    uint64_t sum_bytes = 0;
    for (uint32_t i = 0; i < rounds->parts[0]->len; i++) {
        const gw_rounds_phase *phase = &g_array_index(rounds->parts[0], gw_rounds_phase, i);
        for (uint32_t k = 0; k < GW_ROUNDS_WAYS * rounds->member_count; k++) {
            const gw_rounds_send *send = &phase->sends[k];
            if (send->target != GW_INDEX_NONE &&
                is_across(built, k % rounds->member_count, send->target)) {
                sum_bytes += send->size_bytes * phase->repeat_count;
            }
        }
    }
    return sum_bytes;
}

static void take_round(const gw_rounds_phase *phase, uint32_t member_count, uint64_t *has)
{
    uint64_t next[MEMBERS_MAX];
    memcpy(next, has, member_count * sizeof *has);
    for (uint32_t m = 0; m < member_count; m++) {
        if (phase->sends[m].target != GW_INDEX_NONE) {
            next[phase->sends[m].target] |= has[m];
        }
    }
    memcpy(has, next, member_count * sizeof *has);
}

/* Something of everybody's (of `root`'s alone) has come to everybody, as bits by member. */
static void expect_all_reached(const gw_rounds *rounds, uint32_t root)
{
    uint64_t has[MEMBERS_MAX], expected = 0;
    for (uint32_t m = 0; m < rounds->member_count; m++) {
        has[m] = root == GW_INDEX_NONE || root == m ? UINT64_C(1) << m : 0;
        expected |= has[m];
    }
    for (uint32_t i = 0; i < rounds->parts[0]->len; i++) {
        const gw_rounds_phase *phase = &g_array_index(rounds->parts[0], gw_rounds_phase, i);
        for (uint32_t round = 0; round < phase->repeat_count; round++) {
            take_round(phase, rounds->member_count, has);
        }
    }
    for (uint32_t m = 0; m < rounds->member_count; m++) {
        ck_assert_uint_eq(has[m], expected);
    }
}

static const node_shape shapes[] = {
    {2, 8, 4, 5e9}, {3, 4, 4, 5e9}, {4, 3, 1, 5e9}, {5, 1, 1, 5e9}, {8, 8, 8, 5e9},
};

START_TEST(gathering_reaches_everybody)
{
    group built;
    group_init(&built, &shapes[_i], GW_OPERATION_ALL_GATHER);
    const gw_cluster *cluster = built.made.cluster;
    g_autoptr(gw_rounds) ring = gw_rounds_gather_nodes(cluster, &built.collective, 1000);
    expect_all_reached(ring, GW_INDEX_NONE);
    ck_assert_uint_eq(ring->part_count, shapes[_i].nics);
    g_autoptr(gw_rounds) levels = gw_rounds_gather_by_level(cluster, &built.collective, 1000);
    expect_all_reached(levels, GW_INDEX_NONE);
    /* Every block comes once to each other member of its slot, and by the switch to the rest. */
    ck_assert_uint_eq(sum_across(&built, levels),
                      (shapes[_i].hosts - 1) * cluster->device_count * 1000);
    small_cluster_clear(&built.made);
}
END_TEST

START_TEST(broadcasts_reach_everybody)
{
    group built;
    group_init(&built, &shapes[_i], GW_OPERATION_BROADCAST);
    const gw_cluster *cluster = built.made.cluster;
    g_autoptr(gw_rounds) tree = gw_rounds_broadcast_nodes(cluster, &built.collective);
    expect_all_reached(tree, 0);
    ck_assert_uint_eq(sum_across(&built, tree), (shapes[_i].hosts - 1) * SIZE_BYTES);
    g_autoptr(gw_rounds) scattered = gw_rounds_scatter_and_gather(cluster, &built.collective);
    expect_all_reached(scattered, 0);
    small_cluster_clear(&built.made);
}
END_TEST

/* All but what stays on its host crosses once. */
START_TEST(exchange_crosses_once)
{
    group built;
    group_init(&built, &shapes[_i], GW_OPERATION_ALL_TO_ALL);
    const uint32_t hosts = shapes[_i].hosts, count = built.made.cluster->device_count;
    g_autoptr(gw_rounds) rounds =
        gw_rounds_exchange_by_level(built.made.cluster, &built.collective);
    ck_assert_uint_eq(sum_across(&built, rounds), count * (hosts - 1) * (SIZE_BYTES / hosts));
    ck_assert_uint_eq(gw_rounds_transfer_count(rounds),
                      count * (hosts - 1 + shapes[_i].devices_per_host - 1));
    small_cluster_clear(&built.made);
}
END_TEST

START_TEST(uneven_groups_have_no_levels)
{
    group built;
    group_init(&built, &shapes[0], GW_OPERATION_ALL_GATHER);
    built.collective.member_count = 11; /* 8 and 3. */
    const gw_cluster *cluster = built.made.cluster;
    ck_assert_ptr_null(gw_rounds_gather_by_level(cluster, &built.collective, 1000));
    ck_assert_ptr_null(gw_rounds_scatter_and_gather(cluster, &built.collective));
    ck_assert_ptr_null(gw_rounds_exchange_by_level(cluster, &built.collective));
    g_autoptr(gw_rounds) ring = gw_rounds_gather_nodes(cluster, &built.collective, 1000);
    expect_all_reached(ring, GW_INDEX_NONE);
    g_autoptr(gw_rounds) tree = gw_rounds_broadcast_nodes(cluster, &built.collective);
    expect_all_reached(tree, 0);
    small_cluster_clear(&built.made);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rounds_nodes");
    TCase *cases = tcase_create("rounds_nodes");
    tcase_add_test(cases, uneven_groups_have_no_levels);
    tcase_add_loop_test(cases, gathering_reaches_everybody, 0, G_N_ELEMENTS(shapes));
    tcase_add_loop_test(cases, broadcasts_reach_everybody, 0, G_N_ELEMENTS(shapes));
    tcase_add_loop_test(cases, exchange_crosses_once, 0, G_N_ELEMENTS(shapes));
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
