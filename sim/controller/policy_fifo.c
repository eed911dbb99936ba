/* SPDX-License-Identifier: Apache-2.0 */
/* First in, first out: whoever's call came first has its gangs ordered first. */
#include "controller/offer_groups.h"

extern const gw_policy_ops gw_policy_fifo;

static gw_policy *fifo_create(gw_params *params, GError **error)
{
    if (!gw_heap_policy_takes_none(params, error))
        return NULL;
    return &gw_heap_policy_new(&gw_policy_fifo, sizeof(gw_heap_policy))->base;
}

static void fifo_offer(gw_policy *policy, const gw_offer *offer, gw_time now_ns)
{
    (void)now_ns;
    gw_heap_policy_push(policy, offer, (gw_offer_key){offer->submission, 0});
}

const gw_policy_ops gw_policy_fifo = {
    .abi = GW_POLICY_ABI,
    .size_bytes = sizeof(gw_policy_ops),
    .name = "fifo",
    .summary = "first in, first out, by the order in which calls reach the scheduler",
    .create = fifo_create,
    .destroy = gw_heap_policy_destroy,
    .offer = fifo_offer,
    .pick = gw_heap_policy_pick,
    .take = gw_heap_policy_take,
    .hold = gw_heap_policy_hold,
    .release = gw_heap_policy_release,
    .withdraw = gw_heap_policy_withdraw,
};
