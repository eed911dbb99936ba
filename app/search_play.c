/* SPDX-License-Identifier: Apache-2.0 */
/* Stages take turns, each going on as far as what it needs has ended: a round without any progress
 * would be a schedule that waits for itself. */
#include "app/search_play.h"

#include <math.h>

#include "base/check.h"

typedef struct {
    const gw_workload_schedule *schedule;
    const gw_search_pass_times *times;
    double transfer_ns;
    double *forward_ns, *backward_ns; /* By place and micro-batch: the end; NAN: not yet. */
} play;

/* When what the slot needs is there; NAN: not yet. */
static double find_ready(const play *at, const gw_slot *slot, guint place)
{
    const guint count = at->schedule->microbatch_count;
    const guint last = at->schedule->stage_count * at->schedule->chunk_count - 1;
    const double transfer_ns = at->schedule->stage_count > 1 ? at->transfer_ns : 0;
    if (slot->kind == GW_SLOT_WEIGHTS)
        return at->backward_ns[place * count + slot->microbatch];
    if (slot->kind == GW_SLOT_FORWARD)
        return place == 0 ? 0
                          : at->forward_ns[(place - 1) * count + slot->microbatch] + transfer_ns;
    if (place == last)
        return at->forward_ns[place * count + slot->microbatch];
    return at->backward_ns[(place + 1) * count + slot->microbatch] + transfer_ns;
}

static double find_length(const gw_search_pass_times *times, gw_slot_kind kind)
{
    return kind == GW_SLOT_FORWARD   ? times->forward_ns
           : kind == GW_SLOT_WEIGHTS ? times->weights_ns
                                     : times->backward_ns;
}

/* Does the stage's slots from *next on, as far as they can be done. */
static void go_on(const play *at, guint stage, guint *next, double *free_ns)
{
    const gw_workload_schedule *schedule = at->schedule;
    for (; *next < schedule->first_slot[stage + 1]; (*next)++) {
        const gw_slot *slot = &schedule->slots[*next];
        const guint place = slot->chunk * schedule->stage_count + stage;
        const double ready_ns = find_ready(at, slot, place);
        if (isnan(ready_ns))
            return;
        *free_ns = MAX(*free_ns, ready_ns) + find_length(&at->times[place], slot->kind);
        if (slot->kind == GW_SLOT_WEIGHTS)
            continue; /* Nobody waits for it. */
        double *ends = slot->kind == GW_SLOT_FORWARD ? at->forward_ns : at->backward_ns;
        ends[place * schedule->microbatch_count + slot->microbatch] = *free_ns;
    }
}

double gw_search_play_ns(const gw_workload_schedule *schedule, const gw_search_pass_times *times,
                         double transfer_ns)
{
    const guint stages = schedule->stage_count;
    const gsize pass_count = (gsize)stages * schedule->chunk_count * schedule->microbatch_count;
    g_autofree double *ends_ns = g_new(double, 2 * pass_count);
    g_autofree guint *next = g_new(guint, stages);
    g_autofree double *free_ns = g_new0(double, stages);
    const play at = {schedule, times, transfer_ns, ends_ns, ends_ns + pass_count};
    for (gsize i = 0; i < 2 * pass_count; i++)
        ends_ns[i] = NAN;
    for (guint s = 0; s < stages; s++)
        next[s] = schedule->first_slot[s];
    for (bool is_done = false; !is_done;) {
        bool has_moved = false;
        is_done = true;
        for (guint s = 0; s < stages; s++) {
            const guint before = next[s];
            go_on(&at, s, &next[s], &free_ns[s]);
            has_moved |= next[s] > before;
            is_done &= next[s] == schedule->first_slot[s + 1];
        }
        gw_check(is_done || has_moved);
    }
    return free_ns[0];
}

double gw_search_play_least_ns(guint stage_count, guint microbatch_count, double held_max,
                               const gw_search_pass_times *times, double transfer_ns)
{
    const double count = microbatch_count;
    double there_ns = 0, least_ns = 0; /* From the first stage's start to this one's, and back. */
    for (guint s = 0; s < stage_count; s++) {
        const gw_search_pass_times *own = &times[s];
        const double pass_ns = own->forward_ns + own->backward_ns;
        least_ns = MAX(least_ns, there_ns + count * pass_ns + times[0].weights_ns);
        there_ns += pass_ns + (s + 1 < stage_count ? 2 * transfer_ns : 0);
    }
    const double before_ns = there_ns - times[0].backward_ns; /* The first one's first backward. */
    const double idle_ns = before_ns - MIN(floor(held_max), count) * times[0].forward_ns;
    const double first_ns = times[0].forward_ns + times[0].backward_ns + times[0].weights_ns;
    return MAX(least_ns, count * first_ns + MAX(idle_ns, 0));
}
