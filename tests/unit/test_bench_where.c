/* SPDX-License-Identifier: Apache-2.0 */
/* Parts by names of files and functions, and that the time of a function that only computes is
 * found where it was spent. */
#include <check.h>
#include <math.h>
#include <time.h>

#include "run_suite.h"
#include "tests/bench/bench_where.h"

START_TEST(files_and_functions_belong_to_parts)
{
    ck_assert_int_eq(gw_where_of("store.c", "take"), GW_WHERE_STORE);
    ck_assert_int_eq(gw_where_of("executor_spill.c", "take"), GW_WHERE_EXECUTOR);
    ck_assert_int_eq(gw_where_of("policy_share.c", "pick"), GW_WHERE_SCHEDULER);
    ck_assert_int_eq(gw_where_of(NULL, "gw_store_take"), GW_WHERE_STORE);
    ck_assert_int_eq(gw_where_of(NULL, "gw_schedule_explain"), GW_WHERE_SCHEDULER);
    ck_assert_int_eq(gw_where_of(NULL, "gw_job_place"), GW_WHERE_RESOURCES);
    ck_assert_int_eq(gw_where_of(NULL, "gw_null_run"), GW_WHERE_DEVICES);
    ck_assert_int_eq(gw_where_of(NULL, "gw_params_parse"), GW_WHERE_OTHER);
    ck_assert_int_eq(gw_where_of("builder.c", "store"), GW_WHERE_OTHER);
    ck_assert_int_eq(gw_where_of(NULL, "main"), GW_WHERE_OTHER);
}
END_TEST

static double cpu_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Until so much CPU time is used; a file of tests is no part of the controller. */
static double burn(double seconds)
{
    const double end_s = cpu_seconds() + seconds;
    volatile double sum = 0;
    while (cpu_seconds() < end_s)
        for (int i = 0; i < 100000; i++)
            sum = sum * 0.5 + i;
    return sum;
}

START_TEST(time_is_found_where_it_was_spent)
{
    uint64_t ticks[GW_WHERE_COUNT];
    for (int round = 0; round < 2; round++) { /* It can begin anew. */
        GError *error = NULL;
        gw_where_sampler *sampler = gw_where_begin(&error);
        ck_assert_msg(sampler != NULL, "%s", error != NULL ? error->message : "");
        ck_assert(isfinite(burn(0.3)));
        gw_where_end(sampler, ticks);
        ck_assert_uint_ge(ticks[GW_WHERE_OTHER], 10);
        for (uint32_t part = 0; part < GW_WHERE_LIBRARIES; part++)
            ck_assert_uint_eq(ticks[part], 0);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("bench_where");
    TCase *tcase = tcase_create("bench_where");
    tcase_set_timeout(tcase, 60); /* CPU time, on a machine that may be busy. */
    tcase_add_test(tcase, files_and_functions_belong_to_parts);
    tcase_add_test(tcase, time_is_found_where_it_was_spent);
    suite_add_tcase(suite, tcase);
    return gw_run_suite(suite);
}
