/* SPDX-License-Identifier: Apache-2.0 */
/* Collectives over nodes: each algorithm's closed form against its rounds and their play on the
 * fabric, and against the textbook; groups that share nothing, and groups that share rails. */
#include <check.h>
#include <math.h>

#include "accel/collective.h"
#include "accel/collective_nodes.h"
#include "accel/rounds.h"
#include "accel/rounds_play.h"
#include "node_cluster.h"
#include "run_suite.h"

#define MEMBERS_MAX 64

static const uint64_t sizes_bytes[] = {256, 65536, 1 << 20, 1 << 26};

static const gw_operation_kind kinds[] = {
    GW_OPERATION_ALL_REDUCE, GW_OPERATION_ALL_GATHER, GW_OPERATION_REDUCE_SCATTER,
    GW_OPERATION_ALL_TO_ALL, GW_OPERATION_BROADCAST,  GW_OPERATION_PERMUTE,
};

static const gw_algorithm_kind algorithms[] = {GW_ALGORITHM_DIRECT, GW_ALGORITHM_HIERARCHICAL,
                                               GW_ALGORITHM_RING, GW_ALGORITHM_TREE};

/* Nodes, and a group on them: `taken` devices of each host, `apart` places apart. */
static const struct {
    node_shape nodes;
    uint32_t taken, apart;
} cases[] = {
    {{2, 8, 8, 5e9}, 8, 1}, {{2, 8, 4, 5e9}, 8, 1}, {{2, 8, 1, 8e9}, 8, 1}, {{4, 4, 4, 5e9}, 4, 1},
    {{4, 4, 8, 2e9}, 4, 1}, {{3, 6, 3, 5e9}, 6, 1}, {{5, 3, 3, 5e9}, 3, 1}, {{8, 8, 8, 5e9}, 1, 1},
    {{3, 8, 8, 5e9}, 4, 2}, {{4, 8, 8, 5e9}, 2, 4}, {{8, 1, 1, 5e9}, 1, 1}, {{2, 8, 8, 20e9}, 8, 1},
    {{4, 2, 8, 1e9}, 2, 1}, {{5, 1, 4, 5e9}, 1, 1}, {{7, 3, 1, 5e9}, 3, 1}, {{6, 5, 5, 9e9}, 5, 1},
};

static uint32_t list_members(uint32_t index, uint32_t *devices)
{
    uint32_t count = 0;
    for (uint32_t h = 0; h < cases[index].nodes.hosts; h++) {
        for (uint32_t i = 0; i < cases[index].taken; i++) {
            ck_assert_uint_lt(count, MEMBERS_MAX);
            devices[count++] = h * cases[index].nodes.devices_per_host + i * cases[index].apart;
        }
    }
    return count;
}

static gw_span play_alone(const gw_cluster *cluster, const gw_rounds *rounds,
                          const uint32_t *devices)
{
    const gw_rounds_cast cast = {.rounds = rounds, .devices = devices};
    gw_span played_ns;
    gw_rounds_play(cluster, &cast, 1, &played_ns);
    return played_ns;
}

/* Each case with transfers over all cards of a device and over one of them; where the group has all
 * devices, with a core for all cards and for a third of them.  Tolerance
 * 2 %: rounding up to whole bytes and nanoseconds in each of some rounds. */
START_TEST(closed_form_is_the_rounds_and_the_play)
{
    small_cluster made;
    const uint32_t index = (uint32_t)_i / 4;
    const bool has_all = cases[index].taken == cases[index].nodes.devices_per_host;
    node_cluster_of(&made, &cases[index].nodes);
    small_cluster_clear(&made);
    made.islands[0].network.flows = (uint32_t)_i % 2;
    made.islands[0].network.oversubscription = has_all && _i / 2 % 2 == 1 ? 3 : 1;
    const gw_cluster *cluster = small_cluster_build(&made);
    uint32_t devices[MEMBERS_MAX], compared_count = 0;
    const uint32_t count = list_members(index, devices);
    for (uint32_t k = 0; k < G_N_ELEMENTS(kinds) * G_N_ELEMENTS(sizes_bytes); k++) {
        const gw_collective collective = {.kind = kinds[k % G_N_ELEMENTS(kinds)],
                                          .size_bytes = sizes_bytes[k / G_N_ELEMENTS(kinds)],
                                          .member_count = count,
                                          .devices = devices,
                                          .shift = 1};
        for (uint32_t i = 0; i < G_N_ELEMENTS(algorithms); i++) {
            const gw_rounds_algorithm *algorithm =
                gw_rounds_algorithms[algorithms[i] - GW_ALGORITHM_DIRECT];
            g_autoptr(gw_rounds) rounds = gw_rounds_plan(algorithm, cluster, &collective);
            const gw_span closed_ns = gw_collective_nodes_ns(cluster, &collective, algorithms[i]);
            if (rounds == NULL) {
                ck_assert(closed_ns == GW_TIME_NEVER || collective.kind == GW_OPERATION_PERMUTE);
                continue;
            }
            ck_assert_uint_lt(closed_ns, GW_TIME_NEVER);
            const gw_span analytic_ns = gw_rounds_path_ns(rounds, cluster, devices);
            const gw_span played_ns = play_alone(cluster, rounds, devices);
            const double tolerance_ns = 0.02 * (double)closed_ns;
            ck_assert_msg(fabs((double)analytic_ns - (double)closed_ns) <= tolerance_ns &&
                              fabs((double)played_ns - (double)closed_ns) <= tolerance_ns,
                          "case %d, %s, kind %d, %u bytes: closed %u, analytic %u, played %u", _i,
                          algorithm->name, (int)collective.kind, (unsigned)collective.size_bytes,
                          (unsigned)closed_ns, (unsigned)analytic_ns, (unsigned)played_ns);
            compared_count++;
        }
    }
    ck_assert_uint_ge(compared_count, 4 * 14);
    small_cluster_clear(&made);
}
END_TEST

/* Data parallel with eight tensor-parallel members on each node: eight groups of one member on
 * each, all at once.  With a card for each device they share nothing; with half as many, two and
 * two share one, which the closed form has said all along.  Tolerance 2 %: rounding, as above. */
START_TEST(groups_of_one_member_a_node_have_their_rails)
{
    for (uint32_t nics = 8; nics >= 4; nics /= 2) {
        const node_shape nodes = {8, 8, nics, 5e9};
        small_cluster made;
        const gw_cluster *cluster = node_cluster_of(&made, &nodes);
        uint32_t devices[8][8];
        gw_rounds_cast casts[8];
        gw_span alone_ns, together_ns[8];
        for (uint32_t i = 0; i < 64; i++) {
            devices[i % 8][i / 8] = i;
        }
        const gw_collective collective = {.kind = GW_OPERATION_ALL_REDUCE,
                                          .size_bytes = 1 << 24,
                                          .member_count = 8,
                                          .devices = devices[0]};
        g_autoptr(gw_rounds) rounds =
            gw_rounds_plan(gw_rounds_algorithm_find("hierarchical"), cluster, &collective);
        for (uint32_t i = 0; i < 8; i++) {
            casts[i] = (gw_rounds_cast){rounds, devices[i]};
        }
        gw_rounds_play(cluster, casts, 1, &alone_ns);
        gw_rounds_play(cluster, casts, 8, together_ns);
        const double closed_ns =
            (double)gw_collective_nodes_ns(cluster, &collective, GW_ALGORITHM_HIERARCHICAL);
        for (uint32_t i = 0; i < 8; i++) {
            ck_assert_double_eq_tol((double)together_ns[i], closed_ns, 0.02 * closed_ns);
        }
        const double times = 8 / (double)nics;
        ck_assert_double_eq_tol(closed_ns / (double)alone_ns, times, 0.02 * times);
        small_cluster_clear(&made);
    }
}
END_TEST

/* 2 (n-1)/n S over what leaves a host, and two steps of the network for each but one: the
 * textbook's ring where rails are the narrowest.  Tolerance 1 ns: one rounding. */
START_TEST(ring_is_the_textbooks)
{
    const node_shape nodes = {4, 8, 4, 5e9};
    small_cluster made;
    uint32_t devices[32];
    const gw_cluster *cluster = node_cluster_of(&made, &nodes);
    for (uint32_t i = 0; i < 32; i++) {
        devices[i] = i;
    }
    const gw_collective collective = {.kind = GW_OPERATION_ALL_REDUCE,
                                      .size_bytes = UINT64_C(1) << 30,
                                      .member_count = 32,
                                      .devices = devices};
    const double expected_ns = 62 * 10000.0 + 62.0 / 32 * (1 << 30) / (4 * 5);
    ck_assert_double_eq_tol((double)gw_collective_nodes_ns(cluster, &collective, GW_ALGORITHM_RING),
                            expected_ns, 1);
    small_cluster_clear(&made);
}
END_TEST

/* Oversubscription: what all cards could carry, over what the core carries.  Tolerance 2 %: the
 * rounds' latency is 0.1 % of it, and their bytes are rounded up. */
START_TEST(core_is_shared_by_all)
{
    double closed_ns[2];
    for (uint32_t i = 0; i < 2; i++) {
        const node_shape nodes = {4, 4, 4, 5e9};
        small_cluster made;
        uint32_t devices[16];
        node_cluster_of(&made, &nodes);
        small_cluster_clear(&made);
        made.islands[0].network.oversubscription = i == 0 ? 1 : 4;
        const gw_cluster *cluster = small_cluster_build(&made);
        for (uint32_t k = 0; k < 16; k++) {
            devices[k] = k;
        }
        const gw_collective collective = {.kind = GW_OPERATION_ALL_TO_ALL,
                                          .size_bytes = 1 << 28,
                                          .member_count = 16,
                                          .devices = devices};
        g_autoptr(gw_rounds) rounds =
            gw_rounds_plan(gw_rounds_algorithm_find("direct"), cluster, &collective);
        closed_ns[i] = (double)gw_collective_nodes_ns(cluster, &collective, GW_ALGORITHM_DIRECT);
        ck_assert_double_eq_tol((double)play_alone(cluster, rounds, devices), closed_ns[i],
                                0.02 * closed_ns[i]);
        small_cluster_clear(&made);
    }
    ck_assert_double_eq_tol(closed_ns[1] / closed_ns[0], 4, 0.08);
}
END_TEST

/* Three of five devices of each host: as many rings, which are in the core at the same time, though
 * it is more than theirs.  Tolerance 2 %: rounding. */
START_TEST(rings_share_the_core)
{
    const node_shape nodes = {3, 5, 5, 5e9};
    small_cluster made;
    uint32_t devices[9];
    node_cluster_of(&made, &nodes);
    small_cluster_clear(&made);
    made.islands[0].network.oversubscription = 4.75;
    const gw_cluster *cluster = small_cluster_build(&made);
    for (uint32_t i = 0; i < 9; i++) {
        devices[i] = i / 3 * 5 + 2 + i % 3;
    }
    const gw_collective collective = {.kind = GW_OPERATION_ALL_REDUCE,
                                      .size_bytes = 1 << 20,
                                      .member_count = 9,
                                      .devices = devices};
    g_autoptr(gw_rounds) rounds =
        gw_rounds_plan(gw_rounds_algorithm_find("ring"), cluster, &collective);
    const double analytic_ns = (double)gw_rounds_path_ns(rounds, cluster, devices);
    const double played_ns = (double)play_alone(cluster, rounds, devices);
    ck_assert_uint_eq(rounds->part_count, 3);
    ck_assert_double_eq_tol(analytic_ns, played_ns, 0.02 * played_ns);
    small_cluster_clear(&made);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("nodes");
    TCase *tcase = tcase_create("nodes");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, closed_form_is_the_rounds_and_the_play, 0, 4 * G_N_ELEMENTS(cases));
    tcase_add_test(tcase, groups_of_one_member_a_node_have_their_rails);
    tcase_add_test(tcase, ring_is_the_textbooks);
    tcase_add_test(tcase, core_is_shared_by_all);
    tcase_add_test(tcase, rings_share_the_core);
    suite_add_tcase(suite, tcase);
    return gw_run_suite(suite);
}
