/* SPDX-License-Identifier: Apache-2.0 */
/* Which shards a host keeps of an executable: those on its own devices, in order of shard. */
#include <check.h>
#include <signal.h>

#include "program/builder.h"
#include "real/loaded.h"
#include "run_suite.h"

/* Meshes of four devices and of two; the host's devices are 2 and 3. */
static const uint32_t first_of[] = {0, 4, 6};
static const uint32_t device_of[] = {3, 5, 2, 0, 1, 4};

static gw_program *make_program(void)
{
    gw_builder *builder = gw_builder_new("loaded");
    const uint32_t four = 4, two = 2;
    const uint32_t mesh = gw_builder_add_mesh(builder, "four", 1, &four);
    gw_builder_add_mesh(builder, "two", 1, &two);
    gw_function *fill = gw_function_new("fill");
    gw_function_add_output(fill, 1, 1, false);
    gw_function_add(fill, &(gw_operation){.kind = GW_OPERATION_FILL, .outputs = {0}});
    gw_builder_add_node(builder, "fill", gw_builder_take_function(builder, fill), mesh);
    g_autoptr(GError) error = NULL;
    gw_program *program = gw_builder_finish(builder, &error);
    ck_assert_msg(program != NULL, "%s", error != NULL ? error->message : "no error");
    return program;
}

static gw_executable executable_of(const gw_program *program, uint32_t instance)
{
    return (gw_executable){
        .instance = instance,
        .job = instance + 100,
        .program = program,
        .assignment = {.mesh_count = 2, .first = first_of, .devices = device_of}};
}

START_TEST(locals_are_those_of_the_host_in_order_of_shard)
{
    g_autoptr(gw_program) program = make_program();
    gw_loaded_set set = {0};
    const gw_executable executable = executable_of(program, 7);
    const gw_loaded *loaded = gw_loaded_set_add(&set, &executable, 2, 2);
    ck_assert_uint_eq(loaded->instance, 7);
    ck_assert_uint_eq(loaded->job, 107);
    ck_assert_ptr_eq(loaded->program, program);
    uint32_t count;
    const gw_local_shard *locals = gw_loaded_locals(loaded, 0, &count);
    ck_assert_uint_eq(count, 2);
    ck_assert_uint_eq(locals[0].shard, 0); /* On device 3, */
    ck_assert_uint_eq(locals[0].device, 1);
    ck_assert_uint_eq(locals[1].shard, 2); /* and on 2. */
    ck_assert_uint_eq(locals[1].device, 0);
    gw_loaded_locals(loaded, 1, &count);
    ck_assert_uint_eq(count, 0); /* The second mesh has none here. */
    gw_loaded_set_clear(&set);
}
END_TEST

START_TEST(shards_are_counted_within_their_own_mesh)
{
    g_autoptr(gw_program) program = make_program();
    gw_loaded_set set = {0};
    const gw_executable executable = executable_of(program, 0);
    const gw_loaded *loaded = gw_loaded_set_add(&set, &executable, 4, 2);
    uint32_t count;
    const gw_local_shard *locals = gw_loaded_locals(loaded, 0, &count);
    ck_assert_uint_eq(count, 1);
    ck_assert_uint_eq(locals->shard, 1);
    ck_assert_uint_eq(locals->device, 1);
    locals = gw_loaded_locals(loaded, 1, &count);
    ck_assert_uint_eq(count, 1);
    ck_assert_uint_eq(locals->shard, 1);
    ck_assert_uint_eq(locals->device, 0);
    gw_loaded_set_clear(&set);
}
END_TEST

START_TEST(assignment_is_copied)
{
    g_autoptr(gw_program) program = make_program();
    gw_loaded_set set = {0};
    gw_executable executable = executable_of(program, 1);
    uint32_t *first = g_memdup2(first_of, sizeof first_of);
    uint32_t *devices = g_memdup2(device_of, sizeof device_of);
    executable.assignment.first = first;
    executable.assignment.devices = devices;
    gw_loaded_set_add(&set, &executable, 2, 2);
    g_free(first);
    g_free(devices);
    const gw_loaded *loaded = gw_loaded_set_find(&set, 1);
    ck_assert_mem_eq(loaded->first, first_of, sizeof first_of);
    ck_assert_mem_eq(loaded->devices, device_of, sizeof device_of);
    gw_loaded_set_clear(&set);
}
END_TEST

START_TEST(removed_place_is_used_again_and_others_stay)
{
    g_autoptr(gw_program) program = make_program();
    gw_loaded_set set = {0};
    const gw_loaded *loaded[3];
    for (uint32_t i = 0; i < 3; i++) {
        const gw_executable executable = executable_of(program, i * 1000);
        loaded[i] = gw_loaded_set_add(&set, &executable, 2, 2);
    }
    gw_loaded_set_remove(&set, 1000);
    ck_assert_ptr_eq(gw_loaded_set_find(&set, 0), loaded[0]);
    ck_assert_ptr_eq(gw_loaded_set_find(&set, 2000), loaded[2]);
    const gw_executable again = executable_of(program, 1000); /* No longer loaded: it may come. */
    const gw_loaded *back = gw_loaded_set_add(&set, &again, 2, 2);
    ck_assert_ptr_eq(gw_loaded_set_find(&set, 1000), back);
    ck_assert_ptr_eq(gw_loaded_set_find(&set, 2000), loaded[2]);
    ck_assert_uint_eq(set.count, 3);
    gw_loaded_set_clear(&set);
    ck_assert_uint_eq(set.count, 0);
    ck_assert_ptr_null(set.all);
}
END_TEST

START_TEST(finding_what_is_not_loaded_aborts)
{
    gw_loaded_set set = {0};
    gw_loaded_set_find(&set, 0);
}
END_TEST

START_TEST(finding_what_was_removed_aborts)
{
    gw_program *program = make_program();
    gw_loaded_set set = {0};
    const gw_executable executable = executable_of(program, 3);
    gw_loaded_set_add(&set, &executable, 2, 2);
    gw_loaded_set_remove(&set, 3);
    gw_loaded_set_find(&set, 3);
}
END_TEST

START_TEST(removing_what_is_not_loaded_aborts)
{
    gw_loaded_set set = {0};
    gw_loaded_set_remove(&set, 3);
}
END_TEST

START_TEST(adding_an_instance_twice_aborts)
{
    gw_loaded_set set = {0};
    const gw_executable executable = executable_of(make_program(), 3);
    gw_loaded_set_add(&set, &executable, 2, 2);
    gw_loaded_set_add(&set, &executable, 2, 2);
}
END_TEST

START_TEST(two_shards_of_a_mesh_on_one_device_aborts)
{
    gw_loaded_set set = {0};
    static const uint32_t devices[] = {3, 2, 3, 0, 1, 4};
    gw_executable executable = executable_of(make_program(), 3);
    executable.assignment.devices = devices;
    gw_loaded_set_add(&set, &executable, 2, 2);
}
END_TEST

START_TEST(mesh_of_another_size_aborts)
{
    gw_loaded_set set = {0};
    static const uint32_t first[] = {0, 3, 6};
    gw_executable executable = executable_of(make_program(), 3);
    executable.assignment.first = first;
    gw_loaded_set_add(&set, &executable, 2, 2);
}
END_TEST

/* Two jobs of one workload have programs of one name: theirs tell them apart. */
START_TEST(words_name_the_job_and_count_as_its_dispatcher)
{
    g_autoptr(gw_program) program = make_program();
    gw_loaded_set set = {0};
    gw_executable executable = executable_of(program, 7);
    executable.job = 1;
    const gw_loaded *loaded = gw_loaded_set_add(&set, &executable, 2, 2);
    const gw_job jobs[] = {{.name = "one"}, {.name = "other"}};
    const gw_real_answers answers = {.jobs = jobs};
    const uint64_t gang = (UINT64_C(9) << GW_GANG_SEQUENCE_BITS) | 12;
    g_autoptr(GString) words = g_string_new(NULL);
    gw_loaded_describe_gang(loaded, &answers, gang, 0, 3, words);
    gw_loaded_describe_arrivals(1, words);
    ck_assert_str_eq(words->str,
                     "gang 12 (job other, node fill, run 3) waits for 1 more copy of its inputs");
    g_string_truncate(words, 0);
    gw_real_describe(NULL, 1, program, 0, 3, words);
    ck_assert_str_eq(words->str, "loaded, node fill, run 3");
    gw_loaded_set_clear(&set);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("loaded");
    TCase *cases = tcase_create("loaded");
    tcase_add_test(cases, locals_are_those_of_the_host_in_order_of_shard);
    tcase_add_test(cases, shards_are_counted_within_their_own_mesh);
    tcase_add_test(cases, assignment_is_copied);
    tcase_add_test(cases, removed_place_is_used_again_and_others_stay);
    tcase_add_test(cases, words_name_the_job_and_count_as_its_dispatcher);
    tcase_add_test_raise_signal(cases, finding_what_is_not_loaded_aborts, SIGABRT);
    tcase_add_test_raise_signal(cases, finding_what_was_removed_aborts, SIGABRT);
    tcase_add_test_raise_signal(cases, removing_what_is_not_loaded_aborts, SIGABRT);
    tcase_add_test_raise_signal(cases, adding_an_instance_twice_aborts, SIGABRT);
    tcase_add_test_raise_signal(cases, two_shards_of_a_mesh_on_one_device_aborts, SIGABRT);
    tcase_add_test_raise_signal(cases, mesh_of_another_size_aborts, SIGABRT);
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
