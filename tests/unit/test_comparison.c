/* SPDX-License-Identifier: Apache-2.0 */
/* Verdicts out of made-up summaries, and the three forms in which they are told. */
#include <check.h>
#include <math.h>
#include <string.h>

#include "app/comparison.h"
#include "base/error.h"
#include "run_suite.h"

#define SEED_COUNT_MAX 4

static const guint64 seeds[SEED_COUNT_MAX] = {3, 5, 8, 13};
static const guint first_setting[] = {0, 0};

/* A made-up comparison: what each run came to, by setting and seed. */
typedef struct {
    gw_grid *grid;
    GPtrArray *results;
    guint seed_count;
} study;

static void free_result(void *data)
{
    gw_batch_result *result = (gw_batch_result *)data;
    g_free(result->summary);
    g_free(result->message);
    g_free(result);
}

static study start_study(const char *axis, guint seed_count)
{
    study made = {.grid = gw_grid_new(),
                  .results = g_ptr_array_new_with_free_func(free_result),
                  .seed_count = seed_count};
    ck_assert(gw_grid_add(made.grid, axis, NULL));
    return made;
}

static void end_study(study *about)
{
    gw_grid_free(about->grid);
    g_ptr_array_unref(about->results);
}

/* A setting's runs; `digest` 0: of each seed another. */
static void add_runs(study *about, guint digest, const double *makespans_ns)
{
    for (guint i = 0; i < about->seed_count; i++) {
        gw_batch_result *result = g_new0(gw_batch_result, 1);
        result->summary = g_strdup_printf(
            "{\"digest\": \"%u\", \"makespan_ns\": %.17g, \"utilization\": 0.5, \"jobs\": []}",
            digest == 0 ? i : digest, makespans_ns[i]);
        g_ptr_array_add(about->results, result);
    }
}

static void add_failure(study *about, int exit_code)
{
    gw_batch_result *result = g_new0(gw_batch_result, 1);
    result->exit_code = exit_code;
    result->message = g_strdup("went \"wrong\"\nbadly");
    g_ptr_array_add(about->results, result);
}

static gw_comparison *compare(const study *about, const char *const *metrics, const guint *places,
                              GError **error)
{
    const gw_comparison_settings settings = {
        .grid = about->grid,
        .path = "s.json",
        .scenario = "s",
        .backend = "sim",
        .seeds = seeds,
        .seed_count = about->seed_count,
        .metrics = metrics,
        .baseline_places = places,
        .results = about->results,
    };
    return gw_comparison_new(&settings, error);
}

static void check_cell(const gw_comparison *comparison, guint setting, gw_verdict verdict,
                       double mean, double difference)
{
    const gw_comparison_cell *cell = gw_comparison_cell_at(comparison, setting, 0);
    ck_assert_int_eq(cell->verdict, verdict);
    ck_assert_double_eq(cell->values.mean, mean);
    ck_assert_double_eq(cell->differences.mean, difference);
}

/* Settings vary widely with the seed and together: only pairs can tell them apart. */
static study make_random(void)
{
    study about = start_study("p=base,better,alike,shifted,same", 4);
    add_runs(&about, 0, (double[]){1000, 2000, 3000, 4000});
    add_runs(&about, 0, (double[]){900, 1902, 2898, 3900});
    add_runs(&about, 0, (double[]){1100, 1900, 3050, 3950});
    add_runs(&about, 0, (double[]){1010, 2010, 3010, 4010});
    add_runs(&about, 0, (double[]){1000, 2000, 3000, 4000});
    return about;
}

START_TEST(pairs_tell_what_is_real)
{
    study about = make_random();
    g_autoptr(gw_comparison) made = compare(&about, NULL, first_setting, NULL);
    ck_assert_ptr_nonnull(made);
    check_cell(made, 0, GW_VERDICT_BASELINE, 2500, 0);
    check_cell(made, 1, GW_VERDICT_REAL, 2400, -100);
    check_cell(made, 2, GW_VERDICT_UNCLEAR, 2500, 0);
    check_cell(made, 3, GW_VERDICT_EXACT, 2510, 10);
    check_cell(made, 4, GW_VERDICT_EQUAL, 2500, 0);
    const gw_comparison_cell *better = gw_comparison_cell_at(made, 1, 0);
    /* Differences -100, -98, -102, -100: s = sqrt(8/3), and t(3) = 3.182446. */
    ck_assert_double_eq_tol(better->differences.half_width, 3.182446 * sqrt(8.0 / 3 / 4), 1e-5);
    ck_assert_double_eq(better->relative, -100.0 / 2500);
    ck_assert_double_gt(better->values.half_width, 1000); /* The means alone tell nothing. */
    ck_assert(!made->is_seed_without_effect);
    end_study(&about);
}
END_TEST

START_TEST(where_nothing_is_random_there_is_no_interval)
{
    study about = start_study("p=a,b,c", 3);
    add_runs(&about, 7, (double[]){1000, 1000, 1000});
    add_runs(&about, 8, (double[]){900, 900, 900});
    add_runs(&about, 9, (double[]){1000, 1000, 1000});
    g_autoptr(gw_comparison) made = compare(&about, NULL, first_setting, NULL);
    ck_assert(made->is_seed_without_effect);
    check_cell(made, 1, GW_VERDICT_EXACT, 900, -100);
    check_cell(made, 2, GW_VERDICT_EQUAL, 1000, 0);
    for (guint s = 0; s < 3; s++) {
        ck_assert(isnan(gw_comparison_cell_at(made, s, 0)->values.half_width));
        ck_assert(isnan(gw_comparison_cell_at(made, s, 0)->differences.half_width));
    }
    g_autofree char *text = gw_comparison_text(made);
    ck_assert_ptr_nonnull(strstr(text, "Nothing random"));
    ck_assert_ptr_null(strstr(text, "95%"));
    ck_assert_ptr_null(strstr(text, "One seed"));
    end_study(&about);
}
END_TEST

START_TEST(one_seed_has_no_interval)
{
    study about = start_study("p=a,b,c", 1);
    add_runs(&about, 7, (double[]){1000});
    add_runs(&about, 8, (double[]){900});
    add_runs(&about, 7, (double[]){1000});
    g_autoptr(gw_comparison) made = compare(&about, NULL, first_setting, NULL);
    check_cell(made, 1, GW_VERDICT_ONE_PAIR, 900, -100);
    check_cell(made, 2, GW_VERDICT_EQUAL, 1000, 0);
    ck_assert(!made->is_seed_without_effect);
    g_autofree char *text = gw_comparison_text(made);
    ck_assert_ptr_nonnull(strstr(text, "One seed: there is no interval"));
    ck_assert_ptr_null(strstr(text, "95%"));
    end_study(&about);
}
END_TEST

START_TEST(a_baseline_may_keep_the_other_axes)
{
    static const guint places[] = {1, GW_INDEX_NONE};
    study about = start_study("p=a,b", 1);
    ck_assert(gw_grid_add(about.grid, "n=1,2", NULL));
    for (guint i = 0; i < 4; i++)
        add_runs(&about, i + 1, (double[]){100.0 * (i + 1)});
    g_autoptr(gw_comparison) made = compare(&about, NULL, places, NULL);
    check_cell(made, 0, GW_VERDICT_ONE_PAIR, 100, -200); /* a 1 against b 1 */
    check_cell(made, 1, GW_VERDICT_ONE_PAIR, 200, -200); /* a 2 against b 2 */
    check_cell(made, 2, GW_VERDICT_BASELINE, 300, 0);
    check_cell(made, 3, GW_VERDICT_BASELINE, 400, 0);
    end_study(&about);
}
END_TEST

/* --- Runs that failed --- */

START_TEST(a_failed_run_has_no_pair)
{
    study about = start_study("p=a,b,c", 3);
    add_runs(&about, 0, (double[]){1000, 2000, 3000});
    for (guint i = 0; i < 3; i++)
        add_failure(&about, 3);
    about.seed_count = 2;
    add_runs(&about, 0, (double[]){1001, 2003});
    about.seed_count = 3;
    add_failure(&about, 1);
    g_autoptr(gw_comparison) made = compare(&about, NULL, first_setting, NULL);
    const gw_batch_result *first;
    ck_assert_int_eq(gw_comparison_cell_at(made, 1, 0)->verdict, GW_VERDICT_NONE);
    ck_assert_uint_eq(gw_comparison_cell_at(made, 2, 0)->values.count, 2);
    ck_assert_uint_eq(gw_comparison_cell_at(made, 2, 0)->differences.count, 2);
    ck_assert_double_eq(gw_comparison_cell_at(made, 2, 0)->relative, 2.0 / 1500);
    ck_assert_uint_eq(made->failed_count, 4);
    ck_assert_uint_eq(gw_comparison_failures(made, 0, &first), 0);
    ck_assert_ptr_null(first);
    ck_assert_uint_eq(gw_comparison_failures(made, 2, &first), 1);
    ck_assert_int_eq(first->exit_code, 1);
    g_autofree char *text = gw_comparison_text(made);
    ck_assert_ptr_nonnull(strstr(text, "deadlock (exit code 3)"));
    end_study(&about);
}
END_TEST

START_TEST(a_failed_baseline_leaves_values)
{
    study about = start_study("p=a,b", 1);
    add_failure(&about, 5);
    add_runs(&about, 1, (double[]){10});
    g_autoptr(gw_comparison) made = compare(&about, NULL, first_setting, NULL);
    g_autofree char *text = gw_comparison_text(made);
    ck_assert_int_eq(gw_comparison_cell_at(made, 1, 0)->verdict, GW_VERDICT_NONE);
    ck_assert_double_eq(gw_comparison_cell_at(made, 1, 0)->values.mean, 10);
    ck_assert_ptr_nonnull(strstr(text, "failed (exit code 5)"));
    ck_assert_ptr_nonnull(strstr(text, "no baseline"));
    end_study(&about);
}
END_TEST

START_TEST(without_any_success_there_is_no_metric)
{
    study about = start_study("p=a,b", 1);
    add_failure(&about, 3);
    add_failure(&about, 3);
    g_autoptr(gw_comparison) made = compare(&about, NULL, first_setting, NULL);
    g_autofree char *text = gw_comparison_text(made);
    g_autofree char *json = gw_comparison_json(made);
    g_autofree char *csv = gw_comparison_csv(made);
    g_autoptr(gw_params) root = gw_params_parse(json, "compare.json", NULL);
    ck_assert_uint_eq(made->metric_count, 0);
    ck_assert_ptr_nonnull(root);
    ck_assert(g_str_has_prefix(text, "s on sim: 2 settings"));
    ck_assert_ptr_eq(strchr(csv, '\n'), csv + strlen(csv) - 1); /* The header alone. */
    ck_assert_uint_eq(made->failed_count, 2);
    end_study(&about);
}
END_TEST

/* --- Metrics --- */

START_TEST(metrics_are_those_asked_for)
{
    static const char *const metrics[] = {"utilization", "makespan_ns", "utilization", NULL};
    study about = make_random();
    g_autoptr(gw_comparison) made = compare(&about, metrics, first_setting, NULL);
    ck_assert_uint_eq(made->metric_count, 2);
    ck_assert_str_eq(made->metrics->pdata[0], "utilization");
    ck_assert_int_eq(gw_comparison_cell_at(made, 1, 0)->verdict, GW_VERDICT_EQUAL);
    ck_assert_int_eq(gw_comparison_cell_at(made, 1, 1)->verdict, GW_VERDICT_REAL);
    end_study(&about);
}
END_TEST

START_TEST(a_metric_of_no_run_is_refused)
{
    static const char *const metrics[] = {"makespan", NULL};
    study about = make_random();
    g_autoptr(GError) error = NULL;
    ck_assert_ptr_null(compare(&about, metrics, first_setting, &error));
    ck_assert(g_error_matches(error, GW_ERROR, GW_ERROR_SCENARIO));
    ck_assert_ptr_nonnull(strstr(error->message, "did you mean \"makespan_ns\"?"));
    end_study(&about);
}
END_TEST

START_TEST(nought_has_no_relative_difference)
{
    study about = start_study("p=a,b", 1);
    add_runs(&about, 1, (double[]){0});
    add_runs(&about, 2, (double[]){10});
    g_autoptr(gw_comparison) made = compare(&about, NULL, first_setting, NULL);
    ck_assert(isnan(gw_comparison_cell_at(made, 1, 0)->relative));
    ck_assert_double_eq(gw_comparison_cell_at(made, 1, 0)->differences.mean, 10);
    end_study(&about);
}
END_TEST

/* --- The forms --- */

START_TEST(the_table_is_aligned)
{
    static const char *const metrics[] = {"makespan_ns", NULL};
    study about = make_random();
    g_autoptr(gw_comparison) made = compare(&about, metrics, first_setting, NULL);
    g_autofree char *text = gw_comparison_text(made);
    ck_assert_str_eq(
        text, "s on sim: 5 settings, 4 seeds (3, 5, 8, 13)\n\n"
              "makespan_ns (in us)  n  mean  +- 95%  difference  +- 95%  relative  verdict\n"
              "  p=base             4   2.5    2.05           -       -         -  baseline\n"
              "  p=better           4   2.4    2.05        -0.1  0.0026      -4 %  real\n"
              "  p=alike            4   2.5       2          +0   0.145      +0 %  not shown\n"
              "  p=shifted          4  2.51    2.05       +0.01   exact    +0.4 %  exact\n"
              "  p=same             4   2.5    2.05          +0   exact      +0 %  equal\n\n"
              "makespan_ns: 1 real, 1 not shown, 1 exact, 1 equal\n"
              "  real: the 95 % interval of the paired differences leaves 0 out\n"
              "  not shown: the 95 % interval of the paired differences holds 0\n"
              "  exact: it differs, and by the same with every seed: not by chance\n"
              "  equal: the same as the baseline to the last digit, with every seed\n");
    end_study(&about);
}
END_TEST

START_TEST(rows_stand_in_csv)
{
    study about = start_study("p=\"a,b\",c", 1);
    add_runs(&about, 1, (double[]){1000});
    add_failure(&about, 3);
    g_autoptr(gw_comparison) made = compare(&about, NULL, first_setting, NULL);
    g_autofree char *csv = gw_comparison_csv(made);
    ck_assert_str_eq(csv, "metric,p,n,mean,ci95,pairs,difference,difference_ci95,relative,verdict,"
                          "failed,exit_code\n"
                          "makespan_ns,\"\"\"a,b\"\"\",1,1000.0,,1,0.0,,0.0,baseline,0,0\n"
                          "makespan_ns,c,0,,,0,,,,none,1,3\n"
                          "utilization,\"\"\"a,b\"\"\",1,0.5,,1,0.0,,0.0,baseline,0,0\n"
                          "utilization,c,0,,,0,,,,none,1,3\n");
    end_study(&about);
}
END_TEST

START_TEST(json_can_be_read)
{
    study about = make_random();
    g_autoptr(gw_comparison) made = compare(&about, NULL, first_setting, NULL);
    g_autofree char *json = gw_comparison_json(made);
    g_autofree char *again = gw_comparison_json(made);
    g_autoptr(gw_params) root = gw_params_parse(json, "compare.json", NULL);
    ck_assert_ptr_nonnull(root);
    ck_assert_str_eq(json, again);
    gw_params *settings = NULL, *metrics = NULL, *cell = NULL;
    const char *verdict = NULL;
    double difference = 0;
    ck_assert(gw_params_array(root, "settings", true, &settings, NULL));
    ck_assert_uint_eq(gw_params_length(settings), 5);
    ck_assert(gw_params_object(gw_params_at(settings, 1), "metrics", true, &metrics, NULL));
    ck_assert(gw_params_object(metrics, "makespan_ns", true, &cell, NULL));
    ck_assert(gw_params_string(cell, "verdict", true, &verdict, NULL));
    ck_assert(gw_params_number(cell, "difference", true, -1e9, 1e9, &difference, NULL));
    ck_assert_str_eq(verdict, "real");
    ck_assert_double_eq(difference, -100);
    end_study(&about);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("comparison");
    TCase *verdicts = tcase_create("verdicts");
    tcase_add_test(verdicts, pairs_tell_what_is_real);
    tcase_add_test(verdicts, where_nothing_is_random_there_is_no_interval);
    tcase_add_test(verdicts, one_seed_has_no_interval);
    tcase_add_test(verdicts, a_baseline_may_keep_the_other_axes);
    suite_add_tcase(suite, verdicts);
    TCase *failures = tcase_create("failures");
    tcase_add_test(failures, a_failed_run_has_no_pair);
    tcase_add_test(failures, a_failed_baseline_leaves_values);
    tcase_add_test(failures, without_any_success_there_is_no_metric);
    suite_add_tcase(suite, failures);
    TCase *metrics = tcase_create("metrics");
    tcase_add_test(metrics, metrics_are_those_asked_for);
    tcase_add_test(metrics, a_metric_of_no_run_is_refused);
    tcase_add_test(metrics, nought_has_no_relative_difference);
    suite_add_tcase(suite, metrics);
    TCase *forms = tcase_create("forms");
    tcase_add_test(forms, the_table_is_aligned);
    tcase_add_test(forms, rows_stand_in_csv);
    tcase_add_test(forms, json_can_be_read);
    suite_add_tcase(suite, forms);
    return gw_run_suite(suite);
}
