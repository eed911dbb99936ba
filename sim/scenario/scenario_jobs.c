/* SPDX-License-Identifier: Apache-2.0 */
/* "jobs": each names a workload, which builds the program, and says how often, how and where it is
 * to run.  Copies of a job share its program.  What can be known of a program before it runs is
 * checked here: the meshes it has, that they fit somewhere (scenario_placement.c). */
#include <string.h>

#include "base/error.h"
#include "controller/donation.h"
#include "controller/system.h"
#include "scenario/scenario_private.h"
#include "workload/workload.h"

#define DEFAULT_IN_FLIGHT 2
#define NAME_LENGTH_MAX   64

typedef struct {
    gw_scenario *scenario;
    GArray *jobs;      /* gw_job */
    GPtrArray *values; /* By job: const gw_value_source *, NULL */
    GPtrArray *counts; /* By job: const gw_count_source *, NULL */
    GHashTable *names; /* A set of those taken; borrows. */
} job_reader;

/* One element of "jobs" as read: a job, how many of it, and what its program is made from. */
typedef struct {
    gw_job job;
    uint64_t count;
    const gw_workload_ops *workload;
    gw_params *parameters, *placement, *until, *values, *counts; /* NULL: absent. */
    const gw_value_source *sources;
    const gw_count_source *count_sources;
    uint32_t kind; /* Of accelerator; GW_INDEX_NONE: any. */
} job_entry;

/* --- Names --- */

static bool is_name(const char *text)
{
    const size_t length = strlen(text);
    if (length < 1 || length > NAME_LENGTH_MAX || *text == '-' || *text == '.') {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        if (!g_ascii_isalnum(text[i]) && strchr("_-.", text[i]) == NULL) {
            return false;
        }
    }
    return true;
}

bool gw_scenario_read_name(gw_params *object, const char *key, const char **out, GError **error)
{
    const char *name = NULL;
    if (!gw_params_string(object, key, false, &name, error)) {
        return false;
    }
    if (name == NULL) {
        return true;
    }
    if (!is_name(name)) {
        g_autofree char *found = gw_error_quote(name);
        gw_params_error(object, key, error,
                        "found %s, expected 1 to %d letters, digits, '_', '-' and '.', and neither "
                        "'-' nor '.' first",
                        found, NAME_LENGTH_MAX);
        return false;
    }
    *out = name;
    return true;
}

/* --- Workloads and programs --- */

static bool read_workload(gw_params *job, const gw_workload_ops **out, GError **error)
{
    const char *name = NULL;
    if (!gw_params_string(job, "workload", true, &name, error)) {
        return false;
    }
    *out = gw_workload_find(name);
    if (*out != NULL) {
        return true;
    }
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    for (uint32_t i = 0; gw_workloads[i] != NULL; i++) {
        g_ptr_array_add(names, (void *)gw_workloads[i]->name);
    }
    g_ptr_array_add(names, NULL);
    g_autofree char *list = gw_error_list((const char *const *)names->pdata, names->len);
    g_autofree char *hint = gw_error_hint(name, (const char *const *)names->pdata);
    g_autofree char *found = gw_error_quote(name);
    gw_params_error(job, "workload", error, "found %s, expected a workload: one of %s%s", found,
                    list, hint);
    return false;
}

/* A cause that says where it is goes up as it is; another gets the job's place. */
static void place_cause(const gw_params *job, const char *key, GError *take_cause, GError **error)
{
    const char *source = gw_params_source(job);
    if (take_cause->domain != GW_ERROR || take_cause->code != GW_ERROR_SCENARIO ||
        g_str_has_prefix(take_cause->message, source) ||
        g_str_has_prefix(take_cause->message, "--set ")) {
        g_propagate_error(error, take_cause);
        return;
    }
    gw_params_error(job, key, error, "%s", take_cause->message);
    g_error_free(take_cause);
}

/* Without "parameters" a workload has its defaults, if it can do with them. */
static gw_program *build_from_defaults(gw_params *job, const gw_workload_ops *workload,
                                       uint64_t seed, GError **error)
{
    g_autoptr(gw_params) empty = gw_params_parse("{}", "parameters", NULL);
    GError *cause = NULL;
    gw_program *program = workload->build(empty, seed, &cause);
    if (program == NULL) {
        const char *reason = strstr(cause->message, ": /: ");
        gw_params_error(job, NULL, error, "found no \"parameters\", workload \"%s\" needs them: %s",
                        workload->name, reason != NULL ? reason + 5 : cause->message);
        g_error_free(cause);
    }
    return program;
}

static gw_program *build_program(gw_params *job, const job_entry *entry, uint64_t seed,
                                 GError **error)
{
    if (entry->parameters == NULL) {
        return build_from_defaults(job, entry->workload, seed, error);
    }
    GError *cause = NULL;
    gw_program *program = entry->workload->build(entry->parameters, seed, &cause);
    if (program == NULL) {
        place_cause(job, "parameters", cause, error);
    }
    return program;
}

/* A host that waits for its device at each hand-off launches one node after the other. */
static bool check_handoffs(const gw_scenario *scenario, gw_params *job, const gw_job *read,
                           GError **error)
{
    if (scenario->control.has_blocking_handoffs && read->submit != GW_SUBMIT_OP_BY_OP) {
        gw_params_error(job, gw_params_has(job, "submit") ? "submit" : NULL, error,
                        "found %s, expected \"submit\": \"op_by_op\" where control.handoffs is "
                        "\"blocking\"",
                        read->submit == GW_SUBMIT_FUSED ? "\"fused\"" : "\"chained\"");
        return false;
    }
    return true;
}

/* The program that the client submits, and its plan; owned by the scenario. */
static bool make_program(gw_scenario *scenario, gw_params *job, job_entry *entry, GError **error)
{
    g_autoptr(gw_program) built = build_program(job, entry, scenario->seed, error);
    if (built == NULL) {
        return false;
    }
    for (guint i = 0; i < built->inputs->len; i++)
        g_ptr_array_add(scenario->inputs, g_strdup(built->inputs->pdata[i]));
    if (entry->job.submit == GW_SUBMIT_FUSED) {
        GError *cause = NULL;
        gw_program *fused = gw_program_fuse(built, &cause);
        if (fused == NULL) {
            place_cause(job, "submit", cause, error);
            return false;
        }
        gw_program_free(built);
        built = fused;
    }
    gw_plan *plan = gw_plan_new(built);
    if (!gw_control_may_donate(&scenario->control))
        gw_plan_forgo_donations(plan);
    entry->job.program = built;
    entry->job.plan = plan;
    g_ptr_array_add(scenario->plans, plan);
    g_ptr_array_add(scenario->programs, g_steal_pointer(&built));
    return check_handoffs(scenario, job, &entry->job, error);
}

/* --- Jobs --- */

static bool read_submit(gw_params *job, gw_submit_mode *out, GError **error)
{
    static const char *const names[] = {"op_by_op", "chained", "fused", NULL};
    static const gw_submit_mode modes[] = {GW_SUBMIT_OP_BY_OP, GW_SUBMIT_CHAINED, GW_SUBMIT_FUSED};
    uint32_t choice = 1;
    if (!gw_params_choice(job, "submit", false, names, &choice, error)) {
        return false;
    }
    *out = modes[choice];
    return true;
}

/* What scheduling policies may go by. */
static bool read_claims(gw_params *job, gw_job *out, GError **error)
{
    uint64_t weight = 1, priority = 0;
    if (!gw_params_count(job, "weight", false, 1, GW_SCENARIO_WEIGHT_MAX, &weight, error) ||
        !gw_params_count(job, "priority", false, 0, GW_SCENARIO_PRIORITY_MAX, &priority, error) ||
        !gw_params_span(job, "deadline", false, &out->deadline_ns, error)) {
        return false;
    }
    const bool is_text = gw_params_has(job, "deadline");
    if ((is_text || gw_params_has(job, "deadline_ns")) && out->deadline_ns == 0) {
        gw_params_error(job, is_text ? "deadline" : "deadline_ns", error,
                        "found 0, expected a time above 0, from when a call reaches the scheduler");
        return false;
    }
    out->weight = (uint32_t)weight;
    out->priority = (uint32_t)priority;
    return true;
}

/* A client that leaves before it comes would do nothing, and nobody asks for that. */
static bool read_stop(const gw_scenario *scenario, gw_params *job, gw_job *out, GError **error)
{
    const bool is_said = gw_params_has(job, "stop") || gw_params_has(job, "stop_ns");
    if (!gw_params_span(job, "stop", false, &out->stop_ns, error)) {
        return false;
    }
    if (is_said && !scenario->control.system->has_policy) {
        gw_params_error(job, gw_params_has(job, "stop") ? "stop" : "stop_ns", error,
                        "found a job that leaves, expected system \"pathways\", not \"%s\"",
                        scenario->control.system->name);
        return false;
    }
    if (!is_said || out->stop_ns > out->start_ns) {
        return true;
    }
    gw_params_error(job, gw_params_has(job, "stop") ? "stop" : "stop_ns", error,
                    "found %" G_GUINT64_FORMAT " ns, expected later than the start at "
                    "%" G_GUINT64_FORMAT " ns",
                    out->stop_ns, out->start_ns);
    return false;
}

static bool read_entry(const gw_scenario *scenario, gw_params *job, job_entry *out, GError **error)
{
    uint64_t in_flight = DEFAULT_IN_FLIGHT;
    out->job.runs = 1;
    out->count = 1;
    if (!gw_scenario_read_name(job, "name", &out->job.name, error) ||
        !gw_params_count(job, "count", false, 1, GW_SCENARIO_JOBS_MAX, &out->count, error) ||
        !read_workload(job, &out->workload, error) ||
        !gw_params_object(job, "parameters", false, &out->parameters, error) ||
        !read_submit(job, &out->job.submit, error) ||
        !gw_params_count(job, "steps", false, 1, GW_SCENARIO_STEPS_MAX, &out->job.runs, error) ||
        !gw_params_count(job, "in_flight", false, 1, GW_SCENARIO_IN_FLIGHT_MAX, &in_flight,
                         error) ||
        !gw_params_span(job, "start", false, &out->job.start_ns, error) ||
        !read_claims(job, &out->job, error) || !read_stop(scenario, job, &out->job, error) ||
        !gw_scenario_read_kind(scenario, job, &out->kind, error) ||
        !gw_params_object(job, "placement", false, &out->placement, error) ||
        !gw_params_object(job, "until", false, &out->until, error) ||
        !gw_params_object(job, "values", false, &out->values, error) ||
        !gw_params_object(job, "counts", false, &out->counts, error) ||
        !gw_params_finish(job, error)) {
        return false;
    }
    out->job.in_flight = (uint32_t)in_flight;
    if (out->job.name == NULL) {
        out->job.name = out->workload->name;
    }
    return true;
}

static bool add_copy(job_reader *reader, gw_params *params, const job_entry *entry, char *take_name,
                     GError **error)
{
    g_ptr_array_add(reader->scenario->owned, take_name);
    if (!g_hash_table_add(reader->names, take_name)) {
        g_autofree char *found = gw_error_quote(take_name);
        const bool is_named = gw_params_has(params, "name");
        gw_params_error(params, is_named ? "name" : NULL, error,
                        "found a second job called %s, expected a name of its own for each", found);
        return false;
    }
    gw_job copy = entry->job;
    copy.name = take_name;
    g_array_append_val(reader->jobs, copy);
    g_ptr_array_add(reader->values, (gpointer)entry->sources);
    g_ptr_array_add(reader->counts, (gpointer)entry->count_sources);
    return true;
}

static bool add_copies(job_reader *reader, gw_params *params, const job_entry *entry,
                       GError **error)
{
    if (reader->jobs->len + entry->count > GW_SCENARIO_JOBS_MAX) {
        gw_params_error(params, NULL, error,
                        "found %" G_GUINT64_FORMAT " jobs up to this one, expected at most %d",
                        reader->jobs->len + entry->count, GW_SCENARIO_JOBS_MAX);
        return false;
    }
    for (uint64_t i = 0; i < entry->count; i++) {
        char *name = entry->count == 1
                         ? g_strdup(entry->job.name)
                         : g_strdup_printf("%s.%" G_GUINT64_FORMAT, entry->job.name, i);
        if (!add_copy(reader, params, entry, name, error)) {
            return false;
        }
    }
    return true;
}

static bool read_job(job_reader *reader, gw_params *params, GError **error)
{
    job_entry entry = {.kind = GW_INDEX_NONE};
    return read_entry(reader->scenario, params, &entry, error) &&
           make_program(reader->scenario, params, &entry, error) &&
           gw_scenario_read_until(reader->scenario, entry.until, &entry.job, error) &&
           gw_scenario_read_values(reader->scenario, params, entry.values, &entry.job,
                                   &entry.sources, error) &&
           gw_scenario_read_counts(reader->scenario, params, entry.counts, &entry.job,
                                   &entry.count_sources, error) &&
           gw_scenario_place_job(reader->scenario, params, entry.placement, entry.kind, &entry.job,
                                 error) &&
           add_copies(reader, params, &entry, error);
}

static bool read_all_jobs(job_reader *reader, gw_params *list, GError **error)
{
    const uint32_t length = gw_params_length(list);
    if (length == 0) {
        gw_params_error(list, NULL, error, "found none, expected one job at least");
        return false;
    }
    for (uint32_t i = 0; i < length; i++) {
        gw_params *job = NULL;
        if (!gw_params_as_object(gw_params_at(list, i), &job, error) ||
            !read_job(reader, job, error)) {
            return false;
        }
    }
    return true;
}

bool gw_scenario_read_jobs(gw_scenario *scenario, gw_params *list, GError **error)
{
    g_autoptr(GArray) jobs = g_array_new(FALSE, FALSE, sizeof(gw_job));
    g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GPtrArray) values = g_ptr_array_new();
    g_autoptr(GPtrArray) counts = g_ptr_array_new();
    job_reader reader = {
        .scenario = scenario, .jobs = jobs, .values = values, .counts = counts, .names = names};
    if (!read_all_jobs(&reader, list, error)) {
        return false;
    }
    scenario->job_count = jobs->len;
    scenario->jobs = g_array_steal(jobs, NULL);
    scenario->values = (const gw_value_source **)g_ptr_array_steal(values, NULL);
    scenario->counts = (const gw_count_source **)g_ptr_array_steal(counts, NULL);
    return true;
}
