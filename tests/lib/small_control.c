/* SPDX-License-Identifier: Apache-2.0 */
/* Messages as their senders make them, with fields that tests care about. */
#include "small_control.h"

#include <string.h>

gw_directory *small_directory(uint32_t host_count, uint32_t devices_per_host, uint32_t job_count)
{
    const gw_island island = {
        .host_count = host_count,
        .devices_per_host = devices_per_host,
        .shape = {host_count * devices_per_host, 1, 1},
        .hbm_bytes = UINT64_C(1) << 40,
    };
    return gw_directory_new(&island, 1, job_count);
}

gw_assignment_message *small_assignment(uint32_t kind, uint32_t job, const gw_program *program,
                                        const uint32_t *devices)
{
    const uint32_t mesh_count = program->meshes->len;
    uint32_t device_count = 0;
    for (uint32_t m = 0; m < mesh_count; m++) {
        device_count += gw_mesh_device_count(gw_program_mesh(program, m));
    }
    const size_t size_bytes =
        sizeof(gw_assignment_message) + (mesh_count + 1 + device_count) * sizeof(uint32_t);
    gw_assignment_message *message = g_malloc0(size_bytes);
    message->header = (gw_message){kind, (uint32_t)size_bytes};
    message->instance = message->job = job;
    message->mesh_count = mesh_count;
    message->device_count = device_count;
    for (uint32_t m = 0; m < mesh_count; m++) {
        message->data[m + 1] = message->data[m] + gw_mesh_device_count(gw_program_mesh(program, m));
    }
    memcpy(message->data + mesh_count + 1, devices, device_count * sizeof(uint32_t));
    return message;
}

gw_executable small_executable(const gw_program *program, const gw_assignment_message *message)
{
    return (gw_executable){
        .instance = message->instance,
        .job = message->job,
        .program = program,
        .assignment = {message->mesh_count, message->data, message->data + message->mesh_count + 1},
    };
}

gw_instance_message small_instance_message(uint32_t kind, uint32_t instance)
{
    return (gw_instance_message){{kind, sizeof(gw_instance_message)}, instance};
}

gw_dispatch_message *small_dispatch(uint32_t instance, uint32_t run, uint32_t first_node,
                                    uint32_t node_count, uint64_t gang, bool wants_enqueued)
{
    const uint32_t size_bytes = (uint32_t)(sizeof(gw_dispatch_message) + sizeof(gw_segment));
    gw_dispatch_message *message = g_malloc0(size_bytes);
    message->header = (gw_message){GW_MESSAGE_DISPATCH, size_bytes};
    message->segment_count = 1;
    message->wants_enqueued = wants_enqueued ? 1 : 0;
    message->segments[0] = (gw_segment){.instance = instance,
                                        .run = run,
                                        .first_node = first_node,
                                        .node_count = node_count,
                                        .gang = gang,
                                        .call = run};
    return message;
}

gw_progress *small_progress(uint32_t device_count, const uint32_t *counts, uint32_t instance,
                            uint32_t run)
{
    const uint32_t run_count = instance == GW_INDEX_NONE ? 0 : 1;
    const uint32_t size_bytes = gw_progress_size_bytes(0, device_count, run_count);
    gw_progress *message = g_malloc0(size_bytes);
    message->header = (gw_message){GW_MESSAGE_PROGRESS, size_bytes};
    message->device_count = device_count;
    message->run_count = run_count;
    uint32_t *data = (uint32_t *)(void *)message->used;
    memcpy(data, counts, device_count * sizeof(uint32_t));
    if (run_count > 0) {
        data[device_count] = instance;
        data[device_count + 1] = run;
    }
    return message;
}
