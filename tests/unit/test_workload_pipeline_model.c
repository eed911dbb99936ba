/* SPDX-License-Identifier: Apache-2.0 */
/* What a model adds to a pipeline of given times: where it stands, how much it is, and mistakes. */
#include <check.h>
#include <string.h>

#include "run_suite.h"
#include "test_workload.h"
#include "workload/workload.h"
#include "workload/workload_pipeline_model.h"

/* 6 layers on 4 places, 2 a place but for the ends. */
static const gw_pipeline_model small = {
    .layers = 6, .hidden = 10, .vocabulary = 100, .sequence = 8, .microbatch = 3, .place_count = 4};

typedef struct {
    double flops, bytes;
} work;

static work add_up(const gw_function *function)
{
    work sum = {0};
    for (guint i = 0; i < function->operations->len; i++) {
        const gw_operation *operation = gw_function_operation(function, i);
        ck_assert_int_eq(operation->kind, GW_OPERATION_WORK);
        sum.flops += operation->flops;
        sum.bytes += operation->bytes;
    }
    return sum;
}

static work pass_work(const gw_pipeline_model *model, gw_slot_kind kind, uint32_t place)
{
    gw_function *function = gw_function_new("pass");
    gw_pipeline_model_add_pass(model, function, kind, place);
    const work sum = add_up(function);
    gw_function_free(function);
    return sum;
}

static void expect_work(gw_slot_kind kind, uint32_t place, double flops, double bytes)
{
    const work sum = pass_work(&small, kind, place);
    ck_assert_double_eq(sum.flops, flops);
    ck_assert_double_eq(sum.bytes, bytes);
}

/* 24 tokens: products of 24 x 10 by 10 x 100, logits of 24 x 100, a table of 100 x 10. */
START_TEST(ends_have_what_stands_there)
{
    const double product = 2 * 24 * 10 * 100;
    expect_work(GW_SLOT_FORWARD, 0, 0, 24 * 10 * 11);
    expect_work(GW_SLOT_INPUTS, 0, 0, 0);
    expect_work(GW_SLOT_WEIGHTS, 0, 0, 100 * 10 * 8);
    expect_work(GW_SLOT_BACKWARD, 0, 0, 100 * 10 * 8);
    expect_work(GW_SLOT_FORWARD, 3, product, 24 * 100 * 40);
    expect_work(GW_SLOT_INPUTS, 3, product, 24 * 100 * 16);
    expect_work(GW_SLOT_WEIGHTS, 3, product, 100 * 10 * 8);
    expect_work(GW_SLOT_BACKWARD, 3, 2 * product, 24 * 100 * 16 + 100 * 10 * 8);
    for (uint32_t place = 1; place < 3; place++) {
        for (gw_slot_kind kind = GW_SLOT_FORWARD; kind <= GW_SLOT_WEIGHTS; kind++) {
            expect_work(kind, place, 0, 0);
        }
    }
}
END_TEST

static void expect_product(gw_slot_kind kind, uint32_t place, uint64_t rows, uint64_t columns,
                           uint64_t depth)
{
    gw_function *function = gw_function_new("pass");
    gw_pipeline_model_add_pass(&small, function, kind, place);
    uint32_t count = 0;
    for (guint i = 0; i < function->operations->len; i++) {
        const gw_operation *operation = gw_function_operation(function, i);
        ck_assert((operation->flops > 0) == (operation->depth > 0));
        if (operation->flops > 0) {
            ck_assert_uint_eq(operation->rows, rows);
            ck_assert_uint_eq(operation->columns, columns);
            ck_assert_uint_eq(operation->depth, depth);
            count++;
        }
    }
    ck_assert_uint_eq(count, 1);
    ck_assert(gw_function_check(function, 1, (uint32_t[]){1}, NULL));
    gw_function_free(function);
}

/* Logits, the slopes of what the head reads, and those of its table. */
START_TEST(products_of_the_head_have_their_shapes)
{
    expect_product(GW_SLOT_FORWARD, 3, 24, 100, 10);
    expect_product(GW_SLOT_INPUTS, 3, 24, 10, 100);
    expect_product(GW_SLOT_WEIGHTS, 3, 10, 100, 24);
}
END_TEST

START_TEST(ends_have_a_layer_fewer)
{
    ck_assert_uint_eq(gw_pipeline_model_layers_ns(&small, 0, 1001), 501);
    ck_assert_uint_eq(gw_pipeline_model_layers_ns(&small, 1, 1001), 1001);
    ck_assert_uint_eq(gw_pipeline_model_layers_ns(&small, 3, 1001), 501);
    const gw_pipeline_model bare = {.layers = 2, .place_count = 4};
    ck_assert_uint_eq(gw_pipeline_model_layers_ns(&bare, 0, 1001), 1); /* It has none. */
    const gw_pipeline_model alone = {.layers = 6, .place_count = 1};
    ck_assert_uint_eq(gw_pipeline_model_layers_ns(&alone, 0, 1000), 750);
}
END_TEST

START_TEST(without_a_model_nothing_changes)
{
    const gw_pipeline_model none = {.place_count = 4};
    ck_assert_uint_eq(gw_pipeline_model_layers_ns(&none, 0, 1001), 1001);
    ck_assert_double_eq(gw_pipeline_model_tokens(&none), 0);
    ck_assert_double_eq(pass_work(&none, GW_SLOT_FORWARD, 3).flops, 0);
    ck_assert_double_eq(pass_work(&none, GW_SLOT_FORWARD, 0).bytes, 0);
}
END_TEST

/* Published as models of 1.5 and of 14.6 billion parameters; the head's table is counted twice
 * here, once on either end. */
START_TEST(parameters_are_those_of_the_published_models)
{
    static const struct {
        gw_pipeline_model model;
        double billions;
    } rows[] = {{{22, 2304, 32000, 1024, 6, 8}, 1.5}, {{46, 5120, 32000, 1024, 1, 16}, 14.6}};
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        double count = -32000.0 * (double)rows[i].model.hidden;
        for (uint32_t place = 0; place < rows[i].model.place_count; place++) {
            count += gw_pipeline_model_count(&rows[i].model, place);
        }
        ck_assert_double_eq_tol(count / 1e9, rows[i].billions, 0.05);
    }
}
END_TEST

#define TIMES                                                                                      \
    "\"stages\": 2, \"microbatches\": 2, \"forward\": \"2ms\", \"backward\": \"3ms\", "            \
    "\"weight\": \"1ms\""
#define SIZES "\"hidden\": 16, \"vocabulary\": 64, \"sequence\": 8, \"microbatch\": 3"

START_TEST(each_stage_ends_with_its_update)
{
    g_autoptr(gw_program) program =
        workload_build_good(&gw_workload_pipeline, 1,
                            "{" TIMES ", \"schedule\": \"interleaved\", \"chunks\": 2, "
                            "\"model\": {\"layers\": 6, " SIZES "}}");
    const uint32_t count = program->nodes->len;
    ck_assert_uint_eq(count, 2 * 2 * 2 * 2 + 2);
    ck_assert_double_eq(program->tokens_per_run, 2 * 3 * 8);
    const gw_pipeline_model model = {6, 16, 64, 8, 3, 4};
    for (uint32_t stage = 0; stage < 2; stage++) {
        const uint32_t node = count - 2 + stage;
        ck_assert_uint_eq(gw_program_node(program, node)->mesh, stage);
        const double parameters =
            gw_pipeline_model_count(&model, stage) + gw_pipeline_model_count(&model, stage + 2);
        ck_assert_double_eq(add_up(gw_program_function(program, node)).bytes, 60 * parameters);
    }
}
END_TEST

START_TEST(mistakes_are_told)
{
    static const struct {
        const char *model, *part;
    } rows[] = {
        {"7", "/model: found 7, expected an object"},
        {"{\"layers\": 7, " SIZES "}", "/model/layers: found 7, expected 2 less than a multiple"},
        {"{\"layers\": 0, " SIZES "}", "/model/layers: found 0, expected a whole number from 1"},
        {"{\"layers\": 6, \"hidden\": 16, \"vocabulary\": 64, \"sequence\": 8}",
         "/model: found no \"microbatch\""},
        {"{\"layers\": 6, \"vocabluary\": 64, " SIZES "}", "did you mean \"vocabulary\"?"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *json = g_strdup_printf("{" TIMES ", \"model\": %s}", rows[i].model);
        workload_build_bad(&gw_workload_pipeline, 1, json, rows[i].part);
    }
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("model");
    tcase_add_test(cases, ends_have_what_stands_there);
    tcase_add_test(cases, products_of_the_head_have_their_shapes);
    tcase_add_test(cases, ends_have_a_layer_fewer);
    tcase_add_test(cases, without_a_model_nothing_changes);
    tcase_add_test(cases, parameters_are_those_of_the_published_models);
    tcase_add_test(cases, each_stage_ends_with_its_update);
    tcase_add_test(cases, mistakes_are_told);
    Suite *suite = suite_create("workload_pipeline_model");
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
