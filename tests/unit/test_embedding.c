/* SPDX-License-Identifier: Apache-2.0 */
/* How meshes lie on tori: shapes, orientations, folds, rings, and the hops that each costs. */
#include <check.h>
#include <signal.h>

#include "controller/embedding.h"
#include "run_suite.h"

static gw_island make_island(uint32_t a, uint32_t b, uint32_t c, bool is_wrapped)
{
    return (gw_island){.device_count = a * b * c,
                       .shape = {a, b, c},
                       .is_wrapped = {is_wrapped, is_wrapped, is_wrapped}};
}

/* The hops of a placement, pair by pair: what every shorter way to count must agree with. */
static uint64_t count_hops(const gw_mesh *mesh, const gw_island *island, const uint32_t *devices)
{
    uint64_t hops = 0;
    for (uint32_t shard = 0; shard < gw_mesh_device_count(mesh); shard++) {
        uint32_t stride = 1;
        for (uint32_t dim = mesh->dims; dim-- > 0; stride *= mesh->shape[dim]) {
            const uint32_t size = mesh->shape[dim], at = shard / stride % size;
            if (size == 1 || (size == 2 && at == 1)) {
                continue; /* Two have one pair. */
            }
            const uint32_t next = at + 1 < size ? shard + stride : shard - at * stride;
            hops += gw_embedding_distance(island, devices[shard] - island->first_device,
                                          devices[next] - island->first_device);
        }
    }
    return hops;
}

START_TEST(distances_take_the_shorter_way_round)
{
    gw_island ring = make_island(4, 5, 6, true), line = make_island(4, 5, 6, false);
    const uint32_t last = 3 * 30 + 4 * 6 + 5;
    ck_assert_uint_eq(gw_embedding_distance(&ring, 0, last), 3);
    ck_assert_uint_eq(gw_embedding_distance(&line, 0, last), 3 + 4 + 5);
    ck_assert_uint_eq(gw_embedding_distance(&ring, last, last), 0);
    ck_assert_uint_eq(gw_embedding_distance(&ring, 1, 4), 3);
    ck_assert_uint_eq(gw_embedding_distance(&line, 4, 1), 3);
    ring.is_wrapped[2] = false;
    ck_assert_uint_eq(gw_embedding_distance(&ring, 0, last), 1 + 1 + 5);
}
END_TEST

START_TEST(own_orientation_comes_first)
{
    const gw_island island = make_island(4, 8, 1, true);
    const gw_mesh mesh = {.dims = 2, .shape = {2, 4, 1}};
    g_autoptr(GArray) ways = gw_embedding_list(&mesh, &island);
    const gw_embedding *first = &g_array_index(ways, gw_embedding, 0);
    ck_assert(first->is_natural);
    ck_assert_uint_eq(first->box[0], 2);
    ck_assert_uint_eq(first->box[1], 4);
    /* Turned, the mesh's 4 goes all the way round the island's 4. */
    const gw_embedding *second = &g_array_index(ways, gw_embedding, 1);
    ck_assert_uint_eq(second->box[0], 4);
    ck_assert_uint_eq(second->dim[0], 1);
    ck_assert_uint_eq(first->hop_count, 4 * 1 + 2 * (3 + 3));
    ck_assert_uint_eq(second->hop_count, 4 * 1 + 2 * 4);
    ck_assert_uint_eq(ways->len, 2);
}
END_TEST

START_TEST(line_is_folded_where_it_is_longer_than_the_torus)
{
    const gw_island island = make_island(2, 4, 1, false);
    const gw_mesh mesh = {.dims = 1, .shape = {8, 1, 1}};
    g_autoptr(GArray) ways = gw_embedding_list(&mesh, &island);
    ck_assert_uint_eq(ways->len, 1);
    const gw_embedding *way = &g_array_index(ways, gw_embedding, 0);
    const uint32_t origin[GW_EMBEDDING_AXES] = {0, 0, 0};
    const uint32_t expected[] = {0, 1, 2, 3, 7, 6, 5, 4}; /* There and back: a ring. */
    uint32_t devices[8];
    ck_assert_uint_eq(way->hop_count, 8);
    gw_embedding_fill(way, &mesh, &island, origin, devices);
    ck_assert_mem_eq(devices, expected, sizeof expected);
}
END_TEST

START_TEST(box_goes_on_at_the_beginning_of_a_ring)
{
    gw_island island = make_island(4, 4, 1, true);
    island.first_device = 100;
    const gw_mesh mesh = {.dims = 2, .shape = {2, 2, 1}};
    g_autoptr(GArray) ways = gw_embedding_list(&mesh, &island);
    const uint32_t origin[GW_EMBEDDING_AXES] = {3, 3, 0};
    const uint32_t expected[] = {115, 112, 103, 100};
    uint32_t devices[4];
    gw_embedding_fill(&g_array_index(ways, gw_embedding, 0), &mesh, &island, origin, devices);
    ck_assert_mem_eq(devices, expected, sizeof expected);
}
END_TEST

START_TEST(what_cannot_embed_has_no_way)
{
    const gw_island island = make_island(4, 4, 1, true);
    const gw_mesh prime = {.dims = 1, .shape = {5, 1, 1}};
    const gw_mesh large = {.dims = 2, .shape = {8, 4, 1}};
    const gw_mesh long_side = {.dims = 2, .shape = {8, 2, 1}}; /* 2 x 4 beside 2: no axis left. */
    const gw_mesh *meshes[] = {&prime, &large, &long_side};
    for (uint32_t i = 0; i < G_N_ELEMENTS(meshes); i++) {
        g_autoptr(GArray) ways = gw_embedding_list(meshes[i], &island);
        ck_assert_uint_eq(ways->len, 0);
    }
    const gw_mesh single = {.dims = 3, .shape = {1, 1, 1}};
    g_autoptr(GArray) ways = gw_embedding_list(&single, &island);
    ck_assert_uint_eq(ways->len, 1);
    ck_assert_uint_eq(g_array_index(ways, gw_embedding, 0).hop_count, 0);
}
END_TEST

static void check_way(const gw_embedding *way, const gw_mesh *mesh, const gw_island *island)
{
    const uint32_t count = gw_mesh_device_count(mesh);
    g_autofree uint32_t *devices = g_new(uint32_t, count);
    g_autofree uint8_t *is_taken = g_new0(uint8_t, island->device_count);
    uint32_t origin[GW_EMBEDDING_AXES];
    for (uint32_t axis = 0; axis < GW_EMBEDDING_AXES; axis++) {
        origin[axis] = island->is_wrapped[axis] ? island->shape[axis] - 1
                                                : island->shape[axis] - way->box[axis];
    }
    gw_embedding_fill(way, mesh, island, origin, devices);
    for (uint32_t shard = 0; shard < count; shard++) {
        ck_assert_uint_lt(devices[shard], island->device_count);
        ck_assert_uint_eq(is_taken[devices[shard]], 0);
        is_taken[devices[shard]] = 1;
    }
    ck_assert_uint_eq(count_hops(mesh, island, devices), way->hop_count);
    for (uint32_t shard = 0; shard < count; shard++) { /* Contiguous: each step is one link. */
        uint32_t stride = 1;
        for (uint32_t dim = mesh->dims; dim-- > 0; stride *= mesh->shape[dim]) {
            if (shard / stride % mesh->shape[dim] + 1 < mesh->shape[dim]) {
                ck_assert_uint_eq(
                    gw_embedding_distance(island, devices[shard], devices[shard + stride]), 1);
            }
        }
    }
}

/* Every way of meshes of up to 16 shards on a torus of the test's own shape. */
START_TEST(every_way_is_contiguous_and_counts_its_hops)
{
    const gw_island island = make_island(1 + (uint32_t)_i % 4, 1 + (uint32_t)_i / 4 % 4,
                                         1 + (uint32_t)_i / 16 % 2, _i >= 32);
    for (uint32_t drawn = 0; drawn < 16 * 16; drawn++) {
        gw_mesh mesh = {.shape = {1 + drawn % 16, 1 + drawn / 16 % 4, 1 + drawn / 64}};
        mesh.dims = mesh.shape[2] > 1 ? 3 : mesh.shape[1] > 1 ? 2 : 1;
        if (gw_mesh_device_count(&mesh) > island.device_count) {
            continue;
        }
        g_autoptr(GArray) ways = gw_embedding_list(&mesh, &island);
        for (uint32_t i = 0; i < ways->len; i++) {
            check_way(&g_array_index(ways, gw_embedding, i), &mesh, &island);
        }
    }
}
END_TEST

START_TEST(hops_of_runs_are_those_of_their_pairs)
{
    const gw_island islands[] = {make_island(4, 3, 2, _i % 2 == 1), make_island(24, 1, 1, true),
                                 make_island(5, 5, 1, _i % 2 == 1)};
    const gw_mesh meshes[] = {{.dims = 1, .shape = {5, 1, 1}}, {.dims = 1, .shape = {2, 1, 1}},
                              {.dims = 1, .shape = {1, 1, 1}}, {.dims = 2, .shape = {3, 4, 1}},
                              {.dims = 2, .shape = {2, 7, 1}}, {.dims = 3, .shape = {2, 3, 3}},
                              {.dims = 3, .shape = {3, 2, 2}}, {.dims = 2, .shape = {12, 2, 1}}};
    for (uint32_t n = 0; n < G_N_ELEMENTS(islands) * G_N_ELEMENTS(meshes); n++) {
        const gw_island *island = &islands[n % G_N_ELEMENTS(islands)];
        const gw_mesh *mesh = &meshes[n / G_N_ELEMENTS(islands)];
        const uint32_t count = gw_mesh_device_count(mesh);
        g_autofree uint64_t *hops = gw_embedding_run_hops(mesh, island);
        g_autofree uint32_t *devices = g_new(uint32_t, count);
        for (uint32_t first = 0; first + count <= island->device_count; first++) {
            for (uint32_t i = 0; i < count; i++) {
                devices[i] = first + i;
            }
            ck_assert_uint_eq(hops[first], count_hops(mesh, island, devices));
        }
    }
}
END_TEST

START_TEST(place_outside_the_island)
{
    const gw_island island = make_island(2, 2, 1, true);
    gw_embedding_distance(&island, 0, 4);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("embedding");
    tcase_add_test(cases, distances_take_the_shorter_way_round);
    tcase_add_test(cases, own_orientation_comes_first);
    tcase_add_test(cases, line_is_folded_where_it_is_longer_than_the_torus);
    tcase_add_test(cases, box_goes_on_at_the_beginning_of_a_ring);
    tcase_add_test(cases, what_cannot_embed_has_no_way);
    tcase_add_loop_test(cases, every_way_is_contiguous_and_counts_its_hops, 0, 64);
    tcase_add_loop_test(cases, hops_of_runs_are_those_of_their_pairs, 0, 2);
    tcase_add_test_raise_signal(cases, place_outside_the_island, SIGABRT);
    Suite *suite = suite_create("embedding");
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
