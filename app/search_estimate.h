/* SPDX-License-Identifier: Apache-2.0 */
/* What a point of the search needs and takes, without running it.
 *
 * Small programs of the same workload stand for the large one: three places of the pipeline (its
 * first, one between, its last) with one layer and with two, for two micro-batches and for three.
 * Memory and time of theirs are taken from the plan and from the accelerator's model, and carried
 * on in proportion to layers and micro-batches.  So a new way to part work is estimated as soon as
 * the workload knows it. */
#pragma once

#include "app/search_space.h"

typedef struct gw_search_estimator gw_search_estimator;

typedef struct {
    double memory_bytes; /* Per device, where most is needed; as gw_plan_peak_bytes counts. */
    /* No step takes less: each stage's passes, one after the other, and what its first micro-batch
     * and its last wait for elsewhere.  Collectives count as if nothing shared their links. */
    double bound_ns;
} gw_search_estimate;

/* `space` is borrowed for its life. */
gw_search_estimator *gw_search_estimator_new(const gw_search_space *space);
void gw_search_estimator_free(gw_search_estimator *estimator);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(gw_search_estimator, gw_search_estimator_free)

/* False: there is no such way, says the workload or the schedule; *out_reason (the caller frees)
 * is why. */
bool gw_search_estimate_point(gw_search_estimator *estimator, const gw_search_point *point,
                              gw_search_estimate *out, char **out_reason);
