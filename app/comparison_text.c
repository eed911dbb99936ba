/* SPDX-License-Identifier: Apache-2.0 */
/* The table of a comparison: a block of rows for each metric, columns as wide as they need to be.
 * Where no interval can be, its columns are left out, and a note says why. */
#include <math.h>
#include <string.h>

#include "app/comparison.h"
#include "base/check.h"
#include "base/units.h"

#define COLUMN_COUNT_MAX 8
#define SEEDS_SHOWN_MAX  8

typedef struct {
    const gw_comparison *comparison;
    bool has_intervals;
    GPtrArray *rows; /* Of char **, a text for each column; an empty one ends a block. */
    guint column_count;
} table;

static const char *const headings[] = {"n",      "mean",     "+- 95%", "difference",
                                       "+- 95%", "relative", "verdict"};
static const bool are_of_intervals[] = {true, false, true, false, true, false, false};

static void add_row(table *made, const char *const *columns)
{
    GPtrArray *row = g_ptr_array_new();
    g_ptr_array_add(row, g_strdup(columns[0]));
    for (guint i = 0; i < G_N_ELEMENTS(headings); i++)
        if (made->has_intervals || !are_of_intervals[i])
            g_ptr_array_add(row, g_strdup(columns[i + 1]));
    made->column_count = row->len;
    g_ptr_array_add(row, NULL);
    g_ptr_array_add(made->rows, g_ptr_array_free(row, FALSE));
}

/* --- Numbers --- */

typedef struct {
    const char *name;
    double size;
} unit;

/* Nanoseconds are shown in a unit in which the block reads well. */
static unit find_unit(const gw_comparison *comparison, guint metric)
{
    static const unit spans[] = {{"s", 1e9}, {"ms", 1e6}, {"us", 1e3}, {"ns", 1}};
    double largest = 0;
    for (guint s = 0; s < comparison->setting_count; s++)
        largest = fmax(largest, fabs(gw_comparison_cell_at(comparison, s, metric)->values.mean));
    if (!g_str_has_suffix(comparison->metrics->pdata[metric], "_ns"))
        return (unit){NULL, 1};
    guint i = 0;
    while (i + 1 < G_N_ELEMENTS(spans) && largest < spans[i].size)
        i++;
    return spans[i];
}

static char *format_number(double value, double size, const char *format)
{
    char text[G_ASCII_DTOSTR_BUF_SIZE];
    if (isnan(value))
        return g_strdup("-");
    return g_strdup(g_ascii_formatd(text, sizeof text, format, value / size));
}

/* How far a mean may be from the true one. */
static char *format_width(const gw_statistics *statistics, double size)
{
    return statistics->half_width == 0 ? g_strdup("exact")
                                       : format_number(statistics->half_width, size, "%.3g");
}

static char *format_relative(const gw_comparison_cell *cell)
{
    g_autofree char *number = format_number(100 * cell->relative, 1, "%+.3g");
    return isnan(cell->relative) ? g_strdup("-") : g_strconcat(number, " %", NULL);
}

static char *describe_verdict(const gw_comparison *comparison, guint setting,
                              const gw_comparison_cell *cell)
{
    const gw_batch_result *first;
    if (cell->verdict != GW_VERDICT_NONE)
        return g_strdup(gw_verdict_word(cell->verdict));
    if (cell->values.count > 0)
        return g_strdup("no baseline");
    if (gw_comparison_failures(comparison, setting, &first) == 0)
        return g_strdup("no value");
    return first->exit_code == 3 ? g_strdup("deadlock (exit code 3)")
                                 : g_strdup_printf("failed (exit code %d)", first->exit_code);
}

/* --- Rows --- */

static void add_setting(table *made, guint setting, guint metric, const unit *shown)
{
    const gw_comparison_cell *cell = gw_comparison_cell_at(made->comparison, setting, metric);
    const bool is_compared =
        cell->verdict != GW_VERDICT_BASELINE && cell->verdict != GW_VERDICT_NONE;
    g_autofree char *name = gw_grid_name(made->comparison->grid, setting);
    g_autofree char *indented = g_strconcat("  ", name, NULL);
    g_autofree char *count = g_strdup_printf("%u", cell->values.count);
    g_autofree char *mean = format_number(cell->values.mean, shown->size, "%.6g");
    g_autofree char *width = format_width(&cell->values, shown->size);
    g_autofree char *difference =
        format_number(is_compared ? cell->differences.mean : NAN, shown->size, "%+.6g");
    g_autofree char *spread =
        is_compared ? format_width(&cell->differences, shown->size) : g_strdup("-");
    g_autofree char *relative = is_compared ? format_relative(cell) : g_strdup("-");
    g_autofree char *verdict = describe_verdict(made->comparison, setting, cell);
    const char *const columns[] = {indented,   count,  mean,     width,
                                   difference, spread, relative, verdict};
    add_row(made, columns);
}

static void add_metric(table *made, guint metric)
{
    const gw_comparison *comparison = made->comparison;
    const unit shown = find_unit(comparison, metric);
    const char *name = comparison->metrics->pdata[metric];
    g_autofree char *heading =
        shown.name == NULL ? g_strdup(name) : g_strdup_printf("%s (in %s)", name, shown.name);
    const char *columns[COLUMN_COUNT_MAX] = {heading};
    for (guint i = 0; i < G_N_ELEMENTS(headings); i++)
        columns[i + 1] = headings[i];
    if (!made->has_intervals)
        columns[2] = "value";
    add_row(made, columns);
    for (guint s = 0; s < comparison->setting_count; s++)
        add_setting(made, s, metric, &shown);
    const char *const nothing[COLUMN_COUNT_MAX] = {"", "", "", "", "", "", "", ""};
    add_row(made, nothing);
}

static glong find_width(const table *made, guint column)
{
    glong width = 0;
    for (guint r = 0; r < made->rows->len; r++)
        width = MAX(width, g_utf8_strlen(((char **)made->rows->pdata[r])[column], -1));
    return width;
}

static void append_spaces(GString *text, glong count)
{
    for (glong i = 0; i < count; i++)
        g_string_append_c(text, ' ');
}

/* Names and verdicts to the left, numbers to the right. */
static void append_rows(GString *text, const table *made)
{
    glong widths[COLUMN_COUNT_MAX];
    gw_check(made->column_count <= COLUMN_COUNT_MAX);
    for (guint c = 0; c < made->column_count; c++)
        widths[c] = find_width(made, c);
    for (guint r = 0; r < made->rows->len; r++) {
        char **row = (char **)made->rows->pdata[r];
        const gsize start = text->len;
        for (guint c = 0; c < made->column_count; c++) {
            const glong gap = widths[c] - g_utf8_strlen(row[c], -1);
            const bool is_number = c > 0 && c + 1 < made->column_count;
            append_spaces(text, (c > 0 ? 2 : 0) + (is_number ? gap : 0));
            g_string_append(text, row[c]);
            append_spaces(text, is_number ? 0 : gap);
        }
        while (text->len > start && text->str[text->len - 1] == ' ')
            g_string_truncate(text, text->len - 1);
        g_string_append_c(text, '\n');
    }
}

/* --- Words around it --- */

static void append_title(GString *text, const gw_comparison *comparison)
{
    g_string_append_printf(text, "%s on %s: %u setting%s, ", comparison->scenario,
                           comparison->backend, comparison->setting_count,
                           gw_count_ending(comparison->setting_count));
    g_string_append_printf(text, "%u seed%s (", comparison->seed_count,
                           gw_count_ending(comparison->seed_count));
    for (guint i = 0; i < MIN(comparison->seed_count, SEEDS_SHOWN_MAX); i++)
        g_string_append_printf(text, "%s%" G_GUINT64_FORMAT, i > 0 ? ", " : "",
                               comparison->seeds[i]);
    g_string_append_printf(text, "%s)\n\n",
                           comparison->seed_count > SEEDS_SHOWN_MAX ? ", ..." : "");
}

static guint count_verdicts(const gw_comparison *comparison, guint metric, gw_verdict verdict)
{
    guint count = 0;
    for (guint s = 0; s < comparison->setting_count; s++)
        count += gw_comparison_cell_at(comparison, s, metric)->verdict == verdict;
    return count;
}

/* "makespan_ns: 2 real, 1 equal", and below what the words mean that were said. */
static void append_verdicts(GString *text, const gw_comparison *comparison)
{
    static const gw_verdict told[] = {GW_VERDICT_REAL, GW_VERDICT_UNCLEAR, GW_VERDICT_EXACT,
                                      GW_VERDICT_EQUAL, GW_VERDICT_ONE_PAIR};
    bool are_said[G_N_ELEMENTS(told)] = {false};
    for (guint m = 0; m < comparison->metric_count; m++) {
        const char *separator = ": ";
        g_autoptr(GString) line = g_string_new(comparison->metrics->pdata[m]);
        for (guint i = 0; i < G_N_ELEMENTS(told); i++) {
            const guint count = count_verdicts(comparison, m, told[i]);
            if (count == 0)
                continue;
            are_said[i] = true;
            g_string_append_printf(line, "%s%u %s", separator, count, gw_verdict_word(told[i]));
            separator = ", ";
        }
        if (separator[0] == ',')
            g_string_append_printf(text, "%s\n", line->str);
    }
    for (guint i = 0; i < G_N_ELEMENTS(told); i++)
        if (are_said[i])
            g_string_append_printf(text, "  %s: %s\n", gw_verdict_word(told[i]),
                                   gw_verdict_meaning(told[i]));
}

static void append_notes(GString *text, const gw_comparison *comparison)
{
    if (comparison->seed_count == 1)
        g_string_append(text, "One seed: there is no interval, and no telling a difference from "
                              "chance where anything is random; see --seeds.\n");
    if (comparison->is_seed_without_effect)
        g_string_append(text, "Nothing random: the runs of a setting are the same with every seed "
                              "(their digests are equal), so values are exact, without "
                              "intervals.\n");
    if (comparison->has_other_jobs)
        g_string_append(text, "Numbers of single jobs are left out where the settings have "
                              "different jobs there; see --metric.\n");
    if (comparison->reused_count > 0)
        g_string_append_printf(text, "%u of %u runs were there already (--fresh runs them again)\n",
                               comparison->reused_count, comparison->results->len);
}

char *gw_comparison_text(const gw_comparison *comparison)
{
    table made = {.comparison = comparison,
                  .has_intervals =
                      comparison->seed_count > 1 && !comparison->is_seed_without_effect,
                  .rows = g_ptr_array_new_with_free_func((GDestroyNotify)g_strfreev)};
    GString *text = g_string_new(NULL);
    append_title(text, comparison);
    for (guint m = 0; m < comparison->metric_count; m++)
        add_metric(&made, m);
    if (made.rows->len > 0)
        append_rows(text, &made);
    g_ptr_array_unref(made.rows);
    append_verdicts(text, comparison);
    append_notes(text, comparison);
    return g_string_free(text, FALSE);
}
