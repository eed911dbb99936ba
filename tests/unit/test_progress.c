/* SPDX-License-Identifier: Apache-2.0 */
/* When a host reports, to whom, and what. */
#include <check.h>
#include <signal.h>

#include "controller/progress.h"
#include "run_suite.h"
#include "small_control.h"

/* Host 1 of two hosts of two devices: devices 2 and 3.  Node 2 is the scheduler; 4 and 5 are
 * clients. */
typedef struct {
    gw_directory *directory;
    record_port *port;
    gw_progress_book book;
    uint32_t place;
    gw_span shard_ns;
} bench;

static void init_bench(bench *made, uint32_t lookahead)
{
    *made = (bench){.directory = small_directory(2, 2, 2)};
    made->port = record_port_new(made->directory, (gw_node_id){1});
    gw_progress_book_init(&made->book, &made->port->base, 2, 2, lookahead,
                          gw_directory_node_count(made->directory));
}

static void clear_bench(bench *made)
{
    gw_progress_book_clear(&made->book);
    record_port_free(made->port);
    gw_directory_free(made->directory);
}

static const uint32_t both[] = {2, 3}, left[] = {2}, right[] = {3};

static void queue_gangs(bench *made, uint32_t dispatcher, const uint32_t *devices, uint32_t count,
                        uint32_t times)
{
    for (uint32_t i = 0; i < times; i++) {
        gw_progress_book_queued(&made->book, dispatcher, devices, count);
    }
}

static void finish_gang(bench *made, uint32_t dispatcher, const uint32_t *devices, uint32_t count)
{
    const gw_used_time used = {0, count, made->shard_ns * count};
    gw_progress_book_finished(&made->book, dispatcher, &used, &made->place, devices);
}

static void finish_gangs(bench *made, uint32_t dispatcher, const uint32_t *devices, uint32_t count,
                         uint32_t times)
{
    for (uint32_t i = 0; i < times; i++) {
        finish_gang(made, dispatcher, devices, count);
    }
    gw_progress_book_flush(&made->book);
}

START_TEST(nothing_is_said_before_half_is_used)
{
    bench made;
    init_bench(&made, 8);
    queue_gangs(&made, 2, both, 2, 8);
    finish_gangs(&made, 2, both, 2, 3);
    CHECK_CALLS(made.port, "");
    finish_gangs(&made, 2, both, 2, 1);
    CHECK_CALLS(made.port, "send to scheduler 0: PROGRESS, finished 4 4\n");
    finish_gangs(&made, 2, both, 2, 3);
    CHECK_CALLS(made.port, "");
    clear_bench(&made);
}
END_TEST

START_TEST(empty_device_is_reported_at_once)
{
    bench made;
    init_bench(&made, 100);
    queue_gangs(&made, 2, both, 2, 2);
    queue_gangs(&made, 2, right, 1, 1);
    finish_gangs(&made, 2, both, 2, 1);
    CHECK_CALLS(made.port, "");
    finish_gangs(&made, 2, both, 2, 1); /* Device 2 has nothing left, device 3 has one. */
    CHECK_CALLS(made.port, "send to scheduler 0: PROGRESS, finished 2 2\n");
    finish_gangs(&made, 2, right, 1, 1);
    CHECK_CALLS(made.port, "send to scheduler 0: PROGRESS, finished 0 1\n");
    clear_bench(&made);
}
END_TEST

START_TEST(lookahead_of_one_reports_each_gang)
{
    bench made;
    init_bench(&made, 1);
    for (uint32_t i = 0; i < 3; i++) {
        queue_gangs(&made, 2, left, 1, 2);
        finish_gangs(&made, 2, left, 1, 1);
        CHECK_CALLS(made.port, "send to scheduler 0: PROGRESS, finished 1 0\n");
        finish_gangs(&made, 2, left, 1, 1);
        CHECK_CALLS(made.port, "send to scheduler 0: PROGRESS, finished 1 0\n");
    }
    clear_bench(&made);
}
END_TEST

START_TEST(done_runs_take_the_counts_along)
{
    bench made;
    init_bench(&made, 100);
    queue_gangs(&made, 2, both, 2, 5);
    finish_gangs(&made, 2, both, 2, 2);
    CHECK_CALLS(made.port, "");
    gw_progress_book_run_done(&made.book, 2, 7, 31);
    gw_progress_book_run_done(&made.book, 2, 6, 2);
    gw_progress_book_flush(&made.book);
    CHECK_CALLS(made.port, "send to scheduler 0: PROGRESS, finished 2 2, instance 7 run 31 done, "
                           "instance 6 run 2 done\n");
    gw_progress_book_flush(&made.book);
    CHECK_CALLS(made.port, "");
    clear_bench(&made);
}
END_TEST

START_TEST(dispatchers_have_accounts_of_their_own)
{
    bench made;
    init_bench(&made, 4);
    queue_gangs(&made, 5, both, 2, 3);
    queue_gangs(&made, 4, left, 1, 1);
    finish_gangs(&made, 4, left, 1, 1); /* Empty for client 0, whatever client 1 has there. */
    CHECK_CALLS(made.port, "send to client 0: PROGRESS, finished 1 0\n");
    queue_gangs(&made, 4, left, 1, 3);
    finish_gang(&made, 4, left, 1);
    finish_gang(&made, 4, left, 1);
    finish_gangs(&made, 5, both, 2, 2); /* Both are due: in order of their first gang. */
    CHECK_CALLS(made.port, "send to client 1: PROGRESS, finished 2 2\n"
                           "send to client 0: PROGRESS, finished 2 0\n");
    clear_bench(&made);
}
END_TEST

START_TEST(device_time_is_told_by_instance)
{
    bench made;
    init_bench(&made, 4);
    uint32_t places[2] = {7, 0}; /* Stale ones do no harm. */
    const gw_used_time first = {3, 2, 50}, second = {9, 1, 8};
    queue_gangs(&made, 2, both, 2, 3);
    gw_progress_book_finished(&made.book, 2, &first, &places[0], both);
    gw_progress_book_finished(&made.book, 2, &second, &places[1], left);
    gw_progress_book_finished(&made.book, 2, &first, &places[0], both);
    gw_progress_book_flush(&made.book);
    CHECK_CALLS(made.port, "send to scheduler 0: PROGRESS, finished 3 2, "
                           "instance 3 used 100 ns in 4 shards, "
                           "instance 9 used 8 ns in 1 shards\n");
    gw_progress_book_finished(&made.book, 2, &second, &places[1], right);
    gw_progress_book_flush(&made.book);
    CHECK_CALLS(made.port, "send to scheduler 0: PROGRESS, finished 0 1, "
                           "instance 9 used 8 ns in 1 shards\n");
    clear_bench(&made);
}
END_TEST

/* Whatever is queued and finished: reports add up to it, and none is owed when all is done. */
START_TEST(every_gang_is_reported_once)
{
    bench made;
    uint32_t state = (uint32_t)_i + 1, queued[2] = {0}, finished[2] = {0}, reported[2] = {0};
    uint64_t shards = 0, device_time_ns = 0;
    const uint32_t lookahead = 1 + (uint32_t)_i;
    init_bench(&made, lookahead);
    made.shard_ns = 100;
    for (uint32_t step = 0; step < 2000 || queued[0] + queued[1] > 0; step++) {
        state = state * 1664525 + 1013904223;
        const uint32_t device = (state >> 16) % 2;
        if (step < 2000 && queued[device] < lookahead && (state >> 20) % 2 == 0) {
            queue_gangs(&made, 2, &both[device], 1, 1);
            queued[device]++;
        } else if (queued[device] > 0) {
            finish_gangs(&made, 2, &both[device], 1, 1);
            queued[device]--;
            finished[device]++;
        }
        for (uint32_t i = 0; i < made.port->calls->len; i++) {
            const gw_progress *report =
                (const gw_progress *)g_array_index(made.port->calls, record_call, i).message;
            reported[0] += gw_progress_counts(report)[0];
            reported[1] += gw_progress_counts(report)[1];
            ck_assert_uint_eq(report->used_count, 1);
            shards += report->used[0].shard_count;
            device_time_ns += report->used[0].device_time_ns;
        }
        record_port_clear(made.port);
        for (uint32_t d = 0; d < 2; d++) {
            ck_assert_uint_le(finished[d] - reported[d], lookahead / 2);
            ck_assert(queued[d] > 0 || finished[d] == reported[d]);
        }
    }
    ck_assert_uint_gt(finished[0], 100);
    ck_assert_uint_eq(shards, finished[0] + finished[1]);
    ck_assert_uint_eq(device_time_ns, 100 * shards);
    clear_bench(&made);
}
END_TEST

START_TEST(finishing_what_was_not_queued_aborts)
{
    bench made;
    init_bench(&made, 4);
    queue_gangs(&made, 2, left, 1, 1);
    finish_gang(&made, 2, both, 2);
}
END_TEST

START_TEST(unknown_dispatcher_aborts)
{
    bench made;
    init_bench(&made, 4);
    queue_gangs(&made, 6, left, 1, 1);
}
END_TEST

START_TEST(bytes_are_told_in_eighths_or_with_the_last_gang)
{
    bench made;
    init_bench(&made, 100);
    queue_gangs(&made, 2, both, 2, 4);
    gw_progress_book_freed(&made.book, 2, both, 2, 10, 64);
    gw_progress_book_freed(&made.book, 2, left, 1, 53, 64);
    finish_gangs(&made, 2, both, 2, 1);
    CHECK_CALLS(made.port, "");
    gw_progress_book_freed(&made.book, 2, left, 1, 1, 64);
    gw_progress_book_flush(&made.book);
    CHECK_CALLS(made.port, "send to scheduler 0: PROGRESS, finished 1 1, freed 64 10\n");
    finish_gangs(&made, 2, both, 2, 1);
    gw_progress_book_freed(&made.book, 2, right, 1, 7, 64);
    CHECK_CALLS(made.port, "");
    finish_gangs(&made, 2, both, 2, 1); /* One is left, and runs by now. */
    CHECK_CALLS(made.port, "send to scheduler 0: PROGRESS, finished 2 2, freed 0 7\n");
    gw_progress_book_freed(&made.book, 2, right, 1, 1, 64); /* A copy's end: it cannot wait. */
    gw_progress_book_flush(&made.book);
    CHECK_CALLS(made.port, "send to scheduler 0: PROGRESS, finished 0 0, freed 0 1\n");
    finish_gangs(&made, 2, both, 2, 1);
    CHECK_CALLS(made.port, "send to scheduler 0: PROGRESS, finished 1 1\n");
    clear_bench(&made);
}
END_TEST

START_TEST(bytes_of_an_idle_device_are_told_at_once)
{
    bench made;
    init_bench(&made, 100);
    gw_progress_book_freed(&made.book, 2, right, 1, 5, 64);
    gw_progress_book_flush(&made.book);
    CHECK_CALLS(made.port, "send to scheduler 0: PROGRESS, finished 0 0, freed 0 5\n");
    gw_progress_book_flush(&made.book);
    CHECK_CALLS(made.port, "");
    clear_bench(&made);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("progress");
    tcase_add_test(cases, nothing_is_said_before_half_is_used);
    tcase_add_test(cases, empty_device_is_reported_at_once);
    tcase_add_test(cases, lookahead_of_one_reports_each_gang);
    tcase_add_test(cases, done_runs_take_the_counts_along);
    tcase_add_test(cases, dispatchers_have_accounts_of_their_own);
    tcase_add_test(cases, device_time_is_told_by_instance);
    tcase_add_loop_test(cases, every_gang_is_reported_once, 0, 6);
    tcase_add_test(cases, bytes_are_told_in_eighths_or_with_the_last_gang);
    tcase_add_test(cases, bytes_of_an_idle_device_are_told_at_once);
    tcase_add_test_raise_signal(cases, finishing_what_was_not_queued_aborts, SIGABRT);
    tcase_add_test_raise_signal(cases, unknown_dispatcher_aborts, SIGABRT);
    Suite *suite = suite_create("progress");
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
