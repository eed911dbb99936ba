/* SPDX-License-Identifier: Apache-2.0 */
/* Lookups against a plain array of what they hold, through growth and through runs of neighbours
 * that are taken out in the middle. */
#include <check.h>
#include <signal.h>
#include <stdlib.h>

#include <glib.h>

#include "base/random.h"
#include "real/lookup.h"
#include "run_suite.h"

#define KEY_COUNT 300

START_TEST(an_empty_lookup_finds_nothing)
{
    gw_lookup lookup = {0};
    ck_assert_uint_eq(gw_lookup_find(&lookup, 0), GW_LOOKUP_NONE);
    ck_assert_uint_eq(gw_lookup_take(&lookup, 0), GW_LOOKUP_NONE);
    ck_assert_uint_eq(gw_lookup_take_any(&lookup), GW_LOOKUP_NONE);
    gw_lookup_clear(&lookup);
}
END_TEST

START_TEST(any_key_will_do)
{
    static const uint64_t keys[] = {0, 1, UINT64_MAX, UINT64_MAX - 1, UINT64_C(1) << 63};
    gw_lookup lookup = {0};
    for (uint32_t i = 0; i < G_N_ELEMENTS(keys); i++) {
        gw_lookup_add(&lookup, keys[i], i);
    }
    for (uint32_t i = 0; i < G_N_ELEMENTS(keys); i++) {
        ck_assert_uint_eq(gw_lookup_find(&lookup, keys[i]), i);
    }
    ck_assert_uint_eq(gw_lookup_find(&lookup, 2), GW_LOOKUP_NONE);
    gw_lookup_clear(&lookup);
    ck_assert_uint_eq(gw_lookup_find(&lookup, 0), GW_LOOKUP_NONE);
}
END_TEST

/* 200 000 additions and removals, all of the contents checked now and then. */
START_TEST(it_agrees_with_an_array)
{
    uint64_t held[KEY_COUNT]; /* By key. */
    for (uint32_t i = 0; i < KEY_COUNT; i++) {
        held[i] = GW_LOOKUP_NONE;
    }
    gw_lookup lookup = {0};
    gw_random random;
    gw_random_init(&random, (uint64_t)_i, "lookup");
    for (uint32_t step = 0; step < 200000; step++) {
        const uint64_t key = gw_random_below(&random, KEY_COUNT);
        if (held[key] == GW_LOOKUP_NONE) {
            held[key] = gw_random_next(&random) >> 1;
            gw_lookup_add(&lookup, key, held[key]);
        } else {
            if (gw_lookup_take(&lookup, key) != held[key]) {
                ck_abort_msg("step %u: key %u is not as it was put in", step, (unsigned)key);
            }
            held[key] = GW_LOOKUP_NONE;
        }
        for (uint64_t k = 0; step % 997 == 0 && k < KEY_COUNT; k++) {
            ck_assert_uint_eq(gw_lookup_find(&lookup, k), held[k]);
        }
    }
    uint64_t left_count = 0;
    for (uint32_t i = 0; i < KEY_COUNT; i++) {
        left_count += held[i] != GW_LOOKUP_NONE ? 1 : 0;
    }
    ck_assert_uint_eq(lookup.count, left_count);
    ck_assert_uint_le(lookup.mask + 1, 4 * KEY_COUNT); /* It has not grown with the steps. */
    while (gw_lookup_take_any(&lookup) != GW_LOOKUP_NONE) {
        left_count--;
    }
    ck_assert_uint_eq(left_count, 0);
    gw_lookup_clear(&lookup);
}
END_TEST

START_TEST(a_key_twice_is_our_mistake)
{
    gw_lookup lookup = {0};
    gw_lookup_add(&lookup, 5, 1);
    gw_lookup_add(&lookup, 5, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lookup");
    TCase *tcase = tcase_create("lookup");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, an_empty_lookup_finds_nothing);
    tcase_add_test(tcase, any_key_will_do);
    tcase_add_loop_test(tcase, it_agrees_with_an_array, 0, 3);
    tcase_add_test_raise_signal(tcase, a_key_twice_is_our_mistake, SIGABRT);
    suite_add_tcase(suite, tcase);
    return gw_run_suite(suite);
}
