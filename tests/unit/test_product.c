/* SPDX-License-Identifier: Apache-2.0 */
/* Products on a matrix unit whose whole rate is 1e9 FLOP/s: seconds are FLOPs over that. */
#include <check.h>
#include <signal.h>

#include "accel/product.h"
#include "run_suite.h"

#define FLOPS_PER_S 1e9

static gw_accelerator unit_of(uint32_t parts, uint32_t rows, uint32_t columns)
{
    return (gw_accelerator){
        .peak_flops = 2 * FLOPS_PER_S,
        .matmul_efficiency = 0.5,
        .matrix_unit = {.part_count = parts,
                        .tile_count = 1,
                        .tiles = {{.rows = rows, .columns = columns, .efficiency = 1}},
                        .depth_multiple = 1},
    };
}

static void expect_flops(const gw_accelerator *accelerator, gw_product product, double flops)
{
    ck_assert_double_eq_tol(gw_product_seconds(accelerator, &product), flops / FLOPS_PER_S,
                            1e-12 * flops / FLOPS_PER_S);
}

START_TEST(without_tiles_all_shapes_are_alike)
{
    const gw_accelerator flat = {.peak_flops = 2 * FLOPS_PER_S, .matmul_efficiency = 0.5};
    expect_flops(&flat, (gw_product){1, 3, 5, 7}, 2 * 3 * 5 * 7);
    expect_flops(&flat, (gw_product){11, 3, 5, 7}, 11 * 2 * 3 * 5 * 7);
}
END_TEST

START_TEST(what_fills_tiles_costs_its_flops)
{
    const gw_accelerator made = unit_of(4, 8, 8);
    expect_flops(&made, (gw_product){1, 16, 16, 10}, 2 * 16 * 16 * 10);
    expect_flops(&made, (gw_product){3, 16, 32, 10}, 3 * 2 * 16 * 32 * 10);
}
END_TEST

START_TEST(a_row_too_many_is_a_row_of_tiles)
{
    const gw_accelerator made = unit_of(1, 8, 8);
    expect_flops(&made, (gw_product){1, 16, 16, 10}, 2 * 16 * 16 * 10);
    expect_flops(&made, (gw_product){1, 17, 16, 10}, 2 * 24 * 16 * 10);
    expect_flops(&made, (gw_product){1, 1, 1, 10}, 2 * 8 * 8 * 10);
}
END_TEST

START_TEST(a_tile_too_many_is_a_round)
{
    const gw_accelerator made = unit_of(4, 8, 8);
    expect_flops(&made, (gw_product){1, 8, 8 * 4, 10}, 1.0 * 4 * 2 * 8 * 8 * 10);
    expect_flops(&made, (gw_product){1, 8, 8 * 5, 10}, 2.0 * 4 * 2 * 8 * 8 * 10);
    expect_flops(&made, (gw_product){1, 8, 8, 10}, 1.0 * 4 * 2 * 8 * 8 * 10);
    expect_flops(&made, (gw_product){5, 8, 8, 10}, 2.0 * 4 * 2 * 8 * 8 * 10); /* All together. */
}
END_TEST

START_TEST(tiles_may_lie_across)
{
    const gw_accelerator made = unit_of(1, 16, 4);
    expect_flops(&made, (gw_product){1, 16, 4, 10}, 2 * 16 * 4 * 10);
    expect_flops(&made, (gw_product){1, 4, 16, 10}, 2 * 16 * 4 * 10);
}
END_TEST

START_TEST(the_best_tile_is_taken)
{
    gw_accelerator made = unit_of(2, 16, 16);
    made.matrix_unit.tile_count = 2;
    made.matrix_unit.tiles[1] = (gw_matrix_tile){8, 8, 0.5};
    expect_flops(&made, (gw_product){1, 32, 16, 10}, 2 * 32 * 16 * 10); /* Large ones fit. */
    /* 2 x 16 x 16 of large ones, or 2 x 8 x 8 of small ones at half the rate. */
    expect_flops(&made, (gw_product){1, 8, 16, 10}, 2 * 2 * 8 * 8 * 10 / 0.5);
}
END_TEST

START_TEST(depth_is_filled_up_and_ramps)
{
    gw_accelerator made = unit_of(1, 8, 8);
    made.matrix_unit.depth_multiple = 16;
    expect_flops(&made, (gw_product){1, 8, 8, 16}, 2 * 8 * 8 * 16);
    expect_flops(&made, (gw_product){1, 8, 8, 17}, 2 * 8 * 8 * 32);
    made.matrix_unit.ramp_depth = 100;
    expect_flops(&made, (gw_product){1, 8, 8, 16}, 2 * 8 * 8 * 116);
    expect_flops(&made, (gw_product){1, 16, 8, 16}, 2 * 16 * 8 * 116); /* Each tile. */
}
END_TEST

START_TEST(nothing_takes_no_time)
{
    const gw_accelerator flat = {.peak_flops = 1, .matmul_efficiency = 1};
    const gw_accelerator made = unit_of(4, 8, 8);
    for (uint32_t i = 0; i < 4; i++) {
        const gw_product product = {i != 0, i != 1, i != 2, i != 3};
        ck_assert_double_eq(gw_product_seconds(&flat, &product), 0);
        ck_assert_double_eq(gw_product_seconds(&made, &product), 0);
    }
}
END_TEST

/* A larger product is never done sooner. */
START_TEST(time_rises_with_every_side)
{
    gw_accelerator made = unit_of(3, 16, 8);
    made.matrix_unit.tile_count = 2;
    made.matrix_unit.tiles[1] = (gw_matrix_tile){4, 4, 0.7};
    made.matrix_unit.depth_multiple = 4;
    made.matrix_unit.ramp_depth = 5;
    for (uint32_t n = 1; n < 100; n++) {
        const gw_product one[] = {{1, n, 20, 20}, {1, 20, n, 20}, {1, 20, 20, n}, {n, 9, 9, 9}};
        const gw_product more[] = {
            {1, n + 1, 20, 20}, {1, 20, n + 1, 20}, {1, 20, 20, n + 1}, {n + 1, 9, 9, 9}};
        for (uint32_t i = 0; i < 4; i++) {
            ck_assert_double_le(gw_product_seconds(&made, &one[i]),
                                gw_product_seconds(&made, &more[i]));
        }
    }
}
END_TEST

START_TEST(a_unit_without_a_rate_aborts)
{
    const gw_accelerator none = {.matmul_efficiency = 1};
    gw_product_seconds(&none, &(gw_product){1, 1, 1, 1});
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("product");
    TCase *cases = tcase_create("product");
    tcase_add_test(cases, without_tiles_all_shapes_are_alike);
    tcase_add_test(cases, what_fills_tiles_costs_its_flops);
    tcase_add_test(cases, a_row_too_many_is_a_row_of_tiles);
    tcase_add_test(cases, a_tile_too_many_is_a_round);
    tcase_add_test(cases, tiles_may_lie_across);
    tcase_add_test(cases, the_best_tile_is_taken);
    tcase_add_test(cases, depth_is_filled_up_and_ramps);
    tcase_add_test(cases, nothing_takes_no_time);
    tcase_add_test(cases, time_rises_with_every_side);
    tcase_add_test_raise_signal(cases, a_unit_without_a_rate_aborts, SIGABRT);
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
