/* SPDX-License-Identifier: Apache-2.0 */
/* Means and Student's intervals, against tabled quantiles and cases worked out by hand. */
#include <check.h>
#include <math.h>
#include <stdlib.h>

#include "app/statistics.h"
#include "base/random.h"
#include "run_suite.h"

/* Two-sided 95 % points, as printed in tables (to three decimals). */
START_TEST(quantiles_are_those_of_the_tables)
{
    static const struct {
        guint degrees;
        double t;
    } tabled[] = {{1, 12.706}, {2, 4.303},  {3, 3.182},   {4, 2.776},   {5, 2.571},
                  {6, 2.447},  {7, 2.365},  {8, 2.306},   {9, 2.262},   {10, 2.228},
                  {11, 2.201}, {12, 2.179}, {15, 2.131},  {19, 2.093},  {20, 2.086},
                  {24, 2.064}, {29, 2.045}, {30, 2.042},  {40, 2.021},  {60, 2.000},
                  {80, 1.990}, {99, 1.984}, {100, 1.984}, {120, 1.980}, {1000, 1.962}};
    for (guint i = 0; i < G_N_ELEMENTS(tabled); i++) {
        const double t = gw_statistics_quantile(tabled[i].degrees);
        ck_assert_msg(fabs(t - tabled[i].t) <= 0.0005 + 1e-9, "%u: %.6f", tabled[i].degrees, t);
    }
}
END_TEST

START_TEST(quantiles_fall_towards_the_normal_one)
{
    double last = INFINITY;
    for (guint degrees = 1; degrees <= 3000; degrees++) {
        const double t = gw_statistics_quantile(degrees);
        ck_assert_double_lt(t, last);
        ck_assert_double_gt(t, 1.959963984);
        last = t;
    }
    /* One degree and two have closed forms: tan(0.95 pi / 2), and 0.95 sqrt(2 / (1 - 0.95^2)). */
    ck_assert_double_eq_tol(gw_statistics_quantile(1), 12.706204736, 1e-8);
    ck_assert_double_eq_tol(gw_statistics_quantile(2), 0.95 * sqrt(2 / (1 - 0.95 * 0.95)), 1e-9);
}
END_TEST

START_TEST(a_mean_and_its_interval)
{
    const double values[] = {1, 2, 3, 4, 5}; /* s = sqrt(2.5), t(4) = 2.776445 */
    const gw_statistics made = gw_statistics_make(values, 5);
    ck_assert_uint_eq(made.count, 5);
    ck_assert_double_eq(made.mean, 3);
    ck_assert_double_eq_tol(made.half_width, 2.776445 * sqrt(2.5 / 5), 1e-5);
    ck_assert(!made.is_constant);
    ck_assert(gw_statistics_is_real(&made));
}
END_TEST

START_TEST(real_is_what_leaves_nought_out)
{
    const double doubtful[] = {-1, 2, 3, -2, 1};
    const double negative[] = {-3, -3.5, -3.25};
    const double none[] = {0, 0, 0};
    const double same[] = {-2, -2};
    gw_statistics made = gw_statistics_make(doubtful, 5);
    ck_assert(!gw_statistics_is_real(&made));
    made = gw_statistics_make(negative, 3);
    ck_assert(gw_statistics_is_real(&made));
    made = gw_statistics_make(none, 3);
    ck_assert(!gw_statistics_is_real(&made));
    made = gw_statistics_make(same, 2);
    ck_assert(gw_statistics_is_real(&made));
}
END_TEST

START_TEST(few_values_have_no_interval)
{
    const double one[] = {7.25};
    gw_statistics made = gw_statistics_make(one, 0);
    ck_assert_uint_eq(made.count, 0);
    ck_assert(isnan(made.mean) && isnan(made.half_width));
    made = gw_statistics_make(one, 1);
    ck_assert_uint_eq(made.count, 1);
    ck_assert_double_eq(made.mean, 7.25);
    ck_assert(isnan(made.half_width));
    ck_assert(!gw_statistics_is_real(&made));
}
END_TEST

START_TEST(what_is_no_number_is_left_out)
{
    const double values[] = {NAN, 4, NAN, 6, NAN};
    const gw_statistics made = gw_statistics_make(values, 5);
    ck_assert_uint_eq(made.count, 2);
    ck_assert_double_eq(made.mean, 5);
    ck_assert_double_eq_tol(made.half_width, 12.706205, 1e-5); /* s / sqrt(2) = 1 */
    const gw_statistics none = gw_statistics_make(values, 1);
    ck_assert_uint_eq(none.count, 0);
}
END_TEST

START_TEST(equal_values_are_exact)
{
    double values[1000];
    for (guint i = 0; i < 1000; i++)
        values[i] = 0.1; /* 1000 x 0.1 / 1000, added up, is not 0.1. */
    const gw_statistics made = gw_statistics_make(values, 1000);
    ck_assert(made.is_constant);
    ck_assert_double_eq(made.mean, 0.1);
    ck_assert_double_eq(made.half_width, 0);
}
END_TEST

START_TEST(large_values_keep_their_small_differences)
{
    const double values[] = {1e15, 1e15 + 1, 1e15 + 2};
    const gw_statistics made = gw_statistics_make(values, 3);
    ck_assert_double_eq(made.mean, 1e15 + 1);
    ck_assert_double_eq_tol(made.half_width, 4.302653 / sqrt(3), 1e-5);
}
END_TEST

/* Of many intervals about the mean of a few uniform numbers, 95 % hold the true one: 4000 trials,
 * so three standard errors are 1 %; numbers are not normal, for which another half is left. */
START_TEST(intervals_hold_the_mean_as_often_as_they_say)
{
    gw_random random;
    guint held_count = 0;
    gw_random_init(&random, 1, "statistics");
    for (guint trial = 0; trial < 4000; trial++) {
        double values[8];
        for (guint i = 0; i < 8; i++)
            values[i] = gw_random_uniform(&random) - 0.5;
        const gw_statistics made = gw_statistics_make(values, 8);
        held_count += !gw_statistics_is_real(&made);
    }
    ck_assert_double_eq_tol(held_count / 4000.0, 0.95, 0.015);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("statistics");
    TCase *quantiles = tcase_create("quantiles");
    tcase_add_test(quantiles, quantiles_are_those_of_the_tables);
    tcase_add_test(quantiles, quantiles_fall_towards_the_normal_one);
    suite_add_tcase(suite, quantiles);
    TCase *means = tcase_create("means");
    tcase_add_test(means, a_mean_and_its_interval);
    tcase_add_test(means, real_is_what_leaves_nought_out);
    tcase_add_test(means, few_values_have_no_interval);
    tcase_add_test(means, what_is_no_number_is_left_out);
    tcase_add_test(means, equal_values_are_exact);
    tcase_add_test(means, large_values_keep_their_small_differences);
    tcase_add_test(means, intervals_hold_the_mean_as_often_as_they_say);
    suite_add_tcase(suite, means);
    return gw_run_suite(suite);
}
