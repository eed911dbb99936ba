/* SPDX-License-Identifier: Apache-2.0 */
/* Timers that were set and have not gone off, in order of (due_ns, order of setting). */
#pragma once

#include "controller/port.h"

typedef struct {
    gw_time due_ns;
    uint64_t order;
    gw_node_id node; /* Whose it is. */
    gw_tag tag;
    bool is_watch; /* It keeps no run going (port.h). */
} gw_timer;

typedef struct {
    gw_timer *heap;
    uint32_t count, capacity;
    uint32_t watch_count; /* Of them. */
    uint64_t next_order;
} gw_timers;

/* A zeroed gw_timers is an empty one. */
void gw_timers_clear(gw_timers *timers);
void gw_timers_set(gw_timers *timers, gw_node_id node, gw_time due_ns, gw_tag tag);
void gw_timers_watch(gw_timers *timers, gw_node_id node, gw_time due_ns, gw_tag tag);
/* True: one at least is no watch, and will go off whatever happens. */
static inline bool gw_timers_are_sure(const gw_timers *timers)
{
    return timers->count > timers->watch_count;
}
/* Every timer of `node` with `tag` is gone; none may be there. */
void gw_timers_cancel(gw_timers *timers, gw_node_id node, gw_tag tag);
/* When the next one is due; GW_TIME_NEVER: there is none. */
gw_time gw_timers_next_ns(const gw_timers *timers);
/* The first one that is due at `now_ns`, taken out.  False: none is. */
bool gw_timers_take(gw_timers *timers, gw_time now_ns, gw_timer *out_timer);
