/* SPDX-License-Identifier: Apache-2.0 */
/* Every link of a cluster that transfers can meet on, numbered, and which of them a transfer
 * crosses: links of the torus, or a device's two ports on a switch; each device's memory and its
 * PCIe, each way; each host's network cards, each way, and what the host can carry in all; each
 * island's way into the DCN; of islands of nodes also each host's rails, each way, and what the
 * network between them carries in all.  docs/MODEL.md, "Interconnect", "GPU clusters" and "Host and
 * DCN". */
#pragma once

#include "topology/max_min.h"
#include "topology/route.h"

typedef struct {
    const gw_cluster *cluster;                                               /* Borrowed. */
    uint32_t first_memory, first_pcie, first_card, first_host, first_uplink; /* Links' numbers. */
    uint32_t first_rail, first_core;
    uint32_t link_count;
    uint32_t cards_per_host, rails_per_host; /* Of any host: the most. */
    uint32_t hop_count_max;                  /* Of any path. */
    uint32_t *links;                         /* Room for the route that is walked. */
} gw_wires;

/* A cluster that scenario/ has let through has fewer than 2^32 links. */
void gw_wires_init(gw_wires *wires, const gw_cluster *cluster);
void gw_wires_clear(gw_wires *wires);

typedef struct {
    gw_span latency_ns;
    double rate_bytes_per_s;  /* Of the narrowest link, or `limit`. */
    double limit_bytes_per_s; /* It takes no more, however wide its links are; INFINITY: it does. */
    uint32_t hop_count;
} gw_wires_path;

/* `out_hops` has room for `hop_count_max`, capacities are in bytes/s.  Two devices' transfer (one
 * device's: over its own memory; `takes_negative` as in gw_route_trace()), and one over a device's
 * PCIe to its host or from it. */
gw_wires_path gw_wires_between(const gw_wires *wires, gw_device_id source, gw_device_id target,
                               bool takes_negative, gw_max_min_hop *out_hops);
/* The same of one of the flows that two devices of different islands have (flows.h), and the rate
 * of `count` of them together, from the first on, when they carry as much each and nobody else is
 * on their way. */
gw_wires_path gw_wires_flow(const gw_wires *wires, gw_device_id source, gw_device_id target,
                            uint32_t flow, gw_max_min_hop *out_hops);
double gw_wires_flows_rate(const gw_wires *wires, gw_device_id source, gw_device_id target,
                           uint32_t count);
gw_wires_path gw_wires_to_host(const gw_wires *wires, gw_device_id device, bool is_from_host,
                               gw_max_min_hop *out_hops);
