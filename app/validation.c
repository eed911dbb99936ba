/* SPDX-License-Identifier: Apache-2.0 */
/* What is to be run. */
#include "app/validation.h"

#include <string.h>

#include "app/digest.h"
#include "base/check.h"
#include "base/error.h"

static void free_case(void *data)
{
    gw_validation_case *at = (gw_validation_case *)data;
    g_free(at->path);
    g_free(at->folder);
    g_free(at->name);
    g_free(at->digest);
    g_strfreev(at->settings);
    g_ptr_array_unref(at->job_names);
    g_ptr_array_unref(at->predicted);
    g_ptr_array_unref(at->measured);
    g_ptr_array_unref(at->counted);
    g_free(at->failure);
    g_free(at->steps);
    g_free(at);
}

static void free_report(void *data)
{
    gw_phase_report_free((gw_phase_report *)data);
}

gw_validation *gw_validation_new(guint repeat_count, guint64 warm)
{
    gw_check(repeat_count >= 1 && repeat_count <= GW_VALIDATION_REPEATS_MAX);
    gw_check(warm >= 1);
    gw_validation *validation = g_new0(gw_validation, 1);
    validation->repeat_count = repeat_count;
    validation->warm = warm;
    validation->cases = g_ptr_array_new_with_free_func(free_case);
    validation->orders = g_array_new(FALSE, FALSE, sizeof(gw_validation_order));
    return validation;
}

void gw_validation_free(gw_validation *validation)
{
    if (validation == NULL)
        return;
    g_free(validation->machine);
    g_strfreev(validation->figures);
    g_ptr_array_unref(validation->cases);
    g_array_unref(validation->orders);
    g_free(validation);
}

static gw_validation_case *case_at(const gw_validation *validation, guint index)
{
    gw_check(index < validation->cases->len);
    return (gw_validation_case *)validation->cases->pdata[index];
}

const gw_validation_case *gw_validation_case_at(const gw_validation *validation, guint index)
{
    return case_at(validation, index);
}

/* --- Cases --- */

/* What joins hosts that are all this machine: messages are handed from thread to thread, and bytes
 * copied in memory, for which the machine's file has figures as of a link. */
static char *describe_network(const char *machine, GError **error)
{
    g_autoptr(gw_params) root = gw_params_load(machine, error);
    gw_params *accelerator = NULL;
    gw_span latency_ns = 0;
    double bytes_per_s = 0;
    if (root == NULL || !gw_params_object(root, "accelerator", true, &accelerator, error) ||
        !gw_params_span(accelerator, "hop_latency", true, &latency_ns, error) ||
        !gw_params_quantity(accelerator, "link_bandwidth", true, GW_UNIT_RATE, &bytes_per_s, error))
        return NULL;
    char rate[G_ASCII_DTOSTR_BUF_SIZE];
    return g_strdup_printf("cluster.dcn={\"latency_ns\": %" G_GUINT64_FORMAT
                           ", \"bandwidth_bytes_per_s\": %s}",
                           latency_ns, g_ascii_dtostr(rate, sizeof rate, bytes_per_s));
}

bool gw_validation_set_machine(gw_validation *validation, char *machine, GError **error)
{
    char *network = describe_network(machine, error);
    if (network == NULL) {
        g_free(machine);
        return false;
    }
    g_free(validation->machine);
    g_strfreev(validation->figures);
    validation->machine = machine;
    validation->figures = g_new0(char *, 4);
    validation->figures[0] = g_strconcat("cluster.islands.accelerator=", machine, NULL);
    validation->figures[1] = g_strconcat("control.profile=", machine, NULL);
    validation->figures[2] = network;
    return true;
}

/* The machine first, so that a user may change what it says. */
static gw_scenario *load_scenario(const gw_validation *validation, const char *path,
                                  char *const *settings, GError **error)
{
    g_autoptr(GPtrArray) texts = g_ptr_array_new();
    for (guint i = 0; validation->figures != NULL && validation->figures[i] != NULL; i++)
        g_ptr_array_add(texts, validation->figures[i]);
    for (guint i = 0; settings[i] != NULL; i++)
        g_ptr_array_add(texts, settings[i]);
    g_ptr_array_add(texts, NULL);
    return gw_scenario_load(path, (const char *const *)texts->pdata, error);
}

/* What the user changes, then the case's own. */
static char **make_settings(const char *const *settings, const gw_grid *grid, guint setting)
{
    GPtrArray *texts = g_ptr_array_new();
    for (guint i = 0; settings != NULL && settings[i] != NULL; i++)
        g_ptr_array_add(texts, g_strdup(settings[i]));
    g_autofree char **chosen = grid != NULL ? gw_grid_settings(grid, setting) : NULL;
    for (guint a = 0; chosen != NULL && chosen[a] != NULL; a++)
        g_ptr_array_add(texts, chosen[a]);
    g_ptr_array_add(texts, NULL);
    return (char **)g_ptr_array_free(texts, FALSE);
}

static bool check_steps(const gw_validation *validation, const gw_scenario *scenario,
                        GError **error)
{
    for (guint j = 0; j < scenario->job_count; j++)
        if (scenario->jobs[j].runs > validation->warm)
            return true;
    g_set_error(error, GW_ERROR, GW_ERROR_SCENARIO,
                "%s: found no job with more than %" G_GUINT64_FORMAT
                " steps, expected some beyond those that are left out to warm up (--warm)",
                scenario->path, validation->warm);
    return false;
}

static bool add_case(gw_validation *validation, const char *path, const char *const *settings,
                     const gw_grid *grid, guint setting, GError **error)
{
    g_auto(GStrv) texts = make_settings(settings, grid, setting);
    g_autoptr(gw_scenario) scenario = load_scenario(validation, path, texts, error);
    g_autofree char *digest = scenario != NULL ? gw_digest_scenario(scenario, error) : NULL;
    if (digest == NULL || !check_steps(validation, scenario, error))
        return false;
    if (validation->cases->len == GW_VALIDATION_CASES_MAX) {
        g_set_error(error, GW_ERROR, GW_ERROR_USAGE, "found more than %d cases, expected at most",
                    GW_VALIDATION_CASES_MAX);
        return false;
    }
    g_autofree char *what = gw_grid_axis_count(grid) > 0 ? gw_grid_name(grid, setting) : NULL;
    gw_validation_case *made = g_new0(gw_validation_case, 1);
    made->path = g_strdup(path);
    made->folder = g_path_get_dirname(path);
    made->name = g_strconcat(scenario->name, what != NULL ? " " : NULL, what, NULL);
    made->settings = g_steal_pointer(&texts);
    made->group = validation->group_count;
    made->seed = scenario->seed;
    made->digest = g_steal_pointer(&digest);
    made->job_names = g_ptr_array_new_with_free_func(g_free);
    made->predicted = g_ptr_array_new_with_free_func(free_report);
    made->counted = g_ptr_array_new();
    made->measured = g_ptr_array_new_with_free_func(free_report);
    for (guint j = 0; j < scenario->job_count; j++)
        g_ptr_array_add(made->job_names, g_strdup(scenario->jobs[j].name));
    g_ptr_array_add(validation->cases, made);
    return true;
}

static bool fill_grid(gw_grid *grid, gw_params *vary, const char *const *varied, GError **error)
{
    for (guint i = 0; varied != NULL && varied[i] != NULL; i++)
        if (!gw_grid_add(grid, varied[i], error)) {
            g_prefix_error(error, "--vary: ");
            return false;
        }
    return varied != NULL || vary == NULL || gw_grid_add_params(grid, vary, error);
}

static bool add_file(gw_validation *validation, const char *path, const char *const *settings,
                     const char *const *varied, GError **error)
{
    g_auto(GStrv) texts = make_settings(settings, NULL, 0);
    g_autoptr(gw_scenario) scenario = load_scenario(validation, path, texts, error);
    g_autoptr(gw_grid) grid = gw_grid_new();
    if (scenario == NULL || !fill_grid(grid, scenario->vary, varied, error))
        return false;
    for (guint s = 0; s < gw_grid_count(grid); s++)
        if (!add_case(validation, path, settings, grid, s, error))
            return false;
    validation->group_count++;
    return true;
}

static int compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Files first, then the folders in it. */
static bool list_folder(const char *folder, GPtrArray *paths, GError **error)
{
    g_autoptr(GPtrArray) files = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) folders = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GError) cause = NULL;
    g_autoptr(GDir) directory = g_dir_open(folder, 0, &cause);
    const char *name;
    if (directory == NULL) {
        g_set_error(error, GW_ERROR, GW_ERROR_SYSTEM, "%s", cause->message);
        return false;
    }
    while ((name = g_dir_read_name(directory)) != NULL) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        if (name[0] == '.' || g_file_test(path, G_FILE_TEST_IS_SYMLINK))
            continue;
        if (g_file_test(path, G_FILE_TEST_IS_DIR))
            g_ptr_array_add(folders, g_steal_pointer(&path));
        else if (g_str_has_suffix(name, ".json"))
            g_ptr_array_add(files, g_steal_pointer(&path));
    }
    g_ptr_array_sort(files, compare_names);
    g_ptr_array_sort(folders, compare_names);
    for (guint i = 0; i < files->len; i++)
        g_ptr_array_add(paths, g_strdup((const char *)files->pdata[i]));
    for (guint i = 0; i < folders->len; i++)
        if (!list_folder((const char *)folders->pdata[i], paths, error))
            return false;
    return true;
}

bool gw_validation_add(gw_validation *validation, const char *path, const char *const *settings,
                       const char *const *varied, GError **error)
{
    g_autoptr(GPtrArray) paths = g_ptr_array_new_with_free_func(g_free);
    if (!g_file_test(path, G_FILE_TEST_IS_DIR))
        return add_file(validation, path, settings, varied, error);
    if (!list_folder(path, paths, error))
        return false;
    if (paths->len == 0) {
        g_set_error(error, GW_ERROR, GW_ERROR_SCENARIO,
                    "%s: found no scenario, expected files that end in .json", path);
        return false;
    }
    for (guint i = 0; i < paths->len; i++)
        if (!add_file(validation, (const char *)paths->pdata[i], settings, varied, error))
            return false;
    return true;
}

gw_scenario *gw_validation_load(const gw_validation *validation, const gw_validation_case *at,
                                GError **error)
{
    return load_scenario(validation, at->path, at->settings, error);
}
