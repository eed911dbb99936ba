/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes served by whoever posts to them: one thread at a time, in order, on which thread; what
 * takes long is handed over; timers go off, whoever set them. */
#include "real/cpu_server.h"

#include <check.h>
#include <pthread.h>
#include <stdatomic.h>

#include "real/cpu_port.h"
#include "real/cpu_private.h"
#include "run_suite.h"
#include "tests/lib/small_control.h"

enum { HOSTS = 4, LINES_MAX = 20000 };
#define RUN_NS   UINT64_C(60000000000)
#define PAUSE_NS UINT64_C(5000000)

typedef struct {
    gw_message header;
    uint32_t number;
} numbered;

typedef struct { /* What a node was handed, and by which thread. */
    uint32_t node;
    gw_input_kind kind;
    uint32_t source, number;
    gw_time at_ns;
    pthread_t thread;
} line;

typedef struct rig rig;
struct rig {
    gw_directory *directory;
    gw_cpu_cluster *cluster;
    void (*script)(rig *made, gw_port *port, uint32_t node, const line *said);
    atomic_bool is_inside[HOSTS];
    pthread_mutex_t mutex; /* Before what follows. */
    uint32_t line_count;
    line lines[LINES_MAX];
};

static void hear(void *context, gw_node_id node, const gw_input *input)
{
    rig *made = context;
    if (node.index >= HOSTS) {
        return;
    }
    ck_assert(!atomic_exchange(&made->is_inside[node.index], true));
    gw_port *port = gw_cpu_cluster_port(made->cluster, node);
    line said = {.node = node.index,
                 .kind = input->kind,
                 .number = (uint32_t)input->tag.value,
                 .at_ns = port->ops->now(port),
                 .thread = pthread_self()};
    if (input->kind == GW_INPUT_MESSAGE) {
        said.source = input->message.source.index;
        said.number = ((const numbered *)(const void *)input->message.content)->number;
    }
    pthread_mutex_lock(&made->mutex);
    ck_assert_uint_lt(made->line_count, LINES_MAX);
    made->lines[made->line_count++] = said;
    pthread_mutex_unlock(&made->mutex);
    made->script(made, port, node.index, &said);
    atomic_store(&made->is_inside[node.index], false);
}

static void say(gw_port *port, uint32_t target, uint32_t number)
{
    const numbered message = {{.kind = 1, .size_bytes = sizeof message}, number};
    port->ops->send(port, (gw_node_id){target}, &message.header);
}

static void set_timer(gw_port *port, gw_span span_ns, uint64_t tag)
{
    port->ops->timer_set(port, port->ops->now(port) + span_ns, (gw_tag){tag});
}

/* Until nothing is left to happen. */
static rig *play(void (*script)(rig *made, gw_port *port, uint32_t node, const line *said))
{
    rig *made = g_new0(rig, 1);
    made->directory = small_directory(HOSTS, 1, 1);
    made->script = script;
    pthread_mutex_init(&made->mutex, NULL);
    made->cluster = gw_cpu_cluster_new(made->directory, NULL, hear, made);
    ck_assert(gw_cpu_cluster_start(made->cluster, NULL));
    ck_assert(gw_cpu_cluster_wait(made->cluster, RUN_NS));
    gw_cpu_cluster_stop(made->cluster);
    return made;
}

static void rig_free(rig *made)
{
    gw_cpu_cluster_free(made->cluster);
    gw_directory_free(made->directory);
    pthread_mutex_destroy(&made->mutex);
    g_free(made);
}

static uint32_t count_lines(const rig *made, uint32_t node, gw_input_kind kind)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < made->line_count; i++) {
        count += made->lines[i].node == node && made->lines[i].kind == kind;
    }
    return count;
}

/* The index-th one of the node and kind. */
static const line *find_line(const rig *made, uint32_t node, gw_input_kind kind, uint32_t index)
{
    for (uint32_t i = 0; i < made->line_count; i++) {
        const line *said = &made->lines[i];
        if (said->node == node && said->kind == kind && index-- == 0) {
            return said;
        }
    }
    ck_abort_msg("node %u has no such line", node);
}

/* --- On which thread --- */

enum { ROUNDS = 1000 };

/* Once all have started, which a pause is long enough for as a rule. */
static void talk(rig *made, gw_port *port, uint32_t node, const line *said)
{
    (void)made;
    if (node == 0 && said->kind == GW_INPUT_START) {
        set_timer(port, PAUSE_NS, 0);
    } else if (said->kind == GW_INPUT_TIMER) {
        say(port, 1, 0);
    } else if (said->kind == GW_INPUT_MESSAGE && said->number < ROUNDS) {
        say(port, 1 - node, said->number + 1);
    }
}

START_TEST(who_posts_serves)
{
    rig *made = play(talk);
    ck_assert_uint_eq(count_lines(made, 0, GW_INPUT_MESSAGE), ROUNDS / 2);
    ck_assert_uint_eq(count_lines(made, 1, GW_INPUT_MESSAGE), ROUNDS / 2 + 1);
    uint32_t served_count = 0;
    for (uint32_t i = 0; i <= ROUNDS / 2; i++) {
        const line *said = find_line(made, 1, GW_INPUT_MESSAGE, i);
        const line *asked = i == 0 ? find_line(made, 0, GW_INPUT_TIMER, 0)
                                   : find_line(made, 0, GW_INPUT_MESSAGE, i - 1);
        ck_assert_uint_eq(said->number, 2 * i);
        served_count += pthread_equal(said->thread, asked->thread) != 0;
    }
    /* Usually all; each time that a core is taken away a node goes back to its own thread. */
    ck_assert_uint_gt(served_count, 0);
    rig_free(made);
}
END_TEST

enum { SLOW_INPUTS = 50 };

static void burden(rig *made, gw_port *port, uint32_t node, const line *said)
{
    (void)made;
    if (node == 0 && said->kind == GW_INPUT_START) {
        set_timer(port, PAUSE_NS, 0);
    } else if (said->kind == GW_INPUT_TIMER) {
        for (uint32_t i = 0; i < SLOW_INPUTS; i++) {
            say(port, 1, i);
        }
        say(port, 2, 0);
        say(port, 0, 0);
    } else if (node == 1 && said->kind == GW_INPUT_MESSAGE) {
        g_usleep(2000);
    }
}

START_TEST(what_takes_long_is_handed_over)
{
    rig *made = play(burden);
    ck_assert_uint_eq(count_lines(made, 1, GW_INPUT_MESSAGE), SLOW_INPUTS);
    const pthread_t asker = find_line(made, 0, GW_INPUT_TIMER, 0)->thread;
    for (uint32_t i = 0; i < SLOW_INPUTS; i++) {
        const line *said = find_line(made, 1, GW_INPUT_MESSAGE, i);
        ck_assert_uint_eq(said->number, i);
        ck_assert(i == 0 || !pthread_equal(said->thread, asker));
    }
    /* The others have not waited for all of it. */
    const gw_time middle_ns = find_line(made, 1, GW_INPUT_MESSAGE, SLOW_INPUTS / 2)->at_ns;
    ck_assert_uint_lt(find_line(made, 0, GW_INPUT_MESSAGE, 0)->at_ns, middle_ns);
    ck_assert_uint_lt(find_line(made, 2, GW_INPUT_MESSAGE, 0)->at_ns, middle_ns);
    rig_free(made);
}
END_TEST

/* --- In order --- */

enum { MESSAGES_EACH = 1000 };

/* All to all, themselves too; half of each node's are sent by what it is sent. */
static void crowd(rig *made, gw_port *port, uint32_t node, const line *said)
{
    (void)made;
    if (said->kind == GW_INPUT_START) {
        for (uint32_t i = 0; i < MESSAGES_EACH / 2; i++) {
            for (uint32_t target = 0; target < HOSTS; target++) {
                say(port, target, i);
            }
        }
    } else if (said->source == node && said->number < MESSAGES_EACH / 2) {
        for (uint32_t target = 0; target < HOSTS; target++) {
            say(port, target, MESSAGES_EACH / 2 + said->number);
        }
    }
}

START_TEST(messages_come_in_order_whoever_serves)
{
    rig *made = play(crowd);
    uint32_t next[HOSTS][HOSTS] = {0};
    for (uint32_t i = 0; i < made->line_count; i++) {
        const line *said = &made->lines[i];
        if (said->kind == GW_INPUT_MESSAGE) {
            ck_assert_uint_eq(said->number, next[said->source][said->node]);
            next[said->source][said->node]++;
        }
    }
    for (uint32_t i = 0; i < HOSTS * HOSTS; i++) {
        ck_assert_uint_eq(next[i / HOSTS][i % HOSTS], MESSAGES_EACH);
    }
    rig_free(made);
}
END_TEST

/* --- Timers of a node that another thread serves --- */

static void ask_for_timers(rig *made, gw_port *port, uint32_t node, const line *said)
{
    (void)made;
    if (node == 0 && said->kind == GW_INPUT_START) {
        set_timer(port, PAUSE_NS, 9);
    } else if (node == 0 && said->kind == GW_INPUT_TIMER && said->number == 9) {
        say(port, 1, 0);
        set_timer(port, 0, 8);
    } else if (said->kind == GW_INPUT_MESSAGE && said->number == 0) {
        set_timer(port, RUN_NS, 1); /* Nothing rests before it is taken back. */
        say(port, 1, 1);
    } else if (said->kind == GW_INPUT_MESSAGE) {
        set_timer(port, PAUSE_NS, 2);
    } else if (said->kind == GW_INPUT_TIMER && said->number == 2) {
        port->ops->timer_cancel(port, (gw_tag){1});
    }
}

/* Repeated, since who serves whom is a matter of chance. */
START_TEST(timers_go_off_whoever_set_them)
{
    for (uint32_t i = 0; i < 20; i++) {
        rig *made = play(ask_for_timers);
        ck_assert_uint_eq(count_lines(made, 1, GW_INPUT_TIMER), 1);
        const line *rang = find_line(made, 1, GW_INPUT_TIMER, 0);
        ck_assert_uint_eq(rang->number, 2);
        const gw_time set_ns = find_line(made, 1, GW_INPUT_MESSAGE, 1)->at_ns;
        ck_assert_uint_ge(rang->at_ns, set_ns + PAUSE_NS);
        ck_assert_uint_lt(rang->at_ns, set_ns + RUN_NS / 2);
        rig_free(made);
    }
}
END_TEST

static uint32_t count_safely(rig *made, uint32_t node, gw_input_kind kind)
{
    pthread_mutex_lock(&made->mutex);
    const uint32_t count = count_lines(made, node, kind);
    pthread_mutex_unlock(&made->mutex);
    return count;
}

/* Node 0 has something to do until node 1's first watch has gone off. */
static void ask_for_watches(rig *made, gw_port *port, uint32_t node, const line *said)
{
    if (node == 0 && said->kind == GW_INPUT_START) {
        set_timer(port, PAUSE_NS, 9);
        say(port, 1, 0);
    } else if (node == 0 && count_safely(made, 1, GW_INPUT_TIMER) == 0) {
        set_timer(port, PAUSE_NS, 9);
    } else if (said->kind == GW_INPUT_MESSAGE) {
        port->ops->watch_set(port, port->ops->now(port) + PAUSE_NS, (gw_tag){1});
        port->ops->watch_set(port, port->ops->now(port) + RUN_NS, (gw_tag){2});
    }
}

START_TEST(watches_go_off_while_something_happens_and_keep_nothing_going)
{
    rig *made = play(ask_for_watches);
    ck_assert_uint_eq(count_lines(made, 1, GW_INPUT_TIMER), 1);
    ck_assert_uint_eq(find_line(made, 1, GW_INPUT_TIMER, 0)->number, 1);
    rig_free(made);
}
END_TEST

/* --- What is left lying --- */

static void do_nothing(rig *made, gw_port *port, uint32_t node, const line *said)
{
    (void)made;
    (void)port;
    (void)node;
    (void)said;
}

static void leave(const rig *made, uint64_t tag, uint64_t now_ns)
{
    gw_cpu_cluster_leave(made->cluster, (gw_node_id){0},
                         &(gw_input){.kind = GW_INPUT_KERNEL_DONE, .tag = {tag}}, now_ns);
}

/* Node 0's claim is taken by this thread, or by nobody. */
static void take(const rig *made, gw_span patience_ns, uint64_t now_ns)
{
    gw_cpu_server server = {.home = NULL};
    gw_activity_begin(&made->cluster->activity, 1);
    gw_cpu_server_take_left(&server, &made->cluster->nodes[0], patience_ns, now_ns);
    gw_cpu_server_run(&server);
    gw_activity_end(&made->cluster->activity);
}

START_TEST(what_is_left_waits_for_its_time_or_for_who_has_some)
{
    rig *made = g_new0(rig, 1);
    made->directory = small_directory(HOSTS, 1, 1);
    made->script = do_nothing;
    pthread_mutex_init(&made->mutex, NULL);
    made->cluster = gw_cpu_cluster_new(made->directory, NULL, hear, made);
    ck_assert(gw_cpu_cluster_start(made->cluster, NULL));
    ck_assert(gw_cpu_cluster_wait(made->cluster, RUN_NS));
    take(made, 0, 1000); /* Nothing is there. */
    leave(made, 7, 1000);
    leave(made, 8, 1000 + GW_CPU_LEAVE_NS - 1); /* The first one's time counts. */
    take(made, GW_CPU_LEAVE_NS, 1000 + GW_CPU_LEAVE_NS - 1);
    ck_assert_uint_eq(count_lines(made, 0, GW_INPUT_KERNEL_DONE), 0);
    take(made, GW_CPU_LEAVE_NS, 1000 + GW_CPU_LEAVE_NS);
    ck_assert_uint_eq(count_lines(made, 0, GW_INPUT_KERNEL_DONE), 2);
    ck_assert_uint_eq(find_line(made, 0, GW_INPUT_KERNEL_DONE, 0)->number, 7);
    ck_assert_uint_eq(find_line(made, 0, GW_INPUT_KERNEL_DONE, 1)->number, 8);
    leave(made, 9, 2000);
    take(made, 0, 2000);
    ck_assert_uint_eq(count_lines(made, 0, GW_INPUT_KERNEL_DONE), 3);
    leave(made, 10, 3000); /* Whoever posts brings along what lies there. */
    gw_cpu_cluster_post(made->cluster, (gw_node_id){0},
                        &(gw_input){.kind = GW_INPUT_KERNEL_DONE, .tag = {11}}, NULL);
    ck_assert(gw_cpu_cluster_wait(made->cluster, RUN_NS));
    ck_assert_uint_eq(count_lines(made, 0, GW_INPUT_KERNEL_DONE), 5);
    take(made, 0, 4000); /* Nothing is there any more. */
    ck_assert_uint_eq(count_lines(made, 0, GW_INPUT_KERNEL_DONE), 5);
    gw_cpu_cluster_stop(made->cluster);
    rig_free(made);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cpu_server");
    TCase *tcase = tcase_create("serving");
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, who_posts_serves);
    tcase_add_test(tcase, what_takes_long_is_handed_over);
    tcase_add_test(tcase, messages_come_in_order_whoever_serves);
    tcase_add_test(tcase, timers_go_off_whoever_set_them);
    tcase_add_test(tcase, watches_go_off_while_something_happens_and_keep_nothing_going);
    tcase_add_test(tcase, what_is_left_waits_for_its_time_or_for_who_has_some);
    suite_add_tcase(suite, tcase);
    return gw_run_suite(suite);
}
