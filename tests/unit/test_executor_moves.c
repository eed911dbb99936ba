/* SPDX-License-Identifier: Apache-2.0 */
/* What runs have handed on, on its way from one instance to the next: the host that gets it, and
 * the one that has it. */
#include "run_suite.h"
#include "tests/unit/test_executor.h"

#include <signal.h>

/* Slots: 0 weights (2 rows, kept for all runs), 1 start, 2 step (4 rows, carried). */
static gw_program *make_training(void)
{
    gw_builder *builder = gw_builder_new("training");
    const uint32_t mesh = small_mesh(builder, 2);
    small_once(builder, "weights", mesh, "> r2");
    small_once(builder, "start", mesh, "> r4");
    small_node(builder, "step", mesh, "r4 r2 > r4");
    gw_builder_add_carried(builder, 2, 0, 1, 0, 2, 0);
    gw_builder_add_edge(builder, 0, 0, 2, 1);
    return small_finish(builder);
}

/* Job 0's instance 0 goes on with `run` from what instance 9 holds on `sources`. */
static void move(bench *made, uint32_t run, const uint32_t *sources, const uint32_t *targets)
{
    const gw_program *program = made->programs[0];
    const uint32_t mesh_count = program->meshes->len;
    uint32_t device_count = 0;
    for (uint32_t m = 0; m < mesh_count; m++) {
        device_count += gw_mesh_device_count(gw_program_mesh(program, m));
    }
    const uint32_t size_bytes = (uint32_t)(sizeof(gw_move_message) +
                                           (mesh_count + 1 + 2 * device_count) * sizeof(uint32_t));
    g_autofree gw_move_message *message = g_malloc0(size_bytes);
    message->header = (gw_message){GW_MESSAGE_MOVE, size_bytes};
    message->source_instance = 9;
    message->run = run;
    message->mesh_count = mesh_count;
    message->device_count = device_count;
    for (uint32_t m = 0; m < mesh_count; m++) {
        message->data[m + 1] = message->data[m] + gw_mesh_device_count(gw_program_mesh(program, m));
    }
    for (uint32_t d = 0; d < device_count; d++) {
        message->data[mesh_count + 1 + d] = sources[d];
        message->data[mesh_count + 1 + device_count + d] = targets[d];
    }
    gw_executor_move(made->executor, gw_directory_client(made->directory, 0), message);
    gw_executor_flush(made->executor);
}

static void come(bench *made, uint64_t size_bytes)
{
    const gw_moved_message message = {{GW_MESSAGE_MOVED, sizeof message}, 0, 0, size_bytes};
    gw_executor_moved(made->executor, &message);
    gw_executor_flush(made->executor);
}

/* Host 1 wants these for instance 9, which begins with `run`. */
static void give(bench *made, uint32_t run, const gw_moving_shard *shards, uint32_t count)
{
    const uint32_t size_bytes = (uint32_t)(sizeof(gw_move_shards) + count * sizeof *shards);
    g_autofree gw_move_shards *message = g_malloc0(size_bytes);
    message->header = (gw_message){GW_MESSAGE_MOVE_SHARDS, size_bytes};
    message->instance = 9;
    message->run = run;
    message->shard_count = count;
    for (uint32_t s = 0; s < count; s++) {
        message->shards[s] = shards[s];
    }
    gw_executor_move_shards(made->executor, (gw_node_id){1}, message);
    gw_executor_flush(made->executor);
}

static const uint32_t here[] = {0, 1}, there[] = {2, 3};

START_TEST(new_host_fetches_what_the_next_run_reads)
{
    bench made;
    init_bench(&made, 2, 2, 8);
    install(&made, 0, make_training(), 9, here);
    record_port_clear(made.port);
    move(&made, 4, there, here);
    CHECK_CALLS(made.port,
                "reserve 8 B for buffer 0 of instance 0 on mesh 0\n"
                "reserve 16 B for buffer 2 of instance 0 on mesh 0\n"
                "send to host 1: MOVE_SHARDS, instance 9 to instance 0 before run 4, slot 0 from "
                "device 2 to buffer 0 on device 0; slot 0 from device 3 to buffer 0 on device 1; "
                "slot 2 from device 2 to buffer 2 on device 0; slot 2 from device 3 to buffer 2 "
                "on device 1\n");
    come(&made, 48);
    CHECK_CALLS(made.port, "send to client 0: MOVED, instance 0, 48 B\n");
    dispatch(&made, 0, 4, 0, 3, 0); /* No set-up, and the right inputs. */
    CHECK_CALLS(made.port, "reserve 16 B for buffer 5 of instance 0 on mesh 0\n"
                           "enqueue gang 2.2: instance 0 node 2 run 4, reads 2 0, writes 5\n");
    finish_kernel(&made);
    CHECK_CALLS(made.port, "release 16 B for buffer 2 of instance 0 on mesh 0\n"
                           "send to scheduler 0: PROGRESS, finished 1 1, instance 0 run 4 done\n");
    retire(&made, 0);
    CHECK_CALLS(made.port, "release 8 B for buffer 0 of instance 0 on mesh 0\n"
                           "release 16 B for buffer 5 of instance 0 on mesh 0\n"
                           "unload instance 0\n"
                           "send to client 0: RETIRED, instance 0\n");
    clear_bench(&made);
}
END_TEST

/* Each of two hosts has one of the shards; one of them is this one. */
START_TEST(shards_come_from_several_hosts)
{
    bench made;
    init_bench(&made, 2, 2, 8);
    install(&made, 0, make_training(), 9, here);
    record_port_clear(made.port);
    move(&made, 1, (const uint32_t[]){1, 2}, here);
    CHECK_CALLS(made.port,
                "reserve 8 B for buffer 0 of instance 0 on mesh 0\n"
                "reserve 16 B for buffer 2 of instance 0 on mesh 0\n"
                "send to host 0: MOVE_SHARDS, instance 9 to instance 0 before run 1, slot 0 from "
                "device 1 to buffer 0 on device 0; slot 2 from device 1 to buffer 2 on device 0\n"
                "send to host 1: MOVE_SHARDS, instance 9 to instance 0 before run 1, slot 0 from "
                "device 2 to buffer 0 on device 1; slot 2 from device 2 to buffer 2 on device 1\n");
    come(&made, 24);
    CHECK_CALLS(made.port, "");
    come(&made, 24);
    CHECK_CALLS(made.port, "send to client 0: MOVED, instance 0, 48 B\n");
    clear_bench(&made);
}
END_TEST

START_TEST(state_waits_for_memory)
{
    g_autoptr(GString) text = g_string_new(NULL);
    bench made;
    init_bench(&made, 2, 2, 8);
    made.port->limit_bytes = 30;
    install(&made, 0, make_training(), 9, here);
    install(&made, 1, make_nodes(2, 1, 3), 1, here);
    dispatch(&made, 1, 0, 0, 1, 0);
    record_port_clear(made.port);
    move(&made, 1, there, here);
    CHECK_CALLS(made.port, "reserve 8 B for buffer 0 of instance 0 on mesh 0\n"
                           "reserve 16 B for buffer 2 of instance 0 on mesh 0: full\n");
    gw_executor_explain(made.executor, text);
    ck_assert_str_eq(text->str,
                     "host 0: what job job has left elsewhere waits for device memory\n");
    finish_kernel(&made);
    const char *told = record_port_text(made.port);
    const char *const granted =
        "reserve 16 B for buffer 2 of instance 0 on mesh 0\nsend to host 1:";
    ck_assert_ptr_nonnull(strstr(told, granted));
    ck_assert_ptr_null(strstr(told, "reserve 8 B")); /* It has that. */
    come(&made, 48);
    g_string_truncate(text, 0);
    gw_executor_explain(made.executor, text);
    ck_assert_str_eq(text->str, "");
    clear_bench(&made);
}
END_TEST

/* Of a replicated value only the first shard is read elsewhere. */
static gw_program *make_half_read(void)
{
    gw_builder *builder = gw_builder_new("half");
    const uint32_t wide = small_mesh(builder, 2), narrow = small_mesh(builder, 1);
    small_once(builder, "start", narrow, "> r4");
    small_node(builder, "read", narrow, "r4 >");
    small_node(builder, "write", wide, "> r4");
    gw_builder_add_carried(builder, 2, 0, 0, 0, 1, 0);
    return small_finish(builder);
}

START_TEST(what_nobody_reads_does_not_move)
{
    bench made;
    init_bench(&made, 2, 1, 8);
    install(&made, 0, make_half_read(), 9, (const uint32_t[]){1, 0, 1});
    record_port_clear(made.port);
    move(&made, 3, (const uint32_t[]){1, 0, 0}, (const uint32_t[]){1, 0, 1}); /* Shard 1 is here. */
    CHECK_CALLS(made.port, "send to client 0: MOVED, instance 0, 0 B\n");
    clear_bench(&made);
}
END_TEST

static void run_once(bench *made)
{
    dispatch(made, 0, 0, 0, 3, 0);
    finish_kernel(made);
    finish_kernel(made);
    finish_kernel(made);
    record_port_clear(made->port);
}

START_TEST(old_host_copies_and_says_when)
{
    static const gw_moving_shard shards[] = {{0, 70, 0, 2}, {2, 72, 0, 2}, {2, 72, 1, 3}};
    bench made;
    init_bench(&made, 2, 2, 8);
    install(&made, 0, make_training(), 9, here);
    run_once(&made);
    give(&made, 1, shards, 3);
    CHECK_CALLS(made.port,
                "copy 8 B of buffer 0 from device 0 by gang none to buffer 70 on device 2 for "
                "gang none\n"
                "copy 16 B of buffer 2 from device 0 by gang none to buffer 72 on device 2 for "
                "gang none\n"
                "copy 16 B of buffer 2 from device 1 by gang none to buffer 72 on device 3 for "
                "gang none\n");
    finish_copy(&made, 0);
    finish_copy(&made, 0);
    CHECK_CALLS(made.port, "");
    finish_copy(&made, 0);
    CHECK_CALLS(made.port, "send to host 1: MOVED, instance 9, 40 B\n");
    retire(&made, 0);
    CHECK_CALLS(made.port, "release 8 B for buffer 0 of instance 0 on mesh 0\n"
                           "release 16 B for buffer 2 of instance 0 on mesh 0\n"
                           "unload instance 0\n"
                           "send to client 0: RETIRED, instance 0\n");
    clear_bench(&made);
}
END_TEST

START_TEST(what_is_not_held_is_not_copied)
{
    static const gw_moving_shard shards[] = {{0, 70, 1, 1}};
    bench made;
    init_bench(&made, 2, 1, 8);
    install(&made, 0, make_half_read(), 9, (const uint32_t[]){1, 0, 1}); /* Shard 1 is here. */
    dispatch(&made, 0, 0, 0, 3, 0);
    finish_kernel(&made);
    record_port_clear(made.port);
    const uint32_t slot = made.plans[0]->nodes[2].first_slot;
    gw_moving_shard shard = shards[0];
    shard.slot = slot;
    shard.source_device = 0;
    give(&made, 1, &shard, 1);
    CHECK_CALLS(made.port, "send to host 1: MOVED, instance 9, 0 B\n");
    clear_bench(&made);
}
END_TEST

START_TEST(slot_that_is_no_state_aborts)
{
    static const gw_moving_shard shards[] = {{1, 70, 0, 2}};
    bench made;
    init_bench(&made, 2, 2, 8);
    install(&made, 0, make_training(), 9, here);
    run_once(&made);
    give(&made, 1, shards, 1);
}
END_TEST

START_TEST(answer_that_nobody_awaits_aborts)
{
    bench made;
    init_bench(&made, 2, 2, 8);
    install(&made, 0, make_training(), 9, here);
    come(&made, 4);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("executor_moves");
    tcase_add_test(cases, new_host_fetches_what_the_next_run_reads);
    tcase_add_test(cases, shards_come_from_several_hosts);
    tcase_add_test(cases, state_waits_for_memory);
    tcase_add_test(cases, what_nobody_reads_does_not_move);
    tcase_add_test(cases, old_host_copies_and_says_when);
    tcase_add_test(cases, what_is_not_held_is_not_copied);
    tcase_add_test_raise_signal(cases, slot_that_is_no_state_aborts, SIGABRT);
    tcase_add_test_raise_signal(cases, answer_that_nobody_awaits_aborts, SIGABRT);
    Suite *suite = suite_create("executor_moves");
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
