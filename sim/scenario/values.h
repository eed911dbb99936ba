/* SPDX-License-Identifier: Apache-2.0 */
/* What results read as where devices hold no data: a job's "values".  On the CPU world results are
 * computed, and these are not asked. */
#pragma once

#include "scenario/scenario.h"

typedef enum {
    GW_VALUES_LIST = 1,  /* Recorded: run r reads element r, runs past the end the last one. */
    GW_VALUES_UNIFORM,   /* In [low, high). */
    GW_VALUES_BERNOULLI, /* 1 with a probability, else 0. */
} gw_values_kind;

struct gw_value_source {
    gw_values_kind kind; /* 0: the scenario does not say. */
    const double *list;
    uint32_t list_length;
    double low, high;   /* UNIFORM */
    double probability; /* BERNOULLI */
};

/* The value of `result` in `run` of `job`: a function of these, the job's name and the scenario's
 * seed alone.  Where the scenario does not say, what its routing (program/routing.h) draws, or 0;
 * 0 where `result` is GW_INDEX_NONE. */
double gw_scenario_value(const gw_scenario *scenario, uint32_t job, uint32_t result, uint32_t run);
