/* SPDX-License-Identifier: Apache-2.0 */
/* The chain: its shape, its value counted by a small interpreter, fused, and mistakes. */
#include <check.h>
#include <string.h>

#include "run_suite.h"
#include "test_workload.h"
#include "workload/workload.h"

static gw_program *build_good(const char *json)
{
    return workload_build_good(&gw_workload_chain, 1, json);
}

static void build_bad(const char *json, const char *part)
{
    workload_build_bad(&gw_workload_chain, 1, json, part);
}

/* --- Builders --- */

/* Runs a function of scalars on `device_count` devices that all hold the same. */
static float run_node(const gw_function *function, uint32_t device_count, float input)
{
    g_autofree float *values = g_new0(float, function->values->len);
    if (function->input_count > 0) {
        values[gw_function_input(function, 0)] = input;
    }
    for (uint32_t i = 0; i < function->operations->len; i++) {
        const gw_operation *operation = gw_function_operation(function, i);
        const float x = values[operation->inputs[0]];
        float *y = &values[operation->outputs[0]];
        if (operation->kind == GW_OPERATION_FILL) {
            *y = (float)operation->scalar;
        } else if (operation->kind == GW_OPERATION_ALL_REDUCE) {
            *y = x * (float)device_count;
        } else if (operation->kind == GW_OPERATION_MAP && operation->map == GW_MAP_SCALE) {
            *y = (float)operation->scalar * x;
        } else if (operation->kind == GW_OPERATION_MAP && operation->map == GW_MAP_ADD_SCALAR) {
            *y = (float)operation->scalar + x;
        } else {
            ck_assert_int_eq(operation->kind, GW_OPERATION_DURATION);
        }
    }
    return values[gw_function_output(function, 0)];
}

/* The last node's value after so many runs. */
static float run_chain(const gw_program *program, uint32_t run_count)
{
    const uint32_t count = program->nodes->len;
    g_autofree float *values = g_new0(float, count);
    for (uint32_t run = 0; run < run_count; run++) {
        for (uint32_t node = 0; node < count; node++) {
            if (gw_program_node(program, node)->is_once && run > 0) {
                continue;
            }
            float input = 0;
            for (uint32_t i = program->first_edge[node]; i < program->first_edge[node + 1]; i++) {
                const gw_edge *edge = gw_program_edge(program, i);
                input =
                    values[edge->is_carried && run == 0 ? edge->initial_node : edge->source_node];
            }
            const uint32_t mesh = gw_program_node(program, node)->mesh;
            values[node] = run_node(gw_program_function(program, node),
                                    gw_mesh_device_count(gw_program_mesh(program, mesh)), input);
        }
    }
    return values[count - 1];
}

/* --- Tests --- */

START_TEST(default_is_128_on_one_mesh)
{
    g_autoptr(gw_program) program = build_good("{\"devices\": 8}");
    ck_assert_str_eq(program->name, "chain");
    ck_assert_uint_eq(program->nodes->len, 129);
    ck_assert_uint_eq(program->meshes->len, 1);
    ck_assert_uint_eq(gw_mesh_device_count(gw_program_mesh(program, 0)), 8);
    ck_assert_uint_eq(program->functions->len, 2);
    ck_assert_uint_eq(program->edges->len, 128);
    ck_assert_uint_eq(program->results->len, 0);
    ck_assert_double_eq(program->tokens_per_run, 0);
    ck_assert(gw_program_node(program, 0)->is_once);
    ck_assert_uint_eq(gw_program_function(program, 0)->computations, 0);
    for (uint32_t i = 1; i <= 128; i++) {
        ck_assert_uint_eq(gw_program_function(program, i)->computations, 1);
        ck_assert_uint_eq(gw_program_edge(program, i - 1)->target_node, i);
        ck_assert_uint_eq(gw_program_edge(program, i - 1)->source_node, i > 1 ? i - 1 : 128);
        ck_assert(gw_program_edge(program, i - 1)->is_carried == (i == 1));
    }
}
END_TEST

START_TEST(each_node_reduces_over_all_devices)
{
    g_autoptr(gw_program) program = build_good("{\"mesh\": [2, 3, 4], \"length\": 1}");
    const gw_mesh *mesh = gw_program_mesh(program, 0);
    ck_assert_uint_eq(mesh->dims, 3);
    ck_assert_uint_eq(mesh->shape[2], 4);
    const gw_function *function = gw_program_function(program, 1);
    const gw_operation *first = gw_function_operation(function, 0);
    ck_assert_int_eq(first->kind, GW_OPERATION_ALL_REDUCE);
    uint32_t group, position;
    ck_assert_uint_eq(gw_mesh_group(mesh, first->axes, 23, &group, &position), 24);
    ck_assert_double_eq(gw_operation_bytes(function, first), 4);
    ck_assert_uint_eq(gw_program_edge(program, 0)->source_node, 1); /* Carried to itself. */
}
END_TEST

START_TEST(value_counts_computations)
{
    static const char *const jsons[] = {
        "{\"devices\": 1, \"length\": 5, \"result\": true}",
        "{\"devices\": 64, \"length\": 5, \"result\": true}",
        "{\"mesh\": [4, 8], \"length\": 5, \"result\": true, \"duration\": \"40us\"}",
        "{\"devices\": 4, \"length\": 5, \"result\": true, \"meshes\": 3}",
    };
    for (size_t i = 0; i < sizeof jsons / sizeof *jsons; i++) {
        g_autoptr(gw_program) program = build_good(jsons[i]);
        ck_assert_float_eq(run_chain(program, 1), 5);
        ck_assert_float_eq(run_chain(program, 200), 1000);
        const gw_result *result = &g_array_index(program->results, gw_result, 0);
        ck_assert_str_eq(result->name, "value");
        ck_assert_uint_eq(result->node, program->nodes->len - 1);
    }
}
END_TEST

START_TEST(independent_runs_begin_anew)
{
    g_autoptr(gw_program) program =
        build_good("{\"devices\": 2, \"length\": 7, \"independent\": true}");
    ck_assert(!gw_program_edge(program, 0)->is_carried);
    ck_assert_uint_eq(gw_program_edge(program, 0)->source_node, 0);
    ck_assert_float_eq(run_chain(program, 1), 7);
    ck_assert_float_eq(run_chain(program, 50), 7);
}
END_TEST

START_TEST(duration_comes_on_top)
{
    g_autoptr(gw_program) program =
        build_good("{\"devices\": 2, \"length\": 2, \"duration\": \"0.33ms\"}");
    const gw_function *function = gw_program_function(program, 2);
    ck_assert_int_eq(gw_function_operation(function, 0)->kind, GW_OPERATION_DURATION);
    ck_assert_uint_eq(gw_function_operation(function, 0)->duration_ns, 330000);
    ck_assert_int_eq(gw_function_operation(function, 1)->kind, GW_OPERATION_ALL_REDUCE);
}
END_TEST

START_TEST(meshes_take_turns)
{
    g_autoptr(gw_program) program = build_good("{\"devices\": 4, \"length\": 7, \"meshes\": 3}");
    ck_assert_uint_eq(program->meshes->len, 3);
    ck_assert_str_eq(gw_program_mesh(program, 2)->name, "mesh2");
    for (uint32_t i = 0; i < 7; i++) {
        ck_assert_uint_eq(gw_program_node(program, i + 1)->mesh, i % 3);
    }
}
END_TEST

START_TEST(fused_chain_computes_the_same)
{
    g_autoptr(gw_program) program = build_good("{\"devices\": 16}");
    g_autoptr(gw_program) fused = gw_program_fuse(program, NULL);
    ck_assert_ptr_nonnull(fused);
    ck_assert_uint_eq(fused->nodes->len, 2);
    ck_assert_uint_eq(gw_program_function(fused, 1)->computations, 128);
    ck_assert_float_eq(run_chain(fused, 10), 1280);
    double parts_flops = 0, whole_flops = 0;
    for (uint32_t i = 1; i <= 128; i++) {
        const gw_function *function = gw_program_function(program, i);
        for (uint32_t j = 0; j < function->operations->len; j++) {
            parts_flops += gw_operation_flops(function, gw_function_operation(function, j));
        }
    }
    const gw_function *function = gw_program_function(fused, 1);
    for (uint32_t j = 0; j < function->operations->len; j++) {
        whole_flops += gw_operation_flops(function, gw_function_operation(function, j));
    }
    ck_assert_double_eq(parts_flops, whole_flops);
    ck_assert_double_eq(whole_flops, 256);
}
END_TEST

START_TEST(mistakes_are_told)
{
    build_bad("{}", "test.json:1: /: found no \"devices\"");
    build_bad("{\"devices\": 0}", "/devices: found 0, expected a whole number from 1 to 65536");
    build_bad("{\"devices\": 65537}", "/devices: found 65537");
    build_bad("{\"devices\": 4, \"mesh\": [4]}", "/mesh: found \"mesh\" as well as \"devices\"");
    build_bad("{\"mesh\": []}", "/mesh: found 0 sizes, expected 1 to 3");
    build_bad("{\"mesh\": [2, 2, 2, 2]}", "/mesh: found 4 sizes");
    build_bad("{\"mesh\": [2, 0]}", "/mesh/1: found 0");
    build_bad("{\"mesh\": [4096, 4096]}", "/mesh: found 16777216 devices, expected at most 65536");
    build_bad("{\"mesh\": 4}", "/mesh: found 4, expected an array");
    build_bad("{\"devices\": 4, \"length\": 0}", "/length: found 0");
    build_bad("{\"devices\": 4, \"length\": 262145}", "/length: found 262145");
    build_bad("{\"devices\": 4, \"duration\": \"3h\"}", "/duration: ");
    build_bad("{\"devices\": 4, \"duration\": \"10001s\"}", "/duration: found");
    build_bad("{\"devices\": 4, \"duration_ns\": 10000000000001}", "/duration_ns: found");
    build_bad("{\"devices\": 4, \"lenght\": 3}", "did you mean \"length\"?");
    build_bad("{\"devices\": 4, \"result\": 1}", "/result: found 1, expected true or false");
}
END_TEST

START_TEST(workloads_are_found_by_name)
{
    ck_assert_ptr_eq(gw_workload_find("chain"), &gw_workload_chain);
    ck_assert_ptr_eq(gw_workload_find("mlp"), &gw_workload_mlp);
    ck_assert_ptr_null(gw_workload_find("chains"));
    ck_assert_ptr_null(gw_workload_find(""));
    for (size_t i = 0; gw_workloads[i] != NULL; i++) {
        ck_assert_ptr_eq(gw_workload_find(gw_workloads[i]->name), gw_workloads[i]);
        ck_assert_ptr_nonnull(gw_workloads[i]->build);
        ck_assert_ptr_nonnull(gw_workloads[i]->help[0]);
        if (i > 0) {
            ck_assert_str_lt(gw_workloads[i - 1]->name, gw_workloads[i]->name);
        }
        for (size_t j = 0; gw_workloads[i]->help[j] != NULL; j++) {
            ck_assert_ptr_nonnull(strstr(gw_workloads[i]->help[j], "  ")); /* Name, meaning. */
        }
    }
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("chain");
    tcase_add_test(cases, default_is_128_on_one_mesh);
    tcase_add_test(cases, each_node_reduces_over_all_devices);
    tcase_add_test(cases, value_counts_computations);
    tcase_add_test(cases, independent_runs_begin_anew);
    tcase_add_test(cases, duration_comes_on_top);
    tcase_add_test(cases, meshes_take_turns);
    tcase_add_test(cases, fused_chain_computes_the_same);
    tcase_add_test(cases, mistakes_are_told);
    tcase_add_test(cases, workloads_are_found_by_name);
    Suite *suite = suite_create("workload_chain");
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
