/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters of a schedule that go together, those that do not, and what comes of them. */
#include <check.h>
#include <string.h>

#include "base/error.h"
#include "run_suite.h"
#include "workload/workload_schedule_choice.h"

enum { STAGES = 4, MICROBATCHES = 8 };

/* NULL: `out_error` says why. */
static gw_workload_schedule *make(const char *json, gw_schedule_choice *out_choice,
                                  gw_time **out_start_ns, GError **out_error)
{
    memset(out_choice, 0, sizeof *out_choice);
    g_autoptr(gw_params) params = gw_params_parse(json, "folder/test.json", out_error);
    ck_assert_ptr_nonnull(params);
    if (!gw_schedule_choice_read(params, &gw_schedule_1f1b, out_choice, out_error) ||
        !gw_params_finish(params, out_error))
        return NULL;
    gw_stage_times times[STAGES];
    for (uint32_t s = 0; s < STAGES; s++)
        times[s] = (gw_stage_times){
            .forward_ns = 1000, .backward_ns = 2000, .transfer_ns = 1, .weight_ns = 1000};
    const gw_schedule_request request = {
        .stage_count = STAGES, .microbatch_count = MICROBATCHES, .times = times, .kept_share = 0.5};
    return gw_schedule_choice_make(params, out_choice, request, out_start_ns, out_error);
}

static void expect_good(const char *json, const char *name, uint32_t chunk_count)
{
    g_autoptr(GError) error = NULL;
    gw_schedule_choice choice;
    g_autofree gw_time *start_ns = NULL;
    g_autoptr(gw_workload_schedule) schedule = make(json, &choice, &start_ns, &error);
    ck_assert_msg(schedule != NULL, "%s", error != NULL ? error->message : "");
    ck_assert_str_eq(choice.ops->name, name);
    ck_assert_uint_eq(schedule->chunk_count, chunk_count);
    ck_assert_uint_eq(start_ns[schedule->first_slot[0]], 0); /* The first stage begins at once. */
    ck_assert_uint_gt(start_ns[schedule->first_slot[1]], 0);
    gw_schedule_choice_clear(&choice);
}

static void expect_bad(const char *json, const char *part)
{
    g_autoptr(GError) error = NULL;
    gw_schedule_choice choice;
    gw_time *start_ns = NULL;
    ck_assert_ptr_null(make(json, &choice, &start_ns, &error));
    ck_assert_ptr_null(start_ns);
    ck_assert(g_error_matches(error, GW_ERROR, GW_ERROR_SCENARIO));
    ck_assert_msg(strstr(error->message, part) != NULL, "\"%s\" has no \"%s\"", error->message,
                  part);
    gw_schedule_choice_clear(&choice);
}

START_TEST(what_goes_together)
{
    expect_good("{}", "1f1b", 1);
    expect_good("{\"schedule\": \"gpipe\", \"activations_max\": 8}", "gpipe", 1);
    expect_good("{\"schedule\": \"interleaved\", \"chunks\": 2}", "interleaved", 2);
    expect_good("{\"schedule\": \"zb-h2\"}", "zb-h2", 1);
    expect_good("{\"schedule\": \"zb-auto\", \"activations_max\": 5}", "zb-auto", 1);
}
END_TEST

START_TEST(what_does_not)
{
    expect_bad("{\"schedule\": \"zb-h3\"}", "/schedule: found \"zb-h3\", expected one of");
    expect_bad("{\"chunks\": 2}", "/chunks: found 2 with schedule \"1f1b\", expected 1");
    expect_bad("{\"schedule\": \"zb-auto\"}", "activations_max");
    expect_bad("{\"schedule_file\": \"a.csv\"}",
               "/schedule_file: found one with schedule \"1f1b\"");
    expect_bad("{\"schedule\": \"file\"}", "schedule_file");
    expect_bad("{\"schedule\": \"gpipe\", \"activations_max\": 7}",
               "/activations_max: found 7, expected 8 at least, which is what schedule \"gpipe\"");
    expect_bad("{\"schedule\": \"file\", \"schedule_file\": \"none.csv\"}", "folder/none.csv");
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("choice");
    tcase_add_test(cases, what_goes_together);
    tcase_add_test(cases, what_does_not);
    Suite *suite = suite_create("workload_schedule_choice");
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
