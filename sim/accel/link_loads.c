/* SPDX-License-Identifier: Apache-2.0 */
/* Open addressing: a link stands in the first free slot from where its hash points, and half of the
 * slots at least are free. */
#include "accel/link_loads.h"

#include "base/check.h"
#include "base/units.h"

#define CAPACITY_LOG2_MIN 6
#define GOLDEN            UINT32_C(0x9e3779b9) /* 2^32 over the golden ratio: spreads neighbours. */

static gw_link_load *new_slots(uint32_t capacity_log2)
{
    gw_link_load *slots = g_new(gw_link_load, (size_t)1 << capacity_log2);
    for (size_t i = 0; i < (size_t)1 << capacity_log2; i++) {
        slots[i] = (gw_link_load){.link = GW_INDEX_NONE};
    }
    return slots;
}

void gw_link_loads_init(gw_link_loads *loads)
{
    *loads =
        (gw_link_loads){.slots = new_slots(CAPACITY_LOG2_MIN), .capacity_log2 = CAPACITY_LOG2_MIN};
}

void gw_link_loads_clear(gw_link_loads *loads)
{
    g_free(loads->slots);
    *loads = (gw_link_loads){0};
}

/* The link's slot, or the free one where it would stand. */
static gw_link_load *find_slot(const gw_link_loads *loads, uint32_t link)
{
    const uint32_t mask = (UINT32_C(1) << loads->capacity_log2) - 1;
    uint32_t place = link * GOLDEN >> (32 - loads->capacity_log2);
    while (loads->slots[place].link != link && loads->slots[place].link != GW_INDEX_NONE) {
        place = (place + 1) & mask;
    }
    return &loads->slots[place];
}

static void widen(gw_link_loads *loads)
{
    g_autofree gw_link_load *old = loads->slots;
    const size_t old_capacity = (size_t)1 << loads->capacity_log2;
    gw_check(loads->capacity_log2 < 31);
    loads->slots = new_slots(++loads->capacity_log2);
    for (size_t i = 0; i < old_capacity; i++) {
        if (old[i].link != GW_INDEX_NONE) {
            *find_slot(loads, old[i].link) = old[i];
        }
    }
}

gw_link_load *gw_link_loads_at(gw_link_loads *loads, uint32_t link)
{
    gw_check(link != GW_INDEX_NONE);
    gw_link_load *found = find_slot(loads, link);
    if (found->link == link) {
        return found;
    }
    if (loads->count >= UINT32_C(1) << (loads->capacity_log2 - 1)) {
        widen(loads);
        found = find_slot(loads, link);
    }
    loads->count++;
    found->link = link;
    return found;
}
