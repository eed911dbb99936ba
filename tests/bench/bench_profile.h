/* SPDX-License-Identifier: Apache-2.0 */
/* What this controller's own actions cost on this machine: a profile fitted on rows of the null
 * world, where all the time is the control plane's.
 *
 * A row took T and counted n_a of each action a.  The costs c_a >= 0 are those with the least sum
 * over rows of (1 - sum_a n_a c_a / T)^2.  Actions that always come together cannot be told apart:
 * a message's cost goes to send and receive in halves, and that of a gang on a host to prepare and
 * complete. */
#pragma once

#include "controller/port.h"
#include "record/json.h"
#include "tests/bench/bench.h"

typedef struct {
    double cost_ns[GW_COST_COUNT]; /* By gw_cost. */
    double error_max;              /* The largest |1 - fitted / measured| of a row. */
} gw_bench_profile;

#define GW_BENCH_PROFILE_ROWS "control.shapes" /* Rows of this name are fitted to. */

/* Of `rows` (gw_bench_row). */
gw_bench_profile gw_bench_fit_profile(const GArray *rows);
/* Into an open object, as a profile called `name`; `command` is what measured it.  Costs are
 * rounded up to whole nanoseconds. */
void gw_bench_put_profile(const gw_bench_profile *profile, const char *name, const char *command,
                          gw_json *json);
/* A profile that scenarios can name, written whole or not at all.  Costs are rounded up to whole
 * nanoseconds.  GW_ERROR_SYSTEM when it cannot be written. */
bool gw_bench_write_profile(const gw_bench_profile *profile, const char *path, GError **error);
