/* SPDX-License-Identifier: Apache-2.0 */
/* Scenarios run for real: the same decisions on the CPU and on null devices, the same numbers
 * however a job is sharded, and an answer to everything that can go wrong. */
#include <math.h>
#include <pthread.h>

#include "controller/policy.h"
#include "real/real_run.h"
#include "run_suite.h"
#include "test_scenario.h"

static const char slow_text[] =
    "{\n"
    "  \"name\": \"slow\",\n"
    "  \"cluster\": {\n"
    "    \"islands\": [{\"hosts\": 2, \"devices_per_host\": 2, \"accelerator\": \"cpu\"}]\n"
    "  },\n"
    "  \"jobs\": [\n"
    "    {\"name\": \"chain\", \"workload\": \"chain\", \"steps\": 1000,\n"
    "     \"parameters\": {\"devices\": 4, \"length\": 4, \"duration\": \"60s\"}}\n"
    "  ]\n"
    "}\n";

typedef bool (*run_function)(const gw_scenario *scenario, gw_recorder *recorder,
                             gw_real_report *out_report, GError **error);
static const run_function runners[] = {gw_cpu_run, gw_null_run};

static gw_scenario *load_scenario(const char *text, const char *setting)
{
    const char *const settings[] = {setting, NULL};
    return load_good(text, settings);
}

static void run_well(run_function run, const gw_scenario *scenario, gw_real_report *out_report)
{
    g_autoptr(GError) error = NULL;
    ck_assert_msg(run(scenario, NULL, out_report, &error), "%s",
                  error == NULL ? "" : error->message);
}

static void run_badly(run_function run, const gw_scenario *scenario, gw_error_code code,
                      const char *words)
{
    g_autoptr(GError) error = NULL;
    gw_real_report report;
    ck_assert(!run(scenario, NULL, &report, &error));
    ck_assert_msg(g_error_matches(error, GW_ERROR, (gint)code), "%s", error->message);
    ck_assert_msg(strstr(error->message, words) != NULL, "\"%s\" does not say \"%s\"",
                  error->message, words);
}

/* --- Decisions --- */

START_TEST(cpu_and_null_take_the_same_decisions)
{
    static const char *const settings[] = {"jobs.parameters.devices=4", "jobs.parameters.devices=1",
                                           "jobs.submit=op_by_op", "control.lookahead=1"};
    gw_scenario *scenario = load_scenario(train_text, settings[_i]);
    gw_real_report cpu, null, again;
    run_well(gw_cpu_run, scenario, &cpu);
    run_well(gw_null_run, scenario, &null);
    run_well(gw_null_run, scenario, &again);
    ck_assert_uint_eq(cpu.launch_digest, null.launch_digest);
    ck_assert_uint_eq(cpu.counts.launches, null.counts.launches);
    ck_assert_uint_eq(cpu.counts.shards, null.counts.shards);
    ck_assert_uint_eq(cpu.counts.gangs, null.counts.gangs);
    ck_assert_uint_eq(cpu.counts.transfers, null.counts.transfers);
    ck_assert_uint_eq(again.launch_digest, null.launch_digest);
    ck_assert_uint_eq(again.counts.messages, null.counts.messages);
    ck_assert_uint_eq(again.usage.inputs, null.usage.inputs);
    ck_assert_uint_gt(null.counts.gangs, 8);
    ck_assert_uint_eq(null.usage.spent[GW_COST_LAUNCH], null.counts.shards);
    ck_assert_uint_eq(cpu.timing.events, cpu.usage.inputs);
    ck_assert_uint_eq(cpu.timing.device_operations, cpu.counts.shards);
    gw_scenario_free(scenario);
}
END_TEST

START_TEST(another_program_has_another_digest)
{
    gw_scenario *scenario = load_scenario(train_text, "jobs.steps=8");
    gw_scenario *longer = load_scenario(train_text, "jobs.steps=9");
    gw_real_report report, report_longer;
    run_well(gw_null_run, scenario, &report);
    run_well(gw_null_run, longer, &report_longer);
    ck_assert_uint_ne(report.launch_digest, report_longer.launch_digest);
    ck_assert_uint_lt(report.counts.shards, report_longer.counts.shards);
    gw_scenario_free(scenario);
    gw_scenario_free(longer);
}
END_TEST

/* --- Numbers --- */

/* The loss after each step, from results.csv: job,result,run,value. */
static uint32_t read_losses(const char *folder, double *losses, uint32_t count)
{
    g_autofree char *path = g_build_filename(folder, "results.csv", NULL);
    g_autofree char *text = NULL;
    ck_assert(g_file_get_contents(path, &text, NULL, NULL));
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    uint32_t found = 0;
    for (uint32_t i = 1; lines[i] != NULL && lines[i][0] != '\0' && found < count; i++) {
        g_auto(GStrv) fields = g_strsplit(lines[i], ",", -1);
        ck_assert_uint_ge(g_strv_length(fields), 4);
        losses[found++] = g_ascii_strtod(fields[3], NULL);
    }
    return found;
}

static void train(const char *setting, double losses[8])
{
    gw_scenario *scenario = load_scenario(train_text, setting);
    const gw_job *job = &scenario->jobs[0];
    const uint32_t node_count = job->program->nodes->len;
    g_autofree const char **names = g_new0(const char *, node_count);
    g_autofree uint64_t *computations = g_new0(uint64_t, node_count);
    g_autofree uint32_t *none = g_new0(uint32_t, node_count);
    for (uint32_t i = 0; i < node_count; i++) {
        names[i] = gw_program_node(job->program, i)->name;
        none[i] = GW_INDEX_NONE;
    }
    static const char *const result_names[] = {"loss"};
    const gw_recorder_job record_job = {.name = job->name,
                                        .step_count = job->runs,
                                        .node_names = names,
                                        .computations = computations,
                                        .stages = none,
                                        .microbatches = none,
                                        .node_count = node_count,
                                        .result_names = result_names,
                                        .result_count = job->program->results->len,
                                        .device_count = 4};
    const gw_recorder_island island = {.device_count = 4, .busy_watts = 1, .idle_watts = 1};
    g_autofree char *folder = g_dir_make_tmp("gangway-real-run-XXXXXX", NULL);
    const gw_recorder_settings settings = {.scenario = "train",
                                           .backend = "cpu",
                                           .jobs = &record_job,
                                           .job_count = 1,
                                           .islands = &island,
                                           .island_count = 1,
                                           .device_count = 4,
                                           .folder = folder};
    ck_assert_uint_eq(record_job.result_count, 1);
    g_autoptr(gw_recorder) recorder = gw_recorder_new(&settings, NULL);
    gw_real_report report;
    g_autoptr(GError) error = NULL;
    ck_assert_msg(gw_cpu_run(scenario, recorder, &report, &error), "%s",
                  error == NULL ? "" : error->message);
    ck_assert(gw_recorder_finish(recorder, report.launch_digest, &report.timing, NULL));
    ck_assert_uint_eq(read_losses(folder, losses, 8), 8);
    remove_tree(folder);
    gw_scenario_free(scenario);
}

/* Four devices with a quarter of the batch each, or one with all of it: the same training, but
 * for the rounding of sums. */
START_TEST(a_sharded_job_learns_the_same)
{
    double alone[8], sharded[8], again[8];
    train("jobs.parameters.devices=1", alone);
    train("jobs.parameters.devices=4", sharded);
    train("jobs.parameters.devices=4", again);
    for (uint32_t i = 0; i < 8; i++) {
        ck_assert_msg(fabs(alone[i] - sharded[i]) < 1e-4 * fabs(alone[i]),
                      "step %u: loss %g on one device, %g on four", i, alone[i], sharded[i]);
        ck_assert_double_eq(sharded[i], again[i]); /* To the bit, whoever came first. */
    }
    ck_assert(isfinite(alone[0]) && alone[0] > 0);
    ck_assert_double_lt(alone[7], alone[0]); /* And it does learn. */
}
END_TEST

/* --- What can go wrong --- */

START_TEST(a_cancelled_run_is_interrupted_and_the_next_is_not)
{
    gw_scenario *scenario = load_scenario(train_text, "jobs.steps=2");
    gw_real_report report;
    gw_real_cancel();
    run_badly(runners[_i], scenario, GW_ERROR_INTERRUPTED, "interrupted");
    run_well(runners[_i], scenario, &report);
    gw_scenario_free(scenario);
}
END_TEST

static void *cancel_soon(void *context)
{
    (void)context;
    g_usleep(50000);
    gw_real_cancel();
    return NULL;
}

/* Without the cancel it would run for days. */
START_TEST(a_run_under_way_can_be_cancelled)
{
    gw_scenario *scenario = load_scenario(slow_text, "jobs.steps=1000");
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, cancel_soon, NULL), 0);
    run_badly(gw_cpu_run, scenario, GW_ERROR_INTERRUPTED, "interrupted");
    pthread_join(thread, NULL);
    gw_scenario_free(scenario);
}
END_TEST

static gw_policy *create_idle(gw_params *params, GError **error);
static void destroy_idle(gw_policy *policy)
{
    g_free(policy);
}
static void offer_idle(gw_policy *policy, const gw_offer *offer, gw_time now_ns)
{
    (void)policy;
    (void)offer;
    (void)now_ns;
}
static bool pick_idle(gw_policy *policy, gw_time now_ns, uint64_t *out_offer)
{
    (void)policy;
    (void)now_ns;
    (void)out_offer;
    return false;
}
static void take_idle(gw_policy *policy, uint64_t offer, bool is_ordered)
{
    (void)policy;
    (void)offer;
    (void)is_ordered;
}
static const gw_policy_ops idle_policy = {.name = "idle",
                                          .summary = "picks nothing",
                                          .create = create_idle,
                                          .destroy = destroy_idle,
                                          .offer = offer_idle,
                                          .pick = pick_idle,
                                          .take = take_idle};
static gw_policy *create_idle(gw_params *params, GError **error)
{
    (void)params;
    (void)error;
    gw_policy *policy = g_new0(gw_policy, 1);
    policy->ops = &idle_policy;
    return policy;
}

START_TEST(a_stall_is_an_error_that_says_so)
{
    gw_scenario *scenario = load_scenario(train_text, "jobs.steps=2");
    scenario->control.policy = &idle_policy;
    run_badly(runners[_i], scenario, GW_ERROR_STALL, "1 of 1 jobs are not done");
    gw_scenario_free(scenario);
}
END_TEST

/* One that says it has what it was never offered. */
static bool pick_wrongly(gw_policy *policy, gw_time now_ns, uint64_t *out_offer)
{
    (void)policy;
    (void)now_ns;
    *out_offer = 4711;
    return true;
}

static gw_policy *create_wrong(gw_params *params, GError **error);
static const gw_policy_ops wrong_policy = {.name = "wrong",
                                           .summary = "picks what it does not have",
                                           .create = create_wrong,
                                           .destroy = destroy_idle,
                                           .offer = offer_idle,
                                           .pick = pick_wrongly,
                                           .take = take_idle};
static gw_policy *create_wrong(gw_params *params, GError **error)
{
    gw_policy *policy = create_idle(params, error);
    policy->ops = &wrong_policy;
    return policy;
}

START_TEST(a_wrong_pick_is_an_error_that_names_the_policy)
{
    gw_scenario *scenario = load_scenario(train_text, "jobs.steps=2");
    scenario->control.policy = &wrong_policy;
    run_badly(runners[_i], scenario, GW_ERROR_SCENARIO,
              "policy wrong (built in): scheduler on node 2: picked offer 4711,");
    gw_scenario_free(scenario);
}
END_TEST

static gw_policy *create_nothing(gw_params *params, GError **error)
{
    (void)params;
    (void)error;
    return NULL;
}

START_TEST(a_policy_that_is_not_made_is_an_error_even_without_its_words)
{
    gw_scenario *scenario = load_scenario(train_text, "jobs.steps=2");
    gw_policy_ops silent = idle_policy;
    silent.create = create_nothing;
    scenario->control.policy = &silent;
    run_badly(runners[_i], scenario, GW_ERROR_SCENARIO, "it refused to be made again");
    gw_scenario_free(scenario);
}
END_TEST

START_TEST(a_refused_job_is_an_error_that_names_it)
{
    gw_scenario *scenario = load_scenario(train_text, "jobs.steps=2");
    scenario->cluster.accelerators[0].hbm_bytes = 1000; /* The loader would have said so. */
    run_badly(runners[_i], scenario, GW_ERROR_SCENARIO,
              "job mlp can never start: it needs more memory");
    gw_scenario_free(scenario);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("real_run");
    TCase *tcase = tcase_create("runs");
    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, cpu_and_null_take_the_same_decisions, 0, 4);
    tcase_add_test(tcase, another_program_has_another_digest);
    tcase_add_test(tcase, a_sharded_job_learns_the_same);
    tcase_add_loop_test(tcase, a_cancelled_run_is_interrupted_and_the_next_is_not, 0, 2);
    tcase_add_test(tcase, a_run_under_way_can_be_cancelled);
    tcase_add_loop_test(tcase, a_stall_is_an_error_that_says_so, 0, 2);
    tcase_add_loop_test(tcase, a_wrong_pick_is_an_error_that_names_the_policy, 0, 2);
    tcase_add_loop_test(tcase, a_policy_that_is_not_made_is_an_error_even_without_its_words, 0, 2);
    tcase_add_loop_test(tcase, a_refused_job_is_an_error_that_names_it, 0, 2);
    suite_add_tcase(suite, tcase);
    return gw_run_suite(suite);
}
