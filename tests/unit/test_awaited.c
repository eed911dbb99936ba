/* SPDX-License-Identifier: Apache-2.0 */
/* Who may still come where: jobs that say their islands, and jobs that do not. */
#include <check.h>

#include "program/builder.h"
#include "run_suite.h"
#include "world/awaited.h"

#define ISLANDS 3

static gw_program *make_program(uint32_t mesh_count)
{
    const uint32_t one = 1;
    gw_builder *builder = gw_builder_new("awaited");
    gw_function *function = gw_function_new("f");
    gw_function_add_output(function, 1, 1, false);
    gw_function_add(function, &(gw_operation){.kind = GW_OPERATION_FILL, .outputs = {0}});
    const uint32_t f = gw_builder_take_function(builder, function);
    for (uint32_t i = 0; i < mesh_count; i++) {
        g_autofree char *name = g_strdup_printf("m%u", i);
        gw_builder_add_node(builder, name, f, gw_builder_add_mesh(builder, name, 1, &one));
    }
    g_autoptr(GError) error = NULL;
    gw_program *program = gw_builder_finish(builder, &error);
    ck_assert_msg(program != NULL, "%s", error != NULL ? error->message : "no error");
    return program;
}

static void ck_assert_open(const gw_awaited *awaited, const char *wanted)
{
    for (uint32_t i = 0; i < ISLANDS; i++) {
        ck_assert_msg(gw_awaited_at(awaited, i) == (wanted[i] == '1'), "island %u of %s", i,
                      wanted);
    }
}

START_TEST(jobs_are_awaited_where_they_may_lie)
{
    static const uint32_t first[] = {0, 0}, ends[] = {0, 2}, some[] = {1, GW_INDEX_NONE};
    g_autoptr(gw_program) program = make_program(2);
    const gw_job jobs[] = {{.program = program, .islands = first},
                           {.program = program, .islands = ends},
                           {.program = program, .islands = some},
                           {.program = program}};
    const gw_awaited_settings settings = {.jobs = jobs, .job_count = 4};
    gw_awaited awaited;
    gw_awaited_init(&awaited, ISLANDS, &settings);
    ck_assert_open(&awaited, "111");
    ck_assert(gw_awaited_come(&awaited, 2));
    ck_assert_open(&awaited, "111");
    ck_assert(gw_awaited_come(&awaited, 3));
    ck_assert_open(&awaited, "101");
    ck_assert(!gw_awaited_come(&awaited, 3)); /* Again, on other devices. */
    ck_assert(gw_awaited_come(&awaited, 1));
    ck_assert_open(&awaited, "100");
    ck_assert(gw_awaited_come(&awaited, 0));
    ck_assert_open(&awaited, "000");
    gw_awaited_clear(&awaited);
}
END_TEST

START_TEST(jobs_that_are_moved_may_always_come)
{
    g_autoptr(gw_program) program = make_program(1);
    const gw_job job = {.program = program};
    const gw_awaited_settings settings = {.jobs = &job, .job_count = 1, .are_moved = true};
    gw_awaited awaited;
    gw_awaited_init(&awaited, ISLANDS, &settings);
    ck_assert(gw_awaited_come(&awaited, 0));
    ck_assert_open(&awaited, "111");
    gw_awaited_clear(&awaited);
}
END_TEST

START_TEST(nobody_is_awaited_where_nobody_says)
{
    gw_awaited awaited;
    gw_awaited_init(&awaited, ISLANDS, NULL);
    ck_assert_open(&awaited, "000");
    ck_assert(!gw_awaited_come(&awaited, 7));
    gw_awaited_clear(&awaited);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("awaited");
    tcase_add_test(cases, jobs_are_awaited_where_they_may_lie);
    tcase_add_test(cases, jobs_that_are_moved_may_always_come);
    tcase_add_test(cases, nobody_is_awaited_where_nobody_says);
    Suite *suite = suite_create("awaited");
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
