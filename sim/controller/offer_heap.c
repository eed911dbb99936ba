/* SPDX-License-Identifier: Apache-2.0 */
/* Whoever moves leaves a hole; the hole goes up or down until the entry fits, and every entry that
 * changes its place is written down. */
#include "controller/offer_heap.h"

#include "base/check.h"
#include "base/units.h"

static gw_offer_entry *entries_of(const gw_offer_heap *heap)
{
    return (gw_offer_entry *)(void *)heap->entries->data;
}

static uint32_t *places_of(const gw_offer_heap *heap)
{
    return (uint32_t *)(void *)heap->places->data;
}

static bool comes_before(gw_offer_heap *heap, const gw_offer_entry *a, const gw_offer_entry *b)
{
    heap->comparison_count++;
    if (a->key.first != b->key.first)
        return a->key.first < b->key.first;
    if (a->key.second != b->key.second)
        return a->key.second < b->key.second;
    return a->offer < b->offer;
}

static void put(gw_offer_heap *heap, uint32_t place, const gw_offer_entry *entry)
{
    entries_of(heap)[place] = *entry;
    places_of(heap)[entry->instance] = place + 1;
}

/* Into the hole at `place`, or where it goes from there. */
static void settle(gw_offer_heap *heap, uint32_t place, gw_offer_entry entry)
{
    const gw_offer_entry *entries = entries_of(heap);
    const uint32_t count = heap->entries->len, began = place;
    while (place > 0 && comes_before(heap, &entry, &entries[(place - 1) / 2])) {
        put(heap, place, &entries[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    while (place >= began && 2 * place + 1 < count) {
        uint32_t child = 2 * place + 1;
        if (child + 1 < count && comes_before(heap, &entries[child + 1], &entries[child]))
            child++;
        if (!comes_before(heap, &entries[child], &entry))
            break;
        put(heap, place, &entries[child]);
        place = child;
    }
    put(heap, place, &entry);
}

/* Its place in the heap; GW_INDEX_NONE: it is not there. */
static uint32_t place_of(const gw_offer_heap *heap, uint32_t instance)
{
    return instance < heap->places->len ? places_of(heap)[instance] - 1 : GW_INDEX_NONE;
}

void gw_offer_heap_init(gw_offer_heap *heap)
{
    g_autoptr(GArray) places = g_array_new(FALSE, TRUE, sizeof(uint32_t));
    gw_offer_heap_init_sharing(heap, places);
}

void gw_offer_heap_init_sharing(gw_offer_heap *heap, GArray *places)
{
    heap->entries = g_array_new(FALSE, FALSE, sizeof(gw_offer_entry));
    heap->places = g_array_ref(places);
    heap->comparison_count = 0;
}

void gw_offer_heap_clear(gw_offer_heap *heap)
{
    g_array_unref(heap->entries);
    g_array_unref(heap->places);
}

void gw_offer_heap_push(gw_offer_heap *heap, const gw_offer_entry *entry)
{
    gw_check(entry->instance < GW_INDEX_NONE - 1);
    gw_check(place_of(heap, entry->instance) == GW_INDEX_NONE);
    if (entry->instance >= heap->places->len)
        g_array_set_size(heap->places, entry->instance + 1);
    const gw_offer_entry pushed = *entry; /* It may lie in the array that grows now. */
    g_array_append_val(heap->entries, pushed);
    settle(heap, heap->entries->len - 1, pushed);
}

void gw_offer_heap_move(gw_offer_heap *heap, uint32_t instance, gw_offer_key key)
{
    const uint32_t place = place_of(heap, instance);
    gw_check(place != GW_INDEX_NONE);
    gw_offer_entry moved = entries_of(heap)[place];
    moved.key = key;
    settle(heap, place, moved);
}

void gw_offer_heap_replace(gw_offer_heap *heap, const gw_offer_entry *entry)
{
    const uint32_t place = place_of(heap, entry->instance);
    gw_check(place != GW_INDEX_NONE);
    if (heap->entries->len == 1)
        entries_of(heap)[0] = *entry;
    else
        settle(heap, place, *entry);
}

void gw_offer_heap_remove(gw_offer_heap *heap, uint32_t instance)
{
    const uint32_t place = place_of(heap, instance);
    gw_check(place != GW_INDEX_NONE);
    places_of(heap)[instance] = 0;
    const gw_offer_entry last = entries_of(heap)[heap->entries->len - 1];
    g_array_set_size(heap->entries, heap->entries->len - 1);
    if (place < heap->entries->len)
        settle(heap, place, last);
}
