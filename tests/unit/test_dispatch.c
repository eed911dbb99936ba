/* SPDX-License-Identifier: Apache-2.0 */
/* Gangs become segments, segments a batch, a batch one message per host. */
#include <check.h>
#include <stdlib.h>

#include "controller/dispatch.h"
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

int main(void)
{
    TCase *cases = tcase_create("dispatch");
    tcase_add_test(cases, empty_batch_sends_nothing);
    tcase_add_test(cases, consecutive_nodes_share_a_segment);
    tcase_add_test(cases, whatever_does_not_follow_begins_a_segment);
    tcase_add_test(cases, hosts_are_told_once_in_order_of_appearance);
    tcase_add_test(cases, batches_know_nothing_of_each_other);
    tcase_add_test(cases, down_a_tree_each_host_has_its_own_count);
    Suite *suite = suite_create("dispatch");
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed_count = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed_count == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
