/* SPDX-License-Identifier: Apache-2.0 */
/* Whoever moves leaves a hole; the hole goes up or down until the entry fits, and every entry that
 * changes its place is written down. */
#include "controller/offer_heap.h"

#include "base/check.h"
#include "base/params.h"

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
    heap->entries = g_array_new(FALSE, FALSE, sizeof(gw_offer_entry));
    heap->places = g_array_new(FALSE, TRUE, sizeof(uint32_t));
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

const gw_offer_entry *gw_offer_heap_first(const gw_offer_heap *heap)
{
    return heap->entries->len == 0 ? NULL : entries_of(heap);
}

const gw_offer_entry *gw_offer_heap_find(const gw_offer_heap *heap, uint32_t instance)
{
    const uint32_t place = place_of(heap, instance);
    return place == GW_INDEX_NONE ? NULL : &entries_of(heap)[place];
}

void gw_offer_heap_move(gw_offer_heap *heap, uint32_t instance, gw_offer_key key)
{
    const uint32_t place = place_of(heap, instance);
    gw_check(place != GW_INDEX_NONE);
    gw_offer_entry moved = entries_of(heap)[place];
    moved.key = key;
    settle(heap, place, moved);
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

/* --- Policies --- */

gw_heap_policy *gw_heap_policy_new(const gw_policy_ops *ops, size_t size_bytes)
{
    gw_check(size_bytes >= sizeof(gw_heap_policy));
    gw_heap_policy *made = g_malloc0(size_bytes);
    made->base.ops = ops;
    gw_offer_heap_init(&made->offers);
    return made;
}

void gw_heap_policy_destroy(gw_policy *policy)
{
    gw_offer_heap_clear(&((gw_heap_policy *)policy)->offers);
    g_free(policy);
}

bool gw_heap_policy_takes_none(gw_params *params, GError **error)
{
    return params == NULL || gw_params_finish(params, error);
}

void gw_heap_policy_push(gw_policy *policy, const gw_offer *offer, gw_offer_key key)
{
    const gw_offer_entry entry = {.key = key, .offer = offer->offer, .instance = offer->instance};
    gw_offer_heap_push(&((gw_heap_policy *)policy)->offers, &entry);
}

bool gw_heap_policy_pick(gw_policy *policy, gw_time now_ns, uint64_t *out_offer)
{
    (void)now_ns;
    const gw_offer_entry *first = gw_offer_heap_first(&((gw_heap_policy *)policy)->offers);
    if (first == NULL)
        return false;
    *out_offer = first->offer;
    return true;
}

void gw_heap_policy_take(gw_policy *policy, uint64_t offer, bool is_ordered)
{
    (void)is_ordered;
    gw_offer_heap *offers = &((gw_heap_policy *)policy)->offers;
    const gw_offer_entry *first = gw_offer_heap_first(offers);
    gw_check(first != NULL);
    gw_check(first->offer == offer);
    gw_offer_heap_remove(offers, first->instance);
}
