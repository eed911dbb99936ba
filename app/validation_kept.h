/* SPDX-License-Identifier: Apache-2.0 */
/* Rounds of a validation as files, each whole or not there at all, in a folder of their own:
 *
 *     plan.json      what is validated: this program, how often, and each case with the digest of
 *                    all that it depends on
 *     round-N.json   what round N, from 1, found: of each case its two reports, or why it failed,
 *                    and what was measured of it by itself, as a part of a machine's file
 *                    ("accelerator"); the digest of each stands behind it
 *
 * What is kept is of use to the same program, cases and options alone, but for the tolerance, by
 * which nothing is measured. */
#pragma once

#include "app/validation_round.h"

#define GW_VALIDATION_KEPT_FOLDER "rounds"

/* Keeps in "FOLDER/rounds" what `validation`, which is borrowed and has its cases, and its machine
 * where one is given, will find; nothing is written yet.  With `is_resumed` what is kept there is
 * taken for this validation's: GW_ERROR_SCENARIO when it is another's, by file and line, with what
 * differs.  Nothing may be kept there.  GW_ERROR_SYSTEM: the program, or the machine's file, cannot
 * be read. */
gw_validation_kept *gw_validation_kept_new(const gw_validation *validation, const char *folder,
                                           bool is_resumed, GError **error);
void gw_validation_kept_free(gw_validation_kept *kept); /* NULL is fine. */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(gw_validation_kept, gw_validation_kept_free)

/* "FOLDER/rounds"; borrowed. */
const char *gw_validation_kept_folder(const gw_validation_kept *kept);

/* Round `number`, the next one, as it is kept; *out_round is NULL when it is not there, or nothing
 * is resumed.  GW_ERROR_SCENARIO, by file and line: it is truncated, was changed, is no round of
 * this plan or has not the cases that take part, or its machine's file is not what it was. */
bool gw_validation_kept_read(const gw_validation_kept *kept, guint number,
                             gw_validation_round **out_round, GError **error);

/* Keeps the round.  The first one takes away what was kept there before, unless that is resumed.
 * GW_ERROR_SYSTEM. */
bool gw_validation_kept_save(gw_validation_kept *kept, const gw_validation_round *round,
                             GError **error);
