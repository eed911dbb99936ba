/* SPDX-License-Identifier: Apache-2.0 */
/* Activity: quiet exactly when every thread that was counted has ended, and at once then. */
#include <check.h>
#include <glib.h>
#include <signal.h>

#include "real/activity.h"
#include "run_suite.h"

#define MS_NS        UINT64_C(1000000)
#define LONG_NS      (60000 * MS_NS)
#define THREAD_COUNT 8

START_TEST(nothing_begun_is_quiet)
{
    gw_activity activity;
    gw_activity_init(&activity);
    ck_assert(gw_activity_wait(&activity, 0));
    gw_activity_clear(&activity);
}
END_TEST

START_TEST(each_one_begun_has_to_end)
{
    gw_activity activity;
    gw_activity_init(&activity);
    gw_activity_begin(&activity, 2);
    gw_activity_begin(&activity, 1);
    for (uint32_t i = 0; i < 3; i++) {
        ck_assert(!gw_activity_wait(&activity, 0));
        gw_activity_end(&activity);
    }
    ck_assert(gw_activity_wait(&activity, 0));
    gw_activity_clear(&activity);
}
END_TEST

START_TEST(only_the_last_one_ends_as_such)
{
    gw_activity activity;
    gw_activity_init(&activity);
    gw_activity_begin(&activity, 2);
    ck_assert(!gw_activity_end_last(&activity));
    ck_assert_uint_eq(gw_activity_count(&activity), 2);
    gw_activity_end(&activity);
    ck_assert(gw_activity_end_last(&activity));
    ck_assert_uint_eq(gw_activity_count(&activity), 0);
    ck_assert(!gw_activity_end_last(&activity));
    gw_activity_clear(&activity);
}
END_TEST

START_TEST(wait_for_the_active_takes_its_whole_time)
{
    gw_activity activity;
    gw_activity_init(&activity);
    gw_activity_begin(&activity, 1);
    const uint64_t start_ns = gw_monotonic_ns();
    ck_assert(!gw_activity_wait(&activity, 20 * MS_NS));
    ck_assert_uint_ge(gw_monotonic_ns() - start_ns, 20 * MS_NS);
    gw_activity_clear(&activity);
}
END_TEST

static void *end_after_a_while(void *context)
{
    g_usleep(2000);
    gw_activity_end(context);
    return NULL;
}

START_TEST(last_of_many_threads_wakes_the_waiter)
{
    gw_activity activity;
    gw_activity_init(&activity);
    gw_activity_begin(&activity, THREAD_COUNT);
    pthread_t threads[THREAD_COUNT];
    const uint64_t start_ns = gw_monotonic_ns();
    for (uint32_t i = 0; i < THREAD_COUNT; i++) {
        ck_assert(gw_thread_start(&threads[i], end_after_a_while, &activity, "a test", NULL));
    }
    ck_assert(gw_activity_wait(&activity, LONG_NS));
    ck_assert_uint_lt(gw_monotonic_ns() - start_ns, LONG_NS);
    ck_assert_uint_eq(atomic_load(&activity.count), 0);
    for (uint32_t i = 0; i < THREAD_COUNT; i++) {
        pthread_join(threads[i], NULL);
    }
    gw_activity_clear(&activity);
}
END_TEST

START_TEST(ending_more_than_began_aborts)
{
    gw_activity activity;
    gw_activity_init(&activity);
    gw_activity_begin(&activity, 1);
    gw_activity_end(&activity);
    gw_activity_end(&activity);
}
END_TEST

static void *ask_mask(void *context)
{
    pthread_sigmask(SIG_SETMASK, NULL, context);
    return context;
}

START_TEST(thread_takes_no_signals_and_its_starter_still_does)
{
    sigset_t before, after, inside;
    sigemptyset(&inside);
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    pthread_t thread;
    GError *error = NULL;
    ck_assert(gw_thread_start(&thread, ask_mask, &inside, "a test", &error));
    ck_assert_ptr_null(error);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    void *answer = NULL;
    pthread_join(thread, &answer);
    ck_assert_ptr_eq(answer, &inside); /* It ran what it was given. */
    const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGALRM, SIGCHLD, SIGUSR1};
    for (size_t i = 0; i < G_N_ELEMENTS(signals); i++) {
        ck_assert_int_eq(sigismember(&inside, signals[i]), 1);
        ck_assert_int_eq(sigismember(&after, signals[i]), sigismember(&before, signals[i]));
    }
    ck_assert_int_eq(sigismember(&after, SIGINT), 0);
}
END_TEST

START_TEST(instants_split_into_whole_seconds_and_the_rest)
{
    const struct timespec instant = gw_monotonic_timespec(UINT64_C(7000000003));
    ck_assert_int_eq(instant.tv_sec, 7);
    ck_assert_int_eq(instant.tv_nsec, 3);
    const struct timespec below = gw_monotonic_timespec(999999999);
    ck_assert_int_eq(below.tv_sec, 0);
    ck_assert_int_eq(below.tv_nsec, 999999999);
}
END_TEST

START_TEST(condition_waits_by_the_monotonic_clock)
{
    pthread_cond_t cond;
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    gw_monotonic_cond_init(&cond);
    const uint64_t until_ns = gw_monotonic_ns() + 10 * MS_NS;
    const struct timespec until = gw_monotonic_timespec(until_ns);
    pthread_mutex_lock(&mutex);
    while (pthread_cond_timedwait(&cond, &mutex, &until) == 0) {
    }
    pthread_mutex_unlock(&mutex);
    ck_assert_uint_ge(gw_monotonic_ns(), until_ns); /* By the day's clock it were long past. */
    pthread_cond_destroy(&cond);
}
END_TEST

START_TEST(nobody_joins_what_is_quiet)
{
    gw_activity activity;
    gw_activity_init(&activity);
    ck_assert(!gw_activity_join(&activity));
    gw_activity_begin(&activity, 1);
    ck_assert(gw_activity_join(&activity));
    gw_activity_end(&activity);
    ck_assert(!gw_activity_wait(&activity, 0));
    gw_activity_end(&activity);
    ck_assert(gw_activity_wait(&activity, 0));
    ck_assert(!gw_activity_join(&activity));
    gw_activity_clear(&activity);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("activity");
    TCase *cases = tcase_create("activity");
    tcase_add_test(cases, only_the_last_one_ends_as_such);
    tcase_add_test(cases, nobody_joins_what_is_quiet);
    tcase_add_test(cases, nothing_begun_is_quiet);
    tcase_add_test(cases, each_one_begun_has_to_end);
    tcase_add_test(cases, wait_for_the_active_takes_its_whole_time);
    tcase_add_test(cases, last_of_many_threads_wakes_the_waiter);
    tcase_add_test_raise_signal(cases, ending_more_than_began_aborts, SIGABRT);
    tcase_add_test(cases, thread_takes_no_signals_and_its_starter_still_does);
    tcase_add_test(cases, instants_split_into_whole_seconds_and_the_rest);
    tcase_add_test(cases, condition_waits_by_the_monotonic_clock);
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
