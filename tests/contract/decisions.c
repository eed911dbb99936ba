/* SPDX-License-Identifier: Apache-2.0 */
/* Invariant 6 of docs/TESTING.md: the simulated world, the CPU and the null devices see the same
 * launches in the same order on every device, and the same transfers.  With several jobs the
 * order between them is the race's; what is done is not. */
#include "tests/contract/suites.h"

#include "real/real_run.h"
#include "world/world.h"

static const struct {
    const char *file, *setting;
    bool has_one_order;
    const char *more; /* Another setting; NULL: none. */
} cases[] = {
    {"mlp_cpu.json", NULL, true, NULL},
    {"mlp_cpu.json", "jobs.submit=op_by_op", true, NULL},
    {"mlp_cpu.json", "jobs.submit=fused", true, NULL},
    {"mlp_cpu.json", "control.dispatch=sequential", true, NULL},
    {"mlp_cpu.json", "control.lookahead=1", true, NULL},
    {"mlp_cpu.json", "control.policy=none", true, NULL},
    {"mlp_cpu.json", "jobs.in_flight=4", true, NULL},
    {"mlp_cpu.json", "control.system=multi_controller", true, NULL},
    {"mlp_cpu.json", "control={\"system\":\"multi_controller\",\"handoffs\":\"blocking\"}", true,
     "jobs.submit=op_by_op"},
    {"validate/pipeline_4.json",
     "control={\"system\":\"multi_controller\",\"handoffs\":\"blocking\"}", true,
     "jobs.submit=op_by_op"},
    {"mlp_cpu.json", "control.system=tf1", true, NULL},
    {"mlp_cpu.json", "control.system=ray", true, NULL},
    {"mlp_cpu.json", "control.fanout={\"tree\":2}", true, NULL},
    {"quickstart.json", NULL, false, NULL},
};

static gw_scenario *load_case(int index)
{
    g_autofree char *path = g_build_filename(GW_SOURCE_DIR, "configs", cases[index].file, NULL);
    const char *const settings[] = {cases[index].setting, cases[index].more, NULL};
    g_autoptr(GError) error = NULL;
    gw_scenario *scenario = gw_scenario_load(path, settings, &error);
    ck_assert_msg(scenario != NULL, "%s", error == NULL ? "" : error->message);
    return scenario;
}

START_TEST(three_worlds_take_the_same_decisions)
{
    g_autoptr(gw_scenario) scenario = load_case(_i);
    g_autoptr(GError) error = NULL;
    gw_world_report sim;
    gw_real_report real[2];
    ck_assert_msg(gw_world_run(scenario, NULL, NULL, &sim, &error), "%s",
                  error == NULL ? "" : error->message);
    ck_assert_msg(gw_cpu_run(scenario, NULL, &real[0], &error), "%s",
                  error == NULL ? "" : error->message);
    ck_assert_msg(gw_null_run(scenario, NULL, &real[1], &error), "%s",
                  error == NULL ? "" : error->message);
    ck_assert_uint_gt(sim.gangs, 0);
    for (uint32_t i = 0; i < G_N_ELEMENTS(real); i++) {
        ck_assert_uint_eq(real[i].counts.launches, sim.launches);
        ck_assert_uint_eq(real[i].counts.shards, sim.shards);
        ck_assert_uint_eq(real[i].counts.gangs, sim.gangs);
        ck_assert_uint_eq(real[i].counts.transfers, sim.transfers);
        if (cases[_i].has_one_order) {
            ck_assert_uint_eq(real[i].launch_digest, sim.launch_digest);
        }
    }
}
END_TEST

Suite *contract_decisions_suite(void)
{
    Suite *suite = suite_create("contract/decisions");
    TCase *tcase = tcase_create("all worlds");
    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, three_worlds_take_the_same_decisions, 0, G_N_ELEMENTS(cases));
    suite_add_tcase(suite, tcase);
    return suite;
}
