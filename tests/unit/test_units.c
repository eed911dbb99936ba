/* SPDX-License-Identifier: Apache-2.0 */
/* Quantities with units: exact, rounded up, in any locale; and every wrong text refused. */
#include <check.h>
#include <float.h>
#include <locale.h>
#include <math.h>
#include <signal.h>
#include <string.h>

#include "base/error.h"
#include "base/units.h"
#include "run_suite.h"

#define TWO_TO_63 (UINT64_C(1) << 63)

typedef struct {
    const char *text;
    uint64_t value;
} integer_case;

static void check_refused(gw_unit unit, const char *text, const char *expected_message)
{
    g_autoptr(GError) error = NULL;
    double value = 12.5;
    ck_assert_msg(!gw_quantity_parse(text, unit, &value, &error), "accepted \"%s\"", text);
    ck_assert(g_error_matches(error, GW_ERROR, GW_ERROR_SCENARIO));
    ck_assert_double_eq(value, 12.5); /* Untouched. */
    if (expected_message != NULL) {
        ck_assert_str_eq(error->message, expected_message);
    }
    uint64_t integer = 77;
    if (unit == GW_UNIT_SPAN) {
        ck_assert(!gw_span_parse(text, &integer, NULL));
    }
    if (unit == GW_UNIT_BYTES) {
        ck_assert(!gw_bytes_parse(text, &integer, NULL));
    }
    ck_assert_uint_eq(integer, 77);
}

START_TEST(spans_are_exact)
{
    static const integer_case cases[] = {
        {"0ns", 0},
        {"0s", 0},
        {"0.000ms", 0},
        {"12ns", 12},
        {"50us", 50000},
        {"2.3ms", 2300000},
        {"2.3 ms", 2300000},
        {"1s", 1000000000},
        {"0.1us", 100},
        {"0.3us", 300},
        {"1.1us", 1100},
        {"1e3ns", 1000},
        {"1E+3ns", 1000},
        {"15e-1us", 1500},
        {"0000012ns", 12},
        {"9223372036854775807ns", TWO_TO_63 - 1},
        {"9223372036.854775807s", TWO_TO_63 - 1},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        gw_span span_ns = 0;
        g_autoptr(GError) error = NULL;
        ck_assert_msg(gw_span_parse(cases[i].text, &span_ns, &error), "%s", cases[i].text);
        ck_assert_uint_eq(span_ns, cases[i].value);
    }
}
END_TEST

START_TEST(spans_are_rounded_up)
{
    static const integer_case cases[] = {
        {"0.5ns", 1},         {"1.0001us", 1001},         {"1.00001us", 1001}, {"1e-9999999s", 1},
        {"0.0000000001s", 1}, {"2.000000000000001ns", 3}, {"0e-99999999s", 0}, {"0e99999999s", 0},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        gw_span span_ns = 99;
        ck_assert_msg(gw_span_parse(cases[i].text, &span_ns, NULL), "%s", cases[i].text);
        ck_assert_uint_eq(span_ns, cases[i].value);
    }
}
END_TEST

START_TEST(bytes_are_exact)
{
    static const integer_case cases[] = {
        {"0B", 0},
        {"512B", 512},
        {"1kB", 1000},
        {"1KiB", 1024},
        {"64MiB", UINT64_C(64) << 20},
        {"64MB", 64000000},
        {"16GB", UINT64_C(16000000000)},
        {"16GiB", UINT64_C(16) << 30},
        {"0.5GiB", UINT64_C(1) << 29},
        {"3TiB", UINT64_C(3) << 40},
        {"3TB", UINT64_C(3000000000000)},
        {"2PB", UINT64_C(2000000000000000)},
        {"1.5B", 2},
        {"0.1KiB", 103},
        {"9223372036854775807B", TWO_TO_63 - 1},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        uint64_t size_bytes = 0;
        ck_assert_msg(gw_bytes_parse(cases[i].text, &size_bytes, NULL), "%s", cases[i].text);
        ck_assert_uint_eq(size_bytes, cases[i].value);
    }
}
END_TEST

START_TEST(other_quantities)
{
    static const struct {
        const char *text;
        gw_unit unit;
        double value;
    } cases[] = {
        {"100GB/s", GW_UNIT_RATE, 100e9},      {"200Gb/s", GW_UNIT_RATE, 25e9},
        {"12.5GBps", GW_UNIT_RATE, 12.5e9},    {"100Gbps", GW_UNIT_RATE, 12.5e9},
        {"1GiB/s", GW_UNIT_RATE, 1073741824},  {"8b/s", GW_UNIT_RATE, 1},
        {"312TFLOP/s", GW_UNIT_FLOPS, 312e12}, {"61.5Tflop/s", GW_UNIT_FLOPS, 61.5e12},
        {"1PFLOPS", GW_UNIT_FLOPS, 1e15},      {"2flops", GW_UNIT_FLOPS, 2},
        {"400W", GW_UNIT_POWER, 400},          {"0.2kW", GW_UNIT_POWER, 200},
        {"2.3ms", GW_UNIT_SPAN, 2.3e6},        {"64MiB", GW_UNIT_BYTES, 67108864},
        {"0.5ns", GW_UNIT_SPAN, 0.5},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        double value = -1;
        ck_assert_msg(gw_quantity_parse(cases[i].text, cases[i].unit, &value, NULL), "%s",
                      cases[i].text);
        ck_assert_double_eq(value, cases[i].value);
    }
}
END_TEST

START_TEST(messages_say_what_to_write)
{
    check_refused(GW_UNIT_BYTES, "64 megs", "found \"64 megs\", expected bytes such as \"64MiB\"");
    check_refused(GW_UNIT_BYTES, "64",
                  "found \"64\", expected bytes such as \"64MiB\" (the unit is missing)");
    check_refused(GW_UNIT_SPAN, "-3ms",
                  "found \"-3ms\", expected a span such as \"2.3ms\" (not negative)");
    check_refused(GW_UNIT_SPAN, "3MiB", "found \"3MiB\", expected a span such as \"2.3ms\"");
    check_refused(GW_UNIT_RATE, "100GB",
                  "found \"100GB\", expected bytes per second such as "
                  "\"100GB/s\" or \"200Gb/s\"");
    check_refused(GW_UNIT_FLOPS, "312T", "found \"312T\", expected FLOP/s such as \"312TFLOP/s\"");
    check_refused(GW_UNIT_POWER, "400 watts",
                  "found \"400 watts\", expected watts such as \"400W\"");
}
END_TEST

START_TEST(wrong_texts_are_refused)
{
    static const char *const spans[] = {
        "",           " ",        "ms",     " 5ms",   "+5ms",    "5  ms", "5ms ",
        "5\tms",      "5Ms",      "5MS",    "5msec",  "5m",      "5 m s", ".5ms",
        "5.ms",       "5.5.5ms",  "5,5ms",  "0x10ns", "1e",      "1ems",  "1e+ms",
        "--5ms",      "nanns",    "infs",   "NaN",    "1_000ns", "5 ms5", "5ms\n",
        "5\xc2\xb5s", "\xff\xfe", "5ns5ns", "1s 2ms", "fünf ms",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(spans); i++) {
        check_refused(GW_UNIT_SPAN, spans[i], NULL);
    }
    static const char *const sizes[] = {"64Mb", "64mib", "64M",  "64 KB",  "64KB",   "1EB",
                                        "1PiB", "1iB",   "1kiB", "64MiBs", "64 Mi B"};
    for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
        check_refused(GW_UNIT_BYTES, sizes[i], NULL);
    }
}
END_TEST

START_TEST(large_spans_are_refused)
{
    static const char *const texts[] = {
        "9223372036854775808ns",    "9223372037s", "1e10s", "1e99999999999999999s",
        "99999999999999999999999s",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        gw_span span_ns = 5;
        g_autoptr(GError) error = NULL;
        ck_assert_msg(!gw_span_parse(texts[i], &span_ns, &error), "%s", texts[i]);
        ck_assert_ptr_nonnull(strstr(error->message, "(below 2^63 ns)"));
        ck_assert_uint_eq(span_ns, 5);
    }
    uint64_t size_bytes = 5;
    ck_assert(!gw_bytes_parse("9223372036854775808B", &size_bytes, NULL));
    ck_assert(!gw_bytes_parse("9224PB", &size_bytes, NULL));
    check_refused(GW_UNIT_RATE, "1e400GB/s", NULL);
    check_refused(GW_UNIT_RATE, "1e308GB/s", NULL);
    check_refused(GW_UNIT_SPAN, "1.000000000000000000000001ns",
                  "found \"1.000000000000000000000001ns\", expected a span such as \"2.3ms\" "
                  "(of at most 23 digits)");
}
END_TEST

/* Where "2,3" is written for 2.3, scenarios mean the same. */
START_TEST(locale_does_not_matter)
{
    static const char *const locales[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "C.UTF-8"};
    for (size_t i = 0; i < G_N_ELEMENTS(locales); i++) {
        if (setlocale(LC_ALL, locales[i]) == NULL) {
            continue; /* Not on this machine. */
        }
        double rate = 0;
        ck_assert(gw_quantity_parse("12.5GB/s", GW_UNIT_RATE, &rate, NULL));
        ck_assert_double_eq(rate, 12.5e9);
        g_autofree char *text = gw_span_format(2390000);
        ck_assert_str_eq(text, "2.39 ms");
    }
}
END_TEST

START_TEST(seconds_are_rounded_up)
{
    ck_assert_uint_eq(gw_span_from_seconds(0), 0);
    ck_assert_uint_eq(gw_span_from_seconds(1), 1000000000);
    ck_assert_uint_eq(gw_span_from_seconds(1e-9), 1);
    ck_assert_uint_eq(gw_span_from_seconds(1.5e-9), 2);
    ck_assert_uint_eq(gw_span_from_seconds(1e-30), 1);
    ck_assert_uint_eq(gw_span_from_seconds(DBL_MIN), 1);
    ck_assert_uint_eq(gw_span_from_seconds(1e-3), 1000000);
    ck_assert_uint_eq(gw_span_from_seconds(9e9), UINT64_C(9000000000000000000));
}
END_TEST

START_TEST(wrong_seconds_abort)
{
    static const double wrong[] = {-1e-9, NAN, INFINITY, 1e10};
    gw_span_from_seconds(wrong[_i]);
}
END_TEST

START_TEST(spans_read_well)
{
    static const integer_case cases[] = {
        {"0 ns", 0},
        {"1 ns", 1},
        {"999 ns", 999},
        {"1 us", 1000},
        {"1.5 us", 1500},
        {"2.39 ms", 2391234},
        {"10.5 ms", 10500000},
        {"123 ms", 123456789},
        {"1 s", 999999999},
        {"1 s", 1000000000},
        {"3600 s", UINT64_C(3600000000000)},
        {"18446744074 s", GW_TIME_NEVER},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *text = gw_span_format(cases[i].value);
        ck_assert_str_eq(text, cases[i].text);
    }
}
END_TEST

START_TEST(bytes_read_well)
{
    static const integer_case cases[] = {
        {"0 B", 0},
        {"1023 B", 1023},
        {"1 KiB", 1024},
        {"1.5 GiB", UINT64_C(3) << 29},
        {"64 MiB", 67108864},
        {"1 MiB", 1048575},
        {"16 EiB", UINT64_MAX},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *text = gw_bytes_format(cases[i].value);
        ck_assert_str_eq(text, cases[i].text);
    }
}
END_TEST

/* What is written for people can be read back, to the digits that it shows. */
START_TEST(what_is_written_can_be_read)
{
    for (uint64_t value = 1; value < TWO_TO_63 / 3; value *= 3) {
        g_autofree char *span = gw_span_format(value);
        g_autofree char *size = gw_bytes_format(MIN(value, UINT64_C(1) << 45));
        uint64_t read = 0;
        ck_assert_msg(gw_span_parse(span, &read, NULL), "%s", span);
        ck_assert_double_eq_tol((double)read, (double)value, 0.006 * (double)value);
        ck_assert_msg(gw_bytes_parse(size, &read, NULL), "%s", size);
    }
}
END_TEST

START_TEST(one_thing_has_no_ending)
{
    ck_assert_str_eq(gw_count_ending(0), "s");
    ck_assert_str_eq(gw_count_ending(1), "");
    ck_assert_str_eq(gw_count_ending(2), "s");
    ck_assert_str_eq(gw_count_ending((UINT64_C(1) << 32) + 1), "s");
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("units");
    tcase_add_test(cases, spans_are_exact);
    tcase_add_test(cases, spans_are_rounded_up);
    tcase_add_test(cases, bytes_are_exact);
    tcase_add_test(cases, other_quantities);
    tcase_add_test(cases, messages_say_what_to_write);
    tcase_add_test(cases, wrong_texts_are_refused);
    tcase_add_test(cases, large_spans_are_refused);
    tcase_add_test(cases, locale_does_not_matter);
    tcase_add_test(cases, seconds_are_rounded_up);
    tcase_add_loop_test_raise_signal(cases, wrong_seconds_abort, SIGABRT, 0, 4);
    tcase_add_test(cases, spans_read_well);
    tcase_add_test(cases, bytes_read_well);
    tcase_add_test(cases, what_is_written_can_be_read);
    tcase_add_test(cases, one_thing_has_no_ending);
    Suite *suite = suite_create("units");
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
