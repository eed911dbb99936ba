/* SPDX-License-Identifier: Apache-2.0 */
/* The cluster's parts, for cpu_port.c and cpu_remote.c. */
#pragma once

#include "real/cpu_copy.h"
#include "real/cpu_port.h"
#include "real/cpu_remote.h"
#include "real/cpu_server.h"
#include "real/inbox.h"
#include "real/ledger.h"
#include "real/timers.h"

struct gw_cpu_node {
    gw_port port;
    gw_cpu_cluster *cluster;
    gw_node_id id;
    bool is_elsewhere; /* Of a cluster that spans processes: it has no thread here. */
    pthread_t thread;
    bool has_thread;
    pthread_mutex_t mutex; /* Before what follows, up to the inbox's incoming side. */
    pthread_cond_t has_input;
    bool is_claimed;          /* A thread serves it, or is going to. */
    bool is_called;           /* That is its own thread, which has not begun. */
    bool is_counted;          /* As active, for a timer that is sure to go off. */
    gw_time sleeps_until_ns;  /* Its own thread does; 0: it does not sleep. */
    _Atomic uint64_t left_ns; /* Since when inputs lie there that nobody has claimed it for; 0: none
                                 do.  Written under the lock. */
    gw_inbox inbox;
    /* Of the thread that has claimed it, or the stopped cluster's. */
    gw_cpu_server *server;
    gw_cpu_node *next_claimed;
    gw_cpu_kernel *spare;                 /* Kernels to be used again, */
    _Atomic(gw_cpu_kernel *) spare_given; /* and those that devices have given back since. */
    gw_timers timers;
    gw_loaded_set loaded;
    uint32_t first_device, device_count;
    gw_real_usage usage;
    uint64_t denied_bytes; /* Memory that the devices had room for, and this machine had not. */
};

#define GW_CPU_BOOKED_MAX 32
typedef struct { /* What a device has done, and the ledger does not know yet. */
    uint32_t count;
    gw_ledger_shards done[GW_CPU_BOOKED_MAX];
} gw_cpu_books;

struct gw_cpu_cluster {
    const gw_directory *directory;
    gw_ledger *ledger;
    gw_real_handler handle;
    void *context;
    gw_real_answers answers;
    _Atomic uint64_t origin_ns;
    gw_activity activity;
    atomic_bool is_stopping;
    gw_cpu_meetings *meetings;
    gw_cpu_shared shared;
    gw_cpu_copier copier;
    const gw_cpu_remote *remote; /* NULL: all of it is in this process. */
    gw_cpu_node *nodes;
    uint32_t node_count;
    gw_cpu_device *devices;
    uint32_t device_count;
    atomic_uint idle_count;        /* Of the devices that run here. */
    gw_cpu_books *books;           /* By device. */
    pthread_mutex_t failure_mutex; /* Before the next one. */
    char *failure;
};

/* Puts the input into the node's inbox.  If nobody has claimed the node, the caller's `server` has
 * now, or, when that is NULL, the node's own thread. */
void gw_cpu_cluster_post(gw_cpu_cluster *cluster, gw_node_id target, const gw_input *input,
                         gw_cpu_server *server);
/* Puts the input into the node's inbox and claims nothing: the caller calls
 * gw_cpu_server_take_left() in a moment. */
void gw_cpu_cluster_leave(gw_cpu_cluster *cluster, gw_node_id target, const gw_input *input,
                          uint64_t now_ns);
/* Its copy has arrived: the books, and the answer to who asked; frees `copy`. */
void gw_cpu_cluster_end_copy(gw_cpu_cluster *cluster, gw_cpu_copy *copy, double value,
                             gw_cpu_server *server);
