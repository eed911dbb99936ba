/* SPDX-License-Identifier: Apache-2.0 */
/* The schedule of a point of the search, as its workload will have it made. */
#pragma once

#include "app/search_space.h"
#include "workload/workload_schedule.h"

/* Whether there is none before a search has been made, which takes from a millisecond to seconds.
 */
bool gw_search_schedule_is_searched(const gw_search_point *point);
/* Whether backward passes are in two parts. */
bool gw_search_schedule_splits(const gw_search_point *point);

/* Made, for stages whose passes take `pass_ns` each (forward, backward for inputs, for weights)
 * and a `kept_share` as in gw_schedule_request.  NULL: there is none, or it holds more than the
 * scenario's activations_max; *out_reason (the caller frees) is why. */
gw_workload_schedule *gw_search_schedule_make(const gw_search_space *space,
                                              const gw_search_point *point, gw_span pass_ns,
                                              double kept_share, char **out_reason);

/* Of a point whose schedule is searched: micro-batches that a stage may hold. */
double gw_search_schedule_limit(const gw_search_space *space, const gw_search_point *point);

/* False: a program may not have as many passes; *out_reason (the caller frees) says so. */
bool gw_search_schedule_is_small(const gw_search_space *space, const gw_search_point *point,
                                 char **out_reason);
