/* SPDX-License-Identifier: Apache-2.0 */
/* What operations were measured to take on a device, for machines that can be asked (`gangway
 * calibrate`): in place of peak rates, where it is given.  Curves are straight between their
 * points, level below the first and in proportion beyond the last. */
#pragma once

#include "program/function.h"

typedef struct {
    double size, ns;
} gw_measured_point;

typedef struct {
    gw_measured_point *points; /* Sizes ascend. */
    uint32_t count;            /* 0: not measured. */
} gw_measured_curve;

/* What a thing takes of each of its parts: a sum of so many times so much. */
#define GW_MEASURED_TERMS_MAX 5
typedef struct {
    double ns[GW_MEASURED_TERMS_MAX];
    bool is_given;
} gw_measured_sum;

typedef enum {
    GW_MEASURED_CURVE = 1, /* By elements of the operation's first input, or first output. */
    GW_MEASURED_PRODUCT,   /* Once, per FLOP, per element of a, of b, of y. */
    GW_MEASURED_ATTENTION, /* Once, per sequence and head, per element of p, per FLOP of the
                              products. */
} gw_measured_form;

/* What can be measured: "matmul", "gelu", "softmax". */
typedef struct {
    const char *name;
    gw_measured_form form;
    gw_operation_kind kind;
    uint32_t which; /* Of MAP its gw_map, of REDUCE its gw_reduction. */
} gw_measured_kind;

extern const gw_measured_kind gw_measured_kinds[]; /* A name of NULL ends it. */
#define GW_MEASURED_KINDS_MAX 40

/* A collective of so many members, by bytes of one member's input. */
typedef struct {
    gw_operation_kind kind;
    uint32_t member_count;
    gw_measured_curve curve;
} gw_measured_collective;

typedef struct {
    gw_measured_curve curves[GW_MEASURED_KINDS_MAX]; /* By place in gw_measured_kinds, as `sums`: */
    gw_measured_sum sums[GW_MEASURED_KINDS_MAX];     /* whichever its form is. */
    gw_measured_collective *collectives;             /* Of a kind, members ascend. */
    uint32_t collective_count;
} gw_measured;

void gw_measured_free(gw_measured *measured);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(gw_measured, gw_measured_free)

/* How many terms the form has, and how much of each the operation has; 0: it is a curve. */
uint32_t gw_measured_terms(gw_measured_form form, const gw_function *function,
                           const gw_operation *operation, double out_terms[GW_MEASURED_TERMS_MAX]);
/* What a curve says at `size`; `curve` has a point at least. */
double gw_measured_at(const gw_measured_curve *curve, double size);

/* False: that was not measured. */
bool gw_measured_operation(const gw_measured *measured, const gw_function *function,
                           const gw_operation *operation, double *out_ns);
/* Between two numbers of members, as far as between them; beyond, that of the nearest. */
bool gw_measured_collective_of(const gw_measured *measured, gw_operation_kind kind,
                               uint32_t member_count, uint64_t size_bytes, double *out_ns);
