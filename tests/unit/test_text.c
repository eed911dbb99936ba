/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers and names by the byte: their bounds, their extremes, and what becomes of text that is
 * none. */
#include <float.h>
#include <math.h>
#include <signal.h>

#include "base/random.h"
#include "record/text.h"
#include "test_record.h"

#define GUARD 'x'

/* That exactly `expected` stands at `text`, ends at `end` and is followed by the guard. */
static void check_piece(const char *text, const char *end, const char *expected)
{
    ck_assert_uint_eq((size_t)(end - text), strlen(expected));
    ck_assert_mem_eq(text, expected, strlen(expected));
    ck_assert_int_eq(*end, GUARD);
}

START_TEST(the_longest_numbers_fill_their_bounds)
{
    char text[64];
    memset(text, GUARD, sizeof(text));
    char *end = gw_text_put_count(text, UINT64_MAX);
    check_piece(text, end, "18446744073709551615");
    ck_assert_int_eq(end - text, GW_TEXT_COUNT_BYTES);
    memset(text, GUARD, sizeof(text));
    end = gw_text_put_fraction(text, UINT64_MAX, 1);
    check_piece(text, end, "18446744073709551615.000000");
    ck_assert_int_eq(end - text, GW_TEXT_FRACTION_BYTES);
    memset(text, GUARD, sizeof(text));
    end = gw_text_put_micro(text, UINT64_MAX);
    check_piece(text, end, "18446744073709551.615");
    ck_assert_int_eq(end - text, GW_TEXT_MICRO_BYTES);
}
END_TEST

START_TEST(pieces_follow_each_other)
{
    char text[64];
    memset(text, GUARD, sizeof(text));
    char *at = gw_text_put_count(text, 0);
    *at++ = ',';
    at = gw_text_put_micro(at, 1010);
    *at++ = ',';
    at = gw_text_put_fraction(at, 1, 8);
    check_piece(text, at, "0,1.010,0.125000");
}
END_TEST

START_TEST(fractions_round_to_the_nearest)
{
    static const struct {
        uint64_t part, whole;
        const char *expected;
    } cases[] = {
        {1, 1999999, "0.000001"},
        {1, 2000001, "0.000000"},
        {1999999, 2000000, "1.000000"},
        {1999997, 2000001, "0.999998"},
        {UINT64_MAX - 1, UINT64_MAX, "1.000000"},
        {1, UINT64_MAX, "0.000000"},
        {UINT64_MAX / 2, UINT64_MAX, "0.500000"},
        {7, 2, "3.500000"},
        {0, 0, "0.000000"},
    };
    for (uint32_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        char text[64];
        memset(text, GUARD, sizeof(text));
        char *end = gw_text_put_fraction(text, cases[i].part, cases[i].whole);
        check_piece(text, end, cases[i].expected);
    }
}
END_TEST

START_TEST(something_of_nothing_aborts)
{
    char text[GW_TEXT_FRACTION_BYTES];
    gw_text_put_fraction(text, 1, 0);
}
END_TEST

/* --- Reals --- */

START_TEST(extreme_reals_read_back)
{
    const double values[] = {
        0.0,    -0.0,       0.1 + 0.2,           DBL_MAX, -DBL_MAX, DBL_MIN, 0x1p-1074,
        0x1p53, 0x1p53 + 2, nextafter(1.0, 2.0), 1e22,    1e-5,
    };
    for (uint32_t i = 0; i < G_N_ELEMENTS(values); i++) {
        g_autoptr(GString) text = g_string_new(NULL);
        char *end;
        gw_text_append_real(text, values[i]);
        const double again = g_ascii_strtod(text->str, &end);
        ck_assert_int_eq(*end, '\0');
        ck_assert_msg(memcmp(&again, &values[i], sizeof(again)) == 0, "%s", text->str);
        ck_assert_ptr_nonnull(strpbrk(text->str, ".e"));
    }
}
END_TEST

/* Significant digits of a number as it is written. */
static int count_digits(const char *text)
{
    g_autoptr(GString) digits = g_string_new(NULL);
    for (; *text != '\0' && *text != 'e'; text++) {
        if (g_ascii_isdigit(*text) && (digits->len > 0 || *text != '0')) {
            g_string_append_c(digits, *text);
        }
    }
    while (digits->len > 0 && digits->str[digits->len - 1] == '0') {
        g_string_truncate(digits, digits->len - 1);
    }
    return (int)digits->len;
}

START_TEST(one_digit_less_would_not_read_back)
{
    gw_random random;
    gw_random_init(&random, 7, "digits");
    for (uint32_t i = 0; i < 5000; i++) {
        const uint64_t part = gw_random_next(&random) % 1000000;
        const double value = ((double)part + 1) / (double)(1 + gw_random_next(&random) % 1000);
        g_autoptr(GString) text = g_string_new(NULL);
        char shorter[G_ASCII_DTOSTR_BUF_SIZE], format[16];
        gw_text_append_real(text, value);
        const int digit_count = count_digits(text->str);
        ck_assert(g_ascii_strtod(text->str, NULL) == value);
        if (digit_count < 2) {
            continue;
        }
        g_snprintf(format, sizeof(format), "%%.%de", digit_count - 2);
        g_ascii_formatd(shorter, sizeof(shorter), format, value);
        ck_assert_msg(g_ascii_strtod(shorter, NULL) != value, "%s: %s", text->str, shorter);
    }
}
END_TEST

START_TEST(what_is_not_finite_is_null)
{
    const double values[] = {(double)INFINITY, -(double)INFINITY, (double)NAN, -(double)NAN};
    g_autoptr(GString) text = g_string_new("is");
    for (uint32_t i = 0; i < G_N_ELEMENTS(values); i++) {
        g_string_append_c(text, ' ');
        gw_text_append_real(text, values[i]);
    }
    ck_assert_str_eq(text->str, "is null null null null");
    for (uint32_t i = 0; i < G_N_ELEMENTS(values); i++) {
        gw_text_append_csv_real(text, values[i]);
    }
    gw_text_append_csv_real(text, 0.5);
    ck_assert_str_eq(text->str, "is null null null null0.5"); /* In CSV: nothing. */
}
END_TEST

/* --- Names --- */

static void check_json(const char *name, const char *expected)
{
    g_autoptr(GString) text = g_string_new("<");
    gw_text_append_json(text, name);
    g_string_append_c(text, '>');
    ck_assert_str_eq(text->str, expected);
}

START_TEST(json_is_escaped)
{
    check_json("", "<\"\">");
    check_json("a,b c", "<\"a,b c\">");
    check_json("\"\\", "<\"\\\"\\\\\">");
    check_json("a\nb", "<\"a\\nb\">");
    check_json("世界", "<\"世界\">");
    check_json("\xe4\xb8", "<\"\xef\xbf\xbd\xef\xbf\xbd\">"); /* A letter cut short. */
    check_json("\xc0\x80", "<\"\xef\xbf\xbd\xef\xbf\xbd\">");
}
END_TEST

START_TEST(every_control_character_is_escaped_or_a_space)
{
    for (int i = 1; i <= 0x7f; i = i == 0x1f ? 0x7f : i + 1) {
        const char name[] = {'a', (char)i, 'b', '\0'};
        g_autoptr(GString) text = g_string_new("[");
        g_autoptr(GString) field = g_string_new(NULL);
        gw_text_append_json(text, name);
        g_string_append_c(text, ']');
        ck_assert_ptr_null(strchr(text->str, i));
        json_t *json = parse_json(text->str);
        ck_assert_str_eq(json_string_value(json_array_get(json, 0)), name);
        json_decref(json);
        gw_text_append_csv(field, name);
        ck_assert_str_eq(field->str, "a b");
    }
}
END_TEST

static void check_field(const char *name, const char *expected)
{
    g_autoptr(GString) text = g_string_new("<");
    gw_text_append_csv(text, name);
    g_string_append_c(text, '>');
    ck_assert_str_eq(text->str, expected);
}

START_TEST(csv_is_quoted_where_it_must)
{
    check_field("", "<>");
    check_field("a\\b", "<a\\b>");
    check_field("a b", "<a b>");
    check_field(" a", "<\" a\">");
    check_field("a ", "<\"a \">");
    check_field("\ta", "<\" a\">");
    check_field("\r\n", "<\"  \">");
    check_field("\"", "<\"\"\"\">");
    check_field(",", "<\",\">");
    check_field("größe, \"é\"", "<\"größe, \"\"é\"\"\">");
    check_field("a\xff,", "<\"a\xef\xbf\xbd,\">");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("text");
    TCase *numbers = tcase_create("numbers");
    tcase_add_test(numbers, the_longest_numbers_fill_their_bounds);
    tcase_add_test(numbers, pieces_follow_each_other);
    tcase_add_test(numbers, fractions_round_to_the_nearest);
    tcase_add_test_raise_signal(numbers, something_of_nothing_aborts, SIGABRT);
    tcase_add_test(numbers, extreme_reals_read_back);
    tcase_add_test(numbers, one_digit_less_would_not_read_back);
    tcase_add_test(numbers, what_is_not_finite_is_null);
    suite_add_tcase(suite, numbers);
    TCase *names = tcase_create("names");
    tcase_add_test(names, json_is_escaped);
    tcase_add_test(names, every_control_character_is_escaped_or_a_space);
    tcase_add_test(names, csv_is_quoted_where_it_must);
    suite_add_tcase(suite, names);
    return run_suite(suite);
}
