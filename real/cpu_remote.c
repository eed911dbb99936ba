/* SPDX-License-Identifier: Apache-2.0 */
/* What comes from other processes is put where a thread of this one would have put it. */
#include "real/cpu_remote.h"

#include <string.h>

#include "base/check.h"
#include "real/cpu_private.h"

void gw_cpu_cluster_set_remote(gw_cpu_cluster *cluster, const gw_cpu_remote *remote)
{
    cluster->remote = remote;
    cluster->shared.join = remote->join;
    cluster->shared.join_context = remote->context;
    for (uint32_t i = 0; i < cluster->node_count; i++) {
        cluster->nodes[i].is_elsewhere = !remote->is_here(remote->context, (gw_node_id){i});
    }
}

void gw_cpu_cluster_deliver(gw_cpu_cluster *cluster, gw_node_id source, gw_node_id target,
                            const gw_message *message)
{
    gw_check(target.index < cluster->node_count);
    gw_check(!cluster->nodes[target.index].is_elsewhere);
    gw_input input = {.kind = GW_INPUT_MESSAGE};
    input.message.source = source;
    input.message.content = message;
    gw_cpu_cluster_post(cluster, target, &input, NULL);
}

void gw_cpu_cluster_put(gw_cpu_cluster *cluster, const gw_copy *copy, const void *bytes)
{
    gw_check(copy->target_device.index < cluster->device_count);
    gw_cpu_device *target = &cluster->devices[copy->target_device.index];
    gw_check(copy->target_gang == GW_GANG_NONE || gw_cpu_device_awaits(target, copy->target_gang));
    gw_cpu_block *block = gw_cpu_device_pin(target, copy->target_buffer);
    gw_check(copy->target_offset_bytes + copy->size_bytes <= block->size_bytes);
    memcpy((unsigned char *)gw_cpu_device_data(target, block) + copy->target_offset_bytes, bytes,
           copy->size_bytes);
    gw_cpu_device_unpin(target, block);
    if (copy->target_gang != GW_GANG_NONE) {
        gw_cpu_device_arrive(target, copy->target_gang);
    }
}

void gw_cpu_cluster_advance(gw_cpu_cluster *cluster, gw_time now_ns)
{
    const uint64_t latest_ns = gw_monotonic_ns() - now_ns; /* Of the run's beginning. */
    uint64_t origin_ns = atomic_load(&cluster->origin_ns);
    while ((int64_t)(origin_ns - latest_ns) > 0 &&
           !atomic_compare_exchange_weak(&cluster->origin_ns, &origin_ns, latest_ns)) {
    }
}

void gw_cpu_cluster_rouse(gw_cpu_cluster *cluster)
{
    for (uint32_t i = 0; i < cluster->node_count; i++) {
        if (!cluster->nodes[i].is_elsewhere) {
            gw_cpu_node_rouse(&cluster->nodes[i]);
        }
    }
}

gw_activity *gw_cpu_cluster_activity(gw_cpu_cluster *cluster)
{
    return &cluster->activity;
}

gw_cpu_meetings *gw_cpu_cluster_meetings(gw_cpu_cluster *cluster)
{
    return cluster->meetings;
}

void gw_cpu_cluster_describe(gw_cpu_cluster *cluster, char *out_text, uint32_t capacity)
{
    bool has_work = false;
    g_autoptr(GString) text = g_string_new("about to begin");
    for (uint32_t i = 0; i < cluster->device_count && !has_work; i++) {
        gw_cpu_device *device = &cluster->devices[i];
        pthread_mutex_lock(&device->mutex); /* A shard in the queue lasts so long. */
        const gw_cpu_shard *shard = device->first;
        has_work = shard != NULL;
        if (has_work) {
            const gw_cpu_kernel *kernel = shard->kernel;
            g_string_assign(text, shard->arrivals_left > 0 ? "waiting for the inputs of " : "at ");
            gw_real_describe(&cluster->answers, kernel->loaded->job, kernel->loaded->program,
                             kernel->node, kernel->run, text);
            g_string_append_printf(text, ", on device %u", i);
        } else if (device->done_program != NULL) {
            g_string_assign(text, "after ");
            gw_real_describe(&cluster->answers, device->done_job, device->done_program,
                             device->done_node, device->done_run, text);
            g_string_append_printf(text, ", on device %u", i);
        }
        pthread_mutex_unlock(&device->mutex);
    }
    g_strlcpy(out_text, text->str, capacity);
}
