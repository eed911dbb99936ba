/* SPDX-License-Identifier: Apache-2.0 */
/* A collective as transfers: who sends whom how much, in rounds.
 *
 * It has parts, which go on side by side; a part has phases, one after the other; a phase
 * is a round, repeated.  In a round a member sends up to two transfers, one each way, and comes to
 * the next when these have arrived and so has what it was to be sent in this one.  A transfer
 * begins when both of its ends have come to its round, as what needs a buffer at the other end
 * does: members wait for their partners, not for all.  Phases of several parts that may be on the
 * wires together are a stage: a member comes to the next when it is through with this one in all
 * parts.  docs/MODEL.md, "Collectives, transfer by transfer". */
#pragma once

#include "accel/model.h"

/* Way 0 and way 1: half way round a ring, way 1 takes the negative direction.  In one round no two
 * members send to the same one by the same way. */
#define GW_ROUNDS_WAYS 2

typedef struct {
    uint32_t target; /* A member, by place in the group; GW_INDEX_NONE: nothing is sent. */
    uint64_t size_bytes;
} gw_rounds_send;

typedef struct {
    uint32_t repeat_count;
    uint32_t stage;        /* Rises from 0 by at most 1 from phase to phase of a part. */
    gw_rounds_send *sends; /* Of member m by way w: sends[w * member_count + m]. */
} gw_rounds_phase;

typedef struct gw_rounds {
    uint32_t member_count, part_count, stage_count;
    GArray **parts; /* Each of gw_rounds_phase. */
} gw_rounds;

/* In its first stage. */
gw_rounds *gw_rounds_new(uint32_t member_count, uint32_t part_count);
void gw_rounds_free(gw_rounds *rounds);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(gw_rounds, gw_rounds_free)

/* Phases that are added from here on are in the next stage.  Each part has some in each. */
void gw_rounds_add_stage(gw_rounds *rounds);
/* A phase at the end of the part, in which nobody sends anything yet.  Borrowed until the next. */
gw_rounds_phase *gw_rounds_add_phase(gw_rounds *rounds, uint32_t part, uint32_t repeat_count);
void gw_rounds_set_send(const gw_rounds *rounds, gw_rounds_phase *phase, uint32_t member,
                        uint32_t way, uint32_t target, uint64_t size_bytes);

/* Backwards in time, each transfer from its target to its source: a gathering becomes a
 * scattering, with sums on the way. */
void gw_rounds_reverse(gw_rounds *rounds);

/* What `next` does, after what `rounds` does, part by part.  Takes `next`. */
void gw_rounds_take_next(gw_rounds *rounds, gw_rounds *next);

/* Transfers in all. */
uint64_t gw_rounds_transfer_count(const gw_rounds *rounds);

/* What it takes alone on the wires of `devices` (by member), without playing it.  A transfer takes
 * its latency and its bytes, where all transfers of its round that cross a link share it; members
 * come from round to round as they do in a play.  Parts take as long as the slowest, or as the
 * bytes of all of them over the fullest link.  Where rounds of different members, or parts, meet by
 * chance, a play says more. */
gw_span gw_rounds_path_ns(const gw_rounds *rounds, const gw_cluster *cluster,
                          const uint32_t *devices);
/* The same, or, where they may meet so and there are few transfers, what the play takes: some
 * tenths of a microsecond for each of up to 4096. */
gw_span gw_rounds_ns(const gw_rounds *rounds, const gw_cluster *cluster, const uint32_t *devices);

/* What a round of each phase takes alone, part after part.  The caller frees. */
gw_span *gw_rounds_steps_ns(const gw_rounds *rounds, const gw_cluster *cluster,
                            const uint32_t *devices);

/* What is left of it when `done` of its time is over, 0 to 1, having been alone on the wires: what
 * of the rounds, and of the bytes of those that are under way.  Something always is.  `steps_ns`
 * and `whole_ns` are gw_rounds_steps_ns() and gw_rounds_ns() of all of it.  The caller frees. */
gw_rounds *gw_rounds_rest(const gw_rounds *rounds, const gw_cluster *cluster,
                          const uint32_t *devices, const gw_span *steps_ns, gw_span whole_ns,
                          double done);

/* --- The table of algorithms --- */

typedef struct {
    const char *name, *summary; /* "ring" */
    /* Of two members or more; NULL: it has no way to do this kind, or not with this group. */
    gw_rounds *(*plan)(const gw_cluster *cluster, const gw_collective *collective);
} gw_rounds_algorithm;

extern const gw_rounds_algorithm *const gw_rounds_algorithms[];        /* By name; NULL ends it. */
const gw_rounds_algorithm *gw_rounds_algorithm_find(const char *name); /* NULL: none. */

/* NULL where the algorithm has no way, or there is nobody to send to. */
gw_rounds *gw_rounds_plan(const gw_rounds_algorithm *algorithm, const gw_cluster *cluster,
                          const gw_collective *collective);
