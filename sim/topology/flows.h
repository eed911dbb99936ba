/* SPDX-License-Identifier: Apache-2.0 */
/* Which network cards the flows between two devices of different islands cross.
 *
 * A flow has one card at each end.  By rank a device's flows take turns at the cards of its own
 * part of the host; by hash each flow lies on any card of the host, as a hash of who talks to whom
 * says, so that some cards get several and others none.  docs/MODEL.md, "Host and DCN". */
#pragma once

#include "topology/cluster.h"

typedef enum { GW_FLOWS_OUT, GW_FLOWS_IN } gw_flows_way;

/* Cards of each host, and flows that a pair of devices of different islands has: 1 and more. */
uint32_t gw_flows_card_count(const gw_cluster *cluster);
uint32_t gw_flows_count(const gw_cluster *cluster);

/* Flow `flow`'s card among those of the source's host (OUT) or the target's (IN). */
uint32_t gw_flows_find_card(const gw_cluster *cluster, gw_device_id source, gw_device_id target,
                            uint32_t flow, gw_flows_way way);

/* Of `count` flows from the first on, how many cross the fullest card at either end. */
uint32_t gw_flows_find_load(const gw_cluster *cluster, gw_device_id source, gw_device_id target,
                            uint32_t count);
