/* SPDX-License-Identifier: Apache-2.0 */
/* Assignments over a file: "--set path=value".  What they change, and that a mistake names the
 * assignment where it made it, and the line where it did not. */
#include <signal.h>
#include <string.h>

#include "run_suite.h"
#include "test_params.h"

static const char *const scenario = "{\"seed\": 1,\n\"control\": {\"policy\": \"fifo\"},\n"
                                    "\"jobs\": [{\"steps\": 1}, {\"steps\": 2}], \"none\": []}";

static uint64_t read_steps(gw_params *root, uint32_t index)
{
    gw_params *jobs = NULL;
    uint64_t steps = 0;
    ck_assert(gw_params_array(root, "jobs", true, &jobs, NULL));
    ck_assert(gw_params_count(gw_params_at(jobs, index), "steps", true, 0, 100, &steps, NULL));
    return steps;
}

START_TEST(assignments_change_the_tree)
{
    g_autoptr(gw_params) root = parse(scenario);
    ck_assert(gw_params_set(root, "seed=42", NULL));
    ck_assert(gw_params_set(root, "control.policy=proportional_share", NULL));
    ck_assert(gw_params_set(root, "jobs.steps=7", NULL));
    ck_assert(gw_params_set(root, "jobs.1.steps=9", NULL));
    ck_assert(gw_params_set(root, "outputs.trace.detail=a=b", NULL));
    uint64_t seed = 0;
    ck_assert(gw_params_count(root, "seed", true, 0, 100, &seed, NULL));
    ck_assert_uint_eq(seed, 42);
    gw_params *object = NULL;
    uint32_t choice = 0;
    ck_assert(gw_params_object(root, "control", true, &object, NULL));
    ck_assert(gw_params_choice(object, "policy", true, policies, &choice, NULL));
    ck_assert_uint_eq(choice, 1);
    ck_assert_uint_eq(read_steps(root, 0), 7);
    ck_assert_uint_eq(read_steps(root, 1), 9);
    const char *detail = NULL;
    ck_assert(gw_params_object(root, "outputs", true, &object, NULL));
    ck_assert(gw_params_object(object, "trace", true, &object, NULL));
    ck_assert(gw_params_string(object, "detail", true, &detail, NULL));
    ck_assert_str_eq(detail, "a=b");
}
END_TEST

START_TEST(assigned_values_are_json_or_text)
{
    g_autoptr(gw_params) root = parse("{}");
    ck_assert(gw_params_set(root, "object={\"x\": [1]}", NULL));
    ck_assert(gw_params_set(root, "text=2.3ms", NULL));
    ck_assert(gw_params_set(root, "quoted=\"5\"", NULL));
    ck_assert(gw_params_set(root, "empty=", NULL));
    ck_assert(gw_params_set(root, "bracket=\"{\\\"x\\\"\"", NULL));
    gw_params *object = NULL;
    const char *text = NULL;
    ck_assert(gw_params_object(root, "object", true, &object, NULL));
    gw_span span_ns = 0;
    ck_assert(gw_params_span(root, "text", true, &span_ns, NULL) && span_ns == 2300000);
    ck_assert(gw_params_string(root, "quoted", true, &text, NULL));
    ck_assert_str_eq(text, "5");
    ck_assert(gw_params_string(root, "empty", true, &text, NULL));
    ck_assert_str_eq(text, "");
    ck_assert(gw_params_string(root, "bracket", true, &text, NULL));
    ck_assert_str_eq(text, "{\"x\"");
}
END_TEST

/* Not taken for text: that would be a name that nobody meant. */
START_TEST(broken_json_is_wrong_usage)
{
    static const char *const texts[][2] = {
        {"a={\"x\"", "--set a={\"x\": found no JSON after '=' ("},
        {"a={\"x\": 1,}", "expected an object or a text in double quotes"},
        {"a=[1", "expected an array or a text in double quotes"},
        {"a={\"x\": 1, \"x\": 2}", "duplicate object key"},
        {"a={\"x\": \"\\u0000\"}", "(found \\u0000, which no text here may hold"}};
    g_autoptr(gw_params) root = parse("{}");
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(GError) error = NULL;
        ck_assert_msg(!gw_params_set(root, texts[i][0], &error), "%s", texts[i][0]);
        ck_assert(g_error_matches(error, GW_ERROR, GW_ERROR_USAGE));
        ck_assert_msg(strstr(error->message, texts[i][1]) != NULL, "%s", error->message);
    }
    ck_assert(!gw_params_has(root, "a"));
}
END_TEST

START_TEST(every_element_has_a_value_of_its_own)
{
    g_autoptr(gw_params) root = parse(scenario);
    ck_assert(gw_params_set(root, "jobs.deep={\"x\": 1}", NULL));
    ck_assert(gw_params_set(root, "jobs.0.deep.x=2", NULL));
    gw_params *jobs = NULL, *deep = NULL;
    uint64_t x = 0;
    ck_assert(gw_params_array(root, "jobs", true, &jobs, NULL));
    ck_assert(gw_params_object(gw_params_at(jobs, 1), "deep", true, &deep, NULL));
    ck_assert(gw_params_count(deep, "x", true, 0, 9, &x, NULL));
    ck_assert_uint_eq(x, 1);
}
END_TEST

START_TEST(assigned_mistakes_name_the_assignment)
{
    g_autoptr(gw_params) root = parse(scenario);
    ck_assert(gw_params_set(root, "control.policy=fifi", NULL));
    ck_assert(gw_params_set(root, "jobs.1={\"steps\": -1}", NULL));
    ck_assert(gw_params_set(root, "contrl.x=1", NULL));
    gw_params *object = NULL;
    uint32_t choice = 0;
    uint64_t steps = 0;
    GError *error = NULL;
    ck_assert(gw_params_object(root, "control", true, &object, NULL));
    check_message(gw_params_choice(object, "policy", true, policies, &choice, &error), &error,
                  "--set control.policy=fifi: /control/policy: found \"fifi\", expected one of "
                  "\"fifo\", \"proportional_share\"; did you mean \"fifo\"?");
    ck_assert(gw_params_array(root, "jobs", true, &object, NULL));
    object = gw_params_at(object, 1);
    check_message(gw_params_count(object, "steps", true, 1, 8, &steps, &error), &error,
                  "--set jobs.1={\"steps\": -1}: /jobs/1/steps: found -1, expected a whole number "
                  "from 1 to 8");
    ck_assert(gw_params_has(root, "seed") && gw_params_has(root, "none"));
    check_message(gw_params_finish(root, &error), &error,
                  "--set contrl.x=1: /contrl: found an unknown key, expected one of \"control\", "
                  "\"jobs\", \"seed\", \"none\"; did you mean \"control\"?");
}
END_TEST

START_TEST(file_mistakes_keep_their_lines)
{
    g_autoptr(gw_params) root = parse(scenario);
    ck_assert(gw_params_set(root, "control.pol=1", NULL));
    gw_params *object = NULL;
    bool flag = false;
    GError *error = NULL;
    ck_assert(gw_params_object(root, "control", true, &object, NULL));
    check_message(gw_params_bool(object, "policy", true, &flag, &error), &error,
                  "t.json:2: /control/policy: found \"fifo\", expected true or false");
    check_message(gw_params_bool(object, "absent", true, &flag, &error), &error,
                  "t.json:2: /control: found no \"absent\", expected true or false");
}
END_TEST

static void check_assignment_refused(const char *assignment, const char *message)
{
    g_autoptr(gw_params) root = parse(scenario);
    GError *error = NULL;
    check_message(gw_params_set(root, assignment, &error), &error, message);
}

START_TEST(wrong_places_are_refused)
{
    check_assignment_refused("seed.x=1", "--set seed.x=1: /seed: found 1, expected an object or "
                                         "an array");
    check_assignment_refused("jobs.2.steps=1", "--set jobs.2.steps=1: /jobs: found an array of 2, "
                                               "expected an element 2 (the first is 0)");
    check_assignment_refused("jobs.99999999999999999999999=1",
                             "--set jobs.99999999999999999999999=1: /jobs: found an array of 2, "
                             "expected an element 99999999999999999999999 (the first is 0)");
    check_assignment_refused("none.x=1", "--set none.x=1: /none: found an empty array, expected "
                                         "one element at least");
    check_assignment_refused("jobs.steps.x=1", "--set jobs.steps.x=1: /jobs/0/steps: found 1, "
                                               "expected an object or an array");
}
END_TEST

START_TEST(wrong_forms_are_wrong_usage)
{
    static const char *const texts[] = {"",     "=",      "seed", "=1",     ".=1",   "a.=1",
                                        ".a=1", "a..b=1", "..=",  "\xff=1", "a=\xff"};
    g_autoptr(gw_params) root = parse(scenario);
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(GError) error = NULL;
        ck_assert_msg(!gw_params_set(root, texts[i], &error), "\"%s\"", texts[i]);
        ck_assert(g_error_matches(error, GW_ERROR, GW_ERROR_USAGE));
        ck_assert(g_utf8_validate(error->message, -1, NULL));
    }
}
END_TEST

START_TEST(long_assignments_are_shortened)
{
    g_autofree char *value = g_strnfill(1000, 'x');
    g_autofree char *assignment = g_strdup_printf("seed=%s", value);
    g_autoptr(gw_params) root = parse(scenario);
    ck_assert(gw_params_set(root, assignment, NULL));
    uint64_t seed = 0;
    g_autoptr(GError) error = NULL;
    ck_assert(!gw_params_count(root, "seed", true, 0, 9, &seed, &error));
    ck_assert_uint_lt(strlen(error->message), 260);
    ck_assert_ptr_nonnull(strstr(error->message, "xxx...: /seed: found \"xxx"));
}
END_TEST

/* Set as its text says, a value is the same again. */
START_TEST(values_have_a_text_that_sets_them)
{
    static const struct {
        const char *json, *text;
    } values[] = {{"1", "1"},
                  {"-3", "-3"},
                  {"0.1", "0.1"},
                  {"9223372036854775807", "9223372036854775807"},
                  {"true", "true"},
                  {"null", "null"},
                  {"\"fifo\"", "fifo"},
                  {"\"2.3ms\"", "2.3ms"},
                  {"\"a=b, c\"", "a=b, c"},
                  {"\"\"", ""},
                  {"\"1\"", "\"1\""},
                  {"\"true\"", "\"true\""},
                  {"\"[1]\"", "\"[1]\""},
                  {"[1, [2, \"x\"]]", "[1,[2,\"x\"]]"},
                  {"{\"a\": 1, \"b\": {}}", "{\"a\":1,\"b\":{}}"}};
    for (uint32_t i = 0; i < G_N_ELEMENTS(values); i++) {
        g_autofree char *document = g_strdup_printf("{\"a\": %s}", values[i].json);
        g_autoptr(gw_params) root = parse(document);
        gw_params *value = NULL;
        ck_assert(gw_params_value(root, "a", true, &value, NULL));
        g_autofree char *text = gw_params_text(value);
        ck_assert_str_eq(text, values[i].text);
        g_autofree char *assignment = g_strconcat("a=", text, NULL);
        g_autoptr(gw_params) again = parse("{}");
        gw_params *set = NULL;
        ck_assert(gw_params_set(again, assignment, NULL));
        ck_assert(gw_params_value(again, "a", true, &set, NULL));
        g_autofree char *set_text = gw_params_text(set);
        ck_assert_str_eq(set_text, text);
        ck_assert_int_eq(gw_params_is_string(set), gw_params_is_string(value));
    }
}
END_TEST

START_TEST(setting_after_reading_aborts)
{
    g_autoptr(gw_params) root = parse(scenario);
    gw_params_has(root, "seed");
    gw_params_set(root, "seed=2", NULL);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("params_set");
    tcase_add_test(cases, assignments_change_the_tree);
    tcase_add_test(cases, assigned_values_are_json_or_text);
    tcase_add_test(cases, broken_json_is_wrong_usage);
    tcase_add_test(cases, every_element_has_a_value_of_its_own);
    tcase_add_test(cases, assigned_mistakes_name_the_assignment);
    tcase_add_test(cases, file_mistakes_keep_their_lines);
    tcase_add_test(cases, wrong_places_are_refused);
    tcase_add_test(cases, wrong_forms_are_wrong_usage);
    tcase_add_test(cases, long_assignments_are_shortened);
    tcase_add_test(cases, values_have_a_text_that_sets_them);
    tcase_add_test_raise_signal(cases, setting_after_reading_aborts, SIGABRT);
    Suite *suite = suite_create("params_set");
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
