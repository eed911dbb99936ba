/* SPDX-License-Identifier: Apache-2.0 */
/* After as many forwards as there are stages behind it, a stage takes forward and backward in turn,
 * both in order of micro-batch (PipeDream-Flush: Narayanan et al., "Memory-Efficient
 * Pipeline-Parallel DNN Training", 2021). */
#include "workload/workload_schedule.h"

static void write_stage(const gw_schedule_request *request, uint32_t stage, gw_slot *out)
{
    const uint32_t count = request->microbatch_count;
    const uint32_t warm_up = MIN(count, request->stage_count - stage - 1);
    uint32_t forward = 0, backward = 0, slot = 0;
    while (backward < count) {
        if (forward < count) {
            out[slot++] = (gw_slot){.kind = GW_SLOT_FORWARD, .microbatch = forward++};
        }
        if (forward > warm_up || forward == count) {
            out[slot++] = (gw_slot){.kind = GW_SLOT_BACKWARD, .microbatch = backward++};
        }
    }
}

static gw_workload_schedule *make_1f1b(const gw_schedule_request *request, GError **error)
{
    (void)error; /* There is always one. */
    gw_workload_schedule *schedule =
        gw_workload_schedule_new(request, request->microbatch_count * 2);
    for (uint32_t stage = 0; stage < request->stage_count; stage++) {
        write_stage(request, stage, &schedule->slots[schedule->first_slot[stage]]);
    }
    return schedule;
}

const gw_schedule_ops gw_schedule_1f1b = {
    .name = "1f1b",
    .summary = "forward and backward in turn: a stage holds as many as are left to the end",
    .make = make_1f1b,
};
