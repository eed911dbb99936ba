/* SPDX-License-Identifier: Apache-2.0 */
/* How the resource manager takes back what a client owned that it has given up.
 *
 * A client owns its instance; an instance owns its buffers and workspace on hosts, and its slices.
 * So it is the instance that is collected, in three steps, each begun when all have answered the
 * one before:
 *
 *   ABANDON  to who orders its gangs: the schedulers of its islands, and where each client is its
 *            own, its hosts.  They order no more, and say how far the order goes.
 *   DRAIN    to its hosts: what is in the order runs to its end, on all hosts alike, since devices
 *            are not preempted and the members of a gang wait for each other.
 *   RETIRE   to hosts and schedulers: no gang of it is left that could read, so buffers,
 *            workspace and the instance itself are given back.  A host that still copies from
 *            one of its buffers does so when the copy has arrived.
 *
 * A node that does not have the instance answers at once, and remembers its number: what the client
 * has sent before, and what is slower than this, finds nothing there. */
#pragma once

#include "controller/controller.h"
#include "controller/message.h"

typedef struct gw_collector gw_collector;

/* All is borrowed. */
gw_collector *gw_collector_new(const gw_directory *directory, const gw_control *control,
                               gw_port *port);
void gw_collector_free(gw_collector *collector);

/* `devices` are borrowed for the call: the instance's, of all its meshes. */
void gw_collector_begin(gw_collector *collector, uint32_t instance, const uint32_t *devices,
                        uint32_t device_count);

/* An answer has come.  True for the last of all: the instance is gone from every node. */
void gw_collector_abandoned(gw_collector *collector, gw_node_id source,
                            const gw_extent_message *message);
void gw_collector_drained(gw_collector *collector, const gw_instance_message *message);
bool gw_collector_retired(gw_collector *collector, const gw_instance_message *message);

/* As gw_controller_explain. */
void gw_collector_explain(const gw_collector *collector, GString *out);
