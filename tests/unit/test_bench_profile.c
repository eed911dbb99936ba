/* SPDX-License-Identifier: Apache-2.0 */
/* Costs are found again in rows that were made from them, and written as a profile. */
#include <check.h>
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "run_suite.h"
#include "tests/bench/bench_profile.h"

#define CALL_NS     500.0
#define SCHEDULE_NS 70.0
#define MESSAGE_NS  120.0 /* Send and receive. */
#define GANG_NS     200.0 /* Prepare and complete. */
#define LAUNCH_NS   9.0
#define LOWER_NS    40.0

/* `gangs` gangs on `hosts` hosts of `devices`, `per_call` gangs a call, `messages` for all. */
static void add_row(GArray *rows, const char *name, double gangs, double hosts, double devices,
                    double per_call, double messages)
{
    gw_bench_row row = {.count = 1};
    g_strlcpy(row.name, name, sizeof row.name);
    row.actions[GW_COST_CALL] = (uint64_t)(gangs / per_call);
    row.actions[GW_COST_SCHEDULE] = (uint64_t)gangs;
    row.actions[GW_COST_SEND] = row.actions[GW_COST_RECEIVE] = (uint64_t)messages;
    row.actions[GW_COST_PREPARE] = row.actions[GW_COST_COMPLETE] = (uint64_t)(gangs * hosts);
    row.actions[GW_COST_LAUNCH] = (uint64_t)(gangs * hosts * devices);
    row.actions[GW_COST_LOWER] = (uint64_t)(hosts * devices);
    row.ns_per_operation = CALL_NS * (double)row.actions[GW_COST_CALL] +
                           SCHEDULE_NS * (double)row.actions[GW_COST_SCHEDULE] +
                           MESSAGE_NS * (double)row.actions[GW_COST_SEND] +
                           GANG_NS * (double)row.actions[GW_COST_PREPARE] +
                           LAUNCH_NS * (double)row.actions[GW_COST_LAUNCH] +
                           LOWER_NS * (double)row.actions[GW_COST_LOWER];
    g_array_append_val(rows, row);
}

static GArray *make_rows(void)
{
    GArray *rows = g_array_new(FALSE, FALSE, sizeof(gw_bench_row));
    add_row(rows, GW_BENCH_PROFILE_ROWS, 1280, 1, 1, 128, 20);
    add_row(rows, GW_BENCH_PROFILE_ROWS, 1280, 1, 16, 128, 20);
    add_row(rows, GW_BENCH_PROFILE_ROWS, 1280, 64, 1, 128, 1280);
    add_row(rows, GW_BENCH_PROFILE_ROWS, 1280, 64, 16, 1, 163840);
    add_row(rows, GW_BENCH_PROFILE_ROWS, 1280, 1, 1, 1, 2560);
    add_row(rows, GW_BENCH_PROFILE_ROWS, 2, 64, 16, 1, 256);
    return rows;
}

START_TEST(costs_are_found_again)
{
    g_autoptr(GArray) rows = make_rows();
    add_row(rows, "control.other", 1, 1, 1, 1, 1);
    g_array_index(rows, gw_bench_row, rows->len - 1).ns_per_operation = 1e9; /* Of no account. */
    const gw_bench_profile profile = gw_bench_fit_profile(rows);
    ck_assert_double_lt(profile.error_max, 0.001);
    ck_assert_double_eq_tol(profile.cost_ns[GW_COST_CALL], CALL_NS, 0.01 * CALL_NS);
    ck_assert_double_eq_tol(profile.cost_ns[GW_COST_SCHEDULE], SCHEDULE_NS, 0.05 * SCHEDULE_NS);
    ck_assert_double_eq_tol(profile.cost_ns[GW_COST_SEND], MESSAGE_NS / 2, 0.01 * MESSAGE_NS);
    ck_assert_double_eq(profile.cost_ns[GW_COST_SEND], profile.cost_ns[GW_COST_RECEIVE]);
    ck_assert_double_eq_tol(profile.cost_ns[GW_COST_PREPARE], GANG_NS / 2, 0.01 * GANG_NS);
    ck_assert_double_eq_tol(profile.cost_ns[GW_COST_LAUNCH], LAUNCH_NS, 0.02 * LAUNCH_NS);
    ck_assert_double_eq_tol(profile.cost_ns[GW_COST_LOWER], LOWER_NS, 0.01 * LOWER_NS);
}
END_TEST

START_TEST(what_takes_less_than_nothing_is_free)
{
    g_autoptr(GArray) rows = make_rows();
    for (guint i = 0; i < rows->len; i++) { /* As if a call gave time back. */
        gw_bench_row *row = &g_array_index(rows, gw_bench_row, i);
        row->ns_per_operation -= 1.1 * CALL_NS * (double)row->actions[GW_COST_CALL];
    }
    const gw_bench_profile profile = gw_bench_fit_profile(rows);
    ck_assert_double_eq(profile.cost_ns[GW_COST_CALL], 0);
    for (uint32_t cost = 0; cost < GW_COST_COUNT; cost++)
        ck_assert_double_ge(profile.cost_ns[cost], 0);
}
END_TEST

START_TEST(profile_is_written_whole_or_not_at_all)
{
    const gw_bench_profile profile = {.cost_ns = {[GW_COST_CALL] = 1.2, [GW_COST_SEND] = 7}};
    g_autoptr(GError) error = NULL;
    g_autofree char *folder = g_dir_make_tmp("gangway-profile-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(folder, "p.json", NULL);
    g_autofree char *text = NULL;
    ck_assert(gw_bench_write_profile(&profile, path, &error));
    ck_assert(g_file_get_contents(path, &text, NULL, NULL));
    ck_assert_ptr_nonnull(g_strstr_len(text, -1, "\"call\": \"2ns\""));
    ck_assert_ptr_nonnull(g_strstr_len(text, -1, "\"send\": \"7ns\""));
    g_remove(path);
    g_rmdir(folder);
    ck_assert(!gw_bench_write_profile(&profile, path, &error));
    ck_assert(g_error_matches(error, GW_ERROR, GW_ERROR_SYSTEM));
    ck_assert_ptr_nonnull(strstr(error->message, path));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("bench_profile");
    TCase *tcase = tcase_create("bench_profile");
    tcase_add_test(tcase, costs_are_found_again);
    tcase_add_test(tcase, what_takes_less_than_nothing_is_free);
    tcase_add_test(tcase, profile_is_written_whole_or_not_at_all);
    suite_add_tcase(suite, tcase);
    return gw_run_suite(suite);
}
