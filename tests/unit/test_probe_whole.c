/* SPDX-License-Identifier: Apache-2.0 */
/* Functions run whole: every operation that has a table is timed, on each thread; what has none,
 * and what meets others, is stepped over; ids stay ids, however often the function is run; and what
 * was seen becomes shapes of tables. */
#include <check.h>
#include <stdlib.h>

#include "real/calibration.h"

#define TOKENS 160
#define WORDS  40
#define WIDTH  128

static const gw_probe_settings settings = {.seconds = 0.0005, .thread_count = 2};
static const gw_mesh mesh = {.dims = 1, .shape = {2, 1, 1}};

/* An embedding of ids that the function draws itself, a layer, a sum over the mesh, and an update
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
        {.kind = GW_OPERATION_SGD, .inputs = {weights, sum}, .outputs = {updated}, .scalar = 0.01},
    };
    for (guint i = 0; i < G_N_ELEMENTS(operations); i++)
        gw_function_add(function, &operations[i]);
    gw_function_donate(function, weights, updated);
    return function;
}

START_TEST(what_has_a_table_is_timed)
{
    static const bool is_run[] = {false, true, true, true, false, true};
    g_autoptr(gw_function) function = make_step();
    g_autoptr(GError) error = NULL;
    ck_assert_msg(gw_function_check(function, 1, mesh.shape, &error), "%s",
                  error != NULL ? error->message : "");
    g_autofree gw_probe_stat *stats = gw_probe_whole(&settings, function, &mesh);
    for (guint i = 0; i < G_N_ELEMENTS(is_run); i++) {
        if (!is_run[i]) {
            ck_assert_uint_eq(stats[i].count, 0);
            continue;
        }
        ck_assert_uint_ge(stats[i].count, 2 * 5); /* Passes of each thread. */
    }
    ck_assert_double_gt(stats[5].median_ns, 0);
    /* 160 x 128 x 128 products are more work than 128 x 128 sums. */
    ck_assert_double_gt(stats[2].median_ns, stats[5].median_ns);
}
END_TEST

START_TEST(memory_is_known_beforehand)
{
    g_autoptr(gw_function) function = make_step();
    const uint64_t elements =
        (uint64_t)WORDS * WIDTH + 4 * WIDTH * WIDTH + 2 * TOKENS + 2 * TOKENS * WIDTH;
    ck_assert_uint_eq(gw_probe_whole_bytes(&settings, function), 2 * 2 * 4 * elements);
}
END_TEST

START_TEST(given_times_are_not_measured)
{
    g_autoptr(gw_function) function = gw_function_new("wait");
    const uint16_t out = (uint16_t)gw_function_add_output(function, 8, 8, false);
    const gw_operation operations[] = {
        {.kind = GW_OPERATION_DURATION, .duration_ns = 1000000000000},
        {.kind = GW_OPERATION_FILL, .outputs = {out}},
    };
    gw_function_add(function, &operations[0]);
    gw_function_add(function, &operations[1]);
    g_autofree gw_probe_stat *stats = gw_probe_whole(&settings, function, &mesh);
    ck_assert_uint_eq(stats[0].count, 0);
    ck_assert_uint_eq(stats[1].count, 0);
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
    g_autoptr(gw_function) function = make_step();
    g_autoptr(gw_calibration) calibration = g_new0(gw_calibration, 1);
    g_autoptr(GArray) functions = g_array_new(FALSE, FALSE, sizeof(gw_calibration_function));
    const gw_calibration_function once = {function, &mesh};
    calibration->measured = g_new0(gw_measured, 1);
    calibration->rows = g_array_new(FALSE, TRUE, sizeof(gw_calibration_row));
    fill_table(calibration->measured, "matmul");
    fill_table(calibration->measured, "sgd");
    g_array_append_val(functions, once);
    g_array_append_val(functions, once);
    gw_calibration_add_functions(calibration, &settings, functions, NULL, NULL);
    const gw_measured_table *products = &calibration->measured->tables[find("matmul")];
    ck_assert_uint_eq(products->shape_count, 1);
    ck_assert_double_eq(products->shapes[0].sizes[0], TOKENS);
    ck_assert_double_eq(products->shapes[0].sizes[1], WIDTH);
    ck_assert_double_eq(products->shapes[0].sizes[2], WIDTH);
    double ns = 0;
    ck_assert(gw_measured_operation(calibration->measured, function,
                                    gw_function_operation(function, 2), &ns));
    ck_assert_double_eq(ns, products->shapes[0].ns);
    ck_assert_double_lt(ns, 1e6);
    ck_assert_uint_eq(calibration->rows->len, 2); /* What no table is there for is left out. */
    ck_assert_uint_eq(calibration->whole_error.count, 2);
    ck_assert_double_gt(calibration->whole_error.median, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("probe_whole");
    TCase *tcase = tcase_create("probe_whole");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, what_has_a_table_is_timed);
    tcase_add_test(tcase, memory_is_known_beforehand);
    tcase_add_test(tcase, given_times_are_not_measured);
    tcase_add_test(tcase, shapes_stand_in_for_grids);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
