/* SPDX-License-Identifier: Apache-2.0 */
/* Matrix products, each feeding the next: kernels of a size, with nothing between devices.
 *
 * Each device has its own block of rows x and the same square w, and computes x <- x w again and
 * again.  w is uniform with the variance 1/size of its elements, so that x keeps its size. */
#include <math.h>

#include "base/random.h"
#include "workload/emit.h"
#include "workload/workload.h"
#include "workload/workload_params.h"

#define SIZE_MAX_ELEMENTS 32768U

typedef struct {
    uint32_t dims, shape[GW_MESH_DIMS_MAX];
    uint64_t size, rows, length;
} products_spec;

static bool read_products(gw_params *params, products_spec *out, GError **error)
{
    if (!gw_workload_read_mesh(params, &out->dims, out->shape, error) ||
        !gw_params_count(params, "size", true, 1, SIZE_MAX_ELEMENTS, &out->size, error))
        return false;
    out->rows = out->size;
    return gw_params_count(params, "rows", false, 1, SIZE_MAX_ELEMENTS, &out->rows, error) &&
           gw_params_count(params, "length", false, 1, GW_WORKLOAD_NODES_MAX, &out->length,
                           error) &&
           gw_params_finish(params, error);
}

static gw_function *make_start(const products_spec *spec, uint64_t seed)
{
    const uint32_t rows = (uint32_t)spec->rows, size = (uint32_t)spec->size;
    gw_function *function = gw_function_new("start");
    const uint32_t x = gw_function_add_output(function, rows, size, true);
    const uint32_t w = gw_function_add_output(function, size, size, false);
    gw_emit_random(function, 1, gw_random_at(seed, 0), 0, x);
    gw_emit_random(function, sqrt(3.0 / (double)size), gw_random_at(seed, 1), 0, w);
    function->computations = 0;
    return function;
}

static gw_function *make_product(const products_spec *spec)
{
    const uint32_t rows = (uint32_t)spec->rows, size = (uint32_t)spec->size;
    gw_function *function = gw_function_new("product");
    const uint32_t x = gw_function_add_input(function, rows, size, true);
    const uint32_t w = gw_function_add_input(function, size, size, false);
    const uint32_t y = gw_function_add_output(function, rows, size, true);
    gw_emit_matmul(function, x, false, w, false, y);
    return function;
}

static gw_program *build_products(gw_params *params, uint64_t seed, GError **error)
{
    products_spec spec = {.length = 16};
    if (!read_products(params, &spec, error))
        return NULL;
    gw_builder *builder = gw_builder_new("products");
    gw_builder_add_mesh(builder, "devices", spec.dims, spec.shape);
    const uint32_t start = gw_builder_add_node(
        builder, "start", gw_builder_take_function(builder, make_start(&spec, seed)), 0);
    gw_builder_set_once(builder, start);
    const uint32_t product = gw_builder_take_function(builder, make_product(&spec));
    uint32_t first = 0, last = 0;
    for (uint32_t i = 0; i < spec.length; i++) {
        g_autofree char *name = g_strdup_printf("p%u", i);
        const uint32_t node = gw_builder_add_node(builder, name, product, 0);
        if (i > 0)
            gw_builder_add_edge(builder, last, 0, node, 0);
        gw_builder_add_edge(builder, start, 1, node, 1);
        first = i == 0 ? node : first;
        last = node;
    }
    gw_builder_add_carried(builder, last, 0, start, 0, first, 0);
    return gw_workload_finish(builder, params, error);
}

static const char *const products_help[] = {
    "devices  how many, on a mesh of one dimension; or \"mesh\"",
    "mesh  a list of 1 to 3 sizes instead of \"devices\"",
    "size  rows and columns of the matrix that each device multiplies by",
    "rows  of what it multiplies; default \"size\"",
    "length  products per run, default 16",
    NULL,
};

const gw_workload_ops gw_workload_products = {
    .name = "products",
    .summary = "matrix products, each feeding the next: kernels of a size",
    .help = products_help,
    .build = build_products,
};
