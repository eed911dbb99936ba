/* SPDX-License-Identifier: Apache-2.0 */
/* gangway plan: how to lay a transformer out over a cluster; the best ways, simulated. */
#include <stdio.h>

#include "app/command.h"
#include "app/search.h"
#include "record/output.h"

#define WAYS_MAX        1000
#define SIMULATIONS_MAX 100000
#define STEPS_MAX       1000

static char **settings;
static char *folder;
static int wanted_count = 10, simulation_count = 12, step_count = 1, device_count, process_count;
static gboolean wants_json, is_fresh, is_quiet;

static const GOptionEntry entries[] = {
    {"top", 't', 0, G_OPTION_ARG_INT, &wanted_count, "How many of the best ways (default: 10)",
     "N"},
    {"simulations", 'n', 0, G_OPTION_ARG_INT, &simulation_count,
     "Simulate so many ways at most (default: 12)", "N"},
    {"steps", 0, 0, G_OPTION_ARG_INT, &step_count, "Of each simulation (default: 1)", "N"},
    {"devices", 'd', 0, G_OPTION_ARG_INT, &device_count,
     "Use so many of the cluster's devices (default: all)", "N"},
    {"set", 's', 0, G_OPTION_ARG_STRING_ARRAY, &settings,
     "Change one value of the scenario; may be given again.  A parameter of the job is fixed by it",
     "PATH=VALUE"},
    {"jobs", 0, 0, G_OPTION_ARG_INT, &process_count,
     "Estimates or simulations at a time (default: as many as there are cores)", "N"},
    {"out", 'o', 0, G_OPTION_ARG_FILENAME, &folder,
     "Write plan.csv and plan.json there, and keep every simulation's summary in DIR/runs, from "
     "where a later plan takes what has not changed",
     "DIR"},
    {"fresh", 0, 0, G_OPTION_ARG_NONE, &is_fresh, "Simulate again what is kept in DIR/runs", NULL},
    {"json", 'j', 0, G_OPTION_ARG_NONE, &wants_json,
     "Print plan.json and nothing else on standard output", NULL},
    {"quiet", 'q', 0, G_OPTION_ARG_NONE, &is_quiet, "No progress line", NULL},
    G_OPTION_ENTRY_NULL,
};

static bool save_files(const gw_search *search, const char *json, GError **error)
{
    g_autofree char *csv = gw_search_csv(search, (guint)wanted_count);
    return folder == NULL || (gw_output_make_folder(folder, error) &&
                              gw_output_save(folder, "plan.csv", csv, error) &&
                              gw_output_save(folder, "plan.json", json, error));
}

static bool plan(const char *path, GError **error)
{
    const gw_search_settings asked = {
        .path = path,
        .settings = (const char *const *)settings,
        .devices = (guint64)device_count,
        .wanted_count = (guint)wanted_count,
        .simulations_max = (guint)simulation_count,
        .steps = (guint64)step_count,
        .process_count_max = (guint)process_count,
        .folder = folder,
        .is_fresh = is_fresh,
        .is_quiet = is_quiet,
    };
    gw_command_catch_interrupt(NULL);
    g_autoptr(gw_search) search = gw_search_run(&asked, error);
    if (search == NULL)
        return false;
    g_autofree char *json = gw_search_json(search, (guint)wanted_count);
    if (!save_files(search, json, error))
        return false;
    if (wants_json) {
        fputs(json, stdout);
        return true;
    }
    g_autofree char *text = gw_search_text(search, (guint)wanted_count);
    fputs(text, stdout);
    if (folder != NULL)
        printf("table: %s/plan.{csv,json}\n", folder);
    return true;
}

static bool check_range(const char *option, int found, int minimum, int maximum)
{
    if (found >= minimum && found <= maximum)
        return true;
    fprintf(stderr, "gangway plan: --%s: found %d, expected %d to %d\n", option, found, minimum,
            maximum);
    return false;
}

/* 0 when the options make sense together; else 2, said why. */
static int check_options(int argc)
{
    if (argc != 2) {
        fputs("gangway plan: expected one scenario (see gangway plan --help)\n", stderr);
        return 2;
    }
    if (!check_range("top", wanted_count, 1, WAYS_MAX) ||
        !check_range("simulations", simulation_count, 1, SIMULATIONS_MAX) ||
        !check_range("steps", step_count, 1, STEPS_MAX) ||
        !check_range("devices", device_count, 0, G_MAXINT) ||
        !gw_command_check_jobs("plan", process_count) ||
        !gw_command_check_folder("plan", "--fresh", is_fresh, folder))
        return 2;
    return 0;
}

static int run_plan(int argc, char **argv)
{
    int exit_code;
    if (!gw_command_parse(
            "plan", "SCENARIO",
            "The scenario has a cluster and one job of workload \"transformer\".  What its\n"
            "parameters leave out of tensor, stages, data, chunks, schedule, recompute,\n"
            "sequence_parallel, zero and microbatch is searched: all combinations over the\n"
            "devices are estimated, those that need more memory than there is are dropped,\n"
            "and the others simulated from the lowest bound of their step time upwards,\n"
            "until no bound is left below what was found, or the simulations are used up.\n"
            "Stages have as many layers each, of the encoder or of the decoder.\n"
            "\nExample:\n  gangway plan configs/plan.json --top 5 --out out/p\n",
            entries, &argc, &argv, &exit_code))
        return exit_code;
    exit_code = check_options(argc);
    if (exit_code == 0) {
        g_autoptr(GError) error = NULL;
        if (!plan(argv[1], &error))
            exit_code = gw_command_fail(error);
    }
    g_clear_pointer(&folder, g_free);
    g_clear_pointer(&settings, g_strfreev);
    return exit_code;
}

const gw_command gw_command_plan = {"plan", "find the best ways to lay a model out over a cluster",
                                    run_plan};
