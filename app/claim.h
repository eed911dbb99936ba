/* SPDX-License-Identifier: Apache-2.0 */
/* A published statement about curves, and whether ours keep it.
 *
 * A claim is one object of a paper's file (configs/reproduce/README.md): a kind, the curves that it
 * is about, and either a published number with a tolerance or a statement with a bound:
 *     {"item": "PW-F as fast as JAX-F", "kind": "ratio", "curves": ["PW-F", "JAX-F"],
 *      "to": 256, "published": 1, "tolerance": 0.03}
 * What each kind works out of its curves ("ours"):
 *     ratio       first/second, at the point of [from, to] where the claim is kept least
 *     best_ratio  the highest of the first over the highest of the second
 *     reach       the smallest x from which on first/second stays at `share` or above, on the
 *                 straight line between points; with "between": false the point itself
 *     value       the first curve, at the point of [from, to] where the claim is kept least
 *     order       the curves from the highest to the lowest at x = from
 *     phases      "up", "down" as the first curve goes from left to right, but for changes of less
 *                 than `tolerance` of its value
 *     falls       reach of every pair (first, second), (third, fourth) ...: never rises, and falls
 */
#pragma once

#include "base/params.h"

typedef struct {
    const char *name; /* Borrowed, as everything here. */
    guint count;
    const double *x, *y; /* x rises.  A y that is not known is NAN. */
} gw_curve;

typedef struct gw_claim gw_claim;

/* A claim with its verdict, for one row of the table. */
typedef struct {
    char *source, *item;
    char *published, *ours; /* As text. */
    bool is_number;         /* Both are numbers, those below. */
    double published_value, ours_value;
    double error;     /* Of ours, relative to what it had to be, or with "absolute" the difference;
                         0 inside of bounds, NAN: none. */
    double tolerance; /* How large it may be; NAN: there is no error to bound. */
    bool holds;
} gw_claim_row;

/* Reads a claim.  Curves are found among `count` named in `names`.  NULL: GW_ERROR_SCENARIO. */
gw_claim *gw_claim_read(gw_params *object, const char *const *names, guint count, GError **error);
void gw_claim_free(gw_claim *claim);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(gw_claim, gw_claim_free)

/* Whether the verdict may depend on the point at x of the curve in that place. */
bool gw_claim_looks_at(const gw_claim *claim, guint curve, double x);

/* The verdict by `curves`, in the order of the names that the claim was read with.  What cannot be
 * worked out, for a curve that lacks the points, does not hold.  The caller frees. */
gw_claim_row *gw_claim_judge(const gw_claim *claim, const char *source, const gw_curve *curves);
void gw_claim_row_free(gw_claim_row *row);
