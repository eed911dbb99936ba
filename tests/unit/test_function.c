/* SPDX-License-Identifier: Apache-2.0 */
/* Functions: values by position, cost by hand, and every rule of the check, kept and broken. */
#include "test_function.h"
#include "run_suite.h"

/* --- Values --- */

START_TEST(values_are_found_by_position)
{
    g_autoptr(gw_function) function = gw_function_new("f");
    ck_assert_uint_eq(gw_function_add_output(function, 2, 3, true), 0);
    ck_assert_uint_eq(gw_function_add_input(function, 4, 5, false), 1);
    ck_assert_uint_eq(gw_function_add_temporary(function, 6, 7), 2);
    ck_assert_uint_eq(gw_function_add_input(function, 8, 9, true), 3);
    ck_assert_uint_eq(gw_function_add_temporary(function, 1, 1), 4);
    ck_assert_uint_eq(gw_function_add_output(function, 1, 2, false), 5);
    ck_assert_uint_eq(function->input_count, 2);
    ck_assert_uint_eq(function->output_count, 2);
    ck_assert_uint_eq(gw_function_input(function, 0), 1);
    ck_assert_uint_eq(gw_function_input(function, 1), 3);
    ck_assert_uint_eq(gw_function_output(function, 0), 0);
    ck_assert_uint_eq(gw_function_output(function, 1), 5);
    ck_assert_uint_eq(gw_function_value(function, 4)->position, 1);
    ck_assert(gw_function_value(function, 3)->is_sharded);
    ck_assert(!gw_function_value(function, 1)->is_sharded);
    ck_assert_uint_eq(function->computations, 1);
}
END_TEST

START_TEST(a_temporary_may_become_an_output)
{
    g_autoptr(gw_function) function = gw_function_new("f");
    gw_function_add_temporary(function, 1, 1);
    gw_function_add_output(function, 1, 1, false);
    const uint32_t given = gw_function_add_temporary(function, 6, 7);
    const uint32_t later = gw_function_add_temporary(function, 1, 1);
    gw_function_give(function, given, true);
    ck_assert_uint_eq(function->output_count, 2);
    ck_assert_uint_eq(gw_function_output(function, 1), given);
    ck_assert_uint_eq(gw_function_value(function, given)->position, 1);
    ck_assert(gw_function_value(function, given)->is_sharded);
    ck_assert_uint_eq(gw_function_value(function, 0)->position, 0);
    ck_assert_uint_eq(gw_function_value(function, later)->position, 1);
    const uint32_t last = gw_function_add_temporary(function, 1, 1);
    ck_assert_uint_eq(gw_function_value(function, last)->position, 2);
}
END_TEST

START_TEST(an_output_is_not_given_again)
{
    gw_function *function = gw_function_new("f");
    gw_function_give(function, gw_function_add_output(function, 1, 1, false), true);
}
END_TEST

START_TEST(position_beyond_the_inputs_aborts)
{
    g_autoptr(gw_function) function = make_function(SHAPES({1, 1}), NULL, NULL);
    gw_function_input(function, 1);
}
END_TEST

START_TEST(bytes_of_values_and_temporaries)
{
    g_autoptr(gw_function) function =
        make_function(SHAPES({10, 10}), SHAPES({3, 5}, {2, 2}), SHAPES({100, 1}));
    ck_assert_uint_eq(gw_value_bytes(gw_function_value(function, 0)), 400);
    /* No operation names them: each has a place for all of the function. */
    ck_assert_uint_eq(gw_function_place_temporaries(function, 1, NULL), 4 * (15 + 4));
    g_autoptr(gw_function) large = make_function(SHAPES({1U << 19, 1U << 19}), NULL, NULL);
    ck_assert_uint_eq(gw_value_bytes(gw_function_value(large, 0)), 1ULL << 40);
}
END_TEST

START_TEST(copies_are_equal_and_apart)
{
    g_autoptr(gw_function) function = make_function(SHAPES({2, 2}), NULL, SHAPES({2, 2}));
    gw_operation operation = make_map(GW_MAP_COPY);
    operation.outputs[0] = 1;
    gw_function_add(function, &operation);
    function->computations = 7;
    gw_function *copy = gw_function_copy(function);
    ck_assert_str_eq(copy->name, "f");
    ck_assert_uint_eq(copy->computations, 7);
    expect_accepted(copy);
    gw_function_add_input(copy, 1, 1, false);
    ck_assert_uint_eq(function->input_count, 1);
    ck_assert_uint_eq(function->values->len, 2);
    gw_function_free(copy);
    expect_accepted(function);
    gw_function_free(NULL);
}
END_TEST

/* --- Places --- */

typedef struct {
    uint32_t first, last;
} lifetime;

/* Maps in a chain, of temporaries of many sizes; each also reads one of the last few. */
static gw_function *make_chain(uint32_t count, lifetime *out_lifetimes)
{
    gw_function *function = gw_function_new("chain");
    for (uint32_t i = 0; i < count; i++) {
        gw_function_add_temporary(function, 1 + (uint32_t)(gw_random_at(5, i) % 90), 1);
        out_lifetimes[i] = (lifetime){UINT32_MAX, 0};
    }
    for (uint32_t i = 0; i + 1 < count; i++) {
        const uint32_t back = (uint32_t)(gw_random_at(6, i) % 7);
        const uint32_t named[] = {i, i >= back ? i - back : i, i + 1};
        gw_function_add(function,
                        &(gw_operation){.kind = GW_OPERATION_MAP,
                                        .map = GW_MAP_ADD,
                                        .inputs = {(uint16_t)named[0], (uint16_t)named[1]},
                                        .outputs = {(uint16_t)named[2]}});
        for (uint32_t k = 0; k < 3; k++) {
            lifetime *of = &out_lifetimes[named[k]];
            of->first = MIN(of->first, i);
            of->last = MAX(of->last, i);
        }
    }
    return function;
}

static uint64_t rounded_bytes(const gw_function *function, uint32_t value)
{
    return (gw_value_bytes(gw_function_value(function, value)) + 63) / 64 * 64;
}

/* What is needed at the same time never overlaps; the block is less than all of them together, and
 * no less than what is needed at any one time. */
START_TEST(places_are_kept_while_needed)
{
    enum { COUNT = 200 };
    lifetime lives[COUNT];
    uint64_t offsets_bytes[COUNT], all_bytes = 0, most_bytes = 0;
    g_autoptr(gw_function) function = make_chain(COUNT, lives);
    const uint64_t block_bytes = gw_function_place_temporaries(function, 64, offsets_bytes);
    ck_assert_uint_eq(gw_function_place_temporaries(function, 64, NULL), block_bytes);
    for (uint32_t a = 0; a < COUNT; a++) {
        const uint64_t end_bytes = offsets_bytes[a] + rounded_bytes(function, a);
        uint64_t needed_bytes = 0;
        ck_assert_uint_eq(offsets_bytes[a] % 64, 0);
        ck_assert_uint_le(end_bytes, block_bytes);
        all_bytes += rounded_bytes(function, a);
        for (uint32_t b = 0; b < COUNT; b++) {
            const bool is_met = lives[a].first <= lives[b].last && lives[b].first <= lives[a].last;
            ck_assert(a == b || !is_met || offsets_bytes[b] >= end_bytes ||
                      offsets_bytes[b] + rounded_bytes(function, b) <= offsets_bytes[a]);
            if (lives[b].first <= lives[a].first && lives[a].first <= lives[b].last)
                needed_bytes += rounded_bytes(function, b);
        }
        most_bytes = MAX(most_bytes, needed_bytes);
    }
    ck_assert_uint_ge(block_bytes, most_bytes);
    ck_assert_uint_le(block_bytes, 2 * most_bytes);
    ck_assert_uint_lt(block_bytes, all_bytes / 5);
}
END_TEST

/* A collective of value 0 into value 1, then copies of 2 into others, and of `read` into the last.
 */
static gw_function *make_overlapped(uint32_t read, bool is_overlapped)
{
    gw_function *function = gw_function_new("overlapped");
    for (uint32_t i = 0; i < 8; i++) {
        gw_function_add_temporary(function, 16, 1);
    }
    gw_function_add(function, &(gw_operation){.kind = GW_OPERATION_ALL_REDUCE,
                                              .axes = 1,
                                              .is_overlapped = is_overlapped,
                                              .outputs = {1}});
    for (uint32_t i = 3; i < 8; i++) {
        const uint16_t source = i == 7 ? (uint16_t)read : 2;
        gw_function_add(function, &(gw_operation){.kind = GW_OPERATION_MAP,
                                                  .map = GW_MAP_COPY,
                                                  .inputs = {source},
                                                  .outputs = {(uint16_t)i}});
    }
    return function;
}

/* The first operation, and no other is overlapped. */
static void expect_awaited(const gw_function *function, uint32_t operation)
{
    g_autofree uint32_t *awaits = gw_function_list_awaits(function);
    ck_assert_uint_eq(awaits[0], operation);
    for (uint32_t i = 1; i < function->operations->len; i++) {
        ck_assert_uint_eq(awaits[i], i);
    }
}

START_TEST(overlapped_collectives_are_awaited_where_they_are_needed)
{
    g_autoptr(gw_function) never = make_overlapped(2, true);
    expect_awaited(never, 6);
    g_autoptr(gw_function) reads = make_overlapped(1, true);
    expect_awaited(reads, 5);
    g_array_index(reads->operations, gw_operation, 3).outputs[0] = 0; /* Over its input; */
    expect_awaited(reads, 3);
    g_array_index(reads->operations, gw_operation, 2).outputs[0] = 1; /* over its output; */
    expect_awaited(reads, 2);
    g_array_index(reads->operations, gw_operation, 1).inputs[0] =
        0; /* but its input may be read. */
    expect_awaited(reads, 2);
}
END_TEST

/* Its operands' places are nobody else's until then. */
START_TEST(overlapped_operands_keep_their_places)
{
    uint64_t offsets_bytes[8];
    g_autoptr(gw_function) waits = make_overlapped(1, false);
    gw_function_place_temporaries(waits, 64, offsets_bytes);
    ck_assert_uint_eq(offsets_bytes[2], offsets_bytes[0]); /* As soon as the collective is over. */
    g_autoptr(gw_function) goes_on = make_overlapped(1, true);
    gw_function_place_temporaries(goes_on, 64, offsets_bytes);
    for (uint32_t i = 2; i < 7; i++) {
        ck_assert_uint_ne(offsets_bytes[i], offsets_bytes[0]);
        ck_assert_uint_ne(offsets_bytes[i], offsets_bytes[1]);
    }
    ck_assert_uint_eq(offsets_bytes[7], offsets_bytes[0]); /* This one awaits it. */
}
END_TEST

/* --- Cost --- */

START_TEST(matmul_costs_2mnk)
{
    gw_operation operation = make_operation(GW_OPERATION_MATMUL);
    expect_cost(operation, SHAPES({3, 5}, {5, 7}), SHAPES({3, 7}), 2 * 3 * 5 * 7,
                4 * (15 + 35 + 21));
    operation.transpose_a = true; /* (3 x 5)^T is 5 x 3. */
    expect_cost(operation, SHAPES({3, 5}, {3, 7}), SHAPES({5, 7}), 2 * 5 * 3 * 7,
                4 * (15 + 21 + 35));
    operation = make_operation(GW_OPERATION_MATMUL); /* No overflow of 32 bits. */
    expect_cost(operation, SHAPES({1U << 15, 1U << 15}, {1U << 15, 1U << 15}),
                SHAPES({1U << 15, 1U << 15}), 2.0 * (1ULL << 45), 12.0 * (1ULL << 30));
}
END_TEST

START_TEST(others_cost_per_element)
{
    const double n = 4 * 6;
    const shape *one = SHAPES({4, 6}), *two = SHAPES({4, 6}, {4, 6});
    expect_cost(make_map(GW_MAP_RELU), one, one, n, 8 * n);
    expect_cost(make_map(GW_MAP_ADD), two, one, n, 12 * n);
    expect_cost(make_map(GW_MAP_COPY), one, one, 0, 8 * n);
    expect_cost(make_operation(GW_OPERATION_FILL), NULL, one, 0, 4 * n);
    expect_cost(make_operation(GW_OPERATION_RANDOM), NULL, one, n, 4 * n);
    expect_cost(make_operation(GW_OPERATION_REDUCE), one, SHAPES({1, 1}), n, 4 * n + 4);
    expect_cost(make_operation(GW_OPERATION_SOFTMAX), one, one, 5 * n, 8 * n);
    expect_cost(make_operation(GW_OPERATION_LAYER_NORM), SHAPES({4, 6}, {1, 6}, {1, 6}), one, 8 * n,
                8 * n + 48);
    expect_cost(make_operation(GW_OPERATION_CROSS_ENTROPY), two, SHAPES({1, 1}, {4, 6}), 8 * n,
                12 * n + 4);
    expect_cost(make_operation(GW_OPERATION_SGD), two, one, 2 * n, 12 * n);
    expect_cost(make_operation(GW_OPERATION_ADAM), SHAPES({4, 6}, {4, 6}, {4, 6}, {4, 6}, {1, 1}),
                SHAPES({4, 6}, {4, 6}, {4, 6}), 12 * n, 28 * n + 4);
}
END_TEST

/* 12 tokens of 6 columns in sequences of 4, two heads: p has 24 x 4. */
START_TEST(transformers_cost_by_their_parts)
{
    const double n = 12 * 6, p = 24 * 4;
    gw_operation operation = make_operation(GW_OPERATION_ATTENTION);
    operation.heads = 2;
    operation.sequence = 4;
    expect_cost(operation, SHAPES({12, 6}, {12, 6}, {12, 6}), SHAPES({12, 6}, {24, 4}),
                4 * 4 * n + 5 * p, 4 * (4 * n + p));
    /* Keys in sequences of 5. */
    expect_cost(operation, SHAPES({12, 6}, {15, 6}, {15, 6}), SHAPES({12, 6}, {24, 5}),
                4 * 5 * n + 5 * 120, 4 * (2 * n + 2 * 90 + 120));
    operation.kind = GW_OPERATION_ATTENTION_GRADIENT;
    expect_cost(operation, SHAPES({12, 6}, {12, 6}, {12, 6}, {24, 4}, {12, 6}),
                SHAPES({12, 6}, {12, 6}, {12, 6}), 8 * 4 * n + 4 * p, 4 * (7 * n + p));
    /* Of a table of 1000 rows the 4 that are asked for. */
    expect_cost(make_operation(GW_OPERATION_EMBEDDING), SHAPES({1000, 6}, {4, 1}), SHAPES({4, 6}),
                0, 4 * (24 + 4 + 24));
    expect_cost(make_operation(GW_OPERATION_EMBEDDING_GRADIENT), SHAPES({4, 1}, {4, 6}),
                SHAPES({1000, 6}), 24, 4 * (4 + 24 + 6000));
    expect_cost(make_operation(GW_OPERATION_LAYER_NORM_GRADIENT), SHAPES({4, 6}, {1, 6}, {4, 6}),
                SHAPES({4, 6}, {1, 6}, {1, 6}), 14 * 24, 4 * (24 + 6 + 24 + 24 + 6 + 6));
    expect_cost(make_operation(GW_OPERATION_TOKEN_LOSS), SHAPES({4, 9}, {4, 1}, {4, 3}),
                SHAPES({1, 1}, {4, 9}), 3 * 36, 4 * (36 + 4 + 12 + 1 + 36));
    expect_cost(make_operation(GW_OPERATION_TOKEN_STATISTICS), SHAPES({4, 9}, {4, 1}),
                SHAPES({4, 3}), 4 * 36, 4 * (36 + 4 + 12));
    expect_cost(make_map(GW_MAP_GELU), SHAPES({4, 6}), SHAPES({4, 6}), 8 * 24, 8 * 24);
    expect_cost(make_map(GW_MAP_GELU_GRADIENT), SHAPES({4, 6}, {4, 6}), SHAPES({4, 6}), 13 * 24,
                12 * 24);
}
END_TEST

START_TEST(collectives_cost_their_input)
{
    expect_cost(make_operation(GW_OPERATION_ALL_REDUCE), SHAPES({8, 2}), SHAPES({8, 2}), 0, 64);
    expect_cost(make_operation(GW_OPERATION_ALL_GATHER), SHAPES({8, 2}), SHAPES({16, 2}), 0, 64);
    expect_cost(make_operation(GW_OPERATION_REDUCE_SCATTER), SHAPES({8, 2}), SHAPES({4, 2}), 0, 64);
}
END_TEST

START_TEST(time_models_cost_what_they_say)
{
    gw_operation operation = {.kind = GW_OPERATION_WORK, .flops = 1e12, .bytes = 3e9};
    expect_cost(operation, NULL, NULL, 1e12, 3e9);
    operation = (gw_operation){.kind = GW_OPERATION_DURATION, .duration_ns = 5, .flops = 7};
    expect_cost(operation, NULL, NULL, 0, 0);
}
END_TEST

/* --- Shapes --- */

START_TEST(matmul_shapes)
{
    gw_operation operation = make_operation(GW_OPERATION_MATMUL);
    expect_good(operation, SHAPES({3, 5}, {5, 7}), SHAPES({3, 7}));
    expect_bad(operation, SHAPES({3, 5}, {4, 7}), SHAPES({3, 7}), "expected 5 x 7");
    expect_bad(operation, SHAPES({3, 5}, {5, 7}), SHAPES({7, 3}),
               "operation 0 (matmul): output 0: found 7 x 3, expected 3 x 7");
    operation.transpose_a = true;
    expect_good(operation, SHAPES({5, 3}, {5, 7}), SHAPES({3, 7}));
    expect_bad(operation, SHAPES({3, 5}, {5, 7}), SHAPES({3, 7}), "expected 3 x 7");
    operation.transpose_b = true;
    expect_good(operation, SHAPES({5, 3}, {7, 5}), SHAPES({3, 7}));
    expect_bad(operation, SHAPES({5, 3}, {5, 7}), SHAPES({3, 7}), "input 1: found 5 x 7");
}
END_TEST

START_TEST(map_shapes)
{
    const shape *one = SHAPES({4, 6});
    expect_good(make_map(GW_MAP_TANH), one, one);
    expect_bad(make_map(GW_MAP_TANH), one, SHAPES({6, 4}), "expected 4 x 6");
    expect_good(make_map(GW_MAP_MULTIPLY), SHAPES({4, 6}, {4, 6}), one);
    expect_bad(make_map(GW_MAP_MULTIPLY), SHAPES({4, 6}, {1, 6}), one, "expected 4 x 6");
    expect_good(make_map(GW_MAP_ADD_ROW), SHAPES({4, 6}, {1, 6}), one);
    expect_good(make_map(GW_MAP_ADD_ROW), SHAPES({4, 6}, {2, 6}), one);
    expect_bad(make_map(GW_MAP_ADD_ROW), SHAPES({4, 6}, {3, 6}), one,
               "input 1: found 3 x 6, expected 6 columns and a divisor of 4 rows");
    expect_bad(make_map(GW_MAP_ADD_ROW), SHAPES({4, 6}, {1, 5}), one, "found 1 x 5");
    expect_bad(make_map((gw_map)0), one, one, "found map 0");
    expect_bad(make_map((gw_map)GW_MAP_COUNT), one, one, "found map 14, expected 1 to 13");
}
END_TEST

START_TEST(reduction_shapes)
{
    gw_operation operation = make_operation(GW_OPERATION_REDUCE);
    expect_good(operation, SHAPES({4, 6}), SHAPES({1, 1}));
    expect_bad(operation, SHAPES({4, 6}), SHAPES({1, 6}), "expected 1 x 1");
    operation.reduction = GW_REDUCTION_SUM_ROWS;
    expect_good(operation, SHAPES({4, 6}), SHAPES({1, 6}));
    expect_good(operation, SHAPES({4, 6}), SHAPES({2, 6}));
    expect_bad(operation, SHAPES({4, 6}), SHAPES({4, 1}), "expected 6 columns and a divisor of 4");
    expect_bad(operation, SHAPES({4, 6}), SHAPES({3, 6}), "found 3 x 6");
    operation.reduction = (gw_reduction)9;
    expect_bad(operation, SHAPES({4, 6}), SHAPES({1, 1}), "found reduction 9");
}
END_TEST

START_TEST(network_shapes)
{
    const shape *one = SHAPES({4, 6}), *two = SHAPES({4, 6}, {4, 6});
    expect_good(make_operation(GW_OPERATION_SOFTMAX), one, one);
    expect_bad(make_operation(GW_OPERATION_SOFTMAX), one, SHAPES({4, 5}), "expected 4 x 6");
    expect_good(make_operation(GW_OPERATION_LAYER_NORM), SHAPES({4, 6}, {1, 6}, {1, 6}), one);
    expect_bad(make_operation(GW_OPERATION_LAYER_NORM), SHAPES({4, 6}, {1, 6}, {6, 1}), one,
               "input 2: found 6 x 1, expected 1 x 6");
    expect_good(make_operation(GW_OPERATION_CROSS_ENTROPY), two, SHAPES({1, 1}, {4, 6}));
    expect_bad(make_operation(GW_OPERATION_CROSS_ENTROPY), two, SHAPES({4, 1}, {4, 6}),
               "output 0: found 4 x 1");
    expect_bad(make_operation(GW_OPERATION_CROSS_ENTROPY), SHAPES({4, 6}, {4, 1}),
               SHAPES({1, 1}, {4, 6}), "input 1: found 4 x 1");
    expect_good(make_operation(GW_OPERATION_SGD), two, one);
    expect_bad(make_operation(GW_OPERATION_SGD), SHAPES({4, 6}, {6, 4}), one, "expected 4 x 6");
    expect_good(make_operation(GW_OPERATION_ADAM), SHAPES({2, 2}, {2, 2}, {2, 2}, {2, 2}, {1, 1}),
                SHAPES({2, 2}, {2, 2}, {2, 2}));
    expect_bad(make_operation(GW_OPERATION_ADAM), SHAPES({2, 2}, {2, 2}, {2, 2}, {2, 2}, {1, 1}),
               SHAPES({2, 2}, {2, 2}, {2, 1}), "output 2: found 2 x 1");
    expect_bad(make_operation(GW_OPERATION_ADAM), SHAPES({2, 2}, {2, 2}, {2, 1}, {2, 2}, {1, 1}),
               SHAPES({2, 2}, {2, 2}, {2, 2}), "input 2: found 2 x 1");
    expect_bad(make_operation(GW_OPERATION_ADAM), SHAPES({2, 2}, {2, 2}, {2, 2}, {2, 2}, {2, 2}),
               SHAPES({2, 2}, {2, 2}, {2, 2}), "input 4: found 2 x 2, expected 1 x 1");
}
END_TEST

START_TEST(transformer_shapes)
{
    expect_good(make_operation(GW_OPERATION_EMBEDDING), SHAPES({9, 6}, {4, 1}), SHAPES({4, 6}));
    expect_bad(make_operation(GW_OPERATION_EMBEDDING), SHAPES({9, 6}, {4, 2}), SHAPES({4, 6}),
               "input 1: found 4 x 2, expected 4 x 1");
    expect_bad(make_operation(GW_OPERATION_EMBEDDING), SHAPES({9, 6}, {4, 1}), SHAPES({9, 6}),
               "output 0: found 9 x 6, expected 4 x 6");
    expect_good(make_operation(GW_OPERATION_EMBEDDING_GRADIENT), SHAPES({4, 1}, {4, 6}),
                SHAPES({9, 6}));
    expect_bad(make_operation(GW_OPERATION_EMBEDDING_GRADIENT), SHAPES({3, 1}, {4, 6}),
               SHAPES({9, 6}), "input 0: found 3 x 1, expected 4 x 1");
    expect_bad(make_operation(GW_OPERATION_EMBEDDING_GRADIENT), SHAPES({4, 1}, {4, 6}),
               SHAPES({9, 5}), "output 0: found 9 x 5, expected 9 x 6");
    expect_good(make_operation(GW_OPERATION_LAYER_NORM_GRADIENT), SHAPES({4, 6}, {1, 6}, {4, 6}),
                SHAPES({4, 6}, {1, 6}, {1, 6}));
    expect_bad(make_operation(GW_OPERATION_LAYER_NORM_GRADIENT), SHAPES({4, 6}, {1, 6}, {4, 6}),
               SHAPES({4, 6}, {1, 6}, {4, 6}), "output 2: found 4 x 6, expected 1 x 6");
    gw_operation loss = make_operation(GW_OPERATION_TOKEN_LOSS);
    loss.axes = 0;
    expect_good(loss, SHAPES({4, 9}, {4, 1}, {4, 3}), SHAPES({1, 1}, {4, 9}));
    expect_bad(loss, SHAPES({4, 9}, {9, 1}, {4, 3}), SHAPES({1, 1}, {4, 9}),
               "input 1: found 9 x 1, expected 4 x 1");
    loss.axes = 2; /* Groups of 3. */
    expect_good(loss, SHAPES({4, 9}, {4, 1}, {12, 3}), SHAPES({1, 1}, {4, 9}));
    expect_bad(loss, SHAPES({4, 9}, {4, 1}, {4, 3}), SHAPES({1, 1}, {4, 9}),
               "input 2: found 4 x 3, expected 12 x 3");
    loss.axes = 4;
    expect_bad(loss, SHAPES({4, 9}, {4, 1}, {4, 3}), SHAPES({1, 1}, {4, 9}), "found axes 0x4");
    expect_good(make_operation(GW_OPERATION_TOKEN_STATISTICS), SHAPES({4, 9}, {4, 1}),
                SHAPES({4, 3}));
    expect_bad(make_operation(GW_OPERATION_TOKEN_STATISTICS), SHAPES({4, 9}, {4, 1}),
               SHAPES({4, 9}), "output 0: found 4 x 9, expected 4 x 3");
    gw_operation tokens = make_operation(GW_OPERATION_TOKENS);
    tokens.scalar = 100;
    tokens.sequence = 4;
    expect_good(tokens, NULL, SHAPES({12, 1}, {12, 1}));
    expect_bad(tokens, NULL, SHAPES({12, 1}, {12, 2}), "output 1: found 12 x 2");
    expect_bad(tokens, NULL, SHAPES({10, 1}, {10, 1}), "found sequences of 4 rows");
    tokens.scalar = 2e9;
    expect_bad(tokens, NULL, SHAPES({12, 1}, {12, 1}), "found 2e+09 different tokens");
}
END_TEST

START_TEST(texts_are_longer_than_a_sequence)
{
    gw_function *function = make_function(SHAPES({1, 1}), NULL, SHAPES({12, 1}, {12, 1}));
    gw_operation text = make_operation(GW_OPERATION_TEXT);
    text.scalar = 128;
    text.sequence = 4;
    text.outputs[0] = 1;
    text.outputs[1] = 2;
    gw_function_add(function, &text);
    expect_refused(function, "operation 0 (text): found a text of 0 bytes, expected more than 4");
    g_autoptr(GBytes) bytes = g_bytes_new_static("abcde", 5);
    gw_function_set_text(function, bytes);
    gw_function_set_text(function, bytes);
    g_autoptr(gw_function) copy = gw_function_copy(function);
    gw_function_free(function);
    ck_assert_ptr_eq(copy->text, bytes);
    expect_accepted(copy);
    g_array_index(copy->operations, gw_operation, 0).sequence = 6;
    expect_refused(copy, "found a text of 5 bytes, expected more than 6");
}
END_TEST

/* 12 tokens of 6 columns, in sequences of 4 rows. */
START_TEST(attention_shapes)
{
    const shape *in = SHAPES({12, 6}, {12, 6}, {12, 6});
    gw_operation operation = make_operation(GW_OPERATION_ATTENTION);
    operation.heads = 2;
    operation.sequence = 4;
    expect_good(operation, in, SHAPES({12, 6}, {24, 4}));
    expect_bad(operation, in, SHAPES({12, 6}, {12, 4}), "output 1: found 12 x 4, expected 24 x 4");
    expect_bad(operation, in, SHAPES({12, 5}, {24, 4}), "output 0: found 12 x 5");
    expect_bad(operation, SHAPES({12, 6}, {12, 6}, {4, 6}), SHAPES({12, 6}, {24, 4}),
               "input 2: found 4 x 6, expected 12 x 6");
    operation.heads = 4;
    expect_bad(operation, in, SHAPES({12, 6}, {48, 4}), "found 4 heads, expected a divisor of 6");
    operation.heads = 0;
    expect_bad(operation, in, SHAPES({12, 6}, {24, 4}), "found 0 heads");
    operation.heads = 2;
    operation.sequence = 5;
    expect_bad(operation, in, SHAPES({12, 6}, {24, 5}),
               "found sequences of 5 rows, expected a divisor of 12 rows");
    operation.kind = GW_OPERATION_ATTENTION_GRADIENT;
    operation.sequence = 4;
    expect_good(operation, SHAPES({12, 6}, {12, 6}, {12, 6}, {24, 4}, {12, 6}),
                SHAPES({12, 6}, {12, 6}, {12, 6}));
    expect_bad(operation, SHAPES({12, 6}, {12, 6}, {12, 6}, {24, 6}, {12, 6}),
               SHAPES({12, 6}, {12, 6}, {12, 6}), "input 3: found 24 x 6, expected 24 x 4");
}
END_TEST

/* 3 sequences: of 4 rows in q, of 5 in k. */
START_TEST(attention_to_sequences_of_another_length)
{
    gw_operation operation = make_operation(GW_OPERATION_ATTENTION);
    operation.heads = 2;
    operation.sequence = 4;
    expect_good(operation, SHAPES({12, 6}, {15, 6}, {15, 6}), SHAPES({12, 6}, {24, 5}));
    expect_bad(operation, SHAPES({12, 6}, {15, 6}, {15, 6}), SHAPES({12, 6}, {24, 4}),
               "output 1: found 24 x 4, expected 24 x 5");
    expect_bad(operation, SHAPES({12, 6}, {14, 6}, {14, 6}), SHAPES({12, 6}, {24, 5}),
               "found 14 rows of keys, expected a multiple of 3 sequences");
    expect_bad(operation, SHAPES({12, 6}, {15, 4}, {15, 4}), SHAPES({12, 6}, {24, 5}),
               "input 1: found 15 x 4, expected 15 x 6");
    expect_bad(operation, SHAPES({12, 6}, {15, 6}, {12, 6}), SHAPES({12, 6}, {24, 5}),
               "input 2: found 12 x 6, expected 15 x 6");
    operation.is_causal = true;
    expect_bad(operation, SHAPES({12, 6}, {15, 6}, {15, 6}), SHAPES({12, 6}, {24, 5}),
               "found 15 rows of keys, expected 12, one for each query, as it is causal");
    operation.is_causal = false;
    operation.kind = GW_OPERATION_ATTENTION_GRADIENT;
    expect_good(operation, SHAPES({12, 6}, {15, 6}, {15, 6}, {24, 5}, {12, 6}),
                SHAPES({12, 6}, {15, 6}, {15, 6}));
    expect_bad(operation, SHAPES({12, 6}, {15, 6}, {15, 6}, {24, 5}, {15, 6}),
               SHAPES({12, 6}, {15, 6}, {15, 6}), "input 4: found 15 x 6, expected 12 x 6");
    expect_bad(operation, SHAPES({12, 6}, {15, 6}, {15, 6}, {24, 5}, {12, 6}),
               SHAPES({12, 6}, {12, 6}, {15, 6}), "output 1: found 12 x 6, expected 15 x 6");
}
END_TEST

START_TEST(collective_shapes_go_by_the_group)
{
    gw_operation operation = make_operation(GW_OPERATION_ALL_GATHER);
    operation.axes = 2; /* Groups of 3 on the 2 x 3 mesh. */
    expect_good(operation, SHAPES({4, 6}), SHAPES({12, 6}));
    expect_bad(operation, SHAPES({4, 6}), SHAPES({8, 6}), "expected 12 x 6");
    operation.axes = 3;
    expect_good(operation, SHAPES({4, 6}), SHAPES({24, 6}));
    operation.kind = GW_OPERATION_REDUCE_SCATTER;
    expect_good(operation, SHAPES({12, 5}), SHAPES({2, 5}));
    expect_bad(operation, SHAPES({10, 5}), SHAPES({2, 5}), "found 10 rows");
    /* One row goes by columns. */
    expect_good(operation, SHAPES({1, 12}), SHAPES({1, 2}));
    expect_bad(operation, SHAPES({1, 12}), SHAPES({1, 3}), "expected 1 x 2");
    expect_bad(operation, SHAPES({1, 10}), SHAPES({1, 2}), "found 1 rows");
    operation.kind = GW_OPERATION_ALL_GATHER;
    expect_good(operation, SHAPES({1, 2}), SHAPES({1, 12}));
    expect_good(operation, SHAPES({1, 2}), SHAPES({6, 2}));
    expect_bad(operation, SHAPES({1, 2}), SHAPES({1, 13}), "expected 1 x 12");
    expect_bad(operation, SHAPES({1, 2}), SHAPES({2, 6}), "expected 6 x 2");
    operation.kind = GW_OPERATION_ALL_TO_ALL;
    expect_good(operation, SHAPES({12, 5}), SHAPES({12, 5}));
    expect_bad(operation, SHAPES({13, 5}), SHAPES({13, 5}), "multiple of the group's 6");
    operation.kind = GW_OPERATION_ALL_REDUCE;
    expect_good(operation, SHAPES({13, 5}), SHAPES({13, 5}));
    expect_bad(operation, SHAPES({13, 5}), SHAPES({5, 13}), "expected 13 x 5");
    operation.kind = GW_OPERATION_PERMUTE;
    operation.shift = 100;
    expect_good(operation, SHAPES({1, 5}), SHAPES({1, 5}));
}
END_TEST

START_TEST(collectives_need_axes_and_members)
{
    gw_operation operation = make_operation(GW_OPERATION_BROADCAST);
    operation.root = 1;
    expect_good(operation, SHAPES({1, 1}), SHAPES({1, 1}));
    operation.root = 2;
    expect_bad(operation, SHAPES({1, 1}), SHAPES({1, 1}), "found root 2");
    operation.axes = 0;
    expect_bad(operation, SHAPES({1, 1}), SHAPES({1, 1}), "found axes 0x0");
    operation.axes = 4; /* The mesh has two dimensions. */
    expect_bad(operation, SHAPES({1, 1}), SHAPES({1, 1}), "found axes 0x4");
}
END_TEST

/* --- Order of reading and writing --- */

static void add_copy(gw_function *function, uint16_t x, uint16_t y)
{
    gw_operation operation = make_map(GW_MAP_COPY);
    operation.inputs[0] = x;
    operation.outputs[0] = y;
    gw_function_add(function, &operation);
}

START_TEST(reading_comes_after_writing)
{
    g_autoptr(gw_function) good = make_function(SHAPES({1, 1}), SHAPES({1, 1}), SHAPES({1, 1}));
    add_copy(good, 0, 1);
    add_copy(good, 1, 2);
    expect_accepted(good);
    g_autoptr(gw_function) bad = make_function(SHAPES({1, 1}), SHAPES({1, 1}), SHAPES({1, 1}));
    add_copy(bad, 1, 2);
    add_copy(bad, 0, 1);
    expect_refused(bad, "operation 0 (map): temporary 0 is read before it is written");
}
END_TEST

START_TEST(outputs_may_be_read_once_written)
{
    g_autoptr(gw_function) function = make_function(SHAPES({1, 1}), NULL, SHAPES({1, 1}, {1, 1}));
    add_copy(function, 0, 1);
    add_copy(function, 1, 2);
    expect_accepted(function);
}
END_TEST

START_TEST(outputs_are_written_exactly_once)
{
    g_autoptr(gw_function) never = make_function(SHAPES({1, 1}), NULL, SHAPES({1, 1}, {1, 1}));
    add_copy(never, 0, 1);
    expect_refused(never, "no operation writes output 1");
    g_autoptr(gw_function) twice = make_function(SHAPES({1, 1}), NULL, SHAPES({1, 1}));
    add_copy(twice, 0, 1);
    add_copy(twice, 0, 1);
    expect_refused(twice, "operation 1 (map): output 0 is written a second time");
}
END_TEST

START_TEST(inputs_are_not_written_and_nothing_in_place)
{
    g_autoptr(gw_function) input = make_function(SHAPES({1, 1}, {1, 1}), NULL, NULL);
    add_copy(input, 0, 1);
    expect_refused(input, "input 1 is written");
    g_autoptr(gw_function) alias = make_function(SHAPES({1, 1}), SHAPES({1, 1}), NULL);
    add_copy(alias, 0, 1);
    add_copy(alias, 1, 1);
    expect_refused(alias, "operation 1 (map): temporary 0 is read and written at once");
    g_autoptr(gw_function) same =
        make_function(SHAPES({1, 1}, {1, 1}, {1, 1}, {1, 1}, {1, 1}), SHAPES({1, 1}, {1, 1}), NULL);
    gw_operation adam = make_operation(GW_OPERATION_ADAM);
    adam.outputs[0] = 5;
    adam.outputs[1] = 6;
    adam.outputs[2] = 5;
    gw_function_add(same, &adam);
    expect_refused(same, "written a second time");
}
END_TEST

START_TEST(operands_exist)
{
    g_autoptr(gw_function) function = make_function(SHAPES({1, 1}), NULL, SHAPES({1, 1}));
    add_copy(function, 0, 2);
    expect_refused(function, "found value 2, expected one of 2 values");
    g_autoptr(gw_function) unknown = make_function(SHAPES({1, 1}), NULL, NULL);
    gw_function_add(unknown, &(gw_operation){.kind = (gw_operation_kind)99});
    expect_refused(unknown, "found kind 99");
}
END_TEST

START_TEST(values_have_a_size)
{
    expect_bad(make_map(GW_MAP_COPY), SHAPES({1U << 20, 1U << 20}), SHAPES({1, 1}), "1 TiB");
    g_autoptr(gw_function) empty = make_function(SHAPES({1, 0}), NULL, NULL);
    expect_refused(empty, "input 0: found 1 x 0");
    g_autoptr(gw_function) half = make_function(SHAPES({1, 1}), NULL, SHAPES({1, 1}));
    g_array_index(half->values, gw_value, 0).element_bytes = 2;
    gw_function_add(half, &(gw_operation){.kind = GW_OPERATION_DURATION});
    expect_accepted(half); /* Nothing computes with it. */
    add_copy(half, 0, 1);
    expect_accepted(half); /* Widened, that can be computed with; */
    g_array_index(half->values, gw_value, 0).element_bytes = 8;
    expect_refused(half, "elements of 8 bytes, expected 4 or 2");
    g_array_index(half->values, gw_value, 0).element_bytes = 0;
    expect_refused(half, "elements of 0 bytes");
}
END_TEST

START_TEST(time_models_may_leave_values_unwritten)
{
    g_autoptr(gw_function) function =
        make_function(NULL, SHAPES({8, 1}, {8, 1}), SHAPES({1, 1}, {5, 5}));
    gw_operation reduce = make_operation(GW_OPERATION_ALL_REDUCE);
    reduce.outputs[0] = 1;
    gw_function_add(function, &reduce);
    expect_refused(function, "temporary 0 is read before it is written");
    gw_function_add(function, &(gw_operation){.kind = GW_OPERATION_WORK, .flops = 1});
    expect_accepted(function);
    gw_function_add(function, &(gw_operation){.kind = GW_OPERATION_WORK, .flops = -1});
    expect_refused(function, "found -1 FLOPs");
    g_array_index(function->operations, gw_operation, 2).flops = NAN;
    expect_refused(function, "operation 2 (work)");
    g_array_index(function->operations, gw_operation, 2).flops = 0;
    g_array_index(function->operations, gw_operation, 2).bytes = INFINITY;
    expect_refused(function, "operation 2 (work)");
}
END_TEST

START_TEST(function_of_nothing_is_one)
{
    g_autoptr(gw_function) function = gw_function_new("f");
    expect_accepted(function);
}
END_TEST

static TCase *make_cost_cases(void)
{
    TCase *cases = tcase_create("values and cost");
    tcase_add_test(cases, values_are_found_by_position);
    tcase_add_test(cases, a_temporary_may_become_an_output);
    tcase_add_test_raise_signal(cases, an_output_is_not_given_again, SIGABRT);
    tcase_add_test_raise_signal(cases, position_beyond_the_inputs_aborts, SIGABRT);
    tcase_add_test(cases, bytes_of_values_and_temporaries);
    tcase_add_test(cases, places_are_kept_while_needed);
    tcase_add_test(cases, overlapped_collectives_are_awaited_where_they_are_needed);
    tcase_add_test(cases, overlapped_operands_keep_their_places);
    tcase_add_test(cases, copies_are_equal_and_apart);
    tcase_add_test(cases, matmul_costs_2mnk);
    tcase_add_test(cases, others_cost_per_element);
    tcase_add_test(cases, transformers_cost_by_their_parts);
    tcase_add_test(cases, collectives_cost_their_input);
    tcase_add_test(cases, time_models_cost_what_they_say);
    return cases;
}

static TCase *make_check_cases(void)
{
    TCase *cases = tcase_create("check");
    tcase_add_test(cases, matmul_shapes);
    tcase_add_test(cases, map_shapes);
    tcase_add_test(cases, reduction_shapes);
    tcase_add_test(cases, network_shapes);
    tcase_add_test(cases, transformer_shapes);
    tcase_add_test(cases, texts_are_longer_than_a_sequence);
    tcase_add_test(cases, attention_shapes);
    tcase_add_test(cases, attention_to_sequences_of_another_length);
    tcase_add_test(cases, collective_shapes_go_by_the_group);
    tcase_add_test(cases, collectives_need_axes_and_members);
    tcase_add_test(cases, reading_comes_after_writing);
    tcase_add_test(cases, outputs_may_be_read_once_written);
    tcase_add_test(cases, outputs_are_written_exactly_once);
    tcase_add_test(cases, inputs_are_not_written_and_nothing_in_place);
    tcase_add_test(cases, operands_exist);
    tcase_add_test(cases, values_have_a_size);
    tcase_add_test(cases, time_models_may_leave_values_unwritten);
    tcase_add_test(cases, function_of_nothing_is_one);
    return cases;
}

int main(void)
{
    Suite *suite = suite_create("function");
    suite_add_tcase(suite, make_cost_cases());
    suite_add_tcase(suite, make_check_cases());
    return gw_run_suite(suite);
}
