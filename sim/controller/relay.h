/* SPDX-License-Identifier: Apache-2.0 */
/* Batches of gangs on their way down a tree of hosts, so that a dispatcher sends a few messages for
 * a batch and not one per host.
 *
 * The tree is drawn anew for each batch over the batch's own hosts (dispatch_policy.h).  It travels
 * in the message, so hosts know of no tree.
 *
 * Two batches can come to a host by different ways and overtake each other.  A dispatcher
 * therefore counts what it sends each host, and a host holds back what comes early; what it passes
 * on it passes on at once.  So executors see the order of their dispatcher, as without a tree.
 * What is held back is bounded: each batch has a gang on one of the host's devices at least, and
 * no more than `lookahead` gangs of a dispatcher are out on a device. */
#pragma once

#include "controller/controller.h"
#include "controller/message.h"

/* Whether batches may travel down trees: each then does, be it one of roots alone, since what came
 * straight could overtake. */
bool gw_relay_is_needed(const gw_control *control);

/* The tree that gw_dispatch_policy_ops.fan_out drew over `count` hosts, each sender before whom it
 * sends to.  `sequences`, by host, count what each was sent, and go on.  Into `out_stops`: each
 * before those below it, in the order of `hosts` otherwise.  `scratch` has room for 2 x `count`. */
void gw_relay_arrange(const uint32_t *hosts, const uint32_t *senders, uint32_t count,
                      uint32_t *sequences, uint32_t *scratch, gw_relay_stop *out_stops);

/* Sends `dispatch` of node `dispatcher` to the `stop_count` hosts of `stops` as they say.
 * `scratch` is anyone's to use between calls.  Everything is borrowed for the call. */
void gw_relay_send(gw_port *port, GByteArray *scratch, uint32_t dispatcher,
                   const gw_relay_stop *stops, uint32_t stop_count,
                   const gw_dispatch_message *dispatch);

typedef struct gw_relay gw_relay; /* One host's. */

/* A batch, when it is its turn; `dispatch` is borrowed for the call. */
typedef void (*gw_relay_deliver)(void *context, gw_node_id dispatcher,
                                 const gw_dispatch_message *dispatch);

/* For the host `self`; `control`, `port` and `context` are borrowed for the relay's life. */
gw_relay *gw_relay_new(const gw_directory *directory, const gw_control *control, gw_node_id self,
                       gw_port *port, gw_relay_deliver deliver, void *context);
void gw_relay_free(gw_relay *relay);

/* Passes the batch on to those below, then delivers what is due here, in its dispatcher's order. */
void gw_relay_take(gw_relay *relay, const gw_relay_message *message);
