/* SPDX-License-Identifier: Apache-2.0 */
/* "speed", "speed_spread" and "jitter" of islands: what is read, and every mistake by its place. */
#include <math.h>

#include "base/sample.h"
#include "run_suite.h"
#include "tests/unit/test_scenario.h"

static void expect_setting_mistake(const char *setting, const char *part)
{
    g_autofree char *whole = g_strconcat("cluster.islands.0.", setting, NULL);
    const char *const settings[] = {whole, NULL};
    const char *const parts[] = {part, NULL};
    expect_mistake(base_text, settings, parts);
}

START_TEST(none_is_the_default)
{
    g_autoptr(gw_scenario) scenario = load_good(base_text, NULL);
    ck_assert_ptr_null(scenario->cluster.islands[0].speeds);
    ck_assert_double_eq(scenario->cluster.islands[0].jitter, 0);
    static const char *const settings[] = {"cluster.islands.0.speed=[]", NULL};
    g_autoptr(gw_scenario) empty = load_good(base_text, settings);
    ck_assert_ptr_null(empty->cluster.islands[0].speeds);
}
END_TEST

START_TEST(hosts_stand_for_their_devices)
{
    static const char *const settings[] = {
        "cluster.islands.0.speed=[{\"hosts\":[1],\"factor\":0.5},{\"devices\":[2,0],\"factor\":3}]",
        "cluster.islands.0.jitter=0.15", "cluster.islands.0.count=2", NULL};
    static const double expected[] = {3, 1, 3, 1, 0.5, 0.5, 0.5, 0.5};
    g_autoptr(gw_scenario) scenario = load_good(base_text, settings);
    ck_assert_uint_eq(scenario->cluster.island_count, 2);
    for (uint32_t i = 0; i < 2; i++) {
        const gw_island_spec *island = &scenario->cluster.islands[i];
        ck_assert_double_eq(island->jitter, 0.15);
        for (uint32_t k = 0; k < G_N_ELEMENTS(expected); k++) {
            ck_assert_double_eq(island->speeds[k], expected[k]);
        }
    }
}
END_TEST

static const char *const spread_settings[] = {
    "cluster.islands.0.speed=[{\"devices\":[2],\"factor\":3}]", "cluster.islands.0.hosts=100",
    "cluster.islands.0.speed_spread=0.02", "cluster.islands.0.count=2", NULL};

/* 400 devices: the standard error of their deviation is a 28th of it, of their mean a 20th. */
START_TEST(devices_lie_about_the_median_one)
{
    enum { COUNT = 400 };
    g_autoptr(gw_scenario) scenario = load_good(base_text, spread_settings);
    const gw_island_spec *island = &scenario->cluster.islands[0];
    ck_assert_uint_eq(island->host_count * island->devices_per_host, COUNT);
    double slownesses[COUNT], sum = 0, squares = 0;
    for (uint32_t i = 0; i < COUNT; i++) {
        slownesses[i] = (i == 2 ? 3 : 1) / island->speeds[i];
        sum += slownesses[i] - 1;
        squares += (slownesses[i] - 1) * (slownesses[i] - 1);
    }
    ck_assert_double_eq_tol(sum / COUNT, 0, 4 * 0.02 / 20);
    ck_assert_double_eq_tol(sqrt(squares / COUNT), 0.02, 4 * 0.02 / 28);
    g_autoptr(GArray) sorted = g_array_new(FALSE, FALSE, sizeof(double));
    g_array_append_vals(sorted, slownesses, COUNT);
    gw_sample_sort(sorted);
    ck_assert_double_eq(g_array_index(sorted, double, COUNT / 2), 1);
}
END_TEST

START_TEST(spread_goes_by_seed_island_and_device)
{
    g_autoptr(gw_scenario) scenario = load_good(base_text, spread_settings);
    g_autoptr(gw_scenario) again = load_good(base_text, spread_settings);
    const char *const other_settings[] = {spread_settings[0], spread_settings[1],
                                          spread_settings[2], "seed=7", NULL};
    g_autoptr(gw_scenario) other = load_good(base_text, other_settings);
    const gw_island_spec *islands = scenario->cluster.islands;
    for (uint32_t i = 0; i < 2; i++) {
        ck_assert_mem_eq(islands[i].speeds, again->cluster.islands[i].speeds, 400 * sizeof(double));
    }
    ck_assert_double_ne(islands[0].speeds[0], islands[0].speeds[1]);
    ck_assert_double_ne(islands[0].speeds[0], islands[1].speeds[0]);
    ck_assert_double_ne(islands[0].speeds[0], other->cluster.islands[0].speeds[0]);
}
END_TEST

START_TEST(mistakes)
{
    expect_setting_mistake("speed_spread=0.16",
                           "/cluster/islands/0/speed_spread: found 0.16, expected");
    expect_setting_mistake("jitter=0.16", "/cluster/islands/0/jitter: found 0.16, expected");
    expect_setting_mistake("jitter=-1", "/cluster/islands/0/jitter: found -1, expected");
    expect_setting_mistake("jitter=much", "/cluster/islands/0/jitter: found \"much\"");
    expect_setting_mistake("speed=2", "/cluster/islands/0/speed: found 2, expected an array");
    expect_setting_mistake("speed=[2]", "/cluster/islands/0/speed/0: found 2, expected an object");
    expect_setting_mistake("speed=[{\"factor\":2}]",
                           "/speed/0: found neither, expected one of \"hosts\" and \"devices\"");
    expect_setting_mistake("speed=[{\"hosts\":[0]}]", "/speed/0: found no \"factor\"");
    expect_setting_mistake("speed=[{\"hosts\":[0],\"devices\":[0],\"factor\":2}]",
                           "/speed/0: found both, expected one of");
    expect_setting_mistake("speed=[{\"hosts\":[2],\"factor\":2}]",
                           "/speed/0/hosts/0: found 2, expected a whole number from 0 to 1");
    expect_setting_mistake("speed=[{\"devices\":[8],\"factor\":2}]",
                           "/speed/0/devices/0: found 8, expected a whole number from 0 to 7");
    expect_setting_mistake("speed=[{\"devices\":[],\"factor\":2}]",
                           "/speed/0/devices: found none, expected one at least");
    expect_setting_mistake("speed=[{\"devices\":[1,1],\"factor\":2}]",
                           "/speed/0/devices/1: found device 1 of the island again");
    expect_setting_mistake("speed=[{\"hosts\":[1],\"factor\":0}]", "/speed/0/factor: found 0");
    expect_setting_mistake("speed=[{\"hosts\":[1],\"factor\":2,\"facto\":2}]", "\"facto\"");
    expect_setting_mistake("sped=[]", "did you mean \"speed\"?");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scenario_speed");
    TCase *cases = tcase_create("scenario_speed");
    tcase_add_test(cases, none_is_the_default);
    tcase_add_test(cases, hosts_stand_for_their_devices);
    tcase_add_test(cases, devices_lie_about_the_median_one);
    tcase_add_test(cases, spread_goes_by_seed_island_and_device);
    tcase_add_test(cases, mistakes);
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
