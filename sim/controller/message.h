/* SPDX-License-Identifier: Apache-2.0 */
/* What nodes say to each other.  Flat structs that begin with a gw_message: no pointers, so the
 * same bytes travel by the event engine, by a queue between threads, or by MPI, and size_bytes is
 * what a network charges.  No struct has a gap: each byte says something or is 0.  Arrays at the
 * end have the length that a count field gives. */
#pragma once

#include "controller/port.h"

typedef enum {
    GW_MESSAGE_SLICE_REQUEST = 1, /* client -> resources */
    GW_MESSAGE_SLICE_GRANT,       /* resources -> client */
    GW_MESSAGE_SLICE_REFUSED,     /* resources -> client */
    GW_MESSAGE_SLICE_RELEASE,     /* client -> resources: it needs them no longer, or gives up */
    GW_MESSAGE_SLICE_RECALL,      /* resources -> client: some of its devices are to be left */
    GW_MESSAGE_SLICE_EXCHANGE,    /* client -> resources: takes these back, and asks for others */
    GW_MESSAGE_INSTALL,           /* client -> hosts, schedulers */
    GW_MESSAGE_INSTALLED,         /* back */
    GW_MESSAGE_SUBMIT,            /* client -> scheduler: one call */
    GW_MESSAGE_RETURNED,          /* scheduler -> client: every gang of the call has its place */
    GW_MESSAGE_DISPATCH,          /* scheduler -> hosts: gangs in order */
    GW_MESSAGE_ENQUEUED,          /* host -> scheduler: sequential dispatch only */
    GW_MESSAGE_PROGRESS,          /* host -> scheduler: credits back, runs done here */
    GW_MESSAGE_ORDERED,           /* scheduler -> scheduler: how far a shared program is */
    GW_MESSAGE_READY,             /* host -> host: buffers that await your shards */
    GW_MESSAGE_RESULT,            /* host -> client, and schedulers where it decides: a value */
    GW_MESSAGE_RUN_DONE,          /* scheduler -> client */
    GW_MESSAGE_RETIRE,            /* client -> hosts, schedulers: forget the instance */
    GW_MESSAGE_RETIRED,           /* back */
    GW_MESSAGE_LOOP,              /* client -> hosts: run the job's loop (multi_controller) */
    GW_MESSAGE_LOOP_DONE,         /* host -> client: all its runs are done here */
    GW_MESSAGE_FETCHED,           /* host -> client: bytes of an output (tf1) */
    GW_MESSAGE_HANDLE,            /* host -> client: an actor's call has returned (ray) */
    GW_MESSAGE_RELAY,             /* scheduler -> host -> hosts: DISPATCH down a tree */
    GW_MESSAGE_LEASE,             /* resources -> client: is anybody there? */
    GW_MESSAGE_LEASE_KEPT,        /* back */
    GW_MESSAGE_LEASE_LOST,        /* resources -> client: it was given up */
    GW_MESSAGE_ABANDON,           /* resources -> schedulers, or hosts without any: order no more */
    GW_MESSAGE_ABANDONED,         /* back: so much of it was ordered */
    GW_MESSAGE_DRAIN,             /* resources -> hosts: finish so much, and no more */
    GW_MESSAGE_DRAINED,           /* back */
    GW_MESSAGE_SLICE_MOVE,        /* client -> resources: asks for others while it keeps these */
    GW_MESSAGE_SLICE_STAY,        /* resources -> client: there are none, or no need any more */
    GW_MESSAGE_MOVE,              /* client -> hosts: fetch what an earlier instance's runs left */
    GW_MESSAGE_MOVE_SHARDS,       /* host -> host: copy these to me */
    GW_MESSAGE_MOVED,             /* back; host -> client: all that was to come is here */
    GW_MESSAGE_PROMISE,           /* host -> host: how many rows your shards are dealt */
    GW_MESSAGE_PLACE,             /* host -> host: where they go */
    GW_MESSAGE_HANDED,            /* host -> host: a piece of your inputs is there */
} gw_message_kind;
#define GW_MESSAGE_KIND_COUNT (GW_MESSAGE_HANDED + 1)

/* SLICE_REQUEST: where the meshes of a job may go.  The manager knows the job's program. */
typedef struct {
    gw_message header;
    uint32_t job;
} gw_slice_request;

/* SLICE_REFUSED */
typedef struct {
    gw_message header;
    uint32_t reason; /* gw_refusal */
} gw_slice_refused;

/* SLICE_RELEASE, SLICE_RECALL, SLICE_EXCHANGE, SLICE_MOVE, SLICE_STAY, INSTALLED, RETIRE, RETIRED,
 * ENQUEUED, LOOP, LOOP_DONE, ABANDON, DRAINED: about one instance. */
typedef struct {
    gw_message header;
    uint32_t instance;
} gw_instance_message;

/* SLICE_GRANT and INSTALL: the instance and its assignment. */
typedef struct {
    gw_message header;
    uint32_t instance, job;
    uint32_t mesh_count, device_count;
    uint32_t data[]; /* mesh_count + 1 offsets, then device_count devices. */
} gw_assignment_message;

/* How many of `count` shards lie elsewhere than on `old_devices`; NULL: all are new. */
static inline uint32_t gw_assignment_count_moved(const uint32_t *devices,
                                                 const uint32_t *old_devices, uint32_t count)
{
    uint32_t moved = 0;
    for (uint32_t d = 0; d < count; d++)
        moved += old_devices == NULL || devices[d] != old_devices[d];
    return moved;
}

/* SUBMIT: nodes [first_node, first_node + node_count) of one run, those that are due in it. */
typedef struct {
    gw_message header;
    uint32_t instance, run;
    uint32_t first_node, node_count;
    uint64_t call;
} gw_submit;

/* RETURNED, RUN_DONE, HANDLE */
typedef struct {
    gw_message header;
    uint32_t instance, run;
    uint64_t call;
} gw_call_message;

/* Gangs gang, gang + 1, ... are nodes first_node, first_node + 1, ... of this run. */
typedef struct {
    uint32_t instance, run;
    uint32_t first_node, node_count;
    uint64_t gang, call;
    uint32_t is_otherwise; /* 1: one irregular node, which runs its other function. */
    uint32_t reserved;     /* 0 */
} gw_segment;

/* DISPATCH: all segments of a batch, in order.  A host does what is its own and skips the rest. */
typedef struct {
    gw_message header;
    uint32_t segment_count;
    uint32_t wants_enqueued; /* 1: answer ENQUEUED when the last one stands in a device queue. */
    gw_segment segments[];
} gw_dispatch_message;

/* RELAY: a DISPATCH of `dispatcher`, whole, on its way down a tree of hosts.  The first stop is the
 * receiver's own; the others are below it in the tree, each before those below itself, of which it
 * has `below`.  `sequence` counts what the dispatcher has sent a host, from 0, and begins again at
 * 2^GW_RELAY_SEQUENCE_BITS.  A stop is 8 bytes: what a tree sends is mostly stops. */
#define GW_RELAY_HOST_BITS     20 /* No cluster has more hosts (scenario/). */
#define GW_RELAY_SEQUENCE_BITS 24 /* Far beyond what a host holds back (relay.h). */
typedef struct {
    uint64_t host : GW_RELAY_HOST_BITS;
    uint64_t sequence : GW_RELAY_SEQUENCE_BITS;
    uint64_t below : GW_RELAY_HOST_BITS;
} gw_relay_stop;
_Static_assert(sizeof(gw_relay_stop) == 8, "a stop has no gap");
typedef struct {
    gw_message header;
    uint32_t dispatcher, stop_count;
    gw_relay_stop stops[]; /* stop_count of them, then a gw_dispatch_message. */
} gw_relay_message;

static inline const gw_dispatch_message *gw_relay_dispatch(const gw_relay_message *message)
{
    return (const gw_dispatch_message *)(const void *)(message->stops + message->stop_count);
}
static inline uint32_t gw_relay_size_bytes(uint32_t stop_count, uint32_t dispatch_size_bytes)
{
    return (uint32_t)(sizeof(gw_relay_message) + stop_count * sizeof(gw_relay_stop)) +
           dispatch_size_bytes;
}

/* PROGRESS: what has finished on this host since the last report: shards of each instance and the
 * device time that they took, bytes of memory given back per device where they are counted
 * (budget.h), gangs per device, and the runs whose every gang here is done. */
typedef struct {
    uint32_t instance, shard_count;
    gw_span device_time_ns;
} gw_used_time;
typedef struct {
    uint32_t instance, run;
} gw_finished_run;
typedef struct {
    gw_message header;
    uint32_t used_count, device_count, run_count;
    uint32_t freed_count; /* device_count, or 0: no bytes were given back. */
    gw_used_time used[];  /* used_count of them, then freed_count sizes (uint64_t), then
                             device_count counts (uint32_t), then run_count gw_finished_run. */
} gw_progress;

static inline const uint64_t *gw_progress_freed_bytes(const gw_progress *progress)
{
    return (const uint64_t *)(const void *)(progress->used + progress->used_count);
}
static inline const uint32_t *gw_progress_counts(const gw_progress *progress)
{
    return (const uint32_t *)(const void *)(gw_progress_freed_bytes(progress) +
                                            progress->freed_count);
}
static inline const gw_finished_run *gw_progress_runs(const gw_progress *progress)
{
    return (const gw_finished_run *)(const void *)(gw_progress_counts(progress) +
                                                   progress->device_count);
}
/* Without sizes given back: they take freed_count * sizeof(uint64_t) more. */
static inline uint32_t gw_progress_size_bytes(uint32_t used_count, uint32_t device_count,
                                              uint32_t run_count)
{
    return (uint32_t)(sizeof(gw_progress) + used_count * sizeof(gw_used_time) +
                      device_count * sizeof(uint32_t) + run_count * sizeof(gw_finished_run));
}

/* ORDERED: every gang of the instance on the sender's island up to `node` of `run` has its place.
 */
typedef struct {
    gw_message header;
    uint32_t instance, run, node;
} gw_ordered_message;

/* READY: the target has reserved `buffer` for transfer `transfer` (lower.h) of this run and
 * awaits the pieces that the receiver of this message holds. */
typedef struct {
    uint64_t gang; /* The target gang. */
    uint32_t instance, run;
    uint32_t transfer, buffer;
} gw_ready_item;
typedef struct {
    gw_message header;
    uint32_t item_count;
    uint32_t reserved; /* 0 */
    gw_ready_item items[];
} gw_ready;

/* HANDED: where hand-offs block, one for each piece that READY asked for. */
typedef struct {
    gw_message header;
    uint64_t gang; /* The target gang. */
} gw_handed_message;

/* RESULT */
typedef struct {
    gw_message header;
    uint32_t instance, run, result;
    uint32_t is_for_client; /* 0: for a scheduler. */
    double value;
} gw_result_message;

/* FETCHED: one shard of an output that leaves a call, in pieces. */
#define GW_FETCHED_BYTES_MAX (1u << 20)
typedef struct {
    gw_message header;
    uint32_t instance, run;
    uint32_t data_bytes;
    uint32_t is_last; /* 1: of its shard. */
    uint8_t data[];
} gw_fetched;

/* LEASE, LEASE_KEPT, LEASE_LOST: about one job's client. */
typedef struct {
    gw_message header;
    uint32_t job;
} gw_lease_message;

/* How much of an instance was ordered: the due gangs of runs [first_run, run), and of `run` those
 * of nodes [0, node_end).  Nothing: run is first_run, and node_end is 0. */
typedef struct {
    uint32_t first_run, run, node_end;
} gw_extent;

/* ABANDONED, DRAIN */
typedef struct {
    gw_message header;
    uint32_t instance;
    gw_extent extent;
} gw_extent_message;

static inline bool gw_extent_is_empty(const gw_extent *extent)
{
    return extent->run == extent->first_run && extent->node_end == 0;
}
/* The least that has all of both. */
static inline gw_extent gw_extent_join(const gw_extent *a, const gw_extent *b)
{
    if (gw_extent_is_empty(a) || gw_extent_is_empty(b))
        return gw_extent_is_empty(a) ? *b : *a;
    const bool is_a_further = a->run != b->run ? a->run > b->run : a->node_end > b->node_end;
    gw_extent joined = is_a_further ? *a : *b;
    joined.first_run = MIN(a->first_run, b->first_run);
    return joined;
}

/* MOVE: `instance` goes on with `run` from what `source_instance`, of the same job, holds. */
typedef struct {
    gw_message header;
    uint32_t instance, source_instance;
    uint32_t run;
    uint32_t mesh_count, device_count;
    uint32_t reserved; /* 0 */
    uint32_t data[];   /* mesh_count + 1 offsets, device_count devices of `source_instance`, then
                          as many of `instance`. */
} gw_move_message;

/* MOVE_SHARDS: the target has reserved `buffer` for its shard of `slot` (lower.h). */
typedef struct {
    uint32_t slot, buffer;
    uint32_t source_device, target_device;
} gw_moving_shard;
typedef struct {
    gw_message header;
    uint32_t instance, source_instance;
    uint32_t run;
    uint32_t shard_count;
    gw_moving_shard shards[];
} gw_move_shards;

/* MOVED: `instance` has got so much. */
typedef struct {
    gw_message header;
    uint32_t instance;
    uint32_t reserved; /* 0 */
    uint64_t size_bytes;
} gw_moved_message;

/* Rows that a source shard deals to a target shard: from row source_row of what the source holds,
 * which become those from row target_row on of what the target holds. */
typedef struct {
    uint32_t source_shard, target_shard;
    uint32_t row_count; /* PLACE: as many as there is room for; the rest is dropped. */
    uint32_t source_row;
    uint32_t target_row; /* PROMISE: 0 */
} gw_dealt_rows;

/* PROMISE: all that `shard_count` shards on the sender deal to shards on the receiver, in `run`
 * over exchange `edge`.  What is no row is not listed. */
typedef struct {
    gw_message header;
    uint32_t instance, run, edge;
    uint32_t shard_count, item_count;
    uint32_t reserved; /* 0 */
    gw_dealt_rows items[];
} gw_promise;

/* PLACE: the target has reserved `buffer`, and every source has told what it deals. */
typedef struct {
    gw_message header;
    uint64_t gang; /* The target gang. */
    uint32_t instance, run, edge;
    uint32_t buffer;
    uint32_t item_count;
    uint32_t reserved;     /* 0 */
    gw_dealt_rows items[]; /* All that the receiver promised. */
} gw_place;
