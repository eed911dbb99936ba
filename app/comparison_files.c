/* SPDX-License-Identifier: Apache-2.0 */
/* compare.json holds everything, values run by run too; compare.csv has a row for each setting and
 * metric.  Neither says what was reused: the same comparison gives the same bytes. */
#include "app/comparison.h"
#include "record/json.h"
#include "record/text.h"

/* --- JSON --- */

static void write_axes(gw_json *json, const gw_comparison *comparison)
{
    gw_json_open_array(json, "axes");
    for (guint a = 0; a < gw_grid_axis_count(comparison->grid); a++) {
        const gw_grid_axis *axis = gw_grid_axis_at(comparison->grid, a);
        gw_json_open_object(json, NULL);
        gw_json_string(json, "path", axis->path);
        gw_json_open_array(json, "values");
        for (guint v = 0; v < axis->values->len; v++)
            gw_json_string(json, NULL, axis->values->pdata[v]);
        gw_json_close_array(json);
        gw_json_close_object(json);
    }
    gw_json_close_array(json);
}

static void write_cell(gw_json *json, const gw_comparison *comparison, guint setting, guint metric)
{
    const gw_comparison_cell *cell = gw_comparison_cell_at(comparison, setting, metric);
    const gsize row = (gsize)setting * comparison->metric_count + metric;
    gw_json_open_object(json, comparison->metrics->pdata[metric]);
    gw_json_count(json, "n", cell->values.count);
    gw_json_real(json, "mean", cell->values.mean);
    gw_json_real(json, "ci95", cell->values.half_width);
    gw_json_reals(json, "values", comparison->values + row * comparison->seed_count,
                  comparison->seed_count);
    gw_json_count(json, "pairs", cell->differences.count);
    gw_json_real(json, "difference", cell->differences.mean);
    gw_json_real(json, "difference_ci95", cell->differences.half_width);
    gw_json_real(json, "relative", cell->relative);
    gw_json_string(json, "verdict", gw_verdict_word(cell->verdict));
    gw_json_close_object(json);
}

static void write_setting(gw_json *json, const gw_comparison *comparison, guint setting)
{
    const gw_batch_result *first;
    g_autofree char *name = gw_grid_name(comparison->grid, setting);
    g_autofree char *baseline = gw_grid_name(comparison->grid, comparison->baselines[setting]);
    const guint failed_count = gw_comparison_failures(comparison, setting, &first);
    gw_json_open_object(json, NULL);
    gw_json_string(json, "name", name);
    gw_json_open_array(json, "settings");
    for (guint a = 0; a < gw_grid_axis_count(comparison->grid); a++)
        gw_json_string(json, NULL, gw_grid_value(comparison->grid, setting, a));
    gw_json_close_array(json);
    gw_json_string(json, "baseline", baseline);
    gw_json_count(json, "failed", failed_count);
    gw_json_count(json, "exit_code", first == NULL ? 0 : (guint64)first->exit_code);
    if (first == NULL)
        gw_json_null(json, "message");
    else
        gw_json_string(json, "message", first->message);
    gw_json_open_object(json, "metrics");
    for (guint m = 0; m < comparison->metric_count; m++)
        write_cell(json, comparison, setting, m);
    gw_json_close_object(json);
    gw_json_close_object(json);
}

char *gw_comparison_json(const gw_comparison *comparison)
{
    GString *text = g_string_new(NULL);
    gw_json json;
    gw_json_init(&json, text);
    gw_json_string(&json, "scenario", comparison->scenario);
    gw_json_string(&json, "path", comparison->path);
    gw_json_string(&json, "backend", comparison->backend);
    gw_json_open_array(&json, "seeds");
    for (guint i = 0; i < comparison->seed_count; i++)
        gw_json_count(&json, NULL, comparison->seeds[i]);
    gw_json_close_array(&json);
    gw_json_string(&json, "interval",
                   comparison->seed_count == 1          ? "none: one seed"
                   : comparison->is_seed_without_effect ? "none: nothing is random"
                                                        : "95 %, Student");
    write_axes(&json, comparison);
    gw_json_open_array(&json, "metrics");
    for (guint m = 0; m < comparison->metric_count; m++)
        gw_json_string(&json, NULL, comparison->metrics->pdata[m]);
    gw_json_close_array(&json);
    gw_json_open_array(&json, "settings");
    for (guint s = 0; s < comparison->setting_count; s++)
        write_setting(&json, comparison, s);
    gw_json_close_array(&json);
    gw_json_finish(&json);
    return g_string_free(text, FALSE);
}

/* --- CSV --- */

static void append_number(GString *text, double value)
{
    g_string_append_c(text, ',');
    gw_text_append_csv_real(text, value);
}

static void append_row(GString *text, const gw_comparison *comparison, guint setting, guint metric)
{
    const gw_comparison_cell *cell = gw_comparison_cell_at(comparison, setting, metric);
    const gw_batch_result *first;
    const guint failed_count = gw_comparison_failures(comparison, setting, &first);
    gw_text_append_csv(text, comparison->metrics->pdata[metric]);
    for (guint a = 0; a < gw_grid_axis_count(comparison->grid); a++) {
        g_string_append_c(text, ',');
        gw_text_append_csv(text, gw_grid_value(comparison->grid, setting, a));
    }
    g_string_append_printf(text, ",%u", cell->values.count);
    append_number(text, cell->values.mean);
    append_number(text, cell->values.half_width);
    g_string_append_printf(text, ",%u", cell->differences.count);
    append_number(text, cell->differences.mean);
    append_number(text, cell->differences.half_width);
    append_number(text, cell->relative);
    g_string_append_printf(text, ",%s,%u,%d\n", gw_verdict_word(cell->verdict), failed_count,
                           first == NULL ? 0 : first->exit_code);
}

char *gw_comparison_csv(const gw_comparison *comparison)
{
    GString *text = g_string_new("metric");
    for (guint a = 0; a < gw_grid_axis_count(comparison->grid); a++) {
        g_string_append_c(text, ',');
        gw_text_append_csv(text, gw_grid_axis_at(comparison->grid, a)->path);
    }
    g_string_append(text, ",n,mean,ci95,pairs,difference,difference_ci95,relative,verdict,failed,"
                          "exit_code\n");
    for (guint m = 0; m < comparison->metric_count; m++)
        for (guint s = 0; s < comparison->setting_count; s++)
            append_row(text, comparison, s, m);
    return g_string_free(text, FALSE);
}
