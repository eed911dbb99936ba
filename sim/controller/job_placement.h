/* SPDX-License-Identifier: Apache-2.0 */
/* Places for all meshes of a job, by a placement policy that knows one mesh at a time. */
#pragma once

#include "controller/placer.h"

typedef struct {
    const gw_directory *directory;
    gw_placer *placer;
    const gw_job *job;
    uint32_t job_index;
    uint64_t seed;              /* Of gw_placement_view. */
    const uint64_t *peak_bytes; /* By mesh: what it takes of each of its devices. */
    const bool *is_removed;     /* By device; NULL: none is. */
    const uint32_t
        *old_devices; /* Where the job moves from: meshes stay that can; NULL: nowhere. */
} gw_job_request;

/* Devices for every mesh, those of each after those of the one before, on a cluster whose devices
 * carry `load` and have `free_bytes`, both of which are changed by what is taken.  The caller
 * frees. NULL: none were found.  Meshes are placed one after the other; where one finds no place,
 * other islands and other orders are tried, with at most two questions to the policy for each mesh
 * and 200 more. */
uint32_t *gw_job_place(const gw_job_request *request, uint32_t *load, uint64_t *free_bytes);
