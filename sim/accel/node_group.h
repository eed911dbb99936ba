/* SPDX-License-Identifier: Apache-2.0 */
/* A collective's members where they sit on nodes: hosts with a switch each, joined by rails. */
#pragma once

#include "accel/model.h"

typedef struct {
    uint32_t member_count, host_count;
    uint32_t per_host_max; /* Members on one host: the most, */
    uint32_t per_host_min; /* and the fewest. */
    /* All hosts have members at the same places, so that those of one slot are on one rail. */
    bool is_even;
    uint32_t rail_count; /* That members of the first host are on; of an uneven group 1. */
    /* Members host by host and place by place, but for the start: member 0 comes first, its host
     * is the first, and its slot that of every host. */
    uint32_t *order;
    uint32_t *firsts; /* By host: its first place in `order`; one more ends it. */
} gw_node_group;

/* Whether the members are on several nodes.  If not, one switch or the torus has them all. */
bool gw_node_group_is_spread(const gw_cluster *cluster, const gw_collective *collective);

/* `collective` is spread. */
void gw_node_group_init(gw_node_group *group, const gw_cluster *cluster,
                        const gw_collective *collective);
void gw_node_group_clear(gw_node_group *group);

/* The slots of the first host that are the first of their rail; as many as `rail_count`.  Slot s
 * is that of order[s].  The caller frees. */
uint32_t *gw_node_group_list_rails(const gw_node_group *group, const gw_cluster *cluster,
                                   const gw_collective *collective);
