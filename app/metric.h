/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers of a summary.json by their paths in dots: "utilization", "jobs.0.step_time_ns". */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "base/params.h"

#define GW_METRIC_JOBS_MAX 4 /* Jobs whose numbers are compared unasked. */

/* Whether a summary may have a number there, whatever its scenario; GW_ERROR_USAGE, with the
 * nearest, when none has. */
bool gw_metric_check(const char *name, GError **error);

/* The number at `name` in the summary; NAN where there is none. */
double gw_metric_read(gw_params *summary, const char *name);

/* Makespan, utilization, computations per second, and of the first jobs the time of a step and the
 * bubble, as far as `summary` has them: added to `names` (of char *), unless they are there. */
void gw_metric_add_defaults(gw_params *summary, GPtrArray *names);
/* Takes the numbers of jobs out of `names` that are not the same job in both summaries. */
void gw_metric_keep_common(gw_params *summary, gw_params *other, GPtrArray *names);

/* Every path of a number in `summary`, in its order; free with g_ptr_array_unref. */
GPtrArray *gw_metric_list(gw_params *summary);
