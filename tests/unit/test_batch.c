/* SPDX-License-Identifier: Apache-2.0 */
/* Many scenarios at once: the summaries of single runs, kept and taken again, or made anew when
 * anything has changed that they depend on. */
#include "app/batch.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "run_suite.h"
#include "test_record.h"

#define QUICKSTART GW_SOURCE_DIR "/configs/quickstart.json"
#define DEADLOCK   GW_SOURCE_DIR "/configs/deadlock.json"

static const char *const one_step[] = {"jobs.steps=1", NULL};
static const char *const two_steps[] = {"jobs.steps=2", NULL};
static const char *const wrong[] = {"control.polcy=fifo", NULL};

static const gw_batch_run runs[] = {
    {.path = QUICKSTART, .settings = one_step, .backend = "sim"},
    {.path = DEADLOCK, .backend = "sim"},
    {.path = QUICKSTART, .settings = two_steps, .backend = "sim"},
    {.path = QUICKSTART, .settings = wrong, .backend = "sim"},
    {.path = QUICKSTART, .settings = one_step, .backend = "null"},
    {.path = QUICKSTART, .settings = one_step, .backend = "sim"},
};

static const gw_batch_result *at(GPtrArray *results, guint index)
{
    return (const gw_batch_result *)g_ptr_array_index(results, index);
}

static GPtrArray *execute(const gw_batch_run *first, guint count, const gw_batch_settings *settings)
{
    g_autoptr(GError) error = NULL;
    GPtrArray *results = gw_batch_execute(first, count, settings, &error);
    ck_assert_msg(results != NULL, "%s", error == NULL ? "no message" : error->message);
    ck_assert_uint_eq(results->len, count);
    return results;
}

static guint count_reused(const GPtrArray *results)
{
    guint count = 0;
    for (guint i = 0; i < results->len; i++)
        count += ((const gw_batch_result *)results->pdata[i])->is_reused;
    return count;
}

START_TEST(results_stand_in_order)
{
    g_autoptr(GPtrArray) results = execute(runs, G_N_ELEMENTS(runs), &(gw_batch_settings){0});
    static const int exit_codes[] = {0, 3, 0, 1, 0, 0};
    for (guint i = 0; i < G_N_ELEMENTS(runs); i++) {
        const gw_batch_result *result = at(results, i);
        ck_assert_int_eq(result->exit_code, exit_codes[i]);
        ck_assert_int_eq(result->summary != NULL, exit_codes[i] == 0);
        ck_assert_int_eq(result->message == NULL, exit_codes[i] == 0);
        ck_assert(!result->is_reused);
    }
    ck_assert_str_eq(at(results, 0)->summary, at(results, 5)->summary);
    ck_assert_str_ne(at(results, 0)->summary, at(results, 2)->summary);
    ck_assert_ptr_nonnull(strstr(at(results, 0)->summary, "\"backend\": \"sim\""));
    ck_assert_ptr_nonnull(strstr(at(results, 4)->summary, "\"backend\": \"null\""));
    ck_assert_ptr_nonnull(strstr(at(results, 3)->message, "policy"));
    ck_assert_ptr_nonnull(strstr(at(results, 1)->message, "waits"));
}
END_TEST

/* --- What is kept --- */

static void remove_all(char *folder)
{
    remove_folder(g_build_filename(folder, "runs", NULL));
    remove_folder(folder);
}

START_TEST(what_was_done_is_not_done_again)
{
    char *folder = make_folder();
    const gw_batch_settings settings = {.folder = folder};
    g_autofree char *kept = g_build_filename(folder, "runs", NULL);
    g_autoptr(GPtrArray) first = execute(runs, 3, &settings);
    g_autofree char *files = list_files(kept);
    ck_assert_uint_eq(strlen(files), 2 * (64 + strlen(".json")) + 1);
    ck_assert_uint_eq(count_reused(first), 0);
    g_autoptr(GPtrArray) again = execute(runs, 5, &settings);
    ck_assert_uint_eq(count_reused(again), 2); /* The failed one is no result to keep. */
    ck_assert(at(again, 0)->is_reused && at(again, 2)->is_reused);
    ck_assert_str_eq(at(first, 0)->summary, at(again, 0)->summary);
    ck_assert_str_eq(at(first, 2)->summary, at(again, 2)->summary);
    g_autoptr(GPtrArray) fresh =
        execute(runs, 5, &(gw_batch_settings){.folder = folder, .is_fresh = true});
    ck_assert_uint_eq(count_reused(fresh), 0);
    remove_all(folder);
}
END_TEST

START_TEST(a_damaged_file_is_made_again)
{
    char *folder = make_folder();
    const gw_batch_settings settings = {.folder = folder};
    g_autofree char *kept = g_build_filename(folder, "runs", NULL);
    g_autoptr(GPtrArray) first = execute(runs, 1, &settings);
    g_autofree char *file = list_files(kept);
    g_autofree char *path = g_build_filename(kept, file, NULL);
    static const char *const damages[] = {"", "{\"makespan_ns\": 1", "[]", "no JSON",
                                          "{\"makespan_ns\": 1}"};
    for (guint i = 0; i < G_N_ELEMENTS(damages); i++) {
        ck_assert(g_file_set_contents(path, damages[i], -1, NULL));
        g_autoptr(GPtrArray) again = execute(runs, 1, &settings);
        ck_assert_uint_eq(count_reused(again), 0);
        ck_assert_str_eq(at(first, 0)->summary, at(again, 0)->summary);
        g_autoptr(GPtrArray) third = execute(runs, 1, &settings);
        ck_assert_uint_eq(count_reused(third), 1);
    }
    remove_all(folder);
}
END_TEST

/* A file under a wrong name, or what is none and would keep its reader waiting for ever. */
START_TEST(another_runs_file_is_not_taken)
{
    static const char *const other_seed[] = {"jobs.steps=1", "seed=7", NULL};
    static const char *const other_name[] = {"jobs.steps=1", "name=other", NULL};
    const gw_batch_run others[] = {
        {.path = QUICKSTART, .settings = other_seed, .backend = "sim"},
        {.path = QUICKSTART, .settings = other_name, .backend = "sim"},
        {.path = QUICKSTART, .settings = one_step, .backend = "null"},
    };
    char *folder = make_folder();
    const gw_batch_settings settings = {.folder = folder};
    g_autofree char *kept = g_build_filename(folder, "runs", NULL);
    g_autoptr(GPtrArray) first = execute(runs, 1, &settings);
    g_autofree char *file = list_files(kept);
    g_autofree char *path = g_build_filename(kept, file, NULL);
    g_autoptr(GPtrArray) foreign = execute(others, G_N_ELEMENTS(others), &(gw_batch_settings){0});
    for (guint i = 0; i < foreign->len; i++) {
        ck_assert(g_file_set_contents(path, at(foreign, i)->summary, -1, NULL));
        g_autoptr(GPtrArray) again = execute(runs, 1, &settings);
        ck_assert_uint_eq(count_reused(again), 0);
        ck_assert_str_eq(at(first, 0)->summary, at(again, 0)->summary);
    }
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    g_autoptr(GPtrArray) again = execute(runs, 1, &settings);
    ck_assert_uint_eq(count_reused(again), 0);
    ck_assert_str_eq(at(first, 0)->summary, at(again, 0)->summary);
    remove_all(folder);
}
END_TEST

/* A scenario of our own, with an accelerator and a profile of its own. */
static char *copy_config(const char *folder, const char *from, const char *name)
{
    g_autofree char *source = g_build_filename(GW_SOURCE_DIR, "configs", from, NULL);
    g_autofree char *text = NULL;
    char *path = g_build_filename(folder, name, NULL);
    ck_assert(g_file_get_contents(source, &text, NULL, NULL));
    ck_assert(g_file_set_contents(path, text, -1, NULL));
    return path;
}

static void append_space(const char *path)
{
    g_autofree char *text = NULL;
    ck_assert(g_file_get_contents(path, &text, NULL, NULL));
    g_autofree char *longer = g_strconcat(text, "\n", NULL);
    ck_assert(g_file_set_contents(path, longer, -1, NULL));
}

START_TEST(whatever_it_depends_on_makes_it_new)
{
    char *folder = make_folder();
    const gw_batch_settings settings = {.folder = folder};
    g_autofree char *scenario = copy_config(folder, "quickstart.json", "s.json");
    g_autofree char *accelerator = copy_config(folder, "accelerators/cpu.json", "a.json");
    g_autofree char *profile = copy_config(folder, "profiles/ideal.json", "p.json");
    static const char *const ours[] = {"jobs.steps=1", "cluster.islands.accelerator=./a.json",
                                       "control.profile=./p.json", NULL};
    const gw_batch_run run = {.path = scenario, .settings = ours, .backend = "sim"};
    const char *const changed[] = {scenario, accelerator, profile};
    g_ptr_array_unref(execute(&run, 1, &settings));
    for (guint i = 0; i < G_N_ELEMENTS(changed); i++) {
        g_autoptr(GPtrArray) same = execute(&run, 1, &settings);
        ck_assert_uint_eq(count_reused(same), 1);
        append_space(changed[i]);
        g_autoptr(GPtrArray) anew = execute(&run, 1, &settings);
        ck_assert_uint_eq(count_reused(anew), 0);
    }
    remove_all(folder);
}
END_TEST

START_TEST(a_folder_that_cannot_be_is_said)
{
    g_autoptr(GError) error = NULL;
    const gw_batch_settings settings = {.folder = "/dev/null/out"};
    ck_assert_ptr_null(gw_batch_execute(runs, 2, &settings, &error));
    ck_assert(g_error_matches(error, GW_ERROR, GW_ERROR_SYSTEM));
    ck_assert_ptr_nonnull(strstr(error->message, "/dev/null"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("batch");
    TCase *results = tcase_create("results");
    tcase_set_timeout(results, 60);
    tcase_add_test(results, results_stand_in_order);
    tcase_add_test(results, a_folder_that_cannot_be_is_said);
    suite_add_tcase(suite, results);
    TCase *kept = tcase_create("kept");
    tcase_set_timeout(kept, 60);
    tcase_add_test(kept, what_was_done_is_not_done_again);
    tcase_add_test(kept, a_damaged_file_is_made_again);
    tcase_add_test(kept, another_runs_file_is_not_taken);
    tcase_add_test(kept, whatever_it_depends_on_makes_it_new);
    suite_add_tcase(suite, kept);
    return gw_run_suite(suite);
}
