/* SPDX-License-Identifier: Apache-2.0 */
/* Gangs become segments, segments a batch, a batch one message per host. */
#include <check.h>
#include <string.h>

#include "base/error.h"
#include "base/params.h"
#include "controller/dispatch.h"
#include "run_suite.h"
#include "small_control.h"

/* Five hosts of one device; the recorder is the scheduler's, node 5. */
typedef struct {
    gw_directory *directory;
    record_port *port;
    gw_dispatch *dispatch;
} bench;

static const uint32_t first_two[] = {0, 1}, last_two[] = {3, 4}, second[] = {1};

static void init_bench(bench *made)
{
    made->directory = small_directory(5, 1, 1);
    made->port = record_port_new(made->directory, (gw_node_id){5});
    made->dispatch = gw_dispatch_direct_new(&made->port->base, (gw_node_id){5}, 5);
}

static void clear_bench(bench *made)
{
    gw_dispatch_free(made->dispatch);
    record_port_free(made->port);
    gw_directory_free(made->directory);
}

START_TEST(empty_batch_sends_nothing)
{
    bench made;
    init_bench(&made);
    ck_assert_uint_eq(gw_dispatch_flush(made.dispatch, false), 0);
    ck_assert_uint_eq(gw_dispatch_flush(made.dispatch, true), 0);
    CHECK_CALLS(made.port, "");
    clear_bench(&made);
}
END_TEST

START_TEST(consecutive_nodes_share_a_segment)
{
    bench made;
    init_bench(&made);
    for (uint32_t n = 0; n < 4; n++) {
        gw_dispatch_add(made.dispatch, 2, 7, 3 + n, 10 + n, 1, first_two, 2);
    }
    ck_assert_uint_eq(gw_dispatch_flush(made.dispatch, false), 2);
    CHECK_CALLS(made.port,
                "send to host 0: DISPATCH, instance 2 run 7 nodes 3 to 6 as gang 0.10, call 1\n"
                "send to host 1: DISPATCH, instance 2 run 7 nodes 3 to 6 as gang 0.10, call 1\n");
    clear_bench(&made);
}
END_TEST

START_TEST(whatever_does_not_follow_begins_a_segment)
{
    bench made;
    init_bench(&made);
    gw_dispatch_add(made.dispatch, 2, 7, 3, 10, 1, second, 1);
    gw_dispatch_add(made.dispatch, 2, 7, 5, 11, 1, second, 1); /* A node was left out. */
    gw_dispatch_add(made.dispatch, 2, 7, 6, 13, 1, second, 1); /* A gang was. */
    gw_dispatch_add(made.dispatch, 2, 7, 7, 14, 2, second, 1); /* Another call, */
    gw_dispatch_add(made.dispatch, 2, 8, 8, 15, 2, second, 1); /* run, */
    gw_dispatch_add(made.dispatch, 3, 8, 9, 16, 2, second, 1); /* instance. */
    ck_assert_uint_eq(gw_dispatch_flush(made.dispatch, false), 1);
    CHECK_CALLS(made.port, "send to host 1: DISPATCH, instance 2 run 7 node 3 as gang 0.10, call 1"
                           "; instance 2 run 7 node 5 as gang 0.11, call 1"
                           "; instance 2 run 7 node 6 as gang 0.13, call 1"
                           "; instance 2 run 7 node 7 as gang 0.14, call 2"
                           "; instance 2 run 8 node 8 as gang 0.15, call 2"
                           "; instance 3 run 8 node 9 as gang 0.16, call 2\n");
    clear_bench(&made);
}
END_TEST

START_TEST(hosts_are_told_once_in_order_of_appearance)
{
    bench made;
    init_bench(&made);
    gw_dispatch_add(made.dispatch, 0, 0, 0, 0, 0, last_two, 2);
    gw_dispatch_add(made.dispatch, 1, 0, 0, 1, 0, first_two, 2);
    gw_dispatch_add(made.dispatch, 2, 0, 0, 2, 0, second, 1);
    gw_dispatch_add(made.dispatch, 3, 0, 0, 3, 0, last_two, 2);
    ck_assert_uint_eq(gw_dispatch_flush(made.dispatch, false), 4);
    ck_assert_uint_eq(made.port->calls->len, 4);
    static const uint32_t order[] = {3, 4, 0, 1};
    for (uint32_t i = 0; i < 4; i++) {
        const record_call *call = &g_array_index(made.port->calls, record_call, i);
        ck_assert_uint_eq(call->target.index, order[i]);
        ck_assert_uint_eq(((const gw_dispatch_message *)call->message)->segment_count, 4);
    }
    clear_bench(&made);
}
END_TEST

START_TEST(batches_know_nothing_of_each_other)
{
    bench made;
    init_bench(&made);
    gw_dispatch_add(made.dispatch, 0, 0, 0, 0, 0, first_two, 2);
    ck_assert_uint_eq(gw_dispatch_flush(made.dispatch, false), 2);
    record_port_clear(made.port);
    gw_dispatch_add(made.dispatch, 0, 0, 1, 1, 0, first_two, 2); /* The same hosts, told again. */
    ck_assert_uint_eq(gw_dispatch_flush(made.dispatch, true), 2);
    CHECK_CALLS(made.port, "send to host 0: DISPATCH, instance 0 run 0 node 1 as gang 0.1, call 0, "
                           "wants ENQUEUED\n"
                           "send to host 1: DISPATCH, instance 0 run 0 node 1 as gang 0.1, call 0, "
                           "wants ENQUEUED\n");
    clear_bench(&made);
}
END_TEST

/* Every batch counts for the hosts that it goes to, and for no others. */
START_TEST(down_a_tree_each_host_has_its_own_count)
{
    bench made;
    init_bench(&made);
    const gw_control control = {.fanout = 2};
    gw_dispatch *tree = gw_dispatch_new(&made.port->base, (gw_node_id){5}, 5, &control, NULL);
    gw_dispatch_add(tree, 0, 0, 0, 0, 0, second, 1);
    ck_assert_uint_eq(gw_dispatch_flush(tree, false), 1);
    gw_dispatch_add(tree, 0, 0, 1, 1, 0, first_two, 2);
    gw_dispatch_add(tree, 0, 0, 2, 2, 0, last_two, 2);
    ck_assert_uint_eq(gw_dispatch_flush(tree, true), 4);
    ck_assert_uint_eq(gw_dispatch_flush(tree, true), 0);
    gw_dispatch_add(tree, 0, 0, 3, 3, 0, last_two, 2);
    ck_assert_uint_eq(gw_dispatch_flush(tree, false), 2);
    CHECK_CALLS(made.port,
                "send to host 1: RELAY of node 5 to host 1 #0, instance 0 run 0 node 0 as gang "
                "0.0, call 0\n"
                "send to host 0: RELAY of node 5 to host 0 #0, host 1 #1, instance 0 run 0 nodes 1 "
                "to 2 as gang 0.1, call 0, wants ENQUEUED\n"
                "send to host 3: RELAY of node 5 to host 3 #0, host 4 #0, instance 0 run 0 nodes 1 "
                "to 2 as gang 0.1, call 0, wants ENQUEUED\n"
                "send to host 3: RELAY of node 5 to host 3 #1, instance 0 run 0 node 3 as gang "
                "0.3, call 0\n"
                "send to host 4: RELAY of node 5 to host 4 #1, instance 0 run 0 node 3 as gang "
                "0.3, call 0\n");
    gw_dispatch_free(tree);
    clear_bench(&made);
}
END_TEST

/* --- What the policy says --- */

/* A policy that answers what `answers` says: a step, and the sender of a batch's last host. */
typedef struct {
    gw_dispatch_policy base;
    uint32_t step, sender;
    uint32_t batch_gangs, gang_count, size_bytes; /* What it was told. */
    uint32_t forgotten;
} answering;

static answering oracle; /* One test at a time; set anew by each. */

static gw_dispatch_policy *oracle_create(gw_params *params, GError **error)
{
    if (params != NULL) {
        g_set_error_literal(error, GW_ERROR, GW_ERROR_SCENARIO, "no parameters today");
    }
    return params != NULL || oracle.step == UINT32_MAX ? NULL : &oracle.base;
}

static void oracle_destroy(gw_dispatch_policy *policy)
{
    ck_assert_ptr_eq(policy, &oracle.base);
}

static gw_dispatch_step oracle_step(gw_dispatch_policy *policy, const gw_dispatch_gang *gang,
                                    gw_time now_ns)
{
    ck_assert_ptr_eq(policy, &oracle.base);
    ck_assert_uint_eq(now_ns, 17);
    oracle.batch_gangs = gang->batch_gangs;
    return (gw_dispatch_step)oracle.step;
}

static void oracle_fan_out(gw_dispatch_policy *policy, const gw_dispatch_batch *batch,
                           uint32_t *out_senders)
{
    ck_assert_ptr_eq(policy, &oracle.base);
    oracle.gang_count = batch->gang_count;
    oracle.size_bytes = batch->size_bytes;
    out_senders[batch->host_count - 1] = oracle.sender;
}

static void oracle_forget(gw_dispatch_policy *policy, uint32_t instance)
{
    ck_assert_ptr_eq(policy, &oracle.base);
    oracle.forgotten = instance;
}

static const gw_dispatch_policy_ops oracle_ops = {.name = "oracle",
                                                  .create = oracle_create,
                                                  .destroy = oracle_destroy,
                                                  .step = oracle_step,
                                                  .fan_out = oracle_fan_out,
                                                  .forget = oracle_forget};
static const gw_control oracle_control = {.dispatch = &oracle_ops};

static void init_oracle(bench *made, uint32_t step, uint32_t sender)
{
    init_bench(made);
    gw_dispatch_free(made->dispatch);
    oracle = (answering){.base = {&oracle_ops}, .step = step, .sender = sender};
    made->dispatch = gw_dispatch_new(&made->port->base, (gw_node_id){5}, 5, &oracle_control, NULL);
    ck_assert_ptr_nonnull(made->dispatch);
}

/* One gang of two nodes' program "job", on the last two hosts. */
static gw_dispatch_step ask_and_add(bench *made, uint32_t node)
{
    gw_dispatch_gang gang = {.run = 2, .node = node, .batch_gangs = 99};
    const gw_dispatch_step step = gw_dispatch_ask(made->dispatch, &gang, 17);
    gw_dispatch_add(made->dispatch, 0, 2, node, node, 0, last_two, 2);
    return step;
}

START_TEST(steps_and_trees_are_the_policys)
{
    bench made;
    for (uint32_t step = GW_DISPATCH_WITH_TURN; step <= GW_DISPATCH_AWAIT; step++) {
        init_oracle(&made, step, 0);
        ck_assert_int_eq(ask_and_add(&made, 0), step);
        ck_assert_uint_eq(oracle.batch_gangs, 0);
        ck_assert_int_eq(ask_and_add(&made, 1), step);
        ck_assert_uint_eq(oracle.batch_gangs, 1);
        ck_assert_uint_eq(gw_dispatch_flush(made.dispatch, false), 2);
        ck_assert_uint_eq(oracle.gang_count, 2);
        ck_assert_uint_eq(oracle.size_bytes, sizeof(gw_dispatch_message) + sizeof(gw_segment));
        CHECK_CALLS(made.port, "send to host 3: RELAY of node 5 to host 3 #0, host 4 #0, instance "
                               "0 run 2 nodes 0 to 1 as gang 0.0, call 0\n");
        oracle.sender = GW_INDEX_NONE; /* Straight: in the same order as down the tree. */
        ask_and_add(&made, 2);
        ck_assert_uint_eq(oracle.batch_gangs, 0);
        ck_assert_uint_eq(gw_dispatch_flush(made.dispatch, false), 2);
        CHECK_CALLS(made.port, "send to host 3: RELAY of node 5 to host 3 #1, instance 0 run 2 "
                               "node 2 as gang 0.2, call 0\n"
                               "send to host 4: RELAY of node 5 to host 4 #1, instance 0 run 2 "
                               "node 2 as gang 0.2, call 0\n");
        gw_dispatch_end(made.dispatch, 7);
        ck_assert_uint_eq(oracle.forgotten, 7);
        ck_assert(!gw_dispatch_is_wrong(made.dispatch));
        clear_bench(&made);
    }
}
END_TEST

static void check_blame(bench *made, const char *expected)
{
    gw_builder *builder = gw_builder_new("job");
    const uint32_t mesh = small_mesh(builder, 1);
    small_node(builder, "node0", mesh, "> s1");
    small_node(builder, "node1", mesh, "> s2");
    g_autoptr(gw_program) program = small_finish(builder);
    const gw_job job = {.name = "job", .program = program};
    GString *words = g_string_new(NULL);
    CHECK_CALLS(made->port, "note DISPATCH_WRONG, node 5\n");
    ck_assert(gw_dispatch_is_wrong(made->dispatch));
    gw_dispatch_blame(made->dispatch, &job, words);
    ck_assert_str_eq(words->str, expected);
    g_string_free(words, TRUE);
    ask_and_add(made, 1); /* Nothing leaves any more. */
    ck_assert_uint_eq(gw_dispatch_flush(made->dispatch, false), 0);
    record_port_clear(made->port);
}

START_TEST(a_step_that_is_none)
{
    static const uint32_t steps[] = {0, 4, 0x7fffffff};
    bench made;
    init_oracle(&made, steps[_i], GW_INDEX_NONE);
    ck_assert_int_eq(ask_and_add(&made, 1), 0);
    g_autofree char *expected =
        g_strdup_printf("step answered %u for job \"job\", run 2, node \"node1\", expected "
                        "GW_DISPATCH_WITH_TURN (1), NOW (2) or AWAIT (3)",
                        steps[_i]);
    check_blame(&made, expected);
    clear_bench(&made);
}
END_TEST

START_TEST(a_sender_that_is_none)
{
    static const uint32_t senders[] = {1, 2, UINT32_MAX - 1};
    bench made;
    init_oracle(&made, GW_DISPATCH_NOW, senders[_i]);
    ask_and_add(&made, 0);
    ck_assert_uint_eq(gw_dispatch_flush(made.dispatch, true), 0);
    g_autofree char *expected = g_strdup_printf(
        "fan_out sends to host 4, at place 1 of a batch, from place %u, expected a place before it",
        senders[_i]);
    check_blame(&made, expected);
    clear_bench(&made);
}
END_TEST

START_TEST(policy_refuses_to_be_made)
{
    bench made;
    init_oracle(&made, GW_DISPATCH_NOW, 0);
    g_autoptr(GError) error = NULL, silent = NULL;
    g_autoptr(gw_params) params = gw_params_parse("{}", "s.json", NULL);
    gw_control control = {.dispatch = &oracle_ops, .dispatch_params = params};
    ck_assert_ptr_null(gw_dispatch_new(&made.port->base, (gw_node_id){5}, 5, &control, &error));
    ck_assert_str_eq(error->message, "no parameters today");
    control.dispatch_params = NULL;
    oracle.step = UINT32_MAX;
    ck_assert_ptr_null(gw_dispatch_new(&made.port->base, (gw_node_id){5}, 5, &control, &silent));
    ck_assert_ptr_nonnull(strstr(silent->message, "dispatch policy oracle refused to be made"));
    clear_bench(&made);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("dispatch");
    tcase_add_test(cases, empty_batch_sends_nothing);
    tcase_add_test(cases, consecutive_nodes_share_a_segment);
    tcase_add_test(cases, whatever_does_not_follow_begins_a_segment);
    tcase_add_test(cases, hosts_are_told_once_in_order_of_appearance);
    tcase_add_test(cases, batches_know_nothing_of_each_other);
    tcase_add_test(cases, down_a_tree_each_host_has_its_own_count);
    tcase_add_test(cases, steps_and_trees_are_the_policys);
    tcase_add_loop_test(cases, a_step_that_is_none, 0, 3);
    tcase_add_loop_test(cases, a_sender_that_is_none, 0, 3);
    tcase_add_test(cases, policy_refuses_to_be_made);
    Suite *suite = suite_create("dispatch");
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
