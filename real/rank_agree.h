/* SPDX-License-Identifier: Apache-2.0 */
/* The first thing that ranks say to each other: whether each of them can run, and the same. */
#pragma once

#include <glib.h>

#include "real/rank_link.h"

typedef struct {
    bool is_reached; /* All can run, and the same. */
    bool is_lost;    /* Not all ranks are there. */
    bool is_told;    /* What went wrong is said by rank 0. */
} gw_rank_accord;

/* All ranks, before anything else on the link.  `mine` is what keeps this rank from running (NULL:
 * nothing); `fingerprint`, of what it is to run, is equal on all.  It is reached by no rank when
 * one cannot: with its error and its code; where that is another rank, with the number of that
 * before the words.  GW_ERROR_SYSTEM also when a rank has something else to run, has ended, or does
 * not answer for 8 s and ten times what this one has taken since its link was made;
 * GW_ERROR_INTERRUPTED when gw_real_cancel() was called meanwhile. */
gw_rank_accord gw_rank_agree(gw_rank_link *link, const GError *mine, uint64_t fingerprint,
                             GError **error);
