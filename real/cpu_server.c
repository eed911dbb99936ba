/* SPDX-License-Identifier: Apache-2.0 */
/* The claim is under the node's lock, and whoever has it has all of the node but the inbox's
 * incoming side.  Activity is counted twice over: a thread that serves is active, and so is a node
 * that nobody has claimed and that has a timer which is sure to go off. */
#include "real/cpu_server.h"

#include "base/check.h"
#include "real/cpu_private.h"

static bool is_stopping(const gw_cpu_node *node)
{
    return atomic_load(&node->cluster->is_stopping);
}

/* --- Claims --- */

static void append_claim(gw_cpu_server *server, gw_cpu_node *node)
{
    node->next_claimed = NULL;
    if (server->last == NULL) {
        server->first = node;
    } else {
        server->last->next_claimed = node;
    }
    server->last = node;
}

static gw_cpu_node *take_claim(gw_cpu_server *server)
{
    gw_cpu_node *node = server->first;
    if (node != NULL) {
        server->first = node->next_claimed;
        if (server->first == NULL) {
            server->last = NULL;
        }
    }
    return node;
}

static void claim_node(gw_cpu_server *server, gw_cpu_node *node)
{
    append_claim(server, node);
    if (node != server->home) {
        if (server->guest_count == 0) {
            server->until_ns = gw_monotonic_ns() + GW_CPU_SERVE_NS;
        }
        server->guest_count++;
    }
}

/* Under the lock, of a claimed node.  The thread is counted in before it wakes. */
static void call_thread(gw_cpu_node *node)
{
    gw_activity_begin(&node->cluster->activity, 1);
    node->is_called = true;
}

void gw_cpu_cluster_post(gw_cpu_cluster *cluster, gw_node_id target, const gw_input *input,
                         gw_cpu_server *server)
{
    gw_check(target.index < cluster->node_count);
    gw_cpu_node *node = &cluster->nodes[target.index];
    pthread_mutex_lock(&node->mutex);
    gw_inbox_push(&node->inbox, input);
    const bool is_mine = !node->is_claimed;
    node->is_claimed = true;
    if (is_mine && server == NULL) {
        call_thread(node);
    }
    pthread_mutex_unlock(&node->mutex);
    if (is_mine && server != NULL) {
        claim_node(server, node);
    } else if (is_mine) { /* After the lock: it would wake only to wait for that. */
        pthread_cond_signal(&node->has_input);
    }
}

void gw_cpu_cluster_leave(gw_cpu_cluster *cluster, gw_node_id target, const gw_input *input,
                          uint64_t now_ns)
{
    gw_check(target.index < cluster->node_count);
    gw_cpu_node *node = &cluster->nodes[target.index];
    pthread_mutex_lock(&node->mutex);
    gw_inbox_push(&node->inbox, input);
    if (!node->is_claimed && atomic_load(&node->left_ns) == 0) {
        atomic_store(&node->left_ns, now_ns);
    }
    pthread_mutex_unlock(&node->mutex);
}

void gw_cpu_server_take_left(gw_cpu_server *server, gw_cpu_node *node, gw_span patience_ns,
                             uint64_t now_ns)
{
    const uint64_t left_ns = atomic_load(&node->left_ns);
    if (left_ns == 0 || (patience_ns > 0 && now_ns < left_ns + patience_ns)) {
        return;
    }
    pthread_mutex_lock(&node->mutex);
    const bool is_mine = !node->is_claimed && gw_inbox_has_incoming(&node->inbox);
    node->is_claimed = node->is_claimed || is_mine;
    pthread_mutex_unlock(&node->mutex);
    if (is_mine) {
        claim_node(server, node);
    }
}

void gw_cpu_node_rouse(gw_cpu_node *node)
{
    pthread_mutex_lock(&node->mutex);
    if (!node->is_claimed) {
        node->is_claimed = true;
        call_thread(node);
    }
    pthread_mutex_unlock(&node->mutex);
    pthread_cond_signal(&node->has_input);
}

static void hand_over(gw_cpu_node *node)
{
    pthread_mutex_lock(&node->mutex);
    call_thread(node);
    pthread_mutex_unlock(&node->mutex);
    pthread_cond_signal(&node->has_input);
}

/* --- Serving --- */

static bool has_served_long(const gw_cpu_server *server)
{
    return server->guest_count > 0 && gw_monotonic_ns() >= server->until_ns;
}

/* All that wait for their turn, but the thread's own node. */
static void hand_over_guests(gw_cpu_server *server)
{
    gw_cpu_node *node = server->first;
    server->first = server->last = NULL;
    while (node != NULL) {
        gw_cpu_node *next = node->next_claimed;
        if (node == server->home) {
            append_claim(server, node);
        } else {
            server->guest_count--;
            hand_over(node);
        }
        node = next;
    }
}

static void hand_in(gw_cpu_node *node, const gw_input *input)
{
    node->usage.inputs++;
    node->cluster->handle(node->cluster->context, node->id, input);
}

/* What has come up to now.  False: it has taken too long, and there may be more. */
static bool handle_inputs(gw_cpu_server *server, gw_cpu_node *node)
{
    gw_input input;
    while (!is_stopping(node) && gw_inbox_take(&node->inbox, &input)) {
        hand_in(node, &input);
        if (has_served_long(server)) {
            hand_over_guests(server);
            if (node != server->home) {
                return false;
            }
        }
    }
    gw_timer timer;
    while (!is_stopping(node) && gw_timers_next_ns(&node->timers) != GW_TIME_NEVER &&
           gw_timers_take(&node->timers, gw_cpu_cluster_now(node->cluster), &timer)) {
        hand_in(node, &(gw_input){.kind = GW_INPUT_TIMER, .tag = timer.tag});
    }
    return true;
}

/* Under the lock: nobody has claimed it any more.  True: its thread sleeps longer than it may. */
static bool release_claim(gw_cpu_node *node)
{
    const bool is_sure = gw_timers_are_sure(&node->timers);
    if (is_sure && !node->is_counted) {
        gw_activity_begin(&node->cluster->activity, 1);
    } else if (!is_sure && node->is_counted) {
        gw_activity_end(&node->cluster->activity);
    }
    node->is_counted = is_sure;
    node->is_claimed = false;
    return gw_timers_next_ns(&node->timers) < node->sleeps_until_ns;
}

/* One turn of the inbox; a node that is given more meanwhile is at the end of the claims again. */
static void serve_node(gw_cpu_server *server, gw_cpu_node *node)
{
    node->server = server;
    if (!gw_inbox_has_current(&node->inbox)) {
        pthread_mutex_lock(&node->mutex);
        gw_inbox_turn(&node->inbox);
        atomic_store(&node->left_ns, 0);
        pthread_mutex_unlock(&node->mutex);
    }
    const bool is_handled = handle_inputs(server, node);
    if (is_stopping(node)) {
        return;
    }
    if (!is_handled) {
        server->guest_count--;
        hand_over(node);
        return;
    }
    pthread_mutex_lock(&node->mutex);
    const bool has_more = gw_inbox_has_incoming(&node->inbox);
    const bool is_late = !has_more && release_claim(node);
    pthread_mutex_unlock(&node->mutex);
    if (has_more) {
        append_claim(server, node);
    } else if (node != server->home) {
        server->guest_count--;
    }
    if (is_late) {
        pthread_cond_signal(&node->has_input);
    }
}

void gw_cpu_server_run(gw_cpu_server *server)
{
    for (gw_cpu_node *node = take_claim(server); node != NULL; node = take_claim(server)) {
        if (is_stopping(node)) {
            return;
        }
        serve_node(server, node);
    }
}

/* --- A node's own thread --- */

/* Under the lock, as the next one. */
static void sleep_until(gw_cpu_node *node, gw_time due_ns)
{
    node->sleeps_until_ns = due_ns;
    if (due_ns == GW_TIME_NEVER) {
        pthread_cond_wait(&node->has_input, &node->mutex);
    } else {
        const struct timespec until = gw_monotonic_timespec(node->cluster->origin_ns + due_ns);
        pthread_cond_timedwait(&node->has_input, &node->mutex, &until);
    }
    node->sleeps_until_ns = 0;
}

/* Until it is called, or a timer is due of a node that nobody has claimed, which it claims.  A
 * watch wakes nobody where all is at rest.  False: the cluster stops. */
static bool await_claim(gw_cpu_node *node)
{
    while (!is_stopping(node)) {
        if (node->is_called) {
            node->is_called = false;
            return true;
        }
        const gw_time due_ns = node->is_claimed ? GW_TIME_NEVER : gw_timers_next_ns(&node->timers);
        if (due_ns > gw_cpu_cluster_now(node->cluster)) {
            sleep_until(node, due_ns);
        } else if (gw_activity_join(&node->cluster->activity)) {
            node->is_claimed = true;
            return true;
        } else {
            sleep_until(node, GW_TIME_NEVER);
        }
    }
    return false;
}

void *gw_cpu_node_run(void *context)
{
    gw_cpu_node *node = context;
    gw_cpu_server server = {.home = node};
    for (;;) {
        pthread_mutex_lock(&node->mutex);
        const bool has_claim = await_claim(node);
        pthread_mutex_unlock(&node->mutex);
        if (!has_claim) {
            return NULL;
        }
        append_claim(&server, node);
        gw_cpu_server_run(&server);
        gw_activity_end(&node->cluster->activity);
    }
}
