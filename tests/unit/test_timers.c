/* SPDX-License-Identifier: Apache-2.0 */
/* Timers against a plain list: the first due, of equally due ones the first set. */
#include <check.h>
#include <stdlib.h>

#include "base/random.h"
#include "real/timers.h"
#include "run_suite.h"

#define TIMER_COUNT 400

START_TEST(none_is_never_due)
{
    gw_timers timers = {0};
    gw_timer timer;
    ck_assert_uint_eq(gw_timers_next_ns(&timers), GW_TIME_NEVER);
    ck_assert(!gw_timers_take(&timers, GW_TIME_NEVER, &timer));
    gw_timers_cancel(&timers, (gw_node_id){0}, (gw_tag){0});
    gw_timers_clear(&timers);
}
END_TEST

START_TEST(not_before_it_is_due)
{
    gw_timers timers = {0};
    gw_timer timer;
    gw_timers_set(&timers, (gw_node_id){3}, 100, (gw_tag){7});
    ck_assert_uint_eq(gw_timers_next_ns(&timers), 100);
    ck_assert(!gw_timers_take(&timers, 99, &timer));
    ck_assert(gw_timers_take(&timers, 100, &timer));
    ck_assert_uint_eq(timer.node.index, 3);
    ck_assert_uint_eq(timer.tag.value, 7);
    ck_assert(!gw_timers_take(&timers, 100, &timer));
    gw_timers_clear(&timers);
}
END_TEST

/* Few instants, so most are due at one with others; a third is cancelled. */
START_TEST(they_come_in_order_whatever_is_cancelled)
{
    gw_timers timers = {0};
    gw_random random;
    gw_random_init(&random, (uint64_t)_i, "timers");
    gw_time due_ns[TIMER_COUNT];
    bool is_set[TIMER_COUNT];
    for (uint32_t i = 0; i < TIMER_COUNT; i++) {
        due_ns[i] = gw_random_below(&random, 20);
        is_set[i] = true;
        gw_timers_set(&timers, (gw_node_id){i % 2}, due_ns[i], (gw_tag){i});
        if (i % 3 == 2) {
            const uint32_t victim = (uint32_t)gw_random_below(&random, i + 1);
            gw_timers_cancel(&timers, (gw_node_id){1 - victim % 2},
                             (gw_tag){victim}); /* Not its. */
            gw_timers_cancel(&timers, (gw_node_id){victim % 2}, (gw_tag){victim});
            is_set[victim] = false;
        }
    }
    for (gw_time now_ns = 0; now_ns < 20; now_ns++) {
        for (uint32_t i = 0; i < TIMER_COUNT; i++) {
            gw_timer timer;
            if (is_set[i] && due_ns[i] == now_ns) {
                ck_assert(gw_timers_take(&timers, now_ns, &timer));
                ck_assert_uint_eq(timer.tag.value, i);
                ck_assert_uint_eq(timer.node.index, i % 2);
            }
        }
    }
    ck_assert_uint_eq(timers.count, 0);
    gw_timers_clear(&timers);
}
END_TEST

START_TEST(cancelling_a_tag_takes_all_that_have_it)
{
    gw_timers timers = {0};
    gw_timer timer;
    for (uint32_t i = 0; i < 10; i++) {
        gw_timers_set(&timers, (gw_node_id){0}, i, (gw_tag){i % 2});
    }
    gw_timers_cancel(&timers, (gw_node_id){0}, (gw_tag){0});
    for (uint32_t i = 0; i < 5; i++) {
        ck_assert(gw_timers_take(&timers, 100, &timer));
        ck_assert_uint_eq(timer.tag.value, 1);
    }
    ck_assert(!gw_timers_take(&timers, 100, &timer));
    gw_timers_clear(&timers);
}
END_TEST

START_TEST(watches_are_not_sure)
{
    gw_timers timers = {0};
    gw_timer timer;
    ck_assert(!gw_timers_are_sure(&timers));
    gw_timers_watch(&timers, (gw_node_id){1}, 50, (gw_tag){1});
    gw_timers_watch(&timers, (gw_node_id){1}, 60, (gw_tag){2});
    ck_assert(!gw_timers_are_sure(&timers));
    gw_timers_set(&timers, (gw_node_id){1}, 55, (gw_tag){3});
    ck_assert(gw_timers_are_sure(&timers));
    ck_assert(gw_timers_take(&timers, 100, &timer)); /* In one order with the others. */
    ck_assert_uint_eq(timer.tag.value, 1);
    ck_assert(gw_timers_are_sure(&timers));
    ck_assert(gw_timers_take(&timers, 100, &timer));
    ck_assert_uint_eq(timer.tag.value, 3);
    ck_assert(!gw_timers_are_sure(&timers));
    gw_timers_cancel(&timers, (gw_node_id){1}, (gw_tag){2});
    ck_assert_uint_eq(timers.watch_count, 0);
    gw_timers_clear(&timers);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("timers");
    TCase *tcase = tcase_create("timers");
    tcase_add_test(tcase, none_is_never_due);
    tcase_add_test(tcase, not_before_it_is_due);
    tcase_add_loop_test(tcase, they_come_in_order_whatever_is_cancelled, 0, 10);
    tcase_add_test(tcase, cancelling_a_tag_takes_all_that_have_it);
    tcase_add_test(tcase, watches_are_not_sure);
    suite_add_tcase(suite, tcase);
    return gw_run_suite(suite);
}
