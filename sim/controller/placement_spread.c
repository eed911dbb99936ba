/* SPDX-License-Identifier: Apache-2.0 */
/* Static load balancing, which the Pathways paper names as its first heuristic: the candidate whose
 * most loaded device carries least, then whose total load is least, then one that tiles the island,
 * then the first. */
#include "controller/placement_search.h"

static bool is_better(const gw_placement_view *view, const gw_placement_request *request,
                      const gw_candidate *candidate, const gw_candidate *best)
{
    (void)view, (void)request;
    if (candidate->load_max != best->load_max)
        return candidate->load_max < best->load_max;
    if (candidate->load != best->load)
        return candidate->load < best->load;
    return candidate->is_aligned && !best->is_aligned;
}

static gw_placement *spread_create(gw_params *params, GError **error)
{
    return gw_placement_plain_new(&gw_placement_spread, params, error);
}

static bool spread_place(const gw_placement *placement, const gw_placement_view *view,
                         const gw_placement_request *request, uint32_t *out_devices)
{
    (void)placement;
    static const gw_placement_rule rule = {
        .order = GW_PLACEMENT_AS_WRITTEN,
        .is_better = is_better,
    };
    return gw_placement_search(view, request, &rule, out_devices);
}

const gw_placement_ops gw_placement_spread = {
    .abi = GW_PLACEMENT_ABI,
    .size_bytes = sizeof(gw_placement_ops),
    .name = "spread",
    .summary = "the least loaded devices: static load balancing",
    .create = spread_create,
    .destroy = gw_placement_plain_destroy,
    .place = spread_place,
};
