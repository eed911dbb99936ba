/* SPDX-License-Identifier: Apache-2.0 */
/* This machine as a file that scenarios name as accelerator and as profile: what `gangway
 * calibrate` writes, and `gangway validate` goes by. */
#pragma once

#include "real/calibration.h"
#include "record/json.h"
#include "tests/bench/bench_profile.h"

#define GW_MACHINE_QUICK_S 0.005 /* For each thing that is measured. */
#define GW_MACHINE_WHOLE_S 0.1

typedef struct {
    gw_probe_settings settings;
    const gw_probe_between *between;  /* What ranks have seen before; NULL: there is one process. */
    const GPtrArray *runs;            /* Of gw_probe_runs *: to be measured, too; may be NULL. */
    gw_calibration_progress progress; /* May be NULL. */
    void *context;
} gw_machine_request;

typedef struct {
    gw_calibration *seen;
    gw_bench_profile profile;
} gw_machine;

/* Measures; makes processes, so there must be no threads yet.  False: the controller's costs could
 * not be measured, and that has been told.  gw_machine_clear() in any case. */
bool gw_machine_measure(const gw_machine_request *request, gw_machine *out);
void gw_machine_clear(gw_machine *machine);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(gw_machine, gw_machine_clear)

/* The spread of what was measured and takes so long at least, in the median; 0: nothing does. */
double gw_machine_spread(const gw_machine *machine, double least_ns);

/* The file, whole or not at all, and its folder, if there is none.  GW_ERROR_SYSTEM. */
bool gw_machine_write(const gw_machine *machine, const char *name, const char *path,
                      GError **error);

/* "shapes" of a table of that kind, as they stand in the file; nothing where there are none. */
void gw_machine_write_shapes(gw_json *json, const gw_measured_kind *kind,
                             const gw_measured_table *table);
