/* SPDX-License-Identifier: Apache-2.0 */
/* A small paper from its file to its verdicts: runs that points share, measures, failures. */
#include "app/reproduction.h"
#include "base/error.h"
#include "run_suite.h"
#include "test_record.h"

#define QUICKSTART GW_SOURCE_DIR "/configs/quickstart.json"

static const char paper_text[] =
    "{'name':'p','title':'t','citation':'c','figures':[{'name':'1','title':'t','x_name':'steps',"
    "'y_name':'y','measure':'jobs.0.steps',"
    "'curves':[{'name':'a','scenario':'%s','points':[{'x':1,'set':['jobs.steps=1']},"
    "{'x':2,'set':['jobs.steps=2']}]},"
    "{'name':'b','scenario':'%s','scale':0.5,'measure':'%s',"
    "'points':[{'x':2,'set':['jobs.steps=2']},{'x':3,'set':['jobs.steps=%s']}]},"
    "{'name':'c','scenario':'%s','over':'a','scale':3,"
    "'points':[{'x':2,'set':['jobs.steps=4']},{'x':4,'set':['jobs.steps=4']}]}],"
    "'claims':[%s]}]}";

static const char usual_claim[] = "{'item':'i','kind':'ratio','curves':['b','a'],'from':2,'to':2,"
                                  "'published':0.5,'tolerance':0}";
static const char claim_of_quotient[] =
    "{'item':'i','kind':'value','curves':['c'],'to':2,'published':6,'tolerance':0}";

/* Scenarios are named by a path from the paper's folder. */
static gw_paper *load_claim(char *folder, const char *claim, const char *measure, const char *steps)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *link = g_build_filename(folder, "q.json", NULL);
    g_autofree char *path = g_build_filename(folder, "p.json", NULL);
    g_autofree char *scenario = NULL;
    ck_assert(g_file_get_contents(QUICKSTART, &scenario, NULL, NULL));
    ck_assert(g_file_set_contents(link, scenario, -1, NULL));
    g_autofree char *text =
        g_strdup_printf(paper_text, "q.json", "q.json", measure, steps, "q.json", claim);
    ck_assert(g_file_set_contents(path, g_strdelimit(text, "'", '"'), -1, NULL));
    gw_paper *paper = gw_paper_load(path, &error);
    ck_assert_msg(paper != NULL, "%s", error != NULL ? error->message : "");
    return paper;
}

static gw_paper *load(char *folder, const char *measure, const char *steps)
{
    return load_claim(folder, usual_claim, measure, steps);
}

static double value(const gw_paper *paper, guint curve, guint point)
{
    const gw_paper_figure *figure = paper->figures->pdata[0];
    const gw_paper_curve *found = figure->curves->pdata[curve];
    return g_array_index(found->y, double, point);
}

START_TEST(points_get_their_values)
{
    char *folder = make_folder();
    const bool is_wanted[] = {true};
    g_autoptr(GError) error = NULL;
    g_autoptr(gw_paper) paper = load(folder, "jobs.0.steps", "3");
    ck_assert_msg(gw_reproduction_run(paper, is_wanted, true, &(gw_batch_settings){0}, &error),
                  "%s", error != NULL ? error->message : "");
    ck_assert_double_eq(value(paper, 0, 0), 1);
    ck_assert_double_eq(value(paper, 0, 1), 2);
    ck_assert_double_eq(value(paper, 1, 0), 1);
    ck_assert_double_eq(value(paper, 1, 1), 1.5);
    ck_assert_double_eq(value(paper, 2, 0), 3 * 4 / 2.0);
    ck_assert(isnan(value(paper, 2, 1))); /* The other curve has no such point. */
    g_autoptr(GPtrArray) rows = gw_reproduction_judge(paper, is_wanted);
    ck_assert_uint_eq(rows->len, 1);
    const gw_claim_row *row = rows->pdata[0];
    ck_assert_str_eq(row->source, "c, Fig. 1");
    ck_assert(row->holds);
    g_autoptr(GPtrArray) none = gw_reproduction_judge(paper, (bool[]){false});
    ck_assert_uint_eq(none->len, 0);
    remove_folder(folder);
}
END_TEST

START_TEST(without_figures_claims_say_what_is_run)
{
    char *folder = make_folder();
    const bool is_wanted[] = {true};
    g_autoptr(GError) error = NULL;
    /* At 3, where no claim looks, is no number of steps. */
    g_autoptr(gw_paper) paper = load(folder, "jobs.0.steps", "-1");
    ck_assert_msg(gw_reproduction_run(paper, is_wanted, false, &(gw_batch_settings){0}, &error),
                  "%s", error != NULL ? error->message : "");
    ck_assert(isnan(value(paper, 0, 0)));
    ck_assert_double_eq(value(paper, 0, 1), 2);
    ck_assert_double_eq(value(paper, 1, 0), 1);
    ck_assert(isnan(value(paper, 1, 1)));
    ck_assert(isnan(value(paper, 2, 0)));
    g_autoptr(GPtrArray) rows = gw_reproduction_judge(paper, is_wanted);
    ck_assert_uint_eq(rows->len, 1);
    ck_assert(((const gw_claim_row *)rows->pdata[0])->holds);
    remove_folder(folder);
}
END_TEST

START_TEST(what_claimed_points_are_divided_by_is_run)
{
    char *folder = make_folder();
    const bool is_wanted[] = {true};
    g_autoptr(GError) error = NULL;
    g_autoptr(gw_paper) paper = load_claim(folder, claim_of_quotient, "jobs.0.steps", "-1");
    ck_assert_msg(gw_reproduction_run(paper, is_wanted, false, &(gw_batch_settings){0}, &error),
                  "%s", error != NULL ? error->message : "");
    ck_assert_double_eq(value(paper, 2, 0), 3 * 4 / 2.0);
    ck_assert(isnan(value(paper, 1, 0)));
    g_autoptr(GPtrArray) rows = gw_reproduction_judge(paper, is_wanted);
    ck_assert(((const gw_claim_row *)rows->pdata[0])->holds);
    remove_folder(folder);
}
END_TEST

/* A summary tells the seed that it is of. */
START_TEST(seeds_are_averaged)
{
    char *folder = make_folder();
    g_autoptr(GError) error = NULL;
    g_autoptr(gw_paper) paper = load(folder, "seed", "3");
    ((gw_paper_figure *)paper->figures->pdata[0])->seed_count = 4;
    ck_assert_msg(
        gw_reproduction_run(paper, (bool[]){true}, true, &(gw_batch_settings){0}, &error), "%s",
        error != NULL ? error->message : "");
    ck_assert_double_eq(value(paper, 0, 1), 2);
    ck_assert_double_eq(value(paper, 1, 0), 0.5 * (1 + 2 + 3 + 4) / 4);
    ck_assert_double_eq(value(paper, 2, 0), 3 * 4 / 2.0);
    remove_folder(folder);
}
END_TEST

static void expect_failure(const char *measure, const char *steps, guint64 seed_count, int code,
                           const char *piece)
{
    char *folder = make_folder();
    g_autoptr(GError) error = NULL;
    g_autoptr(gw_paper) paper = load(folder, measure, steps);
    ((gw_paper_figure *)paper->figures->pdata[0])->seed_count = seed_count;
    ck_assert(!gw_reproduction_run(paper, (bool[]){true}, true, &(gw_batch_settings){0}, &error));
    ck_assert(g_error_matches(error, GW_ERROR, code));
    ck_assert_msg(strstr(error->message, piece) != NULL, "%s", error->message);
    remove_folder(folder);
}

START_TEST(failures_name_the_point)
{
    expect_failure("jobs.0.steps", "0", 0, GW_ERROR_SCENARIO, "figure 1, b at 3: ");
    expect_failure("jobs.0.steps", "0", 2, GW_ERROR_SCENARIO, "figure 1, b at 3, seed 1: ");
    expect_failure("jobs.9.steps", "3", 0, GW_ERROR_SCENARIO,
                   "figure 1, b at 2: found the measure");
}
END_TEST

START_TEST(measures_are_numbers_of_a_summary)
{
    static const char summary[] = "{\"a\": [{\"b\": 3}, 4], \"c\": \"5\", \"d\": null}";
    static const char *const wrong[] = {"a", "a.2", "a.x", "a.0.c", "a.1.b", "c", "d", "", "."};
    double found = 0;
    ck_assert(gw_reproduction_measure(summary, "a.0.b", &found, NULL));
    ck_assert_double_eq(found, 3);
    ck_assert(gw_reproduction_measure(summary, "a.1", &found, NULL));
    ck_assert_double_eq(found, 4);
    for (guint i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_autoptr(GError) error = NULL;
        ck_assert(!gw_reproduction_measure(summary, wrong[i], &found, &error));
        ck_assert_ptr_nonnull(strstr(error->message, "expected a number of summary.json"));
    }
    ck_assert_double_eq(found, 4);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("reproduction");
    TCase *cases = tcase_create("reproduction");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, points_get_their_values);
    tcase_add_test(cases, seeds_are_averaged);
    tcase_add_test(cases, without_figures_claims_say_what_is_run);
    tcase_add_test(cases, what_claimed_points_are_divided_by_is_run);
    tcase_add_test(cases, failures_name_the_point);
    tcase_add_test(cases, measures_are_numbers_of_a_summary);
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
