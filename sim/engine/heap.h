/* SPDX-License-Identifier: Apache-2.0 */
/* The same order as the ladder's, plainly: a heap of four children per node, ordered by (due_ns,
 * order of pushing).  The tests' oracle, and the measure of what the ladder gains. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/queue.h"

typedef struct {
    gw_queue_entry entry;
    uint64_t sequence; /* Counts pushes. */
} gw_heap_item;

typedef struct {
    gw_heap_item *items;
    uint64_t count, capacity;
    uint64_t sequence_next;
} gw_heap;

void gw_heap_init(gw_heap *heap);
void gw_heap_clear(gw_heap *heap);

void gw_heap_push(gw_heap *heap, gw_queue_entry entry);

/* The earliest entry, and of equal ones the first pushed.  False, and nothing set: empty. */
bool gw_heap_pop(gw_heap *heap, gw_queue_entry *out_entry);

/* Takes out all entries for which `keep` says false. */
void gw_heap_sweep(gw_heap *heap, bool (*keep)(void *context, uint64_t payload), void *context);
