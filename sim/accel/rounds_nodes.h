/* SPDX-License-Identifier: Apache-2.0 */
/* Rounds of groups that are spread over nodes (node_group.h), for the table of algorithms. */
#pragma once

#include "accel/rounds.h"

/* All of them: the caller owns what they return; `collective` is spread.  Those that gather have
 * every member start with a block of `block_bytes` and end with all of them. */

/* As many rings as rails, one part each. */
gw_rounds *gw_rounds_gather_nodes(const gw_cluster *cluster, const gw_collective *collective,
                                  uint64_t block_bytes);
/* Between nodes by slot, then inside each; NULL where hosts' slots differ, as for the next two. */
gw_rounds *gw_rounds_gather_by_level(const gw_cluster *cluster, const gw_collective *collective,
                                     uint64_t block_bytes);
/* What member 0 has is cut up on its host and by slot, and gathered again. */
gw_rounds *gw_rounds_scatter_and_gather(const gw_cluster *cluster, const gw_collective *collective);
/* All to all: first to who has the target's slot, then to the target's host. */
gw_rounds *gw_rounds_exchange_by_level(const gw_cluster *cluster, const gw_collective *collective);
/* An all-reduce of an even group with several members on each host, whose switches add up: inside
 * each, then the sums between nodes by slot, then all of it inside again. */
gw_rounds *gw_rounds_sum_in_switches(const gw_cluster *cluster, const gw_collective *collective);
/* A tree over one member of each host, then one over each host's. */
gw_rounds *gw_rounds_broadcast_nodes(const gw_cluster *cluster, const gw_collective *collective);
