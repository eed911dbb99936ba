/* SPDX-License-Identifier: Apache-2.0 */
/* The readers that workloads share: bounds from both sides, what is left alone, and messages. */
#include <check.h>
#include <glib/gstdio.h>
#include <string.h>

#include "base/error.h"
#include "run_suite.h"
#include "workload/workload_params.h"

static gw_params *parse(const char *json)
{
    gw_params *params = gw_params_parse(json, "test.json", NULL);
    ck_assert_ptr_nonnull(params);
    return params;
}

/* Reads `json` in one way; numbers go to out[0..2], a count of dimensions to out[3]. */
typedef bool (*reader)(gw_params *params, uint64_t *out, GError **error);

static bool read_mesh(gw_params *params, uint64_t *out, GError **error)
{
    uint32_t dims = (uint32_t)out[3], shape[3] = {77, 77, 77};
    const bool is_read = gw_workload_read_mesh(params, &dims, shape, error);
    for (uint32_t i = 0; i < 3; i++) {
        out[i] = shape[i];
    }
    out[3] = dims;
    return is_read;
}

static bool read_span(gw_params *params, uint64_t *out, GError **error)
{
    return gw_workload_read_span(params, "gap", false, 10, out, error);
}

static bool read_span_required(gw_params *params, uint64_t *out, GError **error)
{
    return gw_workload_read_span(params, "gap", true, 0, out, error);
}

static bool read_spans(gw_params *params, uint64_t *out, GError **error)
{
    return gw_workload_read_spans(params, "gap", false, 10, 3, out, error);
}

static bool read_spans_required(gw_params *params, uint64_t *out, GError **error)
{
    return gw_workload_read_spans(params, "gap", true, 10, 3, out, error);
}

static bool read_buffer(gw_params *params, uint64_t *out, GError **error)
{
    return gw_workload_read_buffer(params, "size", false, out, error);
}

static bool read_buffer_required(gw_params *params, uint64_t *out, GError **error)
{
    return gw_workload_read_buffer(params, "size", true, out, error);
}

static void expect_values(reader read, const char *json, uint64_t a, uint64_t b, uint64_t c)
{
    g_autoptr(gw_params) params = parse(json);
    g_autoptr(GError) error = NULL;
    uint64_t found[4] = {77, 77, 77, 77};
    const bool is_read = read(params, found, &error);
    ck_assert_msg(is_read, "%s: %s", json, error != NULL ? error->message : "no message");
    ck_assert_uint_eq(found[0], a);
    ck_assert_uint_eq(found[1], b);
    ck_assert_uint_eq(found[2], c);
    ck_assert(gw_params_finish(params, NULL)); /* What was read counts as asked for. */
}

static void expect_bad(reader read, const char *json, const char *part)
{
    g_autoptr(gw_params) params = parse(json);
    g_autoptr(GError) error = NULL;
    uint64_t found[4] = {77, 77, 77, 77};
    ck_assert_msg(!read(params, found, &error), "%s was taken", json);
    ck_assert(g_error_matches(error, GW_ERROR, GW_ERROR_SCENARIO));
    ck_assert_msg(strstr(error->message, part) != NULL, "\"%s\" has no \"%s\"", error->message,
                  part);
}

static bool read_count(gw_params *params, uint64_t *out, GError **error)
{
    uint32_t count = 77;
    const bool is_read = gw_workload_read_count(params, "stages", false, 2, 96, &count, error) &&
                         gw_workload_expect_multiple(params, "stages", count, "chunks", 7, error);
    out[0] = count;
    return is_read;
}

/* --- Counts --- */

START_TEST(counts_are_in_range_and_multiples)
{
    expect_values(read_count, "{\"stages\": 14}", 14, 77, 77);
    expect_values(read_count, "{}", 77, 77, 77); /* Absent, it is left alone. */
    expect_bad(read_count, "{\"stages\": 1}", "test.json:1: /stages: found 1, expected a whole");
    expect_bad(read_count, "{\"stages\": 98}", "/stages: found 98");
    expect_bad(read_count, "{\"stages\": 15}",
               "/stages: found 15, expected a multiple of chunks (7)");
}
END_TEST

/* --- Meshes --- */

START_TEST(meshes_are_filled_up_with_ones)
{
    expect_values(read_mesh, "{\"devices\": 65536}", 65536, 1, 1);
    expect_values(read_mesh, "{\"mesh\": [65536]}", 65536, 1, 1);
    expect_values(read_mesh, "{\"mesh\": [4, 2]}", 4, 2, 1);
    expect_values(read_mesh, "{\"mesh\": [1, 256, 256]}", 1, 256, 256);
    g_autoptr(gw_params) params = parse("{\"mesh\": [1, 1]}");
    uint64_t found[4] = {0};
    ck_assert(read_mesh(params, found, NULL));
    ck_assert_uint_eq(found[3], 2); /* Ones count as dimensions. */
}
END_TEST

START_TEST(bad_meshes_are_refused_and_nothing_is_set)
{
    expect_bad(read_mesh, "{\"mesh\": [65536, 65536, 65536]}",
               "test.json:1: /mesh: found 281474976710656 devices, expected at most 65536");
    expect_bad(read_mesh, "{\"mesh\": [65537]}", "/mesh/0: found 65537, expected a whole number");
    expect_bad(read_mesh, "{\"mesh\": [2, 1.5]}", "/mesh/1: found 1.5");
    expect_bad(read_mesh, "{\"mesh\": [2, \"3\"]}", "/mesh/1: ");
    expect_bad(read_mesh, "{\n\"mesh\": [\n2, -1]}", "test.json:3: /mesh/1: found -1");
    g_autoptr(gw_params) params = parse("{\"mesh\": [2, 0]}");
    uint64_t found[4] = {0, 0, 0, 9};
    ck_assert(!read_mesh(params, found, NULL));
    ck_assert_uint_eq(found[0], 77);
    ck_assert_uint_eq(found[3], 9);
}
END_TEST

/* --- Spans --- */

START_TEST(spans_reach_both_bounds)
{
    expect_values(read_span, "{\"gap\": \"10ns\"}", 10, 77, 77);
    expect_values(read_span, "{\"gap_ns\": 10}", 10, 77, 77);
    expect_values(read_span, "{\"gap\": \"10000s\"}", GW_WORKLOAD_SPAN_MAX_NS, 77, 77);
    expect_values(read_span, "{}", 77, 77, 77); /* Absent, it is left alone. */
    expect_values(read_span_required, "{\"gap_ns\": 0}", 0, 77, 77);
}
END_TEST

START_TEST(spans_beyond_are_refused_under_their_key)
{
    expect_bad(read_span, "{\"gap_ns\": 9}", "test.json:1: /gap_ns: found 9 ns, expected 10 ns to");
    expect_bad(read_span, "{\"gap\": \"9ns\"}", "/gap: found 9 ns");
    expect_bad(read_span, "{\"gap_ns\": 10000000000001}", "/gap_ns: found ");
    expect_bad(read_span, "{\"gap\": 10}", "/gap: ");
    expect_bad(read_span, "{\"gap\": [\"10ns\"]}", "/gap: ");
    expect_bad(read_span_required, "{}", "found no \"gap\"");
}
END_TEST

START_TEST(one_span_serves_all)
{
    expect_values(read_spans, "{\"gap\": \"1us\"}", 1000, 1000, 1000);
    expect_values(read_spans, "{\"gap_ns\": 11}", 11, 11, 11);
    expect_values(read_spans, "{\"gap\": [\"10ns\", \"2us\", \"10000s\"]}", 10, 2000,
                  GW_WORKLOAD_SPAN_MAX_NS);
    expect_values(read_spans, "{\"gap_ns\": [30, 20, 10]}", 30, 20, 10);
    expect_values(read_spans, "{}", 77, 77, 77);
}
END_TEST

START_TEST(bad_lists_of_spans_are_refused)
{
    expect_bad(read_spans, "{\"gap_ns\": [10, 20]}",
               "/gap_ns: found 2 spans, expected 3 or a single one for all");
    expect_bad(read_spans, "{\"gap\": []}", "/gap: found 0 spans, expected 3");
    expect_bad(read_spans, "{\"gap_ns\": [10, 20, 30, 40]}", "/gap_ns: found 4 spans");
    expect_bad(read_spans, "{\"gap_ns\": [10, 9, 8]}", "/gap_ns/1: found 9 ns, expected 10 ns to");
    expect_bad(read_spans, "{\"gap_ns\": [10, 10, 10000000000001]}", "/gap_ns/2: found ");
    expect_bad(read_spans, "{\"gap\": [\"1us\", \"1us\", \"1parsec\"]}", "/gap/2: ");
    expect_bad(read_spans, "{\"gap_ns\": [10, -1, 10]}", "/gap_ns/1: found -1");
    expect_bad(read_spans, "{\"gap_ns\": [10, null, 10]}", "/gap_ns/1: ");
    expect_bad(read_spans, "{\"gap_ns\": 9}", "/gap_ns: found 9 ns");
    expect_bad(read_spans_required, "{}", "found no \"gap\"");
}
END_TEST

/* --- Buffers --- */

START_TEST(buffers_are_whole_floats)
{
    expect_values(read_buffer, "{\"size_bytes\": 4}", 4, 77, 77);
    expect_values(read_buffer, "{\"size\": \"8GiB\"}", GW_WORKLOAD_BUFFER_MAX_BYTES, 77, 77);
    expect_values(read_buffer, "{}", 77, 77, 77);
    expect_bad(read_buffer, "{\"size_bytes\": 0}",
               "/size_bytes: found 0 bytes, expected a multiple of 4 (float32) from 4 to 8");
    expect_bad(read_buffer, "{\"size_bytes\": 3}", "/size_bytes: found 3 bytes");
    expect_bad(read_buffer, "{\"size_bytes\": 6}", "/size_bytes: found 6 bytes");
    expect_bad(read_buffer, "{\"size_bytes\": 8589934596}", "found 8589934596 bytes");
    expect_bad(read_buffer, "{\"size\": \"9GiB\"}", "/size: found 9663676416 bytes");
    expect_bad(read_buffer_required, "{}", "found no \"size\"");
}
END_TEST

/* --- Finishing --- */

START_TEST(paths_lead_from_the_scenario)
{
    gw_params *params = gw_params_parse("{}", "some/where.json", NULL);
    gw_params *here = parse("{}");
    const struct {
        const gw_params *from;
        const char *name, *path;
    } paths[] = {{params, "a/b", "some/a/b"}, {params, "/a/b", "/a/b"}, {here, "a/b", "a/b"}};
    for (size_t i = 0; i < G_N_ELEMENTS(paths); i++) {
        g_autofree char *path = gw_workload_path(paths[i].from, paths[i].name);
        ck_assert_str_eq(path, paths[i].path);
    }
    gw_params_free(here);
    gw_params_free(params);
}
END_TEST

START_TEST(files_are_loaded_whole_or_refused)
{
    g_autofree char *folder = g_dir_make_tmp("gangway-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(folder, "bytes", NULL);
    ck_assert(g_file_set_contents(path, "a\0b", 3, NULL));
    g_autoptr(GBytes) bytes = gw_workload_load(path, "a CSV", NULL);
    ck_assert_uint_eq(g_bytes_get_size(bytes), 3);
    ck_assert_mem_eq(g_bytes_get_data(bytes, NULL), "a\0b", 3);
    g_autoptr(GError) folder_error = NULL, absent_error = NULL;
    ck_assert_ptr_null(gw_workload_load(folder, "a CSV", &folder_error));
    ck_assert(g_error_matches(folder_error, GW_ERROR, GW_ERROR_SCENARIO));
    ck_assert_ptr_nonnull(
        strstr(folder_error->message, "found no file of at most 64 MiB, expected a CSV"));
    ck_assert_int_eq(g_unlink(path), 0);
    ck_assert_ptr_null(gw_workload_load(path, "a CSV", &absent_error));
    ck_assert(g_error_matches(absent_error, GW_ERROR, GW_ERROR_SCENARIO));
    ck_assert_int_eq(g_rmdir(folder), 0);
}
END_TEST

START_TEST(finish_says_where_the_parameters_stand)
{
    g_autoptr(gw_params) params = parse("{\n\"jobs\": {\"a\": 1}}");
    gw_params *place = NULL;
    ck_assert(gw_params_object(params, "jobs", true, &place, NULL));
    g_autoptr(GError) error = NULL;
    ck_assert_ptr_null(gw_workload_finish(gw_builder_new("void"), place, &error));
    ck_assert(g_error_matches(error, GW_ERROR, GW_ERROR_SCENARIO));
    ck_assert_msg(g_str_has_prefix(error->message, "test.json:2: /jobs: program \"void\": "), "%s",
                  error->message);
    ck_assert_ptr_null(gw_workload_finish(gw_builder_new("void"), place, NULL));
}
END_TEST

START_TEST(finish_hands_on_what_is_good)
{
    g_autoptr(gw_params) params = parse("{}");
    gw_builder *builder = gw_builder_new("one");
    gw_builder_add_mesh(builder, "m", 1, (const uint32_t[]){4});
    gw_builder_take_function(builder, gw_function_new("nothing"));
    gw_builder_add_node(builder, "n", 0, 0);
    g_autoptr(GError) error = NULL;
    g_autoptr(gw_program) program = gw_workload_finish(builder, params, &error);
    ck_assert_ptr_null(error);
    ck_assert_ptr_nonnull(program);
    ck_assert_str_eq(program->name, "one");
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("params");
    tcase_add_test(cases, counts_are_in_range_and_multiples);
    tcase_add_test(cases, meshes_are_filled_up_with_ones);
    tcase_add_test(cases, bad_meshes_are_refused_and_nothing_is_set);
    tcase_add_test(cases, spans_reach_both_bounds);
    tcase_add_test(cases, spans_beyond_are_refused_under_their_key);
    tcase_add_test(cases, one_span_serves_all);
    tcase_add_test(cases, bad_lists_of_spans_are_refused);
    tcase_add_test(cases, buffers_are_whole_floats);
    tcase_add_test(cases, paths_lead_from_the_scenario);
    tcase_add_test(cases, files_are_loaded_whole_or_refused);
    tcase_add_test(cases, finish_says_where_the_parameters_stand);
    tcase_add_test(cases, finish_hands_on_what_is_good);
    Suite *suite = suite_create("workload params");
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
