/* SPDX-License-Identifier: Apache-2.0 */
/* Short ways first: the candidate with the fewest hops between neighbours of the mesh, also where
 * another with more would be less loaded; of those the least loaded.  Of equals the one with the
 * fewest free devices at its sides: it lies in corners and against what is taken, so what stays
 * free stays in one piece, with room for large slices ("touching perimeter" of bin packing). */
#include "controller/placement_search.h"

extern const gw_placement_ops gw_placement_topology;

static bool is_better(const gw_placement_view *view, const gw_placement_request *request,
                      const gw_candidate *candidate, const gw_candidate *best)
{
    (void)view, (void)request;
    if (candidate->hop_count != best->hop_count)
        return candidate->hop_count < best->hop_count;
    if (candidate->load_max != best->load_max)
        return candidate->load_max < best->load_max;
    if (candidate->load != best->load)
        return candidate->load < best->load;
    if (candidate->free_neighbours != best->free_neighbours)
        return candidate->free_neighbours < best->free_neighbours;
    return candidate->is_aligned && !best->is_aligned;
}

static gw_placement *topology_create(gw_params *params, GError **error)
{
    return gw_placement_plain_new(&gw_placement_topology, params, error);
}

static bool topology_place(const gw_placement *placement, const gw_placement_view *view,
                           const gw_placement_request *request, uint32_t *out_devices)
{
    (void)placement;
    static const gw_placement_rule rule = {
        .order = GW_PLACEMENT_BY_HOPS,
        .needs_neighbours = true,
        .is_better = is_better,
    };
    return gw_placement_search(view, request, &rule, out_devices);
}

const gw_placement_ops gw_placement_topology = {
    .abi = GW_PLACEMENT_ABI,
    .size_bytes = sizeof(gw_placement_ops),
    .name = "topology",
    .summary = "the fewest hops between neighbours of the mesh, then room for large slices",
    .create = topology_create,
    .destroy = gw_placement_plain_destroy,
    .place = topology_place,
};
