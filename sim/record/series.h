/* SPDX-License-Identifier: Apache-2.0 */
/* Busy device time over the run, in GW_SERIES_BIN_COUNT bins of equal width, whatever the run's
 * length: a bin is 1 ns wide at first, and when time runs past the last one the width doubles and
 * neighbours become one.  Counted by island and by job; exact in integers. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/units.h"
#include "record/output.h"

#define GW_SERIES_BIN_COUNT 1024
#define GW_SERIES_JOB_COUNT 16 /* Jobs with a column of their own; the others share one more. */

typedef struct gw_series gw_series;

typedef struct {
    const uint32_t *island_device_counts; /* By island; borrowed for the call. */
    uint32_t island_count;
    const char *const *job_names; /* The strings are borrowed until gw_series_free(). */
    uint32_t job_count;
} gw_series_settings;

gw_series *gw_series_new(const gw_series_settings *settings);
void gw_series_free(gw_series *series);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(gw_series, gw_series_free)

/* `device_count` devices of one island, each for one job, were busy for `busy_ns` of the time from
 * `start_ns` to `end_ns`.  A part of that time is spread evenly over it. */
void gw_series_add(gw_series *series, uint32_t island, uint32_t job, uint32_t device_count,
                   gw_time start_ns, gw_time end_ns, gw_span busy_ns);

/* Bins in use: up to the one that holds the latest `end_ns`. */
uint32_t gw_series_bin_count(const gw_series *series);
gw_span gw_series_bin_ns(const gw_series *series);
/* From 0 to the latest `end_ns` the last bin may be cut short; this is its length within the run.
 */
gw_span gw_series_length_ns(const gw_series *series, uint32_t bin);
/* Busy device-ns.  Column GW_SERIES_JOB_COUNT of jobs holds all others. */
uint64_t gw_series_island_busy_ns(const gw_series *series, uint32_t bin, uint32_t island);
uint64_t gw_series_job_busy_ns(const gw_series *series, uint32_t bin, uint32_t job);

/* utilization.csv: time_ns, all, island_0..., job_NAME..., job_other.  A row holds from its time to
 * that of the next row; the last row stands at the end of all work and is 0.  Fractions of all
 * devices' time, islands of their own devices' time.  So the jobs add up to "all". */
void gw_series_write(const gw_series *series, gw_output *output);
