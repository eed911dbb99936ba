/* SPDX-License-Identifier: Apache-2.0 */
/* A scenario: one JSON file, read, checked and made into what the worlds run.
 * configs/README.md gives every key, its unit and its default. */
#pragma once

#include "base/params.h"
#include "controller/controller.h"
#include "program/machine.h"

typedef struct gw_value_source gw_value_source; /* scenario/values.h */
typedef struct gw_count_source gw_count_source; /* scenario/counts.h */

#define GW_SCENARIO_VARY_VALUES_MAX 4096 /* Of one path. */

typedef struct {
    char *path, *name, *description;
    uint64_t seed;
    gw_cluster_spec cluster;
    gw_profile profile;
    gw_control control;
    /* The plugins that control's policy, placement and dispatch came from; NULL: it is built in. */
    char *policy_path, *placement_path, *dispatch_path;
    gw_job *jobs; /* "count" copies are jobs of their own: "chain.0", "chain.1". */
    uint32_t job_count;
    const gw_value_source **values; /* By job: by result of its program; NULL: none is given. */
    const gw_count_source **counts; /* By job: by edge of its program; NULL: it has no exchange. */
    bool wants_trace, wants_plot, wants_gangs; /* "outputs" */
    gw_params *document;                       /* The file; owns strings that others borrow. */
    gw_params *vary; /* "vary": paths to lists of values, for `gangway compare`; NULL: none. */
    GPtrArray *programs, *plans; /* Owned; jobs borrow, copies the same ones. */
    GPtrArray *owned;            /* Everything else that jobs borrow. */
    GPtrArray *inputs;           /* Paths of the other files that were read; owned. */
    bool checks_nan;             /* For the caller to set: devices that compute fail at a NaN. */
} gw_scenario;

/* `settings` are "path=value" strings ended by NULL (may be NULL): --set.  Accelerators and
 * profiles are found beside the scenario, then in the "configs" folder above it, then in
 * GANGWAY_CONFIGS, then in the program's own data (base/data.h).  Everything is checked:
 * shapes, units, unknown keys, programs, slices that fit their island, memory that can ever fit. */
gw_scenario *gw_scenario_load(const char *path, const char *const *settings, GError **error);
/* As gw_scenario_load, but for its jobs, which are left unread: job_count is 0, and `document` has
 * them. */
gw_scenario *gw_scenario_load_machine(const char *path, const char *const *settings,
                                      GError **error);
/* The same from memory, as if it stood in a file at `path`.  `text` is borrowed for the call. */
gw_scenario *gw_scenario_parse(const char *text, const char *path, GError **error);
void gw_scenario_free(gw_scenario *scenario);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(gw_scenario, gw_scenario_free)

/* Says that a shard was dealt more than it has room for: `note` is a GW_NOTE_OVERFLOW.
 * GW_ERROR_SCENARIO. */
void gw_scenario_blame_router(const gw_scenario *scenario, const gw_note *note, GError **error);
/* Says what a policy answered and must not, by its name and file: `note` is gw_note_is_wrong, and
 * `controller` that of its node, which does nothing meanwhile.  GW_ERROR_SCENARIO. */
void gw_scenario_blame(const gw_scenario *scenario, const gw_note *note,
                       const gw_controller *controller, GError **error);
/* Says that a job can never have its slices: `reason` is a gw_refusal, and of memory it tells how
 * much is needed and how much there is.  The same words in every world.  GW_ERROR_SCENARIO. */
void gw_scenario_blame_refusal(const gw_scenario *scenario, uint32_t job, uint32_t reason,
                               GError **error);
/* "; so says placement policy NAME (FILE)", for what a plugin has found no devices; "" where the
 * placement policy is built in.  The caller frees. */
char *gw_scenario_placement_words(const gw_scenario *scenario);
/* The scheduling policy refused in a run the parameters that it took when the scenario was read.
 * Sets GW_ERROR_SCENARIO where it has left no error; does nothing where it has. */
void gw_scenario_blame_creation(const gw_scenario *scenario, GError **error);

/* Who is where in this scenario.  The caller frees. */
gw_directory *gw_scenario_directory(const gw_scenario *scenario);

/* Names of the files in configs/accelerators and configs/profiles, sorted; the caller frees with
 * g_strfreev.  Never NULL. */
char **gw_scenario_accelerators(void);
char **gw_scenario_profiles(void);
char **gw_scenario_networks(void);

/* The same of configs/reproduce: publications, each a file and a folder of scenarios. */
char **gw_scenario_papers(void);
/* The path of one, found from the working folder as accelerators are from a scenario's; NULL: there
 * is none of that name.  The caller frees. */
char *gw_scenario_find_paper(const char *name);
