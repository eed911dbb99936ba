/* SPDX-License-Identifier: Apache-2.0 */
/* Tables read back: what this folder writes comes back as it was, and what is broken is told with
 * its file and line. */
#include <errno.h>
#include <float.h>
#include <signal.h>

#include "base/error.h"
#include "base/units.h"
#include "record/csv.h"
#include "record/text.h"
#include "test_record.h"

static gw_csv *open_text(const char *folder, const char *text)
{
    g_autoptr(GError) error = NULL;
    write_text(folder, "a.csv", text);
    gw_csv *csv = gw_csv_open(folder, "a.csv", &error);
    ck_assert_msg(csv != NULL, "%s", error == NULL ? "no message" : error->message);
    return csv;
}

static void read_row(gw_csv *csv)
{
    g_autoptr(GError) error = NULL;
    const bool has_row = gw_csv_next(csv, &error);
    ck_assert_msg(has_row, "%s", error == NULL ? "the end" : error->message);
}

static void check_end(gw_csv *csv)
{
    g_autoptr(GError) error = NULL;
    ck_assert(!gw_csv_next(csv, &error));
    ck_assert_ptr_null(error);
}

START_TEST(names_read_back)
{
    static const char *const names[] = {
        "plain",       "",        "\"",          "\"\"", ",",   "a,b",
        "\"a\",\"b\"", " outer ", "Grüße, 世界", "a\"b", ",\"",
    };
    char *folder = make_folder();
    g_autoptr(GString) text = g_string_new(NULL);
    for (uint32_t row = 0; row < 2; row++) { /* As the header and as a row. */
        for (uint32_t i = 0; i < G_N_ELEMENTS(names); i++) {
            g_string_append(text, i == 0 ? "" : ",");
            gw_text_append_csv(text, names[i]);
        }
        g_string_append_c(text, '\n');
    }
    g_autoptr(gw_csv) csv = open_text(folder, text->str);
    ck_assert_uint_eq(gw_csv_column_count(csv), G_N_ELEMENTS(names));
    read_row(csv);
    for (uint32_t i = 0; i < G_N_ELEMENTS(names); i++) {
        uint32_t column = GW_INDEX_NONE;
        ck_assert_str_eq(gw_csv_column_name(csv, i), names[i]);
        ck_assert_str_eq(gw_csv_text(csv, i), names[i]);
        ck_assert(gw_csv_find_column(csv, names[i], &column, NULL));
        ck_assert_uint_eq(column, i);
    }
    check_end(csv);
    remove_folder(folder);
}
END_TEST

START_TEST(control_characters_do_not_break_rows)
{
    char *folder = make_folder();
    g_autoptr(GString) text = g_string_new("name,count\n");
    gw_text_append_csv(text, "a\n1,2\r\n\"b\"\x01");
    g_string_append(text, ",3\n");
    g_autoptr(gw_csv) csv = open_text(folder, text->str);
    read_row(csv);
    ck_assert_str_eq(gw_csv_text(csv, 0), "a 1,2  \"b\" ");
    ck_assert_str_eq(gw_csv_text(csv, 1), "3");
    check_end(csv);
    remove_folder(folder);
}
END_TEST

START_TEST(lines_may_end_as_on_windows)
{
    char *folder = make_folder();
    g_autoptr(gw_csv) csv = open_text(folder, "a,b\r\n1,2\r\n3,4\r\n");
    ck_assert_str_eq(gw_csv_column_name(csv, 1), "b");
    for (uint64_t row = 0; row < 2; row++) {
        uint64_t count = 0;
        read_row(csv);
        ck_assert(gw_csv_count(csv, 1, &count, NULL));
        ck_assert_uint_eq(count, 2 + 2 * row);
    }
    check_end(csv);
    remove_folder(folder);
}
END_TEST

START_TEST(odd_names_of_columns_are_quoted)
{
    char *folder = make_folder();
    g_autoptr(gw_csv) csv = open_text(folder, "a\x1b\n1x\n");
    g_autoptr(GError) error = NULL;
    uint64_t count;
    double real;
    read_row(csv);
    ck_assert(!gw_csv_count(csv, 0, &count, &error));
    check_error(error, GW_ERROR_SCENARIO, (const char *[]){":2: column \"a\\u001b\": ", NULL});
    g_clear_error(&error);
    ck_assert(!gw_csv_real(csv, 0, &real, &error));
    check_error(error, GW_ERROR_SCENARIO, (const char *[]){":2: column \"a\\u001b\": ", NULL});
    remove_folder(folder);
}
END_TEST

START_TEST(reals_read_back)
{
    const double values[] = {0.1, -1.0 / 3.0, DBL_MAX, -DBL_MIN, 0x1p-1074, -0.0, 1e22};
    char *folder = make_folder();
    g_autoptr(GString) text = g_string_new("value\n");
    for (uint32_t i = 0; i < G_N_ELEMENTS(values); i++) {
        gw_text_append_real(text, values[i]);
        g_string_append_c(text, '\n');
    }
    g_autoptr(gw_csv) csv = open_text(folder, text->str);
    for (uint32_t i = 0; i < G_N_ELEMENTS(values); i++) {
        double value = 77;
        read_row(csv);
        ck_assert(gw_csv_real(csv, 0, &value, NULL));
        ck_assert_msg(memcmp(&value, &values[i], sizeof(value)) == 0, "value %u", i);
    }
    check_end(csv);
    remove_folder(folder);
}
END_TEST

START_TEST(a_table_without_rows_ends_at_once)
{
    char *folder = make_folder();
    g_autoptr(gw_csv) csv = open_text(folder, "a,b");
    ck_assert_uint_eq(gw_csv_column_count(csv), 2);
    check_end(csv);
    check_end(csv);
    remove_folder(folder);
}
END_TEST

START_TEST(long_lines_are_read)
{
    char *folder = make_folder();
    g_autofree char *name = g_strnfill(300000, 'n');
    g_autofree char *text = g_strdup_printf("a,b\nx,1\n%s,2\ny,3", name);
    g_autoptr(gw_csv) csv = open_text(folder, text);
    read_row(csv);
    read_row(csv);
    ck_assert(g_str_equal(gw_csv_text(csv, 0), name));
    ck_assert_str_eq(gw_csv_text(csv, 1), "2");
    read_row(csv);
    ck_assert_str_eq(gw_csv_text(csv, 0), "y");
    ck_assert_str_eq(gw_csv_column_name(csv, 1), "b"); /* The names stay. */
    check_end(csv);
    remove_folder(folder);
}
END_TEST

/* --- Mistakes --- */

START_TEST(rows_of_another_width_are_told_by_file_and_line)
{
    static const struct {
        const char *row, *found;
    } cases[] = {
        {"", "found 1 field, "},          {"x", "found 1 field, "},
        {"x,1,", "found 3 fields"},       {"\"x,1", "found 1 field, "},
        {",,,", "found 4 fields"},        {"\"x\"y,1", "found 1 field, "},
        {"\"x\"\",1", "found 1 field, "},
    };
    char *folder = make_folder();
    g_autofree char *place = g_build_filename(folder, "a.csv:3", NULL);
    for (uint32_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *text = g_strdup_printf("a,b\nx,1\n%s\n", cases[i].row);
        g_autoptr(gw_csv) csv = open_text(folder, text);
        read_row(csv);
        ck_assert(!gw_csv_next(csv, &error));
        check_error(error, GW_ERROR_SCENARIO,
                    (const char *[]){place, cases[i].found, "expected 2", NULL});
    }
    remove_folder(folder);
}
END_TEST

START_TEST(what_is_no_count_is_told)
{
    static const char *const fields[] = {
        "", "-1", "+1", " 1", "1 ", "0x10", "1e3", "1.0", "x", "null", "18446744073709551616"};
    char *folder = make_folder();
    for (uint32_t i = 0; i < G_N_ELEMENTS(fields); i++) {
        g_autoptr(GError) error = NULL;
        uint64_t count = 77;
        g_autofree char *text = g_strdup_printf("a,steps\n,18446744073709551615\n,%s", fields[i]);
        g_autofree char *quoted = g_strdup_printf("found \"%s\"", fields[i]);
        g_autoptr(gw_csv) csv = open_text(folder, text);
        read_row(csv);
        ck_assert(gw_csv_count(csv, 1, &count, NULL));
        ck_assert_uint_eq(count, UINT64_MAX);
        read_row(csv);
        ck_assert(!gw_csv_count(csv, 1, &count, &error));
        check_error(error, GW_ERROR_SCENARIO, (const char *[]){"a.csv:3", "steps", quoted, NULL});
        ck_assert_uint_eq(count, UINT64_MAX);
    }
    remove_folder(folder);
}
END_TEST

START_TEST(what_is_no_finite_number_is_told)
{
    static const char *const fields[] = {"",    "x",    "1.5x",  "1,5",  "nan",
                                         "inf", "-inf", "1e999", "null", "1 2"};
    char *folder = make_folder();
    for (uint32_t i = 0; i < G_N_ELEMENTS(fields); i++) {
        g_autoptr(GError) error = NULL;
        double value = 77;
        g_autofree char *text = g_strdup_printf("loss,b\n\"%s\",\n", fields[i]);
        g_autofree char *quoted = g_strdup_printf("found \"%s\"", fields[i]);
        g_autoptr(gw_csv) csv = open_text(folder, text);
        read_row(csv);
        ck_assert(!gw_csv_real(csv, 0, &value, &error));
        check_error(error, GW_ERROR_SCENARIO, (const char *[]){"a.csv:2", "loss", quoted, NULL});
        ck_assert(value == 77);
    }
    remove_folder(folder);
}
END_TEST

START_TEST(an_unknown_column_is_told)
{
    char *folder = make_folder();
    g_autoptr(GError) error = NULL;
    uint32_t column = 77;
    g_autoptr(gw_csv) csv = open_text(folder, "Job, run\n");
    ck_assert(!gw_csv_find_column(csv, "run", &column, &error));
    check_error(error, GW_ERROR_SCENARIO, (const char *[]){"a.csv:1", "\"run\"", NULL});
    ck_assert(!gw_csv_find_column(csv, "job", &column, NULL));
    ck_assert_uint_eq(column, 77);
    remove_folder(folder);
}
END_TEST

START_TEST(files_that_are_no_tables_are_told)
{
    char *folder = make_folder();
    g_autoptr(GError) error = NULL;
    g_autofree char *file = g_build_filename(folder, "file", NULL);
    g_autofree char *below = g_build_filename(folder, "below", NULL);
    write_text(folder, "file", "");
    ck_assert_int_eq(g_mkdir(below, 0777), 0);
    ck_assert_ptr_null(gw_csv_open(folder, "file", &error));
    check_error(error, GW_ERROR_SCENARIO,
                (const char *[]){file, ":1: found an empty file", "header", NULL});
    g_clear_error(&error);
    ck_assert_ptr_null(gw_csv_open(folder, "absent.csv", &error));
    check_error(error, GW_ERROR_SCENARIO, (const char *[]){"absent.csv", NULL});
    g_clear_error(&error);
    ck_assert_ptr_null(gw_csv_open(file, "a.csv", &error));
    check_error(error, GW_ERROR_SCENARIO, (const char *[]){"a.csv", g_strerror(ENOTDIR), NULL});
    g_clear_error(&error);
    ck_assert_ptr_null(gw_csv_open(folder, "below", &error));
    check_error(error, GW_ERROR_SCENARIO, (const char *[]){below, g_strerror(EISDIR), NULL});
    remove_folder(folder);
}
END_TEST

START_TEST(a_field_beyond_the_last_aborts)
{
    char *folder = make_folder();
    g_autoptr(gw_csv) csv = open_text(folder, "a\n1\n");
    read_row(csv);
    remove_folder(folder);
    gw_csv_text(csv, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("csv");
    TCase *tables = tcase_create("tables");
    tcase_add_test(tables, names_read_back);
    tcase_add_test(tables, control_characters_do_not_break_rows);
    tcase_add_test(tables, lines_may_end_as_on_windows);
    tcase_add_test(tables, odd_names_of_columns_are_quoted);
    tcase_add_test(tables, reals_read_back);
    tcase_add_test(tables, a_table_without_rows_ends_at_once);
    tcase_add_test(tables, long_lines_are_read);
    suite_add_tcase(suite, tables);
    TCase *mistakes = tcase_create("mistakes");
    tcase_add_test(mistakes, rows_of_another_width_are_told_by_file_and_line);
    tcase_add_test(mistakes, what_is_no_count_is_told);
    tcase_add_test(mistakes, what_is_no_finite_number_is_told);
    tcase_add_test(mistakes, an_unknown_column_is_told);
    tcase_add_test(mistakes, files_that_are_no_tables_are_told);
    tcase_add_test_raise_signal(mistakes, a_field_beyond_the_last_aborts, SIGABRT);
    suite_add_tcase(suite, mistakes);
    return run_suite(suite);
}
