/* SPDX-License-Identifier: Apache-2.0 */
/* Candidates are visited in a fixed order and only a strictly better one replaces the best, so
 * equal clusters give equal placements. */
#include "controller/placement.h"

#include <string.h>

#include "base/check.h"

typedef struct {
    const gw_placement_view *view;
    const gw_placement_request *request;
    uint32_t device_count;
    uint32_t *candidate, *best;
    uint32_t best_load_max;
    uint64_t best_load;
    bool is_found;
} placement_search;

static void weigh_candidate(placement_search *search)
{
    uint32_t load_max = 0;
    uint64_t load = 0;
    for (uint32_t i = 0; i < search->device_count; i++) {
        uint32_t device = search->candidate[i];
        if (search->view->free_bytes[device] < search->request->size_bytes)
            return;
        load_max = MAX(load_max, search->view->load[device]);
        load += search->view->load[device];
    }
    bool is_better = !search->is_found || load_max < search->best_load_max ||
                     (load_max == search->best_load_max && load < search->best_load);
    if (!is_better)
        return;
    search->is_found = true;
    search->best_load_max = load_max;
    search->best_load = load;
    memcpy(search->best, search->candidate, search->device_count * sizeof(uint32_t));
}

/* Consecutive devices, tile by tile; one by one where tiles do not fill the island. */
static void try_runs(placement_search *search, const gw_island *island)
{
    uint32_t count = search->device_count;
    if (count > island->device_count)
        return;
    uint32_t stride = island->device_count % count == 0 ? count : 1;
    for (uint32_t first = 0; first + count <= island->device_count; first += stride) {
        for (uint32_t i = 0; i < count; i++)
            search->candidate[i] = island->first_device + first + i;
        weigh_candidate(search);
    }
}

static void fill_box(placement_search *search, const gw_island *island, const uint32_t *box,
                     const uint32_t *origin)
{
    uint32_t i = 0;
    for (uint32_t x = 0; x < box[0]; x++)
        for (uint32_t y = 0; y < box[1]; y++)
            for (uint32_t z = 0; z < box[2]; z++)
                search->candidate[i++] =
                    island->first_device +
                    ((origin[0] + x) * island->shape[1] + origin[1] + y) * island->shape[2] +
                    origin[2] + z;
}

/* False: the box is larger than the island in some dimension. */
static bool try_boxes(placement_search *search, const gw_island *island)
{
    const uint32_t *box = search->request->mesh->shape;
    for (uint32_t d = 0; d < 3; d++)
        if (box[d] > island->shape[d])
            return false;
    uint32_t origin[3];
    for (origin[0] = 0; origin[0] + box[0] <= island->shape[0]; origin[0] += box[0])
        for (origin[1] = 0; origin[1] + box[1] <= island->shape[1]; origin[1] += box[1])
            for (origin[2] = 0; origin[2] + box[2] <= island->shape[2]; origin[2] += box[2]) {
                fill_box(search, island, box, origin);
                weigh_candidate(search);
            }
    return true;
}

bool gw_placement_spread(const gw_placement_view *view, const gw_placement_request *request,
                         uint32_t *out_devices)
{
    uint32_t count = gw_mesh_device_count(request->mesh);
    g_autofree uint32_t *candidate = g_new(uint32_t, count);
    placement_search search = {view, request, count, candidate, out_devices, 0, 0, false};
    for (uint32_t i = 0; i < view->directory->island_count; i++) {
        const gw_island *island = &view->directory->islands[i];
        if (request->island != GW_INDEX_NONE && request->island != i)
            continue;
        if (count > island->device_count)
            continue;
        if (request->mesh->dims == 1 || !try_boxes(&search, island))
            try_runs(&search, island);
    }
    return search.is_found;
}
