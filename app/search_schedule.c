/* SPDX-License-Identifier: Apache-2.0 */
#include "app/search_schedule.h"

#include "workload/workload_params.h"

static const gw_schedule_ops *ops_of(const gw_search_point *point)
{
    return gw_workload_schedules[point->values[GW_SEARCH_SCHEDULE]];
}

bool gw_search_schedule_is_searched(const gw_search_point *point)
{
    return ops_of(point)->is_searched;
}

bool gw_search_schedule_splits(const gw_search_point *point)
{
    return ops_of(point)->splits;
}

double gw_search_schedule_limit(const gw_search_space *space, const gw_search_point *point)
{
    const guint held_per_stage = ops_of(point)->held_per_stage;
    return held_per_stage > 0 ? (double)held_per_stage * point->values[GW_SEARCH_STAGES]
                              : space->activations_max;
}

bool gw_search_schedule_is_small(const gw_search_space *space, const gw_search_point *point,
                                 char **out_reason)
{
    const guint64 pass_count = (ops_of(point)->splits ? 3 : 2) *
                               gw_search_microbatches(space, point) *
                               point->values[GW_SEARCH_STAGES] * point->values[GW_SEARCH_CHUNKS];
    if (pass_count <= GW_WORKLOAD_NODES_MAX)
        return true;
    *out_reason = g_strdup_printf("more than %u passes of micro-batches", GW_WORKLOAD_NODES_MAX);
    return false;
}

static bool check_peaks(const gw_search_space *space, const gw_workload_schedule *schedule,
                        double kept_share, char **out_reason)
{
    for (guint s = 0; space->activations_max > 0 && s < schedule->stage_count; s++) {
        const double peak = gw_workload_schedule_peak(schedule, s, kept_share);
        if (peak <= space->activations_max)
            continue;
        *out_reason =
            g_strdup_printf("stage %u holds the activations of %g micro-batches, expected at most "
                            "the scenario's %g",
                            s, peak, space->activations_max);
        return false;
    }
    return true;
}

gw_workload_schedule *gw_search_schedule_make(const gw_search_space *space,
                                              const gw_search_point *point, gw_span pass_ns,
                                              double kept_share, char **out_reason)
{
    g_autoptr(GError) error = NULL;
    const guint stages = point->values[GW_SEARCH_STAGES];
    if (!gw_search_schedule_is_small(space, point, out_reason))
        return NULL;
    g_autofree gw_stage_times *times = g_new0(gw_stage_times, stages);
    for (guint s = 0; s < stages; s++)
        times[s] = (gw_stage_times){.forward_ns = pass_ns,
                                    .backward_ns = 2 * pass_ns,
                                    .transfer_ns = stages > 1 ? 1 : 0,
                                    .weight_ns = pass_ns};
    const gw_schedule_request request = {.stage_count = stages,
                                         .microbatch_count =
                                             (guint32)gw_search_microbatches(space, point),
                                         .chunk_count = point->values[GW_SEARCH_CHUNKS],
                                         .times = times,
                                         .kept_share = kept_share,
                                         .activations_max = space->activations_max};
    g_autoptr(gw_workload_schedule) made = ops_of(point)->make(&request, &error);
    if (made == NULL) {
        *out_reason = g_strdup(error->message);
        return NULL;
    }
    return check_peaks(space, made, kept_share, out_reason) ? g_steal_pointer(&made) : NULL;
}
