/* SPDX-License-Identifier: Apache-2.0 */
/* What a gang does, worked out once per executable: where its members are (the layout, one per
 * mesh) and how long they take between meetings (the plan, one per function and mesh).
 *
 * Collectives that follow one another over the same groups are one stage: once a group has met,
 * its members stay in step until the groups change.  A plan whose only stage has one group runs
 * in lockstep: all members end at the same instant, known when the last one has come. */
#pragma once

#include "accel/model.h"

/* The groups of a mesh when a collective spans some of its dimensions. */
typedef struct {
    uint32_t group_count, group_size;
    uint32_t *group_of;     /* By shard. */
    uint32_t *members;      /* Shards: group * group_size + place, */
    uint32_t *devices;      /* and where they are. */
    struct gw_track *track; /* What their collectives take of the links, of which may be watched;
                               borrowed; NULL: none is (gw_gang_layout_groups()). */
} gw_gang_groups;

typedef struct {
    gw_mesh mesh; /* Without its name. */
    uint32_t island;
    uint32_t member_count;
    bool is_uneven;     /* Members may differ in speed (device_vary.c). */
    bool is_stopped;    /* They cannot compute while they transfer (device_transfer.c). */
    bool is_shared;     /* They share cores (device_cores.c). */
    uint32_t *devices;  /* By shard; all of one island, none twice. */
    uint32_t *run_ends; /* By shard: the next one that does not lie on the next device. */
    /* The hosts that hold members, in ascending order.  Host i's shards are those at
     * [first_local[i], first_local[i + 1]) of local_*, in order of shard. */
    uint32_t host_count;
    uint32_t *hosts, *first_local;
    uint32_t *local_shards, *local_devices;
    uint32_t *place_of_shard; /* The place of its host in `hosts`. */
    /* The way back, over the ranges that the mesh covers; GW_INDEX_NONE: not a member. */
    uint32_t first_host, host_span, first_device, device_span;
    uint32_t *place_of_host, *shard_of_device;
    gw_gang_groups *groups[1 << GW_MESH_DIMS_MAX]; /* By axes, made when first asked for. */
} gw_gang_layout;

/* `devices` are the mesh's real devices, by shard; copied. */
gw_gang_layout *gw_gang_layout_new(const gw_cluster *cluster, const gw_mesh *mesh,
                                   const uint32_t *devices);
void gw_gang_layout_free(gw_gang_layout *layout);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(gw_gang_layout, gw_gang_layout_free)

/* The groups of a collective over these axes, made when first asked for; borrowed.  Whoever has
 * their track may set it. */
gw_gang_groups *gw_gang_layout_groups(gw_gang_layout *layout, uint8_t axes);

/* The host's place in layout->hosts, the device's shard; GW_INDEX_NONE: it has none. */
static inline uint32_t gw_gang_layout_place(const gw_gang_layout *layout, uint32_t host)
{
    const uint32_t offset = host - layout->first_host;
    return offset < layout->host_span ? layout->place_of_host[offset] : GW_INDEX_NONE;
}
static inline uint32_t gw_gang_layout_shard(const gw_gang_layout *layout, uint32_t device)
{
    const uint32_t offset = device - layout->first_device;
    return offset < layout->device_span ? layout->shard_of_device[offset] : GW_INDEX_NONE;
}

typedef struct {
    gw_step_kind kind;
    const gw_gang_groups *groups; /* AWAIT: those of what is awaited. */
    uint32_t first_group; /* Of this stage among the groups of all stages; AWAIT: likewise. */
    uint32_t collective;  /* The first of the function's collectives that it stands for. */
    gw_span *span_ns;    /* By group: from the last arrival until all leave the last of them; AWAIT:
                            NULL. */
    gw_span after_ns;    /* Computing until the next stage, or the end. */
    gw_span given_ns;    /* Of that: what wants no core. */
    uint32_t first_play; /* In the plan's plays, by group. */
    uint32_t previous, next; /* ISSUE: the ISSUE stages before and after it; AWAIT: `previous` is
                                what it awaits; GW_INDEX_NONE: there is none. */
} gw_gang_stage;

typedef struct {
    const gw_gang_layout *layout; /* Borrowed. */
    gw_span first_ns;             /* Computing before the first stage, or in all. */
    gw_span first_given_ns;       /* Of that: what wants no core. */
    uint32_t stage_count;
    gw_gang_stage *stages;
    uint32_t group_count; /* Of all stages together. */
    bool is_lockstep;
    /* With one of these no stage stands for two collectives. */
    bool is_apart;  /* Members compute as long as they are told; the plan has the longest. */
    bool is_uneven; /* Members compute so many times as long as it says, each its own. */
    bool has_flows; /* Collectives are overlapped, or played: each member's way is kept track of. */
    bool is_shared; /* How long members compute is known when they have; it has flows then. */
    uint64_t scratch_bytes; /* As gw_timing has it. */
    GPtrArray *plays;       /* gw_timing_play, of stages that are played; NULL: none is. */
    gw_span rest_ns;        /* Lockstep: from the last arrival to the end. */
    /* What one member spends, for the records: computing, and in collectives that have met. */
    gw_span local_ns;
    gw_span collective_ns;         /* Where all groups of a stage take as long. */
    gw_span *member_collective_ns; /* By shard, where they do not; else NULL. */
} gw_gang_plan;

/* `layout` is borrowed for the plan's life, `timing` for the call; both of the same mesh. */
gw_gang_plan *gw_gang_plan_new(gw_gang_layout *layout, const gw_timing *timing);
/* As above, of members that compute as long as they are told (gw_devices_expect). */
gw_gang_plan *gw_gang_plan_new_apart(gw_gang_layout *layout, const gw_timing *timing);
/* Whether some of its collectives have to watch their links (gw_track_is_watched()) and do not, or
 * none has to and some do. */
bool gw_gang_plan_is_outdated(const gw_gang_plan *plan);
void gw_gang_plan_free(gw_gang_plan *plan);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(gw_gang_plan, gw_gang_plan_free)
