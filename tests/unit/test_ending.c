/* SPDX-License-Identifier: Apache-2.0 */
/* Which notes end a job, that it ends once, and that the first refusal and mistake are kept. */
#include <check.h>
#include <signal.h>

#include "run_suite.h"
#include "scenario/ending.h"

#define JOBS 3

static bool take(gw_ending *ending, gw_note_kind kind, uint64_t a, uint64_t b)
{
    const gw_note note = {.kind = kind, .a = a, .b = b};
    return gw_ending_take(ending, &note);
}

START_TEST(a_job_ends_once)
{
    gw_ending ending;
    gw_ending_init(&ending, JOBS);
    ck_assert(take(&ending, GW_NOTE_JOB_STARTED, 0, 0));
    ck_assert_uint_eq(ending.jobs_left, JOBS);
    ck_assert(take(&ending, GW_NOTE_JOB_DONE, 0, 0));
    ck_assert(!take(&ending, GW_NOTE_JOB_DONE, 0, 0));
    ck_assert(!take(&ending, GW_NOTE_LEASE_EXPIRED, 0, 0));
    ck_assert(!take(&ending, GW_NOTE_JOB_COLLECTED, 0, 0));
    ck_assert(take(&ending, GW_NOTE_RUN_DONE, 0, 7)); /* It is told all the same. */
    ck_assert_uint_eq(ending.jobs_left, JOBS - 1);
    ck_assert(ending.is_over[0] && !ending.is_over[1] && !ending.is_over[2]);
    gw_ending_clear(&ending);
}
END_TEST

START_TEST(a_failed_job_ends_when_nothing_of_it_is_left)
{
    gw_ending ending;
    gw_ending_init(&ending, JOBS);
    ck_assert(take(&ending, GW_NOTE_CLIENT_FAILED, 1, 1)); /* It owned something. */
    ck_assert(take(&ending, GW_NOTE_LEASE_EXPIRED, 1, 0));
    ck_assert_uint_eq(ending.jobs_left, JOBS);
    ck_assert(take(&ending, GW_NOTE_JOB_COLLECTED, 1, 0));
    ck_assert(!take(&ending, GW_NOTE_JOB_DONE, 1, 0));     /* When it was given up. */
    ck_assert(take(&ending, GW_NOTE_CLIENT_FAILED, 2, 0)); /* It owned nothing. */
    ck_assert(!take(&ending, GW_NOTE_CLIENT_FAILED, 2, 1));
    ck_assert_uint_eq(ending.jobs_left, 1);
    gw_ending_clear(&ending);
}
END_TEST

START_TEST(the_first_of_each_counts)
{
    gw_ending ending;
    gw_ending_init(&ending, JOBS);
    ck_assert_uint_eq(ending.refused_job, GW_INDEX_NONE);
    ck_assert(take(&ending, GW_NOTE_JOB_REFUSED, 2, 1));
    ck_assert(take(&ending, GW_NOTE_JOB_REFUSED, 0, 2));
    ck_assert(take(&ending, GW_NOTE_PLACEMENT_WRONG, 4, 0));
    ck_assert(take(&ending, GW_NOTE_POLICY_WRONG, 5, 0));
    ck_assert(take(&ending, GW_NOTE_OVERFLOW, 6, 0));
    ck_assert(take(&ending, GW_NOTE_OVERFLOW, 7, 0));
    ck_assert_uint_eq(ending.refused_job, 2);
    ck_assert_uint_eq(ending.refused_reason, 1);
    ck_assert_int_eq(ending.wrong.kind, GW_NOTE_PLACEMENT_WRONG);
    ck_assert_uint_eq(ending.wrong.a, 4);
    ck_assert_uint_eq(ending.overflow.a, 6);
    ck_assert_uint_eq(ending.jobs_left, JOBS);
    gw_ending_clear(&ending);
}
END_TEST

START_TEST(an_end_of_no_job_aborts)
{
    gw_ending ending;
    gw_ending_init(&ending, JOBS);
    take(&ending, GW_NOTE_JOB_DONE, JOBS, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ending");
    TCase *cases = tcase_create("ending");
    tcase_add_test(cases, a_job_ends_once);
    tcase_add_test(cases, a_failed_job_ends_when_nothing_of_it_is_left);
    tcase_add_test(cases, the_first_of_each_counts);
    tcase_add_test_raise_signal(cases, an_end_of_no_job_aborts, SIGABRT);
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
