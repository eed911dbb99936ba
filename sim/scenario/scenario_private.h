/* SPDX-License-Identifier: Apache-2.0 */
/* What the files scenario*.c share.  Nobody else includes this. */
#pragma once

#include "scenario/scenario.h"

#define GW_SCENARIO_HOSTS_MAX            65536
#define GW_SCENARIO_DEVICES_PER_HOST_MAX 64
#define GW_SCENARIO_DEVICES_MAX          (1 << 20)
#define GW_SCENARIO_JOBS_MAX             4096
#define GW_SCENARIO_STEPS_MAX            1000000000
#define GW_SCENARIO_WEIGHT_MAX           1000000
#define GW_SCENARIO_PRIORITY_MAX         GW_PRIORITY_MAX
#define GW_SCENARIO_IN_FLIGHT_MAX        1024
#define GW_SCENARIO_LOOKAHEAD_MAX        65536

/* The parts of a scenario, from the root object of the file, the jobs from their array.  These come
 * last: they are checked against the cluster. */
bool gw_scenario_read_cluster(gw_scenario *scenario, gw_params *root, GError **error);
bool gw_scenario_read_control(gw_scenario *scenario, gw_params *root, GError **error);
bool gw_scenario_read_jobs(gw_scenario *scenario, gw_params *list, GError **error);

/* Where the meshes of `job`, an element of "jobs" with its program and plan, may go: fills islands
 * and devices, and checks that each mesh fits.  `placement` is the job's object, or NULL. */
bool gw_scenario_place_job(gw_scenario *scenario, gw_params *params, gw_params *placement,
                           gw_job *job, GError **error);

/* The string under `key`, fit to be the name of a scenario or a job; absent leaves *out alone. */
bool gw_scenario_read_name(gw_params *object, const char *key, const char **out, GError **error);

/* --- Accelerators and profiles, found by name (scenario_catalog.c) --- */
typedef enum {
    GW_CATALOG_ACCELERATORS = 1,
    GW_CATALOG_PROFILES,
    GW_CATALOG_PAPERS,
} gw_catalog_kind;

/* The path of the file that `name`, the value of `object`'s `key`, means.  A name with a slash or
 * ending in ".json" is a path, relative to the scenario's folder.  The caller frees. */
char *gw_catalog_find(gw_catalog_kind kind, const char *scenario_path, const gw_params *object,
                      const char *key, const char *name, GError **error);
/* Every name, sorted, each once, for a scenario in `folder`; g_strfreev. */
char **gw_catalog_list(gw_catalog_kind kind, const char *folder);

/* --- Files of the catalog (scenario_machine.c).  `out` is filled only on success; its name is the
 * caller's to free. --- */
bool gw_accelerator_load(const char *path, gw_accelerator *out, GError **error);
bool gw_profile_load(const char *path, gw_profile *out, GError **error);
