/* SPDX-License-Identifier: Apache-2.0 */
/* Looking up what was measured: on points, between and beyond them, on one axis and on three;
 * products, attention and blocks by their shape; collectives between numbers of members; and what
 * was not measured. */
#include <check.h>
#include <string.h>

#include "program/measured.h"
#include "run_suite.h"

static uint32_t find(const char *name)
{
    uint32_t index = 0;
    while (strcmp(gw_measured_kinds[index].name, name) != 0)
        index++;
    return index;
}

static gw_measured_curve make_curve(uint32_t count, const gw_measured_point *points)
{
    gw_measured_curve made = {g_new(gw_measured_point, count), count};
    memcpy(made.points, points, count * sizeof *points);
    return made;
}

START_TEST(curves_are_straight_between_points)
{
    gw_measured_point points[] = {{10, 100}, {20, 300}, {40, 400}};
    const gw_measured_curve curve = {points, 3};
    ck_assert_double_eq(gw_measured_at(&curve, 1), 100);
    ck_assert_double_eq(gw_measured_at(&curve, 10), 100);
    ck_assert_double_eq(gw_measured_at(&curve, 15), 200);
    ck_assert_double_eq(gw_measured_at(&curve, 30), 350);
    ck_assert_double_eq(gw_measured_at(&curve, 40), 400);
    ck_assert_double_eq(gw_measured_at(&curve, 400), 4000);
}
END_TEST

/* Level beyond the last: a core cannot rest deeper than it does. */
START_TEST(waking_takes_no_longer_than_the_longest_rest)
{
    gw_measured_point points[] = {{1000, 100}, {3000, 500.6}};
    gw_measured measured = {.send_ns = 0};
    ck_assert_uint_eq(gw_measured_wake(&measured, 5), 0);
    measured.wake = (gw_measured_curve){points, 2};
    ck_assert_uint_eq(gw_measured_wake(&measured, 0), 100);
    ck_assert_uint_eq(gw_measured_wake(&measured, 1000), 100);
    ck_assert_uint_eq(gw_measured_wake(&measured, 2000), 300);
    ck_assert_uint_eq(gw_measured_wake(&measured, 3000), 501);
    ck_assert_uint_eq(gw_measured_wake(&measured, GW_TIME_NEVER), 501);
}
END_TEST

static gw_function *make_operation(gw_operation_kind kind, gw_map map, uint32_t rows,
                                   uint32_t columns, uint32_t inner)
{
    gw_function *function = gw_function_new("one");
    gw_operation operation = {.kind = kind, .map = map, .heads = 2, .sequence = inner};
    const bool is_product = kind == GW_OPERATION_MATMUL;
    operation.inputs[0] =
        (uint16_t)gw_function_add_input(function, rows, is_product ? inner : columns, false);
    operation.inputs[1] =
        (uint16_t)gw_function_add_input(function, is_product ? inner : rows, columns, false);
    operation.inputs[2] = (uint16_t)gw_function_add_input(function, rows, columns, false);
    operation.outputs[0] = (uint16_t)gw_function_add_output(function, rows, columns, false);
    operation.outputs[1] = (uint16_t)gw_function_add_output(function, rows * 2, inner, false);
    gw_function_add(function, &operation);
    return function;
}

static bool ask(const gw_measured *measured, const gw_function *function, double *out_ns)
{
    return gw_measured_operation(measured, function, gw_function_operation(function, 0), out_ns);
}

/* A table of one axis or more, of the kind called `name`; ns are those of `say` at each cell. */
static void fill_table(gw_measured *measured, const char *name, uint32_t count, const double *sizes,
                       double (*say)(double, double, double))
{
    const uint32_t index = find(name);
    gw_measured_table *table = &measured->tables[index];
    uint32_t cells = 1;
    for (uint32_t i = 0; i < GW_MEASURED_AXES_MAX; i++) {
        const bool is_axis = gw_measured_axis(gw_measured_kinds[index].form, i) != NULL;
        table->counts[i] = is_axis ? count : 1;
        table->sizes[i] = is_axis ? g_memdup2(sizes, count * sizeof *sizes) : NULL;
        cells *= table->counts[i];
    }
    table->ns = g_new0(double, cells);
    for (uint32_t i = 0; i < cells; i++) {
        const uint32_t k = i % table->counts[2], j = i / table->counts[2] % table->counts[1];
        const uint32_t h = i / table->counts[2] / table->counts[1];
        table->ns[i] = say(sizes[h], table->sizes[1] != NULL ? sizes[j] : 0,
                           table->sizes[2] != NULL ? sizes[k] : 0);
    }
}

static double say_product(double m, double n, double k)
{
    return 100 + 0.5 * m * n * k + 2 * m * k + 3 * k * n + 5 * m * n;
}

static double say_ten_times(double m, double n, double k)
{
    (void)n;
    (void)k;
    return 10 * m;
}

static double say_rows(double m, double n, double k)
{
    (void)k;
    return 7 * m + m * n;
}

START_TEST(operations_are_looked_up_by_what_they_are)
{
    static const double sizes[] = {100, 200};
    g_autoptr(gw_measured) measured = g_new0(gw_measured, 1);
    fill_table(measured, "gelu", 2, sizes, say_ten_times);
    g_autoptr(gw_function) gelu = make_operation(GW_OPERATION_MAP, GW_MAP_GELU, 10, 15, 1);
    g_autoptr(gw_function) tanh = make_operation(GW_OPERATION_MAP, GW_MAP_TANH, 10, 15, 1);
    g_autoptr(gw_function) fill = make_operation(GW_OPERATION_FILL, 0, 10, 15, 1);
    double ns = 0;
    ck_assert(ask(measured, gelu, &ns));
    ck_assert_double_eq(ns, 1500);
    ck_assert(!ask(measured, tanh, &ns)); /* Known, and not measured. */
    ck_assert(!ask(measured, fill, &ns)); /* Not of those that can be. */
}
END_TEST

/* A shape that was measured by itself counts where it is met exactly, and nowhere else. */
START_TEST(shapes_come_before_grids)
{
    static const double sizes[] = {100, 200};
    g_autoptr(gw_measured) measured = g_new0(gw_measured, 1);
    fill_table(measured, "gelu", 2, sizes, say_ten_times);
    gw_measured_table *table = &measured->tables[find("gelu")];
    ck_assert(gw_measured_table_add(table, &(gw_measured_shape){{150}, 77}));
    ck_assert(gw_measured_table_add(table, &(gw_measured_shape){{9000}, 55}));
    ck_assert(gw_measured_table_add(table, &(gw_measured_shape){{20}, 33}));
    ck_assert(!gw_measured_table_add(table, &(gw_measured_shape){{150}, 88}));
    ck_assert_uint_eq(table->shape_count, 3);
    static const struct {
        uint32_t rows, columns;
        double ns;
    } wanted[] = {{10, 15, 77}, {15, 10, 77}, {90, 100, 55}, {4, 5, 33}, {10, 16, 1600}};
    for (guint i = 0; i < G_N_ELEMENTS(wanted); i++) {
        g_autoptr(gw_function) gelu =
            make_operation(GW_OPERATION_MAP, GW_MAP_GELU, wanted[i].rows, wanted[i].columns, 1);
        double ns = 0;
        ck_assert(ask(measured, gelu, &ns));
        ck_assert_double_eq(ns, wanted[i].ns);
    }
}
END_TEST

/* What has no inputs goes by what it makes. */
START_TEST(random_is_looked_up_by_its_output)
{
    static const double sizes[] = {100, 200};
    g_autoptr(gw_measured) measured = g_new0(gw_measured, 1);
    g_autoptr(gw_function) function = gw_function_new("draw");
    gw_function_add_input(function, 1, 1, false); /* Not its own. */
    const gw_operation draw = {
        .kind = GW_OPERATION_RANDOM,
        .outputs = {(uint16_t)gw_function_add_output(function, 10, 15, false)}};
    gw_function_add(function, &draw);
    double ns = 0;
    ck_assert(!ask(measured, function, &ns));
    fill_table(measured, "random", 2, sizes, say_ten_times);
    ck_assert(ask(measured, function, &ns));
    ck_assert_double_eq(ns, 1500);
}
END_TEST

/* What is a sum of products of sizes is met everywhere on the grid; below it is level, beyond it
 * grows in proportion. */
START_TEST(tables_are_straight_along_each_axis)
{
    static const double sizes[] = {4, 8, 32};
    g_autoptr(gw_measured) measured = g_new0(gw_measured, 1);
    fill_table(measured, "matmul", 3, sizes, say_product);
    const gw_measured_table *table = &measured->tables[find("matmul")];
    const struct {
        double asked[3], expected;
    } cases[] = {
        {{4, 8, 32}, say_product(4, 8, 32)},     {{5, 20, 31}, say_product(5, 20, 31)},
        {{32, 32, 32}, say_product(32, 32, 32)}, {{1, 8, 8}, say_product(4, 8, 8)},
        {{64, 8, 8}, 2 * say_product(32, 8, 8)}, {{64, 1, 96}, 6 * say_product(32, 4, 32)},
    };
    for (uint32_t i = 0; i < G_N_ELEMENTS(cases); i++)
        ck_assert_double_eq_tol(gw_measured_table_at(table, cases[i].asked), cases[i].expected,
                                1e-9 * cases[i].expected);
}
END_TEST

START_TEST(rows_and_columns_count_apart)
{
    static const double sizes[] = {1, 10, 100};
    g_autoptr(gw_measured) measured = g_new0(gw_measured, 1);
    fill_table(measured, "softmax", 3, sizes, say_rows);
    g_autoptr(gw_function) wide = make_operation(GW_OPERATION_SOFTMAX, 0, 3, 40, 1);
    g_autoptr(gw_function) high = make_operation(GW_OPERATION_SOFTMAX, 0, 40, 3, 1);
    double ns = 0;
    ck_assert(ask(measured, wide, &ns));
    ck_assert_double_eq_tol(ns, 7 * 3 + 120, 1e-9);
    ck_assert(ask(measured, high, &ns));
    ck_assert_double_eq_tol(ns, 7 * 40 + 120, 1e-9);
}
END_TEST

static double say_flat(double m, double n, double k)
{
    (void)k;
    return m + n;
}

START_TEST(products_go_by_shape_and_form)
{
    static const double sizes[] = {1, 64};
    g_autoptr(gw_measured) measured = g_new0(gw_measured, 1);
    double ns = 0;
    g_autoptr(gw_function) product = make_operation(GW_OPERATION_MATMUL, 0, 4, 6, 10);
    ck_assert(!ask(measured, product, &ns));
    fill_table(measured, "matmul", 2, sizes, say_product);
    ck_assert(ask(measured, product, &ns));
    ck_assert_double_eq_tol(ns, say_product(4, 6, 10), 1e-9);
    ((gw_operation *)(void *)product->operations->data)->transpose_b = true;
    ck_assert(!ask(measured, product, &ns));
    fill_table(measured, "matmul_b_transposed", 2, sizes, say_ten_times);
    ck_assert(ask(measured, product, &ns));
    ck_assert_double_eq_tol(ns, 40, 1e-9);
    /* 3 runs of 4 rows, 10 deep. */
    g_autoptr(gw_function) blocks = make_operation(GW_OPERATION_BLOCK_MATMUL, 0, 12, 10, 4);
    ck_assert(ask(measured, blocks, &ns));
    ck_assert_double_eq_tol(ns, 3 * say_product(4, 10, 10), 1e-9);
}
END_TEST

START_TEST(attention_goes_by_elements_of_scores)
{
    static const double sizes[] = {2, 8};
    g_autoptr(gw_measured) measured = g_new0(gw_measured, 1);
    fill_table(measured, "attention", 2, sizes, say_flat);
    double ns = 0;
    /* 2 sequences of 4, 2 heads of 3 columns: p has 64 elements. */
    g_autoptr(gw_function) shorter = make_operation(GW_OPERATION_ATTENTION, 0, 8, 6, 4);
    ck_assert(ask(measured, shorter, &ns));
    ck_assert_double_eq_tol(ns, 64 * (4 + 3), 1e-9);
    /* One of 16: 512 elements, each as in the longest that was measured. */
    g_autoptr(gw_function) longer = make_operation(GW_OPERATION_ATTENTION, 0, 16, 6, 16);
    ck_assert(ask(measured, longer, &ns));
    ck_assert_double_eq_tol(ns, 512 * (8 + 3), 1e-9);
    g_autoptr(gw_function) gradient = make_operation(GW_OPERATION_ATTENTION_GRADIENT, 0, 8, 6, 4);
    ck_assert(!ask(measured, gradient, &ns));
}
END_TEST

/* Of four bytes to an element. */
START_TEST(a_collective_of_one_member_is_a_copy)
{
    g_autoptr(gw_measured) measured = g_new0(gw_measured, 1);
    double ns = 0;
    ck_assert(!gw_measured_collective_of(measured, GW_OPERATION_ALL_REDUCE, 1, 1, 120, &ns));
    for (uint32_t i = 0; gw_measured_kinds[i].name != NULL; i++) {
        if (strcmp(gw_measured_kinds[i].name, "copy") != 0)
            continue;
        gw_measured_table *table = &measured->tables[i];
        *table = (gw_measured_table){.counts = {2, 1, 1}};
        table->sizes[0] = g_memdup2((double[]){20, 40}, 2 * sizeof(double));
        table->ns = g_memdup2((double[]){100, 300}, 2 * sizeof(double));
    }
    ck_assert(gw_measured_collective_of(measured, GW_OPERATION_ALL_REDUCE, 1, 1, 120, &ns));
    ck_assert_double_eq(ns, 200);
    ck_assert(!gw_measured_collective_of(measured, GW_OPERATION_ALL_REDUCE, 2, 1, 120, &ns));
}
END_TEST

START_TEST(collectives_lie_between_numbers_of_members)
{
    g_autoptr(gw_measured) measured = g_new0(gw_measured, 1);
    measured->collectives = g_new0(gw_measured_collective, 2);
    measured->collective_count = 2;
    for (uint32_t i = 0; i < 2; i++)
        measured->collectives[i] = (gw_measured_collective){
            GW_OPERATION_ALL_REDUCE, 2 + 2 * i, 1,
            make_curve(2, (gw_measured_point[]){{4, 10 + 10 * i}, {8, 20 + 10 * i}})};
    const struct {
        uint32_t members;
        double ns;
    } asked[] = {{2, 15}, {3, 20}, {4, 25}, {9, 25}};
    for (uint32_t i = 0; i < G_N_ELEMENTS(asked); i++) {
        double ns = 0;
        ck_assert(gw_measured_collective_of(measured, GW_OPERATION_ALL_REDUCE, asked[i].members, 1,
                                            6, &ns));
        ck_assert_double_eq(ns, asked[i].ns);
    }
    double ns = 0;
    ck_assert(!gw_measured_collective_of(measured, GW_OPERATION_PERMUTE, 2, 1, 6, &ns));
}
END_TEST

START_TEST(hosts_are_not_one_host)
{
    g_autoptr(gw_measured) measured = g_new0(gw_measured, 1);
    static const struct {
        uint32_t members, hosts;
        double ns;
    } seen[] = {{2, 1, 10}, {4, 1, 20}, {2, 2, 100}, {4, 2, 200}, {4, 4, 400}};
    measured->collective_count = G_N_ELEMENTS(seen);
    measured->collectives = g_new0(gw_measured_collective, measured->collective_count);
    for (uint32_t i = 0; i < G_N_ELEMENTS(seen); i++)
        measured->collectives[i] =
            (gw_measured_collective){GW_OPERATION_ALL_REDUCE, seen[i].members, seen[i].hosts,
                                     make_curve(1, (gw_measured_point[]){{8, seen[i].ns}})};
    static const struct {
        uint32_t members, hosts;
        double ns;
    } asked[] = {{2, 1, 10},  {3, 1, 15},  {2, 2, 100}, {3, 2, 150},
                 {9, 3, 200}, {4, 4, 400}, {8, 8, 400}};
    double ns = 0;
    for (uint32_t i = 0; i < G_N_ELEMENTS(asked); i++) {
        ck_assert(gw_measured_collective_of(measured, GW_OPERATION_ALL_REDUCE, asked[i].members,
                                            asked[i].hosts, 8, &ns));
        ck_assert_double_eq(ns, asked[i].ns);
    }
    measured->collectives[2].kind = GW_OPERATION_BROADCAST; /* Only between hosts. */
    ck_assert(!gw_measured_collective_of(measured, GW_OPERATION_BROADCAST, 2, 1, 8, &ns));
    measured->collective_count = 2; /* Only on one. */
    ck_assert(gw_measured_collective_of(measured, GW_OPERATION_ALL_REDUCE, 2, 2, 8, &ns));
    ck_assert_double_eq(ns, 10);
    measured->collective_count = G_N_ELEMENTS(seen); /* All are freed. */
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("measured");
    TCase *tcase = tcase_create("measured");
    tcase_add_test(tcase, curves_are_straight_between_points);
    tcase_add_test(tcase, waking_takes_no_longer_than_the_longest_rest);
    tcase_add_test(tcase, operations_are_looked_up_by_what_they_are);
    tcase_add_test(tcase, shapes_come_before_grids);
    tcase_add_test(tcase, random_is_looked_up_by_its_output);
    tcase_add_test(tcase, tables_are_straight_along_each_axis);
    tcase_add_test(tcase, rows_and_columns_count_apart);
    tcase_add_test(tcase, products_go_by_shape_and_form);
    tcase_add_test(tcase, attention_goes_by_elements_of_scores);
    tcase_add_test(tcase, a_collective_of_one_member_is_a_copy);
    tcase_add_test(tcase, collectives_lie_between_numbers_of_members);
    tcase_add_test(tcase, hosts_are_not_one_host);
    suite_add_tcase(suite, tcase);
    return gw_run_suite(suite);
}
