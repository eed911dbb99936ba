/* SPDX-License-Identifier: Apache-2.0 */
/* Which devices a mesh gets.  Candidates are contiguous boxes of the island's torus, tiled from
 * the origin, or (a mesh of one dimension, or one that fits no box) runs of consecutive devices. */
#pragma once

#include "controller/directory.h"
#include "program/program.h"

typedef struct {
    const gw_directory *directory;
    const uint32_t *load;       /* By device: virtual devices that it carries. */
    const uint64_t *free_bytes; /* By device. */
} gw_placement_view;

typedef struct {
    const gw_mesh *mesh;
    uint32_t island;     /* GW_INDEX_NONE: any. */
    uint64_t size_bytes; /* Per device. */
} gw_placement_request;

/* "spread": the candidate whose most loaded device carries least, then whose total load is least,
 * then the first.  `out_devices` has one entry per virtual device, in mesh order.  False: none
 * has the memory. */
bool gw_placement_spread(const gw_placement_view *view, const gw_placement_request *request,
                         uint32_t *out_devices);
