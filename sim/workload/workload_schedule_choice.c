/* SPDX-License-Identifier: Apache-2.0 */
#include "workload/workload_schedule_choice.h"

#include <string.h>

#include "base/units.h"
#include "workload/workload_params.h"

static bool read_ops(gw_params *params, const gw_schedule_ops *usual, gw_schedule_choice *out,
                     GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    for (size_t i = 0; gw_workload_schedules[i] != NULL; i++)
        g_ptr_array_add(names, (void *)gw_workload_schedules[i]->name);
    g_ptr_array_add(names, NULL);
    uint32_t index = GW_INDEX_NONE;
    if (!gw_params_choice(params, "schedule", false, (const char *const *)names->pdata, &index,
                          error))
        return false;
    out->ops = index == GW_INDEX_NONE ? usual : gw_workload_schedules[index];
    return true;
}

/* A path from the scenario's folder. */
static bool read_file(gw_params *params, gw_schedule_choice *out, GError **error)
{
    const char *name = NULL;
    if (!gw_params_string(params, "schedule_file", out->ops->needs_file, &name, error))
        return false;
    if (name == NULL)
        return true;
    if (!out->ops->needs_file) {
        gw_params_error(params, "schedule_file", error,
                        "found one with schedule \"%s\", expected schedule \"%s\"", out->ops->name,
                        gw_schedule_file.name);
        return false;
    }
    out->file = gw_workload_path(params, name);
    return true;
}

static bool read_chunks(gw_params *params, gw_schedule_choice *out, GError **error)
{
    out->chunk_count = 1;
    if (!gw_params_count(params, "chunks", false, 1, GW_SCHEDULE_CHUNKS_MAX, &out->chunk_count,
                         error))
        return false;
    if (out->chunk_count > 1 && !out->ops->has_chunks) {
        gw_params_error(params, "chunks", error,
                        "found %" G_GUINT64_FORMAT " with schedule \"%s\", expected 1, or a "
                        "schedule that knows chunks, such as \"%s\"",
                        out->chunk_count, out->ops->name, gw_schedule_interleaved.name);
        return false;
    }
    return true;
}

bool gw_schedule_choice_read(gw_params *params, const gw_schedule_ops *usual,
                             gw_schedule_choice *out, GError **error)
{
    return read_ops(params, usual, out, error) && read_file(params, out, error) &&
           read_chunks(params, out, error) &&
           gw_params_number(params, "activations_max", out->ops->needs_limit, 1,
                            GW_SCHEDULE_MICROBATCHES_MAX, &out->activations_max, error);
}

bool gw_schedule_choice_read_wrap(gw_params *params, uint64_t stage_count,
                                  gw_schedule_choice *choice, GError **error)
{
    static const char *const names[] = {"all", "first", NULL};
    uint32_t index = 0;
    if (!gw_params_choice(params, "wrap_waits", false, names, &index, error))
        return false;
    choice->wraps_early = index == 1;
    if (!choice->wraps_early || (choice->ops == &gw_schedule_interleaved && stage_count > 1))
        return true;
    gw_params_error(params, "wrap_waits", error,
                    "found \"first\" with schedule \"%s\" and stages %" G_GUINT64_FORMAT
                    ", expected \"all\", or schedule \"%s\" and 2 stages at least, where "
                    "micro-batches go from the last stage round to the first",
                    choice->ops->name, stage_count, gw_schedule_interleaved.name);
    return false;
}

void gw_schedule_choice_clear(gw_schedule_choice *choice)
{
    g_free(choice->file);
}

static bool check_peaks(gw_params *params, const gw_schedule_choice *choice,
                        const gw_workload_schedule *schedule, double kept_share, GError **error)
{
    for (uint32_t stage = 0; stage < schedule->stage_count; stage++) {
        const double peak = gw_workload_schedule_peak(schedule, stage, kept_share);
        if (choice->activations_max > 0 && peak > choice->activations_max) {
            gw_params_error(params, "activations_max", error,
                            "found %g, expected %g at least, which is what schedule \"%s\" holds "
                            "on stage %u",
                            choice->activations_max, peak, choice->ops->name, stage);
            return false;
        }
    }
    return true;
}

gw_workload_schedule *gw_schedule_choice_make(gw_params *params, const gw_schedule_choice *choice,
                                              gw_schedule_request request, gw_time **out_start_ns,
                                              GError **error)
{
    request.chunk_count = (uint32_t)choice->chunk_count;
    request.activations_max = choice->activations_max;
    request.file = choice->file;
    g_autoptr(GError) cause = NULL;
    g_autoptr(gw_workload_schedule) schedule = choice->ops->make(&request, &cause);
    g_autofree gw_time *start_ns = NULL;
    if (schedule != NULL)
        schedule->wraps_early = choice->wraps_early;
    if (schedule != NULL && gw_workload_schedule_check(schedule, &cause)) {
        start_ns = g_new(gw_time, schedule->first_slot[schedule->stage_count]);
        if (gw_workload_schedule_play(schedule, request.times, start_ns, &cause)) {
            if (!check_peaks(params, choice, schedule, request.kept_share, error))
                return NULL;
            *out_start_ns = g_steal_pointer(&start_ns);
            return g_steal_pointer(&schedule);
        }
    }
    gw_params_error(params, choice->ops->needs_file ? "schedule_file" : "schedule", error, "%s",
                    cause->message);
    return NULL;
}
