/* SPDX-License-Identifier: Apache-2.0 */
/* Who serves a node: hands it what is in its inbox and the timers that are due.
 *
 * A node that has something to do is claimed, by one thread at a time.  It has a thread of its
 * own, but waking that costs more than most inputs do.  So a thread that posts an input to a node
 * that nobody has claimed claims it, and serves it once its own input is handled: never inside
 * it, in the order of the claims, and for a short time.  What takes longer is handed over to the
 * nodes' own threads, so that neither devices nor other nodes wait for it.  Nodes posted to by
 * threads that have no server are called: claimed for their own threads, and these are woken. */
#pragma once

#include "controller/port.h"

typedef struct gw_cpu_node gw_cpu_node; /* cpu_private.h */

/* A thread wakes another in 3 to 10 us, and the other needs as long to begin; what a client's next
 * 16 small gangs take to be ordered and launched is 30 us.  A device may be late by so much. */
#define GW_CPU_SERVE_NS 100000

/* What small kernels leave behind is handled together, at most so much later than it could be;
 * after half of that by a device that is ahead of others of its gang. */
#define GW_CPU_LEAVE_NS 50000

typedef struct {               /* One thread's; zeroed but for `home`, it has claimed nothing. */
    gw_cpu_node *home;         /* Whose own thread it is; NULL: a device's. */
    gw_cpu_node *first, *last; /* Claimed, not served yet. */
    uint32_t guest_count;      /* Of them and the one that is served: not `home`. */
    uint64_t until_ns;         /* Monotonic, while there are guests: then they are handed over. */
} gw_cpu_server;

/* Claims a node of which inputs were left (gw_cpu_cluster_leave) when the first of them has lain
 * for `patience_ns` at `now_ns`, of the monotonic clock. */
void gw_cpu_server_take_left(gw_cpu_server *server, gw_cpu_node *node, gw_span patience_ns,
                             uint64_t now_ns);
/* Serves what is claimed, and what is claimed meanwhile, until nothing is or the cluster stops.
 * Only the server's own thread calls it, which is counted as active. */
void gw_cpu_server_run(gw_cpu_server *server);

/* The own thread of the gw_cpu_node `context`, to the cluster's end. */
void *gw_cpu_node_run(void *context);
/* Claims the node, if nobody has, for its own thread, which looks at its timers, too. */
void gw_cpu_node_rouse(gw_cpu_node *node);
