/* SPDX-License-Identifier: Apache-2.0 */
/* Flows that share links max-min fairly: no flow can have more without another having less that
 * has no more than it.  Each flow then has a bottleneck: a link that is full and on which nobody
 * has more, or its own limit.
 *
 * Flows come and go; gw_max_min_settle() works out the rates again, and only where bottlenecks
 * change.  What a flow carries, and for how long, is the caller's.  Rates and capacities may be of
 * any unit, the same for all.  Nothing allocates once there is room for as many flows and hops as
 * there ever are at a time; links that no flow has crossed cost address space and no memory.
 * docs/MODEL.md, "Links shared in time"; docs/decisions/0030-max-min.md. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct gw_max_min gw_max_min;

/* Links are numbered from 0 to `link_count` - 1. */
gw_max_min *gw_max_min_new(uint32_t link_count);
void gw_max_min_free(gw_max_min *solver);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(gw_max_min, gw_max_min_free)

typedef struct {
    uint32_t link;
    double capacity; /* Of the link; > 0, finite, and the same whoever crosses it. */
} gw_max_min_hop;

/* A flow over all of `hops`, at least one and each link once, that never takes more than `limit`
 * (> 0, INFINITY: none).  Returns its number; numbers of flows that have gone are given again,
 * last in, first out.  A flow that has all its links to itself has its rate at once, and settling
 * does not report it; any other's rate is 0 until then. */
uint32_t gw_max_min_add(gw_max_min *solver, const gw_max_min_hop *hops, uint32_t hop_count,
                        double limit);
void gw_max_min_remove(gw_max_min *solver, uint32_t flow);

/* False: flows came or went since the last gw_max_min_settle() that others have to do with. */
bool gw_max_min_is_settled(const gw_max_min *solver);

/* Makes the rates max-min fair again.  Returns how many have changed by more than one part in
 * 10^12 and, in `out_flows`, whose; borrowed until the next call of anything. */
uint32_t gw_max_min_settle(gw_max_min *solver, const uint32_t **out_flows);

/* As of the last settling. */
double gw_max_min_rate(const gw_max_min *solver, uint32_t flow);

/* How many flows cross the link, and one of them; of a link that none crosses, GW_INDEX_NONE. */
uint32_t gw_max_min_flow_count(const gw_max_min *solver, uint32_t link);
uint32_t gw_max_min_some_flow(const gw_max_min *solver, uint32_t link);

/* What the rates should be, worked out from nothing: the lowest bottleneck first, then the next.
 * `out_rates` has room for all numbers given so far; those of flows that have gone are 0. */
void gw_max_min_refill(const gw_max_min *solver, double *out_rates);

/* Links looked at while settling, and settlings that gave up and filled all links anew, because
 * so many looks (per hop of a flow in flight) had not been enough. */
#define GW_MAX_MIN_LOOKS_PER_HOP 32
uint64_t gw_max_min_look_count(const gw_max_min *solver);
uint64_t gw_max_min_refill_count(const gw_max_min *solver);
