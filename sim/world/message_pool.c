/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks of one class have 64 << class bytes and come out of chunks that are never moved; freed
 * ones are reused, last in first out, so a warm pool allocates nothing. */
#include "world/message_pool.h"

#include <stddef.h>
#include <string.h>

#include "base/check.h"

#define BLOCK_BYTES_MIN 64
#define CHUNK_BYTES     (UINT64_C(1) << 16)

void gw_message_pool_init(gw_message_pool *pool)
{
    *pool = (gw_message_pool){.chunks = g_ptr_array_new_with_free_func(g_free)};
}

void gw_message_pool_clear(gw_message_pool *pool)
{
    g_clear_pointer(&pool->chunks, g_ptr_array_unref);
    *pool = (gw_message_pool){0};
}

static uint32_t size_class_of(uint64_t size_bytes)
{
    uint32_t size_class = 0;
    while (size_bytes > (uint64_t)BLOCK_BYTES_MIN << size_class) {
        size_class++;
    }
    gw_check(size_class < GW_MESSAGE_CLASSES);
    return size_class;
}

static void add_chunk(gw_message_pool *pool, uint32_t size_class)
{
    const uint64_t block_bytes = (uint64_t)BLOCK_BYTES_MIN << size_class;
    const uint64_t count = MAX(CHUNK_BYTES / block_bytes, 1);
    unsigned char *chunk = g_malloc_n(count, block_bytes);
    g_ptr_array_add(pool->chunks, chunk);
    for (uint64_t i = count; i > 0; i--) {
        gw_message_block *block = (void *)(chunk + (i - 1) * block_bytes);
        block->size_class = size_class;
        block->next = pool->free[size_class];
        pool->free[size_class] = block;
    }
}

gw_message_block *gw_message_pool_take(gw_message_pool *pool, const gw_message *message)
{
    gw_check(message->size_bytes >= sizeof(gw_message));
    const uint32_t size_class =
        size_class_of((uint64_t)offsetof(gw_message_block, message) + message->size_bytes);
    if (pool->free[size_class] == NULL) {
        add_chunk(pool, size_class);
    }
    gw_message_block *block = pool->free[size_class];
    pool->free[size_class] = block->next;
    memcpy((unsigned char *)block + offsetof(gw_message_block, message), message,
           message->size_bytes);
    pool->live_count++;
    return block;
}

void gw_message_pool_give(gw_message_pool *pool, gw_message_block *block)
{
    gw_check(pool->live_count > 0);
    pool->live_count--;
    block->next = pool->free[block->size_class];
    pool->free[block->size_class] = block;
}
