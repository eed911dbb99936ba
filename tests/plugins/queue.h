/* SPDX-License-Identifier: Apache-2.0 */
/* What the plugins of the tests are made of: a right policy, first offered, first picked.  Each
 * plugin puts one thing of its own, mostly a wrong one, into the table. */
#pragma once

#include "base/check.h"
#include "base/params.h"
#include "controller/policy.h"

typedef struct {
    gw_policy base;
    GArray *offers; /* uint64_t */
} queue_policy;

static inline gw_policy *queue_create(gw_params *params, GError **error)
{
    const char *name;
    if (params != NULL &&
        !(gw_params_string(params, "name", true, &name, error) && gw_params_finish(params, error)))
        return NULL;
    queue_policy *queue = g_new0(queue_policy, 1);
    queue->base.ops = &gw_policy_plugin;
    queue->offers = g_array_new(FALSE, FALSE, sizeof(uint64_t));
    return &queue->base;
}

static inline void queue_destroy(gw_policy *policy)
{
    queue_policy *queue = (queue_policy *)policy;
    g_array_unref(queue->offers);
    g_free(queue);
}

static inline void queue_offer(gw_policy *policy, const gw_offer *offer, gw_time now_ns)
{
    (void)now_ns;
    g_array_append_val(((queue_policy *)policy)->offers, offer->offer);
}

static inline bool queue_pick(gw_policy *policy, gw_time now_ns, uint64_t *out_offer)
{
    const GArray *offers = ((queue_policy *)policy)->offers;
    (void)now_ns;
    if (offers->len == 0)
        return false;
    *out_offer = g_array_index(offers, uint64_t, 0);
    return true;
}

static inline void queue_take(gw_policy *policy, uint64_t offer, bool is_ordered)
{
    GArray *offers = ((queue_policy *)policy)->offers;
    (void)is_ordered;
    gw_check(offers->len > 0);
    gw_check(g_array_index(offers, uint64_t, 0) == offer);
    g_array_remove_index(offers, 0);
}

/* The members of a table without its head. */
#define QUEUE_MEMBERS                                                                              \
    .create = queue_create, .destroy = queue_destroy, .offer = queue_offer, .pick = queue_pick,    \
    .take = queue_take
#define QUEUE_HEAD(given_name)                                                                     \
    .abi = GW_POLICY_ABI, .size_bytes = sizeof(gw_policy_ops), .name = (given_name),               \
    .summary = "of the tests"
