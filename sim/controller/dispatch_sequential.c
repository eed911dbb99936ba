/* SPDX-License-Identifier: Apache-2.0 */
/* A node leaves when the hosts of the one before it have enqueued that. */
#include "base/params.h"
#include "controller/dispatch_policy.h"

static gw_dispatch_policy *sequential_create(gw_params *params, GError **error)
{
    if (params != NULL && !gw_params_finish(params, error))
        return NULL;
    gw_dispatch_policy *policy = g_new0(gw_dispatch_policy, 1);
    policy->ops = &gw_dispatch_sequential;
    return policy;
}

static void sequential_destroy(gw_dispatch_policy *policy)
{
    g_free(policy);
}

static gw_dispatch_step sequential_step(gw_dispatch_policy *policy, const gw_dispatch_gang *gang,
                                        gw_time now_ns)
{
    (void)policy;
    (void)gang;
    (void)now_ns;
    return GW_DISPATCH_AWAIT;
}

const gw_dispatch_policy_ops gw_dispatch_sequential = {
    .abi = GW_DISPATCH_ABI,
    .size_bytes = sizeof(gw_dispatch_policy_ops),
    .name = "sequential",
    .summary = "a node leaves when the hosts of the one before it have enqueued that",
    .create = sequential_create,
    .destroy = sequential_destroy,
    .step = sequential_step,
};
