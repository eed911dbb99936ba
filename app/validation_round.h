/* SPDX-License-Identifier: Apache-2.0 */
/* What one round of a validation found.  It counts when it is whole, and is then taken into the
 * validation's cases; one that was cut is dropped. */
#pragma once

#include "app/validation.h"

typedef struct {
    gw_calibration_seen *seen; /* What a device does in a step, by itself, just before and after;
                                  NULL: not measured, or read from a file. */
    gw_phase_report *measured, *predicted; /* NULL: none. */
    char *failure;                         /* The first; NULL: none. */
    int exit_code;                         /* Of the failure. */
} gw_validation_result;

typedef struct {
    guint number;       /* From 0. */
    char *machine;      /* Path of the file that it is predicted by; NULL: one was given for all. */
    GPtrArray *results; /* Of gw_validation_result *, by case; NULL: it took no part. */
} gw_validation_round;

gw_validation_round *gw_validation_round_new(guint number, guint case_count);
void gw_validation_round_free(gw_validation_round *round); /* NULL is fine. */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(gw_validation_round, gw_validation_round_free)

/* That of case `index`; made, empty, where there is none. */
gw_validation_result *gw_validation_round_result(gw_validation_round *round, guint index);

/* Whether the next round after those that were taken has the case: none that has failed; and where
 * some are executed again, only those. */
bool gw_validation_takes_part(const gw_validation *validation, guint index);

/* Takes what the round has found out of it; it is the next one. */
void gw_validation_take(gw_validation *validation, gw_validation_round *round);
