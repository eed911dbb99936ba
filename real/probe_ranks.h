/* SPDX-License-Identifier: Apache-2.0 */
/* What goes between processes, measured as a run over several ranks does it (rank_cluster.h):
 * through the outbox, the link and its thread, which sleeps when it has nothing to do. */
#pragma once

#include "real/probe.h"
#include "real/rank_link.h"

#define GW_PROBE_RANKS_MAX 64

typedef struct { /* A collective between `host_count` ranks, as many members on each. */
    gw_operation_kind kind;
    uint32_t member_count, host_count;
    double size_bytes; /* Of one member's input. */
    gw_probe_stat stat;
} gw_probe_meeting;

typedef struct { /* A message from rank 0's host to rank 1's. */
    double size_bytes;
    gw_probe_stat stat;
} gw_probe_message;

typedef struct {
    GArray *meetings; /* gw_probe_meeting: by kind, hosts, members and size, each ascending. */
    GArray *messages; /* gw_probe_message: by size. */
} gw_probe_between;

/* All ranks of the link, 2 to GW_PROBE_RANKS_MAX, with the same `seconds` for each thing that is
 * measured.  On rank 0 *out has what was seen; the others have helped, and theirs is empty.
 * GW_ERROR_SYSTEM: a rank was lost, with what was measured just then; *out_is_whole is false then,
 * and the link cannot be closed in order.  GW_ERROR_INTERRUPTED: on rank 0, when somebody wanted it
 * to end.  *out_is_told: it is rank 0 that says so. */
bool gw_probe_ranks(gw_rank_link *link, double seconds, gw_probe_between *out, bool *out_is_told,
                    bool *out_is_whole, GError **error);
void gw_probe_between_clear(gw_probe_between *between);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(gw_probe_between, gw_probe_between_clear)
/* What a message of no size takes, in ns, and each byte of a long one more: from the shortest and
 * the longest that were measured. */
void gw_probe_between_line(const gw_probe_between *between, double *out_ns,
                           double *out_bytes_per_s);
