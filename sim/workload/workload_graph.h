/* SPDX-License-Identifier: Apache-2.0 */
/* What the files workload_graph*.c share: a graph as the scenario writes it.  Nobody else includes
 * this. */
#pragma once

#include "workload/workload_params.h"

typedef struct {
    const char *name; /* Borrowed from the parameters, as all names here. */
    uint32_t dims, shape[GW_MESH_DIMS_MAX];
} graph_mesh;

typedef struct {
    gw_params *params; /* For errors that only a mesh shows. */
    gw_operation operation;
    uint32_t size_rows; /* Of a collective: its input, as rows of one float32. */
    bool has_axes;
} graph_operation;

typedef struct {
    const char *name;
    GArray *operations; /* graph_operation */
    uint64_t output_bytes, computations;
    bool is_sharded, has_computations;
} graph_function;

typedef struct {
    const char *name;
    gw_params *params;
    uint32_t index;
    uint32_t function, mesh;
    uint32_t otherwise, decider; /* Function, and result; GW_INDEX_NONE: nothing decides. */
    bool is_once;
    GArray *sources;   /* uint32_t: nodes, by input; carried ones after the listed. */
    GArray *exchanges; /* graph_exchange, in order of their inputs. */
} graph_node;

typedef struct {
    gw_params *params;
    uint32_t input;
    gw_exchange_kind kind;
    gw_overflow overflow; /* DEAL, as the next two. */
    uint64_t row_bytes;
    uint32_t capacity;
} graph_exchange;

typedef struct {
    uint32_t source, target; /* Nodes. */
} graph_deal;

typedef struct {
    uint32_t source, target, initial, input; /* Nodes, and the target's input. */
} graph_carried;

typedef struct {
    const char *name;
    uint32_t node;
} graph_result;

typedef struct {
    gw_params *params;
    GArray *meshes, *functions, *nodes, *carried, *results;
    GArray *deals; /* graph_deal, in order of their targets. */
    GHashTable *mesh_indexes, *function_indexes, *node_indexes; /* By name; index + 1. */
    GHashTable *result_indexes;
    GHashTable *instances; /* By what an instance depends on; function of the program + 1. */
} graph_spec;

/* --- Exchanges (workload_graph_exchange.c) --- */

/* An input that is an object: {"from": node, "exchange": ...}.  The name is the caller's to find;
 * no exchange: out->kind is GW_EXCHANGE_NONE. */
bool gw_graph_read_input(gw_params *params, const char **out_from, graph_exchange *out,
                         GError **error);
/* The exchange that brings input `input` of the node; NULL: it is a plain one. */
const graph_exchange *gw_graph_find_exchange(const graph_node *node, uint32_t input);
/* The shape of such an input on each device: what it is dealt, or what was dealt and returns. */
bool gw_graph_shape_exchange(const graph_spec *graph, const graph_node *node,
                             const graph_exchange *exchange, uint32_t *out_rows,
                             uint32_t *out_columns, GError **error);
/* One output of counts for each exchange by which node `index` deals, in the order of the nodes
 * that it deals to; their number of devices goes into `key`.  `function` may be NULL. */
void gw_graph_add_counts(const graph_spec *graph, uint32_t index, gw_function *function,
                         GString *key);
void gw_graph_add_exchange(const graph_spec *graph, gw_builder *builder, uint32_t node,
                           const graph_exchange *exchange);
/* Operations that go by dealt rows stand where rows are dealt, or it is an error. */
bool gw_graph_check_counted(const graph_spec *graph, const graph_node *node, GError **error);
uint32_t gw_graph_count_devices(const graph_mesh *mesh, uint8_t axes);
