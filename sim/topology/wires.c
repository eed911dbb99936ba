/* SPDX-License-Identifier: Apache-2.0 */
/* Links lie kind by kind, and within a kind by device, host or island; where there is one each
 * way, the outgoing one comes first.  Capacities are not stored: a path says them. */
#include "topology/wires.h"

#include <math.h>

#include "base/check.h"
#include "topology/flows.h"

#define DCN_HOPS 8 /* Four ways of two; more than memory. */

#define OUT 0
#define IN  1

void gw_wires_init(gw_wires *wires, const gw_cluster *cluster)
{
    const uint64_t device_count = cluster->device_count, host_count = cluster->host_count;
    const uint32_t cards_per_host = gw_flows_card_count(cluster);
    uint32_t hop_count_max = DCN_HOPS;
    uint32_t rails_per_host = 0;
    for (uint32_t i = 0; i < cluster->island_count; i++) {
        rails_per_host = MAX(rails_per_host, cluster->islands[i].rails_per_host);
        const uint32_t *shape = cluster->islands[i].shape;
        hop_count_max = MAX(hop_count_max, shape[0] + shape[1] + shape[2]);
    }
    const uint64_t first_memory = GW_ROUTE_LINKS_PER_DEVICE * device_count;
    const uint64_t first_pcie = first_memory + device_count;
    const uint64_t first_card = first_pcie + 2 * device_count;
    const uint64_t first_host = first_card + 2 * cards_per_host * host_count;
    const uint64_t first_uplink = first_host + 2 * host_count;
    const uint64_t first_rail = first_uplink + 2 * (uint64_t)cluster->island_count;
    const uint64_t first_core = first_rail + 2 * rails_per_host * host_count;
    const uint64_t link_count = first_core + cluster->island_count;
    gw_check(link_count < GW_INDEX_NONE);
    *wires = (gw_wires){
        .cluster = cluster,
        .first_memory = (uint32_t)first_memory,
        .first_pcie = (uint32_t)first_pcie,
        .first_card = (uint32_t)first_card,
        .first_host = (uint32_t)first_host,
        .first_uplink = (uint32_t)first_uplink,
        .first_rail = (uint32_t)first_rail,
        .first_core = (uint32_t)first_core,
        .link_count = (uint32_t)link_count,
        .cards_per_host = cards_per_host,
        .rails_per_host = rails_per_host,
        .hop_count_max = hop_count_max,
        .links = g_new(uint32_t, hop_count_max),
    };
}

void gw_wires_clear(gw_wires *wires)
{
    g_free(wires->links);
    *wires = (gw_wires){0};
}

static void add_hop(gw_wires_path *path, gw_max_min_hop *hops, uint32_t link, double capacity)
{
    hops[path->hop_count++] = (gw_max_min_hop){link, capacity};
    path->rate_bytes_per_s =
        path->hop_count == 1 ? capacity : MIN(path->rate_bytes_per_s, capacity);
}

static void add_pcie(const gw_wires *wires, gw_device_id device, uint32_t way, gw_wires_path *path,
                     gw_max_min_hop *hops)
{
    const gw_accelerator *accelerator = gw_cluster_island_of(wires->cluster, device)->accelerator;
    path->latency_ns += accelerator->pcie_latency_ns;
    add_hop(path, hops, wires->first_pcie + 2 * device.index + way, accelerator->pcie_bytes_per_s);
}

/* From a device's PCIe to the DCN's middle, or back, by a card of its host. */
static void add_dcn(const gw_wires *wires, gw_device_id device, uint32_t card_of_host, uint32_t way,
                    gw_wires_path *path, gw_max_min_hop *hops)
{
    const gw_cluster_spec *spec = wires->cluster->spec;
    const uint32_t host = gw_cluster_host_of(wires->cluster, device);
    const uint32_t card = host * wires->cards_per_host + card_of_host;
    add_hop(path, hops, wires->first_card + 2 * card + way, spec->dcn_bytes_per_s);
    if (spec->dcn_host_bytes_per_s > 0) {
        add_hop(path, hops, wires->first_host + 2 * host + way, spec->dcn_host_bytes_per_s);
    }
    if (spec->dcn_oversubscription > 1) {
        const uint32_t island = wires->cluster->island_of_device[device.index];
        const double cards =
            (double)wires->cluster->islands[island].host_count * wires->cards_per_host;
        add_hop(path, hops, wires->first_uplink + 2 * island + way,
                cards * spec->dcn_bytes_per_s / spec->dcn_oversubscription);
    }
}

gw_wires_path gw_wires_flow(const gw_wires *wires, gw_device_id source, gw_device_id target,
                            uint32_t flow, gw_max_min_hop *out_hops)
{
    const gw_cluster *cluster = wires->cluster;
    const uint32_t out = gw_flows_find_card(cluster, source, target, flow, GW_FLOWS_OUT);
    const uint32_t in = gw_flows_find_card(cluster, source, target, flow, GW_FLOWS_IN);
    gw_wires_path path = {.latency_ns = cluster->spec->dcn_latency_ns,
                          .limit_bytes_per_s = INFINITY};
    add_pcie(wires, source, OUT, &path, out_hops);
    add_dcn(wires, source, out, OUT, &path, out_hops);
    add_dcn(wires, target, in, IN, &path, out_hops);
    add_pcie(wires, target, IN, &path, out_hops);
    return path;
}

/* Flows that are alike end, at the latest, when the fullest link has carried all of its own; and
 * max-min fairness leaves none of that link unused until then. */
double gw_wires_flows_rate(const gw_wires *wires, gw_device_id source, gw_device_id target,
                           uint32_t count)
{
    gw_max_min_hop hops[DCN_HOPS];
    const gw_wires_path path = gw_wires_flow(wires, source, target, 0, hops);
    const uint32_t load = gw_flows_find_load(wires->cluster, source, target, count);
    double rate_bytes_per_s = INFINITY;
    gw_check(path.hop_count <= DCN_HOPS);
    for (uint32_t i = 0; i < path.hop_count; i++) {
        const bool is_card = hops[i].link >= wires->first_card && hops[i].link < wires->first_host;
        rate_bytes_per_s =
            MIN(rate_bytes_per_s, hops[i].capacity * (is_card ? (double)count / load : 1));
    }
    return rate_bytes_per_s;
}

static void add_rail(const gw_wires *wires, gw_device_id device, uint32_t way, gw_wires_path *path,
                     gw_max_min_hop *hops)
{
    const uint32_t rail = gw_cluster_host_of(wires->cluster, device) * wires->rails_per_host +
                          gw_cluster_rail_of(wires->cluster, device);
    add_hop(path, hops, wires->first_rail + 2 * rail + way,
            gw_cluster_island_of(wires->cluster, device)->rail_bytes_per_s);
}

static gw_wires_path cross_rails(const gw_wires *wires, gw_device_id source, gw_device_id target,
                                 gw_max_min_hop *hops)
{
    const gw_cluster_island *island = gw_cluster_island_of(wires->cluster, source);
    gw_wires_path path = {.latency_ns = island->network_latency_ns, .limit_bytes_per_s = INFINITY};
    add_pcie(wires, source, OUT, &path, hops);
    add_rail(wires, source, OUT, &path, hops);
    if (island->core_bytes_per_s > 0) {
        add_hop(&path, hops, wires->first_core + wires->cluster->island_of_device[source.index],
                island->core_bytes_per_s);
    }
    add_rail(wires, target, IN, &path, hops);
    add_pcie(wires, target, IN, &path, hops);
    if (island->flow_bytes_per_s < island->rail_bytes_per_s) {
        path.limit_bytes_per_s = island->flow_bytes_per_s;
        path.rate_bytes_per_s = MIN(path.rate_bytes_per_s, path.limit_bytes_per_s);
    }
    return path;
}

gw_wires_path gw_wires_between(const gw_wires *wires, gw_device_id source, gw_device_id target,
                               bool takes_negative, gw_max_min_hop *out_hops)
{
    const gw_route route = gw_route_trace(wires->cluster, source, target, takes_negative,
                                          wires->links, wires->hop_count_max);
    gw_wires_path path = {.latency_ns = route.latency_ns, .limit_bytes_per_s = INFINITY};
    if (route.kind == GW_ROUTE_SELF) {
        add_hop(&path, out_hops, wires->first_memory + source.index, route.rate_bytes_per_s);
        return path;
    }
    if (route.kind == GW_ROUTE_DCN) {
        return gw_wires_flow(wires, source, target, 0, out_hops);
    }
    if (route.kind == GW_ROUTE_RAIL) {
        return cross_rails(wires, source, target, out_hops);
    }
    gw_check(route.hop_count <= wires->hop_count_max);
    for (uint32_t i = 0; i < route.hop_count; i++) {
        out_hops[i] = (gw_max_min_hop){wires->links[i], route.rate_bytes_per_s};
    }
    path.rate_bytes_per_s = route.rate_bytes_per_s;
    path.hop_count = route.hop_count;
    return path;
}

gw_wires_path gw_wires_to_host(const gw_wires *wires, gw_device_id device, bool is_from_host,
                               gw_max_min_hop *out_hops)
{
    gw_check(device.index < wires->cluster->device_count);
    gw_wires_path path = {.limit_bytes_per_s = INFINITY};
    add_pcie(wires, device, is_from_host ? IN : OUT, &path, out_hops);
    return path;
}
