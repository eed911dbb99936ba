/* SPDX-License-Identifier: Apache-2.0 */
/* Which of a small program's places stands for which of a large one. */
#include <check.h>

#include "app/search_places.h"
#include "run_suite.h"

START_TEST(a_side_has_its_first_one_between_and_its_last)
{
    const gw_search_places large = {5, 7}; /* Two of the decoder. */
    const gw_search_places few = gw_search_places_shorten(large);
    ck_assert_uint_eq(few.encoder, 3);
    ck_assert_uint_eq(few.all, 5);
    static const guint expected[] = {0, 1, 1, 1, 2, 3, 4};
    for (guint place = 0; place < large.all; place++)
        ck_assert_uint_eq(gw_search_places_find(large, place), expected[place]);
}
END_TEST

START_TEST(decoders_alone_have_one_side)
{
    for (guint all = 1; all < 6; all++) {
        const gw_search_places large = {0, all}, few = gw_search_places_shorten(large);
        ck_assert_uint_eq(few.encoder, 0);
        ck_assert_uint_eq(few.all, MIN(all, 3));
        ck_assert_uint_eq(gw_search_places_find(large, 0), 0);
        ck_assert_uint_eq(gw_search_places_find(large, all - 1), few.all - 1);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("search_places");
    TCase *cases = tcase_create("search_places");
    tcase_add_test(cases, a_side_has_its_first_one_between_and_its_last);
    tcase_add_test(cases, decoders_alone_have_one_side);
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
