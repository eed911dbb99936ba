/* SPDX-License-Identifier: Apache-2.0 */
/* A scenario run on the simulated cluster: the cluster is wired, every node gets a controller, and
 * events fire until nothing is left to happen. */
#pragma once

#include "engine/engine.h"
#include "record/recorder.h"
#include "scenario/scenario.h"

typedef struct {
    uint64_t steps_done, steps_total; /* Runs of all jobs; 0 of 0 without a recorder. */
    uint64_t events;
    gw_time now_ns;
} gw_world_progress;

/* Told what happens, as it happens; it changes nothing.  Each member may be NULL. */
typedef struct {
    void (*note)(void *context, gw_node_id node, const gw_note *note, gw_time now_ns);
    void (*gang)(void *context, const gw_gang_record *gang);             /* When it is done. */
    void (*transfer)(void *context, const gw_transfer_record *transfer); /* When it is there. */
    void *context;
} gw_world_listener;

typedef struct {
    gw_queue_kind queue; /* 0: the fast one. */
    bool is_paranoid;    /* Every invariant after every event (invariants.h); slow. */
    /* Optional; called every 65536 events.  False ends the run. */
    bool (*progress)(void *context, const gw_world_progress *progress);
    void *progress_context;
    const gw_world_listener *listener; /* Optional; borrowed for the run. */
} gw_world_settings;

typedef struct {
    uint64_t launches;  /* Kernels enqueued: one per gang and host. */
    uint64_t shards;    /* Shards enqueued: one per gang and device. */
    uint64_t gangs;     /* Gangs done on all their devices. */
    uint64_t transfers; /* Copies that have arrived, to devices and to hosts. */
    uint64_t messages;  /* Between different nodes. */
    uint64_t message_bytes;
    uint64_t launch_digest;    /* record/launch_digest.h: the decisions, of any world. */
    uint64_t digest;           /* Of every event: equal digests, equal runs. */
    gw_time end_ns;            /* Of the last event. */
    gw_recorder_timing timing; /* Counts only: the clock is the caller's (no clock in sim/). */
} gw_world_report;

/* Until every job is done and nothing is left to happen.  `settings` and `recorder` may be NULL;
 * the recorder is fed, its finish is the caller's.  On failure everything is freed, and the error
 * is
 *   GW_ERROR_SCENARIO     a job was refused, or the policy does not take its parameters or picks
 *                         what it does not have;
 *   GW_ERROR_STALL        nothing is left to happen and a job is not done: who waits for what;
 *   GW_ERROR_INTERRUPTED  progress() said so.
 * A broken invariant is ours: it ends the program. */
bool gw_world_run(const gw_scenario *scenario, const gw_world_settings *settings,
                  gw_recorder *recorder, gw_world_report *out_report, GError **error);
