/* SPDX-License-Identifier: Apache-2.0 */
/* The ranks of one machine look after each other while none of them works a link: in MPI_Init and
 * MPI_Finalize, which wait for all and tell nothing, and while they read a scenario.
 *
 * Each has a socket of its own, whose name nobody else has and which goes with its process, and a
 * thread that sends the others a beat 20 times a second.  One whose socket is gone has ended; one
 * that has no beat for GW_RANK_SILENCE_NS is stopped.  Ranks of other machines are not seen. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define GW_RANK_NEIGHBOURS_MAX 256 /* Ranks of a job, which all beat to each other. */

typedef enum {
    GW_RANK_JOINING = 1, /* It waits in MPI_Init. */
    GW_RANK_BUSY,        /* It reads its scenario, and looks up soon. */
    GW_RANK_ATTENTIVE,   /* It works its link, and finds out for itself: only asked of. */
    GW_RANK_LEAVING,     /* It waits in MPI_Finalize. */
} gw_rank_stage;

typedef struct {
    const char *job; /* A name that all ranks of this launch have, and those of no other. */
    uint32_t self, rank_count;
    bool is_all_here; /* All are on this machine: one that does not appear is lost, too. */
    /* By a thread of the watch's own, once each: which rank is lost, if no other rank has said it;
     * and, then, that the process is to end, for that or (`is_interrupted`) because the user wants
     * it (gw_real_cancel). */
    void (*say)(void *context, const char *text);
    void (*end)(void *context, bool is_interrupted);
    void *context;
} gw_rank_neighbours_settings;

typedef struct gw_rank_neighbours gw_rank_neighbours;

/* NULL: nobody can be watched, as where another process has the name.  Begins with JOINING.
 * `settings` is borrowed for the call, its context for the watch's life. */
gw_rank_neighbours *gw_rank_neighbours_new(const gw_rank_neighbours_settings *settings);
/* What this rank is at from here on; NULL watch: nothing happens. */
void gw_rank_neighbours_stage(gw_rank_neighbours *neighbours, gw_rank_stage stage);
/* For who works its link: the first rank that has ended, or is silent, in this stage; rank_count:
 * none is known to be. */
uint32_t gw_rank_neighbours_find_lost(gw_rank_neighbours *neighbours);
/* Says farewell to the others, which do not miss this rank any more. */
void gw_rank_neighbours_free(gw_rank_neighbours *neighbours);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(gw_rank_neighbours, gw_rank_neighbours_free)
