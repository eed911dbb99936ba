/* SPDX-License-Identifier: Apache-2.0 */
/* Devices are numbered host by host, so members sorted by device are sorted by host and place. */
#include "accel/node_group.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

typedef struct {
    uint32_t device, member;
} seat;

static int compare_seats(const void *a, const void *b)
{
    const uint32_t one = ((const seat *)a)->device, other = ((const seat *)b)->device;
    return (one > other) - (one < other);
}

bool gw_node_group_is_spread(const gw_cluster *cluster, const gw_collective *collective)
{
    const gw_device_id first = {collective->devices[0]};
    if (gw_cluster_island_of(cluster, first)->rails_per_host == 0) {
        return false;
    }
    const uint32_t host = gw_cluster_host_of(cluster, first);
    for (uint32_t i = 1; i < collective->member_count; i++) {
        if (gw_cluster_host_of(cluster, (gw_device_id){collective->devices[i]}) != host) {
            return true;
        }
    }
    return false;
}

static seat *list_seats(const gw_collective *collective)
{
    seat *seats = g_new(seat, collective->member_count);
    for (uint32_t m = 0; m < collective->member_count; m++) {
        seats[m] = (seat){collective->devices[m], m};
    }
    qsort(seats, collective->member_count, sizeof(seat), compare_seats);
    return seats;
}

static void find_hosts(gw_node_group *group, const gw_cluster *cluster, const seat *seats)
{
    group->firsts = g_new(uint32_t, group->member_count + 1);
    uint32_t last = GW_INDEX_NONE;
    for (uint32_t i = 0; i < group->member_count; i++) {
        const uint32_t host = gw_cluster_host_of(cluster, (gw_device_id){seats[i].device});
        if (host != last) {
            group->firsts[group->host_count++] = i;
            last = host;
        }
    }
    group->firsts[group->host_count] = group->member_count;
    group->per_host_min = group->member_count;
    for (uint32_t h = 0; h < group->host_count; h++) {
        const uint32_t count = group->firsts[h + 1] - group->firsts[h];
        group->per_host_min = MIN(group->per_host_min, count);
        group->per_host_max = MAX(group->per_host_max, count);
    }
}

static bool has_equal_places(const gw_node_group *group, const gw_cluster *cluster,
                             const seat *seats)
{
    const gw_cluster_island *island =
        gw_cluster_island_of(cluster, (gw_device_id){seats[0].device});
    if (group->per_host_min != group->per_host_max) {
        return false;
    }
    for (uint32_t i = group->per_host_max; i < group->member_count; i++) {
        const uint32_t apart = seats[i].device - seats[i - group->per_host_max].device;
        if (apart % island->devices_per_host != 0) {
            return false;
        }
    }
    return true;
}

/* Turns the hosts, and the members of each, so that member 0 comes first. */
static void put_in_order(gw_node_group *group, const seat *seats)
{
    uint32_t root = 0;
    while (seats[root].member != 0) {
        root++;
    }
    uint32_t root_host = 0;
    while (group->firsts[root_host + 1] <= root) {
        root_host++;
    }
    const uint32_t root_slot = root - group->firsts[root_host];
    g_autofree uint32_t *sorted_firsts = group->firsts;
    group->firsts = g_new(uint32_t, group->host_count + 1);
    group->order = g_new(uint32_t, group->member_count);
    uint32_t next = 0;
    for (uint32_t h = 0; h < group->host_count; h++) {
        const uint32_t host = (root_host + h) % group->host_count;
        const uint32_t first = sorted_firsts[host], count = sorted_firsts[host + 1] - first;
        group->firsts[h] = next;
        for (uint32_t i = 0; i < count; i++) {
            group->order[next++] = seats[first + (root_slot + i) % count].member;
        }
    }
    group->firsts[group->host_count] = next;
}

static uint32_t find_rail(const gw_node_group *group, const gw_cluster *cluster,
                          const gw_collective *collective, uint32_t slot)
{
    return gw_cluster_rail_of(cluster, (gw_device_id){collective->devices[group->order[slot]]});
}

/* The slot's rail is not that of the slot before it, going round. */
static bool begins_rail(const gw_node_group *group, const gw_cluster *cluster,
                        const gw_collective *collective, uint32_t slot)
{
    const uint32_t before = (slot + group->per_host_max - 1) % group->per_host_max;
    return find_rail(group, cluster, collective, slot) !=
           find_rail(group, cluster, collective, before);
}

void gw_node_group_init(gw_node_group *group, const gw_cluster *cluster,
                        const gw_collective *collective)
{
    *group = (gw_node_group){.member_count = collective->member_count};
    g_autofree seat *seats = list_seats(collective);
    find_hosts(group, cluster, seats);
    gw_check(group->host_count > 1);
    group->is_even = has_equal_places(group, cluster, seats);
    put_in_order(group, seats);
    for (uint32_t slot = 0; group->is_even && slot < group->per_host_max; slot++) {
        group->rail_count += begins_rail(group, cluster, collective, slot) ? 1 : 0;
    }
    group->rail_count = MAX(group->rail_count, 1); /* All on one rail: none begins. */
}

void gw_node_group_clear(gw_node_group *group)
{
    g_free(group->order);
    g_free(group->firsts);
    *group = (gw_node_group){0};
}

uint32_t *gw_node_group_list_rails(const gw_node_group *group, const gw_cluster *cluster,
                                   const gw_collective *collective)
{
    uint32_t *slots = g_new0(uint32_t, group->rail_count);
    uint32_t count = 0;
    for (uint32_t slot = 0; group->rail_count > 1 && slot < group->per_host_max; slot++) {
        if (begins_rail(group, cluster, collective, slot)) {
            slots[count++] = slot;
        }
    }
    gw_check(count == group->rail_count || group->rail_count == 1);
    return slots;
}
