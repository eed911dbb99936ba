/* SPDX-License-Identifier: Apache-2.0 */
/* One host: feeds its devices in the order that it is given.
 *
 * For every gang with shards here it reserves outputs and inbound buffers, puts the kernel on the
 * devices' queues, tells the hosts that hold its inputs where to copy them, and copies its own
 * outputs when asked.  A gang that finds no memory waits, and those behind it wait with it: the
 * order of a host is the order of its schedulers.  Completions are counted and reported when half
 * the lookahead is used up, when a device has nothing left, and when a run is done here. */
#pragma once

#include "controller/controller.h"
#include "controller/host_instance.h"
#include "controller/message.h"

typedef struct gw_executor gw_executor;

gw_executor *gw_executor_new(const gw_directory *directory, const gw_control *control,
                             const gw_job *jobs, gw_node_id self, gw_port *port);
void gw_executor_free(gw_executor *executor);

void gw_executor_install(gw_executor *executor, gw_node_id source,
                         const gw_assignment_message *message);
void gw_executor_retire(gw_executor *executor, gw_node_id source,
                        const gw_instance_message *message);
void gw_executor_dispatch(gw_executor *executor, gw_node_id source,
                          const gw_dispatch_message *message);
void gw_executor_ready(gw_executor *executor, gw_node_id source, const gw_ready *message);
/* A program that goes on here with what it left elsewhere (executor_moves.c). */
void gw_executor_move(gw_executor *executor, gw_node_id source, const gw_move_message *message);
void gw_executor_move_shards(gw_executor *executor, gw_node_id source,
                             const gw_move_shards *message);
void gw_executor_moved(gw_executor *executor, const gw_moved_message *message);
void gw_executor_promise(gw_executor *executor, gw_node_id source, const gw_promise *message);
void gw_executor_place(gw_executor *executor, gw_node_id source, const gw_place *message);
void gw_executor_handed(gw_executor *executor, const gw_handed_message *message);
void gw_executor_kernel_done(gw_executor *executor, gw_tag tag, gw_span device_time_ns);
void gw_executor_copy_done(gw_executor *executor, gw_tag tag, double value);
/* --- The instance's client has failed (collect.h); it may not be here, or not any more.  `source`,
 * the resource manager, hears --- */
/* how far the client, which orders for itself, was heard to have ordered; more is held back; */
void gw_executor_abandon(gw_executor *executor, gw_node_id source,
                         const gw_instance_message *message);
/* when so much of it is done here; what was held back and is part of it is done, the rest not. */
void gw_executor_drain(gw_executor *executor, gw_node_id source, const gw_extent_message *message);
/* `next` will be called after this host, and `soon` after that: a hint to the machine, which may
 * bring near what they hold. */
void gw_executor_fetch(const gw_executor *soon, const gw_executor *next);
/* What is owed after any of the above: waiting gangs, messages gathered on the way. */
void gw_executor_flush(gw_executor *executor);

/* True: every gang of the instance that was dispatched here is done, and no copy is under way. */
bool gw_executor_is_quiet(const gw_executor *executor, uint32_t instance);
/* An installed instance as this host holds it. */
const gw_host_instance *gw_executor_instance(const gw_executor *executor, uint32_t instance);

void gw_executor_explain(const gw_executor *executor, GString *out);
