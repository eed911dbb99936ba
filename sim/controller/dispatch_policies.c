/* SPDX-License-Identifier: Apache-2.0 */
/* The list of dispatch policies, and what an absent member means. */
#include "controller/dispatch_policy.h"

#include <string.h>

#include "base/check.h"

const gw_dispatch_policy_ops *const gw_dispatch_policies[] = {&gw_dispatch_parallel,
                                                              &gw_dispatch_sequential, NULL};

void gw_dispatch_fan_out(gw_dispatch_policy *policy, const gw_dispatch_batch *batch,
                         uint32_t *out_senders)
{
    for (uint32_t i = 0; i < batch->host_count; i++)
        out_senders[i] = GW_INDEX_NONE;
    if (policy != NULL && policy->ops->fan_out != NULL)
        policy->ops->fan_out(policy, batch, out_senders);
    else if (batch->degree > 0)
        gw_dispatch_tree(batch->degree, GW_INDEX_NONE, 0, batch->host_count, out_senders);
}

void gw_dispatch_forget(gw_dispatch_policy *policy, uint32_t instance)
{
    if (policy->ops->forget != NULL)
        policy->ops->forget(policy, instance);
}

void gw_dispatch_tree(uint32_t degree, uint32_t sender, uint32_t first, uint32_t end,
                      uint32_t *out_senders)
{
    gw_check(degree > 1);
    gw_check(first <= end);
    for (uint32_t rows = MIN(degree, end - first); rows > 0; rows--) {
        const uint32_t length = (end - first + rows - 1) / rows;
        out_senders[first] = sender;
        gw_dispatch_tree(degree, first, first + 1, first + length, out_senders);
        first += length;
    }
}

const gw_dispatch_policy_ops *gw_dispatch_policy_find(const char *name)
{
    for (uint32_t i = 0; gw_dispatch_policies[i] != NULL; i++)
        if (strcmp(gw_dispatch_policies[i]->name, name) == 0)
            return gw_dispatch_policies[i];
    return NULL;
}
