/* SPDX-License-Identifier: Apache-2.0 */
/* How a run ends, by what its nodes note: which jobs are over, and what came first of that which
 * ends it before they are.  The same for simulated and real runs. */
#pragma once

#include "controller/port.h"

typedef struct {
    uint32_t job_count, jobs_left;
    bool *is_over;                        /* By job. */
    uint32_t refused_job, refused_reason; /* GW_INDEX_NONE: none was; else why (gw_refusal). */
    gw_note wrong;    /* The first of the kinds *_WRONG; kind 0: no policy was. */
    gw_note overflow; /* The first GW_NOTE_OVERFLOW; kind 0: there was none. */
} gw_ending;

void gw_ending_init(gw_ending *ending, uint32_t job_count);
void gw_ending_clear(gw_ending *ending);

/* Takes in any note.  False: it says that a job ends which is over.  A job ends once: a client that
 * is given up while it ends has ended, and one that ends when it was given up has not. */
bool gw_ending_take(gw_ending *ending, const gw_note *note);
