/* SPDX-License-Identifier: Apache-2.0 */
/* Each rest is taken before its sample; however short the measurement is to be, there are some. */
#include <check.h>

#include "real/activity.h"
#include "real/probe.h"
#include "run_suite.h"

START_TEST(a_sleeper_is_woken_after_its_rest)
{
    static const gw_span rests_ns[] = {1, 20000, 2000000};
    for (guint i = 0; i < G_N_ELEMENTS(rests_ns); i++) {
        const gw_probe_settings settings = {.seconds = 0.001, .thread_count = 1};
        const uint64_t before_ns = gw_monotonic_ns();
        const gw_probe_stat stat = gw_probe_wake(&settings, rests_ns[i]);
        ck_assert_uint_ge(stat.count, 9);
        ck_assert_uint_ge(gw_monotonic_ns() - before_ns, stat.count * rests_ns[i]);
        ck_assert_double_gt(stat.median_ns, 0);
        ck_assert_double_le(stat.low_ns, stat.median_ns);
    }
}
END_TEST

START_TEST(longer_measurements_have_more_samples)
{
    const gw_probe_settings settings = {.seconds = 0.05, .thread_count = 1};
    ck_assert_uint_gt(gw_probe_wake(&settings, 1).count, 9);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("probe_wake");
    TCase *tcase = tcase_create("probe_wake");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, a_sleeper_is_woken_after_its_rest);
    tcase_add_test(tcase, longer_measurements_have_more_samples);
    suite_add_tcase(suite, tcase);
    return gw_run_suite(suite);
}
