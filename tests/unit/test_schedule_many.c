/* SPDX-License-Identifier: Apache-2.0 */
/* What it costs to find the next of ten thousand clients: nothing here is a time, all is counted
 * in comparisons of the policies' keys. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "controller/offer_groups.h"
#include "controller/schedule.h"
#include "controller/schedule_private.h"
#include "small_control.h"

#define CLIENTS   10000
#define LOG2      14 /* Of CLIENTS, rounded up. */
#define GANGS     2000
#define NODES     3
#define STEP_KEYS (5 * (2 * LOG2 + 2)) /* As test_policy.h has it, for one gang. */

/* Hosts of two devices, which are a slice each, and the clients in turn on those. */
typedef struct {
    uint32_t slice_count;
    gw_directory *directory;
    record_port *port;
    gw_control control;
    gw_program *program;
    gw_plan *plan;
    gw_job *jobs;
    gw_schedule *schedule;
} bench;

static void submit(bench *made, uint32_t job)
{
    const gw_submit message = {{GW_MESSAGE_SUBMIT, sizeof message}, job, 0, 0, NODES, 0};
    gw_schedule_submit(made->schedule, gw_directory_client(made->directory, job), &message);
}

/* Everybody has asked for a run, and the devices are full.  Those of the first slices have asked
 * first, and for whatever else policies go by, they come before others. */
static void init_bench(bench *made, const gw_policy_ops *policy, uint32_t lookahead,
                       uint32_t slice_count)
{
    gw_builder *builder = gw_builder_new("nodes");
    const uint32_t mesh = small_mesh(builder, 2);
    for (uint32_t n = 0; n < NODES; n++) {
        small_node(builder, "node", mesh, "> r1");
    }
    *made = (bench){
        .slice_count = slice_count,
        .directory = small_directory(slice_count, 2, CLIENTS),
        .control = {.policy = policy, .dispatch = &gw_dispatch_parallel, .lookahead = lookahead},
        .program = small_finish(builder),
        .jobs = g_new(gw_job, CLIENTS)};
    made->plan = gw_plan_new(made->program);
    made->port = record_port_new(made->directory, (gw_node_id){slice_count});
    made->schedule = gw_schedule_new(made->directory, &made->control, made->jobs, 0,
                                     made->port->self, &made->port->base, NULL);
    ck_assert_ptr_nonnull(made->schedule);
    for (uint32_t j = 0; j < CLIENTS; j++) {
        made->jobs[j] = (gw_job){.name = "job",
                                 .program = made->program,
                                 .plan = made->plan,
                                 .runs = 1,
                                 .in_flight = 1,
                                 .weight = 1 + j % 7,
                                 .priority = slice_count == 1 ? j % 5 : CLIENTS - j,
                                 .deadline_ns = slice_count == 1 ? 0 : 1 + j};
        const uint32_t first = 2 * (uint32_t)((uint64_t)j * slice_count / CLIENTS);
        g_autofree gw_assignment_message *message = small_assignment(
            GW_MESSAGE_INSTALL, j, made->program, (const uint32_t[]){first, first + 1});
        gw_schedule_install(made->schedule, gw_directory_client(made->directory, j), message);
    }
    for (uint32_t j = 0; j < CLIENTS; j++) {
        submit(made, j);
    }
    gw_schedule_flush(made->schedule);
    record_port_clear(made->port);
}

static void clear_bench(bench *made)
{
    gw_schedule_free(made->schedule);
    gw_plan_free(made->plan);
    gw_program_free(made->program);
    g_free(made->jobs);
    record_port_free(made->port);
    gw_directory_free(made->directory);
}

/* So many gangs are done on both devices of the slice, and others take their places. */
static void finish_gangs(bench *made, uint32_t slice, uint32_t count)
{
    const uint32_t counts[] = {count, count};
    g_autofree gw_progress *message = small_progress(2, counts, GW_INDEX_NONE, 0);
    gw_schedule_progress(made->schedule, (gw_node_id){slice}, message);
    gw_schedule_flush(made->schedule);
}

static uint64_t count_comparisons(const bench *made)
{
    const gw_heap_policy *policy = (const gw_heap_policy *)made->schedule->policy;
    return gw_offer_groups_count_comparisons(&policy->offers);
}

START_TEST(next_of_many_clients_costs_their_logarithm)
{
    static const uint32_t lookaheads[] = {1, 16};
    for (uint32_t t = 0; t < G_N_ELEMENTS(lookaheads); t++) {
        bench made;
        const uint32_t batch = (lookaheads[t] + 3) / 4;
        init_bench(&made, gw_policies[_i], lookaheads[t], 1);
        ck_assert_uint_eq(made.schedule->gang_count, lookaheads[t]);
        const uint64_t before = count_comparisons(&made);
        for (uint32_t done = 0; done < GANGS; done += batch) {
            finish_gangs(&made, 0, batch);
            record_port_clear(made.port);
        }
        ck_assert_uint_ge(made.schedule->gang_count, GANGS);
        ck_assert_uint_gt(count_comparisons(&made), before);
        ck_assert_uint_le(count_comparisons(&made) - before, (uint64_t)GANGS * STEP_KEYS);
        clear_bench(&made);
    }
}
END_TEST

/* Slices have room in turn, while all others are full and offers for those come first. */
START_TEST(full_slices_cost_nothing_however_many_wait_there)
{
    static const uint32_t slice_counts[] = {2, 8, 64};
    static const uint32_t lookaheads[] = {1, 16};
    for (uint32_t c = 0; c < G_N_ELEMENTS(slice_counts) * G_N_ELEMENTS(lookaheads); c++) {
        bench made;
        const uint32_t slice_count = slice_counts[c / 2], lookahead = lookaheads[c % 2];
        const uint32_t batch = (lookahead + 3) / 4;
        init_bench(&made, gw_policies[_i], lookahead, slice_count);
        ck_assert_uint_eq(made.schedule->gang_count, lookahead * slice_count);
        const uint64_t before = count_comparisons(&made);
        for (uint32_t step = 0; step * batch < GANGS; step++) {
            finish_gangs(&made, step % slice_count, batch);
            record_port_clear(made.port);
        }
        ck_assert_uint_ge(made.schedule->gang_count, GANGS);
        ck_assert_uint_le(count_comparisons(&made) - before, (uint64_t)GANGS * STEP_KEYS);
        clear_bench(&made);
    }
}
END_TEST

/* A full slice is explained as such, whether its clients are offered or wait. */
START_TEST(nobody_blames_the_policy_for_full_devices)
{
    bench made;
    init_bench(&made, gw_policy_find("fifo"), 1, 1);
    g_autoptr(GString) text = g_string_new(NULL);
    gw_schedule_explain(made.schedule, text);
    ck_assert_ptr_null(strstr(text->str, "is offered"));
    g_auto(GStrv) lines = g_strsplit(text->str, "waits for room on device 0 (lookahead 1)", -1);
    ck_assert_uint_eq(g_strv_length(lines), CLIENTS + 1);
    clear_bench(&made);
}
END_TEST

/* Also of one whose devices are full the policy gives the offer back; others go on. */
START_TEST(one_of_many_fails_while_it_is_offered)
{
    bench made;
    init_bench(&made, gw_policy_find("fifo"), 1, 1);
    const gw_instance_message last = small_instance_message(GW_MESSAGE_ABANDON, CLIENTS - 1);
    const gw_node_id resources = gw_directory_resources(made.directory);
    gw_schedule_abandon(made.schedule, resources, &last);
    CHECK_CALLS(made.port, "send to resources: ABANDONED, instance 9999 nothing\n");
    const gw_instance_message gone = small_instance_message(GW_MESSAGE_RETIRE, CLIENTS - 1);
    gw_schedule_retire(made.schedule, resources, &gone);
    record_port_clear(made.port);
    finish_gangs(&made, 0, 1);
    CHECK_CALLS(made.port, "note GANG_ORDERED, gang 1.1 is instance 0 node 1\n"
                           "send to host 0: DISPATCH, instance 0 run 0 node 1 as gang 1.1, "
                           "call 0\n");
    clear_bench(&made);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("schedule_many");
    int policy_count = 0;
    while (gw_policies[policy_count] != NULL) {
        policy_count++;
    }
    tcase_add_loop_test(cases, next_of_many_clients_costs_their_logarithm, 0, policy_count);
    tcase_add_loop_test(cases, full_slices_cost_nothing_however_many_wait_there, 0, policy_count);
    tcase_add_test(cases, nobody_blames_the_policy_for_full_devices);
    tcase_add_test(cases, one_of_many_fails_while_it_is_offered);
    Suite *suite = suite_create("schedule_many");
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed_count = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed_count == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
