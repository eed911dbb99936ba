/* SPDX-License-Identifier: Apache-2.0 */
/* Clusters of nodes for tests, on small_cluster.h's accelerator: a port carries 100 bytes/ns, PCIe
 * 10 with 3000 ns, and between two cards are 4000 ns.  Header only. */
#pragma once

#include "small_cluster.h"

typedef struct {
    uint32_t hosts, devices_per_host, nics;
    double nic_bytes_per_s;
} node_shape;

/* One island of them, built. */
static inline const gw_cluster *node_cluster_of(small_cluster *made, const node_shape *shape)
{
    small_cluster_init(made);
    small_cluster_add(made, shape->hosts * shape->devices_per_host, 1, 1, 0);
    gw_island_spec *island = &made->islands[0];
    island->host_count = shape->hosts;
    island->devices_per_host = shape->devices_per_host;
    island->is_switched = true;
    island->network = (gw_network){.nics_per_host = shape->nics,
                                   .nic_bytes_per_s = shape->nic_bytes_per_s,
                                   .latency_ns = 4000,
                                   .oversubscription = 1};
    return small_cluster_build(made);
}
