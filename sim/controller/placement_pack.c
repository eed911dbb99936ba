/* SPDX-License-Identifier: Apache-2.0 */
/* Best fit: what is in use is used first, so that whole regions and islands stay free.  Memory is
 * the only bound on how many jobs share a device. */
#include "controller/placement_search.h"

extern const gw_placement_ops gw_placement_pack;

static bool is_better(const gw_placement_view *view, const gw_placement_request *request,
                      const gw_candidate *candidate, const gw_candidate *best)
{
    (void)view, (void)request;
    if (candidate->load != best->load)
        return candidate->load > best->load;
    if (candidate->island_load != best->island_load)
        return candidate->island_load > best->island_load;
    if (candidate->free_neighbours != best->free_neighbours)
        return candidate->free_neighbours < best->free_neighbours;
    return candidate->is_aligned && !best->is_aligned;
}

static gw_placement *pack_create(gw_params *params, GError **error)
{
    return gw_placement_plain_new(&gw_placement_pack, params, error);
}

static bool pack_place(const gw_placement *placement, const gw_placement_view *view,
                       const gw_placement_request *request, uint32_t *out_devices)
{
    (void)placement;
    static const gw_placement_rule rule = {
        .order = GW_PLACEMENT_AS_WRITTEN,
        .needs_neighbours = true,
        .is_better = is_better,
    };
    return gw_placement_search(view, request, &rule, out_devices);
}

const gw_placement_ops gw_placement_pack = {
    .abi = GW_PLACEMENT_ABI,
    .size_bytes = sizeof(gw_placement_ops),
    .name = "pack",
    .summary = "the most loaded devices that still have the memory: keeps whole regions free",
    .create = pack_create,
    .destroy = gw_placement_plain_destroy,
    .place = pack_place,
};
