/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters that several workloads have in common, bounded so that no sum of theirs overflows. */
#pragma once

#include "base/params.h"
#include "program/builder.h"

#define GW_WORKLOAD_DEVICES_MAX      65536U
#define GW_WORKLOAD_NODES_MAX        262144U           /* 2^18, of one run of a generated program */
#define GW_WORKLOAD_SPAN_MAX_NS      10000000000000ULL /* 10^13: 2.8 hours; 2^18 of 4 each fit */
#define GW_WORKLOAD_BUFFER_MAX_BYTES (8ULL << 30)      /* Of one shard. */

/* A list of 1 to 3 sizes whose product is at most GW_WORKLOAD_DEVICES_MAX. */
bool gw_workload_read_shape(gw_params *array, uint32_t *out_dims,
                            uint32_t out_shape[GW_MESH_DIMS_MAX], GError **error);

/* "devices": 8, a mesh of one dimension; or "mesh": [4, 2].  Exactly one of them. */
bool gw_workload_read_mesh(gw_params *params, uint32_t *out_dims,
                           uint32_t out_shape[GW_MESH_DIMS_MAX], GError **error);

/* A count in [minimum, maximum]; absent, it is left alone. */
bool gw_workload_read_count(gw_params *params, const char *key, bool required, uint32_t minimum,
                            uint32_t maximum, uint32_t *inout, GError **error);
/* False, and an error at `key`: `value`, which it has, is no multiple of `of`. */
bool gw_workload_expect_multiple(gw_params *params, const char *key, uint32_t value, const char *of,
                                 uint32_t divisor, GError **error);

/* A span from `minimum_ns` to GW_WORKLOAD_SPAN_MAX_NS. */
bool gw_workload_read_span(gw_params *params, const char *key, bool required, gw_span minimum_ns,
                           gw_span *out_ns, GError **error);

/* `count` such spans: a list of so many, or one for all.  Absent, they are left alone. */
bool gw_workload_read_spans(gw_params *params, const char *key, bool required, gw_span minimum_ns,
                            uint32_t count, gw_span *out_ns, GError **error);

/* The size of a buffer of float32: a multiple of 4 up to GW_WORKLOAD_BUFFER_MAX_BYTES. */
bool gw_workload_read_buffer(gw_params *params, const char *key, bool required, uint64_t *out_bytes,
                             GError **error);

/* A path from the scenario's folder; the caller frees. */
char *gw_workload_path(const gw_params *params, const char *name);
/* The bytes of a regular file (others might never end) of at most 64 MiB; the caller unrefs.  NULL
 * and GW_ERROR_SCENARIO, with the path and what was `expected` ("a CSV"). */
GBytes *gw_workload_load(const char *path, const char *expected, GError **error);

/* gw_builder_finish, with the place of `params` before its error. */
gw_program *gw_workload_finish(gw_builder *take_builder, const gw_params *params, GError **error);
