/* SPDX-License-Identifier: Apache-2.0 */
/* GPU clusters against published measurements of NCCL.  The efficiencies in configs/ come from the
 * same publications, one latency and one bandwidth for each level, so this holds the shape of the
 * model to account: sizes, numbers of devices and nodes that no figure was fitted to alone. */
#include <check.h>
#include <math.h>

#include "accel/collective.h"
#include "accelerator_file.h"
#include "run_suite.h"
#include "scenario/scenario_private.h"
#include "small_cluster.h"

#define NODE_DEVICES 8

/* Nodes of eight of the accelerator, with `nics` cards each of a file of configs/networks. */
static const gw_cluster *nodes_of_files(small_cluster *made, const char *accelerator,
                                        const char *network, uint32_t hosts, uint32_t nics)
{
    g_autofree char *path = g_strdup_printf("%s/configs/networks/%s.json", GW_SOURCE_DIR, network);
    gw_network_figures figures;
    small_cluster_init(made);
    *small_cluster_add(made, hosts * NODE_DEVICES, 1, 1, 0) = accelerator_file_read(accelerator);
    ck_assert(gw_network_load(path, &figures, NULL));
    gw_island_spec *island = &made->islands[0];
    island->host_count = hosts;
    island->devices_per_host = NODE_DEVICES;
    island->is_switched = true;
    island->network =
        (gw_network){.nics_per_host = nics,
                     .nic_bytes_per_s = figures.nic_bytes_per_s * figures.nic_efficiency,
                     .latency_ns = figures.latency_ns,
                     .oversubscription = 1};
    return small_cluster_build(made);
}

static void clear_files(small_cluster *made)
{
    small_cluster_clear(made);
    g_free(made->accelerators[0].name);
}

/* Of an all-reduce over the first `count` devices, start-up and all. */
static double all_reduce_seconds(const gw_cluster *cluster, uint32_t count, uint64_t size_bytes,
                                 gw_algorithm_kind algorithm)
{
    uint32_t devices[2 * NODE_DEVICES];
    ck_assert_uint_le(count, G_N_ELEMENTS(devices));
    for (uint32_t i = 0; i < count; i++) {
        devices[i] = i;
    }
    const gw_collective collective = {.kind = GW_OPERATION_ALL_REDUCE,
                                      .size_bytes = size_bytes,
                                      .member_count = count,
                                      .devices = devices};
    return 1e-9 * (double)gw_collective_ns_by(cluster, &collective, algorithm);
}

/* 2 (n-1)/n S over the time: what nccl-tests call bus bandwidth. */
static double bus_bytes_per_s(const gw_cluster *cluster, uint32_t count,
                              gw_algorithm_kind algorithm)
{
    const uint64_t size_bytes = UINT64_C(1) << 33;
    return 2 * (count - 1.0) / count * (double)size_bytes /
           all_reduce_seconds(cluster, count, size_bytes, algorithm);
}

/* --- One node of A100 --- */

/* Medians measured on one DGX A100 (microsoft/vidur, data/profiling/network, a100_dgx, MIT), of
 * 2^20 to 2^26 bytes: microseconds by the number of devices. */
static const struct {
    uint32_t count;
    double spans_us[7];
} measured[] = {
    {2, {47, 54, 63, 95, 139, 247, 430}},
    {4, {64, 53, 85, 123, 200, 319, 603}},
    {8, {64, 70, 99, 155, 274, 411, 675}},
};

/* Over all 2616 sizes of 1 MB and more that were measured it is 6.4 %, most of them large.
 * Tolerance 12 % for these, of which small ones are as many as large ones, and 45 % for the worst,
 * 1 MB, where the library was in 39 to 64 us from one size to the next. */
START_TEST(one_node_takes_as_long_as_measured)
{
    small_cluster made;
    const gw_cluster *cluster = nodes_of_files(&made, "a100", "infiniband_hdr", 1, 8);
    double sum = 0, worst = 0;
    for (uint32_t i = 0; i < G_N_ELEMENTS(measured); i++) {
        for (uint32_t k = 0; k < G_N_ELEMENTS(measured[i].spans_us); k++) {
            const double ours = all_reduce_seconds(cluster, measured[i].count,
                                                   UINT64_C(1) << (20 + k), GW_ALGORITHM_AUTO);
            const double apart = fabs(log(ours / (1e-6 * measured[i].spans_us[k])));
            sum += apart;
            worst = MAX(worst, apart);
        }
    }
    ck_assert_double_lt(exp(sum / 21) - 1, 0.12);
    ck_assert_double_lt(exp(worst) - 1, 0.45);
    clear_files(&made);
}
END_TEST

/* What nothing was fitted to: messages of a GB on 8 devices, 200 to 232 GB/s (NVIDIA/nccl, issue
 * 583 and others).  Tolerance: that range. */
START_TEST(large_messages_have_the_published_bus_bandwidth)
{
    small_cluster made;
    const gw_cluster *cluster = nodes_of_files(&made, "a100", "infiniband_hdr", 1, 8);
    const uint64_t size_bytes = UINT64_C(1) << 30;
    const double found =
        1.75 * (double)size_bytes / all_reduce_seconds(cluster, 8, size_bytes, GW_ALGORITHM_AUTO);
    ck_assert_double_ge(found, 200e9);
    ck_assert_double_le(found, 232e9);
    clear_files(&made);
}
END_TEST

/* --- Two nodes --- */

/* Two hosts of 8 A100 and 4 cards of 200 Gb/s: 86 to 91 GB/s of 100 (NVIDIA/nccl, issues), from
 * which the card's efficiency is, by a ring, as the library had them.  Tolerance: that range, and
 * 1 % above.  A hierarchy, which sends less from host to host, is faster, by no more than 12 %. */
START_TEST(two_nodes_of_a100_have_the_published_bus_bandwidth)
{
    small_cluster made;
    const gw_cluster *cluster = nodes_of_files(&made, "a100", "infiniband_hdr", 2, 4);
    const gw_algorithm_kind algorithms[] = {GW_ALGORITHM_AUTO, GW_ALGORITHM_RING};
    for (uint32_t i = 0; i < 2; i++) {
        const double found = bus_bytes_per_s(cluster, 16, algorithms[i]);
        ck_assert_double_ge(found, 86e9);
        ck_assert_double_le(found, (algorithms[i] == GW_ALGORITHM_RING ? 1.01 : 1.12) * 91e9);
    }
    clear_files(&made);
}
END_TEST

/* H100: 476 GB/s where the switch adds up, about 370 for a ring in one node (NVIDIA/nccl-tests,
 * issue 212); over nodes 46 to 48 GB/s for each card of 400 Gb/s, which a ring over all rails
 * shares.  Tolerance 2 % in a node, "about" has two digits; the range over nodes. */
START_TEST(h100_has_the_published_bus_bandwidths)
{
    small_cluster made;
    const gw_cluster *cluster = nodes_of_files(&made, "h100", "infiniband_ndr", 2, 8);
    ck_assert_double_eq_tol(bus_bytes_per_s(cluster, 8, GW_ALGORITHM_AUTO), 476e9, 0.02 * 476e9);
    made.accelerators[0].switch_reduction_efficiency = 0;
    ck_assert_double_eq_tol(bus_bytes_per_s(cluster, 8, GW_ALGORITHM_AUTO), 370e9, 0.02 * 370e9);
    const double ring = bus_bytes_per_s(cluster, 16, GW_ALGORITHM_RING);
    ck_assert_double_ge(ring / 8, 46e9);
    ck_assert_double_le(ring / 8, 48e9);
    clear_files(&made);
}
END_TEST

/* Small messages are bound by latency, large ones by bandwidth: between is the size at which both
 * take as long, alpha B, and with chunks four times what a message of nothing does; of a DGX A100 a
 * few MB, as in the measurements above, where 2 MB take less than twice what 1 MB do and 64 MB
 * almost twice what 32 MB do.  Tolerance: a factor of two. */
START_TEST(crossover_is_where_it_was_measured)
{
    small_cluster made;
    const gw_cluster *cluster = nodes_of_files(&made, "a100", "infiniband_hdr", 1, 8);
    const double floor = all_reduce_seconds(cluster, 8, 8, GW_ALGORITHM_AUTO);
    uint64_t size_bytes = 8;
    while (all_reduce_seconds(cluster, 8, size_bytes, GW_ALGORITHM_AUTO) < 4 * floor) {
        size_bytes *= 2;
    }
    /* 100 us are four times what was measured of 10 kB on 8 devices, 25: about 4 MB. */
    ck_assert_uint_ge(size_bytes, 2 << 20);
    ck_assert_uint_le(size_bytes, 8 << 20);
    clear_files(&made);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("nccl");
    TCase *cases = tcase_create("nccl");
    tcase_add_test(cases, one_node_takes_as_long_as_measured);
    tcase_add_test(cases, large_messages_have_the_published_bus_bandwidth);
    tcase_add_test(cases, two_nodes_of_a100_have_the_published_bus_bandwidth);
    tcase_add_test(cases, h100_has_the_published_bus_bandwidths);
    tcase_add_test(cases, crossover_is_where_it_was_measured);
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
