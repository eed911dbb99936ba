/* SPDX-License-Identifier: Apache-2.0 */
/* A compiled function: a straight-line list of operations over the values of one shard, with
 * shapes, cost and resources known before it runs. */
#pragma once

#include <glib.h>

#include "program/operation.h"

#define GW_FUNCTION_VALUES_MAX 65536        /* Operations name values in 16 bits. */
#define GW_VALUE_BYTES_MAX     (1ULL << 40) /* Of one shard of one value. */

typedef enum { GW_VALUE_INPUT = 1, GW_VALUE_OUTPUT, GW_VALUE_TEMPORARY } gw_value_role;

/* What a buffer is for, to those who read how much memory a job takes. */
typedef enum {
    GW_MEMORY_OTHER,
    GW_MEMORY_PARAMETERS,
    GW_MEMORY_GRADIENTS,
    GW_MEMORY_OPTIMIZER, /* What it keeps besides parameters. */
    GW_MEMORY_ACTIVATIONS,
    GW_MEMORY_TEMPORARIES, /* Workspace: of functions, no output's. */
} gw_memory_class;
#define GW_MEMORY_CLASSES (GW_MEMORY_TEMPORARIES + 1)

typedef struct {
    gw_value_role role;
    uint32_t position;      /* Among the inputs, or the outputs, or the temporaries. */
    uint32_t rows, columns; /* Of one shard. */
    uint32_t element_bytes; /* What memory and transfers are charged.  Operands of operations have
                               4, float32, or 2, bfloat16, which is widened to compute. */
    bool is_sharded;        /* The shards' rows, in mesh order, make the whole; else each shard
                               holds the whole (replicated).  So RANDOM, which goes by an element's
                               place in the whole, gives sharded values parts that differ, and
                               replicated ones the same everywhere. */
    uint32_t donor;         /* Of an output: 1 + the position of the input whose buffer it may take
                               over (gw_function_donate); 0: none. */
    gw_memory_class memory; /* Of an output. */
} gw_value;

typedef struct {
    char *name;
    GArray *values;     /* gw_value */
    GArray *operations; /* gw_operation */
    GArray *inputs;     /* uint32_t: the value at each position. */
    GArray *outputs;    /* uint32_t, likewise. */
    uint32_t input_count, output_count;
    uint64_t computations; /* What a user would count: 1, or how many were fused; 0 for set-up. */
    bool is_irregular;     /* Resources or successors depend on values. */
    GBytes *text;          /* What TEXT reads; NULL: none. */
} gw_function;

gw_function *gw_function_new(const char *name);
void gw_function_free(gw_function *function);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(gw_function, gw_function_free)
gw_function *gw_function_copy(const gw_function *function);

/* Each appends one value of float32 and returns its index; positions count up in order. */
uint32_t gw_function_add_input(gw_function *function, uint32_t rows, uint32_t columns,
                               bool is_sharded);
uint32_t gw_function_add_output(gw_function *function, uint32_t rows, uint32_t columns,
                                bool is_sharded);
uint32_t gw_function_add_temporary(gw_function *function, uint32_t rows, uint32_t columns);
/* Makes a temporary the next output. */
void gw_function_give(gw_function *function, uint32_t value, bool is_sharded);
void gw_function_add(gw_function *function, const gw_operation *operation);
/* What all its operations TEXT read; referenced, not copied.  Again: the same. */
void gw_function_set_text(gw_function *function, GBytes *text);

/* "optimizer state" */
const char *gw_memory_class_name(gw_memory_class memory);

/* The output may be written over the input, value by value (indexes): where nobody reads the input
 * afterwards, one buffer does for both.  What the output holds is the same either way. */
void gw_function_donate(gw_function *function, uint32_t input, uint32_t output);

/* The index of the input (output) value at `position`. */
uint32_t gw_function_input(const gw_function *function, uint32_t position);
uint32_t gw_function_output(const gw_function *function, uint32_t position);
static inline const gw_value *gw_function_value(const gw_function *function, uint32_t index)
{
    return &g_array_index(function->values, gw_value, index);
}
static inline const gw_operation *gw_function_operation(const gw_function *function, uint32_t index)
{
    return &g_array_index(function->operations, gw_operation, index);
}
/* Of one shard of the value: rows times columns. */
static inline uint64_t gw_function_elements(const gw_function *function, uint32_t index)
{
    const gw_value *value = gw_function_value(function, index);
    return (uint64_t)value->rows * value->columns;
}
uint64_t gw_value_bytes(const gw_value *value); /* Of one shard. */
/* What `source`, of `source_count` shards, hands to a value of another mesh: the source shards that
 * `shard` of the target takes rows from, [*out_first, returned). */
uint32_t gw_value_sources(const gw_value *source, uint32_t source_count, const gw_value *target,
                          uint32_t shard, uint32_t *out_first);
/* By operation: before which one an overlapped collective is awaited, the first one after it that
 * names its output or writes its input, or the number of operations where none does; the others'
 * own number.  The caller frees. */
uint32_t *gw_function_list_awaits(const gw_function *function);
/* The block of memory that one shard's temporaries share, in bytes.  Each has its place for as long
 * as it is needed, from the first operation that names it to the last, or until the overlapped
 * collective is awaited that does, so later ones take the places of earlier ones.  Places and sizes
 * are multiples of `unit_bytes`.  `out_offsets_bytes`: by value, where a temporary lies; others are
 * untouched; NULL: not asked for. */
uint64_t gw_function_place_temporaries(const gw_function *function, uint64_t unit_bytes,
                                       uint64_t *out_offsets_bytes);

/* FLOPs of one shard's operation (docs/MODEL.md): MATMUL 2mnk, BLOCK_MATMUL and its gradient as if
 * they had a block; ATTENTION 4 tsc and 5 per element of p, its gradient 8 tsc and 4, for t tokens
 * of c columns and sequences of s in k; EMBEDDING_GRADIENT 1 per element of dy; GATE 1 per share
 * and choice; DISPATCH_GRADIENT 1, COMBINE 2 and its gradient 3 per choice and column; per element
 * of its first operand MAP, REDUCE, ROUTE, RANDOM and TOKENS 1, SGD 2, TOKEN_LOSS 3,
 * TOKEN_STATISTICS and GATE_GRADIENT 4, SOFTMAX 5, GELU, LAYER_NORM and CROSS_ENTROPY 8, ADAM 12,
 * GELU_GRADIENT 13, LAYER_NORM_GRADIENT 14; COPY, FILL, TEXT, EMBEDDING, GATHER, SCATTER, DISPATCH,
 * DURATION and collectives none; WORK its own. */
double gw_operation_flops(const gw_function *function, const gw_operation *operation);
/* The bytes that it reads and writes in device memory: all operands once; DURATION 0, WORK its
 * own, of collectives one member's input, of an EMBEDDING's table the rows that it gives out, and
 * of what SLICE cuts the block that it keeps. */
double gw_operation_bytes(const gw_function *function, const gw_operation *operation);

/* What the collective at `index` moves together with those that are joined to it: one member's
 * inputs; 0 where it is joined to one before. */
uint64_t gw_function_collective_bytes(const gw_function *function, uint32_t index);
/* Of the same operation by itself, joined or not. */
uint64_t gw_function_member_bytes(const gw_function *function, uint32_t index);

/* It has DURATION or WORK: it models time, not data. */
bool gw_function_models_time(const gw_function *function);

/* Whether the operation may write its output `output` over its operand `input`: it goes element by
 * element, and reads each, on all devices, before it writes it.  An all-reduce may even name one
 * value for both. */
bool gw_operation_writes_over(const gw_operation *operation, uint32_t input, uint32_t output);
/* True when every output with a donor is as large as it, and the donor of no other, and whatever
 * writes the output may write over the donor, is the last to read it and reads it but once.  Else
 * GW_ERROR_SCENARIO naming function and output. */
bool gw_function_check_donors(const gw_function *function, GError **error);

/* True when every value has a size up to GW_VALUE_BYTES_MAX; every operand exists, has the shape
 * that its operation needs with groups over a mesh of `shape` (`dims` 1 to 3), and is an input or
 * written before it is read; no operation writes an input or what it reads; every output is
 * written once; donors are as gw_function_check_donors asks.  Else GW_ERROR_SCENARIO naming
 * function, operation and value.
 *
 * A function with DURATION or WORK models time, not data: what no operation of it has written may
 * be read and handed on all the same, and holds anything. */
bool gw_function_check(const gw_function *function, uint32_t dims, const uint32_t *shape,
                       GError **error);
