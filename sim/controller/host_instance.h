/* SPDX-License-Identifier: Apache-2.0 */
/* One job's program as one host holds it: its lowered form, its buffers, and how much of each run
 * in flight is still to be done here. */
#pragma once

#include "base/lines.h"
#include "controller/controller.h"
#include "controller/exchange_book.h"
#include "controller/message.h"
#include "controller/store.h"

/* What may still be dispatched of an instance whose client has failed. */
typedef struct {
    bool is_bounded; /* `bound` is known; else everything is held back. */
    gw_extent bound;
    GArray *held; /* gw_held_segment, in order. */
} gw_fence;
typedef struct {
    uint32_t dispatcher;
    bool wants_enqueued;
    gw_segment segment;
} gw_held_segment;

/* What every completion looks at comes last, from the beginning of a line on: from block.plan. */
typedef struct {
    alignas(GW_LINE_BYTES)
        GArray **deciders; /* By result: who orders what it decides (decide.h); NULL: nobody. */
    uint32_t *refs;        /* Of the block's slots: what a reservation starts with, */
    uint32_t *refs_next;   /* and what readers of the next run add. */
    uint32_t *host_copies; /* By slot: how many of the local shards, the last ones, are copied to
                              the host's memory when their gang is done; not those that are read
                              as a result, which come there by themselves.  NULL: none of any. */
    gw_exchange_book *exchanges; /* NULL: the program has none. */
    gw_fence *fence;             /* NULL: its client has not failed. */
    /* While what an earlier instance left comes here: hosts that still copy, what they have copied,
     * and who waits. */
    uint32_t moving_hosts;
    gw_node_id moving_client;
    uint64_t moved_bytes;
    uint32_t workspace_end; /* Workspaces of meshes before it are reserved. */
    uint32_t job, run_count;
    gw_node_id retiring_client;
    bool is_retiring;    /* As soon as it has no flights: `retiring_client` waits. */
    gw_extent heard;     /* How far, by what has come here, the instance is ordered, */
    uint64_t gang_count; /* and gangs that were dispatched here. */
    gw_block block;
    uint32_t instance;
    uint32_t newest_run;   /* The latest that was begun here. */
    uint32_t dispatcher;   /* The node that orders its gangs here. */
    uint32_t flight_count; /* Kernels and copies that the world has not answered. */
    uint32_t used_place;   /* The progress book's: where its entry stood last. */
    /* Gangs, results and copies of what runs made here; 0 where the host has no gang of such a run:
     * what it copies then is part of nobody's count. */
    uint32_t operations_in_run_0, operations_per_run;
    gw_lowered *lowered;
    const gw_plan *plan;
    uint32_t left[]; /* By run % depth: operations of the run not done here. */
} gw_host_instance;
G_STATIC_ASSERT(offsetof(gw_host_instance, block.plan) % GW_LINE_BYTES == 0);

/* `executable` is borrowed for the call, `job` for the instance's life.  The block is open and
 * holds nothing. */
gw_host_instance *gw_host_instance_new(const gw_directory *directory, gw_node_id host,
                                       const gw_job *job, const gw_executable *executable,
                                       const gw_system_ops *system, gw_store *store);
void gw_host_instance_free(gw_host_instance *instance, gw_store *store);

/* Of a slot of a mesh that is here. */
static inline uint32_t *gw_host_instance_refs(const gw_host_instance *instance, uint32_t slot)
{
    return &instance->refs[slot - instance->block.slots.first];
}
static inline uint32_t *gw_host_instance_refs_next(const gw_host_instance *instance, uint32_t slot)
{
    return &instance->refs_next[slot - instance->block.slots.first];
}

/* The run in which a node of `run` finds what `input` reads, when it does not arrive. */
static inline uint32_t gw_host_instance_source_run(const gw_plan_input *input, uint32_t run)
{
    if (input->is_permanent)
        return 0;
    return input->is_carried && run > 0 ? run - 1 : run;
}
static inline uint32_t gw_host_instance_source_slot(const gw_plan_input *input, uint32_t run)
{
    return input->is_carried && run == 0 ? input->initial_slot : input->slot;
}

/* The first operation of a run begins its count; true when the last one is done.  A run without
 * gangs here is not counted. */
void gw_host_instance_begin_run(gw_host_instance *instance, uint32_t run);
bool gw_host_instance_count_down(gw_host_instance *instance, uint32_t run);
