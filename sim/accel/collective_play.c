/* SPDX-License-Identifier: Apache-2.0 */
/* What a closed form has of bandwidth is what bytes add to its time: its time for this size less
 * that for none.  While that lasts, all links to neighbours are full; so each carries one transfer
 * of rate times that.  Nothing else of the formula has to be known here. */
#include "accel/collective_play.h"

#include "accel/node_group.h"
#include "accel/rounds_nodes.h"
#include "base/check.h"
#include "topology/route.h"

typedef struct {
    const gw_cluster *cluster;
    const gw_collective *collective;
    gw_collective_shape shape;
    gw_span total_ns, full_ns; /* In all, and while links are full. */
    gw_span latency_ns;        /* The longest of the transfers so far. */
} played_group;

static gw_route route_between(const played_group *group, uint32_t source, uint32_t target)
{
    const uint32_t *devices = group->collective->devices;
    return gw_route_between(group->cluster, (gw_device_id){devices[source]},
                            (gw_device_id){devices[target]});
}

/* What the way from one member to another carries while links are full, of which it gets one part
 * in `share`. */
static void send_full(played_group *group, gw_rounds *rounds, gw_rounds_phase *phase, uint32_t way,
                      uint32_t source, uint32_t target, uint32_t share)
{
    const gw_route route = route_between(group, source, target);
    const double bytes = (double)group->full_ns * 1e-9 * route.rate_bytes_per_s / share;
    group->latency_ns = MAX(group->latency_ns, route.latency_ns);
    gw_rounds_set_send(rounds, phase, source, way, target, MAX((uint64_t)bytes, 1));
}

/* --- On a torus --- */

/* By device of the island: the member there; GW_INDEX_NONE: none.  The caller frees. */
static uint32_t *list_members(const played_group *group, const gw_cluster_island *island)
{
    uint32_t *members = g_new(uint32_t, island->device_count);
    for (uint32_t i = 0; i < island->device_count; i++) {
        members[i] = GW_INDEX_NONE;
    }
    for (uint32_t i = 0; i < group->collective->member_count; i++) {
        members[group->collective->devices[i] - island->first_device] = i;
    }
    return members;
}

/* The member `steps` places from this one along dimension d; GW_INDEX_NONE: there is none. */
static uint32_t find_neighbour(const played_group *group, const uint32_t *members, uint32_t member,
                               uint32_t d, uint32_t steps)
{
    const gw_device_id device = {group->collective->devices[member]};
    const gw_cluster_island *island = gw_cluster_island_of(group->cluster, device);
    uint32_t places[GW_ISLAND_DIMS_MAX];
    gw_cluster_coordinates(group->cluster, device, places);
    places[d] += steps;
    if (places[d] >= island->shape[d] && !island->is_wrapped[d]) {
        return GW_INDEX_NONE;
    }
    places[d] %= island->shape[d];
    const uint32_t number = group->cluster->island_of_device[device.index];
    return members[gw_cluster_device_at(group->cluster, number, places).index -
                   island->first_device];
}

/* To both neighbours along each axis. */
static gw_rounds *fill_box(played_group *group)
{
    const gw_collective *collective = group->collective;
    const gw_cluster_island *island =
        gw_cluster_island_of(group->cluster, (gw_device_id){collective->devices[0]});
    g_autofree uint32_t *members = list_members(group, island);
    uint32_t part_count = 0;
    for (uint32_t d = 0; d < GW_ISLAND_DIMS_MAX; d++) {
        part_count += group->shape.axes[d].length > 1;
    }
    gw_rounds *made = gw_rounds_new(collective->member_count, part_count);
    uint32_t part = 0;
    for (uint32_t d = 0; d < GW_ISLAND_DIMS_MAX; d++) {
        const gw_collective_axis *axis = &group->shape.axes[d];
        if (axis->length == 1) {
            continue;
        }
        gw_rounds_phase *phase = gw_rounds_add_phase(made, part++, 1);
        for (uint32_t i = 0; i < collective->member_count; i++) {
            const uint32_t next = find_neighbour(group, members, i, d, axis->stride);
            if (next != GW_INDEX_NONE) {
                send_full(group, made, phase, 0, i, next, axis->stride);
                send_full(group, made, phase, 1, next, i, axis->stride);
            }
        }
    }
    return made;
}

/* --- On a switch, or anywhere --- */

/* Round and round in group order, or up and down a line of it. */
static gw_rounds *fill_line(played_group *group, bool is_ring)
{
    const uint32_t count = group->collective->member_count;
    gw_rounds *made = gw_rounds_new(count, 1);
    gw_rounds_phase *phase = gw_rounds_add_phase(made, 0, 1);
    const uint32_t share = group->shape.is_switched ? 2 : 1; /* Both ways go by one port. */
    for (uint32_t i = 0; i < (is_ring ? count : count - 1); i++) {
        send_full(group, made, phase, 0, i, (i + 1) % count, share);
        send_full(group, made, phase, 1, (i + 1) % count, i, share);
    }
    return made;
}

/* Members anywhere may meet on links by themselves: then each transfer is as much shorter. */
static void fit_line(const played_group *group, const gw_rounds *rounds)
{
    const gw_span alone_ns =
        gw_rounds_ns(rounds, group->cluster, group->collective->devices) - group->latency_ns;
    const double factor = (double)group->full_ns / (double)MAX(alone_ns, 1);
    gw_rounds_phase *phase = &g_array_index(rounds->parts[0], gw_rounds_phase, 0);
    for (uint32_t i = 0; i < GW_ROUNDS_WAYS * rounds->member_count; i++) {
        const double bytes = (double)phase->sends[i].size_bytes * factor;
        phase->sends[i].size_bytes = MAX((uint64_t)bytes, 1);
    }
}

/* --- All of them --- */

static gw_rounds *play_closed_form(played_group *group)
{
    if (group->shape.is_switched) {
        return fill_line(group, true);
    }
    if (group->shape.is_box) {
        return fill_box(group);
    }
    gw_rounds *made = fill_line(group, false);
    fit_line(group, made);
    return made;
}

/* Its messages are known: each member's, by its own route. */
static gw_rounds *play_permute(played_group *group)
{
    const gw_collective *collective = group->collective;
    const uint32_t count = collective->member_count, shift = collective->shift % count;
    if (shift == 0) {
        return NULL;
    }
    gw_rounds *made = gw_rounds_new(count, 1);
    gw_rounds_phase *phase = gw_rounds_add_phase(made, 0, 1);
    for (uint32_t i = 0; i < count; i++) {
        gw_rounds_set_send(made, phase, i, 0, (i + shift) % count, collective->size_bytes);
    }
    return made;
}

/* The rounds that it is priced by; NULL: it is priced in closed form.  Over nodes the price is of a
 * member's equal part of the cards.  Rounds alone take less where groups share cards, and as long
 * with the others there; so what comes first is the start-up and nothing else. */
static gw_rounds *plan_as_priced(const played_group *group, gw_span *out_lead_ns)
{
    const gw_collective *collective = group->collective;
    const gw_algorithm_kind algorithm = gw_collective_algorithm(group->cluster, collective);
    const bool is_spread = gw_node_group_is_spread(group->cluster, collective);
    if (algorithm == GW_ALGORITHM_AUTO && !is_spread) {
        return NULL;
    }
    g_autoptr(gw_rounds) made =
        algorithm == GW_ALGORITHM_AUTO
            ? gw_rounds_sum_in_switches(group->cluster, collective)
            : gw_rounds_plan(gw_rounds_algorithms[algorithm - GW_ALGORITHM_DIRECT], group->cluster,
                             collective);
    if (made == NULL) {
        return NULL;
    }
    const gw_span wires_ns = gw_collective_wires_ns(group->cluster, collective, algorithm);
    if (!is_spread && gw_rounds_ns(made, group->cluster, collective->devices) != wires_ns) {
        return NULL;
    }
    *out_lead_ns = group->total_ns - wires_ns;
    return g_steal_pointer(&made);
}

gw_rounds *gw_collective_play(const gw_cluster *cluster, const gw_collective *collective,
                              gw_span *out_lead_ns)
{
    *out_lead_ns = 0;
    if (collective->member_count == 1 || collective->size_bytes == 0) {
        return NULL;
    }
    played_group group = {.cluster = cluster,
                          .collective = collective,
                          .total_ns = gw_collective_ns(cluster, collective)};
    gw_rounds *made = plan_as_priced(&group, out_lead_ns);
    if (made != NULL) {
        return made;
    }
    if (collective->kind == GW_OPERATION_PERMUTE) {
        *out_lead_ns =
            group.total_ns - gw_collective_wires_ns(cluster, collective,
                                                    gw_collective_algorithm(cluster, collective));
        return play_permute(&group);
    }
    gw_collective empty = *collective;
    empty.size_bytes = 0;
    const gw_span empty_ns = gw_collective_ns(cluster, &empty);
    gw_check(group.total_ns >= empty_ns);
    group.full_ns = group.total_ns - empty_ns;
    group.shape = gw_collective_shape_of(cluster, collective->devices, collective->member_count);
    made = play_closed_form(&group);
    *out_lead_ns = empty_ns > group.latency_ns ? empty_ns - group.latency_ns : 0;
    return made;
}
