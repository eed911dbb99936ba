/* SPDX-License-Identifier: Apache-2.0 */
/* Rounds as files: what is written is read, and what is not as it was written is refused where it
 * is not. */
#include "app/validation_kept.h"

#include "test_validation.h"

#define ROUND_1 "rounds/round-1.json"
#define PLAN    "rounds/plan.json"

static void add_two(fixture *made)
{
    g_autofree char *a = write_scenario(made, "a.json", "");
    g_autofree char *b = write_scenario(made, "b.json", "");
    add(made, a, NULL);
    add(made, b, NULL);
}

static gw_validation_kept *open_kept(const fixture *made, bool is_resumed)
{
    g_autoptr(GError) error = NULL;
    gw_validation_kept *kept =
        gw_validation_kept_new(made->validation, made->folder, is_resumed, &error);
    ck_assert_msg(kept != NULL, "%s", error != NULL ? error->message : "");
    return kept;
}

static char *not_called(void *context, guint round, GError **error)
{
    (void)context, (void)round, (void)error;
    return NULL;
}

static char *path_of(const fixture *made, const char *name)
{
    return g_build_filename(made->folder, name, NULL);
}

static void replace(const fixture *made, const char *name, const char *was, const char *is)
{
    g_autofree char *path = path_of(made, name), *text = NULL;
    ck_assert(g_file_get_contents(path, &text, NULL, NULL));
    g_autoptr(GString) changed = g_string_new(text);
    ck_assert_msg(g_string_replace(changed, was, is, 1) == 1, "%s in %s", was, text);
    ck_assert(g_file_set_contents(path, changed->str, -1, NULL));
}

/* The first case was measured, by itself too, and predicted; the second has failed. */
static gw_validation_round *make_round(guint number)
{
    gw_validation_round *round = gw_validation_round_new(number, 2);
    gw_validation_result *first = gw_validation_round_result(round, 0);
    gw_validation_result *second = gw_validation_round_result(round, 1);
    const gw_calibration_shape shape = {.kind = 1, .shape = {{8, 0, 0}, 77}, .count = 1};
    first->measured = make_run(1.0 / 3);
    first->measured->foreign = NAN;
    first->predicted = make_run(120.5);
    first->seen = gw_calibration_seen_new();
    first->seen->took_ns = 100;
    first->seen->apart_ns = 1;
    const double threads_ns[] = {50.125, 49.875}; /* Half of what they are apart lasts. */
    g_array_append_vals(first->seen->threads_ns, threads_ns, 2);
    gw_calibration_seen_add(first->seen, &shape);
    second->failure = g_strdup("executed: \"it\" stood\nstill");
    second->exit_code = 3;
    return round;
}

static void keep(const fixture *made)
{
    g_autoptr(gw_validation_kept) kept = open_kept(made, false);
    g_autoptr(gw_validation_round) round = make_round(0);
    g_autoptr(GError) error = NULL;
    ck_assert_msg(gw_validation_kept_save(kept, round, &error), "%s",
                  error != NULL ? error->message : "");
}

static void check_report(const gw_phase_report *a, const gw_phase_report *b)
{
    g_autofree char *x = gw_phase_report_text(a), *y = gw_phase_report_text(b);
    ck_assert_str_eq(x, y);
}

START_TEST(a_round_comes_back_as_it_was)
{
    fixture made = make();
    add_two(&made);
    keep(&made);
    g_autoptr(gw_validation_kept) kept = open_kept(&made, true);
    g_autoptr(gw_validation_round) was = make_round(0), read = NULL, none = NULL;
    ck_assert(gw_validation_kept_read(kept, 0, &read, NULL));
    ck_assert_ptr_nonnull(read);
    const gw_validation_result *first = gw_validation_round_result(read, 0);
    const gw_validation_result *second = gw_validation_round_result(read, 1);
    check_report(first->measured, gw_validation_round_result(was, 0)->measured);
    check_report(first->predicted, gw_validation_round_result(was, 0)->predicted);
    ck_assert_ptr_null(first->failure);
    ck_assert_str_eq(second->failure, "executed: \"it\" stood\nstill");
    ck_assert_int_eq(second->exit_code, 3);
    ck_assert_ptr_null(second->measured);
    ck_assert(gw_validation_kept_read(kept, 1, &none, NULL));
    ck_assert_ptr_null(none);
    clear(&made);
}
END_TEST

/* In the form of a machine's file, to be added to one. */
START_TEST(what_was_seen_is_part_of_a_machine)
{
    fixture made = make();
    add_two(&made);
    keep(&made);
    g_autofree char *path = path_of(&made, ROUND_1), *text = NULL;
    ck_assert(g_file_get_contents(path, &text, NULL, NULL));
    ck_assert_ptr_nonnull(strstr(text, "\"seed\": 1,"));
    ck_assert_msg(strstr(text, "\"jitter\": 0.0076") != NULL, "%s", text);
    ck_assert_msg(strstr(text, "\"core_slowness\": [1.0025, 0.9975]") != NULL, "%s", text);
    g_autofree char *table =
        g_strdup_printf("\"%s\": {\n              \"shapes\": [", gw_measured_kinds[1].name);
    ck_assert_msg(strstr(text, table) != NULL, "%s", text);
    clear(&made);
}
END_TEST

START_TEST(without_resuming_nothing_is_read)
{
    fixture made = make();
    add_two(&made);
    keep(&made);
    replace(&made, PLAN, "\"repeats\": 3", "\"repeats\": 4");
    g_autoptr(gw_validation_kept) kept = open_kept(&made, false);
    g_autoptr(gw_validation_round) read = NULL, round = make_round(1);
    ck_assert(gw_validation_kept_read(kept, 0, &read, NULL));
    ck_assert_ptr_null(read);
    ck_assert(gw_validation_kept_save(kept, round, NULL)); /* The first takes others away. */
    g_autofree char *first = path_of(&made, ROUND_1);
    g_autofree char *second = path_of(&made, "rounds/round-2.json");
    ck_assert(!g_file_test(first, G_FILE_TEST_EXISTS));
    ck_assert(g_file_test(second, G_FILE_TEST_EXISTS));
    g_autoptr(gw_validation_kept) later = open_kept(&made, true);
    ck_assert(gw_validation_kept_read(later, 0, &read, NULL));
    ck_assert_ptr_null(read);
    clear(&made);
}
END_TEST

START_TEST(nothing_kept_is_nothing_to_resume)
{
    fixture made = make();
    add_two(&made);
    g_autoptr(gw_validation_kept) kept = open_kept(&made, true);
    g_autoptr(gw_validation_round) read = NULL;
    ck_assert(gw_validation_kept_read(kept, 0, &read, NULL));
    ck_assert_ptr_null(read);
    g_autofree char *folder = path_of(&made, "rounds");
    ck_assert_str_eq(gw_validation_kept_folder(kept), folder);
    ck_assert(!g_file_test(folder, G_FILE_TEST_EXISTS));
    clear(&made);
}
END_TEST

static void refuse_plan(const fixture *made, const char *part)
{
    g_autoptr(GError) error = NULL;
    ck_assert_ptr_null(gw_validation_kept_new(made->validation, made->folder, true, &error));
    ck_assert_msg(g_error_matches(error, GW_ERROR, GW_ERROR_SCENARIO), "%s", error->message);
    ck_assert_msg(strstr(error->message, part) != NULL, "%s, expected %s", error->message, part);
}

START_TEST(another_plan_is_refused_by_what_differs)
{
    static const struct {
        const char *was, *is, *part;
    } rows[] = {
        {"\"program\": \"", "\"program\": \"0",
         "plan.json:2: /program: found rounds of another build of gangway"},
        {"\"processors\": ", "\"processors\": 9", "plan.json:3: /processors: found 9"},
        {"\"repeats\": 3", "\"repeats\": 4",
         "plan.json:4: /repeats: found 4 executions each (--repeat), expected 3"},
        {"\"warm_steps\": 2", "\"warm_steps\": 1",
         "plan.json:5: /warm_steps: found 1 steps left out (--warm), expected 2"},
        {"\"name\": \"b\"", "\"name\": \"c\"",
         "plan.json:14: /cases/1/name: found rounds of c, expected b"},
        {"\"settings\": []", "\"settings\": [\"control.lookahead=2\"]",
         "plan.json:10: /cases/0/settings: found rounds of a with settings "
         "\"control.lookahead=2\", expected \"\""},
        {"\"digest\": \"", "\"digest\": \"0",
         "plan.json:11: /cases/0/digest: found rounds of a as it was, expected as it is"},
        {"\"warm_steps\": 2,", "\"warm_steps\": 2,\n  \"machine\": \"x\",",
         "/machine: found rounds of a machine's file"},
        {"\"warm_steps\": 2,", "\"warm_steps\": 2,\n  \"more\": 1,", "plan.json:6: /more"},
        {"\"cases\": [", "\"cases\": [],\n  \"cases\": [", "plan.json:"},
        {"\"repeats\": 3,\n", "\"repeats\": ", "plan.json:"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        fixture made = make();
        add_two(&made);
        keep(&made);
        replace(&made, PLAN, rows[i].was, rows[i].is);
        refuse_plan(&made, rows[i].part);
        clear(&made);
    }
}
END_TEST

START_TEST(other_cases_are_refused)
{
    fixture made = make();
    add_two(&made);
    keep(&made);
    g_autofree char *c = write_scenario(&made, "c.json", "");
    add(&made, c, NULL);
    refuse_plan(&made, "/cases: found rounds of 2 cases, expected 3");
    clear(&made);
}
END_TEST

/* What is read, as `part` of the message refuses it. */
static void refuse_round(const fixture *made, guint number, const char *part)
{
    g_autoptr(gw_validation_kept) kept = open_kept(made, true);
    g_autoptr(gw_validation_round) read = NULL;
    g_autoptr(GError) error = NULL;
    ck_assert(!gw_validation_kept_read(kept, number, &read, &error));
    ck_assert_ptr_null(read);
    ck_assert_msg(g_error_matches(error, GW_ERROR, GW_ERROR_SCENARIO), "%s", error->message);
    ck_assert_msg(strstr(error->message, part) != NULL, "%s, expected %s", error->message, part);
}

START_TEST(a_changed_round_is_refused_by_line)
{
    static const struct {
        const char *was, *is, *part;
    } rows[] = {
        {"\"plan\": \"", "\"plan\": \"0", "round-1.json:2: /plan: found a round of another plan"},
        {"\"round\": 1", "\"round\": 2", "round-1.json:3: /round: found 2, expected 1"},
        {"\"name\": \"a\"", "\"name\": \"b\"",
         "round-1.json:6: /cases/0/name: found b, expected a"},
        {"\"step_ns\": [120.5]", "\"step_ns\": [120.6]",
         ": /cases/0/digest: found a changed since it was written"},
        {"\"exit_code\": 3", "\"exit_code\": 0",
         ": /cases/1/digest: found b changed since it was written"},
        {"\"jitter\": 0.0", "\"jitter\": 0.1", ": /cases/0/digest: found a changed"},
        {"\"exit_code\": 3,\n      \"digest\"", "\"exit_code\": 3,\n      \"digets\"",
         ": /cases/1: found b not as it was written"},
        {"\"round\": 1,", "\"round\": 1,\n  \"more\": 1,", "round-1.json:4: /more"},
        {"\"failure\"", "\"fail", "round-1.json:"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        fixture made = make();
        add_two(&made);
        keep(&made);
        replace(&made, ROUND_1, rows[i].was, rows[i].is);
        refuse_round(&made, 0, rows[i].part);
        clear(&made);
    }
}
END_TEST

/* Wherever it ends, the line where it does is told. */
START_TEST(a_truncated_round_is_refused_by_line)
{
    fixture made = make();
    add_two(&made);
    keep(&made);
    g_autofree char *path = path_of(&made, ROUND_1), *text = NULL;
    gsize size_bytes;
    ck_assert(g_file_get_contents(path, &text, &size_bytes, NULL));
    for (gsize left = 0; left + 2 < size_bytes; left += 331) {
        ck_assert(g_file_set_contents(path, text, (gssize)left, NULL));
        refuse_round(&made, 0, "round-1.json:");
    }
    clear(&made);
}
END_TEST

START_TEST(a_round_has_the_cases_that_take_part)
{
    fixture made = make();
    add_two(&made);
    keep(&made);
    at(&made, 1)->failure = g_strdup("executed: no");
    refuse_round(&made, 0, ": /cases: found 2 cases, expected 1");
    g_clear_pointer(&at(&made, 1)->failure, g_free);
    at(&made, 0)->failure = g_strdup("executed: no");
    refuse_round(&made, 0, ":6: /cases/0/name: found a, expected b");
    clear(&made);
}
END_TEST

static void write_machine(const fixture *made, const char *text)
{
    g_autofree char *path = path_of(made, "machine-1.json");
    ck_assert(g_file_set_contents(path, text, -1, NULL));
}

START_TEST(a_round_has_the_machine_that_it_was_predicted_by)
{
    fixture made = make();
    add_two(&made);
    made.validation->measure = not_called;
    write_machine(&made, "{}");
    g_autoptr(gw_validation_kept) kept = open_kept(&made, false);
    g_autoptr(gw_validation_round) round = make_round(0), read = NULL;
    round->machine = path_of(&made, "machine-1.json");
    ck_assert(gw_validation_kept_save(kept, round, NULL));
    ck_assert(gw_validation_kept_read(kept, 0, &read, NULL));
    ck_assert_str_eq(read->machine, round->machine);
    write_machine(&made, "{ }");
    refuse_round(&made, 0, "round-1.json:6: /machine/digest: found ");
    refuse_round(&made, 0, "machine-1.json changed, expected it as it was");
    g_unlink(round->machine);
    refuse_round(&made, 0, "machine-1.json unreadable, expected it as it was");
    made.validation->measure = NULL;
    made.validation->machine = g_build_filename(GW_SOURCE_DIR, "configs/mlp_cpu.json", NULL);
    refuse_plan(&made, "found rounds whose machine was measured for each");
    clear(&made);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("validation_kept");
    TCase *cases = tcase_create("validation_kept");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, a_round_comes_back_as_it_was);
    tcase_add_test(cases, what_was_seen_is_part_of_a_machine);
    tcase_add_test(cases, without_resuming_nothing_is_read);
    tcase_add_test(cases, nothing_kept_is_nothing_to_resume);
    tcase_add_test(cases, another_plan_is_refused_by_what_differs);
    tcase_add_test(cases, other_cases_are_refused);
    tcase_add_test(cases, a_changed_round_is_refused_by_line);
    tcase_add_test(cases, a_truncated_round_is_refused_by_line);
    tcase_add_test(cases, a_round_has_the_cases_that_take_part);
    tcase_add_test(cases, a_round_has_the_machine_that_it_was_predicted_by);
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
