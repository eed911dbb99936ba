/* SPDX-License-Identifier: Apache-2.0 */
/* A job's "values" and "until": what results read as without data, and which of them ends a job. */
#include "scenario/values.h"

#include <string.h>

#include "base/error.h"
#include "base/random.h"
#include "base/units.h"
#include "controller/system.h"
#include "scenario/scenario_private.h"

#define LIST_LENGTH_MAX 1000000
#define MAGNITUDE_MAX   1e300

static bool find_result(const gw_program *program, const gw_params *place, const char *key,
                        const char *name, uint32_t *out_result, GError **error)
{
    g_autofree const char **names = g_new0(const char *, program->results->len + 1);
    for (uint32_t r = 0; r < program->results->len; r++) {
        names[r] = g_array_index(program->results, gw_result, r).name;
        if (strcmp(names[r], name) == 0) {
            *out_result = r;
            return true;
        }
    }
    g_autofree char *found = gw_error_quote(name);
    if (program->results->len == 0) {
        gw_params_error(place, key, error, "found %s, but the program has no results", found);
        return false;
    }
    g_autofree char *list = gw_error_list(names, GW_SCENARIO_LISTED_MAX);
    g_autofree char *hint = gw_error_hint(name, names);
    gw_params_error(place, key, error, "found %s, expected a result: one of %s%s", found, list,
                    hint);
    return false;
}

/* --- Until --- */

bool gw_scenario_read_until(gw_scenario *scenario, gw_params *params, gw_job *job, GError **error)
{
    if (params == NULL) {
        return true;
    }
    const char *name = NULL;
    gw_until until = {.is_above = gw_params_has(params, "above")};
    if (!gw_params_string(params, "result", true, &name, error) ||
        !find_result(job->program, params, "result", name, &until.result, error)) {
        return false;
    }
    if (until.is_above == gw_params_has(params, "below")) {
        gw_params_error(params, NULL, error,
                        "found %s, expected either \"above\" or \"below\" and a number",
                        until.is_above ? "both" : "neither");
        return false;
    }
    if (!gw_params_number(params, until.is_above ? "above" : "below", true, -MAGNITUDE_MAX,
                          MAGNITUDE_MAX, &until.threshold, error) ||
        !gw_params_finish(params, error)) {
        return false;
    }
    gw_until *kept = g_memdup2(&until, sizeof until);
    g_ptr_array_add(scenario->owned, kept);
    job->until = kept;
    return true;
}

/* --- Values --- */

static bool read_list(gw_scenario *scenario, gw_params *list, gw_value_source *out, GError **error)
{
    const uint32_t length = gw_params_length(list);
    if (length < 1 || length > LIST_LENGTH_MAX) {
        gw_params_error(list, NULL, error, "found %u values, expected 1 to %d", length,
                        LIST_LENGTH_MAX);
        return false;
    }
    double *values = g_new(double, length);
    g_ptr_array_add(scenario->owned, values);
    for (uint32_t i = 0; i < length; i++) {
        if (!gw_params_as_number(gw_params_at(list, i), &values[i], error)) {
            return false;
        }
    }
    *out = (gw_value_source){.kind = GW_VALUES_LIST, .list = values, .list_length = length};
    return true;
}

static bool read_uniform(gw_params *params, gw_value_source *out, GError **error)
{
    gw_params *ends = NULL;
    out->kind = GW_VALUES_UNIFORM;
    if (!gw_params_array(params, "uniform", true, &ends, error)) {
        return false;
    }
    if (gw_params_length(ends) != 2) {
        gw_params_error(ends, NULL, error, "found %u number%s, expected the lowest and the highest",
                        gw_params_length(ends), gw_count_ending(gw_params_length(ends)));
        return false;
    }
    if (!gw_params_as_number(gw_params_at(ends, 0), &out->low, error) ||
        !gw_params_as_number(gw_params_at(ends, 1), &out->high, error)) {
        return false;
    }
    if (!(out->low <= out->high)) {
        gw_params_error(ends, NULL, error, "found %g and %g, expected the lowest first", out->low,
                        out->high);
        return false;
    }
    return true;
}

static bool read_source(gw_scenario *scenario, gw_params *value, gw_value_source *out,
                        GError **error)
{
    if (gw_params_is_array(value)) {
        return read_list(scenario, value, out, error);
    }
    if (!gw_params_is_object(value)) {
        gw_params_refuse(value,
                         "a list of numbers, {\"uniform\": [low, high]} or "
                         "{\"bernoulli\": probability}",
                         error);
        return false;
    }
    if (gw_params_has(value, "bernoulli")) {
        out->kind = GW_VALUES_BERNOULLI;
        return gw_params_number(value, "bernoulli", true, 0, 1, &out->probability, error) &&
               gw_params_finish(value, error);
    }
    return read_uniform(value, out, error) && gw_params_finish(value, error);
}

/* Whoever decides something has to be known, or drawn. */
static bool check_known(const gw_params *job, const gw_value_source *sources, uint32_t result,
                        const gw_program *program, const char *what, GError **error)
{
    const gw_result *about = &g_array_index(program->results, gw_result, result);
    if ((sources != NULL && sources[result].kind != 0) || about->routing.experts > 0) {
        return true;
    }
    gw_params_error(job, NULL, error,
                    "found no \"values\" for result \"%s\", which %s: a simulation needs to know "
                    "what it reads as",
                    about->name, what);
    return false;
}

bool gw_scenario_read_values(gw_scenario *scenario, gw_params *job_params, gw_params *params,
                             const gw_job *job, const gw_value_source **out, GError **error)
{
    const gw_program *program = job->program;
    gw_value_source *sources = NULL;
    if (params != NULL) {
        sources = g_new0(gw_value_source, program->results->len + 1);
        g_ptr_array_add(scenario->owned, sources);
        for (uint32_t i = 0; i < gw_params_length(params); i++) {
            const char *name = gw_params_key_at(params, i);
            gw_params *value = NULL;
            uint32_t result = 0;
            if (!find_result(program, params, NULL, name, &result, error) ||
                !gw_params_value(params, name, true, &value, error) ||
                !read_source(scenario, value, &sources[result], error)) {
                return false;
            }
        }
    }
    if (job->until != NULL &&
        !check_known(job_params, sources, job->until->result, program, "ends the job", error)) {
        return false;
    }
    if (job->until != NULL || job->plan->has_decisions) {
        const gw_system_ops *system = scenario->control.system;
        if (!system->has_policy) {
            gw_params_error(job_params, NULL, error,
                            "found a value that %s, expected system \"pathways\", not \"%s\": it "
                            "alone waits for values",
                            job->until != NULL ? "ends the job" : "decides what a node runs",
                            system->name);
            return false;
        }
    }
    for (uint32_t n = 0; n < program->nodes->len; n++) {
        const uint32_t decider = gw_program_node(program, n)->decider;
        if (decider != GW_INDEX_NONE && !check_known(job_params, sources, decider, program,
                                                     "decides what a node runs", error)) {
            return false;
        }
    }
    *out = sources;
    return true;
}

/* Opens the stream of one value. */
static void open_stream(const gw_scenario *scenario, const gw_job *job, const gw_result *result,
                        uint32_t run, gw_random *random)
{
    g_autofree char *stream = g_strdup_printf("value/%s/%s/%u", job->name, result->name, run);
    gw_random_init(random, scenario->seed, stream);
}

double gw_scenario_value(const gw_scenario *scenario, uint32_t job, uint32_t result, uint32_t run)
{
    if (result == GW_INDEX_NONE) {
        return 0;
    }
    const gw_value_source *sources = scenario->values[job];
    const gw_job *named = &scenario->jobs[job];
    const gw_result *about = &g_array_index(named->program->results, gw_result, result);
    gw_random random;
    if (sources == NULL || sources[result].kind == 0) {
        if (about->routing.experts == 0) {
            return 0;
        }
        open_stream(scenario, named, about, run, &random);
        return (double)gw_routing_draw(&about->routing, &random);
    }
    const gw_value_source *source = &sources[result];
    if (source->kind == GW_VALUES_LIST) {
        return source->list[MIN(run, source->list_length - 1)];
    }
    open_stream(scenario, named, about, run, &random);
    const double drawn = gw_random_uniform(&random);
    return source->kind == GW_VALUES_BERNOULLI ? (drawn < source->probability ? 1 : 0)
                                               : source->low + drawn * (source->high - source->low);
}
