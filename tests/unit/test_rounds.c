/* SPDX-License-Identifier: Apache-2.0 */
/* Exchanges as data: made, turned round, joined, priced. */
#include <check.h>
#include <signal.h>

#include "accel/rounds.h"
#include "base/check.h"
#include "run_suite.h"
#include "small_cluster.h"

static const gw_rounds_phase *phase_of(const gw_rounds *rounds, uint32_t part, uint32_t index)
{
    ck_assert_uint_lt(index, rounds->parts[part]->len);
    return &g_array_index(rounds->parts[part], gw_rounds_phase, index);
}

/* Members 0 and 1 send on, to 1 and 2, in the second of two phases. */
static gw_rounds *make_chain(void)
{
    gw_rounds *made = gw_rounds_new(3, 1);
    gw_rounds_set_send(made, gw_rounds_add_phase(made, 0, 5), 2, 0, 0, 50);
    gw_rounds_phase *phase = gw_rounds_add_phase(made, 0, 1);
    gw_rounds_set_send(made, phase, 0, 0, 1, 100);
    gw_rounds_set_send(made, phase, 1, 0, 2, 200);
    return made;
}

START_TEST(phases_begin_silent)
{
    g_autoptr(gw_rounds) made = gw_rounds_new(2, 2);
    gw_rounds_add_phase(made, 1, 3);
    ck_assert_uint_eq(made->parts[0]->len, 0);
    for (uint32_t i = 0; i < 4; i++) {
        ck_assert_uint_eq(phase_of(made, 1, 0)->sends[i].target, GW_INDEX_NONE);
    }
    ck_assert_uint_eq(gw_rounds_transfer_count(made), 0);
}
END_TEST

START_TEST(backwards_is_from_target_to_source)
{
    g_autoptr(gw_rounds) made = make_chain();
    ck_assert_uint_eq(gw_rounds_transfer_count(made), 5 + 2);
    gw_rounds_reverse(made);
    ck_assert_uint_eq(gw_rounds_transfer_count(made), 5 + 2);
    const gw_rounds_phase *first = phase_of(made, 0, 0);
    ck_assert_uint_eq(first->repeat_count, 1);
    ck_assert_uint_eq(first->sends[3 + 1].target, 0); /* By the other way. */
    ck_assert_uint_eq(first->sends[3 + 1].size_bytes, 100);
    ck_assert_uint_eq(first->sends[3 + 2].target, 1);
    ck_assert_uint_eq(first->sends[0].target, GW_INDEX_NONE);
    ck_assert_uint_eq(phase_of(made, 0, 1)->repeat_count, 5);
    gw_rounds_reverse(made);
    ck_assert_uint_eq(phase_of(made, 0, 0)->sends[2].target, 0);
}
END_TEST

START_TEST(next_comes_after)
{
    g_autoptr(gw_rounds) made = make_chain();
    gw_rounds_take_next(made, make_chain());
    ck_assert_uint_eq(made->parts[0]->len, 4);
    ck_assert_uint_eq(phase_of(made, 0, 2)->repeat_count, 5);
    ck_assert_uint_eq(phase_of(made, 0, 1)->stage, 0);
    ck_assert_uint_eq(phase_of(made, 0, 2)->stage, 1);
    ck_assert_uint_eq(made->stage_count, 2);
    ck_assert_uint_eq(gw_rounds_transfer_count(made), 14);
}
END_TEST

/* On a ring of 3 with links of 50 bytes/ns and hops of 1000 ns: five times 2 to 0, in 1001; then 0
 * to 1, and 1, which has nothing to wait for itself, to 2, in 1004. */
START_TEST(transfers_wait_for_both_ends)
{
    small_cluster made;
    const uint32_t devices[] = {0, 1, 2};
    const gw_cluster *cluster = small_cluster_of(&made, 3, 1, 1, 1);
    g_autoptr(gw_rounds) chain = make_chain();
    ck_assert_uint_eq(gw_rounds_path_ns(chain, cluster, devices), 5005 + 1004);
    small_cluster_clear(&made);
}
END_TEST

/* Of 1100 ns each: 0 to 1 three times, in one part; when 1 is through with that, it sends to 2
 * twice in the other.  Turned round, that comes first. */
START_TEST(a_stage_waits_for_all_parts_of_a_member)
{
    small_cluster made;
    const uint32_t devices[] = {0, 1, 2};
    const gw_cluster *cluster = small_cluster_of(&made, 4, 1, 1, 0);
    g_autoptr(gw_rounds) rounds = gw_rounds_new(3, 2);
    gw_rounds_set_send(rounds, gw_rounds_add_phase(rounds, 0, 3), 0, 0, 1, 5000);
    gw_rounds_add_phase(rounds, 1, 1);
    gw_rounds_add_stage(rounds);
    gw_rounds_add_phase(rounds, 0, 1);
    gw_rounds_set_send(rounds, gw_rounds_add_phase(rounds, 1, 2), 1, 0, 2, 5000);
    ck_assert_uint_eq(gw_rounds_path_ns(rounds, cluster, devices), 5 * 1100);
    gw_rounds_reverse(rounds);
    ck_assert_uint_eq(phase_of(rounds, 1, 0)->stage, 0);
    ck_assert_uint_eq(phase_of(rounds, 0, 1)->stage, 1);
    ck_assert_uint_eq(gw_rounds_path_ns(rounds, cluster, devices), 5 * 1100);
    small_cluster_clear(&made);
}
END_TEST

/* Two transfers over one link in a round: half of it each. */
START_TEST(transfers_of_a_round_share)
{
    small_cluster made;
    const uint32_t devices[] = {0, 1, 2};
    const gw_cluster *cluster = small_cluster_of(&made, 4, 1, 1, 0);
    g_autoptr(gw_rounds) rounds = gw_rounds_new(3, 1);
    gw_rounds_phase *phase = gw_rounds_add_phase(rounds, 0, 1);
    gw_rounds_set_send(rounds, phase, 0, 0, 2, 5000);
    gw_rounds_set_send(rounds, phase, 1, 1, 2, 5000);
    ck_assert_uint_eq(gw_rounds_path_ns(rounds, cluster, devices), 2000 + 200);
    small_cluster_clear(&made);
}
END_TEST

START_TEST(nobody_sends_to_himself)
{
    gw_rounds *made = gw_rounds_new(3, 1);
    gw_rounds_set_send(made, gw_rounds_add_phase(made, 0, 1), 1, 0, 1, 5);
}
END_TEST

START_TEST(two_senders_by_one_way_cannot_be_turned_round)
{
    gw_rounds *made = gw_rounds_new(3, 1);
    gw_rounds_phase *phase = gw_rounds_add_phase(made, 0, 1);
    gw_rounds_set_send(made, phase, 0, 0, 2, 5);
    gw_rounds_set_send(made, phase, 1, 0, 2, 5);
    gw_rounds_reverse(made);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rounds");
    TCase *cases = tcase_create("rounds");
    tcase_add_test(cases, phases_begin_silent);
    tcase_add_test(cases, backwards_is_from_target_to_source);
    tcase_add_test(cases, next_comes_after);
    tcase_add_test(cases, transfers_wait_for_both_ends);
    tcase_add_test(cases, a_stage_waits_for_all_parts_of_a_member);
    tcase_add_test(cases, transfers_of_a_round_share);
    tcase_add_test_raise_signal(cases, nobody_sends_to_himself, SIGABRT);
    tcase_add_test_raise_signal(cases, two_senders_by_one_way_cannot_be_turned_round, SIGABRT);
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
