/* SPDX-License-Identifier: Apache-2.0 */
/* What was seen of programs, put together: means of shapes, and how far passes spread. */
#include <check.h>
#include <math.h>

#include "real/calibration_seen.h"
#include "run_suite.h"

static gw_calibration_shape make_shape(uint32_t kind, double rows, double ns, double count)
{
    return (gw_calibration_shape){.kind = kind, .shape = {{rows, 8, 0}, ns}, .count = count};
}

static const gw_calibration_shape *shape_at(const gw_calibration_seen *seen, guint index)
{
    return &g_array_index(seen->shapes, gw_calibration_shape, index);
}

START_TEST(those_alike_have_one_mean)
{
    g_autoptr(gw_calibration_seen) seen = gw_calibration_seen_new();
    const gw_calibration_shape all[] = {make_shape(3, 16, 100, 1), make_shape(3, 32, 900, 1),
                                        make_shape(4, 16, 500, 1), make_shape(3, 16, 140, 3)};
    for (guint i = 0; i < G_N_ELEMENTS(all); i++)
        gw_calibration_seen_add(seen, &all[i]);
    ck_assert_uint_eq(seen->shapes->len, 3);
    ck_assert_double_eq(shape_at(seen, 0)->shape.ns, 130); /* (100 + 3 * 140) / 4 */
    ck_assert_double_eq(shape_at(seen, 0)->count, 4);
    ck_assert_double_eq(shape_at(seen, 1)->shape.ns, 900);
    ck_assert_double_eq(shape_at(seen, 2)->shape.ns, 500);
}
END_TEST

/* Of normal variates with a deviation of 0.1, two are 0.2 / sqrt(pi) apart in the mean. */
START_TEST(jitter_is_that_of_threads_apart)
{
    g_autoptr(gw_calibration_seen) seen = gw_calibration_seen_new();
    ck_assert_double_eq(gw_calibration_seen_jitter(seen), 0);
    seen->took_ns = 5e6;
    ck_assert_double_eq(gw_calibration_seen_jitter(seen), 0);
    seen->apart_ns = 5e6 * 0.2 / sqrt(G_PI);
    ck_assert_double_eq_tol(gw_calibration_seen_jitter(seen), 0.1, 1e-12);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("calibration_seen");
    TCase *cases = tcase_create("calibration_seen");
    tcase_add_test(cases, those_alike_have_one_mean);
    tcase_add_test(cases, jitter_is_that_of_threads_apart);
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
