/* SPDX-License-Identifier: Apache-2.0 */
/* Order and medians, of odd and even numbers, of equal values and below nothing. */
#include <check.h>

#include "base/sample.h"
#include "run_suite.h"

static double median_of(const double *values, guint count)
{
    g_autoptr(GArray) sample = g_array_new(FALSE, FALSE, sizeof(double));
    g_array_append_vals(sample, values, count);
    const double median = gw_sample_median(sample);
    for (guint i = 1; i < count; i++)
        ck_assert_double_le(g_array_index(sample, double, i - 1), g_array_index(sample, double, i));
    return median;
}

START_TEST(the_middle_is_found)
{
    const double values[] = {3, -1, 10, 3, 0.5};
    ck_assert_double_eq(median_of(values, 1), 3);
    ck_assert_double_eq(median_of(values, 2), 1);
    ck_assert_double_eq(median_of(values, 3), 3);
    ck_assert_double_eq(median_of(values + 1, 4), 1.75);
    ck_assert_double_eq(median_of(values, 5), 3);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sample");
    TCase *tcase = tcase_create("sample");
    tcase_add_test(tcase, the_middle_is_found);
    suite_add_tcase(suite, tcase);
    return gw_run_suite(suite);
}
