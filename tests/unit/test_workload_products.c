/* SPDX-License-Identifier: Apache-2.0 */
/* Products as a program: how many, how large, what is the same on all devices; and mistakes. */
#include <check.h>
#include <string.h>

#include "run_suite.h"
#include "test_workload.h"
#include "workload/workload.h"

static gw_program *build(const char *json, GError **error)
{
    return workload_build(&gw_workload_products, 1, json, error);
}

static void build_bad(const char *json, const char *part)
{
    workload_build_bad(&gw_workload_products, 1, json, part);
}

static double count_flops(const gw_program *program)
{
    double flops = 0;
    for (uint32_t n = 0; n < program->nodes->len; n++) {
        const gw_function *function = gw_program_function(program, n);
        for (uint32_t i = 0; i < function->operations->len; i++) {
            const gw_operation *operation = gw_function_operation(function, i);
            if (operation->kind == GW_OPERATION_MATMUL)
                flops += gw_operation_flops(function, operation);
        }
    }
    return flops;
}

START_TEST(products_have_the_sizes_asked_for)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(gw_program) program =
        build("{\"devices\": 2, \"size\": 64, \"rows\": 16, \"length\": 5}", &error);
    ck_assert_msg(program != NULL, "%s", error != NULL ? error->message : "");
    ck_assert_uint_eq(program->nodes->len, 1 + 5);
    ck_assert_double_eq(count_flops(program), 5.0 * 2 * 16 * 64 * 64);
    g_autoptr(gw_program) square = build("{\"mesh\": [2, 2], \"size\": 8}", &error);
    ck_assert_uint_eq(square->nodes->len, 1 + 16);
    ck_assert_double_eq(count_flops(square), 16.0 * 2 * 8 * 8 * 8);
}
END_TEST

START_TEST(mistakes_are_named)
{
    build_bad("{\"devices\": 2}", "size");
    build_bad("{\"size\": 8}", "devices");
    build_bad("{\"devices\": 2, \"size\": 0}", "size");
    build_bad("{\"devices\": 2, \"size\": 8, \"rows\": 40000}", "rows");
    build_bad("{\"devices\": 2, \"size\": 8, \"lenght\": 4}", "did you mean \"length\"?");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("workload_products");
    TCase *tcase = tcase_create("workload_products");
    tcase_add_test(tcase, products_have_the_sizes_asked_for);
    tcase_add_test(tcase, mistakes_are_named);
    suite_add_tcase(suite, tcase);
    return gw_run_suite(suite);
}
