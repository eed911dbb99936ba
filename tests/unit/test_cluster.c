/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers, hosts and coordinates of devices, there and back. */
#include <check.h>
#include <signal.h>

#include "run_suite.h"
#include "small_cluster.h"

START_TEST(devices_and_hosts_are_numbered_island_by_island)
{
    small_cluster made;
    small_cluster_init(&made);
    small_cluster_add(&made, 4, 2, 1, 0);
    small_cluster_add(&made, 3, 1, 1, 1);
    made.islands[0].host_count = 2;
    made.islands[0].devices_per_host = 4;
    const gw_cluster *cluster = small_cluster_build(&made);
    ck_assert_uint_eq(cluster->island_count, 2);
    ck_assert_uint_eq(cluster->host_count, 5);
    ck_assert_uint_eq(cluster->device_count, 11);
    ck_assert_uint_eq(cluster->islands[0].first_device, 0);
    ck_assert_uint_eq(cluster->islands[0].device_count, 8);
    ck_assert_uint_eq(cluster->islands[1].first_device, 8);
    ck_assert_uint_eq(cluster->islands[1].first_host, 2);
    ck_assert_uint_eq(cluster->islands[0].dims, 2);
    ck_assert_uint_eq(cluster->islands[1].dims, 1);
    ck_assert(cluster->islands[1].is_wrapped[0]);
    ck_assert(!cluster->islands[0].is_wrapped[0]);
    ck_assert_ptr_eq(cluster->islands[1].accelerator, &made.accelerators[1]);
    for (uint32_t i = 0; i < 11; i++) {
        ck_assert_uint_eq(cluster->island_of_device[i], i < 8 ? 0 : 1);
        ck_assert_uint_eq(gw_cluster_host_of(cluster, (gw_device_id){i}), i < 8 ? i / 4 : i - 6);
    }
    small_cluster_clear(&made);
}
END_TEST

START_TEST(last_dimension_runs_fastest)
{
    small_cluster made;
    const gw_cluster *cluster = small_cluster_of(&made, 2, 3, 4, 0);
    uint32_t at[GW_ISLAND_DIMS_MAX];
    gw_cluster_coordinates(cluster, (gw_device_id){0}, at);
    ck_assert(at[0] == 0 && at[1] == 0 && at[2] == 0);
    gw_cluster_coordinates(cluster, (gw_device_id){1}, at);
    ck_assert(at[0] == 0 && at[1] == 0 && at[2] == 1);
    gw_cluster_coordinates(cluster, (gw_device_id){4}, at);
    ck_assert(at[0] == 0 && at[1] == 1 && at[2] == 0);
    gw_cluster_coordinates(cluster, (gw_device_id){23}, at);
    ck_assert(at[0] == 1 && at[1] == 2 && at[2] == 3);
    small_cluster_clear(&made);
}
END_TEST

START_TEST(coordinates_lead_back_to_the_device)
{
    small_cluster made;
    small_cluster_init(&made);
    small_cluster_add(&made, 5, 1, 1, 0);
    small_cluster_add(&made, 4, 3, 2, 7);
    small_cluster_add(&made, 2, 6, 1, 1);
    const gw_cluster *cluster = small_cluster_build(&made);
    for (uint32_t i = 0; i < cluster->device_count; i++) {
        uint32_t at[GW_ISLAND_DIMS_MAX];
        gw_cluster_coordinates(cluster, (gw_device_id){i}, at);
        const gw_device_id back = gw_cluster_device_at(cluster, cluster->island_of_device[i], at);
        ck_assert_uint_eq(back.index, i);
    }
    small_cluster_clear(&made);
}
END_TEST

START_TEST(unused_dimensions_are_not_wrapped)
{
    small_cluster made;
    const gw_cluster *cluster = small_cluster_of(&made, 8, 1, 1, 7);
    ck_assert(cluster->islands[0].is_wrapped[0]);
    ck_assert(!cluster->islands[0].is_wrapped[1]);
    ck_assert(!cluster->islands[0].is_wrapped[2]);
    small_cluster_clear(&made);
}
END_TEST

/* Cards are dealt to devices in parts of equal size; more cards than devices make rails wider. */
START_TEST(rails_are_the_hosts_cards)
{
    for (uint32_t nics = 2; nics <= 8; nics *= 2) {
        small_cluster made;
        small_cluster_init(&made);
        small_cluster_add(&made, 8, 1, 1, 0);
        made.islands[0].host_count = 2;
        made.islands[0].devices_per_host = 4;
        made.islands[0].is_switched = true;
        made.islands[0].network = (gw_network){.nics_per_host = nics,
                                               .nic_bytes_per_s = 3e9,
                                               .latency_ns = 7,
                                               .oversubscription = nics == 8 ? 4 : 1};
        const gw_cluster *cluster = small_cluster_build(&made);
        const gw_cluster_island *island = &cluster->islands[0];
        ck_assert_uint_eq(island->rails_per_host, MIN(nics, 4));
        ck_assert_double_eq(island->rail_bytes_per_s, nics == 8 ? 6e9 : 3e9);
        ck_assert_double_eq(island->core_bytes_per_s, nics == 8 ? 2 * 8 * 3e9 / 4 : 0);
        ck_assert_uint_eq(island->network_latency_ns, 7);
        for (uint32_t i = 0; i < 8; i++) {
            ck_assert_uint_eq(gw_cluster_rail_of(cluster, (gw_device_id){i}),
                              nics == 2 ? i % 4 / 2 : i % 4);
        }
        small_cluster_clear(&made);
    }
}
END_TEST

/* Two cards for each device: a transfer of one flow is on one of them; of three, on both. */
START_TEST(flows_use_a_devices_cards)
{
    static const double flows_bytes_per_s[] = {6e9, 3e9, 6e9, 6e9};
    for (uint32_t flows = 0; flows < 4; flows++) {
        small_cluster made;
        small_cluster_init(&made);
        small_cluster_add(&made, 8, 1, 1, 0);
        made.islands[0].host_count = 2;
        made.islands[0].devices_per_host = 4;
        made.islands[0].is_switched = true;
        made.islands[0].network = (gw_network){
            .nics_per_host = 8, .nic_bytes_per_s = 3e9, .latency_ns = 7, .flows = flows};
        const gw_cluster_island *island = &small_cluster_build(&made)->islands[0];
        ck_assert_uint_eq(island->rails_per_host, 4);
        ck_assert_double_eq(island->rail_bytes_per_s, 6e9);
        ck_assert_double_eq(island->flow_bytes_per_s, flows_bytes_per_s[flows]);
        small_cluster_clear(&made);
    }
}
END_TEST

START_TEST(torus_has_no_rails)
{
    small_cluster made;
    const gw_cluster *cluster = small_cluster_of(&made, 4, 1, 1, 0);
    ck_assert_uint_eq(cluster->islands[0].rails_per_host, 0);
    gw_cluster_rail_of(cluster, (gw_device_id){0});
}
END_TEST

START_TEST(shape_that_holds_other_than_its_devices_aborts)
{
    small_cluster made;
    small_cluster_init(&made);
    small_cluster_add(&made, 4, 2, 1, 0);
    made.islands[0].host_count = 7;
    small_cluster_build(&made);
}
END_TEST

START_TEST(device_beyond_the_last_aborts)
{
    small_cluster made;
    const gw_cluster *cluster = small_cluster_of(&made, 4, 1, 1, 0);
    uint32_t at[GW_ISLAND_DIMS_MAX];
    gw_cluster_coordinates(cluster, (gw_device_id){4}, at);
}
END_TEST

START_TEST(coordinate_beyond_the_shape_aborts)
{
    small_cluster made;
    const gw_cluster *cluster = small_cluster_of(&made, 4, 2, 1, 0);
    gw_cluster_device_at(cluster, 0, (const uint32_t[]){0, 2, 0});
}
END_TEST

START_TEST(nothing_can_be_freed)
{
    gw_cluster_free(NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cluster");
    TCase *cases = tcase_create("cluster");
    tcase_add_test(cases, rails_are_the_hosts_cards);
    tcase_add_test(cases, flows_use_a_devices_cards);
    tcase_add_test_raise_signal(cases, torus_has_no_rails, SIGABRT);
    tcase_add_test(cases, devices_and_hosts_are_numbered_island_by_island);
    tcase_add_test(cases, last_dimension_runs_fastest);
    tcase_add_test(cases, coordinates_lead_back_to_the_device);
    tcase_add_test(cases, unused_dimensions_are_not_wrapped);
    tcase_add_test_raise_signal(cases, shape_that_holds_other_than_its_devices_aborts, SIGABRT);
    tcase_add_test_raise_signal(cases, device_beyond_the_last_aborts, SIGABRT);
    tcase_add_test_raise_signal(cases, coordinate_beyond_the_shape_aborts, SIGABRT);
    tcase_add_test(cases, nothing_can_be_freed);
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
