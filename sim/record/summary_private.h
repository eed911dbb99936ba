/* SPDX-License-Identifier: Apache-2.0 */
/* What the files summary*.c share.  Nobody else includes this. */
#pragma once

#include "record/summary.h"

/* Difference to the device before; unsigned sums come out right although single ones wrap. */
typedef struct {
    uint64_t local_ns, collective_ns, wait_ns;
} gw_summary_device;

typedef struct {
    uint64_t count; /* Runs that have a value. */
    uint64_t first_run, last_run;
    double first, last;
    GArray *values;     /* double, by run; of the first GW_SUMMARY_KEPT_RESULTS runs. */
    GArray *is_present; /* bool, by run. */
} gw_summary_result;

typedef struct { /* Device time of one job on one island. */
    uint64_t busy_ns, wait_ns;
} gw_summary_power;

typedef struct {
    gw_time started_ns, done_ns;    /* GW_TIME_NEVER: it has not. */
    uint64_t local_ns, busy_ns;     /* Over its devices. */
    uint64_t exposed_ns, hidden_ns; /* Likewise: in collectives. */
    gw_summary_power *powers;       /* By island; NULL: nothing has run. */
    gw_time gang_start_ns, gang_end_ns;
    uint64_t computations;
    /* Of gangs that count as computations: */
    gw_time call_start_ns, call_end_ns;
    uint64_t first_call, first_call_computations;
    gw_time first_call_end_ns;
    uint64_t runs_done;
    gw_time first_run_ns, last_run_ns; /* Earliest and latest end of a run. */
    gw_span order_wait_ns;             /* GW_TIME_NEVER: no scheduler has said. */
    gw_span starved_ns;
    uint64_t deadlines_missed;
    uint64_t spilled_bytes, returned_bytes;
    uint64_t rows_dealt, rows_dropped;
    gw_summary_result *results;
    uint32_t moves, stays; /* When hosts are removed. */
    /* Its client failed, and all that it owned was given back; GW_TIME_NEVER: it did not, not yet.
     */
    gw_time failed_ns, collected_ns;
    uint64_t moved_bytes; /* Of what its runs hand on, in all moves, */
    gw_span moving_ns;    /* which took so long, */
    gw_time leaves_ns;    /* the latest from then on. */
} gw_summary_job;

struct gw_summary {
    const gw_recorder_settings *settings;
    gw_time first_start_ns, last_end_ns; /* Of work on devices. */
    gw_time makespan_ns;
    uint64_t runs_done;
    uint64_t message_count, dcn_bytes, transfer_count, transfer_bytes;
    gw_summary_device *devices; /* One more than there are devices. */
    gw_summary_job *jobs;
};
