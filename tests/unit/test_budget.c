/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes ordered on devices: who fits, who waits beside whom, and who is freed by what. */
#include <check.h>
#include <signal.h>
#include <string.h>

#include "controller/budget.h"
#include "run_suite.h"
#include "small_control.h"

#define SPENDERS_MAX 4

/* One host of two devices of `memory_rows` rows. */
typedef struct {
    gw_directory *directory;
    gw_control control;
    gw_room *room;
    gw_budget *budget;
    GPtrArray *fitting;
    gw_program *programs[SPENDERS_MAX];
    gw_plan *plans[SPENDERS_MAX];
    gw_slice *slices[SPENDERS_MAX];
    gw_spender *spenders[SPENDERS_MAX];
} bench;

static void init_bench(bench *made, uint32_t memory_rows, uint32_t ahead_rows)
{
    const gw_island island = {.host_count = 1,
                              .devices_per_host = 2,
                              .shape = {2, 1, 1},
                              .hbm_bytes = (uint64_t)memory_rows * SMALL_ROW_BYTES};
    *made = (bench){.directory = gw_directory_new(&island, 1, SPENDERS_MAX)};
    made->control = (gw_control){.policy = gw_policy_find("fifo"),
                                 .lookahead = 4,
                                 .lookahead_memory_bytes = ahead_rows * SMALL_ROW_BYTES,
                                 .counts_bytes = true};
    made->room = gw_room_new(made->directory, 0, 2, 100);
    made->budget = gw_budget_new(made->directory, &made->control, made->room, 0);
    made->fitting = g_ptr_array_new();
}

static gw_need *need_of(const bench *made, uint32_t who)
{
    return gw_budget_need(made->spenders[who], 0, 1);
}

/* Where it is the last of those that need that, nobody is short of it any more. */
static void leave(bench *made, uint32_t who)
{
    bool is_last = true;
    for (uint32_t i = 0; i < SPENDERS_MAX; i++) {
        if (i != who && made->spenders[i] != NULL && need_of(made, i) == need_of(made, who)) {
            is_last = false;
        }
    }
    if (is_last && need_of(made, who)->is_short) {
        gw_budget_stop(made->budget, need_of(made, who), made->fitting);
    }
    gw_budget_leave(made->budget, made->spenders[who], made->fitting);
    gw_room_close(made->room, made->slices[who]);
    made->spenders[who] = NULL;
}

static void clear_bench(bench *made)
{
    for (uint32_t i = 0; i < SPENDERS_MAX; i++) {
        if (made->spenders[i] != NULL) {
            leave(made, i);
        }
        gw_plan_free(made->plans[i]);
        gw_program_free(made->programs[i]);
    }
    gw_budget_free(made->budget);
    gw_room_free(made->room);
    g_ptr_array_unref(made->fitting);
    gw_directory_free(made->directory);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(bench, clear_bench)

/* Spender `who`: a program of one node, on devices [first, first + count). */
static void enter(bench *made, uint32_t who, const char *function, uint32_t first, uint32_t count)
{
    const uint32_t devices[] = {first, first + 1};
    gw_builder *builder = gw_builder_new("one");
    small_node(builder, "node", small_mesh(builder, count), function);
    made->programs[who] = small_finish(builder);
    made->plans[who] = gw_plan_new(made->programs[who]);
    made->slices[who] = gw_room_open(made->room, devices, count);
    made->spenders[who] = gw_budget_enter(made->budget, who, made->plans[who], &made->slices[who]);
}

/* Whether it fits; if so, it is ordered. */
static bool order(bench *made, uint32_t who)
{
    if (need_of(made, who)->is_short || !gw_budget_has(made->budget, need_of(made, who))) {
        return false;
    }
    gw_room_take(made->room, made->slices[who]);
    gw_budget_spend(made->budget, made->spenders[who], 0, 1);
    return true;
}

/* In turn: "0 1 !1" for 0 and 1, which fit, and 1 once more, which does not. */
static void expect_orders(bench *made, const char *orders)
{
    bool fits = true;
    for (const char *at = orders; *at != '\0'; at++) {
        if (g_ascii_isdigit(*at)) {
            ck_assert_msg(order(made, (uint32_t)(*at - '0')) == fits, "%s: at %s", orders, at);
        }
        fits = *at != '!';
    }
}

/* The numbers of those that fit by what came last. */
static void expect_fitting(const bench *made, const char *who)
{
    g_autoptr(GString) seen = g_string_new(NULL);
    for (uint32_t f = 0; f < made->fitting->len; f++) {
        for (uint32_t i = 0; i < SPENDERS_MAX; i++) {
            if (made->spenders[i] != NULL &&
                need_of(made, i) == g_ptr_array_index(made->fitting, f)) {
                g_string_append_c(seen, (char)('0' + i));
            }
        }
    }
    ck_assert_str_eq(seen->str, who);
}

/* So many gangs of the device are done and gave back so much: who fits by that. */
static void give(bench *made, uint32_t device, uint32_t gangs, uint32_t rows, const char *who)
{
    g_autoptr(GPtrArray) freed = g_ptr_array_new();
    g_ptr_array_set_size(made->fitting, 0);
    gw_room_give(made->room, device, gangs, freed);
    gw_budget_give(made->budget, device, (uint64_t)rows * SMALL_ROW_BYTES, made->fitting);
    expect_fitting(made, who);
}

START_TEST(who_does_not_fit_waits_and_others_go_on)
{
    g_auto(bench) made;
    init_bench(&made, 10, 0);
    enter(&made, 0, "> r6", 0, 2);
    enter(&made, 1, "> r2", 0, 2);
    expect_orders(&made, "0 !0 1 1 !1"); /* 12 of 10, each time. */
    give(&made, 0, 1, 2, "");            /* Device 1 is as full as before. */
    give(&made, 1, 1, 2, "1");
    expect_orders(&made, "1");
    give(&made, 0, 1, 6, "");
    give(&made, 1, 1, 6, "0");
    expect_orders(&made, "0");
}
END_TEST

START_TEST(who_is_alone_on_its_devices_waits_for_one_gang_less)
{
    g_auto(bench) made;
    init_bench(&made, 10, 0);
    enter(&made, 0, "> r6", 0, 1);
    enter(&made, 1, "> r6", 1, 1);
    expect_orders(&made, "0 0 !0"); /* 12 of 10: the second waits at the host. */
    give(&made, 0, 1, 6, "0");
    expect_orders(&made, "0");
    enter(&made, 2, "> r1", 0, 1); /* Now there is somebody whom it could hold up. */
    expect_orders(&made, "!0 !2 1");
    give(&made, 0, 1, 6, "2");
    give(&made, 0, 1, 6, "0");
}
END_TEST

START_TEST(limit_ahead_counts_from_the_second_gang_on)
{
    g_auto(bench) made;
    init_bench(&made, 100, 5);
    enter(&made, 0, "> r6 / 40", 0, 1); /* Its workspace is not ahead of anything. */
    expect_orders(&made, "0 !0");       /* More than the limit, on an idle device. */
    give(&made, 0, 0, 3, "");
    give(&made, 0, 1, 0, "0"); /* Nothing came back, but it is idle. */
    expect_orders(&made, "0");
    enter(&made, 1, "> r2", 1, 1);
    expect_orders(&made, "1 1 !1");
    give(&made, 1, 1, 2, "1");
}
END_TEST

START_TEST(who_is_passed_over_claims_its_devices)
{
    g_auto(bench) made;
    init_bench(&made, 10, 0);
    enter(&made, 0, "> r8", 0, 2);
    enter(&made, 1, "> r2", 0, 1);
    enter(&made, 2, "> r2", 1, 1);
    for (uint32_t i = 0; i < 2; i++) {
        expect_orders(&made, "1 2");
    }
    expect_orders(&made, "!0");
    for (uint32_t i = 0; i < made.control.lookahead; i++) {
        expect_orders(&made, "1 2");
        give(&made, 0, 1, 2, "");
        give(&made, 1, 1, 2, "");
    }
    expect_orders(&made, "!1"); /* There are 6 rows free, */
    expect_orders(&made, "!2"); /* and this one's device is part of the claim, too. */
    give(&made, 0, 1, 2, "");
    give(&made, 1, 1, 2, "012"); /* Those behind it look again. */
    expect_orders(&made, "0 !1");
}
END_TEST

START_TEST(who_leaves_lets_others_go)
{
    g_auto(bench) made;
    init_bench(&made, 10, 0);
    enter(&made, 0, "> r9", 0, 2);
    enter(&made, 1, "> r2", 0, 1);
    enter(&made, 2, "> r2", 0, 1);
    expect_orders(&made, "1 !0");
    for (uint32_t i = 0; i < made.control.lookahead; i++) {
        expect_orders(&made, "1");
        give(&made, 0, 1, 2, "");
    }
    expect_orders(&made, "!2"); /* Claimed. */
    g_ptr_array_set_size(made.fitting, 0);
    leave(&made, 0);
    expect_fitting(&made, "12"); /* Their need is one. */
}
END_TEST

/* Who needs as much on the same devices as others waits as long as these, whoever came first. */
START_TEST(those_that_need_the_same_wait_and_fit_together)
{
    g_auto(bench) made;
    init_bench(&made, 10, 0);
    enter(&made, 0, "> r4", 0, 2);
    enter(&made, 1, "> r4", 0, 2);
    enter(&made, 2, "> r4", 0, 1); /* On other devices, */
    enter(&made, 3, "> r2", 0, 2); /* or of another size: not the same. */
    ck_assert_ptr_eq(need_of(&made, 0), need_of(&made, 1));
    ck_assert_ptr_ne(need_of(&made, 0), need_of(&made, 2));
    ck_assert_ptr_ne(need_of(&made, 0), need_of(&made, 3));
    expect_orders(&made, "0 1 !0");
    ck_assert(need_of(&made, 1)->is_short);
    ck_assert(!need_of(&made, 3)->is_short);
    expect_orders(&made, "3");
    give(&made, 0, 1, 4, "");
    give(&made, 1, 1, 4, "01");
    expect_orders(&made, "1 !0");
}
END_TEST

START_TEST(what_is_waited_for_is_told)
{
    g_auto(bench) made;
    init_bench(&made, 10, 0);
    g_autoptr(GString) told = g_string_new(NULL);
    enter(&made, 0, "> r6", 0, 1);
    enter(&made, 1, "> r6", 0, 1);
    expect_orders(&made, "0 !1");
    gw_budget_explain(made.budget, need_of(&made, 0), told);
    ck_assert_str_eq(told->str,
                     "waits for memory on device 0: it needs 24 bytes, 24 of 40 are ordered\n");
    g_string_set_size(told, 0);
    gw_budget_explain_rest(made.budget, told);
    ck_assert_str_eq(told->str, "");
    leave(&made, 0);
    leave(&made, 1);
    gw_budget_explain_rest(made.budget, told);
    ck_assert_str_eq(told->str, "device 0: 24 bytes are counted for nobody\n");
}
END_TEST

START_TEST(needed_where_bytes_can_run_out)
{
    g_auto(bench) made;
    init_bench(&made, 100, 0);
    enter(&made, 0, "> r6 / 4", 0, 1); /* 3 runs at once: 22 rows. */
    gw_job jobs[SPENDERS_MAX];
    for (uint32_t j = 0; j < SPENDERS_MAX; j++) {
        jobs[j] =
            (gw_job){.program = made.programs[0], .plan = made.plans[0], .runs = 9, .in_flight = 1};
    }
    ck_assert(!gw_budget_is_needed(made.directory, &made.control, jobs)); /* 88 of 100. */
    jobs[3].in_flight = 3;                                                /* 100. */
    ck_assert(!gw_budget_is_needed(made.directory, &made.control, jobs));
    jobs[3].in_flight = 4;
    ck_assert(gw_budget_is_needed(made.directory, &made.control, jobs));
    made.control.policy = NULL;
    ck_assert(!gw_budget_is_needed(made.directory, &made.control, jobs));
    made.control.policy = gw_policy_find("fifo");
    made.directory->job_count = 1; /* One job holds up nobody but itself, */
    jobs[0].in_flight = 40;
    ck_assert(!gw_budget_is_needed(made.directory, &made.control, jobs));
    made.control.lookahead_memory_bytes = SMALL_ROW_BYTES; /* unless it is told to. */
    ck_assert(gw_budget_is_needed(made.directory, &made.control, jobs));
}
END_TEST

START_TEST(giving_more_than_was_spent_aborts)
{
    g_auto(bench) made;
    init_bench(&made, 10, 0);
    enter(&made, 0, "> r6", 0, 1);
    expect_orders(&made, "0");
    give(&made, 0, 1, 7, "");
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("budget");
    tcase_add_test(cases, who_does_not_fit_waits_and_others_go_on);
    tcase_add_test(cases, who_is_alone_on_its_devices_waits_for_one_gang_less);
    tcase_add_test(cases, limit_ahead_counts_from_the_second_gang_on);
    tcase_add_test(cases, who_is_passed_over_claims_its_devices);
    tcase_add_test(cases, who_leaves_lets_others_go);
    tcase_add_test(cases, those_that_need_the_same_wait_and_fit_together);
    tcase_add_test(cases, what_is_waited_for_is_told);
    tcase_add_test(cases, needed_where_bytes_can_run_out);
    tcase_add_test_raise_signal(cases, giving_more_than_was_spent_aborts, SIGABRT);
    Suite *suite = suite_create("budget");
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
