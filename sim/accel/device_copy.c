/* SPDX-License-Identifier: Apache-2.0 */
/* A copy goes through three stages: it waits until its source has ended, it is on the wires, it
 * has arrived.  While it waits it stands in a list of the source's launch, or, when that is not
 * launched yet, in one of the source device (an orphan).  A copy that arrives before its target is
 * launched is counted at the target device. */
#include <string.h>

#include "accel/device_private.h"
#include "base/check.h"

static void fire_copy_start(gw_engine *engine, void *subject, uint64_t argument);

static const gw_event_kind copy_start_kind = {.name = "copy.start", .fire = fire_copy_start};

/* --- Starting --- */

static void start_copy(gw_devices *devices, uint32_t slot, bool was_due)
{
    gw_copy_state *state = gw_devices_copy_at(devices, slot);
    const gw_device_copy *copy = &state->copy;
    const gw_transfer transfer = {
        .kind = copy->is_to_host || copy->is_from_host ? GW_TRANSFER_HOST : GW_TRANSFER_DEVICE,
        .source = {.index = copy->source_device},
        .target = {.index = copy->is_to_host ? copy->source_device : copy->target_device},
        .size_bytes = copy->size_bytes,
        .duration_ns = copy->duration_ns,
        .is_from_host = copy->is_from_host,
    };
    gw_check(!state->is_started);
    state->is_started = true;
    if (devices->transfers != NULL) {
        gw_devices_copy_starts(devices, copy, was_due);
    }
    if (devices->touches != NULL && !copy->is_to_host && !copy->is_from_host) {
        gw_devices_hold(devices, copy->target_device, copy->size_bytes);
    }
    gw_fabric_start(devices->fabric, &transfer, slot);
}

static void fire_copy_start(gw_engine *engine, void *subject, uint64_t argument)
{
    (void)engine;
    start_copy(subject, (uint32_t)argument, true);
}

/* Its source ends, or has ended, at `end_ns`. */
static void schedule_copy(gw_devices *devices, uint32_t slot, gw_time end_ns)
{
    const gw_device_copy *copy = &gw_devices_copy_at(devices, slot)->copy;
    const uint32_t island = devices->cluster->island_of_device[copy->source_device];
    const gw_time start_ns = MAX(end_ns, copy->issued_ns + devices->launch_ns[island]);
    if (start_ns <= gw_engine_now(devices->engine)) {
        start_copy(devices, slot, false);
    } else {
        gw_devices_copy_due(devices, copy);
        gw_engine_post(devices->engine, start_ns, &copy_start_kind, devices, slot);
    }
}

/* To where it waits, or on its way. */
static void place_copy(gw_devices *devices, uint32_t slot)
{
    gw_copy_state *state = gw_devices_copy_at(devices, slot);
    const gw_device_copy *copy = &state->copy;
    const bool is_written = copy->is_source_done || copy->source_gang == GW_DEVICE_GANG_NONE;
    const uint32_t gang_slot =
        is_written ? GW_GANG_DONE : gw_gang_table_find(&devices->table, copy->source_gang);
    if (gang_slot == GW_GANG_DONE) {
        schedule_copy(devices, slot, 0);
        return;
    }
    gw_launch_state *launch = NULL;
    uint32_t shard = GW_INDEX_NONE;
    gw_gang_state *gang = NULL;
    if (gang_slot != GW_GANG_UNSEEN) {
        gang = gw_devices_gang(devices, gang_slot);
        shard = gw_gang_layout_shard(gang->plan->layout, copy->source_device);
        gw_check(shard != GW_INDEX_NONE);
        launch = &devices->launches[gang->first_launch + gang->plan->layout->place_of_shard[shard]];
    }
    if (launch == NULL || launch->first_copy == GW_LAUNCH_ABSENT) {
        state->next = devices->first_orphan[copy->source_device];
        devices->first_orphan[copy->source_device] = slot;
        devices->orphan_count++;
        return;
    }
    const gw_time end_ns = gw_devices_end_of(devices, gang, shard);
    if (end_ns != GW_TIME_NEVER) {
        schedule_copy(devices, slot, end_ns);
        return;
    }
    state->next = launch->first_copy;
    launch->first_copy = slot;
    gang->copy_count++;
}

void gw_devices_copy(gw_devices *devices, const gw_device_copy *copy)
{
    gw_check(copy->source_device < devices->device_count);
    gw_check(copy->is_to_host || copy->target_device < devices->device_count);
    gw_check(copy->issued_ns >= gw_engine_now(devices->engine));
    const uint32_t slot = gw_pool_take(&devices->copies);
    *gw_devices_copy_at(devices, slot) =
        (gw_copy_state){.copy = *copy, .next = GW_INDEX_NONE, .is_live = true};
    place_copy(devices, slot);
}

/* The list's copies in the order in which they were asked for; returns its first. */
static uint32_t reverse_copies(gw_devices *devices, uint32_t first)
{
    uint32_t reversed = GW_INDEX_NONE;
    while (first != GW_INDEX_NONE) {
        gw_copy_state *state = gw_devices_copy_at(devices, first);
        const uint32_t next = state->next;
        state->next = reversed;
        reversed = first;
        first = next;
    }
    return reversed;
}

void gw_devices_release_copies(gw_devices *devices, gw_gang_state *gang, gw_launch_state *launch,
                               uint32_t device, gw_time end_ns)
{
    uint32_t next = reverse_copies(devices, launch->first_copy);
    launch->first_copy = GW_INDEX_NONE;
    while (next != GW_INDEX_NONE) {
        const uint32_t slot = next;
        gw_copy_state *state = gw_devices_copy_at(devices, slot);
        next = state->next;
        if (device == GW_INDEX_NONE || state->copy.source_device == device) {
            gang->copy_count--;
            schedule_copy(devices, slot, end_ns);
        } else {
            state->next = launch->first_copy;
            launch->first_copy = slot;
        }
    }
}

void gw_devices_adopt_copies(gw_devices *devices, uint32_t gang_slot, uint32_t place)
{
    const gw_gang_state *gang = gw_devices_gang(devices, gang_slot);
    const gw_gang_layout *layout = gang->plan->layout;
    const uint64_t number = gang->origin.gang;
    for (uint32_t i = layout->first_local[place]; i < layout->first_local[place + 1]; i++) {
        const uint32_t device = layout->local_devices[i];
        uint32_t next = reverse_copies(devices, devices->first_orphan[device]);
        devices->first_orphan[device] = GW_INDEX_NONE;
        while (next != GW_INDEX_NONE) {
            const uint32_t slot = next;
            gw_copy_state *state = gw_devices_copy_at(devices, slot);
            next = state->next;
            if (state->copy.source_gang == number) {
                devices->orphan_count--;
                place_copy(devices, slot);
            } else {
                state->next = devices->first_orphan[device];
                devices->first_orphan[device] = slot;
            }
        }
    }
}

/* --- Arriving --- */

void gw_devices_put_early(gw_devices *devices, uint64_t gang, uint32_t device)
{
    devices->early_count++;
    for (uint32_t i = devices->first_early[device]; i != GW_INDEX_NONE;) {
        gw_early *early = gw_pool_at(&devices->early, i);
        if (early->gang == gang) {
            early->count++;
            return;
        }
        i = early->next;
    }
    const uint32_t slot = gw_pool_take(&devices->early);
    *(gw_early *)gw_pool_at(&devices->early, slot) =
        (gw_early){.gang = gang, .count = 1, .next = devices->first_early[device]};
    devices->first_early[device] = slot;
}

uint32_t gw_devices_take_early(gw_devices *devices, uint64_t gang, uint32_t device)
{
    uint32_t *link = &devices->first_early[device];
    while (*link != GW_INDEX_NONE) {
        const uint32_t slot = *link;
        gw_early *early = gw_pool_at(&devices->early, slot);
        if (early->gang == gang) {
            const uint32_t count = early->count;
            *link = early->next;
            devices->early_count -= count;
            gw_pool_give(&devices->early, slot);
            return count;
        }
        link = &early->next;
    }
    return 0;
}

void gw_devices_copy_arrived(void *owner, uint64_t token, gw_time start_ns)
{
    gw_devices *devices = owner;
    if ((token & GW_PLAYER_TOKEN) != 0) {
        gw_player_arrived(devices->player, token);
        return;
    }
    const uint32_t slot = (uint32_t)token;
    gw_copy_state *state = gw_devices_copy_at(devices, slot);
    gw_check(state->is_live && state->is_started);
    const gw_device_copy copy = state->copy;
    state->is_live = false;
    gw_pool_give(&devices->copies, slot);
    if (devices->transfers != NULL) {
        gw_devices_copy_ends(devices, &copy);
    }
    if (!copy.is_to_host && copy.target_gang != GW_DEVICE_GANG_NONE) {
        gw_devices_arrive(devices, copy.target_gang, copy.target_device);
    }
    devices->ops->copy_done(devices->owner, &copy, start_ns);
}
