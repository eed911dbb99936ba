/* SPDX-License-Identifier: Apache-2.0 */
/* What is no number is found wherever it stands, in both widths; infinities are numbers here. */
#include <check.h>
#include <math.h>

#include "real/bfloat16.h"
#include "real/cpu_nan.h"
#include "run_suite.h"

START_TEST(the_first_one_is_found)
{
    const gw_value value = {.rows = 2, .columns = 3, .element_bytes = 4};
    float data[6] = {0, -0.0f, INFINITY, -INFINITY, 1e-40f, 3.4e38f};
    ck_assert_uint_eq(gw_cpu_find_nan(&value, data), GW_CPU_NO_NAN);
    for (uint32_t i = 6; i-- > 0;) {
        data[i] = i % 2 == 0 ? NAN : -NAN;
        ck_assert_uint_eq(gw_cpu_find_nan(&value, data), i);
    }
}
END_TEST

START_TEST(two_bytes_are_looked_at_as_well)
{
    const gw_value value = {.rows = 4, .columns = 1, .element_bytes = 2};
    const float wide[4] = {1, INFINITY, -NAN, 2};
    uint16_t narrow[4];
    gw_bfloat16_narrow(wide, narrow, 4);
    ck_assert_uint_eq(gw_cpu_find_nan(&value, narrow), 2);
    narrow[2] = 0;
    ck_assert_uint_eq(gw_cpu_find_nan(&value, narrow), GW_CPU_NO_NAN);
}
END_TEST

START_TEST(nothing_has_none)
{
    const gw_value value = {.rows = 0, .columns = 5, .element_bytes = 4};
    ck_assert_uint_eq(gw_cpu_find_nan(&value, NULL), GW_CPU_NO_NAN);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cpu_nan");
    TCase *tcase = tcase_create("nan");
    tcase_add_test(tcase, the_first_one_is_found);
    tcase_add_test(tcase, two_bytes_are_looked_at_as_well);
    tcase_add_test(tcase, nothing_has_none);
    suite_add_tcase(suite, tcase);
    return gw_run_suite(suite);
}
