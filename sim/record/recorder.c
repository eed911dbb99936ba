/* SPDX-License-Identifier: Apache-2.0 */
/* One recorder in front of everything that a run leaves behind.
 *
 * It checks nothing and computes nothing: records go on to the counters (summary), the
 * utilisation over time (series), and, where asked for, gangs.csv, shards.csv and the trace.  What
 * is streamed is opened at the beginning, so that a folder that cannot be written to is known
 * before the run and not after it. */
#include "record/recorder.h"

#include <glib/gstdio.h>

#include "base/check.h"
#include "record/gangs.h"
#include "record/json.h"
#include "record/series.h"
#include "record/summary.h"
#include "record/trace.h"

struct gw_recorder {
    gw_recorder_settings settings;
    gw_summary *summary;
    gw_series *series;
    gw_gangs *gangs;   /* NULL: not wanted. */
    gw_trace *trace;   /* NULL: not wanted. */
    uint32_t *islands; /* By device. */
    uint64_t runs_asked;
    gw_recorder_observer observer;
    char *text; /* summary.json, once finished. */
};

static void map_islands(gw_recorder *recorder)
{
    const gw_recorder_settings *settings = &recorder->settings;
    uint32_t next = 0;
    recorder->islands = g_new(uint32_t, settings->device_count);
    for (uint32_t i = 0; i < settings->island_count; i++) {
        gw_check(settings->islands[i].first_device == next);
        gw_check(settings->islands[i].device_count <= settings->device_count - next);
        for (uint32_t k = 0; k < settings->islands[i].device_count; k++) {
            recorder->islands[next++] = i;
        }
    }
    gw_check(next == settings->device_count);
}

static gw_series *make_series(const gw_recorder_settings *settings)
{
    g_autofree uint32_t *device_counts = g_new(uint32_t, settings->island_count);
    g_autofree const char **job_names = g_new(const char *, settings->job_count);
    for (uint32_t i = 0; i < settings->island_count; i++) {
        device_counts[i] = settings->islands[i].device_count;
    }
    for (uint32_t i = 0; i < settings->job_count; i++) {
        job_names[i] = settings->jobs[i].name;
    }
    return gw_series_new(&(gw_series_settings){
        .island_device_counts = device_counts,
        .island_count = settings->island_count,
        .job_names = job_names,
        .job_count = settings->job_count,
    });
}

static bool open_streams(gw_recorder *recorder, GError **error)
{
    const gw_recorder_settings *settings = &recorder->settings;
    if (settings->folder == NULL) {
        return true;
    }
    if (!gw_output_make_folder(settings->folder, error)) {
        return false;
    }
    if (settings->wants_gangs) {
        recorder->gangs = gw_gangs_new(settings, error);
        if (recorder->gangs == NULL) {
            return false;
        }
    }
    if (settings->wants_trace) {
        recorder->trace = gw_trace_new(settings, error);
        return recorder->trace != NULL;
    }
    return true;
}

gw_recorder *gw_recorder_new(const gw_recorder_settings *settings, GError **error)
{
    g_autoptr(gw_recorder) recorder = g_new0(gw_recorder, 1);
    recorder->settings = *settings;
    recorder->summary = gw_summary_new(&recorder->settings);
    map_islands(recorder);
    recorder->series = make_series(settings);
    for (uint32_t i = 0; i < settings->job_count; i++) {
        recorder->runs_asked += settings->jobs[i].step_count;
    }
    if (!open_streams(recorder, error)) {
        return NULL;
    }
    return g_steal_pointer(&recorder);
}

void gw_recorder_free(gw_recorder *recorder)
{
    if (recorder != NULL) {
        gw_gangs_free(recorder->gangs);
        gw_trace_free(recorder->trace);
        gw_summary_free(recorder->summary);
        gw_series_free(recorder->series);
        g_free(recorder->islands);
        g_free(recorder->text);
        g_free(recorder);
    }
}

/* The parts of a range that lie in one island each. */
static void add_to_series(gw_recorder *recorder, const gw_shard_record *shards)
{
    uint32_t next = shards->first_device;
    uint32_t end = next + shards->device_count;
    while (next < end) {
        uint32_t island = recorder->islands[next];
        const gw_recorder_island *about = &recorder->settings.islands[island];
        uint32_t island_end = MIN(end, about->first_device + about->device_count);
        gw_series_add(recorder->series, island, shards->job, island_end - next, shards->start_ns,
                      shards->end_ns, shards->local_ns + shards->collective_ns);
        next = island_end;
    }
}

void gw_recorder_add_shards(gw_recorder *recorder, const gw_shard_record *shards)
{
    gw_check(recorder->text == NULL);
    gw_summary_add_shards(recorder->summary, shards);
    add_to_series(recorder, shards);
    if (recorder->gangs != NULL) {
        gw_gangs_add_shards(recorder->gangs, shards);
    }
    if (recorder->trace != NULL) {
        gw_trace_add_shards(recorder->trace, shards);
    }
    if (recorder->observer.shards != NULL) {
        recorder->observer.shards(recorder->observer.context, shards);
    }
}

void gw_recorder_add_gang(gw_recorder *recorder, const gw_gang_record *gang)
{
    gw_check(recorder->text == NULL);
    gw_summary_add_gang(recorder->summary, gang);
    if (recorder->gangs != NULL) {
        gw_gangs_add(recorder->gangs, gang);
    }
    if (recorder->trace != NULL) {
        gw_trace_add_gang(recorder->trace, gang);
    }
}

void gw_recorder_add_transfer(gw_recorder *recorder, const gw_transfer_record *transfer)
{
    gw_check(recorder->text == NULL);
    gw_summary_add_transfer(recorder->summary, transfer);
    if (recorder->trace != NULL) {
        gw_trace_add_transfer(recorder->trace, transfer);
    }
    if (recorder->observer.transfer != NULL) {
        recorder->observer.transfer(recorder->observer.context, transfer);
    }
}

void gw_recorder_add_message(gw_recorder *recorder, uint64_t size_bytes)
{
    gw_summary_add_message(recorder->summary, size_bytes);
}

static void end_run(gw_recorder *recorder, uint32_t job, uint64_t run, gw_time now_ns)
{
    gw_summary_run_done(recorder->summary, job, run, now_ns);
    if (recorder->observer.run_done != NULL) {
        recorder->observer.run_done(recorder->observer.context, job, run, now_ns);
    }
}

static void end_move(gw_recorder *recorder, uint32_t job, uint64_t size_bytes, gw_time now_ns)
{
    const gw_time start_ns = gw_summary_state_moved(recorder->summary, job, size_bytes, now_ns);
    if (recorder->trace != NULL) {
        gw_trace_add_move(recorder->trace, job, size_bytes, start_ns, now_ns);
    }
}

static bool is_drawn(const gw_recorder *recorder, uint32_t job, uint32_t result)
{
    gw_check(job < recorder->settings.job_count);
    const gw_recorder_job *about = &recorder->settings.jobs[job];
    gw_check(result < about->result_count);
    return about->is_drawn != NULL && about->is_drawn[result];
}

void gw_recorder_add_note(gw_recorder *recorder, const gw_note *note, bool has_data, gw_time now_ns)
{
    gw_summary *summary = recorder->summary;
    const uint32_t job = (uint32_t)note->a;
    switch (note->kind) {
    case GW_NOTE_RUN_DONE:
        end_run(recorder, job, note->b, now_ns);
        return;
    case GW_NOTE_RESULT:
        if (has_data || is_drawn(recorder, job, (uint32_t)note->b)) {
            gw_summary_add_result(summary, job, (uint32_t)note->b, note->b >> 32, note->value);
        }
        return;
    case GW_NOTE_JOB_STARTED:
        gw_summary_job_started(summary, job, now_ns);
        return;
    case GW_NOTE_JOB_MOVED:
        gw_summary_job_moved(summary, job);
        return;
    case GW_NOTE_JOB_STAYED:
        gw_summary_job_stayed(summary, job);
        return;
    case GW_NOTE_STATE_LEAVES:
        gw_summary_state_leaves(summary, job, now_ns);
        return;
    case GW_NOTE_STATE_MOVED:
        end_move(recorder, job, note->b, now_ns);
        return;
    case GW_NOTE_JOB_DONE:
        gw_summary_job_done(summary, job, now_ns);
        return;
    case GW_NOTE_CLIENT_FAILED:
    case GW_NOTE_LEASE_EXPIRED:
        gw_summary_job_failed(summary, job, now_ns);
        if (gw_note_is_end(note)) {
            gw_summary_job_collected(summary, job, now_ns);
        }
        return;
    case GW_NOTE_JOB_COLLECTED:
        gw_summary_job_collected(summary, job, now_ns);
        return;
    case GW_NOTE_ORDER_WAIT:
        gw_summary_order_wait(summary, job, note->b);
        return;
    case GW_NOTE_STARVED:
        gw_summary_starved(summary, job, note->b);
        return;
    case GW_NOTE_DEADLINE_MISSED:
        gw_summary_deadline_missed(summary, job);
        return;
    case GW_NOTE_SPILLED:
        gw_summary_spilled(summary, job, note->b);
        return;
    case GW_NOTE_RETURNED:
        gw_summary_returned(summary, job, note->b);
        return;
    case GW_NOTE_ROWS:
        gw_summary_add_rows(summary, job, note->b, (uint64_t)note->value);
        return;
    default:
        return;
    }
}

gw_span gw_recorder_starved_ns(const gw_recorder *recorder, uint32_t job)
{
    return gw_summary_starved_ns(recorder->summary, job);
}

void gw_recorder_observe(gw_recorder *recorder, const gw_recorder_observer *observer)
{
    gw_check(recorder->text == NULL);
    recorder->observer = *observer;
}

uint64_t gw_recorder_runs_done(const gw_recorder *recorder)
{
    return gw_summary_runs_done(recorder->summary);
}

uint64_t gw_recorder_runs_asked(const gw_recorder *recorder)
{
    return recorder->runs_asked;
}

static double divide_by_wall(uint64_t count, const gw_recorder_timing *timing)
{
    return timing->wall_s > 0 ? (double)count / timing->wall_s : 0.0;
}

static char *render_timing(const gw_recorder_timing *timing)
{
    gw_json json;
    GString *text = g_string_new(NULL);
    gw_json_init(&json, text);
    gw_json_real(&json, "wall_s", timing->wall_s);
    gw_json_real(&json, "cpu_s", timing->cpu_s);
    gw_json_count(&json, "events", timing->events);
    gw_json_real(&json, "events_per_s", divide_by_wall(timing->events, timing));
    gw_json_count(&json, "device_operations", timing->device_operations);
    gw_json_real(&json, "device_operations_per_s",
                 divide_by_wall(timing->device_operations, timing));
    gw_json_count(&json, "peak_bytes", timing->peak_bytes);
    gw_json_finish(&json);
    return g_string_free(text, FALSE);
}

static void write_devices(const gw_recorder *recorder, gw_output *output)
{
    gw_summary_write_devices(recorder->summary, output);
}

static void write_series(const gw_recorder *recorder, gw_output *output)
{
    gw_series_write(recorder->series, output);
}

static void write_results(const gw_recorder *recorder, gw_output *output)
{
    gw_summary_write_results(recorder->summary, output);
}

static bool save_table(const gw_recorder *recorder, const char *name,
                       void (*write_table)(const gw_recorder *recorder, gw_output *output),
                       GError **error)
{
    g_autoptr(gw_output) output = gw_output_open(recorder->settings.folder, name, error);
    if (output == NULL) {
        return false;
    }
    write_table(recorder, output);
    return gw_output_commit(output, error);
}

/* A file that this run has no use for may lie there from an earlier one. */
static void remove_stale(const gw_recorder *recorder, const char *name)
{
    g_autofree char *path = g_build_filename(recorder->settings.folder, name, NULL);
    g_unlink(path);
}

static bool save_streams(gw_recorder *recorder, GError **error)
{
    if (recorder->gangs == NULL) {
        remove_stale(recorder, "gangs.csv");
        remove_stale(recorder, "shards.csv");
    } else if (!gw_gangs_commit(recorder->gangs, error)) {
        return false;
    }
    if (recorder->trace == NULL) {
        remove_stale(recorder, "trace.json.gz");
        return true;
    }
    return gw_trace_commit(recorder->trace, recorder->series, error);
}

bool gw_recorder_check(const gw_recorder *recorder, GError **error)
{
    return (recorder->gangs == NULL || gw_gangs_check(recorder->gangs, error)) &&
           (recorder->trace == NULL || gw_trace_check(recorder->trace, error));
}

static bool save_tables(const gw_recorder *recorder, GError **error)
{
    if (!save_table(recorder, "devices.csv", write_devices, error) ||
        !save_table(recorder, "utilization.csv", write_series, error)) {
        return false;
    }
    if (!gw_summary_has_results(recorder->summary)) {
        remove_stale(recorder, "results.csv");
        return true;
    }
    return save_table(recorder, "results.csv", write_results, error);
}

bool gw_recorder_finish(gw_recorder *recorder, uint64_t digest, const gw_recorder_timing *timing,
                        GError **error)
{
    gw_check(recorder->text == NULL);
    const char *folder = recorder->settings.folder;
    recorder->text = gw_summary_render(recorder->summary, digest);
    if (folder == NULL) {
        return true;
    }
    g_autofree char *timing_text = render_timing(timing);
    /* The summary comes last: where it is, everything is. */
    return save_streams(recorder, error) && save_tables(recorder, error) &&
           gw_output_save(folder, "timing.json", timing_text, error) &&
           gw_output_save(folder, "summary.json", recorder->text, error);
}

const char *gw_recorder_summary(const gw_recorder *recorder)
{
    gw_check(recorder->text != NULL);
    return recorder->text;
}
