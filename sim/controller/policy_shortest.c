/* SPDX-License-Identifier: Apache-2.0 */
/* Shortest remaining call first.  What remains is estimated when a gang is offered, and anew with
 * every report while it is: the gangs that its call has left, this one included, times the mean
 * time of the instance's shards so far.  An instance of which no shard is done counts as 0, so that
 * new programs are measured soon: until the first report it comes before all others, which lasts
 * no longer than one lookahead.  Equal estimates go by submission.
 *
 * Long calls starve for as long as short ones keep coming; `control.starvation_limit` names the
 * jobs to which that happens. */
#include "controller/offer_groups.h"

extern const gw_policy_ops gw_policy_shortest;

typedef struct {
    uint32_t gangs_left; /* Of the call whose gang is offered now, or was last. */
    uint64_t shard_count;
    gw_span time_ns; /* Of those, reported so far. */
} shortest_account;

typedef struct {
    gw_heap_policy base;
    GArray *accounts; /* shortest_account by instance. */
} shortest_policy;

static shortest_account *account_of(shortest_policy *policy, uint32_t instance)
{
    if (instance >= policy->accounts->len)
        g_array_set_size(policy->accounts, instance + 1);
    return &g_array_index(policy->accounts, shortest_account, instance);
}

static gw_policy *shortest_create(gw_params *params, GError **error)
{
    if (!gw_heap_policy_takes_none(params, error))
        return NULL;
    shortest_policy *made =
        (shortest_policy *)gw_heap_policy_new(&gw_policy_shortest, sizeof(shortest_policy));
    made->accounts = g_array_new(FALSE, TRUE, sizeof(shortest_account));
    return &made->base.base;
}

static void shortest_destroy(gw_policy *policy)
{
    g_array_unref(((shortest_policy *)policy)->accounts);
    gw_heap_policy_destroy(policy);
}

/* All that is too long to count is equally long. */
static gw_span estimate_ns(gw_span shard_time_ns, uint32_t gangs_left)
{
    if (gangs_left > 0 && shard_time_ns > UINT64_MAX / gangs_left)
        return UINT64_MAX;
    return shard_time_ns * gangs_left;
}

static void shortest_offer(gw_policy *policy, const gw_offer *offer, gw_time now_ns)
{
    (void)now_ns;
    account_of((shortest_policy *)policy, offer->instance)->gangs_left = offer->gangs_left;
    const gw_offer_key key = {estimate_ns(offer->shard_time_ns, offer->gangs_left),
                              offer->submission};
    gw_heap_policy_push(policy, offer, key);
}

static void shortest_finished(gw_policy *policy, uint32_t instance, uint64_t shard_count,
                              gw_span device_time_ns)
{
    shortest_policy *self = (shortest_policy *)policy;
    shortest_account *account = account_of(self, instance);
    account->shard_count += shard_count;
    account->time_ns += device_time_ns;
    const gw_offer_entry *offered = gw_offer_groups_find(&self->base.offers, instance);
    if (offered == NULL || account->shard_count == 0)
        return;
    const gw_span mean_ns = account->time_ns / account->shard_count;
    const gw_offer_key key = {estimate_ns(mean_ns, account->gangs_left), offered->key.second};
    gw_offer_groups_move(&self->base.offers, instance, key);
}

static void shortest_forget(gw_policy *policy, uint32_t instance)
{
    *account_of((shortest_policy *)policy, instance) = (shortest_account){0};
}

const gw_policy_ops gw_policy_shortest = {
    .abi = GW_POLICY_ABI,
    .size_bytes = sizeof(gw_policy_ops),
    .name = "shortest",
    .summary = "shortest remaining call first, by the mean time of the job's shards so far",
    .create = shortest_create,
    .destroy = shortest_destroy,
    .offer = shortest_offer,
    .pick = gw_heap_policy_pick,
    .take = gw_heap_policy_take,
    .finished = shortest_finished,
    .forget = shortest_forget,
    .hold = gw_heap_policy_hold,
    .release = gw_heap_policy_release,
    .withdraw = gw_heap_policy_withdraw,
};
