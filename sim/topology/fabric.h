/* SPDX-License-Identifier: Apache-2.0 */
/* Transfers in flight.  Those that cross the same link share it max-min fairly (max_min.h), so a
 * transfer takes what gw_fabric_alone_ns() says, or longer for the others on its way. */
#pragma once

#include "engine/engine.h"
#include "topology/route.h"

typedef struct gw_fabric gw_fabric;

/* Called by the engine's events when the transfer's last byte has arrived.  It may start others. */
typedef void (*gw_fabric_arrived)(void *owner, uint64_t token, gw_time start_ns);

/* All borrowed for the fabric's life. */
gw_fabric *gw_fabric_new(gw_engine *engine, const gw_cluster *cluster, gw_fabric_arrived arrived,
                         void *owner);
/* The engine must not fire a pending arrival of a freed fabric: free it when the run is over. */
void gw_fabric_free(gw_fabric *fabric);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(gw_fabric, gw_fabric_free)

typedef enum { GW_TRANSFER_DEVICE = 1, GW_TRANSFER_HOST } gw_transfer_kind;
typedef struct {
    gw_transfer_kind kind;
    gw_device_id source, target; /* HOST: `source` and its own host, over PCIe, one way or the
                                    other; `target` unused. */
    uint64_t size_bytes;
    gw_span duration_ns; /* It takes so long, and no part of a link; 0: the wires say. */
    bool is_from_host;   /* HOST: to the device. */
    bool takes_negative; /* DEVICE, half way round a ring: the negative way. */
} gw_transfer;

/* Starts now, or, where the DCN keeps an order, when those before it have gone; `arrived(owner,
 * token, start_ns)` is called once, later or in this very nanosecond, but never inside this call.
 */
void gw_fabric_start(gw_fabric *fabric, const gw_transfer *transfer, uint64_t token);

/* Ways that device transfers take again and again, each looked up once.  `fabric` is borrowed for
 * their life. */
typedef struct gw_fabric_lanes gw_fabric_lanes;
gw_fabric_lanes *gw_fabric_lanes_new(gw_fabric *fabric);
void gw_fabric_lanes_free(gw_fabric_lanes *lanes);
/* The transfer's, whose devices are of one island; returns its number, from 0 on. */
uint32_t gw_fabric_lanes_add(gw_fabric_lanes *lanes, const gw_transfer *transfer);
/* Such a transfer of `size_bytes`, as gw_fabric_start() does it. */
void gw_fabric_lanes_start(const gw_fabric_lanes *lanes, uint32_t lane, uint64_t size_bytes,
                           uint64_t token);

/* Links that somebody watches: `came(owner, link)` is called, inside gw_fabric_start() or an event
 * of the fabric, when a transfer comes to one whose entry in `watchers` (by link, wires.h) is not
 * GW_INDEX_NONE.  It starts nothing itself.  All are borrowed for the fabric's life. */
typedef void (*gw_fabric_came)(void *owner, uint32_t link);
void gw_fabric_watch(gw_fabric *fabric, const uint32_t *watchers, gw_fabric_came came, void *owner);
uint32_t gw_fabric_link_count(const gw_fabric *fabric);
/* A transfer is on the link. */
bool gw_fabric_is_taken(const gw_fabric *fabric, uint32_t link);

/* What the transfer would take alone, all flows that it has together. */
gw_span gw_fabric_alone_ns(const gw_fabric *fabric, const gw_transfer *transfer);
