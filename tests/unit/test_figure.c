/* SPDX-License-Identifier: Apache-2.0 */
/* Figures out of a run's folder: gnuplot draws them, and every way it can fail is told. */
#include <errno.h>
#include <signal.h>

#include "base/error.h"
#include "record/csv.h"
#include "record/figure.h"
#include "record/recorder.h"
#include "test_record.h"

static const char *const all_formats[] = {"svg", "pdf", "png", NULL};
static const char *const svg[] = {"svg", NULL};

/* --- Runs to draw --- */

typedef struct {
    const char *job_names[10];
    uint32_t job_count, gang_count;
    uint32_t microbatch; /* Of the node "forward"; "backward" has none. */
} run;

static void add_gang(gw_recorder *recorder, const run *about, uint32_t gang)
{
    gw_time start_ns = 5 + (gw_time)gang * 100;
    uint32_t job = gang % about->job_count;
    gw_recorder_add_shards(recorder, &(gw_shard_record){.gang = gang,
                                                        .job = job,
                                                        .node = gang / about->job_count % 2,
                                                        .device_count = 4,
                                                        .start_ns = start_ns,
                                                        .end_ns = start_ns + 90,
                                                        .local_ns = 90});
    gw_recorder_add_gang(recorder, &(gw_gang_record){.gang = gang,
                                                     .job = job,
                                                     .node = gang / about->job_count % 2,
                                                     .last_device = 3,
                                                     .device_count = 4,
                                                     .start_ns = start_ns,
                                                     .end_ns = start_ns + 90});
}

/* A folder as a run leaves it. */
static void make_run(const char *folder, const run *about)
{
    static const char *const node_names[] = {"forward.1.2", "backward.1.2"};
    static const uint64_t computations[] = {1, 1};
    static const gw_recorder_island islands[] = {{.first_device = 0, .device_count = 2},
                                                 {.first_device = 2, .device_count = 2}};
    const uint32_t microbatches[] = {about->microbatch, GW_INDEX_NONE};
    gw_recorder_job jobs[10];
    for (uint32_t i = 0; i < about->job_count; i++) {
        jobs[i] = (gw_recorder_job){.name = about->job_names[i],
                                    .step_count = 1,
                                    .node_names = node_names,
                                    .computations = computations,
                                    .stages = microbatches,
                                    .microbatches = microbatches,
                                    .node_count = 2,
                                    .device_count = 4};
    }
    const gw_recorder_settings settings = {.scenario = "s",
                                           .backend = "sim",
                                           .jobs = jobs,
                                           .job_count = about->job_count,
                                           .islands = islands,
                                           .island_count = 2,
                                           .device_count = 4,
                                           .folder = folder,
                                           .wants_gangs = true};
    g_autoptr(gw_recorder) recorder = gw_recorder_new(&settings, NULL);
    ck_assert_ptr_nonnull(recorder);
    for (uint32_t i = 0; i < about->gang_count; i++) {
        add_gang(recorder, about, i);
    }
    ck_assert(gw_recorder_finish(recorder, 0, &(gw_recorder_timing){0}, NULL));
}

static const run two_jobs = {.job_names = {"large", "small_job"}, .job_count = 2, .gang_count = 9};
static const run one_job = {.job_names = {"train"}, .job_count = 1, .gang_count = 9};

static void draw_good(const char *folder, const char *subject, const char *const *formats)
{
    g_autoptr(GError) error = NULL;
    bool is_drawn = gw_figure_draw(folder, subject, formats, &error);
    ck_assert_msg(is_drawn, "%s", error == NULL ? "no message" : error->message);
}

/* The words of an SVG are in it as they are. */
static void check_words(const char *folder, const char *name, const char *const *words)
{
    g_autofree char *text = read_text(folder, name);
    for (; *words != NULL; words++) {
        ck_assert_msg(strstr(text, *words) != NULL, "%s lacks \"%s\"", name, *words);
    }
}

static uint32_t count_rows(const char *folder, const char *name)
{
    g_autoptr(gw_csv) csv = gw_csv_open(folder, name, NULL);
    uint32_t count = 0;
    ck_assert_ptr_nonnull(csv);
    while (gw_csv_next(csv, NULL)) {
        count++;
    }
    return count;
}

/* --- Good figures --- */

START_TEST(all_formats_are_drawn)
{
    char *folder = make_folder();
    make_run(folder, &two_jobs);
    for (uint32_t i = 0; gw_figure_run_subjects[i] != NULL; i++) {
        draw_good(folder, gw_figure_run_subjects[i], all_formats);
    }
    g_autofree char *files = list_files(folder);
    ck_assert_str_eq(files,
                     "devices.csv gangs.csv shards.csv summary.json timeline.csv timeline.pdf "
                     "timeline.png timeline.svg timing.json utilization.csv "
                     "utilization.pdf utilization.png utilization.svg "
                     "utilization_layers.csv");
    check_words(folder, "timeline.pdf", (const char *[]){"%PDF-", NULL});
    check_words(folder, "utilization.png", (const char *[]){"\x89PNG", NULL});
    remove_folder(folder);
}
END_TEST

START_TEST(jobs_units_and_axes_are_named)
{
    char *folder = make_folder();
    make_run(folder, &two_jobs);
    draw_good(folder, "utilization", svg);
    draw_good(folder, "timeline", svg);
    const char *const words[] = {"Liberation Sans", "large", "small_job", "time (ns)", NULL};
    check_words(folder, "utilization.svg", words);
    check_words(folder, "timeline.svg", words);
    check_words(folder, "utilization.svg", (const char *[]){">utilization<", "0.75", NULL});
    check_words(folder, "timeline.svg", (const char *[]){">device<", NULL});
    remove_folder(folder);
}
END_TEST

START_TEST(drawn_twice_it_is_the_same)
{
    char *folder = make_folder();
    make_run(folder, &two_jobs);
    draw_good(folder, "timeline", svg);
    g_autofree char *first = read_text(folder, "timeline.svg");
    draw_good(folder, "timeline", svg);
    g_autofree char *second = read_text(folder, "timeline.svg");
    ck_assert(g_str_equal(first, second));
    remove_folder(folder);
}
END_TEST

START_TEST(boxes_are_shards_by_job)
{
    char *folder = make_folder();
    const run about = {.job_names = {"a", "b"}, .job_count = 2, .gang_count = 3};
    make_run(folder, &about);
    draw_good(folder, "timeline", svg);
    g_autofree char *text = read_text(folder, "timeline.csv");
    ck_assert_str_eq(text, "start_ns,end_ns,first_device,last_device,group,label\n"
                           "5,95,0,3,1,\n105,195,0,3,2,\n205,295,0,3,1,\n");
    remove_folder(folder);
}
END_TEST

/* Two jobs take turns on four devices, whose hosts learn of the gangs at different times: as whole
 * gangs, from first start to last end, the second would lie over half of the first. */
START_TEST(boxes_do_not_overlap)
{
    static const uint32_t spans[][5] = {/* job, first_device, device_count, start_ns, end_ns */
                                        {0, 0, 2, 10, 100}, {0, 2, 1, 40, 100}, {0, 3, 1, 90, 100},
                                        {1, 2, 1, 15, 40},  {1, 3, 1, 12, 90},  {1, 0, 2, 100, 130},
                                        {0, 2, 2, 100, 125}};
    char *folder = make_folder();
    make_run(folder, &two_jobs);
    g_autoptr(GString) text = g_string_new("gang,job,node,microbatch,first_device,device_count,"
                                           "start_ns,end_ns\n");
    for (uint32_t i = 0; i < G_N_ELEMENTS(spans); i++) {
        const uint32_t *span = spans[i];
        g_string_append_printf(text, "%u,%s,f,,%u,%u,%u,%u\n", i, two_jobs.job_names[span[0]],
                               span[1], span[2], span[3], span[4]);
    }
    write_text(folder, "shards.csv", text->str);
    draw_good(folder, "timeline", svg);

    g_autoptr(gw_csv) csv = gw_csv_open(folder, "timeline.csv", NULL);
    uint64_t box[5], owners[4][130] = {{0}}; /* Job + 1, by device and ns. */
    uint32_t box_count = 0, owned_ns = 0;
    for (; gw_csv_next(csv, NULL); box_count++) {
        for (uint32_t i = 0; i < G_N_ELEMENTS(box); i++) {
            ck_assert(gw_csv_count(csv, i, &box[i], NULL));
        }
        ck_assert(box[1] <= 130 && box[3] < 4);
        for (uint64_t device = box[2]; device <= box[3]; device++) {
            for (uint64_t ns = box[0]; ns < box[1]; ns++, owned_ns++) {
                ck_assert_uint_eq(owners[device][ns], 0);
                owners[device][ns] = box[4];
            }
        }
    }
    ck_assert_uint_eq(box_count, G_N_ELEMENTS(spans));
    ck_assert_uint_eq(owned_ns, 2 * 90 + 60 + 10 + 25 + 78 + 2 * 30 + 2 * 25);
    ck_assert(owners[0][10] == 1 && owners[2][39] == 2 && owners[2][40] == 1 && owners[3][9] == 0);
    remove_folder(folder);
}
END_TEST

/* Between more than 32 rows an outline would be all that is seen. */
START_TEST(few_rows_have_outlines)
{
    char *folder = make_folder();
    make_run(folder, &one_job);
    for (uint32_t row_count = 32; row_count <= 33; row_count++) {
        g_autoptr(GString) text = g_string_new("gang,job,node,microbatch,first_device,device_count,"
                                               "start_ns,end_ns\n");
        for (uint32_t i = 0; i < row_count; i++) {
            g_string_append_printf(text, "1,train,f,,%u,1,%u,100\n", i, i);
        }
        write_text(folder, "shards.csv", text->str);
        draw_good(folder, "timeline", svg);
        g_autofree char *drawn = read_text(folder, "timeline.svg");
        bool has_outlines = strstr(drawn, "stroke='rgb(255, 255, 255)'") != NULL;
        ck_assert_int_eq(has_outlines, row_count == 32);
    }
    remove_folder(folder);
}
END_TEST

START_TEST(one_job_shows_kinds_and_microbatches)
{
    char *folder = make_folder();
    run about = one_job;
    about.gang_count = 3;
    about.microbatch = 17;
    make_run(folder, &about);
    draw_good(folder, "timeline", svg);
    g_autofree char *text = read_text(folder, "timeline.csv");
    ck_assert_str_eq(text, "start_ns,end_ns,first_device,last_device,group,label\n"
                           "5,95,0,3,1,17\n105,195,0,3,2,\n205,295,0,3,1,17\n");
    check_words(folder, "timeline.svg", (const char *[]){"forward", "backward", ">17<", NULL});
    remove_folder(folder);
}
END_TEST

START_TEST(layers_add_up)
{
    char *folder = make_folder();
    make_run(folder, &two_jobs);
    draw_good(folder, "utilization", svg);
    g_autoptr(gw_csv) csv = gw_csv_open(folder, "utilization_layers.csv", NULL);
    uint32_t row_count = 0;
    double last_time = -1;
    while (gw_csv_next(csv, NULL)) {
        double time, first, second;
        ck_assert(gw_csv_real(csv, 0, &time, NULL));
        ck_assert(gw_csv_real(csv, 1, &first, NULL));
        ck_assert(gw_csv_real(csv, 2, &second, NULL));
        ck_assert(time >= last_time);
        ck_assert(0 <= first && first <= second && second <= 1.000001);
        last_time = time;
        row_count++;
    }
    ck_assert(last_time == 895);
    ck_assert_uint_gt(row_count, 100);
    ck_assert_uint_le(row_count, 512);
    remove_folder(folder);
}
END_TEST

START_TEST(many_jobs_share_the_last_colour)
{
    char *folder = make_folder();
    const run about = {.job_names = {"j0", "j1", "j2", "j3", "j4", "j5", "j6", "j7", "j8", "j9"},
                       .job_count = 10,
                       .gang_count = 30};
    make_run(folder, &about);
    draw_good(folder, "utilization", svg);
    draw_good(folder, "timeline", svg);
    check_words(folder, "utilization.svg", (const char *[]){"j6", "other jobs", NULL});
    check_words(folder, "timeline.svg", (const char *[]){"j6", "other jobs", NULL});
    g_autofree char *text = read_text(folder, "timeline.svg");
    ck_assert_ptr_null(strstr(text, ">j7<"));
    remove_folder(folder);
}
END_TEST

/* Three rows of a key are whole; of more, two stand side by side, and the ends tell them apart. */
START_TEST(long_names_keep_their_ends)
{
    run about = {.job_names = {"training_of_the_large_model.10", "training_of_the_large_model.11",
                               "all_of_twenty_letter", "short"},
                 .job_count = 3,
                 .gang_count = 9};
    char *folder = make_folder();
    make_run(folder, &about);
    draw_good(folder, "timeline", svg);
    check_words(folder, "timeline.svg",
                (const char *[]){">training_of_the_large_model.10<",
                                 ">training_of_the_large_model.11<", NULL});
    about.job_count = 4;
    make_run(folder, &about);
    draw_good(folder, "timeline", svg);
    check_words(folder, "timeline.svg",
                (const char *[]){">training_…e_model.10<", ">training_…e_model.11<",
                                 ">all_of_twenty_letter<", ">short<", NULL});
    remove_folder(folder);
}
END_TEST

/* What a row of boxes can show: 150 of them; and the caption says so. */
START_TEST(long_runs_show_their_first_stretch)
{
    char *folder = make_folder();
    run about = two_jobs;
    about.gang_count = 45000;
    make_run(folder, &about);
    draw_good(folder, "timeline", svg);
    ck_assert_uint_eq(count_rows(folder, "timeline.csv"), 150);
    check_words(folder, "timeline.svg",
                (const char *[]){"time (µs); the first 150 of 45000 boxes", NULL});
    g_autofree char *text = read_text(folder, "timeline.csv");
    ck_assert(g_str_has_suffix(text, "\n14905,14995,0,3,2,\n"));
    remove_folder(folder);
}
END_TEST

START_TEST(shards_may_be_reported_in_any_order)
{
    char *folder = make_folder();
    make_run(folder, &one_job);
    g_autoptr(GString) text = g_string_new(
        "gang,job,run,node,stage,microbatch,first_device,device_count,start_ns,end_ns,local_ns,"
        "collective_ns\n");
    for (uint32_t i = 50000; i > 0; i--) {
        g_string_append_printf(text, "%u,train,0,f,,,%u,1,%u,%u,0,0\n", i, i % 4, i * 100,
                               i * 100 + 100);
    }
    write_text(folder, "shards.csv", text->str);
    draw_good(folder, "timeline", svg);
    ck_assert_uint_eq(count_rows(folder, "timeline.csv"), 600);
    g_autofree char *drawn = read_text(folder, "timeline.csv");
    ck_assert_ptr_nonnull(strstr(drawn, "label\n100,200,1,1,1,\n200,300,2,2,1,\n"));
    ck_assert(g_str_has_suffix(drawn, "\n60000,60100,0,0,1,\n"));
    remove_folder(folder);
}
END_TEST

START_TEST(shards_of_no_length_at_one_instant_are_drawn)
{
    char *folder = make_folder();
    make_run(folder, &one_job);
    g_autoptr(GString) text = g_string_new("gang,job,node,microbatch,first_device,device_count,"
                                           "start_ns,end_ns\n");
    for (uint32_t i = 0; i < 1000; i++) {
        g_string_append_printf(text, "%u,train,f,,0,1,7,7\n", i);
    }
    write_text(folder, "shards.csv", text->str);
    draw_good(folder, "timeline", svg);
    ck_assert_uint_eq(count_rows(folder, "timeline.csv"), 150);
    remove_folder(folder);
}
END_TEST

START_TEST(names_are_no_commands)
{
    char *folder = make_folder();
    /* Each is short enough to be a title as it is. */
    const run about = {.job_names = {"it's `touch p` @y\n2", "';set output'p';'", "système 世界",
                                     "@folder \"q\" \\n#x{z}_1"},
                       .job_count = 4,
                       .gang_count = 9};
    make_run(folder, &about);
    draw_good(folder, "utilization", svg);
    draw_good(folder, "timeline", svg);
    ck_assert(!has_file(folder, "p"));
    ck_assert(!g_file_test("p", G_FILE_TEST_EXISTS));
    check_words(folder, "timeline.svg",
                (const char *[]){"it's `touch p` ", "';set output'p';'", "système 世界", NULL});
    g_autofree char *boxes = read_text(folder, "timeline.csv");
    ck_assert_ptr_nonnull(strstr(boxes, ",1,\n")); /* The name with a newline is found again. */
    remove_folder(folder);
}
END_TEST

START_TEST(folders_may_have_any_name)
{
    char *folder = make_folder();
    g_autofree char *odd = g_build_filename(folder, "it's a \"folder\"; `x`\n<y>", NULL);
    make_run(odd, &two_jobs);
    draw_good(odd, "timeline", svg);
    ck_assert(has_file(odd, "timeline.svg"));
    remove_folder(g_steal_pointer(&odd));
    remove_folder(folder);
}
END_TEST

/* --- Subjects --- */

START_TEST(subjects_are_the_scripts)
{
    g_auto(GStrv) subjects = gw_figure_subjects();
    const char *const *all = (const char *const *)subjects;
    ck_assert_ptr_nonnull(gw_figure_run_subjects[0]);
    for (uint32_t i = 0; gw_figure_run_subjects[i] != NULL; i++) {
        ck_assert(g_strv_contains(all, gw_figure_run_subjects[i]));
    }
    ck_assert(!g_strv_contains(all, "style"));
    for (uint32_t i = 1; subjects[i] != NULL; i++) {
        ck_assert_str_lt(subjects[i - 1], subjects[i]);
    }
}
END_TEST

/* A folder of scripts with one figure in it. */
static char *make_scripts(const char *script)
{
    char *scripts = make_folder();
    write_text(scripts, "style.gp", "set terminal svg\nset output output\n");
    write_text(scripts, "mine.gp", script);
    write_text(scripts, "notes.txt", "");
    g_setenv("GANGWAY_PLOTS", scripts, TRUE);
    return scripts;
}

START_TEST(scripts_may_be_one_s_own)
{
    char *folder = make_folder();
    char *scripts = make_scripts("plot 'data.csv' using 1:2\nunset output\n");
    write_text(folder, "data.csv", "1 2\n3 4\n");
    g_auto(GStrv) subjects = gw_figure_subjects();
    ck_assert_uint_eq(g_strv_length(subjects), 1);
    ck_assert_str_eq(subjects[0], "mine");
    draw_good(folder, "mine", svg);
    ck_assert(has_file(folder, "mine.svg"));
    remove_folder(scripts);
    remove_folder(folder);
}
END_TEST

START_TEST(without_scripts_there_are_no_subjects)
{
    char *folder = make_folder();
    g_autoptr(GError) error = NULL;
    g_setenv("GANGWAY_PLOTS", folder, TRUE);
    g_auto(GStrv) subjects = gw_figure_subjects();
    ck_assert_ptr_null(subjects[0]);
    ck_assert(!gw_figure_draw(folder, "timeline", svg, &error));
    g_autofree char *style = g_build_filename(folder, "style.gp", NULL);
    check_error(error, GW_ERROR_SYSTEM, (const char *[]){style, "GANGWAY_PLOTS", NULL});
    remove_folder(folder);
}
END_TEST

/* --- Failures --- */

static void draw_bad(const char *folder, const char *subject, const char *const *formats, int code,
                     const char *const *words)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *name = g_strconcat(subject, ".svg", NULL);
    ck_assert(!gw_figure_draw(folder, subject, formats, &error));
    check_error(error, code, words);
    g_autofree char *files = list_files(folder);
    ck_assert_ptr_null(strstr(files, ".tmp"));
    ck_assert(!has_file(folder, name));
}

START_TEST(unknown_subjects_get_a_suggestion)
{
    char *folder = make_folder();
    draw_bad(folder, "timelime", svg, GW_ERROR_USAGE,
             (const char *[]){"\"timelime\"", "did you mean \"timeline\"?", NULL});
    draw_bad(folder, "../style", svg, GW_ERROR_USAGE, (const char *[]){"style", NULL});
    draw_bad(folder, "style", svg, GW_ERROR_USAGE, (const char *[]){"style", NULL});
    remove_folder(folder);
}
END_TEST

START_TEST(unknown_formats_are_refused_before_drawing)
{
    char *folder = make_folder();
    make_run(folder, &two_jobs);
    draw_bad(folder, "timeline", (const char *[]){"svg", "gif", NULL}, GW_ERROR_USAGE,
             (const char *[]){"\"gif\"", "svg, pdf, png", NULL});
    draw_bad(folder, "timeline", (const char *[]){"PNG", NULL}, GW_ERROR_USAGE,
             (const char *[]){"\"PNG\"", "did you mean \"png\"?", NULL});
    remove_folder(folder);
}
END_TEST

START_TEST(missing_data_are_named)
{
    char *folder = make_folder();
    draw_bad(folder, "timeline", svg, GW_ERROR_SCENARIO, (const char *[]){"summary.json", NULL});
    make_run(folder, &two_jobs);
    g_autofree char *shards = g_build_filename(folder, "shards.csv", NULL);
    g_unlink(shards);
    draw_bad(folder, "timeline", svg, GW_ERROR_SCENARIO,
             (const char *[]){"shards.csv", "wrote its gangs", g_strerror(ENOENT), NULL});
    remove_folder(folder);
}
END_TEST

START_TEST(a_run_of_nothing_cannot_be_drawn)
{
    char *folder = make_folder();
    run about = two_jobs;
    about.gang_count = 0;
    make_run(folder, &about);
    draw_bad(folder, "timeline", svg, GW_ERROR_SCENARIO,
             (const char *[]){"shards.csv", "no gang", NULL});
    draw_bad(folder, "utilization", svg, GW_ERROR_SCENARIO,
             (const char *[]){"/utilization.csv:2: the run did no work", NULL});
    remove_folder(folder);
}
END_TEST

START_TEST(broken_data_are_told_by_line)
{
    char *folder = make_folder();
    make_run(folder, &two_jobs);
    write_text(folder, "shards.csv", "gang,job\n1,large\n");
    draw_bad(folder, "timeline", svg, GW_ERROR_SCENARIO,
             (const char *[]){"shards.csv:1", "\"node\"", NULL});
    write_text(folder, "shards.csv",
               "gang,job,node,microbatch,first_device,device_count,start_ns,"
               "end_ns\n1,large,f,,0,4,5,oops\n");
    draw_bad(folder, "timeline", svg, GW_ERROR_SCENARIO,
             (const char *[]){"shards.csv:2", "end_ns", "oops", NULL});
    write_text(folder, "shards.csv",
               "gang,job,node,microbatch,first_device,device_count,start_ns,"
               "end_ns\n1,large,f,,0,4,5,4\n");
    draw_bad(folder, "timeline", svg, GW_ERROR_SCENARIO, (const char *[]){"gang 1 ends", NULL});
    static const char *const ranges[] = {"0,0", "4294967295,1", "4294967294,2"};
    for (uint32_t i = 0; i < G_N_ELEMENTS(ranges); i++) {
        g_autofree char *text =
            g_strdup_printf("gang,job,node,microbatch,first_device,device_count,"
                            "start_ns,end_ns\n7,large,f,,%s,5,6\n",
                            ranges[i]);
        write_text(folder, "shards.csv", text);
        draw_bad(folder, "timeline", svg, GW_ERROR_SCENARIO,
                 (const char *[]){"shards.csv", "gang 7 has no devices", NULL});
    }
    write_text(folder, "utilization.csv", "time_ns,all\n0,0\n");
    draw_bad(folder, "utilization", svg, GW_ERROR_SCENARIO,
             (const char *[]){"/utilization.csv:1: found no column", "job_NAME", NULL});
    write_text(folder, "utilization.csv", "time_ns,all,job_a\n0,0,0\n0,0,0\n");
    draw_bad(folder, "utilization", svg, GW_ERROR_SCENARIO,
             (const char *[]){"/utilization.csv:3: found a time that is not after", NULL});
    write_text(folder, "summary.json", "{\"jobs\": [1], \"islands\": []}");
    draw_bad(folder, "utilization", svg, GW_ERROR_SCENARIO,
             (const char *[]){"summary.json", "/jobs/0", NULL});
    remove_folder(folder);
}
END_TEST

START_TEST(an_absent_gnuplot_is_told_with_its_package)
{
    char *folder = make_folder();
    make_run(folder, &two_jobs);
    ck_assert(gw_figure_can_draw(NULL));
    g_setenv("PATH", "/nowhere", TRUE);
    draw_bad(folder, "timeline", svg, GW_ERROR_SYSTEM,
             (const char *[]){"gnuplot is not installed", "gnuplot-nox", NULL});
    g_autoptr(GError) error = NULL;
    ck_assert(!gw_figure_can_draw(&error));
    ck_assert(g_error_matches(error, GW_ERROR, GW_ERROR_SYSTEM));
    ck_assert_ptr_nonnull(strstr(error->message, "gnuplot-nox"));
    remove_folder(folder);
}
END_TEST

/* Of a subject that has its data as they are, too. */
START_TEST(data_that_a_script_misses_are_named)
{
    char *folder = make_folder();
    char *scripts = make_scripts("plot 'absent.csv', 'gone.csv'\n");
    draw_bad(folder, "mine", svg, GW_ERROR_SCENARIO,
             (const char *[]){folder, "mine.gp", "absent.csv", "line 1", NULL});
    remove_folder(scripts);
    remove_folder(folder);
}
END_TEST

/* Which are many: the command itself, where in it, and what else comes of it. */
START_TEST(gnuplot_s_own_words_are_one_line)
{
    char *folder = make_folder();
    char *scripts = make_scripts("plot sin(x) with nonsense\n");
    g_autoptr(GError) error = NULL;
    draw_bad(folder, "mine", svg, GW_ERROR_SYSTEM, (const char *[]){"mine.gp\" line 1: ", NULL});
    ck_assert(!gw_figure_draw(folder, "mine", svg, &error));
    ck_assert_ptr_null(strchr(error->message, '\n'));
    remove_folder(scripts);
    remove_folder(folder);
}
END_TEST

START_TEST(a_figure_that_is_not_whole_is_not_kept)
{
    char *folder = make_folder();
    char *scripts = make_scripts("set print output\nprint '<svg>'\n");
    draw_bad(folder, "mine", svg, GW_ERROR_SYSTEM,
             (const char *[]){"mine.svg", "incomplete", NULL});
    remove_folder(scripts);
    remove_folder(folder);
}
END_TEST

START_TEST(an_old_figure_stays_when_the_new_one_fails)
{
    char *folder = make_folder();
    g_autoptr(GError) error = NULL;
    char *scripts = make_scripts("plot 'absent.csv'\n");
    write_text(folder, "mine.svg", "old");
    ck_assert(!gw_figure_draw(folder, "mine", svg, &error));
    g_autofree char *files = list_files(folder);
    ck_assert_str_eq(files, "mine.svg");
    remove_folder(scripts);
    remove_folder(folder);
}
END_TEST

START_TEST(figures_of_an_earlier_run_are_taken_away)
{
    char *folder = make_folder();
    make_run(folder, &two_jobs);
    g_autofree char *before = list_files(folder);
    draw_good(folder, "timeline", all_formats);
    draw_good(folder, "utilization", all_formats);
    gw_figure_remove_run(folder);
    g_autofree char *after = list_files(folder);
    ck_assert_str_eq(after, before);
    gw_figure_remove_run(folder); /* Of nothing. */
    remove_folder(folder);
}
END_TEST

static TCase *make_good_cases(void)
{
    TCase *cases = tcase_create("good");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, all_formats_are_drawn);
    tcase_add_test(cases, jobs_units_and_axes_are_named);
    tcase_add_test(cases, drawn_twice_it_is_the_same);
    tcase_add_test(cases, boxes_are_shards_by_job);
    tcase_add_test(cases, boxes_do_not_overlap);
    tcase_add_test(cases, few_rows_have_outlines);
    tcase_add_test(cases, one_job_shows_kinds_and_microbatches);
    tcase_add_test(cases, layers_add_up);
    tcase_add_test(cases, many_jobs_share_the_last_colour);
    tcase_add_test(cases, long_names_keep_their_ends);
    tcase_add_test(cases, long_runs_show_their_first_stretch);
    tcase_add_test(cases, shards_may_be_reported_in_any_order);
    tcase_add_test(cases, shards_of_no_length_at_one_instant_are_drawn);
    tcase_add_test(cases, names_are_no_commands);
    tcase_add_test(cases, folders_may_have_any_name);
    tcase_add_test(cases, subjects_are_the_scripts);
    tcase_add_test(cases, scripts_may_be_one_s_own);
    tcase_add_test(cases, figures_of_an_earlier_run_are_taken_away);
    return cases;
}

static TCase *make_bad_cases(void)
{
    TCase *cases = tcase_create("bad");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, without_scripts_there_are_no_subjects);
    tcase_add_test(cases, unknown_subjects_get_a_suggestion);
    tcase_add_test(cases, unknown_formats_are_refused_before_drawing);
    tcase_add_test(cases, missing_data_are_named);
    tcase_add_test(cases, a_run_of_nothing_cannot_be_drawn);
    tcase_add_test(cases, broken_data_are_told_by_line);
    tcase_add_test(cases, an_absent_gnuplot_is_told_with_its_package);
    tcase_add_test(cases, data_that_a_script_misses_are_named);
    tcase_add_test(cases, gnuplot_s_own_words_are_one_line);
    tcase_add_test(cases, a_figure_that_is_not_whole_is_not_kept);
    tcase_add_test(cases, an_old_figure_stays_when_the_new_one_fails);
    return cases;
}

int main(void)
{
    Suite *suite = suite_create("figure");
    suite_add_tcase(suite, make_good_cases());
    suite_add_tcase(suite, make_bad_cases());
    return run_suite(suite);
}
