/* SPDX-License-Identifier: Apache-2.0 */
/* Earliest deadline first. */
#include "test_policy.h"

START_TEST(earliest_deadline_comes_first_even_if_it_is_past)
{
    gw_policy *policy = make_policy("deadline");
    offer_at(policy, (gw_offer){.instance = 0, .deadline_ns = 2000}, 5000);
    offer_at(policy, (gw_offer){.instance = 1, .deadline_ns = 9000}, 5000);
    offer_at(policy, (gw_offer){.instance = 2, .deadline_ns = 1000}, 5000);
    offer_at(policy, (gw_offer){.instance = 3, .deadline_ns = GW_TIME_NEVER - 1}, 5000);
    static const uint64_t expected[] = {2, 0, 1, 3};
    for (uint32_t i = 0; i < G_N_ELEMENTS(expected); i++)
        ck_assert_uint_eq(take(policy), expected[i]);
    policy->ops->destroy(policy);
}
END_TEST

START_TEST(no_deadline_comes_last_and_ties_go_by_submission)
{
    gw_policy *policy = make_policy("deadline");
    OFFER(policy, .instance = 0, .deadline_ns = GW_TIME_NEVER, .submission = 2);
    OFFER(policy, .instance = 1, .deadline_ns = GW_TIME_NEVER, .submission = 1);
    OFFER(policy, .instance = 2, .deadline_ns = 700, .submission = 9);
    OFFER(policy, .instance = 3, .deadline_ns = 700, .submission = 8);
    static const uint64_t expected[] = {3, 2, 1, 0};
    for (uint32_t i = 0; i < G_N_ELEMENTS(expected); i++)
        ck_assert_uint_eq(take(policy), expected[i]);
    ck_assert(is_empty(policy));
    policy->ops->destroy(policy);
}
END_TEST

START_TEST(deadline_takes_no_parameters)
{
    g_autofree char *message = NULL;
    ck_assert_ptr_null(make_policy_with("deadline", "{\"slack\": \"1s\"}", &message));
    ck_assert_ptr_nonnull(strstr(message, "slack"));
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("policy_deadline");
    tcase_add_test(cases, earliest_deadline_comes_first_even_if_it_is_past);
    tcase_add_test(cases, no_deadline_comes_last_and_ties_go_by_submission);
    tcase_add_test(cases, deadline_takes_no_parameters);
    return run_cases("policy_deadline", cases);
}
