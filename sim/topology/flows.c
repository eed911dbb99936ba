/* SPDX-License-Identifier: Apache-2.0 */
/* Pure: the same pair has the same cards in every run, whatever else is on its way. */
#include "topology/flows.h"

#include "base/check.h"
#include "base/random.h"

uint32_t gw_flows_card_count(const gw_cluster *cluster)
{
    return MAX(cluster->spec->dcn_cards_per_host, 1);
}

uint32_t gw_flows_count(const gw_cluster *cluster)
{
    return MAX(cluster->spec->dcn_flows, 1);
}

/* With as many cards as devices each device has its own; with more, several. */
static uint32_t find_own_card(const gw_cluster *cluster, gw_device_id device, uint32_t flow)
{
    const gw_cluster_island *island = gw_cluster_island_of(cluster, device);
    const uint64_t count = island->devices_per_host, cards = gw_flows_card_count(cluster);
    const uint64_t place = (device.index - island->first_device) % count;
    const uint64_t first = place * cards / count, end = (place + 1) * cards / count;
    return (uint32_t)(first + flow % MAX(end - first, 1));
}

uint32_t gw_flows_find_card(const gw_cluster *cluster, gw_device_id source, gw_device_id target,
                            uint32_t flow, gw_flows_way way)
{
    gw_check(flow < gw_flows_count(cluster));
    if (cluster->spec->dcn_spread == GW_SPREAD_RANK)
        return find_own_card(cluster, way == GW_FLOWS_OUT ? source : target, flow);
    const uint64_t pair = (uint64_t)source.index << 32 | target.index;
    return (uint32_t)(gw_random_at(pair, 2 * (uint64_t)flow + way) % gw_flows_card_count(cluster));
}

static uint32_t find_load(const gw_cluster *cluster, gw_device_id source, gw_device_id target,
                          uint32_t count, gw_flows_way way)
{
    uint32_t loads[GW_DCN_CARDS_MAX] = {0};
    uint32_t most = 0;
    gw_check(gw_flows_card_count(cluster) <= GW_DCN_CARDS_MAX);
    for (uint32_t flow = 0; flow < count; flow++) {
        const uint32_t card = gw_flows_find_card(cluster, source, target, flow, way);
        loads[card]++;
        most = MAX(most, loads[card]);
    }
    return most;
}

uint32_t gw_flows_find_load(const gw_cluster *cluster, gw_device_id source, gw_device_id target,
                            uint32_t count)
{
    return MAX(find_load(cluster, source, target, count, GW_FLOWS_OUT),
               find_load(cluster, source, target, count, GW_FLOWS_IN));
}
