/* SPDX-License-Identifier: Apache-2.0 */
/* Which hosts carry the meshes of one instance: what somebody who tells hosts one by one knows. */
#pragma once

#include "controller/lower.h"
#include "controller/message.h"

typedef struct {
    const gw_plan *plan;
    uint32_t *first; /* By mesh, and one more: offset into `hosts`. */
    GArray *hosts;   /* uint32_t: each mesh's, once each, in order of its devices. */
} gw_mesh_hosts;

/* `plan` is borrowed for its life, `message` for the call. */
gw_mesh_hosts *gw_mesh_hosts_new(const gw_directory *directory, const gw_plan *plan,
                                 const gw_assignment_message *message);
void gw_mesh_hosts_free(gw_mesh_hosts *mesh_hosts);

/* The hosts of node `n`'s mesh. */
static inline const uint32_t *gw_mesh_hosts_of(const gw_mesh_hosts *mesh_hosts, uint32_t n,
                                               uint32_t *out_count)
{
    uint32_t mesh = mesh_hosts->plan->nodes[n].mesh;
    *out_count = mesh_hosts->first[mesh + 1] - mesh_hosts->first[mesh];
    return &g_array_index(mesh_hosts->hosts, uint32_t, mesh_hosts->first[mesh]);
}

/* Whether node `n` has a gang in `run`. */
static inline bool gw_plan_is_due(const gw_plan *plan, uint32_t n, uint32_t run)
{
    return run == 0 || !plan->nodes[n].is_once;
}
