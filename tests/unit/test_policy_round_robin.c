/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs in turn. */
#include "test_policy.h"

START_TEST(instances_take_turns)
{
    gw_policy *policy = make_policy("round_robin");
    OFFER(policy, .instance = 0, .submission = 2);
    OFFER(policy, .instance = 1, .submission = 0);
    OFFER(policy, .instance = 2, .submission = 1);
    static const uint64_t expected[] = {1, 2, 0, 1, 2, 0, 1, 2, 0};
    for (uint32_t i = 0; i < G_N_ELEMENTS(expected); i++) {
        ck_assert_uint_eq(take(policy), expected[i]);
        OFFER(policy, .instance = (uint32_t)expected[i], .submission = 3 + i);
    }
    policy->ops->destroy(policy);
}
END_TEST

/* Somebody who was away comes next, once; and who finds no room keeps the turn. */
START_TEST(absence_is_worth_one_turn)
{
    gw_policy *policy = make_policy("round_robin");
    OFFER(policy, .instance = 5);
    ck_assert_uint_eq(take(policy), 5);
    for (uint32_t i = 0; i < 10; i++) {
        OFFER(policy, .instance = 6);
        ck_assert_uint_eq(take(policy), 6);
    }
    OFFER(policy, .instance = 6);
    OFFER(policy, .instance = 5);
    ck_assert_uint_eq(give_back(policy), 5);
    OFFER(policy, .instance = 5);
    ck_assert_uint_eq(take(policy), 5);
    OFFER(policy, .instance = 5);
    ck_assert_uint_eq(take(policy), 6);
    OFFER(policy, .instance = 6);
    ck_assert_uint_eq(take(policy), 5);
    policy->ops->destroy(policy);
}
END_TEST

/* Between two gangs of one that always has one, every other that has comes once. */
START_TEST(nobody_is_passed_twice)
{
    gw_policy *policy = make_policy("round_robin");
    uint32_t state = 7, since[50] = {0};
    for (uint32_t i = 0; i < 50; i++)
        OFFER(policy, .instance = i, .submission = i);
    for (uint32_t step = 0; step < 5000; step++) {
        const uint32_t instance = (uint32_t)take(policy);
        ck_assert_uint_le(step - since[instance], 50);
        since[instance] = step;
        state = state * 1664525 + 1013904223;
        OFFER(policy, .instance = instance, .submission = state);
    }
    policy->ops->destroy(policy);
}
END_TEST

START_TEST(forgotten_turns_are_nobody_elses)
{
    gw_policy *policy = make_policy("round_robin");
    OFFER(policy, .instance = 0);
    take(policy);
    OFFER(policy, .instance = 1);
    take(policy);
    gw_policy_forget(policy, 1);
    OFFER(policy, .instance = 0);
    OFFER(policy, .instance = 1);
    ck_assert_uint_eq(take(policy), 1);
    policy->ops->destroy(policy);
}
END_TEST

START_TEST(round_robin_takes_no_parameters)
{
    g_autofree char *message = NULL;
    ck_assert_ptr_null(make_policy_with("round_robin", "{\"quantum\": 1}", &message));
    ck_assert_ptr_nonnull(strstr(message, "quantum"));
}
END_TEST

START_TEST(taking_from_nothing_aborts)
{
    gw_policy *policy = make_policy("round_robin");
    policy->ops->take(policy, 0, true);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("policy_round_robin");
    tcase_add_test(cases, instances_take_turns);
    tcase_add_test(cases, absence_is_worth_one_turn);
    tcase_add_test(cases, nobody_is_passed_twice);
    tcase_add_test(cases, forgotten_turns_are_nobody_elses);
    tcase_add_test(cases, round_robin_takes_no_parameters);
    tcase_add_test_raise_signal(cases, taking_from_nothing_aborts, SIGABRT);
    return run_cases("policy_round_robin", cases);
}
