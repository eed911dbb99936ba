/* SPDX-License-Identifier: Apache-2.0 */
/* Where a function is split, what each piece costs, and which group pays which price.  A kernel's
 * start-up is 700 ns. */
#include <check.h>
#include <signal.h>

#include "accel/model.h"
#include "run_suite.h"
#include "small_cluster.h"

static void add_duration(gw_function *function, gw_span duration_ns)
{
    gw_function_add(function,
                    &(gw_operation){.kind = GW_OPERATION_DURATION, .duration_ns = duration_ns});
}

/* Of a value of 1 x `columns` floats. */
static void add_all_reduce(gw_function *function, uint32_t columns, uint8_t axes)
{
    gw_operation operation = {.kind = GW_OPERATION_ALL_REDUCE, .axes = axes};
    operation.inputs[0] = (uint16_t)gw_function_add_temporary(function, 1, columns);
    operation.outputs[0] = (uint16_t)gw_function_add_temporary(function, 1, columns);
    gw_function_add(function, &operation);
}

static gw_mesh mesh_of(uint32_t dims, uint32_t a, uint32_t b, uint32_t c)
{
    return (gw_mesh){.name = (char *)"mesh", .dims = dims, .shape = {a, b, c}};
}

typedef struct {
    small_cluster made;
    gw_accel_model model;
    gw_function *function;
    uint32_t devices[64];
} bench;

static void bench_init(bench *built, uint32_t a, uint32_t b)
{
    small_cluster_of(&built->made, a, b, 1, 3);
    built->model = gw_accel_model_of(&gw_model_roofline, built->made.cluster);
    built->function = gw_function_new("test");
    for (uint32_t i = 0; i < a * b; i++) {
        built->devices[i] = i;
    }
}

static void bench_clear(bench *built)
{
    gw_function_free(built->function);
    small_cluster_clear(&built->made);
}

static gw_timing *time_function(const bench *built, const gw_mesh *mesh)
{
    return gw_timing_new(&built->model, built->function, mesh, built->devices);
}

START_TEST(empty_function_is_its_start_up)
{
    bench built;
    bench_init(&built, 4, 1);
    const gw_mesh mesh = mesh_of(1, 4, 1, 1);
    g_autoptr(gw_timing) timing = time_function(&built, &mesh);
    ck_assert_uint_eq(timing->collective_count, 0);
    ck_assert_uint_eq(timing->local_ns[0], 700);
    ck_assert_uint_eq(timing->total_local_ns, 700);
    ck_assert_uint_eq(timing->total_ns, 700);
    bench_clear(&built);
}
END_TEST

START_TEST(local_operations_add_up)
{
    bench built;
    bench_init(&built, 4, 1);
    add_duration(built.function, 1000);
    add_duration(built.function, 20);
    const gw_mesh mesh = mesh_of(1, 4, 1, 1);
    g_autoptr(gw_timing) timing = time_function(&built, &mesh);
    ck_assert_uint_eq(timing->collective_count, 0);
    ck_assert_uint_eq(timing->total_ns, 700 + 1020);
    bench_clear(&built);
}
END_TEST

START_TEST(function_is_split_at_its_collectives)
{
    bench built;
    bench_init(&built, 4, 1);
    add_duration(built.function, 1000);
    add_all_reduce(built.function, 1, 1);
    add_all_reduce(built.function, 1000000, 1);
    add_duration(built.function, 30);
    add_duration(built.function, 3);
    add_all_reduce(built.function, 1, 1);
    const gw_mesh mesh = mesh_of(1, 4, 1, 1);
    g_autoptr(gw_timing) timing = time_function(&built, &mesh);
    ck_assert_uint_eq(timing->collective_count, 3);
    ck_assert_uint_eq(timing->local_ns[0], 1700);
    ck_assert_uint_eq(timing->local_ns[1], 0);
    ck_assert_uint_eq(timing->local_ns[2], 33);
    ck_assert_uint_eq(timing->local_ns[3], 0);
    ck_assert_uint_eq(timing->total_local_ns, 1733);
    for (uint32_t i = 0; i <= 3; i++) {
        ck_assert_uint_eq(timing->first_group[i], i);
    }
    /* Two hops and 3 x 4 bytes; 2 x 3/4 of 4e6 bytes over 100 bytes/ns and four hops. */
    ck_assert_uint_eq(timing->collective_ns[0], 2000 + 2000 + 1);
    ck_assert_uint_eq(timing->collective_ns[1], 2000 + 4000 + 60000);
    ck_assert_uint_eq(timing->collective_ns[2], timing->collective_ns[0]);
    ck_assert_uint_eq(timing->total_ns, 1733 + 2 * 4001 + 66000);
    bench_clear(&built);
}
END_TEST

/* Start-up and hops once, bytes added up. */
START_TEST(joined_collectives_travel_as_one)
{
    bench built;
    bench_init(&built, 4, 1);
    add_all_reduce(built.function, 600000, 1);
    add_all_reduce(built.function, 300000, 1);
    add_all_reduce(built.function, 100000, 1);
    add_all_reduce(built.function, 1000000, 1);
    for (uint32_t i = 1; i <= 2; i++)
        g_array_index(built.function->operations, gw_operation, i).is_joined = true;
    const gw_mesh mesh = mesh_of(1, 4, 1, 1);
    g_autoptr(gw_timing) timing = time_function(&built, &mesh);
    ck_assert_uint_eq(timing->collective_count, 4);
    ck_assert_uint_eq(timing->collective_ns[0], 2000 + 4000 + 60000);
    ck_assert_uint_eq(timing->collective_ns[1], 0);
    ck_assert_uint_eq(timing->collective_ns[2], 0);
    ck_assert_uint_eq(timing->collective_ns[3], timing->collective_ns[0]);
    ck_assert_uint_eq(timing->total_ns, 700 + 2 * 66000);
    bench_clear(&built);
}
END_TEST

/* Each with a start-up of its own. */
START_TEST(threads_do_joined_collectives_one_by_one)
{
    bench built;
    bench_init(&built, 4, 1);
    built.made.accelerators[0].shared_cores = 2;
    add_all_reduce(built.function, 600000, 1);
    add_all_reduce(built.function, 400000, 1);
    add_all_reduce(built.function, 600000, 1);
    g_array_index(built.function->operations, gw_operation, 1).is_joined = true;
    const gw_mesh mesh = mesh_of(1, 4, 1, 1);
    g_autoptr(gw_timing) timing = time_function(&built, &mesh);
    ck_assert_uint_eq(timing->collective_count, 3);
    ck_assert_uint_eq(timing->collective_ns[0], 2000 + 4000 + 36000);
    ck_assert_uint_eq(timing->collective_ns[1], 2000 + 4000 + 24000);
    ck_assert_uint_eq(timing->collective_ns[2], timing->collective_ns[0]);
    ck_assert_uint_eq(timing->total_ns, 700 + 2 * 42000 + 30000);
    bench_clear(&built);
}
END_TEST

/* A temporary of 3 x 5 floats, which is asked for where its pages cost time. */
START_TEST(scratch_counts_where_memory_is_slow_at_first)
{
    for (uint32_t i = 0; i < 2; i++) {
        bench built;
        bench_init(&built, 1, 1);
        built.made.accelerators[0].shared_cores = 1;
        built.made.accelerators[0].first_touch_bytes_per_s = i * 1e9;
        gw_function_add(built.function,
                        &(gw_operation){.kind = GW_OPERATION_FILL,
                                        .outputs = {(uint16_t)gw_function_add_temporary(
                                            built.function, 3, 5)}});
        const gw_mesh mesh = mesh_of(1, 1, 1, 1);
        g_autoptr(gw_timing) timing = time_function(&built, &mesh);
        ck_assert_uint_eq(timing->scratch_bytes, i * 3 * 5 * sizeof(float));
        bench_clear(&built);
    }
}
END_TEST

/* Overlapped: 0 and 1, 3 and 4.  Operation 5 reads the output of 1; 4 is awaited at the end. */
static void add_overlapped(bench *built)
{
    add_all_reduce(built->function, 1, 1);
    add_all_reduce(built->function, 1, 1);
    add_duration(built->function, 10);
    add_all_reduce(built->function, 1, 1);
    add_duration(built->function, 20);
    gw_function_add(
        built->function,
        &(gw_operation){.kind = GW_OPERATION_MAP,
                        .map = GW_MAP_COPY,
                        .inputs = {3},
                        .outputs = {(uint16_t)gw_function_add_temporary(built->function, 1, 1)}});
    add_all_reduce(built->function, 1, 1);
    add_all_reduce(built->function, 1, 1);
    add_duration(built->function, 40);
    for (uint32_t i = 0; i < built->function->operations->len; i++) {
        gw_operation *operation = &g_array_index(built->function->operations, gw_operation, i);
        operation->is_overlapped = operation->kind == GW_OPERATION_ALL_REDUCE && i != 3;
    }
}

START_TEST(overlapped_collectives_are_awaited_once)
{
    static const gw_step_kind kinds[] = {GW_STEP_ISSUE, GW_STEP_ISSUE, GW_STEP_MEET, GW_STEP_AWAIT,
                                         GW_STEP_ISSUE, GW_STEP_ISSUE, GW_STEP_AWAIT};
    static const uint32_t collectives[] = {0, 1, 2, 1, 3, 4, 4};
    bench built;
    bench_init(&built, 4, 1);
    add_overlapped(&built);
    const gw_mesh mesh = mesh_of(1, 4, 1, 1);
    g_autoptr(gw_timing) timing = time_function(&built, &mesh);
    ck_assert_uint_eq(timing->collective_count, 5);
    ck_assert_uint_eq(timing->step_count, G_N_ELEMENTS(kinds));
    for (uint32_t i = 0; i < timing->step_count; i++) {
        ck_assert_int_eq(timing->steps[i].kind, kinds[i]);
        ck_assert_uint_eq(timing->steps[i].collective, collectives[i]);
    }
    const gw_span copy_ns = 1; /* Eight bytes. */
    const gw_span local_ns[] = {700, 0, 10, 20, copy_ns, 0, 40, 0};
    for (uint32_t i = 0; i < G_N_ELEMENTS(local_ns); i++) {
        ck_assert_uint_eq(timing->local_ns[i], local_ns[i]);
    }
    ck_assert_uint_eq(timing->total_ns, 700 + 70 + copy_ns + 5 * 4001);
    bench_clear(&built);
}
END_TEST

static void expect_nothing_overlapped(bench *built)
{
    add_overlapped(built);
    const gw_mesh mesh = mesh_of(1, 4, 1, 1);
    g_autoptr(gw_timing) timing = time_function(built, &mesh);
    ck_assert_uint_eq(timing->step_count, 5);
    for (uint32_t i = 0; i < timing->step_count; i++) {
        ck_assert_int_eq(timing->steps[i].kind, GW_STEP_MEET);
        ck_assert_uint_eq(timing->steps[i].collective, i);
    }
    bench_clear(built);
}

START_TEST(nothing_is_overlapped_where_transfers_stop_it)
{
    bench built;
    bench_init(&built, 4, 1);
    built.made.accelerators[0].stops_to_transfer = true;
    expect_nothing_overlapped(&built);
}
END_TEST

START_TEST(nothing_is_overlapped_where_collectives_are_waited_for)
{
    bench built;
    bench_init(&built, 4, 1);
    built.made.accelerators[0].waits_for_collectives = true;
    expect_nothing_overlapped(&built);
}
END_TEST

START_TEST(function_may_begin_with_a_collective)
{
    bench built;
    bench_init(&built, 4, 1);
    add_all_reduce(built.function, 1, 1);
    const gw_mesh mesh = mesh_of(1, 4, 1, 1);
    g_autoptr(gw_timing) timing = time_function(&built, &mesh);
    ck_assert_uint_eq(timing->local_ns[0], 700);
    ck_assert_uint_eq(timing->local_ns[1], 0);
    ck_assert_uint_eq(timing->total_ns, 700 + 4001);
    bench_clear(&built);
}
END_TEST

START_TEST(groups_follow_the_axes)
{
    bench built;
    bench_init(&built, 4, 8);
    add_all_reduce(built.function, 1, 1); /* Along columns: 8 groups of 4. */
    add_all_reduce(built.function, 1, 2); /* Along rows: 4 groups of 8. */
    add_all_reduce(built.function, 1, 3); /* All. */
    const gw_mesh mesh = mesh_of(2, 4, 8, 1);
    g_autoptr(gw_timing) timing = time_function(&built, &mesh);
    ck_assert_uint_eq(timing->axes[0], 1);
    ck_assert_uint_eq(timing->axes[1], 2);
    ck_assert_uint_eq(timing->axes[2], 3);
    ck_assert_uint_eq(timing->first_group[1] - timing->first_group[0], 8);
    ck_assert_uint_eq(timing->first_group[2] - timing->first_group[1], 4);
    ck_assert_uint_eq(timing->first_group[3] - timing->first_group[2], 1);
    for (uint32_t i = 0; i < 8; i++) {
        ck_assert_uint_eq(timing->collective_ns[i], 2000 + 2000 + 1);
    }
    for (uint32_t i = 8; i < 12; i++) {
        ck_assert_uint_eq(timing->collective_ns[i], 2000 + 4000 + 1);
    }
    ck_assert_uint_eq(timing->collective_ns[12], 2000 + 6000 + 1);
    bench_clear(&built);
}
END_TEST

/* Groups of one mesh may lie differently: the first two rows are swapped piecewise, so their
 * groups are no rows of the torus any more, while the other rows still are. */
START_TEST(longest_group_counts_for_the_total)
{
    bench built;
    bench_init(&built, 4, 4);
    const uint32_t moved[] = {0, 5, 2, 7, 4, 1, 6, 3};
    for (uint32_t i = 0; i < 8; i++) {
        built.devices[i] = moved[i];
    }
    add_all_reduce(built.function, 250000, 2);
    const gw_mesh mesh = mesh_of(2, 4, 4, 1);
    g_autoptr(gw_timing) timing = time_function(&built, &mesh);
    /* A ring of 4: 1.5e6 bytes over 100 bytes/ns and 4 hops; a line of 4, 2 hops apart. */
    ck_assert_uint_eq(timing->collective_ns[2], 2000 + 4000 + 15000);
    ck_assert_uint_eq(timing->collective_ns[3], timing->collective_ns[2]);
    ck_assert_uint_eq(timing->collective_ns[0], 2000 + 12000 + 60000);
    ck_assert_uint_eq(timing->total_ns, 700 + timing->collective_ns[0]);
    bench_clear(&built);
}
END_TEST

START_TEST(collective_of_single_members_is_free)
{
    bench built;
    bench_init(&built, 4, 1);
    add_all_reduce(built.function, 1000, 2);
    const gw_mesh mesh = mesh_of(2, 4, 1, 1);
    g_autoptr(gw_timing) timing = time_function(&built, &mesh);
    ck_assert_uint_eq(timing->collective_count, 1);
    ck_assert_uint_eq(timing->first_group[1], 4);
    ck_assert_uint_eq(timing->total_ns, 700);
    bench_clear(&built);
}
END_TEST

START_TEST(mesh_over_two_islands_aborts)
{
    small_cluster made;
    small_cluster_init(&made);
    small_cluster_add(&made, 2, 1, 1, 0);
    small_cluster_add(&made, 2, 1, 1, 0);
    const gw_accel_model model = gw_accel_model_of(&gw_model_roofline, small_cluster_build(&made));
    g_autoptr(gw_function) function = gw_function_new("test");
    const gw_mesh mesh = mesh_of(1, 4, 1, 1);
    gw_timing_free(gw_timing_new(&model, function, &mesh, (const uint32_t[]){0, 1, 2, 3}));
}
END_TEST

START_TEST(nothing_can_be_freed)
{
    gw_timing_free(NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("timing");
    TCase *cases = tcase_create("timing");
    tcase_add_test(cases, empty_function_is_its_start_up);
    tcase_add_test(cases, local_operations_add_up);
    tcase_add_test(cases, function_is_split_at_its_collectives);
    tcase_add_test(cases, joined_collectives_travel_as_one);
    tcase_add_test(cases, threads_do_joined_collectives_one_by_one);
    tcase_add_test(cases, scratch_counts_where_memory_is_slow_at_first);
    tcase_add_test(cases, overlapped_collectives_are_awaited_once);
    tcase_add_test(cases, nothing_is_overlapped_where_transfers_stop_it);
    tcase_add_test(cases, nothing_is_overlapped_where_collectives_are_waited_for);
    tcase_add_test(cases, function_may_begin_with_a_collective);
    tcase_add_test(cases, groups_follow_the_axes);
    tcase_add_test(cases, longest_group_counts_for_the_total);
    tcase_add_test(cases, collective_of_single_members_is_free);
    tcase_add_test_raise_signal(cases, mesh_over_two_islands_aborts, SIGABRT);
    tcase_add_test(cases, nothing_can_be_freed);
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
