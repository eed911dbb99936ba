/* SPDX-License-Identifier: Apache-2.0 */
/* A thread inherits the cores of who starts it, so one that binds itself sees those of its process,
 * whatever their numbers in this machine are. */
#define _GNU_SOURCE /* sched_setaffinity() */
#include "real/cores.h"

#include <sched.h>
#include <stddef.h>

void gw_cores_bind(uint32_t index)
{
    cpu_set_t allowed, own;
    CPU_ZERO(&allowed);
    /* It fails, too, where there are more cores than a set of them holds. */
    if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0 || CPU_COUNT(&allowed) < 2) {
        return;
    }
    uint32_t left = index % (uint32_t)CPU_COUNT(&allowed);
    size_t core = 0;
    while (!CPU_ISSET(core, &allowed) || left-- > 0) {
        core++;
    }
    CPU_ZERO(&own);
    CPU_SET(core, &own);
    (void)sched_setaffinity(0, sizeof(own), &own);
}
