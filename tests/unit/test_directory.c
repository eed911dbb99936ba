/* SPDX-License-Identifier: Apache-2.0 */
/* Who is where, on islands that differ in everything. */
#include <check.h>
#include <signal.h>

#include "controller/directory.h"
#include "run_suite.h"

/* 2 hosts of 4 devices, 1 host of 1, 3 hosts of 2; 2 jobs. */
static gw_directory *make_directory(void)
{
    const gw_island islands[] = {
        {.host_count = 2, .devices_per_host = 4, .shape = {2, 2, 2}, .hbm_bytes = 100},
        {.host_count = 1, .devices_per_host = 1, .shape = {1, 1, 1}, .hbm_bytes = 200},
        {.host_count = 3, .devices_per_host = 2, .shape = {6, 1, 1}, .hbm_bytes = 300},
    };
    return gw_directory_new(islands, G_N_ELEMENTS(islands), 2);
}

START_TEST(islands_lie_one_after_the_other)
{
    g_autoptr(gw_directory) directory = make_directory();
    static const uint32_t first_hosts[] = {0, 2, 3}, first_devices[] = {0, 8, 9};
    static const uint32_t device_counts[] = {8, 1, 6};
    ck_assert_uint_eq(directory->host_count, 6);
    ck_assert_uint_eq(directory->device_count, 15);
    ck_assert_uint_eq(directory->island_count, 3);
    for (uint32_t i = 0; i < 3; i++) {
        ck_assert_uint_eq(directory->islands[i].first_host, first_hosts[i]);
        ck_assert_uint_eq(directory->islands[i].first_device, first_devices[i]);
        ck_assert_uint_eq(directory->islands[i].device_count, device_counts[i]);
        ck_assert_uint_eq(directory->islands[i].hbm_bytes, 100 * (i + 1));
    }
}
END_TEST

START_TEST(every_device_has_its_host_and_island)
{
    g_autoptr(gw_directory) directory = make_directory();
    static const uint32_t hosts[] = {0, 0, 0, 0, 1, 1, 1, 1, 2, 3, 3, 4, 4, 5, 5};
    static const uint32_t islands[] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 2, 2, 2, 2, 2};
    for (uint32_t d = 0; d < 15; d++) {
        ck_assert_uint_eq(gw_directory_host(directory, (gw_device_id){d}).index, hosts[d]);
        ck_assert_uint_eq(gw_directory_island(directory, (gw_device_id){d}), islands[d]);
    }
}
END_TEST

START_TEST(every_host_has_its_island)
{
    g_autoptr(gw_directory) directory = make_directory();
    static const uint32_t islands[] = {0, 0, 1, 2, 2, 2};
    for (uint32_t h = 0; h < 6; h++) {
        ck_assert_uint_eq(gw_directory_island_of_host(directory, (gw_node_id){h}), islands[h]);
    }
}
END_TEST

START_TEST(every_host_has_its_devices)
{
    g_autoptr(gw_directory) directory = make_directory();
    static const uint32_t firsts[] = {0, 4, 8, 9, 11, 13}, counts[] = {4, 4, 1, 2, 2, 2};
    for (uint32_t h = 0; h < 6; h++) {
        uint32_t first = 99;
        ck_assert_uint_eq(gw_directory_devices_of_host(directory, (gw_node_id){h}, &first),
                          counts[h]);
        ck_assert_uint_eq(first, firsts[h]);
    }
}
END_TEST

START_TEST(nodes_are_hosts_schedulers_resources_clients)
{
    g_autoptr(gw_directory) directory = make_directory();
    static const gw_role roles[] = {
        GW_ROLE_EXECUTOR,  GW_ROLE_EXECUTOR,  GW_ROLE_EXECUTOR,  GW_ROLE_EXECUTOR,
        GW_ROLE_EXECUTOR,  GW_ROLE_EXECUTOR,  GW_ROLE_SCHEDULER, GW_ROLE_SCHEDULER,
        GW_ROLE_SCHEDULER, GW_ROLE_RESOURCES, GW_ROLE_CLIENT,    GW_ROLE_CLIENT,
    };
    static const uint32_t indexes[] = {0, 1, 2, 3, 4, 5, 0, 1, 2, 0, 0, 1};
    ck_assert_uint_eq(gw_directory_node_count(directory), 12);
    for (uint32_t n = 0; n < 12; n++) {
        uint32_t index;
        ck_assert_int_eq(gw_directory_role(directory, (gw_node_id){n}, &index), roles[n]);
        ck_assert_uint_eq(index, indexes[n]);
    }
}
END_TEST

START_TEST(roles_lead_back_to_their_nodes)
{
    g_autoptr(gw_directory) directory = make_directory();
    for (uint32_t i = 0; i < 3; i++) {
        ck_assert_uint_eq(gw_directory_scheduler(directory, i).index, 6 + i);
    }
    ck_assert_uint_eq(gw_directory_resources(directory).index, 9);
    ck_assert_uint_eq(gw_directory_client(directory, 0).index, 10);
    ck_assert_uint_eq(gw_directory_client(directory, 1).index, 11);
}
END_TEST

START_TEST(islands_are_copied)
{
    gw_island island = {.host_count = 1, .devices_per_host = 2, .shape = {2, 1, 1}};
    g_autoptr(gw_directory) directory = gw_directory_new(&island, 1, 0);
    island.host_count = 100;
    ck_assert_uint_eq(directory->islands[0].host_count, 1);
    ck_assert_uint_eq(gw_directory_node_count(directory), 3);
    gw_directory_free(NULL);
}
END_TEST

START_TEST(unknown_device_aborts)
{
    gw_directory_host(make_directory(), (gw_device_id){15});
}
END_TEST

START_TEST(island_of_scheduler_aborts)
{
    gw_directory_island_of_host(make_directory(), (gw_node_id){6});
}
END_TEST

START_TEST(unknown_node_aborts)
{
    uint32_t index;
    gw_directory_role(make_directory(), (gw_node_id){12}, &index);
}
END_TEST

START_TEST(unknown_job_aborts)
{
    gw_directory_client(make_directory(), 2);
}
END_TEST

START_TEST(shape_that_is_not_the_devices_aborts)
{
    const gw_island island = {.host_count = 2, .devices_per_host = 2, .shape = {3, 1, 1}};
    gw_directory_new(&island, 1, 0);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("directory");
    tcase_add_test(cases, islands_lie_one_after_the_other);
    tcase_add_test(cases, every_device_has_its_host_and_island);
    tcase_add_test(cases, every_host_has_its_island);
    tcase_add_test(cases, every_host_has_its_devices);
    tcase_add_test(cases, nodes_are_hosts_schedulers_resources_clients);
    tcase_add_test(cases, roles_lead_back_to_their_nodes);
    tcase_add_test(cases, islands_are_copied);
    tcase_add_test_raise_signal(cases, unknown_device_aborts, SIGABRT);
    tcase_add_test_raise_signal(cases, island_of_scheduler_aborts, SIGABRT);
    tcase_add_test_raise_signal(cases, unknown_node_aborts, SIGABRT);
    tcase_add_test_raise_signal(cases, unknown_job_aborts, SIGABRT);
    tcase_add_test_raise_signal(cases, shape_that_is_not_the_devices_aborts, SIGABRT);
    Suite *suite = suite_create("directory");
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
