/* SPDX-License-Identifier: Apache-2.0 */
/* Exit codes, suggestions, and words quoted for messages. */
#include <check.h>
#include <string.h>

#include <glib.h>

#include "base/error.h"
#include "run_suite.h"

static const char *const policies[] = {"fifo", "gang", "proportional_share", "round_robin", NULL};

START_TEST(each_code_has_its_exit_code)
{
    static const struct {
        int code, exit_code;
    } cases[] = {
        {GW_ERROR_SCENARIO, 1},  {GW_ERROR_USAGE, 2},  {GW_ERROR_STALL, 3},
        {GW_ERROR_TOLERANCE, 4}, {GW_ERROR_SYSTEM, 5}, {GW_ERROR_INTERRUPTED, 130},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = g_error_new(GW_ERROR, cases[i].code, "made up");
        ck_assert_int_eq(gw_error_exit_code(error), cases[i].exit_code);
    }
}
END_TEST

START_TEST(unknown_errors_are_the_systems)
{
    g_autoptr(GError) foreign = g_error_new(G_FILE_ERROR, G_FILE_ERROR_NOSPC, "disk full");
    ck_assert_int_eq(gw_error_exit_code(foreign), 5);
    g_autoptr(GError) strange = g_error_new(GW_ERROR, 99, "made up");
    ck_assert_int_eq(gw_error_exit_code(strange), 5);
}
END_TEST

START_TEST(near_words_are_suggested)
{
    static const struct {
        const char *word, *nearest;
    } cases[] = {
        {"fifo", "fifo"},
        {"FIFO", "fifo"},
        {"fifi", "fifo"},
        {"fif", "fifo"},
        {"fifoo", "fifo"},
        {"ffio", "fifo"},
        {"gagn", "gang"},
        {"round-robin", "round_robin"},
        {"proportionalshare", "proportional_share"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        ck_assert_str_eq(gw_error_suggest(cases[i].word, policies), cases[i].nearest);
    }
}
END_TEST

START_TEST(far_words_are_not)
{
    static const char *const words[] = {"", "x", "lifo-queue", "share", "fixx", "gangway"};
    for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
        ck_assert_msg(gw_error_suggest(words[i], policies) == NULL, "\"%s\"", words[i]);
    }
    static const char *const none[] = {NULL};
    ck_assert_ptr_null(gw_error_suggest("fifo", none));
}
END_TEST

START_TEST(first_of_equally_near_ones)
{
    static const char *const candidates[] = {"host_a", "host_b", NULL};
    ck_assert_str_eq(gw_error_suggest("host_c", candidates), "host_a");
    ck_assert_str_eq(gw_error_suggest("host_b", candidates), "host_b");
}
END_TEST

START_TEST(long_words_are_left_alone)
{
    char word[200];
    memset(word, 'a', sizeof word - 1);
    word[sizeof word - 1] = '\0';
    const char *const candidates[] = {word, "b", NULL};
    ck_assert_ptr_null(gw_error_suggest(word, candidates));
    word[64] = '\0';
    ck_assert_ptr_eq(gw_error_suggest(word, candidates), word);
    ck_assert_ptr_null(gw_error_suggest("fifo", candidates));
}
END_TEST

START_TEST(quotes_are_safe_to_print)
{
    static const struct {
        const char *text, *quoted;
    } cases[] = {
        {"", "\"\""},
        {"64 megs", "\"64 megs\""},
        {"a\"b\\c", "\"a\\\"b\\\\c\""},
        {"\x1b[31m\n", "\"\\u001b[31m\\u000a\""},
        {"5\xc2\xb5s", "\"5\xc2\xb5s\""},
        {"\xff", "\"\xef\xbf\xbd\""},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *quoted = gw_error_quote(cases[i].text);
        ck_assert_str_eq(quoted, cases[i].quoted);
    }
}
END_TEST

START_TEST(long_quotes_are_shortened)
{
    g_autofree char *text = g_strnfill(1000, 'x');
    g_autofree char *quoted = gw_error_quote(text);
    ck_assert_uint_eq(strlen(quoted), 64 + strlen("\"...\""));
    ck_assert(g_str_has_suffix(quoted, "x...\""));
}
END_TEST

START_TEST(hints_end_a_message)
{
    g_autofree char *hint = gw_error_hint("fifi", policies);
    ck_assert_str_eq(hint, "; did you mean \"fifo\"?");
    g_autofree char *none = gw_error_hint("zebra", policies);
    ck_assert_str_eq(none, "");
    static const char *const odd[] = {"\x1b[31m", NULL};
    g_autofree char *safe = gw_error_hint("\x1b[31n", odd);
    ck_assert_str_eq(safe, "; did you mean \"\\u001b[31m\"?");
}
END_TEST

START_TEST(lists_have_an_end)
{
    static const struct {
        guint count_max;
        const char *list;
    } cases[] = {
        {0, "..."},
        {1, "\"fifo\", ..."},
        {3, "\"fifo\", \"gang\", \"proportional_share\", ..."},
        {4, "\"fifo\", \"gang\", \"proportional_share\", \"round_robin\""},
        {G_MAXUINT, "\"fifo\", \"gang\", \"proportional_share\", \"round_robin\""},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *list = gw_error_list(policies, cases[i].count_max);
        ck_assert_str_eq(list, cases[i].list);
    }
    static const char *const none[] = {NULL}, *const odd[] = {"a\n\"", NULL};
    g_autofree char *empty = gw_error_list(none, 8);
    ck_assert_str_eq(empty, "");
    g_autofree char *safe = gw_error_list(odd, 8);
    ck_assert_str_eq(safe, "\"a\\u000a\\\"\"");
}
END_TEST

START_TEST(words_of_others_are_one_line)
{
    static const char *const cases[][2] = {{"as it is: \"a\\b\"", "as it is: \"a\\b\""},
                                           {"one\ntwo\r\n\tthree\n", "one two   three"},
                                           {"\x1b[31mred\x01", "\\u001b[31mred\\u0001"},
                                           {"\xff", "\xef\xbf\xbd"},
                                           {" \n ", ""},
                                           {"", ""}};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *line = gw_error_line(cases[i][0]);
        ck_assert_str_eq(line, cases[i][1]);
    }
    g_autofree char *text = g_strnfill(1000, 'x');
    g_autofree char *whole = gw_error_line(text);
    ck_assert_str_eq(whole, text);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("error");
    tcase_add_test(cases, each_code_has_its_exit_code);
    tcase_add_test(cases, unknown_errors_are_the_systems);
    tcase_add_test(cases, near_words_are_suggested);
    tcase_add_test(cases, far_words_are_not);
    tcase_add_test(cases, first_of_equally_near_ones);
    tcase_add_test(cases, long_words_are_left_alone);
    tcase_add_test(cases, quotes_are_safe_to_print);
    tcase_add_test(cases, long_quotes_are_shortened);
    tcase_add_test(cases, hints_end_a_message);
    tcase_add_test(cases, words_of_others_are_one_line);
    tcase_add_test(cases, lists_have_an_end);
    Suite *suite = suite_create("error");
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
