/* SPDX-License-Identifier: Apache-2.0 */
/* A thread inherits the cores of who starts it, so one that binds itself sees those of its process,
 * whatever their numbers in this machine are. */
#define _GNU_SOURCE /* sched_setaffinity() */
#include "real/cores.h"

#include <glib.h>
#include <sched.h>
#include <stddef.h>

/* False: the system does not tell, as where there are more cores than a set of them holds. */
static bool find_allowed(cpu_set_t *out_allowed)
{
    CPU_ZERO(out_allowed);
    return sched_getaffinity(0, sizeof(*out_allowed), out_allowed) == 0 &&
           CPU_COUNT(out_allowed) > 0;
}

uint32_t gw_cores_count(void)
{
    cpu_set_t allowed;
    return find_allowed(&allowed) ? (uint32_t)CPU_COUNT(&allowed) : g_get_num_processors();
}

bool gw_cores_bind_so_many(uint32_t thread_count)
{
    const uint32_t core_count = gw_cores_count();
    return thread_count > core_count && thread_count % core_count == 0;
}

void gw_cores_bind(uint32_t index)
{
    cpu_set_t allowed, own;
    if (!find_allowed(&allowed)) {
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
