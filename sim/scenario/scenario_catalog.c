/* SPDX-License-Identifier: Apache-2.0 */
/* Where accelerators, profiles, papers and networks are found: in folders "accelerators",
 * "profiles", "reproduce" and "networks" beside the scenario, in the nearest "configs" folder above
 * it, in each folder of GANGWAY_CONFIGS, and in the program's own data (base/data.h), in this
 * order.  The first file of that name is the one. */
#include <string.h>

#include "base/check.h"
#include "base/data.h"
#include "base/error.h"
#include "scenario/scenario_private.h"

#define CONFIGS_FOLDER   "configs"
#define CONFIGS_VARIABLE "GANGWAY_CONFIGS"
#define FILE_SUFFIX      ".json"

static const struct {
    const char *folder, *noun;
} kinds[] = {
    [GW_CATALOG_ACCELERATORS] = {"accelerators", "an accelerator"},
    [GW_CATALOG_PROFILES] = {"profiles", "a profile"},
    [GW_CATALOG_PAPERS] = {"reproduce", "a paper"},
    [GW_CATALOG_NETWORKS] = {"networks", "a network"},
};

/* --- The search path --- */

static bool is_catalog_root(gw_catalog_kind kind, const char *root)
{
    g_autofree char *folder = g_build_filename(root, kinds[kind].folder, NULL);
    return g_file_test(folder, G_FILE_TEST_IS_DIR);
}

/* The nearest folder above `folder`, or itself, that is called "configs" or holds one. */
static char *find_configs_above(gw_catalog_kind kind, const char *folder)
{
    char *above = g_canonicalize_filename(folder, NULL);
    for (;;) {
        g_autofree char *base = g_path_get_basename(above);
        if (strcmp(base, CONFIGS_FOLDER) == 0 && is_catalog_root(kind, above)) {
            return above;
        }
        g_autofree char *inner = g_build_filename(above, CONFIGS_FOLDER, NULL);
        if (is_catalog_root(kind, inner)) {
            g_free(above);
            return g_steal_pointer(&inner);
        }
        char *next = g_path_get_dirname(above);
        const bool is_top = strcmp(next, above) == 0;
        g_free(above);
        above = next;
        if (is_top) {
            g_free(above);
            return NULL;
        }
    }
}

/* Each folder once: where it comes first. */
static void add_root(GPtrArray *path, gw_catalog_kind kind, const char *root)
{
    g_autofree char *folder = g_build_filename(root, kinds[kind].folder, NULL);
    g_autofree char *absolute = g_canonicalize_filename(folder, NULL);
    if (!g_ptr_array_find_with_equal_func(path, absolute, g_str_equal, NULL)) {
        g_ptr_array_add(path, g_steal_pointer(&absolute));
    }
}

/* Folder after folder, each "…/accelerators" or "…/profiles". */
static GPtrArray *list_search_path(gw_catalog_kind kind, const char *folder)
{
    GPtrArray *path = g_ptr_array_new_with_free_func(g_free);
    add_root(path, kind, folder);
    g_autofree char *configs = find_configs_above(kind, folder);
    if (configs != NULL) {
        add_root(path, kind, configs);
    }
    const char *variable = g_getenv(CONFIGS_VARIABLE);
    g_auto(GStrv) roots = g_strsplit(variable != NULL ? variable : "", ":", -1);
    for (uint32_t i = 0; roots[i] != NULL; i++) {
        if (*roots[i] != '\0') {
            add_root(path, kind, roots[i]);
        }
    }
    g_autofree char *data = gw_data_folder(CONFIGS_FOLDER);
    add_root(path, kind, data);
    return path;
}

/* --- Names --- */

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void add_names_of(const char *folder, GPtrArray *names)
{
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    if (dir == NULL) {
        return; /* Most folders of the search path are not there. */
    }
    for (const char *file = g_dir_read_name(dir); file != NULL; file = g_dir_read_name(dir)) {
        if (g_str_has_suffix(file, FILE_SUFFIX) && *file != '.') {
            g_ptr_array_add(names, g_strndup(file, strlen(file) - strlen(FILE_SUFFIX)));
        }
    }
}

/* Every name, sorted, each once, for a scenario in `folder`; g_strfreev. */
static char **list_all_names(gw_catalog_kind kind, const char *folder)
{
    g_autoptr(GPtrArray) path = list_search_path(kind, folder);
    g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(g_free);
    for (uint32_t i = 0; i < path->len; i++) {
        add_names_of(path->pdata[i], found);
    }
    g_ptr_array_sort(found, compare_names); /* A folder's own order depends on the file system. */
    GPtrArray *names = g_ptr_array_new();
    for (uint32_t i = 0; i < found->len; i++) {
        if (i == 0 || strcmp(found->pdata[i], found->pdata[i - 1]) != 0) {
            g_ptr_array_add(names, g_strdup(found->pdata[i]));
        }
    }
    g_ptr_array_add(names, NULL);
    return (char **)g_ptr_array_free(names, FALSE);
}

char **gw_scenario_accelerators(void)
{
    return list_all_names(GW_CATALOG_ACCELERATORS, ".");
}

char **gw_scenario_profiles(void)
{
    return list_all_names(GW_CATALOG_PROFILES, ".");
}

char **gw_scenario_papers(void)
{
    return list_all_names(GW_CATALOG_PAPERS, ".");
}

char **gw_scenario_networks(void)
{
    return list_all_names(GW_CATALOG_NETWORKS, ".");
}

/* --- Finding one --- */

static void refuse_name(gw_catalog_kind kind, const char *folder, const GPtrArray *path,
                        const gw_params *object, const char *key, const char *name, GError **error)
{
    g_auto(GStrv) names = list_all_names(kind, folder);
    g_autofree char *hint = gw_error_hint(name, (const char *const *)names);
    g_autofree char *found = gw_error_quote(name);
    GString *looked = g_string_new(NULL);
    for (uint32_t i = 0; i < path->len; i++) {
        g_string_append_printf(looked, "%s%s", i > 0 ? ", " : "", (const char *)path->pdata[i]);
    }
    gw_params_error(object, key, error, "found %s, expected %s (looked in %s)%s", found,
                    kinds[kind].noun, looked->str, hint);
    g_string_free(looked, TRUE);
}

static char *find_path(gw_catalog_kind kind, const char *folder, const gw_params *object,
                       const char *key, const char *name, GError **error)
{
    g_autofree char *path = g_canonicalize_filename(name, folder);
    if (!g_file_test(path, G_FILE_TEST_IS_REGULAR)) {
        g_autofree char *found = gw_error_quote(name);
        gw_params_error(object, key, error, "found %s, expected %s's file (there is no %s)", found,
                        kinds[kind].noun, path);
        return NULL;
    }
    return g_steal_pointer(&path);
}

/* NULL: in none of the folders of `path`. */
static char *find_file(const GPtrArray *path, const char *name)
{
    g_autofree char *file = g_strconcat(name, FILE_SUFFIX, NULL);
    for (uint32_t i = 0; i < path->len; i++) {
        g_autofree char *candidate = g_build_filename(path->pdata[i], file, NULL);
        if (*name != '\0' && g_file_test(candidate, G_FILE_TEST_IS_REGULAR)) {
            return g_steal_pointer(&candidate);
        }
    }
    return NULL;
}

char *gw_catalog_find(gw_catalog_kind kind, const char *scenario_path, const gw_params *object,
                      const char *key, const char *name, GError **error)
{
    gw_check(kind >= GW_CATALOG_ACCELERATORS && kind <= GW_CATALOG_NETWORKS);
    g_autofree char *relative = g_path_get_dirname(scenario_path);
    g_autofree char *folder = g_canonicalize_filename(relative, NULL);
    if (strchr(name, '/') != NULL || g_str_has_suffix(name, FILE_SUFFIX)) {
        return find_path(kind, folder, object, key, name, error);
    }
    g_autoptr(GPtrArray) path = list_search_path(kind, folder);
    char *found = find_file(path, name);
    if (found == NULL) {
        refuse_name(kind, folder, path, object, key, name, error);
    }
    return found;
}

char *gw_scenario_find_paper(const char *name)
{
    g_autoptr(GPtrArray) path = list_search_path(GW_CATALOG_PAPERS, ".");
    return find_file(path, name);
}
