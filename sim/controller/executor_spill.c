/* SPDX-License-Identifier: Apache-2.0 */
/* Resting buffers to the host's memory and back (spill.h): copies over PCIe, and what follows from
 * their ends.  A spill under way is a reader of its buffer, so that nobody gives it back before. */
#include "base/check.h"
#include "controller/executor_private.h"

/* --- Away --- */

typedef struct { /* Where room is wanted. */
    gw_executor *executor;
    const uint32_t *devices;
    uint32_t count;
} wanted_place;

static bool lies_there(const void *context, const gw_spillable *buffer)
{
    const wanted_place *place = (const wanted_place *)context;
    const gw_host_instance *instance = gw_executor_instance(place->executor, buffer->instance);
    const gw_lowered *lowered = instance->lowered;
    const uint32_t mesh = instance->plan->slots[buffer->slot].mesh;
    for (uint32_t d = lowered->first_local[mesh]; d < lowered->first_local[mesh + 1]; d++)
        for (uint32_t i = 0; i < place->count; i++)
            if (place->devices[i] == lowered->local_devices[d])
                return true;
    return false;
}

static void send_away(gw_executor *executor, gw_spillable *buffer)
{
    gw_host_instance *instance = gw_executor_instance_of(executor, buffer->instance);
    const gw_lowered *lowered = instance->lowered;
    const uint32_t mesh = instance->plan->slots[buffer->slot].mesh;
    gw_spill_begin(executor->spill, buffer);
    instance->block.refs[buffer->entry]++;
    for (uint32_t d = lowered->first_local[mesh]; d < lowered->first_local[mesh + 1]; d++) {
        const gw_flight begun = {GW_FLIGHT_SPILL, buffer->instance, GW_INDEX_NONE,
                                 buffer->slot,    buffer->entry,    GW_INDEX_NONE};
        const gw_copy copy = {
            .kind = GW_COPY_SPILL,
            .instance = buffer->instance,
            .source_device = {lowered->local_devices[d]},
            .source_buffer = gw_block_buffer(&instance->block, buffer->entry),
            .result = GW_INDEX_NONE,
            .size_bytes = buffer->size_bytes,
        };
        executor->port->devices->copy(executor->port, &copy,
                                      gw_executor_begin_flight(executor, &begun));
    }
}

/* What the gang reserves on each of its devices, and the inputs that must not go. */
static uint64_t need_of(gw_executor *executor, const gw_host_instance *instance,
                        const gw_plan_node *node, uint32_t run, bool is_wanted)
{
    uint64_t sum_bytes = 0;
    for (uint32_t o = 0; o < node->output_count; o++)
        sum_bytes += instance->plan->slots[node->first_slot + o].size_bytes;
    for (uint32_t i = 0; i < node->input_count; i++) {
        const gw_plan_input *input = &instance->plan->inputs[node->first_input + i];
        if (gw_plan_input_arrives(input, run)) {
            sum_bytes += instance->plan->slots[input->inbound_slot].size_bytes;
            continue;
        }
        const uint32_t slot = gw_host_instance_source_slot(input, run);
        const uint32_t entry =
            gw_block_entry(&instance->block, slot, gw_host_instance_source_run(input, run));
        gw_spillable *buffer = gw_spill_find(executor->spill, instance->instance, slot, entry);
        if (buffer == NULL)
            continue;
        buffer->is_wanted = is_wanted;
        if (instance->block.is_away[entry])
            sum_bytes += buffer->size_bytes;
    }
    return sum_bytes;
}

void gw_executor_make_room(gw_executor *executor, const gw_host_instance *instance,
                           const gw_plan_node *node, uint32_t run)
{
    const wanted_place place = {
        executor, instance->lowered->local_devices + instance->lowered->first_local[node->mesh],
        gw_lowered_local_count(instance->lowered, node->mesh)};
    const uint64_t need_bytes = need_of(executor, instance, node, run, true);
    uint64_t leaving_bytes = gw_spill_leaving_bytes(executor->spill, lies_there, &place);
    while (leaving_bytes < need_bytes) {
        gw_spillable *buffer = gw_spill_choose(executor->spill, lies_there, &place);
        if (buffer == NULL)
            break;
        leaving_bytes += buffer->size_bytes;
        send_away(executor, buffer);
    }
    need_of(executor, instance, node, run, false);
}

static void note_bytes(const gw_executor *executor, gw_note_kind kind, uint32_t job,
                       uint64_t size_bytes)
{
    const gw_note note = {kind, job, size_bytes, 0};
    executor->port->ops->note(executor->port, &note);
}

/* One shard has come to the host.  With the last one the buffer leaves the devices, unless somebody
 * has begun to use it meanwhile. */
void gw_executor_spilled(gw_executor *executor, gw_host_instance *instance, const gw_flight *done)
{
    const uint32_t entry = done->source_run;
    gw_block *block = &instance->block;
    gw_spillable *buffer = gw_spill_find(executor->spill, done->instance, done->slot, entry);
    gw_check(buffer->copies_left > 0);
    if (--buffer->copies_left > 0)
        return;
    if (buffer->users > 0 || block->refs[entry] == 1) {
        gw_spill_give_back(executor->spill, buffer);
        if (block->refs[entry] == 1)
            gw_spill_drop(executor->spill, buffer);
        gw_store_release_reader(&executor->store, block, done->slot, entry);
        return;
    }
    block->refs[entry]--;
    gw_store_send_away(&executor->store, block, done->slot, entry);
    note_bytes(executor, GW_NOTE_SPILLED, instance->job, buffer->size_bytes * buffer->shard_count);
}

/* --- And back --- */

bool gw_executor_bring_back(gw_executor *executor, gw_host_instance *instance, uint32_t slot,
                            uint32_t entry)
{
    const gw_returning back = {slot, entry};
    if (!instance->block.is_away[entry])
        return true;
    if (!gw_store_bring_back(&executor->store, &instance->block, slot, entry))
        return false;
    g_array_append_val(executor->returning, back);
    return true;
}

void gw_executor_undo_returning(gw_executor *executor, gw_host_instance *instance)
{
    const bool was_released = executor->store.was_released;
    for (uint32_t i = 0; i < executor->returning->len; i++) {
        const gw_returning *back = &g_array_index(executor->returning, gw_returning, i);
        gw_store_send_away(&executor->store, &instance->block, back->slot, back->entry);
    }
    executor->store.was_released = was_released;
}

static void return_inputs(gw_executor *executor, gw_host_instance *instance,
                          const gw_plan_node *node, uint64_t gang)
{
    const gw_lowered *lowered = instance->lowered;
    for (uint32_t i = 0; i < executor->returning->len; i++) {
        const gw_returning *back = &g_array_index(executor->returning, gw_returning, i);
        for (uint32_t d = lowered->first_local[node->mesh];
             d < lowered->first_local[node->mesh + 1]; d++) {
            const gw_flight begun = {GW_FLIGHT_RETURN, instance->instance, GW_INDEX_NONE,
                                     back->slot,       back->entry,        GW_INDEX_NONE};
            const gw_copy copy = {
                .kind = GW_COPY_RETURN,
                .instance = instance->instance,
                .source_device = {lowered->local_devices[d]},
                .source_buffer = gw_block_buffer(&instance->block, back->entry),
                .result = GW_INDEX_NONE,
                .size_bytes = instance->plan->slots[back->slot].size_bytes,
                .target_gang = gang,
                .target_device = {lowered->local_devices[d]},
                .target_buffer = gw_block_buffer(&instance->block, back->entry),
            };
            executor->port->devices->copy(executor->port, &copy,
                                          gw_executor_begin_flight(executor, &begun));
        }
        gw_spillable *buffer =
            gw_spill_find(executor->spill, instance->instance, back->slot, back->entry);
        buffer->returns_left = buffer->shard_count;
    }
}

void gw_executor_returned(gw_executor *executor, const gw_host_instance *instance,
                          const gw_flight *done)
{
    gw_spillable *buffer =
        gw_spill_find(executor->spill, done->instance, done->slot, done->source_run);
    gw_check(buffer->returns_left > 0);
    if (--buffer->returns_left > 0)
        return;
    gw_spill_give_back(executor->spill, buffer);
    note_bytes(executor, GW_NOTE_RETURNED, instance->job, buffer->size_bytes * buffer->shard_count);
}

/* --- Gangs that use buffers --- */

static void change_use(gw_executor *executor, gw_host_instance *instance, uint32_t slot,
                       uint32_t entry, bool is_begin, bool is_writer)
{
    gw_spillable *buffer = gw_spill_find(executor->spill, instance->instance, slot, entry);
    if (buffer == NULL)
        return;
    if (is_begin)
        gw_spill_use(executor->spill, buffer);
    else
        gw_spill_end_use(executor->spill, buffer, is_writer, instance->block.refs[entry] > 0);
    if (!is_begin && buffer->is_resting && executor->is_blocked)
        executor->store.was_released = true; /* It can go: the head may try again. */
}

static void change_uses(gw_executor *executor, gw_host_instance *instance, const gw_plan_node *node,
                        uint32_t run, bool is_begin)
{
    for (uint32_t i = 0; i < node->input_count; i++) {
        const gw_plan_input *input = &instance->plan->inputs[node->first_input + i];
        if (gw_plan_input_arrives(input, run))
            continue;
        const uint32_t slot = gw_host_instance_source_slot(input, run);
        const uint32_t entry =
            gw_block_entry(&instance->block, slot, gw_host_instance_source_run(input, run));
        change_use(executor, instance, slot, entry, is_begin, false);
    }
    for (uint32_t o = 0; o < node->output_count; o++) {
        const uint32_t slot = node->first_slot + o;
        change_use(executor, instance, slot, gw_block_entry(&instance->block, slot, run), is_begin,
                   true);
    }
}

void gw_executor_launch_spilled(gw_executor *executor, gw_host_instance *instance,
                                const gw_plan_node *node, uint32_t run, uint64_t gang)
{
    change_uses(executor, instance, node, run, true);
    return_inputs(executor, instance, node, gang);
}

void gw_executor_end_use(gw_executor *executor, gw_host_instance *instance,
                         const gw_plan_node *node, uint32_t run)
{
    change_uses(executor, instance, node, run, false);
}
