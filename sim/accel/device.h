/* SPDX-License-Identifier: Apache-2.0 */
/* The simulated devices of a cluster: their queues, what runs on them and when, the copies
 * between them, and their memory.
 *
 * Each device runs its queue in order and is never preempted.  A shard starts when it is first in
 * its queue, its launch has reached the device and the copies that it awaits have arrived; in a
 * collective it waits until the others of its group have come.  Nothing can change these rules'
 * outcome once their inputs are known, so instants are computed as soon as they are, also when
 * they lie in the future: a gang costs one event, its end, not one per shard. */
#pragma once

#include "accel/gang_plan.h"
#include "engine/engine.h"

typedef struct gw_devices gw_devices;

/* Whose execution a gang is: the same on each of its launches, and handed back in records. */
typedef struct {
    uint64_t gang; /* dispatcher << 40 | sequence (gang_table.h); never used again. */
    uint64_t call;
    uint32_t job, instance, node, run;
} gw_gang_origin;

/* One host's shards of a gang. */
typedef struct {
    gw_gang_origin origin;
    const gw_gang_plan *plan; /* Borrowed until its last launch_done. */
    uint32_t host;
    uint64_t tag;
    gw_time issued_ns;        /* Not past; the devices see it after the PCIe latency. */
    const uint32_t *arrivals; /* Per local shard: copies that it awaits; NULL: none. */
    uint64_t output_bytes;    /* On each device: of outputs that have buffers of their own; wanted
                                 where gw_devices_count_touches(), the same on each host. */
} gw_launch;

#define GW_DEVICE_GANG_NONE UINT64_MAX /* No gang has this number. */

/* A copy from a device of `host`.  It starts when the source's shard of source_gang has ended; from
 * the host's memory at once, to the device that is source and target both.  From source_gang
 * GW_DEVICE_GANG_NONE it starts at once; for target_gang GW_DEVICE_GANG_NONE it is nobody's
 * arrival. */
typedef struct {
    bool is_to_host, is_from_host; /* Over PCIe; not both. */
    bool is_source_done;           /* It waits for no gang, whatever source_gang is. */
    uint32_t host;
    uint32_t job, buffer; /* The asker's own, as `tag` is. */
    uint64_t tag;
    uint64_t source_gang, target_gang; /* target_*: one arrival for that shard; not to a host. */
    uint32_t source_device, target_device;
    uint64_t size_bytes;
    gw_span duration_ns; /* 0: the interconnect says. */
    gw_time issued_ns;
    uint32_t result, run; /* To a host: the asker's own. */
} gw_device_copy;

/* What one shard of a gang whose members are apart (gang_plan.h) waits for and does: `copy_count`
 * copies in place of one that it awaits, and its spans of computing at the accelerator's own speed
 * (NULL: as they are). */
typedef struct {
    uint64_t gang; /* Stands in the device's queue. */
    uint32_t device;
    uint32_t copy_count;
    gw_time issued_ns;       /* Not past; the device sees it after the PCIe latency. */
    const gw_span *spans_ns; /* Before each of its collectives, and after the last. */
} gw_device_expectation;

/* --- What comes back --- */

/* Shards of one gang that ran alike on devices [first_device, first_device + device_count). */
typedef struct {
    uint32_t first_device, device_count;
    gw_time start_ns, end_ns;
    gw_span local_ns, collective_ns;
    gw_span hidden_ns; /* Of overlapped collectives: what did not hold it up.  What did is in
                          collective_ns. */
} gw_shard_span;

/* A whole gang: first start, last end. */
typedef struct {
    const gw_gang_plan *plan;
    gw_time start_ns, end_ns;
} gw_gang_span;

/* Called by events, never from inside the functions below.  Everything is borrowed for the call;
 * the first two may call those functions.  Of one ending, the spans come before its launch_done. */
typedef struct {
    /* The host knows that all its shards have ended (PCIe latency included).  `device_time_ns` is
     * from start to end of each, added up. */
    void (*launch_done)(void *owner, uint32_t host, uint64_t tag, gw_span device_time_ns);
    void (*copy_done)(void *owner, const gw_device_copy *copy, gw_time start_ns);
    void (*shards_ended)(void *owner, const gw_gang_origin *origin, const gw_shard_span *span);
    void (*gang_ended)(void *owner, const gw_gang_origin *origin, const gw_gang_span *span);
} gw_devices_ops;

/* All borrowed for its life.  With `is_launch_free` the PCIe latency of launches is 0. */
gw_devices *gw_devices_new(gw_engine *engine, const gw_cluster *cluster, bool is_launch_free,
                           const gw_devices_ops *ops, void *owner);
void gw_devices_free(gw_devices *devices);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(gw_devices, gw_devices_free)

/* What jitter is drawn from, with the device and the gang, and on which core the first device is;
 * before the first launch, else 0, and all cores are alike. */
void gw_devices_set_seed(gw_devices *devices, uint64_t seed);

/* Whether the first use of memory takes time on some device (first_touch_bytes_per_s). */
bool gw_devices_count_touches(const gw_devices *devices);

/* Somebody else computes for so long, from now on, on a core of those that the devices of `island`
 * share (GW_INDEX_NONE: on one of the first that are shared).  Nothing where none are. */
void gw_devices_take_core(gw_devices *devices, uint32_t island, gw_span span_ns);

void gw_devices_launch(gw_devices *devices, const gw_launch *launch);
void gw_devices_copy(gw_devices *devices, const gw_device_copy *copy);

/* Before any of the copies is asked for. */
void gw_devices_expect(gw_devices *devices, const gw_device_expectation *expectation);

/* `size_bytes` on each of `targets`, or on none and false. */
bool gw_devices_reserve(gw_devices *devices, const uint32_t *targets, uint32_t target_count,
                        uint64_t size_bytes);
void gw_devices_release(gw_devices *devices, const uint32_t *targets, uint32_t target_count,
                        uint64_t size_bytes);
uint64_t gw_devices_used_bytes(const gw_devices *devices, gw_device_id device);
uint32_t gw_devices_count(const gw_devices *devices);
uint64_t gw_devices_capacity_bytes(const gw_devices *devices, gw_device_id device);

/* Gangs launched somewhere and not ended everywhere; copies asked for and not arrived; copies that
 * have arrived for shards not launched. */
uint32_t gw_devices_gang_count(const gw_devices *devices);
uint32_t gw_devices_copy_count(const gw_devices *devices);
uint32_t gw_devices_early_count(const gw_devices *devices);

/* --- Why nothing moves --- */

typedef enum {
    GW_WAIT_MEMBER = 1, /* In a collective, for a member of its group. */
    GW_WAIT_COPY,       /* To start, for a copy from a shard that has not ended. */
} gw_wait_kind;
typedef struct {
    gw_wait_kind kind;
    gw_device_id device; /* Has `gang` first in its queue, */
    gw_gang_origin gang;
    uint32_t collective; /* MEMBER: and waits in this one of its function's collectives */
    gw_device_id target; /* for this device. */
} gw_device_wait;

/* A ring of waits, each for the device of the next and the last for that of the first, into
 * `out_waits` (gw_device_wait).  False: there is none. */
bool gw_devices_find_cycle(const gw_devices *devices, GArray *out_waits);

/* Whether `device` has a shard in its queue that does not end: which one, and what the first thing
 * is that it waits for.  target is GW_INDEX_NONE for a copy that nobody has asked for yet;
 * `out_is_launched`: the target's shard stands in its queue, or has begun. */
bool gw_devices_blocked(const gw_devices *devices, gw_device_id device, gw_device_wait *out_wait,
                        bool *out_is_launched);
