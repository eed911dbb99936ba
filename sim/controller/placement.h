/* SPDX-License-Identifier: Apache-2.0 */
/* Which devices a mesh gets: a policy is one function over the loads and the free memory of the
 * moment.  It has no port, no clock and no memory of its own, and the same question has the same
 * answer.  A new one is one file with a table, one line in the list of placement.c, and its name
 * in configs/scenario.schema.json. */
#pragma once

#include "controller/directory.h"
#include "program/program.h"

typedef struct {
    const gw_directory *directory;
    const uint32_t *load;       /* By device: virtual devices that it carries. */
    const uint64_t *free_bytes; /* By device: not promised to anybody. */
    const bool *is_removed;     /* By device: not to be given; NULL: none. */
    uint64_t seed;              /* What "random" draws from; others ignore it. */
} gw_placement_view;

typedef struct {
    const gw_mesh *mesh;
    uint32_t job, mesh_index; /* Whose mesh it is: with the seed, what "random" draws from. */
    uint32_t island;          /* GW_INDEX_NONE: any. */
    uint32_t accelerator;     /* Of gw_island; GW_INDEX_NONE: any. */
    uint64_t size_bytes;      /* Per device. */
} gw_placement_request;

typedef struct {
    const char *name, *summary; /* "spread", in configs/; a line for `gangway list` */
    bool uses_seed;             /* Its parameters may have a "seed". */
    /* Devices of one island, each once, with size_bytes free: one per virtual device of the mesh,
     * in mesh order, into `out_devices`, which is untouched otherwise.  False: there are none. */
    bool (*place)(const gw_placement_view *view, const gw_placement_request *request,
                  uint32_t *out_devices);
} gw_placement_ops;

extern const gw_placement_ops gw_placement_spread; /* The default. */

extern const gw_placement_ops *const gw_placements[]; /* In order of name; NULL ends it. */
/* The policy called `name`; NULL when there is none. */
const gw_placement_ops *gw_placement_find(const char *name);
