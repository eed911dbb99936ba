/* SPDX-License-Identifier: Apache-2.0 */
/* What a few links of a cluster carry: room and time are those of the links that are asked for, not
 * of all that there are. */
#pragma once

#include <glib.h>
#include <stdint.h>

typedef struct {
    uint32_t link;                   /* GW_INDEX_NONE: nobody has the slot. */
    double round_bytes, total_bytes; /* At first 0. */
} gw_link_load;

typedef struct {
    gw_link_load *slots;
    uint32_t capacity_log2, count;
} gw_link_loads;

void gw_link_loads_init(gw_link_loads *loads);
void gw_link_loads_clear(gw_link_loads *loads);

/* The link's, borrowed until the next call for one that was not asked for before. */
gw_link_load *gw_link_loads_at(gw_link_loads *loads, uint32_t link);
