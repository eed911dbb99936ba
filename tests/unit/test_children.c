/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs in processes of their own: answers by index, whatever becomes of a child. */
#include <check.h>
#include <errno.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/children.h"
#include "base/error.h"
#include "run_suite.h"

#define LARGE_BYTES 3000000 /* Many times what a pipe holds. */

typedef struct {
    guint calls, done_count_max, stop_at; /* stop_at: answers after which goes_on says no. */
    guint refused;                        /* The index whose answer is refused, plus one. */
    char *order;                          /* Of answers. */
    int process;
} seen;

static bool square(void *context, guint index, GString *answer, GError **error)
{
    seen *about = (seen *)context;
    (void)error;
    about->calls++; /* Lost with the child. */
    g_string_append_printf(answer, "%u", index * index);
    return true;
}

static const gw_children_answer *at(GPtrArray *answers, guint index)
{
    return (const gw_children_answer *)g_ptr_array_index(answers, index);
}

static void check_no_child_is_left(void)
{
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
    ck_assert_int_eq(errno, ECHILD);
}

START_TEST(answers_come_by_index)
{
    static const guint counts_max[] = {0, 1, 2, 7, 64};
    for (guint c = 0; c < G_N_ELEMENTS(counts_max); c++) {
        seen about = {0};
        const gw_children children = {.count_max = counts_max[c], .context = &about, .job = square};
        g_autoptr(GPtrArray) answers = gw_children_run(&children, 20, NULL);
        ck_assert_ptr_nonnull(answers);
        ck_assert_uint_eq(answers->len, 20);
        for (guint i = 0; i < 20; i++) {
            g_autofree char *expected = g_strdup_printf("%u", i * i);
            ck_assert_int_eq(at(answers, i)->exit_code, 0);
            ck_assert_str_eq(at(answers, i)->text, expected);
        }
        ck_assert_uint_eq(about.calls, 0);
        check_no_child_is_left();
    }
}
END_TEST

START_TEST(nothing_to_do_is_done)
{
    seen about = {0};
    const gw_children children = {.context = &about, .job = square};
    g_autoptr(GPtrArray) answers = gw_children_run(&children, 0, NULL);
    ck_assert_ptr_nonnull(answers);
    ck_assert_uint_eq(answers->len, 0);
}
END_TEST

static bool answer_at_length(void *context, guint index, GString *answer, GError **error)
{
    (void)context, (void)error;
    g_string_set_size(answer, LARGE_BYTES);
    memset(answer->str, 'a' + (int)index, LARGE_BYTES);
    return true;
}

START_TEST(a_long_answer_arrives_whole)
{
    const gw_children children = {.count_max = 3, .job = answer_at_length};
    g_autoptr(GPtrArray) answers = gw_children_run(&children, 3, NULL);
    ck_assert_ptr_nonnull(answers);
    for (guint i = 0; i < 3; i++) {
        ck_assert_uint_eq(strlen(at(answers, i)->text), LARGE_BYTES);
        ck_assert_int_eq(at(answers, i)->text[LARGE_BYTES - 1], 'a' + (int)i);
    }
}
END_TEST

static bool go_wrong(void *context, guint index, GString *answer, GError **error)
{
    (void)context;
    g_string_append(answer, "half an answer");
    if (index == 0)
        g_set_error_literal(error, GW_ERROR, GW_ERROR_STALL, "stuck");
    else if (index == 1)
        g_set_error_literal(error, GW_ERROR, GW_ERROR_SCENARIO, "two\nlines");
    else if (index == 2)
        raise(SIGKILL);
    return index > 2;
}

START_TEST(what_goes_wrong_is_an_answer)
{
    const gw_children children = {.count_max = 2, .job = go_wrong};
    g_autoptr(GPtrArray) answers = gw_children_run(&children, 4, NULL);
    ck_assert_ptr_nonnull(answers);
    ck_assert_int_eq(at(answers, 0)->exit_code, 3);
    ck_assert_str_eq(at(answers, 0)->text, "stuck");
    ck_assert_int_eq(at(answers, 1)->exit_code, 1);
    ck_assert_str_eq(at(answers, 1)->text, "two\nlines");
    ck_assert_int_eq(at(answers, 2)->exit_code, 5);
    ck_assert_ptr_nonnull(strstr(at(answers, 2)->text, "signal 9"));
    ck_assert_ptr_nonnull(strstr(at(answers, 2)->text, "out of memory?"));
    ck_assert_int_eq(at(answers, 3)->exit_code, 0);
    ck_assert_str_eq(at(answers, 3)->text, "half an answer");
    check_no_child_is_left();
}
END_TEST

/* --- What this process is told on the way --- */

static bool note_answer(void *context, guint index, gw_children_answer *answer, GError **error)
{
    seen *about = (seen *)context;
    char *order = g_strdup_printf("%s%s=%s ", about->order != NULL ? about->order : "",
                                  index < 10 ? "" : "?", answer->text);
    g_free(about->order);
    about->order = order;
    if (about->refused == index + 1)
        g_set_error_literal(error, GW_ERROR, GW_ERROR_SYSTEM, "disk full");
    return about->refused != index + 1;
}

static bool note_progress(void *context, guint done_count)
{
    seen *about = (seen *)context;
    ck_assert_uint_ge(done_count, about->done_count_max);
    about->done_count_max = done_count;
    return about->stop_at == 0 || done_count < about->stop_at;
}

START_TEST(one_at_a_time_answers_come_in_order)
{
    seen about = {0};
    const gw_children children = {.count_max = 1,
                                  .context = &about,
                                  .job = square,
                                  .answered = note_answer,
                                  .goes_on = note_progress};
    g_autoptr(GPtrArray) answers = gw_children_run(&children, 5, NULL);
    ck_assert_ptr_nonnull(answers);
    ck_assert_str_eq(about.order, "=0 =1 =4 =9 =16 ");
    ck_assert_uint_eq(about.done_count_max, 4);
    g_free(about.order);
}
END_TEST

START_TEST(a_refused_answer_ends_all)
{
    seen about = {.refused = 3};
    g_autoptr(GError) error = NULL;
    const gw_children children = {
        .count_max = 1, .context = &about, .job = square, .answered = note_answer};
    ck_assert_ptr_null(gw_children_run(&children, 100, &error));
    ck_assert(g_error_matches(error, GW_ERROR, GW_ERROR_SYSTEM));
    ck_assert_str_eq(about.order, "=0 =1 =4 ");
    check_no_child_is_left();
    g_free(about.order);
}
END_TEST

static bool sleep_long(void *context, guint index, GString *answer, GError **error)
{
    (void)context, (void)answer, (void)error;
    g_usleep(index == 0 ? 1 : 600 * G_USEC_PER_SEC);
    return true;
}

START_TEST(stopping_ends_the_children)
{
    seen about = {.stop_at = 1};
    g_autoptr(GError) error = NULL;
    const gw_children children = {
        .count_max = 4, .context = &about, .job = sleep_long, .goes_on = note_progress};
    ck_assert_ptr_null(gw_children_run(&children, 4, &error));
    ck_assert(g_error_matches(error, GW_ERROR, GW_ERROR_INTERRUPTED));
    check_no_child_is_left();
}
END_TEST

static bool be_interrupted(void *context, guint index, GString *answer, GError **error)
{
    (void)context, (void)answer, (void)error;
    if (index == 1)
        raise(SIGINT);
    return true;
}

static void ignore_signal(int number)
{
    (void)number;
}

START_TEST(an_interrupted_child_interrupts_all)
{
    g_autoptr(GError) error = NULL;
    const gw_children children = {.count_max = 2, .job = be_interrupted};
    signal(SIGINT, ignore_signal); /* Children do not inherit it. */
    ck_assert_ptr_null(gw_children_run(&children, 9, &error));
    ck_assert(g_error_matches(error, GW_ERROR, GW_ERROR_INTERRUPTED));
    check_no_child_is_left();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("children");
    TCase *answers = tcase_create("answers");
    tcase_add_test(answers, answers_come_by_index);
    tcase_add_test(answers, nothing_to_do_is_done);
    tcase_add_test(answers, a_long_answer_arrives_whole);
    tcase_add_test(answers, what_goes_wrong_is_an_answer);
    suite_add_tcase(suite, answers);
    TCase *told = tcase_create("told");
    tcase_add_test(told, one_at_a_time_answers_come_in_order);
    tcase_add_test(told, a_refused_answer_ends_all);
    tcase_add_test(told, stopping_ends_the_children);
    tcase_add_test(told, an_interrupted_child_interrupts_all);
    suite_add_tcase(suite, told);
    return gw_run_suite(suite);
}
