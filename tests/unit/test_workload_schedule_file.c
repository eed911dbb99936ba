/* SPDX-License-Identifier: Apache-2.0 */
/* Schedules from files: as written, and every mistake with its line. */
#include <glib/gstdio.h>
#include <string.h>

#include "test_workload_schedule.h"

static gw_workload_schedule *read_text(const char *text, gssize size_bytes, uint32_t chunks,
                                       GError **error)
{
    g_autofree char *path = NULL;
    const int file = g_file_open_tmp("schedule-XXXXXX", &path, NULL);
    ck_assert_int_ge(file, 0);
    g_close(file, NULL);
    ck_assert(
        g_file_set_contents_full(path, text, size_bytes, G_FILE_SET_CONTENTS_NONE, 0600, NULL));
    const gw_schedule_request request = {
        .stage_count = 2, .microbatch_count = 2, .chunk_count = chunks, .file = path};
    gw_workload_schedule *schedule = gw_schedule_file.make(&request, error);
    if (schedule != NULL) {
        ck_assert_str_eq(schedule->source, path);
    } else {
        ck_assert_ptr_nonnull(strstr((*error)->message, path));
    }
    g_unlink(path);
    return schedule;
}

START_TEST(stages_may_stand_in_any_order)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(gw_workload_schedule) schedule = read_text(
        "\xef\xbb\xbfstage,operation,microbatch\n1,F,1\n0,F,1\r\n1,BW,1\n\n0, F ,0\n1,F,0\n0,B,1\n"
        "0,B,0\n1,BW,0\n0,W,0\n0,W,1",
        -1, 1, &error);
    ck_assert_ptr_nonnull(schedule);
    ck_assert(gw_workload_schedule_check(schedule, NULL));
    expect_stage(schedule, 0, "F1F0B1B0W0W1");
    expect_stage(schedule, 1, "F1BW1F0BW0");
    ck_assert_uint_eq(schedule->slots[0].line, 3);
    ck_assert_uint_eq(schedule->slots[schedule->first_slot[1] + 2].line, 7);
}
END_TEST

START_TEST(chunks_are_a_column)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(gw_workload_schedule) schedule =
        read_text("stage,operation,microbatch,chunk\n0,F,0,1\n1,BW,1,0\n", -1, 2, &error);
    ck_assert_ptr_nonnull(schedule);
    expect_stage(schedule, 0, "F0.1");
    expect_stage(schedule, 1, "BW1");
    ck_assert(!gw_workload_schedule_check(schedule, NULL));
}
END_TEST

static void expect_mistake(const char *text, const char *part)
{
    g_autoptr(GError) error = NULL;
    ck_assert_ptr_null(read_text(text, -1, 1, &error));
    ck_assert(g_error_matches(error, GW_ERROR, GW_ERROR_SCENARIO));
    ck_assert_msg(strstr(error->message, part) != NULL, "\"%s\" has no \"%s\"", error->message,
                  part);
}

START_TEST(mistakes_have_lines)
{
#define HEADER "stage,operation,microbatch\n0,F,0\n"
    expect_mistake("", ":1: found \"\", expected the columns stage,operation,microbatch,chunk");
    expect_mistake("0,F,0\n", ":1: found \"0,F,0\", expected the columns");
    expect_mistake(HEADER "2,F,0\n", ":3: stage: found \"2\", expected a whole number from 0 to 1");
    expect_mistake(HEADER "-1,F,0\n", ":3: stage: found \"-1\"");
    expect_mistake(HEADER "0,F,2\n", ":3: microbatch: found \"2\"");
    expect_mistake(HEADER "0,F,1.0\n", ":3: microbatch: found \"1.0\"");
    expect_mistake(HEADER "0,F,99999999999999999999\n", ":3: microbatch: found \"9999");
    expect_mistake(HEADER "0,F,\n", ":3: microbatch: found \"\"");
    expect_mistake(HEADER "0,f,0\n", ":3: operation: found \"f\", expected one of: F, B, W, BW");
    expect_mistake(HEADER "\n0,F\n", ":4: found 2 fields, expected 3");
    expect_mistake(HEADER "0\n", ":3: found 1 field, expected 3");
    expect_mistake(HEADER "0,F,0,0\n", ":3: found 4 fields, expected 3");
    expect_mistake(HEADER "0,F,0,0,0,0,0\n", ":3: found at least 5 fields, expected 3");
    expect_mistake("stage,operation,microbatch,chunk\n0,F,0,1\n", ":2: chunk: found \"1\"");
#undef HEADER
}
END_TEST

START_TEST(what_is_no_csv_is_told)
{
    g_autoptr(GError) error = NULL;
    ck_assert_ptr_null(read_text("stage,operation,microbatch\n0,F\0,0\n", 33, 1, &error));
    ck_assert_ptr_nonnull(strstr(error->message, "found a zero byte"));
    gw_schedule_request request = {
        .stage_count = 1, .microbatch_count = 1, .chunk_count = 1, .file = "/nowhere/at/all.csv"};
    g_clear_error(&error);
    ck_assert_ptr_null(gw_schedule_file.make(&request, &error));
    ck_assert_ptr_nonnull(strstr(error->message, "/nowhere/at/all.csv"));
    static const char *const others[] = {"/", "/dev/zero"};
    for (size_t i = 0; i < G_N_ELEMENTS(others); i++) {
        g_clear_error(&error);
        request.file = others[i];
        ck_assert_ptr_null(gw_schedule_file.make(&request, &error));
        ck_assert_ptr_nonnull(strstr(error->message, "expected a CSV"));
    }
}
END_TEST

/* --- Any text --- */

static uint32_t draw(uint32_t *state, uint32_t count)
{
    *state = *state * 1664525U + 1013904223U;
    return (*state >> 8) % count;
}

/* Whatever a file holds, it is a schedule that can be played, or there is a message. */
START_TEST(any_text_is_read_or_refused)
{
    static const char letters[] = "FBW,0123456789-\n\r \"x";
    static const gw_stage_times times[] = {{10, 20, 3, 8}, {11, 21, 4, 9}};
    uint32_t state = 3, played_count = 0, deadlock_count = 0;
    for (uint32_t round = 0; round < 300; round++) {
        char text[] = "stage,operation,microbatch\n0,F,0\n0,F,1\n1,F,0\n1,BW,0\n1,F,1\n1,BW,1\n"
                      "0,BW,0\n0,BW,1\n";
        const size_t head = strlen("stage,operation,microbatch\n");
        for (uint32_t i = draw(&state, 3); i > 0; i--) {
            text[head + draw(&state, (uint32_t)(sizeof text - 1 - head))] =
                letters[draw(&state, sizeof letters - 1)];
        }
        g_autoptr(GError) error = NULL;
        g_autoptr(gw_workload_schedule) schedule = read_text(text, -1, 1, &error);
        gw_time start_ns[8];
        if (schedule == NULL || !gw_workload_schedule_check(schedule, &error)) {
            ck_assert_ptr_nonnull(error);
        } else if (gw_workload_schedule_play(schedule, times, start_ns, &error)) {
            played_count++;
        } else {
            ck_assert_ptr_nonnull(strstr(error->message, "deadlock"));
            deadlock_count++;
        }
    }
    ck_assert_uint_gt(played_count, 60);
    ck_assert_uint_lt(played_count + deadlock_count, 300);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("file");
    tcase_set_timeout(cases, 60); /* Hundreds of files. */
    tcase_add_test(cases, stages_may_stand_in_any_order);
    tcase_add_test(cases, chunks_are_a_column);
    tcase_add_test(cases, mistakes_have_lines);
    tcase_add_test(cases, what_is_no_csv_is_told);
    tcase_add_test(cases, any_text_is_read_or_refused);
    return run_cases("workload schedule file", cases);
}
