/* SPDX-License-Identifier: Apache-2.0 */
/* The ways there are: all of them, each once, and none that cannot be. */
#include <check.h>
#include <string.h>

#include "app/search_space.h"
#include "base/error.h"
#include "run_suite.h"
#include "workload/workload_schedule.h"

#define PLAN GW_SOURCE_DIR "/configs/plan.json" /* 16 devices, 24 layers, 16 heads, batch 32. */

static gw_search_space *make_space(const char *const *settings, guint64 devices)
{
    g_autoptr(GError) error = NULL;
    gw_search_space *space = gw_search_space_new(PLAN, settings, devices, &error);
    ck_assert_msg(space != NULL, "%s", error == NULL ? "no message" : error->message);
    return space;
}

static guint value_at(const GArray *points, guint index, gw_search_dimension dimension)
{
    return g_array_index(points, gw_search_point, index).values[dimension];
}

/* 24 layers of decoder: each place has one side's. */
START_TEST(an_encoder_has_places_of_its_own)
{
    static const char *const settings[] = {"jobs.0.parameters.encoder_layers=12", NULL};
    g_autoptr(gw_search_space) space = make_space(settings, 0);
    g_autoptr(GArray) points = gw_search_space_list(space);
    guint several_count = 0;
    for (guint i = 0; i < points->len; i++) {
        const guint places =
            value_at(points, i, GW_SEARCH_STAGES) * value_at(points, i, GW_SEARCH_CHUNKS);
        ck_assert(!gw_workload_schedules[value_at(points, i, GW_SEARCH_SCHEDULE)]->splits);
        if (places == 1) {
            ck_assert_uint_eq(gw_search_encoder_places(space, places), 0);
            continue;
        }
        ck_assert_uint_eq(3 * gw_search_encoder_places(space, places), places);
        ck_assert_uint_eq(gw_search_place_layers(space, places) * places, 36);
        several_count++;
    }
    ck_assert_uint_gt(several_count, 0);
}
END_TEST

START_TEST(what_is_told_names_the_scenario)
{
    g_autoptr(gw_search_space) space = make_space(NULL, 0);
    g_autofree char *told =
        gw_search_space_tell(space, "parameters:1: /heads: found 3, expected 2");
    g_autofree char *other = gw_search_space_tell(space, "no room");
    ck_assert_msg(g_str_has_prefix(told, PLAN ":") &&
                      g_str_has_suffix(told, ": /jobs/0/parameters/heads: found 3, expected 2"),
                  "%s", told);
    ck_assert_str_eq(other, "no room");
}
END_TEST

START_TEST(points_use_all_devices_and_are_different)
{
    g_autoptr(gw_search_space) space = make_space(NULL, 0);
    g_autoptr(GArray) points = gw_search_space_list(space);
    ck_assert_uint_eq(space->devices, 16);
    ck_assert_uint_gt(points->len, 100);
    for (guint i = 0; i < points->len; i++) {
        const guint tensor = value_at(points, i, GW_SEARCH_TENSOR);
        const guint stages = value_at(points, i, GW_SEARCH_STAGES);
        const guint data = value_at(points, i, GW_SEARCH_DATA);
        const gw_search_point *point = &g_array_index(points, gw_search_point, i);
        ck_assert_uint_eq(tensor * stages * data, 16);
        ck_assert_uint_eq(24 % (stages * value_at(points, i, GW_SEARCH_CHUNKS)), 0);
        ck_assert_uint_eq(gw_search_microbatches(space, point) * data *
                              value_at(points, i, GW_SEARCH_MICROBATCH),
                          32);
        ck_assert(i == 0 || memcmp(point, point - 1, sizeof *point) != 0);
    }
}
END_TEST

/* One stage: tensor 16 and data 1 to tensor 1 and data 16; five of them, three recomputations, and
 * the divisors of 32 over data; four stages of ZeRO with
 * data; 8 stages divide both 24 and 16, 16 do not. */
START_TEST(all_combinations_are_there)
{
    static const char *const one_stage[] = {"jobs.0.parameters.stages=1", NULL};
    g_autoptr(gw_search_space) space = make_space(one_stage, 0);
    g_autoptr(GArray) points = gw_search_space_list(space);
    ck_assert_uint_eq(points->len, 3 * (6 + 4 * (5 + 4 + 3 + 2)));
    static const char *const many[] = {"jobs.0.parameters.stages=16", NULL};
    g_autoptr(gw_search_space) none = make_space(many, 0);
    g_autoptr(GArray) no_points = gw_search_space_list(none);
    ck_assert_uint_eq(no_points->len, 0);
}
END_TEST

/* Of 22 layers and 2 that the ends lack, with experts in every third: places of 3, 6, 12 layers,
 * and on two at least. */
START_TEST(places_are_alike)
{
    static const char *const settings[] = {
        "jobs.0.parameters.layers=22", "jobs.0.parameters.light_ends=true",
        "jobs.0.parameters.experts=16", "jobs.0.parameters.experts_every=3", NULL};
    g_autoptr(gw_search_space) space = make_space(settings, 0);
    g_autoptr(GArray) points = gw_search_space_list(space);
    guint of_places[9] = {0};
    for (guint i = 0; i < points->len; i++) {
        const guint places =
            value_at(points, i, GW_SEARCH_STAGES) * value_at(points, i, GW_SEARCH_CHUNKS);
        ck_assert_uint_le(places, 8);
        ck_assert_uint_eq(gw_search_place_layers(space, places) * places, 24);
        of_places[places]++;
    }
    for (guint places = 1; places <= 8; places++)
        ck_assert_int_eq(of_places[places] > 0, places == 2 || places == 4 || places == 8);
}
END_TEST

START_TEST(the_largest_island_is_priced)
{
    static const char *const settings[] = {
        "cluster.islands=[{\"hosts\": 1, \"devices_per_host\": 4, \"accelerator\": \"a100\"}, "
        "{\"hosts\": 2, \"devices_per_host\": 4, \"accelerator\": \"a100\", "
        "\"speed\": [{\"devices\": [7], \"factor\": 3}]}, "
        "{\"hosts\": 1, \"devices_per_host\": 8, \"accelerator\": \"h100\"}]",
        NULL};
    g_autoptr(gw_search_space) space = make_space(settings, 16);
    ck_assert_uint_eq(space->island_devices, 8);
    ck_assert_uint_eq(space->first_device, 12); /* As large as the one before, and faster. */
    ck_assert_double_eq(space->fastest, 3);
}
END_TEST

START_TEST(the_micro_batch_turns_fastest_and_grows)
{
    g_autoptr(gw_search_space) space = make_space(NULL, 4);
    g_autoptr(GArray) points = gw_search_space_list(space);
    ck_assert_uint_eq(space->devices, 4);
    for (guint i = 1; i < points->len; i++) {
        bool is_same = true;
        for (guint d = 0; d < GW_SEARCH_MICROBATCH; d++)
            is_same = is_same && value_at(points, i, d) == value_at(points, i - 1, d);
        ck_assert(!is_same || value_at(points, i, GW_SEARCH_MICROBATCH) >
                                  value_at(points, i - 1, GW_SEARCH_MICROBATCH));
    }
}
END_TEST

START_TEST(values_are_told_as_scenarios_have_them)
{
    static const char *const fixed[] = {"jobs.0.parameters.recompute=selective",
                                        "jobs.0.parameters.schedule=gpipe",
                                        "jobs.0.parameters.stages=2", NULL};
    g_autoptr(gw_search_space) space = make_space(fixed, 0);
    g_autoptr(GArray) points = gw_search_space_list(space);
    ck_assert_uint_gt(points->len, 0);
    g_autofree char *recompute =
        gw_search_value_text(GW_SEARCH_RECOMPUTE, value_at(points, 0, GW_SEARCH_RECOMPUTE));
    g_autofree char *schedule =
        gw_search_value_text(GW_SEARCH_SCHEDULE, value_at(points, 0, GW_SEARCH_SCHEDULE));
    g_autofree char *stages =
        gw_search_value_text(GW_SEARCH_STAGES, value_at(points, 0, GW_SEARCH_STAGES));
    ck_assert_str_eq(recompute, "selective");
    ck_assert_str_eq(schedule, "gpipe");
    ck_assert_str_eq(stages, "2");
    ck_assert_str_eq(gw_search_dimension_name(GW_SEARCH_MICROBATCH), "microbatch");
}
END_TEST

START_TEST(more_devices_than_there_are)
{
    g_autoptr(GError) error = NULL;
    ck_assert_ptr_null(gw_search_space_new(PLAN, NULL, 17, &error));
    ck_assert(g_error_matches(error, GW_ERROR, GW_ERROR_USAGE));
    ck_assert_str_eq(error->message, "--devices: found 17, expected at most the 16 of the cluster");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("search_space");
    TCase *cases = tcase_create("space");
    tcase_add_test(cases, an_encoder_has_places_of_its_own);
    tcase_add_test(cases, what_is_told_names_the_scenario);
    tcase_add_test(cases, points_use_all_devices_and_are_different);
    tcase_add_test(cases, all_combinations_are_there);
    tcase_add_test(cases, places_are_alike);
    tcase_add_test(cases, the_largest_island_is_priced);
    tcase_add_test(cases, the_micro_batch_turns_fastest_and_grows);
    tcase_add_test(cases, values_are_told_as_scenarios_have_them);
    tcase_add_test(cases, more_devices_than_there_are);
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
