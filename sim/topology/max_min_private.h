/* SPDX-License-Identifier: Apache-2.0 */
/* What max_min.c and max_min_refill.c both know. */
#pragma once

#include "topology/level_heap.h"
#include "topology/max_min.h"

#define GW_MAX_MIN_SIZES 32 /* Room for a route is a power of two of hops. */

typedef struct {
    uint32_t link, flow;
    uint32_t next, previous; /* On the same link; of a free block's first hop, the next block. */
} gw_flow_hop;

typedef struct {
    double rate;          /* As of the last settling. */
    double least, second; /* Of the limit and all levels; of all but that of `least_link`. */
    double limit;
    uint32_t least_link; /* GW_INDEX_NONE: the limit is least. */
    uint32_t first_hop, hop_count;
    bool is_live, is_touched; /* Touched: stands in `touched`. */
} gw_flow_state;

/* All 0: never crossed. */
typedef struct {
    double capacity;
    double slack; /* Where the level is INFINITY: what the flows leave over, or less. */
    uint32_t first_hop, flow_count;
} gw_link_state;

struct gw_max_min {
    uint32_t link_count;
    gw_link_state *links;
    double *levels; /* By link; of those that flows cross. */
    gw_flow_state *flows;
    uint32_t *free_flows; /* A stack. */
    uint32_t flow_count, flow_capacity, free_flow_count;
    gw_flow_hop *hops;
    uint32_t hop_count, hop_capacity;
    uint32_t free_hops[GW_MAX_MIN_SIZES]; /* By size of block: its first hop. */
    gw_level_heap waiting;                /* Links whose levels may be wrong, but not below. */
    uint32_t *touched; /* Flows, in the order in which their rates first moved. */
    uint32_t touched_count;
    double *demands; /* Of the flows of the link that is looked at. */
    uint32_t demand_capacity;
    uint64_t live_hop_count;
    uint64_t look_count, refill_count;
};

/* gw_max_min_refill(), and the level of each link that has a say in a rate: its flows' share; of
 * all others INFINITY. */
void gw_max_min_fill_anew(const gw_max_min *solver, double *out_rates, double *out_levels);
