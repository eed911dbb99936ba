/* SPDX-License-Identifier: Apache-2.0 */
/* Transfers in flows and in order: who goes, who waits, when one has drained and arrived. */
#include <check.h>
#include <signal.h>

#include "run_suite.h"
#include "topology/convoys.h"

static gw_transfer between(uint32_t source, uint32_t target)
{
    return (gw_transfer){
        .kind = GW_TRANSFER_DEVICE, .source = {source}, .target = {target}, .size_bytes = 100};
}

static uint32_t add(gw_convoys *convoys, uint32_t source, uint32_t target, uint64_t token,
                    bool expected)
{
    const gw_transfer transfer = between(source, target);
    bool goes;
    const uint32_t number = gw_convoys_add(convoys, &transfer, token, &goes);
    ck_assert_int_eq(goes, expected);
    return number;
}

START_TEST(all_flows_have_to_arrive)
{
    gw_convoys convoys;
    gw_convoy whole = {0};
    gw_convoys_init(&convoys, false);
    const uint32_t one = add(&convoys, 1, 2, 11, true);
    add(&convoys, 1, 2, 12, true); /* Without an order nobody waits. */
    gw_convoys_start(&convoys, one, 5, 3);
    ck_assert(!gw_convoys_arrive(&convoys, one, &whole));
    ck_assert(!gw_convoys_arrive(&convoys, one, &whole));
    ck_assert_uint_eq(whole.token, 0);
    ck_assert(gw_convoys_arrive(&convoys, one, &whole));
    ck_assert_uint_eq(whole.token, 11);
    ck_assert_uint_eq(whole.start_ns, 5);
    gw_convoys_clear(&convoys);
}
END_TEST

START_TEST(one_pair_takes_turns)
{
    gw_convoys convoys;
    gw_convoys_init(&convoys, true);
    const uint32_t first = add(&convoys, 1, 2, 11, true);
    const uint32_t second = add(&convoys, 1, 2, 12, false);
    const uint32_t third = add(&convoys, 1, 2, 13, false);
    add(&convoys, 2, 1, 14, true); /* The other way, and another pair. */
    add(&convoys, 1, 3, 15, true);
    gw_convoys_start(&convoys, first, 0, 2);
    ck_assert_uint_eq(gw_convoys_drain(&convoys, first), GW_INDEX_NONE);
    ck_assert_uint_eq(gw_convoys_drain(&convoys, first), second);
    gw_convoys_start(&convoys, second, 9, 1);
    const uint32_t fourth = add(&convoys, 1, 2, 16, false);
    ck_assert_uint_eq(gw_convoys_drain(&convoys, second), third);
    gw_convoys_start(&convoys, third, 10, 1);
    ck_assert_uint_eq(gw_convoys_drain(&convoys, third), fourth);
    gw_convoys_start(&convoys, fourth, 11, 1);
    ck_assert_uint_eq(gw_convoys_drain(&convoys, fourth), GW_INDEX_NONE);
    add(&convoys, 1, 2, 17, true); /* Nobody is before it any more. */
    gw_convoys_clear(&convoys);
}
END_TEST

/* Arrivals may come when others of the pair have gone long since. */
START_TEST(arriving_is_not_draining)
{
    gw_convoys convoys;
    gw_convoy whole;
    gw_convoys_init(&convoys, true);
    const uint32_t first = add(&convoys, 1, 2, 11, true);
    const uint32_t second = add(&convoys, 1, 2, 12, false);
    gw_convoys_start(&convoys, first, 0, 1);
    ck_assert_uint_eq(gw_convoys_drain(&convoys, first), second);
    gw_convoys_start(&convoys, second, 1, 1);
    ck_assert_uint_eq(gw_convoys_drain(&convoys, second), GW_INDEX_NONE);
    ck_assert(gw_convoys_arrive(&convoys, first, &whole));
    ck_assert_uint_eq(whole.token, 11);
    ck_assert(gw_convoys_arrive(&convoys, second, &whole));
    ck_assert_uint_eq(whole.token, 12);
    gw_convoys_clear(&convoys);
}
END_TEST

START_TEST(one_too_many_aborts)
{
    gw_convoys convoys;
    gw_convoy whole;
    gw_convoys_init(&convoys, true);
    const uint32_t first = add(&convoys, 1, 2, 11, true);
    gw_convoys_arrive(&convoys, first, &whole);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("convoys");
    TCase *cases = tcase_create("convoys");
    tcase_add_test(cases, all_flows_have_to_arrive);
    tcase_add_test(cases, one_pair_takes_turns);
    tcase_add_test(cases, arriving_is_not_draining);
    tcase_add_test_raise_signal(cases, one_too_many_aborts, SIGABRT);
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
