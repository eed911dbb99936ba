/* SPDX-License-Identifier: Apache-2.0 */
/* Device memory as plain sums, and the other figures that can be asked for.  A reservation is of
 * all its devices or of none, so a full device leaves no trace on the others. */
#include "accel/device_private.h"
#include "base/check.h"

bool gw_devices_reserve(gw_devices *devices, const uint32_t *targets, uint32_t target_count,
                        uint64_t size_bytes)
{
    for (uint32_t i = 0; i < target_count; i++) {
        gw_check(targets[i] < devices->device_count);
        if (size_bytes > devices->free_bytes[targets[i]]) {
            return false;
        }
    }
    for (uint32_t i = 0; i < target_count; i++) {
        devices->free_bytes[targets[i]] -= size_bytes;
    }
    return true;
}

void gw_devices_release(gw_devices *devices, const uint32_t *targets, uint32_t target_count,
                        uint64_t size_bytes)
{
    for (uint32_t i = 0; i < target_count; i++) {
        const uint32_t device = targets[i];
        gw_check(device < devices->device_count);
        /* Never more than was taken. */
        gw_check(size_bytes <= devices->capacity_bytes[device] - devices->free_bytes[device]);
        devices->free_bytes[device] += size_bytes;
        if (devices->touches != NULL) {
            gw_devices_let_go(devices, device, size_bytes);
        }
    }
}

uint64_t gw_devices_used_bytes(const gw_devices *devices, gw_device_id device)
{
    gw_check(device.index < devices->device_count);
    return devices->capacity_bytes[device.index] - devices->free_bytes[device.index];
}

uint64_t gw_devices_capacity_bytes(const gw_devices *devices, gw_device_id device)
{
    gw_check(device.index < devices->device_count);
    return devices->capacity_bytes[device.index];
}

uint32_t gw_devices_count(const gw_devices *devices)
{
    return devices->device_count;
}

uint32_t gw_devices_gang_count(const gw_devices *devices)
{
    return gw_pool_live_count(&devices->gangs);
}

uint32_t gw_devices_copy_count(const gw_devices *devices)
{
    return gw_pool_live_count(&devices->copies);
}

uint32_t gw_devices_early_count(const gw_devices *devices)
{
    return devices->early_count;
}
