/* SPDX-License-Identifier: Apache-2.0 */
/* What is held at the peak, by class. */
#include <check.h>

#include "controller/lower.h"
#include "run_suite.h"
#include "small_program.h"

static void classify(const gw_program *program, uint32_t node, uint32_t first,
                     gw_memory_class memory)
{
    gw_function *function =
        g_ptr_array_index(program->functions, gw_program_node(program, node)->function);
    for (uint32_t o = first; o < function->output_count; o++)
        g_array_index(function->values, gw_value, gw_function_output(function, o)).memory = memory;
}

/* init: 4 rows of parameters; pass: 8 rows of activations, 16 of temporaries; update: gradients of
 * 2 rows would come first, were they not the pass's. */
START_TEST(classes_are_those_of_what_is_held_at_the_peak)
{
    gw_builder *builder = gw_builder_new("classes");
    const uint32_t mesh = small_mesh(builder, 2);
    const uint32_t init = small_once(builder, "init", mesh, "> s4");
    const uint32_t pass = small_node(builder, "pass", mesh, "s4 > s8 s2 / 16");
    const uint32_t update = small_node(builder, "update", mesh, "s8 s2 s4 > s4=3");
    gw_builder_add_carried(builder, update, 0, init, 0, pass, 0);
    gw_builder_add_edge(builder, pass, 0, update, 0);
    gw_builder_add_edge(builder, pass, 1, update, 1);
    gw_builder_add_carried(builder, update, 0, init, 0, update, 2);
    g_autoptr(gw_program) program = small_finish(builder);
    classify(program, init, 0, GW_MEMORY_PARAMETERS);
    classify(program, update, 0, GW_MEMORY_PARAMETERS);
    classify(program, pass, 0, GW_MEMORY_ACTIVATIONS);
    classify(program, pass, 1, GW_MEMORY_GRADIENTS);
    g_autoptr(gw_plan) plan = gw_plan_new(program);
    gw_plan_memory peak = {0};
    uint64_t bytes = 0;
    gw_plan_peak(plan, &peak);
    gw_plan_peak_bytes(plan, &bytes);
    ck_assert_uint_eq(peak.class_bytes[GW_MEMORY_PARAMETERS], 4 * 4);
    ck_assert_uint_eq(peak.class_bytes[GW_MEMORY_ACTIVATIONS], 8 * 4);
    ck_assert_uint_eq(peak.class_bytes[GW_MEMORY_GRADIENTS], 2 * 4);
    ck_assert_uint_eq(peak.class_bytes[GW_MEMORY_TEMPORARIES], 16 * 4);
    ck_assert_uint_eq(peak.class_bytes[GW_MEMORY_OPTIMIZER], 0);
    ck_assert_uint_eq(peak.class_bytes[GW_MEMORY_OTHER], 0);
    ck_assert_uint_eq(peak.bytes, (4 + 8 + 2 + 16) * 4);
    ck_assert_uint_eq(bytes, peak.bytes);
}
END_TEST

/* What comes from another mesh is there what it was at home. */
START_TEST(what_arrives_keeps_its_class)
{
    gw_builder *builder = gw_builder_new("arrives");
    const uint32_t left = small_mesh(builder, 2), right = small_mesh(builder, 1);
    const uint32_t make = small_node(builder, "make", left, "> s4");
    const uint32_t take = small_node(builder, "take", right, "s8 >");
    gw_builder_add_edge(builder, make, 0, take, 0);
    g_autoptr(gw_program) program = small_finish(builder);
    classify(program, make, 0, GW_MEMORY_ACTIVATIONS);
    g_autoptr(gw_plan) plan = gw_plan_new(program);
    gw_plan_memory peaks[2] = {{0}};
    gw_plan_peak(plan, peaks);
    ck_assert_uint_eq(peaks[right].class_bytes[GW_MEMORY_ACTIVATIONS], 8 * 4);
    ck_assert_uint_eq(peaks[right].bytes, 8 * 4);
}
END_TEST

START_TEST(classes_have_names)
{
    for (uint32_t c = 0; c < GW_MEMORY_CLASSES; c++)
        for (uint32_t other = 0; other < c; other++)
            ck_assert_str_ne(gw_memory_class_name((gw_memory_class)c),
                             gw_memory_class_name((gw_memory_class)other));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("plan_memory");
    TCase *cases = tcase_create("memory");
    tcase_add_test(cases, classes_are_those_of_what_is_held_at_the_peak);
    tcase_add_test(cases, what_arrives_keeps_its_class);
    tcase_add_test(cases, classes_have_names);
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
