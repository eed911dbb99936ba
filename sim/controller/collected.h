/* SPDX-License-Identifier: Apache-2.0 */
/* Instances whose client was given up, as a node remembers them: what their client has sent before
 * and what comes now is not looked at.  They are few: one for each client that fails, at most. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

static inline bool gw_collected_has(const GArray *collected, uint32_t instance)
{
    for (uint32_t i = 0; i < collected->len; i++)
        if (g_array_index(collected, uint32_t, i) == instance)
            return true;
    return false;
}

static inline void gw_collected_add(GArray *collected, uint32_t instance)
{
    if (!gw_collected_has(collected, instance))
        g_array_append_val(collected, instance);
}
