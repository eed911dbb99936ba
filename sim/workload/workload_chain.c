/* SPDX-License-Identifier: Apache-2.0 */
/* The dispatch micro-benchmark of Barham et al., "Pathways" (2022), section 5.1: computations of
 * one scalar all-reduce and one scalar add, each feeding the next.
 *
 * What is added is 1, and the sum over the devices is scaled back by their number (the one
 * operation that the paper does not have), so the value counts computations: n of them make
 * n + 1 of n, on any mesh, and in float32 exactly up to 2^24 where the number of devices is a
 * power of two. */
#include "workload/workload.h"
#include "workload/workload_params.h"

typedef struct {
    uint32_t dims, shape[GW_MESH_DIMS_MAX];
    uint64_t length, mesh_count;
    gw_span duration_ns;
    bool is_independent, has_result;
} chain_spec;

static bool read_chain(gw_params *params, chain_spec *out, GError **error)
{
    return gw_workload_read_mesh(params, &out->dims, out->shape, error) &&
           gw_params_count(params, "length", false, 1, GW_WORKLOAD_NODES_MAX, &out->length,
                           error) &&
           gw_params_count(params, "meshes", false, 1, 4096, &out->mesh_count, error) &&
           gw_workload_read_span(params, "duration", false, 0, &out->duration_ns, error) &&
           gw_params_bool(params, "independent", false, &out->is_independent, error) &&
           gw_params_bool(params, "result", false, &out->has_result, error) &&
           gw_params_finish(params, error);
}

static gw_function *make_start(void)
{
    gw_function *function = gw_function_new("start");
    const uint32_t value = gw_function_add_output(function, 1, 1, false);
    gw_function_add(function,
                    &(gw_operation){.kind = GW_OPERATION_FILL, .outputs = {(uint16_t)value}});
    function->computations = 0;
    return function;
}

static gw_function *make_link(const chain_spec *chain)
{
    uint32_t device_count = 1;
    for (uint32_t dim = 0; dim < chain->dims; dim++) {
        device_count *= chain->shape[dim];
    }
    gw_function *function = gw_function_new("reduce_add");
    const uint32_t x = gw_function_add_input(function, 1, 1, false);
    const uint32_t sum = gw_function_add_temporary(function, 1, 1);
    const uint32_t mean = gw_function_add_temporary(function, 1, 1);
    const uint32_t y = gw_function_add_output(function, 1, 1, false);
    if (chain->duration_ns > 0) {
        gw_function_add(function, &(gw_operation){.kind = GW_OPERATION_DURATION,
                                                  .duration_ns = chain->duration_ns});
    }
    gw_function_add(function, &(gw_operation){.kind = GW_OPERATION_ALL_REDUCE,
                                              .axes = (uint8_t)((1U << chain->dims) - 1),
                                              .inputs = {(uint16_t)x},
                                              .outputs = {(uint16_t)sum}});
    gw_function_add(function, &(gw_operation){.kind = GW_OPERATION_MAP,
                                              .map = GW_MAP_SCALE,
                                              .scalar = 1.0 / device_count,
                                              .inputs = {(uint16_t)sum},
                                              .outputs = {(uint16_t)mean}});
    gw_function_add(function, &(gw_operation){.kind = GW_OPERATION_MAP,
                                              .map = GW_MAP_ADD_SCALAR,
                                              .scalar = 1,
                                              .inputs = {(uint16_t)mean},
                                              .outputs = {(uint16_t)y}});
    return function;
}

static void add_meshes(const chain_spec *chain, gw_builder *builder)
{
    for (uint32_t i = 0; i < chain->mesh_count; i++) {
        g_autofree char *name = g_strdup_printf("mesh%u", i);
        gw_builder_add_mesh(builder, name, chain->dims, chain->shape);
    }
}

static gw_program *build_chain(gw_params *params, uint64_t seed, GError **error)
{
    (void)seed; /* Nothing is random. */
    chain_spec chain = {.length = 128, .mesh_count = 1};
    if (!read_chain(params, &chain, error)) {
        return NULL;
    }
    gw_builder *builder = gw_builder_new("chain");
    add_meshes(&chain, builder);
    const uint32_t start =
        gw_builder_add_node(builder, "start", gw_builder_take_function(builder, make_start()), 0);
    gw_builder_set_once(builder, start);
    const uint32_t link = gw_builder_take_function(builder, make_link(&chain));
    uint32_t first = 0, last = 0;
    for (uint32_t i = 0; i < chain.length; i++) {
        g_autofree char *name = g_strdup_printf("c%u", i);
        const uint32_t node =
            gw_builder_add_node(builder, name, link, i % (uint32_t)chain.mesh_count);
        if (i > 0) {
            gw_builder_add_edge(builder, last, 0, node, 0);
        }
        first = i == 0 ? node : first;
        last = node;
    }
    if (chain.is_independent) {
        gw_builder_add_edge(builder, start, 0, first, 0);
    } else {
        gw_builder_add_carried(builder, last, 0, start, 0, first, 0);
    }
    if (chain.has_result) {
        gw_builder_add_result(builder, "value", last, 0);
    }
    return gw_workload_finish(builder, params, error);
}

static const char *const chain_help[] = {
    "devices  how many, on a mesh of one dimension; or \"mesh\"",
    "mesh  a list of 1 to 3 sizes instead of \"devices\"",
    "length  computations per run, default 128",
    "duration  a span that each computation keeps its devices busy besides, default none",
    "meshes  how many such meshes the computations go round, default 1",
    "independent  true: each run begins anew, not with the last one's value; default false",
    "result  true: the client reads the last value after every run; default false",
    NULL,
};

const gw_workload_ops gw_workload_chain = {
    .name = "chain",
    .summary = "scalar all-reduce and add, each feeding the next: dispatch overhead",
    .help = chain_help,
    .build = build_chain,
};
