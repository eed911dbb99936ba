/* SPDX-License-Identifier: Apache-2.0 */
/* Collectives between device threads: the members of a group meet, share the work, and part.
 *
 * A meeting is named by (gang, operation, group).  The result is computed in group order, whoever
 * comes first, and each element once for all: so all members get the same bits, every time.
 * Waiting members sleep; none spins, since devices are usually more than cores. */
#pragma once

#include "program/function.h"
#include "real/activity.h"

typedef struct gw_cpu_meetings gw_cpu_meetings;

/* `activity` is borrowed. */
gw_cpu_meetings *gw_cpu_meetings_new(gw_activity *activity);
/* Nobody is inside any more. */
void gw_cpu_meetings_free(gw_cpu_meetings *meetings);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(gw_cpu_meetings, gw_cpu_meetings_free)

typedef struct {
    uint64_t gang;
    uint32_t operation_index; /* In the function. */
    uint32_t group;           /* gw_mesh_group */
    uint32_t position, member_count;
    const gw_operation *operation;
    const float *input; /* Borrowed until the call returns, and so is `output`. */
    float *output;
    uint64_t input_count; /* Elements of one member's input; may be 0. */
} gw_cpu_member;

/* Blocks until the group is complete and the result is in `output`.  *out_last_ns: the monotonic
 * instant at which the last member came.  The caller is active; while it waits for members it is
 * not.  False: aborted; `output` is unspecified. */
bool gw_cpu_meetings_join(gw_cpu_meetings *meetings, const gw_cpu_member *member,
                          uint64_t *out_last_ns);

/* All who wait leave, and nobody waits any more. */
void gw_cpu_meetings_abort(gw_cpu_meetings *meetings);

/* Which places of the group have not come; false when there is no such meeting.  `out_is_missing`
 * has member_count entries.  For a diagnosis. */
bool gw_cpu_meetings_missing(gw_cpu_meetings *meetings, uint64_t gang, uint32_t operation_index,
                             uint32_t group, uint32_t member_count, bool *out_is_missing);
