/* SPDX-License-Identifier: Apache-2.0 */
/* A scenario run by ranks, each a thread here: what they agree on first, what they decide and
 * count, and how all of them end when one cannot go on. */
#include <pthread.h>

#include "controller/policy.h"
#include "real/rank_agree.h"
#include "real/rank_run.h"
#include "run_suite.h"
#include "test_scenario.h"
#include "thread_link.h"

#define RANK_COUNT 2

typedef struct {
    gw_rank_link *link;
    const gw_scenario *scenario;
    gw_real_report report;
    bool is_done, is_told, is_whole;
    gw_rank_conclude conclude; /* Of rank 0. */
    uint32_t conclusion_count;
    GError *error;
    /* Agreeing. */
    GError *mine;
    uint64_t fingerprint;
    pthread_t thread;
} rank;

static void *run_rank(void *context)
{
    rank *self = context;
    self->is_done = gw_rank_run(self->link, self->scenario, NULL, self->conclude, self,
                                &self->report, &self->is_told, &self->is_whole, &self->error);
    return NULL;
}

static void *agree_rank(void *context)
{
    rank *self = context;
    const gw_rank_accord accord =
        gw_rank_agree(self->link, self->mine, self->fingerprint, &self->error);
    self->is_done = accord.is_reached;
    self->is_told = accord.is_told;
    self->is_whole = !accord.is_lost;
    return NULL;
}

static void start_all(rank *all, thread_links *links, const gw_scenario *scenario,
                      void *(*run)(void *context))
{
    for (uint32_t r = 0; r < RANK_COUNT; r++) {
        all[r].link = thread_links_at(links, r);
        all[r].scenario = scenario;
        ck_assert_int_eq(pthread_create(&all[r].thread, NULL, run, &all[r]), 0);
    }
}

static void join_all(rank *all)
{
    for (uint32_t r = 0; r < RANK_COUNT; r++) {
        ck_assert_int_eq(pthread_join(all[r].thread, NULL), 0);
    }
}

static void clear_all(rank *all)
{
    for (uint32_t r = 0; r < RANK_COUNT; r++) {
        g_clear_error(&all[r].error);
        g_clear_error(&all[r].mine);
    }
}

/* --- Agreeing --- */

static void check_refusal(rank *all, gw_error_code code, const char *words)
{
    g_autoptr(thread_links) links = thread_links_new(RANK_COUNT);
    start_all(all, links, NULL, agree_rank);
    join_all(all);
    for (uint32_t r = 0; r < RANK_COUNT; r++) {
        ck_assert(!all[r].is_done);
        ck_assert(all[r].is_whole);
        ck_assert(all[r].is_told == (r != 0));
        ck_assert(g_error_matches(all[r].error, GW_ERROR, (gint)code));
        ck_assert_str_eq(all[r].error->message, words);
    }
    clear_all(all);
}

START_TEST(the_same_is_agreed_on)
{
    g_autoptr(thread_links) links = thread_links_new(RANK_COUNT);
    rank all[RANK_COUNT] = {{.fingerprint = 7}, {.fingerprint = 7}};
    start_all(all, links, NULL, agree_rank);
    join_all(all);
    ck_assert(all[0].is_done && all[1].is_done);
    clear_all(all);
}
END_TEST

START_TEST(the_first_that_cannot_says_why)
{
    rank other[RANK_COUNT] = {
        {0}, {.mine = g_error_new_literal(GW_ERROR, GW_ERROR_SCENARIO, "no file")}};
    check_refusal(other, GW_ERROR_SCENARIO, "rank 1: no file");
    rank both[RANK_COUNT] = {{.mine = g_error_new_literal(GW_ERROR, GW_ERROR_USAGE, "no way")},
                             {.mine = g_error_new_literal(GW_ERROR, GW_ERROR_SCENARIO, "no file")}};
    check_refusal(both, GW_ERROR_USAGE, "no way");
    rank unlike[RANK_COUNT] = {{.fingerprint = 7}, {.fingerprint = 8}};
    check_refusal(unlike, GW_ERROR_SYSTEM,
                  "rank 1: found another scenario, setting or build of gangway, expected rank 0's");
}
END_TEST

START_TEST(a_rank_that_ends_before_is_missed)
{
    g_autoptr(thread_links) links = thread_links_new(RANK_COUNT);
    rank first = {.link = thread_links_at(links, 0)};
    thread_links_end(links, 1);
    agree_rank(&first);
    ck_assert(!first.is_done && !first.is_whole);
    ck_assert(g_error_matches(first.error, GW_ERROR, GW_ERROR_SYSTEM));
    ck_assert_str_eq(first.error->message, "rank 1 has ended before the run began");
    g_clear_error(&first.error);
}
END_TEST

/* Rank 0 names it, and the others, which have waited no less long, leave that to rank 0. */
START_TEST(a_rank_that_never_answers_is_missed)
{
    g_autoptr(thread_links) links = thread_links_new(3);
    rank all[RANK_COUNT] = {{.link = thread_links_at(links, 0)},
                            {.link = thread_links_at(links, 2)}};
    for (uint32_t i = 0; i < RANK_COUNT; i++) {
        ck_assert_int_eq(pthread_create(&all[i].thread, NULL, agree_rank, &all[i]), 0);
    }
    join_all(all);
    for (uint32_t i = 0; i < RANK_COUNT; i++) {
        ck_assert(!all[i].is_done && !all[i].is_whole);
        ck_assert(all[i].is_told == (i != 0));
        ck_assert(g_error_matches(all[i].error, GW_ERROR, GW_ERROR_SYSTEM));
        ck_assert(
            g_str_has_prefix(all[i].error->message, "rank 1 is lost: it has not answered for 8"));
    }
    clear_all(all);
}
END_TEST

/* --- Running --- */

START_TEST(decisions_and_counts_are_those_of_threads)
{
    static const char *const settings[] = {
        "jobs.steps=8",
        "jobs.submit=op_by_op",
        "control.policy=none",
        "control.lookahead=1",
        "control.dispatch=sequential",
        "jobs.in_flight=3",
        "control.system=tf1",
        "control.system=multi_controller",
        "control.system=ray",
    };
    const char *const applied[] = {settings[_i], NULL};
    gw_scenario *scenario = load_good(train_text, applied);
    g_autoptr(thread_links) links = thread_links_new(RANK_COUNT);
    rank all[RANK_COUNT] = {{0}};
    gw_real_report threads;
    ck_assert(gw_cpu_run(scenario, NULL, &threads, NULL));
    start_all(all, links, scenario, run_rank);
    join_all(all);
    for (uint32_t r = 0; r < RANK_COUNT; r++) {
        ck_assert_msg(all[r].is_done, "rank %u: %s", r,
                      all[r].error == NULL ? "" : all[r].error->message);
        ck_assert(all[r].is_whole);
    }
    const gw_real_report *ranks = &all[0].report;
    ck_assert_uint_eq(ranks->launch_digest, threads.launch_digest);
    ck_assert_uint_eq(ranks->counts.launches, threads.counts.launches);
    ck_assert_uint_eq(ranks->counts.shards, threads.counts.shards);
    ck_assert_uint_eq(ranks->counts.gangs, threads.counts.gangs);
    ck_assert_uint_eq(ranks->counts.transfers, threads.counts.transfers);
    ck_assert_uint_eq(ranks->usage.spent[GW_COST_LAUNCH], ranks->counts.shards);
    gw_scenario_free(scenario);
}
END_TEST

/* Every rank ends, with the words of rank 0's error; `code` is that of all. */
static void check_failure(const gw_scenario *scenario, gw_error_code code, const char *words,
                          void (*meanwhile)(thread_links *links))
{
    g_autoptr(thread_links) links = thread_links_new(RANK_COUNT);
    rank all[RANK_COUNT] = {{0}};
    start_all(all, links, scenario, run_rank);
    if (meanwhile != NULL) {
        meanwhile(links);
    }
    join_all(all);
    for (uint32_t r = 0; r < RANK_COUNT; r++) {
        ck_assert(!all[r].is_done);
        ck_assert_msg(g_error_matches(all[r].error, GW_ERROR, (gint)code), "rank %u: %s", r,
                      all[r].error->message);
        ck_assert(all[r].is_told == (r != 0));
    }
    ck_assert_msg(strstr(all[0].error->message, words) != NULL, "%s", all[0].error->message);
    clear_all(all);
}

static void interrupt(thread_links *links)
{
    (void)links;
    g_usleep(200000);
    gw_real_cancel();
}

static bool write_down(void *context, const gw_real_report *report, GError **error)
{
    rank *self = context;
    (void)error;
    ck_assert_uint_gt(report->counts.shards, 0);
    g_usleep(300000); /* The others wait, and nobody is missed. */
    self->conclusion_count++;
    return true;
}

static bool find_no_room(void *context, const gw_real_report *report, GError **error)
{
    (void)report;
    ((rank *)context)->conclusion_count++;
    g_set_error_literal(error, GW_ERROR, GW_ERROR_SYSTEM, "the disk is full");
    return false;
}

static void conclude_all(rank *all, gw_rank_conclude conclude)
{
    const char *const settings[] = {"jobs.steps=4", NULL};
    gw_scenario *scenario = load_good(train_text, settings);
    g_autoptr(thread_links) links = thread_links_new(RANK_COUNT);
    for (uint32_t r = 0; r < RANK_COUNT; r++) {
        all[r].conclude = conclude;
    }
    start_all(all, links, scenario, run_rank);
    join_all(all);
    gw_scenario_free(scenario);
    ck_assert_uint_eq(all[0].conclusion_count, 1);
    ck_assert_uint_eq(all[1].conclusion_count, 0);
    ck_assert(all[0].is_whole && all[1].is_whole);
}

START_TEST(rank_0_puts_away_before_any_leaves)
{
    rank all[RANK_COUNT] = {{0}};
    conclude_all(all, write_down);
    ck_assert(all[0].is_done && all[1].is_done);
    clear_all(all);
}
END_TEST

START_TEST(what_rank_0_cannot_put_away_ends_all)
{
    rank all[RANK_COUNT] = {{0}};
    conclude_all(all, find_no_room);
    ck_assert(!all[0].is_done && !all[1].is_done);
    ck_assert(!all[0].is_told && all[1].is_told);
    ck_assert_str_eq(all[0].error->message, "the disk is full");
    ck_assert(g_error_matches(all[1].error, GW_ERROR, GW_ERROR_SYSTEM));
    clear_all(all);
}
END_TEST

START_TEST(an_interrupt_ends_all)
{
    const char *const settings[] = {"jobs.steps=100000000", NULL};
    gw_scenario *scenario = load_good(train_text, settings);
    check_failure(scenario, GW_ERROR_INTERRUPTED, "interrupted", interrupt);
    gw_scenario_free(scenario);
}
END_TEST

START_TEST(a_refused_job_ends_all)
{
    gw_scenario *scenario = load_good(train_text, NULL);
    scenario->cluster.accelerators[0].hbm_bytes = 4096;
    check_failure(scenario, GW_ERROR_SCENARIO, "can never start: it needs more memory", NULL);
    gw_scenario_free(scenario);
}
END_TEST

static gw_policy *refuse_policy(gw_params *params, GError **error)
{
    (void)params;
    g_set_error_literal(error, GW_ERROR, GW_ERROR_SCENARIO, "not today");
    return NULL;
}

START_TEST(a_policy_that_refuses_ends_all)
{
    static const gw_policy_ops refusing = {
        .name = "refusing", .summary = "", .create = refuse_policy};
    gw_scenario *scenario = load_good(train_text, NULL);
    scenario->control.policy = &refusing;
    check_failure(scenario, GW_ERROR_SCENARIO, "not today", NULL);
    gw_scenario_free(scenario);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rank_run");
    TCase *tcase = tcase_create("ranks");
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, the_same_is_agreed_on);
    tcase_add_test(tcase, the_first_that_cannot_says_why);
    tcase_add_test(tcase, a_rank_that_ends_before_is_missed);
    tcase_add_test(tcase, a_rank_that_never_answers_is_missed);
    tcase_add_loop_test(tcase, decisions_and_counts_are_those_of_threads, 0, 9);
    tcase_add_test(tcase, rank_0_puts_away_before_any_leaves);
    tcase_add_test(tcase, what_rank_0_cannot_put_away_ends_all);
    tcase_add_test(tcase, an_interrupt_ends_all);
    tcase_add_test(tcase, a_refused_job_ends_all);
    tcase_add_test(tcase, a_policy_that_refuses_ends_all);
    suite_add_tcase(suite, tcase);
    return gw_run_suite(suite);
}
