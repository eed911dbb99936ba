/* SPDX-License-Identifier: Apache-2.0 */
/* Collectives transfer by transfer: each algorithm's analytic time against its play on the fabric,
 * both against closed forms, and what becomes of two that meet. */
#include <check.h>
#include <math.h>
#include <string.h>

#include "accel/collective.h"
#include "accel/rounds.h"
#include "accel/rounds_play.h"
#include "run_suite.h"
#include "scenario/scenario.h"
#include "small_cluster.h"

#define MEMBERS_MAX 256

static const uint64_t sizes_bytes[] = {256, 65536, 1 << 24};

static const gw_operation_kind kinds[] = {
    GW_OPERATION_ALL_REDUCE, GW_OPERATION_ALL_GATHER, GW_OPERATION_REDUCE_SCATTER,
    GW_OPERATION_ALL_TO_ALL, GW_OPERATION_BROADCAST,
};

/* Shapes: bit d of `wrapped` makes dimension d a ring. */
static const struct {
    uint32_t a, b, c, wrapped;
    bool is_switched;
} shapes[] = {
    {2, 1, 1, 1, false}, {8, 1, 1, 1, false}, {9, 1, 1, 1, false}, {8, 1, 1, 0, false},
    {4, 4, 1, 3, false}, {4, 4, 1, 0, false}, {5, 5, 1, 3, false}, {4, 4, 4, 7, false},
    {8, 1, 1, 0, true},  {16, 1, 1, 0, true},
};

static const gw_cluster *make_cluster(small_cluster *made, uint32_t shape)
{
    small_cluster_init(made);
    small_cluster_add(made, shapes[shape].a, shapes[shape].b, shapes[shape].c,
                      shapes[shape].wrapped);
    made->islands[0].is_switched = shapes[shape].is_switched;
    return small_cluster_build(made);
}

static void list_devices(uint32_t *devices, uint32_t count)
{
    ck_assert_uint_le(count, MEMBERS_MAX);
    for (uint32_t i = 0; i < count; i++) {
        devices[i] = i;
    }
}

static gw_span play_alone(const gw_cluster *cluster, const gw_rounds *rounds,
                          const uint32_t *devices)
{
    const gw_rounds_cast cast = {.rounds = rounds, .devices = devices};
    gw_span played_ns;
    gw_rounds_play(cluster, &cast, 1, &played_ns);
    return played_ns;
}

/* Plans the collective over all of the cluster; NULL: the algorithm does not do it. */
static gw_rounds *plan_over_all(const char *name, const gw_cluster *cluster,
                                const uint32_t *devices, gw_operation_kind kind,
                                uint64_t size_bytes)
{
    const gw_collective collective = {.kind = kind,
                                      .size_bytes = size_bytes,
                                      .member_count = cluster->device_count,
                                      .devices = devices};
    return gw_rounds_plan(gw_rounds_algorithm_find(name), cluster, &collective);
}

/* Tolerance 2 %: rounding up to a nanosecond in each of some rounds of little. */
START_TEST(analytic_time_is_that_of_the_play)
{
    small_cluster made;
    uint32_t devices[MEMBERS_MAX], compared_count = 0;
    const gw_cluster *cluster = make_cluster(&made, (uint32_t)_i);
    list_devices(devices, cluster->device_count);
    for (uint32_t i = 0; gw_rounds_algorithms[i] != NULL; i++) {
        for (uint32_t k = 0; k < G_N_ELEMENTS(kinds) * G_N_ELEMENTS(sizes_bytes); k++) {
            const gw_operation_kind kind = kinds[k % G_N_ELEMENTS(kinds)];
            const uint64_t size_bytes = sizes_bytes[k / G_N_ELEMENTS(kinds)];
            g_autoptr(gw_rounds) rounds =
                plan_over_all(gw_rounds_algorithms[i]->name, cluster, devices, kind, size_bytes);
            if (rounds == NULL) {
                continue;
            }
            const double analytic_ns = (double)gw_rounds_path_ns(rounds, cluster, devices);
            const double played_ns = (double)play_alone(cluster, rounds, devices);
            ck_assert_msg(fabs(played_ns - analytic_ns) <= 0.02 * analytic_ns,
                          "shape %d, %s, kind %d, %u bytes: analytic %.0f, played %.0f", _i,
                          gw_rounds_algorithms[i]->name, (int)kind, (unsigned)size_bytes,
                          analytic_ns, played_ns);
            compared_count++;
        }
    }
    ck_assert_uint_ge(compared_count, 27);
    small_cluster_clear(&made);
}
END_TEST

/* The textbook's ring: 2 (n-1) rounds of a hop and S/n over one link.  Tolerance: none, but for
 * rounding up once a round. */
START_TEST(ring_all_reduce_is_the_textbooks)
{
    for (uint32_t count = 2; count <= 64; count *= 2) {
        small_cluster made;
        uint32_t devices[MEMBERS_MAX];
        const gw_cluster *cluster = small_cluster_of(&made, count, 1, 1, 1);
        list_devices(devices, count);
        g_autoptr(gw_rounds) ring =
            plan_over_all("ring", cluster, devices, GW_OPERATION_ALL_REDUCE, 1 << 20);
        ck_assert_uint_eq(gw_rounds_transfer_count(ring), 2 * (count - 1) * count);
        const double round_ns = 1000 + (double)(1 << 20) / count / 50;
        const double played_ns = (double)play_alone(cluster, ring, devices);
        ck_assert_double_ge(played_ns, 2 * (count - 1) * round_ns);
        ck_assert_double_le(played_ns, 2 * (count - 1) * (round_ns + 1));
        small_cluster_clear(&made);
    }
}
END_TEST

/* The multi-ring against the closed form that devices are priced with (collective.c), where the
 * torus has one length on all its axes.  Tolerance 2 %: as above. */
START_TEST(torus_all_gather_is_the_closed_form)
{
    small_cluster made;
    uint32_t devices[MEMBERS_MAX];
    const gw_cluster *cluster = make_cluster(&made, (uint32_t)_i);
    list_devices(devices, cluster->device_count);
    const gw_operation_kind gatherings[] = {GW_OPERATION_ALL_GATHER, GW_OPERATION_REDUCE_SCATTER};
    for (uint32_t i = 0; i < G_N_ELEMENTS(gatherings); i++) {
        g_autoptr(gw_rounds) rounds =
            plan_over_all("torus", cluster, devices, gatherings[i], 1 << 24);
        ck_assert_ptr_nonnull(rounds);
        const gw_collective collective = {.kind = gatherings[i],
                                          .size_bytes = 1 << 24,
                                          .member_count = cluster->device_count,
                                          .devices = devices};
        const double closed_ns = (double)(gw_collective_ns(cluster, &collective) -
                                          made.accelerators[0].collective_overhead_ns);
        const double played_ns = (double)play_alone(cluster, rounds, devices);
        ck_assert_double_eq_tol(played_ns, closed_ns, 0.02 * closed_ns);
    }
    small_cluster_clear(&made);
}
END_TEST

/* All to all on a torus: half of one half's data has to cross to the other half (the bisection),
 * and routes along dimensions reach that bound where all axes are alike.  Also on a switch, where
 * ports are the bound.  Tolerance 2 %: the last messages' hops overlap with nobody's bytes. */
START_TEST(all_to_all_is_the_bisection_bound)
{
    small_cluster made;
    uint32_t devices[MEMBERS_MAX];
    const gw_cluster *cluster = make_cluster(&made, (uint32_t)_i);
    list_devices(devices, cluster->device_count);
    if (shapes[_i].wrapped != 0 || shapes[_i].is_switched) {
        g_autoptr(gw_rounds) rounds =
            plan_over_all("direct", cluster, devices, GW_OPERATION_ALL_TO_ALL, 1 << 26);
        const gw_collective collective = {.kind = GW_OPERATION_ALL_TO_ALL,
                                          .size_bytes = 1 << 26,
                                          .member_count = cluster->device_count,
                                          .devices = devices};
        const double closed_ns = (double)(gw_collective_ns(cluster, &collective) -
                                          made.accelerators[0].collective_overhead_ns);
        const double played_ns = (double)play_alone(cluster, rounds, devices);
        ck_assert_double_eq_tol(played_ns, closed_ns, 0.02 * closed_ns);
    }
    small_cluster_clear(&made);
}
END_TEST

/* Two groups, the even and the odd places of a ring of 16: each sends over two links at a time and
 * meets the other there.  Alone, a round is two hops and a chunk over a link; together, over half
 * of one.  Tolerance: rounding, once a round. */
START_TEST(groups_that_meet_share)
{
    small_cluster made;
    const gw_cluster *cluster = small_cluster_of(&made, 16, 1, 1, 1);
    uint32_t devices[2][8];
    for (uint32_t i = 0; i < 16; i++) {
        devices[i % 2][i / 2] = i;
    }
    const gw_collective collective = {.kind = GW_OPERATION_ALL_GATHER,
                                      .size_bytes = 1 << 20,
                                      .member_count = 8,
                                      .devices = devices[0]};
    g_autoptr(gw_rounds) ring =
        gw_rounds_plan(gw_rounds_algorithm_find("ring"), cluster, &collective);
    const gw_rounds_cast casts[] = {{ring, devices[0]}, {ring, devices[1]}};
    gw_span alone_ns, together_ns[2];
    gw_rounds_play(cluster, casts, 1, &alone_ns);
    gw_rounds_play(cluster, casts, 2, together_ns);
    const double chunk_ns = (double)(1 << 20) / 50;
    ck_assert_double_eq_tol((double)alone_ns, 7 * (2000 + chunk_ns), 7);
    ck_assert_double_eq_tol((double)together_ns[0], 7 * (2000 + 2 * chunk_ns), 7);
    ck_assert_uint_eq(together_ns[0], together_ns[1]);
    small_cluster_clear(&made);
}
END_TEST

/* Short messages are bound by latency and long ones by bandwidth, so another algorithm is best for
 * each: on a switch of 16, everything to everybody in one hop against the ring's 30. */
START_TEST(best_algorithm_depends_on_size)
{
    small_cluster made;
    uint32_t devices[MEMBERS_MAX];
    const gw_cluster *cluster = make_cluster(&made, G_N_ELEMENTS(shapes) - 1);
    list_devices(devices, 16);
    const uint64_t sizes[] = {256, 1 << 26};
    gw_span spans_ns[2][2];
    for (uint32_t i = 0; i < 2; i++) {
        g_autoptr(gw_rounds) direct =
            plan_over_all("direct", cluster, devices, GW_OPERATION_ALL_REDUCE, sizes[i]);
        g_autoptr(gw_rounds) ring =
            plan_over_all("ring", cluster, devices, GW_OPERATION_ALL_REDUCE, sizes[i]);
        spans_ns[i][0] = gw_rounds_ns(direct, cluster, devices);
        spans_ns[i][1] = gw_rounds_ns(ring, cluster, devices);
    }
    ck_assert_uint_lt(10 * spans_ns[0][0], spans_ns[0][1]);
    ck_assert_uint_gt(spans_ns[1][0], 5 * spans_ns[1][1]);
    small_cluster_clear(&made);
}
END_TEST

/* A scenario's word for an algorithm leads to the one of that name. */
START_TEST(scenario_names_the_table)
{
    for (uint32_t i = 0; gw_rounds_algorithms[i] != NULL; i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *text = g_strdup_printf(
            "{\"name\": \"a\", \"cluster\": {\"islands\": [{\"hosts\": 1, \"devices_per_host\": 8,"
            " \"accelerator\": \"%s/configs/accelerators/h100.json\", \"collectives\": \"%s\"}]},"
            " \"jobs\": [{\"name\": \"a\", \"workload\": \"chain\","
            " \"parameters\": {\"devices\": 8}}]}",
            GW_SOURCE_DIR, gw_rounds_algorithms[i]->name);
        g_autoptr(gw_scenario) scenario = gw_scenario_parse(text, "test", &error);
        ck_assert_msg(scenario != NULL, "%s", error != NULL ? error->message : "no error");
        ck_assert_uint_eq(scenario->cluster.islands[0].collectives, GW_ALGORITHM_DIRECT + i);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rounds");
    TCase *cases = tcase_create("rounds");
    tcase_set_timeout(cases, 60);
    tcase_add_loop_test(cases, analytic_time_is_that_of_the_play, 0, G_N_ELEMENTS(shapes));
    tcase_add_test(cases, ring_all_reduce_is_the_textbooks);
    tcase_add_loop_test(cases, torus_all_gather_is_the_closed_form, 0, 8);
    tcase_add_loop_test(cases, all_to_all_is_the_bisection_bound, 0, G_N_ELEMENTS(shapes));
    tcase_add_test(cases, groups_that_meet_share);
    tcase_add_test(cases, best_algorithm_depends_on_size);
    tcase_add_test(cases, scenario_names_the_table);
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
