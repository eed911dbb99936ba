/* SPDX-License-Identifier: Apache-2.0 */
/* One controller per node, an input each in turn, and an eye on three things: whether all jobs
 * are done, whether somebody wants the run to end, and whether anything is left to happen.  A
 * stall needs no clock to be seen: both clusters know when nothing can go on by itself. */
#include "real/real_run.h"

#include <stdatomic.h>

#include "base/error.h"
#include "real/activity.h"
#include "real/cpu_port.h"
#include "real/null_port.h"
#include "real/real_private.h"
#include "scenario/counts.h"
#include "scenario/values.h"

#define LOOK_NS    50000000             /* So often the main thread looks up. */
#define GRACE_NS   UINT64_C(2000000000) /* For what is still to be put away after the last job. */
#define NULL_BATCH 4096                 /* Inputs between two looks. */
#define NS_PER_S   1e9

static atomic_bool is_cancelled;

void gw_real_cancel(void)
{
    atomic_store(&is_cancelled, true);
}

bool gw_real_is_cancelled(void)
{
    return atomic_load(&is_cancelled);
}

void gw_real_begin(gw_real_state *run, const gw_scenario *scenario, gw_recorder *recorder,
                   bool has_data)
{
    *run = (gw_real_state){.scenario = scenario, .directory = gw_scenario_directory(scenario)};
    run->ledger = gw_ledger_new(run->directory, recorder, has_data);
    run->controller_count = gw_directory_node_count(run->directory);
    run->controllers = g_new0(gw_controller *, run->controller_count);
}

void gw_real_end(gw_real_state *run)
{
    for (uint32_t i = 0; i < run->controller_count; i++) {
        if (run->controllers[i] != NULL) {
            gw_controller_free(run->controllers[i]);
        }
    }
    g_free(run->controllers);
    gw_ledger_free(run->ledger);
    gw_directory_free(run->directory);
}

bool gw_real_add_controller(gw_real_state *run, gw_node_id self, gw_port *port, GError **error)
{
    gw_controller *controller = gw_controller_new(run->directory, &run->scenario->control,
                                                  run->scenario->jobs, self, port, error);
    if (controller == NULL) {
        gw_scenario_blame_creation(run->scenario, error);
        return false;
    }
    run->controllers[self.index] = controller;
    return true;
}

void gw_real_handle(void *context, gw_node_id node, const gw_input *input)
{
    const gw_real_state *run = context;
    gw_controller_handle(run->controllers[node.index], input);
}

/* --- How a run ends --- */

bool gw_real_is_ended(const gw_real_state *run, gw_cpu_cluster *cluster, GError **error)
{
    uint32_t job, reason;
    gw_note wrong;
    if (atomic_exchange(&is_cancelled, false)) {
        g_set_error_literal(error, GW_ERROR, GW_ERROR_INTERRUPTED, "interrupted");
        return true;
    }
    if (gw_ledger_refusal(run->ledger, &job, &reason)) {
        gw_scenario_blame_refusal(run->scenario, job, reason, error);
        return true;
    }
    if (gw_ledger_policy_wrong(run->ledger, &wrong)) {
        if (cluster != NULL) {
            gw_cpu_cluster_stop(cluster);
        }
        gw_scenario_blame(run->scenario, &wrong, run->controllers[wrong.a], error);
        return true;
    }
    gw_note overflow;
    if (gw_ledger_overflow(run->ledger, &overflow)) {
        gw_scenario_blame_router(run->scenario, &overflow, error);
        return true;
    }
    return !gw_ledger_check(run->ledger, error);
}

void gw_real_explain(const gw_real_state *run, GString *out)
{
    for (uint32_t i = 0; i < run->controller_count; i++) {
        if (run->controllers[i] != NULL) {
            gw_controller_explain(run->controllers[i], out);
        }
    }
}

bool gw_real_report_stall(const gw_real_state *run, const GString *devices, GError **error)
{
    GString *text = g_string_new(NULL);
    g_string_append_printf(text, "%s: nothing is left to happen, and %u of %u jobs are not done\n",
                           run->scenario->path, gw_ledger_jobs_left(run->ledger),
                           run->directory->job_count);
    g_string_append_len(text, devices->str, (gssize)devices->len);
    gw_real_explain(run, text);
    g_strchomp(text->str);
    g_set_error_literal(error, GW_ERROR, GW_ERROR_STALL, text->str);
    g_string_free(text, TRUE);
    return false;
}

void gw_real_fill_report(const gw_real_state *run, gw_real_usage usage, gw_real_report *report)
{
    report->counts = gw_ledger_count(run->ledger);
    report->launch_digest = gw_ledger_digest(run->ledger);
    report->usage = usage;
    report->timing = (gw_recorder_timing){
        .events = usage.inputs,
        .device_operations = report->counts.shards,
    };
}

/* --- The CPU --- */

/* Until it ends, one way or another; the cluster is stopped then. */
static bool watch_cpu(gw_real_state *run, gw_cpu_cluster *cluster, GError **error)
{
    uint64_t done_ns = 0; /* When the last job was seen to be done. */
    for (;;) {
        const bool is_quiet = gw_cpu_cluster_wait(cluster, LOOK_NS);
        if (gw_real_is_ended(run, cluster, error) || !gw_cpu_cluster_check(cluster, error)) {
            return false;
        }
        const bool is_done = gw_ledger_jobs_left(run->ledger) == 0;
        if (is_done && done_ns == 0) {
            done_ns = gw_monotonic_ns();
        }
        if (is_done && (is_quiet || gw_monotonic_ns() - done_ns > GRACE_NS)) {
            gw_cpu_cluster_stop(cluster);
            return true;
        }
        if (is_quiet) {
            GString *devices = g_string_new(NULL);
            gw_cpu_cluster_explain(cluster, devices);
            gw_cpu_cluster_stop(cluster);
            gw_real_report_stall(run, devices, error);
            g_string_free(devices, TRUE);
            return false;
        }
    }
}

static double read_value(void *context, uint32_t job, uint32_t result, uint32_t run)
{
    return gw_scenario_value(((const gw_real_state *)context)->scenario, job, result, run);
}

static void read_counts(void *context, uint32_t job, uint32_t edge, uint32_t run, uint32_t shard,
                        uint32_t *out_counts)
{
    gw_scenario_counts(((const gw_real_state *)context)->scenario, job, edge, run, shard,
                       out_counts);
}

gw_real_answers gw_real_answers_of(gw_real_state *run)
{
    return (gw_real_answers){
        .value = read_value, .counts = read_counts, .context = run, .jobs = run->scenario->jobs};
}

bool gw_cpu_run(const gw_scenario *scenario, gw_recorder *recorder, gw_real_report *out_report,
                GError **error)
{
    gw_real_state run;
    gw_real_begin(&run, scenario, recorder, true);
    gw_cpu_cluster *cluster = gw_cpu_cluster_new(run.directory, run.ledger, gw_real_handle, &run);
    const gw_real_answers answers = gw_real_answers_of(&run);
    gw_cpu_cluster_set_answers(cluster, &answers);
    if (scenario->checks_nan) {
        gw_cpu_cluster_check_nan(cluster);
    }
    bool is_done = true;
    for (uint32_t i = 0; is_done && i < gw_directory_node_count(run.directory); i++) {
        const gw_node_id node = {i};
        is_done = gw_real_add_controller(&run, node, gw_cpu_cluster_port(cluster, node), error);
    }
    is_done = is_done && gw_cpu_cluster_start(cluster, error) && watch_cpu(&run, cluster, error);
    if (is_done) {
        gw_real_fill_report(&run, gw_cpu_cluster_usage(cluster), out_report);
    }
    gw_cpu_cluster_free(cluster);
    gw_real_end(&run);
    return is_done;
}

/* --- The null world --- */

static bool watch_null(gw_real_state *run, gw_null_cluster *cluster, GError **error)
{
    bool is_done = false, has_more = true;
    while (has_more) {
        has_more = gw_null_cluster_run(cluster, NULL_BATCH, !is_done);
        if (gw_real_is_ended(run, NULL, error)) {
            return false;
        }
        is_done = gw_ledger_jobs_left(run->ledger) == 0;
    }
    if (is_done) {
        return true;
    }
    GString *devices = g_string_new(NULL);
    gw_null_cluster_explain(cluster, devices);
    gw_real_report_stall(run, devices, error);
    g_string_free(devices, TRUE);
    return false;
}

bool gw_null_run(const gw_scenario *scenario, gw_recorder *recorder, gw_real_report *out_report,
                 GError **error)
{
    gw_real_state run;
    gw_real_begin(&run, scenario, recorder, false);
    gw_null_cluster *cluster = gw_null_cluster_new(run.directory, run.ledger, gw_real_handle, &run);
    const gw_real_answers answers = gw_real_answers_of(&run);
    gw_null_cluster_set_answers(cluster, &answers);
    bool is_done = true;
    for (uint32_t i = 0; is_done && i < gw_directory_node_count(run.directory); i++) {
        const gw_node_id node = {i};
        is_done = gw_real_add_controller(&run, node, gw_null_cluster_port(cluster, node), error);
    }
    is_done = is_done && watch_null(&run, cluster, error);
    if (is_done) {
        gw_real_fill_report(&run, gw_null_cluster_usage(cluster), out_report);
    }
    gw_null_cluster_free(cluster);
    gw_real_end(&run);
    return is_done;
}
