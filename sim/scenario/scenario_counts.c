/* SPDX-License-Identifier: Apache-2.0 */
/* A job's "counts": {"node that is dealt to": how}.  Where a job says nothing, every target is as
 * likely as any other. */
#include "scenario/counts.h"

#include <string.h>

#include "base/error.h"
#include "base/random.h"
#include "base/zipf.h"
#include "controller/system.h"
#include "program/exchange.h"
#include "scenario/scenario_private.h"

#define RUNS_MAX     1000000
#define EXPONENT_MAX 8

static const char *name_of(const gw_program *program, uint32_t edge)
{
    return gw_program_node(program, gw_program_edge(program, edge)->target_node)->name;
}

static bool find_deal(const gw_program *program, const gw_params *place, const char *name,
                      uint32_t *out_edge, GError **error)
{
    g_autofree const char **names = g_new0(const char *, program->exchange_count + 1);
    uint32_t count = 0;
    for (uint32_t e = 0; e < program->edges->len; e++) {
        if (gw_program_edge(program, e)->exchange.kind != GW_EXCHANGE_DEAL) {
            continue;
        }
        names[count] = name_of(program, e);
        if (strcmp(names[count++], name) == 0) {
            *out_edge = e;
            return true;
        }
    }
    g_autofree char *found = gw_error_quote(name);
    if (count == 0) {
        gw_params_error(place, NULL, error, "found %s, but the program deals no rows", found);
        return false;
    }
    g_autofree char *list = gw_error_list(names, GW_SCENARIO_LISTED_MAX);
    g_autofree char *hint = gw_error_hint(name, names);
    gw_params_error(place, NULL, error,
                    "found %s, expected a node that rows are dealt to: one of %s%s", found, list,
                    hint);
    return false;
}

/* --- Shares --- */

static void set_shares(gw_scenario *scenario, double exponent, uint32_t target_count,
                       gw_count_source *out)
{
    double *up_to = g_new(double, target_count);
    g_ptr_array_add(scenario->owned, up_to);
    gw_zipf_shares(exponent, target_count, up_to);
    *out = (gw_count_source){.kind = GW_COUNTS_ZIPF, .up_to = up_to};
}

/* --- Recorded --- */

static bool expect_length(gw_params *list, uint32_t expected, const char *what, GError **error)
{
    if (!gw_params_is_array(list)) {
        g_autofree char *kind = g_strdup_printf("a list of %u: one for each %s", expected, what);
        gw_params_refuse(list, kind, error);
        return false;
    }
    if (gw_params_length(list) != expected) {
        gw_params_error(list, NULL, error, "found %u, expected %u: one for each %s",
                        gw_params_length(list), expected, what);
        return false;
    }
    return true;
}

/* One source shard's counts in one run. */
static bool read_counts(gw_params *list, uint32_t target_count, uint32_t row_count,
                        uint32_t *out_counts, GError **error)
{
    uint64_t sum = 0;
    if (!expect_length(list, target_count, "shard that is dealt to", error)) {
        return false;
    }
    for (uint32_t t = 0; t < target_count; t++) {
        uint64_t count;
        if (!gw_params_as_count(gw_params_at(list, t), 0, GW_EXCHANGE_ROWS_MAX, &count, error)) {
            return false;
        }
        out_counts[t] = (uint32_t)count;
        sum += count;
    }
    if (sum != row_count) {
        gw_params_error(list, NULL, error,
                        "found counts of %" G_GUINT64_FORMAT " rows, expected all of the shard's "
                        "%u",
                        sum, row_count);
        return false;
    }
    return true;
}

static bool read_list(gw_scenario *scenario, gw_params *list, const gw_program *program,
                      uint32_t edge, gw_count_source *out, GError **error)
{
    const uint32_t run_count = gw_params_length(list);
    const uint32_t source_count = gw_exchange_source_count(program, edge);
    const uint32_t target_count = gw_exchange_target_count(program, edge);
    if (run_count < 1 || run_count > RUNS_MAX) {
        gw_params_error(list, NULL, error, "found %u runs, expected 1 to %d", run_count, RUNS_MAX);
        return false;
    }
    GArray *counts = g_array_new(FALSE, TRUE, sizeof(uint32_t));
    bool is_read = true;
    for (uint32_t r = 0; is_read && r < run_count; r++) {
        gw_params *run = gw_params_at(list, r);
        is_read = expect_length(run, source_count, "shard that deals", error);
        for (uint32_t s = 0; is_read && s < source_count; s++) {
            g_array_set_size(counts, counts->len + target_count);
            is_read =
                read_counts(gw_params_at(run, s), target_count, gw_exchange_rows(program, edge),
                            &g_array_index(counts, uint32_t, counts->len - target_count), error);
        }
    }
    uint32_t *kept = (uint32_t *)(void *)g_array_free(counts, FALSE);
    g_ptr_array_add(scenario->owned, kept);
    *out = (gw_count_source){.kind = GW_COUNTS_LIST, .list = kept, .list_length = run_count};
    return is_read;
}

/* --- The whole --- */

static bool read_source(gw_scenario *scenario, gw_params *value, const gw_program *program,
                        uint32_t edge, gw_count_source *out, GError **error)
{
    double exponent = 0;
    if (gw_params_is_array(value)) {
        return read_list(scenario, value, program, edge, out, error);
    }
    if (!gw_params_is_object(value)) {
        gw_params_refuse(value,
                         "{\"zipf\": exponent}, or a list of runs: for each shard that deals a "
                         "list of counts",
                         error);
        return false;
    }
    if (!gw_params_number(value, "zipf", true, 0, EXPONENT_MAX, &exponent, error) ||
        !gw_params_finish(value, error)) {
        return false;
    }
    set_shares(scenario, exponent, gw_exchange_target_count(program, edge), out);
    return true;
}

static bool read_all(gw_scenario *scenario, gw_params *params, const gw_program *program,
                     gw_count_source *sources, GError **error)
{
    for (uint32_t i = 0; params != NULL && i < gw_params_length(params); i++) {
        const char *name = gw_params_key_at(params, i);
        gw_params *value = NULL;
        uint32_t edge = 0;
        if (!find_deal(program, params, name, &edge, error) ||
            !gw_params_value(params, name, true, &value, error) ||
            !read_source(scenario, value, program, edge, &sources[edge], error)) {
            return false;
        }
    }
    return true;
}

bool gw_scenario_read_counts(gw_scenario *scenario, gw_params *job_params, gw_params *params,
                             const gw_job *job, const gw_count_source **out, GError **error)
{
    const gw_program *program = job->program;
    const gw_system_ops *system = scenario->control.system;
    if (program->exchange_count == 0 && params == NULL) {
        *out = NULL;
        return true;
    }
    if (program->exchange_count > 0 && !system->has_policy) {
        gw_params_error(job_params, NULL, error,
                        "found rows that are dealt out by counts, expected system \"pathways\", "
                        "not \"%s\"",
                        system->name);
        return false;
    }
    gw_count_source *sources = g_new0(gw_count_source, program->edges->len + 1);
    g_ptr_array_add(scenario->owned, sources);
    if (!read_all(scenario, params, program, sources, error)) {
        return false;
    }
    for (uint32_t e = 0; e < program->edges->len; e++) {
        if (gw_program_edge(program, e)->exchange.kind == GW_EXCHANGE_DEAL &&
            sources[e].kind == 0) {
            set_shares(scenario, 0, gw_exchange_target_count(program, e), &sources[e]);
        }
    }
    *out = sources;
    return true;
}

void gw_scenario_counts(const gw_scenario *scenario, uint32_t job, uint32_t edge, uint32_t run,
                        uint32_t shard, uint32_t *out_counts)
{
    const gw_job *named = &scenario->jobs[job];
    const gw_program *program = named->program;
    const gw_count_source *source = &scenario->counts[job][edge];
    const uint32_t target_count = gw_exchange_target_count(program, edge);
    if (source->kind == GW_COUNTS_LIST) {
        const size_t source_count = gw_exchange_source_count(program, edge);
        const size_t entry = MIN(run, source->list_length - 1) * source_count + shard;
        memcpy(out_counts, source->list + entry * target_count, target_count * sizeof *out_counts);
        return;
    }
    g_autofree char *stream =
        g_strdup_printf("counts/%s/%s/%u/%u", named->name, name_of(program, edge), run, shard);
    gw_random random;
    gw_random_init(&random, scenario->seed, stream);
    memset(out_counts, 0, target_count * sizeof *out_counts);
    for (uint32_t i = gw_exchange_rows(program, edge); i > 0; i--) {
        out_counts[gw_zipf_find(source->up_to, target_count, gw_random_uniform(&random))]++;
    }
}

void gw_scenario_blame_router(const gw_scenario *scenario, const gw_note *note, GError **error)
{
    const gw_job *job = &scenario->jobs[note->a >> 32];
    const uint32_t edge = (uint32_t)note->a;
    g_set_error(error, GW_ERROR, GW_ERROR_SCENARIO,
                "%s: job %s, run %" G_GUINT64_FORMAT
                ": node \"%s\" is dealt %.0f rows on shard %u, "
                "and has room for %u (\"overflow\": \"drop\" would leave out the rest)",
                scenario->path, job->name, note->b >> 32, name_of(job->program, edge), note->value,
                (uint32_t)note->b, gw_exchange_capacity(job->program, edge));
}
