/* SPDX-License-Identifier: Apache-2.0 */
/* Buffers that leave for the host while a gang needs their memory, and come back for their
 * readers: what is asked of the port, in which order, and what happens when things cross. */
#include <signal.h>

#include "controller/spill.h"
#include "run_suite.h"
#include "test_executor.h"

/* One host of one device of 100 bytes; `host_bytes` for what is spilled.  Node 0 makes 40 bytes for
 * node 3; node 1 makes 60; node 2 makes 40. */
static void begin(bench *made, uint64_t host_bytes)
{
    gw_builder *builder = gw_builder_new("rest");
    const uint32_t mesh = small_mesh(builder, 1);
    small_node(builder, "rests", mesh, "> r10");
    small_node(builder, "large", mesh, "> r15");
    small_node(builder, "waits", mesh, "> r10");
    small_node(builder, "reads", mesh, "r10 >");
    gw_builder_add_edge(builder, 0, 0, 3, 0);
    init_bench(made, 1, 1, 8);
    gw_executor_free(made->executor);
    made->control.spill = gw_spills[1];
    made->directory->islands[0].host_memory_bytes = host_bytes;
    made->executor = gw_executor_new(made->directory, &made->control, made->jobs, (gw_node_id){0},
                                     &made->port->base);
    install(made, 0, small_finish(builder), 1, (const uint32_t[]){0});
    made->port->limit_bytes = 100;
    dispatch(made, 0, 0, 0, 3, 0);
    record_port_clear(made->port);
}

START_TEST(what_rests_leaves_and_comes_back)
{
    bench made;
    begin(&made, 40);
    finish_kernel(&made); /* Now the first output rests, and the third gang waits. */
    CHECK_CALLS(made.port, "reserve 40 B for buffer 2 of instance 0 on mesh 0: full\n"
                           "note MEMORY_WAIT, gang 1.2 needs 40 B\n"
                           "copy 40 B of buffer 0 from device 0 is spilled\n");
    finish_copy(&made, 0);
    CHECK_CALLS(made.port, "release 40 B for buffer 0 of instance 0 on mesh 0\n"
                           "note SPILLED, job 0, 40\n"
                           "reserve 40 B for buffer 2 of instance 0 on mesh 0\n"
                           "enqueue gang 1.2: instance 0 node 2 run 0, writes 2\n");
    dispatch(&made, 0, 0, 3, 1, 3);
    CHECK_CALLS(made.port, "reserve 40 B for buffer 0 of instance 0 on mesh 0: full\n"
                           "note MEMORY_WAIT, gang 1.3 needs 40 B\n");
    finish_kernel(&made);
    CHECK_CALLS(made.port,
                "release 60 B for buffer 1 of instance 0 on mesh 0\n"
                "reserve 40 B for buffer 0 of instance 0 on mesh 0\n"
                "enqueue gang 1.3: instance 0 node 3 run 0, reads 0, awaits 1\n"
                "copy 40 B of buffer 0, spilled, from the host to device 0 for gang 1.3\n");
    finish_copy(&made, 0);
    CHECK_CALLS(made.port, "note RETURNED, job 0, 40\n");
    finish_kernel(&made);
    finish_kernel(&made);
    ck_assert_uint_eq(record_port_held_count(made.port), 0);
    retire(&made, 0);
    clear_bench(&made);
}
END_TEST

START_TEST(full_host_takes_nothing)
{
    bench made;
    begin(&made, 39);
    finish_kernel(&made);
    CHECK_CALLS(made.port, "reserve 40 B for buffer 2 of instance 0 on mesh 0: full\n"
                           "note MEMORY_WAIT, gang 1.2 needs 40 B\n");
    finish_kernel(&made);
    CHECK_CALLS(made.port, "release 60 B for buffer 1 of instance 0 on mesh 0\n"
                           "reserve 40 B for buffer 2 of instance 0 on mesh 0\n"
                           "enqueue gang 1.2: instance 0 node 2 run 0, writes 2\n");
    clear_bench(&made);
}
END_TEST

/* The reader comes while the spill is under way: the buffer stays, and the copy was in vain. */
START_TEST(reader_in_time_keeps_it)
{
    bench made;
    begin(&made, 40);
    finish_kernel(&made);
    dispatch(&made, 0, 0, 3, 1, 3);
    const gw_tag spilled = record_port_oldest(made.port, RECORD_COPY);
    finish_kernel(&made); /* The large one gives its memory back: both go on. */
    record_port_clear(made.port);
    const gw_input input = record_port_answer(made.port, RECORD_COPY, spilled, 0);
    gw_executor_copy_done(made.executor, input.tag, input.value);
    gw_executor_flush(made.executor);
    CHECK_CALLS(made.port, "");
    ck_assert_uint_eq(record_port_held_bytes(made.port, 0), 80);
    finish_kernel(&made);
    finish_kernel(&made);
    ck_assert_uint_eq(record_port_held_count(made.port), 0);
    retire(&made, 0);
    clear_bench(&made);
}
END_TEST

/* And when the reader is done before the copy is, the copy's end gives the buffer back. */
START_TEST(spill_outlives_its_reader)
{
    bench made;
    begin(&made, 40);
    finish_kernel(&made);
    dispatch(&made, 0, 0, 3, 1, 3);
    finish_kernel(&made);
    finish_kernel(&made);
    finish_kernel(&made);
    ck_assert_uint_eq(record_port_held_bytes(made.port, 0), 40);
    retire(&made, 0);
    record_port_clear(made.port);
    finish_copy(&made, 0);
    ck_assert_uint_eq(record_port_held_count(made.port), 0);
    ck_assert_uint_eq(record_port_loaded_count(made.port), 0);
    clear_bench(&made);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("executor_spill");
    tcase_add_test(cases, what_rests_leaves_and_comes_back);
    tcase_add_test(cases, full_host_takes_nothing);
    tcase_add_test(cases, reader_in_time_keeps_it);
    tcase_add_test(cases, spill_outlives_its_reader);
    Suite *suite = suite_create("executor_spill");
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
