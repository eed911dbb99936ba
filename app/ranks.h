/* SPDX-License-Identifier: Apache-2.0 */
/* What `gangway run --backend mpi` does besides: all ranks load the scenario, agree on it, and run
 * it; rank 0 alone speaks and writes. */
#pragma once

#include "real/probe_ranks.h"
#include "real/rank_link.h"
#include "real/rank_run.h"

typedef struct {
    gw_rank_link *link; /* NULL: there are none. */
    bool is_told;       /* What went wrong is said by rank 0. */
    bool is_lost;       /* A rank is: the others leave without it. */
} gw_ranks;

/* Meets the other ranks; false as gw_mpi_link_open. */
bool gw_ranks_begin(gw_ranks *ranks, GError **error);
static inline bool gw_ranks_is_first(const gw_ranks *ranks)
{
    return ranks->link == NULL || ranks->link->self == 0;
}
/* Whether all ranks have loaded the same: `scenario`, NULL where it could not be loaded, *error
 * says why.  False on all ranks when it is not so, or hosts and ranks are not equally many. */
bool gw_ranks_agree(gw_ranks *ranks, const char *path, const char *const *settings,
                    const gw_scenario *scenario, GError **error);
/* gw_rank_run. */
bool gw_ranks_run(gw_ranks *ranks, const gw_scenario *scenario, gw_recorder *recorder,
                  gw_rank_conclude conclude, void *context, GError **error);
/* What goes between ranks, measured for `seconds` each (probe_ranks.h); *out is rank 0's.  False on
 * all ranks: there is only one, or too many, or one was lost. */
bool gw_ranks_measure(gw_ranks *ranks, double seconds, gw_probe_between *out, GError **error);
/* Leaves the other ranks, if not yet.  `error` is what all ended with, NULL: nothing; it has been
 * told, and nothing is left to put away, since the process may end in here (mpi_link.h). */
void gw_ranks_end(gw_ranks *ranks, const GError *error);
