/* SPDX-License-Identifier: Apache-2.0 */
/* One measured run of a chain on a cluster of a given size: what bench sim and bench control
 * share.  Each run is a process of its own, so that its peak memory is its own. */
#pragma once

#include <stdbool.h>

#include "tests/bench/bench.h"

typedef struct {
    const char *name;       /* Of the row: "sim.chain" */
    const char *bench_case; /* "2048 devices, 512 hosts" */
    const char *backend;    /* "sim" or "null" */
    uint32_t hosts, devices_per_host;
    uint32_t jobs;
    const char *submit; /* "chained", "op_by_op" */
    const char *profile;
    uint64_t steps;        /* Of 128 gangs each. */
    uint32_t base_index;   /* In the list of chains: the one that it is compared with. */
    const char *policy;    /* NULL: fifo. */
    uint32_t mesh_devices; /* Of each job; 0: all. */
    bool counts_gangs;     /* Its operations are gangs, not their shards. */
    bool is_sampled;       /* Null world: says where its time goes (bench_where.h). */
} gw_bench_chain;

/* Fills in what gw_bench_set_time() does; false: standard error says why not. */
typedef bool (*gw_bench_measure)(const void *what, gw_bench_row *row);
/* In a process of its own; the row comes back from there. */
bool gw_bench_measure_in_child(gw_bench_measure measure, const void *what, gw_bench_row *row);
/* Count, cost, rate and the peak memory of this process. */
void gw_bench_set_time(gw_bench_row *row, uint64_t operations, double elapsed_s);

/* Appends a row per chain; its operations are device operations (shards of gangs), or gangs.  A
 * chain whose run fails ends the list there, and standard error says why. */
void gw_bench_run_chains(const gw_bench_chain *chains, uint32_t count, GArray *rows);
