/* SPDX-License-Identifier: Apache-2.0 */
/* The child reads the scenario, and so knows which files it depends on: it works out the digest,
 * and looks for a summary of that name.  This process alone writes, so that whatever happens to a
 * child leaves no piece of a file.  An answer is "DIGEST kept|new\n" and the summary. */
#include "app/batch.h"

#include <string.h>

#include "app/children.h"
#include "app/command.h"
#include "app/digest.h"
#include "app/progress_line.h"
#include "app/recording.h"
#include "base/check.h"
#include "base/error.h"
#include "base/params.h"
#include "real/real_run.h"
#include "record/output.h"
#include "world/world.h"

#define MARK_LETTERS 4 /* "kept" or "new ": whether it was there already. */
#define HEAD_LETTERS (GW_DIGEST_LETTERS + MARK_LETTERS)

typedef struct {
    const gw_batch_run *runs;
    guint count;
    const gw_batch_settings *settings;
    char *folder;  /* "FOLDER/runs", or NULL. */
    char *program; /* Digest of this program; NULL without a folder. */
    gw_progress_line line;
    GPtrArray *results;
} batch;

static void free_result(void *data)
{
    gw_batch_result *result = (gw_batch_result *)data;
    g_free(result->summary);
    g_free(result->message);
    g_free(result);
}

/* --- What a summary depends on --- */

static char *digest_run(const batch *all, const gw_batch_run *run, const gw_scenario *scenario,
                        GError **error)
{
    g_autoptr(GChecksum) checksum = g_checksum_new(GW_DIGEST_KIND);
    gw_digest_add_text(checksum, all->program);
    gw_digest_add_text(checksum, run->backend);
    gw_digest_add_text(checksum, scenario->name);
    for (guint i = 0; run->settings != NULL && run->settings[i] != NULL; i++)
        gw_digest_add_text(checksum, run->settings[i]);
    if (!gw_digest_add_scenario(checksum, scenario, error))
        return NULL;
    return g_strdup(g_checksum_get_string(checksum));
}

/* --- In a child --- */

/* Whether a summary is that of a run with this scenario's name and seed, by this backend. */
static bool is_summary_of(gw_params *summary, const gw_batch_run *run, const gw_scenario *scenario)
{
    const char *name, *backend;
    uint64_t seed;
    return gw_params_string(summary, "scenario", true, &name, NULL) &&
           strcmp(name, scenario->name) == 0 &&
           gw_params_string(summary, "backend", true, &backend, NULL) &&
           strcmp(backend, run->backend) == 0 &&
           gw_params_count(summary, "seed", true, 0, INT64_MAX, &seed, NULL) &&
           seed == scenario->seed;
}

/* Whether a whole summary of that digest is there.  What is damaged, or another run's, is made
 * again. */
static bool find_kept(const batch *all, const gw_batch_run *run, const gw_scenario *scenario,
                      const char *digest, GString *answer)
{
    g_autofree char *name = g_strconcat(digest, ".json", NULL);
    g_autofree char *path = g_build_filename(all->folder, name, NULL);
    g_autofree char *text = NULL;
    gsize size_bytes;
    if (all->settings->is_fresh || !g_file_test(path, G_FILE_TEST_IS_REGULAR) ||
        !g_file_get_contents(path, &text, &size_bytes, NULL) || strlen(text) != size_bytes)
        return false;
    g_autoptr(gw_params) root = gw_params_parse(text, path, NULL);
    if (root == NULL || !is_summary_of(root, run, scenario))
        return false;
    g_string_append_printf(answer, "%skept%s", digest, text);
    return true;
}

static bool run_simulated(const gw_scenario *scenario, gw_recorder *recorder, GError **error)
{
    const gw_world_settings world = {.queue = GW_QUEUE_LADDER};
    gw_world_report report;
    return gw_world_run(scenario, &world, recorder, &report, error) &&
           gw_recorder_finish(recorder, report.digest, &report.timing, error);
}

static bool run_null(const gw_scenario *scenario, gw_recorder *recorder, GError **error)
{
    gw_real_report report;
    return gw_null_run(scenario, recorder, &report, error) &&
           gw_recorder_finish(recorder, report.launch_digest, &report.timing, error);
}

static bool run_one(void *context, guint index, GString *answer, GError **error)
{
    const batch *all = (const batch *)context;
    const gw_batch_run *run = &all->runs[index];
    g_autoptr(gw_scenario) scenario = gw_scenario_load(run->path, run->settings, error);
    g_autofree char *digest = NULL;
    if (scenario == NULL)
        return false;
    if (all->folder != NULL) {
        digest = digest_run(all, run, scenario, error);
        if (digest == NULL)
            return false;
        if (find_kept(all, run, scenario, digest, answer))
            return true;
    }
    g_autoptr(gw_recording) recording =
        gw_recording_new(scenario, run->backend, NULL, false, false, error);
    if (recording == NULL)
        return false;
    gw_recorder *recorder = gw_recording_recorder(recording);
    if (!(strcmp(run->backend, "sim") == 0 ? run_simulated(scenario, recorder, error)
                                           : run_null(scenario, recorder, error)))
        return false;
    g_string_append_printf(answer, "%*snew %s", GW_DIGEST_LETTERS, digest != NULL ? digest : "",
                           gw_recorder_summary(recorder));
    return true;
}

/* --- In this process --- */

static bool take_answer(void *context, guint index, gw_children_answer *answer, GError **error)
{
    batch *all = (batch *)context;
    gw_batch_result *result = g_new0(gw_batch_result, 1);
    all->results->pdata[index] = result;
    result->exit_code = answer->exit_code;
    if (answer->exit_code != 0) {
        result->message = g_steal_pointer(&answer->text);
        return true;
    }
    gw_check(strlen(answer->text) > HEAD_LETTERS);
    result->is_reused = strncmp(answer->text + GW_DIGEST_LETTERS, "kept", MARK_LETTERS) == 0;
    result->summary = g_strdup(answer->text + HEAD_LETTERS);
    if (all->folder == NULL || result->is_reused)
        return true;
    g_autofree char *name = g_strdup_printf("%.*s.json", GW_DIGEST_LETTERS, answer->text);
    return gw_output_save(all->folder, name, result->summary, error);
}

static bool show_progress(void *context, guint done_count)
{
    batch *all = (batch *)context;
    gw_progress_line_update(&all->line, done_count, all->count, 0);
    return !gw_command_is_interrupted();
}

static bool prepare_folder(batch *all, GError **error)
{
    if (all->settings->folder == NULL)
        return true;
    all->folder = g_build_filename(all->settings->folder, "runs", NULL);
    all->program = gw_digest_program(error);
    return all->program != NULL && gw_output_make_folder(all->folder, error);
}

/* What an interrupted batch leaves for the next one. */
static void tell_kept(const batch *all, GError **error)
{
    guint count = 0;
    for (guint i = 0; i < all->count; i++) {
        const gw_batch_result *result = (const gw_batch_result *)all->results->pdata[i];
        count += result != NULL && result->summary != NULL;
    }
    if (all->folder != NULL && error != NULL &&
        g_error_matches(*error, GW_ERROR, GW_ERROR_INTERRUPTED))
        g_prefix_error(error, "%u of %u runs are done and kept in %s: ", count, all->count,
                       all->folder);
}

static void clear_batch(batch *all)
{
    g_free(all->folder);
    g_free(all->program);
    for (guint i = 0; all->results != NULL && i < all->count; i++)
        if (all->results->pdata[i] != NULL)
            free_result(all->results->pdata[i]);
    g_clear_pointer(&all->results, g_ptr_array_unref);
}

GPtrArray *gw_batch_execute(const gw_batch_run *runs, guint count,
                            const gw_batch_settings *settings, GError **error)
{
    batch all = {.runs = runs, .count = count, .settings = settings};
    const gw_children children = {
        .count_max = settings->process_count_max,
        .context = &all,
        .job = run_one,
        .answered = take_answer,
        .goes_on = show_progress,
    };
    for (guint i = 0; i < count; i++)
        gw_check(strcmp(runs[i].backend, "sim") == 0 || strcmp(runs[i].backend, "null") == 0);
    all.results = g_ptr_array_new();
    g_ptr_array_set_size(all.results, (int)count);
    gw_progress_line_init(&all.line, settings->is_quiet);
    all.line.noun = "runs";
    g_autoptr(GPtrArray) answers =
        prepare_folder(&all, error) ? gw_children_run(&children, count, error) : NULL;
    gw_progress_line_clear(&all.line);
    GPtrArray *results = NULL;
    if (answers != NULL) {
        results = g_steal_pointer(&all.results);
        g_ptr_array_set_free_func(results, free_result);
    } else {
        tell_kept(&all, error);
    }
    clear_batch(&all);
    return results;
}
