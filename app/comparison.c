/* SPDX-License-Identifier: Apache-2.0 */
/* From summaries to cells: values out of each summary once, then statistics of values and pairs. */
#include "app/comparison.h"

#include <math.h>
#include <string.h>

#include "app/metric.h"
#include "base/check.h"
#include "base/error.h"

const char *gw_verdict_word(gw_verdict verdict)
{
    static const char *const words[] = {
        [GW_VERDICT_NONE] = "none",         [GW_VERDICT_BASELINE] = "baseline",
        [GW_VERDICT_EQUAL] = "equal",       [GW_VERDICT_EXACT] = "exact",
        [GW_VERDICT_REAL] = "real",         [GW_VERDICT_UNCLEAR] = "not shown",
        [GW_VERDICT_ONE_PAIR] = "one seed",
    };
    return words[verdict];
}

const char *gw_verdict_meaning(gw_verdict verdict)
{
    static const char *const meanings[] = {
        [GW_VERDICT_NONE] = "there is no pair to compare",
        [GW_VERDICT_BASELINE] = "what the others are compared with",
        [GW_VERDICT_EQUAL] = "the same as the baseline to the last digit, with every seed",
        [GW_VERDICT_EXACT] = "it differs, and by the same with every seed: not by chance",
        [GW_VERDICT_REAL] = "the 95 % interval of the paired differences leaves 0 out",
        [GW_VERDICT_UNCLEAR] = "the 95 % interval of the paired differences holds 0",
        [GW_VERDICT_ONE_PAIR] = "it differs, but with one seed there is no interval",
    };
    return meanings[verdict];
}

static const gw_batch_result *result_at(const gw_comparison *comparison, guint setting, guint seed)
{
    return (const gw_batch_result *)
        comparison->results->pdata[setting * comparison->seed_count + seed];
}

static double *values_at(const gw_comparison *comparison, guint setting, guint metric)
{
    const guint row = setting * comparison->metric_count + metric;
    return comparison->values + (gsize)row * comparison->seed_count;
}

/* --- Reading summaries --- */

static gw_params *parse_summary(const gw_batch_result *result)
{
    g_autoptr(GError) error = NULL;
    if (result->summary == NULL)
        return NULL;
    gw_params *summary = gw_params_parse(result->summary, "summary.json", &error);
    gw_check(summary != NULL); /* A run of ours wrote it. */
    return summary;
}

static const gw_batch_result *find_success(const gw_comparison *comparison)
{
    for (guint i = 0; i < comparison->results->len; i++) {
        const gw_batch_result *result = (const gw_batch_result *)comparison->results->pdata[i];
        if (result->summary != NULL)
            return result;
    }
    return NULL;
}

/* What any run has, without the numbers of jobs that are not the same jobs everywhere. */
static void add_defaults(gw_comparison *comparison)
{
    const gw_batch_result *success = find_success(comparison);
    g_autoptr(gw_params) first = success != NULL ? parse_summary(success) : NULL;
    for (guint i = 0; i < comparison->results->len; i++) {
        g_autoptr(gw_params) summary = parse_summary(comparison->results->pdata[i]);
        if (summary != NULL)
            gw_metric_add_defaults(summary, comparison->metrics);
    }
    const guint count = comparison->metrics->len;
    for (guint i = 0; i < comparison->results->len; i++) {
        g_autoptr(gw_params) summary = parse_summary(comparison->results->pdata[i]);
        if (summary != NULL)
            gw_metric_keep_common(first, summary, comparison->metrics);
    }
    comparison->has_other_jobs = comparison->metrics->len < count;
}

static void find_metrics(gw_comparison *comparison, const char *const *wanted)
{
    for (guint i = 0; wanted != NULL && wanted[i] != NULL; i++)
        if (!g_ptr_array_find_with_equal_func(comparison->metrics, wanted[i], g_str_equal, NULL))
            g_ptr_array_add(comparison->metrics, g_strdup(wanted[i]));
    if (comparison->metrics->len == 0)
        add_defaults(comparison);
    comparison->metric_count = comparison->metrics->len;
}

static void read_values(gw_comparison *comparison, guint setting, guint seed)
{
    const gw_batch_result *result = result_at(comparison, setting, seed);
    g_autoptr(gw_params) summary = parse_summary(result);
    comparison->failed_count += summary == NULL;
    comparison->reused_count += result->is_reused;
    for (guint m = 0; m < comparison->metric_count; m++)
        values_at(comparison, setting, m)[seed] =
            summary == NULL ? NAN : gw_metric_read(summary, comparison->metrics->pdata[m]);
}

static bool has_values(const gw_comparison *comparison, guint metric)
{
    for (guint s = 0; s < comparison->setting_count; s++)
        for (guint i = 0; i < comparison->seed_count; i++)
            if (!isnan(values_at(comparison, s, metric)[i]))
                return true;
    return false;
}

static bool check_metrics(const gw_comparison *comparison, GError **error)
{
    const gw_batch_result *success = find_success(comparison);
    for (guint m = 0; success != NULL && m < comparison->metric_count; m++) {
        if (has_values(comparison, m))
            continue;
        g_autoptr(gw_params) summary = parse_summary(success);
        g_autoptr(GPtrArray) names = gw_metric_list(summary);
        g_ptr_array_add(names, NULL);
        g_autofree char *found = gw_error_quote(comparison->metrics->pdata[m]);
        g_autofree char *hint =
            gw_error_hint(comparison->metrics->pdata[m], (const char *const *)names->pdata);
        g_set_error(error, GW_ERROR, GW_ERROR_SCENARIO,
                    "--metric: found %s, which is a number in no run's summary%s", found, hint);
        return false;
    }
    return true;
}

static bool are_same_run(const gw_batch_result *one, const gw_batch_result *other)
{
    g_autoptr(gw_params) one_summary = parse_summary(one);
    g_autoptr(gw_params) other_summary = parse_summary(other);
    const char *one_digest = "", *other_digest = "";
    if (one_summary == NULL || other_summary == NULL)
        return true; /* Nothing is known of a run that failed. */
    gw_params_string(one_summary, "digest", true, &one_digest, NULL);
    gw_params_string(other_summary, "digest", true, &other_digest, NULL);
    return strcmp(one_digest, other_digest) == 0;
}

static bool has_no_effect_of_seeds(const gw_comparison *comparison)
{
    for (guint s = 0; s < comparison->setting_count; s++)
        for (guint i = 1; i < comparison->seed_count; i++)
            if (!are_same_run(result_at(comparison, s, 0), result_at(comparison, s, i)))
                return false;
    return comparison->seed_count > 1 && find_success(comparison) != NULL;
}

/* --- Cells --- */

static gw_verdict judge(const gw_statistics *differences)
{
    if (differences->count == 0)
        return GW_VERDICT_NONE;
    if (differences->is_constant && differences->mean == 0)
        return GW_VERDICT_EQUAL;
    if (differences->count == 1)
        return GW_VERDICT_ONE_PAIR;
    if (differences->is_constant)
        return GW_VERDICT_EXACT;
    return gw_statistics_is_real(differences) ? GW_VERDICT_REAL : GW_VERDICT_UNCLEAR;
}

/* Of what is not random there is no interval: one of no width would claim what was not measured. */
static void drop_interval(gw_comparison_cell *cell)
{
    cell->values.half_width = NAN;
    cell->differences.half_width = NAN;
}

static void fill_cell(gw_comparison *comparison, guint setting, guint metric)
{
    const guint baseline = comparison->baselines[setting];
    const guint count = comparison->seed_count;
    const double *values = values_at(comparison, setting, metric);
    const double *base_values = values_at(comparison, baseline, metric);
    g_autofree double *differences = g_new(double, count);
    g_autofree double *bases = g_new(double, count);
    for (guint i = 0; i < count; i++) {
        differences[i] = values[i] - base_values[i];
        bases[i] = isnan(differences[i]) ? NAN : base_values[i];
    }
    gw_comparison_cell *cell = &comparison->cells[setting * comparison->metric_count + metric];
    const double base = gw_statistics_make(bases, count).mean;
    cell->values = gw_statistics_make(values, count);
    cell->differences = gw_statistics_make(differences, count);
    cell->relative = base == 0 ? NAN : cell->differences.mean / fabs(base);
    cell->verdict = judge(&cell->differences);
    if (setting == baseline && cell->values.count > 0)
        cell->verdict = GW_VERDICT_BASELINE;
    if (comparison->is_seed_without_effect)
        drop_interval(cell);
}

static void find_baselines(gw_comparison *comparison, const guint *places)
{
    for (guint s = 0; s < comparison->setting_count; s++) {
        guint baseline = s;
        for (guint a = 0; a < gw_grid_axis_count(comparison->grid); a++)
            if (places[a] != GW_INDEX_NONE)
                baseline = gw_grid_move(comparison->grid, baseline, a, places[a]);
        comparison->baselines[s] = baseline;
    }
}

gw_comparison *gw_comparison_new(const gw_comparison_settings *settings, GError **error)
{
    g_autoptr(gw_comparison) made = g_new0(gw_comparison, 1);
    made->grid = settings->grid;
    made->path = settings->path;
    made->scenario = settings->scenario;
    made->backend = settings->backend;
    made->seeds = settings->seeds;
    made->seed_count = settings->seed_count;
    made->setting_count = gw_grid_count(settings->grid);
    made->results = settings->results;
    made->metrics = g_ptr_array_new_with_free_func(g_free);
    gw_check(made->results->len == made->setting_count * made->seed_count);
    find_metrics(made, settings->metrics);
    const gsize cell_count = (gsize)made->setting_count * made->metric_count;
    made->baselines = g_new(guint, made->setting_count);
    made->values = g_new(double, cell_count * made->seed_count + 1);
    made->cells = g_new0(gw_comparison_cell, cell_count + 1);
    find_baselines(made, settings->baseline_places);
    for (guint s = 0; s < made->setting_count; s++)
        for (guint i = 0; i < made->seed_count; i++)
            read_values(made, s, i);
    if (!check_metrics(made, error))
        return NULL;
    made->is_seed_without_effect = has_no_effect_of_seeds(made);
    for (guint s = 0; s < made->setting_count; s++)
        for (guint m = 0; m < made->metric_count; m++)
            fill_cell(made, s, m);
    return g_steal_pointer(&made);
}

void gw_comparison_free(gw_comparison *comparison)
{
    if (comparison == NULL)
        return;
    g_ptr_array_unref(comparison->metrics);
    g_free(comparison->baselines);
    g_free(comparison->values);
    g_free(comparison->cells);
    g_free(comparison);
}

const gw_comparison_cell *gw_comparison_cell_at(const gw_comparison *comparison, guint setting,
                                                guint metric)
{
    gw_check(setting < comparison->setting_count);
    gw_check(metric < comparison->metric_count);
    return &comparison->cells[setting * comparison->metric_count + metric];
}

guint gw_comparison_failures(const gw_comparison *comparison, guint setting,
                             const gw_batch_result **out_first)
{
    guint count = 0;
    *out_first = NULL;
    for (guint i = comparison->seed_count; i-- > 0;) {
        const gw_batch_result *result = result_at(comparison, setting, i);
        if (result->exit_code != 0) {
            count++;
            *out_first = result;
        }
    }
    return count;
}
