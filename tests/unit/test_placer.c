/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of placement policies: the right ones pass, each wrong one is found, said and the last.
 */
#include <check.h>
#include <signal.h>
#include <string.h>

#include "base/error.h"
#include "base/params.h"
#include "controller/placer.h"
#include "run_suite.h"
#include "small_control.h"

#define DEVICES 6

/* A policy of the test: it answers what the bench says. */
typedef struct {
    gw_placement base;
    const uint32_t *answer; /* NULL: there is no place. */
    uint32_t length, asked;
} answering;

static answering oracle; /* One test at a time; the tests' own, and made anew for each. */

static gw_placement *oracle_create(gw_params *params, GError **error)
{
    if (params != NULL) {
        g_set_error_literal(error, GW_ERROR, GW_ERROR_SCENARIO, "no parameters today");
        return NULL;
    }
    return oracle.length == UINT32_MAX ? NULL : &oracle.base;
}

static void oracle_destroy(gw_placement *placement)
{
    ck_assert_ptr_eq(placement, &oracle.base);
}

static bool oracle_place(const gw_placement *placement, const gw_placement_view *view,
                         const gw_placement_request *request, uint32_t *out_devices)
{
    (void)view;
    (void)request;
    ck_assert_ptr_eq(placement, &oracle.base);
    oracle.asked++;
    if (oracle.answer != NULL) {
        memcpy(out_devices, oracle.answer, oracle.length * sizeof *out_devices);
    }
    return oracle.answer != NULL;
}

static const gw_placement_ops oracle_ops = {
    .name = "oracle", .create = oracle_create, .destroy = oracle_destroy, .place = oracle_place};

/* Islands of four and two devices; device 1 has little memory, 2 is removed. */
typedef struct {
    gw_directory *directory;
    record_port *port;
    gw_program *program;
    gw_job job;
    gw_control control;
    gw_placer *placer;
    gw_placement_view view;
    uint32_t load[DEVICES];
    uint64_t free_bytes[DEVICES];
    bool is_removed[DEVICES];
    uint32_t devices[DEVICES];
} bench;

static void init_bench(bench *made)
{
    const gw_island islands[] = {
        {.host_count = 4, .devices_per_host = 1, .shape = {4, 1, 1}, .accelerator = 3},
        {.host_count = 2, .devices_per_host = 1, .shape = {2, 1, 1}, .accelerator = 5}};
    oracle = (answering){.base = {&oracle_ops}};
    *made = (bench){.free_bytes = {100, 10, 100, 100, 100, 100}, .is_removed = {[2] = true}};
    made->directory = gw_directory_new(islands, 2, 1);
    made->port = record_port_new(made->directory, gw_directory_resources(made->directory));
    gw_builder *builder = gw_builder_new("job");
    small_node(builder, "node", small_mesh(builder, 2), "> s1");
    made->program = small_finish(builder);
    made->job = (gw_job){.name = "job", .program = made->program};
    made->control = (gw_control){.placement = &oracle_ops};
    made->placer = gw_placer_new(made->directory, &made->control, &made->job, made->port->self,
                                 &made->port->base, NULL);
    ck_assert_ptr_nonnull(made->placer);
    made->view = (gw_placement_view){.directory = made->directory,
                                     .load = made->load,
                                     .free_bytes = made->free_bytes,
                                     .is_removed = made->is_removed};
}

static void clear_bench(bench *made)
{
    gw_placer_free(made->placer);
    gw_program_free(made->program);
    record_port_free(made->port);
    gw_directory_free(made->directory);
}

static bool ask(bench *made, uint32_t island, uint32_t accelerator, const uint32_t *answer,
                uint32_t length)
{
    const gw_placement_request request = {.dims = 2,
                                          .shape = {2, 1, 1},
                                          .island = island,
                                          .accelerator = accelerator,
                                          .size_bytes = 50};
    oracle.answer = answer;
    oracle.length = length;
    return gw_placer_place(made->placer, &made->view, &request, made->devices);
}

START_TEST(right_answers_pass)
{
    static const uint32_t answers[][2] = {{0, 3}, {3, 0}, {4, 5}, {5, 4}};
    bench made;
    init_bench(&made);
    for (uint32_t round = 0; round < 2; round++) { /* Nothing is left of the first. */
        for (uint32_t i = 0; i < G_N_ELEMENTS(answers); i++) {
            ck_assert(ask(&made, GW_INDEX_NONE, GW_INDEX_NONE, answers[i], 2));
            ck_assert_uint_eq(made.devices[0], answers[i][0]);
            ck_assert_uint_eq(made.devices[1], answers[i][1]);
        }
    }
    ck_assert(ask(&made, 1, 5, answers[2], 2));
    ck_assert(!ask(&made, 1, 5, NULL, 0));
    ck_assert(!gw_placer_is_wrong(made.placer));
    made.view.is_removed = NULL;
    ck_assert(ask(&made, 0, 3, (const uint32_t[]){2, 3}, 2));
    CHECK_CALLS(made.port, "");
    clear_bench(&made);
}
END_TEST

static const struct {
    uint32_t island, accelerator;
    uint32_t answer[2], length;
    const char *words;
} wrong_answers[] = {
    {GW_INDEX_NONE,
     GW_INDEX_NONE,
     {0, 6},
     2,
     "shard 1 of mesh \"mesh\" of job \"job\" on device "
     "6, expected one of the cluster's 6 devices"},
    {GW_INDEX_NONE,
     GW_INDEX_NONE,
     {0},
     1,
     "shard 1 of mesh \"mesh\" of job \"job\" on device "
     "4294967295, expected one of the cluster's 6 devices"},
    {GW_INDEX_NONE,
     GW_INDEX_NONE,
     {3, 4},
     2,
     "shard 1 of mesh \"mesh\" of job \"job\" on device "
     "4, expected one of island 0, where its first"},
    {GW_INDEX_NONE, GW_INDEX_NONE, {4, 3}, 2, "on device 3, expected one of island 1, where its"},
    {1,
     GW_INDEX_NONE,
     {0, 3},
     2,
     "shard 0 of mesh \"mesh\" of job \"job\" on device 0, expected "
     "one of island 1, which it asks for"},
    {GW_INDEX_NONE,
     5,
     {0, 3},
     2,
     "on device 0, expected one of another island: it asks for "
     "another accelerator than that of island 0"},
    {GW_INDEX_NONE,
     GW_INDEX_NONE,
     {3, 3},
     2,
     "shard 1 of mesh \"mesh\" of job \"job\" on device "
     "3, expected one that shard 0 has not got"},
    {GW_INDEX_NONE, GW_INDEX_NONE, {3, 2}, 2, "on device 2, expected one that is not removed"},
    {GW_INDEX_NONE,
     GW_INDEX_NONE,
     {1, 3},
     2,
     "shard 0 of mesh \"mesh\" of job \"job\" on device "
     "1, expected one with 50 bytes free, and it has 10"},
};

START_TEST(wrong_answer)
{
    g_autoptr(GString) words = g_string_new(NULL);
    bench made;
    init_bench(&made);
    ck_assert(!ask(&made, wrong_answers[_i].island, wrong_answers[_i].accelerator,
                   wrong_answers[_i].answer, wrong_answers[_i].length));
    CHECK_CALLS(made.port, "note PLACEMENT_WRONG, node 8\n");
    ck_assert(gw_placer_is_wrong(made.placer));
    gw_placer_blame(made.placer, words);
    ck_assert_msg(strstr(words->str, wrong_answers[_i].words) != NULL, "%s", words->str);
    /* It is not asked again, and nothing more is said. */
    ck_assert(!ask(&made, GW_INDEX_NONE, GW_INDEX_NONE, (const uint32_t[]){0, 3}, 2));
    ck_assert_uint_eq(oracle.asked, 1);
    CHECK_CALLS(made.port, "");
    clear_bench(&made);
}
END_TEST

START_TEST(who_is_not_wrong_is_not_blamed)
{
    g_autoptr(GString) words = g_string_new(NULL);
    bench made;
    init_bench(&made);
    gw_placer_blame(made.placer, words);
}
END_TEST

START_TEST(policy_refuses_to_be_made)
{
    bench made;
    init_bench(&made);
    g_autoptr(GError) error = NULL, silent = NULL;
    g_autoptr(gw_params) params = gw_params_parse("{}", "s.json", NULL);
    made.control.placement_params = params;
    ck_assert_ptr_null(gw_placer_new(made.directory, &made.control, &made.job, made.port->self,
                                     &made.port->base, &error));
    ck_assert_str_eq(error->message, "no parameters today");
    made.control.placement_params = NULL;
    oracle.length = UINT32_MAX;
    ck_assert_ptr_null(gw_placer_new(made.directory, &made.control, &made.job, made.port->self,
                                     &made.port->base, &silent));
    ck_assert(g_error_matches(silent, GW_ERROR, GW_ERROR_SCENARIO));
    ck_assert_ptr_nonnull(strstr(silent->message, "placement policy oracle refused to be made"));
    clear_bench(&made);
}
END_TEST

START_TEST(spread_is_the_default)
{
    bench made;
    init_bench(&made);
    made.control = (gw_control){0};
    gw_placer *placer = gw_placer_new(made.directory, &made.control, &made.job, made.port->self,
                                      &made.port->base, NULL);
    const gw_placement_request request = {.dims = 1,
                                          .shape = {2, 1, 1},
                                          .island = GW_INDEX_NONE,
                                          .accelerator = GW_INDEX_NONE,
                                          .size_bytes = 50};
    ck_assert(gw_placer_place(placer, &made.view, &request, made.devices));
    ck_assert_uint_eq(made.devices[0], 4);
    ck_assert_uint_eq(made.devices[1], 5);
    gw_placer_free(placer);
    clear_bench(&made);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("placer");
    tcase_add_test(cases, right_answers_pass);
    tcase_add_loop_test(cases, wrong_answer, 0, G_N_ELEMENTS(wrong_answers));
    tcase_add_test_raise_signal(cases, who_is_not_wrong_is_not_blamed, SIGABRT);
    tcase_add_test(cases, policy_refuses_to_be_made);
    tcase_add_test(cases, spread_is_the_default);
    Suite *suite = suite_create("placer");
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
