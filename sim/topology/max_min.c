/* SPDX-License-Identifier: Apache-2.0 */
/* Every link has a level: what it gives those of its flows that can take so much, so that it is
 * just full; INFINITY where all its flows together cannot fill it.  A flow's rate is the least of
 * its links' levels and its limit, and a link's level follows from what its flows could have if it
 * were not there.  Levels of which all agree with each other in this way are the max-min fair
 * ones, and no others are: the link of the least level fills a flow's bottleneck.
 *
 * So a change is a few links whose levels no longer agree.  They wait in a heap; the lowest is
 * looked at again, and where its level moves, the links behind it on its flows' routes join the
 * heap, if the move can matter to them.  Lowest first, because a level depends on lower ones only:
 * what has been looked at seldom has to be looked at twice.  A flow keeps its least level, where
 * that is, and the least of the others, so what a link needs to know of a flow is one comparison.
 *
 * A look is arithmetic on doubles, and two links of one level may differ in the last bit: levels
 * that differ by less than TIE are one. */
#include "topology/max_min.h"

#include <math.h>

#include "base/check.h"
#include "base/units.h"
#include "topology/max_min_private.h"

/* Sums of a few thousand doubles of one sign are off by less, and 10^-9 is a thousand times more
 * (tests/fuzz/fuzz_max_min.c finds 10^-13 at worst). */
#define TIE            1e-13
#define CHANGED        1e-12
#define SLACK          1e-6 /* Of a capacity: more than a thousand million roundings add up to. */
#define CAPACITY_MIN   64
#define LOOKS_AT_LEAST 1024

gw_max_min *gw_max_min_new(uint32_t link_count)
{
    gw_check(link_count > 0);
    gw_check(link_count < GW_INDEX_NONE);
    gw_max_min *made = g_new0(gw_max_min, 1);
    made->link_count = link_count;
    made->links = g_new0(gw_link_state, link_count);
    made->levels = g_new0(double, link_count);
    gw_level_heap_init(&made->waiting, link_count);
    for (uint32_t i = 0; i < GW_MAX_MIN_SIZES; i++) {
        made->free_hops[i] = GW_INDEX_NONE;
    }
    return made;
}

void gw_max_min_free(gw_max_min *solver)
{
    if (solver == NULL) {
        return;
    }
    g_free(solver->links);
    g_free(solver->levels);
    g_free(solver->flows);
    g_free(solver->free_flows);
    g_free(solver->hops);
    gw_level_heap_clear(&solver->waiting);
    g_free(solver->touched);
    g_free(solver->demands);
    g_free(solver);
}

/* --- Room --- */

static uint32_t take_flow(gw_max_min *solver)
{
    if (solver->free_flow_count > 0) {
        return solver->free_flows[--solver->free_flow_count];
    }
    if (solver->flow_count == solver->flow_capacity) {
        gw_check(solver->flow_capacity < UINT32_C(1) << 31);
        const uint32_t capacity = MAX(2 * solver->flow_capacity, CAPACITY_MIN);
        solver->flows = g_renew(gw_flow_state, solver->flows, capacity);
        solver->free_flows = g_renew(uint32_t, solver->free_flows, capacity);
        solver->touched = g_renew(uint32_t, solver->touched, capacity);
        solver->flow_capacity = capacity;
    }
    solver->flows[solver->flow_count] = (gw_flow_state){0};
    return solver->flow_count++;
}

/* The power of two in which so many hops find room. */
static uint32_t find_size(uint32_t hop_count)
{
    return hop_count == 1 ? 0 : 32 - (uint32_t)__builtin_clz(hop_count - 1);
}

static uint32_t take_hops(gw_max_min *solver, uint32_t hop_count)
{
    const uint32_t size = find_size(hop_count);
    const uint32_t first = solver->free_hops[size];
    if (first != GW_INDEX_NONE) {
        solver->free_hops[size] = solver->hops[first].next;
        return first;
    }
    const uint32_t block = UINT32_C(1) << size;
    while (solver->hop_capacity - solver->hop_count < block) {
        gw_check(solver->hop_capacity < UINT32_C(1) << 31);
        solver->hop_capacity = MAX(2 * solver->hop_capacity, CAPACITY_MIN);
        solver->hops = g_renew(gw_flow_hop, solver->hops, solver->hop_capacity);
    }
    solver->hop_count += block;
    return solver->hop_count - block;
}

static void give_hops(gw_max_min *solver, uint32_t first, uint32_t hop_count)
{
    const uint32_t size = find_size(hop_count);
    solver->hops[first].next = solver->free_hops[size];
    solver->free_hops[size] = first;
}

/* --- Flows --- */

static void touch_flow(gw_max_min *solver, uint32_t index)
{
    gw_flow_state *flow = &solver->flows[index];
    if (!flow->is_touched) {
        flow->is_touched = true;
        solver->touched[solver->touched_count++] = index;
    }
}

/* Reads what the flow's links give it. */
static void read_levels(const gw_max_min *solver, gw_flow_state *flow)
{
    double least = flow->limit, second = INFINITY;
    uint32_t least_link = GW_INDEX_NONE;
    const gw_flow_hop *hops = &solver->hops[flow->first_hop];
    for (uint32_t i = 0; i < flow->hop_count; i++) {
        const double level = solver->levels[hops[i].link];
        if (level < least) {
            second = least;
            least = level;
            least_link = hops[i].link;
        } else if (level < second) {
            second = level;
        }
    }
    flow->least = least;
    flow->second = second;
    flow->least_link = least_link;
}

/* What the flow could have if the link were not there. */
static double find_demand(const gw_flow_state *flow, uint32_t link)
{
    return flow->least_link == link ? flow->second : flow->least;
}

/* A flow that has its links to itself: all that stand in its way are as full as it fills them. */
static void rate_alone(gw_max_min *solver, gw_flow_state *flow)
{
    const gw_flow_hop *hops = &solver->hops[flow->first_hop];
    double rate = flow->limit;
    for (uint32_t i = 0; i < flow->hop_count; i++) {
        rate = MIN(rate, solver->links[hops[i].link].capacity);
    }
    for (uint32_t i = 0; i < flow->hop_count; i++) {
        const double capacity = solver->links[hops[i].link].capacity;
        solver->levels[hops[i].link] = capacity <= rate ? capacity : INFINITY;
        solver->links[hops[i].link].slack = capacity - rate;
    }
    read_levels(solver, flow);
    flow->rate = flow->least;
}

static void join_link(gw_max_min *solver, uint32_t hop, double capacity)
{
    const uint32_t index = solver->hops[hop].link;
    gw_link_state *link = &solver->links[index];
    if (link->flow_count == 0) {
        gw_check(capacity > 0);
        gw_check(capacity < INFINITY);
        link->capacity = capacity;
        link->first_hop = GW_INDEX_NONE;
        solver->levels[index] = INFINITY;
    } else {
        gw_check(link->capacity == capacity);
        gw_check(solver->hops[link->first_hop].flow != solver->hops[hop].flow); /* Each once. */
        solver->hops[link->first_hop].previous = hop;
    }
    solver->hops[hop].next = link->first_hop;
    solver->hops[hop].previous = GW_INDEX_NONE;
    link->first_hop = hop;
    link->flow_count++;
}

static void leave_link(gw_max_min *solver, const gw_flow_hop *hop)
{
    gw_link_state *link = &solver->links[hop->link];
    if (hop->previous == GW_INDEX_NONE) {
        link->first_hop = hop->next;
    } else {
        solver->hops[hop->previous].next = hop->next;
    }
    if (hop->next != GW_INDEX_NONE) {
        solver->hops[hop->next].previous = hop->previous;
    }
    link->flow_count--;
}

uint32_t gw_max_min_add(gw_max_min *solver, const gw_max_min_hop *hops, uint32_t hop_count,
                        double limit)
{
    gw_check(hop_count > 0);
    gw_check(limit > 0);
    const uint32_t index = take_flow(solver), first = take_hops(solver, hop_count);
    gw_flow_state *flow = &solver->flows[index];
    const bool is_touched = flow->is_touched; /* By one of this number that has gone. */
    *flow = (gw_flow_state){.limit = limit,
                            .first_hop = first,
                            .hop_count = hop_count,
                            .is_live = true,
                            .is_touched = is_touched};
    bool is_alone = true;
    for (uint32_t i = 0; i < hop_count; i++) {
        gw_check(hops[i].link < solver->link_count);
        is_alone = is_alone && solver->links[hops[i].link].flow_count == 0;
        solver->hops[first + i] = (gw_flow_hop){.link = hops[i].link, .flow = index};
        join_link(solver, first + i, hops[i].capacity);
    }
    solver->live_hop_count += hop_count;
    if (is_alone) {
        rate_alone(solver, flow);
        return index;
    }
    read_levels(solver, flow);
    touch_flow(solver, index);
    for (uint32_t i = 0; i < hop_count; i++) {
        gw_level_heap_lower(&solver->waiting, hops[i].link, 0);
    }
    return index;
}

void gw_max_min_remove(gw_max_min *solver, uint32_t index)
{
    gw_check(index < solver->flow_count);
    gw_flow_state *flow = &solver->flows[index];
    gw_check(flow->is_live);
    const gw_flow_hop *hops = &solver->hops[flow->first_hop];
    for (uint32_t i = 0; i < flow->hop_count; i++) {
        const uint32_t link = hops[i].link;
        leave_link(solver, &hops[i]);
        /* What was not full is not full; what nobody crosses has no level. */
        if (solver->links[link].flow_count > 0 && solver->levels[link] < INFINITY) {
            gw_level_heap_lower(&solver->waiting, link, MIN(flow->least, solver->levels[link]));
        }
    }
    solver->live_hop_count -= flow->hop_count;
    give_hops(solver, flow->first_hop, flow->hop_count);
    flow->is_live = false;
    solver->free_flows[solver->free_flow_count++] = index;
}

/* --- Settling --- */

static void make_room_for_demands(gw_max_min *solver, uint32_t count)
{
    if (count > solver->demand_capacity) {
        solver->demand_capacity = MAX(2 * count, CAPACITY_MIN);
        g_free(solver->demands);
        solver->demands = g_new(double, solver->demand_capacity);
    }
}

/* Takes out of `demands` those that do not reach the level, until all of the rest do.  `*rest` is
 * the capacity, and then what is left of it without those. */
static double fill_link(double *demands, uint32_t count, double *rest)
{
    while (count > 0) {
        const double level = *rest / count;
        const double tied = level * (1 - TIE);
        uint32_t kept_count = 0;
        for (uint32_t i = 0; i < count; i++) {
            if (demands[i] < tied) {
                *rest -= demands[i];
            } else {
                demands[kept_count++] = demands[i];
            }
        }
        if (kept_count == count) {
            return level;
        }
        count = kept_count;
    }
    return INFINITY;
}

static double find_level(gw_max_min *solver, uint32_t index)
{
    gw_link_state *link = &solver->links[index];
    make_room_for_demands(solver, link->flow_count);
    uint32_t count = 0;
    for (uint32_t hop = link->flow_count > 0 ? link->first_hop : GW_INDEX_NONE;
         hop != GW_INDEX_NONE; hop = solver->hops[hop].next) {
        solver->demands[count++] = find_demand(&solver->flows[solver->hops[hop].flow], index);
    }
    link->slack = link->capacity;
    return fill_link(solver->demands, count, &link->slack);
}

/* INFINITY is one with itself alone. */
static bool is_tied(double a, double b)
{
    return a == b || fabs(a - b) <= TIE * MIN(a, b);
}

/* A flow asks something else of a link that its flows cannot fill.  False: they still cannot. */
static bool fills_link(gw_link_state *link, double before, double after)
{
    if (after < before) {
        link->slack += before < INFINITY ? before - after : 0;
        return false;
    }
    link->slack -= after - before;
    return !(link->slack > SLACK * link->capacity);
}

/* `link` has to be looked at again, unless what the flow asks of it moved above its level. */
static void tell_link(gw_max_min *solver, uint32_t link, double before, double after)
{
    const double least = MIN(before, after), level = solver->levels[link];
    if (before == after || level <= least) {
        return;
    }
    if (level < INFINITY || fills_link(&solver->links[link], before, after)) {
        gw_level_heap_lower(&solver->waiting, link, least);
    }
}

/* The level of `link` has moved: reads the flow's links again and tells those whom it concerns. */
static void update_flow(gw_max_min *solver, uint32_t index, uint32_t link, double moved_least)
{
    gw_flow_state *flow = &solver->flows[index];
    if (flow->least_link != link && moved_least > flow->second) {
        return; /* It was and is above two others. */
    }
    const gw_flow_state before = *flow;
    read_levels(solver, flow);
    if (before.least == flow->least && before.least_link == flow->least_link) {
        if (flow->least_link != GW_INDEX_NONE && flow->least_link != link) {
            tell_link(solver, flow->least_link, before.second, flow->second);
        }
        return;
    }
    if (before.least != flow->least) {
        touch_flow(solver, index);
    }
    const gw_flow_hop *hops = &solver->hops[flow->first_hop];
    for (uint32_t i = 0; i < flow->hop_count; i++) {
        if (hops[i].link != link) {
            tell_link(solver, hops[i].link, find_demand(&before, hops[i].link),
                      find_demand(flow, hops[i].link));
        }
    }
}

static void move_level(gw_max_min *solver, uint32_t link, double level)
{
    const double least = MIN(level, solver->levels[link]);
    solver->levels[link] = level;
    if (solver->links[link].flow_count == 0) {
        return;
    }
    for (uint32_t hop = solver->links[link].first_hop; hop != GW_INDEX_NONE;
         hop = solver->hops[hop].next) {
        update_flow(solver, solver->hops[hop].flow, link, least);
    }
}

/* Looks at the lowest link.  If its level would move above the next link's, that one comes first,
 * since it may move this one's level again. */
static void look_at_lowest(gw_max_min *solver)
{
    const uint32_t link = solver->waiting.items[0].link;
    const double before = solver->levels[link], level = find_level(solver, link);
    const double least = MIN(before, level);
    solver->look_count++;
    if (is_tied(before, level)) {
        gw_level_heap_pop(&solver->waiting);
    } else if (least > gw_level_heap_second(&solver->waiting)) {
        gw_level_heap_raise_first(&solver->waiting, MAX(least, solver->waiting.items[0].level));
    } else {
        gw_level_heap_pop(&solver->waiting);
        move_level(solver, link, level);
    }
}

bool gw_max_min_is_settled(const gw_max_min *solver)
{
    return solver->waiting.count == 0 && solver->touched_count == 0;
}

/* Keeps, of those touched, the flows whose rates have changed. */
static uint32_t keep_changed(gw_max_min *solver)
{
    uint32_t changed_count = 0;
    for (uint32_t i = 0; i < solver->touched_count; i++) {
        const uint32_t index = solver->touched[i];
        gw_flow_state *flow = &solver->flows[index];
        flow->is_touched = false;
        if (flow->is_live && fabs(flow->least - flow->rate) > CHANGED * flow->rate) {
            flow->rate = flow->least;
            solver->touched[changed_count++] = index;
        }
    }
    solver->touched_count = 0;
    return changed_count;
}

/* Takes levels and rates from a filling. */
static void settle_anew(gw_max_min *solver)
{
    g_autofree double *rates = g_new(double, solver->flow_count);
    gw_max_min_fill_anew(solver, rates, solver->levels);
    for (uint32_t i = 0; i < solver->flow_count; i++) {
        if (solver->flows[i].is_live) {
            read_levels(solver, &solver->flows[i]);
            touch_flow(solver, i);
        }
    }
    while (solver->waiting.count > 0) {
        gw_level_heap_pop(&solver->waiting);
    }
    solver->refill_count++;
}

uint32_t gw_max_min_settle(gw_max_min *solver, const uint32_t **out_flows)
{
    const uint64_t looks_max =
        solver->look_count + LOOKS_AT_LEAST + GW_MAX_MIN_LOOKS_PER_HOP * solver->live_hop_count;
    while (solver->waiting.count > 0 && solver->look_count < looks_max) {
        look_at_lowest(solver);
    }
    if (solver->waiting.count > 0) {
        settle_anew(solver);
    }
    *out_flows = solver->touched;
    return keep_changed(solver);
}

/* --- Looking --- */

double gw_max_min_rate(const gw_max_min *solver, uint32_t flow)
{
    gw_check(flow < solver->flow_count);
    gw_check(solver->flows[flow].is_live);
    return solver->flows[flow].rate;
}

uint32_t gw_max_min_flow_count(const gw_max_min *solver, uint32_t link)
{
    gw_check(link < solver->link_count);
    return solver->links[link].flow_count;
}

uint32_t gw_max_min_some_flow(const gw_max_min *solver, uint32_t link)
{
    gw_check(link < solver->link_count);
    return solver->links[link].flow_count == 0 ? GW_INDEX_NONE
                                               : solver->hops[solver->links[link].first_hop].flow;
}

uint64_t gw_max_min_look_count(const gw_max_min *solver)
{
    return solver->look_count;
}

uint64_t gw_max_min_refill_count(const gw_max_min *solver)
{
    return solver->refill_count;
}
