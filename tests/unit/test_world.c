/* SPDX-License-Identifier: Apache-2.0 */
/* Whole runs on simulated clusters: what they count, that they repeat, and how they fail. */
#include "world/world.h"

#include "run_suite.h"
#include "test_scenario.h"

#define CLUSTER                                                                                    \
    "\"cluster\": {\"islands\": [{\"hosts\": 2, \"devices_per_host\": 4,"                          \
    " \"accelerator\": \"tpu_v3_core\"}]}"

static gw_world_report run_well(const gw_scenario *scenario, const gw_world_settings *settings)
{
    gw_world_report report;
    g_autoptr(GError) error = NULL;
    ck_assert_msg(gw_world_run(scenario, settings, NULL, &report, &error), "%s",
                  error == NULL ? "" : error->message);
    return report;
}

/* It fails with `code`, and says so in `words` (ended by NULL). */
static void run_badly(const gw_scenario *scenario, const gw_world_settings *settings, int code,
                      const char *const *words)
{
    gw_world_report report;
    g_autoptr(GError) error = NULL;
    ck_assert(!gw_world_run(scenario, settings, NULL, &report, &error));
    ck_assert_msg(g_error_matches(error, GW_ERROR, code), "%s", error->message);
    for (uint32_t i = 0; words[i] != NULL; i++) {
        ck_assert_msg(strstr(error->message, words[i]) != NULL, "\"%s\" does not say \"%s\"",
                      error->message, words[i]);
    }
}

static const gw_world_settings paranoid = {.is_paranoid = true};

/* A chain of 5 over 8 devices on 2 hosts, 3 times: 1 + 3 x 5 gangs. */
static const char chain_text[] =
    "{\"name\": \"chain\", " CLUSTER ", \"jobs\": [{\"name\": \"chain\", \"workload\": \"chain\","
    " \"steps\": 3, \"parameters\": {\"devices\": 8, \"length\": 5}}]}";

START_TEST(chain_runs_every_gang_on_every_device)
{
    g_autoptr(gw_scenario) scenario = load_good(chain_text, NULL);
    const gw_world_report report = run_well(scenario, &paranoid);
    ck_assert_uint_eq(report.gangs, 1 + 3 * 5);
    ck_assert_uint_eq(report.launches, 2 * report.gangs);
    ck_assert_uint_eq(report.shards, 8 * report.gangs);
    ck_assert_uint_eq(report.timing.device_operations, report.shards);
    ck_assert_uint_gt(report.messages, 0);
    ck_assert_uint_gt(report.end_ns, 0);
    ck_assert_uint_gt(report.timing.events, report.gangs);
}
END_TEST

/* Two jobs that share devices, one of them a pipeline with transfers. */
static const char mixed_text[] =
    "{\"name\": \"mixed\", \"cluster\": {\"islands\": ["
    "{\"hosts\": 2, \"devices_per_host\": 4, \"accelerator\": \"tpu_v3_core\"},"
    "{\"hosts\": 1, \"devices_per_host\": 4, \"accelerator\": \"tpu_v3_core\"}]},"
    "\"jobs\": [{\"name\": \"chain\", \"workload\": \"chain\", \"steps\": 6, \"count\": 3,"
    " \"parameters\": {\"devices\": 4, \"length\": 7}},"
    "{\"name\": \"pipe\", \"workload\": \"pipeline\", \"steps\": 2,"
    " \"parameters\": {\"stages\": 4, \"microbatches\": 6, \"forward\": \"1ms\","
    " \"backward\": \"2ms\", \"weight\": \"1ms\"}}]}";

START_TEST(runs_repeat_whatever_is_looked_at)
{
    g_autoptr(gw_scenario) scenario = load_good(mixed_text, NULL);
    const gw_world_settings heap = {.queue = GW_QUEUE_HEAP};
    const gw_world_report plain = run_well(scenario, NULL);
    const gw_world_report again = run_well(scenario, NULL);
    const gw_world_report watched = run_well(scenario, &paranoid);
    const gw_world_report slow = run_well(scenario, &heap);
    ck_assert_uint_eq(plain.digest, again.digest);
    ck_assert_uint_eq(plain.digest, watched.digest);
    ck_assert_uint_eq(plain.digest, slow.digest);
    ck_assert_uint_eq(plain.launch_digest, slow.launch_digest);
    ck_assert_uint_eq(plain.end_ns, slow.end_ns);
    ck_assert_uint_gt(plain.transfers, 0);
    g_autoptr(gw_scenario) other = load_good(chain_text, NULL);
    const gw_world_report different = run_well(other, NULL);
    ck_assert_uint_ne(plain.digest, different.digest);
    ck_assert_uint_ne(plain.launch_digest, different.launch_digest);
}
END_TEST

START_TEST(recorder_sees_what_the_report_counts)
{
    g_autoptr(gw_scenario) scenario = load_good(chain_text, NULL);
    const char *const node_names[] = {"start", "c0", "c1", "c2", "c3", "c4"};
    const uint64_t computations[] = {0, 1, 1, 1, 1, 1};
    const uint32_t none[] = {GW_INDEX_NONE, GW_INDEX_NONE, GW_INDEX_NONE,
                             GW_INDEX_NONE, GW_INDEX_NONE, GW_INDEX_NONE};
    const gw_recorder_job job = {.name = "chain",
                                 .step_count = 3,
                                 .node_names = node_names,
                                 .computations = computations,
                                 .stages = none,
                                 .microbatches = none,
                                 .node_count = 6,
                                 .device_count = 8};
    const gw_recorder_island island = {.device_count = 8, .busy_watts = 2, .idle_watts = 1};
    const gw_recorder_settings settings = {.scenario = "chain",
                                           .backend = "sim",
                                           .jobs = &job,
                                           .job_count = 1,
                                           .islands = &island,
                                           .island_count = 1,
                                           .device_count = 8};
    g_autoptr(GError) error = NULL;
    g_autoptr(gw_recorder) recorder = gw_recorder_new(&settings, &error);
    ck_assert_ptr_nonnull(recorder);
    gw_world_report report;
    ck_assert(gw_world_run(scenario, NULL, recorder, &report, &error));
    ck_assert_uint_eq(gw_recorder_runs_done(recorder), 3);
    ck_assert_uint_eq(gw_recorder_runs_asked(recorder), 3);
    ck_assert(gw_recorder_finish(recorder, report.digest, &report.timing, &error));
    const char *summary = gw_recorder_summary(recorder);
    g_autofree char *messages = g_strdup_printf("\"messages\": %u,", (unsigned)report.messages);
    ck_assert_msg(strstr(summary, messages) != NULL, "%s", summary);
    ck_assert_msg(strstr(summary, "\"computations\": 15,") != NULL, "%s", summary);
    const gw_world_report bare = run_well(scenario, NULL);
    ck_assert_uint_eq(bare.digest, report.digest);
}
END_TEST

/* --- Failing --- */

START_TEST(opposite_orders_are_a_deadlock_in_words)
{
    g_setenv("GANGWAY_CONFIGS", CONFIGS, TRUE);
    g_autoptr(GError) error = NULL;
    g_autoptr(gw_scenario) scenario = gw_scenario_load(CONFIGS "/deadlock.json", NULL, &error);
    ck_assert_ptr_nonnull(scenario);
    static const char *const words[] = {"nothing is left to happen",
                                        "2 of 2 jobs are not done",
                                        "deadlock: device ",
                                        "(job there, node ",
                                        "(job back, node ",
                                        "and waits in its all_reduce for device ",
                                        NULL};
    run_badly(scenario, &paranoid, GW_ERROR_STALL, words);
}
END_TEST

START_TEST(scheduler_resolves_the_same_deadlock)
{
    g_setenv("GANGWAY_CONFIGS", CONFIGS, TRUE);
    static const char *const settings[] = {"control.policy=fifo", NULL};
    g_autoptr(GError) error = NULL;
    g_autoptr(gw_scenario) scenario = gw_scenario_load(CONFIGS "/deadlock.json", settings, &error);
    ck_assert_ptr_nonnull(scenario);
    const gw_world_report report = run_well(scenario, &paranoid);
    ck_assert_uint_gt(report.gangs, 0);
}
END_TEST

/* The scenario was checked against other machines than it then runs on. */
START_TEST(job_that_can_never_start_is_refused)
{
    g_autoptr(gw_scenario) scenario = load_good(chain_text, NULL);
    scenario->cluster.accelerators[0].hbm_bytes = 1;
    static const char *const memory[] = {"job chain can never start",
                                         "more memory than its devices have: mesh \"mesh0\" ",
                                         " in all, and the ", NULL};
    run_badly(scenario, &paranoid, GW_ERROR_SCENARIO, memory);
    g_autoptr(gw_scenario) small = load_good(chain_text, NULL);
    small->cluster.islands[0].host_count = 1;
    small->cluster.islands[0].shape[0] = 4;
    small->cluster.islands[0].shape[1] = 1;
    static const char *const shape[] = {"job chain can never start", "no island has room", NULL};
    run_badly(small, &paranoid, GW_ERROR_SCENARIO, shape);
}
END_TEST

/* Picks what it was never offered. */
static gw_policy *create_wrong(gw_params *params, GError **error);
static void destroy_wrong(gw_policy *policy)
{
    g_free(policy);
}
static void offer_wrong(gw_policy *policy, const gw_offer *offer, gw_time now_ns)
{
    (void)policy;
    (void)offer;
    (void)now_ns;
}
static bool pick_wrong(gw_policy *policy, gw_time now_ns, uint64_t *out_offer)
{
    (void)policy;
    (void)now_ns;
    *out_offer = 4711;
    return true;
}
static void take_wrong(gw_policy *policy, uint64_t offer, bool is_ordered)
{
    (void)policy;
    (void)is_ordered;
    ck_abort_msg("what was never offered was taken: %" G_GUINT64_FORMAT, offer);
}
static const gw_policy_ops wrong_policy = {.name = "wrong",
                                           .summary = "picks what it does not have",
                                           .create = create_wrong,
                                           .destroy = destroy_wrong,
                                           .offer = offer_wrong,
                                           .pick = pick_wrong,
                                           .take = take_wrong};
static gw_policy *create_wrong(gw_params *params, GError **error)
{
    (void)params;
    (void)error;
    gw_policy *policy = g_new0(gw_policy, 1);
    policy->ops = &wrong_policy;
    return policy;
}

START_TEST(wrong_pick_ends_the_run_and_names_the_policy)
{
    g_autoptr(gw_scenario) scenario = load_good(chain_text, NULL);
    scenario->control.policy = &wrong_policy;
    static const char *const words[] = {
        ": policy wrong (built in): scheduler on node 2: picked offer 4711,", NULL};
    run_badly(scenario, &paranoid, GW_ERROR_SCENARIO, words);
}
END_TEST

static gw_policy *create_nothing(gw_params *params, GError **error)
{
    (void)params;
    (void)error;
    return NULL;
}

START_TEST(policy_that_is_not_made_is_an_error_even_without_its_words)
{
    g_autoptr(gw_scenario) scenario = load_good(chain_text, NULL);
    gw_policy_ops silent = wrong_policy;
    silent.create = create_nothing;
    scenario->control.policy = &silent;
    static const char *const words[] = {"it refused to be made again, and does not say why", NULL};
    run_badly(scenario, NULL, GW_ERROR_SCENARIO, words);
}
END_TEST

typedef struct {
    uint32_t call_count;
    uint32_t stop_at;
    gw_world_progress last;
} watcher;

static bool watch_progress(void *context, const gw_world_progress *progress)
{
    watcher *watching = context;
    ck_assert_uint_gt(progress->events, watching->last.events);
    ck_assert_uint_ge(progress->now_ns, watching->last.now_ns);
    watching->last = *progress;
    watching->call_count++;
    return watching->call_count != watching->stop_at;
}

START_TEST(progress_is_told_and_can_end_a_run)
{
    static const char long_text[] =
        "{\"name\": \"chain\", " CLUSTER ", \"jobs\": [{\"name\": \"chain\","
        " \"workload\": \"chain\", \"steps\": 9000,"
        " \"parameters\": {\"devices\": 8, \"length\": 20}}]}";
    g_autoptr(gw_scenario) scenario = load_good(long_text, NULL);
    watcher watching = {0};
    gw_world_settings settings = {.progress = watch_progress, .progress_context = &watching};
    run_well(scenario, &settings);
    ck_assert_uint_ge(watching.call_count, 2);
    const uint32_t call_count = watching.call_count;
    watching = (watcher){.stop_at = 1};
    static const char *const words[] = {"interrupted", NULL};
    run_badly(scenario, &settings, GW_ERROR_INTERRUPTED, words);
    ck_assert_uint_eq(watching.call_count, 1);
    ck_assert_uint_gt(call_count, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("world");
    TCase *cases = tcase_create("world");
    tcase_set_timeout(cases, 120);
    tcase_add_test(cases, chain_runs_every_gang_on_every_device);
    tcase_add_test(cases, runs_repeat_whatever_is_looked_at);
    tcase_add_test(cases, recorder_sees_what_the_report_counts);
    tcase_add_test(cases, opposite_orders_are_a_deadlock_in_words);
    tcase_add_test(cases, scheduler_resolves_the_same_deadlock);
    tcase_add_test(cases, job_that_can_never_start_is_refused);
    tcase_add_test(cases, wrong_pick_ends_the_run_and_names_the_policy);
    tcase_add_test(cases, policy_that_is_not_made_is_an_error_even_without_its_words);
    tcase_add_test(cases, progress_is_told_and_can_end_a_run);
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
