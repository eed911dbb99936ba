/* SPDX-License-Identifier: Apache-2.0 */
/* Shares by Zipf's law, and whose share a number falls into. */
#include <check.h>
#include <signal.h>

#include "base/zipf.h"
#include "run_suite.h"

START_TEST(exponent_0_is_even)
{
    double up_to[8];
    gw_zipf_shares(0, 8, up_to);
    for (uint32_t i = 0; i < 8; i++) {
        ck_assert_double_eq(up_to[i], (i + 1) / 8.0);
    }
}
END_TEST

/* 1 + 1/2 + 1/3 is 11/6; 1 + 1/4 is 5/4; and powers with fractions, 4^-1.5 is 1/8. */
START_TEST(shares_follow_the_law)
{
    double up_to[4];
    gw_zipf_shares(1, 3, up_to);
    ck_assert_double_eq_tol(up_to[0], 6.0 / 11, 1e-15);
    ck_assert_double_eq_tol(up_to[1], 9.0 / 11, 1e-15);
    ck_assert_double_eq(up_to[2], 1);
    gw_zipf_shares(2, 2, up_to);
    ck_assert_double_eq_tol(up_to[0], 4.0 / 5, 1e-15);
    gw_zipf_shares(1.5, 4, up_to);
    ck_assert_double_eq_tol((up_to[3] - up_to[2]) / up_to[0], 1.0 / 8, 1e-9);
    gw_zipf_shares(8, 4, up_to);
    ck_assert_double_gt(up_to[0], 0.99);
    gw_zipf_shares(3, 1, up_to);
    ck_assert_double_eq(up_to[0], 1);
}
END_TEST

START_TEST(a_share_begins_where_the_last_ends)
{
    const double up_to[] = {0.5, 0.75, 0.75, 1};
    ck_assert_uint_eq(gw_zipf_find(up_to, 4, 0), 0);
    ck_assert_uint_eq(gw_zipf_find(up_to, 4, 0.4999), 0);
    ck_assert_uint_eq(gw_zipf_find(up_to, 4, 0.5), 1);
    ck_assert_uint_eq(gw_zipf_find(up_to, 4, 0.75), 3); /* Nothing is the third's. */
    ck_assert_uint_eq(gw_zipf_find(up_to, 4, 0.9999), 3);
    ck_assert_uint_eq(gw_zipf_find(up_to, 4, 1), 3);
    ck_assert_uint_eq(gw_zipf_find(up_to, 1, 0.3), 0);
}
END_TEST

START_TEST(exponents_are_not_negative)
{
    double up_to;
    gw_zipf_shares(-1, 1, &up_to);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("zipf");
    tcase_add_test(cases, exponent_0_is_even);
    tcase_add_test(cases, shares_follow_the_law);
    tcase_add_test(cases, a_share_begins_where_the_last_ends);
    tcase_add_test_raise_signal(cases, exponents_are_not_negative, SIGABRT);
    Suite *suite = suite_create("zipf");
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
