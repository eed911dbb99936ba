/* SPDX-License-Identifier: Apache-2.0 */
/* How long a collective over several nodes takes, in closed form: docs/MODEL.md, "GPU clusters". */
#pragma once

#include "accel/node_group.h"

/* By `algorithm`, or by the fastest (GW_ALGORITHM_AUTO), from the last member's coming to the
 * leaving of all, without the start-up; GW_TIME_NEVER: the algorithm has no way to do this kind, or
 * not with this group.  `collective` is spread (node_group.h).  Pure.
 *
 * Each member has its equal part of its host's rails and of the network's core, so that groups
 * which do the same at the same time need not know of each other. */
gw_span gw_collective_nodes_ns(const gw_cluster *cluster, const gw_collective *collective,
                               gw_algorithm_kind algorithm);
