/* SPDX-License-Identifier: Apache-2.0 */
/* What scheduling policies keep their offers in: a heap of offers for each group, and one of the
 * groups by the first offer of each, so that all offers of a group can be set aside at once and
 * brought back: what a full slice costs does not depend on how many wait for it (decision 0082).
 *
 * The order is that of offer_heap.h, over all offers whose groups are not held.  Each operation
 * takes at most 2 log2(n) + 2 comparisons of keys in the group, with n offers, and as many among
 * the groups, with their number; `first` takes none.
 *
 * Groups are small numbers, and need not be made.  An instance has one offer at most. */
#pragma once

#include "controller/offer_heap.h"
#include "controller/policy.h"

typedef struct {
    GArray *groups;      /* offer_group by number. */
    GArray *group_of;    /* uint32_t by instance: the group of its offer. */
    GArray *places;      /* Of all heaps of offers (offer_heap.h). */
    gw_offer_heap heads; /* Of groups that have offers and are not held, the first of each; in place
                          * of its instance stands the group. */
} gw_offer_groups;

void gw_offer_groups_init(gw_offer_groups *groups);
void gw_offer_groups_clear(gw_offer_groups *groups);

/* `entry` is copied; its instance is not there yet.  The group may be held. */
void gw_offer_groups_push(gw_offer_groups *groups, const gw_offer_entry *entry, uint32_t group);
/* The least of those whose groups are not held; NULL: there is none.  Borrowed until a change. */
const gw_offer_entry *gw_offer_groups_first(const gw_offer_groups *groups);
/* The entry of `instance`, held or not; NULL: it has none.  Borrowed until a change. */
const gw_offer_entry *gw_offer_groups_find(const gw_offer_groups *groups, uint32_t instance);
/* The instance has an entry: it gets another key, and maybe another group, or leaves. */
void gw_offer_groups_move(gw_offer_groups *groups, uint32_t instance, gw_offer_key key);
void gw_offer_groups_move_to(gw_offer_groups *groups, uint32_t instance, gw_offer_key key,
                             uint32_t group);
void gw_offer_groups_remove(gw_offer_groups *groups, uint32_t instance);
/* What is first leaves; there is one. */
void gw_offer_groups_remove_first(gw_offer_groups *groups);

/* Sets the group's offers aside, those that come later too; brings them back.  Each is a pair. */
void gw_offer_groups_hold(gw_offer_groups *groups, uint32_t group);
void gw_offer_groups_release(gw_offer_groups *groups, uint32_t group);

/* Of keys, so far: what tests of the cost go by. */
uint64_t gw_offer_groups_count_comparisons(const gw_offer_groups *groups);

/* --- Policies --- */

/* The group that is never held, and that of a slice (gw_offer). */
#define GW_OFFER_GROUP_LOOSE 0
static inline uint32_t gw_offer_group_of_slice(uint32_t slice)
{
    return slice + 1;
}

/* A policy that is a key and nothing else: first member of those that are a little more.  Its
 * `offer` pushes, and the rest is here. */
typedef struct {
    gw_policy base;
    gw_offer_groups offers;
} gw_heap_policy;

/* `size_bytes` of zeros that begin with a gw_heap_policy; gw_heap_policy_destroy() frees. */
gw_heap_policy *gw_heap_policy_new(const gw_policy_ops *ops, size_t size_bytes);
/* Frees the policy and its offers.  Of those that have more to free, the last step. */
void gw_heap_policy_destroy(gw_policy *policy);
/* True when `params` is NULL or has no keys; else GW_ERROR_SCENARIO names the first. */
bool gw_heap_policy_takes_none(gw_params *params, GError **error);

void gw_heap_policy_push(gw_policy *policy, const gw_offer *offer, gw_offer_key key);
bool gw_heap_policy_pick(gw_policy *policy, gw_time now_ns, uint64_t *out_offer);
void gw_heap_policy_take(gw_policy *policy, uint64_t offer, bool is_ordered);
void gw_heap_policy_hold(gw_policy *policy, uint32_t slice);
void gw_heap_policy_release(gw_policy *policy, uint32_t slice);
void gw_heap_policy_withdraw(gw_policy *policy, uint32_t instance);
