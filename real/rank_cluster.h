/* SPDX-License-Identifier: Apache-2.0 */
/* A cluster on CPUs whose hosts are ranks: processes with a link between them.
 *
 * Host i of the directory is rank i, with its devices; what decides (schedulers, the resource
 * manager, clients) is on rank 0, beside host 0.  Every rank makes the same cluster.  The thread
 * that makes it, and only that one, works the link: it sends what others have put out, hands in
 * what comes, and sleeps in between; so a link needs no lock, and nobody waits for it.
 *
 * Ranks look after each other: each says twice a second that it lives and what it is at.  One that
 * is silent for GW_RANK_SILENCE_NS, or whose process is known to have ended, is lost, and the run
 * with it. */
#pragma once

#include "real/cpu_port.h"
#include "real/rank_link.h"

#define GW_RANK_SILENCE_NS UINT64_C(6000000000)

typedef struct gw_rank_cluster gw_rank_cluster;

/* The link has as many ranks as the directory has hosts.  All are borrowed for the cluster's life;
 * `ledger` may be NULL. */
gw_rank_cluster *gw_rank_cluster_new(const gw_directory *directory, gw_ledger *ledger,
                                     gw_rank_link *link, gw_real_handler handle, void *context);
/* Stops it first.  The link stays open. */
void gw_rank_cluster_free(gw_rank_cluster *cluster);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(gw_rank_cluster, gw_rank_cluster_free)

/* Which rank has the node. */
uint32_t gw_rank_of_node(const gw_directory *directory, gw_node_id node);
/* This rank's part: its ports are those of the nodes here. */
gw_cpu_cluster *gw_rank_cluster_cpu(gw_rank_cluster *cluster);

/* All ranks; hands START to every node here.  GW_ERROR_SYSTEM as in cpu_port.h. */
bool gw_rank_cluster_start(gw_rank_cluster *cluster, GError **error);

typedef enum {
    GW_RANK_GOES_ON = 1,
    GW_RANK_AT_REST, /* Rank 0: nothing is left to happen on any rank, but for watches. */
    GW_RANK_ENDED,   /* Other ranks: rank 0 has ended the run; go on with finish. */
    GW_RANK_BROKEN,  /* A rank is lost, or (rank 0) another one cannot go on: the error. */
} gw_rank_state;
/* Works the link for `span_ns` at most.  A rank that is lost: *out_lost, if not NULL, is which
 * one, else rank_count. */
gw_rank_state gw_rank_cluster_work(gw_rank_cluster *cluster, gw_span span_ns, uint32_t *out_lost,
                                   GError **error);
/* The rank that was lost, whatever call has said so; rank_count: none. */
uint32_t gw_rank_cluster_lost(const gw_rank_cluster *cluster);
/* Ranks but 0: tells rank 0 that this one cannot go on, which ends the run. */
void gw_rank_cluster_fail(gw_rank_cluster *cluster, const GError *error);

/* Stops all threads here, as gw_cpu_cluster_stop does; ranks go on talking. */
void gw_rank_cluster_stop(gw_rank_cluster *cluster);

/* Rank 0, before finish: what is left to do when all is known, as writing it down.  A thread of its
 * own does it, once, while this one goes on talking and the others wait; not when the run has ended
 * otherwise, or a rank was lost.  What it returns is what all ranks end with: 0 or a gw_error_code.
 */
typedef uint32_t (*gw_rank_conclusion)(void *context, gw_real_usage usage);
void gw_rank_cluster_set_conclusion(gw_rank_cluster *cluster, gw_rank_conclusion conclude,
                                    void *context);

/* The last things that ranks say to each other: what their books hold, and in words what waits
 * for what.  On rank 0, which begins: `code` is the gw_error_code that the others end with, 0:
 * none; *out_code is that on all ranks, or what the conclusion came to.  All threads here have
 * stopped when `last_words` (may be NULL) is asked to append to `words`; on rank 0 `words` has
 * those of all ranks in the end. `usage` is that of all ranks on rank 0.  False: a rank was lost
 * meanwhile; the conclusion has been drawn all the same, or not begun. */
typedef void (*gw_rank_last_words)(void *context, GString *words);
bool gw_rank_cluster_finish(gw_rank_cluster *cluster, uint32_t code, gw_rank_last_words last_words,
                            void *context, GString *words, gw_real_usage *out_usage,
                            uint32_t *out_code, GError **error);
