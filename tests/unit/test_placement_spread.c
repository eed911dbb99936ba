/* SPDX-License-Identifier: Apache-2.0 */
/* The spread placement: which box, which run, which island. */
#include <check.h>

#include "controller/placement.h"
#include "run_suite.h"

#define DEVICES_MAX 64

typedef struct {
    gw_directory *directory;
    uint32_t load[DEVICES_MAX];
    uint64_t free_bytes[DEVICES_MAX];
    uint32_t devices[DEVICES_MAX]; /* The answer. */
} bench;

/* Islands of shape a x b x c, one device a host, each device with 100 free bytes. */
static void init_bench(bench *made, const uint32_t (*shapes)[3], uint32_t island_count)
{
    gw_island islands[4] = {0};
    ck_assert_uint_le(island_count, G_N_ELEMENTS(islands));
    *made = (bench){0};
    for (uint32_t i = 0; i < island_count; i++) {
        islands[i].host_count = shapes[i][0] * shapes[i][1] * shapes[i][2];
        islands[i].devices_per_host = 1;
        for (uint32_t d = 0; d < 3; d++) {
            islands[i].shape[d] = shapes[i][d];
        }
    }
    made->directory = gw_directory_new(islands, island_count, 0);
    ck_assert_uint_le(made->directory->device_count, DEVICES_MAX);
    for (uint32_t d = 0; d < DEVICES_MAX; d++) {
        made->free_bytes[d] = 100;
        made->devices[d] = GW_INDEX_NONE;
    }
}

static bool ask(const gw_placement_view *view, const gw_placement_request *request,
                uint32_t *out_devices)
{
    gw_placement *placement = gw_placement_spread.create(NULL, NULL);
    const bool is_placed = gw_placement_spread.place(placement, view, request, out_devices);
    gw_placement_spread.destroy(placement);
    return is_placed;
}

static bool place(bench *made, uint32_t dims, uint32_t a, uint32_t b, uint32_t c, uint32_t island,
                  uint64_t size_bytes)
{
    const gw_placement_view view = {
        .directory = made->directory, .load = made->load, .free_bytes = made->free_bytes};
    const gw_placement_request request = {.dims = dims,
                                          .shape = {a, b, c},
                                          .island = island,
                                          .accelerator = GW_INDEX_NONE,
                                          .size_bytes = size_bytes};
    return ask(&view, &request, made->devices);
}

static void load_answer(bench *made, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        made->load[made->devices[i]]++;
    }
}

static void check_answer(const bench *made, const uint32_t *expected, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        ck_assert_uint_eq(made->devices[i], expected[i]);
    }
}
#define CHECK_ANSWER(made, ...)                                                                    \
    check_answer((made), (const uint32_t[]){__VA_ARGS__},                                          \
                 sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))

START_TEST(runs_tile_a_line_and_come_round_again)
{
    bench made;
    init_bench(&made, (const uint32_t[][3]){{8, 1, 1}}, 1);
    for (uint32_t round = 0; round < 8; round++) {
        ck_assert(place(&made, 1, 2, 1, 1, GW_INDEX_NONE, 10));
        CHECK_ANSWER(&made, round % 4 * 2, round % 4 * 2 + 1);
        load_answer(&made, 2);
    }
    gw_directory_free(made.directory);
}
END_TEST

START_TEST(runs_that_do_not_tile_begin_anywhere)
{
    bench made;
    init_bench(&made, (const uint32_t[][3]){{5, 1, 1}}, 1);
    made.load[0] = 1;
    made.load[4] = 1;
    ck_assert(place(&made, 1, 3, 1, 1, GW_INDEX_NONE, 10));
    CHECK_ANSWER(&made, 1, 2, 3);
    gw_directory_free(made.directory);
}
END_TEST

START_TEST(boxes_of_two_dimensions_keep_their_shape)
{
    bench made;
    init_bench(&made, (const uint32_t[][3]){{4, 4, 1}}, 1);
    ck_assert(place(&made, 2, 2, 2, 1, GW_INDEX_NONE, 10));
    CHECK_ANSWER(&made, 0, 1, 4, 5);
    load_answer(&made, 4);
    ck_assert(place(&made, 2, 2, 2, 1, GW_INDEX_NONE, 10));
    CHECK_ANSWER(&made, 2, 3, 6, 7);
    load_answer(&made, 4);
    ck_assert(place(&made, 2, 4, 1, 1, GW_INDEX_NONE, 10)); /* A column: 0 to 3 are loaded. */
    CHECK_ANSWER(&made, 0, 4, 8, 12);
    gw_directory_free(made.directory);
}
END_TEST

START_TEST(boxes_of_three_dimensions_keep_their_shape)
{
    bench made;
    init_bench(&made, (const uint32_t[][3]){{2, 4, 2}}, 1);
    made.load[0] = 1;
    ck_assert(place(&made, 3, 2, 2, 2, GW_INDEX_NONE, 10));
    CHECK_ANSWER(&made, 4, 5, 6, 7, 12, 13, 14, 15);
    ck_assert(place(&made, 3, 1, 2, 2, GW_INDEX_NONE, 10));
    CHECK_ANSWER(&made, 4, 5, 6, 7);
    gw_directory_free(made.directory);
}
END_TEST

START_TEST(what_fits_no_box_is_turned_folded_or_takes_a_run)
{
    bench made;
    init_bench(&made, (const uint32_t[][3]){{2, 4, 1}, {2, 3, 2}, {3, 3, 1}}, 3);
    ck_assert(place(&made, 2, 4, 2, 1, 0, 10)); /* Turned. */
    CHECK_ANSWER(&made, 0, 4, 1, 5, 2, 6, 3, 7);
    ck_assert(place(&made, 2, 4, 3, 1, 1, 10)); /* 4 = 2 x 2, folded, beside the side of 3. */
    CHECK_ANSWER(&made, 8, 10, 12, 9, 11, 13, 15, 17, 19, 14, 16, 18);
    ck_assert(place(&made, 2, 4, 2, 1, 2, 10)); /* 4 goes nowhere: a run. */
    CHECK_ANSWER(&made, 20, 21, 22, 23, 24, 25, 26, 27);
    ck_assert(!place(&made, 2, 3, 3, 1, 0, 10));
    gw_directory_free(made.directory);
}
END_TEST

START_TEST(highest_load_counts_before_the_sum)
{
    bench made;
    init_bench(&made, (const uint32_t[][3]){{4, 1, 1}}, 1);
    made.load[1] = 3; /* With device 0: sum 3, highest 3. */
    made.load[2] = 2; /* Sum 4, highest 2. */
    made.load[3] = 2;
    ck_assert(place(&made, 1, 2, 1, 1, GW_INDEX_NONE, 10));
    CHECK_ANSWER(&made, 2, 3);
    made.load[3] = 1;
    made.load[0] = 2;
    made.load[1] = 2; /* Highest 2 twice; sums 4 and 3. */
    ck_assert(place(&made, 1, 2, 1, 1, GW_INDEX_NONE, 10));
    CHECK_ANSWER(&made, 2, 3);
    made.load[3] = 2; /* All the same: the first. */
    ck_assert(place(&made, 1, 2, 1, 1, GW_INDEX_NONE, 10));
    CHECK_ANSWER(&made, 0, 1);
    gw_directory_free(made.directory);
}
END_TEST

/* Tiles first, but not at the price of load. */
START_TEST(box_between_tiles_is_taken_where_it_is_less_loaded)
{
    bench made;
    init_bench(&made, (const uint32_t[][3]){{4, 4, 1}}, 1);
    for (uint32_t d = 0; d < 16; d++) {
        made.load[d] = d == 5 || d == 6 || d == 9 || d == 10 ? 0 : 1;
    }
    ck_assert(place(&made, 2, 2, 2, 1, GW_INDEX_NONE, 10));
    CHECK_ANSWER(&made, 5, 6, 9, 10);
    gw_directory_free(made.directory);
}
END_TEST

START_TEST(boxes_go_round_a_ring_and_not_over_the_end_of_a_line)
{
    for (uint32_t wrapped = 0; wrapped < 2; wrapped++) {
        bench made;
        init_bench(&made, (const uint32_t[][3]){{4, 4, 1}}, 1);
        made.directory->islands[0].is_wrapped[0] = wrapped == 1;
        for (uint32_t d = 0; d < 16; d++) { /* Room at the four corners' rows alone. */
            made.free_bytes[d] = d / 4 == 0 || d / 4 == 3 ? 100 : 0;
        }
        ck_assert_int_eq(place(&made, 2, 2, 2, 1, GW_INDEX_NONE, 10), 1);
        if (wrapped == 1) {
            CHECK_ANSWER(&made, 12, 13, 0, 1);
        } else {
            CHECK_ANSWER(&made, 0, 1, 2, 3); /* No box: a run of a row. */
        }
        gw_directory_free(made.directory);
    }
}
END_TEST

START_TEST(only_islands_of_the_accelerator_asked_for)
{
    bench made;
    init_bench(&made, (const uint32_t[][3]){{4, 1, 1}, {2, 1, 1}}, 2);
    made.directory->islands[1].accelerator = 7;
    const gw_placement_view view = {
        .directory = made.directory, .load = made.load, .free_bytes = made.free_bytes};
    gw_placement_request request = {
        .dims = 1, .shape = {2, 1, 1}, .island = GW_INDEX_NONE, .accelerator = 7};
    ck_assert(ask(&view, &request, made.devices));
    CHECK_ANSWER(&made, 4, 5);
    request.island = 0; /* Both or nothing. */
    ck_assert(!ask(&view, &request, made.devices));
    request.island = GW_INDEX_NONE;
    request.accelerator = 8;
    ck_assert(!ask(&view, &request, made.devices));
    gw_directory_free(made.directory);
}
END_TEST

START_TEST(emptier_island_wins_and_a_named_one_is_kept)
{
    bench made;
    init_bench(&made, (const uint32_t[][3]){{2, 1, 1}, {2, 1, 1}, {4, 1, 1}}, 3);
    ck_assert(place(&made, 1, 2, 1, 1, GW_INDEX_NONE, 10));
    CHECK_ANSWER(&made, 0, 1);
    load_answer(&made, 2);
    ck_assert(place(&made, 1, 2, 1, 1, GW_INDEX_NONE, 10));
    CHECK_ANSWER(&made, 2, 3);
    ck_assert(place(&made, 1, 2, 1, 1, 0, 10));
    CHECK_ANSWER(&made, 0, 1);
    ck_assert(place(&made, 1, 4, 1, 1, GW_INDEX_NONE, 10));
    CHECK_ANSWER(&made, 4, 5, 6, 7);
    ck_assert(!place(&made, 1, 4, 1, 1, 1, 10));
    gw_directory_free(made.directory);
}
END_TEST

START_TEST(devices_without_memory_are_passed_over)
{
    bench made;
    init_bench(&made, (const uint32_t[][3]){{6, 1, 1}}, 1);
    made.free_bytes[0] = made.free_bytes[1] = 99;
    made.load[2] = made.load[3] = 9;
    made.free_bytes[4] = made.free_bytes[5] = 0;
    ck_assert(place(&made, 1, 2, 1, 1, GW_INDEX_NONE, 100));
    CHECK_ANSWER(&made, 2, 3); /* Loaded, but the only two with room. */
    ck_assert(place(&made, 1, 2, 1, 1, GW_INDEX_NONE, 99));
    CHECK_ANSWER(&made, 0, 1);
    ck_assert(!place(&made, 1, 2, 1, 1, GW_INDEX_NONE, 101));
    gw_directory_free(made.directory);
}
END_TEST

/* Random clusters and loads: the answer is a run of the island that no other run beats. */
START_TEST(no_other_run_is_better)
{
    uint32_t state = (uint32_t)_i * 7919 + 1;
    bench made;
    init_bench(&made, (const uint32_t[][3]){{12, 1, 1}, {6, 1, 1}}, 2);
    for (uint32_t d = 0; d < 18; d++) {
        state = state * 1664525 + 1013904223;
        made.load[d] = (state >> 16) % 4;
        made.free_bytes[d] = (state >> 20) % 5 == 0 ? 0 : 100;
    }
    const bool is_found = place(&made, 1, 3, 1, 1, GW_INDEX_NONE, 50);
    uint32_t best = GW_INDEX_NONE;
    for (uint32_t first = 0; first + 3 <= 18; first++) {
        if (first < 12 && first + 3 > 12) { /* From one island to the next. */
            continue;
        }
        uint32_t most = 0, sum = 0;
        bool has_memory = true;
        for (uint32_t d = first; d < first + 3; d++) {
            has_memory = has_memory && made.free_bytes[d] >= 50;
            most = MAX(most, made.load[d]);
            sum += made.load[d];
        }
        best = has_memory ? MIN(best, most * 100 + sum) : best;
    }
    ck_assert_int_eq(is_found, best != GW_INDEX_NONE);
    if (is_found) {
        const uint32_t *devices = made.devices, *load = made.load;
        const uint32_t most = MAX(MAX(load[devices[0]], load[devices[1]]), load[devices[2]]);
        ck_assert_uint_eq(devices[1], devices[0] + 1);
        ck_assert_uint_eq(devices[2], devices[0] + 2);
        ck_assert_uint_eq(most * 100 + load[devices[0]] + load[devices[1]] + load[devices[2]],
                          best);
    }
    gw_directory_free(made.directory);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("placement");
    tcase_add_test(cases, runs_tile_a_line_and_come_round_again);
    tcase_add_test(cases, runs_that_do_not_tile_begin_anywhere);
    tcase_add_test(cases, boxes_of_two_dimensions_keep_their_shape);
    tcase_add_test(cases, boxes_of_three_dimensions_keep_their_shape);
    tcase_add_test(cases, what_fits_no_box_is_turned_folded_or_takes_a_run);
    tcase_add_test(cases, highest_load_counts_before_the_sum);
    tcase_add_test(cases, box_between_tiles_is_taken_where_it_is_less_loaded);
    tcase_add_test(cases, boxes_go_round_a_ring_and_not_over_the_end_of_a_line);
    tcase_add_test(cases, only_islands_of_the_accelerator_asked_for);
    tcase_add_test(cases, emptier_island_wins_and_a_named_one_is_kept);
    tcase_add_test(cases, devices_without_memory_are_passed_over);
    tcase_add_loop_test(cases, no_other_run_is_better, 0, 50);
    Suite *suite = suite_create("placement");
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
