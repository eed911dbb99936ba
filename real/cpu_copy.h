/* SPDX-License-Identifier: Apache-2.0 */
/* Copies between device memories.  Those that take a time of their own, and large ones, are the
 * business of one thread per cluster, so that no device is kept from its next kernel; small ones
 * are done at once by whoever finds their source ready. */
#pragma once

#include "real/cpu_device.h"

/* What takes about as long to move, some 30 us, as a sleeping thread takes to wake; that thread
 * waits for a core besides, where devices keep all of them busy. */
#define GW_CPU_COPY_INLINE_BYTES 262144

struct gw_cpu_copy {
    gw_cpu_copy *next;
    gw_copy copy;
    gw_tag tag;
    gw_node_id host; /* Who asked. */
    uint32_t job;
    gw_cpu_device *source, *target; /* NULL: to the host, or to a device elsewhere. */
    gw_cpu_block *source_block, *target_block;
    bool is_given; /* To the host, of a function that models time: it reads as `given`. */
    double given;
    uint64_t start_ns, due_ns; /* Monotonic. */
    uint64_t order;
};

typedef struct {
    gw_activity *activity;
    const atomic_bool *is_stopping;
    /* The data is there; from whichever thread moved it, with its server, or NULL where that is
     * the copier's.  The copy is the receiver's to free. */
    void (*arrived)(void *context, gw_cpu_copy *copy, double value, gw_cpu_server *server);
    /* It goes to a device elsewhere (cpu_remote.h): set after init where there are any. */
    void (*leaves)(void *context, gw_cpu_copy *copy);
    void *context;
    pthread_t thread;
    bool has_thread;
    pthread_mutex_t mutex; /* Before all that follows. */
    pthread_cond_t has_work;
    bool is_idle;
    gw_cpu_copy **heap; /* In order of (due_ns, order of starting). */
    uint32_t count, capacity;
    uint64_t next_order;
} gw_cpu_copier;

void gw_cpu_copier_init(gw_cpu_copier *copier, gw_activity *activity,
                        const atomic_bool *is_stopping,
                        void (*arrived)(void *context, gw_cpu_copy *copy, double value,
                                        gw_cpu_server *server),
                        void *context);
/* Frees what has not arrived; the thread is joined, or was never started. */
void gw_cpu_copier_clear(gw_cpu_copier *copier);
bool gw_cpu_copier_start(gw_cpu_copier *copier, GError **error);
void gw_cpu_copier_wake(gw_cpu_copier *copier);
void gw_cpu_copier_join(gw_cpu_copier *copier);

/* The source is ready: takes the copy.  `server` is the caller's. */
void gw_cpu_copier_take(gw_cpu_copier *copier, gw_cpu_copy *copy, gw_cpu_server *server);
