/* SPDX-License-Identifier: Apache-2.0 */
/* A rank is lost when its process ends or it says nothing for too long; rank 0 tells the others,
 * who wait for its word, unless it is the one. */
#include <check.h>
#include <signal.h>
#include <string.h>

#include "base/error.h"
#include "real/activity.h"
#include "real/rank_cluster.h"
#include "real/rank_watch.h"
#include "run_suite.h"
#include "thread_link.h"

static gw_rank_watch *watch_of(thread_links *links, uint32_t rank)
{
    return gw_rank_watch_new(thread_links_at(links, rank));
}

static void check_lost(gw_rank_watch *watch, uint64_t now_ns, uint32_t expected, const char *words)
{
    uint32_t lost = 99;
    g_autoptr(GError) error = NULL;
    ck_assert(!gw_rank_watch_check(watch, now_ns, &lost, &error));
    ck_assert_uint_eq(lost, expected);
    ck_assert(g_error_matches(error, GW_ERROR, GW_ERROR_SYSTEM));
    ck_assert_msg(strstr(error->message, words) != NULL, "%s", error->message);
}

static void check_sound(gw_rank_watch *watch, uint64_t now_ns)
{
    uint32_t lost;
    ck_assert(gw_rank_watch_check(watch, now_ns, &lost, NULL));
}

static void tell_status(gw_rank_watch *watch, uint32_t source, const char *text)
{
    g_autofree gw_packet *packet = gw_packet_new_text(GW_PACKET_BEAT, 0, 0, text);
    gw_rank_watch_take(watch, source, packet);
}

START_TEST(a_beat_is_due_twice_a_second)
{
    g_autoptr(thread_links) links = thread_links_new(2);
    g_autoptr(gw_rank_watch) watch = watch_of(links, 0);
    const uint64_t start_ns = gw_monotonic_ns();
    uint32_t count = 0;
    for (uint64_t ms = 0; ms < 2000; ms++) {
        count += gw_rank_watch_is_due(watch, start_ns + ms * 1000000) ? 1 : 0;
    }
    ck_assert_uint_eq(count, 4);
}
END_TEST

START_TEST(rank_0_says_who_ended_and_what_it_was_at)
{
    g_autoptr(thread_links) links = thread_links_new(3);
    g_autoptr(gw_rank_watch) first = watch_of(links, 0);
    g_autoptr(gw_rank_watch) other = watch_of(links, 1);
    const uint64_t now_ns = gw_monotonic_ns();
    check_sound(first, now_ns);
    tell_status(first, 2, "at mlp, node fwd, run 3");
    thread_links_end(links, 2);
    check_lost(first, now_ns + 30000000, 2,
               "rank 2 (host 2) is lost: its process has ended; it was at mlp, node fwd, run 3");
    uint32_t source;
    g_autofree gw_packet *word =
        thread_links_at(links, 1)->ops->receive(thread_links_at(links, 1), &source);
    ck_assert(word != NULL && word->kind == GW_PACKET_LOST);
    gw_rank_watch_take(other, source, word);
    check_lost(other, now_ns, 2, "it was at mlp, node fwd, run 3");
}
END_TEST

#define LOOKS 20 /* So often as a word could have come in. */

static void look(gw_rank_watch *watch, uint32_t count, uint64_t now_ns)
{
    for (uint32_t i = 0; i < count; i++) {
        check_sound(watch, now_ns);
    }
}

START_TEST(others_wait_for_its_word_a_while)
{
    g_autoptr(thread_links) links = thread_links_new(3);
    g_autoptr(gw_rank_watch) other = watch_of(links, 1);
    const uint64_t now_ns = gw_monotonic_ns();
    thread_links_end(links, 2);
    look(other, LOOKS, now_ns);
    check_sound(other, now_ns + UINT64_C(400000000));
    check_lost(other, now_ns + UINT64_C(800000000), 2, "rank 2 (host 2) is lost");
}
END_TEST

START_TEST(rank_0_has_nobody_who_tells)
{
    g_autoptr(thread_links) links = thread_links_new(2);
    g_autoptr(gw_rank_watch) other = watch_of(links, 1);
    const uint64_t now_ns = gw_monotonic_ns();
    tell_status(other, 0, "after mlp, node loss, run 9");
    thread_links_end(links, 0);
    look(other, LOOKS, now_ns);
    check_lost(other, now_ns + UINT64_C(500000000), 0, "it was after mlp, node loss, run 9");
}
END_TEST

/* A thread that did not run for a while has not looked at what came in the meantime. */
START_TEST(time_alone_is_no_patience)
{
    g_autoptr(thread_links) links = thread_links_new(2);
    g_autoptr(gw_rank_watch) other = watch_of(links, 1);
    const uint64_t now_ns = gw_monotonic_ns();
    thread_links_end(links, 0);
    check_sound(other, now_ns);
    look(other, LOOKS - 1, now_ns + UINT64_C(900000000));
    check_lost(other, now_ns + UINT64_C(900000000), 0, "its process has ended");
}
END_TEST

START_TEST(silence_counts_as_loss)
{
    g_autoptr(thread_links) links = thread_links_new(3);
    g_autoptr(gw_rank_watch) first = watch_of(links, 0);
    const uint64_t now_ns = gw_monotonic_ns();
    check_sound(first, now_ns + GW_RANK_SILENCE_NS / 2);
    check_lost(first, now_ns + GW_RANK_SILENCE_NS * 2, 1, "silent for 12 s; it was about to begin");
}
END_TEST

START_TEST(others_listen_to_rank_0_alone)
{
    g_autoptr(thread_links) links = thread_links_new(3);
    g_autoptr(gw_rank_watch) other = watch_of(links, 2);
    const uint64_t now_ns = gw_monotonic_ns();
    check_sound(other, now_ns + GW_RANK_SILENCE_NS / 2);
    look(other, LOOKS, now_ns + GW_RANK_SILENCE_NS * 2); /* It suspects, and waits. */
    check_lost(other, now_ns + GW_RANK_SILENCE_NS * 3, 0, "rank 0 (host 0) is lost: silent for 18");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rank_watch");
    TCase *tcase = tcase_create("watch");
    tcase_add_test(tcase, a_beat_is_due_twice_a_second);
    tcase_add_test(tcase, rank_0_says_who_ended_and_what_it_was_at);
    tcase_add_test(tcase, others_wait_for_its_word_a_while);
    tcase_add_test(tcase, rank_0_has_nobody_who_tells);
    tcase_add_test(tcase, time_alone_is_no_patience);
    tcase_add_test(tcase, silence_counts_as_loss);
    tcase_add_test(tcase, others_listen_to_rank_0_alone);
    suite_add_tcase(suite, tcase);
    return gw_run_suite(suite);
}
