/* SPDX-License-Identifier: Apache-2.0 */
/* Claims about curves made by hand: each kind, kept and broken, and every way to write one wrong.
 */
#include <check.h>
#include <math.h>

#include "app/claim.h"
#include "base/error.h"
#include "run_suite.h"

static const double x[] = {1, 2, 4, 8};
static const double flat[] = {100, 100, 100, 100};
static const double rising[] = {50, 80, 100, 120};
static const double wave[] = {10, 30, 20, 40};
static const double holey[] = {100, NAN, 100, 100};
static const double late[] = {25, 50, 75, 100};
static const char *const names[] = {"flat", "rising", "wave", "holey", "late"};
static const gw_curve curves[] = {
    {"flat", 4, x, flat},   {"rising", 4, x, rising}, {"wave", 4, x, wave},
    {"holey", 4, x, holey}, {"late", 4, x, late},
};

static gw_claim *read_claim(const char *text, gw_params **out_root, GError **error)
{
    *out_root = gw_params_parse(text, "claim.json", NULL);
    ck_assert_ptr_nonnull(*out_root);
    return gw_claim_read(*out_root, names, G_N_ELEMENTS(names), error);
}

static gw_claim_row *judge(const char *text)
{
    gw_params *root;
    g_autoptr(GError) error = NULL;
    g_autoptr(gw_claim) claim = read_claim(text, &root, &error);
    ck_assert_msg(claim != NULL, "%s", error != NULL ? error->message : "");
    gw_claim_row *row = gw_claim_judge(claim, "here", curves);
    gw_params_free(root);
    ck_assert_str_eq(row->source, "here");
    ck_assert_str_eq(row->item, "i");
    return row;
}

static const struct {
    const char *text, *published, *ours;
    double error;
    bool holds;
} verdicts[] = {
    {"'kind':'ratio','curves':['rising','flat'],'from':4,'to':4,'published':1,'tolerance':0", "1",
     "1", 0, true},
    {"'kind':'ratio','curves':['rising','flat'],'from':2,'published':1,'tolerance':0.2", "1", "0.8",
     -0.2, true},
    {"'kind':'ratio','curves':['rising','flat'],'from':2,'published':1,'tolerance':0.19", "1",
     "0.8", -0.2, false},
    {"'kind':'ratio','curves':['rising','flat'],'from':4,'published':'above','minimum':1", "above",
     "1", 0, true},
    {"'kind':'ratio','curves':['rising','flat'],'published':'above','minimum':1", "above", "0.5",
     -0.5, false},
    {"'kind':'ratio','curves':['rising','flat'],'published':'below','maximum':1", "below", "1.2",
     0.2, false},
    {"'kind':'ratio','curves':['rising','flat'],'to':2,'published':'below','maximum':1", "below",
     "0.8", 0, true},
    {"'kind':'best_ratio','curves':['rising','flat'],'published':'above','minimum':1.2", "above",
     "1.2", 0, true},
    {"'kind':'value','curves':['wave'],'from':2,'to':2,'published':29,'tolerance':0.04", "29", "30",
     30.0 / 29 - 1, true},
    {"'kind':'value','curves':['wave'],'from':2,'to':2,'published':29,'tolerance':1,"
     "'absolute':true",
     "29", "30", 1, true},
    {"'kind':'value','curves':['wave'],'from':2,'to':2,'published':29,'tolerance':0.9,"
     "'absolute':true",
     "29", "30", 1, false},
    {"'kind':'reach','curves':['rising','flat'],'share':0.9,'published':3,'tolerance':0", "3", "3",
     0, true},
    {"'kind':'reach','curves':['rising','flat'],'share':0.9,'between':false,'published':4,"
     "'tolerance':0",
     "4", "4", 0, true},
    {"'kind':'reach','curves':['flat','rising'],'share':0.5,'published':1,'tolerance':0", "1", "1",
     0, true},
    {"'kind':'order','curves':['flat','rising','wave'],'from':1,'published':'f r w'", "f r w",
     "flat, rising, wave", 0, true},
    {"'kind':'order','curves':['rising','flat'],'from':1,'published':'r f'", "r f", "flat, rising",
     1, false},
    {"'kind':'order','curves':['rising','flat'],'from':4,'published':'r f'", "r f", "rising, flat",
     0, true},
};

static char *write_claim(const char *body)
{
    g_autofree char *text = g_strdup_printf("{'item':'i',%s}", body);
    return g_strdelimit(g_strdup(text), "'", '"');
}

START_TEST(verdicts_are_told)
{
    g_autofree char *text = write_claim(verdicts[_i].text);
    gw_claim_row *row = judge(text);
    ck_assert_str_eq(row->published, verdicts[_i].published);
    ck_assert_str_eq(row->ours, verdicts[_i].ours);
    ck_assert_double_eq_tol(row->error, verdicts[_i].error, 1e-9);
    ck_assert_int_eq(row->holds, verdicts[_i].holds);
    gw_claim_row_free(row);
}
END_TEST

static const struct {
    const char *text, *ours;
    bool holds;
} words[] = {
    {"'kind':'phases','curves':['wave'],'published':'up, down, up','tolerance':0.01",
     "up, down, up", true},
    {"'kind':'phases','curves':['wave'],'published':'up, down, up','tolerance':0.5", "up", false},
    {"'kind':'phases','curves':['flat'],'published':'up','tolerance':0.01", "flat", false},
    {"'kind':'falls','curves':['late','flat','rising','flat'],'published':'falls'", "8, 4", true},
    {"'kind':'falls','curves':['rising','flat','late','flat'],'published':'falls'", "4, 8", false},
    {"'kind':'falls','curves':['late','flat','late','flat'],'published':'falls'", "8, 8", false},
    {"'kind':'falls','curves':['wave','flat','late','flat'],'published':'falls'", "none, 8", false},
};

START_TEST(words_are_compared)
{
    g_autofree char *text = write_claim(words[_i].text);
    gw_claim_row *row = judge(text);
    ck_assert_str_eq(row->ours, words[_i].ours);
    ck_assert_int_eq(row->holds, words[_i].holds);
    ck_assert(isnan(row->error));
    ck_assert(!row->is_number);
    gw_claim_row_free(row);
}
END_TEST

static const char *const unanswered[] = {
    "'kind':'ratio','curves':['flat','holey'],'published':'any','minimum':0",
    "'kind':'ratio','curves':['holey','flat'],'published':1,'tolerance':9",
    "'kind':'value','curves':['flat'],'from':3,'to':3,'published':100,'tolerance':9",
    "'kind':'reach','curves':['wave','flat'],'published':1,'tolerance':9",
    "'kind':'order','curves':['flat','holey'],'from':2,'published':'f h','tolerance':9",
};

START_TEST(what_cannot_be_known_does_not_hold)
{
    g_autofree char *text = write_claim(unanswered[_i]);
    gw_claim_row *row = judge(text);
    ck_assert_str_eq(row->ours, "none");
    ck_assert(isnan(row->error));
    ck_assert(!row->holds);
    gw_claim_row_free(row);
}
END_TEST

static const struct {
    const char *text;
    bool is_looked_at[3]; /* "rising" at 2 and at 4, "wave" at 2. */
} scopes[] = {
    {"'kind':'value','curves':['rising'],'from':2,'to':2,'published':1,'tolerance':0", {true}},
    {"'kind':'ratio','curves':['flat','rising'],'from':3,'published':1,'tolerance':0",
     {false, true}},
    {"'kind':'best_ratio','curves':['flat','rising'],'from':3,'published':1,'tolerance':0",
     {true, true}},
    {"'kind':'order','curves':['rising','wave'],'from':2,'published':'r w','tolerance':9",
     {true, false, true}},
    {"'kind':'phases','curves':['wave'],'from':4,'published':'up'", {false, false, true}},
    {"'kind':'reach','curves':['rising','flat'],'published':4,'tolerance':0", {true, true}},
};

START_TEST(claims_look_at_their_points)
{
    g_autofree char *text = write_claim(scopes[_i].text);
    gw_params *root;
    g_autoptr(GError) error = NULL;
    g_autoptr(gw_claim) claim = read_claim(text, &root, &error);
    ck_assert_msg(claim != NULL, "%s", error != NULL ? error->message : "");
    ck_assert_int_eq(gw_claim_looks_at(claim, 1, 2), scopes[_i].is_looked_at[0]);
    ck_assert_int_eq(gw_claim_looks_at(claim, 1, 4), scopes[_i].is_looked_at[1]);
    ck_assert_int_eq(gw_claim_looks_at(claim, 2, 2), scopes[_i].is_looked_at[2]);
    gw_params_free(root);
}
END_TEST

static const char *const wrong[][2] = {
    {"'kind':'ration','curves':['flat','rising'],'published':1,'tolerance':0", "\"ratio\""},
    {"'kind':'ratio','curves':['flat'],'published':1,'tolerance':0", "found 1 curves"},
    {"'kind':'ratio','curves':['flat','risin'],'published':1,'tolerance':0",
     "did you mean \"rising\"?"},
    {"'kind':'ratio','curves':['flat',7],'published':1,'tolerance':0", "/curves/1"},
    {"'kind':'ratio','curves':['flat','rising'],'published':1", "tolerance"},
    {"'kind':'ratio','curves':['flat','rising'],'published':1,'tolerance':-1", "tolerance"},
    {"'kind':'ratio','curves':['flat','rising'],'tolerance':1", "published"},
    {"'kind':'ratio','curves':['flat','rising'],'published':'above'", "found 0 of"},
    {"'kind':'ratio','curves':['flat','rising'],'published':'above','minimum':1,'maximum':2",
     "found 2 of"},
    {"'kind':'ratio','curves':['flat','rising'],'published':1,'tolerance':0,'minimum':1",
     "expected none"},
    {"'kind':'order','curves':['flat','rising'],'published':'f r'", "from"},
    {"'kind':'order','curves':['flat','rising'],'from':1,'published':1,'tolerance':0",
     "expected words"},
    {"'kind':'value','curves':['flat'],'from':2,'to':1,'published':1,'tolerance':0", "/to"},
    {"'kind':'falls','curves':['flat','rising','flat','rising','flat'],'published':'falls'",
     "expected pairs"},
    {"'kind':'value','curves':['flat'],'published':1,'tolerance':0,'form':1", "form"},
    {"'curves':['flat'],'published':1,'tolerance':0", "kind"},
};

START_TEST(mistakes_are_named)
{
    g_autofree char *text = write_claim(wrong[_i][0]);
    gw_params *root;
    g_autoptr(GError) error = NULL;
    ck_assert_ptr_null(read_claim(text, &root, &error));
    ck_assert(g_error_matches(error, GW_ERROR, GW_ERROR_SCENARIO));
    ck_assert_msg(strstr(error->message, wrong[_i][1]) != NULL, "%s", error->message);
    gw_params_free(root);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("claim");
    TCase *cases = tcase_create("claim");
    tcase_add_loop_test(cases, verdicts_are_told, 0, G_N_ELEMENTS(verdicts));
    tcase_add_loop_test(cases, words_are_compared, 0, G_N_ELEMENTS(words));
    tcase_add_loop_test(cases, what_cannot_be_known_does_not_hold, 0, G_N_ELEMENTS(unanswered));
    tcase_add_loop_test(cases, claims_look_at_their_points, 0, G_N_ELEMENTS(scopes));
    tcase_add_loop_test(cases, mistakes_are_named, 0, G_N_ELEMENTS(wrong));
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
