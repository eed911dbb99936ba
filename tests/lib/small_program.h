/* SPDX-License-Identifier: Apache-2.0 */
/* Programs for tests, written in a line per node.  A node's function is a text:
 *
 *     "s8 r4 > s8 r1 / 16 !"
 *
 * takes a sharded value of 8 rows a shard and a replicated one of 4, makes two, has temporaries
 * of 16 rows (by default none), and its shards must meet ("!": a collective over the mesh's first
 * dimension, which adds 2 rows of temporaries).  "s8=1" is an output that may take over the first
 * input. Every part but ">" may be missing.  A row is one element of 4 bytes; functions take 1000
 * ns. */
#pragma once

#include "program/builder.h"

#define SMALL_ROW_BYTES 4

/* A mesh of one dimension. */
uint32_t small_mesh(gw_builder *builder, uint32_t device_count);
uint32_t small_node(gw_builder *builder, const char *name, uint32_t mesh, const char *function);
uint32_t small_once(gw_builder *builder, const char *name, uint32_t mesh, const char *function);
/* gw_builder_finish; a mistake ends the test with its text. */
gw_program *small_finish(gw_builder *builder);
