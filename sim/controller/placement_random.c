/* SPDX-License-Identifier: Apache-2.0 */
/* Every candidate has a number that follows from the seed, the job, the mesh and where it is; the
 * lowest wins.  So each is as likely as any other, no state is kept, and whoever asks again gets
 * the same answer.  The seed is data: a scenario's, or the policy's own "seed". */
#include "controller/placement_search.h"

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

static bool random_place(const gw_placement_view *view, const gw_placement_request *request,
                         uint32_t *out_devices)
{
    static const gw_placement_rule rule = {
        .order = GW_PLACEMENT_AS_WRITTEN,
        .is_better = is_better,
    };
    return gw_placement_search(view, request, &rule, out_devices);
}

const gw_placement_ops gw_placement_random = {
    .name = "random",
    .summary = "any place with the memory, each as likely (seed: the scenario's): to compare with",
    .uses_seed = true,
    .place = random_place,
};
