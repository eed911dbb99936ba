/* SPDX-License-Identifier: Apache-2.0 */
/* Beside the C library's in double, over all sizes of arguments. */
#include <check.h>
#include <float.h>
#include <math.h>

#include "real/cpu_tanh.h"
#include "run_suite.h"

#define ULPS 3.0

static double error_ulps(float x)
{
    const double exact = tanh((double)x);
    const double unit = exact == 0 ? FLT_MIN : ldexp(1, ilogb(exact) - (FLT_MANT_DIG - 1));
    return fabs((double)gw_cpu_tanh(x) - exact) / unit;
}

START_TEST(it_is_near_everywhere)
{
    double worst = 0;
    for (float x = 1e-30F; x < 40; x *= 1.0007F) {
        worst = fmax(worst, error_ulps(x));
        worst = fmax(worst, error_ulps(-x));
        ck_assert_float_eq(gw_cpu_tanh(-x), -gw_cpu_tanh(x));
    }
    ck_assert_double_lt(worst, ULPS);
}
END_TEST

START_TEST(what_has_no_size_is_itself)
{
    ck_assert_float_eq(gw_cpu_tanh(0), 0);
    ck_assert_float_eq(gw_cpu_tanh(INFINITY), 1);
    ck_assert_float_eq(gw_cpu_tanh(-INFINITY), -1);
    ck_assert_float_eq(gw_cpu_tanh(FLT_MAX), 1);
    ck_assert(isnan(gw_cpu_tanh(NAN)));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cpu_tanh");
    TCase *tcase = tcase_create("cpu_tanh");
    tcase_add_test(tcase, it_is_near_everywhere);
    tcase_add_test(tcase, what_has_no_size_is_itself);
    suite_add_tcase(suite, tcase);
    return gw_run_suite(suite);
}
