/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers of a summary by path: those that are there, those that can be, and the near ones. */
#include <check.h>
#include <math.h>
#include <string.h>

#include "app/metric.h"
#include "base/error.h"
#include "run_suite.h"

static const char text[] =
    "{\"scenario\": \"s\", \"digest\": \"ab\", \"makespan_ns\": 1000, \"utilization\": 0.5,"
    " \"computations_per_s\": null, \"transfers\": {\"count\": 3},"
    " \"jobs\": [{\"name\": \"a\", \"step_time_ns\": 10, \"bubble_fraction\": null,"
    "             \"results\": {\"loss\": [2.5, 1.5]}},"
    "            {\"name\": \"b\", \"step_time_ns\": 20, \"bubble_fraction\": 0.25}]}";

static gw_params *parse(const char *json)
{
    gw_params *summary = gw_params_parse(json, "summary.json", NULL);
    ck_assert_ptr_nonnull(summary);
    return summary;
}

START_TEST(numbers_are_read_by_path)
{
    g_autoptr(gw_params) summary = parse(text);
    ck_assert_double_eq(gw_metric_read(summary, "makespan_ns"), 1000);
    ck_assert_double_eq(gw_metric_read(summary, "transfers.count"), 3);
    ck_assert_double_eq(gw_metric_read(summary, "jobs.1.bubble_fraction"), 0.25);
    ck_assert_double_eq(gw_metric_read(summary, "jobs.0.results.loss.1"), 1.5);
}
END_TEST

START_TEST(what_is_no_number_is_none)
{
    static const char *const names[] = {"",
                                        ".",
                                        "scenario",
                                        "digest",
                                        "computations_per_s",
                                        "jobs",
                                        "jobs.0",
                                        "jobs.2.step_time_ns",
                                        "jobs.x",
                                        "jobs.-1",
                                        "jobs.99999999999999999999",
                                        "jobs.4294967296.step_time_ns",
                                        "makespan_ns.x",
                                        "absent",
                                        "jobs.0.bubble_fraction"};
    g_autoptr(gw_params) summary = parse(text);
    for (guint i = 0; i < G_N_ELEMENTS(names); i++)
        ck_assert_msg(isnan(gw_metric_read(summary, names[i])), "%s", names[i]);
}
END_TEST

START_TEST(names_are_checked_before_any_run)
{
    static const char *const good[] = {"makespan_ns",          "jobs.0.bubble_fraction",
                                       "jobs.17.steps",        "islands.0.energy_j",
                                       "transfers.bytes",      "seed",
                                       "jobs.0.results.loss.0"};
    static const struct {
        const char *name, *near;
    } bad[] = {{"utilisation", "utilization"},
               {"jobs.0.bubble", NULL},
               {"jobs.0.bubble_fractoin", "jobs.0.bubble_fraction"},
               {"jobs.bubble_fraction", "jobs.0.bubble_fraction"},
               {"jobs.0.name", NULL},
               {"scenario", NULL},
               {"digest", NULL},
               {"", NULL},
               {"0", NULL},
               {"\xff", NULL}};
    for (guint i = 0; i < G_N_ELEMENTS(good); i++)
        ck_assert_msg(gw_metric_check(good[i], NULL), "%s", good[i]);
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        ck_assert_msg(!gw_metric_check(bad[i].name, &error), "%s", bad[i].name);
        ck_assert(g_error_matches(error, GW_ERROR, GW_ERROR_USAGE));
        g_autofree char *near =
            g_strdup_printf("did you mean \"%s\"?", bad[i].near != NULL ? bad[i].near : "");
        ck_assert_msg(bad[i].near == NULL || strstr(error->message, near) != NULL, "%s",
                      error->message);
    }
}
END_TEST

static char *join(GPtrArray *names)
{
    g_ptr_array_add(names, NULL);
    char *joined = g_strjoinv(" ", (char **)names->pdata);
    g_ptr_array_remove_index(names, names->len - 1);
    return joined;
}

START_TEST(defaults_are_what_is_there)
{
    g_autoptr(gw_params) summary = parse(text);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    gw_metric_add_defaults(summary, names);
    gw_metric_add_defaults(summary, names);
    g_autofree char *joined = join(names);
    ck_assert_str_eq(joined, "makespan_ns utilization jobs.0.step_time_ns jobs.1.step_time_ns "
                             "jobs.1.bubble_fraction");
}
END_TEST

START_TEST(other_jobs_numbers_are_not_compared)
{
    g_autoptr(gw_params) summary = parse(text);
    g_autoptr(gw_params) other = parse("{\"jobs\": [{\"name\": \"a\"}, {\"name\": \"c\"}]}");
    g_autoptr(gw_params) fewer = parse("{\"jobs\": []}");
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    gw_metric_add_defaults(summary, names);
    gw_metric_keep_common(summary, other, names);
    g_autofree char *joined = join(names);
    ck_assert_str_eq(joined, "makespan_ns utilization jobs.0.step_time_ns");
    gw_metric_keep_common(summary, fewer, names);
    g_autofree char *left = join(names);
    ck_assert_str_eq(left, "makespan_ns utilization");
}
END_TEST

START_TEST(all_numbers_are_listed)
{
    g_autoptr(gw_params) summary = parse(text);
    g_autoptr(GPtrArray) names = gw_metric_list(summary);
    g_autofree char *joined = join(names);
    ck_assert_str_eq(joined, "makespan_ns utilization transfers.count jobs.0.step_time_ns "
                             "jobs.0.results.loss.0 jobs.0.results.loss.1 jobs.1.step_time_ns "
                             "jobs.1.bubble_fraction");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("metric");
    TCase *paths = tcase_create("paths");
    tcase_add_test(paths, numbers_are_read_by_path);
    tcase_add_test(paths, what_is_no_number_is_none);
    tcase_add_test(paths, names_are_checked_before_any_run);
    tcase_add_test(paths, defaults_are_what_is_there);
    tcase_add_test(paths, other_jobs_numbers_are_not_compared);
    tcase_add_test(paths, all_numbers_are_listed);
    suite_add_tcase(suite, paths);
    return gw_run_suite(suite);
}
