/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fit.h"

#include <glib.h>
#include <string.h>

#include "base/check.h"

#define SWEEPS 20000

/* What is left of a row's total, as part of it. */
static double find_rest(const gw_fit_row *row, uint32_t cost_count, const double *costs)
{
    double sum = 0;
    for (uint32_t i = 0; i < cost_count; i++)
        sum += row->parts[i] * costs[i];
    return 1 - sum / row->total;
}

static void improve(const gw_fit_row *rows, uint32_t row_count, uint32_t cost_count, uint32_t which,
                    double *costs)
{
    double above = 0, below = 0;
    for (uint32_t r = 0; r < row_count; r++) {
        const double weight = rows[r].parts[which] / rows[r].total;
        above += weight * (find_rest(&rows[r], cost_count, costs) + weight * costs[which]);
        below += weight * weight;
    }
    costs[which] = below > 0 ? MAX(0, above / below) : 0;
}

double gw_fit_costs(const gw_fit_row *rows, uint32_t row_count, uint32_t cost_count,
                    double out_costs[GW_FIT_COSTS_MAX])
{
    gw_check(cost_count <= GW_FIT_COSTS_MAX);
    memset(out_costs, 0, GW_FIT_COSTS_MAX * sizeof *out_costs);
    for (uint32_t sweep = 0; sweep < SWEEPS; sweep++)
        for (uint32_t i = 0; i < cost_count; i++)
            improve(rows, row_count, cost_count, i, out_costs);
    double worst = 0;
    for (uint32_t r = 0; r < row_count; r++) {
        const double rest = find_rest(&rows[r], cost_count, out_costs);
        worst = MAX(worst, ABS(rest));
    }
    return worst;
}
