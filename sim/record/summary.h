/* SPDX-License-Identifier: Apache-2.0 */
/* The counters of a run and what is made of them: summary.json, devices.csv, results.csv.
 * docs/SUMMARY.md and gw_summary_help() define every key. */
#pragma once

#include "record/output.h"
#include "record/recorder.h"

#define GW_SUMMARY_LISTED_RESULTS 64    /* Results of so many runs are listed, of more summed up. */
#define GW_SUMMARY_KEPT_RESULTS   65536 /* Runs whose results are kept, for results.csv. */

typedef struct gw_summary gw_summary;

/* Borrows `settings` and all that it points to until gw_summary_free(). */
gw_summary *gw_summary_new(const gw_recorder_settings *settings);
void gw_summary_free(gw_summary *summary);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(gw_summary, gw_summary_free)

/* As the functions of the recorder. */
void gw_summary_add_shards(gw_summary *summary, const gw_shard_record *shards);
void gw_summary_add_gang(gw_summary *summary, const gw_gang_record *gang);
void gw_summary_add_transfer(gw_summary *summary, const gw_transfer_record *transfer);
void gw_summary_add_message(gw_summary *summary, uint64_t size_bytes);
void gw_summary_run_done(gw_summary *summary, uint32_t job, uint64_t run, gw_time now_ns);
void gw_summary_add_result(gw_summary *summary, uint32_t job, uint32_t result, uint64_t run,
                           double value);
void gw_summary_job_started(gw_summary *summary, uint32_t job, gw_time now_ns);
void gw_summary_job_moved(gw_summary *summary, uint32_t job);
void gw_summary_job_stayed(gw_summary *summary, uint32_t job);
void gw_summary_job_failed(gw_summary *summary, uint32_t job, gw_time now_ns);
void gw_summary_job_collected(gw_summary *summary, uint32_t job, gw_time now_ns);
void gw_summary_state_leaves(gw_summary *summary, uint32_t job, gw_time now_ns);
/* Returns when it began to. */
gw_time gw_summary_state_moved(gw_summary *summary, uint32_t job, uint64_t size_bytes,
                               gw_time now_ns);
void gw_summary_job_done(gw_summary *summary, uint32_t job, gw_time now_ns);
void gw_summary_order_wait(gw_summary *summary, uint32_t job, gw_span wait_ns);
void gw_summary_starved(gw_summary *summary, uint32_t job, gw_span wait_ns);
void gw_summary_deadline_missed(gw_summary *summary, uint32_t job);
void gw_summary_spilled(gw_summary *summary, uint32_t job, uint64_t size_bytes);
void gw_summary_returned(gw_summary *summary, uint32_t job, uint64_t size_bytes);
void gw_summary_add_rows(gw_summary *summary, uint32_t job, uint64_t dealt, uint64_t dropped);

gw_span gw_summary_starved_ns(const gw_summary *summary, uint32_t job);
uint64_t gw_summary_runs_done(const gw_summary *summary);

/* summary.json.  The caller frees. */
char *gw_summary_render(const gw_summary *summary, uint64_t digest);
/* devices.csv: device, island, busy_ns, local_ns, collective_ns, wait_ns, idle_ns, utilization,
 * energy_j. */
void gw_summary_write_devices(const gw_summary *summary, gw_output *output);
/* Whether any result came, and results.csv: job, result, run, value. */
bool gw_summary_has_results(const gw_summary *summary);
void gw_summary_write_results(const gw_summary *summary, gw_output *output);

/* Every key of summary.json, one to a paragraph: path, unit, definition. */
const char *gw_summary_help(void);
/* The paths alone, as "jobs[].step_time_ns"; NULL ends them.  The caller frees with g_free. */
const char **gw_summary_keys(void);
