/* SPDX-License-Identifier: Apache-2.0 */
/* Running what is to be validated: in each round every case is executed, between two measurements
 * of what it has a device do, and then simulated by what was measured. */
#include <math.h>
#include <string.h>

#include "app/children.h"
#include "app/command.h"
#include "app/foreign_load.h"
#include "app/machine_file.h"
#include "app/progress_line.h"
#include "app/recording.h"
#include "app/run_list.h"
#include "app/validation_kept.h"
#include "base/check.h"
#include "base/error.h"
#include "real/real_run.h"
#include "record/json.h"
#include "world/world.h"

typedef enum {
    PART_MEASURE = 1, /* What it has a device do, by itself. */
    PART_EXECUTE,
    PART_SIMULATE,
} part_kind;

static const char *const part_words[] = {
    [PART_MEASURE] = "measured by itself",
    [PART_EXECUTE] = "executed",
    [PART_SIMULATE] = "simulated",
};

typedef struct {
    part_kind kind;
    guint index; /* Of the case. */
} part;

/* What is done, each at a speed of its own: by it time that is left is told. */
typedef enum {
    PACE_MACHINE, /* Of a round. */
    PACE_ALONE,   /* Parts, one after the other. */
    PACE_TOGETHER,
    PACE_COUNT,
} pace_kind;

typedef struct {
    guint left, done;
    gint64 took_us; /* Those that are done. */
} pace;

typedef struct {
    gw_validation *validation;
    GArray *parts;              /* part: of this round, in order. */
    gw_validation_round *round; /* That goes on. */
    pace paces[PACE_COUNT];
    pace_kind going_on;
    guint parts_each; /* Of those that go on, for each case. */
    gint64 began_us;  /* When those did. */
    gw_progress_line line;
} batch;

static const part *part_at(const batch *all, guint index)
{
    return &g_array_index(all->parts, part, index);
}

/* --- In a child --- */

static void write_seen(const gw_calibration_seen *seen, GString *text)
{
    gw_json json;
    gw_json_init(&json, text);
    gw_json_open_array(&json, "shapes");
    for (guint i = 0; i < seen->shapes->len; i++) {
        const gw_calibration_shape *at = &g_array_index(seen->shapes, gw_calibration_shape, i);
        const double numbers[] = {at->kind, at->shape.sizes[0], at->shape.sizes[1],
                                  at->shape.sizes[2], at->shape.ns};
        gw_json_reals(&json, NULL, numbers, G_N_ELEMENTS(numbers));
    }
    gw_json_close_array(&json);
    gw_json_real(&json, "took_ns", seen->took_ns);
    gw_json_real(&json, "apart_ns", seen->apart_ns);
    gw_json_reals(&json, "threads_ns", (const double *)(void *)seen->threads_ns->data,
                  seen->threads_ns->len);
    gw_json_finish(&json);
}

static bool measure_one(const batch *all, const gw_validation_case *at, GString *answer,
                        GError **error)
{
    const gw_probe_settings settings = {GW_MACHINE_QUICK_S, g_get_num_processors()};
    g_autoptr(gw_run_list) list = gw_run_list_new();
    gw_scenario *scenario = gw_validation_load(all->validation, at, error);
    if (scenario == NULL)
        return false;
    gw_run_list_take(list, scenario);
    if (!gw_run_list_check(list, &settings, error))
        return false;
    g_autoptr(gw_calibration_seen) seen =
        gw_calibration_see(&settings, gw_run_list_runs(list), 1, NULL, NULL);
    write_seen(seen, answer);
    return true;
}

static void set_slowness(gw_accelerator *accelerator, const GArray *slowness)
{
    g_free(accelerator->core_slowness);
    accelerator->core_slowness = g_memdup2(slowness->data, slowness->len * sizeof(double));
    accelerator->core_slowness_count = slowness->len;
}

void gw_validation_go_by(const gw_calibration_seen *seen, gw_scenario *scenario)
{
    gw_cluster_spec *cluster = &scenario->cluster;
    g_autoptr(GArray) slowness = gw_calibration_seen_slowness(seen);
    const double jitter = MIN(gw_calibration_seen_jitter(seen), GW_JITTER_MAX);
    for (uint32_t a = 0; a < cluster->accelerator_count; a++) {
        gw_measured *measured = cluster->accelerators[a].measured;
        for (guint i = 0; measured != NULL && i < seen->shapes->len; i++) {
            const gw_calibration_shape *shape =
                &g_array_index(seen->shapes, gw_calibration_shape, i);
            gw_measured_table_add(&measured->tables[shape->kind], &shape->shape);
        }
    }
    for (uint32_t a = 0; slowness->len > 0 && a < cluster->accelerator_count; a++)
        if (cluster->accelerators[a].shared_cores >= slowness->len)
            set_slowness(&cluster->accelerators[a], slowness);
    for (uint32_t i = 0; jitter >= 0 && i < cluster->island_count; i++) {
        gw_island_spec *island = &cluster->islands[i];
        if (island->jitter == cluster->accelerators[island->accelerator].jitter)
            island->jitter = jitter;
    }
}

static bool run_world(const gw_scenario *scenario, bool is_real, gw_recorder *recorder,
                      GError **error)
{
    if (is_real) {
        gw_real_report report;
        return gw_cpu_run(scenario, recorder, &report, error);
    }
    const gw_world_settings world = {.queue = GW_QUEUE_LADDER};
    gw_world_report report;
    return gw_world_run(scenario, &world, recorder, &report, error);
}

static bool run_one(const batch *all, const gw_validation_case *at, bool is_real,
                    const gw_calibration_seen *seen, GString *answer, GError **error)
{
    g_autoptr(gw_scenario) scenario = gw_validation_load(all->validation, at, error);
    g_autoptr(gw_recording) recording =
        scenario == NULL
            ? NULL
            : gw_recording_new(scenario, is_real ? "cpu" : "sim", NULL, false, false, error);
    if (recording == NULL)
        return false;
    if (!is_real) {
        scenario->seed += all->round->number; /* What chance decides, it decides anew each time. */
        if (seen != NULL)
            gw_validation_go_by(seen, scenario);
    }
    g_autoptr(gw_phases) phases = gw_phases_new(scenario);
    const gw_recorder_observer observer = gw_phases_observer(phases);
    gw_recorder_observe(gw_recording_recorder(recording), &observer);
    const gw_foreign_load before = gw_foreign_load_now();
    if (!run_world(scenario, is_real, gw_recording_recorder(recording), error))
        return false;
    g_autoptr(gw_phase_report) report = gw_phases_report(phases, all->validation->warm, error);
    if (report == NULL)
        return false;
    const gw_foreign_load after = gw_foreign_load_now();
    report->foreign = gw_foreign_load_between(&before, &after);
    g_autofree char *text = gw_phase_report_text(report);
    g_string_append(answer, text);
    return true;
}

static bool do_part(void *context, guint index, GString *answer, GError **error)
{
    const batch *all = (const batch *)context;
    const part *one = part_at(all, index);
    const gw_validation_case *at = gw_validation_case_at(all->validation, one->index);
    if (one->kind == PART_MEASURE)
        return measure_one(all, at, answer, error);
    return run_one(all, at, one->kind == PART_EXECUTE,
                   gw_validation_round_result(all->round, one->index)->seen, answer, error);
}

/* --- In this process --- */

static double number_at(gw_params *array, guint index)
{
    double number = 0;
    gw_check(gw_params_as_number(gw_params_at(array, index), &number, NULL));
    return number;
}

/* What was seen after beside what was seen before. */
static void read_seen(const char *text, gw_calibration_seen *seen)
{
    g_autoptr(gw_params) root = gw_params_parse(text, "a measurement's answer", NULL);
    g_autoptr(GArray) threads_ns = g_array_new(FALSE, FALSE, sizeof(double));
    gw_params *shapes = NULL, *threads = NULL;
    double took_ns = 0, apart_ns = 0;
    gw_check(root != NULL && gw_params_array(root, "shapes", true, &shapes, NULL) &&
             gw_params_array(root, "threads_ns", true, &threads, NULL) &&
             gw_params_number(root, "took_ns", true, 0, G_MAXDOUBLE, &took_ns, NULL) &&
             gw_params_number(root, "apart_ns", true, 0, G_MAXDOUBLE, &apart_ns, NULL));
    for (guint i = 0; i < gw_params_length(shapes); i++) {
        gw_params *row = gw_params_at(shapes, i);
        const gw_calibration_shape shape = {
            .kind = (uint32_t)number_at(row, 0),
            .shape = {{number_at(row, 1), number_at(row, 2), number_at(row, 3)}, number_at(row, 4)},
            .count = 1,
        };
        gw_calibration_seen_add(seen, &shape);
    }
    for (guint i = 0; i < gw_params_length(threads); i++) {
        const double thread_ns = number_at(threads, i);
        g_array_append_val(threads_ns, thread_ns);
    }
    gw_calibration_seen_add_threads(seen, threads_ns);
    seen->took_ns += took_ns;
    seen->apart_ns += apart_ns;
}

static bool take_answer(void *context, guint index, gw_children_answer *answer, GError **error)
{
    const batch *all = (const batch *)context;
    const part *one = part_at(all, index);
    const guint job_count = gw_validation_case_at(all->validation, one->index)->job_names->len;
    gw_validation_result *result = gw_validation_round_result(all->round, one->index);
    (void)error;
    if (answer->exit_code != 0) {
        if (result->failure != NULL)
            return true;
        result->exit_code = answer->exit_code;
        result->failure = g_strdup_printf("%s: %s", part_words[one->kind], answer->text);
        return true;
    }
    if (one->kind == PART_MEASURE) {
        if (result->seen == NULL)
            result->seen = gw_calibration_seen_new();
        read_seen(answer->text, result->seen);
    } else if (one->kind == PART_EXECUTE) {
        result->measured = gw_phase_report_parse(answer->text, job_count);
    } else {
        result->predicted = gw_phase_report_parse(answer->text, job_count);
    }
    return true;
}

/* --- How far it is --- */

/* What is left, of which `done_count` are done already of those that go on; NAN: of something that
 * takes long none is done yet. */
static double find_left_s(const batch *all, guint done_count, gint64 now_us)
{
    double left_us = 0;
    for (guint i = 0; i < PACE_COUNT; i++) {
        pace at = all->paces[i];
        if (i == all->going_on) {
            at.left -= done_count;
            at.done += done_count;
            at.took_us += now_us - all->began_us;
        }
        if (at.done > 0)
            left_us += (double)at.left * (double)at.took_us / at.done;
        else if (at.left > 0 && i != PACE_TOGETHER)
            return NAN;
    }
    return left_us / 1e6;
}

static void tell_progress(batch *all, guint done_count)
{
    static const char *const words[] = {"measuring this machine", "executed", "simulated"};
    const gw_validation *validation = all->validation;
    g_autoptr(GString) text = g_string_new(NULL);
    g_string_printf(text, "round %u/%u: %s", all->round->number + 1, validation->round_count,
                    words[all->going_on]);
    if (all->going_on != PACE_MACHINE)
        g_string_append_printf(text, " %u/%u cases", done_count / all->parts_each,
                               all->parts->len / all->parts_each);
    gw_progress_line_tell(&all->line, text->str,
                          find_left_s(all, done_count, g_get_monotonic_time()));
}

static bool show_progress(void *context, guint done_count)
{
    tell_progress((batch *)context, done_count);
    return !gw_command_is_interrupted();
}

static void begin_pace(batch *all, pace_kind kind, guint parts_each)
{
    all->going_on = kind;
    all->parts_each = parts_each;
    all->began_us = g_get_monotonic_time();
}

static void end_pace(batch *all, guint done_count)
{
    pace *at = &all->paces[all->going_on];
    at->left -= done_count;
    at->done += done_count;
    at->took_us += g_get_monotonic_time() - all->began_us;
}

/* As it stands before a round: a case that fails takes no part any more. */
static void plan_paces(batch *all)
{
    const gw_validation *validation = all->validation;
    const guint number = all->round->number;
    const guint rounds = validation->round_count - number;
    const bool is_measured = validation->measure != NULL;
    guint count = 0;
    for (guint c = 0; c < validation->cases->len; c++)
        count += gw_validation_takes_part(validation, c);
    all->paces[PACE_MACHINE].left = is_measured && number < validation->repeat_count ? rounds : 0;
    all->paces[PACE_ALONE].left = rounds * count * (is_measured ? 3 : 1);
    all->paces[PACE_TOGETHER].left = is_measured ? rounds * count : number == 0 ? count : 0;
}

/* --- Rounds --- */

static void add_part(batch *all, part_kind kind, guint index)
{
    const part made = {kind, index};
    g_array_append_val(all->parts, made);
}

static bool takes_part(const batch *all, guint index)
{
    return gw_validation_takes_part(all->validation, index) &&
           gw_validation_round_result(all->round, index)->failure == NULL;
}

/* `kinds` (of which 0 ends them) of every case that takes part, one case after the other. */
static bool run_parts(batch *all, pace_kind pace_of, const part_kind *kinds, GError **error)
{
    const gw_children children = {
        .count_max = pace_of == PACE_ALONE ? 1 : 0,
        .context = all,
        .job = do_part,
        .answered = take_answer,
        .goes_on = show_progress,
    };
    guint kind_count = 0;
    while (kinds[kind_count] != 0)
        kind_count++;
    g_array_set_size(all->parts, 0);
    for (guint c = 0; c < all->validation->cases->len; c++)
        for (guint k = 0; k < kind_count && takes_part(all, c); k++)
            add_part(all, kinds[k], c);
    begin_pace(all, pace_of, kind_count);
    g_autoptr(GPtrArray) answers = gw_children_run(&children, all->parts->len, error);
    end_pace(all, all->parts->len);
    return answers != NULL;
}

static bool measure_round(batch *all, GError **error)
{
    gw_validation *validation = all->validation;
    begin_pace(all, PACE_MACHINE, 1);
    all->line.shown_us = 0;
    tell_progress(all, 0);
    char *machine = validation->measure(validation->measure_context, all->round->number, error);
    end_pace(all, 1);
    return machine != NULL && gw_validation_set_machine(validation, machine, error);
}

/* By a machine that was given there is one prediction.  Who is executed again goes by the last
 * file. */
static bool do_round(batch *all, GError **error)
{
    static const part_kind measured[] = {PART_MEASURE, PART_EXECUTE, PART_MEASURE, 0};
    static const part_kind executed[] = {PART_EXECUTE, 0}, simulated[] = {PART_SIMULATE, 0};
    const gw_validation *validation = all->validation;
    const guint number = all->round->number;
    const bool is_measured = validation->measure != NULL;
    if (is_measured && number < validation->repeat_count && !measure_round(all, error))
        return false;
    if (is_measured)
        all->round->machine = g_strdup(validation->machine);
    return run_parts(all, PACE_ALONE, is_measured ? measured : executed, error) &&
           ((number > 0 && !is_measured) || run_parts(all, PACE_TOGETHER, simulated, error)) &&
           (validation->kept == NULL ||
            gw_validation_kept_save(validation->kept, all->round, error));
}

/* A round that was cut leaves no trace: nor is its machine the last one's. */
static bool do_new_round(batch *all, guint number, GError **error)
{
    gw_validation *validation = all->validation;
    g_autofree char *before = g_strdup(validation->machine);
    g_autoptr(gw_validation_round) round = gw_validation_round_new(number, validation->cases->len);
    all->round = round;
    plan_paces(all);
    const bool is_done = do_round(all, error);
    if (is_done)
        gw_validation_take(validation, round);
    else if (before != NULL && strcmp(before, validation->machine) != 0)
        gw_validation_set_machine(validation, g_steal_pointer(&before), NULL);
    all->round = NULL;
    return is_done;
}

static bool take_kept(gw_validation *validation, guint number, bool *out_is_kept, GError **error)
{
    g_autoptr(gw_validation_round) kept = NULL;
    if (validation->kept != NULL &&
        !gw_validation_kept_read(validation->kept, number, &kept, error))
        return false;
    *out_is_kept = kept != NULL;
    if (kept == NULL)
        return true;
    if (kept->machine != NULL &&
        !gw_validation_set_machine(validation, g_strdup(kept->machine), error))
        return false;
    gw_validation_take(validation, kept);
    validation->resumed_count++;
    return true;
}

static bool run_rounds(batch *all, GError **error)
{
    gw_validation *validation = all->validation;
    bool is_done = true;
    while (is_done && validation->rounds_done < validation->round_count) {
        const guint number = validation->rounds_done;
        bool is_kept = false;
        is_done = take_kept(validation, number, &is_kept, error) &&
                  (is_kept || do_new_round(all, number, error));
    }
    return is_done;
}

/* None was executed again. */
static void clear_doubts(gw_validation *validation)
{
    for (guint c = 0; c < validation->cases->len; c++)
        ((gw_validation_case *)validation->cases->pdata[c])->is_again = false;
}

bool gw_validation_run(gw_validation *validation, GError **error)
{
    g_autoptr(GArray) parts = g_array_new(FALSE, FALSE, sizeof(part));
    batch all = {.validation = validation, .parts = parts};
    gw_check(validation->rounds_done == 0);
    gw_progress_line_init(&all.line, validation->is_quiet);
    validation->round_count = validation->repeat_count;
    bool is_done = run_rounds(&all, error);
    if (is_done && gw_validation_doubt(validation) > 0) {
        validation->round_count *= 2;
        is_done = run_rounds(&all, error);
    }
    if (validation->rounds_done <= validation->repeat_count)
        clear_doubts(validation);
    gw_progress_line_clear(&all.line);
    return is_done;
}
