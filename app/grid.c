/* SPDX-License-Identifier: Apache-2.0 */
/* A setting's number is written in the axes' numbers of values, as a clock's in hours and minutes.
 */
#include "app/grid.h"

#include <string.h>

#include "base/check.h"
#include "base/error.h"

static void free_axis(void *data)
{
    gw_grid_axis *axis = (gw_grid_axis *)data;
    g_free(axis->path);
    g_ptr_array_unref(axis->values);
    g_free(axis);
}

static gw_grid_axis *make_axis(const char *path, gsize path_bytes)
{
    gw_grid_axis *axis = g_new0(gw_grid_axis, 1);
    axis->path = g_strndup(path, path_bytes);
    axis->values = g_ptr_array_new_with_free_func(g_free);
    return axis;
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(gw_grid_axis, free_axis)

gw_grid *gw_grid_new(void)
{
    gw_grid *grid = g_new0(gw_grid, 1);
    grid->axes = g_ptr_array_new_with_free_func(free_axis);
    return grid;
}

void gw_grid_free(gw_grid *grid)
{
    if (grid == NULL)
        return;
    g_ptr_array_unref(grid->axes);
    g_free(grid);
}

/* --- Axes --- */

/* The end of the value at `text`: a comma outside brackets and quotes, or the end of all. */
static const char *find_end(const char *text)
{
    guint depth = 0;
    bool is_quoted = false;
    for (; *text != '\0'; text++) {
        if (is_quoted && *text == '\\' && text[1] != '\0')
            text++;
        else if (*text == '"')
            is_quoted = !is_quoted;
        else if (!is_quoted && (*text == '[' || *text == '{'))
            depth++;
        else if (!is_quoted && (*text == ']' || *text == '}') && depth > 0)
            depth--;
        else if (!is_quoted && depth == 0 && *text == ',')
            break;
    }
    return text;
}

/* The same number in other letters is the same value. */
static bool are_equal(const char *value, const char *other)
{
    char *end, *other_end;
    const double number = g_ascii_strtod(value, &end);
    const double other_number = g_ascii_strtod(other, &other_end);
    if (*end == '\0' && *other_end == '\0')
        return number == other_number;
    return strcmp(value, other) == 0;
}

static bool add_value(gw_grid_axis *axis, const char *value, gsize size_bytes, const char *text,
                      GError **error)
{
    g_autofree char *copy = g_strndup(value, size_bytes);
    g_autofree char *shown = gw_error_quote(text);
    g_strstrip(copy);
    if (*copy == '\0') {
        g_set_error(error, GW_ERROR, GW_ERROR_USAGE,
                    "--vary %s: found an empty value, expected path=value,value such as "
                    "\"control.lookahead=1,4\"",
                    shown);
        return false;
    }
    for (guint i = 0; i < axis->values->len; i++) {
        if (are_equal(copy, axis->values->pdata[i])) {
            g_set_error(error, GW_ERROR, GW_ERROR_USAGE,
                        "--vary %s: found %s a second time, expected different values", shown,
                        copy);
            return false;
        }
    }
    g_ptr_array_add(axis->values, g_steal_pointer(&copy));
    return true;
}

/* `path` is what stands before the '='. */
static bool is_path(const char *path, gsize size_bytes)
{
    return size_bytes > 0 && path[0] != '.' && path[size_bytes - 1] != '.' &&
           g_strstr_len(path, (gssize)size_bytes, "..") == NULL;
}

static gw_grid_axis *parse_axis(const char *text, GError **error)
{
    const char *equals = strchr(text, '=');
    if (!g_utf8_validate(text, -1, NULL) || equals == NULL ||
        !is_path(text, (gsize)(equals - text))) {
        g_autofree char *shown = gw_error_quote(text);
        g_set_error(error, GW_ERROR, GW_ERROR_USAGE,
                    "--vary: found %s, expected path=value,value such as "
                    "\"control.lookahead=1,4\"",
                    shown);
        return NULL;
    }
    g_autoptr(gw_grid_axis) axis = make_axis(text, (gsize)(equals - text));
    const char *value = equals + 1;
    for (bool is_last = false; !is_last;) {
        const char *end = find_end(value);
        if (!add_value(axis, value, (gsize)(end - value), text, error))
            return NULL;
        is_last = *end == '\0';
        value = end + 1;
    }
    return g_steal_pointer(&axis);
}

/* Takes `axis` when it is good. */
static bool add_axis(gw_grid *grid, gw_grid_axis *axis, gw_error_code code, GError **error)
{
    for (guint i = 0; i < grid->axes->len; i++) {
        if (strcmp(gw_grid_axis_at(grid, i)->path, axis->path) == 0) {
            g_set_error(error, GW_ERROR, code,
                        "--vary: found %s twice, expected one list of its values", axis->path);
            return false;
        }
    }
    const guint64 count = (guint64)gw_grid_count(grid) * axis->values->len;
    if (count > GW_GRID_SETTINGS_MAX) {
        g_set_error(error, GW_ERROR, code,
                    "--vary: found %" G_GUINT64_FORMAT
                    " settings (with %u values of %s), expected at most %d",
                    count, axis->values->len, axis->path, GW_GRID_SETTINGS_MAX);
        return false;
    }
    g_ptr_array_add(grid->axes, axis);
    return true;
}

bool gw_grid_add(gw_grid *grid, const char *text, GError **error)
{
    g_autoptr(gw_grid_axis) axis = parse_axis(text, error);
    if (axis == NULL || !add_axis(grid, axis, GW_ERROR_USAGE, error))
        return false;
    axis = NULL;
    return true;
}

bool gw_grid_add_params(gw_grid *grid, gw_params *vary, GError **error)
{
    for (guint i = 0; i < gw_params_length(vary); i++) {
        const char *path = gw_params_key_at(vary, i);
        gw_params *values = NULL;
        if (!gw_params_array(vary, path, true, &values, error))
            return false;
        g_autoptr(gw_grid_axis) axis = make_axis(path, strlen(path));
        for (guint v = 0; v < gw_params_length(values); v++)
            g_ptr_array_add(axis->values, gw_params_text(gw_params_at(values, v)));
        if (!add_axis(grid, axis, GW_ERROR_SCENARIO, error))
            return false;
        axis = NULL;
    }
    return true;
}

/* --- Settings --- */

guint gw_grid_count(const gw_grid *grid)
{
    guint count = 1;
    for (guint i = 0; i < grid->axes->len; i++)
        count *= gw_grid_axis_at(grid, i)->values->len;
    return count;
}

guint gw_grid_axis_count(const gw_grid *grid)
{
    return grid->axes->len;
}

const gw_grid_axis *gw_grid_axis_at(const gw_grid *grid, guint axis)
{
    gw_check(axis < grid->axes->len);
    return (const gw_grid_axis *)grid->axes->pdata[axis];
}

/* How far apart two settings are that are neighbours on `axis`. */
static guint find_stride(const gw_grid *grid, guint axis)
{
    guint stride = 1;
    for (guint i = axis + 1; i < grid->axes->len; i++)
        stride *= gw_grid_axis_at(grid, i)->values->len;
    return stride;
}

guint gw_grid_place(const gw_grid *grid, guint index, guint axis)
{
    gw_check(index < gw_grid_count(grid));
    return index / find_stride(grid, axis) % gw_grid_axis_at(grid, axis)->values->len;
}

const char *gw_grid_value(const gw_grid *grid, guint index, guint axis)
{
    return gw_grid_axis_at(grid, axis)->values->pdata[gw_grid_place(grid, index, axis)];
}

guint gw_grid_move(const gw_grid *grid, guint index, guint axis, guint place)
{
    gw_check(place < gw_grid_axis_at(grid, axis)->values->len);
    const guint stride = find_stride(grid, axis);
    return index - gw_grid_place(grid, index, axis) * stride + place * stride;
}

char **gw_grid_settings(const gw_grid *grid, guint index)
{
    char **settings = g_new0(char *, grid->axes->len + 1);
    for (guint i = 0; i < grid->axes->len; i++)
        settings[i] =
            g_strdup_printf("%s=%s", gw_grid_axis_at(grid, i)->path, gw_grid_value(grid, index, i));
    return settings;
}

char *gw_grid_name(const gw_grid *grid, guint index)
{
    GString *name = g_string_new(NULL);
    for (guint i = 0; i < grid->axes->len; i++) {
        g_autofree char *line = gw_error_line(gw_grid_value(grid, index, i));
        g_string_append_printf(name, "%s%s=%s", i > 0 ? " " : "", gw_grid_axis_at(grid, i)->path,
                               line);
    }
    if (grid->axes->len == 0)
        g_string_append(name, "as it is");
    return g_string_free(name, FALSE);
}

bool gw_grid_find(const gw_grid *grid, const char *text, guint *out_axis, guint *out_place,
                  GError **error)
{
    g_autoptr(GPtrArray) known = g_ptr_array_new_with_free_func(g_free);
    for (guint a = 0; a < grid->axes->len; a++) {
        const gw_grid_axis *axis = gw_grid_axis_at(grid, a);
        for (guint v = 0; v < axis->values->len; v++) {
            char *name = g_strdup_printf("%s=%s", axis->path, (char *)axis->values->pdata[v]);
            g_ptr_array_add(known, name);
            if (strcmp(name, text) == 0) {
                *out_axis = a;
                *out_place = v;
                return true;
            }
        }
    }
    g_ptr_array_add(known, NULL);
    g_autofree char *found = gw_error_quote(text);
    g_autofree char *hint = gw_error_hint(text, (const char *const *)known->pdata);
    g_set_error(error, GW_ERROR, GW_ERROR_USAGE,
                "--baseline: found %s, expected a path and a value that are varied%s", found, hint);
    return false;
}
