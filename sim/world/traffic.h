/* SPDX-License-Identifier: Apache-2.0 */
/* What a program puts on the wires, told before it runs. */
#pragma once

#include "accel/crossings.h"
#include "accel/gang_plan.h"
#include "program/program.h"

/* Its copies: pieces of what one mesh hands to another, rows that routers send, and results.  What
 * else is copied (state that moves, spilled buffers, outputs that go by hosts) depends on the run:
 * whoever asks for it says so. */
void gw_traffic_add_copies(gw_crossings *crossings, const gw_program *program,
                           const gw_assignment *assignment);

/* The collectives of `function`, of which threads have none on wires, whose timing this is, on a
 * layout; its groups have their tracks afterwards. */
void gw_traffic_add_collectives(gw_crossings *crossings, const gw_function *function,
                                const gw_timing *timing, gw_gang_layout *layout);
