/* SPDX-License-Identifier: Apache-2.0 */
/* The list of placement policies, and what those without parameters share. */
#include "controller/placement.h"

#include <string.h>

#include "base/params.h"
#include "controller/placement_search.h"

extern const gw_placement_ops gw_placement_pack;     /* placement_pack.c */
extern const gw_placement_ops gw_placement_random;   /* placement_random.c */
extern const gw_placement_ops gw_placement_topology; /* placement_topology.c */

const gw_placement_ops *const gw_placements[] = {
    &gw_placement_pack, &gw_placement_random, &gw_placement_spread, &gw_placement_topology, NULL};

uint32_t gw_placement_device_count(const gw_placement_request *request)
{
    uint32_t count = 1;
    for (uint32_t dim = 0; dim < request->dims; dim++)
        count *= request->shape[dim];
    return count;
}

gw_placement *gw_placement_plain_new(const gw_placement_ops *ops, gw_params *params, GError **error)
{
    if (params != NULL && !gw_params_finish(params, error))
        return NULL;
    gw_placement *placement = g_new0(gw_placement, 1);
    placement->ops = ops;
    return placement;
}

void gw_placement_plain_destroy(gw_placement *placement)
{
    g_free(placement);
}

const gw_placement_ops *gw_placement_find(const char *name)
{
    for (uint32_t i = 0; gw_placements[i] != NULL; i++)
        if (strcmp(gw_placements[i]->name, name) == 0)
            return gw_placements[i];
    return NULL;
}
