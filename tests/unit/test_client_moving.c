/* SPDX-License-Identifier: Apache-2.0 */
/* A job that takes its data along: in every state in which the news can reach it. */
#include "run_suite.h"
#include "tests/unit/test_client.h"

static const uint32_t left_devices[] = {0, 1}, right_devices[] = {2, 3};

static void recall(bench *made, uint32_t instance)
{
    const gw_instance_message message = small_instance_message(GW_MESSAGE_SLICE_RECALL, instance);
    gw_client_recalled(made->client, &message);
}

static void grant_again(bench *made, uint32_t instance)
{
    g_autofree gw_assignment_message *message =
        small_assignment(GW_MESSAGE_SLICE_GRANT, 0, made->program, right_devices);
    message->instance = instance;
    gw_client_granted(made->client, message);
}

static void stay(bench *made, uint32_t instance)
{
    const gw_instance_message message = small_instance_message(GW_MESSAGE_SLICE_STAY, instance);
    gw_client_stayed(made->client, &message);
}

static void move(bench *made, uint32_t instance, uint64_t size_bytes)
{
    const gw_moved_message message = {{GW_MESSAGE_MOVED, sizeof message}, instance, 0, size_bytes};
    gw_client_moved(made->client, &message);
}

static void stop(bench *made)
{
    made->port->now_ns = made->job.stop_ns;
    gw_client_timer(made->client, (gw_tag){2});
}

/* A job of `runs` runs with set-up, one run done, its slices recalled: it has asked for others. */
static void bring_to_move(bench *made, uint64_t runs)
{
    init_bench(made, make_nodes(2, 1), runs, 1);
    made->job.stop_ns = 500;
    bring_up(made, left_devices, 2);
    return_call(made, 0, 0);
    recall(made, 0);
    record_port_clear(made->port);
    finish_run(made, 0);
    CHECK_CALLS(made->port, "note RUN_DONE, job 0, 0\n"
                            "send to resources: SLICE_MOVE, instance 0\n");
}

#define CHECK_INSTALLS(made)                                                                       \
    CHECK_CALLS((made).port, "send to host 1: INSTALL, instance 7 of job 0, mesh 0 on 2 3\n"       \
                             "send to scheduler 1: INSTALL, instance 7 of job 0, mesh 0 on 2 3\n")

static void install(bench *made)
{
    grant_again(made, 7);
    CHECK_INSTALLS(*made);
    gw_client_installed(made->client);
    CHECK_CALLS(made->port, "");
    gw_client_installed(made->client);
}

START_TEST(job_goes_on_when_its_data_are_there)
{
    bench made;
    bring_to_move(&made, 3);
    install(&made);
    CHECK_CALLS(made.port, "note STATE_LEAVES, job 0, 7\n"
                           "send to host 1: MOVE, instance 0 to instance 7 before run 1, mesh 0 "
                           "from 0 1 to 2 3\n");
    move(&made, 7, 80);
    CHECK_CALLS(made.port, "note STATE_MOVED, job 0, 80\n"
                           "note JOB_MOVED, job 0, 7\n"
                           "send to scheduler 1: SUBMIT, instance 7 run 1 nodes 0 to 1, call 1\n"
                           "send to host 0: RETIRE, instance 0\n"
                           "send to scheduler 0: RETIRE, instance 0\n");
    ck_assert_uint_eq(made.port->spent[GW_COST_LOWER], 4); /* Each of its shards, twice. */
    return_call(&made, 1, 1);
    answer_retire(&made, 0); /* While the job runs. */
    record_port_clear(made.port);
    answer_retire(&made, 0);
    CHECK_CALLS(made.port, "send to resources: SLICE_RELEASE, instance 0\n");
    finish_run(&made, 1);
    return_call(&made, 2, 2);
    record_port_clear(made.port);
    finish_run(&made, 2);
    CHECK_CALLS(made.port, "note RUN_DONE, job 0, 2\n"
                           "send to host 1: RETIRE, instance 7\n"
                           "send to scheduler 1: RETIRE, instance 7\n");
    answer_retire(&made, 7);
    answer_retire(&made, 7);
    CHECK_CALLS(made.port, "cancel timer 2\n"
                           "send to resources: SLICE_RELEASE, instance 7\n"
                           "note JOB_DONE, job 0\n");
    clear_bench(&made);
}
END_TEST

START_TEST(end_waits_for_what_the_job_has_left)
{
    bench made;
    bring_to_move(&made, 2);
    install(&made);
    move(&made, 7, 0);
    return_call(&made, 1, 1);
    record_port_clear(made.port);
    finish_run(&made, 1);
    CHECK_CALLS(made.port, "note RUN_DONE, job 0, 1\n");
    answer_retire(&made, 0);
    answer_retire(&made, 0);
    CHECK_CALLS(made.port, "send to resources: SLICE_RELEASE, instance 0\n"
                           "send to host 1: RETIRE, instance 7\n"
                           "send to scheduler 1: RETIRE, instance 7\n");
    clear_bench(&made);
}
END_TEST

START_TEST(job_that_is_told_to_stay_goes_on_where_it_is)
{
    bench made;
    bring_to_move(&made, 3);
    stay(&made, 0);
    CHECK_CALLS(made.port, "send to scheduler 0: SUBMIT, instance 0 run 1 nodes 0 to 1, call 1\n");
    return_call(&made, 1, 1);
    recall(&made, 0); /* Now there is a place. */
    record_port_clear(made.port);
    finish_run(&made, 1);
    CHECK_CALLS(made.port, "note RUN_DONE, job 0, 1\n"
                           "send to resources: SLICE_MOVE, instance 0\n");
    install(&made);
    CHECK_CALLS(made.port, "note STATE_LEAVES, job 0, 7\n"
                           "send to host 1: MOVE, instance 0 to instance 7 before run 2, mesh 0 "
                           "from 0 1 to 2 3\n");
    clear_bench(&made);
}
END_TEST

/* What it has moved to is removed, too: it moves on when the first move is over. */
START_TEST(job_moves_twice)
{
    bench made;
    bring_to_move(&made, 3);
    install(&made);
    move(&made, 7, 8);
    return_call(&made, 1, 1);
    answer_retire(&made, 0);
    answer_retire(&made, 0);
    recall(&made, 7);
    record_port_clear(made.port);
    finish_run(&made, 1);
    CHECK_CALLS(made.port, "note RUN_DONE, job 0, 1\n"
                           "send to resources: SLICE_MOVE, instance 7\n");
    grant_again(&made, 9);
    gw_client_installed(made.client);
    gw_client_installed(made.client);
    record_port_clear(made.port);
    move(&made, 9, 8);
    CHECK_CALLS(made.port, "note STATE_MOVED, job 0, 8\n"
                           "note JOB_MOVED, job 0, 9\n"
                           "send to scheduler 1: SUBMIT, instance 9 run 2 nodes 0 to 1, call 2\n"
                           "send to host 1: RETIRE, instance 7\n"
                           "send to scheduler 1: RETIRE, instance 7\n");
    clear_bench(&made);
}
END_TEST

/* Nothing was made yet: it leaves as one without data does. */
START_TEST(recall_before_the_first_run_leaves_nothing)
{
    bench made;
    init_bench(&made, make_nodes(2, 1), 3, 1);
    start(&made);
    grant(&made, left_devices);
    recall(&made, 0);
    gw_client_installed(made.client);
    gw_client_installed(made.client);
    record_port_clear(made.port);
    retire(&made);
    CHECK_CALLS(made.port, "send to resources: SLICE_EXCHANGE, instance 0\n");
    clear_bench(&made);
}
END_TEST

START_TEST(recall_in_the_last_run_moves_nothing)
{
    bench made;
    init_bench(&made, make_nodes(2, 1), 1, 1);
    bring_up(&made, left_devices, 2);
    return_call(&made, 0, 0);
    recall(&made, 0);
    record_port_clear(made.port);
    finish_run(&made, 0);
    CHECK_CALLS(made.port, "note RUN_DONE, job 0, 0\n"
                           "send to host 0: RETIRE, instance 0\n"
                           "send to scheduler 0: RETIRE, instance 0\n");
    clear_bench(&made);
}
END_TEST

/* Values may come after a run is done, and the job may be over by them. */
START_TEST(job_moves_when_its_values_are_in)
{
    bench made;
    gw_builder *builder = gw_builder_new("result");
    const uint32_t mesh = small_mesh(builder, 2);
    small_once(builder, "start", mesh, "> r1");
    small_node(builder, "node", mesh, "> r1");
    gw_builder_add_result(builder, "value", 1, 0);
    init_bench(&made, small_finish(builder), 3, 1);
    bring_up(&made, left_devices, 2);
    return_call(&made, 0, 0);
    recall(&made, 0);
    finish_run(&made, 0);
    record_port_clear(made.port);
    give_result(&made, 0, 0, 1.5);
    CHECK_CALLS(made.port, "note RESULT, job 0 run 0 result 0 is 1.5\n"
                           "send to resources: SLICE_MOVE, instance 0\n");
    clear_bench(&made);
}
END_TEST

/* --- A client that leaves on the way --- */

START_TEST(stop_while_asking_retires_where_it_is)
{
    for (uint32_t is_granted = 0; is_granted < 2; is_granted++) {
        bench made;
        bring_to_move(&made, 3);
        stop(&made); /* The answer is on its way. */
        CHECK_CALLS(made.port, "");
        if (is_granted == 1) {
            grant_again(&made, 7);
            CHECK_CALLS(made.port, "send to resources: SLICE_RELEASE, instance 7\n"
                                   "send to host 0: RETIRE, instance 0\n"
                                   "send to scheduler 0: RETIRE, instance 0\n");
        } else {
            stay(&made, 0);
            CHECK_CALLS(made.port, "send to host 0: RETIRE, instance 0\n"
                                   "send to scheduler 0: RETIRE, instance 0\n");
        }
        retire(&made);
        CHECK_CALLS(made.port, "cancel timer 2\n"
                               "send to resources: SLICE_RELEASE, instance 0\n"
                               "note JOB_DONE, job 0, 2 runs not asked for\n");
        clear_bench(&made);
    }
}
END_TEST

static void check_both_retire(bench *made)
{
    CHECK_CALLS(made->port, "note JOB_MOVED, job 0, 7\n"
                            "send to host 0: RETIRE, instance 0\n"
                            "send to scheduler 0: RETIRE, instance 0\n");
    answer_retire(made, 0);
    answer_retire(made, 0);
    CHECK_CALLS(made->port, "send to resources: SLICE_RELEASE, instance 0\n"
                            "send to host 1: RETIRE, instance 7\n"
                            "send to scheduler 1: RETIRE, instance 7\n");
    answer_retire(made, 7);
    answer_retire(made, 7);
    CHECK_CALLS(made->port, "cancel timer 2\n"
                            "send to resources: SLICE_RELEASE, instance 7\n"
                            "note JOB_DONE, job 0, 2 runs not asked for\n");
}

START_TEST(stop_while_installing_moves_nothing)
{
    bench made;
    bring_to_move(&made, 3);
    grant_again(&made, 7);
    stop(&made);
    record_port_clear(made.port);
    gw_client_installed(made.client);
    gw_client_installed(made.client);
    check_both_retire(&made);
    clear_bench(&made);
}
END_TEST

START_TEST(stop_while_data_move_waits_for_them)
{
    bench made;
    bring_to_move(&made, 3);
    install(&made);
    record_port_clear(made.port);
    stop(&made);
    CHECK_CALLS(made.port, "");
    move(&made, 7, 12);
    ck_assert(g_str_has_prefix(record_port_text(made.port), "note STATE_MOVED, job 0, 12\n"));
    record_port_clear(made.port);
    answer_retire(&made, 0);
    answer_retire(&made, 0);
    CHECK_CALLS(made.port, "send to resources: SLICE_RELEASE, instance 0\n"
                           "send to host 1: RETIRE, instance 7\n"
                           "send to scheduler 1: RETIRE, instance 7\n");
    clear_bench(&made);
}
END_TEST

START_TEST(explains_where_it_is)
{
    g_autoptr(GString) text = g_string_new(NULL);
    bench made;
    bring_to_move(&made, 3);
    install(&made);
    gw_client_explain(made.client, text);
    ck_assert_str_eq(text->str, "job job waits for its data to come to other devices: 1 of 3 runs "
                                "done, 1 submitted\n");
    clear_bench(&made);
}
END_TEST

START_TEST(data_that_nobody_waits_for_abort)
{
    bench made;
    bring_to_move(&made, 3);
    move(&made, 7, 1);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("client_moving");
    tcase_add_test(cases, job_goes_on_when_its_data_are_there);
    tcase_add_test(cases, end_waits_for_what_the_job_has_left);
    tcase_add_test(cases, job_that_is_told_to_stay_goes_on_where_it_is);
    tcase_add_test(cases, job_moves_twice);
    tcase_add_test(cases, recall_before_the_first_run_leaves_nothing);
    tcase_add_test(cases, recall_in_the_last_run_moves_nothing);
    tcase_add_test(cases, job_moves_when_its_values_are_in);
    tcase_add_test(cases, stop_while_asking_retires_where_it_is);
    tcase_add_test(cases, stop_while_installing_moves_nothing);
    tcase_add_test(cases, stop_while_data_move_waits_for_them);
    tcase_add_test(cases, explains_where_it_is);
    tcase_add_test_raise_signal(cases, data_that_nobody_waits_for_abort, SIGABRT);
    Suite *suite = suite_create("client_moving");
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
