/* SPDX-License-Identifier: Apache-2.0 */
/* Graphs written out: functions made for what their nodes list, resharding between meshes, and
 * mistakes told with their place and a near match. */
#include <check.h>
#include <string.h>

#include "base/error.h"
#include "run_suite.h"
#include "workload/workload.h"

/* --- Builders --- */

static gw_program *build(const char *json, GError **error)
{
    g_autoptr(gw_params) params = gw_params_parse(json, "test.json", error);
    if (params == NULL) {
        return NULL;
    }
    return gw_workload_graph.build(params, 1, error);
}

static gw_program *build_good(const char *json)
{
    g_autoptr(GError) error = NULL;
    gw_program *program = build(json, &error);
    ck_assert_msg(program != NULL, "%s", error != NULL ? error->message : "no message");
    return program;
}

static void build_bad(const char *json, const char *part)
{
    g_autoptr(GError) error = NULL;
    ck_assert_ptr_null(build(json, &error));
    ck_assert(g_error_matches(error, GW_ERROR, GW_ERROR_SCENARIO));
    ck_assert_msg(strstr(error->message, part) != NULL, "\"%s\" has no \"%s\"", error->message,
                  part);
    ck_assert_ptr_nonnull(strstr(error->message, "test.json:"));
}

/* One node "n" on mesh "m" of 2 x 3 devices, with a function of the given members. */
static char *write_function(const char *members)
{
    return g_strdup_printf("{\"meshes\": {\"m\": [2, 3]}, \"functions\": {\"f\": {%s}}, "
                           "\"nodes\": [{\"name\": \"n\", \"function\": \"f\", \"mesh\": \"m\"}]}",
                           members);
}

static gw_program *build_function(const char *members)
{
    g_autofree char *json = write_function(members);
    return build_good(json);
}

static void refuse_function(const char *members, const char *part)
{
    g_autofree char *json = write_function(members);
    build_bad(json, part);
}

/* Nodes as "name function mesh inputs...; ...", set-up ones with a "!" after the name, and `more`
 * members; meshes of 2, 2 and 3 devices, "f" sharded and "r" replicated, both of 24 bytes on each
 * device. */
static char *write_nodes(const char *nodes, const char *more)
{
    GString *json = g_string_new(
        "{\"meshes\": {\"left\": [2], \"right\": [2], \"wide\": [3]}, \"functions\": {"
        "\"f\": {\"operations\": [{\"duration\": \"1ms\"}], \"output\": \"24B\", \"sharded\": "
        "true}, \"r\": {\"operations\": [{\"duration\": \"2ms\"}], \"output\": \"24B\"}}, "
        "\"nodes\": [");
    g_auto(GStrv) lines = g_strsplit(nodes, "; ", -1);
    for (uint32_t i = 0; lines[i] != NULL; i++) {
        g_auto(GStrv) words = g_strsplit(lines[i], " ", -1);
        const bool is_once = g_str_has_suffix(words[0], "!");
        g_string_append_printf(
            json, "%s{\"name\": \"%.*s\", \"function\": \"%s\", \"mesh\": \"%s\", \"once\": %s",
            i > 0 ? ", " : "", (int)strlen(words[0]) - (is_once ? 1 : 0), words[0], words[1],
            words[2], is_once ? "true" : "false");
        for (uint32_t j = 3; words[j] != NULL; j++) {
            g_string_append_printf(json, "%s\"%s\"", j == 3 ? ", \"inputs\": [" : ", ", words[j]);
        }
        g_string_append(json, words[3] != NULL ? "]}" : "}");
    }
    g_string_append_printf(json, "]%s%s}", more[0] != '\0' ? ", " : "", more);
    return g_string_free(json, FALSE);
}

static gw_program *build_nodes(const char *nodes, const char *more)
{
    g_autofree char *json = write_nodes(nodes, more);
    return build_good(json);
}

static void refuse_nodes(const char *nodes, const char *more, const char *part)
{
    g_autofree char *json = write_nodes(nodes, more);
    build_bad(json, part);
}

/* The list of nodes as it stands. */
static void refuse_list(const char *list, const char *part)
{
    g_autofree char *json =
        g_strdup_printf("{\"meshes\": {\"left\": [2]}, \"functions\": {\"f\": {\"operations\": "
                        "[]}}, \"nodes\": %s}",
                        list);
    build_bad(json, part);
}

/* --- Functions --- */

START_TEST(operations_become_what_they_say)
{
    g_autoptr(gw_program) program = build_function(
        "\"operations\": [{\"duration\": \"1.5ms\"}, {\"flops\": 2e12, \"bytes\": \"3GB\"}, "
        "{\"flops\": 5}, {\"bytes\": \"1KiB\"}], \"output\": \"1MiB\", \"computations\": 12");
    const gw_function *function = gw_program_function(program, 0);
    ck_assert_str_eq(function->name, "f");
    ck_assert_uint_eq(function->computations, 12);
    ck_assert_uint_eq(gw_value_bytes(gw_function_value(function, gw_function_output(function, 0))),
                      1 << 20);
    gw_span total_ns = 0;
    double flops = 0, bytes = 0;
    for (uint32_t i = 0; i < function->operations->len; i++) {
        const gw_operation *operation = gw_function_operation(function, i);
        total_ns += operation->duration_ns;
        flops += gw_operation_flops(function, operation);
        bytes += gw_operation_bytes(function, operation);
    }
    ck_assert_uint_eq(total_ns, 1500000);
    ck_assert_double_eq(flops, 2e12 + 5);
    ck_assert_double_eq(bytes, 3e9 + 1024);
}
END_TEST

START_TEST(outputs_are_scalars_by_default)
{
    g_autoptr(gw_program) program = build_function("\"operations\": []");
    const gw_function *function = gw_program_function(program, 0);
    const gw_value *output = gw_function_value(function, gw_function_output(function, 0));
    ck_assert_uint_eq(gw_value_bytes(output), 4);
    ck_assert(!output->is_sharded);
    ck_assert_uint_eq(function->computations, 1);
    ck_assert_uint_eq(gw_function_place_temporaries(function, 1, NULL), 0);
}
END_TEST

START_TEST(collectives_have_their_groups_and_bytes)
{
    g_autoptr(gw_program) program = build_function(
        "\"operations\": [{\"collective\": \"all_reduce\", \"bytes\": \"4MiB\"}, "
        "{\"collective\": \"all_gather\", \"bytes\": \"24B\", \"axes\": [1]}, "
        "{\"collective\": \"reduce_scatter\", \"bytes\": \"24B\", \"axes\": [0]}, "
        "{\"collective\": \"broadcast\", \"bytes\": \"8B\", \"root\": 5}, "
        "{\"collective\": \"permute\", \"bytes\": \"8B\", \"axes\": [0, 1], \"shift\": 2}, "
        "{\"collective\": \"all_to_all\", \"bytes\": \"48B\"}]");
    const gw_function *function = gw_program_function(program, 0);
    static const struct {
        gw_operation_kind kind;
        uint8_t axes;
        uint32_t input_rows, output_rows;
    } expected[] = {
        {GW_OPERATION_ALL_REDUCE, 3, 1 << 20, 1 << 20},
        {GW_OPERATION_ALL_GATHER, 2, 6, 18},
        {GW_OPERATION_REDUCE_SCATTER, 1, 6, 3},
        {GW_OPERATION_BROADCAST, 3, 2, 2},
        {GW_OPERATION_PERMUTE, 3, 2, 2},
        {GW_OPERATION_ALL_TO_ALL, 3, 12, 12},
    };
    uint32_t found = 0;
    for (uint32_t i = 0; i < function->operations->len; i++) {
        const gw_operation *operation = gw_function_operation(function, i);
        if (!gw_operation_is_collective(operation)) {
            continue;
        }
        ck_assert_int_eq(operation->kind, expected[found].kind);
        ck_assert_uint_eq(operation->axes, expected[found].axes);
        ck_assert_uint_eq(gw_function_value(function, operation->inputs[0])->rows,
                          expected[found].input_rows);
        ck_assert_uint_eq(gw_function_value(function, operation->outputs[0])->rows,
                          expected[found].output_rows);
        found++;
        ck_assert(operation->kind != GW_OPERATION_BROADCAST || operation->root == 5);
        ck_assert(operation->kind != GW_OPERATION_PERMUTE || operation->shift == 2);
    }
    ck_assert_uint_eq(found, 6);
}
END_TEST

START_TEST(collectives_of_one_size_share_memory)
{
    g_autoptr(gw_program) program = build_function(
        "\"operations\": [{\"collective\": \"all_reduce\", \"bytes\": \"1MiB\"}, {\"duration\": "
        "\"1us\"}, {\"collective\": \"all_reduce\", \"bytes\": \"1MiB\"}, {\"collective\": "
        "\"permute\", \"bytes\": \"1MiB\"}]");
    const gw_function *function = gw_program_function(program, 0);
    ck_assert_uint_eq(gw_function_place_temporaries(function, 1, NULL), 2 << 20);
}
END_TEST

START_TEST(functions_say_what_is_wrong)
{
    refuse_function("", "/functions/f: found no \"operations\"");
    refuse_function("\"operations\": [5]",
                    "/functions/f/operations/0: found 5, expected an object");
    refuse_function("\"operations\": [{}]", "/functions/f/operations/0: found none of them");
    refuse_function("\"operations\": [{\"duration\": \"1ms\", \"flops\": 5}]",
                    "/functions/f/operations/0/flops: found an unknown key");
    refuse_function("\"operations\": [{\"flops\": -5}]", "/operations/0/flops: found -5");
    refuse_function("\"operations\": [{\"collective\": \"all_reduse\", \"bytes\": \"4B\"}]",
                    "did you mean \"all_reduce\"?");
    refuse_function("\"operations\": [{\"collective\": \"all_reduce\"}]", "found no \"bytes\"");
    refuse_function("\"operations\": [{\"collective\": \"all_reduce\", \"bytes\": \"5B\"}]",
                    "/bytes: found 5 bytes, expected a multiple of 4");
    refuse_function(
        "\"operations\": [{\"collective\": \"all_reduce\", \"bytes\": \"4B\", \"axes\": [2]}]",
        "/operations/0/axes: expected axes below 2, the dimensions of mesh \"m\"");
    refuse_function(
        "\"operations\": [{\"collective\": \"all_reduce\", \"bytes\": \"4B\", \"axes\": []}]",
        "/axes: found no axis");
    refuse_function("\"operations\": [{\"collective\": \"all_to_all\", \"bytes\": \"28B\"}]",
                    "/operations/0: found 28 bytes, expected a multiple of 4 for each of 6");
    refuse_function("\"operations\": [{\"collective\": \"all_gather\", \"bytes\": \"2GiB\"}]",
                    "once gathered from 6 devices");
    refuse_function(
        "\"operations\": [{\"collective\": \"broadcast\", \"bytes\": \"4B\", \"root\": 6}]",
        "/operations/0/root: found 6, expected one of 6 devices");
    refuse_function(
        "\"operations\": [{\"collective\": \"all_reduce\", \"bytes\": \"4B\", \"root\": 1}]",
        "/operations/0/root: found an unknown key");
    refuse_function("\"operations\": [], \"output\": \"3B\"", "/functions/f/output: found 3 bytes");
    refuse_function("\"operations\": [], \"shraded\": true", "did you mean \"sharded\"?");
    refuse_function("\"operations\": [], \"computations\": -1", "/computations: found -1");
}
END_TEST

/* --- Nodes --- */

START_TEST(functions_are_made_for_their_inputs)
{
    g_autoptr(gw_program) program =
        build_nodes("a f left; b r left; c f left a b; d f left c b; e f left b a", "");
    ck_assert_uint_eq(program->nodes->len, 5);
    ck_assert_uint_eq(gw_program_function(program, 0)->input_count, 0);
    ck_assert_uint_eq(gw_program_function(program, 2)->input_count, 2);
    /* c and d list the same shapes; e has them the other way round. */
    ck_assert_ptr_eq(gw_program_function(program, 2), gw_program_function(program, 3));
    ck_assert_ptr_ne(gw_program_function(program, 2), gw_program_function(program, 4));
    ck_assert_uint_eq(program->functions->len, 4);
    const gw_function *e = gw_program_function(program, 4);
    ck_assert(!gw_function_value(e, gw_function_input(e, 0))->is_sharded);
    ck_assert(gw_function_value(e, gw_function_input(e, 1))->is_sharded);
    ck_assert_uint_eq(gw_program_edge(program, program->first_edge[4])->source_node, 1);
    ck_assert_uint_eq(gw_program_edge(program, program->first_edge[4] + 1)->source_node, 0);
}
END_TEST

START_TEST(other_meshes_take_other_shares)
{
    g_autoptr(gw_program) program =
        build_nodes("a f left; b f right a; c r wide a; d r left c", "");
    const gw_function *b = gw_program_function(program, 1), *c = gw_program_function(program, 2);
    const gw_function *d = gw_program_function(program, 3);
    ck_assert_uint_eq(gw_function_value(b, gw_function_input(b, 0))->rows, 6);
    ck_assert_uint_eq(gw_function_value(c, gw_function_input(c, 0))->rows, 4); /* 12 over 3. */
    ck_assert(gw_function_value(c, gw_function_input(c, 0))->is_sharded);
    ck_assert_uint_eq(gw_function_value(d, gw_function_input(d, 0))->rows, 6);
    ck_assert(!gw_function_value(d, gw_function_input(d, 0))->is_sharded);
}
END_TEST

START_TEST(order_in_the_file_is_kept_where_it_can_be)
{
    g_autoptr(gw_program) program = build_nodes("late f left early; early f left; last f left", "");
    ck_assert_str_eq(gw_program_node(program, 0)->name, "early");
    ck_assert_str_eq(gw_program_node(program, 1)->name, "late");
    ck_assert_str_eq(gw_program_node(program, 2)->name, "last");
}
END_TEST

START_TEST(carried_edges_follow_the_listed_inputs)
{
    g_autoptr(gw_program) program =
        build_nodes("s! f left; a f left s; b r left a",
                    "\"carried\": [{\"from\": \"a\", \"to\": \"a\", \"initial\": \"s\"}]");
    ck_assert(gw_program_node(program, 0)->is_once);
    ck_assert_uint_eq(gw_program_function(program, 0)->computations, 0); /* Set-up. */
    ck_assert_uint_eq(gw_program_function(program, 1)->computations, 1);
    ck_assert_uint_eq(gw_program_function(program, 1)->input_count, 2);
    const gw_edge *listed = gw_program_edge(program, 0), *carried = gw_program_edge(program, 1);
    ck_assert(!listed->is_carried);
    ck_assert_uint_eq(listed->target_input, 0);
    ck_assert(carried->is_carried);
    ck_assert_uint_eq(carried->target_input, 1);
    ck_assert_uint_eq(carried->source_node, 1);
    ck_assert_uint_eq(carried->initial_node, 0);
    ck_assert_uint_eq(program->edges->len, 3);
}
END_TEST

START_TEST(cycles_are_told_in_words)
{
    refuse_nodes("a f left c; b f left a; c f left b", "",
                 "nodes wait for each other: a -> b -> c -> a");
}
END_TEST

START_TEST(unknown_names_have_near_matches)
{
    refuse_nodes("a g left", "", "/nodes/0/function: found \"g\", expected the name of a function");
    refuse_nodes("a f lefft", "",
                 "/nodes/0/mesh: found \"lefft\", expected the name of a mesh; did you mean "
                 "\"left\"?");
    refuse_nodes("alpha f left; b f left alpah", "",
                 "/nodes/1/inputs/0: found \"alpah\", expected the name of a node; did you mean "
                 "\"alpha\"?");
    refuse_nodes("a f left", "\"carried\": [{\"from\": \"a\", \"to\": \"a\", \"initial\": \"z\"}]",
                 "/carried/0/initial: found \"z\", expected the name of a node");
}
END_TEST

START_TEST(nodes_say_what_is_wrong)
{
    refuse_list("[]", "found 0 nodes, all set-up");
    refuse_list("[7]", "/nodes/0: found 7, expected an object");
    refuse_list("[{\"function\": \"f\", \"mesh\": \"left\"}]", "/nodes/0: found no \"name\"");
    refuse_list("[{\"name\": \"a\", \"function\": \"f\", \"mesh\": \"left\", \"input\": []}]",
                "/nodes/0/input: found an unknown key");
    refuse_list("[{\"name\": \"a\", \"function\": \"f\", \"mesh\": \"left\", \"inputs\": [7]}]",
                "/nodes/0/inputs/0: found 7");
    refuse_nodes("a f left; a f left", "", "/nodes/1/name: found a second node \"a\"");
    refuse_nodes(" f left", "", "/nodes/0/name: found \"\"");
    refuse_nodes("a\\u0007 f left", "", "/nodes/0/name: found \"a\\u0007\"");
    refuse_nodes("a f left", "\"edges\": []", "/edges: found an unknown key");
    build_bad("{\"meshes\": {}, \"functions\": {}, \"node\": []}", "is \"node\" meant to be it?");
    refuse_nodes("a f left; t! f left a", "", "set-up node \"t\" depends on \"a\"");
}
END_TEST

START_TEST(shares_must_come_out_even)
{
    build_bad("{\"meshes\": {\"m\": [2], \"w\": [3]}, \"functions\": {\"f\": {\"operations\": [], "
              "\"sharded\": true}}, \"nodes\": [{\"name\": \"a\", \"function\": \"f\", \"mesh\": "
              "\"m\"}, {\"name\": \"b\", \"function\": \"f\", \"mesh\": \"w\", \"inputs\": "
              "[\"a\"]}]}",
              "/nodes/1/mesh: found 3 devices for the 8 bytes that \"a\" makes");
}
END_TEST

START_TEST(carried_edges_say_what_is_wrong)
{
    const char *nodes = "s! f left; a f left";
    refuse_nodes(nodes, "\"carried\": [{\"from\": \"a\", \"to\": \"a\", \"initial\": \"a\"}]",
                 "begins with \"a\", expected a set-up node");
    refuse_nodes(nodes, "\"carried\": [{\"from\": \"a\", \"to\": \"a\"}]",
                 "/carried/0: found no \"initial\"");
    refuse_nodes(nodes, "\"carried\": [{\"from\": \"a\", \"to\": \"s\", \"initial\": \"s\"}]",
                 "set-up node \"s\" depends on \"a\"");
    refuse_nodes(nodes, "\"carried\": [\"a\"]", "/carried/0: found \"a\", expected an object");
    refuse_nodes("s! r left; a f left",
                 "\"carried\": [{\"from\": \"a\", \"to\": \"a\", \"initial\": \"s\"}]",
                 "output 0 of \"s\" to input 0 of \"a\"");
}
END_TEST

START_TEST(meshes_say_what_is_wrong)
{
    build_bad("{\"meshes\": {\"m\": [2, 0]}, \"functions\": {}, \"nodes\": []}",
              "/meshes/m/1: found 0");
    build_bad("{\"meshes\": {\"m\": 4}, \"functions\": {}, \"nodes\": []}",
              "/meshes/m: found 4, expected an array");
    build_bad("{\"meshes\": {\"m\": [1, 1, 1, 1]}, \"functions\": {}, \"nodes\": []}",
              "/meshes/m: found 4 sizes");
    build_bad("{\"functions\": {}, \"nodes\": []}", "found no \"meshes\"");
}
END_TEST

START_TEST(many_nodes_share_functions)
{
    g_autoptr(GString) json = g_string_new(
        "{\"meshes\": {\"m\": [4]}, \"functions\": {\"f\": {\"operations\": [{\"duration\": "
        "\"1us\"}]}}, \"nodes\": [{\"name\": \"n0\", \"function\": \"f\", \"mesh\": \"m\"}");
    for (uint32_t i = 1; i < 5000; i++) {
        g_string_append_printf(json,
                               ", {\"name\": \"n%u\", \"function\": \"f\", \"mesh\": \"m\", "
                               "\"inputs\": [\"n%u\"]}",
                               i, i - 1);
    }
    g_string_append(json, "]}");
    g_autoptr(gw_program) program = build_good(json->str);
    ck_assert_uint_eq(program->nodes->len, 5000);
    ck_assert_uint_eq(program->functions->len, 2);
}
END_TEST

static TCase *make_function_cases(void)
{
    TCase *cases = tcase_create("functions");
    tcase_add_test(cases, operations_become_what_they_say);
    tcase_add_test(cases, outputs_are_scalars_by_default);
    tcase_add_test(cases, collectives_have_their_groups_and_bytes);
    tcase_add_test(cases, collectives_of_one_size_share_memory);
    tcase_add_test(cases, functions_say_what_is_wrong);
    return cases;
}

static TCase *make_node_cases(void)
{
    TCase *cases = tcase_create("nodes");
    tcase_add_test(cases, functions_are_made_for_their_inputs);
    tcase_add_test(cases, other_meshes_take_other_shares);
    tcase_add_test(cases, order_in_the_file_is_kept_where_it_can_be);
    tcase_add_test(cases, carried_edges_follow_the_listed_inputs);
    tcase_add_test(cases, cycles_are_told_in_words);
    tcase_add_test(cases, unknown_names_have_near_matches);
    tcase_add_test(cases, nodes_say_what_is_wrong);
    tcase_add_test(cases, shares_must_come_out_even);
    tcase_add_test(cases, carried_edges_say_what_is_wrong);
    tcase_add_test(cases, meshes_say_what_is_wrong);
    tcase_add_test(cases, many_nodes_share_functions);
    return cases;
}

int main(void)
{
    Suite *suite = suite_create("workload_graph");
    suite_add_tcase(suite, make_function_cases());
    suite_add_tcase(suite, make_node_cases());
    return gw_run_suite(suite);
}
