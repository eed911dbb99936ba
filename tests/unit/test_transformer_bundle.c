/* SPDX-License-Identifier: Apache-2.0 */
/* Collectives that travel together: what is joined, in which order, and when it is written. */
#include <check.h>
#include <signal.h>

#include "run_suite.h"
#include "workload/transformer_bundle.h"

/* Of so many floats; returns the input. */
static uint32_t add(gw_bundle *bundle, gw_operation_kind kind, uint8_t axes, uint32_t rows)
{
    const uint32_t x = gw_function_add_temporary(bundle->function, rows, 1);
    gw_bundle_add(bundle, kind, axes, x, gw_function_add_temporary(bundle->function, rows, 1));
    return x;
}

static void expect(const gw_function *function, uint32_t index, uint32_t x, bool is_joined)
{
    const gw_operation *operation = gw_function_operation(function, index);
    ck_assert_uint_eq(operation->inputs[0], x);
    ck_assert_uint_eq(operation->outputs[0], x + 1);
    ck_assert_int_eq(operation->is_joined, is_joined);
}

START_TEST(likes_are_joined_in_order)
{
    g_autoptr(gw_function) function = gw_function_new("test");
    gw_bundle bundle = gw_bundle_of(function, UINT64_MAX, true);
    const uint32_t a = add(&bundle, GW_OPERATION_ALL_REDUCE, 1, 3);
    const uint32_t b = add(&bundle, GW_OPERATION_REDUCE_SCATTER, 1, 4);
    const uint32_t c = add(&bundle, GW_OPERATION_ALL_REDUCE, 3, 5);
    const uint32_t d = add(&bundle, GW_OPERATION_ALL_REDUCE, 1, 6);
    const uint32_t e = add(&bundle, GW_OPERATION_REDUCE_SCATTER, 1, 7);
    ck_assert_uint_eq(function->operations->len, 0);
    gw_bundle_flush(&bundle);
    ck_assert_uint_eq(function->operations->len, 5);
    expect(function, 0, a, false);
    expect(function, 1, d, true);
    expect(function, 2, b, false);
    expect(function, 3, e, true);
    expect(function, 4, c, false);
    for (uint32_t i = 0; i < 5; i++)
        ck_assert(gw_function_operation(function, i)->is_overlapped);
    ck_assert_uint_eq(gw_function_collective_bytes(function, 0), 4 * (3 + 6));
    ck_assert_uint_eq(gw_function_collective_bytes(function, 1), 0);
    ck_assert_uint_eq(gw_function_collective_bytes(function, 2), 4 * (4 + 7));
    ck_assert_uint_eq(gw_function_collective_bytes(function, 4), 4 * 5);
    gw_bundle_flush(&bundle); /* Nothing waits. */
    ck_assert_uint_eq(function->operations->len, 5);
    gw_bundle_clear(&bundle);
}
END_TEST

START_TEST(a_full_bundle_is_written)
{
    g_autoptr(gw_function) function = gw_function_new("test");
    gw_bundle bundle = gw_bundle_of(function, 40, false);
    add(&bundle, GW_OPERATION_ALL_REDUCE, 1, 9);
    ck_assert_uint_eq(function->operations->len, 0);
    add(&bundle, GW_OPERATION_ALL_REDUCE, 1, 1);
    ck_assert_uint_eq(function->operations->len, 2);
    add(&bundle, GW_OPERATION_ALL_REDUCE, 1, 100); /* More than that alone. */
    ck_assert_uint_eq(function->operations->len, 3);
    ck_assert(gw_function_operation(function, 1)->is_joined);
    ck_assert(!gw_function_operation(function, 2)->is_joined);
    ck_assert(!gw_function_operation(function, 2)->is_overlapped);
    gw_bundle_clear(&bundle);
}
END_TEST

START_TEST(what_waits_is_not_forgotten)
{
    gw_function *function = gw_function_new("test");
    gw_bundle bundle = gw_bundle_of(function, UINT64_MAX, false);
    add(&bundle, GW_OPERATION_ALL_REDUCE, 1, 1);
    gw_bundle_clear(&bundle);
}
END_TEST

START_TEST(only_collectives_travel)
{
    gw_function *function = gw_function_new("test");
    gw_bundle bundle = gw_bundle_of(function, UINT64_MAX, false);
    add(&bundle, GW_OPERATION_SOFTMAX, 1, 1);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("bundle");
    tcase_add_test(cases, likes_are_joined_in_order);
    tcase_add_test(cases, a_full_bundle_is_written);
    tcase_add_test_raise_signal(cases, what_waits_is_not_forgotten, SIGABRT);
    tcase_add_test_raise_signal(cases, only_collectives_travel, SIGABRT);
    Suite *suite = suite_create("transformer_bundle");
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
