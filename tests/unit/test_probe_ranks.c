/* SPDX-License-Identifier: Apache-2.0 */
/* What goes between ranks, each a thread here: all is measured, in order; and all of them end when
 * one is lost or somebody wants it. */
#include "real/probe_ranks.h"

#include <check.h>
#include <pthread.h>
#include <string.h>

#include "base/error.h"
#include "real/real_run.h"
#include "run_suite.h"
#include "thread_link.h"

#define SECONDS   0.0005
#define RANKS_MAX 3

typedef struct {
    gw_rank_link *link;
    gw_probe_between seen;
    bool is_done, is_told, is_whole;
    GError *error;
    pthread_t thread;
} rank;

static void *measure(void *context)
{
    rank *self = context;
    self->is_done = gw_probe_ranks(self->link, SECONDS, &self->seen, &self->is_told,
                                   &self->is_whole, &self->error);
    return NULL;
}

static void start_all(rank *all, uint32_t count, thread_links *links)
{
    /* The first error of a process makes what all others share, by one thread as good as alone. */
    g_error_free(g_error_new_literal(GW_ERROR, GW_ERROR_SYSTEM, "the first"));
    for (uint32_t r = 0; r < count; r++) {
        all[r].link = thread_links_at(links, r);
        ck_assert_int_eq(pthread_create(&all[r].thread, NULL, measure, &all[r]), 0);
    }
}

static void join_all(rank *all, uint32_t count)
{
    for (uint32_t r = 0; r < count; r++) {
        ck_assert_int_eq(pthread_join(all[r].thread, NULL), 0);
    }
}

static void clear_all(rank *all, uint32_t count)
{
    for (uint32_t r = 0; r < count; r++) {
        gw_probe_between_clear(&all[r].seen);
        g_clear_error(&all[r].error);
    }
}

static void check_stat(const gw_probe_stat *stat)
{
    ck_assert_uint_ge(stat->count, 3);
    ck_assert_double_gt(stat->median_ns, 0);
    ck_assert_double_le(stat->low_ns, stat->median_ns);
    ck_assert_double_ge(stat->spread, 0);
}

/* By kind, hosts, members and size, each ascending; as many members on each host. */
static void check_meetings(const gw_probe_between *seen, uint32_t rank_count)
{
    const gw_probe_meeting *all = (const gw_probe_meeting *)(const void *)seen->meetings->data;
    bool has_all = false;
    for (guint i = 0; i < seen->meetings->len; i++) {
        check_stat(&all[i].stat);
        ck_assert_uint_ge(all[i].host_count, 2);
        ck_assert_uint_le(all[i].host_count, rank_count);
        ck_assert_uint_eq(all[i].member_count % all[i].host_count, 0);
        has_all = has_all || all[i].host_count == rank_count;
        if (i == 0 || all[i].kind != all[i - 1].kind) {
            continue;
        }
        ck_assert_uint_ge(all[i].host_count, all[i - 1].host_count);
        const bool is_alike = all[i].host_count == all[i - 1].host_count;
        ck_assert(!is_alike || all[i].member_count >= all[i - 1].member_count);
        ck_assert(!is_alike || all[i].member_count > all[i - 1].member_count ||
                  all[i].size_bytes > all[i - 1].size_bytes);
    }
    ck_assert(has_all);
}

/* Between two of three ranks, too; not where looking at threads makes it ten times as long. */
START_TEST(all_is_measured)
{
#ifdef __SANITIZE_THREAD__
    const uint32_t count = 2;
#else
    const uint32_t count = RANKS_MAX;
#endif
    g_autoptr(thread_links) links = thread_links_new(count);
    rank all[RANKS_MAX] = {{0}};
    start_all(all, count, links);
    join_all(all, count);
    for (uint32_t r = 0; r < count; r++) {
        ck_assert_msg(all[r].is_done, "%s", all[r].error == NULL ? "" : all[r].error->message);
        ck_assert(all[r].is_whole);
        ck_assert(all[r].is_told == (r != 0));
        ck_assert(r == 0 || all[r].seen.meetings->len + all[r].seen.messages->len == 0);
    }
    check_meetings(&all[0].seen, count);
    const gw_probe_meeting *last =
        &g_array_index(all[0].seen.meetings, gw_probe_meeting, all[0].seen.meetings->len - 1);
    ck_assert_int_eq(last->kind, GW_OPERATION_PERMUTE);
    ck_assert_uint_gt(all[0].seen.messages->len, 2);
    double last_bytes = 0;
    for (guint i = 0; i < all[0].seen.messages->len; i++) {
        const gw_probe_message *seen = &g_array_index(all[0].seen.messages, gw_probe_message, i);
        check_stat(&seen->stat);
        ck_assert_double_gt(seen->size_bytes, last_bytes);
        last_bytes = seen->size_bytes;
    }
    clear_all(all, count);
}
END_TEST

START_TEST(a_lost_rank_ends_it_with_what_was_measured)
{
    g_autoptr(thread_links) links = thread_links_new(2);
    rank all[RANKS_MAX] = {{0}};
    start_all(all, 2, links);
    g_usleep(50000);
    thread_links_end(links, 1);
    join_all(all, 2);
    for (uint32_t r = 0; r < 2; r++) {
        ck_assert(!all[r].is_done && !all[r].is_whole);
        ck_assert(g_error_matches(all[r].error, GW_ERROR, GW_ERROR_SYSTEM));
    }
    ck_assert_ptr_nonnull(strstr(all[0].error->message, "between 2 ranks was measured: rank 1 "));
    ck_assert_ptr_nonnull(strstr(all[0].error->message, "is lost"));
    clear_all(all, 2);
}
END_TEST

START_TEST(who_wants_it_to_end_ends_all)
{
    g_autoptr(thread_links) links = thread_links_new(2);
    rank all[RANKS_MAX] = {{0}};
    start_all(all, 2, links);
    g_usleep(50000);
    gw_real_cancel();
    join_all(all, 2);
    for (uint32_t r = 0; r < 2; r++) {
        ck_assert(!all[r].is_done && all[r].is_whole);
        ck_assert(g_error_matches(all[r].error, GW_ERROR, GW_ERROR_INTERRUPTED));
    }
    clear_all(all, 2);
}
END_TEST

START_TEST(a_line_goes_through_the_shortest_and_the_longest)
{
    g_auto(gw_probe_between) seen = {NULL, g_array_new(FALSE, FALSE, sizeof(gw_probe_message))};
    static const gw_probe_message messages[] = {
        {64, {.median_ns = 1000}}, {1024, {.median_ns = 7000}}, {4064, {.median_ns = 3000}}};
    g_array_append_vals(seen.messages, messages, 3);
    double ns, bytes_per_s;
    gw_probe_between_line(&seen, &ns, &bytes_per_s);
    ck_assert_double_eq(ns, 1000);
    ck_assert_double_eq_tol(bytes_per_s, 2e9, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("probe_ranks");
    TCase *cases = tcase_create("between");
    tcase_set_timeout(cases, 240);
    tcase_add_test(cases, all_is_measured);
    tcase_add_test(cases, a_lost_rank_ends_it_with_what_was_measured);
    tcase_add_test(cases, who_wants_it_to_end_ends_all);
    tcase_add_test(cases, a_line_goes_through_the_shortest_and_the_longest);
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
