/* SPDX-License-Identifier: Apache-2.0 */
/* A level is a set of rows: the members of each host, or those of each slot.  What is done with a
 * row is done with all rows of the level in the same phases. */
#include "accel/rounds_nodes.h"

#include <math.h>

#include "accel/node_group.h"
#include "base/check.h"

static uint64_t divide_up(uint64_t size_bytes, uint64_t count)
{
    return size_bytes / count + (size_bytes % count > 0 ? 1 : 0);
}

/* Rows of an even group: `length` members each, the i-th of row r at order[r * row_step + i *
 * step]. */
typedef struct {
    const uint32_t *order;
    uint32_t row_count, row_step, length, step;
} level;

static level inside_of(const gw_node_group *group)
{
    return (level){group->order, group->host_count, group->per_host_max, group->per_host_max, 1};
}

static level across_of(const gw_node_group *group)
{
    return (level){group->order, group->per_host_max, 1, group->host_count, group->per_host_max};
}

static uint32_t member_at(const level *on, uint32_t row, uint32_t index)
{
    return on->order[row * on->row_step + index * on->step];
}

static bool is_power_of_two(uint32_t count)
{
    return (count & (count - 1)) == 0;
}

/* In a phase repeated `repeat_count` times everybody in a row sends to who is `shift` on. */
static void add_shift(gw_rounds *made, const level *on, uint32_t shift, uint32_t repeat_count,
                      uint64_t size_bytes)
{
    gw_rounds_phase *phase = gw_rounds_add_phase(made, 0, repeat_count);
    for (uint32_t row = 0; row < on->row_count; row++) {
        for (uint32_t i = 0; i < on->length; i++) {
            gw_rounds_set_send(made, phase, member_at(on, row, i), 0,
                               member_at(on, row, (i + shift) % on->length), size_bytes);
        }
    }
}

static void add_swap(gw_rounds *made, const level *on, uint32_t apart, uint64_t size_bytes)
{
    gw_rounds_phase *phase = gw_rounds_add_phase(made, 0, 1);
    for (uint32_t row = 0; row < on->row_count; row++) {
        for (uint32_t i = 0; i < on->length; i++) {
            gw_rounds_set_send(made, phase, member_at(on, row, i), 0, member_at(on, row, i ^ apart),
                               size_bytes);
        }
    }
}

/* Partners twice as far apart each time, or a ring. */
static void gather_level(gw_rounds *made, const level *on, uint64_t block_bytes)
{
    if (!is_power_of_two(on->length)) {
        add_shift(made, on, 1, on->length - 1, block_bytes);
        return;
    }
    for (uint32_t apart = 1; apart < on->length; apart *= 2) {
        add_swap(made, on, apart, apart * block_bytes);
    }
}

/* Of the first `row_count` rows: what their first members have is cut into equal parts: by halves,
 * or handed on along the row, the last one's part first.  Either way all are through in the same
 * round, so that nobody begins to gather while others still wait for their parts. */
static void scatter_level(gw_rounds *made, const level *on, uint32_t row_count, uint64_t size_bytes)
{
    const uint64_t part_bytes = divide_up(size_bytes, on->length);
    if (!is_power_of_two(on->length)) {
        for (uint32_t sender_count = 1; sender_count < on->length; sender_count++) {
            gw_rounds_phase *phase = gw_rounds_add_phase(made, 0, 1);
            for (uint32_t k = 0; k < row_count * sender_count; k++) {
                const uint32_t row = k / sender_count, i = k % sender_count;
                gw_rounds_set_send(made, phase, member_at(on, row, i), 0, member_at(on, row, i + 1),
                                   part_bytes);
            }
        }
        return;
    }
    for (uint32_t span = on->length / 2; span > 0; span /= 2) {
        gw_rounds_phase *phase = gw_rounds_add_phase(made, 0, 1);
        for (uint32_t row = 0; row < row_count; row++) {
            for (uint32_t i = 0; i < on->length; i += 2 * span) {
                gw_rounds_set_send(made, phase, member_at(on, row, i), 0,
                                   member_at(on, row, i + span), span * part_bytes);
            }
        }
    }
}

gw_rounds *gw_rounds_gather_nodes(const gw_cluster *cluster, const gw_collective *collective,
                                  uint64_t block_bytes)
{
    gw_node_group group;
    gw_node_group_init(&group, cluster, collective);
    const uint32_t count = group.member_count;
    g_autofree uint32_t *starts = gw_node_group_list_rails(&group, cluster, collective);
    gw_rounds *made = gw_rounds_new(count, group.rail_count);
    for (uint32_t part = 0; part < group.rail_count; part++) {
        gw_rounds_phase *phase = gw_rounds_add_phase(made, part, count - 1);
        uint32_t first = GW_INDEX_NONE, last = GW_INDEX_NONE;
        for (uint32_t h = 0; h < group.host_count; h++) {
            const uint32_t host_first = group.firsts[h];
            const uint32_t length = group.firsts[h + 1] - host_first;
            for (uint32_t i = 0; i < length; i++) {
                const uint32_t member = group.order[host_first + (starts[part] + i) % length];
                if (last == GW_INDEX_NONE) {
                    first = member;
                } else {
                    gw_rounds_set_send(made, phase, last, 0, member,
                                       divide_up(block_bytes, group.rail_count));
                }
                last = member;
            }
        }
        gw_rounds_set_send(made, phase, last, 0, first, divide_up(block_bytes, group.rail_count));
    }
    gw_node_group_clear(&group);
    return made;
}

typedef struct {
    gw_node_group group;
    level across, inside;
} levels;

/* NULL where hosts have unlike numbers of members.  The caller clears on->group in either case. */
static gw_rounds *begin_levels(levels *on, const gw_cluster *cluster,
                               const gw_collective *collective)
{
    gw_node_group_init(&on->group, cluster, collective);
    if (!on->group.is_even) {
        return NULL;
    }
    on->across = across_of(&on->group);
    on->inside = inside_of(&on->group);
    return gw_rounds_new(on->group.member_count, 1);
}

gw_rounds *gw_rounds_gather_by_level(const gw_cluster *cluster, const gw_collective *collective,
                                     uint64_t block_bytes)
{
    levels on;
    gw_rounds *made = begin_levels(&on, cluster, collective);
    if (made != NULL) {
        gather_level(made, &on.across, block_bytes);
        if (on.inside.length > 1) {
            gather_level(made, &on.inside, on.group.host_count * block_bytes);
        }
    }
    gw_node_group_clear(&on.group);
    return made;
}

gw_rounds *gw_rounds_scatter_and_gather(const gw_cluster *cluster, const gw_collective *collective)
{
    levels on;
    gw_rounds *made = begin_levels(&on, cluster, collective);
    if (made != NULL) {
        const uint64_t host_part_bytes = divide_up(collective->size_bytes, on.group.per_host_max);
        if (on.inside.length > 1) {
            scatter_level(made, &on.inside, 1, collective->size_bytes);
        }
        scatter_level(made, &on.across, on.across.row_count, host_part_bytes);
        gather_level(made, &on.across, divide_up(host_part_bytes, on.group.host_count));
        if (on.inside.length > 1) {
            gather_level(made, &on.inside, host_part_bytes);
        }
    }
    gw_node_group_clear(&on.group);
    return made;
}

gw_rounds *gw_rounds_exchange_by_level(const gw_cluster *cluster, const gw_collective *collective)
{
    levels on;
    gw_rounds *made = begin_levels(&on, cluster, collective);
    if (made != NULL) {
        for (uint32_t shift = 1; shift < on.inside.length; shift++) {
            add_shift(made, &on.inside, shift, 1,
                      divide_up(collective->size_bytes, on.inside.length));
        }
        for (uint32_t shift = 1; shift < on.across.length; shift++) {
            add_shift(made, &on.across, shift, 1,
                      divide_up(collective->size_bytes, on.across.length));
        }
    }
    gw_node_group_clear(&on.group);
    return made;
}

/* The sum's own part, and all of it in and out of the switch, by each port: half of that before the
 * hosts exchange, and half of it after. */
static void add_switch_sum(gw_rounds *made, const gw_cluster *cluster,
                           const gw_collective *collective, const level *inside)
{
    const gw_accelerator *accelerator =
        gw_cluster_island_of(cluster, (gw_device_id){collective->devices[0]})->accelerator;
    const double port_bytes = (1 + 1.0 / inside->length) * (double)collective->size_bytes / 2;
    const double slowness = accelerator->link_efficiency / accelerator->switch_reduction_efficiency;
    add_shift(made, inside, 1, 1, (uint64_t)ceil(port_bytes * slowness));
}

gw_rounds *gw_rounds_sum_in_switches(const gw_cluster *cluster, const gw_collective *collective)
{
    gw_node_group group;
    gw_node_group_init(&group, cluster, collective);
    gw_check(group.is_even);
    gw_check(group.per_host_max > 1);
    const level across = across_of(&group), inside = inside_of(&group);
    gw_rounds *halves[2];
    for (uint32_t i = 0; i < 2; i++) {
        halves[i] = gw_rounds_new(group.member_count, 1);
        gather_level(halves[i], &across, divide_up(collective->size_bytes, group.member_count));
        add_switch_sum(halves[i], cluster, collective, &inside);
    }
    gw_rounds_reverse(halves[0]);
    gw_rounds_take_next(halves[0], halves[1]);
    gw_node_group_clear(&group);
    return halves[0];
}

static uint32_t round_up_to_power(uint32_t count)
{
    uint32_t power = 1;
    while (power < count) {
        power *= 2;
    }
    return power;
}

gw_rounds *gw_rounds_broadcast_nodes(const gw_cluster *cluster, const gw_collective *collective)
{
    gw_node_group group;
    gw_node_group_init(&group, cluster, collective);
    const uint32_t *order = group.order, *firsts = group.firsts;
    gw_rounds *made = gw_rounds_new(group.member_count, 1);
    for (uint32_t had = 1; had < group.host_count; had *= 2) { /* Hosts that have it. */
        gw_rounds_phase *phase = gw_rounds_add_phase(made, 0, 1);
        for (uint32_t h = 0; h < MIN(had, group.host_count - had); h++) {
            gw_rounds_set_send(made, phase, order[firsts[h]], 0, order[firsts[had + h]],
                               collective->size_bytes);
        }
    }
    for (uint32_t span = round_up_to_power(group.per_host_max) / 2; span > 0; span /= 2) {
        gw_rounds_phase *phase = gw_rounds_add_phase(made, 0, 1);
        for (uint32_t h = 0; h < group.host_count; h++) {
            for (uint32_t i = firsts[h]; i + span < firsts[h + 1]; i += 2 * span) {
                gw_rounds_set_send(made, phase, order[i], 0, order[i + span],
                                   collective->size_bytes);
            }
        }
    }
    gw_node_group_clear(&group);
    return made;
}
