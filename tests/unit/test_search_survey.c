/* SPDX-License-Identifier: Apache-2.0 */
/* All points at once are what each is by itself, whatever the processes. */
#include <check.h>
#include <math.h>
#include <string.h>

#include "app/search_estimate.h"
#include "app/search_schedule.h"
#include "app/search_survey.h"
#include "run_suite.h"

#define PLAN GW_SOURCE_DIR "/configs/plan.json"

/* 16 devices, in groups of one, two, four and eight stages; some ways cannot be: groups of micro-
 * batches that chunks do not divide. */
static const char *const few[] = {"jobs.0.parameters.tensor=2", "jobs.0.parameters.recompute=full",
                                  "jobs.0.parameters.sequence_parallel=true", NULL};
/* 40 times as wide: nothing but the smallest micro-batches is near to fitting. */
static const char *const wide[] = {"jobs.0.parameters.tensor=8", "jobs.0.parameters.recompute=none",
                                   "jobs.0.parameters.hidden=16384", NULL};

static gw_search_space *make_space(const char *const *settings)
{
    gw_search_space *space = gw_search_space_new(PLAN, settings, 0, NULL);
    ck_assert_ptr_nonnull(space);
    return space;
}

static gw_search_survey *make_survey(const gw_search_space *space, guint process_count_max)
{
    const gw_search_survey_settings settings = {process_count_max, true};
    gw_search_survey *survey = gw_search_survey_new(space, &settings, NULL);
    ck_assert_ptr_nonnull(survey);
    ck_assert_uint_eq(survey->point_count,
                      survey->candidates->len + survey->impossible_count + survey->memory_count);
    return survey;
}

static const gw_search_candidate *candidate_at(const gw_search_survey *survey, guint index)
{
    return &g_array_index(survey->candidates, gw_search_candidate, index);
}

static void refine(gw_search_survey *survey, const gw_search_space *space, guint first,
                   double end_ns, guint count_max, guint process_count_max)
{
    const gw_search_survey_settings settings = {process_count_max, true};
    ck_assert(gw_search_survey_refine(survey, space, &settings, first, end_ns, count_max, NULL));
    ck_assert_uint_eq(survey->point_count, survey->candidates->len + survey->impossible_count +
                                               survey->memory_count + survey->same_count);
}

static guint count_rough(const gw_search_survey *survey)
{
    guint count = 0;
    for (guint i = 0; i < survey->candidates->len; i++)
        count += candidate_at(survey, i)->is_rough;
    return count;
}

START_TEST(candidates_are_as_estimated_one_by_one)
{
    g_autoptr(gw_search_space) space = make_space(few);
    g_autoptr(gw_search_survey) survey = make_survey(space, 3);
    g_autoptr(gw_search_estimator) estimator = gw_search_estimator_new(space);
    g_autoptr(GArray) points = gw_search_space_list(space);
    ck_assert_uint_eq(survey->point_count, points->len);
    ck_assert_uint_gt(survey->candidates->len, 50);
    ck_assert_uint_gt(survey->impossible_count, 0);
    ck_assert_ptr_nonnull(strstr(survey->impossible, "micro-batches"));
    guint searched_count = 0;
    for (guint i = 0; i < survey->candidates->len; i++) {
        const gw_search_candidate *found = candidate_at(survey, i);
        const bool is_searched = gw_search_schedule_is_searched(&found->point);
        g_autofree char *reason = NULL;
        double memory_bytes, bound_ns;
        ck_assert_mem_eq(&found->point, &g_array_index(points, gw_search_point, found->index),
                         sizeof found->point);
        if (is_searched) {
            searched_count++;
            ck_assert(gw_search_estimate_least(estimator, &found->point, &memory_bytes, &bound_ns,
                                               &reason));
        } else {
            ck_assert(gw_search_estimate_held(estimator, &found->point, &memory_bytes, &reason));
            bound_ns = gw_search_estimate_bound_ns(estimator, &found->point);
        }
        ck_assert(found->is_rough == (is_searched || !gw_search_schedule_splits(&found->point)));
        ck_assert(found->memory_bytes == memory_bytes);
        ck_assert(found->bound_ns == bound_ns);
        ck_assert(i == 0 || candidate_at(survey, i - 1)->bound_ns <= found->bound_ns);
    }
    ck_assert_uint_gt(searched_count, 10);
}
END_TEST

/* What was left out is there when nothing is rough any more: none of it makes a bound lower. */
START_TEST(refined_ones_are_whole)
{
    g_autoptr(gw_search_space) space = make_space(few);
    g_autoptr(gw_search_survey) survey = make_survey(space, 2);
    g_autoptr(gw_search_estimator) estimator = gw_search_estimator_new(space);
    guint grown_count = 0;
    refine(survey, space, 0, INFINITY, 100000, 2);
    ck_assert_uint_eq(count_rough(survey), 0);
    for (guint i = 0; i < survey->candidates->len; i++) {
        const gw_search_candidate *found = candidate_at(survey, i);
        g_autofree char *reason = NULL;
        double memory_bytes, held_bytes;
        if (gw_search_schedule_splits(&found->point))
            continue;
        ck_assert(gw_search_estimate_memory(estimator, &found->point, &memory_bytes, &reason));
        ck_assert(gw_search_estimate_held(estimator, &found->point, &held_bytes, &reason));
        ck_assert(found->memory_bytes == memory_bytes);
        ck_assert(found->bound_ns == gw_search_estimate_bound_ns(estimator, &found->point));
        ck_assert_double_ge(found->memory_bytes, survey->least_bytes);
        ck_assert_double_ge(memory_bytes, held_bytes);
        grown_count += memory_bytes > held_bytes;
    }
    ck_assert_uint_gt(grown_count, 20);
}
END_TEST

/* A few at a time, and no further than asked. */
START_TEST(rough_ones_are_searched_for)
{
    g_autoptr(gw_search_space) space = make_space(few);
    g_autoptr(gw_search_survey) survey = make_survey(space, 2);
    const guint rough_count = count_rough(survey);
    const gw_search_candidate first = *candidate_at(survey, 0);
    refine(survey, space, 1, 0, 100, 2); /* None is below 0. */
    ck_assert_uint_eq(count_rough(survey), rough_count);
    refine(survey, space, 1, INFINITY, 3, 2);
    ck_assert_uint_eq(count_rough(survey), rough_count - 3);
    refine(survey, space, 1, INFINITY, 100000, 2);
    ck_assert_uint_eq(count_rough(survey), first.is_rough ? 1 : 0);
    ck_assert_mem_eq(candidate_at(survey, 0), &first, sizeof first);
    ck_assert_uint_gt(survey->same_count, 0);
    for (guint i = 2; i < survey->candidates->len; i++)
        ck_assert_double_le(candidate_at(survey, i - 1)->bound_ns,
                            candidate_at(survey, i)->bound_ns);
}
END_TEST

/* Bounds and memory only grow by it, whatever the processes; and what the scenario names stays,
 * though a schedule that is written down were as good. */
START_TEST(a_schedule_that_is_asked_for_stays)
{
    static const char *const fixed[] = {"jobs.0.parameters.tensor=2",
                                        "jobs.0.parameters.recompute=full",
                                        "jobs.0.parameters.schedule=zb-2p", NULL};
    g_autoptr(gw_search_space) space = make_space(fixed);
    g_autoptr(gw_search_survey) rough = make_survey(space, 1);
    g_autoptr(gw_search_survey) one = make_survey(space, 1);
    g_autoptr(gw_search_survey) many = make_survey(space, 5);
    const guint count = rough->candidates->len;
    ck_assert_uint_gt(count, 10);
    ck_assert_uint_eq(count_rough(rough), count);
    refine(one, space, 0, INFINITY, 1000, 1);
    refine(many, space, 0, INFINITY, 1000, 5);
    ck_assert_uint_eq(one->same_count, 0);
    ck_assert_uint_eq(one->candidates->len, count);
    ck_assert_uint_eq(many->candidates->len, count);
    for (guint i = 0; i < count; i++) {
        const gw_search_candidate *found = candidate_at(one, i);
        ck_assert(!found->is_rough);
        ck_assert_uint_eq(found->index, candidate_at(many, i)->index);
        ck_assert(found->bound_ns == candidate_at(many, i)->bound_ns);
        for (guint j = 0; j < count; j++) {
            if (candidate_at(rough, j)->index != found->index)
                continue;
            /* But for rounding: the same passes, added up in another order. */
            ck_assert_double_ge(found->bound_ns, (1 - 1e-12) * candidate_at(rough, j)->bound_ns);
            ck_assert_double_ge(found->memory_bytes, candidate_at(rough, j)->memory_bytes);
        }
    }
}
END_TEST

START_TEST(the_same_whatever_the_processes)
{
    g_autoptr(gw_search_space) space = make_space(few);
    g_autoptr(gw_search_survey) one = make_survey(space, 1);
    g_autoptr(gw_search_survey) many = make_survey(space, 7);
    ck_assert_uint_eq(one->candidates->len, many->candidates->len);
    ck_assert_mem_eq(one->candidates->data, many->candidates->data,
                     one->candidates->len * sizeof(gw_search_candidate));
    ck_assert_uint_eq(one->impossible_count, many->impossible_count);
    ck_assert_str_eq(one->impossible, many->impossible);
    ck_assert(one->least_bytes == many->least_bytes);
}
END_TEST

/* Larger micro-batches than one that is too large are not looked at, but counted. */
START_TEST(what_is_too_large_is_counted)
{
    g_autoptr(gw_search_space) space = make_space(wide);
    g_autoptr(gw_search_survey) survey = make_survey(space, 2);
    const double most_bytes = (double)gw_search_survey_memory(space);
    ck_assert_double_eq(most_bytes, 80.0 * 1024 * 1024 * 1024);
    ck_assert_uint_gt(survey->memory_count, survey->point_count / 2);
    ck_assert_double_gt(survey->least_bytes, most_bytes / 10);
    for (guint i = 0; i < survey->candidates->len; i++)
        ck_assert_double_le(candidate_at(survey, i)->memory_bytes, 1.1 * most_bytes);
}
END_TEST

/* How much the smallest way needs is told where none fits, though most are estimated no further
 * than to see that they do not. */
START_TEST(the_smallest_is_known_where_none_fits)
{
    static const char *const huge[] = {"jobs.0.parameters.tensor=8", "jobs.0.parameters.stages=2",
                                       "jobs.0.parameters.hidden=65536", NULL};
    g_autoptr(gw_search_space) space = make_space(huge);
    g_autoptr(gw_search_survey) survey = make_survey(space, 2);
    g_autoptr(gw_search_estimator) estimator = gw_search_estimator_new(space);
    g_autoptr(GArray) points = gw_search_space_list(space);
    double least_bytes = INFINITY;
    for (guint i = 0; i < points->len; i++) {
        const gw_search_point *point = &g_array_index(points, gw_search_point, i);
        g_autofree char *reason = NULL;
        double bytes, bound_ns;
        if (gw_search_schedule_is_searched(point)
                ? gw_search_estimate_least(estimator, point, &bytes, &bound_ns, &reason)
                : gw_search_estimate_memory(estimator, point, &bytes, &reason))
            least_bytes = MIN(least_bytes, bytes);
    }
    ck_assert_uint_eq(survey->candidates->len, 0);
    ck_assert_uint_gt(survey->memory_count, 20);
    ck_assert_double_gt(least_bytes, (double)gw_search_survey_memory(space));
    ck_assert(survey->least_bytes == least_bytes);
}
END_TEST

START_TEST(no_points_at_all)
{
    static const char *const none[] = {"jobs.0.parameters.stages=16", NULL};
    g_autoptr(gw_search_space) space = make_space(none);
    g_autoptr(gw_search_survey) survey = make_survey(space, 0);
    ck_assert_uint_eq(survey->point_count, 0);
    ck_assert_ptr_null(survey->impossible);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("search_survey");
    TCase *cases = tcase_create("survey");
    tcase_set_timeout(cases, 120);
    tcase_add_test(cases, candidates_are_as_estimated_one_by_one);
    tcase_add_test(cases, refined_ones_are_whole);
    tcase_add_test(cases, rough_ones_are_searched_for);
    tcase_add_test(cases, a_schedule_that_is_asked_for_stays);
    tcase_add_test(cases, the_same_whatever_the_processes);
    tcase_add_test(cases, what_is_too_large_is_counted);
    tcase_add_test(cases, the_smallest_is_known_where_none_fits);
    tcase_add_test(cases, no_points_at_all);
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
