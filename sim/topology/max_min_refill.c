/* SPDX-License-Identifier: Apache-2.0 */
/* The textbook's filling: all flows rise together; the first link to be full gives its flows their
 * rate, and the rest rise on.  It shares with max_min.c who crosses what, and no arithmetic. */
#include <math.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/units.h"
#include "topology/max_min_private.h"

typedef struct {
    const gw_max_min *solver;
    double *rates;           /* By flow; INFINITY: still rising. */
    double *levels;          /* By link. */
    double *rests;           /* By link: what is not given away. */
    uint32_t *rising_counts; /* By link. */
    gw_level_heap heap;      /* Links by their share, or by an earlier, lower one. */
} filling;

typedef struct {
    double limit;
    uint32_t flow;
} limited_flow;

static int compare_limits(const void *a, const void *b)
{
    const limited_flow *one = a, *other = b;
    return one->limit != other->limit ? (one->limit > other->limit ? 1 : -1)
                                      : (one->flow > other->flow) - (one->flow < other->flow);
}

static limited_flow *sort_limits(const gw_max_min *solver, uint32_t *out_count)
{
    limited_flow *limited = g_new(limited_flow, solver->flow_count + 1);
    uint32_t count = 0;
    for (uint32_t i = 0; i < solver->flow_count; i++) {
        if (solver->flows[i].is_live && solver->flows[i].limit < INFINITY) {
            limited[count++] = (limited_flow){solver->flows[i].limit, i};
        }
    }
    qsort(limited, count, sizeof(limited_flow), compare_limits);
    *out_count = count;
    return limited;
}

/* What each rising flow would get if the link were full now. */
static double find_share(const filling *filled, uint32_t link)
{
    return MAX(filled->rests[link], 0) / filled->rising_counts[link];
}

static void give_rate(filling *filled, uint32_t flow, double rate)
{
    const gw_flow_state *state = &filled->solver->flows[flow];
    filled->rates[flow] = rate;
    for (uint32_t i = 0; i < state->hop_count; i++) {
        const uint32_t link = filled->solver->hops[state->first_hop + i].link;
        filled->rests[link] -= rate;
        filled->rising_counts[link]--;
    }
}

/* `limit` is that of the next flow to rise no further. */
static void fill_lowest(filling *filled, double limit)
{
    const gw_max_min *solver = filled->solver;
    const uint32_t link = filled->heap.items[0].link;
    if (filled->rising_counts[link] == 0) {
        gw_level_heap_pop(&filled->heap);
        return;
    }
    const double share = find_share(filled, link);
    if (share > MIN(limit, gw_level_heap_second(&filled->heap))) {
        gw_level_heap_raise_first(&filled->heap, MAX(share, filled->heap.items[0].level));
        return;
    }
    gw_level_heap_pop(&filled->heap);
    filled->levels[link] = share;
    for (uint32_t hop = solver->links[link].first_hop; hop != GW_INDEX_NONE;
         hop = solver->hops[hop].next) {
        const uint32_t flow = solver->hops[hop].flow;
        if (filled->rates[flow] == INFINITY) {
            give_rate(filled, flow, share);
        }
    }
}

void gw_max_min_fill_anew(const gw_max_min *solver, double *out_rates, double *out_levels)
{
    filling filled = {.solver = solver,
                      .rates = out_rates,
                      .levels = out_levels,
                      .rests = g_new(double, solver->link_count),
                      .rising_counts = g_new(uint32_t, solver->link_count)};
    gw_level_heap_init(&filled.heap, solver->link_count);
    for (uint32_t i = 0; i < solver->flow_count; i++) {
        out_rates[i] = solver->flows[i].is_live ? INFINITY : 0;
    }
    for (uint32_t i = 0; i < solver->link_count; i++) {
        out_levels[i] = INFINITY;
        filled.rests[i] = solver->links[i].capacity;
        filled.rising_counts[i] = solver->links[i].flow_count;
        if (solver->links[i].flow_count > 0) {
            gw_level_heap_lower(&filled.heap, i, find_share(&filled, i));
        }
    }
    uint32_t limited_count, next = 0;
    limited_flow *limited = sort_limits(solver, &limited_count);
    while (filled.heap.count > 0) {
        if (next < limited_count && out_rates[limited[next].flow] < INFINITY) {
            next++;
        } else if (next < limited_count && limited[next].limit <= filled.heap.items[0].level) {
            give_rate(&filled, limited[next].flow, limited[next].limit);
            next++;
        } else {
            fill_lowest(&filled, next < limited_count ? limited[next].limit : INFINITY);
        }
    }
    g_free(limited);
    g_free(filled.rests);
    g_free(filled.rising_counts);
    gw_level_heap_clear(&filled.heap);
}

void gw_max_min_refill(const gw_max_min *solver, double *out_rates)
{
    g_autofree double *levels = g_new(double, solver->link_count);
    gw_max_min_fill_anew(solver, out_rates, levels);
}
