/* SPDX-License-Identifier: Apache-2.0 */
#include "scenario/ending.h"

#include "base/check.h"

void gw_ending_init(gw_ending *ending, uint32_t job_count)
{
    *ending = (gw_ending){
        .job_count = job_count,
        .jobs_left = job_count,
        .is_over = g_new0(bool, job_count),
        .refused_job = GW_INDEX_NONE,
    };
}

void gw_ending_clear(gw_ending *ending)
{
    g_clear_pointer(&ending->is_over, g_free);
}

static bool is_late(const gw_ending *ending, const gw_note *note)
{
    const bool is_of_end = gw_note_is_end(note) || note->kind == GW_NOTE_CLIENT_FAILED ||
                           note->kind == GW_NOTE_LEASE_EXPIRED;
    gw_check(!is_of_end || note->a < ending->job_count);
    return is_of_end && ending->is_over[note->a];
}

bool gw_ending_take(gw_ending *ending, const gw_note *note)
{
    if (is_late(ending, note))
        return false;
    if (gw_note_is_end(note)) {
        ending->is_over[note->a] = true;
        ending->jobs_left--;
    } else if (note->kind == GW_NOTE_JOB_REFUSED && ending->refused_job == GW_INDEX_NONE) {
        ending->refused_job = (uint32_t)note->a;
        ending->refused_reason = (uint32_t)note->b;
    } else if (gw_note_is_wrong(note) && ending->wrong.kind == 0) {
        ending->wrong = *note;
    } else if (note->kind == GW_NOTE_OVERFLOW && ending->overflow.kind == 0) {
        ending->overflow = *note;
    }
    return true;
}
