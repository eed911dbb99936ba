/* SPDX-License-Identifier: Apache-2.0 */
/* Who may meet whom: groups that share members, links, or nothing; copies before and after. */
#include <check.h>

#include "accel/crossings.h"
#include "node_cluster.h"
#include "run_suite.h"
#include "small_cluster.h"

static const gw_collective sum = {.kind = GW_OPERATION_ALL_REDUCE, .size_bytes = 1 << 20};

static gw_track *add(gw_crossings *crossings, uint32_t group_count, uint32_t group_size,
                     const uint32_t *devices, gw_step_kind kind)
{
    gw_track *track = gw_crossings_ask(crossings, group_count, group_size, devices);
    gw_crossings_add_collective(crossings, track, kind, &sum, devices);
    return track;
}

/* A torus of 4 x 4, both rings, whose device (i, k) is 4 i + k. */
static const uint32_t rows[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
static const uint32_t columns[] = {0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15};

START_TEST(groups_that_share_a_member_never_meet)
{
    small_cluster made;
    g_autoptr(gw_crossings) crossings = gw_crossings_new(small_cluster_of(&made, 4, 4, 1, 3));
    const gw_track *by_row = add(crossings, 4, 4, rows, GW_STEP_MEET);
    const gw_track *by_column = add(crossings, 4, 4, columns, GW_STEP_MEET);
    const gw_track *all = add(crossings, 1, 16, rows, GW_STEP_MEET);
    ck_assert_uint_eq(by_row->links[0]->len, 8);
    ck_assert_uint_eq(by_column->links[3]->len, 8);
    ck_assert_uint_eq(all->links[0]->len, 64);
    ck_assert_uint_eq(gw_crossings_count(crossings), 0);
    ck_assert_ptr_eq(gw_crossings_ask(crossings, 4, 4, columns), by_column);
    ck_assert_ptr_ne(gw_crossings_ask(crossings, 1, 16, columns), by_column);
    small_cluster_clear(&made);
}
END_TEST

START_TEST(what_is_overlapped_goes_beside_what_is_waited_for)
{
    small_cluster made;
    g_autoptr(gw_crossings) crossings = gw_crossings_new(small_cluster_of(&made, 4, 4, 1, 3));
    const gw_track *by_row = add(crossings, 4, 4, rows, GW_STEP_MEET);
    const gw_track *by_column = add(crossings, 4, 4, columns, GW_STEP_ISSUE);
    ck_assert_uint_eq(gw_crossings_count(crossings), 0); /* Other links. */
    const gw_track *all = add(crossings, 1, 16, rows, GW_STEP_MEET);
    ck_assert(!by_row->is_crossed && by_column->is_crossed && all->is_crossed);
    add(crossings, 4, 4, rows, GW_STEP_ISSUE); /* Both on one track. */
    ck_assert(by_row->is_crossed);
    small_cluster_clear(&made);
}
END_TEST

/* Groups of one track share what they share; those of two, which may be at work at once, meet. */
START_TEST(groups_in_between_are_known_to_each_other)
{
    static const uint32_t both[] = {0, 2, 4, 6, 1, 3, 5, 7}, odd[] = {1, 3, 5, 7};
    small_cluster made;
    const gw_cluster *cluster = small_cluster_of(&made, 8, 1, 1, 1);
    g_autoptr(gw_crossings) crossings = gw_crossings_new(cluster);
    const gw_track *known = add(crossings, 2, 4, both, GW_STEP_MEET);
    ck_assert(!known->is_crossed && !known->is_unlike);
    const gw_track *alone = add(crossings, 1, 4, odd, GW_STEP_MEET);
    ck_assert(alone->is_unlike && alone->is_crossed && known->is_crossed && !known->is_unlike);
    small_cluster_clear(&made);
}
END_TEST

START_TEST(copies_cross_whoever_has_their_links)
{
    static const uint32_t halves[] = {0, 1, 2, 3, 4, 5, 6, 7}, middle[] = {3, 4};
    const bool comes_first = _i == 1;
    small_cluster made;
    g_autoptr(gw_crossings) crossings = gw_crossings_new(small_cluster_of(&made, 8, 1, 1, 0));
    if (comes_first) {
        gw_crossings_add_copy(crossings, (gw_device_id){3}, (gw_device_id){4});
    }
    const gw_track *by_half = add(crossings, 2, 4, halves, GW_STEP_MEET);
    const gw_track *between = add(crossings, 1, 2, middle, GW_STEP_MEET);
    if (!comes_first) {
        ck_assert_uint_eq(gw_crossings_count(crossings), 0);
        gw_crossings_add_copy(crossings, (gw_device_id){3}, (gw_device_id){4});
    }
    ck_assert(!by_half->is_crossed && between->is_crossed);
    gw_crossings_add_host_copy(crossings, (gw_device_id){0}, true); /* No link of a torus. */
    ck_assert(!by_half->is_crossed);
    gw_crossings_add_copy(crossings, (gw_device_id){6}, (gw_device_id){3});
    ck_assert(by_half->is_crossed);
    ck_assert_uint_eq(gw_crossings_count(crossings), 2);
    small_cluster_clear(&made);
}
END_TEST

START_TEST(a_switch_has_ports)
{
    static const uint32_t halves[] = {0, 1, 2, 3, 4, 5, 6, 7}, other[] = {1, 2};
    small_cluster made;
    small_cluster_init(&made);
    small_cluster_add(&made, 8, 1, 1, 0);
    made.islands[0].is_switched = true;
    g_autoptr(gw_crossings) crossings = gw_crossings_new(small_cluster_build(&made));
    const gw_track *by_half = add(crossings, 2, 4, halves, GW_STEP_MEET);
    const gw_track *pair = add(crossings, 1, 2, other, GW_STEP_ISSUE);
    ck_assert_uint_eq(by_half->links[0]->len, 8);
    ck_assert_uint_eq(pair->links[0]->len, 4);
    ck_assert(pair->is_crossed && by_half->is_crossed);
    small_cluster_clear(&made);
}
END_TEST

/* Two hosts of four: inside them ports, between them PCIe and rails, of which each two devices
 * have one. */
START_TEST(nodes_have_rails)
{
    static const uint32_t inside[] = {0, 1, 2, 3, 4, 5, 6, 7}, slots[] = {0, 4, 1, 5, 2, 6, 3, 7};
    small_cluster made;
    const gw_cluster *cluster = node_cluster_of(&made, &(node_shape){2, 4, 2, 5e9});
    g_autoptr(gw_crossings) crossings = gw_crossings_new(cluster);
    const gw_track *by_host = add(crossings, 2, 4, inside, GW_STEP_MEET);
    const gw_track *by_slot = add(crossings, 4, 2, slots, GW_STEP_MEET);
    ck_assert_uint_eq(by_host->links[0]->len, 8);
    ck_assert_uint_eq(by_slot->links[0]->len, 8); /* PCIe and rail, each way, of both. */
    ck_assert_uint_eq(gw_crossings_count(crossings), 0);
    gw_crossings_add_copy(crossings, (gw_device_id){1}, (gw_device_id){6});
    ck_assert(by_slot->is_crossed && !by_host->is_crossed);
    small_cluster_clear(&made);
}
END_TEST

/* Prices over nodes are of a device's equal part: of two devices' card, and of the core. */
START_TEST(nodes_whose_cards_are_not_full_are_unlike)
{
    static const uint32_t slots[] = {0, 4, 1, 5, 2, 6, 3, 7}, halves[] = {0, 4, 2, 6};
    for (uint32_t k = 0; k < 3; k++) {
        small_cluster made;
        node_cluster_of(&made, &(node_shape){2, 4, k == 1 ? 2 : 4, 5e9});
        small_cluster_clear(&made);
        made.islands[0].network.oversubscription = k == 2 ? 2 : 1;
        g_autoptr(gw_crossings) crossings = gw_crossings_new(small_cluster_build(&made));
        const gw_track *full = add(crossings, 4, 2, slots, GW_STEP_MEET);
        ck_assert(!full->is_unlike && !full->is_crossed);
        const gw_track *half = add(crossings, 2, 2, halves, GW_STEP_MEET);
        ck_assert_int_eq(half->is_unlike, k > 0); /* With a card each they share nothing. */
        small_cluster_clear(&made);
    }
}
END_TEST

/* The way from 0 to 5 is by 3 and 4, which are a group of their own: neither's closed form knows.
 */
START_TEST(groups_that_share_otherwise_are_unlike)
{
    static const uint32_t within[] = {0, 5, 3, 4}, beside[] = {0, 1, 3, 4};
    small_cluster made;
    g_autoptr(gw_crossings) crossings = gw_crossings_new(small_cluster_of(&made, 3, 3, 1, 0));
    const gw_track *shared = add(crossings, 2, 2, within, GW_STEP_MEET);
    ck_assert(shared->is_unlike && shared->is_crossed);
    const gw_track *apart = add(crossings, 2, 2, beside, GW_STEP_MEET);
    ck_assert(!apart->is_unlike);
    small_cluster_clear(&made);
}
END_TEST

/* A card for each device; but one group is inside a host and the other between them, or one has
 * two members on a host and one on the other. */
START_TEST(groups_over_nodes_are_alike_or_unlike)
{
    static const uint32_t pairs[] = {0, 1, 3, 4}, threes[] = {2, 3, 4}, even[] = {2, 3, 6, 7};
    small_cluster made;
    g_autoptr(gw_crossings) crossings =
        gw_crossings_new(node_cluster_of(&made, &(node_shape){2, 4, 4, 5e9}));
    ck_assert(add(crossings, 2, 2, pairs, GW_STEP_MEET)->is_unlike);
    ck_assert(add(crossings, 1, 3, threes, GW_STEP_MEET)->is_unlike);
    ck_assert(!add(crossings, 1, 4, even, GW_STEP_MEET)->is_unlike);
    small_cluster_clear(&made);
}
END_TEST

START_TEST(results_go_by_pcie)
{
    static const uint32_t slots[] = {0, 4, 1, 5, 2, 6, 3, 7};
    small_cluster made;
    g_autoptr(gw_crossings) crossings =
        gw_crossings_new(node_cluster_of(&made, &(node_shape){2, 4, 4, 5e9}));
    const gw_track *by_slot = add(crossings, 4, 2, slots, GW_STEP_MEET);
    ck_assert(!by_slot->is_crossed);
    gw_crossings_add_host_copy(crossings, (gw_device_id){0}, false);
    ck_assert(by_slot->is_crossed);
    small_cluster_clear(&made);
}
END_TEST

START_TEST(nothing_sent_takes_no_link)
{
    static const uint32_t all[] = {0, 1, 2, 3};
    const gw_collective none = {.kind = GW_OPERATION_ALL_REDUCE};
    small_cluster made;
    g_autoptr(gw_crossings) crossings = gw_crossings_new(small_cluster_of(&made, 4, 1, 1, 1));
    gw_track *track = gw_crossings_ask(crossings, 1, 4, all);
    gw_crossings_add_collective(crossings, track, GW_STEP_MEET, &none, all);
    gw_track *alone = gw_crossings_ask(crossings, 4, 1, all);
    gw_crossings_add_collective(crossings, alone, GW_STEP_MEET, &sum, all);
    gw_crossings_add_copy(crossings, (gw_device_id){0}, (gw_device_id){1});
    ck_assert(!track->is_crossed && !alone->is_crossed);
    small_cluster_clear(&made);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("crossings");
    TCase *cases = tcase_create("crossings");
    tcase_add_test(cases, groups_that_share_a_member_never_meet);
    tcase_add_test(cases, what_is_overlapped_goes_beside_what_is_waited_for);
    tcase_add_test(cases, groups_in_between_are_known_to_each_other);
    tcase_add_loop_test(cases, copies_cross_whoever_has_their_links, 0, 2);
    tcase_add_test(cases, a_switch_has_ports);
    tcase_add_test(cases, nodes_have_rails);
    tcase_add_test(cases, nodes_whose_cards_are_not_full_are_unlike);
    tcase_add_test(cases, groups_that_share_otherwise_are_unlike);
    tcase_add_test(cases, groups_over_nodes_are_alike_or_unlike);
    tcase_add_test(cases, results_go_by_pcie);
    tcase_add_test(cases, nothing_sent_takes_no_link);
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
