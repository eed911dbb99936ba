/* SPDX-License-Identifier: Apache-2.0 */
/* Costs are found again in sums that were made from them; what would be below nothing is nothing;
 * what no row has is free. */
#include <check.h>

#include "base/fit.h"
#include "run_suite.h"

static const double costs[] = {1000, 0.25, 3};

static gw_fit_row make_row(double a, double b, double c)
{
    return (gw_fit_row){{a, b, c}, a * costs[0] + b * costs[1] + c * costs[2]};
}

START_TEST(costs_are_found_again)
{
    const gw_fit_row rows[] = {make_row(1, 10, 10),   make_row(1, 1e4, 10), make_row(1, 10, 1e4),
                               make_row(1, 1e6, 1e4), make_row(2, 1e5, 1),  make_row(1, 0, 0)};
    double found[GW_FIT_COSTS_MAX];
    ck_assert_double_lt(gw_fit_costs(rows, 6, 3, found), 1e-6);
    for (int i = 0; i < 3; i++)
        ck_assert_double_eq_tol(found[i] / costs[i], 1, 1e-5);
}
END_TEST

START_TEST(nothing_costs_less_than_nothing)
{
    const gw_fit_row rows[] = {{{1, 0}, 10}, {{1, 1}, 8}, {{1, 2}, 6}}; /* The second costs -2. */
    double found[GW_FIT_COSTS_MAX];
    const double worst = gw_fit_costs(rows, 3, 3, found);
    ck_assert_double_eq(found[1], 0);
    ck_assert_double_eq(found[2], 0); /* No row has it. */
    ck_assert_double_gt(found[0], 6);
    ck_assert_double_lt(found[0], 10);
    ck_assert_double_gt(worst, 0.1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fit");
    TCase *tcase = tcase_create("fit");
    tcase_add_test(tcase, costs_are_found_again);
    tcase_add_test(tcase, nothing_costs_less_than_nothing);
    suite_add_tcase(suite, tcase);
    return gw_run_suite(suite);
}
