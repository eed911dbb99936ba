/* SPDX-License-Identifier: Apache-2.0 */
/* "matrix_unit" of an accelerator: what it says, what it leaves out, mistakes. */
#include <check.h>
#include <string.h>

#include "base/error.h"
#include "run_suite.h"
#include "scenario/scenario_private.h"

static gw_params *parse(const char *unit)
{
    g_autofree char *text = g_strdup_printf("{\"matrix_unit\": %s}", unit);
    gw_params *root = gw_params_parse(text, "chip.json", NULL);
    ck_assert_ptr_nonnull(root);
    return root;
}

START_TEST(a_whole_unit)
{
    g_autoptr(gw_params) root = parse("{\"parts\": 108, \"depth_multiple\": 16, \"ramp_depth\": 96,"
                                      "\"tiles\": [{\"rows\": 256, \"columns\": 128},"
                                      "{\"rows\": 64, \"columns\": 32, \"efficiency\": 0.5}]}");
    gw_matrix_unit unit = {0};
    ck_assert(gw_matrix_unit_read(root, &unit, NULL));
    ck_assert_uint_eq(unit.part_count, 108);
    ck_assert_uint_eq(unit.depth_multiple, 16);
    ck_assert_uint_eq(unit.ramp_depth, 96);
    ck_assert_uint_eq(unit.tile_count, 2);
    ck_assert_uint_eq(unit.tiles[0].rows, 256);
    ck_assert_uint_eq(unit.tiles[0].columns, 128);
    ck_assert_double_eq(unit.tiles[0].efficiency, 1);
    ck_assert_uint_eq(unit.tiles[1].rows, 64);
    ck_assert_double_eq(unit.tiles[1].efficiency, 0.5);
}
END_TEST

START_TEST(the_least_that_is_enough)
{
    g_autoptr(gw_params) root = parse("{\"tiles\": [{\"rows\": 8, \"columns\": 128}]}");
    gw_matrix_unit unit = {0};
    ck_assert(gw_matrix_unit_read(root, &unit, NULL));
    ck_assert_uint_eq(unit.part_count, 1);
    ck_assert_uint_eq(unit.depth_multiple, 1);
    ck_assert_uint_eq(unit.ramp_depth, 0);
}
END_TEST

START_TEST(no_unit_at_all)
{
    g_autoptr(gw_params) root = gw_params_parse("{}", "chip.json", NULL);
    gw_matrix_unit unit = {0};
    ck_assert(gw_matrix_unit_read(root, &unit, NULL));
    ck_assert_uint_eq(unit.tile_count, 0);
}
END_TEST

#define TILE "{\"rows\": 8, \"columns\": 128}"
static const struct {
    const char *unit, *part;
} mistakes[] = {
    {"3", "/matrix_unit: found 3"},
    {"{}", "/matrix_unit: found no \"tiles\""},
    {"{\"tiles\": []}", "/matrix_unit/tiles: found 0, expected 1 to 8"},
    {"{\"tiles\": [" TILE "," TILE "," TILE "," TILE "," TILE "," TILE "," TILE "," TILE "," TILE
     "]}",
     "/matrix_unit/tiles: found 9, expected 1 to 8"},
    {"{\"tiles\": [7]}", "/matrix_unit/tiles/0: found 7"},
    {"{\"tiles\": [{\"rows\": 8}]}", "/matrix_unit/tiles/0: found no \"columns\""},
    {"{\"tiles\": [{\"rows\": 0, \"columns\": 1}]}", "/matrix_unit/tiles/0/rows: found 0"},
    {"{\"tiles\": [{\"rows\": 1, \"columns\": 65537}]}",
     "/matrix_unit/tiles/0/columns: found 65537"},
    {"{\"tiles\": [{\"rows\": 1, \"columns\": 1, \"efficiency\": 0}]}",
     "/matrix_unit/tiles/0/efficiency: found 0, expected more"},
    {"{\"tiles\": [{\"rows\": 1, \"columns\": 1, \"efficiency\": 1.5}]}",
     "/matrix_unit/tiles/0/efficiency: found 1.5"},
    {"{\"tiles\": [{\"rows\": 1, \"columns\": 1, \"column\": 1}]}",
     "/matrix_unit/tiles/0/column: found an unknown key"},
    {"{\"tiles\": [" TILE "], \"parts\": 0}", "/matrix_unit/parts: found 0"},
    {"{\"tiles\": [" TILE "], \"parts\": 2.5}", "/matrix_unit/parts: found 2.5"},
    {"{\"tiles\": [" TILE "], \"depth_multiple\": 0}", "/matrix_unit/depth_multiple: found 0"},
    {"{\"tiles\": [" TILE "], \"ramp_depth\": -1}", "/matrix_unit/ramp_depth: found -1"},
    {"{\"tiles\": [" TILE "], \"part\": 2}", "did you mean \"parts\"?"},
};

START_TEST(mistake)
{
    g_autoptr(gw_params) root = parse(mistakes[_i].unit);
    g_autoptr(GError) error = NULL;
    gw_matrix_unit unit = {.part_count = 77};
    ck_assert(!gw_matrix_unit_read(root, &unit, &error));
    ck_assert(g_error_matches(error, GW_ERROR, GW_ERROR_SCENARIO));
    ck_assert_msg(strstr(error->message, mistakes[_i].part) != NULL, "%s", error->message);
    ck_assert_uint_eq(unit.part_count, 77); /* Untouched. */
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("scenario_matrix");
    tcase_add_test(cases, a_whole_unit);
    tcase_add_test(cases, the_least_that_is_enough);
    tcase_add_test(cases, no_unit_at_all);
    tcase_add_loop_test(cases, mistake, 0, G_N_ELEMENTS(mistakes));
    Suite *suite = suite_create("scenario_matrix");
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
