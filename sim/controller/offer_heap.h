/* SPDX-License-Identifier: Apache-2.0 */
/* What scheduling policies keep their offers in: a binary heap, the least key first, in which
 * every entry can be found, so that one may move or leave from anywhere.  Each operation takes at
 * most 2 log2(n) + 2 comparisons of keys, with n entries; `first` takes none.
 *
 * The order is total: by `first`, then `second`, then the offer's own name.  Entries are found by
 * their instance, of which each has one at most; instances are small numbers. */
#pragma once

#include <stdbool.h>

#include "controller/policy.h"

typedef struct {
    uint64_t first, second; /* The less, the sooner. */
} gw_offer_key;

typedef struct {
    gw_offer_key key;
    uint64_t offer;
    uint32_t instance;
} gw_offer_entry;

typedef struct {
    GArray *entries; /* gw_offer_entry: the heap. */
    GArray *places;  /* uint32_t by instance: its place in the heap plus 1; 0: it is not there. */
    uint64_t comparison_count; /* So far: what tests of the cost go by. */
} gw_offer_heap;

void gw_offer_heap_init(gw_offer_heap *heap);
void gw_offer_heap_clear(gw_offer_heap *heap);

/* `entry` is copied; its instance is not there yet. */
void gw_offer_heap_push(gw_offer_heap *heap, const gw_offer_entry *entry);
/* The least; NULL: there is none.  Borrowed until the heap changes. */
const gw_offer_entry *gw_offer_heap_first(const gw_offer_heap *heap);
/* The entry of `instance`; NULL: it has none.  Borrowed until the heap changes. */
const gw_offer_entry *gw_offer_heap_find(const gw_offer_heap *heap, uint32_t instance);
/* The instance has an entry: it gets another key, or leaves. */
void gw_offer_heap_move(gw_offer_heap *heap, uint32_t instance, gw_offer_key key);
void gw_offer_heap_remove(gw_offer_heap *heap, uint32_t instance);

/* A policy that is a key and nothing else: first member of those that are a little more.  Its
 * `offer` pushes, and the rest is here. */
typedef struct {
    gw_policy base;
    gw_offer_heap offers;
} gw_heap_policy;

/* `size_bytes` of zeros that begin with a gw_heap_policy; gw_heap_policy_destroy() frees. */
gw_heap_policy *gw_heap_policy_new(const gw_policy_ops *ops, size_t size_bytes);
/* Frees the policy and its heap.  Of those that have more to free, the last step. */
void gw_heap_policy_destroy(gw_policy *policy);
/* True when `params` is NULL or has no keys; else GW_ERROR_SCENARIO names the first. */
bool gw_heap_policy_takes_none(gw_params *params, GError **error);

void gw_heap_policy_push(gw_policy *policy, const gw_offer *offer, gw_offer_key key);
bool gw_heap_policy_pick(gw_policy *policy, gw_time now_ns, uint64_t *out_offer);
void gw_heap_policy_take(gw_policy *policy, uint64_t offer, bool is_ordered);
