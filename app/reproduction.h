/* SPDX-License-Identifier: Apache-2.0 */
/* Runs what stands behind a paper's figures, and writes what came out: tables and figures. */
#pragma once

#include "app/batch.h"
#include "app/paper.h"

/* Runs every point of the figures whose place in `is_wanted` is set (bool, by figure) and fills
 * the curves' y; unless figures are drawn, only the points that claims look at: others stay NAN.
 * Points with the same scenario and settings are run once.  False with the error of the first
 * point that failed, named by figure, curve and x; or that of gw_batch_execute. */
bool gw_reproduction_run(gw_paper *paper, const bool *is_wanted, bool is_drawn,
                         const gw_batch_settings *settings, GError **error);

/* The number at `measure`, a path in dots, of a summary.  GW_ERROR_SCENARIO: there is none. */
bool gw_reproduction_measure(const char *summary, const char *measure, double *out, GError **error);

/* Writes the figure's data into `folder` and draws SVG, PDF and PNG:
 *     SUBJECT.csv            x, then a column a curve; empty where a curve has no such point
 *     SUBJECT_published.csv  curve (1, 2, ... as in SUBJECT.csv), x, y
 *     SUBJECT_marks.csv      x, text */
bool gw_reproduction_draw(const gw_paper_figure *figure, const char *folder, GError **error);

/* Judges the claims of the wanted figures: gw_claim_row, in the order of the file.  Free it with
 * g_ptr_array_unref. */
GPtrArray *gw_reproduction_judge(const gw_paper *paper, const bool *is_wanted);
