/* SPDX-License-Identifier: Apache-2.0 */
/* One table of three rows, three ways: numbers, words, and what could not be worked out. */
#include <check.h>
#include <math.h>

#include "app/claim.h"
#include "app/claim_table.h"
#include "run_suite.h"

static gw_claim_row rows[] = {
    {"Fig. 1", "rate", "2.39", "2.373", true, 2.39, 2.373, -0.0071, 0.05, true},
    {"Fig. 1", "order, of many", "first of all, second, third, last", "b, a", false, NAN, NAN, 0.25,
     0, false},
    {"Fig. 2", "reach", "3", "none", true, 3, NAN, NAN, 0.05, false},
};
static gw_claim_row bounds[] = {
    {"Fig. 3", "kept", "above 2", "2.5", true, NAN, 2.5, 0, 0, true},
    {"Fig. 3", "nearly", "above 2", "1.96", true, NAN, 1.96, -0.02, 0.05, true},
    {"Fig. 3", "met", "2", "2", true, 2, 2, 0, 0.05, true},
};

static GPtrArray *make_table(void)
{
    GPtrArray *table = g_ptr_array_new();
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
        g_ptr_array_add(table, &rows[i]);
    return table;
}

START_TEST(people_read_a_table_by_source)
{
    g_autoptr(GPtrArray) table = make_table();
    g_autofree char *text = gw_claim_table_text(table);
    static const char *const pieces[] = {
        "Fig. 1\n  item            published               ours ",
        "\n  rate            2.39                    2.373                      -0.7 %     5.0 %  "
        "yes"
        "\n",
        "\n      published: first of all, second, third, last\n      ours:      b, a\n",
        "   25.0 %     0.0 %  NO\n",
        "\n\nFig. 2\n  item ",
        "none                            -     5.0 %  NO\n",
    };
    for (guint i = 0; i < G_N_ELEMENTS(pieces); i++)
        ck_assert_msg(strstr(text, pieces[i]) != NULL, "no piece %u in:\n%s", i, text);
    ck_assert_uint_eq(gw_claim_table_missed(table), 2);
}
END_TEST

/* Numbers have errors, statements only where they are missed. */
START_TEST(statements_that_are_kept_have_no_error)
{
    g_autoptr(GPtrArray) table = g_ptr_array_new();
    for (guint i = 0; i < G_N_ELEMENTS(bounds); i++)
        g_ptr_array_add(table, &bounds[i]);
    g_autofree char *text = gw_claim_table_text(table);
    static const char *const endings[] = {" 2.5 - - yes", " 1.96 -2.0 % 5.0 % yes",
                                          " 2 0.0 % 5.0 % yes"};
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (guint i = 0; i < G_N_ELEMENTS(endings); i++) {
        g_autoptr(GRegex) spaces = g_regex_new(" +", 0, 0, NULL);
        g_autofree char *words = g_regex_replace_literal(spaces, lines[2 + i], -1, 0, " ", 0, NULL);
        ck_assert_msg(g_str_has_suffix(words, endings[i]), "%s", words);
    }
}
END_TEST

START_TEST(programs_read_csv)
{
    g_autoptr(GPtrArray) table = make_table();
    g_autofree char *text = gw_claim_table_csv(table);
    ck_assert_str_eq(text, "source,item,published,ours,error,tolerance,holds\n"
                           "Fig. 1,rate,2.39,2.373,-0.0071,0.05,true\n"
                           "Fig. 1,\"order, of many\",\"first of all, second, third, last\","
                           "\"b, a\",0.25,0.0,false\n"
                           "Fig. 2,reach,3.0,none,,0.05,false\n");
}
END_TEST

START_TEST(programs_read_json)
{
    g_autoptr(GPtrArray) table = make_table();
    g_autofree char *text = gw_claim_table_json(table);
    ck_assert_str_eq(
        text,
        "[\n  {\"source\": \"Fig. 1\", \"item\": \"rate\", \"published\": 2.39, \"ours\": 2.373, "
        "\"error\": -0.0071, \"tolerance\": 0.05, \"holds\": true},\n"
        "  {\"source\": \"Fig. 1\", \"item\": \"order, of many\", \"published\": "
        "\"first of all, second, third, last\", \"ours\": \"b, a\", \"error\": 0.25, "
        "\"tolerance\": 0.0, \"holds\": false},\n"
        "  {\"source\": \"Fig. 2\", \"item\": \"reach\", \"published\": 3.0, \"ours\": \"none\", "
        "\"error\": null, \"tolerance\": 0.05, \"holds\": false}\n]\n");
    g_autoptr(GPtrArray) empty = g_ptr_array_new();
    g_autofree char *none = gw_claim_table_json(empty);
    ck_assert_str_eq(none, "[]\n");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("claim_table");
    TCase *cases = tcase_create("claim_table");
    tcase_add_test(cases, people_read_a_table_by_source);
    tcase_add_test(cases, statements_that_are_kept_have_no_error);
    tcase_add_test(cases, programs_read_csv);
    tcase_add_test(cases, programs_read_json);
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
