/* SPDX-License-Identifier: Apache-2.0 */
/* A JSON file read: what the getters answer, and that every mistake is told with its place, what
 * was found, what was expected, and the nearest name. */
#include <errno.h>
#include <float.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "run_suite.h"
#include "test_params.h"

static void check_syntax(const char *text, const char *beginning)
{
    g_autoptr(GError) error = NULL;
    ck_assert_msg(gw_params_parse(text, "t.json", &error) == NULL, "accepted: %s", text);
    ck_assert(g_error_matches(error, GW_ERROR, GW_ERROR_SCENARIO));
    ck_assert_msg(g_str_has_prefix(error->message, beginning), "\"%s\" is not \"%s\"...",
                  error->message, beginning);
    ck_assert(g_utf8_validate(error->message, -1, NULL));
    ck_assert_ptr_null(strchr(error->message, '\n'));
}

/* --- Files and syntax --- */

START_TEST(syntax_errors_have_line_and_column)
{
    check_syntax("", "t.json:1:1: '[' or '{' expected near end of file");
    check_syntax("{\"a\": 1,}", "t.json:1:9: string or '}' expected near '}'");
    check_syntax("{\n  \"a\": 1\n  \"b\": 2}", "t.json:3:5: '}' expected near '\"b\"'");
    check_syntax("{\"a\": 1, \"a\": 2}", "t.json:1:12: duplicate object key near '\"a\"'");
    check_syntax("{} {}", "t.json:1:4: end of file expected near '{'");
    check_syntax("42", "t.json:1:2: '[' or '{' expected near '42'");
    check_syntax("// no\n{}", "t.json:1:1: '[' or '{' expected near '/'");
    check_syntax("{\"a\": \"x\\u0000\"}",
                 "t.json:1:15: found \\u0000, which no text here may hold near '\"x\\u0000\"'");
    check_syntax("{\"\\u0000\": 1}",
                 "t.json:1:9: found \\u0000, which no text here may hold near '\"\\u0000\"'");
}
END_TEST

START_TEST(wrong_numbers_are_syntax_errors)
{
    static const char *const numbers[] = {
        "1e999",
        "-1e999",
        "NaN",
        "Infinity",
        "-",
        "01",
        "1.",
        ".5",
        "+1",
        "0x10",
        "1e",
        "99999999999999999999",
        "9223372036854775808",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++) {
        g_autofree char *text = g_strdup_printf("{\n\"a\": %s}", numbers[i]);
        check_syntax(text, "t.json:2:");
    }
}
END_TEST

START_TEST(rubbish_is_one_clear_error)
{
    static const char *const texts[] = {
        "\x89PNG\r\n\x1a\n",
        "{\"a\": \"\xff\xfe\"}",
        "{\"a\": \"\xc3\"}",
        "{\"\xe2\x82\": 1}",
        "{\"a\": \"x\ny\"}",
        "{\"a\": \"\\u0000\"}",
        "{\"a\": \"\\ud800\"}",
        "{\"a",
        "{'a': 1}",
        "\xff\xfe{\0}\0",
        "{\"a\": \"\x01\"}",
        "[",
        "{\"a\": tru}",
        "{a: 1}",
        "{\"a\" 1}",
        "\"\\",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        check_syntax(texts[i], "t.json:");
    }
}
END_TEST

START_TEST(deep_nesting_is_refused)
{
    GString *text = g_string_new("{\"a\": ");
    for (size_t i = 0; i < 100000; i++) {
        g_string_append_c(text, '[');
    }
    check_syntax(text->str, "t.json:1:2054: maximum parsing depth reached near '['");
    g_string_free(text, TRUE);
}
END_TEST

/* As deep as the parser goes, lines are still found, without recursion. */
START_TEST(deep_values_have_lines)
{
    GString *text = g_string_new("{\"a\":\n[");
    for (size_t i = 0; i < 2000; i++) {
        g_string_append(text, "[\n");
    }
    for (size_t i = 0; i < 2000; i++) {
        g_string_append(text, "]");
    }
    g_string_append(text, "],\n\"b\": 1}");
    g_autoptr(gw_params) root = parse(text->str);
    GError *error = NULL;
    bool flag = false;
    check_message(gw_params_bool(root, "b", true, &flag, &error), &error,
                  "t.json:2003: /b: found 1, expected true or false");
    g_string_free(text, TRUE);
}
END_TEST

START_TEST(root_must_be_an_object)
{
    GError *error = NULL;
    check_message(gw_params_parse("\n[1, 2]", "t.json", &error) != NULL, &error,
                  "t.json:2: /: found an array, expected an object");
}
END_TEST

START_TEST(byte_order_mark_is_skipped)
{
    g_autoptr(gw_params) root = parse("\xef\xbb\xbf{\"a\": 1}");
    ck_assert(gw_params_has(root, "a"));
}
END_TEST

static char *make_path(const char *name)
{
    const char *folder = g_getenv("TMPDIR");
    return g_strdup_printf("%s/gangway-params-%d-%s", folder != NULL ? folder : "/tmp",
                           (int)getpid(), name);
}

START_TEST(files_are_read)
{
    g_autofree char *path = make_path("good.json");
    ck_assert(g_file_set_contents(path, "{\"seed\": 7,\n\"x\": true}", -1, NULL));
    GError *error = NULL;
    g_autoptr(gw_params) root = gw_params_load(path, &error);
    unlink(path);
    ck_assert_ptr_nonnull(root);
    ck_assert_str_eq(gw_params_source(root), path);
    uint64_t seed = 0;
    ck_assert(gw_params_count(root, "seed", true, 0, 100, &seed, NULL));
    ck_assert_uint_eq(seed, 7);
    g_autofree char *message = g_strdup_printf("%s:2: /x: found true, expected a string", path);
    const char *text = NULL;
    check_message(gw_params_string(root, "x", true, &text, &error), &error, message);
}
END_TEST

START_TEST(wrong_files_are_refused)
{
    GError *error = NULL;
    check_message(gw_params_load("/no/such/file.json", &error) != NULL, &error,
                  "/no/such/file.json: No such file or directory");
    check_message(gw_params_load("", &error) != NULL, &error, ": No such file or directory");
    check_message(gw_params_load("/dev/null/x", &error) != NULL, &error,
                  "/dev/null/x: Not a directory");
    check_message(gw_params_load("/", &error) != NULL, &error,
                  "/: found a directory, expected a JSON file");
    check_message(gw_params_load("/dev/zero", &error) != NULL, &error,
                  "/dev/zero: found a device, expected a JSON file");
}
END_TEST

START_TEST(unreadable_files_are_the_systems)
{
    g_autofree char *path = make_path("loop.json");
    ck_assert_int_eq(symlink(path, path), 0);
    g_autoptr(GError) error = NULL;
    ck_assert_ptr_null(gw_params_load(path, &error));
    unlink(path);
    ck_assert(g_error_matches(error, GW_ERROR, GW_ERROR_SYSTEM));
    ck_assert_ptr_nonnull(strstr(error->message, g_strerror(ELOOP)));
}
END_TEST

START_TEST(files_may_hold_zero_bytes)
{
    g_autofree char *path = make_path("zero.json");
    ck_assert(g_file_set_contents(path, "{\"a\": 1}\0\0", 10, NULL));
    g_autoptr(GError) error = NULL;
    ck_assert_ptr_null(gw_params_load(path, &error));
    unlink(path);
    ck_assert(g_error_matches(error, GW_ERROR, GW_ERROR_SCENARIO));
}
END_TEST

/* --- Getters --- */

START_TEST(members_are_read)
{
    g_autoptr(gw_params) root = parse("{\"s\": \"text\", \"b\": true, \"n\": -2.5, \"i\": 3,\n"
                                      "\"o\": {\"x\": 1}, \"l\": [\"a\", 2, {}], \"p\": \"fifo\"}");
    const char *text = NULL;
    ck_assert(gw_params_string(root, "s", true, &text, NULL));
    ck_assert_str_eq(text, "text");
    bool flag = false;
    ck_assert(gw_params_bool(root, "b", true, &flag, NULL) && flag);
    double number = 0;
    ck_assert(gw_params_number(root, "n", true, -10, 10, &number, NULL));
    ck_assert_double_eq(number, -2.5);
    ck_assert(gw_params_number(root, "i", true, -DBL_MAX, DBL_MAX, &number, NULL));
    ck_assert_double_eq(number, 3);
    uint32_t choice = 9;
    ck_assert(gw_params_choice(root, "p", true, policies, &choice, NULL));
    ck_assert_uint_eq(choice, 0);
    gw_params *object = NULL, *array = NULL, *value = NULL;
    ck_assert(gw_params_object(root, "o", true, &object, NULL));
    ck_assert(gw_params_is_object(object) && !gw_params_is_array(object));
    ck_assert(gw_params_array(root, "l", true, &array, NULL));
    ck_assert(gw_params_is_array(array) && !gw_params_is_string(array));
    ck_assert(gw_params_value(root, "s", true, &value, NULL));
    ck_assert(gw_params_is_string(value));
    ck_assert(gw_params_finish(root, NULL));
}
END_TEST

START_TEST(absent_members_are_left_alone)
{
    g_autoptr(gw_params) root = parse("{}");
    const char *text = "kept";
    bool flag = true;
    double number = 1.5;
    uint64_t count = 4, span_ns = 5, size_bytes = 6;
    uint32_t choice = 7;
    gw_params *value = root;
    ck_assert(gw_params_string(root, "a", false, &text, NULL));
    ck_assert(gw_params_bool(root, "a", false, &flag, NULL));
    ck_assert(gw_params_number(root, "a", false, 0, 1, &number, NULL));
    ck_assert(gw_params_count(root, "a", false, 0, 1, &count, NULL));
    ck_assert(gw_params_span(root, "a", false, &span_ns, NULL));
    ck_assert(gw_params_bytes(root, "a", false, &size_bytes, NULL));
    ck_assert(gw_params_quantity(root, "a", false, GW_UNIT_POWER, &number, NULL));
    ck_assert(gw_params_choice(root, "a", false, policies, &choice, NULL));
    ck_assert(gw_params_object(root, "a", false, &value, NULL));
    ck_assert(gw_params_array(root, "a", false, &value, NULL));
    ck_assert(gw_params_value(root, "a", false, &value, NULL));
    ck_assert(!gw_params_has(root, "a"));
    ck_assert_str_eq(text, "kept");
    ck_assert(flag && number == 1.5 && count == 4 && span_ns == 5 && size_bytes == 6);
    ck_assert(choice == 7 && value == root);
}
END_TEST

START_TEST(missing_members_are_told)
{
    g_autoptr(gw_params) root = parse("{\n\"cluster\": {\n\"hsots\": 3}}");
    gw_params *cluster = NULL;
    uint64_t count = 0;
    GError *error = NULL;
    ck_assert(gw_params_object(root, "cluster", true, &cluster, NULL));
    check_message(
        gw_params_count(cluster, "hosts", true, 1, 65536, &count, &error), &error,
        "t.json:2: /cluster: found no \"hosts\", expected a whole number from 1 to 65536; "
        "is \"hsots\" meant to be it?");
    check_message(gw_params_object(root, "control", true, &cluster, &error), &error,
                  "t.json:1: /: found no \"control\", expected an object");
    check_message(gw_params_span(root, "latency", true, &count, &error), &error,
                  "t.json:1: /: found no \"latency\", expected a span such as \"2.3ms\" "
                  "(or a plain number as \"latency_ns\")");
}
END_TEST

START_TEST(wrong_kinds_are_told)
{
    g_autoptr(gw_params) root = parse("{\"o\": {},\n\"l\": [],\n\"s\": \"x\",\n\"z\": null}");
    gw_params *value = NULL;
    const char *text = NULL;
    bool flag = false;
    uint32_t choice = 0;
    GError *error = NULL;
    check_message(gw_params_object(root, "l", true, &value, &error), &error,
                  "t.json:2: /l: found an array, expected an object");
    check_message(gw_params_array(root, "s", true, &value, &error), &error,
                  "t.json:3: /s: found \"x\", expected an array");
    check_message(gw_params_string(root, "o", true, &text, &error), &error,
                  "t.json:1: /o: found an object, expected a string");
    check_message(gw_params_bool(root, "z", false, &flag, &error), &error,
                  "t.json:4: /z: found null, expected true or false");
    check_message(gw_params_choice(root, "l", true, policies, &choice, &error), &error,
                  "t.json:2: /l: found an array, expected one of \"fifo\", "
                  "\"proportional_share\"");
    ck_assert(gw_params_has(root, "z"));
    ck_assert_ptr_null(value);
}
END_TEST

START_TEST(choices_are_suggested)
{
    g_autoptr(gw_params) root = parse("{\"policy\": \"fifi\", \"other\": \"lottery\"}");
    uint32_t choice = 3;
    GError *error = NULL;
    check_message(gw_params_choice(root, "policy", true, policies, &choice, &error), &error,
                  "t.json:1: /policy: found \"fifi\", expected one of \"fifo\", "
                  "\"proportional_share\"; did you mean \"fifo\"?");
    check_message(gw_params_choice(root, "other", true, policies, &choice, &error), &error,
                  "t.json:1: /other: found \"lottery\", expected one of \"fifo\", "
                  "\"proportional_share\"");
    ck_assert_uint_eq(choice, 3);
}
END_TEST

/* --- Numbers --- */

static bool read_count(const char *number, uint64_t minimum, uint64_t maximum, uint64_t *out,
                       GError **error)
{
    g_autofree char *text = g_strdup_printf("{\"n\": %s}", number);
    g_autoptr(gw_params) root = parse(text);
    return gw_params_count(root, "n", true, minimum, maximum, out, error);
}

START_TEST(whole_numbers_are_counts)
{
    static const struct {
        const char *text;
        uint64_t value;
    } cases[] = {
        {"0", 0},      {"7", 7},    {"4.0", 4},
        {"1e3", 1000}, {"-0.0", 0}, {"9223372036854775807", INT64_MAX},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        uint64_t count = 99;
        ck_assert_msg(read_count(cases[i].text, 0, UINT64_MAX, &count, NULL), "%s", cases[i].text);
        ck_assert_uint_eq(count, cases[i].value);
    }
}
END_TEST

START_TEST(other_numbers_are_not)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"-3", "t.json:1: /n: found -3, expected a whole number from 1 to 8"},
        {"0", "t.json:1: /n: found 0, expected a whole number from 1 to 8"},
        {"9", "t.json:1: /n: found 9, expected a whole number from 1 to 8"},
        {"2.5", "t.json:1: /n: found 2.5, expected a whole number from 1 to 8"},
        {"0.1", "t.json:1: /n: found 0.1, expected a whole number from 1 to 8"},
        {"1e300", "t.json:1: /n: found 1e+300, expected a whole number from 1 to 8"},
        {"\"2\"", "t.json:1: /n: found \"2\", expected a whole number from 1 to 8"},
        {"true", "t.json:1: /n: found true, expected a whole number from 1 to 8"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        uint64_t count = 99;
        GError *error = NULL;
        check_message(read_count(cases[i].text, 1, 8, &count, &error), &error, cases[i].message);
        ck_assert_uint_eq(count, 99);
    }
    uint64_t count = 0;
    GError *error = NULL;
    check_message(
        read_count("-9223372036854775808", 1, UINT64_MAX, &count, &error), &error,
        "t.json:1: /n: found -9223372036854775808, expected a whole number of at least 1");
}
END_TEST

START_TEST(numbers_keep_to_their_range)
{
    g_autoptr(gw_params) root = parse("{\"a\": 1.5, \"b\": -1, \"c\": \"1\", \"d\": 1}");
    double number = 9;
    GError *error = NULL;
    check_message(gw_params_number(root, "a", true, 0, 1, &number, &error), &error,
                  "t.json:1: /a: found 1.5, expected a number from 0 to 1");
    check_message(gw_params_number(root, "b", true, 0.5, DBL_MAX, &number, &error), &error,
                  "t.json:1: /b: found -1, expected a number of at least 0.5");
    check_message(gw_params_number(root, "d", true, -DBL_MAX, 0, &number, &error), &error,
                  "t.json:1: /d: found 1, expected a number of at most 0");
    check_message(gw_params_number(root, "c", true, -DBL_MAX, DBL_MAX, &number, &error), &error,
                  "t.json:1: /c: found \"1\", expected a number");
    ck_assert_double_eq(number, 9);
}
END_TEST

/* --- Quantities --- */

START_TEST(quantities_are_read_both_ways)
{
    g_autoptr(gw_params) root =
        parse("{\"latency\": \"2.3ms\", \"hop_ns\": 1000, \"tick_ns\": 0.25, \"hbm\": \"16GiB\","
              "\"sram_bytes\": 4096, \"link\": \"100GB/s\", \"nic_bytes_per_s\": 12.5e9,"
              "\"peak\": \"312TFLOP/s\", \"low_flops\": 5, \"power_watts\": 400}");
    gw_span span_ns = 0;
    ck_assert(gw_params_span(root, "latency", true, &span_ns, NULL) && span_ns == 2300000);
    ck_assert(gw_params_span(root, "hop", true, &span_ns, NULL) && span_ns == 1000);
    ck_assert(gw_params_span(root, "tick", true, &span_ns, NULL) && span_ns == 1);
    uint64_t size_bytes = 0;
    ck_assert(gw_params_bytes(root, "hbm", true, &size_bytes, NULL));
    ck_assert_uint_eq(size_bytes, UINT64_C(16) << 30);
    ck_assert(gw_params_bytes(root, "sram", true, &size_bytes, NULL) && size_bytes == 4096);
    double value = 0;
    ck_assert(gw_params_quantity(root, "link", true, GW_UNIT_RATE, &value, NULL));
    ck_assert_double_eq(value, 100e9);
    ck_assert(gw_params_quantity(root, "nic", true, GW_UNIT_RATE, &value, NULL));
    ck_assert_double_eq(value, 12.5e9);
    ck_assert(gw_params_quantity(root, "peak", true, GW_UNIT_FLOPS, &value, NULL));
    ck_assert_double_eq(value, 312e12);
    ck_assert(gw_params_quantity(root, "low", true, GW_UNIT_FLOPS, &value, NULL));
    ck_assert_double_eq(value, 5);
    ck_assert(gw_params_quantity(root, "power", true, GW_UNIT_POWER, &value, NULL));
    ck_assert_double_eq(value, 400);
    ck_assert(gw_params_finish(root, NULL));
}
END_TEST

/* A key that ends in the unit takes a text or a number, and no second key with the unit twice. */
START_TEST(keys_that_end_in_their_unit)
{
    g_autoptr(gw_params) root =
        parse("{\"bytes\": 5, \"row_bytes\": \"2KiB\", \"a\": {\"bytes\": []},"
              "\"b\": {\"bytes_bytes\": 5}, \"c\": {\"bytes\": -1}}");
    uint64_t size_bytes = 0;
    ck_assert(gw_params_bytes(root, "bytes", true, &size_bytes, NULL) && size_bytes == 5);
    ck_assert(gw_params_bytes(root, "row_bytes", true, &size_bytes, NULL) && size_bytes == 2048);
    gw_params *part = NULL;
    GError *error = NULL;
    ck_assert(gw_params_object(root, "a", true, &part, NULL));
    check_message(
        gw_params_bytes(part, "bytes", true, &size_bytes, &error), &error,
        "t.json:1: /a/bytes: found an array, expected bytes such as \"64MiB\", or a plain "
        "number");
    ck_assert(gw_params_object(root, "b", true, &part, NULL));
    ck_assert(gw_params_bytes(part, "bytes", false, &size_bytes, NULL));
    check_message(gw_params_finish(part, &error), &error,
                  "t.json:1: /b/bytes_bytes: found an unknown key, expected one of \"bytes\"");
    ck_assert(gw_params_object(root, "c", true, &part, NULL));
    check_message(gw_params_bytes(part, "bytes", true, &size_bytes, &error), &error,
                  "t.json:1: /c/bytes: found -1, expected a number of at least 0");
    ck_assert_uint_eq(size_bytes, 2048);
}
END_TEST

START_TEST(other_kinds_are_refused)
{
    g_autoptr(gw_params) root = parse("{\n\"a\": false}");
    gw_params *value = NULL;
    GError *error = NULL;
    ck_assert(gw_params_value(root, "a", true, &value, NULL));
    gw_params_refuse(value, "a name, or an object", &error);
    check_message(false, &error, "t.json:2: /a: found false, expected a name, or an object");
}
END_TEST

static void check_span_refused(const char *member, const char *message)
{
    g_autofree char *text = g_strdup_printf("{\n%s}", member);
    g_autoptr(gw_params) root = parse(text);
    gw_span span_ns = 77;
    GError *error = NULL;
    check_message(gw_params_span(root, "d", true, &span_ns, &error), &error, message);
    ck_assert_uint_eq(span_ns, 77);
}

START_TEST(wrong_quantities_are_told)
{
    check_span_refused("\"d\": 5", "t.json:2: /d: found 5, expected a span such as \"2.3ms\" "
                                   "(or a plain number as \"d_ns\")");
    check_span_refused("\"d\": \"5\"", "t.json:2: /d: found \"5\", expected a span such as "
                                       "\"2.3ms\" (the unit is missing)");
    check_span_refused("\"d_ns\": \"5us\"",
                       "t.json:2: /d_ns: found \"5us\", expected a plain number");
    check_span_refused("\"d_ns\": -1",
                       "t.json:2: /d_ns: found -1, expected a number of at least 0");
    check_span_refused("\"d_ns\": 1e19",
                       "t.json:2: /d_ns: found 1e+19, expected a number below 2^63");
    check_span_refused(
        "\"d\": \"10000001s\"",
        "t.json:2: /d: found 10000001 s, expected a span of at most 10000000 s (115 days)");
    check_span_refused("\"d\": \"1ns\",\n\"d_ns\": 1",
                       "t.json:3: /d_ns: found \"d\" as well as \"d_ns\", expected one");
    g_autoptr(gw_params) root = parse("{\"hbm\": \"64 megs\"}");
    uint64_t size_bytes = 0;
    double value = 0;
    GError *error = NULL;
    check_message(gw_params_bytes(root, "hbm", true, &size_bytes, &error), &error,
                  "t.json:1: /hbm: found \"64 megs\", expected bytes such as \"64MiB\"");
    check_message(gw_params_quantity(root, "hbm", true, GW_UNIT_POWER, &value, &error), &error,
                  "t.json:1: /hbm: found \"64 megs\", expected watts such as \"400W\"");
}
END_TEST

/* --- Elements and keys --- */

START_TEST(elements_are_read)
{
    g_autoptr(gw_params) root = parse("{\"l\": [\"a\",\n 2,\n {\"x\": 1}, -1]}");
    gw_params *array = NULL;
    ck_assert(gw_params_array(root, "l", true, &array, NULL));
    ck_assert_uint_eq(gw_params_length(array), 4);
    const char *text = NULL;
    ck_assert(gw_params_as_string(gw_params_at(array, 0), &text, NULL));
    ck_assert_str_eq(text, "a");
    uint64_t count = 0;
    ck_assert(gw_params_as_count(gw_params_at(array, 1), 1, 2, &count, NULL));
    ck_assert_uint_eq(count, 2);
    ck_assert(gw_params_is_object(gw_params_at(array, 2)));
    ck_assert_str_eq(gw_params_path(gw_params_at(array, 2)), "/l/2");
    ck_assert_ptr_eq(gw_params_at(array, 2), gw_params_at(array, 2));
    GError *error = NULL;
    check_message(gw_params_as_string(gw_params_at(array, 1), &text, &error), &error,
                  "t.json:2: /l/1: found 2, expected a string");
    check_message(gw_params_as_count(gw_params_at(array, 3), 0, 9, &count, &error), &error,
                  "t.json:3: /l/3: found -1, expected a whole number from 0 to 9");
    double number = 0;
    ck_assert(gw_params_as_number(gw_params_at(array, 3), &number, NULL));
    ck_assert(number == -1.0);
    check_message(gw_params_as_number(gw_params_at(array, 0), &number, &error), &error,
                  "t.json:1: /l/0: found \"a\", expected a number");
    ck_assert(number == -1.0);
}
END_TEST

START_TEST(keys_come_in_the_files_order)
{
    g_autoptr(gw_params) root = parse("{\"z\": 1, \"//\": \"why\", \"a\": 2, \"$comment\": [],"
                                      "\"$schema\": \"s\", \"m\": 3}");
    ck_assert_uint_eq(gw_params_length(root), 3);
    ck_assert_str_eq(gw_params_key_at(root, 0), "z");
    ck_assert_str_eq(gw_params_key_at(root, 1), "a");
    ck_assert(!gw_params_finish(root, NULL));
    ck_assert_str_eq(gw_params_key_at(root, 2), "m");
    ck_assert(gw_params_finish(root, NULL));
    g_autoptr(gw_params) empty = parse("{}");
    ck_assert_uint_eq(gw_params_length(empty), 0);
}
END_TEST

START_TEST(strangers_are_refused)
{
    g_autoptr(gw_params) root = parse("{\"steps\": 1,\n\"stepz\": 2,\n\"zzz\": 3}");
    uint64_t count = 0;
    GError *error = NULL;
    check_message(gw_params_finish(root, &error), &error,
                  "t.json:1: /steps: found an unknown key, expected none here");
    ck_assert(gw_params_count(root, "steps", true, 0, 9, &count, NULL));
    ck_assert(gw_params_count(root, "batch", false, 0, 9, &count, NULL));
    check_message(gw_params_finish(root, &error), &error,
                  "t.json:2: /stepz: found an unknown key, expected one of \"steps\", \"batch\"; "
                  "did you mean \"steps\"?");
    ck_assert(gw_params_has(root, "stepz"));
    check_message(gw_params_finish(root, &error), &error,
                  "t.json:3: /zzz: found an unknown key, expected one of \"steps\", \"batch\", "
                  "\"stepz\"");
}
END_TEST

START_TEST(comments_are_allowed)
{
    g_autoptr(gw_params) root = parse("{\"$schema\": \"s\", \"//\": 1, \"// note\": 2,"
                                      "\"$comment\": 3, \"$comment2\": 4}");
    ck_assert(gw_params_finish(root, NULL));
}
END_TEST

START_TEST(same_value_is_the_same_mark)
{
    g_autoptr(gw_params) root = parse("{\"o\": {\"x\": 1}}");
    gw_params *first = NULL, *second = NULL;
    ck_assert(gw_params_object(root, "o", true, &first, NULL));
    ck_assert(gw_params_value(root, "o", true, &second, NULL));
    ck_assert_ptr_eq(first, second);
    ck_assert(gw_params_has(first, "x"));
    ck_assert(gw_params_finish(second, NULL));
}
END_TEST

/* --- Places --- */

static uint64_t find_line(const char *text, const char *const *steps)
{
    g_autoptr(gw_params) root = parse(text);
    gw_params *value = root;
    for (size_t i = 0; steps[i] != NULL; i++) {
        if (gw_params_is_array(value)) {
            value = gw_params_at(value, (uint32_t)g_ascii_strtoull(steps[i], NULL, 10));
        } else {
            ck_assert(gw_params_value(value, steps[i], true, &value, NULL));
        }
    }
    g_autoptr(GError) error = NULL;
    gw_params_error(value, NULL, &error, "here");
    ck_assert(g_str_has_prefix(error->message, "t.json:"));
    ck_assert(g_str_has_suffix(error->message, ": here"));
    return g_ascii_strtoull(error->message + strlen("t.json:"), NULL, 10);
}

#define LINE_OF(text, ...) find_line(text, (const char *const[]){__VA_ARGS__, NULL})

START_TEST(lines_are_found)
{
    static const char *const text = "\n{\n"
                                    "  \"a\": \"}\\\"]\", \"b\": [1, [2, {\"a\": 3}],\n"
                                    "    {\"a\":\n"
                                    "      4, \"c\": true},\n"
                                    "    -5e3],\r\n"
                                    "  \"\\u0063\\n\": {\n"
                                    "    \"b\": null}, \"a/~b\"\n"
                                    "  : {\"\":\n"
                                    "  \n"
                                    "  [ ], \"x\": [\n"
                                    "  7]}\n"
                                    "}\n";
    ck_assert_uint_eq(LINE_OF(text, NULL), 2);
    ck_assert_uint_eq(LINE_OF(text, "a"), 3);
    ck_assert_uint_eq(LINE_OF(text, "b", "1", "1", "a"), 3);
    ck_assert_uint_eq(LINE_OF(text, "b", "2"), 4);
    ck_assert_uint_eq(LINE_OF(text, "b", "2", "a"), 4);
    ck_assert_uint_eq(LINE_OF(text, "b", "2", "c"), 5);
    ck_assert_uint_eq(LINE_OF(text, "b", "3"), 6);
    ck_assert_uint_eq(LINE_OF(text, "c\n"), 7);
    ck_assert_uint_eq(LINE_OF(text, "c\n", "b"), 8);
    ck_assert_uint_eq(LINE_OF(text, "a/~b"), 8);
    ck_assert_uint_eq(LINE_OF(text, "a/~b", ""), 9);
    ck_assert_uint_eq(LINE_OF(text, "a/~b", "x", "0"), 12);
}
END_TEST

START_TEST(errors_name_a_member)
{
    g_autoptr(gw_params) root = parse("{\"o\": {\n\"a/b\": 1}}");
    gw_params *object = NULL;
    ck_assert(gw_params_object(root, "o", true, &object, NULL));
    GError *error = NULL;
    gw_params_error(object, "a/b", &error, "found %d, expected %s", 1, "better");
    check_message(false, &error, "t.json:2: /o/a~1b: found 1, expected better");
    gw_params_error(object, "absent", &error, "found nothing");
    check_message(false, &error, "t.json:1: /o/absent: found nothing");
    gw_params_error(object, NULL, NULL, "nobody listens");
}
END_TEST

/* --- Our own mistakes --- */

static const char *const small = "{\"seed\": 1,\n\"control\": {\"policy\": \"fifo\"},\n"
                                 "\"jobs\": [{\"steps\": 1}, {\"steps\": 2}], \"none\": []}";

START_TEST(member_of_a_number_aborts)
{
    g_autoptr(gw_params) root = parse(small);
    gw_params *seed = NULL;
    gw_params_value(root, "seed", true, &seed, NULL);
    gw_params_has(seed, "x");
}
END_TEST

START_TEST(element_behind_the_end_aborts)
{
    g_autoptr(gw_params) root = parse(small);
    gw_params *jobs = NULL;
    gw_params_array(root, "jobs", true, &jobs, NULL);
    gw_params_at(jobs, 2);
}
END_TEST

START_TEST(freeing_a_part_aborts)
{
    g_autoptr(gw_params) root = parse(small);
    gw_params *jobs = NULL;
    gw_params_array(root, "jobs", true, &jobs, NULL);
    gw_params_free(jobs);
}
END_TEST

START_TEST(freeing_nothing_is_fine)
{
    gw_params_free(NULL);
}
END_TEST

static Suite *make_suite(void)
{
    TCase *files = tcase_create("files");
    tcase_add_test(files, syntax_errors_have_line_and_column);
    tcase_add_test(files, wrong_numbers_are_syntax_errors);
    tcase_add_test(files, rubbish_is_one_clear_error);
    tcase_add_test(files, deep_nesting_is_refused);
    tcase_add_test(files, deep_values_have_lines);
    tcase_add_test(files, root_must_be_an_object);
    tcase_add_test(files, byte_order_mark_is_skipped);
    tcase_add_test(files, files_are_read);
    tcase_add_test(files, wrong_files_are_refused);
    tcase_add_test(files, unreadable_files_are_the_systems);
    tcase_add_test(files, files_may_hold_zero_bytes);
    TCase *values = tcase_create("values");
    tcase_add_test(values, members_are_read);
    tcase_add_test(values, absent_members_are_left_alone);
    tcase_add_test(values, missing_members_are_told);
    tcase_add_test(values, wrong_kinds_are_told);
    tcase_add_test(values, choices_are_suggested);
    tcase_add_test(values, whole_numbers_are_counts);
    tcase_add_test(values, other_numbers_are_not);
    tcase_add_test(values, numbers_keep_to_their_range);
    tcase_add_test(values, quantities_are_read_both_ways);
    tcase_add_test(values, keys_that_end_in_their_unit);
    tcase_add_test(values, other_kinds_are_refused);
    tcase_add_test(values, wrong_quantities_are_told);
    tcase_add_test(values, elements_are_read);
    tcase_add_test(values, keys_come_in_the_files_order);
    tcase_add_test(values, strangers_are_refused);
    tcase_add_test(values, comments_are_allowed);
    tcase_add_test(values, same_value_is_the_same_mark);
    tcase_add_test(values, lines_are_found);
    tcase_add_test(values, errors_name_a_member);
    TCase *misuse = tcase_create("misuse");
    tcase_add_test_raise_signal(misuse, member_of_a_number_aborts, SIGABRT);
    tcase_add_test_raise_signal(misuse, element_behind_the_end_aborts, SIGABRT);
    tcase_add_test_raise_signal(misuse, freeing_a_part_aborts, SIGABRT);
    tcase_add_test(misuse, freeing_nothing_is_fine);
    Suite *suite = suite_create("params");
    suite_add_tcase(suite, files);
    suite_add_tcase(suite, values);
    suite_add_tcase(suite, misuse);
    return suite;
}

int main(void)
{
    return gw_run_suite(make_suite());
}
