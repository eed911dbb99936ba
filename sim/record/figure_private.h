/* SPDX-License-Identifier: Apache-2.0 */
/* What the files figure*.c share.  Nobody else includes this. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/units.h"

#define GW_FIGURE_GROUP_COUNT                                                                      \
    8 /* Colours; where there is more to tell apart, the last is "rest". */

/* Of a run, out of its summary.json. */
typedef struct {
    GPtrArray *job_names;         /* Owns them. */
    GArray *island_device_counts; /* uint32_t */
} gw_figure_run;

/* Make the data of a subject in `folder` and append what the script must be told to `variables`,
 * as gnuplot assignments. */
bool gw_figure_prepare_utilization(const char *folder, const gw_figure_run *run, GString *variables,
                                   GError **error);
bool gw_figure_prepare_timeline(const char *folder, const gw_figure_run *run, GString *variables,
                                GError **error);

/* The same of a comparison: compare_points.csv out of compare.json. */
bool gw_figure_prepare_compare(const char *folder, GString *variables, GError **error);

/* And of both timelines of a validation: validate_boxes.csv out of timelines.csv. */
bool gw_figure_prepare_validate(const char *folder, GString *variables, GError **error);

/* How many letters of a node's name are its kind: "forward" of "forward.3.12". */
size_t gw_figure_measure_kind(const char *node);

/* "name='text'; ", with everything that gnuplot would take for more than text made harmless, by
 * the variables quote and at_sign. */
void gw_figure_append_text(GString *variables, const char *name, const char *text);
void gw_figure_append_count(GString *variables, const char *name, uint32_t count);
/* As a real number, so that scripts may divide it. */
void gw_figure_append_time(GString *variables, const char *name, gw_time time_ns);
/* unit and unit_ns: the one of ns, us, ms, s in which `range_ns` reads well. */
void gw_figure_append_unit(GString *variables, gw_span range_ns);
/* titles[], title_count, key_columns, key_letters: a key that fits the figure's width.  Titles that
 * would take more than `row_count_max` rows are shortened, so that two stand side by side.  No
 * titles: no key. */
#define GW_FIGURE_KEY_ROWS_MAX 3 /* Of a figure of the usual height. */
void gw_figure_append_titles(GString *variables, const char *const *titles, uint32_t count,
                             uint32_t row_count_max);
