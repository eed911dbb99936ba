/* SPDX-License-Identifier: Apache-2.0 */
/* The policies of "control": scheduling, placement, dispatch.  Each is a name, the path of a
 * plugin, or an object of one of them with parameters; each is a table of its own type, of which
 * this file needs a few things alone. */
#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "controller/system.h"
#include "scenario/plugin.h"
#include "scenario/scenario_private.h"

#define DEFAULT_POLICY "fifo"
#define NO_POLICY      "none" /* Switches the scheduler off (controller.h). */

/* How the policy was made: by its own table, which alone knows how to destroy it; or doubtfully,
 * with an error beside it. */
typedef enum { IS_REFUSED = 1, IS_FOREIGN, IS_DOUBTFUL, IS_OWN } making;

/* One kind of policy. */
typedef struct {
    const char *key; /* In "control". */
    const gw_plugin_kind *kind;
    const char *(*name_at)(uint32_t index); /* Of those built in; NULL: there are no more. */
    const void *(*find)(const char *name);
    making (*try_create)(const void *ops, gw_params *params, GError **failure);
    const char *none; /* A name that means no table at all; NULL: there is none such. */
} choice_kind;

typedef struct {
    const void *ops;   /* NULL: `none`. */
    gw_params *params; /* NULL: a name alone. */
    char *path;        /* NULL: it is built in. */
} choice;

/* The three differ in types alone: WHAT_at, find_WHAT and try_WHAT over a list and its tables. */
#define DEFINE_KIND(what, ops_type, policy_type, list, find_one)                                   \
    static const char *what##_at(uint32_t index)                                                   \
    {                                                                                              \
        return list[index] != NULL ? list[index]->name : NULL;                                     \
    }                                                                                              \
    static const void *find_##what(const char *wanted)                                             \
    {                                                                                              \
        return find_one(wanted);                                                                   \
    }                                                                                              \
    static making try_##what(const void *table, gw_params *params, GError **failure)               \
    {                                                                                              \
        const ops_type *ops = table;                                                               \
        policy_type *made = ops->create(params, failure);                                          \
        if (made == NULL)                                                                          \
            return IS_REFUSED;                                                                     \
        const bool is_own = made->ops == ops;                                                      \
        if (is_own || made->ops == NULL)                                                           \
            ops->destroy(made); /* Of another table nobody knows whose destroy it needs. */        \
        return !is_own ? IS_FOREIGN : *failure != NULL ? IS_DOUBTFUL : IS_OWN;                     \
    }

DEFINE_KIND(policy, gw_policy_ops, gw_policy, gw_policies, gw_policy_find)
DEFINE_KIND(placement, gw_placement_ops, gw_placement, gw_placements, gw_placement_find)
DEFINE_KIND(dispatch, gw_dispatch_policy_ops, gw_dispatch_policy, gw_dispatch_policies,
            gw_dispatch_policy_find)

static const choice_kind policy_kind = {.key = "policy",
                                        .kind = &gw_plugin_policy,
                                        .name_at = policy_at,
                                        .find = find_policy,
                                        .try_create = try_policy,
                                        .none = NO_POLICY};
static const choice_kind placement_kind = {.key = "placement",
                                           .kind = &gw_plugin_placement,
                                           .name_at = placement_at,
                                           .find = find_placement,
                                           .try_create = try_placement};
static const choice_kind dispatch_kind = {.key = "dispatch",
                                          .kind = &gw_plugin_dispatch,
                                          .name_at = dispatch_at,
                                          .find = find_dispatch,
                                          .try_create = try_dispatch};

/* --- Refusals --- */

static void refuse_name(const choice_kind *kind, const gw_params *owner, const char *key,
                        const char *name, GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    for (uint32_t i = 0; kind->name_at(i) != NULL; i++)
        g_ptr_array_add(names, (void *)kind->name_at(i));
    if (kind->none != NULL)
        g_ptr_array_add(names, (void *)kind->none);
    g_ptr_array_add(names, NULL);
    g_autofree char *list = gw_error_list((const char *const *)names->pdata, names->len);
    g_autofree char *hint = gw_error_hint(name, (const char *const *)names->pdata);
    g_autofree char *found = gw_error_quote(name);
    gw_params_error(owner, key, error,
                    "found %s, expected a %s: one of %s, or the path of a plugin "
                    "(\"./NAME.so\")%s",
                    found, kind->kind->noun, list, hint);
}

/* What the policy says of its parameters is handed on; a plugin may have said it without the place
 * (gw_params_error), or nothing at all. */
static void refuse_params(const choice_kind *kind, const char *name, const gw_params *owner,
                          const char *key, GError *failure, GError **error)
{
    g_autofree char *path = g_strdup_printf(": %s", gw_params_path(owner));
    if (failure != NULL && failure->domain == GW_ERROR && strstr(failure->message, path) != NULL) {
        g_propagate_error(error, failure);
        return;
    }
    g_autofree char *said = gw_error_line(failure != NULL ? failure->message : "");
    gw_params_error(owner, key, error, "%s %s refuses to be made: %s", kind->kind->noun, name,
                    *said != '\0' ? said : "it does not say why");
    g_clear_error(&failure);
}

static const char *name_of(const void *ops)
{
    return ((const gw_plugin_head *)ops)->name;
}

static bool check_params(const choice_kind *kind, const choice *chosen, const gw_params *owner,
                         const char *key, GError **error)
{
    GError *failure = NULL;
    const making how = kind->try_create(chosen->ops, chosen->params, &failure);
    if (how == IS_REFUSED) {
        refuse_params(kind, name_of(chosen->ops), owner, key, failure, error);
        return false;
    }
    if (how == IS_DOUBTFUL) {
        g_autofree char *said = gw_error_line(failure->message);
        gw_params_error(owner, key, error,
                        "%s %s makes a policy and an error at once (%s), expected one of them",
                        kind->kind->noun, name_of(chosen->ops), said);
    }
    g_clear_error(&failure);
    if (how == IS_FOREIGN) {
        gw_params_error(owner, key, error,
                        "%s %s makes a policy of another table, expected its `ops` to be the "
                        "table that it came from",
                        kind->kind->noun, name_of(chosen->ops));
    }
    return how == IS_OWN;
}

/* --- Reading --- */

static bool choose(gw_scenario *scenario, const choice_kind *kind, const gw_params *owner,
                   const char *key, const char *name, choice *chosen, GError **error)
{
    if (kind->none != NULL && strcmp(name, kind->none) == 0) {
        return chosen->params == NULL || gw_params_finish(chosen->params, error);
    }
    if (gw_plugin_is_path(name)) {
        chosen->ops =
            gw_plugin_load(kind->kind, scenario->path, owner, key, name, &chosen->path, error);
        if (chosen->ops == NULL) {
            return false;
        }
        g_ptr_array_add(scenario->inputs, g_strdup(chosen->path));
    } else {
        chosen->ops = kind->find(name);
        if (chosen->ops == NULL) {
            refuse_name(kind, owner, key, name, error);
            return false;
        }
    }
    return check_params(kind, chosen, owner, key, error);
}

/* `name` is the default. */
static bool read_choice(gw_scenario *scenario, const choice_kind *kind, gw_params *control,
                        const char *name, choice *chosen, GError **error)
{
    gw_params *value = NULL;
    if (!gw_params_value(control, kind->key, false, &value, error)) {
        return false;
    }
    if (value == NULL || gw_params_is_string(value)) {
        return gw_params_string(control, kind->key, false, &name, error) &&
               choose(scenario, kind, control, kind->key, name, chosen, error);
    }
    if (!gw_params_is_object(value)) {
        gw_params_refuse(value, "a name, or {\"name\": NAME} and parameters", error);
        return false;
    }
    if (!gw_params_string(value, "name", true, &name, error)) {
        return false;
    }
    chosen->params = value;
    return choose(scenario, kind, value, "name", name, chosen, error);
}

static bool read_policy(gw_scenario *scenario, gw_params *control, GError **error)
{
    const char *name = scenario->control.system->has_policy ? DEFAULT_POLICY : NO_POLICY;
    choice chosen = {.ops = NULL};
    const bool is_read = read_choice(scenario, &policy_kind, control, name, &chosen, error);
    scenario->control.policy = chosen.ops;
    scenario->control.policy_params = chosen.params;
    scenario->policy_path = chosen.path;
    return is_read;
}

static bool read_placement(gw_scenario *scenario, gw_params *control, GError **error)
{
    choice chosen = {.ops = NULL};
    const bool is_read =
        read_choice(scenario, &placement_kind, control, gw_placement_spread.name, &chosen, error);
    scenario->control.placement = chosen.ops;
    scenario->control.placement_params = chosen.params;
    scenario->control.placement_seed = scenario->seed;
    scenario->placement_path = chosen.path;
    return is_read;
}

static bool read_dispatch(gw_scenario *scenario, gw_params *control, GError **error)
{
    choice chosen = {.ops = NULL};
    const bool is_read =
        read_choice(scenario, &dispatch_kind, control, gw_dispatch_parallel.name, &chosen, error);
    scenario->control.dispatch = chosen.ops;
    scenario->control.dispatch_params = chosen.params;
    scenario->dispatch_path = chosen.path;
    return is_read;
}

bool gw_scenario_read_choices(gw_scenario *scenario, gw_params *control, GError **error)
{
    return read_policy(scenario, control, error) && read_placement(scenario, control, error) &&
           read_dispatch(scenario, control, error);
}

/* --- Blame in a run --- */

/* "policy two_level (/home/me/two_level.so)"; the caller frees. */
static char *describe(const choice_kind *kind, const void *ops, const char *path)
{
    g_autofree char *line = gw_error_line(path != NULL ? path : "built in");
    return g_strdup_printf("%s %s (%s)", kind->kind->noun, name_of(ops), line);
}

static void blame_pick(const gw_scenario *scenario, const gw_note *note, GError **error)
{
    g_autofree char *policy =
        describe(&policy_kind, scenario->control.policy, scenario->policy_path);
    g_set_error(error, GW_ERROR, GW_ERROR_SCENARIO,
                "%s: %s: scheduler on node %u: picked offer %" G_GUINT64_FORMAT
                ", expected one that it was offered and that was not taken since",
                scenario->path, policy, (uint32_t)note->a, note->b);
}

void gw_scenario_blame(const gw_scenario *scenario, const gw_note *note,
                       const gw_controller *controller, GError **error)
{
    const gw_control *control = &scenario->control;
    gw_check(gw_note_is_wrong(note));
    if (note->kind == GW_NOTE_POLICY_WRONG) {
        blame_pick(scenario, note, error);
        return;
    }
    g_autofree char *policy =
        note->kind == GW_NOTE_PLACEMENT_WRONG
            ? describe(&placement_kind, control->placement, scenario->placement_path)
            : describe(&dispatch_kind, control->dispatch, scenario->dispatch_path);
    GString *words = g_string_new(NULL);
    gw_controller_blame(controller, words);
    g_set_error(error, GW_ERROR, GW_ERROR_SCENARIO, "%s: %s: on node %u: %s", scenario->path,
                policy, (uint32_t)note->a, words->str);
    g_string_free(words, TRUE);
}

char *gw_scenario_placement_words(const gw_scenario *scenario)
{
    if (scenario->placement_path == NULL) {
        return g_strdup("");
    }
    g_autofree char *policy =
        describe(&placement_kind, scenario->control.placement, scenario->placement_path);
    return g_strdup_printf("; so says %s", policy);
}

void gw_scenario_blame_creation(const gw_scenario *scenario, GError **error)
{
    if (error != NULL && *error == NULL) {
        g_autofree char *policy =
            describe(&policy_kind, scenario->control.policy, scenario->policy_path);
        g_set_error(error, GW_ERROR, GW_ERROR_SCENARIO,
                    "%s: %s: it refused to be made again, and does not say why", scenario->path,
                    policy);
    }
}
