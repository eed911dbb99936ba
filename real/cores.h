/* SPDX-License-Identifier: Apache-2.0 */
/* Where threads run that are more than cores.  Left to the kernel they wander from core to core,
 * and leave behind what their caches held; bound, each finds it again, and a core is shared by the
 * same ones all the time, as the simulated devices share it (accel/device_cores.c). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* How many cores the calling thread may use: those of its process, if neither it nor who started it
 * was bound before. */
uint32_t gw_cores_count(void);

/* Whether so many threads that compute are to be bound: they are more than the cores that the
 * caller may use, and come out even, as many on each.  Else the kernel shares the cores out better.
 */
bool gw_cores_bind_so_many(uint32_t thread_count);

/* The calling thread stays on the `index`-th, counted around, of the cores that it may use now.
 * Nothing happens where the system does not allow that: it is for speed alone. */
void gw_cores_bind(uint32_t index);
