/* SPDX-License-Identifier: Apache-2.0 */
/* The table: which algorithm does what, and that every member gets as many bytes as it has to. */
#include <check.h>
#include <string.h>

#include "accel/rounds.h"
#include "run_suite.h"
#include "small_cluster.h"

#define MEMBERS_MAX 512
#define SIZE_BYTES  UINT64_C(7560000) /* Divides by 2 to 10, and by 2 again. */

static gw_rounds *plan(const char *name, const gw_cluster *cluster, uint32_t count,
                       gw_operation_kind kind)
{
    uint32_t devices[MEMBERS_MAX];
    for (uint32_t i = 0; i < count; i++) {
        devices[i] = i;
    }
    const gw_rounds_algorithm *algorithm = gw_rounds_algorithm_find(name);
    ck_assert_ptr_nonnull(algorithm);
    return gw_rounds_plan(
        algorithm, cluster,
        &(gw_collective){
            .kind = kind, .size_bytes = SIZE_BYTES, .member_count = count, .devices = devices});
}

/* Bytes that come to `member`, or go from it. */
static uint64_t count_bytes(const gw_rounds *rounds, uint32_t member, bool is_sent)
{
    uint64_t sum_bytes = 0;
    for (uint32_t part = 0; part < rounds->part_count; part++) {
        for (uint32_t i = 0; i < rounds->parts[part]->len; i++) {
            const gw_rounds_phase *phase = &g_array_index(rounds->parts[part], gw_rounds_phase, i);
            for (uint32_t k = 0; k < GW_ROUNDS_WAYS * rounds->member_count; k++) {
                const gw_rounds_send *send = &phase->sends[k];
                const uint32_t whose = is_sent ? k % rounds->member_count : send->target;
                if (send->target != GW_INDEX_NONE && whose == member) {
                    sum_bytes += send->size_bytes * phase->repeat_count;
                }
            }
        }
    }
    return sum_bytes;
}

/* `expected`: bytes in 1/member_count of the input. */
static void expect_bytes(const char *name, const gw_cluster *cluster, uint32_t count,
                         gw_operation_kind kind, uint64_t expected)
{
    g_autoptr(gw_rounds) rounds = plan(name, cluster, count, kind);
    ck_assert_msg(rounds != NULL, "%s, kind %d", name, (int)kind);
    for (uint32_t m = 0; m < count; m++) {
        ck_assert_uint_eq(count_bytes(rounds, m, false), expected * SIZE_BYTES / count);
    }
}

static const struct {
    uint32_t a, b, c, wrapped;
} shapes[] = {{8, 1, 1, 1}, {9, 1, 1, 1}, {2, 1, 1, 1}, {4, 2, 1, 3},
              {3, 3, 1, 3}, {5, 1, 1, 0}, {2, 2, 2, 7}, {3, 3, 1, 0}};

/* A gathering brings a member all inputs but its own; a scattering, a part of each; both, no more
 * than that, which is why they are best for long messages.  On a line sums come from either side,
 * so what a member gets of a scattering depends on its place. */
START_TEST(members_get_what_they_have_to)
{
    small_cluster made;
    const uint32_t count = shapes[_i].a * shapes[_i].b * shapes[_i].c;
    const gw_cluster *cluster =
        small_cluster_of(&made, shapes[_i].a, shapes[_i].b, shapes[_i].c, shapes[_i].wrapped);
    const bool is_power = (count & (count - 1)) == 0;
    static const char *const names[] = {"ring", "torus", "halving_doubling"};
    for (uint32_t i = 0; i < (is_power ? 3 : 2); i++) {
        expect_bytes(names[i], cluster, count, GW_OPERATION_ALL_GATHER, count * (count - 1));
        if (shapes[_i].wrapped == 0 && strcmp(names[i], "torus") == 0) {
            continue;
        }
        expect_bytes(names[i], cluster, count, GW_OPERATION_REDUCE_SCATTER, count - 1);
        expect_bytes(names[i], cluster, count, GW_OPERATION_ALL_REDUCE, 2 * (count - 1));
    }
    expect_bytes("direct", cluster, count, GW_OPERATION_ALL_GATHER, count * (count - 1));
    expect_bytes("direct", cluster, count, GW_OPERATION_ALL_REDUCE, count * (count - 1));
    expect_bytes("direct", cluster, count, GW_OPERATION_REDUCE_SCATTER, count - 1);
    expect_bytes("direct", cluster, count, GW_OPERATION_ALL_TO_ALL, count - 1);
    small_cluster_clear(&made);
}
END_TEST

START_TEST(tree_reaches_everybody_once)
{
    for (uint32_t count = 2; count <= 17; count++) {
        small_cluster made;
        const gw_cluster *cluster = small_cluster_of(&made, count, 1, 1, 1);
        g_autoptr(gw_rounds) down = plan("tree", cluster, count, GW_OPERATION_BROADCAST);
        g_autoptr(gw_rounds) both = plan("tree", cluster, count, GW_OPERATION_ALL_REDUCE);
        for (uint32_t m = 0; m < count; m++) {
            ck_assert_uint_eq(count_bytes(down, m, false), m == 0 ? 0 : SIZE_BYTES);
            /* Up and down: as much comes as goes. */
            ck_assert_uint_eq(count_bytes(both, m, false), count_bytes(both, m, true));
        }
        ck_assert_uint_eq(gw_rounds_transfer_count(both), 2 * (count - 1));
        small_cluster_clear(&made);
    }
}
END_TEST

START_TEST(what_an_algorithm_cannot_do_is_no_plan)
{
    small_cluster made;
    const gw_cluster *cluster = small_cluster_of(&made, 24, 24, 1, 3);
    ck_assert_ptr_null(plan("ring", cluster, 8, GW_OPERATION_ALL_TO_ALL));
    ck_assert_ptr_null(plan("ring", cluster, 8, GW_OPERATION_BROADCAST));
    ck_assert_ptr_null(plan("tree", cluster, 8, GW_OPERATION_ALL_GATHER));
    ck_assert_ptr_null(plan("direct", cluster, 8, GW_OPERATION_PERMUTE));
    ck_assert_ptr_null(plan("halving_doubling", cluster, 12, GW_OPERATION_ALL_REDUCE));
    ck_assert_ptr_null(plan("torus", cluster, 30, GW_OPERATION_ALL_GATHER));   /* No box. */
    ck_assert_ptr_null(plan("direct", cluster, 400, GW_OPERATION_ALL_TO_ALL)); /* Too many. */
    for (uint32_t i = 0; gw_rounds_algorithms[i] != NULL; i++) {
        const char *name = gw_rounds_algorithms[i]->name;
        ck_assert_ptr_null(
            plan(name, cluster, 1, GW_OPERATION_ALL_REDUCE)); /* Nobody to send to. */
        ck_assert_ptr_eq(gw_rounds_algorithm_find(name), gw_rounds_algorithms[i]);
    }
    ck_assert_ptr_null(gw_rounds_algorithm_find("rign"));
    small_cluster_clear(&made);
}
END_TEST

/* Every other device of a ring: others sit between. */
START_TEST(torus_is_for_groups_without_gaps)
{
    small_cluster made;
    const gw_cluster *cluster = small_cluster_of(&made, 8, 1, 1, 1);
    const uint32_t apart[] = {0, 2, 4, 6}, over_the_edge[] = {7, 6, 0, 1};
    gw_collective gather = {
        .kind = GW_OPERATION_ALL_GATHER, .size_bytes = 1000, .member_count = 4, .devices = apart};
    const gw_rounds_algorithm *torus = gw_rounds_algorithm_find("torus");
    ck_assert_ptr_null(gw_rounds_plan(torus, cluster, &gather));
    gather.devices = over_the_edge;
    g_autoptr(gw_rounds) line = gw_rounds_plan(torus, cluster, &gather);
    ck_assert_ptr_nonnull(line);
    /* A line of 6, 7, 0, 1: three rounds of a hop and a block each way. */
    ck_assert_uint_eq(gw_rounds_path_ns(line, cluster, over_the_edge), 3 * (1000 + 20));
    small_cluster_clear(&made);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rounds");
    TCase *cases = tcase_create("rounds");
    tcase_add_loop_test(cases, members_get_what_they_have_to, 0, G_N_ELEMENTS(shapes));
    tcase_add_test(cases, tree_reaches_everybody_once);
    tcase_add_test(cases, what_an_algorithm_cannot_do_is_no_plan);
    tcase_add_test(cases, torus_is_for_groups_without_gaps);
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
