/* SPDX-License-Identifier: Apache-2.0 */
/* Looking up what was measured: on points, between and beyond them; sums of terms; collectives
 * between numbers of members; and what was not measured. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "program/measured.h"

static uint32_t find(const char *name)
{
    uint32_t index = 0;
    while (strcmp(gw_measured_kinds[index].name, name) != 0)
        index++;
    return index;
}

static gw_measured_curve make_curve(uint32_t count, const gw_measured_point *points)
{
    gw_measured_curve made = {g_new(gw_measured_point, count), count};
    memcpy(made.points, points, count * sizeof *points);
    return made;
}

START_TEST(curves_are_straight_between_points)
{
    gw_measured_point points[] = {{10, 100}, {20, 300}, {40, 400}};
    const gw_measured_curve curve = {points, 3};
    ck_assert_double_eq(gw_measured_at(&curve, 1), 100);
    ck_assert_double_eq(gw_measured_at(&curve, 10), 100);
    ck_assert_double_eq(gw_measured_at(&curve, 15), 200);
    ck_assert_double_eq(gw_measured_at(&curve, 30), 350);
    ck_assert_double_eq(gw_measured_at(&curve, 40), 400);
    ck_assert_double_eq(gw_measured_at(&curve, 400), 4000);
}
END_TEST

static gw_function *make_operation(gw_operation_kind kind, gw_map map, uint32_t rows,
                                   uint32_t columns, uint32_t inner)
{
    gw_function *function = gw_function_new("one");
    gw_operation operation = {.kind = kind, .map = map, .heads = 2, .sequence = inner};
    const bool is_product = kind == GW_OPERATION_MATMUL;
    operation.inputs[0] =
        (uint16_t)gw_function_add_input(function, rows, is_product ? inner : columns, false);
    operation.inputs[1] =
        (uint16_t)gw_function_add_input(function, is_product ? inner : rows, columns, false);
    operation.inputs[2] = (uint16_t)gw_function_add_input(function, rows, columns, false);
    operation.outputs[0] = (uint16_t)gw_function_add_output(function, rows, columns, false);
    operation.outputs[1] = (uint16_t)gw_function_add_output(function, rows * 2, inner, false);
    gw_function_add(function, &operation);
    return function;
}

static bool ask(const gw_measured *measured, const gw_function *function, double *out_ns)
{
    return gw_measured_operation(measured, function, gw_function_operation(function, 0), out_ns);
}

START_TEST(operations_are_looked_up_by_what_they_are)
{
    g_autoptr(gw_measured) measured = g_new0(gw_measured, 1);
    measured->curves[find("gelu")] = make_curve(2, (gw_measured_point[]){{100, 1000}, {200, 2000}});
    g_autoptr(gw_function) gelu = make_operation(GW_OPERATION_MAP, GW_MAP_GELU, 10, 15, 1);
    g_autoptr(gw_function) tanh = make_operation(GW_OPERATION_MAP, GW_MAP_TANH, 10, 15, 1);
    g_autoptr(gw_function) fill = make_operation(GW_OPERATION_FILL, 0, 10, 15, 1);
    double ns = 0;
    ck_assert(ask(measured, gelu, &ns));
    ck_assert_double_eq(ns, 1500);
    ck_assert(!ask(measured, tanh, &ns)); /* Known, and not measured. */
    ck_assert(!ask(measured, fill, &ns)); /* Not of those that can be. */
}
END_TEST

START_TEST(sums_count_each_part)
{
    g_autoptr(gw_measured) measured = g_new0(gw_measured, 1);
    measured->sums[find("matmul")] = (gw_measured_sum){{100, 0.5, 2, 3, 5}, true};
    g_autoptr(gw_function) product = make_operation(GW_OPERATION_MATMUL, 0, 4, 6, 10);
    double ns = 0;
    ck_assert(ask(measured, product, &ns));
    ck_assert_double_eq_tol(ns, 100 + 0.5 * 2 * 4 * 6 * 10 + 2 * 40 + 3 * 60 + 5 * 24, 1e-9);
    g_autoptr(gw_function) attention = make_operation(GW_OPERATION_ATTENTION, 0, 8, 6, 4);
    ck_assert(!ask(measured, attention, &ns));
    measured->sums[find("attention")] = (gw_measured_sum){{100, 10, 1, 0, 0}, true};
    ck_assert(ask(measured, attention, &ns)); /* 2 sequences of 4, 2 heads: p has 64 elements. */
    ck_assert_double_eq_tol(ns, 100 + 10 * 4 + 64, 1e-9);
}
END_TEST

START_TEST(collectives_lie_between_numbers_of_members)
{
    g_autoptr(gw_measured) measured = g_new0(gw_measured, 1);
    measured->collectives = g_new0(gw_measured_collective, 2);
    measured->collective_count = 2;
    for (uint32_t i = 0; i < 2; i++)
        measured->collectives[i] = (gw_measured_collective){
            GW_OPERATION_ALL_REDUCE, 2 + 2 * i,
            make_curve(2, (gw_measured_point[]){{4, 10 + 10 * i}, {8, 20 + 10 * i}})};
    const struct {
        uint32_t members;
        double ns;
    } asked[] = {{1, 15}, {2, 15}, {3, 20}, {4, 25}, {9, 25}};
    for (uint32_t i = 0; i < G_N_ELEMENTS(asked); i++) {
        double ns = 0;
        ck_assert(
            gw_measured_collective_of(measured, GW_OPERATION_ALL_REDUCE, asked[i].members, 6, &ns));
        ck_assert_double_eq(ns, asked[i].ns);
    }
    double ns = 0;
    ck_assert(!gw_measured_collective_of(measured, GW_OPERATION_PERMUTE, 2, 6, &ns));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("measured");
    TCase *tcase = tcase_create("measured");
    tcase_add_test(tcase, curves_are_straight_between_points);
    tcase_add_test(tcase, operations_are_looked_up_by_what_they_are);
    tcase_add_test(tcase, sums_count_each_part);
    tcase_add_test(tcase, collectives_lie_between_numbers_of_members);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed_count = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed_count == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
