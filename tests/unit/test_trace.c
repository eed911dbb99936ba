/* SPDX-License-Identifier: Apache-2.0 */
/* The trace is gzip, JSON, and what Perfetto asks of trace events. */
#include <math.h>
#include <zlib.h>

#include "base/random.h"
#include "record/trace.h"
#include "test_record.h"

#define DEVICE_COUNT 100 /* More than have a row. */

static const char *const node_names[] = {"say \"hi\"\n", "Grüße"};
static const uint64_t computations[] = {1, 1};
static const uint32_t none[] = {GW_INDEX_NONE, GW_INDEX_NONE};
static const gw_recorder_job jobs[] = {
    {.name = "a\\b",
     .step_count = 1,
     .node_names = node_names,
     .computations = computations,
     .stages = none,
     .microbatches = none,
     .node_count = 2},
    {.name = "second",
     .step_count = 1,
     .node_names = node_names,
     .computations = computations,
     .stages = none,
     .microbatches = none,
     .node_count = 2},
};
static const gw_recorder_island islands[] = {{.first_device = 0, .device_count = 50},
                                             {.first_device = 50, .device_count = 50}};

typedef struct {
    gw_recorder_settings settings;
    char *folder;
    gw_series *series;
    gw_trace *trace;
} fixture;

static void open_trace(fixture *at)
{
    static const uint32_t device_counts[] = {50, 50};
    static const char *const job_names[] = {"a\\b", "second"};
    at->folder = make_folder();
    at->settings = (gw_recorder_settings){.scenario = "trace",
                                          .jobs = jobs,
                                          .job_count = 2,
                                          .islands = islands,
                                          .island_count = 2,
                                          .device_count = DEVICE_COUNT,
                                          .folder = at->folder};
    at->series = gw_series_new(&(gw_series_settings){.island_device_counts = device_counts,
                                                     .island_count = 2,
                                                     .job_names = job_names,
                                                     .job_count = 2});
    at->trace = gw_trace_new(&at->settings, NULL);
    ck_assert_ptr_nonnull(at->trace);
}

/* Of the file, which must be one gzip member and nothing behind it. */
static char *unpack(const char *folder)
{
    g_autofree char *path = g_build_filename(folder, "trace.json.gz", NULL);
    g_autofree char *packed = NULL;
    gsize packed_bytes;
    ck_assert(g_file_get_contents(path, &packed, &packed_bytes, NULL));
    const size_t capacity_bytes = 64 << 20;
    char *text = g_malloc(capacity_bytes);
    z_stream stream = {.next_in = (unsigned char *)packed,
                       .avail_in = (uInt)packed_bytes,
                       .next_out = (unsigned char *)text,
                       .avail_out = (uInt)capacity_bytes - 1};
    ck_assert_int_eq(inflateInit2(&stream, 15 + 16), Z_OK);
    ck_assert_int_eq(inflate(&stream, Z_FINISH), Z_STREAM_END);
    ck_assert_uint_eq(stream.avail_in, 0);
    text[stream.total_out] = '\0';
    inflateEnd(&stream);
    return text;
}

/* Ends the trace and reads it back; the caller hands it to json_decref(). */
static json_t *close_trace(fixture *at)
{
    g_autoptr(GError) error = NULL;
    ck_assert(gw_trace_commit(at->trace, at->series, &error));
    g_autofree char *text = unpack(at->folder);
    gw_trace_free(at->trace);
    gw_series_free(at->series);
    remove_folder(at->folder);
    return parse_json(text);
}

static json_t *get_events(const json_t *trace)
{
    json_t *events = json_object_get(trace, "traceEvents");
    ck_assert(json_is_array(events));
    return events;
}

static const char *get_text(const json_t *event, const char *key)
{
    const char *text = json_string_value(json_object_get(event, key));
    ck_assert_msg(text != NULL, "an event lacks %s", key);
    return text;
}

static double get_number(const json_t *event, const char *key)
{
    const json_t *number = json_object_get(event, key);
    ck_assert_msg(json_is_number(number), "an event lacks %s", key);
    return json_number_value(number);
}

static bool is_kind(const json_t *event, const char *kind)
{
    return g_str_equal(get_text(event, "ph"), kind);
}

static uint32_t count_slices(const json_t *trace, double process)
{
    uint32_t count = 0;
    size_t i;
    json_t *event;
    json_array_foreach(get_events(trace), i, event)
    {
        count += is_kind(event, "X") && get_number(event, "pid") == process;
    }
    return count;
}

static double get_other(const json_t *trace, const char *key)
{
    return get_number(json_object_get(trace, "otherData"), key);
}

/* Microseconds with three decimals are whole nanoseconds. */
static uint64_t read_ns(const json_t *event, const char *key)
{
    double span_ns = get_number(event, key) * 1000;
    ck_assert(fabs(span_ns - floor(span_ns + 0.5)) < 1e-3);
    return (uint64_t)floor(span_ns + 0.5);
}

static void add_shards(fixture *at, uint32_t first, uint32_t count, gw_time start_ns,
                       gw_time end_ns)
{
    gw_trace_add_shards(at->trace, &(gw_shard_record){.job = 1,
                                                      .first_device = first,
                                                      .device_count = count,
                                                      .start_ns = start_ns,
                                                      .end_ns = end_ns,
                                                      .local_ns = end_ns - start_ns});
}

static void add_gang(fixture *at, uint32_t job, uint64_t gang, gw_time start_ns, gw_time end_ns)
{
    gw_trace_add_gang(
        at->trace,
        &(gw_gang_record){
            .gang = gang, .job = job, .node = job, .start_ns = start_ns, .end_ns = end_ns});
}

static int compare_slices(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    for (uint32_t i = 0; i < 4; i++) {
        if (x[i] != y[i]) {
            return x[i] < y[i] ? -1 : 1;
        }
    }
    return 0;
}

/* Slices of one thread lie side by side. */
static void check_nesting(const json_t *trace)
{
    g_autoptr(GArray) slices = g_array_new(FALSE, FALSE, 4 * sizeof(uint64_t));
    size_t i;
    json_t *event;
    json_array_foreach(get_events(trace), i, event)
    {
        if (is_kind(event, "X")) {
            uint64_t start_ns = read_ns(event, "ts");
            uint64_t slice[4] = {(uint64_t)get_number(event, "pid"),
                                 (uint64_t)get_number(event, "tid"), start_ns,
                                 start_ns + read_ns(event, "dur")};
            g_array_append_val(slices, slice);
        }
    }
    g_array_sort(slices, compare_slices);
    for (uint32_t k = 1; k < slices->len; k++) {
        const uint64_t *before = &((uint64_t *)(void *)slices->data)[4 * (k - 1)];
        const uint64_t *here = before + 4;
        bool is_same = before[0] == here[0] && before[1] == here[1];
        ck_assert_msg(!is_same || before[3] <= here[2], "slices overlap at %" G_GUINT64_FORMAT,
                      here[2]);
    }
}

START_TEST(an_empty_trace_is_whole)
{
    fixture at;
    open_trace(&at);
    json_t *trace = close_trace(&at);
    ck_assert_str_eq(get_text(trace, "displayTimeUnit"), "ns");
    ck_assert(get_other(trace, "slices") == 0);
    json_decref(trace);
}
END_TEST

START_TEST(processes_and_threads_are_named)
{
    fixture at;
    open_trace(&at);
    add_gang(&at, 0, 1, 0, 10);
    json_t *trace = close_trace(&at);
    g_autoptr(GString) names = g_string_new(NULL);
    size_t i;
    json_t *event;
    json_array_foreach(get_events(trace), i, event)
    {
        ck_assert(get_number(event, "pid") > 0); /* 0 means something else to Perfetto. */
        if (is_kind(event, "M") && g_str_has_suffix(get_text(event, "name"), "_name")) {
            const json_t *arguments = json_object_get(event, "args");
            g_string_append_printf(names, "%s|", get_text(arguments, "name"));
        }
    }
    ck_assert(g_str_has_prefix(names->str, "island 0|island 1|jobs|DCN|device 0|device 1|"));
    ck_assert(g_str_has_suffix(names->str, "|device 63|a\\b|"));
    json_decref(trace);
}
END_TEST

START_TEST(a_gang_keeps_its_nanoseconds_and_its_name)
{
    fixture at;
    open_trace(&at);
    add_gang(&at, 0, 77, 1234567890123, 1234567890124);
    json_t *trace = close_trace(&at);
    size_t i;
    json_t *event, *found = NULL;
    json_array_foreach(get_events(trace), i, event)
    {
        found = is_kind(event, "X") ? event : found;
    }
    ck_assert_ptr_nonnull(found);
    ck_assert_str_eq(get_text(found, "name"), node_names[0]);
    ck_assert_uint_eq(read_ns(found, "ts"), 1234567890123);
    ck_assert_uint_eq(read_ns(found, "dur"), 1);
    ck_assert(get_number(json_object_get(found, "args"), "gang") == 77);
    json_decref(trace);
}
END_TEST

START_TEST(the_first_devices_have_a_row_each)
{
    fixture at;
    open_trace(&at);
    add_shards(&at, 40, 60, 100, 200);
    add_shards(&at, 64, 36, 200, 300); /* None of these. */
    json_t *trace = close_trace(&at);
    ck_assert_uint_eq(count_slices(trace, 1), 10);
    ck_assert_uint_eq(count_slices(trace, 2), 14);
    ck_assert(get_other(trace, "slices") == 24);
    ck_assert(get_other(trace, "devices_shown") == 64);
    ck_assert(get_other(trace, "devices") == DEVICE_COUNT);
    json_decref(trace);
}
END_TEST

START_TEST(shards_that_overlap_are_left_out_and_counted)
{
    fixture at;
    open_trace(&at);
    add_shards(&at, 0, 2, 100, 200);
    add_shards(&at, 1, 2, 199, 300);
    add_shards(&at, 0, 3, 300, 400);
    json_t *trace = close_trace(&at);
    ck_assert(get_other(trace, "overlapping_shards_not_shown") == 1);
    ck_assert_uint_eq(count_slices(trace, 1), 6);
    check_nesting(trace);
    json_decref(trace);
}
END_TEST

START_TEST(gangs_of_one_job_take_rows_that_are_free)
{
    gw_random random;
    fixture at;
    gw_random_init(&random, (uint64_t)_i, "trace");
    open_trace(&at);
    for (uint32_t i = 0; i < 500; i++) {
        gw_time start_ns = i * 100 + gw_random_below(&random, 1000);
        add_gang(&at, i % 2, i, start_ns, start_ns + gw_random_below(&random, 2000));
    }
    json_t *trace = close_trace(&at);
    ck_assert_uint_eq(count_slices(trace, 3), 500);
    ck_assert(get_other(trace, "gangs_not_shown") == 0);
    check_nesting(trace);
    json_decref(trace);
}
END_TEST

START_TEST(what_finds_no_row_is_counted)
{
    fixture at;
    open_trace(&at);
    for (uint32_t i = 0; i < GW_TRACE_LANE_COUNT + 5; i++) {
        add_gang(&at, 0, i, 0, 1000);
        gw_trace_add_transfer(at.trace, &(gw_transfer_record){.source_device = i,
                                                              .target_device = GW_INDEX_NONE,
                                                              .is_dcn = true,
                                                              .end_ns = 1000});
    }
    gw_trace_add_transfer(at.trace, &(gw_transfer_record){.end_ns = 1000}); /* Not by DCN. */
    json_t *trace = close_trace(&at);
    ck_assert_uint_eq(count_slices(trace, 3), GW_TRACE_LANE_COUNT);
    ck_assert_uint_eq(count_slices(trace, 4), GW_TRACE_LANE_COUNT);
    ck_assert(get_other(trace, "gangs_not_shown") == 5);
    ck_assert(get_other(trace, "transfers_not_shown") == 5);
    check_nesting(trace);
    json_decref(trace);
}
END_TEST

START_TEST(a_move_is_on_its_jobs_row)
{
    fixture at;
    open_trace(&at);
    add_gang(&at, 0, 1, 0, 1000);
    gw_trace_add_move(at.trace, 0, 4096, 1500, 1800);
    gw_trace_add_move(at.trace, 0, 512, 1700, 1900); /* Beside it there is another row. */
    json_t *trace = close_trace(&at);
    size_t i;
    json_t *event, *found = NULL;
    json_array_foreach(get_events(trace), i, event)
    {
        found = is_kind(event, "X") ? event : found;
    }
    ck_assert_ptr_nonnull(found);
    ck_assert_str_eq(get_text(found, "name"), "move");
    ck_assert_uint_eq(read_ns(found, "ts"), 1700);
    ck_assert_uint_eq(read_ns(found, "dur"), 200);
    ck_assert(get_number(json_object_get(found, "args"), "size_bytes") == 512);
    ck_assert_uint_eq(count_slices(trace, 3), 3);
    check_nesting(trace);
    json_decref(trace);
}
END_TEST

START_TEST(counters_tell_changes)
{
    fixture at;
    open_trace(&at);
    gw_series_add(at.series, 0, 0, 25, 0, 100, 100);
    gw_series_add(at.series, 0, 0, 50, 100, 200, 100);
    json_t *trace = close_trace(&at);
    g_autoptr(GString) told = g_string_new(NULL);
    size_t i;
    json_t *event;
    json_array_foreach(get_events(trace), i, event)
    {
        if (is_kind(event, "C")) {
            g_string_append_printf(told, "%.0f: %.3f %.2f; ", get_number(event, "pid"),
                                   get_number(event, "ts"),
                                   get_number(json_object_get(event, "args"), "busy"));
        }
    }
    ck_assert_str_eq(told->str, "1: 0.000 0.50; 1: 0.100 1.00; 1: 0.200 0.00; "
                                "2: 0.000 0.00; 2: 0.200 0.00; ");
    json_decref(trace);
}
END_TEST

/* Through many fillings of the buffer. */
START_TEST(long_traces_are_whole)
{
    fixture at;
    open_trace(&at);
    for (uint32_t i = 0; i < 20000; i++) {
        add_gang(&at, 1, i, i * 1000, i * 1000 + 999);
    }
    json_t *trace = close_trace(&at);
    ck_assert_uint_eq(count_slices(trace, 3), 20000);
    check_nesting(trace);
    json_decref(trace);
}
END_TEST

START_TEST(a_trace_that_is_not_ended_leaves_nothing)
{
    fixture at;
    open_trace(&at);
    add_gang(&at, 1, 1, 0, 1);
    gw_trace_free(at.trace);
    g_autofree char *files = list_files(at.folder);
    ck_assert_str_eq(files, "");
    gw_series_free(at.series);
    remove_folder(at.folder);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("trace");
    TCase *cases = tcase_create("trace");
    tcase_set_timeout(cases, 30);
    tcase_add_test(cases, an_empty_trace_is_whole);
    tcase_add_test(cases, processes_and_threads_are_named);
    tcase_add_test(cases, a_gang_keeps_its_nanoseconds_and_its_name);
    tcase_add_test(cases, the_first_devices_have_a_row_each);
    tcase_add_test(cases, shards_that_overlap_are_left_out_and_counted);
    tcase_add_loop_test(cases, gangs_of_one_job_take_rows_that_are_free, 0, 5);
    tcase_add_test(cases, what_finds_no_row_is_counted);
    tcase_add_test(cases, a_move_is_on_its_jobs_row);
    tcase_add_test(cases, counters_tell_changes);
    tcase_add_test(cases, long_traces_are_whole);
    tcase_add_test(cases, a_trace_that_is_not_ended_leaves_nothing);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
