/* SPDX-License-Identifier: Apache-2.0 */
/* The list of scheduling policies, and what an absent member means. */
#include <string.h>

#include "controller/policy.h"

/* Each in its policy_<name>.c. */
extern const gw_policy_ops gw_policy_deadline;
extern const gw_policy_ops gw_policy_fifo;
extern const gw_policy_ops gw_policy_priority;
extern const gw_policy_ops gw_policy_round_robin;
extern const gw_policy_ops gw_policy_share;
extern const gw_policy_ops gw_policy_shortest;

const gw_policy_ops *const gw_policies[] = {
    &gw_policy_deadline,
    &gw_policy_fifo,
    &gw_policy_priority,
    &gw_policy_round_robin,
    &gw_policy_share,
    &gw_policy_shortest,
    NULL,
};

void gw_policy_finished(gw_policy *policy, uint32_t instance, uint64_t shard_count,
                        gw_span device_time_ns)
{
    if (policy->ops->finished != NULL)
        policy->ops->finished(policy, instance, shard_count, device_time_ns);
}

void gw_policy_idle(gw_policy *policy, uint32_t instance)
{
    if (policy->ops->idle != NULL)
        policy->ops->idle(policy, instance);
}

void gw_policy_forget(gw_policy *policy, uint32_t instance)
{
    if (policy->ops->forget != NULL)
        policy->ops->forget(policy, instance);
}

bool gw_policy_can_hold(const gw_policy *policy)
{
    const gw_policy_ops *ops = policy->ops;
    return ops->size_bytes >= sizeof(gw_policy_ops) && ops->hold != NULL && ops->release != NULL &&
           ops->withdraw != NULL;
}

const gw_policy_ops *gw_policy_find(const char *name)
{
    for (uint32_t i = 0; gw_policies[i] != NULL; i++)
        if (strcmp(gw_policies[i]->name, name) == 0)
            return gw_policies[i];
    return NULL;
}
