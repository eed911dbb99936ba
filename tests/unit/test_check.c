/* SPDX-License-Identifier: Apache-2.0 */
/* gw_check(): silent when true, fatal when false, with last words in between. */
#include <check.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <glib.h>

#include "base/check.h"
#include "run_suite.h"

/* Runs `speak`, which must abort, in a child; what it said on standard error.  Caller frees. */
static char *collect_last_words(void (*speak)(void))
{
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    const pid_t child = check_fork();
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        speak();
        _exit(0);
    }
    close(ends[1]);
    GString *said = g_string_new(NULL);
    char chunk[256];
    for (;;) {
        const ssize_t count = read(ends[0], chunk, sizeof chunk);
        if (count <= 0) {
            break;
        }
        g_string_append_len(said, chunk, count);
    }
    close(ends[0]);
    return g_string_free(said, FALSE);
}

static void print_context(void *context)
{
    fprintf(stderr, "seed %s\n", (const char *)context);
}

static void fail_with_hook(void)
{
    gw_check_set_last_words(print_context, "42");
    gw_check(1 > 2);
}

static void fail_without_hook(void)
{
    gw_check_set_last_words(print_context, "42");
    gw_check_set_last_words(NULL, NULL);
    gw_check(1 > 2);
}

static void fail_again(void *context)
{
    (void)context;
    fputs("hook\n", stderr);
    gw_check(3 > 4);
}

static void fail_inside_hook(void)
{
    gw_check_set_last_words(fail_again, NULL);
    gw_check(1 > 2);
}

static void *fail_in_thread(void *unused)
{
    (void)unused;
    gw_check(1 > 2);
    return NULL;
}

static void fail_in_another_thread(void)
{
    gw_check_set_last_words(print_context, "42");
    pthread_t thread;
    if (pthread_create(&thread, NULL, fail_in_thread, NULL) == 0) {
        pthread_join(thread, NULL);
    }
}

START_TEST(true_condition_is_silent)
{
    int evaluated = 0;
    gw_check(++evaluated == 1);
    ck_assert_int_eq(evaluated, 1);
}
END_TEST

START_TEST(false_condition_aborts)
{
    gw_check(1 > 2);
}
END_TEST

START_TEST(hook_speaks_after_the_place)
{
    g_autofree char *said = collect_last_words(fail_with_hook);
    ck_assert_ptr_nonnull(strstr(said, "test_check.c:"));
    ck_assert_ptr_nonnull(strstr(said, "fail_with_hook: check failed: 1 > 2\n"));
    ck_assert_ptr_nonnull(strstr(said, "1 > 2\nseed 42\n"));
}
END_TEST

START_TEST(hook_can_be_taken_off)
{
    g_autofree char *said = collect_last_words(fail_without_hook);
    ck_assert_ptr_nonnull(strstr(said, "check failed"));
    ck_assert_ptr_null(strstr(said, "seed"));
}
END_TEST

START_TEST(hook_that_fails_is_not_called_again)
{
    g_autofree char *said = collect_last_words(fail_inside_hook);
    const char *first = strstr(said, "hook\n");
    ck_assert_ptr_nonnull(first);
    ck_assert_ptr_null(strstr(first + 1, "hook\n"));
    ck_assert_ptr_nonnull(strstr(said, "3 > 4"));
}
END_TEST

START_TEST(hook_belongs_to_one_thread)
{
    g_autofree char *said = collect_last_words(fail_in_another_thread);
    ck_assert_ptr_nonnull(strstr(said, "check failed"));
    ck_assert_ptr_null(strstr(said, "seed"));
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("check");
    tcase_add_test(cases, true_condition_is_silent);
    tcase_add_test_raise_signal(cases, false_condition_aborts, SIGABRT);
    tcase_add_test(cases, hook_speaks_after_the_place);
    tcase_add_test(cases, hook_can_be_taken_off);
    tcase_add_test(cases, hook_that_fails_is_not_called_again);
    tcase_add_test(cases, hook_belongs_to_one_thread);
    Suite *suite = suite_create("check");
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
