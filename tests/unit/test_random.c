/* SPDX-License-Identifier: Apache-2.0 */
/* Random streams: the published generator, independent names, unbiased answers. */
#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <glib.h>

#include "base/random.h"
#include "run_suite.h"

#define DRAW_COUNT 20000

/* The first outputs of xoshiro256** 1.0 from state {1, 2, 3, 4}, worked out from the authors'
 * reference code. */
START_TEST(generator_is_xoshiro256starstar)
{
    static const uint64_t published[] = {
        UINT64_C(11520),
        UINT64_C(0),
        UINT64_C(1509978240),
        UINT64_C(1215971899390074240),
    };
    gw_random random = {.state = {1, 2, 3, 4}};
    for (size_t i = 0; i < G_N_ELEMENTS(published); i++) {
        ck_assert_uint_eq(gw_random_next(&random), published[i]);
    }
}
END_TEST

START_TEST(same_seed_and_name_is_the_same_stream)
{
    gw_random a, b;
    gw_random_init(&a, 7, "arrivals");
    gw_random_init(&b, 7, "arrivals");
    for (size_t i = 0; i < 1000; i++) {
        ck_assert_uint_eq(gw_random_next(&a), gw_random_next(&b));
    }
}
END_TEST

/* Golden: a change here changes every run that draws, on every machine. */
START_TEST(stream_is_the_same_everywhere)
{
    gw_random random;
    gw_random_init(&random, 1, "arrivals");
    ck_assert_uint_eq(gw_random_next(&random), UINT64_C(7962249743207708793));
    ck_assert_uint_eq(gw_random_at(1, 0), UINT64_C(6791897765849424158));
    ck_assert_uint_eq(gw_random_at(0, 1), UINT64_C(12935080325729570654));
}
END_TEST

START_TEST(other_seeds_and_names_are_other_streams)
{
    static const struct {
        uint64_t seed;
        const char *name;
    } streams[] = {{0, ""}, {0, "a"}, {1, ""}, {1, "a"}, {1, "b"}, {2, "a"}, {UINT64_MAX, "a"}};
    uint64_t firsts[G_N_ELEMENTS(streams)];
    for (size_t i = 0; i < G_N_ELEMENTS(streams); i++) {
        gw_random random;
        gw_random_init(&random, streams[i].seed, streams[i].name);
        firsts[i] = gw_random_next(&random);
        for (size_t j = 0; j < i; j++) {
            ck_assert_uint_ne(firsts[i], firsts[j]);
        }
    }
}
END_TEST

START_TEST(uniform_is_in_range_and_even)
{
    gw_random random;
    gw_random_init(&random, 3, "uniform");
    double sum = 0;
    for (size_t i = 0; i < DRAW_COUNT; i++) {
        const double value = gw_random_uniform(&random);
        ck_assert(value >= 0 && value < 1);
        sum += value;
    }
    /* Standard error of the mean: sqrt(1/12/20000) = 0.002; five of them. */
    ck_assert_double_eq_tol(sum / DRAW_COUNT, 0.5, 0.01);
}
END_TEST

START_TEST(below_is_in_range_and_even)
{
    static const uint64_t bounds[] = {1, 2, 3, 7, 10};
    for (size_t b = 0; b < G_N_ELEMENTS(bounds); b++) {
        gw_random random;
        gw_random_init(&random, bounds[b], "below");
        uint32_t counts[10] = {0};
        for (size_t i = 0; i < DRAW_COUNT; i++) {
            const uint64_t value = gw_random_below(&random, bounds[b]);
            ck_assert_uint_lt(value, bounds[b]);
            counts[value]++;
        }
        for (size_t i = 0; i < bounds[b]; i++) {
            const double expected = (double)DRAW_COUNT / (double)bounds[b];
            ck_assert_double_eq_tol(counts[i], expected, 0.1 * expected + 1);
        }
    }
}
END_TEST

START_TEST(below_takes_large_bounds)
{
    gw_random random;
    gw_random_init(&random, 5, "large");
    const uint64_t bound = (UINT64_C(1) << 63) + 1; /* Nearly half of the draws are rejected. */
    uint32_t upper_count = 0;
    for (size_t i = 0; i < DRAW_COUNT; i++) {
        const uint64_t value = gw_random_below(&random, bound);
        ck_assert_uint_lt(value, bound);
        upper_count += value >= bound / 2 ? 1 : 0;
    }
    ck_assert_double_eq_tol(upper_count, DRAW_COUNT / 2.0, DRAW_COUNT * 0.02);
    ck_assert_uint_lt(gw_random_below(&random, UINT64_MAX), UINT64_MAX);
}
END_TEST

START_TEST(below_nothing_aborts)
{
    gw_random random;
    gw_random_init(&random, 1, "none");
    gw_random_below(&random, 0);
}
END_TEST

/* Neighbours of seed and of index differ in about half of the bits. */
START_TEST(elements_are_well_mixed)
{
    uint64_t changed_count = 0;
    for (uint64_t i = 0; i < 1000; i++) {
        const uint64_t here = gw_random_at(9, i);
        ck_assert_uint_eq(here, gw_random_at(9, i));
        changed_count += (uint64_t)__builtin_popcountll(here ^ gw_random_at(9, i + 1));
        changed_count +=
            (uint64_t)__builtin_popcountll(gw_random_at(i, 0) ^ gw_random_at(i + 1, 0));
    }
    ck_assert_double_eq_tol((double)changed_count / 2000.0, 32, 1);
    ck_assert_uint_ne(gw_random_at(1, 2), gw_random_at(2, 1));
}
END_TEST

/* As the sum of twelve uniform ones: variance 1, and of ten thousand a few beyond three. */
START_TEST(normal_elements_have_mean_and_deviation)
{
    enum { COUNT = 10000 };
    double sum = 0, squares = 0;
    uint32_t far_count = 0;
    for (uint64_t i = 0; i < COUNT; i++) {
        const double x = gw_random_normal_at(4, i);
        ck_assert(x > -6 && x < 6);
        ck_assert_double_eq(x, gw_random_normal_at(4, i));
        sum += x;
        squares += x * x;
        far_count += x > 3 || x < -3;
    }
    /* Four standard errors: of the mean 0.01, of the variance sqrt(1.9) of it. */
    ck_assert_double_eq_tol(sum / COUNT, 0, 0.04);
    ck_assert_double_eq_tol(squares / COUNT, 1, 0.056);
    ck_assert_uint_ge(far_count, 5);
    ck_assert_uint_le(far_count, 50);
    ck_assert_double_ne(gw_random_normal_at(4, 1), gw_random_normal_at(5, 1));
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("random");
    tcase_add_test(cases, generator_is_xoshiro256starstar);
    tcase_add_test(cases, same_seed_and_name_is_the_same_stream);
    tcase_add_test(cases, stream_is_the_same_everywhere);
    tcase_add_test(cases, other_seeds_and_names_are_other_streams);
    tcase_add_test(cases, uniform_is_in_range_and_even);
    tcase_add_test(cases, below_is_in_range_and_even);
    tcase_add_test(cases, below_takes_large_bounds);
    tcase_add_test_raise_signal(cases, below_nothing_aborts, SIGABRT);
    tcase_add_test(cases, elements_are_well_mixed);
    tcase_add_test(cases, normal_elements_have_mean_and_deviation);
    Suite *suite = suite_create("random");
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
