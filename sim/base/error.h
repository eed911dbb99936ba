/* SPDX-License-Identifier: Apache-2.0 */
/* The user's mistakes and the system's failures travel as GError of this domain; the code says
 * which exit code the program ends with (docs/ARCHITECTURE.md, "Exit codes"). */
#pragma once

#include <glib.h>

#define GW_ERROR (gw_error_quark())
GQuark gw_error_quark(void);

typedef enum {
    GW_ERROR_SCENARIO = 1, /* A scenario or another input is wrong: exit code 1. */
    GW_ERROR_USAGE,        /* The command line is wrong: exit code 2. */
    GW_ERROR_STALL,        /* Deadlock or starvation: exit code 3. */
    GW_ERROR_TOLERANCE,    /* A comparison missed its tolerance: exit code 4. */
    GW_ERROR_SYSTEM,       /* Disk, memory, a lost thread or tool: exit code 5. */
    GW_ERROR_INTERRUPTED,  /* Ctrl-C: exit code 130. */
} gw_error_code;

/* The exit code that `error` asks for; 5 for errors of other domains. */
int gw_error_exit_code(const GError *error);

/* The candidate nearest to `word` by edit distance, or NULL when none is near enough to be what
 * was meant (one letter in three may differ; case does not count).  Of equally near ones the
 * first.  `candidates` ends with NULL; the answer is borrowed from it. */
const char *gw_error_suggest(const char *word, const char *const *candidates);

/* What a message about `word` ends with: `; did you mean "fifo"?`, or nothing where nothing is near
 * enough.  `candidates` ends with NULL.  The caller frees. */
char *gw_error_hint(const char *word, const char *const *candidates);

/* `"fifo", "share"`: what was expected.  `names` ends with NULL; of more than `count_max` the first
 * so many, and ", ...".  The caller frees. */
char *gw_error_list(const char *const *names, guint count_max);

/* `text` in double quotes, fit for a message: quotes and unprintable characters escaped, bytes
 * that are no UTF-8 replaced, a text of more than 64 bytes shortened.  The caller frees. */
char *gw_error_quote(const char *text);

/* `text` of others, as a loader's or a plugin's words, fit to stand in a line of a message: line
 * breaks and tabs become spaces, none at an end, other unprintable characters are escaped, bytes
 * that are no UTF-8 replaced.  The caller frees. */
char *gw_error_line(const char *text);
