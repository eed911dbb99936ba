/* SPDX-License-Identifier: Apache-2.0 */
/* Says that it has picked, and not what. */
#include "queue.h"

static bool pick(gw_policy *policy, gw_time now_ns, uint64_t *out_offer)
{
    (void)policy;
    (void)now_ns;
    (void)out_offer;
    return true;
}

const gw_policy_ops gw_policy_plugin = {
    QUEUE_HEAD("blank"),  .create = queue_create, .destroy = queue_destroy,
    .offer = queue_offer, .pick = pick,           .take = queue_take};
