/* SPDX-License-Identifier: Apache-2.0 */
/* One block of slots that doubles when it is full, and a stack of the indexes given back.  The
 * stack has room for every slot, so giving back never allocates. */
#include "base/pool.h"

#include <glib.h>

#include "base/check.h"

#define CAPACITY_MIN 16
#define CAPACITY_MAX (UINT32_C(1) << 31) /* So that doubling stays in 32 bits. */

void gw_pool_init(gw_pool *pool, size_t slot_bytes)
{
    gw_check(slot_bytes > 0);
    *pool = (gw_pool){.slot_bytes = slot_bytes};
}

void gw_pool_clear(gw_pool *pool)
{
    g_free(pool->slots);
    g_free(pool->free_indexes);
    *pool = (gw_pool){.slot_bytes = pool->slot_bytes};
}

static void grow_pool(gw_pool *pool)
{
    gw_check(pool->capacity < CAPACITY_MAX);
    const uint32_t capacity = pool->capacity == 0 ? CAPACITY_MIN : pool->capacity * 2;
    pool->slots = g_realloc_n(pool->slots, capacity, pool->slot_bytes);
    pool->free_indexes = g_realloc_n(pool->free_indexes, capacity, sizeof(uint32_t));
    pool->capacity = capacity;
}

uint32_t gw_pool_take(gw_pool *pool)
{
    if (pool->free_count > 0) {
        pool->free_count--;
        return pool->free_indexes[pool->free_count];
    }
    if (pool->used_count == pool->capacity) {
        grow_pool(pool);
    }
    return pool->used_count++;
}

void gw_pool_give(gw_pool *pool, uint32_t index)
{
    gw_check(index < pool->used_count);
    gw_check(pool->free_count < pool->used_count); /* More given back than taken. */
    pool->free_indexes[pool->free_count] = index;
    pool->free_count++;
}
