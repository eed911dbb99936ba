/* SPDX-License-Identifier: Apache-2.0 */
/* Inboxes: what goes in comes out, in order, aligned, and only after the inbox was turned. */
#include <check.h>
#include <signal.h>
#include <string.h>

#include "real/inbox.h"
#include "run_suite.h"

typedef struct {
    gw_message header;
    uint64_t number;
    unsigned char bytes[];
} numbered;

static void push_message(gw_inbox *inbox, uint32_t source, uint64_t number, uint32_t extra_bytes)
{
    const uint32_t size_bytes = (uint32_t)sizeof(numbered) + extra_bytes;
    numbered *message = g_malloc0(size_bytes);
    message->header = (gw_message){.kind = 3, .size_bytes = size_bytes};
    message->number = number;
    memset(message->bytes, (int)(number % 251), extra_bytes);
    gw_input input = {.kind = GW_INPUT_MESSAGE};
    input.message.source.index = source;
    input.message.content = &message->header;
    gw_inbox_push(inbox, &input);
    memset(message, 0xee, size_bytes);
    g_free(message);
}

START_TEST(nothing_comes_out_before_the_turn)
{
    gw_inbox inbox = {0};
    gw_input input;
    ck_assert(!gw_inbox_take(&inbox, &input));
    gw_inbox_push(&inbox, &(gw_input){.kind = GW_INPUT_START});
    ck_assert(gw_inbox_has_incoming(&inbox));
    ck_assert(!gw_inbox_take(&inbox, &input));
    gw_inbox_turn(&inbox);
    ck_assert(!gw_inbox_has_incoming(&inbox));
    ck_assert(gw_inbox_take(&inbox, &input));
    ck_assert_int_eq(input.kind, GW_INPUT_START);
    ck_assert(!gw_inbox_take(&inbox, &input));
    gw_inbox_clear(&inbox);
}
END_TEST

START_TEST(each_kind_keeps_what_it_carries)
{
    gw_inbox inbox = {0};
    gw_inbox_push(&inbox, &(gw_input){.kind = GW_INPUT_TIMER, .tag = {UINT64_MAX}});
    gw_inbox_push(
        &inbox,
        &(gw_input){.kind = GW_INPUT_KERNEL_DONE, .tag = {2}, .device_time_ns = UINT64_MAX - 1});
    gw_inbox_push(&inbox, &(gw_input){.kind = GW_INPUT_COPY_DONE, .tag = {3}, .value = -0.5});
    push_message(&inbox, 77, UINT64_MAX, 5);
    gw_inbox_turn(&inbox);
    gw_input input;
    ck_assert(gw_inbox_take(&inbox, &input));
    ck_assert_int_eq(input.kind, GW_INPUT_TIMER);
    ck_assert_uint_eq(input.tag.value, UINT64_MAX);
    ck_assert(gw_inbox_take(&inbox, &input));
    ck_assert_int_eq(input.kind, GW_INPUT_KERNEL_DONE);
    ck_assert_uint_eq(input.tag.value, 2);
    ck_assert_uint_eq(input.device_time_ns, UINT64_MAX - 1);
    ck_assert(gw_inbox_take(&inbox, &input));
    ck_assert_int_eq(input.kind, GW_INPUT_COPY_DONE);
    ck_assert_double_eq(input.value, -0.5);
    ck_assert(gw_inbox_take(&inbox, &input));
    ck_assert_int_eq(input.kind, GW_INPUT_MESSAGE);
    ck_assert_uint_eq(input.message.source.index, 77);
    ck_assert_uint_eq(((const numbered *)input.message.content)->number, UINT64_MAX);
    ck_assert(!gw_inbox_take(&inbox, &input));
    gw_inbox_clear(&inbox);
}
END_TEST

/* Pushed while the other side is worked off, in sizes that are no multiple of anything. */
START_TEST(thousands_stay_in_order_and_aligned)
{
    gw_inbox inbox = {0};
    uint64_t pushed_count = 0, taken_count = 0;
    for (uint32_t step = 0; taken_count < 5000; step++) {
        for (uint32_t i = 0; i < step % 7 && pushed_count < 5000; i++) {
            push_message(&inbox, 1, pushed_count, (uint32_t)(pushed_count * 13 % 300));
            pushed_count++;
        }
        gw_input input;
        if (!gw_inbox_take(&inbox, &input)) {
            gw_inbox_turn(&inbox);
            continue;
        }
        const numbered *message = (const numbered *)input.message.content;
        ck_assert_uint_eq((uintptr_t)message % 8, 0);
        ck_assert_uint_eq(message->number, taken_count);
        const uint32_t extra_bytes = message->header.size_bytes - (uint32_t)sizeof(*message);
        ck_assert_uint_eq(extra_bytes, taken_count * 13 % 300);
        if (extra_bytes > 0) {
            ck_assert_uint_eq(message->bytes[extra_bytes - 1], taken_count % 251);
        }
        taken_count++;
    }
    ck_assert_uint_eq(pushed_count, 5000);
    ck_assert_uint_eq(taken_count, 5000);
    gw_inbox_clear(&inbox);
}
END_TEST

START_TEST(a_warm_inbox_does_not_grow)
{
    gw_inbox inbox = {0};
    gw_input input;
    uint64_t capacity_bytes = 0;
    for (uint32_t round = 0; round < 100; round++) {
        for (uint32_t i = 0; i < 50; i++) {
            push_message(&inbox, 0, i, 100);
        }
        gw_inbox_turn(&inbox);
        while (gw_inbox_take(&inbox, &input)) {
        }
        if (round == 2) {
            capacity_bytes = inbox.current.capacity_bytes + inbox.incoming.capacity_bytes;
        }
    }
    ck_assert_uint_eq(inbox.current.capacity_bytes + inbox.incoming.capacity_bytes, capacity_bytes);
    gw_inbox_clear(&inbox);
}
END_TEST

START_TEST(turning_before_all_is_taken_is_our_mistake)
{
    gw_inbox inbox = {0};
    gw_inbox_push(&inbox, &(gw_input){.kind = GW_INPUT_START});
    gw_inbox_turn(&inbox);
    gw_inbox_turn(&inbox);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("inbox");
    TCase *tcase = tcase_create("inbox");
    tcase_add_test(tcase, nothing_comes_out_before_the_turn);
    tcase_add_test(tcase, each_kind_keeps_what_it_carries);
    tcase_add_test(tcase, thousands_stay_in_order_and_aligned);
    tcase_add_test(tcase, a_warm_inbox_does_not_grow);
    tcase_add_test_raise_signal(tcase, turning_before_all_is_taken_is_our_mistake, SIGABRT);
    suite_add_tcase(suite, tcase);
    return gw_run_suite(suite);
}
