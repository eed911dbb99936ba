/* SPDX-License-Identifier: Apache-2.0 */
/* What runs come to: cases whose runs are made here, so that every figure is known. */
#include "test_validation.h"

START_TEST(cases_come_from_files_and_folders)
{
    fixture made = make();
    g_free(write_scenario(&made, "b.json", ""));
    g_autofree char *a =
        write_scenario(&made, "a.json", ", \"vary\": {\"control.lookahead\": [1, 2]}");
    g_autofree char *inner = write_scenario(&made, "held_out/c.json", "");
    g_free(write_scenario(&made, "notes.txt", ""));
    add(&made, made.folder, NULL);
    static const char *const names[] = {"a control.lookahead=1", "a control.lookahead=2", "b", "c"};
    static const guint groups[] = {0, 0, 1, 2};
    ck_assert_uint_eq(made.validation->cases->len, G_N_ELEMENTS(names));
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        ck_assert_str_eq(at(&made, i)->name, names[i]);
        ck_assert_uint_eq(at(&made, i)->group, groups[i]);
    }
    ck_assert_str_eq(at(&made, 1)->settings[0], "control.lookahead=2");
    ck_assert_str_eq(at(&made, 3)->path, inner);
    static const char *const varied[] = {"control.policy=fifo,share,none", NULL};
    add(&made, a, varied); /* In place of its own. */
    ck_assert_uint_eq(made.validation->cases->len, 7);
    ck_assert_str_eq(at(&made, 6)->name, "a control.policy=none");
    clear(&made);
}
END_TEST

START_TEST(what_cannot_be_run_is_told_at_once)
{
    fixture made = make();
    g_autofree char *path = write_scenario(&made, "a.json", "");
    g_autofree char *empty = g_build_filename(made.folder, "empty", NULL);
    g_autofree char *missing = g_build_filename(made.folder, "missing.json", NULL);
    ck_assert_int_eq(g_mkdir_with_parents(empty, 0755), 0);
    const struct {
        const char *path, *setting, *varied, *part;
        int code;
    } wrongs[] = {
        {missing, NULL, NULL, "missing.json", GW_ERROR_SCENARIO},
        {empty, NULL, NULL, "found no scenario", GW_ERROR_SCENARIO},
        {path, "jobs.0.steps=2", NULL, "more than 2 steps", GW_ERROR_SCENARIO},
        {path, "control.policy=fivo", NULL, "did you mean \"fifo\"", GW_ERROR_SCENARIO},
        {path, NULL, "control.policy", "--vary: ", GW_ERROR_USAGE},
        {path, NULL, "control.policy=fifo,fivo", "did you mean \"fifo\"", GW_ERROR_SCENARIO},
    };
    for (guint i = 0; i < G_N_ELEMENTS(wrongs); i++) {
        const char *const settings[] = {wrongs[i].setting, NULL};
        const char *const varied[] = {wrongs[i].varied, NULL};
        g_autoptr(GError) error = NULL;
        ck_assert(!gw_validation_add(made.validation, wrongs[i].path, settings,
                                     wrongs[i].varied != NULL ? varied : NULL, &error));
        ck_assert_msg(g_error_matches(error, GW_ERROR, wrongs[i].code), "%s", error->message);
        ck_assert_msg(strstr(error->message, wrongs[i].part) != NULL, "%s", error->message);
    }
    clear(&made);
}
END_TEST

START_TEST(verdicts_tell_errors_from_noise)
{
    static const struct {
        double predicted_ns, low_ns, middle_ns, high_ns;
        gw_validation_verdict verdict;
        guint within;
    } rows[] = {
        {100, 90, 102, 110, GW_VALIDATION_SPREAD, 1},
        {100, 80, 120, 121, GW_VALIDATION_SPREAD, 0}, /* Noise, and yet not near. */
        {100, 101, 105, 106, GW_VALIDATION_TOLERANCE, 1},
        {100, 101, 112, 113, GW_VALIDATION_OFF, 0},
        {115, 98, 104, 106, GW_VALIDATION_OFF, 0},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        fixture made = make();
        g_autofree char *path = write_scenario(&made, "a.json", "");
        add(&made, path, NULL);
        give_runs(at(&made, 0), rows[i].predicted_ns, rows[i].middle_ns, rows[i].high_ns,
                  rows[i].low_ns);
        gw_validation_judge(made.validation);
        ck_assert_int_eq(at(&made, 0)->verdict, rows[i].verdict);
        ck_assert_uint_eq(made.validation->within_count, rows[i].within);
        ck_assert_double_eq(at(&made, 0)->steps[0].measured, rows[i].middle_ns);
        ck_assert_double_eq_tol(at(&made, 0)->error, rows[i].predicted_ns / rows[i].middle_ns - 1,
                                1e-12);
        ck_assert(gw_validation_holds(made.validation) == (rows[i].within == 1));
        ck_assert_double_eq(made.validation->foreign, rows[i].middle_ns / 1e5);
        ck_assert_ptr_eq(gw_validation_typical_run(at(&made, 0)), at(&made, 0)->measured->pdata[0]);
        const gw_validation_pair all =
            gw_validation_phase(at(&made, 0), GW_INDEX_NONE, GW_PHASE_COMPUTE);
        ck_assert_double_eq_tol(all.predicted, 0.9 * rows[i].predicted_ns, 1e-9);
        ck_assert_double_eq_tol(all.highest, 0.9 * rows[i].high_ns, 1e-9);
        clear(&made);
    }
}
END_TEST

static void add_three(fixture *made, double first_ns, double second_ns, double third_ns)
{
    static const char *const varied[] = {"control.lookahead=1,2,4", NULL};
    g_autofree char *path = write_scenario(made, "a.json", "");
    add(made, path, varied);
    give_runs(at(made, 0), first_ns, 100, 101, 102);
    give_runs(at(made, 1), second_ns, 101, 103, 105); /* Not apart from the first. */
    give_runs(at(made, 2), third_ns, 110, 111, 112);
    gw_validation_judge(made->validation);
}

START_TEST(orders_are_of_what_was_measured_apart)
{
    fixture made = make();
    add_three(&made, 104, 100, 108);
    ck_assert_uint_eq(made.validation->orders->len, 2);
    ck_assert(gw_validation_holds(made.validation));
    clear(&made);
    made = make();
    add_three(&made, 104, 109, 108);
    g_autofree char *text = gw_validation_text(made.validation, false);
    ck_assert(!gw_validation_holds(made.validation));
    ck_assert_ptr_nonnull(strstr(text, "1 of 2 orders hold"));
    ck_assert_ptr_nonnull(strstr(text, "NOT: job job of a control.lookahead=2 measured faster than "
                                       "of a control.lookahead=4, predicted otherwise"));
    clear(&made);
    made = make();
    add_three(&made, 108, 100, 108); /* To predict no difference is to miss it. */
    ck_assert(!gw_validation_holds(made.validation));
    clear(&made);
}
END_TEST

/* A chance that sets two apart is not met twice; what was predicted wrong is. */
START_TEST(a_missed_order_is_doubted)
{
    for (guint is_chance = 0; is_chance < 2; is_chance++) {
        fixture made = make();
        add_three(&made, 104, 109, 108);
        ck_assert_uint_eq(gw_validation_doubt(made.validation), 2);
        ck_assert(!at(&made, 0)->is_again);
        ck_assert(at(&made, 1)->is_again && at(&made, 2)->is_again);
        give_runs(at(&made, 1), 109, 102, 103, is_chance ? 111 : 104);
        give_runs(at(&made, 2), 108, 109, 110, 111);
        gw_validation_judge(made.validation);
        ck_assert(gw_validation_holds(made.validation) == is_chance);
        ck_assert_uint_eq(made.validation->orders->len, 2 - is_chance);
        g_autofree char *text = gw_validation_text(made.validation, false);
        ck_assert_ptr_nonnull(strstr(text, "2 cases were executed 3 times more: after the first 3 "
                                           "an order of theirs did not hold"));
        ck_assert_uint_eq(gw_validation_doubt(made.validation), 0); /* Once. */
        clear(&made);
    }
    fixture made = make();
    add_three(&made, 104, 100, 108);
    ck_assert_uint_eq(gw_validation_doubt(made.validation), 0);
    g_autofree char *text = gw_validation_text(made.validation, false);
    ck_assert_ptr_null(strstr(text, "times more"));
    clear(&made);
}
END_TEST

/* Figures of each round predict for themselves, and their median is what was predicted. */
START_TEST(predictions_of_rounds_have_a_median)
{
    fixture made = make();
    g_autofree char *path = write_scenario(&made, "a.json", "");
    add(&made, path, NULL);
    give_runs(at(&made, 0), 90, 100, 104, 102);
    g_ptr_array_add(at(&made, 0)->predicted, make_run(120));
    g_ptr_array_add(at(&made, 0)->predicted, make_run(101));
    made.validation->machine = g_strdup("/machine.json");
    gw_validation_judge(made.validation);
    const gw_validation_pair *step = &at(&made, 0)->steps[0];
    ck_assert_double_eq(step->predicted, 101);
    ck_assert_double_eq(step->predicted_lowest, 90);
    ck_assert_double_eq(step->predicted_highest, 120);
    ck_assert_double_eq(step->measured, 102);
    ck_assert_int_eq(at(&made, 0)->verdict, GW_VALIDATION_SPREAD);
    const gw_validation_pair all = gw_validation_phase(at(&made, 0), 1, GW_PHASE_COMPUTE);
    ck_assert_double_eq_tol(all.predicted, 0.9 * 101, 1e-9);
    ck_assert_double_eq(gw_validation_typical_prediction(at(&made, 0))->step_ns[0], 101);
    ck_assert_double_eq(gw_validation_typical_run(at(&made, 0))->step_ns[0], 102);
    g_autofree char *json = gw_validation_json(made.validation);
    g_autoptr(gw_params) root = gw_params_parse(json, "validate.json", NULL);
    ck_assert_ptr_nonnull(root);
    ck_assert_ptr_nonnull(strstr(json, "\"predictions_ns\""));
    clear(&made);
}
END_TEST

static void set_foreign(const gw_validation_case *of, guint run, double foreign)
{
    ((gw_phase_report *)of->measured->pdata[run])->foreign = foreign;
}

/* What others were in the way of says nothing of the machine, unless there is nothing else. */
START_TEST(runs_beside_other_work_are_left_out)
{
    fixture made = make();
    g_autofree char *path = write_scenario(&made, "a.json", "");
    add(&made, path, NULL);
    give_runs(at(&made, 0), 100, 180, 104, 102);
    set_foreign(at(&made, 0), 0, 0.4);
    made.validation->machine = g_strdup("/machine.json");
    gw_validation_judge(made.validation);
    ck_assert_uint_eq(made.validation->left_out_count, 1);
    ck_assert_double_eq(at(&made, 0)->steps[0].highest, 104);
    ck_assert_double_eq(at(&made, 0)->steps[0].measured, 103);
    g_autofree char *text = gw_validation_text(made.validation, false);
    ck_assert_ptr_nonnull(strstr(text, "1 of 3 runs left out: beside them it took more than 5 %"));
    g_autofree char *json = gw_validation_json(made.validation);
    ck_assert_ptr_nonnull(strstr(json, "\"left_out\": 1"));
    set_foreign(at(&made, 0), 1, 0.06);
    set_foreign(at(&made, 0), 2, NAN); /* Not known. */
    gw_validation_judge(made.validation);
    ck_assert_uint_eq(made.validation->left_out_count, 2);
    ck_assert_double_eq(at(&made, 0)->steps[0].measured, 102);
    set_foreign(at(&made, 0), 2, 0.9);
    gw_validation_judge(made.validation);
    ck_assert_uint_eq(made.validation->left_out_count, 0);
    ck_assert_double_eq(at(&made, 0)->steps[0].measured, 104);
    clear(&made);
}
END_TEST

static void check_cores(gw_calibration_seen *seen, gw_scenario *scenario)
{
    gw_accelerator *accelerator = &scenario->cluster.accelerators[0];
    const double threads_ns[] = {12, 8};
    ck_assert_uint_eq(accelerator->core_slowness_count, 0);
    g_array_append_vals(seen->threads_ns, threads_ns, 2);
    for (uint32_t cores = 0; cores < 4; cores++) {
        accelerator->shared_cores = cores;
        gw_validation_go_by(seen, scenario);
        ck_assert_uint_eq(accelerator->core_slowness_count, cores < 2 ? 0 : 2);
    }
    ck_assert_double_eq(accelerator->core_slowness[0], 1.2);
    ck_assert_double_eq(accelerator->core_slowness[1], 0.8);
}

/* What a user says of an island stays; cores are told apart where there are as many. */
START_TEST(predictions_go_by_what_was_seen)
{
    fixture made = make();
    g_autofree char *path = write_scenario(&made, "a.json", "");
    const char *const own[] = {"cluster.islands.0.jitter=0.02", NULL};
    for (guint is_own = 0; is_own < 2; is_own++) {
        g_autoptr(gw_scenario) scenario = gw_scenario_load(path, is_own ? own : NULL, NULL);
        g_autoptr(gw_calibration_seen) seen = gw_calibration_seen_new();
        const gw_calibration_shape shape = {.kind = 1, .shape = {{8, 0, 0}, 77}, .count = 1};
        gw_measured **measured = &scenario->cluster.accelerators[0].measured;
        gw_calibration_seen_add(seen, &shape);
        *measured = g_new0(gw_measured, 1);
        const double before = scenario->cluster.islands[0].jitter;
        gw_validation_go_by(seen, scenario);
        ck_assert_double_eq(scenario->cluster.islands[0].jitter, before); /* None was seen. */
        ck_assert_uint_eq((*measured)->tables[1].shape_count, 1);
        ck_assert_double_eq((*measured)->tables[1].shapes[0].ns, 77);
        seen->took_ns = 100;
        seen->apart_ns = 8;
        gw_validation_go_by(seen, scenario);
        ck_assert_double_eq(scenario->cluster.islands[0].jitter,
                            is_own ? 0.02 : gw_calibration_seen_jitter(seen));
        check_cores(seen, scenario);
    }
    clear(&made);
}
END_TEST

START_TEST(a_machine_that_is_none_changes_nothing)
{
    fixture made = make();
    g_autofree char *path = write_scenario(&made, "a.json", "");
    g_autofree char *missing = g_build_filename(made.folder, "none.json", NULL);
    g_autoptr(GError) error = NULL;
    ck_assert(!gw_validation_set_machine(made.validation, g_strdup(missing), &error));
    ck_assert_ptr_nonnull(strstr(error->message, "none.json"));
    g_clear_error(&error);
    ck_assert(!gw_validation_set_machine(made.validation, g_strdup(path), &error));
    ck_assert_ptr_nonnull(strstr(error->message, "accelerator"));
    ck_assert_ptr_null(made.validation->machine);
    ck_assert_ptr_null(made.validation->figures);
    add(&made, path, NULL);
    clear(&made);
}
END_TEST

START_TEST(a_failure_is_told_and_holds_nothing)
{
    fixture made = make();
    g_autofree char *a = write_scenario(&made, "a.json", "");
    g_autofree char *b = write_scenario(&made, "b.json", "");
    add(&made, a, NULL);
    add(&made, b, NULL);
    give_runs(at(&made, 0), 100, 100, 100, 100);
    at(&made, 1)->failure = g_strdup("executed: it stood still\nand more");
    at(&made, 1)->exit_code = 3;
    made.validation->machine = g_strdup("/machine.json");
    gw_validation_judge(made.validation);
    ck_assert_int_eq(at(&made, 1)->verdict, GW_VALIDATION_FAILED);
    ck_assert_uint_eq(made.validation->failed_count, 1);
    ck_assert(!gw_validation_holds(made.validation));
    g_autofree char *text = gw_validation_text(made.validation, true);
    ck_assert_ptr_nonnull(strstr(text, "FAILED  executed: it stood still\n"));
    ck_assert_ptr_nonnull(strstr(text, "1 of 2 within 10 %, median error 0.0 %"));
    ck_assert_ptr_nonnull(strstr(text, "; 1 failed\n"));
    g_autofree char *csv = gw_validation_csv(made.validation);
    ck_assert_ptr_nonnull(strstr(csv, ",job,,,,,,failed\n"));
    g_autofree char *json = gw_validation_json(made.validation);
    ck_assert_ptr_nonnull(strstr(json, "\"exit_code\": 3"));
    clear(&made);
}
END_TEST

START_TEST(files_hold_what_was_found)
{
    fixture made = make();
    g_autofree char *path = write_scenario(&made, "a.json", "");
    add(&made, path, NULL);
    give_runs(at(&made, 0), 100, 104, 112, 102);
    made.validation->machine = g_strdup("/machine.json");
    gw_validation_judge(made.validation);
    g_autofree char *csv = gw_validation_csv(made.validation);
    g_autofree char *row = g_strdup_printf("\na,%s,job,100.0,104.0,102.0,112.0,-0.038", path);
    ck_assert_ptr_nonnull(strstr(csv, row));
    g_autofree char *phases = gw_validation_phases_csv(made.validation);
    ck_assert_ptr_nonnull(strstr(phases, "\na,1,compute,90.0,"));
    ck_assert_ptr_nonnull(strstr(phases, "\na,all,idle,0.0,0.0,0.0,0.0\n"));
    g_autofree char *timelines = gw_validation_timelines_csv(at(&made, 0));
    ck_assert_str_eq(timelines, "world,device,start_ns,end_ns,job,node,microbatch\n"
                                "predicted,0,0,100,job,work,\nmeasured,0,0,104,job,work,\n");
    g_autofree char *json = gw_validation_json(made.validation);
    g_autoptr(gw_params) root = gw_params_parse(json, "validate.json", NULL);
    ck_assert_ptr_nonnull(root);
    clear(&made);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("validation");
    TCase *cases = tcase_create("validation");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, cases_come_from_files_and_folders);
    tcase_add_test(cases, what_cannot_be_run_is_told_at_once);
    tcase_add_test(cases, verdicts_tell_errors_from_noise);
    tcase_add_test(cases, orders_are_of_what_was_measured_apart);
    tcase_add_test(cases, a_missed_order_is_doubted);
    tcase_add_test(cases, predictions_of_rounds_have_a_median);
    tcase_add_test(cases, runs_beside_other_work_are_left_out);
    tcase_add_test(cases, predictions_go_by_what_was_seen);
    tcase_add_test(cases, a_machine_that_is_none_changes_nothing);
    tcase_add_test(cases, a_failure_is_told_and_holds_nothing);
    tcase_add_test(cases, files_hold_what_was_found);
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
