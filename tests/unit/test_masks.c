/* SPDX-License-Identifier: Apache-2.0 */
/* What going to seats by masks is made of: products and passes over masks, counted by hand. */
#include <check.h>
#include <math.h>

#include "accel/masks.h"
#include "accel/model.h"
#include "run_suite.h"
#include "small_cluster.h"

/* Groups of S tokens of h columns, E experts with C seats in each. */
enum { GROUPS = 2, S = 64, EXPERTS = 8, C = 16, H = 32, CHOICES = 2 };
enum { TOKENS = GROUPS * S, GROUP_SEATS = EXPERTS * C, SEATS = GROUPS * GROUP_SEATS };

typedef struct {
    gw_function *function;
    uint32_t shares, tokens, seated, seats, weights, count, other_tokens, other_seated, slopes;
} bench;

static bench bench_of(uint32_t element_bytes)
{
    bench made = {.function = gw_function_new("test")};
    gw_function *function = made.function;
    made.shares = gw_function_add_input(function, TOKENS, EXPERTS, true);
    made.tokens = gw_function_add_input(function, TOKENS, H, true);
    made.seated = gw_function_add_input(function, SEATS, H, true);
    made.seats = gw_function_add_input(function, TOKENS, CHOICES, true);
    made.weights = gw_function_add_input(function, TOKENS, CHOICES, true);
    made.count = gw_function_add_temporary(function, 1, 1);
    made.other_tokens = gw_function_add_temporary(function, TOKENS, H);
    made.other_seated = gw_function_add_temporary(function, SEATS, H);
    made.slopes = gw_function_add_temporary(function, TOKENS, CHOICES);
    const uint32_t thin[] = {made.tokens, made.seated, made.other_tokens, made.other_seated};
    for (uint32_t i = 0; i < G_N_ELEMENTS(thin); i++)
        g_array_index(function->values, gw_value, thin[i]).element_bytes = element_bytes;
    return made;
}

static gw_operation operation_of(const bench *made, gw_operation_kind kind)
{
    gw_operation operation = {.kind = kind, .sequence = S, .capacity = C, .by_masks = true};
    const uint32_t all[][7] = {
        [GW_OPERATION_GATE] = {made->shares, 0, 0, 0, made->seats, made->weights, made->count},
        [GW_OPERATION_DISPATCH] = {made->tokens, made->seats, 0, 0, made->other_seated},
        [GW_OPERATION_DISPATCH_GRADIENT] = {made->seats, made->seated, 0, 0, made->other_tokens},
        [GW_OPERATION_COMBINE] = {made->seated, made->seats, made->weights, 0, made->other_tokens},
        [GW_OPERATION_COMBINE_GRADIENT] = {made->seated, made->seats, made->weights, made->tokens,
                                           made->other_seated, made->slopes},
    };
    for (uint32_t i = 0; i < 4; i++)
        operation.inputs[i] = (uint16_t)all[kind][i];
    for (uint32_t i = 0; i < 3; i++)
        operation.outputs[i] = (uint16_t)all[kind][4 + i];
    return operation;
}

static void expect_product(const gw_mask_kernel *kernel, uint64_t rows, uint64_t columns,
                           uint64_t depth, double bytes)
{
    ck_assert_uint_eq(kernel->product.count, GROUPS);
    ck_assert_uint_eq(kernel->product.rows, rows);
    ck_assert_uint_eq(kernel->product.columns, columns);
    ck_assert_uint_eq(kernel->product.depth, depth);
    ck_assert_double_eq(kernel->bytes, bytes);
}

static void expect_map(const gw_mask_kernel *kernel, double flops, double bytes)
{
    ck_assert_uint_eq(kernel->product.count, 0);
    ck_assert_double_eq(kernel->flops, flops);
    ck_assert_double_eq(kernel->bytes, bytes);
}

/* 2 S E C h of a group: once for each of dispatch, combine and the former's gradient, twice for the
 * latter's.  Masks have S E C elements, as wide as the tokens'. */
START_TEST(seats_are_products)
{
    const double b = _i, mask = b * TOKENS * GROUP_SEATS, all = b * H * (TOKENS + SEATS) + mask;
    const double compared = (double)CHOICES * TOKENS * GROUP_SEATS;
    bench made = bench_of((uint32_t)_i);
    gw_mask_kernel kernels[GW_MASK_KERNELS_MAX];
    gw_operation operation = operation_of(&made, GW_OPERATION_DISPATCH);
    ck_assert_uint_eq(gw_masks_list(made.function, &operation, kernels), 2);
    expect_map(&kernels[0], compared, mask);
    expect_product(&kernels[1], GROUP_SEATS, H, S, all);
    operation = operation_of(&made, GW_OPERATION_DISPATCH_GRADIENT);
    ck_assert_uint_eq(gw_masks_list(made.function, &operation, kernels), 2);
    expect_map(&kernels[0], compared, mask);
    expect_product(&kernels[1], S, H, GROUP_SEATS, all);
    operation = operation_of(&made, GW_OPERATION_COMBINE);
    ck_assert_uint_eq(gw_masks_list(made.function, &operation, kernels), 2);
    expect_map(&kernels[0], compared, mask);
    expect_product(&kernels[1], S, H, GROUP_SEATS, all);
    operation = operation_of(&made, GW_OPERATION_COMBINE_GRADIENT);
    ck_assert_uint_eq(gw_masks_list(made.function, &operation, kernels), 4);
    expect_map(&kernels[0], compared, mask);
    expect_product(&kernels[1], GROUP_SEATS, H, S, all);
    expect_product(&kernels[2], S, GROUP_SEATS, H, all);
    expect_map(&kernels[3], compared, mask);
    gw_function_free(made.function);
}
END_TEST

/* Seats that lie apart are more columns of masks and rows of products. */
START_TEST(pitches_widen_masks)
{
    enum { PITCH = 20, WIDE = EXPERTS * PITCH };
    const double mask = 4.0 * TOKENS * WIDE, all = 4.0 * H * (TOKENS + GROUPS * WIDE) + mask;
    bench made = bench_of(4);
    gw_mask_kernel kernels[GW_MASK_KERNELS_MAX];
    gw_operation operation = operation_of(&made, GW_OPERATION_DISPATCH);
    operation.pitch = PITCH;
    ck_assert_uint_eq(gw_masks_list(made.function, &operation, kernels), 2);
    expect_map(&kernels[0], (double)CHOICES * TOKENS * WIDE, mask);
    expect_product(&kernels[1], WIDE, H, S, all);
    operation = operation_of(&made, GW_OPERATION_COMBINE_GRADIENT);
    operation.pitch = PITCH;
    ck_assert_uint_eq(gw_masks_list(made.function, &operation, kernels), 4);
    expect_product(&kernels[2], S, WIDE, H, all);
    gw_function_free(made.function);
}
END_TEST

/* Three passes over the shares for each choice; they take 4 bytes an element. */
START_TEST(gates_pass_over_shares)
{
    bench made = bench_of(2);
    gw_mask_kernel kernels[GW_MASK_KERNELS_MAX];
    const gw_operation operation = operation_of(&made, GW_OPERATION_GATE);
    ck_assert_uint_eq(gw_masks_list(made.function, &operation, kernels), 3 * CHOICES);
    for (uint32_t i = 0; i < 3 * CHOICES; i++)
        expect_map(&kernels[i], (double)TOKENS * EXPERTS, 4.0 * TOKENS * EXPERTS);
    gw_function_free(made.function);
}
END_TEST

static gw_span time_of(const gw_accel_model *model, const bench *made, gw_operation operation,
                       bool by_masks)
{
    operation.by_masks = by_masks;
    return model->ops->operation_ns(model, 0, made->function, &operation, NULL);
}

/* Its kernels one after the other: products at 50e12 FLOP/s, all else at 1e12, memory at 500
 * bytes/ns; each rounded up. */
START_TEST(the_roofline_adds_them_up)
{
    small_cluster cluster;
    small_cluster_of(&cluster, 1, 1, 1, 1);
    const gw_accel_model model = gw_accel_model_of(&gw_model_roofline, cluster.cluster);
    bench made = bench_of(4);
    const gw_operation dispatch = operation_of(&made, GW_OPERATION_DISPATCH);
    const double mask = 4.0 * TOKENS * GROUP_SEATS, rest = 4.0 * H * (TOKENS + SEATS);
    const double compared_ns = 2.0 * TOKENS * GROUP_SEATS / 1000;
    const double product_ns = 2.0 * GROUPS * S * GROUP_SEATS * H / 50000;
    const double ours = MAX(mask / 500, compared_ns) + MAX((mask + rest) / 500, product_ns);
    const gw_span priced_ns = time_of(&model, &made, dispatch, true);
    ck_assert_double_ge((double)priced_ns, ours);
    ck_assert_double_le((double)priced_ns, ours + 2);
    ck_assert_uint_lt(time_of(&model, &made, dispatch, false), priced_ns);
    const gw_operation gate = operation_of(&made, GW_OPERATION_GATE);
    const double pass = ceil(4.0 * TOKENS * EXPERTS / 500);
    ck_assert_uint_eq(time_of(&model, &made, gate, true), (gw_span)(3 * CHOICES * pass));
    gw_function_free(made.function);
    small_cluster_clear(&cluster);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("masks");
    tcase_add_loop_test(cases, seats_are_products, 2, 5);
    tcase_add_test(cases, pitches_widen_masks);
    tcase_add_test(cases, gates_pass_over_shares);
    tcase_add_test(cases, the_roofline_adds_them_up);
    Suite *suite = suite_create("masks");
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
