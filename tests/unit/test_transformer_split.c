/* SPDX-License-Identifier: Apache-2.0 */
/* Backward in two parts: together they do what a whole pass does, the second takes what the first
 * and forward leave, and nothing more is held.  That losses stay the same is
 * tests/cli/test_transformer.py's. */
#include <check.h>

#include "run_suite.h"
#include "workload/transformer.h"

enum { LAYERS = 4, HIDDEN = 16, WORDS = 32, SEQUENCE = 8, MICROBATCH = 2, WIDE = 64 };
enum { LAYER_TENSORS = 16 };

static gw_transformer model_of(uint32_t places)
{
    return (gw_transformer){.layers = LAYERS,
                            .hidden = HIDDEN,
                            .heads = 4,
                            .feed_forward = WIDE,
                            .vocabulary = WORDS,
                            .sequence = SEQUENCE,
                            .batch = 4 * MICROBATCH,
                            .microbatch = MICROBATCH,
                            .data = 1,
                            .tensor = 1,
                            .places = places};
}

static double count_flops(const gw_function *function)
{
    double flops = 0;
    for (uint32_t i = 0; i < function->operations->len; i++)
        flops += gw_operation_flops(function, gw_function_operation(function, i));
    return flops;
}

static uint32_t count_kind(const gw_function *function, gw_operation_kind kind)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < function->operations->len; i++)
        count += gw_function_operation(function, i)->kind == kind ? 1 : 0;
    return count;
}

static void expect_good(const gw_function *function, const gw_transformer *model)
{
    const uint32_t shape[] = {model->data, model->tensor};
    g_autoptr(GError) error = NULL;
    const bool is_good = gw_function_check(function, 2, shape, &error);
    ck_assert_msg(is_good, "%s", error != NULL ? error->message : "");
}

/* Qi et al.: products of the two parts are equally many; norms, attention and the loss's slopes are
 * in the first. */
START_TEST(two_parts_do_what_a_whole_does)
{
    for (uint32_t places = 1; places <= 4; places *= 2) {
        for (uint32_t place = 0; place < places; place++) {
            const gw_transformer model = model_of(places);
            g_autoptr(gw_function) whole = gw_transformer_make_backward(&model, place, true, true);
            g_autoptr(gw_function) inputs = gw_transformer_make_inputs(&model, place);
            g_autoptr(gw_function) weights = gw_transformer_make_weights(&model, place, true, true);
            expect_good(inputs, &model);
            expect_good(weights, &model);
            ck_assert_double_eq(count_flops(inputs) + count_flops(weights), count_flops(whole));
            const uint32_t products =
                6 * LAYERS / places + (place + 1 == places ? 1 : 0); /* Of a forward pass. */
            ck_assert_uint_eq(count_kind(inputs, GW_OPERATION_MATMUL), products);
            ck_assert_uint_eq(count_kind(weights, GW_OPERATION_MATMUL), products);
            ck_assert_uint_eq(count_kind(weights, GW_OPERATION_ATTENTION_GRADIENT), 0);
            ck_assert_uint_eq(count_kind(weights, GW_OPERATION_LAYER_NORM_GRADIENT), 0);
            ck_assert_uint_eq(count_kind(inputs, GW_OPERATION_EMBEDDING_GRADIENT), 0);
            ck_assert_uint_eq(weights->output_count, whole->output_count - (place > 0 ? 1 : 0));
        }
    }
}
END_TEST

/* Inputs of the second part, in order, are what the list says, of the same shapes. */
START_TEST(the_second_part_takes_what_is_handed)
{
    for (gw_recompute recompute = GW_RECOMPUTE_NONE; recompute <= GW_RECOMPUTE_FULL; recompute++) {
        gw_transformer model = model_of(2);
        model.recompute = recompute;
        for (uint32_t place = 0; place < 2; place++) {
            g_autoptr(GArray) handed = gw_transformer_list_handed(&model, place);
            g_autoptr(gw_function) forth = gw_transformer_make_forward(&model, place, false);
            g_autoptr(gw_function) inputs = gw_transformer_make_inputs(&model, place);
            g_autoptr(gw_function) weights =
                gw_transformer_make_weights(&model, place, false, false);
            ck_assert_uint_eq(weights->input_count, handed->len);
            uint32_t given_count = 0, token_count = 0;
            for (uint32_t i = 0; i < handed->len; i++) {
                const gw_handed *one = &g_array_index(handed, gw_handed, i);
                const gw_value *taken = gw_function_value(weights, gw_function_input(weights, i));
                const gw_function *source = one->source == GW_HANDED_FORWARD ? forth : inputs;
                token_count += one->source == GW_HANDED_TOKENS ? 1 : 0;
                given_count += one->source == GW_HANDED_INPUTS ? 1 : 0;
                if (one->source == GW_HANDED_TOKENS)
                    continue;
                const gw_value *given =
                    gw_function_value(source, gw_function_output(source, one->output));
                ck_assert_uint_eq(taken->rows, given->rows);
                ck_assert_uint_eq(taken->columns, given->columns);
                ck_assert_uint_eq(taken->element_bytes, given->element_bytes);
                ck_assert_int_eq(taken->is_sharded, given->is_sharded);
            }
            ck_assert_uint_eq(token_count, place == 0 ? 1 : 0);
            /* All that the first part gives, but the slopes for the place in front. */
            ck_assert_uint_eq(given_count, inputs->output_count - (place > 0 ? 1 : 0));
        }
    }
}
END_TEST

/* Per token of a layer: norms, attended and activated (3h + f), and the slopes of queries, keys,
 * values, the middle, the perceptron's width and the layer's output (5h + f); of what forward
 * leaves, 8h + 2f and the softmax. */
START_TEST(less_is_held_between_the_parts)
{
    gw_transformer model = model_of(4);
    const double h = HIDDEN, f = WIDE, softmax = 4.0 * SEQUENCE;
    const double kept = 3 * h + f + 5 * h + f, all = 8 * h + 2 * f + softmax;
    ck_assert_double_eq_tol(gw_transformer_kept_share(&model, 1), kept / all, 1e-9);
    model.recompute = GW_RECOMPUTE_FULL; /* Then more is held afterwards than before: all of it. */
    ck_assert_double_eq(gw_transformer_kept_share(&model, 1), 1);
}
END_TEST

START_TEST(parts_gather_along_tensor)
{
    gw_transformer model = model_of(2);
    model.tensor = 2;
    model.is_sequence_parallel = true;
    g_autoptr(gw_function) inputs = gw_transformer_make_inputs(&model, 0);
    g_autoptr(gw_function) weights = gw_transformer_make_weights(&model, 0, true, false);
    expect_good(inputs, &model);
    expect_good(weights, &model);
    const uint32_t layers = LAYERS / 2;
    /* The slopes of what two products of a layer give; and again, with what two others read. */
    ck_assert_uint_eq(count_kind(inputs, GW_OPERATION_ALL_GATHER), 2 * layers);
    ck_assert_uint_eq(count_kind(weights, GW_OPERATION_ALL_GATHER), 4 * layers + 1);
    ck_assert_uint_eq(count_kind(inputs, GW_OPERATION_REDUCE_SCATTER), 2 * layers);
    ck_assert_uint_eq(count_kind(weights, GW_OPERATION_REDUCE_SCATTER), 0);
}
END_TEST

/* The first part needs parameters, the second has their slopes to sum. */
START_TEST(parts_of_parameters)
{
    gw_transformer model = model_of(2);
    model.data = 4;
    model.zero = 3;
    g_autoptr(gw_function) inputs = gw_transformer_make_inputs(&model, 0);
    g_autoptr(gw_function) weights = gw_transformer_make_weights(&model, 0, true, false);
    expect_good(inputs, &model);
    expect_good(weights, &model);
    ck_assert_uint_eq(count_kind(inputs, GW_OPERATION_ALL_GATHER), 6 * LAYERS / 2);
    ck_assert_uint_eq(count_kind(inputs, GW_OPERATION_REDUCE_SCATTER), 0);
    ck_assert_uint_eq(count_kind(weights, GW_OPERATION_ALL_GATHER), 0);
    ck_assert_uint_eq(count_kind(weights, GW_OPERATION_REDUCE_SCATTER), 6 * LAYERS / 2 + 2);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("split");
    tcase_add_test(cases, two_parts_do_what_a_whole_does);
    tcase_add_test(cases, the_second_part_takes_what_is_handed);
    tcase_add_test(cases, less_is_held_between_the_parts);
    tcase_add_test(cases, parts_gather_along_tensor);
    tcase_add_test(cases, parts_of_parameters);
    Suite *suite = suite_create("transformer_split");
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
