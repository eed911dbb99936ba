/* SPDX-License-Identifier: Apache-2.0 */
/* One host's transfers and results: who is told where to copy, when copies go, who is told what
 * was read. */

#include "run_suite.h"
#include "test_executor.h"

START_TEST(target_tells_its_sources_where)
{
    bench made;
    init_bench(&made, 3, 2, 8);
    install(&made, 0, make_transfer(), 1, (const uint32_t[]){2, 4, 0, 1});
    record_port_clear(made.port);
    dispatch(&made, 0, 0, 0, 2, 0);
    CHECK_CALLS(made.port,
                "reserve 16 B for buffer 0 of instance 0 on mesh 1\n"
                "enqueue gang 3.1: instance 0 node 1 run 0, reads 0, awaits 1 1\n"
                "send to host 1: READY, instance 0 run 0 transfer 0 into buffer 0 for gang 3.1\n"
                "send to host 2: READY, instance 0 run 0 transfer 0 into buffer 0 for gang 3.1\n");
    finish_kernel(&made);
    CHECK_CALLS(made.port, "release 16 B for buffer 0 of instance 0 on mesh 1\n"
                           "send to scheduler 0: PROGRESS, finished 1 1, instance 0 run 0 done\n");
    clear_bench(&made);
}
END_TEST

START_TEST(ready_after_the_source_copies_at_once)
{
    bench made;
    init_bench(&made, 3, 2, 8);
    install(&made, 0, make_transfer(), 1, (const uint32_t[]){0, 1, 2, 4});
    dispatch(&made, 0, 0, 0, 2, 0);
    record_port_clear(made.port);
    ready(&made, 1, 0, 0, 0, 33, 1);
    CHECK_CALLS(made.port, "copy 16 B of buffer 0 from device 0 by gang 3.0 to buffer 33 on device "
                           "2 for gang 3.1\n");
    ready(&made, 2, 0, 0, 0, 44, 1); /* The other target host, with a number of its own. */
    CHECK_CALLS(made.port, "copy 16 B of buffer 0 from device 1 by gang 3.0 to buffer 44 on device "
                           "4 for gang 3.1\n");
    finish_kernel(&made);
    CHECK_CALLS(made.port, "send to scheduler 0: PROGRESS, finished 1 1\n");
    finish_copy(&made, 0);
    CHECK_CALLS(made.port, "");
    finish_copy(&made, 0); /* The last reader, and the run's last operation here. */
    CHECK_CALLS(made.port, "release 16 B for buffer 0 of instance 0 on mesh 0\n"
                           "send to scheduler 0: PROGRESS, finished 0 0, instance 0 run 0 done\n");
    clear_bench(&made);
}
END_TEST

START_TEST(ready_before_the_source_waits_for_it)
{
    bench made;
    init_bench(&made, 3, 2, 8);
    install(&made, 0, make_transfer(), 1, (const uint32_t[]){0, 1, 2, 4});
    record_port_clear(made.port);
    ready(&made, 2, 0, 0, 0, 44, 1);
    ready(&made, 1, 0, 0, 0, 33, 1);
    CHECK_CALLS(made.port, "");
    dispatch(&made, 0, 0, 0, 1, 0);
    CHECK_CALLS(made.port, "reserve 16 B for buffer 0 of instance 0 on mesh 0\n"
                           "enqueue gang 3.0: instance 0 node 0 run 0, writes 0\n"
                           "copy 16 B of buffer 0 from device 1 by gang 3.0 to buffer 44 on device "
                           "4 for gang 3.1\n"
                           "copy 16 B of buffer 0 from device 0 by gang 3.0 to buffer 33 on device "
                           "2 for gang 3.1\n");
    clear_bench(&made);
}
END_TEST

START_TEST(ready_waits_for_a_source_without_memory)
{
    bench made;
    init_bench(&made, 3, 2, 8);
    install(&made, 0, make_transfer(), 1, (const uint32_t[]){0, 1, 2, 4});
    made.port->limit_bytes = 15;
    record_port_clear(made.port);
    dispatch(&made, 0, 0, 0, 1, 0);
    ready(&made, 1, 0, 0, 0, 33, 1);
    CHECK_CALLS(made.port, "reserve 16 B for buffer 0 of instance 0 on mesh 0: full\n"
                           "note MEMORY_WAIT, gang 3.0 needs 16 B\n");
    clear_bench(&made);
}
END_TEST

START_TEST(pieces_within_a_host_need_no_message)
{
    bench made;
    init_bench(&made, 1, 4, 8);
    install(&made, 0, make_transfer(), 1, (const uint32_t[]){0, 1, 2, 3});
    record_port_clear(made.port);
    dispatch(&made, 0, 0, 0, 2, 0);
    CHECK_CALLS(made.port,
                "reserve 16 B for buffer 0 of instance 0 on mesh 0\n"
                "enqueue gang 1.0: instance 0 node 0 run 0, writes 0\n"
                "reserve 16 B for buffer 1 of instance 0 on mesh 1\n"
                "enqueue gang 1.1: instance 0 node 1 run 0, reads 1, awaits 1 1\n"
                "copy 16 B of buffer 0 from device 0 by gang 1.0 to buffer 1 on device 2 "
                "for gang 1.1\n"
                "copy 16 B of buffer 0 from device 1 by gang 1.0 to buffer 1 on device 3 "
                "for gang 1.1\n");
    clear_bench(&made);
}
END_TEST

START_TEST(messages_to_one_host_travel_together)
{
    gw_builder *builder = gw_builder_new("gathered");
    const uint32_t far = small_mesh(builder, 1), here = small_mesh(builder, 1);
    small_node(builder, "make", far, "> r4 r2");
    small_node(builder, "one", here, "r4 r2 >");
    small_node(builder, "two", here, "r2 >");
    gw_builder_add_edge(builder, 0, 0, 1, 0);
    gw_builder_add_edge(builder, 0, 1, 1, 1);
    gw_builder_add_edge(builder, 0, 1, 2, 0);
    bench made;
    init_bench(&made, 2, 1, 8);
    install(&made, 0, small_finish(builder), 1, (const uint32_t[]){1, 0});
    record_port_clear(made.port);
    dispatch(&made, 0, 0, 1, 2, 1);
    CHECK_CALLS(made.port,
                "reserve 16 B for buffer 0 of instance 0 on mesh 1\n"
                "reserve 8 B for buffer 1 of instance 0 on mesh 1\n"
                "enqueue gang 2.1: instance 0 node 1 run 0, reads 0 1, awaits 2\n"
                "reserve 8 B for buffer 2 of instance 0 on mesh 1\n"
                "enqueue gang 2.2: instance 0 node 2 run 0, reads 2, awaits 1\n"
                "send to host 1: READY, instance 0 run 0 transfer 0 into buffer 0 for gang 2.1"
                "; instance 0 run 0 transfer 2 into buffer 1 for gang 2.1"
                "; instance 0 run 0 transfer 4 into buffer 2 for gang 2.2\n");
    clear_bench(&made);
}
END_TEST

START_TEST(timed_edges_hand_their_duration_on)
{
    gw_builder *builder = gw_builder_new("timed");
    const uint32_t left = small_mesh(builder, 1), right = small_mesh(builder, 1);
    small_node(builder, "make", left, "> r4");
    small_node(builder, "take", right, "r4 >");
    gw_builder_add_timed_edge(builder, 0, 0, 1, 0, 750);
    bench made;
    init_bench(&made, 2, 1, 8);
    install(&made, 0, small_finish(builder), 1, (const uint32_t[]){0, 1});
    dispatch(&made, 0, 0, 0, 2, 0);
    record_port_clear(made.port);
    ready(&made, 1, 0, 0, 0, 5, 1);
    CHECK_CALLS(made.port,
                "copy 16 B of buffer 0 from device 0 by gang 2.0 to buffer 5 on device 1 "
                "for gang 2.1 in 750 ns\n");
    clear_bench(&made);
}
END_TEST

/* A source of set-up alone: its copies are no run's, but it stays until they end. */
START_TEST(host_of_set_up_leaves_after_its_last_copy)
{
    gw_builder *builder = gw_builder_new("weights");
    const uint32_t left = small_mesh(builder, 1), right = small_mesh(builder, 1);
    small_once(builder, "weights", left, "> r4");
    small_node(builder, "use", right, "r4 >");
    gw_builder_add_edge(builder, 0, 0, 1, 0);
    bench made;
    init_bench(&made, 2, 1, 8);
    install(&made, 0, small_finish(builder), 3, (const uint32_t[]){0, 1});
    dispatch(&made, 0, 0, 0, 2, 0);
    ready(&made, 1, 0, 0, 0, 9, 1);
    record_port_clear(made.port);
    finish_kernel(&made);
    CHECK_CALLS(made.port, "send to scheduler 0: PROGRESS, finished 1, instance 0 run 0 done\n");
    finish_copy(&made, 0);
    CHECK_CALLS(made.port, "");
    ready(&made, 1, 0, 1, 0, 9, 2);
    ready(&made, 1, 0, 2, 0, 9, 3);
    finish_copy(&made, 0);
    record_port_clear(made.port);
    retire(&made, 0);
    CHECK_CALLS(made.port, "");
    finish_copy(&made, 0);
    CHECK_CALLS(made.port, "release 16 B for buffer 0 of instance 0 on mesh 0\n"
                           "unload instance 0\n"
                           "send to client 0: RETIRED, instance 0\n");
    clear_bench(&made);
}
END_TEST

/* --- Results --- */

START_TEST(results_are_read_and_sent)
{
    gw_builder *builder = gw_builder_new("results");
    const uint32_t mesh = small_mesh(builder, 2);
    small_node(builder, "node", mesh, "> r1 r3 r1");
    gw_builder_add_result(builder, "loss", 0, 0);
    gw_builder_add_result(builder, "norm", 0, 2);
    bench made;
    init_bench(&made, 1, 2, 8);
    install(&made, 0, small_finish(builder), 1, (const uint32_t[]){1, 0});
    record_port_clear(made.port);
    dispatch(&made, 0, 0, 0, 1, 0);
    CHECK_CALLS(made.port, "reserve 4 B for buffer 0 of instance 0 on mesh 0\n"
                           "reserve 12 B for buffer 1 of instance 0 on mesh 0\n"
                           "reserve 4 B for buffer 2 of instance 0 on mesh 0\n"
                           "enqueue gang 1.0: instance 0 node 0 run 0, writes 0 1 2\n"
                           "copy 4 B of buffer 0 from device 1 by gang 1.0 to the host\n"
                           "copy 4 B of buffer 2 from device 1 by gang 1.0 to the host\n");
    finish_kernel(&made);
    CHECK_CALLS(made.port, "release 12 B for buffer 1 of instance 0 on mesh 0\n"
                           "send to scheduler 0: PROGRESS, finished 1 1\n");
    finish_copy(&made, 2.5);
    CHECK_CALLS(made.port, "send to client 0: RESULT, instance 0 run 0 result 0 is 2.5\n"
                           "release 4 B for buffer 0 of instance 0 on mesh 0\n");
    finish_copy(&made, -1);
    CHECK_CALLS(made.port, "send to client 0: RESULT, instance 0 run 0 result 1 is -1\n"
                           "release 4 B for buffer 2 of instance 0 on mesh 0\n"
                           "send to scheduler 0: PROGRESS, finished 0 0, instance 0 run 0 done\n");
    clear_bench(&made);
}
END_TEST

START_TEST(results_are_read_where_the_first_shard_is)
{
    gw_builder *builder = gw_builder_new("results");
    const uint32_t mesh = small_mesh(builder, 2);
    small_node(builder, "node", mesh, "> r1");
    gw_builder_add_result(builder, "loss", 0, 0);
    bench made;
    init_bench(&made, 2, 1, 8);
    install(&made, 0, small_finish(builder), 1, (const uint32_t[]){1, 0}); /* On host 1. */
    record_port_clear(made.port);
    dispatch(&made, 0, 0, 0, 1, 0);
    finish_kernel(&made);
    CHECK_CALLS(made.port, "reserve 4 B for buffer 0 of instance 0 on mesh 0\n"
                           "enqueue gang 2.0: instance 0 node 0 run 0, writes 0\n"
                           "release 4 B for buffer 0 of instance 0 on mesh 0\n"
                           "send to scheduler 0: PROGRESS, finished 1, instance 0 run 0 done\n");
    clear_bench(&made);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("executor_transfers");
    tcase_add_test(cases, target_tells_its_sources_where);
    tcase_add_test(cases, ready_after_the_source_copies_at_once);
    tcase_add_test(cases, ready_before_the_source_waits_for_it);
    tcase_add_test(cases, ready_waits_for_a_source_without_memory);
    tcase_add_test(cases, pieces_within_a_host_need_no_message);
    tcase_add_test(cases, messages_to_one_host_travel_together);
    tcase_add_test(cases, timed_edges_hand_their_duration_on);
    tcase_add_test(cases, host_of_set_up_leaves_after_its_last_copy);
    tcase_add_test(cases, results_are_read_and_sent);
    tcase_add_test(cases, results_are_read_where_the_first_shard_is);
    Suite *suite = suite_create("executor_transfers");
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
