/* SPDX-License-Identifier: Apache-2.0 */
/* The figure of a comparison: which axis goes along x, where points are, and data that are wrong.
 */
#include <math.h>

#include "base/error.h"
#include "record/figure.h"
#include "test_record.h"

static const char *const svg[] = {"svg", NULL};

/* compare.json as `gangway compare` writes it, with the keys that a figure needs.  Setting i has
 * the mean (i + 1) * 1000000 in every metric; `ci95` is JSON. */
static void make_comparison(const char *folder, const char *axes, guint setting_count,
                            const char *const *metrics, const char *ci95)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_string_append_printf(text, "{\"axes\": [%s], \"metrics\": [", axes);
    for (guint m = 0; metrics[m] != NULL; m++)
        g_string_append_printf(text, "%s\"%s\"", m > 0 ? "," : "", metrics[m]);
    g_string_append(text, "], \"settings\": [");
    for (guint i = 0; i < setting_count; i++) {
        g_string_append_printf(text, "%s{\"metrics\": {", i > 0 ? "," : "");
        for (guint m = 0; metrics[m] != NULL; m++)
            g_string_append_printf(text, "%s\"%s\": {\"mean\": %u000000, \"ci95\": %s}",
                                   m > 0 ? "," : "", metrics[m], i + 1, ci95);
        g_string_append(text, "}}");
    }
    g_string_append(text, "]}");
    g_autofree char *path = g_build_filename(folder, "compare.json", NULL);
    ck_assert(g_file_set_contents(path, text->str, -1, NULL));
}

static const char *const makespan[] = {"makespan_ns", NULL};

static void draw(const char *folder, const char *const *formats)
{
    g_autoptr(GError) error = NULL;
    ck_assert_msg(gw_figure_draw(folder, "compare", formats, &error), "%s",
                  error == NULL ? "no message" : error->message);
}

static void check_points(const char *folder, const char *expected)
{
    static const char head[] = "# x,mean,ci95: a block for each series of each panel\n";
    g_autofree char *points = read_text(folder, "compare_points.csv");
    ck_assert(g_str_has_prefix(points, head));
    ck_assert_str_eq(points + strlen(head), expected);
}

static void check_words(const char *folder, const char *const *words, const char *absent)
{
    g_autofree char *text = read_text(folder, "compare.svg");
    for (; *words != NULL; words++)
        ck_assert_msg(strstr(text, *words) != NULL, "the figure lacks \"%s\"", *words);
    ck_assert(absent == NULL || strstr(text, absent) == NULL);
}

START_TEST(numbers_that_rise_make_lines)
{
    char *folder = make_folder();
    make_comparison(folder,
                    "{\"path\": \"control.policy\", \"values\": [\"fifo\", \"none\"]},"
                    "{\"path\": \"control.lookahead\", \"values\": [\"1\", \"4\", \"16\"]}",
                    6, makespan, "5");
    draw(folder, svg);
    check_points(folder, "1.0,1000000.0,5.0\n4.0,2000000.0,5.0\n16.0,3000000.0,5.0\n\n\n"
                         "1.0,4000000.0,5.0\n4.0,5000000.0,5.0\n16.0,6000000.0,5.0\n\n\n");
    check_words(folder,
                (const char *[]){"policy=fifo", "policy=none", "control.lookahead", "makespan (ms)",
                                 ">16<", NULL},
                "lookahead=");
    remove_folder(folder);
}
END_TEST

START_TEST(the_longest_of_numbers_goes_along_x)
{
    char *folder = make_folder();
    make_comparison(folder,
                    "{\"path\": \"a\", \"values\": [\"9\", \"8\"]},"
                    "{\"path\": \"b\", \"values\": [\"1ms\", \"2us\", \"3ns\"]},"
                    "{\"path\": \"c\", \"values\": [\"1\", \"3\", \"2\", \"4\"]}",
                    24, makespan, "null");
    draw(folder, svg);
    g_autofree char *points = read_text(folder, "compare_points.csv");
    /* Series 0 is a = 9, c = 1; its settings are 0, 4 and 8. */
    ck_assert_ptr_nonnull(strstr(points, "\n1000000.0,1000000.0,NaN\n2000.0,5000000.0,NaN\n"
                                         "3.0,9000000.0,NaN\n\n\n"));
    check_words(folder, (const char *[]){"a=9 c=1", "a=8 c=4", ">b<", ">2us<", NULL}, NULL);
    remove_folder(folder);
}
END_TEST

START_TEST(other_values_make_groups_of_bars)
{
    char *folder = make_folder();
    make_comparison(folder,
                    "{\"path\": \"p\", \"values\": [\"x\", \"y\"]},"
                    "{\"path\": \"q\", \"values\": [\"1\", \"1ms\"]}",
                    4, makespan, "0");
    draw(folder, svg);
    check_points(folder, "-0.2,1000000.0,0.0\n0.8,3000000.0,0.0\n\n\n"
                         "0.2,2000000.0,0.0\n1.2,4000000.0,0.0\n\n\n");
    check_words(folder, (const char *[]){">x<", ">y<", "q=1ms", NULL}, NULL);
    remove_folder(folder);
}
END_TEST

START_TEST(panels_are_the_first_metrics)
{
    static const char *const metrics[] = {"utilization", "computations_per_s", "makespan_ns",
                                          "messages", NULL};
    static const char *const all_formats[] = {"svg", "pdf", "png", NULL};
    char *folder = make_folder();
    make_comparison(folder, "{\"path\": \"p\", \"values\": [\"x\"]}", 1, metrics, "1");
    draw(folder, all_formats);
    check_words(folder,
                (const char *[]){"utilization (millions)", "computations/s (millions)",
                                 "makespan (µs)", NULL},
                "messages");
    g_autofree char *files = list_files(folder);
    ck_assert_str_eq(files, "compare.json compare.pdf compare.png compare.svg compare_points.csv");
    remove_folder(folder);
}
END_TEST

START_TEST(what_has_no_colour_is_said)
{
    char *folder = make_folder();
    make_comparison(folder,
                    "{\"path\": \"n\", \"values\": [\"1\", \"2\", \"3\"]},"
                    "{\"path\": \"p\", \"values\": [\"a\", \"b\", \"c\", \"d\", \"e\", \"f\", "
                    "\"g\", \"h\", \"i\"]}",
                    27, makespan, "null");
    draw(folder, svg);
    check_words(folder, (const char *[]){"n (first 8 of 9 series)", "p=h", NULL}, "p=i");
    remove_folder(folder);
}
END_TEST

START_TEST(many_and_long_values_leave_labels_out)
{
    char *folder = make_folder();
    g_autoptr(GString) axes = g_string_new("{\"path\": \"n\", \"values\": [\"value 0 of many\"");
    for (guint i = 1; i < 20; i++)
        g_string_append_printf(axes, ", \"value %u of many\"", i);
    g_string_append(axes, "]}");
    make_comparison(folder, axes->str, 20, makespan, "null");
    draw(folder, svg);
    g_autofree char *text = read_text(folder, "compare.svg");
    ck_assert_ptr_nonnull(strstr(text, ">valu…<"));
    ck_assert_ptr_null(strstr(text, "value 0"));
    remove_folder(folder);
}
END_TEST

START_TEST(what_is_missing_is_not_drawn)
{
    char *folder = make_folder();
    static const char text[] =
        "{\"axes\": [{\"path\": \"n\", \"values\": [\"1\", \"2\"]}], \"metrics\": "
        "[\"makespan_ns\"],"
        "\"settings\": [{\"metrics\": {\"makespan_ns\": {\"mean\": null, \"ci95\": null}}},"
        "{\"metrics\": {\"makespan_ns\": {\"mean\": null, \"ci95\": 1}}}]}";
    g_autofree char *path = g_build_filename(folder, "compare.json", NULL);
    ck_assert(g_file_set_contents(path, text, -1, NULL));
    draw(folder, svg);
    check_points(folder, "1.0,NaN,NaN\n2.0,NaN,NaN\n\n\n");
    remove_folder(folder);
}
END_TEST

START_TEST(wrong_data_are_told)
{
    static const char *const wrongs[] = {
        "",
        "[]",
        "{}",
        "{\"axes\": 1, \"metrics\": [], \"settings\": []}",
        "{\"axes\": [], \"metrics\": [\"m\"], \"settings\": []}",
        "{\"axes\": [1], \"metrics\": [\"m\"], \"settings\": [{}]}",
        "{\"axes\": [{\"path\": \"p\", \"values\": []}], \"metrics\": [\"m\"], \"settings\": []}",
        "{\"axes\": [{\"path\": \"p\", \"values\": [1]}], \"metrics\": [\"m\"], \"settings\": "
        "[{}]}",
        "{\"axes\": [{\"path\": \"p\", \"values\": [\"1\"]}], \"metrics\": [], \"settings\": [{}]}",
        "{\"axes\": [{\"path\": \"p\", \"values\": [\"1\"]}], \"metrics\": [2], \"settings\": "
        "[{}]}",
        "{\"axes\": [{\"path\": \"p\", \"values\": [\"1\"]}], \"metrics\": [\"m\"],"
        " \"settings\": [{}, {}]}",
        "{\"axes\": [{\"path\": \"p\", \"values\": [\"1\"]}], \"metrics\": [\"m\"],"
        " \"settings\": [{}]}",
        "{\"axes\": [{\"path\": \"p\", \"values\": [\"1\"]}], \"metrics\": [\"m\"],"
        " \"settings\": [{\"metrics\": {\"m\": {}}}]}",
    };
    for (guint i = 0; i < G_N_ELEMENTS(wrongs); i++) {
        char *folder = make_folder();
        g_autoptr(GError) error = NULL;
        g_autofree char *path = g_build_filename(folder, "compare.json", NULL);
        ck_assert(g_file_set_contents(path, wrongs[i], -1, NULL));
        ck_assert_msg(!gw_figure_draw(folder, "compare", svg, &error), "%s", wrongs[i]);
        ck_assert(g_error_matches(error, GW_ERROR, GW_ERROR_SCENARIO));
        ck_assert_ptr_nonnull(strstr(error->message, "compare.json"));
        g_autofree char *files = list_files(folder);
        ck_assert_str_eq(files, "compare.json");
        remove_folder(folder);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("figure_compare");
    TCase *cases = tcase_create("figure_compare");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, numbers_that_rise_make_lines);
    tcase_add_test(cases, the_longest_of_numbers_goes_along_x);
    tcase_add_test(cases, other_values_make_groups_of_bars);
    tcase_add_test(cases, panels_are_the_first_metrics);
    tcase_add_test(cases, what_has_no_colour_is_said);
    tcase_add_test(cases, many_and_long_values_leave_labels_out);
    tcase_add_test(cases, what_is_missing_is_not_drawn);
    tcase_add_test(cases, wrong_data_are_told);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
