/* SPDX-License-Identifier: Apache-2.0 */
/* What keeps schedulers of several islands from ordering against each other.
 *
 * A program may have meshes on several islands, each with a scheduler of its own.  One rule makes
 * all their orders parts of one order: a gang is ordered only when every earlier node of its
 * program that shares an edge with this island has been ordered on the other one.  Then whatever a
 * gang can wait for was ordered before it: those in front of it in its devices' queues, the gangs
 * that write its inputs, and the readers on other islands whose copies give memory back.  Waits
 * that only ever point back cannot go round in a circle, whichever gangs policies pick.  And what
 * an island has ordered holds no more memory than the program at that place of its own order.
 *
 * Schedulers tell each other how far they are, one message per batch (GW_MESSAGE_ORDERED). */
#pragma once

#include "controller/directory.h"
#include "controller/lower.h"
#include "controller/message.h"

typedef struct { /* Another island that shares edges with this one. */
    gw_node_id scheduler;
    uint32_t *needs[2];  /* In run 0, in the others; by node: 1 + the last node before it on the
                            other island that shares an edge with this one; 0: there is none. */
    uint32_t *shares[2]; /* As above; by node of this island: 1 + the last one up to it that shares
                            an edge with the other. */
    uint32_t last[2], shared[2]; /* 1 + the last of all that share one, on the other island, on
                                    this one; 0: there is none. */
    uint64_t ordered;            /* Heard: run << 32 | (1 + node), all up to there has its place. */
    uint64_t told;               /* What the other one was told of this island, likewise. */
} gw_gate_peer;

typedef struct {
    gw_gate_peer *peers;
    uint32_t peer_count;
} gw_gate;

/* For the scheduler of `island` and a program that lies on `assignment`.  NULL: no edge leaves the
 * island, nothing is ever waited for. */
gw_gate *gw_gate_new(const gw_plan *plan, const gw_assignment *assignment,
                     const gw_directory *directory, uint32_t island);
void gw_gate_free(gw_gate *gate);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(gw_gate, gw_gate_free)

/* The instance begins with `run`: earlier ones were another's, and are done everywhere. */
void gw_gate_begin(gw_gate *gate, uint32_t run);
/* Whether `node` of `run`, of this island, may be ordered; else *out_peer is whom it waits for. */
bool gw_gate_is_open(const gw_gate *gate, uint32_t run, uint32_t node, gw_node_id *out_peer);
/* `node` of `run` and all before it on the island of `scheduler` are ordered. */
void gw_gate_hear(gw_gate *gate, gw_node_id scheduler, uint32_t run, uint32_t node);
/* `node` of `run` and all before it on this island are ordered.  True: peer `index` should hear of
 * it, and counts as told. */
bool gw_gate_tell(gw_gate *gate, uint32_t index, uint32_t run, uint32_t node);
