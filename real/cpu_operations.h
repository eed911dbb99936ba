/* SPDX-License-Identifier: Apache-2.0 */
/* What a CPU device can compute: every operation of a compiled function but the collectives
 * (cpu_collective.h), on float32.
 *
 * DURATION and WORK have no data: the device is kept busy for the time.  WORK takes its FLOPs at
 * GW_CPU_FLOPS_PER_S, or at what the context names; its bytes of memory traffic take no time.
 * Matrix products under way are at most as many as there are cores; others wait their turn. */
#pragma once

#include <stdatomic.h>

#include "program/exchange.h"

#define GW_CPU_ALIGNMENT_BYTES 64  /* Of every buffer: a cache line, and any vector register. */
#define GW_CPU_FLOPS_PER_S     1e9 /* A nominal rate for WORK: 1 GFLOP/s. */

/* Before any thread computes: OpenBLAS must not start threads of its own.  Again does nothing. */
void gw_cpu_operations_init(void);
/* How many matrix products may be under way: threads that are no more need not ask. */
#define GW_CPU_PRODUCTS_MAX 32

#define GW_CPU_SHORT_NS 20000

/* How a function's values lie in a device's memory: temporaries share one scratch block, each at
 * its own offset.  Immutable, but for is_short. */
typedef struct {
    const gw_function *function; /* Borrowed. */
    uint64_t scratch_bytes;      /* Of all of it: temporaries, then wide copies of an operation's
                                    operands that are kept in 2 bytes. */
    uint64_t wide_bytes;         /* The latter's part. */
    uint64_t *offsets_bytes;     /* By value; of temporaries. */
    bool *is_written;            /* By value: some operation writes it. */
    bool multiplies;             /* It has matrix products. */
    bool meets;                  /* It has collectives. */
    atomic_bool is_short;        /* It took GW_CPU_SHORT_NS at most the last time, and never meets;
                                    the device's word. */
} gw_cpu_plan;

gw_cpu_plan *gw_cpu_plan_new(const gw_function *function);
void gw_cpu_plan_free(gw_cpu_plan *plan);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(gw_cpu_plan, gw_cpu_plan_free)

/* What a wide copy of the value takes: 0 where it has 4 bytes an element. */
uint64_t gw_cpu_wide_bytes(const gw_function *function, uint32_t index);

typedef struct {
    const gw_function *function;
    float *const *values;            /* By value index. */
    uint32_t shard;                  /* Which shard of the mesh this is, */
    const gw_mesh *mesh;             /* and of which; NULL: no operation is split over axes. */
    double flops_per_s;              /* For WORK; 0: GW_CPU_FLOPS_PER_S. */
    const atomic_bool *is_cancelled; /* Looked at while busy waiting; NULL: never cancelled. */
    const gw_counted *counted; /* NULL: the operation works on whole values; else on so many rows */
    uint32_t counted_rows;     /* of those that follow the rows that this shard was dealt. */
    bool is_alone;             /* No more threads compute than products may be under way. */
} gw_cpu_context;

/* `operation` is none of the collectives.  Outputs are written whole. */
void gw_cpu_operation_run(const gw_cpu_context *context, const gw_operation *operation);

/* Stays busy for `span_ns` of true time, or until cancelled.  It sleeps through all but the end,
 * which it spins: devices are usually more than cores, and a spinning one would slow the rest. */
void gw_cpu_busy_wait(gw_span span_ns, const atomic_bool *is_cancelled);
