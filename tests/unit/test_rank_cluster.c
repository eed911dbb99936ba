/* SPDX-License-Identifier: Apache-2.0 */
/* Where nodes are, and that rest is found over all ranks: not while a timer or a message is on its
 * way anywhere, and in spite of watches that never stop.  (tests/contract holds ranks to the whole
 * contract; tests/unit/test_rank_run.c runs scenarios on them.) */
#include <check.h>
#include <pthread.h>

#include "real/cpu_remote.h"
#include "real/ledger.h"
#include "real/rank_cluster.h"
#include "run_suite.h"
#include "thread_link.h"

#define RANK_COUNT 3
#define LOOK_NS    UINT64_C(10000000)
#define LOOK_MAX   6000
#ifdef __SANITIZE_THREAD__ /* Slow: a rank would hardly ever be quiet when it is asked. */
#define WATCH_NS UINT64_C(1000000)
#else
#define WATCH_NS UINT64_C(200000)
#endif
#define HOPS      200
#define SPEAKS_NS UINT64_C(2000000) /* Books have gone once, and do not go again for long. */

/* Three hosts on two islands, one job: nodes 0 to 2, schedulers 3 and 4, resources 5, client 6. */
static gw_directory *make_directory(void)
{
    gw_island islands[2];
    for (uint32_t i = 0; i < 2; i++) {
        islands[i] = (gw_island){
            .host_count = 2 - i, .devices_per_host = 2, .shape = {4 - 2 * i, 1, 1}, .hbm_bytes = 1};
    }
    return gw_directory_new(islands, 2, 1);
}

typedef struct test_run test_run;
typedef void (*test_handler)(test_run *run, gw_port *port, gw_node_id node, const gw_input *input);
struct test_run {
    gw_directory *directory;
    thread_links *links;
    gw_ledger *ledgers[RANK_COUNT];
    gw_rank_cluster *clusters[RANK_COUNT];
    test_handler handle;
    bool is_overflow_known; /* To rank 0, as soon as all are at rest. */
    atomic_uint timers, messages;
    atomic_bool is_out_of_order;
};

static gw_port *port_of(test_run *run, gw_node_id node)
{
    const uint32_t rank = gw_rank_of_node(run->directory, node);
    return gw_cpu_cluster_port(gw_rank_cluster_cpu(run->clusters[rank]), node);
}

static void handle_input(void *context, gw_node_id node, const gw_input *input)
{
    test_run *run = context;
    gw_port *port = port_of(run, node);
    atomic_fetch_add(&run->timers, input->kind == GW_INPUT_TIMER ? 1 : 0);
    atomic_fetch_add(&run->messages, input->kind == GW_INPUT_MESSAGE ? 1 : 0);
    run->handle(run, port, node, input);
}

static void finish(gw_rank_cluster *cluster)
{
    g_autoptr(GString) words = g_string_new(NULL);
    gw_real_usage usage;
    uint32_t code;
    ck_assert(gw_rank_cluster_finish(cluster, 0, NULL, NULL, words, &usage, &code, NULL));
}

static gw_rank_state work(gw_rank_cluster *cluster)
{
    gw_rank_state state = GW_RANK_GOES_ON;
    for (uint32_t i = 0; i < LOOK_MAX && state == GW_RANK_GOES_ON; i++) {
        state = gw_rank_cluster_work(cluster, LOOK_NS, NULL, NULL);
    }
    return state;
}

static void *follow(void *context)
{
    gw_rank_cluster *cluster = context;
    ck_assert(gw_rank_cluster_start(cluster, NULL));
    ck_assert_int_eq(work(cluster), GW_RANK_ENDED);
    finish(cluster);
    return NULL;
}

static void run_to_rest(test_run *run, test_handler handle)
{
    *run = (test_run){
        .directory = make_directory(), .links = thread_links_new(RANK_COUNT), .handle = handle};
    pthread_t threads[RANK_COUNT];
    for (uint32_t r = 0; r < RANK_COUNT; r++) {
        run->ledgers[r] = gw_ledger_new(run->directory, NULL, true);
        run->clusters[r] = gw_rank_cluster_new(run->directory, run->ledgers[r],
                                               thread_links_at(run->links, r), handle_input, run);
    }
    for (uint32_t r = 1; r < RANK_COUNT; r++) {
        ck_assert_int_eq(pthread_create(&threads[r], NULL, follow, run->clusters[r]), 0);
    }
    ck_assert(gw_rank_cluster_start(run->clusters[0], NULL));
    ck_assert_int_eq(work(run->clusters[0]), GW_RANK_AT_REST);
    gw_note overflow;
    run->is_overflow_known = gw_ledger_overflow(run->ledgers[0], &overflow);
    finish(run->clusters[0]);
    for (uint32_t r = 1; r < RANK_COUNT; r++) {
        pthread_join(threads[r], NULL);
    }
    for (uint32_t r = 0; r < RANK_COUNT; r++) {
        gw_rank_cluster_free(run->clusters[r]);
        gw_ledger_free(run->ledgers[r]);
    }
    thread_links_free(run->links);
    gw_directory_free(run->directory);
}

START_TEST(hosts_are_ranks_and_what_decides_is_on_the_first)
{
    g_autoptr(gw_directory) directory = make_directory();
    static const uint32_t expected[] = {0, 1, 2, 0, 0, 0, 0};
    ck_assert_uint_eq(gw_directory_node_count(directory), G_N_ELEMENTS(expected));
    for (uint32_t i = 0; i < G_N_ELEMENTS(expected); i++) {
        ck_assert_uint_eq(gw_rank_of_node(directory, (gw_node_id){i}), expected[i]);
    }
}
END_TEST

/* A message goes round all ranks, each time after a timer, and carries the instant. */
typedef struct {
    gw_message header;
    uint64_t hop, sent_ns;
} hop_message;

static void pass_on(test_run *run, gw_port *port, gw_node_id node, const gw_input *input)
{
    const gw_time now_ns = port->ops->now(port);
    if (input->kind == GW_INPUT_START && node.index == 0) {
        port->ops->timer_set(port, now_ns + 1000, (gw_tag){0});
    } else if (input->kind == GW_INPUT_TIMER && input->tag.value < HOPS) {
        const hop_message hop = {{1, sizeof(hop)}, input->tag.value, now_ns};
        port->ops->send(port, (gw_node_id){(node.index + 1) % RANK_COUNT}, &hop.header);
    } else if (input->kind == GW_INPUT_MESSAGE) {
        const hop_message *hop = (const hop_message *)(const void *)input->message.content;
        if (now_ns < hop->sent_ns) {
            atomic_store(&run->is_out_of_order, true);
        }
        port->ops->timer_set(port, now_ns + (hop->hop % 20 == 0 ? 3000000 : 1000),
                             (gw_tag){hop->hop + 1});
    }
}

START_TEST(rest_is_not_found_while_anything_is_on_its_way)
{
    test_run run;
    run_to_rest(&run, pass_on);
    ck_assert_uint_eq(atomic_load(&run.messages), HOPS);
    ck_assert_uint_eq(atomic_load(&run.timers), HOPS + 1);
    ck_assert(!atomic_load(&run.is_out_of_order));
}
END_TEST

/* Far more often than ranks can be asked how they are, and over to another rank each time. */
static void watch_for_ever(test_run *run, gw_port *port, gw_node_id node, const gw_input *input)
{
    (void)run;
    const hop_message hop = {{1, sizeof(hop)}, 0, 0};
    if (input->kind == GW_INPUT_START || input->kind == GW_INPUT_TIMER) {
        if (node.index < RANK_COUNT) {
            port->ops->watch_set(port, port->ops->now(port) + WATCH_NS, (gw_tag){1});
            port->ops->send(port, (gw_node_id){(node.index + 1) % RANK_COUNT}, &hop.header);
        }
    }
}

START_TEST(watches_do_not_keep_it_from_rest)
{
    test_run run;
    run_to_rest(&run, watch_for_ever);
    ck_assert_uint_ge(atomic_load(&run.messages), RANK_COUNT);
}
END_TEST

/* The last host says what went wrong, and does nothing more. */
static void say_and_stop(test_run *run, gw_port *port, gw_node_id node, const gw_input *input)
{
    (void)run;
    if (node.index == RANK_COUNT - 1 && input->kind == GW_INPUT_START) {
        port->ops->timer_set(port, port->ops->now(port) + SPEAKS_NS, (gw_tag){1});
    } else if (node.index == RANK_COUNT - 1 && input->kind == GW_INPUT_TIMER) {
        port->ops->note(port, &(gw_note){.kind = GW_NOTE_OVERFLOW});
    }
}

/* Whoever finds rest knows why: it would call it a deadlock otherwise. */
START_TEST(rest_is_found_with_all_that_was_said)
{
    test_run run;
    run_to_rest(&run, say_and_stop);
    ck_assert(run.is_overflow_known);
}
END_TEST

START_TEST(a_clock_is_only_set_forward)
{
    g_autoptr(gw_directory) directory = make_directory();
    g_autoptr(gw_cpu_cluster) cpu = gw_cpu_cluster_new(directory, NULL, handle_input, NULL);
    gw_cpu_cluster_advance(cpu, UINT64_C(5000000000));
    const gw_time now_ns = gw_cpu_cluster_now(cpu);
    ck_assert_uint_ge(now_ns, UINT64_C(5000000000));
    gw_cpu_cluster_advance(cpu, UINT64_C(4000000000));
    ck_assert_uint_ge(gw_cpu_cluster_now(cpu), now_ns);
}
END_TEST

START_TEST(nothing_done_is_said_so)
{
    g_autoptr(gw_directory) directory = make_directory();
    g_autoptr(gw_cpu_cluster) cpu = gw_cpu_cluster_new(directory, NULL, handle_input, NULL);
    char text[40];
    gw_cpu_cluster_describe(cpu, text, sizeof(text));
    ck_assert_str_eq(text, "about to begin");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rank_cluster");
    TCase *tcase = tcase_create("ranks");
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, hosts_are_ranks_and_what_decides_is_on_the_first);
    tcase_add_test(tcase, rest_is_not_found_while_anything_is_on_its_way);
    tcase_add_test(tcase, watches_do_not_keep_it_from_rest);
    tcase_add_test(tcase, rest_is_found_with_all_that_was_said);
    tcase_add_test(tcase, a_clock_is_only_set_forward);
    tcase_add_test(tcase, nothing_done_is_said_so);
    suite_add_tcase(suite, tcase);
    return gw_run_suite(suite);
}
