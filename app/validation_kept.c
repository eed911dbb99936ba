/* SPDX-License-Identifier: Apache-2.0 */
/* A case of a round ends with the digest of its own text, so what was changed by hand is found, and
 * where.  Rounds name the plan by the digest of its file. */
#include "app/validation_kept.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>

#include "app/digest.h"
#include "app/machine_file.h"
#include "base/check.h"
#include "base/error.h"
#include "record/json.h"
#include "record/output.h"

#define PLAN_NAME    "plan.json"
#define ROUND_PREFIX "round-"
/* How a case's text begins, and what follows it: no text inside has a line of its own. */
#define CASE_BEGINS "\n    {"
#define CASE_ENDS   ",\n      \"digest\": "

struct gw_validation_kept {
    const gw_validation *validation;
    char *outer, *folder; /* "DIR", "DIR/rounds" */
    char *program;        /* Digest. */
    char *machine;        /* Digest of the machine's file; NULL: measured for each round. */
    char *plan;           /* Digest of the plan's text. */
    bool is_begun;        /* What is kept there is this validation's. */
};

/* --- The plan --- */

static void write_planned_case(gw_json *json, const gw_validation_case *at)
{
    gw_json_open_object(json, NULL);
    gw_json_string(json, "name", at->name);
    gw_json_string(json, "path", at->path);
    gw_json_open_array(json, "settings");
    for (guint i = 0; at->settings[i] != NULL; i++)
        gw_json_string(json, NULL, at->settings[i]);
    gw_json_close_array(json);
    gw_json_string(json, "digest", at->digest);
    gw_json_close_object(json);
}

static char *make_plan(const gw_validation_kept *kept)
{
    const gw_validation *validation = kept->validation;
    GString *text = g_string_new(NULL);
    gw_json json;
    gw_json_init(&json, text);
    gw_json_string(&json, "program", kept->program);
    gw_json_count(&json, "processors", g_get_num_processors());
    if (kept->machine != NULL)
        gw_json_string(&json, "machine", kept->machine);
    gw_json_count(&json, "repeats", validation->repeat_count);
    gw_json_count(&json, "warm_steps", validation->warm);
    gw_json_open_array(&json, "cases");
    for (guint c = 0; c < validation->cases->len; c++)
        write_planned_case(&json, gw_validation_case_at(validation, c));
    gw_json_close_array(&json);
    gw_json_finish(&json);
    return g_string_free(text, FALSE);
}

/* --- Whether it is the same plan --- */

/* `of_what` is what is counted, behind a blank. */
static bool expect_count(gw_params *object, const char *key, guint64 expected, const char *of_what,
                         GError **error)
{
    uint64_t found = 0;
    if (!gw_params_count(object, key, true, 0, G_MAXINT64, &found, error))
        return false;
    if (found == expected)
        return true;
    gw_params_error(object, key, error,
                    "found %" G_GUINT64_FORMAT "%s, expected %" G_GUINT64_FORMAT, found, of_what,
                    expected);
    return false;
}

/* `wrong` says what was found, and what was expected. */
static bool expect_text(gw_params *object, const char *key, const char *expected, const char *wrong,
                        GError **error)
{
    const char *found = NULL;
    if (!gw_params_string(object, key, true, &found, error))
        return false;
    if (strcmp(found, expected) == 0)
        return true;
    gw_params_error(object, key, error, "%s", wrong);
    return false;
}

static bool check_machine(const gw_validation_kept *kept, gw_params *root, GError **error)
{
    if (!gw_params_has(root, "machine")) {
        if (kept->machine == NULL)
            return true;
        gw_params_error(root, NULL, error,
                        "found rounds whose machine was measured for each, expected those of "
                        "--machine");
        return false;
    }
    if (kept->machine != NULL)
        return expect_text(root, "machine", kept->machine,
                           "found rounds of another machine's file, expected that of --machine as "
                           "it is",
                           error);
    gw_params_error(root, "machine", error,
                    "found rounds of a machine's file, expected rounds that measure it "
                    "(--machine was given then)");
    return false;
}

static bool check_settings(const gw_validation_case *at, gw_params *planned, GError **error)
{
    gw_params *list = NULL;
    if (!gw_params_array(planned, "settings", true, &list, error))
        return false;
    bool is_same = gw_params_length(list) == g_strv_length(at->settings);
    g_autoptr(GPtrArray) found = g_ptr_array_new();
    for (guint i = 0; i < gw_params_length(list); i++) {
        const char *text = NULL;
        if (!gw_params_as_string(gw_params_at(list, i), &text, error))
            return false;
        is_same = is_same && strcmp(text, at->settings[i]) == 0;
        g_ptr_array_add(found, (void *)text);
    }
    if (is_same)
        return true;
    g_ptr_array_add(found, NULL);
    g_autofree char *was = g_strjoinv(" ", (char **)found->pdata);
    g_autofree char *is = g_strjoinv(" ", at->settings);
    gw_params_error(list, NULL, error, "found rounds of %s with settings \"%s\", expected \"%s\"",
                    at->name, was, is);
    return false;
}

static bool check_case(const gw_validation_case *at, gw_params *value, GError **error)
{
    gw_params *planned = NULL;
    const char *name = NULL, *path = NULL;
    g_autofree char *changed = g_strdup_printf(
        "found rounds of %s as it was, expected as it is: the scenario, or a file that it names, "
        "has changed",
        at->name);
    if (!gw_params_as_object(value, &planned, error) ||
        !gw_params_string(planned, "name", true, &name, error) ||
        !gw_params_string(planned, "path", true, &path, error))
        return false;
    if (strcmp(name, at->name) != 0) {
        gw_params_error(planned, "name", error, "found rounds of %s, expected %s", name, at->name);
        return false;
    }
    return check_settings(at, planned, error) &&
           expect_text(planned, "digest", at->digest, changed, error) &&
           gw_params_finish(planned, error);
}

static bool check_cases(const gw_validation *validation, gw_params *root, GError **error)
{
    gw_params *list = NULL;
    if (!gw_params_array(root, "cases", true, &list, error))
        return false;
    if (gw_params_length(list) != validation->cases->len) {
        gw_params_error(list, NULL, error, "found rounds of %u cases, expected %u",
                        gw_params_length(list), validation->cases->len);
        return false;
    }
    for (guint c = 0; c < validation->cases->len; c++)
        if (!check_case(gw_validation_case_at(validation, c), gw_params_at(list, c), error))
            return false;
    return true;
}

static bool check_plan(const gw_validation_kept *kept, gw_params *root, GError **error)
{
    const gw_validation *validation = kept->validation;
    return expect_text(root, "program", kept->program,
                       "found rounds of another build of gangway, expected this one's", error) &&
           expect_count(root, "processors", g_get_num_processors(), " processors", error) &&
           check_machine(kept, root, error) &&
           expect_count(root, "repeats", validation->repeat_count, " executions each (--repeat)",
                        error) &&
           expect_count(root, "warm_steps", validation->warm, " steps left out (--warm)", error) &&
           check_cases(validation, root, error) && gw_params_finish(root, error);
}

/* From here on the plan is what is kept there. */
static bool go_on_with(gw_validation_kept *kept, GError **error)
{
    g_autofree char *path = g_build_filename(kept->folder, PLAN_NAME, NULL);
    g_autofree char *text = NULL;
    gsize size_bytes;
    if (!g_file_test(path, G_FILE_TEST_EXISTS))
        return true; /* Nothing was kept. */
    g_autoptr(gw_params) root = gw_params_load(path, error);
    if (root == NULL || !check_plan(kept, root, error)) {
        g_prefix_error(error, "--resume: ");
        return false;
    }
    if (!g_file_get_contents(path, &text, &size_bytes, error))
        return false;
    g_free(kept->plan);
    kept->plan = gw_digest_bytes(text, size_bytes);
    kept->is_begun = true;
    return true;
}

gw_validation_kept *gw_validation_kept_new(const gw_validation *validation, const char *folder,
                                           bool is_resumed, GError **error)
{
    g_autoptr(gw_validation_kept) kept = g_new0(gw_validation_kept, 1);
    kept->validation = validation;
    kept->outer = g_strdup(folder);
    kept->folder = g_build_filename(folder, GW_VALIDATION_KEPT_FOLDER, NULL);
    kept->program = gw_digest_program(error);
    if (kept->program == NULL)
        return NULL;
    if (validation->measure == NULL && validation->machine != NULL) {
        kept->machine = gw_digest_file(validation->machine, error);
        if (kept->machine == NULL)
            return NULL;
    }
    g_autofree char *plan = make_plan(kept);
    kept->plan = gw_digest_bytes(plan, strlen(plan));
    if (is_resumed && !go_on_with(kept, error))
        return NULL;
    return g_steal_pointer(&kept);
}

void gw_validation_kept_free(gw_validation_kept *kept)
{
    if (kept == NULL)
        return;
    g_free(kept->outer);
    g_free(kept->folder);
    g_free(kept->program);
    g_free(kept->machine);
    g_free(kept->plan);
    g_free(kept);
}

const char *gw_validation_kept_folder(const gw_validation_kept *kept)
{
    return kept->folder;
}

static char *round_name(guint number)
{
    return g_strdup_printf(ROUND_PREFIX "%u.json", number + 1);
}

/* --- A round, written --- */

/* As a part of a machine's file: added to that of the round it is what the case was predicted by
 * (gw_validation_go_by()). */
static void write_seen(gw_json *json, const gw_calibration_seen *seen)
{
    g_autoptr(gw_measured) measured = g_new0(gw_measured, 1);
    g_autoptr(GArray) slowness = gw_calibration_seen_slowness(seen);
    const double jitter = MIN(gw_calibration_seen_jitter(seen), GW_JITTER_MAX);
    for (guint i = 0; i < seen->shapes->len; i++) {
        const gw_calibration_shape *shape = &g_array_index(seen->shapes, gw_calibration_shape, i);
        gw_measured_table_add(&measured->tables[shape->kind], &shape->shape);
    }
    gw_json_open_object(json, "accelerator");
    if (jitter >= 0)
        gw_json_real(json, "jitter", jitter);
    if (slowness->len > 0)
        gw_json_reals(json, "core_slowness", (const double *)(void *)slowness->data, slowness->len);
    gw_json_open_object(json, "measured");
    gw_json_open_object(json, "operations");
    for (guint i = 0; gw_measured_kinds[i].name != NULL; i++) {
        if (measured->tables[i].shape_count == 0)
            continue;
        gw_json_open_object(json, gw_measured_kinds[i].name);
        gw_machine_write_shapes(json, &gw_measured_kinds[i], &measured->tables[i]);
        gw_json_close_object(json);
    }
    gw_json_close_object(json);
    gw_json_close_object(json);
    gw_json_close_object(json);
}

static void write_report(gw_json *json, const char *key, const gw_phase_report *report)
{
    if (report == NULL)
        return;
    gw_json_open_object(json, key);
    gw_phase_report_write(json, report);
    gw_json_close_object(json);
}

static void write_result(gw_json *json, const gw_validation_case *at, guint number,
                         const gw_validation_result *result)
{
    gw_json_open_object(json, NULL);
    const gsize begins = json->text->len;
    gw_json_string(json, "name", at->name);
    gw_json_count(json, "seed", at->seed + number);
    if (result->failure != NULL) {
        gw_json_string(json, "failure", result->failure);
        gw_json_count(json, "exit_code", (guint64)result->exit_code);
    }
    write_report(json, "predicted", result->predicted);
    write_report(json, "measured", result->measured);
    if (result->seen != NULL)
        write_seen(json, result->seen);
    g_autofree char *digest = gw_digest_bytes(json->text->str + begins, json->text->len - begins);
    gw_json_string(json, "digest", digest);
    gw_json_close_object(json);
}

static bool write_machine(gw_json *json, const char *path, GError **error)
{
    g_autofree char *name = g_path_get_basename(path);
    g_autofree char *digest = gw_digest_file(path, error);
    if (digest == NULL)
        return false;
    gw_json_open_object(json, "machine");
    gw_json_string(json, "file", name);
    gw_json_string(json, "digest", digest);
    gw_json_close_object(json);
    return true;
}

static char *write_round(const gw_validation_kept *kept, const gw_validation_round *round,
                         GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    gw_json json;
    gw_json_init(&json, text);
    gw_json_string(&json, "plan", kept->plan);
    gw_json_count(&json, "round", round->number + 1);
    if (round->machine != NULL && !write_machine(&json, round->machine, error))
        return NULL;
    gw_json_open_array(&json, "cases");
    for (guint c = 0; c < round->results->len; c++)
        if (round->results->pdata[c] != NULL)
            write_result(&json, gw_validation_case_at(kept->validation, c), round->number,
                         (const gw_validation_result *)round->results->pdata[c]);
    gw_json_close_array(&json);
    gw_json_finish(&json);
    return g_string_free(g_steal_pointer(&text), FALSE);
}

/* Without its plan a round is nobody's, so that goes first. */
static bool remove_kept(const char *folder, GError **error)
{
    g_autofree char *plan = g_build_filename(folder, PLAN_NAME, NULL);
    g_autoptr(GDir) directory = g_dir_open(folder, 0, NULL);
    bool is_gone = g_unlink(plan) == 0 || errno == ENOENT;
    const char *name;
    while (is_gone && directory != NULL && (name = g_dir_read_name(directory)) != NULL) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        if (g_str_has_prefix(name, ROUND_PREFIX) && g_str_has_suffix(name, ".json"))
            is_gone = g_unlink(path) == 0;
    }
    if (!is_gone)
        g_set_error(error, GW_ERROR, GW_ERROR_SYSTEM, "%s: cannot remove what was kept there: %s",
                    folder, g_strerror(errno));
    return is_gone;
}

static bool begin(gw_validation_kept *kept, GError **error)
{
    g_autofree char *plan = make_plan(kept);
    kept->is_begun = gw_output_make_folder(kept->folder, error) &&
                     remove_kept(kept->folder, error) &&
                     gw_output_save(kept->folder, PLAN_NAME, plan, error);
    return kept->is_begun;
}

bool gw_validation_kept_save(gw_validation_kept *kept, const gw_validation_round *round,
                             GError **error)
{
    g_autofree char *name = round_name(round->number);
    g_autofree char *text = write_round(kept, round, error);
    return text != NULL && (kept->is_begun || begin(kept, error)) &&
           gw_output_save(kept->folder, name, text, error);
}

/* --- A round, read --- */

/* `*at` is where the case before ended, and then where this one does. */
static bool check_digest(const char **at, gw_params *found, const char *name, GError **error)
{
    const char *begins = strstr(*at, CASE_BEGINS);
    const char *ends = begins != NULL ? strstr(begins, CASE_ENDS) : NULL;
    g_autofree char *wrong = g_strdup_printf(
        "found %s changed since it was written, expected what this is the digest of", name);
    if (ends == NULL) {
        gw_params_error(found, NULL, error, "found %s not as it was written", name);
        return false;
    }
    begins += strlen(CASE_BEGINS);
    *at = ends;
    g_autofree char *digest = gw_digest_bytes(begins, (gsize)(ends - begins));
    return expect_text(found, "digest", digest, wrong, error);
}

static bool read_report(gw_params *found, const char *key, guint job_count,
                        gw_phase_report **out_report, GError **error)
{
    gw_params *report = NULL;
    if (!gw_params_object(found, key, false, &report, error))
        return false;
    if (report == NULL)
        return true;
    *out_report = gw_phase_report_read(report, job_count, error);
    return *out_report != NULL;
}

static bool read_failure(gw_params *found, gw_validation_result *result, GError **error)
{
    const char *failure = NULL;
    uint64_t exit_code = 0;
    if (!gw_params_string(found, "failure", false, &failure, error) ||
        !gw_params_count(found, "exit_code", failure != NULL, 1, 255, &exit_code, error))
        return false;
    result->failure = g_strdup(failure);
    result->exit_code = (int)exit_code;
    return true;
}

static bool read_result(const gw_validation_kept *kept, guint index, gw_params *found,
                        gw_validation_round *round, GError **error)
{
    const gw_validation_case *at = gw_validation_case_at(kept->validation, index);
    gw_validation_result *result = gw_validation_round_result(round, index);
    const guint job_count = at->job_names->len;
    gw_params *seen = NULL;
    if (!expect_count(found, "seed", at->seed + round->number, "", error) ||
        !gw_params_object(found, "accelerator", false, &seen, error) ||
        !read_failure(found, result, error) ||
        !read_report(found, "predicted", job_count, &result->predicted, error) ||
        !read_report(found, "measured", job_count, &result->measured, error) ||
        !gw_params_finish(found, error))
        return false;
    if (result->failure != NULL || result->measured != NULL)
        return true;
    gw_params_error(found, NULL, error, "found neither \"measured\" nor \"failure\"");
    return false;
}

/* The cases that take part, in order, and no others. */
static bool read_results(const gw_validation_kept *kept, gw_params *list, const char *text,
                         gw_validation_round *round, GError **error)
{
    const guint count = gw_params_length(list);
    guint next = 0;
    for (guint c = 0; c < kept->validation->cases->len; c++) {
        const char *expected = gw_validation_case_at(kept->validation, c)->name, *name = NULL;
        gw_params *found = NULL;
        if (!gw_validation_takes_part(kept->validation, c))
            continue;
        if (next == count) {
            gw_params_error(list, NULL, error, "found %u cases, expected %s behind them", count,
                            expected);
            return false;
        }
        if (!gw_params_as_object(gw_params_at(list, next++), &found, error) ||
            !gw_params_string(found, "name", true, &name, error))
            return false;
        if (strcmp(name, expected) != 0) {
            gw_params_error(found, "name", error, "found %s, expected %s", name, expected);
            return false;
        }
        if (!check_digest(&text, found, name, error) || !read_result(kept, c, found, round, error))
            return false;
    }
    if (next == count)
        return true;
    gw_params_error(list, NULL, error, "found %u cases, expected %u", count, next);
    return false;
}

/* What a round was predicted by is there as it was. */
static bool read_machine(const gw_validation_kept *kept, gw_params *root,
                         gw_validation_round *round, GError **error)
{
    gw_params *machine = NULL;
    const char *name = NULL, *digest = NULL;
    if (!gw_params_object(root, "machine", kept->validation->measure != NULL, &machine, error))
        return false;
    if (machine == NULL)
        return true;
    if (!gw_params_string(machine, "file", true, &name, error) ||
        !gw_params_string(machine, "digest", true, &digest, error) ||
        !gw_params_finish(machine, error))
        return false;
    g_autofree char *beside = g_build_filename(kept->outer, name, NULL);
    g_autoptr(GError) cause = NULL;
    g_autofree char *found = gw_digest_file(beside, &cause);
    if (found == NULL || strcmp(found, digest) != 0) {
        gw_params_error(machine, "digest", error, "found %s %s, expected it as it was", beside,
                        found == NULL ? "unreadable" : "changed");
        return false;
    }
    round->machine = g_canonicalize_filename(beside, NULL);
    return true;
}

static bool read_round(const gw_validation_kept *kept, gw_params *root, const char *text,
                       gw_validation_round *round, GError **error)
{
    gw_params *list = NULL;
    return expect_text(root, "plan", kept->plan, "found a round of another plan", error) &&
           expect_count(root, "round", round->number + 1, "", error) &&
           read_machine(kept, root, round, error) &&
           gw_params_array(root, "cases", true, &list, error) &&
           read_results(kept, list, text, round, error) && gw_params_finish(root, error);
}

bool gw_validation_kept_read(const gw_validation_kept *kept, guint number,
                             gw_validation_round **out_round, GError **error)
{
    g_autofree char *name = round_name(number);
    g_autofree char *path = g_build_filename(kept->folder, name, NULL);
    g_autofree char *text = NULL;
    g_autoptr(GError) cause = NULL;
    *out_round = NULL;
    if (!kept->is_begun)
        return true;
    if (!g_file_get_contents(path, &text, NULL, &cause)) {
        if (g_error_matches(cause, G_FILE_ERROR, G_FILE_ERROR_NOENT))
            return true;
        g_set_error_literal(error, GW_ERROR, GW_ERROR_SYSTEM, cause->message);
        return false;
    }
    g_autoptr(gw_params) root = gw_params_parse(text, path, error);
    g_autoptr(gw_validation_round) round =
        gw_validation_round_new(number, kept->validation->cases->len);
    if (root == NULL || !read_round(kept, root, text, round, error)) {
        g_prefix_error(error, "--resume: ");
        return false;
    }
    *out_round = g_steal_pointer(&round);
    return true;
}
