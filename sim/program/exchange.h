/* SPDX-License-Identifier: Apache-2.0 */
/* Exchanges: edges whose rows go where values say, as a router sends tokens to experts.
 *
 * A DEAL takes the rows of each source shard in order: as many to target shard 0 as the first of
 * the shard's counts says, then those for target shard 1, and so on.  The target's input has room
 * for `capacity` rows on each shard, and holds those of source shard 0 first.  A RETURN brings row
 * i of what a target made of them back to the place that row i came from.
 *
 * Memory is taken for the maximum, time for what was counted: the operations of the target that go
 * row by row over what was dealt work on the rows that are there. */
#pragma once

#include "program/program.h"

#define GW_EXCHANGE_ROWS_MAX                                                                       \
    (1U << 24) /* Of a shard: counts are float32, and exact up to here.                            \
                */

/* Of exchange `edge`, either way round: the rows of a dealing shard, the most that a shard may be
 * dealt, and one row's bytes on this edge. */
uint32_t gw_exchange_rows(const gw_program *program, uint32_t edge);
uint32_t gw_exchange_capacity(const gw_program *program, uint32_t edge);
uint64_t gw_exchange_row_bytes(const gw_program *program, uint32_t edge);
/* The devices of the mesh that deals, and of the one that is dealt to. */
uint32_t gw_exchange_source_count(const gw_program *program, uint32_t edge);
uint32_t gw_exchange_target_count(const gw_program *program, uint32_t edge);
/* The DEAL by whose counts `edge` goes: itself, or the one that it returns. */
static inline uint32_t gw_exchange_deal(const gw_program *program, uint32_t edge)
{
    const gw_exchange *exchange = &gw_program_edge(program, edge)->exchange;
    return exchange->kind == GW_EXCHANGE_DEAL ? edge : exchange->dealt_edge;
}

/* Edges are indexed by target, and shapes of functions are checked.  True when each exchange leads
 * from one mesh to another, in every run, between sharded buffers; a DEAL's source has a count
 * on each device for each target shard, and whole rows of the target's size, no more than
 * GW_EXCHANGE_ROWS_MAX; no node is dealt rows twice, or decided; a RETURN starts at a node that is
 * dealt rows, ends on the mesh they came from, has rows for all of them at both ends, and is the
 * only one of its DEAL.  Else GW_ERROR_SCENARIO naming the ends. */
bool gw_exchange_check(const gw_program *program, GError **error);
/* The program is checked, its nodes are in order: fills dealt_edge, return_edge, counted and
 * exchange_count. */
void gw_exchange_link(gw_program *program);

/* What of a function goes row by row over one of its inputs. */
typedef struct gw_counted {
    uint32_t edge;     /* The DEAL. */
    uint32_t input;    /* Its position. */
    uint32_t capacity; /* Rows. */
    bool *values;      /* By value: it has a row for each row of the input. */
    bool *operations;  /* By operation: it works on as many rows as there are. */
} gw_counted;

/* MAP (ADD_ROW of one row), SOFTMAX and LAYER_NORM follow their first operand, MATMUL its first
 * when it is not transposed, where other operands with rows follow too; DURATION and WORK say so
 * themselves. Everything else reads its operands whole, 0 where no row is. */
gw_counted *gw_counted_new(const gw_function *function, uint32_t input);
void gw_counted_free(gw_counted *counted);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(gw_counted, gw_counted_free)

/* `operation` as it is with `rows` rows, over `scratch`: a copy of the function whose counted
 * values gw_counted_resize has given as many. */
gw_operation gw_counted_operation(const gw_counted *counted, const gw_function *scratch,
                                  uint32_t index, uint32_t rows);
void gw_counted_resize(const gw_counted *counted, gw_function *scratch, uint32_t rows);
