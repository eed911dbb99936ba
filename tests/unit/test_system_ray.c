/* SPDX-License-Identifier: Apache-2.0 */
/* The driver and its actors: who waits for whom, and what crosses the bus. */
#include <check.h>
#include <signal.h>

#include "run_suite.h"
#include "small_system.h"

#define CLIENT 4

static void init_node(small_system *made, gw_submit_mode submit, bool is_client)
{
    const small_system_spec spec = {
        .system = &gw_system_ray,
        .program = small_system_chain(),
        .submit = submit,
        .runs = 3,
        .in_flight = 1,
        .lookahead = 8,
        .host_count = 2,
        .devices_per_host = 1,
        .is_client = is_client,
    };
    small_system_init(made, &spec);
    small_system_install(made, (const uint32_t[]){0, 1});
}

static void return_handle(small_system *made, uint32_t host, uint32_t run, uint64_t call)
{
    const gw_call_message message = {{GW_MESSAGE_HANDLE, sizeof message}, 0, run, call};
    small_system_hand(made, (gw_node_id){host}, &message.header);
}

/* A call of the actor on host 0: node `node` of `run`, as gang 4.gang. */
static void call_actor(small_system *made, uint32_t run, uint32_t node, uint64_t gang)
{
    const uint64_t number = (uint64_t)CLIENT << GW_GANG_SEQUENCE_BITS | gang;
    g_autofree gw_dispatch_message *message = small_dispatch(0, run, node, 1, number, false);
    small_system_hand(made, (gw_node_id){CLIENT}, &message->header);
}

START_TEST(op_by_op_waits_for_all_handles)
{
    small_system made;
    init_node(&made, GW_SUBMIT_OP_BY_OP, true);
    small_system_submit(&made, 0, 0, 1, 0);
    CHECK_CALLS(made.port,
                "note GANG_ORDERED, gang 4.0 is instance 0 node 0\n"
                "send to host 0: DISPATCH, instance 0 run 0 node 0 as gang 4.0, call 0\n"
                "send to host 1: DISPATCH, instance 0 run 0 node 0 as gang 4.0, call 0\n");
    ck_assert_uint_eq(made.port->spent[GW_COST_CALL], 2);
    return_handle(&made, 1, 0, 0);
    CHECK_CALLS(made.port, "");
    return_handle(&made, 0, 0, 0);
    CHECK_CALLS(made.port, "send to client 0: RETURNED, instance 0 run 0, call 0\n");
    small_system_clear(&made);
}
END_TEST

START_TEST(chained_calls_all_and_waits_for_none)
{
    small_system made;
    init_node(&made, GW_SUBMIT_CHAINED, true);
    small_system_submit(&made, 0, 0, 3, 0);
    ck_assert_uint_eq(made.port->spent[GW_COST_CALL], 6);
    ck_assert(g_str_has_suffix(record_port_text(made.port),
                               "send to host 1: DISPATCH, instance 0 run 0 node 2 as gang 4.2, "
                               "call 0\nsend to client 0: RETURNED, instance 0 run 0, call 0\n"));
    record_port_clear(made.port);
    for (uint32_t i = 0; i < 5; i++)
        return_handle(&made, i % 2, 0, 0);
    CHECK_CALLS(made.port, "");
    return_handle(&made, 1, 0, 0);
    CHECK_CALLS(made.port, "send to client 0: RUN_DONE, instance 0 run 0\n");
    small_system_submit(&made, 1, 0, 3, 1);
    ck_assert_uint_eq(made.port->spent[GW_COST_CALL], 6 + 4);
    small_system_clear(&made);
}
END_TEST

START_TEST(handles_that_are_missing_are_named)
{
    small_system made;
    init_node(&made, GW_SUBMIT_CHAINED, true);
    small_system_submit(&made, 0, 0, 3, 0);
    return_handle(&made, 0, 0, 0);
    g_autoptr(GString) said = g_string_new(NULL);
    gw_controller_explain(made.controller, said);
    ck_assert(g_str_has_prefix(said->str, "driver of job job waits for 5 handles\n"));
    small_system_clear(&made);
}
END_TEST

START_TEST(handle_that_nobody_waits_for_aborts)
{
    small_system made;
    init_node(&made, GW_SUBMIT_CHAINED, true);
    return_handle(&made, 0, 0, 0);
}
END_TEST

START_TEST(handle_comes_after_the_copy_to_the_host)
{
    small_system made;
    init_node(&made, GW_SUBMIT_CHAINED, false);
    call_actor(&made, 0, 0, 0);
    CHECK_CALLS(made.port, "reserve 4 B for buffer 0 of instance 0 on mesh 0\n"
                           "enqueue gang 4.0: instance 0 node 0 run 0, writes 0\n"
                           "copy 4 B of buffer 0 from device 0 by gang 4.0 to the host\n");
    small_system_answer(&made, RECORD_ENQUEUE, 0);
    ck_assert_uint_eq(record_port_asked_count(made.port), 1);
    record_port_clear(made.port);
    small_system_answer(&made, RECORD_COPY, 0);
    ck_assert(g_str_has_prefix(record_port_text(made.port),
                               "send to client 0: HANDLE, instance 0 run 0, call 0\n"));
    small_system_clear(&made);
}
END_TEST

START_TEST(inputs_come_back_before_a_kernel_starts)
{
    small_system made;
    init_node(&made, GW_SUBMIT_CHAINED, false);
    call_actor(&made, 0, 0, 0);
    small_system_answer(&made, RECORD_ENQUEUE, 0);
    small_system_answer(&made, RECORD_COPY, 0);
    record_port_clear(made.port);
    call_actor(&made, 0, 1, 1);
    CHECK_CALLS(made.port,
                "reserve 4 B for buffer 1 of instance 0 on mesh 0\n"
                "reserve 16 B for buffer 2 of instance 0 on mesh 0\n"
                "enqueue gang 4.1: instance 0 node 1 run 0, reads 0, writes 1 2, awaits 1\n"
                "copy 4 B of buffer 0 from the host to device 0 for gang 4.1\n"
                "copy 4 B of buffer 1 from device 0 by gang 4.1 to the host\n"
                "copy 16 B of buffer 2 from device 0 by gang 4.1 to the host\n");
    small_system_clear(&made);
}
END_TEST

START_TEST(an_actor_does_one_call_after_the_other)
{
    small_system made;
    init_node(&made, GW_SUBMIT_CHAINED, false);
    call_actor(&made, 0, 0, 0);
    record_port_clear(made.port);
    call_actor(&made, 0, 1, 1);
    CHECK_CALLS(made.port, "");
    g_autoptr(GString) said = g_string_new(NULL);
    gw_controller_explain(made.controller, said);
    ck_assert_str_eq(said->str, "host 0: the actor of job job is busy with the first of 2 calls\n");
    small_system_answer(&made, RECORD_ENQUEUE, 0);
    ck_assert(!record_port_asks(made.port, RECORD_ENQUEUE));
    small_system_answer(&made, RECORD_COPY, 0);
    ck_assert(record_port_asks(made.port, RECORD_ENQUEUE));
    small_system_clear(&made);
}
END_TEST

/* Its executor's progress reports come to the host itself and mean nothing to it. */
START_TEST(credits_are_nobodys_business)
{
    small_system made;
    init_node(&made, GW_SUBMIT_CHAINED, false);
    call_actor(&made, 0, 0, 0);
    record_port_clear(made.port);
    small_system_answer(&made, RECORD_ENQUEUE, 0);
    CHECK_CALLS(made.port, "send to host 0: PROGRESS, finished 1\n");
    const uint32_t count = 1;
    g_autofree gw_progress *own = small_progress(1, &count, GW_INDEX_NONE, 0);
    small_system_hand(&made, made.port->self, &own->header);
    CHECK_CALLS(made.port, "");
    small_system_clear(&made);
}
END_TEST

static Suite *system_ray_suite(void)
{
    Suite *suite = suite_create("system_ray");
    TCase *cases = tcase_create("system_ray");
    tcase_add_test(cases, op_by_op_waits_for_all_handles);
    tcase_add_test(cases, chained_calls_all_and_waits_for_none);
    tcase_add_test(cases, handles_that_are_missing_are_named);
    tcase_add_test_raise_signal(cases, handle_that_nobody_waits_for_aborts, SIGABRT);
    tcase_add_test(cases, handle_comes_after_the_copy_to_the_host);
    tcase_add_test(cases, inputs_come_back_before_a_kernel_starts);
    tcase_add_test(cases, an_actor_does_one_call_after_the_other);
    tcase_add_test(cases, credits_are_nobodys_business);
    suite_add_tcase(suite, cases);
    return suite;
}

int main(void)
{
    return gw_run_suite(system_ray_suite());
}
