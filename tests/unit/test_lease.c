/* SPDX-License-Identifier: Apache-2.0 */
/* The book of leases: who is asked when, and who has lost what. */
#include <check.h>

#include "controller/lease.h"
#include "run_suite.h"
#include "small_control.h"

#define JOBS_MAX 3

typedef struct {
    gw_directory *directory;
    record_port *port;
    gw_lease_book *book;
    GArray *lost;
} bench;

static void init_bench(bench *made, gw_span lease_ns)
{
    made->directory = small_directory(1, 1, JOBS_MAX);
    made->port = record_port_new(made->directory, gw_directory_resources(made->directory));
    made->book = gw_lease_book_new(made->directory, lease_ns, &made->port->base);
    made->lost = g_array_new(FALSE, FALSE, sizeof(uint32_t));
}

static void clear_bench(bench *made)
{
    g_array_unref(made->lost);
    gw_lease_book_free(made->book);
    record_port_free(made->port);
    gw_directory_free(made->directory);
}

/* The book's timer goes off at `now_ns`; how many leases are lost by that. */
static uint32_t go_off(bench *made, gw_time now_ns)
{
    const gw_tag tag = {GW_LEASE_TAG};
    made->port->now_ns = now_ns;
    g_array_set_size(made->lost, 0);
    record_port_answer(made->port, RECORD_WATCH_SET, tag, 0);
    gw_lease_book_timer(made->book, made->lost);
    return made->lost->len;
}

START_TEST(without_a_span_nobody_is_asked)
{
    bench made;
    init_bench(&made, 0);
    gw_lease_book_open(made.book, 0);
    gw_lease_book_keep(made.book, 0);
    gw_lease_book_close(made.book, 0);
    CHECK_CALLS(made.port, "");
    clear_bench(&made);
}
END_TEST

START_TEST(holders_are_asked_every_third_of_the_span)
{
    bench made;
    init_bench(&made, 100);
    made.port->now_ns = 7;
    gw_lease_book_open(made.book, 0);
    CHECK_CALLS(made.port, "watch until 41 ns\n"); /* Rounded up. */
    gw_lease_book_open(made.book, 2);
    CHECK_CALLS(made.port, "");
    ck_assert_uint_eq(go_off(&made, 41), 0);
    CHECK_CALLS(made.port, "send to client 0: LEASE, job 0\n"
                           "send to client 2: LEASE, job 2\n"
                           "watch until 141 ns\n");
    made.port->now_ns = 50;
    gw_lease_book_keep(made.book, 2);
    gw_lease_book_keep(made.book, 2); /* Once is enough. */
    CHECK_CALLS(made.port, "");
    gw_lease_book_keep(made.book, 0);
    CHECK_CALLS(made.port, "cancel timer 0\n"
                           "watch until 75 ns\n");
    ck_assert_uint_eq(go_off(&made, 75), 0);
    clear_bench(&made);
}
END_TEST

START_TEST(who_does_not_answer_has_lost_it)
{
    bench made;
    init_bench(&made, 90);
    for (uint32_t j = 0; j < JOBS_MAX; j++) {
        gw_lease_book_open(made.book, j);
    }
    go_off(&made, 30);
    gw_lease_book_keep(made.book, 1);
    record_port_clear(made.port);
    ck_assert_uint_eq(go_off(&made, 120), 2);
    ck_assert_uint_eq(g_array_index(made.lost, uint32_t, 0), 0);
    ck_assert_uint_eq(g_array_index(made.lost, uint32_t, 1), 2);
    /* The others have waited for them. */
    CHECK_CALLS(made.port, "send to client 1: LEASE, job 1\n"
                           "watch until 210 ns\n");
    gw_lease_book_keep(made.book, 0); /* Too late. */
    gw_lease_book_close(made.book, 2);
    CHECK_CALLS(made.port, "");
    gw_lease_book_keep(made.book, 1);
    CHECK_CALLS(made.port, "cancel timer 0\n"
                           "watch until 150 ns\n");
    clear_bench(&made);
}
END_TEST

START_TEST(nobody_left_ends_the_asking)
{
    bench made;
    init_bench(&made, 90);
    gw_lease_book_open(made.book, 0);
    gw_lease_book_open(made.book, 1);
    record_port_clear(made.port);
    gw_lease_book_close(made.book, 0);
    CHECK_CALLS(made.port, "");
    go_off(&made, 30);
    record_port_clear(made.port);
    gw_lease_book_close(made.book, 1); /* In place of an answer. */
    CHECK_CALLS(made.port, "cancel timer 0\n");
    made.port->now_ns = 500;
    gw_lease_book_open(made.book, 2);
    CHECK_CALLS(made.port, "watch until 530 ns\n");
    go_off(&made, 530);
    ck_assert_uint_eq(go_off(&made, 620), 1);
    ck_assert(!record_port_asks(made.port, RECORD_WATCH_SET));
    clear_bench(&made);
}
END_TEST

/* It is nobody's to wait for any more, and the round is over. */
START_TEST(who_leaves_while_asked_ends_the_round)
{
    bench made;
    init_bench(&made, 90);
    gw_lease_book_open(made.book, 0);
    gw_lease_book_open(made.book, 1);
    go_off(&made, 30);
    gw_lease_book_keep(made.book, 0);
    record_port_clear(made.port);
    gw_lease_book_close(made.book, 1);
    CHECK_CALLS(made.port, "cancel timer 0\n"
                           "watch until 60 ns\n");
    clear_bench(&made);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("lease");
    tcase_add_test(cases, without_a_span_nobody_is_asked);
    tcase_add_test(cases, holders_are_asked_every_third_of_the_span);
    tcase_add_test(cases, who_does_not_answer_has_lost_it);
    tcase_add_test(cases, nobody_left_ends_the_asking);
    tcase_add_test(cases, who_leaves_while_asked_ends_the_round);
    Suite *suite = suite_create("lease");
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
