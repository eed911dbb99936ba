/* SPDX-License-Identifier: Apache-2.0 */
/* Shortest remaining call first.  What remains is estimated when a gang is offered: the gangs that
 * its call has left, this one included, times the mean time of the instance's shards so far.  An
 * instance of which no shard is done counts as 0, so that new programs are measured soon: until
 * the first report it comes before all others, which lasts no longer than one lookahead.  Equal
 * estimates go by submission.
 *
 * Long calls starve for as long as short ones keep coming; `control.starvation_limit` names the
 * jobs to which that happens. */
#include "controller/offer_heap.h"

extern const gw_policy_ops gw_policy_shortest;

static gw_policy *shortest_create(gw_params *params, GError **error)
{
    if (!gw_heap_policy_takes_none(params, error))
        return NULL;
    return &gw_heap_policy_new(&gw_policy_shortest, sizeof(gw_heap_policy))->base;
}

/* All that is too long to count is equally long. */
static gw_span estimate_ns(const gw_offer *offer)
{
    if (offer->gangs_left > 0 && offer->shard_time_ns > UINT64_MAX / offer->gangs_left)
        return UINT64_MAX;
    return offer->shard_time_ns * offer->gangs_left;
}

static void shortest_offer(gw_policy *policy, const gw_offer *offer, gw_time now_ns)
{
    (void)now_ns;
    gw_heap_policy_push(policy, offer, (gw_offer_key){estimate_ns(offer), offer->submission});
}

const gw_policy_ops gw_policy_shortest = {
    .abi = GW_POLICY_ABI,
    .size_bytes = sizeof(gw_policy_ops),
    .name = "shortest",
    .summary = "shortest remaining call first, by the mean time of the job's shards so far",
    .create = shortest_create,
    .destroy = gw_heap_policy_destroy,
    .offer = shortest_offer,
    .pick = gw_heap_policy_pick,
    .take = gw_heap_policy_take,
};
