/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the very summary that the run wrote, so that the lines and the file cannot disagree. */
#include "app/outcome.h"

#include <math.h>

#include "base/check.h"
#include "base/params.h"

static double read_number(gw_params *object, const char *key)
{
    double value = NAN;
    gw_params *found = NULL;
    if (gw_params_value(object, key, false, &found, NULL) && found != NULL)
        gw_params_number(object, key, false, -G_MAXDOUBLE, G_MAXDOUBLE, &value, NULL);
    return value;
}

static void add_span(GString *text, const char *what, double span_ns)
{
    if (!(span_ns >= 0))
        return;
    g_autofree char *span = gw_span_format((gw_span)span_ns);
    g_string_append_printf(text, "%s%s", what, span);
}

/* A short run's values stand in a list, a long one's in an object of the first and the last. */
static void find_ends(gw_params *result, double *out_first, double *out_last)
{
    if (gw_params_is_object(result)) {
        *out_first = read_number(result, "first");
        *out_last = read_number(result, "last");
    } else if (gw_params_is_array(result) && gw_params_length(result) > 0) {
        guint last = gw_params_length(result) - 1;
        gw_params_as_number(gw_params_at(result, 0), out_first, NULL);
        gw_params_as_number(gw_params_at(result, last), out_last, NULL);
    }
}

static void add_results(GString *text, gw_params *job)
{
    gw_params *results = NULL;
    if (!gw_params_object(job, "results", false, &results, NULL) || results == NULL)
        return;
    for (guint i = 0; i < gw_params_length(results); i++) {
        const char *name = gw_params_key_at(results, i);
        gw_params *result = NULL;
        double first = NAN, last = NAN;
        if (!gw_params_value(results, name, true, &result, NULL))
            continue;
        find_ends(result, &first, &last);
        if (isfinite(first) && isfinite(last))
            g_string_append_printf(text, ", %s %.6g -> %.6g", name, first, last);
    }
}

static void add_moves(GString *text, gw_params *job)
{
    const double moves = read_number(job, "moves"), stays = read_number(job, "stays");
    if (moves > 0)
        g_string_append_printf(text, ", moved %.0f time%s", moves, moves > 1 ? "s" : "");
    if (stays > 0)
        g_string_append_printf(text, ", stayed %.0f time%s on devices of removed hosts", stays,
                               stays > 1 ? "s" : "");
}

static void add_job(GString *text, gw_params *job)
{
    const char *name = "";
    gw_params_string(job, "name", true, &name, NULL);
    const double steps = read_number(job, "steps"), steps_asked = read_number(job, "steps_asked");
    g_string_append_printf(text, "  %s: %.0f", name, steps);
    if (steps < steps_asked)
        g_string_append_printf(text, " of %.0f", steps_asked);
    g_string_append(text, " steps");
    add_moves(text, job);
    if (gw_params_has(job, "failed_ns")) {
        add_span(text, ", client failed at ", read_number(job, "failed_ns"));
        add_span(text, ", collected at ", read_number(job, "collected_ns"));
    }
    add_span(text, ", step ", read_number(job, "step_time_ns"));
    double rate = read_number(job, "computations_per_s");
    if (rate > 0)
        g_string_append_printf(text, ", %.4g computations/s", rate);
    double tokens = read_number(job, "tokens_per_s");
    if (tokens > 0)
        g_string_append_printf(text, ", %.4g tokens/s", tokens);
    double mfu = read_number(job, "mfu");
    if (mfu > 0)
        g_string_append_printf(text, ", MFU %.3f, HFU %.3f", mfu, read_number(job, "hfu"));
    double bubble = read_number(job, "bubble_fraction");
    if (bubble >= 0)
        g_string_append_printf(text, ", bubble %.4f", bubble);
    add_results(text, job);
    g_string_append_c(text, '\n');
}

char *gw_outcome_text(const char *summary)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(gw_params) root = gw_params_parse(summary, "summary.json", &error);
    gw_check(root != NULL);
    const char *scenario = "", *backend = "", *digest = "";
    gw_params_string(root, "scenario", true, &scenario, NULL);
    gw_params_string(root, "backend", true, &backend, NULL);
    gw_params_string(root, "digest", true, &digest, NULL);
    GString *text = g_string_new(NULL);
    g_string_append_printf(text, "%s on %s: ", scenario, backend);
    add_span(text, "makespan ", read_number(root, "makespan_ns"));
    g_string_append_printf(text, ", utilization %.1f %%, %.0f messages, digest %s\n",
                           100 * read_number(root, "utilization"), read_number(root, "messages"),
                           digest);
    gw_params *jobs = NULL;
    if (gw_params_array(root, "jobs", true, &jobs, NULL))
        for (guint i = 0; i < gw_params_length(jobs); i++)
            add_job(text, gw_params_at(jobs, i));
    return g_string_free(text, FALSE);
}
