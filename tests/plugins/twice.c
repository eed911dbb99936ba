/* SPDX-License-Identifier: Apache-2.0 */
/* Never lets go: picks again what was taken. */
#include "queue.h"

static void take(gw_policy *policy, uint64_t offer, bool is_ordered)
{
    (void)policy;
    (void)offer;
    (void)is_ordered;
}

const gw_policy_ops gw_policy_plugin = {QUEUE_HEAD("twice"),      .create = queue_create,
                                        .destroy = queue_destroy, .offer = queue_offer,
                                        .pick = queue_pick,       .take = take};
