/* SPDX-License-Identifier: Apache-2.0 */
/* The same scenario under several settings, each run with the same seeds: what differs, and
 * whether that is more than chance.
 *
 * Settings are compared by paired differences: run by run, the value of a setting less that of its
 * baseline with the same seed.  What a seed does to both falls out of their difference, so its
 * interval is narrower than that of two means.  A difference is real when its 95 % interval leaves
 * 0 out.  Each interval stands for itself: of twenty differences that are none, one is expected to
 * look real. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "app/batch.h"
#include "app/grid.h"
#include "app/statistics.h"

typedef enum {
    GW_VERDICT_NONE = 1, /* There is nothing to compare: no value here, or none in the baseline. */
    GW_VERDICT_BASELINE, /* The setting is its own baseline. */
    GW_VERDICT_EQUAL,    /* All pairs are equal, to the last digit. */
    GW_VERDICT_EXACT,    /* It differs, and by the same in all pairs: nothing random is in it. */
    GW_VERDICT_REAL,     /* The interval leaves 0 out. */
    GW_VERDICT_UNCLEAR,  /* The interval holds 0. */
    GW_VERDICT_ONE_PAIR, /* It differs, but one pair makes no interval. */
} gw_verdict;

typedef struct {
    gw_statistics values;      /* Over the seeds whose run has a value. */
    gw_statistics differences; /* Over the seeds where the baseline has one, too. */
    double relative;           /* Of the mean difference to the baseline's mean over the same
                                  seeds; NAN where that is 0 or there is none. */
    gw_verdict verdict;
} gw_comparison_cell;

typedef struct {
    const gw_grid *grid;  /* Borrowed. */
    const char *path;     /* Of the scenario; borrowed. */
    const char *scenario; /* Its name; borrowed. */
    const char *backend;  /* Borrowed. */
    guint setting_count, seed_count, metric_count;
    const guint64 *seeds;        /* Borrowed. */
    GPtrArray *metrics;          /* Of char *, owned. */
    guint *baselines;            /* By setting. */
    double *values;              /* By setting, metric, seed; NAN: none. */
    gw_comparison_cell *cells;   /* By setting, metric. */
    GPtrArray *results;          /* gw_batch_result, by setting and seed; borrowed. */
    bool is_seed_without_effect; /* With several seeds: no setting has two different runs. */
    bool has_other_jobs;         /* Numbers of jobs were left out: settings have different ones. */
    guint failed_count, reused_count; /* Runs. */
} gw_comparison;

typedef struct {
    const gw_grid *grid;
    const char *path, *scenario, *backend;
    const guint64 *seeds;
    guint seed_count;
    const char *const *metrics;   /* NULL ends them; none, or NULL: the default ones. */
    const guint *baseline_places; /* By axis: the baseline's value; GW_INDEX_NONE: the same as the
                                     setting's own.  All 0: the first setting. */
    GPtrArray *results;
} gw_comparison_settings;

/* Everything in `settings` but itself and its `metrics` is borrowed until gw_comparison_free().
 * GW_ERROR_SCENARIO when a metric has a number in no run, with the nearest that has. */
gw_comparison *gw_comparison_new(const gw_comparison_settings *settings, GError **error);
void gw_comparison_free(gw_comparison *comparison); /* NULL is fine. */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(gw_comparison, gw_comparison_free)

const gw_comparison_cell *gw_comparison_cell_at(const gw_comparison *comparison, guint setting,
                                                guint metric);
/* How many runs of `setting` failed, and the first of them (NULL: none). */
guint gw_comparison_failures(const gw_comparison *comparison, guint setting,
                             const gw_batch_result **out_first);
const char *gw_verdict_word(gw_verdict verdict);    /* "real", "equal", ... */
const char *gw_verdict_meaning(gw_verdict verdict); /* A line, for legends. */

/* For people: the table, aligned, and what it comes to.  The caller frees. */
char *gw_comparison_text(const gw_comparison *comparison);
/* compare.json and compare.csv.  The caller frees. */
char *gw_comparison_json(const gw_comparison *comparison);
char *gw_comparison_csv(const gw_comparison *comparison);
