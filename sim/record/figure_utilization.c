/* SPDX-License-Identifier: Apache-2.0 */
/* Utilization over time, ready to draw: utilization_layers.csv out of utilization.csv.
 *
 * A bin of the series is narrower than a line of print, so neighbours are averaged until a figure
 * holds at most POINT_COUNT_MAX of them.  Jobs are summed up to layers, each on top of those
 * before; jobs beyond the colours there are share the last.  Every step has two points, so that a
 * layer is one polygon: drawn as a box per bin, it would have seams. */
#include <string.h>

#include "base/error.h"
#include "record/csv.h"
#include "record/figure_private.h"
#include "record/output.h"
#include "record/text.h"

#define POINT_COUNT_MAX 256

typedef struct {
    uint32_t first_column, column_count; /* Of jobs. */
    uint32_t layer_count;
    GArray *times_ns; /* gw_time, by row. */
    GArray *heights;  /* double, by row and layer: of the layer alone. */
} layer_table;

static uint32_t find_layer(const layer_table *table, uint32_t job)
{
    return MIN(job, table->layer_count - 1);
}

static bool find_jobs(const gw_csv *csv, layer_table *table, GError **error)
{
    uint32_t column_count = gw_csv_column_count(csv);
    uint32_t first = 0;
    while (first < column_count && !g_str_has_prefix(gw_csv_column_name(csv, first), "job_")) {
        first++;
    }
    if (first == column_count) {
        gw_csv_error(csv, error, "found no column of a job, expected job_NAME");
        return false;
    }
    table->first_column = first;
    table->column_count = column_count - first;
    table->layer_count = MIN(table->column_count, GW_FIGURE_GROUP_COUNT);
    return true;
}

static bool read_rows(gw_csv *csv, layer_table *table, GError **error)
{
    g_autoptr(GError) failure = NULL;
    while (gw_csv_next(csv, &failure)) {
        double heights[GW_FIGURE_GROUP_COUNT] = {0};
        gw_time time_ns;
        if (!gw_csv_count(csv, 0, &time_ns, error)) {
            return false;
        }
        uint32_t count = table->times_ns->len;
        if (count > 0 && time_ns <= g_array_index(table->times_ns, gw_time, count - 1)) {
            gw_csv_error(csv, error, "found a time that is not after the one before");
            return false;
        }
        for (uint32_t i = 0; i < table->column_count; i++) {
            double fraction;
            if (!gw_csv_real(csv, table->first_column + i, &fraction, error)) {
                return false;
            }
            heights[find_layer(table, i)] += fraction;
        }
        g_array_append_val(table->times_ns, time_ns);
        g_array_append_vals(table->heights, heights, table->layer_count);
    }
    if (failure != NULL) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return false;
    }
    if (table->times_ns->len < 2) {
        gw_csv_error(csv, error, "the run did no work on devices, there is nothing to draw");
        return false;
    }
    return true;
}

static void write_point(gw_output *output, GString *row, gw_time time_ns, const double *heights,
                        uint32_t layer_count)
{
    double top = 0;
    g_string_printf(row, "%" G_GUINT64_FORMAT, time_ns);
    for (uint32_t i = 0; i < layer_count; i++) {
        top += heights[i];
        g_string_append_c(row, ',');
        gw_text_append_real(row, top);
    }
    g_string_append_c(row, '\n');
    gw_output_write(output, row->str, row->len);
}

/* The step that averages rows [first, end); row `end` says where it ends. */
static void write_step(gw_output *output, GString *row, const layer_table *table, uint32_t first,
                       uint32_t end)
{
    double heights[GW_FIGURE_GROUP_COUNT] = {0};
    const gw_time *times_ns = (const gw_time *)(const void *)table->times_ns->data;
    double span_ns = (double)(times_ns[end] - times_ns[first]);
    for (uint32_t i = first; i < end; i++) {
        double part = (double)(times_ns[i + 1] - times_ns[i]) / span_ns;
        for (uint32_t k = 0; k < table->layer_count; k++) {
            heights[k] += part * g_array_index(table->heights, double, i * table->layer_count + k);
        }
    }
    write_point(output, row, times_ns[first], heights, table->layer_count);
    write_point(output, row, times_ns[end], heights, table->layer_count);
}

static bool write_layers(const char *folder, const layer_table *table, GError **error)
{
    g_autoptr(gw_output) output = gw_output_open(folder, "utilization_layers.csv", error);
    if (output == NULL) {
        return false;
    }
    g_autoptr(GString) row = g_string_new("time_ns");
    for (uint32_t i = 0; i < table->layer_count; i++) {
        g_string_append_printf(row, ",top_%u", i);
    }
    g_string_append_c(row, '\n');
    gw_output_write(output, row->str, row->len);
    uint32_t last = table->times_ns->len - 1; /* The end: it holds for no time. */
    uint32_t merged_count = (last + POINT_COUNT_MAX - 1) / POINT_COUNT_MAX;
    for (uint32_t first = 0; first < last; first += merged_count) {
        write_step(output, row, table, first, MIN(first + merged_count, last));
    }
    return gw_output_commit(output, error);
}

static void append_titles(GString *variables, const gw_csv *csv, const layer_table *table)
{
    const char *titles[GW_FIGURE_GROUP_COUNT];
    bool has_rest = table->column_count > table->layer_count;
    for (uint32_t i = 0; i < table->layer_count; i++) {
        titles[i] = gw_csv_column_name(csv, table->first_column + i) + strlen("job_");
    }
    if (has_rest) {
        titles[table->layer_count - 1] = "other jobs";
    }
    /* A job alone needs no key. */
    gw_figure_append_titles(variables, titles, table->layer_count > 1 ? table->layer_count : 0,
                            GW_FIGURE_KEY_ROWS_MAX);
    gw_figure_append_count(variables, "has_rest", has_rest);
}

bool gw_figure_prepare_utilization(const char *folder, const gw_figure_run *run, GString *variables,
                                   GError **error)
{
    (void)run;
    g_autoptr(GArray) times_ns = g_array_new(FALSE, FALSE, sizeof(gw_time));
    g_autoptr(GArray) heights = g_array_new(FALSE, FALSE, sizeof(double));
    layer_table table = {.times_ns = times_ns, .heights = heights};
    g_autoptr(gw_csv) csv = gw_csv_open(folder, "utilization.csv", error);
    if (csv == NULL || !find_jobs(csv, &table, error) || !read_rows(csv, &table, error) ||
        !write_layers(folder, &table, error)) {
        return false;
    }
    gw_time end_ns = g_array_index(times_ns, gw_time, times_ns->len - 1);
    append_titles(variables, csv, &table);
    gw_figure_append_count(variables, "group_count", table.layer_count);
    gw_figure_append_time(variables, "end_ns", end_ns);
    gw_figure_append_unit(variables, end_ns);
    return true;
}
