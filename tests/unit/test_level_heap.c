/* SPDX-License-Identifier: Apache-2.0 */
/* The lowest first, ties by number, levels that move. */
#include <check.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>

#include "base/random.h"
#include "base/units.h"
#include "run_suite.h"
#include "topology/level_heap.h"

#define LINK_COUNT 200

START_TEST(lowest_comes_first_and_ties_by_number)
{
    gw_level_heap heap;
    gw_level_heap_init(&heap, LINK_COUNT);
    gw_level_heap_lower(&heap, 7, 2);
    gw_level_heap_lower(&heap, 9, 1);
    gw_level_heap_lower(&heap, 5, 2);
    gw_level_heap_lower(&heap, 3, 4);
    const uint32_t expected[] = {9, 5, 7, 3};
    for (uint32_t i = 0; i < 4; i++) {
        ck_assert_uint_eq(heap.items[0].link, expected[i]);
        gw_level_heap_pop(&heap);
    }
    ck_assert_uint_eq(heap.count, 0);
    gw_level_heap_clear(&heap);
}
END_TEST

START_TEST(link_is_in_it_once_at_its_lowest)
{
    gw_level_heap heap;
    gw_level_heap_init(&heap, LINK_COUNT);
    gw_level_heap_lower(&heap, 1, 5);
    gw_level_heap_lower(&heap, 2, 6);
    gw_level_heap_lower(&heap, 2, 8); /* Not lower: nothing. */
    ck_assert_double_eq(gw_level_heap_second(&heap), 6);
    gw_level_heap_lower(&heap, 2, 4);
    ck_assert_uint_eq(heap.count, 2);
    ck_assert_uint_eq(heap.items[0].link, 2);
    gw_level_heap_raise_first(&heap, 7);
    ck_assert_uint_eq(heap.items[0].link, 1);
    gw_level_heap_pop(&heap);
    ck_assert_double_eq(heap.items[0].level, 7);
    ck_assert_double_eq(gw_level_heap_second(&heap), INFINITY);
    gw_level_heap_pop(&heap);
    gw_level_heap_lower(&heap, 1, 9); /* It has left, so it may come again. */
    ck_assert_uint_eq(heap.count, 1);
    gw_level_heap_clear(&heap);
}
END_TEST

/* Against a search through all levels. */
START_TEST(order_is_that_of_a_search)
{
    gw_random random;
    gw_random_init(&random, (uint64_t)_i, "level_heap");
    double levels[LINK_COUNT];
    for (uint32_t i = 0; i < LINK_COUNT; i++) {
        levels[i] = INFINITY;
    }
    gw_level_heap heap;
    gw_level_heap_init(&heap, LINK_COUNT);
    for (uint32_t step = 0; step < 5000; step++) {
        uint32_t first = GW_INDEX_NONE;
        for (uint32_t i = 0; i < LINK_COUNT; i++) {
            if (levels[i] < INFINITY && (first == GW_INDEX_NONE || levels[i] < levels[first])) {
                first = i;
            }
        }
        ck_assert_uint_eq(heap.count == 0 ? GW_INDEX_NONE : heap.items[0].link, first);
        const uint32_t action = (uint32_t)gw_random_below(&random, 4);
        const double level = (double)gw_random_below(&random, 50);
        if (action == 0 && first != GW_INDEX_NONE) {
            gw_level_heap_pop(&heap);
            levels[first] = INFINITY;
        } else if (action == 1 && first != GW_INDEX_NONE) {
            gw_level_heap_raise_first(&heap, levels[first] + level);
            levels[first] += level;
        } else {
            const uint32_t link = (uint32_t)gw_random_below(&random, LINK_COUNT);
            gw_level_heap_lower(&heap, link, level);
            levels[link] = MIN(levels[link], level);
        }
    }
    gw_level_heap_clear(&heap);
}
END_TEST

START_TEST(first_does_not_go_down)
{
    gw_level_heap heap;
    gw_level_heap_init(&heap, LINK_COUNT);
    gw_level_heap_lower(&heap, 1, 5);
    gw_level_heap_raise_first(&heap, 4);
}
END_TEST

START_TEST(empty_has_nothing_to_pop)
{
    gw_level_heap heap;
    gw_level_heap_init(&heap, LINK_COUNT);
    gw_level_heap_pop(&heap);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("level_heap");
    TCase *cases = tcase_create("level_heap");
    tcase_add_test(cases, lowest_comes_first_and_ties_by_number);
    tcase_add_test(cases, link_is_in_it_once_at_its_lowest);
    tcase_add_loop_test(cases, order_is_that_of_a_search, 0, 5);
    tcase_add_test_raise_signal(cases, first_does_not_go_down, SIGABRT);
    tcase_add_test_raise_signal(cases, empty_has_nothing_to_pop, SIGABRT);
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
