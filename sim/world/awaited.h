/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs that have no program loaded yet, and where they may lie: as long as one may come to an
 * island, what goes over its links may be met by somebody of whom nothing is known.
 * docs/MODEL.md, "Collectives under load". */
#pragma once

#include "controller/controller.h"

typedef struct {
    const gw_job *jobs; /* Borrowed. */
    uint32_t job_count;
    bool are_moved; /* Hosts leave or come back, so that any job may be loaded anew, anywhere. */
    bool has_host_copies; /* Buffers may go to hosts' memory and come back: over PCIe, any time. */
} gw_awaited_settings;

typedef struct {
    gw_awaited_settings settings;
    uint32_t island_count;
    uint32_t *counts; /* By island: jobs that may come there. */
    bool *has_come;   /* By job. */
} gw_awaited;

/* `settings` NULL: nobody is awaited. */
void gw_awaited_init(gw_awaited *awaited, uint32_t island_count,
                     const gw_awaited_settings *settings);
void gw_awaited_clear(gw_awaited *awaited);

/* A program of the job is loaded.  True: it was awaited.  Jobs beyond `job_count` never are. */
bool gw_awaited_come(gw_awaited *awaited, uint32_t job);

/* Somebody may still come to the island. */
bool gw_awaited_at(const gw_awaited *awaited, uint32_t island);
