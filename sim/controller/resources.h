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
 * Requests that must wait are served strictly in the order in which they came: one that does not
 * fit holds up those behind it, also where they would fit.  So nobody is passed over again and
 * again, at the price of devices that stay free meanwhile.  Requests that could not be served by an
 * empty cluster are refused at once. */
#pragma once

#include "controller/controller.h"
#include "controller/message.h"

typedef struct gw_resources gw_resources;

/* Everything is borrowed. */
gw_resources *gw_resources_new(const gw_directory *directory, const gw_control *control,
                               const gw_job *jobs, gw_port *port);
void gw_resources_free(gw_resources *resources);

void gw_resources_request(gw_resources *resources, gw_node_id source,
                          const gw_slice_request *message);
/* The instance's number is its job's.  One that waits gives its turn up; one that was refused has
 * nothing to give. */
void gw_resources_release(gw_resources *resources, const gw_instance_message *message);

void gw_resources_explain(const gw_resources *resources, GString *out);
