/* SPDX-License-Identifier: Apache-2.0 */
/* What gates would drop: bounds, expectations that can be worked out, and draws that stand for
 * more than were drawn. */
#include <check.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>

#include "program/routing.h"
#include "run_suite.h"

static uint64_t draw(const gw_routing *routing, uint64_t seed)
{
    gw_random random;
    gw_random_init(&random, seed, "test");
    return gw_routing_draw(routing, &random);
}

static double mean(const gw_routing *routing, uint32_t count)
{
    double sum = 0;
    for (uint32_t i = 0; i < count; i++)
        sum += (double)draw(routing, i);
    return sum / count;
}

START_TEST(with_room_for_all_nothing_is_dropped)
{
    const gw_routing routing = {
        .experts = 4, .choices = 2, .capacity = 10, .tokens = 10, .groups = 3, .exponent = 2};
    ck_assert_uint_eq(draw(&routing, 1), 0);
}
END_TEST

/* One expert takes its capacity; of two with two choices each takes that. */
START_TEST(what_must_be_dropped_is)
{
    gw_routing routing = {.experts = 1, .choices = 1, .capacity = 3, .tokens = 10, .groups = 7};
    ck_assert_uint_eq(draw(&routing, 1), 7 * 7);
    routing.experts = routing.choices = 2;
    for (uint32_t exponent = 0; exponent <= GW_ROUTING_EXPONENT_MAX; exponent++) {
        routing.exponent = exponent;
        ck_assert_uint_eq(draw(&routing, 1), 7 * (20 - 6));
    }
    routing.choices = 1;
    routing.exponent = 0;
    routing.tokens = 6; /* As many as there are seats: dropped are those of who has too many. */
    ck_assert_uint_lt(draw(&routing, 1), 7 * 3);
}
END_TEST

/* Tokens of an expert are binomial: with 2 experts, 1 choice, 4 tokens and 2 seats the excess is 2
 * with 2/16 and 1 with 8/16, 0.75 a group. */
START_TEST(draws_follow_the_binomial)
{
    gw_routing routing = {.experts = 2, .choices = 1, .capacity = 2, .tokens = 4, .groups = 100};
    ck_assert_double_eq_tol(mean(&routing, 500) / 100, 0.75, 5 * 0.66 / sqrt(50000));
    routing.exponent = 1; /* Shares 2/3 and 1/3: of 81 cases 17 have 2 too many, 40 have 1. */
    ck_assert_double_eq_tol(mean(&routing, 500) / 100, 74.0 / 81, 5 * 0.71 / sqrt(50000));
}
END_TEST

/* Second choices are of the others by their shares: of 3 experts alike all three get two thirds of
 * the tokens; one token with seats for no second choice of the same. */
START_TEST(nobody_is_chosen_twice)
{
    const gw_routing one = {
        .experts = 3, .choices = 2, .capacity = 1, .tokens = 1, .groups = 1000, .exponent = 3};
    ck_assert_uint_eq(draw(&one, 1), 0);
    const gw_routing skewed = {
        .experts = 64, .choices = 2, .capacity = 1, .tokens = 1, .groups = 1000, .exponent = 8};
    ck_assert_uint_eq(draw(&skewed, 1), 0);
}
END_TEST

/* A million groups of 64 tokens: 1024 are drawn. */
START_TEST(many_groups_are_like_some)
{
    gw_routing routing = {.experts = 8, .choices = 2, .capacity = 16, .tokens = 64, .groups = 1024};
    const double some = mean(&routing, 20);
    routing.groups = 1024000;
    ck_assert_double_eq_tol(mean(&routing, 20) / 1000, some, 1);
    routing.tokens = 1U << 20; /* Too many for one group: one is drawn all the same. */
    routing.capacity = (1U << 18) - 1000;
    routing.groups = 5;
    ck_assert_uint_eq(draw(&routing, 3) % 5, 0);
    ck_assert_uint_ge(draw(&routing, 3), 5 * 8 * 1000);
}
END_TEST

START_TEST(a_token_chooses_among_enough)
{
    const gw_routing routing = {
        .experts = 1, .choices = 2, .capacity = 1, .tokens = 1, .groups = 1};
    draw(&routing, 1);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("routing");
    tcase_add_test(cases, with_room_for_all_nothing_is_dropped);
    tcase_add_test(cases, what_must_be_dropped_is);
    tcase_add_test(cases, draws_follow_the_binomial);
    tcase_add_test(cases, nobody_is_chosen_twice);
    tcase_add_test(cases, many_groups_are_like_some);
    tcase_add_test_raise_signal(cases, a_token_chooses_among_enough, SIGABRT);
    Suite *suite = suite_create("routing");
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
