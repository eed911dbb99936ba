/* SPDX-License-Identifier: Apache-2.0 */
/* Sizes and steps are such that each case takes about a second on a core of 2020. */
#include "tests/bench/bench_cpu.h"

#include <cblas.h>
#include <stdio.h>

#include "base/random.h"
#include "real/real_run.h"
#include "scenario/scenario.h"
#include "tests/bench/bench_run.h"

enum { THREADS = 2, PRODUCTS_PER_RUN = 16 };

typedef struct {
    const char *name, *bench_case;
    uint32_t size, steps; /* Of PRODUCTS_PER_RUN products each, on each device. */
    bool is_loop;         /* No controller. */
    uint32_t base_index;
} product_case;

static const product_case products[] = {
    {"cpu.products", "512, plain loop", 512, 12, true, 0},
    {"cpu.products", "512, controller", 512, 12, false, 0},
    {"cpu.products", "64, plain loop", 64, 3000, true, 2},
    {"cpu.products", "64, controller", 64, 3000, false, 2},
};

typedef struct {
    const char *name, *bench_case, *submit;
    uint32_t length, steps;
    uint32_t base_index;
} call_case;

static const call_case calls[] = {
    {"cpu.call", "op by op, there and back", "op_by_op", 1, 5000, 4},
    {"cpu.call", "chained, per node", "chained", 1000, 500, 4},
};

/* --- Without the controller --- */

typedef struct {
    uint32_t size, count;
    uint64_t seed;
} plain_loop;

static float *make_matrix(uint32_t size, uint64_t seed, float scale)
{
    float *matrix = g_new(float, (size_t)size *size);
    for (size_t i = 0; i < (size_t)size * size; i++)
        matrix[i] = scale * (float)(gw_random_at(seed, i) % 1000) / 1000.0F;
    return matrix;
}

static gpointer run_loop(gpointer loop_pointer)
{
    const plain_loop *loop = loop_pointer;
    const int n = (int)loop->size;
    g_autofree float *x = make_matrix(loop->size, loop->seed, 1);
    g_autofree float *w = make_matrix(loop->size, loop->seed + 1, 2.0F / (float)loop->size);
    g_autofree float *y = make_matrix(loop->size, loop->seed + 2, 0);
    for (uint32_t i = 0; i < loop->count; i++) {
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, n, n, 1, i % 2 == 0 ? x : y, n, w,
                    n, 0, i % 2 == 0 ? y : x, n);
    }
    return NULL;
}

static void run_loops(const product_case *one)
{
    plain_loop loops[THREADS];
    GThread *threads[THREADS];
    openblas_set_num_threads(1);
    for (uint32_t i = 0; i < THREADS; i++) {
        loops[i] = (plain_loop){one->size, one->steps * PRODUCTS_PER_RUN, 3 * i};
        threads[i] = g_thread_new("loop", run_loop, &loops[i]);
    }
    for (uint32_t i = 0; i < THREADS; i++)
        g_thread_join(threads[i]);
}

/* --- With it --- */

static bool run_scenario(const char *text, const gw_bench_row *row)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(gw_scenario) scenario = gw_scenario_parse(text, "bench", &error);
    gw_real_report report;
    if (scenario != NULL && gw_cpu_run(scenario, NULL, &report, &error))
        return true;
    fprintf(stderr, "bench %s (%s): %s\n", row->name, row->bench_case, error->message);
    return false;
}

static bool measure_products(const void *case_pointer, gw_bench_row *row)
{
    const product_case *one = case_pointer;
    g_autofree char *text =
        g_strdup_printf("{\"name\": \"bench\", \"cluster\": {\"islands\": [{\"hosts\": 1,"
                        "   \"devices_per_host\": %d, \"accelerator\": \"cpu\"}]},"
                        " \"jobs\": [{\"name\": \"products\", \"workload\": \"products\","
                        "   \"parameters\": {\"devices\": %d, \"size\": %u, \"length\": %d},"
                        "   \"steps\": %u, \"in_flight\": 4}]}",
                        THREADS, THREADS, one->size, PRODUCTS_PER_RUN, one->steps);
    const gint64 began_us = g_get_monotonic_time();
    if (one->is_loop)
        run_loops(one);
    else if (!run_scenario(text, row))
        return false;
    gw_bench_set_time(row, (uint64_t)THREADS * one->steps * PRODUCTS_PER_RUN,
                      (double)(g_get_monotonic_time() - began_us) / 1e6);
    return true;
}

static bool measure_calls(const void *case_pointer, gw_bench_row *row)
{
    const call_case *one = case_pointer;
    g_autofree char *text =
        g_strdup_printf("{\"name\": \"bench\", \"cluster\": {\"islands\": [{\"hosts\": 1,"
                        "   \"devices_per_host\": 1, \"accelerator\": \"cpu\"}]},"
                        " \"jobs\": [{\"name\": \"calls\", \"workload\": \"chain\","
                        "   \"parameters\": {\"devices\": 1, \"length\": %u}, \"submit\": \"%s\","
                        "   \"steps\": %u, \"in_flight\": %d}]}",
                        one->length, one->submit, one->steps, one->length == 1 ? 1 : 4);
    const gint64 began_us = g_get_monotonic_time();
    if (!run_scenario(text, row))
        return false;
    gw_bench_set_time(row, (uint64_t)one->length * one->steps,
                      (double)(g_get_monotonic_time() - began_us) / 1e6);
    return true;
}

/* False: it failed, and has said why. */
static bool add_row(const char *name, const char *bench_case, uint32_t base_index,
                    gw_bench_measure measure, const void *what, GArray *rows)
{
    gw_bench_row row = {.base_index = base_index};
    g_strlcpy(row.name, name, sizeof row.name);
    g_strlcpy(row.bench_case, bench_case, sizeof row.bench_case);
    if (!gw_bench_measure_in_child(measure, what, &row))
        return false;
    g_array_append_val(rows, row);
    return true;
}

void gw_bench_cpu(GArray *rows)
{
    bool is_whole = true;
    for (uint32_t i = 0; is_whole && i < G_N_ELEMENTS(products); i++)
        is_whole = add_row(products[i].name, products[i].bench_case, products[i].base_index,
                           measure_products, &products[i], rows);
    for (uint32_t i = 0; is_whole && i < G_N_ELEMENTS(calls); i++)
        is_whole = add_row(calls[i].name, calls[i].bench_case, calls[i].base_index, measure_calls,
                           &calls[i], rows);
}
