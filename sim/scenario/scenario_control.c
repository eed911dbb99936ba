/* SPDX-License-Identifier: Apache-2.0 */
/* "control": the system, the profile, and how dispatch is done.  Policies are in
 * scenario_choice.c. */
#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "controller/spill.h"
#include "controller/system.h"
#include "scenario/scenario_private.h"

#define DEFAULT_PROFILE             "pathways-2022"
#define DEFAULT_LOOKAHEAD           256
#define DEFAULT_STARVATION_LIMIT_NS UINT64_C(10000000000) /* Some steps of training. */
#define SYSTEMS_MAX                 16
#define SPILLS_MAX                  16

/* --- System --- */

/* What only systems with schedulers have is refused elsewhere, and not ignored. */
static bool check_system(const gw_system_ops *system, gw_params *control, GError **error)
{
    static const char *const keys[] = {
        "policy", "dispatch", "fanout", "lookahead_memory", "lookahead_memory_bytes", "spill"};
    for (uint32_t i = 0; i < G_N_ELEMENTS(keys); i++) {
        if (!system->has_policy && gw_params_has(control, keys[i])) {
            gw_params_error(control, keys[i], error,
                            "found a %s, expected none: system \"%s\" has no scheduler", keys[i],
                            system->name);
            return false;
        }
    }
    return true;
}

static bool read_system(gw_control *out, gw_params *control, GError **error)
{
    const char *names[SYSTEMS_MAX + 1] = {NULL};
    uint32_t choice = 0;
    for (uint32_t i = 0; gw_systems[i] != NULL; i++) {
        gw_check(i < SYSTEMS_MAX);
        names[i] = gw_systems[i]->name;
    }
    if (!gw_params_choice(control, "system", false, names, &choice, error)) {
        return false;
    }
    out->system = gw_systems[choice];
    return check_system(out->system, control, error);
}

/* --- Profile --- */

static bool read_profile(gw_scenario *scenario, gw_params *control, GError **error)
{
    const char *name = DEFAULT_PROFILE;
    if (!gw_params_string(control, "profile", false, &name, error)) {
        return false;
    }
    g_autofree char *path =
        gw_catalog_find(GW_CATALOG_PROFILES, scenario->path, control, "profile", name, error);
    if (path == NULL || !gw_profile_load(path, &scenario->profile, error)) {
        return false;
    }
    g_ptr_array_add(scenario->inputs, g_steal_pointer(&path));
    return true;
}

/* --- The rest --- */

static bool read_lookahead(gw_control *out, gw_params *control, GError **error)
{
    uint64_t lookahead = DEFAULT_LOOKAHEAD;
    if (!gw_params_count(control, "lookahead", false, 1, GW_SCENARIO_LOOKAHEAD_MAX, &lookahead,
                         error)) {
        return false;
    }
    out->lookahead = (uint32_t)lookahead;
    return true;
}

/* Without a scheduler nobody counts bytes ahead of hosts, which is said and not ignored. */
static bool read_lookahead_memory(gw_control *out, gw_params *control, GError **error)
{
    const bool is_text = gw_params_has(control, "lookahead_memory");
    const char *key = is_text ? "lookahead_memory" : "lookahead_memory_bytes";
    if (!is_text && !gw_params_has(control, key)) {
        return true;
    }
    if (!gw_params_bytes(control, "lookahead_memory", false, &out->lookahead_memory_bytes, error)) {
        return false;
    }
    if (out->lookahead_memory_bytes == 0) {
        gw_params_error(control, key, error, "found 0, expected a size above 0");
        return false;
    }
    if (out->policy == NULL) {
        gw_params_error(control, key, error,
                        "found a %s, expected none: policy \"none\" has no scheduler", key);
        return false;
    }
    return true;
}

/* What goes to the host needs memory there: the cluster is read before. */
static bool read_spill(gw_scenario *scenario, gw_params *control, GError **error)
{
    const char *names[SPILLS_MAX + 2] = {"none"};
    uint32_t choice = 0;
    for (uint32_t i = 0; gw_spills[i] != NULL; i++) {
        gw_check(i < SPILLS_MAX);
        names[i + 1] = gw_spills[i]->name;
    }
    if (!gw_params_choice(control, "spill", false, names, &choice, error)) {
        return false;
    }
    scenario->control.spill = choice == 0 ? NULL : gw_spills[choice - 1];
    for (uint32_t i = 0; choice > 0 && i < scenario->cluster.island_count; i++) {
        if (scenario->cluster.islands[i].host_memory_bytes == 0) {
            gw_params_error(control, "spill", error,
                            "found \"%s\", expected \"none\": hosts of island %u have no "
                            "\"host_memory\"",
                            names[choice], i);
            return false;
        }
    }
    return true;
}

static bool read_tree(gw_params *fanout, gw_control *out, GError **error)
{
    uint64_t degree = 0;
    if (!gw_params_count(fanout, "tree", true, 2, GW_SCENARIO_FANOUT_MAX, &degree, error)) {
        return false;
    }
    out->fanout = (uint32_t)degree;
    return gw_params_finish(fanout, error);
}

static bool read_fanout(gw_control *out, gw_params *control, GError **error)
{
    gw_params *value = NULL;
    const char *name = NULL;
    if (!gw_params_value(control, "fanout", false, &value, error)) {
        return false;
    }
    if (value != NULL && gw_params_is_object(value)) {
        return read_tree(value, out, error);
    }
    if (value == NULL || (gw_params_is_string(value) && gw_params_as_string(value, &name, error) &&
                          strcmp(name, "direct") == 0)) {
        return true;
    }
    gw_params_refuse(value, "\"direct\" or {\"tree\": DEGREE}", error);
    return false;
}

static bool read_starvation_limit(gw_control *out, gw_params *control, GError **error)
{
    out->starvation_limit_ns = DEFAULT_STARVATION_LIMIT_NS;
    if (!gw_params_span(control, "starvation_limit", false, &out->starvation_limit_ns, error)) {
        return false;
    }
    if (out->starvation_limit_ns == 0) {
        const bool is_text = gw_params_has(control, "starvation_limit");
        gw_params_error(control, is_text ? "starvation_limit" : "starvation_limit_ns", error,
                        "found 0, expected a time above 0");
        return false;
    }
    return true;
}

static bool read_lease(gw_control *out, gw_params *control, GError **error)
{
    const bool is_text = gw_params_has(control, "lease");
    const char *key = is_text ? "lease" : "lease_ns";
    if (!gw_params_span(control, "lease", false, &out->lease_ns, error)) {
        return false;
    }
    if (!is_text && !gw_params_has(control, "lease_ns")) {
        return true;
    }
    if (!out->system->has_policy) {
        gw_params_error(control, key, error,
                        "found a lease, expected system \"pathways\", not \"%s\": it has nobody "
                        "who could abandon a job",
                        out->system->name);
        return false;
    }
    if (out->lease_ns == 0) {
        gw_params_error(control, key, error, "found 0, expected a time above 0");
        return false;
    }
    return true;
}

static bool read_handoffs(gw_control *out, gw_params *control, GError **error)
{
    static const char *const names[] = {"futures", "blocking", NULL};
    uint32_t choice = 0;
    if (!gw_params_choice(control, "handoffs", false, names, &choice, error)) {
        return false;
    }
    out->has_blocking_handoffs = choice == 1;
    if (out->has_blocking_handoffs && out->system->clients != GW_CLIENTS_START) {
        gw_params_error(control, "handoffs", error,
                        "found \"blocking\", expected \"futures\": in system \"%s\" no host "
                        "runs the user's loop",
                        out->system->name);
        return false;
    }
    return true;
}

/* An absent "control" has every default. */
static bool read_defaults(gw_scenario *scenario, GError **error)
{
    g_autoptr(gw_params) empty = gw_params_parse("{}", scenario->path, error);
    gw_check(empty != NULL);
    return read_system(&scenario->control, empty, error) && read_profile(scenario, empty, error) &&
           gw_scenario_read_choices(scenario, empty, error) &&
           read_lookahead(&scenario->control, empty, error) &&
           read_lookahead_memory(&scenario->control, empty, error) &&
           read_spill(scenario, empty, error) && read_fanout(&scenario->control, empty, error) &&
           read_starvation_limit(&scenario->control, empty, error) &&
           read_lease(&scenario->control, empty, error) &&
           read_handoffs(&scenario->control, empty, error);
}

bool gw_scenario_read_control(gw_scenario *scenario, gw_params *root, GError **error)
{
    gw_params *control = NULL;
    if (!gw_params_object(root, "control", false, &control, error)) {
        return false;
    }
    if (control == NULL) {
        return read_defaults(scenario, error);
    }
    return read_system(&scenario->control, control, error) &&
           read_profile(scenario, control, error) &&
           gw_scenario_read_choices(scenario, control, error) &&
           read_lookahead(&scenario->control, control, error) &&
           read_lookahead_memory(&scenario->control, control, error) &&
           read_spill(scenario, control, error) &&
           read_fanout(&scenario->control, control, error) &&
           read_starvation_limit(&scenario->control, control, error) &&
           read_lease(&scenario->control, control, error) &&
           read_handoffs(&scenario->control, control, error) && gw_params_finish(control, error);
}
