/* SPDX-License-Identifier: Apache-2.0 */
/* How a mesh can lie in an island's torus so that neighbours in the mesh are neighbours there: as a
 * box, each of whose sides carries one dimension of the mesh or a factor of it.  A dimension that
 * takes several sides is folded: it goes to and fro over the inner ones, so that each step is still
 * one link.  Pure geometry: nothing here knows loads or memory. */
#pragma once

#include "controller/directory.h"
#include "program/program.h"

#define GW_EMBEDDING_AXES 3 /* Of an island's torus. */

typedef struct {
    uint32_t box[GW_EMBEDDING_AXES];   /* Its sides, by axis of the island. */
    uint32_t dim[GW_EMBEDDING_AXES];   /* The mesh's dimension that lies along the axis;
                                          GW_INDEX_NONE where the side is 1. */
    uint32_t order[GW_EMBEDDING_AXES]; /* The axes; of one dimension the outermost first. */
    uint64_t hop_count;                /* See gw_embedding_list(); the same wherever the box is. */
    bool is_natural; /* Dimension d along axis d, unfolded: as the mesh is written. */
    uint32_t number; /* In the order of finding: settles ties. */
} gw_embedding;

/* All ways in which `mesh` embeds, the natural one first, the others by hop_count; none: an empty
 * array.  The hop count is the sum, over pairs of neighbours in the mesh, of the links between
 * their devices; neighbours are one apart along a dimension, and so are its last and its first
 * (collectives go round).  A mesh of one dimension has no natural way.
 * At most divisors(shards)^2 * 6 ways are looked at.  The caller frees with g_array_unref. */
GArray *gw_embedding_list(const gw_mesh *mesh, const gw_island *island);

/* The devices of the box whose lowest corner is at `origin`, by shard in mesh order; a side that
 * passes the end of a ring goes on at its beginning. */
void gw_embedding_fill(const gw_embedding *embedding, const gw_mesh *mesh, const gw_island *island,
                       const uint32_t origin[GW_EMBEDDING_AXES], uint32_t *out_devices);

/* Links between two devices of an island, by their places in it, as topology/route.c counts them:
 * the shorter way round a ring. */
uint32_t gw_embedding_distance(const gw_island *island, uint32_t source, uint32_t target);

/* The hop count of a mesh laid on consecutive devices, in mesh order, by the place of the first:
 * device_count - shards + 1 sums.  Costs O(device_count * shards / last dimension) at worst, and
 * O(device_count) for one dimension.  The caller frees with g_free. */
uint64_t *gw_embedding_run_hops(const gw_mesh *mesh, const gw_island *island);
