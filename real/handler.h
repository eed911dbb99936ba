/* SPDX-License-Identifier: Apache-2.0 */
/* What a real world hands its inputs to: the controllers in a run, a test's own nodes in
 * tests/contract. */
#pragma once

#include "controller/port.h"

/* To completion; inputs of one node come one at a time, those of two nodes perhaps at once. */
typedef void (*gw_real_handler)(void *context, gw_node_id node, const gw_input *input);

/* What a result reads as where devices hold no data (scenario/values.h). */
typedef double (*gw_real_value)(void *context, uint32_t job, uint32_t result, uint32_t run);

/* What a source shard deals over exchange `edge`, a count per target shard, where devices hold no
 * data (scenario/counts.h). */
typedef void (*gw_real_counts)(void *context, uint32_t job, uint32_t edge, uint32_t run,
                               uint32_t shard, uint32_t *out_counts);

typedef struct {                   /* What the nodes did, summed over them. */
    uint64_t inputs;               /* Handed in. */
    uint64_t spent[GW_COST_COUNT]; /* By gw_cost: control-plane actions. */
} gw_real_usage;
