/* SPDX-License-Identifier: Apache-2.0 */
/* What the first shard of a queue lacks: copies, or members of its collective. */
#include "real/cpu_explain.h"

static void explain_collective(gw_cpu_meetings *meetings, const gw_cpu_shard *shard, GString *out)
{
    const gw_cpu_kernel *kernel = shard->kernel;
    const gw_loaded *loaded = kernel->loaded;
    const uint32_t mesh = gw_program_node(loaded->program, kernel->node)->mesh;
    const gw_mesh *shape = gw_program_mesh(loaded->program, mesh);
    const gw_operation *operation =
        gw_function_operation(kernel->plan->function, shard->operation_index);
    uint32_t group, position;
    const uint32_t member_count =
        gw_mesh_group(shape, operation->axes, shard->shard, &group, &position);
    g_autofree bool *is_missing = g_new0(bool, member_count);
    gw_cpu_meetings_missing(meetings, kernel->gang, shard->operation_index, group, member_count,
                            is_missing);
    g_string_append_printf(out, "waits in %s for", gw_operation_name(operation->kind));
    for (uint32_t other = 0; other < gw_mesh_device_count(shape); other++) {
        uint32_t other_group, other_position;
        gw_mesh_group(shape, operation->axes, other, &other_group, &other_position);
        if (other_group == group && is_missing[other_position]) {
            g_string_append_printf(out, " device %u,",
                                   loaded->devices[loaded->first[mesh] + other]);
        }
    }
    g_string_truncate(out, out->len - 1);
}

bool gw_cpu_explain_device(gw_cpu_meetings *meetings, gw_cpu_device *device, GString *out)
{
    pthread_mutex_lock(&device->mutex);
    const gw_cpu_shard *shard = device->first;
    pthread_mutex_unlock(&device->mutex);
    if (shard == NULL) {
        return false;
    }
    const gw_cpu_kernel *kernel = shard->kernel;
    g_string_append_printf(out, "device %u: ", device->id.index);
    gw_loaded_describe_gang(kernel->loaded, device->shared->answers, kernel->gang, kernel->node,
                            kernel->run, out);
    if (shard->arrivals_left > 0) {
        gw_loaded_describe_arrivals(shard->arrivals_left, out);
    } else {
        explain_collective(meetings, shard, out);
    }
    g_string_append_c(out, '\n');
    return true;
}
