/* SPDX-License-Identifier: Apache-2.0 */
/* What each kind of operation takes, gives and is called. */
#include <check.h>
#include <signal.h>
#include <string.h>

#include "program/operation.h"
#include "run_suite.h"

START_TEST(kinds_have_their_operands)
{
    static const struct {
        gw_operation_kind kind;
        uint32_t inputs, outputs;
    } cases[] = {
        {GW_OPERATION_DURATION, 0, 0},
        {GW_OPERATION_WORK, 0, 0},
        {GW_OPERATION_FILL, 0, 1},
        {GW_OPERATION_RANDOM, 0, 1},
        {GW_OPERATION_MATMUL, 2, 1},
        {GW_OPERATION_REDUCE, 1, 1},
        {GW_OPERATION_SOFTMAX, 1, 1},
        {GW_OPERATION_LAYER_NORM, 3, 1},
        {GW_OPERATION_SGD, 2, 1},
        {GW_OPERATION_CROSS_ENTROPY, 2, 2},
        {GW_OPERATION_ADAM, 5, 3},
        {GW_OPERATION_ALL_REDUCE, 1, 1},
        {GW_OPERATION_ALL_GATHER, 1, 1},
        {GW_OPERATION_REDUCE_SCATTER, 1, 1},
        {GW_OPERATION_PERMUTE, 1, 1},
        {GW_OPERATION_BROADCAST, 1, 1},
        {GW_OPERATION_ALL_TO_ALL, 1, 1},
        {GW_OPERATION_EMBEDDING, 2, 1},
        {GW_OPERATION_EMBEDDING_GRADIENT, 2, 1},
        {GW_OPERATION_LAYER_NORM_GRADIENT, 3, 3},
        {GW_OPERATION_ATTENTION, 3, 2},
        {GW_OPERATION_ATTENTION_GRADIENT, 5, 3},
        {GW_OPERATION_TOKEN_LOSS, 3, 2},
        {GW_OPERATION_ROUTE, 1, 3},
        {GW_OPERATION_GATHER, 2, 1},
        {GW_OPERATION_SCATTER, 2, 1},
        {GW_OPERATION_GATE, 1, 3},
        {GW_OPERATION_GATE_GRADIENT, 2, 1},
        {GW_OPERATION_DISPATCH, 2, 1},
        {GW_OPERATION_DISPATCH_GRADIENT, 2, 1},
        {GW_OPERATION_COMBINE, 3, 1},
        {GW_OPERATION_COMBINE_GRADIENT, 4, 2},
        {GW_OPERATION_BLOCK_MATMUL, 2, 1},
        {GW_OPERATION_BLOCK_MATMUL_GRADIENT, 2, 1},
        {GW_OPERATION_SLICE, 1, 1},
        {GW_OPERATION_TOKENS, 0, 2},
        {GW_OPERATION_TOKEN_STATISTICS, 2, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const gw_operation operation = {.kind = cases[i].kind};
        ck_assert_uint_eq(gw_operation_input_count(&operation), cases[i].inputs);
        ck_assert_uint_eq(gw_operation_output_count(&operation), cases[i].outputs);
        ck_assert_uint_le(cases[i].inputs, GW_OPERATION_INPUTS_MAX);
        ck_assert_uint_le(cases[i].outputs, GW_OPERATION_OUTPUTS_MAX);
    }
}
END_TEST

START_TEST(maps_of_two_operands)
{
    for (gw_map map = GW_MAP_COPY; map < GW_MAP_COUNT; map++) {
        const gw_operation operation = {.kind = GW_OPERATION_MAP, .map = map};
        const bool takes_two = map == GW_MAP_ADD || map == GW_MAP_SUBTRACT ||
                               map == GW_MAP_MULTIPLY || map == GW_MAP_ADD_ROW ||
                               map == GW_MAP_RELU_GRADIENT || map == GW_MAP_GELU_GRADIENT ||
                               map == GW_MAP_MULTIPLY_COLUMN;
        ck_assert_uint_eq(gw_operation_input_count(&operation), takes_two ? 2 : 1);
        ck_assert_uint_eq(gw_operation_output_count(&operation), 1);
    }
}
END_TEST

START_TEST(six_kinds_are_collective)
{
    uint32_t found = 0;
    for (gw_operation_kind kind = 1; kind < GW_OPERATION_KIND_COUNT; kind++) {
        found += gw_operation_is_collective(&(gw_operation){.kind = kind}) ? 1 : 0;
    }
    ck_assert_uint_eq(found, 6);
    ck_assert(gw_operation_is_collective(&(gw_operation){.kind = GW_OPERATION_ALL_REDUCE}));
    ck_assert(gw_operation_is_collective(&(gw_operation){.kind = GW_OPERATION_PERMUTE}));
    ck_assert(!gw_operation_is_collective(&(gw_operation){.kind = GW_OPERATION_MATMUL}));
    ck_assert(!gw_operation_is_collective(&(gw_operation){.kind = GW_OPERATION_ADAM}));
}
END_TEST

START_TEST(names_are_there_and_differ)
{
    for (gw_operation_kind kind = 1; kind < GW_OPERATION_KIND_COUNT; kind++) {
        ck_assert_ptr_nonnull(gw_operation_name(kind));
        for (gw_operation_kind other = 1; other < kind; other++) {
            ck_assert_str_ne(gw_operation_name(kind), gw_operation_name(other));
        }
    }
    ck_assert_str_eq(gw_operation_name(GW_OPERATION_ALL_REDUCE), "all_reduce");
    ck_assert_str_eq(gw_operation_name(GW_OPERATION_LAYER_NORM), "layer_norm");
    ck_assert_str_eq(gw_operation_name(GW_OPERATION_DURATION), "duration");
}
END_TEST

START_TEST(unset_kind_has_no_name)
{
    gw_operation_name((gw_operation_kind)0);
}
END_TEST

START_TEST(kind_beyond_the_last_has_no_operands)
{
    gw_operation_input_count(&(gw_operation){.kind = (gw_operation_kind)GW_OPERATION_KIND_COUNT});
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("operation");
    tcase_add_test(cases, kinds_have_their_operands);
    tcase_add_test(cases, maps_of_two_operands);
    tcase_add_test(cases, six_kinds_are_collective);
    tcase_add_test(cases, names_are_there_and_differ);
    tcase_add_test_raise_signal(cases, unset_kind_has_no_name, SIGABRT);
    tcase_add_test_raise_signal(cases, kind_beyond_the_last_has_no_operands, SIGABRT);
    Suite *suite = suite_create("operation");
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
