/* SPDX-License-Identifier: Apache-2.0 */
/* A cluster whose devices finish at once: what is left is the cost of the control plane itself.
 *
 * One thread serves all nodes in turn.  Time stands still while anything is left to handle, and
 * then jumps to the earliest timer.  A device keeps its queue's order and a shard awaits its
 * arrivals, but members do not wait for each other: a collective takes no time and moves no data,
 * so a deadlock between collectives does not show here.  Copies arrive at once, whatever their
 * duration; values read back are the scenario's.  Memory is accounted for, not allocated. */
#pragma once

#include "controller/directory.h"
#include "real/handler.h"
#include "real/ledger.h"

typedef struct gw_null_cluster gw_null_cluster;

/* `directory`, `ledger` (may be NULL) and `context` are borrowed for the cluster's life. */
gw_null_cluster *gw_null_cluster_new(const gw_directory *directory, gw_ledger *ledger,
                                     gw_real_handler handle, void *context);
/* Before it runs. */
void gw_null_cluster_set_answers(gw_null_cluster *cluster, const gw_real_answers *answers);
void gw_null_cluster_free(gw_null_cluster *cluster);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(gw_null_cluster, gw_null_cluster_free)

/* To be used from inside the node's handler alone. */
gw_port *gw_null_cluster_port(gw_null_cluster *cluster, gw_node_id node);

/* Hands in about `input_count` inputs, START first.  False: nothing is left to happen.
 * `with_timers` false: a timer that is not due counts as nothing. */
bool gw_null_cluster_run(gw_null_cluster *cluster, uint64_t input_count, bool with_timers);

/* When nothing is left to happen: which device waits for what, a line each, appended to `out`. */
void gw_null_cluster_explain(const gw_null_cluster *cluster, GString *out);
gw_real_usage gw_null_cluster_usage(const gw_null_cluster *cluster);
