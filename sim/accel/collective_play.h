/* SPDX-License-Identifier: Apache-2.0 */
/* A collective as transfers that share links with everything else (docs/MODEL.md, "Collectives
 * under load"), so that alone it takes as long as gw_collective_ns() says. */
#pragma once

#include "accel/collective.h"
#include "accel/rounds.h"

/* Rounds to be played `out_lead_ns` after the last member has come.  By an algorithm, those that it
 * is priced by.  In closed form, which has no rounds, one transfer from each member to its
 * neighbours, of as many bytes as their links carry while the formula's bandwidth term lasts; the
 * rest is lead.  Groups that the closed form takes to share links with the groups in between share
 * them here when those are there, and only then.
 * NULL: it goes over no link.  The caller frees. */
gw_rounds *gw_collective_play(const gw_cluster *cluster, const gw_collective *collective,
                              gw_span *out_lead_ns);
