/* SPDX-License-Identifier: Apache-2.0 */
/* Every candidate has a number that follows from the seed, the job, the mesh and where it is; the
 * lowest wins.  So each is as likely as any other, no state is kept, and whoever asks again gets
 * the same answer.  The seed is data: a scenario's, or the policy's own "seed". */
#include "controller/placement_search.h"

#include "base/params.h"

extern const gw_placement_ops gw_placement_random;

typedef struct {
    gw_placement base;
    bool has_seed; /* Its own; else the scenario's. */
    uint64_t seed;
} random_placement;

static gw_placement *random_create(gw_params *params, GError **error)
{
    uint64_t seed = 0;
    if (params != NULL && !(gw_params_count(params, "seed", false, 0, INT64_MAX, &seed, error) &&
                            gw_params_finish(params, error)))
        return NULL;
    random_placement *placement = g_new0(random_placement, 1);
    placement->base.ops = &gw_placement_random;
    placement->has_seed = params != NULL && gw_params_has(params, "seed");
    placement->seed = seed;
    return &placement->base;
}

static void random_destroy(gw_placement *placement)
{
    g_free(placement);
}

/* One step of SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators",
 * OOPSLA 2014): each bit of the result depends on all bits of both. */
static uint64_t mix(uint64_t state, uint64_t value)
{
    uint64_t z = state + value + UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static uint64_t number_of(const gw_placement_view *view, const gw_placement_request *request,
                          const gw_candidate *candidate)
{
    uint64_t number = mix(view->seed, request->job);
    number = mix(number, request->mesh_index);
    number = mix(number, candidate->island);
    for (uint32_t axis = 0; axis < GW_EMBEDDING_AXES; axis++)
        number = mix(number, candidate->origin[axis]);
    return number;
}

static bool is_better(const gw_placement_view *view, const gw_placement_request *request,
                      const gw_candidate *candidate, const gw_candidate *best)
{
    return number_of(view, request, candidate) < number_of(view, request, best);
}

static bool random_place(const gw_placement *placement, const gw_placement_view *view,
                         const gw_placement_request *request, uint32_t *out_devices)
{
    const random_placement *self = (const random_placement *)placement;
    gw_placement_view seeded = *view;
    static const gw_placement_rule rule = {
        .order = GW_PLACEMENT_AS_WRITTEN,
        .is_better = is_better,
    };
    if (self->has_seed)
        seeded.seed = self->seed;
    return gw_placement_search(&seeded, request, &rule, out_devices);
}

const gw_placement_ops gw_placement_random = {
    .abi = GW_PLACEMENT_ABI,
    .size_bytes = sizeof(gw_placement_ops),
    .name = "random",
    .summary = "any place with the memory, each as likely (seed: the scenario's): to compare with",
    .create = random_create,
    .destroy = random_destroy,
    .place = random_place,
};
