/* SPDX-License-Identifier: Apache-2.0 */
/* Estimates of a large model's ways against what the scenario of each says of its memory. */
#include <check.h>
#include <math.h>

#include "app/search_estimate.h"
#include "app/search_schedule.h"
#include "run_suite.h"
#include "workload/workload_schedule.h"

#define PLAN GW_SOURCE_DIR "/configs/plan.json"
/* Small programs carried on in proportion; with 12 chunks of a layer each it is 5.1 %. */
#define TOLERANCE 0.06
#define STEP      41 /* Of the points, so many are passed over; each takes a program to be built. */

static char **list_settings(const gw_search_point *point)
{
    GPtrArray *texts = g_ptr_array_new();
    for (guint d = 0; d < GW_SEARCH_DIMENSIONS; d++) {
        g_autofree char *value = gw_search_value_text(d, point->values[d]);
        g_ptr_array_add(
            texts, g_strdup_printf("jobs.0.parameters.%s=%s", gw_search_dimension_name(d), value));
    }
    g_ptr_array_add(texts, NULL);
    return (char **)g_ptr_array_free(texts, FALSE);
}

/* NAN: admission refuses it. */
static double find_memory(const gw_search_point *point)
{
    g_auto(GStrv) settings = list_settings(point);
    g_autoptr(gw_scenario) scenario = gw_scenario_load(PLAN, (const char *const *)settings, NULL);
    if (scenario == NULL)
        return NAN;
    const gw_plan *plan = scenario->jobs[0].plan;
    g_autofree uint64_t *peaks_bytes = g_new0(uint64_t, plan->program->meshes->len);
    uint64_t most_bytes = 0;
    gw_plan_peak_bytes(plan, peaks_bytes);
    for (guint m = 0; m < plan->program->meshes->len; m++)
        most_bytes = MAX(most_bytes, peaks_bytes[m]);
    return (double)most_bytes;
}

/* Few micro-batches, or few activations, and several chunks: slopes are counted that have not
 * begun; buckets as large as half a small model; or parted passes that compute all again, whose
 * parameters are counted when nothing will read them any more. */
static bool is_rough(const gw_search_space *space, const gw_search_point *point)
{
    const bool is_full = point->values[GW_SEARCH_RECOMPUTE] == 2;
    const bool is_parted = gw_search_schedule_splits(point);
    return (is_full && is_parted) ||
           (point->values[GW_SEARCH_CHUNKS] > 1 &&
            (is_full ||
             gw_search_microbatches(space, point) <= 2 * point->values[GW_SEARCH_STAGES])) ||
           (point->values[GW_SEARCH_STAGES] == 1 && point->values[GW_SEARCH_ZERO] == 1);
}

START_TEST(memory_is_that_of_admission)
{
    g_autoptr(gw_search_space) space = gw_search_space_new(PLAN, NULL, 0, NULL);
    g_autoptr(gw_search_estimator) estimator = gw_search_estimator_new(space);
    g_autoptr(GArray) points = gw_search_space_list(space);
    guint seen_count = 0, split_count = 0;
    for (guint i = 0; i < points->len; i += STEP) {
        const gw_search_point *point = &g_array_index(points, gw_search_point, i);
        g_autofree char *reason = NULL;
        double estimated_bytes;
        if (!gw_search_estimate_memory(estimator, point, &estimated_bytes, &reason) ||
            is_rough(space, point))
            continue;
        const double memory_bytes = find_memory(point);
        if (isnan(memory_bytes)) {
            ck_assert_double_gt(estimated_bytes, 0.97 * 80 * 1024 * 1024 * 1024);
            continue;
        }
        g_autofree char *words = NULL;
        for (guint d = 0; d < GW_SEARCH_DIMENSIONS; d++) {
            g_autofree char *before = words;
            words = g_strdup_printf("%s %u", before == NULL ? "" : before, point->values[d]);
        }
        ck_assert_msg(fabs(estimated_bytes / memory_bytes - 1) < TOLERANCE, "%s: %g of %g bytes",
                      words, estimated_bytes, memory_bytes);
        seen_count++;
        split_count += gw_search_schedule_splits(point);
    }
    ck_assert_uint_gt(seen_count, 10);
    ck_assert_uint_gt(split_count, 5);
}
END_TEST

START_TEST(what_cannot_be_says_why)
{
    static const char *const fixed[] = {"jobs.0.parameters.stages=4", "jobs.0.parameters.chunks=2",
                                        "jobs.0.parameters.microbatch=16", NULL};
    g_autoptr(gw_search_space) space = gw_search_space_new(PLAN, fixed, 0, NULL);
    g_autoptr(gw_search_estimator) estimator = gw_search_estimator_new(space);
    g_autoptr(GArray) points = gw_search_space_list(space);
    guint refused_count = 0;
    for (guint i = 0; i < points->len; i++) { /* 2 micro-batches at most, in groups of 4. */
        g_autofree char *reason = NULL;
        double estimated_bytes;
        if (gw_search_estimate_memory(estimator, &g_array_index(points, gw_search_point, i),
                                      &estimated_bytes, &reason))
            continue;
        ck_assert_ptr_nonnull(reason);
        refused_count++;
    }
    ck_assert_uint_eq(refused_count, points->len);
    ck_assert_uint_gt(refused_count, 0);
}
END_TEST

static double find_bound(gw_search_estimator *estimator, const gw_search_point *point)
{
    g_autofree char *reason = NULL;
    double bytes;
    ck_assert(gw_search_estimate_memory(estimator, point, &bytes, &reason));
    return gw_search_estimate_bound_ns(estimator, point);
}

START_TEST(bounds_go_with_the_work)
{
    g_autoptr(gw_search_space) space = gw_search_space_new(PLAN, NULL, 0, NULL);
    g_autoptr(gw_search_estimator) estimator = gw_search_estimator_new(space);
    gw_search_point plain = {{1, 4, 4, 1, 0, 0, 0, 0, 1}}; /* 8 micro-batches through 4 stages. */
    gw_search_point again = plain, gpipe = plain, halves = plain;
    again.values[GW_SEARCH_RECOMPUTE] = 2;
    while (gw_workload_schedules[gpipe.values[GW_SEARCH_SCHEDULE]] != &gw_schedule_gpipe)
        gpipe.values[GW_SEARCH_SCHEDULE]++;
    halves.values[GW_SEARCH_MICROBATCH] = 2;
    const double plain_ns = find_bound(estimator, &plain);
    ck_assert_double_gt(plain_ns, 0);
    ck_assert_double_gt(find_bound(estimator, &again), 1.15 * plain_ns);
    ck_assert_double_lt(find_bound(estimator, &again), 1.45 * plain_ns);
    ck_assert_double_eq_tol(find_bound(estimator, &gpipe) / plain_ns, 1, 0.05);
    ck_assert_double_gt(find_bound(estimator, &halves), plain_ns); /* (4 + 3) / 4 to (8 + 3) / 8. */
}
END_TEST

static gw_search_point with_schedule(gw_search_point point, const gw_schedule_ops *ops)
{
    point.values[GW_SEARCH_SCHEDULE] = 0;
    while (gw_workload_schedules[point.values[GW_SEARCH_SCHEDULE]] != ops)
        point.values[GW_SEARCH_SCHEDULE]++;
    return point;
}

/* 8 micro-batches through 4 stages.  With passes of equal length, bubbles of 9, 3 and no passes
 * beside 24 of work; but parts of a pass take longer than the whole, and transfers take time. */
START_TEST(split_passes_have_lower_bounds)
{
    g_autoptr(gw_search_space) space = gw_search_space_new(PLAN, NULL, 0, NULL);
    g_autoptr(gw_search_estimator) estimator = gw_search_estimator_new(space);
    const gw_search_point plain = {{1, 4, 4, 1, 0, 0, 0, 0, 1}};
    const gw_search_point h1 = with_schedule(plain, &gw_schedule_zb_h1);
    const gw_search_point h2 = with_schedule(plain, &gw_schedule_zb_h2);
    const double plain_ns = find_bound(estimator, &plain);
    const double h1_ns = find_bound(estimator, &h1), h2_ns = find_bound(estimator, &h2);
    ck_assert_double_lt(h1_ns, 0.95 * plain_ns);
    ck_assert_double_lt(h2_ns, 0.95 * h1_ns);
    ck_assert_double_gt(h2_ns, 24.0 / 33 * plain_ns); /* Nothing is computed in less time. */
}
END_TEST

/* What the first stage holds of H1 is what it holds of 1F1B, 4 micro-batches, and of H2 7. */
START_TEST(the_second_split_schedule_holds_more)
{
    static const char *const long_ones[] = {"jobs.0.parameters.sequence=4096", NULL};
    g_autoptr(gw_search_space) space = gw_search_space_new(PLAN, long_ones, 0, NULL);
    g_autoptr(gw_search_estimator) estimator = gw_search_estimator_new(space);
    const gw_search_point plain = {{1, 4, 4, 1, 0, 0, 0, 0, 1}};
    const gw_schedule_ops *const all[] = {&gw_schedule_1f1b, &gw_schedule_zb_h1,
                                          &gw_schedule_zb_h2};
    double bytes[G_N_ELEMENTS(all)];
    for (guint i = 0; i < G_N_ELEMENTS(all); i++) {
        const gw_search_point point = with_schedule(plain, all[i]);
        g_autofree char *reason = NULL;
        ck_assert(gw_search_estimate_memory(estimator, &point, &bytes[i], &reason));
    }
    ck_assert_double_eq_tol(bytes[1] / bytes[0], 1, 0.25);
    ck_assert_double_gt(bytes[2], 1.3 * bytes[1]);
    ck_assert_double_lt(bytes[2], 2 * bytes[1]);
}
END_TEST

/* Without a search neither is more than with it; and there is one way at least where a search finds
 * less bubble than what is written down within the same memory, and one where it does not. */
START_TEST(a_search_finds_no_less_than_was_told)
{
    static const char *const long_ones[] = {"jobs.0.parameters.sequence=4096",
                                            "jobs.0.parameters.activations_max=5.5", NULL};
    g_autoptr(gw_search_space) space = gw_search_space_new(PLAN, long_ones, 0, NULL);
    g_autoptr(gw_search_estimator) estimator = gw_search_estimator_new(space);
    const gw_search_point plain = {{1, 4, 4, 1, 0, 0, 0, 0, 1}};
    const gw_schedule_ops *const all[] = {&gw_schedule_zb_1p, &gw_schedule_zb_auto};
    double bounds_ns[G_N_ELEMENTS(all)];
    for (guint i = 0; i < G_N_ELEMENTS(all); i++) {
        const gw_search_point point = with_schedule(plain, all[i]);
        g_autofree char *reason = NULL;
        double least_bytes, least_ns, bytes;
        ck_assert(gw_search_estimate_least(estimator, &point, &least_bytes, &least_ns, &reason));
        ck_assert(gw_search_estimate_memory(estimator, &point, &bytes, &reason));
        bounds_ns[i] = gw_search_estimate_bound_ns(estimator, &point);
        ck_assert_double_le(least_bytes, bytes);
        ck_assert_double_gt(least_bytes, 0);
        ck_assert_double_le(least_ns, bounds_ns[i]);
        ck_assert_double_gt(least_ns, 0.8 * bounds_ns[i]);
    }
    ck_assert_double_lt(bounds_ns[1], bounds_ns[0]); /* 5.5 micro-batches, and 4. */
    const gw_search_point h2 = with_schedule(plain, &gw_schedule_zb_h2);
    g_autofree char *reason = NULL;
    double bytes;
    ck_assert(!gw_search_estimate_memory(estimator, &h2, &bytes, &reason)); /* It holds 7. */
    ck_assert_str_eq(reason, "stage 0 holds the activations of 7 micro-batches, expected at most "
                             "the scenario's 5.5");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("search_estimate");
    TCase *cases = tcase_create("estimate");
    tcase_set_timeout(cases, 120);
    tcase_add_test(cases, memory_is_that_of_admission);
    tcase_add_test(cases, what_cannot_be_says_why);
    tcase_add_test(cases, bounds_go_with_the_work);
    tcase_add_test(cases, split_passes_have_lower_bounds);
    tcase_add_test(cases, the_second_split_schedule_holds_more);
    tcase_add_test(cases, a_search_finds_no_less_than_was_told);
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
