/* SPDX-License-Identifier: Apache-2.0 */
/* A lane is a pair's queue: a list through the convoys that wait.  Lanes are made once and kept, so
 * a warm run allocates nothing. */
#include "topology/convoys.h"

#include "base/check.h"

typedef struct {
    gint64 pair; /* The key. */
    bool is_busy;
    uint32_t first, last; /* Of those that wait; GW_INDEX_NONE: none does. */
} lane;

void gw_convoys_init(gw_convoys *convoys, bool is_in_order)
{
    *convoys = (gw_convoys){.is_in_order = is_in_order};
    gw_pool_init(&convoys->convoys, sizeof(gw_convoy));
    if (is_in_order)
        convoys->lanes = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, g_free);
}

void gw_convoys_clear(gw_convoys *convoys)
{
    gw_pool_clear(&convoys->convoys);
    g_clear_pointer(&convoys->lanes, g_hash_table_unref);
}

static lane *lane_of(const gw_convoys *convoys, const gw_transfer *transfer)
{
    const gint64 pair = (gint64)((uint64_t)transfer->source.index << 32 | transfer->target.index);
    lane *found = g_hash_table_lookup(convoys->lanes, &pair);
    if (found != NULL)
        return found;
    found = g_new(lane, 1);
    *found = (lane){.pair = pair, .first = GW_INDEX_NONE, .last = GW_INDEX_NONE};
    g_hash_table_insert(convoys->lanes, &found->pair, found);
    return found;
}

uint32_t gw_convoys_add(gw_convoys *convoys, const gw_transfer *transfer, uint64_t token,
                        bool *out_goes)
{
    const uint32_t number = gw_pool_take(&convoys->convoys);
    *gw_convoys_at(convoys, number) =
        (gw_convoy){.transfer = *transfer, .token = token, .next = GW_INDEX_NONE};
    *out_goes = true;
    if (!convoys->is_in_order)
        return number;
    lane *taken = lane_of(convoys, transfer);
    if (!taken->is_busy) {
        taken->is_busy = true;
        return number;
    }
    if (taken->last == GW_INDEX_NONE)
        taken->first = number;
    else
        gw_convoys_at(convoys, taken->last)->next = number;
    taken->last = number;
    *out_goes = false;
    return number;
}

void gw_convoys_start(gw_convoys *convoys, uint32_t number, gw_time now_ns, uint32_t flow_count)
{
    gw_convoy *convoy = gw_convoys_at(convoys, number);
    gw_check(flow_count > 0 && convoy->unarrived_count == 0);
    convoy->start_ns = now_ns;
    convoy->undrained_count = convoy->unarrived_count = flow_count;
}

uint32_t gw_convoys_drain(gw_convoys *convoys, uint32_t number)
{
    gw_convoy *convoy = gw_convoys_at(convoys, number);
    gw_check(convoys->is_in_order && convoy->undrained_count > 0);
    if (--convoy->undrained_count > 0)
        return GW_INDEX_NONE;
    lane *left = lane_of(convoys, &convoy->transfer);
    const uint32_t next = left->first;
    gw_check(left->is_busy);
    if (next == GW_INDEX_NONE) {
        left->is_busy = false;
        return GW_INDEX_NONE;
    }
    left->first = gw_convoys_at(convoys, next)->next;
    if (left->first == GW_INDEX_NONE)
        left->last = GW_INDEX_NONE;
    return next;
}

bool gw_convoys_arrive(gw_convoys *convoys, uint32_t number, gw_convoy *out)
{
    gw_convoy *convoy = gw_convoys_at(convoys, number);
    gw_check(convoy->unarrived_count > 0);
    if (--convoy->unarrived_count > 0)
        return false;
    *out = *convoy;
    gw_pool_give(&convoys->convoys, number);
    return true;
}
