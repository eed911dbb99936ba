/* SPDX-License-Identifier: Apache-2.0 */
/* A queue per rank, each with a lock. */
#include "thread_link.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/check.h"
#include "real/activity.h"

typedef struct {
    uint32_t source;
    void *bytes;
} parcel;

typedef struct {
    gw_rank_link link;
    thread_links *all;
    pthread_mutex_t mutex; /* Before the next one. */
    GArray *parcels;
    atomic_bool has_ended;
} thread_end;

struct thread_links {
    uint32_t count;
    thread_end *ends;
};

static thread_end *end_of(gw_rank_link *link)
{
    return (thread_end *)link;
}

static void thread_send(gw_rank_link *link, uint32_t target, void *bytes, size_t size_bytes)
{
    (void)size_bytes;
    thread_end *to = &end_of(link)->all->ends[target];
    gw_check(target < link->rank_count && target != link->self);
    const parcel sent = {link->self, bytes};
    if (atomic_load(&to->has_ended)) {
        g_free(bytes);
        return;
    }
    pthread_mutex_lock(&to->mutex);
    g_array_append_val(to->parcels, sent);
    pthread_mutex_unlock(&to->mutex);
}

static void *thread_receive(gw_rank_link *link, uint32_t *out_source)
{
    thread_end *end = end_of(link);
    void *bytes = NULL;
    pthread_mutex_lock(&end->mutex);
    if (end->parcels->len > 0) {
        const parcel first = g_array_index(end->parcels, parcel, 0);
        g_array_remove_index(end->parcels, 0);
        *out_source = first.source;
        bytes = first.bytes;
    }
    pthread_mutex_unlock(&end->mutex);
    return bytes;
}

static uint32_t thread_unsent(gw_rank_link *link)
{
    (void)link;
    return 0;
}

static uint32_t thread_find_dead(gw_rank_link *link)
{
    const thread_links *all = end_of(link)->all;
    uint32_t rank = 0;
    while (rank < all->count && !atomic_load(&all->ends[rank].has_ended)) {
        rank++;
    }
    return rank;
}

static const gw_rank_link_ops thread_ops = {.name = "thread",
                                            .send = thread_send,
                                            .receive = thread_receive,
                                            .unsent = thread_unsent,
                                            .find_dead = thread_find_dead};

thread_links *thread_links_new(uint32_t rank_count)
{
    thread_links *links = g_new0(thread_links, 1);
    links->count = rank_count;
    links->ends = g_new0(thread_end, rank_count);
    for (uint32_t r = 0; r < rank_count; r++) {
        thread_end *end = &links->ends[r];
        end->link = (gw_rank_link){.ops = &thread_ops,
                                   .self = r,
                                   .rank_count = rank_count,
                                   .begun_ns = gw_monotonic_ns(),
                                   .is_one_clock = true};
        end->all = links;
        pthread_mutex_init(&end->mutex, NULL);
        end->parcels = g_array_new(FALSE, FALSE, sizeof(parcel));
        atomic_init(&end->has_ended, false);
    }
    return links;
}

void thread_links_free(thread_links *links)
{
    for (uint32_t r = 0; r < links->count; r++) {
        thread_end *end = &links->ends[r];
        for (uint32_t i = 0; i < end->parcels->len; i++) {
            g_free(g_array_index(end->parcels, parcel, i).bytes);
        }
        g_array_unref(end->parcels);
        pthread_mutex_destroy(&end->mutex);
    }
    g_free(links->ends);
    g_free(links);
}

gw_rank_link *thread_links_at(thread_links *links, uint32_t rank)
{
    gw_check(rank < links->count);
    return &links->ends[rank].link;
}

void thread_links_end(thread_links *links, uint32_t rank)
{
    atomic_store(&links->ends[rank].has_ended, true);
}
