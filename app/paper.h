/* SPDX-License-Identifier: Apache-2.0 */
/* A publication as data: its figures, the scenarios behind each curve, what was printed, and what
 * is claimed.  One file of configs/reproduce/ each; configs/reproduce/README.md gives every key. */
#pragma once

#include "app/claim.h"

#define GW_PAPER_NONE G_MAXUINT

typedef struct {
    double x;
    const char **settings; /* "path=value", NULL ends them: of the figure, the curve, the point. */
    const char *measure;   /* Where in summary.json y stands: "jobs.0.steps"; */
    double scale;          /* y is so many times that. */
} gw_paper_point;

typedef struct {
    const char *name;
    char *scenario; /* Path. */
    GArray *points; /* gw_paper_point; x rises. */
    GArray *x, *y;  /* double, by point; y is NAN until it is known. */
    guint over;     /* y is divided by that of this curve, an earlier one of the figure that is of
                       none; GW_PAPER_NONE: it is not. */
} gw_paper_curve;

typedef struct { /* A published point, beside the curve that it is of. */
    guint curve;
    double x, y;
} gw_paper_print;

typedef struct { /* A published statement about the neighbourhood of x, as text in the figure. */
    double x;
    const char *text;
} gw_paper_mark;

typedef struct {
    const char *name; /* "5" */
    char *subject;    /* "pathways_fig5", or without a number "pathways_NAME": script and files. */
    char *source;     /* "Barham et al. 2022, Fig. 5": of its claims. */
    const char *title, *x_name, *y_name;
    guint64 seed_count; /* Each y is the mean of runs with the seeds 1 to so many; 0: of one run,
                           with its scenario's own. */
    GPtrArray *curves;  /* gw_paper_curve */
    GArray *prints;     /* gw_paper_print */
    GArray *marks;      /* gw_paper_mark */
    GPtrArray *claims;  /* gw_claim */
} gw_paper_figure;

typedef struct {
    gw_params *root; /* Owns what is const here. */
    const char *title, *citation;
    GPtrArray *figures; /* gw_paper_figure, in the order of the file. */
} gw_paper;

/* `name` is a paper of configs/reproduce ("pathways"), or with a '/' or ".json" a file of one's
 * own; scenarios are found from the file's folder.  NULL: GW_ERROR_USAGE when there is no paper of
 * that name, GW_ERROR_SCENARIO when its file is wrong.  The scenarios themselves are not read. */
gw_paper *gw_paper_load(const char *name, GError **error);
void gw_paper_free(gw_paper *paper);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(gw_paper, gw_paper_free)
