/* SPDX-License-Identifier: Apache-2.0 */
/* A round between nodes takes a network's latency and its bytes over a member's part of the rails;
 * one inside a node a switch's latency and its bytes over the member's port.  Each algorithm is
 * so many rounds of each; what it sends in them is the same in rounds_nodes.c. */
#include "accel/collective_nodes.h"

#include <math.h>

#include "accel/rounds.h"
#include "base/check.h"
#include "topology/route.h"

typedef struct {
    gw_operation_kind kind;
    double size_bytes;               /* One member's input. */
    double count, hosts, per_host;   /* Members, hosts, members on a host (the most). */
    double per_host_min, rail_count; /* The fewest; rails that a host's members are on. */
    bool is_even;
    gw_span node_ns, network_ns;              /* Latency within a node, and between two. */
    double port_bytes_per_s, out_bytes_per_s; /* A member's, within a node and out of it, with
                                                 one transfer at a time. */
    double part_bytes_per_s;                  /* A device's part of its host's rails, */
    double core_bytes_per_s;                  /* and of the core; INFINITY: it is no limit. */
    double pcie_bytes_per_s;
    double flow_bytes_per_s;      /* At most, for one transfer: PCIe, or its flows' cards. */
    double reduction_bytes_per_s; /* Of a port, where the switch adds up; 0: it cannot. */
} priced_group;

/* --- Words for rounds --- */

static bool is_power_of_two(double count)
{
    return ((uint32_t)count & ((uint32_t)count - 1)) == 0;
}

static uint32_t count_doublings(double count)
{
    uint32_t doublings = 0;
    while ((double)(UINT64_C(1) << doublings) < count) {
        doublings++;
    }
    return doublings;
}

/* To gather among `count`: partners twice as far apart each time, or a ring. */
static uint32_t count_gather_rounds(double count)
{
    return is_power_of_two(count) ? count_doublings(count) : (uint32_t)count - 1;
}

/* A card may be slow and an input large: thirty years stand for all that is longer. */
#define SECONDS_MAX 1e9

static gw_span carry(double bytes, double bytes_per_s)
{
    return gw_span_from_seconds(MIN(bytes / bytes_per_s, SECONDS_MAX));
}

static gw_span take(uint32_t round_count, gw_span round_ns, double bytes, double bytes_per_s)
{
    return round_count == 0 ? 0 : round_count * round_ns + carry(bytes, bytes_per_s);
}

/* Gathers blocks of so many bytes among the members of each host. */
static gw_span gather_inside(const priced_group *group, double block_bytes)
{
    return take(count_gather_rounds(group->per_host), group->node_ns,
                (group->per_host - 1) * block_bytes, group->port_bytes_per_s);
}

/* The same among the members of each slot. */
static gw_span gather_across(const priced_group *group, double block_bytes)
{
    return take(count_gather_rounds(group->hosts), group->network_ns,
                (group->hosts - 1) * block_bytes, group->out_bytes_per_s);
}

/* The rate of one transfer when all members of so many hosts send, and the core is theirs. */
static double find_sender_rate(const priced_group *group, double host_count)
{
    const double card_bytes_per_s =
        MIN(MIN(group->pcie_bytes_per_s, group->part_bytes_per_s), group->flow_bytes_per_s);
    return MIN(card_bytes_per_s, group->hosts * group->core_bytes_per_s / host_count);
}

/* From the members of one host, of what each has, to those of each slot: by halves, or along the
 * hosts.  Few of them send at first, which then have the core. */
static gw_span scatter_across(const priced_group *group, double block_bytes)
{
    const bool is_halved = is_power_of_two(group->hosts);
    gw_span way_ns = 0;
    for (double had = 1; had < group->hosts; had = is_halved ? 2 * had : had + 1) {
        const double bytes = is_halved ? block_bytes * group->hosts / (2 * had) : block_bytes;
        way_ns += group->network_ns + carry(bytes, find_sender_rate(group, had));
    }
    return way_ns;
}

/* What one transfer out of a host gets, when the group has so many at a time, each on a rail. */
static double find_rail_rate(const priced_group *group, double transfer_count)
{
    const double part_bytes_per_s = MIN(group->part_bytes_per_s, group->core_bytes_per_s);
    return MIN(group->per_host_min * part_bytes_per_s / transfer_count, group->flow_bytes_per_s);
}

/* What a member gets that has so many transfers out of its host at a time. */
static double find_out_rate(const priced_group *group, double transfer_count)
{
    const double part_bytes_per_s = MIN(group->part_bytes_per_s, group->core_bytes_per_s);
    return MIN(MIN(group->pcie_bytes_per_s, part_bytes_per_s),
               transfer_count * group->flow_bytes_per_s);
}

/* --- Algorithms --- */

/* Everybody to everybody at once: whole inputs, or the part that is each other's. */
static gw_span price_direct(const priced_group *group)
{
    double block_bytes = group->size_bytes;
    switch (group->kind) {
    case GW_OPERATION_ALL_REDUCE:
    case GW_OPERATION_ALL_GATHER:
        break;
    case GW_OPERATION_REDUCE_SCATTER:
    case GW_OPERATION_ALL_TO_ALL:
        block_bytes = ceil(block_bytes / group->count); /* Each a whole byte at least. */
        break;
    default:
        return GW_TIME_NEVER;
    }
    const double across_count = group->count - group->per_host_min;
    const gw_span across_ns =
        take(1, group->network_ns, across_count * block_bytes, find_out_rate(group, across_count));
    const gw_span inside_ns = take(group->per_host > 1, group->node_ns,
                                   (group->per_host - 1) * block_bytes, group->port_bytes_per_s);
    return MAX(across_ns, inside_ns);
}

static gw_span price_hierarchical(const priced_group *group)
{
    const double size_bytes = group->size_bytes;
    const double host_part_bytes = size_bytes / group->per_host;
    const double part_bytes = size_bytes / group->count;
    if (!group->is_even) {
        return GW_TIME_NEVER;
    }
    switch (group->kind) {
    case GW_OPERATION_ALL_GATHER:
        return gather_across(group, size_bytes) + gather_inside(group, group->hosts * size_bytes);
    case GW_OPERATION_REDUCE_SCATTER:
        return gather_inside(group, host_part_bytes) + gather_across(group, part_bytes);
    case GW_OPERATION_BROADCAST: /* Inside, to scatter takes as long as to gather. */
        return 2 * gather_inside(group, host_part_bytes) + scatter_across(group, part_bytes) +
               gather_across(group, part_bytes);
    case GW_OPERATION_ALL_REDUCE:
        return 2 * (gather_inside(group, host_part_bytes) + gather_across(group, part_bytes));
    case GW_OPERATION_ALL_TO_ALL:
        return take((uint32_t)group->per_host - 1, group->node_ns,
                    (group->per_host - 1) * host_part_bytes, group->port_bytes_per_s) +
               take((uint32_t)group->hosts - 1, group->network_ns,
                    (group->hosts - 1) * size_bytes / group->hosts, group->out_bytes_per_s);
    default:
        return GW_TIME_NEVER;
    }
}

/* As many rings as rails, each over all members: it leaves a host by one rail and comes by
 * another, and every rail is the way out of one ring. */
static gw_span price_ring(const priced_group *group)
{
    const bool is_all_reduce = group->kind == GW_OPERATION_ALL_REDUCE;
    if (!is_all_reduce && group->kind != GW_OPERATION_ALL_GATHER &&
        group->kind != GW_OPERATION_REDUCE_SCATTER) {
        return GW_TIME_NEVER;
    }
    const bool is_gather = group->kind == GW_OPERATION_ALL_GATHER;
    const double block_bytes = group->size_bytes / (is_gather ? 1 : group->count);
    const uint32_t round_count = ((uint32_t)group->count - 1) * (is_all_reduce ? 2 : 1);
    const gw_span across_ns =
        take(round_count, group->network_ns, round_count * block_bytes / group->rail_count,
             find_rail_rate(group, group->rail_count));
    /* By a port go all rings but the one that leaves the host there. */
    const bool leaves_everywhere = group->rail_count >= group->per_host;
    const double port_bytes =
        block_bytes * (leaves_everywhere ? 1 - 1 / group->rail_count : 1) * round_count;
    const gw_span inside_ns =
        take(round_count, group->node_ns, port_bytes, group->port_bytes_per_s);
    return group->per_host > 1 ? MAX(across_ns, inside_ns) : across_ns;
}

static gw_span climb(double count, gw_span round_ns, double size_bytes, double bytes_per_s)
{
    const uint32_t round_count = count_doublings(count);
    return round_count * round_ns + carry(round_count * size_bytes, bytes_per_s);
}

/* From one host to all, each by one member, which has the parts of those on its rail.  Few of them
 * send at first, which then have the core. */
static gw_span climb_hosts(const priced_group *group)
{
    const double rail_part_bytes_per_s =
        group->per_host_min * group->part_bytes_per_s / group->rail_count;
    const double card_bytes_per_s = MIN(rail_part_bytes_per_s, group->flow_bytes_per_s);
    const double core_bytes_per_s = group->hosts * group->per_host_min * group->core_bytes_per_s;
    gw_span way_ns = 0;
    for (double had = 1; had < group->hosts; had *= 2) {
        const double sender_count = MIN(had, group->hosts - had);
        way_ns += group->network_ns +
                  carry(group->size_bytes, MIN(card_bytes_per_s, core_bytes_per_s / sender_count));
    }
    return way_ns;
}

/* One member of each host, then the others there; for sums, first the other way. */
static gw_span price_tree(const priced_group *group)
{
    if (group->kind != GW_OPERATION_BROADCAST && group->kind != GW_OPERATION_ALL_REDUCE) {
        return GW_TIME_NEVER;
    }
    gw_span way_ns = climb_hosts(group);
    if (group->per_host > 1) {
        way_ns +=
            climb(group->per_host, group->node_ns, group->size_bytes, group->port_bytes_per_s);
    }
    return (group->kind == GW_OPERATION_BROADCAST ? 1 : 2) * way_ns;
}

/* The hierarchy with sums in the switches: ports carry the input in and the sums out, and as much
 * back. */
static gw_span price_in_switches(const priced_group *group)
{
    if (group->kind != GW_OPERATION_ALL_REDUCE || !group->is_even || group->per_host < 2 ||
        !(group->reduction_bytes_per_s > 0)) {
        return GW_TIME_NEVER;
    }
    const double port_bytes = (1 + 1 / group->per_host) * group->size_bytes;
    return take(2, group->node_ns, port_bytes, group->reduction_bytes_per_s) +
           2 * gather_across(group, group->size_bytes / group->count);
}

/* Partners twice as far apart each time, in group order, exchange all they have. */
static gw_span price_halving_doubling(const priced_group *group, const gw_cluster *cluster,
                                      const gw_collective *collective)
{
    const bool is_all_reduce = group->kind == GW_OPERATION_ALL_REDUCE;
    const bool is_gather = group->kind == GW_OPERATION_ALL_GATHER;
    if (!is_power_of_two(group->count) ||
        (!is_all_reduce && !is_gather && group->kind != GW_OPERATION_REDUCE_SCATTER)) {
        return GW_TIME_NEVER;
    }
    gw_span way_ns = 0;
    for (uint32_t apart = 1; apart < collective->member_count; apart *= 2) {
        const double bytes = apart * group->size_bytes / (is_gather ? 1 : group->count);
        bool goes_across = false;
        for (uint32_t i = 0; i < collective->member_count; i++) {
            const gw_device_id one = {collective->devices[i]};
            const gw_device_id other = {collective->devices[i ^ apart]};
            goes_across = goes_across ||
                          gw_cluster_host_of(cluster, one) != gw_cluster_host_of(cluster, other);
        }
        way_ns += goes_across ? take(1, group->network_ns, bytes, group->out_bytes_per_s)
                              : take(1, group->node_ns, bytes, group->port_bytes_per_s);
    }
    return (is_all_reduce ? 2 : 1) * way_ns;
}

/* --- Permutations --- */

/* By host and rail of the island: its members, and how many of them send to another host. */
typedef struct {
    uint32_t member_count, sender_count;
} rail_load;

typedef struct {
    double rail_count, core_count;
    bool stays_inside; /* Somebody's is not one of them. */
} permute_load;

/* How many transfers are on the rail that has the most, and in the core, where those who share them
 * with the group send as often as it does; 0: nobody leaves its host. */
static permute_load find_permute_load(const gw_cluster *cluster, const gw_collective *collective,
                                      uint32_t shift)
{
    const gw_cluster_island *island =
        gw_cluster_island_of(cluster, (gw_device_id){collective->devices[0]});
    const uint32_t rail_count = island->rails_per_host;
    g_autofree rail_load *loads = g_new0(rail_load, (size_t)island->host_count * rail_count);
    double most = 0;
    uint32_t sender_count = 0;
    for (uint32_t i = 0; i < 2 * collective->member_count; i++) { /* All members, then senders. */
        const uint32_t m = i % collective->member_count;
        const gw_device_id source = {collective->devices[m]};
        const gw_device_id target = {collective->devices[(m + shift) % collective->member_count]};
        const uint32_t host = gw_cluster_host_of(cluster, source);
        rail_load *load =
            &loads[(host - island->first_host) * rail_count + gw_cluster_rail_of(cluster, source)];
        if (i < collective->member_count) {
            load->member_count++;
        } else if (gw_cluster_host_of(cluster, target) != host) {
            load->sender_count++;
            sender_count++;
            const double shared = (double)island->devices_per_host / rail_count;
            most = MAX(most, load->sender_count * shared / load->member_count);
        }
    }
    return (permute_load){
        .rail_count = most,
        .core_count = (double)sender_count * island->device_count / collective->member_count,
        .stays_inside = sender_count < collective->member_count,
    };
}

/* Every member sends once and is sent to once, whatever the algorithm. */
static gw_span price_permute(const priced_group *group, const gw_cluster *cluster,
                             const gw_collective *collective)
{
    const uint32_t shift = collective->shift % collective->member_count;
    const gw_device_id self = {collective->devices[0]};
    const gw_cluster_island *island = gw_cluster_island_of(cluster, self);
    if (shift == 0) {
        const double copy_bytes_per_s = gw_route_between(cluster, self, self).rate_bytes_per_s;
        return carry(group->size_bytes, copy_bytes_per_s);
    }
    const permute_load load = find_permute_load(cluster, collective, shift);
    const gw_span inside_ns =
        take(load.stays_inside, group->node_ns, group->size_bytes, group->port_bytes_per_s);
    if (load.rail_count == 0) {
        return inside_ns;
    }
    double rate_bytes_per_s =
        MIN(group->flow_bytes_per_s, island->rail_bytes_per_s / load.rail_count);
    if (island->core_bytes_per_s > 0)
        rate_bytes_per_s = MIN(rate_bytes_per_s, island->core_bytes_per_s / load.core_count);
    return MAX(inside_ns, take(1, group->network_ns, group->size_bytes, rate_bytes_per_s));
}

/* --- All of them --- */

static priced_group describe(const gw_cluster *cluster, const gw_collective *collective)
{
    const gw_cluster_island *island =
        gw_cluster_island_of(cluster, (gw_device_id){collective->devices[0]});
    const gw_accelerator *accelerator = island->accelerator;
    gw_node_group group;
    gw_node_group_init(&group, cluster, collective);
    const double host_bytes_per_s = island->rails_per_host * island->rail_bytes_per_s;
    const double part_bytes_per_s = host_bytes_per_s / island->devices_per_host;
    const double core_bytes_per_s = island->core_bytes_per_s > 0
                                        ? island->core_bytes_per_s / island->device_count
                                        : (double)INFINITY;
    const double port_bytes_per_s = 2 * accelerator->link_bytes_per_s;
    priced_group made = {
        .kind = collective->kind,
        .size_bytes = (double)collective->size_bytes,
        .count = collective->member_count,
        .hosts = group.host_count,
        .per_host = group.per_host_max,
        .per_host_min = group.per_host_min,
        .rail_count = group.rail_count,
        .is_even = group.is_even,
        .node_ns = accelerator->hop_latency_ns,
        .network_ns = 2 * accelerator->pcie_latency_ns + island->network_latency_ns,
        .port_bytes_per_s = port_bytes_per_s * accelerator->link_efficiency,
        .part_bytes_per_s = part_bytes_per_s,
        .core_bytes_per_s = core_bytes_per_s,
        .pcie_bytes_per_s = accelerator->pcie_bytes_per_s,
        .flow_bytes_per_s = MIN(accelerator->pcie_bytes_per_s, island->flow_bytes_per_s),
        .reduction_bytes_per_s = port_bytes_per_s * accelerator->switch_reduction_efficiency,
    };
    made.out_bytes_per_s = find_out_rate(&made, 1);
    gw_node_group_clear(&group);
    return made;
}

static gw_span price_auto(const priced_group *group)
{
    static gw_span (*const ways[])(const priced_group *group) = {
        price_direct, price_hierarchical, price_in_switches, price_ring, price_tree};
    gw_span fastest_ns = GW_TIME_NEVER;
    for (uint32_t i = 0; i < G_N_ELEMENTS(ways); i++) {
        const gw_span span_ns = ways[i](group); /* Once: MIN() asks twice. */
        fastest_ns = MIN(fastest_ns, span_ns);
    }
    gw_check(fastest_ns < GW_TIME_NEVER); /* A tree broadcasts, and `direct` does all the rest. */
    return fastest_ns;
}

gw_span gw_collective_nodes_ns(const gw_cluster *cluster, const gw_collective *collective,
                               gw_algorithm_kind algorithm)
{
    const priced_group group = describe(cluster, collective);
    if (collective->kind == GW_OPERATION_PERMUTE) {
        return price_permute(&group, cluster, collective);
    }
    switch (algorithm) {
    case GW_ALGORITHM_AUTO:
        return price_auto(&group);
    case GW_ALGORITHM_DIRECT:
        return price_direct(&group);
    case GW_ALGORITHM_HALVING_DOUBLING:
        return price_halving_doubling(&group, cluster, collective);
    case GW_ALGORITHM_HIERARCHICAL:
        return price_hierarchical(&group);
    case GW_ALGORITHM_RING:
        return price_ring(&group);
    case GW_ALGORITHM_TREE:
        return price_tree(&group);
    default:
        return GW_TIME_NEVER;
    }
}
