/* SPDX-License-Identifier: Apache-2.0 */
/* What a program does on a mesh, by itself: every operation is timed, on each thread, but those
 * that meet others, that model time, or that are done once; ids stay ids, however often it is done;
 * more measuring is more samples; and what was seen becomes shapes of tables. */
#include <check.h>

#include "program/builder.h"
#include "real/calibration.h"
#include "run_suite.h"

#define TOKENS 160
#define WORDS  40
#define WIDTH  128

static const gw_probe_settings settings = {.seconds = 0.0005, .thread_count = 2};

enum { INIT, STEP, WAIT };
enum { DRAW, LOOK_UP, FORWARD, BACKWARD, MEET, SGD, STEP_OPERATIONS };

/* Ids that the function draws itself are looked up; a layer, a sum over the mesh, and an update
 * over the weights. */
static gw_function *make_step(void)
{
    gw_function *function = gw_function_new("step");
    const uint16_t table = (uint16_t)gw_function_add_input(function, WORDS, WIDTH, false);
    const uint16_t weights = (uint16_t)gw_function_add_input(function, WIDTH, WIDTH, false);
    const uint16_t ids = (uint16_t)gw_function_add_temporary(function, TOKENS, 1);
    const uint16_t labels = (uint16_t)gw_function_add_temporary(function, TOKENS, 1);
    const uint16_t x = (uint16_t)gw_function_add_temporary(function, TOKENS, WIDTH);
    const uint16_t y = (uint16_t)gw_function_add_temporary(function, TOKENS, WIDTH);
    const uint16_t slope = (uint16_t)gw_function_add_temporary(function, WIDTH, WIDTH);
    const uint16_t sum = (uint16_t)gw_function_add_temporary(function, WIDTH, WIDTH);
    const uint16_t updated = (uint16_t)gw_function_add_output(function, WIDTH, WIDTH, false);
    const gw_operation operations[] = {
        {.kind = GW_OPERATION_TOKENS, .outputs = {ids, labels}, .scalar = WORDS, .sequence = 8},
        {.kind = GW_OPERATION_EMBEDDING, .inputs = {table, ids}, .outputs = {x}},
        {.kind = GW_OPERATION_MATMUL, .inputs = {x, weights}, .outputs = {y}},
        {.kind = GW_OPERATION_MATMUL, .inputs = {x, y}, .outputs = {slope}, .transpose_a = true},
        {.kind = GW_OPERATION_ALL_REDUCE, .inputs = {slope}, .outputs = {sum}, .axes = 1},
        {.kind = GW_OPERATION_SGD, .inputs = {weights, sum}, .outputs = {updated}, .scalar = 1e-6},
    };
    for (guint i = 0; i < G_N_ELEMENTS(operations); i++)
        gw_function_add(function, &operations[i]);
    gw_function_donate(function, weights, updated);
    return function;
}

static gw_function *make_init(void)
{
    gw_function *function = gw_function_new("init");
    const uint16_t table = (uint16_t)gw_function_add_output(function, WORDS, WIDTH, false);
    const uint16_t weights = (uint16_t)gw_function_add_output(function, WIDTH, WIDTH, false);
    const gw_operation operations[] = {
        {.kind = GW_OPERATION_RANDOM, .outputs = {table}, .scalar = 0.1, .seed = 1},
        {.kind = GW_OPERATION_RANDOM, .outputs = {weights}, .scalar = 0.1, .seed = 2},
    };
    for (guint i = 0; i < G_N_ELEMENTS(operations); i++)
        gw_function_add(function, &operations[i]);
    return function;
}

/* Hours: nobody is to wait for them. */
static gw_function *make_wait(void)
{
    gw_function *function = gw_function_new("wait");
    gw_function_add(function,
                    &(gw_operation){.kind = GW_OPERATION_DURATION, .duration_ns = 10000000000000});
    return function;
}

static gw_program *make_program(void)
{
    const uint32_t two = 2;
    g_autoptr(gw_builder) builder = gw_builder_new("training");
    const uint32_t mesh = gw_builder_add_mesh(builder, "two", 1, &two);
    gw_builder_add_node(builder, "init", gw_builder_take_function(builder, make_init()), mesh);
    gw_builder_set_once(builder, INIT);
    gw_builder_add_node(builder, "step", gw_builder_take_function(builder, make_step()), mesh);
    gw_builder_add_node(builder, "wait", gw_builder_take_function(builder, make_wait()), mesh);
    gw_builder_add_edge(builder, INIT, 0, STEP, 0);
    gw_builder_add_carried(builder, STEP, 0, INIT, 1, STEP, 1);
    g_autoptr(GError) error = NULL;
    gw_program *program = gw_builder_finish(g_steal_pointer(&builder), &error);
    ck_assert_msg(program != NULL, "%s", error != NULL ? error->message : "");
    return program;
}

static guint count_samples(const gw_probe_runs *runs, guint node, guint operation)
{
    return runs->samples[runs->first[node] + operation]->len;
}

START_TEST(what_a_run_does_is_timed)
{
    static const bool is_timed[STEP_OPERATIONS] = {true, true, true, true, false, true};
    g_autoptr(gw_program) program = make_program();
    g_autoptr(gw_probe_runs) runs = gw_probe_runs_new(program, 0, 2);
    gw_probe_runs_measure(&settings, runs);
    for (guint i = 0; i < STEP_OPERATIONS; i++) {
        if (is_timed[i])
            ck_assert_uint_ge(count_samples(runs, STEP, i), 2 * 3); /* Passes of each thread. */
        else
            ck_assert_uint_eq(count_samples(runs, STEP, i), 0);
    }
    ck_assert_uint_eq(count_samples(runs, INIT, 0), 0);
    ck_assert_uint_eq(count_samples(runs, WAIT, 0), 0);
    const gw_probe_stat product = gw_probe_summarize(runs->samples[runs->first[STEP] + FORWARD]);
    ck_assert_double_gt(product.median_ns, 0);
    const guint before = count_samples(runs, STEP, FORWARD);
    gw_probe_runs_measure(&settings, runs);
    ck_assert_uint_ge(count_samples(runs, STEP, FORWARD), before + 2 * 3);
    ck_assert_double_gt(runs->took_ns, 0);
    ck_assert_double_ge(runs->apart_ns, 0);
    ck_assert_double_le(runs->apart_ns, 2 * runs->took_ns);
    ck_assert_uint_eq(runs->threads_ns->len, 2);
    const double slow_ns = g_array_index(runs->threads_ns, double, 0);
    const double fast_ns = g_array_index(runs->threads_ns, double, 1);
    ck_assert_double_gt(fast_ns, 0);
    ck_assert_double_ge(slow_ns, fast_ns);
    ck_assert_double_eq_tol(slow_ns + fast_ns, 2 * runs->took_ns, 1e-9 * slow_ns); /* The same. */
}
END_TEST

/* One device leaves the other cores alone, and nobody waits for it. */
START_TEST(no_more_threads_than_devices)
{
    g_autoptr(gw_program) program = make_program();
    g_autoptr(gw_probe_runs) runs = gw_probe_runs_new(program, 0, 1);
    gw_probe_runs_measure(&settings, runs);
    ck_assert_uint_ge(count_samples(runs, STEP, FORWARD), 3);
    ck_assert_double_eq(runs->took_ns, 0);
    ck_assert_double_eq(runs->apart_ns, 0);
    ck_assert_uint_eq(runs->threads_ns->len, 1);
    ck_assert_double_gt(g_array_index(runs->threads_ns, double, 0), 0);
}
END_TEST

START_TEST(memory_is_known_beforehand)
{
    g_autoptr(gw_program) program = make_program();
    g_autoptr(gw_probe_runs) runs = gw_probe_runs_new(program, 0, 2);
    const uint64_t kept_bytes = sizeof(float) * (WORDS * WIDTH + WIDTH * WIDTH);
    ck_assert_uint_ge(gw_probe_runs_bytes(runs), kept_bytes);
    ck_assert_uint_le(gw_probe_runs_bytes(runs),
                      kept_bytes +
                          sizeof(float) * (2 * TOKENS + 2 * TOKENS * WIDTH + 2 * WIDTH * WIDTH));
}
END_TEST

static uint32_t find(const char *name)
{
    uint32_t index = 0;
    while (g_strcmp0(gw_measured_kinds[index].name, name) != 0)
        index++;
    return index;
}

/* A grid of one point along each axis. */
static void fill_table(gw_measured *measured, const char *name)
{
    const uint32_t index = find(name);
    gw_measured_table *table = &measured->tables[index];
    for (uint32_t i = 0; i < GW_MEASURED_AXES_MAX; i++) {
        table->counts[i] = 1;
        if (gw_measured_axis(gw_measured_kinds[index].form, i) == NULL)
            continue;
        table->sizes[i] = g_new0(double, 1);
        table->sizes[i][0] = 1;
    }
    table->ns = g_new0(double, 1);
    table->ns[0] = 1e6; /* What nothing here takes. */
}

START_TEST(shapes_stand_in_for_grids)
{
    g_autoptr(gw_program) program = make_program();
    g_autoptr(gw_calibration) calibration = g_new0(gw_calibration, 1);
    g_autoptr(GPtrArray) all = g_ptr_array_new();
    g_autoptr(gw_probe_runs) first = gw_probe_runs_new(program, 0, 2);
    g_autoptr(gw_probe_runs) second = gw_probe_runs_new(program, 0, 2);
    calibration->measured = g_new0(gw_measured, 1);
    calibration->rows = g_array_new(FALSE, TRUE, sizeof(gw_calibration_row));
    calibration->core_slowness = g_array_new(FALSE, FALSE, sizeof(double));
    fill_table(calibration->measured, "matmul");
    fill_table(calibration->measured, "sgd");
    g_ptr_array_add(all, first);
    g_ptr_array_add(all, second);
    g_autoptr(gw_calibration_seen) seen = gw_calibration_see(&settings, all, 2, NULL, NULL);
    gw_calibration_add_seen(calibration, seen);
    const gw_measured_table *products = &calibration->measured->tables[find("matmul")];
    ck_assert_uint_eq(products->shape_count, 1);
    ck_assert_double_eq(products->shapes[0].sizes[0], TOKENS);
    ck_assert_double_eq(products->shapes[0].sizes[1], WIDTH);
    ck_assert_double_eq(products->shapes[0].sizes[2], WIDTH);
    const gw_function *step = gw_program_function(program, STEP);
    double ns = 0;
    ck_assert(gw_measured_operation(calibration->measured, step,
                                    gw_function_operation(step, FORWARD), &ns));
    ck_assert_double_eq(ns, products->shapes[0].ns);
    ck_assert_double_lt(ns, 1e6);
    ck_assert_uint_eq(calibration->rows->len, 2); /* What no table is there for is left out. */
    ck_assert_uint_eq(calibration->whole_error.count, 2);
    ck_assert_double_gt(calibration->whole_error.median, 1);
    ck_assert_uint_eq(calibration->core_slowness->len, 2);
    ck_assert_double_ge(g_array_index(calibration->core_slowness, double, 0), 1);
    ck_assert_double_ge(calibration->jitter, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("probe_whole");
    TCase *tcase = tcase_create("probe_whole");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, what_a_run_does_is_timed);
    tcase_add_test(tcase, no_more_threads_than_devices);
    tcase_add_test(tcase, memory_is_known_beforehand);
    tcase_add_test(tcase, shapes_stand_in_for_grids);
    suite_add_tcase(suite, tcase);
    return gw_run_suite(suite);
}
