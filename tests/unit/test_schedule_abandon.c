/* SPDX-License-Identifier: Apache-2.0 */
/* A scheduler that abandons an instance: in every state in which the news can find it. */
#include <check.h>

#include "controller/schedule.h"
#include "run_suite.h"
#include "small_control.h"

#define JOBS_MAX 2

/* One host of two devices; the scheduler is node 1, the clients are nodes 3 and 4. */
typedef struct {
    gw_directory *directory;
    record_port *port;
    gw_control control;
    gw_job jobs[JOBS_MAX];
    gw_program *programs[JOBS_MAX];
    gw_plan *plans[JOBS_MAX];
    gw_schedule *schedule;
} bench;

/* Both jobs have three nodes on both devices, and are installed. */
static void init_bench(bench *made, uint32_t lookahead, const gw_dispatch_policy_ops *dispatch)
{
    *made = (bench){0};
    made->directory = small_directory(1, 2, JOBS_MAX);
    made->port = record_port_new(made->directory, (gw_node_id){1});
    made->control = (gw_control){
        .policy = gw_policy_find("fifo"), .dispatch = dispatch, .lookahead = lookahead};
    made->schedule = gw_schedule_new(made->directory, &made->control, made->jobs, 0,
                                     made->port->self, &made->port->base, NULL);
    for (uint32_t j = 0; j < JOBS_MAX; j++) {
        gw_builder *builder = gw_builder_new("nodes");
        const uint32_t mesh = small_mesh(builder, 2);
        for (uint32_t n = 0; n < 3; n++) {
            small_node(builder, "node", mesh, "> r1");
        }
        made->programs[j] = small_finish(builder);
        made->plans[j] = gw_plan_new(made->programs[j]);
        made->jobs[j] = (gw_job){.name = "job",
                                 .program = made->programs[j],
                                 .plan = made->plans[j],
                                 .runs = 9,
                                 .in_flight = 2};
        g_autofree gw_assignment_message *message =
            small_assignment(GW_MESSAGE_INSTALL, j, made->programs[j], (const uint32_t[]){0, 1});
        gw_schedule_install(made->schedule, gw_directory_client(made->directory, j), message);
    }
    record_port_clear(made->port);
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

/* A whole run, not ordered yet. */
static void submit(bench *made, uint32_t job, uint32_t run)
{
    const gw_submit message = {{GW_MESSAGE_SUBMIT, sizeof message}, job, run, 0, 3, run};
    gw_schedule_submit(made->schedule, gw_directory_client(made->directory, job), &message);
}

static void abandon(bench *made, uint32_t instance)
{
    const gw_instance_message message = small_instance_message(GW_MESSAGE_ABANDON, instance);
    gw_schedule_abandon(made->schedule, gw_directory_resources(made->directory), &message);
    gw_schedule_flush(made->schedule);
}

static void retire(bench *made, uint32_t instance)
{
    const gw_instance_message message = small_instance_message(GW_MESSAGE_RETIRE, instance);
    gw_schedule_retire(made->schedule, gw_directory_resources(made->directory), &message);
    gw_schedule_flush(made->schedule);
}

static void progress(bench *made, uint32_t left, uint32_t right, uint32_t instance, uint32_t run)
{
    const uint32_t counts[] = {left, right};
    g_autofree gw_progress *message = small_progress(2, counts, instance, run);
    gw_schedule_progress(made->schedule, (gw_node_id){0}, message);
    gw_schedule_flush(made->schedule);
}

START_TEST(calls_are_dropped_and_later_ones_not_heard)
{
    bench made;
    init_bench(&made, 2, &gw_dispatch_parallel);
    submit(&made, 0, 4);
    gw_schedule_flush(made.schedule); /* Two nodes find room, the third waits for it. */
    record_port_clear(made.port);
    abandon(&made, 0);
    CHECK_CALLS(made.port,
                "send to resources: ABANDONED, instance 0 from run 4 to before node 2 of run 4\n");
    submit(&made, 0, 5);
    progress(&made, 2, 2, GW_INDEX_NONE, 0);
    CHECK_CALLS(made.port, "");
    retire(&made, 0);
    CHECK_CALLS(made.port, "note ORDER_WAIT, job 0, 0\n"
                           "send to resources: RETIRED, instance 0\n");
    clear_bench(&made);
}
END_TEST

/* The policy gives the offer back, and others are ordered as ever. */
START_TEST(one_that_is_offered_is_never_ordered)
{
    bench made;
    init_bench(&made, 8, &gw_dispatch_parallel);
    submit(&made, 0, 0);
    submit(&made, 1, 0);
    abandon(&made, 0);
    CHECK_CALLS(made.port, "note GANG_ORDERED, gang 1.0 is instance 1 node 0\n"
                           "note GANG_ORDERED, gang 1.1 is instance 1 node 1\n"
                           "note GANG_ORDERED, gang 1.2 is instance 1 node 2\n"
                           "send to host 0: DISPATCH, instance 1 run 0 nodes 0 to 2 as gang 1.0, "
                           "call 0\n"
                           "send to client 1: RETURNED, instance 1 run 0, call 0\n"
                           "send to resources: ABANDONED, instance 0 nothing\n");
    clear_bench(&made);
}
END_TEST

START_TEST(room_that_it_waited_for_is_the_others)
{
    bench made;
    init_bench(&made, 1, &gw_dispatch_parallel);
    submit(&made, 0, 0);
    gw_schedule_flush(made.schedule);
    submit(&made, 1, 0);
    record_port_clear(made.port);
    abandon(&made, 0);
    record_port_clear(made.port);
    progress(&made, 1, 1, GW_INDEX_NONE, 0);
    CHECK_CALLS(made.port, "note GANG_ORDERED, gang 1.1 is instance 1 node 0\n"
                           "send to host 0: DISPATCH, instance 1 run 0 node 0 as gang 1.1, "
                           "call 0\n");
    clear_bench(&made);
}
END_TEST

START_TEST(enqueued_gangs_bring_no_next_one)
{
    bench made;
    init_bench(&made, 8, &gw_dispatch_sequential);
    const gw_instance_message enqueued = small_instance_message(GW_MESSAGE_ENQUEUED, 0);
    submit(&made, 0, 0);
    gw_schedule_flush(made.schedule);
    record_port_clear(made.port);
    abandon(&made, 0);
    CHECK_CALLS(made.port,
                "send to resources: ABANDONED, instance 0 from run 0 to before node 1 of run 0\n");
    gw_schedule_enqueued(made.schedule, &enqueued);
    gw_schedule_flush(made.schedule);
    CHECK_CALLS(made.port, "");
    retire(&made, 0);
    gw_schedule_enqueued(made.schedule, &enqueued); /* Slower than the collection. */
    clear_bench(&made);
}
END_TEST

/* Hosts report in batches, maybe after the collection. */
START_TEST(what_is_told_afterwards_counts_for_devices_alone)
{
    bench made;
    init_bench(&made, 1, &gw_dispatch_parallel);
    submit(&made, 0, 0);
    gw_schedule_flush(made.schedule);
    abandon(&made, 0);
    retire(&made, 0);
    submit(&made, 1, 0);
    gw_schedule_flush(made.schedule);
    record_port_clear(made.port);
    progress(&made, 1, 1, 0, 0);
    CHECK_CALLS(made.port, "note GANG_ORDERED, gang 1.1 is instance 1 node 0\n"
                           "send to host 0: DISPATCH, instance 1 run 0 node 0 as gang 1.1, "
                           "call 0\n");
    clear_bench(&made);
}
END_TEST

START_TEST(what_is_not_here_stays_away)
{
    bench made;
    init_bench(&made, 1, &gw_dispatch_parallel);
    abandon(&made, 5);
    retire(&made, 5);
    CHECK_CALLS(made.port, "send to resources: ABANDONED, instance 5 nothing\n"
                           "send to resources: RETIRED, instance 5\n");
    g_autofree gw_assignment_message *message =
        small_assignment(GW_MESSAGE_INSTALL, 0, made.programs[0], (const uint32_t[]){0, 1});
    message->instance = 5;
    gw_schedule_install(made.schedule, gw_directory_client(made.directory, 0), message);
    const gw_submit call = {{GW_MESSAGE_SUBMIT, sizeof call}, 5, 0, 0, 3, 0};
    gw_schedule_submit(made.schedule, gw_directory_client(made.directory, 0), &call);
    gw_schedule_flush(made.schedule);
    CHECK_CALLS(made.port, "");
    clear_bench(&made);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("schedule_abandon");
    tcase_add_test(cases, calls_are_dropped_and_later_ones_not_heard);
    tcase_add_test(cases, one_that_is_offered_is_never_ordered);
    tcase_add_test(cases, room_that_it_waited_for_is_the_others);
    tcase_add_test(cases, enqueued_gangs_bring_no_next_one);
    tcase_add_test(cases, what_is_told_afterwards_counts_for_devices_alone);
    tcase_add_test(cases, what_is_not_here_stays_away);
    Suite *suite = suite_create("schedule_abandon");
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
