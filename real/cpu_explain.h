/* SPDX-License-Identifier: Apache-2.0 */
/* Why a CPU device does not go on, in words. */
#pragma once

#include "real/cpu_device.h"

/* A line for the first shard in the device's queue, appended to `out`: which gang it is of, and
 * what it waits for.  False: the queue is empty.  The device's thread has stopped. */
bool gw_cpu_explain_device(gw_cpu_meetings *meetings, gw_cpu_device *device, GString *out);
