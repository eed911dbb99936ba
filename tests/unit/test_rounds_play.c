/* SPDX-License-Identifier: Apache-2.0 */
/* Plays of rounds made by hand; those of algorithms: tests/model/test_rounds.c. */
#include <check.h>
#include <signal.h>

#include "accel/rounds_play.h"
#include "run_suite.h"
#include "small_cluster.h"

static const uint32_t devices[] = {0, 1, 2, 3};

static gw_span play(const gw_cluster *cluster, const gw_rounds *rounds)
{
    const gw_rounds_cast cast = {.rounds = rounds, .devices = devices};
    gw_span span_ns;
    gw_rounds_play(cluster, &cast, 1, &span_ns);
    return span_ns;
}

/* A relay of three hops, each in a phase of its own: a hop of 1000 ns and 100 ns of bytes. */
START_TEST(what_comes_goes_on)
{
    small_cluster made;
    const gw_cluster *cluster = small_cluster_of(&made, 4, 1, 1, 0);
    g_autoptr(gw_rounds) relay = gw_rounds_new(4, 1);
    for (uint32_t m = 0; m < 3; m++) {
        gw_rounds_set_send(relay, gw_rounds_add_phase(relay, 0, 1), m, 0, m + 1, 5000);
    }
    ck_assert_uint_eq(play(cluster, relay), 3300);
    small_cluster_clear(&made);
}
END_TEST

/* Member 0 sends ten times; member 1 only listens, and both go on when all has come. */
START_TEST(rounds_repeat)
{
    small_cluster made;
    const gw_cluster *cluster = small_cluster_of(&made, 4, 1, 1, 0);
    g_autoptr(gw_rounds) rounds = gw_rounds_new(4, 1);
    gw_rounds_set_send(rounds, gw_rounds_add_phase(rounds, 0, 10), 0, 0, 1, 5000);
    gw_rounds_set_send(rounds, gw_rounds_add_phase(rounds, 0, 1), 1, 0, 0, 5000);
    ck_assert_uint_eq(play(cluster, rounds), 11 * 1100);
    small_cluster_clear(&made);
}
END_TEST

/* Two parts over one link take turns at half its rate; a silent phase takes no time. */
START_TEST(parts_share_links)
{
    small_cluster made;
    const gw_cluster *cluster = small_cluster_of(&made, 4, 1, 1, 0);
    g_autoptr(gw_rounds) rounds = gw_rounds_new(4, 2);
    for (uint32_t part = 0; part < 2; part++) {
        gw_rounds_add_phase(rounds, part, 3);
        gw_rounds_set_send(rounds, gw_rounds_add_phase(rounds, part, 1), 0, 0, 1, 5000);
    }
    ck_assert_uint_eq(play(cluster, rounds), 1200);
    small_cluster_clear(&made);
}
END_TEST

/* Member 1 has nothing to wait for in the second round, and 0 has sent nothing yet. */
START_TEST(transfers_wait_for_both_ends)
{
    small_cluster made;
    const gw_cluster *cluster = small_cluster_of(&made, 4, 1, 1, 0);
    g_autoptr(gw_rounds) rounds = gw_rounds_new(4, 1);
    gw_rounds_set_send(rounds, gw_rounds_add_phase(rounds, 0, 3), 2, 0, 3, 5000);
    gw_rounds_set_send(rounds, gw_rounds_add_phase(rounds, 0, 1), 1, 0, 2, 5000);
    ck_assert_uint_eq(play(cluster, rounds), 4 * 1100);
    small_cluster_clear(&made);
}
END_TEST

/* The same as in test_rounds.c. */
START_TEST(a_stage_waits_for_all_parts_of_a_member)
{
    small_cluster made;
    const gw_cluster *cluster = small_cluster_of(&made, 4, 1, 1, 0);
    g_autoptr(gw_rounds) rounds = gw_rounds_new(3, 2);
    gw_rounds_set_send(rounds, gw_rounds_add_phase(rounds, 0, 3), 0, 0, 1, 5000);
    gw_rounds_add_phase(rounds, 1, 1);
    gw_rounds_add_stage(rounds);
    gw_rounds_add_phase(rounds, 0, 1);
    gw_rounds_set_send(rounds, gw_rounds_add_phase(rounds, 1, 2), 1, 0, 2, 5000);
    ck_assert_uint_eq(play(cluster, rounds), 5 * 1100);
    gw_rounds_reverse(rounds);
    ck_assert_uint_eq(play(cluster, rounds), 5 * 1100);
    small_cluster_clear(&made);
}
END_TEST

/* Those that do not meet take what they take alone. */
START_TEST(casts_end_for_themselves)
{
    small_cluster made;
    const gw_cluster *cluster = small_cluster_of(&made, 4, 1, 1, 0);
    const uint32_t backwards[] = {3, 2, 1, 0};
    g_autoptr(gw_rounds) once = gw_rounds_new(4, 1), twice = gw_rounds_new(4, 1);
    gw_rounds_set_send(once, gw_rounds_add_phase(once, 0, 1), 0, 0, 1, 5000);
    gw_rounds_set_send(twice, gw_rounds_add_phase(twice, 0, 2), 0, 0, 1, 5000);
    const gw_rounds_cast casts[] = {{once, devices}, {twice, backwards}};
    gw_span spans_ns[2];
    gw_rounds_play(cluster, casts, 2, spans_ns);
    ck_assert_uint_eq(spans_ns[0], 1100);
    ck_assert_uint_eq(spans_ns[1], 2200);
    small_cluster_clear(&made);
}
END_TEST

/* A ring over every second device of two rings of seven beside each other: some transfers take more
 * hops than others and share their links, so members drift apart and meet in other rounds. */
static gw_rounds *make_drifting(uint32_t repeat_count)
{
    gw_rounds *ring = gw_rounds_new(7, 1);
    gw_rounds_phase *phase = gw_rounds_add_phase(ring, 0, repeat_count);
    for (uint32_t m = 0; m < 7; m++) {
        gw_rounds_set_send(ring, phase, m, 0, (m + 1) % 7, 150000);
    }
    return ring;
}

START_TEST(what_meets_by_chance_is_played)
{
    static const uint32_t scattered[] = {1, 3, 5, 7, 9, 11, 13};
    small_cluster made;
    const gw_cluster *cluster = small_cluster_of(&made, 2, 7, 1, 2);
    g_autoptr(gw_rounds) few = make_drifting(6), many = make_drifting(586); /* 4102 transfers. */
    gw_span played_ns;
    gw_rounds_play(cluster, &(gw_rounds_cast){few, scattered}, 1, &played_ns);
    const gw_span path_ns = gw_rounds_path_ns(few, cluster, scattered);
    ck_assert_double_ge((double)path_ns / (double)played_ns, 1.2);
    ck_assert_uint_eq(gw_rounds_ns(few, cluster, scattered), played_ns);
    ck_assert_uint_eq(gw_rounds_ns(many, cluster, scattered),
                      gw_rounds_path_ns(many, cluster, scattered));
    made.spec.is_uncontended = true;
    ck_assert_uint_eq(gw_rounds_ns(few, cluster, scattered), path_ns);
    small_cluster_clear(&made);
}
END_TEST

START_TEST(two_senders_by_one_way_abort)
{
    small_cluster made;
    const gw_cluster *cluster = small_cluster_of(&made, 4, 1, 1, 0);
    gw_rounds *rounds = gw_rounds_new(4, 1);
    gw_rounds_phase *phase = gw_rounds_add_phase(rounds, 0, 1);
    gw_rounds_set_send(rounds, phase, 0, 0, 1, 5000);
    gw_rounds_set_send(rounds, phase, 2, 0, 1, 5000);
    play(cluster, rounds);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("exchange_play");
    TCase *cases = tcase_create("exchange_play");
    tcase_add_test(cases, what_comes_goes_on);
    tcase_add_test(cases, rounds_repeat);
    tcase_add_test(cases, parts_share_links);
    tcase_add_test(cases, transfers_wait_for_both_ends);
    tcase_add_test(cases, a_stage_waits_for_all_parts_of_a_member);
    tcase_add_test(cases, casts_end_for_themselves);
    tcase_add_test(cases, what_meets_by_chance_is_played);
    tcase_add_test_raise_signal(cases, two_senders_by_one_way_abort, SIGABRT);
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
