/* SPDX-License-Identifier: Apache-2.0 */
/* A job that leaves before its time, and one that has to go elsewhere: in every state in which the
 * news can reach it. */
#include "run_suite.h"
#include "tests/unit/test_client.h"

static const uint32_t left_devices[] = {0, 1};

/* --- A job that stops --- */

static void stop(bench *made)
{
    made->port->now_ns = made->job.stop_ns;
    gw_client_timer(made->client, (gw_tag){2});
}

START_TEST(stop_while_asking_gives_the_turn_up)
{
    bench made;
    init_bench(&made, make_nodes(1, 0), 3, 1);
    made.job.stop_ns = 500;
    start(&made);
    CHECK_CALLS(made.port, "send to resources: SLICE_REQUEST, job 0\n"
                           "set timer 2 to 500 ns\n");
    stop(&made);
    CHECK_CALLS(made.port, "send to resources: SLICE_RELEASE, instance 0\n"
                           "cancel timer 2\n"
                           "note JOB_DONE, job 0, 3 runs not asked for\n");
    grant(&made, left_devices); /* Was on its way. */
    const gw_slice_refused refused = {{GW_MESSAGE_SLICE_REFUSED, sizeof refused}, 1};
    gw_client_refused(made.client, &refused);
    CHECK_CALLS(made.port, "");
    clear_bench(&made);
}
END_TEST

START_TEST(stop_while_installing_submits_nothing)
{
    bench made;
    init_bench(&made, make_nodes(1, 0), 3, 1);
    made.job.stop_ns = 500;
    start(&made);
    grant(&made, left_devices);
    stop(&made);
    gw_client_installed(made.client);
    record_port_clear(made.port);
    gw_client_installed(made.client);
    CHECK_CALLS(made.port, "note JOB_STARTED, job 0, 0\n"
                           "send to host 0: RETIRE, instance 0\n"
                           "send to scheduler 0: RETIRE, instance 0\n");
    retire(&made);
    CHECK_CALLS(made.port, "cancel timer 2\n"
                           "send to resources: SLICE_RELEASE, instance 0\n"
                           "note JOB_DONE, job 0, 3 runs not asked for\n");
    clear_bench(&made);
}
END_TEST

START_TEST(stop_lets_runs_in_flight_finish)
{
    bench made;
    init_bench(&made, make_nodes(1, 0), 9, 2);
    made.job.stop_ns = 500;
    bring_up(&made, left_devices, 2);
    return_call(&made, 0, 0);
    return_call(&made, 1, 1);
    record_port_clear(made.port);
    stop(&made);
    CHECK_CALLS(made.port, "");
    finish_run(&made, 1);
    CHECK_CALLS(made.port, "note RUN_DONE, job 0, 1\n");
    finish_run(&made, 0);
    CHECK_CALLS(made.port, "note RUN_DONE, job 0, 0\n"
                           "send to host 0: RETIRE, instance 0\n"
                           "send to scheduler 0: RETIRE, instance 0\n");
    stop(&made); /* Once more changes nothing. */
    retire(&made);
    CHECK_CALLS(made.port, "cancel timer 2\n"
                           "send to resources: SLICE_RELEASE, instance 0\n"
                           "note JOB_DONE, job 0, 7 runs not asked for\n");
    clear_bench(&made);
}
END_TEST

/* A run of which a node was called is begun: its other nodes are called too. */
START_TEST(stop_op_by_op_finishes_the_run)
{
    bench made;
    init_bench(&made, make_nodes(2, 0), 5, 1);
    made.job.submit = GW_SUBMIT_OP_BY_OP;
    made.job.stop_ns = 500;
    bring_up(&made, left_devices, 2);
    stop(&made);
    record_port_clear(made.port);
    return_call(&made, 0, 0);
    CHECK_CALLS(made.port, "note CALL_RETURNED, job 0, 0\n"
                           "send to scheduler 0: SUBMIT, instance 0 run 0 node 1, call 1\n");
    return_call(&made, 0, 1);
    record_port_clear(made.port);
    finish_run(&made, 0);
    CHECK_CALLS(made.port, "note RUN_DONE, job 0, 0\n"
                           "send to host 0: RETIRE, instance 0\n"
                           "send to scheduler 0: RETIRE, instance 0\n");
    clear_bench(&made);
}
END_TEST

START_TEST(stop_between_runs_waits_for_results)
{
    bench made;
    gw_builder *builder = gw_builder_new("result");
    const uint32_t mesh = small_mesh(builder, 2);
    small_node(builder, "node", mesh, "> r1");
    gw_builder_add_result(builder, "value", 0, 0);
    init_bench(&made, small_finish(builder), 5, 1);
    made.job.stop_ns = 500;
    bring_up(&made, left_devices, 2);
    return_call(&made, 0, 0);
    stop(&made);
    finish_run(&made, 0);
    record_port_clear(made.port);
    give_result(&made, 0, 0, 1.5);
    CHECK_CALLS(made.port, "note RESULT, job 0 run 0 result 0 is 1.5\n"
                           "send to host 0: RETIRE, instance 0\n"
                           "send to scheduler 0: RETIRE, instance 0\n");
    clear_bench(&made);
}
END_TEST

/* --- A job that has to move --- */

static void recall(bench *made, uint32_t instance)
{
    const gw_instance_message message = small_instance_message(GW_MESSAGE_SLICE_RECALL, instance);
    gw_client_recalled(made->client, &message);
}

static void grant_again(bench *made, const uint32_t *devices, uint32_t instance)
{
    g_autofree gw_assignment_message *message =
        small_assignment(GW_MESSAGE_SLICE_GRANT, 0, made->program, devices);
    message->instance = instance;
    gw_client_granted(made->client, message);
}

static const uint32_t right_devices[] = {2, 3};

START_TEST(recalled_job_goes_on_elsewhere_with_the_next_run)
{
    bench made;
    init_bench(&made, make_nodes(1, 0), 4, 2);
    bring_up(&made, left_devices, 2);
    return_call(&made, 0, 0);
    return_call(&made, 1, 1);
    finish_run(&made, 0);
    return_call(&made, 2, 2);
    record_port_clear(made.port);
    recall(&made, 0);
    finish_run(&made, 2);
    CHECK_CALLS(made.port, "note RUN_DONE, job 0, 2\n");
    finish_run(&made, 1);
    CHECK_CALLS(made.port, "note RUN_DONE, job 0, 1\n"
                           "send to host 0: RETIRE, instance 0\n"
                           "send to scheduler 0: RETIRE, instance 0\n");
    retire(&made);
    CHECK_CALLS(made.port, "send to resources: SLICE_EXCHANGE, instance 0\n");
    grant_again(&made, right_devices, 7);
    CHECK_CALLS(made.port, "send to host 1: INSTALL, instance 7 of job 0, mesh 0 on 2 3\n"
                           "send to scheduler 1: INSTALL, instance 7 of job 0, mesh 0 on 2 3\n");
    gw_client_installed(made.client);
    gw_client_installed(made.client);
    CHECK_CALLS(made.port, "note JOB_MOVED, job 0, 7\n"
                           "send to scheduler 1: SUBMIT, instance 7 run 3 node 0, call 3\n");
    return_call(&made, 3, 3);
    finish_run(&made, 3);
    answer_retire(&made, 7);
    record_port_clear(made.port);
    answer_retire(&made, 7);
    CHECK_CALLS(made.port, "send to resources: SLICE_RELEASE, instance 7\n"
                           "note JOB_DONE, job 0\n");
    clear_bench(&made);
}
END_TEST

START_TEST(recall_while_installing_moves_before_the_first_run)
{
    bench made;
    init_bench(&made, make_nodes(1, 0), 2, 1);
    start(&made);
    grant(&made, left_devices);
    recall(&made, 0);
    gw_client_installed(made.client);
    record_port_clear(made.port);
    gw_client_installed(made.client);
    CHECK_CALLS(made.port, "note JOB_STARTED, job 0, 0\n"
                           "send to host 0: RETIRE, instance 0\n"
                           "send to scheduler 0: RETIRE, instance 0\n");
    retire(&made);
    CHECK_CALLS(made.port, "send to resources: SLICE_EXCHANGE, instance 0\n");
    clear_bench(&made);
}
END_TEST

/* The run that goes op by op is finished where it is. */
START_TEST(recall_op_by_op_finishes_the_run)
{
    bench made;
    init_bench(&made, make_nodes(2, 0), 5, 1);
    made.job.submit = GW_SUBMIT_OP_BY_OP;
    bring_up(&made, left_devices, 2);
    recall(&made, 0);
    record_port_clear(made.port);
    return_call(&made, 0, 0);
    CHECK_CALLS(made.port, "note CALL_RETURNED, job 0, 0\n"
                           "send to scheduler 0: SUBMIT, instance 0 run 0 node 1, call 1\n");
    return_call(&made, 0, 1);
    record_port_clear(made.port);
    finish_run(&made, 0);
    CHECK_CALLS(made.port, "note RUN_DONE, job 0, 0\n"
                           "send to host 0: RETIRE, instance 0\n"
                           "send to scheduler 0: RETIRE, instance 0\n");
    clear_bench(&made);
}
END_TEST

START_TEST(recall_of_what_is_given_back_is_late)
{
    bench made;
    init_bench(&made, make_nodes(1, 0), 1, 1);
    bring_up(&made, left_devices, 2);
    return_call(&made, 0, 0);
    finish_run(&made, 0);
    record_port_clear(made.port);
    recall(&made, 0); /* It retires at its end. */
    retire(&made);
    recall(&made, 0);
    CHECK_CALLS(made.port, "send to resources: SLICE_RELEASE, instance 0\n"
                           "note JOB_DONE, job 0\n");
    clear_bench(&made);
}
END_TEST

START_TEST(stop_on_the_move_ends_the_job)
{
    for (uint32_t when = 0; when < 2; when++) {
        bench made;
        init_bench(&made, make_nodes(1, 0), 3, 1);
        made.job.stop_ns = 500;
        bring_up(&made, left_devices, 2);
        return_call(&made, 0, 0);
        recall(&made, 0);
        finish_run(&made, 0);
        if (when == 0) { /* While it retires: it asks for nothing more. */
            stop(&made);
        }
        answer_retire(&made, 0);
        record_port_clear(made.port);
        answer_retire(&made, 0);
        if (when == 1) { /* While it asks again. */
            CHECK_CALLS(made.port, "send to resources: SLICE_EXCHANGE, instance 0\n");
            stop(&made);
            CHECK_CALLS(made.port, "send to resources: SLICE_RELEASE, instance 0\n"
                                   "cancel timer 2\n"
                                   "note JOB_DONE, job 0, 2 runs not asked for\n");
        } else {
            CHECK_CALLS(made.port, "cancel timer 2\n"
                                   "send to resources: SLICE_RELEASE, instance 0\n"
                                   "note JOB_DONE, job 0, 2 runs not asked for\n");
        }
        clear_bench(&made);
    }
}
END_TEST

START_TEST(job_that_moves_can_be_refused)
{
    bench made;
    init_bench(&made, make_nodes(1, 0), 3, 1);
    bring_up(&made, left_devices, 2);
    return_call(&made, 0, 0);
    recall(&made, 0);
    finish_run(&made, 0);
    retire(&made);
    record_port_clear(made.port);
    const gw_slice_refused refused = {{GW_MESSAGE_SLICE_REFUSED, sizeof refused},
                                      GW_REFUSAL_REMOVED};
    gw_client_refused(made.client, &refused);
    CHECK_CALLS(made.port, "note JOB_REFUSED, job 0, 3\n");
    clear_bench(&made);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("client_leaving");
    tcase_add_test(cases, stop_while_asking_gives_the_turn_up);
    tcase_add_test(cases, stop_while_installing_submits_nothing);
    tcase_add_test(cases, stop_lets_runs_in_flight_finish);
    tcase_add_test(cases, stop_op_by_op_finishes_the_run);
    tcase_add_test(cases, stop_between_runs_waits_for_results);
    tcase_add_test(cases, recalled_job_goes_on_elsewhere_with_the_next_run);
    tcase_add_test(cases, recall_while_installing_moves_before_the_first_run);
    tcase_add_test(cases, recall_op_by_op_finishes_the_run);
    tcase_add_test(cases, recall_of_what_is_given_back_is_late);
    tcase_add_test(cases, stop_on_the_move_ends_the_job);
    tcase_add_test(cases, job_that_moves_can_be_refused);
    Suite *suite = suite_create("client_leaving");
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
