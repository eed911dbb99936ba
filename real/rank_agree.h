/* SPDX-License-Identifier: Apache-2.0 */
/* The first thing that ranks say to each other: whether each of them can run, and the same. */
#pragma once

#include <glib.h>

#include "real/rank_link.h"

/* All ranks, before anything else on the link.  `mine` is what keeps this rank from running (NULL:
 * nothing); `fingerprint`, of what it is to run, is equal on all.  False on every rank when one
 * cannot: with its error and its code; where that is another rank, with the number of that before
 * the words.  *out_is_whole: all ranks are there, though.  GW_ERROR_SYSTEM also when a rank does
 * not answer, or has something else to run; GW_ERROR_INTERRUPTED when gw_real_cancel() was called
 * meanwhile. */
bool gw_rank_agree(gw_rank_link *link, const GError *mine, uint64_t fingerprint, bool *out_is_whole,
                   GError **error);
