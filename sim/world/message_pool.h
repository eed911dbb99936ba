/* SPDX-License-Identifier: Apache-2.0 */
/* Copies of messages while they travel.  A block's address holds until it is given back, whatever
 * else is taken meanwhile: a node may send while it reads. */
#pragma once

#include <glib.h>

#include "controller/port.h"

typedef struct gw_message_block gw_message_block;
struct gw_message_block {
    gw_message_block *next; /* In the free list. */
    void *owner;            /* The taker's own. */
    uint32_t size_class;
    uint32_t source;    /* Node. */
    gw_message message; /* Its size_bytes go on from here. */
};

#define GW_MESSAGE_CLASSES 32
typedef struct {
    gw_message_block *free[GW_MESSAGE_CLASSES]; /* By power of two. */
    GPtrArray *chunks;
    uint32_t live_count;
} gw_message_pool;

void gw_message_pool_init(gw_message_pool *pool);
void gw_message_pool_clear(gw_message_pool *pool);
/* A block with a copy of `message`; `owner` and `source` are the caller's to fill. */
gw_message_block *gw_message_pool_take(gw_message_pool *pool, const gw_message *message);
void gw_message_pool_give(gw_message_pool *pool, gw_message_block *block);
