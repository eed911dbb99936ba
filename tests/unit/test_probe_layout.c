/* SPDX-License-Identifier: Apache-2.0 */
/* Where values lie: what is handed on has one buffer, what nobody reads any more is used again, the
 * last one first, what later runs read never is; an output that may be written over an input is,
 * where nobody reads that one later; another mesh's values come to buffers of their own. */
#include <check.h>

#include "program/builder.h"
#include "real/probe_layout.h"
#include "run_suite.h"

#define N 8

/* y = x + x, or two inputs added; `donates` the first input. */
static uint32_t add_node(gw_builder *builder, const char *name, uint32_t mesh, uint32_t input_count,
                         bool donates)
{
    gw_function *function = gw_function_new(name);
    uint16_t inputs[2] = {0};
    for (uint32_t i = 0; i < input_count; i++)
        inputs[i] = (uint16_t)gw_function_add_input(function, N, N, false);
    const uint16_t output = (uint16_t)gw_function_add_output(function, N, N, false);
    gw_operation operation = {.kind = GW_OPERATION_FILL, .outputs = {output}};
    if (input_count > 0)
        operation = (gw_operation){.kind = GW_OPERATION_MAP,
                                   .map = input_count > 1 ? GW_MAP_ADD : GW_MAP_COPY,
                                   .inputs = {inputs[0], inputs[1]},
                                   .outputs = {output}};
    gw_function_add(function, &operation);
    if (donates)
        gw_function_donate(function, inputs[0], output);
    return gw_builder_add_node(builder, name, gw_builder_take_function(builder, function), mesh);
}

static uint32_t input_buffer(const gw_probe_layout *layout, uint32_t node, uint32_t input)
{
    return layout
        ->buffers[node][gw_function_input(gw_program_function(layout->program, node), input)];
}

static uint32_t output_buffer(const gw_probe_layout *layout, uint32_t node)
{
    return layout->buffers[node][gw_function_output(gw_program_function(layout->program, node), 0)];
}

enum { INIT, FIRST, SECOND, THIRD, UPDATE, NODES };

/* Weights of a run before: first = copy(weights), second = copy(first), third = copy(second), and
 * weights + third over the weights. */
static gw_program *make_training(void)
{
    const uint32_t one = 1;
    g_autoptr(gw_builder) builder = gw_builder_new("training");
    const uint32_t mesh = gw_builder_add_mesh(builder, "one", 1, &one);
    ck_assert_uint_eq(add_node(builder, "init", mesh, 0, false), INIT);
    gw_builder_set_once(builder, INIT);
    ck_assert_uint_eq(add_node(builder, "first", mesh, 1, false), FIRST);
    ck_assert_uint_eq(add_node(builder, "second", mesh, 1, false), SECOND);
    ck_assert_uint_eq(add_node(builder, "third", mesh, 1, false), THIRD);
    ck_assert_uint_eq(add_node(builder, "update", mesh, 2, true), UPDATE);
    gw_builder_add_carried(builder, UPDATE, 0, INIT, 0, FIRST, 0);
    gw_builder_add_edge(builder, FIRST, 0, SECOND, 0);
    gw_builder_add_edge(builder, SECOND, 0, THIRD, 0);
    gw_builder_add_carried(builder, UPDATE, 0, INIT, 0, UPDATE, 0);
    gw_builder_add_edge(builder, THIRD, 0, UPDATE, 1);
    gw_program *program = gw_builder_finish(g_steal_pointer(&builder), NULL);
    ck_assert_ptr_nonnull(program);
    return program;
}

START_TEST(buffers_are_handed_on_and_used_again)
{
    g_autoptr(gw_program) program = make_training();
    g_autoptr(gw_probe_layout) layout = gw_probe_layout_new(program, 0);
    const uint32_t weights = output_buffer(layout, INIT);
    ck_assert_uint_eq(input_buffer(layout, FIRST, 0), weights);
    ck_assert_uint_eq(input_buffer(layout, UPDATE, 0), weights);
    ck_assert_uint_eq(output_buffer(layout, UPDATE), weights); /* Given up for it. */
    for (uint32_t node = SECOND; node <= THIRD; node++)
        ck_assert_uint_eq(input_buffer(layout, node, 0), output_buffer(layout, node - 1));
    ck_assert_uint_ne(output_buffer(layout, FIRST), weights);
    ck_assert_uint_ne(output_buffer(layout, SECOND), output_buffer(layout, FIRST));
    ck_assert_uint_eq(output_buffer(layout, THIRD), output_buffer(layout, FIRST));
    ck_assert_uint_eq(layout->sizes_bytes->len, 3);
    ck_assert_uint_eq(gw_probe_layout_bytes(layout), 3 * N * N * sizeof(float));
    for (uint32_t node = FIRST; node < NODES; node++)
        ck_assert(!gw_probe_layout_is_foreign(layout, node, 0));
}
END_TEST

/* One source, copied on the other mesh, whose result a later node adds to another copy. */
START_TEST(another_mesh_hands_over_into_a_buffer_of_its_own)
{
    const uint32_t one = 1;
    g_autoptr(gw_builder) builder = gw_builder_new("stages");
    const uint32_t here = gw_builder_add_mesh(builder, "here", 1, &one);
    const uint32_t there = gw_builder_add_mesh(builder, "there", 1, &one);
    const uint32_t source = add_node(builder, "source", here, 0, false);
    const uint32_t copy = add_node(builder, "copy", there, 1, false);
    const uint32_t again = add_node(builder, "again", there, 1, false);
    const uint32_t sum = add_node(builder, "sum", there, 2, true);
    gw_builder_add_edge(builder, source, 0, copy, 0);
    gw_builder_add_edge(builder, copy, 0, again, 0);
    gw_builder_add_edge(builder, copy, 0, sum, 0);
    gw_builder_add_edge(builder, again, 0, sum, 1);
    g_autoptr(gw_program) program = gw_builder_finish(g_steal_pointer(&builder), NULL);
    ck_assert_ptr_nonnull(program);
    g_autoptr(gw_probe_layout) layout = gw_probe_layout_new(program, there);
    ck_assert_ptr_null(layout->buffers[source]);
    ck_assert(gw_probe_layout_is_foreign(layout, copy, 0));
    ck_assert(!gw_probe_layout_is_foreign(layout, again, 0));
    const uint32_t sent = input_buffer(layout, copy, 0);
    for (uint32_t node = copy; node <= sum; node++)
        ck_assert_uint_ne(output_buffer(layout, node), sent);
    ck_assert_uint_ne(output_buffer(layout, again), output_buffer(layout, copy)); /* Read later. */
    ck_assert_uint_eq(output_buffer(layout, sum), output_buffer(layout, copy));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("probe_layout");
    TCase *tcase = tcase_create("probe_layout");
    tcase_add_test(tcase, buffers_are_handed_on_and_used_again);
    tcase_add_test(tcase, another_mesh_hands_over_into_a_buffer_of_its_own);
    suite_add_tcase(suite, tcase);
    return gw_run_suite(suite);
}
