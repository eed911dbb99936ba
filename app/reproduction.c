/* SPDX-License-Identifier: Apache-2.0 */
/* One batch for all figures, so that all cores have work until the end. */
#include "app/reproduction.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/sample.h"
#include "record/figure.h"
#include "record/output.h"
#include "record/text.h"

typedef struct { /* Where a run's result belongs. */
    const gw_paper_figure *figure;
    const gw_paper_curve *curve;
    guint point, run;
    guint64 seed; /* 0: the scenario's own. */
} wanted_point;

typedef struct {
    GArray *runs;        /* gw_batch_run */
    GArray *points;      /* wanted_point */
    GHashTable *seen;    /* A run's key to its place + 1; owns keys. */
    GPtrArray *settings; /* Of runs, const char **; owns the lists, and of each its last text. */
} run_list;

/* --- Runs --- */

static const gw_paper_figure *figure_at(const gw_paper *paper, guint place)
{
    return (const gw_paper_figure *)paper->figures->pdata[place];
}

static const gw_paper_curve *curve_at(const gw_paper_figure *figure, guint place)
{
    return (const gw_paper_curve *)figure->curves->pdata[place];
}

static guint find_run(run_list *list, const char *path, const char *const *settings)
{
    GString *key = g_string_new(path);
    for (guint i = 0; settings[i] != NULL; i++)
        g_string_append_printf(key, "\n%s", settings[i]);
    char *name = g_string_free(key, FALSE);
    guint place = GPOINTER_TO_UINT(g_hash_table_lookup(list->seen, name));
    if (place > 0) {
        g_free(name);
        return place - 1;
    }
    gw_batch_run run = {.path = path, .settings = settings, .backend = "sim"};
    g_array_append_val(list->runs, run);
    g_hash_table_insert(list->seen, name, GUINT_TO_POINTER(list->runs->len));
    return list->runs->len - 1;
}

/* The point's settings, borrowed, and the seed. */
static const char *const *add_seed(run_list *list, const gw_paper_point *point, guint64 seed)
{
    const guint length = g_strv_length((char **)point->settings);
    const char **settings = g_new(const char *, length + 2);
    memcpy(settings, point->settings, length * sizeof *settings);
    settings[length] = g_strdup_printf("seed=%" G_GUINT64_FORMAT, seed);
    settings[length + 1] = NULL;
    g_ptr_array_add(list->settings, settings);
    return settings;
}

static void free_seeded(void *data)
{
    char **settings = (char **)data;
    g_free(settings[g_strv_length(settings) - 1]);
    g_free(settings);
}

static void add_point(run_list *list, const gw_paper_figure *figure, const gw_paper_curve *curve,
                      guint place)
{
    const gw_paper_point *point = &g_array_index(curve->points, gw_paper_point, place);
    for (guint64 i = 0; i < MAX(figure->seed_count, 1); i++) {
        const guint64 seed = figure->seed_count == 0 ? 0 : i + 1;
        const char *const *settings = seed == 0 ? (const char *const *)point->settings
                                                : add_seed(list, point, seed);
        const guint run = find_run(list, curve->scenario, settings);
        wanted_point wanted = {figure, curve, place, run, seed};
        g_array_append_val(list->points, wanted);
    }
}

/* Whether a claim looks at that point, itself or as what another curve is divided by. */
static bool is_claimed(const gw_paper_figure *figure, guint place, double x)
{
    for (guint c = 0; c < figure->curves->len; c++)
        for (guint i = 0;
             (c == place || curve_at(figure, c)->over == place) && i < figure->claims->len; i++)
            if (gw_claim_looks_at((const gw_claim *)figure->claims->pdata[i], c, x))
                return true;
    return false;
}

static void add_figure(run_list *list, const gw_paper_figure *figure, bool is_drawn)
{
    for (guint c = 0; c < figure->curves->len; c++) {
        const gw_paper_curve *curve = curve_at(figure, c);
        for (guint p = 0; p < curve->points->len; p++) {
            if (!is_drawn && !is_claimed(figure, c, g_array_index(curve->x, double, p)))
                continue;
            add_point(list, figure, curve, p);
        }
    }
}

static bool fail_point(const wanted_point *wanted, int code, const char *message, GError **error)
{
    g_autofree char *seed =
        wanted->seed == 0 ? NULL : g_strdup_printf(", seed %" G_GUINT64_FORMAT, wanted->seed);
    g_set_error(error, GW_ERROR, code, "figure %s, %s at %g%s: %s", wanted->figure->name,
                wanted->curve->name, g_array_index(wanted->curve->x, double, wanted->point),
                seed != NULL ? seed : "", message);
    return false;
}

bool gw_reproduction_measure(const char *summary, const char *measure, double *out, GError **error)
{
    g_autoptr(gw_params) root = gw_params_parse(summary, "summary.json", error);
    g_auto(GStrv) parts = g_strsplit(measure, ".", -1);
    gw_params *at = root;
    for (guint i = 0; at != NULL && parts[i] != NULL; i++) {
        guint64 place = 0;
        if (gw_params_is_array(at)) {
            bool is_there =
                g_ascii_string_to_unsigned(parts[i], 10, 0, G_MAXUINT32, &place, NULL) &&
                place < gw_params_length(at);
            at = is_there ? gw_params_at(at, (guint32)place) : NULL;
        } else if (gw_params_is_object(at)) {
            gw_params *member = NULL;
            at = gw_params_value(at, parts[i], false, &member, NULL) ? member : NULL;
        } else {
            at = NULL;
        }
    }
    if (root == NULL)
        return false;
    if (at != NULL && gw_params_as_number(at, out, NULL))
        return true;
    g_autofree char *found = gw_error_quote(measure);
    g_set_error(error, GW_ERROR, GW_ERROR_SCENARIO,
                "found the measure %s, expected a number of summary.json", found);
    return false;
}

static bool take_result(const wanted_point *wanted, const gw_batch_result *result, GError **error)
{
    if (result->exit_code != 0)
        return fail_point(wanted, result->exit_code, result->message, error);
    const gw_paper_point *point =
        &g_array_index(wanted->curve->points, gw_paper_point, wanted->point);
    g_autoptr(GError) cause = NULL;
    double value = NAN;
    if (!gw_reproduction_measure(result->summary, point->measure, &value, &cause))
        return fail_point(wanted, cause->code, cause->message, error);
    double *y = &g_array_index(wanted->curve->y, double, wanted->point);
    const double part = value * point->scale / (double)MAX(wanted->figure->seed_count, 1);
    *y = isnan(*y) ? part : *y + part; /* The first, or one more. */
    return true;
}

/* y at x; NAN where the curve has no such point. */
static double find_y(const gw_paper_curve *curve, double x)
{
    for (guint i = 0; i < curve->x->len; i++)
        if (g_array_index(curve->x, double, i) == x)
            return g_array_index(curve->y, double, i);
    return NAN;
}

static void divide_curves(const gw_paper_figure *figure)
{
    for (guint c = 0; c < figure->curves->len; c++) {
        const gw_paper_curve *curve = curve_at(figure, c);
        for (guint i = 0; curve->over != GW_PAPER_NONE && i < curve->x->len; i++)
            g_array_index(curve->y, double, i) /=
                find_y(curve_at(figure, curve->over), g_array_index(curve->x, double, i));
    }
}

bool gw_reproduction_run(gw_paper *paper, const bool *is_wanted, bool is_drawn,
                         const gw_batch_settings *settings, GError **error)
{
    g_autoptr(GArray) runs = g_array_new(FALSE, FALSE, sizeof(gw_batch_run));
    g_autoptr(GArray) points = g_array_new(FALSE, FALSE, sizeof(wanted_point));
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GPtrArray) seeded = g_ptr_array_new_with_free_func(free_seeded);
    run_list list = {runs, points, seen, seeded};
    for (guint f = 0; f < paper->figures->len; f++)
        if (is_wanted[f])
            add_figure(&list, figure_at(paper, f), is_drawn);
    g_autoptr(GPtrArray) results =
        gw_batch_execute((const gw_batch_run *)(void *)runs->data, runs->len, settings, error);
    if (results == NULL)
        return false;
    for (guint i = 0; i < points->len; i++) {
        const wanted_point *wanted = &g_array_index(points, wanted_point, i);
        const gw_batch_result *result = (const gw_batch_result *)results->pdata[wanted->run];
        if (!take_result(wanted, result, error))
            return false;
    }
    for (guint f = 0; f < paper->figures->len; f++)
        if (is_wanted[f])
            divide_curves(figure_at(paper, f));
    return true;
}

/* --- Claims --- */

static void free_row(void *data)
{
    gw_claim_row_free((gw_claim_row *)data);
}

static void judge_figure(const gw_paper_figure *figure, GPtrArray *rows)
{
    g_autofree gw_curve *curves = g_new0(gw_curve, figure->curves->len);
    for (guint c = 0; c < figure->curves->len; c++) {
        const gw_paper_curve *curve = curve_at(figure, c);
        curves[c] = (gw_curve){.name = curve->name,
                               .count = curve->x->len,
                               .x = (const double *)(void *)curve->x->data,
                               .y = (const double *)(void *)curve->y->data};
    }
    for (guint i = 0; i < figure->claims->len; i++)
        g_ptr_array_add(rows, gw_claim_judge((const gw_claim *)figure->claims->pdata[i],
                                             figure->source, curves));
}

GPtrArray *gw_reproduction_judge(const gw_paper *paper, const bool *is_wanted)
{
    GPtrArray *rows = g_ptr_array_new_with_free_func(free_row);
    for (guint f = 0; f < paper->figures->len; f++)
        if (is_wanted[f])
            judge_figure(figure_at(paper, f), rows);
    return rows;
}

/* --- Figures --- */

/* Every x of any curve, once, rising. */
static GArray *gather_x(const gw_paper_figure *figure)
{
    GArray *all = g_array_new(FALSE, FALSE, sizeof(double));
    for (guint c = 0; c < figure->curves->len; c++) {
        const GArray *x = curve_at(figure, c)->x;
        g_array_append_vals(all, x->data, x->len);
    }
    gw_sample_sort(all);
    for (guint i = all->len; i-- > 1;)
        if (g_array_index(all, double, i) == g_array_index(all, double, i - 1))
            g_array_remove_index(all, i);
    return all;
}

static void append_value(GString *text, const gw_paper_curve *curve, double x)
{
    g_string_append_c(text, ',');
    for (guint i = 0; i < curve->x->len; i++)
        if (g_array_index(curve->x, double, i) == x)
            gw_text_append_real(text, g_array_index(curve->y, double, i));
}

static char *render_curves(const gw_paper_figure *figure)
{
    GString *text = g_string_new(NULL);
    gw_text_append_csv(text, figure->x_name);
    for (guint c = 0; c < figure->curves->len; c++) {
        g_string_append_c(text, ',');
        gw_text_append_csv(text, curve_at(figure, c)->name);
    }
    g_string_append_c(text, '\n');
    g_autoptr(GArray) all = gather_x(figure);
    for (guint i = 0; i < all->len; i++) {
        double x = g_array_index(all, double, i);
        gw_text_append_real(text, x);
        for (guint c = 0; c < figure->curves->len; c++)
            append_value(text, curve_at(figure, c), x);
        g_string_append_c(text, '\n');
    }
    return g_string_free(text, FALSE);
}

static char *render_prints(const gw_paper_figure *figure)
{
    GString *text = g_string_new("curve,x,y\n");
    for (guint i = 0; i < figure->prints->len; i++) {
        const gw_paper_print *print = &g_array_index(figure->prints, gw_paper_print, i);
        g_string_append_printf(text, "%u,", print->curve + 1);
        gw_text_append_real(text, print->x);
        g_string_append_c(text, ',');
        gw_text_append_real(text, print->y);
        g_string_append_c(text, '\n');
    }
    return g_string_free(text, FALSE);
}

static char *render_marks(const gw_paper_figure *figure)
{
    GString *text = g_string_new("x,text\n");
    for (guint i = 0; i < figure->marks->len; i++) {
        const gw_paper_mark *mark = &g_array_index(figure->marks, gw_paper_mark, i);
        gw_text_append_real(text, mark->x);
        g_string_append_c(text, ',');
        gw_text_append_csv(text, mark->text);
        g_string_append_c(text, '\n');
    }
    return g_string_free(text, FALSE);
}

static bool save(const gw_paper_figure *figure, const char *folder, const char *ending,
                 char *take_text, GError **error)
{
    g_autofree char *text = take_text;
    g_autofree char *name = g_strconcat(figure->subject, ending, ".csv", NULL);
    return gw_output_save(folder, name, text, error);
}

bool gw_reproduction_draw(const gw_paper_figure *figure, const char *folder, GError **error)
{
    return save(figure, folder, "", render_curves(figure), error) &&
           save(figure, folder, "_published", render_prints(figure), error) &&
           save(figure, folder, "_marks", render_marks(figure), error) &&
           gw_figure_draw(folder, figure->subject, gw_figure_formats, error);
}
