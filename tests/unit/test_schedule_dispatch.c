/* SPDX-License-Identifier: Apache-2.0 */
/* When the scheduler's gangs leave: as its dispatch policy says. */
#include <check.h>

#include "controller/schedule.h"
#include "run_suite.h"
#include "small_control.h"

#define JOBS_MAX 2

typedef struct {
    gw_directory *directory;
    record_port *port;
    gw_control control;
    gw_job jobs[JOBS_MAX];
    gw_program *programs[JOBS_MAX];
    gw_plan *plans[JOBS_MAX];
    gw_schedule *schedule;
} bench;

/* Hosts of two devices. */
static void init_bench(bench *made, uint32_t host_count, const gw_dispatch_policy_ops *dispatch)
{
    *made = (bench){0};
    made->directory = small_directory(host_count, 2, JOBS_MAX);
    made->port = record_port_new(made->directory, (gw_node_id){host_count});
    made->control =
        (gw_control){.policy = gw_policy_find("fifo"), .dispatch = dispatch, .lookahead = 8};
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

/* Job `job` is `node_count` nodes, one after the other, on these devices. */
static void install(bench *made, uint32_t job, uint32_t device_count, uint32_t node_count,
                    const uint32_t *devices)
{
    gw_builder *builder = gw_builder_new("nodes");
    const uint32_t mesh = small_mesh(builder, device_count);
    for (uint32_t n = 0; n < node_count; n++) {
        small_node(builder, "node", mesh, "> r1");
    }
    made->programs[job] = small_finish(builder);
    made->plans[job] = gw_plan_new(made->programs[job]);
    made->jobs[job] = (gw_job){.name = "job",
                               .program = made->programs[job],
                               .plan = made->plans[job],
                               .runs = 100,
                               .in_flight = 1};
    g_autofree gw_assignment_message *message =
        small_assignment(GW_MESSAGE_INSTALL, job, made->programs[job], devices);
    gw_schedule_install(made->schedule, gw_directory_client(made->directory, job), message);
    gw_schedule_flush(made->schedule);
    record_port_clear(made->port);
}

static void submit(bench *made, uint32_t job, uint32_t run, uint32_t first_node,
                   uint32_t node_count, uint64_t call)
{
    const gw_submit message = {
        {GW_MESSAGE_SUBMIT, sizeof message}, job, run, first_node, node_count, call};
    gw_schedule_submit(made->schedule, gw_directory_client(made->directory, job), &message);
    gw_schedule_flush(made->schedule);
}

START_TEST(sequential_waits_for_every_host)
{
    const gw_instance_message enqueued = small_instance_message(GW_MESSAGE_ENQUEUED, 0);
    bench made;
    init_bench(&made, 2, &gw_dispatch_sequential);
    install(&made, 0, 4, 2, (const uint32_t[]){0, 1, 2, 3});
    submit(&made, 0, 0, 0, 2, 0);
    CHECK_CALLS(made.port, "note GANG_ORDERED, gang 2.0 is instance 0 node 0\n"
                           "send to host 0: DISPATCH, instance 0 run 0 node 0 as gang 2.0, call 0, "
                           "wants ENQUEUED\n"
                           "send to host 1: DISPATCH, instance 0 run 0 node 0 as gang 2.0, call 0, "
                           "wants ENQUEUED\n");
    gw_schedule_enqueued(made.schedule, &enqueued);
    gw_schedule_flush(made.schedule);
    CHECK_CALLS(made.port, "");
    gw_schedule_enqueued(made.schedule, &enqueued);
    gw_schedule_flush(made.schedule);
    CHECK_CALLS(made.port, "note GANG_ORDERED, gang 2.1 is instance 0 node 1\n"
                           "send to host 0: DISPATCH, instance 0 run 0 node 1 as gang 2.1, call 0, "
                           "wants ENQUEUED\n"
                           "send to host 1: DISPATCH, instance 0 run 0 node 1 as gang 2.1, call 0, "
                           "wants ENQUEUED\n");
    gw_schedule_enqueued(made.schedule, &enqueued);
    gw_schedule_enqueued(made.schedule, &enqueued);
    gw_schedule_flush(made.schedule);
    CHECK_CALLS(made.port, "send to client 0: RETURNED, instance 0 run 0, call 0\n");
    clear_bench(&made);
}
END_TEST

START_TEST(sequential_jobs_do_not_wait_for_each_other)
{
    const gw_instance_message enqueued = small_instance_message(GW_MESSAGE_ENQUEUED, 1);
    bench made;
    init_bench(&made, 1, &gw_dispatch_sequential);
    install(&made, 0, 1, 2, (const uint32_t[]){0});
    install(&made, 1, 1, 2, (const uint32_t[]){0});
    submit(&made, 0, 0, 0, 2, 0);
    record_port_clear(made.port);
    submit(&made, 1, 0, 0, 2, 0);
    gw_schedule_enqueued(made.schedule, &enqueued);
    gw_schedule_flush(made.schedule);
    CHECK_CALLS(made.port, "note GANG_ORDERED, gang 1.1 is instance 1 node 0\n"
                           "send to host 0: DISPATCH, instance 1 run 0 node 0 as gang 1.1, call 0, "
                           "wants ENQUEUED\n"
                           "note GANG_ORDERED, gang 1.2 is instance 1 node 1\n"
                           "send to host 0: DISPATCH, instance 1 run 0 node 1 as gang 1.2, call 0, "
                           "wants ENQUEUED\n");
    clear_bench(&made);
}
END_TEST

/* Node 1 goes at once with what waits, node 3 alone; what the policy is told of each goes to
 * `told`.
 */
static GString *told;

static gw_dispatch_step step_by_node(gw_dispatch_policy *policy, const gw_dispatch_gang *gang,
                                     gw_time now_ns)
{
    static const gw_dispatch_step steps[] = {GW_DISPATCH_WITH_TURN, GW_DISPATCH_NOW,
                                             GW_DISPATCH_WITH_TURN, GW_DISPATCH_AWAIT,
                                             GW_DISPATCH_WITH_TURN};
    (void)policy;
    (void)now_ns;
    ck_assert_uint_lt(gang->node, G_N_ELEMENTS(steps));
    ck_assert_uint_eq(gang->hosts[0], 0);
    g_string_append_printf(told, "job %u node %u of run %u: %u on %u hosts, %u left, %u wait%s%s\n",
                           gang->job, gang->node, gang->run, gang->shard_count, gang->host_count,
                           gang->gangs_left, gang->batch_gangs, gang->is_static ? "" : ", dynamic",
                           gang->is_enqueued_before ? ", enqueued" : "");
    return steps[gang->node];
}

static gw_dispatch_policy by_node;

static gw_dispatch_policy *create_by_node(gw_params *params, GError **error)
{
    (void)params;
    (void)error;
    return &by_node;
}

static void destroy_by_node(gw_dispatch_policy *policy)
{
    ck_assert_ptr_eq(policy, &by_node);
}

static const gw_dispatch_policy_ops by_node_ops = {
    .name = "by_node", .create = create_by_node, .destroy = destroy_by_node, .step = step_by_node};

static void send_to_nobody(gw_dispatch_policy *policy, const gw_dispatch_batch *batch,
                           uint32_t *out_senders)
{
    (void)policy;
    for (uint32_t i = 0; i < batch->host_count; i++) {
        out_senders[i] = (i + 1) % batch->host_count;
    }
}

START_TEST(gangs_leave_when_the_dispatch_policy_says)
{
    const gw_instance_message enqueued = small_instance_message(GW_MESSAGE_ENQUEUED, 0);
    bench made;
    told = g_string_new(NULL);
    by_node.ops = &by_node_ops;
    init_bench(&made, 1, &by_node_ops);
    install(&made, 0, 2, 5, (const uint32_t[]){0, 1});
    submit(&made, 0, 0, 0, 5, 0);
    CHECK_CALLS(made.port,
                "note GANG_ORDERED, gang 1.0 is instance 0 node 0\n"
                "note GANG_ORDERED, gang 1.1 is instance 0 node 1\n"
                "send to host 0: DISPATCH, instance 0 run 0 nodes 0 to 1 as gang 1.0, call 0\n"
                "note GANG_ORDERED, gang 1.2 is instance 0 node 2\n"
                "note GANG_ORDERED, gang 1.3 is instance 0 node 3\n"
                "send to host 0: DISPATCH, instance 0 run 0 node 2 as gang 1.2, call 0\n"
                "send to host 0: DISPATCH, instance 0 run 0 node 3 as gang 1.3, call 0, "
                "wants ENQUEUED\n");
    gw_schedule_enqueued(made.schedule, &enqueued);
    gw_schedule_flush(made.schedule);
    CHECK_CALLS(made.port, "note GANG_ORDERED, gang 1.4 is instance 0 node 4\n"
                           "send to host 0: DISPATCH, instance 0 run 0 node 4 as gang 1.4, call 0\n"
                           "send to client 0: RETURNED, instance 0 run 0, call 0\n");
    ck_assert_str_eq(told->str, "job 0 node 0 of run 0: 2 on 1 hosts, 4 left, 0 wait, enqueued\n"
                                "job 0 node 1 of run 0: 2 on 1 hosts, 3 left, 1 wait\n"
                                "job 0 node 2 of run 0: 2 on 1 hosts, 2 left, 0 wait\n"
                                "job 0 node 3 of run 0: 2 on 1 hosts, 1 left, 1 wait\n"
                                "job 0 node 4 of run 0: 2 on 1 hosts, 0 left, 0 wait, enqueued\n");
    g_string_free(told, TRUE);
    clear_bench(&made);
}
END_TEST

/* From the wrong answer on nothing is ordered, sent or returned. */
START_TEST(wrong_dispatch_policy_is_the_last_of_it)
{
    bench made;
    gw_dispatch_policy_ops ops = by_node_ops;
    GString *words = g_string_new(NULL);
    told = g_string_new(NULL);
    ops.fan_out = send_to_nobody;
    by_node.ops = &ops;
    init_bench(&made, 2, &ops);
    install(&made, 0, 4, 5, (const uint32_t[]){0, 1, 2, 3});
    submit(&made, 0, 0, 0, 5, 0);
    CHECK_CALLS(made.port, "note GANG_ORDERED, gang 2.0 is instance 0 node 0\n"
                           "note GANG_ORDERED, gang 2.1 is instance 0 node 1\n"
                           "note DISPATCH_WRONG, node 2\n");
    ck_assert(!gw_schedule_is_changed(made.schedule));
    gw_schedule_flush(made.schedule);
    CHECK_CALLS(made.port, "");
    gw_schedule_blame(made.schedule, words);
    ck_assert_str_eq(words->str, "fan_out sends to host 0, at place 0 of a batch, from place 1, "
                                 "expected a place before it");
    g_string_free(words, TRUE);
    g_string_free(told, TRUE);
    clear_bench(&made);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("schedule_dispatch");
    tcase_add_test(cases, sequential_waits_for_every_host);
    tcase_add_test(cases, sequential_jobs_do_not_wait_for_each_other);
    tcase_add_test(cases, gangs_leave_when_the_dispatch_policy_says);
    tcase_add_test(cases, wrong_dispatch_policy_is_the_last_of_it);
    Suite *suite = suite_create("schedule_dispatch");
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
