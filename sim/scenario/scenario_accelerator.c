/* SPDX-License-Identifier: Apache-2.0 */
/* "accelerator" of a job or of one of its meshes: a kind is a name, so two files that call their
 * accelerator the same are of one kind, whose number is that of the first. */
#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "scenario/scenario_private.h"

static bool find_kind(const gw_scenario *scenario, const char *name, uint32_t *out)
{
    for (uint32_t i = 0; i < scenario->cluster.accelerator_count; i++) {
        if (strcmp(scenario->cluster.accelerators[i].name, name) == 0) {
            *out = i;
            return true;
        }
    }
    return false;
}

uint32_t gw_scenario_accelerator_kind(const gw_scenario *scenario, uint32_t island)
{
    uint32_t kind = GW_INDEX_NONE;
    gw_check(island < scenario->cluster.island_count);
    const uint32_t number = scenario->cluster.islands[island].accelerator;
    const bool is_known = find_kind(scenario, scenario->cluster.accelerators[number].name, &kind);
    gw_check(is_known);
    return kind;
}

static void refuse_kind(const gw_scenario *scenario, const gw_params *object, const char *name,
                        GError **error)
{
    const gw_cluster_spec *cluster = &scenario->cluster;
    g_autofree const char **names = g_new0(const char *, cluster->accelerator_count + 1);
    for (uint32_t i = 0; i < cluster->accelerator_count; i++) {
        names[i] = cluster->accelerators[i].name;
    }
    g_autofree char *list = gw_error_list(names, GW_SCENARIO_LISTED_MAX);
    g_autofree char *hint = gw_error_hint(name, names);
    g_autofree char *found = gw_error_quote(name);
    gw_params_error(object, "accelerator", error,
                    "found %s, expected the accelerator of an island of this cluster: one of %s%s",
                    found, list, hint);
}

bool gw_scenario_read_kind(const gw_scenario *scenario, gw_params *object, uint32_t *out,
                           GError **error)
{
    const char *name = NULL;
    if (!gw_params_string(object, "accelerator", false, &name, error)) {
        return false;
    }
    if (name == NULL || find_kind(scenario, name, out)) {
        return true;
    }
    refuse_kind(scenario, object, name, error);
    return false;
}
