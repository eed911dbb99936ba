/* SPDX-License-Identifier: Apache-2.0 */
/* The scenario is written here, with the profile that a user would take; nothing is recorded but
 * the counters, so the time is the run's own. */
#include "tests/bench/bench_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "real/real_run.h"
#include "scenario/scenario.h"
#include "world/world.h"

static char *write_scenario(const gw_bench_chain *chain)
{
    return g_strdup_printf(
        "{\"name\": \"bench\","
        " \"cluster\": {\"islands\": [{\"hosts\": %u, \"devices_per_host\": %u,"
        "   \"accelerator\": \"tpu_v3_core\"}]},"
        " \"control\": {\"profile\": \"%s\", \"policy\": \"%s\"},"
        " \"jobs\": [{\"name\": \"chain\", \"count\": %u, \"workload\": \"chain\","
        "   \"parameters\": {\"devices\": %u}, \"submit\": \"%s\","
        "   \"steps\": %" G_GUINT64_FORMAT ", \"in_flight\": 4}]}",
        chain->hosts, chain->devices_per_host, chain->profile,
        chain->policy == NULL ? "fifo" : chain->policy, chain->jobs,
        chain->mesh_devices > 0 ? chain->mesh_devices : chain->hosts * chain->devices_per_host,
        chain->submit, chain->steps);
}

static bool run_null(const gw_bench_chain *chain, const gw_scenario *scenario, gw_bench_row *row,
                     uint64_t *out_operations, GError **error)
{
    gw_real_report report;
    gw_where_sampler *sampler = chain->is_sampled ? gw_where_begin(error) : NULL;
    if (chain->is_sampled && sampler == NULL)
        return false;
    const bool is_done = gw_null_run(scenario, NULL, &report, error);
    if (sampler != NULL)
        gw_where_end(sampler, row->ticks);
    if (!is_done)
        return false;
    memcpy(row->actions, report.usage.spent, sizeof row->actions);
    row->actions[GW_COST_SEND] = row->actions[GW_COST_RECEIVE] = report.counts.messages;
    *out_operations = chain->counts_gangs ? report.counts.gangs : report.counts.shards;
    return true;
}

static bool run_backend(const gw_bench_chain *chain, const gw_scenario *scenario, gw_bench_row *row,
                        uint64_t *out_operations, GError **error)
{
    if (strcmp(chain->backend, "null") == 0)
        return run_null(chain, scenario, row, out_operations, error);
    gw_world_settings settings = {.queue = GW_QUEUE_LADDER};
    gw_world_report report;
    if (!gw_world_run(scenario, &settings, NULL, &report, error))
        return false;
    *out_operations = chain->counts_gangs ? report.gangs : report.shards;
    return true;
}

static bool measure_chain(const void *chain_pointer, gw_bench_row *row)
{
    const gw_bench_chain *chain = chain_pointer;
    g_autoptr(GError) error = NULL;
    g_autofree char *text = write_scenario(chain);
    g_autoptr(gw_scenario) scenario = gw_scenario_parse(text, "bench", &error);
    gint64 began_us = g_get_monotonic_time();
    uint64_t operations = 0;
    if (scenario == NULL || !run_backend(chain, scenario, row, &operations, &error)) {
        fprintf(stderr, "bench %s (%s): %s\n", chain->name, chain->bench_case, error->message);
        return false;
    }
    gw_bench_set_time(row, operations, (double)(g_get_monotonic_time() - began_us) / 1e6);
    return true;
}

void gw_bench_set_time(gw_bench_row *row, uint64_t operations, double elapsed_s)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    row->count = operations;
    row->ns_per_operation = elapsed_s * 1e9 / (double)operations;
    row->operations_per_s = (double)operations / elapsed_s;
    row->peak_bytes = (uint64_t)usage.ru_maxrss * 1024;
}

bool gw_bench_measure_in_child(gw_bench_measure measure, const void *what, gw_bench_row *row)
{
    int ends[2];
    if (pipe(ends) != 0)
        return false;
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        bool is_whole = measure(what, row) && write(ends[1], row, sizeof *row) == sizeof *row;
        _exit(is_whole ? 0 : 1);
    }
    close(ends[1]);
    bool is_whole = child > 0 && read(ends[0], row, sizeof *row) == sizeof *row;
    close(ends[0]);
    if (child > 0)
        waitpid(child, NULL, 0);
    return is_whole;
}

void gw_bench_run_chains(const gw_bench_chain *chains, uint32_t count, GArray *rows)
{
    const guint first = rows->len;
    for (uint32_t i = 0; i < count; i++) {
        gw_bench_row row = {.base_index = first + chains[i].base_index};
        g_strlcpy(row.name, chains[i].name, sizeof row.name);
        g_strlcpy(row.bench_case, chains[i].bench_case, sizeof row.bench_case);
        if (!gw_bench_measure_in_child(measure_chain, &chains[i], &row))
            return;
        g_array_append_val(rows, row);
    }
}
