/* SPDX-License-Identifier: Apache-2.0 */
/* The user's loop on a host: what it calls, how far ahead, and that it asks nobody. */
#include <check.h>
#include <string.h>

#include "run_suite.h"
#include "small_system.h"

/* start (once) -> a -> b, carried back to a; one shard on each of two hosts. */
static gw_program *make_chain(void)
{
    gw_builder *builder = gw_builder_new("chain");
    const uint32_t mesh = small_mesh(builder, 2);
    const uint32_t start = small_once(builder, "start", mesh, "> r1");
    const uint32_t a = small_node(builder, "a", mesh, "r1 > r1 !");
    const uint32_t b = small_node(builder, "b", mesh, "r1 > r1 !");
    gw_builder_add_edge(builder, a, 0, b, 0);
    gw_builder_add_carried(builder, b, 0, start, 0, a, 0);
    return small_finish(builder);
}

static void init_host(small_system *made, gw_program *program, uint32_t host, gw_submit_mode submit,
                      uint32_t runs, uint32_t in_flight, uint32_t lookahead)
{
    const small_system_spec spec = {
        .system = &gw_system_multi_controller,
        .program = program,
        .submit = submit,
        .runs = runs,
        .in_flight = in_flight,
        .lookahead = lookahead,
        .host_count = 2,
        .devices_per_host = 1,
        .host = host,
    };
    small_system_init(made, &spec);
    small_system_install(made, (const uint32_t[]){0, 1, 0, 1});
}

static void begin_loop(small_system *made)
{
    const gw_instance_message loop = small_instance_message(GW_MESSAGE_LOOP, 0);
    small_system_hand(made, gw_directory_client(made->directory, 0), &loop.header);
}

/* What a whole job looks like from here: every gang, and every message to somebody else. */
static char *run_out(small_system *made)
{
    GString *told = g_string_new(NULL);
    bool goes_on = true;
    while (goes_on) {
        for (uint32_t i = 0; i < made->port->calls->len; i++) {
            const record_call *call = &g_array_index(made->port->calls, record_call, i);
            if (call->kind == RECORD_ENQUEUE)
                g_string_append_printf(told, "%u: run %u node %u; ", (uint32_t)call->kernel.gang,
                                       call->kernel.run, call->kernel.node);
            if (call->kind == RECORD_SEND && call->target.index != made->port->self.index)
                g_string_append_printf(told, "message %u to node %u; ", call->message->kind,
                                       call->target.index);
        }
        goes_on = made->port->calls->len > 0;
        small_system_deliver_own(made);
        const record_kind kinds[] = {RECORD_TIMER_SET, RECORD_ENQUEUE};
        for (uint32_t k = 0; k < G_N_ELEMENTS(kinds); k++)
            if (record_port_asks(made->port, kinds[k])) {
                small_system_answer(made, kinds[k], 0);
                goes_on = true;
                break;
            }
    }
    return g_string_free(told, FALSE);
}

START_TEST(calls_in_a_row_without_asking)
{
    small_system made;
    init_host(&made, make_chain(), 0, GW_SUBMIT_OP_BY_OP, 2, 2, 8);
    begin_loop(&made);
    CHECK_CALLS(made.port, "note GANG_ORDERED, gang 4.0 is instance 0 node 0\n"
                           "reserve 4 B for buffer 0 of instance 0 on mesh 0\n"
                           "enqueue gang 4.0: instance 0 node 0 run 0, writes 0\n"
                           "set timer 0 to 0 ns\n");
    ck_assert_uint_eq(made.port->spent[GW_COST_CALL], 1);
    small_system_answer(&made, RECORD_TIMER_SET, 0);
    CHECK_CALLS(made.port, "note GANG_ORDERED, gang 4.1 is instance 0 node 1\n"
                           "reserve 4 B for buffer 1 of instance 0 on mesh 0\n"
                           "enqueue gang 4.1: instance 0 node 1 run 0, reads 0, writes 1\n"
                           "set timer 0 to 0 ns\n");
    ck_assert_uint_eq(made.port->spent[GW_COST_CALL], 2);
    small_system_clear(&made);
}
END_TEST

/* Set-up is of the first run alone, and has a place in the count only there. */
START_TEST(one_message_ends_a_job)
{
    small_system made;
    init_host(&made, make_chain(), 0, GW_SUBMIT_OP_BY_OP, 2, 2, 8);
    begin_loop(&made);
    g_autofree char *told = run_out(&made);
    g_autofree char *end = g_strdup_printf("message %u to node 4; ", GW_MESSAGE_LOOP_DONE);
    g_autofree char *expected =
        g_strconcat("0: run 0 node 0; 1: run 0 node 1; 2: run 0 node 2; 3: run 1 node 1; "
                    "4: run 1 node 2; ",
                    end, NULL);
    ck_assert_str_eq(told, expected);
    ck_assert_uint_eq(made.port->spent[GW_COST_CALL], 5);
    small_system_clear(&made);
}
END_TEST

START_TEST(hosts_count_alike)
{
    static const gw_submit_mode modes[] = {GW_SUBMIT_OP_BY_OP, GW_SUBMIT_CHAINED};
    for (uint32_t m = 0; m < G_N_ELEMENTS(modes); m++) {
        char *told[2];
        for (uint32_t host = 0; host < 2; host++) {
            small_system made;
            init_host(&made, make_chain(), host, modes[m], 3, 1 + host, 1 + 3 * host);
            begin_loop(&made);
            told[host] = run_out(&made);
            small_system_clear(&made);
        }
        ck_assert_str_eq(told[0], told[1]);
        ck_assert(strstr(told[0], "6: run 2 node 2") != NULL);
        g_free(told[0]);
        g_free(told[1]);
    }
}
END_TEST

START_TEST(chained_is_one_call_per_run)
{
    small_system made;
    init_host(&made, make_chain(), 0, GW_SUBMIT_CHAINED, 3, 1, 2);
    begin_loop(&made);
    g_autofree char *told = run_out(&made);
    ck_assert(strstr(told, "6: run 2 node 2") != NULL);
    ck_assert_uint_eq(made.port->spent[GW_COST_CALL], 3);
    small_system_clear(&made);
}
END_TEST

/* Two gangs stand in the queue: the third waits until the report of one that is done. */
START_TEST(lookahead_bounds_the_loop)
{
    small_system made;
    init_host(&made, make_chain(), 0, GW_SUBMIT_OP_BY_OP, 2, 2, 2);
    begin_loop(&made);
    small_system_answer(&made, RECORD_TIMER_SET, 0);
    record_port_clear(made.port);
    small_system_answer(&made, RECORD_TIMER_SET, 0);
    CHECK_CALLS(made.port, "");
    small_system_answer(&made, RECORD_ENQUEUE, 0);
    ck_assert_uint_eq(made.port->spent[GW_COST_CALL], 2);
    small_system_deliver_own(&made);
    ck_assert_uint_eq(made.port->spent[GW_COST_CALL], 3);
    small_system_clear(&made);
}
END_TEST

START_TEST(runs_in_flight_bound_the_loop)
{
    small_system made;
    init_host(&made, make_chain(), 0, GW_SUBMIT_CHAINED, 3, 1, 64);
    begin_loop(&made);
    small_system_answer(&made, RECORD_TIMER_SET, 0);
    ck_assert_uint_eq(made.port->spent[GW_COST_CALL], 1);
    g_autoptr(GString) said = g_string_new(NULL);
    gw_controller_explain(made.controller, said);
    ck_assert_str_eq(said->str, "host 0: the loop of job job waits for run 0\n");
    small_system_clear(&made);
}
END_TEST

/* left on host 0 alone, right on host 1: each host calls its own node, and counts both. */
START_TEST(other_hosts_nodes_are_counted_and_not_called)
{
    gw_builder *builder = gw_builder_new("two");
    const uint32_t left = small_mesh(builder, 1), right = small_mesh(builder, 1);
    small_node(builder, "left", left, "> r1");
    small_node(builder, "right", right, "> r1");
    gw_program *program = small_finish(builder);
    const small_system_spec spec = {
        &gw_system_multi_controller, program, GW_SUBMIT_OP_BY_OP, 2, 1, 8, 2, 1, false, 1};
    small_system made;
    small_system_init(&made, &spec);
    small_system_install(&made, (const uint32_t[]){0, 1});
    begin_loop(&made);
    g_autofree char *told = run_out(&made);
    g_autofree char *expected = g_strdup_printf(
        "1: run 0 node 1; 3: run 1 node 1; message %u to node 4; ", GW_MESSAGE_LOOP_DONE);
    ck_assert_str_eq(told, expected);
    ck_assert_uint_eq(made.port->spent[GW_COST_CALL], 2);
    small_system_clear(&made);
}
END_TEST

/* A mesh without nodes brings a host into the job that has nothing to do. */
START_TEST(host_without_gangs_is_done_at_once)
{
    gw_builder *builder = gw_builder_new("idle");
    const uint32_t left = small_mesh(builder, 1);
    small_mesh(builder, 1);
    small_node(builder, "left", left, "> r1");
    gw_program *program = small_finish(builder);
    const small_system_spec spec = {
        &gw_system_multi_controller, program, GW_SUBMIT_CHAINED, 2, 1, 8, 2, 1, false, 1};
    small_system made;
    small_system_init(&made, &spec);
    small_system_install(&made, (const uint32_t[]){0, 1});
    begin_loop(&made);
    CHECK_CALLS(made.port, "send to client 0: LOOP_DONE, instance 0\n");
    small_system_clear(&made);
}
END_TEST

static Suite *system_multi_suite(void)
{
    Suite *suite = suite_create("system_multi");
    TCase *cases = tcase_create("loop");
    tcase_add_test(cases, calls_in_a_row_without_asking);
    tcase_add_test(cases, one_message_ends_a_job);
    tcase_add_test(cases, hosts_count_alike);
    tcase_add_test(cases, chained_is_one_call_per_run);
    tcase_add_test(cases, lookahead_bounds_the_loop);
    tcase_add_test(cases, runs_in_flight_bound_the_loop);
    tcase_add_test(cases, other_hosts_nodes_are_counted_and_not_called);
    tcase_add_test(cases, host_without_gangs_is_done_at_once);
    suite_add_tcase(suite, cases);
    return suite;
}

int main(void)
{
    return gw_run_suite(system_multi_suite());
}
