/* SPDX-License-Identifier: Apache-2.0 */
/* Devices that differ: some are slower always, and each is a little slower or faster every time.
 * A shard computes for the plan's spans times one factor, drawn anew for each shard of each gang by
 * (seed, gang, device), so that what others do does not change it.
 *
 * The factor is 1 + jitter x, x a normal variate that is never beyond 6 (gw_random_normal_at()), so
 * that with a jitter up to GW_JITTER_MAX it stays above 0 without being cut off. */
#include "accel/device_private.h"
#include "base/check.h"
#include "base/random.h"

void gw_devices_set_seed(gw_devices *devices, uint64_t seed)
{
    gw_random stream;
    gw_random_init(&stream, seed, "devices.jitter");
    devices->jitter_seed = gw_random_next(&stream);
}

void gw_devices_draw_slowness(gw_devices *devices, const gw_gang_state *gang)
{
    const gw_gang_layout *layout = gang->plan->layout;
    const double *slowness = devices->cluster->slowness;
    const double jitter = devices->cluster->islands[layout->island].jitter;
    const uint64_t seed = gw_random_at(devices->jitter_seed, gang->origin.gang);
    for (uint32_t i = 0; i < layout->member_count; i++) {
        const uint32_t device = layout->devices[i];
        const double factor = jitter > 0 ? 1 + jitter * gw_random_normal_at(seed, device) : 1;
        gw_check(factor > 0);
        devices->slownesses[gang->first_slowness + i] =
            slowness != NULL ? factor * slowness[device] : factor;
    }
}
