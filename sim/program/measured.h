/* SPDX-License-Identifier: Apache-2.0 */
/* What operations were measured to take on a device, for machines that can be asked (`gangway
 * calibrate`): in place of peak rates, where it is given. */
#pragma once

#include "program/function.h"

/* Straight between its points, level below the first and in proportion beyond the last. */
typedef struct {
    double size, ns;
} gw_measured_point;

typedef struct {
    gw_measured_point *points; /* Sizes ascend. */
    uint32_t count;            /* 0: not measured. */
} gw_measured_curve;

/* What was measured for these very sizes, on no grid; of axes that the form does not have, 0. */
#define GW_MEASURED_AXES_MAX 3
typedef struct {
    double sizes[GW_MEASURED_AXES_MAX];
    double ns;
} gw_measured_shape;

/* The same over several sizes at once: that of the shape, if it was measured by itself; else
 * straight along each axis between points of a grid, so that a sum of products of the sizes is met
 * exactly. */
typedef struct {
    uint32_t counts[GW_MEASURED_AXES_MAX]; /* Axes that the form does not have: 1. */
    double *sizes[GW_MEASURED_AXES_MAX];   /* Ascend; NULL where the form has no such axis. */
    double *ns;                            /* The last axis fastest; NULL: not measured. */
    gw_measured_shape *shapes;             /* In the order of their sizes, each once. */
    uint32_t shape_count;
} gw_measured_table;

typedef enum {
    GW_MEASURED_ELEMENTS = 1, /* By elements of the first input, or output where there is none. */
    GW_MEASURED_ROWS,         /* By rows and columns of the first input, or of the first output. */
    GW_MEASURED_PRODUCT,      /* By rows and columns of the result, and depth. */
    GW_MEASURED_ATTENTION,    /* By length of a sequence and columns of a head: ns for each element
                                 of p (operation.h), beyond the longest sequence as for that. */
} gw_measured_form;

/* "rows": what the form goes by; NULL: it has not so many axes. */
const char *gw_measured_axis(gw_measured_form form, uint32_t axis);

/* What can be measured: "matmul", "gelu", "softmax". */
typedef struct {
    const char *name;
    gw_measured_form form;
    gw_operation_kind kind;
    uint32_t which; /* Of MAP its gw_map, of REDUCE its gw_reduction, of MATMUL one of these: */
} gw_measured_kind;

#define GW_MEASURED_PLAIN        0
#define GW_MEASURED_A_TRANSPOSED 1
#define GW_MEASURED_B_TRANSPOSED 2 /* Both: as a. */

extern const gw_measured_kind gw_measured_kinds[]; /* A name of NULL ends it. */
#define GW_MEASURED_KINDS_MAX 40

/* What an operation is to those who look it up: `count` times what its kind takes for its sizes.
 * A product by blocks is so many products; attention so many elements of p. */
typedef struct {
    uint32_t kind; /* Index into gw_measured_kinds. */
    double sizes[GW_MEASURED_AXES_MAX];
    double count;
} gw_measured_work;

/* A collective of so many members, by bytes of one member's input.  On several hosts: as many on
 * each. */
typedef struct {
    gw_operation_kind kind;
    uint32_t member_count, host_count;
    gw_measured_curve curve;
} gw_measured_collective;

typedef struct {
    gw_measured_table tables[GW_MEASURED_KINDS_MAX]; /* By place in gw_measured_kinds. */
    gw_measured_collective
        *collectives; /* Of a kind, hosts ascend, and members on as many hosts. */
    uint32_t collective_count;
    /* Between two hosts: of an empty message, and of a long one. */
    gw_span send_ns;
    double send_bytes_per_s; /* 0: neither was measured. */
    /* How long a thread takes to wake that has slept so many ns; level beyond the last, too.  No
     * points: as long as a hand-over. */
    gw_measured_curve wake;
} gw_measured;

void gw_measured_free(gw_measured *measured);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(gw_measured, gw_measured_free)

/* Adds what was measured for these sizes by itself; false: they are there already. */
bool gw_measured_table_add(gw_measured_table *table, const gw_measured_shape *shape);
/* What a table says at so much along each axis; it has a grid. */
double gw_measured_table_at(const gw_measured_table *table,
                            const double sizes[GW_MEASURED_AXES_MAX]);
/* What a curve says at `size`; `curve` has a point at least. */
double gw_measured_at(const gw_measured_curve *curve, double size);
/* How long a thread takes to wake that has slept for `rest_ns`; 0: that was not measured. */
gw_span gw_measured_wake(const gw_measured *measured, gw_span rest_ns);

/* False: the operation is of no kind that can be measured. */
bool gw_measured_describe(const gw_function *function, const gw_operation *operation,
                          gw_measured_work *out);
/* False: that was not measured. */
bool gw_measured_work_span(const gw_measured *measured, const gw_measured_work *work,
                           double *out_ns);
/* The same of an operation. */
bool gw_measured_operation(const gw_measured *measured, const gw_function *function,
                           const gw_operation *operation, double *out_ns);
/* On the next smaller number of hosts that was measured, else the next larger; where nothing was
 * between hosts, as on one.  Between two numbers of members, as far as between them; beyond, that
 * of the nearest.  Of one member: a copy.  False: there is nothing like it. */
bool gw_measured_collective_of(const gw_measured *measured, gw_operation_kind kind,
                               uint32_t member_count, uint32_t host_count, uint64_t size_bytes,
                               double *out_ns);
