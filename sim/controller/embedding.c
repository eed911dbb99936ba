/* SPDX-License-Identifier: Apache-2.0 */
/* A way is a choice, for each axis of the island, of a dimension of the mesh and a factor of its
 * size; all of them are tried.  A folded dimension counts in the reflected code of its sides (an
 * inner digit runs backwards where the number made of the outer ones is odd), in which a step
 * changes one digit by one. */
#include "controller/embedding.h"

#include "base/check.h"

/* --- Distances --- */

static uint32_t axis_distance(const gw_island *island, uint32_t axis, uint32_t a, uint32_t b)
{
    uint32_t apart = a > b ? a - b : b - a;
    return island->is_wrapped[axis] ? MIN(apart, island->shape[axis] - apart) : apart;
}

uint32_t gw_embedding_distance(const gw_island *island, uint32_t source, uint32_t target)
{
    gw_check(source < island->device_count);
    gw_check(target < island->device_count);
    uint32_t distance = 0;
    for (uint32_t axis = GW_EMBEDDING_AXES; axis-- > 0;) {
        uint32_t length = island->shape[axis];
        distance += axis_distance(island, axis, source % length, target % length);
        source /= length;
        target /= length;
    }
    return distance;
}

/* --- Ways --- */

typedef struct {
    const gw_mesh *mesh;
    const gw_island *island;
    uint32_t left[GW_MESH_DIMS_MAX]; /* What is left of each dimension's size. */
    gw_embedding way;
    GArray *found;
} way_search;

/* From the last shard of dimension `dim` back to its first. */
static uint32_t closing_hops(const gw_embedding *way, const gw_island *island, uint32_t dim)
{
    uint32_t outer = 1, hops = 0;
    for (uint32_t i = 0; i < GW_EMBEDDING_AXES; i++) {
        uint32_t axis = way->order[i];
        if (way->dim[axis] != dim)
            continue;
        if (outer % 2 == 1)
            hops += axis_distance(island, axis, 0, way->box[axis] - 1);
        outer *= way->box[axis];
    }
    return hops;
}

static uint64_t count_hops(const gw_embedding *way, const gw_mesh *mesh, const gw_island *island)
{
    uint64_t hops = 0, shards = gw_mesh_device_count(mesh);
    for (uint32_t dim = 0; dim < mesh->dims; dim++) {
        uint32_t size = mesh->shape[dim];
        uint32_t closing = size > 2 ? closing_hops(way, island, dim) : 0;
        hops += shards / size * (size - 1 + closing);
    }
    return hops;
}

/* The order of axes that closes folded dimensions best. */
static void choose_order(gw_embedding *way, const gw_mesh *mesh, const gw_island *island)
{
    static const uint32_t orders[][GW_EMBEDDING_AXES] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                                         {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    gw_embedding best = *way;
    for (uint32_t i = 0; i < G_N_ELEMENTS(orders); i++) {
        for (uint32_t axis = 0; axis < GW_EMBEDDING_AXES; axis++)
            way->order[axis] = orders[i][axis];
        way->hop_count = count_hops(way, mesh, island);
        if (i == 0 || way->hop_count < best.hop_count)
            best = *way;
    }
    *way = best;
}

static bool is_natural(const gw_embedding *way, const gw_mesh *mesh)
{
    for (uint32_t axis = 0; axis < GW_EMBEDDING_AXES; axis++)
        if (way->box[axis] != mesh->shape[axis])
            return false;
    for (uint32_t axis = 0; axis < GW_EMBEDDING_AXES; axis++)
        if (way->box[axis] > 1 && way->dim[axis] != axis)
            return false;
    return mesh->dims > 1;
}

static void keep_way(way_search *search)
{
    for (uint32_t dim = 0; dim < search->mesh->dims; dim++)
        if (search->left[dim] > 1)
            return;
    gw_embedding way = search->way;
    way.number = search->found->len;
    way.is_natural = is_natural(&way, search->mesh);
    choose_order(&way, search->mesh, search->island);
    g_array_append_val(search->found, way);
}

/* Gives axis `axis` each dimension and factor in turn, nothing first, so that what lies along the
 * last axis, device after device, is found first. */
static void try_axis(way_search *search, uint32_t axis)
{
    if (axis == GW_EMBEDDING_AXES) {
        keep_way(search);
        return;
    }
    search->way.box[axis] = 1;
    search->way.dim[axis] = GW_INDEX_NONE;
    try_axis(search, axis + 1);
    for (uint32_t dim = 0; dim < search->mesh->dims; dim++) {
        uint32_t left = search->left[dim];
        uint32_t longest = MIN(left, search->island->shape[axis]);
        for (uint32_t side = 2; side <= longest; side++) {
            if (left % side != 0)
                continue;
            search->left[dim] = left / side;
            search->way.box[axis] = side;
            search->way.dim[axis] = dim;
            try_axis(search, axis + 1);
        }
        search->left[dim] = left;
    }
    search->way.box[axis] = 1;
    search->way.dim[axis] = GW_INDEX_NONE;
}

static gint compare_ways(gconstpointer left, gconstpointer right)
{
    const gw_embedding *a = left, *b = right;
    if (a->is_natural != b->is_natural)
        return a->is_natural ? -1 : 1;
    if (a->hop_count != b->hop_count)
        return a->hop_count < b->hop_count ? -1 : 1;
    return a->number < b->number ? -1 : a->number > b->number;
}

GArray *gw_embedding_list(const gw_mesh *mesh, const gw_island *island)
{
    way_search search = {.mesh = mesh, .island = island};
    search.found = g_array_new(FALSE, FALSE, sizeof(gw_embedding));
    for (uint32_t dim = 0; dim < mesh->dims; dim++)
        search.left[dim] = mesh->shape[dim];
    if (gw_mesh_device_count(mesh) <= island->device_count)
        try_axis(&search, 0);
    g_array_sort(search.found, compare_ways);
    return search.found;
}

/* --- Devices --- */

void gw_embedding_fill(const gw_embedding *embedding, const gw_mesh *mesh, const gw_island *island,
                       const uint32_t origin[GW_EMBEDDING_AXES], uint32_t *out_devices)
{
    for (uint32_t shard = 0; shard < gw_mesh_device_count(mesh); shard++) {
        uint32_t left[GW_MESH_DIMS_MAX] = {0}, at[GW_EMBEDDING_AXES] = {0};
        for (uint32_t dim = mesh->dims, rest = shard; dim-- > 0; rest /= mesh->shape[dim])
            left[dim] = rest % mesh->shape[dim];
        for (uint32_t i = GW_EMBEDDING_AXES; i-- > 0;) { /* Innermost first. */
            uint32_t axis = embedding->order[i], dim = embedding->dim[axis];
            if (dim == GW_INDEX_NONE)
                continue;
            uint32_t side = embedding->box[axis];
            at[axis] = left[dim] % side;
            left[dim] /= side;
            if (left[dim] % 2 == 1)
                at[axis] = side - 1 - at[axis];
        }
        uint32_t place = 0;
        for (uint32_t axis = 0; axis < GW_EMBEDDING_AXES; axis++)
            place = place * island->shape[axis] + (origin[axis] + at[axis]) % island->shape[axis];
        out_devices[shard] = island->first_device + place;
    }
}

/* --- Runs --- */

/* sums[i]: the links from each of the first i places to the place `apart` further on. */
static uint64_t *sum_distances(const gw_island *island, uint32_t apart)
{
    uint64_t *sums = g_new0(uint64_t, island->device_count + 1);
    for (uint32_t i = 0; i < island->device_count; i++) {
        bool has_other = i + apart < island->device_count;
        sums[i + 1] = sums[i] + (has_other ? gw_embedding_distance(island, i, i + apart) : 0);
    }
    return sums;
}

/* Dimension `dim`'s part: its lines come in blocks, and of a block all pairs lie side by side. */
static void add_run_hops(const gw_mesh *mesh, const gw_island *island, uint32_t dim, uint64_t *hops)
{
    uint32_t shards = gw_mesh_device_count(mesh), size = mesh->shape[dim], stride = 1;
    for (uint32_t d = dim + 1; d < mesh->dims; d++)
        stride *= mesh->shape[d];
    uint32_t block = size * stride, last = (size - 1) * stride;
    g_autofree uint64_t *steps = sum_distances(island, stride);
    g_autofree uint64_t *closings = size > 2 ? sum_distances(island, last) : NULL;
    for (uint32_t first = 0; first + shards <= island->device_count; first++)
        for (uint32_t at = first; at < first + shards; at += block) {
            hops[first] += steps[at + last] - steps[at];
            if (closings != NULL)
                hops[first] += closings[at + stride] - closings[at];
        }
}

uint64_t *gw_embedding_run_hops(const gw_mesh *mesh, const gw_island *island)
{
    uint32_t shards = gw_mesh_device_count(mesh);
    gw_check(shards <= island->device_count);
    uint64_t *hops = g_new0(uint64_t, island->device_count - shards + 1);
    for (uint32_t dim = 0; dim < mesh->dims; dim++)
        if (mesh->shape[dim] > 1)
            add_run_hops(mesh, island, dim, hops);
    return hops;
}
