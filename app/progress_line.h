/* SPDX-License-Identifier: Apache-2.0 */
/* One line on standard error that says how far a run is: only on a terminal, at most ten times a
 * second, gone when the run is over. */
#pragma once

#include <glib.h>

typedef struct {
    gboolean is_on, is_shown;
    gint64 began_us, shown_us;
    const char *noun; /* What is counted; "steps" unless changed after init. */
} gw_progress_line;

/* Off when standard error is no terminal, TERM is "dumb", or `is_quiet`. */
void gw_progress_line_init(gw_progress_line *line, gboolean is_quiet);
/* `done` of `total`; `events` fired so far (0: not counted). */
void gw_progress_line_update(gw_progress_line *line, guint64 done, guint64 total, guint64 events);
/* In the caller's own words, with about how long it will still take (NAN: not known). */
void gw_progress_line_tell(gw_progress_line *line, const char *words, double left_s);
void gw_progress_line_clear(gw_progress_line *line);
