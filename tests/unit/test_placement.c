/* SPDX-License-Identifier: Apache-2.0 */
/* The placement policies: what each is for, and what holds for all of them on drawn clusters.
 * "spread" has a file of its own (test_placement_spread.c). */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/params.h"
#include "base/random.h"
#include "controller/embedding.h"
#include "controller/placement.h"
#include "run_suite.h"

#define DEVICES_MAX 256

typedef struct {
    gw_directory *directory;
    uint32_t load[DEVICES_MAX];
    uint64_t free_bytes[DEVICES_MAX];
    uint64_t seed;
    uint32_t devices[DEVICES_MAX]; /* The answer. */
} bench;

/* One island of shape a x b x c, each device with 100 free bytes. */
static void init_bench(bench *made, uint32_t a, uint32_t b, uint32_t c, bool is_wrapped)
{
    const gw_island island = {.host_count = a * b * c,
                              .devices_per_host = 1,
                              .shape = {a, b, c},
                              .is_wrapped = {is_wrapped, is_wrapped, is_wrapped}};
    *made = (bench){.seed = 1};
    made->directory = gw_directory_new(&island, 1, 0);
    for (uint32_t d = 0; d < DEVICES_MAX; d++) {
        made->free_bytes[d] = 100;
    }
}

static bool place(bench *made, const char *policy, uint32_t job, const gw_mesh *mesh,
                  uint64_t size_bytes)
{
    const gw_placement_view view = {.directory = made->directory,
                                    .load = made->load,
                                    .free_bytes = made->free_bytes,
                                    .seed = made->seed};
    const gw_placement_request request = {.dims = mesh->dims,
                                          .shape = {mesh->shape[0], mesh->shape[1], mesh->shape[2]},
                                          .job = job,
                                          .island = GW_INDEX_NONE,
                                          .accelerator = GW_INDEX_NONE,
                                          .size_bytes = size_bytes};
    const gw_placement_ops *ops = gw_placement_find(policy);
    gw_placement *placement = ops->create(NULL, NULL);
    const bool is_placed = ops->place(placement, &view, &request, made->devices);
    ops->destroy(placement);
    return is_placed;
}

/* Places a box and takes its devices. */
static void take(bench *made, const char *policy, uint32_t a, uint32_t b, uint64_t size_bytes)
{
    const gw_mesh mesh = {.dims = 2, .shape = {a, b, 1}};
    ck_assert(place(made, policy, 0, &mesh, size_bytes));
    for (uint32_t i = 0; i < a * b; i++) {
        made->load[made->devices[i]]++;
        made->free_bytes[made->devices[i]] -= size_bytes;
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

START_TEST(policies_are_listed_by_name)
{
    uint32_t count = 0;
    for (; gw_placements[count] != NULL; count++) {
        ck_assert_ptr_eq(gw_placement_find(gw_placements[count]->name), gw_placements[count]);
        ck_assert_ptr_nonnull(gw_placements[count]->summary);
        if (count > 0) {
            ck_assert_int_lt(strcmp(gw_placements[count - 1]->name, gw_placements[count]->name), 0);
        }
    }
    ck_assert_uint_eq(count, 4);
    ck_assert_ptr_null(gw_placement_find("Spread"));
    ck_assert_ptr_null(gw_placement_find(""));
    ck_assert_str_eq(gw_placement_spread.name, "spread");
}
END_TEST

/* Where a mesh of two lies on a line of 100, with these parameters and this seed of the scenario.
 */
static uint32_t draw_place(const char *text, uint64_t seed)
{
    bench made;
    init_bench(&made, 100, 1, 1, false);
    g_autoptr(gw_params) params = text != NULL ? gw_params_parse(text, "s.json", NULL) : NULL;
    const gw_placement_ops *ops = gw_placement_find("random");
    gw_placement *placement = ops->create(params, NULL);
    const gw_placement_view view = {.directory = made.directory,
                                    .load = made.load,
                                    .free_bytes = made.free_bytes,
                                    .seed = seed};
    const gw_placement_request request = {.dims = 1,
                                          .shape = {2, 1, 1},
                                          .island = GW_INDEX_NONE,
                                          .accelerator = GW_INDEX_NONE,
                                          .size_bytes = 1};
    ck_assert(ops->place(placement, &view, &request, made.devices));
    ops->destroy(placement);
    gw_directory_free(made.directory);
    return made.devices[0];
}

START_TEST(random_may_have_a_seed_of_its_own)
{
    const uint32_t one = draw_place(NULL, 1), two = draw_place(NULL, 2);
    ck_assert_uint_ne(one, two);
    ck_assert_uint_eq(draw_place("{}", 2), two);
    ck_assert_uint_eq(draw_place("{\"seed\": 1}", 2), one);
    ck_assert_uint_eq(draw_place("{\"seed\": 0}", 2), draw_place(NULL, 0));
}
END_TEST

START_TEST(pack_fills_devices_before_it_opens_others)
{
    bench made;
    init_bench(&made, 4, 4, 1, false);
    take(&made, "pack", 2, 2, 40);
    CHECK_ANSWER(&made, 0, 1, 4, 5);
    take(&made, "pack", 2, 2, 40); /* The same again: there is memory. */
    CHECK_ANSWER(&made, 0, 1, 4, 5);
    take(&made, "pack", 2, 2, 40); /* Now there is not: next to them. */
    CHECK_ANSWER(&made, 2, 3, 6, 7);
    take(&made, "pack", 2, 2, 20);
    CHECK_ANSWER(&made, 0, 1, 4, 5);
    gw_directory_free(made.directory);
}
END_TEST

START_TEST(pack_keeps_islands_free)
{
    const gw_island islands[] = {
        {.host_count = 4, .devices_per_host = 1, .shape = {4, 1, 1}},
        {.host_count = 4, .devices_per_host = 1, .shape = {4, 1, 1}},
    };
    bench made;
    init_bench(&made, 1, 1, 1, false);
    gw_directory_free(made.directory);
    made.directory = gw_directory_new(islands, 2, 0);
    made.load[6] = 1;
    made.free_bytes[6] = 0;
    const gw_mesh mesh = {.dims = 1, .shape = {2, 1, 1}};
    ck_assert(place(&made, "pack", 0, &mesh, 10));
    CHECK_ANSWER(&made, 4, 5);
    ck_assert(place(&made, "spread", 0, &mesh, 10));
    CHECK_ANSWER(&made, 0, 1);
    gw_directory_free(made.directory);
}
END_TEST

START_TEST(topology_closes_rings)
{
    bench made;
    init_bench(&made, 4, 8, 1, true);
    const gw_mesh line = {.dims = 1, .shape = {4, 1, 1}}, box = {.dims = 2, .shape = {2, 4, 1}};
    ck_assert(place(&made, "spread", 0, &line, 10)); /* Half of a ring of 8: 6 hops. */
    CHECK_ANSWER(&made, 0, 1, 2, 3);
    ck_assert(place(&made, "topology", 0, &line, 10)); /* 2 x 2, there and back: 4. */
    CHECK_ANSWER(&made, 0, 1, 9, 8);
    ck_assert(place(&made, "topology", 0, &box, 10)); /* The 4 all the way round the 4. */
    CHECK_ANSWER(&made, 0, 8, 16, 24, 1, 9, 17, 25);
    gw_directory_free(made.directory);
}
END_TEST

/* The highest load that a slice of 6 finds after one of 4 was placed by `policy`, on a line whose
 * devices 6 and 11 are taken. */
static uint32_t find_load_of_large_slice(const char *policy)
{
    bench made;
    const gw_mesh small = {.dims = 1, .shape = {4, 1, 1}}, large = {.dims = 1, .shape = {6, 1, 1}};
    init_bench(&made, 12, 1, 1, false);
    made.load[6] = made.load[11] = 1;
    ck_assert(place(&made, policy, 0, &small, 10));
    for (uint32_t i = 0; i < 4; i++) {
        made.load[made.devices[i]]++;
    }
    ck_assert(place(&made, policy, 0, &large, 10));
    uint32_t load_max = 0;
    for (uint32_t i = 0; i < 6; i++) {
        load_max = MAX(load_max, made.load[made.devices[i]]);
    }
    gw_directory_free(made.directory);
    return load_max;
}

START_TEST(topology_keeps_room_for_large_slices)
{
    ck_assert_uint_eq(find_load_of_large_slice("topology"), 0); /* 4 in the hole of 4. */
    ck_assert_uint_eq(find_load_of_large_slice("spread"), 1);   /* 4 in the hole of 6. */
}
END_TEST

START_TEST(topology_prefers_short_ways_to_idle_devices)
{
    bench made;
    init_bench(&made, 4, 4, 1, false);
    for (uint32_t d = 0; d < 16; d++) { /* Idle: 3, 4, 5, 6 round a corner, no box. */
        made.load[d] = d >= 3 && d <= 6 ? 0 : 1;
    }
    const gw_mesh line = {.dims = 1, .shape = {4, 1, 1}};
    ck_assert(place(&made, "spread", 0, &line, 10));
    CHECK_ANSWER(&made, 3, 4, 5, 6);
    ck_assert(place(&made, "topology", 0, &line, 10));
    CHECK_ANSWER(&made, 0, 1, 5, 4);
    gw_directory_free(made.directory);
}
END_TEST

START_TEST(random_is_the_seeds)
{
    bench made;
    init_bench(&made, 16, 16, 1, true);
    const gw_mesh mesh = {.dims = 2, .shape = {2, 2, 1}};
    uint32_t counts[4] = {0}, repeated = 0, last = GW_INDEX_NONE;
    for (uint32_t job = 0; job < 1000; job++) {
        uint32_t first[4];
        made.seed = 5;
        ck_assert(place(&made, "random", job, &mesh, 10));
        memcpy(first, made.devices, sizeof first);
        ck_assert(place(&made, "random", job, &mesh, 10));
        CHECK_ANSWER(&made, first[0], first[1], first[2], first[3]);
        repeated += first[0] == last ? 1 : 0;
        last = first[0];
        counts[first[0] / 16 / 8 * 2 + first[0] % 16 / 8]++; /* By quarter of the torus. */
        made.seed = 6;
        ck_assert(place(&made, "random", job, &mesh, 10));
        repeated += made.devices[0] == last ? 1 : 0;
    }
    ck_assert_uint_lt(repeated, 30); /* 2000 / 256 are expected. */
    for (uint32_t quarter = 0; quarter < 4; quarter++) {
        ck_assert_uint_gt(counts[quarter], 190); /* 250, and more than 4 deviations less. */
        ck_assert_uint_lt(counts[quarter], 310);
    }
    gw_directory_free(made.directory);
}
END_TEST

/* --- What holds for all --- */

static uint64_t count_hops(const bench *made, const gw_mesh *mesh)
{
    uint64_t hops = 0;
    const gw_island *island =
        &made->directory
             ->islands[gw_directory_island(made->directory, (gw_device_id){made->devices[0]})];
    for (uint32_t shard = 0; shard < gw_mesh_device_count(mesh); shard++) {
        uint32_t stride = 1;
        for (uint32_t dim = mesh->dims; dim-- > 0; stride *= mesh->shape[dim]) {
            const uint32_t size = mesh->shape[dim], at = shard / stride % size;
            if (size == 1 || (size == 2 && at == 1)) {
                continue;
            }
            const uint32_t next = at + 1 < size ? shard + stride : shard - at * stride;
            hops += gw_embedding_distance(island, made->devices[shard] - island->first_device,
                                          made->devices[next] - island->first_device);
        }
    }
    return hops;
}

static uint32_t draw(gw_random *random, uint32_t count)
{
    return (uint32_t)gw_random_below(random, count);
}

static void draw_cluster(bench *made, gw_random *random)
{
    gw_island islands[3] = {0};
    const uint32_t count = 1 + draw(random, 3);
    for (uint32_t i = 0; i < count; i++) {
        islands[i].devices_per_host = 1;
        islands[i].host_count = 1;
        for (uint32_t axis = 0; axis < 3; axis++) {
            islands[i].shape[axis] = 1 + draw(random, axis == 2 ? 3 : 5);
            islands[i].is_wrapped[axis] = draw(random, 2) == 1;
            islands[i].host_count *= islands[i].shape[axis];
        }
    }
    *made = (bench){.seed = draw(random, 1000)};
    made->directory = gw_directory_new(islands, count, 0);
    for (uint32_t d = 0; d < made->directory->device_count; d++) {
        made->load[d] = draw(random, 3);
        made->free_bytes[d] = draw(random, 4) == 0 ? draw(random, 60) : 100;
    }
}

/* Devices once each, of one island, with the memory. */
static void check_devices(const bench *made, const gw_mesh *mesh, uint64_t size_bytes)
{
    bool is_taken[DEVICES_MAX] = {false};
    const uint32_t island = gw_directory_island(made->directory, (gw_device_id){made->devices[0]});
    for (uint32_t i = 0; i < gw_mesh_device_count(mesh); i++) {
        const uint32_t device = made->devices[i];
        ck_assert_uint_lt(device, made->directory->device_count);
        ck_assert_uint_eq(gw_directory_island(made->directory, (gw_device_id){device}), island);
        ck_assert(!is_taken[device]);
        is_taken[device] = true;
        ck_assert_uint_ge(made->free_bytes[device], size_bytes);
    }
}

static void check_all_policies(bench *made, const gw_mesh *mesh, uint64_t size_bytes)
{
    const bool has_place = place(made, "spread", 0, mesh, size_bytes);
    const uint64_t hops = has_place ? count_hops(made, mesh) : 0;
    for (uint32_t p = 0; gw_placements[p] != NULL; p++) {
        uint32_t again[DEVICES_MAX];
        memset(made->devices, 0xff, sizeof made->devices);
        ck_assert_int_eq(place(made, gw_placements[p]->name, 0, mesh, size_bytes), has_place);
        if (!has_place) {
            ck_assert_uint_eq(made->devices[0], GW_INDEX_NONE); /* Untouched. */
            continue;
        }
        check_devices(made, mesh, size_bytes);
        if (strcmp(gw_placements[p]->name, "topology") == 0) {
            ck_assert_uint_le(count_hops(made, mesh), hops);
        }
        memcpy(again, made->devices, sizeof again);
        ck_assert(place(made, gw_placements[p]->name, 0, mesh, size_bytes));
        ck_assert_mem_eq(again, made->devices, sizeof again);
    }
}

/* Clusters, loads and meshes by seed. */
START_TEST(answers_are_sound_and_topology_is_never_longer_than_spread)
{
    gw_random random;
    g_autofree char *name = g_strdup_printf("placement %d", _i);
    gw_random_init(&random, 1, name);
    for (uint32_t drawn = 0; drawn < 40; drawn++) {
        bench made;
        draw_cluster(&made, &random);
        for (uint32_t k = 0; k < 5; k++) {
            gw_mesh mesh = {.dims = 1 + draw(&random, 3), .shape = {1, 1, 1}};
            for (uint32_t dim = 0; dim < mesh.dims; dim++) {
                mesh.shape[dim] = 1 + draw(&random, mesh.dims == 1 ? 12 : 4);
            }
            check_all_policies(&made, &mesh, draw(&random, 101));
        }
        gw_directory_free(made.directory);
    }
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("placement");
    tcase_add_test(cases, policies_are_listed_by_name);
    tcase_add_test(cases, random_may_have_a_seed_of_its_own);
    tcase_add_test(cases, pack_fills_devices_before_it_opens_others);
    tcase_add_test(cases, pack_keeps_islands_free);
    tcase_add_test(cases, topology_closes_rings);
    tcase_add_test(cases, topology_keeps_room_for_large_slices);
    tcase_add_test(cases, topology_prefers_short_ways_to_idle_devices);
    tcase_add_test(cases, random_is_the_seeds);
    tcase_add_loop_test(cases, answers_are_sound_and_topology_is_never_longer_than_spread, 0, 25);
    Suite *suite = suite_create("placement");
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
