/* SPDX-License-Identifier: Apache-2.0 */
/* What results read as where devices hold no data. */
#include <check.h>

#include "run_suite.h"
#include "scenario/values.h"

#define RUNS 20000

static gw_scenario *load(const char *seed, const char *values)
{
    g_autofree char *text = g_strdup_printf(
        "{\"seed\": %s, \"cluster\": {\"islands\": [{\"hosts\": 1, \"devices_per_host\": 1, "
        "\"accelerator\": \"a100\"}]}, \"jobs\": [{\"name\": \"j\", \"count\": 2, "
        "\"workload\": \"graph\", \"parameters\": {\"meshes\": {\"m\": [1]}, \"functions\": "
        "{\"f\": {\"operations\": []}}, \"nodes\": [{\"name\": \"a\", \"function\": \"f\", "
        "\"mesh\": \"m\"}, {\"name\": \"b\", \"function\": \"f\", \"mesh\": \"m\"}], "
        "\"results\": {\"x\": \"a\", \"y\": \"b\"}}, \"values\": {%s}}]}",
        seed, values);
    g_autoptr(GError) error = NULL;
    gw_scenario *scenario = gw_scenario_parse(text, "values", &error);
    ck_assert_msg(scenario != NULL, "%s", error == NULL ? "" : error->message);
    return scenario;
}

START_TEST(list_is_read_by_run_and_stays_at_its_end)
{
    g_autoptr(gw_scenario) scenario = load("1", "\"y\": [3, -1.5, 7]");
    const double expected[] = {3, -1.5, 7, 7, 7};
    for (uint32_t run = 0; run < G_N_ELEMENTS(expected); run++) {
        ck_assert_double_eq(gw_scenario_value(scenario, 1, 1, run), expected[run]);
    }
    ck_assert_double_eq(gw_scenario_value(scenario, 1, 0, 0), 0); /* Nothing is said of x. */
}
END_TEST

/* The mean of n draws has a standard deviation of sigma / sqrt(n): five of them are allowed. */
START_TEST(draws_follow_their_distributions)
{
    g_autoptr(gw_scenario) scenario =
        load("1", "\"x\": {\"bernoulli\": 0.3}, \"y\": {\"uniform\": [-1, 3]}");
    double ones = 0, sum = 0;
    for (uint32_t run = 0; run < RUNS; run++) {
        const double x = gw_scenario_value(scenario, 0, 0, run);
        const double y = gw_scenario_value(scenario, 0, 1, run);
        ck_assert(x == 0 || x == 1);
        ck_assert(y >= -1 && y < 3);
        ones += x;
        sum += y;
    }
    ck_assert_double_eq_tol(ones / RUNS, 0.3, 5 * 0.458 / 141);
    ck_assert_double_eq_tol(sum / RUNS, 1, 5 * 1.155 / 141);
}
END_TEST

START_TEST(draws_depend_on_seed_job_result_and_run_alone)
{
    const char *values = "\"x\": {\"uniform\": [0, 1]}, \"y\": {\"uniform\": [0, 1]}";
    g_autoptr(gw_scenario) one = load("1", values);
    g_autoptr(gw_scenario) again = load("1", values);
    g_autoptr(gw_scenario) other = load("2", values);
    const double first = gw_scenario_value(one, 0, 0, 5);
    ck_assert_double_eq(first, gw_scenario_value(again, 0, 0, 5));
    ck_assert_double_eq(first, gw_scenario_value(one, 0, 0, 5));
    ck_assert_double_ne(first, gw_scenario_value(other, 0, 0, 5));
    ck_assert_double_ne(first, gw_scenario_value(one, 1, 0, 5));
    ck_assert_double_ne(first, gw_scenario_value(one, 0, 1, 5));
    ck_assert_double_ne(first, gw_scenario_value(one, 0, 0, 6));
}
END_TEST

START_TEST(certain_draws)
{
    g_autoptr(gw_scenario) scenario =
        load("1", "\"x\": {\"bernoulli\": 1}, \"y\": {\"bernoulli\": 0}");
    for (uint32_t run = 0; run < 100; run++) {
        ck_assert_double_eq(gw_scenario_value(scenario, 0, 0, run), 1);
        ck_assert_double_eq(gw_scenario_value(scenario, 0, 1, run), 0);
    }
}
END_TEST

static gw_scenario *load_experts(const char *seed, const char *rest)
{
    g_autofree char *text = g_strdup_printf(
        "{\"seed\": %s, \"cluster\": {\"islands\": [{\"hosts\": 1, \"devices_per_host\": 1, "
        "\"accelerator\": \"a100\"}]}, \"jobs\": [{\"name\": \"j\", \"count\": 2, "
        "\"workload\": \"transformer\", \"parameters\": {\"layers\": 1, \"hidden\": 8, \"heads\": "
        "1, "
        "\"vocabulary\": 4, \"sequence\": 16, \"batch\": 8, \"experts\": 4, "
        "\"routing\": {\"zipf\": 1}}%s}]}",
        seed, rest);
    g_autoptr(GError) error = NULL;
    gw_scenario *scenario = gw_scenario_parse(text, "values", &error);
    ck_assert_msg(scenario != NULL, "%s", error == NULL ? "" : error->message);
    return scenario;
}

/* Result 1 is what gates drop: drawn unless the scenario says it, and so known well enough to end a
 * job by. */
START_TEST(dropped_choices_are_drawn)
{
    g_autoptr(gw_scenario) one = load_experts("1", "");
    g_autoptr(gw_scenario) again =
        load_experts("1", ", \"until\": {\"result\": \"dropped\", \"above\": 30}");
    g_autoptr(gw_scenario) other = load_experts("2", "");
    g_autoptr(gw_scenario) said = load_experts("1", ", \"values\": {\"dropped\": [4]}");
    double ours = 0, theirs = 0, second = 0;
    for (uint32_t run = 0; run < 50; run++) {
        const double drawn = gw_scenario_value(one, 0, 1, run);
        ck_assert(drawn >= 0 && drawn <= 256);
        ck_assert_double_eq(drawn, gw_scenario_value(again, 0, 1, run));
        ck_assert_double_eq(gw_scenario_value(one, 0, 0, run), 0);
        ck_assert_double_eq(gw_scenario_value(said, 0, 1, run), 4);
        ours += drawn;
        theirs += gw_scenario_value(other, 0, 1, run);
        second += gw_scenario_value(one, 1, 1, run);
    }
    ck_assert_double_gt(ours, 0);
    ck_assert_double_ne(ours, theirs);
    ck_assert_double_ne(ours, second);
}
END_TEST

static Suite *values_suite(void)
{
    Suite *suite = suite_create("values");
    TCase *tcase = tcase_create("values");
    tcase_add_test(tcase, list_is_read_by_run_and_stays_at_its_end);
    tcase_add_test(tcase, draws_follow_their_distributions);
    tcase_add_test(tcase, draws_depend_on_seed_job_result_and_run_alone);
    tcase_add_test(tcase, certain_draws);
    tcase_add_test(tcase, dropped_choices_are_drawn);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return gw_run_suite(values_suite());
}
