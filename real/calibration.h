/* SPDX-License-Identifier: Apache-2.0 */
/* What operations and collectives take on this machine (probe.h), as accelerator files give it
 * (program/measured.h). */
#pragma once

#include "real/calibration_seen.h"
#include "real/probe_ranks.h"

typedef struct {
    char what[64];  /* "gelu" */
    char shape[48]; /* "64 x 256" */
    double size;    /* Of the work, in `unit`: */
    const char *unit;
    gw_probe_stat stat;
} gw_calibration_row;

/* How far tables lie from what shapes between their points take. */
typedef struct {
    double median, worst; /* Of what was measured. */
    uint32_t count;       /* Of shapes. */
} gw_calibration_error;

typedef struct {
    gw_measured *measured;
    GArray *rows;         /* gw_calibration_row: all that was measured, in order. */
    double product_flops; /* The best rate of a matrix product, FLOP/s, on all threads at once. */
    double vector_flops;  /* The best rate of y = x + z, additions/s. */
    double copy_bytes_per_s;
    double stream_bytes_per_s;      /* y = x + z beyond the caches, 12 bytes an addition. */
    double first_touch_bytes_per_s; /* Of memory that no one has used yet. */
    gw_span handover_ns, kernel_ns;
    gw_calibration_error errors[GW_MEASURED_ATTENTION + 1]; /* By form. */
    gw_calibration_error whole_error; /* Of tables, from what was measured in runs. */
    double jitter;         /* Of runs (gw_calibration_seen_jitter()); negative: it is not known. */
    GArray *core_slowness; /* double: of runs (gw_calibration_seen_slowness()). */
} gw_calibration;

gw_calibration *gw_calibrate(const gw_probe_settings *settings, gw_calibration_progress progress,
                             void *context);
/* Gives tables what shapes took (but those of kinds without a table), and sets the jitter. */
void gw_calibration_add_seen(gw_calibration *calibration, const gw_calibration_seen *from);
/* What was seen between ranks beside what was seen in one of them; copied. */
void gw_calibration_add_between(gw_calibration *calibration, const gw_probe_between *between);
void gw_calibration_free(gw_calibration *calibration);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(gw_calibration, gw_calibration_free)
