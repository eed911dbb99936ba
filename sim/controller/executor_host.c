/* SPDX-License-Identifier: Apache-2.0 */
/* What goes over PCIe besides launches and single values: outputs to the host's memory, and inputs
 * back from it, where a system asks for that (gw_host_style). */
#include "controller/executor_private.h"

#include <string.h>

/* Shards of the gang's outputs, once it is done. */
void gw_executor_copy_to_host(gw_executor *executor, gw_host_instance *instance,
                              const gw_plan_node *node, uint32_t run, uint64_t gang)
{
    const uint32_t *end =
        instance->lowered->local_devices + instance->lowered->first_local[node->mesh + 1];
    for (uint32_t slot = node->first_slot; slot < node->first_slot + node->output_count; slot++)
        for (uint32_t left = instance->host_copies[slot]; left > 0; left--) {
            gw_flight begun = {GW_FLIGHT_OUTPUT, instance->instance, run, slot, run, GW_INDEX_NONE};
            gw_copy copy = {
                .kind = GW_COPY_TO_HOST,
                .result = GW_INDEX_NONE,
                .instance = instance->instance,
                .source_gang = gang,
                .source_device = {*(end - left)},
                .source_buffer =
                    gw_block_buffer(&instance->block, gw_block_entry(&instance->block, slot, run)),
                .size_bytes = instance->plan->slots[slot].size_bytes,
            };
            executor->port->devices->copy(executor->port, &copy,
                                          gw_executor_begin_flight(executor, &begun));
        }
}

/* The gang's inputs that lie here; each is one arrival on each device.  Their buffers are the
 * gang's until it is done, so nothing is to be given back when they have come. */
void gw_executor_copy_from_host(gw_executor *executor, gw_host_instance *instance,
                                const gw_plan_node *node, uint32_t run, uint64_t gang)
{
    const gw_lowered *lowered = instance->lowered;
    for (uint32_t i = 0; i < node->input_count; i++) {
        const gw_plan_input *input = &instance->plan->inputs[node->first_input + i];
        if (gw_plan_input_arrives(input, run))
            continue;
        uint32_t slot = gw_host_instance_source_slot(input, run);
        uint32_t entry =
            gw_block_entry(&instance->block, slot, gw_host_instance_source_run(input, run));
        for (uint32_t d = lowered->first_local[node->mesh];
             d < lowered->first_local[node->mesh + 1]; d++) {
            gw_flight begun = {GW_FLIGHT_INPUT, instance->instance, GW_INDEX_NONE, slot, run,
                               GW_INDEX_NONE};
            gw_copy copy = {
                .kind = GW_COPY_FROM_HOST,
                .instance = instance->instance,
                .source_device = {lowered->local_devices[d]},
                .source_buffer = gw_block_buffer(&instance->block, entry),
                .size_bytes = instance->plan->slots[slot].size_bytes,
                .target_gang = gang,
                .target_device = {lowered->local_devices[d]},
                .target_buffer = gw_block_buffer(&instance->block, entry),
            };
            executor->port->devices->copy(executor->port, &copy,
                                          gw_executor_begin_flight(executor, &begun));
        }
    }
}

/* Pieces from other meshes, and inputs that come back from the host; NULL: none. */
const uint32_t *gw_executor_count_arrivals(gw_executor *executor, gw_host_instance *instance,
                                           uint32_t n, uint32_t run)
{
    const gw_plan_node *node = &instance->plan->nodes[n];
    const uint32_t *pieces =
        node->has_transfers ? gw_lowered_arrivals(instance->lowered, instance->plan, n, run == 0)
                            : NULL;
    const bool are_kept = executor->system->hosts == GW_HOST_KEEPS_OUTPUTS;
    if (!are_kept && executor->spill == NULL)
        return pieces;
    uint32_t returning = executor->spill == NULL ? 0 : executor->returning->len;
    for (uint32_t i = 0; i < node->input_count && are_kept; i++)
        returning += !gw_plan_input_arrives(&instance->plan->inputs[node->first_input + i], run);
    if (returning == 0)
        return pieces;
    uint32_t local_count = gw_lowered_local_count(instance->lowered, node->mesh);
    g_array_set_size(executor->arrivals, local_count);
    for (uint32_t i = 0; i < local_count; i++)
        g_array_index(executor->arrivals, uint32_t, i) =
            returning + (pieces != NULL ? pieces[i] : 0);
    return (const uint32_t *)(const void *)executor->arrivals->data;
}

/* One shard on its way to the client.  A world tells a controller no more than a value's first
 * element, so the rest of the bytes is blank; they take the network's time all the same. */
void gw_executor_send_fetched(gw_executor *executor, const gw_host_instance *instance,
                              const gw_flight *done)
{
    uint64_t left_bytes = instance->plan->slots[done->slot].size_bytes;
    gw_node_id client = gw_directory_client(executor->directory, instance->job);
    while (left_bytes > 0) {
        uint32_t data_bytes = (uint32_t)MIN(left_bytes, GW_FETCHED_BYTES_MAX);
        uint32_t size_bytes = (uint32_t)sizeof(gw_fetched) + data_bytes;
        left_bytes -= data_bytes;
        g_byte_array_set_size(executor->scratch, size_bytes);
        memset(executor->scratch->data, 0, size_bytes);
        gw_fetched *message = (gw_fetched *)(void *)executor->scratch->data;
        message->header = (gw_message){GW_MESSAGE_FETCHED, size_bytes};
        message->instance = instance->instance;
        message->run = done->run;
        message->data_bytes = data_bytes;
        message->is_last = left_bytes == 0;
        executor->port->ops->send(executor->port, client, &message->header);
    }
}
