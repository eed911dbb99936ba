/* SPDX-License-Identifier: Apache-2.0 */
/* All heaps of offers share one table of places, since an instance's offer is in one of them.
 * After each change of a group its head is compared with what stands for it among the heads. */
#include "controller/offer_groups.h"

#include "base/check.h"
#include "base/params.h"

typedef struct {
    gw_offer_heap offers;
    bool is_held;
} offer_group;

static offer_group *groups_of(const gw_offer_groups *groups)
{
    return (offer_group *)(void *)groups->groups->data;
}

void gw_offer_groups_init(gw_offer_groups *groups)
{
    groups->groups = g_array_new(FALSE, FALSE, sizeof(offer_group));
    groups->group_of = g_array_new(FALSE, TRUE, sizeof(uint32_t));
    groups->places = g_array_new(FALSE, TRUE, sizeof(uint32_t));
    gw_offer_heap_init(&groups->heads);
}

void gw_offer_groups_clear(gw_offer_groups *groups)
{
    for (uint32_t g = 0; g < groups->groups->len; g++)
        gw_offer_heap_clear(&groups_of(groups)[g].offers);
    g_array_unref(groups->groups);
    g_array_unref(groups->group_of);
    g_array_unref(groups->places);
    gw_offer_heap_clear(&groups->heads);
}

/* Made where it is not yet. */
static offer_group *group_at(gw_offer_groups *groups, uint32_t number)
{
    gw_check(number < GW_INDEX_NONE);
    while (groups->groups->len <= number) {
        offer_group made = {.is_held = false};
        gw_offer_heap_init_sharing(&made.offers, groups->places);
        g_array_append_val(groups->groups, made);
    }
    return &groups_of(groups)[number];
}

/* Puts what is first in the group now where it belongs among the heads. */
static void settle_head(gw_offer_groups *groups, uint32_t number)
{
    const offer_group *group = &groups_of(groups)[number];
    const gw_offer_entry *first = group->is_held ? NULL : gw_offer_heap_first(&group->offers);
    const gw_offer_entry *known = gw_offer_heap_find(&groups->heads, number);
    if (first == NULL) {
        if (known != NULL)
            gw_offer_heap_remove(&groups->heads, number);
        return;
    }
    const gw_offer_entry head = {.key = first->key, .offer = first->offer, .instance = number};
    if (known == NULL)
        gw_offer_heap_push(&groups->heads, &head);
    else if (known->offer != head.offer || known->key.first != head.key.first ||
             known->key.second != head.key.second)
        gw_offer_heap_replace(&groups->heads, &head);
}

/* The group of the instance's offer; NULL: it has none. */
static offer_group *group_with(const gw_offer_groups *groups, uint32_t instance)
{
    if (instance >= groups->group_of->len)
        return NULL;
    offer_group *group = &groups_of(groups)[g_array_index(groups->group_of, uint32_t, instance)];
    return gw_offer_heap_find(&group->offers, instance) != NULL ? group : NULL;
}

void gw_offer_groups_push(gw_offer_groups *groups, const gw_offer_entry *entry, uint32_t group)
{
    gw_offer_heap_push(&group_at(groups, group)->offers, entry);
    if (entry->instance >= groups->group_of->len)
        g_array_set_size(groups->group_of, entry->instance + 1);
    g_array_index(groups->group_of, uint32_t, entry->instance) = group;
    settle_head(groups, group);
}

const gw_offer_entry *gw_offer_groups_first(const gw_offer_groups *groups)
{
    const gw_offer_entry *head = gw_offer_heap_first(&groups->heads);
    return head == NULL ? NULL : gw_offer_heap_first(&groups_of(groups)[head->instance].offers);
}

const gw_offer_entry *gw_offer_groups_find(const gw_offer_groups *groups, uint32_t instance)
{
    const offer_group *group = group_with(groups, instance);
    return group == NULL ? NULL : gw_offer_heap_find(&group->offers, instance);
}

void gw_offer_groups_move(gw_offer_groups *groups, uint32_t instance, gw_offer_key key)
{
    offer_group *group = group_with(groups, instance);
    gw_check(group != NULL);
    gw_offer_heap_move(&group->offers, instance, key);
    settle_head(groups, g_array_index(groups->group_of, uint32_t, instance));
}

void gw_offer_groups_move_to(gw_offer_groups *groups, uint32_t instance, gw_offer_key key,
                             uint32_t group)
{
    const offer_group *from = group_with(groups, instance);
    gw_check(from != NULL);
    if (g_array_index(groups->group_of, uint32_t, instance) == group) {
        gw_offer_groups_move(groups, instance, key);
        return;
    }
    gw_offer_entry moved = *gw_offer_heap_find(&from->offers, instance);
    moved.key = key;
    gw_offer_groups_remove(groups, instance);
    gw_offer_groups_push(groups, &moved, group);
}

void gw_offer_groups_remove(gw_offer_groups *groups, uint32_t instance)
{
    offer_group *group = group_with(groups, instance);
    gw_check(group != NULL);
    gw_offer_heap_remove(&group->offers, instance);
    settle_head(groups, g_array_index(groups->group_of, uint32_t, instance));
}

void gw_offer_groups_remove_first(gw_offer_groups *groups)
{
    const gw_offer_entry *head = gw_offer_heap_first(&groups->heads);
    gw_check(head != NULL);
    const uint32_t number = head->instance;
    gw_offer_heap *offers = &groups_of(groups)[number].offers;
    gw_offer_heap_remove(offers, gw_offer_heap_first(offers)->instance);
    settle_head(groups, number);
}

void gw_offer_groups_hold(gw_offer_groups *groups, uint32_t group)
{
    offer_group *held = group_at(groups, group);
    gw_check(!held->is_held);
    held->is_held = true;
    settle_head(groups, group);
}

void gw_offer_groups_release(gw_offer_groups *groups, uint32_t group)
{
    offer_group *released = group_at(groups, group);
    gw_check(released->is_held);
    released->is_held = false;
    settle_head(groups, group);
}

uint64_t gw_offer_groups_count_comparisons(const gw_offer_groups *groups)
{
    uint64_t count = groups->heads.comparison_count;
    for (uint32_t g = 0; g < groups->groups->len; g++)
        count += groups_of(groups)[g].offers.comparison_count;
    return count;
}

/* --- Policies --- */

gw_heap_policy *gw_heap_policy_new(const gw_policy_ops *ops, size_t size_bytes)
{
    gw_check(size_bytes >= sizeof(gw_heap_policy));
    gw_heap_policy *made = g_malloc0(size_bytes);
    made->base.ops = ops;
    gw_offer_groups_init(&made->offers);
    return made;
}

void gw_heap_policy_destroy(gw_policy *policy)
{
    gw_offer_groups_clear(&((gw_heap_policy *)policy)->offers);
    g_free(policy);
}

bool gw_heap_policy_takes_none(gw_params *params, GError **error)
{
    return params == NULL || gw_params_finish(params, error);
}

void gw_heap_policy_push(gw_policy *policy, const gw_offer *offer, gw_offer_key key)
{
    const gw_offer_entry entry = {.key = key, .offer = offer->offer, .instance = offer->instance};
    gw_offer_groups_push(&((gw_heap_policy *)policy)->offers, &entry,
                         gw_offer_group_of_slice(offer->slice));
}

bool gw_heap_policy_pick(gw_policy *policy, gw_time now_ns, uint64_t *out_offer)
{
    (void)now_ns;
    const gw_offer_entry *head = gw_offer_heap_first(&((gw_heap_policy *)policy)->offers.heads);
    if (head == NULL)
        return false;
    *out_offer = head->offer;
    return true;
}

void gw_heap_policy_take(gw_policy *policy, uint64_t offer, bool is_ordered)
{
    (void)is_ordered;
    gw_offer_groups *offers = &((gw_heap_policy *)policy)->offers;
    const gw_offer_entry *head = gw_offer_heap_first(&offers->heads);
    gw_check(head != NULL);
    gw_check(head->offer == offer);
    gw_offer_groups_remove_first(offers);
}

void gw_heap_policy_hold(gw_policy *policy, uint32_t slice)
{
    gw_offer_groups_hold(&((gw_heap_policy *)policy)->offers, gw_offer_group_of_slice(slice));
}

void gw_heap_policy_release(gw_policy *policy, uint32_t slice)
{
    gw_offer_groups_release(&((gw_heap_policy *)policy)->offers, gw_offer_group_of_slice(slice));
}

void gw_heap_policy_withdraw(gw_policy *policy, uint32_t instance)
{
    gw_offer_groups_remove(&((gw_heap_policy *)policy)->offers, instance);
}
