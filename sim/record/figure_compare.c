/* SPDX-License-Identifier: Apache-2.0 */
/* A comparison, ready to draw: compare_points.csv out of compare.json.
 *
 * One axis of the comparison goes along x: the longest whose values are numbers, or quantities of
 * one unit, and rise or fall throughout, which makes lines; where there is none, the first, which
 * makes groups of bars.  The other axes make the series.  The first metrics have a panel each. */
#include <math.h>
#include <string.h>

#include "base/params.h"
#include "record/figure_private.h"
#include "record/output.h"
#include "record/text.h"

#define PANEL_COUNT_MAX 3
#define TIC_COUNT       5       /* Steps of the y axis up to the highest value. */
#define LABEL_COUNT_MAX 8       /* Along x, so that they do not run into each other. */
#define LABEL_LETTERS   44      /* All labels of groups side by side. */
#define LOG_RANGE       8       /* x reaches over so many times its smallest: powers of two. */
#define GROUP_WIDTH     0.8     /* Of the bars of a group, where groups are 1 apart. */
#define FRAME_HEIGHT_IN 0.55    /* Below the lowest panel and above the highest, */
#define PANEL_HEIGHT_IN 1.05    /* a panel, */
#define TITLE_HEIGHT_IN 0.145   /* and a row of the key. */
#define LARGE           10000.0 /* From there on with k, M, G. */

typedef struct {
    const char *path;
    gw_params *values;
    uint32_t count;
} axis;

typedef struct {
    GArray *axes;        /* axis */
    GPtrArray *metrics;  /* const char * */
    gw_params *settings; /* With the last axis the fastest. */
    uint32_t x_axis, panel_count, series_count, series_total;
    bool is_line;
    GArray *x; /* double, by value of x_axis. */
} comparison;

static const axis *axis_at(const comparison *about, uint32_t index)
{
    return &g_array_index(about->axes, axis, index);
}

static const char *value_text(const axis *at, uint32_t value)
{
    const char *text = "";
    gw_params_as_string(gw_params_at(at->values, value), &text, NULL);
    return text;
}

/* --- Reading --- */

static bool read_axes(gw_params *root, comparison *about, GError **error)
{
    gw_params *axes;
    if (!gw_params_array(root, "axes", true, &axes, error)) {
        return false;
    }
    for (uint32_t a = 0; a < gw_params_length(axes); a++) {
        axis found = {0};
        gw_params *object;
        if (!gw_params_as_object(gw_params_at(axes, a), &object, error) ||
            !gw_params_string(object, "path", true, &found.path, error) ||
            !gw_params_array(object, "values", true, &found.values, error)) {
            return false;
        }
        found.count = gw_params_length(found.values);
        for (uint32_t v = 0; v < found.count; v++) {
            const char *text;
            if (!gw_params_as_string(gw_params_at(found.values, v), &text, error)) {
                return false;
            }
        }
        g_array_append_val(about->axes, found);
    }
    return true;
}

static bool read_metrics(gw_params *root, comparison *about, GError **error)
{
    gw_params *metrics;
    if (!gw_params_array(root, "metrics", true, &metrics, error)) {
        return false;
    }
    for (uint32_t m = 0; m < gw_params_length(metrics); m++) {
        const char *name;
        if (!gw_params_as_string(gw_params_at(metrics, m), &name, error)) {
            return false;
        }
        g_ptr_array_add(about->metrics, (void *)name);
    }
    return true;
}

static bool check_count(const comparison *about, gw_params *root, GError **error)
{
    uint64_t count = about->axes->len == 0 ? 0 : 1;
    for (uint32_t a = 0; a < about->axes->len && count < UINT32_MAX; a++) {
        count *= axis_at(about, a)->count;
    }
    if (about->metrics->len > 0 && count > 0 && count == gw_params_length(about->settings)) {
        return true;
    }
    gw_params_error(root, NULL, error,
                    "found %u settings and %u metrics, expected %" G_GUINT64_FORMAT
                    " settings and a metric at least",
                    gw_params_length(about->settings), about->metrics->len, count);
    return false;
}

/* --- What goes where --- */

/* A number, or a quantity of one of the units that settings have. */
static bool read_position(const char *text, double *out, gw_unit *out_unit)
{
    static const gw_unit units[] = {GW_UNIT_SPAN, GW_UNIT_BYTES, GW_UNIT_RATE, GW_UNIT_FLOPS,
                                    GW_UNIT_POWER};
    char *end;
    *out = g_ascii_strtod(text, &end);
    *out_unit = 0;
    if (end != text && *end == '\0') {
        return isfinite(*out);
    }
    for (uint32_t i = 0; i < G_N_ELEMENTS(units); i++) {
        if (gw_quantity_parse(text, units[i], out, NULL)) {
            *out_unit = units[i];
            return true;
        }
    }
    return false;
}

/* Whether `at` can go along x as a number: its positions are in `x` then. */
static bool read_positions(const axis *at, GArray *x)
{
    gw_unit first_unit = 0;
    g_array_set_size(x, 0);
    for (uint32_t v = 0; v < at->count; v++) {
        double position;
        gw_unit unit;
        if (!read_position(value_text(at, v), &position, &unit) || (v > 0 && unit != first_unit)) {
            return false;
        }
        first_unit = unit;
        g_array_append_val(x, position);
    }
    const double *at_x = (const double *)(const void *)x->data;
    for (uint32_t v = 1; v < at->count; v++) {
        if (at_x[v] == at_x[v - 1] || (at_x[v] > at_x[v - 1]) != (at_x[1] > at_x[0])) {
            return false;
        }
    }
    return at->count >= 2;
}

static void choose_axis(comparison *about)
{
    for (uint32_t a = 0; a < about->axes->len; a++) {
        const bool is_longer = axis_at(about, a)->count > axis_at(about, about->x_axis)->count;
        if ((!about->is_line || is_longer) && read_positions(axis_at(about, a), about->x)) {
            about->is_line = true;
            about->x_axis = a;
        }
    }
    const axis *chosen = axis_at(about, about->x_axis);
    if (!about->is_line || !read_positions(chosen, about->x)) {
        g_array_set_size(about->x, 0);
        for (uint32_t v = 0; v < chosen->count; v++) {
            const double position = v;
            g_array_append_val(about->x, position);
        }
    }
    about->series_total = gw_params_length(about->settings) / chosen->count;
    about->series_count = MIN(about->series_total, GW_FIGURE_GROUP_COUNT);
    about->panel_count = MIN(about->metrics->len, PANEL_COUNT_MAX);
}

/* How far apart two settings are that are neighbours on `index`. */
static uint32_t find_stride(const comparison *about, uint32_t index)
{
    uint32_t stride = 1;
    for (uint32_t a = index + 1; a < about->axes->len; a++) {
        stride *= axis_at(about, a)->count;
    }
    return stride;
}

static uint32_t find_setting(const comparison *about, uint32_t series, uint32_t x)
{
    const uint32_t stride = find_stride(about, about->x_axis);
    return (series / stride * axis_at(about, about->x_axis)->count + x) * stride + series % stride;
}

/* "policy=share count=4": the last names of the paths; of one series that stands for all, "". */
static char *name_series(const comparison *about, uint32_t series)
{
    GString *name = g_string_new(NULL);
    const uint32_t setting = find_setting(about, series, 0);
    for (uint32_t a = 0; a < about->axes->len; a++) {
        const axis *at = axis_at(about, a);
        const char *dot = strrchr(at->path, '.');
        const uint32_t value = setting / find_stride(about, a) % at->count;
        if (a != about->x_axis) {
            g_string_append_printf(name, "%s%s=%s", name->len > 0 ? " " : "",
                                   dot != NULL ? dot + 1 : at->path, value_text(at, value));
        }
    }
    return g_string_free(name, FALSE);
}

/* --- Points --- */

typedef struct {
    double mean, ci95; /* NAN: there is none. */
} point;

static bool read_point(const comparison *about, uint32_t setting, uint32_t metric, point *out,
                       GError **error)
{
    gw_params *object, *metrics, *cell, *mean, *ci95;
    *out = (point){NAN, NAN};
    if (!gw_params_as_object(gw_params_at(about->settings, setting), &object, error) ||
        !gw_params_object(object, "metrics", true, &metrics, error) ||
        !gw_params_object(metrics, about->metrics->pdata[metric], true, &cell, error) ||
        !gw_params_value(cell, "mean", true, &mean, error) ||
        !gw_params_value(cell, "ci95", true, &ci95, error)) {
        return false;
    }
    if (gw_params_as_number(mean, &out->mean, NULL)) {
        gw_params_as_number(ci95, &out->ci95, NULL);
    }
    return true;
}

static double find_position(const comparison *about, uint32_t series, uint32_t x)
{
    const double position = g_array_index(about->x, double, x);
    const double middle = ((double)about->series_count - 1) / 2;
    return about->is_line ? position
                          : position + (series - middle) * GROUP_WIDTH / about->series_count;
}

static void append_number(GString *row, double value)
{
    if (isnan(value)) {
        g_string_append(row, "NaN");
    } else {
        gw_text_append_real(row, value);
    }
}

/* A block of rows x, mean, ci95 for each panel and series; *out_largest is the highest mean. */
static bool write_points(const comparison *about, gw_output *output, uint32_t panel,
                         double *out_largest, GError **error)
{
    for (uint32_t s = 0; s < about->series_count; s++) {
        for (uint32_t x = 0; x < about->x->len; x++) {
            point at;
            if (!read_point(about, find_setting(about, s, x), panel, &at, error)) {
                return false;
            }
            g_autoptr(GString) row = g_string_new(NULL);
            append_number(row, find_position(about, s, x));
            g_string_append_c(row, ',');
            append_number(row, at.mean);
            g_string_append_c(row, ',');
            append_number(row, at.ci95);
            g_string_append_c(row, '\n');
            gw_output_print(output, row->str);
            *out_largest = at.mean > *out_largest ? at.mean : *out_largest;
        }
        gw_output_print(output, "\n\n");
    }
    return true;
}

/* --- What the script is told --- */

/* "jobs.0.step_time_ns" in ms: "jobs.0.step time (ms)"; the numbers are divided by *out_size. */
static char *name_panel(const char *metric, double largest, double *out_size)
{
    static const struct {
        const char *name;
        double size;
    } spans[] = {{"s", 1e9}, {"ms", 1e6}, {"µs", 1e3}, {"ns", 1}},
      counts[] = {{"billions", 1e9}, {"millions", 1e6}, {"thousands", 1e3}, {"", 1}};
    const bool is_span = g_str_has_suffix(metric, "_ns");
    const bool is_rate = g_str_has_suffix(metric, "_per_s");
    g_autofree char *name = g_strndup(metric, strlen(metric) - (is_span ? 3 : is_rate ? 6 : 0));
    uint32_t i = 0;
    g_strdelimit(name, "_", ' ');
    while (i + 1 < G_N_ELEMENTS(spans) &&
           (is_span ? largest < 2 * spans[i].size : largest < MAX(counts[i].size, LARGE))) {
        i++;
    }
    *out_size = is_span ? spans[i].size : counts[i].size;
    const char *unit = is_span ? spans[i].name : counts[i].name;
    return g_strconcat(name, is_rate ? "/s" : "", *unit != '\0' ? " (" : "", unit,
                       *unit != '\0' ? ")" : "", NULL);
}

/* 1, 2 or 5 times a power of ten: the least with which `largest` is at most TIC_COUNT steps. */
static double find_step(double largest)
{
    static const double factors[] = {1, 2, 5, 10};
    const double least = largest / TIC_COUNT;
    double power = 1;
    uint32_t i = 0;
    if (largest <= 0) {
        return 1;
    }
    while (power > least) {
        power /= 10;
    }
    while (power * 10 < least) {
        power *= 10;
    }
    while (power * factors[i] < least && i + 1 < G_N_ELEMENTS(factors)) {
        i++;
    }
    return power * factors[i];
}

static void append_panel(GString *variables, const comparison *about, uint32_t panel,
                         double largest)
{
    double size;
    char step[G_ASCII_DTOSTR_BUF_SIZE];
    g_autofree char *name = name_panel(about->metrics->pdata[panel], largest, &size);
    g_autofree char *variable = g_strdup_printf("panel_names[%u]", panel + 1);
    gw_figure_append_text(variables, variable, name);
    g_string_append_printf(variables, "panel_sizes[%u]=%.1f; panel_steps[%u]=real('%s'); ",
                           panel + 1, size, panel + 1,
                           g_ascii_dtostr(step, sizeof step, find_step(largest / size)));
}

static void append_labels(GString *variables, const comparison *about)
{
    const axis *at = axis_at(about, about->x_axis);
    const uint32_t step = (at->count + LABEL_COUNT_MAX - 1) / LABEL_COUNT_MAX;
    const glong letters = LABEL_LETTERS / (glong)MIN(at->count, LABEL_COUNT_MAX);
    uint32_t count = 0;
    g_string_append_printf(variables, "array x_labels[%u]; array x_places[%u]; ", at->count,
                           at->count);
    for (uint32_t v = 0; v < at->count; v += step) {
        const char *text = value_text(at, v);
        const bool is_long = g_utf8_strlen(text, -1) > letters;
        g_autofree char *head = g_utf8_substring(text, 0, is_long ? letters - 1 : -1);
        g_autofree char *label = g_strconcat(head, is_long ? "…" : "", NULL);
        g_autofree char *variable = g_strdup_printf("x_labels[%u]", ++count);
        char place[G_ASCII_DTOSTR_BUF_SIZE];
        gw_figure_append_text(variables, variable, label);
        g_ascii_dtostr(place, sizeof place, g_array_index(about->x, double, v));
        g_string_append_printf(variables, "x_places[%u]=real('%s'); ", count, place);
    }
    gw_figure_append_count(variables, "x_label_count", count);
}

static void append_title(GString *variables, const comparison *about)
{
    g_autofree char *shown =
        g_strdup_printf(" (first %u of %u series)", about->series_count, about->series_total);
    g_autofree char *title =
        g_strconcat(axis_at(about, about->x_axis)->path,
                    about->series_count < about->series_total ? shown : "", NULL);
    gw_figure_append_text(variables, "x_title", title);
}

/* Lines spread evenly where x is multiplied rather than added. */
static void append_scale(GString *variables, const comparison *about)
{
    const double *x = (const double *)(const void *)about->x->data;
    const double first = x[0];
    const double last = x[about->x->len - 1];
    const bool is_log =
        about->is_line && MIN(first, last) > 0 && MAX(first, last) >= LOG_RANGE * MIN(first, last);
    char low[G_ASCII_DTOSTR_BUF_SIZE], high[G_ASCII_DTOSTR_BUF_SIZE];
    g_string_append_printf(variables, "x_low=real('%s'); x_high=real('%s'); ",
                           g_ascii_dtostr(low, sizeof low, MIN(first, last)),
                           g_ascii_dtostr(high, sizeof high, MAX(first, last)));
    gw_figure_append_count(variables, "is_log", is_log);
    gw_figure_append_count(variables, "is_line", about->is_line);
    g_string_append_printf(variables, "bar_width=%.6f; ", GROUP_WIDTH / about->series_count);
}

static void append_series(GString *variables, const comparison *about)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    for (uint32_t s = 0; s < about->series_count && about->series_total > 1; s++) {
        g_ptr_array_add(names, name_series(about, s));
    }
    gw_figure_append_count(variables, "series_count", about->series_count);
    gw_figure_append_count(variables, "panel_count", about->panel_count);
    gw_figure_append_titles(variables, (const char *const *)names->pdata, names->len,
                            GW_FIGURE_GROUP_COUNT);
    g_string_append_printf(variables,
                           "height=%.3f+(title_count>0 ? (title_count-1)/key_columns+1 : 0)*%.3f; ",
                           FRAME_HEIGHT_IN + about->panel_count * PANEL_HEIGHT_IN, TITLE_HEIGHT_IN);
}

static bool prepare(comparison *about, gw_params *root, const char *folder, GString *variables,
                    GError **error)
{
    if (!read_axes(root, about, error) || !read_metrics(root, about, error) ||
        !gw_params_array(root, "settings", true, &about->settings, error) ||
        !check_count(about, root, error)) {
        return false;
    }
    choose_axis(about);
    g_autoptr(gw_output) output = gw_output_open(folder, "compare_points.csv", error);
    if (output == NULL) {
        return false;
    }
    gw_output_print(output, "# x,mean,ci95: a block for each series of each panel\n");
    g_string_append_printf(variables,
                           "array panel_names[%u]; array panel_sizes[%u]; "
                           "array panel_steps[%u]; ",
                           about->panel_count, about->panel_count, about->panel_count);
    for (uint32_t p = 0; p < about->panel_count; p++) {
        double largest = 0;
        if (!write_points(about, output, p, &largest, error)) {
            return false;
        }
        append_panel(variables, about, p, largest);
    }
    append_labels(variables, about);
    append_title(variables, about);
    append_scale(variables, about);
    append_series(variables, about);
    return gw_output_commit(output, error);
}

bool gw_figure_prepare_compare(const char *folder, GString *variables, GError **error)
{
    g_autofree char *path = g_build_filename(folder, "compare.json", NULL);
    g_autoptr(gw_params) root = gw_params_load(path, error);
    if (root == NULL) {
        return false;
    }
    comparison about = {.axes = g_array_new(FALSE, FALSE, sizeof(axis)),
                        .metrics = g_ptr_array_new(),
                        .x = g_array_new(FALSE, FALSE, sizeof(double))};
    const bool is_done = prepare(&about, root, folder, variables, error);
    g_array_unref(about.axes);
    g_ptr_array_unref(about.metrics);
    g_array_unref(about.x);
    return is_done;
}
