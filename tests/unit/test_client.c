/* SPDX-License-Identifier: Apache-2.0 */
/* One job from its first request to its last message: which calls it makes and when. */
#include <check.h>
#include <signal.h>
#include <stdlib.h>

#include "controller/client.h"
#include "small_control.h"

/* Two islands of one host with two devices: hosts are nodes 0 and 1, schedulers 2 and 3, the
 * resource manager 4, the client 5. */
typedef struct {
    gw_directory *directory;
    record_port *port;
    gw_control control;
    gw_program *program;
    gw_plan *plan;
    gw_job job;
    gw_client *client;
} bench;

/* Takes `program`.  The job is chained, `runs` runs, `in_flight` at a time. */
static void init_bench(bench *made, gw_program *program, uint64_t runs, uint32_t in_flight)
{
    const gw_island islands[] = {
        {.host_count = 1, .devices_per_host = 2, .shape = {2, 1, 1}},
        {.host_count = 1, .devices_per_host = 2, .shape = {2, 1, 1}},
    };
    *made = (bench){.program = program};
    made->directory = gw_directory_new(islands, 2, 1);
    made->port = record_port_new(made->directory, gw_directory_client(made->directory, 0));
    made->control = (gw_control){
        .policy = gw_policy_find("fifo"), .dispatch = GW_DISPATCH_PARALLEL, .lookahead = 4};
    made->plan = gw_plan_new(program);
    made->job = (gw_job){.name = "job",
                         .program = program,
                         .plan = made->plan,
                         .submit = GW_SUBMIT_CHAINED,
                         .runs = runs,
                         .in_flight = in_flight};
}

static void start(bench *made)
{
    made->client = gw_client_new(made->directory, &made->control, &made->job, 0, made->port->self,
                                 &made->port->base);
    gw_client_start(made->client);
}

static void clear_bench(bench *made)
{
    gw_client_free(made->client);
    gw_plan_free(made->plan);
    gw_program_free(made->program);
    record_port_free(made->port);
    gw_directory_free(made->directory);
}

static void grant(bench *made, const uint32_t *devices)
{
    g_autofree gw_assignment_message *message =
        small_assignment(GW_MESSAGE_SLICE_GRANT, 0, made->program, devices);
    gw_client_granted(made->client, message);
}

/* Up to its first call. */
static void bring_up(bench *made, const uint32_t *devices, uint32_t answer_count)
{
    start(made);
    grant(made, devices);
    record_port_clear(made->port);
    for (uint32_t i = 0; i < answer_count; i++) {
        gw_client_installed(made->client);
    }
}

static void return_call(bench *made, uint32_t run, uint64_t call)
{
    const gw_call_message message = {{GW_MESSAGE_RETURNED, sizeof message}, 0, run, call};
    gw_client_returned(made->client, &message);
}

static void finish_run(bench *made, uint32_t run)
{
    const gw_call_message message = {{GW_MESSAGE_RUN_DONE, sizeof message}, 0, run, 0};
    gw_client_run_done(made->client, &message);
}

static void give_result(bench *made, uint32_t run, uint32_t result, double value)
{
    const gw_result_message message = {
        {GW_MESSAGE_RESULT, sizeof message}, 0, run, result, 0, value};
    gw_client_result(made->client, &message);
}

/* `count` nodes on one mesh of two devices; bit n of `once` makes node n set-up. */
static gw_program *make_nodes(uint32_t count, uint32_t once)
{
    gw_builder *builder = gw_builder_new("nodes");
    const uint32_t mesh = small_mesh(builder, 2);
    for (uint32_t n = 0; n < count; n++) {
        small_node(builder, "node", mesh, "> r1");
        if ((once >> n & 1) != 0) {
            gw_builder_set_once(builder, n);
        }
    }
    return small_finish(builder);
}

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
    gw_client_retired(made.client);
    CHECK_CALLS(made.port, "");
    gw_client_retired(made.client);
    CHECK_CALLS(made.port, "send to resources: SLICE_RELEASE, instance 0\n"
                           "note JOB_DONE, job 0\n");
    ck_assert_uint_eq(made.port->spent[GW_COST_CALL], 1);
    clear_bench(&made);
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
    gw_client_timer(made.client);
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
}

int main(void)
{
    TCase *cases = tcase_create("client");
    tcase_add_test(cases, job_goes_from_slices_to_its_end);
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
    add_aborting_tests(cases);
    Suite *suite = suite_create("client");
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed_count = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed_count == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
