/* SPDX-License-Identifier: Apache-2.0 */
/* Shapes of groups, and the time of each collective by hand.  A link carries 50 bytes/ns, a hop
 * takes 1000 ns, a collective's start-up 2000 ns. */
#include <check.h>
#include <signal.h>
#include <string.h>

#include "accel/collective.h"
#include "run_suite.h"
#include "small_cluster.h"

#define MEMBERS_MAX 4096
#define BIG_BYTES   (UINT64_C(1) << 34)

typedef struct {
    small_cluster made;
    uint32_t devices[MEMBERS_MAX];
    uint32_t count;
} group;

/* `count` devices from `first`, `stride` apart. */
static void group_init(group *built, uint32_t first, uint32_t stride, uint32_t count)
{
    built->count = count;
    for (uint32_t i = 0; i < count; i++) {
        built->devices[i] = first + i * stride;
    }
}

static gw_collective_shape shape_of(const group *built)
{
    return gw_collective_shape_of(built->made.cluster, built->devices, built->count);
}

static gw_span time_of(const group *built, gw_operation_kind kind, uint64_t size_bytes)
{
    const gw_collective collective = {.kind = kind,
                                      .size_bytes = size_bytes,
                                      .member_count = built->count,
                                      .devices = built->devices,
                                      .shift = 1};
    return gw_collective_ns(built->made.cluster, &collective);
}

static void expect_axis(const gw_collective_axis *axis, uint32_t length, uint32_t stride,
                        bool is_ring)
{
    ck_assert_uint_eq(axis->length, length);
    ck_assert_uint_eq(axis->is_ring, is_ring);
    if (length > 1) {
        ck_assert_uint_eq(axis->stride, stride);
    }
}

static const gw_operation_kind kinds[] = {
    GW_OPERATION_ALL_REDUCE, GW_OPERATION_ALL_GATHER, GW_OPERATION_REDUCE_SCATTER,
    GW_OPERATION_ALL_TO_ALL, GW_OPERATION_BROADCAST,  GW_OPERATION_PERMUTE,
};

/* --- Shapes --- */

START_TEST(whole_torus_is_a_box_of_rings)
{
    group built;
    small_cluster_of(&built.made, 4, 2, 3, 5);
    group_init(&built, 0, 1, 24);
    const gw_collective_shape shape = shape_of(&built);
    ck_assert(shape.is_box);
    expect_axis(&shape.axes[0], 4, 1, true);
    expect_axis(&shape.axes[1], 2, 1, false);
    expect_axis(&shape.axes[2], 3, 1, true);
    small_cluster_clear(&built.made);
}
END_TEST

START_TEST(part_of_a_ring_is_a_line)
{
    group built;
    small_cluster_of(&built.made, 8, 1, 1, 1);
    group_init(&built, 2, 1, 4);
    gw_collective_shape shape = shape_of(&built);
    ck_assert(shape.is_box);
    expect_axis(&shape.axes[0], 4, 1, false);
    /* Over the edge: 6, 7, 0, 1, in any order. */
    built.devices[0] = 0, built.devices[1] = 7, built.devices[2] = 1, built.devices[3] = 6;
    shape = shape_of(&built);
    ck_assert(shape.is_box);
    expect_axis(&shape.axes[0], 4, 1, false);
    small_cluster_clear(&built.made);
}
END_TEST

START_TEST(over_the_edge_of_a_line_is_no_box)
{
    group built;
    small_cluster_of(&built.made, 8, 1, 1, 0);
    built.count = 4;
    built.devices[0] = 6, built.devices[1] = 7, built.devices[2] = 0, built.devices[3] = 1;
    const gw_collective_shape shape = shape_of(&built);
    ck_assert(!shape.is_box);
    expect_axis(&shape.axes[0], 4, 7, false); /* From 7 to 0 are seven hops. */
    small_cluster_clear(&built.made);
}
END_TEST

START_TEST(evenly_spaced_members_have_a_stride)
{
    group built;
    small_cluster_of(&built.made, 8, 1, 1, 1);
    group_init(&built, 1, 2, 4); /* 1, 3, 5, 7: all the way round. */
    gw_collective_shape shape = shape_of(&built);
    ck_assert(shape.is_box);
    expect_axis(&shape.axes[0], 4, 2, true);
    group_init(&built, 0, 3, 2); /* 0, 3: five the other way. */
    shape = shape_of(&built);
    expect_axis(&shape.axes[0], 2, 3, false);
    group_init(&built, 0, 3, 3); /* 0, 3, 6: two from 6 to 0, so neither ring nor line. */
    ck_assert(!shape_of(&built).is_box);
    small_cluster_clear(&built.made);
    small_cluster_of(&built.made, 8, 1, 1, 0);
    group_init(&built, 0, 3, 3); /* The same in a line. */
    shape = shape_of(&built);
    ck_assert(shape.is_box);
    expect_axis(&shape.axes[0], 3, 3, false);
    small_cluster_clear(&built.made);
}
END_TEST

START_TEST(column_spans_the_other_dimension)
{
    group built;
    small_cluster_of(&built.made, 4, 8, 1, 3);
    group_init(&built, 5, 8, 4); /* (0..3, 5) */
    const gw_collective_shape shape = shape_of(&built);
    ck_assert(shape.is_box);
    expect_axis(&shape.axes[0], 4, 1, true);
    expect_axis(&shape.axes[1], 1, 1, false);
    small_cluster_clear(&built.made);
}
END_TEST

START_TEST(diagonal_and_ragged_groups_are_no_box)
{
    group built;
    small_cluster_of(&built.made, 4, 4, 1, 3);
    group_init(&built, 0, 5, 4); /* The diagonal: even along each dimension, but not a box. */
    gw_collective_shape shape = shape_of(&built);
    ck_assert(!shape.is_box);
    expect_axis(&shape.axes[0], 4, 2, false);
    group_init(&built, 0, 1, 6); /* A row and a half. */
    shape = shape_of(&built);
    ck_assert(!shape.is_box);
    /* From (1, 1) back to (0, 0) are two hops; all else is nearer. */
    expect_axis(&shape.axes[0], 6, 2, false);
    expect_axis(&shape.axes[1], 1, 1, false);
    small_cluster_clear(&built.made);
}
END_TEST

/* --- Times --- */

START_TEST(one_member_is_free)
{
    group built;
    small_cluster_of(&built.made, 8, 1, 1, 1);
    group_init(&built, 3, 1, 1);
    for (uint32_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        ck_assert_uint_eq(time_of(&built, kinds[i], BIG_BYTES), 0);
    }
    small_cluster_clear(&built.made);
}
END_TEST

START_TEST(times_on_a_ring_by_hand)
{
    group built;
    small_cluster_of(&built.made, 8, 1, 1, 1);
    group_init(&built, 0, 1, 8);
    /* 800 000 bytes, two links of 50 bytes/ns; half way round is 4000 ns. */
    ck_assert_uint_eq(time_of(&built, GW_OPERATION_ALL_REDUCE, 800000), 2000 + 8000 + 14000);
    ck_assert_uint_eq(time_of(&built, GW_OPERATION_ALL_GATHER, 100000), 2000 + 4000 + 7000);
    ck_assert_uint_eq(time_of(&built, GW_OPERATION_REDUCE_SCATTER, 800000), 2000 + 4000 + 7000);
    ck_assert_uint_eq(time_of(&built, GW_OPERATION_BROADCAST, 800000), 2000 + 4000 + 8000);
    /* Half of four members' 800 000 over 2 links: 16 000. */
    ck_assert_uint_eq(time_of(&built, GW_OPERATION_ALL_TO_ALL, 800000), 2000 + 4000 + 16000);
    ck_assert_uint_eq(time_of(&built, GW_OPERATION_PERMUTE, 800000), 2000 + 1000 + 16000);
    /* Small: 4 hops, and 7 x 80 bytes over two links. */
    ck_assert_uint_eq(time_of(&built, GW_OPERATION_ALL_REDUCE, 80), 2000 + 4000 + 6);
    small_cluster_clear(&built.made);
}
END_TEST

START_TEST(times_on_a_line_by_hand)
{
    group built;
    small_cluster_of(&built.made, 8, 1, 1, 0);
    group_init(&built, 0, 1, 8);
    ck_assert_uint_eq(time_of(&built, GW_OPERATION_ALL_REDUCE, 8000000), 2000 + 14000 + 280000);
    ck_assert_uint_eq(time_of(&built, GW_OPERATION_ALL_GATHER, 100000), 2000 + 7000 + 14000);
    ck_assert_uint_eq(time_of(&built, GW_OPERATION_ALL_TO_ALL, 800000), 2000 + 7000 + 32000);
    /* The last member's message goes back over all seven links, against the others' way. */
    ck_assert_uint_eq(time_of(&built, GW_OPERATION_PERMUTE, 800000), 2000 + 7000 + 16000);
    small_cluster_clear(&built.made);
}
END_TEST

START_TEST(odd_rings_by_hand)
{
    group built;
    small_cluster_of(&built.made, 5, 1, 1, 1);
    group_init(&built, 0, 1, 5);
    /* 2 x 3 of 25 parts of 5 members' 500 000 bytes, over 2 links of 50. */
    ck_assert_uint_eq(time_of(&built, GW_OPERATION_ALL_TO_ALL, 500000), 2000 + 2000 + 6000);
    ck_assert_uint_eq(time_of(&built, GW_OPERATION_ALL_GATHER, 100000), 2000 + 2000 + 4000);
    small_cluster_clear(&built.made);
}
END_TEST

START_TEST(torus_adds_its_axes)
{
    group built;
    small_cluster_of(&built.made, 4, 4, 1, 3);
    group_init(&built, 0, 1, 16);
    /* 15 shares of 100 000 bytes over 4 links; two hops along each axis. */
    ck_assert_uint_eq(time_of(&built, GW_OPERATION_ALL_GATHER, 100000), 2000 + 4000 + 7500);
    ck_assert_uint_eq(time_of(&built, GW_OPERATION_ALL_REDUCE, 1600000), 2000 + 8000 + 15000);
    /* Scalar: 4 + 4 bytes' worth of neighbours, axis after axis. */
    ck_assert_uint_eq(time_of(&built, GW_OPERATION_ALL_REDUCE, 4), 2000 + 4000 + 1);
    small_cluster_clear(&built.made);
}
END_TEST

START_TEST(wrapping_round_halves_the_bandwidth_term)
{
    group ring, line;
    small_cluster_of(&ring.made, 16, 16, 1, 3);
    small_cluster_of(&line.made, 16, 16, 1, 0);
    group_init(&ring, 0, 1, 256);
    group_init(&line, 0, 1, 256);
    for (uint32_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        if (kinds[i] == GW_OPERATION_PERMUTE) { /* One link either way. */
            continue;
        }
        const gw_span ring_ns = time_of(&ring, kinds[i], BIG_BYTES) - 2000;
        const gw_span line_ns = time_of(&line, kinds[i], BIG_BYTES) - 2000;
        /* The rest is hops: 60 at most, of a thousand ns. */
        ck_assert_uint_gt(line_ns, 2 * ring_ns - 60000);
        ck_assert_uint_le(line_ns, 2 * ring_ns + 60000);
    }
    small_cluster_clear(&ring.made);
    small_cluster_clear(&line.made);
}
END_TEST

START_TEST(shared_links_give_a_part_each)
{
    group built;
    small_cluster_of(&built.made, 8, 1, 1, 1);
    group_init(&built, 0, 2, 4);
    /* Two groups, each with half of each link; two hops between neighbours. */
    ck_assert_uint_eq(time_of(&built, GW_OPERATION_ALL_GATHER, 100000), 2000 + 4000 + 6000);
    ck_assert_uint_eq(time_of(&built, GW_OPERATION_PERMUTE, 100000), 2000 + 2000 + 4000);
    small_cluster_clear(&built.made);
}
END_TEST

START_TEST(line_in_group_order_by_hand)
{
    group built;
    small_cluster_of(&built.made, 4, 4, 1, 3);
    group_init(&built, 0, 5, 4); /* The diagonal: two hops each. */
    ck_assert_uint_eq(time_of(&built, GW_OPERATION_ALL_GATHER, 100000), 2000 + 6000 + 12000);
    small_cluster_clear(&built.made);
}
END_TEST

START_TEST(permute_goes_as_far_as_it_shifts)
{
    group built;
    small_cluster_of(&built.made, 8, 1, 1, 1);
    group_init(&built, 0, 1, 8);
    gw_collective collective = {.kind = GW_OPERATION_PERMUTE,
                                .size_bytes = 800000,
                                .member_count = 8,
                                .devices = built.devices};
    /* To itself: device memory, read and written at 250 bytes/ns. */
    ck_assert_uint_eq(gw_collective_ns(built.made.cluster, &collective), 2000 + 3200);
    collective.shift = 8;
    ck_assert_uint_eq(gw_collective_ns(built.made.cluster, &collective), 2000 + 3200);
    collective.shift = 3; /* Three messages on each link. */
    ck_assert_uint_eq(gw_collective_ns(built.made.cluster, &collective), 2000 + 3000 + 48000);
    collective.shift = 5; /* Three the other way. */
    ck_assert_uint_eq(gw_collective_ns(built.made.cluster, &collective), 2000 + 3000 + 48000);
    collective.shift = 4; /* Half way round, all the positive way. */
    ck_assert_uint_eq(gw_collective_ns(built.made.cluster, &collective), 2000 + 4000 + 64000);
    small_cluster_clear(&built.made);
}
END_TEST

/* The loop index is bits of wrap-around of a 4 x 2 x 5 torus; groups of every kind of shape. */
/* 4 of 8 on a switch, wherever they sit: ports of 100 bytes/ns, one hop. */
START_TEST(times_on_a_switch_by_hand)
{
    group built;
    small_cluster_init(&built.made);
    gw_accelerator *accelerator = small_cluster_add(&built.made, 8, 1, 1, 0);
    built.made.islands[0].is_switched = true;
    small_cluster_build(&built.made);
    const uint32_t members[] = {6, 0, 5, 3};
    group_init(&built, 0, 1, 4);
    memcpy(built.devices, members, sizeof members);
    ck_assert(shape_of(&built).is_switched);
    const uint64_t size_bytes = 1000000;
    ck_assert_uint_eq(time_of(&built, GW_OPERATION_ALL_GATHER, size_bytes), 3000 + 30000);
    ck_assert_uint_eq(time_of(&built, GW_OPERATION_REDUCE_SCATTER, size_bytes), 3000 + 7500);
    ck_assert_uint_eq(time_of(&built, GW_OPERATION_ALL_TO_ALL, size_bytes), 3000 + 7500);
    ck_assert_uint_eq(time_of(&built, GW_OPERATION_BROADCAST, size_bytes), 3000 + 10000);
    ck_assert_uint_eq(time_of(&built, GW_OPERATION_PERMUTE, size_bytes), 3000 + 10000);
    ck_assert_uint_eq(time_of(&built, GW_OPERATION_ALL_REDUCE, size_bytes), 4000 + 15000);
    /* The switch adds up: 5/4 of the input over a port at half its rate. */
    accelerator->switch_reduction_efficiency = 0.5;
    ck_assert_uint_eq(time_of(&built, GW_OPERATION_ALL_REDUCE, size_bytes), 4000 + 12500);
    ck_assert_uint_eq(time_of(&built, GW_OPERATION_ALL_GATHER, size_bytes), 3000 + 30000);
    /* No faster with it than without. */
    accelerator->switch_reduction_efficiency = 0.3;
    ck_assert_uint_eq(time_of(&built, GW_OPERATION_ALL_REDUCE, size_bytes), 4000 + 15000);
    small_cluster_clear(&built.made);
}
END_TEST

/* (sqrt(T) + sqrt(t))^2 of T on the wires, 2 hops and 15 us, and a start-up t of 2 us; each hop is
 * 1 us; nothing for chunks of nothing but what hops take. */
START_TEST(messages_in_chunks)
{
    group built;
    small_cluster_init(&built.made);
    small_cluster_add(&built.made, 8, 1, 1, 0)->chunks_collectives = true;
    built.made.islands[0].is_switched = true;
    small_cluster_build(&built.made);
    group_init(&built, 0, 1, 4);
    const gw_accelerator *accelerator = &built.made.accelerators[0];
    ck_assert_uint_eq(gw_collective_start_ns(accelerator, 0), 2000);
    ck_assert_uint_eq(gw_collective_start_ns(accelerator, 8000), 2000 + 8000);
    ck_assert_uint_eq(time_of(&built, GW_OPERATION_ALL_REDUCE, 1000000),
                      17000 + gw_collective_start_ns(accelerator, 17000));
    gw_span before_ns = 0;
    for (uint64_t size_bytes = 0; size_bytes < 100; size_bytes++) {
        const gw_span ns = time_of(&built, GW_OPERATION_ALL_GATHER, size_bytes);
        ck_assert_uint_ge(ns, before_ns);
        before_ns = ns;
    }
    small_cluster_clear(&built.made);
}
END_TEST

/* 2 x (4 - 1) rounds of a hop and a quarter over one link; other kinds, and groups with others in
 * between, as without a name. */
START_TEST(island_names_its_algorithm)
{
    group built;
    const uint64_t size_bytes = 1000000;
    small_cluster_init(&built.made);
    small_cluster_add(&built.made, 8, 1, 1, 1);
    small_cluster_build(&built.made);
    group_init(&built, 0, 1, 4);
    const gw_span line_ns = time_of(&built, GW_OPERATION_BROADCAST, size_bytes);
    group_init(&built, 0, 2, 4);
    const gw_span apart_ns = time_of(&built, GW_OPERATION_ALL_REDUCE, size_bytes);
    small_cluster_clear(&built.made);
    built.made.islands[0].collectives = GW_ALGORITHM_RING;
    small_cluster_build(&built.made);
    ck_assert_uint_eq(time_of(&built, GW_OPERATION_ALL_REDUCE, size_bytes), apart_ns);
    group_init(&built, 0, 1, 4);
    ck_assert_uint_eq(time_of(&built, GW_OPERATION_BROADCAST, size_bytes), line_ns);
    group_init(&built, 0, 1, 8);
    ck_assert_uint_eq(time_of(&built, GW_OPERATION_ALL_REDUCE, size_bytes),
                      2000 + 14 * (1000 + 2500));
    small_cluster_clear(&built.made);
}
END_TEST

START_TEST(more_bytes_never_take_less_time)
{
    group built;
    small_cluster_of(&built.made, 4, 2, 5, (uint32_t)_i);
    static const uint32_t firsts[] = {0, 0, 3, 0, 7}, strides[] = {1, 10, 1, 2, 9},
                          counts[] = {40, 4, 5, 13, 3};
    for (uint32_t g = 0; g < G_N_ELEMENTS(firsts); g++) {
        group_init(&built, firsts[g], strides[g], counts[g]);
        for (uint32_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
            gw_span before_ns = 0;
            for (uint64_t size_bytes = 0; size_bytes < BIG_BYTES;
                 size_bytes = size_bytes * 5 / 4 + 1) {
                const gw_span now_ns = time_of(&built, kinds[i], size_bytes);
                ck_assert_uint_ge(now_ns, before_ns);
                before_ns = now_ns;
            }
        }
    }
    small_cluster_clear(&built.made);
}
END_TEST

START_TEST(other_way_round_takes_the_same)
{
    group built, mirrored;
    small_cluster_of(&built.made, 4, 2, 5, (uint32_t)_i);
    mirrored.made.cluster = built.made.cluster;
    static const uint32_t firsts[] = {0, 0, 3, 0, 7}, strides[] = {1, 10, 1, 2, 9},
                          counts[] = {40, 4, 5, 13, 3};
    for (uint32_t g = 0; g < G_N_ELEMENTS(firsts); g++) {
        group_init(&built, firsts[g], strides[g], counts[g]);
        mirrored.count = built.count;
        for (uint32_t i = 0; i < built.count; i++) {
            mirrored.devices[i] = built.devices[built.count - 1 - i];
        }
        for (uint32_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
            if (kinds[i] == GW_OPERATION_PERMUTE) {
                continue; /* Ties go the positive way, so a mirrored shift loads other links. */
            }
            for (uint64_t size_bytes = 8; size_bytes < BIG_BYTES; size_bytes *= 8) {
                ck_assert_uint_eq(time_of(&built, kinds[i], size_bytes),
                                  time_of(&mirrored, kinds[i], size_bytes));
            }
        }
    }
    small_cluster_clear(&built.made);
}
END_TEST

START_TEST(all_reduce_is_the_better_of_two)
{
    group built;
    small_cluster_of(&built.made, 16, 1, 1, 1);
    group_init(&built, 0, 1, 16);
    const double reach_ns = 8000, rate_bytes_per_ns = 100;
    for (uint64_t size_bytes = 16; size_bytes < BIG_BYTES; size_bytes *= 2) {
        const double size = (double)size_bytes;
        const double exchange_ns = 2000 + reach_ns + 15 * size / rate_bytes_per_ns;
        const double scatter_ns = 2000 + 2 * reach_ns + 2 * 15 * size / 16 / rate_bytes_per_ns;
        const double expected_ns = exchange_ns < scatter_ns ? exchange_ns : scatter_ns;
        /* Rounded up once. */
        ck_assert_double_eq_tol((double)time_of(&built, GW_OPERATION_ALL_REDUCE, size_bytes),
                                expected_ns, 1.0);
    }
    small_cluster_clear(&built.made);
}
END_TEST

/* --- What is not to be --- */

START_TEST(group_across_islands_aborts)
{
    group built;
    small_cluster_init(&built.made);
    small_cluster_add(&built.made, 4, 1, 1, 1);
    small_cluster_add(&built.made, 4, 1, 1, 1);
    small_cluster_build(&built.made);
    group_init(&built, 2, 1, 4);
    time_of(&built, GW_OPERATION_ALL_REDUCE, 8);
}
END_TEST

START_TEST(member_listed_twice_aborts)
{
    group built;
    small_cluster_of(&built.made, 4, 1, 1, 1);
    built.count = 2;
    built.devices[0] = built.devices[1] = 1;
    time_of(&built, GW_OPERATION_ALL_REDUCE, 8);
}
END_TEST

START_TEST(other_operations_abort)
{
    group built;
    small_cluster_of(&built.made, 4, 1, 1, 1);
    group_init(&built, 0, 1, 4);
    time_of(&built, GW_OPERATION_MATMUL, 8);
}
END_TEST

START_TEST(empty_group_aborts)
{
    group built;
    small_cluster_of(&built.made, 4, 1, 1, 1);
    group_init(&built, 0, 1, 0);
    time_of(&built, GW_OPERATION_ALL_REDUCE, 8);
}
END_TEST

static Suite *collective_suite(void)
{
    Suite *suite = suite_create("collective");
    TCase *shapes = tcase_create("shapes");
    tcase_add_test(shapes, whole_torus_is_a_box_of_rings);
    tcase_add_test(shapes, part_of_a_ring_is_a_line);
    tcase_add_test(shapes, over_the_edge_of_a_line_is_no_box);
    tcase_add_test(shapes, evenly_spaced_members_have_a_stride);
    tcase_add_test(shapes, column_spans_the_other_dimension);
    tcase_add_test(shapes, diagonal_and_ragged_groups_are_no_box);
    suite_add_tcase(suite, shapes);
    TCase *times = tcase_create("times");
    tcase_add_test(times, one_member_is_free);
    tcase_add_test(times, times_on_a_ring_by_hand);
    tcase_add_test(times, times_on_a_line_by_hand);
    tcase_add_test(times, odd_rings_by_hand);
    tcase_add_test(times, torus_adds_its_axes);
    tcase_add_test(times, wrapping_round_halves_the_bandwidth_term);
    tcase_add_test(times, shared_links_give_a_part_each);
    tcase_add_test(times, line_in_group_order_by_hand);
    tcase_add_test(times, permute_goes_as_far_as_it_shifts);
    tcase_add_test(times, times_on_a_switch_by_hand);
    tcase_add_test(times, messages_in_chunks);
    tcase_add_test(times, island_names_its_algorithm);
    tcase_add_loop_test(times, more_bytes_never_take_less_time, 0, 8);
    tcase_add_loop_test(times, other_way_round_takes_the_same, 0, 8);
    tcase_add_test(times, all_reduce_is_the_better_of_two);
    suite_add_tcase(suite, times);
    TCase *beliefs = tcase_create("beliefs");
    tcase_add_test_raise_signal(beliefs, group_across_islands_aborts, SIGABRT);
    tcase_add_test_raise_signal(beliefs, member_listed_twice_aborts, SIGABRT);
    tcase_add_test_raise_signal(beliefs, other_operations_abort, SIGABRT);
    tcase_add_test_raise_signal(beliefs, empty_group_aborts, SIGABRT);
    suite_add_tcase(suite, beliefs);
    return suite;
}

int main(void)
{
    return gw_run_suite(collective_suite());
}
