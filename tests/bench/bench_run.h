/* SPDX-License-Identifier: Apache-2.0 */
/* One measured run of a chain on a cluster of a given size: what bench sim and bench control
 * share.  Each run is a process of its own, so that its peak memory is its own; of three runs the
 * one in the middle counts. */
#pragma once

#include "tests/bench/bench.h"

typedef struct {
    const char *name;       /* Of the row: "sim.chain" */
    const char *bench_case; /* "2048 devices, 512 hosts" */
    const char *backend;    /* "sim" or "null" */
    uint32_t hosts, devices_per_host;
    uint32_t jobs;
    const char *submit; /* "chained", "op_by_op" */
    const char *profile;
    uint64_t steps; /* Of 128 gangs each. */
} gw_bench_chain;

/* Appends a row; its operations are device operations (shards of gangs).  Nothing is appended,
 * and standard error says why, when the run fails. */
void gw_bench_run_chain(const gw_bench_chain *chain, GArray *rows);
