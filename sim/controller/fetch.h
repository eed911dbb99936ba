/* SPDX-License-Identifier: Apache-2.0 */
/* What leaves a call: outputs that the client is handed as values, where a call returns values.
 *
 * Neither what another node of the same call reads, nor the program's own state: what set-up made
 * for all runs, and what one run hands to the next, stay on the devices.  Values that the program
 * reads back (its results) travel by themselves in every system. */
#pragma once

#include "controller/controller.h"

/* By slot of the plan: whether it leaves.  The caller frees. */
bool *gw_fetch_slots(const gw_plan *plan, gw_submit_mode submit);

/* Shards of output `o` of node `n` that have to be read for the whole: all of a sharded value, one
 * of a replicated one. */
uint32_t gw_fetch_shard_count(const gw_plan *plan, uint32_t n, uint32_t o);
