/* SPDX-License-Identifier: Apache-2.0 */
/* One total order of gangs over the devices that a scheduler is in charge of.
 *
 * Calls wait per instance, in the order in which they came.  Of each instance at most one gang,
 * the next of its program's order, is offered to the policy, and only while every device that it
 * needs has room: fewer than `lookahead` gangs ordered and not known to be done.  So policies
 * decide order and cannot break a program's, and a gang without room does not hold up those of
 * other devices.  The hosts' progress reports give room back.  A program that lies on several
 * islands passes a gate first (gate.h).
 *
 * With no policy there is no scheduler: each client carries one of these for itself alone. */
#pragma once

#include "controller/controller.h"
#include "controller/message.h"

typedef struct gw_schedule gw_schedule;

/* In charge of `island`; of every island with GW_INDEX_NONE.  NULL when a policy, of scheduling or
 * of dispatch, refuses its parameters.  Everything is borrowed. */
gw_schedule *gw_schedule_new(const gw_directory *directory, const gw_control *control,
                             const gw_job *jobs, uint32_t island, gw_node_id self, gw_port *port,
                             GError **error);
void gw_schedule_free(gw_schedule *schedule);

void gw_schedule_install(gw_schedule *schedule, gw_node_id source,
                         const gw_assignment_message *message);
void gw_schedule_retire(gw_schedule *schedule, gw_node_id source,
                        const gw_instance_message *message);
void gw_schedule_submit(gw_schedule *schedule, gw_node_id source, const gw_submit *message);
void gw_schedule_enqueued(gw_schedule *schedule, const gw_instance_message *message);
void gw_schedule_progress(gw_schedule *schedule, gw_node_id source, const gw_progress *message);
void gw_schedule_ordered(gw_schedule *schedule, gw_node_id source,
                         const gw_ordered_message *message);
void gw_schedule_result(gw_schedule *schedule, const gw_result_message *message);
/* Answers calls whose last gang is on its way. */
void gw_schedule_answer(gw_schedule *schedule);
/* Whether there may be something to order. */
bool gw_schedule_is_changed(const gw_schedule *schedule);
/* Orders what can be ordered, sends it and answers. */
void gw_schedule_flush(gw_schedule *schedule);

void gw_schedule_explain(const gw_schedule *schedule, GString *out);
/* As gw_controller_blame: the dispatch policy. */
void gw_schedule_blame(const gw_schedule *schedule, GString *out);
