/* SPDX-License-Identifier: Apache-2.0 */
/* Fusing where buffers nearly coincide: what is one input or one output, what is two, what the
 * fused function inherits, and that the program fused is left alone. */

#include "run_suite.h"
#include "test_program.h"

enum { SOURCE, LINK };

/* One mesh "m"; SOURCE: () -> (1x1); LINK: (1x1) -> (1x1). */
static gw_builder *begin(void)
{
    gw_builder *builder = gw_builder_new("p");
    gw_builder_add_mesh(builder, "m", 1, (const uint32_t[]){4});
    gw_function *source = gw_function_new("source");
    gw_function_add_output(source, 1, 1, false);
    gw_function_add(source, &(gw_operation){.kind = GW_OPERATION_FILL, .scalar = 2.5});
    gw_builder_take_function(builder, source);
    gw_function *link = gw_function_new("link");
    gw_function_add_input(link, 1, 1, false);
    gw_function_add_output(link, 1, 1, false);
    gw_function_add(link,
                    &(gw_operation){.kind = GW_OPERATION_MAP, .map = GW_MAP_TANH, .outputs = {1}});
    gw_builder_take_function(builder, link);
    return builder;
}

static uint32_t add_setup(gw_builder *builder, const char *name)
{
    const uint32_t node = gw_builder_add_node(builder, name, SOURCE, 0);
    gw_builder_set_once(builder, node);
    return node;
}

static const gw_result *get_result(const gw_program *program, uint32_t index)
{
    return &g_array_index(program->results, gw_result, index);
}

/* --- Tests --- */

/* x and y read what z made in the run before, but begin with different buffers. */
START_TEST(carried_with_two_beginnings_is_two_inputs)
{
    gw_builder *builder = begin();
    const uint32_t s = add_setup(builder, "s"), t = add_setup(builder, "t");
    const uint32_t x = gw_builder_add_node(builder, "x", LINK, 0);
    const uint32_t y = gw_builder_add_node(builder, "y", LINK, 0);
    const uint32_t z = gw_builder_add_node(builder, "z", LINK, 0);
    gw_builder_add_carried(builder, z, 0, s, 0, x, 0);
    gw_builder_add_carried(builder, z, 0, t, 0, y, 0);
    gw_builder_add_carried(builder, z, 0, s, 0, z, 0);
    g_autoptr(gw_program) program = finish(builder);
    g_autoptr(gw_program) fused = fuse(program);
    const gw_function *function = gw_program_function(fused, 2);
    ck_assert_uint_eq(function->input_count, 2); /* z begins as x does. */
    ck_assert_uint_eq(function->output_count, 1);
    ck_assert_uint_eq(fused->edges->len, 2);
    for (uint32_t i = 0; i < 2; i++) {
        const gw_edge *edge = gw_program_edge(fused, i);
        ck_assert(edge->is_carried);
        ck_assert_uint_eq(edge->source_node, 2);
        ck_assert_uint_eq(edge->source_output, 0);
        ck_assert_uint_eq(edge->initial_node, i);
    }
    ck_assert_uint_eq(gw_function_operation(function, 2)->inputs[0],
                      gw_function_operation(function, 0)->inputs[0]);
    ck_assert_uint_ne(gw_function_operation(function, 1)->inputs[0],
                      gw_function_operation(function, 0)->inputs[0]);
}
END_TEST

/* The buffer of set-up node s is kept by x, and is where y's carried one begins. */
START_TEST(kept_and_carried_stay_apart)
{
    gw_builder *builder = begin();
    const uint32_t s = add_setup(builder, "s");
    const uint32_t x = gw_builder_add_node(builder, "x", LINK, 0);
    const uint32_t y = gw_builder_add_node(builder, "y", LINK, 0);
    gw_builder_add_edge(builder, s, 0, x, 0);
    gw_builder_add_carried(builder, x, 0, s, 0, y, 0);
    g_autoptr(gw_program) program = finish(builder);
    g_autoptr(gw_program) fused = fuse(program);
    ck_assert_uint_eq(fused->edges->len, 2);
    ck_assert(!gw_program_edge(fused, 0)->is_carried);
    ck_assert_uint_eq(gw_program_edge(fused, 0)->source_node, 0);
    ck_assert(gw_program_edge(fused, 1)->is_carried);
    ck_assert_uint_eq(gw_program_edge(fused, 1)->source_node, 1);
}
END_TEST

/* x's output is carried, read back twice, and used by y: one output serves all. */
START_TEST(what_is_carried_and_read_back_is_one_output)
{
    gw_builder *builder = begin();
    const uint32_t s = add_setup(builder, "s");
    const uint32_t x = gw_builder_add_node(builder, "x", LINK, 0);
    const uint32_t y = gw_builder_add_node(builder, "y", LINK, 0);
    gw_builder_add_carried(builder, x, 0, s, 0, x, 0);
    gw_builder_add_edge(builder, x, 0, y, 0);
    gw_builder_add_result(builder, "late", y, 0);
    gw_builder_add_result(builder, "early", x, 0);
    gw_builder_add_result(builder, "again", x, 0);
    const gw_routing routing = {.experts = 3, .choices = 2, .capacity = 5, .tokens = 7};
    gw_builder_set_routing(builder, &routing);
    g_autoptr(gw_program) program = finish(builder);
    g_autoptr(gw_program) fused = fuse(program);
    const gw_function *function = gw_program_function(fused, 1);
    ck_assert_uint_eq(function->output_count, 2);
    ck_assert_uint_eq(gw_function_place_temporaries(function, 1, NULL), 0);
    ck_assert_uint_eq(fused->results->len, 3);
    ck_assert_str_eq(get_result(fused, 0)->name, "late");
    ck_assert_str_eq(get_result(fused, 2)->name, "again");
    ck_assert_uint_eq(get_result(fused, 2)->routing.tokens, 7);
    ck_assert_uint_eq(get_result(fused, 1)->routing.experts, 0);
    ck_assert_uint_eq(get_result(fused, 1)->output, get_result(fused, 2)->output);
    ck_assert_uint_ne(get_result(fused, 0)->output, get_result(fused, 1)->output);
    const uint32_t early = gw_function_output(function, get_result(fused, 1)->output);
    ck_assert_uint_eq(gw_function_operation(function, 0)->outputs[0], early);
    ck_assert_uint_eq(gw_function_operation(function, 1)->inputs[0], early);
}
END_TEST

/* One function both as set-up and in every run: only the latter is fused. */
START_TEST(setup_keeps_its_own_function)
{
    gw_builder *builder = begin();
    add_setup(builder, "s");
    add_setup(builder, "t");
    const uint32_t x = gw_builder_add_node(builder, "x", SOURCE, 0);
    gw_builder_add_result(builder, "r", x, 0);
    g_autoptr(gw_program) program = finish(builder);
    g_autoptr(gw_program) fused = fuse(program);
    ck_assert_uint_eq(fused->functions->len, 2);
    ck_assert_ptr_eq(gw_program_function(fused, 0), gw_program_function(fused, 1));
    ck_assert_ptr_ne(gw_program_function(fused, 0), gw_program_function(program, 0));
    ck_assert_str_eq(gw_program_function(fused, 0)->name, "source");
    const gw_function *function = gw_program_function(fused, 2);
    ck_assert_str_eq(function->name, "fused");
    ck_assert_double_eq(gw_function_operation(function, 0)->scalar, 2.5);
}
END_TEST

/* Irregular, elements of 2 bytes that a DURATION leaves as they are. */
START_TEST(irregular_and_element_sizes_are_inherited)
{
    gw_builder *builder = begin();
    gw_function *halves = gw_function_new("halves");
    gw_function_add_temporary(halves, 3, 5);
    g_array_index(halves->values, gw_value, 0).element_bytes = 2;
    gw_function_add(halves, &(gw_operation){.kind = GW_OPERATION_DURATION, .duration_ns = 40});
    halves->is_irregular = true;
    halves->computations = 3;
    const uint32_t function = gw_builder_take_function(builder, halves);
    gw_builder_add_node(builder, "a", function, 0);
    gw_builder_add_node(builder, "b", SOURCE, 0);
    gw_builder_add_node(builder, "c", function, 0);
    g_autoptr(gw_program) program = finish(builder);
    g_autoptr(gw_program) fused = fuse(program);
    const gw_function *whole = gw_program_function(fused, 0);
    ck_assert(whole->is_irregular);
    ck_assert_uint_eq(whole->computations, 7);
    ck_assert_uint_eq(gw_function_place_temporaries(whole, 1, NULL), 2 * 3 * 5 * 2 + 4);
    ck_assert_uint_eq(gw_function_operation(whole, 2)->duration_ns, 40);
}
END_TEST

START_TEST(a_text_is_inherited)
{
    gw_builder *builder = begin();
    gw_function *reader = gw_function_new("reader");
    g_autoptr(GBytes) text = g_bytes_new_static("text", 4);
    gw_function_set_text(reader, text);
    gw_builder_add_node(builder, "a", gw_builder_take_function(builder, reader), 0);
    gw_builder_add_node(builder, "b", SOURCE, 0);
    g_autoptr(gw_program) program = finish(builder);
    g_autoptr(gw_program) fused = fuse(program);
    ck_assert_ptr_eq(gw_program_function(fused, 0)->text, text);
}
END_TEST

START_TEST(regular_stays_regular_and_nothing_is_added)
{
    gw_builder *builder = begin();
    gw_builder_add_node(builder, "alone", SOURCE, 0);
    g_autoptr(gw_program) program = finish(builder);
    g_autoptr(gw_program) fused = fuse(program);
    ck_assert_uint_eq(fused->nodes->len, 1);
    ck_assert_uint_eq(fused->edges->len, 0);
    ck_assert_uint_eq(fused->results->len, 0);
    ck_assert_double_eq(fused->tokens_per_run, 0);
    const gw_node *node = gw_program_node(fused, 0);
    ck_assert_uint_eq(node->stage, GW_INDEX_NONE);
    ck_assert_uint_eq(node->microbatch, GW_INDEX_NONE);
    ck_assert(!gw_program_function(fused, 0)->is_irregular);
    ck_assert_uint_eq(gw_program_function(fused, 0)->output_count, 0); /* Nobody's. */
}
END_TEST

/* The fused program lives on without the first, which is as it was. */
START_TEST(the_two_programs_share_nothing)
{
    gw_builder *builder = begin();
    const uint32_t s = add_setup(builder, "s");
    const uint32_t x = gw_builder_add_node(builder, "x", LINK, 0);
    gw_builder_add_edge(builder, s, 0, x, 0);
    gw_builder_add_result(builder, "r", x, 0);
    gw_program *program = finish(builder);
    g_autoptr(gw_program) fused = fuse(program);
    ck_assert_uint_eq(program->nodes->len, 2);
    ck_assert_str_eq(gw_program_node(program, 1)->name, "x");
    ck_assert_str_eq(gw_program_function(program, 1)->name, "link");
    ck_assert_uint_eq(gw_program_function(program, 1)->computations, 1);
    gw_program_free(program);
    ck_assert_str_eq(gw_program_node(fused, 0)->name, "s");
    ck_assert_str_eq(gw_program_mesh(fused, 0)->name, "m");
    ck_assert_str_eq(get_result(fused, 0)->name, "r");
    ck_assert_uint_eq(gw_program_function(fused, 1)->operations->len, 1);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("fuse");
    tcase_add_test(cases, carried_with_two_beginnings_is_two_inputs);
    tcase_add_test(cases, kept_and_carried_stay_apart);
    tcase_add_test(cases, what_is_carried_and_read_back_is_one_output);
    tcase_add_test(cases, setup_keeps_its_own_function);
    tcase_add_test(cases, irregular_and_element_sizes_are_inherited);
    tcase_add_test(cases, a_text_is_inherited);
    tcase_add_test(cases, regular_stays_regular_and_nothing_is_added);
    tcase_add_test(cases, the_two_programs_share_nothing);
    Suite *suite = suite_create("program fuse");
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
