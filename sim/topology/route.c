/* SPDX-License-Identifier: Apache-2.0 */
/* A route on a torus is one signed number of steps per dimension: so many links in the positive
 * or in the negative direction, dimension 0 first.  Everything else follows from these numbers. */
#include "topology/route.h"

#include "base/check.h"
#include "topology/flows.h"

typedef struct {
    uint32_t count;
    bool is_negative;
} steps;

/* From `source` to `target` along a dimension of `length` places. */
static steps find_steps(uint32_t source, uint32_t target, uint32_t length, bool is_wrapped,
                        bool takes_negative)
{
    if (!is_wrapped) {
        return target >= source ? (steps){target - source, false} : (steps){source - target, true};
    }
    const uint32_t positive = target >= source ? target - source : target + length - source;
    const uint32_t negative = positive == 0 ? 0 : length - positive;
    const bool is_negative = negative < positive || (takes_negative && negative == positive);
    return is_negative ? (steps){negative, true} : (steps){positive, false};
}

/* Where a route begins, and its steps from there. */
typedef struct {
    uint32_t from[GW_ISLAND_DIMS_MAX];
    steps along[GW_ISLAND_DIMS_MAX];
} torus_way;

static void find_way(const gw_cluster *cluster, gw_device_id source, gw_device_id target,
                     bool takes_negative, torus_way *out)
{
    const gw_cluster_island *island = gw_cluster_island_of(cluster, source);
    uint32_t to[GW_ISLAND_DIMS_MAX];
    gw_cluster_coordinates(cluster, source, out->from);
    gw_cluster_coordinates(cluster, target, to);
    for (uint32_t d = 0; d < GW_ISLAND_DIMS_MAX; d++) {
        out->along[d] = find_steps(out->from[d], to[d], island->shape[d], island->is_wrapped[d],
                                   takes_negative);
    }
}

static gw_route route_over_torus(const gw_accelerator *accelerator,
                                 const steps along[GW_ISLAND_DIMS_MAX])
{
    uint32_t hop_count = 0;
    for (uint32_t d = 0; d < GW_ISLAND_DIMS_MAX; d++) {
        hop_count += along[d].count;
    }
    return (gw_route){
        .kind = GW_ROUTE_ICI,
        .hop_count = hop_count,
        .latency_ns = hop_count * accelerator->hop_latency_ns,
        .rate_bytes_per_s = accelerator->link_bytes_per_s * accelerator->link_efficiency,
    };
}

/* A switch blocks nobody, so only ports are links.  A port carries what both ways of a ring would,
 * and through the switch it is one hop. */
static gw_route route_through_switch(const gw_accelerator *accelerator, gw_device_id source,
                                     gw_device_id target, uint32_t *out_links, uint32_t capacity)
{
    const uint32_t links[] = {GW_ROUTE_LINKS_PER_DEVICE * source.index,
                              GW_ROUTE_LINKS_PER_DEVICE * target.index + 1};
    for (uint32_t i = 0; i < MIN(capacity, 2); i++) {
        out_links[i] = links[i];
    }
    return (gw_route){
        .kind = GW_ROUTE_ICI,
        .hop_count = 2,
        .latency_ns = accelerator->hop_latency_ns,
        .rate_bytes_per_s = 2 * accelerator->link_bytes_per_s * accelerator->link_efficiency,
    };
}

static gw_route route_over_dcn(const gw_cluster *cluster, gw_device_id source, gw_device_id target)
{
    const gw_cluster_spec *spec = cluster->spec;
    const gw_accelerator *here = gw_cluster_island_of(cluster, source)->accelerator;
    const gw_accelerator *there = gw_cluster_island_of(cluster, target)->accelerator;
    const double flow_count = gw_flows_count(cluster);
    const double load = gw_flows_find_load(cluster, source, target, gw_flows_count(cluster));
    const double pcie_bytes_per_s = MIN(here->pcie_bytes_per_s, there->pcie_bytes_per_s);
    return (gw_route){
        .kind = GW_ROUTE_DCN,
        .latency_ns = here->pcie_latency_ns + spec->dcn_latency_ns + there->pcie_latency_ns,
        .rate_bytes_per_s = MIN(pcie_bytes_per_s, spec->dcn_bytes_per_s * flow_count / load),
    };
}

/* Each byte crosses both devices' PCIe and both rails, and the core where that is narrower. */
static gw_route route_over_rails(const gw_cluster_island *island)
{
    const gw_accelerator *accelerator = island->accelerator;
    double rate_bytes_per_s = MIN(accelerator->pcie_bytes_per_s, island->flow_bytes_per_s);
    if (island->core_bytes_per_s > 0) {
        rate_bytes_per_s = MIN(rate_bytes_per_s, island->core_bytes_per_s);
    }
    return (gw_route){
        .kind = GW_ROUTE_RAIL,
        .latency_ns = 2 * accelerator->pcie_latency_ns + island->network_latency_ns,
        .rate_bytes_per_s = rate_bytes_per_s,
    };
}

/* One place on along a dimension of `length` places, whose neighbours are `stride` devices apart.
 */
static void take_step(bool is_negative, uint32_t length, uint32_t stride, uint32_t *place,
                      uint32_t *device)
{
    if (is_negative) {
        *device = *place > 0 ? *device - stride : *device + (length - 1) * stride;
        *place = *place > 0 ? *place - 1 : length - 1;
    } else {
        *device = *place < length - 1 ? *device + stride : *device - (length - 1) * stride;
        *place = *place < length - 1 ? *place + 1 : 0;
    }
}

static void walk_torus(const gw_cluster_island *island, gw_device_id source, const torus_way *way,
                       uint32_t *out_links, uint32_t capacity)
{
    const uint32_t strides[GW_ISLAND_DIMS_MAX] = {island->shape[1] * island->shape[2],
                                                  island->shape[2], 1};
    uint32_t link_count = 0, device = source.index;
    for (uint32_t d = 0; d < GW_ISLAND_DIMS_MAX; d++) {
        const steps along = way->along[d];
        uint32_t place = way->from[d];
        for (uint32_t i = 0; i < along.count && link_count < capacity; i++) {
            out_links[link_count++] =
                GW_ROUTE_LINKS_PER_DEVICE * device + 2 * d + (along.is_negative ? 1 : 0);
            take_step(along.is_negative, island->shape[d], strides[d], &place, &device);
        }
    }
}

gw_route gw_route_trace(const gw_cluster *cluster, gw_device_id source, gw_device_id target,
                        bool takes_negative, uint32_t *out_links, uint32_t capacity)
{
    gw_check(source.index < cluster->device_count);
    gw_check(target.index < cluster->device_count);
    const gw_accelerator *here = gw_cluster_island_of(cluster, source)->accelerator;
    if (source.index == target.index) { /* Every byte is read once and written once. */
        return (gw_route){.kind = GW_ROUTE_SELF,
                          .rate_bytes_per_s = here->hbm_bytes_per_s * here->hbm_efficiency / 2};
    }
    if (cluster->island_of_device[source.index] != cluster->island_of_device[target.index]) {
        return route_over_dcn(cluster, source, target);
    }
    const gw_cluster_island *island = gw_cluster_island_of(cluster, source);
    if (island->rails_per_host > 0 &&
        gw_cluster_host_of(cluster, source) != gw_cluster_host_of(cluster, target)) {
        return route_over_rails(island);
    }
    if (island->is_switched) {
        return route_through_switch(here, source, target, out_links, capacity);
    }
    torus_way way;
    find_way(cluster, source, target, takes_negative, &way);
    walk_torus(island, source, &way, out_links, capacity);
    return route_over_torus(here, way.along);
}

gw_route gw_route_between(const gw_cluster *cluster, gw_device_id source, gw_device_id target)
{
    return gw_route_trace(cluster, source, target, false, NULL, 0);
}
