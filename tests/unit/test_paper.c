/* SPDX-License-Identifier: Apache-2.0 */
/* A paper as a file: what it says is what is run, and what is wrong in it is named. */
#include "app/paper.h"
#include "base/error.h"
#include "run_suite.h"
#include "test_record.h"

#define HEAD   "'name':'p','title':'t','citation':'c 2022'"
#define FIGURE "'name':'1','title':'t','x_name':'x','y_name':'y','measure':'m'"
#define CURVE  "'name':'a','scenario':'s/a.json'"
#define CLAIM  "{'item':'i','kind':'value','curves':['a'],'published':1,'tolerance':1}"
#define ONE(figure, points, curve, more, claim)                                                    \
    "{" HEAD ",'figures':[{" figure ",'points':[" points "],'curves':[{" curve "}]," more          \
    "'claims':[" claim "]}]}"

static gw_paper *load(const char *text, GError **error)
{
    char *folder = make_folder();
    g_autofree char *path = g_build_filename(folder, "p.json", NULL);
    g_autofree char *quoted = g_strdelimit(g_strdup(text), "'", '"');
    ck_assert(g_file_set_contents(path, quoted, -1, NULL));
    gw_paper *paper = gw_paper_load(path, error);
    remove_folder(folder);
    return paper;
}

START_TEST(a_paper_is_what_its_file_says)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(gw_paper) paper =
        load("{" HEAD ",'figures':[{" FIGURE
             ",'set':['seed=1'],'points':[{'x':1,'set':['seed=2']},{'x':2}],"
             "'curves':[{" CURVE ",'set':['seed=3'],'scale':2},"
             "{'name':'b','scenario':'b.json','measure':'n','points':[{'x':5,'measure':'k'}]}],"
             "'published':[{'curve':'b','x':5,'y':6,'how':'printed'}],"
             "'marks':[{'x':2,'text':'here'}],'claims':[" CLAIM "]}]}",
             &error);
    ck_assert_msg(paper != NULL, "%s", error != NULL ? error->message : "");
    ck_assert_str_eq(paper->title, "t");
    const gw_paper_figure *figure = paper->figures->pdata[0];
    ck_assert_str_eq(figure->subject, "p_fig1");
    ck_assert_str_eq(figure->source, "c 2022, Fig. 1");
    const gw_paper_curve *a = figure->curves->pdata[0], *b = figure->curves->pdata[1];
    ck_assert(g_str_has_suffix(a->scenario, "/s/a.json"));
    ck_assert_uint_eq(a->points->len, 2);
    const gw_paper_point *first = &g_array_index(a->points, gw_paper_point, 0);
    g_autofree char *settings = g_strjoinv(" ", (char **)first->settings);
    ck_assert_str_eq(settings, "seed=1 seed=2 seed=3"); /* The curve's own win. */
    ck_assert_str_eq(first->measure, "m");
    ck_assert_double_eq(first->scale, 2);
    ck_assert_double_eq(g_array_index(a->x, double, 1), 2);
    ck_assert(g_array_index(a->y, double, 1) != g_array_index(a->y, double, 1)); /* Unknown. */
    ck_assert_uint_eq(b->points->len, 1);
    ck_assert_str_eq(g_array_index(b->points, gw_paper_point, 0).measure, "k");
    ck_assert_uint_eq(g_array_index(figure->prints, gw_paper_print, 0).curve, 1);
    ck_assert_str_eq(g_array_index(figure->marks, gw_paper_mark, 0).text, "here");
    ck_assert_uint_eq(figure->claims->len, 1);
}
END_TEST

START_TEST(a_figure_without_a_number_says_what_it_is)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(gw_paper) paper =
        load(ONE(FIGURE ",'source':'bubble rates','seeds':5", "{'x':1}", CURVE, "", CLAIM), &error);
    ck_assert_msg(paper != NULL, "%s", error != NULL ? error->message : "");
    const gw_paper_figure *figure = paper->figures->pdata[0];
    ck_assert_str_eq(figure->subject, "p_1");
    ck_assert_str_eq(figure->source, "c 2022, bubble rates");
    ck_assert_uint_eq(figure->seed_count, 5);
}
END_TEST

static const char *const wrong[][2] = {
    {ONE(FIGURE ",'source':1", "{'x':1}", CURVE, "", CLAIM), "/figures/0/source"},
    {ONE(FIGURE ",'seeds':0", "{'x':1}", CURVE, "", CLAIM), "/figures/0/seeds: found 0"},
    {ONE(FIGURE ",'seeds':1001", "{'x':1}", CURVE, "", CLAIM), "expected a whole number from 1"},
    {"{" HEAD "}", "figures"},
    {"{" HEAD ",'figures':[]}", "expected one at least"},
    {"{" HEAD ",'figures':[7]}", "/figures/0"},
    {"{" HEAD ",'figure':1,'figures':[]}", "expected one at least"},
    {ONE(FIGURE, "{'x':1}", CURVE, "'mark':[],", CLAIM), "did you mean \"marks\"?"},
    {ONE(FIGURE, "", CURVE, "", CLAIM), "found no \"points\""},
    {ONE(FIGURE, "{'x':2},{'x':2}", CURVE, "", CLAIM), "expected more than 2"},
    {ONE(FIGURE, "{'x':'2'}", CURVE, "", CLAIM), "/points/0/x"},
    {ONE(FIGURE, "{'x':1,'set':'seed=1'}", CURVE, "", CLAIM), "/points/0/set"},
    {ONE(FIGURE, "{'x':1,'set':[1]}", CURVE, "", CLAIM), "/points/0/set/0"},
    {ONE(FIGURE, "{'x':1}", "'name':'a,b','scenario':'s'", "", CLAIM), "without commas"},
    {ONE(FIGURE, "{'x':1}", "'name':'a'", "", CLAIM), "scenario"},
    {ONE(FIGURE, "{'x':1}", CURVE ",'over':'b'", "", CLAIM),
     "/over: found \"b\", expected an earlier"},
    {ONE(FIGURE, "{'x':1}", CURVE ",'over':'a'", "", CLAIM),
     "/over: found \"a\", expected an earlier"},
    {ONE(FIGURE, "{'x':1}", CURVE ",'over':1", "", CLAIM), "/over"},
    {ONE(FIGURE, "{'x':1}", CURVE, "'published':[{'curve':'b','x':1,'y':1,'how':'h'}],", CLAIM),
     "/published/0/curve"},
    {ONE(FIGURE, "{'x':1}", CURVE, "'published':[{'curve':'a','x':1,'y':1}],", CLAIM), "how"},
    {ONE(FIGURE, "{'x':1}", CURVE, "", ""), "/claims"},
    {"[]", "p.json"},
};

START_TEST(mistakes_are_named)
{
    g_autoptr(GError) error = NULL;
    ck_assert_ptr_null(load(wrong[_i][0], &error));
    ck_assert(g_error_matches(error, GW_ERROR, GW_ERROR_SCENARIO));
    ck_assert_msg(strstr(error->message, wrong[_i][1]) != NULL, "%s", error->message);
}
END_TEST

START_TEST(papers_are_found_by_name)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(gw_paper) paper = gw_paper_load("pathways", &error);
    ck_assert_msg(paper != NULL, "%s", error != NULL ? error->message : "");
    ck_assert_uint_eq(paper->figures->len, 10);
    ck_assert_ptr_null(gw_paper_load("pathway", &error));
    ck_assert(g_error_matches(error, GW_ERROR, GW_ERROR_USAGE));
    ck_assert_ptr_nonnull(strstr(error->message, "did you mean \"pathways\"?"));
    g_clear_error(&error);
    ck_assert_ptr_null(gw_paper_load("./no/such.json", &error));
    ck_assert(g_error_matches(error, GW_ERROR, GW_ERROR_SCENARIO));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("paper");
    TCase *cases = tcase_create("paper");
    tcase_add_test(cases, a_paper_is_what_its_file_says);
    tcase_add_test(cases, a_figure_without_a_number_says_what_it_is);
    tcase_add_loop_test(cases, mistakes_are_named, 0, G_N_ELEMENTS(wrong));
    tcase_add_test(cases, papers_are_found_by_name);
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
