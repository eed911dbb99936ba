/* SPDX-License-Identifier: Apache-2.0 */
/* Many scenarios run at once, on all cores, a process each; their summaries in a fixed order.
 *
 *     gw_batch_run runs[] = {{.path = "configs/quickstart.json", .backend = "sim"}, ...};
 *     gw_batch_settings settings = {.folder = "out"};
 *     g_autoptr(GPtrArray) results = gw_batch_execute(runs, count, &settings, &error);
 *     const gw_batch_result *first = g_ptr_array_index(results, 0);
 *
 * With a folder, each summary is kept as FOLDER/runs/DIGEST.json, and a later batch takes it from
 * there instead of running again.  The digest is of everything that a summary depends on: the
 * bytes of the scenario and of every file that it names, its settings, the backend, and the bytes
 * of this program.  So an interrupted batch is gone on with, and a changed one runs anew; so does
 * one whose file there is damaged, or names another scenario, seed or backend. */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef struct {
    const char *path;            /* Of the scenario. */
    const char *const *settings; /* "path=value", NULL ends them; NULL: none.  As --set. */
    const char *backend;         /* "sim" or "null": those whose summaries can be repeated. */
} gw_batch_run;

typedef struct {
    int exit_code; /* What `gangway run` would have ended with; 5 too when its process was lost. */
    char *summary; /* summary.json's text; NULL unless exit_code is 0. */
    char *message; /* Why not; NULL if exit_code is 0.  A deadlock's has several lines. */
    bool is_reused;
} gw_batch_result;

typedef struct {
    guint process_count_max; /* At most GW_CHILDREN_MAX; 0: as many as there are cores. */
    const char *folder;      /* Summaries are kept there; NULL: they are not. */
    bool is_fresh;           /* What is kept there is written again and not read. */
    bool is_quiet;           /* No progress line, which is only for terminals anyway. */
} gw_batch_settings;

/* Runs all; results by index of `runs`, gw_batch_result, free with g_ptr_array_unref.  A run that
 * fails is a result, and the others go on.  NULL, with all processes ended and only whole files
 * left: GW_ERROR_INTERRUPTED after Ctrl-C (gw_command_catch_interrupt() was called), or
 * GW_ERROR_SYSTEM when the folder cannot be written or no process started.  `runs` is borrowed.
 * To be called while this process has one thread: no run on CPUs went before. */
GPtrArray *gw_batch_execute(const gw_batch_run *runs, guint count,
                            const gw_batch_settings *settings, GError **error);
