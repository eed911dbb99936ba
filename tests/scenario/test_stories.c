/* SPDX-License-Identifier: Apache-2.0 */
/* Small clusters and the story that each must tell: NAME.json is run, NAME.expected is what a
 * reader has found to be right.  Each is run twice in this process, with the two event queues and
 * with every invariant looked at, and once more in a fresh process: all tell the same.
 *
 *     test_stories                    the tests
 *     test_stories --tell NAME        prints the digest and the story
 *     test_stories --update [NAME]    rewrites NAME.expected (all without a name), to be reviewed
 */
#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "run_suite.h"
#include "tests/scenario/story.h"

#define FOLDER        "tests/scenario" /* Below the sources: stories name no other path. */
#define FAILED_DIGEST "no digest: the run failed\n"

static GPtrArray *names; /* Of all scenarios, sorted; filled before the tests, then only read. */

/* --- Files --- */

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names of the files in the folder that end in `suffix`, without it, sorted. */
static GPtrArray *list_files(const char *suffix)
{
    GPtrArray *found = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GDir) folder = g_dir_open(FOLDER, 0, NULL);
    const char *name;
    while (folder != NULL && (name = g_dir_read_name(folder)) != NULL) {
        if (g_str_has_suffix(name, suffix)) {
            g_ptr_array_add(found, g_strndup(name, strlen(name) - strlen(suffix)));
        }
    }
    g_ptr_array_sort(found, compare_names);
    return found;
}

static char *name_file(const char *name, const char *suffix)
{
    return g_strconcat(FOLDER "/", name, suffix, NULL);
}

static gw_story *tell(const char *name, gw_queue_kind queue, bool is_paranoid)
{
    g_autofree char *path = name_file(name, ".json");
    g_autoptr(GError) error = NULL;
    gw_story *story = gw_story_tell(path, queue, is_paranoid, &error);
    if (story == NULL) {
        fprintf(stderr, "%s\n", error->message);
        exit(EXIT_FAILURE);
    }
    return story;
}

/* What a fresh process prints: every digest that the story has, and the story. */
static char *render_told(const gw_story *story)
{
    if (!story->is_done) {
        return g_strconcat(FAILED_DIGEST, story->text, NULL);
    }
    return g_strdup_printf(
        "digest %016" PRIx64 ", of launches %016" PRIx64 ", end %" PRIu64 " ns\n%s",
        story->report.digest, story->report.launch_digest, story->report.end_ns, story->text);
}

/* --- Tests --- */

START_TEST(tells_what_is_expected)
{
    const char *name = g_ptr_array_index(names, (guint)_i);
    g_autoptr(gw_story) story = tell(name, GW_QUEUE_LADDER, false);
    g_autofree char *path = name_file(name, ".expected");
    g_autofree char *expected = NULL;
    ck_assert_msg(g_file_get_contents(path, &expected, NULL, NULL), "no file %s", path);
    if (strcmp(story->text, expected) != 0) {
        g_autofree char *told = g_strconcat(g_get_tmp_dir(), "/", name, ".told", NULL);
        g_file_set_contents(told, story->text, -1, NULL);
        ck_abort_msg("another story than %s: see diff %s %s", path, path, told);
    }
}
END_TEST

START_TEST(tells_the_same_again_and_with_the_other_queue)
{
    const char *name = g_ptr_array_index(names, (guint)_i);
    g_autoptr(gw_story) first = tell(name, GW_QUEUE_LADDER, false);
    g_autoptr(gw_story) second = tell(name, GW_QUEUE_LADDER, true);
    g_autoptr(gw_story) third = tell(name, GW_QUEUE_HEAP, true);
    g_autofree char *first_told = render_told(first);
    g_autofree char *second_told = render_told(second);
    g_autofree char *third_told = render_told(third);
    ck_assert_str_eq(first_told, second_told);
    ck_assert_str_eq(first_told, third_told);
    ck_assert_uint_eq(first->report.messages, third->report.messages);
    ck_assert_uint_eq(first->report.timing.events, third->report.timing.events);
}
END_TEST

START_TEST(tells_the_same_in_a_fresh_process)
{
    char *name = g_ptr_array_index(names, (guint)_i);
    g_autoptr(gw_story) story = tell(name, GW_QUEUE_LADDER, false);
    g_autofree char *told = render_told(story);
    g_autofree char *program = g_file_read_link("/proc/self/exe", NULL);
    char option[] = "--tell";
    char *arguments[] = {program, option, name, NULL};
    g_autofree char *printed = NULL;
    int status = -1;
    ck_assert(g_spawn_sync(NULL, arguments, NULL, G_SPAWN_DEFAULT, NULL, NULL, &printed, NULL,
                           &status, NULL));
    ck_assert_int_eq(status, 0);
    ck_assert_str_eq(printed, told);
}
END_TEST

START_TEST(every_story_has_its_scenario)
{
    g_autoptr(GPtrArray) expected = list_files(".expected");
    ck_assert_uint_ge(names->len, 10);
    ck_assert_uint_eq(expected->len, names->len);
    for (guint i = 0; i < names->len; i++) {
        ck_assert_str_eq(g_ptr_array_index(expected, i), g_ptr_array_index(names, i));
    }
}
END_TEST

static Suite *stories_suite(void)
{
    Suite *suite = suite_create("stories");
    TCase *stories = tcase_create("stories");
    const int count = (int)names->len;
    tcase_set_timeout(stories, 60);
    tcase_add_test(stories, every_story_has_its_scenario);
    tcase_add_loop_test(stories, tells_what_is_expected, 0, count);
    tcase_add_loop_test(stories, tells_the_same_again_and_with_the_other_queue, 0, count);
    tcase_add_loop_test(stories, tells_the_same_in_a_fresh_process, 0, count);
    suite_add_tcase(suite, stories);
    return suite;
}

/* --- The command line --- */

static bool update_story(const char *name)
{
    g_autoptr(gw_story) story = tell(name, GW_QUEUE_LADDER, true);
    g_autofree char *path = name_file(name, ".expected");
    g_autofree char *before = NULL;
    g_autoptr(GError) error = NULL;
    g_file_get_contents(path, &before, NULL, NULL);
    const bool is_changed = before == NULL || strcmp(before, story->text) != 0;
    if (is_changed && !g_file_set_contents(path, story->text, -1, &error)) {
        fprintf(stderr, "%s\n", error->message);
        return false;
    }
    printf("%s: %s\n", path, is_changed ? "changed, to be reviewed" : "as before");
    return true;
}

static int update_stories(const char *only)
{
    bool is_whole = true, is_found = false;
    for (guint i = 0; i < names->len; i++) {
        const char *name = g_ptr_array_index(names, i);
        if (only == NULL || strcmp(only, name) == 0) {
            is_found = true;
            is_whole = update_story(name) && is_whole;
        }
    }
    if (!is_found) {
        fprintf(stderr, "no scenario \"%s\" in " FOLDER "\n", only == NULL ? "" : only);
    }
    return is_found && is_whole ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int print_story(const char *name)
{
    g_autoptr(gw_story) story = tell(name, GW_QUEUE_LADDER, false);
    g_autofree char *told = render_told(story);
    fputs(told, stdout);
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int run_tests(void)
{
    return gw_run_suite(stories_suite());
}

int main(int argument_count, char **arguments)
{
    const char *option = argument_count > 1 ? arguments[1] : NULL;
    const char *name = argument_count > 2 ? arguments[2] : NULL;
    int exit_code = 2;
    if (chdir(GW_SOURCE_DIR) != 0) {
        perror(GW_SOURCE_DIR);
        return EXIT_FAILURE;
    }
    names = list_files(".json");
    if (option == NULL) {
        exit_code = run_tests();
    } else if (strcmp(option, "--update") == 0) {
        exit_code = update_stories(name);
    } else if (strcmp(option, "--tell") == 0 && name != NULL) {
        exit_code = print_story(name);
    } else {
        fprintf(stderr, "usage: %s [--tell NAME | --update [NAME]]\n", arguments[0]);
    }
    g_ptr_array_unref(names);
    return exit_code;
}
