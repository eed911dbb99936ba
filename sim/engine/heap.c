/* SPDX-License-Identifier: Apache-2.0 */
/* An implicit 4-ary heap: the children of item i are 4i + 1 to 4i + 4.  An item on its way up or
 * down is held aside, and the others move into the gap. */
#include "engine/heap.h"

#include <glib.h>

#define ARITY        4
#define CAPACITY_MIN 64

void gw_heap_init(gw_heap *heap)
{
    *heap = (gw_heap){0};
}

void gw_heap_clear(gw_heap *heap)
{
    g_free(heap->items);
    *heap = (gw_heap){0};
}

static bool goes_before(const gw_heap_item *a, const gw_heap_item *b)
{
    if (a->entry.due_ns != b->entry.due_ns) {
        return a->entry.due_ns < b->entry.due_ns;
    }
    return a->sequence < b->sequence;
}

static void sift_up(gw_heap *heap, uint64_t index, gw_heap_item item)
{
    while (index > 0) {
        const uint64_t parent = (index - 1) / ARITY;
        if (!goes_before(&item, &heap->items[parent])) {
            break;
        }
        heap->items[index] = heap->items[parent];
        index = parent;
    }
    heap->items[index] = item;
}

static void sift_down(gw_heap *heap, uint64_t index, gw_heap_item item)
{
    while (true) {
        const uint64_t first = index * ARITY + 1;
        if (first >= heap->count) {
            break;
        }
        const uint64_t end = MIN(first + ARITY, heap->count);
        uint64_t least = first;
        for (uint64_t child = first + 1; child < end; child++) {
            if (goes_before(&heap->items[child], &heap->items[least])) {
                least = child;
            }
        }
        if (!goes_before(&heap->items[least], &item)) {
            break;
        }
        heap->items[index] = heap->items[least];
        index = least;
    }
    heap->items[index] = item;
}

void gw_heap_push(gw_heap *heap, gw_queue_entry entry)
{
    if (heap->count == heap->capacity) {
        heap->capacity = MAX(heap->capacity * 2, CAPACITY_MIN);
        heap->items = g_renew(gw_heap_item, heap->items, heap->capacity);
    }
    const gw_heap_item item = {.entry = entry, .sequence = heap->sequence_next++};
    heap->count++;
    sift_up(heap, heap->count - 1, item);
}

bool gw_heap_pop(gw_heap *heap, gw_queue_entry *out_entry)
{
    if (heap->count == 0) {
        return false;
    }
    *out_entry = heap->items[0].entry;
    heap->count--;
    if (heap->count > 0) {
        sift_down(heap, 0, heap->items[heap->count]);
    }
    return true;
}

void gw_heap_sweep(gw_heap *heap, bool (*keep)(void *context, uint64_t payload), void *context)
{
    uint64_t kept_count = 0;
    for (uint64_t i = 0; i < heap->count; i++) {
        if (keep(context, heap->items[i].entry.payload)) {
            heap->items[kept_count++] = heap->items[i];
        }
    }
    heap->count = kept_count;
    for (uint64_t i = kept_count / ARITY + 1; i > 0; i--) {
        if (i - 1 < kept_count) {
            sift_down(heap, i - 1, heap->items[i - 1]);
        }
    }
}
