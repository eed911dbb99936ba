/* SPDX-License-Identifier: Apache-2.0 */
/* Pools: indexes stay, the last one given back comes first, a warm pool does not grow. */
#include <check.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>

#include <glib.h>

#include "base/pool.h"
#include "run_suite.h"

typedef struct {
    uint64_t value;
    char tail[5];
} slot;

START_TEST(empty_pool_can_be_cleared)
{
    gw_pool pool;
    gw_pool_init(&pool, sizeof(slot));
    ck_assert_uint_eq(gw_pool_live_count(&pool), 0);
    gw_pool_clear(&pool);
    gw_pool_clear(&pool);
}
END_TEST

START_TEST(indexes_count_up_and_contents_stay)
{
    gw_pool pool;
    gw_pool_init(&pool, sizeof(slot));
    for (uint32_t i = 0; i < 10000; i++) {
        ck_assert_uint_eq(gw_pool_take(&pool), i);
        slot *made = gw_pool_at(&pool, i);
        memset(made, 0xa5, sizeof *made);
        made->value = (uint64_t)i * i;
    }
    ck_assert_uint_eq(gw_pool_live_count(&pool), 10000);
    for (uint32_t i = 0; i < 10000; i++) {
        const slot *kept = gw_pool_at(&pool, i);
        ck_assert_uint_eq(kept->value, (uint64_t)i * i);
    }
    gw_pool_clear(&pool);
}
END_TEST

START_TEST(last_given_is_first_taken)
{
    gw_pool pool;
    gw_pool_init(&pool, sizeof(slot));
    for (uint32_t i = 0; i < 8; i++) {
        gw_pool_take(&pool);
    }
    gw_pool_give(&pool, 2);
    gw_pool_give(&pool, 7);
    gw_pool_give(&pool, 0);
    ck_assert_uint_eq(gw_pool_live_count(&pool), 5);
    ck_assert_uint_eq(gw_pool_take(&pool), 0);
    ck_assert_uint_eq(gw_pool_take(&pool), 7);
    ck_assert_uint_eq(gw_pool_take(&pool), 2);
    ck_assert_uint_eq(gw_pool_take(&pool), 8);
    gw_pool_clear(&pool);
}
END_TEST

START_TEST(warm_pool_allocates_nothing)
{
    gw_pool pool;
    gw_pool_init(&pool, sizeof(slot));
    for (uint32_t i = 0; i < 1000; i++) {
        gw_pool_take(&pool);
    }
    for (uint32_t i = 0; i < 1000; i++) {
        gw_pool_give(&pool, i);
    }
    const unsigned char *slots = pool.slots;
    const uint32_t *free_indexes = pool.free_indexes;
    for (uint32_t round = 0; round < 3; round++) {
        for (uint32_t i = 0; i < 1000; i++) {
            ck_assert_uint_lt(gw_pool_take(&pool), 1000);
        }
        for (uint32_t i = 0; i < 1000; i++) {
            gw_pool_give(&pool, i);
        }
    }
    ck_assert_ptr_eq(pool.slots, slots);
    ck_assert_ptr_eq(pool.free_indexes, free_indexes);
    ck_assert_uint_eq(pool.used_count, 1000);
    gw_pool_clear(&pool);
}
END_TEST

START_TEST(slots_may_be_one_byte)
{
    gw_pool pool;
    gw_pool_init(&pool, 1);
    for (uint32_t i = 0; i < 100; i++) {
        *(unsigned char *)gw_pool_at(&pool, gw_pool_take(&pool)) = (unsigned char)i;
    }
    ck_assert_uint_eq(*(unsigned char *)gw_pool_at(&pool, 99), 99);
    gw_pool_clear(&pool);
}
END_TEST

/* Any order of takes and gives: no index is handed out twice. */
START_TEST(no_index_is_handed_out_twice)
{
    gw_pool pool;
    gw_pool_init(&pool, sizeof(slot));
    bool is_live[64] = {false};
    uint32_t live_count = 0;
    uint32_t state = (uint32_t)_i + 1;
    for (uint32_t i = 0; i < 5000; i++) {
        state = state * 1664525 + 1013904223;
        const uint32_t index = (state >> 16) % 64;
        if (is_live[index]) {
            gw_pool_give(&pool, index);
            is_live[index] = false;
            live_count--;
        } else if (live_count < 64) {
            const uint32_t taken = gw_pool_take(&pool);
            ck_assert_uint_lt(taken, 64);
            ck_assert(!is_live[taken]);
            is_live[taken] = true;
            live_count++;
        }
        ck_assert_uint_eq(gw_pool_live_count(&pool), live_count);
    }
    gw_pool_clear(&pool);
}
END_TEST

START_TEST(slots_of_no_size_abort)
{
    gw_pool pool;
    gw_pool_init(&pool, 0);
}
END_TEST

START_TEST(giving_what_was_never_taken_aborts)
{
    gw_pool pool;
    gw_pool_init(&pool, sizeof(slot));
    gw_pool_take(&pool);
    gw_pool_give(&pool, 1);
}
END_TEST

START_TEST(giving_more_than_taken_aborts)
{
    gw_pool pool;
    gw_pool_init(&pool, sizeof(slot));
    const uint32_t index = gw_pool_take(&pool);
    gw_pool_give(&pool, index);
    gw_pool_give(&pool, index);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("pool");
    tcase_add_test(cases, empty_pool_can_be_cleared);
    tcase_add_test(cases, indexes_count_up_and_contents_stay);
    tcase_add_test(cases, last_given_is_first_taken);
    tcase_add_test(cases, warm_pool_allocates_nothing);
    tcase_add_test(cases, slots_may_be_one_byte);
    tcase_add_loop_test(cases, no_index_is_handed_out_twice, 0, 8);
    tcase_add_test_raise_signal(cases, slots_of_no_size_abort, SIGABRT);
    tcase_add_test_raise_signal(cases, giving_what_was_never_taken_aborts, SIGABRT);
    tcase_add_test_raise_signal(cases, giving_more_than_taken_aborts, SIGABRT);
    Suite *suite = suite_create("pool");
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
