/* SPDX-License-Identifier: Apache-2.0 */
/* One table of columns makes the text, the CSV and the JSON. */
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "app/search.h"
#include "base/units.h"
#include "record/json.h"
#include "record/text.h"

typedef enum { SHOW_SPAN, SHOW_RATE, SHOW_PERCENT, SHOW_BYTES, SHOW_JOULES } shown_as;

typedef struct {
    const char *key, *title;
    size_t offset; /* In gw_search_way. */
    shown_as how;
} column;

static const column columns[] = {
    {"step_time_ns", "step", offsetof(gw_search_way, step_time_ns), SHOW_SPAN},
    {"bound_ns", "bound", offsetof(gw_search_way, bound_ns), SHOW_SPAN},
    {"tokens_per_s", "tokens/s", offsetof(gw_search_way, tokens_per_s), SHOW_RATE},
    {"mfu", "MFU", offsetof(gw_search_way, mfu), SHOW_PERCENT},
    {"memory_bytes", "memory", offsetof(gw_search_way, memory_bytes), SHOW_BYTES},
    {"exposed_fraction", "exposed", offsetof(gw_search_way, exposed_fraction), SHOW_PERCENT},
    {"energy_j", "energy", offsetof(gw_search_way, energy_j), SHOW_JOULES},
};

static double value_of(const gw_search_way *way, const column *shown)
{
    return *(const double *)(const void *)((const char *)way + shown->offset);
}

static const gw_search_way *way_at(const gw_search *search, guint index)
{
    return (const gw_search_way *)search->ways->pdata[index];
}

/* --- For people --- */

static char *format_value(const column *shown, double value)
{
    if (!isfinite(value))
        return g_strdup("-");
    switch (shown->how) {
    case SHOW_SPAN:
        return gw_span_format((gw_span)value);
    case SHOW_RATE:
        return g_strdup_printf("%.4g", value);
    case SHOW_PERCENT:
        return g_strdup_printf("%.1f %%", 100 * value);
    case SHOW_BYTES:
        return gw_bytes_format((guint64)value);
    default:
        return value >= 1e6 ? g_strdup_printf("%.3g MJ", value / 1e6)
                            : g_strdup_printf("%.3g kJ", value / 1e3);
    }
}

/* Rows of cells, the titles first; the caller unrefs. */
static GPtrArray *make_cells(const gw_search *search, guint count)
{
    GPtrArray *cells = g_ptr_array_new_with_free_func(g_free);
    for (guint d = 0; d < GW_SEARCH_DIMENSIONS; d++)
        g_ptr_array_add(cells, g_strdup(gw_search_dimension_name(d)));
    for (guint c = 0; c < G_N_ELEMENTS(columns); c++)
        g_ptr_array_add(cells, g_strdup(columns[c].title));
    for (guint i = 0; i < MIN(count, search->ways->len); i++) {
        const gw_search_way *way = way_at(search, i);
        for (guint d = 0; d < GW_SEARCH_DIMENSIONS; d++)
            g_ptr_array_add(cells, gw_search_value_text(d, way->point.values[d]));
        for (guint c = 0; c < G_N_ELEMENTS(columns); c++)
            g_ptr_array_add(cells, format_value(&columns[c], value_of(way, &columns[c])));
    }
    return cells;
}

static void add_table(GString *text, const gw_search *search, guint count)
{
    const guint width = GW_SEARCH_DIMENSIONS + G_N_ELEMENTS(columns);
    g_autoptr(GPtrArray) cells = make_cells(search, count);
    g_autofree glong *widths = g_new0(glong, width);
    for (guint i = 0; i < cells->len; i++)
        widths[i % width] = MAX(widths[i % width], g_utf8_strlen(cells->pdata[i], -1));
    for (guint i = 0; i < cells->len; i++) {
        const char *cell = cells->pdata[i];
        const glong padding = widths[i % width] - g_utf8_strlen(cell, -1) + 2;
        g_string_append_printf(text, "%*s%s", (int)padding, "", cell);
        if (i % width == width - 1)
            g_string_append_c(text, '\n');
    }
}

static void add_counts(GString *text, const gw_search *search)
{
    g_string_append_printf(
        text,
        "%s: %" G_GUINT64_FORMAT " ways over %" G_GUINT64_FORMAT " devices: %" G_GUINT64_FORMAT
        " cannot be, %" G_GUINT64_FORMAT " need more memory than a device has, %" G_GUINT64_FORMAT
        " are slower by their bounds, %u simulated",
        search->space->machine->name, search->point_count, search->space->devices,
        search->impossible_count, search->memory_count, search->slower_count, search->ways->len);
    if (search->same_count > 0)
        g_string_append_printf(
            text, ", %" G_GUINT64_FORMAT " found no better schedule than one that is written down",
            search->same_count);
    if (search->failed_count > 0)
        g_string_append_printf(text, ", %" G_GUINT64_FORMAT " could not be", search->failed_count);
    if (search->left_count > 0)
        g_string_append_printf(text, ", %" G_GUINT64_FORMAT " left", search->left_count);
    g_string_append_c(text, '\n');
}

char *gw_search_text(const gw_search *search, guint count)
{
    GString *text = g_string_new(NULL);
    add_counts(text, search);
    add_table(text, search, count);
    if (search->best_left_count > 0)
        g_string_append_printf(text,
                               "The simulations are used up: by their bounds %" G_GUINT64_FORMAT
                               " ways might be faster than the first; --simulations tries more\n",
                               search->best_left_count);
    else if (search->left_count > 0)
        g_string_append_printf(
            text,
            "The first is the fastest; the simulations are used up, and by their "
            "bounds %" G_GUINT64_FORMAT " ways might be among the others\n",
            search->left_count);
    else
        g_string_append(text, "By their bounds no other way is faster than these\n");
    if (search->failure != NULL)
        g_string_append_printf(text, "The first that could not be simulated: %s\n",
                               search->failure);
    return g_string_free(text, FALSE);
}

/* --- For programs --- */

char *gw_search_csv(const gw_search *search, guint count)
{
    GString *text = g_string_new("rank");
    for (guint d = 0; d < GW_SEARCH_DIMENSIONS; d++)
        g_string_append_printf(text, ",%s", gw_search_dimension_name(d));
    for (guint c = 0; c < G_N_ELEMENTS(columns); c++)
        g_string_append_printf(text, ",%s", columns[c].key);
    g_string_append_c(text, '\n');
    for (guint i = 0; i < MIN(count, search->ways->len); i++) {
        g_string_append_printf(text, "%u", i + 1);
        for (guint d = 0; d < GW_SEARCH_DIMENSIONS; d++) {
            g_autofree char *value = gw_search_value_text(d, way_at(search, i)->point.values[d]);
            g_string_append_printf(text, ",%s", value);
        }
        for (guint c = 0; c < G_N_ELEMENTS(columns); c++) {
            g_string_append_c(text, ',');
            gw_text_append_csv_real(text, value_of(way_at(search, i), &columns[c]));
        }
        g_string_append_c(text, '\n');
    }
    return g_string_free(text, FALSE);
}

static void add_way(gw_json *json, const gw_search_way *way)
{
    gw_json_open_object(json, NULL);
    gw_json_open_object(json, "parameters");
    for (guint d = 0; d < GW_SEARCH_DIMENSIONS; d++) {
        g_autofree char *value = gw_search_value_text(d, way->point.values[d]);
        if (d == GW_SEARCH_SEQUENCE_PARALLEL)
            gw_json_bool(json, gw_search_dimension_name(d), way->point.values[d]);
        else if (g_ascii_isdigit(*value) && strspn(value, "0123456789") == strlen(value))
            gw_json_count(json, gw_search_dimension_name(d), way->point.values[d]);
        else
            gw_json_string(json, gw_search_dimension_name(d), value);
    }
    gw_json_close_object(json);
    for (guint c = 0; c < G_N_ELEMENTS(columns); c++)
        gw_json_real(json, columns[c].key, value_of(way, &columns[c]));
    gw_json_real(json, "estimated_bytes", way->estimated_bytes);
    gw_json_close_object(json);
}

char *gw_search_json(const gw_search *search, guint count)
{
    gw_json json;
    GString *text = g_string_new(NULL);
    gw_json_init(&json, text);
    gw_json_string(&json, "scenario", search->space->machine->name);
    gw_json_count(&json, "devices", search->space->devices);
    gw_json_open_object(&json, "counts");
    gw_json_count(&json, "all", search->point_count);
    gw_json_count(&json, "impossible", search->impossible_count);
    gw_json_count(&json, "memory", search->memory_count);
    gw_json_count(&json, "same", search->same_count);
    gw_json_count(&json, "slower", search->slower_count);
    gw_json_count(&json, "simulated", search->ways->len);
    gw_json_count(&json, "failed", search->failed_count);
    gw_json_count(&json, "left", search->left_count);
    gw_json_count(&json, "left_for_best", search->best_left_count);
    gw_json_close_object(&json);
    gw_json_open_array(&json, "ways");
    for (guint i = 0; i < MIN(count, search->ways->len); i++)
        add_way(&json, way_at(search, i));
    gw_json_close_array(&json);
    gw_json_finish(&json);
    return g_string_free(text, FALSE);
}
