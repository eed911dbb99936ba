/* SPDX-License-Identifier: Apache-2.0 */
/* What is to be run, and running it. */
#include "app/validation.h"

#include <string.h>

#include "app/children.h"
#include "app/command.h"
#include "app/foreign_load.h"
#include "app/progress_line.h"
#include "app/recording.h"
#include "base/check.h"
#include "base/error.h"
#include "real/real_run.h"
#include "world/world.h"

static void free_case(void *data)
{
    gw_validation_case *at = (gw_validation_case *)data;
    g_free(at->path);
    g_free(at->folder);
    g_free(at->name);
    g_strfreev(at->settings);
    g_ptr_array_unref(at->job_names);
    g_ptr_array_unref(at->predicted);
    g_ptr_array_unref(at->measured);
    g_ptr_array_unref(at->counted);
    g_free(at->failure);
    g_free(at->steps);
    g_free(at);
}

static void free_report(void *data)
{
    gw_phase_report_free((gw_phase_report *)data);
}

gw_validation *gw_validation_new(guint repeat_count, guint64 warm)
{
    gw_check(repeat_count >= 1 && repeat_count <= GW_VALIDATION_REPEATS_MAX);
    gw_check(warm >= 1);
    gw_validation *validation = g_new0(gw_validation, 1);
    validation->repeat_count = repeat_count;
    validation->warm = warm;
    validation->cases = g_ptr_array_new_with_free_func(free_case);
    validation->orders = g_array_new(FALSE, FALSE, sizeof(gw_validation_order));
    return validation;
}

void gw_validation_free(gw_validation *validation)
{
    if (validation == NULL)
        return;
    g_free(validation->machine);
    g_strfreev(validation->figures);
    g_ptr_array_unref(validation->cases);
    g_array_unref(validation->orders);
    g_free(validation);
}

static gw_validation_case *case_at(const gw_validation *validation, guint index)
{
    gw_check(index < validation->cases->len);
    return (gw_validation_case *)validation->cases->pdata[index];
}

const gw_validation_case *gw_validation_case_at(const gw_validation *validation, guint index)
{
    return case_at(validation, index);
}

/* --- Cases --- */

/* What joins hosts that are all this machine: messages are handed from thread to thread, and bytes
 * copied in memory, for which the machine's file has figures as of a link. */
static char *describe_network(const char *machine, GError **error)
{
    g_autoptr(gw_params) root = gw_params_load(machine, error);
    gw_params *accelerator = NULL;
    gw_span latency_ns = 0;
    double bytes_per_s = 0;
    if (root == NULL || !gw_params_object(root, "accelerator", true, &accelerator, error) ||
        !gw_params_span(accelerator, "hop_latency", true, &latency_ns, error) ||
        !gw_params_quantity(accelerator, "link_bandwidth", true, GW_UNIT_RATE, &bytes_per_s, error))
        return NULL;
    char rate[G_ASCII_DTOSTR_BUF_SIZE];
    return g_strdup_printf("cluster.dcn={\"latency_ns\": %" G_GUINT64_FORMAT
                           ", \"bandwidth_bytes_per_s\": %s}",
                           latency_ns, g_ascii_dtostr(rate, sizeof rate, bytes_per_s));
}

bool gw_validation_set_machine(gw_validation *validation, char *machine, GError **error)
{
    char *network = describe_network(machine, error);
    if (network == NULL) {
        g_free(machine);
        return false;
    }
    g_free(validation->machine);
    g_strfreev(validation->figures);
    validation->machine = machine;
    validation->figures = g_new0(char *, 4);
    validation->figures[0] = g_strconcat("cluster.islands.accelerator=", machine, NULL);
    validation->figures[1] = g_strconcat("control.profile=", machine, NULL);
    validation->figures[2] = network;
    return true;
}

/* The machine first, so that a user may change what it says. */
static gw_scenario *load_scenario(const gw_validation *validation, const char *path,
                                  char *const *settings, GError **error)
{
    g_autoptr(GPtrArray) texts = g_ptr_array_new();
    for (guint i = 0; validation->figures != NULL && validation->figures[i] != NULL; i++)
        g_ptr_array_add(texts, validation->figures[i]);
    for (guint i = 0; settings[i] != NULL; i++)
        g_ptr_array_add(texts, settings[i]);
    g_ptr_array_add(texts, NULL);
    return gw_scenario_load(path, (const char *const *)texts->pdata, error);
}

/* What the user changes, then the case's own. */
static char **make_settings(const char *const *settings, const gw_grid *grid, guint setting)
{
    GPtrArray *texts = g_ptr_array_new();
    for (guint i = 0; settings != NULL && settings[i] != NULL; i++)
        g_ptr_array_add(texts, g_strdup(settings[i]));
    g_autofree char **chosen = grid != NULL ? gw_grid_settings(grid, setting) : NULL;
    for (guint a = 0; chosen != NULL && chosen[a] != NULL; a++)
        g_ptr_array_add(texts, chosen[a]);
    g_ptr_array_add(texts, NULL);
    return (char **)g_ptr_array_free(texts, FALSE);
}

static bool check_steps(const gw_validation *validation, const gw_scenario *scenario,
                        GError **error)
{
    for (guint j = 0; j < scenario->job_count; j++)
        if (scenario->jobs[j].runs > validation->warm)
            return true;
    g_set_error(error, GW_ERROR, GW_ERROR_SCENARIO,
                "%s: found no job with more than %" G_GUINT64_FORMAT
                " steps, expected some beyond those that are left out to warm up (--warm)",
                scenario->path, validation->warm);
    return false;
}

static bool add_case(gw_validation *validation, const char *path, const char *const *settings,
                     const gw_grid *grid, guint setting, GError **error)
{
    g_auto(GStrv) texts = make_settings(settings, grid, setting);
    g_autoptr(gw_scenario) scenario = load_scenario(validation, path, texts, error);
    if (scenario == NULL || !check_steps(validation, scenario, error))
        return false;
    if (validation->cases->len == GW_VALIDATION_CASES_MAX) {
        g_set_error(error, GW_ERROR, GW_ERROR_USAGE, "found more than %d cases, expected at most",
                    GW_VALIDATION_CASES_MAX);
        return false;
    }
    g_autofree char *what = gw_grid_axis_count(grid) > 0 ? gw_grid_name(grid, setting) : NULL;
    gw_validation_case *made = g_new0(gw_validation_case, 1);
    made->path = g_strdup(path);
    made->folder = g_path_get_dirname(path);
    made->name = g_strconcat(scenario->name, what != NULL ? " " : NULL, what, NULL);
    made->settings = g_steal_pointer(&texts);
    made->group = validation->group_count;
    made->job_names = g_ptr_array_new_with_free_func(g_free);
    made->predicted = g_ptr_array_new_with_free_func(free_report);
    made->counted = g_ptr_array_new();
    made->measured = g_ptr_array_new_with_free_func(free_report);
    for (guint j = 0; j < scenario->job_count; j++)
        g_ptr_array_add(made->job_names, g_strdup(scenario->jobs[j].name));
    g_ptr_array_add(validation->cases, made);
    return true;
}

static bool fill_grid(gw_grid *grid, gw_params *vary, const char *const *varied, GError **error)
{
    for (guint i = 0; varied != NULL && varied[i] != NULL; i++)
        if (!gw_grid_add(grid, varied[i], error)) {
            g_prefix_error(error, "--vary: ");
            return false;
        }
    return varied != NULL || vary == NULL || gw_grid_add_params(grid, vary, error);
}

static bool add_file(gw_validation *validation, const char *path, const char *const *settings,
                     const char *const *varied, GError **error)
{
    g_auto(GStrv) texts = make_settings(settings, NULL, 0);
    g_autoptr(gw_scenario) scenario = load_scenario(validation, path, texts, error);
    g_autoptr(gw_grid) grid = gw_grid_new();
    if (scenario == NULL || !fill_grid(grid, scenario->vary, varied, error))
        return false;
    for (guint s = 0; s < gw_grid_count(grid); s++)
        if (!add_case(validation, path, settings, grid, s, error))
            return false;
    validation->group_count++;
    return true;
}

static int compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Files first, then the folders in it. */
static bool list_folder(const char *folder, GPtrArray *paths, GError **error)
{
    g_autoptr(GPtrArray) files = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) folders = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GError) cause = NULL;
    g_autoptr(GDir) directory = g_dir_open(folder, 0, &cause);
    const char *name;
    if (directory == NULL) {
        g_set_error(error, GW_ERROR, GW_ERROR_SYSTEM, "%s", cause->message);
        return false;
    }
    while ((name = g_dir_read_name(directory)) != NULL) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        if (name[0] == '.' || g_file_test(path, G_FILE_TEST_IS_SYMLINK))
            continue;
        if (g_file_test(path, G_FILE_TEST_IS_DIR))
            g_ptr_array_add(folders, g_steal_pointer(&path));
        else if (g_str_has_suffix(name, ".json"))
            g_ptr_array_add(files, g_steal_pointer(&path));
    }
    g_ptr_array_sort(files, compare_names);
    g_ptr_array_sort(folders, compare_names);
    for (guint i = 0; i < files->len; i++)
        g_ptr_array_add(paths, g_strdup((const char *)files->pdata[i]));
    for (guint i = 0; i < folders->len; i++)
        if (!list_folder((const char *)folders->pdata[i], paths, error))
            return false;
    return true;
}

bool gw_validation_add(gw_validation *validation, const char *path, const char *const *settings,
                       const char *const *varied, GError **error)
{
    g_autoptr(GPtrArray) paths = g_ptr_array_new_with_free_func(g_free);
    if (!g_file_test(path, G_FILE_TEST_IS_DIR))
        return add_file(validation, path, settings, varied, error);
    if (!list_folder(path, paths, error))
        return false;
    if (paths->len == 0) {
        g_set_error(error, GW_ERROR, GW_ERROR_SCENARIO,
                    "%s: found no scenario, expected files that end in .json", path);
        return false;
    }
    for (guint i = 0; i < paths->len; i++)
        if (!add_file(validation, (const char *)paths->pdata[i], settings, varied, error))
            return false;
    return true;
}

bool gw_validation_list_runs(const gw_validation *validation, gw_run_list *list, GError **error)
{
    for (guint c = 0; c < validation->cases->len; c++) {
        const gw_validation_case *at = case_at(validation, c);
        gw_scenario *scenario = load_scenario(validation, at->path, at->settings, error);
        if (scenario == NULL)
            return false;
        gw_run_list_take(list, scenario);
    }
    return true;
}

/* --- In a child --- */

typedef struct {
    gw_validation *validation;
    GArray *runs; /* guint: the case of each run. */
    bool is_real;
    guint round;
    guint done_before, total;
    gw_progress_line line;
} batch;

static bool run_world(const batch *all, const gw_scenario *scenario, gw_recorder *recorder,
                      GError **error)
{
    if (all->is_real) {
        gw_real_report report;
        return gw_cpu_run(scenario, recorder, &report, error);
    }
    const gw_world_settings world = {.queue = GW_QUEUE_LADDER};
    gw_world_report report;
    return gw_world_run(scenario, &world, recorder, &report, error);
}

static bool run_one(void *context, guint index, GString *answer, GError **error)
{
    const batch *all = (const batch *)context;
    const gw_validation_case *at = case_at(all->validation, g_array_index(all->runs, guint, index));
    g_autoptr(gw_scenario) scenario = load_scenario(all->validation, at->path, at->settings, error);
    g_autoptr(gw_recording) recording =
        scenario == NULL
            ? NULL
            : gw_recording_new(scenario, all->is_real ? "cpu" : "sim", NULL, false, false, error);
    if (recording == NULL)
        return false;
    if (!all->is_real)
        scenario->seed += all->round; /* What chance decides, it decides anew each time. */
    g_autoptr(gw_phases) phases = gw_phases_new(scenario);
    const gw_recorder_observer observer = gw_phases_observer(phases);
    gw_recorder_observe(gw_recording_recorder(recording), &observer);
    const gw_foreign_load before = gw_foreign_load_now();
    if (!run_world(all, scenario, gw_recording_recorder(recording), error))
        return false;
    g_autoptr(gw_phase_report) report = gw_phases_report(phases, all->validation->warm, error);
    if (report == NULL)
        return false;
    const gw_foreign_load after = gw_foreign_load_now();
    report->foreign = gw_foreign_load_between(&before, &after);
    g_autofree char *text = gw_phase_report_text(report);
    g_string_append(answer, text);
    return true;
}

/* --- In this process --- */

static bool take_answer(void *context, guint index, gw_children_answer *answer, GError **error)
{
    const batch *all = (const batch *)context;
    gw_validation_case *at = case_at(all->validation, g_array_index(all->runs, guint, index));
    (void)error;
    if (answer->exit_code == 0 && all->is_real) {
        g_ptr_array_add(at->measured, gw_phase_report_read(answer->text));
    } else if (answer->exit_code == 0) {
        g_ptr_array_add(at->predicted, gw_phase_report_read(answer->text));
    } else if (at->failure == NULL) {
        at->exit_code = answer->exit_code;
        at->failure =
            g_strdup_printf("%s: %s", all->is_real ? "executed" : "simulated", answer->text);
    }
    return true;
}

static bool show_progress(void *context, guint done_count)
{
    batch *all = (batch *)context;
    gw_progress_line_update(&all->line, all->done_before + done_count, all->total, 0);
    return !gw_command_is_interrupted();
}

/* Every case that has not failed. */
static bool run_all(batch *all, bool is_real, GError **error)
{
    const guint count = all->validation->cases->len;
    const gw_children children = {
        .count_max = is_real ? 1 : 0,
        .context = all,
        .job = run_one,
        .answered = take_answer,
        .goes_on = show_progress,
    };
    all->is_real = is_real;
    g_array_set_size(all->runs, 0);
    for (guint c = 0; c < count; c++)
        if (case_at(all->validation, c)->failure == NULL)
            g_array_append_val(all->runs, c);
    g_autoptr(GPtrArray) answers = gw_children_run(&children, all->runs->len, error);
    all->done_before += count;
    return answers != NULL;
}

static bool measure_round(batch *all, guint round, GError **error)
{
    gw_validation *validation = all->validation;
    if (validation->measure == NULL)
        return true;
    char *machine = validation->measure(validation, validation->measure_context, round, error);
    return machine != NULL && gw_validation_set_machine(validation, machine, error);
}

static bool run_round(batch *all, guint round, GError **error)
{
    all->round = round;
    const bool is_predicted = round == 0 || all->validation->measure != NULL;
    return measure_round(all, round, error) && (!is_predicted || run_all(all, false, error)) &&
           run_all(all, true, error);
}

bool gw_validation_run(gw_validation *validation, GError **error)
{
    g_autoptr(GArray) runs = g_array_new(FALSE, FALSE, sizeof(guint));
    const guint predictions = validation->measure != NULL ? validation->repeat_count : 1;
    batch all = {.validation = validation,
                 .runs = runs,
                 .total = validation->cases->len * (predictions + validation->repeat_count)};
    gw_progress_line_init(&all.line, validation->is_quiet);
    all.line.noun = "runs";
    bool is_done = true;
    for (guint r = 0; is_done && r < validation->repeat_count; r++)
        is_done = run_round(&all, r, error);
    gw_progress_line_clear(&all.line);
    return is_done;
}
