/* SPDX-License-Identifier: Apache-2.0 */
/* Links' loads against a plain table of all links. */
#include <check.h>
#include <signal.h>
#include <stdlib.h>

#include "accel/link_loads.h"
#include "base/random.h"
#include "base/units.h"
#include "run_suite.h"

#define LINKS 5000

START_TEST(each_link_has_its_own)
{
    static double wanted[LINKS];
    gw_link_loads loads;
    gw_random random;
    gw_random_init(&random, 7, "link_loads");
    gw_link_loads_init(&loads);
    for (uint32_t i = 0; i < 4 * LINKS; i++) {
        /* Neighbours, multiples of a power of two, and any. */
        const uint32_t drawn = (uint32_t)gw_random_below(&random, LINKS);
        const uint32_t link = _i == 0 ? i % 700 : _i == 1 ? drawn / 64 * 64 : drawn;
        gw_link_load *load = gw_link_loads_at(&loads, link);
        ck_assert_uint_eq(load->link, link);
        ck_assert_double_eq(load->round_bytes, wanted[link]);
        ck_assert_double_eq(load->total_bytes, 2 * wanted[link]);
        wanted[link] += i;
        load->round_bytes += i;
        load->total_bytes += 2.0 * i;
    }
    uint32_t count = 0;
    for (uint32_t i = 0; i < LINKS; i++) {
        count += wanted[i] > 0;
    }
    ck_assert_uint_ge(count, 70);
    ck_assert_uint_le(loads.count, count + 1); /* What was asked for first had nothing added. */
    ck_assert_uint_ge(loads.count, count);
    gw_link_loads_clear(&loads);
}
END_TEST

START_TEST(room_is_that_of_links_asked_for)
{
    gw_link_loads loads;
    gw_link_loads_init(&loads);
    for (uint32_t i = 0; i < 100; i++) {
        gw_link_loads_at(&loads, UINT32_MAX - 1 - 1000000 * (i % 10));
    }
    ck_assert_uint_eq(loads.count, 10);
    ck_assert_uint_le(loads.capacity_log2, 6);
    gw_link_loads_clear(&loads);
}
END_TEST

START_TEST(no_link_aborts)
{
    gw_link_loads loads;
    gw_link_loads_init(&loads);
    gw_link_loads_at(&loads, GW_INDEX_NONE);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("link_loads");
    TCase *cases = tcase_create("link_loads");
    tcase_add_loop_test(cases, each_link_has_its_own, 0, 3);
    tcase_add_test(cases, room_is_that_of_links_asked_for);
    tcase_add_test_raise_signal(cases, no_link_aborts, SIGABRT);
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
