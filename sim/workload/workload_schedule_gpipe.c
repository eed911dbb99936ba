/* SPDX-License-Identifier: Apache-2.0 */
/* All forwards, then all backwards, the last micro-batch first (Huang et al., "GPipe", 2019). */
#include "workload/workload_schedule.h"

static gw_workload_schedule *make_gpipe(const gw_schedule_request *request, GError **error)
{
    (void)error; /* There is always one. */
    const uint32_t count = request->microbatch_count;
    gw_workload_schedule *schedule = gw_workload_schedule_new(request, count * 2);
    for (uint32_t stage = 0; stage < request->stage_count; stage++) {
        gw_slot *slots = &schedule->slots[schedule->first_slot[stage]];
        for (uint32_t i = 0; i < count; i++) {
            slots[i] = (gw_slot){.kind = GW_SLOT_FORWARD, .microbatch = i};
            slots[count + i] = (gw_slot){.kind = GW_SLOT_BACKWARD, .microbatch = count - 1 - i};
        }
    }
    return schedule;
}

const gw_schedule_ops gw_schedule_gpipe = {
    .name = "gpipe",
    .summary = "all forwards, then all backwards: every stage holds all micro-batches",
    .make = make_gpipe,
};
