/* SPDX-License-Identifier: Apache-2.0 */
/* What scenarios run, each thing once, to be measured by itself (real/calibration.h). */
#pragma once

#include "real/calibration.h"
#include "scenario/scenario.h"

typedef struct gw_run_list gw_run_list;

gw_run_list *gw_run_list_new(void);
void gw_run_list_free(gw_run_list *list);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(gw_run_list, gw_run_list_free)

/* Adds what the scenario's programs do on each mesh, unless the same is there; the scenario is the
 * list's from now on.  Of what models time there is nothing to measure. */
void gw_run_list_take(gw_run_list *list, gw_scenario *scenario);
/* The same of the file at `path` and everything that it varies.  What gw_scenario_load() says. */
bool gw_run_list_add_file(gw_run_list *list, const char *path, GError **error);

/* Of gw_probe_runs *; the list's. */
const GPtrArray *gw_run_list_runs(const gw_run_list *list);
/* Whether this machine has the memory to do each on so many threads at once.  GW_ERROR_SCENARIO
 * names the program and what it takes. */
bool gw_run_list_check(const gw_run_list *list, const gw_probe_settings *settings, GError **error);
