/* SPDX-License-Identifier: Apache-2.0 */
/* The heap alone: order, ties, sweeping and clearing, against a list searched from end to end. */
#include <check.h>

#include "engine/heap.h"
#include "run_suite.h"

#define COUNT_MAX 4096

static gw_heap heap;

static void push(gw_time due_ns, uint64_t payload)
{
    gw_heap_push(&heap, (gw_queue_entry){.due_ns = due_ns, .payload = payload});
}

static void expect_pop(gw_time due_ns, uint64_t payload)
{
    gw_queue_entry entry;
    ck_assert(gw_heap_pop(&heap, &entry));
    ck_assert_uint_eq(entry.due_ns, due_ns);
    ck_assert_uint_eq(entry.payload, payload);
}

static void expect_empty(void)
{
    gw_queue_entry entry = {.due_ns = 123, .payload = 456};
    ck_assert(!gw_heap_pop(&heap, &entry));
    ck_assert_uint_eq(entry.due_ns, 123);
    ck_assert_uint_eq(entry.payload, 456);
    ck_assert_uint_eq(heap.count, 0);
}

static void set_up(void)
{
    gw_heap_init(&heap);
}

static void tear_down(void)
{
    gw_heap_clear(&heap);
}

static uint32_t draw(uint32_t *state)
{
    *state = *state * 1664525U + 1013904223U;
    return *state >> 16;
}

/* --- Tests --- */

START_TEST(empty_sets_nothing)
{
    expect_empty();
    push(7, 1);
    expect_pop(7, 1);
    expect_empty();
}
END_TEST

START_TEST(equal_times_leave_in_order_of_pushing)
{
    for (uint64_t i = 0; i < 1000; i++) {
        push(i % 3, i);
    }
    for (uint64_t time = 0; time < 3; time++) {
        for (uint64_t i = time; i < 1000; i += 3) {
            expect_pop(time, i);
        }
    }
    expect_empty();
}
END_TEST

START_TEST(ties_hold_when_pops_come_between)
{
    push(5, 0);
    push(5, 1);
    push(4, 2);
    expect_pop(4, 2);
    expect_pop(5, 0);
    push(5, 3);
    push(5, 1);
    expect_pop(5, 1);
    expect_pop(5, 3);
    expect_pop(5, 1);
    expect_empty();
}
END_TEST

START_TEST(all_of_time_is_ordered)
{
    push(UINT64_MAX, 0);
    push(1ULL << 63, 1);
    push(0, 2);
    push(UINT64_MAX - 1, 3);
    push(0, UINT64_MAX);
    expect_pop(0, 2);
    expect_pop(0, UINT64_MAX);
    expect_pop(1ULL << 63, 1);
    expect_pop(UINT64_MAX - 1, 3);
    expect_pop(UINT64_MAX, 0);
}
END_TEST

/* Payloads count up with the pushes, so the first least of the list is the one to leave. */
START_TEST(walk_agrees_with_a_searched_list)
{
    static gw_queue_entry list[COUNT_MAX];
    uint32_t count = 0, state = 12345;
    for (uint64_t step = 0; step < 2 * COUNT_MAX; step++) {
        const bool is_push = count == 0 || (count < 300 && draw(&state) % 9 < 5);
        if (is_push) {
            list[count++] = (gw_queue_entry){.due_ns = draw(&state) % 40, .payload = step};
            gw_heap_push(&heap, list[count - 1]);
        } else {
            uint32_t least = 0;
            for (uint32_t i = 1; i < count; i++) {
                least = list[i].due_ns < list[least].due_ns ? i : least;
            }
            expect_pop(list[least].due_ns, list[least].payload);
            count--;
            for (uint32_t i = least; i < count; i++) {
                list[i] = list[i + 1];
            }
        }
        ck_assert_uint_eq(heap.count, count);
    }
}
END_TEST

typedef struct {
    uint64_t mask; /* Kept where it meets the payload. */
    uint32_t asked[COUNT_MAX];
} sieve;

static bool keep_masked(void *context, uint64_t payload)
{
    sieve *filter = context;
    filter->asked[payload]++;
    return (payload & filter->mask) != 0;
}

/* Every small size: the last parent has 1 to 4 children, and whole levels go. */
START_TEST(sweep_keeps_order_at_every_size)
{
    for (uint32_t count = 0; count < 100; count++) {
        sieve filter = {.mask = count % 2 == 0 ? 1 : 6};
        for (uint32_t i = 0; i < count; i++) {
            push((i * 7 + count) % 5, i);
        }
        gw_heap_sweep(&heap, keep_masked, &filter);
        uint32_t kept_count = 0;
        for (uint32_t i = 0; i < count; i++) {
            ck_assert_uint_eq(filter.asked[i], 1);
            kept_count += (i & filter.mask) != 0;
        }
        ck_assert_uint_eq(heap.count, kept_count);
        for (uint32_t time = 0; time < 5; time++) {
            for (uint32_t i = 0; i < count; i++) {
                if ((i & filter.mask) != 0 && (i * 7 + count) % 5 == time) {
                    expect_pop(time, i);
                }
            }
        }
        expect_empty();
    }
}
END_TEST

START_TEST(pushes_after_a_sweep_come_behind_their_equals)
{
    for (uint64_t i = 0; i < 8; i++) {
        push(9, i);
    }
    sieve filter = {.mask = 1};
    gw_heap_sweep(&heap, keep_masked, &filter);
    push(9, 100);
    push(8, 101);
    expect_pop(8, 101);
    for (uint64_t i = 1; i < 8; i += 2) {
        expect_pop(9, i);
    }
    expect_pop(9, 100);
    expect_empty();
}
END_TEST

START_TEST(sweep_may_take_all_or_nothing)
{
    sieve none = {.mask = 0}, all = {.mask = UINT64_MAX};
    gw_heap_sweep(&heap, keep_masked, &none);
    expect_empty();
    for (uint64_t i = 1; i <= 70; i++) {
        push(100 - i, i);
    }
    gw_heap_sweep(&heap, keep_masked, &all);
    ck_assert_uint_eq(heap.count, 70);
    expect_pop(30, 70);
    gw_heap_sweep(&heap, keep_masked, &none);
    expect_empty();
    push(1, 1);
    expect_pop(1, 1);
}
END_TEST

START_TEST(cleared_is_as_new)
{
    for (uint64_t i = 0; i < 200; i++) {
        push(i, i);
    }
    gw_heap_clear(&heap);
    expect_empty();
    ck_assert_ptr_null(heap.items);
    gw_heap_clear(&heap);
    push(3, 30);
    push(3, 31);
    expect_pop(3, 30);
    expect_pop(3, 31);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("heap");
    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_test(cases, empty_sets_nothing);
    tcase_add_test(cases, equal_times_leave_in_order_of_pushing);
    tcase_add_test(cases, ties_hold_when_pops_come_between);
    tcase_add_test(cases, all_of_time_is_ordered);
    tcase_add_test(cases, walk_agrees_with_a_searched_list);
    tcase_add_test(cases, sweep_keeps_order_at_every_size);
    tcase_add_test(cases, pushes_after_a_sweep_come_behind_their_equals);
    tcase_add_test(cases, sweep_may_take_all_or_nothing);
    tcase_add_test(cases, cleared_is_as_new);
    Suite *suite = suite_create("heap");
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
