/* SPDX-License-Identifier: Apache-2.0 */
/* Outputs to the host's memory, inputs back from it, and bytes on their way to the client. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "run_suite.h"
#include "small_system.h"

#define CLIENT 4

static void init_host(small_system *made, const gw_system_ops *system, gw_program *program,
                      uint32_t host, gw_submit_mode submit, const uint32_t *devices)
{
    const small_system_spec spec = {
        .system = system,
        .program = program,
        .submit = submit,
        .runs = 3,
        .in_flight = 1,
        .lookahead = 8,
        .host_count = 2,
        .devices_per_host = 2,
        .host = host,
    };
    small_system_init(made, &spec);
    small_system_install(made, devices);
}

static void dispatch(small_system *made, uint32_t node, uint64_t gang)
{
    const uint64_t number = (uint64_t)CLIENT << GW_GANG_SEQUENCE_BITS | gang;
    g_autofree gw_dispatch_message *message = small_dispatch(0, 0, node, 1, number, false);
    small_system_hand(made, (gw_node_id){CLIENT}, &message->header);
}

/* One node on four devices whose one output is of so many rows. */
static gw_program *make_node(const char *function, bool has_result)
{
    gw_builder *builder = gw_builder_new("node");
    const uint32_t node = small_node(builder, "node", small_mesh(builder, 4), function);
    if (has_result)
        gw_builder_add_result(builder, "value", node, 0);
    return small_finish(builder);
}

static uint32_t count_to_host(const small_system *made)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < made->port->calls->len; i++) {
        const record_call *call = &g_array_index(made->port->calls, record_call, i);
        count += call->kind == RECORD_COPY && call->copy.kind == GW_COPY_TO_HOST;
    }
    return count;
}

static const uint32_t devices[] = {0, 1, 2, 3};

START_TEST(a_replicated_value_is_fetched_once)
{
    for (uint32_t host = 0; host < 2; host++) {
        small_system made;
        init_host(&made, &gw_system_tf1, make_node("> r2", false), host, GW_SUBMIT_CHAINED,
                  devices);
        dispatch(&made, 0, 0);
        ck_assert_uint_eq(count_to_host(&made), host == 0 ? 1 : 0);
        small_system_clear(&made);
    }
}
END_TEST

START_TEST(a_sharded_value_is_fetched_from_every_device)
{
    for (uint32_t host = 0; host < 2; host++) {
        small_system made;
        init_host(&made, &gw_system_tf1, make_node("> s2", false), host, GW_SUBMIT_CHAINED,
                  devices);
        dispatch(&made, 0, 0);
        ck_assert_uint_eq(count_to_host(&made), 2);
        small_system_clear(&made);
    }
}
END_TEST

START_TEST(fetched_bytes_are_sent)
{
    small_system made;
    init_host(&made, &gw_system_tf1, make_node("> r2", false), 0, GW_SUBMIT_CHAINED, devices);
    dispatch(&made, 0, 0);
    small_system_answer(&made, RECORD_ENQUEUE, 0);
    record_port_clear(made.port);
    small_system_answer(&made, RECORD_COPY, 0);
    CHECK_CALLS(made.port, "send to client 0: FETCHED, instance 0 run 0, 8 B, the last\n"
                           "release 8 B for buffer 0 of instance 0 on mesh 0\n"
                           "send to client 0: PROGRESS, finished 0 0, instance 0 run 0 done\n");
    small_system_clear(&made);
}
END_TEST

/* 2.5 MiB travel as two messages of 1 MiB and one of half. */
START_TEST(large_values_come_in_pieces)
{
    small_system made;
    init_host(&made, &gw_system_tf1, make_node("> r655360", false), 0, GW_SUBMIT_CHAINED, devices);
    dispatch(&made, 0, 0);
    small_system_answer(&made, RECORD_ENQUEUE, 0);
    record_port_clear(made.port);
    small_system_answer(&made, RECORD_COPY, 0);
    ck_assert(
        g_str_has_prefix(record_port_text(made.port),
                         "send to client 0: FETCHED, instance 0 run 0, 1048576 B\n"
                         "send to client 0: FETCHED, instance 0 run 0, 1048576 B\n"
                         "send to client 0: FETCHED, instance 0 run 0, 524288 B, the last\n"));
    small_system_clear(&made);
}
END_TEST

START_TEST(an_actor_keeps_every_shard)
{
    for (uint32_t host = 0; host < 2; host++) {
        small_system made;
        init_host(&made, &gw_system_ray, make_node("> r2", false), host, GW_SUBMIT_CHAINED,
                  devices);
        dispatch(&made, 0, 0);
        ck_assert_uint_eq(count_to_host(&made), 2);
        small_system_clear(&made);
    }
}
END_TEST

/* The shard that is read as a result has come to the host by that. */
START_TEST(a_result_is_not_copied_twice)
{
    small_system made;
    init_host(&made, &gw_system_ray, make_node("> r1", true), 0, GW_SUBMIT_CHAINED, devices);
    dispatch(&made, 0, 0);
    ck_assert_uint_eq(count_to_host(&made), 2);
    small_system_clear(&made);
}
END_TEST

START_TEST(a_scheduler_takes_nothing_to_the_host)
{
    small_system made;
    init_host(&made, &gw_system_pathways, make_node("> s2", false), 0, GW_SUBMIT_CHAINED, devices);
    dispatch(&made, 0, 0);
    ck_assert_uint_eq(count_to_host(&made), 0);
    small_system_clear(&made);
}
END_TEST

/* What comes from another mesh comes to the device; what was made there, from the host. */
START_TEST(pieces_and_returning_inputs_are_both_awaited)
{
    gw_builder *builder = gw_builder_new("both");
    const uint32_t left = small_mesh(builder, 2), right = small_mesh(builder, 2);
    const uint32_t far = small_node(builder, "far", left, "> r1");
    const uint32_t near = small_node(builder, "near", right, "> r1");
    const uint32_t join = small_node(builder, "join", right, "r1 r1 > r1");
    gw_builder_add_edge(builder, far, 0, join, 0);
    gw_builder_add_edge(builder, near, 0, join, 1);
    small_system made;
    init_host(&made, &gw_system_ray, small_finish(builder), 1, GW_SUBMIT_CHAINED, devices);
    dispatch(&made, near, 1);
    small_system_answer(&made, RECORD_ENQUEUE, 0);
    small_system_answer(&made, RECORD_COPY, 0);
    record_port_clear(made.port);
    small_system_answer(&made, RECORD_COPY, 0);
    dispatch(&made, join, 2);
    ck_assert(strstr(record_port_text(made.port), "awaits 2 2\n") != NULL);
    ck_assert(strstr(record_port_text(made.port), "from the host to device 3 for gang 4.2\n") !=
              NULL);
    small_system_clear(&made);
}
END_TEST

static Suite *executor_host_suite(void)
{
    Suite *suite = suite_create("executor_host");
    TCase *cases = tcase_create("executor_host");
    tcase_add_test(cases, a_replicated_value_is_fetched_once);
    tcase_add_test(cases, a_sharded_value_is_fetched_from_every_device);
    tcase_add_test(cases, fetched_bytes_are_sent);
    tcase_add_test(cases, large_values_come_in_pieces);
    tcase_add_test(cases, an_actor_keeps_every_shard);
    tcase_add_test(cases, a_result_is_not_copied_twice);
    tcase_add_test(cases, a_scheduler_takes_nothing_to_the_host);
    tcase_add_test(cases, pieces_and_returning_inputs_are_both_awaited);
    suite_add_tcase(suite, cases);
    return suite;
}

int main(void)
{
    return gw_run_suite(executor_host_suite());
}
