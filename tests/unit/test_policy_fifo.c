/* SPDX-License-Identifier: Apache-2.0 */
/* First in, first out; and the list of policies. */
#include <check.h>
#include <signal.h>
#include <string.h>

#include "base/error.h"
#include "base/params.h"
#include "controller/policy.h"
#include "run_suite.h"

static gw_policy *make_fifo(void)
{
    gw_policy *policy = gw_policy_find("fifo")->create(NULL, NULL);
    ck_assert_ptr_nonnull(policy);
    return policy;
}

static void offer(gw_policy *policy, uint64_t number, uint64_t submission)
{
    const gw_offer made = {.offer = number, .instance = (uint32_t)number, .submission = submission};
    policy->ops->offer(policy, &made, 0);
}

/* The next offer, taken. */
static uint64_t take(gw_policy *policy)
{
    uint64_t picked = UINT64_MAX;
    ck_assert(policy->ops->pick(policy, 0, &picked));
    policy->ops->take(policy, picked, true);
    return picked;
}

static bool is_empty(gw_policy *policy)
{
    uint64_t picked;
    return !policy->ops->pick(policy, 0, &picked);
}

START_TEST(list_is_in_order_of_name_and_complete)
{
    for (uint32_t i = 0; gw_policies[i] != NULL; i++) {
        const gw_policy_ops *ops = gw_policies[i];
        ck_assert(i == 0 || strcmp(gw_policies[i - 1]->name, ops->name) < 0);
        ck_assert_ptr_eq(gw_policy_find(ops->name), ops);
        ck_assert_uint_gt(strlen(ops->summary), 0);
        ck_assert(ops->create != NULL && ops->destroy != NULL && ops->offer != NULL);
        ck_assert(ops->pick != NULL && ops->take != NULL);
    }
    ck_assert_ptr_nonnull(gw_policy_find("fifo"));
    ck_assert_ptr_null(gw_policy_find("none"));
    ck_assert_ptr_null(gw_policy_find("Fifo"));
    ck_assert_ptr_null(gw_policy_find(""));
}
END_TEST

START_TEST(without_offers_nothing_is_picked)
{
    gw_policy *policy = make_fifo();
    ck_assert(is_empty(policy));
    offer(policy, 5, 0);
    ck_assert_uint_eq(take(policy), 5);
    ck_assert(is_empty(policy));
    policy->ops->destroy(policy);
}
END_TEST

START_TEST(first_submission_comes_first)
{
    gw_policy *policy = make_fifo();
    offer(policy, 10, 3);
    offer(policy, 11, 1);
    offer(policy, 12, 2);
    ck_assert_uint_eq(take(policy), 11);
    offer(policy, 11, 4); /* The same instance again, with its next call. */
    ck_assert_uint_eq(take(policy), 12);
    ck_assert_uint_eq(take(policy), 10);
    ck_assert_uint_eq(take(policy), 11);
    ck_assert(is_empty(policy));
    policy->ops->destroy(policy);
}
END_TEST

START_TEST(equal_submissions_go_by_offer)
{
    for (uint32_t order = 0; order < 2; order++) {
        gw_policy *policy = make_fifo();
        offer(policy, order == 0 ? 7 : 8, 1);
        offer(policy, order == 0 ? 8 : 7, 1);
        ck_assert_uint_eq(take(policy), 7);
        ck_assert_uint_eq(take(policy), 8);
        policy->ops->destroy(policy);
    }
}
END_TEST

START_TEST(asking_again_gives_the_same_answer)
{
    gw_policy *policy = make_fifo();
    offer(policy, 4, 9);
    offer(policy, 3, 9);
    for (uint32_t i = 0; i < 3; i++) {
        uint64_t picked = 0;
        ck_assert(policy->ops->pick(policy, i, &picked));
        ck_assert_uint_eq(picked, 3);
    }
    policy->ops->destroy(policy);
}
END_TEST

/* Against a plain search, with offers and takes in any mixture. */
START_TEST(any_mixture_comes_out_in_order)
{
    gw_policy *policy = make_fifo();
    uint64_t waiting[200] = {0}; /* By offer: its submission plus 1; 0: not offered. */
    uint32_t state = (uint32_t)_i + 1, count = 0;
    for (uint32_t step = 0; step < 4000; step++) {
        state = state * 1664525 + 1013904223;
        const uint32_t number = (state >> 16) % 200;
        if (waiting[number] == 0 && (state >> 8) % 3 != 0) {
            waiting[number] = 1 + (state >> 24) % 50;
            offer(policy, number, waiting[number] - 1);
            count++;
        } else if (count > 0) {
            uint32_t first = GW_INDEX_NONE;
            for (uint32_t i = 0; i < 200; i++) {
                if (waiting[i] > 0 && (first == GW_INDEX_NONE || waiting[i] < waiting[first])) {
                    first = i;
                }
            }
            ck_assert_uint_eq(take(policy), first);
            waiting[first] = 0;
            count--;
        }
    }
    policy->ops->destroy(policy);
}
END_TEST

START_TEST(fifo_takes_no_parameters)
{
    g_autoptr(gw_params) none = gw_params_parse("{}", "test", NULL);
    g_autoptr(gw_params) some = gw_params_parse("{\"weight\": 2}", "test", NULL);
    gw_policy *policy = gw_policy_find("fifo")->create(none, NULL);
    ck_assert_ptr_nonnull(policy);
    policy->ops->destroy(policy);
    GError *error = NULL;
    ck_assert_ptr_null(gw_policy_find("fifo")->create(some, &error));
    ck_assert(g_error_matches(error, GW_ERROR, GW_ERROR_SCENARIO));
    ck_assert_ptr_nonnull(strstr(error->message, "weight"));
    g_error_free(error);
}
END_TEST

START_TEST(taking_what_was_not_picked_aborts)
{
    gw_policy *policy = make_fifo();
    offer(policy, 1, 1);
    offer(policy, 2, 2);
    policy->ops->take(policy, 2, true);
}
END_TEST

START_TEST(taking_from_nothing_aborts)
{
    gw_policy *policy = make_fifo();
    policy->ops->take(policy, 0, true);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("policy_fifo");
    tcase_add_test(cases, list_is_in_order_of_name_and_complete);
    tcase_add_test(cases, without_offers_nothing_is_picked);
    tcase_add_test(cases, first_submission_comes_first);
    tcase_add_test(cases, equal_submissions_go_by_offer);
    tcase_add_test(cases, asking_again_gives_the_same_answer);
    tcase_add_loop_test(cases, any_mixture_comes_out_in_order, 0, 4);
    tcase_add_test(cases, fifo_takes_no_parameters);
    tcase_add_test_raise_signal(cases, taking_what_was_not_picked_aborts, SIGABRT);
    tcase_add_test_raise_signal(cases, taking_from_nothing_aborts, SIGABRT);
    Suite *suite = suite_create("policy_fifo");
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
