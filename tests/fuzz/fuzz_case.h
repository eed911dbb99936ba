/* SPDX-License-Identifier: Apache-2.0 */
/* What a seed stands for: a cluster, jobs and settings. */
#pragma once

#include "base/check.h"
#include "base/random.h"
#include "controller/budget.h"
#include "controller/donation.h"
#include "controller/spill.h"
#include "controller/system.h"
#include "drawn_dispatch.h"
#include "program/builder.h"

#define ISLANDS_MAX 3
#define JOBS_MAX    4
#define MESHES_MAX  3
#define NODES_MAX   10
#define VALUES_MAX  3
#define DEALS_MAX   2
#define HOSTS_MAX   4 /* Of an island. */
#define CHANGES_MAX 6 /* Hosts removed, and put back. */

typedef struct {
    uint32_t whole_rows; /* Of all shards, or of each where replicated. */
    bool is_sharded;
} drawn_value;

typedef struct {
    uint32_t mesh;
    bool is_once;
    drawn_value inputs[VALUES_MAX], outputs[VALUES_MAX];
    gw_edge edges[VALUES_MAX];
    uint32_t input_count, output_count;
} drawn_node;

typedef struct {
    gw_program *program;
    gw_plan *plan;
    uint32_t islands[MESHES_MAX];
    uint32_t *pinned[MESHES_MAX];
    uint64_t peak_bytes[MESHES_MAX];
    gw_until until;
} drawn_job;

typedef struct {
    gw_random random;
    gw_island islands[ISLANDS_MAX];
    gw_control control;
    gw_job jobs[JOBS_MAX];
    drawn_job drawn[JOBS_MAX];
    uint32_t island_count, job_count;
    gw_change changes[CHANGES_MAX];
    uint32_t hosts[CHANGES_MAX / 2][HOSTS_MAX]; /* What a pair of changes removes and puts back. */
    uint32_t mesh_sizes[MESHES_MAX];            /* Of the program that is being drawn. */
} fuzz_case;

static inline uint32_t draw(fuzz_case *drawn, uint32_t bound)
{
    return (uint32_t)gw_random_below(&drawn->random, bound);
}

/* True in one case of `bound`. */
static inline bool is_drawn(fuzz_case *drawn, uint32_t bound)
{
    return draw(drawn, bound) == 0;
}
