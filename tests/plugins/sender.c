/* SPDX-License-Identifier: Apache-2.0 */
/* A dispatch policy that says always the same: {"step": NUMBER, "sender": NUMBER} are its answers,
 * with_turn and the scheduler by default; "sender" is that of the last host of a batch.  "fault" is
 * "refuses", "later" (the second time) or "foreign", of how it is made. */
#include "base/params.h"
#include "controller/dispatch_policy.h"

typedef enum { REFUSES = 1, LATER, FOREIGN } sender_fault;

static const char *const faults[] = {"refuses", "later", "foreign", NULL};

typedef struct {
    gw_dispatch_policy base;
    sender_fault fault; /* 0: none. */
    uint64_t step, sender;
} sender;

static bool read_params(sender *out, gw_params *params, GError **error)
{
    const char *name;
    uint32_t choice = 0;
    if (params == NULL)
        return true;
    if (!gw_params_string(params, "name", true, &name, error) ||
        !gw_params_choice(params, "fault", false, faults, &choice, error) ||
        !gw_params_count(params, "step", false, 0, UINT32_MAX, &out->step, error) ||
        !gw_params_count(params, "sender", false, 0, UINT32_MAX, &out->sender, error))
        return false;
    out->fault = gw_params_has(params, "fault") ? (sender_fault)(choice + 1) : 0;
    return gw_params_finish(params, error);
}

static gw_dispatch_policy *create(gw_params *params, GError **error)
{
    static guint made_count;
    sender read = {.step = GW_DISPATCH_WITH_TURN, .sender = GW_INDEX_NONE};
    if (!read_params(&read, params, error))
        return NULL;
    made_count++;
    if (read.fault == REFUSES || (read.fault == LATER && made_count > 1))
        return NULL;
    sender *made = g_new0(sender, 1);
    *made = read;
    made->base.ops = read.fault == FOREIGN ? NULL : &gw_dispatch_plugin;
    return &made->base;
}

static void destroy(gw_dispatch_policy *base)
{
    g_free(base);
}

static gw_dispatch_step step(gw_dispatch_policy *base, const gw_dispatch_gang *gang, gw_time now_ns)
{
    (void)gang;
    (void)now_ns;
    return (gw_dispatch_step)((sender *)base)->step;
}

static void fan_out(gw_dispatch_policy *base, const gw_dispatch_batch *batch, uint32_t *out_senders)
{
    out_senders[batch->host_count - 1] = (uint32_t)((sender *)base)->sender;
}

const gw_dispatch_policy_ops gw_dispatch_plugin = {.abi = GW_DISPATCH_ABI,
                                                   .size_bytes = sizeof(gw_dispatch_policy_ops),
                                                   .name = "sender",
                                                   .summary = "of the tests",
                                                   .create = create,
                                                   .destroy = destroy,
                                                   .step = step,
                                                   .fan_out = fan_out};
