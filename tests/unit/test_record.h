/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of sim/record share: a folder for each test, and what lies in it. */
#pragma once

#include <check.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "run_suite.h"

/* A new folder; the caller hands it to remove_folder(). */
static inline char *make_folder(void)
{
    char *folder = g_dir_make_tmp("gangway-test-XXXXXX", NULL);
    ck_assert_ptr_nonnull(folder);
    return folder;
}

/* With the files in it, hidden ones too. */
static inline void remove_folder(char *folder)
{
    GDir *directory = g_dir_open(folder, 0, NULL);
    const char *name;
    while (directory != NULL && (name = g_dir_read_name(directory)) != NULL) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        g_remove(path);
    }
    if (directory != NULL) {
        g_dir_close(directory);
    }
    g_rmdir(folder);
    g_free(folder);
}

static inline int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names of all files, hidden ones too, sorted and with a space between.  The caller frees. */
static inline char *list_files(const char *folder)
{
    g_autoptr(GDir) directory = g_dir_open(folder, 0, NULL);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    const char *name;
    ck_assert_ptr_nonnull(directory);
    while ((name = g_dir_read_name(directory)) != NULL) {
        g_ptr_array_add(names, g_strdup(name));
    }
    g_ptr_array_sort(names, compare_names);
    g_ptr_array_add(names, NULL);
    return g_strjoinv(" ", (char **)names->pdata);
}

static inline bool has_file(const char *folder, const char *name)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);
    return g_file_test(path, G_FILE_TEST_EXISTS);
}

static inline char *read_text(const char *folder, const char *name)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);
    char *text = NULL;
    ck_assert_msg(g_file_get_contents(path, &text, NULL, NULL), "no file %s", path);
    return text;
}

static inline void write_text(const char *folder, const char *name, const char *text)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);
    ck_assert(g_file_set_contents(path, text, -1, NULL));
}

/* The caller hands it to json_decref(). */
static inline json_t *parse_json(const char *text)
{
    json_error_t failure;
    json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, &failure);
    ck_assert_msg(json != NULL, "line %d: %s", failure.line, failure.text);
    return json;
}

/* That `error` has this code and says all of these words (NULL ends them). */
static inline void check_error(const GError *error, int code, const char *const *words)
{
    ck_assert_ptr_nonnull(error);
    ck_assert_msg(error->code == code, "code %d: %s", error->code, error->message);
    for (; *words != NULL; words++) {
        ck_assert_msg(strstr(error->message, *words) != NULL, "\"%s\" lacks \"%s\"", error->message,
                      *words);
    }
}

static inline int run_suite(Suite *suite)
{
    return gw_run_suite(suite);
}
