/* SPDX-License-Identifier: Apache-2.0 */
/* Building: the order of nodes, and every mistake that finishing must find. */
#include <check.h>
#include <signal.h>
#include <string.h>

#include "base/error.h"
#include "program/builder.h"
#include "run_suite.h"

static const uint32_t four[] = {4}, two[] = {2};

/* --- Builders --- */

/* A function of time alone: so many inputs and outputs of `rows` x 1. */
static gw_function *make_function(uint32_t input_count, uint32_t output_count, uint32_t rows,
                                  bool is_sharded)
{
    gw_function *function = gw_function_new("f");
    for (uint32_t i = 0; i < input_count; i++) {
        gw_function_add_input(function, rows, 1, is_sharded);
    }
    for (uint32_t i = 0; i < output_count; i++) {
        gw_function_add_output(function, rows, 1, is_sharded);
    }
    gw_function_add(function, &(gw_operation){.kind = GW_OPERATION_DURATION, .duration_ns = 1});
    return function;
}

/* A mesh of 4 devices, and functions by their number of inputs: 0, 1, 2. */
static gw_builder *make_builder(void)
{
    gw_builder *builder = gw_builder_new("p");
    gw_builder_add_mesh(builder, "m", 1, four);
    for (uint32_t i = 0; i <= 2; i++) {
        gw_builder_take_function(builder, make_function(i, 1, 1, false));
    }
    return builder;
}

static uint32_t add_once(gw_builder *builder, const char *name)
{
    const uint32_t node = gw_builder_add_node(builder, name, 0, 0);
    gw_builder_set_once(builder, node);
    return node;
}

static gw_program *finish_good(gw_builder *builder)
{
    g_autoptr(GError) error = NULL;
    gw_program *program = gw_builder_finish(builder, &error);
    ck_assert_msg(program != NULL, "%s", error != NULL ? error->message : "no message");
    ck_assert_ptr_null(error);
    return program;
}

static void finish_bad(gw_builder *builder, const char *part)
{
    g_autoptr(GError) error = NULL;
    ck_assert_ptr_null(gw_builder_finish(builder, &error));
    ck_assert(g_error_matches(error, GW_ERROR, GW_ERROR_SCENARIO));
    ck_assert_msg(strstr(error->message, part) != NULL, "\"%s\" has no \"%s\"", error->message,
                  part);
    ck_assert_ptr_nonnull(strstr(error->message, "program \"p\""));
}

/* The names of the nodes in order: "abc". */
static void expect_order(const gw_program *program, const char *names)
{
    g_autoptr(GString) found = g_string_new(NULL);
    for (uint32_t i = 0; i < program->nodes->len; i++) {
        g_string_append(found, gw_program_node(program, i)->name);
    }
    ck_assert_str_eq(found->str, names);
}

/* --- What is good --- */

START_TEST(topological_order_is_kept)
{
    gw_builder *builder = make_builder();
    const uint32_t a = gw_builder_add_node(builder, "a", 0, 0);
    const uint32_t b = gw_builder_add_node(builder, "b", 0, 0);
    const uint32_t c = gw_builder_add_node(builder, "c", 2, 0);
    const uint32_t d = gw_builder_add_node(builder, "d", 1, 0);
    gw_builder_add_edge(builder, a, 0, d, 0);
    gw_builder_add_edge(builder, b, 0, c, 1);
    gw_builder_add_edge(builder, a, 0, c, 0);
    gw_builder_label(builder, d, 3, 9);
    g_autoptr(gw_program) program = finish_good(builder);
    expect_order(program, "abcd");
    ck_assert_uint_eq(program->first_edge[2], 0);
    ck_assert_uint_eq(program->first_edge[3], 2);
    ck_assert_uint_eq(program->first_edge[4], 3);
    ck_assert_uint_eq(gw_program_edge(program, 0)->source_node, a);
    ck_assert_uint_eq(gw_program_edge(program, 1)->source_node, b);
    ck_assert_uint_eq(gw_program_node(program, 3)->stage, 3);
    ck_assert_uint_eq(gw_program_node(program, 3)->microbatch, 9);
    ck_assert_uint_eq(gw_program_node(program, 2)->stage, GW_INDEX_NONE);
    ck_assert_str_eq(program->name, "p");
}
END_TEST

START_TEST(other_orders_become_topological)
{
    gw_builder *builder = make_builder();
    const uint32_t d = gw_builder_add_node(builder, "d", 2, 0);
    const uint32_t c = gw_builder_add_node(builder, "c", 1, 0);
    const uint32_t b = gw_builder_add_node(builder, "b", 1, 0);
    const uint32_t a = gw_builder_add_node(builder, "a", 0, 0);
    const uint32_t e = gw_builder_add_node(builder, "e", 0, 0);
    gw_builder_add_edge(builder, c, 0, d, 0);
    gw_builder_add_edge(builder, b, 0, d, 1);
    gw_builder_add_edge(builder, a, 0, c, 0);
    gw_builder_add_edge(builder, a, 0, b, 0);
    gw_builder_add_result(builder, "r", d, 0);
    gw_builder_label(builder, e, 7, 7);
    g_autoptr(gw_program) program = finish_good(builder);
    expect_order(program, "acbde"); /* Always the one added first of those that may come. */
    for (uint32_t i = 0; i < program->edges->len; i++) {
        const gw_edge *edge = gw_program_edge(program, i);
        ck_assert_uint_lt(edge->source_node, edge->target_node);
        ck_assert_uint_ge(i, program->first_edge[edge->target_node]);
        ck_assert_uint_lt(i, program->first_edge[edge->target_node + 1]);
    }
    ck_assert_str_eq(gw_program_node(program, gw_program_edge(program, 3)->source_node)->name, "b");
    ck_assert_uint_eq(g_array_index(program->results, gw_result, 0).node, 3);
    ck_assert_uint_eq(gw_program_node(program, 4)->stage, 7);
}
END_TEST

START_TEST(carried_edges_point_back_and_begin_before)
{
    gw_builder *builder = make_builder();
    const uint32_t a = gw_builder_add_node(builder, "a", 1, 0);
    const uint32_t b = gw_builder_add_node(builder, "b", 1, 0);
    const uint32_t s = add_once(builder, "s");
    gw_builder_add_carried(builder, b, 0, s, 0, a, 0);
    gw_builder_add_edge(builder, a, 0, b, 0);
    g_autoptr(gw_program) program = finish_good(builder);
    expect_order(program, "sab"); /* In run 0 "a" needs "s". */
    const gw_edge *carried = gw_program_edge(program, 0);
    ck_assert(carried->is_carried);
    ck_assert_uint_eq(carried->source_node, 2);
    ck_assert_uint_eq(carried->initial_node, 0);
    ck_assert_uint_eq(carried->target_node, 1);
    ck_assert_uint_eq(gw_program_edge(program, 1)->initial_node, GW_INDEX_NONE);
}
END_TEST

START_TEST(setup_may_feed_every_run)
{
    gw_builder *builder = make_builder();
    const uint32_t s = add_once(builder, "s");
    const uint32_t a = gw_builder_add_node(builder, "a", 2, 0);
    gw_builder_add_edge(builder, s, 0, a, 0);
    gw_builder_add_carried(builder, a, 0, s, 0, a, 1); /* From itself. */
    gw_builder_set_tokens(builder, 512);
    g_autoptr(gw_program) program = finish_good(builder);
    ck_assert(gw_program_node(program, 0)->is_once);
    ck_assert(!gw_program_edge(program, 0)->is_carried);
    ck_assert(gw_program_edge(program, 1)->is_carried);
    ck_assert_double_eq(program->tokens_per_run, 512);
}
END_TEST

START_TEST(meshes_reshard_between_them)
{
    static const struct {
        uint32_t source_rows, target_rows;
        bool source_sharded, target_sharded;
        bool is_good;
    } cases[] = {
        {2, 4, true, true, true},   /* 4 x 2 rows to 2 x 4. */
        {2, 2, true, true, false},  /* 8 rows are not 4. */
        {2, 8, true, false, true},  /* Gathered. */
        {8, 4, false, true, true},  /* Scattered. */
        {8, 8, false, false, true}, /* Copied. */
        {8, 4, false, false, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        gw_builder *builder = gw_builder_new("p");
        gw_builder_add_mesh(builder, "four", 1, four);
        gw_builder_add_mesh(builder, "two", 1, two);
        gw_builder_take_function(
            builder, make_function(0, 1, cases[i].source_rows, cases[i].source_sharded));
        gw_builder_take_function(
            builder, make_function(1, 0, cases[i].target_rows, cases[i].target_sharded));
        gw_builder_add_node(builder, "a", 0, 0);
        gw_builder_add_node(builder, "b", 1, 1);
        gw_builder_add_timed_edge(builder, 0, 0, 1, 0, 77);
        if (cases[i].is_good) {
            g_autoptr(gw_program) program = finish_good(builder);
            ck_assert_uint_eq(gw_program_edge(program, 0)->duration_ns, 77);
        } else {
            finish_bad(builder, "output 0 of \"a\" to input 0 of \"b\"");
        }
    }
}
END_TEST

START_TEST(long_programs_are_quick)
{
    gw_builder *builder = make_builder();
    const uint32_t count = 100000;
    for (uint32_t i = 0; i < count; i++) {
        gw_builder_add_node(builder, "n", i == 0 ? 1 : i == count - 1 ? 0 : 1, 0);
    }
    for (uint32_t i = 0; i + 1 < count; i++) {
        gw_builder_add_edge(builder, i + 1, 0, i, 0); /* All backwards. */
    }
    gw_builder_label(builder, 0, 5, 5);
    g_autoptr(gw_program) program = finish_good(builder);
    ck_assert_uint_eq(gw_program_node(program, count - 1)->stage, 5);
}
END_TEST

/* --- What is bad --- */

START_TEST(cycles_are_spelled_out)
{
    gw_builder *builder = make_builder();
    const uint32_t a = gw_builder_add_node(builder, "a", 2, 0);
    const uint32_t b = gw_builder_add_node(builder, "b", 1, 0);
    const uint32_t c = gw_builder_add_node(builder, "c", 1, 0);
    const uint32_t x = gw_builder_add_node(builder, "x", 0, 0);
    const uint32_t y = gw_builder_add_node(builder, "y", 1, 0); /* Behind the cycle. */
    gw_builder_add_edge(builder, x, 0, a, 0);
    gw_builder_add_edge(builder, c, 0, a, 1);
    gw_builder_add_edge(builder, a, 0, b, 0);
    gw_builder_add_edge(builder, b, 0, c, 0);
    gw_builder_add_edge(builder, c, 0, y, 0);
    finish_bad(builder, "nodes wait for each other: a -> b -> c -> a");
}
END_TEST

START_TEST(small_cycles_are_found_behind_others)
{
    gw_builder *builder = make_builder();
    const uint32_t y = gw_builder_add_node(builder, "y", 1, 0); /* Waits, but in no cycle. */
    const uint32_t b = gw_builder_add_node(builder, "b", 1, 0);
    const uint32_t a = gw_builder_add_node(builder, "a", 1, 0);
    gw_builder_add_edge(builder, a, 0, y, 0);
    gw_builder_add_edge(builder, a, 0, b, 0);
    gw_builder_add_edge(builder, b, 0, a, 0);
    finish_bad(builder, "each other: b -> a -> b");
    builder = make_builder();
    gw_builder_add_node(builder, "self", 1, 0);
    gw_builder_add_edge(builder, 0, 0, 0, 0);
    finish_bad(builder, "each other: self -> self");
}
END_TEST

START_TEST(long_cycles_are_told_in_short)
{
    gw_builder *builder = make_builder();
    for (uint32_t i = 0; i < 1000; i++) {
        g_autofree char *name = g_strdup_printf("n%u", i);
        gw_builder_add_node(builder, name, 1, 0);
        gw_builder_add_edge(builder, (i + 999) % 1000, 0, i, 0);
    }
    g_autoptr(GError) error = NULL;
    ck_assert_ptr_null(gw_builder_finish(builder, &error));
    ck_assert_ptr_nonnull(strstr(error->message, "n0 -> n1 -> n2 -> "));
    ck_assert_ptr_nonnull(strstr(error->message, "n14 -> (984 more) -> n999 -> n0"));
    ck_assert_uint_lt(strlen(error->message), 300);
}
END_TEST

START_TEST(every_input_has_one_edge)
{
    gw_builder *builder = make_builder();
    gw_builder_add_node(builder, "a", 0, 0);
    gw_builder_add_node(builder, "b", 2, 0);
    gw_builder_add_edge(builder, 0, 0, 1, 0);
    finish_bad(builder, "node \"b\": found 0 edges to input 1, expected 1");
    builder = make_builder();
    gw_builder_add_node(builder, "a", 0, 0);
    gw_builder_add_node(builder, "b", 1, 0);
    gw_builder_add_edge(builder, 0, 0, 1, 0);
    gw_builder_add_edge(builder, 0, 0, 1, 0);
    finish_bad(builder, "node \"b\": found 2 edges to input 0, expected 1");
}
END_TEST

START_TEST(indexes_exist)
{
    gw_builder *builder = make_builder();
    gw_builder_add_node(builder, "a", 3, 0);
    finish_bad(builder, "node \"a\": found function 3, expected one of 3");
    builder = make_builder();
    gw_builder_add_node(builder, "a", 0, 1);
    finish_bad(builder, "found mesh 1");
    builder = make_builder();
    gw_builder_add_node(builder, "a", 1, 0);
    gw_builder_add_edge(builder, 5, 0, 0, 0);
    finish_bad(builder, "an edge's source: found node 5");
    builder = make_builder();
    gw_builder_add_node(builder, "a", 0, 0);
    gw_builder_add_node(builder, "b", 1, 0);
    gw_builder_add_edge(builder, 0, 1, 1, 0);
    finish_bad(builder, "an edge's source: node \"a\": found output 1, expected one of 1");
    builder = make_builder();
    gw_builder_add_node(builder, "a", 0, 0);
    gw_builder_add_node(builder, "b", 1, 0);
    gw_builder_add_edge(builder, 0, 0, 1, 1);
    finish_bad(builder, "an edge's target: node \"b\": found input 1, expected one of 1");
    builder = make_builder();
    gw_builder_add_node(builder, "b", 1, 0);
    gw_builder_add_carried(builder, 0, 0, GW_INDEX_NONE, 0, 0, 0);
    finish_bad(builder, "an edge's initial value: found node");
}
END_TEST

START_TEST(activations_of_no_mesh_abort)
{
    gw_builder *builder = make_builder();
    gw_builder_set_activations(builder, 99, 1);
}
END_TEST

START_TEST(label_of_no_node_aborts)
{
    gw_builder *builder = make_builder();
    gw_builder_label(builder, 0, 1, 1);
}
END_TEST

START_TEST(programs_have_something_to_do)
{
    finish_bad(make_builder(), "found 0 nodes");
    gw_builder *builder = make_builder();
    add_once(builder, "s");
    finish_bad(builder, "found 1 nodes, all set-up");
}
END_TEST

START_TEST(meshes_have_devices)
{
    static const uint32_t shapes[][3] = {{4, 0, 1}, {2048, 2048, 1}, {65536, 65536, 65536}};
    for (size_t i = 0; i < 3; i++) {
        gw_builder *builder = make_builder();
        gw_builder_add_node(builder, "a", 0, 0);
        gw_builder_add_mesh(builder, "odd", 3, shapes[i]);
        finish_bad(builder, "mesh \"odd\"");
    }
}
END_TEST

START_TEST(functions_check_on_their_meshes)
{
    gw_builder *builder = make_builder();
    gw_function *gather = gw_function_new("gather");
    gw_operation operation = {.kind = GW_OPERATION_ALL_GATHER, .axes = 1};
    gw_function_add_input(gather, 1, 1, true);
    operation.outputs[0] = (uint16_t)gw_function_add_output(gather, 4, 1, false);
    gw_function_add(gather, &operation);
    const uint32_t function = gw_builder_take_function(builder, gather);
    const uint32_t source = gw_builder_take_function(builder, make_function(0, 1, 1, true));
    const uint32_t small = gw_builder_add_mesh(builder, "small", 1, two);
    gw_builder_add_node(builder, "a", source, 0);
    gw_builder_add_node(builder, "b", function, 0);
    gw_builder_add_edge(builder, 0, 0, 1, 0);
    gw_builder_add_node(builder, "c", source, small);
    gw_builder_add_node(builder, "d", function, small); /* 2 devices gather 2 rows, not 4. */
    gw_builder_add_edge(builder, 2, 0, 3, 0);
    finish_bad(builder, "function \"gather\": operation 0 (all_gather): output 0: found 4 x 1, "
                        "expected 2 x 1 (on mesh \"small\")");
}
END_TEST

START_TEST(one_mesh_keeps_its_sharding)
{
    gw_builder *builder = gw_builder_new("p");
    gw_builder_add_mesh(builder, "m", 1, four);
    gw_builder_take_function(builder, make_function(0, 1, 2, true));
    gw_builder_take_function(builder, make_function(1, 0, 8, false));
    gw_builder_add_node(builder, "a", 0, 0);
    gw_builder_add_node(builder, "b", 1, 0);
    gw_builder_add_edge(builder, 0, 0, 1, 0);
    finish_bad(builder, "found 8 x 1 sharded over 4, expected 8 x 1 on each device");
}
END_TEST

START_TEST(element_sizes_agree)
{
    gw_builder *builder = gw_builder_new("p");
    gw_builder_add_mesh(builder, "m", 1, four);
    gw_function *half = make_function(0, 1, 2, true);
    g_array_index(half->values, gw_value, 0).element_bytes = 2;
    gw_builder_take_function(builder, half);
    gw_builder_take_function(builder, make_function(1, 0, 2, true));
    gw_builder_add_node(builder, "a", 0, 0);
    gw_builder_add_node(builder, "b", 1, 0);
    gw_builder_add_edge(builder, 0, 0, 1, 0);
    finish_bad(builder, "elements of one size");
}
END_TEST

START_TEST(setup_depends_on_setup)
{
    gw_builder *builder = make_builder();
    gw_builder_add_node(builder, "a", 0, 0);
    gw_builder_add_node(builder, "s", 1, 0);
    gw_builder_set_once(builder, 1);
    gw_builder_add_edge(builder, 0, 0, 1, 0);
    finish_bad(builder, "set-up node \"s\" depends on \"a\"");
    builder = make_builder();
    add_once(builder, "s");
    gw_builder_add_node(builder, "t", 1, 0);
    gw_builder_set_once(builder, 1);
    gw_builder_add_node(builder, "a", 0, 0);
    gw_builder_add_edge(builder, 0, 0, 1, 0);
    gw_program_free(finish_good(builder));
}
END_TEST

START_TEST(carried_edges_join_runs)
{
    gw_builder *builder = make_builder();
    gw_builder_add_node(builder, "a", 0, 0);
    gw_builder_add_node(builder, "b", 1, 0);
    gw_builder_add_carried(builder, 1, 0, 0, 0, 1, 0);
    finish_bad(builder, "begins with \"a\", expected a set-up node");
    builder = make_builder();
    const uint32_t s = add_once(builder, "s");
    gw_builder_add_node(builder, "b", 1, 0);
    gw_builder_add_carried(builder, s, 0, s, 0, 1, 0);
    finish_bad(builder, "from \"s\" to \"b\" has an end that is set-up");
    builder = make_builder();
    add_once(builder, "s");
    const uint32_t large = gw_builder_take_function(builder, make_function(0, 1, 2, false));
    gw_builder_add_node(builder, "b", 1, 0);
    gw_builder_add_node(builder, "t", large, 0);
    gw_builder_set_once(builder, 2);
    gw_builder_add_carried(builder, 1, 0, 2, 0, 1, 0);
    finish_bad(builder, "output 0 of \"t\" to input 0 of \"b\"");
}
END_TEST

START_TEST(durations_are_for_two_meshes)
{
    gw_builder *builder = make_builder();
    gw_builder_add_node(builder, "a", 0, 0);
    gw_builder_add_node(builder, "b", 1, 0);
    gw_builder_add_timed_edge(builder, 0, 0, 1, 0, 1);
    finish_bad(builder, "the edge from \"a\" to \"b\" has a duration");
}
END_TEST

START_TEST(results_are_scalars_of_every_run)
{
    gw_builder *builder = make_builder();
    gw_builder_add_node(builder, "a", 0, 0);
    gw_builder_add_result(builder, "r", 4, 0);
    finish_bad(builder, "result \"r\": found node 4");
    builder = make_builder();
    gw_builder_add_node(builder, "a", 0, 0);
    gw_builder_add_result(builder, "r", 0, 1);
    finish_bad(builder, "result \"r\": node \"a\": found output 1");
    builder = make_builder();
    gw_builder_add_node(builder, "a",
                        gw_builder_take_function(builder, make_function(0, 1, 2, false)), 0);
    gw_builder_add_result(builder, "r", 0, 0);
    finish_bad(builder, "found 2 x 1, expected 1 x 1");
    builder = make_builder();
    gw_builder_add_node(builder, "a", 0, 0);
    gw_builder_add_result(builder, "r", add_once(builder, "s"), 0);
    finish_bad(builder, "found set-up node \"s\"");
    builder = make_builder();
    gw_builder_add_node(builder, "a", 0, 0);
    gw_builder_add_result(builder, "r", 0, 0);
    gw_builder_add_result(builder, "r", 0, 0);
    finish_bad(builder, "found two results \"r\"");
}
END_TEST

START_TEST(builders_can_be_dropped)
{
    gw_builder *builder = make_builder();
    gw_builder_add_node(builder, "a", 0, 0);
    gw_builder_add_result(builder, "r", 0, 0);
    gw_builder_free(builder);
    gw_builder_free(NULL);
}
END_TEST

static TCase *make_good_cases(void)
{
    TCase *cases = tcase_create("good");
    tcase_add_test(cases, topological_order_is_kept);
    tcase_add_test(cases, other_orders_become_topological);
    tcase_add_test(cases, carried_edges_point_back_and_begin_before);
    tcase_add_test(cases, setup_may_feed_every_run);
    tcase_add_test(cases, meshes_reshard_between_them);
    tcase_add_test(cases, long_programs_are_quick);
    tcase_add_test(cases, builders_can_be_dropped);
    return cases;
}

static TCase *make_bad_cases(void)
{
    TCase *cases = tcase_create("bad");
    tcase_add_test(cases, cycles_are_spelled_out);
    tcase_add_test(cases, small_cycles_are_found_behind_others);
    tcase_add_test(cases, long_cycles_are_told_in_short);
    tcase_add_test(cases, every_input_has_one_edge);
    tcase_add_test(cases, indexes_exist);
    tcase_add_test_raise_signal(cases, activations_of_no_mesh_abort, SIGABRT);
    tcase_add_test_raise_signal(cases, label_of_no_node_aborts, SIGABRT);
    tcase_add_test(cases, programs_have_something_to_do);
    tcase_add_test(cases, meshes_have_devices);
    tcase_add_test(cases, functions_check_on_their_meshes);
    tcase_add_test(cases, one_mesh_keeps_its_sharding);
    tcase_add_test(cases, element_sizes_agree);
    tcase_add_test(cases, setup_depends_on_setup);
    tcase_add_test(cases, carried_edges_join_runs);
    tcase_add_test(cases, durations_are_for_two_meshes);
    tcase_add_test(cases, results_are_scalars_of_every_run);
    return cases;
}

int main(void)
{
    Suite *suite = suite_create("builder");
    suite_add_tcase(suite, make_good_cases());
    suite_add_tcase(suite, make_bad_cases());
    return gw_run_suite(suite);
}
