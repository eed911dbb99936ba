/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of scheduling policies share: offers, takes, and what a decision costs. */
#pragma once

#include <check.h>
#include <signal.h>
#include <string.h>

#include "base/error.h"
#include "base/params.h"
#include "controller/offer_groups.h"
#include "run_suite.h"

#define COST_CLIENTS 10000
#define COST_ROUNDS  4

static inline gw_policy *make_policy(const char *name)
{
    gw_policy *policy = gw_policy_find(name)->create(NULL, NULL);
    ck_assert_ptr_nonnull(policy);
    return policy;
}

/* NULL, and *out_message (the caller frees) says why, when the policy refuses `text`. */
static inline gw_policy *make_policy_with(const char *name, const char *text, char **out_message)
{
    g_autoptr(gw_params) params = gw_params_parse(text, "test", NULL);
    ck_assert_ptr_nonnull(params);
    GError *error = NULL;
    gw_policy *policy = gw_policy_find(name)->create(params, &error);
    ck_assert((policy == NULL) == (error != NULL));
    if (error != NULL) {
        ck_assert(g_error_matches(error, GW_ERROR, GW_ERROR_SCENARIO));
        *out_message = g_strdup(error->message);
        g_error_free(error);
    }
    return policy;
}

/* As a scheduler offers: one per instance, by its number. */
static inline void offer_at(gw_policy *policy, gw_offer offer, gw_time now_ns)
{
    offer.offer = offer.instance;
    offer.weight = MAX(offer.weight, 1);
    offer.shard_count = MAX(offer.shard_count, 1);
    offer.gangs_left = MAX(offer.gangs_left, 1);
    policy->ops->offer(policy, &offer, now_ns);
}

#define OFFER(policy, ...) offer_at(policy, (gw_offer){__VA_ARGS__}, 0)

static inline uint64_t pick(gw_policy *policy)
{
    uint64_t picked = UINT64_MAX, again = UINT64_MAX;
    const bool is_sound = policy->ops->pick(policy, 0, &picked) &&
                          policy->ops->pick(policy, 0, &again) && picked == again;
    if (!is_sound) /* A check that holds costs a write, and some tests pick very often. */
        ck_abort_msg("picked %" G_GUINT64_FORMAT ", then %" G_GUINT64_FORMAT, picked, again);
    return picked;
}

/* The next offer, which gets its place. */
static inline uint64_t take(gw_policy *policy)
{
    const uint64_t picked = pick(policy);
    policy->ops->take(policy, picked, true);
    return picked;
}

/* The next offer, which finds no room. */
static inline uint64_t give_back(gw_policy *policy)
{
    const uint64_t picked = pick(policy);
    policy->ops->take(policy, picked, false);
    return picked;
}

static inline bool is_empty(gw_policy *policy)
{
    uint64_t picked;
    return !policy->ops->pick(policy, 0, &picked);
}

/* COST_CLIENTS clients are offered, and in each step one is ordered, offered again and reported:
 * no step takes more comparisons of keys than five operations of the heap. */
static inline void check_cost(const char *name)
{
    gw_policy *policy = make_policy(name);
    const gw_heap_policy *keys = (const gw_heap_policy *)policy;
    uint32_t log2_count = 0;
    while ((UINT32_C(1) << log2_count) < COST_CLIENTS)
        log2_count++;
    const uint64_t bound = 2 * log2_count + 2;
    uint64_t before = 0, most = 0;
    for (uint32_t i = 0; i < COST_CLIENTS; i++) {
        OFFER(policy, .instance = i, .submission = (i * UINT64_C(7919)) % COST_CLIENTS,
              .weight = 1 + i % 9, .priority = i % 5, .deadline_ns = (i * UINT64_C(104729)) % 5000,
              .shard_time_ns = i % 97);
        most = MAX(most, gw_offer_groups_count_comparisons(&keys->offers) - before);
        before = gw_offer_groups_count_comparisons(&keys->offers);
    }
    for (uint32_t step = 0; step < COST_ROUNDS * COST_CLIENTS; step++) {
        const uint32_t instance = (uint32_t)take(policy);
        OFFER(policy, .instance = instance, .submission = COST_CLIENTS + step,
              .weight = 1 + instance % 9, .priority = instance % 5, .deadline_ns = 5000 + step,
              .shard_time_ns = instance % 89);
        gw_policy_finished(policy, instance, 1, 100 + instance % 7);
        most = MAX(most, gw_offer_groups_count_comparisons(&keys->offers) - before);
        before = gw_offer_groups_count_comparisons(&keys->offers);
    }
    ck_assert_uint_gt(most, 0);
    ck_assert_uint_le(most, 5 * bound);
    policy->ops->destroy(policy);
}

/* The same program for every test file: its cases, and the exit code. */
static inline int run_cases(const char *name, TCase *cases)
{
    Suite *suite = suite_create(name);
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
