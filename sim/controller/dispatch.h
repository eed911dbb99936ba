/* SPDX-License-Identifier: Apache-2.0 */
/* From an order of gangs to messages: gangs ordered in one handling travel in one message per
 * host, as segments of consecutive nodes.  Every host that has a shard of any of them gets the
 * whole batch and skips what is not its own: straight from here, or down a tree (relay.h). */
#pragma once

#include "controller/message.h"

typedef struct gw_dispatch gw_dispatch;

/* For the node `self`; `fanout` as in gw_control. */
gw_dispatch *gw_dispatch_new(gw_port *port, gw_node_id self, uint32_t host_count, uint32_t fanout);
void gw_dispatch_free(gw_dispatch *dispatch);

/* The next gang in the order, on the hosts in `hosts`.  Consecutive nodes of one run and call,
 * added one after the other, share a segment. */
void gw_dispatch_add(gw_dispatch *dispatch, uint32_t instance, uint32_t run, uint32_t node,
                     uint64_t gang, uint64_t call, const uint32_t *hosts, uint32_t host_count);
/* As gw_dispatch_add, of an irregular node that runs its other function. */
void gw_dispatch_add_otherwise(gw_dispatch *dispatch, uint32_t instance, uint32_t run,
                               uint32_t node, uint64_t gang, uint64_t call, const uint32_t *hosts,
                               uint32_t host_count);

/* Sends the batch; returns to how many hosts.  `wants_enqueued` asks each to answer ENQUEUED. */
uint32_t gw_dispatch_flush(gw_dispatch *dispatch, bool wants_enqueued);
