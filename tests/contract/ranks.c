/* SPDX-License-Identifier: Apache-2.0 */
/* The world of ranks (real/rank_cluster.h): here each is a thread with a cluster of its own, and
 * they talk over tests/lib/thread_link.h. */
#include <pthread.h>

#include "base/check.h"
#include "real/rank_cluster.h"
#include "tests/contract/world.h"
#include "thread_link.h"

#define LOOK_NS  UINT64_C(20000000)
#define LOOK_MAX 3000 /* A minute: far longer than any story, also under sanitizers. */

typedef struct {
    const gw_directory *directory;
    thread_links *links;
    gw_rank_cluster **clusters; /* By rank. */
    uint32_t count;
} ranks_state;

static void *create_ranks(const gw_directory *directory, contract_handler handle,
                          contract_counts counts, void *context)
{
    ranks_state *made = g_new0(ranks_state, 1);
    made->directory = directory;
    made->count = directory->host_count;
    made->links = thread_links_new(made->count);
    made->clusters = g_new0(gw_rank_cluster *, made->count);
    for (uint32_t r = 0; r < made->count; r++) {
        made->clusters[r] =
            gw_rank_cluster_new(directory, NULL, thread_links_at(made->links, r), handle, context);
        gw_cpu_cluster_set_answers(gw_rank_cluster_cpu(made->clusters[r]),
                                   &(gw_real_answers){.counts = counts, .context = context});
    }
    return made;
}

static gw_port *port_ranks(void *world, gw_node_id node)
{
    const ranks_state *made = world;
    const uint32_t rank = gw_rank_of_node(made->directory, node);
    return gw_cpu_cluster_port(gw_rank_cluster_cpu(made->clusters[rank]), node);
}

static void finish_rank(gw_rank_cluster *cluster)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GString) words = g_string_new(NULL);
    gw_real_usage usage;
    uint32_t code;
    gw_check(gw_rank_cluster_finish(cluster, 0, NULL, NULL, words, &usage, &code, &error));
}

/* Until it is in `state`; false: it never is. */
static bool work_until(gw_rank_cluster *cluster, gw_rank_state state)
{
    g_autoptr(GError) error = NULL;
    gw_rank_state found = GW_RANK_GOES_ON;
    for (uint32_t i = 0; i < LOOK_MAX && found == GW_RANK_GOES_ON; i++) {
        found = gw_rank_cluster_work(cluster, LOOK_NS, NULL, &error);
    }
    return found == state;
}

static void *run_follower(void *context)
{
    gw_rank_cluster *cluster = context;
    g_autoptr(GError) error = NULL;
    gw_check(gw_rank_cluster_start(cluster, &error));
    gw_check(work_until(cluster, GW_RANK_ENDED));
    finish_rank(cluster);
    return NULL;
}

static bool run_ranks(void *world)
{
    ranks_state *made = world;
    g_autofree pthread_t *threads = g_new0(pthread_t, made->count);
    g_autoptr(GError) error = NULL;
    for (uint32_t r = 1; r < made->count; r++) {
        gw_check(pthread_create(&threads[r], NULL, run_follower, made->clusters[r]) == 0);
    }
    gw_check(gw_rank_cluster_start(made->clusters[0], &error));
    const bool has_ended = work_until(made->clusters[0], GW_RANK_AT_REST);
    finish_rank(made->clusters[0]);
    for (uint32_t r = 1; r < made->count; r++) {
        pthread_join(threads[r], NULL);
    }
    return has_ended;
}

static void destroy_ranks(void *world)
{
    ranks_state *made = world;
    for (uint32_t r = 0; r < made->count; r++) {
        gw_rank_cluster_free(made->clusters[r]);
    }
    thread_links_free(made->links);
    g_free(made->clusters);
    g_free(made);
}

const contract_world contract_ranks_world = {.name = "ranks",
                                             .waits_for_members = true,
                                             .has_data = true,
                                             .takes_time = true,
                                             .rests_late = true,
                                             .create = create_ranks,
                                             .port = port_ranks,
                                             .run = run_ranks,
                                             .destroy = destroy_ranks};
