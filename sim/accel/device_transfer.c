/* SPDX-License-Identifier: Apache-2.0 */
/* Devices that compute nothing while they send or receive.  While a copy from or to such a device
 * is in flight, or about to start, the device begins no shard.  A shard that has begun is not
 * stopped, and a copy does not wait for one, since the other end may wait for it in the same gang:
 * what a copy takes beside a shard is owed, and paid before the next one.  So no time is gained,
 * and nobody waits in a circle.
 *
 * Here a shard begins when its time has come and not before: what is in flight then is not known
 * ahead.  Each shard costs an event, its end.  A device that has neither copies nor debts begins
 * its shards when it would anyway. */
#include "accel/device_private.h"
#include "base/check.h"

static void fire_free(gw_engine *engine, void *subject, uint64_t argument);

static const gw_event_kind free_kind = {.name = "device.free", .fire = fire_free};

void gw_devices_open_transfers(gw_devices *devices)
{
    bool is_any = false;
    const gw_cluster *cluster = devices->cluster;
    for (uint32_t i = 0; i < cluster->island_count; i++) {
        is_any = is_any || cluster->islands[i].accelerator->stops_to_transfer;
    }
    if (is_any) {
        devices->transfers = g_new0(gw_device_transfers, devices->device_count);
    }
}

/* NULL: it goes on computing. */
static gw_device_transfers *find(const gw_devices *devices, uint32_t device)
{
    const bool is_stopped =
        devices->transfers != NULL && gw_cluster_island_of(devices->cluster, (gw_device_id){device})
                                          ->accelerator->stops_to_transfer;
    return is_stopped ? &devices->transfers[device] : NULL;
}

/* --- Shards --- */

static void take_device(gw_device_transfers *state, gw_time from_ns)
{
    gw_check(!state->is_taken);
    state->is_taken = true;
    state->taken_ns = from_ns;
}

bool gw_devices_may_begin(gw_devices *devices, uint32_t device, gw_time now_ns)
{
    gw_device_transfers *state = find(devices, device);
    if (state == NULL) {
        return true;
    }
    if (state->is_taken || state->flight_count + state->due_count > 0) {
        return false; /* Its end runs the queue again. */
    }
    if (state->owed_ns == 0) {
        return true;
    }
    take_device(state, now_ns);
    gw_engine_post(devices->engine, now_ns + state->owed_ns, &free_kind, devices, device);
    state->owed_ns = 0;
    return false;
}

void gw_devices_shard_begins(gw_devices *devices, uint32_t device, gw_time start_ns)
{
    gw_device_transfers *state = find(devices, device);
    if (state != NULL) {
        take_device(state, start_ns);
    }
}

void gw_devices_shard_ends(gw_devices *devices, uint32_t device, gw_time end_ns)
{
    if (find(devices, device) != NULL) {
        gw_engine_post(devices->engine, end_ns, &free_kind, devices, device);
    }
}

/* What has been in flight while the device was taken. */
static void count_owed(gw_device_transfers *state, gw_time now_ns)
{
    const gw_time from_ns = MAX(state->flying_ns, state->taken_ns);
    if (state->is_taken && state->flight_count > 0 && from_ns < now_ns) {
        state->owed_ns += now_ns - from_ns;
    }
}

static void fire_free(gw_engine *engine, void *subject, uint64_t argument)
{
    gw_devices *devices = subject;
    const gw_time now_ns = gw_engine_now(engine);
    gw_device_transfers *state = &devices->transfers[argument];
    gw_check(state->is_taken);
    count_owed(state, now_ns);
    state->is_taken = false;
    gw_devices_run_queue(devices, (uint32_t)argument, now_ns);
    gw_devices_do_works(devices, now_ns);
}

/* --- Copies --- */

static uint32_t list_ends(const gw_device_copy *copy, uint32_t out_devices[2])
{
    out_devices[0] = copy->source_device;
    out_devices[1] = copy->target_device;
    const bool has_other =
        !copy->is_to_host && !copy->is_from_host && copy->target_device != copy->source_device;
    return has_other ? 2 : 1;
}

void gw_devices_copy_due(gw_devices *devices, const gw_device_copy *copy)
{
    gw_device_transfers *state = find(devices, copy->source_device);
    if (state != NULL) {
        state->due_count++;
    }
}

void gw_devices_copy_starts(gw_devices *devices, const gw_device_copy *copy, bool was_due)
{
    uint32_t ends[2];
    const uint32_t end_count = list_ends(copy, ends);
    for (uint32_t i = 0; i < end_count; i++) {
        gw_device_transfers *state = find(devices, ends[i]);
        if (state == NULL) {
            continue;
        }
        state->due_count -= was_due && i == 0;
        if (state->flight_count == 0) {
            state->flying_ns = gw_engine_now(devices->engine);
        }
        state->flight_count++;
    }
}

void gw_devices_copy_ends(gw_devices *devices, const gw_device_copy *copy)
{
    const gw_time now_ns = gw_engine_now(devices->engine);
    uint32_t ends[2];
    const uint32_t end_count = list_ends(copy, ends);
    for (uint32_t i = 0; i < end_count; i++) {
        gw_device_transfers *state = find(devices, ends[i]);
        if (state == NULL) {
            continue;
        }
        gw_check(state->flight_count > 0);
        if (state->flight_count == 1) {
            count_owed(state, now_ns);
        }
        state->flight_count--;
        if (!state->is_taken) {
            gw_devices_run_queue(devices, ends[i], now_ns);
        }
    }
    gw_devices_do_works(devices, now_ns);
}
