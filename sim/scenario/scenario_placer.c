/* SPDX-License-Identifier: Apache-2.0 */
/* "placement" of "control": which policy finds devices for meshes.  A name, or an object with the
 * name and the policy's parameters. */
#include "base/error.h"
#include "scenario/scenario_private.h"

static void refuse_placer(const gw_params *owner, const char *key, const char *name, GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    GString *list = g_string_new(NULL);
    for (uint32_t i = 0; gw_placements[i] != NULL; i++) {
        g_ptr_array_add(names, (void *)gw_placements[i]->name);
        g_string_append_printf(list, "%s\"%s\"", i > 0 ? ", " : "", gw_placements[i]->name);
    }
    g_ptr_array_add(names, NULL);
    const char *nearest = gw_error_suggest(name, (const char *const *)names->pdata);
    g_autofree char *hint =
        nearest != NULL ? g_strdup_printf("; did you mean \"%s\"?", nearest) : g_strdup("");
    g_autofree char *found = gw_error_quote(name);
    gw_params_error(owner, key, error, "found %s, expected a placement policy: one of %s%s", found,
                    list->str, hint);
    g_string_free(list, TRUE);
}

static bool choose_placer(gw_control *out, const gw_params *owner, const char *key,
                          const char *name, GError **error)
{
    out->placement = gw_placement_find(name);
    if (out->placement == NULL) {
        refuse_placer(owner, key, name, error);
    }
    return out->placement != NULL;
}

bool gw_scenario_read_placer(gw_scenario *scenario, gw_params *control, GError **error)
{
    gw_control *out = &scenario->control;
    gw_params *value = NULL;
    const char *name = gw_placement_spread.name;
    out->placement_seed = scenario->seed;
    if (!gw_params_value(control, "placement", false, &value, error)) {
        return false;
    }
    if (value == NULL || !gw_params_is_object(value)) {
        return gw_params_string(control, "placement", false, &name, error) &&
               choose_placer(out, control, "placement", name, error);
    }
    if (!gw_params_string(value, "name", true, &name, error) ||
        !choose_placer(out, value, "name", name, error)) {
        return false;
    }
    if (out->placement->uses_seed &&
        !gw_params_count(value, "seed", false, 0, INT64_MAX, &out->placement_seed, error)) {
        return false;
    }
    return gw_params_finish(value, error);
}
