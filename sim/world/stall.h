/* SPDX-License-Identifier: Apache-2.0 */
/* Why a run came to rest with jobs undone, in words for the one who wrote the scenario. */
#pragma once

#include "accel/device.h"
#include "controller/controller.h"

/* Appends a ring of waiting devices, where there is one ("deadlock: device 0 runs ..."), else what
 * the first devices that do not get on wait for; one line each. */
void gw_stall_describe_devices(const gw_devices *devices, const gw_job *jobs, GString *out);

/* Appends what the controllers say (gw_controller_explain), at most 16 lines of it. */
void gw_stall_describe_nodes(gw_controller *const *controllers, uint32_t count, GString *out);
