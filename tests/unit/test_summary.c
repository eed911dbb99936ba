/* SPDX-License-Identifier: Apache-2.0 */
/* The numbers of a run, worked out by hand, and every key explained. */
#include <math.h>
#include <signal.h>

#include "base/random.h"
#include "record/summary.h"
#include "test_record.h"

static const char *const node_names[] = {"matmul", "copy"};
static const uint64_t computations[] = {3, 0}; /* A copy is no computation. */
static const uint32_t none[] = {GW_INDEX_NONE, GW_INDEX_NONE};
static const char *const result_names[] = {"loss"};

static const double activations[] = {2, 1.5};
static const gw_recorder_memory memory = {.mesh = "stage1",
                                          .bytes = 63,
                                          .parameters_bytes = 1,
                                          .gradients_bytes = 2,
                                          .optimizer_bytes = 4,
                                          .activations_bytes = 8,
                                          .temporaries_bytes = 16,
                                          .other_bytes = 32};
static const gw_recorder_job jobs[] = {
    {.name = "large",
     .step_count = 1000000,
     .tokens_per_step = 2000,
     .node_names = node_names,
     .computations = computations,
     .stages = none,
     .microbatches = none,
     .node_count = 2,
     .result_names = result_names,
     .result_count = 1,
     .device_count = 4,
     .has_deadline = true,
     .activations_max = activations,
     .memory = &memory,
     .stage_count = 2,
     .has_exchanges = true,
     .model_flops_per_step = 400,
     .hardware_flops_per_step = 600,
     .peak_flops = 2e9},
    {.name = "say \"hi\",\n世界",
     .step_count = 1,
     .node_names = node_names,
     .computations = computations,
     .stages = none,
     .microbatches = none,
     .node_count = 2,
     .device_count = 2},
};
static const gw_recorder_island islands[] = {
    {.first_device = 0, .device_count = 4, .busy_watts = 100, .idle_watts = 10},
    {.first_device = 4, .device_count = 2, .busy_watts = 200, .idle_watts = 20},
};
static const gw_recorder_settings settings = {
    .scenario = "by hand",
    .backend = "sim",
    .seed = 7,
    .jobs = jobs,
    .job_count = 2,
    .islands = islands,
    .island_count = 2,
    .device_count = 6,
};

static void add_shards(gw_summary *summary, uint32_t job, uint32_t first, uint32_t count,
                       gw_time start_ns, gw_time end_ns, gw_span local_ns, gw_span collective_ns)
{
    gw_summary_add_shards(summary, &(gw_shard_record){.job = job,
                                                      .first_device = first,
                                                      .device_count = count,
                                                      .start_ns = start_ns,
                                                      .end_ns = end_ns,
                                                      .local_ns = local_ns,
                                                      .collective_ns = collective_ns});
}

static void add_gang(gw_summary *summary, uint32_t job, uint32_t node, uint64_t call,
                     gw_time start_ns, gw_time end_ns)
{
    gw_summary_add_gang(summary, &(gw_gang_record){.job = job,
                                                   .node = node,
                                                   .call = call,
                                                   .device_count = 4,
                                                   .last_device = 3,
                                                   .start_ns = start_ns,
                                                   .end_ns = end_ns});
}

static json_t *render(const gw_summary *summary)
{
    g_autofree char *text = gw_summary_render(summary, 0xabc);
    return parse_json(text);
}

/* The number at `path`, as "jobs.0.steps"; NAN: null. */
static double read_number(const json_t *json, const char *path)
{
    g_auto(GStrv) parts = g_strsplit(path, ".", -1);
    for (uint32_t i = 0; parts[i] != NULL; i++) {
        json = json_is_array(json)
                   ? json_array_get(json, (size_t)g_ascii_strtoull(parts[i], NULL, 10))
                   : json_object_get(json, parts[i]);
        ck_assert_msg(json != NULL, "%s lacks %s", path, parts[i]);
    }
    ck_assert_msg(json_is_number(json) || json_is_null(json), "%s is no number", path);
    return json_is_null(json) ? (double)NAN : json_number_value(json);
}

static void check_number(const json_t *json, const char *path, double expected)
{
    double found = read_number(json, path);
    bool is_same = isnan(expected) ? isnan(found) : found == expected;
    ck_assert_msg(is_same, "%s: found %.17g, expected %.17g", path, found, expected);
}

static void check_near(const json_t *json, const char *path, double expected)
{
    double found = read_number(json, path);
    ck_assert_msg(fabs(found - expected) <= 1e-12 * fabs(expected),
                  "%s: found %.17g, expected %.17g", path, found, expected);
}

/* --- A run by hand --- */

/* Job 0 on island 0: calls 1 and 2, a step each, with a copy behind each; job 1 on island 1. */
static gw_summary *make_run(void)
{
    gw_summary *summary = gw_summary_new(&settings);
    gw_summary_job_started(summary, 0, 50);
    gw_summary_job_started(summary, 1, 60);
    add_shards(summary, 0, 0, 4, 100, 200, 60, 30);
    add_gang(summary, 0, 0, 1, 100, 200);
    add_shards(summary, 0, 0, 4, 200, 210, 10, 0);
    add_gang(summary, 0, 1, 1, 200, 210);
    gw_summary_run_done(summary, 0, 0, 220);
    add_shards(summary, 0, 0, 4, 300, 400, 60, 30);
    add_gang(summary, 0, 0, 2, 300, 400);
    add_shards(summary, 0, 0, 4, 400, 410, 10, 0);
    add_gang(summary, 0, 1, 2, 400, 410);
    gw_summary_run_done(summary, 0, 1, 420);
    add_shards(summary, 1, 4, 2, 150, 500, 350, 0);
    add_gang(summary, 1, 0, 9, 150, 500);
    gw_summary_run_done(summary, 1, 0, 510);
    gw_summary_job_moved(summary, 1);
    gw_summary_job_moved(summary, 1);
    gw_summary_job_stayed(summary, 0);
    gw_summary_state_leaves(summary, 1, 100);
    ck_assert_uint_eq(gw_summary_state_moved(summary, 1, 4000, 130), 100);
    gw_summary_state_leaves(summary, 1, 500);
    ck_assert_uint_eq(gw_summary_state_moved(summary, 1, 4000, 550), 500);
    gw_summary_job_done(summary, 0, 430);
    gw_summary_job_done(summary, 1, 600);
    gw_summary_add_message(summary, 64);
    gw_summary_add_message(summary, 36);
    gw_summary_add_transfer(summary, &(gw_transfer_record){.is_dcn = true, .size_bytes = 1000});
    gw_summary_add_transfer(summary, &(gw_transfer_record){.is_dcn = false, .size_bytes = 500});
    gw_summary_add_result(summary, 0, 0, 0, 2.5);
    gw_summary_add_result(summary, 0, 0, 1, 0.1);
    return summary;
}

START_TEST(the_whole_is_as_by_hand)
{
    g_autoptr(gw_summary) summary = make_run();
    json_t *json = render(summary);
    ck_assert_str_eq(json_string_value(json_object_get(json, "scenario")), "by hand");
    ck_assert_str_eq(json_string_value(json_object_get(json, "backend")), "sim");
    ck_assert_str_eq(json_string_value(json_object_get(json, "digest")), "0000000000000abc");
    check_number(json, "seed", 7);
    check_number(json, "makespan_ns", 600);
    /* Busy 4 x (90 + 10 + 90 + 10) + 2 x 350 in a window of 100 to 500 on six devices. */
    check_near(json, "utilization", 1500.0 / 2400.0);
    check_number(json, "computations", 9);
    check_number(json, "messages", 2);
    check_number(json, "bytes_dcn", 1100);
    check_number(json, "transfers.count", 2);
    check_number(json, "transfers.bytes", 1500);
    check_number(json, "devices", 6);
    check_number(json, "islands.0.devices", 4);
    check_near(json, "islands.0.utilization", 800.0 / 1600.0);
    check_near(json, "islands.1.utilization", 700.0 / 800.0);
    check_near(json, "islands.0.energy_j", (800 * 100 + 800 * 10) * 1e-9);
    check_near(json, "islands.1.energy_j", (700 * 200 + 100 * 20) * 1e-9);
    check_near(json, "energy_j", (88000 + 142000) * 1e-9);
    ck_assert_uint_eq(gw_summary_runs_done(summary), 3);
    json_decref(json);
}
END_TEST

START_TEST(the_jobs_are_as_by_hand)
{
    g_autoptr(gw_summary) summary = make_run();
    json_t *json = render(summary);
    const json_t *second = json_array_get(json_object_get(json, "jobs"), 1);
    ck_assert_str_eq(json_string_value(json_object_get(second, "name")), jobs[1].name);
    ck_assert_ptr_null(json_object_get(second, "tokens_per_s"));
    ck_assert_ptr_null(json_object_get(second, "mfu"));
    ck_assert_ptr_null(json_object_get(second, "peak_activations"));
    check_near(json, "jobs.0.model_flops_per_s", 400 / (4 * 200e-9));
    check_near(json, "jobs.0.hardware_flops_per_s", 600 / (4 * 200e-9));
    check_near(json, "jobs.0.mfu", 0.25);
    check_near(json, "jobs.0.hfu", 0.375);
    check_number(json, "jobs.0.peak_activations.0", 2);
    check_number(json, "jobs.0.peak_activations.1", 1.5);
    check_number(json, "jobs.0.devices", 4);
    check_number(json, "jobs.0.started_ns", 50);
    check_number(json, "jobs.0.done_ns", 430);
    check_number(json, "jobs.0.steps", 2);
    check_number(json, "jobs.0.steps_asked", (double)jobs[0].step_count);
    check_number(json, "jobs.0.moves", 0);
    check_number(json, "jobs.0.stays", 1);
    check_number(json, "jobs.1.moves", 2);
    check_number(json, "jobs.1.stays", 0);
    check_number(json, "jobs.1.moved_bytes", 8000);
    check_number(json, "jobs.1.moving_ns", 80);
    check_number(json, "jobs.0.step_time_ns", 200);
    check_number(json, "jobs.0.memory.bytes", 63);
    check_number(json, "jobs.0.memory.optimizer_bytes", 4);
    check_number(json, "jobs.0.memory.other_bytes", 32);
    check_near(json, "jobs.0.tokens_per_s", 2000 / 200e-9);
    check_near(json, "jobs.0.device_time_share", 800.0 / 1500.0);
    /* 70 ns of computing a step on each device. */
    check_near(json, "jobs.0.bubble_fraction", 1 - 70.0 / 200.0);
    check_number(json, "jobs.0.computations", 6);
    /* Three after the first call, from 200 to 400: copies end no call. */
    check_near(json, "jobs.0.computations_per_s", 3 / 200e-9);
    check_number(json, "jobs.0.results.loss.1", 0.1);
    /* One step and one call: from the start of its first gang to the end of its last. */
    check_number(json, "jobs.1.step_time_ns", 350);
    check_number(json, "jobs.1.bubble_fraction", 0);
    check_near(json, "jobs.1.computations_per_s", 3 / 350e-9);
    check_near(json, "computations_per_s", 3 / 200e-9 + 3 / 350e-9);
    json_decref(json);
}
END_TEST

/* Ranges that overlap, touch and cross the border between the islands. */
START_TEST(devices_are_as_by_hand)
{
    char *folder = make_folder();
    g_autoptr(gw_summary) summary = gw_summary_new(&settings);
    g_autoptr(gw_output) output = gw_output_open(folder, "devices.csv", NULL);
    add_shards(summary, 0, 0, 4, 1000, 1500, 400, 100);
    add_shards(summary, 0, 3, 2, 1500, 1700, 50, 30);
    add_shards(summary, 1, 5, 1, 1800, 2000, 200, 0);
    gw_summary_write_devices(summary, output);
    ck_assert(gw_output_commit(output, NULL));
    g_autofree char *text = read_text(folder, "devices.csv");
    ck_assert_str_eq(
        text, "device,island,busy_ns,local_ns,collective_ns,wait_ns,idle_ns,utilization,energy_j\n"
              "0,0,500,400,100,0,500,0.500000,5.5e-05\n"
              "1,0,500,400,100,0,500,0.500000,5.5e-05\n"
              "2,0,500,400,100,0,500,0.500000,5.5e-05\n"
              "3,0,580,450,130,120,300,0.580000,6.22e-05\n"
              "4,1,80,50,30,120,800,0.080000,3.44e-05\n"
              "5,1,200,200,0,0,800,0.200000,5.6e-05\n");
    remove_folder(folder);
}
END_TEST

START_TEST(a_run_of_nothing_has_no_rates)
{
    g_autoptr(gw_summary) summary = gw_summary_new(&settings);
    json_t *json = render(summary);
    check_number(json, "makespan_ns", 0);
    check_number(json, "utilization", 0);
    check_number(json, "energy_j", 0);
    check_number(json, "computations_per_s", 0);
    check_number(json, "jobs.0.started_ns", (double)NAN);
    check_number(json, "jobs.0.done_ns", (double)NAN);
    check_number(json, "jobs.0.steps", 0);
    check_number(json, "jobs.0.step_time_ns", (double)NAN);
    check_number(json, "jobs.0.tokens_per_s", (double)NAN);
    check_number(json, "jobs.0.mfu", (double)NAN);
    check_number(json, "jobs.0.bubble_fraction", (double)NAN);
    check_number(json, "jobs.0.device_time_share", 0);
    check_number(json, "jobs.0.computations_per_s", 0);
    ck_assert(!gw_summary_has_results(summary));
    json_decref(json);
}
END_TEST

/* m micro-batches through s equal stages: (T - m (TF + TB)) / T = (s - 1) / (m + s - 1). */
START_TEST(the_bubble_of_a_pipeline_has_its_closed_form)
{
    const uint32_t stage_count = 4, microbatch_count = 8;
    const gw_span forward_ns = 1000, backward_ns = 2000;
    g_autoptr(gw_summary) summary = gw_summary_new(&settings);
    for (uint32_t s = 0; s < stage_count; s++) {
        for (uint32_t m = 0; m < microbatch_count; m++) { /* All forwards, then all backwards. */
            gw_time forward = (s + m) * forward_ns;
            gw_time turn = (stage_count + microbatch_count - 1) * forward_ns;
            gw_time backward = turn + (stage_count - 1 - s + m) * backward_ns;
            add_shards(summary, 0, s, 1, forward, forward + forward_ns, forward_ns, 0);
            add_gang(summary, 0, 0, 0, forward, forward + forward_ns);
            add_shards(summary, 0, s, 1, backward, backward + backward_ns, backward_ns, 0);
            add_gang(summary, 0, 0, 0, backward, backward + backward_ns);
        }
    }
    gw_summary_run_done(summary, 0, 0, 1000000);
    json_t *json = render(summary);
    check_number(json, "jobs.0.step_time_ns", 11 * 3000);
    check_near(json, "jobs.0.bubble_fraction", 3.0 / 11.0);
    json_decref(json);
}
END_TEST

/* --- Orders of reporting --- */

#define CALL_COUNT 40

static void report_call(gw_summary *summary, uint32_t call)
{
    gw_time start_ns = 1000 + call * 100;
    add_gang(summary, 0, 0, 10 + call, start_ns, start_ns + 90);
    add_gang(summary, 0, 1, 5 + call, start_ns + 20, start_ns + 300); /* Counts for nothing. */
    add_gang(summary, 0, 0, 10 + call, start_ns + 7, start_ns + 250);
    gw_summary_run_done(summary, 0, call, start_ns + 260);
    gw_summary_add_result(summary, 0, 0, call, 1.0 / (call + 1));
}

START_TEST(the_order_of_reports_does_not_matter)
{
    gw_random random;
    gw_random_init(&random, (uint64_t)_i, "order");
    g_autoptr(gw_summary) in_order = gw_summary_new(&settings);
    g_autoptr(gw_summary) shuffled = gw_summary_new(&settings);
    uint32_t calls[CALL_COUNT];
    for (uint32_t i = 0; i < CALL_COUNT; i++) {
        report_call(in_order, i);
        uint32_t place = (uint32_t)gw_random_below(&random, i + 1);
        calls[i] = calls[place];
        calls[place] = i;
    }
    for (uint32_t i = 0; i < CALL_COUNT; i++) {
        report_call(shuffled, calls[i]);
    }
    g_autofree char *expected = gw_summary_render(in_order, 1);
    g_autofree char *found = gw_summary_render(shuffled, 1);
    ck_assert_str_eq(found, expected);

    json_t *json = render(in_order);
    check_number(json, "jobs.0.step_time_ns", 100);
    /* All but the first call's 6, from its end at 1250 to the last's at 5150. */
    check_near(json, "jobs.0.computations_per_s", 39 * 6 / 3900e-9);
    json_decref(json);
}
END_TEST

START_TEST(calls_that_end_at_one_instant_have_no_rate)
{
    g_autoptr(gw_summary) summary = gw_summary_new(&settings);
    add_gang(summary, 0, 0, 1, 100, 200);
    add_gang(summary, 0, 0, 2, 100, 200);
    json_t *json = render(summary);
    check_number(json, "jobs.0.computations_per_s", (double)NAN);
    check_number(json, "computations_per_s", 0);
    json_decref(json);
}
END_TEST

START_TEST(steps_that_end_together_have_no_negative_bubble)
{
    g_autoptr(gw_summary) summary = gw_summary_new(&settings);
    add_shards(summary, 0, 0, 4, 0, 1000, 1000, 0);
    gw_summary_run_done(summary, 0, 1, 1000);
    gw_summary_run_done(summary, 0, 0, 1001);
    json_t *json = render(summary);
    check_number(json, "jobs.0.step_time_ns", 1);
    check_number(json, "jobs.0.bubble_fraction", 0);
    json_decref(json);
}
END_TEST

START_TEST(counters_are_exact_where_doubles_are_not)
{
    g_autoptr(gw_summary) summary = gw_summary_new(&settings);
    gw_summary_add_message(summary, (UINT64_C(1) << 60) + 1);
    gw_summary_run_done(summary, 0, 0, (UINT64_C(1) << 61) + 3);
    g_autofree char *text = gw_summary_render(summary, UINT64_MAX);
    ck_assert_ptr_nonnull(strstr(text, "\"bytes_dcn\": 1152921504606846977,"));
    ck_assert_ptr_nonnull(strstr(text, "\"makespan_ns\": 2305843009213693955,"));
    ck_assert_ptr_nonnull(strstr(text, "\"digest\": \"ffffffffffffffff\","));
}
END_TEST

/* --- Results --- */

START_TEST(few_results_are_listed_with_their_gaps)
{
    g_autoptr(gw_summary) summary = gw_summary_new(&settings);
    gw_summary_add_result(summary, 0, 0, 3, 4.0);
    gw_summary_add_result(summary, 0, 0, 1, (double)NAN);
    gw_summary_add_result(summary, 0, 0, 0, 1.0 / 3.0);
    g_autofree char *text = gw_summary_render(summary, 0);
    ck_assert_ptr_nonnull(strstr(text, "\"loss\": [0.3333333333333333, null, null, 4.0]"));
    gw_summary_add_result(summary, 0, 0, 63, 1);
    json_t *json = render(summary);
    check_number(json, "jobs.0.results.loss.63", 1);
    json_decref(json);
}
END_TEST

START_TEST(many_results_are_summed_up)
{
    g_autoptr(gw_summary) summary = gw_summary_new(&settings);
    for (uint64_t run = 65; run > 0; run--) {
        gw_summary_add_result(summary, 0, 0, run - 1, (double)run);
    }
    json_t *json = render(summary);
    check_number(json, "jobs.0.results.loss.first", 1);
    check_number(json, "jobs.0.results.loss.last", 65);
    check_number(json, "jobs.0.results.loss.count", 65);
    json_decref(json);
}
END_TEST

START_TEST(results_beyond_the_kept_ones_still_count)
{
    char *folder = make_folder();
    g_autoptr(gw_summary) summary = gw_summary_new(&settings);
    for (uint64_t run = 0; run < GW_SUMMARY_KEPT_RESULTS + 10; run++) {
        gw_summary_add_result(summary, 0, 0, run, (double)run);
    }
    json_t *json = render(summary);
    check_number(json, "jobs.0.results.loss.last", GW_SUMMARY_KEPT_RESULTS + 9);
    check_number(json, "jobs.0.results.loss.count", GW_SUMMARY_KEPT_RESULTS + 10);
    json_decref(json);

    g_autoptr(gw_output) output = gw_output_open(folder, "results.csv", NULL);
    gw_summary_write_results(summary, output);
    ck_assert(gw_output_commit(output, NULL));
    g_autofree char *text = read_text(folder, "results.csv");
    ck_assert(g_str_has_prefix(text, "job,result,run,value\nlarge,loss,0,0.0\nlarge,loss,1,1.0\n"));
    ck_assert(g_str_has_suffix(text, "\nlarge,loss,65535,65535.0\n"));
    remove_folder(folder);
}
END_TEST

/* --- Waiting and being late --- */

START_TEST(longest_wait_of_all_schedulers_counts)
{
    g_autoptr(gw_summary) summary = gw_summary_new(&settings);
    gw_summary_order_wait(summary, 0, 700);
    gw_summary_order_wait(summary, 0, 900);
    gw_summary_order_wait(summary, 0, 0);
    json_t *json = render(summary);
    check_number(json, "jobs.0.order_wait_ns_max", 900);
    const json_t *second = json_array_get(json_object_get(json, "jobs"), 1);
    ck_assert(json_is_null(json_object_get(second, "order_wait_ns_max"))); /* Nobody has said. */
    json_decref(json);
    gw_summary_order_wait(summary, 1, 0);
    json = render(summary);
    check_number(json, "jobs.1.order_wait_ns_max", 0);
    json_decref(json);
}
END_TEST

START_TEST(starving_is_kept_by_job)
{
    g_autoptr(gw_summary) summary = gw_summary_new(&settings);
    gw_summary_starved(summary, 1, 50);
    gw_summary_starved(summary, 1, 40);
    ck_assert_uint_eq(gw_summary_starved_ns(summary, 0), 0);
    ck_assert_uint_eq(gw_summary_starved_ns(summary, 1), 50);
}
END_TEST

START_TEST(missed_deadlines_are_counted_where_there_are_any)
{
    g_autoptr(gw_summary) summary = gw_summary_new(&settings);
    json_t *json = render(summary);
    check_number(json, "jobs.0.deadlines_missed", 0);
    json_decref(json);
    gw_summary_deadline_missed(summary, 0);
    gw_summary_deadline_missed(summary, 0);
    json = render(summary);
    check_number(json, "jobs.0.deadlines_missed", 2);
    const json_t *second = json_array_get(json_object_get(json, "jobs"), 1);
    ck_assert_ptr_null(json_object_get(second, "deadlines_missed")); /* It has no deadline. */
    json_decref(json);
}
END_TEST

/* The first instant counts; who is not collected has not failed, but ended in time. */
START_TEST(failed_jobs_say_when)
{
    g_autoptr(gw_summary) summary = gw_summary_new(&settings);
    gw_summary_job_failed(summary, 0, 300);
    gw_summary_job_failed(summary, 0, 700);
    gw_summary_job_failed(summary, 1, 350);
    gw_summary_job_collected(summary, 0, 900);
    json_t *json = render(summary);
    check_number(json, "jobs.0.failed_ns", 300);
    check_number(json, "jobs.0.collected_ns", 900);
    check_number(json, "jobs.0.done_ns", (double)NAN);
    check_number(json, "makespan_ns", 900);
    const json_t *second = json_array_get(json_object_get(json, "jobs"), 1);
    ck_assert_ptr_null(json_object_get(second, "failed_ns"));
    ck_assert_ptr_null(json_object_get(second, "collected_ns"));
    json_decref(json);
}
END_TEST

/* Two devices of each island, side by side: busy for 30 of 50 and for 20, which wait for nobody. */
START_TEST(communication_and_energy_are_counted_by_job)
{
    g_autoptr(gw_summary) summary = gw_summary_new(&settings);
    gw_shard_record record = {.job = 1,
                              .first_device = 2,
                              .device_count = 4,
                              .start_ns = 100,
                              .end_ns = 150,
                              .local_ns = 25,
                              .collective_ns = 5,
                              .hidden_ns = 40};
    gw_summary_add_shards(summary, &record);
    record = (gw_shard_record){
        .job = 1, .device_count = 1, .end_ns = 20, .local_ns = 13, .collective_ns = 7};
    gw_summary_add_shards(summary, &record);
    json_t *json = render(summary);
    check_number(json, "jobs.1.communication_exposed_ns", 4 * 5 + 7);
    check_number(json, "jobs.1.communication_hidden_ns", 4 * 40);
    check_near(json, "jobs.1.energy_j",
               (2 * (30 * 100 + 20 * 10) + 20 * 100 + 2 * (30 * 200 + 20 * 20)) * 1e-9);
    check_number(json, "jobs.0.communication_exposed_ns", 0);
    check_number(json, "jobs.0.energy_j", 0);
    json_decref(json);
}
END_TEST

START_TEST(dealt_rows_are_counted_where_there_are_exchanges)
{
    g_autoptr(gw_summary) summary = gw_summary_new(&settings);
    gw_summary_add_rows(summary, 0, 30, 0);
    gw_summary_add_rows(summary, 0, 12, 5);
    json_t *json = render(summary);
    check_number(json, "jobs.0.rows_dealt", 42);
    check_number(json, "jobs.0.rows_dropped", 5);
    const json_t *second = json_array_get(json_object_get(json, "jobs"), 1);
    ck_assert_ptr_null(json_object_get(second, "rows_dealt"));
    json_decref(json);
}
END_TEST

/* --- Every key is explained --- */

/* Appends the path of every key below `json`: "jobs[].steps"; results are the run's own. */
static void collect_keys(const json_t *json, const char *path, GPtrArray *paths)
{
    const char *key;
    json_t *value;
    size_t i;
    if (json_is_array(json) && !g_str_has_suffix(path, "results")) {
        g_autofree char *below = g_strconcat(path, "[]", NULL);
        json_array_foreach(json, i, value)
        {
            collect_keys(value, below, paths);
        }
    } else if (json_is_object(json) && !g_str_has_suffix(path, ".results")) {
        json_object_foreach((json_t *)json, key, value)
        {
            g_autofree char *below = g_strconcat(path, path[0] == '\0' ? "" : ".", key, NULL);
            collect_keys(value, below, paths);
        }
    } else {
        g_ptr_array_add(paths, g_strdup(path));
    }
}

START_TEST(every_key_is_in_the_help_and_the_help_has_no_other)
{
    g_autoptr(gw_summary) summary = make_run();
    g_autoptr(GPtrArray) paths = g_ptr_array_new_with_free_func(g_free);
    g_autofree const char **keys = gw_summary_keys();
    gw_summary_job_failed(summary, 1, 400);
    gw_summary_job_collected(summary, 1, 500);
    json_t *json = render(summary);
    collect_keys(json, "", paths);
    json_decref(json);
    for (uint32_t i = 0; i < paths->len; i++) {
        const char *path = g_ptr_array_index(paths, i);
        ck_assert_msg(g_strv_contains(keys, path), "the help lacks %s", path);
    }
    for (uint32_t i = 0; keys[i] != NULL; i++) {
        ck_assert_msg(g_ptr_array_find_with_equal_func(paths, keys[i], g_str_equal, NULL),
                      "no summary has %s", keys[i]);
    }
}
END_TEST

START_TEST(the_help_and_the_document_say_every_key)
{
    g_autofree const char **keys = gw_summary_keys();
    g_autofree char *document = read_text(GW_SOURCE_DIR, "docs/SUMMARY.md");
    for (uint32_t i = 0; keys[i] != NULL; i++) {
        g_autofree char *in_help = g_strdup_printf("\n  %s  (", keys[i]);
        g_autofree char *in_document = g_strdup_printf("\n| `%s` |", keys[i]);
        ck_assert_msg(strstr(gw_summary_help(), in_help) != NULL, "the help lacks %s", keys[i]);
        ck_assert_msg(strstr(document, in_document) != NULL, "the document lacks %s", keys[i]);
    }
}
END_TEST

START_TEST(the_document_has_no_key_of_its_own)
{
    g_autofree const char **keys = gw_summary_keys();
    g_autofree char *document = read_text(GW_SOURCE_DIR, "docs/SUMMARY.md");
    g_auto(GStrv) parts = g_strsplit(document, "\n## ", 2); /* Keys stand in the first. */
    g_auto(GStrv) lines = g_strsplit(parts[0], "\n", -1);
    ck_assert_uint_gt(g_strv_length(lines), g_strv_length((char **)keys));
    for (uint32_t i = 0; lines[i] != NULL; i++) {
        if (g_str_has_prefix(lines[i], "| `")) {
            *strchr(lines[i] + 3, '`') = '\0';
            ck_assert_msg(g_strv_contains(keys, lines[i] + 3), "no summary has %s", lines[i] + 3);
        }
    }
}
END_TEST

START_TEST(the_help_fits_a_terminal)
{
    g_auto(GStrv) lines = g_strsplit(gw_summary_help(), "\n", -1);
    for (uint32_t i = 0; lines[i] != NULL; i++) {
        ck_assert_uint_le(g_utf8_strlen(lines[i], -1), 80);
    }
}
END_TEST

/* --- Beliefs --- */

START_TEST(no_device_runs_two_gangs_at_once)
{
    char *folder = make_folder();
    g_autoptr(gw_summary) summary = gw_summary_new(&settings);
    g_autoptr(gw_output) output = gw_output_open(folder, "devices.csv", NULL);
    add_shards(summary, 0, 0, 4, 0, 1000, 1000, 0);
    add_shards(summary, 1, 0, 4, 0, 1000, 1000, 0);
    remove_folder(folder);
    gw_summary_write_devices(summary, output);
}
END_TEST

START_TEST(devices_are_known)
{
    g_autoptr(gw_summary) summary = gw_summary_new(&settings);
    add_shards(summary, 0, 5, 2, 0, 1000, 1000, 0);
}
END_TEST

START_TEST(work_fits_its_time)
{
    g_autoptr(gw_summary) summary = gw_summary_new(&settings);
    add_shards(summary, 0, 0, 2, 0, 1000, 600, 500);
}
END_TEST

START_TEST(nodes_are_known)
{
    g_autoptr(gw_summary) summary = gw_summary_new(&settings);
    add_gang(summary, 0, 2, 0, 0, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("summary");
    TCase *cases = tcase_create("summary");
    tcase_add_test(cases, the_whole_is_as_by_hand);
    tcase_add_test(cases, the_jobs_are_as_by_hand);
    tcase_add_test(cases, devices_are_as_by_hand);
    tcase_add_test(cases, a_run_of_nothing_has_no_rates);
    tcase_add_test(cases, the_bubble_of_a_pipeline_has_its_closed_form);
    tcase_add_loop_test(cases, the_order_of_reports_does_not_matter, 0, 20);
    tcase_add_test(cases, calls_that_end_at_one_instant_have_no_rate);
    tcase_add_test(cases, steps_that_end_together_have_no_negative_bubble);
    tcase_add_test(cases, counters_are_exact_where_doubles_are_not);
    tcase_add_test(cases, few_results_are_listed_with_their_gaps);
    tcase_add_test(cases, many_results_are_summed_up);
    tcase_add_test(cases, results_beyond_the_kept_ones_still_count);
    tcase_add_test(cases, longest_wait_of_all_schedulers_counts);
    tcase_add_test(cases, starving_is_kept_by_job);
    tcase_add_test(cases, missed_deadlines_are_counted_where_there_are_any);
    tcase_add_test(cases, failed_jobs_say_when);
    tcase_add_test(cases, communication_and_energy_are_counted_by_job);
    tcase_add_test(cases, dealt_rows_are_counted_where_there_are_exchanges);
    tcase_add_test(cases, every_key_is_in_the_help_and_the_help_has_no_other);
    tcase_add_test(cases, the_help_and_the_document_say_every_key);
    tcase_add_test(cases, the_document_has_no_key_of_its_own);
    tcase_add_test(cases, the_help_fits_a_terminal);
    tcase_add_test_raise_signal(cases, no_device_runs_two_gangs_at_once, SIGABRT);
    tcase_add_test_raise_signal(cases, devices_are_known, SIGABRT);
    tcase_add_test_raise_signal(cases, work_fits_its_time, SIGABRT);
    tcase_add_test_raise_signal(cases, nodes_are_known, SIGABRT);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
