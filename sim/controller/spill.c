/* SPDX-License-Identifier: Apache-2.0 */
/* Buffers that rest are on a list, in no order that matters: the policy's is asked for when room is
 * needed, which is rare.  Of equals the one that was written first goes. */
#include "controller/spill.h"

#include "base/check.h"

typedef struct {
    const gw_host_instance *instance;
    gw_spillable *entries; /* By entry of its block. */
} spill_block;

struct gw_spill {
    const gw_spill_ops *ops;
    uint64_t memory_bytes, used_bytes;
    uint64_t written;  /* So far. */
    GPtrArray *blocks; /* spill_block, by instance; NULL: not open. */
    gw_spillable *resting;
};

static bool oldest_is_before(const gw_spillable *one, const gw_spillable *other)
{
    return one->written < other->written;
}

static bool largest_is_before(const gw_spillable *one, const gw_spillable *other)
{
    return one->size_bytes > other->size_bytes;
}

static const gw_spill_ops largest = {.name = "largest",
                                     .summary = "what takes most memory per device",
                                     .is_before = largest_is_before};
static const gw_spill_ops oldest = {
    .name = "oldest", .summary = "what was written first", .is_before = oldest_is_before};

const gw_spill_ops *const gw_spills[] = {&largest, &oldest, NULL};

gw_spill *gw_spill_new(const gw_spill_ops *ops, uint64_t memory_bytes)
{
    gw_spill *spill = g_new0(gw_spill, 1);
    spill->ops = ops;
    spill->memory_bytes = memory_bytes;
    spill->blocks = g_ptr_array_new();
    return spill;
}

static void free_block(spill_block *block)
{
    if (block == NULL)
        return;
    g_free(block->entries);
    g_free(block);
}

void gw_spill_free(gw_spill *spill)
{
    if (spill == NULL)
        return;
    for (uint32_t i = 0; i < spill->blocks->len; i++)
        free_block((spill_block *)g_ptr_array_index(spill->blocks, i));
    g_ptr_array_unref(spill->blocks);
    g_free(spill);
}

void gw_spill_open(gw_spill *spill, const gw_host_instance *instance)
{
    const uint32_t count = gw_block_entry_count(&instance->block);
    spill_block *block = g_new0(spill_block, 1);
    block->instance = instance;
    block->entries = g_new0(gw_spillable, count + 1);
    for (uint32_t e = 0; e < count; e++) {
        const uint32_t number = gw_block_slot(&instance->block, e);
        const gw_plan_slot *slot = &instance->plan->slots[number];
        block->entries[e] = (gw_spillable){
            .instance = instance->instance,
            .slot = number,
            .entry = e,
            .size_bytes = slot->size_bytes,
            .shard_count = gw_lowered_local_count(instance->lowered, slot->mesh),
        };
    }
    if (instance->instance >= spill->blocks->len)
        g_ptr_array_set_size(spill->blocks, (gint)instance->instance + 1);
    gw_check(g_ptr_array_index(spill->blocks, instance->instance) == NULL);
    g_ptr_array_index(spill->blocks, instance->instance) = block;
}

static void put_on_list(gw_spill *spill, gw_spillable *buffer)
{
    buffer->is_resting = true;
    buffer->previous = NULL;
    buffer->next = spill->resting;
    if (buffer->next != NULL)
        buffer->next->previous = buffer;
    spill->resting = buffer;
}

static void take_off_list(gw_spill *spill, gw_spillable *buffer)
{
    buffer->is_resting = false;
    if (buffer->previous != NULL)
        buffer->previous->next = buffer->next;
    else
        spill->resting = buffer->next;
    if (buffer->next != NULL)
        buffer->next->previous = buffer->previous;
}

void gw_spill_close(gw_spill *spill, const gw_host_instance *instance)
{
    spill_block *block = (spill_block *)g_ptr_array_index(spill->blocks, instance->instance);
    const uint32_t count = gw_block_entry_count(&instance->block);
    for (uint32_t e = 0; e < count; e++) {
        gw_spillable *buffer = &block->entries[e];
        gw_check(buffer->users == 0);
        gw_check(buffer->copies_left == 0 && buffer->returns_left == 0);
        gw_spill_drop(spill, buffer);
        if (instance->block.is_away[e])
            gw_spill_give_back(spill, buffer);
    }
    free_block(block);
    g_ptr_array_index(spill->blocks, instance->instance) = NULL;
}

gw_spillable *gw_spill_find(gw_spill *spill, uint32_t instance, uint32_t slot, uint32_t entry)
{
    const spill_block *block = (const spill_block *)g_ptr_array_index(spill->blocks, instance);
    const gw_plan_slot *planned = &block->instance->plan->slots[slot];
    return planned->is_copied ? NULL : &block->entries[entry];
}

void gw_spill_drop(gw_spill *spill, gw_spillable *buffer)
{
    if (buffer->is_resting)
        take_off_list(spill, buffer);
}

void gw_spill_use(gw_spill *spill, gw_spillable *buffer)
{
    buffer->users++;
    gw_spill_drop(spill, buffer);
}

void gw_spill_end_use(gw_spill *spill, gw_spillable *buffer, bool is_writer, bool is_held)
{
    gw_check(buffer->users > 0);
    buffer->users--;
    if (is_writer)
        buffer->written = spill->written++;
    if (buffer->users == 0 && is_held)
        put_on_list(spill, buffer);
}

static bool is_before(const gw_spill *spill, const gw_spillable *one, const gw_spillable *other)
{
    if (spill->ops->is_before(one, other))
        return true;
    return !spill->ops->is_before(other, one) && one->written < other->written;
}

gw_spillable *gw_spill_choose(const gw_spill *spill, gw_spill_test is_useful, const void *context)
{
    gw_spillable *best = NULL;
    for (gw_spillable *buffer = spill->resting; buffer != NULL; buffer = buffer->next) {
        const spill_block *block =
            (const spill_block *)g_ptr_array_index(spill->blocks, buffer->instance);
        if (buffer->copies_left > 0 || buffer->returns_left > 0 || buffer->is_wanted ||
            block->instance->block.is_away[buffer->entry] ||
            buffer->size_bytes * buffer->shard_count > spill->memory_bytes - spill->used_bytes ||
            (best != NULL && is_before(spill, best, buffer)) || !is_useful(context, buffer))
            continue;
        best = buffer;
    }
    return best;
}

uint64_t gw_spill_leaving_bytes(const gw_spill *spill, gw_spill_test is_useful, const void *context)
{
    uint64_t sum_bytes = 0;
    for (const gw_spillable *buffer = spill->resting; buffer != NULL; buffer = buffer->next)
        if (buffer->copies_left > 0 && is_useful(context, buffer))
            sum_bytes += buffer->size_bytes;
    return sum_bytes;
}

void gw_spill_begin(gw_spill *spill, gw_spillable *buffer)
{
    const uint64_t size_bytes = buffer->size_bytes * buffer->shard_count;
    gw_check(buffer->copies_left == 0);
    gw_check(size_bytes <= spill->memory_bytes - spill->used_bytes);
    spill->used_bytes += size_bytes;
    buffer->copies_left = buffer->shard_count;
}

void gw_spill_give_back(gw_spill *spill, const gw_spillable *buffer)
{
    const uint64_t size_bytes = buffer->size_bytes * buffer->shard_count;
    gw_check(spill->used_bytes >= size_bytes);
    spill->used_bytes -= size_bytes;
}
