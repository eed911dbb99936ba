/* SPDX-License-Identifier: Apache-2.0 */
/* Entries are a flat ring over runs, so that finding one is arithmetic and a long job needs no
 * more memory than a short one.  Tables begin as zeros that nobody has written, so that what a host
 * never touches, of meshes that lie elsewhere, takes no memory. */
#include "controller/store.h"

#include "base/check.h"

void gw_store_init(gw_store *store, gw_port *port)
{
    *store = (gw_store){.port = port};
}

void gw_store_listen(gw_store *store, gw_store_listener listener, void *context)
{
    store->listener = listener;
    store->listener_context = context;
}

/* To whoever counts, unless nobody has ordered it. */
static void tell_listener(gw_store *store, gw_block *block, uint32_t entry, const gw_memory *memory)
{
    const bool is_moved = block->is_moved != NULL && block->is_moved[entry];
    if (is_moved)
        block->is_moved[entry] = 0;
    else if (store->listener != NULL)
        store->listener(store->listener_context, block, memory->mesh, memory->size_bytes);
}

void gw_store_open(gw_store *store, gw_block *block, uint32_t instance, const gw_plan *plan,
                   gw_slots slots, uint32_t depth)
{
    uint32_t count = slots.count * depth;
    gw_check(depth > 0);
    gw_check(store->next_buffer <= UINT32_MAX - count - plan->program->meshes->len);
    *block = (gw_block){.instance = instance,
                        .depth = depth,
                        .first_buffer = store->next_buffer,
                        .slots = slots,
                        .plan = plan,
                        .refs = g_new0(uint32_t, count + 1)};
    if (plan->has_copied_slots)
        block->writers = g_new0(gw_writer, count);
    if (plan->has_donations) {
        block->buffers = g_new0(uint32_t, count + 1);
        block->is_taken = g_new0(uint8_t, count + 1);
    }
    store->next_buffer += count + plan->program->meshes->len;
}

static gw_memory memory_of(const gw_block *block, uint32_t slot, uint32_t entry)
{
    const gw_plan_slot *planned = &block->plan->slots[slot];
    return (gw_memory){block->instance, planned->mesh, gw_block_buffer(block, entry),
                       planned->size_bytes};
}

void gw_block_clear(gw_block *block)
{
    g_clear_pointer(&block->refs, g_free);
    g_clear_pointer(&block->writers, g_free);
    g_clear_pointer(&block->is_away, g_free);
    g_clear_pointer(&block->is_moved, g_free);
    g_clear_pointer(&block->buffers, g_free);
    g_clear_pointer(&block->is_taken, g_free);
}

void gw_store_close(gw_store *store, gw_block *block)
{
    const uint32_t count = gw_block_entry_count(block);
    for (uint32_t i = 0; i < count; i++) {
        if (block->refs[i] == 0 || (block->is_taken != NULL && block->is_taken[i]))
            continue;
        const gw_memory memory = memory_of(block, gw_block_slot(block, i), i);
        if (block->is_away == NULL || !block->is_away[i]) {
            store->port->devices->memory_release(store->port, &memory);
            store->was_released = true;
        }
        tell_listener(store, block, i, &memory);
    }
    gw_block_clear(block);
}

bool gw_store_reserve(gw_store *store, gw_block *block, uint32_t slot, uint32_t run, uint64_t gang,
                      uint32_t refs)
{
    uint32_t entry = gw_block_entry(block, slot, run);
    gw_check(block->refs[entry] == 0);
    gw_check(refs > 0);
    gw_memory memory = memory_of(block, slot, entry);
    if (!store->port->devices->memory_reserve(store->port, &memory))
        return false;
    block->refs[entry] = refs;
    if (block->plan->slots[slot].is_copied)
        block->writers[entry].gang = gang;
    return true;
}

bool gw_store_reserve_moved(gw_store *store, gw_block *block, uint32_t slot, uint32_t run,
                            uint32_t refs)
{
    if (!gw_store_reserve(store, block, slot, run, GW_GANG_NONE, refs))
        return false;
    if (block->is_moved == NULL)
        block->is_moved = g_new0(uint8_t, gw_block_entry_count(block));
    block->is_moved[gw_block_entry(block, slot, run)] = 1;
    return true;
}

void gw_block_take_over(gw_block *block, uint32_t slot, uint32_t run, uint64_t gang, uint32_t refs,
                        uint32_t donor)
{
    const uint32_t entry = gw_block_entry(block, slot, run);
    gw_check(block->refs[entry] == 0 && refs > 0);
    gw_check(block->refs[donor] > 0 && !block->is_taken[donor]);
    block->refs[entry] = refs;
    block->buffers[entry] = gw_block_buffer(block, donor) + 1;
    block->is_taken[donor] = 1;
    if (block->is_moved != NULL) {
        block->is_moved[entry] = block->is_moved[donor];
        block->is_moved[donor] = 0;
    }
    if (block->plan->slots[slot].is_copied)
        block->writers[entry].gang = gang;
}

/* The entry is as it was at first. */
static void forget_donation(gw_block *block, uint32_t entry)
{
    block->buffers[entry] = 0;
    block->is_taken[entry] = 0;
}

static void give_back(gw_store *store, gw_block *block, uint32_t slot, uint32_t entry)
{
    const gw_memory memory = memory_of(block, slot, entry);
    const bool is_taken = block->is_taken != NULL && block->is_taken[entry];
    block->refs[entry] = 0;
    if (block->buffers != NULL)
        forget_donation(block, entry);
    if (is_taken)
        return;
    store->port->devices->memory_release(store->port, &memory);
    store->was_released = true;
    tell_listener(store, block, entry, &memory);
}

void gw_store_release(gw_store *store, gw_block *block, uint32_t slot, uint32_t run)
{
    if (block->plan->slots[slot].is_permanent)
        return;
    gw_store_release_reader(store, block, slot, gw_block_entry(block, slot, run));
}

void gw_store_release_reader(gw_store *store, gw_block *block, uint32_t slot, uint32_t entry)
{
    gw_check(block->refs[entry] > 0);
    if (block->refs[entry] == 1)
        give_back(store, block, slot, entry);
    else
        block->refs[entry]--;
}

void gw_store_send_away(gw_store *store, gw_block *block, uint32_t slot, uint32_t entry)
{
    const gw_memory memory = memory_of(block, slot, entry);
    gw_check(block->refs[entry] > 0 && !block->is_away[entry]);
    block->is_away[entry] = 1;
    store->port->devices->memory_release(store->port, &memory);
    store->was_released = true;
}

bool gw_store_bring_back(gw_store *store, gw_block *block, uint32_t slot, uint32_t entry)
{
    const gw_memory memory = memory_of(block, slot, entry);
    gw_check(block->is_away[entry]);
    if (!store->port->devices->memory_reserve(store->port, &memory))
        return false;
    block->is_away[entry] = 0;
    return true;
}

void gw_store_undo(gw_store *store, gw_block *block, uint32_t slot, uint32_t run)
{
    const uint32_t entry = gw_block_entry(block, slot, run);
    const gw_memory memory = memory_of(block, slot, entry);
    block->refs[entry] = 0;
    store->port->devices->memory_release(store->port, &memory);
}

static gw_memory workspace_of(const gw_block *block, uint32_t mesh)
{
    uint32_t buffer = block->first_buffer + gw_block_entry_count(block) + mesh;
    return (gw_memory){block->instance, mesh, buffer, block->plan->workspace_bytes[mesh]};
}

bool gw_store_reserve_workspace(gw_store *store, gw_block *block, uint32_t mesh)
{
    gw_memory memory = workspace_of(block, mesh);
    return store->port->devices->memory_reserve(store->port, &memory);
}

void gw_store_release_workspace(gw_store *store, gw_block *block, uint32_t mesh)
{
    gw_memory memory = workspace_of(block, mesh);
    store->port->devices->memory_release(store->port, &memory);
    store->was_released = true;
}
