/* SPDX-License-Identifier: Apache-2.0 */
/* A point's schedule is the one that its scenario's program has. */
#include <check.h>
#include <string.h>

#include "app/search_schedule.h"
#include "run_suite.h"
#include "workload/workload.h"
#include "workload/workload_schedule_choice.h"

#define PLAN GW_SOURCE_DIR "/configs/plan.json"

static gw_search_space *make_space(const char *const *settings)
{
    gw_search_space *space = gw_search_space_new(PLAN, settings, 0, NULL);
    ck_assert_ptr_nonnull(space);
    return space;
}

static gw_search_point with_schedule(const gw_schedule_ops *ops)
{
    gw_search_point point = {{1, 4, 4, 1, 0, 0, 0, 0, 1}}; /* 8 micro-batches through 4 stages. */
    while (gw_workload_schedules[point.values[GW_SEARCH_SCHEDULE]] != ops)
        point.values[GW_SEARCH_SCHEDULE]++;
    return point;
}

static GPtrArray *list_settings(const gw_search_point *point)
{
    GPtrArray *texts = g_ptr_array_new_with_free_func(g_free);
    for (guint d = 0; d < GW_SEARCH_DIMENSIONS; d++) {
        g_autofree char *value = gw_search_value_text(d, point->values[d]);
        g_ptr_array_add(
            texts, g_strdup_printf("jobs.0.parameters.%s=%s", gw_search_dimension_name(d), value));
    }
    return texts;
}

/* As the workload asks for one; each stage of its program says how much it holds of it. */
static void expect_same(const gw_search_space *space, const gw_search_point *point,
                        const char *activations_max)
{
    g_autoptr(GPtrArray) texts = list_settings(point);
    if (activations_max != NULL)
        g_ptr_array_add(texts, g_strdup(activations_max));
    g_ptr_array_add(texts, NULL);
    const char *const *settings = (const char *const *)texts->pdata;
    g_autoptr(gw_scenario) scenario = gw_scenario_load(PLAN, settings, NULL);
    g_autoptr(gw_scenario) machine = gw_scenario_load_machine(PLAN, settings, NULL);
    ck_assert(scenario != NULL && machine != NULL);
    gw_params *jobs, *job, *parameters;
    gw_schedule_request request;
    g_autofree gw_stage_times *times = NULL;
    ck_assert(gw_params_array(machine->document, "jobs", true, &jobs, NULL));
    ck_assert(gw_params_as_object(gw_params_at(jobs, 0), &job, NULL));
    ck_assert(gw_params_object(job, "parameters", true, &parameters, NULL));
    ck_assert(gw_workload_find("transformer")->request(parameters, &request, &times, NULL));
    ck_assert_uint_eq(request.stage_count, 4);
    ck_assert_uint_eq(request.microbatch_count, 8);
    g_autofree char *reason = NULL;
    g_autoptr(gw_workload_schedule) schedule =
        gw_search_schedule_make(space, point, times[0].forward_ns, request.kept_share, &reason);
    ck_assert_msg(schedule != NULL, "%s", reason);
    const gw_program *program = scenario->jobs[0].plan->program;
    for (guint s = 0; s < request.stage_count; s++)
        ck_assert_double_eq(gw_program_mesh(program, s)->activations_max,
                            gw_workload_schedule_peak(schedule, s, request.kept_share));
}

START_TEST(it_is_that_of_the_program)
{
    static const char *const limited[] = {"jobs.0.parameters.activations_max=4.5", NULL};
    g_autoptr(gw_search_space) space = make_space(NULL);
    g_autoptr(gw_search_space) limited_space = make_space(limited);
    const gw_schedule_ops *const all[] = {&gw_schedule_1f1b, &gw_schedule_zb_h2, &gw_schedule_zb_1p,
                                          &gw_schedule_zb_2p};
    for (guint i = 0; i < G_N_ELEMENTS(all); i++) {
        const gw_search_point point = with_schedule(all[i]);
        expect_same(space, &point, NULL);
        ck_assert(gw_search_schedule_is_searched(&point) == (i >= 2));
    }
    const gw_search_point point = with_schedule(&gw_schedule_zb_auto);
    expect_same(limited_space, &point, limited[0]);
}
END_TEST

START_TEST(limits_are_the_schedules_or_the_scenarios)
{
    static const char *const limited[] = {"jobs.0.parameters.activations_max=4.5", NULL};
    g_autoptr(gw_search_space) space = make_space(limited);
    const gw_search_point one = with_schedule(&gw_schedule_zb_1p);
    const gw_search_point two = with_schedule(&gw_schedule_zb_2p);
    const gw_search_point given = with_schedule(&gw_schedule_zb_auto);
    ck_assert_double_eq(gw_search_schedule_limit(space, &one), 4);
    ck_assert_double_eq(gw_search_schedule_limit(space, &two), 8);
    ck_assert_double_eq(gw_search_schedule_limit(space, &given), 4.5);
    g_autofree char *reason = NULL;
    ck_assert_ptr_null(gw_search_schedule_make(space, &two, 1000, 0.5, &reason));
    ck_assert_ptr_nonnull(strstr(reason, "micro-batches, expected at most the scenario's 4.5"));
}
END_TEST

START_TEST(more_passes_than_a_program_may_have)
{
    static const char *const large[] = {"jobs.0.parameters.batch=262144", NULL};
    g_autoptr(gw_search_space) space = make_space(large);
    const gw_search_point point = with_schedule(&gw_schedule_zb_1p);
    g_autofree char *reason = NULL, *again = NULL;
    ck_assert(!gw_search_schedule_is_small(space, &point, &reason));
    ck_assert_str_eq(reason, "more than 262144 passes of micro-batches");
    ck_assert_ptr_null(gw_search_schedule_make(space, &point, 1000, 0.5, &again));
    ck_assert_str_eq(again, reason);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("search_schedule");
    TCase *cases = tcase_create("schedule");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, it_is_that_of_the_program);
    tcase_add_test(cases, limits_are_the_schedules_or_the_scenarios);
    tcase_add_test(cases, more_passes_than_a_program_may_have);
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
