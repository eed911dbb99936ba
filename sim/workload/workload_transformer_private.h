/* SPDX-License-Identifier: Apache-2.0 */
/* What the files workload_transformer*.c share: what is trained, and how.  Nobody else includes
 * this. */
#pragma once

#include "workload/transformer.h"
#include "workload/workload_params.h"
#include "workload/workload_schedule.h"

typedef struct {
    gw_transformer model;
    uint32_t stages, chunks;
    const gw_schedule_ops *schedule_ops;
    gw_workload_schedule *schedule;
    gw_time *start_ns; /* By slot: when it would start if a layer's forward took 1 us. */
} gw_training;

/* The meshes, nodes and edges of a step. */
void gw_training_add_step(const gw_training *job, gw_builder *builder);
