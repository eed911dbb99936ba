/* SPDX-License-Identifier: Apache-2.0 */
/* Two steps.  First the group's shape is read off its members' coordinates: along each dimension a
 * ring, a line, or one place.  Then each collective is a sum of a latency (links crossed one after
 * the other) and a bandwidth term (bytes over the rate of all the links that can be kept busy at
 * once); where a short and a long algorithm differ, the faster one counts.
 *
 * A group whose members lie `stride` places apart shares each link with the groups in between,
 * which do the same at the same time: it gets one part in `stride` of the rate. */
#include "accel/collective.h"

#include <math.h>

#include "accel/collective_nodes.h"
#include "accel/rounds.h"
#include "base/check.h"
#include "topology/route.h"

/* --- The shape of a group --- */

/* Fills `out_axis` from the places taken along one dimension.  False: they are not evenly spaced.
 * Neighbours' gaps tell: all equal and closing, a ring; all equal but the closing one, a line. */
static bool find_axis(const uint8_t *is_taken, uint32_t length, bool is_wrapped,
                      gw_collective_axis *out_axis)
{
    uint32_t first = 0, taken_count = 0;
    while (is_taken[first] == 0) {
        first++;
    }
    for (uint32_t place = first; place < length; place++) {
        taken_count += is_taken[place];
    }
    *out_axis = (gw_collective_axis){.length = taken_count, .stride = 1};
    if (taken_count == 1) {
        return true;
    }
    const uint32_t end = is_wrapped ? first + length : length; /* Round to `first` again. */
    uint32_t smallest = length, smallest_count = 0, previous = first;
    for (uint32_t place = first + 1; place <= end; place++) {
        if (place >= length ? !is_wrapped || is_taken[place - length] == 0 : is_taken[place] == 0) {
            continue;
        }
        const uint32_t gap = place - previous;
        smallest_count = gap < smallest ? 1 : smallest_count + (gap == smallest ? 1 : 0);
        smallest = MIN(smallest, gap);
        previous = place;
    }
    out_axis->stride = smallest;
    out_axis->is_ring = smallest_count == taken_count;
    return smallest_count >= taken_count - 1;
}

/* The members as one line in group order. */
static gw_collective_shape make_line(const gw_cluster *cluster, const uint32_t *devices,
                                     uint32_t member_count)
{
    uint32_t longest = 0;
    for (uint32_t i = 0; i < member_count; i++) {
        const gw_device_id source = {devices[i]}, target = {devices[(i + 1) % member_count]};
        longest = MAX(longest, gw_route_between(cluster, source, target).hop_count);
    }
    gw_collective_shape line = {.member_count = member_count,
                                .axes = {{.length = member_count, .stride = longest}}};
    for (uint32_t d = 1; d < GW_ISLAND_DIMS_MAX; d++) {
        line.axes[d] = (gw_collective_axis){.length = 1, .stride = 1};
    }
    return line;
}

/* Members on a switch: whichever they are. */
static gw_collective_shape make_switched(uint32_t member_count)
{
    gw_collective_shape shape = {
        .member_count = member_count,
        .is_box = true,
        .is_switched = true,
        .axes = {{.length = member_count, .stride = 1, .is_ring = member_count > 1}}};
    for (uint32_t d = 1; d < GW_ISLAND_DIMS_MAX; d++) {
        shape.axes[d] = (gw_collective_axis){.length = 1, .stride = 1};
    }
    return shape;
}

/* Marks which places along each dimension the members take, and checks the members. */
static void mark_places(const gw_cluster *cluster, const uint32_t *devices, uint32_t member_count,
                        uint8_t *const is_taken[GW_ISLAND_DIMS_MAX])
{
    const uint32_t island = cluster->island_of_device[devices[0]];
    const gw_cluster_island *where = &cluster->islands[island];
    g_autofree uint8_t *is_member = g_new0(uint8_t, where->device_count);
    for (uint32_t i = 0; i < member_count; i++) {
        gw_check(devices[i] < cluster->device_count);
        gw_check(cluster->island_of_device[devices[i]] == island); /* See collective.h. */
        gw_check(is_member[devices[i] - where->first_device] == 0);
        is_member[devices[i] - where->first_device] = 1;
        uint32_t coordinates[GW_ISLAND_DIMS_MAX];
        gw_cluster_coordinates(cluster, (gw_device_id){devices[i]}, coordinates);
        for (uint32_t d = 0; d < GW_ISLAND_DIMS_MAX; d++) {
            is_taken[d][coordinates[d]] = 1;
        }
    }
}

gw_collective_shape gw_collective_shape_of(const gw_cluster *cluster, const uint32_t *devices,
                                           uint32_t member_count)
{
    gw_check(member_count > 0);
    gw_check(devices[0] < cluster->device_count);
    const gw_cluster_island *island = gw_cluster_island_of(cluster, (gw_device_id){devices[0]});
    const uint32_t *shape = island->shape;
    g_autofree uint8_t *places = g_new0(uint8_t, shape[0] + shape[1] + shape[2]);
    uint8_t *const is_taken[GW_ISLAND_DIMS_MAX] = {places, places + shape[0],
                                                   places + shape[0] + shape[1]};
    mark_places(cluster, devices, member_count, is_taken);
    if (island->is_switched) {
        return make_switched(member_count);
    }
    gw_collective_shape box = {.member_count = member_count, .is_box = true};
    uint64_t place_count = 1;
    for (uint32_t d = 0; d < GW_ISLAND_DIMS_MAX; d++) {
        if (!find_axis(is_taken[d], shape[d], island->is_wrapped[d], &box.axes[d])) {
            return make_line(cluster, devices, member_count);
        }
        place_count *= box.axes[d].length;
    }
    /* Different members and as many as there are combinations: then each is there. */
    return place_count == member_count ? box : make_line(cluster, devices, member_count);
}

/* --- What the shape offers --- */

/* What one member can send along this axis, while all others do: a ring has a link each way; in
 * a line, the members at its ends have one only, and they set the pace. */
static double axis_bytes_per_s(const gw_accelerator *accelerator, const gw_collective_axis *axis)
{
    if (axis->length == 1) {
        return 0;
    }
    const double link_bytes_per_s = accelerator->link_bytes_per_s * accelerator->link_efficiency;
    return link_bytes_per_s * (axis->is_ring ? 2 : 1) / axis->stride;
}

static double all_bytes_per_s(const gw_accelerator *accelerator, const gw_collective_shape *shape)
{
    double sum_bytes_per_s = 0;
    for (uint32_t d = 0; d < GW_ISLAND_DIMS_MAX; d++) {
        sum_bytes_per_s += axis_bytes_per_s(accelerator, &shape->axes[d]);
    }
    return sum_bytes_per_s;
}

/* From any member to any other: half way round each ring, all along each line; one switch. */
static gw_span reach_ns(const gw_accelerator *accelerator, const gw_collective_shape *shape)
{
    if (shape->is_switched) {
        return accelerator->hop_latency_ns;
    }
    uint64_t hop_count = 0;
    for (uint32_t d = 0; d < GW_ISLAND_DIMS_MAX; d++) {
        const gw_collective_axis *axis = &shape->axes[d];
        hop_count += (uint64_t)axis->stride * (axis->is_ring ? axis->length / 2 : axis->length - 1);
    }
    return hop_count * accelerator->hop_latency_ns;
}

/* --- The collectives --- */

typedef struct {
    const gw_cluster *cluster;
    const gw_accelerator *accelerator;
    const gw_collective *collective;
    gw_collective_shape shape;
    gw_span reach_ns;
    double rate_bytes_per_s;  /* Over all axes. */
    double size_bytes, count; /* One member's input; members. */
} priced_group;

static gw_span price_all_gather(const priced_group *group)
{
    const double share_bytes = (group->count - 1) * group->size_bytes;
    return group->reach_ns + gw_span_from_seconds(share_bytes / group->rate_bytes_per_s);
}

static gw_span price_reduce_scatter(const priced_group *group)
{
    const double share_bytes = (group->count - 1) * group->size_bytes / group->count;
    return group->reach_ns + gw_span_from_seconds(share_bytes / group->rate_bytes_per_s);
}

/* Short messages: axis after axis, everybody's whole input goes to everybody on the axis. */
static gw_span price_exchange(const priced_group *group)
{
    double seconds = 0;
    for (uint32_t d = 0; d < GW_ISLAND_DIMS_MAX; d++) {
        const gw_collective_axis *axis = &group->shape.axes[d];
        if (axis->length > 1) {
            seconds +=
                (axis->length - 1) * group->size_bytes / axis_bytes_per_s(group->accelerator, axis);
        }
    }
    return group->reach_ns + gw_span_from_seconds(seconds);
}

/* Each member's port carries its whole input to where parts are added up and the sum of its own
 * part on to all, and as much back. */
static gw_span price_in_switch(const priced_group *group)
{
    const gw_accelerator *accelerator = group->accelerator;
    const double port_bytes_per_s =
        2 * accelerator->link_bytes_per_s * accelerator->switch_reduction_efficiency;
    const double port_bytes = (group->count + 1) * group->size_bytes / group->count;
    return 2 * group->reach_ns + gw_span_from_seconds(port_bytes / port_bytes_per_s);
}

/* Long messages: a reduce-scatter, then an all-gather of its results. */
static gw_span price_all_reduce(const priced_group *group)
{
    const double share_bytes = 2 * (group->count - 1) * group->size_bytes / group->count;
    const gw_span scatter_gather_ns =
        2 * group->reach_ns + gw_span_from_seconds(share_bytes / group->rate_bytes_per_s);
    const gw_span fastest_ns = MIN(scatter_gather_ns, price_exchange(group));
    const bool adds_up = group->shape.is_switched && /* The switch does. */
                         group->accelerator->switch_reduction_efficiency > 0;
    return adds_up ? MIN(fastest_ns, price_in_switch(group)) : fastest_ns;
}

static gw_span price_broadcast(const priced_group *group)
{
    return group->reach_ns + gw_span_from_seconds(group->size_bytes / group->rate_bytes_per_s);
}

/* Half of what one half of an axis holds has to cross to its other half. */
static gw_span price_all_to_all(const priced_group *group)
{
    if (group->shape.is_switched) { /* All but its own part leaves by each member's port. */
        const double share_bytes = (group->count - 1) * group->size_bytes / group->count;
        return group->reach_ns + gw_span_from_seconds(share_bytes / group->rate_bytes_per_s);
    }
    double seconds = 0;
    for (uint32_t d = 0; d < GW_ISLAND_DIMS_MAX; d++) {
        const gw_collective_axis *axis = &group->shape.axes[d];
        if (axis->length > 1) {
            const uint32_t half = axis->length / 2, other_half = axis->length - half;
            const double crossing_bytes =
                (double)half * other_half * group->size_bytes / axis->length;
            seconds = MAX(seconds, crossing_bytes / axis_bytes_per_s(group->accelerator, axis));
        }
    }
    return group->reach_ns + gw_span_from_seconds(seconds);
}

/* By link of the island: how many messages cross it, those of other groups included. */
static uint32_t *count_crossings(const priced_group *group, uint32_t shift, uint32_t *links,
                                 uint32_t capacity)
{
    const gw_collective *collective = group->collective;
    const gw_cluster_island *island =
        gw_cluster_island_of(group->cluster, (gw_device_id){collective->devices[0]});
    uint32_t *loads = g_new0(uint32_t, island->device_count * GW_ROUTE_LINKS_PER_DEVICE);
    for (uint32_t i = 0; i < collective->member_count; i++) {
        const gw_device_id source = {collective->devices[i]};
        const gw_device_id target = {collective->devices[(i + shift) % collective->member_count]};
        const gw_route route =
            gw_route_trace(group->cluster, source, target, false, links, capacity);
        gw_check(route.hop_count <= capacity);
        for (uint32_t k = 0; k < route.hop_count; k++) {
            const uint32_t d = links[k] % GW_ROUTE_LINKS_PER_DEVICE / 2;
            loads[links[k] - island->first_device * GW_ROUTE_LINKS_PER_DEVICE] +=
                group->shape.is_box ? group->shape.axes[d].stride : 1;
        }
    }
    return loads;
}

/* Every member's message takes its own route, and its part of the fullest link there. */
static gw_span price_routes(const priced_group *group, uint32_t shift)
{
    const gw_collective *collective = group->collective;
    const gw_cluster_island *island =
        gw_cluster_island_of(group->cluster, (gw_device_id){collective->devices[0]});
    const uint32_t first_link = island->first_device * GW_ROUTE_LINKS_PER_DEVICE;
    const uint32_t capacity = MAX(2, island->shape[0] + island->shape[1] + island->shape[2]);
    g_autofree uint32_t *links = g_new(uint32_t, capacity);
    g_autofree uint32_t *loads = count_crossings(group, shift, links, capacity);
    gw_span longest_ns = 0;
    for (uint32_t i = 0; i < collective->member_count; i++) {
        const gw_device_id source = {collective->devices[i]};
        const gw_device_id target = {collective->devices[(i + shift) % collective->member_count]};
        const gw_route route =
            gw_route_trace(group->cluster, source, target, false, links, capacity);
        uint32_t fullest = 0;
        for (uint32_t k = 0; k < route.hop_count; k++) {
            fullest = MAX(fullest, loads[links[k] - first_link]);
        }
        const gw_span bytes_ns =
            gw_span_from_seconds(fullest * group->size_bytes / route.rate_bytes_per_s);
        longest_ns = MAX(longest_ns, route.latency_ns + bytes_ns);
    }
    return longest_ns;
}

static gw_span price_permute(const priced_group *group)
{
    const gw_collective *collective = group->collective;
    const uint32_t shift = collective->shift % collective->member_count;
    if (shift == 0) {
        const gw_device_id self = {collective->devices[0]};
        const gw_route copy = gw_route_between(group->cluster, self, self);
        return gw_span_from_seconds(group->size_bytes / copy.rate_bytes_per_s);
    }
    return price_routes(group, shift);
}

static gw_span price_group(const priced_group *group)
{
    switch (group->collective->kind) {
    case GW_OPERATION_ALL_REDUCE:
        return price_all_reduce(group);
    case GW_OPERATION_ALL_GATHER:
        return price_all_gather(group);
    case GW_OPERATION_REDUCE_SCATTER:
        return price_reduce_scatter(group);
    case GW_OPERATION_ALL_TO_ALL:
        return price_all_to_all(group);
    case GW_OPERATION_BROADCAST:
        return price_broadcast(group);
    case GW_OPERATION_PERMUTE:
        return price_permute(group);
    default:
        gw_check(false); /* No collective. */
        return 0;
    }
}

/* Groups whose members lie apart meet the groups in between at the same time, of which rounds know
 * nothing. */
static bool has_groups_between(const gw_collective_shape *shape)
{
    for (uint32_t d = 0; d < GW_ISLAND_DIMS_MAX; d++) {
        if (shape->is_box && shape->axes[d].length > 1 && shape->axes[d].stride > 1) {
            return true;
        }
    }
    return false;
}

static gw_span price_rounds(const gw_cluster *cluster, const gw_collective *collective,
                            gw_algorithm_kind algorithm)
{
    g_autoptr(gw_rounds) rounds =
        gw_rounds_plan(gw_rounds_algorithms[algorithm - GW_ALGORITHM_DIRECT], cluster, collective);
    return rounds != NULL ? gw_rounds_ns(rounds, cluster, collective->devices) : GW_TIME_NEVER;
}

/* On one torus or one switch, without the start-up. */
static gw_span price_closely(const gw_cluster *cluster, const gw_collective *collective,
                             const gw_collective_shape *shape, gw_algorithm_kind algorithm)
{
    if (algorithm != GW_ALGORITHM_AUTO) {
        return has_groups_between(shape) ? GW_TIME_NEVER
                                         : price_rounds(cluster, collective, algorithm);
    }
    const gw_accelerator *accelerator =
        gw_cluster_island_of(cluster, (gw_device_id){collective->devices[0]})->accelerator;
    const priced_group group = {
        .cluster = cluster,
        .accelerator = accelerator,
        .collective = collective,
        .shape = *shape,
        .reach_ns = reach_ns(accelerator, shape),
        .rate_bytes_per_s = all_bytes_per_s(accelerator, shape),
        .size_bytes = (double)collective->size_bytes,
        .count = collective->member_count,
    };
    return price_group(&group);
}

gw_span gw_collective_start_ns(const gw_accelerator *accelerator, gw_span wires_ns)
{
    const gw_span start_ns = accelerator->collective_overhead_ns;
    if (!accelerator->chunks_collectives) {
        return start_ns;
    }
    return start_ns + (gw_span)ceil(2 * sqrt((double)start_ns * (double)wires_ns));
}

gw_span gw_collective_wires_ns(const gw_cluster *cluster, const gw_collective *collective,
                               gw_algorithm_kind algorithm)
{
    const gw_collective_shape shape =
        gw_collective_shape_of(cluster, collective->devices, collective->member_count);
    if (collective->member_count == 1) {
        return 0;
    }
    return gw_node_group_is_spread(cluster, collective)
               ? gw_collective_nodes_ns(cluster, collective, algorithm)
               : price_closely(cluster, collective, &shape, algorithm);
}

gw_span gw_collective_ns_by(const gw_cluster *cluster, const gw_collective *collective,
                            gw_algorithm_kind algorithm)
{
    const gw_span wires_ns = gw_collective_wires_ns(cluster, collective, algorithm);
    if (collective->member_count == 1 || wires_ns == GW_TIME_NEVER) {
        return wires_ns;
    }
    const gw_device_id first = {collective->devices[0]};
    const gw_accelerator *accelerator = gw_cluster_island_of(cluster, first)->accelerator;
    return gw_collective_start_ns(accelerator, wires_ns) + wires_ns;
}

gw_span gw_collective_ns(const gw_cluster *cluster, const gw_collective *collective)
{
    const gw_device_id first = {collective->devices[0]};
    const gw_span named_ns =
        gw_collective_ns_by(cluster, collective, gw_cluster_island_of(cluster, first)->collectives);
    return named_ns < GW_TIME_NEVER ? named_ns
                                    : gw_collective_ns_by(cluster, collective, GW_ALGORITHM_AUTO);
}

gw_algorithm_kind gw_collective_algorithm(const gw_cluster *cluster,
                                          const gw_collective *collective)
{
    const gw_device_id first = {collective->devices[0]};
    const gw_algorithm_kind named = gw_cluster_island_of(cluster, first)->collectives;
    if (collective->member_count == 1) {
        return GW_ALGORITHM_AUTO;
    }
    if (named != GW_ALGORITHM_AUTO &&
        gw_collective_ns_by(cluster, collective, named) < GW_TIME_NEVER) {
        return named;
    }
    if (!gw_node_group_is_spread(cluster, collective)) {
        return GW_ALGORITHM_AUTO;
    }
    const gw_span fastest_ns = gw_collective_nodes_ns(cluster, collective, GW_ALGORITHM_AUTO);
    for (uint32_t i = GW_ALGORITHM_DIRECT; i <= GW_ALGORITHM_TREE; i++) {
        if (i != GW_ALGORITHM_HALVING_DOUBLING && /* Only by name. */
            gw_collective_nodes_ns(cluster, collective, (gw_algorithm_kind)i) == fastest_ns) {
            return (gw_algorithm_kind)i;
        }
    }
    return GW_ALGORITHM_AUTO; /* Sums in the switches. */
}
