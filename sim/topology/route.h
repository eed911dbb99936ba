/* SPDX-License-Identifier: Apache-2.0 */
/* Which links lie between two devices: dimension-ordered on a torus (dimension 0 first), the
 * shorter way round where a dimension is a ring (the positive way on a tie); through a switch, the
 * port of the one and that of the other; over PCIe, rail and network between nodes of an island;
 * over PCIe, NIC and DCN between islands.  docs/MODEL.md, "Interconnect", "GPU clusters" and "Host
 * and DCN". */
#pragma once

#include "topology/cluster.h"

/* ICI links are numbered 6 per device, 2 * dimension + (0: positive, 1: negative direction), by
 * the device that sends; on a switch, 0 is the device's port into it and 1 that out of it. */
#define GW_ROUTE_LINKS_PER_DEVICE (2 * GW_ISLAND_DIMS_MAX)

typedef enum { GW_ROUTE_SELF = 1, GW_ROUTE_ICI, GW_ROUTE_DCN, GW_ROUTE_RAIL } gw_route_kind;

typedef struct {
    gw_route_kind kind;
    uint32_t hop_count;      /* ICI links, one after the other; through a switch 2. */
    gw_span latency_ns;      /* Of all hops; DCN, RAIL: both PCIe crossings and the network. */
    double rate_bytes_per_s; /* Of the narrowest part; SELF: device memory, read and written. */
} gw_route;

/* Pure. */
gw_route gw_route_between(const gw_cluster *cluster, gw_device_id source, gw_device_id target);

/* With the links of an ICI route, in the order in which they are crossed: their count is the
 * route's hop_count, and the first `capacity` are written to `out_links`.  For all others there are
 * none. `takes_negative`: on a tie of both ways round a ring, the negative one. */
gw_route gw_route_trace(const gw_cluster *cluster, gw_device_id source, gw_device_id target,
                        bool takes_negative, uint32_t *out_links, uint32_t capacity);
