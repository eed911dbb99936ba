/* SPDX-License-Identifier: Apache-2.0 */
/* Where the devices' time went in the steady part of a run, by one definition for every world: it
 * is made of what the recorder hears, and of the program's edges.
 *
 * Left out is what comes before the first jobs have ended their first `warm` steps: set-up, first
 * use of memory, cold caches.  From then to the last end of a step, each device is at each time in
 * one of four phases:
 *
 *   compute        its shard runs operations of its own (local_ns of shards.csv);
 *   communication  it is in a collective to which all members have come (collective_ns); or it has
 *                  nothing to do while something is on its way to it that may go on from there;
 *   idle           it waits for other devices: for the members of a collective, or with nothing to
 *                  do until those that its next shard needs something of are done (inputs from
 *                  another mesh, a result that decides, the oldest step where no more may be in
 *                  flight); or it has nothing to do any more;
 *   control        it has nothing to do, and what it does next could have begun: it waits for the
 *                  control plane, and to be woken.
 *
 * A transfer is not told apart by what it carries, nor an edge's piece by its source shard: a shard
 * is ready when all shards of those nodes are done. */
#pragma once

#include "base/params.h"
#include "record/json.h"
#include "record/recorder.h"
#include "scenario/scenario.h"

typedef enum {
    GW_PHASE_COMPUTE = 0,
    GW_PHASE_COMMUNICATION,
    GW_PHASE_IDLE,
    GW_PHASE_CONTROL,
    GW_PHASE_COUNT,
} gw_phase;

extern const char *const gw_phase_names[GW_PHASE_COUNT]; /* "compute", ... */

typedef struct {
    guint device;
    double ns[GW_PHASE_COUNT]; /* They add up to the window. */
} gw_phase_device;

typedef struct {
    double window_ns;
    guint64 step_count; /* That ended in the window, of all jobs. */
    double *step_ns;    /* By job: from the end of its step `warm` to that of its last, over the
                           steps between; NAN: it ended no more than `warm`. */
    guint job_count;
    double foreign;  /* For the caller to set (foreign_load.h); NAN: not known. */
    GArray *devices; /* gw_phase_device: those that ran anything, by number. */
    char *timeline;  /* Rows of timelines.csv without their first column (record/figure.h,
                        "validate"): what was drawn of the window, by device and start. */
} gw_phase_report;

void gw_phase_report_free(gw_phase_report *report);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(gw_phase_report, gw_phase_report_free)

typedef struct gw_phases gw_phases;

/* For one run of `scenario`, which is borrowed until gw_phases_free(). */
gw_phases *gw_phases_new(const gw_scenario *scenario);
void gw_phases_free(gw_phases *phases);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(gw_phases, gw_phases_free)

/* What to give to the run's recorder; `phases` is its context. */
gw_recorder_observer gw_phases_observer(gw_phases *phases);

/* When the run is over.  `warm` is at least 1.  GW_ERROR_SCENARIO when no job has ended more steps
 * than that. */
gw_phase_report *gw_phases_report(const gw_phases *phases, guint64 warm, GError **error);

/* Its members, into the object that is open. */
void gw_phase_report_write(gw_json *json, const gw_phase_report *report);
/* The same again, of a scenario of so many jobs.  GW_ERROR_SCENARIO, by file and line. */
gw_phase_report *gw_phase_report_read(gw_params *object, guint job_count, GError **error);

/* As text, for another process; the caller frees. */
char *gw_phase_report_text(const gw_phase_report *report);
/* From that text; what is damaged is our mistake. */
gw_phase_report *gw_phase_report_parse(const char *text, guint job_count);
