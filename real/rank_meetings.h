/* SPDX-License-Identifier: Apache-2.0 */
/* Collectives between device threads of several ranks.
 *
 * The members on one rank meet as they do in cpu_collective.h.  The last of them to come sends
 * every other rank of the group what that one needs of the inputs here, waits for the like from
 * there, and fills all outputs; the others sleep meanwhile.  A large sum is cut between the ranks:
 * each adds up its range and sends that.  Each element is added up in group order on one rank or
 * alike on all, so the bits are those of a cluster in one process, and the same every time.
 *
 * A part is known by (gang, operation, group) and waits for its members where it comes, so there
 * is no order between collectives that ranks would have to agree on. */
#pragma once

#include "real/cpu_collective.h"
#include "real/rank_packet.h"

typedef struct gw_rank_meetings gw_rank_meetings;

/* Sums of more elements than this are cut between ranks: another message's delay is less than the
 * copies of all inputs that it saves (docs/decisions/0067). */
#define GW_RANK_WHOLE_ELEMENTS_MAX 4096

/* `packet` is a GW_PACKET_PART made by g_malloc, and the receiver's. */
typedef void (*gw_rank_send)(void *context, uint32_t target, gw_packet *packet);

/* `activity` and `context` are borrowed; `send` is called by any thread. */
gw_rank_meetings *gw_rank_meetings_new(gw_activity *activity, uint32_t self, uint32_t rank_count,
                                       gw_rank_send send, void *context);
void gw_rank_meetings_free(gw_rank_meetings *meetings);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(gw_rank_meetings, gw_rank_meetings_free)

/* As gw_cpu_meetings_join; `ranks` says by position where the group's members are, and one of them
 * is elsewhere. */
bool gw_rank_meetings_join(gw_rank_meetings *meetings, const gw_cpu_member *member,
                           const uint32_t *ranks, uint64_t *out_last_ns);
/* A part has come from `source`; takes the packet. */
void gw_rank_meetings_take(gw_rank_meetings *meetings, uint32_t source, gw_packet *packet);
/* All who wait leave, and nobody waits any more. */
void gw_rank_meetings_abort(gw_rank_meetings *meetings);

/* What every open meeting with members here lacks, a line each, appended to `out`. */
void gw_rank_meetings_explain(gw_rank_meetings *meetings, GString *out);
