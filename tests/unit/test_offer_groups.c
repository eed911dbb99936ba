/* SPDX-License-Identifier: Apache-2.0 */
/* Groups of offers: the order over all that are not held, and what setting many aside costs. */
#include "test_policy.h"

#define ENTRIES_MAX 300
#define GROUPS_MAX  12
#define LOG2_SUM    13                       /* Of both, rounded up each. */
#define STEP_KEYS   (2 * (2 * LOG2_SUM + 4)) /* To another group: it leaves, and comes. */

static void push(gw_offer_groups *groups, uint32_t instance, uint64_t first, uint32_t group)
{
    const gw_offer_entry entry = {.key = {first, 0}, .offer = instance, .instance = instance};
    gw_offer_groups_push(groups, &entry, group);
}

static uint32_t first_of(const gw_offer_groups *groups)
{
    const gw_offer_entry *first = gw_offer_groups_first(groups);
    return first == NULL ? GW_INDEX_NONE : first->instance;
}

START_TEST(groups_keep_one_order)
{
    gw_offer_groups groups;
    gw_offer_groups_init(&groups);
    ck_assert_ptr_null(gw_offer_groups_first(&groups));
    ck_assert_ptr_null(gw_offer_groups_find(&groups, 0));
    push(&groups, 3, 1, 7);
    push(&groups, 2, 1, 0); /* Ties with 3, whose name is greater. */
    push(&groups, 1, 0, 2);
    push(&groups, 0, 5, 7);
    static const uint32_t expected[] = {1, 2, 3, 0};
    for (uint32_t i = 0; i < G_N_ELEMENTS(expected); i++) {
        ck_assert_uint_eq(first_of(&groups), expected[i]);
        gw_offer_groups_remove(&groups, expected[i]);
        ck_assert_ptr_null(gw_offer_groups_find(&groups, expected[i]));
    }
    ck_assert_ptr_null(gw_offer_groups_first(&groups));
    gw_offer_groups_clear(&groups);
}
END_TEST

START_TEST(what_is_held_is_found_and_not_first)
{
    gw_offer_groups groups;
    gw_offer_groups_init(&groups);
    push(&groups, 0, 1, 1);
    push(&groups, 1, 2, 1);
    push(&groups, 2, 3, 2);
    gw_offer_groups_hold(&groups, 1);
    ck_assert_uint_eq(first_of(&groups), 2);
    ck_assert_uint_eq(gw_offer_groups_find(&groups, 0)->key.first, 1);
    push(&groups, 3, 0, 1); /* Into a group that is held. */
    ck_assert_uint_eq(first_of(&groups), 2);
    gw_offer_groups_move(&groups, 2, (gw_offer_key){9, 0});
    gw_offer_groups_move(&groups, 0, (gw_offer_key){10, 0});
    gw_offer_groups_remove(&groups, 3);
    gw_offer_groups_hold(&groups, 2);
    ck_assert_ptr_null(gw_offer_groups_first(&groups));
    gw_offer_groups_hold(&groups, 11); /* One that nobody has seen. */
    gw_offer_groups_release(&groups, 1);
    ck_assert_uint_eq(first_of(&groups), 1);
    gw_offer_groups_move_to(&groups, 1, (gw_offer_key){0, 0}, 11);
    ck_assert_uint_eq(first_of(&groups), 0);
    gw_offer_groups_release(&groups, 2);
    ck_assert_uint_eq(first_of(&groups), 2);
    gw_offer_groups_release(&groups, 11);
    ck_assert_uint_eq(first_of(&groups), 1);
    gw_offer_groups_clear(&groups);
}
END_TEST

typedef struct {
    bool is_there[ENTRIES_MAX], is_held[GROUPS_MAX];
    uint64_t keys[ENTRIES_MAX];
    uint32_t groups[ENTRIES_MAX];
    uint32_t state;
} plain;

static uint32_t draw(plain *known, uint32_t bound)
{
    known->state = known->state * 1664525 + 1013904223;
    return (known->state >> 12) % bound;
}

static uint32_t find_least(const plain *known)
{
    uint32_t least = GW_INDEX_NONE;
    for (uint32_t i = 0; i < ENTRIES_MAX; i++)
        if (known->is_there[i] && !known->is_held[known->groups[i]] &&
            (least == GW_INDEX_NONE || known->keys[i] < known->keys[least]))
            least = i;
    return least;
}

static void change_group(gw_offer_groups *groups, plain *known)
{
    const uint32_t g = draw(known, GROUPS_MAX);
    if (known->is_held[g])
        gw_offer_groups_release(groups, g);
    else
        gw_offer_groups_hold(groups, g);
    known->is_held[g] = !known->is_held[g];
}

static void change_entry(gw_offer_groups *groups, plain *known)
{
    const uint32_t i = draw(known, ENTRIES_MAX), what = draw(known, 3);
    const uint64_t key = draw(known, 64);
    if (!known->is_there[i]) {
        known->groups[i] = draw(known, GROUPS_MAX);
        push(groups, i, key, known->groups[i]);
        known->is_there[i] = true;
    } else if (what == 0) {
        gw_offer_groups_remove(groups, i);
        known->is_there[i] = false;
    } else if (what == 1) {
        gw_offer_groups_move(groups, i, (gw_offer_key){key, 0});
    } else {
        known->groups[i] = draw(known, GROUPS_MAX);
        gw_offer_groups_move_to(groups, i, (gw_offer_key){key, 0}, known->groups[i]);
    }
    known->keys[i] = key;
}

/* Against a plain search. */
START_TEST(any_mixture_is_in_order_and_cheap)
{
    gw_offer_groups groups;
    gw_offer_groups_init(&groups);
    plain known = {.state = (uint32_t)_i + 1};
    for (uint32_t step = 0; step < 20000; step++) {
        const uint64_t before = gw_offer_groups_count_comparisons(&groups);
        if (draw(&known, 4) == 0)
            change_group(&groups, &known);
        else
            change_entry(&groups, &known);
        ck_assert_uint_le(gw_offer_groups_count_comparisons(&groups) - before, STEP_KEYS);
        ck_assert_uint_eq(first_of(&groups), find_least(&known));
    }
    gw_offer_groups_clear(&groups);
}
END_TEST

/* However many are set aside, only their group moves. */
START_TEST(holding_many_costs_the_groups_logarithm)
{
    gw_offer_groups groups;
    gw_offer_groups_init(&groups);
    for (uint32_t i = 0; i < 10000; i++)
        push(&groups, i, (i * UINT64_C(7919)) % 10000, i % 8);
    const uint64_t before = gw_offer_groups_count_comparisons(&groups);
    for (uint32_t g = 0; g < 8; g++)
        gw_offer_groups_hold(&groups, g);
    for (uint32_t g = 0; g < 8; g++)
        gw_offer_groups_release(&groups, g);
    ck_assert_uint_le(gw_offer_groups_count_comparisons(&groups) - before, 16 * (2 * 3 + 2));
    gw_offer_groups_clear(&groups);
}
END_TEST

START_TEST(a_policy_goes_round_slices_that_are_held)
{
    gw_policy *policy = make_policy(gw_policies[_i]->name);
    ck_assert(gw_policy_can_hold(policy));
    OFFER(policy, .instance = 0, .submission = 0, .slice = 4, .priority = 2);
    OFFER(policy, .instance = 1, .submission = 1, .slice = 4, .priority = 2);
    OFFER(policy, .instance = 2, .submission = 2, .slice = 5, .priority = 1);
    ck_assert_uint_eq(give_back(policy), 0);
    policy->ops->hold(policy, 4);
    ck_assert_uint_eq(take(policy), 2);
    ck_assert(is_empty(policy));
    policy->ops->release(policy, 4);
    OFFER(policy, .instance = 0, .submission = 0, .slice = 4, .priority = 2);
    ck_assert_uint_eq(pick(policy), 0);
    policy->ops->withdraw(policy, 0);
    ck_assert_uint_eq(take(policy), 1);
    ck_assert(is_empty(policy));
    policy->ops->destroy(policy);
}
END_TEST

START_TEST(a_table_that_ends_before_hold_has_none)
{
    gw_policy *policy = make_policy("fifo");
    gw_policy_ops earlier = *policy->ops;
    policy->ops = &earlier;
    ck_assert(gw_policy_can_hold(policy));
    earlier.size_bytes = GW_POLICY_OPS_FIRST_BYTES;
    ck_assert(!gw_policy_can_hold(policy));
    earlier.size_bytes = sizeof earlier;
    earlier.withdraw = NULL;
    ck_assert(!gw_policy_can_hold(policy));
    policy->ops->destroy(policy);
}
END_TEST

START_TEST(holding_twice_aborts)
{
    gw_offer_groups groups;
    gw_offer_groups_init(&groups);
    gw_offer_groups_hold(&groups, 1);
    gw_offer_groups_hold(&groups, 1);
}
END_TEST

START_TEST(releasing_what_is_not_held_aborts)
{
    gw_offer_groups groups;
    gw_offer_groups_init(&groups);
    gw_offer_groups_release(&groups, 1);
}
END_TEST

START_TEST(an_instance_in_two_groups_aborts)
{
    gw_offer_groups groups;
    gw_offer_groups_init(&groups);
    push(&groups, 1, 1, 1);
    push(&groups, 1, 1, 2);
}
END_TEST

START_TEST(removing_what_is_not_there_aborts)
{
    gw_offer_groups groups;
    gw_offer_groups_init(&groups);
    gw_offer_groups_remove(&groups, 1);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("offer_groups");
    int policy_count = 0;
    while (gw_policies[policy_count] != NULL)
        policy_count++;
    tcase_add_test(cases, groups_keep_one_order);
    tcase_add_test(cases, what_is_held_is_found_and_not_first);
    tcase_add_loop_test(cases, any_mixture_is_in_order_and_cheap, 0, 4);
    tcase_add_test(cases, holding_many_costs_the_groups_logarithm);
    tcase_add_loop_test(cases, a_policy_goes_round_slices_that_are_held, 0, policy_count);
    tcase_add_test(cases, a_table_that_ends_before_hold_has_none);
    tcase_add_test_raise_signal(cases, holding_twice_aborts, SIGABRT);
    tcase_add_test_raise_signal(cases, releasing_what_is_not_held_aborts, SIGABRT);
    tcase_add_test_raise_signal(cases, an_instance_in_two_groups_aborts, SIGABRT);
    tcase_add_test_raise_signal(cases, removing_what_is_not_there_aborts, SIGABRT);
    return run_cases("offer_groups", cases);
}
