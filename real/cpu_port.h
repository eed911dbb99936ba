/* SPDX-License-Identifier: Apache-2.0 */
/* A cluster on this machine's CPUs: a port per node of the directory, each with a thread, and a
 * thread per device.  Idle threads sleep.  Time is true time, in ns since the start; messages
 * take as long as a wake-up; a copy without a duration takes as long as its bytes. */
#pragma once

#include "controller/directory.h"
#include "real/handler.h"
#include "real/ledger.h"

typedef struct gw_cpu_cluster gw_cpu_cluster;

/* `directory`, `ledger` (may be NULL) and `context` are borrowed for the cluster's life. */
gw_cpu_cluster *gw_cpu_cluster_new(const gw_directory *directory, gw_ledger *ledger,
                                   gw_real_handler handle, void *context);
/* Before it starts: for functions that model time. */
void gw_cpu_cluster_set_answers(gw_cpu_cluster *cluster, const gw_real_answers *answers);
/* Likewise: a kernel that writes a value that is no number is a failure of its device. */
void gw_cpu_cluster_check_nan(gw_cpu_cluster *cluster);
/* Stops it first. */
void gw_cpu_cluster_free(gw_cpu_cluster *cluster);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(gw_cpu_cluster, gw_cpu_cluster_free)

/* To be used from inside the node's handler alone. */
gw_port *gw_cpu_cluster_port(gw_cpu_cluster *cluster, gw_node_id node);

/* Starts all threads and hands START to every node.  GW_ERROR_SYSTEM when the machine has no room
 * for so many. */
bool gw_cpu_cluster_start(gw_cpu_cluster *cluster, GError **error);
/* True when nothing is left to happen, at once or within `timeout_ns`: no input, no timer, no
 * kernel that could go on, no copy under way.  It stays so. */
bool gw_cpu_cluster_wait(gw_cpu_cluster *cluster, gw_span timeout_ns);
/* False when a device has failed, GW_ERROR_SYSTEM: which one, and how.  Any thread may ask. */
bool gw_cpu_cluster_check(gw_cpu_cluster *cluster, GError **error);
/* Ends all threads as soon as they can, whatever they do; at most once. */
void gw_cpu_cluster_stop(gw_cpu_cluster *cluster);

/* Once nothing is left to happen: which device waits for what, a line each, appended to `out`. */
void gw_cpu_cluster_explain(gw_cpu_cluster *cluster, GString *out);
/* Of a stopped cluster. */
gw_real_usage gw_cpu_cluster_usage(const gw_cpu_cluster *cluster);
/* ns since the start. */
gw_time gw_cpu_cluster_now(const gw_cpu_cluster *cluster);
