/* SPDX-License-Identifier: Apache-2.0 */
/* Time left is extrapolated from the steps done so far, so it appears with the first of them. */
#include "app/progress_line.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PERIOD_US 100000 /* A person reads no faster. */

void gw_progress_line_init(gw_progress_line *line, gboolean is_quiet)
{
    const char *terminal = g_getenv("TERM");
    *line = (gw_progress_line){.began_us = g_get_monotonic_time(), .noun = "steps"};
    line->is_on =
        !is_quiet && isatty(STDERR_FILENO) && terminal != NULL && strcmp(terminal, "dumb") != 0;
}

/* Whether a person has had the time to read what stands there; then it is taken away. */
static gboolean begin_line(gw_progress_line *line, gint64 now_us)
{
    if (!line->is_on || now_us - line->shown_us < PERIOD_US)
        return FALSE;
    line->shown_us = now_us;
    line->is_shown = TRUE;
    fputs("\r\033[K", stderr);
    return TRUE;
}

void gw_progress_line_update(gw_progress_line *line, guint64 done, guint64 total, guint64 events)
{
    const gint64 now_us = g_get_monotonic_time();
    if (!begin_line(line, now_us))
        return;
    double elapsed_s = (double)(now_us - line->began_us) / 1e6;
    fprintf(stderr, "%" G_GUINT64_FORMAT "/%" G_GUINT64_FORMAT " %s", done, total, line->noun);
    if (events > 0 && elapsed_s > 0)
        fprintf(stderr, ", %.2f M events/s", (double)events / elapsed_s / 1e6);
    if (done > 0 && total >= done)
        fprintf(stderr, ", %.0f s left", elapsed_s * (double)(total - done) / (double)done);
    fflush(stderr);
}

void gw_progress_line_tell(gw_progress_line *line, const char *words, double left_s)
{
    if (!begin_line(line, g_get_monotonic_time()))
        return;
    fputs(words, stderr);
    if (!isnan(left_s))
        fprintf(stderr, ", %.0f s left", left_s);
    fflush(stderr);
}

void gw_progress_line_clear(gw_progress_line *line)
{
    if (line->is_shown)
        fputs("\r\033[K", stderr);
    line->is_shown = FALSE;
}
