/* SPDX-License-Identifier: Apache-2.0 */
/* Open addressing with linear probing, at most half full.  Taking an entry out moves the later
 * ones of its cluster back, so there are no tombstones and a warm table neither grows nor
 * rehashes. */
#include "real/lookup.h"

#include <glib.h>

#include "base/check.h"

#define PLACES_MIN 16

/* SplitMix64's finaliser (Steele, Lea and Flood, "Fast splittable pseudorandom number
 * generators", 2014): gangs and buffers are small counts, which must not lie side by side. */
static uint64_t home_of(const gw_lookup *lookup, uint64_t key)
{
    key = (key ^ (key >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    key = (key ^ (key >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (key ^ (key >> 31)) & lookup->mask;
}

void gw_lookup_clear(gw_lookup *lookup)
{
    g_free(lookup->entries);
    *lookup = (gw_lookup){0};
}

static void insert_entry(gw_lookup *lookup, uint64_t key, uint64_t value)
{
    uint64_t place = home_of(lookup, key);
    while (lookup->entries[place].value != GW_LOOKUP_NONE) {
        gw_check(lookup->entries[place].key != key);
        place = (place + 1) & lookup->mask;
    }
    lookup->entries[place] = (gw_lookup_entry){.key = key, .value = value};
    lookup->count++;
}

static void grow_lookup(gw_lookup *lookup)
{
    gw_lookup_entry *old = lookup->entries;
    const uint64_t old_places = old == NULL ? 0 : lookup->mask + 1;
    const uint64_t places = old_places == 0 ? PLACES_MIN : old_places * 2;
    lookup->entries = g_new(gw_lookup_entry, places);
    lookup->mask = places - 1;
    lookup->count = 0;
    for (uint64_t i = 0; i < places; i++) {
        lookup->entries[i] = (gw_lookup_entry){.value = GW_LOOKUP_NONE};
    }
    for (uint64_t i = 0; i < old_places; i++) {
        if (old[i].value != GW_LOOKUP_NONE) {
            insert_entry(lookup, old[i].key, old[i].value);
        }
    }
    g_free(old);
}

void gw_lookup_add(gw_lookup *lookup, uint64_t key, uint64_t value)
{
    gw_check(value != GW_LOOKUP_NONE);
    if (lookup->entries == NULL || (lookup->count + 1) * 2 > lookup->mask + 1) {
        grow_lookup(lookup);
    }
    insert_entry(lookup, key, value);
}

/* The place of `key`, or of the gap where the search for it ends. */
static uint64_t search_place(const gw_lookup *lookup, uint64_t key)
{
    uint64_t place = home_of(lookup, key);
    while (lookup->entries[place].value != GW_LOOKUP_NONE && lookup->entries[place].key != key) {
        place = (place + 1) & lookup->mask;
    }
    return place;
}

uint64_t gw_lookup_find(const gw_lookup *lookup, uint64_t key)
{
    if (lookup->count == 0) {
        return GW_LOOKUP_NONE;
    }
    return lookup->entries[search_place(lookup, key)].value;
}

uint64_t gw_lookup_take(gw_lookup *lookup, uint64_t key)
{
    if (lookup->count == 0) {
        return GW_LOOKUP_NONE;
    }
    uint64_t gap = search_place(lookup, key);
    const uint64_t value = lookup->entries[gap].value;
    if (value == GW_LOOKUP_NONE) {
        return GW_LOOKUP_NONE;
    }
    for (uint64_t place = (gap + 1) & lookup->mask; lookup->entries[place].value != GW_LOOKUP_NONE;
         place = (place + 1) & lookup->mask) {
        /* An entry may fill the gap unless its home lies behind the gap. */
        const uint64_t home = home_of(lookup, lookup->entries[place].key);
        if (((place - home) & lookup->mask) >= ((place - gap) & lookup->mask)) {
            lookup->entries[gap] = lookup->entries[place];
            gap = place;
        }
    }
    lookup->entries[gap].value = GW_LOOKUP_NONE;
    lookup->count--;
    return value;
}

uint64_t gw_lookup_take_any(gw_lookup *lookup)
{
    for (uint64_t place = 0; lookup->count > 0; place++) {
        if (lookup->entries[place].value != GW_LOOKUP_NONE) {
            return gw_lookup_take(lookup, lookup->entries[place].key);
        }
    }
    return GW_LOOKUP_NONE;
}
