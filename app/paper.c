/* SPDX-License-Identifier: Apache-2.0 */
/* Read from the outside in: paper, figure, curve, point.  Settings and points that all curves of a
 * figure share stand once, with the figure; a curve's own come after them and so win. */
#include "app/paper.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "scenario/scenario.h"

#define FILE_SUFFIX  ".json"
#define SETTINGS_MAX 64 /* Of a figure, a curve or a point. */
#define SEEDS_MAX    1000

typedef struct {
    const char *folder, *name; /* Of the paper. */
    gw_paper *paper;
    gw_paper_figure *figure;      /* The one that is being read. */
    gw_params *settings, *points; /* Of the figure; points may be NULL. */
    const char *measure;          /* Of the figure. */
} paper_reader;

/* --- Memory --- */

static void clear_point(void *data)
{
    g_free(((gw_paper_point *)data)->settings);
}

static void free_curve(void *data)
{
    gw_paper_curve *curve = (gw_paper_curve *)data;
    g_free(curve->scenario);
    g_array_unref(curve->points);
    g_array_unref(curve->x);
    g_array_unref(curve->y);
    g_free(curve);
}

static void free_claim(void *data)
{
    gw_claim_free((gw_claim *)data);
}

static void free_figure(void *data)
{
    gw_paper_figure *figure = (gw_paper_figure *)data;
    g_free(figure->subject);
    g_free(figure->source);
    g_ptr_array_unref(figure->curves);
    g_array_unref(figure->prints);
    g_array_unref(figure->marks);
    g_ptr_array_unref(figure->claims);
    g_free(figure);
}

void gw_paper_free(gw_paper *paper)
{
    if (paper == NULL)
        return;
    g_ptr_array_unref(paper->figures);
    gw_params_free(paper->root);
    g_free(paper);
}

static gw_paper_figure *new_figure(void)
{
    gw_paper_figure *figure = g_new0(gw_paper_figure, 1);
    figure->curves = g_ptr_array_new_with_free_func(free_curve);
    figure->prints = g_array_new(FALSE, FALSE, sizeof(gw_paper_print));
    figure->marks = g_array_new(FALSE, FALSE, sizeof(gw_paper_mark));
    figure->claims = g_ptr_array_new_with_free_func(free_claim);
    return figure;
}

static gw_paper_curve *new_curve(void)
{
    gw_paper_curve *curve = g_new0(gw_paper_curve, 1);
    curve->points = g_array_new(FALSE, FALSE, sizeof(gw_paper_point));
    curve->x = g_array_new(FALSE, FALSE, sizeof(double));
    curve->y = g_array_new(FALSE, FALSE, sizeof(double));
    g_array_set_clear_func(curve->points, clear_point);
    return curve;
}

/* --- Points --- */

/* "set" of an object, appended; absent: nothing. */
static bool add_settings(gw_params *list, GPtrArray *settings, GError **error)
{
    for (guint i = 0; list != NULL && i < gw_params_length(list); i++) {
        const char *setting = NULL;
        if (!gw_params_as_string(gw_params_at(list, i), &setting, error))
            return false;
        g_ptr_array_add(settings, (void *)setting);
    }
    return true;
}

static bool read_settings(gw_params *object, gw_params **out, GError **error)
{
    if (!gw_params_array(object, "set", false, out, error))
        return false;
    if (*out == NULL || gw_params_length(*out) <= SETTINGS_MAX)
        return true;
    gw_params_error(*out, NULL, error, "found %u settings, expected at most %d",
                    gw_params_length(*out), SETTINGS_MAX);
    return false;
}

typedef struct {
    gw_params *settings; /* NULL: none. */
    const char *measure;
    double scale;
} curve_defaults;

static bool read_point(const paper_reader *reader, const curve_defaults *defaults,
                       gw_params *object, gw_paper_curve *curve, GError **error)
{
    gw_paper_point point = {.measure = defaults->measure, .scale = defaults->scale};
    gw_params *own = NULL;
    if (!gw_params_number(object, "x", true, -G_MAXDOUBLE, G_MAXDOUBLE, &point.x, error) ||
        !gw_params_string(object, "measure", false, &point.measure, error) ||
        !read_settings(object, &own, error) || !gw_params_finish(object, error))
        return false;
    if (curve->x->len > 0 && point.x <= g_array_index(curve->x, double, curve->x->len - 1)) {
        gw_params_error(object, "x", error, "found %g, expected more than %g, the one before",
                        point.x, g_array_index(curve->x, double, curve->x->len - 1));
        return false;
    }
    GPtrArray *settings = g_ptr_array_new();
    bool is_read = add_settings(reader->settings, settings, error) &&
                   add_settings(own, settings, error) &&
                   add_settings(defaults->settings, settings, error);
    g_ptr_array_add(settings, NULL);
    point.settings = (const char **)g_ptr_array_free(settings, FALSE);
    const double unknown = NAN;
    g_array_append_val(curve->points, point);
    g_array_append_val(curve->x, point.x);
    g_array_append_val(curve->y, unknown);
    return is_read;
}

static bool read_points(const paper_reader *reader, const curve_defaults *defaults, gw_params *list,
                        gw_paper_curve *curve, GError **error)
{
    for (guint i = 0; i < gw_params_length(list); i++) {
        gw_params *object = NULL;
        if (!gw_params_as_object(gw_params_at(list, i), &object, error) ||
            !read_point(reader, defaults, object, curve, error))
            return false;
    }
    return true;
}

/* --- Curves --- */

/* What the curve is divided by: a curve that has the same x, and is of none itself. */
static bool read_over(const paper_reader *reader, gw_params *object, gw_paper_curve *curve,
                      GError **error)
{
    const GPtrArray *curves = reader->figure->curves; /* This one is the last. */
    const char *name = NULL;
    curve->over = GW_PAPER_NONE;
    if (!gw_params_string(object, "over", false, &name, error))
        return false;
    if (name == NULL)
        return true;
    for (guint i = 0; i + 1 < curves->len; i++) {
        const gw_paper_curve *other = (const gw_paper_curve *)curves->pdata[i];
        if (strcmp(other->name, name) == 0 && other->over == GW_PAPER_NONE) {
            curve->over = i;
            return true;
        }
    }
    g_autofree char *found = gw_error_quote(name);
    gw_params_error(object, "over", error,
                    "found %s, expected an earlier curve that is over none itself", found);
    return false;
}

static bool read_curve(const paper_reader *reader, gw_params *object, GError **error)
{
    gw_paper_curve *curve = new_curve();
    curve_defaults defaults = {.measure = reader->measure, .scale = 1};
    const char *scenario = NULL;
    gw_params *points = reader->points;
    g_ptr_array_add(reader->figure->curves, curve);
    if (!gw_params_string(object, "name", true, &curve->name, error) ||
        !gw_params_string(object, "scenario", true, &scenario, error) ||
        !gw_params_string(object, "measure", false, &defaults.measure, error) ||
        !gw_params_number(object, "scale", false, 0, G_MAXDOUBLE, &defaults.scale, error) ||
        !read_over(reader, object, curve, error) ||
        !read_settings(object, &defaults.settings, error) ||
        !gw_params_array(object, "points", false, &points, error) ||
        !gw_params_finish(object, error))
        return false;
    if (points == NULL || gw_params_length(points) == 0) {
        gw_params_error(object, NULL, error, "found no \"points\", here or with the figure");
        return false;
    }
    if (strchr(curve->name, ',') != NULL || strchr(curve->name, '"') != NULL) {
        gw_params_error(object, "name", error, "expected a name without commas and quotes");
        return false;
    }
    curve->scenario = g_build_filename(reader->folder, scenario, NULL);
    return read_points(reader, &defaults, points, curve, error);
}

static char **list_curves(const gw_paper_figure *figure)
{
    GPtrArray *names = g_ptr_array_new();
    for (guint i = 0; i < figure->curves->len; i++)
        g_ptr_array_add(names, (void *)((const gw_paper_curve *)figure->curves->pdata[i])->name);
    g_ptr_array_add(names, NULL);
    return (char **)g_ptr_array_free(names, FALSE);
}

static bool read_claim(const paper_reader *reader, gw_params *object, GError **error)
{
    g_autofree const char **names = (const char **)list_curves(reader->figure);
    gw_claim *claim = gw_claim_read(object, names, reader->figure->curves->len, error);
    if (claim == NULL)
        return false;
    g_ptr_array_add(reader->figure->claims, claim);
    return true;
}

/* --- What was printed --- */

static bool read_print(const paper_reader *reader, gw_params *object, GError **error)
{
    g_autofree const char **names = (const char **)list_curves(reader->figure);
    gw_paper_print print = {0};
    const char *how = NULL;
    guint32 curve = 0;
    if (!gw_params_choice(object, "curve", true, names, &curve, error) ||
        !gw_params_number(object, "x", true, -G_MAXDOUBLE, G_MAXDOUBLE, &print.x, error) ||
        !gw_params_number(object, "y", true, -G_MAXDOUBLE, G_MAXDOUBLE, &print.y, error) ||
        !gw_params_string(object, "how", true, &how, error) || !gw_params_finish(object, error))
        return false;
    print.curve = curve;
    g_array_append_val(reader->figure->prints, print);
    return true;
}

static bool read_mark(const paper_reader *reader, gw_params *object, GError **error)
{
    gw_paper_mark mark = {0};
    if (!gw_params_number(object, "x", true, -G_MAXDOUBLE, G_MAXDOUBLE, &mark.x, error) ||
        !gw_params_string(object, "text", true, &mark.text, error) ||
        !gw_params_finish(object, error))
        return false;
    g_array_append_val(reader->figure->marks, mark);
    return true;
}

/* --- Figures --- */

static bool read_each(const paper_reader *reader, gw_params *owner, const char *key, bool required,
                      bool (*read)(const paper_reader *reader, gw_params *object, GError **error),
                      GError **error)
{
    gw_params *list = NULL;
    if (!gw_params_array(owner, key, required, &list, error))
        return false;
    if (required && gw_params_length(list) == 0) {
        gw_params_error(list, NULL, error, "found none, expected one at least");
        return false;
    }
    for (guint i = 0; list != NULL && i < gw_params_length(list); i++) {
        gw_params *object = NULL;
        if (!gw_params_as_object(gw_params_at(list, i), &object, error) ||
            !read(reader, object, error))
            return false;
    }
    return true;
}

static bool read_figure(const paper_reader *outer, gw_params *object, GError **error)
{
    paper_reader reader = *outer;
    const char *source = NULL;
    gw_paper_figure *figure = new_figure();
    g_ptr_array_add(reader.paper->figures, figure);
    reader.figure = figure;
    if (!gw_params_string(object, "name", true, &figure->name, error) ||
        !gw_params_string(object, "title", true, &figure->title, error) ||
        !gw_params_string(object, "x_name", true, &figure->x_name, error) ||
        !gw_params_string(object, "y_name", true, &figure->y_name, error) ||
        !gw_params_string(object, "measure", true, &reader.measure, error) ||
        !gw_params_string(object, "source", false, &source, error) ||
        !gw_params_count(object, "seeds", false, 1, SEEDS_MAX, &figure->seed_count, error) ||
        !read_settings(object, &reader.settings, error) ||
        !gw_params_array(object, "points", false, &reader.points, error) ||
        !read_each(&reader, object, "curves", true, read_curve, error) ||
        !read_each(&reader, object, "published", false, read_print, error) ||
        !read_each(&reader, object, "marks", false, read_mark, error) ||
        !read_each(&reader, object, "claims", true, read_claim, error) ||
        !gw_params_finish(object, error))
        return false;
    bool is_numbered = source == NULL;
    figure->subject =
        g_strdup_printf(is_numbered ? "%s_fig%s" : "%s_%s", reader.name, figure->name);
    figure->source = g_strdup_printf(is_numbered ? "%s, Fig. %s" : "%s, %s", reader.paper->citation,
                                     is_numbered ? figure->name : source);
    return true;
}

/* --- The paper --- */

static char *find_paper(const char *name, GError **error)
{
    if (strchr(name, '/') != NULL || g_str_has_suffix(name, FILE_SUFFIX))
        return g_strdup(name);
    char *path = gw_scenario_find_paper(name);
    if (path != NULL)
        return path;
    g_auto(GStrv) names = gw_scenario_papers();
    g_autofree char *list = g_strjoinv(", ", names);
    g_autofree char *found = gw_error_quote(name);
    g_autofree char *hint = gw_error_hint(name, (const char *const *)names);
    g_set_error(error, GW_ERROR, GW_ERROR_USAGE, "found no paper %s, expected one of: %s%s", found,
                list[0] == '\0' ? "(none; set GANGWAY_CONFIGS)" : list, hint);
    return NULL;
}

gw_paper *gw_paper_load(const char *name, GError **error)
{
    g_autofree char *path = find_paper(name, error);
    gw_params *root = path == NULL ? NULL : gw_params_load(path, error);
    if (root == NULL)
        return NULL;
    g_autoptr(gw_paper) paper = g_new0(gw_paper, 1);
    paper->root = root;
    paper->figures = g_ptr_array_new_with_free_func(free_figure);
    g_autofree char *folder = g_path_get_dirname(path);
    paper_reader reader = {.folder = folder, .paper = paper};
    if (!gw_params_string(root, "name", true, &reader.name, error) ||
        !gw_params_string(root, "title", true, &paper->title, error) ||
        !gw_params_string(root, "citation", true, &paper->citation, error) ||
        !read_each(&reader, root, "figures", true, read_figure, error) ||
        !gw_params_finish(root, error))
        return NULL;
    return g_steal_pointer(&paper);
}
