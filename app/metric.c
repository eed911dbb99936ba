/* SPDX-License-Identifier: Apache-2.0 */
/* The table of keys (record/summary.h) says which paths there can be; a summary, which there are.
 */
#include "app/metric.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "record/summary.h"

#define RESULTS "jobs[].results" /* A run's own names are below. */

static bool is_index(const char *step)
{
    return *step != '\0' && strspn(step, "0123456789") == strlen(step);
}

/* "jobs.0.steps" as the table has it: "jobs[].steps".  The caller frees. */
static char *make_key(const char *name)
{
    g_auto(GStrv) steps = g_strsplit(name, ".", -1);
    GString *key = g_string_new(NULL);
    for (guint i = 0; steps[i] != NULL; i++)
        g_string_append_printf(key, "%s%s", is_index(steps[i]) || i == 0 ? "" : ".",
                               is_index(steps[i]) ? "[]" : steps[i]);
    return g_string_free(key, FALSE);
}

static bool has_number(const char *key)
{
    static const char *const texts[] = {"scenario", "backend", "digest", "jobs[].name", NULL};
    g_autofree const char **keys = gw_summary_keys();
    guint count = 0;
    while (keys[count] != NULL)
        count++;
    return !g_strv_contains(texts, key) &&
           (g_strv_contains(keys, key) || g_str_has_prefix(key, RESULTS "."));
}

/* With an index where the table has none. */
static GPtrArray *list_examples(void)
{
    g_autofree const char **keys = gw_summary_keys();
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; keys[i] != NULL; i++) {
        g_auto(GStrv) parts = g_strsplit(keys[i], "[]", -1);
        if (has_number(keys[i]))
            g_ptr_array_add(names, g_strjoinv(".0", parts));
    }
    g_ptr_array_add(names, NULL);
    return names;
}

bool gw_metric_check(const char *name, GError **error)
{
    g_autofree char *key = make_key(name);
    if (has_number(key))
        return true;
    g_autoptr(GPtrArray) names = list_examples();
    g_autofree char *found = gw_error_quote(name);
    g_autofree char *valid = g_utf8_make_valid(name, -1);
    g_autofree char *hint = gw_error_hint(valid, (const char *const *)names->pdata);
    g_set_error(error, GW_ERROR, GW_ERROR_USAGE,
                "--metric: found %s, expected a number of summary.json such as "
                "\"jobs.0.bubble_fraction\" (gangway run --help-summary)%s",
                found, hint);
    return false;
}

static gw_params *step_into(gw_params *at, const char *step)
{
    gw_params *inner = NULL;
    if (gw_params_is_object(at))
        return gw_params_value(at, step, false, &inner, NULL) ? inner : NULL;
    if (!gw_params_is_array(at) || !is_index(step))
        return NULL;
    const guint64 index = g_ascii_strtoull(step, NULL, 10);
    return index < gw_params_length(at) ? gw_params_at(at, (uint32_t)index) : NULL;
}

double gw_metric_read(gw_params *summary, const char *name)
{
    g_auto(GStrv) steps = g_strsplit(name, ".", -1);
    gw_params *at = summary;
    double value = NAN;
    for (guint i = 0; at != NULL && steps[i] != NULL; i++)
        at = step_into(at, steps[i]);
    return at != NULL && gw_params_as_number(at, &value, NULL) ? value : NAN;
}

static void add_default(gw_params *summary, GPtrArray *names, const char *name)
{
    if (!isnan(gw_metric_read(summary, name)) &&
        !g_ptr_array_find_with_equal_func(names, name, g_str_equal, NULL))
        g_ptr_array_add(names, g_strdup(name));
}

void gw_metric_add_defaults(gw_params *summary, GPtrArray *names)
{
    static const char *const of_all[] = {"makespan_ns", "utilization", "computations_per_s"};
    static const char *const of_jobs[] = {"step_time_ns", "bubble_fraction"};
    for (guint i = 0; i < G_N_ELEMENTS(of_all); i++)
        add_default(summary, names, of_all[i]);
    for (guint j = 0; j < GW_METRIC_JOBS_MAX; j++) {
        for (guint i = 0; i < G_N_ELEMENTS(of_jobs); i++) {
            g_autofree char *name = g_strdup_printf("jobs.%u.%s", j, of_jobs[i]);
            add_default(summary, names, name);
        }
    }
}

/* The name of the job that `metric` is a number of; "" when it is of none. */
static const char *find_job(gw_params *summary, const char *metric)
{
    gw_params *jobs = NULL, *job = NULL;
    const char *name = "";
    if (!g_str_has_prefix(metric, "jobs."))
        return name;
    g_auto(GStrv) steps = g_strsplit(metric, ".", -1);
    jobs = step_into(summary, steps[0]);
    job = jobs != NULL ? step_into(jobs, steps[1]) : NULL;
    if (job != NULL)
        gw_params_string(job, "name", true, &name, NULL);
    return name;
}

void gw_metric_keep_common(gw_params *summary, gw_params *other, GPtrArray *names)
{
    for (guint i = names->len; i-- > 0;)
        if (strcmp(find_job(summary, names->pdata[i]), find_job(other, names->pdata[i])) != 0)
            g_ptr_array_remove_index(names, i);
}

static void list_below(gw_params *at, const char *name, GPtrArray *names)
{
    double value;
    if (gw_params_as_number(at, &value, NULL)) {
        g_ptr_array_add(names, g_strdup(name));
        return;
    }
    const bool is_object = gw_params_is_object(at);
    const guint count = is_object || gw_params_is_array(at) ? gw_params_length(at) : 0;
    for (guint i = 0; i < count; i++) {
        g_autofree char *index = g_strdup_printf("%u", i);
        const char *step = is_object ? gw_params_key_at(at, i) : index;
        g_autofree char *inner = g_strconcat(name, *name != '\0' ? "." : "", step, NULL);
        gw_params *value_inside = step_into(at, step);
        if (value_inside != NULL)
            list_below(value_inside, inner, names);
    }
}

GPtrArray *gw_metric_list(gw_params *summary)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    list_below(summary, "", names);
    return names;
}
