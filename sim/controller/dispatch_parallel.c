/* SPDX-License-Identifier: Apache-2.0 */
/* One message describes a whole subgraph: all that is ordered at one time leaves together, and
 * hosts prepare its nodes at once. */
#include "base/params.h"
#include "controller/dispatch_policy.h"

static gw_dispatch_policy *parallel_create(gw_params *params, GError **error)
{
    if (params != NULL && !gw_params_finish(params, error))
        return NULL;
    gw_dispatch_policy *policy = g_new0(gw_dispatch_policy, 1);
    policy->ops = &gw_dispatch_parallel;
    return policy;
}

static void parallel_destroy(gw_dispatch_policy *policy)
{
    g_free(policy);
}

static gw_dispatch_step parallel_step(gw_dispatch_policy *policy, const gw_dispatch_gang *gang,
                                      gw_time now_ns)
{
    (void)policy;
    (void)gang;
    (void)now_ns;
    return GW_DISPATCH_WITH_TURN;
}

const gw_dispatch_policy_ops gw_dispatch_parallel = {
    .abi = GW_DISPATCH_ABI,
    .size_bytes = sizeof(gw_dispatch_policy_ops),
    .name = "parallel",
    .summary = "all that is ordered at one time leaves in one message per host",
    .create = parallel_create,
    .destroy = parallel_destroy,
    .step = parallel_step,
};
