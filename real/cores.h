/* SPDX-License-Identifier: Apache-2.0 */
/* Where threads run that are more than cores.  Left to the kernel they wander from core to core,
 * and leave behind what their caches held; bound, each finds it again, and a core is shared by the
 * same ones all the time, as the simulated devices share it (accel/device_cores.c). */
#pragma once

#include <stdint.h>

/* The calling thread stays on the `index`-th, counted around, of the cores that it may use now:
 * those of its process, if neither it nor who started it was bound before.  Nothing happens where
 * the system does not allow that: it is for speed alone. */
void gw_cores_bind(uint32_t index);
