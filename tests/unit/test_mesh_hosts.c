/* SPDX-License-Identifier: Apache-2.0 */
/* Which hosts carry which mesh. */
#include <check.h>

#include "controller/mesh_hosts.h"
#include "run_suite.h"
#include "small_control.h"

START_TEST(each_host_once_in_order_of_devices)
{
    gw_builder *builder = gw_builder_new("two");
    const uint32_t wide = small_mesh(builder, 4), narrow = small_mesh(builder, 2);
    const uint32_t once = small_once(builder, "once", narrow, "> r1");
    const uint32_t node = small_node(builder, "node", wide, "> r1");
    g_autoptr(gw_program) program = small_finish(builder);
    g_autoptr(gw_plan) plan = gw_plan_new(program);
    g_autoptr(gw_directory) directory = small_directory(3, 2, 1);
    g_autofree gw_assignment_message *message =
        small_assignment(GW_MESSAGE_INSTALL, 0, program, (const uint32_t[]){5, 0, 4, 1, 1, 0});
    gw_mesh_hosts *made = gw_mesh_hosts_new(directory, plan, message);
    uint32_t count;
    const uint32_t *hosts = gw_mesh_hosts_of(made, node, &count);
    ck_assert_uint_eq(count, 2);
    ck_assert_uint_eq(hosts[0], 2);
    ck_assert_uint_eq(hosts[1], 0);
    hosts = gw_mesh_hosts_of(made, once, &count);
    ck_assert_uint_eq(count, 1);
    ck_assert_uint_eq(hosts[0], 0);
    gw_mesh_hosts_free(made);
}
END_TEST

START_TEST(set_up_is_due_in_the_first_run)
{
    gw_builder *builder = gw_builder_new("once");
    const uint32_t mesh = small_mesh(builder, 1);
    const uint32_t once = small_once(builder, "once", mesh, "> r1");
    const uint32_t node = small_node(builder, "node", mesh, "> r1");
    g_autoptr(gw_program) program = small_finish(builder);
    g_autoptr(gw_plan) plan = gw_plan_new(program);
    ck_assert(gw_plan_is_due(plan, once, 0) && gw_plan_is_due(plan, node, 0));
    ck_assert(!gw_plan_is_due(plan, once, 1) && gw_plan_is_due(plan, node, 1));
}
END_TEST

START_TEST(nothing_is_freed)
{
    gw_mesh_hosts_free(NULL);
}
END_TEST

static Suite *mesh_hosts_suite(void)
{
    Suite *suite = suite_create("mesh_hosts");
    TCase *cases = tcase_create("mesh_hosts");
    tcase_add_test(cases, each_host_once_in_order_of_devices);
    tcase_add_test(cases, set_up_is_due_in_the_first_run);
    tcase_add_test(cases, nothing_is_freed);
    suite_add_tcase(suite, cases);
    return suite;
}

int main(void)
{
    return gw_run_suite(mesh_hosts_suite());
}
