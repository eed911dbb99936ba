/* SPDX-License-Identifier: Apache-2.0 */
/* Buffers on their way between meshes: the target's host announces where they go, and the source's
 * hosts copy their pieces, at once or when the gang that writes them is launched. */
#include <string.h>

#include "controller/executor_private.h"

static void copy_piece(gw_executor *executor, gw_host_instance *instance, const gw_ready_item *item,
                       const gw_piece *piece, uint32_t slot, uint32_t source_run)
{
    const gw_edge *edge = gw_program_edge(instance->plan->program, item->transfer / 2);
    uint32_t entry = gw_block_entry(&instance->block, slot, source_run);
    bool is_counted = !instance->plan->inputs[item->transfer / 2].is_permanent;
    gw_flight begun = {
        GW_FLIGHT_PIECE, instance->instance, is_counted ? item->run : GW_INDEX_NONE, slot,
        source_run,      GW_INDEX_NONE};
    const gw_device_id target = {piece->target_device};
    if (executor->has_handoffs)
        begun.result = gw_handoffs_begin(
            executor->handoffs, gw_directory_host(executor->directory, target).index, item->gang);
    gw_copy copy = {
        .kind = GW_COPY_TO_DEVICE,
        .instance = instance->instance,
        .source_gang = instance->block.writers[entry].gang,
        .source_device = {piece->source_device},
        .source_buffer = gw_block_buffer(&instance->block, entry),
        .source_offset_bytes = piece->source_offset_bytes,
        .size_bytes = piece->size_bytes,
        .target_gang = executor->has_handoffs ? GW_GANG_NONE : item->gang,
        .target_device = target,
        .target_buffer = item->buffer,
        .target_offset_bytes = piece->target_offset_bytes,
        .duration_ns = edge->duration_ns,
    };
    executor->port->devices->copy(executor->port, &copy,
                                  gw_executor_begin_flight(executor, &begun));
}

/* All pieces of the transfer that go from here to `host`. */
static void copy_pieces(gw_executor *executor, const gw_ready_item *item, uint32_t host,
                        uint32_t slot, uint32_t source_run)
{
    gw_host_instance *instance = gw_executor_instance_of(executor, item->instance);
    const gw_lowered_part pieces =
        gw_lowered_pieces(instance->lowered, instance->plan, item->transfer);
    if (!instance->plan->inputs[item->transfer / 2].is_permanent)
        gw_host_instance_begin_run(instance, item->run);
    for (uint32_t p = 0; p < pieces.count; p++) {
        const gw_piece *piece =
            &g_array_index(instance->lowered->pieces, gw_piece, pieces.first + p);
        gw_device_id target = {piece->target_device};
        if (gw_directory_host(executor->directory, target).index == host)
            copy_piece(executor, instance, item, piece, slot, source_run);
    }
}

static void take_ready(gw_executor *executor, uint32_t host, const gw_ready_item *item)
{
    gw_host_instance *instance = gw_executor_instance_of(executor, item->instance);
    const gw_plan_input *input = &instance->plan->inputs[item->transfer / 2];
    if (gw_program_edge(instance->plan->program, input->edge)->exchange.kind != GW_EXCHANGE_NONE) {
        gw_executor_return_rows(executor, host, item);
        return;
    }
    uint32_t slot = instance->plan->transfer_slot[item->transfer];
    uint32_t run = gw_host_instance_source_run(input, item->run);
    uint32_t entry = gw_block_entry(&instance->block, slot, run);
    gw_writer *writer = &instance->block.writers[entry];
    const bool is_held =
        executor->has_handoffs && gw_handoffs_holds(executor->handoffs, writer->gang);
    if (instance->block.refs[entry] > 0 && !is_held) {
        copy_pieces(executor, item, host, slot, run);
        return;
    }
    uint32_t index = gw_pool_take(&executor->targets);
    *(gw_waiting_target *)gw_pool_at(&executor->targets, index) =
        (gw_waiting_target){*item, host, writer->ready};
    writer->ready = index + 1;
}

void gw_executor_ready(gw_executor *executor, gw_node_id source, const gw_ready *message)
{
    for (uint32_t i = 0; i < message->item_count; i++)
        take_ready(executor, source.index, &message->items[i]);
}

void gw_executor_serve_targets(gw_executor *executor, gw_host_instance *instance,
                               const gw_plan_node *node, uint32_t run)
{
    for (uint32_t o = 0; o < node->output_count; o++) {
        uint32_t slot = node->first_slot + o;
        if (!instance->plan->slots[slot].is_copied)
            continue;
        gw_writer *writer = &instance->block.writers[gw_block_entry(&instance->block, slot, run)];
        uint32_t reversed = 0;
        while (writer->ready > 0) {
            uint32_t index = writer->ready;
            gw_waiting_target *target =
                (gw_waiting_target *)gw_pool_at(&executor->targets, index - 1);
            writer->ready = target->next;
            target->next = reversed;
            reversed = index;
        }
        while (reversed > 0) {
            gw_waiting_target target =
                *(gw_waiting_target *)gw_pool_at(&executor->targets, reversed - 1);
            gw_pool_give(&executor->targets, reversed - 1);
            reversed = target.next;
            copy_pieces(executor, &target.item, target.host, slot, run);
        }
    }
}

void gw_executor_gather_ready(gw_executor *executor, uint32_t host, const gw_ready_item *item)
{
    uint32_t i = 0;
    while (i < executor->ready_count &&
           g_array_index(executor->ready, gw_ready_batch, i).host != host)
        i++;
    if (i == executor->ready->len) {
        gw_ready_batch batch = {host, g_array_new(FALSE, FALSE, sizeof(gw_ready_item))};
        g_array_append_val(executor->ready, batch);
    }
    gw_ready_batch *batch = &g_array_index(executor->ready, gw_ready_batch, i);
    if (i == executor->ready_count) {
        executor->ready_count++;
        batch->host = host;
    }
    g_array_append_val(batch->items, *item);
}

void gw_executor_announce_inputs(gw_executor *executor, gw_host_instance *instance,
                                 const gw_plan_node *node, uint32_t run, uint64_t gang)
{
    for (uint32_t i = 0; i < node->input_count; i++) {
        const gw_plan_input *input = &instance->plan->inputs[node->first_input + i];
        const gw_edge *edge = gw_program_edge(instance->plan->program, input->edge);
        if (!gw_plan_input_arrives(input, run) || edge->exchange.kind != GW_EXCHANGE_NONE)
            continue;
        uint32_t number = gw_plan_input_transfer(input, run);
        const gw_lowered_part sources =
            gw_lowered_sources(instance->lowered, instance->plan, number);
        gw_ready_item item = {
            .gang = gang,
            .instance = instance->instance,
            .run = run,
            .transfer = number,
            .buffer = gw_block_buffer(&instance->block,
                                      gw_block_entry(&instance->block, input->inbound_slot, run)),
        };
        for (uint32_t s = 0; s < sources.count; s++) {
            uint32_t host =
                g_array_index(instance->lowered->source_hosts, uint32_t, sources.first + s);
            if (host == executor->self.index)
                take_ready(executor, host, &item);
            else
                gw_executor_gather_ready(executor, host, &item);
        }
    }
}

void gw_executor_send_ready(gw_executor *executor)
{
    for (uint32_t i = 0; i < executor->ready_count; i++) {
        gw_ready_batch *batch = &g_array_index(executor->ready, gw_ready_batch, i);
        uint32_t items_bytes = batch->items->len * (uint32_t)sizeof(gw_ready_item);
        uint32_t size_bytes = (uint32_t)sizeof(gw_ready) + items_bytes;
        g_byte_array_set_size(executor->scratch, size_bytes);
        gw_ready *message = (gw_ready *)(void *)executor->scratch->data;
        message->header = (gw_message){GW_MESSAGE_READY, size_bytes};
        message->item_count = batch->items->len;
        message->reserved = 0;
        memcpy(message->items, batch->items->data, items_bytes);
        g_array_set_size(batch->items, 0);
        executor->port->ops->send(executor->port, (gw_node_id){batch->host}, &message->header);
    }
    executor->ready_count = 0;
}
