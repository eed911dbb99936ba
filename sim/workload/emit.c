/* SPDX-License-Identifier: Apache-2.0 */
/* Operations written down. */
#include "workload/emit.h"

void gw_emit_random(gw_function *function, double scale, uint64_t seed, uint8_t axes, uint32_t y)
{
    gw_function_add(function, &(gw_operation){.kind = GW_OPERATION_RANDOM,
                                              .axes = axes,
                                              .outputs = {(uint16_t)y},
                                              .scalar = scale,
                                              .seed = seed});
}

void gw_emit_fill(gw_function *function, double scalar, uint32_t y)
{
    gw_function_add(
        function,
        &(gw_operation){.kind = GW_OPERATION_FILL, .outputs = {(uint16_t)y}, .scalar = scalar});
}

void gw_emit_matmul(gw_function *function, uint32_t a, bool transpose_a, uint32_t b,
                    bool transpose_b, uint32_t y)
{
    gw_function_add(function, &(gw_operation){.kind = GW_OPERATION_MATMUL,
                                              .transpose_a = transpose_a,
                                              .transpose_b = transpose_b,
                                              .inputs = {(uint16_t)a, (uint16_t)b},
                                              .outputs = {(uint16_t)y}});
}

void gw_emit_map(gw_function *function, gw_map map, uint32_t x, uint32_t z, uint32_t y)
{
    gw_function_add(function, &(gw_operation){.kind = GW_OPERATION_MAP,
                                              .map = map,
                                              .inputs = {(uint16_t)x, (uint16_t)z},
                                              .outputs = {(uint16_t)y}});
}

uint32_t gw_emit_next_count(gw_function *function, uint32_t count)
{
    const uint32_t next = gw_function_add_output(function, 1, 1, false);
    gw_function_donate(function, count, next);
    gw_function_add(function, &(gw_operation){.kind = GW_OPERATION_MAP,
                                              .map = GW_MAP_ADD_SCALAR,
                                              .scalar = 1,
                                              .inputs = {(uint16_t)count},
                                              .outputs = {(uint16_t)next}});
    return next;
}

void gw_emit_sum_rows(gw_function *function, uint32_t x, uint32_t y)
{
    gw_function_add(function, &(gw_operation){.kind = GW_OPERATION_REDUCE,
                                              .reduction = GW_REDUCTION_SUM_ROWS,
                                              .inputs = {(uint16_t)x},
                                              .outputs = {(uint16_t)y}});
}

void gw_emit_collective(gw_function *function, gw_operation_kind kind, uint8_t axes, uint32_t x,
                        uint32_t y)
{
    gw_function_add(function, &(gw_operation){.kind = kind,
                                              .axes = axes,
                                              .inputs = {(uint16_t)x},
                                              .outputs = {(uint16_t)y}});
}
