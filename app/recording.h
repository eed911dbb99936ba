/* SPDX-License-Identifier: Apache-2.0 */
/* From a scenario to the recorder of one run of it. */
#pragma once

#include "record/recorder.h"
#include "scenario/scenario.h"

typedef struct gw_recording gw_recording; /* The tables that the recorder borrows. */

/* `scenario` is borrowed until gw_recording_free; `folder` may be NULL (no files). */
gw_recording *gw_recording_new(const gw_scenario *scenario, const char *backend, const char *folder,
                               gboolean wants_trace, gboolean wants_gangs, GError **error);
void gw_recording_free(gw_recording *recording);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(gw_recording, gw_recording_free)

gw_recorder *gw_recording_recorder(const gw_recording *recording);
