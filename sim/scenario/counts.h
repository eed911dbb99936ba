/* SPDX-License-Identifier: Apache-2.0 */
/* What exchanges deal where devices hold no data: a job's "counts".  On the CPU world routers
 * compute them, and these are not asked. */
#pragma once

#include "scenario/scenario.h"

typedef enum {
    GW_COUNTS_ZIPF = 1, /* Each row by itself goes to target t with a share of 1 / (t + 1)^s. */
    GW_COUNTS_LIST,     /* Recorded: run r reads entry r, runs past the end the last one. */
} gw_counts_kind;

struct gw_count_source {
    gw_counts_kind kind;  /* 0: the edge deals nothing. */
    const double *up_to;  /* ZIPF, by target: the shares up to it; the last is 1. */
    const uint32_t *list; /* LIST: by run, source shard, target. */
    uint32_t list_length; /* Runs. */
};

/* What source shard `shard` deals in `run` of `job` over `edge`, a count per target shard, as many
 * rows together as the shard has: a function of these, the job's name, that of the node that is
 * dealt to, and the scenario's seed alone. */
void gw_scenario_counts(const gw_scenario *scenario, uint32_t job, uint32_t edge, uint32_t run,
                        uint32_t shard, uint32_t *out_counts);
