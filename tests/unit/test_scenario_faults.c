/* SPDX-License-Identifier: Apache-2.0 */
/* "faults": what is read, and every mistake by its place. */
#include "run_suite.h"
#include "tests/unit/test_scenario.h"

/* One setting, and what the message says. */
static void expect_setting_mistake(const char *setting, const char *part)
{
    const char *const settings[] = {setting, NULL};
    const char *const parts[] = {part, NULL};
    expect_mistake(base_text, settings, parts);
}

START_TEST(none_is_the_default)
{
    g_autoptr(gw_scenario) scenario = load_good(base_text, NULL);
    ck_assert_uint_eq(scenario->control.change_count, 0);
    static const char *const settings[] = {"faults=[]", NULL};
    g_autoptr(gw_scenario) empty = load_good(base_text, settings);
    ck_assert_uint_eq(empty->control.change_count, 0);
}
END_TEST

START_TEST(changes_are_read_in_order)
{
    static const char *const settings[] = {"faults=[{\"at\":\"1us\",\"remove\":{\"island\":0}},"
                                           "{\"at_ns\":1000,\"add\":{\"island\":0,\"hosts\":[1]}}]",
                                           NULL};
    g_autoptr(gw_scenario) scenario = load_good(base_text, settings);
    const gw_change *changes = scenario->control.changes;
    ck_assert_uint_eq(scenario->control.change_count, 2);
    ck_assert_uint_eq(changes[0].at_ns, 1000);
    ck_assert(changes[0].is_removal);
    ck_assert_uint_eq(changes[0].host_count, 2); /* All of them. */
    ck_assert_uint_eq(changes[0].hosts[0], 0);
    ck_assert_uint_eq(changes[0].hosts[1], 1);
    ck_assert(!changes[1].is_removal);
    ck_assert_uint_eq(changes[1].island, 0);
    ck_assert_uint_eq(changes[1].host_count, 1);
    ck_assert_uint_eq(changes[1].hosts[0], 1);
}
END_TEST

START_TEST(mistakes)
{
    expect_setting_mistake("faults=7", ": /faults: found 7, expected an array");
    expect_setting_mistake("faults=[7]", ": /faults/0: found 7, expected an object");
    expect_setting_mistake("faults=[{\"at\":\"1ms\"}]",
                           ": /faults/0: found none of \"remove\", \"add\" and \"client\", "
                           "expected one");
    expect_setting_mistake("faults=[{\"remove\":{\"island\":0}}]", ": /faults/0: found no \"at\"");
    expect_setting_mistake("faults=[{\"at\":\"1\",\"remove\":{\"island\":0}}]",
                           ": /faults/0/at: found \"1\"");
    expect_setting_mistake("faults=[{\"at\":\"1ms\",\"remove\":[0]}]",
                           ": /faults/0/remove: found an array, expected an object");
    expect_setting_mistake("faults=[{\"at\":\"1ms\",\"remove\":{\"island\":-1}}]",
                           ": /faults/0/remove/island: found -1");
    expect_setting_mistake(
        "faults=[{\"at\":\"1ms\",\"remove\":{\"island\":0,\"hosts\":[2]}}]",
        ": /faults/0/remove/hosts/0: found 2, expected a whole number from 0 to 1");
    expect_setting_mistake(
        "faults=[{\"at\":\"1ms\",\"add\":{\"island\":0}}]",
        ": /faults/0/add: found host 0 of island 0, expected one that is removed "
        "at that time");
    expect_setting_mistake("faults=[{\"at\":\"1ms\",\"removed\":{\"island\":0}}]",
                           ": /faults/0/removed: found an unknown key");
    expect_setting_mistake("faults=[{\"at\":\"2ms\",\"remove\":{\"island\":0}},"
                           "{\"at\":\"1ms\",\"add\":{\"island\":0}}]",
                           ": /faults/1/at: found 1000000 ns after one at 2000000 ns");
}
END_TEST

START_TEST(clients_fail_at_their_time)
{
    static const char *const settings[] = {
        "faults=[{\"at\":\"1us\",\"remove\":{\"island\":0,\"hosts\":[0]}},"
        "{\"at_ns\":2000,\"client\":\"chain\"}]",
        NULL};
    g_autoptr(gw_scenario) scenario = load_good(base_text, settings);
    ck_assert_uint_eq(scenario->control.change_count, 1);
    ck_assert_uint_eq(scenario->jobs[0].fail_ns, 2000);
    ck_assert_uint_eq(scenario->control.lease_ns, 100000000); /* The default. */
    static const char *const leased[] = {"faults=[{\"at\":\"1us\",\"client\":\"chain\"}]",
                                         "control.lease=\"3ms\"", NULL};
    g_autoptr(gw_scenario) other = load_good(base_text, leased);
    ck_assert_uint_eq(other->control.lease_ns, 3000000);
    static const char *const unfailing[] = {"control.lease_ns=7", NULL};
    g_autoptr(gw_scenario) alone = load_good(base_text, unfailing);
    ck_assert_uint_eq(alone->control.lease_ns, 7);
    ck_assert_uint_eq(alone->jobs[0].fail_ns, 0);
    g_autoptr(gw_scenario) none = load_good(base_text, NULL);
    ck_assert_uint_eq(none->control.lease_ns, 0);
}
END_TEST

START_TEST(mistakes_of_clients)
{
    expect_setting_mistake("faults=[{\"at\":\"1ms\",\"client\":7}]",
                           ": /faults/0/client: found 7, expected a string");
    expect_setting_mistake(
        "faults=[{\"at\":\"1ms\",\"client\":\"chian\"}]",
        ": /faults/0/client: found \"chian\", expected the name of a job: one of "
        "\"chain\"; did you mean \"chain\"?");
    expect_setting_mistake("faults=[{\"at\":\"0ms\",\"client\":\"chain\"}]",
                           ": /faults/0/at: found 0, expected a time above 0");
    expect_setting_mistake(
        "faults=[{\"at\":\"1ms\",\"client\":\"chain\"},"
        "{\"at\":\"2ms\",\"client\":\"chain\"}]",
        ": /faults/1/client: found \"chain\" a second time, expected each client to "
        "fail once");
    expect_setting_mistake("faults=[{\"at\":\"2ms\",\"client\":\"chain\"},"
                           "{\"at\":\"1ms\",\"remove\":{\"island\":0}}]",
                           ": /faults/1/at: found 1000000 ns after one at 2000000 ns");
    expect_setting_mistake(
        "faults=[{\"at\":\"1ms\",\"client\":\"chain\",\"remove\":{\"island\":0}}]",
        ": /faults/0: found several of");
    expect_setting_mistake("control.lease=\"0s\"",
                           ": /control/lease: found 0, expected a time above 0");
    expect_setting_mistake("control.lease_ns=0",
                           ": /control/lease_ns: found 0, expected a time above 0");
    expect_setting_mistake("control={\"system\":\"ray\",\"lease\":\"1ms\"}",
                           ": /control/lease: found a lease, expected system \"pathways\", not "
                           "\"ray\"");
}
END_TEST

START_TEST(too_many)
{
    GString *setting = g_string_new("faults=[");
    for (uint32_t i = 0; i < 201; i++) {
        g_string_append_printf(setting, "%s{\"at\":\"%ums\",\"%s\":{\"island\":0}}",
                               i > 0 ? "," : "", i, i % 2 == 0 ? "remove" : "add");
    }
    g_string_append_c(setting, ']');
    expect_setting_mistake(setting->str, ": /faults: found 201, expected at most 200");
    g_string_free(setting, TRUE);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("scenario_faults");
    tcase_add_test(cases, none_is_the_default);
    tcase_add_test(cases, changes_are_read_in_order);
    tcase_add_test(cases, mistakes);
    tcase_add_test(cases, clients_fail_at_their_time);
    tcase_add_test(cases, mistakes_of_clients);
    tcase_add_test(cases, too_many);
    Suite *suite = suite_create("scenario_faults");
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
