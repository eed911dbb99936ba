/* SPDX-License-Identifier: Apache-2.0 */
/* Steps on several islands: which meshes and nodes there are, what goes from island to island, in
 * which order it is added up, and mistakes.  That losses do not depend on it is
 * tests/cli/test_transformer.py's. */
#include <check.h>
#include <string.h>

#include "run_suite.h"
#include "test_workload.h"
#include "workload/transformer.h"
#include "workload/workload.h"

static gw_program *build_good(const char *json)
{
    return workload_build_good(&gw_workload_transformer, 7, json);
}

static void build_bad(const char *json, const char *part)
{
    workload_build_bad(&gw_workload_transformer, 7, json, part);
}

#define SIZES                                                                                      \
    "\"layers\": 2, \"hidden\": 24, \"heads\": 6, \"vocabulary\": 42, \"sequence\": 10, "          \
    "\"batch\": 8"

START_TEST(each_island_has_meshes_of_its_own)
{
    static const char *const meshes[] = {"island0.stage0", "island0.stage1", "island1.stage0",
                                         "island1.stage1"};
    g_autoptr(gw_program) program =
        build_good("{" SIZES ", \"data\": 2, \"stages\": 2, \"islands\": 2, \"microbatch\": 1}");
    ck_assert_uint_eq(program->meshes->len, G_N_ELEMENTS(meshes));
    for (uint32_t i = 0; i < G_N_ELEMENTS(meshes); i++)
        ck_assert_str_eq(gw_program_mesh(program, i)->name, meshes[i]);
    /* Tokens and parameters of each stage, 2 micro-batches there and back, updates. */
    ck_assert_uint_eq(program->nodes->len, 2 * 2 * (2 + 4 + 1));
    ck_assert_uint_eq(program->results->len, 1);
    const gw_result *loss = &g_array_index(program->results, gw_result, 0);
    ck_assert_str_eq(gw_program_node(program, loss->node)->name, "update.i0.s1");
    ck_assert_double_eq(program->tokens_per_run, 8 * 10);
    g_autoptr(gw_program) alone = build_good("{" SIZES ", \"islands\": 2}");
    ck_assert_str_eq(gw_program_mesh(alone, 0)->name, "island0");
    ck_assert_str_eq(gw_program_mesh(alone, 1)->name, "island1");
}
END_TEST

static uint32_t mesh_of(const gw_program *program, uint32_t node)
{
    return gw_program_node(program, node)->mesh;
}

/* Between islands nothing but slopes goes, and to the first the loss: what can be cut, vectors too,
 * in parts along data, so that in all each slope goes once each way, or from both of tensor. */
START_TEST(each_device_sends_its_part)
{
    g_autoptr(gw_program) program =
        build_good("{" SIZES ", \"data\": 2, \"tensor\": 2, \"islands\": 2}");
    const uint32_t devices = 4;
    uint64_t sent_bytes[2] = {0}, slope_bytes = 0;
    gw_transformer model = {.layers = 2,
                            .hidden = 24,
                            .heads = 6,
                            .feed_forward = 96,
                            .vocabulary = 42,
                            .sequence = 10,
                            .batch = 8,
                            .microbatch = 2,
                            .data = 2,
                            .tensor = 2,
                            .places = 1,
                            .zero = 1,
                            .islands = 2};
    for (uint32_t e = 0; e < program->edges->len; e++) {
        const gw_edge *edge = gw_program_edge(program, e);
        const uint32_t from = mesh_of(program, edge->source_node);
        if (from == mesh_of(program, edge->target_node))
            continue;
        ck_assert(!edge->is_carried);
        ck_assert_ptr_nonnull(strstr(gw_program_node(program, edge->target_node)->name, "update"));
        const gw_function *function = gw_program_function(program, edge->source_node);
        sent_bytes[from] +=
            devices * gw_value_bytes(gw_function_value(
                          function, gw_function_output(function, edge->source_output)));
    }
    uint32_t first;
    g_autoptr(GArray) tensors = gw_transformer_list_tensors(&model, 0, &first);
    for (uint32_t i = 0; i < tensors->len; i++) {
        const gw_transformer_tensor *tensor = &g_array_index(tensors, gw_transformer_tensor, i);
        const bool is_cut = gw_transformer_is_parted(&model, tensor) || tensor->rows == 1;
        slope_bytes += (is_cut ? model.tensor : devices) * 4 * (uint64_t)tensor->rows *
                       tensor->columns; /* The words' 21 rows cannot be halved. */
    }
    ck_assert_uint_eq(sent_bytes[0], slope_bytes);
    ck_assert_uint_eq(sent_bytes[1], slope_bytes + devices * 4);
}
END_TEST

/* Sums of floats depend on the order, and islands have to stay alike. */
START_TEST(all_islands_add_up_in_one_order)
{
    g_autoptr(gw_program) program =
        build_good("{" SIZES ", \"data\": 2, \"islands\": 4, \"microbatch\": 1}");
    uint32_t update_count = 0;
    for (uint32_t n = 0; n < program->nodes->len; n++) {
        if (!g_str_has_prefix(gw_program_node(program, n)->name, "update"))
            continue;
        update_count++;
        const uint32_t first = program->first_edge[n];
        const uint32_t tensor_count = 2 + 2 * 16 + 3; /* Embedding, layers, head. */
        for (uint32_t i = 0; i < 4 * tensor_count; i++)
            ck_assert_uint_eq(mesh_of(program, gw_program_edge(program, first + i)->source_node),
                              i / tensor_count);
    }
    ck_assert_uint_eq(update_count, 4);
}
END_TEST

/* Micro-batch m of island i of n: blocks of sequences from m n + i on, so that all are drawn once.
 */
START_TEST(islands_have_sequences_of_their_own)
{
    g_autoptr(gw_program) program =
        build_good("{" SIZES ", \"data\": 2, \"islands\": 2, \"microbatch\": 1}");
    uint32_t seen = 0;
    for (uint32_t n = 0; n < program->nodes->len; n++) {
        const gw_function *function = gw_program_function(program, n);
        for (uint32_t i = 0; i < function->operations->len; i++) {
            const gw_operation *operation = gw_function_operation(function, i);
            if (operation->kind == GW_OPERATION_TOKENS)
                seen |= 1U << operation->shift;
        }
    }
    ck_assert_uint_eq(seen, 0xf);
}
END_TEST

/* All of them are in one chunk, each chunk has one, and chunks are about as large, where the
 * largest tensor lets them. */
START_TEST(chunks_part_the_tensors)
{
    gw_transformer model = {.layers = 2,
                            .hidden = 24,
                            .heads = 6,
                            .feed_forward = 96,
                            .vocabulary = 42,
                            .sequence = 10,
                            .data = 2,
                            .tensor = 1,
                            .places = 1,
                            .zero = 1,
                            .islands = 2};
    uint32_t unused;
    g_autoptr(GArray) tensors = gw_transformer_list_tensors(&model, 0, &unused);
    uint64_t all = 0, largest = 0;
    for (uint32_t i = 0; i < tensors->len; i++) {
        const gw_transformer_tensor *one = &g_array_index(tensors, gw_transformer_tensor, i);
        const uint64_t size = (uint64_t)gw_transformer_part_rows(&model, one) *
                              gw_transformer_sent_columns(&model, one);
        all += size;
        largest = MAX(largest, size);
    }
    for (model.exchange_chunks = 0; model.exchange_chunks <= tensors->len;
         model.exchange_chunks++) {
        const uint32_t chunk_count = gw_transformer_count_chunks(&model);
        uint32_t next = 0;
        for (uint32_t c = 0; c < chunk_count; c++) {
            const gw_transformer_chunk chunk = gw_transformer_find_chunk(&model, tensors, c);
            uint64_t size = 0;
            ck_assert_uint_eq(chunk.first, next);
            ck_assert_uint_ge(chunk.count, 1);
            next += chunk.count;
            for (uint32_t i = chunk.first; i < next; i++) {
                const gw_transformer_tensor *one =
                    &g_array_index(tensors, gw_transformer_tensor, i);
                size += (uint64_t)gw_transformer_part_rows(&model, one) *
                        gw_transformer_sent_columns(&model, one);
            }
            ck_assert_uint_le(size, all / chunk_count + largest);
        }
        ck_assert_uint_eq(next, tensors->len);
    }
}
END_TEST

/* An update for each, which reads that chunk's slopes and state alone; the first has the loss. */
START_TEST(each_chunk_is_updated_by_itself)
{
    g_autoptr(gw_program) program = build_good(
        "{" SIZES ", \"data\": 2, \"islands\": 2, \"exchange_chunks\": 3, \"chunks\": 2, "
        "\"schedule\": \"interleaved\", \"microbatch\": 2}");
    static const char *const names[] = {"update0.i0.c1", "update1.i0.c1", "update2.i0.c1",
                                        "update0.i0.c0", "update1.i0.c0", "update2.i0.c0",
                                        "update0.i1.c1"};
    const uint32_t first = program->nodes->len - 12;
    uint64_t slope_count = 0, kept_count = 0;
    for (uint32_t i = 0; i < G_N_ELEMENTS(names); i++)
        ck_assert_str_eq(gw_program_node(program, first + i)->name, names[i]);
    for (uint32_t n = first; n < first + 6; n++)
        for (uint32_t e = program->first_edge[n]; e < program->first_edge[n + 1]; e++) {
            const gw_edge *edge = gw_program_edge(program, e);
            slope_count += !edge->is_carried;
            kept_count += edge->is_carried;
            ck_assert(!edge->is_carried || edge->source_node == n);
        }
    const uint32_t tensor_count = 2 + 2 * 16 + 3;
    ck_assert_uint_eq(slope_count, 2 * tensor_count + 2); /* And each island's loss. */
    ck_assert_uint_eq(kept_count, 3 * tensor_count + 6);  /* And each chunk's number of updates. */
    const gw_result *loss = &g_array_index(program->results, gw_result, 0);
    ck_assert_uint_eq(loss->node, first);
}
END_TEST

/* Eight layers, as in places of ten, two of them embedding and head. */
START_TEST(light_ends_have_a_layer_fewer)
{
    gw_transformer model = {.layers = 8,
                            .hidden = 24,
                            .heads = 6,
                            .feed_forward = 96,
                            .vocabulary = 42,
                            .sequence = 10,
                            .batch = 1,
                            .microbatch = 1,
                            .data = 1,
                            .tensor = 1,
                            .places = 5,
                            .has_light_ends = true};
    uint32_t first, tensor_count = 0;
    for (uint32_t p = 0; p < model.places; p++) {
        g_autoptr(GArray) tensors = gw_transformer_list_tensors(&model, p, &first);
        const uint32_t layers = p == 0 || p == 4 ? 1 : 2;
        ck_assert_uint_eq(first, tensor_count);
        ck_assert_uint_eq(tensors->len, 16 * layers + (p == 0 ? 2 : 0) + (p == 4 ? 3 : 0));
        tensor_count += tensors->len;
    }
    model.places = 2;
    for (uint32_t p = 0; p < model.places; p++) {
        g_autoptr(GArray) tensors = gw_transformer_list_tensors(&model, p, &first);
        ck_assert_uint_eq(tensors->len, 16 * 4 + (p == 0 ? 2 : 3));
    }
}
END_TEST

START_TEST(mistakes_have_words)
{
    build_bad("{" SIZES ", \"light_ends\": true}", "/light_ends: found true with one stage");
    build_bad("{" SIZES ", \"light_ends\": true, \"stages\": 2, \"encoder_layers\": 2}",
              "/light_ends: found true with an encoder");
    build_bad("{" SIZES ", \"light_ends\": true, \"stages\": 3}",
              "/layers: found 2, expected 2 less than a multiple of stages times chunks (3)");
    build_bad("{" SIZES ", \"light_ends\": true, \"stages\": 4}", "with light ends at least twice");
    build_bad("{" SIZES ", \"islands\": 3}",
              "/batch: found 8, expected a multiple of islands, on each of data (3)");
    build_bad("{" SIZES ", \"data\": 4, \"islands\": 4}",
              "/batch: found 2, expected a multiple of islands, on each of data (4)");
    build_bad("{" SIZES ", \"islands\": 2, \"microbatch\": 3}",
              "/batch: found 4, expected a multiple of microbatch, on each of data (3)");
    build_bad("{" SIZES ", \"data\": 2, \"islands\": 2, \"zero\": 0}",
              "/zero: found 0 with 2 islands, expected 1 to 3");
    build_bad("{" SIZES ", \"islands\": 0}", "/islands: found 0");
    build_bad("{" SIZES ", \"exchange_chunks\": 2}", "/exchange_chunks: found it with one island");
    build_bad("{" SIZES ", \"islands\": 2, \"exchange_chunks\": 38}",
              "/exchange_chunks: found 38, expected at most as many as a stage has tensors (37)");
    build_bad("{" SIZES ", \"islands\": 2, \"exchange_chunks\": 0}", "/exchange_chunks: found 0");
    build_bad("{" SIZES ", \"islands\": 2, \"exchange_chunks\": 1.5}",
              "/exchange_chunks: found 1.5");
    build_bad("{" SIZES ", \"islands\": 65}", "/islands: found 65");
    build_bad("{" SIZES ", \"islands\": \"two\"}", "/islands: found \"two\"");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("workload_transformer_step");
    TCase *cases = tcase_create("islands");
    tcase_add_test(cases, each_island_has_meshes_of_its_own);
    tcase_add_test(cases, each_device_sends_its_part);
    tcase_add_test(cases, all_islands_add_up_in_one_order);
    tcase_add_test(cases, islands_have_sequences_of_their_own);
    tcase_add_test(cases, chunks_part_the_tensors);
    tcase_add_test(cases, each_chunk_is_updated_by_itself);
    tcase_add_test(cases, light_ends_have_a_layer_fewer);
    tcase_add_test(cases, mistakes_have_words);
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
