/* SPDX-License-Identifier: Apache-2.0 */
/* The table of algorithms.  Each knows how to gather, and most of the rest follows: scattering is
 * gathering backwards, and an all-reduce is a reduce-scatter and then an all-gather of the sums.
 * docs/MODEL.md, "Collectives, transfer by transfer", has where they come from. */
#include <string.h>

#include "accel/collective.h"
#include "accel/node_group.h"
#include "accel/rounds.h"
#include "accel/rounds_nodes.h"
#include "base/check.h"
#include "topology/route.h"

#define DIRECT_MEMBERS_MAX 256 /* Its transfers are the square of its members. */

static uint64_t divide_up(uint64_t size_bytes, uint64_t count)
{
    return size_bytes / count + (size_bytes % count > 0 ? 1 : 0);
}

typedef gw_rounds *(*gathering)(const gw_cluster *cluster, const gw_collective *collective,
                                uint64_t block_bytes);

/* All collectives that are gatherings of blocks, one way or the other in time. */
static gw_rounds *plan_by_gathering(const gw_cluster *cluster, const gw_collective *collective,
                                    gathering gather)
{
    const uint64_t part_bytes = divide_up(collective->size_bytes, collective->member_count);
    const bool is_all_gather = collective->kind == GW_OPERATION_ALL_GATHER;
    if (!is_all_gather && collective->kind != GW_OPERATION_REDUCE_SCATTER &&
        collective->kind != GW_OPERATION_ALL_REDUCE) {
        return NULL;
    }
    gw_rounds *made =
        gather(cluster, collective, is_all_gather ? collective->size_bytes : part_bytes);
    if (made == NULL || is_all_gather) {
        return made;
    }
    gw_rounds_reverse(made);
    if (collective->kind == GW_OPERATION_ALL_REDUCE) {
        gw_rounds_take_next(made, gather(cluster, collective, part_bytes));
    }
    return made;
}

/* --- One ring, in group order, one way round --- */

/* Sums go round the same way as blocks.  Backwards, the way that closes a ring on a line would
 * share links with those who gather already. */
static gw_rounds *plan_close_ring(const gw_collective *collective)
{
    const uint32_t count = collective->member_count;
    const bool is_all_reduce = collective->kind == GW_OPERATION_ALL_REDUCE;
    const bool is_all_gather = collective->kind == GW_OPERATION_ALL_GATHER;
    if (!is_all_gather && !is_all_reduce && collective->kind != GW_OPERATION_REDUCE_SCATTER) {
        return NULL;
    }
    const uint64_t block_bytes =
        is_all_gather ? collective->size_bytes : divide_up(collective->size_bytes, count);
    gw_rounds *made = gw_rounds_new(count, 1);
    gw_rounds_phase *phase = gw_rounds_add_phase(made, 0, (is_all_reduce ? 2 : 1) * (count - 1));
    for (uint32_t m = 0; m < count; m++) {
        gw_rounds_set_send(made, phase, m, 0, (m + 1) % count, block_bytes);
    }
    return made;
}

static gw_rounds *plan_ring(const gw_cluster *cluster, const gw_collective *collective)
{
    return gw_node_group_is_spread(cluster, collective)
               ? plan_by_gathering(cluster, collective, gw_rounds_gather_nodes)
               : plan_close_ring(collective);
}

/* --- Rings both ways along all axes of a torus --- */

typedef struct {
    gw_collective_shape shape;
    uint32_t *ranks;   /* By member and dimension: its place along the axis. */
    uint32_t *members; /* By place in the box. */
} box;

static uint32_t find_place(const gw_collective_shape *shape, const uint32_t *ranks)
{
    return (ranks[0] * shape->axes[1].length + ranks[1]) * shape->axes[2].length + ranks[2];
}

/* The first place of a line, or any of a ring: nobody sits one stride before it. */
static uint32_t find_first(const uint8_t *is_taken, uint32_t length, bool is_wrapped)
{
    uint32_t lowest = 0;
    while (is_taken[lowest] == 0) {
        lowest++;
    }
    if (!is_wrapped || is_taken[length - 1] == 0) {
        return lowest;
    }
    uint32_t first = length - 1;
    while (first > 0 && is_taken[first - 1] != 0) {
        first--;
    }
    return first;
}

static void fill_ranks(const gw_cluster *cluster, const gw_collective *collective, box *made)
{
    const gw_cluster_island *island =
        gw_cluster_island_of(cluster, (gw_device_id){collective->devices[0]});
    for (uint32_t d = 0; d < GW_ISLAND_DIMS_MAX; d++) {
        g_autofree uint8_t *is_taken = g_new0(uint8_t, island->shape[d]);
        uint32_t at[GW_ISLAND_DIMS_MAX];
        for (uint32_t m = 0; m < collective->member_count; m++) {
            gw_cluster_coordinates(cluster, (gw_device_id){collective->devices[m]}, at);
            is_taken[at[d]] = 1;
        }
        const uint32_t length = island->shape[d];
        const uint32_t first = find_first(is_taken, length, island->is_wrapped[d]);
        for (uint32_t m = 0; m < collective->member_count; m++) {
            gw_cluster_coordinates(cluster, (gw_device_id){collective->devices[m]}, at);
            made->ranks[GW_ISLAND_DIMS_MAX * m + d] = (at[d] + length - first) % length;
        }
    }
}

static void box_init(box *made, const gw_cluster *cluster, const gw_collective *collective)
{
    const uint32_t count = collective->member_count;
    made->ranks = g_new(uint32_t, GW_ISLAND_DIMS_MAX * count);
    made->members = g_new(uint32_t, count);
    fill_ranks(cluster, collective, made);
    for (uint32_t m = 0; m < count; m++) {
        made->members[find_place(&made->shape, &made->ranks[GW_ISLAND_DIMS_MAX * m])] = m;
    }
}

static void box_clear(box *made)
{
    g_free(made->ranks);
    g_free(made->members);
}

/* A round along axis `d`, of which it is the `round`-th: every member that has something new sends
 * it on, both ways. */
static void add_axis_round(gw_rounds *made, uint32_t part, const box *on, uint32_t d,
                           uint32_t round, uint32_t repeat_count, uint64_t block_bytes)
{
    const gw_collective_axis *axis = &on->shape.axes[d];
    gw_rounds_phase *phase = gw_rounds_add_phase(made, part, repeat_count);
    for (uint32_t m = 0; m < made->member_count; m++) {
        uint32_t ranks[GW_ISLAND_DIMS_MAX];
        memcpy(ranks, &on->ranks[GW_ISLAND_DIMS_MAX * m], sizeof(ranks));
        const uint32_t rank = ranks[d], last = axis->length - 1;
        for (uint32_t way = 0; way < GW_ROUNDS_WAYS; way++) {
            const uint32_t behind = way == 0 ? rank : last - rank; /* Whose blocks it passes on. */
            const uint32_t ahead = last - behind;
            if (axis->is_ring || (behind >= round && ahead > 0)) {
                ranks[d] = (rank + (way == 0 ? 1 : last)) % axis->length;
                gw_rounds_set_send(made, phase, m, way, on->members[find_place(&on->shape, ranks)],
                                   block_bytes);
            }
        }
    }
}

static void gather_along_axis(gw_rounds *made, uint32_t part, const box *on, uint32_t d,
                              uint64_t block_bytes)
{
    const gw_collective_axis *axis = &on->shape.axes[d];
    if (!axis->is_ring) {
        for (uint32_t round = 0; round + 1 < axis->length; round++) {
            add_axis_round(made, part, on, d, round, 1, block_bytes);
        }
        return;
    }
    if (axis->length > 2) {
        add_axis_round(made, part, on, d, 0, (axis->length - 1) / 2, block_bytes);
    }
    if (axis->length % 2 == 0) { /* The block of whom is opposite comes by halves. */
        add_axis_round(made, part, on, d, 0, 1, divide_up(block_bytes, 2));
    }
}

/* One part for each axis: it begins with that one and goes through the others in turn, all in step,
 * so that each axis is one part's at a time. */
static gw_rounds *gather_over_torus(const gw_cluster *cluster, const gw_collective *collective,
                                    uint64_t block_bytes)
{
    box on = {.shape =
                  gw_collective_shape_of(cluster, collective->devices, collective->member_count)};
    uint32_t dims[GW_ISLAND_DIMS_MAX], dim_count = 0;
    bool is_dense = on.shape.is_box && !on.shape.is_switched;
    for (uint32_t d = 0; d < GW_ISLAND_DIMS_MAX; d++) {
        if (on.shape.axes[d].length > 1) {
            dims[dim_count++] = d;
            is_dense = is_dense && on.shape.axes[d].stride == 1;
        }
    }
    if (!is_dense) { /* Others would sit between its members, and use the same links. */
        return NULL;
    }
    box_init(&on, cluster, collective);
    gw_rounds *made = gw_rounds_new(collective->member_count, dim_count);
    uint64_t gathered_bytes[GW_ISLAND_DIMS_MAX]; /* By part. */
    for (uint32_t i = 0; i < dim_count * dim_count; i++) {
        const uint32_t stage = i / dim_count, part = i % dim_count;
        const uint32_t d = dims[(part + stage) % dim_count];
        if (stage > 0 && part == 0) {
            gw_rounds_add_stage(made);
        }
        if (stage == 0) {
            gathered_bytes[part] = divide_up(block_bytes, dim_count);
        }
        gather_along_axis(made, part, &on, d, gathered_bytes[part]);
        gathered_bytes[part] *= on.shape.axes[d].length;
    }
    box_clear(&on);
    return made;
}

static gw_rounds *plan_torus(const gw_cluster *cluster, const gw_collective *collective)
{
    return plan_by_gathering(cluster, collective, gather_over_torus);
}

/* --- Recursive doubling --- */

static gw_rounds *gather_by_doubling(const gw_cluster *cluster, const gw_collective *collective,
                                     uint64_t block_bytes)
{
    (void)cluster;
    const uint32_t count = collective->member_count;
    if ((count & (count - 1)) != 0) {
        return NULL;
    }
    gw_rounds *made = gw_rounds_new(count, 1);
    for (uint32_t apart = 1; apart < count; apart *= 2) {
        gw_rounds_phase *phase = gw_rounds_add_phase(made, 0, 1);
        for (uint32_t m = 0; m < count; m++) {
            gw_rounds_set_send(made, phase, m, 0, m ^ apart, apart * block_bytes);
        }
    }
    return made;
}

static gw_rounds *plan_halving_doubling(const gw_cluster *cluster, const gw_collective *collective)
{
    return plan_by_gathering(cluster, collective, gather_by_doubling);
}

/* --- A binomial tree --- */

/* Down to `length` of them, `stride` apart, from each member that is a multiple of what they span,
 * in group order. */
static void add_tree(gw_rounds *made, uint32_t length, uint32_t stride, uint64_t size_bytes)
{
    uint32_t span = 1;
    while (span < length) {
        span *= 2;
    }
    for (span /= 2; span > 0; span /= 2) {
        gw_rounds_phase *phase = gw_rounds_add_phase(made, 0, 1);
        for (uint32_t m = 0; m + span * stride < made->member_count; m += stride) {
            const uint32_t rank = m / stride % length;
            if (rank % (2 * span) == 0 && rank + span < length) {
                gw_rounds_set_send(made, phase, m, 0, m + span * stride, size_bytes);
            }
        }
    }
}

/* Where they are a box in group order, along one axis after the other, so that no two transfers of
 * a round cross the same link. */
static gw_rounds *broadcast_down_tree(const gw_cluster *cluster, const gw_collective *collective)
{
    const uint32_t count = collective->member_count;
    const gw_collective_shape shape = gw_collective_shape_of(cluster, collective->devices, count);
    gw_rounds *made = gw_rounds_new(count, 1);
    uint32_t stride = count;
    for (uint32_t d = 0; d < GW_ISLAND_DIMS_MAX; d++) {
        stride /= shape.axes[d].length;
        if (shape.axes[d].length > 1) {
            add_tree(made, shape.axes[d].length, stride, collective->size_bytes);
        }
    }
    return made;
}

static gw_rounds *plan_tree(const gw_cluster *cluster, const gw_collective *collective)
{
    const bool is_all_reduce = collective->kind == GW_OPERATION_ALL_REDUCE;
    if (!is_all_reduce && collective->kind != GW_OPERATION_BROADCAST) {
        return NULL;
    }
    const bool is_spread = gw_node_group_is_spread(cluster, collective);
    gw_rounds *made = NULL;
    for (uint32_t i = 0; i < (is_all_reduce ? 2 : 1); i++) {
        gw_rounds *down = is_spread ? gw_rounds_broadcast_nodes(cluster, collective)
                                    : broadcast_down_tree(cluster, collective);
        if (is_all_reduce && i == 0) {
            gw_rounds_reverse(down); /* Now it adds up, at member 0. */
        }
        if (made == NULL) {
            made = down;
        } else {
            gw_rounds_take_next(made, down);
        }
    }
    return made;
}

/* --- Inside nodes and between them --- */

static gw_rounds *plan_hierarchical(const gw_cluster *cluster, const gw_collective *collective)
{
    if (!gw_node_group_is_spread(cluster, collective)) {
        return NULL;
    }
    switch (collective->kind) {
    case GW_OPERATION_BROADCAST:
        return gw_rounds_scatter_and_gather(cluster, collective);
    case GW_OPERATION_ALL_TO_ALL:
        return gw_rounds_exchange_by_level(cluster, collective);
    default:
        return plan_by_gathering(cluster, collective, gw_rounds_gather_by_level);
    }
}

/* --- Everybody to everybody, all at once --- */

/* Some ring of the route is crossed half way, so that both ways round are equally long. */
static bool is_half_way_round(const gw_cluster *cluster, gw_device_id source, gw_device_id target,
                              uint32_t *links, uint32_t capacity)
{
    const gw_route route = gw_route_trace(cluster, source, target, false, links, capacity);
    gw_check(route.hop_count <= capacity);
    gw_route_trace(cluster, source, target, true, &links[capacity], capacity);
    return memcmp(links, &links[capacity], route.hop_count * sizeof(uint32_t)) != 0;
}

static gw_rounds *send_to_all(const gw_cluster *cluster, const gw_collective *collective,
                              uint64_t block_bytes)
{
    const uint32_t count = collective->member_count;
    const uint32_t *shape =
        gw_cluster_island_of(cluster, (gw_device_id){collective->devices[0]})->shape;
    const uint32_t capacity = MAX(2, shape[0] + shape[1] + shape[2]);
    g_autofree uint32_t *links = g_new(uint32_t, 2 * (size_t)capacity);
    gw_rounds *made = gw_rounds_new(count, count - 1);
    for (uint32_t shift = 1; shift < count; shift++) {
        gw_rounds_phase *phase = gw_rounds_add_phase(made, shift - 1, 1);
        for (uint32_t m = 0; m < count; m++) {
            const uint32_t target = (m + shift) % count;
            const gw_device_id from = {collective->devices[m]}, to = {collective->devices[target]};
            const uint64_t half_bytes =
                is_half_way_round(cluster, from, to, links, capacity) ? block_bytes / 2 : 0;
            gw_rounds_set_send(made, phase, m, 0, target, block_bytes - half_bytes);
            if (half_bytes > 0) {
                gw_rounds_set_send(made, phase, m, 1, target, half_bytes);
            }
        }
    }
    return made;
}

/* A permutation is one transfer of each member, and as direct as can be. */
static gw_rounds *send_shifted(const gw_collective *collective)
{
    const uint32_t count = collective->member_count, shift = collective->shift % count;
    if (shift == 0) {
        return NULL; /* Each to itself: a copy, and no transfer. */
    }
    gw_rounds *made = gw_rounds_new(count, 1);
    gw_rounds_phase *phase = gw_rounds_add_phase(made, 0, 1);
    for (uint32_t m = 0; m < count; m++) {
        gw_rounds_set_send(made, phase, m, 0, (m + shift) % count, collective->size_bytes);
    }
    return made;
}

/* An all-reduce in which everybody has all inputs and adds them up: for short ones. */
static gw_rounds *plan_direct(const gw_cluster *cluster, const gw_collective *collective)
{
    const uint64_t part_bytes = divide_up(collective->size_bytes, collective->member_count);
    if (collective->kind == GW_OPERATION_PERMUTE) {
        return send_shifted(collective);
    }
    if (collective->member_count > DIRECT_MEMBERS_MAX) {
        return NULL;
    }
    switch (collective->kind) {
    case GW_OPERATION_ALL_GATHER:
    case GW_OPERATION_ALL_REDUCE:
        return send_to_all(cluster, collective, collective->size_bytes);
    case GW_OPERATION_REDUCE_SCATTER:
    case GW_OPERATION_ALL_TO_ALL:
        return send_to_all(cluster, collective, part_bytes);
    default:
        return NULL;
    }
}

/* --- The table --- */

static const gw_rounds_algorithm direct = {
    .name = "direct",
    .summary = "everybody to everybody, all at once",
    .plan = plan_direct,
};
static const gw_rounds_algorithm halving_doubling = {
    .name = "halving_doubling",
    .summary = "partners twice as far apart in each round; powers of two",
    .plan = plan_halving_doubling,
};
static const gw_rounds_algorithm hierarchical = {
    .name = "hierarchical",
    .summary = "inside each node, then between nodes by slot, and back; groups over nodes",
    .plan = plan_hierarchical,
};
static const gw_rounds_algorithm ring = {
    .name = "ring",
    .summary = "one ring in group order, one way round; over nodes one for each rail",
    .plan = plan_ring,
};
static const gw_rounds_algorithm torus = {
    .name = "torus",
    .summary = "rings both ways along all axes of a torus at once",
    .plan = plan_torus,
};
static const gw_rounds_algorithm tree = {
    .name = "tree",
    .summary = "a binomial tree, down and, for sums, up first",
    .plan = plan_tree,
};

const gw_rounds_algorithm *const gw_rounds_algorithms[] = {
    &direct, &halving_doubling, &hierarchical, &ring, &torus, &tree, NULL,
};

const gw_rounds_algorithm *gw_rounds_algorithm_find(const char *name)
{
    for (uint32_t i = 0; gw_rounds_algorithms[i] != NULL; i++) {
        if (strcmp(gw_rounds_algorithms[i]->name, name) == 0) {
            return gw_rounds_algorithms[i];
        }
    }
    return NULL;
}

gw_rounds *gw_rounds_plan(const gw_rounds_algorithm *algorithm, const gw_cluster *cluster,
                          const gw_collective *collective)
{
    return collective->member_count > 1 ? algorithm->plan(cluster, collective) : NULL;
}
