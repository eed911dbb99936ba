/* SPDX-License-Identifier: Apache-2.0 */
/* Experts in a transformer: parameters and FLOPs by the published formulas, split or not, what is
 * exchanged and what is not summed, and mistakes.  That it trains is tests/cli/test_experts.py's.
 */
#include <check.h>
#include <math.h>
#include <string.h>

#include "run_suite.h"
#include "test_transformer.h"
#include "test_workload.h"
#include "workload/workload_transformer_experts.h"

enum { LAYERS = 4, HIDDEN = 24, HEADS = 6, WIDE = 60, WORDS = 42, SEQUENCE = 10, BATCH = 8 };
enum { EXPERTS = 8, TOP = 2, CAPACITY = 4 };
#define SIZES                                                                                      \
    "\"layers\": 4, \"hidden\": 24, \"heads\": 6, \"feed_forward\": 60, \"vocabulary\": 42, "      \
    "\"sequence\": 10, \"batch\": 8"

static gw_program *build_good(const char *rest)
{
    g_autofree char *json = g_strdup_printf("{" SIZES "%s}", rest);
    return workload_build_good(&gw_workload_transformer, 7, json);
}

static void build_bad(const char *rest, const char *part)
{
    g_autofree char *json = g_strdup_printf("{" SIZES "%s}", rest);
    workload_build_bad(&gw_workload_transformer, 7, json, part);
}

static gw_transformer model_of(uint32_t data, uint32_t tensor)
{
    return (gw_transformer){.layers = LAYERS,
                            .hidden = HIDDEN,
                            .heads = HEADS,
                            .feed_forward = WIDE,
                            .vocabulary = WORDS,
                            .sequence = SEQUENCE,
                            .batch = BATCH,
                            .microbatch = BATCH / data,
                            .data = data,
                            .tensor = tensor,
                            .places = 1,
                            .experts = EXPERTS,
                            .experts_every = 2,
                            .top = TOP,
                            .group = 2,
                            .capacity = CAPACITY,
                            .balance = 0.01};
}

/* Of experts: each is on one of data, and a part of it on each of tensor; of all others. */
static void count_both_parameters(const gw_transformer *model, uint64_t *out_experts,
                                  uint64_t *out_others)
{
    uint32_t first;
    g_autoptr(GArray) tensors = gw_transformer_list_tensors(model, 0, &first);
    *out_experts = *out_others = 0;
    for (uint32_t i = 0; i < tensors->len; i++) {
        const gw_transformer_tensor *tensor = &g_array_index(tensors, gw_transformer_tensor, i);
        const uint64_t count = (uint64_t)tensor->rows * tensor->columns;
        if (tensor->blocks > 0) {
            ck_assert_uint_eq(tensor->blocks, EXPERTS / model->data);
            ck_assert_uint_eq(tensor->rows % tensor->blocks, 0);
            *out_experts += count * model->data * model->tensor;
        } else {
            *out_others += count * (tensor->is_split ? model->tensor : 1);
        }
    }
}

/* GShard, section 3: E experts of two weights a layer, 2 E h f, and a gate of E h. */
START_TEST(parameters_are_those_of_the_formula)
{
    const uint64_t h = HIDDEN, dense = 4 * h * h + 9 * h + 2 * h * WIDE + WIDE;
    const uint64_t sparse = 4 * h * h + 8 * h + EXPERTS * h;
    const uint64_t ends = (2 * WORDS + SEQUENCE) * h + 2 * h;
    for (uint32_t data = 1; data <= 8; data *= 2)
        for (uint32_t tensor = 1; tensor <= 3; tensor++) {
            const gw_transformer model = model_of(data, tensor);
            uint64_t experts, others;
            count_both_parameters(&model, &experts, &others);
            ck_assert_uint_eq(experts, LAYERS / 2 * 2 * EXPERTS * h * WIDE);
            ck_assert_uint_eq(others, LAYERS / 2 * (dense + sparse) + ends);
        }
}
END_TEST

static double count_flops(const gw_function *function, gw_operation_kind kind)
{
    double flops = 0;
    for (uint32_t i = 0; i < function->operations->len; i++) {
        const gw_operation *operation = gw_function_operation(function, i);
        flops += operation->kind == kind ? gw_operation_flops(function, operation) : 0;
    }
    return flops;
}

/* A seat costs two products of h f, filled or not: 4 E C h f forward in each group and layer, and
 * twice that backward; with as many seats as choices that is 4 k h f a token.  Spread over
 * devices, each has its part of it, and none of it twice. */
START_TEST(flops_are_those_of_the_formula)
{
    const double groups = (double)BATCH / 2, layers = (double)LAYERS / 2;
    const double forward = layers * groups * 4 * EXPERTS * CAPACITY * HIDDEN * WIDE;
    for (uint32_t data = 1; data <= 4; data *= 2)
        for (uint32_t tensor = 1; tensor <= 2; tensor++) {
            const gw_transformer model = model_of(data, tensor);
            const double devices = data * tensor;
            g_autoptr(gw_function) forth = gw_transformer_make_forward(&model, 0, false);
            g_autoptr(gw_function) back = gw_transformer_make_backward(&model, 0, false, true);
            const double again = count_flops(back, GW_OPERATION_BLOCK_MATMUL);
            const double slopes = count_flops(back, GW_OPERATION_BLOCK_MATMUL_GRADIENT);
            ck_assert_double_eq(count_flops(forth, GW_OPERATION_BLOCK_MATMUL), forward / devices);
            ck_assert_double_eq(again, forward / devices);
            ck_assert_double_eq(slopes, forward / devices);
        }
}
END_TEST

/* There and back in a layer and pass, along data; sums along tensor as with perceptrons, and one
 * more of the choices' slopes.  Without devices to share with, none. */
START_TEST(exchanges_are_where_they_belong)
{
    const gw_transformer both = model_of(2, 2), alone = model_of(1, 1);
    g_autoptr(gw_function) forth = gw_transformer_make_forward(&both, 0, false);
    g_autoptr(gw_function) back = gw_transformer_make_backward(&both, 0, false, true);
    g_autoptr(gw_function) lone_forth = gw_transformer_make_forward(&alone, 0, false);
    g_autoptr(gw_function) lone_back = gw_transformer_make_backward(&alone, 0, false, true);
    const gw_operation_kind exchange = GW_OPERATION_ALL_TO_ALL, reduce = GW_OPERATION_ALL_REDUCE;
    const uint32_t layers = LAYERS / 2;
    ck_assert_uint_eq(gw_transformer_count_expert_layers(&both, 0), layers);
    ck_assert_uint_eq(count_kind(forth, exchange, GW_TRANSFORMER_DATA), 2 * layers);
    ck_assert_uint_eq(count_kind(back, exchange, GW_TRANSFORMER_DATA), 2 * layers);
    ck_assert_uint_eq(count_kind(forth, reduce, GW_TRANSFORMER_TENSOR), 2 * LAYERS + 1);
    ck_assert_uint_eq(count_kind(back, reduce, GW_TRANSFORMER_TENSOR), 2 * LAYERS + 1 + layers);
    for (uint32_t i = 0; i < lone_forth->operations->len; i++)
        ck_assert(!gw_operation_is_collective(gw_function_operation(lone_forth, i)));
    for (uint32_t i = 0; i < lone_back->operations->len; i++)
        ck_assert(!gw_operation_is_collective(gw_function_operation(lone_back, i)));
}
END_TEST

/* Parts of the stream along tensor: each layer's blocks gather all tokens and scatter their sums,
 * back likewise, and only the weights of choices are summed whole; what gates see, all of tensor
 * see, so their slopes are summed along data alone. */
START_TEST(gates_see_all_tokens_of_a_parted_stream)
{
    gw_transformer model = model_of(2, 2);
    model.is_sequence_parallel = true;
    g_autoptr(gw_function) forth = gw_transformer_make_forward(&model, 0, false);
    g_autoptr(gw_function) back = gw_transformer_make_backward(&model, 0, false, true);
    const uint32_t layers = LAYERS / 2;
    ck_assert_uint_eq(count_kind(forth, GW_OPERATION_REDUCE_SCATTER, GW_TRANSFORMER_TENSOR),
                      2 * LAYERS + 1);
    ck_assert_uint_eq(count_kind(forth, GW_OPERATION_ALL_REDUCE, GW_TRANSFORMER_TENSOR), 0);
    ck_assert_uint_eq(count_kind(back, GW_OPERATION_ALL_REDUCE, GW_TRANSFORMER_TENSOR), layers);
    uint32_t first, gate_count = 0;
    g_autoptr(GArray) tensors = gw_transformer_list_tensors(&model, 0, &first);
    for (uint32_t i = 0; i < tensors->len; i++) {
        const gw_transformer_tensor *tensor = &g_array_index(tensors, gw_transformer_tensor, i);
        if (tensor->rows != model.experts || tensor->blocks > 0)
            continue;
        gate_count++;
        ck_assert_uint_eq(gw_transformer_sum_axes(&model, tensor), GW_TRANSFORMER_DATA);
    }
    ck_assert_uint_eq(gate_count, layers);
}
END_TEST

static const gw_function *find_function(const gw_program *program, const char *name)
{
    for (uint32_t n = 0; n < program->nodes->len; n++)
        if (strcmp(gw_program_node(program, n)->name, name) == 0)
            return gw_program_function(program, n);
    ck_abort_msg("no node of that name");
}

/* Four tensors of experts in two layers: all others, the loss and what was dropped are summed. */
START_TEST(slopes_of_experts_are_not_summed)
{
    g_autoptr(gw_program) program =
        build_good(", \"data\": 4, \"experts\": 8, \"experts_every\": 2, \"bucket\": \"0B\"");
    const gw_transformer model = model_of(4, 1);
    uint32_t first;
    g_autoptr(GArray) tensors = gw_transformer_list_tensors(&model, 0, &first);
    const gw_function *update = find_function(program, "update");
    ck_assert_uint_eq(count_kind(update, GW_OPERATION_ALL_REDUCE, GW_TRANSFORMER_DATA),
                      tensors->len - 4 + 2);
}
END_TEST

/* Two bytes are for activations; what counts and chooses keeps four. */
START_TEST(choices_are_kept_whole)
{
    gw_transformer model = model_of(2, 1);
    model.is_half = true;
    g_autoptr(gw_function) forth = gw_transformer_make_forward(&model, 0, false);
    uint32_t gates = 0;
    for (uint32_t i = 0; i < forth->operations->len; i++) {
        const gw_operation *operation = gw_function_operation(forth, i);
        if (operation->kind != GW_OPERATION_GATE)
            continue;
        gates++;
        ck_assert_uint_eq(gw_function_value(forth, operation->inputs[0])->element_bytes, 4);
        for (uint32_t k = 0; k < 3; k++)
            ck_assert_uint_eq(gw_function_value(forth, operation->outputs[k])->element_bytes, 4);
    }
    ck_assert_uint_eq(gates, LAYERS / 2);
}
END_TEST

static const gw_result *result_at(const gw_program *program, uint32_t index)
{
    ck_assert_uint_lt(index, program->results->len);
    return &g_array_index(program->results, gw_result, index);
}

/* Every place with gates says what it drops; layers 2 and 4 of 4 have them. */
START_TEST(each_place_with_gates_has_a_result)
{
    g_autoptr(gw_program) one = build_good(
        ", \"experts\": 8, \"experts_every\": 2, \"routing\": {\"zipf\": 1.2}, \"group\": 2");
    ck_assert_uint_eq(one->results->len, 2);
    const gw_result *dropped = result_at(one, 1);
    ck_assert_str_eq(dropped->name, "dropped");
    ck_assert_uint_eq(dropped->routing.experts, 8);
    ck_assert_uint_eq(dropped->routing.choices, 2);
    ck_assert_uint_eq(dropped->routing.tokens, 20);
    ck_assert_uint_eq(dropped->routing.capacity, 7); /* 1.25 x 2 x 20 / 8 = 6.25 */
    ck_assert_uint_eq(dropped->routing.groups, 4 * 2);
    ck_assert_double_eq(dropped->routing.exponent, 1.2);
    g_autoptr(gw_program) piped =
        build_good(", \"experts\": 8, \"experts_every\": 2, \"stages\": 4, \"microbatch\": 1");
    ck_assert_uint_eq(piped->results->len, 3);
    ck_assert_str_eq(result_at(piped, 0)->name, "dropped.s1");
    ck_assert_str_eq(result_at(piped, 1)->name, "loss");
    ck_assert_str_eq(result_at(piped, 2)->name, "dropped.s3");
    ck_assert_uint_eq(result_at(piped, 2)->routing.groups, BATCH);
    g_autoptr(gw_program) none = build_good("");
    ck_assert_uint_eq(none->results->len, 1);
}
END_TEST

/* No more seats than tokens: nobody is chosen twice by one. */
START_TEST(capacity_has_bounds)
{
    g_autoptr(gw_program) most = build_good(", \"experts\": 2, \"capacity_factor\": 1000");
    ck_assert_uint_eq(result_at(most, 1)->routing.capacity, SEQUENCE);
    g_autoptr(gw_program) least = build_good(", \"experts\": 2, \"capacity_factor\": 1e-9");
    ck_assert_uint_eq(result_at(least, 1)->routing.capacity, 1);
}
END_TEST

/* Capacity 7: in tiles of 4 seats lie 8 apart, in tiles of 7 close. */
START_TEST(exchanges_carry_tiles)
{
    const uint64_t close_bytes = UINT64_C(4) * 8 * 2 * 7 * HIDDEN; /* 8 experts, 2 groups. */
    const struct {
        const char *rest;
        uint64_t bytes;
        bool by_masks;
    } cases[] = {
        {"", close_bytes, false},
        {", \"seat_tile\": 7", close_bytes, false},
        {", \"seat_tile\": 4, \"dispatch\": \"one_hot\"", close_bytes / 7 * 8, true},
    };
    for (uint32_t c = 0; c < G_N_ELEMENTS(cases); c++) {
        g_autofree char *rest =
            g_strconcat(", \"experts\": 8, \"experts_every\": 2, \"group\": 2, \"data\": 2",
                        cases[c].rest, NULL);
        g_autoptr(gw_program) program = build_good(rest);
        const gw_function *forward = find_function(program, "forward");
        uint32_t exchanges = 0, seatings = 0;
        for (uint32_t i = 0; i < forward->operations->len; i++) {
            const gw_operation *operation = gw_function_operation(forward, i);
            if (operation->kind == GW_OPERATION_ALL_TO_ALL) {
                ck_assert_uint_eq(gw_function_collective_bytes(forward, i), cases[c].bytes);
                exchanges++;
            }
            if (operation->kind == GW_OPERATION_GATE || operation->kind == GW_OPERATION_COMBINE) {
                ck_assert(operation->by_masks == cases[c].by_masks);
                seatings++;
            }
        }
        ck_assert_uint_eq(exchanges, 2 * LAYERS / 2);
        ck_assert_uint_eq(seatings, 2 * LAYERS / 2);
    }
}
END_TEST

/* Layers are counted over both sides, the encoder's first. */
START_TEST(encoders_have_experts)
{
    g_autoptr(gw_program) program =
        build_good(", \"experts\": 8, \"experts_every\": 3, \"encoder_layers\": 2");
    const gw_function *forward = find_function(program, "forward");
    uint32_t gates = 0;
    for (uint32_t i = 0; i < forward->operations->len; i++)
        gates += gw_function_operation(forward, i)->kind == GW_OPERATION_GATE ? 1 : 0;
    ck_assert_uint_eq(gates, 2); /* The third and the sixth of six. */
    ck_assert_uint_eq(result_at(program, 1)->routing.groups, BATCH * 2);
}
END_TEST

START_TEST(mistakes_have_words)
{
    build_bad(", \"experts\": 6, \"data\": 4",
              "/experts: found 6, expected a multiple of data (4)");
    build_bad(", \"experts\": 0", "/experts: found 0");
    build_bad(", \"experts\": 1", "/top: found 2, expected at most as many as experts (1)");
    build_bad(", \"experts\": 4, \"top\": 3", "/top: found 3");
    build_bad(", \"experts\": 4, \"capacity_factor\": 0",
              "/capacity_factor: found 0, which leaves experts no seats");
    build_bad(", \"experts\": 4, \"capacity_factor\": -1", "/capacity_factor: found -1");
    build_bad(", \"experts\": 4, \"group\": 3",
              "/microbatch: found 8, expected a multiple of group (3)");
    build_bad(", \"experts\": 4, \"experts_every\": 5",
              "/experts_every: found 5, expected at most as many as there are layers (4)");
    build_bad(", \"experts\": 4, \"balance\": -0.1", "/balance: found -0.1");
    build_bad(", \"experts\": 4, \"routing\": \"zipf\"", "/routing: found \"zipf\"");
    build_bad(", \"experts\": 4, \"routing\": {\"zipf\": 9}", "/routing/zipf: found 9");
    build_bad(", \"experts\": 4, \"routing\": {}", "/routing");
    build_bad(", \"experts\": 4, \"routing\": {\"zipf\": 1, \"seed\": 1}", "/routing/seed");
    build_bad(", \"experts\": 4, \"dispatch\": \"one-hot\"", "/dispatch: found \"one-hot\"");
    build_bad(", \"experts\": 4, \"seat_tile\": 0", "/seat_tile: found 0");
    build_bad(", \"experts\": 4, \"seat_tile\": 1025", "/seat_tile: found 1025");
    build_bad(", \"seat_tile\": 4", "/seat_tile: found without \"experts\"");
    build_bad(", \"dispatch\": \"gather\"", "/dispatch: found without \"experts\"");
    build_bad(", \"experts\": 4, \"encoder_layers\": 2, \"encoder_sequence\": 8",
              "/encoder_sequence: found 8 with experts, expected that of the decoder (10)");
    build_bad(", \"experts\": 4, \"islands\": 2",
              "/experts: found 4 with several islands, expected one island");
    build_bad(", \"top\": 1", "/top: found without \"experts\"");
    build_bad(", \"routing\": \"uniform\"", "/routing: found without \"experts\"");
    build_bad(", \"expert\": 4", "did you mean \"experts\"");
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("experts");
    tcase_add_test(cases, parameters_are_those_of_the_formula);
    tcase_add_test(cases, flops_are_those_of_the_formula);
    tcase_add_test(cases, exchanges_are_where_they_belong);
    tcase_add_test(cases, gates_see_all_tokens_of_a_parted_stream);
    tcase_add_test(cases, slopes_of_experts_are_not_summed);
    tcase_add_test(cases, choices_are_kept_whole);
    tcase_add_test(cases, each_place_with_gates_has_a_result);
    tcase_add_test(cases, capacity_has_bounds);
    tcase_add_test(cases, exchanges_carry_tiles);
    tcase_add_test(cases, encoders_have_experts);
    tcase_add_test(cases, mistakes_have_words);
    Suite *suite = suite_create("workload_transformer_experts");
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
