/* SPDX-License-Identifier: Apache-2.0 */
/* Clusters for tests, of one kind of accelerator with round figures.  Header only. */
#pragma once

#include "topology/cluster.h"

#define SMALL_ISLANDS_MAX 4

/* One link carries 50 bytes/ns, device memory 500, PCIe 10; the DCN's NICs carry 5. */
static inline gw_accelerator small_accelerator(void)
{
    return (gw_accelerator){
        .name = (char *)"small",
        .peak_flops = 100e12,
        .vector_flops = 1e12,
        .hbm_bytes = 1 << 30,
        .hbm_bytes_per_s = 1000e9,
        .matmul_efficiency = 0.5,
        .hbm_efficiency = 0.5,
        .kernel_overhead_ns = 700,
        .link_bytes_per_s = 100e9,
        .link_efficiency = 0.5,
        .hop_latency_ns = 1000,
        .collective_overhead_ns = 2000,
        .pcie_latency_ns = 3000,
        .pcie_bytes_per_s = 10e9,
        .busy_watts = 100,
        .idle_watts = 50,
    };
}

/* Where the rest points into: it stays in its place. */
typedef struct {
    gw_accelerator accelerators[SMALL_ISLANDS_MAX];
    gw_island_spec islands[SMALL_ISLANDS_MAX];
    gw_cluster_spec spec;
    gw_cluster *cluster; /* Made by small_cluster_build. */
} small_cluster;

static inline void small_cluster_init(small_cluster *made)
{
    *made = (small_cluster){
        .spec = {.dcn_latency_ns = 20000, .dcn_bytes_per_s = 5e9, .local_latency_ns = 100}};
    made->spec.accelerators = made->accelerators;
    made->spec.islands = made->islands;
}

/* Adds an island of shape a x b x c, one device a host, dimensions above the last that is not 1
 * unused; bit d of `wrapped` makes dimension d a ring.  Returns its accelerator, to be changed. */
static inline gw_accelerator *small_cluster_add(small_cluster *made, uint32_t a, uint32_t b,
                                                uint32_t c, uint32_t wrapped)
{
    const uint32_t index = made->spec.island_count++;
    made->spec.accelerator_count = made->spec.island_count;
    made->accelerators[index] = small_accelerator();
    made->islands[index] = (gw_island_spec){
        .accelerator = index,
        .host_count = a * b * c,
        .devices_per_host = 1,
        .shape = {a, b, c},
        .dims = c > 1   ? 3
                : b > 1 ? 2
                        : 1,
        .is_wrapped = {(wrapped & 1) != 0, (wrapped & 2) != 0, (wrapped & 4) != 0},
    };
    return &made->accelerators[index];
}

static inline const gw_cluster *small_cluster_build(small_cluster *made)
{
    made->cluster = gw_cluster_new(&made->spec);
    return made->cluster;
}

/* One island and nothing else. */
static inline const gw_cluster *small_cluster_of(small_cluster *made, uint32_t a, uint32_t b,
                                                 uint32_t c, uint32_t wrapped)
{
    small_cluster_init(made);
    small_cluster_add(made, a, b, c, wrapped);
    return small_cluster_build(made);
}

static inline void small_cluster_clear(small_cluster *made)
{
    gw_cluster_free(made->cluster);
    made->cluster = NULL;
}
