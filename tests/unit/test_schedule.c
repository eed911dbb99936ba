/* SPDX-License-Identifier: Apache-2.0 */
/* The order of gangs: who is next, how far ahead, and what is said to whom and when. */
#include <check.h>
#include <signal.h>
#include <string.h>

#include "base/error.h"
#include "base/params.h"
#include "controller/schedule.h"
#include "run_suite.h"
#include "small_control.h"

#define JOBS_MAX 4

/* Hosts of two devices; the recorder is the scheduler's.  With two hosts it is node 2, and the
 * clients are nodes 4 and on. */
typedef struct {
    gw_directory *directory;
    record_port *port;
    gw_control control;
    gw_job jobs[JOBS_MAX];
    gw_program *programs[JOBS_MAX];
    gw_plan *plans[JOBS_MAX];
    gw_schedule *schedule;
} bench;

static void init_bench(bench *made, uint32_t host_count, uint32_t lookahead)
{
    *made = (bench){0};
    made->directory = small_directory(host_count, 2, JOBS_MAX);
    made->port = record_port_new(made->directory, (gw_node_id){host_count});
    made->control = (gw_control){.policy = gw_policy_find("fifo"),
                                 .dispatch = &gw_dispatch_parallel,
                                 .lookahead = lookahead};
    made->schedule = gw_schedule_new(made->directory, &made->control, made->jobs, 0,
                                     made->port->self, &made->port->base, NULL);
    ck_assert_ptr_nonnull(made->schedule);
}

static void clear_bench(bench *made)
{
    gw_schedule_free(made->schedule);
    for (uint32_t j = 0; j < JOBS_MAX; j++) {
        gw_plan_free(made->plans[j]);
        gw_program_free(made->programs[j]);
    }
    record_port_free(made->port);
    gw_directory_free(made->directory);
}

static gw_node_id client_of(const bench *made, uint32_t job)
{
    return gw_directory_client(made->directory, job);
}

/* Job `job` is `program`, on these devices; its INSTALLED is checked. */
static void install(bench *made, uint32_t job, gw_program *program, uint32_t in_flight,
                    const uint32_t *devices)
{
    made->programs[job] = program;
    made->plans[job] = gw_plan_new(program);
    made->jobs[job] = (gw_job){.name = "job",
                               .program = program,
                               .plan = made->plans[job],
                               .runs = 100,
                               .in_flight = in_flight};
    g_autofree gw_assignment_message *message =
        small_assignment(GW_MESSAGE_INSTALL, job, program, devices);
    g_autofree char *expected =
        g_strdup_printf("send to client %u: INSTALLED, instance %u\n", job, job);
    gw_schedule_install(made->schedule, client_of(made, job), message);
    gw_schedule_flush(made->schedule);
    CHECK_CALLS(made->port, expected);
}

static void submit(bench *made, uint32_t job, uint32_t run, uint32_t first_node,
                   uint32_t node_count, uint64_t call)
{
    const gw_submit message = {
        {GW_MESSAGE_SUBMIT, sizeof message}, job, run, first_node, node_count, call};
    gw_schedule_submit(made->schedule, client_of(made, job), &message);
    gw_schedule_flush(made->schedule);
}

static void progress(bench *made, uint32_t host, uint32_t left, uint32_t right)
{
    const uint32_t counts[] = {left, right};
    g_autofree gw_progress *message = small_progress(2, counts, GW_INDEX_NONE, 0);
    gw_schedule_progress(made->schedule, (gw_node_id){host}, message);
    gw_schedule_flush(made->schedule);
}

static void finish_run(bench *made, uint32_t host, uint32_t job, uint32_t run)
{
    g_autofree gw_progress *message = small_progress(2, (const uint32_t[]){0, 0}, job, run);
    gw_schedule_progress(made->schedule, (gw_node_id){host}, message);
    gw_schedule_flush(made->schedule);
}

/* `count` nodes without edges on one mesh. */
static gw_program *make_nodes(uint32_t device_count, uint32_t count)
{
    gw_builder *builder = gw_builder_new("nodes");
    const uint32_t mesh = small_mesh(builder, device_count);
    for (uint32_t n = 0; n < count; n++) {
        small_node(builder, "node", mesh, "> r1");
    }
    return small_finish(builder);
}

START_TEST(call_is_ordered_sent_and_then_returned)
{
    bench made;
    init_bench(&made, 2, 8);
    install(&made, 0, make_nodes(4, 3), 1, (const uint32_t[]){0, 1, 2, 3});
    submit(&made, 0, 0, 0, 3, 0);
    CHECK_CALLS(made.port,
                "note GANG_ORDERED, gang 2.0 is instance 0 node 0\n"
                "note GANG_ORDERED, gang 2.1 is instance 0 node 1\n"
                "note GANG_ORDERED, gang 2.2 is instance 0 node 2\n"
                "send to host 0: DISPATCH, instance 0 run 0 nodes 0 to 2 as gang 2.0, call 0\n"
                "send to host 1: DISPATCH, instance 0 run 0 nodes 0 to 2 as gang 2.0, call 0\n"
                "send to client 0: RETURNED, instance 0 run 0, call 0\n");
    ck_assert_uint_eq(made.port->spent[GW_COST_SCHEDULE], 3);
    clear_bench(&made);
}
END_TEST

START_TEST(no_device_gets_more_than_its_lookahead)
{
    bench made;
    init_bench(&made, 1, 2);
    install(&made, 0, make_nodes(2, 5), 1, (const uint32_t[]){0, 1});
    submit(&made, 0, 0, 0, 5, 0);
    CHECK_CALLS(made.port,
                "note GANG_ORDERED, gang 1.0 is instance 0 node 0\n"
                "note GANG_ORDERED, gang 1.1 is instance 0 node 1\n"
                "send to host 0: DISPATCH, instance 0 run 0 nodes 0 to 1 as gang 1.0, call 0\n");
    progress(&made, 0, 1, 0); /* Device 1 is still full. */
    CHECK_CALLS(made.port, "");
    progress(&made, 0, 0, 1);
    CHECK_CALLS(made.port,
                "note GANG_ORDERED, gang 1.2 is instance 0 node 2\n"
                "send to host 0: DISPATCH, instance 0 run 0 node 2 as gang 1.2, call 0\n");
    progress(&made, 0, 2, 2); /* The call returns with its last gang, not before. */
    CHECK_CALLS(made.port,
                "note GANG_ORDERED, gang 1.3 is instance 0 node 3\n"
                "note GANG_ORDERED, gang 1.4 is instance 0 node 4\n"
                "send to host 0: DISPATCH, instance 0 run 0 nodes 3 to 4 as gang 1.3, call 0\n"
                "send to client 0: RETURNED, instance 0 run 0, call 0\n");
    clear_bench(&made);
}
END_TEST

START_TEST(set_up_nodes_are_left_out_after_run_0)
{
    gw_builder *builder = gw_builder_new("setup");
    const uint32_t mesh = small_mesh(builder, 2);
    small_once(builder, "once", mesh, "> r1");
    small_node(builder, "a", mesh, "> r1");
    small_once(builder, "once", mesh, "> r1");
    small_node(builder, "b", mesh, "> r1");
    small_once(builder, "once", mesh, "> r1");
    bench made;
    init_bench(&made, 1, 9);
    install(&made, 0, small_finish(builder), 2, (const uint32_t[]){0, 1});
    submit(&made, 0, 0, 0, 5, 0);
    ck_assert_uint_eq(made.port->spent[GW_COST_SCHEDULE], 5);
    record_port_clear(made.port);
    submit(&made, 0, 1, 0, 5, 1);
    CHECK_CALLS(made.port, "note GANG_ORDERED, gang 1.5 is instance 0 node 1\n"
                           "note GANG_ORDERED, gang 1.6 is instance 0 node 3\n"
                           "send to host 0: DISPATCH, instance 0 run 1 node 1 as gang 1.5, call 1"
                           "; instance 0 run 1 node 3 as gang 1.6, call 1\n"
                           "send to client 0: RETURNED, instance 0 run 1, call 1\n");
    clear_bench(&made);
}
END_TEST

START_TEST(first_call_of_all_jobs_is_first)
{
    bench made;
    init_bench(&made, 1, 1);
    install(&made, 0, make_nodes(1, 2), 1, (const uint32_t[]){0});
    install(&made, 1, make_nodes(1, 2), 1, (const uint32_t[]){0});
    install(&made, 2, make_nodes(1, 1), 1, (const uint32_t[]){1});
    submit(&made, 1, 0, 0, 2, 0);
    submit(&made, 0, 0, 0, 2, 0);
    record_port_clear(made.port);
    submit(&made, 2, 0, 0, 1, 0); /* Another device: nobody is in its way. */
    CHECK_CALLS(made.port, "note GANG_ORDERED, gang 1.1 is instance 2 node 0\n"
                           "send to host 0: DISPATCH, instance 2 run 0 node 0 as gang 1.1, call 0\n"
                           "send to client 2: RETURNED, instance 2 run 0, call 0\n");
    static const uint32_t order[][2] = {{1, 1}, {0, 0}, {0, 1}};
    for (uint32_t i = 0; i < G_N_ELEMENTS(order); i++) {
        g_autofree char *expected =
            g_strdup_printf("note GANG_ORDERED, gang 1.%u is instance %u node %u\n", 2 + i,
                            order[i][0], order[i][1]);
        progress(&made, 0, 1, 0);
        ck_assert_uint_eq(strncmp(record_port_text(made.port), expected, strlen(expected)), 0);
        record_port_clear(made.port);
    }
    clear_bench(&made);
}
END_TEST

START_TEST(many_blocked_instances_go_by_submission)
{
    static const uint32_t order[] = {2, 0, 3};
    bench made;
    init_bench(&made, 1, 1);
    for (uint32_t j = 0; j < 4; j++) {
        install(&made, j, make_nodes(2, 1), 1, (const uint32_t[]){0, 1});
    }
    submit(&made, 1, 0, 0, 1, 0); /* Takes all the room. */
    for (uint32_t i = 0; i < 3; i++) {
        submit(&made, order[i], 0, 0, 1, 0);
    }
    for (uint32_t i = 0; i < 3; i++) {
        record_port_clear(made.port);
        progress(&made, 0, 1, 1);
        ck_assert_uint_eq(made.port->calls->len, 3); /* A note, DISPATCH, RETURNED. */
        const record_call *note = &g_array_index(made.port->calls, record_call, 0);
        ck_assert_uint_eq(note->note.b >> 32, order[i]);
    }
    clear_bench(&made);
}
END_TEST

/* One report frees two devices, and jobs on different hosts get into one batch. */
START_TEST(one_report_orders_all_whom_it_frees)
{
    bench made;
    init_bench(&made, 2, 1);
    install(&made, 0, make_nodes(2, 1), 1, (const uint32_t[]){0, 1});
    install(&made, 1, make_nodes(1, 1), 1, (const uint32_t[]){0});
    install(&made, 2, make_nodes(2, 1), 1, (const uint32_t[]){1, 3});
    submit(&made, 0, 0, 0, 1, 0);
    submit(&made, 2, 0, 0, 1, 0);
    submit(&made, 1, 0, 0, 1, 0);
    record_port_clear(made.port);
    progress(&made, 0, 1, 1);
    CHECK_CALLS(made.port, "note GANG_ORDERED, gang 2.1 is instance 2 node 0\n"
                           "note GANG_ORDERED, gang 2.2 is instance 1 node 0\n"
                           "send to host 0: DISPATCH, instance 2 run 0 node 0 as gang 2.1, call 0"
                           "; instance 1 run 0 node 0 as gang 2.2, call 0\n"
                           "send to host 1: DISPATCH, instance 2 run 0 node 0 as gang 2.1, call 0"
                           "; instance 1 run 0 node 0 as gang 2.2, call 0\n"
                           "send to client 2: RETURNED, instance 2 run 0, call 0\n"
                           "send to client 1: RETURNED, instance 1 run 0, call 0\n");
    clear_bench(&made);
}
END_TEST

START_TEST(op_by_op_returns_each_node)
{
    bench made;
    init_bench(&made, 1, 4);
    install(&made, 0, make_nodes(1, 2), 1, (const uint32_t[]){1});
    submit(&made, 0, 0, 0, 1, 0);
    CHECK_CALLS(made.port, "note GANG_ORDERED, gang 1.0 is instance 0 node 0\n"
                           "send to host 0: DISPATCH, instance 0 run 0 node 0 as gang 1.0, call 0\n"
                           "send to client 0: RETURNED, instance 0 run 0, call 0\n");
    submit(&made, 0, 0, 1, 1, 1);
    CHECK_CALLS(made.port, "note GANG_ORDERED, gang 1.1 is instance 0 node 1\n"
                           "send to host 0: DISPATCH, instance 0 run 0 node 1 as gang 1.1, call 1\n"
                           "send to client 0: RETURNED, instance 0 run 0, call 1\n");
    clear_bench(&made);
}
END_TEST

START_TEST(run_is_done_when_all_its_hosts_are)
{
    bench made;
    init_bench(&made, 3, 8);
    install(&made, 0, make_nodes(4, 1), 2, (const uint32_t[]){0, 1, 2, 3}); /* Hosts 0, 1. */
    submit(&made, 0, 0, 0, 1, 0);
    submit(&made, 0, 1, 0, 1, 1);
    record_port_clear(made.port);
    finish_run(&made, 0, 0, 0);
    finish_run(&made, 0, 0, 1);
    CHECK_CALLS(made.port, "");
    finish_run(&made, 1, 0, 1); /* Out of order. */
    CHECK_CALLS(made.port, "send to client 0: RUN_DONE, instance 0 run 1\n");
    finish_run(&made, 1, 0, 0);
    CHECK_CALLS(made.port, "send to client 0: RUN_DONE, instance 0 run 0\n");
    clear_bench(&made);
}
END_TEST

/* A host with set-up alone takes part in run 0 and in no other. */
START_TEST(hosts_of_a_run_are_those_with_its_gangs)
{
    gw_builder *builder = gw_builder_new("setup");
    const uint32_t left = small_mesh(builder, 1), right = small_mesh(builder, 1);
    small_once(builder, "weights", left, "> r4");
    small_node(builder, "use", right, "r4 >");
    gw_builder_add_edge(builder, 0, 0, 1, 0);
    bench made;
    init_bench(&made, 2, 8);
    install(&made, 0, small_finish(builder), 2, (const uint32_t[]){0, 2});
    submit(&made, 0, 0, 0, 2, 0);
    submit(&made, 0, 1, 0, 2, 1);
    record_port_clear(made.port);
    finish_run(&made, 1, 0, 1);
    CHECK_CALLS(made.port, "send to client 0: RUN_DONE, instance 0 run 1\n");
    finish_run(&made, 1, 0, 0);
    CHECK_CALLS(made.port, "");
    finish_run(&made, 0, 0, 0);
    CHECK_CALLS(made.port, "send to client 0: RUN_DONE, instance 0 run 0\n");
    clear_bench(&made);
}
END_TEST

static void hear_ordered(bench *made, uint32_t run, uint32_t node)
{
    const gw_ordered_message message = {{GW_MESSAGE_ORDERED, sizeof message}, 0, run, node};
    gw_schedule_ordered(made->schedule, (gw_node_id){2}, &message);
    gw_schedule_flush(made->schedule);
}

/* Of a program on two islands a scheduler orders the nodes of its own, each when the other one has
 * ordered what comes before. */
START_TEST(islands_order_in_turn)
{
    const gw_island islands[] = {
        {.host_count = 1, .devices_per_host = 2, .shape = {2, 1, 1}},
        {.host_count = 1, .devices_per_host = 2, .shape = {2, 1, 1}},
    };
    bench made = {.directory = gw_directory_new(islands, 2, JOBS_MAX)};
    made.port = record_port_new(made.directory, (gw_node_id){3}); /* Of island 1. */
    made.control = (gw_control){
        .policy = gw_policy_find("fifo"), .dispatch = &gw_dispatch_parallel, .lookahead = 8};
    made.schedule = gw_schedule_new(made.directory, &made.control, made.jobs, 1, made.port->self,
                                    &made.port->base, NULL);
    gw_builder *builder = gw_builder_new("islands");
    const uint32_t left = small_mesh(builder, 1), right = small_mesh(builder, 1);
    small_node(builder, "a", left, "> r4");
    small_node(builder, "b", right, "r4 > r4");
    small_node(builder, "c", left, "r4 > r4");
    small_node(builder, "d", right, "r4 >");
    for (uint32_t n = 0; n < 3; n++) {
        gw_builder_add_edge(builder, n, 0, n + 1, 0);
    }
    install(&made, 0, small_finish(builder), 1, (const uint32_t[]){1, 3});
    submit(&made, 0, 0, 0, 4, 0);
    g_autoptr(GString) text = g_string_new(NULL);
    gw_schedule_explain(made.schedule, text);
    ck_assert_str_eq(text->str, "scheduler on node 3: job job, run 0, node b waits for the "
                                "scheduler on node 2 to order its part\n");
    CHECK_CALLS(made.port, "");
    hear_ordered(&made, 0, 0);
    CHECK_CALLS(made.port, "note GANG_ORDERED, gang 3.0 is instance 0 node 1\n"
                           "send to host 1: DISPATCH, instance 0 run 0 node 1 as gang 3.0, call 0\n"
                           "send to scheduler 0: ORDERED, instance 0 up to node 1 of run 0\n");
    hear_ordered(&made, 0, 2);
    CHECK_CALLS(made.port, "note GANG_ORDERED, gang 3.1 is instance 0 node 3\n"
                           "send to host 1: DISPATCH, instance 0 run 0 node 3 as gang 3.1, call 0\n"
                           "send to scheduler 0: ORDERED, instance 0 up to node 3 of run 0\n"
                           "send to client 0: RETURNED, instance 0 run 0, call 0\n");
    g_autofree gw_progress *report = small_progress(2, (const uint32_t[]){0, 2}, 0, 0);
    gw_schedule_progress(made.schedule, (gw_node_id){1}, report);
    gw_schedule_flush(made.schedule);
    CHECK_CALLS(made.port, "send to client 0: RUN_DONE, instance 0 run 0\n");
    const gw_instance_message retire = small_instance_message(GW_MESSAGE_RETIRE, 0);
    gw_schedule_retire(made.schedule, client_of(&made, 0), &retire);
    record_port_clear(made.port);
    hear_ordered(&made, 1, 0); /* Slower than the end. */
    CHECK_CALLS(made.port, "");
    clear_bench(&made);
}
END_TEST

static void hear_result(bench *made, uint32_t run, double value)
{
    const gw_result_message message = {{GW_MESSAGE_RESULT, sizeof message}, 0, run, 0, 0, value};
    gw_schedule_result(made->schedule, &message);
    gw_schedule_flush(made->schedule);
}

/* Node b is decided by what a makes; c comes after it. */
START_TEST(irregular_node_waits_for_its_value)
{
    bench made;
    init_bench(&made, 1, 8);
    gw_builder *builder = gw_builder_new("irregular");
    const uint32_t mesh = small_mesh(builder, 1);
    small_node(builder, "a", mesh, "> r1");
    small_node(builder, "b", mesh, ">");
    small_node(builder, "c", mesh, ">");
    gw_builder_add_result(builder, "hot", 0, 0);
    gw_builder_set_choice(builder, 1, 0,
                          gw_builder_take_function(builder, gw_function_new("otherwise")));
    install(&made, 0, small_finish(builder), 2, (const uint32_t[]){0});
    submit(&made, 0, 0, 0, 3, 0);
    record_port_clear(made.port);
    g_autoptr(GString) text = g_string_new(NULL);
    gw_schedule_explain(made.schedule, text);
    ck_assert_ptr_nonnull(strstr(text->str, "node b waits for result hot, which decides it\n"));
    hear_result(&made, 0, 0);
    g_autofree char *calls = g_strdup(record_port_text(made.port));
    ck_assert_ptr_nonnull(strstr(calls, "node 1 otherwise as gang")); /* And c, apart. */
    ck_assert_ptr_nonnull(strstr(calls, "; instance 0 run 0 node 2 as gang"));
    ck_assert_ptr_nonnull(strstr(calls, "RETURNED, instance 0 run 0"));
    record_port_clear(made.port);
    hear_result(&made, 1, 1); /* Before the scheduler comes to it. */
    submit(&made, 0, 1, 0, 3, 1);
    ck_assert_ptr_nonnull(strstr(record_port_text(made.port), "run 1 nodes 0 to 2 as gang"));
    clear_bench(&made);
}
END_TEST

START_TEST(retired_instance_is_forgotten)
{
    const gw_instance_message retire = small_instance_message(GW_MESSAGE_RETIRE, 1);
    bench made;
    init_bench(&made, 1, 8);
    install(&made, 1, make_nodes(1, 1), 1, (const uint32_t[]){0});
    gw_schedule_retire(made.schedule, client_of(&made, 1), &retire);
    gw_schedule_flush(made.schedule);
    CHECK_CALLS(made.port, "note ORDER_WAIT, job 1, 0\n"
                           "send to client 1: RETIRED, instance 1\n");
    install(&made, 0, make_nodes(1, 1), 1, (const uint32_t[]){0});
    submit(&made, 0, 0, 0, 1, 0);
    ck_assert_uint_eq(made.port->calls->len, 3);
    clear_bench(&made);
}
END_TEST

START_TEST(explains_who_waits_for_what)
{
    bench made;
    init_bench(&made, 1, 1);
    g_autoptr(GString) text = g_string_new(NULL);
    install(&made, 0, make_nodes(2, 3), 1, (const uint32_t[]){0, 1});
    gw_schedule_explain(made.schedule, text);
    ck_assert_str_eq(text->str, "");
    submit(&made, 0, 0, 0, 3, 0);
    gw_schedule_explain(made.schedule, text);
    ck_assert_str_eq(text->str, "scheduler on node 1: job job, run 0, node node waits for room on "
                                "device 0 (lookahead 1)\n");
    clear_bench(&made);
}
END_TEST

START_TEST(policy_refuses_its_parameters)
{
    bench made;
    init_bench(&made, 1, 1);
    g_autoptr(gw_params) params = gw_params_parse("{\"quantum\": 1}", "test", NULL);
    GError *error = NULL;
    made.control.policy_params = params;
    ck_assert_ptr_null(gw_schedule_new(made.directory, &made.control, made.jobs, 0, made.port->self,
                                       &made.port->base, &error));
    ck_assert(g_error_matches(error, GW_ERROR, GW_ERROR_SCENARIO));
    g_error_free(error);
    clear_bench(&made);
}
END_TEST

/* Any mixture of jobs, submissions and reports: the bound holds on every device, each job keeps
 * its own order, and all is ordered in the end. */
START_TEST(bound_and_order_hold_for_any_mixture)
{
    static const uint32_t devices[JOBS_MAX][4] = {{0, 1, 2, 3}, {1, 2}, {3}, {0}};
    static const uint32_t counts[JOBS_MAX] = {4, 2, 1, 1};
    const uint32_t lookahead = 1 + (uint32_t)_i % 3;
    uint32_t state = (uint32_t)_i + 1, queued[4] = {0}, submitted[JOBS_MAX] = {0};
    uint32_t ordered[JOBS_MAX] = {0}, returned[JOBS_MAX] = {0};
    bench made;
    init_bench(&made, 2, lookahead);
    for (uint32_t j = 0; j < JOBS_MAX; j++) {
        install(&made, j, make_nodes(counts[j], 3), 2, devices[j]);
    }
    for (uint32_t step = 0; step < 3000; step++) {
        state = state * 1664525 + 1013904223;
        const uint32_t job = (state >> 16) % JOBS_MAX, host = (state >> 20) % 2;
        if (step < 1500 && submitted[job] == returned[job]) {
            submit(&made, job, submitted[job], 0, 3, submitted[job]);
            submitted[job]++;
        } else {
            const uint32_t left = queued[2 * host] == 0 ? 0 : (state >> 24) % 2;
            const uint32_t right = queued[2 * host + 1] == 0 ? 0 : (state >> 25) % 2;
            queued[2 * host] -= left;
            queued[2 * host + 1] -= right;
            progress(&made, host, left, right);
        }
        for (uint32_t i = 0; i < made.port->calls->len; i++) {
            const record_call *call = &g_array_index(made.port->calls, record_call, i);
            if (call->kind == RECORD_NOTE) {
                const uint32_t whose = (uint32_t)(call->note.b >> 32);
                ck_assert_uint_eq((uint32_t)call->note.b, ordered[whose]++ % 3);
                for (uint32_t d = 0; d < counts[whose]; d++) {
                    ck_assert_uint_le(++queued[devices[whose][d]], lookahead);
                }
            } else if (call->message->kind == GW_MESSAGE_RETURNED) {
                const uint32_t whose = ((const gw_call_message *)call->message)->instance;
                returned[whose]++;
                ck_assert_uint_eq(ordered[whose], 3 * returned[whose]);
            }
        }
        record_port_clear(made.port);
    }
    for (uint32_t j = 0; j < JOBS_MAX; j++) {
        ck_assert_uint_gt(submitted[j], 0);
        ck_assert_uint_eq(ordered[j], 3 * submitted[j]);
        ck_assert_uint_eq(returned[j], submitted[j]);
    }
    clear_bench(&made);
}
END_TEST

/* The job leaves: what is noted of its waiting. */
static void check_waits(bench *made, uint32_t job, const char *expected)
{
    const gw_instance_message retire = small_instance_message(GW_MESSAGE_RETIRE, job);
    record_port_clear(made->port);
    gw_schedule_retire(made->schedule, client_of(made, job), &retire);
    const char *text = record_port_text(made->port);
    ck_assert_msg(g_str_has_prefix(text, expected), "%s", text);
    record_port_clear(made->port);
}

START_TEST(waits_for_a_place_are_noted)
{
    bench made;
    init_bench(&made, 1, 1);
    made.control.starvation_limit_ns = 500;
    install(&made, 0, make_nodes(1, 3), 1, (const uint32_t[]){0});
    made.port->now_ns = 1000;
    submit(&made, 0, 0, 0, 3, 0); /* At once; the second waits for the first, the third for it. */
    made.port->now_ns = 1700;
    progress(&made, 0, 1, 0);
    made.port->now_ns = 2900;
    progress(&made, 0, 1, 0);
    check_waits(&made, 0, "note ORDER_WAIT, job 0, 1200\nsend"); /* Behind itself alone. */
    clear_bench(&made);
}
END_TEST

START_TEST(who_waits_while_others_are_ordered_starves)
{
    for (uint32_t t = 0; t < 4; t++) {
        static const gw_span limits_ns[] = {500, 900, 901, 0}; /* 0: none. */
        bench made;
        init_bench(&made, 1, 1);
        made.control.starvation_limit_ns = limits_ns[t];
        install(&made, 0, make_nodes(1, 3), 1, (const uint32_t[]){0});
        install(&made, 1, make_nodes(1, 1), 1, (const uint32_t[]){0});
        install(&made, 2, make_nodes(1, 1), 1, (const uint32_t[]){1});
        submit(&made, 0, 0, 0, 3, 0);
        made.port->now_ns = 100;
        submit(&made, 1, 0, 0, 1, 0);
        submit(&made, 2, 0, 0, 1, 0); /* At once, on another device. */
        made.port->now_ns = 600;
        progress(&made, 0, 1, 0);
        made.port->now_ns = 1000;
        progress(&made, 0, 1, 0);
        made.port->now_ns = 1001;
        progress(&made, 0, 1, 0);
        check_waits(&made, 1,
                    t == 0   ? "note ORDER_WAIT, job 1, 901\nnote STARVED, job 1, 901\nsend"
                    : t == 1 ? "note ORDER_WAIT, job 1, 901\nnote STARVED, job 1, 901\nsend"
                             : "note ORDER_WAIT, job 1, 901\nsend");
        check_waits(&made, 2, "note ORDER_WAIT, job 2, 0\nsend");
        clear_bench(&made);
    }
}
END_TEST

START_TEST(late_runs_are_noted)
{
    bench made;
    init_bench(&made, 2, 8);
    install(&made, 0, make_nodes(4, 2), 3, (const uint32_t[]){0, 1, 2, 3});
    made.jobs[0].deadline_ns = 500;
    made.port->now_ns = 1000;
    submit(&made, 0, 0, 0, 2, 0);
    submit(&made, 0, 1, 0, 1, 1);
    made.port->now_ns = 1200;
    submit(&made, 0, 1, 1, 1, 2); /* The last call of run 1: it has until 1700. */
    record_port_clear(made.port);
    made.port->now_ns = 1500; /* Not later than the deadline: one host, */
    finish_run(&made, 0, 0, 0);
    made.port->now_ns = 1501; /* and the other. */
    finish_run(&made, 1, 0, 0);
    CHECK_CALLS(made.port, "note DEADLINE_MISSED, job 0, 0\n"
                           "send to client 0: RUN_DONE, instance 0 run 0\n");
    made.port->now_ns = 1700;
    finish_run(&made, 0, 0, 1);
    finish_run(&made, 1, 0, 1);
    CHECK_CALLS(made.port, "send to client 0: RUN_DONE, instance 0 run 1\n");
    clear_bench(&made);
}
END_TEST

/* One gang of `job` on device 0 is done, after 1 us. */
static void finish_gang(bench *made, uint32_t job)
{
    g_autofree gw_progress *message = g_malloc0(gw_progress_size_bytes(1, 2, 0));
    message->header = (gw_message){GW_MESSAGE_PROGRESS, gw_progress_size_bytes(1, 2, 0)};
    message->used_count = 1;
    message->device_count = 2;
    message->used[0] = (gw_used_time){.instance = job, .shard_count = 1, .device_time_ns = 1000};
    *(uint32_t *)(void *)(message->used + 1) = 1;
    gw_schedule_progress(made->schedule, (gw_node_id){0}, message);
    gw_schedule_flush(made->schedule);
}

/* Whose gang was ordered since the last time; one was. */
static uint32_t last_ordered(bench *made)
{
    uint32_t job = GW_INDEX_NONE;
    for (uint32_t i = 0; i < made->port->calls->len; i++) {
        const record_call *call = &g_array_index(made->port->calls, record_call, i);
        if (call->kind == RECORD_NOTE && call->note.kind == GW_NOTE_GANG_ORDERED) {
            ck_assert_uint_eq(job, GW_INDEX_NONE);
            job = (uint32_t)(call->note.b >> 32);
        }
    }
    ck_assert_uint_ne(job, GW_INDEX_NONE);
    record_port_clear(made->port);
    return job;
}

/* The policy is told when a client has nothing to order: then it saves nothing up.  Job 1 is away
 * while job 0 has twenty gangs, and takes turns with it afterwards. */
START_TEST(idle_instances_are_told_to_the_policy)
{
    bench made;
    init_bench(&made, 1, 1);
    gw_schedule_free(made.schedule);
    made.control.policy = gw_policy_find("share");
    made.schedule = gw_schedule_new(made.directory, &made.control, made.jobs, 0, made.port->self,
                                    &made.port->base, NULL);
    install(&made, 0, make_nodes(1, 26), 1, (const uint32_t[]){0});
    install(&made, 1, make_nodes(1, 6), 2, (const uint32_t[]){0});
    made.jobs[0].weight = made.jobs[1].weight = 1;
    submit(&made, 1, 0, 0, 1, 0);
    ck_assert_uint_eq(last_ordered(&made), 1);
    submit(&made, 0, 0, 0, 26, 0);
    finish_gang(&made, 1);
    for (uint32_t i = 0; i < 20; i++) {
        ck_assert_uint_eq(last_ordered(&made), 0);
        finish_gang(&made, 0);
    }
    submit(&made, 1, 0, 1, 5, 1);
    uint32_t counts[2] = {0}, holder = last_ordered(&made);
    for (uint32_t i = 0; i < 8; i++) {
        finish_gang(&made, holder);
        holder = last_ordered(&made);
        counts[holder]++;
    }
    ck_assert_uint_eq(counts[0], 4);
    ck_assert_uint_eq(counts[1], 4);
    clear_bench(&made);
}
END_TEST

START_TEST(more_credits_than_gangs_abort)
{
    bench made;
    init_bench(&made, 1, 4);
    install(&made, 0, make_nodes(1, 1), 1, (const uint32_t[]){0});
    submit(&made, 0, 0, 0, 1, 0);
    progress(&made, 0, 2, 0);
}
END_TEST

START_TEST(retiring_what_waits_aborts)
{
    const gw_instance_message retire = small_instance_message(GW_MESSAGE_RETIRE, 0);
    bench made;
    init_bench(&made, 1, 1);
    install(&made, 0, make_nodes(1, 2), 1, (const uint32_t[]){0});
    submit(&made, 0, 0, 0, 2, 0);
    gw_schedule_retire(made.schedule, client_of(&made, 0), &retire);
}
END_TEST

START_TEST(call_of_a_stranger_aborts)
{
    bench made;
    init_bench(&made, 1, 1);
    install(&made, 0, make_nodes(1, 2), 1, (const uint32_t[]){0});
    const gw_submit message = {{GW_MESSAGE_SUBMIT, sizeof message}, 0, 0, 0, 2, 0};
    gw_schedule_submit(made.schedule, client_of(&made, 1), &message);
}
END_TEST

static void add_aborting_tests(TCase *cases)
{
    tcase_add_test_raise_signal(cases, more_credits_than_gangs_abort, SIGABRT);
    tcase_add_test_raise_signal(cases, retiring_what_waits_aborts, SIGABRT);
    tcase_add_test_raise_signal(cases, call_of_a_stranger_aborts, SIGABRT);
}

int main(void)
{
    TCase *cases = tcase_create("schedule");
    tcase_add_test(cases, call_is_ordered_sent_and_then_returned);
    tcase_add_test(cases, no_device_gets_more_than_its_lookahead);
    tcase_add_test(cases, set_up_nodes_are_left_out_after_run_0);
    tcase_add_test(cases, first_call_of_all_jobs_is_first);
    tcase_add_test(cases, many_blocked_instances_go_by_submission);
    tcase_add_test(cases, one_report_orders_all_whom_it_frees);
    tcase_add_test(cases, op_by_op_returns_each_node);
    tcase_add_test(cases, run_is_done_when_all_its_hosts_are);
    tcase_add_test(cases, hosts_of_a_run_are_those_with_its_gangs);
    tcase_add_test(cases, islands_order_in_turn);
    tcase_add_test(cases, irregular_node_waits_for_its_value);
    tcase_add_test(cases, retired_instance_is_forgotten);
    tcase_add_test(cases, waits_for_a_place_are_noted);
    tcase_add_test(cases, who_waits_while_others_are_ordered_starves);
    tcase_add_test(cases, late_runs_are_noted);
    tcase_add_test(cases, idle_instances_are_told_to_the_policy);
    tcase_add_test(cases, explains_who_waits_for_what);
    tcase_add_test(cases, policy_refuses_its_parameters);
    tcase_add_loop_test(cases, bound_and_order_hold_for_any_mixture, 0, 12);
    add_aborting_tests(cases);
    Suite *suite = suite_create("schedule");
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
