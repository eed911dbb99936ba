/* SPDX-License-Identifier: Apache-2.0 */
/* Where a device of a mesh finds the values of a program's nodes, run after run: as a device's
 * memory hands its areas out (cpu_memory.h), the one that was given back last first.  A value that
 * is handed from node to node on the mesh has one buffer, an output that is written over an input
 * has that one's, and what later runs read has one for good. */
#pragma once

#include "program/program.h"

typedef struct {
    const gw_program *program;
    uint32_t mesh;          /* GW_INDEX_NONE: all, as if one device had them. */
    GArray *sizes_bytes;    /* uint64_t: by buffer. */
    uint32_t **buffers;     /* By node: by value of its function; GW_INDEX_NONE: a temporary.  NULL:
                               the node is of another mesh. */
    uint64_t scratch_bytes; /* The largest block of temporaries. */
} gw_probe_layout;

/* The program is borrowed; `mesh` as above. */
gw_probe_layout *gw_probe_layout_new(const gw_program *program, uint32_t mesh);
void gw_probe_layout_free(gw_probe_layout *layout);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(gw_probe_layout, gw_probe_layout_free)

/* Of one device's: all buffers and the block, in bytes. */
uint64_t gw_probe_layout_bytes(const gw_probe_layout *layout);
/* Which node's value, an output of its function, the node reads at `input`: of what is carried, the
 * one of run 0. */
void gw_probe_source(const gw_program *program, uint32_t node, uint32_t input, uint32_t *out_node,
                     uint32_t *out_value);
/* Whether what the node reads at `input` is copied there: from another mesh, or in other parts. */
bool gw_probe_layout_is_foreign(const gw_probe_layout *layout, uint32_t node, uint32_t input);
