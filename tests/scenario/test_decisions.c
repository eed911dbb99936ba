/* SPDX-License-Identifier: Apache-2.0 */
/* One controller, three worlds: the simulator, this machine's CPUs and devices that finish at once
 * get the same launches on the same devices in the same order (record/launch_digest.h), the same
 * number of gangs and of transfers.  With several clients only the counts must agree: who comes
 * first is decided by time, and each world has its own.  So have messages: what is ready at the
 * same time travels together.  (tests/contract/decisions.c asks the same of a training job.) */
#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "real/real_run.h"
#include "run_suite.h"
#include "world/world.h"

typedef struct {
    const char *path;
    const char *settings[4]; /* Ended by NULL. */
    bool has_one_client;     /* Else only counts are compared. */
} decision_case;

#define SHORT_CHAIN     "jobs.0.parameters.length=6"
#define DEALT_AT_RANDOM "jobs.0.counts.experts={\"zipf\": 1.5}"
#define TREE_OF_2       "control.fanout={\"tree\":2}"

static const decision_case cases[] = {
    {"tests/scenario/one_gang.json", {NULL}, true},
    {"tests/scenario/op_by_op.json", {NULL}, true},
    {"tests/scenario/chained.json", {NULL}, true},
    {"tests/scenario/sequential.json", {NULL}, true},
    {"tests/scenario/parallel.json", {NULL}, true},
    {"tests/scenario/in_flight_1.json", {NULL}, true},
    {"tests/scenario/in_flight_3.json", {NULL}, true},
    {"tests/scenario/pipeline.json", {NULL}, true},
    {"tests/scenario/pipeline.json", {"control.lookahead=1", "jobs.0.steps=4", NULL}, true},
    {"tests/scenario/back_pressure.json", {"jobs.0.steps=5", NULL}, true},
    {"tests/scenario/result.json", {NULL}, true},
    {"tests/scenario/two_islands.json", {"jobs.0.steps=3", NULL}, true},
    {"tests/scenario/one_gang.json", {SHORT_CHAIN, "jobs.0.submit=fused", NULL}, true},
    {"tests/scenario/one_gang.json", {SHORT_CHAIN, "control.policy=none", NULL}, true},
    {"tests/scenario/two_islands.json", {"control.dispatch=sequential", NULL}, true},
    {"tests/scenario/lookahead_1.json", {"jobs.0.submit=op_by_op", NULL}, true},
    {"tests/scenario/until.json", {NULL}, true},
    {"tests/scenario/conditional.json", {"jobs.1.start=\"1s\"", NULL}, false},
    {"tests/scenario/multi_controller.json", {NULL}, true},
    {"tests/scenario/multi_controller.json", {"jobs.0.submit=chained", NULL}, true},
    {"tests/scenario/multi_pipeline.json", {NULL}, true},
    {"tests/scenario/tf1_chained.json", {NULL}, true},
    {"tests/scenario/tf1_op_by_op.json", {NULL}, true},
    {"tests/scenario/multi_pipeline.json", {"control.system=tf1", NULL}, true},
    {"tests/scenario/ray_chained.json", {NULL}, true},
    {"tests/scenario/ray_op_by_op.json", {NULL}, true},
    {"tests/scenario/multi_pipeline.json", {"control.system=ray", NULL}, true},
    {"tests/scenario/two_islands.json", {TREE_OF_2, "jobs.0.steps=3", NULL}, true},
    {"tests/scenario/two_islands.json", {TREE_OF_2, "control.dispatch=sequential", NULL}, true},
    {"tests/scenario/one_gang.json", {SHORT_CHAIN, TREE_OF_2, "control.policy=none", NULL}, true},
    {"tests/scenario/fanout.json", {"jobs.steps=5", NULL}, false},
    {"tests/scenario/fanout.json", {"jobs.submit=op_by_op", NULL}, false},
    {"tests/scenario/exchange.json", {NULL}, true},
    {"tests/scenario/exchange.json", {"jobs.0.submit=op_by_op", "jobs.0.steps=6", NULL}, true},
    {"tests/scenario/exchange.json", {"control.dispatch=sequential", NULL}, true},
    {"tests/scenario/exchange.json", {DEALT_AT_RANDOM, "jobs.0.steps=9", NULL}, true},
    {"tests/scenario/two_clients.json", {NULL}, false},
    {"tests/scenario/scheduled.json", {NULL}, false},
};

static gw_scenario *load_case(const decision_case *decided)
{
    g_autoptr(GError) error = NULL;
    gw_scenario *scenario = gw_scenario_load(decided->path, decided->settings, &error);
    ck_assert_msg(scenario != NULL, "%s", error == NULL ? "" : error->message);
    return scenario;
}

static gw_world_report simulate(const gw_scenario *scenario)
{
    const gw_world_settings settings = {.queue = GW_QUEUE_LADDER, .is_paranoid = true};
    gw_world_report report;
    g_autoptr(GError) error = NULL;
    const bool is_done = gw_world_run(scenario, &settings, NULL, &report, &error);
    ck_assert_msg(is_done, "%s", is_done ? "" : error->message);
    return report;
}

typedef bool (*real_run)(const gw_scenario *scenario, gw_recorder *recorder,
                         gw_real_report *out_report, GError **error);

static void expect_same(const decision_case *decided, const gw_scenario *scenario,
                        const gw_world_report *simulated, real_run run)
{
    gw_real_report report;
    g_autoptr(GError) error = NULL;
    const bool is_done = run(scenario, NULL, &report, &error);
    ck_assert_msg(is_done, "%s", is_done ? "" : error->message);
    ck_assert_uint_eq(report.counts.gangs, simulated->gangs);
    ck_assert_uint_eq(report.counts.launches, simulated->launches);
    ck_assert_uint_eq(report.counts.shards, simulated->shards);
    ck_assert_uint_eq(report.counts.transfers, simulated->transfers);
    if (decided->has_one_client) {
        ck_assert_uint_eq(report.launch_digest, simulated->launch_digest);
    }
}

START_TEST(cpu_decides_as_the_simulator)
{
    const decision_case *decided = &cases[_i];
    g_autoptr(gw_scenario) scenario = load_case(decided);
    const gw_world_report simulated = simulate(scenario);
    ck_assert_uint_gt(simulated.launches, 0);
    expect_same(decided, scenario, &simulated, gw_cpu_run);
}
END_TEST

START_TEST(null_decides_as_the_simulator)
{
    const decision_case *decided = &cases[_i];
    g_autoptr(gw_scenario) scenario = load_case(decided);
    const gw_world_report simulated = simulate(scenario);
    expect_same(decided, scenario, &simulated, gw_null_run);
}
END_TEST

/* A digest that is always the same would agree too. */
static uint64_t digest_launches(const decision_case *decided)
{
    g_autoptr(gw_scenario) scenario = load_case(decided);
    return simulate(scenario).launch_digest;
}

/* A digest that is always the same would agree too. */
START_TEST(other_programs_have_other_digests)
{
    const decision_case longer = {"tests/scenario/one_gang.json", {SHORT_CHAIN, NULL}, true};
    const decision_case again = {"tests/scenario/one_gang.json", {"jobs.0.steps=2", NULL}, true};
    const uint64_t first = digest_launches(&cases[0]);
    const uint64_t second = digest_launches(&longer);
    const uint64_t third = digest_launches(&again);
    ck_assert_uint_ne(first, second);
    ck_assert_uint_ne(first, third);
    ck_assert_uint_ne(second, third);
}
END_TEST

static Suite *decisions_suite(void)
{
    Suite *suite = suite_create("decisions");
    TCase *decisions = tcase_create("decisions");
    tcase_set_timeout(decisions, 120);
    tcase_add_loop_test(decisions, cpu_decides_as_the_simulator, 0, G_N_ELEMENTS(cases));
    tcase_add_loop_test(decisions, null_decides_as_the_simulator, 0, G_N_ELEMENTS(cases));
    tcase_add_test(decisions, other_programs_have_other_digests);
    suite_add_tcase(suite, decisions);
    return suite;
}

int main(void)
{
    if (chdir(GW_SOURCE_DIR) != 0) {
        perror(GW_SOURCE_DIR);
        return EXIT_FAILURE;
    }
    return gw_run_suite(decisions_suite());
}
