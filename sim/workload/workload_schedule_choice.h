/* SPDX-License-Identifier: Apache-2.0 */
/* The schedule that a job's parameters ask for: "schedule", "schedule_file", "chunks" and
 * "activations_max". */
#pragma once

#include "base/params.h"
#include "workload/workload_schedule.h"

#define GW_SCHEDULE_MICROBATCHES_MAX 65536U

typedef struct {
    const gw_schedule_ops *ops;
    uint64_t chunk_count;
    double activations_max; /* 0: not given. */
    char *file;             /* From the scenario's folder; NULL: none. */
    bool wraps_early;       /* As of gw_workload_schedule. */
} gw_schedule_choice;

/* `usual`: unless asked for another.  GW_ERROR_SCENARIO where the parameters do not go together. */
bool gw_schedule_choice_read(gw_params *params, const gw_schedule_ops *usual,
                             gw_schedule_choice *out, GError **error);
/* "wrap_waits", for workloads that can leave a wait out; `choice` as read before.
 * GW_ERROR_SCENARIO where so many stages, or the schedule, have no way round. */
bool gw_schedule_choice_read_wrap(gw_params *params, uint64_t stage_count,
                                  gw_schedule_choice *choice, GError **error);
void gw_schedule_choice_clear(gw_schedule_choice *choice);

/* The schedule, checked and played: chunks, limit and file of `request` are filled in here.
 * *out_start_ns by slot, as gw_workload_schedule_play() finds them; the caller frees.
 * GW_ERROR_SCENARIO where there is none, where it waits for itself or holds more than
 * activations_max. */
gw_workload_schedule *gw_schedule_choice_make(gw_params *params, const gw_schedule_choice *choice,
                                              gw_schedule_request request, gw_time **out_start_ns,
                                              GError **error);
