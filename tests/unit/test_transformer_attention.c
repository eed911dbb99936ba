/* SPDX-License-Identifier: Apache-2.0 */
/* Encoder and decoder, and heads of a size of their own: parameters and products by closed forms,
 * where the collectives are, what is held, and which place has what.  That it trains is
 * tests/cli/test_transformer.py's. */
#include <check.h>
#include <string.h>

#include "run_suite.h"
#include "test_transformer.h"
#include "test_workload.h"
#include "workload/workload.h"

static gw_program *build(const char *json, GError **error)
{
    return workload_build(&gw_workload_transformer, 7, json, error);
}

static void build_bad(const char *json, const char *part)
{
    workload_build_bad(&gw_workload_transformer, 7, json, part);
}

enum { WIDTH = 24, HEADS = 6, HEAD = 8, WORDS = 42, BATCH = 4 };
enum { LAYERS = 3, SEQUENCE = 10, ENCODER_LAYERS = 6, ENCODER_SEQUENCE = 14 };

static gw_transformer model_of(uint32_t tensor, uint32_t places)
{
    return (gw_transformer){.layers = LAYERS,
                            .hidden = WIDTH,
                            .heads = HEADS,
                            .head_size = HEAD,
                            .feed_forward = 4 * WIDTH,
                            .vocabulary = WORDS,
                            .sequence = SEQUENCE,
                            .encoder_layers = ENCODER_LAYERS,
                            .encoder_sequence = ENCODER_SEQUENCE,
                            .batch = BATCH,
                            .microbatch = BATCH,
                            .data = 1,
                            .tensor = tensor,
                            .places = places};
}

/* Weights of attention 4 h w, of the perceptron 8 h^2; with biases and norms. */
static uint64_t attention_parameters(uint64_t h, uint64_t w)
{
    return 4 * h * w + 3 * w + h + 2 * h;
}

START_TEST(parameters_are_those_of_both_sides)
{
    const uint64_t h = WIDTH, attention = attention_parameters(h, HEADS * HEAD);
    const uint64_t perceptron = 8 * h * h + 5 * h + 2 * h;
    const uint64_t expected = ENCODER_LAYERS * (attention + perceptron) +
                              LAYERS * (2 * attention + perceptron) +
                              (3 * WORDS + SEQUENCE + ENCODER_SEQUENCE) * h + 4 * h;
    for (uint32_t tensor = 1; tensor <= 2; tensor++) {
        for (uint32_t places = 1; places <= 9; places += places == 1 ? 2 : 6) {
            const gw_transformer model = model_of(tensor, places);
            ck_assert_uint_eq(count_parameters(&model, true), expected);
        }
    }
}
END_TEST

/* Raffel et al., "Exploring the limits of transfer learning", 2020, section 2.1: T5-Base has about
 * 220 million parameters, with one table for both embeddings and the head: 24.7 million. */
START_TEST(the_base_model_is_as_large_as_published)
{
    const gw_transformer base = {.layers = 12,
                                 .encoder_layers = 12,
                                 .hidden = 768,
                                 .heads = 12,
                                 .feed_forward = 3072,
                                 .vocabulary = 32128,
                                 .sequence = 512,
                                 .encoder_sequence = 512,
                                 .batch = 1,
                                 .microbatch = 1,
                                 .data = 1,
                                 .tensor = 1,
                                 .places = 1};
    const double tied = (double)count_parameters(&base, true) - 2.0 * 32128 * 768;
    ck_assert_double_eq_tol(tied, 223.9e6, 0.5e6);
}
END_TEST

static double count_place_flops(const gw_transformer *model, bool is_backward)
{
    double flops = 0;
    for (uint32_t p = 0; p < model->places; p++) {
        g_autoptr(gw_function) function = is_backward
                                              ? gw_transformer_make_backward(model, p, false, true)
                                              : gw_transformer_make_forward(model, p, false);
        flops += count_product_flops(function);
    }
    return flops;
}

/* Of t tokens that look at sequences of s, of which `looked_at` tokens have keys. */
static double attention_flops(double t, double looked_at, double s)
{
    const double h = WIDTH, w = HEADS * HEAD;
    return 2 * h * w * (2 * t + 2 * looked_at) + 4 * t * s * w;
}

START_TEST(products_are_those_of_both_sides)
{
    const double b = BATCH, t = b * SEQUENCE, u = b * ENCODER_SEQUENCE, h = WIDTH;
    const double encoder =
        ENCODER_LAYERS * (attention_flops(u, u, ENCODER_SEQUENCE) + 16 * u * h * h);
    const double decoder = LAYERS * (attention_flops(t, t, SEQUENCE) +
                                     attention_flops(t, u, ENCODER_SEQUENCE) + 16 * t * h * h);
    const double forward = encoder + decoder + 2 * t * h * WORDS;
    for (uint32_t tensor = 1; tensor <= 2; tensor++) {
        for (uint32_t places = 1; places <= 3; places += 2) {
            const gw_transformer model = model_of(tensor, places);
            ck_assert_double_eq_tol(count_place_flops(&model, false), forward / tensor, 0.5);
            ck_assert_double_eq_tol(count_place_flops(&model, true), 2 * forward / tensor, 0.5);
        }
    }
}
END_TEST

static uint32_t count_sums(const gw_function *function)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < function->operations->len; i++)
        count += gw_function_operation(function, i)->kind == GW_OPERATION_ALL_REDUCE ? 1 : 0;
    return count;
}

/* One for each block, both embeddings; back, the head's and one for what the encoder gives, however
 * many layers look at it. */
START_TEST(sums_are_where_they_belong)
{
    const gw_transformer model = model_of(2, 1);
    g_autoptr(gw_function) forth = gw_transformer_make_forward(&model, 0, false);
    g_autoptr(gw_function) back = gw_transformer_make_backward(&model, 0, false, true);
    ck_assert_uint_eq(count_sums(forth), 2 * ENCODER_LAYERS + 3 * LAYERS + 2);
    ck_assert_uint_eq(count_sums(back), 2 * ENCODER_LAYERS + 3 * LAYERS + 2);
}
END_TEST

START_TEST(only_the_decoder_is_causal)
{
    const gw_transformer model = model_of(1, 3);
    uint32_t causal_count = 0;
    for (uint32_t p = 0; p < 3; p++) {
        g_autoptr(gw_function) forth = gw_transformer_make_forward(&model, p, false);
        for (uint32_t i = 0; i < forth->operations->len; i++)
            causal_count += gw_function_operation(forth, i)->is_causal ? 1 : 0;
        ck_assert_uint_eq(causal_count, p < 2 ? 0 : LAYERS);
    }
}
END_TEST

/* Six layers of the encoder and three of the decoder in nine places. */
START_TEST(places_have_their_ends)
{
    const gw_transformer model = model_of(1, 9);
    for (uint32_t p = 0; p < 9; p++) {
        const gw_transformer_ends ends = gw_transformer_place_ends(&model, p);
        ck_assert_int_eq(ends.opens_encoder, p == 0);
        ck_assert_int_eq(ends.closes_encoder, p == 5);
        ck_assert_int_eq(ends.opens_decoder, p == 6);
        ck_assert_int_eq(ends.closes_decoder, p == 8);
        ck_assert_int_eq(ends.reads_memory, p >= 6);
        ck_assert_int_eq(gw_transformer_takes_stream(ends), p != 0 && p != 6);
        ck_assert_int_eq(gw_transformer_takes_memory(ends), p >= 6);
    }
    const gw_transformer whole = model_of(1, 1);
    const gw_transformer_ends all = gw_transformer_place_ends(&whole, 0);
    ck_assert(all.opens_encoder && all.closes_encoder && all.opens_decoder && all.closes_decoder);
    ck_assert(all.reads_memory && !gw_transformer_takes_memory(all));
}
END_TEST

static uint64_t count_held_bytes(const gw_transformer *model)
{
    g_autoptr(gw_function) forth = gw_transformer_make_forward(model, 0, false);
    uint64_t bytes = 0;
    for (uint32_t i = 2; i < forth->output_count; i++) /* After loss and slopes of logits. */
        bytes += gw_value_bytes(gw_function_value(forth, gw_function_output(forth, i)));
    ck_assert_uint_eq(gw_transformer_count_saved(model, 0), forth->output_count - 2);
    return bytes;
}

/* Per token: h each for inputs and norms, w for queries, keys, values and what was attended to, 8 h
 * for the perceptron, and the softmax. */
START_TEST(what_is_held_is_less_with_recomputation)
{
    const uint64_t b = BATCH, t = b * SEQUENCE, u = b * ENCODER_SEQUENCE, h = WIDTH;
    const uint64_t w = HEADS * HEAD;
    const uint64_t encoder = u * (2 * h + 4 * w + 2 * h + 8 * h);
    const uint64_t decoder = t * (2 * h + 4 * w + 2 * h + 8 * h) + 2 * t * (h + w) + 2 * u * w;
    const uint64_t shares = ENCODER_LAYERS * u * HEADS * ENCODER_SEQUENCE +
                            LAYERS * t * HEADS * (SEQUENCE + ENCODER_SEQUENCE);
    const uint64_t ends = 2 * t * h + 2 * u * h;
    const uint64_t inputs = ENCODER_LAYERS * u * h + LAYERS * t * h;
    gw_transformer model = model_of(1, 1);
    const uint64_t kept = ENCODER_LAYERS * encoder + LAYERS * decoder + ends;
    ck_assert_uint_eq(count_held_bytes(&model), 4 * (kept + shares));
    model.recompute = GW_RECOMPUTE_SELECTIVE;
    ck_assert_uint_eq(count_held_bytes(&model), 4 * kept);
    model.recompute = GW_RECOMPUTE_FULL;
    ck_assert_uint_eq(count_held_bytes(&model), 4 * (inputs + ends));
}
END_TEST

/* --- As a workload --- */

#define SIZES                                                                                      \
    "\"layers\": 3, \"hidden\": 24, \"heads\": 6, \"vocabulary\": 42, \"sequence\": 10, "          \
    "\"batch\": 4"

START_TEST(tokens_of_both_sides_count)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(gw_program) program = build(
        "{" SIZES ", \"encoder_layers\": 6, \"encoder_sequence\": 14, \"stages\": 3}", &error);
    ck_assert_msg(program != NULL, "%s", error != NULL ? error->message : "");
    ck_assert_double_eq(program->tokens_per_run, BATCH * (SEQUENCE + ENCODER_SEQUENCE));
    g_autoptr(gw_program) alike = build("{" SIZES ", \"encoder_layers\": 1}", &error);
    ck_assert_msg(alike != NULL, "%s", error != NULL ? error->message : "");
    ck_assert_double_eq(alike->tokens_per_run, 2 * BATCH * SEQUENCE);
}
END_TEST

START_TEST(mistakes_have_words)
{
    build_bad("{" SIZES ", \"encoder_sequence\": 14}",
              "/encoder_sequence: found 14 without \"encoder_layers\"");
    build_bad("{" SIZES ", \"encoder_layers\": 2, \"stages\": 2}",
              "/encoder_layers: found 2, with the decoder's 3, expected a multiple of stages times "
              "chunks (2) together");
    build_bad("{" SIZES ", \"encoder_layers\": 1, \"stages\": 2}",
              "/encoder_layers: found 1, expected a multiple of layers in each place (2)");
    build_bad("{" SIZES ", \"encoder_layers\": 1025}", "/encoder_layers: found 1025");
    build_bad("{" SIZES ", \"encoder_layers\": 1, \"encoder_sequence\": 0}",
              "/encoder_sequence: found 0");
    build_bad("{" SIZES ", \"head_size\": 0}", "/head_size: found 0");
    build_bad("{" SIZES ", \"head_size\": 1048576}",
              "/head_size: found 1048576, with 6 heads 6291456 columns, expected at most 4194304");
    build_bad("{\"layers\": 3, \"hidden\": 25, \"heads\": 6, \"vocabulary\": 42, "
              "\"sequence\": 10, \"batch\": 4}",
              "/hidden: found 25, expected a multiple of heads (6)");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("transformer_attention");
    TCase *cases = tcase_create("sides");
    tcase_add_test(cases, parameters_are_those_of_both_sides);
    tcase_add_test(cases, the_base_model_is_as_large_as_published);
    tcase_add_test(cases, products_are_those_of_both_sides);
    tcase_add_test(cases, sums_are_where_they_belong);
    tcase_add_test(cases, only_the_decoder_is_causal);
    tcase_add_test(cases, places_have_their_ends);
    tcase_add_test(cases, what_is_held_is_less_with_recomputation);
    tcase_add_test(cases, tokens_of_both_sides_count);
    tcase_add_test(cases, mistakes_have_words);
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
