/* SPDX-License-Identifier: Apache-2.0 */
/* Combinations of values: their order, names and neighbours, and every text that is no axis. */
#include <check.h>
#include <string.h>

#include "app/grid.h"
#include "base/error.h"
#include "run_suite.h"

static gw_grid *make_grid(const char *first, const char *second)
{
    g_autoptr(GError) error = NULL;
    gw_grid *grid = gw_grid_new();
    ck_assert_msg(gw_grid_add(grid, first, &error), "%s", error == NULL ? "" : error->message);
    ck_assert(second == NULL || gw_grid_add(grid, second, &error));
    return grid;
}

START_TEST(without_axes_there_is_one_setting)
{
    g_autoptr(gw_grid) grid = gw_grid_new();
    g_autofree char *name = gw_grid_name(grid, 0);
    ck_assert_uint_eq(gw_grid_count(grid), 1);
    ck_assert_uint_eq(gw_grid_axis_count(grid), 0);
    ck_assert_str_eq(name, "as it is");
}
END_TEST

START_TEST(names_are_one_line)
{
    g_autoptr(gw_grid) grid = make_grid("description=x,\"a\nb\x1b\"", NULL);
    g_autofree char *name = gw_grid_name(grid, 1);
    ck_assert_str_eq(name, "description=\"a b\\u001b\"");
    ck_assert_str_eq(gw_grid_value(grid, 1, 0), "\"a\nb\x1b\""); /* The value stays. */
}
END_TEST

START_TEST(the_last_axis_is_the_fastest)
{
    static const char *const names[] = {"control.policy=fifo n=1", "control.policy=fifo n=2",
                                        "control.policy=fifo n=3", "control.policy=none n=1",
                                        "control.policy=none n=2", "control.policy=none n=3"};
    g_autoptr(gw_grid) grid = make_grid("control.policy=fifo,none", "n=1,2,3");
    ck_assert_uint_eq(gw_grid_count(grid), 6);
    for (guint i = 0; i < 6; i++) {
        g_autofree char *name = gw_grid_name(grid, i);
        ck_assert_str_eq(name, names[i]);
        ck_assert_uint_eq(gw_grid_place(grid, i, 0), i / 3);
        ck_assert_uint_eq(gw_grid_place(grid, i, 1), i % 3);
    }
}
END_TEST

START_TEST(a_move_changes_one_axis)
{
    g_autoptr(gw_grid) grid = make_grid("a=1,2,3", "b=x,y");
    ck_assert(gw_grid_add(grid, "c=p,q,r,s", NULL));
    for (guint i = 0; i < gw_grid_count(grid); i++) {
        for (guint axis = 0; axis < 3; axis++) {
            const guint moved = gw_grid_move(grid, i, axis, 1);
            ck_assert_uint_eq(gw_grid_place(grid, moved, axis), 1);
            for (guint other = 0; other < 3; other++)
                ck_assert(other == axis ||
                          gw_grid_place(grid, moved, other) == gw_grid_place(grid, i, other));
        }
    }
}
END_TEST

START_TEST(commas_inside_separate_nothing)
{
    static const char *const values[] = {"[4,8]", "[[1,2],[3]]", "{\"a\":1,\"b\":[2,3]}",
                                         "\"x,\\\"y,z\"", "plain"};
    g_autofree char *list =
        g_strjoinv(" , ", (char *[]){(char *)values[0], (char *)values[1], (char *)values[2],
                                     (char *)values[3], (char *)values[4], NULL});
    g_autofree char *text = g_strconcat("a.b=", list, NULL);
    g_autoptr(gw_grid) grid = make_grid(text, NULL);
    ck_assert_uint_eq(gw_grid_count(grid), G_N_ELEMENTS(values));
    for (guint i = 0; i < G_N_ELEMENTS(values); i++)
        ck_assert_str_eq(gw_grid_value(grid, i, 0), values[i]);
}
END_TEST

START_TEST(what_is_no_axis_is_refused)
{
    static const struct {
        const char *text, *part;
    } wrongs[] = {{"", "found \"\""},
                  {"a", "found \"a\""},
                  {"=1,2", "found \"=1,2\""},
                  {"a=", "an empty value"},
                  {"a=1,", "an empty value"},
                  {"a=,1", "an empty value"},
                  {"a=1,,2", "an empty value"},
                  {"a= ,1", "an empty value"},
                  {"a=1,2,1", "found 1 a second time"},
                  {"a=1,1.0", "found 1.0 a second time"},
                  {"a=1e3,1000", "found 1000 a second time"},
                  {"a=x,y,x", "found x a second time"},
                  {"a=\xff", "expected path=value"},
                  {"there=3,4", "found there twice"}};
    for (guint i = 0; i < G_N_ELEMENTS(wrongs); i++) {
        g_autoptr(gw_grid) grid = make_grid("there=1,2", NULL);
        g_autoptr(GError) error = NULL;
        ck_assert(!gw_grid_add(grid, wrongs[i].text, &error));
        ck_assert(g_error_matches(error, GW_ERROR, GW_ERROR_USAGE));
        ck_assert_msg(strstr(error->message, wrongs[i].part) != NULL, "%s", error->message);
        ck_assert_uint_eq(gw_grid_count(grid), 2);
    }
}
END_TEST

START_TEST(values_that_look_alike_may_differ)
{
    g_autoptr(gw_grid) grid = make_grid("a=1,1ms,\"1\",01x,-1,true", NULL);
    ck_assert_uint_eq(gw_grid_count(grid), 6);
}
END_TEST

static char *list_numbers(guint count)
{
    GString *text = g_string_new("0");
    for (guint i = 1; i < count; i++)
        g_string_append_printf(text, ",%u", i);
    return g_string_free(text, FALSE);
}

START_TEST(settings_are_bounded)
{
    g_autofree char *numbers = list_numbers(64);
    g_autofree char *first = g_strconcat("a=", numbers, NULL);
    g_autofree char *second = g_strconcat("b=", numbers, NULL);
    g_autoptr(gw_grid) grid = make_grid(first, second);
    g_autoptr(GError) error = NULL;
    ck_assert_uint_eq(gw_grid_count(grid), GW_GRID_SETTINGS_MAX);
    ck_assert(!gw_grid_add(grid, "c=1,2", &error));
    ck_assert_ptr_nonnull(strstr(error->message, "found 8192 settings"));
    ck_assert_ptr_nonnull(strstr(error->message, "at most 4096"));
    ck_assert(gw_grid_add(grid, "c=1", NULL)); /* One value multiplies nothing. */
}
END_TEST

START_TEST(a_scenario_varies_too)
{
    g_autoptr(gw_params) vary = gw_params_parse(
        "{\"control.lookahead\": [1, 4.5], \"//\": 1, \"control.policy\": [\"fifo\", \"1\"],"
        " \"a.b\": [[2, 4], true]}",
        "s.json", NULL);
    g_autoptr(gw_grid) grid = gw_grid_new();
    ck_assert(gw_grid_add_params(grid, vary, NULL));
    g_autofree char *first = gw_grid_name(grid, 0);
    g_autofree char *last = gw_grid_name(grid, 7);
    ck_assert_uint_eq(gw_grid_count(grid), 8);
    ck_assert_str_eq(first, "control.lookahead=1 control.policy=fifo a.b=[2,4]");
    ck_assert_str_eq(last, "control.lookahead=4.5 control.policy=\"1\" a.b=true");
}
END_TEST

START_TEST(a_value_is_found)
{
    g_autoptr(gw_grid) grid = make_grid("control.policy=fifo,none", "n=1,2,3");
    g_autoptr(GError) error = NULL;
    guint axis = 9, place = 9;
    ck_assert(gw_grid_find(grid, "n=3", &axis, &place, NULL));
    ck_assert_uint_eq(axis, 1);
    ck_assert_uint_eq(place, 2);
    ck_assert(!gw_grid_find(grid, "control.policy=fif", &axis, &place, &error));
    ck_assert(g_error_matches(error, GW_ERROR, GW_ERROR_USAGE));
    ck_assert_ptr_nonnull(strstr(error->message, "did you mean \"control.policy=fifo\"?"));
    ck_assert_uint_eq(axis, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("grid");
    TCase *settings = tcase_create("settings");
    tcase_add_test(settings, without_axes_there_is_one_setting);
    tcase_add_test(settings, names_are_one_line);
    tcase_add_test(settings, the_last_axis_is_the_fastest);
    tcase_add_test(settings, a_move_changes_one_axis);
    tcase_add_test(settings, a_value_is_found);
    suite_add_tcase(suite, settings);
    TCase *axes = tcase_create("axes");
    tcase_add_test(axes, commas_inside_separate_nothing);
    tcase_add_test(axes, what_is_no_axis_is_refused);
    tcase_add_test(axes, values_that_look_alike_may_differ);
    tcase_add_test(axes, settings_are_bounded);
    tcase_add_test(axes, a_scenario_varies_too);
    suite_add_tcase(suite, axes);
    return gw_run_suite(suite);
}
