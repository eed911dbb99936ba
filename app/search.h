/* SPDX-License-Identifier: Apache-2.0 */
/* The best ways to lay a transformer out: all points are estimated, those that cannot fit are
 * dropped, the others simulated from the lowest bound upwards until no bound that is left is below
 * what was found. */
#pragma once

#include "app/search_space.h"

typedef struct {
    const char *path;            /* Of the scenario. */
    const char *const *settings; /* As --set; NULL ends them, or is none. */
    guint64 devices;             /* 0: all. */
    guint wanted_count;          /* So many best ways. */
    guint simulations_max;
    guint64 steps; /* Of each simulation. */
    guint process_count_max;
    const char *folder; /* NULL: nothing is kept. */
    bool is_fresh, is_quiet;
} gw_search_settings;

typedef struct { /* A way that was simulated. */
    gw_search_point point;
    double bound_ns, estimated_bytes; /* As estimated (search_estimate.h). */
    /* As summary.json says; NAN where it does not. */
    double step_time_ns, tokens_per_s, mfu, memory_bytes;
    double exposed_fraction; /* Of the devices' time in a step: in collectives, with nothing else
                                to do. */
    double energy_j;         /* Of a step. */
} gw_search_way;

typedef struct {
    gw_search_space *space;
    GPtrArray *ways; /* gw_search_way, the fastest first; of equals that of the lower bound. */
    guint64 point_count;
    guint64 impossible_count; /* The workload or the schedule cannot do it. */
    guint64 memory_count;     /* Need more than a device has. */
    guint64 same_count;   /* Their schedule, when searched for, is no better than another way's. */
    guint64 slower_count; /* Their bound is not below the time of the last way wanted. */
    guint64 failed_count; /* Could not be simulated, */
    char *failure;        /* the first of them since; NULL: none. */
    guint64 left_count;   /* Might be among the best, and were not simulated any more, */
    guint64 best_left_count; /* or the best of all. */
    char *impossible;        /* Why the first one is; NULL: none is. */
    double least_bytes;      /* Of all that can be, by estimate. */
} gw_search;

/* NULL: GW_ERROR_SCENARIO for what the scenario says, or when no way is there, or none fits, which
 * the message counts; GW_ERROR_USAGE; GW_ERROR_INTERRUPTED, GW_ERROR_SYSTEM as gw_batch_execute. */
gw_search *gw_search_run(const gw_search_settings *settings, GError **error);
void gw_search_free(gw_search *search);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(gw_search, gw_search_free)

/* For people, as a table, and as JSON; at most `count` ways.  The caller frees. */
char *gw_search_text(const gw_search *search, guint count);
char *gw_search_csv(const gw_search *search, guint count);
char *gw_search_json(const gw_search *search, guint count);
