/* SPDX-License-Identifier: Apache-2.0 */
/* What things cost, from what sums of them took. */
#pragma once

#include <stdint.h>

#define GW_FIT_COSTS_MAX 8

typedef struct {
    double parts[GW_FIT_COSTS_MAX]; /* How much of each thing. */
    double total;                   /* What they took together; above 0. */
} gw_fit_row;

/* The costs c >= 0 of `cost_count` things with the least sum over rows of
 * (1 - sum_i parts_i c_i / total)^2, by coordinate descent: each in turn is set to its best, or to
 * 0 where that is below.  A few unknowns and dozens of rows need no better method.  Returns the
 * largest |1 - sum / total| of a row. */
double gw_fit_costs(const gw_fit_row *rows, uint32_t row_count, uint32_t cost_count,
                    double out_costs[GW_FIT_COSTS_MAX]);
