/* SPDX-License-Identifier: Apache-2.0 */
/* Calls what nobody defines: found when it is opened, not when it is called. */
#include "queue.h"

bool nobody_has_this(void);

static bool pick(gw_policy *policy, gw_time now_ns, uint64_t *out_offer)
{
    return nobody_has_this() && queue_pick(policy, now_ns, out_offer);
}

const gw_policy_ops gw_policy_plugin = {
    QUEUE_HEAD("unresolved"), .create = queue_create, .destroy = queue_destroy,
    .offer = queue_offer,     .pick = pick,           .take = queue_take};
