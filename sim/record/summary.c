/* SPDX-License-Identifier: Apache-2.0 */
/* The counters of a run.
 *
 * Everything here is a sum, a minimum or a maximum, so it does not matter in which order gangs
 * and runs are reported.  Devices are counted as differences: a range of devices is charged at
 * its first device and discharged behind its last, and the sums over the devices are taken once,
 * at the end.  summary_render.c makes the numbers out of the counters. */
#include "record/summary.h"

#include "base/check.h"
#include "record/summary_private.h"

static gw_summary_result *make_results(const gw_recorder_job *job)
{
    gw_summary_result *results = g_new0(gw_summary_result, job->result_count);
    for (uint32_t i = 0; i < job->result_count; i++) {
        results[i].values = g_array_new(FALSE, TRUE, sizeof(double));
        results[i].is_present = g_array_new(FALSE, TRUE, sizeof(bool));
    }
    return results;
}

gw_summary *gw_summary_new(const gw_recorder_settings *settings)
{
    gw_check(settings->device_count > 0);
    gw_check(settings->island_count > 0);
    gw_summary *summary = g_new0(gw_summary, 1);
    summary->settings = settings;
    summary->first_start_ns = GW_TIME_NEVER;
    summary->devices = g_new0(gw_summary_device, (size_t)settings->device_count + 1);
    summary->jobs = g_new0(gw_summary_job, settings->job_count);
    for (uint32_t i = 0; i < settings->job_count; i++) {
        gw_summary_job *job = &summary->jobs[i];
        job->started_ns = job->done_ns = GW_TIME_NEVER;
        job->failed_ns = job->collected_ns = GW_TIME_NEVER;
        job->gang_start_ns = job->call_start_ns = GW_TIME_NEVER;
        job->first_run_ns = GW_TIME_NEVER;
        job->order_wait_ns = GW_TIME_NEVER;
        job->results = make_results(&settings->jobs[i]);
    }
    return summary;
}

void gw_summary_free(gw_summary *summary)
{
    if (summary == NULL) {
        return;
    }
    for (uint32_t i = 0; i < summary->settings->job_count; i++) {
        for (uint32_t k = 0; k < summary->settings->jobs[i].result_count; k++) {
            g_array_unref(summary->jobs[i].results[k].values);
            g_array_unref(summary->jobs[i].results[k].is_present);
        }
        g_free(summary->jobs[i].results);
        g_free(summary->jobs[i].powers);
    }
    g_free(summary->jobs);
    g_free(summary->devices);
    g_free(summary);
}

static gw_summary_job *find_job(gw_summary *summary, uint32_t job)
{
    gw_check(job < summary->settings->job_count);
    return &summary->jobs[job];
}

/* The island of a device; islands are in order of their devices. */
static uint32_t find_island(const gw_recorder_settings *settings, uint32_t device)
{
    uint32_t first = 0, end = settings->island_count;
    while (end - first > 1) {
        const uint32_t middle = first + (end - first) / 2;
        if (settings->islands[middle].first_device <= device) {
            first = middle;
        } else {
            end = middle;
        }
    }
    return first;
}

/* Where device time went, for what it takes of power.  A gang is of one island, but a record may be
 * of shards side by side on two. */
static void count_power(const gw_recorder_settings *settings, gw_summary_job *job,
                        const gw_shard_record *shards, gw_span busy_ns)
{
    if (job->powers == NULL) {
        job->powers = g_new0(gw_summary_power, settings->island_count);
    }
    const uint32_t end = shards->first_device + shards->device_count;
    uint32_t island = find_island(settings, shards->first_device);
    for (uint32_t next = shards->first_device; next < end; island++) {
        const gw_recorder_island *about = &settings->islands[island];
        const uint32_t island_end = MIN(end, about->first_device + about->device_count);
        const uint64_t count = island_end - next;
        job->powers[island].busy_ns += busy_ns * count;
        job->powers[island].wait_ns += (shards->end_ns - shards->start_ns - busy_ns) * count;
        next = island_end;
    }
}

void gw_summary_add_shards(gw_summary *summary, const gw_shard_record *shards)
{
    gw_summary_job *job = find_job(summary, shards->job);
    gw_check(shards->device_count > 0);
    gw_check(shards->first_device < summary->settings->device_count);
    gw_check(shards->device_count <= summary->settings->device_count - shards->first_device);
    gw_check(shards->start_ns <= shards->end_ns);
    gw_span span_ns = shards->end_ns - shards->start_ns;
    gw_span busy_ns = shards->local_ns + shards->collective_ns;
    gw_check(busy_ns <= span_ns);

    gw_summary_device *first = &summary->devices[shards->first_device];
    gw_summary_device *behind = first + shards->device_count;
    first->local_ns += shards->local_ns;
    first->collective_ns += shards->collective_ns;
    first->wait_ns += span_ns - busy_ns;
    behind->local_ns -= shards->local_ns;
    behind->collective_ns -= shards->collective_ns;
    behind->wait_ns -= span_ns - busy_ns;

    job->local_ns += shards->local_ns * shards->device_count;
    job->busy_ns += busy_ns * shards->device_count;
    count_power(summary->settings, job, shards, busy_ns);
    job->exposed_ns += shards->collective_ns * shards->device_count;
    job->hidden_ns += shards->hidden_ns * shards->device_count;
    summary->first_start_ns = MIN(summary->first_start_ns, shards->start_ns);
    summary->last_end_ns = MAX(summary->last_end_ns, shards->end_ns);
    summary->makespan_ns = MAX(summary->makespan_ns, shards->end_ns);
}

/* A call is as long as its gangs that count as computations. */
static void count_call(gw_summary_job *job, const gw_gang_record *gang, uint64_t computations)
{
    if (job->computations == 0 || gang->call < job->first_call) {
        job->first_call = gang->call;
        job->first_call_computations = 0;
        job->first_call_end_ns = 0;
    }
    if (gang->call == job->first_call) {
        job->first_call_computations += computations;
        job->first_call_end_ns = MAX(job->first_call_end_ns, gang->end_ns);
    }
    job->computations += computations;
    job->call_start_ns = MIN(job->call_start_ns, gang->start_ns);
    job->call_end_ns = MAX(job->call_end_ns, gang->end_ns);
}

void gw_summary_add_gang(gw_summary *summary, const gw_gang_record *gang)
{
    gw_summary_job *job = find_job(summary, gang->job);
    const gw_recorder_job *about = &summary->settings->jobs[gang->job];
    gw_check(gang->node < about->node_count);
    gw_check(gang->start_ns <= gang->end_ns);
    job->gang_start_ns = MIN(job->gang_start_ns, gang->start_ns);
    job->gang_end_ns = MAX(job->gang_end_ns, gang->end_ns);
    summary->makespan_ns = MAX(summary->makespan_ns, gang->end_ns);
    uint64_t computations = about->computations[gang->node];
    if (computations > 0) {
        count_call(job, gang, computations);
    }
}

void gw_summary_add_transfer(gw_summary *summary, const gw_transfer_record *transfer)
{
    gw_check(transfer->start_ns <= transfer->end_ns);
    summary->transfer_count++;
    summary->transfer_bytes += transfer->size_bytes;
    summary->dcn_bytes += transfer->is_dcn ? transfer->size_bytes : 0;
    summary->makespan_ns = MAX(summary->makespan_ns, transfer->end_ns);
}

void gw_summary_add_message(gw_summary *summary, uint64_t size_bytes)
{
    summary->message_count++;
    summary->dcn_bytes += size_bytes;
}

void gw_summary_run_done(gw_summary *summary, uint32_t index, uint64_t run, gw_time now_ns)
{
    gw_summary_job *job = find_job(summary, index);
    gw_check(run < summary->settings->jobs[index].step_count);
    job->runs_done++;
    job->first_run_ns = MIN(job->first_run_ns, now_ns);
    job->last_run_ns = MAX(job->last_run_ns, now_ns);
    summary->runs_done++;
    summary->makespan_ns = MAX(summary->makespan_ns, now_ns);
}

static void keep_result(gw_summary_result *result, uint32_t run, double value)
{
    if (run >= result->values->len) {
        g_array_set_size(result->values, run + 1);
        g_array_set_size(result->is_present, run + 1);
    }
    if (!g_array_index(result->is_present, bool, run)) {
        result->count++;
    }
    g_array_index(result->is_present, bool, run) = true;
    g_array_index(result->values, double, run) = value;
}

void gw_summary_add_result(gw_summary *summary, uint32_t job, uint32_t index, uint64_t run,
                           double value)
{
    gw_check(index < summary->settings->jobs[job].result_count);
    gw_summary_result *result = &find_job(summary, job)->results[index];
    if (result->count == 0 || run >= result->last_run) {
        result->last_run = run;
        result->last = value;
    }
    if (result->count == 0 || run <= result->first_run) {
        result->first_run = run;
        result->first = value;
    }
    if (run < GW_SUMMARY_KEPT_RESULTS) {
        keep_result(result, (uint32_t)run, value);
    } else {
        result->count++;
    }
}

void gw_summary_job_started(gw_summary *summary, uint32_t job, gw_time now_ns)
{
    find_job(summary, job)->started_ns = now_ns;
}

void gw_summary_job_moved(gw_summary *summary, uint32_t job)
{
    find_job(summary, job)->moves++;
}

void gw_summary_state_leaves(gw_summary *summary, uint32_t job, gw_time now_ns)
{
    find_job(summary, job)->leaves_ns = now_ns;
}

gw_time gw_summary_state_moved(gw_summary *summary, uint32_t job, uint64_t size_bytes,
                               gw_time now_ns)
{
    gw_summary_job *moved = find_job(summary, job);
    gw_check(moved->leaves_ns <= now_ns);
    moved->moved_bytes += size_bytes;
    moved->moving_ns += now_ns - moved->leaves_ns;
    return moved->leaves_ns;
}

void gw_summary_job_stayed(gw_summary *summary, uint32_t job)
{
    find_job(summary, job)->stays++;
}

void gw_summary_job_done(gw_summary *summary, uint32_t job, gw_time now_ns)
{
    find_job(summary, job)->done_ns = now_ns;
    summary->makespan_ns = MAX(summary->makespan_ns, now_ns);
}

void gw_summary_job_failed(gw_summary *summary, uint32_t index, gw_time now_ns)
{
    gw_summary_job *job = find_job(summary, index);
    job->failed_ns = MIN(job->failed_ns, now_ns);
}

void gw_summary_job_collected(gw_summary *summary, uint32_t job, gw_time now_ns)
{
    find_job(summary, job)->collected_ns = now_ns;
    summary->makespan_ns = MAX(summary->makespan_ns, now_ns);
}

void gw_summary_order_wait(gw_summary *summary, uint32_t index, gw_span wait_ns)
{
    gw_summary_job *job = find_job(summary, index);
    job->order_wait_ns =
        job->order_wait_ns == GW_TIME_NEVER ? wait_ns : MAX(job->order_wait_ns, wait_ns);
}

void gw_summary_starved(gw_summary *summary, uint32_t index, gw_span wait_ns)
{
    gw_summary_job *job = find_job(summary, index);
    job->starved_ns = MAX(job->starved_ns, wait_ns);
}

void gw_summary_deadline_missed(gw_summary *summary, uint32_t index)
{
    find_job(summary, index)->deadlines_missed++;
}

void gw_summary_spilled(gw_summary *summary, uint32_t index, uint64_t size_bytes)
{
    find_job(summary, index)->spilled_bytes += size_bytes;
}

void gw_summary_returned(gw_summary *summary, uint32_t index, uint64_t size_bytes)
{
    find_job(summary, index)->returned_bytes += size_bytes;
}

void gw_summary_add_rows(gw_summary *summary, uint32_t index, uint64_t dealt, uint64_t dropped)
{
    gw_summary_job *job = find_job(summary, index);
    job->rows_dealt += dealt;
    job->rows_dropped += dropped;
}

gw_span gw_summary_starved_ns(const gw_summary *summary, uint32_t index)
{
    gw_check(index < summary->settings->job_count);
    return summary->jobs[index].starved_ns;
}

uint64_t gw_summary_runs_done(const gw_summary *summary)
{
    return summary->runs_done;
}
