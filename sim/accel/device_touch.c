/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that a device uses for the first time.  A thread that writes to memory which its process
 * has only been promised is stopped at every page until the system has found one and cleared it,
 * and that takes longer than most of what is written there.  Memory that was given back is used
 * again, so it is the most that a device ever holds which costs, once.
 *
 * A buffer is held from when the shard that writes it begins, or a copy into it starts, until it is
 * given back; a shard pays when it begins, also for what copies before it have brought.  What its
 * function computes with is one area of the device, as large as the largest needs; a larger one is
 * a new one [docs/MODEL.md, "Devices"]. */
#include "accel/device_private.h"

static bool is_slow_at_first(const gw_accelerator *accelerator)
{
    return accelerator->shared_cores > 0 && accelerator->first_touch_bytes_per_s > 0;
}

void gw_devices_open_touches(gw_devices *devices)
{
    const gw_cluster *cluster = devices->cluster;
    for (uint32_t i = 0; i < cluster->island_count && devices->touches == NULL; i++) {
        if (is_slow_at_first(cluster->islands[i].accelerator)) {
            devices->touches = g_new0(gw_device_touches, cluster->device_count);
        }
    }
}

bool gw_devices_count_touches(const gw_devices *devices)
{
    return devices->touches != NULL;
}

void gw_devices_hold(gw_devices *devices, uint32_t device, uint64_t size_bytes)
{
    gw_device_touches *touches = &devices->touches[device];
    touches->held_bytes += size_bytes;
    if (touches->held_bytes > touches->held_bytes_max) {
        touches->owed_bytes += touches->held_bytes - touches->held_bytes_max;
        touches->held_bytes_max = touches->held_bytes;
    }
}

/* What was promised and never written is given back, too. */
void gw_devices_let_go(gw_devices *devices, uint32_t device, uint64_t size_bytes)
{
    gw_device_touches *touches = &devices->touches[device];
    touches->held_bytes -= MIN(size_bytes, touches->held_bytes);
}

gw_span gw_devices_touch(gw_devices *devices, const gw_gang_state *gang, uint32_t number)
{
    const gw_gang_layout *layout = gang->plan->layout;
    const gw_accelerator *accelerator = devices->cluster->islands[layout->island].accelerator;
    const uint32_t device = layout->devices[number];
    if (devices->touches == NULL || !is_slow_at_first(accelerator)) {
        return 0;
    }
    gw_device_touches *touches = &devices->touches[device];
    gw_devices_hold(devices, device, gang->output_bytes);
    if (gang->plan->scratch_bytes > touches->scratch_bytes) {
        touches->scratch_bytes = gang->plan->scratch_bytes;
        touches->owed_bytes += gang->plan->scratch_bytes;
    }
    const double owed_bytes = (double)touches->owed_bytes;
    touches->owed_bytes = 0;
    return gw_span_from_seconds(owed_bytes / accelerator->first_touch_bytes_per_s);
}
