/* SPDX-License-Identifier: Apache-2.0 */
/* Between the resource manager and its placement policy: asks, and looks at the answer.  A policy
 * may come from a plugin, and nothing that it answers can do harm: what is not allowed is noted
 * (GW_NOTE_PLACEMENT_WRONG), which ends the run, and from then on no mesh finds a place. */
#pragma once

#include "controller/controller.h"

typedef struct gw_placer gw_placer;

/* Makes the policy that `control` names.  NULL when it refuses its parameters.  Everything is
 * borrowed for the placer's life. */
gw_placer *gw_placer_new(const gw_directory *directory, const gw_control *control,
                         const gw_job *jobs, gw_node_id self, gw_port *port, GError **error);
void gw_placer_free(gw_placer *placer);

/* Devices for the request's mesh, as gw_placement_ops.place, and surely so.  False: the policy
 * finds none, or answers what it must not, now or before. */
bool gw_placer_place(gw_placer *placer, const gw_placement_view *view,
                     const gw_placement_request *request, uint32_t *out_devices);

const char *gw_placer_name(const gw_placer *placer); /* The policy's. */
/* Whether the policy has answered what it must not. */
bool gw_placer_is_wrong(const gw_placer *placer);
/* What it answered and what was asked, in words, appended without a line's end: "put shard 3 of
 * mesh ... on device 17, expected ...".  Only when it is wrong. */
void gw_placer_blame(const gw_placer *placer, GString *out);
