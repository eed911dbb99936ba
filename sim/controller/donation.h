/* SPDX-License-Identifier: Apache-2.0 */
/* Which outputs take over an input's buffer (program/function.h, gw_function_donate): settled once,
 * when the plan is made, for all runs and hosts (docs/decisions/0066).
 *
 * A node may write over what it reads when it is certain, by the order of nodes alone, that all who
 * read that buffer have done so: gangs of a program run on a mesh's devices in the order (run,
 * node).  So the buffer is one that only nodes of its own mesh read, in place; the donor's node is
 * the last of them, and reads it once.  Nothing else may read it: no transfer, result or exchange,
 * whose copies are under way when gangs go on; no run for good, as of what set-up has made.
 *
 * A carried donor is the same output's buffer of the run before.  So a chain of owners ends within
 * two runs of where it began, or goes on for good from a set-up's. */
#pragma once

#include "controller/controller.h"

/* Whether executors under `control` read buffers only as the plan says.  Spills, and systems whose
 * hosts take outputs, read them at other times: there, plans forgo donations. */
bool gw_control_may_donate(const gw_control *control);

/* Fills taken_input of all slots, and has_donations; all else of the plan is made. */
void gw_plan_settle_donations(gw_plan *plan);
