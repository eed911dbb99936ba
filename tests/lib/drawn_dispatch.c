/* SPDX-License-Identifier: Apache-2.0 */
#include "drawn_dispatch.h"

#include "base/check.h"
#include "base/random.h"

typedef struct {
    gw_dispatch_policy base;
    gw_random random;
} drawn_policy;

static gw_dispatch_policy *drawn_create(gw_params *params, GError **error)
{
    (void)params;
    (void)error;
    drawn_policy *policy = g_new0(drawn_policy, 1);
    policy->base.ops = &drawn_dispatch;
    gw_random_init(&policy->random, 1, "drawn dispatch");
    return &policy->base;
}

static void drawn_destroy(gw_dispatch_policy *base)
{
    g_free(base);
}

static gw_dispatch_step drawn_step(gw_dispatch_policy *base, const gw_dispatch_gang *gang,
                                   gw_time now_ns)
{
    (void)now_ns;
    gw_check(gang->host_count > 0);
    gw_check(gang->shard_count >= gang->host_count);
    const uint64_t drawn = gw_random_below(&((drawn_policy *)base)->random, 6);
    return drawn == 0 ? GW_DISPATCH_AWAIT : drawn == 1 ? GW_DISPATCH_NOW : GW_DISPATCH_WITH_TURN;
}

/* Host 0 of a batch can only be the scheduler's; of each other it is anyone's before it. */
static void drawn_fan_out(gw_dispatch_policy *base, const gw_dispatch_batch *batch,
                          uint32_t *out_senders)
{
    gw_random *random = &((drawn_policy *)base)->random;
    gw_check(batch->gang_count > 0);
    for (uint32_t i = 0; i < batch->host_count; i++) {
        gw_check(out_senders[i] == GW_INDEX_NONE);
        const uint64_t drawn = gw_random_below(random, i + 1);
        if (drawn < i)
            out_senders[i] = (uint32_t)drawn;
    }
}

const gw_dispatch_policy_ops drawn_dispatch = {
    .abi = GW_DISPATCH_ABI,
    .size_bytes = sizeof(gw_dispatch_policy_ops),
    .name = "drawn",
    .summary = "of the tests: any answer that is allowed",
    .create = drawn_create,
    .destroy = drawn_destroy,
    .step = drawn_step,
    .fan_out = drawn_fan_out,
};
