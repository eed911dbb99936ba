/* SPDX-License-Identifier: Apache-2.0 */
/* "accelerator" of jobs and meshes: kinds, overriding, islands that contradict, mistakes. */
#include "run_suite.h"
#include "tests/unit/test_scenario.h"

/* Islands of two kinds: 0 and 2 of tpu_v3_core, 1 of a100. */
#define TWO_KINDS                                                                                  \
    "cluster.islands=[{\"hosts\":1,\"devices_per_host\":4,\"accelerator\":\"tpu_v3_core\"},"       \
    "{\"hosts\":1,\"devices_per_host\":8,\"accelerator\":\"a100\"},"                               \
    "{\"hosts\":1,\"devices_per_host\":4,\"accelerator\":\"tpu_v3_core\"}]"

static void expect_kind(const char *setting, const char *other, uint32_t kind)
{
    const char *const settings[] = {TWO_KINDS, setting, other, NULL};
    g_autoptr(gw_scenario) scenario = load_good(base_text, settings);
    ck_assert_uint_eq(scenario->jobs[0].accelerators[0], kind);
    g_autoptr(gw_directory) directory = gw_scenario_directory(scenario);
    ck_assert_uint_eq(directory->islands[0].accelerator, 0);
    ck_assert_uint_eq(directory->islands[1].accelerator, 1);
    ck_assert_uint_eq(directory->islands[2].accelerator, 0);
}

static void expect_kind_mistake(const char *setting, const char *other, const char *part)
{
    const char *const settings[] = {TWO_KINDS, setting, other, NULL};
    const char *const parts[] = {part, NULL};
    expect_mistake(base_text, settings, parts);
}

START_TEST(kinds_are_names)
{
    expect_kind("seed=1", NULL, GW_INDEX_NONE);
    expect_kind("jobs.0.accelerator=tpu_v3_core", NULL, 0);
    expect_kind("jobs.0.accelerator=a100", NULL, 1);
    expect_kind("jobs.0.placement={\"mesh0\":{\"accelerator\":\"a100\"}}", NULL, 1);
}
END_TEST

START_TEST(mesh_overrides_its_job)
{
    expect_kind("jobs.0.accelerator=tpu_v3_core",
                "jobs.0.placement={\"mesh0\":{\"accelerator\":\"a100\"}}", 1);
    expect_kind("jobs.0.accelerator=a100",
                "jobs.0.placement={\"mesh0\":{\"accelerator\":\"tpu_v3_core\",\"island\":2}}", 0);
}
END_TEST

START_TEST(mistakes)
{
    expect_kind_mistake("jobs.0.accelerator=a10", NULL,
                        ": /jobs/0/accelerator: found \"a10\", expected the accelerator of an "
                        "island of this cluster: one of \"tpu_v3_core\", \"a100\"; did you mean "
                        "\"a100\"?");
    expect_kind_mistake("jobs.0.accelerator=h100", NULL, "found \"h100\""); /* Known, not here. */
    expect_kind_mistake("jobs.0.accelerator=7", NULL, ": /jobs/0/accelerator: found 7");
    expect_kind_mistake("jobs.0.placement={\"mesh0\":{\"accelerator\":\"\"}}", NULL,
                        ": /jobs/0/placement/mesh0/accelerator: found \"\"");
    expect_kind_mistake("jobs.0.accelerator=a100", "jobs.0.placement={\"mesh0\":{\"island\":2}}",
                        ": /jobs/0/placement/mesh0: found island 2 of accelerator tpu_v3_core, "
                        "expected one of a100");
    expect_kind_mistake("jobs.0.accelerator=a100",
                        "jobs.0.placement={\"mesh0\":{\"devices\":[0,1,2,3]}}",
                        ": /jobs/0/placement/mesh0: found island 0 of accelerator tpu_v3_core");
    expect_kind_mistake("jobs.0.accelerator=tpu_v3_core", "jobs.0.parameters.devices=8",
                        "of 8 devices, expected at most the 4 of the largest island of accelerator "
                        "tpu_v3_core");
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("scenario_accelerator");
    tcase_add_test(cases, kinds_are_names);
    tcase_add_test(cases, mesh_overrides_its_job);
    tcase_add_test(cases, mistakes);
    Suite *suite = suite_create("scenario_accelerator");
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
