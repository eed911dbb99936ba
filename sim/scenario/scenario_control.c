/* SPDX-License-Identifier: Apache-2.0 */
/* "control": the system, the profile, the policy with its parameters, and how dispatch is done.  A
 * policy is made and thrown away once, so that a wrong parameter is found here and not in the run.
 */
#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "controller/system.h"
#include "scenario/scenario_private.h"

#define DEFAULT_PROFILE             "pathways-2022"
#define DEFAULT_POLICY              "fifo"
#define DEFAULT_LOOKAHEAD           256
#define DEFAULT_STARVATION_LIMIT_NS UINT64_C(10000000000) /* Some steps of training. */
#define NO_POLICY                   "none" /* Switches the scheduler off (controller.h). */
#define SYSTEMS_MAX                 16

/* --- System --- */

/* What only systems with schedulers have is refused elsewhere, and not ignored. */
static bool check_system(const gw_system_ops *system, gw_params *control, GError **error)
{
    static const char *const keys[] = {"policy", "dispatch"};
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

/* --- Policy --- */

static void refuse_policy(const gw_params *owner, const char *key, const char *name, GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    GString *list = g_string_new(NULL);
    for (uint32_t i = 0; gw_policies[i] != NULL; i++) {
        g_ptr_array_add(names, (void *)gw_policies[i]->name);
        g_string_append_printf(list, "\"%s\", ", gw_policies[i]->name);
    }
    g_ptr_array_add(names, NO_POLICY);
    g_ptr_array_add(names, NULL);
    const char *nearest = gw_error_suggest(name, (const char *const *)names->pdata);
    g_autofree char *hint =
        nearest != NULL ? g_strdup_printf("; did you mean \"%s\"?", nearest) : g_strdup("");
    g_autofree char *found = gw_error_quote(name);
    gw_params_error(owner, key, error, "found %s, expected a policy: one of %s\"" NO_POLICY "\"%s",
                    found, list->str, hint);
    g_string_free(list, TRUE);
}

/* `params` refuses or passes whoever reads them: a policy's own create, or nobody. */
static bool check_policy_params(const gw_policy_ops *policy, gw_params *params, GError **error)
{
    if (policy == NULL) {
        return params == NULL || gw_params_finish(params, error);
    }
    gw_policy *made = policy->create(params, error);
    if (made == NULL) {
        return false;
    }
    policy->destroy(made);
    return true;
}

static bool choose_policy(gw_control *out, const gw_params *owner, const char *key,
                          const char *name, GError **error)
{
    out->policy = strcmp(name, NO_POLICY) == 0 ? NULL : gw_policy_find(name);
    if (out->policy == NULL && strcmp(name, NO_POLICY) != 0) {
        refuse_policy(owner, key, name, error);
        return false;
    }
    return check_policy_params(out->policy, out->policy_params, error);
}

static bool read_policy(gw_control *out, gw_params *control, GError **error)
{
    gw_params *value = NULL;
    const char *name = out->system->has_policy ? DEFAULT_POLICY : NO_POLICY;
    if (!gw_params_value(control, "policy", false, &value, error)) {
        return false;
    }
    if (value == NULL || !gw_params_is_object(value)) {
        return gw_params_string(control, "policy", false, &name, error) &&
               choose_policy(out, control, "policy", name, error);
    }
    if (!gw_params_string(value, "name", true, &name, error)) {
        return false;
    }
    out->policy_params = value;
    return choose_policy(out, value, "name", name, error);
}

/* --- The rest --- */

static bool read_dispatch(gw_control *out, gw_params *control, GError **error)
{
    static const char *const names[] = {"parallel", "sequential", NULL};
    static const gw_dispatch_mode modes[] = {GW_DISPATCH_PARALLEL, GW_DISPATCH_SEQUENTIAL};
    uint32_t choice = 0;
    uint64_t lookahead = DEFAULT_LOOKAHEAD;
    if (!gw_params_choice(control, "dispatch", false, names, &choice, error) ||
        !gw_params_count(control, "lookahead", false, 1, GW_SCENARIO_LOOKAHEAD_MAX, &lookahead,
                         error)) {
        return false;
    }
    out->dispatch = modes[choice];
    out->lookahead = (uint32_t)lookahead;
    return true;
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

/* An absent "control" has every default. */
static bool read_defaults(gw_scenario *scenario, GError **error)
{
    g_autoptr(gw_params) empty = gw_params_parse("{}", scenario->path, error);
    gw_check(empty != NULL);
    return read_system(&scenario->control, empty, error) && read_profile(scenario, empty, error) &&
           read_policy(&scenario->control, empty, error) &&
           read_dispatch(&scenario->control, empty, error) &&
           read_starvation_limit(&scenario->control, empty, error);
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
           read_policy(&scenario->control, control, error) &&
           read_dispatch(&scenario->control, control, error) &&
           read_starvation_limit(&scenario->control, control, error) &&
           gw_params_finish(control, error);
}
