/* SPDX-License-Identifier: Apache-2.0 */
/* What it costs to find the next of ten thousand clients: nothing here is a time, all is counted
 * in comparisons of the policies' keys. */
#include <check.h>
#include <string.h>

#include "controller/offer_groups.h"
#include "controller/schedule.h"
#include "controller/schedule_private.h"
#include "run_suite.h"
#include "small_control.h"

#define CLIENTS    10000
#define LOG2       14 /* Of CLIENTS, rounded up. */
#define GANGS      2000
#define NODES      3
#define AHEAD_ROWS 5                    /* Where memory is short. */
#define STEP_KEYS  (5 * (2 * LOG2 + 2)) /* As test_policy.h has it, for one gang. */

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
                       uint32_t slice_count, uint32_t ahead_rows)
{
    gw_builder *builder = gw_builder_new("nodes");
    const uint32_t mesh = small_mesh(builder, 2);
    for (uint32_t n = 0; n < NODES; n++) {
        small_node(builder, "node", mesh, n % 2 == 0 ? "> r1" : "> r2");
    }
    *made = (bench){.slice_count = slice_count,
                    .directory = small_directory(slice_count, 2, CLIENTS),
                    .control = {.policy = policy,
                                .dispatch = &gw_dispatch_parallel,
                                .lookahead = lookahead,
                                .counts_bytes = ahead_rows > 0,
                                .lookahead_memory_bytes = ahead_rows * SMALL_ROW_BYTES},
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

/* So many gangs are done on both devices of the slice, and others take their places.  So much is
 * given back on each, where bytes are counted. */
static void finish_gangs(bench *made, uint32_t slice, uint32_t count, uint64_t freed_bytes)
{
    const uint32_t counts[] = {count, count};
    const uint64_t freed[] = {freed_bytes, freed_bytes};
    const uint32_t size_bytes = gw_progress_size_bytes(0, 2, 0) + (uint32_t)sizeof freed;
    g_autofree gw_progress *message = g_malloc0(size_bytes);
    message->header = (gw_message){GW_MESSAGE_PROGRESS, size_bytes};
    message->device_count = 2;
    message->freed_count = freed_bytes > 0 ? 2 : 0;
    uint8_t *data = (uint8_t *)message->used;
    memcpy(data, freed, message->freed_count * sizeof(uint64_t));
    memcpy(data + message->freed_count * sizeof(uint64_t), counts, sizeof counts);
    gw_schedule_progress(made->schedule, (gw_node_id){slice}, message);
    gw_schedule_flush(made->schedule);
}

/* Forgets the port's calls, but for what gangs that they order take: bytes that come back later, in
 * the order of the slice's gangs. */
static void queue_bytes(bench *made, GArray **queues)
{
    for (uint32_t c = 0; c < made->port->calls->len; c++) {
        const record_call *call = &g_array_index(made->port->calls, record_call, c);
        if (call->kind != RECORD_NOTE || call->note.kind != GW_NOTE_GANG_ORDERED) {
            continue;
        }
        const uint64_t job = call->note.b >> 32, node = (uint32_t)call->note.b;
        const uint64_t size_bytes = (1 + node % 2) * SMALL_ROW_BYTES;
        g_array_append_val(queues[job * made->slice_count / CLIENTS], size_bytes);
    }
    record_port_clear(made->port);
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
        init_bench(&made, gw_policies[_i], lookaheads[t], 1, 0);
        ck_assert_uint_eq(made.schedule->gang_count, lookaheads[t]);
        const uint64_t before = count_comparisons(&made);
        for (uint32_t done = 0; done < GANGS; done += batch) {
            finish_gangs(&made, 0, batch, 0);
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
    static const uint32_t ahead_rows[] = {0, 100000}; /* Not counted, or more than enough. */
    for (uint32_t c = 0; c < 2 * G_N_ELEMENTS(slice_counts) * G_N_ELEMENTS(lookaheads); c++) {
        bench made;
        const uint32_t slice_count = slice_counts[c / 4], lookahead = lookaheads[c / 2 % 2];
        const uint32_t t = c % 2;
        const uint32_t batch = (lookahead + 3) / 4;
        init_bench(&made, gw_policies[_i], lookahead, slice_count, ahead_rows[t]);
        ck_assert_uint_eq(made.schedule->gang_count, lookahead * slice_count);
        const uint64_t before = count_comparisons(&made);
        for (uint32_t step = 0; step * batch < GANGS; step++) {
            finish_gangs(&made, step % slice_count, batch, 0);
            record_port_clear(made.port);
        }
        ck_assert_uint_ge(made.schedule->gang_count, GANGS);
        ck_assert_uint_le(count_comparisons(&made) - before, (uint64_t)GANGS * STEP_KEYS);
        clear_bench(&made);
    }
}
END_TEST

/* Room for many, and memory for a few gangs of two sizes: each that ends lets one or two go, or
 * none until the next ends, and for all others there is not enough. */
START_TEST(memory_that_is_short_costs_nothing_however_many_wait_for_it)
{
    static const uint32_t slice_counts[] = {1, 8};
    for (uint32_t c = 0; c < G_N_ELEMENTS(slice_counts); c++) {
        bench made;
        GArray *queues[8];
        const uint32_t slice_count = slice_counts[c];
        init_bench(&made, gw_policies[_i], 64, slice_count, AHEAD_ROWS);
        for (uint32_t s = 0; s < slice_count; s++) {
            queues[s] = g_array_new(FALSE, FALSE, sizeof(uint64_t));
        }
        queue_bytes(&made, queues);
        const uint64_t before = count_comparisons(&made);
        for (uint32_t step = 0; step < GANGS; step++) {
            const uint32_t s = step % slice_count;
            ck_assert_uint_gt(queues[s]->len, 0);
            finish_gangs(&made, s, 1, g_array_index(queues[s], uint64_t, 0));
            g_array_remove_index(queues[s], 0);
            queue_bytes(&made, queues);
        }
        ck_assert_uint_ge(made.schedule->gang_count, GANGS);
        ck_assert_uint_le(count_comparisons(&made) - before, (uint64_t)GANGS * STEP_KEYS);
        for (uint32_t s = 0; s < slice_count; s++) {
            g_array_unref(queues[s]);
        }
        clear_bench(&made);
    }
}
END_TEST

/* A full slice is explained as such, whether its clients are offered or wait. */
START_TEST(nobody_blames_the_policy_for_full_devices)
{
    bench made;
    init_bench(&made, gw_policy_find("fifo"), 1, 1, 0);
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
    init_bench(&made, gw_policy_find("fifo"), 1, 1, 0);
    record_port_clear(made.port);
    const gw_instance_message last = small_instance_message(GW_MESSAGE_ABANDON, CLIENTS - 1);
    const gw_node_id resources = gw_directory_resources(made.directory);
    gw_schedule_abandon(made.schedule, resources, &last);
    CHECK_CALLS(made.port, "send to resources: ABANDONED, instance 9999 nothing\n");
    const gw_instance_message gone = small_instance_message(GW_MESSAGE_RETIRE, CLIENTS - 1);
    gw_schedule_retire(made.schedule, resources, &gone);
    record_port_clear(made.port);
    finish_gangs(&made, 0, 1, 0);
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
    tcase_add_loop_test(cases, memory_that_is_short_costs_nothing_however_many_wait_for_it, 0,
                        policy_count);
    tcase_add_test(cases, nobody_blames_the_policy_for_full_devices);
    tcase_add_test(cases, one_of_many_fails_while_it_is_offered);
    Suite *suite = suite_create("schedule_many");
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
