/* SPDX-License-Identifier: Apache-2.0 */
/* Rates known by hand, who is told of a change, the fallback, and what is refused.  Rates of random
 * networks: tests/fuzz/fuzz_max_min.c. */
#include <check.h>
#include <math.h>
#include <signal.h>

#include "base/random.h"
#include "base/units.h"
#include "run_suite.h"
#include "topology/max_min.h"

#define TOLERANCE 1e-12 /* Sums of a few doubles. */

static uint32_t add_over(gw_max_min *solver, uint32_t first_link, uint32_t link_count,
                         double capacity, double limit)
{
    gw_max_min_hop hops[16];
    for (uint32_t i = 0; i < link_count; i++) {
        hops[i] = (gw_max_min_hop){first_link + i, capacity};
    }
    return gw_max_min_add(solver, hops, link_count, limit);
}

static void expect_rate(gw_max_min *solver, uint32_t flow, double expected)
{
    ck_assert_double_eq_tol(gw_max_min_rate(solver, flow), expected, TOLERANCE * expected);
    double rates[16];
    gw_max_min_refill(solver, rates);
    ck_assert_double_eq_tol(rates[flow], expected, TOLERANCE * expected);
}

static uint32_t settle(gw_max_min *solver)
{
    const uint32_t *changed;
    const uint32_t count = gw_max_min_settle(solver, &changed);
    ck_assert(gw_max_min_is_settled(solver));
    return count;
}

START_TEST(flow_alone_has_its_rate_at_once)
{
    g_autoptr(gw_max_min) solver = gw_max_min_new(10);
    const gw_max_min_hop hops[] = {{0, 5}, {1, 3}, {2, 4}};
    const uint32_t flow = gw_max_min_add(solver, hops, 3, INFINITY);
    ck_assert(gw_max_min_is_settled(solver));
    expect_rate(solver, flow, 3);
    ck_assert_uint_eq(gw_max_min_flow_count(solver, 1), 1);
    ck_assert_uint_eq(gw_max_min_some_flow(solver, 1), flow);
    ck_assert_uint_eq(gw_max_min_some_flow(solver, 3), GW_INDEX_NONE);
    const uint32_t other = add_over(solver, 5, 2, 7, 2); /* Elsewhere, with a limit. */
    ck_assert(gw_max_min_is_settled(solver));
    expect_rate(solver, other, 2);
    gw_max_min_remove(solver, flow);
    ck_assert(gw_max_min_is_settled(solver));
    ck_assert_uint_eq(gw_max_min_flow_count(solver, 1), 0);
    ck_assert_uint_eq(settle(solver), 0);
}
END_TEST

/* A long flow over n links, and a short one on each: all get half, whatever n. */
START_TEST(parking_lot_is_shared_by_halves)
{
    g_autoptr(gw_max_min) solver = gw_max_min_new(10);
    const uint32_t through = add_over(solver, 0, 10, 8, INFINITY);
    for (uint32_t i = 0; i < 10; i++) {
        const uint32_t short_flow = add_over(solver, i, 1, 8, INFINITY);
        ck_assert_uint_eq(settle(solver), i == 0 ? 2 : 1);
        expect_rate(solver, short_flow, 4);
        expect_rate(solver, through, 4);
    }
    gw_max_min_remove(solver, through);
    ck_assert_uint_eq(settle(solver), 10);
}
END_TEST

/* Link 0 (capacity 10): a, b, c.  Link 1 (capacity 2): c and d.  c gets 1 there, so a and b get
 * 4.5 each; without d, c gets 2 and they get 4; without c, 5. */
START_TEST(what_one_cannot_take_others_get)
{
    g_autoptr(gw_max_min) solver = gw_max_min_new(2);
    const gw_max_min_hop both[] = {{0, 10}, {1, 2}};
    const uint32_t a = add_over(solver, 0, 1, 10, INFINITY),
                   b = add_over(solver, 0, 1, 10, INFINITY);
    const uint32_t c = gw_max_min_add(solver, both, 2, INFINITY);
    const uint32_t d = gw_max_min_add(solver, &both[1], 1, INFINITY);
    ck_assert(!gw_max_min_is_settled(solver));
    ck_assert_uint_eq(settle(solver), 4);
    expect_rate(solver, a, 4.5);
    expect_rate(solver, c, 1);
    gw_max_min_remove(solver, d);
    ck_assert_uint_eq(settle(solver), 3);
    expect_rate(solver, b, 4);
    expect_rate(solver, c, 2);
    gw_max_min_remove(solver, c);
    ck_assert_uint_eq(settle(solver), 2);
    expect_rate(solver, a, 5);
    expect_rate(solver, b, 5);
}
END_TEST

START_TEST(limit_leaves_room_for_others)
{
    g_autoptr(gw_max_min) solver = gw_max_min_new(1);
    const uint32_t limited = add_over(solver, 0, 1, 10, 1);
    const uint32_t one = add_over(solver, 0, 1, 10, INFINITY);
    const uint32_t other = add_over(solver, 0, 1, 10, 4.5);
    settle(solver);
    expect_rate(solver, limited, 1);
    expect_rate(solver, one, 4.5);
    expect_rate(solver, other, 4.5);
    gw_max_min_remove(solver, one);
    settle(solver);
    expect_rate(solver, limited, 1);
    expect_rate(solver, other, 4.5);
}
END_TEST

/* A flow that came and went before anybody settled, whose number is given again. */
START_TEST(flow_that_was_never_settled_is_forgotten)
{
    g_autoptr(gw_max_min) solver = gw_max_min_new(2);
    const uint32_t stays = add_over(solver, 0, 1, 6, INFINITY);
    const uint32_t goes = add_over(solver, 0, 1, 6, INFINITY);
    gw_max_min_remove(solver, goes);
    ck_assert_uint_eq(settle(solver), 0);
    expect_rate(solver, stays, 6);
    gw_max_min_remove(solver, add_over(solver, 0, 2, 6, INFINITY));
    const uint32_t again = add_over(solver, 0, 1, 6, INFINITY);
    ck_assert_uint_eq(again, goes);
    ck_assert_uint_eq(settle(solver), 2);
    expect_rate(solver, again, 3);
}
END_TEST

/* n flows over one link, each with a further link of its own: the classic that costs a pass each
 * where passes are blind. */
START_TEST(star_of_different_limits_is_filled)
{
    g_autoptr(gw_max_min) solver = gw_max_min_new(9);
    uint32_t flows[8];
    for (uint32_t i = 0; i < 8; i++) {
        const gw_max_min_hop hops[] = {{0, 20}, {1 + i, 1 + i}};
        flows[i] = gw_max_min_add(solver, hops, 2, INFINITY);
    }
    settle(solver);
    /* 1 + 2 + 6 x 17/6 = 20 */
    for (uint32_t i = 0; i < 8; i++) {
        expect_rate(solver, flows[i], MIN(1 + i, 17.0 / 6));
    }
    ck_assert_uint_eq(gw_max_min_refill_count(solver), 0);
    ck_assert_uint_gt(gw_max_min_look_count(solver), 0);
}
END_TEST

START_TEST(number_that_is_not_there_aborts)
{
    g_autoptr(gw_max_min) solver = gw_max_min_new(2);
    const uint32_t flow = add_over(solver, 0, 1, 6, INFINITY);
    gw_max_min_remove(solver, flow);
    gw_max_min_remove(solver, flow);
}
END_TEST

START_TEST(link_that_is_not_there_aborts)
{
    g_autoptr(gw_max_min) solver = gw_max_min_new(2);
    add_over(solver, 1, 2, 6, INFINITY);
}
END_TEST

START_TEST(link_crossed_twice_aborts)
{
    g_autoptr(gw_max_min) solver = gw_max_min_new(2);
    const gw_max_min_hop hops[] = {{1, 6}, {1, 6}};
    gw_max_min_add(solver, hops, 2, INFINITY);
}
END_TEST

START_TEST(other_capacity_aborts)
{
    g_autoptr(gw_max_min) solver = gw_max_min_new(2);
    add_over(solver, 0, 1, 6, INFINITY);
    add_over(solver, 0, 1, 7, INFINITY);
}
END_TEST

START_TEST(link_without_capacity_aborts)
{
    g_autoptr(gw_max_min) solver = gw_max_min_new(2);
    add_over(solver, 0, 1, 0, INFINITY);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("max_min");
    TCase *cases = tcase_create("max_min");
    tcase_add_test(cases, flow_alone_has_its_rate_at_once);
    tcase_add_test(cases, parking_lot_is_shared_by_halves);
    tcase_add_test(cases, what_one_cannot_take_others_get);
    tcase_add_test(cases, limit_leaves_room_for_others);
    tcase_add_test(cases, flow_that_was_never_settled_is_forgotten);
    tcase_add_test(cases, star_of_different_limits_is_filled);
    tcase_add_test_raise_signal(cases, number_that_is_not_there_aborts, SIGABRT);
    tcase_add_test_raise_signal(cases, link_that_is_not_there_aborts, SIGABRT);
    tcase_add_test_raise_signal(cases, link_crossed_twice_aborts, SIGABRT);
    tcase_add_test_raise_signal(cases, other_capacity_aborts, SIGABRT);
    tcase_add_test_raise_signal(cases, link_without_capacity_aborts, SIGABRT);
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
