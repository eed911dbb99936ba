/* SPDX-License-Identifier: Apache-2.0 */
/* What a real world hands its inputs to: the controllers in a run, a test's own nodes in
 * tests/contract. */
#pragma once

#include "controller/controller.h"

/* To completion; inputs of one node come one at a time, those of two nodes perhaps at once. */
typedef void (*gw_real_handler)(void *context, gw_node_id node, const gw_input *input);

/* What is read where devices hold no data.  Called by any thread. */
typedef struct {
    /* A result (scenario/values.h); NULL: 0. */
    double (*value)(void *context, uint32_t job, uint32_t result, uint32_t run);
    /* What a source shard deals over exchange `edge`, a count per target shard
     * (scenario/counts.h); NULL: nothing. */
    void (*counts)(void *context, uint32_t job, uint32_t edge, uint32_t run, uint32_t shard,
                   uint32_t *out_counts);
    void *context;
    const gw_job *jobs; /* For words, by number; NULL: programs are named instead. */
} gw_real_answers;

typedef struct {                   /* What the nodes did, summed over them. */
    uint64_t inputs;               /* Handed in. */
    uint64_t spent[GW_COST_COUNT]; /* By gw_cost: control-plane actions. */
} gw_real_usage;
