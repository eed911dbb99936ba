/* SPDX-License-Identifier: Apache-2.0 */
/* The heap of offers: its order, moves from anywhere, and what each operation costs. */
#include "test_policy.h"

#define ENTRIES_MAX 300

static void push(gw_offer_heap *heap, uint32_t instance, uint64_t first, uint64_t second)
{
    const gw_offer_entry entry = {.key = {first, second}, .offer = instance, .instance = instance};
    gw_offer_heap_push(heap, &entry);
}

static uint32_t pop(gw_offer_heap *heap)
{
    const gw_offer_entry *first = gw_offer_heap_first(heap);
    ck_assert_ptr_nonnull(first);
    const uint32_t instance = first->instance;
    gw_offer_heap_remove(heap, instance);
    return instance;
}

START_TEST(order_is_by_both_keys_and_then_by_offer)
{
    gw_offer_heap heap;
    gw_offer_heap_init(&heap);
    ck_assert_ptr_null(gw_offer_heap_first(&heap));
    push(&heap, 4, 1, 1);
    push(&heap, 3, 1, 1);
    push(&heap, 2, 1, 0);
    push(&heap, 1, UINT64_MAX, 0);
    push(&heap, 0, 2, UINT64_MAX);
    static const uint32_t expected[] = {2, 3, 4, 0, 1};
    for (uint32_t i = 0; i < G_N_ELEMENTS(expected); i++)
        ck_assert_uint_eq(pop(&heap), expected[i]);
    ck_assert_ptr_null(gw_offer_heap_first(&heap));
    gw_offer_heap_clear(&heap);
}
END_TEST

START_TEST(entries_are_found_moved_and_taken_out_by_instance)
{
    gw_offer_heap heap;
    gw_offer_heap_init(&heap);
    for (uint32_t i = 0; i < 20; i++)
        push(&heap, i, i, 0);
    ck_assert_ptr_null(gw_offer_heap_find(&heap, 20));
    ck_assert_uint_eq(gw_offer_heap_find(&heap, 13)->key.first, 13);
    gw_offer_heap_move(&heap, 13, (gw_offer_key){0, 0}); /* Ties with 0, whose name is less. */
    gw_offer_heap_move(&heap, 1, (gw_offer_key){40, 0});
    gw_offer_heap_remove(&heap, 2);
    ck_assert_ptr_null(gw_offer_heap_find(&heap, 2));
    ck_assert_uint_eq(pop(&heap), 0);
    ck_assert_uint_eq(pop(&heap), 13);
    ck_assert_uint_eq(pop(&heap), 3);
    push(&heap, 2, 0, 0);
    ck_assert_uint_eq(pop(&heap), 2);
    while (heap.entries->len > 1)
        pop(&heap);
    ck_assert_uint_eq(pop(&heap), 1);
    gw_offer_heap_clear(&heap);
}
END_TEST

/* Against a plain search, and never more than 2 log2(n) + 2 comparisons an operation. */
START_TEST(any_mixture_is_in_order_and_cheap)
{
    gw_offer_heap heap;
    gw_offer_heap_init(&heap);
    bool is_there[ENTRIES_MAX] = {false};
    uint64_t keys[ENTRIES_MAX] = {0};
    uint32_t state = (uint32_t)_i + 1, log2_count = 9; /* 2^9 > ENTRIES_MAX */
    for (uint32_t step = 0; step < 20000; step++) {
        state = state * 1664525 + 1013904223;
        const uint32_t i = (state >> 12) % ENTRIES_MAX;
        const uint64_t key = (state >> 24) % 64, before = heap.comparison_count;
        if (!is_there[i]) {
            push(&heap, i, key, 0);
            is_there[i] = true;
            keys[i] = key;
        } else if ((state >> 8) % 2 == 0) {
            gw_offer_heap_move(&heap, i, (gw_offer_key){key, 0});
            keys[i] = key;
        } else {
            gw_offer_heap_remove(&heap, i);
            is_there[i] = false;
        }
        ck_assert_uint_le(heap.comparison_count - before, 2 * log2_count + 2);
        uint32_t least = GW_INDEX_NONE;
        for (uint32_t k = 0; k < ENTRIES_MAX; k++)
            if (is_there[k] && (least == GW_INDEX_NONE || keys[k] < keys[least]))
                least = k;
        const gw_offer_entry *first = gw_offer_heap_first(&heap);
        ck_assert_uint_eq(first == NULL ? GW_INDEX_NONE : first->instance, least);
    }
    gw_offer_heap_clear(&heap);
}
END_TEST

START_TEST(cost_of_every_policy_grows_with_the_logarithm)
{
    for (uint32_t i = 0; gw_policies[i] != NULL; i++)
        check_cost(gw_policies[i]->name);
}
END_TEST

START_TEST(second_entry_of_an_instance_aborts)
{
    gw_offer_heap heap;
    gw_offer_heap_init(&heap);
    push(&heap, 1, 1, 1);
    push(&heap, 1, 2, 2);
}
END_TEST

START_TEST(moving_what_is_not_there_aborts)
{
    gw_offer_heap heap;
    gw_offer_heap_init(&heap);
    push(&heap, 1, 1, 1);
    gw_offer_heap_move(&heap, 0, (gw_offer_key){0, 0});
}
END_TEST

START_TEST(removing_what_is_not_there_aborts)
{
    gw_offer_heap heap;
    gw_offer_heap_init(&heap);
    gw_offer_heap_remove(&heap, 7);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("offer_heap");
    tcase_add_test(cases, order_is_by_both_keys_and_then_by_offer);
    tcase_add_test(cases, entries_are_found_moved_and_taken_out_by_instance);
    tcase_add_loop_test(cases, any_mixture_is_in_order_and_cheap, 0, 4);
    tcase_add_test(cases, cost_of_every_policy_grows_with_the_logarithm);
    tcase_add_test_raise_signal(cases, second_entry_of_an_instance_aborts, SIGABRT);
    tcase_add_test_raise_signal(cases, moving_what_is_not_there_aborts, SIGABRT);
    tcase_add_test_raise_signal(cases, removing_what_is_not_there_aborts, SIGABRT);
    return run_cases("offer_heap", cases);
}
