/* SPDX-License-Identifier: Apache-2.0 */
/* Ticks as the system writes them, and this very machine. */
#include <check.h>
#include <glib.h>
#include <math.h>

#include "app/foreign_load.h"
#include "run_suite.h"

#define TICKS_PER_S 100

static gw_foreign_load read_at(const char *text, double own_s)
{
    return gw_foreign_load_read(text, own_s, TICKS_PER_S);
}

START_TEST(what_is_not_ours_is_foreign)
{
    const gw_foreign_load before = read_at("cpu  100 0 50 1000 10 5 5 0 0 0\ncpu0 1 2\n", 1);
    /* 200 ticks later: 140 busy, 0.9 s of them our own. */
    const gw_foreign_load after = read_at("cpu  180 10 70 1050 20 10 15 15 0 0\ncpu0 1 2\n", 1.9);
    ck_assert_double_eq_tol(gw_foreign_load_between(&before, &after), 50.0 / 200, 1e-12);
}
END_TEST

/* Ticks are coarse: others' time is never below nothing. */
START_TEST(a_share_is_a_share)
{
    const gw_foreign_load before = read_at("cpu  0 0 0 0 0 0 0 0 0 0\n", 0);
    const gw_foreign_load after = read_at("cpu  10 0 0 10 0 0 0 0 0 0\n", 0.11);
    ck_assert_double_eq(gw_foreign_load_between(&before, &after), 0);
    ck_assert(isnan(gw_foreign_load_between(&before, &before)));
}
END_TEST

START_TEST(what_cannot_be_read_is_not_known)
{
    static const char *const texts[] = {"", "cpu", "cpu 1 2 3\n", "cpu0 1 2 3 4 5 6 7 8 9 10\n",
                                        "cpu  a b c d e f g h\n"};
    const gw_foreign_load known = read_at("cpu  1 1 1 1 1 1 1 1 1 1\n", 0);
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
        const gw_foreign_load load = read_at(texts[i], 0);
        ck_assert_msg(isnan(gw_foreign_load_between(&known, &load)), "%s", texts[i]);
    }
}
END_TEST

START_TEST(this_machine_says)
{
    const gw_foreign_load before = gw_foreign_load_now();
    g_usleep(100000);
    const gw_foreign_load after = gw_foreign_load_now();
    ck_assert_double_gt(after.total, before.total);
    const double share = gw_foreign_load_between(&before, &after);
    ck_assert(share >= 0 && share <= 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("foreign_load");
    TCase *cases = tcase_create("foreign_load");
    tcase_add_test(cases, what_is_not_ours_is_foreign);
    tcase_add_test(cases, a_share_is_a_share);
    tcase_add_test(cases, what_cannot_be_read_is_not_known);
    tcase_add_test(cases, this_machine_says);
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
