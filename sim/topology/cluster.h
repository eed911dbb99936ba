/* SPDX-License-Identifier: Apache-2.0 */
/* The cluster as wired: islands, hosts, devices and their coordinates.  Const once built.
 *
 * Devices are numbered island by island and host by host.  An island's devices fill its torus in
 * row-major order: the island's first device is the origin, the last dimension runs fastest. */
#pragma once

#include <glib.h>

#include "program/machine.h"

#define GW_ISLAND_DIMS_MAX 3

typedef struct {
    uint32_t first_host, host_count;
    uint32_t first_device, device_count, devices_per_host;
    uint32_t dims, shape[GW_ISLAND_DIMS_MAX]; /* Unused dimensions are 1. */
    bool is_wrapped[GW_ISLAND_DIMS_MAX];
    bool is_switched; /* No torus, and coordinates say nothing of who is near. */
    const gw_accelerator *accelerator;
    gw_algorithm_kind collectives;
    /* Not 0: each host is a node, whose devices have a switch of their own, and nodes are joined
     * by rails.  Devices of a host share its rails in parts of equal size; a rail is one NIC, or
     * those of one device together, of which a single transfer gets as many as it has flows.  All
     * rails meet in the core, whose rate 0 is no limit. */
    uint32_t rails_per_host;
    double rail_bytes_per_s, flow_bytes_per_s, core_bytes_per_s; /* flow: of one transfer. */
    gw_span network_latency_ns;
    double jitter; /* Of what its devices compute (machine.h). */
} gw_cluster_island;

typedef struct {
    const gw_cluster_spec *spec; /* Borrowed. */
    gw_cluster_island *islands;
    uint32_t island_count, host_count, device_count;
    uint32_t *island_of_device; /* By device. */
    double
        *slowness; /* By device: its computing takes so many times as long; NULL: none differs. */
} gw_cluster;

/* `spec` was checked by scenario/ and is borrowed for the cluster's life. */
gw_cluster *gw_cluster_new(const gw_cluster_spec *spec);
void gw_cluster_free(gw_cluster *cluster);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(gw_cluster, gw_cluster_free)

static inline const gw_cluster_island *gw_cluster_island_of(const gw_cluster *cluster,
                                                            gw_device_id device)
{
    return &cluster->islands[cluster->island_of_device[device.index]];
}

/* The device's coordinates in its island's torus. */
void gw_cluster_coordinates(const gw_cluster *cluster, gw_device_id device,
                            uint32_t out_coordinates[GW_ISLAND_DIMS_MAX]);
gw_device_id gw_cluster_device_at(const gw_cluster *cluster, uint32_t island,
                                  const uint32_t coordinates[GW_ISLAND_DIMS_MAX]);
uint32_t gw_cluster_host_of(const gw_cluster *cluster, gw_device_id device);

/* Of an island with rails: that of the device, by place on its host. */
uint32_t gw_cluster_rail_of(const gw_cluster *cluster, gw_device_id device);
