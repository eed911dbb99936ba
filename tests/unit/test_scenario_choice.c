/* SPDX-License-Identifier: Apache-2.0 */
/* "control.placement" and "control.dispatch": names, parameters, seeds, mistakes. */
#include "run_suite.h"
#include "tests/unit/test_scenario.h"

/* One setting, and what the message says. */
static void expect_setting_mistake(const char *setting, const char *part)
{
    const char *const settings[] = {setting, NULL};
    const char *const parts[] = {part, NULL};
    expect_mistake(base_text, settings, parts);
}

static void expect_placer(const char *setting, const char *name, uint64_t seed)
{
    const char *const settings[] = {"seed=9", setting, NULL};
    g_autoptr(gw_scenario) scenario = load_good(base_text, settings);
    ck_assert_str_eq(scenario->control.placement->name, name);
    ck_assert_uint_eq(scenario->control.placement_seed, seed);
}

START_TEST(spread_is_the_default)
{
    expect_placer(NULL, "spread", 9);
    expect_placer("control.policy=fifo", "spread", 9);
}
END_TEST

START_TEST(every_policy_goes_by_its_name)
{
    for (uint32_t i = 0; gw_placements[i] != NULL; i++) {
        const char *name = gw_placements[i]->name;
        g_autofree char *word = g_strdup_printf("control.placement=%s", name);
        g_autofree char *object = g_strdup_printf("control.placement={\"name\":\"%s\"}", name);
        expect_placer(word, name, 9);
        expect_placer(object, name, 9);
    }
}
END_TEST

START_TEST(random_may_have_a_seed_of_its_own)
{
    expect_placer("control.placement={\"name\":\"random\",\"seed\":4}", "random", 9);
    expect_placer("control.placement={\"name\":\"random\",\"seed\":0}", "random", 9);
}
END_TEST

static void expect_dispatch(const char *setting, const gw_dispatch_policy_ops *ops)
{
    const char *const settings[] = {setting, NULL};
    g_autoptr(gw_scenario) scenario = load_good(base_text, settings);
    ck_assert_ptr_eq(scenario->control.dispatch, ops);
    ck_assert_ptr_null(scenario->dispatch_path);
}

START_TEST(dispatch_goes_by_its_name)
{
    expect_dispatch(NULL, &gw_dispatch_parallel);
    expect_dispatch("control.dispatch=parallel", &gw_dispatch_parallel);
    expect_dispatch("control.dispatch=sequential", &gw_dispatch_sequential);
    expect_dispatch("control.dispatch={\"name\":\"sequential\"}", &gw_dispatch_sequential);
    expect_setting_mistake("control.dispatch=paralel",
                           ": /control/dispatch: found \"paralel\", expected a dispatch policy: "
                           "one of \"parallel\", \"sequential\", or the path of a plugin "
                           "(\"./NAME.so\"); did you mean \"parallel\"?");
    expect_setting_mistake("control.dispatch={\"name\":\"parallel\",\"width\":2}",
                           ": /control/dispatch/width: found an unknown key");
    expect_setting_mistake("control.dispatch={}", ": /control/dispatch: found no \"name\"");
    expect_setting_mistake("control.dispatch=3", ": /control/dispatch: found 3");
}
END_TEST

START_TEST(mistakes)
{
    expect_setting_mistake(
        "control.placement=sprad",
        ": /control/placement: found \"sprad\", expected a placement policy: one "
        "of \"pack\", \"random\", \"spread\", \"topology\", or the path of a plugin "
        "(\"./NAME.so\"); did you mean \"spread\"?");
    expect_setting_mistake("control.placement={\"name\":\"x\"}",
                           ": /control/placement/name: found \"x\"");
    expect_setting_mistake("control.placement={}", ": /control/placement: found no \"name\"");
    expect_setting_mistake("control.placement=3", ": /control/placement: found 3");
    expect_setting_mistake("control.placement=null", ": /control/placement: found null");
    expect_setting_mistake("control.placement=[\"pack\"]", ": /control/placement: found an array");
    expect_setting_mistake("control.placement={\"name\":\"pack\",\"seed\":4}",
                           ": /control/placement/seed: found an unknown key");
    expect_setting_mistake("control.placement={\"name\":\"random\",\"seed\":1.5}",
                           ": /control/placement/seed: found 1.5");
    expect_setting_mistake("control.placement={\"name\":\"random\",\"sead\":1}",
                           ": /control/placement/sead: found an unknown key");
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("scenario_choice");
    tcase_add_test(cases, spread_is_the_default);
    tcase_add_test(cases, every_policy_goes_by_its_name);
    tcase_add_test(cases, random_may_have_a_seed_of_its_own);
    tcase_add_test(cases, dispatch_goes_by_its_name);
    tcase_add_test(cases, mistakes);
    Suite *suite = suite_create("scenario_choice");
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
