/* SPDX-License-Identifier: Apache-2.0 */
/* Who is where: what every node knows of the cluster before it starts, and nothing that changes.
 *
 * Nodes are numbered hosts first (island by island), then one scheduler per island, then the
 * resource manager, then one client per job.  Devices are numbered host by host. */
#pragma once

#include <glib.h>

#include "base/units.h"

typedef struct {
    uint32_t first_host, host_count;
    uint32_t devices_per_host;
    uint32_t first_device, device_count;
    uint32_t shape[3];    /* The devices' torus, first_device at the origin, last dimension fastest;
                             unused dimensions are 1. */
    bool is_wrapped[3];   /* A ring in that dimension; else a line. */
    uint32_t accelerator; /* Which kind its devices are: equal numbers, equal kinds. */
    uint64_t hbm_bytes;   /* Of one device. */
    uint64_t host_memory_bytes; /* Of one host, for buffers that are spilled. */
} gw_island;

typedef struct {
    gw_island *islands;
    uint32_t island_count;
    uint32_t host_count, device_count, job_count;
} gw_directory;

/* `islands` needs host_count, devices_per_host, shape, is_wrapped, accelerator and hbm_bytes; the
 * rest is worked out.  Copied.  Sizes are checked before (scenario/). */
gw_directory *gw_directory_new(const gw_island *islands, uint32_t island_count, uint32_t job_count);
void gw_directory_free(gw_directory *directory);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(gw_directory, gw_directory_free)

uint32_t gw_directory_node_count(const gw_directory *directory);
gw_node_id gw_directory_host(const gw_directory *directory, gw_device_id device);
uint32_t gw_directory_island(const gw_directory *directory, gw_device_id device);
uint32_t gw_directory_island_of_host(const gw_directory *directory, gw_node_id host);
/* How many devices the host has, and the first of them. */
uint32_t gw_directory_devices_of_host(const gw_directory *directory, gw_node_id host,
                                      uint32_t *out_first);
gw_node_id gw_directory_scheduler(const gw_directory *directory, uint32_t island);
gw_node_id gw_directory_resources(const gw_directory *directory);
gw_node_id gw_directory_client(const gw_directory *directory, uint32_t job);

typedef enum {
    GW_ROLE_EXECUTOR = 1,
    GW_ROLE_SCHEDULER,
    GW_ROLE_RESOURCES,
    GW_ROLE_CLIENT,
} gw_role;
/* What `node` is, and which one of that kind (host, island, 0, job). */
gw_role gw_directory_role(const gw_directory *directory, gw_node_id node, uint32_t *out_index);
