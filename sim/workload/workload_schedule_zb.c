/* SPDX-License-Identifier: Apache-2.0 */
/* The two schedules that Qi et al., "Zero Bubble Pipeline Parallelism" (2024), wrote by hand.  Both
 * are 1F1B with a backward pass in two parts, where the part for weights comes later the nearer a
 * stage is to the end, so that it fills what would be a bubble.
 *
 * H1 begins like 1F1B and keeps its memory: stage s puts off s passes for weights.  H2 begins with
 * as many forwards as fit until the first backward comes, nearly twice as many, and puts off twice
 * as many passes.  With equal times of all passes it has no bubble. */
#include "workload/workload_schedule.h"

/* `stretch` is 1 for H1 and 2 for H2. */
static void write_stage(const gw_schedule_request *request, uint32_t stretch, uint32_t stage,
                        gw_slot *out)
{
    const uint32_t count = request->microbatch_count;
    const uint32_t warm_up = MIN(count, stretch * (request->stage_count - stage - 1));
    const uint32_t delay = stretch * stage;
    uint32_t forward = 0, backward = 0, weights = 0, slot = 0;
    while (forward < warm_up) {
        out[slot++] = (gw_slot){.kind = GW_SLOT_FORWARD, .microbatch = forward++};
    }
    while (weights < count) {
        if (forward < count) {
            out[slot++] = (gw_slot){.kind = GW_SLOT_FORWARD, .microbatch = forward++};
        }
        if (backward < count) {
            out[slot++] = (gw_slot){.kind = GW_SLOT_INPUTS, .microbatch = backward++};
        }
        if (backward > weights + delay || forward == count) {
            out[slot++] = (gw_slot){.kind = GW_SLOT_WEIGHTS, .microbatch = weights++};
        }
    }
}

static gw_workload_schedule *make_zb(const gw_schedule_request *request, uint32_t stretch)
{
    gw_workload_schedule *schedule =
        gw_workload_schedule_new(request, request->microbatch_count * 3);
    for (uint32_t stage = 0; stage < request->stage_count; stage++) {
        write_stage(request, stretch, stage, &schedule->slots[schedule->first_slot[stage]]);
    }
    return schedule;
}

static gw_workload_schedule *make_zb_h1(const gw_schedule_request *request, GError **error)
{
    (void)error; /* There is always one. */
    return make_zb(request, 1);
}

static gw_workload_schedule *make_zb_h2(const gw_schedule_request *request, GError **error)
{
    (void)error; /* There is always one. */
    return make_zb(request, 2);
}

const gw_schedule_ops gw_schedule_zb_h1 = {
    .name = "zb-h1",
    .summary = "1f1b with passes for weights put off: a third of the bubble, the same memory",
    .splits = true,
    .make = make_zb_h1,
};

const gw_schedule_ops gw_schedule_zb_h2 = {
    .name = "zb-h2",
    .summary = "the same with more forwards first: next to no bubble, twice the memory",
    .splits = true,
    .make = make_zb_h2,
};
