/* SPDX-License-Identifier: Apache-2.0 */
#include "app/search_places.h"

#include "base/check.h"

gw_search_places gw_search_places_of(const gw_search_space *space, const gw_search_point *point)
{
    const guint all = point->values[GW_SEARCH_STAGES] * point->values[GW_SEARCH_CHUNKS];
    return (gw_search_places){(guint)gw_search_encoder_places(space, all), all};
}

gw_search_places gw_search_places_shorten(gw_search_places large)
{
    const guint encoder = MIN(large.encoder, GW_SEARCH_SIDE_MAX);
    return (gw_search_places){encoder,
                              encoder + MIN(large.all - large.encoder, GW_SEARCH_SIDE_MAX)};
}

/* Of so many places of a side. */
static guint find_in_side(guint place, guint count)
{
    return place == 0 ? 0 : place + 1 == count ? MIN(count, GW_SEARCH_SIDE_MAX) - 1 : 1;
}

guint gw_search_places_find(gw_search_places large, guint place)
{
    gw_check(place < large.all);
    if (place < large.encoder)
        return find_in_side(place, large.encoder);
    return gw_search_places_shorten(large).encoder +
           find_in_side(place - large.encoder, large.all - large.encoder);
}
