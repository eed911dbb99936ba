/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes of device memory that a scheduler has ordered and does not know to be free, per device:
 * the second half of lookahead, beside the count of gangs (room.h).
 *
 * A gang's need is what hosts reserve when they launch it: outputs and inbound buffers.  It is
 * spent when the gang is ordered, and comes back when hosts report that buffers are given back
 * (progress.h).  A gang fits on a device when
 *
 *   - what is spent there and its need are at most the device's memory; or, where its instance is
 *     the only one on that device, what is spent alone: then one gang waits for memory at the host
 *     already, where it is launched without the way to the scheduler and back, and holds up
 *     nobody; and
 *   - where the control plane sets `lookahead_memory_bytes`: they are at most that, without the
 *     workspaces and permanent buffers, which no wait brings back; or nothing is ordered on the
 *     device that is not known to be done, so that it is not ahead of anything.
 *
 * Gangs of one need (room.h) fit or do not fit together, whosever they are, and so wait together;
 * others on the same devices go on.  Smaller gangs could pass them for ever: so when `lookahead`
 * gangs were ordered on one of a need's devices since it was found short, it claims them all, and
 * others that need memory wait there until it fits.  Claims are met in the order in which they
 * were raised; who of the need goes first then is the policy's choice.  That somebody always fits
 * in the end: docs/decisions/0015-credits-in-bytes.md. */
#pragma once

#include "controller/controller.h"
#include "controller/room.h"

typedef struct gw_budget gw_budget;
typedef struct gw_spender gw_spender; /* An instance, as the budget knows it. */

/* Whether bytes have to be counted at all: `control` limits them, or there are several jobs, and
 * all that they could ever hold at once is more than that, or than the least device has.  The
 * same answer for all nodes: whoever fills `control` asks once (gw_control.counts_bytes). */
bool gw_budget_is_needed(const gw_directory *directory, const gw_control *control,
                         const gw_job *jobs);

/* Of all devices of `island`, and of no others.  Everything is borrowed. */
gw_budget *gw_budget_new(const gw_directory *directory, const gw_control *control, gw_room *room,
                         uint32_t island);
void gw_budget_free(gw_budget *budget);

/* An instance begins: its workspaces are spent, until it leaves.  `slices`, by mesh, are those of
 * the budget's room; they and `plan` are borrowed until then.  Buffers that hosts hold of it after
 * that they report yet. */
gw_spender *gw_budget_enter(gw_budget *budget, uint32_t instance, const gw_plan *plan,
                            gw_slice *const *slices);
/* Frees `spender`; `fitting` as for gw_budget_give(). */
void gw_budget_leave(gw_budget *budget, gw_spender *spender, GPtrArray *fitting);
/* What the instance's gang of `node` in `run` needs; borrowed until it leaves. */
gw_need *gw_budget_need(const gw_spender *spender, uint32_t node, uint32_t run);

/* Whether a gang of the need, which is not short, fits on all its devices and no other claims one
 * of them.  False: it is short from now on, until a gw_budget_give() says that it fits. */
bool gw_budget_has(gw_budget *budget, gw_need *need);
/* Nobody wants what is short any more: it is not, and holds nobody up; `fitting` as for
 * gw_budget_give(). */
void gw_budget_stop(gw_budget *budget, gw_need *need, GPtrArray *fitting);
/* That gang is ordered. */
void gw_budget_spend(gw_budget *budget, gw_spender *spender, uint32_t node, uint32_t run);
/* `size_bytes` of `device` are free again, and the room has been told which gangs are done; both
 * may be nothing.  Appends to `fitting` (gw_need *) those that were short and no longer are. */
void gw_budget_give(gw_budget *budget, uint32_t device, uint64_t size_bytes, GPtrArray *fitting);

/* Of a need that is short: the device that it waits for, what it needs there, what is spent and
 * what may be, in bytes, in words: for gw_schedule_explain. */
void gw_budget_explain(const gw_budget *budget, const gw_need *need, GString *out);
/* Where nobody is left: a line for each device where bytes are counted all the same. */
void gw_budget_explain_rest(const gw_budget *budget, GString *out);
