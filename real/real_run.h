/* SPDX-License-Identifier: Apache-2.0 */
/* A scenario run for real: the same controllers as in the simulated world, over this machine's
 * CPUs (cpu_port.h) or over devices that finish at once (null_port.h). */
#pragma once

#include "real/handler.h"
#include "real/ledger.h"
#include "record/recorder.h"
#include "scenario/scenario.h"

typedef struct {
    gw_ledger_counts counts;
    uint64_t launch_digest; /* record/launch_digest.h: the decisions, of any world. */
    gw_real_usage usage;
    gw_recorder_timing timing; /* Counts only: wall-clock figures are the caller's. */
} gw_real_report;

/* Until every job is done and nothing is left to happen.  `recorder` is fed (NULL: none is); its
 * finish is the caller's.  On failure everything is stopped and freed, and the error is
 *   GW_ERROR_SCENARIO     a job was refused, a policy does not take its parameters or picks what it
 *                         does not have, or (cpu) a program computes on values that are no
 *                         float32;
 *   GW_ERROR_STALL        nothing is left to happen and a job is not done: who waits for what;
 *   GW_ERROR_INTERRUPTED  gw_real_cancel() was called;
 *   GW_ERROR_SYSTEM       the machine has no room for the threads, or a device has failed. */
bool gw_cpu_run(const gw_scenario *scenario, gw_recorder *recorder, gw_real_report *out_report,
                GError **error);
bool gw_null_run(const gw_scenario *scenario, gw_recorder *recorder, gw_real_report *out_report,
                 GError **error);

/* Ends the run under way, or the next one when there is none.  Safe in a signal handler. */
void gw_real_cancel(void);
/* It was called, and no run has ended of it yet. */
bool gw_real_is_cancelled(void);
