/* SPDX-License-Identifier: Apache-2.0 */
/* A program: a DAG of nodes, each one function sharded over one mesh of virtual devices; one edge
 * a logical sharded buffer, whatever the number of shards.  A program is run many times; carried
 * edges hand a buffer from one run to the next, and what a set-up node made in run 0 is kept and
 * read by every run.  Immutable once built (builder.h). */
#pragma once

#include "program/function.h"
#include "program/routing.h"

#define GW_MESH_DIMS_MAX    3
#define GW_MESH_DEVICES_MAX (1U << 20)

typedef struct {
    char *name;
    uint32_t dims;
    uint32_t shape[GW_MESH_DIMS_MAX]; /* Unused dimensions are 1. */
    double activations_max;           /* The most micro-batches whose activations it holds at a
                                         time, for people and figures; 0: not known. */
} gw_mesh;

typedef struct {
    char *name;
    uint32_t function, mesh; /* Indexes. */
    bool is_once;            /* Set-up: runs in run 0 only. */
    /* Irregular: this result of the same run decides.  Above 0 the node runs `function`, else
     * `otherwise`, which has the same inputs and outputs; GW_INDEX_NONE: nothing decides. */
    uint32_t decider, otherwise;
    uint32_t stage, microbatch; /* For people and figures; GW_INDEX_NONE where it has none. */
} gw_node;

/* How an edge between two meshes hands its rows over, where values decide that (exchange.h). */
typedef enum {
    GW_EXCHANGE_NONE = 0, /* Every row has its place beforehand. */
    GW_EXCHANGE_DEAL,     /* Counts say how many rows each source shard sends each target shard. */
    GW_EXCHANGE_RETURN,   /* Back to where a DEAL took them from, by the same counts. */
} gw_exchange_kind;

typedef enum {                       /* A target shard is dealt more rows than it has room for: */
               GW_OVERFLOW_FAIL = 1, /* the run ends, */
               GW_OVERFLOW_DROP, /* or those beyond are left out, the highest source shards' first.
                                  */
} gw_overflow;

typedef struct {
    gw_exchange_kind kind;
    gw_overflow overflow;   /* DEAL */
    uint32_t counts_output; /* DEAL: an output of the source node. */
    uint32_t dealt_edge;    /* RETURN: the DEAL edge into its source node. */
    uint32_t return_edge;   /* DEAL: the edge by which the rows return; GW_INDEX_NONE: they stay. */
} gw_exchange;

/* Source and target run in the same run, with two exceptions: a carried edge, and a plain edge
 * from a node that is_once to one that is not, which in every run hands over the buffer of run 0.
 * On one mesh both ends are sharded alike; between meshes a transfer moves and reshards. */
typedef struct {
    uint32_t source_node, source_output;
    uint32_t target_node, target_input;
    bool is_carried; /* The source is of the run before; in run 0 it is initial_…, a node that
                        is_once (GW_INDEX_NONE where the edge is not carried). */
    uint32_t initial_node, initial_output;
    gw_span duration_ns; /* The transfer takes so long; 0: the interconnect prices it.  Always 0
                            on one mesh. */
    gw_exchange exchange;
} gw_edge;

typedef struct { /* A value that the control plane reads back in every run. */
    char *name;
    uint32_t node, output; /* A 1x1 output; shard 0's is read. */
    gw_routing routing;    /* What it reads as where devices hold no data and nobody says; experts
                              0: 0. */
} gw_result;

typedef struct {
    char *name;
    GArray *meshes;        /* gw_mesh */
    GPtrArray *functions;  /* gw_function, owned */
    GArray *nodes;         /* gw_node, in an order in which every edge that is not carried points
                              forward, and so does every carried one from its initial_node */
    GArray *edges;         /* gw_edge, in order of (target_node, target_input) */
    GArray *results;       /* gw_result */
    uint32_t *first_edge;  /* Node i's in-edges are [first_edge[i], first_edge[i + 1]). */
    double tokens_per_run; /* 0: it has none. */
    GPtrArray *inputs;     /* Paths of the files that it was made from besides the scenario. */
    struct gw_counted **counted; /* By node (exchange.h); NULL: no rows are dealt to it. */
    uint32_t exchange_count;     /* Edges that are exchanges. */
    double model_flops_per_run, hardware_flops_per_run; /* Over all devices; 0: not known. */
} gw_program;

void gw_program_free(gw_program *program);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(gw_program, gw_program_free)

static inline const gw_node *gw_program_node(const gw_program *program, uint32_t index)
{
    return &g_array_index(program->nodes, gw_node, index);
}
static inline const gw_edge *gw_program_edge(const gw_program *program, uint32_t index)
{
    return &g_array_index(program->edges, gw_edge, index);
}
static inline const gw_mesh *gw_program_mesh(const gw_program *program, uint32_t index)
{
    return &g_array_index(program->meshes, gw_mesh, index);
}
static inline bool gw_node_is_decided(const gw_node *node)
{
    return node->decider != GW_INDEX_NONE;
}
static inline const gw_function *gw_program_function(const gw_program *program, uint32_t node)
{
    return (const gw_function *)g_ptr_array_index(program->functions,
                                                  gw_program_node(program, node)->function);
}
uint32_t gw_mesh_device_count(const gw_mesh *mesh);
/* Of a node: one on each device of its mesh. */
static inline uint32_t gw_program_shard_count(const gw_program *program, uint32_t node)
{
    return gw_mesh_device_count(gw_program_mesh(program, gw_program_node(program, node)->mesh));
}

/* The group that `shard` belongs to when a collective spans the dimensions in `axes`: which group
 * of the mesh it is (*out_group), its place in it (*out_position) and the groups' size (returned).
 * Shards are numbered with the last dimension running fastest; so are groups and places. */
uint32_t gw_mesh_group(const gw_mesh *mesh, uint8_t axes, uint32_t shard, uint32_t *out_group,
                       uint32_t *out_position);

/* Where each virtual device is: the real device of every shard of every mesh. */
typedef struct {
    uint32_t mesh_count;
    const uint32_t *first; /* mesh_count + 1 offsets into `devices`. */
    const uint32_t *devices;
} gw_assignment;

/* A program's nodes in one: all that are not once become one node "fused" whose function runs
 * their operations in order, at the same cost and as so many computations (the client's "fused"
 * mode).  What they hand to each other becomes temporaries of it.  GW_ERROR_SCENARIO when they
 * lie on different meshes or have more values than a function may. */
gw_program *gw_program_fuse(const gw_program *program, GError **error);
