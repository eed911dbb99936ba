/* SPDX-License-Identifier: Apache-2.0 */
/* Earliest deadline first; a deadline that is past is early like any other.  Calls without one
 * come after all that have one, by submission, and so do equal deadlines. */
#include "controller/offer_groups.h"

extern const gw_policy_ops gw_policy_deadline;

static gw_policy *deadline_create(gw_params *params, GError **error)
{
    if (!gw_heap_policy_takes_none(params, error))
        return NULL;
    return &gw_heap_policy_new(&gw_policy_deadline, sizeof(gw_heap_policy))->base;
}

static void deadline_offer(gw_policy *policy, const gw_offer *offer, gw_time now_ns)
{
    (void)now_ns;
    gw_heap_policy_push(policy, offer, (gw_offer_key){offer->deadline_ns, offer->submission});
}

const gw_policy_ops gw_policy_deadline = {
    .abi = GW_POLICY_ABI,
    .size_bytes = sizeof(gw_policy_ops),
    .name = "deadline",
    .summary = "earliest deadline first (a job's `deadline`); calls without one come last",
    .create = deadline_create,
    .destroy = gw_heap_policy_destroy,
    .offer = deadline_offer,
    .pick = gw_heap_policy_pick,
    .take = gw_heap_policy_take,
    .hold = gw_heap_policy_hold,
    .release = gw_heap_policy_release,
    .withdraw = gw_heap_policy_withdraw,
};
