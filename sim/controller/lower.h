/* SPDX-License-Identifier: Apache-2.0 */
/* From a program over virtual devices to what one host does.
 *
 * The plan is the half that no assignment changes: one slot per logical buffer, whatever the
 * number of shards, and who reads it.  It is made once per program and shared by all nodes.  The
 * lowered form is the other half, for one host: which shards are here, and which pieces of
 * buffers go where when source and target lie on different meshes (transfers).
 *
 * An edge within one mesh is read in place.  Between meshes it is a transfer: the target reserves
 * an inbound slot and tells the source's hosts, which copy the pieces.  A carried edge has two
 * ways in: from the run before, and from its set-up node in run 0; transfers are numbered
 * 2 * edge + (1 for the set-up's).  An exchange is a transfer without pieces: values decide those
 * in every run (executor_exchange.c), and it counts as one arrival. */
#pragma once

#include "base/lines.h"
#include "controller/directory.h"
#include "program/program.h"

typedef struct {
    uint64_t size_bytes; /* Of one shard. */
    uint32_t mesh;
    uint32_t readers;      /* Nodes of the same mesh that read it in place, in its own run, */
    uint32_t readers_next; /* and in the run after. */
    bool is_permanent;     /* A set-up's output that every run reads. */
    bool is_copied;        /* Transfers or results read it. */
    bool is_carried;       /* The run after reads it. */
    gw_memory_class memory;
    uint32_t taken_input; /* 1 + the input (of `inputs`) whose buffer it takes over, in every run
                             (donation.h); 0: it has one of its own. */
} gw_plan_slot;

typedef struct { /* Per device. */
    uint64_t bytes;
    uint64_t class_bytes[GW_MEMORY_CLASSES]; /* They add up to that. */
} gw_plan_memory;

typedef struct { /* Of a plan, side by side. */
    uint32_t first, count;
} gw_slots;

typedef struct {
    uint32_t edge;
    uint32_t slot, initial_slot; /* What is read; initial_slot: in run 0 of a carried edge. */
    bool is_carried, is_permanent;
    bool is_transfer, is_initial_transfer;
    uint32_t inbound_slot; /* Where a transfer arrives; GW_INDEX_NONE when there is none. */
} gw_plan_input;

typedef struct {
    uint32_t mesh;
    bool is_once;
    bool has_transfers; /* In or out. */
    uint32_t first_slot, output_count;
    uint32_t first_input, input_count;
    uint32_t first_outgoing, outgoing_count; /* Into `outgoing`. */
    uint32_t result;  /* The first result read from it; GW_INDEX_NONE: none. */
    uint32_t decider; /* The result that decides what it runs; GW_INDEX_NONE: none. */
    uint32_t place;   /* Among all, those of a mesh side by side. */
} gw_plan_node;

/* Where what belongs to a mesh begins, in tables that have it mesh by mesh; the last of them has
 * the ends.  Hosts look at what their own meshes have, and at nothing else. */
typedef struct {
    uint32_t place;           /* Of nodes. */
    uint32_t leaving;         /* Transfers from it, in `leaving`, */
    uint32_t entering;        /* and to it, in `entering`. */
    uint32_t first_run_count; /* Its nodes in run 0 alone: a count, not a beginning. */
} gw_plan_mesh;

typedef struct {
    const gw_program *program;
    gw_plan_node *nodes;
    gw_plan_slot *slots;
    uint32_t *mesh_slots; /* By mesh, and one more: where its slots begin, one after the other. */
    gw_plan_mesh *meshes; /* Likewise. */
    gw_plan_input *inputs;
    uint32_t *outgoing; /* Transfers by source node. */
    uint32_t outgoing_count;
    uint32_t *leaving, *entering; /* Transfers by source mesh, and by target mesh. */
    bool has_copied_slots;
    bool has_decisions;        /* Some node has a decider. */
    bool has_exchanges;        /* Some transfer is one (program/exchange.h). */
    bool has_donations;        /* Some slot takes a buffer over. */
    uint32_t *transfer_slot;   /* By transfer: the source's slot; GW_INDEX_NONE: not one. */
    uint64_t *workspace_bytes; /* By mesh: the largest temporaries of its functions. */
    uint32_t node_count, slot_count, transfer_count;
    uint32_t *leaving_place, *entering_place; /* By transfer: where it stands in those;
                                                 GW_INDEX_NONE: not one. */
    gw_plan_memory *peak;                     /* By mesh: gw_plan_peak(). */
} gw_plan;

/* `program` is borrowed for the plan's life. */
gw_plan *gw_plan_new(const gw_program *program);
/* Every slot has a buffer of its own from now on: where buffers are read by others than gangs and
 * transfers of the program, at times that its order does not say. */
void gw_plan_forgo_donations(gw_plan *plan);
void gw_plan_free(gw_plan *plan);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(gw_plan, gw_plan_free)

/* Whether a run reads what another run made: then that has to move along with the program. */
bool gw_plan_has_state(const gw_plan *plan);
/* Bytes per device that are held on each mesh while no run is under way: what the next one reads,
 * and workspace.  `out_bytes` has one entry per mesh. */
void gw_plan_state_bytes(const gw_plan *plan, uint64_t *out_bytes);
/* The slot is held between runs; the run of its entry, before `next_run`, then is *out_run. */
static inline bool gw_plan_is_state(const gw_plan *plan, uint32_t slot, uint32_t next_run,
                                    uint32_t *out_run)
{
    *out_run = plan->slots[slot].is_permanent ? 0 : next_run - 1;
    return plan->slots[slot].is_permanent || plan->slots[slot].is_carried;
}

/* Whether `input` comes by a transfer in `run`, and by which. */
static inline bool gw_plan_input_arrives(const gw_plan_input *input, uint32_t run)
{
    return input->is_carried && run == 0 ? input->is_initial_transfer : input->is_transfer;
}
static inline uint32_t gw_plan_input_transfer(const gw_plan_input *input, uint32_t run)
{
    return 2 * input->edge + (input->is_carried && run == 0 ? 1 : 0);
}

/* Works out what gw_plan_peak() says: when a plan is made, and when its slots have changed. */
void gw_plan_settle_peak(gw_plan *plan);
/* What one run after another holds on each mesh when it holds most, in the order of dispatch,
 * workspace included.  `out` has one entry per mesh. */
void gw_plan_peak(const gw_plan *plan, gw_plan_memory *out);
/* Of that the sums alone. */
void gw_plan_peak_bytes(const gw_plan *plan, uint64_t *out_bytes);

/* One shard's piece of a transfer, from this host. */
typedef struct {
    uint32_t source_device, target_device;
    uint64_t source_offset_bytes, target_offset_bytes, size_bytes;
} gw_piece;

/* What this host sends of a transfer, in `pieces` in order of target shards, or whom it gets it
 * from, in `source_hosts`.  Transfers that differ in nothing but their gangs have the same pieces
 * and hosts, not copies of them. */
typedef struct {
    uint32_t first, count;
} gw_lowered_part;

typedef struct {
    uint32_t mesh_count;
    gw_lowered_part *leaving, *entering; /* Of transfers from and to meshes from the first that is
                                            here to the last: from those places of the plan on. */
    uint32_t first_leaving, leaving_count, first_entering, entering_count;
    GArray *pieces;       /* gw_piece */
    GArray *source_hosts; /* uint32_t */
    uint32_t **arrivals;  /* Of nodes from place `first_place` on: gw_lowered_arrivals(). */
    uint32_t first_place, place_count;      /* From the first mesh that is here to the last. */
    uint8_t *has_first_shard;               /* By mesh: shard 0 is here, whose results are read. */
    uint32_t gangs_per_run, gangs_in_run_0; /* That have shards here. */
    uint32_t first_mesh, end_mesh;          /* Those outside are not here; the same: none is. */
    /* Every completion looks at these, so they lie together. */
    alignas(GW_LINE_BYTES)
        uint32_t *local_devices; /* Real devices of the local shards, in shard order. */
    uint32_t first_local[]; /* By mesh, and one more: offset into `local_devices`, which follow. */
} gw_lowered;

gw_lowered *gw_lowered_new(const gw_plan *plan, const gw_assignment *assignment,
                           const gw_directory *directory, gw_node_id host);
void gw_lowered_free(gw_lowered *lowered);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(gw_lowered, gw_lowered_free)

static inline uint32_t gw_lowered_local_count(const gw_lowered *lowered, uint32_t mesh)
{
    return lowered->first_local[mesh + 1] - lowered->first_local[mesh];
}

/* Copies that a node awaits, per local shard, in run 0 or another; NULL: none. */
static inline uint32_t *gw_lowered_arrivals(const gw_lowered *lowered, const gw_plan *plan,
                                            uint32_t node, bool is_run_0)
{
    const uint32_t place = plan->nodes[node].place - lowered->first_place;
    return place < lowered->place_count ? lowered->arrivals[2 * place + (is_run_0 ? 1 : 0)] : NULL;
}

/* Those of the meshes that are here, and of meshes between them. */
static inline gw_slots gw_lowered_slots(const gw_lowered *lowered, const gw_plan *plan)
{
    const uint32_t first = plan->mesh_slots[lowered->first_mesh];
    return (gw_slots){first, plan->mesh_slots[lowered->end_mesh] - first};
}

/* The pieces of transfer `t` that leave this host, and the hosts that its pieces come from: nothing
 * of one that is none, or is between meshes that lie elsewhere. */
static inline gw_lowered_part gw_lowered_pieces(const gw_lowered *lowered, const gw_plan *plan,
                                                uint32_t t)
{
    const uint32_t place = plan->leaving_place[t] - lowered->first_leaving;
    return place < lowered->leaving_count ? lowered->leaving[place] : (gw_lowered_part){0, 0};
}
static inline gw_lowered_part gw_lowered_sources(const gw_lowered *lowered, const gw_plan *plan,
                                                 uint32_t t)
{
    const uint32_t place = plan->entering_place[t] - lowered->first_entering;
    return place < lowered->entering_count ? lowered->entering[place] : (gw_lowered_part){0, 0};
}
