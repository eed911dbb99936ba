/* SPDX-License-Identifier: Apache-2.0 */
/* A scenario from its file: settings first, then the parts in the order in which they depend on
 * each other.  The seed is read before the jobs, since workloads fill their data from it. */
#include "scenario/scenario.h"

#include <string.h>

#include "base/error.h"
#include "controller/budget.h"
#include "scenario/scenario_private.h"

#define DEFAULT_SEED 1
#define FILE_SUFFIX  ".json"

void gw_scenario_free(gw_scenario *scenario)
{
    if (scenario == NULL) {
        return;
    }
    g_free(scenario->path);
    g_free(scenario->name);
    g_free(scenario->description);
    for (uint32_t i = 0; i < scenario->cluster.accelerator_count; i++) {
        gw_accelerator_clear(&scenario->cluster.accelerators[i]);
    }
    g_free(scenario->cluster.accelerators);
    g_free(scenario->cluster.islands);
    g_free(scenario->profile.name);
    g_free(scenario->policy_path);
    g_free(scenario->placement_path);
    g_free(scenario->dispatch_path);
    g_free(scenario->jobs);
    g_free(scenario->values);
    g_free(scenario->counts);
    g_ptr_array_unref(scenario->plans); /* They borrow the programs. */
    g_ptr_array_unref(scenario->programs);
    g_ptr_array_unref(scenario->owned);
    g_ptr_array_unref(scenario->inputs);
    gw_params_free(scenario->document);
    g_free(scenario);
}

static void free_program(void *data)
{
    gw_program_free(data);
}

static void free_plan(void *data)
{
    gw_plan_free(data);
}

static gw_params *load_document(const char *path, const char *const *settings, GError **error)
{
    g_autoptr(gw_params) root = gw_params_load(path, error);
    if (root == NULL) {
        return NULL;
    }
    for (uint32_t i = 0; settings != NULL && settings[i] != NULL; i++) {
        if (!gw_params_set(root, settings[i], error)) {
            return NULL;
        }
    }
    return g_steal_pointer(&root);
}

/* What the file is called, without folder and ".json". */
static char *make_default_name(const char *path)
{
    char *name = g_path_get_basename(path);
    if (g_str_has_suffix(name, FILE_SUFFIX)) {
        name[strlen(name) - strlen(FILE_SUFFIX)] = '\0';
    }
    return name;
}

static bool read_header(gw_scenario *scenario, gw_params *root, GError **error)
{
    const char *name = NULL;
    const char *description = "";
    scenario->seed = DEFAULT_SEED;
    if (!gw_scenario_read_name(root, "name", &name, error) ||
        !gw_params_string(root, "description", false, &description, error) ||
        !gw_params_count(root, "seed", false, 0, INT64_MAX, &scenario->seed, error)) {
        return false;
    }
    scenario->name = name != NULL ? g_strdup(name) : make_default_name(scenario->path);
    scenario->description = g_strdup(description);
    return true;
}

static bool read_outputs(gw_scenario *scenario, gw_params *root, GError **error)
{
    scenario->wants_gangs = true;
    gw_params *outputs = NULL;
    if (!gw_params_object(root, "outputs", false, &outputs, error)) {
        return false;
    }
    return outputs == NULL ||
           (gw_params_bool(outputs, "trace", false, &scenario->wants_trace, error) &&
            gw_params_bool(outputs, "plot", false, &scenario->wants_plot, error) &&
            gw_params_bool(outputs, "gangs", false, &scenario->wants_gangs, error) &&
            gw_params_finish(outputs, error));
}

/* --- What a comparison varies --- */

static bool check_vary_path(const gw_params *vary, const char *path, GError **error)
{
    const size_t length = strlen(path);
    if (length > 0 && path[0] != '.' && path[length - 1] != '.' && strstr(path, "..") == NULL &&
        strchr(path, '=') == NULL) {
        return true;
    }
    g_autofree char *found = gw_error_quote(path);
    gw_params_error(vary, NULL, error,
                    "found the key %s, expected a path such as \"control.policy\"", found);
    return false;
}

static bool are_equal(gw_params *value, gw_params *other)
{
    double number = 0;
    double other_number = 0;
    if (gw_params_as_number(value, &number, NULL) &&
        gw_params_as_number(other, &other_number, NULL)) {
        return number == other_number;
    }
    g_autofree char *text = gw_params_text(value);
    g_autofree char *other_text = gw_params_text(other);
    return strcmp(text, other_text) == 0;
}

static bool check_vary_values(gw_params *values, GError **error)
{
    const uint32_t count = gw_params_length(values);
    if (count == 0 || count > GW_SCENARIO_VARY_VALUES_MAX) {
        gw_params_error(values, NULL, error, "found %u values, expected 1 to %u", count,
                        GW_SCENARIO_VARY_VALUES_MAX);
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t other = 0; other < i; other++) {
            if (are_equal(gw_params_at(values, i), gw_params_at(values, other))) {
                g_autofree char *found = gw_params_text(gw_params_at(values, i));
                gw_params_error(gw_params_at(values, i), NULL, error,
                                "found %s a second time, expected different values", found);
                return false;
            }
        }
    }
    return true;
}

/* Whether the scenario has a place for each path is found when it is varied. */
static bool read_vary(gw_scenario *scenario, gw_params *root, GError **error)
{
    if (!gw_params_object(root, "vary", false, &scenario->vary, error)) {
        return false;
    }
    const uint32_t count = scenario->vary == NULL ? 0 : gw_params_length(scenario->vary);
    for (uint32_t i = 0; i < count; i++) {
        const char *path = gw_params_key_at(scenario->vary, i);
        gw_params *values = NULL;
        if (!check_vary_path(scenario->vary, path, error) ||
            !gw_params_array(scenario->vary, path, true, &values, error) ||
            !check_vary_values(values, error)) {
            return false;
        }
    }
    return true;
}

/* Mistakes in the words come before mistakes in what they mean: the root's keys are checked before
 * any program is built. */
static bool read_machine(gw_scenario *scenario, gw_params **out_jobs, GError **error)
{
    gw_params *root = scenario->document;
    return read_header(scenario, root, error) && read_outputs(scenario, root, error) &&
           read_vary(scenario, root, error) && gw_scenario_read_cluster(scenario, root, error) &&
           gw_scenario_read_control(scenario, root, error) &&
           gw_scenario_read_faults(scenario, root, error) &&
           gw_params_array(root, "jobs", true, out_jobs, error) && gw_params_finish(root, error);
}

static bool read_scenario(gw_scenario *scenario, GError **error)
{
    gw_params *jobs = NULL;
    return read_machine(scenario, &jobs, error) && gw_scenario_read_jobs(scenario, jobs, error) &&
           gw_scenario_read_failures(scenario, scenario->document, error);
}

/* Takes `document`; of nothing yet. */
static gw_scenario *new_scenario(gw_params *document, const char *path)
{
    gw_scenario *scenario = g_new0(gw_scenario, 1);
    scenario->path = g_strdup(path);
    scenario->document = document;
    scenario->programs = g_ptr_array_new_with_free_func(free_program);
    scenario->plans = g_ptr_array_new_with_free_func(free_plan);
    scenario->owned = g_ptr_array_new_with_free_func(g_free);
    scenario->inputs = g_ptr_array_new_with_free_func(g_free);
    return scenario;
}

/* Takes `document`. */
static gw_scenario *make_scenario(gw_params *document, const char *path, GError **error)
{
    g_autoptr(gw_scenario) scenario = new_scenario(document, path);
    if (!read_scenario(scenario, error)) {
        return NULL;
    }
    g_autoptr(gw_directory) directory = gw_scenario_directory(scenario);
    scenario->control.counts_bytes =
        gw_budget_is_needed(directory, &scenario->control, scenario->jobs);
    return g_steal_pointer(&scenario);
}

gw_scenario *gw_scenario_load(const char *path, const char *const *settings, GError **error)
{
    gw_params *document = load_document(path, settings, error);
    return document == NULL ? NULL : make_scenario(document, path, error);
}

gw_scenario *gw_scenario_load_machine(const char *path, const char *const *settings, GError **error)
{
    gw_params *document = load_document(path, settings, error);
    if (document == NULL)
        return NULL;
    g_autoptr(gw_scenario) scenario = new_scenario(document, path);
    gw_params *jobs = NULL;
    return read_machine(scenario, &jobs, error) ? g_steal_pointer(&scenario) : NULL;
}

gw_scenario *gw_scenario_parse(const char *text, const char *path, GError **error)
{
    gw_params *document = gw_params_parse(text, path, error);
    return document == NULL ? NULL : make_scenario(document, path, error);
}

gw_directory *gw_scenario_directory(const gw_scenario *scenario)
{
    const gw_cluster_spec *cluster = &scenario->cluster;
    g_autofree gw_island *islands = g_new0(gw_island, cluster->island_count);
    for (uint32_t i = 0; i < cluster->island_count; i++) {
        const gw_island_spec *spec = &cluster->islands[i];
        islands[i].host_count = spec->host_count;
        islands[i].devices_per_host = spec->devices_per_host;
        memcpy(islands[i].shape, spec->shape, sizeof islands[i].shape);
        memcpy(islands[i].is_wrapped, spec->is_wrapped, sizeof islands[i].is_wrapped);
        islands[i].host_memory_bytes = spec->host_memory_bytes;
        islands[i].accelerator = gw_scenario_accelerator_kind(scenario, i);
        islands[i].hbm_bytes = cluster->accelerators[spec->accelerator].hbm_bytes;
    }
    return gw_directory_new(islands, cluster->island_count, scenario->job_count);
}
