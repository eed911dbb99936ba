/* SPDX-License-Identifier: Apache-2.0 */
/* The formulas of transformer_flops.c against the operations of what is made. */
#include <check.h>

#include "run_suite.h"
#include "test_transformer.h"

/* Two micro-batches of two devices; a perceptron of its own width. */
static gw_transformer model_of(gw_recompute recompute, uint32_t feed_forward)
{
    return (gw_transformer){.layers = 3,
                            .hidden = 24,
                            .heads = 6,
                            .feed_forward = feed_forward,
                            .vocabulary = 42,
                            .sequence = 10,
                            .batch = 8,
                            .microbatch = 2,
                            .data = 2,
                            .tensor = 2,
                            .places = 1,
                            .recompute = recompute};
}

START_TEST(hardware_does_what_is_written_down)
{
    static const uint32_t widths[] = {96, 40};
    for (uint32_t i = 0; i < 6; i++) {
        const gw_transformer model = model_of((gw_recompute)(i % 3), widths[i / 3]);
        const double passes = 2 * 2 * 2; /* Micro-batches, devices along data and tensor. */
        g_autoptr(gw_function) forth = gw_transformer_make_forward(&model, 0, true);
        g_autoptr(gw_function) back = gw_transformer_make_backward(&model, 0, true, true);
        ck_assert_double_eq_tol(gw_transformer_hardware_flops(&model),
                                passes * (count_product_flops(forth) + count_product_flops(back)),
                                0.5);
    }
}
END_TEST

/* An encoder in front, with sequences of its own, and heads wider than the activations. */
START_TEST(both_sides_count)
{
    for (uint32_t i = 0; i < 3; i++) {
        gw_transformer model = model_of((gw_recompute)i, 40);
        model.encoder_layers = 2;
        model.encoder_sequence = 7;
        model.head_size = 5;
        g_autoptr(gw_function) forth = gw_transformer_make_forward(&model, 0, true);
        g_autoptr(gw_function) back = gw_transformer_make_backward(&model, 0, true, true);
        ck_assert_double_eq_tol(gw_transformer_hardware_flops(&model),
                                8 * (count_product_flops(forth) + count_product_flops(back)), 0.5);
    }
}
END_TEST

START_TEST(model_needs_nothing_twice)
{
    const gw_transformer none = model_of(GW_RECOMPUTE_NONE, 96);
    const gw_transformer full = model_of(GW_RECOMPUTE_FULL, 96);
    ck_assert_double_eq(gw_transformer_model_flops(&full), gw_transformer_hardware_flops(&none));
    ck_assert_double_gt(gw_transformer_hardware_flops(&full), gw_transformer_model_flops(&full));
}
END_TEST

/* Narayanan et al., SC'21: 96 B s l h^2 (1 + s/(6 h) + V/(16 l h)) with layers computed again;
 * Korthikanti et al.: 72 B s l h^2 (1 + s/(6 h) + V/(12 l h)) without. */
START_TEST(published_formulas)
{
    const gw_transformer model = {.layers = 96,
                                  .hidden = 16384,
                                  .heads = 128,
                                  .feed_forward = 65536,
                                  .vocabulary = 51200,
                                  .sequence = 2048,
                                  .batch = 2160,
                                  .recompute = GW_RECOMPUTE_FULL};
    const double b = 2160, s = 2048, l = 96, h = 16384, v = 51200;
    const double full = 96 * b * s * l * h * h * (1 + s / (6 * h) + v / (16 * l * h));
    const double none = 72 * b * s * l * h * h * (1 + s / (6 * h) + v / (12 * l * h));
    ck_assert_double_eq_tol(gw_transformer_hardware_flops(&model) / full, 1, 1e-12);
    ck_assert_double_eq_tol(gw_transformer_model_flops(&model) / none, 1, 1e-12);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("transformer_flops");
    TCase *cases = tcase_create("transformer_flops");
    tcase_add_test(cases, hardware_does_what_is_written_down);
    tcase_add_test(cases, both_sides_count);
    tcase_add_test(cases, model_needs_nothing_twice);
    tcase_add_test(cases, published_formulas);
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
