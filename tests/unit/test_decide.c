/* SPDX-License-Identifier: Apache-2.0 */
/* What a scheduler has heard of results that decide, and who has to hear of them. */
#include <check.h>
#include <math.h>
#include <signal.h>

#include "controller/decide.h"
#include "run_suite.h"
#include "small_control.h"

/* probe (mesh 0) decides left (mesh 0) and right (mesh 1); the second result decides nothing. */
static gw_program *make_program(bool has_choice)
{
    gw_builder *builder = gw_builder_new("decide");
    const uint32_t meshes[] = {small_mesh(builder, 1), small_mesh(builder, 1)};
    const uint32_t probe = small_node(builder, "probe", meshes[0], "> s1 s1");
    const uint32_t nodes[] = {small_node(builder, "left", meshes[0], ">"),
                              small_node(builder, "right", meshes[1], ">"),
                              small_node(builder, "again", meshes[1], ">")};
    gw_builder_add_result(builder, "hot", probe, 0);
    gw_builder_add_result(builder, "cold", probe, 1);
    for (uint32_t i = 0; has_choice && i < G_N_ELEMENTS(nodes); i++) {
        gw_builder_set_choice(builder, nodes[i], 0,
                              gw_builder_take_function(builder, gw_function_new("otherwise")));
    }
    return small_finish(builder);
}

START_TEST(regular_program_has_none)
{
    g_autoptr(gw_program) program = make_program(false);
    g_autoptr(gw_plan) plan = gw_plan_new(program);
    ck_assert_ptr_null(gw_decisions_new(plan, 3));
    ck_assert_ptr_null(gw_deciders_new(NULL, NULL, plan, NULL, 0));
}
END_TEST

START_TEST(above_zero_is_the_first_function)
{
    static const struct {
        double value;
        bool is_otherwise;
    } cases[] = {{1, false}, {1e-300, false}, {0, true}, {-0.0, true}, {-1, true}, {NAN, true}};
    g_autoptr(gw_program) program = make_program(true);
    g_autoptr(gw_plan) plan = gw_plan_new(program);
    for (uint32_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        gw_decisions *decisions = gw_decisions_new(plan, 3);
        bool is_otherwise = !cases[i].is_otherwise;
        gw_decisions_hear(decisions, 0, 0, cases[i].value);
        ck_assert(gw_decisions_ask(decisions, 0, 0, &is_otherwise));
        ck_assert(is_otherwise == cases[i].is_otherwise);
        gw_decisions_free(decisions);
    }
}
END_TEST

START_TEST(runs_are_told_apart)
{
    g_autoptr(gw_program) program = make_program(true);
    g_autoptr(gw_plan) plan = gw_plan_new(program);
    gw_decisions *decisions = gw_decisions_new(plan, 3);
    bool is_otherwise;
    for (uint32_t run = 0; run < 10; run++) {
        ck_assert(!gw_decisions_ask(decisions, run, 0, &is_otherwise));
        ck_assert(!gw_decisions_ask(decisions, run + 1, 0, &is_otherwise));
        gw_decisions_hear(decisions, run, 0, run % 2);
        gw_decisions_hear(decisions, run, 1, 1);
        ck_assert(gw_decisions_ask(decisions, run, 0, &is_otherwise));
        ck_assert(is_otherwise == (run % 2 == 0));
        ck_assert(!gw_decisions_ask(decisions, run + 3, 0, &is_otherwise));
    }
    gw_decisions_free(decisions);
}
END_TEST

START_TEST(second_value_aborts)
{
    gw_plan *plan = gw_plan_new(make_program(true));
    gw_decisions *decisions = gw_decisions_new(plan, 3);
    gw_decisions_hear(decisions, 4, 0, 1);
    gw_decisions_hear(decisions, 4, 0, 1);
}
END_TEST

/* Two islands of one device. */
static GArray **make_deciders(const gw_plan *plan, const gw_directory *directory,
                              const gw_policy_ops *policy)
{
    static const uint32_t first[] = {0, 1, 2}, devices[] = {0, 1};
    const gw_assignment assignment = {2, first, devices};
    const gw_control control = {.policy = policy};
    return gw_deciders_new(directory, &control, plan, &assignment, 0);
}

START_TEST(each_orderer_hears_once)
{
    const gw_island island = {
        .host_count = 1, .devices_per_host = 1, .shape = {1, 1, 1}, .hbm_bytes = 1};
    const gw_island islands[] = {island, island};
    g_autoptr(gw_directory) directory = gw_directory_new(islands, 2, 1);
    g_autoptr(gw_program) program = make_program(true);
    g_autoptr(gw_plan) plan = gw_plan_new(program);
    GArray **deciders = make_deciders(plan, directory, gw_policy_find("fifo"));
    ck_assert_uint_eq(deciders[0]->len, 2);
    for (uint32_t i = 0; i < 2; i++) {
        ck_assert_uint_eq(g_array_index(deciders[0], uint32_t, i),
                          gw_directory_scheduler(directory, i).index);
    }
    ck_assert_ptr_null(deciders[1]);
    gw_deciders_free(deciders, plan);
    deciders = make_deciders(plan, directory, NULL);
    ck_assert_uint_eq(deciders[0]->len, 1);
    ck_assert_uint_eq(g_array_index(deciders[0], uint32_t, 0),
                      gw_directory_client(directory, 0).index);
    gw_deciders_free(deciders, plan);
}
END_TEST

static Suite *decide_suite(void)
{
    Suite *suite = suite_create("decide");
    TCase *tcase = tcase_create("decide");
    tcase_add_test(tcase, regular_program_has_none);
    tcase_add_test(tcase, above_zero_is_the_first_function);
    tcase_add_test(tcase, runs_are_told_apart);
    tcase_add_test_raise_signal(tcase, second_value_aborts, SIGABRT);
    tcase_add_test(tcase, each_orderer_hears_once);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return gw_run_suite(decide_suite());
}
