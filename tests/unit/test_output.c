/* SPDX-License-Identifier: Apache-2.0 */
/* Files that appear whole or not at all, and the words and numbers in them. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <math.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/random.h"
#include "record/csv.h"
#include "record/json.h"
#include "record/output.h"
#include "record/text.h"
#include "test_record.h"

/* --- Files --- */

static gw_output *open_good(const char *folder, const char *name)
{
    g_autoptr(GError) error = NULL;
    gw_output *output = gw_output_open(folder, name, &error);
    ck_assert_msg(output != NULL, "%s", error == NULL ? "no message" : error->message);
    return output;
}

START_TEST(a_committed_file_has_its_name_and_text)
{
    char *folder = make_folder();
    g_autoptr(gw_output) output = open_good(folder, "a.txt");
    gw_output_print(output, "one\n");
    gw_output_write(output, "two\nthree", 4);
    ck_assert(!has_file(folder, "a.txt"));
    ck_assert(gw_output_commit(output, NULL));
    g_autofree char *text = read_text(folder, "a.txt");
    g_autofree char *files = list_files(folder);
    ck_assert_str_eq(text, "one\ntwo\n");
    ck_assert_str_eq(files, "a.txt");
    remove_folder(folder);
}
END_TEST

START_TEST(the_temporary_name_is_hidden_and_says_whose_it_is)
{
    char *folder = make_folder();
    g_autoptr(gw_output) output = open_good(folder, "a.txt");
    g_autofree char *name = g_path_get_basename(gw_output_temporary_path(output));
    ck_assert(has_file(folder, name));
    ck_assert(g_str_has_prefix(name, ".a.txt."));
    ck_assert(g_str_has_suffix(name, ".tmp"));
    gw_output_free(g_steal_pointer(&output));
    remove_folder(folder);
}
END_TEST

START_TEST(an_abandoned_file_leaves_the_old_one)
{
    char *folder = make_folder();
    ck_assert(gw_output_save(folder, "a.txt", "old", NULL));
    gw_output *output = open_good(folder, "a.txt");
    gw_output_print(output, "new");
    gw_output_free(output);
    g_autofree char *text = read_text(folder, "a.txt");
    g_autofree char *files = list_files(folder);
    ck_assert_str_eq(text, "old");
    ck_assert_str_eq(files, "a.txt");
    ck_assert(gw_output_save(folder, "a.txt", "new", NULL));
    g_autofree char *newer = read_text(folder, "a.txt");
    ck_assert_str_eq(newer, "new");
    remove_folder(folder);
}
END_TEST

START_TEST(two_writers_of_one_name_do_not_meet)
{
    char *folder = make_folder();
    g_autoptr(gw_output) first = open_good(folder, "a.txt");
    g_autoptr(gw_output) second = open_good(folder, "a.txt");
    gw_output_print(first, "first");
    gw_output_print(second, "second");
    ck_assert(gw_output_commit(second, NULL));
    ck_assert(gw_output_commit(first, NULL));
    g_autofree char *text = read_text(folder, "a.txt");
    ck_assert_str_eq(text, "first");
    remove_folder(folder);
}
END_TEST

START_TEST(a_file_that_vanished_is_told_before_the_commit)
{
    char *folder = make_folder();
    g_autoptr(gw_output) output = open_good(folder, "a.txt");
    ck_assert(gw_output_check(output, NULL));
    ck_assert_int_eq(g_unlink(gw_output_temporary_path(output)), 0);
    g_autoptr(GError) error = NULL;
    ck_assert(!gw_output_check(output, &error));
    ck_assert(g_error_matches(error, GW_ERROR, GW_ERROR_SYSTEM));
    ck_assert_ptr_nonnull(strstr(error->message, "a.txt"));
    remove_folder(folder);
}
END_TEST

START_TEST(the_mode_is_the_umask_s)
{
    char *folder = make_folder();
    g_autofree char *path = g_build_filename(folder, "a.txt", NULL);
    struct stat status;
    umask(027);
    ck_assert(gw_output_save(folder, "a.txt", "", NULL));
    ck_assert_int_eq(stat(path, &status), 0);
    ck_assert_uint_eq(status.st_mode & 0777, 0640);
    ck_assert_int_eq(status.st_size, 0);
    remove_folder(folder);
}
END_TEST

/* Pieces of all sizes around the buffer's, by all ways of writing. */
START_TEST(long_files_come_out_byte_by_byte)
{
    static const size_t sizes_bytes[] = {1, 4096, 65535, 65536, 65537, 200000, 0, 3};
    char *folder = make_folder();
    g_autoptr(GString) expected = g_string_new(NULL);
    g_autoptr(gw_output) output = open_good(folder, "long");
    for (uint32_t i = 0; i < 40; i++) {
        size_t size_bytes = sizes_bytes[i % G_N_ELEMENTS(sizes_bytes)];
        g_autofree char *piece = g_malloc(size_bytes + 1);
        memset(piece, 'a' + (int)(i % 26), size_bytes);
        gw_output_write(output, piece, size_bytes);
        g_string_append_len(expected, piece, (gssize)size_bytes);
        char *at = gw_output_reserve(output, GW_OUTPUT_PIECE_BYTES_MAX);
        gw_output_advance(output, gw_text_put_count(at, i));
        g_string_append_printf(expected, "%u", i);
    }
    ck_assert(gw_output_commit(output, NULL));
    g_autofree char *text = read_text(folder, "long");
    ck_assert(g_str_equal(text, expected->str));
    remove_folder(folder);
}
END_TEST

START_TEST(a_folder_is_made_with_those_above_it)
{
    char *folder = make_folder();
    g_autofree char *one = g_build_filename(folder, "one", NULL);
    g_autofree char *deep = g_build_filename(one, "two", NULL);
    ck_assert(gw_output_make_folder(deep, NULL));
    ck_assert(gw_output_make_folder(deep, NULL));
    ck_assert(g_file_test(deep, G_FILE_TEST_IS_DIR));
    g_rmdir(deep);
    remove_folder(folder);
}
END_TEST

/* --- Failures --- */

START_TEST(a_folder_that_cannot_be_made_is_named)
{
    char *folder = make_folder();
    g_autoptr(GError) error = NULL;
    write_text(folder, "file", "");
    g_autofree char *file = g_build_filename(folder, "file", NULL);
    g_autofree char *below = g_build_filename(file, "below", NULL);
    ck_assert(!gw_output_make_folder(below, &error));
    check_error(error, GW_ERROR_SYSTEM, (const char *[]){"folder", below, NULL});
    g_clear_error(&error);
    ck_assert(!gw_output_make_folder(file, &error));
    check_error(error, GW_ERROR_SYSTEM, (const char *[]){"folder", file, NULL});
    remove_folder(folder);
}
END_TEST

START_TEST(a_folder_that_is_not_there_is_named)
{
    g_autoptr(GError) error = NULL;
    ck_assert_ptr_null(gw_output_open("/nowhere/at/all", "a.txt", &error));
    check_error(error, GW_ERROR_SYSTEM,
                (const char *[]){"/nowhere/at/all/a.txt", g_strerror(ENOENT), NULL});
}
END_TEST

START_TEST(a_folder_without_permission_is_named)
{
    char *folder = make_folder();
    g_autofree char *below = g_build_filename(folder, "below", NULL);
    g_autoptr(GError) error = NULL;
    ck_assert_int_eq(chmod(folder, 0555), 0);
    ck_assert(geteuid() != 0 || seteuid(65534) == 0); /* Root may write anywhere. */
    ck_assert_ptr_null(gw_output_open(folder, "a.txt", &error));
    check_error(error, GW_ERROR_SYSTEM, (const char *[]){"a.txt", g_strerror(EACCES), NULL});
    g_clear_error(&error);
    ck_assert(!gw_output_make_folder(below, &error));
    check_error(error, GW_ERROR_SYSTEM, (const char *[]){below, g_strerror(EACCES), NULL});
    ck_assert(getuid() != 0 || seteuid(0) == 0);
    remove_folder(folder);
}
END_TEST

START_TEST(a_name_that_a_folder_has_is_refused)
{
    char *folder = make_folder();
    g_autofree char *taken = g_build_filename(folder, "taken", NULL);
    g_autoptr(GError) error = NULL;
    ck_assert_int_eq(g_mkdir(taken, 0777), 0);
    ck_assert(!gw_output_save(folder, "taken", "text", &error));
    check_error(error, GW_ERROR_SYSTEM, (const char *[]){"taken", g_strerror(EISDIR), NULL});
    g_autofree char *files = list_files(folder);
    ck_assert_str_eq(files, "taken");
    remove_folder(folder);
}
END_TEST

/* More than the buffer holds, then the commit. */
static void check_failing_write(const char *folder, gw_output *output, int number)
{
    g_autoptr(GError) error = NULL;
    for (uint32_t i = 0; i < 100000; i++) {
        gw_output_print(output, "a line of the file\n");
    }
    ck_assert(!gw_output_commit(output, &error));
    check_error(error, GW_ERROR_SYSTEM, (const char *[]){"a.txt", g_strerror(number), NULL});
    ck_assert(!has_file(folder, "a.txt"));
    g_autofree char *files = list_files(folder);
    ck_assert_str_eq(files, "");
}

/* Whatever descriptor the output gets, /dev/full takes its place. */
START_TEST(a_full_device_is_told)
{
    char *folder = make_folder();
    int full = open("/dev/full", O_WRONLY);
    int next = open("/dev/null", O_WRONLY);
    ck_assert(full >= 0 && next >= 0);
    close(next);
    g_autoptr(gw_output) output = open_good(folder, "a.txt");
    ck_assert_int_eq(dup2(full, next), next);
    check_failing_write(folder, output, ENOSPC);
    remove_folder(folder);
}
END_TEST

/* The last bytes stay in the buffer until the commit. */
START_TEST(a_full_device_is_told_of_short_files)
{
    char *folder = make_folder();
    g_autoptr(GError) error = NULL;
    int full = open("/dev/full", O_WRONLY);
    int next = open("/dev/null", O_WRONLY);
    close(next);
    g_autoptr(gw_output) output = open_good(folder, "a.txt");
    ck_assert_int_eq(dup2(full, next), next);
    gw_output_print(output, "short");
    ck_assert(!gw_output_commit(output, &error));
    check_error(error, GW_ERROR_SYSTEM, (const char *[]){"a.txt", g_strerror(ENOSPC), NULL});
    remove_folder(folder);
}
END_TEST

START_TEST(a_file_over_the_limit_is_told)
{
    char *folder = make_folder();
    struct rlimit limit = {.rlim_cur = 100000, .rlim_max = 100000};
    ck_assert(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    g_autoptr(gw_output) output = open_good(folder, "a.txt");
    check_failing_write(folder, output, EFBIG);
    remove_folder(folder);
}
END_TEST

/* A file system of 64 KiB, where this process may mount one for itself. */
START_TEST(a_full_file_system_is_told)
{
    char *folder = make_folder();
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", folder, "tmpfs", 0, "size=64k") != 0) {
        fprintf(stderr, "test_output: no file system may be mounted here; /dev/full stands in\n");
        remove_folder(folder);
        return;
    }
    g_autoptr(gw_output) output = open_good(folder, "a.txt");
    check_failing_write(folder, output, ENOSPC);
    ck_assert(gw_output_save(folder, "small.txt", "fits", NULL)); /* Its place is free again. */
    ck_assert_int_eq(umount(folder), 0);
    remove_folder(folder);
}
END_TEST

START_TEST(after_the_commit_nothing_may_be_written)
{
    char *folder = make_folder();
    gw_output *output = open_good(folder, "a.txt");
    ck_assert(gw_output_commit(output, NULL));
    remove_folder(folder);
    gw_output_print(output, "late");
}
END_TEST

START_TEST(names_have_no_folder)
{
    gw_output_open("/tmp", "a/b", NULL);
}
END_TEST

/* --- Numbers and names --- */

static void check_count(uint64_t count, const char *expected)
{
    char text[GW_TEXT_COUNT_BYTES + 1];
    *gw_text_put_count(text, count) = '\0';
    ck_assert_str_eq(text, expected);
}

START_TEST(counts_are_decimal)
{
    check_count(0, "0");
    check_count(9, "9");
    check_count(10, "10");
    check_count(99, "99");
    check_count(100, "100");
    check_count(1009, "1009");
    check_count(UINT64_MAX, "18446744073709551615");
    uint64_t power = 1;
    for (uint32_t i = 0; i < 19; i++, power *= 10) {
        g_autofree char *at = g_strdup_printf("%" G_GUINT64_FORMAT, power);
        g_autofree char *below = g_strdup_printf("%" G_GUINT64_FORMAT, power - 1);
        check_count(power, at);
        check_count(power - 1, below);
    }
}
END_TEST

static void check_fraction(uint64_t part, uint64_t whole, const char *expected)
{
    char text[GW_TEXT_FRACTION_BYTES + 1];
    *gw_text_put_fraction(text, part, whole) = '\0';
    ck_assert_str_eq(text, expected);
}

START_TEST(fractions_have_six_decimals)
{
    check_fraction(0, 7, "0.000000");
    check_fraction(0, 0, "0.000000");
    check_fraction(1, 4, "0.250000");
    check_fraction(1, 3, "0.333333");
    check_fraction(2, 3, "0.666667");
    check_fraction(7, 7, "1.000000");
    check_fraction(9999999, 10000000, "1.000000");
    check_fraction(UINT64_MAX, UINT64_MAX, "1.000000");
    check_fraction(UINT64_MAX, 1, "18446744073709551615.000000");
}
END_TEST

START_TEST(microseconds_keep_the_nanoseconds)
{
    static const struct {
        uint64_t span_ns;
        const char *expected;
    } cases[] = {{0, "0.000"},    {1, "0.001"},          {999, "0.999"},
                 {1000, "1.000"}, {1234567, "1234.567"}, {UINT64_MAX, "18446744073709551.615"}};
    for (uint32_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        char text[GW_TEXT_MICRO_BYTES + 1];
        *gw_text_put_micro(text, cases[i].span_ns) = '\0';
        ck_assert_str_eq(text, cases[i].expected);
    }
}
END_TEST

static void check_real(double value, const char *expected)
{
    g_autoptr(GString) text = g_string_new(NULL);
    gw_text_append_real(text, value);
    ck_assert_str_eq(text->str, expected);
}

START_TEST(reals_are_short)
{
    check_real(0.1, "0.1");
    check_real(3, "3.0");
    check_real(-2.5, "-2.5");
    check_real(1e300, "1e+300");
    check_real(1.0 / 3.0, "0.3333333333333333");
    check_real((double)INFINITY, "null");
    check_real((double)NAN, "null");
}
END_TEST

START_TEST(reals_read_back_as_themselves)
{
    gw_random random;
    gw_random_init(&random, 1, "reals");
    for (uint32_t i = 0; i < 20000; i++) {
        uint64_t bits = gw_random_next(&random);
        double value;
        memcpy(&value, &bits, sizeof(value));
        if (!isfinite(value)) {
            continue;
        }
        g_autoptr(GString) text = g_string_new(NULL);
        gw_text_append_real(text, value);
        double again = g_ascii_strtod(text->str, NULL);
        ck_assert_msg(memcmp(&again, &value, sizeof(value)) == 0, "%s", text->str);
    }
}
END_TEST

START_TEST(json_strings_read_back)
{
    static const char *const names[] = {
        "plain",          "",          "\"quoted\"",  "back\\slash",
        "two\nlines\r\n", "tab\there", "Grüße, 世界", "\x01\x1f\x7f",
        "</script>",
    };
    for (uint32_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autoptr(GString) text = g_string_new("[");
        gw_text_append_json(text, names[i]);
        g_string_append_c(text, ']');
        ck_assert_ptr_null(strchr(text->str, '\n'));
        json_t *json = parse_json(text->str);
        ck_assert_str_eq(json_string_value(json_array_get(json, 0)), names[i]);
        json_decref(json);
    }
}
END_TEST

START_TEST(bytes_that_are_no_text_become_text)
{
    g_autoptr(GString) text = g_string_new("[");
    gw_text_append_json(text, "a\xff\xfe"
                              "b");
    g_string_append_c(text, ']');
    json_t *json = parse_json(text->str);
    ck_assert_str_eq(json_string_value(json_array_get(json, 0)), "a\xef\xbf\xbd\xef\xbf\xbd"
                                                                 "b");
    json_decref(json);
}
END_TEST

static void check_field(const char *name, const char *expected)
{
    g_autoptr(GString) text = g_string_new(NULL);
    gw_text_append_csv(text, name);
    ck_assert_str_eq(text->str, expected);
}

START_TEST(csv_fields_are_quoted_where_they_must)
{
    check_field("train.0", "train.0");
    check_field("", "");
    check_field("two words", "two words");
    check_field("a,b", "\"a,b\"");
    check_field("say \"hi\"", "\"say \"\"hi\"\"\"");
    check_field("two\nlines", "two lines");
    check_field("line\n", "\"line \"");
    check_field("世界", "世界");
}
END_TEST

START_TEST(json_has_one_layout)
{
    gw_json json;
    g_autoptr(GString) text = g_string_new(NULL);
    gw_json_init(&json, text);
    gw_json_count(&json, "count", UINT64_C(1) << 62);
    gw_json_open_array(&json, "list");
    gw_json_open_object(&json, NULL);
    gw_json_string(&json, "name", "a\"b");
    gw_json_null(&json, "none");
    gw_json_close_object(&json);
    gw_json_real(&json, NULL, 0.5);
    gw_json_close_array(&json);
    gw_json_open_object(&json, "empty");
    gw_json_close_object(&json);
    gw_json_reals(&json, "values", (const double[]){1, (double)NAN}, 2);
    gw_json_finish(&json);
    ck_assert_str_eq(text->str, "{\n  \"count\": 4611686018427387904,\n  \"list\": [\n    {\n"
                                "      \"name\": \"a\\\"b\",\n      \"none\": null\n    },\n"
                                "    0.5\n  ],\n  \"empty\": {},\n  \"values\": [1.0, null]\n}\n");
}
END_TEST

START_TEST(json_that_is_left_open_aborts)
{
    gw_json json;
    g_autoptr(GString) text = g_string_new(NULL);
    gw_json_init(&json, text);
    gw_json_open_array(&json, "list");
    gw_json_finish(&json);
}
END_TEST

/* --- Reading tables --- */

START_TEST(tables_read_back)
{
    char *folder = make_folder();
    write_text(folder, "a.csv", "name,\"a, b\",count\n\"x, \"\"y\"\"\",,7\nz,1.5,8");
    g_autoptr(gw_csv) csv = gw_csv_open(folder, "a.csv", NULL);
    g_autoptr(GError) error = NULL;
    uint32_t column = 0;
    uint64_t count = 0;
    double value = 0;
    ck_assert_ptr_nonnull(csv);
    ck_assert_uint_eq(gw_csv_column_count(csv), 3);
    ck_assert(gw_csv_find_column(csv, "a, b", &column, NULL));
    ck_assert_uint_eq(column, 1);
    ck_assert(gw_csv_next(csv, &error));
    ck_assert_str_eq(gw_csv_text(csv, 0), "x, \"y\"");
    ck_assert_str_eq(gw_csv_text(csv, 1), "");
    ck_assert(gw_csv_count(csv, 2, &count, NULL));
    ck_assert_uint_eq(count, 7);
    ck_assert(gw_csv_next(csv, &error));
    ck_assert(gw_csv_real(csv, 1, &value, NULL));
    ck_assert(value == 1.5);
    ck_assert(!gw_csv_next(csv, &error));
    ck_assert_ptr_null(error);
    remove_folder(folder);
}
END_TEST

START_TEST(broken_tables_are_told_by_line)
{
    char *folder = make_folder();
    g_autoptr(GError) error = NULL;
    uint64_t count = 77;
    uint32_t column = 77;
    write_text(folder, "a.csv", "name,count\nx,-1\ny\n");
    g_autoptr(gw_csv) csv = gw_csv_open(folder, "a.csv", NULL);
    ck_assert(!gw_csv_find_column(csv, "job", &column, &error));
    check_error(error, GW_ERROR_SCENARIO, (const char *[]){"a.csv:1", "job", NULL});
    g_clear_error(&error);
    ck_assert(gw_csv_next(csv, &error));
    ck_assert(!gw_csv_count(csv, 1, &count, &error));
    check_error(error, GW_ERROR_SCENARIO, (const char *[]){"a.csv:2", "count", "\"-1\"", NULL});
    g_clear_error(&error);
    ck_assert(!gw_csv_next(csv, &error));
    check_error(error, GW_ERROR_SCENARIO, (const char *[]){"a.csv:3", "1 field, expected", NULL});
    ck_assert_uint_eq(count, 77);
    ck_assert_uint_eq(column, 77);
    remove_folder(folder);
}
END_TEST

START_TEST(absent_and_empty_tables_are_told)
{
    char *folder = make_folder();
    g_autoptr(GError) error = NULL;
    ck_assert_ptr_null(gw_csv_open(folder, "a.csv", &error));
    check_error(error, GW_ERROR_SCENARIO, (const char *[]){"a.csv", g_strerror(ENOENT), NULL});
    g_clear_error(&error);
    write_text(folder, "a.csv", "");
    ck_assert_ptr_null(gw_csv_open(folder, "a.csv", &error));
    check_error(error, GW_ERROR_SCENARIO, (const char *[]){"a.csv", "empty", NULL});
    remove_folder(folder);
}
END_TEST

static TCase *make_file_cases(void)
{
    TCase *cases = tcase_create("files");
    tcase_add_test(cases, a_committed_file_has_its_name_and_text);
    tcase_add_test(cases, the_temporary_name_is_hidden_and_says_whose_it_is);
    tcase_add_test(cases, an_abandoned_file_leaves_the_old_one);
    tcase_add_test(cases, two_writers_of_one_name_do_not_meet);
    tcase_add_test(cases, a_file_that_vanished_is_told_before_the_commit);
    tcase_add_test(cases, the_mode_is_the_umask_s);
    tcase_add_test(cases, long_files_come_out_byte_by_byte);
    tcase_add_test(cases, a_folder_is_made_with_those_above_it);
    return cases;
}

static TCase *make_failure_cases(void)
{
    TCase *cases = tcase_create("failures");
    tcase_add_test(cases, a_folder_that_cannot_be_made_is_named);
    tcase_add_test(cases, a_folder_that_is_not_there_is_named);
    tcase_add_test(cases, a_folder_without_permission_is_named);
    tcase_add_test(cases, a_name_that_a_folder_has_is_refused);
    tcase_add_test(cases, a_full_device_is_told);
    tcase_add_test(cases, a_full_device_is_told_of_short_files);
    tcase_add_test(cases, a_file_over_the_limit_is_told);
    tcase_add_test(cases, a_full_file_system_is_told);
    tcase_add_test_raise_signal(cases, after_the_commit_nothing_may_be_written, SIGABRT);
    tcase_add_test_raise_signal(cases, names_have_no_folder, SIGABRT);
    return cases;
}

static TCase *make_text_cases(void)
{
    TCase *cases = tcase_create("text");
    tcase_add_test(cases, counts_are_decimal);
    tcase_add_test(cases, fractions_have_six_decimals);
    tcase_add_test(cases, microseconds_keep_the_nanoseconds);
    tcase_add_test(cases, reals_are_short);
    tcase_add_test(cases, reals_read_back_as_themselves);
    tcase_add_test(cases, json_strings_read_back);
    tcase_add_test(cases, bytes_that_are_no_text_become_text);
    tcase_add_test(cases, csv_fields_are_quoted_where_they_must);
    tcase_add_test(cases, json_has_one_layout);
    tcase_add_test_raise_signal(cases, json_that_is_left_open_aborts, SIGABRT);
    tcase_add_test(cases, tables_read_back);
    tcase_add_test(cases, broken_tables_are_told_by_line);
    tcase_add_test(cases, absent_and_empty_tables_are_told);
    return cases;
}

int main(void)
{
    Suite *suite = suite_create("output");
    suite_add_tcase(suite, make_file_cases());
    suite_add_tcase(suite, make_failure_cases());
    suite_add_tcase(suite, make_text_cases());
    return run_suite(suite);
}
