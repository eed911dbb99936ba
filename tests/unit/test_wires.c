/* SPDX-License-Identifier: Apache-2.0 */
/* Which links a transfer crosses, and how wide they are. */
#include <check.h>
#include <math.h>
#include <signal.h>
#include <string.h>

#include "run_suite.h"
#include "small_cluster.h"
#include "topology/wires.h"

#define HOPS_MAX 16

typedef struct {
    small_cluster made;
    gw_wires wires;
    gw_max_min_hop hops[HOPS_MAX];
} wired;

/* Two islands of 2 hosts of 4 devices, rings of 8. */
static void wired_init(wired *built)
{
    small_cluster_init(&built->made);
    for (uint32_t i = 0; i < 2; i++) {
        small_cluster_add(&built->made, 8, 1, 1, 1);
        built->made.islands[i].host_count = 2;
        built->made.islands[i].devices_per_host = 4;
    }
}

static void wired_build(wired *built)
{
    gw_wires_init(&built->wires, small_cluster_build(&built->made));
    ck_assert_uint_le(built->wires.hop_count_max, HOPS_MAX);
}

static void wired_clear(wired *built)
{
    gw_wires_clear(&built->wires);
    small_cluster_clear(&built->made);
}

static gw_wires_path path_between(wired *built, uint32_t source, uint32_t target)
{
    const gw_wires_path path = gw_wires_between(&built->wires, (gw_device_id){source},
                                                (gw_device_id){target}, false, built->hops);
    ck_assert_uint_le(path.hop_count, built->wires.hop_count_max);
    for (uint32_t i = 0; i < path.hop_count; i++) {
        ck_assert_uint_lt(built->hops[i].link, built->wires.link_count);
        ck_assert_double_ge(built->hops[i].capacity, path.rate_bytes_per_s);
        for (uint32_t k = 0; k < i; k++) {
            ck_assert_uint_ne(built->hops[i].link, built->hops[k].link);
        }
    }
    return path;
}

/* How many links the two paths have in common. */
static uint32_t count_common(wired *built, uint32_t source, uint32_t target, uint32_t other_source,
                             uint32_t other_target)
{
    const gw_wires_path other = path_between(built, other_source, other_target);
    gw_max_min_hop hops[HOPS_MAX];
    memcpy(hops, built->hops, sizeof hops);
    const gw_wires_path path = path_between(built, source, target);
    uint32_t count = 0;
    for (uint32_t i = 0; i < path.hop_count; i++) {
        for (uint32_t k = 0; k < other.hop_count; k++) {
            if (built->hops[i].link == hops[k].link) {
                ck_assert_double_eq(built->hops[i].capacity, hops[k].capacity);
                count++;
            }
        }
    }
    return count;
}

START_TEST(torus_path_is_the_route)
{
    wired built;
    wired_init(&built);
    wired_build(&built);
    const gw_wires_path path = path_between(&built, 1, 4);
    ck_assert_uint_eq(path.hop_count, 3);
    ck_assert_uint_eq(path.latency_ns, 3000);
    ck_assert_double_eq(path.rate_bytes_per_s, 50e9);
    ck_assert_uint_eq(count_common(&built, 1, 4, 2, 3), 1);
    ck_assert_uint_eq(count_common(&built, 1, 4, 4, 1), 0); /* The other way. */
    ck_assert_uint_eq(count_common(&built, 1, 4, 9, 12), 0);
    wired_clear(&built);
}
END_TEST

START_TEST(memory_and_pcie_are_the_devices_own)
{
    wired built;
    wired_init(&built);
    wired_build(&built);
    ck_assert_double_eq(path_between(&built, 3, 3).rate_bytes_per_s, 250e9);
    ck_assert_uint_eq(path_between(&built, 3, 3).hop_count, 1);
    ck_assert_uint_eq(count_common(&built, 3, 3, 4, 4), 0);
    gw_max_min_hop out[HOPS_MAX], in[HOPS_MAX];
    const gw_device_id device = {3};
    const gw_wires_path path = gw_wires_to_host(&built.wires, device, false, out);
    gw_wires_to_host(&built.wires, device, true, in);
    ck_assert_uint_eq(path.hop_count, 1);
    ck_assert_uint_eq(path.latency_ns, 3000);
    ck_assert_double_eq(path.rate_bytes_per_s, 10e9);
    ck_assert_uint_ne(out[0].link, in[0].link);
    path_between(&built, 3, 9); /* Leaves by the same PCIe. */
    ck_assert_uint_eq(built.hops[0].link, out[0].link);
    wired_clear(&built);
}
END_TEST

START_TEST(one_card_is_shared_by_its_host)
{
    wired built;
    wired_init(&built);
    wired_build(&built);
    const gw_wires_path path = path_between(&built, 0, 8);
    ck_assert_uint_eq(path.hop_count, 4); /* PCIe, card, card, PCIe. */
    ck_assert_uint_eq(path.latency_ns, 26000);
    ck_assert_double_eq(path.rate_bytes_per_s, 5e9);
    ck_assert_uint_eq(count_common(&built, 0, 8, 3, 12), 1);
    ck_assert_uint_eq(count_common(&built, 0, 8, 4, 12), 0);
    ck_assert_uint_eq(count_common(&built, 0, 8, 8, 0), 0);
    wired_clear(&built);
}
END_TEST

START_TEST(cards_belong_to_parts_of_a_host)
{
    wired built;
    wired_init(&built);
    built.made.spec.dcn_cards_per_host = 2;
    wired_build(&built);
    ck_assert_uint_eq(count_common(&built, 0, 8, 1, 12), 1);
    ck_assert_uint_eq(count_common(&built, 0, 8, 2, 12), 0);
    ck_assert_uint_eq(count_common(&built, 2, 8, 3, 12), 1);
    ck_assert_uint_eq(count_common(&built, 4, 8, 2, 12), 0);
    wired_clear(&built);
}
END_TEST

START_TEST(host_and_island_have_limits)
{
    wired built;
    wired_init(&built);
    built.made.spec.dcn_cards_per_host = 4;
    built.made.spec.dcn_host_bytes_per_s = 8e9;
    built.made.spec.dcn_oversubscription = 16;
    wired_build(&built);
    const gw_wires_path path = path_between(&built, 0, 8);
    ck_assert_uint_eq(path.hop_count, 8);
    /* 2 hosts of 4 cards of 5e9 over 16. */
    ck_assert_double_eq(path.rate_bytes_per_s, 2.5e9);
    ck_assert_uint_eq(count_common(&built, 0, 8, 3, 12), 3); /* Host and both uplinks. */
    ck_assert_uint_eq(count_common(&built, 0, 8, 7, 12), 2); /* Both uplinks. */
    ck_assert_uint_eq(count_common(&built, 0, 8, 12, 4), 0); /* The other way. */
    wired_clear(&built);
}
END_TEST

START_TEST(switch_has_ports)
{
    wired built;
    wired_init(&built);
    built.made.islands[0].is_switched = true;
    wired_build(&built);
    const gw_wires_path path = path_between(&built, 1, 5);
    ck_assert_uint_eq(path.hop_count, 2);
    ck_assert_uint_eq(path.latency_ns, 1000);
    ck_assert_double_eq(path.rate_bytes_per_s, 100e9);
    ck_assert_uint_eq(count_common(&built, 1, 5, 2, 6), 0);
    ck_assert_uint_eq(count_common(&built, 1, 5, 1, 6), 1);
    ck_assert_uint_eq(count_common(&built, 1, 5, 2, 5), 1);
    ck_assert_uint_eq(count_common(&built, 1, 5, 5, 1), 0);
    wired_clear(&built);
}
END_TEST

/* Two hosts of 4: rails are links of their own, shared by the devices of a part of the host. */
START_TEST(nodes_have_rails)
{
    wired built;
    wired_init(&built);
    built.made.islands[0].is_switched = true;
    built.made.islands[0].network =
        (gw_network){.nics_per_host = 2, .nic_bytes_per_s = 6e9, .latency_ns = 500};
    wired_build(&built);
    const gw_wires_path inside = path_between(&built, 0, 3);
    ck_assert_uint_eq(inside.hop_count, 2);
    ck_assert_double_eq(inside.rate_bytes_per_s, 100e9);
    const gw_wires_path across = path_between(&built, 0, 7);
    ck_assert_uint_eq(across.hop_count, 4); /* PCIe, rail, rail, PCIe. */
    ck_assert_uint_eq(across.latency_ns, 6500);
    ck_assert_double_eq(across.rate_bytes_per_s, 6e9);
    ck_assert_uint_eq(count_common(&built, 0, 4, 1, 6), 1); /* Out by one rail, in by two. */
    ck_assert_uint_eq(count_common(&built, 0, 4, 1, 5), 2);
    ck_assert_uint_eq(count_common(&built, 0, 4, 2, 5), 1);
    ck_assert_uint_eq(count_common(&built, 0, 4, 2, 6), 0);
    ck_assert_uint_eq(count_common(&built, 0, 4, 4, 0), 0);
    ck_assert_uint_eq(count_common(&built, 0, 4, 1, 8), 0); /* The DCN's card is another. */
    wired_clear(&built);
}
END_TEST

/* A rail of four cards: a transfer of three flows is on three of them, whoever else is on it. */
START_TEST(transfer_takes_no_more_than_its_flows)
{
    wired built;
    wired_init(&built);
    built.made.islands[1].is_switched = true;
    built.made.islands[1].network =
        (gw_network){.nics_per_host = 16, .nic_bytes_per_s = 2e9, .latency_ns = 500, .flows = 3};
    wired_build(&built);
    const gw_wires_path across = path_between(&built, 8, 12);
    ck_assert_double_eq(across.rate_bytes_per_s, 6e9);
    ck_assert_double_eq(across.limit_bytes_per_s, 6e9);
    ck_assert_double_eq(built.hops[1].capacity, 8e9);
    ck_assert_double_eq(path_between(&built, 8, 9).limit_bytes_per_s, INFINITY);
    wired_clear(&built);
}
END_TEST

START_TEST(core_is_one_link)
{
    wired built;
    wired_init(&built);
    built.made.islands[1].is_switched = true;
    built.made.islands[1].network = (gw_network){
        .nics_per_host = 8, .nic_bytes_per_s = 2e9, .latency_ns = 500, .oversubscription = 16};
    wired_build(&built);
    const gw_wires_path across = path_between(&built, 8, 12);
    ck_assert_uint_eq(across.hop_count, 5);
    /* 2 hosts of 8 cards of 2e9 over 16; a rail is two cards. */
    ck_assert_double_eq(across.rate_bytes_per_s, 2e9);
    ck_assert_uint_eq(count_common(&built, 8, 12, 15, 11), 1);
    ck_assert_uint_eq(count_common(&built, 8, 12, 8, 9), 0);
    wired_clear(&built);
}
END_TEST

START_TEST(device_that_is_not_there_aborts)
{
    wired built;
    wired_init(&built);
    wired_build(&built);
    gw_wires_to_host(&built.wires, (gw_device_id){16}, false, built.hops);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("wires");
    TCase *cases = tcase_create("wires");
    tcase_add_test(cases, torus_path_is_the_route);
    tcase_add_test(cases, memory_and_pcie_are_the_devices_own);
    tcase_add_test(cases, one_card_is_shared_by_its_host);
    tcase_add_test(cases, cards_belong_to_parts_of_a_host);
    tcase_add_test(cases, host_and_island_have_limits);
    tcase_add_test(cases, switch_has_ports);
    tcase_add_test(cases, nodes_have_rails);
    tcase_add_test(cases, transfer_takes_no_more_than_its_flows);
    tcase_add_test(cases, core_is_one_link);
    tcase_add_test_raise_signal(cases, device_that_is_not_there_aborts, SIGABRT);
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
