/* SPDX-License-Identifier: Apache-2.0 */
/* A pipeline schedule, played with a time for each kind of pass at each of its places: as
 * gw_workload_schedule_play, whose stages' chunks are all alike. */
#pragma once

#include "workload/workload_schedule.h"

typedef struct { /* Of one micro-batch at one place: chunk c of stage s is c * stage_count + s. */
    double forward_ns, backward_ns; /* Where passes are split, backward_ns is for inputs alone. */
    double weights_ns;
} gw_search_pass_times;

/* From the first stage's first pass to the end of its last, if each stage does its slots in order,
 * each as soon as what it needs has arrived, and every transfer takes `transfer_ns`.  `times` by
 * place.  The schedule is checked, and known to end. */
double gw_search_play_ns(const gw_workload_schedule *schedule, const gw_search_pass_times *times,
                         double transfer_ns);

/* What no schedule that splits backward passes takes less than by gw_search_play_ns(), if the first
 * stage may hold `held_max` micro-batches: there and back through any stage, which has all its
 * passes to do meanwhile; or all that the first stage does, and how long it has nothing to do
 * before its first backward pass. */
double gw_search_play_least_ns(guint stage_count, guint microbatch_count, double held_max,
                               const gw_search_pass_times *times, double transfer_ns);
