/* SPDX-License-Identifier: Apache-2.0 */
/* A binary heap that knows where each link stands. */
#include "topology/level_heap.h"

#include <math.h>

#include "base/check.h"

#define CAPACITY_MIN 64

void gw_level_heap_init(gw_level_heap *heap, uint32_t link_count)
{
    *heap = (gw_level_heap){.places = g_new0(uint32_t, link_count)};
}

void gw_level_heap_clear(gw_level_heap *heap)
{
    g_free(heap->items);
    g_free(heap->places);
    *heap = (gw_level_heap){0};
}

static bool is_before(gw_level_item a, gw_level_item b)
{
    return a.level < b.level || (a.level == b.level && a.link < b.link);
}

static void put_item(gw_level_heap *heap, uint32_t place, gw_level_item item)
{
    heap->items[place] = item;
    heap->places[item.link] = place + 1;
}

static void sift_up(gw_level_heap *heap, uint32_t place, gw_level_item item)
{
    while (place > 0 && is_before(item, heap->items[(place - 1) / 2])) {
        put_item(heap, place, heap->items[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    put_item(heap, place, item);
}

static void sift_down(gw_level_heap *heap, uint32_t place, gw_level_item item)
{
    for (uint32_t child = 2 * place + 1; child < heap->count; child = 2 * place + 1) {
        child += child + 1 < heap->count && is_before(heap->items[child + 1], heap->items[child]);
        if (!is_before(heap->items[child], item)) {
            break;
        }
        put_item(heap, place, heap->items[child]);
        place = child;
    }
    put_item(heap, place, item);
}

void gw_level_heap_lower(gw_level_heap *heap, uint32_t link, double level)
{
    const uint32_t place = heap->places[link];
    const gw_level_item item = {level, link};
    if (place > 0) {
        if (level < heap->items[place - 1].level) {
            sift_up(heap, place - 1, item);
        }
        return;
    }
    if (heap->count == heap->capacity) {
        heap->capacity = MAX(2 * heap->capacity, CAPACITY_MIN);
        heap->items = g_renew(gw_level_item, heap->items, heap->capacity);
    }
    sift_up(heap, heap->count++, item);
}

void gw_level_heap_raise_first(gw_level_heap *heap, double level)
{
    gw_check(heap->count > 0);
    gw_check(level >= heap->items[0].level);
    sift_down(heap, 0, (gw_level_item){level, heap->items[0].link});
}

void gw_level_heap_pop(gw_level_heap *heap)
{
    gw_check(heap->count > 0);
    heap->places[heap->items[0].link] = 0;
    heap->count--;
    if (heap->count > 0) {
        sift_down(heap, 0, heap->items[heap->count]);
    }
}

double gw_level_heap_second(const gw_level_heap *heap)
{
    double second = INFINITY;
    for (uint32_t child = 1; child <= 2 && child < heap->count; child++) {
        second = MIN(second, heap->items[child].level);
    }
    return second;
}
