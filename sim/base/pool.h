/* SPDX-License-Identifier: Apache-2.0 */
/* Slots of one size, found again by index.  A slot's address changes when the pool grows; its
 * index does not.  Freed slots are reused, last in first out, so a warm pool allocates nothing. */
#pragma once

#include <stddef.h>
#include <stdint.h>

typedef struct {
    unsigned char *slots;
    uint32_t *free_indexes; /* A stack. */
    uint32_t free_count;
    uint32_t used_count; /* High-water mark: slots ever handed out. */
    uint32_t capacity;
    size_t slot_bytes;
} gw_pool;

void gw_pool_init(gw_pool *pool, size_t slot_bytes);
void gw_pool_clear(gw_pool *pool);
/* A slot with unspecified contents. */
uint32_t gw_pool_take(gw_pool *pool);
void gw_pool_give(gw_pool *pool, uint32_t index);

static inline void *gw_pool_at(const gw_pool *pool, uint32_t index)
{
    return pool->slots + pool->slot_bytes * index;
}

/* Slots handed out and not given back. */
static inline uint32_t gw_pool_live_count(const gw_pool *pool)
{
    return pool->used_count - pool->free_count;
}
