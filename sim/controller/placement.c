/* SPDX-License-Identifier: Apache-2.0 */
/* The list of placement policies. */
#include "controller/placement.h"

#include <string.h>

extern const gw_placement_ops gw_placement_pack;     /* placement_pack.c */
extern const gw_placement_ops gw_placement_random;   /* placement_random.c */
extern const gw_placement_ops gw_placement_topology; /* placement_topology.c */

const gw_placement_ops *const gw_placements[] = {
    &gw_placement_pack, &gw_placement_random, &gw_placement_spread, &gw_placement_topology, NULL};

const gw_placement_ops *gw_placement_find(const char *name)
{
    for (uint32_t i = 0; gw_placements[i] != NULL; i++)
        if (strcmp(gw_placements[i]->name, name) == 0)
            return gw_placements[i];
    return NULL;
}
