/* SPDX-License-Identifier: Apache-2.0 */
/* Looks for a deadlock after the fact.  A device whose queue does not move waits: in a collective
 * for every member of its group that has not come, or before its start for copies whose sources
 * have not ended.  Following waits from device to device, depth first, either ends at something
 * that is not on a device (a launch that never came) or closes a ring. */
#include "accel/device_private.h"
#include "base/check.h"

/* The first stage whose group of this shard has not met.  The shard has begun and not ended. */
static uint32_t find_stage(const gw_devices *devices, const gw_gang_state *gang, uint32_t number)
{
    const gw_gang_plan *plan = gang->plan;
    if (plan->has_flows) {
        return gw_devices_flow_of(devices, gang, number)->stage;
    }
    uint32_t stage = 0;
    while (!plan->is_lockstep && stage < plan->stage_count) {
        const uint32_t group = plan->stages[stage].groups->group_of[number];
        const uint32_t index = gang->first_group + plan->stages[stage].first_group + group;
        if (devices->groups[index].missing_count > 0) {
            break;
        }
        stage++;
    }
    gw_check(stage < plan->stage_count);
    return stage;
}

static const gw_launch_state *launch_of(const gw_devices *devices, const gw_gang_state *gang,
                                        uint32_t number)
{
    const uint32_t place = gang->plan->layout->place_of_shard[number];
    return &devices->launches[gang->first_launch + place];
}

/* Whether member `number` stands at the first of its queue and runs. */
static bool has_begun(const gw_devices *devices, const gw_gang_state *gang, uint32_t number)
{
    const uint32_t head = devices->queues[gang->plan->layout->devices[number]].head;
    return launch_of(devices, gang, number)->first_copy != GW_LAUNCH_ABSENT &&
           head != GW_INDEX_NONE && gw_devices_gang(devices, head) == gang &&
           !gw_devices_awaits(devices, gang, number);
}

/* --- Overlapped collectives --- */

static bool has_met(const gw_devices *devices, const gw_gang_state *gang, uint32_t stage,
                    uint32_t number)
{
    return gw_devices_group_of(devices, gang, stage, number)->missing_count == 0;
}

/* The first overlapped stage, of `stage` and those before it, that this member's group has not met
 * for; GW_INDEX_NONE: all have. */
static uint32_t find_unmet(const gw_devices *devices, const gw_gang_state *gang, uint32_t stage,
                           uint32_t number)
{
    uint32_t found = GW_INDEX_NONE;
    while (stage != GW_INDEX_NONE && !has_met(devices, gang, stage, number)) {
        found = stage;
        stage = gang->plan->stages[stage].previous;
    }
    return found;
}

static bool has_passed(const gw_devices *devices, const gw_gang_state *gang, uint32_t stage,
                       uint32_t number)
{
    return has_begun(devices, gang, number) && find_stage(devices, gang, number) > stage;
}

/* A member that overlapped stage `stage` waits for, because of member `number` of its group, and
 * the stage that it has not come to.  That is `number` itself, or, where its channel is not free,
 * one of the stage that has it.  GW_INDEX_NONE: it does not wait for this one. */
static uint32_t find_absent(const gw_devices *devices, const gw_gang_state *gang, uint32_t number,
                            uint32_t *stage)
{
    while (has_passed(devices, gang, *stage, number)) {
        const gw_gang_stage *where = &gang->plan->stages[*stage];
        const uint32_t before = find_unmet(devices, gang, where->previous, number);
        if (before == GW_INDEX_NONE) {
            return GW_INDEX_NONE;
        }
        const gw_gang_groups *groups = gang->plan->stages[before].groups;
        const uint32_t *members = &groups->members[groups->group_of[number] * groups->group_size];
        uint32_t i = 0;
        while (i < groups->group_size && has_passed(devices, gang, before, members[i]) &&
               find_unmet(devices, gang, gang->plan->stages[before].previous, members[i]) ==
                   GW_INDEX_NONE) {
            i++;
        }
        gw_check(i < groups->group_size); /* Else it would have met. */
        number = members[i];
        *stage = before;
    }
    return number;
}

/* --- Waits --- */

static bool next_flow_wait(const gw_devices *devices, const gw_gang_state *gang, uint32_t number,
                           uint32_t *cursor, gw_device_wait *out_wait)
{
    const gw_gang_plan *plan = gang->plan;
    const uint32_t awaited = plan->stages[find_stage(devices, gang, number)].previous;
    const uint32_t stage = find_unmet(devices, gang, awaited, number);
    if (stage == GW_INDEX_NONE) {
        return false; /* It will be told. */
    }
    const gw_gang_groups *groups = plan->stages[stage].groups;
    const uint32_t *members = &groups->members[groups->group_of[number] * groups->group_size];
    while (*cursor < groups->group_size) {
        uint32_t absent_stage = stage;
        const uint32_t member = members[(*cursor)++];
        const uint32_t absent = find_absent(devices, gang, member, &absent_stage);
        if (absent != GW_INDEX_NONE) {
            out_wait->kind = GW_WAIT_MEMBER;
            out_wait->collective = plan->stages[absent_stage].collective;
            out_wait->target.index = plan->layout->devices[absent];
            return true;
        }
    }
    return false;
}

/* The waits of one device, one after the other: `cursor` starts at 0.  False: no more. */
static bool next_member_wait(const gw_devices *devices, const gw_gang_state *gang, uint32_t number,
                             uint32_t *cursor, gw_device_wait *out_wait)
{
    const gw_gang_plan *plan = gang->plan;
    const uint32_t stage_index = find_stage(devices, gang, number);
    if (plan->stages[stage_index].kind == GW_STEP_AWAIT) {
        return next_flow_wait(devices, gang, number, cursor, out_wait);
    }
    const gw_gang_stage *stage = &plan->stages[stage_index];
    const uint32_t size = stage->groups->group_size;
    const uint32_t *members = &stage->groups->members[stage->groups->group_of[number] * size];
    while (*cursor < size) {
        const uint32_t member = members[*cursor];
        (*cursor)++;
        const bool has_come =
            has_begun(devices, gang, member) && find_stage(devices, gang, member) >= stage_index;
        if (!has_come) {
            out_wait->kind = GW_WAIT_MEMBER;
            out_wait->collective = stage->collective;
            out_wait->target.index = plan->layout->devices[member];
            return true;
        }
    }
    return false;
}

static bool next_copy_wait(const gw_devices *devices, const gw_gang_state *gang, uint32_t device,
                           uint32_t *cursor, gw_device_wait *out_wait)
{
    while (*cursor < devices->copies.used_count) {
        const gw_copy_state *state = gw_devices_copy_at(devices, *cursor);
        (*cursor)++;
        if (state->is_live && !state->is_started && !state->copy.is_to_host &&
            state->copy.target_gang == gang->origin.gang && state->copy.target_device == device) {
            out_wait->kind = GW_WAIT_COPY;
            out_wait->target.index = state->copy.source_device;
            return true;
        }
    }
    return false;
}

static bool next_wait(const gw_devices *devices, uint32_t device, uint32_t *cursor,
                      gw_device_wait *out_wait)
{
    const uint32_t slot = devices->queues[device].head;
    if (slot == GW_INDEX_NONE) {
        return false;
    }
    const gw_gang_state *gang = gw_devices_gang(devices, slot);
    const uint32_t number = gw_gang_layout_shard(gang->plan->layout, device);
    *out_wait = (gw_device_wait){.device = {.index = device}, .gang = gang->origin};
    if (gw_devices_awaits(devices, gang, number)) {
        return next_copy_wait(devices, gang, device, cursor, out_wait);
    }
    return next_member_wait(devices, gang, number, cursor, out_wait);
}

/* The path from `root` down: the waits taken are in `path`.  A wait for a device on the path
 * closes a ring; a device that was left leads nowhere. */
static bool search_from(const gw_devices *devices, uint32_t root, uint8_t *visited,
                        uint32_t *cursors, GArray *path)
{
    enum { ON_PATH = 1, LEFT };
    uint32_t device = root;
    visited[device] = ON_PATH;
    while (true) {
        gw_device_wait wait = {0};
        if (next_wait(devices, device, &cursors[device], &wait)) {
            const uint32_t target = wait.target.index;
            if (visited[target] == LEFT) {
                continue;
            }
            g_array_append_val(path, wait);
            if (visited[target] == ON_PATH) {
                return true;
            }
            visited[target] = ON_PATH;
            device = target;
        } else if (path->len > 0) {
            visited[device] = LEFT;
            device = g_array_index(path, gw_device_wait, path->len - 1).device.index;
            g_array_set_size(path, path->len - 1);
        } else {
            visited[device] = LEFT;
            return false;
        }
    }
}

bool gw_devices_find_cycle(const gw_devices *devices, GArray *out_waits)
{
    g_autofree uint8_t *visited = g_new0(uint8_t, devices->device_count);
    g_autofree uint32_t *cursors = g_new0(uint32_t, devices->device_count);
    g_autoptr(GArray) path = g_array_new(FALSE, FALSE, sizeof(gw_device_wait));
    for (uint32_t root = 0; root < devices->device_count; root++) {
        if (visited[root] == 0 && search_from(devices, root, visited, cursors, path)) {
            const uint32_t closing =
                g_array_index(path, gw_device_wait, path->len - 1).target.index;
            uint32_t first = 0;
            while (g_array_index(path, gw_device_wait, first).device.index != closing) {
                first++;
            }
            g_array_set_size(out_waits, 0);
            g_array_append_vals(out_waits, &g_array_index(path, gw_device_wait, first),
                                path->len - first);
            return true;
        }
    }
    return false;
}

bool gw_devices_blocked(const gw_devices *devices, gw_device_id device, gw_device_wait *out_wait,
                        bool *out_is_launched)
{
    gw_check(device.index < devices->device_count);
    const uint32_t slot = devices->queues[device.index].head;
    if (slot == GW_INDEX_NONE) {
        return false;
    }
    uint32_t cursor = 0;
    *out_is_launched = true;
    if (!next_wait(devices, device.index, &cursor, out_wait)) {
        out_wait->kind = GW_WAIT_COPY; /* Nobody has asked for the copy. */
        out_wait->target.index = GW_INDEX_NONE;
        *out_is_launched = false;
    } else if (out_wait->kind == GW_WAIT_MEMBER) {
        const gw_gang_state *gang = gw_devices_gang(devices, slot);
        const uint32_t number = gw_gang_layout_shard(gang->plan->layout, out_wait->target.index);
        *out_is_launched = launch_of(devices, gang, number)->first_copy != GW_LAUNCH_ABSENT;
    }
    return true;
}
