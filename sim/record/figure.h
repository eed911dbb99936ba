/* SPDX-License-Identifier: Apache-2.0 */
/* Data and a script of plots/ to gnuplot.
 *
 * A subject is a script plots/<subject>.gp.  For the subjects "utilization" and "timeline" the
 * data are made here out of what a run left in its folder, for "compare" out of compare.json, for
 * "validate" out of timelines.csv (world: "predicted" or "measured", device, start_ns, end_ns, job,
 * node, microbatch); any other script finds its data in the folder as they are.  docs/FIGURES.md
 * lists figures, data and commands. */
#pragma once

#include <glib.h>
#include <stdbool.h>

/* Whether figures can be drawn at all, to be asked before long work: the scripts and gnuplot are
 * there.  GW_ERROR_SYSTEM: they are not. */
bool gw_figure_can_draw(GError **error);

/* "svg", "pdf", "png"; NULL ends them. */
extern const char *const gw_figure_formats[];

/* Draws <folder>/<subject>.<format> for each of `formats` (NULL ends them), some of those;
 * every file is drawn under a temporary name and renamed when whole.
 * GW_ERROR_USAGE: there is no such subject or format.  GW_ERROR_SCENARIO: the folder lacks the
 * data, or they are wrong.  GW_ERROR_SYSTEM: gnuplot is not there, fails (with its message), or
 * the disk does. */
bool gw_figure_draw(const char *folder, const char *subject, const char *const *formats,
                    GError **error);

/* Those of any run's folder: "timeline" (needs shards.csv), "utilization".  NULL ends them. */
extern const char *const gw_figure_run_subjects[];

/* Takes away those figures and what they were drawn from: the folder's numbers are of a later run.
 */
void gw_figure_remove_run(const char *folder);

/* All subjects there are, sorted; empty when there is no folder of scripts.  Scripts are looked
 * for in GANGWAY_PLOTS if that is set, else in the program's own data (base/data.h).
 * The caller frees with g_strfreev. */
char **gw_figure_subjects(void);
