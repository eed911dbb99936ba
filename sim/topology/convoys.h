/* SPDX-License-Identifier: Apache-2.0 */
/* Transfers that are more than one flow, or that wait for their turn.
 *
 * A convoy is a transfer cut into flows: it has drained when the last byte of each is on its way,
 * and arrived when all have.  In order, those of one pair of devices go one after the other, as
 * messages on a connection do: each begins when the one before it has drained.  Who moves bytes is
 * the fabric's; this keeps count. */
#pragma once

#include "base/pool.h"
#include "topology/fabric.h"

typedef struct {
    gw_transfer transfer;
    uint64_t token;
    gw_time start_ns; /* The fabric's. */
    uint32_t undrained_count, unarrived_count;
    uint32_t next; /* Of those that wait for the same pair; GW_INDEX_NONE: it is the last. */
} gw_convoy;

typedef struct {
    bool is_in_order;
    gw_pool convoys;   /* Of gw_convoy. */
    GHashTable *lanes; /* By pair of devices; NULL where there is no order. */
} gw_convoys;

void gw_convoys_init(gw_convoys *convoys, bool is_in_order);
void gw_convoys_clear(gw_convoys *convoys);

/* Returns its number; `*out_goes`: nobody is before it, and it goes at once. */
uint32_t gw_convoys_add(gw_convoys *convoys, const gw_transfer *transfer, uint64_t token,
                        bool *out_goes);
/* Valid until the next is added. */
static inline gw_convoy *gw_convoys_at(const gw_convoys *convoys, uint32_t number)
{
    return gw_pool_at(&convoys->convoys, number);
}

/* It goes now, as so many flows. */
void gw_convoys_start(gw_convoys *convoys, uint32_t number, gw_time now_ns, uint32_t flow_count);
/* In order: a flow of it has drained.  Returns who goes now, if anybody does: GW_INDEX_NONE. */
uint32_t gw_convoys_drain(gw_convoys *convoys, uint32_t number);
/* A flow of it has arrived.  True: that was the last, `*out` is what it was, and its number may be
 * given again. */
bool gw_convoys_arrive(gw_convoys *convoys, uint32_t number, gw_convoy *out);
