/* SPDX-License-Identifier: Apache-2.0 */
/* What `gangway bench` measures: each bench appends its rows, once a round, the same ones in the
 * same order; the command takes medians over the rounds and prints them. */
#pragma once

#include <glib.h>
#include <stdint.h>

#include "controller/port.h"
#include "tests/bench/bench_where.h"

typedef struct {
    char name[32];       /* "engine.ladder" */
    char bench_case[64]; /* "exponential/1e5" */
    uint64_t count;      /* Operations timed. */
    double ns_per_operation;
    double operations_per_s;
    uint64_t peak_bytes; /* Of the process so far. */
    uint32_t base_index; /* The row that this one is compared with; its own index: with none. */
    uint64_t actions[GW_COST_COUNT]; /* Of the control plane, by gw_cost; null world alone. */
    uint64_t ticks[GW_WHERE_COUNT];  /* Where its time went; of chains that are sampled. */
    double base_ratio; /* Its cost per operation over the base row's: by the command. */
} gw_bench_row;
