/* SPDX-License-Identifier: Apache-2.0 */
/* Turns: what reaches a scheduler before its turn is ordered in it, and sent together. */
#include <check.h>

#include "controller/system.h"
#include "run_suite.h"
#include "small_control.h"

#define JOBS 2

/* One host of two devices, a job of one node on both for each of two clients; the recorder is the
 * scheduler's. */
typedef struct {
    gw_directory *directory;
    record_port *port;
    gw_control control;
    gw_job jobs[JOBS];
    gw_program *programs[JOBS];
    gw_plan *plans[JOBS];
    gw_controller *controller;
} bench;

static void hand_in(bench *made, gw_node_id source, const gw_message *message)
{
    const gw_input input = {.kind = GW_INPUT_MESSAGE,
                            .message = {.source = source, .content = message}};
    gw_controller_handle(made->controller, &input);
}

static void take_turn(bench *made)
{
    const gw_input input = record_port_answer(made->port, RECORD_TIMER_SET, (gw_tag){1}, 0);
    gw_controller_handle(made->controller, &input);
}

static void install(bench *made, uint32_t job)
{
    const uint32_t devices[] = {0, 1};
    gw_builder *builder = gw_builder_new("one");
    small_node(builder, "node", small_mesh(builder, 2), "> r1");
    made->programs[job] = small_finish(builder);
    made->plans[job] = gw_plan_new(made->programs[job]);
    made->jobs[job] = (gw_job){.name = "job",
                               .program = made->programs[job],
                               .plan = made->plans[job],
                               .runs = 100,
                               .in_flight = 4,
                               .weight = 1};
    g_autofree gw_assignment_message *message =
        small_assignment(GW_MESSAGE_INSTALL, job, made->programs[job], devices);
    hand_in(made, gw_directory_client(made->directory, job), &message->header);
}

static void init_bench(bench *made, const gw_dispatch_policy_ops *dispatch)
{
    *made = (bench){0};
    made->directory = small_directory(1, 2, JOBS);
    made->control =
        (gw_control){.policy = gw_policy_find("fifo"), .dispatch = dispatch, .lookahead = 8};
    made->port = record_port_new(made->directory, gw_directory_scheduler(made->directory, 0));
    made->controller = gw_controller_new(made->directory, &made->control, made->jobs,
                                         made->port->self, &made->port->base, NULL);
    ck_assert_ptr_nonnull(made->controller);
}

static void clear_bench(bench *made)
{
    gw_controller_free(made->controller);
    for (uint32_t j = 0; j < JOBS; j++) {
        gw_plan_free(made->plans[j]);
        gw_program_free(made->programs[j]);
    }
    record_port_free(made->port);
    gw_directory_free(made->directory);
}

static void submit(bench *made, uint32_t job, uint32_t run)
{
    const gw_submit message = {{GW_MESSAGE_SUBMIT, sizeof message}, job, run, 0, 1, run};
    hand_in(made, gw_directory_client(made->directory, job), &message.header);
}

START_TEST(calls_before_a_turn_travel_together)
{
    bench made;
    init_bench(&made, &gw_dispatch_parallel);
    install(&made, 0);
    install(&made, 1);
    record_port_clear(made.port);
    submit(&made, 0, 0);
    CHECK_CALLS(made.port, "set timer 1 to 0 ns\n");
    submit(&made, 1, 0);
    CHECK_CALLS(made.port, ""); /* It is set. */
    take_turn(&made);
    CHECK_CALLS(made.port, "note GANG_ORDERED, gang 1.0 is instance 0 node 0\n"
                           "note GANG_ORDERED, gang 1.1 is instance 1 node 0\n"
                           "send to host 0: DISPATCH, instance 0 run 0 node 0 as gang 1.0, call 0; "
                           "instance 1 run 0 node 0 as gang 1.1, call 0\n"
                           "send to client 0: RETURNED, instance 0 run 0, call 0\n"
                           "send to client 1: RETURNED, instance 1 run 0, call 0\n");
    ck_assert_uint_eq(made.port->spent[GW_COST_SCHEDULE], 2);
    ck_assert_uint_eq(made.port->spent[GW_COST_DESCRIBE], 2); /* Two gangs on one host. */
    submit(&made, 1, 1);
    CHECK_CALLS(made.port, "set timer 1 to 0 ns\n"); /* The next turn. */
    clear_bench(&made);
}
END_TEST

START_TEST(answers_do_not_wait_for_a_turn)
{
    bench made;
    init_bench(&made, &gw_dispatch_sequential);
    install(&made, 0);
    submit(&made, 0, 0);
    take_turn(&made);
    record_port_clear(made.port);
    const gw_instance_message enqueued = small_instance_message(GW_MESSAGE_ENQUEUED, 0);
    hand_in(&made, (gw_node_id){0}, &enqueued.header);
    ck_assert_msg(g_str_has_prefix(record_port_text(made.port), "send to client 0: RETURNED"), "%s",
                  record_port_text(made.port));
    clear_bench(&made);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("system_pathways");
    TCase *cases = tcase_create("turns");
    tcase_add_test(cases, calls_before_a_turn_travel_together);
    tcase_add_test(cases, answers_do_not_wait_for_a_turn);
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
