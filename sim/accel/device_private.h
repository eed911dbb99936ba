/* SPDX-License-Identifier: Apache-2.0 */
/* The state behind device.h, in flat arrays, shared by device.c, device_copy.c and
 * device_wait.c.
 *
 * A gang takes three blocks (gang_table.h) when its first launch comes: one record per host that
 * it lies on, one per shard, and one per group of its stages.  A queue is a list through the shard
 * records: a device knows its first gang and its last record. */
#pragma once

#include "accel/device.h"
#include "accel/gang_table.h"
#include "accel/player.h"
#include "base/pool.h"
#include "topology/fabric.h"

typedef struct {
    gw_time
        free_at_ns; /* Of everything that left the queue; when its head has begun, since when. */
    uint32_t head;  /* The gang whose turn it is; GW_INDEX_NONE: the queue is empty. */
    uint32_t tail;  /* The shard record of the last one. */
} gw_device_queue;

/* In gw_launch_state.first_copy: it has not come (four times the same byte, for memset), or all its
 * shards have ended. */
#define GW_LAUNCH_ABSENT UINT32_C(0xfefefefe)
#define GW_LAUNCH_ENDED  UINT32_C(0xfdfdfdfd)
typedef struct {
    uint32_t first_copy; /* List of copies that wait for a shard of it. */
} gw_launch_state;

typedef struct {         /* Of a launch that is not in lockstep. */
    gw_time end_ns;      /* Of the shards whose end is known. */
    uint32_t open_count; /* Shards whose end is not known. */
    uint32_t next;       /* Launch that ends at the same instant. */
} gw_launch_end;

typedef struct {       /* Of one stage. */
    gw_time latest_ns; /* Of those that have come; when all have, its collective begins. */
    gw_time left_ns;   /* Flows: when it has ended; GW_TIME_NEVER: not known. */
    uint32_t missing_count;
} gw_group_state;

typedef struct {         /* Of a member of a gang that has flows (gang_plan.h). */
    uint32_t stage;      /* Where it waits, in a MEET for others or at an AWAIT, */
    gw_time waits_ns;    /* and since when; GW_TIME_NEVER: it does not. */
    gw_span exposed_ns;  /* In collectives, or waiting for overlapped ones that were going on. */
    gw_span hidden_ns;   /* The rest of its overlapped ones. */
    gw_span computed_ns; /* Of a plan that shares cores: on the clock, not of work. */
} gw_flow_state;

typedef struct {
    gw_gang_origin origin;
    const gw_gang_plan *plan;
    uint64_t tag;        /* Of its first launch, and of all */
    bool has_tags;       /* as long as they are alike; else `tags` has each. */
    bool has_arrivals;   /* Copies come for some of its shards: `awaited_count` is set. */
    gw_time told_due_ns; /* Told one by one: when the last posted "shards.done" is due, */
    uint32_t told_last;  /* and the last shard record in its list; NEVER: it has fired. */
    uint32_t first_launch, first_shard, first_group; /* Its blocks. */
    uint32_t first_span;       /* Of a plan whose members are apart: stage_count + 1 a shard. */
    uint32_t first_slowness;   /* Of one whose members are uneven: one a shard. */
    uint32_t first_flow;       /* Of one that has flows: one a shard. */
    gw_time available_ns_max;  /* Lockstep: of its launches; GW_TIME_NEVER: some have several. */
    uint32_t unreported_count; /* Launches. */
    uint32_t joined_count;     /* Lockstep: members that have come, */
    uint32_t copy_count;       /* Copies in lists of its launches. */
    gw_time earliest_ns, latest_ns; /* the first and the last of them then, */
    gw_time end_ns;                 /* and the end of all; GW_TIME_NEVER: not known. */
    gw_time begun_ns, ended_ns;     /* First start and last end of what was reported. */
    uint64_t output_bytes;          /* As its launches have it. */
    gw_time batch_due_ns;           /* Not lockstep: when the last posted "launch.done" is due, */
    uint32_t batch_last;            /* and the last launch in its list; NEVER: it has fired. */
} gw_gang_state;

typedef struct {
    gw_device_copy copy;
    uint32_t next; /* In the list it stands in. */
    bool is_live, is_started;
} gw_copy_state;

typedef struct {                      /* Of a device that cannot compute while it transfers. */
    uint32_t flight_count, due_count; /* Copies in flight, and from it about to start. */
    bool is_taken;                    /* By a shard that has begun, or by what it owes, */
    gw_time taken_ns;                 /* from then on. */
    gw_time flying_ns;                /* When the first of those in flight started. */
    gw_span owed_ns;
} gw_device_transfers;

typedef struct { /* Copies that came before their shard was launched. */
    uint64_t gang;
    uint32_t count, next;
} gw_early;

typedef struct {
    uint32_t gang, stage, group;
} gw_device_work;

typedef struct { /* device_touch.c, of a device that is a thread. */
    uint64_t held_bytes, held_bytes_max;
    uint64_t scratch_bytes;
    uint64_t owed_bytes; /* Used for the first time, by copies; the next shard pays. */
} gw_device_touches;

typedef struct gw_cores gw_cores;
typedef struct gw_watches gw_watches;

struct gw_devices {
    gw_engine *engine;
    const gw_cluster *cluster;
    gw_fabric *fabric;
    gw_player *player;          /* Of collectives, on the fabric. */
    gw_pool playing;            /* Those that have met, and are played or watch (device_play.c). */
    struct gw_watches *watches; /* Of links; NULL: nothing watches. */
    const gw_devices_ops *ops;
    void *owner;
    uint32_t device_count;
    gw_span *launch_ns; /* By island: the PCIe latency. */

    gw_device_queue *queues;  /* By device. */
    uint32_t *first_early;    /* By device: list in `early`. */
    uint32_t *first_orphan;   /* By device: list in `copies`, of sources not launched. */
    uint64_t *free_bytes;     /* By device. */
    uint64_t *capacity_bytes; /* By device. */
    uint32_t early_count, orphan_count;

    gw_gang_table table;
    gw_pool gangs, copies, early; /* gw_gang_state, gw_copy_state, gw_early */
    gw_blocks launch_blocks, shard_blocks, group_blocks, span_blocks, slowness_blocks, flow_blocks;
    gw_launch_state *launches;
    uint64_t *tags;             /* By launch record, of gangs that have them. */
    gw_launch_end *launch_ends; /* By launch record, not in lockstep. */
    gw_time *available_ns;      /* By launch record, in lockstep: when it reaches its devices;
                                   GW_TIME_NEVER: starts_ns says it of each. */
    uint32_t *followers; /* By shard record: the gang behind it in its device's queue; of one that
                            has left it, the next record in a list (gang_state.told_last). */
    gw_time *starts_ns; /* By shard record; until it starts, when its launch reaches the device.  In
                           lockstep it says so only of launches with arrivals, and the start only
                           when the gang has ended, of members that did not begin at once. */
    gw_time *ends_ns;   /* By shard record, not in lockstep; GW_TIME_NEVER: not known. */
    uint32_t *awaited_count; /* By shard record: copies that have to arrive before it begins. */
    gw_group_state *groups;
    gw_span *spans_ns;  /* Computing before each collective, and after the last. */
    double *slownesses; /* Their computing takes so many times as long. */
    gw_flow_state *flows;
    uint32_t launch_capacity, shard_capacity, group_capacity, span_capacity, slowness_capacity,
        flow_capacity;
    uint64_t jitter_seed;
    double *core_slowness; /* By device, beside its own; NULL: cores are alike. */

    gw_device_transfers *transfers; /* By device; NULL: all can compute meanwhile. */
    struct gw_cores *cores;         /* device_cores.c; NULL: each device has its own. */
    gw_device_touches *touches;     /* By device; NULL: memory is as fast the first time. */

    gw_device_work *works; /* Groups that have met, a stack. */
    uint32_t work_count, work_capacity;
};

static inline gw_gang_state *gw_devices_gang(const gw_devices *devices, uint32_t slot)
{
    return gw_pool_at(&devices->gangs, slot);
}
static inline gw_copy_state *gw_devices_copy_at(const gw_devices *devices, uint32_t slot)
{
    return gw_pool_at(&devices->copies, slot);
}

/* Copies have to arrive before a shard of a launch that has come begins. */
static inline bool gw_devices_awaits(const gw_devices *devices, const gw_gang_state *gang,
                                     uint32_t number)
{
    return gang->has_arrivals && devices->awaited_count[gang->first_shard + number] > 0;
}

/* device.c: the record of the shard that a gang has in the queue of `device`; GW_INDEX_NONE: it is
 * not launched. */
uint32_t gw_devices_find_queued(const gw_devices *devices, uint64_t gang, uint32_t device);
/* Of a plan whose members are apart: what this shard computes, stage_count + 1 spans. */
static inline gw_span *gw_devices_spans_of(const gw_devices *devices, const gw_gang_state *gang,
                                           uint32_t number)
{
    return &devices->spans_ns[gang->first_span + number * (gang->plan->stage_count + 1)];
}
static inline uint32_t gw_devices_span_count(const gw_gang_plan *plan)
{
    return plan->is_apart ? plan->layout->member_count * (plan->stage_count + 1) : 0;
}
/* How long it computes before stage `index`; after the last, for stage_count. */
static inline gw_span gw_devices_span_of(const gw_devices *devices, const gw_gang_state *gang,
                                         uint32_t number, uint32_t index)
{
    const gw_gang_plan *plan = gang->plan;
    const gw_span span_ns = plan->is_apart ? gw_devices_spans_of(devices, gang, number)[index]
                            : index == 0   ? plan->first_ns
                                           : plan->stages[index - 1].after_ns;
    if (!plan->is_uneven) {
        return span_ns;
    }
    /* Threads sleep for as long as they are told. */
    const gw_span given_ns = !plan->is_shared ? 0
                             : index == 0     ? plan->first_given_ns
                                              : plan->stages[index - 1].given_ns;
    const gw_span fixed_ns = MIN(given_ns, span_ns);
    const double slowness = devices->slownesses[gang->first_slowness + number];
    return fixed_ns + (gw_span)((double)(span_ns - fixed_ns) * slowness + 0.5);
}
/* device_vary.c: how slow each member of an uneven gang is this time. */
void gw_devices_draw_slowness(gw_devices *devices, const gw_gang_state *gang);
/* device_expect.c: the longest that members compute, until they are told otherwise; and what this
 * one does in all. */
void gw_devices_open_spans(gw_devices *devices, const gw_gang_state *gang);
gw_span gw_devices_add_spans(const gw_devices *devices, const gw_gang_state *gang, uint32_t number);
/* device.c: a copy has arrived for this shard. */
void gw_devices_arrive(gw_devices *devices, uint64_t gang, uint32_t device);
/* device.c: when the shard of a live gang ends; GW_TIME_NEVER: not known yet. */
gw_time gw_devices_end_of(const gw_devices *devices, const gw_gang_state *gang, uint32_t shard);

/* device.c: a group that has met, for later. */
void gw_devices_push_work(gw_devices *devices, gw_device_work work);
/* device.c: the end of a shard at the head of its queue is known; not of one in lockstep. */
void gw_devices_end_shard(gw_devices *devices, uint32_t slot, uint32_t number, gw_time end_ns);
/* device.c: the first of the queue has not begun: it begins if it may, and those behind it that
 * can. */
void gw_devices_run_queue(gw_devices *devices, uint32_t device, gw_time now_ns);

/* device_flow.c: what a gang that has flows needs; a member comes to its first stage; a group has
 * met. */
void gw_devices_open_flows(gw_devices *devices, const gw_gang_state *gang);
void gw_devices_begin_flow(gw_devices *devices, uint32_t slot, uint32_t number, gw_time come_ns);
void gw_devices_leave_flow_group(gw_devices *devices, gw_device_work work, gw_time now_ns);
static inline gw_flow_state *gw_devices_flow_of(const gw_devices *devices,
                                                const gw_gang_state *gang, uint32_t number)
{
    return &devices->flows[gang->first_flow + number];
}
static inline gw_group_state *gw_devices_group_of(const gw_devices *devices,
                                                  const gw_gang_state *gang, uint32_t stage,
                                                  uint32_t number)
{
    const gw_gang_stage *where = &gang->plan->stages[stage];
    const uint32_t group = where->groups->group_of[number];
    return &devices->groups[gang->first_group + where->first_group + group];
}

/* device_flow.c: the collective of a group has ended; a member of a plan that shares cores begins,
 * true when it has ended at once; it has computed span `work.stage`, which took it that long
 * (`work.group` is its number). */
void gw_devices_end_group(gw_devices *devices, gw_device_work work, gw_time left_ns,
                          gw_time now_ns);
bool gw_devices_begin_shared(gw_devices *devices, uint32_t slot, uint32_t number, gw_time start_ns);
void gw_devices_end_span(gw_devices *devices, gw_device_work work, gw_span computed_ns,
                         gw_time now_ns);

/* device_cores.c: of plans that share cores.  A member computes (as gw_devices_end_span has it), a
 * group that has met is in its collective; either is told of when it ends. */
void gw_devices_open_cores(gw_devices *devices);
/* The place of a device among those of its kind, and how many these are; GW_INDEX_NONE: it shares
 * no core. */
uint32_t gw_devices_place_among(const gw_devices *devices, uint32_t device, uint32_t *out_count);
void gw_devices_close_cores(gw_devices *devices);
void gw_devices_compute(gw_devices *devices, gw_device_work span, gw_time start_ns,
                        gw_span span_ns);
void gw_devices_meet(gw_devices *devices, gw_device_work group, gw_time start_ns, gw_span span_ns);

/* device_touch.c: a buffer of `device` is about to be written, or given back; where `touches` is
 * not NULL.  What a shard that begins waits for memory that its device has not used yet. */
void gw_devices_open_touches(gw_devices *devices);
void gw_devices_hold(gw_devices *devices, uint32_t device, uint64_t size_bytes);
void gw_devices_let_go(gw_devices *devices, uint32_t device, uint64_t size_bytes);
gw_span gw_devices_touch(gw_devices *devices, const gw_gang_state *gang, uint32_t number);

/* device_play.c: a group has met; false: its closed form says when it ends, whoever else is on the
 * wires. */
void gw_devices_open_plays(gw_devices *devices);
void gw_devices_close_plays(gw_devices *devices);
bool gw_devices_play(gw_devices *devices, gw_device_work work, gw_time begun_ns, gw_time now_ns);
/* device.c: groups that have met go on. */
void gw_devices_do_works(gw_devices *devices, gw_time now_ns);

/* device_transfer.c: all but the first do nothing for devices that compute while they transfer.
 * Whether the first of the queue may begin; else the queue is run when it may.  A shard begins; its
 * end is known. */
void gw_devices_open_transfers(gw_devices *devices);
bool gw_devices_may_begin(gw_devices *devices, uint32_t device, gw_time now_ns);
void gw_devices_shard_begins(gw_devices *devices, uint32_t device, gw_time start_ns);
void gw_devices_shard_ends(gw_devices *devices, uint32_t device, gw_time end_ns);
/* device_transfer.c: a copy is about to start at a known instant; it starts; it has arrived. */
void gw_devices_copy_due(gw_devices *devices, const gw_device_copy *copy);
void gw_devices_copy_starts(gw_devices *devices, const gw_device_copy *copy, bool was_due);
void gw_devices_copy_ends(gw_devices *devices, const gw_device_copy *copy);

/* device_report.c: events that tell the end of a gang in lockstep (its slot), and of launches of
 * one that is not (slot << 32 | the first of their list). */
extern const gw_event_kind gw_devices_gang_done, gw_devices_launch_done;
/* Members of such a gang end each for itself, and are told of when they do, so that a device's
 * shards are told of in their order though a launch ends late. */
static inline bool gw_devices_tells_each(const gw_gang_plan *plan)
{
    return plan->is_uneven || plan->has_flows || plan->layout->is_stopped;
}
/* device_report.c: the end of such a member is known; before its launch's. */
void gw_devices_tell_shard(gw_devices *devices, uint32_t slot, uint32_t number, gw_time end_ns);

/* device_copy.c: the copies of `launch` that wait for `device` may start at `end_ns`. */
void gw_devices_release_copies(gw_devices *devices, gw_gang_state *gang, gw_launch_state *launch,
                               uint32_t device, gw_time end_ns);
/* device_copy.c: a launch stands in the queues: copies asked for before find it. */
void gw_devices_adopt_copies(gw_devices *devices, uint32_t gang_slot, uint32_t place);
/* device_copy.c: a copy has come before the launch of its shard. */
void gw_devices_put_early(gw_devices *devices, uint64_t gang, uint32_t device);
/* device_copy.c: how many copies came before the launch for this shard; forgets them. */
uint32_t gw_devices_take_early(gw_devices *devices, uint64_t gang, uint32_t device);
/* device_copy.c: the fabric's answer. */
void gw_devices_copy_arrived(void *owner, uint64_t token, gw_time start_ns);
