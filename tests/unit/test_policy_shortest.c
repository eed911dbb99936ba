/* SPDX-License-Identifier: Apache-2.0 */
/* Shortest remaining call first. */
#include "test_policy.h"

START_TEST(least_remaining_time_comes_first)
{
    gw_policy *policy = make_policy("shortest");
    OFFER(policy, .instance = 0, .shard_time_ns = 100, .gangs_left = 5);
    OFFER(policy, .instance = 1, .shard_time_ns = 450, .gangs_left = 1);
    OFFER(policy, .instance = 2, .shard_time_ns = 10, .gangs_left = 51);
    ck_assert_uint_eq(take(policy), 1);
    ck_assert_uint_eq(take(policy), 0);
    OFFER(policy, .instance = 0, .shard_time_ns = 100, .gangs_left = 6);
    ck_assert_uint_eq(take(policy), 2);
    ck_assert_uint_eq(take(policy), 0);
    policy->ops->destroy(policy);
}
END_TEST

START_TEST(what_was_never_measured_comes_first)
{
    gw_policy *policy = make_policy("shortest");
    OFFER(policy, .instance = 0, .shard_time_ns = 1, .gangs_left = 1, .submission = 1);
    OFFER(policy, .instance = 1, .shard_time_ns = 0, .gangs_left = 1000, .submission = 3);
    OFFER(policy, .instance = 2, .shard_time_ns = 0, .gangs_left = 1, .submission = 4);
    ck_assert_uint_eq(take(policy), 1);
    ck_assert_uint_eq(take(policy), 2);
    ck_assert_uint_eq(take(policy), 0);
    policy->ops->destroy(policy);
}
END_TEST

/* Offers stay while devices are full: what is learned meanwhile counts. */
START_TEST(reports_change_what_is_offered)
{
    gw_policy *policy = make_policy("shortest");
    OFFER(policy, .instance = 0, .shard_time_ns = 0, .gangs_left = 5, .submission = 1);
    OFFER(policy, .instance = 1, .shard_time_ns = 100, .gangs_left = 3, .submission = 2);
    OFFER(policy, .instance = 2, .shard_time_ns = 0, .gangs_left = 2, .submission = 3);
    gw_policy_finished(policy, 0, 2, 120); /* 5 x 60: as long as the other, and was there before. */
    gw_policy_finished(policy, 2, 0, 0);
    ck_assert_uint_eq(take(policy), 2);
    gw_policy_finished(policy, 0, 2, 124); /* 5 x 61. */
    ck_assert_uint_eq(take(policy), 1);
    ck_assert_uint_eq(take(policy), 0);
    gw_policy_finished(policy, 0, 1, 1); /* Not offered. */
    gw_policy_forget(policy, 0);
    OFFER(policy, .instance = 1, .shard_time_ns = 50, .gangs_left = 2, .submission = 4);
    OFFER(policy, .instance = 0, .shard_time_ns = 0, .gangs_left = 5, .submission = 5);
    gw_policy_finished(policy, 0, 1, 10); /* Of its earlier life nothing is left. */
    ck_assert_uint_eq(take(policy), 0);
    policy->ops->destroy(policy);
}
END_TEST

START_TEST(equal_estimates_go_by_submission)
{
    gw_policy *policy = make_policy("shortest");
    OFFER(policy, .instance = 0, .shard_time_ns = 6, .gangs_left = 2, .submission = 5);
    OFFER(policy, .instance = 1, .shard_time_ns = 3, .gangs_left = 4, .submission = 4);
    ck_assert_uint_eq(take(policy), 1);
    ck_assert_uint_eq(take(policy), 0);
    policy->ops->destroy(policy);
}
END_TEST

START_TEST(too_long_to_count_is_last_and_does_not_wrap)
{
    gw_policy *policy = make_policy("shortest");
    OFFER(policy, .instance = 0, .shard_time_ns = UINT64_MAX / 2, .gangs_left = UINT32_MAX);
    OFFER(policy, .instance = 1, .shard_time_ns = UINT64_MAX / 2, .gangs_left = 2);
    ck_assert_uint_eq(take(policy), 1);
    ck_assert_uint_eq(take(policy), 0);
    policy->ops->destroy(policy);
}
END_TEST

START_TEST(shortest_takes_no_parameters)
{
    g_autofree char *message = NULL;
    ck_assert_ptr_null(make_policy_with("shortest", "{\"estimate\": 1}", &message));
    ck_assert_ptr_nonnull(strstr(message, "estimate"));
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("policy_shortest");
    tcase_add_test(cases, least_remaining_time_comes_first);
    tcase_add_test(cases, what_was_never_measured_comes_first);
    tcase_add_test(cases, reports_change_what_is_offered);
    tcase_add_test(cases, equal_estimates_go_by_submission);
    tcase_add_test(cases, too_long_to_count_is_last_and_does_not_wrap);
    tcase_add_test(cases, shortest_takes_no_parameters);
    return run_cases("policy_shortest", cases);
}
