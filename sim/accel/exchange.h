/* SPDX-License-Identifier: Apache-2.0 */
/* A collective as transfers: who sends whom how much, in rounds.
 *
 * An exchange has parts, which go on side by side; a part has phases, one after the other; a phase
 * is a round, repeated.  In a round a member sends up to two transfers, one each way, and comes to
 * the next when these have arrived and so has what it was to be sent in this one: members wait for
 * their partners, not for all.  docs/MODEL.md, "Collectives, transfer by transfer". */
#pragma once

#include "accel/model.h"

/* Way 0 and way 1: half way round a ring, way 1 takes the negative direction.  In one round no two
 * members send to the same one by the same way. */
#define GW_EXCHANGE_WAYS 2

typedef struct {
    uint32_t target; /* A member, by place in the group; GW_INDEX_NONE: nothing is sent. */
    uint64_t size_bytes;
} gw_exchange_send;

typedef struct {
    uint32_t repeat_count;
    gw_exchange_send *sends; /* Of member m by way w: sends[w * member_count + m]. */
} gw_exchange_phase;

typedef struct {
    uint32_t member_count, part_count;
    GArray **parts; /* Each of gw_exchange_phase. */
} gw_exchange;

gw_exchange *gw_exchange_new(uint32_t member_count, uint32_t part_count);
void gw_exchange_free(gw_exchange *exchange);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(gw_exchange, gw_exchange_free)

/* A phase at the end of the part, in which nobody sends anything yet.  Borrowed until the next. */
gw_exchange_phase *gw_exchange_add_phase(gw_exchange *exchange, uint32_t part,
                                         uint32_t repeat_count);
void gw_exchange_set_send(const gw_exchange *exchange, gw_exchange_phase *phase, uint32_t member,
                          uint32_t way, uint32_t target, uint64_t size_bytes);

/* Backwards in time, each transfer from its target to its source: a gathering becomes a
 * scattering, with sums on the way. */
void gw_exchange_reverse(gw_exchange *exchange);

/* What `next` does, after what `exchange` does, part by part.  Takes `next`. */
void gw_exchange_take_next(gw_exchange *exchange, gw_exchange *next);

/* Transfers in all. */
uint64_t gw_exchange_transfer_count(const gw_exchange *exchange);

/* What it takes alone on the wires of `devices` (by member), without playing it.  A transfer takes
 * its latency and its bytes, where all transfers of its round that cross a link share it; members
 * come from round to round as they do in a play.  Parts take as long as the slowest, or as the
 * bytes of all of them over the fullest link.  Where rounds of different members, or parts, meet by
 * chance, a play says more. */
gw_span gw_exchange_ns(const gw_exchange *exchange, const gw_cluster *cluster,
                       const uint32_t *devices);

/* --- The table of algorithms --- */

typedef struct {
    const char *name, *summary; /* "ring" */
    /* Of two members or more; NULL: it has no way to do this kind, or not with this group. */
    gw_exchange *(*plan)(const gw_cluster *cluster, const gw_collective *collective);
} gw_exchange_algorithm;

extern const gw_exchange_algorithm *const gw_exchange_algorithms[]; /* By name; NULL ends it. */
const gw_exchange_algorithm *gw_exchange_algorithm_find(const char *name); /* NULL: none. */

/* NULL where the algorithm has no way, or there is nobody to send to. */
gw_exchange *gw_exchange_plan(const gw_exchange_algorithm *algorithm, const gw_cluster *cluster,
                              const gw_collective *collective);
