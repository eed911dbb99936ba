/* SPDX-License-Identifier: Apache-2.0 */
/* A scenario run for real by several ranks (rank_cluster.h): the same controllers, each in the
 * process that has its node. */
#pragma once

#include "real/rank_link.h"
#include "real/real_run.h"

/* What rank 0 does with the report, as writing it down, by a thread of its own while all ranks
 * still look after each other; false: they end with the error. */
typedef bool (*gw_rank_conclude)(void *context, const gw_real_report *report, GError **error);

/* All ranks, with the same scenario, whose hosts are as many as the link has ranks: they have
 * agreed (rank_agree.h).  On rank 0 as gw_cpu_run, of the whole cluster.  The others need no
 * recorder; their report is of no use; they fail when the run does, with the same code.
 * `conclude` may be NULL; when it fails, all do.
 *
 * Besides, on every rank: GW_ERROR_SYSTEM when a rank is lost.  *out_is_told: rank 0 says what is
 * wrong, so this rank need not.  *out_is_whole: no rank was lost, and the link may be closed. */
bool gw_rank_run(gw_rank_link *link, const gw_scenario *scenario, gw_recorder *recorder,
                 gw_rank_conclude conclude, void *context, gw_real_report *out_report,
                 bool *out_is_told, bool *out_is_whole, GError **error);
