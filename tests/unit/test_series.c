/* SPDX-License-Identifier: Apache-2.0 */
/* Busy time over the run: nothing is lost or made when bins widen. */
#include <signal.h>

#include "base/random.h"
#include "record/csv.h"
#include "record/series.h"
#include "test_record.h"

static const uint32_t two_islands[] = {4, 8};
static const char *const two_jobs[] = {"large", "a,\"b\""};

static gw_series *make_series(void)
{
    return gw_series_new(&(gw_series_settings){.island_device_counts = two_islands,
                                               .island_count = 2,
                                               .job_names = two_jobs,
                                               .job_count = 2});
}

static uint64_t sum_island_ns(const gw_series *series, uint32_t island)
{
    uint64_t sum_ns = 0;
    for (uint32_t bin = 0; bin < GW_SERIES_BIN_COUNT; bin++) {
        sum_ns += gw_series_island_busy_ns(series, bin, island);
    }
    return sum_ns;
}

static uint64_t sum_job_ns(const gw_series *series, uint32_t job)
{
    uint64_t sum_ns = 0;
    for (uint32_t bin = 0; bin < GW_SERIES_BIN_COUNT; bin++) {
        sum_ns += gw_series_job_busy_ns(series, bin, job);
    }
    return sum_ns;
}

START_TEST(short_runs_have_bins_of_a_nanosecond)
{
    g_autoptr(gw_series) series = make_series();
    ck_assert_uint_eq(gw_series_bin_count(series), 0);
    gw_series_add(series, 0, 1, 3, 2, 5, 3);
    ck_assert_uint_eq(gw_series_bin_ns(series), 1);
    ck_assert_uint_eq(gw_series_bin_count(series), 5);
    for (uint32_t bin = 0; bin < 5; bin++) {
        ck_assert_uint_eq(gw_series_island_busy_ns(series, bin, 0), bin < 2 ? 0 : 3);
        ck_assert_uint_eq(gw_series_job_busy_ns(series, bin, 1), bin < 2 ? 0 : 3);
        ck_assert_uint_eq(gw_series_island_busy_ns(series, bin, 1), 0);
        ck_assert_uint_eq(gw_series_job_busy_ns(series, bin, 0), 0);
    }
}
END_TEST

START_TEST(the_last_bin_is_cut_at_the_end)
{
    g_autoptr(gw_series) series = make_series();
    gw_series_add(series, 0, 0, 1, 0, 2049, 2049);
    ck_assert_uint_eq(gw_series_bin_ns(series), 4);
    ck_assert_uint_eq(gw_series_bin_count(series), 513);
    ck_assert_uint_eq(gw_series_length_ns(series, 511), 4);
    ck_assert_uint_eq(gw_series_length_ns(series, 512), 1);
    ck_assert_uint_eq(gw_series_island_busy_ns(series, 511, 0), 4);
    ck_assert_uint_eq(gw_series_island_busy_ns(series, 512, 0), 1);
}
END_TEST

START_TEST(widening_merges_neighbours)
{
    g_autoptr(gw_series) series = make_series();
    gw_series_add(series, 0, 0, 1, 0, 1, 1);
    gw_series_add(series, 0, 0, 1, 3, 4, 1);
    gw_series_add(series, 0, 0, 1, 1023, 1024, 1);
    ck_assert_uint_eq(gw_series_bin_ns(series), 1);
    gw_series_add(series, 1, 1, 1, 1024, 1025, 1);
    ck_assert_uint_eq(gw_series_bin_ns(series), 2);
    ck_assert_uint_eq(gw_series_island_busy_ns(series, 0, 0), 1);
    ck_assert_uint_eq(gw_series_island_busy_ns(series, 1, 0), 1);
    ck_assert_uint_eq(gw_series_island_busy_ns(series, 511, 0), 1);
    ck_assert_uint_eq(gw_series_island_busy_ns(series, 512, 1), 1);
    gw_series_add(series, 1, 1, 1, UINT64_C(1) << 40, (UINT64_C(1) << 40) + 1, 1);
    ck_assert_uint_eq(gw_series_island_busy_ns(series, 0, 0), 3);
    ck_assert_uint_eq(gw_series_island_busy_ns(series, 0, 1), 1);
    ck_assert_uint_eq(sum_island_ns(series, 1), 2);
}
END_TEST

START_TEST(years_are_not_too_long)
{
    g_autoptr(gw_series) series = make_series();
    const gw_time end_ns = (UINT64_C(1) << 62) + 12345;
    gw_series_add(series, 0, 0, 1, 7, 8, 1);
    gw_series_add(series, 0, 0, 1, end_ns - 10, end_ns, 5);
    ck_assert_uint_le(gw_series_bin_count(series), GW_SERIES_BIN_COUNT);
    ck_assert_uint_gt(gw_series_bin_count(series), GW_SERIES_BIN_COUNT / 2);
    ck_assert_uint_eq(sum_island_ns(series, 0), 6);
}
END_TEST

START_TEST(a_part_is_spread_evenly)
{
    g_autoptr(gw_series) series = make_series();
    gw_series_add(series, 0, 0, 2, 10, 20, 5);
    uint64_t first_half_ns = 0;
    for (uint32_t bin = 10; bin < 15; bin++) {
        first_half_ns += gw_series_island_busy_ns(series, bin, 0);
        ck_assert_uint_le(gw_series_island_busy_ns(series, bin, 0), 2);
    }
    ck_assert_uint_eq(first_half_ns, 4); /* Half of 5, rounded down, on two devices. */
    ck_assert_uint_eq(sum_island_ns(series, 0), 10);
}
END_TEST

/* Against an array of every nanosecond. */
START_TEST(bins_agree_with_a_plain_count)
{
    enum { LENGTH_NS = 20000 };
    gw_random random;
    gw_random_init(&random, (uint64_t)_i, "series");
    g_autofree uint64_t *plain = g_new0(uint64_t, LENGTH_NS);
    g_autoptr(gw_series) series = make_series();
    for (uint32_t i = 0; i < 300; i++) {
        gw_time start_ns = gw_random_below(&random, LENGTH_NS);
        gw_time end_ns = start_ns + gw_random_below(&random, LENGTH_NS - start_ns + 1);
        uint32_t device_count = 1 + (uint32_t)gw_random_below(&random, 4);
        gw_series_add(series, 0, i % 2, device_count, start_ns, end_ns, end_ns - start_ns);
        for (gw_time t = start_ns; t < end_ns; t++) {
            plain[t] += device_count;
        }
    }
    gw_span bin_ns = gw_series_bin_ns(series);
    for (uint32_t bin = 0; bin < gw_series_bin_count(series); bin++) {
        uint64_t expected_ns = 0;
        for (gw_time t = bin * bin_ns; t < MIN((bin + 1) * bin_ns, LENGTH_NS); t++) {
            expected_ns += plain[t];
        }
        ck_assert_uint_eq(gw_series_island_busy_ns(series, bin, 0), expected_ns);
        ck_assert_uint_eq(gw_series_job_busy_ns(series, bin, 0) +
                              gw_series_job_busy_ns(series, bin, 1),
                          expected_ns);
    }
}
END_TEST

START_TEST(sums_are_exact_however_time_runs)
{
    gw_random random;
    gw_random_init(&random, (uint64_t)_i, "series");
    g_autoptr(gw_series) series = make_series();
    uint64_t islands_ns[2] = {0}, jobs_ns[2] = {0};
    for (uint32_t i = 0; i < 2000; i++) {
        gw_time start_ns = gw_random_below(&random, UINT64_C(1) << (i % 45));
        gw_span length_ns = gw_random_below(&random, UINT64_C(1) << (i % 37));
        gw_span busy_ns = gw_random_below(&random, length_ns + 1);
        uint32_t island = i % 2, job = i / 2 % 2;
        uint32_t device_count = 1 + (uint32_t)gw_random_below(&random, two_islands[island]);
        gw_series_add(series, island, job, device_count, start_ns, start_ns + length_ns, busy_ns);
        islands_ns[island] += busy_ns * device_count;
        jobs_ns[job] += busy_ns * device_count;
    }
    for (uint32_t i = 0; i < 2; i++) {
        ck_assert_uint_eq(sum_island_ns(series, i), islands_ns[i]);
        ck_assert_uint_eq(sum_job_ns(series, i), jobs_ns[i]);
    }
}
END_TEST

START_TEST(many_jobs_share_a_column)
{
    const uint32_t island[] = {1};
    const char *names[20];
    for (uint32_t i = 0; i < 20; i++) {
        names[i] = "j";
    }
    g_autoptr(gw_series) series = gw_series_new(&(gw_series_settings){
        .island_device_counts = island, .island_count = 1, .job_names = names, .job_count = 20});
    for (uint32_t i = 0; i < 20; i++) {
        gw_series_add(series, 0, i, 1, i, i + 1, 1);
    }
    ck_assert_uint_eq(sum_job_ns(series, 15), 1);
    ck_assert_uint_eq(sum_job_ns(series, GW_SERIES_JOB_COUNT), 4);
}
END_TEST

/* --- utilization.csv --- */

static char *write_series(const gw_series *series)
{
    char *folder = make_folder();
    g_autoptr(gw_output) output = gw_output_open(folder, "u.csv", NULL);
    gw_series_write(series, output);
    ck_assert(gw_output_commit(output, NULL));
    char *text = read_text(folder, "u.csv");
    remove_folder(folder);
    return text;
}

START_TEST(the_table_has_a_row_a_bin_and_an_end)
{
    g_autoptr(gw_series) series = make_series();
    gw_series_add(series, 0, 0, 4, 1, 2, 1);
    gw_series_add(series, 1, 1, 2, 2, 3, 1);
    g_autofree char *text = write_series(series);
    ck_assert_str_eq(text, "time_ns,all,island_0,island_1,job_large,\"job_a,\"\"b\"\"\"\n"
                           "0,0.000000,0.000000,0.000000,0.000000,0.000000\n"
                           "1,0.333333,1.000000,0.000000,0.333333,0.000000\n"
                           "2,0.166667,0.000000,0.250000,0.000000,0.166667\n"
                           "3,0.000000,0.000000,0.000000,0.000000,0.000000\n");
}
END_TEST

START_TEST(the_table_of_no_work_is_its_end)
{
    g_autoptr(gw_series) series = make_series();
    g_autofree char *text = write_series(series);
    ck_assert_ptr_nonnull(strstr(text, "\n0,0.000000,0.000000,0.000000,0.000000,0.000000\n"));
}
END_TEST

START_TEST(the_table_names_the_rest)
{
    const uint32_t island[] = {1};
    const char *names[17];
    for (uint32_t i = 0; i < 17; i++) {
        names[i] = "j";
    }
    g_autoptr(gw_series) series = gw_series_new(&(gw_series_settings){
        .island_device_counts = island, .island_count = 1, .job_names = names, .job_count = 17});
    gw_series_add(series, 0, 16, 1, 0, 1, 1);
    g_autofree char *text = write_series(series);
    ck_assert_ptr_nonnull(strstr(text, ",job_j,job_other\n0,1.000000,1.000000,0.0"));
    ck_assert_ptr_nonnull(strstr(text, ",0.000000,1.000000\n1,"));
}
END_TEST

/* --- Beliefs --- */

START_TEST(time_does_not_run_backwards)
{
    g_autoptr(gw_series) series = make_series();
    gw_series_add(series, 0, 0, 1, 5, 4, 0);
}
END_TEST

START_TEST(no_device_is_busier_than_time_allows)
{
    g_autoptr(gw_series) series = make_series();
    gw_series_add(series, 0, 0, 1, 5, 10, 6);
}
END_TEST

START_TEST(islands_are_known)
{
    g_autoptr(gw_series) series = make_series();
    gw_series_add(series, 2, 0, 1, 5, 10, 5);
}
END_TEST

START_TEST(nothing_takes_no_time)
{
    g_autoptr(gw_series) series = make_series();
    gw_series_add(series, 0, 0, 1, 5, 5, 0);
    ck_assert_uint_eq(gw_series_bin_count(series), 0);
    ck_assert_uint_eq(sum_island_ns(series, 0), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("series");
    TCase *cases = tcase_create("series");
    tcase_add_test(cases, short_runs_have_bins_of_a_nanosecond);
    tcase_add_test(cases, the_last_bin_is_cut_at_the_end);
    tcase_add_test(cases, widening_merges_neighbours);
    tcase_add_test(cases, years_are_not_too_long);
    tcase_add_test(cases, a_part_is_spread_evenly);
    tcase_add_loop_test(cases, bins_agree_with_a_plain_count, 0, 8);
    tcase_add_loop_test(cases, sums_are_exact_however_time_runs, 0, 8);
    tcase_add_test(cases, many_jobs_share_a_column);
    tcase_add_test(cases, the_table_has_a_row_a_bin_and_an_end);
    tcase_add_test(cases, the_table_of_no_work_is_its_end);
    tcase_add_test(cases, the_table_names_the_rest);
    tcase_add_test(cases, nothing_takes_no_time);
    tcase_add_test_raise_signal(cases, time_does_not_run_backwards, SIGABRT);
    tcase_add_test_raise_signal(cases, no_device_is_busier_than_time_allows, SIGABRT);
    tcase_add_test_raise_signal(cases, islands_are_known, SIGABRT);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
