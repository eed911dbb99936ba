/* SPDX-License-Identifier: Apache-2.0 */
/* Best fit: a line of devices goes into the shortest stretch of idle ones that holds it, so that
 * long stretches stay for those who need them.  Islands that are one ring are seen as such: a
 * stretch goes on at the first device after the last.  Where no idle stretch is long enough, and
 * for meshes of more dimensions, a policy that is built in decides. */
#include <base/error.h>
#include <base/params.h>
#include <controller/placement.h>

typedef struct {
    gw_placement base; /* First: the resource manager knows no more of it. */
    gw_placement *otherwise;
} best_fit;

/* {"name": "./my_placement.so", "otherwise": "pack"}; without an object "otherwise" is "spread". */
static gw_placement *create(gw_params *params, GError **error)
{
    const char *name, *otherwise = "spread";
    if (params != NULL && !(gw_params_string(params, "name", true, &name, error) &&
                            gw_params_string(params, "otherwise", false, &otherwise, error) &&
                            gw_params_finish(params, error)))
        return NULL;
    const gw_placement_ops *ops = gw_placement_find(otherwise);
    if (ops == NULL) {
        g_autofree char *found = gw_error_quote(otherwise);
        gw_params_error(params, "otherwise", error,
                        "found %s, expected a placement policy that is built in", found);
        return NULL;
    }
    best_fit *policy = g_new0(best_fit, 1);
    policy->base.ops = &gw_placement_plugin;
    policy->otherwise = ops->create(NULL, error);
    return &policy->base;
}

static void destroy(gw_placement *base)
{
    best_fit *policy = (best_fit *)base;
    policy->otherwise->ops->destroy(policy->otherwise);
    g_free(policy);
}

static bool is_idle(const gw_placement_view *view, const gw_placement_request *request,
                    uint32_t device)
{
    return view->load[device] == 0 && view->free_bytes[device] >= request->size_bytes &&
           !(view->is_removed != NULL && view->is_removed[device]);
}

typedef struct {
    uint32_t island, first, length; /* `first` counts within the island. */
} stretch;

/* Idle devices from `first` on, round the end of a ring. */
static uint32_t measure(const gw_placement_view *view, const gw_placement_request *request,
                        const gw_island *island, uint32_t first, bool is_ring)
{
    const uint32_t most = is_ring ? island->device_count : island->device_count - first;
    uint32_t length = 0;
    while (length < most &&
           is_idle(view, request, island->first_device + (first + length) % island->device_count))
        length++;
    return length;
}

/* The island's shortest stretch of at least `wanted` replaces *best where it is shorter still.  A
 * stretch begins behind a device that is not idle, or where a line does; the one that is a whole
 * ring begins at its first device. */
static void search_island(const gw_placement_view *view, const gw_placement_request *request,
                          uint32_t index, uint32_t wanted, stretch *best)
{
    const gw_island *island = &view->directory->islands[index];
    const uint32_t count = island->device_count;
    const bool is_ring = island->shape[0] == count && island->is_wrapped[0];
    for (uint32_t first = 0; first < count; first++) {
        const uint32_t before = island->first_device + (first + count - 1) % count;
        const bool is_inside = (is_ring || first > 0) && is_idle(view, request, before);
        if (is_inside && first > 0)
            continue;
        const uint32_t length = measure(view, request, island, first, is_ring);
        if (is_inside && length < count)
            continue;
        if (length >= wanted && length < best->length)
            *best = (stretch){index, first, length};
    }
}

static bool may_take(const gw_placement_view *view, const gw_placement_request *request,
                     uint32_t index)
{
    return (request->island == GW_INDEX_NONE || request->island == index) &&
           (request->accelerator == GW_INDEX_NONE ||
            request->accelerator == view->directory->islands[index].accelerator);
}

static bool place(const gw_placement *base, const gw_placement_view *view,
                  const gw_placement_request *request, uint32_t *out_devices)
{
    const gw_placement *otherwise = ((const best_fit *)base)->otherwise;
    const uint32_t wanted = gw_placement_device_count(request);
    stretch best = {.length = UINT32_MAX};
    for (uint32_t i = 0; request->dims == 1 && i < view->directory->island_count; i++)
        if (may_take(view, request, i))
            search_island(view, request, i, wanted, &best);
    if (best.length == UINT32_MAX)
        return otherwise->ops->place(otherwise, view, request, out_devices);
    const gw_island *island = &view->directory->islands[best.island];
    for (uint32_t shard = 0; shard < wanted; shard++)
        out_devices[shard] = island->first_device + (best.first + shard) % island->device_count;
    return true;
}

const gw_placement_ops gw_placement_plugin = {
    .abi = GW_PLACEMENT_ABI,
    .size_bytes = sizeof(gw_placement_ops),
    .name = "best-fit",
    .summary = "lines go into the shortest stretch of idle devices that holds them",
    .create = create,
    .destroy = destroy,
    .place = place,
};
