/* SPDX-License-Identifier: Apache-2.0 */
/* What exchanges deal where devices hold no data. */
#include <check.h>
#include <string.h>

#include "base/error.h"
#include "program/exchange.h"
#include "run_suite.h"
#include "scenario/counts.h"

#define TOKENS 40000 /* Of each of two shards. */

/* Two jobs of two token shards and three experts. */
static gw_scenario *load(const char *seed, const char *tokens, const char *counts, GError **error)
{
    g_autofree char *text = g_strdup_printf(
        "{\"seed\": %s, \"cluster\": {\"islands\": [{\"hosts\": 1, \"devices_per_host\": 5, "
        "\"accelerator\": \"a100\"}]}, \"jobs\": [{\"name\": \"j\", \"count\": 2, "
        "\"workload\": \"mixture\", \"parameters\": {\"tokens\": %s, \"devices\": 2, "
        "\"experts\": 3, \"width\": 2, \"hidden\": 2}%s}]}",
        seed, tokens, counts);
    return gw_scenario_parse(text, "counts", error);
}

static gw_scenario *load_good(const char *seed, const char *tokens, const char *counts)
{
    g_autoptr(GError) error = NULL;
    gw_scenario *scenario = load(seed, tokens, counts, &error);
    ck_assert_msg(scenario != NULL, "%s", error == NULL ? "" : error->message);
    return scenario;
}

static uint32_t find_deal(const gw_scenario *scenario)
{
    const gw_program *program = scenario->jobs[0].program;
    uint32_t edge = 0;
    while (gw_program_edge(program, edge)->exchange.kind != GW_EXCHANGE_DEAL) {
        edge++;
    }
    return edge;
}

static void ask(const gw_scenario *scenario, uint32_t job, uint32_t run, uint32_t shard,
                uint32_t out_counts[3])
{
    gw_scenario_counts(scenario, job, find_deal(scenario), run, shard, out_counts);
}

static void expect_shares(const char *counts, const double shares[3])
{
    g_autoptr(gw_scenario) scenario = load_good("1", "80000", counts);
    uint32_t found[3];
    ask(scenario, 0, 0, 1, found);
    ck_assert_uint_eq(found[0] + found[1] + found[2], TOKENS);
    for (uint32_t t = 0; t < 3; t++) { /* Five standard deviations, of 0.5 / sqrt(n) at most. */
        ck_assert_double_eq_tol((double)found[t] / TOKENS, shares[t], 5 * 0.5 / 200);
    }
}

START_TEST(rows_go_by_shares)
{
    expect_shares("", (const double[]){1 / 3.0, 1 / 3.0, 1 / 3.0});
    expect_shares(", \"counts\": {\"experts\": {\"zipf\": 0}}",
                  (const double[]){1 / 3.0, 1 / 3.0, 1 / 3.0});
    expect_shares(", \"counts\": {\"experts\": {\"zipf\": 1}}",
                  (const double[]){6 / 11.0, 3 / 11.0, 2 / 11.0});
    /* 1, 2^-1.5 = 0.353553, 3^-1.5 = 0.19245; their sum 1.546003. */
    expect_shares(", \"counts\": {\"experts\": {\"zipf\": 1.5}}",
                  (const double[]){0.646829, 0.228689, 0.124482});
}
END_TEST

START_TEST(draws_depend_on_seed_job_run_and_shard_alone)
{
    g_autoptr(gw_scenario) one = load_good("1", "80000", "");
    g_autoptr(gw_scenario) again = load_good("1", "80000", "");
    g_autoptr(gw_scenario) other = load_good("2", "80000", "");
    uint32_t base[3], found[3];
    ask(one, 0, 3, 1, base);
    ask(again, 0, 7, 0, found); /* Whatever was asked before. */
    ask(again, 0, 3, 1, found);
    ck_assert_mem_eq(found, base, sizeof base);
    const struct {
        const gw_scenario *scenario;
        uint32_t job, run, shard;
    } others[] = {{other, 0, 3, 1}, {one, 1, 3, 1}, {one, 0, 4, 1}, {one, 0, 3, 0}};
    for (uint32_t i = 0; i < G_N_ELEMENTS(others); i++) {
        ask(others[i].scenario, others[i].job, others[i].run, others[i].shard, found);
        ck_assert_mem_ne(found, base, sizeof base);
    }
}
END_TEST

START_TEST(recorded_counts_are_read_by_run_and_stay_at_their_end)
{
    g_autoptr(gw_scenario) scenario = load_good(
        "1", "8", ", \"counts\": {\"experts\": [[[4, 0, 0], [0, 4, 0]], [[1, 1, 2], [0, 0, 4]]]}");
    static const uint32_t expected[][3] = {{4, 0, 0}, {0, 4, 0}, {1, 1, 2}, {0, 0, 4}};
    for (uint32_t run = 0; run < 4; run++) {
        for (uint32_t shard = 0; shard < 2; shard++) {
            uint32_t found[3];
            ask(scenario, 1, run, shard, found);
            ck_assert_mem_eq(found, expected[MIN(run, 1) * 2 + shard], sizeof found);
        }
    }
}
END_TEST

START_TEST(mistakes_are_named)
{
    static const struct {
        const char *counts, *part;
    } samples[] = {
        {"{\"expert\": {\"zipf\": 1}}", "did you mean \"experts\"?"},
        {"{\"experts\": {\"zipf\": 9}}", "/jobs/0/counts/experts/zipf: found 9"},
        {"{\"experts\": {\"zip\": 1}}", "/jobs/0/counts/experts"},
        {"{\"experts\": 3}", "expected {\"zipf\": exponent}, or a list of runs"},
        {"{\"experts\": []}", "found 0 runs, expected 1"},
        {"{\"experts\": [[[4, 0, 0]]]}", "found 1, expected 2: one for each shard that deals"},
        {"{\"experts\": [3]}",
         "/jobs/0/counts/experts/0: found 3, expected a list of 2: one for each shard"},
        {"{\"experts\": [[[4, 0], [4, 0, 0]]]}", "found 2, expected 3"},
        {"{\"experts\": [[[4, 0, 0], [4, -1, 1]]]}", "/experts/0/1/1: found -1"},
        {"{\"experts\": [[[4, 0, 0], [4, 1, 0]]]}",
         "/experts/0/1: found counts of 5 rows, expected all of the shard's 4"},
    };
    for (uint32_t i = 0; i < G_N_ELEMENTS(samples); i++) {
        g_autofree char *counts = g_strdup_printf(", \"counts\": %s", samples[i].counts);
        g_autoptr(GError) error = NULL;
        ck_assert_ptr_null(load("1", "8", counts, &error));
        ck_assert(g_error_matches(error, GW_ERROR, GW_ERROR_SCENARIO));
        ck_assert_msg(strstr(error->message, samples[i].part) != NULL, "%s", error->message);
    }
}
END_TEST

START_TEST(a_router_is_blamed_by_name)
{
    g_autoptr(gw_scenario) scenario = load_good("1", "8", "");
    const gw_note note = {GW_NOTE_OVERFLOW, UINT64_C(1) << 32 | find_deal(scenario),
                          UINT64_C(7) << 32 | 2, 9};
    g_autoptr(GError) error = NULL;
    gw_scenario_blame_router(scenario, &note, &error);
    ck_assert(g_error_matches(error, GW_ERROR, GW_ERROR_SCENARIO));
    ck_assert_ptr_nonnull(strstr(error->message, "counts: job j.1, run 7: node \"experts\" is "
                                                 "dealt 9 rows on shard 2, and has room for 8"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scenario_counts");
    TCase *tcase = tcase_create("counts");
    tcase_add_test(tcase, rows_go_by_shares);
    tcase_add_test(tcase, draws_depend_on_seed_job_run_and_shard_alone);
    tcase_add_test(tcase, recorded_counts_are_read_by_run_and_stay_at_their_end);
    tcase_add_test(tcase, mistakes_are_named);
    tcase_add_test(tcase, a_router_is_blamed_by_name);
    suite_add_tcase(suite, tcase);
    return gw_run_suite(suite);
}
