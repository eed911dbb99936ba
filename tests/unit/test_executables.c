/* SPDX-License-Identifier: Apache-2.0 */
/* Executables: loaded once for all hosts, priced once per function and mesh, forgotten with the
 * last unload. */
#include <check.h>
#include <signal.h>

#include "node_cluster.h"
#include "program/builder.h"
#include "run_suite.h"
#include "small_cluster.h"
#include "world/executables.h"

/* Meshes of two devices and of three, on a row of five. */
static const uint32_t first_of[] = {0, 2, 5};
static const uint32_t device_of[] = {1, 0, 2, 4, 3};

typedef struct {
    small_cluster made;
    gw_accel_model model;
    gw_program *program;
    gw_executables executables;
} bench;

static uint32_t add_function(gw_builder *builder, const char *name, uint32_t rows)
{
    gw_function *function = gw_function_new(name);
    gw_function_add_output(function, rows, 1, false);
    gw_function_add(function, &(gw_operation){.kind = GW_OPERATION_FILL, .outputs = {0}});
    return gw_builder_take_function(builder, function);
}

/* Nodes: small on mesh 0, small on 0, small on 1, large on 1. */
static gw_program *make_program(void)
{
    gw_builder *builder = gw_builder_new("executables");
    const uint32_t two = 2, three = 3;
    const uint32_t left = gw_builder_add_mesh(builder, "left", 1, &two);
    const uint32_t right = gw_builder_add_mesh(builder, "right", 1, &three);
    const uint32_t small = add_function(builder, "small", 1);
    const uint32_t large = add_function(builder, "large", 1000000);
    gw_builder_add_node(builder, "a", small, left);
    gw_builder_add_node(builder, "b", small, left);
    gw_builder_add_node(builder, "c", small, right);
    gw_builder_add_node(builder, "d", large, right);
    g_autoptr(GError) error = NULL;
    gw_program *program = gw_builder_finish(builder, &error);
    ck_assert_msg(program != NULL, "%s", error != NULL ? error->message : "no error");
    return program;
}

static void bench_init(bench *made)
{
    const gw_cluster *cluster = small_cluster_of(&made->made, 5, 1, 1, 0);
    made->model = gw_accel_model_of(&gw_model_roofline, cluster);
    made->program = make_program();
    gw_executables_init(&made->executables, cluster, &made->model, NULL);
}

static void bench_clear(bench *made)
{
    gw_executables_clear(&made->executables);
    gw_program_free(made->program);
    small_cluster_clear(&made->made);
}

static gw_executable executable_of(const bench *made, uint32_t instance)
{
    return (gw_executable){
        .instance = instance,
        .job = 9,
        .program = made->program,
        .assignment = {.mesh_count = 2, .first = first_of, .devices = device_of}};
}

static void load(bench *made, uint32_t instance)
{
    const gw_executable executable = executable_of(made, instance);
    gw_executables_load(&made->executables, &executable);
}

START_TEST(load_says_where_the_gangs_lie)
{
    bench made;
    bench_init(&made);
    gw_executable executable = executable_of(&made, 4);
    uint32_t *first = g_memdup2(first_of, sizeof first_of);
    uint32_t *devices = g_memdup2(device_of, sizeof device_of);
    executable.assignment.first = first;
    executable.assignment.devices = devices;
    gw_executables_load(&made.executables, &executable);
    g_free(first); /* Borrowed for the call only. */
    g_free(devices);
    const gw_loaded_executable *loaded = gw_executables_at(&made.executables, 4);
    ck_assert_uint_eq(loaded->instance, 4);
    ck_assert_uint_eq(loaded->job, 9);
    ck_assert_ptr_eq(loaded->program, made.program);
    ck_assert_uint_eq(loaded->mesh_count, 2);
    for (uint32_t i = 0; i < 2; i++) {
        const uint32_t count = first_of[i + 1] - first_of[i];
        ck_assert_uint_eq(loaded->layouts[i]->member_count, count);
        ck_assert_mem_eq(loaded->layouts[i]->devices, &device_of[first_of[i]],
                         count * sizeof(uint32_t));
    }
    bench_clear(&made);
}
END_TEST

START_TEST(nodes_alike_share_a_plan_and_others_do_not)
{
    bench made;
    bench_init(&made);
    load(&made, 0);
    const gw_loaded_executable *loaded = gw_executables_at(&made.executables, 0);
    const gw_gang_plan *const *plans = loaded->plan_of_node;
    ck_assert_ptr_eq(plans[0], plans[1]);
    ck_assert_ptr_ne(plans[0], plans[2]); /* Another mesh, */
    ck_assert_ptr_ne(plans[2], plans[3]); /* another function. */
    for (uint32_t i = 0; i < 4; i++) {
        const gw_node *node = gw_program_node(made.program, i);
        const gw_gang_layout *layout = loaded->layouts[node->mesh];
        g_autoptr(gw_timing) timing =
            gw_timing_new(&made.model, gw_program_function(made.program, i),
                          gw_program_mesh(made.program, node->mesh), layout->devices);
        ck_assert_ptr_eq(plans[i]->layout, layout);
        ck_assert_ptr_eq(plans[i], loaded->plans[node->function * 2 + node->mesh]);
        ck_assert_uint_eq(plans[i]->local_ns, timing->total_local_ns);
    }
    ck_assert_uint_gt(plans[3]->local_ns, plans[2]->local_ns);
    ck_assert_ptr_null(loaded->plans[1 * 2 + 0]); /* No node has large on the left. */
    bench_clear(&made);
}
END_TEST

START_TEST(every_load_but_the_first_only_counts)
{
    bench made;
    bench_init(&made);
    load(&made, 2);
    const gw_loaded_executable *loaded = gw_executables_at(&made.executables, 2);
    load(&made, 2);
    ck_assert_ptr_eq(gw_executables_at(&made.executables, 2), loaded);
    ck_assert_uint_eq(loaded->load_count, 2);
    gw_executables_unload(&made.executables, 2);
    ck_assert_ptr_eq(gw_executables_at(&made.executables, 2), loaded);
    ck_assert_uint_eq(loaded->load_count, 1);
    bench_clear(&made); /* What is still loaded goes, too. */
}
END_TEST

START_TEST(forgotten_number_may_come_again_as_another_jobs)
{
    bench made;
    bench_init(&made);
    load(&made, 5);
    load(&made, 2);
    gw_executables_unload(&made.executables, 5);
    ck_assert_uint_eq(gw_executables_at(&made.executables, 2)->instance, 2);
    gw_executable executable = executable_of(&made, 5);
    executable.job = 10;
    gw_executables_load(&made.executables, &executable);
    ck_assert_uint_eq(gw_executables_at(&made.executables, 5)->job, 10);
    ck_assert_uint_eq(gw_executables_at(&made.executables, 5)->load_count, 1);
    bench_clear(&made);
}
END_TEST

/* --- Who watches --- */

/* A sum over four of the devices. */
static gw_program *make_sum(void)
{
    const uint32_t four = 4;
    gw_builder *builder = gw_builder_new("sum");
    const uint32_t mesh = gw_builder_add_mesh(builder, "all", 1, &four);
    gw_function *function = gw_function_new("sum");
    gw_function_add_output(function, 1000, 1, false);
    gw_function_add_temporary(function, 1000, 1);
    gw_function_add(function, &(gw_operation){.kind = GW_OPERATION_FILL, .outputs = {1}});
    gw_function_add(
        function,
        &(gw_operation){.kind = GW_OPERATION_ALL_REDUCE, .axes = 1, .inputs = {1}, .outputs = {0}});
    gw_builder_add_node(builder, "a", gw_builder_take_function(builder, function), mesh);
    g_autoptr(GError) error = NULL;
    gw_program *program = gw_builder_finish(builder, &error);
    ck_assert_msg(program != NULL, "%s", error != NULL ? error->message : "no error");
    return program;
}

static void load_sum(bench *made, uint32_t instance, const uint32_t *devices)
{
    static const uint32_t first[] = {0, 4};
    const gw_executable executable = {
        .instance = instance,
        .job = instance,
        .program = made->program,
        .assignment = {.mesh_count = 1, .first = first, .devices = devices}};
    gw_executables_load(&made->executables, &executable);
}

static void watching_init(bench *made, const gw_awaited_settings *awaited)
{
    small_cluster_init(&made->made);
    small_cluster_add(&made->made, 6, 1, 1, 0);
    made->made.spec.watches_collectives = true;
    const gw_cluster *cluster = small_cluster_build(&made->made);
    made->model = gw_accel_model_of(&gw_model_roofline, cluster);
    made->program = make_sum();
    gw_executables_init(&made->executables, cluster, &made->model, awaited);
}

static const uint32_t near[] = {0, 1, 2, 3}, turns[] = {0, 2, 4, 5};

/* Others on the same devices go before or after it; a copy that nobody has told of may meet it. */
START_TEST(plans_watch_from_when_others_may_come)
{
    bench made;
    watching_init(&made, NULL);
    load_sum(&made, 0, near);
    load_sum(&made, 1, near);
    const gw_loaded_executable *loaded = gw_executables_at(&made.executables, 0);
    const gw_gang_plan *before = loaded->plan_of_node[0];
    ck_assert(before->is_lockstep);
    gw_copy copy = {.kind = GW_COPY_TO_DEVICE, .source_device = {4}, .target_device = {5}};
    gw_executables_note_copy(&made.executables, &copy);
    ck_assert_ptr_eq(loaded->plan_of_node[0], before);
    copy.source_device.index = 2;
    copy.duration_ns = 7; /* It takes no link. */
    gw_executables_note_copy(&made.executables, &copy);
    ck_assert_ptr_eq(loaded->plan_of_node[0], before);
    copy.duration_ns = 0;
    gw_executables_note_copy(&made.executables, &copy);
    const gw_gang_plan *after = loaded->plan_of_node[0];
    ck_assert_ptr_ne(after, before);
    ck_assert(after->plays != NULL && after->has_flows);
    ck_assert(before->is_lockstep); /* Gangs that have it keep it. */
    ck_assert(gw_executables_at(&made.executables, 1)->plan_of_node[0]->plays != NULL);
    gw_executables_note_copy(&made.executables, &copy);
    ck_assert_ptr_eq(loaded->plan_of_node[0], after);
    load_sum(&made, 2, near);
    ck_assert(gw_executables_at(&made.executables, 2)->plan_of_node[0]->plays != NULL);
    bench_clear(&made);
}
END_TEST

/* Until the second job is there, nobody knows whom it may meet: then, that it meets nobody. */
START_TEST(plans_watch_until_all_have_come)
{
    bench made;
    gw_job jobs[2] = {{0}};
    const gw_awaited_settings awaited = {.jobs = jobs, .job_count = 2, .are_moved = _i == 1};
    g_autoptr(gw_program) program = make_sum();
    jobs[0].program = jobs[1].program = program;
    watching_init(&made, &awaited);
    load_sum(&made, 0, near);
    const gw_loaded_executable *loaded = gw_executables_at(&made.executables, 0);
    const gw_gang_plan *open = loaded->plan_of_node[0];
    ck_assert(open->plays != NULL && open->has_flows);
    ck_assert(gw_track_is_watched(open->stages[0].groups->track));
    load_sum(&made, 1, turns);
    if (_i == 1) { /* Either of them may be sent elsewhere yet. */
        ck_assert_ptr_eq(loaded->plan_of_node[0], open);
        ck_assert(gw_executables_at(&made.executables, 1)->plan_of_node[0]->plays != NULL);
    } else {
        ck_assert(loaded->plan_of_node[0]->is_lockstep);
        ck_assert(gw_executables_at(&made.executables, 1)->plan_of_node[0]->is_lockstep);
        ck_assert(open->plays != NULL); /* Gangs that have it keep it, and do not watch. */
        ck_assert(!gw_track_is_watched(open->stages[0].groups->track));
    }
    bench_clear(&made);
}
END_TEST

/* Two nodes of two: what goes between them goes over PCIe, where buffers that are spilled do. */
START_TEST(plans_over_nodes_watch_for_what_goes_to_hosts)
{
    static const node_shape shape = {2, 2, 2, 5e9};
    const gw_awaited_settings awaited = {.has_host_copies = _i == 1};
    bench made;
    node_cluster_of(&made.made, &shape);
    small_cluster_clear(&made.made);
    made.made.spec.watches_collectives = true;
    const gw_cluster *cluster = small_cluster_build(&made.made);
    made.model = gw_accel_model_of(&gw_model_roofline, cluster);
    made.program = make_sum();
    gw_executables_init(&made.executables, cluster, &made.model, &awaited);
    load_sum(&made, 0, near);
    const gw_gang_plan *plan = gw_executables_at(&made.executables, 0)->plan_of_node[0];
    ck_assert_int_eq(plan->plays != NULL, _i == 1);
    ck_assert_int_eq(plan->is_lockstep, _i == 0);
    bench_clear(&made);
    const gw_awaited_settings spilled = {.has_host_copies = true};
    watching_init(&made, &spilled); /* No link of a torus. */
    load_sum(&made, 0, near);
    ck_assert(gw_executables_at(&made.executables, 0)->plan_of_node[0]->is_lockstep);
    bench_clear(&made);
}
END_TEST

START_TEST(others_that_share_a_member_change_nothing)
{
    bench made;
    watching_init(&made, NULL);
    load_sum(&made, 0, near);
    load_sum(&made, 1, turns);
    ck_assert(gw_executables_at(&made.executables, 0)->plan_of_node[0]->is_lockstep);
    ck_assert(gw_executables_at(&made.executables, 1)->plan_of_node[0]->is_lockstep);
    gw_executables_unload(&made.executables, 0);
    load_sum(&made, 0, turns);
    bench_clear(&made);
}
END_TEST

START_TEST(asking_for_a_number_beyond_all_aborts)
{
    bench made;
    bench_init(&made);
    gw_executables_at(&made.executables, 0);
}
END_TEST

START_TEST(asking_for_a_number_between_aborts)
{
    bench made;
    bench_init(&made);
    load(&made, 3);
    gw_executables_at(&made.executables, 1);
}
END_TEST

START_TEST(asking_after_the_last_unload_aborts)
{
    bench made;
    bench_init(&made);
    load(&made, 3);
    gw_executables_unload(&made.executables, 3);
    gw_executables_at(&made.executables, 3);
}
END_TEST

START_TEST(unloading_once_too_often_aborts)
{
    bench made;
    bench_init(&made);
    load(&made, 3);
    gw_executables_unload(&made.executables, 3);
    gw_executables_unload(&made.executables, 3);
}
END_TEST

START_TEST(loading_for_another_job_aborts)
{
    bench made;
    bench_init(&made);
    load(&made, 3);
    gw_executable executable = executable_of(&made, 3);
    executable.job = 10;
    gw_executables_load(&made.executables, &executable);
}
END_TEST

START_TEST(loading_another_program_aborts)
{
    bench made;
    bench_init(&made);
    load(&made, 3);
    gw_executable executable = executable_of(&made, 3);
    executable.program = make_program();
    gw_executables_load(&made.executables, &executable);
}
END_TEST

START_TEST(mesh_of_another_size_aborts)
{
    bench made;
    bench_init(&made);
    static const uint32_t first[] = {0, 3, 5};
    gw_executable executable = executable_of(&made, 3);
    executable.assignment.first = first;
    gw_executables_load(&made.executables, &executable);
}
END_TEST

START_TEST(enormous_number_aborts)
{
    bench made;
    bench_init(&made);
    load(&made, GW_INDEX_NONE);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("executables");
    TCase *cases = tcase_create("executables");
    tcase_add_test(cases, plans_watch_from_when_others_may_come);
    tcase_add_loop_test(cases, plans_watch_until_all_have_come, 0, 2);
    tcase_add_loop_test(cases, plans_over_nodes_watch_for_what_goes_to_hosts, 0, 2);
    tcase_add_test(cases, others_that_share_a_member_change_nothing);
    tcase_add_test(cases, load_says_where_the_gangs_lie);
    tcase_add_test(cases, nodes_alike_share_a_plan_and_others_do_not);
    tcase_add_test(cases, every_load_but_the_first_only_counts);
    tcase_add_test(cases, forgotten_number_may_come_again_as_another_jobs);
    tcase_add_test_raise_signal(cases, asking_for_a_number_beyond_all_aborts, SIGABRT);
    tcase_add_test_raise_signal(cases, asking_for_a_number_between_aborts, SIGABRT);
    tcase_add_test_raise_signal(cases, asking_after_the_last_unload_aborts, SIGABRT);
    tcase_add_test_raise_signal(cases, unloading_once_too_often_aborts, SIGABRT);
    tcase_add_test_raise_signal(cases, loading_for_another_job_aborts, SIGABRT);
    tcase_add_test_raise_signal(cases, loading_another_program_aborts, SIGABRT);
    tcase_add_test_raise_signal(cases, mesh_of_another_size_aborts, SIGABRT);
    tcase_add_test_raise_signal(cases, enormous_number_aborts, SIGABRT);
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
