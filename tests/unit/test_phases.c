/* SPDX-License-Identifier: Apache-2.0 */
/* Where the time of devices went, told record by record: two devices, a node on each, one of which
 * needs what the other made. */
#include <check.h>
#include <math.h>
#include <string.h>

#include "app/phases.h"
#include "base/error.h"
#include "run_suite.h"

static const char scenario_text[] =
    "{\"cluster\": {\"islands\": [{\"hosts\": 1, \"devices_per_host\": 4, \"accelerator\": "
    "\"a100\"}]},"
    " \"jobs\": [{\"name\": \"job\", \"workload\": \"graph\", \"steps\": 8, \"in_flight\": %u,"
    "  \"parameters\": {\"meshes\": {\"left\": [1], \"right\": [1]},"
    "   \"functions\": {\"work\": {\"operations\": [{\"flops\": 1000}], \"output\": \"16B\"}},"
    "   \"nodes\": [{\"name\": \"a.0\", \"function\": \"work\", \"mesh\": \"left\"},"
    "               {\"name\": \"b.0\", \"function\": \"work\", \"mesh\": \"right\","
    "                \"inputs\": [\"a.0\"]}]}}]}";

typedef struct {
    gw_scenario *scenario;
    gw_phases *phases;
    gw_recorder_observer observer;
} fixture;

static fixture make(guint in_flight)
{
    g_setenv("GANGWAY_CONFIGS", GW_SOURCE_DIR "/configs", TRUE);
    g_autofree char *text = g_strdup_printf(scenario_text, in_flight);
    g_autoptr(GError) error = NULL;
    fixture made = {gw_scenario_parse(text, "phases.json", &error), NULL, {0}};
    ck_assert_msg(made.scenario != NULL, "%s", error != NULL ? error->message : "");
    made.phases = gw_phases_new(made.scenario);
    made.observer = gw_phases_observer(made.phases);
    return made;
}

static void clear(fixture *made)
{
    gw_phases_free(made->phases);
    gw_scenario_free(made->scenario);
}

/* Device 1 runs node 0 (a), device 3 node 1 (b). */
static void run(fixture *made, guint step, guint node, gw_time start_ns, gw_time end_ns,
                gw_span local_ns, gw_span collective_ns)
{
    const gw_shard_record record = {.run = step,
                                    .node = node,
                                    .first_device = node == 0 ? 1 : 3,
                                    .device_count = 1,
                                    .start_ns = start_ns,
                                    .end_ns = end_ns,
                                    .local_ns = local_ns,
                                    .collective_ns = collective_ns};
    made->observer.shards(made->observer.context, &record);
}

static void copy(fixture *made, gw_time start_ns, gw_time end_ns)
{
    const gw_transfer_record record = {
        .source_device = 1, .target_device = 3, .start_ns = start_ns, .end_ns = end_ns};
    made->observer.transfer(made->observer.context, &record);
}

static void end_step(fixture *made, guint step, gw_time at_ns)
{
    made->observer.run_done(made->observer.context, 0, step, at_ns);
}

static gw_phase_report *report(const fixture *made, guint64 warm)
{
    g_autoptr(GError) error = NULL;
    gw_phase_report *reported = gw_phases_report(made->phases, warm, &error);
    ck_assert_msg(reported != NULL, "%s", error != NULL ? error->message : "");
    return reported;
}

static void check_device(const gw_phase_report *reported, guint place, guint device, double compute,
                         double communication, double idle, double control)
{
    const double expected[GW_PHASE_COUNT] = {compute, communication, idle, control};
    const gw_phase_device *at = &g_array_index(reported->devices, gw_phase_device, place);
    ck_assert_uint_eq(at->device, device);
    double sum = 0;
    for (guint p = 0; p < GW_PHASE_COUNT; p++) {
        ck_assert_msg(fabs(at->ns[p] - expected[p]) < 1e-6, "device %u, %s: %g, expected %g",
                      device, gw_phase_names[p], at->ns[p], expected[p]);
        sum += at->ns[p];
    }
    ck_assert_double_eq_tol(sum, reported->window_ns, 1e-6);
}

/* Step 1 of two: from 100 to 200. */
START_TEST(each_time_has_one_phase)
{
    fixture made = make(8);
    run(&made, 0, 0, 10, 40, 30, 0);
    run(&made, 0, 1, 60, 90, 30, 0);
    end_step(&made, 0, 100);
    run(&made, 1, 0, 110, 140, 20, 6); /* Waits for 4 inside. */
    copy(&made, 145, 155);
    run(&made, 1, 1, 160, 190, 30, 0);
    end_step(&made, 1, 200);
    g_autoptr(gw_phase_report) reported = report(&made, 1);
    ck_assert_double_eq(reported->window_ns, 100);
    ck_assert_uint_eq(reported->step_count, 1);
    ck_assert_double_eq(reported->step_ns[0], 100);
    ck_assert_uint_eq(reported->devices->len, 2);
    /* From 100 to 110 nothing but the control plane is in its way; after 140 it is done. */
    check_device(reported, 0, 1, 20, 6, 4 + 60, 10);
    /* To 140 it waits for a; of the rest to 160, 10 for the copy. */
    check_device(reported, 1, 3, 30, 10, 40 + 10, 5 + 5);
    clear(&made);
}
END_TEST

START_TEST(copies_that_overlap_count_once)
{
    fixture made = make(8);
    run(&made, 0, 0, 10, 20, 10, 0);
    run(&made, 0, 1, 30, 40, 10, 0);
    end_step(&made, 0, 100);
    run(&made, 1, 0, 100, 120, 20, 0);
    copy(&made, 105, 130); /* From 120 on it is ready but for the copies. */
    copy(&made, 110, 128);
    copy(&made, 125, 140);
    copy(&made, 150, 155);
    run(&made, 1, 1, 160, 200, 40, 0);
    end_step(&made, 1, 200);
    g_autoptr(gw_phase_report) reported = report(&made, 1);
    check_device(reported, 1, 3, 40, 20 + 5, 20, 10 + 5);
    clear(&made);
}
END_TEST

/* One at a time: the first node of step 1 has to wait for all of step 0. */
START_TEST(a_full_window_is_waiting_for_devices)
{
    for (guint in_flight = 1; in_flight <= 2; in_flight++) {
        fixture made = make(in_flight);
        run(&made, 0, 0, 0, 10, 10, 0);
        end_step(&made, 0, 20); /* What comes to an end twice is told in any order. */
        run(&made, 0, 1, 10, 60, 50, 0);
        run(&made, 1, 0, 70, 80, 10, 0);
        run(&made, 1, 1, 80, 90, 10, 0);
        end_step(&made, 1, 90);
        g_autoptr(gw_phase_report) reported = report(&made, 1);
        check_device(reported, 0, 1, 10, 0, in_flight == 1 ? 40 + 10 : 10,
                     in_flight == 1 ? 10 : 50);
        clear(&made);
    }
}
END_TEST

/* What begins before the window or ends after it counts with what lies in it. */
START_TEST(the_edges_of_the_window_cut)
{
    fixture made = make(8);
    run(&made, 0, 0, 0, 10, 10, 0);
    run(&made, 0, 1, 10, 20, 10, 0);
    end_step(&made, 0, 50);
    run(&made, 1, 0, 40, 60, 10, 10);
    run(&made, 1, 1, 60, 100, 40, 0);
    end_step(&made, 1, 90);
    g_autoptr(gw_phase_report) reported = report(&made, 1);
    check_device(reported, 0, 1, 5, 5, 30, 0);
    check_device(reported, 1, 3, 30, 0, 10, 0);
    ck_assert_ptr_nonnull(strstr(reported->timeline, "1,0,10,job,a.0,\n"));
    ck_assert_ptr_nonnull(strstr(reported->timeline, "3,10,40,job,b.0,\n"));
    ck_assert_ptr_null(strstr(reported->timeline, "3,0,"));
    clear(&made);
}
END_TEST

START_TEST(step_times_leave_the_first_out)
{
    static const gw_time ends_ns[] = {1000, 1100, 1300, 1210};
    fixture made = make(8);
    for (guint i = 0; i < G_N_ELEMENTS(ends_ns); i++) {
        run(&made, i, 0, 100 * i, 100 * i + 50, 50, 0);
        end_step(&made, i, ends_ns[i]);
    }
    for (guint64 warm = 1; warm <= 3; warm++) {
        static const double expected_ns[] = {100, 100, 90};
        g_autoptr(gw_phase_report) reported = report(&made, warm);
        ck_assert_double_eq_tol(reported->step_ns[0], expected_ns[warm - 1], 1e-9);
        ck_assert_uint_eq(reported->step_count, 4 - warm);
    }
    g_autoptr(GError) error = NULL;
    ck_assert_ptr_null(gw_phases_report(made.phases, 4, &error));
    ck_assert(g_error_matches(error, GW_ERROR, GW_ERROR_SCENARIO));
    ck_assert_ptr_nonnull(strstr(error->message, "4 steps that are left out"));
    clear(&made);
}
END_TEST

START_TEST(a_report_travels_as_text)
{
    fixture made = make(8);
    run(&made, 0, 0, 10, 40, 30, 0);
    end_step(&made, 0, 100);
    run(&made, 1, 0, 110, 143, 20, 7);
    end_step(&made, 1, 207);
    g_autoptr(gw_phase_report) reported = report(&made, 1);
    ck_assert(isnan(reported->foreign));
    reported->foreign = 0.25;
    reported->step_ns[0] = NAN; /* Of a job that did not come so far. */
    g_autofree char *text = gw_phase_report_text(reported);
    g_autoptr(gw_phase_report) read = gw_phase_report_parse(text, 1);
    ck_assert_double_eq(read->window_ns, reported->window_ns);
    ck_assert_uint_eq(read->step_count, 1);
    ck_assert_double_eq(read->foreign, 0.25);
    ck_assert_uint_eq(read->job_count, 1);
    ck_assert(isnan(read->step_ns[0]));
    ck_assert_uint_eq(read->devices->len, 1);
    check_device(read, 0, 1, 20, 7, 6 + 64, 10);
    ck_assert_str_eq(read->timeline, reported->timeline);
    clear(&made);
}
END_TEST

START_TEST(a_damaged_report_is_refused_by_line)
{
    static const char good[] =
        "{\"window_ns\": 5,\n\"steps\": 2,\n\"foreign\": [null],\n\"step_ns\": [1, null],\n"
        "\"devices\": [{\"device\": 3, \"ns\": [1, 2, 3, 4]}],\n\"timeline\": \"\"}";
    static const struct {
        const char *was, *is, *part;
    } rows[] = {
        {"\"window_ns\": 5", "\"window_ns\": -5", "report:1: /window_ns: found -5"},
        {"\"steps\": 2", "\"steps\": 2.5", "report:2: /steps: found 2.5"},
        {"\"steps\"", "\"stepz\"", "report:1: /: found no \"steps\""},
        {"[null]", "[null, 1]", "report:3: /foreign: found 2 numbers, expected 1"},
        {"[1, null]", "[1, \"x\"]", "report:4: /step_ns/1: found \"x\""},
        {"[1, null]", "[1]", "report:4: /step_ns: found 1 number, expected 2"},
        {"[1, 2, 3, 4]", "[1, 2, null, 4]", "report:5: /devices/0/ns/2: found null"},
        {"\"device\": 3", "\"device\": 3, \"more\": 1", "report:5: /devices/0/more"},
        {"\"timeline\": \"\"", "\"timeline\": 3", "report:6: /timeline: found 3"},
    };
    for (guint i = 0; i <= G_N_ELEMENTS(rows); i++) {
        g_autoptr(GString) text = g_string_new(good);
        g_autoptr(GError) error = NULL;
        const bool is_good = i == G_N_ELEMENTS(rows);
        ck_assert(is_good || g_string_replace(text, rows[i].was, rows[i].is, 1) == 1);
        g_autoptr(gw_params) root = gw_params_parse(text->str, "report", NULL);
        g_autoptr(gw_phase_report) read = gw_phase_report_read(root, 2, &error);
        ck_assert((read != NULL) == is_good);
        if (!is_good)
            ck_assert_msg(strstr(error->message, rows[i].part) != NULL, "%s", error->message);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("phases");
    TCase *cases = tcase_create("phases");
    tcase_add_test(cases, each_time_has_one_phase);
    tcase_add_test(cases, copies_that_overlap_count_once);
    tcase_add_test(cases, a_full_window_is_waiting_for_devices);
    tcase_add_test(cases, the_edges_of_the_window_cut);
    tcase_add_test(cases, step_times_leave_the_first_out);
    tcase_add_test(cases, a_report_travels_as_text);
    tcase_add_test(cases, a_damaged_report_is_refused_by_line);
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
