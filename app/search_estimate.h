/* SPDX-License-Identifier: Apache-2.0 */
/* What a point of the search needs and takes, without running it.
 *
 * Small programs of the same workload stand for the large one: three places of the pipeline (its
 * first, one between, its last; of each side, if there is an encoder) with one layer and with two,
 * for two micro-batches and for three.  Memory and time of theirs are taken from the plan and from
 * the accelerator's model, and carried on in proportion to layers and micro-batches.  So a new way
 * to part work is estimated as soon as the workload knows it. */
#pragma once

#include "app/search_space.h"

typedef struct gw_search_estimator gw_search_estimator;

/* `space` is borrowed for its life. */
gw_search_estimator *gw_search_estimator_new(const gw_search_space *space);
void gw_search_estimator_free(gw_search_estimator *estimator);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(gw_search_estimator, gw_search_estimator_free)

/* What a device holds at most, where most is needed; as gw_plan_peak_bytes counts.  False: there is
 * no such way, says the workload or the schedule; *out_reason (the caller frees) is why. */
bool gw_search_estimate_memory(gw_search_estimator *estimator, const gw_search_point *point,
                               double *out_bytes, char **out_reason);
/* The same without the temporaries of whole backward passes, which take a program with as many
 * layers to be made; of passes in two parts with them. */
bool gw_search_estimate_held(gw_search_estimator *estimator, const gw_search_point *point,
                             double *out_bytes, char **out_reason);
/* No step takes less: the schedule played, with passes and transfers that nothing holds up, and
 * collectives as if nothing shared their links.  Of a point whose memory could be estimated, or
 * what it holds. */
double gw_search_estimate_bound_ns(gw_search_estimator *estimator, const gw_search_point *point);

/* Of a point whose schedule is searched for: what neither memory nor bound are below, without a
 * search, which the two above make.  False: as of memory. */
bool gw_search_estimate_least(gw_search_estimator *estimator, const gw_search_point *point,
                              double *out_bytes, double *out_bound_ns, char **out_reason);
