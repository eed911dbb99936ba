/* SPDX-License-Identifier: Apache-2.0 */
/* Where a mesh could lie, candidate by candidate: what the placement policies share.  A policy
 * says which of two candidates is better; this file finds them and gives each its figures.
 *
 * Candidates are boxes of an island's torus (embedding.h) at every origin, round the end of a ring
 * too, and runs of consecutive devices, with the memory that the mesh asks for on each device.
 * Islands are visited in order, ways in the order that `order` says, origins in order of the first
 * device, and only a strictly better candidate replaces the best; so equal clusters give equal
 * placements.
 *
 * Cost per island of D devices and per way that is tried: O(D (log a + log b + log c)) for a box
 * a x b x c, whatever its size; most meshes try one way. */
#pragma once

#include "controller/embedding.h"
#include "controller/placement.h"

typedef struct {
    uint32_t island;
    const gw_embedding *way;            /* NULL: a run. */
    uint32_t origin[GW_EMBEDDING_AXES]; /* A run: its first device's place, in origin[0]. */
    uint32_t load_max;                  /* Of its most loaded device. */
    uint64_t load;                      /* Of all its devices. */
    uint64_t island_load;               /* Of all devices of its island. */
    bool is_aligned;    /* Its origin is a multiple of its size: such boxes tile the island.  A run
                           whose length does not divide the island's always is. */
    uint64_t hop_count; /* gw_embedding_list(); 0 unless GW_PLACEMENT_BY_HOPS. */
    uint32_t free_neighbours; /* Devices without load that touch its sides: what it spoils.  A run's
                                 are the ones before and after it. */
} gw_candidate;

typedef enum {
    /* The first way with a candidate, per island: a mesh of one dimension tries runs and then
     * boxes; others the box as written, then turned and folded ones by hops, then runs. */
    GW_PLACEMENT_AS_WRITTEN = 1,
    /* All ways of the fewest hops that have candidates, the first GW_PLACEMENT_TIES_MAX of them
     * where more do, and runs wherever they could have fewer still. */
    GW_PLACEMENT_BY_HOPS,
} gw_placement_order;

#define GW_PLACEMENT_TIES_MAX 4

/* Whether `candidate` is strictly better than `best`. */
typedef bool (*gw_placement_compare)(const gw_placement_view *view,
                                     const gw_placement_request *request,
                                     const gw_candidate *candidate, const gw_candidate *best);

typedef struct {
    gw_placement_order order;
    bool needs_neighbours; /* Else free_neighbours is 0, at a third of the cost. */
    gw_placement_compare is_better;
} gw_placement_rule;

/* `create` and `destroy` of a policy without parameters: a rule is all that it is. */
gw_placement *gw_placement_plain_new(const gw_placement_ops *ops, gw_params *params,
                                     GError **error);
void gw_placement_plain_destroy(gw_placement *placement);

/* As gw_placement_ops.place. */
bool gw_placement_search(const gw_placement_view *view, const gw_placement_request *request,
                         const gw_placement_rule *rule, uint32_t *out_devices);
