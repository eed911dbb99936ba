/* SPDX-License-Identifier: Apache-2.0 */
/* Whether all ranks are there.  Each says so twice a second: rank 0 to all, the others to rank 0,
 * and with it what it is at, which is what is told of a rank that is lost.  Where the link can see
 * a process end, that is known at once. */
#pragma once

#include <glib.h>

#include "real/rank_link.h"
#include "real/rank_packet.h"

#define GW_RANK_STATUS_BYTES 160

typedef struct gw_rank_watch gw_rank_watch;

/* The link is borrowed. */
gw_rank_watch *gw_rank_watch_new(gw_rank_link *link);
void gw_rank_watch_free(gw_rank_watch *watch);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(gw_rank_watch, gw_rank_watch_free)

/* Something came from `source`. */
void gw_rank_watch_hear(gw_rank_watch *watch, uint32_t source);
/* A BEAT or LOST came; borrowed. */
void gw_rank_watch_take(gw_rank_watch *watch, uint32_t source, const gw_packet *packet);
/* True twice a second: the next BEAT is to be sent. */
bool gw_rank_watch_is_due(gw_rank_watch *watch, uint64_t now_ns);
/* False when a rank is lost, GW_ERROR_SYSTEM: which one, and what it was at.  Rank 0 has told the
 * others then; they wait for that a while before they say it themselves. */
bool gw_rank_watch_check(gw_rank_watch *watch, uint64_t now_ns, uint32_t *out_lost, GError **error);
