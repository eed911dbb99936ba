/* SPDX-License-Identifier: Apache-2.0 */
/* gangs.csv and shards.csv by the byte, in the order of the reports, whole or not at all. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/error.h"
#include "record/gangs.h"
#include "test_record.h"

#define SUBJECT      "gang,job,run,node,stage,microbatch,"
#define GANGS_HEADER SUBJECT "call,island,first_device,last_device,device_count,start_ns,end_ns\n"
#define SHARDS_HEADER                                                                              \
    SUBJECT "first_device,device_count,start_ns,end_ns,local_ns,collective_ns,hidden_ns\n"

static const gw_recorder_job jobs[] = {
    {
        .name = "train",
        .node_names = (const char *const[]){"forward", "a,\"b\"\n"},
        .stages = (const uint32_t[]){3, GW_INDEX_NONE},
        .microbatches = (const uint32_t[]){0, GW_INDEX_NONE},
        .node_count = 2,
    },
    {
        .name = "größe, 2",
        .node_names = (const char *const[]){"step"},
        .stages = (const uint32_t[]){GW_INDEX_NONE},
        .microbatches = (const uint32_t[]){7},
        .node_count = 1,
    },
};

static gw_recorder_settings make_settings(const char *folder)
{
    return (gw_recorder_settings){.folder = folder, .jobs = jobs, .job_count = 2};
}

static gw_gangs *open_good(const gw_recorder_settings *settings)
{
    g_autoptr(GError) error = NULL;
    gw_gangs *gangs = gw_gangs_new(settings, &error);
    ck_assert_msg(gangs != NULL, "%s", error == NULL ? "no message" : error->message);
    return gangs;
}

static void add_gang(gw_gangs *gangs, uint64_t gang, uint32_t job, uint32_t run, uint32_t node)
{
    const gw_gang_record record = {.gang = gang,
                                   .job = job,
                                   .run = run,
                                   .node = node,
                                   .call = 11,
                                   .island = 12,
                                   .first_device = 13,
                                   .last_device = 14,
                                   .device_count = 2,
                                   .start_ns = 15,
                                   .end_ns = 16};
    gw_gangs_add(gangs, &record);
}

static void add_shards(gw_gangs *gangs, uint64_t gang, uint32_t job, uint32_t run, uint32_t node)
{
    const gw_shard_record record = {.gang = gang,
                                    .job = job,
                                    .run = run,
                                    .node = node,
                                    .first_device = 21,
                                    .device_count = 22,
                                    .start_ns = 23,
                                    .end_ns = 93,
                                    .local_ns = 24,
                                    .collective_ns = 25,
                                    .hidden_ns = 26};
    gw_gangs_add_shards(gangs, &record);
}

static void check_text(const char *folder, const char *name, const char *expected)
{
    g_autofree char *text = read_text(folder, name);
    ck_assert_str_eq(text, expected);
}

/* --- Rows --- */

START_TEST(rows_are_exact)
{
    char *folder = make_folder();
    const gw_recorder_settings settings = make_settings(folder);
    g_autoptr(gw_gangs) gangs = open_good(&settings);
    add_gang(gangs, 5, 0, 9, 0);
    add_gang(gangs, 4, 0, 9, 1);
    add_gang(gangs, 0, 1, 0, 0);
    add_shards(gangs, 0, 1, 0, 0);
    add_shards(gangs, 5, 0, 9, 0);
    add_shards(gangs, 5, 0, 9, 0);
    ck_assert(gw_gangs_commit(gangs, NULL));
    check_text(folder, "gangs.csv",
               GANGS_HEADER "5,train,9,forward,3,0,11,12,13,14,2,15,16\n"
                            "4,train,9,\"a,\"\"b\"\" \",,,11,12,13,14,2,15,16\n"
                            "0,\"größe, 2\",0,step,,7,11,12,13,14,2,15,16\n");
    check_text(folder, "shards.csv",
               SHARDS_HEADER "0,\"größe, 2\",0,step,,7,21,22,23,93,24,25,26\n"
                             "5,train,9,forward,3,0,21,22,23,93,24,25,26\n"
                             "5,train,9,forward,3,0,21,22,23,93,24,25,26\n");
    remove_folder(folder);
}
END_TEST

/* Rows that differ from the one before in one column alone, in either file. */
START_TEST(each_column_of_the_subject_counts)
{
    char *folder = make_folder();
    const gw_recorder_settings settings = make_settings(folder);
    g_autoptr(gw_gangs) gangs = open_good(&settings);
    add_gang(gangs, 0, 0, 0, 0); /* All zero, the first. */
    add_shards(gangs, 0, 1, 0, 0);
    add_gang(gangs, 0, 1, 1, 0);
    add_gang(gangs, UINT64_C(1) << 32, 1, 1, 0);
    add_shards(gangs, 0, 0, 1, 0);
    add_shards(gangs, 0, 0, 1, 1);
    ck_assert(gw_gangs_commit(gangs, NULL));
    check_text(folder, "gangs.csv",
               GANGS_HEADER "0,train,0,forward,3,0,11,12,13,14,2,15,16\n"
                            "0,\"größe, 2\",1,step,,7,11,12,13,14,2,15,16\n"
                            "4294967296,\"größe, 2\",1,step,,7,11,12,13,14,2,15,16\n");
    check_text(folder, "shards.csv",
               SHARDS_HEADER "0,\"größe, 2\",0,step,,7,21,22,23,93,24,25,26\n"
                             "0,train,1,forward,3,0,21,22,23,93,24,25,26\n"
                             "0,train,1,\"a,\"\"b\"\" \",,,21,22,23,93,24,25,26\n");
    remove_folder(folder);
}
END_TEST

START_TEST(the_largest_numbers_and_long_names_fit)
{
    char *folder = make_folder();
    g_autofree char *name = g_strnfill(100000, 'n');
    gw_recorder_job job = jobs[0];
    gw_recorder_settings settings = make_settings(folder);
    job.name = name;
    settings.jobs = &job;
    settings.job_count = 1;
    const gw_gang_record record = {UINT64_MAX, 0,          UINT32_MAX, 0,
                                   UINT64_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX,
                                   UINT32_MAX, UINT64_MAX, UINT64_MAX};
    g_autoptr(gw_gangs) gangs = open_good(&settings);
    gw_gangs_add(gangs, &record);
    ck_assert(gw_gangs_commit(gangs, NULL));
    g_autofree char *expected = g_strdup_printf(
        GANGS_HEADER "18446744073709551615,%s,4294967295,forward,3,0,18446744073709551615,"
                     "4294967295,4294967295,4294967295,4294967295,18446744073709551615,"
                     "18446744073709551615\n",
        name);
    g_autofree char *text = read_text(folder, "gangs.csv");
    ck_assert(g_str_equal(text, expected));
    remove_folder(folder);
}
END_TEST

START_TEST(no_reports_leave_headers)
{
    char *folder = make_folder();
    const gw_recorder_settings settings = make_settings(folder);
    g_autoptr(gw_gangs) gangs = open_good(&settings);
    ck_assert(gw_gangs_commit(gangs, NULL));
    check_text(folder, "gangs.csv", GANGS_HEADER);
    check_text(folder, "shards.csv", SHARDS_HEADER);
    g_autofree char *files = list_files(folder);
    ck_assert_str_eq(files, "gangs.csv shards.csv");
    remove_folder(folder);
}
END_TEST

START_TEST(a_job_that_is_not_there_aborts)
{
    char *folder = make_folder();
    const gw_recorder_settings settings = make_settings(folder);
    gw_gangs *gangs = open_good(&settings);
    remove_folder(folder);
    add_gang(gangs, 0, 2, 0, 0);
}
END_TEST

/* --- Whole or not at all --- */

START_TEST(nothing_is_left_without_commit)
{
    char *folder = make_folder();
    const gw_recorder_settings settings = make_settings(folder);
    write_text(folder, "shards.csv", "old");
    gw_gangs *gangs = open_good(&settings);
    for (uint32_t i = 0; i < 5000; i++) { /* More than a buffer. */
        add_gang(gangs, i, 0, 0, 0);
        add_shards(gangs, i, 0, 0, 0);
    }
    ck_assert(!has_file(folder, "gangs.csv"));
    gw_gangs_free(gangs);
    g_autofree char *files = list_files(folder);
    ck_assert_str_eq(files, "shards.csv");
    check_text(folder, "shards.csv", "old");
    remove_folder(folder);
}
END_TEST

START_TEST(an_absent_folder_is_told)
{
    char *folder = make_folder();
    g_autofree char *below = g_build_filename(folder, "below", NULL);
    const gw_recorder_settings settings = make_settings(below);
    g_autoptr(GError) error = NULL;
    ck_assert_ptr_null(gw_gangs_new(&settings, &error));
    check_error(error, GW_ERROR_SYSTEM, (const char *[]){below, g_strerror(ENOENT), NULL});
    remove_folder(folder);
}
END_TEST

/* The descriptor that the next file gets. */
static int find_next_descriptor(void)
{
    int next = open("/dev/null", O_WRONLY);
    ck_assert_int_ge(next, 0);
    close(next);
    return next;
}

START_TEST(a_second_file_that_does_not_open_takes_the_first_along)
{
    char *folder = make_folder();
    const gw_recorder_settings settings = make_settings(folder);
    g_autoptr(GError) error = NULL;
    struct rlimit old, few;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
    few = old;
    few.rlim_cur = (rlim_t)find_next_descriptor() + 1;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
    gw_gangs *gangs = gw_gangs_new(&settings, &error);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
    ck_assert_ptr_null(gangs);
    check_error(error, GW_ERROR_SYSTEM, (const char *[]){"shards.csv", g_strerror(EMFILE), NULL});
    g_autofree char *files = list_files(folder);
    ck_assert_str_eq(files, "");
    remove_folder(folder);
}
END_TEST

/* /dev/full takes the place of gangs.csv, then of shards.csv, which is opened next. */
START_TEST(a_full_device_is_told)
{
    static const char *const names[] = {"gangs.csv", "shards.csv"};
    static const char *const left[] = {"", "gangs.csv"};
    for (int i = 0; i < 2; i++) {
        char *folder = make_folder();
        const gw_recorder_settings settings = make_settings(folder);
        g_autoptr(GError) error = NULL;
        int full = open("/dev/full", O_WRONLY);
        ck_assert_int_ge(full, 0);
        const int next = find_next_descriptor();
        gw_gangs *gangs = open_good(&settings);
        ck_assert_int_eq(dup2(full, next + i), next + i);
        add_gang(gangs, 1, 0, 0, 0);
        add_shards(gangs, 1, 0, 0, 0);
        ck_assert(!gw_gangs_commit(gangs, &error));
        check_error(error, GW_ERROR_SYSTEM, (const char *[]){names[i], g_strerror(ENOSPC), NULL});
        gw_gangs_free(gangs);
        close(full);
        g_autofree char *files = list_files(folder);
        ck_assert_str_eq(files, left[i]);
        remove_folder(folder);
    }
}
END_TEST

START_TEST(a_file_over_the_limit_is_told)
{
    char *folder = make_folder();
    const gw_recorder_settings settings = make_settings(folder);
    const struct rlimit limit = {.rlim_cur = 100000, .rlim_max = 100000};
    g_autoptr(GError) error = NULL;
    ck_assert(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    gw_gangs *gangs = open_good(&settings);
    for (uint32_t i = 0; i < 20000; i++) {
        add_gang(gangs, i, 0, 0, 0);
    }
    ck_assert(!gw_gangs_commit(gangs, &error));
    check_error(error, GW_ERROR_SYSTEM, (const char *[]){"gangs.csv", g_strerror(EFBIG), NULL});
    gw_gangs_free(gangs);
    g_autofree char *files = list_files(folder);
    ck_assert_str_eq(files, "");
    remove_folder(folder);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gangs");
    TCase *rows = tcase_create("rows");
    tcase_add_test(rows, rows_are_exact);
    tcase_add_test(rows, each_column_of_the_subject_counts);
    tcase_add_test(rows, the_largest_numbers_and_long_names_fit);
    tcase_add_test(rows, no_reports_leave_headers);
    tcase_add_test_raise_signal(rows, a_job_that_is_not_there_aborts, SIGABRT);
    suite_add_tcase(suite, rows);
    TCase *files = tcase_create("files");
    tcase_add_test(files, nothing_is_left_without_commit);
    tcase_add_test(files, an_absent_folder_is_told);
    tcase_add_test(files, a_second_file_that_does_not_open_takes_the_first_along);
    tcase_add_test(files, a_full_device_is_told);
    tcase_add_test(files, a_file_over_the_limit_is_told);
    suite_add_tcase(suite, files);
    return run_suite(suite);
}
