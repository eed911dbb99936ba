/* SPDX-License-Identifier: Apache-2.0 */
/* Hand-offs that block: what a host that waits for its device launches, and when; whom it tells. */

#include "controller/system.h"
#include "run_suite.h"
#include "test_executor.h"

static void init_blocking(bench *made, uint32_t host_count, uint32_t devices_per_host)
{
    init_bench(made, host_count, devices_per_host, 8);
    gw_executor_free(made->executor);
    made->control.policy = NULL;
    made->control.system = &gw_system_multi_controller;
    made->control.has_blocking_handoffs = true;
    made->executor = gw_executor_new(made->directory, &made->control, made->jobs, (gw_node_id){0},
                                     &made->port->base);
}

static void hand(bench *made, uint32_t sequence)
{
    const gw_handed_message message = {{GW_MESSAGE_HANDED, sizeof message},
                                       gang_of(made, sequence)};
    gw_executor_handed(made->executor, &message);
    gw_executor_flush(made->executor);
}

START_TEST(one_kernel_at_a_time_and_a_call_for_each)
{
    bench made;
    init_blocking(&made, 1, 1);
    install(&made, 0, make_nodes(1, 3, 1), 1, (const uint32_t[]){0});
    record_port_clear(made.port);
    dispatch(&made, 0, 0, 0, 2, 0);
    CHECK_CALLS(made.port, "reserve 4 B for buffer 0 of instance 0 on mesh 0\n"
                           "reserve 4 B for buffer 1 of instance 0 on mesh 0\n"
                           "enqueue gang 1.0: instance 0 node 0 run 0, writes 0\n");
    ck_assert_uint_eq(made.port->spent[GW_COST_CALL], 1);
    ck_assert_uint_eq(made.port->spent[GW_COST_PREPARE], 2);
    ck_assert_uint_eq(made.port->spent[GW_COST_LAUNCH], 1);
    dispatch(&made, 0, 0, 2, 1, 2); /* Behind the one that is held. */
    CHECK_CALLS(made.port, "reserve 4 B for buffer 2 of instance 0 on mesh 0\n");
    finish_kernel(&made);
    ck_assert_uint_eq(made.port->spent[GW_COST_CALL], 2);
    record_port_clear(made.port);
    finish_kernel(&made);
    ck_assert(record_port_asks(made.port, RECORD_ENQUEUE));
    finish_kernel(&made);
    ck_assert_uint_eq(made.port->spent[GW_COST_CALL], 3);
    ck_assert(!record_port_asks(made.port, RECORD_ENQUEUE));
    ck_assert(gw_executor_is_quiet(made.executor, 0));
    clear_bench(&made);
}
END_TEST

START_TEST(a_gang_is_launched_when_all_pieces_are_handed_over)
{
    bench made;
    init_blocking(&made, 3, 2);
    install(&made, 0, make_transfer(), 1, (const uint32_t[]){2, 4, 0, 1});
    record_port_clear(made.port);
    dispatch(&made, 0, 0, 0, 2, 0);
    CHECK_CALLS(made.port,
                "reserve 16 B for buffer 0 of instance 0 on mesh 1\n"
                "send to host 1: READY, instance 0 run 0 transfer 0 into buffer 0 for gang 3.1\n"
                "send to host 2: READY, instance 0 run 0 transfer 0 into buffer 0 for gang 3.1\n");
    ck_assert(!gw_executor_is_quiet(made.executor, 0));
    hand(&made, 1);
    CHECK_CALLS(made.port, "");
    ck_assert_uint_eq(made.port->spent[GW_COST_CALL], 0);
    g_autoptr(GString) said = g_string_new(NULL);
    gw_executor_explain(made.executor, said);
    ck_assert_str_eq(said->str, "host 0: node take of job job, run 0, is held until 1 more of its "
                                "inputs are here\n");
    hand(&made, 1);
    CHECK_CALLS(made.port, "enqueue gang 3.1: instance 0 node 1 run 0, reads 0\n");
    ck_assert_uint_eq(made.port->spent[GW_COST_CALL], 1);
    clear_bench(&made);
}
END_TEST

/* READY comes while the source is held: it is no source yet. */
START_TEST(nothing_is_copied_from_a_gang_that_is_held)
{
    bench made;
    init_blocking(&made, 2, 2);
    install(&made, 0, make_nodes(1, 1, 1), 1, (const uint32_t[]){0});
    install(&made, 1, make_transfer(), 1, (const uint32_t[]){0, 1, 2, 3});
    dispatch(&made, 0, 0, 0, 1, 0);
    record_port_clear(made.port);
    dispatch(&made, 1, 0, 0, 2, 1);
    ready(&made, 1, 1, 0, 0, 33, 2);
    ck_assert(!record_port_asks(made.port, RECORD_COPY));
    record_port_clear(made.port);
    finish_kernel(&made);
    ck_assert(record_port_asks(made.port, RECORD_COPY));
    record_port_clear(made.port);
    finish_kernel(&made); /* The source's. */
    record_port_clear(made.port);
    finish_copy(&made, 0);
    CHECK_CALLS(made.port, "send to host 1: HANDED, gang 2.2\n");
    clear_bench(&made);
}
END_TEST

/* The copy is nobody's arrival, and its host needs no message to know. */
START_TEST(pieces_within_a_host_are_counted)
{
    bench made;
    init_blocking(&made, 1, 4);
    install(&made, 0, make_transfer(), 1, (const uint32_t[]){0, 1, 2, 3});
    record_port_clear(made.port);
    dispatch(&made, 0, 0, 0, 2, 0);
    CHECK_CALLS(made.port,
                "reserve 16 B for buffer 0 of instance 0 on mesh 0\n"
                "reserve 16 B for buffer 1 of instance 0 on mesh 1\n"
                "enqueue gang 1.0: instance 0 node 0 run 0, writes 0\n"
                "copy 16 B of buffer 0 from device 0 by gang 1.0 to buffer 1 on device 2 "
                "for gang none\n"
                "copy 16 B of buffer 0 from device 1 by gang 1.0 to buffer 1 on device 3 "
                "for gang none\n");
    finish_kernel(&made);
    finish_copy(&made, 0);
    ck_assert_uint_eq(made.port->spent[GW_COST_CALL], 1);
    record_port_clear(made.port);
    finish_copy(&made, 0);
    ck_assert_uint_eq(made.port->spent[GW_COST_CALL], 2);
    ck_assert(record_port_asks(made.port, RECORD_ENQUEUE));
    finish_kernel(&made);
    ck_assert(gw_executor_is_quiet(made.executor, 0));
    clear_bench(&made);
}
END_TEST

/* The end of the world, with gangs held and a copy under way. */
START_TEST(what_is_held_is_freed)
{
    bench made;
    init_blocking(&made, 3, 2);
    install(&made, 0, make_transfer(), 2, (const uint32_t[]){2, 4, 0, 1});
    dispatch(&made, 0, 0, 0, 2, 0);
    ck_assert(!gw_executor_is_quiet(made.executor, 0));
    clear_bench(&made);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("handoff");
    tcase_add_test(cases, one_kernel_at_a_time_and_a_call_for_each);
    tcase_add_test(cases, a_gang_is_launched_when_all_pieces_are_handed_over);
    tcase_add_test(cases, nothing_is_copied_from_a_gang_that_is_held);
    tcase_add_test(cases, pieces_within_a_host_are_counted);
    tcase_add_test(cases, what_is_held_is_freed);
    Suite *suite = suite_create("executor_handoff");
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
