/* SPDX-License-Identifier: Apache-2.0 */
/* The functions that scenarios run, each once, to be measured whole (real/calibration.h). */
#pragma once

#include "real/calibration.h"
#include "scenario/scenario.h"

typedef struct gw_function_list gw_function_list;

gw_function_list *gw_function_list_new(void);
void gw_function_list_free(gw_function_list *list);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(gw_function_list, gw_function_list_free)

/* Adds those of the scenario, which is the list's from now on, that are not like any there; of
 * those that model time there is nothing to measure. */
void gw_function_list_take(gw_function_list *list, gw_scenario *scenario);
/* The same of the file at `path` and everything that it varies.  What gw_scenario_load() says. */
bool gw_function_list_add_file(gw_function_list *list, const char *path, GError **error);

/* Of gw_calibration_function; the list's. */
const GArray *gw_function_list_functions(const gw_function_list *list);
/* Whether this machine has the memory to run each on so many threads at once.  GW_ERROR_SCENARIO
 * names the function and what it takes. */
bool gw_function_list_check(const gw_function_list *list, const gw_probe_settings *settings,
                            GError **error);
