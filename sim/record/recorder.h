/* SPDX-License-Identifier: Apache-2.0 */
/* What a run leaves behind, counted while it goes: every world feeds one recorder, whatever the
 * run.  Memory does not grow with the run's length: counters and series are of fixed size, and
 * gangs.csv, shards.csv and the trace are streamed to temporary files.  One thread at a time may
 * call.
 *
 * The order of the reports does not matter to summary.json: gangs may be reported late, and
 * several runs of a job may be in flight.  docs/SUMMARY.md defines its keys. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "base/units.h"
#include "controller/port.h"

typedef struct gw_recorder gw_recorder;

/* Of one device, when most is held; they add up to `bytes`. */
typedef struct {
    const char *mesh;
    uint64_t bytes;
    uint64_t parameters_bytes, gradients_bytes, optimizer_bytes;
    uint64_t activations_bytes, temporaries_bytes, other_bytes;
} gw_recorder_memory;

typedef struct {
    const char *name;
    uint64_t step_count;                   /* Runs asked for. */
    double tokens_per_step;                /* 0: it has none. */
    const char *const *node_names;         /* By node of its program, for the files. */
    const uint64_t *computations;          /* By node: what a user would count. */
    const uint32_t *stages, *microbatches; /* By node; GW_INDEX_NONE where it has none. */
    uint32_t node_count;
    const char *const *result_names;
    uint32_t result_count;
    const bool *is_drawn;  /* By result: where devices hold no data it is drawn by a law of the
                              program, or given, and recorded like a value; NULL: none is. */
    uint32_t device_count; /* Distinct devices that the job's meshes need. */
    bool has_deadline;
    const double *activations_max;    /* By stage, in micro-batches; NULL: it has no stages. */
    const gw_recorder_memory *memory; /* Of the mesh that needs most; NULL: nobody has said. */
    uint32_t stage_count;
    bool has_exchanges;
    double model_flops_per_step, hardware_flops_per_step; /* Over its devices; 0: not known. */
    double peak_flops; /* FLOP/s of one of its devices; 0: they are not all of one kind. */
} gw_recorder_job;

/* Islands follow each other: the first begins with device 0, the last ends with the last. */
typedef struct {
    uint32_t first_device, device_count;
    double busy_watts, idle_watts; /* Of one device. */
} gw_recorder_island;

typedef struct {
    const char *scenario; /* Its name. */
    const char *backend;  /* "sim", "cpu", "null" */
    uint64_t seed;
    const gw_recorder_job *jobs;
    uint32_t job_count;
    const gw_recorder_island *islands;
    uint32_t island_count;
    uint32_t device_count;
    const char *folder; /* Where files go, made when absent; NULL: none are written. */
    bool wants_trace;   /* trace.json.gz */
    bool wants_gangs;   /* gangs.csv and shards.csv */
} gw_recorder_settings;

/* All strings and tables are borrowed until gw_recorder_free.  GW_ERROR_SYSTEM when the folder
 * cannot be made or a temporary file not be opened. */
gw_recorder *gw_recorder_new(const gw_recorder_settings *settings, GError **error);
/* Removes temporary files that were not committed. */
void gw_recorder_free(gw_recorder *recorder);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(gw_recorder, gw_recorder_free)

/* Shards of one gang that behaved alike, on devices [first_device, first_device + device_count). */
typedef struct {
    uint64_t gang;
    uint32_t job, run, node;
    uint32_t first_device, device_count;
    gw_time start_ns, end_ns; /* The device was the gang's from start to end. */
    gw_span local_ns;         /* Computing. */
    gw_span collective_ns;    /* In collectives, after the last member had come. */
    gw_span hidden_ns;        /* In overlapped ones that did not hold it up, and so at no time of
                                 its own. */
    /* end - start - local - collective: waiting in collectives for other members. */
} gw_shard_record;
void gw_recorder_add_shards(gw_recorder *recorder, const gw_shard_record *shards);

/* A gang is done on all its devices.  Reported once, in order of the report, not of end_ns. */
typedef struct {
    uint64_t gang;
    uint32_t job, run, node;
    uint64_t call;
    uint32_t island;
    uint32_t first_device, last_device, device_count;
    gw_time start_ns, end_ns; /* First start, last end. */
} gw_gang_record;
void gw_recorder_add_gang(gw_recorder *recorder, const gw_gang_record *gang);

typedef struct {
    uint32_t job;
    uint32_t source_device, target_device; /* GW_INDEX_NONE: the host. */
    bool is_dcn;
    uint64_t size_bytes;
    gw_time start_ns, end_ns;
} gw_transfer_record;
void gw_recorder_add_transfer(gw_recorder *recorder, const gw_transfer_record *transfer);

/* Control-plane messages between different nodes. */
void gw_recorder_add_message(gw_recorder *recorder, uint64_t size_bytes);

/* What nodes note; notes that no file tells of are passed over.  Results are kept for the first
 * 65536 runs of a job.  `has_data`: devices compute, so that results are values; else only drawn
 * ones (gw_recorder_job) are. */
void gw_recorder_add_note(gw_recorder *recorder, const gw_note *note, bool has_data,
                          gw_time now_ns);
/* The longest that the job starved; 0: it did not. */
gw_span gw_recorder_starved_ns(const gw_recorder *recorder, uint32_t job);

/* Told of what is recorded, as it comes: for who wants more of a run than its files say.  Each
 * member is optional; `context` is handed to all. */
typedef struct {
    void *context;
    void (*shards)(void *context, const gw_shard_record *shards);
    void (*transfer)(void *context, const gw_transfer_record *transfer);
    void (*run_done)(void *context, uint32_t job, uint64_t run, gw_time now_ns);
} gw_recorder_observer;
/* From here on; one at a time. */
void gw_recorder_observe(gw_recorder *recorder, const gw_recorder_observer *observer);

/* Progress: runs done and asked for, over all jobs. */
uint64_t gw_recorder_runs_done(const gw_recorder *recorder);
uint64_t gw_recorder_runs_asked(const gw_recorder *recorder);

/* Wall-clock figures for timing.json. */
typedef struct {
    double wall_s, cpu_s;
    uint64_t events, device_operations;
    uint64_t peak_bytes;
} gw_recorder_timing;

/* False and GW_ERROR_SYSTEM, in the middle of a run, when a file that is being written cannot come
 * to be: no write is lost in silence until the end. */
bool gw_recorder_check(const gw_recorder *recorder, GError **error);

/* The run is over: fixes the digest and, with a folder, writes devices.csv, utilization.csv,
 * results.csv (if there are any), gangs.csv, shards.csv and trace.json.gz (if wanted), timing.json
 * and, last, summary.json, each to a temporary name that is renamed when whole.  Those of these
 * files that this run has no use for are removed, so that the folder speaks of one run.  To be
 * called once; nothing may be added afterwards.  On failure GW_ERROR_SYSTEM names the file; files
 * already renamed stay. */
bool gw_recorder_finish(gw_recorder *recorder, uint64_t digest, const gw_recorder_timing *timing,
                        GError **error);

/* summary.json's text, after finish; owned by the recorder. */
const char *gw_recorder_summary(const gw_recorder *recorder);
