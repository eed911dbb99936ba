/* SPDX-License-Identifier: Apache-2.0 */
/* What is left of a collective takes alone what is left of its time. */
#include <check.h>

#include "accel/rounds.h"
#include "node_cluster.h"
#include "run_suite.h"
#include "small_cluster.h"

#define DEVICES 16

static const double shares[] = {0, 0.1, 0.25, 0.5, 0.77, 0.95, 1};

static void check_rests(const gw_cluster *cluster, const gw_rounds_algorithm *algorithm,
                        gw_operation_kind kind, uint64_t size_bytes, gw_span hop_ns)
{
    uint32_t devices[DEVICES];
    for (uint32_t i = 0; i < DEVICES; i++) {
        devices[i] = i;
    }
    const gw_collective collective = {.kind = kind,
                                      .size_bytes = size_bytes,
                                      .member_count = DEVICES,
                                      .devices = devices,
                                      .shift = 1};
    g_autoptr(gw_rounds) rounds = gw_rounds_plan(algorithm, cluster, &collective);
    if (rounds == NULL) {
        return;
    }
    const gw_span all_ns = gw_rounds_ns(rounds, cluster, devices);
    g_autofree gw_span *steps_ns = gw_rounds_steps_ns(rounds, cluster, devices);
    const double whole_ns = (double)all_ns;
    for (uint32_t i = 0; i < G_N_ELEMENTS(shares); i++) {
        g_autoptr(gw_rounds) rest =
            gw_rounds_rest(rounds, cluster, devices, steps_ns, all_ns, shares[i]);
        const double rest_ns = (double)gw_rounds_ns(rest, cluster, devices);
        const double left_ns = (1 - shares[i]) * whole_ns;
        ck_assert_uint_le(gw_rounds_transfer_count(rest), gw_rounds_transfer_count(rounds));
        /* A transfer that is under way pays its latency again. */
        ck_assert_double_le(rest_ns, left_ns + 0.02 * whole_ns + (double)hop_ns);
        ck_assert_double_ge(rest_ns, left_ns - 0.02 * whole_ns - (double)hop_ns);
    }
}

static const gw_operation_kind kinds[] = {GW_OPERATION_ALL_REDUCE,     GW_OPERATION_ALL_GATHER,
                                          GW_OPERATION_REDUCE_SCATTER, GW_OPERATION_ALL_TO_ALL,
                                          GW_OPERATION_BROADCAST,      GW_OPERATION_PERMUTE};

START_TEST(rest_takes_what_is_left_on_a_torus)
{
    static const uint32_t shapes[][3] = {{16, 1, 1}, {4, 4, 1}, {2, 2, 4}};
    for (uint32_t s = 0; s < G_N_ELEMENTS(shapes); s++) {
        small_cluster made;
        const gw_cluster *cluster =
            small_cluster_of(&made, shapes[s][0], shapes[s][1], shapes[s][2], 7);
        for (uint32_t k = 0; k < G_N_ELEMENTS(kinds); k++) {
            check_rests(cluster, gw_rounds_algorithms[_i], kinds[k], 1 << 22, 8 * 1000);
            check_rests(cluster, gw_rounds_algorithms[_i], kinds[k], 1 << 12, 8 * 1000);
        }
        small_cluster_clear(&made);
    }
}
END_TEST

START_TEST(rest_takes_what_is_left_over_nodes)
{
    small_cluster made;
    const gw_cluster *cluster = node_cluster_of(&made, &(node_shape){4, 4, 2, 5e9});
    for (uint32_t k = 0; k < G_N_ELEMENTS(kinds); k++) {
        check_rests(cluster, gw_rounds_algorithms[_i], kinds[k], 1 << 22, 20000);
        check_rests(cluster, gw_rounds_algorithms[_i], kinds[k], 1 << 12, 20000);
    }
    small_cluster_clear(&made);
}
END_TEST

/* Nothing is over: the same transfers. */
START_TEST(rest_of_all_is_all)
{
    small_cluster made;
    const gw_cluster *cluster = small_cluster_of(&made, 4, 1, 1, 1);
    const uint32_t devices[] = {0, 1, 2, 3};
    g_autoptr(gw_rounds) rounds = gw_rounds_new(4, 1);
    gw_rounds_phase *phase = gw_rounds_add_phase(rounds, 0, 3);
    for (uint32_t i = 0; i < 4; i++) {
        gw_rounds_set_send(rounds, phase, i, 0, (i + 1) % 4, 50000);
    }
    const gw_span all_ns = gw_rounds_ns(rounds, cluster, devices);
    g_autofree gw_span *steps_ns = gw_rounds_steps_ns(rounds, cluster, devices);
    g_autoptr(gw_rounds) all = gw_rounds_rest(rounds, cluster, devices, steps_ns, all_ns, 0);
    ck_assert_uint_eq(gw_rounds_transfer_count(all), 12);
    ck_assert_uint_eq(gw_rounds_ns(all, cluster, devices), 3 * (1000 + 1000));
    /* A round and a half: half of a round is all of its latency here. */
    g_autoptr(gw_rounds) half = gw_rounds_rest(rounds, cluster, devices, steps_ns, all_ns, 0.5);
    ck_assert_uint_eq(gw_rounds_transfer_count(half), 8);
    const gw_rounds_phase *first = &g_array_index(half->parts[0], gw_rounds_phase, 0);
    ck_assert_uint_eq(first->repeat_count, 1);
    ck_assert_uint_eq(first->sends[0].size_bytes, 1);
    ck_assert_uint_eq(first[1].sends[0].size_bytes, 50000);
    small_cluster_clear(&made);
}
END_TEST

int main(void)
{
    int algorithm_count = 0;
    while (gw_rounds_algorithms[algorithm_count] != NULL) {
        algorithm_count++;
    }
    Suite *suite = suite_create("rounds_rest");
    TCase *cases = tcase_create("rest");
    tcase_add_loop_test(cases, rest_takes_what_is_left_on_a_torus, 0, algorithm_count);
    tcase_add_loop_test(cases, rest_takes_what_is_left_over_nodes, 0, algorithm_count);
    tcase_add_test(cases, rest_of_all_is_all);
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
