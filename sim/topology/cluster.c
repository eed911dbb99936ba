/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers what a spec lists.  Coordinates are not stored: they are the digits of a device's place
 * in its island, to the base of the island's shape. */
#include "topology/cluster.h"

#include "base/check.h"

/* NICs beyond the devices' number make rails wider, not more.  A transfer's flows are on as many of
 * them, and others' flows take those that it leaves. */
static void join_nodes(gw_cluster_island *made, const gw_network *network)
{
    if (network->nics_per_host == 0) {
        return;
    }
    gw_check(made->is_switched);
    made->rails_per_host = MIN(network->nics_per_host, made->devices_per_host);
    gw_check(made->devices_per_host % made->rails_per_host == 0);
    gw_check(network->nics_per_host % made->rails_per_host == 0);
    const double host_bytes_per_s = network->nics_per_host * network->nic_bytes_per_s;
    const uint32_t nics_per_rail = network->nics_per_host / made->rails_per_host;
    const uint32_t used = network->flows == 0 ? nics_per_rail : MIN(network->flows, nics_per_rail);
    made->rail_bytes_per_s = nics_per_rail * network->nic_bytes_per_s;
    made->flow_bytes_per_s = used * network->nic_bytes_per_s;
    made->network_latency_ns = network->latency_ns;
    if (network->oversubscription > 1) {
        made->core_bytes_per_s = made->host_count * host_bytes_per_s / network->oversubscription;
    }
}

static void lay_out_island(gw_cluster *cluster, uint32_t island)
{
    const gw_island_spec *spec = &cluster->spec->islands[island];
    gw_check(spec->accelerator < cluster->spec->accelerator_count);
    gw_check(spec->dims >= 1);
    gw_check(spec->dims <= GW_ISLAND_DIMS_MAX);
    gw_cluster_island *made = &cluster->islands[island];
    *made = (gw_cluster_island){
        .first_host = cluster->host_count,
        .host_count = spec->host_count,
        .first_device = cluster->device_count,
        .device_count = spec->host_count * spec->devices_per_host,
        .devices_per_host = spec->devices_per_host,
        .dims = spec->dims,
        .is_switched = spec->is_switched,
        .collectives = spec->collectives,
        .jitter = spec->jitter,
        .accelerator = &cluster->spec->accelerators[spec->accelerator],
    };
    gw_check(made->device_count > 0);
    join_nodes(made, &spec->network);
    uint64_t place_count = 1;
    for (uint32_t d = 0; d < GW_ISLAND_DIMS_MAX; d++) {
        gw_check(spec->shape[d] >= 1);
        gw_check(d < spec->dims || spec->shape[d] == 1);
        made->shape[d] = spec->shape[d];
        made->is_wrapped[d] = d < spec->dims && spec->is_wrapped[d];
        place_count *= spec->shape[d];
    }
    gw_check(place_count == made->device_count);
    cluster->host_count += made->host_count;
    cluster->device_count += made->device_count;
}

static void fill_slowness(gw_cluster *cluster, uint32_t island)
{
    const gw_cluster_island *where = &cluster->islands[island];
    const double *speeds = cluster->spec->islands[island].speeds;
    if (speeds == NULL) {
        return;
    }
    if (cluster->slowness == NULL) {
        cluster->slowness = g_new(double, cluster->device_count);
        for (uint32_t i = 0; i < cluster->device_count; i++) {
            cluster->slowness[i] = 1;
        }
    }
    for (uint32_t i = 0; i < where->device_count; i++) {
        gw_check(speeds[i] > 0);
        cluster->slowness[where->first_device + i] = 1 / speeds[i];
    }
}

gw_cluster *gw_cluster_new(const gw_cluster_spec *spec)
{
    gw_check(spec->island_count > 0);
    g_autoptr(gw_cluster) made = g_new0(gw_cluster, 1);
    made->spec = spec;
    made->island_count = spec->island_count;
    made->islands = g_new0(gw_cluster_island, spec->island_count);
    for (uint32_t i = 0; i < spec->island_count; i++) {
        lay_out_island(made, i);
    }
    made->island_of_device = g_new(uint32_t, made->device_count);
    for (uint32_t i = 0; i < made->island_count; i++) {
        const gw_cluster_island *island = &made->islands[i];
        for (uint32_t k = 0; k < island->device_count; k++) {
            made->island_of_device[island->first_device + k] = i;
        }
        fill_slowness(made, i);
    }
    return g_steal_pointer(&made);
}

void gw_cluster_free(gw_cluster *cluster)
{
    if (cluster == NULL) {
        return;
    }
    g_free(cluster->islands);
    g_free(cluster->island_of_device);
    g_free(cluster->slowness);
    g_free(cluster);
}

void gw_cluster_coordinates(const gw_cluster *cluster, gw_device_id device,
                            uint32_t out_coordinates[GW_ISLAND_DIMS_MAX])
{
    gw_check(device.index < cluster->device_count);
    const gw_cluster_island *island = gw_cluster_island_of(cluster, device);
    uint32_t place = device.index - island->first_device;
    for (uint32_t d = GW_ISLAND_DIMS_MAX; d-- > 0;) {
        const uint32_t length = island->shape[d];
        out_coordinates[d] = length > 1 ? place % length : 0;
        place = length > 1 ? place / length : place;
    }
}

gw_device_id gw_cluster_device_at(const gw_cluster *cluster, uint32_t island,
                                  const uint32_t coordinates[GW_ISLAND_DIMS_MAX])
{
    gw_check(island < cluster->island_count);
    const gw_cluster_island *where = &cluster->islands[island];
    uint32_t place = 0;
    for (uint32_t d = 0; d < GW_ISLAND_DIMS_MAX; d++) {
        gw_check(coordinates[d] < where->shape[d]);
        place = place * where->shape[d] + coordinates[d];
    }
    return (gw_device_id){where->first_device + place};
}

uint32_t gw_cluster_host_of(const gw_cluster *cluster, gw_device_id device)
{
    gw_check(device.index < cluster->device_count);
    const gw_cluster_island *island = gw_cluster_island_of(cluster, device);
    return island->first_host + (device.index - island->first_device) / island->devices_per_host;
}

uint32_t gw_cluster_rail_of(const gw_cluster *cluster, gw_device_id device)
{
    gw_check(device.index < cluster->device_count);
    const gw_cluster_island *island = gw_cluster_island_of(cluster, device);
    gw_check(island->rails_per_host > 0);
    const uint32_t place = (device.index - island->first_device) % island->devices_per_host;
    return place / (island->devices_per_host / island->rails_per_host);
}
