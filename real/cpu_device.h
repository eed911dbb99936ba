/* SPDX-License-Identifier: Apache-2.0 */
/* One CPU device: a thread, a queue that it runs in order, and memory.
 *
 * An entry of the queue is one shard of a kernel.  It starts when it is first and its arrivals are
 * in; its collectives wait for the other members; copies that wait for it are handed on when it
 * is done.  Every call but those of the device's own thread takes the device's lock and never a
 * second one. */
#pragma once

#include <pthread.h>

#include "real/cpu_collective.h"
#include "real/cpu_memory.h"
#include "real/cpu_operations.h"
#include "real/cpu_server.h"
#include "real/loaded.h"
#include "real/lookup.h"

typedef struct gw_cpu_device gw_cpu_device;
typedef struct gw_cpu_copy gw_cpu_copy; /* cpu_copy.h */

typedef struct { /* One buffer on one device. */
    float *data; /* Aligned to GW_CPU_ALIGNMENT_BYTES; NULL: not written yet. */
    uint64_t size_bytes;
    uint32_t buffer, job;
    uint32_t pin_count; /* Kernels and copies that still need it. */
    uint32_t kept_for;  /* Spilled: its instance + 1; 0: not. */
} gw_cpu_block;

typedef struct gw_cpu_shard gw_cpu_shard;
typedef struct gw_cpu_kernel gw_cpu_kernel;
struct gw_cpu_kernel {   /* A gang's part on one host. */
    gw_cpu_kernel *next; /* Of spare ones. */
    size_t size_bytes;   /* With its shards and their buffers. */
    const gw_loaded *loaded;
    gw_cpu_plan *plan;
    const gw_counted *counted; /* NULL: no rows are dealt to it. */
    uint64_t gang;
    uint32_t node, run;
    uint64_t call;
    gw_tag tag;
    gw_node_id host;
    atomic_uint left_count;       /* Shards not done. */
    atomic_ullong device_time_ns; /* Of those that are. */
    uint32_t shard_count;
    gw_cpu_shard *shards;
    gw_cpu_block **blocks; /* By shard: inputs, then outputs. */
};

struct gw_cpu_shard {
    gw_cpu_kernel *kernel;
    gw_cpu_shard *next; /* In the queue. */
    uint32_t shard;     /* Of the mesh. */
    uint32_t arrivals_left;
    uint32_t counted_rows;               /* Of a kernel that is dealt rows: how many are. */
    gw_cpu_copy *first_copy, *last_copy; /* Wait for it to be done. */
    gw_cpu_block **blocks;
    uint32_t operation_index; /* Where it is. */
    /* Known when it is done: behind it stands one that may start at once, and, */
    bool has_next, is_next_short; /* as far as one can know, for GW_CPU_SHORT_NS at most. */
    /* Monotonic; known when it is done. */
    uint64_t start_ns, end_ns;
    gw_span local_ns, collective_ns;
};

typedef struct { /* What all devices of a cluster share. */
    gw_activity *activity;
    gw_cpu_meetings *meetings;
    const atomic_bool *is_stopping;
    atomic_uint *idle_count; /* Devices whose threads have nothing to do, of those that run here. */
    uint32_t thread_count;   /* Of devices that run here. */
    bool is_alone;           /* Those are no more than GW_CPU_PRODUCTS_MAX. */
    bool is_bound;           /* Each stays on a core (cores.h). */
    bool checks_nan;         /* An output with a value that is no number is a failure. */
    double flops_per_s;      /* For WORK; 0: GW_CPU_FLOPS_PER_S. */
    const gw_real_answers *answers; /* For words; may be NULL. */
    /* From the device's thread, without its lock.  The shard is out of the queue, its buffers are
     * free of it; the kernel is the receiver's to free once all its shards are done. */
    void (*shard_done)(void *context, gw_cpu_device *device, gw_cpu_shard *shard);
    /* A copy's source is there; called before shard_done. */
    void (*copy_ready)(void *context, gw_cpu_device *device, gw_cpu_copy *copy);
    /* The device cannot go on, and why; its thread ends. */
    void (*failed)(void *context, const char *text);
    /* In place of gw_cpu_meetings_join where groups span processes (cpu_remote.h); NULL: none do.
     */
    bool (*join)(void *context, const gw_cpu_shard *shard, const gw_cpu_member *member,
                 uint64_t *out_last_ns);
    void *join_context;
    void *context;
} gw_cpu_shared;

struct gw_cpu_device {
    const gw_cpu_shared *shared;
    gw_device_id id;
    pthread_t thread;
    bool has_thread;
    uint32_t place;        /* Among those that run here: where it is bound to. */
    pthread_mutex_t mutex; /* Before all that follows, up to the thread's own. */
    pthread_cond_t has_work;
    bool is_idle;
    gw_cpu_shard *first, *last;
    gw_lookup shards; /* By gang: those in the queue. */
    gw_lookup blocks; /* By buffer. */
    GPtrArray *kept;  /* gw_cpu_block: spilled, and given back meanwhile. */
    GPtrArray *spare; /* gw_cpu_block: to be used again. */
    uint64_t used_bytes, limit_bytes;
    gw_cpu_memory memory; /* What the blocks lie in. */
    /* What it has done last; done_program NULL: nothing yet. */
    const gw_program *done_program;
    uint32_t done_job;
    uint32_t done_node, done_run;
    /* The thread's own. */
    gw_cpu_server server; /* For shard_done and copy_ready. */
    float *scratch;
    uint64_t scratch_bytes;
    bool has_product_room; /* Looked at, and found. */
    float **values;
    uint32_t value_capacity;
};

void gw_cpu_device_init(gw_cpu_device *device, const gw_cpu_shared *shared, gw_device_id id,
                        uint64_t limit_bytes);
/* The thread is joined, or was never started.  Memory that is still reserved is freed; shards that
 * are still queued were drained before. */
void gw_cpu_device_clear(gw_cpu_device *device);
bool gw_cpu_device_start(gw_cpu_device *device, GError **error);
/* *shared->is_stopping is set: the thread ends as soon as it can.  Then it is joined. */
void gw_cpu_device_wake(gw_cpu_device *device);
void gw_cpu_device_join(gw_cpu_device *device);
/* Of a joined device: the first shard of the queue, taken out; NULL: it is empty. */
gw_cpu_shard *gw_cpu_device_drain(gw_cpu_device *device);

/* At the end of the queue.  `buffers` are the kernel's: they are reserved here, and pinned until
 * the shard is done. */
void gw_cpu_device_enqueue(gw_cpu_device *device, gw_cpu_shard *shard, const uint32_t *buffers);
/* One awaited copy of `gang`'s shard here is there. */
void gw_cpu_device_arrive(gw_cpu_device *device, uint64_t gang);
/* `gang`'s shard here awaits `copy_count` copies in place of one.  `row_count` rows are dealt to
 * it; GW_INDEX_NONE: that is not told here. */
void gw_cpu_device_expect(gw_cpu_device *device, uint64_t gang, uint32_t copy_count,
                          uint32_t row_count);
/* `gang` is queued here and awaits copies. */
bool gw_cpu_device_awaits(gw_cpu_device *device, uint64_t gang);
/* True: `copy` is handed on when `gang` is done here.  False: it is not queued here any more. */
bool gw_cpu_device_follow(gw_cpu_device *device, uint64_t gang, gw_cpu_copy *copy);

/* Memory.  Reserve: false when the limit or this machine has no room for it. */
bool gw_cpu_device_has_room(gw_cpu_device *device, uint64_t size_bytes);
bool gw_cpu_device_reserve(gw_cpu_device *device, uint32_t buffer, uint32_t job,
                           uint64_t size_bytes);
/* Nobody needs it any more. */
void gw_cpu_device_release(gw_cpu_device *device, uint32_t buffer, uint64_t size_bytes);
/* What the block holds lasts beyond its releases, and is found whenever the buffer is reserved
 * again: until keeping ends, or the instance is forgotten. */
void gw_cpu_device_keep(gw_cpu_device *device, gw_cpu_block *block, uint32_t instance);
void gw_cpu_device_end_keeping(gw_cpu_device *device, gw_cpu_block *block);
void gw_cpu_device_forget(gw_cpu_device *device, uint32_t instance);
/* The block of a reserved buffer, kept until it is unpinned. */
gw_cpu_block *gw_cpu_device_pin(gw_cpu_device *device, uint32_t buffer);
/* Where a pinned block lies, from its first use on. */
float *gw_cpu_device_data(gw_cpu_device *device, gw_cpu_block *block);
void gw_cpu_device_unpin(gw_cpu_device *device, gw_cpu_block *block);
