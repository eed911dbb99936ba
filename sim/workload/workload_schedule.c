/* SPDX-License-Identifier: Apache-2.0 */
/* Each schedule is a function that writes one stage's slots; a new one is a function and a line
 * in each of the two tables. */
#include "workload/workload_schedule.h"

#include "base/check.h"

typedef struct {
    uint32_t stage_count, microbatch_count, stage;
} stage_place;

const char *const gw_workload_schedule_names[] = {"1f1b", "gpipe", NULL};

static void write_1f1b(const stage_place *place, gw_slot *out)
{
    const uint32_t count = place->microbatch_count;
    const uint32_t warm_up = MIN(count, place->stage_count - place->stage - 1);
    uint32_t forward = 0, backward = 0, slot = 0;
    while (backward < count) {
        if (forward < count) {
            out[slot++] = (gw_slot){GW_SLOT_FORWARD, forward++};
        }
        if (forward > warm_up || forward == count) {
            out[slot++] = (gw_slot){GW_SLOT_BACKWARD, backward++};
        }
    }
}

static void write_gpipe(const stage_place *place, gw_slot *out)
{
    const uint32_t count = place->microbatch_count;
    for (uint32_t i = 0; i < count; i++) {
        out[i] = (gw_slot){GW_SLOT_FORWARD, i};
        out[count + i] = (gw_slot){GW_SLOT_BACKWARD, count - 1 - i};
    }
}

static void (*const writers[])(const stage_place *place, gw_slot *out) = {write_1f1b, write_gpipe};

gw_workload_schedule *gw_workload_schedule_new(uint32_t name, uint32_t stage_count,
                                               uint32_t microbatch_count)
{
    gw_check(name < G_N_ELEMENTS(writers));
    gw_check(stage_count > 0 && microbatch_count > 0);
    gw_workload_schedule *schedule = g_new0(gw_workload_schedule, 1);
    schedule->stage_count = stage_count;
    schedule->microbatch_count = microbatch_count;
    schedule->slots = g_new0(gw_slot, (size_t)stage_count * microbatch_count * 2);
    schedule->first_slot = g_new0(uint32_t, stage_count + 1);
    for (uint32_t stage = 0; stage < stage_count; stage++) {
        const stage_place place = {stage_count, microbatch_count, stage};
        writers[name](&place, &schedule->slots[schedule->first_slot[stage]]);
        schedule->first_slot[stage + 1] = schedule->first_slot[stage] + microbatch_count * 2;
    }
    return schedule;
}

void gw_workload_schedule_free(gw_workload_schedule *schedule)
{
    if (schedule == NULL) {
        return;
    }
    g_free(schedule->slots);
    g_free(schedule->first_slot);
    g_free(schedule);
}

/* --- Playing --- */

typedef struct {
    const gw_workload_schedule *schedule;
    const gw_stage_times *times;
    gw_time *forward_end_ns, *backward_end_ns; /* By stage and micro-batch; NEVER: not yet. */
    gw_time *free_ns;                          /* By stage. */
    uint32_t *next_slot;                       /* By stage. */
} player;

/* When what the slot needs is there; NEVER: not known yet. */
static gw_time find_arrival(const player *at, uint32_t stage, const gw_slot *slot)
{
    const uint32_t count = at->schedule->microbatch_count;
    const uint32_t last = at->schedule->stage_count - 1;
    const uint32_t microbatch = slot->microbatch;
    if (slot->kind == GW_SLOT_FORWARD && stage == 0) {
        return 0;
    }
    if (slot->kind == GW_SLOT_BACKWARD && stage == last) {
        return at->forward_end_ns[stage * count + microbatch];
    }
    const uint32_t source = slot->kind == GW_SLOT_FORWARD ? stage - 1 : stage + 1;
    const gw_time *ends = slot->kind == GW_SLOT_FORWARD ? at->forward_end_ns : at->backward_end_ns;
    const gw_time end_ns = ends[source * count + microbatch];
    return end_ns == GW_TIME_NEVER ? GW_TIME_NEVER : end_ns + at->times[source].transfer_ns;
}

/* As many slots of the stage as can be placed now; returns how many. */
static uint32_t advance_stage(player *at, uint32_t stage, gw_time *out_start_ns)
{
    const gw_workload_schedule *schedule = at->schedule;
    const uint32_t first = at->next_slot[stage];
    while (at->next_slot[stage] < schedule->first_slot[stage + 1]) {
        const uint32_t index = at->next_slot[stage];
        const gw_slot *slot = &schedule->slots[index];
        const gw_time arrival_ns = find_arrival(at, stage, slot);
        if (arrival_ns == GW_TIME_NEVER) {
            break;
        }
        const bool is_forward = slot->kind == GW_SLOT_FORWARD;
        out_start_ns[index] = MAX(at->free_ns[stage], arrival_ns);
        at->free_ns[stage] = out_start_ns[index] + (is_forward ? at->times[stage].forward_ns
                                                               : at->times[stage].backward_ns);
        gw_time *ends = is_forward ? at->forward_end_ns : at->backward_end_ns;
        ends[stage * schedule->microbatch_count + slot->microbatch] = at->free_ns[stage];
        at->next_slot[stage]++;
    }
    return at->next_slot[stage] - first;
}

void gw_workload_schedule_play(const gw_workload_schedule *schedule, const gw_stage_times *times,
                               gw_time *out_start_ns)
{
    const uint32_t stage_count = schedule->stage_count;
    const uint32_t slot_count = schedule->first_slot[stage_count];
    g_autofree gw_time *forward_end_ns = g_new(gw_time, slot_count);
    g_autofree gw_time *backward_end_ns = g_new(gw_time, slot_count);
    g_autofree gw_time *free_ns = g_new0(gw_time, stage_count);
    g_autofree uint32_t *next_slot =
        g_memdup2(schedule->first_slot, stage_count * sizeof *next_slot);
    for (uint32_t i = 0; i < slot_count; i++) {
        forward_end_ns[i] = backward_end_ns[i] = GW_TIME_NEVER;
    }
    player at = {schedule, times, forward_end_ns, backward_end_ns, free_ns, next_slot};
    for (uint32_t placed_count = 0; placed_count < slot_count;) {
        uint32_t progress = 0;
        for (uint32_t stage = 0; stage < stage_count; stage++) {
            progress += advance_stage(&at, stage, out_start_ns);
        }
        gw_check(progress > 0); /* Else the schedule waits for itself. */
        placed_count += progress;
    }
}
