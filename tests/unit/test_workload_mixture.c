/* SPDX-License-Identifier: Apache-2.0 */
/* A layer of a mixture of experts: its shape, its cost by rows, and what is refused. */
#include <check.h>
#include <string.h>

#include "base/error.h"
#include "program/exchange.h"
#include "run_suite.h"
#include "workload/workload.h"

static gw_program *build(const char *text, GError **error)
{
    g_autoptr(gw_params) params = gw_params_parse(text, "mixture", error);
    return params == NULL ? NULL : gw_workload_mixture.build(params, 1, error);
}

static const char *const usual =
    "{\"tokens\": 12, \"devices\": 2, \"experts\": 3, \"width\": 4, \"hidden\": 8, "
    "\"capacity_rows\": 5, \"overflow\": \"drop\"}";

START_TEST(tokens_go_to_experts_and_return)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(gw_program) program = build(usual, &error);
    ck_assert_msg(program != NULL, "%s", program == NULL ? error->message : "");
    ck_assert_uint_eq(program->exchange_count, 2);
    ck_assert_double_eq(program->tokens_per_run, 12);
    uint32_t deal = 0;
    while (gw_program_edge(program, deal)->exchange.kind != GW_EXCHANGE_DEAL) {
        deal++;
    }
    ck_assert_uint_eq(gw_exchange_rows(program, deal), 6);
    ck_assert_uint_eq(gw_exchange_capacity(program, deal), 5);
    ck_assert_uint_eq(gw_exchange_row_bytes(program, deal), 16);
    ck_assert_int_eq(gw_program_edge(program, deal)->exchange.overflow, GW_OVERFLOW_DROP);
    ck_assert_uint_ne(gw_program_edge(program, deal)->exchange.return_edge, GW_INDEX_NONE);
}
END_TEST

START_TEST(all_that_an_expert_does_goes_by_rows)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(gw_program) program = build(usual, &error);
    uint32_t node = 0;
    while (strcmp(gw_program_node(program, node)->name, "experts") != 0) {
        node++;
    }
    const gw_function *function = gw_program_function(program, node);
    const gw_counted *counted = program->counted[node];
    ck_assert_uint_eq(function->operations->len, 3);
    for (uint32_t i = 0; i < function->operations->len; i++) {
        ck_assert(counted->operations[i]);
    }
    g_autoptr(gw_function) scratch = gw_function_copy(function);
    gw_counted_resize(counted, scratch, 2);
    const gw_operation first = gw_counted_operation(counted, scratch, 0, 2);
    ck_assert_double_eq(gw_operation_flops(scratch, &first), 2.0 * 2 * 4 * 8);
    ck_assert_double_eq(gw_operation_bytes(scratch, &first), 4.0 * (2 * 4 + 4 * 8 + 2 * 8));
}
END_TEST

START_TEST(mistakes_are_named)
{
    static const struct {
        const char *text, *part;
    } samples[] = {
        {"{\"tokens\": 5, \"devices\": 2, \"experts\": 1, \"width\": 1, \"hidden\": 1}",
         "/tokens: found 5, expected a multiple of devices (2)"},
        {"{\"tokens\": 4, \"devices\": 2, \"experts\": 0, \"width\": 1, \"hidden\": 1}",
         "/experts: found 0"},
        {"{\"tokens\": 4, \"devices\": 2, \"experts\": 1, \"width\": 1}", "\"hidden\""},
        {"{\"tokens\": 4, \"devices\": 2, \"experts\": 1, \"width\": 1, \"hidden\": 1, "
         "\"capacity_rows\": 5}",
         "/capacity_rows: found 5, expected a whole number from 1 to 4"},
        {"{\"tokens\": 4, \"devices\": 2, \"experts\": 1, \"width\": 1, \"hidden\": 1, "
         "\"overflow\": \"dorp\"}",
         "did you mean \"drop\"?"},
        {"{\"tokens\": 4, \"devices\": 2, \"experts\": 1, \"width\": 1, \"hidden\": 1, "
         "\"expert\": 1}",
         "did you mean \"experts\"?"},
    };
    for (uint32_t i = 0; i < G_N_ELEMENTS(samples); i++) {
        g_autoptr(GError) error = NULL;
        ck_assert_ptr_null(build(samples[i].text, &error));
        ck_assert(g_error_matches(error, GW_ERROR, GW_ERROR_SCENARIO));
        ck_assert_msg(strstr(error->message, samples[i].part) != NULL, "%s", error->message);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("workload_mixture");
    TCase *tcase = tcase_create("mixture");
    tcase_add_test(tcase, tokens_go_to_experts_and_return);
    tcase_add_test(tcase, all_that_an_expert_does_goes_by_rows);
    tcase_add_test(tcase, mistakes_are_named);
    suite_add_tcase(suite, tcase);
    return gw_run_suite(suite);
}
