/* SPDX-License-Identifier: Apache-2.0 */
/* Instances whose client was given up, as a node remembers them: what their client has sent before
 * and what comes now is not looked at.  `collected` is a flag (bool) by instance, as far as there
 * are any; it is made so that new elements are zeros. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

static inline bool gw_collected_has(const GArray *collected, uint32_t instance)
{
    return instance < collected->len && g_array_index(collected, bool, instance);
}

static inline void gw_collected_add(GArray *collected, uint32_t instance)
{
    if (instance >= collected->len)
        g_array_set_size(collected, instance + 1);
    g_array_index(collected, bool, instance) = true;
}
