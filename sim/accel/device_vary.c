/* SPDX-License-Identifier: Apache-2.0 */
/* Devices that differ: some are slower always, and each is a little slower or faster every time.
 * A shard computes for the plan's spans times one factor, drawn anew for each shard of each gang by
 * (seed, gang, device), so that what others do does not change it.
 *
 * The factor is 1 + jitter x, x a normal variate that is never beyond 6 (gw_random_normal_at()), so
 * that with a jitter up to GW_JITTER_MAX it stays above 0 without being cut off.
 *
 * Cores that devices share may differ, too, for as long as a run lasts: the devices of a kind go
 * round them in order, from one that the seed draws. */
#include "accel/device_private.h"
#include "base/check.h"
#include "base/random.h"

/* 1 where devices and the cores that are known do not come out even: nobody knows who is where. */
static double find_core_slowness(const gw_devices *devices, uint32_t device, uint64_t shift)
{
    const gw_cluster *cluster = devices->cluster;
    const gw_accelerator *accelerator =
        cluster->islands[cluster->island_of_device[device]].accelerator;
    const uint32_t core_count = accelerator->core_slowness_count;
    uint32_t device_count = 0;
    const uint32_t place = gw_devices_place_among(devices, device, &device_count);
    if (place == GW_INDEX_NONE || core_count == 0 || device_count % core_count != 0) {
        return 1;
    }
    return accelerator->core_slowness[(place + shift % core_count) % core_count];
}

static void place_on_cores(gw_devices *devices, uint64_t seed)
{
    gw_random stream;
    gw_random_init(&stream, seed, "devices.cores");
    const uint64_t shift = gw_random_next(&stream);
    g_free(devices->core_slowness);
    devices->core_slowness = NULL;
    for (uint32_t i = 0; i < devices->cluster->device_count; i++) {
        const double slowness = find_core_slowness(devices, i, shift);
        if (slowness != 1 && devices->core_slowness == NULL) {
            devices->core_slowness = g_new(double, devices->cluster->device_count);
            for (uint32_t k = 0; k < i; k++) {
                devices->core_slowness[k] = 1;
            }
        }
        if (devices->core_slowness != NULL) {
            devices->core_slowness[i] = slowness;
        }
    }
}

void gw_devices_set_seed(gw_devices *devices, uint64_t seed)
{
    gw_random stream;
    gw_random_init(&stream, seed, "devices.jitter");
    devices->jitter_seed = gw_random_next(&stream);
    place_on_cores(devices, seed);
}

void gw_devices_draw_slowness(gw_devices *devices, const gw_gang_state *gang)
{
    const gw_gang_layout *layout = gang->plan->layout;
    const double *slowness = devices->cluster->slowness;
    const double jitter = devices->cluster->islands[layout->island].jitter;
    const uint64_t seed = gw_random_at(devices->jitter_seed, gang->origin.gang);
    for (uint32_t i = 0; i < layout->member_count; i++) {
        const uint32_t device = layout->devices[i];
        double factor = jitter > 0 ? 1 + jitter * gw_random_normal_at(seed, device) : 1;
        gw_check(factor > 0);
        factor *= devices->core_slowness != NULL ? devices->core_slowness[device] : 1;
        devices->slownesses[gang->first_slowness + i] =
            slowness != NULL ? factor * slowness[device] : factor;
    }
}
