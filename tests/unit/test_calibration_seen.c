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
    ck_assert_double_lt(gw_calibration_seen_jitter(seen), 0); /* It is not known. */
    seen->took_ns = 5e6;
    ck_assert_double_eq(gw_calibration_seen_jitter(seen), 0);
    seen->apart_ns = 5e6 * 0.2 / sqrt(G_PI);
    ck_assert_double_eq_tol(gw_calibration_seen_jitter(seen), 0.1, 1e-12);
}
END_TEST

static void add_threads(gw_calibration_seen *seen, const double *threads_ns, guint count)
{
    g_autoptr(GArray) threads = g_array_new(FALSE, FALSE, sizeof(double));
    g_array_append_vals(threads, threads_ns, count);
    gw_calibration_seen_add_threads(seen, threads);
}

static void expect_slowness(const gw_calibration_seen *seen, const double *expected, guint count)
{
    g_autoptr(GArray) slowness = gw_calibration_seen_slowness(seen);
    ck_assert_uint_eq(slowness->len, count);
    for (guint i = 0; i < count; i++)
        ck_assert_double_eq_tol(g_array_index(slowness, double, i), expected[i], 1e-12);
}

START_TEST(slowness_is_over_the_mean_thread)
{
    static const double two[] = {150, 70}, more[] = {90, 90}, three[] = {30, 20, 10}, one[] = {7};
    g_autoptr(gw_calibration_seen) seen = gw_calibration_seen_new();
    expect_slowness(seen, NULL, 0);
    add_threads(seen, one, 1);
    expect_slowness(seen, NULL, 0); /* Nobody is beside it. */
    add_threads(seen, two, 2);
    expect_slowness(seen, (const double[]){150.0 / 110, 70.0 / 110}, 2);
    add_threads(seen, more, 2);
    expect_slowness(seen, (const double[]){1.2, 0.8}, 2);
    add_threads(seen, one, 1);
    expect_slowness(seen, (const double[]){1.2, 0.8}, 2);
    add_threads(seen, three, 3);
    expect_slowness(seen, (const double[]){1.5, 1, 0.5}, 3);
}
END_TEST

/* Members that are always 0.3 apart, and 0.5 in the mean: what is left of it is 0.4.  What lasts
 * alone is no jitter; nor is less than that, which fewer stretches may show. */
START_TEST(what_lasts_is_no_jitter)
{
    static const double two[] = {115, 85};
    g_autoptr(gw_calibration_seen) seen = gw_calibration_seen_new();
    add_threads(seen, two, 2);
    seen->took_ns = 100;
    seen->apart_ns = 50;
    ck_assert_double_eq_tol(gw_calibration_seen_jitter(seen), sqrt(G_PI) / 2 * 0.4, 1e-12);
    seen->apart_ns = 30;
    ck_assert_double_eq_tol(gw_calibration_seen_jitter(seen), 0, 1e-7);
    seen->apart_ns = 29;
    ck_assert_double_eq(gw_calibration_seen_jitter(seen), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("calibration_seen");
    TCase *cases = tcase_create("calibration_seen");
    tcase_add_test(cases, those_alike_have_one_mean);
    tcase_add_test(cases, jitter_is_that_of_threads_apart);
    tcase_add_test(cases, slowness_is_over_the_mean_thread);
    tcase_add_test(cases, what_lasts_is_no_jitter);
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
