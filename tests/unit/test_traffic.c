/* SPDX-License-Identifier: Apache-2.0 */
/* What programs put on the wires: pieces between meshes, rows, results, collectives. */
#include <check.h>
#include <string.h>

#include "node_cluster.h"
#include "program/builder.h"
#include "run_suite.h"
#include "small_cluster.h"
#include "world/traffic.h"

#define ROWS 4

/* Four shards on the left, which sum, hand to four on the right, which sum in their own way. */
typedef enum { PLAIN = 1, TIMED, CARRIED } edge_kind;
static const uint32_t first_of[] = {0, 4, 8};
static const uint32_t device_of[] = {0, 1, 2, 3, 7, 6, 5, 4};

static uint32_t add_function(gw_builder *builder, const char *name, bool takes_one, bool overlaps)
{
    gw_function *function = gw_function_new(name);
    if (takes_one) {
        gw_function_add_input(function, ROWS, 1, true);
    }
    const uint16_t filled = (uint16_t)gw_function_add_temporary(function, ROWS, 1);
    const uint16_t made = (uint16_t)gw_function_add_output(function, ROWS, 1, true);
    gw_function_add(function, &(gw_operation){.kind = GW_OPERATION_FILL, .outputs = {filled}});
    gw_function_add(function, &(gw_operation){.kind = GW_OPERATION_ALL_REDUCE,
                                              .axes = 1,
                                              .inputs = {filled},
                                              .outputs = {made},
                                              .is_overlapped = overlaps});
    return gw_builder_take_function(builder, function);
}

static gw_program *make_program(edge_kind kind, bool has_result)
{
    const uint32_t four = 4;
    gw_builder *builder = gw_builder_new("traffic");
    const uint32_t left = gw_builder_add_mesh(builder, "left", 1, &four);
    const uint32_t right = gw_builder_add_mesh(builder, "right", 1, &four);
    const uint32_t first = add_function(builder, "first", false, false);
    const uint32_t second = add_function(builder, "second", true, true);
    const uint32_t a = gw_builder_add_node(builder, "a", first, left);
    const uint32_t b = gw_builder_add_node(builder, "b", second, right);
    if (kind == PLAIN) {
        gw_builder_add_edge(builder, a, 0, b, 0);
    } else if (kind == TIMED) {
        gw_builder_add_timed_edge(builder, a, 0, b, 0, 1000);
    } else {
        const uint32_t once = gw_builder_add_node(builder, "once", first, left);
        gw_builder_set_once(builder, once);
        gw_builder_add_carried(builder, a, 0, once, 0, b, 0);
    }
    if (has_result) {
        gw_function *loss = gw_function_new("loss");
        gw_function_add_output(loss, 1, 1, false);
        gw_function_add(loss, &(gw_operation){.kind = GW_OPERATION_FILL, .outputs = {0}});
        const uint32_t c =
            gw_builder_add_node(builder, "c", gw_builder_take_function(builder, loss), left);
        gw_builder_add_result(builder, "loss", c, 0);
    }
    g_autoptr(GError) error = NULL;
    gw_program *program = gw_builder_finish(builder, &error);
    ck_assert_msg(program != NULL, "%s", error != NULL ? error->message : "no error");
    return program;
}

typedef struct {
    small_cluster made;
    const gw_cluster *cluster;
    gw_crossings *crossings;
    gw_program *program;
    gw_gang_layout *layouts[2];
} bench;

static void bench_init(bench *built, const gw_cluster *cluster, edge_kind kind, bool has_result)
{
    built->cluster = cluster;
    built->crossings = gw_crossings_new(cluster);
    built->program = make_program(kind, has_result);
    for (uint32_t i = 0; i < 2; i++) {
        built->layouts[i] = gw_gang_layout_new(cluster, gw_program_mesh(built->program, i),
                                               &device_of[first_of[i]]);
    }
}

static void bench_clear(bench *built)
{
    gw_gang_layout_free(built->layouts[0]);
    gw_gang_layout_free(built->layouts[1]);
    gw_program_free(built->program);
    gw_crossings_free(built->crossings);
    small_cluster_clear(&built->made);
}

static void add_copies(bench *built)
{
    const gw_assignment assignment = {.mesh_count = 2, .first = first_of, .devices = device_of};
    gw_traffic_add_copies(built->crossings, built->program, &assignment);
}

static const gw_track *add_collectives(bench *built, const char *name)
{
    uint32_t node = 0;
    while (strcmp(gw_program_node(built->program, node)->name, name) != 0) {
        node++;
    }
    const gw_accel_model model = gw_accel_model_of(&gw_model_roofline, built->cluster);
    const uint32_t mesh = gw_program_node(built->program, node)->mesh;
    const gw_function *function = gw_program_function(built->program, node);
    gw_gang_layout *layout = built->layouts[mesh];
    g_autoptr(gw_timing) timing =
        gw_timing_new(&model, function, gw_program_mesh(built->program, mesh), layout->devices);
    gw_traffic_add_collectives(built->crossings, function, timing, layout);
    return gw_gang_layout_groups(layout, 1)->track;
}

/* Shard 0 hands to device 7, shard 1 to 6: all links of a line of eight, one way. */
START_TEST(what_is_handed_on_crosses)
{
    static const edge_kind kinds[] = {PLAIN, CARRIED, TIMED};
    bench built;
    bench_init(&built, small_cluster_of(&built.made, 8, 1, 1, 0), kinds[_i], false);
    add_copies(&built);
    const gw_track *left = add_collectives(&built, "a"), *right = add_collectives(&built, "b");
    ck_assert_uint_eq(left->is_crossed, kinds[_i] != TIMED);
    ck_assert_uint_eq(right->is_crossed, kinds[_i] != TIMED);
    ck_assert_uint_eq(left->kinds, 1u << GW_STEP_MEET);
    ck_assert_uint_eq(right->kinds, 1u << GW_STEP_ISSUE);
    bench_clear(&built);
}
END_TEST

/* Four hosts of two: what goes between hosts takes PCIe, as a result does from shard 0. */
START_TEST(results_cross_what_goes_between_hosts)
{
    bench built;
    const gw_cluster *cluster = node_cluster_of(&built.made, &(node_shape){4, 2, 2, 5e9});
    bench_init(&built, cluster, TIMED, _i == 1);
    add_copies(&built);
    ck_assert_uint_eq(add_collectives(&built, "a")->is_crossed, _i == 1);
    ck_assert(!add_collectives(&built, "b")->is_crossed);
    bench_clear(&built);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("traffic");
    TCase *cases = tcase_create("traffic");
    tcase_add_loop_test(cases, what_is_handed_on_crosses, 0, 3);
    tcase_add_loop_test(cases, results_cross_what_goes_between_hosts, 0, 2);
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
