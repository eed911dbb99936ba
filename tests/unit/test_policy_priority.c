/* SPDX-License-Identifier: Apache-2.0 */
/* Priority with ageing: levels, what waiting is worth, and the bound of its header. */
#include "test_policy.h"

#define SECOND_NS UINT64_C(1000000000)

/* It waits since `since_ns`, and is offered when there is room: later. */
static void offer_level(gw_policy *policy, uint32_t instance, uint32_t priority, gw_time since_ns)
{
    offer_at(policy,
             (gw_offer){.instance = instance,
                        .priority = priority,
                        .submission = instance,
                        .waits_since_ns = since_ns},
             since_ns + 10 * SECOND_NS);
}

START_TEST(higher_priority_comes_first_and_ties_go_by_submission)
{
    gw_policy *policy = make_policy("priority");
    OFFER(policy, .instance = 0, .priority = 1, .submission = 9);
    OFFER(policy, .instance = 1, .priority = GW_PRIORITY_MAX, .submission = 8);
    OFFER(policy, .instance = 2, .priority = 1, .submission = 7);
    OFFER(policy, .instance = 3, .priority = 0, .submission = 6);
    static const uint64_t expected[] = {1, 2, 0, 3};
    for (uint32_t i = 0; i < G_N_ELEMENTS(expected); i++)
        ck_assert_uint_eq(take(policy), expected[i]);
    ck_assert(is_empty(policy));
    policy->ops->destroy(policy);
}
END_TEST

/* By default a level is worth one second. */
START_TEST(waiting_counts)
{
    gw_policy *policy = make_policy("priority");
    offer_level(policy, 9, 0, 0);
    offer_level(policy, 1, 2, 2 * SECOND_NS - 1);
    ck_assert_uint_eq(take(policy), 1);
    offer_level(policy, 1, 2, 2 * SECOND_NS + 1);
    ck_assert_uint_eq(take(policy), 9);
    policy->ops->destroy(policy);
}
END_TEST

START_TEST(equal_sums_go_by_submission)
{
    gw_policy *policy = make_policy("priority");
    offer_level(policy, 0, 0, 0);
    offer_level(policy, 1, 2, 2 * SECOND_NS);
    ck_assert_uint_eq(take(policy), 0);
    offer_level(policy, 0, 0, 0);
    policy->ops->destroy(policy);
}
END_TEST

/* Given back, because others took the last room: its age counts on. */
START_TEST(who_finds_no_room_keeps_its_age)
{
    gw_policy *policy = make_policy("priority");
    offer_level(policy, 7, 0, 0);
    ck_assert_uint_eq(give_back(policy), 7);
    offer_level(policy, 1, 1, SECOND_NS + 1);
    offer_level(policy, 7, 0, 0);
    ck_assert_uint_eq(take(policy), 7);
    offer_level(policy, 7, 0, SECOND_NS + 1); /* The next gang begins anew. */
    ck_assert_uint_eq(take(policy), 1);
    policy->ops->destroy(policy);
}
END_TEST

/* A gang every millisecond of priority 3, for ever, and one of priority 0: it waits for three
 * times the ageing and not a gang longer; never is never. */
START_TEST(nothing_starves_unless_told)
{
    static const char *const texts[] = {"{\"ageing\": \"10ms\"}", "{\"ageing_ns\": 10000000}",
                                        "{\"ageing\": \"never\"}"};
    for (uint32_t t = 0; t < G_N_ELEMENTS(texts); t++) {
        g_autofree char *message = NULL;
        gw_policy *policy = make_policy_with("priority", texts[t], &message);
        ck_assert_ptr_nonnull(policy);
        offer_level(policy, 1, 0, 0);
        uint32_t passed_count = 0;
        for (bool is_passed = true; is_passed && passed_count < 100000; passed_count++) {
            offer_level(policy, 2, 3, passed_count * UINT64_C(1000000));
            is_passed = take(policy) == 2;
        }
        ck_assert_uint_eq(passed_count, t < 2 ? 31 : 100000);
        policy->ops->destroy(policy);
    }
}
END_TEST

START_TEST(largest_of_everything_stays_in_order)
{
    g_autofree char *message = NULL;
    gw_policy *policy = make_policy_with("priority", "{\"ageing\": \"3600s\"}", &message);
    const gw_time late_ns = UINT64_C(2400000000) * SECOND_NS; /* 76 years */
    offer_level(policy, 0, 0, late_ns);
    offer_level(policy, 1, GW_PRIORITY_MAX, late_ns);
    offer_level(policy, 2, GW_PRIORITY_MAX - 1, late_ns);
    ck_assert_uint_eq(take(policy), 1);
    ck_assert_uint_eq(take(policy), 2);
    ck_assert_uint_eq(take(policy), 0);
    policy->ops->destroy(policy);
}
END_TEST

START_TEST(wrong_parameters_are_refused)
{
    static const char *const wrong[][2] = {
        {"{\"ageing\": \"0s\"}", "/ageing: found 0, expected a time above 0"},
        {"{\"ageing_ns\": 0}", "/ageing_ns: found 0, expected a time above 0"},
        {"{\"ageing\": \"3601s\"}", "/ageing: found more, expected a time above 0 and up to 1 h"},
        {"{\"ageing\": \"Never\"}", "found \"Never\", expected a span such as \"500ms\" (or a "
                                    "plain number as \"ageing_ns\"), or "
                                    "\"never\""},
        {"{\"ageing\": \"10 parsecs\"}", "/ageing"},
        {"{\"ageing\": -1}", "/ageing"},
        {"{\"ageing\": null}", "/ageing"},
        {"{\"ageing\": \"1s\", \"ageing_ns\": 1}", "ageing"},
        {"{\"ageing\": \"never\", \"ageing_ns\": 1}", "ageing_ns"},
        {"{\"aging\": \"1s\"}", "did you mean \"ageing\"?"},
    };
    for (uint32_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_autofree char *message = NULL;
        ck_assert_ptr_null(make_policy_with("priority", wrong[i][0], &message));
        ck_assert_msg(strstr(message, wrong[i][1]) != NULL, "%s: %s", wrong[i][0], message);
    }
}
END_TEST

START_TEST(priority_above_the_maximum_aborts)
{
    gw_policy *policy = make_policy("priority");
    OFFER(policy, .instance = 0, .priority = GW_PRIORITY_MAX + 1);
}
END_TEST

START_TEST(taking_what_was_not_picked_aborts)
{
    gw_policy *policy = make_policy("priority");
    OFFER(policy, .instance = 0);
    policy->ops->take(policy, 1, true);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("policy_priority");
    tcase_add_test(cases, higher_priority_comes_first_and_ties_go_by_submission);
    tcase_add_test(cases, waiting_counts);
    tcase_add_test(cases, equal_sums_go_by_submission);
    tcase_add_test(cases, who_finds_no_room_keeps_its_age);
    tcase_add_test(cases, nothing_starves_unless_told);
    tcase_add_test(cases, largest_of_everything_stays_in_order);
    tcase_add_test(cases, wrong_parameters_are_refused);
    tcase_add_test_raise_signal(cases, priority_above_the_maximum_aborts, SIGABRT);
    tcase_add_test_raise_signal(cases, taking_what_was_not_picked_aborts, SIGABRT);
    return run_cases("policy_priority", cases);
}
