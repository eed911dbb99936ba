/* SPDX-License-Identifier: Apache-2.0 */
/* Places of a pipeline, and the few that stand for them in a small program: of each side, the
 * encoder's places and the decoder's, the first, one between and the last. */
#pragma once

#include "app/search_space.h"

#define GW_SEARCH_SIDE_MAX   3 /* Of a small program. */
#define GW_SEARCH_PLACES_MAX (2 * GW_SEARCH_SIDE_MAX)

typedef struct {
    guint encoder, all; /* The encoder's come first. */
} gw_search_places;

/* Of the point's stages times chunks. */
gw_search_places gw_search_places_of(const gw_search_space *space, const gw_search_point *point);
/* Those of the small program. */
gw_search_places gw_search_places_shorten(gw_search_places large);
/* Which of these stands for `place` of the large one. */
guint gw_search_places_find(gw_search_places large, guint place);
