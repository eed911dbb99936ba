/* SPDX-License-Identifier: Apache-2.0 */
/* The order of gangs where device memory is counted: who waits for it, and who goes on. */
#include <check.h>

#include "controller/schedule.h"
#include "run_suite.h"
#include "small_control.h"

#define JOBS 2

/* One host of two devices of `memory_rows` rows; the recorder is the scheduler's, node 1.  Jobs
 * have two nodes of one function on both devices. */
typedef struct {
    gw_directory *directory;
    record_port *port;
    gw_control control;
    gw_job jobs[JOBS];
    gw_program *programs[JOBS];
    gw_plan *plans[JOBS];
    gw_schedule *schedule;
} bench;

static void install(bench *made, uint32_t job, const char *function)
{
    gw_builder *builder = gw_builder_new("two");
    const uint32_t mesh = small_mesh(builder, 2);
    small_node(builder, "first", mesh, function);
    small_node(builder, "second", mesh, function);
    made->programs[job] = small_finish(builder);
    made->plans[job] = gw_plan_new(made->programs[job]);
    made->jobs[job] = (gw_job){.name = job == 0 ? "a" : "b",
                               .program = made->programs[job],
                               .plan = made->plans[job],
                               .runs = 100,
                               .in_flight = 1};
    g_autofree gw_assignment_message *message =
        small_assignment(GW_MESSAGE_INSTALL, job, made->programs[job], (const uint32_t[]){0, 1});
    gw_schedule_install(made->schedule, gw_directory_client(made->directory, job), message);
    record_port_clear(made->port);
}

static void init_bench(bench *made, uint32_t memory_rows, uint32_t ahead_rows)
{
    *made = (bench){.directory = small_directory(1, 2, JOBS)};
    made->directory->islands[0].hbm_bytes = (uint64_t)memory_rows * SMALL_ROW_BYTES;
    made->port = record_port_new(made->directory, (gw_node_id){1});
    made->control = (gw_control){.policy = gw_policy_find("fifo"),
                                 .dispatch = &gw_dispatch_parallel,
                                 .lookahead = 8,
                                 .lookahead_memory_bytes = (uint64_t)ahead_rows * SMALL_ROW_BYTES,
                                 .counts_bytes = true};
    made->schedule = gw_schedule_new(made->directory, &made->control, made->jobs, 0,
                                     made->port->self, &made->port->base, NULL);
    ck_assert_ptr_nonnull(made->schedule);
}

static void clear_bench(bench *made)
{
    gw_schedule_free(made->schedule);
    for (uint32_t j = 0; j < JOBS; j++) {
        gw_plan_free(made->plans[j]);
        gw_program_free(made->programs[j]);
    }
    record_port_free(made->port);
    gw_directory_free(made->directory);
}

static void submit(bench *made, uint32_t job)
{
    const gw_submit message = {{GW_MESSAGE_SUBMIT, sizeof message}, job, 0, 0, 2, 0};
    gw_schedule_submit(made->schedule, gw_directory_client(made->directory, job), &message);
    gw_schedule_flush(made->schedule);
}

/* So many gangs of both devices are done, and so much is given back on each. */
static void give_back(bench *made, uint32_t gangs, uint32_t rows)
{
    const uint32_t size_bytes = gw_progress_size_bytes(0, 2, 0) + 2 * sizeof(uint64_t);
    g_autofree gw_progress *message = g_malloc0(size_bytes);
    message->header = (gw_message){GW_MESSAGE_PROGRESS, size_bytes};
    message->device_count = message->freed_count = 2;
    uint64_t *freed_bytes = (uint64_t *)(void *)message->used;
    freed_bytes[0] = freed_bytes[1] = (uint64_t)rows * SMALL_ROW_BYTES;
    uint32_t *counts = (uint32_t *)(void *)(freed_bytes + 2);
    counts[0] = counts[1] = gangs;
    gw_schedule_progress(made->schedule, (gw_node_id){0}, message);
    gw_schedule_flush(made->schedule);
}

#define CHECK_EXPLAINED(made, expected)                                                            \
    do {                                                                                           \
        g_autoptr(GString) text = g_string_new(NULL);                                              \
        gw_schedule_explain((made)->schedule, text);                                               \
        ck_assert_str_eq(text->str, (expected));                                                   \
    } while (0)

START_TEST(gang_without_memory_waits_and_others_go_on)
{
    bench made;
    init_bench(&made, 4, 0);
    install(&made, 0, "> r3");
    install(&made, 1, "> r1");
    submit(&made, 0);
    CHECK_CALLS(made.port,
                "note GANG_ORDERED, gang 1.0 is instance 0 node 0\n"
                "send to host 0: DISPATCH, instance 0 run 0 node 0 as gang 1.0, call 0\n");
    submit(&made, 1);
    CHECK_CALLS(made.port,
                "note GANG_ORDERED, gang 1.1 is instance 1 node 0\n"
                "send to host 0: DISPATCH, instance 1 run 0 node 0 as gang 1.1, call 0\n");
    CHECK_EXPLAINED(&made,
                    "scheduler on node 1: job a, run 0, node second waits for memory on device 0: "
                    "it needs 12 bytes, 16 of 16 are ordered\n"
                    "scheduler on node 1: job b, run 0, node second waits for memory on device 0: "
                    "it needs 4 bytes, 16 of 16 are ordered\n");
    give_back(&made, 1, 1); /* Too little for the first, enough for the second. */
    CHECK_CALLS(made.port, "note GANG_ORDERED, gang 1.2 is instance 1 node 1\n"
                           "send to host 0: DISPATCH, instance 1 run 0 node 1 as gang 1.2, call 0\n"
                           "send to client 1: RETURNED, instance 1 run 0, call 0\n");
    give_back(&made, 1, 3);
    CHECK_CALLS(made.port, "note GANG_ORDERED, gang 1.3 is instance 0 node 1\n"
                           "send to host 0: DISPATCH, instance 0 run 0 node 1 as gang 1.3, call 0\n"
                           "send to client 0: RETURNED, instance 0 run 0, call 0\n");
    clear_bench(&made);
}
END_TEST

/* A limit below any gang: each runs when the devices have nothing else. */
START_TEST(limit_ahead_below_a_gang_only_ends_looking_ahead)
{
    bench made;
    init_bench(&made, 100, 1);
    install(&made, 0, "> r3");
    submit(&made, 0);
    CHECK_CALLS(made.port,
                "note GANG_ORDERED, gang 1.0 is instance 0 node 0\n"
                "send to host 0: DISPATCH, instance 0 run 0 node 0 as gang 1.0, call 0\n");
    CHECK_EXPLAINED(&made,
                    "scheduler on node 1: job a, run 0, node second waits for memory on device 0: "
                    "it needs 12 bytes, 12 of 400 are ordered, 12 of them ahead, at most 4\n");
    give_back(&made, 0, 2); /* Still 1 + 3 of 1. */
    CHECK_CALLS(made.port, "");
    give_back(&made, 1, 0);
    CHECK_CALLS(made.port, "note GANG_ORDERED, gang 1.1 is instance 0 node 1\n"
                           "send to host 0: DISPATCH, instance 0 run 0 node 1 as gang 1.1, call 0\n"
                           "send to client 0: RETURNED, instance 0 run 0, call 0\n");
    clear_bench(&made);
}
END_TEST

/* A workspace is free when its instance is gone; buffers that a program holds at its end its hosts
 * report when they retire it, sooner or later than the scheduler does. */
START_TEST(what_is_held_at_the_end_comes_back)
{
    bench made;
    init_bench(&made, 8, 0);
    install(&made, 0, "> r2 / 2");
    install(&made, 1, "> r3");
    const gw_instance_message retire = small_instance_message(GW_MESSAGE_RETIRE, 0);
    gw_schedule_retire(made.schedule, gw_directory_client(made.directory, 0), &retire);
    CHECK_CALLS(made.port, "note ORDER_WAIT, job 0, 0\nsend to client 0: RETIRED, instance 0\n");
    submit(&made, 1); /* 3 of 8; and 3 again. */
    record_port_clear(made.port);
    CHECK_EXPLAINED(&made, "");
    give_back(&made, 2, 6);
    const gw_instance_message other = small_instance_message(GW_MESSAGE_RETIRE, 1);
    gw_schedule_retire(made.schedule, gw_directory_client(made.directory, 1), &other);
    CHECK_EXPLAINED(&made, ""); /* Nothing is counted for nobody. */
    clear_bench(&made);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("schedule_memory");
    tcase_add_test(cases, gang_without_memory_waits_and_others_go_on);
    tcase_add_test(cases, limit_ahead_below_a_gang_only_ends_looking_ahead);
    tcase_add_test(cases, what_is_held_at_the_end_comes_back);
    Suite *suite = suite_create("schedule_memory");
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
