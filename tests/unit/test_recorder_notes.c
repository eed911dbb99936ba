/* SPDX-License-Identifier: Apache-2.0 */
/* Notes of a job that moves, spills, waits and is late, and of one that fails, as a summary tells
 * them; each kind by numbers of its own. */
#include "record/recorder.h"
#include "run_suite.h"
#include "test_record.h"

static const char *const result_names[] = {"loss", "drawn"};
static const bool is_drawn[] = {false, true};
static const gw_recorder_job jobs[] = {
    {.name = "moves",
     .step_count = 2,
     .result_names = result_names,
     .is_drawn = is_drawn,
     .result_count = 2,
     .device_count = 1,
     .has_deadline = true,
     .has_exchanges = true},
    {.name = "fails", .step_count = 2, .device_count = 1},
};
static const gw_recorder_island islands[] = {{.device_count = 2}};

static const struct {
    gw_note_kind kind;
    uint64_t a, b;
    double value;
    gw_time at_ns;
} told[] = {
    {GW_NOTE_JOB_STARTED, 0, 0, 0, 10},
    {GW_NOTE_GANG_ORDERED, 0, 0, 0, 11}, /* Nobody counts those. */
    {GW_NOTE_JOB_STAYED, 0, 0, 0, 12},
    {GW_NOTE_STATE_LEAVES, 0, 1, 0, 20},
    {GW_NOTE_STATE_MOVED, 0, 640, 0, 25},
    {GW_NOTE_JOB_MOVED, 0, 1, 0, 26},
    {GW_NOTE_JOB_MOVED, 0, 2, 0, 27},
    {GW_NOTE_SPILLED, 0, 100, 0, 30},
    {GW_NOTE_RETURNED, 0, 60, 0, 31},
    {GW_NOTE_ROWS, 0, 7, 2, 32},
    {GW_NOTE_RUN_DONE, 0, 0, 0, 40},
    {GW_NOTE_RESULT, 0, 0, 0.5, 41},
    {GW_NOTE_RESULT, 0, 1, 1.5, 41},
    {GW_NOTE_DEADLINE_MISSED, 0, 0, 0, 42},
    {GW_NOTE_RUN_DONE, 0, 1, 0, 70},
    {GW_NOTE_ORDER_WAIT, 0, 9, 0, 71},
    {GW_NOTE_STARVED, 0, 8, 0, 71},
    {GW_NOTE_JOB_DONE, 0, 0, 0, 80},
    {GW_NOTE_JOB_STARTED, 1, 3, 0, 15},
    {GW_NOTE_LEASE_EXPIRED, 1, 3, 0, 90},
    {GW_NOTE_JOB_COLLECTED, 1, 3, 0, 95},
};

static gw_recorder *tell(bool has_data)
{
    const gw_recorder_settings settings = {.scenario = "s",
                                           .backend = "sim",
                                           .jobs = jobs,
                                           .job_count = 2,
                                           .islands = islands,
                                           .island_count = 1,
                                           .device_count = 2};
    g_autoptr(GError) error = NULL;
    gw_recorder *recorder = gw_recorder_new(&settings, &error);
    ck_assert_ptr_nonnull(recorder);
    for (uint32_t i = 0; i < G_N_ELEMENTS(told); i++) {
        const gw_note note = {told[i].kind, told[i].a, told[i].b, told[i].value};
        gw_recorder_add_note(recorder, &note, has_data, told[i].at_ns);
    }
    return recorder;
}

/* The caller hands it to json_decref(). */
static json_t *sum_up(gw_recorder *recorder)
{
    const gw_recorder_timing timing = {.wall_s = 1, .cpu_s = 1};
    ck_assert(gw_recorder_finish(recorder, 1, &timing, NULL));
    return parse_json(gw_recorder_summary(recorder));
}

static const json_t *job_of(const json_t *root, uint32_t job)
{
    return json_array_get(json_object_get(root, "jobs"), job);
}

static void check_number(const json_t *job, const char *key, double expected)
{
    const json_t *found = json_object_get(job, key);
    ck_assert_msg(json_is_number(found) && json_number_value(found) == expected, "%s: %g", key,
                  json_number_value(found));
}

START_TEST(every_note_is_a_number_of_its_job)
{
    g_autoptr(gw_recorder) recorder = tell(true);
    json_t *root = sum_up(recorder);
    const json_t *moves = job_of(root, 0);
    const json_t *fails = job_of(root, 1);
    static const struct {
        const char *key;
        double expected;
    } numbers[] = {{"started_ns", 10},     {"done_ns", 80},       {"steps", 2},
                   {"moves", 2},           {"stays", 1},          {"moved_bytes", 640},
                   {"moving_ns", 5},       {"step_time_ns", 30},  {"order_wait_ns_max", 9},
                   {"rows_dealt", 7},      {"rows_dropped", 2},   {"deadlines_missed", 1},
                   {"bytes_spilled", 100}, {"bytes_returned", 60}};
    for (uint32_t i = 0; i < G_N_ELEMENTS(numbers); i++) {
        check_number(moves, numbers[i].key, numbers[i].expected);
    }
    ck_assert_uint_eq(gw_recorder_starved_ns(recorder, 0), 8);
    check_number(fails, "failed_ns", 90);
    check_number(fails, "collected_ns", 95);
    ck_assert(json_is_null(json_object_get(fails, "done_ns")));
    json_decref(root);
}
END_TEST

/* A client that failed before it owned anything is over at once. */
START_TEST(who_owns_nothing_is_collected_as_it_fails)
{
    for (uint64_t owned = 0; owned < 2; owned++) {
        g_autoptr(gw_recorder) recorder = tell(true);
        const gw_note note = {GW_NOTE_CLIENT_FAILED, 0, owned, 0};
        gw_recorder_add_note(recorder, &note, true, 99);
        json_t *root = sum_up(recorder);
        const json_t *job = job_of(root, 0);
        ck_assert_int_eq(json_object_get(job, "collected_ns") != NULL, owned == 0);
        json_decref(root);
    }
}
END_TEST

/* Without data only what is drawn is a value. */
START_TEST(results_are_values_where_devices_compute)
{
    for (uint32_t has_data = 0; has_data < 2; has_data++) {
        g_autoptr(gw_recorder) recorder = tell(has_data != 0);
        json_t *root = sum_up(recorder);
        const json_t *job = job_of(root, 0);
        const json_t *results = json_object_get(job, "results");
        ck_assert_uint_eq(json_array_size(json_object_get(results, "drawn")), 1);
        ck_assert_uint_eq(json_array_size(json_object_get(results, "loss")), has_data);
        json_decref(root);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("recorder_notes");
    TCase *cases = tcase_create("recorder_notes");
    tcase_add_test(cases, every_note_is_a_number_of_its_job);
    tcase_add_test(cases, who_owns_nothing_is_collected_as_it_fails);
    tcase_add_test(cases, results_are_values_where_devices_compute);
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
