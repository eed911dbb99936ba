/* SPDX-License-Identifier: Apache-2.0 */
/* Areas: promised and taken, used again in which order, and never more than was once owed. */
#include "real/cpu_memory.h"

#include <check.h>
#include <signal.h>
#include <string.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif

#include "base/random.h"
#include "real/cpu_operations.h"
#include "run_suite.h"

/* The sanitizers' allocators answer a request that is too large as malloc does. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}
const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
    return "allocator_may_return_null=1";
}

static float *promise_and_take(gw_cpu_memory *memory, uint64_t size_bytes)
{
    ck_assert(gw_cpu_memory_promise(memory, size_bytes));
    return gw_cpu_memory_take(memory, size_bytes);
}

START_TEST(the_area_given_back_last_is_taken_first)
{
    gw_cpu_memory memory = {0};
    float *a = promise_and_take(&memory, 100), *b = promise_and_take(&memory, 100);
    ck_assert_ptr_ne(a, b);
    ck_assert_uint_eq((uintptr_t)a % GW_CPU_ALIGNMENT_BYTES, 0);
    memset(a, 1, 128); /* Whole lines are had. */
    gw_cpu_memory_give(&memory, 100, a);
    gw_cpu_memory_give(&memory, 100, b);
    ck_assert_ptr_eq(promise_and_take(&memory, 128), b); /* Which is the same size in lines. */
    ck_assert_ptr_eq(promise_and_take(&memory, 100), a);
    gw_cpu_memory_give(&memory, 100, a);
    gw_cpu_memory_give(&memory, 100, b);
    ck_assert_uint_eq(memory.held_bytes, 256);
    gw_cpu_memory_clear(&memory);
}
END_TEST

START_TEST(promises_ahead_are_kept_by_areas_used_before)
{
    gw_cpu_memory memory = {0};
    for (uint32_t i = 0; i < 10; i++) {
        ck_assert(gw_cpu_memory_promise(&memory, 64));
    }
    float *first = gw_cpu_memory_take(&memory, 64);
    gw_cpu_memory_give(&memory, 64, first);
    for (uint32_t i = 1; i < 10; i++) {
        float *next = gw_cpu_memory_take(&memory, 64);
        ck_assert_ptr_eq(next, first);
        gw_cpu_memory_give(&memory, 64, next);
    }
    ck_assert_uint_eq(memory.owed_bytes, 0);
    ck_assert_uint_eq(memory.held_bytes, 640);
    gw_cpu_memory_clear(&memory);
}
END_TEST

START_TEST(promises_can_be_given_up)
{
    gw_cpu_memory memory = {0};
    ck_assert(gw_cpu_memory_promise(&memory, 0));
    ck_assert(gw_cpu_memory_promise(&memory, 1));
    gw_cpu_memory_give_up(&memory, 1);
    float *data = gw_cpu_memory_take(&memory, 0); /* Nothing has a place, too. */
    ck_assert_ptr_nonnull(data);
    gw_cpu_memory_give(&memory, 0, data);
    ck_assert_uint_eq(memory.held_bytes, 128);
    gw_cpu_memory_clear(&memory);
}
END_TEST

START_TEST(other_sizes_make_way)
{
    gw_cpu_memory memory = {0};
    for (uint64_t size_bytes = 64; size_bytes <= 6400; size_bytes += 64) {
        float *data = promise_and_take(&memory, size_bytes);
        gw_cpu_memory_give(&memory, size_bytes, data);
        ck_assert_uint_eq(memory.owed_bytes_max, size_bytes);
        ck_assert_uint_le(memory.held_bytes, size_bytes);
    }
    gw_cpu_memory_clear(&memory);
}
END_TEST

enum { ACTIONS = 20000, OWED_MAX = 200 };
typedef struct {
    uint64_t size_bytes;
    float *data; /* NULL: promised. */
} owed_area;

/* Any order of calls: each area has its own place and its own contents, and the bound holds. */
START_TEST(areas_never_overlap)
{
    gw_cpu_memory memory = {0};
    owed_area owed[OWED_MAX];
    uint32_t owed_count = 0;
    for (uint64_t i = 0; i < ACTIONS; i++) {
        const uint64_t drawn = gw_random_at(1, i) >> 8;
        if (owed_count < OWED_MAX && drawn % 2 == 0) {
            const uint64_t size_bytes = 8 + drawn / 2 % 20 * 200;
            ck_assert(gw_cpu_memory_promise(&memory, size_bytes));
            owed[owed_count++] = (owed_area){size_bytes, NULL};
        } else if (owed_count > 0) {
            owed_area *one = &owed[drawn / 2 % owed_count];
            if (one->data == NULL && drawn % 3 > 0) {
                one->data = gw_cpu_memory_take(&memory, one->size_bytes);
                const uintptr_t place = (uintptr_t)one->data;
                memcpy(one->data, &place, sizeof place);
                continue;
            }
            if (one->data == NULL) {
                gw_cpu_memory_give_up(&memory, one->size_bytes);
            } else {
                const uintptr_t place = (uintptr_t)one->data;
                ck_assert_mem_eq(one->data, &place, sizeof place);
                gw_cpu_memory_give(&memory, one->size_bytes, one->data);
            }
            *one = owed[--owed_count];
        }
        ck_assert_uint_le(memory.owed_bytes, memory.held_bytes);
        ck_assert_uint_le(memory.held_bytes, memory.owed_bytes_max);
    }
    for (uint32_t i = 0; i < owed_count; i++) {
        if (owed[i].data == NULL) {
            gw_cpu_memory_give_up(&memory, owed[i].size_bytes);
        } else {
            gw_cpu_memory_give(&memory, owed[i].size_bytes, owed[i].data);
        }
    }
    gw_cpu_memory_clear(&memory);
}
END_TEST

START_TEST(no_room_is_no_promise)
{
    gw_cpu_memory memory = {0};
    float *data = promise_and_take(&memory, 64);
    ck_assert(!gw_cpu_memory_promise(&memory, UINT64_C(1) << 62));
    ck_assert_uint_eq(memory.owed_bytes, 64);
    gw_cpu_memory_give(&memory, 64, data);
    ck_assert(!gw_cpu_memory_promise(&memory, UINT64_C(1) << 62));
    ck_assert_uint_eq(memory.held_bytes, 0); /* All that was idle has made way. */
    gw_cpu_memory_clear(&memory);
}
END_TEST

#ifdef __SANITIZE_ADDRESS__
START_TEST(what_nobody_has_taken_is_poisoned)
{
    gw_cpu_memory memory = {0};
    float *data = promise_and_take(&memory, 64);
    ck_assert(!__asan_address_is_poisoned(data + 15));
    gw_cpu_memory_give(&memory, 64, data);
    ck_assert(__asan_address_is_poisoned(data));
    ck_assert(__asan_address_is_poisoned(data + 15));
    ck_assert_ptr_eq(promise_and_take(&memory, 64), data);
    ck_assert(!__asan_address_is_poisoned(data));
    gw_cpu_memory_give(&memory, 64, data);
    gw_cpu_memory_clear(&memory);
}
END_TEST
#endif

START_TEST(taking_without_a_promise_is_our_mistake)
{
    gw_cpu_memory memory = {0};
    gw_cpu_memory_give(&memory, 64, promise_and_take(&memory, 64));
    gw_cpu_memory_take(&memory, 64);
}
END_TEST

START_TEST(clearing_what_is_taken_is_our_mistake)
{
    gw_cpu_memory memory = {0};
    promise_and_take(&memory, 64);
    gw_cpu_memory_clear(&memory);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cpu_memory");
    TCase *tcase = tcase_create("areas");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, the_area_given_back_last_is_taken_first);
    tcase_add_test(tcase, promises_ahead_are_kept_by_areas_used_before);
    tcase_add_test(tcase, promises_can_be_given_up);
    tcase_add_test(tcase, other_sizes_make_way);
    tcase_add_test(tcase, areas_never_overlap);
    tcase_add_test(tcase, no_room_is_no_promise);
#ifdef __SANITIZE_ADDRESS__
    tcase_add_test(tcase, what_nobody_has_taken_is_poisoned);
#endif
    tcase_add_test_raise_signal(tcase, taking_without_a_promise_is_our_mistake, SIGABRT);
    tcase_add_test_raise_signal(tcase, clearing_what_is_taken_is_our_mistake, SIGABRT);
    suite_add_tcase(suite, tcase);
    return gw_run_suite(suite);
}
