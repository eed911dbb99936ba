/* SPDX-License-Identifier: Apache-2.0 */
/* Candidates are in order of their bounds, so that the first whose bound is no better than what is
 * found ends the search, and the order of simulating does not depend on how many cores there are.
 * They are rough until they come to the front: what needs a program of many layers, or a schedule
 * that takes a search of its own, is left out.
 */
#include "app/search.h"

#include <math.h>

#include "app/batch.h"
#include "app/metric.h"
#include "app/search_survey.h"
#include "base/check.h"
#include "base/error.h"

#define ROUND_RUNS   8  /* Simulated between two looks at what is found, at the least. */
#define REFINED_RUNS 32 /* Rough ones that are estimated wholly at a time. */

typedef struct {
    const gw_search_settings *settings;
    gw_search *search;
    gw_search_survey *survey; /* Its candidates are in order, the lowest bound first. */
} searcher;

void gw_search_free(gw_search *search)
{
    if (search == NULL)
        return;
    gw_search_space_free(search->space);
    g_ptr_array_unref(search->ways);
    g_free(search->failure);
    g_free(search->impossible);
    g_free(search);
}

/* --- Estimates --- */

static gw_search_survey_settings find_survey_settings(const searcher *at)
{
    return (gw_search_survey_settings){.process_count_max = at->settings->process_count_max,
                                       .is_quiet = at->settings->is_quiet};
}

static void take_counts(const searcher *at)
{
    gw_search *search = at->search;
    const gw_search_survey *survey = at->survey;
    search->point_count = survey->point_count;
    search->impossible_count = survey->impossible_count;
    search->memory_count = survey->memory_count;
    search->same_count = survey->same_count;
    g_free(search->impossible);
    search->impossible = g_strdup(survey->impossible);
    search->least_bytes = survey->least_bytes;
}

static const gw_search_candidate *candidate_at(const searcher *at, guint index)
{
    return &g_array_index(at->survey->candidates, gw_search_candidate, index);
}

/* --- Simulations --- */

static char **make_settings(const searcher *at, const gw_search_point *point)
{
    GPtrArray *texts = g_ptr_array_new();
    const char *const *given = at->settings->settings;
    for (guint i = 0; given != NULL && given[i] != NULL; i++)
        g_ptr_array_add(texts, g_strdup(given[i]));
    for (guint i = 0; i < GW_SEARCH_DIMENSIONS; i++) {
        g_autofree char *value = gw_search_value_text(i, point->values[i]);
        g_ptr_array_add(
            texts, g_strdup_printf("jobs.0.parameters.%s=%s", gw_search_dimension_name(i), value));
    }
    g_ptr_array_add(texts, g_strdup_printf("jobs.0.steps=%" G_GUINT64_FORMAT, at->settings->steps));
    g_ptr_array_add(texts, NULL);
    return (char **)g_ptr_array_free(texts, FALSE);
}

static gw_search_way *read_way(const gw_search *search, const gw_search_candidate *tried,
                               const char *summary)
{
    g_autoptr(gw_params) root = gw_params_parse(summary, "summary.json", NULL);
    gw_check(root != NULL);
    gw_search_way *way = g_new0(gw_search_way, 1);
    const double steps = gw_metric_read(root, "jobs.0.steps");
    way->point = tried->point;
    way->bound_ns = tried->bound_ns;
    way->estimated_bytes = tried->memory_bytes;
    way->step_time_ns = gw_metric_read(root, "jobs.0.step_time_ns");
    way->tokens_per_s = gw_metric_read(root, "jobs.0.tokens_per_s");
    way->mfu = gw_metric_read(root, "jobs.0.mfu");
    way->memory_bytes = gw_metric_read(root, "jobs.0.memory.bytes");
    way->exposed_fraction = gw_metric_read(root, "jobs.0.communication_exposed_ns") /
                            ((double)search->space->devices * steps * way->step_time_ns);
    way->energy_j = gw_metric_read(root, "energy_j") / steps;
    return way;
}

static void take_result(searcher *at, const gw_search_candidate *tried,
                        const gw_batch_result *result)
{
    gw_search *search = at->search;
    if (result->exit_code == 0) {
        g_ptr_array_add(search->ways, read_way(search, tried, result->summary));
        return;
    }
    search->failed_count++;
    if (search->failure == NULL)
        search->failure = g_strdup(result->message);
}

static bool simulate(searcher *at, guint first, guint count, GError **error)
{
    g_autofree gw_batch_run *runs = g_new0(gw_batch_run, count);
    g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func((GDestroyNotify)g_strfreev);
    for (guint i = 0; i < count; i++) {
        char **made = make_settings(at, &candidate_at(at, first + i)->point);
        g_ptr_array_add(texts, made);
        runs[i] = (gw_batch_run){
            .path = at->settings->path, .settings = (const char *const *)made, .backend = "sim"};
    }
    const gw_batch_settings batch = {.process_count_max = at->settings->process_count_max,
                                     .folder = at->settings->folder,
                                     .is_fresh = at->settings->is_fresh,
                                     .is_quiet = at->settings->is_quiet};
    g_autoptr(GPtrArray) results = gw_batch_execute(runs, count, &batch, error);
    if (results == NULL)
        return false;
    for (guint i = 0; i < count; i++)
        take_result(at, candidate_at(at, first + i), (const gw_batch_result *)results->pdata[i]);
    return true;
}

static gint compare_ways(gconstpointer a, gconstpointer b)
{
    const gw_search_way *one = *(const gw_search_way *const *)a;
    const gw_search_way *other = *(const gw_search_way *const *)b;
    if (one->step_time_ns != other->step_time_ns)
        return one->step_time_ns < other->step_time_ns ? -1 : 1;
    return one->bound_ns < other->bound_ns ? -1 : one->bound_ns > other->bound_ns;
}

/* The time of the last of so many best ways; INFINITY: there are not as many. */
static double find_time(const gw_search *search, guint count)
{
    return search->ways->len < count
               ? INFINITY
               : ((const gw_search_way *)search->ways->pdata[count - 1])->step_time_ns;
}

/* Candidates from `first` on whose bound is below `time_ns`; they come first. */
static guint count_below(const searcher *at, guint first, double time_ns)
{
    guint end = first;
    while (end < at->survey->candidates->len && candidate_at(at, end)->bound_ns < time_ns)
        end++;
    return end - first;
}

/* Until none of the next `count` whose bound is below `time_ns` is rough. */
static bool refine_next(searcher *at, guint first, guint count, double time_ns, GError **error)
{
    const gw_search_survey_settings settings = find_survey_settings(at);
    for (;;) {
        double end_ns = 0; /* Just behind the last of them that is not rough, or all of them. */
        guint rough_count = 0, exact_count = 0;
        for (guint i = first; i < at->survey->candidates->len && exact_count < count; i++) {
            const gw_search_candidate *looked_at = candidate_at(at, i);
            if (looked_at->bound_ns >= time_ns)
                break;
            rough_count += looked_at->is_rough;
            exact_count += !looked_at->is_rough;
            end_ns = nextafter(looked_at->bound_ns, INFINITY);
        }
        if (rough_count == 0)
            return true;
        if (!gw_search_survey_refine(at->survey, at->search->space, &settings, first, end_ns,
                                     REFINED_RUNS, error))
            return false;
    }
}

static bool simulate_best(searcher *at, GError **error)
{
    gw_search *search = at->search;
    const guint wanted = at->settings->wanted_count, most = at->settings->simulations_max;
    guint next = 0;
    for (;;) {
        const guint found =
            search->ways->len; /* Until there are as many as wanted none is left out. */
        const guint round =
            MIN(MAX(ROUND_RUNS, wanted - MIN(wanted, found)), most - MIN(most, found));
        if (!refine_next(at, next, round, find_time(search, wanted), error))
            return false;
        const guint count = MIN(count_below(at, next, find_time(search, wanted)), round);
        if (count == 0)
            break;
        if (!simulate(at, next, count, error))
            return false;
        g_ptr_array_sort(search->ways, compare_ways);
        next += count;
    }
    search->left_count = count_below(at, next, find_time(search, wanted));
    search->best_left_count = count_below(at, next, find_time(search, 1));
    search->slower_count = at->survey->candidates->len - next - search->left_count;
    return true;
}

/* --- All of it --- */

static bool refuse_space(const gw_search *search, const gw_search_settings *settings,
                         GError **error)
{
    g_autofree char *least = gw_bytes_format((guint64)search->least_bytes);
    g_autofree char *most = gw_bytes_format(gw_search_survey_memory(search->space));
    if (search->point_count == 0)
        g_set_error(
            error, GW_ERROR, GW_ERROR_SCENARIO,
            "%s: /jobs/0/parameters: found no degrees whose product is %" G_GUINT64_FORMAT
            " devices, expected tensor, stages and data that divide heads (%" G_GUINT64_FORMAT
            "), layers (%" G_GUINT64_FORMAT ") and batch (%" G_GUINT64_FORMAT
            "), and what is fixed in the scenario among them",
            settings->path, search->space->devices, search->space->heads, search->space->layers,
            search->space->batch);
    else if (search->memory_count > 0)
        g_set_error(error, GW_ERROR, GW_ERROR_SCENARIO,
                    "%s: /jobs/0: found no way of %" G_GUINT64_FORMAT
                    " that fits: the smallest needs %s per device, expected at most the %s of the "
                    "largest",
                    settings->path, search->point_count, least, most);
    else
        g_set_error(error, GW_ERROR, GW_ERROR_SCENARIO,
                    "%s: /jobs/0: found no way of %" G_GUINT64_FORMAT
                    " that the workload takes; the first: %s",
                    settings->path, search->point_count, search->impossible);
    return false;
}

static bool run_search(searcher *at, GError **error)
{
    gw_search *search = at->search;
    const bool is_done = simulate_best(at, error);
    take_counts(at);
    if (!is_done)
        return false;
    if (search->ways->len > 0)
        return true;
    if (search->failed_count == 0)
        return refuse_space(search, at->settings, error);
    g_set_error(error, GW_ERROR, GW_ERROR_SCENARIO,
                "none of %" G_GUINT64_FORMAT " ways could be simulated; the first: %s",
                search->failed_count, search->failure);
    return false;
}

gw_search *gw_search_run(const gw_search_settings *settings, GError **error)
{
    g_autoptr(gw_search) search = g_new0(gw_search, 1);
    search->ways = g_ptr_array_new_with_free_func(g_free);
    search->space =
        gw_search_space_new(settings->path, settings->settings, settings->devices, error);
    if (search->space == NULL)
        return NULL;
    searcher at = {.settings = settings, .search = search};
    const gw_search_survey_settings survey_settings = find_survey_settings(&at);
    g_autoptr(gw_search_survey) survey =
        gw_search_survey_new(search->space, &survey_settings, error);
    if (survey == NULL)
        return NULL;
    at.survey = survey;
    return run_search(&at, error) ? g_steal_pointer(&search) : NULL;
}
