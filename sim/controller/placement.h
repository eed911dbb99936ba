/* SPDX-License-Identifier: Apache-2.0 */
/* Which devices a mesh gets: a policy is one function over the loads and the free memory of the
 * moment.  It has no port, no clock and no memory of its own but its parameters, and the same
 * question has the same answer.  A new one is one file with a table, one line in the list of
 * placement.c, and its name in configs/scenario.schema.json; or a plugin (docs/PLUGINS.md).
 *
 * What it answers is checked (placer.h): a wrong answer ends the run. */
#pragma once

#include "controller/directory.h"

/* Counts up with every change of this file, or of gw_directory, that a plugin can notice
 * (docs/PLUGINS.md). */
#define GW_PLACEMENT_ABI 1

#define GW_PLACEMENT_DIMS_MAX 3 /* Of a mesh. */

typedef struct gw_placement gw_placement;
typedef struct gw_params gw_params;

typedef struct {
    const gw_directory *directory;
    const uint32_t *load;       /* By device: virtual devices that it carries. */
    const uint64_t *free_bytes; /* By device: not promised to anybody. */
    const bool *is_removed;     /* By device: not to be given; NULL: none. */
    uint64_t seed;              /* The scenario's: for choices that are to look drawn. */
} gw_placement_view;

typedef struct {
    uint32_t dims;                         /* 1 to GW_PLACEMENT_DIMS_MAX. */
    uint32_t shape[GW_PLACEMENT_DIMS_MAX]; /* Of the mesh; unused dimensions are 1. */
    uint32_t job, mesh_index; /* Whose mesh it is: with the seed, what "random" draws from. */
    uint32_t island;          /* GW_INDEX_NONE: any. */
    uint32_t accelerator;     /* Of gw_island; GW_INDEX_NONE: any. */
    uint64_t size_bytes;      /* Per device. */
} gw_placement_request;

typedef struct {
    uint32_t abi;               /* GW_PLACEMENT_ABI */
    uint32_t size_bytes;        /* sizeof(gw_placement_ops) */
    const char *name, *summary; /* "spread", in configs/; a line for `gangway list` */
    /* `params` may be NULL.  NULL with GW_ERROR_SCENARIO when they are wrong. */
    gw_placement *(*create)(gw_params *params, GError **error);
    void (*destroy)(gw_placement *placement);
    /* Devices of one island, each once, none removed, with size_bytes free: one per virtual device
     * of the mesh (the product of `shape`), in mesh order (the last dimension fastest), into
     * `out_devices`, which is untouched otherwise.  False: there are none.  Also asked what it
     * would do with an empty cluster, so that what could never fit is refused.  Everything is
     * borrowed for the call. */
    bool (*place)(const gw_placement *placement, const gw_placement_view *view,
                  const gw_placement_request *request, uint32_t *out_devices);
} gw_placement_ops;

struct gw_placement {
    const gw_placement_ops *ops; /* First member of each implementation: the table it came from. */
};

/* What a plugin defines; gangway itself has none (docs/PLUGINS.md). */
extern __attribute__((visibility("default"))) const gw_placement_ops gw_placement_plugin;

/* The virtual devices of the mesh: the product of its shape. */
uint32_t gw_placement_device_count(const gw_placement_request *request);

extern const gw_placement_ops gw_placement_spread; /* The default. */

extern const gw_placement_ops *const gw_placements[]; /* In order of name; NULL ends it. */
/* The policy called `name`; NULL when there is none. */
const gw_placement_ops *gw_placement_find(const char *name);
