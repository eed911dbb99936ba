/* SPDX-License-Identifier: Apache-2.0 */
/* gangway validate: scenarios simulated and executed on this machine, and how far apart they lie.
 */
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/children.h"
#include "app/command.h"
#include "app/machine_file.h"
#include "app/validation_kept.h"
#include "base/error.h"
#include "record/figure.h"
#include "record/output.h"

#define REPEATS           5
#define WARM_STEPS        2
#define TOLERANCE_PERCENT 10.0

static char *machine_path, *folder;
static char **settings, **varied;
static int repeat_count = REPEATS, warm_steps = WARM_STEPS;
static double tolerance_percent = TOLERANCE_PERCENT;
static gboolean wants_plot, wants_json, wants_phases, is_quiet, is_resumed;

static const GOptionEntry entries[] = {
    {"machine", 'm', 0, G_OPTION_ARG_FILENAME, &machine_path,
     "What `gangway calibrate` wrote of this machine (default: measure it at the beginning of each "
     "round, as calibrate --quick does)",
     "FILE"},
    {"repeat", 'r', 0, G_OPTION_ARG_INT, &repeat_count, "Execute each so many times (default: 5)",
     "N"},
    {"warm", 'w', 0, G_OPTION_ARG_INT, &warm_steps,
     "Leave out the first steps of each job, whose memory is new and whose caches are cold "
     "(default: 2)",
     "N"},
    {"tolerance", 't', 0, G_OPTION_ARG_DOUBLE, &tolerance_percent,
     "How far off a step time may be predicted (default: 10)", "PERCENT"},
    {"vary", 'v', 0, G_OPTION_ARG_STRING_ARRAY, &varied,
     "Take these values of PATH in turn, as gangway compare does, and compare their order. Without "
     "it: what each scenario's own \"vary\" says",
     "PATH=VALUE,..."},
    {"set", 's', 0, G_OPTION_ARG_STRING_ARRAY, &settings,
     "Change one value of every scenario; may be given again", "PATH=VALUE"},
    {"phases", 'P', 0, G_OPTION_ARG_NONE, &wants_phases,
     "Also print where the time of each went (always, if there is only one)", NULL},
    {"out", 'o', 0, G_OPTION_ARG_FILENAME, &folder,
     "Write validate.csv, validate.json, phases.csv, and timelines.csv in a folder for each, "
     "there, "
     "and keep what each round found in DIR/rounds",
     "DIR"},
    {"resume", 0, 0, G_OPTION_ARG_NONE, &is_resumed,
     "Go on from the rounds that DIR has kept of the same scenarios, options and build; without "
     "it, all is measured anew",
     NULL},
    {"plot", 'p', 0, G_OPTION_ARG_NONE, &wants_plot,
     "Also draw all step times, and both timelines of each scenario, as SVG, PDF and PNG (needs "
     "--out)",
     NULL},
    {"json", 'j', 0, G_OPTION_ARG_NONE, &wants_json,
     "Print validate.json and nothing else on standard output", NULL},
    {"quiet", 'q', 0, G_OPTION_ARG_NONE, &is_quiet, "No progress line", NULL},
    G_OPTION_ENTRY_NULL,
};

/* --- The machine --- */

/* In a child, which may have threads before it makes processes. */
static bool calibrate_quickly(void *context, guint index, GString *answer, GError **error)
{
    g_auto(gw_machine) machine = {.seen = NULL};
    const gw_machine_request request = {.settings = {GW_MACHINE_QUICK_S, g_get_num_processors()}};
    (void)index, (void)answer;
    if (gw_machine_measure(&request, &machine))
        return gw_machine_write(&machine, "here", (const char *)context, error);
    g_set_error_literal(error, GW_ERROR, GW_ERROR_SYSTEM, "this machine could not be measured");
    return false;
}

static bool goes_on(void *context, guint done_count)
{
    (void)context, (void)done_count;
    return !gw_command_is_interrupted();
}

static bool measure_machine(char *path, GError **error)
{
    const gw_children children = {
        .count_max = 1, .context = path, .job = calibrate_quickly, .goes_on = goes_on};
    g_autoptr(GPtrArray) answers = gw_children_run(&children, 1, error);
    if (answers == NULL)
        return false;
    const gw_children_answer *answer = (const gw_children_answer *)answers->pdata[0];
    if (answer->exit_code == 0)
        return true;
    g_set_error(error, GW_ERROR, GW_ERROR_SYSTEM, "%s", answer->text);
    return false;
}

/* An absolute path: scenarios look from their own folders. */
static char *find_machine(GError **error)
{
    if (g_file_test(machine_path, G_FILE_TEST_IS_REGULAR))
        return g_canonicalize_filename(machine_path, NULL);
    g_set_error(error, GW_ERROR, GW_ERROR_SCENARIO,
                "%s: found no such file, expected what gangway calibrate writes", machine_path);
    return NULL;
}

static char *make_temporary(GError **error)
{
    GError *cause = NULL;
    char *path = NULL;
    const int made = g_file_open_tmp("gangway-machine-XXXXXX.json", &path, &cause);
    if (made >= 0) {
        close(made);
        return path;
    }
    g_set_error(error, GW_ERROR, GW_ERROR_SYSTEM, "%s", cause->message);
    g_error_free(cause);
    return NULL;
}

/* For a round: kept beside the tables, else one file over and over, `context`. */
static char *measure_for_round(void *context, guint round, GError **error)
{
    g_autofree char *path = NULL;
    if (folder != NULL) {
        g_autofree char *name = g_strdup_printf("machine-%u.json", round + 1);
        g_autofree char *beside = g_build_filename(folder, name, NULL);
        path = g_canonicalize_filename(beside, NULL);
    } else {
        path = g_strdup((const char *)context);
    }
    return measure_machine(path, error) ? g_steal_pointer(&path) : NULL;
}

/* --- What came out --- */

/* Fit for a folder: "07-mlp-control.policy_fifo". */
static char *folder_name(const gw_validation_case *at, guint index)
{
    g_autofree char *safe = g_strdup(at->name);
    for (char *c = safe; *c != '\0'; c++)
        if (!g_ascii_isalnum(*c) && strchr("._-", *c) == NULL)
            *c = '_';
    return g_strdup_printf("%02u-%.100s", index + 1, safe);
}

static char *case_folder(const gw_validation_case *at, guint index)
{
    g_autofree char *name = folder_name(at, index);
    return g_build_filename(folder, name, NULL);
}

static bool save_timelines(const gw_validation *validation, GError **error)
{
    for (guint c = 0; c < validation->cases->len; c++) {
        const gw_validation_case *at = gw_validation_case_at(validation, c);
        if (at->verdict == GW_VALIDATION_FAILED)
            continue;
        g_autofree char *inner = case_folder(at, c);
        g_autofree char *timelines = gw_validation_timelines_csv(at);
        if (!gw_output_make_folder(inner, error) ||
            !gw_output_save(inner, "timelines.csv", timelines, error))
            return false;
    }
    return true;
}

static bool save_tables(const gw_validation *validation, const char *json, GError **error)
{
    g_autofree char *csv = gw_validation_csv(validation);
    g_autofree char *phases = gw_validation_phases_csv(validation);
    return gw_output_save(folder, "validate.csv", csv, error) &&
           gw_output_save(folder, "phases.csv", phases, error) &&
           gw_output_save(folder, "validate.json", json, error) &&
           save_timelines(validation, error);
}

/* A figure takes a second, and there may be many. */
static bool draw(const char *where, const char *subject, GError **error)
{
    if (!gw_command_is_interrupted())
        return gw_figure_draw(where, subject, gw_figure_formats, error);
    g_set_error_literal(error, GW_ERROR, GW_ERROR_INTERRUPTED,
                        "the tables are whole: figures were interrupted");
    return false;
}

static bool draw_figures(const gw_validation *validation, GError **error)
{
    if (validation->failed_count < validation->cases->len && !draw(folder, "validate_all", error))
        return false;
    for (guint c = 0; c < validation->cases->len; c++) {
        const gw_validation_case *at = gw_validation_case_at(validation, c);
        g_autofree char *inner = case_folder(at, c);
        if (at->verdict != GW_VALIDATION_FAILED && !draw(inner, "validate", error))
            return false;
    }
    if (!wants_json)
        printf("figures: %s/validate_all.{svg,pdf,png}, %s/*/validate.{svg,pdf,png}\n", folder,
               folder);
    return true;
}

static void print_outcome(const gw_validation *validation, const char *json)
{
    if (wants_json) {
        fputs(json, stdout);
        return;
    }
    if (validation->measure != NULL)
        printf("machine: measured at the beginning of each of %u rounds, as gangway calibrate "
               "--quick does;\nwhat each scenario has a device do: before and after it was "
               "executed\n\n",
               validation->repeat_count);
    if (validation->resumed_count > 0)
        printf("rounds: %u of %u were kept in %s\n\n", validation->resumed_count,
               validation->round_count, gw_validation_kept_folder(validation->kept));
    g_autofree char *text =
        gw_validation_text(validation, wants_phases || validation->cases->len == 1);
    fputs(text, stdout);
}

/* --- The command --- */

static bool tell_tables(const gw_validation *validation, GError **error)
{
    g_autofree char *json = gw_validation_json(validation);
    print_outcome(validation, json);
    const bool is_saved = folder == NULL || save_tables(validation, json, error);
    if (folder != NULL && is_saved && !wants_json)
        printf("tables: %s/validate.{csv,json}, %s/phases.csv\n", folder, folder);
    fflush(stdout);
    return is_saved;
}

static bool tell_verdict(const gw_validation *validation, GError **error)
{
    for (guint c = 0; c < validation->cases->len; c++) {
        const gw_validation_case *at = gw_validation_case_at(validation, c);
        if (at->verdict != GW_VALIDATION_FAILED)
            continue;
        const int code = at->exit_code == 1   ? GW_ERROR_SCENARIO
                         : at->exit_code == 3 ? GW_ERROR_STALL
                                              : GW_ERROR_SYSTEM;
        g_set_error(error, GW_ERROR, code, "%u of %u failed; the first: %s, %s",
                    validation->failed_count, validation->cases->len, at->name, at->failure);
        return false;
    }
    if (gw_validation_holds(validation))
        return true;
    g_set_error(error, GW_ERROR, GW_ERROR_TOLERANCE,
                "%u of %u within %g %%, expected %g %% of them, and every order to hold",
                validation->within_count, validation->cases->len, tolerance_percent,
                100 * GW_VALIDATION_SHARE_MIN);
    return false;
}

/* What whole rounds found is told in any case, unless an input is wrong; why it was cut, then. */
static bool tell_cut(gw_validation *validation, GError *cause, GError **error)
{
    const bool is_wrong = !g_error_matches(cause, GW_ERROR, GW_ERROR_INTERRUPTED) &&
                          !g_error_matches(cause, GW_ERROR, GW_ERROR_SYSTEM);
    if (!is_wrong && validation->rounds_done > 0) {
        gw_validation_judge(validation);
        tell_tables(validation, NULL);
    }
    g_propagate_error(error, cause);
    if (is_wrong)
        return false;
    if (validation->kept != NULL && validation->rounds_done > 0)
        g_prefix_error(error, "%u of %u rounds are done, and kept in %s for --resume: ",
                       validation->rounds_done, validation->round_count,
                       gw_validation_kept_folder(validation->kept));
    else
        g_prefix_error(error, "%u of %u rounds are done: ", validation->rounds_done,
                       validation->round_count);
    return false;
}

static bool run_and_tell(gw_validation *validation, GError **error)
{
    GError *cause = NULL;
    if (!gw_validation_run(validation, &cause))
        return tell_cut(validation, cause, error);
    gw_validation_judge(validation);
    return tell_tables(validation, error) && (!wants_plot || draw_figures(validation, error)) &&
           tell_verdict(validation, error);
}

/* With the machine's file, or NULL: to be measured. */
static gw_validation *make_validation(const char *machine, char **paths, guint count,
                                      GError **error)
{
    g_autoptr(gw_validation) validation =
        gw_validation_new((guint)repeat_count, (guint64)warm_steps);
    validation->tolerance = tolerance_percent / 100;
    validation->is_quiet = is_quiet;
    if (machine != NULL && !gw_validation_set_machine(validation, g_strdup(machine), error))
        return NULL;
    for (guint i = 0; i < count; i++)
        if (!gw_validation_add(validation, paths[i], (const char *const *)settings,
                               (const char *const *)varied, error))
            return NULL;
    return g_steal_pointer(&validation);
}

static bool validate(char **paths, guint count, char **out_temporary, GError **error)
{
    g_autofree char *machine = machine_path != NULL ? find_machine(error) : NULL;
    if (machine_path != NULL && machine == NULL)
        return false;
    g_autoptr(gw_validation) validation = make_validation(machine, paths, count, error);
    if (validation == NULL)
        return false; /* A mistake is told before the machine is measured. */
    gw_command_catch_interrupt(NULL);
    if (folder != NULL && !gw_output_make_folder(folder, error))
        return false;
    if (machine == NULL) {
        if (folder == NULL && (*out_temporary = make_temporary(error)) == NULL)
            return false;
        validation->measure = measure_for_round;
        validation->measure_context = *out_temporary;
    }
    g_autoptr(gw_validation_kept) kept = NULL;
    if (folder != NULL) {
        kept = gw_validation_kept_new(validation, folder, is_resumed, error);
        if (kept == NULL)
            return false;
        validation->kept = kept;
    }
    return run_and_tell(validation, error);
}

static int check_options(int argc)
{
    if (argc < 2) {
        fputs("gangway validate: expected a scenario or a folder of them (see gangway validate "
              "--help)\n",
              stderr);
        return 2;
    }
    if (repeat_count < 1 || repeat_count > GW_VALIDATION_REPEATS_MAX) {
        fprintf(stderr, "gangway validate: --repeat: found %d, expected 1 to %d\n", repeat_count,
                GW_VALIDATION_REPEATS_MAX);
        return 2;
    }
    if (warm_steps < 1 || warm_steps > 1000000) {
        fprintf(stderr, "gangway validate: --warm: found %d, expected 1 to 1000000\n", warm_steps);
        return 2;
    }
    if (!(tolerance_percent > 0 && tolerance_percent <= 1e6)) {
        fprintf(stderr,
                "gangway validate: --tolerance: found %g, expected a number above 0, in percent\n",
                tolerance_percent);
        return 2;
    }
    return gw_command_check_folder("validate", "--plot", wants_plot, folder) &&
                   gw_command_check_folder("validate", "--resume", is_resumed, folder)
               ? 0
               : 2;
}

static int run_validate(int argc, char **argv)
{
    int exit_code;
    if (!gw_command_parse(
            "validate", "SCENARIO|FOLDER...",
            "Simulates each scenario with this machine's figures, executes it on this machine, "
            "and compares.\nOther work on this machine shows in what is measured.  Ends with 4 "
            "when "
            "fewer than nine in ten are\nwithin the tolerance, or the order of what a scenario "
            "varies is predicted wrong.\n\nCtrl-C ends it with 130, after telling what whole "
            "rounds "
            "found; with --out, --resume goes on from\nthem.  Figures are drawn last.",
            entries, &argc, &argv, &exit_code))
        return exit_code;
    exit_code = check_options(argc);
    if (exit_code == 0) {
        g_autoptr(GError) error = NULL;
        g_autofree char *temporary = NULL;
        if ((wants_plot && !gw_figure_can_draw(&error)) ||
            !validate(argv + 1, (guint)argc - 1, &temporary, &error))
            exit_code = gw_command_fail(error);
        if (temporary != NULL)
            g_unlink(temporary);
    }
    g_clear_pointer(&machine_path, g_free);
    g_clear_pointer(&folder, g_free);
    g_clear_pointer(&settings, g_strfreev);
    g_clear_pointer(&varied, g_strfreev);
    return exit_code;
}

const gw_command gw_command_validate = {
    "validate", "compare what is predicted with what this machine measures", run_validate};
