/* SPDX-License-Identifier: Apache-2.0 */
/* What is loaded, once for all hosts: every host loads the same instance with the same
 * assignment, so the first load works out where its gangs lie and how long they take. */
#pragma once

#include "accel/crossings.h"
#include "accel/gang_plan.h"
#include "base/check.h"
#include "controller/port.h"
#include "world/awaited.h"

typedef struct {
    uint32_t instance, job;
    const gw_program *program;
    uint32_t mesh_count;
    gw_gang_layout **layouts;            /* By mesh. */
    const gw_gang_plan **plan_of_node;   /* By node of the program. */
    const gw_gang_plan **plan_otherwise; /* Likewise, of irregular nodes; NULL: it has none. */
    gw_gang_plan **plans;                /* By function and mesh; NULL where no node has them. */
    gw_gang_plan **plans_apart;          /* By node: of those that are dealt rows; else NULL. */
    GPtrArray *retired;  /* gw_gang_plan: those that gangs may still have, and no new one gets. */
    uint32_t load_count; /* Hosts that have it loaded. */
} gw_loaded_executable;

typedef struct {
    const gw_cluster *cluster;
    const gw_accel_model *model;
    GPtrArray *loaded;       /* By instance; NULL: not loaded. */
    gw_crossings *crossings; /* NULL: collectives do not watch for others. */
    uint32_t crossed_count;  /* Of its tracks, when plans were looked at last. */
    gw_awaited awaited;      /* While they may come, collectives watch for them. */
} gw_executables;

/* All are borrowed until clear; `awaited` NULL: all that is loaded is loaded before anything is
 * launched. */
void gw_executables_init(gw_executables *executables, const gw_cluster *cluster,
                         const gw_accel_model *model, const gw_awaited_settings *awaited);
void gw_executables_clear(gw_executables *executables);

/* A copy that no program tells of beforehand (world/traffic.h) is asked for: collectives of gangs
 * that are launched from now on watch for such. */
void gw_executables_note_copy(gw_executables *executables, const gw_copy *copy);

/* Once per host, and back; the last host's unload forgets it.  Instance numbers are small: they
 * index an array. */
void gw_executables_load(gw_executables *executables, const gw_executable *executable);
void gw_executables_unload(gw_executables *executables, uint32_t instance);

/* Somebody has it loaded. */
static inline const gw_loaded_executable *gw_executables_at(const gw_executables *executables,
                                                            uint32_t instance)
{
    const gw_loaded_executable *found =
        instance < executables->loaded->len
            ? (const gw_loaded_executable *)g_ptr_array_index(executables->loaded, instance)
            : NULL;
    gw_check(found != NULL);
    return found;
}
