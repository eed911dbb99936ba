/* SPDX-License-Identifier: Apache-2.0 */
/* One operation more at the end of a function: for generators that write many.  Operands are values
 * of the function; shapes are checked with the program (gw_builder_finish). */
#pragma once

#include "program/function.h"

/* `axes`: split over these mesh dimensions; 0: by whether y is sharded. */
void gw_emit_random(gw_function *function, double scale, uint64_t seed, uint8_t axes, uint32_t y);
void gw_emit_fill(gw_function *function, double scalar, uint32_t y);
void gw_emit_matmul(gw_function *function, uint32_t a, bool transpose_a, uint32_t b,
                    bool transpose_b, uint32_t y);
/* `z` is not looked at by maps of one operand. */
void gw_emit_map(gw_function *function, gw_map map, uint32_t x, uint32_t z, uint32_t y);
/* Adds an output, which is returned: the input `count` plus one, in its place.  Nothing reads
 * `count` afterwards. */
uint32_t gw_emit_next_count(gw_function *function, uint32_t count);
void gw_emit_sum_rows(gw_function *function, uint32_t x, uint32_t y);
void gw_emit_collective(gw_function *function, gw_operation_kind kind, uint8_t axes, uint32_t x,
                        uint32_t y);
