/* SPDX-License-Identifier: Apache-2.0 */
/* One command of the program: its name, a line for `gangway --help`, and what it does. */
#pragma once

#include <glib.h>

typedef struct {
    const char *name, *summary;
    /* `argv[0]` is the command's own name.  Returns the exit code (DESIGN: 0 done, 1 wrong input,
     * 2 wrong usage, 3 stalled, 4 tolerance missed, 5 system failure, 130 interrupted). */
    int (*run)(int argc, char **argv);
} gw_command;

extern const gw_command gw_command_bench, gw_command_calibrate, gw_command_check,
    gw_command_collectives, gw_command_compare, gw_command_list, gw_command_plan, gw_command_plot,
    gw_command_reproduce, gw_command_run, gw_command_validate;

/* Reads the command's options.  Answers false after printing why; *out_exit_code is then what the
 * program should end with (2, or 0 after --help).  `usage` is what follows the command's name;
 * `description` stands below the options. */
gboolean gw_command_parse(const char *name, const char *usage, const char *description,
                          const GOptionEntry *entries, int *argc, char ***argv, int *out_exit_code);

/* Whether --jobs asks for 0 (all cores) to GW_CHILDREN_MAX processes at once; false after printing
 * that it does not. */
gboolean gw_command_check_jobs(const char *name, int process_count);

/* Whether there is a folder, which may be NULL, for what `option` ("--plot") writes; true where it
 * is not given.  False after printing that there is none. */
gboolean gw_command_check_folder(const char *name, const char *option, gboolean is_given,
                                 const char *folder);

/* Prints "gangway: MESSAGE" to standard error and answers the error's exit code: 130 where Ctrl-C
 * has been, for what the system then failed in, since children get it, too. */
int gw_command_fail(const GError *error);

/* Ctrl-C and SIGTERM from here on only set a flag, once; the second one ends the program, unless it
 * is the same again at once, as timeout(1) sends it.  `also` (may be NULL) is called by the first,
 * as a signal's handler. */
void gw_command_catch_interrupt(void (*also)(void));
gboolean gw_command_is_interrupted(void);
