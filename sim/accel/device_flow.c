/* SPDX-License-Identifier: Apache-2.0 */
/* Overlapped collectives.  A member that comes to one goes on, and waits at the AWAIT that belongs
 * to it.  The collective begins when the last of its group has come and each one's channel is free:
 * that is, when each one's overlapped collective before it has ended.  So a group is joined twice
 * by each member, when it comes and when its channel is free, and whichever is last decides;
 * nothing else is needed for the instants to follow from each other, as in device.c.
 *
 * The channel is that of overlapped collectives alone: what members wait for in a MEET goes beside.
 * A function awaits all that it has begun, so a channel is free between gangs. */
#include "accel/device_private.h"
#include "base/check.h"

void gw_devices_open_flows(gw_devices *devices, const gw_gang_state *gang)
{
    const gw_gang_plan *plan = gang->plan;
    for (uint32_t i = 0; i < plan->layout->member_count; i++) {
        *gw_devices_flow_of(devices, gang, i) = (gw_flow_state){.waits_ns = GW_TIME_NEVER};
    }
    for (uint32_t k = 0; k < plan->stage_count; k++) {
        const gw_gang_stage *stage = &plan->stages[k];
        gw_group_state *groups = &devices->groups[gang->first_group + stage->first_group];
        const bool follows = stage->kind == GW_STEP_ISSUE && stage->previous != GW_INDEX_NONE;
        for (uint32_t i = 0; i < stage->groups->group_count && follows; i++) {
            groups[i].missing_count = 2 * stage->groups->group_size;
        }
    }
}

static void join_group(gw_devices *devices, uint32_t slot, uint32_t number, uint32_t stage,
                       gw_time come_ns)
{
    const gw_gang_state *gang = gw_devices_gang(devices, slot);
    gw_group_state *state = gw_devices_group_of(devices, gang, stage, number);
    state->latest_ns = MAX(state->latest_ns, come_ns);
    gw_check(state->missing_count > 0);
    state->missing_count--;
    if (state->missing_count == 0) {
        const uint32_t group = gang->plan->stages[stage].groups->group_of[number];
        gw_devices_push_work(devices,
                             (gw_device_work){.gang = slot, .stage = stage, .group = group});
    }
}

/* The member has waited since `waits_ns` for overlapped stage `issue`, which has ended: while it,
 * or one before it, was going on, it held the member up. */
static void count_exposed(const gw_devices *devices, const gw_gang_state *gang, uint32_t number,
                          uint32_t issue, gw_time waits_ns)
{
    gw_flow_state *flow = gw_devices_flow_of(devices, gang, number);
    while (issue != GW_INDEX_NONE) {
        const gw_group_state *state = gw_devices_group_of(devices, gang, issue, number);
        if (state->left_ns <= waits_ns) {
            break;
        }
        const gw_span exposed_ns = state->left_ns - MAX(state->latest_ns, waits_ns);
        flow->exposed_ns += exposed_ns;
        flow->hidden_ns -= exposed_ns;
        issue = gang->plan->stages[issue].previous;
    }
}

/* The member computes span `index` from *instant_ns on, which becomes its end.  False: that depends
 * on who else wants a core, and it goes on in gw_devices_end_span(). */
static bool pass_span(gw_devices *devices, uint32_t slot, uint32_t number, uint32_t index,
                      gw_time *instant_ns)
{
    const gw_gang_state *gang = gw_devices_gang(devices, slot);
    const gw_span span_ns = gw_devices_span_of(devices, gang, number, index);
    if (!gang->plan->is_shared || span_ns == 0) {
        *instant_ns += span_ns;
        return true;
    }
    gw_devices_compute(devices, (gw_device_work){.gang = slot, .stage = index, .group = number},
                       *instant_ns, span_ns);
    return false;
}

/* The member comes to `stage`, and goes on as far as it can.  True: to its end. */
static bool advance(gw_devices *devices, uint32_t slot, uint32_t number, uint32_t stage,
                    gw_time come_ns)
{
    const gw_gang_state *gang = gw_devices_gang(devices, slot);
    const gw_gang_plan *plan = gang->plan;
    gw_flow_state *flow = gw_devices_flow_of(devices, gang, number);
    flow->waits_ns = GW_TIME_NEVER;
    for (; stage < plan->stage_count; stage++) {
        const gw_gang_stage *where = &plan->stages[stage];
        flow->stage = stage;
        if (where->kind == GW_STEP_AWAIT) {
            const gw_time left_ns = gw_devices_group_of(devices, gang, stage, number)->left_ns;
            if (left_ns == GW_TIME_NEVER) {
                flow->waits_ns = come_ns;
                return false;
            }
            count_exposed(devices, gang, number, where->previous, come_ns);
            come_ns = MAX(come_ns, left_ns);
        } else {
            join_group(devices, slot, number, stage, come_ns);
            if (where->kind == GW_STEP_MEET) {
                flow->waits_ns = come_ns;
                return false;
            }
        }
        if (!pass_span(devices, slot, number, stage + 1, &come_ns)) {
            return false;
        }
    }
    gw_devices_end_shard(devices, slot, number, come_ns);
    return true;
}

void gw_devices_begin_flow(gw_devices *devices, uint32_t slot, uint32_t number, gw_time come_ns)
{
    const bool has_ended = advance(devices, slot, number, 0, come_ns);
    gw_check(!has_ended); /* It awaits at least what it has begun itself. */
}

/* Whether the member waits at an AWAIT for this stage. */
static bool awaits(const gw_gang_plan *plan, const gw_flow_state *flow, uint32_t issue)
{
    return flow->waits_ns != GW_TIME_NEVER && plan->stages[flow->stage].kind == GW_STEP_AWAIT &&
           plan->stages[flow->stage].previous == issue;
}

/* One member of a group whose collective went from `begun_ns` to `left_ns`. */
static bool leave_group(gw_devices *devices, gw_device_work work, uint32_t number, gw_time begun_ns,
                        gw_time left_ns)
{
    const gw_gang_state *gang = gw_devices_gang(devices, work.gang);
    const gw_gang_stage *stage = &gang->plan->stages[work.stage];
    gw_flow_state *flow = gw_devices_flow_of(devices, gang, number);
    if (stage->kind == GW_STEP_MEET) {
        flow->exposed_ns += left_ns - begun_ns;
        return pass_span(devices, work.gang, number, work.stage + 1, &left_ns) &&
               advance(devices, work.gang, number, work.stage + 1, left_ns);
    }
    flow->hidden_ns += left_ns - begun_ns;
    if (stage->next != GW_INDEX_NONE) {
        join_group(devices, work.gang, number, stage->next, left_ns);
    }
    return awaits(gang->plan, flow, work.stage) &&
           advance(devices, work.gang, number, flow->stage, flow->waits_ns);
}

/* It began when the last had come. */
void gw_devices_end_group(gw_devices *devices, gw_device_work work, gw_time left_ns, gw_time now_ns)
{
    const gw_gang_state *gang = gw_devices_gang(devices, work.gang);
    const gw_gang_layout *layout = gang->plan->layout;
    const gw_gang_stage *stage = &gang->plan->stages[work.stage];
    gw_group_state *state = &devices->groups[gang->first_group + stage->first_group + work.group];
    const uint32_t size = stage->groups->group_size;
    state->left_ns = left_ns;
    for (uint32_t i = 0; i < size; i++) {
        const uint32_t number = stage->groups->members[work.group * size + i];
        if (leave_group(devices, work, number, state->latest_ns, left_ns)) {
            gw_devices_run_queue(devices, layout->devices[number], now_ns);
        }
    }
}

/* --- Members that share cores --- */

bool gw_devices_begin_shared(gw_devices *devices, uint32_t slot, uint32_t number, gw_time start_ns)
{
    const gw_gang_state *gang = gw_devices_gang(devices, slot);
    const gw_span span_ns =
        gw_devices_touch(devices, gang, number) + gw_devices_span_of(devices, gang, number, 0);
    if (span_ns == 0 && start_ns == gw_engine_now(devices->engine)) {
        return advance(devices, slot, number, 0, start_ns);
    }
    gw_devices_compute(devices, (gw_device_work){.gang = slot, .stage = 0, .group = number},
                       start_ns, span_ns);
    return false;
}

void gw_devices_end_span(gw_devices *devices, gw_device_work work, gw_span computed_ns,
                         gw_time now_ns)
{
    const gw_gang_state *gang = gw_devices_gang(devices, work.gang);
    const uint32_t number = work.group;
    gw_devices_flow_of(devices, gang, number)->computed_ns += computed_ns;
    if (advance(devices, work.gang, number, work.stage, now_ns)) {
        gw_devices_run_queue(devices, gang->plan->layout->devices[number], now_ns);
    }
}

void gw_devices_leave_flow_group(gw_devices *devices, gw_device_work work, gw_time now_ns)
{
    const gw_gang_state *gang = gw_devices_gang(devices, work.gang);
    const gw_gang_stage *stage = &gang->plan->stages[work.stage];
    const gw_time begun_ns =
        devices->groups[gang->first_group + stage->first_group + work.group].latest_ns;
    if (gw_devices_play(devices, work, begun_ns, now_ns)) {
        return;
    }
    if (gang->plan->is_shared && stage->span_ns[work.group] > 0) {
        gw_devices_meet(devices, work, begun_ns, stage->span_ns[work.group]);
        return;
    }
    gw_devices_end_group(devices, work, begun_ns + stage->span_ns[work.group], now_ns);
}
