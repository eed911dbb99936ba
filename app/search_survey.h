/* SPDX-License-Identifier: Apache-2.0 */
/* All points of a search estimated (search_estimate.h), several at once: which of them may fit, and
 * from which bound on. */
#pragma once

#include "app/search_space.h"

typedef struct { /* A point that may fit. */
    gw_search_point point;
    double memory_bytes, bound_ns; /* Estimated. */
    guint index;                   /* Among all points. */
    bool is_rough; /* Temporaries are left out, and its schedule is yet to be searched for, if it is
                      one that is: neither is less than this. */
} gw_search_candidate;

typedef struct {
    GArray *candidates; /* gw_search_candidate, the lowest bound first; of equals, by index. */
    guint64 point_count;
    guint64 impossible_count; /* The workload or the schedule cannot do it. */
    guint64 memory_count;     /* Need more than a device has. */
    guint64 same_count;       /* A search found nothing better than what is written down. */
    char *impossible;         /* Why the first one is; NULL: none is. */
    double least_bytes;       /* Of all that can be and are not rough. */
} gw_search_survey;

typedef struct {
    guint process_count_max; /* At most GW_CHILDREN_MAX; 0: as many as there are cores. */
    bool is_quiet;           /* No progress line. */
} gw_search_survey_settings;

/* The same whatever the processes.  To be called while this process has one thread.  NULL:
 * GW_ERROR_INTERRUPTED, or GW_ERROR_SYSTEM when a process was lost or could not be started. */
gw_search_survey *gw_search_survey_new(const gw_search_space *space,
                                       const gw_search_survey_settings *settings, GError **error);
void gw_search_survey_free(gw_search_survey *survey);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(gw_search_survey, gw_search_survey_free)

/* Estimates all of the first `count_max` rough ones among the candidates from `first` on whose
 * bound is below `end_ns`.  They are rough no more, and in their places, or counted among those
 * that cannot be or need too much; or, unless the scenario names the schedule, among those that
 * another way makes up for, which differs in having "zb-h1" or "zb-h2".  Candidates before `first`
 * stay where they are.  Processes and errors as above. */
bool gw_search_survey_refine(gw_search_survey *survey, const gw_search_space *space,
                             const gw_search_survey_settings *settings, guint first, double end_ns,
                             guint count_max, GError **error);

/* Of the device that has most, in bytes. */
guint64 gw_search_survey_memory(const gw_search_space *space);
