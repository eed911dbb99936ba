/* SPDX-License-Identifier: Apache-2.0 */
/* Picks what it was never offered. */
#include "queue.h"

static bool pick(gw_policy *policy, gw_time now_ns, uint64_t *out_offer)
{
    (void)policy;
    (void)now_ns;
    *out_offer = 123456789;
    return true;
}

const gw_policy_ops gw_policy_plugin = {
    QUEUE_HEAD("garbage"), .create = queue_create, .destroy = queue_destroy,
    .offer = queue_offer,  .pick = pick,           .take = queue_take};
