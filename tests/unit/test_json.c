/* SPDX-License-Identifier: Apache-2.0 */
/* JSON out: its layout by the byte, its values read back by another library, and calls that make
 * no document. */
#include <float.h>
#include <math.h>
#include <signal.h>

#include "record/json.h"
#include "test_record.h"

START_TEST(an_empty_root_is_short)
{
    gw_json json;
    g_autoptr(GString) text = g_string_new("before ");
    gw_json_init(&json, text);
    gw_json_finish(&json);
    ck_assert_str_eq(text->str, "before {}\n");
}
END_TEST

START_TEST(levels_are_two_spaces)
{
    gw_json json;
    g_autoptr(GString) text = g_string_new(NULL);
    gw_json_init(&json, text);
    gw_json_open_array(&json, "none");
    gw_json_close_array(&json);
    gw_json_open_array(&json, "rows");
    gw_json_reals(&json, NULL, NULL, 0);
    gw_json_reals(&json, NULL, (const double[]){1, 0.5}, 2);
    gw_json_open_array(&json, NULL);
    gw_json_count(&json, NULL, 0);
    gw_json_string(&json, NULL, "");
    gw_json_null(&json, NULL);
    gw_json_close_array(&json);
    gw_json_close_array(&json);
    gw_json_count(&json, "after", 1);
    gw_json_finish(&json);
    ck_assert_str_eq(text->str, "{\n  \"none\": [],\n  \"rows\": [\n    [],\n    [1.0, 0.5],\n"
                                "    [\n      0,\n      \"\",\n      null\n    ]\n  ],\n"
                                "  \"after\": 1\n}\n");
}
END_TEST

START_TEST(members_stay_in_order)
{
    static const char *const keys[] = {"z", "a", "m", "10", "9", "B"};
    gw_json json;
    g_autoptr(GString) text = g_string_new(NULL);
    gw_json_init(&json, text);
    for (uint32_t i = 0; i < G_N_ELEMENTS(keys); i++) {
        gw_json_count(&json, keys[i], i);
    }
    gw_json_finish(&json);
    ck_assert_str_eq(text->str, "{\n  \"z\": 0,\n  \"a\": 1,\n  \"m\": 2,\n  \"10\": 3,\n"
                                "  \"9\": 4,\n  \"B\": 5\n}\n");
}
END_TEST

START_TEST(counts_are_whole_to_the_last_digit)
{
    gw_json json;
    g_autoptr(GString) text = g_string_new(NULL);
    gw_json_init(&json, text);
    gw_json_count(&json, "most", UINT64_MAX);
    gw_json_count(&json, "odd", (UINT64_C(1) << 53) + 1);
    gw_json_finish(&json);
    ck_assert_str_eq(text->str, "{\n  \"most\": 18446744073709551615,\n"
                                "  \"odd\": 9007199254740993\n}\n");
}
END_TEST

START_TEST(reals_read_back)
{
    const double values[] = {0.1, -1.0 / 3.0, DBL_MAX, DBL_MIN, 0x1p-1074, 3, -0.0, 1e300};
    gw_json json;
    g_autoptr(GString) text = g_string_new(NULL);
    gw_json_init(&json, text);
    gw_json_reals(&json, "values", values, G_N_ELEMENTS(values));
    gw_json_real(&json, "alone", values[1]);
    gw_json_finish(&json);
    json_t *root = parse_json(text->str);
    const json_t *list = json_object_get(root, "values");
    ck_assert_uint_eq(json_array_size(list), G_N_ELEMENTS(values));
    for (uint32_t i = 0; i < G_N_ELEMENTS(values); i++) {
        const json_t *item = json_array_get(list, i);
        const double again = json_real_value(item);
        ck_assert(json_is_real(item)); /* Whole ones too. */
        ck_assert_msg(memcmp(&again, &values[i], sizeof(again)) == 0, "value %u", i);
    }
    ck_assert(json_real_value(json_object_get(root, "alone")) == values[1]);
    json_decref(root);
}
END_TEST

START_TEST(what_is_not_finite_is_null)
{
    const double values[] = {(double)NAN, 2, -(double)INFINITY};
    gw_json json;
    g_autoptr(GString) text = g_string_new(NULL);
    gw_json_init(&json, text);
    gw_json_real(&json, "nan", (double)NAN);
    gw_json_real(&json, "infinite", (double)INFINITY);
    gw_json_reals(&json, "list", values, G_N_ELEMENTS(values));
    gw_json_finish(&json);
    ck_assert_str_eq(text->str, "{\n  \"nan\": null,\n  \"infinite\": null,\n"
                                "  \"list\": [null, 2.0, null]\n}\n");
}
END_TEST

START_TEST(keys_and_strings_are_escaped)
{
    static const char key[] = "a \"key\"\\\n\x01 \xc3\xa9";
    gw_json json;
    g_autoptr(GString) text = g_string_new(NULL);
    gw_json_init(&json, text);
    gw_json_string(&json, key, key);
    gw_json_string(&json, "broken", "\xff!");
    gw_json_open_object(&json, "\t");
    gw_json_close_object(&json);
    gw_json_finish(&json);
    json_t *root = parse_json(text->str);
    ck_assert_uint_eq(json_object_size(root), 3);
    ck_assert_str_eq(json_string_value(json_object_get(root, key)), key);
    ck_assert_str_eq(json_string_value(json_object_get(root, "broken")), "\xef\xbf\xbd!");
    ck_assert(json_is_object(json_object_get(root, "\t")));
    json_decref(root);
}
END_TEST

/* --- Calls that make no document --- */

START_TEST(an_open_object_aborts)
{
    gw_json json;
    g_autoptr(GString) text = g_string_new(NULL);
    gw_json_init(&json, text);
    gw_json_open_object(&json, "open");
    gw_json_finish(&json);
}
END_TEST

START_TEST(a_second_finish_aborts)
{
    gw_json json;
    g_autoptr(GString) text = g_string_new(NULL);
    gw_json_init(&json, text);
    gw_json_finish(&json);
    gw_json_finish(&json);
}
END_TEST

START_TEST(a_value_after_the_end_aborts)
{
    gw_json json;
    g_autoptr(GString) text = g_string_new(NULL);
    gw_json_init(&json, text);
    gw_json_finish(&json);
    gw_json_count(&json, "late", 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("json");
    TCase *cases = tcase_create("json");
    tcase_add_test(cases, an_empty_root_is_short);
    tcase_add_test(cases, levels_are_two_spaces);
    tcase_add_test(cases, members_stay_in_order);
    tcase_add_test(cases, counts_are_whole_to_the_last_digit);
    tcase_add_test(cases, reals_read_back);
    tcase_add_test(cases, what_is_not_finite_is_null);
    tcase_add_test(cases, keys_and_strings_are_escaped);
    tcase_add_test_raise_signal(cases, an_open_object_aborts, SIGABRT);
    tcase_add_test_raise_signal(cases, a_second_finish_aborts, SIGABRT);
    tcase_add_test_raise_signal(cases, a_value_after_the_end_aborts, SIGABRT);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
