/* SPDX-License-Identifier: Apache-2.0 */
/* The transformer as a program: parameters and FLOPs by the published formulas, split or not, what
 * collectives it has, and mistakes.  That it trains is tests/cli/test_transformer.py's. */
#include <check.h>
#include <string.h>

#include "base/random.h"
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

enum { LAYERS = 3, HIDDEN = 24, HEADS = 6, WORDS = 42, SEQUENCE = 10, BATCH = 4 };
#define SIZES                                                                                      \
    "\"layers\": 3, \"hidden\": 24, \"heads\": 6, \"vocabulary\": 42, \"sequence\": 10, "          \
    "\"batch\": 4"

#define SIZES_OF_4                                                                                 \
    "\"layers\": 4, \"hidden\": 24, \"heads\": 6, \"vocabulary\": 42, \"sequence\": 10, "          \
    "\"batch\": 4"

static gw_transformer model_of(uint32_t data, uint32_t tensor)
{
    return (gw_transformer){.layers = LAYERS,
                            .hidden = HIDDEN,
                            .heads = HEADS,
                            .feed_forward = 4 * HIDDEN,
                            .vocabulary = WORDS,
                            .sequence = SEQUENCE,
                            .batch = BATCH,
                            .microbatch = BATCH / data,
                            .data = data,
                            .tensor = tensor,
                            .places = 1};
}

/* Narayanan et al. (SC'21), section 5.1: 12 l h^2 (1 + 13/(12 h) + (V + s)/(12 l h)), which ties
 * the head to the embedding and has no last norm; ours has another V h and 2 h. */
START_TEST(parameters_are_those_of_the_formula)
{
    const gw_transformer model = model_of(1, 1);
    const uint64_t h = HIDDEN;
    const uint64_t tied = 12 * LAYERS * h * h + 13 * LAYERS * h + (WORDS + SEQUENCE) * h;
    ck_assert_uint_eq(count_parameters(&model, true), tied + WORDS * h + 2 * h);
    for (uint32_t tensor = 1; tensor <= 2; tensor++) {
        const gw_transformer split = model_of(2, tensor);
        ck_assert_uint_eq(count_parameters(&split, true), count_parameters(&model, true));
    }
    gw_transformer piped = model_of(2, 2);
    piped.places = 3;
    ck_assert_uint_eq(count_parameters(&piped, true), count_parameters(&model, true));
    const gw_transformer half = model_of(1, 2);
    ck_assert_uint_lt(count_parameters(&half, false), count_parameters(&model, false) * 6 / 10);
}
END_TEST

/* Narayanan et al., appendix: forward 24 B s l h^2 (1 + s/(6 h) + V/(12 l h)), backward twice
 * that; split over devices, each has its part of it. */
START_TEST(flops_are_those_of_the_formula)
{
    const double b = BATCH, s = SEQUENCE, l = LAYERS, h = HIDDEN, v = WORDS;
    const double forward = 24 * b * s * l * h * h * (1 + s / (6 * h) + v / (12 * l * h));
    for (uint32_t data = 1; data <= 2; data++) {
        for (uint32_t tensor = 1; tensor <= 2; tensor++) {
            const gw_transformer model = model_of(data, tensor);
            g_autoptr(gw_function) forth = gw_transformer_make_forward(&model, 0, false);
            g_autoptr(gw_function) back = gw_transformer_make_backward(&model, 0, false, true);
            ck_assert_double_eq_tol(count_product_flops(forth), forward / data / tensor, 0.5);
            ck_assert_double_eq_tol(count_product_flops(back), 2 * forward / data / tensor, 0.5);
        }
    }
}
END_TEST

static uint64_t count_held_bytes(const gw_function *forward)
{
    uint64_t bytes = 0;
    for (uint32_t i = 2; i < forward->output_count; i++) /* After loss and slopes of logits. */
        bytes += gw_value_bytes(gw_function_value(forward, gw_function_output(forward, i)));
    return bytes;
}

/* Korthikanti et al.: the less is held, the more is computed again: the products of attention, or
 * all of a layer's forward pass, the head's left out. */
START_TEST(recomputing_trades_memory_for_work)
{
    const double b = BATCH, s = SEQUENCE, l = LAYERS, h = HIDDEN;
    const double again[] = {0, 4 * b * s * s * h * l, 24 * b * s * l * h * h * (1 + s / (6 * h))};
    const double held[] = {4 * h + 4 * h + 8 * h + HEADS * s, 4 * h + 4 * h + 8 * h, h};
    gw_transformer model = model_of(1, 1);
    g_autoptr(gw_function) whole = gw_transformer_make_backward(&model, 0, false, true);
    for (uint32_t i = 0; i < 3; i++) {
        model.recompute = (gw_recompute)i;
        g_autoptr(gw_function) forth = gw_transformer_make_forward(&model, 0, false);
        g_autoptr(gw_function) back = gw_transformer_make_backward(&model, 0, false, true);
        ck_assert_double_eq_tol(count_product_flops(back), count_product_flops(whole) + again[i],
                                0.5);
        ck_assert_double_eq((double)count_held_bytes(forth), 4 * b * s * (l * held[i] + 2 * h));
        ck_assert_uint_eq(gw_transformer_count_saved(&model, 0), forth->output_count - 2);
    }
}
END_TEST

START_TEST(two_bytes_halve_what_is_held)
{
    gw_transformer model = model_of(2, 2);
    g_autoptr(gw_function) whole = gw_transformer_make_forward(&model, 0, false);
    model.is_half = true;
    g_autoptr(gw_function) half = gw_transformer_make_forward(&model, 0, false);
    g_autoptr(gw_function) back = gw_transformer_make_backward(&model, 0, false, true);
    ck_assert_uint_eq(2 * count_held_bytes(half), count_held_bytes(whole));
    for (uint32_t i = 0; i < back->output_count; i++)
        ck_assert_uint_eq(gw_function_value(back, gw_function_output(back, i))->element_bytes, 4);
    ck_assert_double_eq(count_product_flops(half), count_product_flops(whole));
}
END_TEST

/* Megatron: two sums a layer and pass, and one for the embedding and for the head.  Along data
 * there is none before the update. */
START_TEST(collectives_are_where_they_belong)
{
    const gw_transformer alone = model_of(1, 1), both = model_of(2, 2);
    g_autoptr(gw_function) forth = gw_transformer_make_forward(&both, 0, false);
    g_autoptr(gw_function) back = gw_transformer_make_backward(&both, 0, false, true);
    g_autoptr(gw_function) lone_forth = gw_transformer_make_forward(&alone, 0, false);
    g_autoptr(gw_function) lone_back = gw_transformer_make_backward(&alone, 0, false, true);
    const gw_operation_kind reduce = GW_OPERATION_ALL_REDUCE, gather = GW_OPERATION_ALL_GATHER;
    ck_assert_uint_eq(count_kind(forth, reduce, GW_TRANSFORMER_TENSOR), 2 * LAYERS + 1);
    ck_assert_uint_eq(count_kind(forth, gather, GW_TRANSFORMER_TENSOR), 1);
    ck_assert_uint_eq(count_kind(back, reduce, GW_TRANSFORMER_TENSOR), 2 * LAYERS + 1);
    ck_assert_uint_eq(count_kind(forth, reduce, GW_TRANSFORMER_DATA), 0);
    ck_assert_uint_eq(count_kind(back, reduce, GW_TRANSFORMER_DATA), 0);
    for (uint32_t i = 0; i < lone_forth->operations->len; i++)
        ck_assert(!gw_operation_is_collective(gw_function_operation(lone_forth, i)));
    for (uint32_t i = 0; i < lone_back->operations->len; i++)
        ck_assert(!gw_operation_is_collective(gw_function_operation(lone_back, i)));
}
END_TEST

/* Korthikanti et al., section 4.2: each sum is a reduce-scatter and an all-gather, and the backward
 * pass gathers once more what products read; what norms and the stream hold is split. */
START_TEST(sequence_parallel_splits_the_stream)
{
    gw_transformer model = model_of(2, 2);
    g_autoptr(gw_function) plain = gw_transformer_make_forward(&model, 0, false);
    model.is_sequence_parallel = true;
    g_autoptr(gw_function) forth = gw_transformer_make_forward(&model, 0, false);
    g_autoptr(gw_function) back = gw_transformer_make_backward(&model, 0, false, true);
    const gw_operation_kind gather = GW_OPERATION_ALL_GATHER;
    const gw_operation_kind scatter = GW_OPERATION_REDUCE_SCATTER;
    ck_assert_uint_eq(count_kind(forth, scatter, GW_TRANSFORMER_TENSOR), 2 * LAYERS + 1);
    ck_assert_uint_eq(count_kind(forth, gather, GW_TRANSFORMER_TENSOR), 2 * LAYERS + 1 + 1);
    ck_assert_uint_eq(count_kind(back, scatter, GW_TRANSFORMER_TENSOR), 2 * LAYERS + 1);
    ck_assert_uint_eq(count_kind(back, gather, GW_TRANSFORMER_TENSOR), 2 * (2 * LAYERS) + 1 + 1);
    ck_assert_uint_eq(count_kind(forth, GW_OPERATION_ALL_REDUCE, GW_TRANSFORMER_TENSOR), 0);
    ck_assert_uint_eq(count_kind(back, GW_OPERATION_ALL_REDUCE, GW_TRANSFORMER_TENSOR), 0);
    const double tokens = BATCH / 2 * SEQUENCE;
    const double stream = 4 * tokens * (4 * LAYERS + 2) * HIDDEN; /* Inputs and norms. */
    ck_assert_double_eq((double)count_held_bytes(plain) - (double)count_held_bytes(forth),
                        stream / 2);
    ck_assert_double_eq(count_product_flops(forth), count_product_flops(plain));
}
END_TEST

START_TEST(a_step_is_three_nodes)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(gw_program) program =
        build("{" SIZES ", \"data\": 2, \"tensor\": 3, \"optimizer\": \"sgd\"}", &error);
    ck_assert_msg(program != NULL, "%s", error != NULL ? error->message : "");
    static const char *const names[] = {"tokens", "init", "forward", "backward", "update"};
    ck_assert_uint_eq(program->nodes->len, G_N_ELEMENTS(names));
    for (uint32_t i = 0; i < G_N_ELEMENTS(names); i++) {
        ck_assert_str_eq(gw_program_node(program, i)->name, names[i]);
        ck_assert_int_eq(gw_program_node(program, i)->is_once, i < 2);
    }
    ck_assert_uint_eq(gw_mesh_device_count(gw_program_mesh(program, 0)), 6);
    ck_assert_double_eq(program->tokens_per_run, BATCH * SEQUENCE);
    ck_assert_uint_eq(program->results->len, 1);
}
END_TEST

/* 1F1B on two stages: what each does, in order, and one sum along data for each tensor and the
 * loss. */
/* Two stages, four micro-batches: no backward pass, no update, a third of the FLOPs. */
START_TEST(forward_passes_alone)
{
    g_autoptr(gw_program) trained =
        build("{" SIZES_OF_4 ", \"stages\": 2, \"microbatch\": 1}", NULL);
    g_autoptr(gw_program) program =
        build("{" SIZES_OF_4 ", \"stages\": 2, \"microbatch\": 1, \"training\": false}", NULL);
    uint32_t forward_count = 0;
    for (uint32_t i = 0; i < program->nodes->len; i++) {
        const gw_node *node = gw_program_node(program, i);
        forward_count += g_str_has_prefix(node->name, "forward") ? 1 : 0;
        ck_assert(node->is_once || g_str_has_prefix(node->name, "forward") ||
                  g_str_has_prefix(node->name, "score"));
    }
    ck_assert_uint_eq(forward_count, 8);
    ck_assert_uint_eq(program->results->len, 1);
    for (uint32_t i = 0; i < program->edges->len; i++)
        ck_assert(!gw_program_edge(program, i)->is_carried);
    ck_assert_double_eq(3 * program->model_flops_per_run, trained->model_flops_per_run);
    ck_assert_double_eq(program->hardware_flops_per_run, program->model_flops_per_run);
}
END_TEST

START_TEST(a_pipeline_has_a_node_for_each_pass)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(gw_program) program =
        build("{\"layers\": 4, \"hidden\": 24, \"heads\": 6, \"vocabulary\": 42, \"sequence\": 10, "
              "\"batch\": 8, \"data\": 2, \"stages\": 2, \"microbatch\": 2}",
              &error);
    ck_assert_msg(program != NULL, "%s", error != NULL ? error->message : "");
    static const char *const names[] = {
        "tokens.s0",    "init.s0",      "tokens.s1",    "init.s1",     "forward0.s0",
        "forward1.s0",  "forward0.s1",  "backward0.s1", "forward1.s1", "backward0.s0",
        "backward1.s1", "backward1.s0", "update.s0",    "update.s1"};
    ck_assert_uint_eq(program->nodes->len, G_N_ELEMENTS(names));
    for (uint32_t i = 0; i < G_N_ELEMENTS(names); i++)
        ck_assert_str_eq(gw_program_node(program, i)->name, names[i]);
    gw_transformer model = model_of(2, 1);
    model.layers = 4;
    model.places = 2;
    for (uint32_t p = 0; p < 2; p++) {
        uint32_t first;
        g_autoptr(GArray) tensors = gw_transformer_list_tensors(&model, p, &first);
        const gw_function *update = gw_program_function(program, 12 + p);
        ck_assert_uint_eq(count_kind(update, GW_OPERATION_ALL_REDUCE, GW_TRANSFORMER_DATA),
                          tensors->len + p);
    }
}
END_TEST

static double count_work_bytes(const gw_function *function)
{
    double bytes = 0;
    for (uint32_t i = 0; i < function->operations->len; i++)
        if (gw_function_operation(function, i)->kind == GW_OPERATION_WORK)
            bytes += gw_function_operation(function, i)->bytes;
    return bytes;
}

/* Attention's softmax: read, written, and a mask of a byte an element; what a block gives: the mask
 * behind its sums, and in the backward pass slopes read and written as well. */
START_TEST(dropping_out_moves_bytes)
{
    gw_transformer model = model_of(1, 1);
    const double shares = (double)BATCH * SEQUENCE * HEADS * SEQUENCE;
    const double stream = (double)BATCH * SEQUENCE * HIDDEN;
    for (uint32_t half = 0; half < 2; half++) {
        const double bytes = half > 0 ? 2 : 4;
        model.is_half = half > 0;
        model.drops_out = true;
        g_autoptr(gw_function) forth = gw_transformer_make_forward(&model, 0, false);
        g_autoptr(gw_function) back = gw_transformer_make_backward(&model, 0, false, true);
        ck_assert_double_eq(count_work_bytes(forth),
                            LAYERS * (shares * (2 * bytes + 1) + 2 * stream));
        ck_assert_double_eq(count_work_bytes(back),
                            LAYERS * (2 * bytes + 1) * (shares + 2 * stream));
        ck_assert(gw_function_models_time(forth));
    }
    model.drops_out = false;
    g_autoptr(gw_function) without = gw_transformer_make_forward(&model, 0, false);
    ck_assert(!gw_function_models_time(without));
}
END_TEST

/* Slopes so far and a product's: how many sums stand right behind products. */
static uint32_t count_early_sums(const gw_function *function)
{
    uint32_t count = 0;
    for (uint32_t i = 1; i < function->operations->len; i++) {
        const gw_operation *operation = gw_function_operation(function, i);
        const gw_operation *before = gw_function_operation(function, i - 1);
        count += before->kind == GW_OPERATION_MATMUL && operation->kind == GW_OPERATION_MAP &&
                 operation->map == GW_MAP_ADD && operation->inputs[1] == before->outputs[0] &&
                 gw_function_value(function, operation->outputs[0])->role == GW_VALUE_OUTPUT;
    }
    return count;
}

START_TEST(slopes_are_added_up_where_they_are_made)
{
    gw_transformer model = model_of(1, 1);
    model.microbatch = 1;
    g_autoptr(gw_function) fused = gw_transformer_make_backward(&model, 0, true, false);
    g_autoptr(gw_function) first = gw_transformer_make_backward(&model, 0, false, false);
    model.accumulates_apart = true;
    g_autoptr(gw_function) apart = gw_transformer_make_backward(&model, 0, true, false);
    ck_assert_uint_eq(count_early_sums(apart), 0);
    ck_assert_uint_eq(count_early_sums(fused), 6 * LAYERS + 1); /* Weights of layers, the head. */
    ck_assert_uint_eq(count_early_sums(first), 0);
    ck_assert_uint_eq(fused->operations->len, apart->operations->len);
    const uint32_t dims_shape[] = {1, 1};
    ck_assert(gw_function_check(fused, 2, dims_shape, NULL));
}
END_TEST

/* An input of 1/tensor of the rows, gathered; an output likewise, sliced. */
START_TEST(places_may_hand_on_in_parts)
{
    gw_transformer model = model_of(1, 2);
    model.layers = 4;
    model.places = 4;
    const uint32_t whole_rows = BATCH * SEQUENCE, dims_shape[] = {1, 2};
    for (uint32_t parted = 0; parted < 2; parted++) {
        model.scatters = parted > 0;
        g_autoptr(gw_function) forth = gw_transformer_make_forward(&model, 1, false);
        g_autoptr(gw_function) back = gw_transformer_make_backward(&model, 1, false, false);
        gw_function *const both[] = {forth, back};
        for (uint32_t i = 0; i < 2; i++) {
            const uint32_t output = gw_function_output(both[i], 0);
            ck_assert_uint_eq(gw_function_value(both[i], output)->rows, whole_rows / (parted + 1));
            ck_assert_uint_eq(count_kind(both[i], GW_OPERATION_ALL_GATHER, GW_TRANSFORMER_TENSOR),
                              parted);
            ck_assert_uint_eq(count_kind(both[i], GW_OPERATION_SLICE, GW_TRANSFORMER_TENSOR),
                              parted);
            ck_assert(gw_function_check(both[i], 2, dims_shape, NULL));
        }
    }
}
END_TEST

/* ZB-H1 on two stages: slopes add up along the parts for weights. */
START_TEST(a_backward_pass_may_be_two_nodes)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(gw_program) program =
        build("{\"layers\": 4, \"hidden\": 24, \"heads\": 6, \"vocabulary\": 42, \"sequence\": 10, "
              "\"batch\": 2, \"stages\": 2, \"microbatch\": 1, \"schedule\": \"zb-h1\"}",
              &error);
    ck_assert_msg(program != NULL, "%s", error != NULL ? error->message : "");
    const uint32_t pass_count = 2 * 2 * 3;
    ck_assert_uint_eq(program->nodes->len, 4 + pass_count + 2);
    uint32_t inputs = 0, weights = 0;
    for (uint32_t i = 0; i < program->nodes->len; i++) {
        const char *name = gw_program_node(program, i)->name;
        inputs += g_str_has_prefix(name, "inputs") ? 1 : 0;
        weights += g_str_has_prefix(name, "weights") ? 1 : 0;
        ck_assert(!g_str_has_prefix(name, "backward"));
    }
    ck_assert_uint_eq(inputs, 4);
    ck_assert_uint_eq(weights, 4);
}
END_TEST

/* The most layers of a place, with all that adds values: functions name them in 16 bits. */
START_TEST(the_largest_place_has_room)
{
    static const char *const schedules[] = {"1f1b", "zb-h1"};
    for (uint32_t i = 0; i < G_N_ELEMENTS(schedules); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *json = g_strdup_printf(
            "{\"layers\": 256, \"hidden\": 24, \"heads\": 6, \"vocabulary\": 42, \"sequence\": 10, "
            "\"batch\": 4, \"data\": 2, \"tensor\": 2, \"microbatch\": 1, \"zero\": 3, "
            "\"sequence_parallel\": true, \"recompute\": \"full\", \"precision\": \"bfloat16\", "
            "\"schedule\": \"%s\"}",
            schedules[i]);
        g_autoptr(gw_program) program = build(json, &error);
        ck_assert_msg(program != NULL, "%s", error != NULL ? error->message : "");
    }
    build_bad("{\"layers\": 257, \"hidden\": 24, \"heads\": 6, \"vocabulary\": 42, "
              "\"sequence\": 10, \"batch\": 4}",
              "/layers: found 257 on stages times chunks of 1, expected at most 256 on each");
}
END_TEST

static uint32_t draw(uint64_t *inout_place, uint32_t count)
{
    return (uint32_t)(gw_random_at(11, (*inout_place)++) % count);
}

/* Any combination is a program, whose functions have been checked, or a mistake with words. */
START_TEST(combinations_fit_together)
{
    static const char *const schedules[] = {"1f1b", "gpipe", "zb-h1", "zb-h2", "zb-1p", "zb-2p"};
    static const char *const recomputes[] = {"none", "selective", "full"};
    static const char *const precisions[] = {"float32", "bfloat16"};
    static const char *const optimizers[] = {"adam", "sgd"};
    static const char *const buckets[] = {"0B", "1kB", "25MB"};
    uint64_t place = 0;
    uint32_t built = 0;
    for (uint32_t i = 0; i < 400; i++) {
        const uint32_t stages = 1 + draw(&place, 3), data = 1 + draw(&place, 4);
        const uint32_t tensor = 1 + draw(&place, 3), microbatch = 1 + draw(&place, 2);
        g_autofree char *json = g_strdup_printf(
            "{\"layers\": %u, \"hidden\": 12, \"heads\": 6, \"vocabulary\": 12, \"sequence\": %u, "
            "\"batch\": %u, \"data\": %u, \"tensor\": %u, \"microbatch\": %u, \"stages\": %u, "
            "\"zero\": %u, \"sequence_parallel\": %s, \"schedule\": \"%s\", \"recompute\": \"%s\", "
            "\"precision\": \"%s\", \"optimizer\": \"%s\", \"bucket\": \"%s\"}",
            stages * (1 + draw(&place, 2)), 4 + draw(&place, 3),
            data * microbatch * (1 + draw(&place, 3)), data, tensor, microbatch, stages,
            draw(&place, 4), draw(&place, 2) > 0 ? "true" : "false",
            schedules[draw(&place, G_N_ELEMENTS(schedules))],
            recomputes[draw(&place, G_N_ELEMENTS(recomputes))],
            precisions[draw(&place, G_N_ELEMENTS(precisions))],
            optimizers[draw(&place, G_N_ELEMENTS(optimizers))],
            buckets[draw(&place, G_N_ELEMENTS(buckets))]);
        g_autoptr(GError) error = NULL;
        g_autoptr(gw_program) program = build(json, &error);
        built += program != NULL ? 1 : 0;
        const bool is_known = program != NULL || strstr(error->message, "/zero: ") != NULL ||
                              strstr(error->message, "/sequence_parallel: ") != NULL;
        ck_assert_msg(is_known, "%s: %s", json, error != NULL ? error->message : "");
    }
    ck_assert_uint_gt(built, 150);
}
END_TEST

START_TEST(mistakes_have_words)
{
    build_bad("{" SIZES ", \"tensor\": 4}", "/heads: found 6, expected a multiple of tensor (4)");
    build_bad("{" SIZES ", \"tensor\": 3, \"feed_forward\": 100}",
              "/feed_forward: found 100, expected a multiple of tensor (3)");
    build_bad("{\"layers\": 3, \"hidden\": 24, \"heads\": 6, \"vocabulary\": 41, "
              "\"sequence\": 10, \"batch\": 4, \"tensor\": 2}",
              "/vocabulary: found 41, expected a multiple of tensor (2)");
    build_bad("{" SIZES ", \"data\": 3}", "/batch: found 4, expected a multiple of data (3)");
    build_bad("{" SIZES ", \"data\": 4, \"tensor\": 65536}", "/tensor: found 65536");
    build_bad("{" SIZES ", \"stages\": 2}",
              "/layers: found 3, expected a multiple of stages times chunks (2)");
    build_bad("{" SIZES ", \"data\": 2, \"microbatch\": 3}",
              "/batch: found 2, expected a multiple of microbatch, on each of data (3)");
    build_bad("{" SIZES ", \"stages\": 3, \"schedule\": \"zb-h3\"}", "/schedule: found \"zb-h3\"");
    build_bad("{" SIZES ", \"stages\": 3, \"schedule\": \"zb-auto\"}", "activations_max");
    build_bad("{" SIZES ", \"stages\": 3, \"schedule\": \"1f1b\", \"microbatch\": 1, "
              "\"activations_max\": 2}",
              "/activations_max: found 2, expected 3 at least, which is what schedule \"1f1b\"");
    build_bad("{" SIZES ", \"chunks\": 3}", "/chunks: found 3 with schedule \"1f1b\"");
    build_bad("{" SIZES ", \"stages\": 3, \"schedule\": \"interleaved\"}", "/schedule: ");
    build_bad("{" SIZES ", \"sequence_parallel\": true}",
              "/sequence_parallel: found true with 1 device to share each layer");
    build_bad(
        "{" SIZES ", \"sequence_parallel\": true, \"tensor\": 3}",
        "/sequence_parallel: found 40 tokens in a micro-batch (4 sequences of 10), expected a "
        "multiple of tensor (3)");
    build_bad("{" SIZES ", \"zero\": 2}",
              "/zero: found 2 with 1 group of devices to share the batch, expected \"data\"");
    build_bad("{" SIZES ", \"zero\": 4, \"data\": 2}", "/zero: found 4");
    build_bad("{" SIZES ", \"bucket\": \"25\", \"data\": 2}", "/bucket: found \"25\"");
    build_bad("{" SIZES ", \"optimizer\": \"adan\"}", "expected one of \"adam\"");
    build_bad("{" SIZES ", \"deep\": 1}", "/deep");
    build_bad("{\"layers\": 3}", "hidden");
}
END_TEST

/* Slopes of parameters, from the passes that make them to the update. */
START_TEST(slopes_may_take_two_bytes)
{
    gw_transformer model = model_of(2, 1);
    model.is_half = true;
    model.microbatch = 1;
    uint32_t first;
    g_autoptr(GArray) tensors = gw_transformer_list_tensors(&model, 0, &first);
    for (uint32_t half = 0; half < 2; half++) {
        model.has_half_slopes = half > 0;
        const uint32_t bytes = half > 0 ? 2 : 4;
        g_autoptr(gw_function) back = gw_transformer_make_backward(&model, 0, true, true);
        const uint32_t outputs = back->output_count;
        for (uint32_t i = outputs - tensors->len; i < outputs; i++)
            ck_assert_uint_eq(gw_function_value(back, gw_function_output(back, i))->element_bytes,
                              bytes);
        g_autoptr(gw_function) update = gw_transformer_make_update(&model, 0, 0);
        for (uint32_t i = 0; i < update->operations->len; i++) {
            const gw_operation *operation = gw_function_operation(update, i);
            if (operation->kind == GW_OPERATION_ALL_REDUCE &&
                gw_function_value(update, operation->inputs[0])->rows > 1)
                ck_assert_uint_eq(gw_function_value(update, operation->outputs[0])->element_bytes,
                                  bytes);
        }
        const uint32_t dims_shape[] = {2, 1};
        ck_assert(gw_function_check(back, 2, dims_shape, NULL));
        ck_assert(gw_function_check(update, 2, dims_shape, NULL));
    }
}
END_TEST

/* Products between the sum of slopes along tensor and what reads it: those of slopes of weights,
 * three for attention and one for the perceptron of each layer. */
START_TEST(slopes_are_summed_beside_products)
{
    gw_transformer model = model_of(1, 2);
    for (uint32_t late = 0; late < 2; late++) {
        model.overlaps_slopes = late > 0;
        g_autoptr(gw_function) back = gw_transformer_make_backward(&model, 0, false, true);
        g_autofree uint32_t *awaits = gw_function_list_awaits(back);
        uint32_t sum_count = 0, beside = 0;
        for (uint32_t i = 0; i < back->operations->len; i++) {
            const gw_operation *sum = gw_function_operation(back, i);
            if (sum->kind != GW_OPERATION_ALL_REDUCE || !sum->is_overlapped)
                continue;
            sum_count++;
            for (uint32_t k = i + 1; k < awaits[i]; k++)
                beside += gw_function_operation(back, k)->kind == GW_OPERATION_MATMUL;
        }
        ck_assert_uint_eq(sum_count, late > 0 ? 2 * LAYERS : 0);
        ck_assert_uint_eq(beside, late > 0 ? 4 * LAYERS : 0);
        const uint32_t dims_shape[] = {1, 2};
        ck_assert(gw_function_check(back, 2, dims_shape, NULL));
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("workload_transformer");
    TCase *cases = tcase_create("transformer");
    tcase_add_test(cases, parameters_are_those_of_the_formula);
    tcase_add_test(cases, flops_are_those_of_the_formula);
    tcase_add_test(cases, recomputing_trades_memory_for_work);
    tcase_add_test(cases, two_bytes_halve_what_is_held);
    tcase_add_test(cases, collectives_are_where_they_belong);
    tcase_add_test(cases, sequence_parallel_splits_the_stream);
    tcase_add_test(cases, a_step_is_three_nodes);
    tcase_add_test(cases, forward_passes_alone);
    tcase_add_test(cases, a_pipeline_has_a_node_for_each_pass);
    tcase_add_test(cases, a_backward_pass_may_be_two_nodes);
    tcase_add_test(cases, the_largest_place_has_room);
    tcase_set_timeout(cases, 60); /* Hundreds of programs. */
    tcase_add_test(cases, dropping_out_moves_bytes);
    tcase_add_test(cases, slopes_are_added_up_where_they_are_made);
    tcase_add_test(cases, slopes_may_take_two_bytes);
    tcase_add_test(cases, slopes_are_summed_beside_products);
    tcase_add_test(cases, places_may_hand_on_in_parts);
    tcase_add_test(cases, combinations_fit_together);
    tcase_add_test(cases, mistakes_have_words);
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
