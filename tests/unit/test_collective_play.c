/* SPDX-License-Identifier: Apache-2.0 */
/* Collectives played with nobody else on their links take what they are priced at. */
#include <check.h>
#include <string.h>

#include "accel/collective_play.h"
#include "accel/rounds_play.h"
#include "node_cluster.h"
#include "run_suite.h"

#define MEMBERS_MAX 64
#define GROUPS_MAX  16

static const struct {
    uint32_t a, b, c, wrapped;
    bool is_switched;
    uint32_t nics; /* Not 0: `a` nodes of `b` devices and so many cards, */
    double oversubscription;
} shapes[] = {{2, 1, 1, 1, false, 0, 0}, {8, 1, 1, 1, false, 0, 0}, {8, 1, 1, 0, false, 0, 0},
              {7, 1, 1, 1, false, 0, 0}, {4, 4, 1, 3, false, 0, 0}, {2, 8, 1, 3, false, 0, 0},
              {4, 4, 1, 0, false, 0, 0}, {4, 4, 4, 7, false, 0, 0}, {3, 4, 2, 5, false, 0, 0},
              {16, 1, 1, 0, true, 0, 0}, {2, 1, 1, 0, true, 0, 0},  {2, 8, 1, 0, true, 8, 1},
              {2, 8, 1, 0, true, 4, 1},  {4, 4, 1, 0, true, 1, 1},  {3, 4, 1, 0, true, 2, 1},
              {4, 2, 1, 0, true, 2, 4},  {4, 4, 1, 0, true, 2, 2},  {5, 3, 1, 0, true, 1, 3},
              {3, 5, 1, 0, true, 5, 2}};
static const gw_operation_kind kinds[] = {GW_OPERATION_ALL_REDUCE,     GW_OPERATION_ALL_GATHER,
                                          GW_OPERATION_REDUCE_SCATTER, GW_OPERATION_ALL_TO_ALL,
                                          GW_OPERATION_BROADCAST,      GW_OPERATION_PERMUTE};
static const uint64_t sizes_bytes[] = {4, 1 << 10, 1 << 16, 1 << 24};
static const gw_algorithm_kind algorithms[] = {
    GW_ALGORITHM_AUTO,         GW_ALGORITHM_DIRECT, GW_ALGORITHM_HALVING_DOUBLING,
    GW_ALGORITHM_HIERARCHICAL, GW_ALGORITHM_RING,   GW_ALGORITHM_TORUS,
    GW_ALGORITHM_TREE};

static const gw_cluster *make_cluster(small_cluster *made, uint32_t shape,
                                      gw_algorithm_kind algorithm)
{
    if (shapes[shape].nics > 0) {
        const node_shape nodes = {shapes[shape].a, shapes[shape].b, shapes[shape].nics, 5e9};
        node_cluster_of(made, &nodes);
        small_cluster_clear(made);
        made->islands[0].network.oversubscription = shapes[shape].oversubscription;
        made->islands[0].collectives = algorithm;
        return small_cluster_build(made);
    }
    small_cluster_init(made);
    small_cluster_add(made, shapes[shape].a, shapes[shape].b, shapes[shape].c,
                      shapes[shape].wrapped);
    made->islands[0].is_switched = shapes[shape].is_switched;
    made->islands[0].collectives = algorithm;
    return small_cluster_build(made);
}

/* A mesh's groups, each with its devices one after the other. */
typedef struct {
    uint32_t devices[MEMBERS_MAX];
    uint32_t group_count, group_size;
} mesh_groups;

static mesh_groups list_groups(const gw_cluster *cluster, uint32_t shape, uint8_t axes)
{
    const gw_mesh mesh = {.dims = 3, .shape = {shapes[shape].a, shapes[shape].b, shapes[shape].c}};
    mesh_groups made = {.group_count = 1};
    for (uint32_t i = 0; i < cluster->device_count; i++) {
        uint32_t group, place;
        made.group_size = gw_mesh_group(&mesh, axes, i, &group, &place);
        made.devices[group * made.group_size + place] = i;
    }
    made.group_count = cluster->device_count / made.group_size;
    return made;
}

/* All groups at once; the longest.  0: it goes over no link. */
static gw_span play_groups(const gw_cluster *cluster, const mesh_groups *groups,
                           gw_collective collective)
{
    gw_rounds_cast casts[MEMBERS_MAX];
    gw_span ends_ns[MEMBERS_MAX], lead_ns = 0, longest_ns = 0;
    for (uint32_t i = 0; i < groups->group_count; i++) {
        collective.devices = &groups->devices[i * groups->group_size];
        casts[i] = (gw_rounds_cast){.rounds = gw_collective_play(cluster, &collective, &lead_ns),
                                    .devices = collective.devices};
        if (casts[i].rounds == NULL) {
            return 0;
        }
    }
    gw_rounds_play(cluster, casts, groups->group_count, ends_ns);
    for (uint32_t i = 0; i < groups->group_count; i++) {
        longest_ns = MAX(longest_ns, ends_ns[i]);
        gw_rounds_free((gw_rounds *)casts[i].rounds);
    }
    return lead_ns + longest_ns;
}

static uint32_t compare(const gw_cluster *cluster, uint32_t shape, gw_algorithm_kind algorithm,
                        uint8_t axes)
{
    const mesh_groups groups = list_groups(cluster, shape, axes);
    uint32_t compared_count = 0;
    for (uint32_t k = 0; k < G_N_ELEMENTS(kinds) * G_N_ELEMENTS(sizes_bytes); k++) {
        const gw_collective collective = {.kind = kinds[k % G_N_ELEMENTS(kinds)],
                                          .size_bytes = sizes_bytes[k / G_N_ELEMENTS(kinds)],
                                          .member_count = groups.group_size,
                                          .devices = groups.devices,
                                          .shift = 1};
        const double priced_ns = (double)gw_collective_ns(cluster, &collective);
        const double played_ns = (double)play_groups(cluster, &groups, collective);
        ck_assert_msg(
            played_ns == 0 || (played_ns >= 0.98 * priced_ns && played_ns <= 1.02 * priced_ns),
            "shape %u, axes %u, algorithm %d, kind %d, %u bytes: priced %.0f, played %.0f", shape,
            axes, (int)algorithm, (int)collective.kind, (unsigned)collective.size_bytes, priced_ns,
            played_ns);
        compared_count += played_ns > 0;
    }
    return compared_count;
}

/* Tolerance 2 %: rounding, and latencies that hide behind bytes. */
START_TEST(alone_it_takes_what_it_is_priced_at)
{
    const uint32_t shape = (uint32_t)_i;
    uint32_t compared_count = 0;
    for (uint32_t i = 0; i < G_N_ELEMENTS(algorithms); i++) {
        small_cluster made;
        const gw_cluster *cluster = make_cluster(&made, shape, algorithms[i]);
        for (uint8_t axes = 1; axes < 8; axes++) {
            compared_count += compare(cluster, shape, algorithms[i], axes);
        }
        small_cluster_clear(&made);
    }
    ck_assert_uint_ge(compared_count, 6 * G_N_ELEMENTS(sizes_bytes) * G_N_ELEMENTS(kinds));
}
END_TEST

/* Two nodes whose switches add up, with a core for all cards and for a quarter of them. */
START_TEST(sums_in_switches_are_played)
{
    small_cluster made;
    const node_shape nodes = {2, 8, 4, 5e9};
    node_cluster_of(&made, &nodes);
    small_cluster_clear(&made);
    made.accelerators[0].switch_reduction_efficiency = 0.6;
    made.islands[0].network.oversubscription = _i == 0 ? 1 : 4;
    const gw_cluster *cluster = small_cluster_build(&made);
    mesh_groups groups = {.group_count = 1, .group_size = 16};
    for (uint32_t i = 0; i < 16; i++) {
        groups.devices[i] = i;
    }
    const gw_collective collective = {.kind = GW_OPERATION_ALL_REDUCE,
                                      .size_bytes = 1 << 24,
                                      .member_count = 16,
                                      .devices = groups.devices};
    ck_assert_uint_eq(gw_collective_algorithm(cluster, &collective), GW_ALGORITHM_AUTO);
    const double priced_ns = (double)gw_collective_ns(cluster, &collective);
    const double played_ns = (double)play_groups(cluster, &groups, collective);
    ck_assert_double_eq_tol(played_ns, priced_ns, 0.02 * priced_ns);
    small_cluster_clear(&made);
}
END_TEST

START_TEST(what_goes_over_no_link_is_not_played)
{
    small_cluster made;
    const gw_cluster *cluster = make_cluster(&made, 1, GW_ALGORITHM_AUTO);
    const uint32_t devices[] = {0, 1, 2, 3};
    gw_span lead_ns;
    gw_collective collective = {
        .kind = GW_OPERATION_ALL_REDUCE, .size_bytes = 100, .member_count = 1, .devices = devices};
    ck_assert_ptr_null(gw_collective_play(cluster, &collective, &lead_ns));
    collective.member_count = 4;
    collective.size_bytes = 0;
    ck_assert_ptr_null(gw_collective_play(cluster, &collective, &lead_ns));
    collective.size_bytes = 100;
    collective.kind = GW_OPERATION_PERMUTE;
    collective.shift = 8;
    ck_assert_ptr_null(gw_collective_play(cluster, &collective, &lead_ns));
    small_cluster_clear(&made);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("collective_play");
    TCase *cases = tcase_create("collective_play");
    tcase_set_timeout(cases, 60);
    tcase_add_loop_test(cases, alone_it_takes_what_it_is_priced_at, 0, G_N_ELEMENTS(shapes));
    tcase_add_loop_test(cases, sums_in_switches_are_played, 0, 2);
    tcase_add_test(cases, what_goes_over_no_link_is_not_played);
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
