/* SPDX-License-Identifier: Apache-2.0 */
/* A host whose instance is collected: what is still done, what is not, and when it is given back.
 */

#include "run_suite.h"
#include "test_executor.h"

#define NOTHING ((gw_extent){0, 0, 0})

static gw_node_id manager_of(const bench *made)
{
    return gw_directory_resources(made->directory);
}

static void abandon(bench *made, uint32_t instance)
{
    const gw_instance_message message = small_instance_message(GW_MESSAGE_ABANDON, instance);
    gw_executor_abandon(made->executor, manager_of(made), &message);
    gw_executor_flush(made->executor);
}

static void drain(bench *made, uint32_t instance, gw_extent extent)
{
    const gw_extent_message message = {{GW_MESSAGE_DRAIN, sizeof message}, instance, extent};
    gw_executor_drain(made->executor, manager_of(made), &message);
    gw_executor_flush(made->executor);
}

static void retire_for_manager(bench *made, uint32_t instance)
{
    const gw_instance_message message = small_instance_message(GW_MESSAGE_RETIRE, instance);
    gw_executor_retire(made->executor, manager_of(made), &message);
    gw_executor_flush(made->executor);
}

START_TEST(what_is_ordered_runs_to_its_end)
{
    bench made;
    init_bench(&made, 1, 1, 8);
    install(&made, 0, make_nodes(1, 3, 2), 9, (const uint32_t[]){0});
    dispatch(&made, 0, 0, 0, 1, 0);
    record_port_clear(made.port);
    drain(&made, 0, (gw_extent){0, 0, 2});
    CHECK_CALLS(made.port, ""); /* Node 1 is on its way still. */
    finish_kernel(&made);
    record_port_clear(made.port);
    dispatch(&made, 0, 0, 1, 1, 1);
    CHECK_CALLS(made.port, "reserve 8 B for buffer 1 of instance 0 on mesh 0\n"
                           "enqueue gang 1.1: instance 0 node 1 run 0, writes 1\n");
    finish_kernel(&made);
    CHECK_CALLS(made.port, "release 8 B for buffer 1 of instance 0 on mesh 0\n"
                           "send to resources: DRAINED, instance 0\n"
                           "send to scheduler 0: PROGRESS, finished 1\n");
    retire_for_manager(&made, 0);
    CHECK_CALLS(made.port, "unload instance 0\n"
                           "send to resources: RETIRED, instance 0\n");
    clear_bench(&made);
}
END_TEST

/* Several runs, the last in part. */
START_TEST(gangs_of_all_runs_are_counted)
{
    bench made;
    init_bench(&made, 1, 1, 8);
    install(&made, 0, make_nodes(1, 2, 2), 9, (const uint32_t[]){0});
    dispatch(&made, 0, 3, 0, 2, 0);
    dispatch(&made, 0, 4, 0, 1, 2);
    finish_kernel(&made);
    finish_kernel(&made);
    finish_kernel(&made);
    record_port_clear(made.port);
    drain(&made, 0, (gw_extent){3, 4, 1}); /* It began with run 3. */
    CHECK_CALLS(made.port, "send to resources: DRAINED, instance 0\n");
    clear_bench(&made);
}
END_TEST

/* A buffer whose reader is never ordered, and one that another host reads at this moment. */
START_TEST(nothing_is_freed_under_a_reader)
{
    gw_builder *builder = gw_builder_new("transfer");
    const uint32_t left = small_mesh(builder, 1), right = small_mesh(builder, 1);
    small_node(builder, "make", left, "> r4");
    small_node(builder, "take", right, "r4 >");
    small_node(builder, "never", left, "r4 >");
    gw_builder_add_edge(builder, 0, 0, 1, 0);
    gw_builder_add_edge(builder, 0, 0, 2, 0);
    bench made;
    init_bench(&made, 2, 1, 8);
    install(&made, 0, small_finish(builder), 3, (const uint32_t[]){0, 1});
    dispatch(&made, 0, 0, 0, 2, 0);
    finish_kernel(&made);
    record_port_clear(made.port);
    drain(&made, 0, (gw_extent){0, 0, 2});
    CHECK_CALLS(made.port, "send to resources: DRAINED, instance 0\n");
    ready(&made, 1, 0, 0, 0, 9, 1); /* The reader was ordered, too, and asks only now. */
    CHECK_CALLS(made.port,
                "copy 16 B of buffer 0 from device 0 by gang 2.0 to buffer 9 on device 1 "
                "for gang 2.1\n");
    retire_for_manager(&made, 0);
    CHECK_CALLS(made.port, ""); /* The other host has its bytes, and this one is not told yet. */
    ck_assert_uint_eq(record_port_held_by(made.port, 0), 1);
    finish_copy(&made, 0);
    CHECK_CALLS(made.port, "release 16 B for buffer 0 of instance 0 on mesh 0\n"
                           "unload instance 0\n"
                           "send to resources: RETIRED, instance 0\n");
    ck_assert_uint_eq(record_port_held_count(made.port), 0);
    clear_bench(&made);
}
END_TEST

/* Without a scheduler: what one host has heard is done by all, the rest by none. */
START_TEST(hosts_hold_back_until_they_agree)
{
    bench made;
    init_bench(&made, 1, 1, 8);
    install(&made, 0, make_nodes(1, 4, 2), 9, (const uint32_t[]){0});
    dispatch(&made, 0, 0, 0, 1, 0);
    record_port_clear(made.port);
    abandon(&made, 0);
    CHECK_CALLS(made.port,
                "send to resources: ABANDONED, instance 0 from run 0 to before node 1 of run 0\n");
    dispatch(&made, 0, 0, 1, 1, 1);
    dispatch(&made, 0, 0, 2, 1, 2);
    CHECK_CALLS(made.port, "");
    drain(&made, 0, (gw_extent){0, 0, 2});
    CHECK_CALLS(made.port, "reserve 8 B for buffer 1 of instance 0 on mesh 0\n"
                           "enqueue gang 1.1: instance 0 node 1 run 0, writes 1\n");
    dispatch(&made, 0, 0, 3, 1, 3); /* By one who was only slow. */
    CHECK_CALLS(made.port, "");
    finish_kernel(&made);
    record_port_clear(made.port);
    finish_kernel(&made);
    CHECK_CALLS(made.port, "release 8 B for buffer 1 of instance 0 on mesh 0\n"
                           "send to resources: DRAINED, instance 0\n"
                           "send to scheduler 0: PROGRESS, finished 2\n");
    clear_bench(&made);
}
END_TEST

START_TEST(what_is_not_here_is_collected_at_once_and_for_good)
{
    bench made;
    init_bench(&made, 1, 1, 8);
    abandon(&made, 0);
    drain(&made, 0, NOTHING);
    retire_for_manager(&made, 0);
    CHECK_CALLS(made.port, "send to resources: ABANDONED, instance 0 nothing\n"
                           "send to resources: DRAINED, instance 0\n"
                           "send to resources: RETIRED, instance 0\n");
    install(&made, 0, make_nodes(1, 1, 2), 9, (const uint32_t[]){0}); /* Was slower. */
    dispatch(&made, 0, 0, 0, 1, 0);
    CHECK_CALLS(made.port, "");
    retire(&made, 0);
    CHECK_CALLS(made.port, "send to client 0: RETIRED, instance 0\n");
    clear_bench(&made);
}
END_TEST

/* Its client was about to end well: schedulers know nothing of it any more. */
START_TEST(what_its_client_retires_needs_no_more)
{
    bench made;
    init_bench(&made, 1, 1, 8);
    install(&made, 0, make_nodes(1, 1, 2), 1, (const uint32_t[]){0});
    dispatch(&made, 0, 0, 0, 1, 0);
    finish_kernel(&made);
    record_port_clear(made.port);
    drain(&made, 0, NOTHING);
    CHECK_CALLS(made.port, "send to resources: DRAINED, instance 0\n");
    retire(&made, 0);
    retire_for_manager(&made, 0);
    CHECK_CALLS(made.port, "unload instance 0\n"
                           "send to client 0: RETIRED, instance 0\n"
                           "send to resources: RETIRED, instance 0\n");
    clear_bench(&made);
}
END_TEST

static gw_program *make_worker(const char *function)
{
    gw_builder *builder = gw_builder_new("worker");
    small_node(builder, "node", small_mesh(builder, 1), function);
    return small_finish(builder);
}

/* A job that waits for its workspace holds up those behind it no longer.  40 B of somebody else's
 * are in the way of the first, and not of the second. */
START_TEST(one_that_waits_for_workspace_leaves_the_line)
{
    bench made;
    init_bench(&made, 1, 1, 8);
    made.port->limit_bytes = 100;
    gw_program *other = make_worker("> r10");
    g_autofree gw_assignment_message *message =
        small_assignment(GW_MESSAGE_INSTALL, 7, other, (const uint32_t[]){0});
    const gw_executable executable = small_executable(other, message);
    const gw_memory held = {7, 0, 99, 40};
    made.port->base.devices->load(&made.port->base, &executable);
    ck_assert(made.port->base.devices->memory_reserve(&made.port->base, &held));
    install(&made, 0, make_worker(">/ 20"), 1, (const uint32_t[]){0});
    install(&made, 1, make_worker(">/ 10"), 1, (const uint32_t[]){0});
    record_port_clear(made.port);
    drain(&made, 0, NOTHING);
    retire_for_manager(&made, 0);
    CHECK_CALLS(made.port, "send to resources: DRAINED, instance 0\n"
                           "unload instance 0\n"
                           "send to resources: RETIRED, instance 0\n"
                           "reserve 40 B for buffer 1 of instance 1 on mesh 0\n"
                           "send to client 1: INSTALLED, instance 1\n");
    clear_bench(&made);
    gw_program_free(other);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("executor_collect");
    tcase_add_test(cases, what_is_ordered_runs_to_its_end);
    tcase_add_test(cases, gangs_of_all_runs_are_counted);
    tcase_add_test(cases, nothing_is_freed_under_a_reader);
    tcase_add_test(cases, hosts_hold_back_until_they_agree);
    tcase_add_test(cases, what_is_not_here_is_collected_at_once_and_for_good);
    tcase_add_test(cases, what_its_client_retires_needs_no_more);
    tcase_add_test(cases, one_that_waits_for_workspace_leaves_the_line);
    Suite *suite = suite_create("executor_collect");
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
