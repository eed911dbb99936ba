/* SPDX-License-Identifier: Apache-2.0 */
/* Outputs that are written over inputs: what may be, and every way to be wrong. */
#include <check.h>

#include "base/error.h"
#include "program/function.h"
#include "run_suite.h"

/* (p, g) -> (p'), by SGD; values 0, 1 and 2. */
static gw_function *make_step(uint32_t output_rows)
{
    gw_function *function = gw_function_new("step");
    gw_function_add_input(function, 4, 2, false);
    gw_function_add_input(function, 4, 2, false);
    gw_function_add_output(function, output_rows, 2, false);
    gw_function_add(
        function,
        &(gw_operation){.kind = GW_OPERATION_SGD, .inputs = {0, 1}, .outputs = {2}, .scalar = 1});
    return function;
}

static void check_refused(gw_function *take_function, const char *message)
{
    g_autoptr(gw_function) function = take_function;
    g_autoptr(GError) error = NULL;
    ck_assert(!gw_function_check_donors(function, &error));
    ck_assert(g_error_matches(error, GW_ERROR, GW_ERROR_SCENARIO));
    ck_assert_msg(g_str_has_suffix(error->message, message), "%s", error->message);
}

START_TEST(an_optimiser_writes_over_what_it_keeps)
{
    g_autoptr(gw_function) function = gw_function_new("adam");
    const uint32_t shape[] = {1};
    gw_operation adam = {.kind = GW_OPERATION_ADAM, .scalar = 1};
    for (uint32_t i = 0; i < 4; i++)
        adam.inputs[i] = (uint16_t)gw_function_add_input(function, 3, 3, false);
    adam.inputs[4] = (uint16_t)gw_function_add_input(function, 1, 1, false);
    for (uint32_t i = 0; i < 3; i++)
        adam.outputs[i] = (uint16_t)gw_function_add_output(function, 3, 3, false);
    gw_function_add(function, &adam);
    gw_function_donate(function, adam.inputs[0], adam.outputs[0]);
    gw_function_donate(function, adam.inputs[2], adam.outputs[1]);
    gw_function_donate(function, adam.inputs[3], adam.outputs[2]);
    ck_assert(gw_function_check(function, 1, shape, NULL));
    ck_assert_uint_eq(gw_function_value(function, adam.outputs[1])->donor, 1 + 2);
    g_autoptr(gw_function) copy = gw_function_copy(function);
    ck_assert_uint_eq(gw_function_value(copy, adam.outputs[1])->donor, 1 + 2);
}
END_TEST

START_TEST(only_some_operations_write_over_what_they_read)
{
    const gw_operation sgd = {.kind = GW_OPERATION_SGD}, adam = {.kind = GW_OPERATION_ADAM};
    const gw_operation add = {.kind = GW_OPERATION_MAP, .map = GW_MAP_ADD};
    const gw_operation add_scalar = {.kind = GW_OPERATION_MAP, .map = GW_MAP_ADD_SCALAR};
    const gw_operation add_row = {.kind = GW_OPERATION_MAP, .map = GW_MAP_ADD_ROW};
    const gw_operation product = {.kind = GW_OPERATION_MATMUL};
    const gw_operation sum = {.kind = GW_OPERATION_ALL_REDUCE};
    const gw_operation gather = {.kind = GW_OPERATION_ALL_GATHER};
    ck_assert(gw_operation_writes_over(&sgd, 0, 0));
    ck_assert(!gw_operation_writes_over(&sgd, 1, 0)); /* It could; nobody asks for it. */
    ck_assert(gw_operation_writes_over(&adam, 0, 0));
    ck_assert(!gw_operation_writes_over(&adam, 1, 0));
    ck_assert(gw_operation_writes_over(&adam, 2, 1));
    ck_assert(!gw_operation_writes_over(&adam, 3, 1));
    ck_assert(gw_operation_writes_over(&adam, 3, 2));
    for (uint32_t output = 0; output < 3; output++)
        ck_assert(!gw_operation_writes_over(&adam, 4, output));
    ck_assert(gw_operation_writes_over(&add, 0, 0));
    ck_assert(gw_operation_writes_over(&add, 1, 0));
    ck_assert(gw_operation_writes_over(&add_scalar, 0, 0));
    ck_assert(gw_operation_writes_over(&sum, 0, 0));
    ck_assert(!gw_operation_writes_over(&gather, 0, 0));
    ck_assert(!gw_operation_writes_over(&add_row, 0, 0));
    ck_assert(!gw_operation_writes_over(&product, 0, 0));
}
END_TEST

START_TEST(shapes_are_the_same)
{
    gw_function *function = make_step(8);
    gw_function_donate(function, 0, 2);
    check_refused(function, "function \"step\": output 0 takes over input 0: found another shape, "
                            "expected the same");
    function = make_step(4);
    g_array_index(function->values, gw_value, 2).element_bytes = 2;
    gw_function_donate(function, 0, 2);
    check_refused(function, "found another shape, expected the same");
}
END_TEST

START_TEST(a_buffer_is_given_once)
{
    gw_function *function = make_step(4);
    gw_function_add_output(function, 4, 2, false);
    gw_function_donate(function, 0, 2);
    gw_function_donate(function, 0, 3);
    check_refused(function, "output 1 takes over input 0: found that another does, expected one at "
                            "most");
}
END_TEST

START_TEST(nobody_reads_it_afterwards)
{
    gw_function *function = make_step(4);
    const uint32_t copy = gw_function_add_output(function, 4, 2, false);
    gw_function_add(function, &(gw_operation){.kind = GW_OPERATION_MAP,
                                              .map = GW_MAP_COPY,
                                              .inputs = {0},
                                              .outputs = {(uint16_t)copy}});
    gw_function_donate(function, 0, 2);
    check_refused(function, "found that it is read again, expected that it is not");
}
END_TEST

START_TEST(its_writer_goes_element_by_element)
{
    gw_function *function = make_step(4);
    gw_function_donate(function, 1, 2);
    check_refused(function, "expected an operation that may write over what it reads");
    function = gw_function_new("copy");
    gw_function_add_input(function, 4, 2, false);
    gw_function_add_output(function, 4, 2, false);
    gw_function_add(function, &(gw_operation){.kind = GW_OPERATION_MAP,
                                              .map = GW_MAP_ADD,
                                              .inputs = {0, 0},
                                              .outputs = {1}});
    gw_function_donate(function, 0, 1);
    check_refused(function, "expected an operation that may write over what it reads");
}
END_TEST

/* What models time has no data to lose. */
START_TEST(time_may_be_written_over_anything)
{
    g_autoptr(gw_function) function = gw_function_new("time");
    const uint32_t shape[] = {2};
    gw_function_add_input(function, 4, 2, true);
    gw_function_add_output(function, 4, 2, true);
    gw_function_add(function, &(gw_operation){.kind = GW_OPERATION_DURATION, .duration_ns = 5});
    gw_function_donate(function, 0, 1);
    ck_assert(gw_function_check(function, 1, shape, NULL));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("function_donors");
    TCase *cases = tcase_create("donors");
    tcase_add_test(cases, an_optimiser_writes_over_what_it_keeps);
    tcase_add_test(cases, only_some_operations_write_over_what_they_read);
    tcase_add_test(cases, shapes_are_the_same);
    tcase_add_test(cases, a_buffer_is_given_once);
    tcase_add_test(cases, nobody_reads_it_afterwards);
    tcase_add_test(cases, its_writer_goes_element_by_element);
    tcase_add_test(cases, time_may_be_written_over_anything);
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
