/* SPDX-License-Identifier: Apache-2.0 */
/* Routes on lines, rings and tori, and over the DCN, against distances worked out by hand and by
 * a search that tries every way. */
#include <check.h>
#include <signal.h>

#include "node_cluster.h"
#include "run_suite.h"
#include "topology/route.h"

#define LINKS_MAX 64

static gw_device_id at(uint32_t index)
{
    return (gw_device_id){index};
}

static uint32_t link_of(uint32_t device, uint32_t dimension, bool is_negative)
{
    return 6 * device + 2 * dimension + (is_negative ? 1 : 0);
}

/* How many links the route has; the first `capacity` in `out_links`. */
static uint32_t trace_links(const gw_cluster *cluster, gw_device_id source, gw_device_id target,
                            uint32_t *out_links, uint32_t capacity)
{
    return gw_route_trace(cluster, source, target, false, out_links, capacity).hop_count;
}

START_TEST(neighbours_are_one_hop_apart)
{
    small_cluster made;
    const gw_cluster *cluster = small_cluster_of(&made, 8, 1, 1, 1);
    const gw_route route = gw_route_between(cluster, at(2), at(3));
    ck_assert_uint_eq(route.kind, GW_ROUTE_ICI);
    ck_assert_uint_eq(route.hop_count, 1);
    ck_assert_uint_eq(route.latency_ns, 1000);
    ck_assert_double_eq_tol(route.rate_bytes_per_s, 50e9, 1);
    uint32_t links[LINKS_MAX];
    ck_assert_uint_eq(trace_links(cluster, at(2), at(3), links, LINKS_MAX), 1);
    ck_assert_uint_eq(links[0], link_of(2, 0, false));
    ck_assert_uint_eq(trace_links(cluster, at(3), at(2), links, LINKS_MAX), 1);
    ck_assert_uint_eq(links[0], link_of(3, 0, true));
    small_cluster_clear(&made);
}
END_TEST

START_TEST(self_goes_over_no_link)
{
    small_cluster made;
    const gw_cluster *cluster = small_cluster_of(&made, 4, 4, 1, 3);
    const gw_route route = gw_route_between(cluster, at(5), at(5));
    ck_assert_uint_eq(route.kind, GW_ROUTE_SELF);
    ck_assert_uint_eq(route.hop_count, 0);
    ck_assert_uint_eq(route.latency_ns, 0);
    ck_assert_double_eq_tol(route.rate_bytes_per_s, 250e9, 1);
    ck_assert_uint_eq(trace_links(cluster, at(5), at(5), NULL, 0), 0);
    small_cluster_clear(&made);
}
END_TEST

START_TEST(ring_takes_the_shorter_way_round)
{
    small_cluster made;
    const gw_cluster *cluster = small_cluster_of(&made, 8, 1, 1, 1);
    ck_assert_uint_eq(gw_route_between(cluster, at(0), at(3)).hop_count, 3);
    ck_assert_uint_eq(gw_route_between(cluster, at(0), at(5)).hop_count, 3);
    ck_assert_uint_eq(gw_route_between(cluster, at(7), at(0)).hop_count, 1);
    uint32_t links[LINKS_MAX];
    ck_assert_uint_eq(trace_links(cluster, at(1), at(6), links, LINKS_MAX), 3);
    ck_assert_uint_eq(links[0], link_of(1, 0, true));
    ck_assert_uint_eq(links[1], link_of(0, 0, true));
    ck_assert_uint_eq(links[2], link_of(7, 0, true));
    small_cluster_clear(&made);
}
END_TEST

START_TEST(tie_goes_the_positive_way)
{
    small_cluster made;
    const gw_cluster *cluster = small_cluster_of(&made, 4, 2, 1, 3);
    uint32_t links[LINKS_MAX];
    /* (0, 0) to (2, 0), and back: two hops either way. */
    ck_assert_uint_eq(trace_links(cluster, at(0), at(4), links, LINKS_MAX), 2);
    ck_assert_uint_eq(links[0], link_of(0, 0, false));
    ck_assert_uint_eq(links[1], link_of(2, 0, false));
    ck_assert_uint_eq(trace_links(cluster, at(4), at(0), links, LINKS_MAX), 2);
    ck_assert_uint_eq(links[0], link_of(4, 0, false));
    ck_assert_uint_eq(links[1], link_of(6, 0, false));
    /* A ring of two: one hop either way. */
    ck_assert_uint_eq(trace_links(cluster, at(1), at(0), links, LINKS_MAX), 1);
    ck_assert_uint_eq(links[0], link_of(1, 1, false));
    small_cluster_clear(&made);
}
END_TEST

START_TEST(tie_goes_the_negative_way_when_asked)
{
    small_cluster made;
    const gw_cluster *cluster = small_cluster_of(&made, 4, 2, 1, 3);
    uint32_t links[LINKS_MAX];
    gw_route route = gw_route_trace(cluster, at(0), at(4), true, links, LINKS_MAX);
    ck_assert_uint_eq(route.hop_count, 2);
    ck_assert_uint_eq(links[0], link_of(0, 0, true));
    ck_assert_uint_eq(links[1], link_of(6, 0, true));
    route = gw_route_trace(cluster, at(1), at(0), true, links, LINKS_MAX);
    ck_assert_uint_eq(links[0], link_of(1, 1, true));
    /* No tie: the shorter way. */
    route = gw_route_trace(cluster, at(0), at(2), true, links, LINKS_MAX);
    ck_assert_uint_eq(route.hop_count, 1);
    ck_assert_uint_eq(links[0], link_of(0, 0, false));
    small_cluster_clear(&made);
}
END_TEST

START_TEST(line_never_wraps)
{
    small_cluster made;
    const gw_cluster *cluster = small_cluster_of(&made, 8, 1, 1, 0);
    ck_assert_uint_eq(gw_route_between(cluster, at(0), at(7)).hop_count, 7);
    ck_assert_uint_eq(gw_route_between(cluster, at(0), at(7)).latency_ns, 7000);
    uint32_t links[LINKS_MAX];
    ck_assert_uint_eq(trace_links(cluster, at(7), at(5), links, LINKS_MAX), 2);
    ck_assert_uint_eq(links[0], link_of(7, 0, true));
    ck_assert_uint_eq(links[1], link_of(6, 0, true));
    small_cluster_clear(&made);
}
END_TEST

START_TEST(dimension_0_comes_first)
{
    small_cluster made;
    const gw_cluster *cluster = small_cluster_of(&made, 3, 4, 5, 0);
    uint32_t links[LINKS_MAX];
    const uint32_t source = 0, target = 1 * 20 + 1 * 5 + 2; /* (1, 1, 2) */
    ck_assert_uint_eq(trace_links(cluster, at(source), at(target), links, LINKS_MAX), 4);
    ck_assert_uint_eq(links[0], link_of(0, 0, false));
    ck_assert_uint_eq(links[1], link_of(20, 1, false));
    ck_assert_uint_eq(links[2], link_of(25, 2, false));
    ck_assert_uint_eq(links[3], link_of(26, 2, false));
    small_cluster_clear(&made);
}
END_TEST

START_TEST(links_beyond_the_capacity_are_counted_only)
{
    small_cluster made;
    const gw_cluster *cluster = small_cluster_of(&made, 8, 1, 1, 0);
    uint32_t links[3] = {99, 99, 99};
    ck_assert_uint_eq(trace_links(cluster, at(0), at(6), links, 2), 6);
    ck_assert_uint_eq(links[1], link_of(1, 0, false));
    ck_assert_uint_eq(links[2], 99);
    small_cluster_clear(&made);
}
END_TEST

/* Where `link` leads. */
static uint32_t follow_link(const gw_cluster *cluster, uint32_t link)
{
    const gw_device_id source = at(link / 6);
    const uint32_t island = cluster->island_of_device[source.index];
    const uint32_t dimension = link % 6 / 2, length = cluster->islands[island].shape[dimension];
    uint32_t where[GW_ISLAND_DIMS_MAX];
    gw_cluster_coordinates(cluster, source, where);
    const bool is_negative = link % 2 == 1;
    const uint32_t next = (where[dimension] + (is_negative ? length - 1 : 1)) % length;
    const bool is_over_the_edge = is_negative ? next > where[dimension] : next < where[dimension];
    ck_assert(!is_over_the_edge || cluster->islands[island].is_wrapped[dimension]);
    where[dimension] = next;
    return gw_cluster_device_at(cluster, island, where).index;
}

/* The fewest links from `source` to every device of a one-island cluster, by trying all. */
static void search_distances(const gw_cluster *cluster, uint32_t source, uint32_t *out_hops)
{
    for (uint32_t i = 0; i < cluster->device_count; i++) {
        out_hops[i] = i == source ? 0 : UINT32_MAX;
    }
    for (bool has_changed = true; has_changed;) {
        has_changed = false;
        for (uint32_t link = 0; link < 6 * cluster->device_count; link++) {
            const gw_cluster_island *island = &cluster->islands[0];
            uint32_t where[GW_ISLAND_DIMS_MAX];
            const uint32_t d = link % 6 / 2, end = link % 2 == 1 ? 0 : island->shape[d] - 1;
            gw_cluster_coordinates(cluster, at(link / 6), where);
            if ((where[d] == end && !island->is_wrapped[d]) || out_hops[link / 6] == UINT32_MAX) {
                continue;
            }
            const uint32_t next = follow_link(cluster, link);
            if (out_hops[link / 6] + 1 < out_hops[next]) {
                out_hops[next] = out_hops[link / 6] + 1;
                has_changed = true;
            }
        }
    }
}

/* Every pair of a torus with some wrap-around: links lead from one to the other, are as many as
 * hops, and nobody finds a shorter way.  The loop index says what is wrapped. */
START_TEST(every_route_is_a_shortest_path)
{
    small_cluster made;
    const gw_cluster *cluster = small_cluster_of(&made, 4, 3, 5, (uint32_t)_i);
    uint32_t hops[60], links[LINKS_MAX];
    for (uint32_t source = 0; source < 60; source++) {
        search_distances(cluster, source, hops);
        for (uint32_t target = 0; target < 60; target++) {
            const gw_route route = gw_route_between(cluster, at(source), at(target));
            ck_assert_uint_eq(route.hop_count, hops[target]);
            ck_assert_uint_eq(route.latency_ns, 1000 * (uint64_t)hops[target]);
            ck_assert_uint_eq(gw_route_between(cluster, at(target), at(source)).hop_count,
                              hops[target]);
            const uint32_t link_count =
                trace_links(cluster, at(source), at(target), links, LINKS_MAX);
            ck_assert_uint_eq(link_count, route.hop_count);
            uint32_t here = source;
            for (uint32_t k = 0; k < link_count; k++) {
                ck_assert_uint_eq(links[k] / 6, here);
                here = follow_link(cluster, links[k]);
            }
            ck_assert_uint_eq(here, target);
        }
    }
    small_cluster_clear(&made);
}
END_TEST

START_TEST(islands_meet_over_pcie_and_dcn)
{
    small_cluster made;
    small_cluster_init(&made);
    small_cluster_add(&made, 4, 1, 1, 1);
    gw_accelerator *other = small_cluster_add(&made, 2, 1, 1, 0);
    other->pcie_latency_ns = 500;
    other->pcie_bytes_per_s = 2e9;
    const gw_cluster *cluster = small_cluster_build(&made);
    const gw_route route = gw_route_between(cluster, at(1), at(4));
    ck_assert_uint_eq(route.kind, GW_ROUTE_DCN);
    ck_assert_uint_eq(route.hop_count, 0);
    ck_assert_uint_eq(route.latency_ns, 3000 + 20000 + 500);
    ck_assert_double_eq_tol(route.rate_bytes_per_s, 2e9, 1);
    other->pcie_bytes_per_s = 20e9; /* Now the NIC is the narrowest part. */
    ck_assert_double_eq_tol(gw_route_between(cluster, at(4), at(1)).rate_bytes_per_s, 5e9, 1);
    uint32_t links[LINKS_MAX];
    ck_assert_uint_eq(trace_links(cluster, at(1), at(4), links, LINKS_MAX), 0);
    small_cluster_clear(&made);
}
END_TEST

START_TEST(nodes_meet_over_rails)
{
    small_cluster made;
    const node_shape shape = {2, 4, 2, 5e9};
    const gw_cluster *cluster = node_cluster_of(&made, &shape);
    const gw_route inside = gw_route_between(cluster, (gw_device_id){4}, (gw_device_id){7});
    ck_assert_int_eq(inside.kind, GW_ROUTE_ICI);
    ck_assert_uint_eq(inside.hop_count, 2);
    const gw_route across = gw_route_between(cluster, (gw_device_id){3}, (gw_device_id){4});
    ck_assert_int_eq(across.kind, GW_ROUTE_RAIL);
    ck_assert_uint_eq(across.hop_count, 0);
    ck_assert_uint_eq(across.latency_ns, 3000 + 4000 + 3000);
    ck_assert_double_eq(across.rate_bytes_per_s, 5e9);
    small_cluster_clear(&made);
    made.islands[0].network.oversubscription = 8; /* 20e9 over 8. */
    cluster = small_cluster_build(&made);
    ck_assert_double_eq(
        gw_route_between(cluster, (gw_device_id){3}, (gw_device_id){4}).rate_bytes_per_s, 2.5e9);
    small_cluster_clear(&made);
}
END_TEST

START_TEST(route_to_nowhere_aborts)
{
    small_cluster made;
    const gw_cluster *cluster = small_cluster_of(&made, 4, 1, 1, 1);
    gw_route_between(cluster, at(0), at(4));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("route");
    TCase *cases = tcase_create("route");
    tcase_add_test(cases, nodes_meet_over_rails);
    tcase_add_test(cases, neighbours_are_one_hop_apart);
    tcase_add_test(cases, self_goes_over_no_link);
    tcase_add_test(cases, ring_takes_the_shorter_way_round);
    tcase_add_test(cases, tie_goes_the_positive_way);
    tcase_add_test(cases, tie_goes_the_negative_way_when_asked);
    tcase_add_test(cases, line_never_wraps);
    tcase_add_test(cases, dimension_0_comes_first);
    tcase_add_test(cases, links_beyond_the_capacity_are_counted_only);
    tcase_add_loop_test(cases, every_route_is_a_shortest_path, 0, 8);
    tcase_add_test(cases, islands_meet_over_pcie_and_dcn);
    tcase_add_test_raise_signal(cases, route_to_nowhere_aborts, SIGABRT);
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
