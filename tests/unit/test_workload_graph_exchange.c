/* SPDX-License-Identifier: Apache-2.0 */
/* Inputs of a graph that are dealt out by counts: what they become, and what is refused. */
#include <check.h>
#include <string.h>

#include "base/error.h"
#include "program/exchange.h"
#include "run_suite.h"
#include "workload/workload.h"

/* A router on two devices, experts on four, another expert on one; %s: the nodes. */
static gw_program *build(const char *nodes, GError **error)
{
    g_autofree char *text = g_strdup_printf(
        "{\"meshes\": {\"tokens\": [2], \"experts\": [2, 2], \"one\": [1]}, \"functions\": {"
        "\"route\": {\"operations\": [], \"output\": \"64B\", \"sharded\": true}, "
        "\"think\": {\"operations\": [{\"flops\": 6, \"counted\": true}], \"output\": \"48B\", "
        "\"sharded\": true}, "
        "\"whole\": {\"operations\": [], \"output\": \"48B\", \"sharded\": true}, "
        "\"join\": {\"operations\": []}}, \"nodes\": [%s]}",
        nodes);
    g_autoptr(gw_params) params = gw_params_parse(text, "graph", error);
    return params == NULL ? NULL : gw_workload_graph.build(params, 1, error);
}

#define ROUTER "{\"name\": \"router\", \"function\": \"route\", \"mesh\": \"tokens\"}"
#define DEAL(row, capacity)                                                                        \
    "{\"from\": \"router\", \"exchange\": {\"row\": \"" row "\", \"capacity_rows\": " capacity "}" \
    "}"
#define NODE(name, function, mesh, inputs)                                                         \
    ", {\"name\": \"" name "\", \"function\": \"" function "\", \"mesh\": \"" mesh                 \
    "\", \"inputs\": [" inputs "]}"
#define BACK(from) "{\"from\": \"" from "\", \"exchange\": \"return\"}"

START_TEST(each_deal_has_counts_of_its_own)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(gw_program) program =
        build(ROUTER NODE("experts", "think", "experts", DEAL("8B", "6"))
                  NODE("other", "whole", "one", DEAL("4B", "12"))
                      NODE("join", "join", "tokens", "\"router\", " BACK("experts")),
              &error);
    ck_assert_msg(program != NULL, "%s", program == NULL ? error->message : "");
    const gw_function *router = gw_program_function(program, 0);
    ck_assert_uint_eq(router->output_count, 3);
    ck_assert_uint_eq(gw_function_value(router, gw_function_output(router, 1))->columns, 4);
    ck_assert_uint_eq(gw_function_value(router, gw_function_output(router, 2))->columns, 1);
    const gw_edge *experts = gw_program_edge(program, program->first_edge[1]);
    const gw_edge *other = gw_program_edge(program, program->first_edge[2]);
    ck_assert_uint_eq(experts->exchange.counts_output, 1);
    ck_assert_uint_eq(other->exchange.counts_output, 2);
    ck_assert_int_eq(experts->exchange.overflow, GW_OVERFLOW_FAIL);
    ck_assert_uint_eq(gw_exchange_rows(program, program->first_edge[1]), 8);
    ck_assert_uint_eq(gw_exchange_rows(program, program->first_edge[2]), 16);
    ck_assert_uint_eq(experts->exchange.return_edge, program->first_edge[3] + 1);
    ck_assert(program->counted[1]->operations[1]); /* After the one that says it models time. */
    const gw_function *join = gw_program_function(program, 3);
    const gw_value *back = gw_function_value(join, gw_function_input(join, 1));
    ck_assert_uint_eq(back->rows, 8);
    ck_assert_uint_eq(back->columns, 2); /* 48 bytes for six rows. */
}
END_TEST

START_TEST(mistakes_are_named)
{
    static const struct {
        const char *nodes, *part;
    } samples[] = {
        {ROUTER NODE("e", "whole", "one", DEAL("12B", "4")),
         "/nodes/1/inputs/0/from: found 64 bytes that \"router\" makes on each device, expected a "
         "multiple of 12, whole rows"},
        {ROUTER NODE("e", "whole", "one", DEAL("4B", "0")), "/capacity_rows: found 0"},
        {ROUTER NODE("e", "whole", "one", "{\"from\": \"router\"}"), "\"exchange\""},
        {ROUTER NODE("e", "whole", "one", "{\"from\": \"rooter\", \"exchange\": \"return\"}"),
         "did you mean \"router\"?"},
        {ROUTER NODE("e", "whole", "one", "{\"from\": \"router\", \"exchange\": \"retrun\"}"),
         "did you mean \"return\"?"},
        {ROUTER NODE("e", "whole", "one", BACK("router")),
         "found nothing that \"router\" is dealt, expected rows to return"},
        {ROUTER NODE("e", "whole", "one", DEAL("4B", "7"))
             NODE("join", "join", "tokens", BACK("e")),
         "expected a multiple of 28, numbers of float32 for each row"},
        {ROUTER NODE("e", "think", "one", "\"router\""),
         "found operations of \"think\" that go by dealt rows, and \"e\" is dealt none"},
        {ROUTER NODE("e", "whole", "tokens", DEAL("4B", "4")), "found one mesh, expected two"},
        {ROUTER NODE("e", "whole", "one", DEAL("4B", "4") ", " DEAL("4B", "4")),
         "found a second one to that node"},
    };
    for (uint32_t i = 0; i < G_N_ELEMENTS(samples); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(gw_program) program = build(samples[i].nodes, &error);
        ck_assert_msg(program == NULL, "%s is accepted", samples[i].nodes);
        ck_assert(g_error_matches(error, GW_ERROR, GW_ERROR_SCENARIO));
        ck_assert_msg(strstr(error->message, samples[i].part) != NULL, "%s", error->message);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("workload_graph_exchange");
    TCase *tcase = tcase_create("exchanges");
    tcase_add_test(tcase, each_deal_has_counts_of_its_own);
    tcase_add_test(tcase, mistakes_are_named);
    suite_add_tcase(suite, tcase);
    return gw_run_suite(suite);
}
