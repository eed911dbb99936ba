/* SPDX-License-Identifier: Apache-2.0 */
/* Pipeline schedules as data: what each stage does, in order.  Who plays one needs to know nothing
 * of how it was made. */
#pragma once

#include <glib.h>

#include "base/units.h"

typedef enum { GW_SLOT_FORWARD = 1, GW_SLOT_BACKWARD } gw_slot_kind;

typedef struct {
    gw_slot_kind kind;
    uint32_t microbatch;
} gw_slot;

typedef struct {
    uint32_t stage_count, microbatch_count;
    gw_slot *slots;
    uint32_t *first_slot; /* Stage s does slots [first_slot[s], first_slot[s + 1]). */
} gw_workload_schedule;

/* "1f1b", "gpipe"; NULL ends it. */
extern const char *const gw_workload_schedule_names[];

/* The schedule with that index among the names.  1f1b: after as many forwards as there are stages
 * behind it, a stage takes forward and backward in turn, both in order of micro-batch
 * (PipeDream-Flush: Narayanan et al., "Memory-Efficient Pipeline-Parallel DNN Training", 2021).
 * gpipe: all forwards, then all backwards,
 * the last micro-batch first (Huang et al., "GPipe", 2019). */
gw_workload_schedule *gw_workload_schedule_new(uint32_t name, uint32_t stage_count,
                                               uint32_t microbatch_count);
void gw_workload_schedule_free(gw_workload_schedule *schedule);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(gw_workload_schedule, gw_workload_schedule_free)

typedef struct { /* Of one stage. */
    gw_span forward_ns, backward_ns;
    gw_span transfer_ns; /* Of what it sends, to either neighbour. */
} gw_stage_times;

/* When each slot starts, if stages run their slots in order, each as soon as what it needs has
 * arrived, and transfers run beside: forward s needs forward s - 1, backward s needs backward
 * s + 1, the last stage's its own forward.  `times` by stage, `out_start_ns` by slot. */
void gw_workload_schedule_play(const gw_workload_schedule *schedule, const gw_stage_times *times,
                               gw_time *out_start_ns);
