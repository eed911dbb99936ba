/* SPDX-License-Identifier: Apache-2.0 */
/* One host, told what to do: installing, gangs, memory, and what it reports. */
#include <signal.h>

#include "run_suite.h"
#include "test_executor.h"

/* --- Installing --- */

START_TEST(installing_reserves_workspace)
{
    gw_builder *builder = gw_builder_new("workspace");
    const uint32_t here = small_mesh(builder, 1), there = small_mesh(builder, 1);
    small_node(builder, "a", here, "> r1 / 8");
    small_node(builder, "b", here, "> r1 / 16");
    small_node(builder, "c", there, "> r1 / 32");
    bench made;
    init_bench(&made, 2, 1, 4);
    install(&made, 0, small_finish(builder), 1, (const uint32_t[]){0, 1});
    CHECK_CALLS(made.port, "load instance 0\n"
                           "reserve 64 B for buffer 6 of instance 0 on mesh 0\n"
                           "send to client 0: INSTALLED, instance 0\n");
    retire(&made, 0);
    CHECK_CALLS(made.port, "release 64 B for buffer 6 of instance 0 on mesh 0\n"
                           "unload instance 0\n"
                           "send to client 0: RETIRED, instance 0\n");
    ck_assert_uint_eq(record_port_held_count(made.port), 0);
    clear_bench(&made);
}
END_TEST

START_TEST(installing_waits_for_workspace)
{
    bench made;
    g_autoptr(GString) text = g_string_new(NULL);
    init_bench(&made, 1, 1, 4);
    for (uint32_t j = 0; j < 2; j++) {
        gw_builder *builder = gw_builder_new("workspace");
        small_node(builder, "a", small_mesh(builder, 1), "> r1 / 16");
        made.port->limit_bytes = 100;
        record_port_clear(made.port);
        install(&made, j, small_finish(builder), 1, (const uint32_t[]){0});
    }
    CHECK_CALLS(made.port, "load instance 1\n"
                           "reserve 64 B for buffer 7 of instance 1 on mesh 0: full\n");
    gw_executor_explain(made.executor, text);
    ck_assert_str_eq(text->str, "host 0: job job waits for workspace in device memory\n");
    retire(&made, 0);
    CHECK_CALLS(made.port, "release 64 B for buffer 3 of instance 0 on mesh 0\n"
                           "unload instance 0\n"
                           "send to client 0: RETIRED, instance 0\n"
                           "reserve 64 B for buffer 7 of instance 1 on mesh 0\n"
                           "send to client 1: INSTALLED, instance 1\n");
    clear_bench(&made);
}
END_TEST

/* --- Gangs --- */

START_TEST(gang_is_reserved_enqueued_done_and_reported)
{
    bench made;
    init_bench(&made, 1, 2, 4);
    install(&made, 0, make_nodes(2, 1, 4), 3, (const uint32_t[]){0, 1});
    record_port_clear(made.port);
    dispatch(&made, 0, 2, 0, 1, 7);
    CHECK_CALLS(made.port, "reserve 16 B for buffer 2 of instance 0 on mesh 0\n"
                           "enqueue gang 1.7: instance 0 node 0 run 2, writes 2\n");
    ck_assert_uint_eq(made.port->spent[GW_COST_PREPARE], 1);
    ck_assert_uint_eq(made.port->spent[GW_COST_LAUNCH], 2);
    finish_kernel(&made);
    CHECK_CALLS(made.port, "release 16 B for buffer 2 of instance 0 on mesh 0\n"
                           "send to scheduler 0: PROGRESS, finished 1 1, instance 0 run 2 done\n");
    ck_assert_uint_eq(made.port->spent[GW_COST_COMPLETE], 1);
    clear_bench(&made);
}
END_TEST

START_TEST(readers_on_the_mesh_read_in_place)
{
    gw_builder *builder = gw_builder_new("place");
    const uint32_t mesh = small_mesh(builder, 1);
    small_node(builder, "a", mesh, "> r4 r2");
    small_node(builder, "b", mesh, "r2 r4 > r1");
    small_node(builder, "c", mesh, "r4 >");
    gw_builder_add_edge(builder, 0, 1, 1, 0);
    gw_builder_add_edge(builder, 0, 0, 1, 1);
    gw_builder_add_edge(builder, 0, 0, 2, 0);
    bench made;
    init_bench(&made, 1, 1, 8);
    install(&made, 0, small_finish(builder), 1, (const uint32_t[]){0});
    record_port_clear(made.port);
    dispatch(&made, 0, 0, 0, 3, 0);
    CHECK_CALLS(made.port, "reserve 16 B for buffer 0 of instance 0 on mesh 0\n"
                           "reserve 8 B for buffer 1 of instance 0 on mesh 0\n"
                           "enqueue gang 1.0: instance 0 node 0 run 0, writes 0 1\n"
                           "reserve 4 B for buffer 2 of instance 0 on mesh 0\n"
                           "enqueue gang 1.1: instance 0 node 1 run 0, reads 1 0, writes 2\n"
                           "enqueue gang 1.2: instance 0 node 2 run 0, reads 0\n");
    finish_kernel(&made);
    CHECK_CALLS(made.port, "");
    finish_kernel(&made);
    CHECK_CALLS(made.port, "release 8 B for buffer 1 of instance 0 on mesh 0\n"
                           "release 4 B for buffer 2 of instance 0 on mesh 0\n");
    finish_kernel(&made);
    CHECK_CALLS(made.port, "release 16 B for buffer 0 of instance 0 on mesh 0\n"
                           "send to scheduler 0: PROGRESS, finished 3, instance 0 run 0 done\n");
    clear_bench(&made);
}
END_TEST

START_TEST(nodes_of_other_hosts_and_set_up_are_skipped)
{
    gw_builder *builder = gw_builder_new("skipped");
    const uint32_t here = small_mesh(builder, 1), there = small_mesh(builder, 1);
    small_once(builder, "once", here, "> r1");
    small_node(builder, "a", there, "> r1");
    small_node(builder, "b", here, "> r1");
    bench made;
    init_bench(&made, 2, 1, 8);
    install(&made, 0, small_finish(builder), 2, (const uint32_t[]){0, 1});
    record_port_clear(made.port);
    dispatch(&made, 0, 0, 0, 3, 0);
    CHECK_CALLS(made.port, "reserve 4 B for buffer 0 of instance 0 on mesh 0\n"
                           "enqueue gang 2.0: instance 0 node 0 run 0, writes 0\n"
                           "reserve 4 B for buffer 1 of instance 0 on mesh 0\n"
                           "enqueue gang 2.2: instance 0 node 2 run 0, writes 1\n");
    dispatch(&made, 0, 1, 1, 2, 3);
    CHECK_CALLS(made.port, "reserve 4 B for buffer 3 of instance 0 on mesh 0\n"
                           "enqueue gang 2.4: instance 0 node 2 run 1, writes 3\n");
    clear_bench(&made);
}
END_TEST

/* A batch goes to all hosts of its gangs: some of it may be of a job that is not even here. */
START_TEST(segments_of_unknown_jobs_are_skipped)
{
    bench made;
    init_bench(&made, 2, 1, 8);
    install(&made, 0, make_nodes(1, 1, 1), 1, (const uint32_t[]){0});
    record_port_clear(made.port);
    dispatch(&made, 1, 0, 0, 3, 0);
    CHECK_CALLS(made.port, "");
    dispatch(&made, 0, 0, 0, 1, 3);
    ck_assert_uint_eq(made.port->calls->len, 2);
    clear_bench(&made);
}
END_TEST

START_TEST(set_up_is_kept_until_the_end)
{
    gw_builder *builder = gw_builder_new("kept");
    const uint32_t mesh = small_mesh(builder, 1);
    small_once(builder, "weights", mesh, "> r8");
    small_node(builder, "use", mesh, "r8 >");
    gw_builder_add_edge(builder, 0, 0, 1, 0);
    bench made;
    init_bench(&made, 1, 1, 8);
    install(&made, 0, small_finish(builder), 7, (const uint32_t[]){0});
    dispatch(&made, 0, 0, 0, 2, 0);
    finish_kernel(&made);
    finish_kernel(&made);
    record_port_clear(made.port);
    for (uint32_t run = 1; run < 7; run++) {
        dispatch(&made, 0, run, 1, 1, 1 + run);
        g_autofree char *expected =
            g_strdup_printf("enqueue gang 1.%u: instance 0 node 1 run %u, reads 0\n", 1 + run, run);
        CHECK_CALLS(made.port, expected);
        finish_kernel(&made);
        record_port_clear(made.port);
    }
    ck_assert_uint_eq(record_port_held_bytes(made.port, 0), 32);
    retire(&made, 0);
    ck_assert_uint_eq(record_port_held_bytes(made.port, 0), 0);
    clear_bench(&made);
}
END_TEST

/* state of run r is read by run r + 1, but in the last run by nobody. */
START_TEST(last_run_leaves_nothing_for_a_next)
{
    gw_builder *builder = gw_builder_new("carried");
    const uint32_t mesh = small_mesh(builder, 1);
    small_once(builder, "init", mesh, "> r4");
    small_node(builder, "step", mesh, "r4 > r4");
    gw_builder_add_carried(builder, 1, 0, 0, 0, 1, 0);
    bench made;
    init_bench(&made, 1, 1, 8);
    install(&made, 0, small_finish(builder), 2, (const uint32_t[]){0});
    record_port_clear(made.port);
    dispatch(&made, 0, 0, 0, 2, 0);
    CHECK_CALLS(made.port, "reserve 16 B for buffer 0 of instance 0 on mesh 0\n"
                           "enqueue gang 1.0: instance 0 node 0 run 0, writes 0\n"
                           "reserve 16 B for buffer 1 of instance 0 on mesh 0\n"
                           "enqueue gang 1.1: instance 0 node 1 run 0, reads 0, writes 1\n");
    finish_kernel(&made);
    finish_kernel(&made);
    CHECK_CALLS(made.port, "release 16 B for buffer 0 of instance 0 on mesh 0\n"
                           "send to scheduler 0: PROGRESS, finished 2, instance 0 run 0 done\n");
    dispatch(&made, 0, 1, 1, 1, 2);
    CHECK_CALLS(made.port, "reserve 16 B for buffer 3 of instance 0 on mesh 0\n"
                           "enqueue gang 1.2: instance 0 node 1 run 1, reads 1, writes 3\n");
    finish_kernel(&made);
    CHECK_CALLS(made.port, "release 16 B for buffer 1 of instance 0 on mesh 0\n"
                           "release 16 B for buffer 3 of instance 0 on mesh 0\n"
                           "send to scheduler 0: PROGRESS, finished 1, instance 0 run 1 done\n");
    ck_assert_uint_eq(record_port_held_count(made.port), 0);
    clear_bench(&made);
}
END_TEST

START_TEST(only_run_is_the_last_one)
{
    gw_builder *builder = gw_builder_new("carried");
    const uint32_t mesh = small_mesh(builder, 1);
    small_once(builder, "init", mesh, "> r4");
    small_node(builder, "step", mesh, "r4 > r4");
    gw_builder_add_carried(builder, 1, 0, 0, 0, 1, 0);
    bench made;
    init_bench(&made, 1, 1, 8);
    install(&made, 0, small_finish(builder), 1, (const uint32_t[]){0});
    dispatch(&made, 0, 0, 0, 2, 0);
    finish_kernel(&made);
    finish_kernel(&made);
    ck_assert_uint_eq(record_port_held_count(made.port), 0);
    clear_bench(&made);
}
END_TEST

/* --- Back-pressure --- */

START_TEST(gang_without_memory_waits_and_goes_on)
{
    bench made;
    init_bench(&made, 1, 1, 8);
    install(&made, 0, make_nodes(1, 3, 10), 1, (const uint32_t[]){0});
    made.port->limit_bytes = 80;
    record_port_clear(made.port);
    dispatch(&made, 0, 0, 0, 2, 0);
    record_port_clear(made.port);
    dispatch(&made, 0, 0, 2, 1, 2);
    CHECK_CALLS(made.port, "reserve 40 B for buffer 2 of instance 0 on mesh 0: full\n"
                           "note MEMORY_WAIT, gang 1.2 needs 40 B\n");
    finish_kernel(&made);
    CHECK_CALLS(made.port, "release 40 B for buffer 0 of instance 0 on mesh 0\n"
                           "reserve 40 B for buffer 2 of instance 0 on mesh 0\n"
                           "enqueue gang 1.2: instance 0 node 2 run 0, writes 2\n");
    finish_kernel(&made);
    finish_kernel(&made);
    ck_assert_uint_eq(record_port_held_count(made.port), 0);
    clear_bench(&made);
}
END_TEST

START_TEST(those_behind_wait_as_well)
{
    gw_builder *builder = gw_builder_new("behind");
    const uint32_t mesh = small_mesh(builder, 1);
    small_node(builder, "first", mesh, "> r10");
    small_node(builder, "large", mesh, "> r20");
    small_node(builder, "small", mesh, "> r1");
    bench made;
    init_bench(&made, 1, 1, 8);
    install(&made, 0, small_finish(builder), 1, (const uint32_t[]){0});
    made.port->limit_bytes = 100;
    dispatch(&made, 0, 0, 0, 2, 0);
    record_port_clear(made.port);
    dispatch(&made, 0, 0, 2, 1, 2);
    CHECK_CALLS(made.port, ""); /* 4 bytes would fit: the order comes first. */
    g_autoptr(GString) text = g_string_new(NULL);
    gw_executor_explain(made.executor, text);
    ck_assert_str_eq(text->str, "host 0: node large of job job, run 0, waits for device memory for "
                                "its outputs\n");
    finish_kernel(&made);
    CHECK_CALLS(made.port, "release 40 B for buffer 0 of instance 0 on mesh 0\n"
                           "reserve 80 B for buffer 1 of instance 0 on mesh 0\n"
                           "enqueue gang 1.1: instance 0 node 1 run 0, writes 1\n"
                           "reserve 4 B for buffer 2 of instance 0 on mesh 0\n"
                           "enqueue gang 1.2: instance 0 node 2 run 0, writes 2\n");
    clear_bench(&made);
}
END_TEST

START_TEST(what_does_not_fit_whole_takes_nothing)
{
    gw_builder *builder = gw_builder_new("whole");
    const uint32_t here = small_mesh(builder, 1), there = small_mesh(builder, 1);
    small_node(builder, "far", there, "> r3");
    small_node(builder, "first", here, "> r5");
    small_node(builder, "wide", here, "r3 > r4 r5");
    gw_builder_add_edge(builder, 0, 0, 2, 0);
    bench made;
    init_bench(&made, 2, 1, 8);
    install(&made, 0, small_finish(builder), 1, (const uint32_t[]){0, 1});
    made.port->limit_bytes = 48;
    record_port_clear(made.port);
    dispatch(&made, 0, 0, 1, 2, 1);
    CHECK_CALLS(made.port, "reserve 20 B for buffer 0 of instance 0 on mesh 0\n"
                           "enqueue gang 2.1: instance 0 node 1 run 0, writes 0\n"
                           "reserve 12 B for buffer 3 of instance 0 on mesh 0\n"
                           "reserve 16 B for buffer 1 of instance 0 on mesh 0\n"
                           "reserve 20 B for buffer 2 of instance 0 on mesh 0: full\n"
                           "note MEMORY_WAIT, gang 2.2 needs 20 B\n"
                           "release 16 B for buffer 1 of instance 0 on mesh 0\n"
                           "release 12 B for buffer 3 of instance 0 on mesh 0\n");
    ck_assert_uint_eq(record_port_held_bytes(made.port, 0), 20);
    finish_kernel(&made);
    ck_assert_uint_eq(record_port_held_bytes(made.port, 0), 48);
    ck_assert_uint_eq(record_port_held_count(made.port), 3);
    clear_bench(&made);
}
END_TEST

START_TEST(enqueued_is_answered_when_it_is_true)
{
    g_autofree gw_dispatch_message *message = NULL;
    bench made;
    init_bench(&made, 1, 1, 8);
    install(&made, 0, make_nodes(1, 2, 10), 1, (const uint32_t[]){0});
    made.port->limit_bytes = 40;
    dispatch(&made, 0, 0, 0, 1, 0);
    record_port_clear(made.port);
    message = small_dispatch(0, 0, 1, 1, gang_of(&made, 1), true);
    gw_executor_dispatch(made.executor, made.scheduler, message);
    gw_executor_flush(made.executor);
    CHECK_CALLS(made.port, "reserve 40 B for buffer 1 of instance 0 on mesh 0: full\n"
                           "note MEMORY_WAIT, gang 1.1 needs 40 B\n");
    finish_kernel(&made);
    CHECK_CALLS(made.port, "release 40 B for buffer 0 of instance 0 on mesh 0\n"
                           "reserve 40 B for buffer 1 of instance 0 on mesh 0\n"
                           "enqueue gang 1.1: instance 0 node 1 run 0, writes 1\n"
                           "send to scheduler 0: ENQUEUED, instance 0\n");
    clear_bench(&made);
}
END_TEST

/* --- Reports --- */

START_TEST(reports_come_at_half_the_lookahead)
{
    bench made;
    init_bench(&made, 1, 1, 6);
    install(&made, 0, make_nodes(1, 6, 1), 1, (const uint32_t[]){0});
    dispatch(&made, 0, 0, 0, 6, 0);
    for (uint32_t n = 0; n < 6; n++) {
        record_port_clear(made.port);
        finish_kernel(&made);
        const bool is_reported = made.port->calls->len > 1; /* Besides the release. */
        ck_assert_int_eq(is_reported, n == 2 || n == 5);
    }
    clear_bench(&made);
}
END_TEST

START_TEST(dispatchers_are_told_apart)
{
    bench made;
    init_bench(&made, 1, 1, 6);
    install(&made, 0, make_nodes(1, 1, 1), 1, (const uint32_t[]){0});
    install(&made, 1, make_nodes(1, 1, 1), 1, (const uint32_t[]){0});
    for (uint32_t j = 0; j < 2; j++) { /* Without schedulers: from the clients. */
        const gw_node_id client = gw_directory_client(made.directory, j);
        g_autofree gw_dispatch_message *message =
            small_dispatch(j, 0, 0, 1, (uint64_t)client.index << GW_GANG_SEQUENCE_BITS, false);
        gw_executor_dispatch(made.executor, client, message);
    }
    gw_executor_flush(made.executor);
    record_port_clear(made.port);
    finish_kernel(&made);
    CHECK_CALLS(made.port, "release 4 B for buffer 0 of instance 0 on mesh 0\n"
                           "send to client 0: PROGRESS, finished 1, instance 0 run 0 done\n");
    finish_kernel(&made);
    CHECK_CALLS(made.port, "release 4 B for buffer 4 of instance 1 on mesh 0\n"
                           "send to client 1: PROGRESS, finished 1, instance 1 run 0 done\n");
    clear_bench(&made);
}
END_TEST

START_TEST(many_segments_in_the_queue_keep_their_order)
{
    bench made;
    init_bench(&made, 1, 1, 1000);
    install(&made, 0, make_nodes(1, 300, 1), 1, (const uint32_t[]){0});
    made.port->limit_bytes = 4; /* One gang at a time. */
    for (uint32_t n = 0; n < 300; n++) {
        dispatch(&made, 0, 0, n, 1, n);
    }
    for (uint32_t n = 0; n < 300; n++) {
        record_port_clear(made.port);
        finish_kernel(&made);
        uint32_t enqueued_count = 0;
        for (uint32_t i = 0; i < made.port->calls->len; i++) {
            const record_call *call = &g_array_index(made.port->calls, record_call, i);
            if (call->kind == RECORD_ENQUEUE) {
                ck_assert_uint_eq(call->kernel.node, n + 1);
                ck_assert_uint_eq(call->kernel.gang, gang_of(&made, n + 1));
                enqueued_count++;
            }
        }
        ck_assert_uint_eq(enqueued_count, n < 299 ? 1 : 0);
    }
    ck_assert_uint_eq(record_port_held_count(made.port), 0);
    clear_bench(&made);
}
END_TEST

/* --- Ours alone --- */

START_TEST(ready_for_an_unknown_instance_aborts)
{
    bench made;
    init_bench(&made, 2, 1, 8);
    ready(&made, 1, 0, 0, 0, 0, 1);
}
END_TEST

START_TEST(installing_twice_aborts)
{
    bench made;
    init_bench(&made, 1, 1, 8);
    install(&made, 0, make_nodes(1, 1, 1), 1, (const uint32_t[]){0});
    install(&made, 0, make_nodes(1, 1, 1), 1, (const uint32_t[]){0});
}
END_TEST

static void add_gang_tests(Suite *suite)
{
    TCase *cases = tcase_create("gangs");
    tcase_add_test(cases, installing_reserves_workspace);
    tcase_add_test(cases, installing_waits_for_workspace);
    tcase_add_test(cases, gang_is_reserved_enqueued_done_and_reported);
    tcase_add_test(cases, readers_on_the_mesh_read_in_place);
    tcase_add_test(cases, nodes_of_other_hosts_and_set_up_are_skipped);
    tcase_add_test(cases, segments_of_unknown_jobs_are_skipped);
    tcase_add_test(cases, set_up_is_kept_until_the_end);
    tcase_add_test(cases, last_run_leaves_nothing_for_a_next);
    tcase_add_test(cases, only_run_is_the_last_one);
    tcase_add_test(cases, gang_without_memory_waits_and_goes_on);
    tcase_add_test(cases, those_behind_wait_as_well);
    tcase_add_test(cases, what_does_not_fit_whole_takes_nothing);
    tcase_add_test(cases, enqueued_is_answered_when_it_is_true);
    suite_add_tcase(suite, cases);
}

int main(void)
{
    Suite *suite = suite_create("executor");
    add_gang_tests(suite);
    TCase *reports = tcase_create("reports");
    tcase_add_test(reports, reports_come_at_half_the_lookahead);
    tcase_add_test(reports, dispatchers_are_told_apart);
    tcase_add_test(reports, many_segments_in_the_queue_keep_their_order);
    tcase_add_test_raise_signal(reports, ready_for_an_unknown_instance_aborts, SIGABRT);
    tcase_add_test_raise_signal(reports, installing_twice_aborts, SIGABRT);
    suite_add_tcase(suite, reports);
    return gw_run_suite(suite);
}
