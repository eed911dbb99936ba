/* SPDX-License-Identifier: Apache-2.0 */
/* A run goes in at one end, and files that agree come out at the other. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>

#include "base/error.h"
#include "record/recorder.h"
#include "test_record.h"

static const char *const node_names[] = {"forward", "backward, \"b\""};
static const uint64_t computations[] = {1, 1};
static const uint32_t stages[] = {0, GW_INDEX_NONE};
static const uint32_t microbatches[] = {5, GW_INDEX_NONE};
static const char *const result_names[] = {"loss"};
static const gw_recorder_job jobs[] = {
    {.name = "train",
     .step_count = 3,
     .node_names = node_names,
     .computations = computations,
     .stages = stages,
     .microbatches = microbatches,
     .node_count = 2,
     .result_names = result_names,
     .result_count = 1,
     .device_count = 6},
    {.name = "serve",
     .step_count = 4,
     .node_names = node_names,
     .computations = computations,
     .stages = stages,
     .microbatches = microbatches,
     .node_count = 2,
     .device_count = 1},
};
static const gw_recorder_island islands[] = {
    {.first_device = 0, .device_count = 4, .busy_watts = 100, .idle_watts = 10},
    {.first_device = 4, .device_count = 2, .busy_watts = 100, .idle_watts = 10},
};
static const gw_recorder_timing timing = {
    .wall_s = 2, .cpu_s = 1.5, .events = 1000, .device_operations = 500, .peak_bytes = 4096};

static gw_recorder_settings make_settings(const char *folder)
{
    return (gw_recorder_settings){.scenario = "s",
                                  .backend = "sim",
                                  .seed = 3,
                                  .jobs = jobs,
                                  .job_count = 2,
                                  .islands = islands,
                                  .island_count = 2,
                                  .device_count = 6,
                                  .folder = folder,
                                  .wants_trace = true,
                                  .wants_gangs = true};
}

static gw_recorder *make_recorder(const gw_recorder_settings *settings)
{
    g_autoptr(GError) error = NULL;
    gw_recorder *recorder = gw_recorder_new(settings, &error);
    ck_assert_msg(recorder != NULL, "%s", error == NULL ? "no message" : error->message);
    return recorder;
}

static void note(gw_recorder *recorder, gw_note_kind kind, uint32_t job, uint64_t b, gw_time now_ns)
{
    gw_recorder_add_note(recorder, &(gw_note){kind, job, b, 0}, true, now_ns);
}

static void add_result(gw_recorder *recorder, uint32_t job, uint32_t result, uint64_t run,
                       double value, bool has_data)
{
    const gw_note told = {GW_NOTE_RESULT, job, run << 32 | result, value};
    gw_recorder_add_note(recorder, &told, has_data, 0);
}

static void add_run(gw_recorder *recorder, uint64_t run)
{
    gw_time start_ns = 1000 * run;
    gw_recorder_add_shards(recorder, &(gw_shard_record){.gang = 10 + run,
                                                        .run = (uint32_t)run,
                                                        .node = run % 2,
                                                        .first_device = 3,
                                                        .device_count = 3,
                                                        .start_ns = start_ns,
                                                        .end_ns = start_ns + 600,
                                                        .local_ns = 300});
    gw_recorder_add_gang(recorder, &(gw_gang_record){.gang = 10 + run,
                                                     .run = (uint32_t)run,
                                                     .node = run % 2,
                                                     .call = 7 + run,
                                                     .first_device = 3,
                                                     .last_device = 5,
                                                     .device_count = 3,
                                                     .start_ns = start_ns,
                                                     .end_ns = start_ns + 600});
    gw_recorder_add_message(recorder, 100);
    gw_recorder_add_transfer(
        recorder, &(gw_transfer_record){.is_dcn = true, .size_bytes = 1, .end_ns = start_ns + 10});
    add_result(recorder, 0, 0, run, (double)run, true);
    note(recorder, GW_NOTE_RUN_DONE, 0, run, start_ns + 700);
}

static void add_all(gw_recorder *recorder)
{
    note(recorder, GW_NOTE_JOB_STARTED, 0, 0, 1);
    for (uint64_t run = 0; run < 3; run++) {
        add_run(recorder, run);
    }
    note(recorder, GW_NOTE_JOB_MOVED, 0, 0, 0);
    note(recorder, GW_NOTE_JOB_STAYED, 0, 0, 0);
    note(recorder, GW_NOTE_JOB_DONE, 0, 0, 2800);
}

static void finish(gw_recorder *recorder)
{
    g_autoptr(GError) error = NULL;
    bool is_done = gw_recorder_finish(recorder, 0x5, &timing, &error);
    ck_assert_msg(is_done, "%s", error == NULL ? "no message" : error->message);
}

START_TEST(a_run_leaves_its_files)
{
    char *folder = make_folder();
    g_autofree char *below = g_build_filename(folder, "out", NULL);
    gw_recorder_settings settings = make_settings(below);
    g_autoptr(gw_recorder) recorder = make_recorder(&settings);
    add_all(recorder);
    finish(recorder);
    g_autofree char *files = list_files(below);
    ck_assert_str_eq(files, "devices.csv gangs.csv results.csv shards.csv summary.json timing.json "
                            "trace.json.gz utilization.csv");
    g_autofree char *summary = read_text(below, "summary.json");
    ck_assert_str_eq(summary, gw_recorder_summary(recorder));
    g_autofree char *results = read_text(below, "results.csv");
    ck_assert_str_eq(results, "job,result,run,value\ntrain,loss,0,0.0\ntrain,loss,1,1.0\n"
                              "train,loss,2,2.0\n");
    remove_folder(g_steal_pointer(&below));
    remove_folder(folder);
}
END_TEST

/* Without data only what is drawn counts. */
START_TEST(drawn_results_are_kept)
{
    static const bool is_drawn[] = {false, true};
    static const char *const names[] = {"loss", "dropped"};
    gw_recorder_job two[] = {jobs[0], jobs[1]};
    two[0].result_names = names;
    two[0].result_count = 2;
    two[0].is_drawn = is_drawn;
    two[1].result_names = names;
    two[1].result_count = 1;
    gw_recorder_settings settings = make_settings(NULL);
    settings.jobs = two;
    g_autoptr(gw_recorder) recorder = make_recorder(&settings);
    add_all(recorder);
    add_result(recorder, 0, 0, 0, 77, false);
    add_result(recorder, 0, 1, 0, 5, false);
    add_result(recorder, 0, 1, 1, 6, false);
    add_result(recorder, 1, 0, 0, 88, false); /* It draws nothing. */
    finish(recorder);
    const char *summary = gw_recorder_summary(recorder);
    ck_assert_ptr_nonnull(strstr(summary, "5.0,"));
    ck_assert_ptr_nonnull(strstr(summary, "6.0"));
    ck_assert_ptr_null(strstr(summary, "77.0"));
    ck_assert_ptr_null(strstr(summary, "88.0"));
}
END_TEST

START_TEST(waits_and_lateness_reach_the_summary)
{
    const gw_recorder_settings settings = make_settings(NULL);
    g_autoptr(gw_recorder) recorder = make_recorder(&settings);
    ck_assert_uint_eq(gw_recorder_starved_ns(recorder, 0), 0);
    note(recorder, GW_NOTE_ORDER_WAIT, 0, 123456, 0);
    note(recorder, GW_NOTE_STARVED, 0, 123456, 0);
    /* Of a job that has neither: counted, not shown. */
    note(recorder, GW_NOTE_DEADLINE_MISSED, 0, 0, 0);
    ck_assert_uint_eq(gw_recorder_starved_ns(recorder, 0), 123456);
    gw_recorder_add_note(recorder, &(gw_note){GW_NOTE_ROWS, 0, 7, 2}, true, 0);
    finish(recorder);
    ck_assert_ptr_null(strstr(gw_recorder_summary(recorder), "rows_dealt"));
    ck_assert_ptr_nonnull(strstr(gw_recorder_summary(recorder), "\"order_wait_ns_max\": 123456"));
    ck_assert_ptr_null(strstr(gw_recorder_summary(recorder), "deadlines_missed"));
}
END_TEST

START_TEST(gangs_have_a_row_each)
{
    char *folder = make_folder();
    gw_recorder_settings settings = make_settings(folder);
    g_autoptr(gw_recorder) recorder = make_recorder(&settings);
    add_run(recorder, 0);
    add_run(recorder, 1);
    finish(recorder);
    g_autofree char *text = read_text(folder, "gangs.csv");
    ck_assert_str_eq(text, "gang,job,run,node,stage,microbatch,call,island,first_device,"
                           "last_device,device_count,start_ns,end_ns\n"
                           "10,train,0,forward,0,5,7,0,3,5,3,0,600\n"
                           "11,train,1,\"backward, \"\"b\"\"\",,,8,0,3,5,3,1000,1600\n");
    remove_folder(folder);
}
END_TEST

START_TEST(shards_have_a_row_for_each_report)
{
    char *folder = make_folder();
    gw_recorder_settings settings = make_settings(folder);
    g_autoptr(gw_recorder) recorder = make_recorder(&settings);
    add_run(recorder, 0);
    gw_shard_record shards = {.gang = G_MAXUINT64,
                              .job = 1,
                              .run = UINT32_MAX - 1,
                              .device_count = 2,
                              .start_ns = 700,
                              .end_ns = 1000,
                              .local_ns = 20,
                              .collective_ns = 5};
    gw_recorder_add_shards(recorder, &shards);
    shards.first_device = 5;
    shards.device_count = 1;
    gw_recorder_add_shards(recorder, &shards); /* Of the same gang; */
    shards.start_ns = shards.end_ns = 1000;
    shards.local_ns = shards.collective_ns = 0;
    shards.node = 1;
    gw_recorder_add_shards(recorder, &shards); /* and others that differ in one thing. */
    shards.run = 3;
    gw_recorder_add_shards(recorder, &shards);
    shards.job = 0;
    gw_recorder_add_shards(recorder, &shards);
    shards.gang = 0;
    gw_recorder_add_shards(recorder, &shards);
    finish(recorder);
    g_autofree char *text = read_text(folder, "shards.csv");
    ck_assert_str_eq(text,
                     "gang,job,run,node,stage,microbatch,first_device,device_count,start_ns,end_ns,"
                     "local_ns,collective_ns,hidden_ns\n"
                     "10,train,0,forward,0,5,3,3,0,600,300,0,0\n"
                     "18446744073709551615,serve,4294967294,forward,0,5,0,2,700,1000,20,5,0\n"
                     "18446744073709551615,serve,4294967294,forward,0,5,5,1,700,1000,20,5,0\n"
                     "18446744073709551615,serve,4294967294,\"backward, \"\"b\"\"\",,,"
                     "5,1,1000,1000,0,0,0\n"
                     "18446744073709551615,serve,3,\"backward, \"\"b\"\"\",,,5,1,1000,1000,0,0,0\n"
                     "18446744073709551615,train,3,\"backward, \"\"b\"\"\",,,5,1,1000,1000,0,0,0\n"
                     "0,train,3,\"backward, \"\"b\"\"\",,,5,1,1000,1000,0,0,0\n");
    remove_folder(folder);
}
END_TEST

START_TEST(timing_holds_the_wall_clock)
{
    char *folder = make_folder();
    gw_recorder_settings settings = make_settings(folder);
    g_autoptr(gw_recorder) recorder = make_recorder(&settings);
    finish(recorder);
    g_autofree char *text = read_text(folder, "timing.json");
    json_t *json = parse_json(text);
    ck_assert(json_number_value(json_object_get(json, "wall_s")) == 2);
    ck_assert(json_number_value(json_object_get(json, "cpu_s")) == 1.5);
    ck_assert_int_eq(json_integer_value(json_object_get(json, "events")), 1000);
    ck_assert(json_number_value(json_object_get(json, "events_per_s")) == 500);
    ck_assert_int_eq(json_integer_value(json_object_get(json, "device_operations")), 500);
    ck_assert(json_number_value(json_object_get(json, "device_operations_per_s")) == 250);
    ck_assert_int_eq(json_integer_value(json_object_get(json, "peak_bytes")), 4096);
    json_decref(json);
    remove_folder(folder);
}
END_TEST

/* Devices 3 to 5: one of the first island, two of the second. */
START_TEST(work_across_islands_is_divided)
{
    char *folder = make_folder();
    gw_recorder_settings settings = make_settings(folder);
    g_autoptr(gw_recorder) recorder = make_recorder(&settings);
    add_all(recorder);
    finish(recorder);
    json_t *json = parse_json(gw_recorder_summary(recorder));
    const json_t *both = json_object_get(json, "islands");
    double first = json_number_value(json_object_get(json_array_get(both, 0), "utilization"));
    double second = json_number_value(json_object_get(json_array_get(both, 1), "utilization"));
    ck_assert(first == 900.0 / (4 * 2600.0));
    ck_assert(second == 1800.0 / (2 * 2600.0));
    json_decref(json);

    g_autofree char *text = read_text(folder, "utilization.csv");
    ck_assert_msg(strstr(text, "\n4,0.250000,0.125000,0.500000,0.250000,0.000000\n") != NULL, "%s",
                  text);
    remove_folder(folder);
}
END_TEST

START_TEST(the_summary_is_the_same_with_and_without_files)
{
    char *folder = make_folder();
    gw_recorder_settings with_files = make_settings(folder);
    gw_recorder_settings without = make_settings(NULL);
    g_autoptr(gw_recorder) first = make_recorder(&with_files);
    g_autoptr(gw_recorder) second = make_recorder(&without);
    add_all(first);
    add_all(second);
    finish(first);
    finish(second);
    ck_assert_str_eq(gw_recorder_summary(first), gw_recorder_summary(second));
    remove_folder(folder);
}
END_TEST

START_TEST(the_same_run_leaves_the_same_bytes)
{
    static const char *const names[] = {"devices.csv",  "gangs.csv",     "shards.csv",
                                        "summary.json", "trace.json.gz", "utilization.csv",
                                        "timing.json"};
    char *folders[2] = {make_folder(), make_folder()};
    for (uint32_t i = 0; i < 2; i++) {
        gw_recorder_settings settings = make_settings(folders[i]);
        g_autoptr(gw_recorder) recorder = make_recorder(&settings);
        add_all(recorder);
        finish(recorder);
    }
    for (uint32_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *one = g_build_filename(folders[0], names[i], NULL);
        g_autofree char *other = g_build_filename(folders[1], names[i], NULL);
        g_autofree char *text = NULL, *other_text = NULL;
        gsize text_bytes, other_bytes;
        ck_assert(g_file_get_contents(one, &text, &text_bytes, NULL));
        ck_assert(g_file_get_contents(other, &other_text, &other_bytes, NULL));
        ck_assert_uint_eq(text_bytes, other_bytes);
        ck_assert_msg(memcmp(text, other_text, text_bytes) == 0, "%s differs", names[i]);
    }
    remove_folder(folders[0]);
    remove_folder(folders[1]);
}
END_TEST

START_TEST(what_is_not_wanted_is_not_there)
{
    char *folder = make_folder();
    gw_recorder_settings settings = make_settings(folder);
    settings.wants_gangs = settings.wants_trace = false;
    write_text(folder, "gangs.csv", "of an earlier run");
    write_text(folder, "shards.csv", "of an earlier run");
    write_text(folder, "trace.json.gz", "of an earlier run");
    write_text(folder, "results.csv", "of an earlier run");
    write_text(folder, "notes.txt", "of a person");
    g_autoptr(gw_recorder) recorder = make_recorder(&settings);
    finish(recorder);
    g_autofree char *files = list_files(folder);
    ck_assert_str_eq(files, "devices.csv notes.txt summary.json timing.json utilization.csv");
    remove_folder(folder);
}
END_TEST

START_TEST(a_run_that_is_given_up_leaves_nothing)
{
    char *folder = make_folder();
    gw_recorder_settings settings = make_settings(folder);
    write_text(folder, "gangs.csv", "of an earlier run");
    write_text(folder, "shards.csv", "of an earlier run");
    gw_recorder *recorder = make_recorder(&settings);
    add_all(recorder);
    gw_recorder_free(recorder);
    g_autofree char *files = list_files(folder);
    ck_assert_str_eq(files, "gangs.csv shards.csv");
    remove_folder(folder);
}
END_TEST

START_TEST(progress_is_counted)
{
    gw_recorder_settings settings = make_settings(NULL);
    g_autoptr(gw_recorder) recorder = make_recorder(&settings);
    ck_assert_uint_eq(gw_recorder_runs_asked(recorder), 7);
    ck_assert_uint_eq(gw_recorder_runs_done(recorder), 0);
    add_all(recorder);
    note(recorder, GW_NOTE_RUN_DONE, 1, 0, 5000);
    ck_assert_uint_eq(gw_recorder_runs_done(recorder), 4);
}
END_TEST

/* --- Failures --- */

START_TEST(a_folder_that_cannot_be_made_is_told_before_the_run)
{
    char *folder = make_folder();
    g_autoptr(GError) error = NULL;
    write_text(folder, "file", "");
    g_autofree char *below = g_build_filename(folder, "file", "out", NULL);
    gw_recorder_settings settings = make_settings(below);
    ck_assert_ptr_null(gw_recorder_new(&settings, &error));
    check_error(error, GW_ERROR_SYSTEM, (const char *[]){below, NULL});
    remove_folder(folder);
}
END_TEST

START_TEST(a_file_that_cannot_take_its_name_is_told)
{
    char *folder = make_folder();
    g_autoptr(GError) error = NULL;
    g_autofree char *taken = g_build_filename(folder, "summary.json", NULL);
    gw_recorder_settings settings = make_settings(folder);
    ck_assert_int_eq(g_mkdir(taken, 0777), 0);
    g_autoptr(gw_recorder) recorder = make_recorder(&settings);
    add_all(recorder);
    ck_assert(!gw_recorder_finish(recorder, 0, &timing, &error));
    check_error(error, GW_ERROR_SYSTEM, (const char *[]){taken, g_strerror(EISDIR), NULL});
    remove_folder(folder);
}
END_TEST

/* The disk is full from the 20000th byte of a file on. */
static void fill_disk(char *folder, uint64_t gang_count, uint64_t shards_count,
                      const char *lost_file, const char *left_files)
{
    g_autoptr(GError) error = NULL;
    gw_recorder_settings settings = make_settings(folder);
    struct rlimit limit = {.rlim_cur = 20000, .rlim_max = 20000};
    ck_assert(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    gw_recorder *recorder = make_recorder(&settings);
    for (uint64_t i = 0; i < gang_count; i++) {
        gw_recorder_add_gang(recorder, &(gw_gang_record){.gang = i, .end_ns = i});
    }
    for (uint64_t i = 0; i < shards_count; i++) {
        gw_recorder_add_shards(recorder,
                               &(gw_shard_record){.gang = i, .device_count = 1, .end_ns = i});
    }
    ck_assert(!gw_recorder_finish(recorder, 0, &timing, &error));
    check_error(error, GW_ERROR_SYSTEM, (const char *[]){lost_file, g_strerror(EFBIG), NULL});
    gw_recorder_free(recorder);
    g_autofree char *files = list_files(folder);
    ck_assert_str_eq(files, left_files);
    remove_folder(folder);
}

START_TEST(a_full_disk_is_told_and_leaves_no_half_file)
{
    fill_disk(make_folder(), 5000, 0, "gangs.csv", "");
    fill_disk(make_folder(), 0, 5000, "shards.csv", "gangs.csv");
}
END_TEST

START_TEST(nothing_comes_after_the_end)
{
    gw_recorder_settings settings = make_settings(NULL);
    g_autoptr(gw_recorder) recorder = make_recorder(&settings);
    finish(recorder);
    add_run(recorder, 0);
}
END_TEST

START_TEST(islands_follow_each_other)
{
    const gw_recorder_island gap[] = {{.first_device = 0, .device_count = 3},
                                      {.first_device = 4, .device_count = 2}};
    gw_recorder_settings settings = make_settings(NULL);
    settings.islands = gap;
    gw_recorder_free(make_recorder(&settings));
}
END_TEST

typedef struct {
    guint shards, transfers, runs;
    uint64_t last_run;
} heard;

static void hear_shards(void *context, const gw_shard_record *shards)
{
    ((heard *)context)->shards += shards->device_count;
}

static void hear_transfer(void *context, const gw_transfer_record *transfer)
{
    ((heard *)context)->transfers += transfer->size_bytes == 7;
}

static void hear_run(void *context, uint32_t job, uint64_t run, gw_time now_ns)
{
    heard *all = (heard *)context;
    all->runs += job == 0 && now_ns == 50;
    all->last_run = run;
}

START_TEST(an_observer_hears_what_is_recorded)
{
    const gw_recorder_settings settings = {.scenario = "s",
                                           .backend = "sim",
                                           .jobs = jobs,
                                           .job_count = 2,
                                           .islands = islands,
                                           .island_count = 2,
                                           .device_count = 6};
    const gw_shard_record shards = {.first_device = 1, .device_count = 2, .end_ns = 9};
    const gw_transfer_record transfer = {.size_bytes = 7};
    heard all = {0};
    const gw_recorder_observer observer = {&all, hear_shards, hear_transfer, hear_run};
    g_autoptr(gw_recorder) recorder = gw_recorder_new(&settings, NULL);
    gw_recorder_observe(recorder, &observer);
    gw_recorder_add_shards(recorder, &shards);
    gw_recorder_add_transfer(recorder, &transfer);
    note(recorder, GW_NOTE_RUN_DONE, 0, 2, 50);
    ck_assert_uint_eq(all.shards, 2);
    ck_assert_uint_eq(all.transfers, 1);
    ck_assert_uint_eq(all.runs, 1);
    ck_assert_uint_eq(all.last_run, 2);
    /* Nobody has to listen to everything. */
    const gw_recorder_observer deaf = {0};
    gw_recorder_observe(recorder, &deaf);
    gw_recorder_add_shards(recorder, &shards);
    gw_recorder_add_transfer(recorder, &transfer);
    note(recorder, GW_NOTE_RUN_DONE, 0, 1, 50);
    ck_assert_uint_eq(all.runs, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("recorder");
    TCase *cases = tcase_create("recorder");
    tcase_add_test(cases, a_run_leaves_its_files);
    tcase_add_test(cases, drawn_results_are_kept);
    tcase_add_test(cases, waits_and_lateness_reach_the_summary);
    tcase_add_test(cases, gangs_have_a_row_each);
    tcase_add_test(cases, shards_have_a_row_for_each_report);
    tcase_add_test(cases, timing_holds_the_wall_clock);
    tcase_add_test(cases, work_across_islands_is_divided);
    tcase_add_test(cases, the_summary_is_the_same_with_and_without_files);
    tcase_add_test(cases, the_same_run_leaves_the_same_bytes);
    tcase_add_test(cases, what_is_not_wanted_is_not_there);
    tcase_add_test(cases, a_run_that_is_given_up_leaves_nothing);
    tcase_add_test(cases, progress_is_counted);
    tcase_add_test(cases, a_folder_that_cannot_be_made_is_told_before_the_run);
    tcase_add_test(cases, a_file_that_cannot_take_its_name_is_told);
    tcase_add_test(cases, a_full_disk_is_told_and_leaves_no_half_file);
    tcase_add_test(cases, an_observer_hears_what_is_recorded);
    tcase_add_test_raise_signal(cases, nothing_comes_after_the_end, SIGABRT);
    tcase_add_test_raise_signal(cases, islands_follow_each_other, SIGABRT);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
