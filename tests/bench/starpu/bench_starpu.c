/* SPDX-License-Identifier: Apache-2.0 */
/* Empty tasks per second, ours and StarPU's (Augonnet et al., "StarPU: a unified platform for task
 * scheduling on heterogeneous multicore architectures", 2011), in one run on the same cores.
 *
 * Two chains of tasks that do nothing but follow each other: here two clients' programs of 1000
 * nodes, each on a device of its own; there tasks that read and write one of two pieces of data, by
 * implicit dependencies, on two workers; and, for StarPU, tasks that depend on nothing. */
#include <starpu.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/sample.h"
#include "real/real_run.h"
#include "scenario/scenario.h"
#include "tests/bench/bench_run.h"

enum { CHAINS = 2, LENGTH = 1000, RUNS = 200, ROUNDS = 7 };

/* --- StarPU --- */

static void do_nothing(void *buffers[], void *argument)
{
    (void)buffers;
    (void)argument;
}

static struct starpu_codelet follower = {
    .cpu_funcs = {do_nothing}, .nbuffers = 1, .modes = {STARPU_RW}};
static struct starpu_codelet loner = {.cpu_funcs = {do_nothing}, .nbuffers = 0};

static bool submit(struct starpu_codelet *codelet, starpu_data_handle_t handle)
{
    struct starpu_task *task = starpu_task_create();
    task->cl = codelet;
    if (codelet->nbuffers > 0)
        task->handles[0] = handle;
    return starpu_task_submit(task) == 0;
}

/* Without what it takes to start and end. */
static bool measure_starpu(const void *codelet_pointer, gw_bench_row *row)
{
    struct starpu_codelet *codelet = *(struct starpu_codelet *const *)codelet_pointer;
    struct starpu_conf conf;
    starpu_conf_init(&conf);
    conf.ncpus = CHAINS;
    conf.ncuda = conf.nopencl = 0;
    if (starpu_init(&conf) != 0) {
        fprintf(stderr, "bench_starpu: StarPU does not start here\n");
        return false;
    }
    starpu_data_handle_t handles[CHAINS];
    int data[CHAINS] = {0};
    for (int i = 0; i < CHAINS; i++)
        starpu_variable_data_register(&handles[i], STARPU_MAIN_RAM, (uintptr_t)&data[i],
                                      sizeof data[i]);
    bool is_whole = true;
    const gint64 began_us = g_get_monotonic_time();
    for (int i = 0; is_whole && i < CHAINS * LENGTH * RUNS; i++)
        is_whole = submit(codelet, handles[i % CHAINS]);
    starpu_task_wait_for_all();
    const double elapsed_s = (double)(g_get_monotonic_time() - began_us) / 1e6;
    for (int i = 0; i < CHAINS; i++)
        starpu_data_unregister(handles[i]);
    starpu_shutdown();
    gw_bench_set_time(row, (uint64_t)CHAINS * LENGTH * RUNS, elapsed_s);
    return is_whole;
}

/* --- Ours --- */

static bool measure_ours(const void *unused, gw_bench_row *row)
{
    (void)unused;
    g_autofree char *text = g_strdup_printf(
        "{\"name\": \"bench\", \"cluster\": {\"islands\": [{\"hosts\": 1,"
        "   \"devices_per_host\": %d, \"accelerator\": \"cpu\"}]},"
        " \"jobs\": [{\"name\": \"tasks\", \"count\": %d, \"workload\": \"chain\","
        "   \"parameters\": {\"devices\": 1, \"length\": %d}, \"steps\": %d, \"in_flight\": 4}]}",
        CHAINS, CHAINS, LENGTH, RUNS);
    g_autoptr(GError) error = NULL;
    g_autoptr(gw_scenario) scenario = gw_scenario_parse(text, "bench", &error);
    gw_real_report report;
    const gint64 began_us = g_get_monotonic_time();
    if (scenario == NULL || !gw_cpu_run(scenario, NULL, &report, &error)) {
        fprintf(stderr, "bench_starpu: %s\n", error->message);
        return false;
    }
    gw_bench_set_time(row, (uint64_t)CHAINS * LENGTH * RUNS,
                      (double)(g_get_monotonic_time() - began_us) / 1e6);
    return true;
}

/* --- Side by side --- */

int main(void)
{
    struct starpu_codelet *const codelets[] = {&follower, &loner};
    const struct {
        const char *name;
        gw_bench_measure measure;
        const void *what;
    } cases[] = {
        {"gangway, two chains", measure_ours, NULL},
        {"StarPU, two chains", measure_starpu, &codelets[0]},
        {"StarPU, independent", measure_starpu, &codelets[1]},
    };
    GArray *rates[G_N_ELEMENTS(cases)], *ratios[G_N_ELEMENTS(cases)];
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        rates[i] = g_array_new(FALSE, FALSE, sizeof(double));
        ratios[i] = g_array_new(FALSE, FALSE, sizeof(double));
    }
    for (int round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
            gw_bench_row row = {.base_index = 0};
            if (!gw_bench_measure_in_child(cases[i].measure, cases[i].what, &row))
                return EXIT_FAILURE;
            g_array_append_val(rates[i], row.operations_per_s);
            const double ratio = g_array_index(rates[0], double, round) / row.operations_per_s;
            g_array_append_val(ratios[i], ratio);
        }
    }
    printf("%-24s %14s %18s   medians of %d rounds\n", "empty tasks", "tasks/s", "ours, times that",
           ROUNDS);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        printf("%-24s %14.0f %18.2f\n", cases[i].name, gw_sample_median(rates[i]),
               gw_sample_median(ratios[i]));
        g_array_unref(rates[i]);
        g_array_unref(ratios[i]);
    }
    return EXIT_SUCCESS;
}
