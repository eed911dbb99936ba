/* SPDX-License-Identifier: Apache-2.0 */
/* Every number of 2 bytes there and back; rounding against the two neighbours. */
#include <check.h>
#include <math.h>

#include "base/random.h"
#include "real/bfloat16.h"
#include "run_suite.h"

static float widen(uint16_t bits)
{
    float wide;
    gw_bfloat16_widen(&bits, &wide, 1);
    return wide;
}

static uint16_t narrow(float wide)
{
    uint16_t bits;
    gw_bfloat16_narrow(&wide, &bits, 1);
    return bits;
}

START_TEST(all_numbers_come_back)
{
    for (uint32_t bits = 0; bits < 65536; bits++) {
        const float wide = widen((uint16_t)bits);
        if (isnan(wide))
            ck_assert(isnan(widen(narrow(wide))));
        else
            ck_assert_uint_eq(narrow(wide), bits);
    }
    ck_assert_float_eq(widen(0x3F80), 1);
    ck_assert_float_eq(widen(0xC000), -2);
    ck_assert(isinf(widen(0x7F80)));
}
END_TEST

START_TEST(the_nearest_is_taken)
{
    for (uint32_t i = 0; i < 20000; i++) {
        const float x = ldexpf((float)(gw_random_at(3, i) >> 40) / (1 << 23) - 1, (int)(i % 40));
        const uint16_t bits = narrow(x);
        const double error = fabs((double)widen(bits) - x);
        ck_assert_double_le(error, fabs((double)widen((uint16_t)(bits + 1)) - x));
        ck_assert(bits % 0x8000 == 0 || error <= fabs((double)widen((uint16_t)(bits - 1)) - x));
    }
}
END_TEST

START_TEST(ties_go_to_even_and_edges_hold)
{
    ck_assert_float_eq(widen(narrow(1 + 1.0f / 256)), 1);              /* 1 + 2^-8: a tie, down. */
    ck_assert_float_eq(widen(narrow(1 + 3.0f / 256)), 1 + 4.0f / 256); /* A tie, up. */
    ck_assert(isinf(widen(narrow(3.4e38f))));                          /* Beyond the largest. */
    ck_assert(isinf(widen(narrow(INFINITY))) && isinf(widen(narrow(-INFINITY))));
    ck_assert(isnan(widen(narrow(NAN))) && isnan(widen(narrow(-NAN))));
    ck_assert(signbit(widen(narrow(-0.0f))));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("bfloat16");
    TCase *cases = tcase_create("bfloat16");
    tcase_add_test(cases, all_numbers_come_back);
    tcase_add_test(cases, the_nearest_is_taken);
    tcase_add_test(cases, ties_go_to_even_and_edges_hold);
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
