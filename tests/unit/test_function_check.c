/* SPDX-License-Identifier: Apache-2.0 */
/* The edges of gw_function_check: bounds, products beyond 32 bits, which mistake is told first,
 * and what a model of time may not do either. */
#include <check.h>
#include <signal.h>
#include <string.h>

#include "base/error.h"
#include "program/function.h"
#include "run_suite.h"

static const uint32_t mesh[] = {2, 3, 5};

static void expect_good(const gw_function *function, uint32_t dims)
{
    g_autoptr(GError) error = NULL;
    const bool is_good = gw_function_check(function, dims, mesh, &error);
    ck_assert_msg(is_good, "%s", error != NULL ? error->message : "no message");
    ck_assert_ptr_null(error);
}

static void expect_bad(const gw_function *function, uint32_t dims, const char *message)
{
    g_autoptr(GError) error = NULL;
    ck_assert(!gw_function_check(function, dims, mesh, &error));
    ck_assert(g_error_matches(error, GW_ERROR, GW_ERROR_SCENARIO));
    ck_assert_msg(strstr(error->message, message) != NULL, "\"%s\" has no \"%s\"", error->message,
                  message);
    ck_assert(!gw_function_check(function, dims, mesh, NULL));
}

/* Value 0 is an input, value 1 an output. */
static gw_function *make_pair(uint32_t in_rows, uint32_t out_rows, uint32_t columns)
{
    gw_function *function = gw_function_new("pair");
    gw_function_add_input(function, in_rows, columns, false);
    gw_function_add_output(function, out_rows, columns, false);
    return function;
}

static void add(gw_function *function, gw_operation_kind kind, uint16_t x, uint16_t y, uint8_t axes)
{
    gw_function_add(function, &(gw_operation){.kind = kind,
                                              .map = GW_MAP_COPY,
                                              .inputs = {x, UINT16_MAX, UINT16_MAX, UINT16_MAX},
                                              .outputs = {y, UINT16_MAX, UINT16_MAX},
                                              .axes = axes});
}

START_TEST(only_collectives_are_overlapped)
{
    g_autoptr(gw_function) copy = make_pair(4, 4, 4);
    add(copy, GW_OPERATION_MAP, 0, 1, 0);
    expect_good(copy, 1);
    g_array_index(copy->operations, gw_operation, 0).is_overlapped = true;
    expect_bad(copy, 1, "operation 0 (map): overlapped, expected that of collectives only");
    g_autoptr(gw_function) sum = make_pair(4, 4, 4);
    add(sum, GW_OPERATION_ALL_REDUCE, 0, 1, 1);
    g_array_index(sum->operations, gw_operation, 0).is_overlapped = true;
    expect_good(sum, 1);
}
END_TEST

/* --- Bounds --- */

START_TEST(a_value_may_have_a_whole_tebibyte)
{
    g_autoptr(gw_function) function = make_pair(1U << 18, 1U << 18, 1U << 20);
    add(function, GW_OPERATION_MAP, 0, 1, 0);
    expect_good(function, 1);
    g_array_index(function->values, gw_value, 1).rows++;
    expect_bad(function, 1, "function \"pair\": output 0: found 262145 x 1048576 elements of 4");
    g_array_index(function->values, gw_value, 1).rows = UINT32_MAX;
    g_array_index(function->values, gw_value, 1).columns = UINT32_MAX;
    expect_bad(function, 1, "output 0: found 4294967295 x 4294967295");
}
END_TEST

START_TEST(elements_have_up_to_eight_bytes)
{
    g_autoptr(gw_function) function = make_pair(1, 1, 1);
    add(function, GW_OPERATION_WORK, 0, 0, 0);
    gw_value *value = &g_array_index(function->values, gw_value, 0);
    value->element_bytes = 8;
    expect_good(function, 1);
    value->element_bytes = 9;
    expect_bad(function, 1, "input 0: found 1 x 1 elements of 9 bytes");
}
END_TEST

START_TEST(work_is_as_much_as_its_product)
{
    g_autoptr(gw_function) function = make_pair(1, 1, 1);
    add(function, GW_OPERATION_WORK, 0, 0, 0);
    gw_operation *work = &g_array_index(function->operations, gw_operation, 0);
    work->rows = 3;
    work->columns = 5;
    work->depth = 7;
    expect_bad(function, 1, "found 0 FLOPs, expected 210, those of its product");
    work->flops = 210;
    expect_good(function, 1);
}
END_TEST

START_TEST(gathered_rows_do_not_wrap)
{
    /* 6 * 715827883 is 2 more than 2^32. */
    g_autoptr(gw_function) function = make_pair(715827883, 2, 1);
    add(function, GW_OPERATION_ALL_GATHER, 0, 1, 3);
    expect_bad(function, 2, "output 0: found 2 x 1, expected 4294967298 x 1");
}
END_TEST

START_TEST(axes_go_as_far_as_the_mesh)
{
    g_autoptr(gw_function) function = make_pair(30, 1, 4);
    add(function, GW_OPERATION_REDUCE_SCATTER, 0, 1, 7);
    expect_good(function, 3); /* 2 x 3 x 5. */
    expect_bad(function, 2,
               "operation 0 (reduce_scatter): found axes 0x7, expected some of the "
               "mesh's 2 dimensions");
    g_array_index(function->operations, gw_operation, 0).axes = 5; /* 2 x 5: 3 rows stay. */
    expect_bad(function, 3, "output 0: found 1 x 4, expected 3 x 4");
    g_array_index(function->operations, gw_operation, 0).axes = 0x80;
    expect_bad(function, 3, "found axes 0x80");
}
END_TEST

START_TEST(root_is_a_place_in_the_group)
{
    g_autoptr(gw_function) function = make_pair(1, 1, 1);
    add(function, GW_OPERATION_BROADCAST, 0, 1, 6);
    gw_operation *broadcast = &g_array_index(function->operations, gw_operation, 0);
    broadcast->root = 14;
    expect_good(function, 3);
    broadcast->root = 15;
    expect_bad(function, 3, "(broadcast): found root 15, expected one of the group's 15");
}
END_TEST

START_TEST(kinds_begin_at_one)
{
    g_autoptr(gw_function) function = make_pair(1, 1, 1);
    gw_function_add(function, &(gw_operation){0});
    expect_bad(function, 1, "function \"pair\": operation 0: found kind 0, expected 1 to 39");
    g_array_index(function->operations, gw_operation, 0).kind = GW_OPERATION_KIND_COUNT;
    expect_bad(function, 1, "found kind 40, expected 1 to 39");
}
END_TEST

/* --- Order --- */

START_TEST(operands_not_taken_are_not_looked_at)
{
    g_autoptr(gw_function) function = make_pair(2, 2, 2);
    add(function, GW_OPERATION_MAP, 0, 1, 0);
    expect_good(function, 1);
    g_array_index(function->operations, gw_operation, 0).map = GW_MAP_ADD;
    expect_bad(function, 1, "operation 0 (map): found value 65535, expected one of 2 values");
}
END_TEST

START_TEST(temporaries_may_be_written_again)
{
    g_autoptr(gw_function) function = make_pair(2, 2, 2);
    const uint16_t scratch = (uint16_t)gw_function_add_temporary(function, 2, 2);
    add(function, GW_OPERATION_MAP, 0, scratch, 0);
    add(function, GW_OPERATION_SOFTMAX, 0, scratch, 0);
    add(function, GW_OPERATION_MAP, scratch, 1, 0);
    expect_good(function, 1);
}
END_TEST

/* A sum over devices may take the place of what is summed, also of an output. */
START_TEST(sums_over_devices_may_be_in_place)
{
    g_autoptr(gw_function) function = make_pair(2, 2, 2);
    add(function, GW_OPERATION_MAP, 0, 1, 0);
    add(function, GW_OPERATION_ALL_REDUCE, 1, 1, 1);
    expect_good(function, 1);
    g_array_index(function->operations, gw_operation, 1).kind = GW_OPERATION_ALL_GATHER;
    expect_bad(function, 1, "operation 1 (all_gather): output 0 is written a second time");
    g_array_index(function->operations, gw_operation, 1).kind = GW_OPERATION_ALL_REDUCE;
    add(function, GW_OPERATION_ALL_REDUCE, 0, 1, 1);
    expect_bad(function, 1, "operation 2 (all_reduce): output 0 is written a second time");
}
END_TEST

START_TEST(inputs_are_not_summed_in_place)
{
    g_autoptr(gw_function) function = make_pair(2, 2, 2);
    add(function, GW_OPERATION_ALL_REDUCE, 0, 0, 1);
    expect_bad(function, 1,
               "operation 0 (all_reduce): input 0 is written, expected an output or a temporary");
}
END_TEST

START_TEST(outputs_are_no_input_before_they_are_written)
{
    g_autoptr(gw_function) function = make_pair(2, 2, 2);
    const uint16_t scratch = (uint16_t)gw_function_add_temporary(function, 2, 2);
    add(function, GW_OPERATION_MAP, 1, scratch, 0);
    add(function, GW_OPERATION_MAP, 0, 1, 0);
    expect_bad(function, 1, "operation 0 (map): output 0 is read before it is written");
}
END_TEST

START_TEST(the_first_mistake_is_told)
{
    g_autoptr(gw_function) function = make_pair(2, 3, 2);
    const uint16_t scratch = (uint16_t)gw_function_add_temporary(function, 2, 2);
    add(function, GW_OPERATION_SOFTMAX, 0, scratch, 0);
    add(function, GW_OPERATION_SOFTMAX, scratch, 1, 0);
    add(function, GW_OPERATION_ALL_REDUCE, 0, scratch, 0);
    expect_bad(function, 1, "operation 1 (softmax): output 0: found 3 x 2, expected 2 x 2");
    g_array_index(function->values, gw_value, scratch).columns = 0; /* Values come first. */
    expect_bad(function, 1, "function \"pair\": temporary 0: found 2 x 0");
}
END_TEST

/* --- Models of time --- */

START_TEST(time_models_keep_all_other_rules)
{
    g_autoptr(gw_function) input = make_pair(1, 1, 1);
    add(input, GW_OPERATION_DURATION, 0, 0, 0);
    expect_good(input, 1); /* The output holds anything. */
    add(input, GW_OPERATION_FILL, 0, 0, 0);
    expect_bad(input, 1, "operation 1 (fill): input 0 is written, expected an output or a");
    g_autoptr(gw_function) twice = make_pair(1, 1, 1);
    add(twice, GW_OPERATION_DURATION, 0, 0, 0);
    add(twice, GW_OPERATION_FILL, 0, 1, 0);
    expect_good(twice, 1);
    add(twice, GW_OPERATION_RANDOM, 0, 1, 0);
    expect_bad(twice, 1, "operation 2 (random): output 0 is written a second time");
    g_autoptr(gw_function) shapes = make_pair(1, 2, 1);
    add(shapes, GW_OPERATION_DURATION, 0, 0, 0);
    add(shapes, GW_OPERATION_PERMUTE, 0, 1, 1);
    expect_bad(shapes, 1, "operation 1 (permute): output 0: found 2 x 1, expected 1 x 1");
}
END_TEST

START_TEST(mesh_of_no_dimension_aborts)
{
    g_autoptr(gw_function) function = make_pair(1, 1, 1);
    gw_function_check(function, 0, mesh, NULL);
}
END_TEST

START_TEST(mesh_of_four_dimensions_aborts)
{
    g_autoptr(gw_function) function = make_pair(1, 1, 1);
    gw_function_check(function, 4, mesh, NULL);
}
END_TEST

START_TEST(what_is_joined_follows_its_like)
{
    g_autoptr(gw_function) function = gw_function_new("joined");
    for (uint16_t i = 0; i < 2; i++) {
        const uint16_t x = (uint16_t)gw_function_add_input(function, 6, 1, false);
        const uint16_t y = (uint16_t)gw_function_add_output(function, 6, 1, false);
        add(function, GW_OPERATION_ALL_REDUCE, x, y, 1);
    }
    gw_operation *first = &g_array_index(function->operations, gw_operation, 0);
    gw_operation *second = &g_array_index(function->operations, gw_operation, 1);
    second->is_joined = true;
    expect_good(function, 3);
    second->axes = 2;
    expect_bad(function, 3, "operation 1 (all_reduce): joined, expected a collective of the same");
    second->axes = 1;
    second->is_overlapped = true;
    expect_bad(function, 3, "operation 1 (all_reduce): joined");
    first->is_overlapped = true;
    expect_good(function, 3);
    first->kind = GW_OPERATION_BROADCAST;
    expect_bad(function, 3, "operation 1 (all_reduce): joined");
    first->kind = GW_OPERATION_ALL_REDUCE;
    first->is_joined = true;
    expect_bad(function, 3, "operation 0 (all_reduce): joined");
    first->is_joined = first->is_overlapped = second->is_overlapped = false;
    first->kind = second->kind = GW_OPERATION_MAP;
    expect_bad(function, 3, "operation 1 (map): joined");
}
END_TEST

START_TEST(slices_divide_the_whole)
{
    for (uint32_t rows = 1; rows <= 3; rows++) {
        g_autoptr(gw_function) function = make_pair(6, rows, 7);
        add(function, GW_OPERATION_SLICE, 0, 1, 2); /* A group of 3. */
        if (rows == 2)
            expect_good(function, 3);
        else
            expect_bad(function, 3, "operation 0 (slice): output 0: found");
    }
    g_autoptr(gw_function) odd = make_pair(6, 1, 7);
    add(odd, GW_OPERATION_SLICE, 0, 1, 4);
    expect_bad(odd, 3, "found 6 rows, expected a multiple of the group's 5");
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("function check");
    tcase_add_test(cases, what_is_joined_follows_its_like);
    tcase_add_test(cases, slices_divide_the_whole);
    tcase_add_test(cases, only_collectives_are_overlapped);
    tcase_add_test(cases, a_value_may_have_a_whole_tebibyte);
    tcase_add_test(cases, elements_have_up_to_eight_bytes);
    tcase_add_test(cases, work_is_as_much_as_its_product);
    tcase_add_test(cases, gathered_rows_do_not_wrap);
    tcase_add_test(cases, axes_go_as_far_as_the_mesh);
    tcase_add_test(cases, root_is_a_place_in_the_group);
    tcase_add_test(cases, kinds_begin_at_one);
    tcase_add_test(cases, operands_not_taken_are_not_looked_at);
    tcase_add_test(cases, temporaries_may_be_written_again);
    tcase_add_test(cases, outputs_are_no_input_before_they_are_written);
    tcase_add_test(cases, sums_over_devices_may_be_in_place);
    tcase_add_test(cases, inputs_are_not_summed_in_place);
    tcase_add_test(cases, the_first_mistake_is_told);
    tcase_add_test(cases, time_models_keep_all_other_rules);
    tcase_add_test_raise_signal(cases, mesh_of_no_dimension_aborts, SIGABRT);
    tcase_add_test_raise_signal(cases, mesh_of_four_dimensions_aborts, SIGABRT);
    Suite *suite = suite_create("function check");
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
