/* SPDX-License-Identifier: Apache-2.0 */
/* Running what is to be validated: in each round every case is executed, between two measurements
 * of what it has a device do, and then simulated by what was measured. */
#include "app/children.h"
#include "app/command.h"
#include "app/foreign_load.h"
#include "app/machine_file.h"
#include "app/progress_line.h"
#include "app/recording.h"
#include "app/run_list.h"
#include "app/validation.h"
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

typedef struct {
    gw_validation *validation;
    GArray *parts; /* part: of this round, in order. */
    guint round;
    bool is_again; /* Only cases that are to be executed again. */
    guint done_before, total;
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

void gw_validation_go_by(const gw_calibration_seen *seen, gw_scenario *scenario)
{
    gw_cluster_spec *cluster = &scenario->cluster;
    const double jitter = MIN(gw_calibration_seen_jitter(seen), GW_JITTER_MAX);
    for (uint32_t a = 0; a < cluster->accelerator_count; a++) {
        gw_measured *measured = cluster->accelerators[a].measured;
        for (guint i = 0; measured != NULL && i < seen->shapes->len; i++) {
            const gw_calibration_shape *shape =
                &g_array_index(seen->shapes, gw_calibration_shape, i);
            gw_measured_table_add(&measured->tables[shape->kind], &shape->shape);
        }
    }
    for (uint32_t i = 0; jitter > 0 && i < cluster->island_count; i++) {
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

static bool run_one(const batch *all, const gw_validation_case *at, bool is_real, GString *answer,
                    GError **error)
{
    g_autoptr(gw_scenario) scenario = gw_validation_load(all->validation, at, error);
    g_autoptr(gw_recording) recording =
        scenario == NULL
            ? NULL
            : gw_recording_new(scenario, is_real ? "cpu" : "sim", NULL, false, false, error);
    if (recording == NULL)
        return false;
    if (!is_real) {
        scenario->seed += all->round; /* What chance decides, it decides anew each time. */
        if (all->round < at->seen->len)
            gw_validation_go_by(at->seen->pdata[all->round], scenario);
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
    return run_one(all, at, one->kind == PART_EXECUTE, answer, error);
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
    gw_params *shapes = NULL;
    double took_ns = 0, apart_ns = 0;
    gw_check(root != NULL && gw_params_array(root, "shapes", true, &shapes, NULL) &&
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
    seen->took_ns += took_ns;
    seen->apart_ns += apart_ns;
}

static gw_calibration_seen *seen_of_round(gw_validation_case *at, guint round)
{
    while (at->seen->len <= round)
        g_ptr_array_add(at->seen, gw_calibration_seen_new());
    return (gw_calibration_seen *)at->seen->pdata[round];
}

static bool take_answer(void *context, guint index, gw_children_answer *answer, GError **error)
{
    const batch *all = (const batch *)context;
    const part *one = part_at(all, index);
    gw_validation_case *at = (gw_validation_case *)all->validation->cases->pdata[one->index];
    (void)error;
    if (answer->exit_code != 0) {
        if (at->failure != NULL)
            return true;
        at->exit_code = answer->exit_code;
        at->failure = g_strdup_printf("%s: %s", part_words[one->kind], answer->text);
        return true;
    }
    if (one->kind == PART_MEASURE)
        read_seen(answer->text, seen_of_round(at, all->round));
    else
        g_ptr_array_add(one->kind == PART_EXECUTE ? at->measured : at->predicted,
                        gw_phase_report_read(answer->text));
    return true;
}

static bool show_progress(void *context, guint done_count)
{
    batch *all = (batch *)context;
    gw_progress_line_update(&all->line, all->done_before + done_count, all->total, 0);
    return !gw_command_is_interrupted();
}

static void add_part(batch *all, part_kind kind, guint index)
{
    const part made = {kind, index};
    g_array_append_val(all->parts, made);
}

static bool takes_part(const batch *all, const gw_validation_case *at)
{
    return at->failure == NULL && (!all->is_again || at->is_again);
}

/* `kinds` (of which 0 ends them) of every case that takes part, one case after the other. */
static bool run_parts(batch *all, guint count_max, const part_kind *kinds, GError **error)
{
    const gw_children children = {
        .count_max = count_max,
        .context = all,
        .job = do_part,
        .answered = take_answer,
        .goes_on = show_progress,
    };
    g_array_set_size(all->parts, 0);
    for (guint c = 0; c < all->validation->cases->len; c++)
        for (guint k = 0; kinds[k] != 0; k++)
            if (takes_part(all, gw_validation_case_at(all->validation, c)))
                add_part(all, kinds[k], c);
    g_autoptr(GPtrArray) answers = gw_children_run(&children, all->parts->len, error);
    all->done_before += all->parts->len;
    return answers != NULL;
}

static bool measure_round(batch *all, guint round, GError **error)
{
    gw_validation *validation = all->validation;
    char *machine = validation->measure(validation->measure_context, round, error);
    return machine != NULL && gw_validation_set_machine(validation, machine, error);
}

/* By a machine that was given there is one prediction.  Who is executed again goes by the last
 * file. */
static bool run_round(batch *all, guint round, GError **error)
{
    static const part_kind measured[] = {PART_MEASURE, PART_EXECUTE, PART_MEASURE, 0};
    static const part_kind executed[] = {PART_EXECUTE, 0}, simulated[] = {PART_SIMULATE, 0};
    const bool is_measured = all->validation->measure != NULL;
    all->round = round;
    return (!is_measured || all->is_again || measure_round(all, round, error)) &&
           run_parts(all, 1, is_measured ? measured : executed, error) &&
           ((round > 0 && !is_measured) || run_parts(all, 0, simulated, error));
}

static guint count_parts(const gw_validation *validation, guint case_count, bool is_again)
{
    const guint rounds = validation->repeat_count;
    if (validation->measure != NULL)
        return 4 * case_count * rounds;
    return case_count * (rounds + !is_again);
}

static bool run_rounds(batch *all, GError **error)
{
    const guint rounds = all->validation->repeat_count;
    const guint first = all->is_again ? rounds : 0;
    bool is_done = true;
    for (guint r = first; is_done && r < first + rounds; r++)
        is_done = run_round(all, r, error);
    return is_done;
}

bool gw_validation_run(gw_validation *validation, GError **error)
{
    g_autoptr(GArray) parts = g_array_new(FALSE, FALSE, sizeof(part));
    batch all = {
        .validation = validation,
        .parts = parts,
        .total = count_parts(validation, validation->cases->len, false),
    };
    gw_progress_line_init(&all.line, validation->is_quiet);
    all.line.noun = "runs";
    bool is_done = run_rounds(&all, error);
    const guint again_count = is_done ? gw_validation_doubt(validation) : 0;
    if (again_count > 0) {
        all.is_again = true;
        all.total += count_parts(validation, again_count, true);
        is_done = run_rounds(&all, error);
    }
    gw_progress_line_clear(&all.line);
    return is_done;
}
