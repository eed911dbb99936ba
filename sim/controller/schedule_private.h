/* SPDX-License-Identifier: Apache-2.0 */
/* What the files schedule*.c share.  Nobody else includes this. */
#pragma once

#include "controller/budget.h"
#include "controller/decide.h"
#include "controller/dispatch.h"
#include "controller/gate.h"
#include "controller/room.h"
#include "controller/schedule.h"

typedef struct {
    uint32_t run, next_node, end_node;
    uint64_t call, submission;
    uint32_t gangs_left; /* Not ordered yet. */
    gw_time deadline_ns;
} gw_waiting_call;

typedef enum {
    GW_SCHEDULED_IDLE = 1,
    GW_SCHEDULED_OFFERED,
    GW_SCHEDULED_BLOCKED,
    GW_SCHEDULED_GATED,
    GW_SCHEDULED_UNDECIDED,
    GW_SCHEDULED_ENQUEUEING,
    GW_SCHEDULED_SHORT, /* Of memory. */
} gw_scheduled_state;

typedef struct {
    uint32_t instance, job, depth;
    const gw_plan *plan;
    gw_node_id client;
    gw_slice **slices;       /* By mesh. */
    GList waits;             /* BLOCKED, SHORT: its place among those that wait. */
    gw_decisions *decisions; /* NULL: none of its nodes is irregular. */
    gw_gate *gate;           /* NULL: it shares nothing with other islands. */
    gw_spender *spender;     /* NULL: bytes are not counted. */
    bool has_begun;          /* A run was submitted. */
    bool is_told;            /* To peers, as far as it is ordered: run and node of the last. */
    uint32_t ordered_run, ordered_node;
    gw_scheduled_state state;
    gw_waiting_call *calls; /* A ring of `depth`; the first is being ordered. */
    uint32_t first_call, call_count;
    uint32_t acks_left;                     /* ENQUEUEING */
    bool is_ahead_of_hosts;                 /* Its last gang was not awaited. */
    uint64_t shards_done;                   /* Reported so far, */
    gw_span device_time_ns;                 /* and what they took. */
    uint32_t hosts_in_run_0, hosts_per_run; /* With gangs of such a run. */
    uint32_t *hosts_left;       /* By run % depth: hosts where the run is not done; 0: not begun. */
    gw_time *deadlines;         /* By run % depth: of its last call. */
    bool has_last_node;         /* The program's last: this scheduler says which runs are late. */
    gw_time waits_since_ns;     /* Its next gang, */
    uint32_t taken_before;      /* when so many had been ordered on its devices. */
    gw_span longest_wait_ns;    /* Of any gang for its place, */
    gw_span longest_starved_ns; /* and beyond the limit while others were ordered. */
    gw_extent extent;           /* What was ordered so far. */
    bool is_abandoned;          /* No more of it is. */
} gw_scheduled_instance;

typedef struct {
    gw_node_id client;
    gw_call_message message;
} gw_returned_call;

struct gw_schedule {
    const gw_directory *directory;
    const gw_control *control;
    const gw_job *jobs;
    uint32_t island; /* GW_INDEX_NONE: all. */
    gw_node_id self;
    gw_port *port;
    gw_policy *policy;
    gw_dispatch *dispatch;
    gw_room *room;
    gw_budget *budget;    /* NULL: bytes are not counted. */
    GPtrArray *freed;     /* gw_slice, and */
    GPtrArray *fitting;   /* gw_need: scratch for progress reports. */
    GPtrArray *instances; /* gw_scheduled_instance by number; NULL: not installed. */
    GArray *untold;       /* uint32_t: instances with is_told false. */
    GArray *returned;     /* gw_returned_call: to be answered when the batch is sent. */
    GArray *collected;    /* Of instances that are abandoned, or were (collected.h). */
    uint64_t gang_count, submission_count;
    uint32_t open_count;    /* Offers for slices that are not known to be full, */
    uint32_t dropped_count; /* and of clients that have failed, which the policy is to give back
                             * where it has no `withdraw`. */
    bool can_hold;          /* The policy sets offers of full slices aside (policy.h). */
    bool is_changed;        /* Something may be ordered. */
    bool is_wrong;          /* The policy has picked what it does not have. */
};

/* The call that is being ordered; NULL: none waits. */
static inline gw_waiting_call *gw_schedule_first_call(const gw_scheduled_instance *instance)
{
    return instance->call_count == 0 ? NULL : &instance->calls[instance->first_call];
}

static inline gw_slice *gw_schedule_next_slice(const gw_scheduled_instance *instance)
{
    return instance
        ->slices[instance->plan->nodes[gw_schedule_first_call(instance)->next_node].mesh];
}

/* Of the next gang: what it has in common with others (room.h). */
static inline gw_need *gw_schedule_next_need(const gw_scheduled_instance *instance)
{
    const gw_waiting_call *call = gw_schedule_first_call(instance);
    return instance->spender != NULL
               ? gw_budget_need(instance->spender, call->next_node, call->run)
               : (gw_need *)g_ptr_array_index(gw_schedule_next_slice(instance)->needs, 0);
}

/* --- schedule_needs.c --- */

/* The instance's next gang waits from now on: BLOCKED for room, or SHORT of memory; or does not any
 * more, wherever it did. */
void gw_schedule_wait(gw_scheduled_instance *instance, gw_scheduled_state state);
void gw_schedule_stop_waiting(gw_scheduled_instance *instance, GQueue *waiting);
/* The instance's next gang has room, as far as is known, and is offered; or is not any more. */
void gw_schedule_add_offer(gw_schedule *schedule, gw_scheduled_instance *instance);
void gw_schedule_end_offer(gw_schedule *schedule, const gw_scheduled_instance *instance);
/* The slice is not full any more; the need is not short any more. */
void gw_schedule_open_slice(gw_schedule *schedule, gw_slice *slice);
void gw_schedule_open_need(gw_schedule *schedule, gw_need *need);
/* False: the slice is full; the need, whose slice has room, is short.  It counts as such from now
 * on. */
bool gw_schedule_is_free(gw_schedule *schedule, gw_slice *slice);
bool gw_schedule_is_there(gw_schedule *schedule, gw_need *need);
/* What was picked is given back: where there is no room for its need, the policy need not pick any
 * other offer with that. */
void gw_schedule_hold_need(gw_schedule *schedule, gw_need *need);
