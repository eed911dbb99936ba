/* SPDX-License-Identifier: Apache-2.0 */
/* The list of systems, and what each puts on which node. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "run_suite.h"
#include "small_system.h"

START_TEST(all_are_whole)
{
    uint32_t count = 0;
    for (; gw_systems[count] != NULL; count++) {
        const gw_system_ops *system = gw_systems[count];
        ck_assert_uint_gt(strlen(system->summary), 20);
        ck_assert(system->clients == GW_CLIENTS_SUBMIT || system->clients == GW_CLIENTS_START);
        ck_assert(system->hosts >= GW_HOST_TAKES_NOTHING);
        ck_assert(system->hosts <= GW_HOST_KEEPS_OUTPUTS);
        ck_assert(system->window_count == 1 || system->window_count == 2);
    }
    ck_assert_uint_eq(count, 4);
}
END_TEST

START_TEST(pathways_where_none_is_named)
{
    const gw_control none = {0};
    const gw_control ray = {.system = &gw_system_ray};
    ck_assert_str_eq(gw_system_of(&none)->name, "pathways");
    ck_assert_str_eq(gw_system_of(&ray)->name, "ray");
}
END_TEST

/* Whether the node of that role in a directory of one host gets a part. */
static bool has_part(const gw_system_ops *system, const gw_policy_ops *policy, gw_role role)
{
    g_autoptr(gw_directory) directory = small_directory(1, 1, 1);
    const gw_control control = {
        .policy = policy, .dispatch = &gw_dispatch_parallel, .lookahead = 2};
    const gw_job job = {.in_flight = 1};
    const gw_node_id nodes[] = {[GW_ROLE_EXECUTOR] = {0},
                                [GW_ROLE_SCHEDULER] = {1},
                                [GW_ROLE_RESOURCES] = {2},
                                [GW_ROLE_CLIENT] = {3}};
    g_autoptr(record_port) port = record_port_new(directory, nodes[role]);
    const gw_site site = {directory, &control, &job, role, 0, nodes[role], &port->base, NULL};
    gw_part *part = NULL;
    ck_assert(system->part_new(&site, &part, NULL));
    if (part == NULL)
        return false;
    part->ops->free(part);
    return true;
}

START_TEST(parts_stand_where_they_belong)
{
    static const struct {
        const gw_system_ops *system;
        bool on[GW_ROLE_CLIENT + 1];
    } expected[] = {
        {&gw_system_pathways, {[GW_ROLE_SCHEDULER] = true}},
        {&gw_system_multi_controller, {[GW_ROLE_EXECUTOR] = true}},
        {&gw_system_tf1, {[GW_ROLE_CLIENT] = true}},
        {&gw_system_ray, {[GW_ROLE_EXECUTOR] = true, [GW_ROLE_CLIENT] = true}},
    };
    const gw_policy_ops *fifo = gw_policy_find("fifo");
    for (uint32_t i = 0; i < G_N_ELEMENTS(expected); i++)
        for (gw_role role = GW_ROLE_EXECUTOR; role <= GW_ROLE_CLIENT; role++)
            ck_assert_int_eq(has_part(expected[i].system, fifo, role), expected[i].on[role]);
    ck_assert(has_part(&gw_system_pathways, NULL, GW_ROLE_CLIENT)); /* Its own scheduler. */
}
END_TEST

static Suite *systems_suite(void)
{
    Suite *suite = suite_create("systems");
    TCase *cases = tcase_create("systems");
    tcase_add_test(cases, all_are_whole);
    tcase_add_test(cases, pathways_where_none_is_named);
    tcase_add_test(cases, parts_stand_where_they_belong);
    suite_add_tcase(suite, cases);
    return suite;
}

int main(void)
{
    return gw_run_suite(systems_suite());
}
