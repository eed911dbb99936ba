/* SPDX-License-Identifier: Apache-2.0 */
/* The ladder and the heap as queues, without an engine.  The payload counts pushes, so an order
 * that is not first in first out among equals shows in it. */
#include <check.h>
#include <signal.h>
#include <stdlib.h>

#include "base/random.h"
#include "engine/heap.h"
#include "engine/queue.h"
#include "run_suite.h"

typedef struct {
    gw_queue ladder;
    gw_heap heap;
    uint64_t push_count;
    gw_time present_ns;
} pair;

static pair *pair_new(void)
{
    pair *made = g_new0(pair, 1);
    gw_queue_init(&made->ladder, NULL, NULL);
    gw_heap_init(&made->heap);
    return made;
}

static void pair_free(pair *both)
{
    gw_queue_clear(&both->ladder);
    gw_heap_clear(&both->heap);
    g_free(both);
}

/* ck_assert() writes to a pipe each time; here it would be most of the work. */
static void expect(bool is_true, const char *what)
{
    if (!is_true) {
        ck_abort_msg("%s", what);
    }
}

static void push_both(pair *both, gw_time due_ns)
{
    const gw_queue_entry entry = {.due_ns = due_ns, .payload = both->push_count++};
    gw_queue_push(&both->ladder, entry);
    gw_heap_push(&both->heap, entry);
    expect(both->ladder.count == both->heap.count, "as many in the ladder as in the heap");
}

/* Pops one entry of each; they must be the same.  False: both are empty. */
static bool pop_both(pair *both)
{
    gw_queue_entry from_ladder = {0};
    gw_queue_entry from_heap = {0};
    const bool has_ladder = gw_queue_pop(&both->ladder, &from_ladder);
    expect(has_ladder == gw_heap_pop(&both->heap, &from_heap), "both have an entry, or none");
    expect(from_ladder.due_ns == from_heap.due_ns, "the same time");
    expect(from_ladder.payload == from_heap.payload, "the same of equal times");
    expect(both->ladder.count == both->heap.count, "as many in the ladder as in the heap");
    if (has_ladder) {
        expect(from_ladder.due_ns >= both->present_ns, "not before the present");
        both->present_ns = from_ladder.due_ns;
    }
    return has_ladder;
}

static void pop_all(pair *both)
{
    while (pop_both(both)) {
    }
    ck_assert_uint_eq(both->ladder.count, 0);
}

static void check_pop(gw_queue *queue, gw_time due_ns, uint64_t payload)
{
    gw_queue_entry entry;
    ck_assert(gw_queue_pop(queue, &entry));
    ck_assert_uint_eq(entry.due_ns, due_ns);
    ck_assert_uint_eq(entry.payload, payload);
}

START_TEST(empty_queue_gives_nothing)
{
    pair *both = pair_new();
    ck_assert(!pop_both(both));
    push_both(both, 7);
    ck_assert(pop_both(both));
    ck_assert(!pop_both(both));
    pair_free(both);
}
END_TEST

START_TEST(pop_of_nothing_sets_nothing)
{
    pair *both = pair_new();
    gw_queue_entry entry = {.due_ns = 11, .payload = 13};
    ck_assert(!gw_queue_pop(&both->ladder, &entry));
    ck_assert(!gw_heap_pop(&both->heap, &entry));
    ck_assert_uint_eq(entry.due_ns, 11);
    ck_assert_uint_eq(entry.payload, 13);
    pair_free(both);
}
END_TEST

START_TEST(times_order_entries)
{
    gw_queue *queue = g_new(gw_queue, 1);
    gw_queue_init(queue, NULL, NULL);
    gw_queue_push(queue, (gw_queue_entry){30, 1});
    gw_queue_push(queue, (gw_queue_entry){10, 2});
    gw_queue_push(queue, (gw_queue_entry){20, 3});
    check_pop(queue, 10, 2);
    check_pop(queue, 20, 3);
    check_pop(queue, 30, 1);
    gw_queue_clear(queue);
    g_free(queue);
}
END_TEST

START_TEST(equal_times_keep_order_of_pushing)
{
    gw_queue *queue = g_new(gw_queue, 1);
    gw_queue_init(queue, NULL, NULL);
    for (uint64_t i = 0; i < 1000; i++) {
        gw_queue_push(queue, (gw_queue_entry){5000 + i % 2, i});
    }
    for (uint64_t i = 0; i < 1000; i += 2) {
        check_pop(queue, 5000, i);
    }
    for (uint64_t i = 1; i < 1000; i += 2) {
        check_pop(queue, 5001, i);
    }
    gw_queue_clear(queue);
    g_free(queue);
}
END_TEST

/* Pushed at the present instant while entries of the same instant, pushed before, still wait. */
START_TEST(no_delay_goes_after_equals_and_before_later)
{
    gw_queue *queue = g_new(gw_queue, 1);
    gw_queue_init(queue, NULL, NULL);
    gw_queue_push(queue, (gw_queue_entry){100, 1});
    gw_queue_push(queue, (gw_queue_entry){100, 2});
    gw_queue_push(queue, (gw_queue_entry){101, 3});
    check_pop(queue, 100, 1);
    gw_queue_push(queue, (gw_queue_entry){100, 4});
    gw_queue_push(queue, (gw_queue_entry){101, 5});
    gw_queue_push(queue, (gw_queue_entry){100, 6});
    check_pop(queue, 100, 2);
    check_pop(queue, 100, 4);
    check_pop(queue, 100, 6);
    check_pop(queue, 101, 3);
    check_pop(queue, 101, 5);
    gw_queue_clear(queue);
    g_free(queue);
}
END_TEST

/* One above and one below every power of two, which are where rungs begin. */
START_TEST(powers_of_two_are_no_border)
{
    pair *both = pair_new();
    for (uint32_t bit = 63; bit > 1; bit--) {
        push_both(both, (UINT64_C(1) << bit) + 1);
        push_both(both, (UINT64_C(1) << bit));
        push_both(both, (UINT64_C(1) << bit) - 1);
        push_both(both, (UINT64_C(1) << bit));
    }
    push_both(both, GW_TIME_NEVER - 1);
    push_both(both, GW_TIME_NEVER);
    pop_all(both);
    pair_free(both);
}
END_TEST

/* All at one instant, then a cluster in a corner of a huge span, then one far away. */
START_TEST(long_bucket_is_refined_where_it_differs)
{
    pair *both = pair_new();
    const gw_time base_ns = UINT64_C(1) << 60;
    for (uint32_t i = 0; i < 3000; i++) {
        push_both(both, base_ns + 12345 + (i * 7919) % 50);
    }
    push_both(both, base_ns * 2 - 1);
    for (uint32_t i = 0; i < 1500; i++) {
        expect(pop_both(both), "has an entry");
        push_both(both, both->present_ns + i % 3);
        push_both(both, both->present_ns + (UINT64_C(1) << (i % 58)));
    }
    pop_all(both);
    pair_free(both);
}
END_TEST

/* The near block spans much, holds little, and is then pushed into: it must narrow itself. */
START_TEST(burst_into_the_near_block_narrows_it)
{
    pair *both = pair_new();
    push_both(both, UINT64_C(1) << 40);
    push_both(both, (UINT64_C(1) << 40) + 1);
    expect(pop_both(both), "has an entry");
    for (uint32_t i = 5000; i > 0; i--) {
        push_both(both, both->present_ns + i);
        push_both(both, both->present_ns + 1);
    }
    pop_all(both);
    pair_free(both);
}
END_TEST

/* A full near buffer of entries due now cannot be narrowed by moving these. */
START_TEST(near_full_of_the_present_instant)
{
    pair *both = pair_new();
    const gw_time base_ns = UINT64_C(1) << 20;
    for (uint32_t i = 0; i < 40; i++) {
        push_both(both, base_ns);
    }
    push_both(both, base_ns + 3);
    expect(pop_both(both), "has an entry");
    for (uint32_t i = 0; i < 200; i++) {
        push_both(both, base_ns + 1 + i % 5);
    }
    pop_all(both);
    pair_free(both);
}
END_TEST

static bool keep_odd(void *context, uint64_t payload)
{
    uint64_t *asked_count = context;
    (*asked_count)++;
    return payload % 2 == 1;
}

static bool keep_none(void *context, uint64_t payload)
{
    (void)context;
    (void)payload;
    return false;
}

START_TEST(sweep_keeps_order_and_asks_of_each_once)
{
    pair *both = pair_new();
    gw_random random;
    gw_random_init(&random, 1, "sweep");
    for (uint32_t i = 0; i < 4000; i++) {
        push_both(both, 1 + gw_random_below(&random, i % 2 == 0 ? 100 : 1000000));
    }
    for (uint32_t i = 0; i < 500; i++) {
        expect(pop_both(both), "has an entry");
        push_both(both, both->present_ns); /* The instant's own list is swept too. */
        push_both(both, both->present_ns + gw_random_below(&random, 10));
    }
    uint64_t asked_count = 0;
    const uint64_t count = both->ladder.count;
    gw_queue_sweep(&both->ladder, keep_odd, &asked_count);
    ck_assert_uint_eq(asked_count, count);
    gw_heap_sweep(&both->heap, keep_odd, &asked_count);
    ck_assert_uint_eq(asked_count, 2 * count);
    push_both(both, both->present_ns);
    pop_all(both);
    pair_free(both);
}
END_TEST

START_TEST(swept_bare_is_empty_and_usable)
{
    pair *both = pair_new();
    for (uint32_t i = 0; i < 1000; i++) {
        push_both(both, 10 + i * 1000);
    }
    for (uint32_t i = 0; i < 10; i++) {
        expect(pop_both(both), "has an entry");
        push_both(both, both->present_ns);
    }
    gw_queue_sweep(&both->ladder, keep_none, NULL);
    gw_heap_sweep(&both->heap, keep_none, NULL);
    ck_assert(!pop_both(both));
    for (uint32_t i = 0; i < 1000; i++) {
        push_both(both, both->present_ns + i % 7);
    }
    pop_all(both);
    pair_free(both);
}
END_TEST

/* Swept lists give back all of their chunks. */
START_TEST(sweeping_again_and_again_does_not_allocate)
{
    pair *both = pair_new();
    uint32_t chunk_count = 0;
    for (uint32_t round = 0; round < 50; round++) {
        for (uint32_t i = 0; i < 1000; i++) {
            push_both(both, both->present_ns + (i % 4 == 0 ? 0 : i * i));
        }
        uint64_t asked_count = 0;
        gw_queue_sweep(&both->ladder, keep_odd, &asked_count);
        gw_heap_sweep(&both->heap, keep_odd, &asked_count);
        expect(pop_both(both), "has an entry");
        gw_queue_sweep(&both->ladder, keep_none, NULL);
        gw_heap_sweep(&both->heap, keep_none, NULL);
        expect(!pop_both(both), "is empty");
        if (round == 0) {
            chunk_count = both->ladder.chunk_count;
        }
    }
    ck_assert_uint_le(both->ladder.chunk_count, 2 * chunk_count);
    pair_free(both);
}
END_TEST

START_TEST(restart_goes_back_in_time)
{
    gw_queue *queue = g_new(gw_queue, 1);
    gw_queue_init(queue, NULL, NULL);
    gw_queue_push(queue, (gw_queue_entry){1000000, 1});
    check_pop(queue, 1000000, 1);
    gw_queue_restart(queue, 50);
    gw_queue_push(queue, (gw_queue_entry){70, 2});
    gw_queue_push(queue, (gw_queue_entry){50, 3});
    check_pop(queue, 50, 3);
    check_pop(queue, 70, 2);
    gw_queue_clear(queue);
    g_free(queue);
}
END_TEST

/* The hold model with a few sizes; afterwards memory must not have grown. */
START_TEST(warm_queue_does_not_allocate)
{
    pair *both = pair_new();
    gw_random random;
    gw_random_init(&random, (uint64_t)_i, "warm");
    uint32_t pending_count = 1;
    for (int i = 0; i < _i; i++) {
        pending_count *= 10;
    }
    for (uint32_t i = 0; i < pending_count; i++) {
        push_both(both, gw_random_below(&random, 100000));
    }
    uint32_t chunk_capacity = 0;
    for (uint32_t i = 0; i < 300000; i++) {
        if (i == 200000) {
            chunk_capacity = both->ladder.chunk_capacity;
        }
        expect(pop_both(both), "has an entry");
        push_both(both, both->present_ns + gw_random_below(&random, 100000));
    }
    ck_assert_uint_eq(both->ladder.chunk_capacity, chunk_capacity);
    pop_all(both);
    pair_free(both);
}
END_TEST

typedef struct {
    uint32_t far_count, close_count;
} announced;

static void count_announced(const void *owner, const gw_queue_entry *entries, uint32_t count,
                            bool is_close)
{
    announced *counts = *(announced *const *)owner;
    ck_assert_ptr_nonnull(entries);
    if (is_close) {
        counts->close_count += count;
    } else {
        counts->far_count += count;
    }
}

START_TEST(entries_are_announced_at_most_twice)
{
    announced counts = {0};
    announced *owner = &counts;
    gw_queue *queue = g_new(gw_queue, 1);
    gw_queue_init(queue, count_announced, &owner);
    for (uint64_t i = 0; i < 1000; i++) {
        gw_queue_push(queue, (gw_queue_entry){1 + i / 100, i});
        gw_queue_push(queue, (gw_queue_entry){1000 + i, i});
    }
    gw_queue_entry entry;
    while (gw_queue_pop(queue, &entry)) {
    }
    ck_assert_uint_le(counts.far_count, 2000);
    ck_assert_uint_le(counts.close_count, 2000);
    ck_assert_uint_ge(counts.far_count, 1000);
    ck_assert_uint_ge(counts.close_count, 1000);
    gw_queue_clear(queue);
    g_free(queue);
}
END_TEST

START_TEST(push_before_the_present_aborts)
{
    gw_queue *queue = g_new(gw_queue, 1);
    gw_queue_init(queue, NULL, NULL);
    gw_queue_push(queue, (gw_queue_entry){1000, 1});
    check_pop(queue, 1000, 1);
    gw_queue_push(queue, (gw_queue_entry){999, 2});
}
END_TEST

static Suite *queue_suite(void)
{
    Suite *suite = suite_create("queue");
    TCase *order = tcase_create("order");
    tcase_add_test(order, empty_queue_gives_nothing);
    tcase_add_test(order, pop_of_nothing_sets_nothing);
    tcase_add_test(order, times_order_entries);
    tcase_add_test(order, equal_times_keep_order_of_pushing);
    tcase_add_test(order, no_delay_goes_after_equals_and_before_later);
    tcase_add_test(order, powers_of_two_are_no_border);
    tcase_add_test(order, long_bucket_is_refined_where_it_differs);
    tcase_add_test(order, burst_into_the_near_block_narrows_it);
    tcase_add_test(order, near_full_of_the_present_instant);
    tcase_add_test_raise_signal(order, push_before_the_present_aborts, SIGABRT);
    suite_add_tcase(suite, order);
    TCase *memory = tcase_create("memory");
    tcase_add_test(memory, sweep_keeps_order_and_asks_of_each_once);
    tcase_add_test(memory, swept_bare_is_empty_and_usable);
    tcase_add_test(memory, sweeping_again_and_again_does_not_allocate);
    tcase_add_test(memory, restart_goes_back_in_time);
    tcase_add_test(memory, entries_are_announced_at_most_twice);
    tcase_add_loop_test(memory, warm_queue_does_not_allocate, 0, 5);
    suite_add_tcase(suite, memory);
    return suite;
}

int main(void)
{
    return gw_run_suite(queue_suite());
}
