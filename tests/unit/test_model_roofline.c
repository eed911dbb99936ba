/* SPDX-License-Identifier: Apache-2.0 */
/* Operations against both roofs.  Matrix products run at 50e12 FLOP/s, all else at 1e12; device
 * memory gives 500 bytes/ns. */
#include <check.h>
#include <signal.h>

#include "accel/collective.h"
#include "accel/model.h"
#include "run_suite.h"
#include "small_cluster.h"

typedef struct {
    small_cluster made;
    gw_accel_model model;
    gw_function *function;
} bench;

static void bench_init(bench *built)
{
    small_cluster_of(&built->made, 4, 1, 1, 1);
    built->model = gw_accel_model_of(&gw_model_roofline, built->made.cluster);
    built->function = gw_function_new("test");
}

static void bench_clear(bench *built)
{
    gw_function_free(built->function);
    small_cluster_clear(&built->made);
}

static gw_span time_of(const bench *built, const gw_operation *operation)
{
    return built->model.ops->operation_ns(&built->model, 0, built->function, operation, NULL);
}

START_TEST(duration_is_taken_as_it_is)
{
    bench built;
    bench_init(&built);
    gw_operation operation = {.kind = GW_OPERATION_DURATION, .duration_ns = 330000};
    ck_assert_uint_eq(time_of(&built, &operation), 330000);
    operation.duration_ns = 0;
    ck_assert_uint_eq(time_of(&built, &operation), 0);
    bench_clear(&built);
}
END_TEST

START_TEST(work_takes_the_longer_of_both)
{
    bench built;
    bench_init(&built);
    gw_operation operation = {.kind = GW_OPERATION_WORK, .flops = 50e9, .bytes = 500};
    ck_assert_uint_eq(time_of(&built, &operation), 1000000);
    operation.bytes = 500e6 * 2;
    ck_assert_uint_eq(time_of(&built, &operation), 2000000);
    operation.flops = 0;
    ck_assert_uint_eq(time_of(&built, &operation), 2000000);
    operation.bytes = 0;
    ck_assert_uint_eq(time_of(&built, &operation), 0);
    operation.flops = 1; /* Work never takes zero time. */
    ck_assert_uint_eq(time_of(&built, &operation), 1);
    bench_clear(&built);
}
END_TEST

START_TEST(large_matrix_product_is_bound_by_arithmetic)
{
    bench built;
    bench_init(&built);
    const uint32_t n = 5000;
    gw_operation operation = {.kind = GW_OPERATION_MATMUL};
    operation.inputs[0] = (uint16_t)gw_function_add_input(built.function, n, n, true);
    operation.inputs[1] = (uint16_t)gw_function_add_input(built.function, n, n, false);
    operation.outputs[0] = (uint16_t)gw_function_add_output(built.function, n, n, true);
    ck_assert_uint_eq(time_of(&built, &operation), 5000000); /* 250e9 over 50e12 */
    bench_clear(&built);
}
END_TEST

START_TEST(thin_matrix_product_is_bound_by_memory)
{
    bench built;
    bench_init(&built);
    gw_operation operation = {.kind = GW_OPERATION_MATMUL};
    operation.inputs[0] = (uint16_t)gw_function_add_input(built.function, 1, 5000, true);
    operation.inputs[1] = (uint16_t)gw_function_add_input(built.function, 5000, 5000, false);
    operation.outputs[0] = (uint16_t)gw_function_add_output(built.function, 1, 5000, true);
    /* 4 x (25e6 + 10e3) bytes over 500 bytes/ns. */
    ck_assert_uint_eq(time_of(&built, &operation), 200080);
    bench_clear(&built);
}
END_TEST

START_TEST(all_else_runs_on_the_vector_unit)
{
    bench built;
    bench_init(&built);
    gw_operation operation = {.kind = GW_OPERATION_MAP, .map = GW_MAP_TANH};
    operation.inputs[0] = (uint16_t)gw_function_add_input(built.function, 1000, 1000, true);
    operation.outputs[0] = (uint16_t)gw_function_add_output(built.function, 1000, 1000, true);
    ck_assert_uint_eq(time_of(&built, &operation), 16000); /* 8e6 bytes: memory */
    built.made.accelerators[0].vector_flops = 10e9;        /* Now the unit: 1e6 FLOPs */
    ck_assert_uint_eq(time_of(&built, &operation), 100000);
    built.made.accelerators[0].peak_flops = 1; /* Which is not the matrix unit. */
    ck_assert_uint_eq(time_of(&built, &operation), 100000);
    bench_clear(&built);
}
END_TEST

static gw_operation make_product(bench *built, uint32_t rows, uint32_t depth, uint32_t columns)
{
    gw_operation product = {.kind = GW_OPERATION_MATMUL};
    product.inputs[0] = (uint16_t)gw_function_add_input(built->function, rows, depth, true);
    product.inputs[1] = (uint16_t)gw_function_add_input(built->function, depth, columns, false);
    product.outputs[0] = (uint16_t)gw_function_add_output(built->function, rows, columns, true);
    return product;
}

START_TEST(shape_counts_where_there_are_tiles)
{
    bench built;
    bench_init(&built);
    gw_accelerator *accelerator = &built.made.accelerators[0];
    accelerator->matrix_unit = (gw_matrix_unit){
        .part_count = 1, .tile_count = 1, .tiles = {{1000, 1000, 1}}, .depth_multiple = 1};
    const gw_operation even = make_product(&built, 5000, 5000, 5000);
    const gw_operation odd = make_product(&built, 5001, 5000, 5000);
    ck_assert_uint_eq(time_of(&built, &even), 5000000);
    ck_assert_uint_eq(time_of(&built, &odd), 6000000);
    bench_clear(&built);
}
END_TEST

START_TEST(every_operation_has_a_start)
{
    bench built;
    bench_init(&built);
    built.made.accelerators[0].operation_overhead_ns = 777;
    const gw_operation product = make_product(&built, 5000, 5000, 5000);
    ck_assert_uint_eq(time_of(&built, &product), 5000777);
    const gw_operation work = {.kind = GW_OPERATION_WORK, .flops = 50e9};
    ck_assert_uint_eq(time_of(&built, &work), 1000777);
    const gw_operation none = {.kind = GW_OPERATION_WORK};
    ck_assert_uint_eq(time_of(&built, &none), 0);
    const gw_operation duration = {.kind = GW_OPERATION_DURATION, .duration_ns = 5};
    ck_assert_uint_eq(time_of(&built, &duration), 5); /* As given. */
    bench_clear(&built);
}
END_TEST

START_TEST(a_kernel_is_priced_where_it_begins)
{
    bench built;
    bench_init(&built);
    const gw_accel_model *model = &built.model;
    const gw_operation product = make_product(&built, 100, 100, 100);
    const gw_operation map = {.kind = GW_OPERATION_MAP, .map = GW_MAP_TANH};
    const gw_fused lead = {.leads = true, .bytes = 500e3, .map_flops = 2e6};
    const gw_fused rest = {.is_continued = true};
    /* Memory 1000 ns, arithmetic 40; the sum behind a product costs no arithmetic of its own. */
    ck_assert_uint_eq(model->ops->operation_ns(model, 0, built.function, &product, &lead), 1000);
    ck_assert_uint_eq(model->ops->operation_ns(model, 0, built.function, &map, &lead), 2000);
    ck_assert_uint_eq(model->ops->operation_ns(model, 0, built.function, &map, &rest), 0);
    bench_clear(&built);
}
END_TEST

/* 2 sequences of 100, 3 heads of 10 columns: sides of 24 kB, scores of 240 kB. */
static gw_operation make_attention(bench *built, bool is_gradient)
{
    gw_operation made = {.kind =
                             is_gradient ? GW_OPERATION_ATTENTION_GRADIENT : GW_OPERATION_ATTENTION,
                         .heads = 3,
                         .sequence = 100,
                         .is_causal = true};
    for (uint32_t i = 0; i < 3; i++) {
        made.inputs[i] = (uint16_t)gw_function_add_input(built->function, 200, 30, true);
        made.outputs[i] = (uint16_t)gw_function_add_output(built->function, 200, 30, true);
    }
    const uint16_t scores = (uint16_t)gw_function_add_output(built->function, 600, 100, true);
    made.inputs[4] = made.inputs[0];
    made.inputs[3] = made.outputs[1] = scores;
    if (is_gradient) {
        made.outputs[1] = made.outputs[0];
    }
    return made;
}

START_TEST(attention_is_its_products_and_a_softmax)
{
    bench built;
    bench_init(&built);
    gw_accelerator *accelerator = &built.made.accelerators[0];
    accelerator->matrix_unit = (gw_matrix_unit){
        .part_count = 1, .tile_count = 1, .tiles = {{10, 10, 1}}, .depth_multiple = 1};
    const gw_operation forward = make_attention(&built, false);
    const gw_operation gradient = make_attention(&built, true);
    /* Memory: 288 kB of a product, 576 ns; two passes over the scores, 960 ns; three, 1440. */
    ck_assert_uint_eq(time_of(&built, &forward), 2 * 576 + 960);
    ck_assert_uint_eq(time_of(&built, &gradient), 4 * 576 + 1440);
    accelerator->operation_overhead_ns = 10;
    ck_assert_uint_eq(time_of(&built, &forward), 2 * 576 + 960 + 3 * 10);
    ck_assert_uint_eq(time_of(&built, &gradient), 4 * 576 + 1440 + 5 * 10);
    /* At half of memory's rate over scores, which nothing else notices. */
    const gw_operation dropped = {.kind = GW_OPERATION_WORK, .bytes = 500e3, .is_of_scores = true};
    ck_assert_uint_eq(time_of(&built, &dropped), 1000 + 10);
    accelerator->scores_efficiency = accelerator->hbm_efficiency / 2;
    ck_assert_uint_eq(time_of(&built, &forward), 2 * (2 * 576 + 960) + 3 * 10);
    ck_assert_uint_eq(time_of(&built, &dropped), 2000 + 10);
    accelerator->scores_efficiency = 0;
    /* A product whose shape is known fills its last tiles, 3 x 10 by 2 x 10; else it is large. */
    accelerator->peak_flops = 1e12;
    const gw_operation shaped = {.kind = GW_OPERATION_WORK, .flops = 2 * 21 * 11 * 1000,
                                 .rows = 21, .columns = 11, .depth = 1000};
    const gw_operation large = {.kind = GW_OPERATION_WORK, .flops = 2 * 21 * 11 * 1000};
    ck_assert_uint_eq(time_of(&built, &shaped), 2 * 30 * 20 * 1000 / 500 + 10);
    ck_assert_uint_eq(time_of(&built, &large), 2 * 21 * 11 * 1000 / 500 + 10);
    /* Arithmetic: 2 x 6 x 100 x 100 x 10 FLOPs of a product at 500e9. */
    ck_assert_uint_eq(time_of(&built, &forward), 2 * 2400 + 960 + 3 * 10);
    bench_clear(&built);
}
END_TEST

/* Queries as above look at sequences of 50: keys' side 12 kB, scores 120 kB. */
START_TEST(attention_to_shorter_sequences)
{
    bench built;
    bench_init(&built);
    gw_accelerator *accelerator = &built.made.accelerators[0];
    accelerator->matrix_unit = (gw_matrix_unit){
        .part_count = 1, .tile_count = 1, .tiles = {{10, 10, 1}}, .depth_multiple = 1};
    gw_operation forward = make_attention(&built, false);
    forward.is_causal = false;
    for (uint32_t i = 1; i < 3; i++)
        forward.inputs[i] = (uint16_t)gw_function_add_input(built.function, 100, 30, true);
    forward.outputs[1] = (uint16_t)gw_function_add_output(built.function, 600, 50, true);
    ck_assert_uint_eq(time_of(&built, &forward), 2 * (24 + 12 + 120) * 2 + 2 * 120 * 2);
    bench_clear(&built);
}
END_TEST

START_TEST(attention_alike_in_all_shapes_is_one_kernel)
{
    bench built;
    bench_init(&built);
    const gw_operation forward = make_attention(&built, false);
    ck_assert_uint_eq(time_of(&built, &forward), (4 * 24 + 240) * 2); /* Each operand once. */
    bench_clear(&built);
}
END_TEST

START_TEST(each_island_has_its_own_roofs)
{
    small_cluster made;
    small_cluster_init(&made);
    small_cluster_add(&made, 2, 1, 1, 0);
    small_cluster_add(&made, 2, 1, 1, 0)->peak_flops = 25e12;
    small_cluster_build(&made);
    const gw_accel_model model = gw_accel_model_of(&gw_model_roofline, made.cluster);
    g_autoptr(gw_function) function = gw_function_new("test");
    const gw_operation work = {.kind = GW_OPERATION_WORK, .flops = 50e9};
    ck_assert_uint_eq(model.ops->operation_ns(&model, 0, function, &work, NULL), 1000000);
    ck_assert_uint_eq(model.ops->operation_ns(&model, 1, function, &work, NULL), 4000000);
    small_cluster_clear(&made);
}
END_TEST

START_TEST(collectives_are_those_of_the_torus)
{
    bench built;
    bench_init(&built);
    const uint32_t devices[] = {0, 1, 2, 3};
    const gw_collective collective = {.kind = GW_OPERATION_ALL_REDUCE,
                                      .size_bytes = 1 << 20,
                                      .member_count = 4,
                                      .devices = devices};
    ck_assert_uint_eq(built.model.ops->collective_ns(&built.model, &collective),
                      gw_collective_ns(built.made.cluster, &collective));
    bench_clear(&built);
}
END_TEST

START_TEST(collective_as_an_operation_aborts)
{
    bench built;
    bench_init(&built);
    time_of(&built, &(gw_operation){.kind = GW_OPERATION_ALL_REDUCE});
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("model_roofline");
    TCase *cases = tcase_create("model_roofline");
    tcase_add_test(cases, duration_is_taken_as_it_is);
    tcase_add_test(cases, work_takes_the_longer_of_both);
    tcase_add_test(cases, large_matrix_product_is_bound_by_arithmetic);
    tcase_add_test(cases, thin_matrix_product_is_bound_by_memory);
    tcase_add_test(cases, all_else_runs_on_the_vector_unit);
    tcase_add_test(cases, shape_counts_where_there_are_tiles);
    tcase_add_test(cases, every_operation_has_a_start);
    tcase_add_test(cases, a_kernel_is_priced_where_it_begins);
    tcase_add_test(cases, attention_is_its_products_and_a_softmax);
    tcase_add_test(cases, attention_alike_in_all_shapes_is_one_kernel);
    tcase_add_test(cases, attention_to_shorter_sequences);
    tcase_add_test(cases, each_island_has_its_own_roofs);
    tcase_add_test(cases, collectives_are_those_of_the_torus);
    tcase_add_test_raise_signal(cases, collective_as_an_operation_aborts, SIGABRT);
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
