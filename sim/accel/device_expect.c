/* SPDX-License-Identifier: Apache-2.0 */
/* Gangs whose members are apart: each is told, once, what it waits for and how long it computes.
 * Until then a member has one arrival that stands for all, and the longest spans. */
#include <string.h>

#include "accel/device_private.h"
#include "base/check.h"

void gw_devices_open_spans(gw_devices *devices, const gw_gang_state *gang)
{
    const gw_gang_plan *plan = gang->plan;
    for (uint32_t i = 0; i < plan->layout->member_count; i++) {
        gw_span *spans_ns = gw_devices_spans_of(devices, gang, i);
        spans_ns[0] = plan->first_ns;
        for (uint32_t k = 0; k < plan->stage_count; k++) {
            spans_ns[k + 1] = plan->stages[k].after_ns;
        }
    }
}

gw_span gw_devices_add_spans(const gw_devices *devices, const gw_gang_state *gang, uint32_t number)
{
    gw_span total_ns = 0;
    for (uint32_t i = 0; i <= gang->plan->stage_count; i++) {
        total_ns += gw_devices_span_of(devices, gang, number, i);
    }
    return total_ns;
}

void gw_devices_expect(gw_devices *devices, const gw_device_expectation *expectation)
{
    const uint32_t device = expectation->device;
    const uint32_t shard = gw_devices_find_queued(devices, expectation->gang, device);
    gw_check(shard != GW_INDEX_NONE);
    gw_check(expectation->issued_ns >= gw_engine_now(devices->engine));
    const gw_gang_state *gang =
        gw_devices_gang(devices, gw_gang_table_find(&devices->table, expectation->gang));
    gw_check(gw_devices_awaits(devices, gang, shard - gang->first_shard));
    const gw_span launch_ns = devices->launch_ns[gang->plan->layout->island];
    devices->starts_ns[shard] = MAX(devices->starts_ns[shard], expectation->issued_ns + launch_ns);
    devices->awaited_count[shard] += expectation->copy_count;
    if (expectation->spans_ns != NULL) {
        gw_check(gang->plan->is_apart);
        memcpy(gw_devices_spans_of(devices, gang, shard - gang->first_shard), expectation->spans_ns,
               (gang->plan->stage_count + 1) * sizeof(gw_span));
    }
    gw_devices_arrive(devices, expectation->gang, device);
}
