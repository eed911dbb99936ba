/* SPDX-License-Identifier: Apache-2.0 */
/* A run at rest, in words. */

#include "program/builder.h"
#include "run_suite.h"
#include "test_device.h"
#include "world/stall.h"

#define HOSTS 40

/* Job 1, node 2 of the launches that test_device.h makes. */
typedef struct {
    device_bench bench;
    gw_program *program;
    gw_job jobs[2];
    GString *text;
} rest;

static gw_program *make_program(void)
{
    const uint32_t many = HOSTS;
    gw_builder *builder = gw_builder_new("program");
    gw_builder_add_mesh(builder, "mesh", 1, &many);
    gw_function *function = gw_function_new("meet");
    const uint32_t y = gw_function_add_output(function, 1, 1, false);
    const uint32_t two = gw_function_add_temporary(function, 1, 1);
    gw_function_add(function,
                    &(gw_operation){.kind = GW_OPERATION_FILL, .outputs = {(uint16_t)two}});
    gw_function_add(function, &(gw_operation){.kind = GW_OPERATION_ALL_REDUCE,
                                              .axes = 1,
                                              .inputs = {(uint16_t)two},
                                              .outputs = {(uint16_t)y}});
    const uint32_t index = gw_builder_take_function(builder, function);
    gw_builder_add_node(builder, "n0", index, 0);
    gw_builder_add_node(builder, "n1", index, 0);
    gw_builder_add_node(builder, "n2", index, 0);
    g_autoptr(GError) error = NULL;
    gw_program *program = gw_builder_finish(builder, &error);
    ck_assert_msg(program != NULL, "%s", error == NULL ? "" : error->message);
    return program;
}

static void rest_init(rest *made)
{
    device_bench_init(&made->bench, HOSTS, 1);
    made->program = make_program();
    made->jobs[0] = (gw_job){.name = "none"};
    made->jobs[1] = (gw_job){.name = "mlp", .program = made->program};
    made->text = g_string_new(NULL);
}

static void rest_clear(rest *made)
{
    g_string_free(made->text, TRUE);
    gw_program_free(made->program);
    device_bench_clear(&made->bench);
}

START_TEST(deadlock_is_told_as_a_ring)
{
    rest made;
    rest_init(&made);
    g_autoptr(gw_gang_layout) layout = lay_mesh(&made.bench, 1, 2, 0);
    g_autoptr(gw_gang_plan) plan = plan_meeting(layout, 100, 30, 5);
    launch_on(&made.bench, plan, 1, 0);
    launch_on(&made.bench, plan, 2, 1);
    launch_on(&made.bench, plan, 2, 0);
    launch_on(&made.bench, plan, 1, 1);
    run_out(&made.bench);
    gw_stall_describe_devices(made.bench.devices, made.jobs, made.text);
    ck_assert_str_eq(made.text->str,
                     "deadlock: device 0 runs gang 1 (job mlp, node n2, run 1) and waits in its "
                     "all_reduce for device 1; device 1 runs gang 2 (job mlp, node n2, run 2) and "
                     "waits in its all_reduce for device 0\n");
    rest_clear(&made);
}
END_TEST

START_TEST(absent_member_is_told)
{
    rest made;
    rest_init(&made);
    g_autoptr(gw_gang_layout) layout = lay_mesh(&made.bench, 1, 2, 0);
    g_autoptr(gw_gang_plan) plan = plan_meeting(layout, 100, 30, 5);
    launch_on(&made.bench, plan, 1, 1);
    run_out(&made.bench);
    gw_stall_describe_devices(made.bench.devices, made.jobs, made.text);
    ck_assert_str_eq(made.text->str,
                     "device 1 runs gang 1 (job mlp, node n2, run 1) and waits in its all_reduce "
                     "for device 0, whose host has not launched it\n");
    rest_clear(&made);
}
END_TEST

START_TEST(missing_copy_is_told)
{
    rest made;
    rest_init(&made);
    g_autoptr(gw_gang_layout) layout = lay_mesh(&made.bench, 1, 1, 3);
    g_autoptr(gw_gang_layout) other = lay_mesh(&made.bench, 1, 1, 5);
    g_autoptr(gw_gang_plan) plan = plan_work(layout, 100);
    g_autoptr(gw_gang_plan) behind = plan_meeting(other, 100, 30, 5);
    const uint32_t arrivals[] = {1};
    gw_launch launch = launch_of(plan, 1, 3);
    launch.arrivals = arrivals;
    gw_devices_launch(made.bench.devices, &launch);
    launch = launch_of(behind, 2, 5);
    launch.arrivals = arrivals;
    gw_devices_launch(made.bench.devices, &launch);
    copy_between(&made.bench, 3, 7, 2, 5, 10, 7); /* From a gang that never came. */
    run_out(&made.bench);
    gw_stall_describe_devices(made.bench.devices, made.jobs, made.text);
    ck_assert_str_eq(made.text->str,
                     "device 3 is about to run gang 1 (job mlp, node n2, run 1) and waits for a "
                     "copy that nobody has asked for\n"
                     "device 5 is about to run gang 2 (job mlp, node n2, run 2) and waits for a "
                     "copy from device 7\n");
    rest_clear(&made);
}
END_TEST

START_TEST(more_of_the_same_is_counted)
{
    rest made;
    rest_init(&made);
    g_autoptr(gw_gang_layout) layout = lay_mesh(&made.bench, 1, HOSTS, 0);
    g_autoptr(gw_gang_plan) plan = plan_meeting(layout, 100, 30, 5);
    for (uint32_t host = 1; host < HOSTS; host++) {
        launch_on(&made.bench, plan, 1, host);
    }
    run_out(&made.bench);
    gw_stall_describe_devices(made.bench.devices, made.jobs, made.text);
    g_auto(GStrv) lines = g_strsplit(g_strchomp(made.text->str), "\n", -1);
    ck_assert_uint_eq(g_strv_length(lines), 17);
    ck_assert_str_eq(lines[16], "and 23 more devices wait");
    rest_clear(&made);
}
END_TEST

START_TEST(nothing_is_said_of_devices_at_rest)
{
    rest made;
    rest_init(&made);
    gw_stall_describe_devices(made.bench.devices, made.jobs, made.text);
    gw_stall_describe_nodes(NULL, 0, made.text);
    ck_assert_str_eq(made.text->str, "");
    rest_clear(&made);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stall");
    TCase *cases = tcase_create("stall");
    tcase_add_test(cases, deadlock_is_told_as_a_ring);
    tcase_add_test(cases, absent_member_is_told);
    tcase_add_test(cases, missing_copy_is_told);
    tcase_add_test(cases, more_of_the_same_is_counted);
    tcase_add_test(cases, nothing_is_said_of_devices_at_rest);
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
