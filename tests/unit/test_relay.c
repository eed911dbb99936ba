/* SPDX-License-Identifier: Apache-2.0 */
/* Rows and rows of rows; and a host that hears out of turn. */
#include <check.h>
#include <signal.h>
#include <string.h>

#include "controller/relay.h"
#include "run_suite.h"
#include "small_control.h"

#define HOSTS     8
#define LOOKAHEAD 3
#define DEVICES   2

/* Host 0 of an island of eight, with two devices; node 8 is the scheduler, 10 and 11 are clients.
 * A tree of two, three gangs ahead. */
typedef struct {
    gw_directory *directory;
    record_port *port;
    gw_control control;
    gw_relay *relay;
    GString *delivered;   /* "8:0 8:1": dispatcher and gang. */
    uint32_t sent_before; /* Calls of the port when the last one was delivered. */
} bench;

static void deliver(void *context, gw_node_id dispatcher, const gw_dispatch_message *dispatch)
{
    bench *made = context;
    ck_assert_uint_eq(dispatch->header.kind, GW_MESSAGE_DISPATCH);
    g_string_append_printf(made->delivered, "%s%u:%u", made->delivered->len == 0 ? "" : " ",
                           dispatcher.index, (unsigned)dispatch->segments[0].gang);
    made->sent_before = made->port->calls->len;
}

static void init_bench(bench *made)
{
    *made = (bench){.control = {.lookahead = LOOKAHEAD, .fanout = 2}};
    made->directory = small_directory(HOSTS, DEVICES, 2);
    made->port = record_port_new(made->directory, (gw_node_id){0});
    made->delivered = g_string_new(NULL);
    made->relay = gw_relay_new(made->directory, &made->control, (gw_node_id){0}, &made->port->base,
                               deliver, made);
}

static void clear_bench(bench *made)
{
    gw_relay_free(made->relay);
    g_string_free(made->delivered, TRUE);
    record_port_free(made->port);
    gw_directory_free(made->directory);
}

/* The batch `sequence` of `dispatcher`, whose gang has that number, for host `first` and the
 * `below` hosts after it. */
static void take(bench *made, uint32_t dispatcher, uint32_t first, uint32_t below,
                 uint32_t sequence)
{
    g_autofree gw_dispatch_message *dispatch = small_dispatch(0, 0, 0, 1, sequence, false);
    const uint32_t size_bytes = gw_relay_size_bytes(1 + below, dispatch->header.size_bytes);
    g_autofree gw_relay_message *message = g_malloc0(size_bytes);
    *message = (gw_relay_message){.header = {GW_MESSAGE_RELAY, size_bytes},
                                  .dispatcher = dispatcher,
                                  .stop_count = 1 + below};
    uint32_t hosts[HOSTS], senders[HOSTS] = {GW_INDEX_NONE}, sequences[HOSTS], scratch[2 * HOSTS];
    for (uint32_t i = 0; i <= below; i++) {
        hosts[i] = first + i;
        sequences[first + i] = i == 0 ? sequence : 70 + i;
    }
    gw_dispatch_tree(2, 0, 1, below + 1, senders);
    gw_relay_arrange(hosts, senders, below + 1, sequences, scratch, message->stops);
    memcpy(message->stops + 1 + below, dispatch, dispatch->header.size_bytes);
    gw_relay_take(made->relay, message);
}

static void check_delivered(bench *made, const char *expected)
{
    ck_assert_str_eq(made->delivered->str, expected);
    g_string_set_size(made->delivered, 0);
}

/* --- Down the tree --- */

static void send_rows(bench *made, uint32_t degree, uint32_t stop_count)
{
    static const uint32_t hosts[] = {5, 2, 7, 1, 0, 3, 4};
    uint32_t sequences[HOSTS] = {0, 1, 9, 2, 4, 0, 0, 4}; /* By host. */
    uint32_t senders[HOSTS], spare[2 * HOSTS];
    gw_relay_stop stops[HOSTS];
    g_autofree gw_dispatch_message *dispatch = small_dispatch(1, 2, 3, 1, 6, true);
    g_autoptr(GByteArray) scratch = g_byte_array_new();
    ck_assert_uint_le(stop_count, G_N_ELEMENTS(hosts));
    gw_dispatch_tree(degree, GW_INDEX_NONE, 0, stop_count, senders);
    gw_relay_arrange(hosts, senders, stop_count, sequences, spare, stops);
    gw_relay_send(&made->port->base, scratch, 8, stops, stop_count, dispatch);
}

#define WHAT ", instance 1 run 2 node 3 as gang 0.6, call 2, wants ENQUEUED\n"

START_TEST(rows_are_as_equal_as_can_be_and_longer_ones_first)
{
    bench made;
    init_bench(&made);
    send_rows(&made, 2, 7);
    CHECK_CALLS(made.port,
                "send to host 5: RELAY of node 8 to host 5 #0, host 2 #9, host 7 #4, host 1 #1" WHAT
                "send to host 0: RELAY of node 8 to host 0 #0, host 3 #2, host 4 #4" WHAT);
    send_rows(&made, 3, 7);
    CHECK_CALLS(made.port, "send to host 5: RELAY of node 8 to host 5 #0, host 2 #9, host 7 #4" WHAT
                           "send to host 1: RELAY of node 8 to host 1 #1, host 0 #0" WHAT
                           "send to host 3: RELAY of node 8 to host 3 #2, host 4 #4" WHAT);
    clear_bench(&made);
}
END_TEST

/* Any forest: each stop stands before those below it, and hosts are else in their order. */
START_TEST(any_tree_is_arranged)
{
    static const uint32_t hosts[] = {5, 2, 7, 1, 0, 3};
    static const uint32_t senders[] = {GW_INDEX_NONE, 0, GW_INDEX_NONE, 0, 2, 1};
    static const uint32_t expected[][2] = {{5, 3}, {2, 1}, {3, 0}, {1, 0}, {7, 1}, {0, 0}};
    uint32_t sequences[HOSTS] = {9, 9, 9, 9, 9, (1u << GW_RELAY_SEQUENCE_BITS) - 1, 9, 9};
    uint32_t scratch[2 * HOSTS];
    gw_relay_stop stops[HOSTS];
    gw_relay_arrange(hosts, senders, G_N_ELEMENTS(hosts), sequences, scratch, stops);
    for (uint32_t i = 0; i < G_N_ELEMENTS(hosts); i++) {
        ck_assert_uint_eq(stops[i].host, expected[i][0]);
        ck_assert_uint_eq(stops[i].below, expected[i][1]);
    }
    ck_assert_uint_eq(stops[0].sequence, (1u << GW_RELAY_SEQUENCE_BITS) - 1);
    gw_relay_arrange(hosts, senders, 1, sequences, scratch, stops);
    ck_assert_uint_eq(stops[0].sequence, 0); /* It begins again. */
    ck_assert_uint_eq(sequences[2], 10);
    ck_assert_uint_eq(sequences[4], 9); /* Of hosts that are none of them nothing is counted. */
}
END_TEST

START_TEST(few_hosts_are_told_one_by_one)
{
    bench made;
    init_bench(&made);
    send_rows(&made, 4, 2);
    CHECK_CALLS(made.port, "send to host 5: RELAY of node 8 to host 5 #0" WHAT
                           "send to host 2: RELAY of node 8 to host 2 #9" WHAT);
    send_rows(&made, 4, 0);
    CHECK_CALLS(made.port, "");
    clear_bench(&made);
}
END_TEST

START_TEST(a_host_passes_the_rest_of_its_row_on_before_its_own_work)
{
    bench made;
    init_bench(&made);
    take(&made, 8, 0, 3, 0);
    CHECK_CALLS(made.port, "send to host 1: RELAY of node 8 to host 1 #71, host 2 #72, "
                           "instance 0 run 0 node 0 as gang 0.0, call 0\n"
                           "send to host 3: RELAY of node 8 to host 3 #73, "
                           "instance 0 run 0 node 0 as gang 0.0, call 0\n");
    ck_assert_uint_eq(made.sent_before, 2);
    check_delivered(&made, "8:0");
    clear_bench(&made);
}
END_TEST

/* --- Holding back --- */

START_TEST(in_turn_nothing_is_held_back)
{
    bench made;
    init_bench(&made);
    for (uint32_t i = 0; i < 100; i++) {
        g_autofree char *expected = g_strdup_printf("8:%u", i);
        take(&made, 8, 0, 0, i);
        check_delivered(&made, expected);
    }
    CHECK_CALLS(made.port, "");
    clear_bench(&made);
}
END_TEST

START_TEST(what_comes_early_waits_for_its_turn)
{
    bench made;
    init_bench(&made);
    take(&made, 8, 0, 0, 2);
    take(&made, 8, 0, 0, 1);
    check_delivered(&made, "");
    take(&made, 8, 0, 0, 0);
    check_delivered(&made, "8:0 8:1 8:2");
    take(&made, 8, 0, 0, 4);
    take(&made, 8, 0, 0, 6);
    take(&made, 8, 0, 0, 3); /* 5 is still missing. */
    check_delivered(&made, "8:3 8:4");
    take(&made, 8, 0, 0, 7);
    take(&made, 8, 0, 0, 5);
    check_delivered(&made, "8:5 8:6 8:7");
    take(&made, 8, 0, 0, 8);
    check_delivered(&made, "8:8");
    clear_bench(&made);
}
END_TEST

START_TEST(what_is_held_back_is_passed_on_at_once)
{
    bench made;
    init_bench(&made);
    take(&made, 8, 0, 1, 1);
    check_delivered(&made, "");
    ck_assert_uint_eq(made.port->calls->len, 1);
    take(&made, 8, 0, 1, 0);
    check_delivered(&made, "8:0 8:1");
    ck_assert_uint_eq(made.port->calls->len, 2);
    clear_bench(&made);
}
END_TEST

START_TEST(dispatchers_do_not_wait_for_each_other)
{
    bench made;
    init_bench(&made);
    take(&made, 10, 0, 0, 1);
    take(&made, 11, 0, 0, 0);
    check_delivered(&made, "11:0");
    take(&made, 10, 0, 0, 0);
    check_delivered(&made, "10:0 10:1");
    clear_bench(&made);
}
END_TEST

/* A host that is freed in the middle gives back what it holds (the sanitizers look). */
START_TEST(as_much_is_held_back_as_can_be_out)
{
    bench made;
    init_bench(&made);
    for (uint32_t early = LOOKAHEAD * DEVICES - 1; early > 0; early--) {
        take(&made, 8, 0, 0, early);
    }
    check_delivered(&made, "");
    clear_bench(&made);
}
END_TEST

START_TEST(more_than_can_be_out_is_a_mistake)
{
    bench made;
    init_bench(&made);
    take(&made, 8, 0, 0, LOOKAHEAD * DEVICES);
}
END_TEST

START_TEST(the_same_twice_is_a_mistake)
{
    bench made;
    init_bench(&made);
    take(&made, 8, 0, 0, 0);
    take(&made, 8, 0, 0, 0);
}
END_TEST

START_TEST(the_same_early_twice_is_a_mistake)
{
    bench made;
    init_bench(&made);
    take(&made, 8, 0, 0, 2);
    take(&made, 8, 0, 0, 2);
}
END_TEST

START_TEST(what_is_for_another_host_is_a_mistake)
{
    bench made;
    init_bench(&made);
    take(&made, 8, 3, 0, 0);
}
END_TEST

START_TEST(hosts_do_not_dispatch)
{
    bench made;
    init_bench(&made);
    take(&made, 7, 0, 0, 0);
}
END_TEST

START_TEST(a_tree_of_one_is_a_mistake)
{
    bench made;
    init_bench(&made);
    send_rows(&made, 1, 3);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("relay");
    tcase_add_test(cases, rows_are_as_equal_as_can_be_and_longer_ones_first);
    tcase_add_test(cases, any_tree_is_arranged);
    tcase_add_test(cases, few_hosts_are_told_one_by_one);
    tcase_add_test(cases, a_host_passes_the_rest_of_its_row_on_before_its_own_work);
    tcase_add_test(cases, in_turn_nothing_is_held_back);
    tcase_add_test(cases, what_comes_early_waits_for_its_turn);
    tcase_add_test(cases, what_is_held_back_is_passed_on_at_once);
    tcase_add_test(cases, dispatchers_do_not_wait_for_each_other);
    tcase_add_test(cases, as_much_is_held_back_as_can_be_out);
    tcase_add_test_raise_signal(cases, more_than_can_be_out_is_a_mistake, SIGABRT);
    tcase_add_test_raise_signal(cases, the_same_twice_is_a_mistake, SIGABRT);
    tcase_add_test_raise_signal(cases, the_same_early_twice_is_a_mistake, SIGABRT);
    tcase_add_test_raise_signal(cases, what_is_for_another_host_is_a_mistake, SIGABRT);
    tcase_add_test_raise_signal(cases, hosts_do_not_dispatch, SIGABRT);
    tcase_add_test_raise_signal(cases, a_tree_of_one_is_a_mistake, SIGABRT);
    Suite *suite = suite_create("relay");
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
