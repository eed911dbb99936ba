/* SPDX-License-Identifier: Apache-2.0 */
/* What was seen of programs that were done by themselves (probe.h, gw_probe_runs). */
#pragma once

#include "program/measured.h"
#include "real/probe.h"

/* How many of `total` are measured. */
typedef void (*gw_calibration_progress)(void *context, uint32_t done, uint32_t total);

/* What one shape of an operation took. */
typedef struct {
    uint32_t kind;           /* Index into gw_measured_kinds. */
    gw_measured_shape shape; /* ns: the mean over where it stands. */
    double count;            /* Of the places that the mean is over. */
    gw_probe_stat stat;      /* Of where it was seen first. */
} gw_calibration_shape;

typedef struct {
    GArray *shapes;           /* gw_calibration_shape, each kind and sizes once. */
    double took_ns, apart_ns; /* As of gw_probe_runs, of all of them, */
    GArray *threads_ns;       /* and so, of those with the most threads. */
} gw_calibration_seen;

/* Nothing yet. */
gw_calibration_seen *gw_calibration_seen_new(void);
void gw_calibration_seen_free(gw_calibration_seen *seen);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(gw_calibration_seen, gw_calibration_seen_free)
/* Measures what programs do on their meshes (of gw_probe_runs *), so many rounds over all. */
gw_calibration_seen *gw_calibration_see(const gw_probe_settings *settings, const GPtrArray *runs,
                                        uint32_t rounds, gw_calibration_progress progress,
                                        void *context);
/* Takes one more into the mean of those like it, or as the first of its kind and sizes. */
void gw_calibration_seen_add(gw_calibration_seen *seen, const gw_calibration_shape *shape);
/* Adds what stretches took threads (double, ns), slowest first: what fewer threads found than
 * others did before does not count, and what those found does not where these are more. */
void gw_calibration_seen_add_threads(gw_calibration_seen *seen, const GArray *threads_ns);
/* double, the caller unrefs: how many times as long as the mean thread the slowest took, all in
 * all, the next one, and so on: what lasts of how cores differ.  Empty: there was one thread, or
 * nothing to do. */
GArray *gw_calibration_seen_slowness(const gw_calibration_seen *seen);
/* How far members of gangs differ that do the same at the same time, from one time to the next, as
 * the relative standard deviation of a normal variate two of which are as far apart: its mean
 * difference is 2 / sqrt(pi) of it.  What lasts is no part of it: squares add up.  Negative: there
 * was one thread, or nothing to do. */
double gw_calibration_seen_jitter(const gw_calibration_seen *seen);
