/* SPDX-License-Identifier: Apache-2.0 */
/* A tree of two levels that knows racks: of each rack one host gets the batch from the scheduler,
 * and passes it on to the others of its rack.  So only one message per rack crosses to it, and each
 * host sends to at most a rack.  Few hosts are told straight.
 *
 * Gangs leave with their turn, but those on more than `await` hosts are awaited: wide programs then
 * do not run far ahead of their slowest host. */
#include <base/params.h>
#include <controller/dispatch_policy.h>

#define DEFAULT_RACK   8
#define DEFAULT_DIRECT 2
#define HOSTS_MAX      1000000

typedef struct {
    gw_dispatch_policy base; /* First: the scheduler knows no more of it. */
    uint64_t rack, direct, await;
    GArray *leaders; /* By rack: its first host's place in the batch plus 1; 0: it has none. */
} racks;

/* {"name": "./my_dispatch.so", "rack": 16, "direct": 4, "await": 64}: racks of so many hosts,
 * consecutive ones. */
static bool read_params(racks *policy, gw_params *params, GError **error)
{
    const char *name;
    if (params == NULL)
        return true;
    return gw_params_string(params, "name", true, &name, error) &&
           gw_params_count(params, "rack", false, 1, HOSTS_MAX, &policy->rack, error) &&
           gw_params_count(params, "direct", false, 0, HOSTS_MAX, &policy->direct, error) &&
           gw_params_count(params, "await", false, 0, HOSTS_MAX, &policy->await, error) &&
           gw_params_finish(params, error);
}

static gw_dispatch_policy *create(gw_params *params, GError **error)
{
    racks read = {.rack = DEFAULT_RACK, .direct = DEFAULT_DIRECT, .await = HOSTS_MAX};
    if (!read_params(&read, params, error))
        return NULL;
    racks *policy = g_new0(racks, 1);
    *policy = read;
    policy->base.ops = &gw_dispatch_plugin;
    policy->leaders = g_array_new(FALSE, TRUE, sizeof(uint32_t));
    return &policy->base;
}

static void destroy(gw_dispatch_policy *base)
{
    racks *policy = (racks *)base;
    g_array_unref(policy->leaders);
    g_free(policy);
}

static gw_dispatch_step step(gw_dispatch_policy *base, const gw_dispatch_gang *gang, gw_time now_ns)
{
    (void)now_ns;
    return gang->host_count > ((racks *)base)->await ? GW_DISPATCH_AWAIT : GW_DISPATCH_WITH_TURN;
}

static void fan_out(gw_dispatch_policy *base, const gw_dispatch_batch *batch, uint32_t *out_senders)
{
    racks *policy = (racks *)base;
    if (batch->host_count <= policy->direct)
        return; /* All are filled in as the scheduler's. */
    for (uint32_t i = 0; i < batch->host_count; i++) {
        const guint rack = (guint)(batch->hosts[i] / policy->rack);
        if (rack >= policy->leaders->len)
            g_array_set_size(policy->leaders, rack + 1);
        uint32_t *leader = &g_array_index(policy->leaders, uint32_t, rack);
        if (*leader == 0)
            *leader = i + 1;
        else
            out_senders[i] = *leader - 1;
    }
    for (uint32_t i = 0; i < batch->host_count; i++)
        g_array_index(policy->leaders, uint32_t, batch->hosts[i] / policy->rack) = 0;
}

const gw_dispatch_policy_ops gw_dispatch_plugin = {
    .abi = GW_DISPATCH_ABI,
    .size_bytes = sizeof(gw_dispatch_policy_ops),
    .name = "by-rack",
    .summary = "one message to each rack, which passes it on; wide gangs may be awaited",
    .create = create,
    .destroy = destroy,
    .step = step,
    .fan_out = fan_out,
};
