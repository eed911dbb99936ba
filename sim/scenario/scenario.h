/* SPDX-License-Identifier: Apache-2.0 */
/* A scenario: one JSON file, read, checked and made into what the worlds run.
 * configs/README.md gives every key, its unit and its default. */
#pragma once

#include "base/params.h"
#include "controller/controller.h"
#include "program/machine.h"

typedef struct {
    char *path, *name, *description;
    uint64_t seed;
    gw_cluster_spec cluster;
    gw_profile profile;
    gw_control control;
    gw_job *jobs; /* "count" copies are jobs of their own: "chain.0", "chain.1". */
    uint32_t job_count;
    bool wants_trace, wants_plot, wants_gangs; /* "outputs" */
    gw_params *document;                       /* The file; owns strings that others borrow. */
    GPtrArray *programs, *plans;               /* Owned; jobs borrow, copies the same ones. */
    GPtrArray *owned;                          /* Everything else that jobs borrow. */
    GPtrArray *inputs;                         /* Paths of the other files that were read; owned. */
} gw_scenario;

/* `settings` are "path=value" strings ended by NULL (may be NULL): --set.  Accelerators and
 * profiles are found beside the scenario, then in the "configs" folder above it, then in
 * GANGWAY_CONFIGS, then in the installed data folder, then in the sources.  Everything is checked:
 * shapes, units, unknown keys, programs, slices that fit their island, memory that can ever fit. */
gw_scenario *gw_scenario_load(const char *path, const char *const *settings, GError **error);
/* The same from memory, as if it stood in a file at `path`.  `text` is borrowed for the call. */
gw_scenario *gw_scenario_parse(const char *text, const char *path, GError **error);
void gw_scenario_free(gw_scenario *scenario);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(gw_scenario, gw_scenario_free)

/* Who is where in this scenario.  The caller frees. */
gw_directory *gw_scenario_directory(const gw_scenario *scenario);

/* Names of the files in configs/accelerators and configs/profiles, sorted; the caller frees with
 * g_strfreev.  Never NULL. */
char **gw_scenario_accelerators(void);
char **gw_scenario_profiles(void);

/* The same of configs/reproduce: publications, each a file and a folder of scenarios. */
char **gw_scenario_papers(void);
/* The path of one, found from the working folder as accelerators are from a scenario's; NULL: there
 * is none of that name.  The caller frees. */
char *gw_scenario_find_paper(const char *name);
