/* SPDX-License-Identifier: Apache-2.0 */
/* What a decoder adds to a pipeline of given times, for workload_pipeline.c: an embedding before
 * the first layer, a head and a loss behind the last, and an update of weights at the end of a
 * step.  The given times are those of a place with layers alone; the first and the last place have
 * one layer fewer.  What is added is WORK, from the model's sizes, and the device says how long it
 * takes (docs/MODEL.md, "Pipelines"). */
#pragma once

#include "base/params.h"
#include "program/function.h"
#include "workload/workload_schedule.h"

typedef struct {
    uint64_t layers; /* 0: there is no model, and nothing is added. */
    uint64_t hidden, vocabulary, sequence, microbatch;
    uint32_t place_count;
} gw_pipeline_model;

/* "model", an object; absent, `out` has no layers.  False and GW_ERROR_SCENARIO: it is wrong, or
 * its layers do not lie evenly in so many places of the pipeline. */
bool gw_pipeline_model_read(gw_params *params, uint32_t place_count, gw_pipeline_model *out,
                            GError **error);

/* Of `span_ns`, what a pass at a place with layers alone takes: what layers take at this one.  1 at
 * least, where a place has none. */
gw_span gw_pipeline_model_layers_ns(const gw_pipeline_model *model, uint32_t place,
                                    gw_span span_ns);

/* What a pass of the kind does at this place beside its layers. */
void gw_pipeline_model_add_pass(const gw_pipeline_model *model, gw_function *function,
                                gw_slot_kind kind, uint32_t place);

/* Of a micro-batch; 0: there is no model. */
double gw_pipeline_model_tokens(const gw_pipeline_model *model);
/* Parameters of a place; the head's table is a copy of the embedding's. */
double gw_pipeline_model_count(const gw_pipeline_model *model, uint32_t place);
/* Adam in float32 on so many parameters that passes read in 2 bytes, and slopes of 2 bytes. */
void gw_pipeline_model_add_update(gw_function *function, double parameter_count);
