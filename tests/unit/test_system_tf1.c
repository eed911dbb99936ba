/* SPDX-License-Identifier: Apache-2.0 */
/* The coordinator: the barrier between gangs, and what a call waits for before it returns. */
#include <check.h>
#include <signal.h>

#include "run_suite.h"
#include "small_system.h"

#define CLIENT 4

static void init_coordinator(small_system *made, gw_submit_mode submit)
{
    const small_system_spec spec = {
        .system = &gw_system_tf1,
        .program = small_system_chain(),
        .submit = submit,
        .runs = 3,
        .in_flight = 1,
        .lookahead = 8,
        .host_count = 2,
        .devices_per_host = 1,
        .is_client = true,
    };
    small_system_init(made, &spec);
    small_system_install(made, (const uint32_t[]){0, 1});
}

/* Host `host` has finished `count` gangs, and with them `run` unless it is GW_INDEX_NONE. */
static void report(small_system *made, uint32_t host, uint32_t count, uint32_t run)
{
    g_autofree gw_progress *message =
        small_progress(1, &count, run == GW_INDEX_NONE ? GW_INDEX_NONE : 0, run);
    small_system_hand(made, (gw_node_id){host}, &message->header);
}

static void fetch(small_system *made, uint32_t host, bool is_last)
{
    const gw_fetched message = {{GW_MESSAGE_FETCHED, sizeof message}, 0, 0, 0, is_last};
    small_system_hand(made, (gw_node_id){host}, &message.header);
}

START_TEST(graph_has_a_part_per_shard)
{
    small_system made;
    init_coordinator(&made, GW_SUBMIT_CHAINED);
    ck_assert_uint_eq(made.port->spent[GW_COST_LOWER], 3 * 2);
    small_system_submit(&made, 0, 0, 3, 0);
    ck_assert_uint_eq(made.port->spent[GW_COST_SCHEDULE], 2);
    small_system_clear(&made);
}
END_TEST

START_TEST(barrier_waits_for_every_host)
{
    small_system made;
    init_coordinator(&made, GW_SUBMIT_CHAINED);
    small_system_submit(&made, 0, 0, 3, 0);
    CHECK_CALLS(made.port,
                "note GANG_ORDERED, gang 4.0 is instance 0 node 0\n"
                "send to host 0: DISPATCH, instance 0 run 0 node 0 as gang 4.0, call 0\n"
                "send to host 1: DISPATCH, instance 0 run 0 node 0 as gang 4.0, call 0\n");
    report(&made, 1, 1, GW_INDEX_NONE);
    CHECK_CALLS(made.port, "");
    report(&made, 0, 1, GW_INDEX_NONE);
    CHECK_CALLS(made.port,
                "note GANG_ORDERED, gang 4.1 is instance 0 node 1\n"
                "send to host 0: DISPATCH, instance 0 run 0 node 1 as gang 4.1, call 0\n"
                "send to host 1: DISPATCH, instance 0 run 0 node 1 as gang 4.1, call 0\n");
    small_system_clear(&made);
}
END_TEST

/* Chained: the sharded value leaves from both hosts; what is carried stays. */
START_TEST(call_returns_with_its_values_and_its_run)
{
    small_system made;
    init_coordinator(&made, GW_SUBMIT_CHAINED);
    small_system_submit(&made, 0, 0, 3, 0);
    for (uint32_t gang = 0; gang < 3; gang++) {
        report(&made, 0, 1, GW_INDEX_NONE);
        report(&made, 1, 1, GW_INDEX_NONE);
    }
    record_port_clear(made.port);
    report(&made, 0, 0, 0);
    report(&made, 1, 0, 0);
    fetch(&made, 0, true);
    fetch(&made, 1, false); /* More of it comes. */
    CHECK_CALLS(made.port, "");
    fetch(&made, 1, true);
    CHECK_CALLS(made.port, "send to client 0: RETURNED, instance 0 run 0, call 0\n"
                           "send to client 0: RUN_DONE, instance 0 run 0\n");
    small_system_clear(&made);
}
END_TEST

START_TEST(op_by_op_fetches_what_the_next_call_reads)
{
    small_system made;
    init_coordinator(&made, GW_SUBMIT_OP_BY_OP);
    small_system_submit(&made, 0, 0, 1, 0);
    report(&made, 0, 1, GW_INDEX_NONE);
    record_port_clear(made.port);
    report(&made, 1, 1, GW_INDEX_NONE); /* start is carried into a: state, not fetched. */
    CHECK_CALLS(made.port, "send to client 0: RETURNED, instance 0 run 0, call 0\n");
    small_system_submit(&made, 0, 1, 1, 1);
    report(&made, 0, 1, GW_INDEX_NONE);
    report(&made, 1, 1, GW_INDEX_NONE);
    record_port_clear(made.port);
    fetch(&made, 0, true);
    fetch(&made, 0, true);
    CHECK_CALLS(made.port, "");
    fetch(&made, 1, true);
    CHECK_CALLS(made.port, "send to client 0: RETURNED, instance 0 run 0, call 1\n");
    small_system_submit(&made, 0, 2, 1, 2);
    report(&made, 0, 1, 0);
    record_port_clear(made.port);
    report(&made, 1, 1, 0);
    CHECK_CALLS(made.port, "send to client 0: RETURNED, instance 0 run 0, call 2\n"
                           "send to client 0: RUN_DONE, instance 0 run 0\n");
    small_system_clear(&made);
}
END_TEST

START_TEST(later_runs_are_without_set_up)
{
    small_system made;
    init_coordinator(&made, GW_SUBMIT_CHAINED);
    small_system_submit(&made, 1, 0, 3, 0);
    CHECK_CALLS(made.port,
                "note GANG_ORDERED, gang 4.0 is instance 0 node 1\n"
                "send to host 0: DISPATCH, instance 0 run 1 node 1 as gang 4.0, call 0\n"
                "send to host 1: DISPATCH, instance 0 run 1 node 1 as gang 4.0, call 0\n");
    small_system_clear(&made);
}
END_TEST

START_TEST(barrier_is_named)
{
    small_system made;
    init_coordinator(&made, GW_SUBMIT_CHAINED);
    small_system_submit(&made, 0, 0, 3, 0);
    report(&made, 0, 1, GW_INDEX_NONE);
    g_autoptr(GString) said = g_string_new(NULL);
    gw_controller_explain(made.controller, said);
    ck_assert(g_str_has_prefix(said->str, "coordinator of job job: run 0 waits at the barrier "
                                          "behind node start for 1 host\n"));
    small_system_clear(&made);
}
END_TEST

START_TEST(host_that_reports_twice_aborts)
{
    small_system made;
    init_coordinator(&made, GW_SUBMIT_CHAINED);
    small_system_submit(&made, 0, 2, 1, 0);
    report(&made, 0, 1, 0);
    report(&made, 1, 1, 0);
    report(&made, 1, 1, GW_INDEX_NONE);
}
END_TEST

START_TEST(leaving_forgets_the_graph)
{
    small_system made;
    init_coordinator(&made, GW_SUBMIT_CHAINED);
    const gw_instance_message retire = small_instance_message(GW_MESSAGE_RETIRE, 0);
    small_system_hand(&made, (gw_node_id){CLIENT}, &retire.header);
    CHECK_CALLS(made.port, "send to client 0: RETIRED, instance 0\n");
    small_system_clear(&made);
}
END_TEST

static Suite *system_tf1_suite(void)
{
    Suite *suite = suite_create("system_tf1");
    TCase *cases = tcase_create("system_tf1");
    tcase_add_test(cases, graph_has_a_part_per_shard);
    tcase_add_test(cases, barrier_waits_for_every_host);
    tcase_add_test(cases, call_returns_with_its_values_and_its_run);
    tcase_add_test(cases, op_by_op_fetches_what_the_next_call_reads);
    tcase_add_test(cases, later_runs_are_without_set_up);
    tcase_add_test(cases, barrier_is_named);
    tcase_add_test_raise_signal(cases, host_that_reports_twice_aborts, SIGABRT);
    tcase_add_test(cases, leaving_forgets_the_graph);
    suite_add_tcase(suite, cases);
    return suite;
}

int main(void)
{
    return gw_run_suite(system_tf1_suite());
}
