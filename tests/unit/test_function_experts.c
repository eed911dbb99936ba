/* SPDX-License-Identifier: Apache-2.0 */
/* What the operations of experts cost, and the shapes that they need. */
#include "run_suite.h"
#include "test_function.h"

/* 8 tokens of 6 columns, two choices each of 4 experts with 5 seats. */
START_TEST(experts_cost_what_they_compute)
{
    expect_cost(make_operation(GW_OPERATION_GATE), SHAPES({8, 4}), SHAPES({8, 2}, {8, 2}, {1, 1}),
                8 * 4 * 2, 4 * (32 + 16 + 16 + 1));
    expect_cost(make_operation(GW_OPERATION_GATE_GRADIENT), SHAPES({8, 4}, {8, 2}), SHAPES({8, 4}),
                8 * 4 * 4, 4 * (32 + 16 + 32));
    expect_cost(make_operation(GW_OPERATION_DISPATCH), SHAPES({8, 6}, {8, 2}), SHAPES({20, 6}), 0,
                4 * (48 + 16 + 120));
    expect_cost(make_operation(GW_OPERATION_DISPATCH_GRADIENT), SHAPES({8, 2}, {20, 6}),
                SHAPES({8, 6}), 8 * 2 * 6, 4 * (16 + 120 + 48));
    expect_cost(make_operation(GW_OPERATION_COMBINE), SHAPES({20, 6}, {8, 2}, {8, 2}),
                SHAPES({8, 6}), 2 * 8 * 2 * 6, 4 * (120 + 16 + 16 + 48));
    expect_cost(make_operation(GW_OPERATION_COMBINE_GRADIENT),
                SHAPES({20, 6}, {8, 2}, {8, 2}, {8, 6}), SHAPES({20, 6}, {8, 2}), 3 * 8 * 2 * 6,
                4 * (120 + 16 + 16 + 48 + 120 + 16));
    gw_operation product = make_operation(GW_OPERATION_BLOCK_MATMUL);
    expect_cost(product, SHAPES({20, 6}, {24, 7}), SHAPES({20, 7}), 2 * 20 * 6 * 7,
                4 * (120 + 168 + 140));
    expect_cost(make_operation(GW_OPERATION_BLOCK_MATMUL_GRADIENT), SHAPES({20, 6}, {20, 7}),
                SHAPES({24, 7}), 2 * 20 * 6 * 7, 4 * (120 + 140 + 168));
}
END_TEST

START_TEST(gate_shapes)
{
    gw_operation gate = make_operation(GW_OPERATION_GATE);
    gate.sequence = 4;
    gate.capacity = 5;
    expect_good(gate, SHAPES({8, 4}), SHAPES({8, 2}, {8, 2}, {1, 1}));
    expect_good(gate, SHAPES({8, 1}), SHAPES({8, 1}, {8, 1}, {1, 1}));
    expect_bad(gate, SHAPES({8, 1}), SHAPES({8, 2}, {8, 2}, {1, 1}), "found 2 choices of 1 expert");
    expect_bad(gate, SHAPES({8, 4}), SHAPES({8, 3}, {8, 3}, {1, 1}),
               "output 0: found 3 choices a row, expected 1 or 2");
    expect_bad(gate, SHAPES({8, 4}), SHAPES({4, 2}, {8, 2}, {1, 1}), "found 4 x 2, expected 8 x 2");
    expect_bad(gate, SHAPES({8, 4}), SHAPES({8, 2}, {8, 1}, {1, 1}), "output 1: found 8 x 1");
    expect_bad(gate, SHAPES({8, 4}), SHAPES({8, 2}, {8, 2}, {8, 1}), "output 2: found 8 x 1");
    gate.capacity = 0;
    expect_bad(gate, SHAPES({8, 4}), SHAPES({8, 2}, {8, 2}, {1, 1}), "found a capacity of 0");
    gate.capacity = (1U << 21) + 1; /* 2 groups, 4 experts: 2^24 seats and 8 more. */
    expect_bad(gate, SHAPES({8, 4}), SHAPES({8, 2}, {8, 2}, {1, 1}),
               "at most 16777216 seats in 2 groups of 4 experts");
    gate.sequence = 3;
    expect_bad(gate, SHAPES({8, 4}), SHAPES({8, 2}, {8, 2}, {1, 1}), "sequences of 3 rows");
    gate = make_operation(GW_OPERATION_GATE_GRADIENT);
    gate.sequence = 4;
    expect_good(gate, SHAPES({8, 4}, {8, 2}), SHAPES({8, 4}));
    expect_bad(gate, SHAPES({8, 4}, {8, 2}), SHAPES({8, 2}), "output 0: found 8 x 2");
    expect_bad(gate, SHAPES({8, 4}, {4, 2}), SHAPES({8, 4}), "input 1: found 4 x 2");
}
END_TEST

START_TEST(seating_shapes)
{
    const gw_operation dispatch = make_operation(GW_OPERATION_DISPATCH);
    expect_good(dispatch, SHAPES({8, 6}, {8, 2}), SHAPES({20, 6}));
    expect_bad(dispatch, SHAPES({8, 6}, {8, 2}), SHAPES({20, 5}), "output 0: found 20 x 5");
    expect_bad(dispatch, SHAPES({8, 6}, {6, 2}), SHAPES({20, 6}), "input 1: found 6 x 2");
    const gw_operation back = make_operation(GW_OPERATION_DISPATCH_GRADIENT);
    expect_good(back, SHAPES({8, 2}, {20, 6}), SHAPES({8, 6}));
    expect_bad(back, SHAPES({8, 2}, {20, 6}), SHAPES({9, 6}), "input 0: found 8 x 2");
    const gw_operation combine = make_operation(GW_OPERATION_COMBINE);
    expect_good(combine, SHAPES({20, 6}, {8, 1}, {8, 1}), SHAPES({8, 6}));
    expect_bad(combine, SHAPES({20, 6}, {8, 1}, {8, 2}), SHAPES({8, 6}), "input 2: found 8 x 2");
    expect_bad(combine, SHAPES({20, 6}, {8, 1}, {8, 1}), SHAPES({20, 6}), "input 1: found 8 x 1");
    const gw_operation slopes = make_operation(GW_OPERATION_COMBINE_GRADIENT);
    expect_good(slopes, SHAPES({20, 6}, {8, 2}, {8, 2}, {8, 6}), SHAPES({20, 6}, {8, 2}));
    expect_bad(slopes, SHAPES({20, 6}, {8, 2}, {8, 2}, {8, 5}), SHAPES({20, 6}, {8, 2}),
               "input 0: found 20 x 6, expected 20 x 5");
    expect_bad(slopes, SHAPES({20, 6}, {8, 2}, {8, 2}, {8, 6}), SHAPES({19, 6}, {8, 2}),
               "output 0: found 19 x 6");
    expect_bad(slopes, SHAPES({20, 6}, {8, 2}, {8, 2}, {8, 6}), SHAPES({20, 6}, {8, 1}),
               "output 1: found 8 x 1");
}
END_TEST

/* Runs of 5 rows over 2 blocks. */
START_TEST(block_shapes)
{
    gw_operation product = make_operation(GW_OPERATION_BLOCK_MATMUL);
    product.transpose_a = product.transpose_b = false;
    product.sequence = 5;
    product.blocks = 2;
    expect_good(product, SHAPES({20, 6}, {12, 7}), SHAPES({20, 7}));
    expect_bad(product, SHAPES({20, 6}, {14, 7}), SHAPES({20, 7}), "found 14 x 7, expected 12 x 7");
    expect_bad(product, SHAPES({20, 6}, {12, 7}), SHAPES({20, 6}), "output 0: found 20 x 6");
    expect_bad(product, SHAPES({20, 6}, {13, 7}), SHAPES({20, 7}), "a divisor of 13 rows");
    expect_bad(product, SHAPES({15, 6}, {12, 7}), SHAPES({15, 7}),
               "found 3 runs of 5 rows, expected a multiple of 2 blocks");
    expect_bad(product, SHAPES({16, 6}, {12, 7}), SHAPES({16, 7}), "sequences of 5 rows");
    product.transpose_b = true;
    expect_good(product, SHAPES({20, 6}, {14, 6}), SHAPES({20, 7}));
    expect_bad(product, SHAPES({20, 6}, {14, 7}), SHAPES({20, 7}), "found 14 x 7, expected 14 x 6");
    product.kind = GW_OPERATION_BLOCK_MATMUL_GRADIENT;
    expect_good(product, SHAPES({20, 6}, {20, 7}), SHAPES({12, 7}));
    expect_bad(product, SHAPES({20, 6}, {20, 7}), SHAPES({14, 6}), "output 0: found 14 x 6");
    expect_bad(product, SHAPES({20, 6}, {10, 7}), SHAPES({12, 7}), "input 1: found 10 x 7");
    product.blocks = 0;
    expect_bad(product, SHAPES({20, 6}, {20, 7}), SHAPES({12, 7}), "found 0 blocks");
}
END_TEST

/* The tests' mesh has two dimensions. */
START_TEST(random_blocks)
{
    gw_operation random = make_operation(GW_OPERATION_RANDOM);
    random.axes = 2;
    random.block_axes = 1;
    random.blocks = 3;
    expect_good(random, NULL, SHAPES({12, 6}));
    expect_bad(random, NULL, SHAPES({13, 6}), "found 3 blocks, expected a divisor of 13 rows");
    random.block_axes = 3;
    expect_bad(random, NULL, SHAPES({12, 6}), "found blocks over axes 0x3");
    random.block_axes = 4;
    expect_bad(random, NULL, SHAPES({12, 6}), "some of the mesh's 2 dimensions");
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("experts");
    tcase_add_test(cases, experts_cost_what_they_compute);
    tcase_add_test(cases, gate_shapes);
    tcase_add_test(cases, seating_shapes);
    tcase_add_test(cases, block_shapes);
    tcase_add_test(cases, random_blocks);
    Suite *suite = suite_create("function_experts");
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
