/* SPDX-License-Identifier: Apache-2.0 */
/* Masks and pitches: which operations may have them, over which shapes, and what they move. */
#include "program/seating.h"
#include "run_suite.h"
#include "test_function.h"

static gw_operation by_masks(gw_operation_kind kind)
{
    gw_operation operation = make_operation(kind);
    operation.by_masks = true;
    operation.sequence = 4;
    operation.capacity = 5;
    return operation;
}

/* 8 tokens in 2 groups, 4 experts with 5 seats for each. */
START_TEST(masks_are_of_groups)
{
    gw_operation gate = by_masks(GW_OPERATION_GATE);
    expect_good(gate, SHAPES({8, 4}), SHAPES({8, 2}, {8, 2}, {1, 1}));
    gw_operation dispatch = by_masks(GW_OPERATION_DISPATCH);
    expect_good(dispatch, SHAPES({8, 6}, {8, 2}), SHAPES({40, 6}));
    expect_bad(dispatch, SHAPES({8, 6}, {8, 2}), SHAPES({41, 6}),
               "found 41 seats by masks, expected a multiple of 2 groups");
    dispatch.sequence = 3;
    expect_bad(dispatch, SHAPES({8, 6}, {8, 2}), SHAPES({40, 6}),
               "found masks of 3 rows, expected a divisor of 8 rows");
    dispatch.sequence = 0;
    expect_bad(dispatch, SHAPES({8, 6}, {8, 2}), SHAPES({40, 6}), "found masks of 0 rows");
    expect_good(by_masks(GW_OPERATION_DISPATCH_GRADIENT), SHAPES({8, 2}, {40, 6}), SHAPES({8, 6}));
    expect_bad(by_masks(GW_OPERATION_DISPATCH_GRADIENT), SHAPES({8, 2}, {41, 6}), SHAPES({8, 6}),
               "found 41 seats");
    expect_good(by_masks(GW_OPERATION_COMBINE), SHAPES({40, 6}, {8, 2}, {8, 2}), SHAPES({8, 6}));
    expect_bad(by_masks(GW_OPERATION_COMBINE), SHAPES({41, 6}, {8, 2}, {8, 2}), SHAPES({8, 6}),
               "found 41 seats");
    expect_good(by_masks(GW_OPERATION_COMBINE_GRADIENT), SHAPES({40, 6}, {8, 2}, {8, 2}, {8, 6}),
                SHAPES({40, 6}, {8, 2}));
    expect_bad(by_masks(GW_OPERATION_COMBINE_GRADIENT), SHAPES({41, 6}, {8, 2}, {8, 2}, {8, 6}),
               SHAPES({41, 6}, {8, 2}), "found 41 seats");
}
END_TEST

START_TEST(others_have_neither)
{
    gw_operation softmax = make_operation(GW_OPERATION_SOFTMAX);
    softmax.by_masks = true;
    expect_bad(softmax, SHAPES({8, 4}), SHAPES({8, 4}), "by masks, expected that of");
    softmax.by_masks = false;
    softmax.pitch = 4;
    expect_bad(softmax, SHAPES({8, 4}), SHAPES({8, 4}), "found a pitch, expected that of");
    gw_operation reduce = make_operation(GW_OPERATION_ALL_REDUCE);
    reduce.capacity = 2;
    reduce.pitch = 4;
    expect_bad(reduce, SHAPES({8, 4}), SHAPES({8, 4}), "found a pitch");
}
END_TEST

START_TEST(pitches_have_bounds)
{
    gw_operation exchange = make_operation(GW_OPERATION_ALL_TO_ALL);
    exchange.capacity = 2;
    exchange.pitch = 4;
    expect_good(exchange, SHAPES({8, 4}), SHAPES({8, 4}));
    exchange.pitch = 2;
    expect_good(exchange, SHAPES({8, 4}), SHAPES({8, 4}));
    exchange.pitch = 1;
    expect_bad(exchange, SHAPES({8, 4}), SHAPES({8, 4}),
               "found a pitch of 1, expected at least the run of rows (2)");
    exchange.pitch = 4;
    exchange.capacity = 0;
    expect_bad(exchange, SHAPES({8, 4}), SHAPES({8, 4}), "run of rows (0), of 1 or more");
    exchange.capacity = 3;
    expect_bad(exchange, SHAPES({8, 4}), SHAPES({8, 4}),
               "found runs of 3 rows, expected a divisor of 8 rows");
    gw_operation dispatch = by_masks(GW_OPERATION_DISPATCH);
    dispatch.pitch = 8;
    expect_good(dispatch, SHAPES({8, 6}, {8, 2}), SHAPES({40, 6}));
    dispatch.capacity = 7;
    expect_bad(dispatch, SHAPES({8, 6}, {8, 2}), SHAPES({40, 6}), "found runs of 7 rows");
}
END_TEST

/* What travels are whole pitches, whatever joins it. */
START_TEST(exchanges_move_pitches)
{
    gw_function *function = make_function(SHAPES({12, 5}), NULL, SHAPES({12, 5}));
    gw_operation exchange = {
        .kind = GW_OPERATION_ALL_TO_ALL, .axes = 1, .inputs = {0}, .outputs = {1}};
    gw_function_add(function, &exchange);
    ck_assert_uint_eq(gw_function_collective_bytes(function, 0), 4 * 12 * 5);
    gw_operation *added = &g_array_index(function->operations, gw_operation, 0);
    added->capacity = 3;
    ck_assert_uint_eq(gw_function_collective_bytes(function, 0), 4 * 12 * 5);
    added->pitch = 4;
    ck_assert_uint_eq(gw_function_collective_bytes(function, 0), 4 * 16 * 5);
    ck_assert_double_eq(gw_seating_spread(added, 12), 16);
    gw_function_free(function);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("seating");
    tcase_add_test(cases, masks_are_of_groups);
    tcase_add_test(cases, others_have_neither);
    tcase_add_test(cases, pitches_have_bounds);
    tcase_add_test(cases, exchanges_move_pitches);
    Suite *suite = suite_create("seating");
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
