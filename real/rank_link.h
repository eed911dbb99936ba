/* SPDX-License-Identifier: Apache-2.0 */
/* The wire between ranks: packets from one to another, whole, and in order between two.
 *
 * A rank is a process with a link of its own, which one thread uses: no call waits, and none calls
 * back.  mpi_link.h has one over MPI; tests/lib/thread_link.h one between threads. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct gw_rank_link gw_rank_link;

typedef struct {
    const char *name; /* "mpi", "thread" */
    /* Starts to send `size_bytes` at `bytes`, which were made by g_malloc and are the link's from
     * here on; to another rank.  A packet to a rank that is gone is lost without a word. */
    void (*send)(gw_rank_link *link, uint32_t target, void *bytes, size_t size_bytes);
    /* The next packet that has come, for the caller to g_free; it may be longer than what was
     * sent, by what is 0.  NULL: none has. */
    void *(*receive)(gw_rank_link *link, uint32_t *out_source);
    /* Packets that have not left yet, but for those to ranks that are dead; looking at them helps
     * them on. */
    uint32_t (*unsent)(gw_rank_link *link);
    /* A rank whose process has ended, as far as this one can know; `rank_count`: none. */
    uint32_t (*find_dead)(gw_rank_link *link);
    /* Optional.  A rank that has stopped, though its process is there, as far as is known without
     * packets; `rank_count`: none.  Asked only before a run. */
    uint32_t (*find_stopped)(gw_rank_link *link);
    /* Optional.  True: from here on the user of the link looks at find_dead ten times a second, and
     * ends in order; false: it is busy, and for long perhaps.  At first: false. */
    void (*attend)(gw_rank_link *link, bool is_attentive);
} gw_rank_link_ops;

struct gw_rank_link { /* First member of each implementation. */
    const gw_rank_link_ops *ops;
    uint32_t self, rank_count;
    uint64_t begun_ns; /* When it was made, on this rank's clock (gw_monotonic_ns). */
    bool is_one_clock; /* CLOCK_MONOTONIC is the same for all ranks. */
};

static inline uint32_t gw_rank_link_find_stopped(gw_rank_link *link)
{
    return link->ops->find_stopped == NULL ? link->rank_count : link->ops->find_stopped(link);
}
static inline void gw_rank_link_attend(gw_rank_link *link, bool is_attentive)
{
    if (link->ops->attend != NULL) {
        link->ops->attend(link, is_attentive);
    }
}
