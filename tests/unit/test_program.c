/* SPDX-License-Identifier: Apache-2.0 */
/* Groups of a mesh against a plain count, and fusing: same operations, same cost, same wiring. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "run_suite.h"
#include "test_program.h"

static const uint32_t four[] = {4};

/* --- Groups --- */

START_TEST(a_node_has_a_shard_on_each_device)
{
    gw_builder *builder = gw_builder_new("shards");
    const uint32_t row = gw_builder_add_mesh(builder, "row", 1, four);
    const uint32_t box = gw_builder_add_mesh(builder, "box", 2, (const uint32_t[]){2, 3});
    const uint32_t function = gw_builder_take_function(builder, gw_function_new("f"));
    gw_builder_add_node(builder, "on_box", function, box);
    gw_builder_add_node(builder, "on_row", function, row);
    g_autoptr(gw_program) program = finish(builder);
    ck_assert_uint_eq(gw_program_shard_count(program, 0), 6);
    ck_assert_uint_eq(gw_program_shard_count(program, 1), 4);
}
END_TEST

START_TEST(groups_of_a_2x3_mesh)
{
    const gw_mesh mesh = {.dims = 2, .shape = {2, 3, 1}};
    static const struct {
        uint8_t axes;
        uint32_t shard, size, group, position;
    } cases[] = {
        {1, 0, 2, 0, 0}, {1, 4, 2, 1, 1}, {1, 5, 2, 2, 1}, /* Columns of the mesh. */
        {2, 0, 3, 0, 0}, {2, 4, 3, 1, 1}, {2, 5, 3, 1, 2}, /* Rows. */
        {3, 0, 6, 0, 0}, {3, 4, 6, 0, 4},                  /* All. */
        {0, 4, 1, 4, 0},                                   /* Each alone. */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint32_t group, position;
        ck_assert_uint_eq(gw_mesh_group(&mesh, cases[i].axes, cases[i].shard, &group, &position),
                          cases[i].size);
        ck_assert_uint_eq(group, cases[i].group);
        ck_assert_uint_eq(position, cases[i].position);
    }
}
END_TEST

/* Counts shards up in the order of their numbers; the first ones of a new group open it. */
START_TEST(groups_agree_with_a_plain_count)
{
    const gw_mesh mesh = {.dims = 3, .shape = {3, 4, 5}};
    ck_assert_uint_eq(gw_mesh_device_count(&mesh), 60);
    for (uint8_t axes = 0; axes < 8; axes++) {
        uint32_t counts[60] = {0}, keys[60], key_count = 0;
        for (uint32_t shard = 0; shard < 60; shard++) {
            const uint32_t digits[3] = {shard / 20, shard / 5 % 4, shard % 5};
            uint32_t key = 0, size = 1;
            for (uint32_t dim = 0; dim < 3; dim++) {
                const bool spans = (axes >> dim & 1) != 0;
                key = key * 8 + (spans ? 7 : digits[dim]);
                size *= spans ? mesh.shape[dim] : 1;
            }
            uint32_t expected = 0;
            while (expected < key_count && keys[expected] != key) {
                expected++;
            }
            keys[expected] = key;
            key_count = MAX(key_count, expected + 1);
            uint32_t group, position;
            ck_assert_uint_eq(gw_mesh_group(&mesh, axes, shard, &group, &position), size);
            ck_assert_uint_eq(group, expected);
            ck_assert_uint_eq(position, counts[group]++);
        }
    }
}
END_TEST

START_TEST(shard_outside_the_mesh_aborts)
{
    const gw_mesh mesh = {.dims = 1, .shape = {4, 1, 1}};
    uint32_t group, position;
    gw_mesh_group(&mesh, 1, 4, &group, &position);
}
END_TEST

/* --- Fusing --- */

static gw_operation make_operation(gw_operation_kind kind, uint32_t x, uint32_t z, uint32_t y)
{
    return (gw_operation){.kind = kind,
                          .map = GW_MAP_ADD,
                          .axes = 1,
                          .inputs = {(uint16_t)x, (uint16_t)z},
                          .outputs = {(uint16_t)y}};
}

static gw_function *make_source(void)
{
    gw_function *function = gw_function_new("source");
    const uint32_t y = gw_function_add_output(function, 2, 3, false);
    const gw_operation fill = make_operation(GW_OPERATION_FILL, 0, 0, y);
    gw_function_add(function, &fill);
    function->computations = 0;
    return function;
}

/* (x) -> (all-reduced x) */
static gw_function *make_link(void)
{
    gw_function *function = gw_function_new("link");
    const uint32_t x = gw_function_add_input(function, 2, 3, false);
    const uint32_t y = gw_function_add_output(function, 2, 3, false);
    const gw_operation reduce = make_operation(GW_OPERATION_ALL_REDUCE, x, 0, y);
    gw_function_add(function, &reduce);
    return function;
}

/* (x, z) -> (x + z, its sum) */
static gw_function *make_join(void)
{
    gw_function *function = gw_function_new("join");
    const uint32_t sum = gw_function_add_output(function, 1, 1, false); /* Not the first one. */
    const uint32_t x = gw_function_add_input(function, 2, 3, false);
    const uint32_t z = gw_function_add_input(function, 2, 3, false);
    const uint32_t y = gw_function_add_output(function, 2, 3, false);
    const gw_operation add = make_operation(GW_OPERATION_MAP, x, z, y);
    gw_operation reduce = make_operation(GW_OPERATION_REDUCE, y, 0, sum);
    reduce.reduction = GW_REDUCTION_SUM;
    gw_function_add(function, &add);
    gw_function_add(function, &reduce);
    function->computations = 5;
    return function;
}

/* s, t set-up; a = link(s), b = link(carried join or t), c = join(a, b), d = join(b, s);
 * c is carried to b, d's sum is read back. */
static gw_program *make_diamond(void)
{
    gw_builder *builder = gw_builder_new("diamond");
    gw_builder_add_mesh(builder, "m", 1, four);
    const uint32_t source = gw_builder_take_function(builder, make_source());
    const uint32_t link = gw_builder_take_function(builder, make_link());
    const uint32_t join = gw_builder_take_function(builder, make_join());
    const uint32_t s = gw_builder_add_node(builder, "s", source, 0);
    const uint32_t t = gw_builder_add_node(builder, "t", source, 0);
    const uint32_t a = gw_builder_add_node(builder, "a", link, 0);
    const uint32_t b = gw_builder_add_node(builder, "b", link, 0);
    const uint32_t c = gw_builder_add_node(builder, "c", join, 0);
    const uint32_t d = gw_builder_add_node(builder, "d", join, 0);
    gw_builder_set_once(builder, s);
    gw_builder_set_once(builder, t);
    gw_builder_label(builder, t, 4, 2);
    gw_builder_add_edge(builder, s, 0, a, 0);
    gw_builder_add_carried(builder, c, 1, t, 0, b, 0);
    gw_builder_add_edge(builder, a, 0, c, 0);
    gw_builder_add_edge(builder, b, 0, c, 1);
    gw_builder_add_edge(builder, b, 0, d, 0);
    gw_builder_add_edge(builder, s, 0, d, 1);
    gw_builder_add_result(builder, "sum", d, 0);
    gw_builder_set_tokens(builder, 6);
    return finish(builder);
}

/* What all nodes that are no set-up cost. */
typedef struct {
    double flops, bytes;
    uint64_t computations, operation_count;
} cost;

static cost add_cost(const gw_program *program)
{
    cost total = {0};
    for (uint32_t i = 0; i < program->nodes->len; i++) {
        const gw_function *function = gw_program_function(program, i);
        if (gw_program_node(program, i)->is_once) {
            continue;
        }
        total.computations += function->computations;
        total.operation_count += function->operations->len;
        for (uint32_t j = 0; j < function->operations->len; j++) {
            total.flops += gw_operation_flops(function, gw_function_operation(function, j));
            total.bytes += gw_operation_bytes(function, gw_function_operation(function, j));
        }
    }
    return total;
}

static void expect_same_cost(const gw_program *program, const gw_program *fused)
{
    const cost parts = add_cost(program), whole = add_cost(fused);
    ck_assert_double_eq(parts.flops, whole.flops);
    ck_assert_double_eq(parts.bytes, whole.bytes);
    ck_assert_uint_eq(parts.computations, whole.computations);
    ck_assert_uint_eq(parts.operation_count, whole.operation_count);
}

START_TEST(diamond_becomes_one_node)
{
    g_autoptr(gw_program) program = make_diamond();
    g_autoptr(gw_program) fused = fuse(program);
    ck_assert_str_eq(fused->name, "diamond");
    ck_assert_double_eq(fused->tokens_per_run, 6);
    ck_assert_uint_eq(fused->nodes->len, 3);
    ck_assert_str_eq(gw_program_node(fused, 0)->name, "s");
    ck_assert(gw_program_node(fused, 1)->is_once);
    ck_assert_uint_eq(gw_program_node(fused, 1)->stage, 4);
    ck_assert_uint_eq(gw_program_node(fused, 1)->microbatch, 2);
    ck_assert_str_eq(gw_program_node(fused, 2)->name, "fused");
    ck_assert(!gw_program_node(fused, 2)->is_once);
    const gw_function *function = gw_program_function(fused, 2);
    ck_assert_str_eq(function->name, "fused");
    ck_assert_uint_eq(function->computations, 12);
    /* s feeds a and d through one input, c's buffer b through another. */
    ck_assert_uint_eq(function->input_count, 2);
    ck_assert_uint_eq(function->output_count, 2); /* c's sum is nobody's. */
    ck_assert(gw_function_check(function, 1, four, NULL));
    expect_same_cost(program, fused);
}
END_TEST

START_TEST(fused_wiring_goes_to_the_right_ends)
{
    g_autoptr(gw_program) program = make_diamond();
    g_autoptr(gw_program) fused = fuse(program);
    const gw_function *function = gw_program_function(fused, 2);
    ck_assert_uint_eq(fused->edges->len, 2);
    const gw_edge *kept = gw_program_edge(fused, 0), *carried = gw_program_edge(fused, 1);
    ck_assert(!kept->is_carried);
    ck_assert_uint_eq(kept->source_node, 0);
    ck_assert_uint_eq(kept->target_input, 0);
    ck_assert(carried->is_carried);
    ck_assert_uint_eq(carried->source_node, 2);
    ck_assert_uint_eq(carried->initial_node, 1);
    ck_assert_uint_eq(carried->target_input, 1);
    /* Operations: a's, b's, c's add, c's sum, d's add, d's sum. */
    const gw_operation *b = gw_function_operation(function, 1);
    const gw_operation *c = gw_function_operation(function, 2);
    const gw_operation *d = gw_function_operation(function, 4);
    const gw_operation *sum = gw_function_operation(function, 5);
    ck_assert_uint_eq(b->inputs[0], gw_function_input(function, 1));
    ck_assert_uint_eq(c->inputs[0], gw_function_operation(function, 0)->outputs[0]);
    ck_assert_uint_eq(c->inputs[1], b->outputs[0]);
    ck_assert_uint_eq(c->outputs[0], gw_function_output(function, carried->source_output));
    ck_assert_uint_eq(d->inputs[0], b->outputs[0]);
    ck_assert_uint_eq(d->inputs[1], gw_function_input(function, 0));
    const gw_result *result = &g_array_index(fused->results, gw_result, 0);
    ck_assert_str_eq(result->name, "sum");
    ck_assert_uint_eq(result->node, 2);
    ck_assert_uint_eq(sum->outputs[0], gw_function_output(function, result->output));
    ck_assert_int_eq(gw_function_value(function, b->outputs[0])->role, GW_VALUE_TEMPORARY);
}
END_TEST

static gw_program *make_chain(uint32_t length)
{
    gw_builder *builder = gw_builder_new("chain");
    gw_builder_add_mesh(builder, "m", 1, four);
    gw_builder_take_function(builder, make_source());
    gw_builder_take_function(builder, make_link());
    gw_builder_add_node(builder, "s", 0, 0);
    gw_builder_set_once(builder, 0);
    for (uint32_t i = 1; i <= length; i++) {
        gw_builder_add_node(builder, "c", 1, 0);
        if (i > 1) {
            gw_builder_add_edge(builder, i - 1, 0, i, 0);
        }
    }
    gw_builder_add_carried(builder, length, 0, 0, 0, 1, 0);
    return finish(builder);
}

START_TEST(chain_of_128_of_one_function)
{
    g_autoptr(gw_program) program = make_chain(128);
    g_autoptr(gw_program) fused = fuse(program);
    ck_assert_uint_eq(fused->nodes->len, 2);
    const gw_function *function = gw_program_function(fused, 1);
    ck_assert_uint_eq(function->computations, 128);
    ck_assert_uint_eq(function->input_count, 1);
    ck_assert_uint_eq(function->output_count, 1);
    ck_assert_uint_eq(function->operations->len, 128);
    for (uint32_t i = 1; i < 128; i++) {
        ck_assert_uint_eq(gw_function_operation(function, i)->inputs[0],
                          gw_function_operation(function, i - 1)->outputs[0]);
    }
    ck_assert_uint_eq(gw_function_operation(function, 127)->outputs[0],
                      gw_function_output(function, 0));
    /* Of 24 bytes each, never more than two at a time. */
    ck_assert_uint_eq(gw_function_place_temporaries(function, 1, NULL), 2 * 24);
    expect_same_cost(program, fused);
}
END_TEST

START_TEST(fusing_again_changes_nothing)
{
    g_autoptr(gw_program) program = make_diamond();
    g_autoptr(gw_program) once = fuse(program);
    g_autoptr(gw_program) twice = fuse(once);
    ck_assert_uint_eq(twice->nodes->len, once->nodes->len);
    ck_assert_uint_eq(twice->edges->len, once->edges->len);
    const gw_function *a = gw_program_function(once, 2), *b = gw_program_function(twice, 2);
    ck_assert_uint_eq(a->values->len, b->values->len);
    ck_assert_uint_eq(a->operations->len, b->operations->len);
    expect_same_cost(once, twice);
}
END_TEST

START_TEST(fused_values_stay_sharded)
{
    gw_builder *builder = gw_builder_new("sharded");
    gw_builder_add_mesh(builder, "m", 1, four);
    gw_function *maker = gw_function_new("maker");
    gw_operation random = make_operation(GW_OPERATION_RANDOM, 0, 0, 0);
    random.outputs[0] = (uint16_t)gw_function_add_output(maker, 2, 3, true);
    gw_function_add(maker, &random);
    gw_function *taker = gw_function_new("taker");
    gw_function_add_input(taker, 2, 3, true);
    gw_builder_take_function(builder, maker);
    gw_builder_take_function(builder, taker);
    gw_builder_add_node(builder, "a", 0, 0);
    gw_builder_add_node(builder, "b", 1, 0);
    gw_builder_add_edge(builder, 0, 0, 1, 0);
    g_autoptr(gw_program) program = finish(builder);
    g_autoptr(gw_program) fused = fuse(program);
    const gw_function *function = gw_program_function(fused, 0);
    ck_assert_uint_eq(function->values->len, 1);
    ck_assert_int_eq(gw_function_value(function, 0)->role, GW_VALUE_TEMPORARY);
    ck_assert(gw_function_value(function, 0)->is_sharded); /* RANDOM goes by it. */
}
END_TEST

START_TEST(setup_on_another_mesh_is_fine)
{
    gw_builder *builder = gw_builder_new("two meshes");
    gw_builder_add_mesh(builder, "m", 1, four);
    gw_builder_add_mesh(builder, "other", 1, four);
    gw_builder_take_function(builder, make_source());
    gw_builder_take_function(builder, make_link());
    gw_builder_add_node(builder, "s", 0, 1);
    gw_builder_set_once(builder, 0);
    gw_builder_add_node(builder, "t", 1, 1);
    gw_builder_set_once(builder, 1);
    gw_builder_add_node(builder, "a", 1, 0);
    gw_builder_add_edge(builder, 0, 0, 1, 0);
    gw_builder_add_timed_edge(builder, 1, 0, 2, 0, 40);
    g_autoptr(gw_program) program = finish(builder);
    g_autoptr(gw_program) fused = fuse(program);
    ck_assert_uint_eq(fused->edges->len, 2);
    ck_assert_uint_eq(gw_program_node(fused, 1)->mesh, 1);
    ck_assert_uint_eq(gw_program_edge(fused, 1)->duration_ns, 40);
    ck_assert_uint_eq(gw_program_edge(fused, 1)->source_node, 1);
}
END_TEST

/* One buffer of another mesh, once scattered and once whole, is two inputs. */
START_TEST(one_source_may_come_in_two_shapes)
{
    gw_builder *builder = gw_builder_new("reshard");
    gw_builder_add_mesh(builder, "m", 1, four);
    gw_builder_add_mesh(builder, "other", 1, four);
    gw_function *source = gw_function_new("source");
    gw_operation fill = make_operation(GW_OPERATION_FILL, 0, 0, 0);
    fill.outputs[0] = (uint16_t)gw_function_add_output(source, 8, 3, false);
    gw_function_add(source, &fill);
    gw_builder_take_function(builder, source);
    gw_builder_add_node(builder, "s", 0, 1);
    gw_builder_set_once(builder, 0);
    static const struct {
        uint32_t rows;
        bool is_sharded;
    } takers[] = {{2, true}, {8, false}, {2, true}};
    for (uint32_t i = 0; i < 3; i++) {
        gw_function *taker = gw_function_new("taker");
        gw_function_add_input(taker, takers[i].rows, 3, takers[i].is_sharded);
        gw_builder_add_node(builder, "t", gw_builder_take_function(builder, taker), 0);
        gw_builder_add_edge(builder, 0, 0, i + 1, 0);
    }
    g_autoptr(gw_program) program = finish(builder);
    g_autoptr(gw_program) fused = fuse(program);
    const gw_function *function = gw_program_function(fused, 1);
    ck_assert_uint_eq(function->input_count, 2);
    ck_assert_uint_eq(gw_function_value(function, 0)->rows, 2);
    ck_assert(gw_function_value(function, 0)->is_sharded);
    ck_assert_uint_eq(gw_function_value(function, 1)->rows, 8);
    ck_assert(!gw_function_value(function, 1)->is_sharded);
    ck_assert_uint_eq(fused->edges->len, 2);
}
END_TEST

START_TEST(two_meshes_cannot_be_fused)
{
    gw_builder *builder = gw_builder_new("split");
    gw_builder_add_mesh(builder, "left", 1, four);
    gw_builder_add_mesh(builder, "right", 1, four);
    gw_builder_take_function(builder, make_source());
    gw_builder_take_function(builder, make_link());
    gw_builder_add_node(builder, "a", 0, 0);
    gw_builder_add_node(builder, "b", 1, 1);
    gw_builder_add_edge(builder, 0, 0, 1, 0);
    g_autoptr(gw_program) program = finish(builder);
    g_autoptr(GError) error = NULL;
    ck_assert_ptr_null(gw_program_fuse(program, &error));
    ck_assert(g_error_matches(error, GW_ERROR, GW_ERROR_SCENARIO));
    ck_assert_ptr_nonnull(strstr(error->message, "node \"a\" on mesh \"left\" and node \"b\" on "
                                                 "mesh \"right\""));
}
END_TEST

START_TEST(too_many_values_cannot_be_fused)
{
    g_autoptr(gw_program) fits = make_chain(32768);
    g_autoptr(gw_program) fused = fuse(fits);
    ck_assert_uint_eq(gw_program_function(fused, 1)->values->len, 32769);
    g_autoptr(gw_program) program = make_chain(32769);
    g_autoptr(GError) error = NULL;
    ck_assert_ptr_null(gw_program_fuse(program, &error));
    ck_assert_ptr_nonnull(strstr(error->message, "found 65538 values"));
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("program");
    tcase_add_test(cases, a_node_has_a_shard_on_each_device);
    tcase_add_test(cases, groups_of_a_2x3_mesh);
    tcase_add_test(cases, groups_agree_with_a_plain_count);
    tcase_add_test_raise_signal(cases, shard_outside_the_mesh_aborts, SIGABRT);
    tcase_add_test(cases, diamond_becomes_one_node);
    tcase_add_test(cases, fused_wiring_goes_to_the_right_ends);
    tcase_add_test(cases, chain_of_128_of_one_function);
    tcase_add_test(cases, fusing_again_changes_nothing);
    tcase_add_test(cases, fused_values_stay_sharded);
    tcase_add_test(cases, setup_on_another_mesh_is_fine);
    tcase_add_test(cases, one_source_may_come_in_two_shapes);
    tcase_add_test(cases, two_meshes_cannot_be_fused);
    tcase_add_test(cases, too_many_values_cannot_be_fused);
    Suite *suite = suite_create("program");
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
