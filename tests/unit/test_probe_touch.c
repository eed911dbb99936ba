/* SPDX-License-Identifier: Apache-2.0 */
/* Every area is new to the system: what was there before takes a hundredth of that to touch. */
#include <check.h>

#include "real/probe.h"
#include "run_suite.h"

START_TEST(new_memory_is_measured)
{
    for (uint32_t threads = 1; threads <= 3; threads++) {
        const gw_probe_settings settings = {.seconds = 0.001, .thread_count = threads};
        const gw_probe_stat stat = gw_probe_first_touch(&settings);
        ck_assert_double_gt(stat.median_ns, 5); /* Of 1 KiB: a page that is there, 1 ns at most. */
        ck_assert_double_le(stat.low_ns, stat.median_ns);
        ck_assert_uint_ge(stat.count, 16 * threads);
        ck_assert_uint_le(stat.count, 256 * threads);
    }
}
END_TEST

/* Memory is bounded, however long it may take; and no area of one call is used by the next. */
START_TEST(long_measurements_end_at_their_most)
{
    const gw_probe_settings settings = {.seconds = 3600, .thread_count = 2};
    for (uint32_t i = 0; i < 3; i++) {
        const gw_probe_stat stat = gw_probe_first_touch(&settings);
        ck_assert_uint_eq(stat.count, 2 * 256);
        ck_assert_double_gt(stat.median_ns, 5);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("probe_touch");
    TCase *tcase = tcase_create("probe_touch");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, new_memory_is_measured);
    tcase_add_test(tcase, long_measurements_end_at_their_most);
    suite_add_tcase(suite, tcase);
    return gw_run_suite(suite);
}
