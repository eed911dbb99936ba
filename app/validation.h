/* SPDX-License-Identifier: Apache-2.0 */
/* Scenarios simulated and executed on this machine's CPUs, and how far the two lie apart.
 *
 * A case is one scenario with settings.  It is simulated, and executed several times, each in a
 * process of its own and never two at once; rounds go over all cases, so that a disturbance of the
 * machine does not meet one of them alone.  Where the machine is measured for it, that is done at
 * the beginning of each round, and what a case has a device do is measured by itself just before
 * and just after each execution; each execution has a prediction of its own.  What is predicted and
 * what is measured are then of the same stretch of time, however the machine's speed changes.
 *
 * Time is compared by the step: a job's step time is the mean over a run's steps
 * but the first (phases.h), and the median of the runs is what was measured, that of the
 * predictions what was predicted; the spread of either is from the least to the most.
 *
 * Cases of one file, which differ in what its "vary" says, are a group.  Of two of a group that
 * were measured, twice at least, with spreads that do not overlap, the one that was faster must be
 * predicted to be faster.  Two of the same speed lie apart by chance too, one time in 126 with five
 * runs each (2 x 5! 5! / 10!), and a table has many pairs: where an order does not hold, both are
 * executed as many times again, once, and all their runs count.
 *
 * A round counts when it is whole (validation_round.h).  Rounds may be kept as files, from which a
 * later process goes on (validation_kept.h). */
#pragma once

#include "app/grid.h"
#include "app/phases.h"
#include "real/calibration_seen.h"
#include "scenario/scenario.h"

#define GW_VALIDATION_CASES_MAX   1000
#define GW_VALIDATION_REPEATS_MAX 1000
#define GW_VALIDATION_SHARE_MIN   0.9 /* Of cases that have to be within the tolerance. */
/* Of the processors, while a run goes on, for other work: half of what step times may be off.  More
 * is no quiet machine. */
#define GW_VALIDATION_FOREIGN_MAX 0.05

typedef enum {
    GW_VALIDATION_SPREAD = 1, /* What is predicted lies within the spread. */
    GW_VALIDATION_TOLERANCE,  /* It does not, but is as near as asked for. */
    GW_VALIDATION_OFF,
    GW_VALIDATION_FAILED, /* One of the runs failed. */
} gw_validation_verdict;

typedef struct {
    double predicted, measured, lowest, highest; /* ns; NAN: none. */
    double predicted_lowest, predicted_highest;  /* Of the predictions. */
} gw_validation_pair;

typedef struct {
    char *path, *folder; /* Of the scenario; and of its file. */
    char *name;          /* The scenario's, with what sets the case apart from its group. */
    char **settings;     /* As --set, behind those of the machine; NULL ends them. */
    guint group;
    guint64 seed;         /* Of the scenario; each round is simulated by one more. */
    char *digest;         /* Of its file and all that it names (digest.h). */
    GPtrArray *job_names; /* Of char * */
    /* Made by gw_validation_run(), out of whole rounds. */
    GPtrArray *predicted; /* gw_phase_report, by round; one where the machine's file is given. */
    GPtrArray *measured;  /* gw_phase_report, by run. */
    GPtrArray *counted;   /* Made by gw_validation_judge(): those of `measured` that had the machine
                             for themselves, or all of them where none had. */
    bool is_again;        /* Marked by gw_validation_doubt(). */
    char *failure;        /* NULL: none. */
    int exit_code;        /* Of the failure. */
    /* Made by gw_validation_judge(). */
    gw_validation_pair *steps; /* By job: step times. */
    double error; /* predicted / measured - 1 of the job that is furthest off; NAN: failed. */
    gw_validation_verdict verdict;
} gw_validation_case;

typedef struct {
    guint group;
    guint first, second; /* Cases. */
    guint first_job, second_job;
    bool holds;
} gw_validation_order; /* Of two step times that were measured apart. */

typedef struct gw_validation gw_validation;
typedef struct gw_validation_kept gw_validation_kept; /* validation_kept.h */
typedef char *gw_validation_measure(void *context, guint round, GError **error);

struct gw_validation {
    guint repeat_count;
    guint64 warm;     /* Steps left out, at least 1. */
    double tolerance; /* 0.1 is 10 % */
    bool is_quiet;    /* No progress line. */
    char *machine;    /* Absolute path of the machine's file; owned.  NULL: none yet; scenarios keep
                         their own accelerators and profiles, to be looked at and not run. */
    char **figures;   /* Settings that stand for that file, of what joins hosts here too. */
    /* Optional: makes the file of a round, counted from 0, and says where; the path is the
     * caller's.  Called before any case of the round. */
    gw_validation_measure *measure;
    void *measure_context;
    gw_validation_kept *kept; /* Optional, borrowed: where rounds are kept, and come from. */
    GPtrArray *cases;         /* Of gw_validation_case *, owned. */
    guint group_count;
    /* Made by gw_validation_run(). */
    guint round_count;   /* That there are to be: repeat_count, or twice that. */
    guint rounds_done;   /* Whole ones; less than `round_count` where it was cut. */
    guint resumed_count; /* Of these, what was kept from before. */
    /* Made by gw_validation_judge(). */
    guint within_count, spread_count, failed_count;
    guint left_out_count; /* Of runs that are not counted. */
    double median_error;  /* Of |error|; NAN of none. */
    double foreign;       /* Of this machine's processors, what other work took while cases were
                             executed: the median of all runs (foreign_load.h); NAN: not known. */
    GArray *orders;       /* gw_validation_order */
};

/* Without a machine, until gw_validation_set_machine(), or `measure` is set. */
gw_validation *gw_validation_new(guint repeat_count, guint64 warm);
void gw_validation_free(gw_validation *validation);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(gw_validation, gw_validation_free)

/* Takes `machine`, the path of what gangway calibrate wrote: what is added, and run, from now on
 * goes by it.  False, with an error of the file: nothing has changed. */
bool gw_validation_set_machine(gw_validation *validation, char *machine, GError **error);

/* Adds the cases of the scenario at `path`, or of all in the folder and below it, by name.
 * `settings` (NULL ends them; may be NULL) change all of them; `varied` (as --vary; the same)
 * replaces what scenarios vary.  What no run could be made of is told here: an error of the file,
 * of --vary, or GW_ERROR_SCENARIO where a job has no more steps than are left out. */
bool gw_validation_add(gw_validation *validation, const char *path, const char *const *settings,
                       const char *const *varied, GError **error);

/* What the case runs, with the machine's figures; the caller's. */
gw_scenario *gw_validation_load(const gw_validation *validation, const gw_validation_case *at,
                                GError **error);

/* Has the scenario simulated by what was seen of its programs: shapes that its machine's file does
 * not have by themselves, and the jitter of islands that say none of their own. */
void gw_validation_go_by(const gw_calibration_seen *seen, gw_scenario *scenario);

/* Simulates and executes, in rounds, and again those that gw_validation_doubt() marks; rounds that
 * are kept are not done again, and those that are done are kept.  A case that fails is a result.
 * GW_ERROR_INTERRUPTED, GW_ERROR_SYSTEM, what `measure` says, and what is wrong with a file that is
 * kept: the rounds that were done count, and the one that was not leaves nothing. */
bool gw_validation_run(gw_validation *validation, GError **error);

/* Marks the cases of orders that do not hold, to be executed again; how many. */
guint gw_validation_doubt(gw_validation *validation);

/* Works out what the runs come to. */
void gw_validation_judge(gw_validation *validation);
/* Whether nothing failed, enough cases are within the tolerance, and all orders hold. */
bool gw_validation_holds(const gw_validation *validation);

const gw_validation_case *gw_validation_case_at(const gw_validation *validation, guint index);
const char *gw_validation_verdict_word(gw_validation_verdict verdict);
/* By device (its place among the case's devices; GW_INDEX_NONE: the mean of all) and phase: ns per
 * device and step, the median of predictions, that of runs and their spread. */
gw_validation_pair gw_validation_phase(const gw_validation_case *at, guint device, gw_phase phase);
/* The run whose first job that has one has the median step time; and so of predictions. */
const gw_phase_report *gw_validation_typical_run(const gw_validation_case *at);
const gw_phase_report *gw_validation_typical_prediction(const gw_validation_case *at);

/* For people: a line for each case, and what it comes to; with `wants_phases` where time went. */
char *gw_validation_text(const gw_validation *validation, bool wants_phases);
/* validate.json, validate.csv, phases.csv.  The caller frees. */
char *gw_validation_json(const gw_validation *validation);
char *gw_validation_csv(const gw_validation *validation);
char *gw_validation_phases_csv(const gw_validation *validation);
/* timelines.csv of a case that has not failed: both timelines (record/figure.h, "validate"). */
char *gw_validation_timelines_csv(const gw_validation_case *at);
