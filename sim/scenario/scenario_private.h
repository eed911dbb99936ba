/* SPDX-License-Identifier: Apache-2.0 */
/* What the files scenario*.c share.  Nobody else includes this. */
#pragma once

#include "scenario/scenario.h"

#define GW_SCENARIO_HOSTS_MAX            65536
#define GW_SCENARIO_DEVICES_PER_HOST_MAX 64
#define GW_SCENARIO_DEVICES_MAX          (1 << 20)
#define GW_SCENARIO_JOBS_MAX             16384
#define GW_SCENARIO_STEPS_MAX            1000000000
#define GW_SCENARIO_WEIGHT_MAX           1000000
#define GW_SCENARIO_PRIORITY_MAX         GW_PRIORITY_MAX
#define GW_SCENARIO_IN_FLIGHT_MAX        1024
#define GW_SCENARIO_LOOKAHEAD_MAX        65536
#define GW_SCENARIO_FAULTS_MAX           200 /* Each job moves once at most for each. */
#define GW_SCENARIO_FANOUT_MAX           65536
#define GW_SCENARIO_LISTED_MAX           8 /* Names of the scenario's own in a message. */

/* The parts of a scenario, from the root object of the file, the jobs from their array.  These come
 * last: they are checked against the cluster. */
bool gw_scenario_read_cluster(gw_scenario *scenario, gw_params *root, GError **error);
bool gw_scenario_read_control(gw_scenario *scenario, gw_params *root, GError **error);
bool gw_scenario_read_faults(gw_scenario *scenario, gw_params *root, GError **error);
/* When the jobs are read: whose clients fail, by "faults"; and the default of "lease" then. */
bool gw_scenario_read_failures(gw_scenario *scenario, gw_params *root, GError **error);
bool gw_scenario_read_jobs(gw_scenario *scenario, gw_params *list, GError **error);

/* A job's "until" and "values" (each NULL: absent), its program built; what they are read into is
 * the scenario's.  `job_params` is for errors. */
bool gw_scenario_read_until(gw_scenario *scenario, gw_params *params, gw_job *job, GError **error);
bool gw_scenario_read_values(gw_scenario *scenario, gw_params *job_params, gw_params *params,
                             const gw_job *job, const gw_value_source **out, GError **error);

/* Likewise "counts"; *out is NULL where the program has no exchanges (scenario_counts.c). */
bool gw_scenario_read_counts(gw_scenario *scenario, gw_params *job_params, gw_params *params,
                             const gw_job *job, const gw_count_source **out, GError **error);

/* "policy", "placement" and "dispatch" of `control`: the tables, their parameters, and the plugins
 * that they came from (scenario_choice.c).  A policy is made and thrown away once, so that a wrong
 * parameter is found here and not in the run. */
bool gw_scenario_read_choices(gw_scenario *scenario, gw_params *control, GError **error);

/* Where the meshes of `job`, an element of "jobs" with its program and plan, may go: fills islands,
 * accelerators and devices, and checks that each mesh fits.  `placement` is the job's object, or
 * NULL; `kind` is the accelerator that all its meshes ask for, or GW_INDEX_NONE. */
bool gw_scenario_place_job(gw_scenario *scenario, gw_params *params, gw_params *placement,
                           uint32_t kind, gw_job *job, GError **error);

/* Kinds of accelerators are numbered by name (scenario_accelerator.c): that of `island`, and that
 * which `object` asks for under "accelerator"; absent leaves *out alone. */
uint32_t gw_scenario_accelerator_kind(const gw_scenario *scenario, uint32_t island);
bool gw_scenario_read_kind(const gw_scenario *scenario, gw_params *object, uint32_t *out,
                           GError **error);

/* "speed", "jitter" and, into *out_spread, "speed_spread" of an island whose hosts are known. */
bool gw_scenario_read_speed(gw_scenario *scenario, gw_params *island, gw_island_spec *spec,
                            double *out_spread, GError **error);

/* The speeds of `spec`, the cluster's island number `island`, where each device's is divided by 1 +
 * spread x, x drawn by (seed, island, device), over the median of that; an even number's is the
 * greater of the two in the middle.  So what an accelerator's file says is true of the island's
 * median device.  Borrowed from the scenario; NULL: all are 1. */
const double *gw_scenario_spread_speeds(gw_scenario *scenario, const gw_island_spec *spec,
                                        double spread, uint32_t island);

/* The string under `key`, fit to be the name of a scenario or a job; absent leaves *out alone. */
bool gw_scenario_read_name(gw_params *object, const char *key, const char **out, GError **error);

/* --- Accelerators and profiles, found by name (scenario_catalog.c) --- */
typedef enum {
    GW_CATALOG_ACCELERATORS = 1,
    GW_CATALOG_PROFILES,
    GW_CATALOG_PAPERS,
    GW_CATALOG_NETWORKS,
} gw_catalog_kind;

/* The path of the file that `name`, the value of `object`'s `key`, means.  A name with a slash or
 * ending in ".json" is a path, relative to the scenario's folder.  The caller frees. */
char *gw_catalog_find(gw_catalog_kind kind, const char *scenario_path, const gw_params *object,
                      const char *key, const char *name, GError **error);

/* --- Files of the catalog (scenario_machine.c).  `out` is filled only on success; its name is the
 * caller's to free.  The file of a machine (`gangway calibrate`) has both, as objects under
 * "accelerator" and "profile". --- */
bool gw_accelerator_load(const char *path, gw_accelerator *out, GError **error);
/* Frees what it owns, and not itself. */
void gw_accelerator_clear(gw_accelerator *accelerator);
/* "measured" of an accelerator (scenario_measured.c); absent, *out is left alone. */
bool gw_measured_read(gw_params *accelerator, gw_measured **out, GError **error);
bool gw_profile_load(const char *path, gw_profile *out, GError **error);

/* --- What joins an island's nodes (scenario_network.c) --- */
typedef struct {
    double nic_bytes_per_s, nic_efficiency; /* One card, each way; the part that is reached. */
    gw_span latency_ns;                     /* From card to card. */
} gw_network_figures;

/* Whether a job's meshes fit together on the devices and the islands that it names, and in the
 * whole cluster, were it empty: each has been found to fit by itself (refusal.c). */
bool gw_scenario_check_together(const gw_scenario *scenario, const gw_params *params,
                                const gw_job *job, GError **error);

/* A file of configs/networks; `out` is filled only on success. */
bool gw_network_load(const char *path, gw_network_figures *out, GError **error);

/* Fills spec->network from the `island` of the scenario, whose hosts and devices have been read; an
 * island without nodes is refused the words that only those have. */
bool gw_scenario_read_network(gw_scenario *scenario, gw_params *island, bool has_nodes,
                              gw_island_spec *spec, GError **error);
/* "matrix_unit" of an accelerator's file; absent leaves *out alone (scenario_matrix.c). */
bool gw_matrix_unit_read(gw_params *root, gw_matrix_unit *out, GError **error);
