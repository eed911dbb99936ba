/* SPDX-License-Identifier: Apache-2.0 */
/* gangway run: one scenario on one of the worlds, its numbers, and its figures. */
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "app/command.h"
#include "app/outcome.h"
#include "app/progress_line.h"
#include "app/ranks.h"
#include "app/recording.h"
#include "base/error.h"
#include "real/real_run.h"
#include "record/figure.h"
#include "record/summary.h"
#include "world/world.h"

#define STARVED_SHOWN_MAX 8 /* Jobs that are named. */

static char *backend, *folder;
static char **settings;
static gw_ranks ranks; /* Of --backend mpi. */
static gboolean wants_trace, wants_plot, wants_json, wants_summary_help, is_paranoid, is_quiet,
    checks_nan;

static const GOptionEntry entries[] = {
    {"backend", 'b', 0, G_OPTION_ARG_STRING, &backend,
     "sim: simulated devices (default); cpu: this machine's threads; mpi: a rank for each host, "
     "under mpirun; null: devices that finish at once",
     "NAME"},
    {"set", 's', 0, G_OPTION_ARG_STRING_ARRAY, &settings,
     "Change one value of the scenario, as in control.policy=fifo; may be given again",
     "PATH=VALUE"},
    {"out", 'o', 0, G_OPTION_ARG_FILENAME, &folder,
     "Write summary.json, timing.json, devices.csv, utilization.csv, gangs.csv, shards.csv, and "
     "results.csv where there are results, there",
     "DIR"},
    {"trace", 't', 0, G_OPTION_ARG_NONE, &wants_trace,
     "Also write trace.json.gz, which opens in Perfetto (needs --out)", NULL},
    {"plot", 'p', 0, G_OPTION_ARG_NONE, &wants_plot,
     "Also draw the figures as SVG, PDF and PNG (needs --out)", NULL},
    {"json", 'j', 0, G_OPTION_ARG_NONE, &wants_json,
     "Print summary.json and nothing else on standard output", NULL},
    {"paranoid", 0, 0, G_OPTION_ARG_NONE, &is_paranoid,
     "Check every invariant after every event (sim; slow)", NULL},
    {"check-nan", 0, 0, G_OPTION_ARG_NONE, &checks_nan,
     "End the run at the first value that is no number (cpu, mpi)", NULL},
    {"quiet", 'q', 0, G_OPTION_ARG_NONE, &is_quiet, "No progress line", NULL},
    {"help-summary", 0, 0, G_OPTION_ARG_NONE, &wants_summary_help,
     "Explain every key of summary.json", NULL},
    G_OPTION_ENTRY_NULL,
};

typedef struct {
    const gw_scenario *scenario;
    gw_recorder *recorder;
    gw_progress_line line;
    gint64 began_us;
    clock_t cpu_began;
} running;

/* The clock's part of timing.json; the worlds count the rest. */
static void fill_timing(const running *run, gw_recorder_timing *timing)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    timing->wall_s = (double)(g_get_monotonic_time() - run->began_us) / G_USEC_PER_SEC;
    timing->cpu_s = (double)(clock() - run->cpu_began) / CLOCKS_PER_SEC;
    timing->peak_bytes = (guint64)usage.ru_maxrss * 1024; /* ru_maxrss is in KiB: getrusage(2). */
}

static bool show_progress(void *context, const gw_world_progress *progress)
{
    running *run = (running *)context;
    gw_progress_line_update(&run->line, progress->steps_done, progress->steps_total,
                            progress->events);
    return !gw_command_is_interrupted();
}

static bool run_simulated(running *run, GError **error)
{
    gw_world_settings world = {
        .queue = GW_QUEUE_LADDER,
        .is_paranoid = is_paranoid,
        .progress = show_progress,
        .progress_context = run,
    };
    gw_world_report report;
    if (!gw_world_run(run->scenario, &world, run->recorder, &report, error))
        return false;
    fill_timing(run, &report.timing);
    return gw_recorder_finish(run->recorder, report.digest, &report.timing, error);
}

/* Also by a thread that rank 0 has for it, while the others wait (real/rank_run.h). */
static bool put_away(void *context, const gw_real_report *report, GError **error)
{
    running *run = (running *)context;
    gw_recorder_timing timing = report->timing;
    fill_timing(run, &timing);
    return gw_recorder_finish(run->recorder, report->launch_digest, &timing, error);
}

static bool run_ranks(running *run, GError **error)
{
    if (!gw_ranks_run(&ranks, run->scenario, run->recorder, put_away, run, error))
        return false;
    if (wants_plot)
        gw_ranks_end(&ranks, NULL); /* Nobody waits while rank 0 draws. */
    return true;
}

static bool run_real(running *run, GError **error)
{
    gw_real_report report;
    if (strcmp(backend, "mpi") == 0)
        return run_ranks(run, error);
    bool is_done = strcmp(backend, "cpu") == 0
                       ? gw_cpu_run(run->scenario, run->recorder, &report, error)
                       : gw_null_run(run->scenario, run->recorder, &report, error);
    return is_done && put_away(run, &report, error);
}

static bool draw_figures(GError **error)
{
    for (guint i = 0; gw_figure_run_subjects[i] != NULL; i++)
        if (!gw_figure_draw(folder, gw_figure_run_subjects[i], gw_figure_formats, error)) {
            g_prefix_error(error, "%s: the numbers are whole, the figures are not: ", folder);
            return false;
        }
    return true;
}

static void print_outcome(const gw_recorder *recorder, const char *path)
{
    if (wants_json) {
        fputs(gw_recorder_summary(recorder), stdout);
        return;
    }
    g_autofree char *text = gw_outcome_text(gw_recorder_summary(recorder));
    fputs(text, stdout);
    if (folder == NULL)
        return;
    printf("%s: written to %s\n", path, folder);
    if (!wants_plot)
        return;
    for (guint i = 0; gw_figure_run_subjects[i] != NULL; i++)
        printf("figure: %s/%s.{svg,pdf,png}\n", folder, gw_figure_run_subjects[i]);
}

/* False: somebody starved, in a run that is otherwise whole. */
static bool check_starvation(const gw_scenario *scenario, const gw_recorder *recorder,
                             const char *path, GError **error)
{
    g_autofree char *limit = gw_span_format(scenario->control.starvation_limit_ns);
    g_autoptr(GString) text = g_string_new(NULL);
    guint count = 0;
    for (guint j = 0; j < scenario->job_count; j++) {
        gw_span wait_ns = gw_recorder_starved_ns(recorder, j);
        if (wait_ns == 0 || count++ >= STARVED_SHOWN_MAX)
            continue;
        g_autofree char *wait = gw_span_format(wait_ns);
        g_string_append_printf(text,
                               "\n  job %s: a gang waited %s while others were ordered on its "
                               "devices",
                               scenario->jobs[j].name, wait);
    }
    if (count == 0)
        return true;
    if (count > STARVED_SHOWN_MAX)
        g_string_append_printf(text, "\n  and %u more", count - STARVED_SHOWN_MAX);
    g_set_error(error, GW_ERROR, GW_ERROR_STALL,
                "%s: the run is whole, but jobs starved (control.starvation_limit is %s)%s", path,
                limit, text->str);
    return false;
}

/* What the run needs, but for the recorder of ranks that record nothing. */
static bool prepare_run(const char *path, gw_scenario **out_scenario, gw_recording **out_recording,
                        GError **error)
{
    gw_scenario *scenario = gw_scenario_load(path, (const char *const *)settings, error);
    if (scenario == NULL)
        return false;
    *out_scenario = scenario;
    scenario->checks_nan = checks_nan;
    if (!gw_ranks_is_first(&ranks))
        return true;
    wants_trace = wants_trace || (scenario->wants_trace && folder != NULL);
    bool can_draw = folder != NULL && strcmp(backend, "null") != 0;
    wants_plot = wants_plot || (scenario->wants_plot && can_draw);
    if (wants_plot && !gw_figure_can_draw(error))
        return false;
    *out_recording = gw_recording_new(scenario, backend, folder, wants_trace,
                                      scenario->wants_gangs || wants_plot, error);
    return *out_recording != NULL;
}

static bool run_scenario(const char *path, GError **error)
{
    g_autoptr(gw_scenario) scenario = NULL;
    g_autoptr(gw_recording) recording = NULL;
    bool is_ready = prepare_run(path, &scenario, &recording, error);
    if (ranks.link != NULL)
        is_ready = gw_ranks_agree(&ranks, path, (const char *const *)settings, scenario, error);
    if (!is_ready)
        return false;
    bool is_first = gw_ranks_is_first(&ranks);
    running run = {.scenario = scenario,
                   .recorder = is_first ? gw_recording_recorder(recording) : NULL,
                   .began_us = g_get_monotonic_time(),
                   .cpu_began = clock()};
    gw_progress_line_init(&run.line, is_quiet);
    bool is_simulated = strcmp(backend, "sim") == 0;
    if (ranks.link == NULL)
        gw_command_catch_interrupt(is_simulated ? NULL : gw_real_cancel);
    bool is_done = is_simulated ? run_simulated(&run, error) : run_real(&run, error);
    gw_progress_line_clear(&run.line);
    if (!is_done || !is_first)
        return is_done;
    if (folder != NULL)
        gw_figure_remove_run(folder);
    if (wants_plot && !draw_figures(error))
        return false;
    print_outcome(run.recorder, path);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        g_set_error_literal(error, GW_ERROR, GW_ERROR_SYSTEM, "standard output: cannot write");
        return false;
    }
    return check_starvation(scenario, run.recorder, path, error);
}

/* 0 when the options make sense together; else 2, said why. */
static int check_options(int argc)
{
    static const char *const backends[] = {"sim", "cpu", "mpi", "null", NULL};
    if (argc != 2) {
        fputs("gangway run: expected one scenario (see gangway run --help)\n", stderr);
        return 2;
    }
    if (!g_strv_contains(backends, backend)) {
        g_autofree char *hint = gw_error_hint(backend, backends);
        fprintf(stderr, "gangway run: --backend: found \"%s\", expected sim, cpu, mpi or null%s\n",
                backend, hint);
        return 2;
    }
    if (is_paranoid && strcmp(backend, "sim") != 0) {
        fprintf(stderr, "gangway run: --paranoid looks at the simulator, expected --backend sim\n");
        return 2;
    }
    if (checks_nan && strcmp(backend, "cpu") != 0 && strcmp(backend, "mpi") != 0) {
        fprintf(stderr, "gangway run: --check-nan looks at what is computed, expected --backend "
                        "cpu or mpi\n");
        return 2;
    }
    if (!gw_command_check_folder("run", "--trace", wants_trace, folder) ||
        !gw_command_check_folder("run", "--plot", wants_plot, folder))
        return 2;
    if (wants_plot && strcmp(backend, "null") == 0) {
        fputs("gangway run: --plot: null devices finish at once, there is nothing to draw\n",
              stderr);
        return 2;
    }
    return 0;
}

/* Not "interrupted", though the launcher that ends all for it has said so, too. */
static int say_lost(const GError *error)
{
    fprintf(stderr, "gangway: %s\n", error->message);
    return gw_error_exit_code(error);
}

static int run_run(int argc, char **argv)
{
    int exit_code;
    if (!gw_command_parse("run", "SCENARIO",
                          "Runs the scenario and prints what came out.  Progress goes to standard "
                          "error, on a terminal only.",
                          entries, &argc, &argv, &exit_code))
        return exit_code;
    if (wants_summary_help) {
        fputs(gw_summary_help(), stdout);
        return 0;
    }
    if (backend == NULL)
        backend = g_strdup("sim");
    exit_code = check_options(argc);
    if (exit_code == 0) {
        g_autoptr(GError) error = NULL;
        bool is_mpi = strcmp(backend, "mpi") == 0;
        if (is_mpi)
            gw_command_catch_interrupt(gw_real_cancel); /* Launchers end all for one, at once. */
        if ((is_mpi && !gw_ranks_begin(&ranks, &error)) || !run_scenario(argv[1], &error))
            exit_code = ranks.is_told   ? gw_error_exit_code(error)
                        : ranks.is_lost ? say_lost(error)
                                        : gw_command_fail(error);
        gw_ranks_end(&ranks, error);
    }
    g_clear_pointer(&backend, g_free);
    g_clear_pointer(&folder, g_free);
    g_clear_pointer(&settings, g_strfreev);
    return exit_code;
}

const gw_command gw_command_run = {"run", "run a scenario, print its numbers, draw its figures",
                                   run_run};
