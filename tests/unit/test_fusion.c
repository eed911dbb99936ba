/* SPDX-License-Identifier: Apache-2.0 */
/* Functions of 10 x 10 values, 400 bytes each: who is one kernel, and what goes through memory. */
#include <check.h>

#include "accel/fusion.h"
#include "run_suite.h"

#define VALUE_BYTES 400.0

typedef struct {
    gw_function *function;
    gw_fused *fused;
} fixture;

static fixture begin(void)
{
    return (fixture){.function = gw_function_new("test")};
}

static void end(fixture *made)
{
    g_free(made->fused);
    gw_function_free(made->function);
}

static uint32_t input(fixture *made)
{
    return gw_function_add_input(made->function, 10, 10, true);
}

static uint32_t temporary(fixture *made)
{
    return gw_function_add_temporary(made->function, 10, 10);
}

static void add(fixture *made, gw_operation_kind kind, gw_map map, uint32_t x, uint32_t z,
                uint32_t y)
{
    gw_function_add(made->function, &(gw_operation){.kind = kind,
                                                    .map = map,
                                                    .axes = 1,
                                                    .inputs = {(uint16_t)x, (uint16_t)z},
                                                    .outputs = {(uint16_t)y}});
}

static uint32_t add_map(fixture *made, gw_map map, uint32_t x, uint32_t z)
{
    const uint32_t y = temporary(made);
    add(made, GW_OPERATION_MAP, map, x, z, y);
    return y;
}

static uint32_t add_product(fixture *made, uint32_t x, uint32_t z)
{
    const uint32_t y = temporary(made);
    add(made, GW_OPERATION_MATMUL, 0, x, z, y);
    return y;
}

static void expect_alone(fixture *made)
{
    made->fused = gw_fusion_new(made->function);
    for (uint32_t i = 0; i < made->function->operations->len; i++) {
        ck_assert(!made->fused[i].is_continued);
        ck_assert(!made->fused[i].leads);
    }
    end(made);
}

START_TEST(maps_in_a_row_are_one)
{
    fixture made = begin();
    const uint32_t x = input(&made), z = input(&made);
    const uint32_t scaled = add_map(&made, GW_MAP_SCALE, x, 0);
    const uint32_t sum = add_map(&made, GW_MAP_ADD, scaled, z);
    add_map(&made, GW_MAP_GELU, sum, 0);
    made.fused = gw_fusion_new(made.function);
    ck_assert(made.fused[0].leads && !made.fused[0].is_continued);
    ck_assert(made.fused[1].is_continued && made.fused[2].is_continued);
    ck_assert_double_eq(made.fused[0].bytes, 3 * VALUE_BYTES); /* x, z, and the last. */
    ck_assert_double_eq(made.fused[0].map_flops, 100 * (1 + 1 + 8));
    end(&made);
}
END_TEST

START_TEST(what_others_read_is_stored)
{
    fixture made = begin();
    const uint32_t x = input(&made);
    const uint32_t first = add_map(&made, GW_MAP_SCALE, x, 0);
    const uint32_t second = add_map(&made, GW_MAP_TANH, first, 0);
    add_product(&made, first, second);
    made.fused = gw_fusion_new(made.function);
    ck_assert_double_eq(made.fused[0].bytes, 3 * VALUE_BYTES); /* x, first, second. */
    ck_assert(!made.fused[2].is_continued);
    end(&made);
}
END_TEST

START_TEST(an_output_is_stored)
{
    fixture made = begin();
    const uint32_t x = input(&made), y = gw_function_add_output(made.function, 10, 10, true);
    add(&made, GW_OPERATION_MAP, GW_MAP_SCALE, x, 0, y);
    add_map(&made, GW_MAP_TANH, y, 0);
    made.fused = gw_fusion_new(made.function);
    ck_assert(made.fused[1].is_continued);
    ck_assert_double_eq(made.fused[0].bytes, 3 * VALUE_BYTES);
    end(&made);
}
END_TEST

START_TEST(both_operands_may_be_handed)
{
    fixture made = begin();
    const uint32_t doubled = add_map(&made, GW_MAP_SCALE, input(&made), 0);
    add_map(&made, GW_MAP_MULTIPLY, doubled, doubled);
    made.fused = gw_fusion_new(made.function);
    ck_assert_double_eq(made.fused[0].bytes, 2 * VALUE_BYTES);
    end(&made);
}
END_TEST

START_TEST(a_product_takes_one_sum)
{
    fixture made = begin();
    const uint32_t x = input(&made), weights = input(&made);
    const uint32_t bias = gw_function_add_input(made.function, 1, 10, false);
    const uint32_t sum = add_map(&made, GW_MAP_ADD_ROW, add_product(&made, x, weights), bias);
    add_map(&made, GW_MAP_GELU, sum, 0); /* Another kernel. */
    made.fused = gw_fusion_new(made.function);
    ck_assert(made.fused[0].leads && made.fused[1].is_continued);
    ck_assert_double_eq(made.fused[0].bytes, 3 * VALUE_BYTES + 40);
    ck_assert_double_eq(made.fused[0].map_flops, 100);
    ck_assert(!made.fused[2].is_continued && !made.fused[2].leads);
    end(&made);
}
END_TEST

START_TEST(a_product_adds_to_what_is_there)
{
    fixture made = begin();
    const uint32_t x = input(&made), before = input(&made);
    add_map(&made, GW_MAP_ADD, before, add_product(&made, x, x));
    made.fused = gw_fusion_new(made.function);
    ck_assert(made.fused[1].is_continued);
    ck_assert_double_eq(made.fused[0].bytes, 4 * VALUE_BYTES); /* x twice, before, the sum. */
    end(&made);
}
END_TEST

START_TEST(a_product_takes_nothing_else)
{
    fixture made = begin();
    const uint32_t x = input(&made);
    add_map(&made, GW_MAP_GELU, add_product(&made, x, x), 0);
    expect_alone(&made);
}
END_TEST

START_TEST(strangers_stay_apart)
{
    fixture made = begin();
    const uint32_t x = input(&made);
    add_map(&made, GW_MAP_SCALE, x, 0);
    add_map(&made, GW_MAP_TANH, x, 0); /* Reads something else. */
    expect_alone(&made);
}
END_TEST

START_TEST(a_collective_stands_between)
{
    fixture made = begin();
    const uint32_t y = add_map(&made, GW_MAP_SCALE, input(&made), 0), sum = temporary(&made);
    add(&made, GW_OPERATION_ALL_REDUCE, 0, y, 0, sum);
    add_map(&made, GW_MAP_TANH, sum, 0);
    expect_alone(&made);
}
END_TEST

START_TEST(another_shape_is_another_kernel)
{
    fixture made = begin();
    const uint32_t row = gw_function_add_temporary(made.function, 1, 10);
    const uint32_t bias = gw_function_add_input(made.function, 1, 10, false);
    add(&made, GW_OPERATION_MAP, GW_MAP_SCALE, bias, 0, row);
    add_map(&made, GW_MAP_ADD_ROW, input(&made), row);
    expect_alone(&made);
}
END_TEST

START_TEST(an_empty_function_has_none)
{
    fixture made = begin();
    expect_alone(&made);
}
END_TEST

static uint32_t add_product_of(fixture *made, bool transpose_a, uint32_t x, uint32_t z)
{
    const uint32_t y = temporary(made);
    gw_function_add(made->function, &(gw_operation){.kind = GW_OPERATION_MATMUL,
                                                    .transpose_a = transpose_a,
                                                    .inputs = {(uint16_t)x, (uint16_t)z},
                                                    .outputs = {(uint16_t)y}});
    return y;
}

/* Three of one value: what they share is read once, and biases and what stands between go on. */
START_TEST(products_of_one_value_lie_side_by_side)
{
    fixture made = begin();
    const uint32_t x = input(&made);
    const uint32_t bias = gw_function_add_input(made.function, 1, 10, false);
    for (uint32_t i = 0; i < 3; i++) {
        const uint32_t sum =
            add_map(&made, GW_MAP_ADD_ROW, add_product(&made, x, input(&made)), bias);
        add_product_of(&made, true, sum, sum); /* Not yet there. */
    }
    made.fused = gw_fusion_new(made.function);
    ck_assert(made.fused[0].leads && made.fused[0].part == GW_PRODUCT_COLUMNS);
    ck_assert_uint_eq(made.fused[0].more, 20);
    ck_assert(made.fused[3].is_continued && made.fused[6].is_continued);
    ck_assert(!made.fused[2].is_continued && !made.fused[2].leads);
    ck_assert_double_eq(made.fused[0].bytes, (1 + 3 * 2) * VALUE_BYTES + 3 * 40);
    end(&made);
}
END_TEST

/* Slopes of their weights: one value from the right. */
START_TEST(products_by_one_value_lie_side_by_side)
{
    fixture made = begin();
    const uint32_t x = input(&made);
    add_product_of(&made, true, input(&made), x);
    add_product_of(&made, true, input(&made), x);
    add_product_of(&made, false, input(&made), x); /* The other way round. */
    made.fused = gw_fusion_new(made.function);
    ck_assert(made.fused[0].leads && made.fused[0].part == GW_PRODUCT_ROWS);
    ck_assert_uint_eq(made.fused[0].more, 10);
    ck_assert(made.fused[1].is_continued && !made.fused[2].is_continued);
    ck_assert_double_eq(made.fused[0].bytes, 5 * VALUE_BYTES);
    end(&made);
}
END_TEST

/* A sum of three: one deep product, whose result is written once. */
START_TEST(a_sum_of_products_is_one)
{
    fixture made = begin();
    uint32_t sum = add_product(&made, input(&made), input(&made));
    for (uint32_t i = 0; i < 2; i++) {
        const uint32_t next = add_product(&made, input(&made), input(&made));
        sum = add_map(&made, GW_MAP_ADD, sum, next);
    }
    made.fused = gw_fusion_new(made.function);
    ck_assert(made.fused[0].leads && made.fused[0].part == GW_PRODUCT_DEPTH);
    ck_assert_uint_eq(made.fused[0].more, 20);
    for (uint32_t i = 1; i < 5; i++) {
        ck_assert(made.fused[i].is_continued);
    }
    ck_assert_double_eq(made.fused[0].bytes, 7 * VALUE_BYTES);
    end(&made);
}
END_TEST

/* A sum that others read stays, and so do products behind a collective that is waited for, of
 * what is not there yet, or too far away. */
START_TEST(products_that_cannot_be_one)
{
    fixture made = begin();
    const uint32_t x = input(&made);
    const uint32_t first = add_product(&made, x, input(&made));
    const uint32_t sum = add_map(&made, GW_MAP_ADD, first, add_product(&made, input(&made), x));
    add_map(&made, GW_MAP_MULTIPLY, first, sum);
    add(&made, GW_OPERATION_ALL_REDUCE, 0, sum, 0, temporary(&made));
    add_product(&made, x, input(&made));
    add_product(&made, x, sum); /* It is there, so it goes with the one before. */
    add_product(&made, x, add_map(&made, GW_MAP_TANH, x, 0));
    made.fused = gw_fusion_new(made.function);
    ck_assert(!made.fused[1].is_continued && !made.fused[5].is_continued);
    ck_assert(made.fused[6].is_continued && !made.fused[8].is_continued);
    ck_assert_uint_eq(made.fused[5].more, 10);
    end(&made);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fusion");
    TCase *cases = tcase_create("fusion");
    tcase_add_test(cases, maps_in_a_row_are_one);
    tcase_add_test(cases, what_others_read_is_stored);
    tcase_add_test(cases, an_output_is_stored);
    tcase_add_test(cases, both_operands_may_be_handed);
    tcase_add_test(cases, a_product_takes_one_sum);
    tcase_add_test(cases, a_product_adds_to_what_is_there);
    tcase_add_test(cases, a_product_takes_nothing_else);
    tcase_add_test(cases, strangers_stay_apart);
    tcase_add_test(cases, a_collective_stands_between);
    tcase_add_test(cases, another_shape_is_another_kernel);
    tcase_add_test(cases, an_empty_function_has_none);
    tcase_add_test(cases, products_of_one_value_lie_side_by_side);
    tcase_add_test(cases, products_by_one_value_lie_side_by_side);
    tcase_add_test(cases, a_sum_of_products_is_one);
    tcase_add_test(cases, products_that_cannot_be_one);
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
