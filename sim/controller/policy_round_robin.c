/* SPDX-License-Identifier: Apache-2.0 */
/* In turn, a gang each: next is the instance whose last gang was ordered longest ago.  Those that
 * have had none yet come before all others, by submission.  Having been idle earns a single gang
 * at the front and no more, and between two gangs of an instance that always has one to order,
 * every other one that has comes once. */
#include "controller/offer_groups.h"

extern const gw_policy_ops gw_policy_round_robin;

typedef struct {
    gw_heap_policy base;
    GArray *last_turns;  /* uint64_t by instance: its last gang's; 0: it has had none. */
    uint64_t turn_count; /* Gangs ordered. */
} round_robin_policy;

static uint64_t *last_turn_of(round_robin_policy *policy, uint32_t instance)
{
    if (instance >= policy->last_turns->len)
        g_array_set_size(policy->last_turns, instance + 1);
    return &g_array_index(policy->last_turns, uint64_t, instance);
}

static gw_policy *round_robin_create(gw_params *params, GError **error)
{
    if (!gw_heap_policy_takes_none(params, error))
        return NULL;
    round_robin_policy *made = (round_robin_policy *)gw_heap_policy_new(&gw_policy_round_robin,
                                                                        sizeof(round_robin_policy));
    made->last_turns = g_array_new(FALSE, TRUE, sizeof(uint64_t));
    return &made->base.base;
}

static void round_robin_destroy(gw_policy *policy)
{
    g_array_unref(((round_robin_policy *)policy)->last_turns);
    gw_heap_policy_destroy(policy);
}

static void round_robin_offer(gw_policy *policy, const gw_offer *offer, gw_time now_ns)
{
    (void)now_ns;
    const uint64_t last = *last_turn_of((round_robin_policy *)policy, offer->instance);
    gw_heap_policy_push(policy, offer, (gw_offer_key){last, offer->submission});
}

static void round_robin_take(gw_policy *policy, uint64_t offer, bool is_ordered)
{
    round_robin_policy *self = (round_robin_policy *)policy;
    const gw_offer_entry *first = gw_offer_groups_first(&self->base.offers);
    const uint32_t instance = first == NULL ? GW_INDEX_NONE : first->instance;
    gw_heap_policy_take(policy, offer, is_ordered);
    if (is_ordered)
        *last_turn_of(self, instance) = ++self->turn_count;
}

static void round_robin_forget(gw_policy *policy, uint32_t instance)
{
    *last_turn_of((round_robin_policy *)policy, instance) = 0;
}

const gw_policy_ops gw_policy_round_robin = {
    .abi = GW_POLICY_ABI,
    .size_bytes = sizeof(gw_policy_ops),
    .name = "round_robin",
    .summary = "jobs in turn, a gang each",
    .create = round_robin_create,
    .destroy = round_robin_destroy,
    .offer = round_robin_offer,
    .pick = gw_heap_policy_pick,
    .take = round_robin_take,
    .forget = round_robin_forget,
    .hold = gw_heap_policy_hold,
    .release = gw_heap_policy_release,
    .withdraw = gw_heap_policy_withdraw,
};
