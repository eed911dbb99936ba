/* SPDX-License-Identifier: Apache-2.0 */
/* One job from its first request to its last message: which calls it makes and when. */
#include "tests/unit/test_client.h"
#include "run_suite.h"

static const uint32_t left_devices[] = {0, 1};

START_TEST(job_goes_from_slices_to_its_end)
{
    bench made;
    init_bench(&made, make_nodes(2, 0), 1, 1);
    start(&made);
    CHECK_CALLS(made.port, "send to resources: SLICE_REQUEST, job 0\n");
    grant(&made, left_devices);
    CHECK_CALLS(made.port, "send to host 0: INSTALL, instance 0 of job 0, mesh 0 on 0 1\n"
                           "send to scheduler 0: INSTALL, instance 0 of job 0, mesh 0 on 0 1\n");
    gw_client_installed(made.client);
    CHECK_CALLS(made.port, "");
    gw_client_installed(made.client);
    CHECK_CALLS(made.port, "note JOB_STARTED, job 0, 0\n"
                           "send to scheduler 0: SUBMIT, instance 0 run 0 nodes 0 to 1, call 0\n");
    return_call(&made, 0, 0);
    CHECK_CALLS(made.port, "note CALL_RETURNED, job 0, 0\n");
    finish_run(&made, 0);
    CHECK_CALLS(made.port, "note RUN_DONE, job 0, 0\n"
                           "send to host 0: RETIRE, instance 0\n"
                           "send to scheduler 0: RETIRE, instance 0\n");
    answer_retire(&made, 0);
    CHECK_CALLS(made.port, "");
    answer_retire(&made, 0);
    CHECK_CALLS(made.port, "send to resources: SLICE_RELEASE, instance 0\n"
                           "note JOB_DONE, job 0\n");
    ck_assert_uint_eq(made.port->spent[GW_COST_CALL], 1);
    clear_bench(&made);
}
END_TEST

/* Hosts run the job's loop: nobody is asked for anything between its beginning and its end. */
START_TEST(loops_are_started_and_awaited)
{
    bench made;
    init_bench(&made, make_nodes(2, 0), 100, 1);
    made.control.system = &gw_system_multi_controller;
    made.control.policy = NULL;
    start(&made);
    record_port_clear(made.port);
    grant(&made, left_devices);
    CHECK_CALLS(made.port, "send to host 0: INSTALL, instance 0 of job 0, mesh 0 on 0 1\n");
    gw_client_installed(made.client);
    CHECK_CALLS(made.port, "note JOB_STARTED, job 0, 0\n"
                           "send to host 0: LOOP, instance 0\n");
    g_autoptr(GString) said = g_string_new(NULL);
    gw_client_explain(made.client, said);
    ck_assert_str_eq(said->str, "job job waits for the loops of 1 host\n");
    gw_client_loop_done(made.client);
    CHECK_CALLS(made.port, "send to host 0: RETIRE, instance 0\n");
    clear_bench(&made);
}
END_TEST

START_TEST(loop_that_ends_twice_aborts)
{
    bench made;
    init_bench(&made, make_nodes(2, 0), 100, 1);
    made.control.system = &gw_system_multi_controller;
    made.control.policy = NULL;
    bring_up(&made, left_devices, 1);
    gw_client_loop_done(made.client);
    gw_client_loop_done(made.client);
}
END_TEST

START_TEST(late_job_sets_a_timer)
{
    bench made;
    init_bench(&made, make_nodes(1, 0), 1, 1);
    made.job.start_ns = 500;
    start(&made);
    CHECK_CALLS(made.port, "set timer 1 to 500 ns\n");
    made.port->now_ns = 500;
    gw_client_timer(made.client, (gw_tag){1});
    CHECK_CALLS(made.port, "send to resources: SLICE_REQUEST, job 0\n");
    clear_bench(&made);
}
END_TEST

START_TEST(job_whose_time_has_come_sets_none)
{
    bench made;
    init_bench(&made, make_nodes(1, 0), 1, 1);
    made.job.start_ns = made.port->now_ns = 500;
    start(&made);
    CHECK_CALLS(made.port, "send to resources: SLICE_REQUEST, job 0\n");
    clear_bench(&made);
}
END_TEST

START_TEST(refused_job_is_at_its_end)
{
    const gw_slice_refused refused = {{GW_MESSAGE_SLICE_REFUSED, sizeof refused},
                                      GW_REFUSAL_MEMORY};
    g_autoptr(GString) text = g_string_new(NULL);
    bench made;
    init_bench(&made, make_nodes(1, 0), 1, 1);
    start(&made);
    record_port_clear(made.port);
    gw_client_refused(made.client, &refused);
    CHECK_CALLS(made.port, "note JOB_REFUSED, job 0, 2\n");
    gw_client_explain(made.client, text);
    ck_assert_str_eq(text->str, "");
    clear_bench(&made);
}
END_TEST

START_TEST(window_holds_in_flight_runs)
{
    bench made;
    init_bench(&made, make_nodes(1, 0), 5, 2);
    bring_up(&made, left_devices, 2);
    return_call(&made, 0, 0); /* The handles are back: the second goes out. */
    record_port_clear(made.port);
    return_call(&made, 1, 1); /* Two are in flight. */
    CHECK_CALLS(made.port, "note CALL_RETURNED, job 0, 1\n");
    finish_run(&made, 0);
    CHECK_CALLS(made.port, "note RUN_DONE, job 0, 0\n"
                           "send to scheduler 0: SUBMIT, instance 0 run 2 node 0, call 2\n");
    finish_run(&made, 1); /* The call before has not returned. */
    CHECK_CALLS(made.port, "note RUN_DONE, job 0, 1\n");
    return_call(&made, 2, 2);
    CHECK_CALLS(made.port, "note CALL_RETURNED, job 0, 2\n"
                           "send to scheduler 0: SUBMIT, instance 0 run 3 node 0, call 3\n");
    clear_bench(&made);
}
END_TEST

/* The window is counted from the oldest run that is not done. */
START_TEST(late_run_holds_the_window)
{
    bench made;
    init_bench(&made, make_nodes(1, 0), 9, 2);
    bring_up(&made, left_devices, 2);
    return_call(&made, 0, 0);
    return_call(&made, 1, 1);
    record_port_clear(made.port);
    finish_run(&made, 1);
    CHECK_CALLS(made.port, "note RUN_DONE, job 0, 1\n");
    finish_run(&made, 0);
    return_call(&made, 2, 2);
    CHECK_CALLS(made.port, "note RUN_DONE, job 0, 0\n"
                           "send to scheduler 0: SUBMIT, instance 0 run 2 node 0, call 2\n"
                           "note CALL_RETURNED, job 0, 2\n"
                           "send to scheduler 0: SUBMIT, instance 0 run 3 node 0, call 3\n");
    clear_bench(&made);
}
END_TEST

START_TEST(one_in_flight_waits_for_each_run)
{
    bench made;
    init_bench(&made, make_nodes(1, 0), 3, 1);
    bring_up(&made, left_devices, 2);
    record_port_clear(made.port);
    for (uint32_t run = 0; run < 2; run++) {
        g_autofree char *expected =
            g_strdup_printf("note RUN_DONE, job 0, %u\n"
                            "send to scheduler 0: SUBMIT, instance 0 run %u node 0, call %u\n",
                            run, run + 1, run + 1);
        return_call(&made, run, run);
        record_port_clear(made.port);
        finish_run(&made, run);
        CHECK_CALLS(made.port, expected);
    }
    clear_bench(&made);
}
END_TEST

START_TEST(op_by_op_waits_for_each_handle)
{
    bench made;
    init_bench(&made, make_nodes(3, 0), 2, 2);
    made.job.submit = GW_SUBMIT_OP_BY_OP;
    bring_up(&made, left_devices, 2);
    CHECK_CALLS(made.port, "note JOB_STARTED, job 0, 0\n"
                           "send to scheduler 0: SUBMIT, instance 0 run 0 node 0, call 0\n");
    for (uint32_t call = 1; call < 6; call++) {
        g_autofree char *expected =
            g_strdup_printf("note CALL_RETURNED, job 0, %u\n"
                            "send to scheduler 0: SUBMIT, instance 0 run %u node %u, call %u\n",
                            call - 1, call / 3, call % 3, call);
        return_call(&made, (call - 1) / 3, call - 1);
        CHECK_CALLS(made.port, expected);
    }
    ck_assert_uint_eq(made.port->spent[GW_COST_CALL], 6);
    clear_bench(&made);
}
END_TEST

START_TEST(op_by_op_leaves_set_up_out_after_run_0)
{
    static const uint32_t nodes[] = {0, 1, 2, 3, 4, 1, 3, 1, 3};
    bench made;
    init_bench(&made, make_nodes(5, 1U << 0 | 1U << 2 | 1U << 4), 3, 3);
    made.job.submit = GW_SUBMIT_OP_BY_OP;
    bring_up(&made, left_devices, 2);
    for (uint32_t call = 0; call < G_N_ELEMENTS(nodes); call++) {
        const uint32_t run = call < 5 ? 0 : 1 + (call - 5) / 2;
        const record_call *last =
            &g_array_index(made.port->calls, record_call, made.port->calls->len - 1);
        const gw_submit *submit = (const gw_submit *)last->message;
        ck_assert_uint_eq(submit->header.kind, GW_MESSAGE_SUBMIT);
        ck_assert_uint_eq(submit->run, run);
        ck_assert_uint_eq(submit->first_node, nodes[call]);
        ck_assert_uint_eq(submit->node_count, 1);
        ck_assert_uint_eq(submit->call, call);
        record_port_clear(made.port);
        return_call(&made, run, call);
    }
    ck_assert_uint_eq(made.port->calls->len, 1); /* A note: no call is left. */
    clear_bench(&made);
}
END_TEST

/* left, right (once on both), left: a run is for both schedulers, or for one. */
static gw_program *make_islands(void)
{
    gw_builder *builder = gw_builder_new("islands");
    const uint32_t left = small_mesh(builder, 1), right = small_mesh(builder, 2);
    small_once(builder, "once", right, "> s4");
    small_node(builder, "a", left, "r8 > r8");
    small_node(builder, "b", left, "r8 >");
    gw_builder_add_edge(builder, 0, 0, 1, 0);
    gw_builder_add_edge(builder, 1, 0, 2, 0);
    return small_finish(builder);
}

static const uint32_t both_islands[] = {1, 2, 3};

START_TEST(call_goes_to_every_scheduler_with_a_part)
{
    bench made;
    init_bench(&made, make_islands(), 2, 2);
    start(&made);
    record_port_clear(made.port);
    grant(&made, both_islands);
    CHECK_CALLS(made.port,
                "send to host 0: INSTALL, instance 0 of job 0, mesh 0 on 1, mesh 1 on 2 3\n"
                "send to host 1: INSTALL, instance 0 of job 0, mesh 0 on 1, mesh 1 on 2 3\n"
                "send to scheduler 0: INSTALL, instance 0 of job 0, mesh 0 on 1, mesh 1 on 2 3\n"
                "send to scheduler 1: INSTALL, instance 0 of job 0, mesh 0 on 1, mesh 1 on 2 3\n");
    for (uint32_t i = 0; i < 4; i++) {
        gw_client_installed(made.client);
    }
    CHECK_CALLS(made.port, "note JOB_STARTED, job 0, 0\n"
                           "send to scheduler 0: SUBMIT, instance 0 run 0 nodes 0 to 2, call 0\n"
                           "send to scheduler 1: SUBMIT, instance 0 run 0 nodes 0 to 2, call 0\n");
    return_call(&made, 0, 0);
    CHECK_CALLS(made.port, "");
    return_call(&made, 0, 0); /* Set-up is left out: nothing for scheduler 1. */
    CHECK_CALLS(made.port, "note CALL_RETURNED, job 0, 0\n"
                           "send to scheduler 0: SUBMIT, instance 0 run 1 nodes 0 to 2, call 1\n");
    return_call(&made, 1, 1);
    record_port_clear(made.port);
    finish_run(&made, 1);
    CHECK_CALLS(made.port, "note RUN_DONE, job 0, 1\n");
    finish_run(&made, 0);
    CHECK_CALLS(made.port, "");
    finish_run(&made, 0);
    ck_assert_uint_eq(made.port->calls->len, 1 + 4); /* The note, and RETIRE to all. */
    clear_bench(&made);
}
END_TEST

START_TEST(op_by_op_asks_the_scheduler_of_the_node)
{
    bench made;
    init_bench(&made, make_islands(), 1, 1);
    made.job.submit = GW_SUBMIT_OP_BY_OP;
    bring_up(&made, both_islands, 4);
    CHECK_CALLS(made.port, "note JOB_STARTED, job 0, 0\n"
                           "send to scheduler 1: SUBMIT, instance 0 run 0 node 0, call 0\n");
    return_call(&made, 0, 0);
    CHECK_CALLS(made.port, "note CALL_RETURNED, job 0, 0\n"
                           "send to scheduler 0: SUBMIT, instance 0 run 0 node 1, call 1\n");
    clear_bench(&made);
}
END_TEST

START_TEST(without_policy_it_asks_itself)
{
    bench made;
    init_bench(&made, make_islands(), 1, 1);
    made.control.policy = NULL;
    start(&made);
    record_port_clear(made.port);
    grant(&made, both_islands);
    CHECK_CALLS(made.port,
                "send to host 0: INSTALL, instance 0 of job 0, mesh 0 on 1, mesh 1 on 2 3\n"
                "send to host 1: INSTALL, instance 0 of job 0, mesh 0 on 1, mesh 1 on 2 3\n"
                "send to client 0: INSTALL, instance 0 of job 0, mesh 0 on 1, mesh 1 on 2 3\n");
    for (uint32_t i = 0; i < 3; i++) {
        gw_client_installed(made.client);
    }
    CHECK_CALLS(made.port, "note JOB_STARTED, job 0, 0\n"
                           "send to client 0: SUBMIT, instance 0 run 0 nodes 0 to 2, call 0\n");
    clear_bench(&made);
}
END_TEST

static gw_program *make_results(void)
{
    gw_builder *builder = gw_builder_new("results");
    const uint32_t mesh = small_mesh(builder, 2);
    small_node(builder, "node", mesh, "> r1 r1");
    gw_builder_add_result(builder, "loss", 0, 0);
    gw_builder_add_result(builder, "norm", 0, 1);
    return small_finish(builder);
}

START_TEST(end_waits_for_the_last_result)
{
    bench made;
    init_bench(&made, make_results(), 2, 2);
    bring_up(&made, left_devices, 2);
    return_call(&made, 0, 0);
    return_call(&made, 1, 1);
    record_port_clear(made.port);
    give_result(&made, 1, 0, 0.5);
    CHECK_CALLS(made.port, "note RESULT, job 0 run 1 result 0 is 0.5\n");
    finish_run(&made, 0);
    finish_run(&made, 1);
    give_result(&made, 0, 0, 2);
    give_result(&made, 0, 1, 3);
    record_port_clear(made.port);
    give_result(&made, 1, 1, 4);
    CHECK_CALLS(made.port, "note RESULT, job 0 run 1 result 1 is 4\n"
                           "send to host 0: RETIRE, instance 0\n"
                           "send to scheduler 0: RETIRE, instance 0\n");
    clear_bench(&made);
}
END_TEST

START_TEST(end_waits_for_the_last_run)
{
    bench made;
    init_bench(&made, make_results(), 1, 1);
    bring_up(&made, left_devices, 2);
    return_call(&made, 0, 0);
    give_result(&made, 0, 0, 2);
    give_result(&made, 0, 1, 3);
    record_port_clear(made.port);
    finish_run(&made, 0);
    ck_assert_uint_eq(made.port->calls->len, 3);
    clear_bench(&made);
}
END_TEST

/* One node whose output is read back, in a job that ends below 1. */
static void bring_up_loop(bench *made, gw_until *until, uint64_t runs)
{
    gw_builder *builder = gw_builder_new("loop");
    small_node(builder, "node", small_mesh(builder, 2), "> r1");
    gw_builder_add_result(builder, "loss", 0, 0);
    init_bench(made, small_finish(builder), runs, 4);
    *until = (gw_until){.result = 0, .threshold = 1};
    made->job.until = until;
    bring_up(made, left_devices, 2);
}

START_TEST(value_below_ends_the_job)
{
    bench made;
    gw_until until;
    bring_up_loop(&made, &until, 100);
    CHECK_CALLS(made.port, "note JOB_STARTED, job 0, 0\n"
                           "send to scheduler 0: SUBMIT, instance 0 run 0 node 0, call 0\n");
    return_call(&made, 0, 0);
    CHECK_CALLS(made.port, "note CALL_RETURNED, job 0, 0\n"); /* Four may be in flight: it waits. */
    give_result(&made, 0, 0, 1);
    CHECK_CALLS(made.port, "note RESULT, job 0 run 0 result 0 is 1\n"
                           "send to scheduler 0: SUBMIT, instance 0 run 1 node 0, call 1\n");
    return_call(&made, 1, 1);
    finish_run(&made, 0);
    record_port_clear(made.port);
    give_result(&made, 1, 0, 0.5);
    ck_assert_uint_eq(made.port->calls->len, 1); /* The note: nothing more is submitted. */
    record_port_clear(made.port);
    finish_run(&made, 1);
    CHECK_CALLS(made.port, "note RUN_DONE, job 0, 1\n"
                           "send to host 0: RETIRE, instance 0\n"
                           "send to scheduler 0: RETIRE, instance 0\n");
    clear_bench(&made);
}
END_TEST

START_TEST(bound_ends_a_loop_that_never_stops)
{
    bench made;
    gw_until until;
    bring_up_loop(&made, &until, 2);
    for (uint32_t run = 0; run < 2; run++) {
        return_call(&made, run, run);
        give_result(&made, run, 0, 7);
        record_port_clear(made.port);
        finish_run(&made, run);
    }
    CHECK_CALLS(made.port, "note RUN_DONE, job 0, 1\n"
                           "send to host 0: RETIRE, instance 0\n"
                           "send to scheduler 0: RETIRE, instance 0\n");
    clear_bench(&made);
}
END_TEST

START_TEST(explains_where_it_stands)
{
    g_autoptr(GString) text = g_string_new(NULL);
    bench made;
    init_bench(&made, make_nodes(1, 0), 3, 2);
    start(&made);
    gw_client_explain(made.client, text);
    ck_assert_str_eq(text->str, "job job waits for its slices: 0 of 3 runs done, 0 submitted\n");
    grant(&made, left_devices);
    gw_client_installed(made.client);
    gw_client_installed(made.client);
    g_string_set_size(text, 0);
    gw_client_explain(made.client, text);
    ck_assert_str_eq(text->str, "job job waits for its runs: 0 of 3 runs done, 1 submitted\n");
    clear_bench(&made);
}
END_TEST

START_TEST(answer_to_another_call_aborts)
{
    bench made;
    init_bench(&made, make_nodes(1, 0), 3, 2);
    bring_up(&made, left_devices, 2);
    return_call(&made, 0, 1);
}
END_TEST

START_TEST(run_that_was_not_begun_aborts)
{
    bench made;
    init_bench(&made, make_nodes(1, 0), 3, 2);
    bring_up(&made, left_devices, 2);
    finish_run(&made, 1);
}
END_TEST

START_TEST(second_grant_aborts)
{
    bench made;
    init_bench(&made, make_nodes(1, 0), 3, 2);
    bring_up(&made, left_devices, 2);
    grant(&made, left_devices);
}
END_TEST

static void add_aborting_tests(TCase *cases)
{
    tcase_add_test_raise_signal(cases, answer_to_another_call_aborts, SIGABRT);
    tcase_add_test_raise_signal(cases, run_that_was_not_begun_aborts, SIGABRT);
    tcase_add_test_raise_signal(cases, second_grant_aborts, SIGABRT);
    tcase_add_test_raise_signal(cases, loop_that_ends_twice_aborts, SIGABRT);
}

int main(void)
{
    TCase *cases = tcase_create("client");
    tcase_add_test(cases, job_goes_from_slices_to_its_end);
    tcase_add_test(cases, loops_are_started_and_awaited);
    tcase_add_test(cases, late_job_sets_a_timer);
    tcase_add_test(cases, job_whose_time_has_come_sets_none);
    tcase_add_test(cases, refused_job_is_at_its_end);
    tcase_add_test(cases, window_holds_in_flight_runs);
    tcase_add_test(cases, late_run_holds_the_window);
    tcase_add_test(cases, one_in_flight_waits_for_each_run);
    tcase_add_test(cases, op_by_op_waits_for_each_handle);
    tcase_add_test(cases, op_by_op_leaves_set_up_out_after_run_0);
    tcase_add_test(cases, call_goes_to_every_scheduler_with_a_part);
    tcase_add_test(cases, op_by_op_asks_the_scheduler_of_the_node);
    tcase_add_test(cases, without_policy_it_asks_itself);
    tcase_add_test(cases, end_waits_for_the_last_result);
    tcase_add_test(cases, end_waits_for_the_last_run);
    tcase_add_test(cases, explains_where_it_stands);
    tcase_add_test(cases, value_below_ends_the_job);
    tcase_add_test(cases, bound_ends_a_loop_that_never_stops);
    add_aborting_tests(cases);
    Suite *suite = suite_create("client");
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
