/* SPDX-License-Identifier: Apache-2.0 */
/* The resource manager: who has which devices, and whose memory is spoken for.
 *
 * A job's slices are granted when every mesh has devices on which the job's own peak (lower.h)
 * fits beside the peaks of the jobs already there.  So the jobs of a device, each in its own
 * order, can always go on: nobody waits for memory for ever.
 *
 * Which devices, the placement policy says (placement.h), mesh by mesh in the program's order;
 * where that finds no place for one of them, once more in the order of need: meshes bound to
 * devices first, then to an island, then those that take most memory per device, then most
 * devices.  Nothing else is tried, so a job may wait, or be refused, for which an exhaustive search
 * would find devices.
 *
 * Hosts can be taken out of the cluster and put back (gw_change): a drain, and no crash.  Their
 * devices are given to nobody any more.  Jobs that lie on them are told (SLICE_RECALL), leave when
 * the runs that they have begun are done (SLICE_EXCHANGE), and get other devices as another
 * instance: the first has its job's number, later ones the numbers after all jobs'.  All others
 * keep what they have.  A job whose runs hand data on (gw_plan_has_state) stays where it is until
 * its end, and GW_NOTE_JOB_STAYED says so.  Who waits, or has to move, and could not be served by
 * the empty cluster, those devices included that will be put back, is refused.
 *
 * Requests that must wait are served strictly in the order in which they came: one that does not
 * fit holds up those behind it, also where they would fit.  So nobody is passed over again and
 * again, at the price of devices that stay free meanwhile. */
#pragma once

#include "controller/controller.h"
#include "controller/message.h"

typedef struct gw_resources gw_resources;

/* Everything is borrowed.  NULL when the placement policy refuses its parameters. */
gw_resources *gw_resources_new(const gw_directory *directory, const gw_control *control,
                               const gw_job *jobs, gw_port *port, GError **error);
void gw_resources_free(gw_resources *resources);

void gw_resources_request(gw_resources *resources, gw_node_id source,
                          const gw_slice_request *message);
/* One that waits gives its turn up; one that was refused has nothing to give. */
void gw_resources_release(gw_resources *resources, const gw_instance_message *message);

/* Its devices come back, and it waits for others in the turn of its first request. */
void gw_resources_exchange(gw_resources *resources, const gw_instance_message *message);

/* Before any request: makes the changes that are due, and sets a timer for the next. */
void gw_resources_start(gw_resources *resources);
void gw_resources_timer(gw_resources *resources, gw_tag tag);

void gw_resources_explain(const gw_resources *resources, GString *out);
/* As gw_controller_blame: the placement policy. */
void gw_resources_blame(const gw_resources *resources, GString *out);
