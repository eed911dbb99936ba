/* SPDX-License-Identifier: Apache-2.0 */
/* From an order of gangs to messages: gangs that leave at one time travel in one message per host,
 * as segments of consecutive nodes.  Every host that has a shard of any of them gets the whole
 * batch and skips what is not its own: straight from here, or down a tree (relay.h).
 *
 * When gangs leave and by which tree, a dispatch policy says.  It may come from a plugin: what it
 * answers and must not is noted (GW_NOTE_DISPATCH_WRONG), which ends the run, and from then on
 * nothing leaves. */
#pragma once

#include "controller/controller.h"
#include "controller/message.h"

typedef struct gw_dispatch gw_dispatch;

/* For the node `self`, with the policy that `control` names.  NULL when that refuses its
 * parameters.  Everything is borrowed. */
gw_dispatch *gw_dispatch_new(gw_port *port, gw_node_id self, uint32_t host_count,
                             const gw_control *control, GError **error);
/* Without a policy, for those who decide themselves: straight to each host.  No step is asked. */
gw_dispatch *gw_dispatch_direct_new(gw_port *port, gw_node_id self, uint32_t host_count);
void gw_dispatch_free(gw_dispatch *dispatch);

/* What the policy does with `gang`, which is added next; its batch_gangs are filled in here.  0: it
 * is wrong. */
gw_dispatch_step gw_dispatch_ask(gw_dispatch *dispatch, gw_dispatch_gang *gang, gw_time now_ns);
/* The instance is gone. */
void gw_dispatch_end(gw_dispatch *dispatch, uint32_t instance);

/* The next gang in the order, on the hosts in `hosts`.  Consecutive nodes of one run and call,
 * added one after the other, share a segment. */
void gw_dispatch_add(gw_dispatch *dispatch, uint32_t instance, uint32_t run, uint32_t node,
                     uint64_t gang, uint64_t call, const uint32_t *hosts, uint32_t host_count);
/* As gw_dispatch_add, of an irregular node that runs its other function. */
void gw_dispatch_add_otherwise(gw_dispatch *dispatch, uint32_t instance, uint32_t run,
                               uint32_t node, uint64_t gang, uint64_t call, const uint32_t *hosts,
                               uint32_t host_count);

/* Sends the batch; returns to how many hosts.  `wants_enqueued` asks each to answer ENQUEUED.  0
 * when the batch is empty, or the policy is wrong. */
uint32_t gw_dispatch_flush(gw_dispatch *dispatch, bool wants_enqueued);

/* Whether the policy has answered what it must not; and as gw_controller_blame, `jobs` by number.
 */
bool gw_dispatch_is_wrong(const gw_dispatch *dispatch);
void gw_dispatch_blame(const gw_dispatch *dispatch, const gw_job *jobs, GString *out);
