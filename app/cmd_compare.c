/* SPDX-License-Identifier: Apache-2.0 */
/* gangway compare: a scenario under several settings, each with the same seeds; one table, one
 * figure, and which differences are real. */
#include <stdio.h>
#include <string.h>

#include "app/batch.h"
#include "app/command.h"
#include "app/comparison.h"
#include "app/grid.h"
#include "app/metric.h"
#include "base/error.h"
#include "record/figure.h"
#include "record/output.h"
#include "scenario/scenario.h"

#define SEEDS_MAX          1000
#define RUNS_MAX           100000
#define FAILURES_SHOWN_MAX 3 /* Settings whose failure is told. */

static char *backend, *folder, *seed_text;
static char **settings, **varied, **metrics, **baselines;
static int process_count;
static gboolean wants_plot, wants_json, is_fresh, is_quiet;

static const GOptionEntry entries[] = {
    {"vary", 'v', 0, G_OPTION_ARG_STRING_ARRAY, &varied,
     "Take these values of PATH in turn, each as --set takes it; given again, all combinations are "
     "compared.  Without it: what the scenario's own \"vary\" says",
     "PATH=VALUE,..."},
    {"seeds", 'n', 0, G_OPTION_ARG_STRING, &seed_text,
     "Repeat every setting with N seeds from the scenario's own upwards, or with the seeds of a "
     "list such as 1,2,3 (default: the scenario's own)",
     "N|SEED,..."},
    {"set", 's', 0, G_OPTION_ARG_STRING_ARRAY, &settings,
     "Change one value of the scenario, in all settings; may be given again", "PATH=VALUE"},
    {"backend", 'b', 0, G_OPTION_ARG_STRING, &backend,
     "sim: simulated devices (default); null: devices that finish at once", "NAME"},
    {"metric", 'm', 0, G_OPTION_ARG_STRING_ARRAY, &metrics,
     "Compare this number of summary.json, such as jobs.0.bubble_fraction; may be given again "
     "(default: makespan_ns, utilization, computations_per_s, and of the first jobs step_time_ns "
     "and bubble_fraction)",
     "NAME"},
    {"baseline", 'B', 0, G_OPTION_ARG_STRING_ARRAY, &baselines,
     "Compare each setting with the one that has this value and is otherwise the same; may be "
     "given again (default: compare all with the first setting)",
     "PATH=VALUE"},
    {"jobs", 0, 0, G_OPTION_ARG_INT, &process_count,
     "Runs at a time (default: as many as there are cores)", "N"},
    {"out", 'o', 0, G_OPTION_ARG_FILENAME, &folder,
     "Write compare.csv and compare.json there, and keep every run's summary in DIR/runs, from "
     "where a later comparison takes what has not changed",
     "DIR"},
    {"fresh", 0, 0, G_OPTION_ARG_NONE, &is_fresh, "Run again what is kept in DIR/runs", NULL},
    {"plot", 'p', 0, G_OPTION_ARG_NONE, &wants_plot,
     "Also draw the figure as SVG, PDF and PNG (needs --out)", NULL},
    {"json", 'j', 0, G_OPTION_ARG_NONE, &wants_json,
     "Print compare.json and nothing else on standard output", NULL},
    {"quiet", 'q', 0, G_OPTION_ARG_NONE, &is_quiet, "No progress line", NULL},
    G_OPTION_ENTRY_NULL,
};

/* --- What is to be run --- */

typedef struct {
    gw_scenario *scenario; /* As it is, without any variation. */
    gw_grid *grid;
    GArray *seeds;    /* guint64 */
    guint *places;    /* As gw_comparison_settings has them. */
    GPtrArray *texts; /* Of char **, by setting and seed: what is set. */
    gw_batch_run *runs;
} plan;

static bool refuse_seeds(GError **error, const char *reason)
{
    g_autofree char *found = gw_error_quote(seed_text);
    g_set_error(error, GW_ERROR, GW_ERROR_USAGE,
                "--seeds: found %s, expected %s (such as 5, or a list such as 1,2,3)", found,
                reason);
    return false;
}

static bool parse_seed_list(GArray *seeds, GError **error)
{
    g_auto(GStrv) words = g_strsplit(seed_text, ",", SEEDS_MAX + 1);
    for (guint i = 0; words[i] != NULL; i++) {
        guint64 seed;
        if (!g_ascii_string_to_unsigned(g_strstrip(words[i]), 10, 0, G_MAXINT64, &seed, NULL))
            return refuse_seeds(error, "whole numbers from 0 to 2^63 - 1");
        for (guint other = 0; other < seeds->len; other++)
            if (g_array_index(seeds, guint64, other) == seed)
                return refuse_seeds(error, "different seeds");
        if (i == SEEDS_MAX)
            return refuse_seeds(error, "at most 1000 seeds");
        g_array_append_val(seeds, seed);
    }
    return true;
}

static bool read_seeds(plan *made, GError **error)
{
    guint64 count = 1;
    guint64 seed = made->scenario->seed;
    if (seed_text != NULL && strchr(seed_text, ',') != NULL)
        return parse_seed_list(made->seeds, error);
    if (seed_text != NULL && !g_ascii_string_to_unsigned(seed_text, 10, 1, SEEDS_MAX, &count, NULL))
        return refuse_seeds(error, "how many, from 1 to 1000");
    if (seed > (guint64)G_MAXINT64 - count)
        return refuse_seeds(error, "fewer: the scenario's own is near the largest that there is");
    for (guint64 i = 0; i < count; i++, seed++)
        g_array_append_val(made->seeds, seed);
    return true;
}

static bool read_grid(plan *made, const char *path, GError **error)
{
    for (guint i = 0; varied != NULL && varied[i] != NULL; i++)
        if (!gw_grid_add(made->grid, varied[i], error))
            return false;
    if (varied == NULL && made->scenario->vary != NULL &&
        !gw_grid_add_params(made->grid, made->scenario->vary, error))
        return false;
    if (gw_grid_axis_count(made->grid) == 0) {
        g_set_error(error, GW_ERROR, GW_ERROR_USAGE,
                    "%s: found nothing to compare, expected --vary PATH=VALUE,... or \"vary\" in "
                    "the scenario",
                    path);
        return false;
    }
    for (guint a = 0; a < gw_grid_axis_count(made->grid); a++) {
        if (strcmp(gw_grid_axis_at(made->grid, a)->path, "seed") != 0)
            continue;
        g_set_error_literal(error, GW_ERROR, GW_ERROR_USAGE,
                            "--vary: found seed, expected --seeds: seeds repeat a setting");
        return false;
    }
    return true;
}

static bool read_baselines(plan *made, GError **error)
{
    const guint count = gw_grid_axis_count(made->grid);
    made->places = g_new0(guint, count + 1);
    for (guint a = 0; a < count && baselines != NULL; a++)
        made->places[a] = GW_INDEX_NONE;
    for (guint i = 0; baselines != NULL && baselines[i] != NULL; i++) {
        guint axis, place;
        if (!gw_grid_find(made->grid, baselines[i], &axis, &place, error))
            return false;
        if (made->places[axis] != GW_INDEX_NONE) {
            g_set_error(error, GW_ERROR, GW_ERROR_USAGE,
                        "--baseline: found %s twice, expected one of its values",
                        gw_grid_axis_at(made->grid, axis)->path);
            return false;
        }
        made->places[axis] = place;
    }
    return true;
}

static char **make_settings(const plan *made, guint setting, guint64 seed)
{
    GPtrArray *texts = g_ptr_array_new();
    for (guint i = 0; settings != NULL && settings[i] != NULL; i++)
        g_ptr_array_add(texts, g_strdup(settings[i]));
    g_autofree char **chosen = gw_grid_settings(made->grid, setting);
    for (guint a = 0; chosen[a] != NULL; a++)
        g_ptr_array_add(texts, chosen[a]);
    g_ptr_array_add(texts, g_strdup_printf("seed=%" G_GUINT64_FORMAT, seed));
    g_ptr_array_add(texts, NULL);
    return (char **)g_ptr_array_free(texts, FALSE);
}

static bool list_runs(plan *made, const char *path, GError **error)
{
    const guint64 count = (guint64)gw_grid_count(made->grid) * made->seeds->len;
    if (count > RUNS_MAX) {
        g_set_error(error, GW_ERROR, GW_ERROR_USAGE,
                    "found %" G_GUINT64_FORMAT " runs (%u settings with %u seeds each), expected "
                    "at most %d",
                    count, gw_grid_count(made->grid), made->seeds->len, RUNS_MAX);
        return false;
    }
    made->runs = g_new0(gw_batch_run, count);
    for (guint s = 0; s < gw_grid_count(made->grid); s++) {
        for (guint i = 0; i < made->seeds->len; i++) {
            char **texts = make_settings(made, s, g_array_index(made->seeds, guint64, i));
            made->runs[made->texts->len] = (gw_batch_run){
                .path = path, .settings = (const char *const *)texts, .backend = backend};
            g_ptr_array_add(made->texts, texts);
        }
    }
    return true;
}

/* A path that the scenario has not, or values none of which it takes, are told before anything is
 * run: one setting at least can be read. */
static bool check_settings(const plan *made, const char *path, GError **error)
{
    g_autoptr(GError) first = NULL;
    for (guint s = 0; s < gw_grid_count(made->grid); s++) {
        g_autoptr(GError) failure = NULL;
        g_autoptr(gw_scenario) scenario =
            gw_scenario_load(path, made->runs[s * made->seeds->len].settings, &failure);
        if (scenario != NULL)
            return true;
        if (first == NULL)
            first = g_steal_pointer(&failure);
    }
    g_propagate_error(error, g_steal_pointer(&first));
    return false;
}

static bool make_plan(plan *made, const char *path, GError **error)
{
    made->scenario = gw_scenario_load(path, (const char *const *)settings, error);
    made->grid = gw_grid_new();
    made->seeds = g_array_new(FALSE, FALSE, sizeof(guint64));
    made->texts = g_ptr_array_new_with_free_func((GDestroyNotify)g_strfreev);
    for (guint i = 0; metrics != NULL && metrics[i] != NULL; i++)
        if (made->scenario != NULL && !gw_metric_check(metrics[i], error))
            return false;
    return made->scenario != NULL && read_grid(made, path, error) && read_seeds(made, error) &&
           read_baselines(made, error) && list_runs(made, path, error) &&
           check_settings(made, path, error);
}

static void clear_plan(plan *made)
{
    gw_scenario_free(made->scenario);
    gw_grid_free(made->grid);
    g_array_unref(made->seeds);
    g_free(made->places);
    g_ptr_array_unref(made->texts);
    g_free(made->runs);
}

/* --- What came out --- */

static bool save_files(const gw_comparison *comparison, const char *json, GError **error)
{
    g_autofree char *csv = gw_comparison_csv(comparison);
    return folder == NULL ||
           (gw_output_save(folder, "compare.csv", csv, error) &&
            gw_output_save(folder, "compare.json", json, error) &&
            (!wants_plot || gw_figure_draw(folder, "compare", gw_figure_formats, error)));
}

static void print_outcome(const gw_comparison *comparison, const char *json)
{
    if (wants_json) {
        fputs(json, stdout);
        return;
    }
    g_autofree char *text = gw_comparison_text(comparison);
    fputs(text, stdout);
    if (folder != NULL)
        printf("table: %s/compare.{csv,json}\n", folder);
    if (wants_plot)
        printf("figure: %s/compare.{svg,pdf,png}\n", folder);
}

/* The first failures in words, and the first one's exit code; 0 without any. */
static int tell_failures(const plan *made, GPtrArray *results)
{
    const guint seed_count = made->seeds->len;
    int exit_code = 0;
    guint shown_count = 0, failed_count = 0;
    g_autoptr(GString) text = g_string_new(NULL);
    for (guint i = 0, told = G_MAXUINT; i < results->len; i++) {
        const gw_batch_result *result = (const gw_batch_result *)results->pdata[i];
        if (result->exit_code == 0)
            continue;
        exit_code = exit_code == 0 ? result->exit_code : exit_code;
        failed_count++;
        if (told == i / seed_count || shown_count++ >= FAILURES_SHOWN_MAX)
            continue;
        told = i / seed_count;
        g_autofree char *name = gw_grid_name(made->grid, told);
        g_auto(GStrv) lines = g_strsplit(result->message, "\n", -1);
        g_autofree char *message = g_strjoinv("\n    ", lines);
        g_string_append_printf(text, "  %s: %s\n", name, message);
    }
    if (failed_count > 0)
        fprintf(stderr, "gangway: %u of %u runs failed%s:\n%s", failed_count, results->len,
                shown_count > FAILURES_SHOWN_MAX ? "; the first settings" : "", text->str);
    return exit_code;
}

static bool tell_results(const plan *made, const char *path, GPtrArray *results, GError **error)
{
    const gw_comparison_settings compared = {
        .grid = made->grid,
        .path = path,
        .scenario = made->scenario->name,
        .backend = backend,
        .seeds = (const guint64 *)(const void *)made->seeds->data,
        .seed_count = made->seeds->len,
        .metrics = (const char *const *)metrics,
        .baseline_places = made->places,
        .results = results,
    };
    g_autoptr(gw_comparison) comparison = gw_comparison_new(&compared, error);
    if (comparison == NULL)
        return false;
    if (comparison->failed_count == results->len)
        return true; /* There is nothing to show. */
    g_autofree char *json = gw_comparison_json(comparison);
    if (!save_files(comparison, json, error))
        return false;
    print_outcome(comparison, json);
    return true;
}

static bool compare(const char *path, int *out_exit_code, GError **error)
{
    plan made = {0};
    g_autoptr(GPtrArray) results = NULL;
    const gw_batch_settings batch = {.process_count_max = (guint)process_count,
                                     .folder = folder,
                                     .is_fresh = is_fresh,
                                     .is_quiet = is_quiet};
    gw_command_catch_interrupt(NULL);
    if (make_plan(&made, path, error))
        results = gw_batch_execute(made.runs, made.texts->len, &batch, error);
    const bool is_done = results != NULL && tell_results(&made, path, results, error);
    if (is_done)
        *out_exit_code = tell_failures(&made, results);
    clear_plan(&made);
    return is_done;
}

/* 0 when the options make sense together; else 2, said why. */
static int check_options(int argc)
{
    static const char *const backends[] = {"sim", "null", NULL};
    if (argc != 2) {
        fputs("gangway compare: expected one scenario (see gangway compare --help)\n", stderr);
        return 2;
    }
    if (!g_strv_contains(backends, backend)) {
        g_autofree char *found = gw_error_quote(backend);
        fprintf(stderr, "gangway compare: --backend: found %s, expected sim or null%s\n", found,
                strcmp(backend, "cpu") == 0 ? ", whose runs can be repeated" : "");
        return 2;
    }
    if (!gw_command_check_jobs("compare", process_count) ||
        !gw_command_check_folder("compare", "--plot", wants_plot, folder) ||
        !gw_command_check_folder("compare", "--fresh", is_fresh, folder))
        return 2;
    return 0;
}

static int run_compare(int argc, char **argv)
{
    int exit_code;
    if (!gw_command_parse(
            "compare", "SCENARIO",
            "Runs the scenario under every setting on all cores and compares by paired\n"
            "differences: each run with the run of the baseline that has the same seed.  A\n"
            "difference is called real when its 95 % interval (Student) leaves 0 out.  Each\n"
            "interval stands for itself: of twenty that compare equals, one looks real by chance.\n"
            "\nExample:\n  gangway compare configs/quickstart.json --vary control.lookahead=1,2,4 "
            "\\\n      --vary jobs.count=1,2 --seeds 5 --out out/c --plot\n",
            entries, &argc, &argv, &exit_code))
        return exit_code;
    if (backend == NULL)
        backend = g_strdup("sim");
    exit_code = check_options(argc);
    if (exit_code == 0) {
        g_autoptr(GError) error = NULL;
        if ((wants_plot && !gw_figure_can_draw(&error)) || !compare(argv[1], &exit_code, &error))
            exit_code = gw_command_fail(error);
    }
    g_clear_pointer(&backend, g_free);
    g_clear_pointer(&folder, g_free);
    g_clear_pointer(&seed_text, g_free);
    g_clear_pointer(&settings, g_strfreev);
    g_clear_pointer(&varied, g_strfreev);
    g_clear_pointer(&metrics, g_strfreev);
    g_clear_pointer(&baselines, g_strfreev);
    return exit_code;
}

const gw_command gw_command_compare = {
    "compare", "run a scenario under several settings and say what differs", run_compare};
