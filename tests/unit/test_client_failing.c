/* SPDX-License-Identifier: Apache-2.0 */
/* A client's node that fails, or is given up: what it says, and what it hears no more. */
#include <check.h>

#include "controller/client.h"
#include "run_suite.h"
#include "small_control.h"

/* One host of one device is node 0; the scheduler is node 1, the resource manager 2, the client
 * node 3. */
typedef struct {
    gw_directory *directory;
    gw_control control;
    gw_program *program;
    gw_plan *plan;
    gw_job job;
    record_port *port;
    gw_controller *controller;
} bench;

static void hand(bench *made, const gw_input *input)
{
    gw_controller_handle(made->controller, input);
}

static void init_bench(bench *made, gw_time start_ns)
{
    gw_builder *builder = gw_builder_new("node");
    small_node(builder, "node", small_mesh(builder, 1), "> r1");
    *made = (bench){.program = small_finish(builder)};
    made->directory = small_directory(1, 1, 1);
    made->plan = gw_plan_new(made->program);
    made->control = (gw_control){.policy = gw_policy_find("fifo"),
                                 .dispatch = &gw_dispatch_parallel,
                                 .lookahead = 4,
                                 .lease_ns = 90};
    made->job = (gw_job){.name = "job",
                         .program = made->program,
                         .plan = made->plan,
                         .submit = GW_SUBMIT_CHAINED,
                         .runs = 9,
                         .in_flight = 1,
                         .start_ns = start_ns,
                         .fail_ns = 500};
    made->port = record_port_new(made->directory, gw_directory_client(made->directory, 0));
    made->controller = gw_controller_new(made->directory, &made->control, &made->job,
                                         made->port->self, &made->port->base, NULL);
    hand(made, &(gw_input){.kind = GW_INPUT_START});
}

static void clear_bench(bench *made)
{
    gw_controller_free(made->controller);
    gw_plan_free(made->plan);
    gw_program_free(made->program);
    record_port_free(made->port);
    gw_directory_free(made->directory);
}

static void hand_timer(bench *made, uint64_t tag, gw_time now_ns)
{
    made->port->now_ns = now_ns;
    const gw_input input = record_port_answer(made->port, RECORD_TIMER_SET, (gw_tag){tag}, 0);
    hand(made, &input);
}

static void hand_message(bench *made, uint32_t source, const gw_message *message)
{
    hand(made, &(gw_input){.kind = GW_INPUT_MESSAGE, .message = {{source}, message}});
}

static void hand_lease(bench *made, gw_message_kind kind)
{
    const gw_lease_message message = {{kind, sizeof message}, 0};
    hand_message(made, 2, &message.header);
}

/* Up to its first call. */
static void bring_up(bench *made)
{
    g_autofree gw_assignment_message *message =
        small_assignment(GW_MESSAGE_SLICE_GRANT, 0, made->program, (const uint32_t[]){0});
    const gw_instance_message installed = small_instance_message(GW_MESSAGE_INSTALLED, 0);
    hand_message(made, 2, &message->header);
    hand_message(made, 0, &installed.header);
    hand_message(made, 1, &installed.header);
    record_port_clear(made->port);
}

START_TEST(it_answers_while_it_lives)
{
    bench made;
    init_bench(&made, 0);
    CHECK_CALLS(made.port, "send to resources: SLICE_REQUEST, job 0\n"
                           "set timer 3 to 500 ns\n");
    hand_lease(&made, GW_MESSAGE_LEASE);
    CHECK_CALLS(made.port, "send to resources: LEASE_KEPT, job 0\n");
    clear_bench(&made);
}
END_TEST

/* The vigil keeps the run going until the resource manager has missed it. */
START_TEST(failed_it_hears_and_says_nothing)
{
    bench made;
    init_bench(&made, 0);
    bring_up(&made);
    hand_timer(&made, GW_CLIENT_FAIL_TAG, 500);
    CHECK_CALLS(made.port, "cancel timer 3\n"
                           "note CLIENT_FAILED, job 0, 1\n"
                           "set timer 1 to 590 ns\n");
    const gw_call_message returned = {{GW_MESSAGE_RETURNED, sizeof returned}, 0, 0, 0};
    const gw_call_message done = {{GW_MESSAGE_RUN_DONE, sizeof done}, 0, 0, 0};
    hand_message(&made, 1, &returned.header);
    hand_message(&made, 1, &done.header);
    hand_lease(&made, GW_MESSAGE_LEASE);
    CHECK_CALLS(made.port, "");
    hand_timer(&made, 1, 590);
    CHECK_CALLS(made.port, "set timer 1 to 680 ns\n");
    hand_lease(&made, GW_MESSAGE_LEASE_LOST);
    CHECK_CALLS(made.port, "cancel timer 1\n");
    g_autoptr(GString) text = g_string_new(NULL);
    gw_controller_explain(made.controller, text);
    ck_assert_str_eq(text->str, "");
    clear_bench(&made);
}
END_TEST

START_TEST(failed_before_it_begins_it_owns_nothing)
{
    bench made;
    init_bench(&made, 800);
    record_port_clear(made.port);
    hand_timer(&made, GW_CLIENT_FAIL_TAG, 500);
    CHECK_CALLS(made.port, "cancel timer 1\n"
                           "cancel timer 3\n"
                           "note CLIENT_FAILED, job 0, 0\n");
    clear_bench(&made);
}
END_TEST

START_TEST(given_up_it_stops)
{
    bench made;
    init_bench(&made, 0);
    bring_up(&made);
    hand_lease(&made, GW_MESSAGE_LEASE_LOST);
    CHECK_CALLS(made.port, "cancel timer 3\n"); /* It was only slow, and cannot fail any more. */
    const gw_call_message returned = {{GW_MESSAGE_RETURNED, sizeof returned}, 0, 0, 0};
    hand_message(&made, 1, &returned.header);
    hand_lease(&made, GW_MESSAGE_LEASE);
    CHECK_CALLS(made.port, "");
    clear_bench(&made);
}
END_TEST

START_TEST(refused_it_gives_its_lease_back)
{
    bench made;
    init_bench(&made, 0);
    record_port_clear(made.port);
    const gw_slice_refused refused = {{GW_MESSAGE_SLICE_REFUSED, sizeof refused}, 1};
    hand_message(&made, 2, &refused.header);
    CHECK_CALLS(made.port, "cancel timer 3\n"
                           "send to resources: SLICE_RELEASE, instance 0\n"
                           "note JOB_REFUSED, job 0, 1\n");
    clear_bench(&made);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("client_failing");
    tcase_add_test(cases, it_answers_while_it_lives);
    tcase_add_test(cases, failed_it_hears_and_says_nothing);
    tcase_add_test(cases, failed_before_it_begins_it_owns_nothing);
    tcase_add_test(cases, given_up_it_stops);
    tcase_add_test(cases, refused_it_gives_its_lease_back);
    Suite *suite = suite_create("client_failing");
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
