/* SPDX-License-Identifier: Apache-2.0 */
/* 1F1B whose stages have several chunks of layers each, so that a micro-batch goes round the stages
 * several times and the ramps are shorter by that much (Narayanan et al., "Efficient Large-Scale
 * Language Model Training on GPU Clusters Using Megatron-LM", 2021, section 2.2).
 *
 * Micro-batches go in groups of as many as there are stages: a stage takes a group's first chunk,
 * then its second, and so on; then the next group.  Backwards the same, the last chunk first. */
#include "base/error.h"
#include "workload/workload_schedule.h"

static gw_slot find_turn(const gw_schedule_request *request, gw_slot_kind kind, uint32_t turn)
{
    const uint32_t stages = request->stage_count, chunks = request->chunk_count;
    const uint32_t in_group = turn % (stages * chunks);
    const uint32_t chunk = in_group / stages;
    return (gw_slot){.kind = kind,
                     .microbatch = turn / (stages * chunks) * stages + in_group % stages,
                     .chunk = kind == GW_SLOT_FORWARD ? chunk : chunks - 1 - chunk};
}

/* The first backward at a stage is as many turns away as forwards pass it until then: those of all
 * chunks but the last, and one for each of the turns that a forward needs to the last stage and
 * its backward from there. */
static void write_stage(const gw_schedule_request *request, uint32_t stage, gw_slot *out)
{
    const uint32_t count = request->microbatch_count * request->chunk_count;
    const uint32_t warm_up = MIN(count, (request->stage_count - stage - 1) * 2 +
                                            (request->chunk_count - 1) * request->stage_count);
    uint32_t forward = 0, slot = 0;
    while (forward < warm_up) {
        out[slot++] = find_turn(request, GW_SLOT_FORWARD, forward++);
    }
    for (uint32_t backward = 0; backward < count; backward++) {
        if (forward < count) {
            out[slot++] = find_turn(request, GW_SLOT_FORWARD, forward++);
        }
        out[slot++] = find_turn(request, GW_SLOT_BACKWARD, backward);
    }
}

static gw_workload_schedule *make_interleaved(const gw_schedule_request *request, GError **error)
{
    if (request->chunk_count < 2) {
        g_set_error(error, GW_ERROR, GW_ERROR_SCENARIO,
                    "found 1 chunk per stage, expected \"chunks\" of 2 at least");
        return NULL;
    }
    if (request->microbatch_count % request->stage_count != 0) {
        g_set_error(error, GW_ERROR, GW_ERROR_SCENARIO,
                    "found %u micro-batches, expected a multiple of the %u stages",
                    request->microbatch_count, request->stage_count);
        return NULL;
    }
    gw_workload_schedule *schedule =
        gw_workload_schedule_new(request, request->microbatch_count * request->chunk_count * 2);
    for (uint32_t stage = 0; stage < request->stage_count; stage++) {
        write_stage(request, stage, &schedule->slots[schedule->first_slot[stage]]);
    }
    return schedule;
}

const gw_schedule_ops gw_schedule_interleaved = {
    .name = "interleaved",
    .summary = "1f1b over \"chunks\" of layers per stage: shorter ramps, more transfers",
    .has_chunks = true,
    .make = make_interleaved,
};
