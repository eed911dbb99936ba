/* SPDX-License-Identifier: Apache-2.0 */
/* "control": the system, the profile, the policy with its parameters, and how dispatch is done.  A
 * policy is made and thrown away once, so that a wrong parameter is found here and not in the run.
 */
#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "controller/spill.h"
#include "controller/system.h"
#include "scenario/plugin.h"
#include "scenario/scenario_private.h"

#define DEFAULT_PROFILE             "pathways-2022"
#define DEFAULT_POLICY              "fifo"
#define DEFAULT_LOOKAHEAD           256
#define DEFAULT_STARVATION_LIMIT_NS UINT64_C(10000000000) /* Some steps of training. */
#define NO_POLICY                   "none" /* Switches the scheduler off (controller.h). */
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
    gw_params_error(owner, key, error,
                    "found %s, expected a policy: one of %s\"" NO_POLICY
                    "\", or the path of a plugin (\"./NAME.so\")%s",
                    found, list->str, hint);
    g_string_free(list, TRUE);
}

/* What the policy says of its parameters is handed on; a plugin may have said it without the place
 * (gw_params_error), or nothing at all. */
static void refuse_params(const gw_policy_ops *policy, const gw_params *owner, const char *key,
                          GError *failure, GError **error)
{
    g_autofree char *path = g_strdup_printf(": %s", gw_params_path(owner));
    if (failure != NULL && failure->domain == GW_ERROR && strstr(failure->message, path) != NULL) {
        g_propagate_error(error, failure);
        return;
    }
    gw_params_error(owner, key, error, "policy %s refuses to be made: %s", policy->name,
                    failure != NULL ? failure->message : "it does not say why");
    g_clear_error(&failure);
}

/* `params` refuses or passes whoever reads them: a policy's own create, or nobody. */
static bool check_policy_params(const gw_control *control, const gw_params *owner, const char *key,
                                GError **error)
{
    const gw_policy_ops *policy = control->policy;
    if (policy == NULL) {
        return control->policy_params == NULL || gw_params_finish(control->policy_params, error);
    }
    GError *failure = NULL;
    gw_policy *made = policy->create(control->policy_params, &failure);
    if (made == NULL) {
        refuse_params(policy, owner, key, failure, error);
        return false;
    }
    g_clear_error(&failure);
    const bool is_own = made->ops == policy;
    if (is_own || made->ops == NULL) {
        policy->destroy(made); /* Of any other table nobody knows whose destroy it needs. */
    }
    if (!is_own) {
        gw_params_error(owner, key, error,
                        "policy %s makes a policy of another table, expected its `ops` to be the "
                        "table that it came from",
                        policy->name);
    }
    return is_own;
}

static bool choose_policy(gw_scenario *scenario, const gw_params *owner, const char *key,
                          const char *name, GError **error)
{
    gw_control *out = &scenario->control;
    if (gw_plugin_is_path(name)) {
        out->policy = gw_plugin_load(&gw_plugin_policy, scenario->path, owner, key, name,
                                     &scenario->policy_path, error);
        if (out->policy != NULL) {
            g_ptr_array_add(scenario->inputs, g_strdup(scenario->policy_path));
        }
        return out->policy != NULL && check_policy_params(out, owner, key, error);
    }
    out->policy = strcmp(name, NO_POLICY) == 0 ? NULL : gw_policy_find(name);
    if (out->policy == NULL && strcmp(name, NO_POLICY) != 0) {
        refuse_policy(owner, key, name, error);
        return false;
    }
    return check_policy_params(out, owner, key, error);
}

static bool read_policy(gw_scenario *scenario, gw_params *control, GError **error)
{
    gw_params *value = NULL;
    const char *name = scenario->control.system->has_policy ? DEFAULT_POLICY : NO_POLICY;
    if (!gw_params_value(control, "policy", false, &value, error)) {
        return false;
    }
    if (value == NULL || !gw_params_is_object(value)) {
        return gw_params_string(control, "policy", false, &name, error) &&
               choose_policy(scenario, control, "policy", name, error);
    }
    if (!gw_params_string(value, "name", true, &name, error)) {
        return false;
    }
    scenario->control.policy_params = value;
    return choose_policy(scenario, value, "name", name, error);
}

/* "policy two_level (/home/me/two_level.so)"; the caller frees. */
static char *describe_policy(const gw_scenario *scenario)
{
    const char *path = scenario->policy_path;
    return g_strdup_printf("policy %s (%s)", scenario->control.policy->name,
                           path != NULL ? path : "built in");
}

void gw_scenario_blame_policy(const gw_scenario *scenario, gw_node_id scheduler, uint64_t offer,
                              GError **error)
{
    g_autofree char *policy = describe_policy(scenario);
    g_set_error(error, GW_ERROR, GW_ERROR_SCENARIO,
                "%s: %s: scheduler on node %u: picked offer %" G_GUINT64_FORMAT
                ", expected one that it was offered and that was not taken since",
                scenario->path, policy, scheduler.index, offer);
}

void gw_scenario_blame_creation(const gw_scenario *scenario, GError **error)
{
    if (error != NULL && *error == NULL) {
        g_autofree char *policy = describe_policy(scenario);
        g_set_error(error, GW_ERROR, GW_ERROR_SCENARIO,
                    "%s: %s: it refused to be made again, and does not say why", scenario->path,
                    policy);
    }
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
                        "found a %s, expected none: policy \"" NO_POLICY "\" has no scheduler",
                        key);
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
    const char *name = "direct";
    if (!gw_params_value(control, "fanout", false, &value, error)) {
        return false;
    }
    if (value != NULL && gw_params_is_object(value)) {
        return read_tree(value, out, error);
    }
    if (!gw_params_string(control, "fanout", false, &name, error)) {
        return false;
    }
    if (strcmp(name, "direct") != 0) {
        g_autofree char *found = gw_error_quote(name);
        gw_params_error(control, "fanout", error,
                        "found %s, expected \"direct\" or {\"tree\": DEGREE}", found);
        return false;
    }
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
           read_policy(scenario, empty, error) && gw_scenario_read_placer(scenario, empty, error) &&
           read_dispatch(&scenario->control, empty, error) &&
           read_lookahead_memory(&scenario->control, empty, error) &&
           read_spill(scenario, empty, error) && read_fanout(&scenario->control, empty, error) &&
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
           read_profile(scenario, control, error) && read_policy(scenario, control, error) &&
           gw_scenario_read_placer(scenario, control, error) &&
           read_dispatch(&scenario->control, control, error) &&
           read_lookahead_memory(&scenario->control, control, error) &&
           read_spill(scenario, control, error) &&
           read_fanout(&scenario->control, control, error) &&
           read_starvation_limit(&scenario->control, control, error) &&
           gw_params_finish(control, error);
}
