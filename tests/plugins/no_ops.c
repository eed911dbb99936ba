/* SPDX-License-Identifier: Apache-2.0 */
/* What create() makes does not say which table it belongs to. */
#include "queue.h"

static gw_policy *create(gw_params *params, GError **error)
{
    gw_policy *policy = queue_create(params, error);
    if (policy != NULL)
        policy->ops = NULL;
    return policy;
}

const gw_policy_ops gw_policy_plugin = {QUEUE_HEAD("no_ops"),     .create = create,
                                        .destroy = queue_destroy, .offer = queue_offer,
                                        .pick = queue_pick,       .take = queue_take};
