/* SPDX-License-Identifier: Apache-2.0 */
/* What `gangway bench` measures: each bench appends rows, the command prints them. */
#pragma once

#include <glib.h>
#include <stdint.h>

typedef struct {
    char name[32];       /* "engine.ladder" */
    char bench_case[64]; /* "exponential/1e5" */
    uint64_t count;      /* Operations timed. */
    double ns_per_operation;
    double operations_per_s;
    uint64_t peak_bytes; /* Of the process so far. */
} gw_bench_row;
