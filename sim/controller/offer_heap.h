/* SPDX-License-Identifier: Apache-2.0 */
/* A binary heap of offers, the least key first, in which every entry can be found, so that one may
 * move or leave from anywhere.  Each operation takes at most 2 log2(n) + 2 comparisons of keys,
 * with n entries; `first` takes none.  What policies keep their offers in is made of these
 * (offer_groups.h).
 *
 * The order is total: by `first`, then `second`, then the offer's own name.  Entries are found by
 * their instance, of which each has one at most; instances are small numbers. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct {
    uint64_t first, second; /* The less, the sooner. */
} gw_offer_key;

typedef struct {
    gw_offer_key key;
    uint64_t offer;
    uint32_t instance;
} gw_offer_entry;

typedef struct {
    GArray *entries; /* gw_offer_entry: the heap. */
    GArray *places;  /* uint32_t by instance: its place in the heap plus 1; 0: it is not there. */
    uint64_t comparison_count; /* So far: what tests of the cost go by. */
} gw_offer_heap;

void gw_offer_heap_init(gw_offer_heap *heap);
/* It shares `places`, another's: of an instance at most one of those that share them has an entry,
 * and only that one is asked for it. */
void gw_offer_heap_init_sharing(gw_offer_heap *heap, GArray *places);
void gw_offer_heap_clear(gw_offer_heap *heap);

/* `entry` is copied; its instance is not there yet. */
void gw_offer_heap_push(gw_offer_heap *heap, const gw_offer_entry *entry);
/* The least; NULL: there is none.  Borrowed until the heap changes. */
static inline const gw_offer_entry *gw_offer_heap_first(const gw_offer_heap *heap)
{
    return heap->entries->len == 0 ? NULL
                                   : (const gw_offer_entry *)(const void *)heap->entries->data;
}
/* The entry of `instance`; NULL: it has none.  Borrowed until the heap changes. */
static inline const gw_offer_entry *gw_offer_heap_find(const gw_offer_heap *heap, uint32_t instance)
{
    const uint32_t place =
        instance < heap->places->len ? g_array_index(heap->places, uint32_t, instance) : 0;
    return place == 0 ? NULL : &g_array_index(heap->entries, gw_offer_entry, place - 1);
}
/* The instance has an entry: it gets another key, becomes a copy of `entry`, or leaves. */
void gw_offer_heap_move(gw_offer_heap *heap, uint32_t instance, gw_offer_key key);
void gw_offer_heap_replace(gw_offer_heap *heap, const gw_offer_entry *entry);
void gw_offer_heap_remove(gw_offer_heap *heap, uint32_t instance);
